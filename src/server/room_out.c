/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* room_out.c -- what leaves a room: one parcel for each reactor with sessions in it. */
#include "crypto.h"
#include "enc.h"
#include "feature_list.h"
#include "omemo_trim.h"
#include "room.h"
#include "session.h"
#include "xml_writer.h"

/* --- at the sessions' reactor --- */

struct delivery {
    struct ks_piece *pieces;
    struct ks_omemo_trim *trims; /* of each piece */
    size_t pieces_count;
    uint64_t *sessions;
    size_t sessions_count;
    struct ks_str room; /* bare */
};

static void ghosts_run(struct ks_ctx *ctx)
{
    const struct delivery *gone = ctx->parcel->user;
    struct ks_room *room = ctx->user->room;

    for (size_t i = 0; room && i < gone->sessions_count; i++) {
        struct ks_seat *found = NULL, *seat;
        for (size_t at = 0; (seat = ks_map_next(&room->seats, &at));)
            if (seat->session == gone->sessions[i])
                found = seat;
        if (found)
            ks_room_ghost(ctx, found);
    }
}

/* Back to the room: these sessions are not there any more. */
static void report(struct ks_ctx *ctx, const struct delivery *delivery, const uint64_t *sessions, size_t count)
{
    struct ks_parcel *parcel = ks_parcel_child(ctx->parcel, KS_PARCEL_BYTES_MAX);
    struct delivery *gone = parcel ? KS_NEW(&parcel->arena, struct delivery) : NULL;

    if (!gone || !(gone->sessions = ks_arena_alloc(&parcel->arena, count * sizeof *sessions))
        || ks_arena_copy(&parcel->arena, delivery->room, &parcel->home) != KS_OK) {
        ks_parcel_unref(ctx->reactor, parcel);
        return; /* the next message finds them, too */
    }
    memcpy(gone->sessions, sessions, count * sizeof *sessions);
    gone->sessions_count = count;
    parcel->user = gone;
    parcel->run = ghosts_run;
    parcel->refused = ks_parcel_ignore;
    ks_ctx_post(ctx, parcel);
}

static bool is_marked(char c)
{
    return c == '\'' || c == '"' || c == '&' || c == '<' || c == '>';
}

/* A full JID as it stands in an attribute: mostly as it is. */
static struct ks_str escaped(struct ks_buf *buf, struct ks_str jid)
{
    bool plain = true;

    for (size_t i = 0; i < jid.len; i++)
        plain = plain && !is_marked(jid.ptr[i]);
    if (plain)
        return jid;
    ks_buf_reset(buf);
    ks_xml_escape(buf, jid);
    return ks_buf_err(buf) == KS_OK ? ks_buf_str(buf) : KS_STR_EMPTY;
}

/* A piece as one session gets it. */
static void deliver_piece(struct ks_session *s, struct ks_str to, const struct delivery *delivery, size_t at)
{
    const struct ks_piece *piece = &delivery->pieces[at];
    struct ks_str parts[5 + KS_OMEMO_TRIM_PARTS_MAX] = { KS_STR("<"), ks_str_z(piece->name), KS_STR(" to='"), to,
        KS_STR("'") };
    size_t count = 5;
    struct ks_bytes *bytes;

    if (delivery->trims[at].headers_count)
        count += ks_omemo_trim_parts(
            &delivery->trims[at], s->user->bare, ks_omemo_trim_devices(&delivery->trims[at], s->user), parts + count);
    else
        parts[count++] = piece->tail;
    bytes = ks_bytes_join(parts, count);
    if (bytes)
        ks_session_deliver_room(s, piece->stanza, bytes);
    ks_bytes_unref(bytes);
}

static bool wakes(const struct ks_user *user)
{
    for (size_t i = 0; ks_features[i]; i++)
        if (ks_features[i]->room_wakes && ks_features[i]->room_wakes(user))
            return true;
    return false;
}

/* A session is no proof that somebody is there: its client may be gone and wait to be resumed, or be another device
 * than the one that sleeps. */
static void call_devices(struct ks_ctx *ctx, const struct delivery *delivery, const struct ks_session *s)
{
    for (size_t i = 0; i < delivery->pieces_count; i++)
        if (delivery->pieces[i].author.len && !ks_str_eq(delivery->pieces[i].author, s->user->bare) && wakes(s->user))
            ks_room_call(ctx, s->user->bare, &delivery->pieces[i]);
}

