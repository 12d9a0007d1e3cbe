/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* shred_store.h -- what konsild must be able to destroy: the salts of archive records, and key rings.
 *
 * A record (record_store.h) opens only with its salt, and all of an account's records only with its key ring. So they
 * lie in a file of their own, which is in no backup of the server store; whatever copies of it are made live 7 days.
 * When a deletion is committed, nothing of it can be found in any file of this store.
 *
 * A driver is synchronous, is called from the committer's thread alone, and its transactions are its own: the committer
 * commits here first (committer.h says why). Views in results are good until the visitor returns, and a visitor does
 * not call the store. Errors as of the server store: KS_ESTORE, KS_EFULL, KS_ENOMEM; further ones are named. */
#ifndef KS_SHRED_STORE_H
#define KS_SHRED_STORE_H

#include "record_store.h"

#define KS_SALT_LEN 16
#define KS_RING_DAYS 7 /* a version of a key ring that was replaced is kept so long */

struct ks_salt_row {
    uint64_t account, aseq; /* of the record */
    uint8_t rid[KS_RID_LEN], salt[KS_SALT_LEN];
    int64_t until; /* the record's */
};

struct ks_ring_row {
    uint64_t account, version; /* from 1, without gaps */
    uint8_t sha256[32];        /* of data */
    int64_t replaced_ms;       /* when the next version came; 0: this is the newest */
    struct ks_str data, signature, certificate;
};

struct ks_salt_head {
    uint64_t aseq_last; /* ever given to a salt */
    uint64_t fold;      /* as ks_record_head.fold, of the salts that are there */
};

struct ks_shred_store;
typedef bool ks_visit_salt(void *user, const struct ks_salt_row *row);
typedef bool ks_visit_ring(void *user, const struct ks_ring_row *row);

struct ks_shred_store_ops {
    void (*free)(struct ks_shred_store *s);

    enum ks_err (*begin)(struct ks_shred_store *s);
    enum ks_err (*commit)(struct ks_shred_store *s); /* durable when KS_OK */
    void (*rollback)(struct ks_shred_store *s);

    /* Zeroes when the account has never had one. */
    enum ks_err (*head)(struct ks_shred_store *s, uint64_t account, struct ks_salt_head *ret_head);
    /* Replaces one of the same account, rid and aseq. */
    enum ks_err (*salt_put)(struct ks_shred_store *s, const struct ks_salt_row *row);
    /* KS_ENOTFOUND */
    enum ks_err (*salt_get)(
        struct ks_shred_store *s, uint64_t account, const uint8_t *rid, uint64_t aseq, uint8_t *ret_salt);
    /* Those with until < before, in no order. */
    enum ks_err (*salt_scan_old)(
        struct ks_shred_store *s, uint64_t account, int64_t before, ks_visit_salt *visit, void *user);
    /* All salts of a rid but that of aseq `but` (0: all). Nothing there is KS_OK. */
    enum ks_err (*salt_del)(struct ks_shred_store *s, uint64_t account, const uint8_t *rid, uint64_t but);

    /* version is one above the newest; replaced_ms is when this one replaces it. */
    enum ks_err (*ring_put)(struct ks_shred_store *s, const struct ks_ring_row *row);
    /* version 0: the newest. KS_ENOTFOUND. */
    enum ks_err (*ring_get)(
        struct ks_shred_store *s, uint64_t account, uint64_t version, ks_visit_ring *visit, void *user);
    /* How many versions were replaced before that time, and when the first of them. */
    enum ks_err (*ring_old)(
        struct ks_shred_store *s, uint64_t account, int64_t before_ms, uint64_t *ret_rows, int64_t *ret_oldest_ms);
    /* Deletes them. */
    enum ks_err (*ring_cut)(struct ks_shred_store *s, uint64_t account, int64_t before_ms);

    /* Salts, rings and head of an account. */
    enum ks_err (*forget)(struct ks_shred_store *s, uint64_t account);
};

struct ks_shred_store {
    const struct ks_shred_store_ops *ops;
};

static inline void ks_shred_store_free(struct ks_shred_store *s)
{
    if (s)
        s->ops->free(s);
}

/* Ends a transaction: commits if err is KS_OK, and rolls back otherwise and when that fails. */
KS_CHECK static inline enum ks_err ks_shred_store_end(struct ks_shred_store *s, enum ks_err err)
{
    if (err == KS_OK)
        err = s->ops->commit(s);
    if (err != KS_OK)
        s->ops->rollback(s);
    return err;
}

/* --- the memory driver (memory_shred_store.c), for tests and the simulator --- */

/* NULL without memory. */
KS_CHECK struct ks_shred_store *ks_memory_shred_store_new(void);
/* The process dies: forgets everything that was not committed; the object can be used as after a restart. */
void ks_memory_shred_store_crash(struct ks_shred_store *s);
/* The next writes fail: KS_EFULL after that many more bytes (SIZE_MAX: never again). */
void ks_memory_shred_store_room(struct ks_shred_store *s, size_t bytes);

#endif
