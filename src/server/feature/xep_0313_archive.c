/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0313_archive.c -- XEP-0313 Message Archive Management, version 1.1.3, with pages of XEP-0059 and stable ids of
 * XEP-0359. What is archived is decided in message.c and room_message.c. An archive is read by its owner only; that of
 * a room by those who may enter it now, a member's from when she came to belong to it if the room says so. */
#include "archive_metadata.h"
#include "dataform.h"
#include "feature_list.h"
#include "omemo_trim.h"
#include "room.h"
#include "session.h"
#include "xml_writer.h"

#define PAGE_DEFAULT 50
#define QUERYID_MAX 1024 /* it stands in each result, which must not be longer than a client reads */

/* What the answer needs of the question, kept in the request. */
struct asked {
    struct ks_str queryid;
    struct ks_str with_full; /* escaped, as it stands in a stanza; empty: no resource was asked for */
    bool ids, flip;
    bool room, with_who; /* a room's; with the addresses of authors */
    int64_t since_ms;    /* of a room: nothing before */
};

/* --- asking --- */

static void bad(struct ks_ctx *ctx, enum ks_cond cond)
{
    ks_reply_error(ctx, cond, NULL);
}

/* §4.1.1: "If (and only if) the supplied JID is a bare JID … match against the bare JID; otherwise an exact match".
 * Runs in the committer's thread: a start tag may be long, so each byte of it is passed by once. */
static bool exact(const void *user, const struct ks_archive_row *row)
{
    const struct asked *asked = user;
    struct ks_str left = ks_str_head(row->stanza, ks_str_find_byte(row->stanza, '>')), before, value;

    /* As ks_xml_write has it, a value is between two ', and has none in it. */
    while (ks_str_cut(&left, '\'', &before) && ks_str_cut(&left, '\'', &value))
        if ((ks_str_ends(before, KS_STR(" from=")) || ks_str_ends(before, KS_STR(" to=")))
            && ks_str_eq(value, asked->with_full))
            return true;
    return false;
}

static bool read_id(struct ks_ctx *ctx, struct ks_str text, uint64_t *ret_id)
{
    return ks_archive_id_read(ctx->reactor->server->archive_ids, text, ret_id) == KS_OK;
}

/* Whether all fields are ones that this archive knows. False: answered with an error. */
static bool knows_fields(struct ks_ctx *ctx, const struct ks_xml *form, bool room)
{
    static const char *const known[] = { "FORM_TYPE", "with", "start", "end", "before-id", "after-id", "ids" };
    bool yes;

    for (const struct ks_xml *field = ks_xml_child(form, NS_DATA, "field"); field;
         field = ks_xml_next(field, NS_DATA, "field")) {
        struct ks_str var = ks_xml_attr(field, "var");
        bool is_known = !room && ks_str_is(var, "include-groupchat");
        for (size_t i = 0; i < KS_COUNT(known); i++)
            is_known = is_known || ks_str_is(var, known[i]);
        if (!is_known) { /* §4.1: "MUST return a <feature-not-implemented/>" */
            bad(ctx, KS_FEATURE_NOT_IMPLEMENTED);
            return false;
        }
    }
    /* "Including groupchat results in a user archive": what is said in a room stands in the room's archive, so an
     * account's has nothing of it, whether she wants that or not. */
    if (ks_form_field(form, "include-groupchat")
        && !ks_form_bool(ks_form_value(ctx->arena, form, "include-groupchat"), &yes)) {
        bad(ctx, KS_BAD_REQUEST);
        return false;
    }
    return true;
}

/* The form's fields into query. False: answered with an error. */
static bool read_form(
    struct ks_ctx *ctx, const struct ks_xml *form, struct ks_page_query *query, struct ks_str *ret_with)
{
    struct ks_str text;
    struct ks_jid with;