static void deliver_run(struct ks_ctx *ctx)
{
    struct delivery *delivery = ctx->parcel->user;
    size_t gone = 0;
    struct ks_buf buf;

    ks_buf_init(&buf, 8 * KS_JID_MAX);
    for (size_t i = 0; i < delivery->sessions_count; i++) {
        uint64_t id = delivery->sessions[i];
        struct ks_session *s = ks_map_get(&ctx->reactor->sessions, ks_str(&id, sizeof id));
        struct ks_str to = s && !s->ending ? escaped(&buf, s->jid) : KS_STR_EMPTY;
        if (!s || s->ending)
            delivery->sessions[gone++] = id;
        for (size_t at = 0; to.len && at < delivery->pieces_count; at++)
            deliver_piece(s, to, delivery, at);
        if (to.len)
            call_devices(ctx, delivery, s);
    }
    ks_buf_done(&buf);
    if (gone)
        report(ctx, delivery, delivery->sessions, gone);
}

/* --- at the room's home --- */

/* Everything in it is a copy, but what a tree has below its children. */
static struct ks_parcel *delivery_new(
    struct ks_ctx *ctx, const struct ks_piece *pieces, size_t count, size_t sessions_max)
{
    struct ks_parcel *parcel = ks_parcel_child(ctx->parcel, 4 * KS_PARCEL_BYTES_MAX);
    struct delivery *delivery = parcel ? KS_NEW(&parcel->arena, struct delivery) : NULL;

    if (!delivery)
        goto fail;
    delivery->pieces = ks_arena_alloc(&parcel->arena, count * sizeof *pieces);
    delivery->trims = ks_arena_zero(&parcel->arena, count * sizeof *delivery->trims);
    delivery->sessions = ks_arena_alloc(&parcel->arena, sessions_max * sizeof(uint64_t));
    if (!delivery->pieces || !delivery->trims || !delivery->sessions
        || ks_arena_copy(&parcel->arena, ks_user_bare(ctx->user), &delivery->room) != KS_OK)
        goto fail;
    delivery->pieces_count = count;
    for (size_t i = 0; i < count; i++) {
        struct ks_piece *piece = &delivery->pieces[i];
        *piece = pieces[i];
        piece->stanza = ks_xml_copy_top(&parcel->arena, pieces[i].stanza);
        if (!piece->stanza || ks_arena_copy(&parcel->arena, pieces[i].tail, &piece->tail) != KS_OK
            || ks_arena_copy(&parcel->arena, pieces[i].author, &piece->author) != KS_OK)
            goto fail;
        if (*piece->name == 'm')
            ks_omemo_trim_read(&parcel->arena, piece->tail, &delivery->trims[i]);
    }
    parcel->user = delivery;
    parcel->run = deliver_run;
    parcel->refused = ks_parcel_ignore;
    return parcel;
fail:
    ks_parcel_unref(ctx->reactor, parcel);
    ks_log(ctx->reactor->log, KS_WARNING, "room.delivery", KS_ERR(KS_ENOMEM));
    return NULL;
}

void ks_room_give(struct ks_ctx *ctx, uint64_t session, uint16_t reactor, const struct ks_piece *pieces, size_t count)
{
    struct ks_parcel *parcel = count ? delivery_new(ctx, pieces, count, 1) : NULL;
    struct delivery *delivery;

    if (!parcel)
        return;
    delivery = parcel->user;
    delivery->sessions[delivery->sessions_count++] = session;
    parcel->reactor = reactor;
    ks_ctx_post(ctx, parcel);
}

void ks_room_fan(
    struct ks_ctx *ctx, const struct ks_piece *piece, bool (*fits)(struct ks_seat *seat, void *user), void *user)
{
    uint16_t reactors = ctx->reactor->server->reactors;
    struct ks_parcel **parcels = ks_arena_zero(ctx->arena, reactors * sizeof(struct ks_parcel *));
    struct ks_room *room = ctx->user->room;

    if (!room || !parcels || !piece->tail.len)
        return;
    for (KS_LIST_EACH(&room->occupants, at)) {
        struct ks_occupant *occupant = KS_CONTAINER(at, struct ks_occupant, link);
        for (KS_LIST_EACH(&occupant->seats, one)) {
            struct ks_seat *seat = KS_CONTAINER(one, struct ks_seat, link);
            if (fits && !fits(seat, user))
                continue;
            if (!parcels[seat->reactor] && !(parcels[seat->reactor] = delivery_new(ctx, piece, 1, room->seats.count)))
                continue;
            struct delivery *delivery = parcels[seat->reactor]->user;
            delivery->sessions[delivery->sessions_count++] = seat->session;
        }
    }
    for (uint16_t i = 0; i < reactors; i++)
        if (parcels[i]) {
            parcels[i]->reactor = i;
            ks_ctx_post(ctx, parcels[i]);
        }
}

