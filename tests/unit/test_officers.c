/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Officers: a key in shares, and what is opened with some of them. */
#include "check.h"
#include "enc.h"
#include "hpke.h"
#include "officers.h"

static struct ks_arena arena;

static const uint8_t *unhex(const char *hex)
{
    struct ks_str bytes;

    if (ks_hex_read(&arena, ks_str_z(hex), &bytes) != KS_OK)
        abort();
    return (const uint8_t *)bytes.ptr;
}

static bool is_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    return strlen(hex) == 2 * len && memcmp(bytes, unhex(hex), len) == 0;
}

/* --- known answers, computed with Python's integers and its hashlib --- */

#define ACCOUNT "anna@klinik.example"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ORDER_LESS_1 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"
#define TWO "0000000000000000000000000000000000000000000000000000000000000002"
#define KEY "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"
#define SLOPE "fb1acd44962209a65826621210c03c0a72e392169f52c2f208efbf3f272f09a2"
#define SHARE_1 "278bae711028509e7aa05639d873ca7dead57ca1953a3ae732f902f022f29ad4"
#define SHARE_2 "22a67bb6a64a5a43d2c6b84be9340688a0d2140a8d755f54482ef76c4dbe7f25"
#define SHARE_3 "1dc148fc3c6c63e92aed1a5df9f4429356ceab7385b083c15d64ebe8788a6376"
#define KEY_POINT                                                        \
    "0426abe153a1c57db42a9c2fe307216c832a4bdede50fe230b7917a22f4fb66d74" \
    "fad850bbf9e99fa1a0e395432e1116b9ed7979e7448d03ba28d2c7d5e79db29b"
#define SLOPE_POINT                                                      \
    "04c703515c99b365d83e30b40fcca6e8c8ae57fc7e8da663c26bb3a501117953e1" \
    "7fe0a5b491099b138d1c56effd65eeb758ec29e23f22bbd817e91d796dd47891"
#define EPHEMERAL "5fb2ab76ed9bda034b192c48c7069359252fccda168d925acc0ae7d316c0b53e"
#define ENC                                                              \
    "0451c6e474c29bb66a717a81c2bfc6751e518ffd6f91c23993395ca67b0fc3e35d" \
    "65e44443035a9646147bcf550e7df06fd83d68de9e83cce8934c653342d834fc"
#define SIGNATURE                                                        \
    "fbc85c0d23e7fce3f665afd005337347053c6de85cd75e72321892b2a0eaae0c1d" \
    "6de02c4d7ac7d3b5100098df97666826275b46f3c5dcefc841197e9bd60dac"
#define PART_1                                                           \
    "044547ce01ecc31850a7841293aa2314bee509062b0949bc47e592349e7468209a" \
    "f87a87bf75006403932aa19e92b258d38907ac11561faf22dd53b27d5511d466"
#define PART_2                                                           \
    "040f09285646807392df7e25aff45b780fdf3cf797e59ac045645e0fd82bfafa01" \
    "2d389e18811eb9f152ff883386349f7ec4d7d4c1431a2c24f01711fbd0a23401"
#define PART_3                                                           \
    "04f13216265e451a035e002f16d05ef1f59f39d74708bd14e837f32c9390308abe" \
    "49168f4cfe470aed7e0c5c1ecef7ace334ded3a27625368730ff2c5f69f8cdb4"
#define PROOF_1                                                          \
    "60e1f975610405eef9c4b860669f8e1ae3a595814b85e0012063c3dfbd678611eb" \
    "34b5a91c3e5aa3aba7195fbede25f8e1026ddf47bac08e8697928a0bd10d0e"
#define PROOF_2                                                          \
    "c7be120550d42b7c97f59348984fbff721be5ab223e68709fc68c358769fa788b7" \
    "df996018fa792400caede998897c04b064e10f9b161dfdde83f9a3e564a8bf"
#define PROOF_3                                                          \
    "e96c5fad2e516fb1643c5442ea6588b64388ee1e729d488fddb55c9b8574d41020" \
    "90ad81eba7aa0b8e3bacba8c41373bdf94bead341ab2bc6a605a905bed955c"
