/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "officers.h"

#define PURPOSE_SLOT KS_STR("konsil/0 officers\n")
#define PURPOSE_DLEQ KS_STR("konsil/0 dleq\n")
#define PURPOSE_SHARE KS_STR("konsil/0 share\n")
#define PURPOSE_NONCE "konsil/0 proof nonce\n"
#define PARTS_MAX 8

typedef uint8_t scalar[KS_P256_SCALAR_LEN];
typedef uint8_t point[KS_P256_POINT_LEN];

static struct ks_str bytes_of(const uint8_t *bytes, size_t len)
{
    return ks_str(bytes, len);
}
#define POINT(p) bytes_of((p), KS_P256_POINT_LEN)

/* The generator, as its own multiple. */
static void generator(point ret_point)
{
    scalar one;
    enum ks_err err;

    ks_p256_scalar_of(1, one);
    err = ks_p256_public(one, ret_point);
    assert(err == KS_OK);
    (void)err;
}

static bool is_zero(const scalar value)
{
    static const scalar zero;

    return ks_crypto_eq(ks_str(value, KS_P256_SCALAR_LEN), ks_str(zero, KS_P256_SCALAR_LEN));
}

static enum ks_err check_limits(unsigned threshold, unsigned count)
{
    return threshold < KS_OFFICERS_THRESHOLD_MIN || threshold > count || count > KS_OFFICERS_MAX ? KS_ELIMIT : KS_OK;
}

/* --- dealing --- */

/* The polynomial at a number, by Horner's rule. */
static enum ks_err evaluate(
    const uint8_t (*coefficients)[KS_P256_SCALAR_LEN], unsigned threshold, unsigned at, scalar ret_value)
{
    enum ks_err err = KS_OK;
    scalar place, value = { 0 };

    ks_p256_scalar_of(at, place);
    for (size_t j = threshold; err == KS_OK && j-- > 0;) {
        err = ks_p256_scalar_multiply(value, place, value);
        if (err == KS_OK)
            err = ks_p256_scalar_add(value, coefficients[j], value);
    }
    if (err == KS_OK && is_zero(value))
        err = KS_ECRYPTO;
    if (err == KS_OK)
        memcpy(ret_value, value, sizeof value);
    ks_wipe(value, sizeof value);
    return err;
}

enum ks_err ks_officers_deal_with(const uint8_t (*coefficients)[KS_P256_SCALAR_LEN], unsigned threshold, unsigned count,
    struct ks_officers *ret_officers, uint8_t (*ret_shares)[KS_P256_SCALAR_LEN])
{
    struct ks_officers officers = { .threshold = (uint8_t)threshold, .count = (uint8_t)count };
    scalar shares[KS_OFFICERS_MAX];
    enum ks_err err = check_limits(threshold, count);

    for (unsigned j = 0; err == KS_OK && j < threshold; j++)
        err = ks_p256_public(coefficients[j], officers.commitments[j]);
    for (unsigned i = 0; err == KS_OK && i < count; i++)
        err = evaluate(coefficients, threshold, i + 1, shares[i]);
    if (err == KS_OK) {
        *ret_officers = officers;
        memcpy(ret_shares, shares, count * sizeof *shares);
    }
    ks_wipe(shares, sizeof shares);
    return err;
}

enum ks_err ks_officers_deal(struct ks_prng *prng, unsigned threshold, unsigned count, struct ks_officers *ret_officers,
    uint8_t (*ret_shares)[KS_P256_SCALAR_LEN])
{
    scalar coefficients[KS_OFFICERS_MAX];
    enum ks_err err = check_limits(threshold, count);

    if (err != KS_OK)
        return err;
    do { /* again if a share is 0, which one in 2^252 is */
        for (unsigned j = 0; j < threshold; j++)
            ks_p256_generate(prng, coefficients[j]);
        err = ks_officers_deal_with(
            (const uint8_t(*)[KS_P256_SCALAR_LEN])coefficients, threshold, count, ret_officers, ret_shares);
    } while (err == KS_ECRYPTO);
    ks_wipe(coefficients, sizeof coefficients);
    return err;
}

