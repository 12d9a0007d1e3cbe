/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The group of P-256 through both drivers: this file is built once with each. */
#include "check.h"
#include "enc.h"
#include "p256_group.h"

#define LEN KS_P256_SCALAR_LEN
#define CHANCES 200

static struct ks_arena arena;

static const uint8_t *unhex(const char *hex)
{
    struct ks_str bytes;

    if (ks_hex_read(&arena, ks_str_z(hex), &bytes) != KS_OK)
        abort();
    return (const uint8_t *)bytes.ptr;
}

/* NULL: refused, and nothing was written. */
static void check_bytes(const char *name, enum ks_err err, const uint8_t *got, size_t len, const char *want)
{
    struct ks_buf buf;

    if (!want) {
        check_row(err == KS_ECRYPTO && got[0] == 0xa5 && got[len - 1] == 0xa5, name, "%s", ks_err_name(err));
        return;
    }
    ks_buf_init(&buf, 1 << 12);
    ks_hex_add(&buf, ks_str(got, len));
    check_row(err == KS_OK && ks_str_is(ks_buf_str(&buf), want), name, "%s, %.*s", ks_err_name(err),
        KS_STR_FMT(ks_buf_str(&buf)));
    ks_buf_done(&buf);
}

#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ORDER_LESS_1 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
#define ORDER_MORE_1 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552"
#define ALL "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define ALL_REDUCED "00000000ffffffff00000000000000004319055258e8617b0c46353d039cdaae"
#define PRIME "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"
#define TWO "0000000000000000000000000000000000000000000000000000000000000002"
#define HALF "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9"
#define G_X "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
#define G_Y "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define G "04" G_X G_Y
#define MINUS_G "04" G_X "b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a"

/* NSA, Mathematical routines for the NIST prime elliptic curves (2010), §4.3: S, T, and what becomes of them. */
#define S                                                                \
    "04de2444bebc8d36e682edd27e0f271508617519b3221a8fa0b77cab3989da97c9" \
    "c093ae7ff36e5380fc01a5aad1e66659702de80f53cec576b6350b243042a256"
#define T                                                                \
    "0455a8b00f8da1d44e62f6b3b25316212e39540dc861c89575bb8cf92e35e0986b" \
    "5421c3209c2d6c704835d82ac4c3dd90f61a8a52598b9e7ab656e9d8c8b24316"
#define MINUS_T                                                          \
    "0455a8b00f8da1d44e62f6b3b25316212e39540dc861c89575bb8cf92e35e0986b" \
    "abde3cde63d29390b7ca27d53b3c226f09e575aea674618549a91627374dbce9"
#define D "c51e4753afdec1e6b6c6a5b992f43f8dd0c7a8933072708b6522468b2ffb06fd"
#define E "d37f628ece72a462f0145cbefe3f0b355ee8332d37acdd83a358016aea029db7"
#define D_S                                                              \
    "0451d08d5f2d4278882946d88d83c97d11e62becc3cfc18bedacc89ba34eeca03f" \
    "75ee68eb8bf626aa5b673ab51f6e744e06f8fcf8a6c0cf3035beca956a7b41d5"
#define E_T                                                              \
    "042573b8870c72f4c9a09aafc3f8b2e0e21b8eedeef33ebdfaeeb0c0b079648e03" \
    "ab3b0d06565ff8675d9e2da6e2c4279fd02756058c2ce4496dc6f2f3a681a64d"

/* RFC 5903 §8.1. */
#define INITIATOR "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433"
#define RESPONDER_PUBLIC                                                 \
    "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63" \
    "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab"

/* --- points --- */

static const struct {
    const char *name, *scalar, *point, *want;
} times_rows[] = {
    { "NSA 2010 §4.3: dS", D, S, D_S },
    { "RFC 5903 §8.1: the shared point, with both coordinates", INITIATOR, RESPONDER_PUBLIC,
        "04d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"
        "522bde0af0d8585b8def9c183b5ae38f50235206a8674ecb5d98edb20eb153a2" },
    { "SEC 2 §2.4.2: once the generator", ONE, G, G },
    { "SEC 2 §2.4.2: n - 1 times, its opposite", ORDER_LESS_1, G, MINUS_G },
    { "NSA 2010 §4.3: twice S", TWO, S,
        "047669e6901606ee3ba1a8eef1e0024c33df6c22f3b17481b82a860ffcdb6127b0"
        "fa878162187a54f6c39f6ee0072f33de389ef3eecd03023de10ca2c1db61d0c7" },
    { "0 times is infinity, which is no point", ZERO, S, NULL },
    { "n is no scalar", ORDER, S, NULL },
    { "nor what is above n", ORDER_MORE_1, S, NULL },
};

