/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What somebody brings to an officer as a request: it is good only with certificates that nobody here has; and the
 * slots of a ring, which it holds. */
#include "recover_request.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t one[KS_P256_SCALAR_LEN] = { 1 }, two[KS_P256_SCALAR_LEN] = { 2 };
    struct ks_officer_public public = { .root = KS_STR("no certificate"), .officers = { .threshold = 2, .count = 3 } };
    struct ks_str bytes = ks_str(data, len);
    struct ks_recover_facts facts;
    enum ks_recover_verdict verdict;
    struct ks_officers_slot slot;
    struct ks_arena arena;

    if (ks_crypto_init() != KS_OK || ks_p256_public(one, public.officers.commitments[0]) != KS_OK
        || ks_p256_public(two, public.officers.commitments[1]) != KS_OK)
        return 0;
    ks_arena_init(&arena, 2u << 20);
    if (ks_recover_request_check(&arena, bytes, &public, 1795312800, &facts, &verdict) == KS_OK
        && verdict != KS_RECOVER_MALFORMED && verdict != KS_RECOVER_DEVICE)
        abort();
    if (verdict == KS_RECOVER_DEVICE
        && (!facts.request.chain_count || !facts.request.ring.len || !facts.request.reason.len))
        abort();
    if (ks_recover_slot_find(&arena, bytes, KS_STR("anna@klinik.example"), public.officers.commitments[0], &slot)
            == KS_OK
        && slot.sealed.len != KS_RECOVER_SEALED_LEN)
        abort();
    ks_arena_done(&arena);
    return 0;
}
