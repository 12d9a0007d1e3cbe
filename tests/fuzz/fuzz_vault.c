/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A vault that is read is written back byte for byte, and no passphrase opens one whose cost was not allowed. */
#include "crypto.h"
#include "vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str in = ks_str(data, len);
    struct ks_vault *v = NULL;
    struct ks_buf out;
    uint32_t number;

    /* A floor above the ceiling: Argon2id is never started. */
    if (ks_vault_read(in, (struct ks_vault_cost) { UINT32_MAX, UINT32_MAX }, &v) != KS_OK)
        return 0;
    assert(!ks_vault_is_open(v));
    ks_buf_init(&out, KS_VAULT_BYTES_MAX);
    ks_vault_write(v, &out);
    assert(ks_buf_err(&out) == KS_OK && ks_str_eq(ks_buf_str(&out), in));
    ks_buf_done(&out);
    assert(ks_vault_unlock(v, KS_STR("Kastanie"), &number) != KS_OK);
    ks_vault_free(v);
    return 0;
}
