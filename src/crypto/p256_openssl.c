/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* P-256 of the driver over OpenSSL 3.
 *
 * OpenSSL 3.0 signs with a nonce of its own chance only, and offers a key from outside as a list of parameters, so this
 * uses its curve and its numbers. What is secret goes through the functions that it uses for its own ECDSA: the
 * multiplication of a point, which takes the same time for all scalars; exponentiation for inverses; and products only
 * of numbers that are blinded. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "crypto_driver.h"
#include "p256_group.h"

/* One call's numbers: all of ours come from context and are wiped with it (its memory is BN_CTX_secure_new's). */
struct curve {
    EC_GROUP *group;
    const BIGNUM *order;
    BN_CTX *context;
};

static void must(int result)
{
    assert(result == 1);
    (void)result;
}

static void open_curve(struct curve *curve)
{
    curve->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    curve->context = BN_CTX_secure_new();
    assert(curve->group && curve->context);
    curve->order = EC_GROUP_get0_order(curve->group);
    BN_CTX_start(curve->context);
}

static void close_curve(struct curve *curve)
{
    BN_CTX_end(curve->context);
    BN_CTX_free(curve->context);
    EC_GROUP_free(curve->group);
}

static BIGNUM *number(struct curve *curve)
{
    BIGNUM *number = BN_CTX_get(curve->context);

    assert(number);
    return number;
}

static BIGNUM *number_of(struct curve *curve, const uint8_t bytes[32])
{
    BIGNUM *value = number(curve);

    BN_set_flags(value, BN_FLG_CONSTTIME);
    assert(value == BN_bin2bn(bytes, 32, value));
    return value;
}

/* NULL if the bytes are no point of the curve; EC_POINT_oct2point puts them into its equation. */
static EC_POINT *point_of(struct curve *curve, const uint8_t bytes[KS_P256_PUBLIC_LEN])
{
    EC_POINT *point = EC_POINT_new(curve->group);

    assert(point);
    if (bytes[0] == POINT_CONVERSION_UNCOMPRESSED
        && EC_POINT_oct2point(curve->group, point, bytes, KS_P256_PUBLIC_LEN, curve->context) == 1)
        return point;
    EC_POINT_free(point);
    return NULL;
}

/* The x coordinate of scalar times point, or times the generator when point is NULL. */
static void times(struct curve *curve, const BIGNUM *scalar, const EC_POINT *point, BIGNUM *ret_x)
{
    EC_POINT *product = EC_POINT_new(curve->group);

    assert(product);
    must(EC_POINT_mul(curve->group, product, point ? NULL : scalar, point, point ? scalar : NULL, curve->context));
    must(EC_POINT_get_affine_coordinates(curve->group, product, ret_x, NULL, curve->context));
    EC_POINT_clear_free(product);
}

/* value^(n - 2), which is 1 / value: n is a prime. Takes the same time for all values. */
static void invert(struct curve *curve, const BIGNUM *value, BIGNUM *ret_inverse)
{
    BIGNUM *power = number(curve);

    must(BN_copy(power, curve->order) != NULL);
    must(BN_sub_word(power, 2));
    must(BN_mod_exp_mont_consttime(ret_inverse, value, power, curve->order, curve->context, NULL));
}

static void multiply(struct curve *curve, BIGNUM *ret_product, const BIGNUM *a, const BIGNUM *b)
{
    must(BN_mod_mul(ret_product, a, b, curve->order, curve->context));
}

enum ks_err ks_p256_public(const uint8_t private_key[KS_P256_PRIVATE_LEN], uint8_t ret_public[KS_P256_PUBLIC_LEN])
{
    struct curve curve;

    if (!ks_p256_in_range(private_key))
        return KS_ECRYPTO;
    open_curve(&curve);
    EC_POINT *point = EC_POINT_new(curve.group);
    assert(point);
    must(EC_POINT_mul(curve.group, point, number_of(&curve, private_key), NULL, NULL, curve.context));
    must(EC_POINT_point2oct(
             curve.group, point, POINT_CONVERSION_UNCOMPRESSED, ret_public, KS_P256_PUBLIC_LEN, curve.context)
        == KS_P256_PUBLIC_LEN);
    EC_POINT_clear_free(point);
    close_curve(&curve);
    return KS_OK;
}

enum ks_err ks_p256_check(const uint8_t public_key[KS_P256_PUBLIC_LEN])
{
    struct curve curve;