    if ((text = ks_form_value(ctx->arena, form, "with")).len) {
        if (ks_jid_parse(ctx->arena, text, &with) != KS_OK
            || ks_jid_text(ctx->arena, ks_jid_bare(with), &query->with) != KS_OK) {
            bad(ctx, KS_JID_MALFORMED);
            return false;
        }
        if (with.resource.len && ks_jid_text(ctx->arena, with, ret_with) != KS_OK)
            *ret_with = KS_STR_EMPTY;
    }
    if (((text = ks_form_value(ctx->arena, form, "start")).len && ks_stamp_read(text, &query->start_ms) != KS_OK)
        || ((text = ks_form_value(ctx->arena, form, "end")).len && ks_stamp_read(text, &query->end_ms) != KS_OK)) {
        bad(ctx, KS_BAD_REQUEST);
        return false;
    }
    if (((text = ks_form_value(ctx->arena, form, "before-id")).len && !read_id(ctx, text, &query->before_id))
        || ((text = ks_form_value(ctx->arena, form, "after-id")).len && !read_id(ctx, text, &query->after_id))) {
        bad(ctx, KS_ITEM_NOT_FOUND); /* §4.1.4 */
        return false;
    }
    return true;
}

/* XEP-0059 §2. The narrower of RSM's and the form's bounds counts. */
static bool read_rsm(struct ks_ctx *ctx, const struct ks_xml *set, struct ks_page_query *query)
{
    const struct ks_xml *before = ks_xml_child(set, NS_RSM, "before"), *after = ks_xml_child(set, NS_RSM, "after");
    struct ks_str max = ks_xml_text(ctx->arena, ks_xml_child(set, NS_RSM, "max")), text;
    uint64_t value;

    query->rows_max = PAGE_DEFAULT;
    if (max.len) {
        if (ks_str_u64(max, UINT32_MAX, &value) != KS_OK) {
            bad(ctx, KS_BAD_REQUEST);
            return false;
        }
        query->rows_max = value < KS_PAGE_ROWS_MAX ? (uint32_t)value : KS_PAGE_ROWS_MAX;
    }
    if (before) {
        query->last = true;
        if ((text = ks_xml_text(ctx->arena, before)).len) {
            if (!read_id(ctx, text, &value)) {
                bad(ctx, KS_ITEM_NOT_FOUND); /* §4.3.3 */
                return false;
            }
            if (!query->before_id || value < query->before_id)
                query->before_id = value;
        }
    }
    if (after && (text = ks_xml_text(ctx->arena, after)).len) {
        if (!read_id(ctx, text, &value)) {
            bad(ctx, KS_ITEM_NOT_FOUND);
            return false;
        }
        if (value > query->after_id)
            query->after_id = value;
    }
    return true;
}

static void answered(struct ks_ctx *ctx, struct ks_store_req *req);

/* §4.1.3 of mam:2#extended: single messages by their ids. */
static void ask_ids(struct ks_ctx *ctx, const struct ks_xml *field, struct asked *asked)
{
    uint64_t ids[KS_PAGE_ROWS_MAX];
    size_t count = 0;

    for (const struct ks_xml *at = ks_xml_child(field, NS_DATA, "value"); at; at = ks_xml_next(at, NS_DATA, "value")) {
        if (count == KS_PAGE_ROWS_MAX) {
            bad(ctx, KS_POLICY_VIOLATION);
            return;
        }
        if (!read_id(ctx, ks_xml_text(ctx->arena, at), &ids[count++])) {
            bad(ctx, KS_ITEM_NOT_FOUND);
            return;
        }
    }
    asked->ids = true;
    ctx->parcel->user = asked;
    ks_ask(ctx, ks_store_rows_new(ks_user_account(ctx->user), ids, count), answered);
}

