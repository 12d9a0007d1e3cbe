/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What an exchange of scram.c starts from: keys, their records, and the hash of what was offered. */
#include "enc.h"
#include "scram.h"

#define RECORD_VERSION 1

void ks_scram_keys_make(enum ks_hash hash, struct ks_str password, const uint8_t salt[KS_SCRAM_SALT_LEN],
    uint32_t iterations, struct ks_scram_keys *ret_keys)
{
    size_t len = ks_hash_len(hash);
    uint8_t salted[KS_HASH_MAX], client_key[KS_HASH_MAX];

    assert(iterations >= KS_SCRAM_ITERATIONS_MIN && iterations <= KS_SCRAM_ITERATIONS_MAX);
    *ret_keys = (struct ks_scram_keys) { .hash = hash, .iterations = iterations, .salt_len = KS_SCRAM_SALT_LEN };
    memcpy(ret_keys->salt, salt, KS_SCRAM_SALT_LEN);
    ks_pbkdf2(hash, password, ks_str(salt, KS_SCRAM_SALT_LEN), iterations, salted);
    ks_hmac(hash, ks_str(salted, len), KS_STR("Client Key"), client_key);
    ks_hash(hash, ks_str(client_key, len), ret_keys->stored_key);
    ks_hmac(hash, ks_str(salted, len), KS_STR("Server Key"), ret_keys->server_key);
    ks_wipe(salted, sizeof salted);
    ks_wipe(client_key, sizeof client_key);
}

/* The mechanism is part of the label, because an account's salts differ between its mechanisms too. */
void ks_scram_fake(enum ks_hash hash, struct ks_str secret, struct ks_str username, uint32_t iterations,
    struct ks_scram_keys *ret_keys)
{
    static const char *const labels[] = {
        [KS_SHA1] = "konsil/0 scram fake SHA-1",
        [KS_SHA256] = "konsil/0 scram fake SHA-256",
        [KS_SHA512] = "konsil/0 scram fake SHA-512",
    };
    size_t len = ks_hash_len(hash);
    uint8_t made[KS_SCRAM_SALT_LEN + 2 * KS_HASH_MAX];

    ks_hkdf(KS_SHA256, secret, ks_str_z(labels[hash]), username, made, KS_SCRAM_SALT_LEN + 2 * len);
    *ret_keys = (struct ks_scram_keys) { .hash = hash, .iterations = iterations, .salt_len = KS_SCRAM_SALT_LEN };
    memcpy(ret_keys->salt, made, KS_SCRAM_SALT_LEN);
    memcpy(ret_keys->stored_key, made + KS_SCRAM_SALT_LEN, len);
    memcpy(ret_keys->server_key, made + KS_SCRAM_SALT_LEN + len, len);
    ks_wipe(made, sizeof made);
}

/* The record's own numbers, which do not follow the enum. */
static const struct {
    enum ks_hash hash;
    uint8_t code;
} hash_codes[] = { { KS_SHA1, 1 }, { KS_SHA256, 2 }, { KS_SHA512, 3 } };

void ks_scram_keys_write(struct ks_buf *buf, const struct ks_scram_keys *keys)
{
    size_t len = ks_hash_len(keys->hash);

    ks_buf_byte(buf, RECORD_VERSION);
    for (size_t i = 0; i < KS_COUNT(hash_codes); i++)
        if (hash_codes[i].hash == keys->hash)
            ks_buf_byte(buf, hash_codes[i].code);
    ks_buf_u32(buf, keys->iterations);
    ks_buf_field(buf, ks_str(keys->salt, keys->salt_len));
    ks_buf_field(buf, ks_str(keys->stored_key, len));
    ks_buf_field(buf, ks_str(keys->server_key, len));
}

static enum ks_err read_key(struct ks_cursor *at, size_t len_min, size_t len_max, uint8_t *ret_key, size_t *ret_len)
{
    struct ks_str field;
    enum ks_err err = ks_cursor_field(at, &field);

