/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vault.h"

#include <stdlib.h>

#include "vault_wrap.h"

#define MAGIC KS_STR("KONSILV\n")
#define VERSION 1

/* One of the purposes of doc/PROTOCOL.md: what a wrap authenticates starts with it. */
#define PURPOSE_SLOT KS_STR("konsil/0 vault slot\n")
#define PURPOSE_STORE KS_STR("konsil/0 store")

void ks_slot_field_set(struct ks_slot_field *field, struct ks_str bytes)
{
    assert(bytes.len <= sizeof field->bytes);
    if (bytes.len)
        memcpy(field->bytes, bytes.ptr, bytes.len);
    field->len = bytes.len;
}

/* --- the file --- */

enum ks_err ks_vault_new(struct ks_prng *prng, struct ks_vault_cost floor, struct ks_vault **ret_vault)
{
    struct ks_vault *v = calloc(1, sizeof *v);

    if (!v)
        return KS_ENOMEM;
    v->floor = floor;
    v->next_number = 1;
    ks_prng_bytes(prng, v->profile, sizeof v->profile);
    ks_prng_bytes(prng, v->data_key, sizeof v->data_key);
    v->open = true;
    *ret_vault = v;
    return KS_OK;
}

void ks_vault_free(struct ks_vault *v)
{
    if (v) {
        ks_wipe(v, sizeof *v);
        free(v);
    }
}

static enum ks_err field_read(struct ks_cursor *at, struct ks_slot_field *ret_field)
{
    struct ks_str bytes;
    enum ks_err err = ks_cursor_field(at, &bytes);

    if (err != KS_OK)
        return err;
    if (bytes.len > KS_VAULT_FIELD_MAX)
        return KS_ELIMIT;
    ks_slot_field_set(ret_field, bytes);
    return KS_OK;
}

static enum ks_err slot_read(struct ks_cursor *at, const struct ks_vault *v, struct ks_slot *ret_slot)
{
    enum ks_err err;

    if ((err = ks_cursor_u32(at, &ret_slot->number)) != KS_OK || (err = ks_cursor_u8(at, &ret_slot->kind)) != KS_OK
        || (err = field_read(at, &ret_slot->id)) != KS_OK || (err = field_read(at, &ret_slot->params)) != KS_OK
        || (err = field_read(at, &ret_slot->wrap)) != KS_OK)
        return err;
    /* Numbers rise, so that none is there twice, and none that is there will be given again. */
    if (ret_slot->number >= v->next_number || (v->count && ret_slot->number <= v->slots[v->count - 1].number))
        return KS_ESYNTAX;
    return KS_OK;
}

static enum ks_err vault_read(struct ks_vault *v, struct ks_str bytes)
{
    struct ks_cursor at = ks_cursor(bytes);
    struct ks_str text;
    uint8_t version, count;
    enum ks_err err;

    if (ks_cursor_take(&at, MAGIC.len, &text) != KS_OK || !ks_str_eq(text, MAGIC))
        return KS_ESYNTAX;
    if ((err = ks_cursor_u8(&at, &version)) != KS_OK)
        return err;
    if (version != VERSION)
        return version > VERSION ? KS_EVERSION : KS_ESYNTAX;
    if ((err = ks_cursor_take(&at, sizeof v->profile, &text)) != KS_OK)
        return err;
    memcpy(v->profile, text.ptr, sizeof v->profile);
    if ((err = ks_cursor_u32(&at, &v->next_number)) != KS_OK || (err = ks_cursor_u8(&at, &count)) != KS_OK)
        return err;
    if (count > KS_VAULT_SLOTS_MAX)
        return KS_ELIMIT;
    for (; count > 0; count--) {
        if ((err = slot_read(&at, v, &v->slots[v->count])) != KS_OK)
            return err;
        v->count++;
    }
    return v->count && ks_cursor_done(&at) ? KS_OK : KS_ESYNTAX;
}

enum ks_err ks_vault_read(struct ks_str bytes, struct ks_vault_cost floor, struct ks_vault **ret_vault)
{
    struct ks_vault *v;
    enum ks_err err;

    if (bytes.len > KS_VAULT_BYTES_MAX)
        return KS_ELIMIT;
    if (!(v = calloc(1, sizeof *v)))
        return KS_ENOMEM;
    v->floor = floor;
    if ((err = vault_read(v, bytes)) == KS_OK)
        *ret_vault = v;
    else
        ks_vault_free(v);
    return err;
}

/* What stands before the slots, and in each wrap's AD. */
static void write_head(const struct ks_vault *v, struct ks_buf *buf)
{
    ks_buf_byte(buf, VERSION);
    ks_buf_add(buf, ks_str(v->profile, sizeof v->profile));
}

static void write_slot(const struct ks_slot *slot, struct ks_buf *buf)
{
    ks_buf_u32(buf, slot->number);
    ks_buf_byte(buf, slot->kind);
    ks_buf_field(buf, ks_slot_field_str(&slot->id));
    ks_buf_field(buf, ks_slot_field_str(&slot->params));
}