/* --- what everybody may know --- */

enum ks_err ks_officers_share_key(
    const struct ks_officers *officers, unsigned officer, uint8_t ret_key[KS_P256_POINT_LEN])
{
    enum ks_err err = check_limits(officers->threshold, officers->count);
    scalar place;
    point key;

    if (err != KS_OK)
        return err;
    if (officer < 1 || officer > officers->count)
        return KS_ESYNTAX;
    ks_p256_scalar_of(officer, place);
    memcpy(key, officers->commitments[officers->threshold - 1], sizeof key);
    for (size_t j = officers->threshold - 1u; err == KS_OK && j-- > 0;) {
        err = ks_p256_times(place, key, key);
        if (err == KS_OK)
            err = ks_p256_plus(key, officers->commitments[j], key);
    }
    if (err == KS_OK)
        memcpy(ret_key, key, sizeof key);
    return err;
}

enum ks_err ks_officers_check(const struct ks_officers *officers)
{
    enum ks_err err = check_limits(officers->threshold, officers->count);
    point key;

    for (unsigned i = 1; err == KS_OK && i <= officers->count; i++)
        err = ks_officers_share_key(officers, i, key);
    return err;
}

enum ks_err ks_officers_share_check(
    const struct ks_officers *officers, unsigned officer, const uint8_t share[KS_P256_SCALAR_LEN])
{
    point want, got;
    enum ks_err err = ks_officers_share_key(officers, officer, want);

    if (err == KS_OK)
        err = ks_p256_public(share, got);
    return err == KS_OK && memcmp(want, got, sizeof want) != 0 ? KS_ECRYPTO : err;
}

/* --- slots --- */

/* SHA-256 of purpose || field(account) || enc || SHA-256(sealed). enc stands in it, because ECDSA has signatures that
 * are good under another key for another text: a known factor or difference between the keys makes them. */
static enum ks_err slot_digest(struct ks_str account, const struct ks_officers_slot *slot, uint8_t ret_digest[32])
{
    const uint8_t len[4] = { 0, 0, (uint8_t)(account.len >> 8), (uint8_t)account.len };
    uint8_t sealed[32];
    const struct ks_str parts[] = { PURPOSE_SLOT, bytes_of(len, sizeof len), account, POINT(slot->enc),
        bytes_of(sealed, sizeof sealed) };

    if (account.len > KS_OFFICERS_ACCOUNT_MAX)
        return KS_ELIMIT;
    ks_hash(KS_SHA256, slot->sealed, sealed);
    ks_hash_parts(KS_SHA256, parts, KS_COUNT(parts), ret_digest);
    return KS_OK;
}

enum ks_err ks_officers_slot_sign(
    const uint8_t ephemeral[KS_P256_PRIVATE_LEN], struct ks_str account, struct ks_officers_slot *slot)
{
    uint8_t digest[32];
    point enc;
    enum ks_err err = ks_p256_public(ephemeral, enc);

    if (err == KS_OK && memcmp(enc, slot->enc, sizeof enc) != 0)
        err = KS_ECRYPTO;
    if (err == KS_OK)
        err = slot_digest(account, slot, digest);
    if (err == KS_OK)
        ks_p256_sign(ephemeral, digest, slot->signature);
    return err;
}

enum ks_err ks_officers_slot_check(struct ks_str account, const struct ks_officers_slot *slot)
{
    uint8_t digest[32];
    enum ks_err err = slot_digest(account, slot, digest);

    return err == KS_OK ? ks_p256_verify(slot->enc, digest, slot->signature) : err;
}

/* --- proofs --- */

/* What a proof is about, in front of the points: purpose, officer, and more. */
struct statement {
    struct ks_str parts[PARTS_MAX];
    size_t count;
    const uint8_t *bases[2], *keys[2]; /* that all keys are the same multiple of their bases */
    size_t pairs;
};

