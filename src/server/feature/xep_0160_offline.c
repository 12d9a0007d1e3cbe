/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0160_offline.c -- messages that no session got, out of the archive (offline.h). XEP-0160's service without its
 * second store. */
#include "offline.h"

#include "feature_list.h"

#include "message.h"
#include "session.h"
#include "xml_reader.h"

#define STORE "offline"
#define KEY KS_STR("since")
#define PAGE 100

void ks_offline_missed(struct ks_user *user, int64_t stamp_ms)
{
    if (stamp_ms && (!user->missed_ms || stamp_ms < user->missed_ms))
        user->missed_ms = stamp_ms;
}

/* The mark that stands, or 0. */
static int64_t mark(const struct ks_user *user)
{
    uint64_t since = 0;

    return ks_str_u64(ks_kv_get(user, STORE, KEY), INT64_MAX, &since) == KS_OK ? (int64_t)since : 0;
}

static void set_mark(struct ks_ctx *ctx, int64_t since_ms)
{
    int64_t stands = mark(ctx->user);
    struct ks_buf buf;

    if (stands && stands <= since_ms)
        return;
    ks_buf_init(&buf, 32);
    ks_buf_u64_dec(&buf, (uint64_t)since_ms);
    ks_kv_put(ctx, STORE, KEY, ks_buf_str(&buf));
    ks_buf_done(&buf);
}

void ks_offline_note(struct ks_ctx *ctx)
{
    if (ctx->user->missed_ms && ks_user_exists(ctx->user))
        set_mark(ctx, ctx->user->missed_ms);
    ctx->user->missed_ms = 0;
}

static void note_run(struct ks_ctx *ctx)
{
    ks_offline_note(ctx);
}

/* Before it is stored: with nobody there, the mark goes into the same transaction as the message. */
static enum ks_pass before(struct ks_ctx *ctx, struct ks_stanza *message)
{
    struct ks_session *s = NULL;

    if (!ks_message_is_kept(message))
        return KS_PASS_ON;
    while ((s = ks_user_session(ctx->user, s)))
        if (ks_session_available(s) && s->priority >= 0)
            return KS_PASS_ON;
    set_mark(ctx, ctx->now.wall_ms);
    return KS_PASS_ON;
}

/* Somebody was there then, but nobody is now. */
static enum ks_pass after(struct ks_ctx *ctx, struct ks_stanza *message)
{
    const struct ks_archive_row *row = ks_message_row(ctx);

    (void)message;
    if (row && ctx->parcel->number == 0 && !mark(ctx->user)) {
        ks_offline_missed(ctx->user, row->stamp_ms);
        ks_call(ctx, ctx->user->jid, note_run, NULL, 0);
    }
    return KS_PASS_ON;
}

static void deliver_page(struct ks_ctx *ctx, int64_t since_ms, uint64_t after_id);

static void page(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_user *user = ctx->user;
    struct ks_session *s = ctx->session;
    char *id, stamp[KS_STAMP_LEN + 1];
    uint64_t last = 0;

    if (!s || req->result != KS_OK)
        return; /* the mark stays */
    for (size_t i = 0; i < req->rows_count; i++) {
        const struct ks_archive_row *row = &req->rows[i];
        struct ks_xml *xml, *part;
        struct ks_jid to;
        last = row->id;
        if (ks_xml_read(ctx->reactor->reader, ctx->arena, row->stanza, KS_STR_EMPTY, KS_STR_EMPTY, &xml) != KS_OK
            || ks_jid_parse(ctx->arena, ks_xml_attr(xml, "to"), &to) != KS_OK || !ks_jid_eq_bare(to, user->jid))
            continue; /* his own */
        part = ks_xml_add(ctx->arena, xml, NS_SID, "stanza-id");
        id = ks_arena_alloc(ctx->arena, KS_ARCHIVE_ID_LEN);
        if (id) {
            ks_xml_set(ctx->arena, part, "by", user->bare);
            ks_xml_set(ctx->arena, part, "id", ks_archive_id_write(ctx->reactor->server->archive_ids, row->id, id));
        }
        part = ks_xml_add(ctx->arena, xml, NS_DELAY, "delay"); /* XEP-0160 §3, XEP-0203 */
        ks_xml_set(ctx->arena, part, "from", user->jid.domain);
        ks_xml_set(ctx->arena, part, "stamp", ks_stamp_write(row->stamp_ms, stamp));
        ks_session_write_xml(s, xml, row->stamp_ms);
    }
    if (!req->complete && last)
        deliver_page(ctx, mark(user), last);
    else
        ks_kv_del(ctx, STORE, KEY);
}

static void deliver_page(struct ks_ctx *ctx, int64_t since_ms, uint64_t after_id)
{
    struct ks_page_query query = {
        .account = ks_user_account(ctx->user), .start_ms = since_ms, .after_id = after_id, .rows_max = PAGE
    };

    ks_ask(ctx, ks_store_page_new(&query), page);
}

/* A parcel of its own, with room for pages; the presence that caused it is small. */
static void deliver_run(struct ks_ctx *ctx)
{
    int64_t since_ms = mark(ctx->user);

    ctx->session = ks_session_find(ctx->user, ctx->parcel->number);
    if (!ctx->session || !since_ms)
        return;
    if (ctx->session->catches_up)
        ks_kv_del(ctx, STORE, KEY); /* it fetches the archive itself */
    else
        deliver_page(ctx, since_ms, 0);
}

static void available(struct ks_ctx *ctx, struct ks_session *session, bool first)
{
    /* XEP-0160 §3: "sends initial presence with a non-negative presence priority". */
    if (first && session->priority >= 0 && mark(ctx->user))
        ks_call(ctx, ctx->user->jid, deliver_run, NULL, session->id);
}

const struct ks_feature ks_feature_offline = {
    .name = "offline",
    .disco = (const char *const[]) { "msgoffline", NULL },
    .pass = { { KS_STAGE_RECEIVE, 1U << KS_MESSAGE, before }, { KS_STAGE_DELIVERED, 1U << KS_MESSAGE, after } },
    .stores = { { STORE, KS_DATA_TRAFFIC, KS_KEEP_WITH_ACCOUNT, 0,
        "Since when messages wait that reached no device; deleted when they are fetched." } },
    .available = available,
};
