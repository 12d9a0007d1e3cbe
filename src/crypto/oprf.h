/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* oprf.h -- a server helps to make a key out of a PIN, and learns nothing of it (RFC 9497, mode OPRF,
 * ristretto255-SHA512).
 *
 * The client blinds what it has, the server multiplies by its key, the client takes the blinding off: the output is a
 * function of both, and each guess at the input is one question to the server. Over libsodium's ristretto255 and the
 * contract's hash; whichever driver a program links. Elements and scalars are 32 bytes, as RFC 9497 §4.1 writes them.
 */
#ifndef KS_OPRF_H
#define KS_OPRF_H

#include "crypto.h"

#define KS_OPRF_ELEMENT_LEN 32
#define KS_OPRF_SCALAR_LEN 32
#define KS_OPRF_OUTPUT_LEN 64
#define KS_OPRF_INPUT_MAX 4096
#define KS_OPRF_KEY_ID_LEN 8

/* A server's key. */
void ks_oprf_generate(struct ks_prng *prng, uint8_t ret_key[KS_OPRF_SCALAR_LEN]);
/* By which a client sees that the server has another one than it had: the first bytes of SHA-256 of key times the
 * generator. KS_ECRYPTO: it is no key. */
KS_CHECK enum ks_err ks_oprf_key_id(const uint8_t key[KS_OPRF_SCALAR_LEN], uint8_t ret_id[KS_OPRF_KEY_ID_LEN]);

/* §3.3.1 Blind. ret_blind is the client's secret until the answer is there. KS_ELIMIT: the input is too long;
 * KS_ECRYPTO: it cannot be mapped, which happens to nobody. */
KS_CHECK enum ks_err ks_oprf_blind(struct ks_prng *prng, struct ks_str input, uint8_t ret_blind[KS_OPRF_SCALAR_LEN],
    uint8_t ret_blinded[KS_OPRF_ELEMENT_LEN]);
/* With a blind of the caller's: known answers. */
KS_CHECK enum ks_err ks_oprf_blind_with(
    const uint8_t blind[KS_OPRF_SCALAR_LEN], struct ks_str input, uint8_t ret_blinded[KS_OPRF_ELEMENT_LEN]);
/* What BlindEvaluate takes: an element, and not the identity. KS_ECRYPTO. */
KS_CHECK enum ks_err ks_oprf_check(const uint8_t blinded[KS_OPRF_ELEMENT_LEN]);
/* §3.3.1 BlindEvaluate, at the server. KS_ECRYPTO: no element, or the identity; or key is none. Nothing is written. */
KS_CHECK enum ks_err ks_oprf_evaluate(const uint8_t key[KS_OPRF_SCALAR_LEN], const uint8_t blinded[KS_OPRF_ELEMENT_LEN],
    uint8_t ret_evaluated[KS_OPRF_ELEMENT_LEN]);
/* §3.3.1 Finalize. KS_ELIMIT; KS_ECRYPTO: the server's answer is no element, or the identity. */
KS_CHECK enum ks_err ks_oprf_finalize(struct ks_str input, const uint8_t blind[KS_OPRF_SCALAR_LEN],
    const uint8_t evaluated[KS_OPRF_ELEMENT_LEN], uint8_t ret_output[KS_OPRF_OUTPUT_LEN]);

#endif
