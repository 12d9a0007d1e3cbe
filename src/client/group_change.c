/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_change.c -- what an owner states anew, and what everybody is told of it (doc/PROTOCOL.md §9).
 *
 * A new statement is kept as pending before it leaves, with its look, so that it comes to its end whatever happens on
 * the way: when the room's chain shows it, here or after a crash, it is accepted, and only then it is announced. The
 * server takes it only upon the version that it was made for. */
#include "engine.h"
#include "group.h"
#include "group_look.h"
#include "xml_writer.h"

#define HEADS_MAX 48 /* what an envelope may hold of elements beside the others */

/* --- making --- */

/* What we sign anew is what is proven: of a statement that is not, or of a fork, only what both sides agree about. Else
 * our signature would make members, or owners, of whom a server invented. */
static enum ks_err copy_members(
    struct konsil *k, const struct ks_group *group, size_t more, struct ks_room_state *state)
{
    size_t count = group ? group->newest.state.member_count : 0; /* none: it is founded */

    if (!(state->members = ks_arena_zero(&k->arena, (count + more + 1) * sizeof(*state->members))))
        return KS_ENOMEM;
    state->member_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct ks_room_entry *entry = &state->members[state->member_count];

        if (!ks_group_recipient(group, group->newest.state.members[i].jid))
            continue;
        *entry = group->newest.state.members[i];
        entry->owner = ks_group_owns_by_all(group, entry->jid);
        state->member_count++;
    }
    return KS_OK;
}

static struct ks_room_entry *find(struct ks_room_state *state, struct ks_str jid)
{
    for (size_t i = 0; i < state->member_count; i++)
        if (ks_str_eq(state->members[i].jid, jid))
            return &state->members[i];
    return NULL;
}

static const char *set_owner(struct ks_room_state *state, struct ks_str jid, bool owner)
{
    struct ks_room_entry *entry = jid.len > 0 ? find(state, jid) : NULL;

    if (jid.len > 0 && !entry)
        return KS_CODE_ROOM_NO_MEMBER;
    if (entry)
        entry->owner = owner;
    return NULL;
}

/* NULL, or why not. */
static const char *apply(struct ks_room_state *state, const struct ks_group_change *change)
{
    const char *code;

    for (size_t i = 0; i < change->add_count; i++)
        if (!find(state, change->add[i]))
            state->members[state->member_count++] = (struct ks_room_entry) { .jid = change->add[i] };
    if (change->remove.len > 0) {
        struct ks_room_entry *entry = find(state, change->remove);

        if (!entry)
            return KS_CODE_ROOM_NO_MEMBER;
        *entry = state->members[--state->member_count];
    }
    if ((code = set_owner(state, change->owner, true)) || (code = set_owner(state, change->no_owner, false)))
        return code;
    if (change->history)
        state->history = change->history;
    ks_room_state_sort(state);
    if (state->member_count > KS_ROOM_MEMBERS_MAX || ks_room_state_owners(state) > KS_ROOM_OWNERS_MAX)
        return KS_CODE_ROOM_TOO_MANY;
    return ks_room_state_owners(state) == 0 ? KS_CODE_ROOM_LAST_OWNER : NULL;
}

static enum ks_err make_look(
    struct konsil *k, const struct ks_group *group, const struct ks_group_change *change, struct ks_str *ret_look)
{
    struct ks_look look = { .avatar = KS_STR_EMPTY };
    enum ks_err err;

