/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* server_store.h -- what konsild's committer needs of a database, and nothing more.
 *
 * A driver is synchronous and is called from one thread: src/edge/sqlite_server_store.c in the field, and
 * memory_server_store.c in the simulator. Only src/server/committer.c calls it; the rest of the server sends requests
 * to the committer and gets completions. Everything written between begin and commit is durable when commit
 * returns KS_OK, and gone when it does not, or when the process dies before.
 *
 * Views in results are good until the callback returns, and a visitor does not call the store. Errors of every call:
 * KS_ESTORE (damaged, or refused), KS_EFULL (no room: the transaction must be rolled back), KS_ENOMEM; further ones are
 * named. */
#ifndef KS_SERVER_STORE_H
#define KS_SERVER_STORE_H

#include "buf.h"
#include "clock.h"
#include "record_store.h"
#include "str.h"

/* One that is invited has a name, and waits for its person to set a password. */
enum ks_account_state {
    KS_ACCOUNT_ACTIVE = 1,
    KS_ACCOUNT_DISABLED = 2,
    KS_ACCOUNT_DELETED = 3,
    KS_ACCOUNT_INVITED = 4
};

/* One account. A deleted one keeps its row (id, domain, local, state) for good, so that its localpart never goes to a
 * second person. The localpart of a staff account is a stable id, not a name. */
struct ks_account_row {
    uint64_t id; /* never reused: rows, keys and archive refer to it, and it is the incarnation */
    enum ks_account_state state;
    struct ks_str domain, local;
    struct ks_str name; /* "Dr. Jana Brandt", from the directory or the administrator */
    struct ks_str department, profession;
    int64_t created_ms;
};

/* What a feature keeps for an account: the feature's store name, a key and a value. */
struct ks_kv_row {
    uint64_t account;
    struct ks_str store, key, value; /* store: a descriptor's literal; key up to 3071 bytes (a JID fits) */
};

/* One message, stored once for both owners. */
struct ks_archive_row {
    uint64_t id;           /* archive order is commit order; given by the committer */
    int64_t stamp_ms;      /* never smaller than that of the row before */
    uint64_t owner[2];     /* accounts whose archive it is in; 0: none. Never equal. */
    struct ks_str with[2]; /* the bare JID of the other side, seen from owner[i] */
    struct ks_str stanza;  /* as it is delivered: XML with its namespace declared, without <stanza-id/> */
};

/* An index entry: this account's archive has this row, in the conversation with that hash. */
struct ks_index_row {
    uint64_t account, id, with_hash;
};

/* One act of administration, chained by hash (committer.c computes it). */
struct ks_audit_row {
    uint64_t seq; /* from 1, without gaps */
    int64_t stamp_ms;
    struct ks_str actor;   /* "uid:0", "admin:…" */
    struct ks_str action;  /* "user.add" */
    struct ks_str subject; /* an account's id or JID; never content */
    struct ks_str detail;
    uint8_t hash[32]; /* SHA-256 over the hash of seq - 1 and this row's fields */
};

struct ks_server_store;

/* A visitor returns false to stop. */
typedef bool ks_visit_account(void *user, const struct ks_account_row *row);
typedef bool ks_visit_kv(void *user, const struct ks_kv_row *row);
typedef bool ks_visit_archive(void *user, const struct ks_archive_row *row);
typedef bool ks_visit_index(void *user, const struct ks_index_row *row);
typedef bool ks_visit_audit(void *user, const struct ks_audit_row *row);

struct ks_server_store_ops {
    void (*free)(struct ks_server_store *s);

    enum ks_err (*begin)(struct ks_server_store *s);
    enum ks_err (*commit)(struct ks_server_store *s); /* durable when KS_OK */
    void (*rollback)(struct ks_server_store *s);      /* also after a failed call inside the transaction */

    /* Small settings of the store itself, such as "archive.epoch". KS_ENOTFOUND. */
    enum ks_err (*meta_get)(struct ks_server_store *s, struct ks_str key, struct ks_buf *ret_value);
    enum ks_err (*meta_put)(struct ks_server_store *s, struct ks_str key, struct ks_str value);

    /* KS_ENOTFOUND. visit is called once. */
    enum ks_err (*account_find)(
        struct ks_server_store *s, struct ks_str domain, struct ks_str local, ks_visit_account *visit, void *user);
    /* In the order of localparts, those after `after` (empty: all), deleted ones too. */
    enum ks_err (*account_list)(struct ks_server_store *s, struct ks_str domain, struct ks_str after, uint32_t limit,
        ks_visit_account *visit, void *user);
    /* KS_EEXISTS (also when the localpart was ever used). *ret_id is the new id; row->id is ignored. */
    enum ks_err (*account_add)(struct ks_server_store *s, const struct ks_account_row *row, uint64_t *ret_id);
    /* Replaces everything but id, domain, local and created_ms. KS_ENOTFOUND. */
    enum ks_err (*account_update)(struct ks_server_store *s, const struct ks_account_row *row);

