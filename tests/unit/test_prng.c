/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "prng.h"

/* RFC 8439 §2.3.2 and appendix A.1. */
static void block_function(void)
{
    static const struct {
        const char *name;
        bool counting_key;
        uint8_t last_key_byte;
        uint32_t counter;
        uint8_t nonce[12], want[64];
    } table[] = {
        { "RFC 8439 §2.3.2: the block function", true, 0x1f, 1, { 0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0 },
            { 0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4, 0xc7,
                0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82,
                0x64, 0x46, 0x07, 0x9f, 0xaa, 0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c,
                0xd1, 0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e } },
        { "RFC 8439 A.1 #1: all zeroes", false, 0, 0, { 0 },
            { 0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28, 0xbd,
                0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7, 0xda, 0x41,
                0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d, 0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37, 0x6a, 0x43, 0xb8,
                0xf4, 0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86 } },
        { "RFC 8439 A.1 #3: the last bit of the key", false, 1, 1, { 0 },
            { 0x3a, 0xeb, 0x52, 0x24, 0xec, 0xf8, 0x49, 0x92, 0x9b, 0x9d, 0x82, 0x8d, 0xb1, 0xce, 0xd4, 0xdd, 0x83,
                0x20, 0x25, 0xe8, 0x01, 0x8b, 0x81, 0x60, 0xb8, 0x22, 0x84, 0xf3, 0xc9, 0x49, 0xaa, 0x5a, 0x8e, 0xca,
                0x00, 0xbb, 0xb4, 0xa7, 0x3b, 0xda, 0xd1, 0x92, 0xb5, 0xc4, 0x2f, 0x73, 0xf2, 0xfd, 0x4e, 0x27, 0x36,
                0x44, 0xc8, 0xb3, 0x61, 0x25, 0xa6, 0x4a, 0xdd, 0xeb, 0x00, 0x6c, 0x13, 0xa0 } },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        uint8_t key[32] = { 0 }, block[64];
        for (int at = 0; table[i].counting_key && at < 32; at++)
            key[at] = (uint8_t)at;
        key[31] = table[i].last_key_byte;
        ks_prng_block(key, table[i].counter, table[i].nonce, block);
        check_row(memcmp(block, table[i].want, 64) == 0, table[i].name, "it begins with %02x%02x", block[0], block[1]);
    }
}

static void stream(void)
{
    uint8_t seed[KS_PRNG_SEED_LEN] = { 1, 2, 3 }, whole[3000], pieces[3000], block[64];
    static const uint8_t nonce[12];
    struct ks_prng a, b;
    size_t at = 0;

    ks_prng_init(&a, seed);
    ks_prng_init(&b, seed);
    ks_prng_bytes(&a, whole, sizeof whole);
    for (size_t len = 0; at < sizeof pieces; len++) {
        size_t part = len < sizeof pieces - at ? len : sizeof pieces - at;
        ks_prng_bytes(&b, pieces + at, part);
        at += part;
    }
    check_row(
        memcmp(whole, pieces, sizeof whole) == 0, "prng.h: in which pieces it is asked does not matter", "it does");
    ks_prng_block(seed, 0, nonce, block);
    check_row(memcmp(whole, block + 32, 32) == 0,
        "prng.h: the first 32 bytes of a refill are the next key, not given out", "the stream begins otherwise");
    ks_prng_block(block, 0, nonce, block);
    check_row(
        memcmp(whole + 768 - 32, block + 32, 32) == 0, "prng.h: with which the next refill begins", "it does not");

    /* Fast key erasure: nothing that was given out can be read from the state. */
    ks_prng_init(&a, seed);
    ks_prng_bytes(&a, whole, 700);
    bool there = false;
    for (size_t i = 0; i + 8 <= 700; i++)
        there = there || memmem(a.block, sizeof a.block, whole + i, 8) != NULL;
    check_row(!there, "prng.h: what was given out is not in the state", "it is");
    ks_prng_bytes(&b, whole, 1);
    memcpy(whole, b.block + sizeof b.block - b.left, 8);
    check_row(memmem(b.block, sizeof b.block, whole, 8) != NULL, "prng.h: what will be is (control)", "it is not");
    there = memmem(a.block, sizeof a.block, seed, sizeof seed) != NULL;
    check_row(!there, "prng.h: nor is the seed", "it is");
    ks_prng_done(&a);
    there = false;
    for (size_t i = 0; i < sizeof a.block; i++)
        there = there || a.block[i];
    check_row(!there && a.left == 0, "prng.h: done wipes all", "something is left");
    ks_prng_done(&b);
}

static void numbers(void)
{
    struct ks_prng a, b;

    ks_prng_init_number(&a, 42);
    ks_prng_init_number(&b, 42);
    check_row(ks_prng_u64(&a) == ks_prng_u64(&b), "prng.h: the same number gives the same stream", "it does not");
    ks_prng_init_number(&b, 43);
    check_row(ks_prng_u64(&a) != ks_prng_u64(&b), "prng.h: another one another", "it does not");

    static const uint64_t limits[] = { 1, 2, 3, 7, 256, 1000, (uint64_t)1 << 63, ((uint64_t)1 << 63) + 1, UINT64_MAX };
    for (size_t i = 0; i < KS_COUNT(limits); i++) {
        bool below = true, low = false, high = false;
        for (int round = 0; round < 5000; round++) {
            uint64_t n = ks_prng_below(&a, limits[i]);
            below = below && n < limits[i];
            low = low || n <= limits[i] / 8;
            high = high || n >= limits[i] - 1 - limits[i] / 8;
        }
        check_row(below && low && high, "prng.h: numbers are below the limit, and from both ends", "limit %llu",
            (unsigned long long)limits[i]);
    }

    /* 60,000 throws of a die; each face has 10,000 +- 91 (one sigma). The seed is fixed, so this is no game of chance.
     */
    int faces[6] = { 0 }, far = 0;
    for (int i = 0; i < 60000; i++)
        faces[ks_prng_below(&a, 6)]++;
    for (int i = 0; i < 6; i++)
        far += faces[i] < 9600 || faces[i] > 10400;
    check_row(far == 0, "prng.h: a die is fair", "%d faces are not", far);
    ks_prng_done(&a);
    ks_prng_done(&b);
}

int main(void)
{
    block_function();
    stream();
    numbers();
    return check_done();
}
