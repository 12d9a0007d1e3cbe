/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A vault that is read is written back byte for byte, and no passphrase opens one whose cost was not allowed. */
#include "crypto.h"
#include "vault_pin.h"
#include "vault_prf.h"

/* Whatever the slots say of themselves, none is begun at a cost that is not allowed, and none opens by chance. */
static void try_slots(struct ks_vault *v)
{
    static const uint8_t bytes[32] = { 1 };
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];
    size_t count = ks_vault_slots(v, slots);
    uint8_t id[KS_PIN_SLOT_LEN];
    struct ks_prng prng;
    struct ks_str hint;

    ks_prng_init_number(&prng, 1);
    for (size_t i = 0; i < count; i++) {
        uint32_t number = slots[i].number;
        struct ks_pin_try *t = NULL;
        enum ks_err err = ks_pin_slot(v, number, id);
        bool is_pin = slots[i].kind == KS_SLOT_PIN || slots[i].kind == KS_SLOT_SERVICE;

        assert((err == KS_ENOTFOUND) == !is_pin);
        assert(ks_pin_begin(v, &prng, number, KS_STR("839215"), &t) == (err == KS_OK ? KS_ELIMIT : err));
        assert(ks_vault_open_biometric(v, number, bytes, bytes) != KS_OK);
        assert(ks_vault_open_offline(v, number, bytes, KS_STR("839215"), 1800000000) != KS_OK);
        assert(ks_vault_hint(v, number, &hint) != KS_OK || hint.len <= KS_PRF_HINT_MAX);
    }
}

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
    try_slots(v);
    ks_vault_free(v);
    return 0;
}
