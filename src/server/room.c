/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "room.h"

#include <stdlib.h>

#include "feature_list.h"
#include "route.h"

/* --- words --- */

static const char *const roles[] = { "none", "visitor", "participant", "moderator" };
static const char *const affiliations[] = { "outcast", "none", "member", "admin", "owner" };

static bool read_word(const char *const *words, size_t count, struct ks_str name, unsigned *ret_at)
{
    for (*ret_at = 0; *ret_at < count; ++*ret_at)
        if (ks_str_is(name, words[*ret_at]))
            return true;
    return false;
}

const char *ks_role_name(enum ks_role role)
{
    return roles[role];
}

const char *ks_affiliation_name(enum ks_affiliation affiliation)
{
    return affiliations[affiliation];
}

bool ks_role_read(struct ks_str name, enum ks_role *ret_role)
{
    unsigned at;
    bool found = read_word(roles, KS_COUNT(roles), name, &at);

    if (found)
        *ret_role = (enum ks_role)at;
    return found;
}

bool ks_affiliation_read(struct ks_str name, enum ks_affiliation *ret_affiliation)
{
    unsigned at;
    bool found = read_word(affiliations, KS_COUNT(affiliations), name, &at);

    if (found)
        *ret_affiliation = (enum ks_affiliation)at;
    return found;
}

/* --- who belongs to it: a row is (version u8 | affiliation u8 | since u64 | nick) --- */

#define MEMBER_VERSION 1

static bool read_member(struct ks_str row, struct ks_room_member *ret_member)
{
    struct ks_cursor at = ks_cursor(row);
    uint8_t version, affiliation;
    uint64_t since;

    *ret_member = (struct ks_room_member) { .affiliation = KS_NO_AFFILIATION };
    if (ks_cursor_u8(&at, &version) != KS_OK || version != MEMBER_VERSION || ks_cursor_u8(&at, &affiliation) != KS_OK
        || affiliation > KS_OWNER || ks_cursor_u64(&at, &since) != KS_OK)
        return false;
    *ret_member = (struct ks_room_member) { (enum ks_affiliation)affiliation, (int64_t)since, at.left };
    return true;
}

void ks_room_member(const struct ks_user *room, struct ks_str bare, struct ks_room_member *ret_member)
{
    (void)read_member(ks_kv_get(room, KS_STORE_ROOM_MEMBER, bare), ret_member);
}

enum ks_affiliation ks_room_affiliation(const struct ks_user *room, struct ks_str bare)
{
    struct ks_room_member member;

    ks_room_member(room, bare, &member);
    return member.affiliation;
}

struct ks_str ks_room_member_write(struct ks_arena *arena, const struct ks_room_member *member)
{
    struct ks_str row = KS_STR_EMPTY;
    struct ks_buf buf;

    ks_buf_init(&buf, 2048);
    ks_buf_byte(&buf, MEMBER_VERSION);
    ks_buf_byte(&buf, (uint8_t)member->affiliation);
    ks_buf_u64(&buf, (uint64_t)member->since_ms);
    ks_buf_add(&buf, member->nick);
    if (ks_buf_err(&buf) != KS_OK || ks_arena_copy(arena, ks_buf_str(&buf), &row) != KS_OK)
        row = KS_STR_EMPTY;
    ks_buf_done(&buf);
    return row;
}

void ks_room_member_put(struct ks_ctx *ctx, struct ks_str bare, const struct ks_room_member *member)
{
    bool belonged = ks_room_affiliation(ctx->user, bare) >= KS_MEMBER, belongs = member->affiliation >= KS_MEMBER;
    struct ks_str row;

    if (belonged != belongs)
        ks_room_index(ctx, bare, belongs);
    if (member->affiliation == KS_NO_AFFILIATION && !member->nick.len) {
        ks_kv_del(ctx, KS_STORE_ROOM_MEMBER, bare);
        return;
    }
    row = ks_room_member_write(ctx->arena, member);
    if (row.len)
        ks_kv_put(ctx, KS_STORE_ROOM_MEMBER, bare, row);
    else
        ctx->arena->failed = true; /* nothing of it happens */
}