static void ask(struct ks_ctx *ctx, const struct ks_stanza *iq, const struct asked *how)
{
    struct ks_page_query query = { .account = ks_user_account(ctx->user) };
    const struct ks_xml *form = ks_form_find(ctx->arena, iq->payload, NS_MAM);
    struct asked *asked = KS_NEW(ctx->arena, struct asked);
    struct ks_str with_full = KS_STR_EMPTY;
    struct ks_store_req *req;
    struct ks_buf escaped;

    if (!asked) {
        bad(ctx, KS_RESOURCE_CONSTRAINT);
        return;
    }
    *asked = *how;
    asked->queryid = ks_xml_attr(iq->payload, "queryid");
    if (asked->queryid.len > QUERYID_MAX) {
        bad(ctx, KS_POLICY_VIOLATION);
        return;
    }
    asked->flip = ks_xml_child(iq->payload, NS_MAM, "flip-page") != NULL;
    if (ctx->session)
        ctx->session->catches_up = true;
    if (!knows_fields(ctx, form, asked->room))
        return;
    if (ks_form_field(form, "ids")) {
        ask_ids(ctx, ks_form_field(form, "ids"), asked);
        return;
    }
    if (!read_form(ctx, form, &query, &with_full) || !read_rsm(ctx, ks_xml_child(iq->payload, NS_RSM, "set"), &query))
        return;
    if (asked->since_ms > query.start_ms)
        query.start_ms = asked->since_ms;
    if (asked->room && query.with.len && !asked->with_who) {
        bad(ctx, KS_FORBIDDEN); /* §4.1.1: who asks may not know who somebody is */
        return;
    }
    if (with_full.len && !asked->room) {
        ks_buf_init(&escaped, 8 * KS_JID_MAX);
        ks_xml_escape(&escaped, with_full);
        if (ks_buf_err(&escaped) != KS_OK
            || ks_arena_copy(ctx->arena, ks_buf_str(&escaped), &asked->with_full) != KS_OK) {
            ks_buf_done(&escaped);
            bad(ctx, KS_RESOURCE_CONSTRAINT);
            return;
        }
        ks_buf_done(&escaped);
        query.keep = exact;
        query.keep_user = asked; /* lives in the parcel, which lives until the answer */
    }
    ctx->parcel->user = asked;
    req = ks_store_page_new(&query);
    ks_ask(ctx, req, answered);
}

static void on_query(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    ask(ctx, iq, &(struct asked) { 0 });
}

/* "MUC Archives": whoever may enter. False: answered. */
static bool may_read_room(struct ks_ctx *ctx, const struct ks_stanza *iq, struct asked *ret_asked)
{
    struct ks_seat *seat = ks_room_seat_of(ctx, iq->from);
    struct ks_room_config config;
    struct ks_room_member member;
    struct ks_str bare;

    ks_room_config(ctx->user, &config);
    if (ks_jid_text(ctx->arena, ks_jid_bare(iq->from), &bare) != KS_OK)
        return false;
    ks_room_member(ctx->user, bare, &member);
    if (member.affiliation == KS_OUTCAST || (config.members_only && member.affiliation < KS_MEMBER)
        || (config.password.len && member.affiliation < KS_MEMBER && !seat)) {
        bad(ctx, KS_FORBIDDEN);
        return false;
    }
    *ret_asked = (struct asked) { .room = true,
        .with_who = !config.anonymous || (seat && seat->occupant->role == KS_MODERATOR),
        .since_ms = config.history_of_join ? member.since_ms : 0 };
    return true;
}

static void on_room_query(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct asked how;

    if (may_read_room(ctx, iq, &how))
        ask(ctx, iq, &how);
}

/* --- answering --- */

/* A row of a room, to whoever asked, behind those before it. */
/* What stands around a row (§4.2), from the message's 'from' to its stamp. */
static void add_frame(struct ks_buf *buf, const struct ks_ctx *ctx, const struct asked *asked,
    const struct ks_archive_row *row, const char *id)
{
    char stamp[KS_STAMP_LEN + 1];

    ks_buf_z(buf, " from='");
    ks_xml_escape(buf, ks_user_bare(ctx->user));
    ks_buf_z(buf, "'><result xmlns='" NS_MAM "' id='");
    ks_buf_add(buf, ks_str(id, KS_ARCHIVE_ID_LEN));
    if (asked->queryid.len) {
        ks_buf_z(buf, "' queryid='");
        ks_xml_escape(buf, asked->queryid);
    }
    ks_buf_z(buf, "'><forwarded xmlns='" NS_FORWARD "'><delay xmlns='" NS_DELAY "' stamp='");
    ks_buf_add(buf, ks_stamp_write(row->stamp_ms, stamp));
    ks_buf_z(buf, "'/>");
}