    /* All rows of an account, ordered by store and key; or one store's (store not empty). */
    enum ks_err (*kv_load)(
        struct ks_server_store *s, uint64_t account, struct ks_str store, ks_visit_kv *visit, void *user);
    enum ks_err (*kv_put)(struct ks_server_store *s, const struct ks_kv_row *row);
    /* key empty: the whole store; store empty too: everything of the account. Nothing there is KS_OK. */
    enum ks_err (*kv_del)(struct ks_server_store *s, uint64_t account, struct ks_str store, struct ks_str key);

    /* ids come in rising order. */
    enum ks_err (*archive_append)(struct ks_server_store *s, const struct ks_archive_row *row);
    /* Puts another stanza into a row. What stood there is overwritten in the file, and in its log when commit returns:
     * deleted is gone. KS_ENOTFOUND. */
    enum ks_err (*archive_replace)(struct ks_server_store *s, uint64_t id, struct ks_str stanza);
    enum ks_err (*archive_get)(struct ks_server_store *s, uint64_t id, ks_visit_archive *visit, void *user);
    /* Rows with id > after, in order: to rebuild the tail at start. */
    enum ks_err (*archive_scan)(struct ks_server_store *s, uint64_t after, ks_visit_archive *visit, void *user);
    /* The highest id ever given, also when that row is gone; 0 for none. And the highest stamp. */
    enum ks_err (*archive_last)(struct ks_server_store *s, uint64_t *ret_id, int64_t *ret_stamp_ms);
    /* Takes an account out of the index and of all rows to which the index leads (so the caller adds what the index
     * lacks, first); a row without owners is deleted. */
    enum ks_err (*archive_forget)(struct ks_server_store *s, uint64_t account);
    /* Takes an account out of one row, and leaves the index as it is; a row without owners is deleted. Nothing there is
     * KS_OK. */
    enum ks_err (*archive_disown)(struct ks_server_store *s, uint64_t id, uint64_t account);

    /* An entry that is there already is no error. */
    enum ks_err (*index_add)(struct ks_server_store *s, const struct ks_index_row *rows, size_t count);
    /* Entries of an account with first <= id <= last, rising or falling. */
    enum ks_err (*index_scan)(struct ks_server_store *s, uint64_t account, uint64_t first, uint64_t last, bool falling,
        ks_visit_index *visit, void *user);
    /* Deletes an account's entries with id <= upto. */
    enum ks_err (*index_cut)(struct ks_server_store *s, uint64_t account, uint64_t upto);

    enum ks_err (*audit_append)(struct ks_server_store *s, const struct ks_audit_row *row);
    enum ks_err (*audit_scan)(struct ks_server_store *s, uint64_t first_seq, ks_visit_audit *visit, void *user);
    /* The newest row; KS_ENOTFOUND when there is none. */
    enum ks_err (*audit_last)(struct ks_server_store *s, ks_visit_audit *visit, void *user);
    /* Deletes the rows with seq <= upto. */
    enum ks_err (*audit_cut)(struct ks_server_store *s, uint64_t upto);

    /* Inside a transaction: when it is committed, nothing that was deleted in it or before can be found in any file of
     * the store. Takes as long as writing what the last few thousand writes wrote. */
    void (*scrub)(struct ks_server_store *s);
};

struct ks_server_store {
    const struct ks_server_store_ops *ops;
    struct ks_record_store *records; /* a part of it, in the same transactions */
};

static inline void ks_server_store_free(struct ks_server_store *s)
{
    if (s)
        s->ops->free(s);
}

/* Ends a transaction: commits if err is KS_OK, and rolls back otherwise and when that fails. */
KS_CHECK static inline enum ks_err ks_server_store_end(struct ks_server_store *s, enum ks_err err)
{
    if (err == KS_OK)
        err = s->ops->commit(s);
    if (err != KS_OK)
        s->ops->rollback(s);
    return err;
}

/* --- the memory driver (memory_server_store.c), for tests and the simulator --- */

/* NULL without memory. Keeps what is committed apart from what is not. */
KS_CHECK struct ks_server_store *ks_memory_server_store_new(void);
/* The process dies: forgets everything that was not committed; the object can be used as after a restart. */
void ks_memory_server_store_crash(struct ks_server_store *s);
/* The next writes fail: KS_EFULL after that many more bytes (SIZE_MAX: never again). */
void ks_memory_server_store_room(struct ks_server_store *s, size_t bytes);

#endif
