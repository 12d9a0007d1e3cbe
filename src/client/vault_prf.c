/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vault_prf.h"

#include "vault_pin.h"
#include "vault_wrap.h"

/* Purposes of doc/PROTOCOL.md §2. */
#define PURPOSE_BIOMETRIC KS_STR("konsil/0 biometric")
#define PURPOSE_OFFLINE KS_STR("konsil/0 offline")

#define HOUR_S 3600
#define PW_LEN 32
#define PARAMS_MAX (KS_SLOT_ARGON_LEN + 8 + 8 + 4 + KS_PRF_HINT_MAX)

/* params of an offline slot; of a biometric one the hint alone. */
struct parts {
    struct ks_slot_argon argon;
    uint64_t from_s, until_s;
    struct ks_str hint;
};

static enum ks_err parts_write(const struct parts *parts, uint8_t kind, struct ks_slot *slot)
{
    struct ks_buf params;
    enum ks_err err;

    ks_buf_init(&params, PARAMS_MAX);
    if (kind == KS_SLOT_OFFLINE) {
        ks_slot_argon_write(&parts->argon, &params);
        ks_buf_u64(&params, parts->from_s);
        ks_buf_u64(&params, parts->until_s);
    }
    ks_buf_field(&params, parts->hint);
    if ((err = ks_buf_err(&params)) == KS_OK)
        ks_slot_field_set(&slot->params, ks_buf_str(&params));
    ks_buf_done(&params);
    return err;
}

static enum ks_err parts_read(const struct ks_slot *slot, struct parts *ret_parts)
{
    struct ks_cursor at = ks_cursor(ks_slot_field_str(&slot->params));

    *ret_parts = (struct parts) { .from_s = 0 };
    if (slot->kind == KS_SLOT_OFFLINE
        && (ks_slot_argon_read(&at, &ret_parts->argon) != KS_OK || ks_cursor_u64(&at, &ret_parts->from_s) != KS_OK
            || ks_cursor_u64(&at, &ret_parts->until_s) != KS_OK))
        return KS_ECRYPTO;
    return ks_cursor_field(&at, &ret_parts->hint) == KS_OK && ret_parts->hint.len <= KS_PRF_HINT_MAX
            && ks_cursor_done(&at)
        ? KS_OK
        : KS_ECRYPTO;
}

/* KEK = HKDF(PRF || other, salt, purpose). */
static void derive(const uint8_t prf[KS_PRF_LEN], const uint8_t other[32], struct ks_str salt, struct ks_str purpose,
    uint8_t ret_kek[KS_AEAD_KEY_LEN])
{
    uint8_t both[KS_PRF_LEN + 32];

    memcpy(both, prf, KS_PRF_LEN);
    memcpy(both + KS_PRF_LEN, other, 32);
    ks_hkdf(KS_SHA256, ks_str(both, sizeof both), salt, purpose, ret_kek, KS_AEAD_KEY_LEN);
    ks_wipe(both, sizeof both);
}

static void derive_biometric(const struct ks_slot *slot, const uint8_t prf[KS_PRF_LEN],
    const uint8_t ticket[KS_PIN_TICKET_LEN], uint8_t ret_kek[KS_AEAD_KEY_LEN])
{
    derive(prf, ticket, ks_slot_field_str(&slot->id), PURPOSE_BIOMETRIC, ret_kek);
}

/* Blocks. KS_ELIMIT; KS_ENOMEM. */
static enum ks_err derive_offline(const struct ks_vault *v, const struct parts *parts, const uint8_t prf[KS_PRF_LEN],
    struct ks_str pin, uint8_t ret_kek[KS_AEAD_KEY_LEN])
{
    uint8_t pw[PW_LEN];
    enum ks_err err;

    if (pin.len == 0 || pin.len > KS_PIN_BYTES_MAX)
        return KS_ELIMIT;
    if ((err = ks_slot_argon_run(v, &parts->argon, pin, pw)) == KS_OK)
        derive(prf, pw, ks_str(parts->argon.salt, sizeof parts->argon.salt), PURPOSE_OFFLINE, ret_kek);
    ks_wipe(pw, sizeof pw);
    return err;
}

/* Seals into the slot of that kind and id, or into a new one. */
static enum ks_err set(struct ks_vault *v, struct ks_prng *prng, const struct ks_slot *like,
    const uint8_t kek[KS_AEAD_KEY_LEN], uint32_t *ret_number)
{
    struct ks_slot *slot = NULL, made = *like;
    bool is_new = false;
    enum ks_err err;

    for (size_t i = 0; i < v->count && !slot; i++)
        if (v->slots[i].kind == like->kind
            && ks_str_eq(ks_slot_field_str(&v->slots[i].id), ks_slot_field_str(&like->id)))
            slot = &v->slots[i];
    if (!slot) {
        is_new = true;
        if ((err = ks_slot_new(v, like->kind, &slot)) != KS_OK)
            return err;
    }
    made.number = slot->number;
    if ((err = ks_slot_seal(v, prng, kek, KS_STR_EMPTY, &made)) != KS_OK)
        return err;
    *slot = made;
    *ret_number = made.number;
    if (is_new)
        ks_slot_append(v);
    return KS_OK;
}

