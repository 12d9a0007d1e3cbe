/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registrar_log.c -- the key log: entries, checkpoints, and what a reader lacks (registrar.h; doc/PROTOCOL.md §15). */
#include "registrar_state.h"

static enum ks_err leaf_key(struct ks_registrar *r, uint64_t number, struct ks_str *ret_key)
{
    char text[8];

    for (int i = 0; i < 8; i++)
        text[i] = (char)(number >> (56 - 8 * i));
    return ks_registrar_key(r, 'l', &(struct ks_str) { text, sizeof text }, 1, ret_key);
}

enum ks_err ks_registrar_append(struct ks_registrar *r, const struct ks_log_leaf *leaf, uint64_t *ret_number)
{
    uint8_t bytes[KS_LOG_LEAF_LEN];
    struct ks_merkle_hash hash;
    struct ks_buf frontier;
    struct ks_str key;
    enum ks_err err;

    *ret_number = r->frontier.size;
    if ((err = ks_log_leaf_write(leaf, bytes)) != KS_OK || (err = leaf_key(r, *ret_number, &key)) != KS_OK)
        return err;
    ks_merkle_leaf(ks_str(bytes, sizeof bytes), &hash);
    if ((err = ks_merkle_append(&r->frontier, &hash, NULL, NULL)) != KS_OK
        || (err = r->setup.store->ops->put(r->setup.store, KS_T_REGISTRAR, key, ks_str(bytes, sizeof bytes))) != KS_OK)
        return err;
    ks_buf_init(&frontier, KS_RECORD_BYTES_MAX);
    ks_buf_byte(&frontier, KS_RECORD_VERSION);
    ks_merkle_frontier_write(&r->frontier, &frontier);
    err = ks_registrar_put(r, KS_STR("f"), &frontier);
    ks_buf_done(&frontier);
    return err;
}

static enum ks_err put_checkpoint(struct ks_registrar *r)
{
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init(&record, KS_RECORD_BYTES_MAX);
    ks_buf_byte(&record, KS_RECORD_VERSION);
    ks_buf_u64(&record, r->signed_size);
    ks_buf_u64(&record, (uint64_t)r->signed_s);
    ks_buf_field(&record, ks_str(r->checkpoint, r->checkpoint_len));
    ks_buf_add(&record, ks_str(r->signature, sizeof r->signature));
    ks_buf_add(&record, ks_str(r->signer_public, sizeof r->signer_public));
    ks_buf_add(&record, ks_str(r->signed_root.bytes, sizeof r->signed_root.bytes));
    err = ks_registrar_put(r, KS_STR("p"), &record);
    ks_buf_done(&record);
    return err;
}

enum ks_err ks_registrar_sign(struct ks_registrar *r, int64_t now_ms)
{
    struct ks_checkpoint checkpoint = { .size = r->frontier.size,
        .t_s =
            now_ms / 1000 > r->signed_s ? now_ms / 1000 : r->signed_s, /* time does not go back, whatever clocks do */
        .crl = r->lists + 1, /* two lists of two moments have two numbers (RFC 5280 §5.2.3) */
        .envelope_min = r->setup.envelope_min };
    struct ks_buf bytes;
    enum ks_err err;

    ks_merkle_root(&r->frontier, &checkpoint.root);
    ks_buf_init(&bytes, sizeof r->checkpoint);
    if ((err = ks_checkpoint_write(&checkpoint, r->setup.domain, &bytes)) == KS_OK)
        err = ks_buf_err(&bytes);
    if (err == KS_OK)
        err = ks_p256_public(r->setup.signer_key, r->signer_public);
    if (err == KS_OK) {
        memcpy(r->checkpoint, bytes.ptr, bytes.len);
        r->checkpoint_len = bytes.len;
        r->signed_size = checkpoint.size;
        r->signed_s = checkpoint.t_s;
        r->signed_root = checkpoint.root;
        r->lists = checkpoint.crl;
        ks_checkpoint_sign(r->setup.signer_key, ks_buf_str(&bytes), r->signature);
        if ((err = put_checkpoint(r)) == KS_OK)
            err = ks_registrar_save(r);
    }
    ks_buf_done(&bytes);
    return err;
}

static enum ks_err hourly(struct ks_registrar *r, void *arg)
{
    int64_t now_ms = *(int64_t *)arg;
    enum ks_err err = ks_cert_forget(r);

    if (err == KS_OK)
        err = ks_invite_forget(r, now_ms);
    return err == KS_OK ? ks_registrar_sign(r, now_ms) : err;
}

enum ks_err ks_registrar_due(struct ks_registrar *r, int64_t now_ms, int64_t *ret_next_ms)
{
    int64_t next_ms = (r->signed_s + r->setup.checkpoint_s) * 1000;
    enum ks_err err = KS_OK;

    ks_arena_reset(&r->arena);
    if (now_ms >= next_ms || r->signed_size != r->frontier.size)
        err = ks_registrar_do(r, hourly, &now_ms);
    *ret_next_ms = (r->signed_s + r->setup.checkpoint_s) * 1000;
    return err;
}

struct page {
    struct ks_buf leaves;
    size_t bytes; /* that are wanted */
};

static bool add_leaf(void *user, struct ks_str key, struct ks_str value)
{
    struct page *page = user;

    (void)key;
    if (page->leaves.len < page->bytes)
        ks_buf_add(&page->leaves, value);
    return ks_buf_err(&page->leaves) == KS_OK && page->leaves.len < page->bytes;
}

enum ks_err ks_registrar_page(
    struct ks_registrar *r, struct ks_arena *arena, uint64_t from, struct ks_log_page *ret_page)
{
    struct page page;
    struct ks_str key;
    uint64_t count;
    enum ks_err err;

    ks_arena_reset(&r->arena);
    if (from > r->signed_size)
        return KS_ENOTFOUND;
    count = r->signed_size - from < KS_REGISTRAR_PAGE ? r->signed_size - from : KS_REGISTRAR_PAGE;
    page.bytes = (size_t)count * KS_LOG_LEAF_LEN;
    if ((err = leaf_key(r, from, &key)) != KS_OK)
        return err;
    *ret_page = (struct ks_log_page) { .from = from, .size = r->signed_size };
    ks_buf_init(&page.leaves, page.bytes);
    err = r->setup.store->ops->scan(r->setup.store, KS_T_REGISTRAR, KS_STR("l"), key, false, add_leaf, &page);
    if (err == KS_OK)
        err = ks_buf_err(&page.leaves);
    if (err == KS_OK && page.leaves.len != page.bytes)
        err = KS_ESTORE;
    if (err == KS_OK)
        err = ks_arena_copy(arena, page.bytes ? ks_buf_str(&page.leaves) : KS_STR(""), &ret_page->leaves);
    if (err == KS_OK)
        err = ks_arena_copy(arena, ks_str(r->checkpoint, r->checkpoint_len), &ret_page->checkpoint.bytes);
    memcpy(ret_page->checkpoint.signature, r->signature, sizeof r->signature);
    memcpy(ret_page->checkpoint.signer, r->signer_public, sizeof r->signer_public);
    ks_buf_done(&page.leaves);
    return err;
}
