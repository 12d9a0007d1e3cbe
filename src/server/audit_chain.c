/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "audit_chain.h"

#include "crypto.h"

static void be(uint8_t *to, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
}

void ks_audit_hash(const uint8_t previous[32], const struct ks_audit_row *row, uint8_t ret_hash[32])
{
    const struct ks_str texts[] = { row->actor, row->action, row->subject, row->detail };
    struct ks_str parts[3 + 2 * KS_COUNT(texts)];
    uint8_t numbers[16], lengths[KS_COUNT(texts)][4];
    size_t count = 0;

    be(numbers, row->seq, 8);
    be(numbers + 8, (uint64_t)row->stamp_ms, 8);
    parts[count++] = KS_STR("konsil audit 1");
    parts[count++] = ks_str(previous, 32);
    parts[count++] = ks_str(numbers, sizeof numbers);
    for (size_t i = 0; i < KS_COUNT(texts); i++) {
        be(lengths[i], texts[i].len, 4);
        parts[count++] = ks_str(lengths[i], sizeof lengths[i]);
        parts[count++] = texts[i];
    }
    ks_hash_parts(KS_SHA256, parts, count, ret_hash);
}

#define META_ANCHOR KS_STR("store.audit_anchor") /* u64, hash */

enum ks_err ks_audit_anchor_read(struct ks_server_store *store, struct ks_audit_anchor *ret_anchor)
{
    struct ks_buf value;
    struct ks_cursor at;
    struct ks_str hash;
    enum ks_err err;

    *ret_anchor = (struct ks_audit_anchor) { 0 };
    ks_buf_init(&value, 1000);
    err = store->ops->meta_get(store, META_ANCHOR, &value);
    at = ks_cursor(ks_buf_str(&value));
    if (err == KS_OK
        && (ks_cursor_u64(&at, &ret_anchor->seq) != KS_OK
            || ks_cursor_take(&at, sizeof ret_anchor->hash, &hash) != KS_OK))
        err = KS_ESTORE;
    if (err == KS_OK)
        memcpy(ret_anchor->hash, hash.ptr, sizeof ret_anchor->hash);
    ks_buf_done(&value);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

enum ks_err ks_audit_anchor_write(struct ks_server_store *store, const struct ks_audit_anchor *anchor)
{
    struct ks_buf value;
    enum ks_err err;

    ks_buf_init(&value, 1000);
    ks_buf_u64(&value, anchor->seq);
    ks_buf_add(&value, ks_str(anchor->hash, sizeof anchor->hash));
    err = ks_buf_err(&value);
    if (err == KS_OK)
        err = store->ops->meta_put(store, META_ANCHOR, ks_buf_str(&value));
    ks_buf_done(&value);
    return err;
}

struct walk {
    struct ks_audit_anchor last;
    uint64_t good;
    bool broken;
};

static bool walk_row(void *user, const struct ks_audit_row *row)
{
    struct walk *walk = user;
    uint8_t want[32];

    ks_audit_hash(walk->last.hash, row, want);
    if (row->seq != walk->last.seq + 1 || memcmp(want, row->hash, sizeof want) != 0) {
        walk->broken = true;
        return false;
    }
    memcpy(walk->last.hash, want, sizeof want);
    walk->last.seq++;
    walk->good++;
    return true;
}

enum ks_err ks_audit_verify(struct ks_server_store *store, uint64_t *ret_good, uint64_t *ret_gone)
{
    struct walk walk = { 0 };
    enum ks_err err = ks_audit_anchor_read(store, &walk.last);

    *ret_gone = walk.last.seq;
    if (err == KS_OK)
        err = store->ops->audit_scan(store, 0, walk_row, &walk);
    *ret_good = walk.good;
    return err == KS_OK && walk.broken ? KS_ECRYPTO : err;
}
