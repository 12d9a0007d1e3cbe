/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0160_offline.c -- messages that no session got, out of the archive (offline.h). XEP-0160's service without its
 * second store. */
#include "offline.h"

#include "feature_list.h"

#include "message.h"
#include "session.h"

#define STORE "offline"
#define KEY KS_STR("since")
#define PAGE 100

void ks_offline_missed(struct ks_user *user, int64_t stamp_ms)
{
    if (stamp_ms && (!user->missed_ms || stamp_ms < user->missed_ms))
        user->missed_ms = stamp_ms;
}

static int64_t mark_stamp(struct ks_str key, struct ks_str value)
{
    uint64_t since = 0;

    (void)key;
    return ks_str_u64(value, INT64_MAX, &since) == KS_OK ? (int64_t)since : 0;
}

/* The mark that stands, or 0. */
static int64_t mark(const struct ks_user *user)
{
    return mark_stamp(KEY, ks_kv_get(user, STORE, KEY));
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
    /* Remembered until the mark goes: whether this one becomes durable is not known yet. */
    if (ctx->user->missed_ms && ks_user_exists(ctx->user))
        set_mark(ctx, ctx->user->missed_ms);
}

static void drop_mark(struct ks_ctx *ctx)
{
    ctx->user->missed_ms = 0;
    ks_kv_del(ctx, STORE, KEY);
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
        ks_call(ctx, ks_user_jid(ctx->user), note_run, NULL, 0);
    }
    return KS_PASS_ON;
}

static void deliver_page(struct ks_ctx *ctx);

/* A stored message as it would have come (XEP-0160 §3). */
static enum ks_err give(struct ks_ctx *ctx, struct ks_session *s, const struct ks_archive_row *row)
{
    struct ks_bytes *bytes = ks_message_bytes(ctx, row, true);

    if (!bytes)
        return KS_ENOMEM;
    ks_session_write(s, bytes, row->stamp_ms);
    ks_bytes_unref(bytes);
    return KS_OK;
}

static void page(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_session *s = ctx->session;
    enum ks_err err = req->result;

    if (!s)
        return; /* the mark stays */
    for (size_t i = 0; i < req->rows_count && err == KS_OK; i++) {
        if (req->rows[i].owner[1] == ks_user_account(ctx->user)) /* not what she sent herself */
            err = give(ctx, s, &req->rows[i]);
        s->fetched = req->rows[i].id;
        if (!ks_session_find(ctx->user, ctx->parcel->number))
            return; /* it was too much for its queue */
    }
    if (err != KS_OK) { /* the mark stays, for the next session */
        ks_log(ctx->reactor->log, KS_ERROR, "offline.page", KS_ERR(err));
        s->fetching = false;
        return;
    }
    if (!req->complete || s->passed_by > s->fetched) {
        deliver_page(ctx);
    } else {
        s->fetching = false;
        drop_mark(ctx);
    }
}

static void deliver_page(struct ks_ctx *ctx)
{
    struct ks_page_query query = { .account = ks_user_account(ctx->user),
        .start_ms = mark(ctx->user),
        .after_id = ctx->session->fetched,
        .rows_max = PAGE };

    ks_ask(ctx, ks_store_page_new(&query), page);
}

/* A parcel of its own, with room for pages; the presence that caused it is small. */
static void deliver_run(struct ks_ctx *ctx)
{
    ctx->session = ks_session_find(ctx->user, ctx->parcel->number);
    if (!ctx->session || !mark(ctx->user))
        return;
    if (ctx->session->catches_up) {
        drop_mark(ctx); /* it fetches the archive itself */
    } else {
        ctx->session->fetching = true;
        deliver_page(ctx);
    }
}

static void available(struct ks_ctx *ctx, struct ks_session *session, bool first)
{
    /* XEP-0160 §3: "sends initial presence with a non-negative presence priority". */
    if (first && session->priority >= 0 && mark(ctx->user))
        ks_call(ctx, ks_user_jid(ctx->user), deliver_run, NULL, session->id);
}

const struct ks_feature ks_feature_offline = {
    .name = "offline",
    .disco = (const char *const[]) { "msgoffline", NULL },
    .pass = { { KS_STAGE_RECEIVE, 1U << KS_MESSAGE, before }, { KS_STAGE_DELIVERED, 1U << KS_MESSAGE, after } },
    .stores = { { STORE, KS_DATA_TRAFFIC, KS_KEEP_ARCHIVE, 0,
        "Since when messages wait that reached no device; deleted when they are fetched.", KS_READ_NOBODY, KS_IN_VALUES,
        "retention.archive", mark_stamp } },
    .available = available,
};
