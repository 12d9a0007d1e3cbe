/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* room_message.c -- what is said in a room (XEP-0045 §7.4), to one of its occupants (§7.5), and about its subject
 * (§8.1).
 *
 * A message to all is one row of the room's archive, with the address of its author in front (XEP-0313 "MUC Archives")
 * where all may know it. It is committed, and then goes to all, its author included.
 *
 * What takes back an earlier one (XEP-0424) is stored together with the tombstone in that one's place, for which its
 * row is read first; whatever is said meanwhile waits behind, so that nothing overtakes. */
#include <stdlib.h>

#include "feature_list.h"
#include "message.h"
#include "push.h"
#include "retraction.h"
#include "room.h"
#include "session.h"

struct said {
    struct ks_xml *stanza;     /* as it goes to all, without the address */
    const struct ks_xml *wake; /* as its author wrote it (PROTOCOL §3.3), or NULL */
    bool kept;
};

/* What only the server says: of who an occupant is, and when something was said. */
static bool is_clients(const struct ks_xml *child)
{
    return !ks_str_is(child->ns, NS_MUC_USER) && !ks_xml_is(child, NS_OCCUPANT_ID, "occupant-id")
        && !ks_xml_is(child, NS_DELAY, "delay") && !ks_xml_is(child, NS_HATS, "hats");
}

/* --- whether it is kept --- */

/* What is of the moment only, or stands beside something else. */
static bool is_passing(const struct ks_xml *child)
{
    static const char *const spaces[] = { NS_CHAT_STATES, NS_HINTS, NS_SID, NS_OCCUPANT_ID, NS_EME, NS_KONSIL_WAKE };

    for (size_t i = 0; i < KS_COUNT(spaces); i++)
        if (ks_str_is(child->ns, spaces[i]))
            return true;
    return ks_xml_is(child, NS_CLIENT, "thread");
}

static bool is_kept(const struct ks_room_config *config, const struct ks_xml *message)
{
    if (!config->archived)
        return false;
    if (ks_xml_child(message, NS_HINTS, "store"))
        return true;
    if (ks_xml_child(message, NS_HINTS, "no-store") || ks_xml_child(message, NS_HINTS, "no-permanent-store"))
        return false;
    for (const struct ks_xml *at = ks_xml_child(message, NULL, NULL); at; at = ks_xml_next(at, NULL, NULL))
        if (!is_passing(at))
            return true;
    return false;
}

/* --- members who are not there --- */

static void missed_run(struct ks_ctx *ctx)
{
    for (size_t i = 0; ks_user_exists(ctx->user) && ks_features[i]; i++)
        if (ks_features[i]->room_missed)
            ks_features[i]->room_missed(ctx, &ctx->parcel->stanza);
}

/* PROTOCOL §3.3: whom it is to wake more than others is between the author and the server. */
static bool is_level(const struct ks_xml *child)
{
    return !ks_xml_is(child, NS_KONSIL_WAKE, "for");
}

/* The stanza's own copy of <wake/> goes to all; the author's is kept for waking. Returns it, or NULL. */
static const struct ks_xml *take_wake(struct ks_ctx *ctx, struct ks_xml *stanza)
{
    struct ks_xml *wake = ks_xml_child(stanza, NS_KONSIL_WAKE, "wake"), *plain;

    if (!ks_wake_has_for(wake) || !(plain = ks_xml_copy_top(ctx->arena, wake)))
        return wake;
    ks_xml_remove(stanza, wake);
    ks_xml_filter(plain, is_level);
    ks_xml_graft(stanza, plain);
    return wake;
}

void ks_room_call(struct ks_ctx *ctx, struct ks_str bare, const struct ks_piece *message)
{
    struct ks_xml *copy = ks_xml_copy_top(ctx->arena, message->stanza), *level;

    if (!copy || ks_arena_copy(ctx->arena, bare, &bare) != KS_OK)
        return;
    if (ks_wake_has_for(message->wake) && (level = ks_wake_for(ctx->arena, message->wake, bare))) {
        ks_xml_remove(copy, ks_xml_child(copy, NS_KONSIL_WAKE, "wake"));
        ks_xml_graft(copy, level); /* hers; for whom else there is one is nothing that each is told */
    }
    ks_xml_set(ctx->arena, copy, "to", bare);
    ks_call(ctx, ks_jid_split(bare), missed_run, copy, message->row);
}