static enum ks_err give_row(
    struct ks_ctx *ctx, const struct asked *asked, const struct ks_archive_row *row, const char *id)
{
    struct ks_str bare, stanza = row->stanza;
    struct ks_piece piece = { .name = "message", .stanza = ks_xml_new(ctx->arena, NS_CLIENT, "message") };
    struct ks_room_row read;
    struct ks_buf buf;
    enum ks_err err;

    ks_buf_init(&buf, KS_STANZA_READ_MAX);
    add_frame(&buf, ctx, asked, row, id);
    if (asked->with_who || !ks_room_row_read(stanza, &read)) {
        ks_buf_add(&buf, stanza);
    } else {
        ks_buf_z(&buf, "<message xmlns='" NS_CLIENT "'");
        ks_buf_add(&buf, read.attributes);
        ks_buf_byte(&buf, '>');
        ks_buf_add(&buf, read.children);
    }
    ks_buf_z(&buf, "</forwarded></result></message>");
    piece.tail = ks_buf_str(&buf);
    err = ks_buf_err(&buf);
    if (err == KS_OK)
        err = ks_jid_text(ctx->arena, ks_jid_bare(ctx->parcel->stanza.from), &bare);
    if (err == KS_OK)
        ks_room_give(ctx, ctx->parcel->session, ks_home_of(ctx->reactor->server, bare), &piece, 1);
    ks_buf_done(&buf);
    return err;
}

/* KS_OK; KS_ELIMIT: longer than a client reads, which a row is not when it is stored (KS_STANZA_PASSED_MAX); KS_ENOMEM.
 */
static enum ks_err write_row(
    struct ks_ctx *ctx, const struct asked *asked, const struct ks_archive_row *row, const char *id)
{
    struct ks_bytes *bytes = NULL;
    struct ks_str parts[1 + KS_OMEMO_TRIM_PARTS_MAX + 1];
    struct ks_omemo_trim trim;
    struct ks_buf buf;
    enum ks_err err;
    size_t count, len = 0;

    /* The stanza goes on as it is stored, but for other accounts' keys; only what is around it is written, and it is
     * copied once: a device that was away reads thousands. */
    ks_buf_init(&buf, KS_STANZA_READ_MAX);
    ks_buf_z(&buf, "<message to='");
    ks_xml_escape(&buf, ks_session_jid(ctx->session));
    ks_buf_byte(&buf, '\'');
    add_frame(&buf, ctx, asked, row, id);
    parts[0] = ks_buf_str(&buf);
    ks_omemo_trim_read(ctx->arena, row->stanza, &trim);
    count = 1 + ks_omemo_trim_parts(&trim, ks_user_bare(ctx->user), ks_omemo_trim_devices(&trim, ctx->user), parts + 1);
    parts[count++] = KS_STR("</forwarded></result></message>");
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    if ((err = ks_buf_err(&buf)) == KS_OK && len > KS_STANZA_READ_MAX)
        err = KS_ELIMIT;
    if (err == KS_OK && !(bytes = ks_bytes_join(parts, count)))
        err = KS_ENOMEM;
    if (err == KS_OK)
        ks_session_write(ctx->session, bytes, 0);
    ks_bytes_unref(bytes);
    ks_buf_done(&buf);
    return err;
}

static char *id_of(struct ks_ctx *ctx, uint64_t row)
{
    char *text = ks_arena_alloc(ctx->arena, KS_ARCHIVE_ID_LEN);

    if (text)
        ks_archive_id_write(ctx->reactor->server->archive_ids, row, text);
    return text;
}

