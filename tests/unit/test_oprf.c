/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The OPRF of the vault, with the known answers of its RFC, and what is no element and no scalar. */
#include "oprf.h"

#include "check.h"
#include "enc.h"

static struct ks_arena arena;

static struct ks_str hex(const char *text)
{
    struct ks_str bytes;

    if (ks_hex_read(&arena, ks_str_z(text), &bytes) != KS_OK)
        exit(1);
    return bytes;
}

static const uint8_t *at(struct ks_str bytes)
{
    return (const uint8_t *)bytes.ptr;
}

#define KEY "5ebcea5ee37023ccb9fc2d2019f9d7737be85591ae8652ffa9ef0f4d37063b0e"
#define BLIND "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706"
#define ORDER "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"

static void test_known(void)
{
    static const struct {
        const char *name, *input, *blinded, *evaluated, *output;
    } rows[] = {
        { "RFC 9497 A.1.1.1", "00", "609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c",
            "7ec6578ae5120958eb2db1745758ff379e77cb64fe77b0b2d8cc917ea0869c7e",
            "527759c3d9366f277d8c6020418d96bb393ba2afb20ff90df23fb7708264e2f3ab9135e3bd69955851de4b1f9fe8a0973396719b79"
            "12ba9e"
            "e8aa7d0b5e24bcf6" },
        { "RFC 9497 A.1.1.2", "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
            "da27ef466870f5f15296299850aa088629945a17d1f5b7f5ff043f76b3c06418",
            "b4cbf5a4f1eeda5a63ce7b77c7d23f461db3fcab0dd28e4e17cecb5c90d02c25",
            "f4a74c9c592497375e796aa837e907b1a045d34306a749db9f34221f7e750cb4f2a6413a6bf6fa5e19ba6348eb673934a722a7ede2"
            "e76213"
            "06d18951e7cf2c73" },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        uint8_t blinded[KS_OPRF_ELEMENT_LEN], evaluated[KS_OPRF_ELEMENT_LEN], output[KS_OPRF_OUTPUT_LEN];
        char name[80];
        struct ks_str input = hex(rows[i].input);
        snprintf(name, sizeof name, "%s: blinded", rows[i].name);
        if (ks_oprf_blind_with(at(hex(BLIND)), input, blinded) != KS_OK
            || ks_oprf_evaluate(at(hex(KEY)), blinded, evaluated) != KS_OK
            || ks_oprf_finalize(input, at(hex(BLIND)), evaluated, output) != KS_OK)
            exit(1);
        check_str(name, ks_str((char *)blinded, sizeof blinded), hex(rows[i].blinded));
        snprintf(name, sizeof name, "%s: evaluated", rows[i].name);
        check_str(name, ks_str((char *)evaluated, sizeof evaluated), hex(rows[i].evaluated));
        snprintf(name, sizeof name, "%s: output", rows[i].name);
        check_str(name, ks_str((char *)output, sizeof output), hex(rows[i].output));
    }
}

static void run(
    struct ks_prng *prng, const uint8_t key[32], struct ks_str pin, uint8_t ret_output[64], uint8_t ret_blinded[32])
{
    uint8_t blind[32], evaluated[32];

    if (ks_oprf_blind(prng, pin, blind, ret_blinded) != KS_OK || ks_oprf_evaluate(key, ret_blinded, evaluated) != KS_OK
        || ks_oprf_finalize(pin, blind, evaluated, ret_output) != KS_OK)
        exit(1);
}

static void test_use(void)
{
    static const uint8_t seed[KS_PRNG_SEED_LEN] = { 7 };
    uint8_t key[2][32], output[4][64], blinded[4][32], id[2][8];
    struct ks_prng prng;

    ks_prng_init(&prng, seed);
    ks_oprf_generate(&prng, key[0]);
    ks_oprf_generate(&prng, key[1]);
    run(&prng, key[0], KS_STR("471100"), output[0], blinded[0]);
    run(&prng, key[0], KS_STR("471100"), output[1], blinded[1]);
    run(&prng, key[0], KS_STR("471101"), output[2], blinded[2]);
    run(&prng, key[1], KS_STR("471100"), output[3], blinded[3]);
    check_row(memcmp(output[0], output[1], 64) == 0, "the same PIN and key give the same output", "another one");
    check_row(memcmp(blinded[0], blinded[1], 32) != 0, "and what the server sees is another one each time", "the same");
    check_row(memcmp(output[0], output[2], 64) != 0, "another PIN gives another one", "the same");
    check_row(memcmp(output[0], output[3], 64) != 0, "so does another key", "the same");
    check_row(ks_oprf_key_id(key[0], id[0]) == KS_OK && ks_oprf_key_id(key[1], id[1]) == KS_OK
            && memcmp(id[0], id[1], 8) != 0,
        "two keys have two numbers", "one");
    ks_prng_done(&prng);
}

static const char too_long[KS_OPRF_INPUT_MAX + 1];

static void test_refused(void)
{
    static const struct {
        const char *name, *element;
    } elements[] = {
        { "the identity", "0000000000000000000000000000000000000000000000000000000000000000" },
        { "what is above the field's prime", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" },
        { "what is negative (RFC 9496 A.2)", "0100000000000000000000000000000000000000000000000000000000000000" },
        { "what is no square (RFC 9496 A.2)", "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371" },
    };
    static const struct {
        const char *name, *scalar;
    } scalars[] = {
        { "0", "0000000000000000000000000000000000000000000000000000000000000000" },
        { "the order of the group", ORDER },
        { "what is above it", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" },
    };
    uint8_t out[64], id[8];
    char name[100];

    for (size_t i = 0; i < KS_COUNT(elements); i++) {
        memset(out, 0x55, sizeof out);
        snprintf(name, sizeof name, "attack 43: %s is not evaluated", elements[i].name);
        check_row(ks_oprf_evaluate(at(hex(KEY)), at(hex(elements[i].element)), out) == KS_ECRYPTO && out[0] == 0x55,
            name, "it is");
        snprintf(name, sizeof name, "attack 43: %s is no answer of a server", elements[i].name);
        check_row(ks_oprf_finalize(KS_STR("471100"), at(hex(BLIND)), at(hex(elements[i].element)), out) == KS_ECRYPTO
                && out[0] == 0x55,
            name, "it is");
    }
    for (size_t i = 0; i < KS_COUNT(scalars); i++) {
        snprintf(name, sizeof name, "%s is no key, and blinds nothing", scalars[i].name);
        check_row(ks_oprf_key_id(at(hex(scalars[i].scalar)), id) == KS_ECRYPTO
                && ks_oprf_blind_with(at(hex(scalars[i].scalar)), KS_STR("x"), out) == KS_ECRYPTO,
            name, "it is");
    }
    check_err("an input that is too long", ks_oprf_blind_with(at(hex(BLIND)), ks_str(too_long, sizeof too_long), out),
        KS_ELIMIT);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 2;
    ks_arena_init(&arena, 1u << 20);
    test_known();
    test_use();
    test_refused();
    ks_arena_done(&arena);
    return check_done();
}
