/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* room_history.c -- what was said before, for one who just came (XEP-0045 §7.2.13 to §7.2.15).
 *
 * It comes out of the archive, so behind a question to the committer. Meanwhile nothing of the archive goes to the seat
 * directly: what passed it by is asked for, too, until nothing did. */
#include "room.h"

struct asked {
    uint64_t chars_max; /* §7.2.14 */
};

bool ks_room_row_read(struct ks_str stanza, struct ks_room_row *ret_row)
{
    const struct ks_str begin = KS_STR("<message xmlns='" NS_CLIENT "'"), who = KS_STR("<x xmlns='" NS_MUC_USER "'>"),
                        end = KS_STR("</x>");
    size_t tag;

    if (!ks_str_starts(stanza, begin))
        return false;
    stanza = ks_str_from(stanza, begin.len);
    tag = ks_str_find_byte(stanza, '>'); /* there is none in attributes (message.c) */
    if (tag == stanza.len || (tag > 0 && stanza.ptr[tag - 1] == '/'))
        return false;
    ret_row->attributes = ks_str_head(stanza, tag);
    ret_row->children = ks_str_from(stanza, tag + 1);
    ret_row->who = KS_STR_EMPTY;
    if (ks_str_starts(ret_row->children, who)) {
        ret_row->who = ks_str_head(ret_row->children, ks_str_find(ret_row->children, end) + end.len);
        ret_row->children = ks_str_from(ret_row->children, ret_row->who.len);
    }
    return true;
}

/* §7.2.15: the subject comes behind the history, and by it clients know the end of that. So what changed it once is no
 * part. */
static bool is_subject(struct ks_str children)
{
    return ks_str_find(children, KS_STR("<subject")) < children.len
        && ks_str_find(children, KS_STR("<body")) == children.len
        && ks_str_find(children, KS_STR("<thread")) == children.len
        && ks_str_find(children, KS_STR("<encrypted")) == children.len;
}

struct ks_str ks_room_row_tail(struct ks_ctx *ctx, const struct ks_archive_row *row, bool with_who, bool late)
{
    char id[KS_ARCHIVE_ID_LEN], stamp[KS_STAMP_LEN + 1];
    struct ks_room_row read;
    struct ks_str tail, delay = KS_STR_EMPTY;

    if (!ks_room_row_read(row->stanza, &read) || (late && is_subject(read.children)))
        return KS_STR_EMPTY;
    if (late) {
        const struct ks_str parts[] = { KS_STR("<delay xmlns='" NS_DELAY "' from='"), ks_user_bare(ctx->user),
            KS_STR("' stamp='"), ks_stamp_write(row->stamp_ms, stamp), KS_STR("'/>") };
        if (ks_arena_join(ctx->arena, parts, KS_COUNT(parts), &delay) != KS_OK)
            return KS_STR_EMPTY;
    }
    const struct ks_str parts[] = { read.attributes, KS_STR("><stanza-id xmlns='" NS_SID "' by='"),
        ks_user_bare(ctx->user), KS_STR("' id='"), ks_archive_id_write(ctx->reactor->server->archive_ids, row->id, id),
        KS_STR("'/>"), delay, with_who ? read.who : KS_STR_EMPTY, read.children };
    return ks_arena_join(ctx->arena, parts, KS_COUNT(parts), &tail) == KS_OK ? tail : KS_STR_EMPTY;
}

/* §7.2.16: after the history, the subject, also an empty one: so a client knows that all is there. */
static void give_subject(struct ks_ctx *ctx, const struct ks_seat *seat)
{
    struct ks_cursor at = ks_cursor(ks_kv_get(ctx->user, KS_STORE_ROOM, KS_STR("subject")));
    struct ks_str nick = KS_STR_EMPTY, text = KS_STR_EMPTY, stamp_text;
    struct ks_xml *message;
    struct ks_piece piece;
    uint64_t stamp = 0;
    char *room;

    if (ks_cursor_u64(&at, &stamp) != KS_OK || ks_cursor_field(&at, &nick) != KS_OK
        || ks_cursor_field(&at, &text) != KS_OK)
        nick = text = KS_STR_EMPTY;
    message = ks_stanza_new(ctx->arena, "message", "groupchat", KS_STR_EMPTY,
        nick.len ? ks_room_nick_jid(ctx, nick) : ks_user_bare(ctx->user), KS_STR_EMPTY);
    struct ks_xml *subject = ks_xml_add(ctx->arena, message, NS_CLIENT, "subject");
    if (text.len)
        ks_xml_put_text(ctx->arena, subject, text);
    if (stamp && (room = ks_arena_alloc(ctx->arena, KS_STAMP_LEN + 1))) {
        stamp_text = ks_stamp_write((int64_t)stamp, room);
        struct ks_xml *delay = ks_xml_add(ctx->arena, message, NS_DELAY, "delay");
        ks_xml_set(ctx->arena, delay, "from", ks_user_bare(ctx->user));
        ks_xml_set(ctx->arena, delay, "stamp", stamp_text);
    }
    piece = ks_room_piece(ctx, message);
    if (piece.tail.len)
        ks_room_give(ctx, seat->session, seat->reactor, &piece, 1);
}