static void answered(struct ks_ctx *ctx, struct ks_store_req *req)
{
    const struct asked *asked = ctx->parcel->user;
    struct ks_xml *fin, *set, *first;
    enum ks_err err;
    char *id = NULL, *first_id = NULL, *last_id = NULL;

    if (!ctx->session && !asked->room)
        return;
    if (req->result != KS_OK) {
        bad(ctx, req->result == KS_ENOTFOUND ? KS_ITEM_NOT_FOUND : KS_RESOURCE_CONSTRAINT);
        return;
    }
    for (size_t i = 0; asked->ids && i < req->rows_count; i++)
        if (asked->since_ms > req->rows[i].stamp_ms) {
            bad(ctx, KS_ITEM_NOT_FOUND); /* §4.1.3: of hers there is none */
            return;
        }
    for (size_t i = 0; i < req->rows_count; i++) {
        size_t at = asked->flip ? req->rows_count - 1 - i : i;
        if (!(id = id_of(ctx, req->rows[at].id))) {
            bad(ctx, KS_RESOURCE_CONSTRAINT);
            return;
        }
        if (at == 0)
            first_id = id;
        if (at == req->rows_count - 1)
            last_id = id;
        err = asked->room ? give_row(ctx, asked, &req->rows[at], id) : write_row(ctx, asked, &req->rows[at], id);
        if (err == KS_ELIMIT) {
            /* To refuse the page would keep from the client all that is behind it. */
            ks_log(ctx->reactor->log, KS_ERROR, "archive.row.long", KS_NUM("bytes", req->rows[at].stanza.len));
        } else if (err != KS_OK) {
            bad(ctx, KS_RESOURCE_CONSTRAINT);
            return;
        }
        if (!asked->room && (!ctx->session || !ks_session_find(ctx->user, ctx->parcel->session)))
            return; /* it was too much for its queue */
    }
    fin = ks_xml_new(ctx->arena, NS_MAM, "fin");
    if (asked->ids || req->complete)
        ks_xml_set(ctx->arena, fin, "complete", KS_STR("true"));
    set = ks_xml_add(ctx->arena, fin, NS_RSM, "set");
    if (first_id && last_id) {
        first = ks_xml_add_text(ctx->arena, set, NS_RSM, "first", ks_str(first_id, KS_ARCHIVE_ID_LEN));
        (void)first;
        ks_xml_add_text(ctx->arena, set, NS_RSM, "last", ks_str(last_id, KS_ARCHIVE_ID_LEN));
    }
    if (!asked->ids && req->count != KS_COUNT_UNKNOWN) {
        struct ks_buf buf;
        struct ks_str text;
        ks_buf_init(&buf, 32);
        ks_buf_u64_dec(&buf, req->count);
        if (ks_arena_copy(ctx->arena, ks_buf_str(&buf), &text) == KS_OK)
            ks_xml_add_text(ctx->arena, set, NS_RSM, "count", text);
        ks_buf_done(&buf);
    }
    ks_reply_result(ctx, fin);
}

/* --- what is asked about the archive itself --- */

/* §4.1.5: the fields that a query may have. */
static void give_form(struct ks_ctx *ctx, bool room)
{
    static const struct {
        const char *var, *type;
    } fields[] = { { "with", "jid-single" }, { "start", "text-single" }, { "end", "text-single" },
        { "before-id", "text-single" }, { "after-id", "text-single" }, { "ids", "list-multi" } };
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_MAM, "query");
    struct ks_xml *form = ks_form_new(ctx->arena, "form", NS_MAM);

    for (size_t i = 0; i < KS_COUNT(fields); i++)
        ks_form_add(ctx->arena, form, fields[i].var, fields[i].type, KS_STR_EMPTY);
    if (!room)
        ks_form_add(ctx->arena, form, "include-groupchat", "boolean", KS_STR_EMPTY);
    ks_xml_graft(query, form);
    ks_reply_result(ctx, query);
}

static void on_form(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    (void)iq;
    give_form(ctx, false);
}

static void on_room_form(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct asked how;

    if (may_read_room(ctx, iq, &how))
        give_form(ctx, true);
}

