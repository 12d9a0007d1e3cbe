/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "invitations.h"

#include "command.h"
#include "engine.h"
#include "group.h"
#include "inbox.h"

#define KIND 'j'
#define VERSION 1
#define BYTES_MAX 16384

struct invitation {
    struct ks_str room, from, reason; /* from, reason: empty: not known, none */
    int64_t time_ms;
    bool by_room; /* then it can be told that one declines */
};

/* --- records --- */

static void key_of(struct ks_buf *key, struct ks_str room)
{
    ks_buf_init(key, BYTES_MAX);
    ks_buf_byte(key, KIND);
    ks_buf_add(key, room);
}

static enum ks_err put(struct konsil *k, const struct invitation *invitation)
{
    struct ks_buf key, record;
    enum ks_err err;

    key_of(&key, invitation->room);
    ks_buf_init(&record, BYTES_MAX);
    ks_buf_byte(&record, VERSION);
    ks_buf_field(&record, invitation->from);
    ks_buf_field(&record, invitation->reason);
    ks_buf_u64(&record, (uint64_t)invitation->time_ms);
    ks_buf_byte(&record, invitation->by_room);
    if ((err = ks_buf_err(&key)) == KS_OK && (err = ks_buf_err(&record)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_GROUP, ks_buf_str(&key), ks_buf_str(&record));
    ks_buf_done(&record);
    ks_buf_done(&key);
    return err;
}

static enum ks_err del(struct konsil *k, struct ks_str room)
{
    struct ks_buf key;
    enum ks_err err;

    key_of(&key, room);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->del(k->store, KS_T_GROUP, ks_buf_str(&key));
    ks_buf_done(&key);
    return err;
}

static enum ks_err decode(struct ks_str record, struct invitation *invitation)
{
    struct ks_cursor at = ks_cursor(record);
    uint8_t version, by_room;
    uint64_t time_ms;

    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_field(&at, &invitation->from) != KS_OK || ks_cursor_field(&at, &invitation->reason) != KS_OK
        || ks_cursor_u64(&at, &time_ms) != KS_OK || ks_cursor_u8(&at, &by_room) != KS_OK)
        return KS_ESTORE;
    invitation->time_ms = (int64_t)time_ms;
    invitation->by_room = by_room;
    return KS_OK;
}

struct all {
    struct ks_arena *arena;
    struct invitation items[KS_INVITATIONS_MAX];
    size_t count;
    enum ks_err err;
};

static bool take_one(void *user, struct ks_str key, struct ks_str value)
{
    struct all *all = user;
    struct invitation *item = &all->items[all->count];

    if ((all->err = ks_arena_copy(all->arena, ks_str_from(key, 1), &item->room)) == KS_OK
        && (all->err = ks_arena_copy(all->arena, value, &value)) == KS_OK)
        all->err = decode(value, item);
    return all->err == KS_OK && ++all->count < KS_INVITATIONS_MAX;
}

/* We are in it, whether by the invitation or not. */
static enum ks_err is_in(struct konsil *k, struct ks_str room, bool *ret_in)
{
    struct ks_group group;
    enum ks_err err = ks_group_get(k, room, &group);

    *ret_in = err == KS_OK && !(group.flags & (KS_GROUP_LEFT | KS_GROUP_REMOVED));
    return err == KS_ENOTFOUND ? KS_OK : err;
}

/* Those that are open; what nobody answered in time, or needs no answer any more, goes now. */
static enum ks_err load_all(struct konsil *k, struct all **ret_all)
{
    struct all *all = ks_arena_zero(&k->arena, sizeof(*all));
    char kind = KIND;
    size_t open = 0;
    enum ks_err err;

    if (!all)
        return KS_ENOMEM;
    all->arena = &k->arena;
    err = k->store->ops->scan(k->store, KS_T_GROUP, ks_str(&kind, 1), KS_STR_EMPTY, false, take_one, all);
    if (err != KS_OK || all->err != KS_OK)
        return err == KS_OK ? all->err : err;
    for (size_t i = 0; i < all->count; i++) {
        bool over;

        if ((err = is_in(k, all->items[i].room, &over)) != KS_OK)
            return err;
        over = over || all->items[i].time_ms + KS_INVITATION_KEEP_MS <= k->now.wall_ms;
        if (!over)
            all->items[open++] = all->items[i];
        else if ((err = del(k, all->items[i].room)) != KS_OK)
            return err;
    }
    all->count = open;
    *ret_all = all;
    return KS_OK;
}