    open_curve(&curve);
    EC_POINT *point = point_of(&curve, public_key);
    enum ks_err err = point ? KS_OK : KS_ECRYPTO;
    EC_POINT_free(point);
    close_curve(&curve);
    return err;
}

enum ks_err ks_p256_ecdh(const uint8_t private_key[KS_P256_PRIVATE_LEN], const uint8_t public_key[KS_P256_PUBLIC_LEN],
    uint8_t ret_secret[32])
{
    struct curve curve;
    enum ks_err err = KS_ECRYPTO;

    assert(ks_p256_in_range(private_key));
    open_curve(&curve);
    EC_POINT *point = point_of(&curve, public_key);
    if (point) {
        BIGNUM *x = number(&curve);
        times(&curve, number_of(&curve, private_key), point, x);
        must(BN_bn2binpad(x, ret_secret, 32) == 32);
        err = KS_OK;
    }
    EC_POINT_free(point);
    close_curve(&curve);
    return err;
}

/* RFC 6979 §3.2 with HMAC-SHA-256. The digest has as many bits as the order, so reducing it (bits2octets, §2.3.4) is
 * one subtraction at most. */
struct nonces {
    uint8_t k[32], v[32];
};

/* k = HMAC(k, v | mark | more); v = HMAC(k, v) */
static void stir(struct nonces *nonces, uint8_t mark, struct ks_str more)
{
    uint8_t text[32 + 1 + 64];

    assert(more.len <= 64);
    memcpy(text, nonces->v, 32);
    text[32] = mark;
    if (more.len)
        memcpy(text + 33, more.ptr, more.len);
    ks_hmac(KS_SHA256, ks_str(nonces->k, 32), ks_str(text, 33 + more.len), nonces->k);
    ks_hmac(KS_SHA256, ks_str(nonces->k, 32), ks_str(nonces->v, 32), nonces->v);
    ks_wipe(text, sizeof text);
}

static void nonces_init(struct nonces *nonces, const uint8_t private_key[32], const uint8_t reduced[32])
{
    uint8_t seed[64];

    memset(nonces->v, 1, 32);
    memset(nonces->k, 0, 32);
    memcpy(seed, private_key, 32);
    memcpy(seed + 32, reduced, 32);
    stir(nonces, 0, ks_str(seed, 64));
    stir(nonces, 1, ks_str(seed, 64));
    ks_wipe(seed, sizeof seed);
}

static void next_nonce(struct nonces *nonces, BIGNUM *ret_nonce)
{
    for (;;) {
        ks_hmac(KS_SHA256, ks_str(nonces->k, 32), ks_str(nonces->v, 32), nonces->v);
        if (ks_p256_in_range(nonces->v))
            break;
        stir(nonces, 0, KS_STR_EMPTY);
    }
    BN_set_flags(ret_nonce, BN_FLG_CONSTTIME);
    assert(ret_nonce == BN_bin2bn(nonces->v, 32, ret_nonce));
    stir(nonces, 0, KS_STR_EMPTY); /* what the next one begins with (§3.2 h.3) */
}

/* FIPS 186-5 §6.4.1: r = (nonce G).x, s = (digest + r key) / nonce. The sum is computed blinded, as (b digest + (b key)
 * r) / (nonce b), because BN's products take a time that hangs on their operands; b is the nonce after the nonce, as
 * secret as it. */
void ks_p256_sign(const uint8_t private_key[KS_P256_PRIVATE_LEN], const uint8_t digest[32],
    uint8_t ret_signature[KS_P256_SIGNATURE_LEN])
{
    struct nonces nonces;
    struct curve curve;
    uint8_t reduced[32];

    assert(ks_p256_in_range(private_key));
    open_curve(&curve);
    BIGNUM *z = number(&curve), *r = number(&curve), *s = number(&curve), *nonce = number(&curve);
    BIGNUM *blind = number(&curve), *sum = number(&curve), *key = number_of(&curve, private_key);
    must(BN_nnmod(z, number_of(&curve, digest), curve.order, curve.context));
    must(BN_bn2binpad(z, reduced, 32) == 32);
    nonces_init(&nonces, private_key, reduced);
    do {
        next_nonce(&nonces, nonce);
        struct nonces after = nonces;
        next_nonce(&after, blind);
        ks_wipe(&after, sizeof after);
        times(&curve, nonce, NULL, s);
        must(BN_nnmod(r, s, curve.order, curve.context));
        multiply(&curve, sum, blind, key);
        multiply(&curve, sum, sum, r);
        multiply(&curve, s, blind, z);
        must(BN_mod_add(sum, sum, s, curve.order, curve.context));
        multiply(&curve, nonce, nonce, blind);
        invert(&curve, nonce, blind);
        multiply(&curve, s, sum, blind);
    } while (BN_is_zero(r) || BN_is_zero(s));
    must(BN_bn2binpad(r, ret_signature, 32) == 32);
    must(BN_bn2binpad(s, ret_signature + 32, 32) == 32);
    ks_wipe(&nonces, sizeof nonces);
    close_curve(&curve);
}