    if (!change->title.ptr && !change->subject.ptr && !change->avatar.ptr && group->look.len > 0) {
        *ret_look = group->look;
        return KS_OK;
    }
    if (group->look.len > 0 && (err = ks_look_read(&k->arena, group->look, &look)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_ESTORE;
    if (change->title.ptr)
        look.title = change->title;
    if (change->subject.ptr)
        look.subject = change->subject;
    if (change->avatar.ptr)
        look.avatar = change->avatar;
    ks_prng_bytes(&k->prng, look.salt, sizeof(look.salt));
    return ks_look_write(&k->arena, &look, ret_look);
}

/* Signs state, whose look and members are set, as the group's pending one. */
static enum ks_err sign(struct konsil *k, struct ks_group *group, const struct ks_room_state *state)
{
    struct ks_room_signed *pending = &group->pending;
    uint8_t *signature = ks_arena_alloc(&k->arena, KS_P256_SIGNATURE_LEN);
    struct ks_buf data;
    enum ks_err err;

    if (!signature)
        return KS_ENOMEM;
    ks_buf_init(&data, 2 * KS_ROOM_DATA_MAX);
    ks_room_state_write(state, &data);
    if ((err = ks_buf_err(&data)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&data), &pending->data);
    ks_buf_done(&data);
    if (err != KS_OK)
        return err;
    ks_device_sign(k, pending->data, signature);
    pending->signature = ks_str(signature, KS_P256_SIGNATURE_LEN);
    pending->signer = ks_own(k);
    pending->device = ks_omemo_device(k->omemo);
    ks_room_state_hash(pending->data, pending->hash);
    return ks_room_state_read(&k->arena, pending->data, &pending->state);
}

/* --- the server's answer --- */

/* Answers the command: text is what ks_command_answer takes, then LF and the room. */
static enum ks_err on_stated(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_str room = iq->text, command;
    struct ks_group_live *live;
    struct ks_group group;
    enum ks_err err;

    if (!ks_str_cut(&room, '\n', &command) || (err = ks_group_get(k, room, &group)) == KS_ENOTFOUND)
        return KS_OK;
    if (err != KS_OK)
        return err;
    if (!answer) /* it may have been taken: what is pending is looked after when we are back */
        return ks_command_answer(k, command, room, answer);
    if (ks_iq_ok(answer)) {
        if ((err = ks_group_confirmed(k, &group)) != KS_OK
            || (err = ks_command_answer(k, command, room, answer)) != KS_OK)
            return err;
        live = ks_group_live(k, room);
        return live ? ks_group_sync(k, live) : KS_OK;
    }
    if (group.newest.data.len == 0)
        return ks_group_unfounded(k, room, command, answer);
    group.pending = (struct ks_room_signed) { .device = 0 };
    group.pending_look = KS_STR_EMPTY;
    err = ks_group_put(k, &group);
    if (err == KS_OK && (live = ks_group_live(k, room)))
        err = ks_group_sync(k, live); /* perhaps somebody was faster */
    return err == KS_OK ? ks_command_answer(k, command, room, answer) : err;
}

enum ks_err ks_group_unfounded(
    struct konsil *k, struct ks_str room, struct ks_str command, const struct ks_stanza *answer)
{
    struct ks_group_live *live = ks_group_live(k, room);
    enum ks_err err = ks_group_forget(k, room);

    if (err != KS_OK || (live && (err = ks_group_exit(k, live)) != KS_OK))
        return err;
    return ks_command_answer(k, command, room, answer);
}

static enum ks_err state_it(struct konsil *k, const struct ks_group *group, struct ks_str command)
{
    struct ks_xml *statement = ks_room_signed_write(&k->arena, &group->pending);
    struct ks_str text;
    enum ks_err err = ks_arena_join(&k->arena, (struct ks_str[]) { command, KS_STR("\n"), group->room }, 3, &text);

    if (err != KS_OK)
        return err;
    return statement ? ks_iq_send(k, "set", group->room, statement, on_stated, text, 0) : KS_ENOMEM;
}

enum ks_err ks_group_push(struct konsil *k, struct ks_group *group, struct ks_str command)
{
    enum ks_err err = group->pending.data.len > 0 ? state_it(k, group, command) : KS_OK;

    return err == KS_EAGAIN ? KS_OK : err;
}

/* --- founding and changing --- */

static enum ks_err pend(
    struct konsil *k, struct ks_group *group, struct ks_room_state *state, struct ks_str command, const char **ret_code)
{
    enum ks_err err;

    if ((err = sign(k, group, state)) != KS_OK) {
        *ret_code = err == KS_ELIMIT ? KS_CODE_ROOM_TOO_MANY : NULL;
        return err == KS_ELIMIT ? KS_OK : err;
    }
    if ((err = state_it(k, group, command)) == KS_EAGAIN) {
        *ret_code = KS_CODE_OFFLINE;
        return KS_OK;
    }
    return err == KS_OK ? ks_group_put(k, group) : err;
}

enum ks_err ks_group_found(
    struct konsil *k, const struct ks_group_change *change, struct ks_str answer, const char **ret_code)
{
    struct ks_room_state state = { .history = KS_ROOM_JOIN, .keep = KS_ROOM_90D, .t = (uint64_t)k->now.wall_ms / 1000 };
    struct ks_group group = { .flags = 0 };
    struct ks_group_live *live;
    enum ks_err err;

    *ret_code = ks_online(k) ? NULL : KS_CODE_OFFLINE;
    if (*ret_code)
        return KS_OK;
    if (!k->groups.service.jid)
        return ks_group_service_wait(k, change, answer, ret_code);
    if ((err = copy_members(k, NULL, change->add_count + 1, &state)) != KS_OK)
        return err;
    state.members[0] = (struct ks_room_entry) { .jid = ks_own(k), .owner = true };
    state.member_count = 1;
    if ((*ret_code = apply(&state, change)))
        return KS_OK;
    if ((err = make_look(k, &group, change, &group.pending_look)) != KS_OK)
        return err;
    ks_look_hash(group.pending_look, state.look);
    if ((err = ks_room_state_found(&k->arena, &state, ks_str_z(k->groups.service.jid))) != KS_OK)
        return err;
    group.room = state.room;
    if ((err = sign(k, &group, &state)) != KS_OK) {
        *ret_code = err == KS_ELIMIT ? KS_CODE_ROOM_TOO_MANY : NULL;
        return err == KS_ELIMIT ? KS_OK : err;
    }
    /* Its server makes it when somebody enters (XEP-0045 §10.1), and opens it when it is stated. */
    if ((err = ks_group_put(k, &group)) != KS_OK || (err = ks_group_use(k, group.room, &live)) != KS_OK)
        return err;
    if (!(live->command = ks_str_dup(answer)))
        return KS_ENOMEM;
    return ks_group_enter(k, group.room);
}

static const char *may_change(struct konsil *k, const struct ks_group *group)
{
    if (!ks_online(k))
        return KS_CODE_OFFLINE;
    if (group->pending.data.len > 0 || group->flags & KS_GROUP_HELD)
        return KS_CODE_ROOM_BUSY;
    return ks_group_owns(group, ks_own(k)) ? NULL : KS_CODE_ROOM_NOT_OWNER;
}

/* What an owner states upon: a doubt that only an envelope brought is not in the room's chain, and whoever enclosed it
 * decides nothing by it. Until the new statement is accepted it restricts as before. */
static struct ks_group as_chained(const struct ks_group *group)
{
    struct ks_group chained = *group;

    chained.chained = true;
    if (!(group->flags & KS_GROUP_SERVED)) {
        chained.doubt = (struct ks_room_signed) { .device = 0 };
        chained.flags &= ~(unsigned)KS_GROUP_HELD;
    }
    return chained;
}

static void find_known(const struct ks_group *chained, struct ks_room_known *ret_known)
{
    ks_group_known(chained, ret_known);
    if (chained->doubt.data.len > 0) {
        *ret_known = (struct ks_room_known) { .newest = &chained->doubt.state };
        memcpy(ret_known->newest_hash, chained->doubt.hash, KS_ROOM_HASH_LEN);
    }
}

enum ks_err ks_group_change(struct konsil *k, struct ks_str room, const struct ks_group_change *change,
    struct ks_str answer, const char **ret_code)
{
    struct ks_room_known known;
    struct ks_room_state state;
    struct ks_group group, chained;
    enum ks_err err = ks_group_get(k, room, &group);

    chained = as_chained(&group);
    *ret_code = err == KS_ENOTFOUND ? KS_CODE_ROOM_NONE : err == KS_OK ? may_change(k, &chained) : NULL;
    if (*ret_code || err != KS_OK)
        return *ret_code ? KS_OK : err;
    find_known(&chained, &known);
    state = group.newest.state;
    ks_room_follow(&known, &state);
    state.t = (uint64_t)k->now.wall_ms / 1000;
    if ((err = copy_members(k, &chained, change->add_count, &state)) != KS_OK)
        return err;
    if ((*ret_code = apply(&state, change)))
        return KS_OK;
    if ((err = make_look(k, &group, change, &group.pending_look)) != KS_OK)
        return err;
    ks_look_hash(group.pending_look, state.look);
    return pend(k, &group, &state, answer, ret_code);
}

/* --- leaving and destroying --- */

static enum ks_err say_leave(struct konsil *k, struct ks_str room)
{
    struct ks_content content = { .says = KS_SAYS_ROOM, .room = room, .room_leave = true };
    struct ks_str id;

    return ks_outbox_add(k, room, &content, &id);
}

enum ks_err ks_group_leave(struct konsil *k, struct ks_str room, const char **ret_code)
{
    struct ks_group_change change = { .remove = ks_own(k) };
    struct ks_group group;
    enum ks_err err = ks_group_get(k, room, &group);

    *ret_code = err == KS_ENOTFOUND ? KS_CODE_ROOM_NONE : NULL;
    if (err != KS_OK)
        return *ret_code ? KS_OK : err;
    if (group.flags & (KS_GROUP_LEFT | KS_GROUP_REMOVED))
        return KS_OK;
    if (group.flags & KS_GROUP_FOREIGN)
        return ks_group_leave_foreign(k, &group);
    /* An owner states it himself, and another device of ours need not; a member asks the owners. */
    if (ks_group_owns(&group, ks_own(k)))
        return ks_group_change(k, room, &change, KS_STR_EMPTY, ret_code);
    if ((err = say_leave(k, room)) != KS_OK)
        return err;
    group.flags |= KS_GROUP_LEFT;
    if ((err = ks_group_put(k, &group)) != KS_OK || (err = ks_group_keep(k, &group)) != KS_OK)
        return err;
    return ks_group_tell(k, &group);
}

enum ks_err ks_group_let_go(struct konsil *k, struct ks_group *group, struct ks_str jid)
{
    struct ks_group_change change = { .remove = jid };
    const char *code;
    enum ks_err err;

    if (ks_str_eq(jid, ks_own(k))) {
        group->flags |= KS_GROUP_LEFT; /* on another device of ours */
        if ((err = ks_group_put(k, group)) != KS_OK || (err = ks_group_keep(k, group)) != KS_OK)
            return err;
        return ks_group_tell(k, group);
    }
    if (!ks_group_owns(group, ks_own(k)) || !ks_group_recipient(group, jid))
        return KS_OK;
    return ks_group_change(k, group->room, &change, KS_STR_EMPTY, &code);
}

static enum ks_err on_destroyed(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_str room = iq->text, command;

    return ks_str_cut(&room, '\n', &command) ? ks_command_answer(k, command, room, answer) : KS_OK;
}

enum ks_err ks_group_destroy(struct konsil *k, struct ks_str room, struct ks_str answer, const char **ret_code)
{
    struct ks_xml *query = ks_xml_new(&k->arena, NS_MUC_OWNER, "query");
    struct ks_group group;
    struct ks_str text;
    enum ks_err err = ks_group_get(k, room, &group);

    *ret_code = err == KS_ENOTFOUND ? KS_CODE_ROOM_NONE : err == KS_OK ? may_change(k, &group) : NULL;
    if (*ret_code || err != KS_OK)
        return *ret_code ? KS_OK : err;
    if (!ks_xml_add(&k->arena, query, NS_MUC_OWNER, "destroy"))
        return KS_ENOMEM;
    if ((err = ks_arena_join(&k->arena, (struct ks_str[]) { answer, KS_STR("\n"), room }, 3, &text)) != KS_OK)
        return err;
    err = ks_iq_send(k, "set", room, query, on_destroyed, text, 0);
    *ret_code = err == KS_EAGAIN ? KS_CODE_OFFLINE : NULL;
    return err == KS_EAGAIN ? KS_OK : err;
}

/* --- telling --- */

struct heads {
    struct konsil *k;
    struct ks_content *content;
    enum ks_err err;
};

static bool add_head(void *user, const struct ks_chain *chain)
{
    struct heads *heads = user;
    struct ks_ack_range *head = &heads->content->ranges[heads->content->range_count];
    struct ks_number number;
    enum ks_err err;

    if (chain->top == 0)
        return true;
    err = ks_number_get(heads->k, chain, chain->top, &number);
    if (err != KS_OK) {
        heads->err = err == KS_ENOTFOUND ? KS_OK : err;
        return heads->err == KS_OK;
    }
    *head =
        (struct ks_ack_range) { .device = chain->device, .epoch = chain->epoch, .from = chain->top, .to = chain->top };
    memcpy(head->hash, number.hash, sizeof(head->hash));
    heads->err = ks_arena_copy(&heads->k->arena, chain->author, &head->jid);
    return heads->err == KS_OK && ++heads->content->range_count < HEADS_MAX;
}

/* What an envelope says of the newest state; the statement itself only if it fits. */
static enum ks_err fill(struct konsil *k, const struct ks_group *group, bool heads, struct ks_content *content)
{
    struct heads all = { .k = k, .content = content };
    enum ks_err err;

    *content = (struct ks_content) {
        .says = KS_SAYS_ROOM, .room = group->room, .room_v = group->newest.state.v, .room_look = group->look
    };
    memcpy(content->room_hash, group->newest.hash, KS_ROOM_HASH_LEN);
    if (group->newest.data.len <= KS_GROUP_ENCLOSED_MAX
        && group->newest.data.len + group->look.len <= KS_GROUP_FILLED_MAX
        && !(content->room_statement = ks_room_signed_write(&k->arena, &group->newest)))
        return KS_ENOMEM;
    if (!heads)
        return KS_OK;
    if (!(content->ranges = ks_arena_zero(&k->arena, HEADS_MAX * sizeof(*content->ranges))))
        return KS_ENOMEM;
    err = ks_chain_visit(k, group->room, add_head, &all);
    return err == KS_OK ? all.err : err;
}

enum ks_err ks_group_hand(struct konsil *k, const struct ks_group *group, struct ks_str to, bool heads)
{
    struct ks_content content;
    struct ks_str id;
    enum ks_err err = fill(k, group, heads, &content);

    return err == KS_OK ? ks_outbox_add(k, to, &content, &id) : err;
}

enum ks_err ks_group_may_hear(struct konsil *k, const struct ks_content *content, struct ks_str jid, bool *ret_may)
{
    struct ks_group group;
    enum ks_err err;

    *ret_may = ks_str_eq(jid, ks_own(k)) || (content->room_look.len == 0 && content->range_count == 0);
    if (*ret_may)
        return KS_OK;
    err = ks_group_get(k, content->room, &group);
    *ret_may = err == KS_OK && ks_group_recipient(&group, jid);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

enum ks_err ks_groups_show_sibling(struct konsil *k)
{
    struct ks_str *rooms;
    size_t count;
    enum ks_err err = ks_group_all(k, &rooms, &count);

    for (size_t i = 0; err == KS_OK && i < count; i++) {
        struct ks_group group;

        if ((err = ks_group_get(k, rooms[i], &group)) == KS_OK && group.look.len > 0
            && !(group.flags & (KS_GROUP_LEFT | KS_GROUP_REMOVED)))
            err = ks_group_hand(k, &group, ks_own(k), false);
    }
    return err;
}

/* Who was removed sees it stated, and nothing of how the room is called now. */
static enum ks_err tell_removed(struct konsil *k, const struct ks_group *group, struct ks_str jid)
{
    struct ks_content content;
    struct ks_str id;
    enum ks_err err = fill(k, group, false, &content);

    content.room_look = KS_STR_EMPTY;
    return err == KS_OK ? ks_outbox_add(k, jid, &content, &id) : err;
}

enum ks_err ks_group_announce(struct konsil *k, const struct ks_group *group, const struct ks_room_state *old)
{
    const struct ks_room_state *now = &group->newest.state;
    enum ks_err err;

    /* First as it is: the outbox asks who is in the room. */
    if ((err = ks_group_put(k, group)) != KS_OK)
        return err;
    for (size_t i = 0; i < now->member_count; i++) {
        struct ks_str jid = now->members[i].jid;

        if (!ks_str_eq(jid, ks_own(k)) && !(old && ks_room_state_member(old, jid))
            && (err = ks_group_hand(k, group, jid, true)) != KS_OK)
            return err;
    }
    for (size_t i = 0; old && i < old->member_count; i++) {
        struct ks_str jid = old->members[i].jid;

        if (!ks_str_eq(jid, ks_own(k)) && !ks_room_state_member(now, jid)
            && (err = tell_removed(k, group, jid)) != KS_OK)
            return err;
    }
    if (!old || now->member_count < 2 || !ks_room_state_member(now, ks_own(k)))
        return KS_OK;
    return ks_group_hand(k, group, group->room, false);
}