struct ks_piece ks_room_piece(struct ks_ctx *ctx, struct ks_xml *stanza)
{
    struct ks_piece piece = { .stanza = stanza, .name = "message" };
    struct ks_str text;

    if (!stanza)
        return piece;
    if (ks_xml_is(stanza, NS_CLIENT, "presence"))
        piece.name = "presence";
    else if (ks_xml_is(stanza, NS_CLIENT, "iq"))
        piece.name = "iq";
    if (!ks_xml_attr(stanza, "from").ptr)
        ks_xml_set(ctx->arena, stanza, "from", ks_user_bare(ctx->user));
    ks_xml_unset(stanza, "to");
    text = ks_reactor_write(ctx->reactor, stanza, KS_STR(NS_CLIENT));
    if (text.ptr && ks_arena_copy(ctx->arena, ks_str_from(text, 1 + strlen(piece.name)), &piece.tail) != KS_OK)
        piece.tail = KS_STR_EMPTY;
    return piece;
}

void ks_room_send_all(struct ks_ctx *ctx, struct ks_xml *stanza)
{
    struct ks_piece piece = ks_room_piece(ctx, stanza);

    ks_room_fan(ctx, &piece, NULL, NULL);
}

/* --- presence --- */

struct ks_str ks_room_nick_jid(struct ks_ctx *ctx, struct ks_str nick)
{
    struct ks_jid jid = ks_user_jid(ctx->user);
    struct ks_str text;

    jid.resource = nick;
    return ks_jid_text(ctx->arena, jid, &text) == KS_OK ? text : KS_STR_EMPTY;
}

/* XEP-0421 §3.1: keyed, so that it tells nothing of the account and nothing of other rooms. */
struct ks_str ks_room_occupant_id(struct ks_ctx *ctx, struct ks_str bare)
{
    const struct ks_str parts[] = { KS_STR("konsil occupant id\n"), ks_user_bare(ctx->user), KS_STR("\n"), bare };
    uint8_t mac[KS_HASH_MAX];
    struct ks_str text;
    struct ks_buf hex;

    if (ks_arena_join(ctx->arena, parts, KS_COUNT(parts), &text) != KS_OK)
        return KS_STR_EMPTY;
    ks_hmac(KS_SHA256, ks_str(ctx->reactor->server->secret, sizeof ctx->reactor->server->secret), text, mac);
    ks_buf_init(&hex, 64);
    ks_hex_add(&hex, ks_str(mac, 16));
    if (ks_buf_err(&hex) != KS_OK || ks_arena_copy(ctx->arena, ks_buf_str(&hex), &text) != KS_OK)
        text = KS_STR_EMPTY;
    ks_buf_done(&hex);
    return text;
}

static void attribute(struct ks_buf *buf, const char *name, struct ks_str value)
{
    ks_buf_byte(buf, ' ');
    ks_buf_z(buf, name);
    ks_buf_z(buf, "='");
    ks_xml_escape(buf, value);
    ks_buf_byte(buf, '\'');
}

static void add_destroy(struct ks_buf *buf, const struct ks_room_says *says)
{
    ks_buf_z(buf, "<destroy");
    if (says->venue.len)
        attribute(buf, "jid", says->venue);
    ks_buf_z(buf, "><reason>");
    ks_xml_escape(buf, says->reason);
    ks_buf_z(buf, "</reason></destroy>");
}

static void add_item(
    struct ks_buf *buf, const struct ks_occupant *occupant, struct ks_str jid, const struct ks_room_says *says)
{
    (void)occupant;
    ks_buf_z(buf, "<x xmlns='" NS_MUC_USER "'><item");
    attribute(buf, "affiliation", ks_str_z(ks_affiliation_name(says->affiliation)));
    attribute(buf, "role", ks_str_z(ks_role_name(says->role)));
    if (jid.len)
        attribute(buf, "jid", jid);
    if (says->nick.len)
        attribute(buf, "nick", says->nick);
    if (says->destroy || (!says->actor.len && !says->reason.len)) {
        ks_buf_z(buf, "/>");
    } else {
        ks_buf_byte(buf, '>');
        if (says->actor.len) {
            ks_buf_z(buf, "<actor");
            attribute(buf, "nick", says->actor);
            ks_buf_z(buf, "/>");
        }
        if (says->reason.len) {
            ks_buf_z(buf, "<reason>");
            ks_xml_escape(buf, says->reason);
            ks_buf_z(buf, "</reason>");
        }
        ks_buf_z(buf, "</item>");
    }
    if (says->destroy)
        add_destroy(buf, says);
}

