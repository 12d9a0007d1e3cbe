/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* p256_group.h -- arithmetic of the group of P-256 (SEC 2 §2.4.2) and of numbers modulo its order n, for what is built
 * of them: keys in shares, proofs about two points. Whoever only agrees on keys or signs uses crypto.h.
 *
 * A part of the contract of crypto.h: both drivers have it, with the same known answers (tests/unit/test_p256_group.c).
 * A point is its uncompressed form 04 | x | y; infinity is none, so what would be it is KS_ECRYPTO, and so is what lies
 * beside the curve. A scalar is 32 bytes, big-endian, below n, in its one form; what is not below n is KS_ECRYPTO.
 * Nothing is written then. An output may be the very memory of an input.
 *
 * Time. The scalars' arithmetic (p256_scalar.c) has neither branch nor address that hangs on a value. A multiplication
 * of a point takes the same time for all scalars, as far as the libraries go: OpenSSL's EC_POINT_mul of one scalar is
 * what its own ECDSA uses (a table that is read whole, or nistz256); mbedTLS's mbedtls_ecp_mul is a comb that reads its
 * table whole and starts from coordinates that chance blinded. Adding points takes a time that hangs on whether they
 * are equal or opposite, and on nothing else that is not public. */
#ifndef KS_P256_GROUP_H
#define KS_P256_GROUP_H

#include "crypto.h"

#define KS_P256_SCALAR_LEN 32
#define KS_P256_POINT_LEN KS_P256_PUBLIC_LEN

/* scalar times point; ks_p256_public is it for the generator. KS_ECRYPTO, too, if scalar is 0. */
KS_CHECK enum ks_err ks_p256_times(const uint8_t scalar[KS_P256_SCALAR_LEN], const uint8_t point[KS_P256_POINT_LEN],
    uint8_t ret_product[KS_P256_POINT_LEN]);
/* a + b; a may be b. */
KS_CHECK enum ks_err ks_p256_plus(
    const uint8_t a[KS_P256_POINT_LEN], const uint8_t b[KS_P256_POINT_LEN], uint8_t ret_sum[KS_P256_POINT_LEN]);

/* Modulo n. A random scalar that is not 0 is ks_p256_generate's. */
KS_CHECK enum ks_err ks_p256_scalar_add(
    const uint8_t a[KS_P256_SCALAR_LEN], const uint8_t b[KS_P256_SCALAR_LEN], uint8_t ret_sum[KS_P256_SCALAR_LEN]);
KS_CHECK enum ks_err ks_p256_scalar_subtract(const uint8_t a[KS_P256_SCALAR_LEN], const uint8_t b[KS_P256_SCALAR_LEN],
    uint8_t ret_difference[KS_P256_SCALAR_LEN]);
KS_CHECK enum ks_err ks_p256_scalar_multiply(
    const uint8_t a[KS_P256_SCALAR_LEN], const uint8_t b[KS_P256_SCALAR_LEN], uint8_t ret_product[KS_P256_SCALAR_LEN]);
/* 1 / a. KS_ECRYPTO, too, if a is 0. */
KS_CHECK enum ks_err ks_p256_scalar_invert(
    const uint8_t a[KS_P256_SCALAR_LEN], uint8_t ret_inverse[KS_P256_SCALAR_LEN]);
/* A hash as a scalar: 256 bits modulo n, so 2^-32 away from even. Good for a challenge, and for no secret. */
void ks_p256_scalar_of_hash(const uint8_t hash[32], uint8_t ret_scalar[KS_P256_SCALAR_LEN]);
/* A small number. */
void ks_p256_scalar_of(uint32_t number, uint8_t ret_scalar[KS_P256_SCALAR_LEN]);

#endif