static const struct ks_slot *find(const struct ks_vault *v, uint32_t number, uint8_t kind)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->slots[i].number == number && v->slots[i].kind == kind)
            return &v->slots[i];
    return NULL;
}

static enum ks_err open_with(struct ks_vault *v, const struct ks_slot *slot, const uint8_t kek[KS_AEAD_KEY_LEN])
{
    uint8_t key[KS_VAULT_KEY_LEN];
    enum ks_err err = ks_slot_open(v, slot, kek, key, NULL, 0);

    if (err == KS_OK)
        ks_vault_opened(v, key);
    ks_wipe(key, sizeof key);
    return err;
}

enum ks_err ks_vault_set_biometric(struct ks_vault *v, struct ks_prng *prng, uint32_t pin_number,
    const uint8_t prf[KS_PRF_LEN], const uint8_t ticket[KS_PIN_TICKET_LEN], struct ks_str hint, uint32_t *ret_number)
{
    const struct parts parts = { .hint = hint };
    struct ks_slot slot = { .kind = KS_SLOT_BIOMETRIC };
    uint8_t pin_slot[KS_PIN_SLOT_LEN], kek[KS_AEAD_KEY_LEN];
    enum ks_err err;

    if (!v->open)
        return KS_ESTATE;
    if (hint.len > KS_PRF_HINT_MAX)
        return KS_ELIMIT;
    if ((err = ks_pin_slot(v, pin_number, pin_slot)) != KS_OK
        || (err = parts_write(&parts, KS_SLOT_BIOMETRIC, &slot)) != KS_OK)
        return err;
    ks_slot_field_set(&slot.id, ks_str(pin_slot, sizeof pin_slot));
    derive_biometric(&slot, prf, ticket, kek);
    err = set(v, prng, &slot, kek, ret_number);
    ks_wipe(kek, sizeof kek);
    return err;
}

enum ks_err ks_vault_open_biometric(
    struct ks_vault *v, uint32_t number, const uint8_t prf[KS_PRF_LEN], const uint8_t ticket[KS_PIN_TICKET_LEN])
{
    const struct ks_slot *slot = find(v, number, KS_SLOT_BIOMETRIC);
    uint8_t kek[KS_AEAD_KEY_LEN];
    enum ks_err err;

    if (!slot)
        return KS_ENOTFOUND;
    derive_biometric(slot, prf, ticket, kek);
    err = open_with(v, slot, kek);
    ks_wipe(kek, sizeof kek);
    return err;
}

enum ks_err ks_vault_set_offline(struct ks_vault *v, struct ks_prng *prng, const uint8_t prf[KS_PRF_LEN],
    struct ks_str pin, struct ks_vault_cost cost, int64_t now_s, unsigned hours, struct ks_str hint,
    uint32_t *ret_number)
{
    struct ks_slot slot = { .kind = KS_SLOT_OFFLINE };
    uint8_t kek[KS_AEAD_KEY_LEN];
    struct parts parts;
    enum ks_err err;

    if (!v->open)
        return KS_ESTATE;
    if (hint.len > KS_PRF_HINT_MAX || hours < 1 || hours > KS_OFFLINE_HOURS_MAX || now_s < 0
        || now_s > INT64_MAX - KS_OFFLINE_HOURS_MAX * HOUR_S)
        return KS_ELIMIT;
    parts = (struct parts) { ks_slot_argon_new(prng, cost), (uint64_t)now_s, (uint64_t)now_s + hours * HOUR_S, hint };
    if ((err = parts_write(&parts, KS_SLOT_OFFLINE, &slot)) == KS_OK
        && (err = derive_offline(v, &parts, prf, pin, kek)) == KS_OK)
        err = set(v, prng, &slot, kek, ret_number);
    ks_wipe(kek, sizeof kek);
    return err;
}

enum ks_err ks_vault_open_offline(
    struct ks_vault *v, uint32_t number, const uint8_t prf[KS_PRF_LEN], struct ks_str pin, int64_t now_s)
{
    const struct ks_slot *slot = find(v, number, KS_SLOT_OFFLINE);
    uint8_t kek[KS_AEAD_KEY_LEN];
    struct parts parts;
    enum ks_err err;

    if (!slot)
        return KS_ENOTFOUND;
    if (parts_read(slot, &parts) != KS_OK || parts.until_s <= parts.from_s
        || parts.until_s - parts.from_s > KS_OFFLINE_HOURS_MAX * HOUR_S)
        return KS_ECRYPTO;
    if (now_s < 0 || (uint64_t)now_s < parts.from_s || (uint64_t)now_s >= parts.until_s)
        return KS_EDENIED;
    if ((err = derive_offline(v, &parts, prf, pin, kek)) == KS_OK)
        err = open_with(v, slot, kek);
    ks_wipe(kek, sizeof kek);
    return err;
}

enum ks_err ks_vault_hint(const struct ks_vault *v, uint32_t number, struct ks_str *ret_hint)
{
    const struct ks_slot *slot = find(v, number, KS_SLOT_BIOMETRIC);
    struct parts parts;

    if (!slot)
        slot = find(v, number, KS_SLOT_OFFLINE);
    if (!slot)
        return KS_ENOTFOUND;
    if (parts_read(slot, &parts) != KS_OK)
        return KS_ECRYPTO;
    *ret_hint = parts.hint;
    return KS_OK;
}
