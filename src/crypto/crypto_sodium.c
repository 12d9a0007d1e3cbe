/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The driver of the engine, natively and in WASM: mbedTLS 3.6 has the hashes and AES, libsodium XChaCha20-Poly1305 and
 * Argon2id.
 *
 * sodium_init() is not called: it chooses among vector code that our build of libsodium has none of, and seeds a
 * generator that we never use, for which it would ask the system. mbedTLS's hashes and AES work on the stack; its GCM
 * takes a small block from malloc. */
#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>
#include <mbedtls/platform_time.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <sodium/crypto_aead_chacha20poly1305.h>
#include <sodium/crypto_aead_xchacha20poly1305.h>
#include <sodium/crypto_pwhash_argon2id.h>
#include <sodium/crypto_stream_chacha20.h>
#include <sodium/crypto_stream_xchacha20.h>
#include <stdlib.h>

#include "crypto_driver.h"

#define AEAD(part) crypto_aead_xchacha20poly1305_ietf_##part
_Static_assert(AEAD(KEYBYTES) == KS_AEAD_KEY_LEN, "key");
_Static_assert(AEAD(NPUBBYTES) == KS_AEAD_NONCE_LEN, "nonce");
_Static_assert(AEAD(ABYTES) == KS_AEAD_TAG_LEN, "tag");
#define CHACHA(part) crypto_aead_chacha20poly1305_ietf_##part
_Static_assert(CHACHA(KEYBYTES) == KS_AEAD_KEY_LEN, "key");
_Static_assert(CHACHA(NPUBBYTES) == KS_CHACHA_NONCE_LEN, "nonce");
_Static_assert(CHACHA(ABYTES) == KS_AEAD_TAG_LEN, "tag");

/* Both libraries say 0 for success; anything else on good arguments is memory or our mistake. */
static void must(int result)
{
    assert(result == 0);
    (void)result;
}

/* mbedTLS makes its AES tables when the first key is set, without a lock: here, before there are threads. */
enum ks_err ks_crypto_init(void)
{
    static const uint8_t key[16];
    mbedtls_aes_context aes;

    mbedtls_aes_init(&aes);
    int result = mbedtls_aes_setkey_enc(&aes, key, 128);
    mbedtls_aes_free(&aes);
    return result ? KS_ECRYPTO : KS_OK;
}

/* --- hashes --- */

struct state {
    enum ks_hash hash;
    union {
        mbedtls_sha1_context sha1;
        mbedtls_sha256_context sha256;
        mbedtls_sha512_context sha512;
    } in;
};

static void start(struct state *state, enum ks_hash hash)
{
    state->hash = hash;
    switch (hash) {
    case KS_SHA1:
        mbedtls_sha1_init(&state->in.sha1);
        must(mbedtls_sha1_starts(&state->in.sha1));
        break;
    case KS_SHA256:
        mbedtls_sha256_init(&state->in.sha256);
        must(mbedtls_sha256_starts(&state->in.sha256, 0));
        break;
    case KS_SHA512:
        mbedtls_sha512_init(&state->in.sha512);
        must(mbedtls_sha512_starts(&state->in.sha512, 0));
        break;
    }
}

static void add(struct state *state, struct ks_str bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;

    switch (state->hash) {
    case KS_SHA1:
        must(mbedtls_sha1_update(&state->in.sha1, at, bytes.len));
        break;
    case KS_SHA256:
        must(mbedtls_sha256_update(&state->in.sha256, at, bytes.len));
        break;
    case KS_SHA512:
        must(mbedtls_sha512_update(&state->in.sha512, at, bytes.len));
        break;
    }
}

static void end(struct state *state, uint8_t *ret_digest)
{
    switch (state->hash) {
    case KS_SHA1:
        must(mbedtls_sha1_finish(&state->in.sha1, ret_digest));
        break;
    case KS_SHA256:
        must(mbedtls_sha256_finish(&state->in.sha256, ret_digest));
        break;
    case KS_SHA512:
        must(mbedtls_sha512_finish(&state->in.sha512, ret_digest));
        break;
    }
}

void ks_hash_parts(enum ks_hash hash, const struct ks_str *parts, size_t count, uint8_t *ret_digest)
{
    struct state state;

    start(&state, hash);
    for (size_t i = 0; i < count; i++)
        add(&state, parts[i]);
    end(&state, ret_digest);
    ks_wipe(&state, sizeof state);
}