static void answered(struct ks_ctx *ctx, struct ks_store_req *req);

/* Without memory to ask she is given no history, and all that is said from now on. */
static void ask_page(struct ks_ctx *ctx, struct ks_seat *seat, const struct ks_page_query *query)
{
    uint32_t before = ctx->user->questions;

    ks_ask(ctx, ks_store_page_new(query), answered);
    if (ctx->user->questions == before)
        seat->fetching = false;
}

/* What came while the page was read. */
static void ask_rest(struct ks_ctx *ctx, struct ks_seat *seat)
{
    struct ks_page_query query = {
        .account = ks_user_account(ctx->user), .after_id = seat->fetched, .rows_max = KS_PAGE_ROWS_MAX
    };

    ask_page(ctx, seat, &query);
}

static void answered(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_seat *seat = ks_room_seat_of(ctx, ctx->parcel->stanza.from);
    struct asked *asked = ctx->parcel->user;
    struct ks_piece *pieces;
    uint64_t chars = 0;
    size_t first, count = 0;
    struct ks_xml *top;

    if (!seat || !seat->fetching || !asked)
        return;
    if (req->result != KS_OK)
        ks_log(ctx->reactor->log, KS_ERROR, "room.history", KS_ERR(req->result));
    pieces = ks_arena_alloc(ctx->arena, (req->rows_count + 1) * sizeof *pieces);
    top = ks_xml_new(ctx->arena, NS_CLIENT, "message");
    /* §7.2.14: "maxchars": the newest that are within it, whole, as they are sent. */
    first = req->rows_count;
    for (size_t i = req->rows_count; pieces && top && i > 0; i--) {
        struct ks_str tail = ks_room_row_tail(ctx, &req->rows[i - 1], false, true);
        if (!tail.len)
            continue;
        chars += strlen("<message to=''") + seat->jid.len + tail.len;
        if (chars > asked->chars_max)
            break;
        pieces[--first] = (struct ks_piece) { .stanza = top, .name = "message", .tail = tail };
        count++;
    }
    if (count)
        ks_room_give(ctx, seat->session, seat->reactor, pieces + first, count);
    asked->chars_max = UINT64_MAX; /* what came meanwhile is no history */
    if (req->rows_count && req->rows[req->rows_count - 1].id > seat->fetched)
        seat->fetched = req->rows[req->rows_count - 1].id;
    if (req->result == KS_OK && req->rows_count && seat->passed_by > seat->fetched) {
        ask_rest(ctx, seat);
        return;
    }
    seat->fetching = false;
    give_subject(ctx, seat);
}

/* §7.2.14 */
static void read_wish(
    struct ks_ctx *ctx, const struct ks_xml *history, struct ks_page_query *query, struct asked *asked)
{
    uint64_t number;
    int64_t since;

    asked->chars_max = UINT64_MAX;
    if (ks_str_u64(ks_xml_attr(history, "maxchars"), UINT32_MAX, &number) == KS_OK)
        asked->chars_max = number;
    if (ks_str_u64(ks_xml_attr(history, "maxstanzas"), UINT32_MAX, &number) == KS_OK && number < query->rows_max)
        query->rows_max = (uint32_t)number;
    if (ks_str_u64(ks_xml_attr(history, "seconds"), UINT32_MAX, &number) == KS_OK)
        query->start_ms = ctx->now.wall_ms - (int64_t)number * 1000;
    if (ks_stamp_read(ks_xml_attr(history, "since"), &since) == KS_OK && since > query->start_ms)
        query->start_ms = since;
    if (asked->chars_max == 0)
        query->rows_max = 0;
}

void ks_room_give_history(struct ks_ctx *ctx, struct ks_seat *seat, const struct ks_xml *muc)
{
    struct asked *asked = KS_NEW(ctx->arena, struct asked);
    struct ks_room_config config;
    struct ks_room_member member;

    ks_room_config(ctx->user, &config);
    ks_room_member(ctx->user, seat->occupant->bare, &member);
    struct ks_page_query query = { .account = ks_user_account(ctx->user),
        .rows_max = config.history_max < KS_PAGE_ROWS_MAX ? config.history_max : KS_PAGE_ROWS_MAX,
        .last = true };
    if (asked)
        read_wish(ctx, ks_xml_child(muc, NS_MUC, "history"), &query, asked);
    if (config.history_of_join && member.since_ms > query.start_ms)
        query.start_ms = member.since_ms;
    if (!asked || !config.archived || !query.rows_max) {
        give_subject(ctx, seat);
        return;
    }
    seat->fetching = true;
    seat->fetched = ctx->user->room->last_row;
    seat->passed_by = 0;
    ctx->parcel->user = asked;
    ask_page(ctx, seat, &query);
}
