/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A stored record of SCRAM keys that reads is the one that would be written, and none of its beginnings reads. */
#include "scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_scram_keys keys, again;
    struct ks_buf buf;

    if (ks_scram_keys_read(ks_str(data, len), &keys) != KS_OK)
        return 0;
    ks_buf_init(&buf, 1000);
    ks_scram_keys_write(&buf, &keys);
    assert(ks_buf_err(&buf) == KS_OK && ks_str_eq(ks_buf_str(&buf), ks_str(data, len)));
    for (size_t cut = 0; cut < len; cut++)
        assert(ks_scram_keys_read(ks_str(data, cut), &again) != KS_OK);
    ks_buf_done(&buf);
    return 0;
}