static void add_end(struct ks_ctx *ctx, struct ks_xml *metadata, const char *name, const struct ks_archive_row *row)
{
    struct ks_xml *end = ks_xml_add(ctx->arena, metadata, NS_MAM, name);
    char *id = id_of(ctx, row->id), *stamp = ks_arena_alloc(ctx->arena, KS_STAMP_LEN + 1);

    if (!id || !stamp)
        return;
    ks_xml_set(ctx->arena, end, "id", ks_str(id, KS_ARCHIVE_ID_LEN));
    ks_xml_set(ctx->arena, end, "timestamp", ks_stamp_write(row->stamp_ms, stamp));
}

void ks_archive_end_ask(
    struct ks_ctx *ctx, enum ks_archive_end end, void (*then)(struct ks_ctx *ctx, struct ks_store_req *req))
{
    struct ks_page_query query = {
        .account = ks_user_account(ctx->user), .rows_max = 1, .last = end == KS_ARCHIVE_NEWEST
    };

    ks_ask(ctx, ks_store_page_new(&query), then);
}

void ks_archive_end_add(
    struct ks_ctx *ctx, struct ks_xml *metadata, enum ks_archive_end end, const struct ks_store_req *req)
{
    if (req->result == KS_OK && req->rows_count)
        add_end(ctx, metadata, end == KS_ARCHIVE_NEWEST ? "end" : "start", &req->rows[0]);
}

/* §5: the oldest and the newest message, asked for one after the other. */
static void last_answered(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_xml *metadata = ctx->parcel->user;

    if (req->result != KS_OK)
        bad(ctx, KS_RESOURCE_CONSTRAINT);
    else {
        if (req->rows_count)
            add_end(ctx, metadata, "end", &req->rows[0]);
        ks_reply_result(ctx, metadata);
    }
}

static void first_answered(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_page_query query = {
        .account = ks_user_account(ctx->user), .start_ms = (int64_t)ctx->parcel->number, .rows_max = 1, .last = true
    };

    if (req->result != KS_OK) {
        bad(ctx, KS_RESOURCE_CONSTRAINT);
        return;
    }
    if (req->rows_count)
        add_end(ctx, ctx->parcel->user, "start", &req->rows[0]);
    ks_ask(ctx, ks_store_page_new(&query), last_answered);
}

static void ask_metadata(struct ks_ctx *ctx, int64_t since_ms)
{
    struct ks_page_query query = { .account = ks_user_account(ctx->user), .start_ms = since_ms, .rows_max = 1 };

    ctx->parcel->number = (uint64_t)since_ms;
    ctx->parcel->user = ks_xml_new(ctx->arena, NS_MAM, "metadata");
    ks_ask(ctx, ks_store_page_new(&query), first_answered);
}

static void on_metadata(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    (void)iq;
    ask_metadata(ctx, 0);
}

static void on_room_metadata(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct asked how;

    if (may_read_room(ctx, iq, &how))
        ask_metadata(ctx, how.since_ms);
}

const struct ks_feature ks_feature_archive = {
    .name = "archive",
    .disco_account = (const char *const[]) { NS_MAM, NS_MAM_EXTENDED, NS_MAM_GROUPCHAT, NULL },
    .disco_room = (const char *const[]) { NS_MAM, NS_MAM_EXTENDED, NULL },
    .iq = { { KS_IQ_SET, NS_MAM, "query", KS_TO_SELF, on_query }, { KS_IQ_GET, NS_MAM, "query", KS_TO_SELF, on_form },
        { KS_IQ_GET, NS_MAM, "metadata", KS_TO_SELF, on_metadata },
        { KS_IQ_SET, NS_MAM, "query", KS_TO_ROOM, on_room_query },
        { KS_IQ_GET, NS_MAM, "query", KS_TO_ROOM, on_room_form },
        { KS_IQ_GET, NS_MAM, "metadata", KS_TO_ROOM, on_room_metadata } },
    .stores = { { "archive", KS_DATA_CONTENT, KS_KEEP_ARCHIVE, 0,
        "Messages, encrypted between devices, so that each device of sender and recipient gets them.", KS_READ_OWNER,
        KS_IN_ARCHIVE, "retention.archive" } },
};
