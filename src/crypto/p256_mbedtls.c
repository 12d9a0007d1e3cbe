/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* P-256 of the driver over mbedTLS 3.6. It blinds its arithmetic with chance that it asks for; here that comes from the
 * key and the message, because a core has no entropy and needs none: it changes no result, and has to be unknown to
 * others only. */
#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>

#include "crypto_driver.h"
#include "p256_group.h"

struct curve {
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_mpi key, r, s;
    struct ks_prng blinding;
};

static void must(int result)
{
    assert(result == 0);
    (void)result;
}

static void open_curve(struct curve *curve, struct ks_str secret, struct ks_str message)
{
    const struct ks_str parts[] = { KS_STR("konsil p256 blinding"), secret, message };
    uint8_t seed[KS_PRNG_SEED_LEN];

    mbedtls_ecp_group_init(&curve->group);
    mbedtls_ecp_point_init(&curve->point);
    mbedtls_mpi_init(&curve->key);
    mbedtls_mpi_init(&curve->r);
    mbedtls_mpi_init(&curve->s);
    must(mbedtls_ecp_group_load(&curve->group, MBEDTLS_ECP_DP_SECP256R1));
    ks_hash_parts(KS_SHA256, parts, KS_COUNT(parts), seed);
    ks_prng_init(&curve->blinding, seed);
    ks_wipe(seed, sizeof seed);
}

static void close_curve(struct curve *curve)
{
    ks_prng_done(&curve->blinding);
    mbedtls_mpi_free(&curve->s); /* each wipes */
    mbedtls_mpi_free(&curve->r);
    mbedtls_mpi_free(&curve->key);
    mbedtls_ecp_point_free(&curve->point);
    mbedtls_ecp_group_free(&curve->group);
}

static int blinding(void *prng, uint8_t *ret_bytes, size_t len)
{
    ks_prng_bytes(prng, ret_bytes, len);
    return 0;
}

/* Reading looks at the form alone; the equation of the curve is in check_pubkey. */
static bool read_point(struct curve *curve, const uint8_t bytes[KS_P256_PUBLIC_LEN])
{
    return bytes[0] == 4 && mbedtls_ecp_point_read_binary(&curve->group, &curve->point, bytes, KS_P256_PUBLIC_LEN) == 0
        && mbedtls_ecp_check_pubkey(&curve->group, &curve->point) == 0;
}

enum ks_err ks_p256_public(const uint8_t private_key[KS_P256_PRIVATE_LEN], uint8_t ret_public[KS_P256_PUBLIC_LEN])
{
    struct curve curve;
    size_t len = 0;

    if (!ks_p256_in_range(private_key))
        return KS_ECRYPTO;
    open_curve(&curve, ks_str(private_key, KS_P256_PRIVATE_LEN), KS_STR_EMPTY);
    must(mbedtls_mpi_read_binary(&curve.key, private_key, KS_P256_PRIVATE_LEN));
    must(mbedtls_ecp_mul(&curve.group, &curve.point, &curve.key, &curve.group.G, blinding, &curve.blinding));
    must(mbedtls_ecp_point_write_binary(
        &curve.group, &curve.point, MBEDTLS_ECP_PF_UNCOMPRESSED, &len, ret_public, KS_P256_PUBLIC_LEN));
    assert(len == KS_P256_PUBLIC_LEN);
    close_curve(&curve);
    return KS_OK;
}

enum ks_err ks_p256_check(const uint8_t public_key[KS_P256_PUBLIC_LEN])
{
    struct curve curve;

    open_curve(&curve, KS_STR_EMPTY, KS_STR_EMPTY);
    enum ks_err err = read_point(&curve, public_key) ? KS_OK : KS_ECRYPTO;
    close_curve(&curve);
    return err;
}

enum ks_err ks_p256_ecdh(const uint8_t private_key[KS_P256_PRIVATE_LEN], const uint8_t public_key[KS_P256_PUBLIC_LEN],
    uint8_t ret_secret[32])
{
    struct curve curve;
    enum ks_err err = KS_ECRYPTO;

    assert(ks_p256_in_range(private_key));
    open_curve(&curve, ks_str(private_key, KS_P256_PRIVATE_LEN), ks_str(public_key, KS_P256_PUBLIC_LEN));
    if (read_point(&curve, public_key)) {
        must(mbedtls_mpi_read_binary(&curve.key, private_key, KS_P256_PRIVATE_LEN));
        must(mbedtls_ecp_mul(&curve.group, &curve.point, &curve.key, &curve.point, blinding, &curve.blinding));
        must(mbedtls_mpi_write_binary(&curve.point.MBEDTLS_PRIVATE(X), ret_secret, 32));
        err = KS_OK;
    }
    close_curve(&curve);
    return err;
}

