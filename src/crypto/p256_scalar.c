/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Numbers modulo the order n of P-256, for both drivers: the libraries' long numbers take a time that hangs on their
 * values, these do not. Montgomery's multiplication with eight words of 32 bits (P. L. Montgomery, Modular
 * Multiplication Without Trial Division, 1985; in the order of words that Koç, Acar and Kaliski call CIOS, 1996). */
#include "crypto_driver.h"
#include "p256_group.h"

#define WORDS 8

/* Words begin with the lowest. */
struct scalar {
    uint32_t word[WORDS];
};

static const struct scalar order = { { 0xfc632551, 0xf3b9cac2, 0xa7179e84, 0xbce6faad, 0xffffffff, 0xffffffff,
    0x00000000, 0xffffffff } };
#define ORDER_FACTOR UINT32_C(0xee00bc4f) /* -1 / n modulo 2^32 */
/* 2^512 modulo n: what it is multiplied with has Montgomery's form, 2^256 times itself. */
static const struct scalar to_form = { { 0xbe79eea2, 0x83244c95, 0x49bd6fa6, 0x4699799c, 0x2b6bec59, 0x2845b239,
    0xf3d95620, 0x66e12d94 } };
static const struct scalar one = { { 1 } };

/* value - n, and what was borrowed: 1 exactly if carry is 0 and value < n. */
static uint32_t minus_order(const struct scalar *value, uint32_t carry, struct scalar *ret_difference)
{
    uint64_t borrow = 0;

    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word = (uint64_t)value->word[i] - order.word[i] - borrow;
        ret_difference->word[i] = (uint32_t)word;
        borrow = word >> 63;
    }
    return (uint32_t)borrow & (carry ^ 1);
}

/* carry * 2^256 + value is below 2 n; afterwards below n. */
static void reduce(struct scalar *value, uint32_t carry)
{
    struct scalar difference;
    uint32_t keep = 0 - minus_order(value, carry, &difference);

    for (size_t i = 0; i < WORDS; i++)
        value->word[i] = (value->word[i] & keep) | (difference.word[i] & ~keep);
    ks_wipe(&difference, sizeof difference);
}

/* a b / 2^256 modulo n; of two that are below n. ret may be either. */
static void montgomery(const struct scalar *a, const struct scalar *b, struct scalar *ret)
{
    uint32_t sum[WORDS + 2] = { 0 };
    struct scalar product;
    uint64_t at;

    for (size_t i = 0; i < WORDS; i++) {
        at = 0;
        for (size_t j = 0; j < WORDS; j++) {
            at = (at >> 32) + sum[j] + (uint64_t)a->word[j] * b->word[i];
            sum[j] = (uint32_t)at;
        }
        at = (at >> 32) + sum[WORDS];
        sum[WORDS] = (uint32_t)at;
        sum[WORDS + 1] = (uint32_t)(at >> 32);

        uint32_t factor = sum[0] * ORDER_FACTOR;
        at = sum[0] + (uint64_t)factor * order.word[0];
        for (size_t j = 1; j < WORDS; j++) {
            at = (at >> 32) + sum[j] + (uint64_t)factor * order.word[j];
            sum[j - 1] = (uint32_t)at;
        }
        at = (at >> 32) + sum[WORDS];
        sum[WORDS - 1] = (uint32_t)at;
        sum[WORDS] = sum[WORDS + 1] + (uint32_t)(at >> 32);
    }
    memcpy(product.word, sum, sizeof product.word);
    reduce(&product, sum[WORDS]);
    *ret = product;
    ks_wipe(&product, sizeof product);
    ks_wipe(sum, sizeof sum);
}

