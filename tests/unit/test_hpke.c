/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* HPKE, with the known answer of its RFC and everything that must not open. */
#include "hpke.h"

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

/* RFC 9180 A.5.1, sequence number 0 */
static struct vector {
    struct ks_str ephemeral, recipient, secret, enc, info, extra, text, sealed;
} rfc;

static void read_vector(void)
{
    rfc = (struct vector) {
        .ephemeral = hex("7550253e1147aae48839c1f8af80d2770fb7a4c763afe7d0afa7e0f42a5b3689"),
        .recipient =
            hex("04a697bffde9405c992883c5c439d6cc358170b51af72812333b015621dc0f40bad9bb726f68a5c013806a790ec716ab86"
                "69f84f6b694596c2987cf35baba2a006"),
        .secret = hex("a4d1c55836aa30f9b3fbb6ac98d338c877c2867dd3a77396d13f68d3ab150d3b"),
        .enc = hex(
            "04c07836a0206e04e31d8ae99bfd549380b072a1b1b82e563c935c095827824fc1559eac6fb9e3c70cd3193968994e7fe9781aa10"
            "3f5b50e934b5b2f387e381291"),
        .info = hex("4f6465206f6e2061204772656369616e2055726e"),
        .extra = hex("436f756e742d30"),
        .text = hex("4265617574792069732074727574682c20747275746820626561757479"),
        .sealed = hex("6469c41c5c81d3aa85432531ecf6460ec945bde1eb428cb2fedf7a29f5a685b4ccb0d057f03ea2952a27bb458b"),
    };
}

static void test_known(void)
{
    uint8_t enc[KS_HPKE_ENC_LEN], sealed[64], opened[64], dh[32];

    check_err("RFC 9180 A.5.1: seals",
        ks_hpke_seal_with(at(rfc.ephemeral), at(rfc.recipient), rfc.info, rfc.extra, rfc.text, enc, sealed), KS_OK);
    check_str("with the key made for it", ks_str((char *)enc, sizeof enc), rfc.enc);
    check_str("to these bytes", ks_str((char *)sealed, rfc.sealed.len), rfc.sealed);
    check_err("RFC 9180 A.5.1: opens",
        ks_hpke_open(at(rfc.secret), at(rfc.enc), rfc.info, rfc.extra, rfc.sealed, opened), KS_OK);
    check_str("to the text", ks_str((char *)opened, rfc.text.len), rfc.text);
    if (ks_p256_ecdh(at(rfc.secret), at(rfc.enc), dh) != KS_OK)
        exit(1);
    memset(opened, 0, sizeof opened);
    check_err("who has the shared point instead of the key opens it, too",
        ks_hpke_open_shared(dh, at(rfc.recipient), at(rfc.enc), rfc.info, rfc.extra, rfc.sealed, opened), KS_OK);
    check_str("to the same text", ks_str((char *)opened, rfc.text.len), rfc.text);
}

/* With one bit of a byte changed. */
static struct ks_str flipped(struct ks_str bytes, size_t where)
{
    char *copy = ks_arena_alloc(&arena, bytes.len);

    if (!copy)
        exit(1);
    memcpy(copy, bytes.ptr, bytes.len);
    copy[where] ^= 1;
    return ks_str(copy, bytes.len);
}

static uint8_t room[64];

static bool opens(
    struct ks_str secret, struct ks_str enc, struct ks_str info, struct ks_str extra, struct ks_str sealed)
{
    memset(room, 0x55, sizeof room);
    return ks_hpke_open(at(secret), at(enc), info, extra, sealed, room) == KS_OK;
}

static bool untouched(void)
{
    for (size_t i = 0; i < sizeof room; i++)
        if (room[i] != 0x55)
            return false;
    return true;
}

static void test_refused(void)
{
    size_t wrong = 0, written = 0;
    uint8_t enc[KS_HPKE_ENC_LEN], sealed[64];

    for (size_t i = 0; i < rfc.sealed.len; i++) {
        wrong += opens(rfc.secret, rfc.enc, rfc.info, rfc.extra, flipped(rfc.sealed, i));
        written += !untouched();
    }
    for (size_t i = 0; i < rfc.enc.len; i++) {
        wrong += opens(rfc.secret, flipped(rfc.enc, i), rfc.info, rfc.extra, rfc.sealed);
        written += !untouched();
    }
    for (size_t i = 0; i < rfc.info.len; i++)
        wrong += opens(rfc.secret, rfc.enc, flipped(rfc.info, i), rfc.extra, rfc.sealed);
    for (size_t i = 0; i < rfc.extra.len; i++)
        wrong += opens(rfc.secret, rfc.enc, rfc.info, flipped(rfc.extra, i), rfc.sealed);
    for (size_t len = 0; len < rfc.sealed.len; len++)
        wrong += opens(rfc.secret, rfc.enc, rfc.info, rfc.extra, ks_str_head(rfc.sealed, len));
    check_row(wrong == 0,
        "one bit changed in any byte of the text, the key, info and extra, or a piece of it: it does not open",
        "%zu do", wrong);
    check_row(written == 0, "and nothing is written", "%zu times it is", written);
    check_row(opens(rfc.secret, rfc.enc, rfc.info, rfc.extra, rfc.sealed), "(positive control: unaltered it does)",
        "it does not");
    check_row(
        !opens(rfc.ephemeral, rfc.enc, rfc.info, rfc.extra, rfc.sealed), "another's key opens nothing", "it does");
    memset(enc, 0x55, sizeof enc);
    check_err("nothing is sealed for what is no point of the curve",
        ks_hpke_seal_with(
            at(rfc.ephemeral), at(flipped(rfc.recipient, 64)), rfc.info, rfc.extra, rfc.text, enc, sealed),
        KS_ECRYPTO);
    check_row(enc[0] == 0x55, "and nothing is written", "something is");
}

static void test_fresh(void)
{
    static const uint8_t seed[KS_PRNG_SEED_LEN] = { 9 };
    uint8_t enc[2][KS_HPKE_ENC_LEN], sealed[KS_HPKE_TAG_LEN], opened[1] = { 0 };
    struct ks_prng prng;

    ks_prng_init(&prng, seed);
    for (int i = 0; i < 2; i++)
        if (ks_hpke_seal(&prng, at(rfc.recipient), KS_STR_EMPTY, KS_STR_EMPTY, KS_STR_EMPTY, enc[i], sealed) != KS_OK)
            exit(1);
    check_row(memcmp(enc[0], enc[1], sizeof enc[0]) != 0, "each message has a key of its own", "they have one");
    check_err("nothing at all is sealed and opened, too",
        ks_hpke_open(at(rfc.secret), enc[1], KS_STR_EMPTY, KS_STR_EMPTY, ks_str((char *)sealed, sizeof sealed), opened),
        KS_OK);
    ks_prng_done(&prng);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 2;
    ks_arena_init(&arena, 1u << 20);
    read_vector();
    test_known();
    test_refused();
    test_fresh();
    ks_arena_done(&arena);
    return check_done();
}