struct ks_hasher {
    struct state state;
};

struct ks_hasher *ks_hasher_new(enum ks_hash hash)
{
    struct ks_hasher *hasher = malloc(sizeof *hasher);

    if (hasher)
        start(&hasher->state, hash);
    return hasher;
}

void ks_hasher_add(struct ks_hasher *hasher, struct ks_str bytes)
{
    add(&hasher->state, bytes);
}

void ks_hasher_end(struct ks_hasher *hasher, uint8_t *ret_digest)
{
    end(&hasher->state, ret_digest);
    start(&hasher->state, hasher->state.hash);
}

void ks_hasher_free(struct ks_hasher *hasher)
{
    if (!hasher)
        return;
    ks_wipe(hasher, sizeof *hasher);
    free(hasher);
}

/* --- keys from passwords --- */

/* RFC 8018 §5.2, one block. The two padded keys of HMAC are hashed once and then copied, which halves the cost of every
 * login against calling HMAC anew for each iteration. */
void ks_pbkdf2(enum ks_hash hash, struct ks_str password, struct ks_str salt, uint32_t iterations, uint8_t *ret_key)
{
    static const uint8_t first_block[4] = { 0, 0, 0, 1 };
    size_t len = ks_hash_len(hash), block_len = hash == KS_SHA512 ? 128 : 64;
    uint8_t inner_pad[128] = { 0 }, outer_pad[128], u[KS_HASH_MAX];
    struct state inner, outer, state;

    assert(iterations > 0);
    if (password.len > block_len)
        ks_hash(hash, password, inner_pad);
    else if (password.len)
        memcpy(inner_pad, password.ptr, password.len);
    for (size_t i = 0; i < block_len; i++) {
        outer_pad[i] = inner_pad[i] ^ 0x5c;
        inner_pad[i] ^= 0x36;
    }
    start(&inner, hash);
    add(&inner, ks_str(inner_pad, block_len));
    start(&outer, hash);
    add(&outer, ks_str(outer_pad, block_len));
    for (uint32_t i = 0; i < iterations; i++) {
        state = inner;
        if (i == 0) {
            add(&state, salt);
            add(&state, ks_str(first_block, sizeof first_block));
        } else
            add(&state, ks_str(u, len));
        end(&state, u);
        state = outer;
        add(&state, ks_str(u, len));
        end(&state, u);
        for (size_t byte = 0; byte < len; byte++)
            ret_key[byte] = (uint8_t)((i ? ret_key[byte] : 0) ^ u[byte]);
    }
    ks_wipe(inner_pad, sizeof inner_pad);
    ks_wipe(outer_pad, sizeof outer_pad);
    ks_wipe(u, sizeof u);
    ks_wipe(&inner, sizeof inner);
    ks_wipe(&outer, sizeof outer);
    ks_wipe(&state, sizeof state);
}

enum ks_err ks_argon2id(
    struct ks_str password, const uint8_t salt[16], uint32_t kib, uint32_t passes, uint8_t ret_key[32])
{
    uint8_t key[32];

    if (kib < 8 || kib > 1 << 20 || passes < 1 || passes > 64)
        return KS_ELIMIT;
    if (crypto_pwhash_argon2id(key, sizeof key, password.len ? password.ptr : "", password.len, salt, passes,
            (size_t)kib * 1024, crypto_pwhash_argon2id_ALG_ARGON2ID13))
        return KS_ENOMEM; /* the arguments are within its limits */
    memcpy(ret_key, key, sizeof key);
    ks_wipe(key, sizeof key);
    return KS_OK;
}

/* --- ciphers --- */

void ks_aead_seal(const uint8_t key[KS_AEAD_KEY_LEN], const uint8_t nonce[KS_AEAD_NONCE_LEN], struct ks_str extra,
    struct ks_str bytes, uint8_t *ret_sealed)
{
    must(AEAD(encrypt)(ret_sealed, NULL, (const uint8_t *)bytes.ptr, bytes.len, (const uint8_t *)extra.ptr, extra.len,
        NULL, nonce, key));
}

/* Without an output libsodium only verifies; given one, it would overwrite it on a refusal. What verified is then
 * deciphered from block 1 on, as block 0 gave the key of the MAC (RFC 8439 §2.8). */