bool ks_room_is_stated(const struct ks_user *room)
{
    return ks_kv_count(room, KS_STORE_ROOM_STATEMENT) > 0;
}

bool ks_room_next_member(
    const struct ks_user *room, const struct ks_kv **at, struct ks_str *ret_bare, struct ks_room_member *ret_member)
{
    *at = ks_kv_next(room, KS_STORE_ROOM_MEMBER, *at);
    if (!*at)
        return false;
    *ret_bare = (*at)->key;
    (void)read_member((*at)->value, ret_member);
    return true;
}

bool ks_room_is_reserved(const struct ks_user *room, struct ks_str nick, struct ks_str bare)
{
    const struct ks_kv *at = NULL;
    struct ks_room_member member;
    struct ks_str whose;

    while (ks_room_next_member(room, &at, &whose, &member))
        if (ks_str_eq(member.nick, nick) && !ks_str_eq(whose, bare))
            return true;
    return false;
}

size_t ks_room_count(const struct ks_user *room, enum ks_affiliation affiliation)
{
    const struct ks_kv *at = NULL;
    struct ks_room_member member;
    struct ks_str bare;
    size_t count = 0;

    while (ks_room_next_member(room, &at, &bare, &member))
        count += member.affiliation == affiliation;
    return count;
}

bool ks_room_nick_ok(const struct ks_ctx *ctx, struct ks_str nick)
{
    size_t blanks = 0;

    while (blanks < nick.len && nick.ptr[blanks] == ' ') /* RFC 7622 §3.4 made all blanks this one */
        blanks++;
    return blanks < nick.len && nick.len <= (size_t)ks_domain_number(ctx->domain, "rooms.nick_bytes");
}

enum ks_cond ks_room_nick_read(struct ks_ctx *ctx, struct ks_str wish, struct ks_str bare, struct ks_str *ret_nick)
{
    struct ks_jid jid, room = ks_user_jid(ctx->user);
    const struct ks_occupant *occupant;
    struct ks_str text;

    room.resource = wish; /* a nick is a resource (RFC 7622 §3.4) */
    if (!wish.len || ks_jid_text(ctx->arena, room, &text) != KS_OK || ks_jid_parse(ctx->arena, text, &jid) != KS_OK
        || !ks_room_nick_ok(ctx, jid.resource))
        return KS_NOT_ACCEPTABLE;
    occupant = ks_room_nick(ctx->user->room, jid.resource);
    if (ks_room_is_reserved(ctx->user, jid.resource, bare) || (occupant && !ks_str_eq(occupant->bare, bare)))
        return KS_CONFLICT;
    *ret_nick = jid.resource;
    return KS_COND_COUNT;
}

/* --- who is in it --- */

struct ks_room *ks_room_of(struct ks_user *user)
{
    struct ks_room *room = user->room;

    if (room || !(room = calloc(1, sizeof *room)))
        return room;
    ks_list_init(&room->occupants);
    ks_list_init(&room->waiting);
    ks_map_init(&room->nicks, user->reactor->users.key);
    ks_map_init(&room->seats, user->reactor->users.key);
    user->room = room;
    return room;
}

bool ks_room_is_empty(const struct ks_room *room)
{
    return ks_list_empty(&room->occupants);
}

void ks_room_free(struct ks_room *room)
{
    if (!room)
        return;
    while (!ks_list_empty(&room->occupants)) {
        struct ks_occupant *occupant = KS_CONTAINER(room->occupants.next, struct ks_occupant, link);
        (void)ks_room_rise(room, KS_CONTAINER(occupant->seats.next, struct ks_seat, link));
    }
    ks_map_done(&room->nicks);
    ks_map_done(&room->seats);
    free(room);
}

struct ks_occupant *ks_room_nick(const struct ks_room *room, struct ks_str nick)
{
    return room ? ks_map_get(&room->nicks, nick) : NULL;
}

struct ks_seat *ks_room_seat(const struct ks_room *room, struct ks_str full)
{
    return room ? ks_map_get(&room->seats, full) : NULL;
}

