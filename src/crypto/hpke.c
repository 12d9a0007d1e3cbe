/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "hpke.h"

#define HASH_LEN 32
#define PARTS_MAX 6

/* §4.1, §5.1: which algorithms, in everything that is derived. */
static const char kem_suite[] = "KEM\x00\x10", hpke_suite[] = "HPKE\x00\x10\x00\x01\x00\x03";
#define KEM_SUITE ks_str(kem_suite, sizeof kem_suite - 1)
#define HPKE_SUITE ks_str(hpke_suite, sizeof hpke_suite - 1)

/* HMAC (RFC 2104) over parts, with a key that is not longer than a block. */
static void hmac_parts(const uint8_t key[HASH_LEN], const struct ks_str *parts, size_t count, uint8_t ret_mac[HASH_LEN])
{
    uint8_t block[64] = { 0 }, inner[HASH_LEN];
    struct ks_str all[PARTS_MAX + 1];

    assert(count <= PARTS_MAX);
    memcpy(block, key, HASH_LEN);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    all[0] = ks_str((char *)block, sizeof block);
    memcpy(&all[1], parts, count * sizeof *parts);
    ks_hash_parts(KS_SHA256, all, count + 1, inner);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    ks_hash_parts(KS_SHA256, (struct ks_str[]) { all[0], ks_str((char *)inner, sizeof inner) }, 2, ret_mac);
    ks_wipe(block, sizeof block);
    ks_wipe(inner, sizeof inner);
}

/* §4: LabeledExtract. A salt that is not there is zeroes (RFC 5869 §2.2). */
static void extract(const uint8_t salt[HASH_LEN], struct ks_str suite, const char *label, struct ks_str secret,
    uint8_t ret_key[HASH_LEN])
{
    static const uint8_t none[HASH_LEN];
    const struct ks_str parts[] = { KS_STR("HPKE-v1"), suite, ks_str_z(label), secret };

    hmac_parts(salt ? salt : none, parts, KS_COUNT(parts), ret_key);
}

/* §4: LabeledExpand, of at most one block. */
static void expand(
    const uint8_t key[HASH_LEN], struct ks_str suite, const char *label, struct ks_str info, uint8_t *ret, size_t len)
{
    const uint8_t length[2] = { 0, (uint8_t)len };
    const struct ks_str parts[] = { ks_str((const char *)length, 2), KS_STR("HPKE-v1"), suite, ks_str_z(label), info,
        ks_str("\x01", 1) };
    uint8_t block[HASH_LEN];

    assert(len <= HASH_LEN);
    hmac_parts(key, parts, KS_COUNT(parts), block);
    memcpy(ret, block, len);
    ks_wipe(block, sizeof block);
}

struct keys {
    uint8_t key[KS_AEAD_KEY_LEN], nonce[KS_CHACHA_NONCE_LEN];
};

/* §4.1 ExtractAndExpand, then §5.1 KeySchedule in base mode, for the message with number 0. */
static void derive(const uint8_t dh[32], const uint8_t enc[KS_HPKE_ENC_LEN],
    const uint8_t recipient[KS_P256_PUBLIC_LEN], struct ks_str info, struct keys *ret_keys)
{
    uint8_t context[KS_HPKE_ENC_LEN + KS_P256_PUBLIC_LEN], schedule[1 + 2 * HASH_LEN] = { 0 };
    uint8_t prk[HASH_LEN], shared[HASH_LEN], secret[HASH_LEN];

    memcpy(context, enc, KS_HPKE_ENC_LEN);
    memcpy(context + KS_HPKE_ENC_LEN, recipient, KS_P256_PUBLIC_LEN);
    extract(NULL, KEM_SUITE, "eae_prk", ks_str((const char *)dh, 32), prk);
    expand(prk, KEM_SUITE, "shared_secret", ks_str((char *)context, sizeof context), shared, sizeof shared);
    extract(NULL, HPKE_SUITE, "psk_id_hash", KS_STR_EMPTY, schedule + 1);
    extract(NULL, HPKE_SUITE, "info_hash", info, schedule + 1 + HASH_LEN);
    extract(shared, HPKE_SUITE, "secret", KS_STR_EMPTY, secret);
    expand(secret, HPKE_SUITE, "key", ks_str((char *)schedule, sizeof schedule), ret_keys->key, sizeof ret_keys->key);
    expand(secret, HPKE_SUITE, "base_nonce", ks_str((char *)schedule, sizeof schedule), ret_keys->nonce,
        sizeof ret_keys->nonce);
    ks_wipe(prk, sizeof prk);
    ks_wipe(shared, sizeof shared);
    ks_wipe(secret, sizeof secret);
}