enum ks_err ks_aead_open(const uint8_t key[KS_AEAD_KEY_LEN], const uint8_t nonce[KS_AEAD_NONCE_LEN],
    struct ks_str extra, struct ks_str sealed, uint8_t *ret_bytes)
{
    const uint8_t *bytes = (const uint8_t *)sealed.ptr;

    if (sealed.len < KS_AEAD_TAG_LEN)
        return KS_ECRYPTO;
    size_t len = sealed.len - KS_AEAD_TAG_LEN;
    if (AEAD(decrypt_detached)(NULL, NULL, bytes, len, bytes + len, (const uint8_t *)extra.ptr, extra.len, nonce, key))
        return KS_ECRYPTO;
    if (len)
        must(crypto_stream_xchacha20_xor_ic(ret_bytes, bytes, len, nonce, 1, key));
    return KS_OK;
}

void ks_chacha_seal(const uint8_t key[KS_AEAD_KEY_LEN], const uint8_t nonce[KS_CHACHA_NONCE_LEN], struct ks_str extra,
    struct ks_str bytes, uint8_t *ret_sealed)
{
    must(CHACHA(encrypt)(ret_sealed, NULL, (const uint8_t *)bytes.ptr, bytes.len, (const uint8_t *)extra.ptr, extra.len,
        NULL, nonce, key));
}

/* In two steps, as above. */
enum ks_err ks_chacha_open(const uint8_t key[KS_AEAD_KEY_LEN], const uint8_t nonce[KS_CHACHA_NONCE_LEN],
    struct ks_str extra, struct ks_str sealed, uint8_t *ret_bytes)
{
    const uint8_t *bytes = (const uint8_t *)sealed.ptr;

    if (sealed.len < KS_AEAD_TAG_LEN)
        return KS_ECRYPTO;
    size_t len = sealed.len - KS_AEAD_TAG_LEN;
    if (CHACHA(decrypt_detached)(
            NULL, NULL, bytes, len, bytes + len, (const uint8_t *)extra.ptr, extra.len, nonce, key))
        return KS_ECRYPTO;
    if (len)
        must(crypto_stream_chacha20_ietf_xor_ic(ret_bytes, bytes, len, nonce, 1, key));
    return KS_OK;
}

void ks_driver_cbc(
    enum ks_direction direction, struct ks_str key, const uint8_t iv[16], struct ks_str blocks, uint8_t *ret_blocks)
{
    const uint8_t *key_at = (const uint8_t *)key.ptr;
    unsigned bits = 8 * (unsigned)key.len;
    mbedtls_aes_context aes;
    uint8_t chain[16];

    assert((key.len == 16 || key.len == 32) && blocks.len % 16 == 0);
    memcpy(chain, iv, sizeof chain);
    mbedtls_aes_init(&aes);
    must(direction == KS_ENCRYPT ? mbedtls_aes_setkey_enc(&aes, key_at, bits)
                                 : mbedtls_aes_setkey_dec(&aes, key_at, bits));
    must(mbedtls_aes_crypt_cbc(&aes, direction == KS_ENCRYPT ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT, blocks.len,
        chain, (const uint8_t *)blocks.ptr, ret_blocks));
    mbedtls_aes_free(&aes); /* wipes */
}

static void gcm_start(mbedtls_gcm_context *gcm, int mode, struct ks_str nonce, struct ks_str extra)
{
    must(mbedtls_gcm_starts(gcm, mode, (const uint8_t *)nonce.ptr, nonce.len));
    if (extra.len)
        must(mbedtls_gcm_update_ad(gcm, (const uint8_t *)extra.ptr, extra.len));
}

static void gcm_update(mbedtls_gcm_context *gcm, struct ks_str bytes, uint8_t *ret_bytes)
{
    size_t len = 0;

    if (bytes.len)
        must(mbedtls_gcm_update(gcm, (const uint8_t *)bytes.ptr, bytes.len, ret_bytes, bytes.len, &len));
    assert(len == bytes.len);
}

static void gcm_key(mbedtls_gcm_context *gcm, struct ks_str key, struct ks_str nonce)
{
    assert((key.len == 16 || key.len == 32) && (nonce.len == 12 || nonce.len == 16));
    mbedtls_gcm_init(gcm);
    must(mbedtls_gcm_setkey(gcm, MBEDTLS_CIPHER_ID_AES, (const uint8_t *)key.ptr, 8 * (unsigned)key.len));
}

