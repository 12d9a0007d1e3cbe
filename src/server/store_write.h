/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* store_write.h -- what is inside a request: for store_req.c, which builds it, and the committer, which does it. */
#ifndef KS_STORE_WRITE_H
#define KS_STORE_WRITE_H

#include "store_req.h"

enum ks_write_kind {
    KS_WRITE_KV_PUT,
    KS_WRITE_KV_DEL,
    KS_WRITE_ACCOUNT_ADD, /* one of these three comes first, if there is one */
    KS_WRITE_ACCOUNT_UPDATE,
    KS_WRITE_ACCOUNT_DELETE,
    KS_WRITE_ARCHIVE,
    KS_WRITE_ARCHIVE_REPLACE, /* replace */
    KS_WRITE_AUDIT,
    KS_WRITE_META,
    KS_WRITE_EXPIRE, /* of req->expiry */
    KS_WRITE_FILE_REMOVE,
    KS_WRITE_VAULT_END,
    KS_WRITE_RECORDS_PUT, /* of req->records */
    KS_WRITE_RECORDS_DROP,
    KS_WRITE_RING, /* of req->ring, and prev */
};

struct ks_store_write {
    struct ks_store_write *next;
    enum ks_write_kind kind;
    union {
        struct ks_kv_row kv; /* KS_WRITE_META too: key and value; KS_WRITE_FILE_REMOVE: key */
        struct ks_account_row account;
        struct ks_archive_row archive;
        struct ks_audit_row audit;
        uint8_t prev[32];
        struct ks_store_replace {
            uint64_t id;
            uint8_t was[32]; /* SHA-256 of what stood there */
            struct ks_str stanza;
            struct ks_audit_row audit;
        } replace;
        struct ks_store_vault_end {
            enum ks_vault_end what;
            uint64_t account, device;
        } vault_end;
    };
};

struct ks_store_query {
    struct ks_str domain, local; /* KS_STORE_ACCOUNTS: local is the one to begin after */
    uint64_t account;
    struct ks_str store; /* KS_STORE_META: the key */
    struct ks_page_query page;
    uint64_t *ids;
    size_t ids_count;
    uint64_t first_seq;
    uint32_t limit;
};

/* A write at the end of a transaction; NULL after a failure, this one's or an earlier one's. */
KS_CHECK struct ks_store_write *ks_store_req_write(struct ks_store_req *req, enum ks_write_kind kind);
/* NULL without memory. */
KS_CHECK struct ks_store_req *ks_store_req_read(enum ks_store_req_kind kind);
/* To req->ring; the failure is remembered. */
void ks_store_req_copy_ring(struct ks_store_req *req, const struct ks_ring_row *row);

/* Room for one more element of size bytes in an array that lives in req's arena; the first `count` are kept. NULL, and
 * the failure remembered in req->result, when the limit or the memory is reached. */
KS_CHECK void *ks_store_req_grow(struct ks_store_req *req, void *array, size_t count, size_t *cap, size_t size);
void ks_store_req_copy_account(struct ks_store_req *req, const struct ks_account_row *row, struct ks_account_row *ret);
void ks_store_req_copy_archive(struct ks_store_req *req, const struct ks_archive_row *row, struct ks_archive_row *ret);
void ks_store_req_copy_audit(struct ks_store_req *req, const struct ks_audit_row *row, struct ks_audit_row *ret);

#endif
