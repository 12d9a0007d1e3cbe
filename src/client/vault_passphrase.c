/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_passphrase.c -- the slot that a passphrase opens (vault.h). */
#include "vault_wrap.h"

static bool passphrase_fits(struct ks_str passphrase)
{
    return passphrase.len > 0 && passphrase.len <= KS_VAULT_PASSPHRASE_MAX;
}

/* Makes slot hold DK under a passphrase. It is unchanged after a failure. */
static enum ks_err wrap(const struct ks_vault *v, struct ks_prng *prng, struct ks_str passphrase,
    struct ks_vault_cost cost, struct ks_slot *slot)
{
    struct ks_slot_argon argon = ks_slot_argon_new(prng, cost);
    struct ks_slot made = { .number = slot->number, .kind = KS_SLOT_PASSPHRASE };
    uint8_t kek[KS_AEAD_KEY_LEN];
    struct ks_buf params;
    enum ks_err err;

    ks_buf_init(&params, KS_SLOT_ARGON_LEN);
    ks_slot_argon_write(&argon, &params);
    if ((err = ks_buf_err(&params)) == KS_OK) {
        ks_slot_field_set(&made.params, ks_buf_str(&params));
        err = ks_slot_argon_run(v, &argon, passphrase, kek);
    }
    if (err == KS_OK && (err = ks_slot_seal(v, prng, kek, KS_STR_EMPTY, &made)) == KS_OK)
        *slot = made;
    ks_wipe(kek, sizeof kek);
    ks_buf_done(&params);
    return err;
}

/* KS_OK with DK in ret_key; KS_ECRYPTO; KS_ELIMIT; KS_ENOMEM. */
static enum ks_err unwrap(
    const struct ks_vault *v, const struct ks_slot *slot, struct ks_str passphrase, uint8_t ret_key[KS_VAULT_KEY_LEN])
{
    struct ks_cursor at = ks_cursor(ks_slot_field_str(&slot->params));
    struct ks_slot_argon argon;
    uint8_t kek[KS_AEAD_KEY_LEN];
    enum ks_err err;

    if (ks_slot_argon_read(&at, &argon) != KS_OK || !ks_cursor_done(&at))
        return KS_ECRYPTO;
    if ((err = ks_slot_argon_run(v, &argon, passphrase, kek)) == KS_OK)
        err = ks_slot_open(v, slot, kek, ret_key, NULL, 0);
    ks_wipe(kek, sizeof kek);
    return err;
}

enum ks_err ks_vault_unlock(struct ks_vault *v, struct ks_str passphrase, uint32_t *ret_number)
{
    enum ks_err result = KS_ENOTFOUND;

    for (size_t i = 0; i < v->count; i++) {
        uint8_t key[KS_VAULT_KEY_LEN];
        enum ks_err err;

        if (v->slots[i].kind != KS_SLOT_PASSPHRASE)
            continue;
        err = passphrase_fits(passphrase) ? unwrap(v, &v->slots[i], passphrase, key) : KS_ECRYPTO;
        if (err == KS_OK) {
            ks_vault_opened(v, key);
            *ret_number = v->slots[i].number;
            ks_wipe(key, sizeof key);
            return KS_OK;
        }
        if (err < KS_FATAL)
            return err;
        if (result != KS_ELIMIT)
            result = err;
    }
    return result;
}

enum ks_err ks_vault_add(
    struct ks_vault *v, struct ks_prng *prng, struct ks_str passphrase, struct ks_vault_cost cost, uint32_t *ret_number)
{
    struct ks_slot *slot;
    enum ks_err err;

    if ((err = ks_slot_new(v, KS_SLOT_PASSPHRASE, &slot)) != KS_OK)
        return err;
    if (!ks_slot_cost_fits(v, cost) || !passphrase_fits(passphrase))
        return KS_ELIMIT;
    if ((err = wrap(v, prng, passphrase, cost, slot)) != KS_OK)
        return err;
    *ret_number = slot->number;
    ks_slot_append(v);
    return KS_OK;
}

enum ks_err ks_vault_rewrap(
    struct ks_vault *v, struct ks_prng *prng, uint32_t number, struct ks_str passphrase, struct ks_vault_cost cost)
{
    struct ks_slot *slot = ks_slot_find(v, number);

    if (!v->open)
        return KS_ESTATE;
    if (!slot || slot->kind != KS_SLOT_PASSPHRASE)
        return KS_ENOTFOUND;
    if (!ks_slot_cost_fits(v, cost) || !passphrase_fits(passphrase))
        return KS_ELIMIT;
    return wrap(v, prng, passphrase, cost, slot);
}
