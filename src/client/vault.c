/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vault.h"

#include <stdlib.h>

#include "crypto.h"

#define MAGIC KS_STR("KONSILV\n")
#define VERSION 1
#define SALT_LEN 16
#define PARAMS_LEN (SALT_LEN + 4 + 4)
#define WRAP_LEN (KS_AEAD_NONCE_LEN + KS_VAULT_KEY_LEN + KS_AEAD_TAG_LEN)

/* One of the purposes of doc/PROTOCOL.md: what a wrap authenticates starts with it. */
#define PURPOSE_SLOT KS_STR("konsil/0 vault slot\n")
#define PURPOSE_STORE KS_STR("konsil/0 store")

struct field {
    uint8_t bytes[KS_VAULT_FIELD_MAX];
    size_t len;
};

struct slot {
    uint32_t number;
    uint8_t kind;
    struct field id, params, wrap;
};

struct ks_vault {
    struct ks_vault_cost floor;
    uint8_t profile[KS_VAULT_PROFILE_LEN];
    uint32_t next_number;
    size_t count;
    struct slot slots[KS_VAULT_SLOTS_MAX];
    bool open;
    uint8_t data_key[KS_VAULT_KEY_LEN];
};

static struct ks_str field_str(const struct field *f)
{
    return ks_str(f->bytes, f->len);
}