struct ks_seat *ks_room_seat_of(struct ks_ctx *ctx, struct ks_jid full)
{
    struct ks_str text;

    return ctx->user->room && ks_jid_text(ctx->arena, full, &text) == KS_OK ? ks_room_seat(ctx->user->room, text)
                                                                            : NULL;
}

static void occupant_free(struct ks_room *room, struct ks_occupant *occupant)
{
    ks_occupant_changed(occupant);
    ks_bytes_unref(occupant->said);
    ks_list_leave(&occupant->link);
    (void)ks_map_remove(&room->nicks, occupant->nick);
    room->count--;
    free(occupant);
}

static struct ks_occupant *occupant_new(struct ks_room *room, struct ks_str nick, struct ks_str bare)
{
    struct ks_occupant *occupant = calloc(1, sizeof *occupant + nick.len + bare.len);

    if (!occupant)
        return NULL;
    char *text = (char *)(occupant + 1);
    occupant->nick = ks_str(memcpy(text, nick.ptr, nick.len), nick.len);
    occupant->bare = ks_str(memcpy(text + nick.len, bare.ptr, bare.len), bare.len);
    ks_list_init(&occupant->link);
    ks_list_init(&occupant->seats);
    if (ks_map_add(&room->nicks, occupant->nick, occupant) != KS_OK) {
        free(occupant);
        return NULL;
    }
    ks_list_append(&room->occupants, &occupant->link);
    room->count++;
    return occupant;
}

struct ks_seat *ks_room_sit(
    struct ks_room *room, struct ks_str nick, struct ks_str full, uint64_t session, uint16_t reactor)
{
    struct ks_occupant *occupant = ks_room_nick(room, nick);
    struct ks_seat *seat = calloc(1, sizeof *seat + full.len);

    if (seat && !occupant)
        occupant = occupant_new(room, nick, ks_str_head(full, ks_str_find_byte(full, '/')));
    if (!seat || !occupant)
        goto fail;
    seat->jid = ks_str(memcpy((char *)(seat + 1), full.ptr, full.len), full.len);
    seat->session = session;
    seat->reactor = reactor;
    seat->occupant = occupant;
    ks_list_init(&seat->link);
    if (ks_map_add(&room->seats, seat->jid, seat) != KS_OK)
        goto fail;
    ks_list_append(&occupant->seats, &seat->link);
    return seat;
fail:
    if (occupant && ks_list_empty(&occupant->seats))
        occupant_free(room, occupant);
    free(seat);
    return NULL;
}

bool ks_room_rise(struct ks_room *room, struct ks_seat *seat)
{
    struct ks_occupant *occupant = seat->occupant;

    (void)ks_map_remove(&room->seats, seat->jid);
    ks_list_leave(&seat->link);
    free(seat);
    if (!ks_list_empty(&occupant->seats))
        return false;
    occupant_free(room, occupant);
    return true;
}

/* The nick lies in the occupant's block, so she gets another block. */
bool ks_room_rename(struct ks_room *room, struct ks_occupant **occupant, struct ks_str nick)
{
    struct ks_occupant *from = *occupant, *to = occupant_new(room, nick, from->bare);

    if (!to)
        return false;
    to->role = from->role;
    to->said = from->said ? ks_bytes_ref(from->said) : NULL;
    while (!ks_list_empty(&from->seats)) {
        struct ks_seat *seat = KS_CONTAINER(from->seats.next, struct ks_seat, link);
        ks_list_leave(&seat->link);
        ks_list_append(&to->seats, &seat->link);
        seat->occupant = to;
    }
    occupant_free(room, from);
    *occupant = to;
    return true;
}

void ks_occupant_changed(struct ks_occupant *occupant)
{
    for (size_t i = 0; i < KS_COUNT(occupant->shown); i++) {
        ks_bytes_unref(occupant->shown[i]);
        occupant->shown[i] = NULL;
    }
}

static void deleted(struct ks_ctx *ctx)
{
    ks_user_reload(ctx->user);
}