/* All points in front of the nonces', then those; NULL: none yet. */
static void hash_statement(const struct statement *about, point nonces[2], uint8_t ret_digest[32])
{
    struct ks_str parts[PARTS_MAX + 6];
    size_t count = about->count;

    memcpy(parts, about->parts, count * sizeof *parts);
    for (size_t i = 0; i < about->pairs; i++)
        parts[count++] = POINT(about->bases[i]);
    for (size_t i = 0; i < about->pairs; i++)
        parts[count++] = POINT(about->keys[i]);
    for (size_t i = 0; nonces && i < about->pairs; i++)
        parts[count++] = POINT(nonces[i]);
    ks_hash_parts(KS_SHA256, parts, count, ret_digest);
}

static void challenge(const struct statement *about, point nonces[2], scalar ret_challenge)
{
    uint8_t digest[32];

    hash_statement(about, nonces, digest);
    ks_p256_scalar_of_hash(digest, ret_challenge);
}

/* Chance, and in case that it is had twice, by a machine that was put back, what secret and statement make of it: one
 * nonce under two challenges would tell the secret. */
static enum ks_err draw_nonce(
    struct ks_prng *prng, const struct statement *about, const scalar secret, scalar ret_nonce)
{
    uint8_t text[sizeof PURPOSE_NONCE - 1 + 32] = PURPOSE_NONCE, mac[KS_HASH_MAX];
    enum ks_err err;
    scalar more;

    hash_statement(about, NULL, text + sizeof PURPOSE_NONCE - 1);
    ks_hmac(KS_SHA256, ks_str(secret, KS_P256_SCALAR_LEN), ks_str(text, sizeof text), mac);
    ks_p256_scalar_of_hash(mac, more);
    ks_p256_generate(prng, ret_nonce);
    err = ks_p256_scalar_add(ret_nonce, more, ret_nonce);
    ks_wipe(mac, sizeof mac);
    ks_wipe(more, sizeof more);
    return err == KS_OK && is_zero(ret_nonce) ? KS_EAGAIN : err;
}

/* c, and r - c secret. KS_EAGAIN: another nonce is needed, which nobody sees happen. */
static enum ks_err answer(
    const struct statement *about, const scalar secret, const scalar nonce, uint8_t ret_proof[KS_OFFICERS_PROOF_LEN])
{
    enum ks_err err = KS_OK;
    point nonces[2];
    scalar c, s;

    for (size_t i = 0; err == KS_OK && i < about->pairs; i++)
        err = ks_p256_times(nonce, about->bases[i], nonces[i]);
    if (err != KS_OK)
        return err;
    challenge(about, nonces, c);
    err = ks_p256_scalar_multiply(c, secret, s);
    if (err == KS_OK)
        err = ks_p256_scalar_subtract(nonce, s, s);
    if (err == KS_OK && (is_zero(c) || is_zero(s)))
        err = KS_EAGAIN;
    if (err == KS_OK) {
        memcpy(ret_proof, c, sizeof c);
        memcpy(ret_proof + sizeof c, s, sizeof s);
    }
    ks_wipe(s, sizeof s);
    return err;
}

static enum ks_err prove(
    struct ks_prng *prng, const struct statement *about, const scalar secret, uint8_t ret_proof[KS_OFFICERS_PROOF_LEN])
{
    enum ks_err err;
    scalar nonce;

    do {
        err = draw_nonce(prng, about, secret, nonce);
        if (err == KS_OK)
            err = answer(about, secret, nonce, ret_proof);
    } while (err == KS_EAGAIN);
    ks_wipe(nonce, sizeof nonce);
    return err;
}

/* s base + c key is the nonce's point, if the key is the base's multiple. */
static enum ks_err verify(const struct statement *about, const uint8_t proof[KS_OFFICERS_PROOF_LEN])
{
    const uint8_t *c = proof, *s = proof + KS_P256_SCALAR_LEN;
    enum ks_err err = KS_OK;
    point nonces[2], right;
    scalar again;

