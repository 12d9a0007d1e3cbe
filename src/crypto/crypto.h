/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crypto.h -- the one contract for primitives; a program links one of its two drivers.
 *
 * *_openssl.c serves konsild and konsilctl, crypto_sodium.c and p256_mbedtls.c the engine, natively and in WASM. Both
 * pass the same known answers (tests/unit/test_crypto.c, test_p256.c). Nothing here allocates for the caller, logs, or
 * asks for entropy: random bytes come from a ks_prng. A failure of a primitive on good arguments is our state, not a
 * peer's, and asserts; functions that verify something return KS_ECRYPTO and leave their output untouched. An output is
 * the very memory of its input, or does not overlap it. Any thread may call any function; a ks_hasher belongs to one.
 */
#ifndef KS_CRYPTO_H
#define KS_CRYPTO_H

#include "buf.h"
#include "prng.h"
#include "str.h"

/* Called before anything else, by cmd/ and tests; by one thread, and again does nothing. KS_OK, or KS_ECRYPTO if the
 * library refuses to start. */
KS_CHECK enum ks_err ks_crypto_init(void);

/* True if equal; takes the same time wherever they differ. Lengths are public. */
bool ks_crypto_eq(struct ks_str a, struct ks_str b);

enum ks_hash { KS_SHA1, KS_SHA256, KS_SHA512 };
#define KS_HASH_MAX 64
size_t ks_hash_len(enum ks_hash hash);

/* Writes ks_hash_len(hash) bytes. */
void ks_hash(enum ks_hash hash, struct ks_str bytes, uint8_t *ret_digest);
/* The hash of the parts joined. */
void ks_hash_parts(enum ks_hash hash, const struct ks_str *parts, size_t count, uint8_t *ret_digest);

/* A hash over bytes that come in pieces. */
struct ks_hasher;
KS_CHECK struct ks_hasher *ks_hasher_new(enum ks_hash hash); /* NULL without memory */
void ks_hasher_add(struct ks_hasher *hasher, struct ks_str bytes);
void ks_hasher_end(struct ks_hasher *hasher, uint8_t *ret_digest); /* may be used again from the start */
void ks_hasher_free(struct ks_hasher *hasher);

/* HMAC (RFC 2104), HKDF (RFC 5869; len <= 255 * hash length), PBKDF2 (RFC 8018; blocks for its whole cost). */
void ks_hmac(enum ks_hash hash, struct ks_str key, struct ks_str bytes, uint8_t *ret_mac);
void ks_hkdf(
    enum ks_hash hash, struct ks_str secret, struct ks_str salt, struct ks_str info, uint8_t *ret_key, size_t len);
void ks_pbkdf2(enum ks_hash hash, struct ks_str password, struct ks_str salt, uint32_t iterations, uint8_t *ret_key);

/* Argon2id (RFC 9106), one lane; blocks. Only the sodium driver has it: KS_ESTATE in the other; KS_ENOMEM;
 * KS_ELIMIT below 8 KiB or above 1 GiB, or passes 0 or above 64. */
KS_CHECK enum ks_err ks_argon2id(
    struct ks_str password, const uint8_t salt[16], uint32_t kib, uint32_t passes, uint8_t ret_key[32]);

/* XChaCha20-Poly1305: the only AEAD of our own formats. ret_sealed has room for bytes.len + KS_AEAD_TAG_LEN;
 * ret_bytes for sealed.len - KS_AEAD_TAG_LEN. The nonce is random. Open: KS_ECRYPTO, nothing written.
 * (The OpenSSL driver makes the subkey with HChaCha20 of its own, known-answer tested.) */
#define KS_AEAD_KEY_LEN 32
#define KS_AEAD_NONCE_LEN 24
#define KS_AEAD_TAG_LEN 16
void ks_aead_seal(const uint8_t key[KS_AEAD_KEY_LEN], const uint8_t nonce[KS_AEAD_NONCE_LEN], struct ks_str extra,
    struct ks_str bytes, uint8_t *ret_sealed);
KS_CHECK enum ks_err ks_aead_open(const uint8_t key[KS_AEAD_KEY_LEN], const uint8_t nonce[KS_AEAD_NONCE_LEN],
    struct ks_str extra, struct ks_str sealed, uint8_t *ret_bytes);

/* ChaCha20-Poly1305 (RFC 8439 §2.8), for what others fix (HPKE). As above, but for the nonce: with 12 bytes it may not
 * be random, and a key seals under each nonce once. Both lengths are public. */
#define KS_CHACHA_NONCE_LEN 12
void ks_chacha_seal(const uint8_t key[KS_AEAD_KEY_LEN], const uint8_t nonce[KS_CHACHA_NONCE_LEN], struct ks_str extra,
    struct ks_str bytes, uint8_t *ret_sealed);
