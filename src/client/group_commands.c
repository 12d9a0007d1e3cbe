/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_commands.c -- what people ask of rooms (commands.c answers). */
#include "group_commands.h"

#include "command.h"
#include "contacts.h"
#include "peers.h"

/* --- asking --- */

enum ks_err ks_group_rooms(struct konsil *k, struct ks_js_room_list *ret_rooms)
{
    struct ks_js_room *items;
    struct ks_str *rooms;
    size_t count;
    enum ks_err err = ks_group_all(k, &rooms, &count);

    if (err != KS_OK)
        return err;
    if (!(items = ks_arena_zero(&k->arena, (count + 1) * sizeof(*items))))
        return KS_ENOMEM;
    *ret_rooms = (struct ks_js_room_list) { items, 0 };
    for (size_t i = 0; i < count; i++) {
        struct ks_group group;

        if ((err = ks_group_get(k, rooms[i], &group)) != KS_OK)
            return err;
        if (group.newest.data.len == 0 && !(group.flags & KS_GROUP_FOREIGN))
            continue; /* on its way */
        if ((err = ks_group_event(k, &group, &items[ret_rooms->count++])) != KS_OK)
            return err;
    }
    return KS_OK;
}

static enum ks_err member_event(struct konsil *k, const struct ks_group_live *live, const struct ks_room_entry *entry,
    struct ks_js_member *ret_member)
{
    struct ks_contact contact;
    struct ks_peer peer;
    enum ks_err err = ks_contact_get(k, entry->jid, &contact);

    if (err != KS_OK || (err = ks_peer_load(k, entry->jid, &peer)) != KS_OK)
        return err;
    *ret_member = (struct ks_js_member) {
        .jid = entry->jid, .name = ks_contact_name(&contact), .owner = entry->owner, .devices = (int64_t)peer.count
    };
    if (live)
        ret_member->hats = ks_occupants_hats(&live->occupants, entry->jid);
    return KS_OK;
}

enum ks_err ks_group_members(
    struct konsil *k, struct ks_str room, const char **ret_code, struct ks_js_member_list *ret_members)
{
    struct ks_js_member *items;
    struct ks_group group;
    enum ks_err err = ks_group_get(k, room, &group);

    *ret_code = err == KS_ENOTFOUND || (err == KS_OK && group.newest.data.len == 0) ? KS_CODE_ROOM_NONE : NULL;
    if (err == KS_OK && group.flags & KS_GROUP_FOREIGN)
        *ret_code = KS_CODE_ROOM_FOREIGN;
    if (err != KS_OK || *ret_code)
        return *ret_code ? KS_OK : err;
    if (!(items = ks_arena_zero(&k->arena, group.newest.state.member_count * sizeof(*items))))
        return KS_ENOMEM;
    for (size_t i = 0; i < group.newest.state.member_count; i++)
        if ((err = member_event(k, ks_group_live(k, room), &group.newest.state.members[i], &items[i])) != KS_OK)
            return err;
    *ret_members = (struct ks_js_member_list) { items, group.newest.state.member_count };
    return KS_OK;
}

static struct ks_js_occupant occupant_event(const struct ks_occupant *occupant)
{
    return (struct ks_js_occupant) { .nick = occupant->nick,
        .jid = occupant->jid,
        .occupant = occupant->id,
        .role = occupant->role,
        .affiliation = occupant->affiliation,
        .hats = { occupant->hats, occupant->hat_count },
        .own = occupant->own };
}

