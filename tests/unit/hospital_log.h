/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* hospital_log.h -- a hospital's key log, for tests: leaves are appended, checkpoints signed, proofs made. What cannot
 * go on ends the test. */
#ifndef HOSPITAL_LOG_H
#define HOSPITAL_LOG_H

#include <stdlib.h>

#include "log_view.h"

#define LOG_LEVELS 18
#define LOG_LEAVES_MAX 70000
#define LOG_SIGNED_MAX 256
#define LOG_DOMAIN KS_STR("klinik.example")
#define LOG_T 1795312800 /* when the first checkpoint is signed */

/* A checkpoint as it was signed, and the frontier of that moment. */
struct signed_log {
    struct ks_signed_checkpoint from;
    struct ks_checkpoint checkpoint;
    struct ks_merkle_frontier frontier;
    char bytes[KS_CHECKPOINT_BYTES_MAX];
};

struct hospital {
    struct ks_merkle_frontier frontier;
    struct ks_merkle_hash *nodes[LOG_LEVELS];
    uint8_t *leaves;
    uint8_t key[KS_P256_PRIVATE_LEN];
    struct signed_log *logs;
    size_t log_count;
};

static inline void must(enum ks_err err)
{
    if (err != KS_OK) {
        printf("Bail out! %s\n", ks_err_name(err));
        exit(1);
    }
}

static inline struct hospital *hospital_new(void)
{
    struct hospital *h = calloc(1, sizeof *h);

    if (!h || !(h->leaves = calloc(LOG_LEAVES_MAX, KS_LOG_LEAF_LEN))
        || !(h->logs = calloc(LOG_SIGNED_MAX, sizeof *h->logs)))
        exit(1);
    for (unsigned level = 0; level < LOG_LEVELS; level++)
        if (!(h->nodes[level] = calloc((LOG_LEAVES_MAX >> level) + 1, sizeof **h->nodes)))
            exit(1);
    h->key[0] = 7;
    return h;
}

static inline void hospital_free(struct hospital *h)
{
    for (unsigned level = 0; level < LOG_LEVELS; level++)
        free(h->nodes[level]);
    free(h->leaves);
    free(h->logs);
    free(h);
}

static inline void hospital_tell(void *arg, unsigned level, uint64_t index, const struct ks_merkle_hash *hash)
{
    struct hospital *h = arg;

    if (level < LOG_LEVELS)
        h->nodes[level][index] = *hash;
}

static inline enum ks_err hospital_look(void *arg, unsigned level, uint64_t index, struct ks_merkle_hash *ret_hash)
{
    const struct hospital *h = arg;

    if (level >= LOG_LEVELS)
        return KS_ENOTFOUND;
    *ret_hash = h->nodes[level][index];
    return KS_OK;
}

/* Appends bytes as they are, and says their number. */
static inline uint64_t hospital_append(struct hospital *h, const uint8_t bytes[KS_LOG_LEAF_LEN])
{
    uint64_t number = h->frontier.size;
    struct ks_merkle_hash hash;

    if (number >= LOG_LEAVES_MAX)
        exit(1);
    memcpy(h->leaves + number * KS_LOG_LEAF_LEN, bytes, KS_LOG_LEAF_LEN);
    ks_merkle_leaf(ks_str(bytes, KS_LOG_LEAF_LEN), &hash);
    must(ks_merkle_append(&h->frontier, &hash, hospital_tell, h));
    return number;
}

/* Accounts are named by a number here; certificates, too. */
static inline void account_of(uint8_t who, uint8_t ret_account[KS_LOG_ACCOUNT_LEN])
{
    memset(ret_account, 0xa0, KS_LOG_ACCOUNT_LEN);
    ret_account[0] = who;
}

static inline void object_of(uint32_t certificate, uint8_t ret_object[KS_LOG_OBJECT_LEN])
{
    memset(ret_object, 0xc0, KS_LOG_OBJECT_LEN);
    for (size_t i = 0; i < 4; i++)
        ret_object[i] = (uint8_t)(certificate >> 8 * i);
}

/* A leaf of a device of somebody's: its certificate is issued, or revoked. */
static inline uint64_t hospital_leaf(
    struct hospital *h, enum ks_log_type type, uint8_t who, uint32_t certificate, int64_t until_ms)
{
    struct ks_log_leaf leaf = { .type = (uint8_t)type, .device = 100 + certificate, .time_ms = LOG_T * 1000ll };
    struct ks_log_revocation revocation = { 1, LOG_T * 1000ll, until_ms };
    uint8_t bytes[KS_LOG_LEAF_LEN];

    account_of(who, leaf.account);
    object_of(certificate, leaf.object);
    if (type == KS_LOG_REVOKE)
        ks_log_revocation_write(&leaf, &revocation);
    must(ks_log_leaf_write(&leaf, bytes));
    return hospital_append(h, bytes);
}

static inline uint64_t hospital_issue(struct hospital *h, uint8_t who, uint32_t certificate)
{
    return hospital_leaf(h, KS_LOG_ISSUE, who, certificate, 0);
}

static inline uint64_t hospital_revoke(struct hospital *h, uint8_t who, uint32_t certificate)
{
    return hospital_leaf(h, KS_LOG_REVOKE, who, certificate, LOG_T * 1000ll + 180 * 86400000ll);
}

static inline void sign_again(struct hospital *h, struct signed_log *log)
{
    struct ks_buf buf;

    ks_buf_init(&buf, sizeof log->bytes);
    must(ks_checkpoint_write(&log->checkpoint, LOG_DOMAIN, &buf));
    memcpy(log->bytes, buf.ptr, buf.len);
    log->from.bytes = ks_str(log->bytes, buf.len);
    ks_buf_done(&buf);
    must(ks_p256_public(h->key, log->from.signer));
    ks_checkpoint_sign(h->key, log->from.bytes, log->from.signature);
}

/* Signs what there is, so many seconds after LOG_T. */
static inline struct signed_log *hospital_sign(struct hospital *h, int64_t after_s)
{
    struct signed_log *log;

    if (h->log_count == LOG_SIGNED_MAX)
        exit(1);
    log = &h->logs[h->log_count++];
    log->frontier = h->frontier;
    log->checkpoint = (struct ks_checkpoint) { .size = h->frontier.size, .t_s = LOG_T + after_s };
    ks_merkle_root(&h->frontier, &log->checkpoint.root);
    sign_again(h, log);
    return log;
}

/* An update with the leaves from `first` to the checkpoint's. */
static inline struct ks_log_update by_leaves_from(
    const struct hospital *h, const struct signed_log *log, uint64_t first)
{
    return (struct ks_log_update) { .checkpoint = log->from,
        .first = first,
        .leaves = ks_str(h->leaves + first * KS_LOG_LEAF_LEN,
            (size_t)(log->checkpoint.size > first ? log->checkpoint.size - first : 0) * KS_LOG_LEAF_LEN) };
}

static inline struct ks_merkle_proof growth_of(struct hospital *h, uint64_t first, uint64_t size)
{
    struct ks_merkle_proof proof;

    must(ks_merkle_prove_growth(first, size, hospital_look, h, &proof));
    return proof;
}

static inline struct ks_merkle_proof leaf_proof(struct hospital *h, uint64_t number, uint64_t size)
{
    struct ks_merkle_proof proof;

    must(ks_merkle_prove_leaf(number, size, hospital_look, h, &proof));
    return proof;
}

static inline struct ks_str leaf_at(const struct hospital *h, uint64_t number)
{
    return ks_str(h->leaves + number * KS_LOG_LEAF_LEN, KS_LOG_LEAF_LEN);
}

#endif