void ks_aes_gcm_seal(struct ks_str key, struct ks_str nonce, struct ks_str extra, struct ks_str bytes,
    uint8_t *ret_bytes, uint8_t ret_tag[16])
{
    mbedtls_gcm_context gcm;
    size_t len = 0;

    gcm_key(&gcm, key, nonce);
    gcm_start(&gcm, MBEDTLS_GCM_ENCRYPT, nonce, extra);
    gcm_update(&gcm, bytes, ret_bytes);
    must(mbedtls_gcm_finish(&gcm, NULL, 0, &len, ret_tag, 16));
    mbedtls_gcm_free(&gcm);
}

/* As with OpenSSL: a first pass verifies, with the plaintext falling into a small scratch, and only then does a second
 * one write to the caller. */
enum ks_err ks_aes_gcm_open(struct ks_str key, struct ks_str nonce, struct ks_str extra, struct ks_str bytes,
    const uint8_t tag[16], uint8_t *ret_bytes)
{
    mbedtls_gcm_context gcm;
    uint8_t scratch[4096], expected[16];
    size_t len = 0;

    gcm_key(&gcm, key, nonce);
    gcm_start(&gcm, MBEDTLS_GCM_DECRYPT, nonce, extra);
    for (size_t at = 0; at < bytes.len; at += sizeof scratch)
        gcm_update(&gcm, ks_str_head(ks_str_from(bytes, at), sizeof scratch), scratch);
    must(mbedtls_gcm_finish(&gcm, NULL, 0, &len, expected, sizeof expected));
    bool fits = ks_crypto_eq(ks_str(expected, 16), ks_str(tag, 16));
    if (fits) {
        gcm_start(&gcm, MBEDTLS_GCM_DECRYPT, nonce, extra);
        gcm_update(&gcm, bytes, ret_bytes);
    }
    ks_wipe(scratch, bytes.len < sizeof scratch ? bytes.len : sizeof scratch);
    ks_wipe(expected, sizeof expected);
    mbedtls_gcm_free(&gcm);
    return fits ? KS_OK : KS_ECRYPTO;
}

struct ks_gcm {
    mbedtls_gcm_context context;
};

/* mbedTLS takes memory for a key's schedule, so this may fail where the functions above cannot go on. */
struct ks_gcm *ks_gcm_new(bool seal, struct ks_str key, struct ks_str nonce)
{
    struct ks_gcm *made = malloc(sizeof *made);

    assert((key.len == 16 || key.len == 32) && (nonce.len == 12 || nonce.len == 16));
    if (!made)
        return NULL;
    mbedtls_gcm_init(&made->context);
    if (mbedtls_gcm_setkey(&made->context, MBEDTLS_CIPHER_ID_AES, (const uint8_t *)key.ptr, 8 * (unsigned)key.len)) {
        ks_gcm_free(made);
        return NULL;
    }
    gcm_start(&made->context, seal ? MBEDTLS_GCM_ENCRYPT : MBEDTLS_GCM_DECRYPT, nonce, KS_STR_EMPTY);
    return made;
}

void ks_gcm_add(struct ks_gcm *gcm, struct ks_str bytes, uint8_t *ret_bytes)
{
    gcm_update(&gcm->context, bytes, ret_bytes);
}

void ks_gcm_seal_end(struct ks_gcm *gcm, uint8_t ret_tag[16])
{
    size_t len = 0;

    must(mbedtls_gcm_finish(&gcm->context, NULL, 0, &len, ret_tag, 16));
}

enum ks_err ks_gcm_open_end(struct ks_gcm *gcm, const uint8_t tag[16])
{
    uint8_t expected[16];
    bool fits;

    ks_gcm_seal_end(gcm, expected);
    fits = ks_crypto_eq(ks_str(expected, sizeof expected), ks_str(tag, 16));
    ks_wipe(expected, sizeof expected);
    return fits ? KS_OK : KS_ECRYPTO;
}

void ks_gcm_free(struct ks_gcm *gcm)
{
    if (!gcm)
        return;
    mbedtls_gcm_free(&gcm->context); /* wipes */
    free(gcm);
}