/* FIPS 186-5 §6.4.2. Nothing here is secret. */
enum ks_err ks_p256_verify(const uint8_t public_key[KS_P256_PUBLIC_LEN], const uint8_t digest[32],
    const uint8_t signature[KS_P256_SIGNATURE_LEN])
{
    struct curve curve;
    enum ks_err err = KS_ECRYPTO;

    if (!ks_p256_in_range(signature) || !ks_p256_in_range(signature + 32))
        return KS_ECRYPTO;
    open_curve(&curve);
    EC_POINT *key = point_of(&curve, public_key), *sum = EC_POINT_new(curve.group);
    BIGNUM *inverse = number(&curve), *u = number(&curve), *v = number(&curve), *x = number(&curve);
    BIGNUM *r = number_of(&curve, signature);
    assert(sum);
    if (!key)
        goto out;
    invert(&curve, number_of(&curve, signature + 32), inverse);
    multiply(&curve, u, number_of(&curve, digest), inverse);
    multiply(&curve, v, r, inverse);
    must(EC_POINT_mul(curve.group, sum, u, key, v, curve.context));
    if (EC_POINT_is_at_infinity(curve.group, sum))
        goto out;
    must(EC_POINT_get_affine_coordinates(curve.group, sum, x, NULL, curve.context));
    must(BN_nnmod(u, x, curve.order, curve.context));
    err = BN_cmp(u, r) == 0 ? KS_OK : KS_ECRYPTO;
out:
    EC_POINT_free(sum);
    EC_POINT_free(key);
    close_curve(&curve);
    return err;
}

/* --- the group --- */

static enum ks_err write_point(struct curve *curve, const EC_POINT *point, uint8_t ret_point[KS_P256_POINT_LEN])
{
    if (EC_POINT_is_at_infinity(curve->group, point))
        return KS_ECRYPTO;
    must(EC_POINT_point2oct(
             curve->group, point, POINT_CONVERSION_UNCOMPRESSED, ret_point, KS_P256_POINT_LEN, curve->context)
        == KS_P256_POINT_LEN);
    return KS_OK;
}

enum ks_err ks_p256_times(const uint8_t scalar[KS_P256_SCALAR_LEN], const uint8_t point[KS_P256_POINT_LEN],
    uint8_t ret_product[KS_P256_POINT_LEN])
{
    struct curve curve;
    enum ks_err err = KS_ECRYPTO;

    if (!ks_p256_in_range(scalar))
        return KS_ECRYPTO;
    open_curve(&curve);
    EC_POINT *factor = point_of(&curve, point), *product = EC_POINT_new(curve.group);
    assert(product);
    if (factor) {
        must(EC_POINT_mul(curve.group, product, NULL, factor, number_of(&curve, scalar), curve.context));
        err = write_point(&curve, product, ret_product);
    }
    EC_POINT_clear_free(product);
    EC_POINT_clear_free(factor);
    close_curve(&curve);
    return err;
}

enum ks_err ks_p256_plus(
    const uint8_t a[KS_P256_POINT_LEN], const uint8_t b[KS_P256_POINT_LEN], uint8_t ret_sum[KS_P256_POINT_LEN])
{
    struct curve curve;
    enum ks_err err = KS_ECRYPTO;

    open_curve(&curve);
    EC_POINT *left = point_of(&curve, a), *right = point_of(&curve, b), *sum = EC_POINT_new(curve.group);
    assert(sum);
    if (left && right) {
        must(EC_POINT_add(curve.group, sum, left, right, curve.context));
        err = write_point(&curve, sum, ret_sum);
    }
    EC_POINT_clear_free(sum);
    EC_POINT_clear_free(right);
    EC_POINT_clear_free(left);
    close_curve(&curve);
    return err;
}
