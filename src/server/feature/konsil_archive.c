/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_archive.c -- the archive of a person's devices (doc/PROTOCOL.md §18, urn:konsil:archive:0): sealed records
 * with their salts, and the key ring that opens them. konsild looks into none of them; it knows sizes, order, ends and
 * hashes. Nobody but the account's own sessions can ask. */
#include "crypto.h"
#include "enc.h"
#include "feature_list.h"
#include "reactor.h"
#include "record_req.h"
#include "session.h"

#define HASH_LEN 32
_Static_assert(KS_RING_DAYS == 7, "as the descriptor's row has it");

/* --- reading --- */

static void refuse(struct ks_ctx *ctx, enum ks_cond cond, const char *name)
{
    if (ctx->arena->failed)
        return; /* ks_ctx_end says so */
    if (name)
        ks_reply_error_app(ctx, cond, NS_KONSIL_ARCHIVE, name);
    else
        ks_reply_error(ctx, cond, NULL);
}

/* Base64 of exactly so many bytes. */
static bool read_fixed(struct ks_ctx *ctx, const struct ks_xml *node, const char *name, uint8_t *to, size_t len)
{
    struct ks_str text = ks_xml_attr(node, name), bytes;

    if (text.len != KS_BASE64_LEN(len) || ks_base64_read(ctx->arena, text, &bytes) != KS_OK || bytes.len != len)
        return false;
    memcpy(to, bytes.ptr, len);
    return true;
}

/* An attribute that is not there is 0. */
static bool read_number(const struct ks_xml *node, const char *name, uint64_t *ret_number)
{
    struct ks_str text = ks_xml_attr(node, name);

    *ret_number = 0;
    return !text.ptr || ks_str_u64(text, INT64_MAX, ret_number) == KS_OK;
}

/* The rids of a request, in new items. False: answered. */
static bool read_rids(struct ks_ctx *ctx, const struct ks_xml *payload, size_t max, struct ks_record_batch *ret_batch)
{
    size_t count = 0;

    for (const struct ks_xml *at = ks_xml_child(payload, NS_KONSIL_ARCHIVE, "r"); at && count <= max;
         at = ks_xml_next(at, NS_KONSIL_ARCHIVE, "r"))
        count++;
    *ret_batch = (struct ks_record_batch) { .account = ks_user_account(ctx->user), .domain = ctx->domain->name };
    if (!count || count > max) {
        refuse(ctx, count ? KS_POLICY_VIOLATION : KS_BAD_REQUEST, count ? "too-many" : NULL);
        return false;
    }
    ret_batch->items = ks_arena_alloc(ctx->arena, count * sizeof *ret_batch->items);
    if (!ret_batch->items)
        return false;
    memset(ret_batch->items, 0, count * sizeof *ret_batch->items);
    for (const struct ks_xml *at = ks_xml_child(payload, NS_KONSIL_ARCHIVE, "r"); at;
         at = ks_xml_next(at, NS_KONSIL_ARCHIVE, "r"))
        if (!read_fixed(ctx, at, "rid", ret_batch->items[ret_batch->count++].rid, KS_RID_LEN)) {
            refuse(ctx, KS_BAD_REQUEST, NULL);
            return false;
        }
    return true;
}

/* --- writing --- */

static void set_bytes(struct ks_ctx *ctx, struct ks_xml *node, const char *name, const uint8_t *bytes, size_t len)
{
    struct ks_str text = KS_STR_EMPTY;

    if (ks_base64(ctx->arena, ks_str(bytes, len), &text) == KS_OK)
        ks_xml_set(ctx->arena, node, name, text);
    else
        ctx->arena->failed = true;
}

static void add_base64(struct ks_ctx *ctx, struct ks_xml *node, struct ks_str bytes)
{
    struct ks_str text = KS_STR_EMPTY;

    if (ks_base64(ctx->arena, bytes, &text) == KS_OK)
        ks_xml_put_text(ctx->arena, node, text);
    else
        ctx->arena->failed = true;
}

static struct ks_xml *add_item(struct ks_ctx *ctx, struct ks_xml *answer, const struct ks_record_item *item)
{
    struct ks_xml *r = ks_xml_add(ctx->arena, answer, NS_KONSIL_ARCHIVE, "r");

    set_bytes(ctx, r, "rid", item->rid, sizeof item->rid);
    return r;
}