#define ASKED "2f2fc7f2e9ce13b09b84f63d54d0b4a59f4dbd46aea41da67023817e2d0c5e59"
#define ANSWERED_2                                                       \
    "eb4aebd6fd6f89bf35b4e0ec9bd87515c5c61c7482aca3453d5594c4759cf9c4fc" \
    "9677f65fd7a9afaab37d24ba3e5c0bff5c559d708edb93d20ba01eaced7c50"
#define REQUEST "1f58b9145b24d108d7ac38887338b3ea3229833b9c1e418250343f907bfd1047"
#define DH "40c3913b5f8e6c87ab7c42c49125378faa117e1812fda0d1b831ab51f6ed3be8"

static const char *const shares[] = { SHARE_1, SHARE_2, SHARE_3 };
static const char *const parts[] = { PART_1, PART_2, PART_3 };
static const char *const proofs[] = { PROOF_1, PROOF_2, PROOF_3 };

struct world {
    struct ks_officers officers;
    uint8_t shares[KS_OFFICERS_MAX][KS_P256_SCALAR_LEN];
    uint8_t sealed[48];
    struct ks_officers_case about;
    struct ks_officers_partial partials[3]; /* Python's */
    struct ks_prng prng;
};

static void deal(const char *key, const char *slope, enum ks_err want, const char *name)
{
    uint8_t coefficients[2][KS_P256_SCALAR_LEN], drawn[3][KS_P256_SCALAR_LEN];
    struct ks_officers officers = { .count = 0xa5 };

    memcpy(coefficients[0], unhex(key), KS_P256_SCALAR_LEN);
    memcpy(coefficients[1], unhex(slope), KS_P256_SCALAR_LEN);
    enum ks_err err = ks_officers_deal_with((const uint8_t(*)[KS_P256_SCALAR_LEN])coefficients, 2, 3, &officers, drawn);
    check_row(err == want && (err == KS_OK || officers.count == 0xa5), name, "%s", ks_err_name(err));
}

static void world_init(struct world *world)
{
    uint8_t coefficients[2][KS_P256_SCALAR_LEN];

    *world = (struct world) { .about.account = KS_STR(ACCOUNT) };
    memcpy(coefficients[0], unhex(KEY), KS_P256_SCALAR_LEN);
    memcpy(coefficients[1], unhex(SLOPE), KS_P256_SCALAR_LEN);
    if (ks_officers_deal_with((const uint8_t(*)[KS_P256_SCALAR_LEN])coefficients, 2, 3, &world->officers, world->shares)
        != KS_OK)
        abort();
    for (uint8_t i = 0; i < sizeof world->sealed; i++)
        world->sealed[i] = i;
    memcpy(world->about.request, unhex(REQUEST), 32);
    memcpy(world->about.slot.enc, unhex(ENC), KS_P256_POINT_LEN);
    memcpy(world->about.slot.signature, unhex(SIGNATURE), KS_P256_SIGNATURE_LEN);
    world->about.slot.sealed = ks_str(world->sealed, sizeof world->sealed);
    for (unsigned i = 0; i < 3; i++) {
        world->partials[i].officer = (uint8_t)(i + 1);
        memcpy(world->partials[i].point, unhex(parts[i]), KS_P256_POINT_LEN);
        memcpy(world->partials[i].proof, unhex(proofs[i]), KS_OFFICERS_PROOF_LEN);
    }
    ks_prng_init_number(&world->prng, 19);
}

