/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "prng.h"

/* RFC 8439 §2.3.2 */
static void chacha_block(void)
{
    uint8_t key[32], block[64];
    static const uint8_t nonce[12] = { 0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0 };
    static const uint8_t want[8] = { 0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15 };

    for (int i = 0; i < 32; i++)
        key[i] = (uint8_t)i;
    ks_prng_block(key, 1, nonce, block);
    check_row(
        memcmp(block, want, sizeof want) == 0, "RFC 8439 §2.3.2: the block function", "first byte %02x", block[0]);
}

int main(void)
{
    chacha_block();
    return check_done();
}