void ks_vault_write(const struct ks_vault *v, struct ks_buf *buf)
{
    assert(v->count > 0);
    ks_buf_add(buf, MAGIC);
    write_head(v, buf);
    ks_buf_u32(buf, v->next_number);
    ks_buf_byte(buf, (uint8_t)v->count);
    for (size_t i = 0; i < v->count; i++) {
        write_slot(&v->slots[i], buf);
        ks_buf_field(buf, ks_slot_field_str(&v->slots[i].wrap));
    }
}

bool ks_vault_is_open(const struct ks_vault *v)
{
    return v->open;
}

void ks_vault_lock(struct ks_vault *v)
{
    ks_wipe(v->data_key, sizeof v->data_key);
    v->open = false;
}

void ks_vault_profile(const struct ks_vault *v, uint8_t ret_profile[KS_VAULT_PROFILE_LEN])
{
    memcpy(ret_profile, v->profile, KS_VAULT_PROFILE_LEN);
}

size_t ks_vault_slots(const struct ks_vault *v, struct ks_vault_slot_info ret_slots[KS_VAULT_SLOTS_MAX])
{
    for (size_t i = 0; i < v->count; i++)
        ret_slots[i] = (struct ks_vault_slot_info) { v->slots[i].number, v->slots[i].kind };
    return v->count;
}

/* --- wraps --- */

/* The authenticated fields of a slot. The buffer's only failure is memory. */
static enum ks_err slot_extra(const struct ks_vault *v, const struct ks_slot *slot, struct ks_buf *buf)
{
    ks_buf_add(buf, PURPOSE_SLOT);
    write_head(v, buf);
    write_slot(slot, buf);
    return ks_buf_err(buf);
}

enum ks_err ks_slot_seal(const struct ks_vault *v, struct ks_prng *prng, const uint8_t kek[KS_AEAD_KEY_LEN],
    struct ks_str more, struct ks_slot *slot)
{
    uint8_t hidden[KS_VAULT_KEY_LEN + KS_SLOT_MORE_MAX], sealed[KS_AEAD_NONCE_LEN + sizeof hidden + KS_AEAD_TAG_LEN];
    struct ks_buf extra;
    enum ks_err err;

    assert(v->open && more.len <= KS_SLOT_MORE_MAX);
    ks_buf_init(&extra, SIZE_MAX);
    memcpy(hidden, v->data_key, KS_VAULT_KEY_LEN);
    if (more.len)
        memcpy(hidden + KS_VAULT_KEY_LEN, more.ptr, more.len);
    if ((err = slot_extra(v, slot, &extra)) == KS_OK) {
        ks_prng_bytes(prng, sealed, KS_AEAD_NONCE_LEN);
        ks_aead_seal(
            kek, sealed, ks_buf_str(&extra), ks_str(hidden, KS_VAULT_KEY_LEN + more.len), sealed + KS_AEAD_NONCE_LEN);
        ks_slot_field_set(
            &slot->wrap, ks_str(sealed, KS_AEAD_NONCE_LEN + KS_VAULT_KEY_LEN + more.len + KS_AEAD_TAG_LEN));
    }
    ks_wipe(hidden, sizeof hidden);
    ks_buf_done(&extra);
    return err;
}

enum ks_err ks_slot_open(const struct ks_vault *v, const struct ks_slot *slot, const uint8_t kek[KS_AEAD_KEY_LEN],
    uint8_t ret_key[KS_VAULT_KEY_LEN], uint8_t *ret_more, size_t more_len)
{
    uint8_t hidden[KS_VAULT_KEY_LEN + KS_SLOT_MORE_MAX];
    struct ks_buf extra;
    enum ks_err err;

    assert(more_len <= KS_SLOT_MORE_MAX);
    if (slot->wrap.len != KS_AEAD_NONCE_LEN + KS_VAULT_KEY_LEN + more_len + KS_AEAD_TAG_LEN)
        return KS_ECRYPTO;
    ks_buf_init(&extra, SIZE_MAX);
    if ((err = slot_extra(v, slot, &extra)) == KS_OK)
        err = ks_aead_open(kek, slot->wrap.bytes, ks_buf_str(&extra),
            ks_str_from(ks_slot_field_str(&slot->wrap), KS_AEAD_NONCE_LEN), hidden);
    if (err == KS_OK) {
        memcpy(ret_key, hidden, KS_VAULT_KEY_LEN);
        if (more_len)
            memcpy(ret_more, hidden + KS_VAULT_KEY_LEN, more_len);
    }
    ks_wipe(hidden, sizeof hidden);
    ks_buf_done(&extra);
    return err;
}

void ks_vault_opened(struct ks_vault *v, const uint8_t key[KS_VAULT_KEY_LEN])
{
    memcpy(v->data_key, key, sizeof v->data_key);
    v->open = true;
}

/* --- Argon2id in params --- */