static bool somebody_cares(void)
{
    for (size_t i = 0; ks_features[i]; i++)
        if (ks_features[i]->room_missed)
            return true;
    return false;
}

static int by_text(const void *a, const void *b)
{
    return ks_str_cmp(*(const struct ks_str *)a, *(const struct ks_str *)b);
}

/* Those who are in it are told of where their sessions are (room_out.c). */
static void tell_absent(struct ks_ctx *ctx, const struct ks_piece *message)
{
    const struct ks_room *room = ctx->user->room;
    struct ks_str *there = ks_arena_alloc(ctx->arena, (room->count + 1) * sizeof *there);
    const struct ks_kv *at = NULL;
    struct ks_room_member member;
    struct ks_str bare;
    size_t count = 0;

    if (!there || !somebody_cares())
        return;
    for (KS_LIST_EACH(&room->occupants, one))
        there[count++] = KS_CONTAINER(one, struct ks_occupant, link)->bare;
    qsort(there, count, sizeof *there, by_text);
    while (ks_room_next_member(ctx->user, &at, &bare, &member)) {
        if (member.affiliation >= KS_MEMBER && !(count && bsearch(&bare, there, count, sizeof *there, by_text)))
            ks_room_call(ctx, bare, message);
    }
}

/* --- to all --- */

/* A row that a seat will be given with the history is not given now. */
static bool is_due(struct ks_seat *seat, void *user)
{
    const uint64_t *row = user;

    if (!*row || !seat->fetching)
        return true;
    if (!seat->fetched)
        seat->fetched = *row - 1;
    seat->passed_by = *row;
    return false;
}

/* It is durable. */
static void said(struct ks_ctx *ctx)
{
    const struct said *said = ctx->parcel->user;
    const struct ks_archive_row *row = said->kept ? ks_message_row(ctx) : NULL;
    uint64_t row_id = row ? row->id : 0;
    struct ks_piece piece;

    if (!ctx->user->room)
        return; /* all went while it was stored */
    if (row) {
        piece = (struct ks_piece) {
            .stanza = said->stanza, .name = "message", .tail = ks_room_row_tail(ctx, row, false, false)
        };
        ctx->user->room->last_row = row->id;
        piece.wake = said->wake;
        piece.row = row->id;
        if (ks_jid_text(ctx->arena, ks_jid_bare(ctx->parcel->stanza.from), &piece.author) != KS_OK)
            piece.author = KS_STR_EMPTY;
    } else {
        piece = ks_room_piece(ctx, said->stanza);
    }
    ks_room_fan(ctx, &piece, is_due, &row_id);
    if (row)
        tell_absent(ctx, &piece);
}

/* <x><item jid='…' …/></x>, as the archive has it. */
static struct ks_xml *who_is(struct ks_ctx *ctx, const struct ks_seat *seat)
{
    struct ks_xml *x = ks_xml_new(ctx->arena, NS_MUC_USER, "x"), *item = ks_xml_add(ctx->arena, x, NS_MUC_USER, "item");
    struct ks_str jid;

    if (ks_arena_copy(ctx->arena, seat->jid, &jid) != KS_OK)
        return NULL; /* ks_ctx_end sees to it */
    ks_xml_set(ctx->arena, item, "jid", jid);
    ks_xml_set(ctx->arena, item, "affiliation",
        ks_str_z(ks_affiliation_name(ks_room_affiliation(ctx->user, seat->occupant->bare))));
    ks_xml_set(ctx->arena, item, "role", ks_str_z(ks_role_name(seat->occupant->role)));
    return x;
}

static void put_subject(struct ks_ctx *ctx, struct ks_str nick, struct ks_str text)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 65536);
    ks_buf_u64(&buf, (uint64_t)ctx->now.wall_ms);
    ks_buf_field(&buf, nick);
    ks_buf_field(&buf, text);
    if (ks_buf_err(&buf) == KS_OK)
        ks_kv_put(ctx, KS_STORE_ROOM, KS_STR("subject"), ks_buf_str(&buf));
    else
        ctx->arena->failed = true;
    ks_buf_done(&buf);
}

/* The row: with the author's address in front, where all may know it. */
static void store(struct ks_ctx *ctx, const struct ks_xml *stanza, struct ks_str author, struct ks_xml *who)
{
    struct ks_xml *row_xml = ks_xml_copy_top(ctx->arena, stanza);
    struct ks_store_req *txn = ks_ctx_txn(ctx);
    struct ks_archive_row row = { .owner = { ks_user_account(ctx->user) }, .with = { author } };

    if (row_xml && who)
        ks_xml_prepend(row_xml, who);
    if (row_xml)
        row.stanza = ks_reactor_write(ctx->reactor, row_xml, KS_STR_EMPTY);
    if (txn && row.stanza.ptr)
        ks_store_txn_archive(txn, &row);
    else
        ctx->arena->failed = true;
}