static const struct invitation *find(const struct all *all, struct ks_str room)
{
    for (size_t i = 0; i < all->count; i++)
        if (ks_str_eq(all->items[i].room, room))
            return &all->items[i];
    return NULL;
}

/* --- telling --- */

static struct ks_js_invitation shown(const struct invitation *invitation)
{
    return (struct ks_js_invitation) { .room = invitation->room,
        .from = invitation->from.len > 0 ? invitation->from : KS_STR_EMPTY,
        .reason = invitation->reason.len > 0 ? invitation->reason : KS_STR_EMPTY,
        .time = invitation->time_ms };
}

static enum ks_err tell(struct konsil *k, const struct invitation *invitation, bool over)
{
    struct ks_js_invitation item = shown(invitation);
    struct ks_ev_invitation event = { .invitation = &item, .over = over };

    return ks_tell(k, KS_EV_INVITATION, &event);
}

/* --- what comes --- */

/* A bare address with a local part, or KS_ESYNTAX. */
static enum ks_err address(struct konsil *k, struct ks_str text, struct ks_str *ret_bare)
{
    struct ks_jid jid;
    enum ks_err err = ks_jid_parse(&k->arena, text, &jid);

    if (err == KS_ELIMIT || (err == KS_OK && (!ks_jid_is_bare(jid) || jid.local.len == 0)))
        err = KS_ESYNTAX;
    return err == KS_OK ? ks_jid_text(&k->arena, jid, ret_bare) : err;
}

/* A room of our own server, which stands under its domain, tells the truth about who is in it; of others we know
 * nothing. */
static bool is_vouched(const struct konsil *k, struct ks_str room)
{
    struct ks_str domain = ks_jid_split(room).domain, own = ks_str_z(k->domain);

    return domain.len > own.len + 1 && ks_str_ends(domain, own) && domain.ptr[domain.len - own.len - 1] == '.';
}

/* KS_ESYNTAX: it is no invitation, or none that names a room. */
static enum ks_err read_it(struct konsil *k, const struct ks_inbound *in, struct invitation *invitation)
{
    const struct ks_xml *direct = ks_xml_child(in->message, NS_CONFERENCE, "x");
    const struct ks_xml *by_room = ks_xml_child(ks_xml_child(in->message, NS_MUC_USER, "x"), NS_MUC_USER, "invite");
    enum ks_err err;

    *invitation = (struct invitation) { .time_ms = in->stamp_ms, .by_room = by_room };
    if (by_room) {
        invitation->reason = ks_xml_text(&k->arena, ks_xml_child(by_room, NS_MUC_USER, "reason"));
        if ((err = address(k, in->from, &invitation->room)) != KS_OK)
            return err;
        if (ks_str_eq(ks_jid_split(invitation->room).domain, ks_str_z(k->domain)))
            return KS_ESYNTAX; /* a person, who speaks as a room */
        if (!is_vouched(k, invitation->room))
            return KS_OK;
        err = address(k, ks_xml_attr(by_room, "from"), &invitation->from);
        return err == KS_ESYNTAX ? KS_OK : err; /* one that shows no addresses */
    }
    if (!direct)
        return KS_ESYNTAX;
    invitation->reason = ks_xml_attr(direct, "reason");
    invitation->from = in->from;
    return address(k, ks_xml_attr(direct, "jid"), &invitation->room);
}

/* Whose share of what is kept it takes. */
static struct ks_str sharer(const struct invitation *invitation)
{
    return invitation->from.len > 0 ? invitation->from : ks_jid_split(invitation->room).domain;
}

static bool is_too_many(const struct all *all, const struct invitation *invitation)
{
    size_t same = 0;

    for (size_t i = 0; i < all->count; i++)
        same += ks_str_eq(sharer(&all->items[i]), sharer(invitation));
    return all->count == KS_INVITATIONS_MAX || same >= KS_INVITATIONS_FROM_MAX;
}

enum ks_err ks_invitation_take(struct konsil *k, const struct ks_inbound *in)
{
    const struct invitation *known;
    struct invitation invitation;
    struct all *all;
    bool in_it;
    enum ks_err err;

    if (in->mine)
        return KS_OK;
    if ((err = read_it(k, in, &invitation)) != KS_OK)
        return err == KS_ESYNTAX ? KS_OK : err;
    if (invitation.time_ms > k->now.wall_ms)
        invitation.time_ms = k->now.wall_ms; /* a stamp may be anybody's; none keeps one for ever */
    if ((err = is_in(k, invitation.room, &in_it)) != KS_OK || in_it
        || invitation.time_ms + KS_INVITATION_KEEP_MS <= k->now.wall_ms)
        return err;
    if (invitation.reason.len > KS_INVITATION_REASON_MAX)
        invitation.reason = KS_STR_EMPTY;
    if ((err = load_all(k, &all)) != KS_OK)
        return err;
    known = find(all, invitation.room);
    if (known ? ks_str_eq(known->from, invitation.from) : is_too_many(all, &invitation))
        return KS_OK;
    return (err = put(k, &invitation)) == KS_OK ? tell(k, &invitation, false) : err;
}

