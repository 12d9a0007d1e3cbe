/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ed25519.h -- signatures by a key that follows from a PIN (RFC 8032, Ed25519), for the vault's confirmation.
 *
 * Over libsodium, whichever driver a program links, as oprf.h. All else that konsil signs is P-256 (crypto.h): here the
 * key is 32 bytes that somebody derived, and any 32 bytes are one. */
#ifndef KS_ED25519_H
#define KS_ED25519_H

#include "crypto.h"

#define KS_ED25519_SEED_LEN 32
#define KS_ED25519_PUBLIC_LEN 32
#define KS_ED25519_SIGNATURE_LEN 64

/* §5.1.5 */
void ks_ed25519_public(const uint8_t seed[KS_ED25519_SEED_LEN], uint8_t ret_public[KS_ED25519_PUBLIC_LEN]);
/* §5.1.6: the same bytes give the same signature. */
void ks_ed25519_sign(
    const uint8_t seed[KS_ED25519_SEED_LEN], struct ks_str bytes, uint8_t ret_signature[KS_ED25519_SIGNATURE_LEN]);
/* §5.1.7; keys of small order and values that are not in their one form are refused. KS_ECRYPTO. */
KS_CHECK enum ks_err ks_ed25519_verify(const uint8_t public_key[KS_ED25519_PUBLIC_LEN], struct ks_str bytes,
    const uint8_t signature[KS_ED25519_SIGNATURE_LEN]);

#endif
