/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Key rings that konsild gives: what is read is written again to the same facts, follows upon nothing that it did not,
 * and opens for nobody whom it was not sealed for. */
#include "archive_ring.h"

#include <stdlib.h>

#include "archive_ring_form.h"

static void write_again(struct ks_arena *arena, const struct ks_ring *ring)
{
    static const uint8_t secret[32] = { 9 };
    struct ks_ring again;
    struct ks_buf buf;

    ks_buf_init(&buf, KS_RING_DATA_MAX);
    ks_ring_write(ring, secret, secret, &buf);
    if (ks_buf_err(&buf) != KS_OK || ks_ring_read(arena, ks_buf_str(&buf), &again) != KS_OK
        || again.slot_count != ring->slot_count || again.key_count != ring->key_count || again.v != ring->v
        || !ks_str_eq(again.account, ring->account) || !ks_ring_proven(&again, secret)
        || ks_ring_check_mac(&again, secret) != KS_OK || ks_ring_proven(ring, secret))
        abort();
    for (size_t i = 0; i < ring->slot_count; i++)
        if (memcmp(&ring->slots[i], &again.slots[i], sizeof(ring->slots[i])) != 0)
            abort();
    ks_buf_done(&buf);
}

static void judge(const struct ks_ring *ring)
{
    static const struct ks_ring_secret secret = { { 1 }, { 2 } };
    static const struct ks_ring_signer signer = { .genuine = true };
    static const uint8_t private_key[KS_P256_PRIVATE_LEN] = { 9 };
    struct ks_ring_known known = { ring, &secret };
    struct ks_ring_secret opened;
    struct ks_ring_facts facts;
    struct ks_ring other = *ring;

    other.hash[0] ^= 1;
    if (ks_ring_judge(&known, ring, NULL, &signer, 0, &facts) != KS_RING_SAME
        || ks_ring_judge(&known, &other, NULL, &signer, 0, &facts) != KS_RING_REFUSED
        || ks_ring_open(ring, private_key, &opened) == KS_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_arena arena;
    struct ks_ring ring;

    if (ks_crypto_init() != KS_OK)
        return 0;
    ks_arena_init(&arena, 1u << 22);
    if (ks_ring_read(&arena, ks_str(data, len), &ring) == KS_OK) {
        write_again(&arena, &ring);
        judge(&ring);
    }
    ks_arena_done(&arena);
    return 0;
}