/* What the committer says of a request that it did not do. */
static void answer_failure(struct ks_ctx *ctx, enum ks_err result)
{
    if (result == KS_ELIMIT)
        refuse(ctx, KS_RESOURCE_CONSTRAINT, "quota");
    else if (result == KS_ENOTFOUND)
        refuse(ctx, KS_ITEM_NOT_FOUND, NULL);
    else if (result == KS_ESTATE)
        refuse(ctx, KS_SERVICE_UNAVAILABLE, NULL);
    else
        refuse(ctx, KS_RESOURCE_CONSTRAINT, NULL);
}

/* --- put --- */

static void stored(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_KONSIL_ARCHIVE, "stored");

    if (req->result != KS_OK) {
        answer_failure(ctx, req->result);
        return;
    }
    for (size_t i = 0; i < req->records->count; i++) {
        const struct ks_record_item *item = &req->records->items[i];
        struct ks_xml *r = add_item(ctx, answer, item);
        ks_xml_set_u64(ctx->arena, r, "aseq", item->aseq);
        set_bytes(ctx, r, "sha256", item->sha256, sizeof item->sha256);
        ks_xml_set(ctx->arena, r, "fresh", item->fresh ? KS_STR("true") : KS_STR("false"));
    }
    ks_reply_result(ctx, answer);
}

/* False: answered. */
static bool read_record(struct ks_ctx *ctx, const struct ks_xml *r, struct ks_record_item *item, size_t *bytes)
{
    struct ks_str text = ks_xml_text(ctx->arena, r);
    int64_t now = ctx->now.wall_ms / 1000;
    uint64_t until;

    if (!read_fixed(ctx, r, "salt", item->salt, sizeof item->salt) || !read_number(r, "until", &until) || !text.len
        || ks_base64_read(ctx->arena, text, &item->blob) != KS_OK) {
        refuse(ctx, KS_BAD_REQUEST, NULL);
        return false;
    }
    item->until = (int64_t)until;
    *bytes += item->blob.len;
    if (item->blob.len > KS_RECORD_BYTES_MAX || *bytes > KS_RECORDS_BYTES_MAX) {
        refuse(ctx, KS_POLICY_VIOLATION, "too-large");
        return false;
    }
    if (item->until < now || item->until > now + ks_domain_number(ctx->domain, "archive.keep")) {
        refuse(ctx, KS_NOT_ACCEPTABLE, "until");
        return false;
    }
    ks_hash(KS_SHA256, item->blob, item->sha256);
    return true;
}

static void on_put(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *at = ks_xml_child(iq->payload, NS_KONSIL_ARCHIVE, "r");
    struct ks_str replace = ks_xml_attr(iq->payload, "rev");
    struct ks_record_batch batch;
    struct ks_store_req *req;
    size_t bytes = 0;

    if (!read_rids(ctx, iq->payload, KS_RECORDS_MAX, &batch))
        return;
    for (size_t i = 0; i < batch.count; i++, at = ks_xml_next(at, NS_KONSIL_ARCHIVE, "r"))
        if (!read_record(ctx, at, &batch.items[i], &bytes))
            return;
    batch.replace = ks_str_is(replace, "true");
    batch.bytes_max = (uint64_t)ks_domain_number(ctx->domain, "archive.bytes_max");
    req = ks_store_txn_new();
    if (req)
        ks_store_txn_records_put(req, &batch);
    ks_ask(ctx, req, stored);
}

/* --- have, get, drop --- */

static void had(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_KONSIL_ARCHIVE, "have");

    if (req->result != KS_OK) {
        answer_failure(ctx, req->result);
        return;
    }
    for (size_t i = 0; i < req->records->count; i++)
        if (req->records->items[i].found) {
            struct ks_xml *r = add_item(ctx, answer, &req->records->items[i]);
            set_bytes(ctx, r, "sha256", req->records->items[i].sha256, HASH_LEN);
        }
    ks_reply_result(ctx, answer);
}

static void on_have(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_record_batch batch;

    if (read_rids(ctx, iq->payload, KS_RECORDS_HAVE_MAX, &batch))
        ks_ask(ctx, ks_store_records_have_new(&batch), had);
}

static void add_end(struct ks_ctx *ctx, struct ks_xml *answer, const char *name, uint64_t aseq)
{
    ks_xml_set_u64(ctx->arena, ks_xml_add(ctx->arena, answer, NS_KONSIL_ARCHIVE, name), "aseq", aseq);
}

