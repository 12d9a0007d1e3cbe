/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Known answers of the curve that both OMEMO versions use, through libomemo-c as src/omemo calls it: the one primitive
 * that crypto.h does not have. */
#include "check.h"
#include "crypto.h"
#include "enc.h"
#include "omemo_internal.h"

static struct ks_arena arena;

static struct ks_str unhex(const char *hex)
{
    struct ks_str bytes;

    if (ks_hex_read(&arena, ks_str_z(hex), &bytes) != KS_OK)
        abort();
    return bytes;
}

/* The shared secret of a private scalar and a public u-coordinate. */
static void check_agreement(const char *name, const char *scalar, const char *u, const char *want)
{
    struct ks_str secret = unhex(scalar), point = unhex(u);
    ec_private_key *private_key = NULL;
    ec_public_key *public_key = NULL;
    uint8_t *shared = NULL;
    struct ks_buf hex;
    char *bits = (char *)(uintptr_t)secret.ptr;

    /* RFC 7748 §5, decodeScalar25519: libomemo-c does it when it makes a key. */
    bits[0] &= (char)248;
    bits[31] = (char)((bits[31] & 127) | 64);
    if (curve_decode_private_point(&private_key, (const uint8_t *)secret.ptr, secret.len, NULL) < 0
        || curve_decode_point_mont(&public_key, (const uint8_t *)point.ptr, point.len, NULL) < 0)
        abort();
    int len = curve_calculate_agreement(&shared, public_key, private_key);
    ks_buf_init(&hex, 128);
    ks_hex_add(&hex, ks_str(shared, len > 0 ? (size_t)len : 0));
    check_str(name, ks_buf_str(&hex), ks_str_z(want));
    ks_buf_done(&hex);
    free(shared);
    SIGNAL_UNREF(private_key);
    SIGNAL_UNREF(public_key);
}

static const struct {
    const char *name, *scalar, *u, *want;
} agreements[] = {
    { "RFC 7748 §5.2: X25519, first vector", "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" },
    { "RFC 7748 §5.2: X25519, second vector", "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957" },
    { "RFC 7748 §6.1: Alice's secret", "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
    { "RFC 7748 §6.1: and Bob's, which is the same", "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
};

/* A signature of Ed25519 under a key in Edwards form, as OMEMO 2 has it in bundles. */
static int verifies(const char *key, struct ks_str message, struct ks_str signature)
{
    struct ks_str bytes = unhex(key);
    ec_public_key *public_key = NULL;

    if (curve_decode_point_ed(&public_key, (const uint8_t *)bytes.ptr, bytes.len, NULL) < 0)
        abort();
    int result = curve_verify_signature(
        public_key, (const uint8_t *)message.ptr, message.len, (const uint8_t *)signature.ptr, signature.len);
    SIGNAL_UNREF(public_key);
    return result;
}

static const struct {
    const char *name, *key, *message, *signature;
} signatures[] = {
    { "RFC 8032 §7.1: Ed25519, test 2", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
    { "RFC 8032 §7.1: Ed25519, test 3", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
    { "RFC 8032 §7.1: Ed25519, test SHA(abc), a key with its sign bit set",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704" },
};

int main(void)
{
    check_err("the library starts", ks_crypto_init(), KS_OK);
    ks_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < KS_COUNT(agreements); i++)
        check_agreement(agreements[i].name, agreements[i].scalar, agreements[i].u, agreements[i].want);
    for (size_t i = 0; i < KS_COUNT(signatures); i++) {
        struct ks_str message = unhex(signatures[i].message), signature = unhex(signatures[i].signature);
        check_row(verifies(signatures[i].key, message, signature) == 1, signatures[i].name, "it is refused");
        ((char *)(uintptr_t)message.ptr)[0] ^= 1;
        check_row(verifies(signatures[i].key, message, signature) != 1, "control: and not under another text", "%s",
            signatures[i].name);
    }
    check_row(check_failed == 0, "DSK II.1-h: X25519 and Ed25519 give the known answers of RFC 7748 and RFC 8032",
        "%d do not", check_failed);
    ks_arena_done(&arena);
    return check_done();
}
