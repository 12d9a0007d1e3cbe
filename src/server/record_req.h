/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* record_req.h -- what konsil_archive.c asks of the committer (store_req.h): records of an account's archive with their
 * salts, and its key ring. */
#ifndef KS_RECORD_REQ_H
#define KS_RECORD_REQ_H

#include "shred_store.h"
#include "store_req.h"

#define KS_RECORD_BYTES_MAX (48u << 10) /* of one */
#define KS_RECORDS_MAX 64               /* of one put or drop */
/* Of one put, whose stanza then is within what every server takes (KS_STANZA_SENT_MAX), and of one page: it is full
 * with the record that reaches it. */
#define KS_RECORDS_BYTES_MAX (360u << 10)
#define KS_RECORDS_HAVE_MAX 1000
#define KS_RECORDS_PAGE_MAX 200
#define KS_RING_BYTES_MAX (256u << 10) /* data, signature and certificate together */

struct ks_record_item {
    uint8_t rid[KS_RID_LEN], salt[KS_SALT_LEN];
    uint8_t sha256[32]; /* of blob; on completion: of what is stored */
    int64_t until;
    struct ks_str blob;
    uint64_t aseq;
    bool found; /* KS_STORE_RECORDS_HAVE: it is there. A drop: it was. */
    bool fresh; /* a put: stored by this request */
};

struct ks_record_batch {
    uint64_t account;
    struct ks_record_item *items;
    size_t count;
    bool replace;         /* of a put: what is there is replaced */
    uint64_t bytes_max;   /* of a put: what the account may have */
    struct ks_str domain; /* of a drop: the account's, for the log of deletions */
    uint64_t gone;        /* on completion: how many there were */
    /* KS_STORE_RECORDS_PAGE: those with after < aseq < before, rising, or falling from before. */
    uint64_t after, before;
    bool falling, complete; /* complete: nothing further in that direction */
    uint32_t rows_max;
};

/* A transaction has at most one of these three (assert).
 *
 * Put if absent: a rid that is there stays as it is, unless replace; what is replaced gets a new aseq, so that a device
 * that reads on from where it was sees the new one. KS_ELIMIT: above bytes_max; nothing was written.
 * A record without its salt counts as not there, here and everywhere. batch and all in it are copied. */
void ks_store_txn_records_put(struct ks_store_req *req, const struct ks_record_batch *batch);
/* Salts and records are gone, for good, when this is acknowledged. */
void ks_store_txn_records_drop(struct ks_store_req *req, const struct ks_record_batch *batch);
/* version must be one above the newest, and prev the SHA-256 of its data (of the first version: zeroes); else
 * KS_EEXISTS, and req->ring is the newest one, or NULL. */
void ks_store_txn_ring_put(struct ks_store_req *req, const struct ks_ring_row *ring, const uint8_t prev[32]);

/* In req->records. NULL without memory. */
KS_CHECK struct ks_store_req *ks_store_records_have_new(const struct ks_record_batch *batch);
KS_CHECK struct ks_store_req *ks_store_records_page_new(const struct ks_record_batch *batch);
/* In req->ring; version 0: the newest. KS_ENOTFOUND. */
KS_CHECK struct ks_store_req *ks_store_ring_new(uint64_t account, uint64_t version);

#endif
