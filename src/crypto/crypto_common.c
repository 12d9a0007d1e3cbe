/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What needs nothing of a library but its hash: the same code under both drivers. */
#include "crypto_driver.h"

#define HASH_BLOCK_MAX 128 /* SHA-512 */

bool ks_crypto_eq(struct ks_str a, struct ks_str b)
{
    volatile uint8_t differ = 0; /* volatile: the compiler may not leave the loop early */

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        differ = (uint8_t)(differ | (a.ptr[i] ^ b.ptr[i]));
    return differ == 0;
}

size_t ks_hash_len(enum ks_hash hash)
{
    static const size_t lens[] = { [KS_SHA1] = 20, [KS_SHA256] = 32, [KS_SHA512] = 64 };

    assert((size_t)hash < KS_COUNT(lens));
    return lens[hash];
}

void ks_hash(enum ks_hash hash, struct ks_str bytes, uint8_t *ret_digest)
{
    ks_hash_parts(hash, &bytes, 1, ret_digest);
}

/* RFC 2104 §2 over at most three parts joined. */
#define HMAC_PARTS_MAX 3
static void hmac_parts(enum ks_hash hash, struct ks_str key, const struct ks_str *parts, size_t count, uint8_t *ret_mac)
{
    size_t block_len = hash == KS_SHA512 ? 128 : 64;
    uint8_t inner_pad[HASH_BLOCK_MAX] = { 0 }, outer_pad[HASH_BLOCK_MAX], inner[KS_HASH_MAX];
    struct ks_str joined[1 + HMAC_PARTS_MAX] = { { (char *)inner_pad, block_len } };

    assert(count <= HMAC_PARTS_MAX);
    if (key.len > block_len)
        ks_hash(hash, key, inner_pad);
    else if (key.len)
        memcpy(inner_pad, key.ptr, key.len);
    for (size_t i = 0; i < block_len; i++) {
        outer_pad[i] = inner_pad[i] ^ 0x5c;
        inner_pad[i] ^= 0x36;
    }
    for (size_t i = 0; i < count; i++)
        joined[1 + i] = parts[i];
    ks_hash_parts(hash, joined, 1 + count, inner);
    joined[0] = ks_str(outer_pad, block_len);
    joined[1] = ks_str(inner, ks_hash_len(hash));
    ks_hash_parts(hash, joined, 2, ret_mac);
    ks_wipe(inner_pad, sizeof inner_pad);
    ks_wipe(outer_pad, sizeof outer_pad);
    ks_wipe(inner, sizeof inner);
}

void ks_hmac(enum ks_hash hash, struct ks_str key, struct ks_str bytes, uint8_t *ret_mac)
{
    hmac_parts(hash, key, &bytes, 1, ret_mac);
}

void ks_hkdf(
    enum ks_hash hash, struct ks_str secret, struct ks_str salt, struct ks_str info, uint8_t *ret_key, size_t len)
{
    size_t hash_len = ks_hash_len(hash), done = 0, before = 0;
    uint8_t prk[KS_HASH_MAX], block[KS_HASH_MAX];

    assert(len <= 255 * hash_len);
    /* RFC 5869 §2.2: a missing salt is hash_len zeroes, which as a key of HMAC is the same as an empty one. */
    ks_hmac(hash, salt, secret, prk);
    for (uint8_t counter = 1; done < len; counter++) { /* §2.3: T(n) = HMAC(PRK, T(n-1) | info | n) */
        const struct ks_str parts[] = { ks_str(block, before), info, ks_str(&counter, 1) };
        hmac_parts(hash, ks_str(prk, hash_len), parts, KS_COUNT(parts), block);
        size_t take = len - done < hash_len ? len - done : hash_len;
        memcpy(ret_key + done, block, take);
        done += take;
        before = hash_len;
    }
    ks_wipe(prk, sizeof prk);
    ks_wipe(block, sizeof block);
}

/* PKCS#7 (RFC 5652 §6.3): 1 to 16 bytes, each the number of them. */
void ks_aes_cbc_encrypt(
    struct ks_str key, const uint8_t iv[16], struct ks_str bytes, uint8_t *ret_bytes, size_t *ret_len)
{
    size_t body_len = bytes.len & ~(size_t)15, tail_len = bytes.len - body_len;
    uint8_t tail[16];

    memset(tail, (int)(16 - tail_len), sizeof tail);
    if (tail_len)
        memcpy(tail, bytes.ptr + body_len, tail_len);
    if (body_len)
        ks_driver_cbc(KS_ENCRYPT, key, iv, ks_str_head(bytes, body_len), ret_bytes);
    ks_driver_cbc(
        KS_ENCRYPT, key, body_len ? ret_bytes + body_len - 16 : iv, ks_str(tail, sizeof tail), ret_bytes + body_len);
    *ret_len = body_len + 16;
    ks_wipe(tail, sizeof tail);
}

/* The last block comes first, so that bad padding leaves the output as it was. */
enum ks_err ks_aes_cbc_decrypt(
    struct ks_str key, const uint8_t iv[16], struct ks_str bytes, uint8_t *ret_bytes, size_t *ret_len)
{
    uint8_t tail[16], wrong = 0;
    enum ks_err err = KS_ECRYPTO;

    if (bytes.len == 0 || bytes.len % 16)
        return KS_ECRYPTO;
    size_t body_len = bytes.len - 16;
    const uint8_t *before = body_len ? (const uint8_t *)bytes.ptr + body_len - 16 : iv;
    ks_driver_cbc(KS_DECRYPT, key, before, ks_str_from(bytes, body_len), tail);
    uint8_t pad = tail[15];
    for (uint8_t i = 0; i < 16; i++) /* every byte is looked at, whatever the padding */
        wrong |= (uint8_t)((16 - i <= pad) & (tail[i] != pad));
    if (pad < 1 || pad > 16 || wrong)
        goto out;
    if (body_len)
        ks_driver_cbc(KS_DECRYPT, key, iv, ks_str_head(bytes, body_len), ret_bytes);
    memcpy(ret_bytes + body_len, tail, 16 - (size_t)pad);
    *ret_len = body_len + 16 - pad;
    err = KS_OK;
out:
    ks_wipe(tail, sizeof tail);
    return err;
}

/* SEC 2 §2.4.2: n. */
static const uint8_t p256_order[32] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };

bool ks_p256_in_range(const uint8_t scalar[32])
{
    unsigned borrow = 0, any = 0;

    for (size_t i = 32; i-- > 0;) { /* scalar - n borrows exactly if scalar < n */
        borrow = ((unsigned)scalar[i] - p256_order[i] - borrow) >> 31;
        any |= scalar[i];
    }
    return borrow == 1 && any != 0;
}

/* FIPS 186-5 §A.2.2: drawn again until it is in range; one draw in 2^32 is not. */
void ks_p256_generate(struct ks_prng *prng, uint8_t ret_private[KS_P256_PRIVATE_LEN])
{
    do
        ks_prng_bytes(prng, ret_private, KS_P256_PRIVATE_LEN);
    while (!ks_p256_in_range(ret_private));
}