static void field_set(struct field *f, struct ks_str bytes)
{
    assert(bytes.len <= sizeof f->bytes);
    if (bytes.len)
        memcpy(f->bytes, bytes.ptr, bytes.len);
    f->len = bytes.len;
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

static enum ks_err field_read(struct ks_cursor *at, struct field *ret_field)
{
    struct ks_str bytes;
    enum ks_err err = ks_cursor_field(at, &bytes);

    if (err != KS_OK)
        return err;
    if (bytes.len > KS_VAULT_FIELD_MAX)
        return KS_ELIMIT;
    field_set(ret_field, bytes);
    return KS_OK;
}

static enum ks_err slot_read(struct ks_cursor *at, const struct ks_vault *v, struct slot *ret_slot)
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

static void write_slot(const struct slot *slot, struct ks_buf *buf)
{
    ks_buf_u32(buf, slot->number);
    ks_buf_byte(buf, slot->kind);
    ks_buf_field(buf, field_str(&slot->id));
    ks_buf_field(buf, field_str(&slot->params));
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
        ks_buf_field(buf, field_str(&v->slots[i].wrap));
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
static enum ks_err slot_extra(const struct ks_vault *v, const struct slot *slot, struct ks_buf *buf)
{
    ks_buf_add(buf, PURPOSE_SLOT);
    write_head(v, buf);
    write_slot(slot, buf);
    return ks_buf_err(buf);
}

static bool cost_fits(const struct ks_vault *v, struct ks_vault_cost cost)
{
    return cost.kib >= v->floor.kib && cost.passes >= v->floor.passes && cost.kib <= KS_VAULT_KIB_MAX
        && cost.passes <= KS_VAULT_PASSES_MAX;
}

static bool passphrase_fits(struct ks_str passphrase)
{
    return passphrase.len > 0 && passphrase.len <= KS_VAULT_PASSPHRASE_MAX;
}

/* Makes slot hold DK under a passphrase. It is unchanged after a failure. */
static enum ks_err wrap(const struct ks_vault *v, struct ks_prng *prng, struct ks_str passphrase,
    struct ks_vault_cost cost, struct slot *slot)
{
    uint8_t kek[KS_AEAD_KEY_LEN], salt[SALT_LEN], sealed[WRAP_LEN];
    struct slot made = { .number = slot->number, .kind = KS_SLOT_PASSPHRASE };
    struct ks_buf params, extra;
    enum ks_err err;

    ks_buf_init(&params, PARAMS_LEN);
    ks_buf_init(&extra, SIZE_MAX);
    ks_prng_bytes(prng, salt, sizeof salt);
    ks_buf_add(&params, ks_str(salt, sizeof salt));
    ks_buf_u32(&params, cost.kib);
    ks_buf_u32(&params, cost.passes);
    if ((err = ks_buf_err(&params)) != KS_OK)
        goto out;
    field_set(&made.params, ks_buf_str(&params));
    if ((err = slot_extra(v, &made, &extra)) != KS_OK
        || (err = ks_argon2id(passphrase, salt, cost.kib, cost.passes, kek)) != KS_OK)
        goto out;
    ks_prng_bytes(prng, sealed, KS_AEAD_NONCE_LEN);
    ks_aead_seal(kek, sealed, ks_buf_str(&extra), ks_str(v->data_key, sizeof v->data_key), sealed + KS_AEAD_NONCE_LEN);
    field_set(&made.wrap, ks_str(sealed, sizeof sealed));
    *slot = made;
out:
    ks_wipe(kek, sizeof kek);
    ks_buf_done(&params);
    ks_buf_done(&extra);
    return err;
}

/* KS_OK with DK in ret_key; KS_ECRYPTO; KS_ELIMIT; KS_ENOMEM. */
static enum ks_err unwrap(
    const struct ks_vault *v, const struct slot *slot, struct ks_str passphrase, uint8_t ret_key[KS_VAULT_KEY_LEN])
{
    struct ks_cursor at = ks_cursor(field_str(&slot->params));
    struct ks_vault_cost cost;
    struct ks_str salt;
    struct ks_buf extra;
    uint8_t kek[KS_AEAD_KEY_LEN];
    enum ks_err err;

    if (ks_cursor_take(&at, SALT_LEN, &salt) != KS_OK || ks_cursor_u32(&at, &cost.kib) != KS_OK
        || ks_cursor_u32(&at, &cost.passes) != KS_OK || !ks_cursor_done(&at) || slot->wrap.len != WRAP_LEN)
        return KS_ECRYPTO;
    if (!cost_fits(v, cost))
        return KS_ELIMIT;
    ks_buf_init(&extra, SIZE_MAX);
    if ((err = slot_extra(v, slot, &extra)) == KS_OK
        && (err = ks_argon2id(passphrase, (const uint8_t *)salt.ptr, cost.kib, cost.passes, kek)) == KS_OK)
        err = ks_aead_open(
            kek, slot->wrap.bytes, ks_buf_str(&extra), ks_str_from(field_str(&slot->wrap), KS_AEAD_NONCE_LEN), ret_key);
    ks_wipe(kek, sizeof kek);
    ks_buf_done(&extra);
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
            memcpy(v->data_key, key, sizeof v->data_key);
            v->open = true;
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

/* --- changing slots --- */

enum ks_err ks_vault_add(
    struct ks_vault *v, struct ks_prng *prng, struct ks_str passphrase, struct ks_vault_cost cost, uint32_t *ret_number)
{
    struct slot *slot = &v->slots[v->count];
    enum ks_err err;

    if (!v->open)
        return KS_ESTATE;
    if (v->count == KS_VAULT_SLOTS_MAX || v->next_number == UINT32_MAX || !cost_fits(v, cost)
        || !passphrase_fits(passphrase))
        return KS_ELIMIT;
    *slot = (struct slot) { .number = v->next_number };
    if ((err = wrap(v, prng, passphrase, cost, slot)) != KS_OK)
        return err;
    v->count++;
    *ret_number = v->next_number++;
    return KS_OK;
}

static struct slot *slot_find(struct ks_vault *v, uint32_t number)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->slots[i].number == number)
            return &v->slots[i];
    return NULL;
}

enum ks_err ks_vault_rewrap(
    struct ks_vault *v, struct ks_prng *prng, uint32_t number, struct ks_str passphrase, struct ks_vault_cost cost)
{
    struct slot *slot = slot_find(v, number);

    if (!v->open)
        return KS_ESTATE;
    if (!slot || slot->kind != KS_SLOT_PASSPHRASE)
        return KS_ENOTFOUND;
    if (!cost_fits(v, cost) || !passphrase_fits(passphrase))
        return KS_ELIMIT;
    return wrap(v, prng, passphrase, cost, slot);
}

enum ks_err ks_vault_remove(struct ks_vault *v, uint32_t number)
{
    struct slot *slot = slot_find(v, number);

    if (!v->open)
        return KS_ESTATE;
    if (!slot)
        return KS_ENOTFOUND;
    if (v->count == 1)
        return KS_ESTATE;
    v->count--;
    memmove(slot, slot + 1, (size_t)(v->slots + v->count - slot) * sizeof *slot);
    ks_wipe(&v->slots[v->count], sizeof v->slots[v->count]);
    return KS_OK;
}

enum ks_err ks_vault_store_key(const struct ks_vault *v, uint8_t ret_key[KS_VAULT_KEY_LEN])
{
    if (!v->open)
        return KS_ESTATE;
    ks_hkdf(KS_SHA256, ks_str(v->data_key, sizeof v->data_key), KS_STR_EMPTY, PURPOSE_STORE, ret_key, KS_VAULT_KEY_LEN);
    return KS_OK;
}