void ks_room_publish(struct ks_ctx *ctx, struct ks_xml *stanza, struct ks_str author, struct ks_xml *who)
{
    struct said *words = KS_NEW(ctx->arena, struct said);
    struct ks_room_config config;

    if (!words || !stanza)
        return; /* ks_ctx_end sees to it */
    ks_room_config(ctx->user, &config);
    words->stanza = stanza;
    words->wake = take_wake(ctx, stanza);
    words->kept = is_kept(&config, stanza);
    if (words->kept)
        store(ctx, stanza, author, config.anonymous ? NULL : who);
    ctx->parcel->user = words;
    ctx->committed = said;
}

/* What somebody said, and who that was at that moment: she may be gone when it is stored. */
struct words {
    struct ks_list link; /* in room->waiting */
    struct ks_xml *stanza, *who;
    struct ks_str author, nick; /* author: bare */
    const struct ks_xml *subject;
    bool takes_back;
    bool silenced; /* she was put out meanwhile */
};

static void publish(struct ks_ctx *ctx, const struct words *words)
{
    if (words->subject)
        put_subject(ctx, words->nick, ks_xml_text(ctx->arena, words->subject));
    ks_room_publish(ctx, words->stanza, words->author, words->who);
}

void ks_room_silence(struct ks_room *room, struct ks_str author)
{
    for (KS_LIST_EACH(&room->waiting, at)) {
        struct words *words = KS_CONTAINER(at, struct words, link);

        words->silenced = words->silenced || ks_str_eq(words->author, author);
    }
}

/* Who went by herself said it before; who was put out meanwhile, or may not speak any more, says nothing now. */
static bool may_speak(struct ks_ctx *ctx, const struct words *words)
{
    enum ks_affiliation affiliation = ks_room_affiliation(ctx->user, words->author);
    const struct ks_seat *seat = ks_room_seat_of(ctx, ctx->parcel->stanza.from);
    struct ks_room_config config;

    ks_room_config(ctx->user, &config);
    if (words->silenced || affiliation == KS_OUTCAST || (config.members_only && affiliation < KS_MEMBER))
        return false;
    return !seat || seat->occupant->role >= KS_PARTICIPANT;
}

/* An earlier row, perhaps, and it is this one's turn. */
static void looked(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct words *words = ctx->parcel->user;

    ks_list_leave(&words->link);
    if ((req->result != KS_OK && req->result != KS_ENOTFOUND) || ctx->user->state != KS_USER_LOADED) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    if (!ks_room_is_there(ctx)) /* any more */
        return;
    if (!may_speak(ctx, words)) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL); /* XEP-0045 §7.4 */
        return;
    }
    if (words->takes_back && req->rows_count == 1 && ks_str_eq(req->rows[0].with[0], words->author) /* nobody else's */
        && ks_retraction_stands(&req->rows[0]))
        ks_retraction_bury(ctx, &req->rows[0], ctx->parcel->stanza.id, KS_STR_EMPTY);
    publish(ctx, words);
}

/* The row of the archive that a message takes back; false: none that could be. "The archiving service … MUST store the
 * retraction message" (XEP-0424 §6): what is not kept takes nothing back. */
static bool takes_back(
    struct ks_ctx *ctx, const struct ks_room_config *config, const struct ks_xml *stanza, uint64_t *row)
{
    const struct ks_xml *what = ks_xml_child(stanza, NS_RETRACT, "retract");

    return what && is_kept(config, stanza)
        && ks_archive_id_read(ctx->reactor->server->archive_ids, ks_xml_attr(what, "id"), row) == KS_OK;
}

static void look_first(struct ks_ctx *ctx, struct words *words, uint64_t row)
{
    uint32_t before = ctx->user->questions;

    ctx->parcel->user = words;
    ks_ask(ctx, ks_store_rows_new(ks_user_account(ctx->user), &row, words->takes_back), looked);
    if (ctx->user->questions > before) /* else it was refused */
        ks_list_append(&ctx->user->room->waiting, &words->link);
}

