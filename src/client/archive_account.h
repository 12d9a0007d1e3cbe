/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_account.h -- the ring's slots for who has no device any more: a PIN, a recovery key (doc/PROTOCOL.md §17.11).
 *
 * Such a slot has a pair of its own, whose private half lies shut in the slot's blob, with the anchor. A PIN opens it
 * together with what konsild and the registrar have; a recovery key, 26 letters on paper, alone. Asking konsild is the
 * caller's (oprf.h, §16). Keys that are returned are the caller's to wipe. */
#ifndef KS_ARCHIVE_ACCOUNT_H
#define KS_ARCHIVE_ACCOUNT_H

#include "archive_ring.h"

#define KS_ACCOUNT_PIN_MAX 1024
#define KS_ACCOUNT_KIB_MIN 19456 /* §10 */
#define KS_ACCOUNT_KIB_MAX 262144
#define KS_ACCOUNT_PASSES_MIN 2
#define KS_ACCOUNT_PASSES_MAX 16
#define KS_ACCOUNT_ID_LEN 16
#define KS_ACCOUNT_INPUT_LEN 65 /* purpose, id, 32 bytes */
#define KS_ACCOUNT_OUTPUT_LEN 64
#define KS_RECOVERY_KEY_LEN 15
#define KS_RECOVERY_TEXT_LEN 32 /* 26 letters in groups of four */

/* What stands at the head of a PIN's blob. */
struct ks_account_pin {
    uint8_t id[KS_ACCOUNT_ID_LEN]; /* of the account slot at konsild */
    uint8_t salt[16];
    uint32_t kib, passes;
};

/* What the blob opens to. */
struct ks_account_opened {
    uint8_t private_key[KS_P256_PRIVATE_LEN];
    uint8_t anchor[32];
};

/* KS_ELIMIT: a cost outside of the limits above; nothing is to be computed with it. */
KS_CHECK enum ks_err ks_account_pin_read(const struct ks_ring_seat *seat, struct ks_account_pin *ret_pin);
/* What goes into konsild's function, out of the PIN (after OpaqueString). Blocks for the time of Argon2id, at any cost:
 * ks_account_pin_read looks at it. KS_ELIMIT: the PIN is empty or too long; else as ks_argon2id. */
KS_CHECK enum ks_err ks_account_input(
    const struct ks_account_pin *pin, struct ks_str text, uint8_t ret_input[KS_ACCOUNT_INPUT_LEN]);
/* The key, out of what came back and the registrar's share. */
void ks_account_key(const struct ks_account_pin *pin, const uint8_t output[KS_ACCOUNT_OUTPUT_LEN],
    const uint8_t share[32], uint8_t ret_key[32]);

/* By what konsild lets a device of the account try the PIN, and no other: SHA-256 of it is the slot's token (§16.2). */
void ks_account_token(const struct ks_account_pin *pin, const uint8_t share[32], uint8_t ret_token[32]);
/* Ed25519's seed, by which a slot's try is confirmed, out of what the PIN opens. */
void ks_account_seed(
    const struct ks_account_pin *pin, const uint8_t private_key[KS_P256_PRIVATE_LEN], uint8_t ret_seed[32]);

/* A recovery key as it is written, with a final zero: in capitals, with hyphens; and as it is read, in any case, with
 * blanks or hyphens anywhere. KS_ESYNTAX: not 26 of its letters, or one or two of them are others. */
void ks_recovery_write(const uint8_t key[KS_RECOVERY_KEY_LEN], char ret_text[KS_RECOVERY_TEXT_LEN + 1]);
KS_CHECK enum ks_err ks_recovery_read(struct ks_str text, uint8_t ret_key[KS_RECOVERY_KEY_LEN]);
void ks_recovery_key(const uint8_t recovery[KS_RECOVERY_KEY_LEN], uint8_t ret_key[32]);

/* A seat for a new pair (ks_p256_generate), whose private half is shut with key. pin: of a PIN's seat; NULL: of a
 * recovery key's. KS_ENOMEM. */
KS_CHECK enum ks_err ks_account_seat(struct ks_prng *prng, struct ks_str account, const struct ks_account_pin *pin,
    const uint8_t private_key[KS_P256_PRIVATE_LEN], const uint8_t key[32], const uint8_t anchor[32],
    struct ks_ring_seat *ret_seat);
/* KS_ECRYPTO: another key, so another PIN, or another account, or altered; KS_ENOMEM. Wipe *ret_opened. */
KS_CHECK enum ks_err ks_account_open(const struct ks_ring_seat *seat, struct ks_str account, const uint8_t key[32],
    struct ks_account_opened *ret_opened);

#endif
