/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* store_req.h -- what the rest of the server asks of the committer: one transaction, or one read.
 *
 * A request is one block of memory with an arena of its own. Everything given to a builder is copied into it, and every
 * result lives in it, so it can go from a reactor's thread to the committer's and back by its pointer; whoever holds it
 * frees it. Builders remember their first failure (KS_ENOMEM; KS_ELIMIT above KS_STORE_TXN_BYTES_MAX): the request is
 * then completed with that error and has done nothing, so a caller looks once, at the result, before it submits or
 * after. */
#ifndef KS_STORE_REQ_H
#define KS_STORE_REQ_H

#include "arena.h"
#include "server_store.h"
#include "vault_keeper.h"

#define KS_STORE_TXN_BYTES_MAX (16u << 20)  /* all that one transaction writes */
#define KS_STORE_READ_BYTES_MAX (64u << 20) /* all that one read answers: KS_ELIMIT above it */
#define KS_PAGE_ROWS_MAX 200                /* rows of one archive page, or ids of one KS_STORE_ROWS */
#define KS_PAGE_BYTES (1u << 20)            /* a page is full with the row that reaches it */
#define KS_ACCOUNTS_ROWS_MAX 1000
#define KS_AUDIT_ROWS_MAX 1000
#define KS_SUBMITTERS_MAX 256 /* req->submitter is below it */

enum ks_store_req_kind {
    KS_STORE_TXN,
    KS_STORE_LOAD,         /* one account and all that is kept for it */
    KS_STORE_KV,           /* one account's rows of one store */
    KS_STORE_ACCOUNTS,     /* a page of the accounts of a domain */
    KS_STORE_PAGE,         /* a page of an account's archive */
    KS_STORE_ROWS,         /* rows of an account's archive by their ids */
    KS_STORE_AUDIT,        /* rows of the audit log */
    KS_STORE_AUDIT_VERIFY, /* walks the audit log's chain */
    KS_STORE_META,         /* one setting */
    KS_STORE_EXPIRABLE,    /* how much is older than its period */
    KS_STORE_VAULT,        /* what vault_keeper.h answers; before the reads of its turn, behind its transactions */
    KS_STORE_RECORDS_HAVE, /* this and the next two: record_req.h */
    KS_STORE_RECORDS_PAGE,
    KS_STORE_RING,
};

/* A page of an archive (XEP-0313 §4, RSM of XEP-0059). Zeroes are no bound. */
struct ks_page_query {
    uint64_t account;
    struct ks_str with;           /* a bare JID; empty: all conversations */
    int64_t start_ms, end_ms;     /* both inclusive */
    uint64_t after_id, before_id; /* row ids, exclusive: the higher of RSM's <after/> and after-id, and so on */
    bool last;                    /* the newest rows of the range and not the oldest: RSM's <before/>, empty or not */
    uint32_t rows_max;            /* at most KS_PAGE_ROWS_MAX; 0: only count */
    /* Further filter (a resource in 'with'), or NULL. Runs in the committer's thread, so it may read the row and
     * keep_user, and nothing else. keep_user points into the request (ks_store_req_copy) or to something immutable. */
    bool (*keep)(const void *keep_user, const struct ks_archive_row *row);
    const void *keep_user;
    uint32_t looks_max; /* rows of the conversation looked at: the page ends there as if it were full; 0: no limit */
};

#define KS_COUNT_UNKNOWN UINT64_MAX

/* --- what goes when its time is up (expire.h) --- */

#define KS_EXPIRE_ROWS_MAX 25     /* deleted by one slice: each lies on a page of its own */
#define KS_EXPIRE_ACCOUNTS_MAX 32 /* looked at by one slice */
#define KS_EXPIRE_CATEGORIES_MAX 32
#define KS_RETENTION_DAYS_MAX 36500
/* An account may have shorter periods than its domain: key a category's name, value a number of days in decimal. */
#define KS_STORE_RETENTION "retention"