static void read_words(const uint8_t bytes[KS_P256_SCALAR_LEN], struct scalar *ret_value)
{
    for (size_t i = 0; i < WORDS; i++) {
        const uint8_t *at = bytes + 4 * (WORDS - 1 - i);
        ret_value->word[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
}

/* False: not below n. */
static bool read(const uint8_t bytes[KS_P256_SCALAR_LEN], struct scalar *ret_value)
{
    struct scalar difference;
    uint32_t below;

    read_words(bytes, ret_value);
    below = minus_order(ret_value, 0, &difference);
    ks_wipe(&difference, sizeof difference);
    return below == 1;
}

static void write(const struct scalar *value, uint8_t ret_bytes[KS_P256_SCALAR_LEN])
{
    for (size_t i = 0; i < KS_P256_SCALAR_LEN; i++)
        ret_bytes[KS_P256_SCALAR_LEN - 1 - i] = (uint8_t)(value->word[i / 4] >> (8 * (i % 4)));
}

/* --- two of them --- */

static void add(const struct scalar *a, const struct scalar *b, struct scalar *ret)
{
    uint64_t at = 0;

    for (size_t i = 0; i < WORDS; i++) {
        at = (at >> 32) + a->word[i] + b->word[i];
        ret->word[i] = (uint32_t)at;
    }
    reduce(ret, (uint32_t)(at >> 32));
}

static void subtract(const struct scalar *a, const struct scalar *b, struct scalar *ret)
{
    uint64_t borrow = 0, carry = 0;

    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word = (uint64_t)a->word[i] - b->word[i] - borrow;
        ret->word[i] = (uint32_t)word;
        borrow = word >> 63;
    }
    for (size_t i = 0; i < WORDS; i++) { /* n is put back if there was too little */
        carry = (carry >> 32) + ret->word[i] + (order.word[i] & (0 - (uint32_t)borrow));
        ret->word[i] = (uint32_t)carry;
    }
}

static void multiply(const struct scalar *a, const struct scalar *b, struct scalar *ret)
{
    struct scalar form;

    montgomery(a, &to_form, &form);
    montgomery(&form, b, ret);
    ks_wipe(&form, sizeof form);
}

static enum ks_err join(void (*how)(const struct scalar *, const struct scalar *, struct scalar *),
    const uint8_t a[KS_P256_SCALAR_LEN], const uint8_t b[KS_P256_SCALAR_LEN], uint8_t ret[KS_P256_SCALAR_LEN])
{
    struct scalar left, right, both = { { 0 } };
    enum ks_err err = read(a, &left) && read(b, &right) ? KS_OK : KS_ECRYPTO;

    if (err == KS_OK) {
        how(&left, &right, &both);
        write(&both, ret);
    }
    ks_wipe(&left, sizeof left);
    ks_wipe(&right, sizeof right);
    ks_wipe(&both, sizeof both);
    return err;
}

enum ks_err ks_p256_scalar_add(
    const uint8_t a[KS_P256_SCALAR_LEN], const uint8_t b[KS_P256_SCALAR_LEN], uint8_t ret_sum[KS_P256_SCALAR_LEN])
{
    return join(add, a, b, ret_sum);
}

enum ks_err ks_p256_scalar_subtract(const uint8_t a[KS_P256_SCALAR_LEN], const uint8_t b[KS_P256_SCALAR_LEN],
    uint8_t ret_difference[KS_P256_SCALAR_LEN])
{
    return join(subtract, a, b, ret_difference);
}

enum ks_err ks_p256_scalar_multiply(
    const uint8_t a[KS_P256_SCALAR_LEN], const uint8_t b[KS_P256_SCALAR_LEN], uint8_t ret_product[KS_P256_SCALAR_LEN])
{
    return join(multiply, a, b, ret_product);
}

/* --- one --- */

/* a^(n - 2), since n is a prime; the exponent is known to all. */
enum ks_err ks_p256_scalar_invert(const uint8_t a[KS_P256_SCALAR_LEN], uint8_t ret_inverse[KS_P256_SCALAR_LEN])
{
    struct scalar base, power, exponent = order;

    if (!ks_p256_in_range(a))
        return KS_ECRYPTO;
    read_words(a, &base);
    montgomery(&base, &to_form, &base);
    montgomery(&one, &to_form, &power);
    exponent.word[0] -= 2;
    for (size_t bit = 32 * WORDS; bit-- > 0;) {
        montgomery(&power, &power, &power);
        if (exponent.word[bit / 32] >> (bit % 32) & 1)
            montgomery(&power, &base, &power);
    }
    montgomery(&power, &one, &power);
    write(&power, ret_inverse);
    ks_wipe(&base, sizeof base);
    ks_wipe(&power, sizeof power);
    return KS_OK;
}

void ks_p256_scalar_of_hash(const uint8_t hash[32], uint8_t ret_scalar[KS_P256_SCALAR_LEN])
{
    struct scalar value;

    read_words(hash, &value);
    reduce(&value, 0); /* 2^256 is below 2 n */
    write(&value, ret_scalar);
    ks_wipe(&value, sizeof value);
}

void ks_p256_scalar_of(uint32_t number, uint8_t ret_scalar[KS_P256_SCALAR_LEN])
{
    const struct scalar value = { { number } };

    write(&value, ret_scalar);
}
