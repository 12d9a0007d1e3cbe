/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* P-256 through both drivers: this file is built once with each. */
#include "check.h"
#include "crypto.h"
#include "enc.h"

static struct ks_arena arena;

static uint8_t *unhex(const char *hex)
{
    struct ks_str bytes;

    if (ks_hex_read(&arena, ks_str_z(hex), &bytes) != KS_OK)
        abort();
    return (uint8_t *)(uintptr_t)bytes.ptr;
}

static void check_hex(const char *name, const uint8_t *got, size_t len, const char *want)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 1 << 12);
    ks_hex_add(&buf, ks_str(got, len));
    check_str(name, ks_buf_str(&buf), ks_str_z(want));
    ks_buf_done(&buf);
}

#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ORDER_LESS_1 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
#define ORDER_MORE_1 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552"
#define PRIME "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"
#define G_X "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
#define G_Y "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define G_Y_MINUS "b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a"

/* --- keys --- */

#define SIGNER "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define SIGNER_PUBLIC                                                    \
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6" \
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define INITIATOR "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433"
#define INITIATOR_PUBLIC                                                 \
    "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180" \
    "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3"
#define RESPONDER "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53"
#define RESPONDER_PUBLIC                                                 \
    "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63" \
    "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab"

static const struct {
    const char *name, *private_key, *want; /* NULL: refused */
} public_rows[] = {
    { "RFC 6979 §A.2.5: the public key of the signer", SIGNER, SIGNER_PUBLIC },
    { "RFC 5903 §8.1: the public key of the initiator", INITIATOR, INITIATOR_PUBLIC },
    { "RFC 5903 §8.1: the public key of the responder", RESPONDER, RESPONDER_PUBLIC },
    { "SEC 2 §2.4.2: the smallest key gives the generator", ONE, "04" G_X G_Y },
    { "SEC 2 §2.4.2: the largest key gives its opposite", ORDER_LESS_1, "04" G_X G_Y_MINUS },
    { "FIPS 186-5 §A.2: zero is no private key", ZERO, NULL },
    { "FIPS 186-5 §A.2: the order is no private key", ORDER, NULL },
    { "FIPS 186-5 §A.2: what is above the order is no private key", ORDER_MORE_1, NULL },
};

static const struct {
    const char *name, *public_key;
    enum ks_err want;
} point_rows[] = {
    { "SEC 1 §3.2.2.1: the generator is on the curve", "04" G_X G_Y, KS_OK },
    { "SEC 1 §3.2.2.1: so is its opposite", "04" G_X G_Y_MINUS, KS_OK },
    { "SEC 1 §3.2.2.1: a point beside the curve is refused", "04" G_X G_X, KS_ECRYPTO },
    { "SEC 1 §3.2.2.1: (0, 0) is refused", "04" ZERO ZERO, KS_ECRYPTO },
    { "SEC 1 §3.2.2.1: a coordinate that is the prime is refused", "04" PRIME G_Y, KS_ECRYPTO },
    { "SEC 1 §2.3.4: another form than the uncompressed one is refused", "06" G_X G_Y, KS_ECRYPTO },
    { "SEC 1 §2.3.4: infinity, filled up, is refused", "00" ZERO ZERO, KS_ECRYPTO },
    { "SEC 1 §2.3.4: a compressed point, filled up, is refused", "03" G_X ZERO, KS_ECRYPTO },
};

static void keys(void)
{
    uint8_t public_key[KS_P256_PUBLIC_LEN], drawn[KS_P256_PRIVATE_LEN], again[KS_P256_PRIVATE_LEN];
    struct ks_prng prng;

    for (size_t i = 0; i < KS_COUNT(public_rows); i++) {
        memset(public_key, 0xa5, sizeof public_key);
        enum ks_err err = ks_p256_public(unhex(public_rows[i].private_key), public_key);
        if (public_rows[i].want)
            check_hex(public_rows[i].name, public_key, sizeof public_key, public_rows[i].want);
        else
            check_row(err == KS_ECRYPTO && public_key[0] == 0xa5 && public_key[64] == 0xa5, public_rows[i].name, "%s",
                ks_err_name(err));
    }
    for (size_t i = 0; i < KS_COUNT(point_rows); i++)
        check_err(point_rows[i].name, ks_p256_check(unhex(point_rows[i].public_key)), point_rows[i].want);
    ks_prng_init_number(&prng, 1);
    ks_p256_generate(&prng, drawn);
    ks_p256_generate(&prng, again);
    check_row(memcmp(drawn, again, sizeof drawn) != 0, "a second key is another", "the same");
    ks_prng_init_number(&prng, 1);
    ks_p256_generate(&prng, again);
    check_row(memcmp(drawn, again, sizeof drawn) == 0, "a key comes from the chance that it is given", "it does not");
    check_row(ks_p256_public(drawn, public_key) == KS_OK && ks_p256_check(public_key) == KS_OK,
        "a drawn key has a public key on the curve", "not");
}