static void known(void)
{
    struct ks_officers_slot slot;
    struct ks_officers_partial partial;
    struct world w;
    bool same;
    uint8_t dh[32];
    unsigned wrong;

    world_init(&w);
    same = is_hex(w.officers.commitments[0], KS_P256_POINT_LEN, KEY_POINT)
        && is_hex(w.officers.commitments[1], KS_P256_POINT_LEN, SLOPE_POINT);
    check_row(same, "PROTOCOL §19.1: the commitments are the coefficients' points", "others");
    same = true;
    for (unsigned i = 0; i < 3; i++)
        same = same && is_hex(w.shares[i], KS_P256_SCALAR_LEN, shares[i]);
    check_row(same, "PROTOCOL §19.1: a share is the polynomial at the officer's number", "another");
    slot = w.about.slot;
    memset(slot.signature, 0, sizeof slot.signature);
    check_row(ks_officers_slot_sign(unhex(EPHEMERAL), KS_STR(ACCOUNT), &slot) == KS_OK
            && is_hex(slot.signature, sizeof slot.signature, SIGNATURE),
        "PROTOCOL §19.2: what is signed with the slot's own key", "another signature");
    same = true;
    for (unsigned i = 0; i < 3; i++)
        same = same && ks_officers_partial(&w.prng, &w.officers, i + 1, w.shares[i], &w.about, &partial) == KS_OK
            && is_hex(partial.point, sizeof partial.point, parts[i])
            && ks_officers_partial_check(&w.officers, &w.about, &partial) == KS_OK;
    check_row(same, "PROTOCOL §19.3: an officer's part, and its proof holds", "not");
    same = true;
    for (unsigned i = 0; i < 3; i++)
        same = same && ks_officers_partial_check(&w.officers, &w.about, &w.partials[i]) == KS_OK;
    check_row(same, "PROTOCOL §19.3: so does one that Python made", "not");
    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < 3; j++) {
            struct ks_officers_partial pair[2] = { w.partials[i], w.partials[j] };
            memset(dh, 0, sizeof dh);
            if (i != j)
                check_row(ks_officers_combine(&w.officers, &w.about, pair, 2, &wrong, dh) == KS_OK
                        && is_hex(dh, sizeof dh, DH),
                    "PROTOCOL §19.4: each two, in either order, have what the key would have made", "%u and %u", i + 1,
                    j + 1);
        }
    check_row(ks_officers_combine(&w.officers, &w.about, w.partials, 3, &wrong, dh) == KS_OK && is_hex(dh, 32, DH),
        "and three have the same", "not");
    check_err("PROTOCOL §19.5: Python's proof that a share is there",
        ks_officers_prove_check(&w.officers, 2, unhex(ASKED), unhex(ANSWERED_2)), KS_OK);
}

/* --- dealing --- */

static void dealing(void)
{
    static const struct {
        const char *name;
        unsigned threshold, count;
        enum ks_err want;
    } rows[] = {
        { "2 of 2", 2, 2, KS_OK },
        { "2 of 3", 2, 3, KS_OK },
        { "3 of 5", 3, 5, KS_OK },
        { "16 of 16", 16, 16, KS_OK },
        { "2 of 16", 2, 16, KS_OK },
        { "2 of 17 is too many", 2, 17, KS_ELIMIT },
        { "1 of 3 would be no sharing", 1, 3, KS_ELIMIT },
        { "0 of 3", 0, 3, KS_ELIMIT },
        { "3 of 2 could never be used", 3, 2, KS_ELIMIT },
    };
    uint8_t drawn[KS_OFFICERS_MAX][KS_P256_SCALAR_LEN], again[KS_OFFICERS_MAX][KS_P256_SCALAR_LEN];
    struct ks_officers officers, other;
    struct ks_prng prng;
    struct world w;

    ks_prng_init_number(&prng, 7);
    for (size_t r = 0; r < KS_COUNT(rows); r++) {
        enum ks_err err = ks_officers_deal(&prng, rows[r].threshold, rows[r].count, &officers, drawn);
        bool good = err == rows[r].want && (err != KS_OK || ks_officers_check(&officers) == KS_OK);
        for (unsigned i = 0; good && err == KS_OK && i < rows[r].count; i++)
            good = ks_officers_share_check(&officers, i + 1, drawn[i]) == KS_OK;
        check_row(good, rows[r].name, "%s", ks_err_name(err));
    }
    check_row(ks_officers_deal(&prng, 2, 3, &officers, drawn) == KS_OK
            && ks_officers_deal(&prng, 2, 3, &other, again) == KS_OK
            && memcmp(officers.commitments[0], other.commitments[0], KS_P256_POINT_LEN) != 0
            && memcmp(drawn[0], again[0], KS_P256_SCALAR_LEN) != 0,
        "a second key is another", "the same");
    deal(ZERO, SLOPE, KS_ECRYPTO, "0 is no key");
    deal(KEY, ZERO, KS_ECRYPTO, "a coefficient 0 would give every officer the key");
    deal(ORDER, SLOPE, KS_ECRYPTO, "nor is the order");
    deal(ONE, ORDER_LESS_1, KS_ECRYPTO, "a share 0 would be none: here the first officer's");
    deal(ONE, TWO, KS_OK, "the same with shares that are ones");

    world_init(&w);
    check_err("Feldman: another officer's share is not his", ks_officers_share_check(&w.officers, 1, w.shares[1]),
        KS_ECRYPTO);
    check_err(
        "Feldman: the key itself is nobody's share", ks_officers_share_check(&w.officers, 1, unhex(KEY)), KS_ECRYPTO);
    check_err("Feldman: 0 is nobody's share", ks_officers_share_check(&w.officers, 1, unhex(ZERO)), KS_ECRYPTO);
    check_err("there is no officer 0", ks_officers_share_check(&w.officers, 0, unhex(KEY)), KS_ESYNTAX);
    check_err("nor one behind the last", ks_officers_share_check(&w.officers, 4, w.shares[0]), KS_ESYNTAX);
    w.officers.commitments[1][64] ^= 1;
    check_err("a commitment that is no point", ks_officers_check(&w.officers), KS_ECRYPTO);
    world_init(&w);
    w.officers.threshold = 1;
    check_err("a public file of 1 of 3", ks_officers_check(&w.officers), KS_ELIMIT);
    w.officers = (struct ks_officers) { .threshold = 2, .count = KS_OFFICERS_MAX + 1 };
    check_err("of 2 of 17", ks_officers_check(&w.officers), KS_ELIMIT);
}

