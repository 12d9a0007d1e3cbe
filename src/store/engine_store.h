/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine_store.h -- where libkonsil keeps keys, ratchets, history and outbox: one account's, encrypted by the driver.
 *
 * Synchronous and transactional: a ratchet step, the plaintext it gave and its place in the history are one
 * transaction, and so are a ratchet step and the ciphertext it made. Drivers: src/edge/sqlite_engine_store.c (SQLite3
 * Multiple Ciphers, natively and in WASM), memory_engine_store.c (tests, simulator). One thread.
 *
 * A store is a set of tables of sorted keys. Tables are small numbers fixed here for good; keys and values are ours
 * (records of src/omemo and src/client, each with a version byte). Views in results are good until the callback
 * returns. Errors of every call: KS_ESTORE, KS_EFULL, KS_ENOMEM; further ones are named. Reads see the writes of the
 * open transaction. */
#ifndef KS_ENGINE_STORE_H
#define KS_ENGINE_STORE_H

#include "buf.h"
#include "str.h"

enum ks_table {
    KS_T_META = 1,       /* engine settings by name */
    KS_T_OMEMO_OWN = 2,  /* own identity, device id, signed pre-keys, pre-keys */
    KS_T_OMEMO_PEER = 3, /* device lists, identities and trust of others */
    KS_T_SESSION2 = 4,   /* OMEMO 2 sessions by (bare JID, device id) */
    KS_T_SESSION1 = 5,   /* older OMEMO sessions: never in one table with those above */
    KS_T_CONVERSATION = 6,
    KS_T_MESSAGE = 7,    /* (conversation, order) */
    KS_T_MESSAGE_ID = 8, /* (conversation, message id) to the message's key: finds duplicates and targets */
    KS_T_OUTBOX = 9,     /* envelopes until every recipient account has them */
    KS_T_CHAIN = 10,     /* (conversation, author, device, epoch): number, hash */
    KS_T_CONTACT = 11,
    KS_T_GROUP = 12,     /* rooms: their statements, and what their members have of ours */
    KS_T_TRANSFER = 13,  /* files on their way (src/client/transfer.h) */
    KS_T_REGISTRAR = 14, /* of konsil-ca's own store, and all that is in it (src/ca/registrar.h) */
    KS_T_CERT = 15,      /* certificates of devices of others (src/client/certs.h) */
    KS_T_ARCHIVE = 16,   /* what is on its way into the archive (src/client/archiving.h) */
    KS_T_COUNT
};

struct ks_engine_store;
typedef bool ks_visit_record(void *user, struct ks_str key, struct ks_str value); /* false stops */

struct ks_engine_store_ops {
    void (*free)(struct ks_engine_store *s);
    enum ks_err (*begin)(struct ks_engine_store *s);  /* KS_ESTATE inside a transaction */
    enum ks_err (*commit)(struct ks_engine_store *s); /* durable when KS_OK; rolled back otherwise */
    void (*rollback)(struct ks_engine_store *s);      /* harmless outside of one */
    /* Inside a transaction: what it takes away is to be gone from the file and from its log when commit returns, for it
     * was deleted because somebody wants it gone. NULL: what is taken away is gone in any case. */
    void (*scrub)(struct ks_engine_store *s);
    enum ks_err (*get)(
        struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_buf *ret_value); /* KS_ENOTFOUND */
    enum ks_err (*put)(struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_str value);
    enum ks_err (*del)(struct ks_engine_store *s, enum ks_table table, struct ks_str key); /* nothing there: KS_OK */
    /* Keys that start with prefix, from `from` on (rising: >= from; falling: < from, or all when from is empty). The
     * visitor may not write. */
    enum ks_err (*scan)(struct ks_engine_store *s, enum ks_table table, struct ks_str prefix, struct ks_str from,
        bool falling, ks_visit_record *visit, void *user);
    /* Full text: what a message's key is found by. text is folded (ks_unicode_fold); empty text removes. */
    enum ks_err (*index_text)(struct ks_engine_store *s, struct ks_str key, struct ks_str text);
    /* Keys of messages that hold every word of query as a prefix of a word, newest (highest key) first. value is empty.
     */
    enum ks_err (*search)(
        struct ks_engine_store *s, struct ks_str query, uint32_t limit, ks_visit_record *visit, void *user);
};

struct ks_engine_store {
    const struct ks_engine_store_ops *ops;
};

static inline void ks_engine_store_free(struct ks_engine_store *s)
{
    if (s)
        s->ops->free(s);
}

static inline void ks_engine_store_scrub(struct ks_engine_store *s)
{
    if (s->ops->scrub)
        s->ops->scrub(s);
}

/* --- the memory driver (memory_engine_store.c) --- */
KS_CHECK struct ks_engine_store *ks_memory_engine_store_new(void);
/* The process dies: what was not committed is gone. */
void ks_memory_engine_store_crash(struct ks_engine_store *s);

#endif