struct ks_slot_argon ks_slot_argon_new(struct ks_prng *prng, struct ks_vault_cost cost)
{
    struct ks_slot_argon argon = { .cost = cost };

    ks_prng_bytes(prng, argon.salt, sizeof argon.salt);
    return argon;
}

void ks_slot_argon_write(const struct ks_slot_argon *argon, struct ks_buf *buf)
{
    ks_buf_add(buf, ks_str(argon->salt, sizeof argon->salt));
    ks_buf_u32(buf, argon->cost.kib);
    ks_buf_u32(buf, argon->cost.passes);
}

enum ks_err ks_slot_argon_read(struct ks_cursor *at, struct ks_slot_argon *ret_argon)
{
    struct ks_str salt;
    enum ks_err err;

    if ((err = ks_cursor_take(at, sizeof ret_argon->salt, &salt)) != KS_OK
        || (err = ks_cursor_u32(at, &ret_argon->cost.kib)) != KS_OK
        || (err = ks_cursor_u32(at, &ret_argon->cost.passes)) != KS_OK)
        return err;
    memcpy(ret_argon->salt, salt.ptr, sizeof ret_argon->salt);
    return KS_OK;
}

bool ks_slot_cost_fits(const struct ks_vault *v, struct ks_vault_cost cost)
{
    return cost.kib >= v->floor.kib && cost.passes >= v->floor.passes && cost.kib <= KS_VAULT_KIB_MAX
        && cost.passes <= KS_VAULT_PASSES_MAX;
}

enum ks_err ks_slot_argon_run(
    const struct ks_vault *v, const struct ks_slot_argon *argon, struct ks_str secret, uint8_t ret_key[32])
{
    if (!ks_slot_cost_fits(v, argon->cost))
        return KS_ELIMIT;
    return ks_argon2id(secret, argon->salt, argon->cost.kib, argon->cost.passes, ret_key);
}

/* --- changing slots --- */

struct ks_slot *ks_slot_find(struct ks_vault *v, uint32_t number)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->slots[i].number == number)
            return &v->slots[i];
    return NULL;
}

enum ks_err ks_slot_new(struct ks_vault *v, uint8_t kind, struct ks_slot **ret_slot)
{
    if (!v->open)
        return KS_ESTATE;
    if (v->count == KS_VAULT_SLOTS_MAX || v->next_number == UINT32_MAX)
        return KS_ELIMIT;
    *ret_slot = &v->slots[v->count];
    **ret_slot = (struct ks_slot) { .number = v->next_number, .kind = kind };
    return KS_OK;
}

void ks_slot_append(struct ks_vault *v)
{
    assert(v->count < KS_VAULT_SLOTS_MAX && v->slots[v->count].number == v->next_number);
    v->count++;
    v->next_number++;
}

/* Whether the kind opens a vault without a slot beside it. A biometric slot does for hours, an offline one too. */
static bool opens_alone(uint8_t kind)
{
    return kind == KS_SLOT_PASSPHRASE || kind == KS_SLOT_PIN || kind == KS_SLOT_SERVICE;
}

static void take_out(struct ks_vault *v, struct ks_slot *slot)
{
    v->count--;
    memmove(slot, slot + 1, (size_t)(v->slots + v->count - slot) * sizeof *slot);
    ks_wipe(&v->slots[v->count], sizeof v->slots[v->count]);
}

/* The ticket of a biometric slot is of a PIN's, by its id; an offline slot takes the PIN that was. */
static bool hangs_on(const struct ks_slot *slot, struct ks_str pin_id)
{
    return slot->kind == KS_SLOT_OFFLINE
        || (slot->kind == KS_SLOT_BIOMETRIC && ks_str_eq(ks_slot_field_str(&slot->id), pin_id));
}

enum ks_err ks_vault_remove(struct ks_vault *v, uint32_t number)
{
    struct ks_slot *slot = ks_slot_find(v, number), gone;
    size_t others = 0;

    if (!v->open)
        return KS_ESTATE;
    if (!slot)
        return KS_ENOTFOUND;
    for (size_t i = 0; i < v->count; i++)
        others += &v->slots[i] != slot && opens_alone(v->slots[i].kind);
    if (!others)
        return KS_ESTATE;
    gone = *slot;
    take_out(v, slot);
    for (size_t i = v->count; gone.kind == KS_SLOT_PIN && i-- > 0;)
        if (hangs_on(&v->slots[i], ks_slot_field_str(&gone.id)))
            take_out(v, &v->slots[i]);
    return KS_OK;
}

enum ks_err ks_vault_store_key(const struct ks_vault *v, uint8_t ret_key[KS_VAULT_KEY_LEN])
{
    if (!v->open)
        return KS_ESTATE;
    ks_hkdf(KS_SHA256, ks_str(v->data_key, sizeof v->data_key), KS_STR_EMPTY, PURPOSE_STORE, ret_key, KS_VAULT_KEY_LEN);
    return KS_OK;
}