static const struct {
    const char *name, *a, *b, *want;
} plus_rows[] = {
    { "NSA 2010 §4.3: S + T", S, T,
        "0472b13dd4354b6b81745195e98cc5ba6970349191ac476bd4553cf35a545a067e"
        "8d585cbb2e1327d75241a8a122d7620dc33b13315aa5c9d46d013011744ac264" },
    { "NSA 2010 §4.3: S - T", S, MINUS_T,
        "04c09ce680b251bb1d2aad1dbf6129deab837419f8f1c73ea13e7dc64ad6be6021"
        "1a815bf700bd88336b2f9bad4edab1723414a022fdf6c3f4ce30675fb1975ef3" },
    { "NSA 2010 §4.3: S + S", S, S,
        "047669e6901606ee3ba1a8eef1e0024c33df6c22f3b17481b82a860ffcdb6127b0"
        "fa878162187a54f6c39f6ee0072f33de389ef3eecd03023de10ca2c1db61d0c7" },
    { "NSA 2010 §4.3: dS + eT", D_S, E_T,
        "04d867b4679221009234939221b8046245efcf58413daacbeff857b8588341f6b8"
        "f2504055c03cede12d22720dad69c745106b6607ec7e50dd35d54bd80f615275" },
    { "a point and its opposite are infinity, which is no point", T, MINUS_T, NULL },
    { "so are the generator and its opposite", MINUS_G, G, NULL },
};

static const struct {
    const char *name, *point;
} no_points[] = {
    { "SEC 1 §3.2.2.1: a point beside the curve", "04" G_X G_X },
    { "SEC 1 §3.2.2.1: (0, 0)", "04" ZERO ZERO },
    { "SEC 1 §3.2.2.1: a coordinate that is the prime", "04" PRIME G_Y },
    { "SEC 1 §2.3.4: the hybrid form", "07" G_X G_Y },
    { "SEC 1 §2.3.4: infinity, filled up", "00" ZERO ZERO },
    { "SEC 1 §2.3.4: a compressed point, filled up", "03" G_X ZERO },
};

static void points(void)
{
    uint8_t point[KS_P256_POINT_LEN];

    for (size_t i = 0; i < KS_COUNT(times_rows); i++) {
        memset(point, 0xa5, sizeof point);
        enum ks_err err = ks_p256_times(unhex(times_rows[i].scalar), unhex(times_rows[i].point), point);
        check_bytes(times_rows[i].name, err, point, sizeof point, times_rows[i].want);
    }
    for (size_t i = 0; i < KS_COUNT(plus_rows); i++) {
        memset(point, 0xa5, sizeof point);
        enum ks_err err = ks_p256_plus(unhex(plus_rows[i].a), unhex(plus_rows[i].b), point);
        check_bytes(plus_rows[i].name, err, point, sizeof point, plus_rows[i].want);
    }
    memset(point, 0xa5, sizeof point);
    for (size_t i = 0; i < KS_COUNT(no_points); i++) {
        const uint8_t *none = unhex(no_points[i].point);
        check_row(ks_p256_times(unhex(ONE), none, point) == KS_ECRYPTO
                && ks_p256_plus(none, unhex(G), point) == KS_ECRYPTO
                && ks_p256_plus(unhex(G), none, point) == KS_ECRYPTO && point[0] == 0xa5,
            no_points[i].name, "was taken for a point");
    }
    memcpy(point, unhex(S), sizeof point);
    check_bytes("a sum may take the place of its parts", ks_p256_plus(point, point, point), point, sizeof point,
        plus_rows[2].want);
}

/* --- scalars --- */

typedef enum ks_err (*join)(const uint8_t *a, const uint8_t *b, uint8_t *ret);

static enum ks_err over(const uint8_t *a, const uint8_t *b, uint8_t *ret)
{
    uint8_t inverse[LEN];
    enum ks_err err = ks_p256_scalar_invert(b, inverse);

    return err == KS_OK ? ks_p256_scalar_multiply(a, inverse, ret) : err;
}

