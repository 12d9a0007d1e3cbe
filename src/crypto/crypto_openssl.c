/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The driver of konsild and konsilctl, over OpenSSL 3.
 *
 * Algorithms are fetched once: a fetch by name costs more than a short hash (measured: EVP_Q_digest 500 ns, a context
 * made, used and freed with a fetched algorithm 260 ns). Contexts are made for each call, so nothing belongs to a
 * thread; OpenSSL wipes them when they go. HMAC is not EVP_MAC, whose init alone costs 1.5 us in OpenSSL 3.0. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "crypto_driver.h"

static struct {
    EVP_MD *hash[3];
    EVP_CIPHER *cbc[2], *gcm[2]; /* 128 bit, 256 bit */
    EVP_CIPHER *chacha;
} fetched;

/* OpenSSL says 1 for success; anything else on good arguments is memory or a broken library. */
static void must(int result)
{
    assert(result == 1);
    (void)result;
}

enum ks_err ks_crypto_init(void)
{
    if (fetched.chacha) /* the last to come */
        return KS_OK;
    fetched.hash[KS_SHA1] = EVP_MD_fetch(NULL, "SHA1", NULL);
    fetched.hash[KS_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
    fetched.hash[KS_SHA512] = EVP_MD_fetch(NULL, "SHA512", NULL);
    fetched.cbc[0] = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
    fetched.cbc[1] = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    fetched.gcm[0] = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    fetched.gcm[1] = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    fetched.chacha = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    for (size_t i = 0; i < KS_COUNT(fetched.hash); i++)
        if (!fetched.hash[i])
            return KS_ECRYPTO;
    for (size_t i = 0; i < KS_COUNT(fetched.cbc); i++)
        if (!fetched.cbc[i] || !fetched.gcm[i])
            return KS_ECRYPTO;
    return fetched.chacha ? KS_OK : KS_ECRYPTO;
}

/* --- hashes --- */

static void hash_start(EVP_MD_CTX *context, enum ks_hash hash)
{
    assert((size_t)hash < KS_COUNT(fetched.hash) && fetched.hash[hash]);
    must(EVP_DigestInit_ex2(context, fetched.hash[hash], NULL));
}

void ks_hash_parts(enum ks_hash hash, const struct ks_str *parts, size_t count, uint8_t *ret_digest)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    assert(context);
    hash_start(context, hash);
    for (size_t i = 0; i < count; i++)
        must(EVP_DigestUpdate(context, parts[i].ptr, parts[i].len));
    must(EVP_DigestFinal_ex(context, ret_digest, NULL));
    EVP_MD_CTX_free(context);
}

struct ks_hasher {
    enum ks_hash hash;
    EVP_MD_CTX *context;
};

struct ks_hasher *ks_hasher_new(enum ks_hash hash)
{
    struct ks_hasher *hasher = OPENSSL_malloc(sizeof *hasher);

    if (!hasher)
        return NULL;
    *hasher = (struct ks_hasher) { hash, EVP_MD_CTX_new() };
    if (!hasher->context) {
        OPENSSL_free(hasher);
        return NULL;
    }
    hash_start(hasher->context, hash);
    return hasher;
}

void ks_hasher_add(struct ks_hasher *hasher, struct ks_str bytes)
{
    must(EVP_DigestUpdate(hasher->context, bytes.ptr, bytes.len));
}

void ks_hasher_end(struct ks_hasher *hasher, uint8_t *ret_digest)
{
    must(EVP_DigestFinal_ex(hasher->context, ret_digest, NULL));
    hash_start(hasher->context, hasher->hash);
}

void ks_hasher_free(struct ks_hasher *hasher)
{
    if (!hasher)
        return;
    EVP_MD_CTX_free(hasher->context);
    OPENSSL_free(hasher);
}

/* --- keys from passwords --- */