/* From the attributes on, up to the <item/>; statuses and the end follow. */
static void begin_presence(struct ks_ctx *ctx, struct ks_occupant *occupant, struct ks_buf *buf, bool with_jid,
    const struct ks_room_says *says)
{
    struct ks_str jid = KS_STR_EMPTY;

    attribute(buf, "from", ks_room_nick_jid(ctx, occupant->nick));
    if (says->type)
        attribute(buf, "type", ks_str_z(says->type));
    ks_buf_byte(buf, '>');
    if (occupant->said)
        ks_buf_add(buf, ks_bytes_str(occupant->said));
    ks_buf_z(buf, "<occupant-id xmlns='" NS_OCCUPANT_ID "'");
    attribute(buf, "id", ks_room_occupant_id(ctx, occupant->bare));
    ks_buf_z(buf, "/>");
    if (with_jid && !ks_list_empty(&occupant->seats))
        jid = KS_CONTAINER(occupant->seats.prev, struct ks_seat, link)->jid;
    add_item(buf, occupant, jid, says);
}

static void end_presence(struct ks_buf *buf, const uint16_t *statuses)
{
    for (; statuses && *statuses; statuses++)
        ks_buf_printf(buf, "<status code='%u'/>", *statuses);
    ks_buf_z(buf, "</x></presence>");
}

struct ks_piece ks_room_presence(
    struct ks_ctx *ctx, struct ks_occupant *occupant, bool with_jid, const struct ks_room_says *says)
{
    struct ks_piece piece = { .name = "presence",
        .stanza = ks_stanza_new(
            ctx->arena, "presence", says->type, KS_STR_EMPTY, ks_room_nick_jid(ctx, occupant->nick), KS_STR_EMPTY) };
    struct ks_bytes *bytes = NULL, **shown = &occupant->shown[with_jid];
    bool plain = !says->type && !says->statuses && !says->nick.len && !says->reason.len && !says->actor.len;
    struct ks_buf buf;

    /* What all see of her is made once, and goes to everybody who comes. */
    if (!plain || !*shown) {
        ks_buf_init(&buf, KS_STANZA_READ_MAX);
        begin_presence(ctx, occupant, &buf, with_jid, says);
        end_presence(&buf, says->statuses);
        bytes = ks_buf_err(&buf) == KS_OK ? ks_bytes_new(ks_buf_str(&buf)) : NULL;
        ks_buf_done(&buf);
        if (plain)
            *shown = bytes;
    } else {
        bytes = *shown;
    }
    if (bytes && plain)
        piece.tail = ks_bytes_str(bytes);
    else if (bytes && ks_arena_copy(ctx->arena, ks_bytes_str(bytes), &piece.tail) != KS_OK)
        piece.tail = KS_STR_EMPTY;
    if (!plain)
        ks_bytes_unref(bytes);
    return piece;
}

bool ks_room_sees_jids(const struct ks_room_config *config, const struct ks_seat *seat)
{
    return !config->anonymous || seat->occupant->role == KS_MODERATOR;
}

struct viewers {
    const struct ks_room_config *config;
    const struct ks_occupant *not_to;
    bool with_jid;
};

static bool is_viewer(struct ks_seat *seat, void *user)
{
    const struct viewers *viewers = user;

    return seat->occupant != viewers->not_to && ks_room_sees_jids(viewers->config, seat) == viewers->with_jid;
}

void ks_room_show_others(
    struct ks_ctx *ctx, struct ks_occupant *occupant, const struct ks_seat *not_to, const struct ks_room_says *says)
{
    struct ks_room_says own = *says;
    uint16_t statuses[16] = { 110 };
    struct ks_room_config config;
    struct ks_piece piece;

    ks_room_config(ctx->user, &config);
    for (int with_jid = 0; with_jid < 2; with_jid++) {
        struct viewers viewers = { &config, occupant, with_jid };
        if (!with_jid && !config.anonymous)
            continue;
        piece = ks_room_presence(ctx, occupant, with_jid, says);
        ks_room_fan(ctx, &piece, is_viewer, &viewers);
    }
    for (size_t i = 0; says->statuses && says->statuses[i] && i < KS_COUNT(statuses) - 2; i++)
        statuses[i + 1] = says->statuses[i];
    own.statuses = statuses;
    piece = ks_room_presence(ctx, occupant, true, &own);
    for (KS_LIST_EACH(&occupant->seats, at)) {
        struct ks_seat *seat = KS_CONTAINER(at, struct ks_seat, link);
        if (seat != not_to)
            ks_room_give(ctx, seat->session, seat->reactor, &piece, 1);
    }
}

void ks_room_show(struct ks_ctx *ctx, struct ks_occupant *occupant, const struct ks_room_says *says)
{
    ks_room_show_others(ctx, occupant, NULL, says);
}