    if (err != KS_OK)
        return err;
    if (field.len < len_min || field.len > len_max)
        return KS_ESYNTAX;
    memcpy(ret_key, field.ptr, field.len);
    *ret_len = field.len;
    return KS_OK;
}

static enum ks_err read_keys(struct ks_cursor *at, struct ks_scram_keys *keys)
{
    uint8_t version, code;
    size_t len = 0;
    enum ks_err err;

    if ((err = ks_cursor_u8(at, &version)) != KS_OK)
        return err;
    if (version != RECORD_VERSION)
        return version > RECORD_VERSION ? KS_EVERSION : KS_ESYNTAX;
    if ((err = ks_cursor_u8(at, &code)) != KS_OK || (err = ks_cursor_u32(at, &keys->iterations)) != KS_OK)
        return err;
    for (size_t i = 0; i < KS_COUNT(hash_codes); i++)
        if (hash_codes[i].code == code)
            len = ks_hash_len(keys->hash = hash_codes[i].hash);
    if (!len || keys->iterations < KS_SCRAM_ITERATIONS_FOREIGN || keys->iterations > KS_SCRAM_ITERATIONS_MAX)
        return KS_ESYNTAX;
    size_t salt_len, same;
    if ((err = read_key(at, 1, KS_SCRAM_SALT_MAX, keys->salt, &salt_len)) != KS_OK
        || (err = read_key(at, len, len, keys->stored_key, &same)) != KS_OK
        || (err = read_key(at, len, len, keys->server_key, &same)) != KS_OK)
        return err;
    keys->salt_len = (uint8_t)salt_len;
    return ks_cursor_done(at) ? KS_OK : KS_ESYNTAX;
}

enum ks_err ks_scram_keys_read(struct ks_str record, struct ks_scram_keys *ret_keys)
{
    struct ks_cursor at = ks_cursor(record);
    struct ks_scram_keys keys = { 0 };
    enum ks_err err = read_keys(&at, &keys);

    if (err == KS_OK)
        *ret_keys = keys;
    ks_wipe(&keys, sizeof keys);
    return err;
}

/* --- XEP-0474 §5.1 --- */

/* "All sorting operations MUST be performed using i;octet collation"; lists have a handful of names. */
static enum ks_err join_sorted(
    struct ks_arena *arena, const struct ks_str *names, size_t count, struct ks_str *ret_text)
{
    struct ks_str sorted[2 * KS_SCRAM_OFFERS_MAX];
    size_t len = 0;

    if (count > KS_SCRAM_OFFERS_MAX)
        return KS_ELIMIT;
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && ks_str_cmp(sorted[2 * at - 2], names[i]) > 0; at--)
            sorted[2 * at] = sorted[2 * at - 2];
        sorted[2 * at] = names[i];
        sorted[2 * i + 1] = KS_STR("\x1e");
    }
    len = count ? 2 * count - 1 : 0;
    return ks_arena_join(arena, sorted, len, ret_text);
}

enum ks_err ks_scram_downgrade(struct ks_arena *arena, enum ks_hash hash, const struct ks_str *mechanisms,
    size_t mechanism_count, const struct ks_str *bindings, size_t binding_count, struct ks_str *ret_text)
{
    struct ks_str parts[3] = { KS_STR_EMPTY, binding_count ? KS_STR("\x1f") : KS_STR_EMPTY, KS_STR_EMPTY };
    uint8_t digest[KS_HASH_MAX];
    enum ks_err err;

    if ((err = join_sorted(arena, mechanisms, mechanism_count, &parts[0])) != KS_OK
        || (err = join_sorted(arena, bindings, binding_count, &parts[2])) != KS_OK)
        return err;
    ks_hash_parts(hash, parts, KS_COUNT(parts), digest);
    return ks_base64(arena, ks_str(digest, ks_hash_len(hash)), ret_text);
}