void ks_pbkdf2(enum ks_hash hash, struct ks_str password, struct ks_str salt, uint32_t iterations, uint8_t *ret_key)
{
    assert(iterations > 0 && iterations <= INT_MAX && password.len <= INT_MAX && salt.len <= INT_MAX);
    assert((size_t)hash < KS_COUNT(fetched.hash) && fetched.hash[hash]);
    must(PKCS5_PBKDF2_HMAC(password.len ? password.ptr : "", (int)password.len,
        (const uint8_t *)(salt.len ? salt.ptr : ""), (int)salt.len, (int)iterations, fetched.hash[hash],
        (int)ks_hash_len(hash), ret_key));
}

enum ks_err ks_argon2id(
    struct ks_str password, const uint8_t salt[16], uint32_t kib, uint32_t passes, uint8_t ret_key[32])
{
    (void)password, (void)salt, (void)kib, (void)passes, (void)ret_key;
    return KS_ESTATE; /* OpenSSL has it since 3.2; a server never derives a vault's key */
}

/* --- ciphers --- */

/* EVP counts in int; longer inputs go in pieces. Returns what was written. */
#define PIECE_MAX ((size_t)1 << 30)
static size_t update(EVP_CIPHER_CTX *context, struct ks_str bytes, uint8_t *ret_bytes)
{
    size_t done = 0;

    for (size_t at = 0; at < bytes.len;) {
        struct ks_str piece = ks_str_head(ks_str_from(bytes, at), PIECE_MAX);
        int len;
        must(EVP_CipherUpdate(
            context, ret_bytes ? ret_bytes + done : NULL, &len, (const uint8_t *)piece.ptr, (int)piece.len));
        done += (size_t)len;
        at += piece.len;
    }
    return done;
}

struct aead {
    const EVP_CIPHER *cipher;
    const uint8_t *key;
    struct ks_str nonce, extra;
};

static void aead_start(EVP_CIPHER_CTX *context, const struct aead *aead, enum ks_direction direction)
{
    const EVP_CIPHER *cipher = aead->cipher;

    if (aead->nonce.len != (size_t)EVP_CIPHER_get_iv_length(cipher)) { /* GCM with 16 bytes */
        must(EVP_CipherInit_ex2(context, cipher, NULL, NULL, direction, NULL));
        must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)aead->nonce.len, NULL));
        cipher = NULL; /* naming it again would forget the length */
    }
    must(EVP_CipherInit_ex2(context, cipher, aead->key, (const uint8_t *)aead->nonce.ptr, direction, NULL));
    update(context, aead->extra, NULL);
}

static void aead_seal(const struct aead *aead, struct ks_str bytes, uint8_t *ret_bytes, uint8_t ret_tag[16])
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t none[16];
    int len;

    assert(context);
    aead_start(context, aead, KS_ENCRYPT);
    update(context, bytes, ret_bytes);
    must(EVP_CipherFinal_ex(context, none, &len));
    must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, ret_tag));
    EVP_CIPHER_CTX_free(context);
}

/* OpenSSL gives plaintext away before it has seen the tag. So a first pass verifies, with the plaintext falling into a
 * small scratch, and only then does a second one write to the caller: nothing unverified ever leaves. */
static enum ks_err aead_open(const struct aead *aead, struct ks_str bytes, const uint8_t tag[16], uint8_t *ret_bytes)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t scratch[4096];
    enum ks_err err = KS_ECRYPTO;
    int len;

    assert(context);
    aead_start(context, aead, KS_DECRYPT);
    for (size_t at = 0; at < bytes.len; at += sizeof scratch)
        update(context, ks_str_head(ks_str_from(bytes, at), sizeof scratch), scratch);
    must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, (void *)(uintptr_t)tag)); /* only read */
    if (EVP_CipherFinal_ex(context, scratch, &len) != 1)
        goto out;
    aead_start(context, aead, KS_DECRYPT);
    update(context, bytes, ret_bytes);
    err = KS_OK;
out:
    ks_wipe(scratch, bytes.len < sizeof scratch ? bytes.len : sizeof scratch);
    EVP_CIPHER_CTX_free(context);
    return err;
}