/* Computed with Python's integers. */
static const struct {
    const char *name;
    join how;
    const char *a, *b, *want;
} scalar_rows[] = {
    { "d + e", ks_p256_scalar_add, D, E, "989da9e37e516648a6db027891334ac372c8e112c107af8a14c07d331d9a7f63" },
    { "d - e is below 0", ks_p256_scalar_subtract, D, E,
        "f19ee4c3e16c1d84c6b248fa94b534582ec670139fdd318cb5840fe3425b8e97" },
    { "e - d", ks_p256_scalar_subtract, E, D, "0e611b3b1e93e27c394db7056b4acba78e208a9a073a6cf83e35badfba0796ba" },
    { "d e", ks_p256_scalar_multiply, D, E, "b66a7527e744438be30ae6e62db0403dc5d75b2616bac890d61a0cdcf18e3637" },
    { "1 / d", over, ONE, D, "5d2834bfff168c81a7f75f5fe782c116d17229a37c4e521da24cddaaf6614089" },
    { "1 / 2", over, ONE, TWO, HALF },
    { "1 / 1", over, ONE, ONE, ONE },
    { "1 / (n - 1)", over, ONE, ORDER_LESS_1, ORDER_LESS_1 },
    { "n - 1 and 1 are 0", ks_p256_scalar_add, ORDER_LESS_1, ONE, ZERO },
    { "the largest sum", ks_p256_scalar_add, ORDER_LESS_1, ORDER_LESS_1,
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f" },
    { "0 - 1", ks_p256_scalar_subtract, ZERO, ONE, ORDER_LESS_1 },
    { "0 - 0", ks_p256_scalar_subtract, ZERO, ZERO, ZERO },
    { "1 - (n - 1)", ks_p256_scalar_subtract, ONE, ORDER_LESS_1, TWO },
    { "the largest product", ks_p256_scalar_multiply, ORDER_LESS_1, ORDER_LESS_1, ONE },
    { "0 times d", ks_p256_scalar_multiply, ZERO, D, ZERO },
    { "half of twice 1", ks_p256_scalar_multiply, TWO, HALF, ONE },
    { "1 / 0 is none", over, ONE, ZERO, NULL },
    { "n is not in its one form: in a sum, first", ks_p256_scalar_add, ORDER, ONE, NULL },
    { "second", ks_p256_scalar_add, ONE, ORDER, NULL },
    { "in a difference", ks_p256_scalar_subtract, ALL, ONE, NULL },
    { "in a product", ks_p256_scalar_multiply, D, ORDER_MORE_1, NULL },
    { "in an inverse", over, ONE, ORDER, NULL },
};

static void scalars(void)
{
    static const struct {
        const char *name, *hash, *want;
    } hashes[] = {
        { "a hash below n is itself", ORDER_LESS_1, ORDER_LESS_1 },
        { "n as a hash is 0", ORDER, ZERO },
        { "n + 1 as a hash is 1", ORDER_MORE_1, ONE },
        { "the largest hash", ALL, ALL_REDUCED },
    };
    uint8_t scalar[LEN];

    for (size_t i = 0; i < KS_COUNT(scalar_rows); i++) {
        memset(scalar, 0xa5, sizeof scalar);
        enum ks_err err = scalar_rows[i].how(unhex(scalar_rows[i].a), unhex(scalar_rows[i].b), scalar);
        check_bytes(scalar_rows[i].name, err, scalar, sizeof scalar, scalar_rows[i].want);
    }
    for (size_t i = 0; i < KS_COUNT(hashes); i++) {
        ks_p256_scalar_of_hash(unhex(hashes[i].hash), scalar);
        check_bytes(hashes[i].name, KS_OK, scalar, sizeof scalar, hashes[i].want);
    }
    ks_p256_scalar_of(0x01020304, scalar);
    check_bytes("a small number", KS_OK, scalar, sizeof scalar,
        "0000000000000000000000000000000000000000000000000000000001020304");
    memcpy(scalar, unhex(D), LEN);
    check_bytes("a product may take the place of its parts", ks_p256_scalar_multiply(scalar, scalar, scalar), scalar,
        LEN, "fba80e577476cda09f6474713211e8511c06fc7bca7a2d4592146778dfd8fd98");
}

/* --- both together: what holds of every pair of scalars, for the library's points too --- */

static bool agree(struct ks_prng *prng)
{
    uint8_t a[LEN], b[LEN], number[LEN], inverse[LEN];
    uint8_t left[KS_P256_POINT_LEN], right[KS_P256_POINT_LEN], sum[KS_P256_POINT_LEN];

    ks_p256_generate(prng, a);
    ks_p256_generate(prng, b);
    if (ks_p256_public(a, left) != KS_OK || ks_p256_public(b, right) != KS_OK || ks_p256_plus(left, right, sum) != KS_OK
        || ks_p256_scalar_add(a, b, number) != KS_OK || ks_p256_public(number, right) != KS_OK
        || memcmp(sum, right, sizeof sum) != 0) /* aG + bG = (a + b) G */
        return false;
    if (ks_p256_times(b, left, right) != KS_OK || ks_p256_scalar_multiply(a, b, number) != KS_OK
        || ks_p256_public(number, sum) != KS_OK || memcmp(sum, right, sizeof sum) != 0) /* b (aG) = (a b) G */
        return false;
    if (ks_p256_scalar_invert(b, inverse) != KS_OK || ks_p256_times(inverse, right, sum) != KS_OK
        || memcmp(sum, left, sizeof sum) != 0) /* 1/b (b aG) = aG */
        return false;
    return ks_p256_scalar_add(a, b, number) == KS_OK && ks_p256_scalar_subtract(number, b, number) == KS_OK
        && memcmp(number, a, LEN) == 0;
}

static void chances(void)
{
    struct ks_prng prng;
    int agreed = 0;

    ks_prng_init_number(&prng, 20261123);
    for (int i = 0; i < CHANCES; i++)
        agreed += agree(&prng);
    check_row(agreed == CHANCES, "numbers modulo n and points of the library are one arithmetic", "%d of %d", agreed,
        CHANCES);
}

int main(void)
{
    ks_arena_init(&arena, 1 << 20);
    if (ks_crypto_init() != KS_OK)
        return 1;
    points();
    scalars();
    chances();
    ks_arena_done(&arena);
    return check_done();
}
