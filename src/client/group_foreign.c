/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_foreign.c -- rooms without statements: of other programs, or on other servers (doc/PROTOCOL.md §9.5; XEP-0045).
 *
 * Who is in them only their server says, and that is no proof: so nothing is encrypted to anybody there, and nothing
 * written. What others encrypted to us is read, and is of the account whose keys open it; a person is told what kind of
 * room it is. One is entered when she asks for it, or keeps it on another program, and only if it is there: entering
 * would make it. */
#include "command.h"
#include "engine.h"
#include "group.h"
#include "invitations.h"
#include "kept_rooms.h"

/* One whose name may be made of a foundation is asked for its statements first (group_sync.c): nobody can show us
 * others under it. Whether we belong to it they say; how it is called another device of ours (ks_groups_show_sibling).
 */
static enum ks_err take(struct konsil *k, struct ks_str room)
{
    struct ks_group group;
    bool place = true;
    enum ks_err err = ks_group_get(k, room, &group);

    if (err == KS_ENOTFOUND)
        err = ks_group_may_add(k, room, &place);
    if (err != KS_OK || !place || group.newest.data.len > 0)
        return err;
    if (group.flags & KS_GROUP_INVITED)
        return ks_group_enter(k, room); /* what was promised is checked all the same */
    group.flags = ks_group_may_state(room) ? 0 : KS_GROUP_FOREIGN;
    if ((err = ks_invitation_over(k, room)) != KS_OK || (err = ks_group_put(k, &group)) != KS_OK
        || (err = ks_group_keep(k, &group)) != KS_OK)
        return err;
    if (group.flags && (err = ks_group_tell(k, &group)) != KS_OK)
        return err;
    return ks_group_enter(k, room);
}

bool ks_group_has(const struct ks_stanza *answer, const char *feature)
{
    const struct ks_xml *query = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_DISCO_INFO, "query") : NULL;

    for (const struct ks_xml *c = ks_xml_child(query, NS_DISCO_INFO, "feature"); c;
         c = ks_xml_next(c, NS_DISCO_INFO, "feature"))
        if (ks_str_is(ks_xml_attr(c, "var"), feature))
            return true;
    return false;
}

bool ks_group_is_there(const struct ks_stanza *answer)
{
    return ks_group_has(answer, NS_MUC);
}

/* *ret_is: there is such a room. */
static enum ks_err look(struct konsil *k, struct ks_str room, const struct ks_stanza *answer, bool *ret_is)
{
    *ret_is = ks_group_is_there(answer);
    return *ret_is ? take(k, room) : KS_OK;
}

static enum ks_err on_kept(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_bookmark bookmark;
    bool is;
    enum ks_err err = ks_bookmark_get(k, iq->text, &bookmark);

    if (err != KS_OK || !bookmark.autojoin) /* it was left meanwhile */
        return err == KS_ENOTFOUND ? KS_OK : err;
    return look(k, iq->text, answer, &is);
}

static enum ks_err ask(struct konsil *k, struct ks_str room, ks_iq_done_fn *done, struct ks_str text)
{
    return ks_iq_send(k, "get", room, ks_xml_new(&k->arena, NS_DISCO_INFO, "query"), done, text, 0);
}

static bool is_left(const struct ks_group *group)
{
    return group->flags & KS_GROUP_FOREIGN && group->flags & KS_GROUP_LEFT;
}

enum ks_err ks_group_kept(struct konsil *k, struct ks_str room)
{
    struct ks_group group;
    enum ks_err err = ks_group_get(k, room, &group);

    if (err == KS_ENOTFOUND || (err == KS_OK && is_left(&group)))
        err = ask(k, room, on_kept, room);
    return err == KS_EAGAIN ? KS_OK : err;
}

static enum ks_err go(struct konsil *k, struct ks_group *group)
{
    struct ks_group_live *live = ks_group_live(k, group->room);
    enum ks_err err;

    group->flags |= KS_GROUP_LEFT;
    if ((err = ks_group_put(k, group)) != KS_OK || (live && (err = ks_group_exit(k, live)) != KS_OK))
        return err;
    return ks_group_tell(k, group);
}

enum ks_err ks_group_kept_no_more(struct konsil *k, struct ks_str room)
{
    struct ks_group group;
    enum ks_err err = ks_group_get(k, room, &group);

    if (err != KS_OK || !(group.flags & KS_GROUP_FOREIGN) || is_left(&group))
        return err == KS_ENOTFOUND ? KS_OK : err;
    return go(k, &group);
}

/* Its server has no statements of it. If it lies we write nothing there. */
enum ks_err ks_group_found_foreign(struct konsil *k, struct ks_group *group)
{
    enum ks_err err;

    if (group->newest.data.len > 0 || group->pending.data.len > 0
        || group->flags & (KS_GROUP_FOREIGN | KS_GROUP_INVITED))
        return KS_OK;
    group->flags |= KS_GROUP_FOREIGN;
    if ((err = ks_group_put(k, group)) != KS_OK || (err = ks_group_keep(k, group)) != KS_OK)
        return err;
    return ks_group_tell(k, group);
}

/* text: the command, LF, the room. */
static enum ks_err on_joined(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_str room = iq->text, command;
    bool is;
    enum ks_err err;

    if (!ks_str_cut(&room, '\n', &command))
        return KS_OK;
    if ((err = look(k, room, answer, &is)) != KS_OK)
        return err;
    return ks_iq_ok(answer) && !is ? ks_command_refused(k, command, KS_CODE_ROOM_NONE, KS_STR_EMPTY)
                                   : ks_command_answer(k, command, room, answer);
}

enum ks_err ks_group_join(struct konsil *k, struct ks_str room, struct ks_str answer, const char **ret_code)
{
    struct ks_str text;
    struct ks_group group;
    enum ks_err err = ks_group_get(k, room, &group);

    *ret_code = NULL;
    if (err != KS_ENOTFOUND && (err != KS_OK || group.newest.data.len > 0)) {
        *ret_code = err == KS_OK ? KS_CODE_ROOM_NOT_MEMBER : NULL; /* one with statements: owners add members */
        return err;
    }
    if ((err = ks_arena_join(&k->arena, (struct ks_str[]) { answer, KS_STR("\n"), room }, 3, &text)) != KS_OK)
        return err;
    err = ask(k, room, on_joined, text);
    *ret_code = err == KS_EAGAIN ? KS_CODE_OFFLINE : NULL;
    return err == KS_EAGAIN ? KS_OK : err;
}

enum ks_err ks_group_leave_foreign(struct konsil *k, struct ks_group *group)
{
    enum ks_err err;

    group->flags |= KS_GROUP_LEFT;
    return (err = ks_group_keep(k, group)) == KS_OK ? go(k, group) : err;
}
