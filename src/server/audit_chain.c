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

struct walk {
    uint8_t hash[32];
    uint64_t good;
    bool broken;
};

static bool walk_row(void *user, const struct ks_audit_row *row)
{
    struct walk *walk = user;
    uint8_t want[32];

    ks_audit_hash(walk->hash, row, want);
    if (row->seq != walk->good + 1 || memcmp(want, row->hash, sizeof want) != 0) {
        walk->broken = true;
        return false;
    }
    memcpy(walk->hash, want, sizeof want);
    walk->good++;
    return true;
}

enum ks_err ks_audit_verify(struct ks_server_store *store, uint64_t *ret_good)
{
    struct walk walk = { 0 };
    enum ks_err err = store->ops->audit_scan(store, 0, walk_row, &walk);

    *ret_good = walk.good;
    return err == KS_OK && walk.broken ? KS_ECRYPTO : err;
}