/* --- attack 52: another account's slot --- */

static void slots(void)
{
    uint8_t key[KS_P256_PRIVATE_LEN], twice[KS_P256_POINT_LEN], other[48];
    struct ks_officers_partial partial = { .officer = 0xa5 };
    struct ks_officers_slot slot;
    struct world w;

    world_init(&w);
    check_err("the slot of this account", ks_officers_slot_check(KS_STR(ACCOUNT), &w.about.slot), KS_OK);
    check_err("attack 52: the same slot in another account's ring",
        ks_officers_slot_check(KS_STR("eve@klinik.example"), &w.about.slot), KS_ECRYPTO);
    check_err("attack 52: in an account whose name is longer by what follows",
        ks_officers_slot_check(KS_STR(ACCOUNT "x"), &w.about.slot), KS_ECRYPTO);
    w.about.account = KS_STR("eve@klinik.example");
    check_row(ks_officers_partial(&w.prng, &w.officers, 1, w.shares[0], &w.about, &partial) == KS_EDENIED
            && partial.officer == 0xa5,
        "attack 52: no officer computes anything of it", "he does");

    ks_p256_generate(&w.prng, key);
    slot = w.about.slot;
    check_err("attack 52: who does not have its key cannot sign it anew",
        ks_officers_slot_sign(key, w.about.account, &slot), KS_ECRYPTO);
    ks_p256_sign(key, unhex(REQUEST), slot.signature);
    check_err("nor by another key", ks_officers_slot_check(KS_STR(ACCOUNT), &slot), KS_ECRYPTO);
    slot = w.about.slot;
    if (ks_p256_plus(slot.enc, slot.enc, twice) != KS_OK)
        abort();
    memcpy(slot.enc, twice, sizeof twice);
    check_err(
        "attack 52: nor is twice the other's point signed", ks_officers_slot_check(KS_STR(ACCOUNT), &slot), KS_ECRYPTO);
    slot = w.about.slot;
    memcpy(other, w.sealed, sizeof other);
    other[47] ^= 1;
    slot.sealed = ks_str(other, sizeof other);
    check_err("what was sealed stands in what was signed", ks_officers_slot_check(KS_STR(ACCOUNT), &slot), KS_ECRYPTO);
    slot = w.about.slot;
    memset(slot.enc, 0, sizeof slot.enc);
    check_err("a slot whose point is none", ks_officers_slot_check(KS_STR(ACCOUNT), &slot), KS_ECRYPTO);
}

/* RFC 7622 §3.1 lets a bare JID have 1023 + 1 + 1023 bytes. */
static void long_accounts(void)
{
    static char name[KS_OFFICERS_ACCOUNT_MAX + 1];
    struct world w;

    memset(name, 'a', sizeof name);
    world_init(&w);
    check_row(ks_officers_slot_sign(unhex(EPHEMERAL), ks_str(name, sizeof name - 1), &w.about.slot) == KS_OK
            && ks_officers_slot_check(ks_str(name, sizeof name - 1), &w.about.slot) == KS_OK,
        "the longest account", "not");
    check_err("one longer", ks_officers_slot_check(ks_str(name, sizeof name), &w.about.slot), KS_ELIMIT);
    w.about.account = ks_str(name, sizeof name);
    check_err("in a proof, too", ks_officers_partial_check(&w.officers, &w.about, &w.partials[0]), KS_ELIMIT);
}