void ks_p256_sign(const uint8_t private_key[KS_P256_PRIVATE_LEN], const uint8_t digest[32],
    uint8_t ret_signature[KS_P256_SIGNATURE_LEN])
{
    struct curve curve;

    assert(ks_p256_in_range(private_key));
    open_curve(&curve, ks_str(private_key, KS_P256_PRIVATE_LEN), ks_str(digest, 32));
    must(mbedtls_mpi_read_binary(&curve.key, private_key, KS_P256_PRIVATE_LEN));
    must(mbedtls_ecdsa_sign_det_ext(
        &curve.group, &curve.r, &curve.s, &curve.key, digest, 32, MBEDTLS_MD_SHA256, blinding, &curve.blinding));
    must(mbedtls_mpi_write_binary(&curve.r, ret_signature, 32));
    must(mbedtls_mpi_write_binary(&curve.s, ret_signature + 32, 32));
    close_curve(&curve);
}

enum ks_err ks_p256_verify(const uint8_t public_key[KS_P256_PUBLIC_LEN], const uint8_t digest[32],
    const uint8_t signature[KS_P256_SIGNATURE_LEN])
{
    struct curve curve;
    enum ks_err err = KS_ECRYPTO;

    open_curve(&curve, KS_STR_EMPTY, KS_STR_EMPTY);
    must(mbedtls_mpi_read_binary(&curve.r, signature, 32));
    must(mbedtls_mpi_read_binary(&curve.s, signature + 32, 32));
    if (read_point(&curve, public_key)
        && mbedtls_ecdsa_verify(&curve.group, digest, 32, &curve.point, &curve.r, &curve.s) == 0)
        err = KS_OK;
    close_curve(&curve);
    return err;
}

/* --- the group --- */

static enum ks_err write_point(struct curve *curve, uint8_t ret_point[KS_P256_POINT_LEN])
{
    size_t len = 0;

    if (mbedtls_ecp_is_zero(&curve->point))
        return KS_ECRYPTO;
    must(mbedtls_ecp_point_write_binary(
        &curve->group, &curve->point, MBEDTLS_ECP_PF_UNCOMPRESSED, &len, ret_point, KS_P256_POINT_LEN));
    assert(len == KS_P256_POINT_LEN);
    return KS_OK;
}

enum ks_err ks_p256_times(const uint8_t scalar[KS_P256_SCALAR_LEN], const uint8_t point[KS_P256_POINT_LEN],
    uint8_t ret_product[KS_P256_POINT_LEN])
{
    struct curve curve;
    enum ks_err err = KS_ECRYPTO;

    if (!ks_p256_in_range(scalar))
        return KS_ECRYPTO;
    open_curve(&curve, ks_str(scalar, KS_P256_SCALAR_LEN), ks_str(point, KS_P256_POINT_LEN));
    if (read_point(&curve, point)) {
        must(mbedtls_mpi_read_binary(&curve.key, scalar, KS_P256_SCALAR_LEN));
        must(mbedtls_ecp_mul(&curve.group, &curve.point, &curve.key, &curve.point, blinding, &curve.blinding));
        err = write_point(&curve, ret_product);
    }
    close_curve(&curve);
    return err;
}

enum ks_err ks_p256_plus(
    const uint8_t a[KS_P256_POINT_LEN], const uint8_t b[KS_P256_POINT_LEN], uint8_t ret_sum[KS_P256_POINT_LEN])
{
    struct curve curve;
    mbedtls_ecp_point left;
    enum ks_err err = KS_ECRYPTO;

    open_curve(&curve, KS_STR_EMPTY, KS_STR_EMPTY);
    mbedtls_ecp_point_init(&left);
    if (read_point(&curve, a)) {
        must(mbedtls_ecp_copy(&left, &curve.point));
        if (read_point(&curve, b)) {
            must(mbedtls_mpi_lset(&curve.r, 1)); /* 1 a + 1 b, for which it multiplies nothing */
            must(mbedtls_ecp_muladd(&curve.group, &curve.point, &curve.r, &left, &curve.r, &curve.point));
            err = write_point(&curve, ret_sum);
        }
    }
    mbedtls_ecp_point_free(&left);
    close_curve(&curve);
    return err;
}
