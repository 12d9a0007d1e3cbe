/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_wrap.h -- what the kinds of slots share: for vault*.c and their tests, and for nobody else.
 *
 * A kind has a way to its key KEK and to the bytes of id and params. Which bytes are authenticated, and that a wrap is
 * AEAD under KEK of DK and of what the kind hides beside it, is the same for all (vault.h). */
#ifndef KS_VAULT_WRAP_H
#define KS_VAULT_WRAP_H

#include "crypto.h"
#include "vault.h"

#define KS_SLOT_MORE_MAX 32 /* hidden beside DK */

struct ks_slot_field {
    uint8_t bytes[KS_VAULT_FIELD_MAX];
    size_t len;
};

struct ks_slot {
    uint32_t number;
    uint8_t kind;
    struct ks_slot_field id, params, wrap;
};

struct ks_vault {
    struct ks_vault_cost floor;
    uint8_t profile[KS_VAULT_PROFILE_LEN];
    uint32_t next_number;
    size_t count;
    struct ks_slot slots[KS_VAULT_SLOTS_MAX];
    bool open;
    uint8_t data_key[KS_VAULT_KEY_LEN];
};

static inline struct ks_str ks_slot_field_str(const struct ks_slot_field *field)
{
    return ks_str(field->bytes, field->len);
}

/* At most KS_VAULT_FIELD_MAX bytes (asserted). */
void ks_slot_field_set(struct ks_slot_field *field, struct ks_str bytes);

/* NULL: none has the number. */
struct ks_slot *ks_slot_find(struct ks_vault *v, uint32_t number);
/* An empty one behind the others with the number that is next, which is not part of the vault before ks_slot_append.
 * KS_ESTATE: the vault is locked; KS_ELIMIT: there is no place. */
KS_CHECK enum ks_err ks_slot_new(struct ks_vault *v, uint8_t kind, struct ks_slot **ret_slot);
void ks_slot_append(struct ks_vault *v); /* what ks_slot_new gave; returns nothing that could fail */

/* Seals DK and more under kek, into slot->wrap; number, kind, id and params stand. Unchanged after KS_ENOMEM. */
KS_CHECK enum ks_err ks_slot_seal(const struct ks_vault *v, struct ks_prng *prng, const uint8_t kek[KS_AEAD_KEY_LEN],
    struct ks_str more, struct ks_slot *slot);
/* The reverse; writes all of ret_more, or nothing of both. KS_ECRYPTO; KS_ENOMEM. */
KS_CHECK enum ks_err ks_slot_open(const struct ks_vault *v, const struct ks_slot *slot,
    const uint8_t kek[KS_AEAD_KEY_LEN], uint8_t ret_key[KS_VAULT_KEY_LEN], uint8_t *ret_more, size_t more_len);
/* The vault is open, with that DK. */
void ks_vault_opened(struct ks_vault *v, const uint8_t key[KS_VAULT_KEY_LEN]);

/* How a kind makes bytes out of something that can be guessed: in its params, and so authenticated. */
#define KS_SLOT_SALT_LEN 16
#define KS_SLOT_ARGON_LEN (KS_SLOT_SALT_LEN + 4 + 4)
struct ks_slot_argon {
    uint8_t salt[KS_SLOT_SALT_LEN];
    struct ks_vault_cost cost;
};
struct ks_slot_argon ks_slot_argon_new(struct ks_prng *prng, struct ks_vault_cost cost);
void ks_slot_argon_write(const struct ks_slot_argon *argon, struct ks_buf *buf);
KS_CHECK enum ks_err ks_slot_argon_read(struct ks_cursor *at, struct ks_slot_argon *ret_argon); /* KS_ESYNTAX */
/* Within the vault's floor and the ceiling. */
bool ks_slot_cost_fits(const struct ks_vault *v, struct ks_vault_cost cost);
/* Blocks for its whole cost. KS_ELIMIT: the cost does not fit, and nothing was computed; KS_ENOMEM. */
KS_CHECK enum ks_err ks_slot_argon_run(
    const struct ks_vault *v, const struct ks_slot_argon *argon, struct ks_str secret, uint8_t ret_key[32]);

#endif
