/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_pin.h -- slots that open with a PIN and konsild's help (doc/PROTOCOL.md §10.2, §16), in phases without IO.
 *
 * What a PIN gives is not enough for the wrap: konsild multiplies a blinded point by the slot's key, counts that as a
 * try, and does not learn what it helped with. Argon2id's salt is in the header file, so neither the server's database
 * nor a copy of the file is good for guessing; both together are, at Argon2id's cost.
 *
 * An unlock: ks_pin_begin; POST the eval body to ks_pin_path(KS_PIN_EVAL); ks_pin_evaluated, after which the vault is
 * open and the file is to be written, since the slot's generation rose; POST the confirm body, without which the tries
 * are not given back; ks_pin_confirmed.
 * A new slot in an open vault: ks_pin_make; the iq `make` with ks_pin_new; ks_pin_made; then the same: after
 * ks_pin_evaluated the vault has the slot. To change a PIN make a second slot, and drop the first when the second was
 * confirmed, at the server and then here: whatever ends in between, one of them opens.
 *
 * A service's slot (KS_SLOT_SERVICE) is one whose PIN is 32 random bytes. A try belongs to one thread; secrets of it
 * are wiped when they are used up, and when it is freed. */
#ifndef KS_VAULT_PIN_H
#define KS_VAULT_PIN_H

#include "ed25519.h"
#include "pin_answer.h"
#include "vault.h"

#define KS_PIN_BYTES_MAX 256 /* of a PIN: its UTF-8 after OpaqueString (RFC 8265 §4.2), or a service's bytes */
#define KS_PIN_SLOT_LEN 16
#define KS_PIN_TOKEN_LEN 32
#define KS_PIN_BODY_MAX 512 /* of a request */

struct ks_pin_try;
void ks_pin_free(struct ks_pin_try *t); /* wipes; accepts NULL */
KS_AUTO_DEFINE(struct ks_pin_try, ks_pin_free)

/* Blocks for Argon2id's cost. KS_ENOTFOUND: no PIN's or service's slot has the number; KS_ECRYPTO: its params are none;
 * KS_ELIMIT: it asks for a cost outside the bounds, which is not tried, or the PIN is empty or too long; KS_ENOMEM. */
KS_CHECK enum ks_err ks_pin_begin(
    struct ks_vault *v, struct ks_prng *prng, uint32_t number, struct ks_str pin, struct ks_pin_try **ret_try);

/* Blocks likewise. kind: KS_SLOT_PIN or KS_SLOT_SERVICE. Whether a PIN is a good one: pin_rules.h. KS_ESTATE: the vault
 * is locked; KS_ELIMIT: cost, PIN, or no place for a slot; KS_ENOMEM. */
KS_CHECK enum ks_err ks_pin_make(struct ks_vault *v, struct ks_prng *prng, enum ks_vault_kind kind, struct ks_str pin,
    struct ks_vault_cost cost, struct ks_pin_try **ret_try);
/* What the server is told of a new slot (§16.2). */
struct ks_pin_new {
    uint8_t slot[KS_PIN_SLOT_LEN], token_hash[32], confirm[KS_ED25519_PUBLIC_LEN];
};
void ks_pin_new(const struct ks_pin_try *t, struct ks_pin_new *ret_new);
/* What the server said of it. */
void ks_pin_made(struct ks_pin_try *t, const uint8_t keyid[KS_OPRF_KEY_ID_LEN]);

void ks_pin_eval_body(const struct ks_pin_try *t, struct ks_buf *buf);
/* status 0: nothing came. With KS_PIN_YES the vault is open, or has the slot, and is to be written before the
 * confirmation is sent; with any other answer nothing changed, and the try can only be freed. left and seconds are
 * filled in. KS_ESTATE: a new slot, and the vault was locked meanwhile; KS_ENOTFOUND: the slot was removed meanwhile;
 * KS_ENOMEM: the server has counted a try. */
struct ks_pin_said {
    enum ks_pin_told told;
    uint32_t left, seconds;
    bool another; /* something else confirmed this slot, too: a copy of the profile, or this one is old */
    bool has_ticket;
    uint8_t ticket[KS_PIN_TICKET_LEN]; /* for vault_prf.h; a secret */
};
KS_CHECK enum ks_err ks_pin_evaluated(struct ks_vault *v, struct ks_prng *prng, struct ks_pin_try *t, unsigned status,
    struct ks_str body, struct ks_pin_said *ret_said);

/* After KS_PIN_YES. */
void ks_pin_confirm_body(const struct ks_pin_try *t, struct ks_buf *buf);
/* With `another` the slot's generation is now the server's, and the vault is to be written again. As above. */
KS_CHECK enum ks_err ks_pin_confirmed(struct ks_vault *v, struct ks_prng *prng, struct ks_pin_try *t, unsigned status,
    struct ks_str body, struct ks_pin_said *ret_said);
uint32_t ks_pin_number(const struct ks_pin_try *t); /* of the slot; after KS_PIN_YES */

/* By what the server knows a slot. KS_ENOTFOUND, KS_ECRYPTO as above. */
KS_CHECK enum ks_err ks_pin_slot(const struct ks_vault *v, uint32_t number, uint8_t ret_slot[KS_PIN_SLOT_LEN]);
/* The body to ask for the ticket again (§16.5), which needs no PIN; its answer: ks_pin_answer_read. Likewise. */
KS_CHECK enum ks_err ks_pin_ticket_body(const struct ks_vault *v, uint32_t number, struct ks_buf *buf);

#endif
