/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Ed25519 with the known answers of its RFC, and what is no signature. */
#include "ed25519.h"

#include "check.h"
#include "enc.h"

static struct ks_arena arena;

static const uint8_t *hex(const char *text)
{
    struct ks_str bytes;

    if (ks_hex_read(&arena, ks_str_z(text), &bytes) != KS_OK)
        exit(1);
    return (const uint8_t *)(bytes.len ? bytes.ptr : "");
}

static const struct {
    const char *name, *seed, *public_key, *bytes, *signature;
} rows[] = {
    { "RFC 8032 §7.1 TEST 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe"
        "24"
        "655141438e7a100b" },
    { "RFC 8032 §7.1 TEST 3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed2"
        "8d"
        "c027beceea1ec40a" },
};

int main(void)
{
    uint8_t public_key[KS_ED25519_PUBLIC_LEN], signature[KS_ED25519_SIGNATURE_LEN], bad[KS_ED25519_SIGNATURE_LEN];
    /* §5.1.7: S above the order of the group is another way to write a signature. */
    static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde,
        0xf9, 0xde, 0x14, [31] = 0x10 };
    unsigned carry = 0;

    if (ks_crypto_init() != KS_OK)
        return 1;
    ks_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_str bytes = ks_str(hex(rows[i].bytes), strlen(rows[i].bytes) / 2);
        char name[80];
        ks_ed25519_public(hex(rows[i].seed), public_key);
        snprintf(name, sizeof name, "%s: public key", rows[i].name);
        check_str(name, ks_str(public_key, sizeof public_key), ks_str(hex(rows[i].public_key), sizeof public_key));
        ks_ed25519_sign(hex(rows[i].seed), bytes, signature);
        snprintf(name, sizeof name, "%s: signature", rows[i].name);
        check_str(name, ks_str(signature, sizeof signature), ks_str(hex(rows[i].signature), sizeof signature));
        snprintf(name, sizeof name, "%s: verifies", rows[i].name);
        check_err(name, ks_ed25519_verify(public_key, bytes, signature), KS_OK);
        snprintf(name, sizeof name, "%s: not over other bytes", rows[i].name);
        check_err(name, ks_ed25519_verify(public_key, KS_STR("af83"), signature), KS_ECRYPTO);
    }
    memcpy(bad, signature, sizeof bad);
    bad[0] ^= 1;
    check_err("§5.1.7: a changed bit", ks_ed25519_verify(public_key, ks_str("\xaf\x82", 2), bad), KS_ECRYPTO);
    memcpy(bad, signature, sizeof bad);
    for (size_t i = 0; i < 32; i++) {
        carry += bad[32 + i] + order[i];
        bad[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    check_err("§5.1.7: the same signature in another form", ks_ed25519_verify(public_key, ks_str("\xaf\x82", 2), bad),
        KS_ECRYPTO);
    memset(public_key, 0, sizeof public_key);
    public_key[0] = 1;
    memset(bad, 0, sizeof bad);
    bad[0] = 1;
    check_err("§5.1.7: the identity as key signs nothing", ks_ed25519_verify(public_key, KS_STR("x"), bad), KS_ECRYPTO);
    ks_arena_done(&arena);
    return check_done();
}