enum ks_expire_kind {
    KS_EXPIRE_ARCHIVE,
    KS_EXPIRE_VALUES,
    KS_EXPIRE_AUDIT,
    KS_EXPIRE_RECORDS, /* by the end that each has; period_ms only says that they end */
    KS_EXPIRE_RINGS    /* versions that were replaced so long ago */
};
struct ks_expire_category {
    struct ks_str name; /* a literal; of KS_EXPIRE_VALUES the store's name */
    enum ks_expire_kind kind;
    int64_t period_ms; /* 0: none, nothing goes but by an account's own */
    /* Of KS_EXPIRE_VALUES: when a row became old, 0: never. Runs in the committer's thread. */
    int64_t (*stamp_ms)(struct ks_str key, struct ks_str value);
};
struct ks_expired {
    uint64_t rows;
    int64_t oldest_ms; /* 0: none */
};
struct ks_expiry {
    struct ks_str domain; /* empty: what belongs to no domain, the audit log */
    struct ks_str after;  /* the localpart to go on behind */
    struct ks_expire_category categories[KS_EXPIRE_CATEGORIES_MAX];
    size_t categories_count;
    int64_t now_ms;
    struct ks_str actor; /* of the log's row */
    bool last;           /* with the end of this domain all is done */
    /* On completion: */
    struct ks_expired expired[KS_EXPIRE_CATEGORIES_MAX]; /* of each category */
    struct ks_str next;                                  /* the next slice's `after` */
    bool complete;                                       /* there is none: the domain is done */
    struct ks_str touched[KS_EXPIRE_ACCOUNTS_MAX];       /* localparts of accounts with values that went */
    size_t touched_count;
};

struct ks_record_batch; /* record_req.h */
struct ks_ring_row;     /* shred_store.h */
struct ks_store_write;  /* defined in store_write.h, for the committer */

struct ks_store_req {
    struct ks_store_req *next; /* for whoever holds it */
    enum ks_store_req_kind kind;
    uint32_t submitter; /* set before submitting: the reactor to which the answer goes */
    uint64_t epoch;     /* set before submitting a transaction; on completion: the epoch now in force (committer.h) */
    void *user;         /* the submitter's */
    struct ks_arena arena;

    enum ks_err result; /* of the builders; on completion: of the request */

    /* KS_STORE_TXN */
    struct ks_store_write *writes, **writes_end;
    uint64_t account_id; /* of the account it added */

    /* KS_STORE_LOAD, KS_STORE_KV: rows in the order of store and key. account is NULL for KS_STORE_KV. */
    struct ks_account_row *account;
    struct ks_kv_row *kvs;
    size_t kvs_count;

    /* KS_STORE_ACCOUNTS: in the order of localparts. */
    struct ks_account_row *accounts;
    size_t accounts_count;

    /* KS_STORE_PAGE, KS_STORE_ROWS: always in archive order. */
    struct ks_archive_row *rows;
    size_t rows_count;
    bool complete;  /* nothing further in the direction of the page */
    uint64_t count; /* of all that match the query but after_id and before_id, or KS_COUNT_UNKNOWN when dear to know */

    /* KS_STORE_AUDIT */
    struct ks_audit_row *audit;
    size_t audit_count;
    /* KS_STORE_AUDIT_VERIFY: rows that are right before the first that is not (result KS_ECRYPTO), or all; and how many
     * before them went when their time was up. */
    uint64_t audit_good, audit_gone;

    struct ks_str value; /* KS_STORE_META */

    struct ks_expiry *expiry; /* KS_STORE_EXPIRABLE, and of a transaction's ks_store_txn_expire */

    struct ks_vault_call *vault;     /* KS_STORE_VAULT: result is KS_OK, and the answer is in it */
    struct ks_record_batch *records; /* of a write or read of record_req.h */
    struct ks_ring_row *ring;

    struct ks_store_query *query; /* what a read asks for; private */
    _Alignas(16) char room[];     /* the arena's first */
};

/* --- a transaction: all of it, or nothing --- */

/* NULL without memory. */
KS_CHECK struct ks_store_req *ks_store_txn_new(void);

/* The store in which accounts have their files: the key is the name, so that deleting an account finds them. */
#define KS_STORE_FILES "files"

/* As account: the one that this transaction adds. */
#define KS_ACCOUNT_NEW 0

/* key empty is no key. */
void ks_store_txn_kv_put(
    struct ks_store_req *req, uint64_t account, struct ks_str store, struct ks_str key, struct ks_str value);
/* key empty: the whole store. Nothing there is KS_OK. */
void ks_store_txn_kv_del(struct ks_store_req *req, uint64_t account, struct ks_str store, struct ks_str key);

/* A transaction has at most one of these three (assert). Before anything is written it is checked, and the whole
 * transaction fails alone: add with KS_EEXISTS (also when the localpart was ever used), the others with KS_ENOTFOUND
 * (no such account, or deleted). row->id is ignored by add; its id is in account_id. */
void ks_store_txn_account_add(struct ks_store_req *req, const struct ks_account_row *row);
/* Replaces all but id, domain, local and created_ms; row->domain and row->local name it, its state is not
 * KS_ACCOUNT_DELETED. */
