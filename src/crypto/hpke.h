/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* hpke.h -- sealing for whoever has a private key: HPKE (RFC 9180), base mode, one message for each key that is made
 * for it. DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305 (0x0010, 0x0001, 0x0003), over the contract alone.
 *
 * Anybody can seal: that it was a certain one, somebody has to sign. info says what it is for, and begins with its
 * purpose (doc/PROTOCOL.md §2); extra is authenticated as it is. */
#ifndef KS_HPKE_H
#define KS_HPKE_H

#include "crypto.h"

#define KS_HPKE_ENC_LEN KS_P256_PUBLIC_LEN /* the public half of the key that was made for one message */
#define KS_HPKE_TAG_LEN KS_AEAD_TAG_LEN

/* ret_sealed has room for bytes.len + KS_HPKE_TAG_LEN. KS_ECRYPTO: recipient is no key; nothing was written. */
KS_CHECK enum ks_err ks_hpke_seal(struct ks_prng *prng, const uint8_t recipient[KS_P256_PUBLIC_LEN], struct ks_str info,
    struct ks_str extra, struct ks_str bytes, uint8_t ret_enc[KS_HPKE_ENC_LEN], uint8_t *ret_sealed);
/* The same with a private key that the caller made, for this message alone, because he signs with it, too. */
KS_CHECK enum ks_err ks_hpke_seal_with(const uint8_t ephemeral[KS_P256_PRIVATE_LEN],
    const uint8_t recipient[KS_P256_PUBLIC_LEN], struct ks_str info, struct ks_str extra, struct ks_str bytes,
    uint8_t ret_enc[KS_HPKE_ENC_LEN], uint8_t *ret_sealed);

/* ret_bytes has room for sealed.len - KS_HPKE_TAG_LEN. KS_ECRYPTO: enc is no point, or it was sealed for another key,
 * for something else, or altered; nothing was written. */
KS_CHECK enum ks_err ks_hpke_open(const uint8_t private_key[KS_P256_PRIVATE_LEN], const uint8_t enc[KS_HPKE_ENC_LEN],
    struct ks_str info, struct ks_str extra, struct ks_str sealed, uint8_t *ret_bytes);
/* The same for who has the x coordinate of private key times enc, and not the key: it was put together of shares. */
KS_CHECK enum ks_err ks_hpke_open_shared(const uint8_t dh[32], const uint8_t recipient[KS_P256_PUBLIC_LEN],
    const uint8_t enc[KS_HPKE_ENC_LEN], struct ks_str info, struct ks_str extra, struct ks_str sealed,
    uint8_t *ret_bytes);

#endif
