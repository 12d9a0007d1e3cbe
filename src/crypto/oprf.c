/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "oprf.h"

#include <sodium/crypto_core_ristretto255.h>
#include <sodium/crypto_scalarmult_ristretto255.h>

#define UNIFORM_LEN 64 /* of expand_message_xmd, and of SHA-512 */
#define BLOCK_LEN 128  /* of SHA-512 */

/* §3.1, §4.1: "OPRFV1-" || mode || "-" || identifier. */
static const char context[] = "OPRFV1-\x00-ristretto255-SHA512";
#define CONTEXT ks_str(context, sizeof context - 1)

_Static_assert(crypto_core_ristretto255_BYTES == KS_OPRF_ELEMENT_LEN, "element");
_Static_assert(crypto_core_ristretto255_SCALARBYTES == KS_OPRF_SCALAR_LEN, "scalar");
_Static_assert(crypto_core_ristretto255_HASHBYTES == UNIFORM_LEN, "hash");

static bool is_zero(const uint8_t *bytes, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return any == 0;
}

/* Not 0, and in its one form: below the order of the group. */
static bool is_scalar(const uint8_t scalar[KS_OPRF_SCALAR_LEN])
{
    uint8_t wide[crypto_core_ristretto255_NONREDUCEDSCALARBYTES] = { 0 }, reduced[KS_OPRF_SCALAR_LEN];
    bool is;

    memcpy(wide, scalar, KS_OPRF_SCALAR_LEN);
    crypto_core_ristretto255_scalar_reduce(reduced, wide);
    is = !is_zero(scalar, KS_OPRF_SCALAR_LEN)
        && ks_crypto_eq(
            ks_str((const char *)scalar, KS_OPRF_SCALAR_LEN), ks_str((const char *)reduced, sizeof reduced));
    ks_wipe(wide, sizeof wide);
    ks_wipe(reduced, sizeof reduced);
    return is;
}

/* The identity is all zeroes (RFC 9496 §4.3.2). */
static bool is_element(const uint8_t element[KS_OPRF_ELEMENT_LEN])
{
    return !is_zero(element, KS_OPRF_ELEMENT_LEN) && crypto_core_ristretto255_is_valid_point(element) == 1;
}

/* A scalar that nobody can tell from a random one: 512 bits modulo the order. */
static void draw(struct ks_prng *prng, uint8_t ret_scalar[KS_OPRF_SCALAR_LEN])
{
    uint8_t wide[crypto_core_ristretto255_NONREDUCEDSCALARBYTES];

    do {
        ks_prng_bytes(prng, wide, sizeof wide);
        crypto_core_ristretto255_scalar_reduce(ret_scalar, wide);
    } while (is_zero(ret_scalar, KS_OPRF_SCALAR_LEN));
    ks_wipe(wide, sizeof wide);
}

/* expand_message_xmd of RFC 9380 §5.3.1 with SHA-512, for 64 bytes: one block, so b_1 is all of it. */
static void expand(struct ks_str message, uint8_t ret_uniform[UNIFORM_LEN])
{
    static const uint8_t zeroes[BLOCK_LEN];
    const uint8_t length[2] = { 0, UNIFORM_LEN }, last[1] = { sizeof "HashToGroup-" - 1 + sizeof context - 1 };
    const struct ks_str tag[] = { KS_STR("HashToGroup-"), CONTEXT, ks_str((const char *)last, 1) };
    uint8_t first[UNIFORM_LEN];
    const struct ks_str zero[] = { ks_str((const char *)zeroes, sizeof zeroes), message,
        ks_str((const char *)length, sizeof length), ks_str("\x00", 1), tag[0], tag[1], tag[2] };
    const struct ks_str one[] = { ks_str((char *)first, sizeof first), ks_str("\x01", 1), tag[0], tag[1], tag[2] };

    ks_hash_parts(KS_SHA512, zero, KS_COUNT(zero), first);
    ks_hash_parts(KS_SHA512, one, KS_COUNT(one), ret_uniform);
    ks_wipe(first, sizeof first);
}

/* What is left is a PIN's as much as the PIN is. */
static enum ks_err to_group(struct ks_str input, uint8_t ret_element[KS_OPRF_ELEMENT_LEN])
{
    uint8_t uniform[UNIFORM_LEN];

