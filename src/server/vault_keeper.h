/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_keeper.h -- the rules of the vault (doc/PROTOCOL.md §16): who may try a PIN, how often, and what ends a key.
 *
 * One object, used by the committer in its thread, over a store of its own. All that is asked in a turn is one
 * transaction: what an evaluation costs is durable before it is made, so a crash between the two costs a try and tells
 * nothing. Each call is done in its order and sees those before it, so of a hundred evaluations that come at once ten
 * are made.
 *
 * Time may go back (a clock that is set): a wait begins anew then, and a window is over. */
#ifndef KS_VAULT_KEEPER_H
#define KS_VAULT_KEEPER_H

#include "arena.h"
#include "clock.h"
#include "ed25519.h"
#include "oprf.h"
#include "vault_store.h"

#define KS_VAULT_SLOTS_MAX 16        /* of an account, without those that are gone */
#define KS_VAULT_ACCOUNT_SLOTS_MAX 2 /* of them: the one, and the one that takes its place */
#define KS_VAULT_DAY_MAX 200         /* evaluations of a slot in 24 hours */
#define KS_VAULT_UNLOCK_TRIES 3      /* that an administrator gives back */
#define KS_VAULT_RESTORED_TRIES 5    /* a slot of a backup has used up at least so many */
#define KS_VAULT_FRESH_MS 300000     /* a confirmation is fresh for so long */
#define KS_VAULT_GONE_DAYS 90        /* so long it is told that a slot was destroyed, and then it is unknown */
#define KS_VAULT_GEN_MAX ((1ULL << 53) - 1)

enum ks_vault_want {
    KS_VAULT_EVAL = 1, /* slot, token, blinded, account -> z, keyid, nonce, left */
    KS_VAULT_CONFIRM,  /* slot, token, gen, signature, window_ms, account -> gen, ticket */
    KS_VAULT_TICKET,   /* slot, token -> ticket */
    KS_VAULT_MAKE,     /* slot, token_hash, confirm, kind, account, device -> keyid */
    KS_VAULT_DROP,     /* slot, account, device; token, of an account slot */
    KS_VAULT_LIST,     /* account -> slots */
    KS_VAULT_UNLOCK,   /* slot, account */
    KS_VAULT_IS_FRESH, /* account, device -> KS_VAULT_YES or KS_VAULT_STALE */
};
enum ks_vault_answer {
    KS_VAULT_YES = 1,
    KS_VAULT_UNKNOWN, /* no such slot, or another token, or a signature that is none: nothing is told apart */
    KS_VAULT_MALFORMED,
    KS_VAULT_WAIT, /* wait_s */
    KS_VAULT_IS_LOCKED,
    KS_VAULT_IS_GONE,
    KS_VAULT_EXISTS, /* MAKE: there is a slot of that id, or too many account slots; UNLOCK: it is not locked */
    KS_VAULT_FULL,   /* MAKE: too many; UNLOCK: too often */
    KS_VAULT_STALE,  /* needs a fresh confirmation */
    KS_VAULT_LATER,  /* the store refuses */
};

struct ks_vault_call {
    enum ks_vault_want want;
    uint8_t slot[KS_VAULT_ID_LEN], token[KS_VAULT_TOKEN_LEN], token_hash[32], blinded[KS_OPRF_ELEMENT_LEN],
        confirm[KS_ED25519_PUBLIC_LEN], signature[KS_ED25519_SIGNATURE_LEN];
    enum ks_vault_kind kind;
    uint64_t account, device, gen; /* account 0, of a try: whichever; else an account slot of it. gen: both ways */
    int64_t window_ms;
    /* The answer: */
    enum ks_vault_answer answer;
    uint8_t z[KS_OPRF_ELEMENT_LEN], keyid[KS_OPRF_KEY_ID_LEN], nonce[KS_VAULT_NONCE_LEN], ticket[KS_VAULT_TICKET_LEN];
    bool has_ticket;
    uint32_t left, wait_s;
    struct ks_vault_slot *slots; /* without secrets; in the arena */
    size_t slots_count;
    /* What goes into the audit log before it is answered: an action, and the account whose slot it is; or NULL. */
    const char *audit;
    uint64_t audit_account;
    struct ks_str audit_actor, audit_subject; /* of UNLOCK, of whoever asks; else empty */
    uint8_t key[KS_OPRF_SCALAR_LEN];          /* the keeper's own, between ks_vault_do and ks_vault_end_turn */
};

struct ks_vault_keeper;

/* store and tombs stay the caller's and are used by nobody else. Destroys what has a tombstone, before anything is
 * served. KS_ENOMEM, KS_ESTORE, KS_EFULL. */
KS_CHECK enum ks_err ks_vault_keeper_new(struct ks_vault_store *store, struct ks_vault_tombs *tombs,
    const uint8_t seed[KS_PRNG_SEED_LEN], struct ks_now now, struct ks_vault_keeper **ret_keeper);
void ks_vault_keeper_free(struct ks_vault_keeper *k); /* accepts NULL */

/* A turn: begin, any calls, and an end. When one of them fails, nothing of the turn is to be answered but
 * KS_VAULT_LATER: ks_vault_drop_turn. */
KS_CHECK enum ks_err ks_vault_begin_turn(struct ks_vault_keeper *k, struct ks_now now);
/* arena: for lists. */
KS_CHECK enum ks_err ks_vault_do(
    struct ks_vault_keeper *k, struct ks_vault_call *call, struct ks_arena *arena, struct ks_now now);
/* Makes it durable. Then each call is finished, which evaluates. */
KS_CHECK enum ks_err ks_vault_commit_turn(struct ks_vault_keeper *k);
void ks_vault_finish(struct ks_vault_call *call);
void ks_vault_drop_turn(struct ks_vault_keeper *k);

/* Destroys at once, outside of a turn: keys and tickets are zeroes and tombstones are there when it returns KS_OK. When
 * it does not, none of these slots is served before they are. */
enum ks_vault_end {
    KS_VAULT_END_DEVICE,  /* those of the device */
    KS_VAULT_END_DEVICES, /* those of all devices; the account slot stays */
    KS_VAULT_END_ACCOUNT, /* all */
};
KS_CHECK enum ks_err ks_vault_end(struct ks_vault_keeper *k, enum ks_vault_end what, uint64_t account, uint64_t device,
    struct ks_now now, size_t *ret_count);

/* --- for the edge --- */

/* What a restored backup may not bring back: fewer tries than it is to have used up, a nonce, a ticket. */
void ks_vault_restored(struct ks_vault_slot *slot);
/* What is signed to confirm: "konsil/0 confirm\n", slot, nonce, gen. */
#define KS_VAULT_CONFIRM_LEN (sizeof "konsil/0 confirm\n" - 1 + 2 + KS_VAULT_ID_LEN + 2 + KS_VAULT_NONCE_LEN + 8)
void ks_vault_confirm_bytes(const uint8_t slot[KS_VAULT_ID_LEN], const uint8_t nonce[KS_VAULT_NONCE_LEN], uint64_t gen,
    uint8_t ret_bytes[KS_VAULT_CONFIRM_LEN]);

#endif