/* --- agreement of keys --- */

static void ecdh(void)
{
    uint8_t secret[32], other[32];

    check_err(
        "RFC 5903 §8.1: the initiator agrees", ks_p256_ecdh(unhex(INITIATOR), unhex(RESPONDER_PUBLIC), secret), KS_OK);
    check_hex("RFC 5903 §8.1: on the shared secret", secret, sizeof secret,
        "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de");
    check_err(
        "RFC 5903 §8.1: the responder agrees", ks_p256_ecdh(unhex(RESPONDER), unhex(INITIATOR_PUBLIC), other), KS_OK);
    check_row(memcmp(secret, other, 32) == 0, "RFC 5903 §8.1: on the same", "on another");
    memset(secret, 0xa5, sizeof secret);
    for (size_t i = 0; i < KS_COUNT(point_rows); i++)
        if (point_rows[i].want != KS_OK)
            check_row(ks_p256_ecdh(unhex(INITIATOR), unhex(point_rows[i].public_key), secret) == KS_ECRYPTO
                    && secret[0] == 0xa5,
                "what is no point of the curve gives no secret", "%s", point_rows[i].name);
}

/* --- signatures --- */

static const struct {
    const char *name, *text, *want;
} sign_rows[] = {
    { "RFC 6979 §A.2.5: SHA-256 of 'sample'", "sample",
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8" },
    { "RFC 6979 §A.2.5: SHA-256 of 'test'", "test",
        "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
        "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083" },
};

/* RFC 7515 §A.3.1: a JWS whose signer drew the nonce, so it can only be verified. */
#define JWS_PUBLIC                                                       \
    "047fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445" \
    "c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad"
#define JWS_TEXT                            \
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2Ui" \
    "LA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define JWS_SIGNATURE                                                  \
    "0ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665" \
    "c50a07d38c3c70e5d8f12daf084a5480a66590c5f293509a8f3f7f8a83a354d5"

static const struct {
    const char *name, *r, *s;
} broken_rows[] = {
    { "FIPS 186-5 §6.4.2: r = 0 is refused", ZERO, ONE },
    { "FIPS 186-5 §6.4.2: s = 0 is refused", ONE, ZERO },
    { "FIPS 186-5 §6.4.2: r = n is refused", ORDER, ONE },
    { "FIPS 186-5 §6.4.2: s = n is refused", ONE, ORDER },
    { "FIPS 186-5 §6.4.2: r above n is refused", ORDER_MORE_1, ONE },
    { "FIPS 186-5 §6.4.2: numbers in range that sign nothing are refused", ONE, ONE },
};

static void signatures(void)
{
    uint8_t digest[32], signature[KS_P256_SIGNATURE_LEN], public_key[KS_P256_PUBLIC_LEN];
    size_t accepted = 0;

    for (size_t i = 0; i < KS_COUNT(sign_rows); i++) {
        ks_hash(KS_SHA256, ks_str_z(sign_rows[i].text), digest);
        ks_p256_sign(unhex(SIGNER), digest, signature);
        check_hex(sign_rows[i].name, signature, sizeof signature, sign_rows[i].want);
        check_err("and it verifies", ks_p256_verify(unhex(SIGNER_PUBLIC), digest, signature), KS_OK);
    }
    ks_hash(KS_SHA256, KS_STR(JWS_TEXT), digest);
    check_err("RFC 7515 §A.3.1: the example verifies", ks_p256_verify(unhex(JWS_PUBLIC), digest, unhex(JWS_SIGNATURE)),
        KS_OK);
    ks_hash(KS_SHA256, KS_STR("test"), digest);
    for (size_t i = 0; i < KS_COUNT(broken_rows); i++) {
        uint8_t broken[KS_P256_SIGNATURE_LEN];
        memcpy(broken, unhex(broken_rows[i].r), 32);
        memcpy(broken + 32, unhex(broken_rows[i].s), 32);
        check_err(broken_rows[i].name, ks_p256_verify(unhex(SIGNER_PUBLIC), digest, broken), KS_ECRYPTO);
    }
    for (size_t i = 0; i < 8 * sizeof signature; i++) {
        signature[i / 8] ^= (uint8_t)(1U << i % 8);
        accepted += ks_p256_verify(unhex(SIGNER_PUBLIC), digest, signature) == KS_OK;
        signature[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    for (size_t i = 0; i < 8 * sizeof digest; i++) {
        digest[i / 8] ^= (uint8_t)(1U << i % 8);
        accepted += ks_p256_verify(unhex(SIGNER_PUBLIC), digest, signature) == KS_OK;
        digest[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    check_row(accepted == 0, "a flipped bit of signature or digest is refused", "%zu accepted", accepted);
    check_err("another key is refused", ks_p256_verify(unhex(INITIATOR_PUBLIC), digest, signature), KS_ECRYPTO);
    memcpy(public_key, unhex(SIGNER_PUBLIC), sizeof public_key);
    public_key[64] ^= 1;
    check_err("a key beside the curve is refused", ks_p256_verify(public_key, digest, signature), KS_ECRYPTO);
    check_err("and unflipped it verifies", ks_p256_verify(unhex(SIGNER_PUBLIC), digest, signature), KS_OK);

    /* Digests at both ends of what reducing by the order does. */
    static const char *const digests[] = { ZERO, ONE, ORDER_LESS_1, ORDER, ORDER_MORE_1,
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" };
    for (size_t i = 0; i < KS_COUNT(digests); i++) {
        ks_p256_sign(unhex(INITIATOR), unhex(digests[i]), signature);
        check_row(ks_p256_verify(unhex(INITIATOR_PUBLIC), unhex(digests[i]), signature) == KS_OK,
            "a digest around the order signs and verifies", "%s", digests[i]);
    }
}

/* One program cannot hold both drivers, so each has to come to this digest of what it answers to the same chance. */
#define AGREED "4203cd9b381286bb2392aa9f10952ff088dbd3f103fbe77011624b4de2c8b836"
static void agreement(void)
{
    uint8_t mine[KS_P256_PRIVATE_LEN], theirs[KS_P256_PRIVATE_LEN], public_key[KS_P256_PUBLIC_LEN], digest[32];
    uint8_t signature[KS_P256_SIGNATURE_LEN], secret[32];
    struct ks_hasher *all = ks_hasher_new(KS_SHA256);
    struct ks_prng prng;
    size_t refused = 0;

    ks_prng_init_number(&prng, 7);
    for (int i = 0; i < 100; i++) {
        ks_p256_generate(&prng, mine);
        ks_p256_generate(&prng, theirs);
        ks_prng_bytes(&prng, digest, sizeof digest);
        refused += ks_p256_public(theirs, public_key) != KS_OK;
        refused += ks_p256_ecdh(mine, public_key, secret) != KS_OK;
        ks_p256_sign(theirs, digest, signature);
        refused += ks_p256_verify(public_key, digest, signature) != KS_OK;
        ks_hasher_add(all, ks_str(public_key, sizeof public_key));
        ks_hasher_add(all, ks_str(secret, sizeof secret));
        ks_hasher_add(all, ks_str(signature, sizeof signature));
    }
    ks_hasher_end(all, digest);
    check_row(refused == 0, "good arguments are never refused", "%zu refused", refused);
    check_hex("both drivers answer alike to 100 times chance", digest, sizeof digest, AGREED);
    ks_hasher_free(all);
}

int main(void)
{
    check_err("the library starts", ks_crypto_init(), KS_OK);
    ks_arena_init(&arena, 1 << 20);
    keys();
    ecdh();
    signatures();
    agreement();
    check_row(
        check_failed == 0, "DSK II.1-h: P-256 gives the known answers of its standards", "%d do not", check_failed);
    ks_arena_done(&arena);
    return check_done();
}
