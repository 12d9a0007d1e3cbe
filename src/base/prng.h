/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* prng.h -- chance is an argument too.
 *
 * ChaCha20 (RFC 8439) with fast key erasure: each refill replaces the key by the first 32 bytes of the stream,
 * and what was given out is wiped, so a later leak of the state tells nothing of the past. Seeded from the
 * operating system by src/edge, or from a number by the simulator. Good for keys, nonces and ids. */
#ifndef KS_PRNG_H
#define KS_PRNG_H

#include "str.h"

#define KS_PRNG_SEED_LEN 32

struct ks_prng {
    uint8_t block[768]; /* the next key, then bytes to give out from the end */
    size_t left;
};

void ks_prng_init(struct ks_prng *prng, const uint8_t seed[KS_PRNG_SEED_LEN]);
/* For tests and the simulator only. */
void ks_prng_init_number(struct ks_prng *prng, uint64_t seed);
void ks_prng_done(struct ks_prng *prng);

void ks_prng_bytes(struct ks_prng *prng, void *ret_bytes, size_t len);
uint64_t ks_prng_u64(struct ks_prng *prng);
/* 0 <= result < limit, without bias; limit > 0. */
uint64_t ks_prng_below(struct ks_prng *prng, uint64_t limit);

/* One block of RFC 8439 §2.3, for the known-answer test. */
void ks_prng_block(const uint8_t key[32], uint32_t counter, const uint8_t nonce[12], uint8_t ret_block[64]);

#endif