enum ks_err ks_invitation_over(struct konsil *k, struct ks_str room)
{
    const struct invitation *known;
    struct all *all;
    enum ks_err err = load_all(k, &all);

    if (err != KS_OK || !(known = find(all, room)))
        return err;
    return (err = del(k, room)) == KS_OK ? tell(k, known, true) : err;
}

/* --- commands --- */

enum ks_err ks_invitations_list(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ev_invitations event = { .re = cmd->id };
    struct ks_js_invitation *items;
    struct all *all;
    enum ks_err err = load_all(k, &all);

    if (err != KS_OK)
        return err;
    if (!(items = ks_arena_zero(&k->arena, (all->count + 1) * sizeof(*items))))
        return KS_ENOMEM;
    for (size_t i = 0; i < all->count; i++)
        items[i] = shown(&all->items[i]);
    event.invitations = (struct ks_js_invitation_list) { items, all->count };
    return ks_tell(k, KS_EV_INVITATIONS, &event);
}

/* XEP-0045 §7.8.2: by the room, to whom the invitation is from; without a reason, which servers would read. */
static enum ks_err say_no(struct konsil *k, const struct invitation *invitation)
{
    struct ks_xml *message = ks_xml_new(&k->arena, NS_CLIENT, "message"), *decline;

    if (!ks_xml_set(&k->arena, message, "to", invitation->room))
        return KS_ENOMEM;
    decline = ks_xml_add(&k->arena, ks_xml_add(&k->arena, message, NS_MUC_USER, "x"), NS_MUC_USER, "decline");
    if (!ks_xml_set(&k->arena, decline, "to", invitation->from))
        return KS_ENOMEM;
    return ks_send_stanza(k, message, 0);
}

enum ks_err ks_invitation_decline(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct invitation *known;
    struct all *all;
    enum ks_err err = load_all(k, &all);

    if (err != KS_OK)
        return err;
    if (!(known = find(all, cmd->invitation_decline.room)))
        return ks_cmd_refuse(k, cmd, KS_CODE_ROOM_NOT_INVITED, KS_STR_EMPTY);
    if (known->by_room && known->from.len > 0 && !ks_online(k))
        return ks_cmd_refuse(k, cmd, KS_CODE_OFFLINE, KS_STR_EMPTY);
    if (known->by_room && known->from.len > 0 && (err = say_no(k, known)) != KS_OK)
        return err;
    return (err = ks_invitation_over(k, known->room)) == KS_OK ? ks_cmd_done(k, cmd) : err;
}

enum ks_err ks_invitation_send(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_room_invite *invite = &cmd->room_invite;
    struct ks_xml *message;
    struct ks_group group;
    struct ks_str id;
    enum ks_err err = ks_group_get(k, invite->room, &group);

    if (err == KS_ENOTFOUND || (err == KS_OK && group.flags & KS_GROUP_LEFT))
        return ks_cmd_refuse(k, cmd, KS_CODE_ROOM_NONE, KS_STR_EMPTY);
    if (err != KS_OK)
        return err;
    if (!(group.flags & KS_GROUP_FOREIGN))
        return ks_cmd_refuse(k, cmd, KS_CODE_ROOM_STATED, KS_STR_EMPTY);
    if (ks_str_eq(invite->to, ks_own(k)))
        return ks_cmd_refuse(k, cmd, KS_CODE_TO_SELF, KS_STR_EMPTY);
    if (!ks_online(k))
        return ks_cmd_refuse(k, cmd, KS_CODE_OFFLINE, KS_STR_EMPTY);
    message = ks_xml_new(&k->arena, NS_CLIENT, "message");
    ks_xml_set(&k->arena, message, "to", invite->to);
    if ((err = ks_new_id(k, &id)) != KS_OK)
        return err;
    ks_xml_set(&k->arena, message, "id", id);
    if (!ks_xml_set(&k->arena, ks_xml_add(&k->arena, message, NS_CONFERENCE, "x"), "jid", invite->room))
        return KS_ENOMEM;
    return (err = ks_send_stanza(k, message, 0)) == KS_OK ? ks_cmd_done_room(k, cmd, invite->room) : err;
}
