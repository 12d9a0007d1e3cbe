/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_store.h -- where konsild keeps the vault's keys: a file of its own (vault.db), apart from all else.
 *
 * A slot is what one wrap of a client's store key hangs on (doc/PROTOCOL.md §16): a key that helps to make a key out of
 * a PIN, and how often somebody tried. A driver is synchronous and is called from one thread, by vault_keeper.c:
 * src/edge/sqlite_vault_store.c in the field, memory_vault_store.c in the simulator and in tests. Everything written
 * between begin and commit is durable when commit returns KS_OK, and gone when it does not, or when the process dies
 * before; and of a slot that is written as gone no secret can be found in any file of the store when commit returned.
 *
 * Tombstones are kept elsewhere (struct ks_vault_tombs): a slot that was destroyed is destroyed in every copy of the
 * store that comes back, before anything of it is served.
 *
 * Errors of every call: KS_ESTORE, KS_EFULL, KS_ENOMEM; further ones are named. A visitor returns false to stop, and
 * does not call the store. */
#ifndef KS_VAULT_STORE_H
#define KS_VAULT_STORE_H

#include "buf.h"

#define KS_VAULT_ID_LEN 16
#define KS_VAULT_TOKEN_LEN 32
#define KS_VAULT_NONCE_LEN 16
#define KS_VAULT_TICKET_LEN 32
#define KS_VAULT_TRIES_MAX 10 /* without a confirmation between them */
#define KS_VAULT_UNLOCKS 2    /* that an administrator has within a year */

enum ks_vault_kind { KS_VAULT_PIN = 1, KS_VAULT_ACCOUNT = 2, KS_VAULT_SERVICE = 3 };
enum ks_vault_state {
    KS_VAULT_OPEN = 1,
    KS_VAULT_LOCKED = 2, /* all tries are used up */
    KS_VAULT_GONE = 3    /* destroyed: all secrets of the row are zeroes */
};

struct ks_vault_slot {
    uint8_t id[KS_VAULT_ID_LEN];
    uint64_t account; /* ks_account_row.id */
    uint64_t device;  /* user_device.h; 0: of no device (KS_VAULT_ACCOUNT) */
    enum ks_vault_kind kind;
    enum ks_vault_state state;
    uint8_t token_hash[32]; /* SHA-256 of the token */
    uint8_t key[32];        /* of the OPRF */
    uint8_t confirm[32];    /* Ed25519: who has the PIN can sign for it */
    uint8_t nonce[KS_VAULT_NONCE_LEN];
    bool nonce_open; /* nobody confirmed with it yet */
    uint8_t ticket[KS_VAULT_TICKET_LEN];
    int64_t ticket_end_ms; /* 0: there is none */
    uint64_t gen;
    uint32_t tries; /* counted since the last confirmation */
    int64_t tried_ms;
    int64_t day_ms; /* when the day began of which day_count counts the evaluations */
    uint32_t day_count;
    int64_t made_ms, confirmed_ms, gone_ms; /* 0: not yet */
    int64_t unlocked_ms[KS_VAULT_UNLOCKS];  /* by an administrator, newest first */
};

/* A slot as a record, for drivers and backups (vault_record.c). Read: KS_ESYNTAX, what no slot is; *ret_slot is written
 * on KS_OK only. */
#define KS_VAULT_RECORD_LEN 260
void ks_vault_slot_write(struct ks_buf *buf, const struct ks_vault_slot *slot);
KS_CHECK enum ks_err ks_vault_slot_read(struct ks_str record, struct ks_vault_slot *ret_slot);

typedef bool ks_visit_vault_slot(void *user, const struct ks_vault_slot *slot);

struct ks_vault_store;

struct ks_vault_store_ops {
    void (*free)(struct ks_vault_store *s);
    enum ks_err (*begin)(struct ks_vault_store *s);
    enum ks_err (*commit)(struct ks_vault_store *s);
    void (*rollback)(struct ks_vault_store *s);
    /* KS_ENOTFOUND. */
    enum ks_err (*get)(struct ks_vault_store *s, const uint8_t id[KS_VAULT_ID_LEN], struct ks_vault_slot *ret_slot);
    /* Makes it, or writes over what stands under its id. */
    enum ks_err (*put)(struct ks_vault_store *s, const struct ks_vault_slot *slot);
    /* Nothing there is KS_OK. */
    enum ks_err (*remove)(struct ks_vault_store *s, const uint8_t id[KS_VAULT_ID_LEN]);
    /* Those of an account in the order of their ids; account 0: all. */
    enum ks_err (*each)(struct ks_vault_store *s, uint64_t account, ks_visit_vault_slot *visit, void *user);
};

struct ks_vault_store {
    const struct ks_vault_store_ops *ops;
};

static inline void ks_vault_store_free(struct ks_vault_store *s)
{
    if (s)
        s->ops->free(s);
}

/* Which slots were destroyed, for ever. */
typedef bool ks_visit_vault_tomb(void *user, const uint8_t id[KS_VAULT_ID_LEN]);

struct ks_vault_tombs {
    /* These are destroyed: durable when it returns KS_OK. An id that was there is no error. */
    enum ks_err (*bury)(struct ks_vault_tombs *t, const uint8_t (*ids)[KS_VAULT_ID_LEN], size_t count);
    enum ks_err (*each)(struct ks_vault_tombs *t, ks_visit_vault_tomb *visit, void *user);
};

/* --- the memory driver (memory_vault_store.c), for tests and the simulator --- */

KS_CHECK struct ks_vault_store *ks_memory_vault_store_new(void); /* NULL without memory */
/* Its tombstones, which live as long as it. */
struct ks_vault_tombs *ks_memory_vault_tombs(struct ks_vault_store *s);
/* The process dies: what was not committed is gone; the object can be used as after a restart. */
void ks_memory_vault_store_crash(struct ks_vault_store *s);
/* From now on this many commits and burials succeed, and then all fail: KS_EFULL (UINT_MAX: none fails). */
void ks_memory_vault_store_last(struct ks_vault_store *s, unsigned count);
/* A backup and what comes of it: all slots as another store has them; tombstones stay as they are. KS_ENOMEM. */
KS_CHECK enum ks_err ks_memory_vault_store_copy(struct ks_vault_store *s, struct ks_vault_store *from);

#endif