void ks_room_delete(struct ks_ctx *ctx)
{
    struct ks_store_req *txn = ks_ctx_txn(ctx);
    const struct ks_kv *at = NULL;
    struct ks_room_member member;
    struct ks_str bare;

    while (ks_room_next_member(ctx->user, &at, &bare, &member))
        if (member.affiliation >= KS_MEMBER)
            ks_room_index(ctx, bare, false);
    if (txn)
        ks_store_txn_account_delete(txn, ks_user_jid(ctx->user).domain, ks_user_jid(ctx->user).local);
    ctx->committed = deleted;
}

/* --- what comes --- */

bool ks_room_is_there(struct ks_ctx *ctx)
{
    struct ks_room_config config;
    struct ks_str bare;

    if (ks_user_exists(ctx->user) && ctx->user->state == KS_USER_LOADED) {
        ks_room_config(ctx->user, &config);
        if (!config.locked
            || (ks_jid_text(ctx->arena, ks_jid_bare(ctx->parcel->stanza.from), &bare) == KS_OK
                && ks_room_affiliation(ctx->user, bare) == KS_OWNER))
            return true;
    }
    /* A room that was destroyed does not come again: its name is in archives and on lists of clients. */
    ks_reply_error(ctx, ks_user_row(ctx->user)->state == KS_ACCOUNT_DELETED ? KS_GONE : KS_ITEM_NOT_FOUND, NULL);
    return false;
}

/* XEP-0045 §17.4: to an occupant, by way of the room, so that addresses stay hidden. */
static void pass_iq(struct ks_ctx *ctx)
{
    const struct ks_stanza *iq = &ctx->parcel->stanza;
    struct ks_seat *seat = ks_room_seat_of(ctx, iq->from);
    struct ks_occupant *to = ks_room_nick(ctx->user->room, iq->to.resource);
    bool request = iq->type == KS_IQ_GET || iq->type == KS_IQ_SET;
    struct ks_xml *copy;

    if (!seat) {
        bool disco =
            request && (ks_str_is(iq->payload->ns, NS_DISCO_INFO) || ks_str_is(iq->payload->ns, NS_DISCO_ITEMS));
        ks_reply_error(ctx, disco ? KS_BAD_REQUEST : KS_NOT_ACCEPTABLE, NULL); /* §6.6; XEP-0410 §3.1 */
    } else if (!to) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
    } else if (to == seat->occupant && request && ks_xml_is(iq->payload, NS_PING, "ping")) {
        ks_reply_result(ctx, NULL); /* XEP-0410 §4 */
    } else if ((copy = ks_xml_copy_top(ctx->arena, iq->xml))) {
        ks_xml_unset(copy, "to");
        ks_xml_set(ctx->arena, copy, "from", ks_room_nick_jid(ctx, seat->occupant->nick));
        struct ks_piece piece = ks_room_piece(ctx, copy);
        /* Which of her sessions asked is not known from an answer; the others do not know its id. */
        for (KS_LIST_EACH(&to->seats, at)) {
            struct ks_seat *target = KS_CONTAINER(at, struct ks_seat, link);
            if (piece.tail.len)
                ks_room_give(ctx, target->session, target->reactor, &piece, 1);
            if (request)
                break;
        }
    }
}

static void iq_arrived(struct ks_ctx *ctx, struct ks_stanza *iq)
{
    if (!ks_jid_is_bare(iq->to))
        ctx->committed = pass_iq;
    else if ((iq->type == KS_IQ_GET || iq->type == KS_IQ_SET) && ks_room_is_there(ctx)
        && !ks_iq_handle(ctx, iq, KS_TO_ROOM))
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
}

void ks_room_arrived(struct ks_ctx *ctx, struct ks_stanza *stanza)
{
    switch (stanza->kind) {
    case KS_MESSAGE:
        ks_room_message_arrived(ctx, stanza);
        break;
    case KS_PRESENCE:
        ks_room_presence_arrived(ctx, stanza);
        break;
    case KS_IQ:
        iq_arrived(ctx, stanza);
        break;
    }
}
