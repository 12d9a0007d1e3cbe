/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* room_presence.c -- entering a room, leaving it, and what its occupants are told of each other (XEP-0045 §7). */
#include "room.h"
#include "route.h"
#include "session.h"
#include "xml_writer.h"

#define SAID_BYTES_MAX 65536

static struct ks_str nobody(void)
{
    return KS_STR_EMPTY;
}

/* --- what a presence says --- */

static bool is_said(const struct ks_xml *child)
{
    return !ks_xml_is_text(child) && !ks_str_is(child->ns, NS_MUC) && !ks_str_is(child->ns, NS_MUC_USER)
        && !ks_xml_is(child, NS_OCCUPANT_ID, "occupant-id") && !ks_xml_is(child, NS_DELAY, "delay");
}

static void set_said(struct ks_ctx *ctx, struct ks_occupant *occupant, const struct ks_xml *presence)
{
    struct ks_buf buf;

    ks_buf_init(&buf, SAID_BYTES_MAX);
    for (const struct ks_xml *at = presence->child; at; at = at->next)
        if (is_said(at))
            ks_buf_add(&buf, ks_reactor_write(ctx->reactor, at, KS_STR(NS_CLIENT)));
    ks_occupant_changed(occupant);
    ks_bytes_unref(occupant->said);
    /* Too much of it, or no memory: she is there, and says nothing. */
    occupant->said = buf.len && ks_buf_err(&buf) == KS_OK ? ks_bytes_new(ks_buf_str(&buf)) : NULL;
    ks_buf_done(&buf);
}

static struct ks_room_says says_of(struct ks_ctx *ctx, const struct ks_occupant *occupant)
{
    return (struct ks_room_says) {
        .role = occupant->role, .affiliation = ks_room_affiliation(ctx->user, occupant->bare), .reason = nobody()
    };
}

/* --- entering --- */

enum ks_role ks_room_role_of(const struct ks_room_config *config, enum ks_affiliation affiliation)
{
    if (affiliation >= KS_ADMIN)
        return KS_MODERATOR;
    return config->moderated && affiliation < KS_MEMBER ? KS_VISITOR : KS_PARTICIPANT; /* §5.1.1, table 3 */
}

/* §7.2.8, §7.6: somebody else has it, or it is somebody else's. */
static bool is_taken(struct ks_ctx *ctx, struct ks_str nick, struct ks_str bare)
{
    const struct ks_occupant *occupant = ks_room_nick(ctx->user->room, nick);

    return (occupant && !ks_str_eq(occupant->bare, bare)) || ks_room_is_reserved(ctx->user, nick, bare);
}

/* Whether an account may enter; answers with what the XEP names otherwise. */
static bool may_enter(struct ks_ctx *ctx, const struct ks_room_config *config, struct ks_str bare, struct ks_str nick,
    const struct ks_xml *muc)
{
    enum ks_affiliation affiliation = ks_room_affiliation(ctx->user, bare);
    const struct ks_room *room = ctx->user->room;
    struct ks_str password = ks_xml_text(ctx->arena, ks_xml_child(muc, NS_MUC, "password"));

    if (affiliation == KS_OUTCAST)
        ks_reply_error(ctx, KS_FORBIDDEN, NULL); /* §7.2.7 */
    else if (config->members_only && affiliation < KS_MEMBER)
        ks_reply_error(ctx, KS_REGISTRATION_REQUIRED, NULL); /* §7.2.6 */
    else if (config->locked && affiliation < KS_OWNER)
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL); /* §7.2.10 */
    else if (config->password.len && affiliation < KS_OWNER && !ks_str_eq(password, config->password))
        ks_reply_error(ctx, KS_NOT_AUTHORIZED, NULL); /* §7.2.5 */
    else if (!ks_room_nick_ok(ctx, nick))
        ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL);
    else if (is_taken(ctx, nick, bare))
        ks_reply_error(ctx, KS_CONFLICT, NULL); /* §7.2.8 */
    else if (room && !ks_room_nick(room, nick) && room->count >= config->occupants_max && affiliation < KS_ADMIN)
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL); /* §7.2.9; §5.2: "admins … MUST be able to enter" */
    else
        return true;
    return false;
}