enum ks_err ks_group_occupants_ask(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ev_room_occupants event = { .re = cmd->id, .room = cmd->room_occupants.room };
    struct ks_group_live *live = ks_group_live(k, event.room);
    struct ks_js_occupant *items;
    struct ks_group group;
    enum ks_err err = ks_group_get(k, event.room, &group);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? ks_cmd_refuse(k, cmd, KS_CODE_ROOM_NONE, KS_STR_EMPTY) : err;
    if (!(items = ks_arena_zero(&k->arena, ((live ? live->occupants.count : 0) + 1) * sizeof(*items))))
        return KS_ENOMEM;
    event.occupants.items = items;
    if (live) {
        live->occupants.stale = false;
        for (KS_LIST_EACH(&live->occupants.list, at))
            items[event.occupants.count++] = occupant_event(KS_CONTAINER(at, struct ks_occupant, link));
    }
    return ks_tell(k, KS_EV_ROOM_OCCUPANTS, &event);
}

/* --- changing --- */

static enum ks_err read_members(struct konsil *k, const struct ks_js_texts *texts, struct ks_group_change *change)
{
    struct ks_str *jids = ks_arena_alloc(&k->arena, (texts->count + 1) * sizeof(*jids));

    if (!jids)
        return KS_ENOMEM;
    for (size_t i = 0; i < texts->count; i++) {
        struct ks_jid jid;
        enum ks_err err = ks_jid_parse(&k->arena, texts->items[i], &jid);

        if (err == KS_OK && (!ks_jid_is_bare(jid) || jid.local.len == 0))
            err = KS_ESYNTAX;
        if (err != KS_OK || (err = ks_jid_text(&k->arena, jid, &jids[i])) != KS_OK)
            return err;
    }
    change->add = jids;
    change->add_count = texts->count;
    return KS_OK;
}

static enum ks_room_history history_of(enum ks_js_room_history history)
{
    return history == KS_JS_ROOM_HISTORY_ALL ? KS_ROOM_ALL : history == KS_JS_ROOM_HISTORY_JOIN ? KS_ROOM_JOIN : 0;
}

/* KS_ESYNTAX: a member that is no address. */
static enum ks_err read_change(
    struct konsil *k, const struct ks_cmd *cmd, struct ks_str *ret_room, struct ks_group_change *change)
{
    switch ((int)cmd->kind) {
    case KS_CMD_ROOM_CREATE:
        change->title = cmd->room_create.title;
        change->subject = cmd->room_create.subject;
        change->history = history_of(cmd->room_create.history);
        return read_members(k, &cmd->room_create.members, change);
    case KS_CMD_ROOM_ADD:
        *ret_room = cmd->room_add.room;
        return read_members(k, &cmd->room_add.members, change);
    case KS_CMD_ROOM_REMOVE:
        *ret_room = cmd->room_remove.room;
        change->remove = cmd->room_remove.member;
        return KS_OK;
    case KS_CMD_ROOM_OWNER:
        *ret_room = cmd->room_owner.room;
        *(cmd->room_owner.owner ? &change->owner : &change->no_owner) = cmd->room_owner.member;
        return KS_OK;
    case KS_CMD_ROOM_RENAME:
        *ret_room = cmd->room_rename.room;
        change->title = cmd->room_rename.title;
        change->subject = cmd->room_rename.subject;
        return KS_OK;
    case KS_CMD_ROOM_HISTORY:
        *ret_room = cmd->room_history.room;
        change->history = history_of(cmd->room_history.history);
        return KS_OK;
    default:
        assert(!"no command of rooms");
        return KS_ESYNTAX;
    }
}

enum ks_err ks_group_command(struct konsil *k, const struct ks_cmd *cmd, struct ks_str answer, const char **ret_code)
{
    struct ks_group_change change = { .history = 0 };
    struct ks_str room = KS_STR_EMPTY;
    enum ks_err err = read_change(k, cmd, &room, &change);

    if (err == KS_ESYNTAX || err == KS_ELIMIT) {
        *ret_code = KS_CODE_COMMAND_MEMBER_WRONG;
        return KS_OK;
    }
    if (err != KS_OK)
        return err;
    return cmd->kind == KS_CMD_ROOM_CREATE ? ks_group_found(k, &change, answer, ret_code)
                                           : ks_group_change(k, room, &change, answer, ret_code);
}