/* --- attack 53: one officer, and one who lies --- */

static void refuse(struct world *w, const struct ks_officers_partial *lying, const char *name)
{
    struct ks_officers_partial both[2] = { w->partials[0], *lying };
    uint8_t dh[32] = { 0xa5 };
    unsigned wrong = 99;
    enum ks_err err = ks_officers_combine(&w->officers, &w->about, both, 2, &wrong, dh);

    check_row(
        err == KS_ECRYPTO && wrong == lying->officer && dh[0] == 0xa5, name, "%s, officer %u", ks_err_name(err), wrong);
}

static void liars(void)
{
    struct ks_officers_partial lying, other;
    uint8_t point[KS_P256_POINT_LEN];
    struct world w;

    world_init(&w);
    if (ks_p256_public(unhex(TWO), point) != KS_OK)
        abort();
    lying = w.partials[1];
    memcpy(lying.point, point, sizeof point);
    refuse(&w, &lying, "attack 53: another point in the place of his");
    lying = w.partials[1];
    memcpy(lying.point, w.partials[2].point, sizeof point);
    memcpy(lying.proof, w.partials[2].proof, sizeof lying.proof);
    refuse(&w, &lying, "attack 53: another officer's part with its proof");
    for (unsigned i = 0; i < KS_OFFICERS_PROOF_LEN; i += 31) {
        lying = w.partials[1];
        lying.proof[i] ^= 1;
        refuse(&w, &lying, "attack 53: a proof with one bit turned");
    }
    lying = w.partials[1];
    memcpy(lying.proof, unhex(ZERO), 32);
    refuse(&w, &lying, "attack 53: a challenge of 0");
    lying = w.partials[1];
    memcpy(lying.proof + 32, unhex(ORDER), 32);
    refuse(&w, &lying, "attack 53: an answer that is the order");
    lying = w.partials[1];
    memset(lying.point, 0, sizeof lying.point);
    refuse(&w, &lying, "attack 53: no point at all");

    /* What was proven of another case is none of this. */
    w.about.request[31] ^= 1;
    check_err(
        "a proof is for one request", ks_officers_partial_check(&w.officers, &w.about, &w.partials[0]), KS_ECRYPTO);
    w.about.request[31] ^= 1;
    w.about.account = KS_STR("eve@klinik.example");
    check_err("for one account", ks_officers_partial_check(&w.officers, &w.about, &w.partials[0]), KS_ECRYPTO);
    w.about.account = KS_STR(ACCOUNT);
    memcpy(w.about.slot.enc, point, sizeof point);
    check_err("for one slot", ks_officers_partial_check(&w.officers, &w.about, &w.partials[0]), KS_ECRYPTO);
    world_init(&w);
    other = w.partials[0];
    other.officer = 2;
    check_err("by one officer", ks_officers_partial_check(&w.officers, &w.about, &other), KS_ECRYPTO);
    check_row(ks_officers_partial(&w.prng, &w.officers, 2, w.shares[0], &w.about, &other) == KS_ECRYPTO,
        "who has another officer's share proves nothing", "he does");
}

static void who(void)
{
    struct ks_officers_partial pair[2];
    uint8_t dh[32];
    unsigned wrong;
    struct world w;

    world_init(&w);
    check_err("attack 53: one officer is not enough",
        ks_officers_combine(&w.officers, &w.about, w.partials, 1, &wrong, dh), KS_EAGAIN);
    check_err("nor none", ks_officers_combine(&w.officers, &w.about, w.partials, 0, &wrong, dh), KS_EAGAIN);
    pair[0] = pair[1] = w.partials[0];
    check_err("attack 53: nor one twice", ks_officers_combine(&w.officers, &w.about, pair, 2, &wrong, dh), KS_ESYNTAX);
    pair[1].officer = 0;
    check_err("nor one and officer 0", ks_officers_combine(&w.officers, &w.about, pair, 2, &wrong, dh), KS_ESYNTAX);
    pair[1].officer = 4;
    check_err(
        "nor one and officer 4 of 3", ks_officers_combine(&w.officers, &w.about, pair, 2, &wrong, dh), KS_ESYNTAX);
    pair[1].officer = 0;
    check_err("who is no officer has no part", ks_officers_partial_check(&w.officers, &w.about, &pair[1]), KS_ESYNTAX);
}