static void got(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_KONSIL_ARCHIVE, "records");
    const struct ks_record_batch *page = req->records;

    if (req->result != KS_OK) {
        answer_failure(ctx, req->result);
        return;
    }
    ks_xml_set(ctx->arena, answer, "complete", page->complete ? KS_STR("true") : KS_STR("false"));
    for (size_t i = 0; i < page->count; i++) {
        const struct ks_record_item *item = &page->items[i];
        struct ks_xml *r = add_item(ctx, answer, item);
        set_bytes(ctx, r, "salt", item->salt, sizeof item->salt);
        ks_xml_set_u64(ctx->arena, r, "aseq", item->aseq);
        ks_xml_set_u64(ctx->arena, r, "until", (uint64_t)item->until);
        add_base64(ctx, r, item->blob);
    }
    if (page->count) {
        add_end(ctx, answer, "first", page->items[0].aseq);
        add_end(ctx, answer, "last", page->items[page->count - 1].aseq);
    }
    ks_reply_result(ctx, answer);
}

static void on_get(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    bool after = ks_xml_attr(iq->payload, "after").ptr != NULL, before = ks_xml_attr(iq->payload, "before").ptr != NULL;
    struct ks_record_batch batch = { .account = ks_user_account(ctx->user), .falling = !after };
    uint64_t max;

    if ((after && before) || !read_number(iq->payload, "after", &batch.after)
        || !read_number(iq->payload, "before", &batch.before) || !read_number(iq->payload, "max", &max)
        || (before && !batch.before)) {
        refuse(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    if (max > KS_RECORDS_PAGE_MAX) {
        refuse(ctx, KS_POLICY_VIOLATION, "too-many");
        return;
    }
    batch.rows_max = max ? (uint32_t)max : KS_RECORDS_PAGE_MAX;
    ks_ask(ctx, ks_store_records_page_new(&batch), got);
}

static void dropped(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_KONSIL_ARCHIVE, "dropped");

    if (req->result != KS_OK) {
        answer_failure(ctx, req->result);
        return;
    }
    for (size_t i = 0; i < req->records->count; i++)
        ks_xml_set(ctx->arena, add_item(ctx, answer, &req->records->items[i]), "found",
            req->records->items[i].found ? KS_STR("true") : KS_STR("false"));
    ks_reply_result(ctx, answer);
}

static void on_drop(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_record_batch batch;
    struct ks_store_req *req;

    if (!read_rids(ctx, iq->payload, KS_RECORDS_MAX, &batch))
        return;
    req = ks_store_txn_new();
    if (req)
        ks_store_txn_records_drop(req, &batch);
    ks_ask(ctx, req, dropped);
}

/* --- the key ring --- */

static struct ks_xml *ring_name(struct ks_ctx *ctx, const struct ks_ring_row *ring)
{
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_KONSIL_ARCHIVE, "ring");

    ks_xml_set_u64(ctx->arena, answer, "v", ring->version);
    set_bytes(ctx, answer, "sha256", ring->sha256, sizeof ring->sha256);
    return answer;
}

static struct ks_xml *ring_whole(struct ks_ctx *ctx, const struct ks_ring_row *ring)
{
    struct ks_xml *answer = ring_name(ctx, ring);

    add_base64(ctx, ks_xml_add(ctx->arena, answer, NS_KONSIL_ARCHIVE, "data"), ring->data);
    add_base64(ctx, ks_xml_add(ctx->arena, answer, NS_KONSIL_ARCHIVE, "sig"), ring->signature);
    add_base64(ctx, ks_xml_add(ctx->arena, answer, NS_KONSIL_ARCHIVE, "cert"), ring->certificate);
    return answer;
}

static void got_ring(struct ks_ctx *ctx, struct ks_store_req *req)
{
    if (req->result == KS_OK)
        ks_reply_result(ctx, ring_whole(ctx, req->ring));
    else
        answer_failure(ctx, req->result);
}

static void on_get_ring(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    uint64_t version;

    if (read_number(iq->payload, "v", &version))
        ks_ask(ctx, ks_store_ring_new(ks_user_account(ctx->user), version), got_ring);
    else
        refuse(ctx, KS_BAD_REQUEST, NULL);
}

/* RFC 6120 §8.3: what was to be changed is not what the device thought; what it is stands in the error. */
static void answer_conflict(struct ks_ctx *ctx, const struct ks_ring_row *newest)
{
    struct ks_xml *error = ks_stanza_error(ctx->arena, &ctx->parcel->stanza, KS_CONFLICT, NULL);

    if (error && newest)
        ks_xml_graft(ks_xml_child(error, NS_CLIENT, "error"), ring_whole(ctx, newest));
    if (error && !ctx->parcel->stanza.has_to)
        ks_xml_unset(error, "from");
    ks_reply(ctx, error);
}