    if (input.len > KS_OPRF_INPUT_MAX)
        return KS_ELIMIT;
    expand(input, uniform);
    crypto_core_ristretto255_from_hash(ret_element, uniform);
    ks_wipe(uniform, sizeof uniform);
    return is_zero(ret_element, KS_OPRF_ELEMENT_LEN) ? KS_ECRYPTO : KS_OK;
}

void ks_oprf_generate(struct ks_prng *prng, uint8_t ret_key[KS_OPRF_SCALAR_LEN])
{
    draw(prng, ret_key);
}

enum ks_err ks_oprf_key_id(const uint8_t key[KS_OPRF_SCALAR_LEN], uint8_t ret_id[KS_OPRF_KEY_ID_LEN])
{
    uint8_t element[KS_OPRF_ELEMENT_LEN], hash[KS_HASH_MAX];

    if (!is_scalar(key) || crypto_scalarmult_ristretto255_base(element, key) != 0)
        return KS_ECRYPTO;
    ks_hash(KS_SHA256, ks_str((char *)element, sizeof element), hash);
    memcpy(ret_id, hash, KS_OPRF_KEY_ID_LEN);
    return KS_OK;
}

enum ks_err ks_oprf_blind_with(
    const uint8_t blind[KS_OPRF_SCALAR_LEN], struct ks_str input, uint8_t ret_blinded[KS_OPRF_ELEMENT_LEN])
{
    uint8_t element[KS_OPRF_ELEMENT_LEN], blinded[KS_OPRF_ELEMENT_LEN];
    enum ks_err err = is_scalar(blind) ? to_group(input, element) : KS_ECRYPTO;

    if (err == KS_OK && crypto_scalarmult_ristretto255(blinded, blind, element) != 0)
        err = KS_ECRYPTO;
    if (err == KS_OK)
        memcpy(ret_blinded, blinded, sizeof blinded);
    ks_wipe(element, sizeof element);
    return err;
}

enum ks_err ks_oprf_blind(struct ks_prng *prng, struct ks_str input, uint8_t ret_blind[KS_OPRF_SCALAR_LEN],
    uint8_t ret_blinded[KS_OPRF_ELEMENT_LEN])
{
    draw(prng, ret_blind);
    return ks_oprf_blind_with(ret_blind, input, ret_blinded);
}

enum ks_err ks_oprf_check(const uint8_t blinded[KS_OPRF_ELEMENT_LEN])
{
    return is_element(blinded) ? KS_OK : KS_ECRYPTO;
}

enum ks_err ks_oprf_evaluate(const uint8_t key[KS_OPRF_SCALAR_LEN], const uint8_t blinded[KS_OPRF_ELEMENT_LEN],
    uint8_t ret_evaluated[KS_OPRF_ELEMENT_LEN])
{
    uint8_t evaluated[KS_OPRF_ELEMENT_LEN];

    if (!is_scalar(key) || !is_element(blinded) || crypto_scalarmult_ristretto255(evaluated, key, blinded) != 0)
        return KS_ECRYPTO;
    memcpy(ret_evaluated, evaluated, sizeof evaluated);
    return KS_OK;
}

enum ks_err ks_oprf_finalize(struct ks_str input, const uint8_t blind[KS_OPRF_SCALAR_LEN],
    const uint8_t evaluated[KS_OPRF_ELEMENT_LEN], uint8_t ret_output[KS_OPRF_OUTPUT_LEN])
{
    uint8_t inverse[KS_OPRF_SCALAR_LEN], element[KS_OPRF_ELEMENT_LEN];
    const uint8_t input_len[2] = { (uint8_t)(input.len >> 8), (uint8_t)input.len },
                  element_len[2] = { 0, sizeof element };
    const struct ks_str parts[] = { ks_str((const char *)input_len, 2), input, ks_str((const char *)element_len, 2),
        ks_str((char *)element, sizeof element), KS_STR("Finalize") };
    enum ks_err err = KS_OK;

    if (input.len > KS_OPRF_INPUT_MAX)
        return KS_ELIMIT;
    if (!is_scalar(blind) || !is_element(evaluated) || crypto_core_ristretto255_scalar_invert(inverse, blind) != 0
        || crypto_scalarmult_ristretto255(element, inverse, evaluated) != 0)
        err = KS_ECRYPTO;
    else
        ks_hash_parts(KS_SHA512, parts, KS_COUNT(parts), ret_output);
    ks_wipe(inverse, sizeof inverse);
    ks_wipe(element, sizeof element);
    return err;
}