/* --- the whole: what a slot seals, some open --- */

static enum ks_err open(const struct world *w, struct ks_str info, const uint8_t dh[32], uint8_t ret_ak[32])
{
    return ks_hpke_open_shared(dh, w->officers.commitments[0], w->about.slot.enc, info, KS_STR_EMPTY,
        ks_str(w->sealed, sizeof w->sealed), ret_ak);
}

/* Each single part, as it is and times the weights that it would have beside either of the others, opens nothing. */
static bool one_opens(const struct world *w, struct ks_str info, const struct ks_officers_partial *partial)
{
    uint8_t weight[KS_P256_SCALAR_LEN], point[KS_P256_POINT_LEN], ak[32];

    if (open(w, info, partial->point + 1, ak) == KS_OK)
        return true;
    for (uint32_t other = 1; other <= 3; other++) { /* j / (j - i) */
        uint8_t i[KS_P256_SCALAR_LEN], j[KS_P256_SCALAR_LEN], below[KS_P256_SCALAR_LEN];
        if (other == partial->officer)
            continue;
        ks_p256_scalar_of(partial->officer, i);
        ks_p256_scalar_of(other, j);
        if (ks_p256_scalar_subtract(j, i, below) != KS_OK || ks_p256_scalar_invert(below, below) != KS_OK
            || ks_p256_scalar_multiply(j, below, weight) != KS_OK
            || ks_p256_times(weight, partial->point, point) != KS_OK)
            abort();
        if (open(w, info, point + 1, ak) == KS_OK)
            return true;
    }
    return false;
}

static void whole(unsigned threshold, unsigned count, uint64_t seed)
{
    static const struct ks_str info = KS_STR_INIT("konsil/0 ring slot\nanna");
    struct ks_officers_partial partials[KS_OFFICERS_MAX];
    uint8_t ephemeral[KS_P256_PRIVATE_LEN], ak[32], got[32], dh[32];
    unsigned wrong;
    struct world w;
    bool good;

    world_init(&w);
    ks_prng_init_number(&w.prng, seed);
    ks_prng_bytes(&w.prng, ak, sizeof ak);
    ks_p256_generate(&w.prng, ephemeral);
    if (ks_officers_deal(&w.prng, threshold, count, &w.officers, w.shares) != KS_OK
        || ks_hpke_seal_with(
               ephemeral, w.officers.commitments[0], info, KS_STR_EMPTY, ks_str(ak, 32), w.about.slot.enc, w.sealed)
            != KS_OK
        || ks_officers_slot_sign(ephemeral, w.about.account, &w.about.slot) != KS_OK)
        abort();
    good = true;
    for (unsigned i = 0; i < count; i++) /* the last ones, from behind */
        good = good
            && ks_officers_partial(&w.prng, &w.officers, count - i, w.shares[count - i - 1], &w.about, &partials[i])
                == KS_OK;
    check_row(good && ks_officers_combine(&w.officers, &w.about, partials, threshold, &wrong, dh) == KS_OK
            && open(&w, info, dh, got) == KS_OK && memcmp(got, ak, sizeof ak) == 0,
        "PROTOCOL §19.4: what was sealed to the key, enough of them open", "%u of %u", threshold, count);
    good = true;
    for (unsigned i = 0; i < count; i++)
        good = good && !one_opens(&w, info, &partials[i]);
    check_row(good, "attack 53: no part alone opens it", "one does");
    check_err("nor do all but one", ks_officers_combine(&w.officers, &w.about, partials, threshold - 1, &wrong, dh),
        KS_EAGAIN);
}

/* --- that a share is still there --- */