KS_CHECK enum ks_err ks_chacha_open(const uint8_t key[KS_AEAD_KEY_LEN], const uint8_t nonce[KS_CHACHA_NONCE_LEN],
    struct ks_str extra, struct ks_str sealed, uint8_t *ret_bytes);

/* AES-CBC with PKCS#7 padding (OMEMO 2: 256 bit) and AES-GCM with a 12- or 16-byte nonce and a 16-byte tag (older
 * OMEMO: 128 bit). key.len is 16 or 32. CBC: *ret_len bytes are written; room for bytes.len + 16 (encrypt) or bytes.len
 * (decrypt). Decrypting CBC says KS_ECRYPTO for bad padding: verify a MAC over the ciphertext first. */
void ks_aes_cbc_encrypt(
    struct ks_str key, const uint8_t iv[16], struct ks_str bytes, uint8_t *ret_bytes, size_t *ret_len);
KS_CHECK enum ks_err ks_aes_cbc_decrypt(
    struct ks_str key, const uint8_t iv[16], struct ks_str bytes, uint8_t *ret_bytes, size_t *ret_len);
void ks_aes_gcm_seal(struct ks_str key, struct ks_str nonce, struct ks_str extra, struct ks_str bytes,
    uint8_t *ret_bytes, uint8_t ret_tag[16]);
KS_CHECK enum ks_err ks_aes_gcm_open(struct ks_str key, struct ks_str nonce, struct ks_str extra, struct ks_str bytes,
    const uint8_t tag[16], uint8_t *ret_bytes);

/* AES-GCM over bytes that come in pieces, for what is larger than memory; key and nonce as above, without extra. What
 * an opening one gives is not verified before its end said KS_OK: nobody may see it until then (KS_ECRYPTO: never). */
struct ks_gcm;
KS_CHECK struct ks_gcm *ks_gcm_new(bool seal, struct ks_str key, struct ks_str nonce); /* NULL without memory */
void ks_gcm_add(struct ks_gcm *gcm, struct ks_str bytes, uint8_t *ret_bytes);
void ks_gcm_seal_end(struct ks_gcm *gcm, uint8_t ret_tag[16]);
KS_CHECK enum ks_err ks_gcm_open_end(struct ks_gcm *gcm, const uint8_t tag[16]);
void ks_gcm_free(struct ks_gcm *gcm); /* wipes; accepts NULL */
KS_AUTO_DEFINE(struct ks_gcm, ks_gcm_free)

/* NIST P-256 (FIPS 186-5; SEC 2 §2.4.2), for what others fix: certificates, Web Push, JWT. A private key is 32 bytes,
 * big-endian, at least 1 and less than the order of the group; a public key is the uncompressed point 04 | x | y
 * (SEC 1 §2.3.3); a signature r | s, 32 bytes each (RFC 7518 §3.4). A public key is looked at wherever it is used, and
 * what is no point of the curve is KS_ECRYPTO. A private key that is none is KS_ECRYPTO where keys come in
 * (ks_p256_public), and asserts elsewhere. */
#define KS_P256_PRIVATE_LEN 32
#define KS_P256_PUBLIC_LEN 65
#define KS_P256_SIGNATURE_LEN 64
void ks_p256_generate(struct ks_prng *prng, uint8_t ret_private[KS_P256_PRIVATE_LEN]);
KS_CHECK enum ks_err ks_p256_public(
    const uint8_t private_key[KS_P256_PRIVATE_LEN], uint8_t ret_public[KS_P256_PUBLIC_LEN]);
KS_CHECK enum ks_err ks_p256_check(const uint8_t public_key[KS_P256_PUBLIC_LEN]);
/* The x coordinate of the shared point (SEC 1 §3.3.1; RFC 8291 §3.1 calls it ecdh_secret): a secret to derive from, no
 * key. */
KS_CHECK enum ks_err ks_p256_ecdh(const uint8_t private_key[KS_P256_PRIVATE_LEN],
    const uint8_t public_key[KS_P256_PUBLIC_LEN], uint8_t ret_secret[32]);
/* ECDSA over a SHA-256 digest; the nonce comes from key and digest (RFC 6979), so no chance is needed and the same
 * gives the same. Verifying takes either of s and n - s, as FIPS 186-5 does. */
void ks_p256_sign(const uint8_t private_key[KS_P256_PRIVATE_LEN], const uint8_t digest[32],
    uint8_t ret_signature[KS_P256_SIGNATURE_LEN]);
KS_CHECK enum ks_err ks_p256_verify(const uint8_t public_key[KS_P256_PUBLIC_LEN], const uint8_t digest[32],
    const uint8_t signature[KS_P256_SIGNATURE_LEN]);

#endif