void ks_store_txn_account_update(struct ks_store_req *req, const struct ks_account_row *row);
/* Deletes an account: its name, all its stored data with its credentials, and its place in every archive row; a message
 * that nobody else owns goes. What stays is (id, domain, local), so that it is not given to a second person. As long
 * as the committer lives it stores nothing for it afterwards, whoever still asks; after a new start all who load it see
 * its state. */
void ks_store_txn_account_delete(struct ks_store_req *req, struct ks_str domain, struct ks_str local);

/* One message for both owners; id and stamp_ms of row are ignored. An owner who was deleted is left out. When two rows
 * are appended in one transaction, the first has the smaller id. */
void ks_store_txn_archive(struct ks_store_req *req, const struct ks_archive_row *row);
/* Puts another stanza into a row that holds what was seen in it, for all its owners; what it held is gone, and audit is
 * a row of the audit log. If the row is gone meanwhile, or holds something else, neither happens, which is no error. */
void ks_store_txn_archive_replace(struct ks_store_req *req, const struct ks_archive_row *seen, struct ks_str stanza,
    const struct ks_audit_row *audit);
/* On completion: the row that the nth call of ks_store_txn_archive wrote, with id and stamp_ms; id 0 when no owner was
 * left. NULL past the last.
 */
const struct ks_archive_row *ks_store_txn_archived(const struct ks_store_req *req, size_t n);

/* seq, stamp_ms and hash of row are given by the committer. */
void ks_store_txn_audit(struct ks_store_req *req, const struct ks_audit_row *row);
/* An uploaded file, by its name in the file store (files.h). It is gone before the transaction is committed, so what
 * was acknowledged as deleted is; one that is not there is KS_OK. When it cannot be removed, the transaction fails
 * alone with KS_EIO, and nothing was written. */
void ks_store_txn_file_remove(struct ks_store_req *req, struct ks_str name);
/* Keys of the vault (vault_keeper.h); device only of KS_VAULT_END_DEVICE. They are destroyed, and that is durable,
 * before the transaction is committed, as with files; deleting an account ends all of its own. */
void ks_store_txn_vault_end(struct ks_store_req *req, enum ks_vault_end what, uint64_t account, uint64_t device);
/* A setting of the whole server. Keys of the committer itself begin with "archive." and "store." (assert). */
void ks_store_txn_meta(struct ks_store_req *req, struct ks_str key, struct ks_str value);
/* One slice; expiry is copied, with its texts. A transaction has at most one (assert). */
void ks_store_txn_expire(struct ks_store_req *req, const struct ks_expiry *expiry);

/* --- reads; each NULL without memory --- */

/* KS_ENOTFOUND. A deleted account is found, with its state and without data. */
KS_CHECK struct ks_store_req *ks_store_load_new(struct ks_str domain, struct ks_str local);
KS_CHECK struct ks_store_req *ks_store_kv_new(uint64_t account, struct ks_str store);
/* Those after the localpart `after` (empty: all), at most limit, deleted ones too. */
KS_CHECK struct ks_store_req *ks_store_accounts_new(struct ks_str domain, struct ks_str after, uint32_t limit);
KS_CHECK struct ks_store_req *ks_store_page_new(const struct ks_page_query *query);
/* KS_ENOTFOUND when one of them is not in this archive (XEP-0313 §4.1.4); KS_ELIMIT above KS_PAGE_ROWS_MAX. */
KS_CHECK struct ks_store_req *ks_store_rows_new(uint64_t account, const uint64_t *ids, size_t count);
KS_CHECK struct ks_store_req *ks_store_audit_new(uint64_t first_seq, uint32_t limit);
/* KS_ECRYPTO: broken after audit_good rows. */
KS_CHECK struct ks_store_req *ks_store_audit_verify_new(void);
/* KS_ENOTFOUND */
KS_CHECK struct ks_store_req *ks_store_meta_new(struct ks_str key);
KS_CHECK struct ks_store_req *ks_store_expirable_new(const struct ks_expiry *expiry);

/* call is copied; wiped when the request is freed. */
KS_CHECK struct ks_store_req *ks_store_vault_new(const struct ks_vault_call *call);
/* Whether a PIN was confirmed by this device of the account at most KS_VAULT_FRESH_MS ago: req->vault->answer is
 * KS_VAULT_YES, or KS_VAULT_STALE. */
KS_CHECK struct ks_store_req *ks_vault_fresh(uint64_t account, uint64_t device);

/* Bytes that shall live as long as the request; empty (and the failure remembered) without memory. */
struct ks_str ks_store_req_copy(struct ks_store_req *req, struct ks_str bytes);

/* Accepts NULL. */
void ks_store_req_free(struct ks_store_req *req);
KS_AUTO_DEFINE(struct ks_store_req, ks_store_req_free)

#endif
