/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Files that officers bring: a public one has one form; of a share's what stands outside is whole before anybody is
 * asked for a passphrase. */
#include "officer_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t key[KS_P256_PRIVATE_LEN] = { 1 }, request[32];
    struct ks_str bytes = ks_str(data, len);
    struct ks_officers_partial partial;
    struct ks_officer_public public;
    unsigned officer = 0;
    struct ks_buf again;

    if (ks_crypto_init() != KS_OK)
        return 0;
    if (ks_officer_public_read(bytes, &public) == KS_OK) {
        ks_buf_init(&again, KS_OFFICER_FILE_MAX);
        if (ks_officer_public_write(&again, &public) != KS_OK || !ks_str_eq(ks_buf_str(&again), bytes))
            abort();
        ks_buf_done(&again);
    }
    if (ks_officer_share_read(bytes, &public, &officer) == KS_OK
        && (officer < 1 || officer > public.officers.count || !public.root.len
            || ks_officers_check(&public.officers) != KS_OK))
        abort();
    if (ks_officer_part_open(key, request, bytes, &partial) == KS_OK) /* nobody sealed one to that key */
        abort();
    return 0;
}