/* §7.2.3: who is there, then herself with what she has to know of the room, as one write. */
static void tell_seat(struct ks_ctx *ctx, const struct ks_room_config *config, struct ks_seat *seat, bool made)
{
    const struct ks_room *room = ctx->user->room;
    struct ks_piece *pieces = ks_arena_alloc(ctx->arena, (room->count + 1) * sizeof *pieces);
    uint16_t statuses[8] = { 110 };
    struct ks_room_says says;
    size_t count = 0, status = 1;

    if (!pieces)
        return;
    for (KS_LIST_EACH(&room->occupants, at)) {
        struct ks_occupant *other = KS_CONTAINER(at, struct ks_occupant, link);
        if (other == seat->occupant)
            continue;
        says = says_of(ctx, other);
        pieces[count] = ks_room_presence(ctx, other, ks_room_sees_jids(config, seat), &says);
        count += pieces[count].tail.len > 0;
    }
    if (!config->anonymous)
        statuses[status++] = 100;
    if (config->archived)
        statuses[status++] = 170;
    if (made)
        statuses[status++] = 201;
    says = says_of(ctx, seat->occupant);
    says.statuses = statuses;
    pieces[count] = ks_room_presence(ctx, seat->occupant, true, &says);
    count += pieces[count].tail.len > 0;
    ks_room_give(ctx, seat->session, seat->reactor, pieces, count);
}

static void enter(struct ks_ctx *ctx, struct ks_str full, struct ks_str bare, bool made)
{
    const struct ks_stanza *presence = &ctx->parcel->stanza;
    const struct ks_xml *muc = ks_xml_child(presence->xml, NS_MUC, "x");
    struct ks_room *room = ks_room_of(ctx->user);
    struct ks_str nick = presence->to.resource;
    struct ks_room_config config;
    struct ks_room_says says;
    struct ks_seat *seat;
    bool is_new;

    ks_room_config(ctx->user, &config);
    if (!may_enter(ctx, &config, bare, nick, muc))
        return;
    is_new = !ks_room_nick(room, nick);
    seat = room ? ks_room_sit(room, nick, full, ctx->parcel->session, ks_home_of(ctx->reactor->server, bare)) : NULL;
    if (!seat) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    if (is_new)
        seat->occupant->role = ks_room_role_of(&config, ks_room_affiliation(ctx->user, bare));
    set_said(ctx, seat->occupant, presence->xml);
    tell_seat(ctx, &config, seat, made);
    says = says_of(ctx, seat->occupant);
    ks_room_show_others(ctx, seat->occupant, seat, &says);
    ks_room_give_history(ctx, seat, muc);
}

/* --- what she says later --- */

static void update(struct ks_ctx *ctx, struct ks_seat *seat)
{
    const struct ks_stanza *presence = &ctx->parcel->stanza;
    const struct ks_xml *muc = ks_xml_child(presence->xml, NS_MUC, "x");
    struct ks_room_config config;
    struct ks_room_says says;

    set_said(ctx, seat->occupant, presence->xml);
    says = says_of(ctx, seat->occupant);
    if (muc) { /* she thinks that she is not in it: she lost her memory, or we lost our word to her */
        ks_room_config(ctx->user, &config);
        seat->session = ctx->parcel->session;
        tell_seat(ctx, &config, seat, false);
        ks_room_show_others(ctx, seat->occupant, seat, &says);
        ks_room_give_history(ctx, seat, muc);
    } else {
        ks_room_show(ctx, seat->occupant, &says); /* §7.7 */
    }
}

/* §7.6 */
static void change_nick(struct ks_ctx *ctx, struct ks_seat *seat, struct ks_str nick)
{
    static const uint16_t statuses[] = { 303, 0 };
    struct ks_occupant *occupant = seat->occupant;
    struct ks_room_says says = says_of(ctx, occupant);

    if (!ks_room_nick_ok(ctx, nick)) {
        ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL);
    } else if (is_taken(ctx, nick, occupant->bare) || ks_room_nick(ctx->user->room, nick)) {
        ks_reply_error(ctx, KS_CONFLICT, NULL);
    } else {
        says.type = "unavailable";
        says.statuses = statuses;
        says.nick = nick;
        ks_room_show(ctx, occupant, &says);
        if (!ks_room_rename(ctx->user->room, &occupant, nick)) {
            ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
            return;
        }
        set_said(ctx, occupant, ctx->parcel->stanza.xml);
        says = says_of(ctx, occupant);
        ks_room_show(ctx, occupant, &says);
    }
}

