/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "invite.h"

#include "crypto.h"
#include "enc.h"

#define SECRET_LEN 16
#define RECORD_LEN (1 + 8 + 32) /* version, when it ends, hash of the secret */
#define VERSION 1

static const struct ks_str key = { "token", 5 };

static void hash_secret(struct ks_str secret, uint8_t ret_hash[KS_HASH_MAX])
{
    ks_hash_parts(KS_SHA256, (struct ks_str[]) { KS_STR("konsil invite\n"), secret }, 2, ret_hash);
}

struct ks_str ks_invite_make(struct ks_ctx *ctx, uint64_t account, int64_t expires_ms)
{
    struct ks_str local = ks_user_jid(ctx->user).local, token = KS_STR_EMPTY;
    struct ks_store_req *txn = ks_ctx_txn(ctx);
    uint8_t secret[SECRET_LEN], hash[KS_HASH_MAX];
    struct ks_buf record, text;

    ks_prng_bytes(&ctx->reactor->prng, secret, sizeof secret);
    hash_secret(ks_str((char *)secret, sizeof secret), hash);
    ks_buf_init(&record, RECORD_LEN);
    ks_buf_byte(&record, VERSION);
    ks_buf_u64(&record, (uint64_t)expires_ms);
    ks_buf_add(&record, ks_str((char *)hash, 32));
    ks_buf_init(&text, 2 * (SECRET_LEN + KS_JID_PART_MAX));
    ks_hex_add(&text, ks_str((char *)secret, sizeof secret));
    ks_hex_add(&text, local);
    if (txn && ks_buf_err(&record) == KS_OK && ks_buf_err(&text) == KS_OK
        && ks_arena_copy(ctx->arena, ks_buf_str(&text), &token) == KS_OK)
        ks_store_txn_kv_put(txn, account, KS_STR(KS_STORE_INVITE), key, ks_buf_str(&record));
    ks_wipe(secret, sizeof secret);
    ks_wipe(text.ptr, text.len);
    ks_buf_done(&text);
    ks_buf_done(&record);
    return token;
}

enum ks_err ks_invite_local(struct ks_arena *arena, struct ks_str token, struct ks_str *ret_local)
{
    struct ks_str bytes;

    if (token.len <= 2 * SECRET_LEN || token.len > 2 * (SECRET_LEN + KS_JID_PART_MAX)
        || ks_hex_read(arena, token, &bytes) != KS_OK)
        return KS_ESYNTAX;
    *ret_local = ks_str_from(bytes, SECRET_LEN);
    return KS_OK;
}

/* KS_ESYNTAX: there is none, or nothing that we wrote. */
static enum ks_err read_record(struct ks_str record, int64_t *ret_expires_ms, struct ks_str *ret_hash)
{
    struct ks_cursor at = ks_cursor(ks_str_from(record, 1));
    uint64_t expires;

    if (record.len != RECORD_LEN || record.ptr[0] != VERSION || ks_cursor_u64(&at, &expires) != KS_OK)
        return KS_ESYNTAX;
    *ret_expires_ms = (int64_t)expires;
    *ret_hash = ks_str_from(record, RECORD_LEN - 32);
    return KS_OK;
}

bool ks_invite_opens(struct ks_arena *arena, const struct ks_user *user, struct ks_str token)
{
    struct ks_str bytes, wanted;
    uint8_t hash[KS_HASH_MAX];
    int64_t expires_ms;

    if (ks_user_row(user)->state != KS_ACCOUNT_INVITED
        || read_record(ks_kv_get(user, KS_STORE_INVITE, key), &expires_ms, &wanted) != KS_OK
        || ks_hex_read(arena, token, &bytes) != KS_OK || bytes.len <= SECRET_LEN)
        return false;
    hash_secret(ks_str_head(bytes, SECRET_LEN), hash);
    return ks_crypto_eq(ks_str((char *)hash, 32), wanted);
}

int64_t ks_invite_record_ms(struct ks_str record)
{
    int64_t expires_ms;
    struct ks_str hash;

    return read_record(record, &expires_ms, &hash) == KS_OK ? expires_ms : 0;
}

int64_t ks_invite_expires_ms(const struct ks_user *user)
{
    return ks_invite_record_ms(ks_kv_get(user, KS_STORE_INVITE, key));
}