enum ks_err ks_hpke_seal_with(const uint8_t ephemeral[KS_P256_PRIVATE_LEN], const uint8_t recipient[KS_P256_PUBLIC_LEN],
    struct ks_str info, struct ks_str extra, struct ks_str bytes, uint8_t ret_enc[KS_HPKE_ENC_LEN], uint8_t *ret_sealed)
{
    uint8_t enc[KS_HPKE_ENC_LEN], dh[32];
    struct keys keys;
    enum ks_err err = ks_p256_public(ephemeral, enc);

    if (err == KS_OK)
        err = ks_p256_ecdh(ephemeral, recipient, dh);
    if (err == KS_OK) {
        derive(dh, enc, recipient, info, &keys);
        ks_chacha_seal(keys.key, keys.nonce, extra, bytes, ret_sealed);
        memcpy(ret_enc, enc, sizeof enc);
        ks_wipe(&keys, sizeof keys);
    }
    ks_wipe(dh, sizeof dh);
    return err;
}

enum ks_err ks_hpke_seal(struct ks_prng *prng, const uint8_t recipient[KS_P256_PUBLIC_LEN], struct ks_str info,
    struct ks_str extra, struct ks_str bytes, uint8_t ret_enc[KS_HPKE_ENC_LEN], uint8_t *ret_sealed)
{
    uint8_t ephemeral[KS_P256_PRIVATE_LEN];
    enum ks_err err;

    ks_p256_generate(prng, ephemeral);
    err = ks_hpke_seal_with(ephemeral, recipient, info, extra, bytes, ret_enc, ret_sealed);
    ks_wipe(ephemeral, sizeof ephemeral);
    return err;
}

enum ks_err ks_hpke_open_shared(const uint8_t dh[32], const uint8_t recipient[KS_P256_PUBLIC_LEN],
    const uint8_t enc[KS_HPKE_ENC_LEN], struct ks_str info, struct ks_str extra, struct ks_str sealed,
    uint8_t *ret_bytes)
{
    struct keys keys;
    enum ks_err err;

    if (ks_p256_check(enc) != KS_OK || ks_p256_check(recipient) != KS_OK)
        return KS_ECRYPTO;
    derive(dh, enc, recipient, info, &keys);
    err = ks_chacha_open(keys.key, keys.nonce, extra, sealed, ret_bytes);
    ks_wipe(&keys, sizeof keys);
    return err;
}

enum ks_err ks_hpke_open(const uint8_t private_key[KS_P256_PRIVATE_LEN], const uint8_t enc[KS_HPKE_ENC_LEN],
    struct ks_str info, struct ks_str extra, struct ks_str sealed, uint8_t *ret_bytes)
{
    uint8_t recipient[KS_P256_PUBLIC_LEN], dh[32];
    enum ks_err err = ks_p256_public(private_key, recipient);

    if (err == KS_OK)
        err = ks_p256_ecdh(private_key, enc, dh);
    if (err == KS_OK)
        err = ks_hpke_open_shared(dh, recipient, enc, info, extra, sealed, ret_bytes);
    ks_wipe(dh, sizeof dh);
    return err;
}