/* --- leaving --- */

static void destroy_if_empty(struct ks_ctx *ctx)
{
    struct ks_room_config config;

    if (!ks_user_exists(ctx->user) || (ctx->user->room && !ks_room_is_empty(ctx->user->room)))
        return;
    ks_room_config(ctx->user, &config);
    if (!config.persistent || config.locked)
        ks_room_delete(ctx);
}

/* Her last word is out: the seat goes, and a room that is for the moment only goes with its last occupant (§10.1.2,
 * §3: "Temporary Room"). */
static void rise(struct ks_ctx *ctx, struct ks_seat *seat)
{
    struct ks_room_config config;

    (void)ks_room_rise(ctx->user->room, seat);
    if (!ks_room_is_empty(ctx->user->room))
        return;
    ks_room_config(ctx->user, &config);
    if (!config.persistent || config.locked)
        ks_call(ctx, ks_user_jid(ctx->user), destroy_if_empty, NULL, 0);
}

static void leave_seat(struct ks_ctx *ctx, struct ks_seat *seat, const uint16_t *statuses)
{
    struct ks_occupant *occupant = seat->occupant;
    struct ks_room_says says = says_of(ctx, occupant);
    struct ks_piece piece;

    says.type = "unavailable";
    says.role = KS_NO_ROLE;
    says.statuses = statuses;
    if (occupant->seats.next->next == &occupant->seats) {
        ks_room_show(ctx, occupant, &says); /* §7.14 */
    } else {                                /* she stays with another session: only this one is told */
        static const uint16_t self[] = { 110, 0 };
        says.statuses = self;
        piece = ks_room_presence(ctx, occupant, true, &says);
        ks_room_give(ctx, seat->session, seat->reactor, &piece, 1);
    }
    rise(ctx, seat);
}

void ks_room_ghost(struct ks_ctx *ctx, struct ks_seat *seat)
{
    static const uint16_t statuses[] = { 333, 0 };

    leave_seat(ctx, seat, statuses);
}

static void leave(struct ks_ctx *ctx)
{
    struct ks_seat *seat = ks_room_seat_of(ctx, ctx->parcel->stanza.from);

    if (!seat)
        return;
    set_said(ctx, seat->occupant, ctx->parcel->stanza.xml);
    leave_seat(ctx, seat, NULL);
}

void ks_room_remove(struct ks_ctx *ctx, struct ks_occupant *occupant, struct ks_room_says *says)
{
    size_t seats = 0;

    says->type = "unavailable";
    says->role = KS_NO_ROLE;
    ks_room_silence(ctx->user->room, occupant->bare);
    ks_bytes_unref(occupant->said);
    occupant->said = NULL;
    ks_room_show(ctx, occupant, says);
    for (KS_LIST_EACH(&occupant->seats, at))
        seats++;
    while (seats--)
        rise(ctx, KS_CONTAINER(occupant->seats.next, struct ks_seat, link));
}

/* --- making a room (§10.1) --- */

/* In a protected domain the name of a room is nobody's words: "r-" and base32 (doc/PROTOCOL.md §9.1), a UUID, or
 * hexadecimal. */
static bool says_nothing(struct ks_str local)
{
    const char *of = "0123456789abcdef-";
    struct ks_str rest = local;

    if (ks_str_starts(local, KS_STR("r-"))) {
        rest = ks_str_from(local, 2);
        of = "abcdefghijklmnopqrstuvwxyz234567";
        if (rest.len != 26)
            return false;
    } else if (local.len != 32 && local.len != 36) {
        return false;
    }
    for (size_t i = 0; i < rest.len; i++)
        if (!strchr(of, rest.ptr[i]))
            return false;
    return true;
}

static void come(struct ks_ctx *ctx);

static void come_made(struct ks_ctx *ctx)
{
    ctx->committed = come;
}

/* It is stored: its data is read, and its founder enters before all others. */
static void made(struct ks_ctx *ctx)
{
    struct ks_parcel *parcel = ks_parcel_ref(ctx->parcel);

    parcel->number = 201;
    parcel->run = come_made;
    ks_user_made(ctx->user, parcel);
}