static uint32_t load(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* HChaCha20 (draft-irtf-cfrg-xchacha-03 §2.2): the rounds of a ChaCha20 block without the final addition of the
 * starting words. The block of RFC 8439 is there already, and the starting words whose sums HChaCha20 gives out are
 * all public (constants and nonce), so subtracting them undoes the addition. */
static void hchacha20(const uint8_t key[32], const uint8_t nonce[16], uint8_t ret_key[32])
{
    static const uint32_t constants[4] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
    uint8_t block[64];

    ks_prng_block(key, load(nonce), nonce + 4, block);
    for (size_t i = 0; i < 4; i++) {
        uint32_t first = load(block + 4 * i) - constants[i], last = load(block + 48 + 4 * i) - load(nonce + 4 * i);
        for (size_t byte = 0; byte < 4; byte++) {
            ret_key[4 * i + byte] = (uint8_t)(first >> (8 * byte));
            ret_key[16 + 4 * i + byte] = (uint8_t)(last >> (8 * byte));
        }
    }
    ks_wipe(block, sizeof block);
}

/* draft-irtf-cfrg-xchacha-03 §2.3: ChaCha20-Poly1305 under the subkey, nonce 0000 | the last 8 bytes. */
struct xchacha {
    uint8_t key[32], nonce[12];
};

static struct aead xchacha_start(struct xchacha *xchacha, const uint8_t key[KS_AEAD_KEY_LEN],
    const uint8_t nonce[KS_AEAD_NONCE_LEN], struct ks_str extra)
{
    assert(fetched.chacha);
    hchacha20(key, nonce, xchacha->key);
    memset(xchacha->nonce, 0, 4);
    memcpy(xchacha->nonce + 4, nonce + 16, 8);
    return (struct aead) { fetched.chacha, xchacha->key, ks_str(xchacha->nonce, 12), extra };
}

void ks_aead_seal(const uint8_t key[KS_AEAD_KEY_LEN], const uint8_t nonce[KS_AEAD_NONCE_LEN], struct ks_str extra,
    struct ks_str bytes, uint8_t *ret_sealed)
{
    struct xchacha xchacha;
    struct aead aead = xchacha_start(&xchacha, key, nonce, extra);

    aead_seal(&aead, bytes, ret_sealed, ret_sealed + bytes.len);
    ks_wipe(&xchacha, sizeof xchacha);
}

enum ks_err ks_aead_open(const uint8_t key[KS_AEAD_KEY_LEN], const uint8_t nonce[KS_AEAD_NONCE_LEN],
    struct ks_str extra, struct ks_str sealed, uint8_t *ret_bytes)
{
    struct xchacha xchacha;

    if (sealed.len < KS_AEAD_TAG_LEN)
        return KS_ECRYPTO;
    struct aead aead = xchacha_start(&xchacha, key, nonce, extra);
    struct ks_str bytes = ks_str_head(sealed, sealed.len - KS_AEAD_TAG_LEN);
    enum ks_err err = aead_open(&aead, bytes, (const uint8_t *)sealed.ptr + bytes.len, ret_bytes);
    ks_wipe(&xchacha, sizeof xchacha);
    return err;
}

void ks_chacha_seal(const uint8_t key[KS_AEAD_KEY_LEN], const uint8_t nonce[KS_CHACHA_NONCE_LEN], struct ks_str extra,
    struct ks_str bytes, uint8_t *ret_sealed)
{
    struct aead aead = { fetched.chacha, key, ks_str(nonce, KS_CHACHA_NONCE_LEN), extra };

    assert(fetched.chacha);
    aead_seal(&aead, bytes, ret_sealed, ret_sealed + bytes.len);
}

enum ks_err ks_chacha_open(const uint8_t key[KS_AEAD_KEY_LEN], const uint8_t nonce[KS_CHACHA_NONCE_LEN],
    struct ks_str extra, struct ks_str sealed, uint8_t *ret_bytes)
{
    struct aead aead = { fetched.chacha, key, ks_str(nonce, KS_CHACHA_NONCE_LEN), extra };

    assert(fetched.chacha);
    if (sealed.len < KS_AEAD_TAG_LEN)
        return KS_ECRYPTO;
    struct ks_str bytes = ks_str_head(sealed, sealed.len - KS_AEAD_TAG_LEN);
    return aead_open(&aead, bytes, (const uint8_t *)sealed.ptr + bytes.len, ret_bytes);
}

static EVP_CIPHER *aes(EVP_CIPHER *const ciphers[2], struct ks_str key)
{
    assert(key.len == 16 || key.len == 32);
    assert(ciphers[0] && ciphers[1]);
    return ciphers[key.len == 32];
}

static struct aead gcm(struct ks_str key, struct ks_str nonce, struct ks_str extra)
{
    assert(nonce.len == 12 || nonce.len == 16);
    return (struct aead) { aes(fetched.gcm, key), (const uint8_t *)key.ptr, nonce, extra };
}

void ks_aes_gcm_seal(struct ks_str key, struct ks_str nonce, struct ks_str extra, struct ks_str bytes,
    uint8_t *ret_bytes, uint8_t ret_tag[16])
{
    struct aead aead = gcm(key, nonce, extra);

    aead_seal(&aead, bytes, ret_bytes, ret_tag);
}

enum ks_err ks_aes_gcm_open(struct ks_str key, struct ks_str nonce, struct ks_str extra, struct ks_str bytes,
    const uint8_t tag[16], uint8_t *ret_bytes)
{
    struct aead aead = gcm(key, nonce, extra);

    return aead_open(&aead, bytes, tag, ret_bytes);
}

struct ks_gcm {
    EVP_CIPHER_CTX *context;
};

struct ks_gcm *ks_gcm_new(bool seal, struct ks_str key, struct ks_str nonce)
{
    struct aead aead = gcm(key, nonce, KS_STR_EMPTY);
    struct ks_gcm *made = malloc(sizeof *made);

    if (!made)
        return NULL;
    made->context = EVP_CIPHER_CTX_new();
    if (!made->context) {
        free(made);
        return NULL;
    }
    aead_start(made->context, &aead, seal ? KS_ENCRYPT : KS_DECRYPT);
    return made;
}

void ks_gcm_add(struct ks_gcm *gcm, struct ks_str bytes, uint8_t *ret_bytes)
{
    update(gcm->context, bytes, ret_bytes);
}

void ks_gcm_seal_end(struct ks_gcm *gcm, uint8_t ret_tag[16])
{
    uint8_t none[16];
    int len;

    must(EVP_CipherFinal_ex(gcm->context, none, &len));
    must(EVP_CIPHER_CTX_ctrl(gcm->context, EVP_CTRL_AEAD_GET_TAG, 16, ret_tag));
}

enum ks_err ks_gcm_open_end(struct ks_gcm *gcm, const uint8_t tag[16])
{
    uint8_t none[16];
    int len;

    must(EVP_CIPHER_CTX_ctrl(gcm->context, EVP_CTRL_AEAD_SET_TAG, 16, (void *)(uintptr_t)tag)); /* only read */
    return EVP_CipherFinal_ex(gcm->context, none, &len) == 1 ? KS_OK : KS_ECRYPTO;
}

void ks_gcm_free(struct ks_gcm *gcm)
{
    if (!gcm)
        return;
    EVP_CIPHER_CTX_free(gcm->context);
    free(gcm);
}

void ks_driver_cbc(
    enum ks_direction direction, struct ks_str key, const uint8_t iv[16], struct ks_str blocks, uint8_t *ret_blocks)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    assert(context && blocks.len % 16 == 0);
    must(EVP_CipherInit_ex2(context, aes(fetched.cbc, key), (const uint8_t *)key.ptr, iv, direction, NULL));
    if (direction == KS_DECRYPT) /* it would hold the last block back; encrypting, it would add one only at the end */
        must(EVP_CIPHER_CTX_set_padding(context, 0));
    update(context, blocks, ret_blocks);
    EVP_CIPHER_CTX_free(context);
}
