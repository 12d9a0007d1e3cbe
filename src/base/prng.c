/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "prng.h"

#include "buf.h"

static inline uint32_t rotate(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static uint32_t load(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void quarter(uint32_t x[16], int a, int b, int c, int d)
{
    x[a] += x[b];
    x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = rotate(x[b] ^ x[c], 7);
}

void ks_prng_block(const uint8_t key[32], uint32_t counter, const uint8_t nonce[12], uint8_t ret_block[64])
{
    uint32_t start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }, x[16];

    for (int i = 0; i < 8; i++)
        start[4 + i] = load(key + 4 * i);
    start[12] = counter;
    for (int i = 0; i < 3; i++)
        start[13 + i] = load(nonce + 4 * i);
    memcpy(x, start, sizeof x);
    for (int i = 0; i < 10; i++) {
        quarter(x, 0, 4, 8, 12);
        quarter(x, 1, 5, 9, 13);
        quarter(x, 2, 6, 10, 14);
        quarter(x, 3, 7, 11, 15);
        quarter(x, 0, 5, 10, 15);
        quarter(x, 1, 6, 11, 12);
        quarter(x, 2, 7, 8, 13);
        quarter(x, 3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++) {
        uint32_t word = x[i] + start[i];
        for (int byte = 0; byte < 4; byte++)
            ret_block[4 * i + byte] = (uint8_t)(word >> (8 * byte));
    }
    ks_wipe(x, sizeof x);
    ks_wipe(start, sizeof start);
}

static void refill(struct ks_prng *prng)
{
    static const uint8_t nonce[12];
    uint8_t key[32];

    memcpy(key, prng->block, sizeof key);
    for (uint32_t i = 0; i < sizeof prng->block / 64; i++)
        ks_prng_block(key, i, nonce, prng->block + 64 * (size_t)i);
    ks_wipe(key, sizeof key);
    prng->left = sizeof prng->block - 32;
}

void ks_prng_init(struct ks_prng *prng, const uint8_t seed[KS_PRNG_SEED_LEN])
{
    memcpy(prng->block, seed, KS_PRNG_SEED_LEN);
    prng->left = 0;
}

void ks_prng_init_number(struct ks_prng *prng, uint64_t seed)
{
    uint8_t bytes[KS_PRNG_SEED_LEN] = { 0 };

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(seed >> (8 * i));
    ks_prng_init(prng, bytes);
}

void ks_prng_done(struct ks_prng *prng)
{
    ks_wipe(prng, sizeof *prng);
}

void ks_prng_bytes(struct ks_prng *prng, void *ret_bytes, size_t len)
{
    uint8_t *to = ret_bytes;

    while (len) {
        if (!prng->left)
            refill(prng);
        size_t part = len < prng->left ? len : prng->left;
        uint8_t *from = prng->block + sizeof prng->block - prng->left;
        memcpy(to, from, part);
        ks_wipe(from, part);
        prng->left -= part;
        to += part;
        len -= part;
    }
}

uint64_t ks_prng_u64(struct ks_prng *prng)
{
    uint8_t bytes[8];

    ks_prng_bytes(prng, bytes, sizeof bytes);
    return (uint64_t)load(bytes) | (uint64_t)load(bytes + 4) << 32;
}

uint64_t ks_prng_below(struct ks_prng *prng, uint64_t limit)
{
    uint64_t value, floor = -limit % limit; /* 2^64 mod limit: below it, some results would come once more */

    assert(limit > 0);
    do
        value = ks_prng_u64(prng);
    while (value < floor);
    return value % limit;
}