static void make(struct ks_ctx *ctx)
{
    const struct ks_stanza *presence = &ctx->parcel->stanza;
    struct ks_room_member owner = { .affiliation = KS_OWNER, .since_ms = ctx->now.wall_ms };
    struct ks_room_config config;
    struct ks_store_req *txn;
    struct ks_str bare;

    if (ks_user_row(ctx->user)->state) {
        ks_reply_error(ctx, KS_GONE, NULL);
        return;
    }
    if (!ks_str_eq(presence->from.domain, ctx->domain->parent->name)
        || !ks_domain_number(ctx->domain, "rooms.create")) {
        ks_reply_error(ctx, KS_NOT_ALLOWED, NULL); /* §10.1.1 */
        return;
    }
    if (ctx->domain->protected && !says_nothing(presence->to.local)) {
        ks_reply_error(
            ctx, KS_POLICY_VIOLATION, KS_WIRE("wire.room-name", "In this domain a room's address is random."));
        return;
    }
    ks_room_config_init(ctx->domain, &config);
    /* §10.1.1: a client that says <x/> is asked to configure it; one that does not knows nothing of that. */
    config.locked = ks_xml_child(presence->xml, NS_MUC, "x") != NULL;
    txn = ks_ctx_txn(ctx);
    if (!txn || ks_jid_text(ctx->arena, ks_jid_bare(presence->from), &bare) != KS_OK) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    ks_store_txn_account_add(txn,
        &(struct ks_account_row) { .state = KS_ACCOUNT_ACTIVE,
            .domain = ks_user_jid(ctx->user).domain,
            .local = ks_user_jid(ctx->user).local,
            .created_ms = ctx->now.wall_ms });
    ks_store_txn_kv_put(
        txn, KS_ACCOUNT_NEW, KS_STR(KS_STORE_ROOM), KS_STR("config"), ks_room_config_write(ctx->arena, &config));
    ks_store_txn_kv_put(
        txn, KS_ACCOUNT_NEW, KS_STR(KS_STORE_ROOM_MEMBER), bare, ks_room_member_write(ctx->arena, &owner));
    ks_room_index(ctx, bare, true);
    ks_user_making(ctx->user);
    ctx->committed = made;
}

/* --- what comes --- */

/* §7.2.18: a client that believes to be in the room, and only says how it is, learns that it is not: let in without a
 * word it would never get what it missed. */
static void not_in_it(struct ks_ctx *ctx)
{
    static const uint16_t statuses[] = { 110, 307, 333 };
    const struct ks_stanza *presence = &ctx->parcel->stanza;
    struct ks_str from, to;
    struct ks_xml *kick, *x, *item;

    if (ks_jid_text(ctx->arena, presence->to, &from) != KS_OK || ks_jid_text(ctx->arena, presence->from, &to) != KS_OK)
        return;
    kick = ks_stanza_new(ctx->arena, "presence", "unavailable", KS_STR_EMPTY, from, to);
    x = ks_xml_add(ctx->arena, kick, NS_MUC_USER, "x");
    item = ks_xml_add(ctx->arena, x, NS_MUC_USER, "item");
    ks_xml_set(ctx->arena, item, "affiliation",
        ks_str_z(ks_affiliation_name(ks_room_affiliation(ctx->user, ks_str_head(to, ks_str_find_byte(to, '/'))))));
    ks_xml_set(ctx->arena, item, "role", KS_STR("none"));
    for (size_t i = 0; i < KS_COUNT(statuses); i++)
        ks_xml_set_u64(ctx->arena, ks_xml_add(ctx->arena, x, NS_MUC_USER, "status"), "code", statuses[i]);
    ks_send(ctx, kick);
}

static void come(struct ks_ctx *ctx)
{
    const struct ks_stanza *presence = &ctx->parcel->stanza;
    struct ks_str full, bare, nick = presence->to.resource;
    struct ks_seat *seat;

    if (ctx->user->state != KS_USER_LOADED) { /* it is read anew since this was queued */
        ks_user_wait(ctx->user, ks_parcel_ref(ctx->parcel));
        return;
    }
    if (!ks_room_is_there(ctx))
        return;
    if (ks_jid_text(ctx->arena, presence->from, &full) != KS_OK
        || ks_jid_text(ctx->arena, ks_jid_bare(presence->from), &bare) != KS_OK) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    seat = ks_room_seat(ctx->user->room, full);
    if (!seat && ctx->parcel->number != 201 && !ks_xml_child(presence->xml, NS_MUC, "x"))
        not_in_it(ctx);
    else if (!seat)
        enter(ctx, full, bare, ctx->parcel->number == 201);
    else if (ks_str_eq(seat->occupant->nick, nick))
        update(ctx, seat);
    else
        change_nick(ctx, seat, nick);
}