    for (size_t i = 0; err == KS_OK && i < about->pairs; i++) {
        err = ks_p256_times(s, about->bases[i], nonces[i]);
        if (err == KS_OK)
            err = ks_p256_times(c, about->keys[i], right);
        if (err == KS_OK)
            err = ks_p256_plus(nonces[i], right, nonces[i]);
    }
    if (err != KS_OK)
        return err;
    challenge(about, nonces, again);
    return memcmp(again, c, sizeof again) == 0 ? KS_OK : KS_ECRYPTO;
}

/* --- parts of a decryption --- */

/* What the statement's views point to. */
struct dleq {
    struct statement statement;
    point generator, key;
    uint8_t officer[2], account_len[4];
};

static enum ks_err about_partial(const struct ks_officers *officers, const struct ks_officers_case *about,
    const struct ks_officers_partial *partial, struct dleq *ret)
{
    enum ks_err err = ks_officers_share_key(officers, partial->officer, ret->key);

    if (err == KS_OK && about->account.len > KS_OFFICERS_ACCOUNT_MAX)
        err = KS_ELIMIT;
    if (err != KS_OK)
        return err;
    generator(ret->generator);
    ret->officer[0] = 0;
    ret->officer[1] = partial->officer;
    memset(ret->account_len, 0, 2);
    ret->account_len[2] = (uint8_t)(about->account.len >> 8);
    ret->account_len[3] = (uint8_t)about->account.len;
    ret->statement =
        (struct statement) { .parts = { PURPOSE_DLEQ, bytes_of(ret->officer, 2), bytes_of(ret->account_len, 4),
                                 about->account, bytes_of(about->request, sizeof about->request) },
            .count = 5,
            .bases = { ret->generator, about->slot.enc },
            .keys = { ret->key, partial->point },
            .pairs = 2 };
    return KS_OK;
}

enum ks_err ks_officers_partial(struct ks_prng *prng, const struct ks_officers *officers, unsigned officer,
    const uint8_t share[KS_P256_SCALAR_LEN], const struct ks_officers_case *about,
    struct ks_officers_partial *ret_partial)
{
    struct ks_officers_partial partial = { .officer = (uint8_t)officer };
    enum ks_err err = ks_officers_slot_check(about->account, &about->slot);
    struct dleq dleq;

    if (err == KS_ECRYPTO)
        return KS_EDENIED;
    if (err == KS_OK)
        err = ks_officers_share_check(officers, officer, share);
    if (err == KS_OK)
        err = ks_p256_times(share, about->slot.enc, partial.point);
    if (err == KS_OK)
        err = about_partial(officers, about, &partial, &dleq);
    if (err == KS_OK)
        err = prove(prng, &dleq.statement, share, partial.proof);
    if (err == KS_OK)
        *ret_partial = partial;
    ks_wipe(&partial, sizeof partial);
    return err;
}

enum ks_err ks_officers_partial_check(
    const struct ks_officers *officers, const struct ks_officers_case *about, const struct ks_officers_partial *partial)
{
    struct dleq dleq;
    enum ks_err err = about_partial(officers, about, partial, &dleq);

    return err == KS_OK ? verify(&dleq.statement, partial->proof) : err;
}

/* Lagrange's coefficient of one of the officers at 0: the product of j / (j - i) over the others. */
static enum ks_err weight(const struct ks_officers_partial *partials, size_t count, size_t which, scalar ret_weight)
{
    scalar above, below, mine, other, difference;
    enum ks_err err = KS_OK;

    ks_p256_scalar_of(partials[which].officer, mine);
    ks_p256_scalar_of(1, above);
    ks_p256_scalar_of(1, below);
    for (size_t j = 0; err == KS_OK && j < count; j++) {
        if (j == which)
            continue;
        ks_p256_scalar_of(partials[j].officer, other);
        err = ks_p256_scalar_multiply(above, other, above);
        if (err == KS_OK)
            err = ks_p256_scalar_subtract(other, mine, difference);
        if (err == KS_OK)
            err = ks_p256_scalar_multiply(below, difference, below);
    }
    if (err == KS_OK)
        err = ks_p256_scalar_invert(below, below);
    return err == KS_OK ? ks_p256_scalar_multiply(above, below, ret_weight) : err;
}