static void prove(void)
{
    uint8_t nonce[KS_OFFICERS_NONCE_LEN] = { 1 }, proof[KS_OFFICERS_PROOF_LEN], again[KS_OFFICERS_PROOF_LEN];
    struct ks_officers other;
    struct world w, o;

    world_init(&w);
    world_init(&o);
    check_row(ks_officers_prove(&w.prng, &w.officers, 3, w.shares[2], nonce, proof) == KS_OK
            && ks_officers_prove_check(&w.officers, 3, nonce, proof) == KS_OK,
        "PROTOCOL §19.5: an officer proves that he has his share", "not");
    check_row(ks_officers_prove(&w.prng, &w.officers, 3, w.shares[2], nonce, again) == KS_OK
            && memcmp(proof, again, sizeof proof) != 0 && memcmp(proof + 32, again + 32, 32) != 0,
        "never twice with one nonce of the proof's, which would tell the share", "the same");
    check_err("it is another officer's", ks_officers_prove_check(&w.officers, 2, nonce, proof), KS_ECRYPTO);
    nonce[31] ^= 1;
    check_err("for another question", ks_officers_prove_check(&w.officers, 3, nonce, proof), KS_ECRYPTO);
    nonce[31] ^= 1;
    if (ks_officers_deal(&o.prng, 2, 3, &other, o.shares) != KS_OK)
        abort();
    check_err("for another key", ks_officers_prove_check(&other, 3, nonce, proof), KS_ECRYPTO);
    check_err(
        "by who does not have it", ks_officers_prove(&w.prng, &w.officers, 3, w.shares[0], nonce, proof), KS_ECRYPTO);
    check_err("by nobody", ks_officers_prove(&w.prng, &w.officers, 0, w.shares[0], nonce, proof), KS_ESYNTAX);
}

/* A machine that was put back to an earlier moment has the same chance again. Two proofs with one nonce tell the share:
 * s - s' = (c' - c) share. */
static bool tells(const uint8_t a[KS_OFFICERS_PROOF_LEN], const uint8_t b[KS_OFFICERS_PROOF_LEN], const char *share)
{
    uint8_t above[KS_P256_SCALAR_LEN], below[KS_P256_SCALAR_LEN];

    return ks_p256_scalar_subtract(a + 32, b + 32, above) == KS_OK && ks_p256_scalar_subtract(b, a, below) == KS_OK
        && ks_p256_scalar_invert(below, below) == KS_OK && ks_p256_scalar_multiply(above, below, above) == KS_OK
        && is_hex(above, sizeof above, share);
}

static void repeated_chance(void)
{
    struct ks_officers_partial first, second;
    struct world w;

    world_init(&w);
    if (ks_officers_partial(&w.prng, &w.officers, 1, w.shares[0], &w.about, &first) != KS_OK)
        abort();
    ks_prng_init_number(&w.prng, 19);
    w.about.request[0] ^= 1;
    if (ks_officers_partial(&w.prng, &w.officers, 1, w.shares[0], &w.about, &second) != KS_OK)
        abort();
    check_row(memcmp(first.proof, second.proof, 32) != 0 && !tells(first.proof, second.proof, SHARE_1),
        "two answers with the same chance do not tell the share", "they do");
    /* r = 5, c = 2 and 3: s = 5 - 2 share and 5 - 3 share. */
    uint8_t five[KS_P256_SCALAR_LEN], c[KS_P256_SCALAR_LEN], a[KS_OFFICERS_PROOF_LEN], b[KS_OFFICERS_PROOF_LEN];
    ks_p256_scalar_of(5, five);
    for (uint32_t i = 2; i <= 3; i++) {
        uint8_t *proof = i == 2 ? a : b;
        ks_p256_scalar_of(i, proof);
        if (ks_p256_scalar_multiply(proof, w.shares[0], c) != KS_OK
            || ks_p256_scalar_subtract(five, c, proof + 32) != KS_OK)
            abort();
    }
    check_row(tells(a, b, SHARE_1), "positive control: one nonce under two challenges tells it", "it does not");
}

int main(void)
{
    ks_arena_init(&arena, 1 << 22);
    if (ks_crypto_init() != KS_OK)
        return 1;
    known();
    dealing();
    slots();
    long_accounts();
    liars();
    who();
    whole(2, 3, 1);
    whole(2, 2, 2);
    whole(3, 5, 3);
    whole(5, 5, 4);
    prove();
    repeated_chance();
    ks_arena_done(&arena);
    return check_done();
}
