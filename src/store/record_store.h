/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* record_store.h -- the part of the server store (server_store.h) that holds the records of persons' archives.
 *
 * A record is what a device read once, sealed by it; it opens only with its salt, which lies in another file
 * (shred_store.h). There are many of them, so they are no rows of the account that are loaded with it. What is written
 * is part of the server store's transaction, and errors are the server store's. Bytes that are deleted are overwritten;
 * of the log they are gone when the transaction calls scrub, too. */
#ifndef KS_RECORD_STORE_H
#define KS_RECORD_STORE_H

#include "str.h"

#define KS_RID_LEN 16

struct ks_record_row {
    uint64_t account;
    uint64_t aseq; /* the account's own numbering: rises, and none comes twice */
    uint8_t rid[KS_RID_LEN];
    uint8_t sha256[32]; /* of blob */
    int64_t until;      /* seconds since 1970: when its period is over */
    struct ks_str blob;
};

struct ks_record_head {
    uint64_t aseq_last; /* ever given */
    uint64_t rows, bytes;
    uint64_t fold; /* of all rows: see ks_record_fold */
};

struct ks_record_store;
typedef bool ks_visit_record_row(void *user, const struct ks_record_row *row);

struct ks_record_store_ops {
    /* Zeroes when the account has never had one. */
    enum ks_err (*head)(struct ks_record_store *s, uint64_t account, struct ks_record_head *ret_head);
    /* The account has no record with this rid, and aseq is above the head's. */
    enum ks_err (*add)(struct ks_record_store *s, const struct ks_record_row *row);
    /* Without its blob. KS_ENOTFOUND. */
    enum ks_err (*find)(
        struct ks_record_store *s, uint64_t account, const uint8_t *rid, ks_visit_record_row *visit, void *user);
    /* Those with first <= aseq <= last, rising or falling. */
    enum ks_err (*scan)(struct ks_record_store *s, uint64_t account, uint64_t first, uint64_t last, bool falling,
        ks_visit_record_row *visit, void *user);
    /* Those with until < before, without their blobs, in no order. */
    enum ks_err (*scan_old)(
        struct ks_record_store *s, uint64_t account, int64_t before, ks_visit_record_row *visit, void *user);
    /* All, without their blobs, in no order. */
    enum ks_err (*scan_rids)(struct ks_record_store *s, uint64_t account, ks_visit_record_row *visit, void *user);
    /* Nothing there is KS_OK. */
    enum ks_err (*del)(struct ks_record_store *s, uint64_t account, uint64_t aseq);
    /* All of an account, and its head. */
    enum ks_err (*forget)(struct ks_record_store *s, uint64_t account);
};

struct ks_record_store {
    const struct ks_record_store_ops *ops;
};

/* A row's share in a sum (modulo 2^64) over all rows of an account. Two sums that are equal say that two sets are; rids
 * are outputs of a keyed hash, and an account that makes others deceives nobody but itself. */
static inline uint64_t ks_record_fold(const uint8_t *rid, uint64_t aseq)
{
    uint64_t fold = 0;

    for (int i = 0; i < 8; i++)
        fold = fold << 8 | rid[i];
    return fold ^ (aseq * 0x9e3779b97f4a7c15u);
}

#endif
