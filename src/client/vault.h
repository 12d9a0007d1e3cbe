/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault.h -- the header file beside the store: one random data key, wrapped once in each of its slots.
 *
 * The data key DK never leaves this object; what opens the store is derived from it. Every slot wraps the same DK, so
 * a slot can be added, changed or removed without touching the store. Bytes in, bytes out: the caller reads and writes
 * the file, replacing it as a whole. The passphrase's slot is here; the others are in vault_pin.h and vault_prf.h.
 * Format (big-endian):
 *
 *     "KONSILV\n" | u8 version = 1 | 16 bytes profile id | u32 next slot number | u8 slots
 *     slot: u32 number | u8 kind | field id | field params | field wrap          (field: u32 length, bytes)
 *     wrap: 24 bytes nonce | XChaCha20-Poly1305(KEK, nonce, AD, DK | what the kind hides beside it)
 *     AD:   "konsil/0 vault slot\n" | version | profile id | number | kind | field id | field params
 *     passphrase slot: id is empty; params: 16 bytes salt | u32 KiB | u32 passes; KEK = Argon2id(passphrase, …)
 *
 * A slot's own fields are authenticated by its wrap; that slots are missing cannot be told, as with any file. Unknown
 * kinds are kept as they are. Argon2id blocks for its whole cost. Secrets are wiped when the object is locked or
 * freed. One thread. */
#ifndef KS_VAULT_H
#define KS_VAULT_H

#include "buf.h"
#include "prng.h"

#define KS_VAULT_BYTES_MAX (64 * 1024)
#define KS_VAULT_SLOTS_MAX 16
#define KS_VAULT_FIELD_MAX 1024 /* id, params, wrap: each */
#define KS_VAULT_KEY_LEN 32
#define KS_VAULT_PROFILE_LEN 16
#define KS_VAULT_PASSPHRASE_MAX 1024

enum ks_vault_kind {
    KS_SLOT_PASSPHRASE = 1,
    KS_SLOT_PIN = 2,
    KS_SLOT_BIOMETRIC = 3,
    KS_SLOT_OFFLINE = 4,
    KS_SLOT_SERVICE = 5,
};

/* What Argon2id costs. A header asks for what its maker chose, within these bounds. */
struct ks_vault_cost {
    uint32_t kib, passes;
};
#define KS_VAULT_COST_FLOOR ((struct ks_vault_cost) { 19 * 1024, 2 })
#define KS_VAULT_COST_USUAL ((struct ks_vault_cost) { 64 * 1024, 3 })
#define KS_VAULT_KIB_MAX (256 * 1024)
#define KS_VAULT_PASSES_MAX 16

struct ks_vault;

/* A new one, open, with a random DK and profile id and no slot yet. floor: KS_VAULT_COST_FLOOR; tests may give less.
 * KS_ENOMEM. */
KS_CHECK enum ks_err ks_vault_new(struct ks_prng *prng, struct ks_vault_cost floor, struct ks_vault **ret_vault);
/* A locked one from the bytes of the file. KS_ESYNTAX: damaged or no vault; KS_EVERSION: from a newer version;
 * KS_ELIMIT: a limit above; KS_ENOMEM. */
KS_CHECK enum ks_err ks_vault_read(struct ks_str bytes, struct ks_vault_cost floor, struct ks_vault **ret_vault);
void ks_vault_free(struct ks_vault *v); /* wipes */
KS_AUTO_DEFINE(struct ks_vault, ks_vault_free)

/* Appends the file's bytes. At least one slot is there (asserted): a vault without one could never be opened. */
void ks_vault_write(const struct ks_vault *v, struct ks_buf *buf);

bool ks_vault_is_open(const struct ks_vault *v);
void ks_vault_lock(struct ks_vault *v); /* wipes DK */
void ks_vault_profile(const struct ks_vault *v, uint8_t ret_profile[KS_VAULT_PROFILE_LEN]);

/* Tries every passphrase slot. KS_OK: open, *ret_number tells by which; KS_ECRYPTO: none fits (wrong passphrase, or a
 * slot that was altered); KS_ELIMIT: no slot fits and one asks for a cost outside the bounds, which was not tried;
 * KS_ENOTFOUND: no passphrase slot; KS_ENOMEM (Argon2id's memory). */
KS_CHECK enum ks_err ks_vault_unlock(struct ks_vault *v, struct ks_str passphrase, uint32_t *ret_number);

/* The rest needs an open vault (KS_ESTATE). cost outside the bounds, or a passphrase that is empty or longer than
 * KS_VAULT_PASSPHRASE_MAX: KS_ELIMIT. */
KS_CHECK enum ks_err ks_vault_add(struct ks_vault *v, struct ks_prng *prng, struct ks_str passphrase,
    struct ks_vault_cost cost, uint32_t *ret_number);
/* Another passphrase or cost for a slot; the number stays. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_vault_rewrap(
    struct ks_vault *v, struct ks_prng *prng, uint32_t number, struct ks_str passphrase, struct ks_vault_cost cost);
/* Numbers are never given again. KS_ENOTFOUND; KS_ESTATE also for the last slot that opens the vault by itself: one
 * with a passphrase, a PIN, or of a service. With a PIN's slot go its biometric and the offline one. */
KS_CHECK enum ks_err ks_vault_remove(struct ks_vault *v, uint32_t number);

/* The numbers and kinds of the slots, in the order of the file; returns how many there are. */
struct ks_vault_slot_info {
    uint32_t number;
    uint8_t kind;
};
size_t ks_vault_slots(const struct ks_vault *v, struct ks_vault_slot_info ret_slots[KS_VAULT_SLOTS_MAX]);

/* HKDF-SHA-256(DK, no salt, "konsil/0 store"): the raw key of the store. */
KS_CHECK enum ks_err ks_vault_store_key(const struct ks_vault *v, uint8_t ret_key[KS_VAULT_KEY_LEN]);

#endif