static enum ks_err check_who(
    const struct ks_officers *officers, const struct ks_officers_partial *partials, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (partials[i].officer < 1 || partials[i].officer > officers->count)
            return KS_ESYNTAX;
        for (size_t j = 0; j < i; j++)
            if (partials[j].officer == partials[i].officer)
                return KS_ESYNTAX;
    }
    return count < officers->threshold ? KS_EAGAIN : KS_OK;
}

enum ks_err ks_officers_combine(const struct ks_officers *officers, const struct ks_officers_case *about,
    const struct ks_officers_partial *partials, size_t count, unsigned *ret_wrong, uint8_t ret_dh[32])
{
    enum ks_err err = check_limits(officers->threshold, officers->count);
    point sum, part;
    scalar factor;

    *ret_wrong = 0;
    if (err == KS_OK)
        err = check_who(officers, partials, count);
    for (size_t i = 0; err == KS_OK && i < count; i++)
        if ((err = ks_officers_partial_check(officers, about, &partials[i])) == KS_ECRYPTO)
            *ret_wrong = partials[i].officer;
    for (size_t i = 0; err == KS_OK && i < officers->threshold; i++) {
        err = weight(partials, officers->threshold, i, factor);
        if (err == KS_OK)
            err = ks_p256_times(factor, partials[i].point, part);
        if (err == KS_OK && i > 0)
            err = ks_p256_plus(sum, part, sum);
        else if (err == KS_OK)
            memcpy(sum, part, sizeof sum);
    }
    if (err == KS_OK)
        memcpy(ret_dh, sum + 1, 32);
    ks_wipe(sum, sizeof sum);
    ks_wipe(part, sizeof part);
    return err;
}

/* --- that a share is there --- */

struct schnorr {
    struct statement statement;
    point generator, key;
    uint8_t officer[2];
};

static enum ks_err about_share(const struct ks_officers *officers, unsigned officer,
    const uint8_t nonce[KS_OFFICERS_NONCE_LEN], struct schnorr *ret)
{
    enum ks_err err = ks_officers_share_key(officers, officer, ret->key);

    if (err != KS_OK)
        return err;
    generator(ret->generator);
    ret->officer[0] = 0;
    ret->officer[1] = (uint8_t)officer;
    ret->statement = (struct statement) { .parts = { PURPOSE_SHARE, bytes_of(ret->officer, 2),
                                              POINT(officers->commitments[0]), bytes_of(nonce, KS_OFFICERS_NONCE_LEN) },
        .count = 4,
        .bases = { ret->generator },
        .keys = { ret->key },
        .pairs = 1 };
    return KS_OK;
}

enum ks_err ks_officers_prove(struct ks_prng *prng, const struct ks_officers *officers, unsigned officer,
    const uint8_t share[KS_P256_SCALAR_LEN], const uint8_t nonce[KS_OFFICERS_NONCE_LEN],
    uint8_t ret_proof[KS_OFFICERS_PROOF_LEN])
{
    struct schnorr schnorr;
    enum ks_err err = ks_officers_share_check(officers, officer, share);

    if (err == KS_OK)
        err = about_share(officers, officer, nonce, &schnorr);
    return err == KS_OK ? prove(prng, &schnorr.statement, share, ret_proof) : err;
}

enum ks_err ks_officers_prove_check(const struct ks_officers *officers, unsigned officer,
    const uint8_t nonce[KS_OFFICERS_NONCE_LEN], const uint8_t proof[KS_OFFICERS_PROOF_LEN])
{
    struct schnorr schnorr;
    enum ks_err err = about_share(officers, officer, nonce, &schnorr);

    return err == KS_OK ? verify(&schnorr.statement, proof) : err;
}
