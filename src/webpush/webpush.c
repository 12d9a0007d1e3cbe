/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "webpush.h"

#include "enc.h"

enum ks_err ks_webpush_keys_read(struct ks_str p256dh, struct ks_str auth, struct ks_webpush_keys *ret_keys)
{
    char room[512];
    struct ks_arena arena;
    struct ks_str point, secret;
    enum ks_err err = KS_ESYNTAX;

    ks_arena_init_room(&arena, sizeof room, room, sizeof room);
    if (p256dh.len > 100 || auth.len > 40 || ks_base64url_read(&arena, p256dh, &point) != KS_OK
        || ks_base64url_read(&arena, auth, &secret) != KS_OK || point.len != KS_P256_PUBLIC_LEN
        || secret.len != KS_WEBPUSH_AUTH_LEN)
        goto out;
    err = ks_p256_check((const uint8_t *)point.ptr);
    if (err == KS_OK) {
        memcpy(ret_keys->p256dh, point.ptr, point.len);
        memcpy(ret_keys->auth, secret.ptr, secret.len);
    }
out:
    ks_arena_done(&arena);
    ks_wipe(room, sizeof room);
    return err;
}

void ks_webpush_record_add(struct ks_buf *body, const struct ks_webpush_record *record, struct ks_str text)
{
    struct ks_str salt = ks_str(record->salt, sizeof record->salt);
    size_t len = text.len + 1 + record->pad;
    uint8_t key[16], nonce[12], *room;

    assert(record->keyid.len <= 255 && record->size >= len + 16);
    ks_buf_add(body, salt);
    ks_buf_u32(body, record->size);
    ks_buf_byte(body, (uint8_t)record->keyid.len);
    ks_buf_add(body, record->keyid);
    room = (uint8_t *)ks_buf_room(body, len + 16);
    if (!room)
        return;
    /* RFC 8188 §2.2, §2.3; the info strings end with a zero, and the first record's nonce is as derived. */
    ks_hkdf(KS_SHA256, record->secret, salt, KS_STR("Content-Encoding: aes128gcm\0"), key, sizeof key);
    ks_hkdf(KS_SHA256, record->secret, salt, KS_STR("Content-Encoding: nonce\0"), nonce, sizeof nonce);
    memset(room, 0, len);
    memcpy(room, text.ptr, text.len);
    room[text.len] = 2; /* §2: "the last record uses a padding delimiter octet set to the value 2" */
    ks_aes_gcm_seal(
        ks_str(key, sizeof key), ks_str(nonce, sizeof nonce), KS_STR_EMPTY, ks_str(room, len), room, room + len);
    ks_wipe(key, sizeof key);
}

enum ks_err ks_webpush_encrypt(struct ks_buf *body, const struct ks_webpush_keys *keys,
    const uint8_t private_key[KS_P256_PRIVATE_LEN], const uint8_t salt[16], struct ks_str text, size_t body_len)
{
    uint8_t shared[32], secret[32], own[KS_P256_PUBLIC_LEN];
    struct ks_webpush_record record = { .secret = ks_str(secret, sizeof secret),
        .keyid = ks_str(own, sizeof own),
        .size = KS_WEBPUSH_BODY_MAX,
        .pad = body_len - KS_WEBPUSH_OVERHEAD - text.len };
    struct ks_str info;
    char infos[160];

    assert(body_len >= text.len + KS_WEBPUSH_OVERHEAD && body_len <= KS_WEBPUSH_BODY_MAX);
    memcpy(record.salt, salt, sizeof record.salt);
    enum ks_err err = ks_p256_public(private_key, own);
    if (err == KS_OK)
        err = ks_p256_ecdh(private_key, keys->p256dh, shared);
    if (err != KS_OK)
        return err;
    /* RFC 8291 §3.4: key_info = "WebPush: info" || 0x00 || ua_public || as_public */
    info = ks_str(infos, 14 + 2 * KS_P256_PUBLIC_LEN);
    memcpy(infos, "WebPush: info", 14);
    memcpy(infos + 14, keys->p256dh, KS_P256_PUBLIC_LEN);
    memcpy(infos + 14 + KS_P256_PUBLIC_LEN, own, KS_P256_PUBLIC_LEN);
    ks_hkdf(
        KS_SHA256, ks_str(shared, sizeof shared), ks_str(keys->auth, sizeof keys->auth), info, secret, sizeof secret);
    ks_webpush_record_add(body, &record, text);
    ks_wipe(shared, sizeof shared);
    ks_wipe(secret, sizeof secret);
    return KS_OK;
}

/* What stands in JSON as it is. */
static bool is_plain(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] == '"' || text.ptr[i] == '\\' || text.ptr[i] == 0x7f)
            return false;
    return true;
}

void ks_webpush_vapid_add(
    struct ks_buf *value, const uint8_t private_key[KS_P256_PRIVATE_LEN], const struct ks_webpush_claim *claim)
{
    uint8_t digest[32], signature[KS_P256_SIGNATURE_LEN], public_key[KS_P256_PUBLIC_LEN];
    struct ks_buf token, claims;

    assert(is_plain(claim->origin) && is_plain(claim->subject));
    enum ks_err err = ks_p256_public(private_key, public_key);
    assert(err == KS_OK);
    (void)err;
    ks_buf_init(&token, 4096);
    ks_buf_init(&claims, 2048);
    ks_buf_printf(&claims, "{\"aud\":\"%.*s\",\"exp\":%lld", KS_STR_FMT(claim->origin), (long long)claim->expires);
    if (claim->subject.len)
        ks_buf_printf(&claims, ",\"sub\":\"%.*s\"", KS_STR_FMT(claim->subject));
    ks_buf_byte(&claims, '}');
    ks_base64url_add(&token, KS_STR("{\"typ\":\"JWT\",\"alg\":\"ES256\"}")); /* RFC 8292 §2 */
    ks_buf_byte(&token, '.');
    ks_base64url_add(&token, ks_buf_str(&claims));
    ks_hash(KS_SHA256, ks_buf_str(&token), digest); /* RFC 7515 §5.1: over both, as they are sent */
    ks_p256_sign(private_key, digest, signature);
    ks_buf_byte(&token, '.');
    ks_base64url_add(&token, ks_str(signature, sizeof signature));
    ks_buf_z(value, "vapid t=");
    ks_buf_add(value, ks_buf_str(&token));
    ks_buf_z(value, ", k=");
    ks_base64url_add(value, ks_str(public_key, sizeof public_key));
    if (value->err == KS_OK && (token.err || claims.err))
        value->err = token.err ? token.err : claims.err;
    ks_buf_done(&claims);
    ks_buf_done(&token);
}
