/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo_provider.c -- libomemo-c's primitives, from crypto.h and the ks_prng. */
#include "crypto.h"
#include "omemo_internal.h"

static int give_random(uint8_t *data, size_t len, void *user)
{
    ks_prng_bytes(((struct ks_omemo *)user)->prng, data, len);
    return 0;
}

/* An HMAC in pieces: key and message are gathered, since ks_hmac takes them whole. They are small (headers and keys of
 * messages). */
struct hmac {
    struct ks_buf key, message;
};

static int hmac_init(void **ret_context, const uint8_t *key, size_t len, void *user)
{
    struct hmac *hmac = calloc(1, sizeof *hmac);

    (void)user;
    if (!hmac)
        return SG_ERR_NOMEM;
    ks_buf_init_secret(&hmac->key, SIZE_MAX);
    ks_buf_init_secret(&hmac->message, SIZE_MAX);
    ks_buf_add(&hmac->key, ks_str(key, len));
    *ret_context = hmac;
    return 0;
}

static int hmac_update(void *context, const uint8_t *data, size_t len, void *user)
{
    (void)user;
    ks_buf_add(&((struct hmac *)context)->message, ks_str(data, len));
    return 0;
}

static int hmac_final(void *context, signal_buffer **ret_mac, void *user)
{
    struct hmac *hmac = context;
    uint8_t mac[KS_HASH_MAX];

    (void)user;
    if (ks_buf_err(&hmac->key) != KS_OK || ks_buf_err(&hmac->message) != KS_OK)
        return SG_ERR_NOMEM;
    ks_hmac(KS_SHA256, ks_buf_str(&hmac->key), ks_buf_str(&hmac->message), mac);
    *ret_mac = signal_buffer_create(mac, ks_hash_len(KS_SHA256));
    ks_wipe(mac, sizeof mac);
    return *ret_mac ? 0 : SG_ERR_NOMEM;
}

static void hmac_cleanup(void *context, void *user)
{
    struct hmac *hmac = context;

    (void)user;
    if (hmac) {
        ks_buf_done(&hmac->key);
        ks_buf_done(&hmac->message);
        free(hmac);
    }
}

static int sha512_init(void **ret_context, void *user)
{
    (void)user;
    *ret_context = ks_hasher_new(KS_SHA512);
    return *ret_context ? 0 : SG_ERR_NOMEM;
}

static int sha512_update(void *context, const uint8_t *data, size_t len, void *user)
{
    (void)user;
    ks_hasher_add(context, ks_str(data, len));
    return 0;
}

static int sha512_final(void *context, signal_buffer **ret_digest, void *user)
{
    uint8_t digest[KS_HASH_MAX];

    (void)user;
    ks_hasher_end(context, digest);
    *ret_digest = signal_buffer_create(digest, ks_hash_len(KS_SHA512));
    ks_wipe(digest, sizeof digest);
    return *ret_digest ? 0 : SG_ERR_NOMEM;
}

static void sha512_cleanup(void *context, void *user)
{
    (void)user;
    ks_hasher_free(context);
}

/* Both versions use AES-CBC; counter mode belongs to a version before OMEMO. */
static bool is_aes_cbc(int cipher, size_t key_len, size_t iv_len)
{
    return cipher == SG_CIPHER_AES_CBC_PKCS5 && key_len == 32 && iv_len == 16;
}

static int cbc_encrypt(signal_buffer **ret_sealed, int cipher, const uint8_t *key, size_t key_len, const uint8_t *iv,
    size_t iv_len, const uint8_t *plain, size_t len, void *user)
{
    uint8_t *sealed;
    size_t sealed_len;

    (void)user;
    if (!is_aes_cbc(cipher, key_len, iv_len))
        return SG_ERR_INVAL;
    if (!(sealed = malloc(len + 16)))
        return SG_ERR_NOMEM;
    ks_aes_cbc_encrypt(ks_str(key, key_len), iv, ks_str(plain, len), sealed, &sealed_len);
    *ret_sealed = signal_buffer_create(sealed, sealed_len);
    free(sealed);
    return *ret_sealed ? 0 : SG_ERR_NOMEM;
}

static int cbc_decrypt(signal_buffer **ret_plain, int cipher, const uint8_t *key, size_t key_len, const uint8_t *iv,
    size_t iv_len, const uint8_t *sealed, size_t len, void *user)
{
    uint8_t *plain;
    size_t plain_len = 0;
    enum ks_err err;

    (void)user;
    if (!is_aes_cbc(cipher, key_len, iv_len))
        return SG_ERR_INVAL;
    if (!(plain = malloc(len + 1)))
        return SG_ERR_NOMEM;
    err = ks_aes_cbc_decrypt(ks_str(key, key_len), iv, ks_str(sealed, len), plain, &plain_len);
    *ret_plain = err == KS_OK ? signal_buffer_create(plain, plain_len) : NULL;
    ks_wipe(plain, len);
    free(plain);
    return err != KS_OK ? SG_ERR_INVALID_MESSAGE : *ret_plain ? 0 : SG_ERR_NOMEM;
}

enum ks_err omemo_provider_init(struct ks_omemo *o)
{
    const signal_crypto_provider provider = {
        .random_func = give_random,
        .hmac_sha256_init_func = hmac_init,
        .hmac_sha256_update_func = hmac_update,
        .hmac_sha256_final_func = hmac_final,
        .hmac_sha256_cleanup_func = hmac_cleanup,
        .sha512_digest_init_func = sha512_init,
        .sha512_digest_update_func = sha512_update,
        .sha512_digest_final_func = sha512_final,
        .sha512_digest_cleanup_func = sha512_cleanup,
        .encrypt_func = cbc_encrypt,
        .decrypt_func = cbc_decrypt,
        .user_data = o,
    };

    /* No locking functions: the object belongs to one thread. No log function: it would print names. */
    if (signal_context_create(&o->context, o) < 0 || signal_context_set_crypto_provider(o->context, &provider) < 0)
        return KS_ENOMEM;
    return KS_OK;
}