static void tell_others(struct ks_ctx *ctx, const struct ks_ring_row *ring)
{
    struct ks_session *s = NULL;

    while ((s = ks_user_session(ctx->user, s))) {
        struct ks_xml *message;
        if (s == ctx->session)
            continue;
        message = ks_xml_new(ctx->arena, NS_CLIENT, "message");
        ks_xml_set(ctx->arena, message, "type", KS_STR("headline"));
        ks_xml_set(ctx->arena, message, "from", ks_user_bare(ctx->user));
        ks_xml_set(ctx->arena, message, "to", ks_session_jid(s));
        if (message)
            ks_xml_graft(message, ring_name(ctx, ring));
        ks_send_session(ctx, s, message);
    }
}

static void put_ring(struct ks_ctx *ctx, struct ks_store_req *req)
{
    if (req->result == KS_EEXISTS) {
        answer_conflict(ctx, req->ring);
    } else if (req->result != KS_OK) {
        answer_failure(ctx, req->result);
    } else {
        ks_reply_result(ctx, ring_name(ctx, req->ring));
        tell_others(ctx, req->ring);
    }
}

static bool read_part(struct ks_ctx *ctx, const struct ks_xml *ring, const char *name, struct ks_str *ret_bytes)
{
    const struct ks_xml *part = ks_xml_child(ring, NS_KONSIL_ARCHIVE, name);
    struct ks_str text = part ? ks_xml_text(ctx->arena, part) : KS_STR_EMPTY;

    return text.len && ks_base64_read(ctx->arena, text, ret_bytes) == KS_OK;
}

static void on_put_ring(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_ring_row ring = { .account = ks_user_account(ctx->user) };
    struct ks_store_req *req;
    uint8_t prev[HASH_LEN] = { 0 };

    if (!read_number(iq->payload, "v", &ring.version) || !ring.version
        || (ring.version > 1 && !read_fixed(ctx, iq->payload, "prev", prev, sizeof prev))
        || (ring.version == 1 && ks_xml_attr(iq->payload, "prev").ptr)
        || !read_part(ctx, iq->payload, "data", &ring.data) || !read_part(ctx, iq->payload, "sig", &ring.signature)
        || !read_part(ctx, iq->payload, "cert", &ring.certificate)) {
        refuse(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    if (ring.data.len + ring.signature.len + ring.certificate.len > KS_RING_BYTES_MAX) {
        refuse(ctx, KS_POLICY_VIOLATION, "too-large");
        return;
    }
    ks_hash(KS_SHA256, ring.data, ring.sha256);
    req = ks_store_txn_new();
    if (req)
        ks_store_txn_ring_put(req, &ring, prev);
    ks_ask(ctx, req, put_ring);
}

const struct ks_feature ks_feature_records = {
    .name = "records",
    .disco_account = (const char *const[]) { NS_KONSIL_ARCHIVE, NULL },
    .iq = { { KS_IQ_SET, NS_KONSIL_ARCHIVE, "put", KS_TO_SELF, on_put },
        { KS_IQ_GET, NS_KONSIL_ARCHIVE, "have", KS_TO_SELF, on_have },
        { KS_IQ_GET, NS_KONSIL_ARCHIVE, "get", KS_TO_SELF, on_get },
        { KS_IQ_SET, NS_KONSIL_ARCHIVE, "drop", KS_TO_SELF, on_drop },
        { KS_IQ_GET, NS_KONSIL_ARCHIVE, "ring", KS_TO_SELF, on_get_ring },
        { KS_IQ_SET, NS_KONSIL_ARCHIVE, "ring", KS_TO_SELF, on_put_ring } },
    .stores = { { "records", KS_DATA_CONTENT, KS_KEEP_DAYS, 0,
                    "What a person's devices have read, sealed by them, so that a new device has it too; each record "
                    "goes when its own period is over.",
                    KS_READ_OWNER, KS_IN_RECORDS, "archive.keep" },
        { "salts", KS_DATA_KEYS, KS_KEEP_DAYS, 0,
            "Of each such record a random value without which it cannot be opened, so that a deleted one is unreadable "
            "in backups too; in a file of its own, whose copies are kept for 7 days.",
            KS_READ_OWNER, KS_IN_SALTS, "archive.keep" },
        { "rings", KS_DATA_KEYS, KS_KEEP_DAYS, 7,
            "The keys of such records, sealed to the person's devices; the newest goes with the account, what was "
            "replaced after a week.",
            KS_READ_OWNER, KS_IN_RINGS } },
    .options = { { "archive.bytes_max", KS_OPT_BYTES, .init = 1LL << 30, .min = 1 << 20, .max = 1LL << 44,
                     .doc = "How much the sealed records of one account's archive may hold together." },
        { "archive.keep", KS_OPT_DURATION, .init = 316224000, .min = 604800, .max = 1577836800,
            .doc = "How long a sealed record may be kept at most; its device says how long it is." } },
};