static void say(struct ks_ctx *ctx, struct ks_stanza *message)
{
    struct ks_seat *seat = ks_room_seat_of(ctx, message->from);
    const struct ks_xml *subject = ks_xml_child(message->xml, NS_CLIENT, "subject");
    /* §8.1: "a <subject/> and a <thread/> is a legitimate message, but it SHALL NOT be interpreted as a subject change"
     */
    bool is_subject =
        subject && !ks_xml_child(message->xml, NS_CLIENT, "body") && !ks_xml_child(message->xml, NS_CLIENT, "thread");
    struct words *words = KS_NEW(ctx->arena, struct words);
    struct ks_room_config config;
    struct ks_xml *id;
    uint64_t row = 0;

    ks_room_config(ctx->user, &config);
    if (!seat) {
        ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL); /* §7.4 */
        return;
    }
    if (seat->occupant->role < KS_PARTICIPANT
        || (is_subject && seat->occupant->role < KS_MODERATOR && !config.subject_by_all)) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL); /* §7.4, §8.1 */
        return;
    }
    ks_xml_filter(message->xml, is_clients);
    if (!words || !(words->stanza = ks_xml_copy_top(ctx->arena, message->xml)))
        return; /* ks_ctx_end sees to it */
    ks_xml_unset(words->stanza, "to");
    ks_xml_set(ctx->arena, words->stanza, "from", ks_room_nick_jid(ctx, seat->occupant->nick));
    id = ks_xml_new(ctx->arena, NS_OCCUPANT_ID, "occupant-id");
    ks_xml_set(ctx->arena, id, "id", ks_room_occupant_id(ctx, seat->occupant->bare));
    if (id)
        ks_xml_prepend(words->stanza, id);
    words->subject = is_subject ? subject : NULL;
    words->who = who_is(ctx, seat);
    if (ks_arena_copy(ctx->arena, seat->occupant->bare, &words->author) != KS_OK
        || ks_arena_copy(ctx->arena, seat->occupant->nick, &words->nick) != KS_OK)
        return; /* likewise */
    words->takes_back = takes_back(ctx, &config, words->stanza, &row);
    if (words->takes_back || !ks_list_empty(&ctx->user->room->waiting))
        look_first(ctx, words, row);
    else
        publish(ctx, words);
}

/* --- to one (§7.5) --- */

static bool may_whisper(const struct ks_room_config *config, enum ks_role role, enum ks_role to)
{
    switch (config->whisper) {
    case KS_WHISPER_ANYONE:
        return true;
    case KS_WHISPER_PARTICIPANTS:
        return role >= KS_PARTICIPANT;
    case KS_WHISPER_MODERATORS:
        return role == KS_MODERATOR || to == KS_MODERATOR;
    case KS_WHISPER_NONE:
    default:
        return false;
    }
}

/* It goes on as any message does, to her newest session: into her archive, and to her other devices. */
static void whisper(struct ks_ctx *ctx)
{
    struct ks_stanza *message = &ctx->parcel->stanza;
    struct ks_seat *seat = ks_room_seat_of(ctx, message->from);
    struct ks_occupant *to = ks_room_nick(ctx->user->room, message->to.resource);
    struct ks_room_config config;
    struct ks_xml *copy;

    ks_room_config(ctx->user, &config);
    if (!seat) {
        ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL);
    } else if (!to) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
    } else if (!may_whisper(&config, seat->occupant->role, to->role)) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
    } else if ((copy = ks_xml_copy_top(ctx->arena, message->xml))) {
        ks_xml_filter(copy, is_clients);
        ks_xml_set(ctx->arena, copy, "from", ks_room_nick_jid(ctx, seat->occupant->nick));
        ks_xml_set(ctx->arena, copy, "to", KS_CONTAINER(to->seats.prev, struct ks_seat, link)->jid);
        ks_xml_add(ctx->arena, copy, NS_MUC_USER, "x");
        ks_send(ctx, copy);
    }
}

void ks_room_message_arrived(struct ks_ctx *ctx, struct ks_stanza *message)
{
    if (!ks_room_is_there(ctx) || message->type == KS_MSG_ERROR)
        return;
    if (message->type == KS_MSG_GROUPCHAT && ks_jid_is_bare(message->to))
        say(ctx, message);
    else if (message->type == KS_MSG_GROUPCHAT)
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL); /* §7.5: "MUST NOT be of type groupchat" */
    else if (!ks_jid_is_bare(message->to))
        ctx->committed = whisper;
    else
        ks_room_asked(ctx, message);
}