void ks_room_presence_arrived(struct ks_ctx *ctx, struct ks_stanza *presence)
{
    if (presence->type == KS_PRES_UNAVAILABLE)
        ctx->committed = leave;
    else if (presence->type != KS_TYPE_NONE)
        return; /* nobody subscribes to a room */
    else if (!presence->to.resource.len)
        ks_reply_error(ctx, KS_JID_MALFORMED, NULL); /* §7.2.1 */
    else if (!presence->from.resource.len)
        return;
    else if (ks_user_exists(ctx->user))
        ctx->committed = come;
    else
        make(ctx);
}

/* --- roles and affiliations (§8, §9, §10) --- */

void ks_room_set_role(
    struct ks_ctx *ctx, struct ks_occupant *occupant, enum ks_role role, struct ks_str actor, struct ks_str reason)
{
    static const uint16_t kicked[] = { 307, 0 };
    struct ks_room_says says = says_of(ctx, occupant);

    says.actor = actor;
    says.reason = reason;
    says.role = role;
    if (role == KS_NO_ROLE) {
        says.statuses = kicked; /* §8.2 */
        ks_room_remove(ctx, occupant, &says);
        return;
    }
    occupant->role = role;
    ks_occupant_changed(occupant);
    ks_room_show(ctx, occupant, &says);
}

void ks_room_affiliated(struct ks_ctx *ctx, struct ks_str bare, struct ks_str actor, struct ks_str reason)
{
    static const uint16_t banned[] = { 301, 0 }, removed[] = { 321, 0 };
    enum ks_affiliation affiliation = ks_room_affiliation(ctx->user, bare);
    struct ks_room *room = ctx->user->room;
    struct ks_room_config config;

    ks_room_config(ctx->user, &config);
    for (struct ks_list *at = room ? room->occupants.next : NULL, *next; at && at != &room->occupants; at = next) {
        struct ks_occupant *occupant = KS_CONTAINER(at, struct ks_occupant, link);
        struct ks_room_says says = says_of(ctx, occupant);
        next = at->next;
        if (!ks_str_eq(occupant->bare, bare))
            continue;
        says.actor = actor;
        says.reason = reason;
        if (affiliation == KS_OUTCAST || (config.members_only && affiliation < KS_MEMBER)) {
            says.statuses = affiliation == KS_OUTCAST ? banned : removed; /* §9.1, §9.4 */
            ks_room_remove(ctx, occupant, &says);
            continue;
        }
        /* §5.1.1: an owner or admin is a moderator; who is none any more is not. */
        if (affiliation >= KS_ADMIN || occupant->role == KS_MODERATOR || affiliation == KS_MEMBER)
            occupant->role = affiliation == KS_MEMBER && occupant->role == KS_PARTICIPANT
                ? KS_PARTICIPANT
                : ks_room_role_of(&config, affiliation);
        ks_occupant_changed(occupant);
        says.role = occupant->role;
        ks_room_show(ctx, occupant, &says);
    }
}

/* §10.2: in a room that is now for members only who is none goes; where all may know them, addresses are shown. */
void ks_room_reconfigured(struct ks_ctx *ctx, const struct ks_room_config *from, const struct ks_room_config *to)
{
    static const uint16_t closed[] = { 322, 0 };
    struct ks_room *room = ctx->user->room;

    for (struct ks_list *at = room->occupants.next, *next; at != &room->occupants; at = next) {
        struct ks_occupant *occupant = KS_CONTAINER(at, struct ks_occupant, link);
        struct ks_room_says says = says_of(ctx, occupant);
        next = at->next;
        if (to->members_only && !from->members_only && says.affiliation < KS_MEMBER) {
            says.statuses = closed;
            ks_room_remove(ctx, occupant, &says);
        } else if (to->moderated != from->moderated && says.affiliation < KS_MEMBER && occupant->role < KS_MODERATOR) {
            occupant->role = ks_room_role_of(to, says.affiliation);
            ks_occupant_changed(occupant);
            says.role = occupant->role;
            ks_room_show(ctx, occupant, &says);
        }
    }
}
