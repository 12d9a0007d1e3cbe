/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "slip39.h"

#include "slip39_words.h"

#define WORD_BITS 10
#define HEAD_WORDS 4
#define CHECK_WORDS 3
#define WORDS_MIN 20
#define PADDING_MAX 8
#define DIGEST_LEN 4
#define AT_DIGEST 254 /* where the polynomials have the digest, and the secret */
#define AT_SECRET 255
#define ROUNDS 4
#define HALF (KS_SLIP39_WORDS / 2) /* of the list */
#define ROUND_ITERATIONS 2500

/* --- GF(256), modulo x^8 + x^4 + x^3 + x + 1 --- */

static uint8_t times(uint8_t a, uint8_t b)
{
    unsigned product = 0, shifted = a;

    for (unsigned i = 0; i < 8; i++) {
        product ^= shifted & (0u - (b >> i & 1u));
        shifted = (shifted << 1) ^ (0x11bu & (0u - (shifted >> 7 & 1u)));
    }
    return (uint8_t)product;
}

/* a^254 */
static uint8_t inverse(uint8_t a)
{
    uint8_t power = 1;

    for (unsigned i = 0; i < 7; i++) {
        power = times(times(power, power), a);
    }
    return times(power, power);
}

struct place {
    uint8_t x;
    const uint8_t *y;
};

/* Lagrange's formula. x and places[].x are known to all. */
static void interpolate(const struct place *places, size_t count, uint8_t x, size_t len, uint8_t *ret_y)
{
    uint8_t sum[KS_SLIP39_SECRET_MAX] = { 0 };

    for (size_t i = 0; i < count; i++) {
        uint8_t above = 1, below = 1;
        for (size_t j = 0; j < count; j++)
            if (j != i) {
                above = times(above, x ^ places[j].x);
                below = times(below, places[i].x ^ places[j].x);
            }
        uint8_t weight = times(above, inverse(below));
        for (size_t k = 0; k < len; k++)
            sum[k] ^= times(places[i].y[k], weight);
    }
    memcpy(ret_y, sum, len);
    ks_wipe(sum, sizeof sum);
}

/* --- one level of sharing --- */

static void digest_of(const uint8_t *secret, const uint8_t *random, size_t len, uint8_t ret_digest[DIGEST_LEN])
{
    uint8_t mac[KS_HASH_MAX];

    ks_hmac(KS_SHA256, ks_str(random, len - DIGEST_LEN), ks_str(secret, len), mac);
    memcpy(ret_digest, mac, DIGEST_LEN);
    ks_wipe(mac, sizeof mac);
}

/* RecoverSecret of exactly as many places as are needed. */
static enum ks_err recover(const struct place *places, size_t count, size_t len, uint8_t *ret_secret)
{
    uint8_t secret[KS_SLIP39_SECRET_MAX], digest[KS_SLIP39_SECRET_MAX], want[DIGEST_LEN];
    enum ks_err err = KS_OK;

    if (count == 1) {
        memmove(ret_secret, places[0].y, len);
        return KS_OK;
    }
    interpolate(places, count, AT_SECRET, len, secret);
    interpolate(places, count, AT_DIGEST, len, digest);
    digest_of(secret, digest + DIGEST_LEN, len, want);
    if (!ks_crypto_eq(ks_str(want, DIGEST_LEN), ks_str(digest, DIGEST_LEN)))
        err = KS_ECRYPTO;
    else
        memcpy(ret_secret, secret, len);
    ks_wipe(secret, sizeof secret);
    ks_wipe(digest, sizeof digest);
    return err;
}

/* --- encryption: four rounds of Feistel --- */

/* left ^= PBKDF2(round || passphrase, prefix || right) */
static void feistel(
    const struct ks_slip39_share *set, unsigned round, struct ks_str passphrase, const uint8_t *right, uint8_t *left)
{
    uint8_t password[1 + KS_SLIP39_PASSPHRASE_MAX], salt[8 + KS_SLIP39_SECRET_MAX / 2] = "shamir", key[KS_HASH_MAX];
    size_t half = set->len / 2u, prefix = set->extendable ? 0 : 8;

    password[0] = (uint8_t)round;
    if (passphrase.len)
        memcpy(password + 1, passphrase.ptr, passphrase.len);
    salt[6] = (uint8_t)(set->id >> 8);
    salt[7] = (uint8_t)set->id;
    memcpy(salt + prefix, right, half);
    ks_pbkdf2(KS_SHA256, ks_str(password, 1 + passphrase.len), ks_str(salt, prefix + half),
        (uint32_t)ROUND_ITERATIONS << set->exponent, key);
    for (size_t i = 0; i < half; i++)
        left[i] ^= key[i];
    ks_wipe(password, sizeof password);
    ks_wipe(salt, sizeof salt);
    ks_wipe(key, sizeof key);
}

static void crypt_secret(
    const struct ks_slip39_share *set, bool encrypt, struct ks_str passphrase, const uint8_t *in, uint8_t *ret_out)
{
    uint8_t halves[2][KS_SLIP39_SECRET_MAX / 2];
    size_t half = set->len / 2u;

    memcpy(halves[0], in, half);
    memcpy(halves[1], in + half, half);
    for (unsigned i = 0; i < ROUNDS; i++) /* they change places by their numbers */
        feistel(set, encrypt ? i : ROUNDS - 1 - i, passphrase, halves[1 - i % 2], halves[i % 2]);
    memcpy(ret_out, halves[1], half);
    memcpy(ret_out + half, halves[0], half);
    ks_wipe(halves, sizeof halves);
}

enum ks_err ks_slip39_split(
    struct ks_prng *prng, struct ks_str secret, unsigned needed, unsigned count, struct ks_slip39_share *ret_shares)
{
    struct ks_slip39_share set = { .extendable = true,
        .group = 1,
        .groups_needed = 1,
        .groups = 1,
        .needed = (uint8_t)needed,
        .len = (uint8_t)secret.len };
    uint8_t sealed[KS_SLIP39_SECRET_MAX], digest[KS_SLIP39_SECRET_MAX];
    struct place places[KS_SLIP39_SHARES_MAX];

    if (needed < 2 || needed > count || count > KS_SLIP39_SHARES_MAX || secret.len < KS_SLIP39_SECRET_MIN
        || secret.len > KS_SLIP39_SECRET_MAX || secret.len % 2)
        return KS_ELIMIT;
    set.id = (uint16_t)ks_prng_below(prng, 1u << 15);
    crypt_secret(&set, true, KS_STR_EMPTY, (const uint8_t *)secret.ptr, sealed);
    ks_prng_bytes(prng, digest + DIGEST_LEN, secret.len - DIGEST_LEN);
    digest_of(sealed, digest + DIGEST_LEN, secret.len, digest);
    places[0] = (struct place) { AT_SECRET, sealed };
    places[1] = (struct place) { AT_DIGEST, digest };
    for (unsigned i = 0; i < count; i++) {
        ret_shares[i] = set;
        ret_shares[i].member = (uint8_t)(i + 1);
        if (i + 2 < needed) {
            ks_prng_bytes(prng, ret_shares[i].value, secret.len);
            places[2 + i] = (struct place) { (uint8_t)i, ret_shares[i].value };
        } else {
            interpolate(places, needed, (uint8_t)i, secret.len, ret_shares[i].value);
        }
    }
    ks_wipe(sealed, sizeof sealed);
    ks_wipe(digest, sizeof digest);
    return KS_OK;
}

/* --- checksum --- */

static uint32_t checksum_add(uint32_t checksum, uint32_t value)
{
    static const uint32_t generator[WORD_BITS] = { 0xe0e040, 0x1c1c080, 0x3838100, 0x7070200, 0xe0e0009, 0x1c0c2412,
        0x38086c24, 0x3090fc48, 0x21b1f890, 0x3f3f120 };
    uint32_t top = checksum >> 20;

    checksum = (checksum & 0xfffff) << 10 ^ value;
    for (unsigned i = 0; i < WORD_BITS; i++)
        checksum ^= generator[i] & (0u - (top >> i & 1u));
    return checksum;
}

/* Of words, the checksum's own among them; 1 if that is right. */
static uint32_t checksum_of(bool extendable, const uint16_t *words, size_t count)
{
    struct ks_str begin = extendable ? KS_STR("shamir_extendable") : KS_STR("shamir");
    uint32_t checksum = 1;

    for (size_t i = 0; i < begin.len; i++)
        checksum = checksum_add(checksum, (uint8_t)begin.ptr[i]);
    for (size_t i = 0; i < count; i++)
        checksum = checksum_add(checksum, words[i]);
    return checksum;
}

/* --- words --- */

static struct ks_str word_at(size_t number)
{
    struct ks_str left = ks_str_z(ks_slip39_words[number / HALF]), word = KS_STR_EMPTY;

    for (size_t i = 0; i <= number % HALF; i++) {
        bool more = ks_str_cut(&left, ' ', &word);
        assert(more);
        (void)more;
    }
    return word;
}

/* KS_SLIP39_WORDS: it is not in the list. */
static uint16_t number_of(struct ks_str typed)
{
    struct ks_str left, word;
    char lower[KS_SLIP39_WORD_MAX];
    uint16_t number = 0;

    if (typed.len > sizeof lower)
        return KS_SLIP39_WORDS;
    for (size_t i = 0; i < typed.len; i++)
        lower[i] = (char)(typed.ptr[i] >= 'A' && typed.ptr[i] <= 'Z' ? typed.ptr[i] - 'A' + 'a' : typed.ptr[i]);
    for (size_t half = 0; half < KS_COUNT(ks_slip39_words) && number == half * HALF; half++) {
        left = ks_str_z(ks_slip39_words[half]);
        while (ks_str_cut(&left, ' ', &word) && !ks_str_eq(word, ks_str(lower, typed.len)))
            number++;
    }
    ks_wipe(lower, sizeof lower);
    return number;
}

static size_t value_words(size_t len)
{
    return (len * 8 + WORD_BITS - 1) / WORD_BITS;
}

void ks_slip39_write(const struct ks_slip39_share *share, struct ks_buf *buf)
{
    size_t value_count = value_words(share->len), count = HEAD_WORDS + value_count + CHECK_WORDS;
    const uint32_t front = (uint32_t)share->id << 5 | (uint32_t)share->extendable << 4 | share->exponent;
    const uint32_t behind = (uint32_t)(share->group - 1) << 16 | (uint32_t)(share->groups_needed - 1) << 12
        | (uint32_t)(share->groups - 1) << 8 | (uint32_t)(share->member - 1) << 4 | (uint32_t)(share->needed - 1);
    uint16_t words[KS_SLIP39_WORDS_MAX] = { (uint16_t)(front >> 10), front & 1023, (uint16_t)(behind >> 10 & 1023),
        behind & 1023 };
    size_t padding = value_count * WORD_BITS - share->len * 8u;

    assert(share->len <= KS_SLIP39_SECRET_MAX);
    for (size_t bit = 0; bit < share->len * 8u; bit++)
        words[HEAD_WORDS + (bit + padding) / WORD_BITS] |=
            (uint16_t)((share->value[bit / 8] >> (7 - bit % 8) & 1) << (WORD_BITS - 1 - (bit + padding) % WORD_BITS));
    uint32_t checksum = checksum_of(share->extendable, words, count) ^ 1; /* its own words are 0 */
    for (size_t i = 0; i < CHECK_WORDS; i++)
        words[count - CHECK_WORDS + i] = checksum >> WORD_BITS * (CHECK_WORDS - 1 - i) & 1023;
    for (size_t i = 0; i < count; i++) {
        if (i)
            ks_buf_byte(buf, ' ');
        ks_buf_add(buf, word_at(words[i]));
    }
    ks_wipe(words, sizeof words);
}

static enum ks_err read_words(
    struct ks_str text, uint16_t words[KS_SLIP39_WORDS_MAX], size_t *ret_count, unsigned *ret_word)
{
    static const char blanks[] = " \t\r\n";
    size_t count = 0, at = 0;

    *ret_word = 0;
    while (at < text.len) {
        size_t start = at;
        while (at < text.len && !memchr(blanks, text.ptr[at], sizeof blanks - 1))
            at++;
        if (at > start) {
            if (count == KS_SLIP39_WORDS_MAX)
                return KS_ELIMIT;
            words[count++] = number_of(ks_str(text.ptr + start, at - start));
            if (words[count - 1] == KS_SLIP39_WORDS) {
                *ret_word = (unsigned)count;
                return KS_ESYNTAX;
            }
        }
        at++;
    }
    *ret_count = count;
    return KS_OK;
}

static enum ks_err read_share(const uint16_t *words, size_t count, struct ks_slip39_share *share)
{
    size_t bits = count >= WORDS_MIN ? (count - HEAD_WORDS - CHECK_WORDS) * WORD_BITS : 0, padding = bits % 16;
    uint32_t behind;

    if (!bits || padding > PADDING_MAX)
        return KS_ESYNTAX;
    *share = (struct ks_slip39_share) { .id = (uint16_t)(words[0] << 5 | words[1] >> 5),
        .extendable = words[1] >> 4 & 1,
        .exponent = words[1] & 15,
        .len = (uint8_t)((bits - padding) / 8) };
    if (checksum_of(share->extendable, words, count) != 1)
        return KS_ECRYPTO;
    behind = (uint32_t)words[2] << 10 | words[3];
    share->group = (uint8_t)((behind >> 16 & 15) + 1);
    share->groups_needed = (uint8_t)((behind >> 12 & 15) + 1);
    share->groups = (uint8_t)((behind >> 8 & 15) + 1);
    share->member = (uint8_t)((behind >> 4 & 15) + 1);
    share->needed = (uint8_t)((behind & 15) + 1);
    if (words[HEAD_WORDS] >> (WORD_BITS - padding) || share->groups_needed > share->groups
        || share->group > share->groups)
        return KS_ESYNTAX;
    for (size_t bit = 0; bit < share->len * 8u; bit++)
        share->value[bit / 8] |=
            (uint8_t)((words[HEAD_WORDS + (bit + padding) / WORD_BITS] >> (WORD_BITS - 1 - (bit + padding) % WORD_BITS)
                          & 1)
                << (7 - bit % 8));
    return share->exponent > KS_SLIP39_EXPONENT_MAX ? KS_ELIMIT : KS_OK;
}

enum ks_err ks_slip39_read(struct ks_str text, struct ks_slip39_share *ret_share, unsigned *ret_word)
{
    uint16_t words[KS_SLIP39_WORDS_MAX];
    struct ks_slip39_share share = { 0 };
    size_t count = 0;
    enum ks_err err = read_words(text, words, &count, ret_word);

    if (err == KS_OK)
        err = read_share(words, count, &share);
    if (err == KS_OK)
        *ret_share = share;
    ks_wipe(words, sizeof words);
    ks_wipe(&share, sizeof share);
    return err;
}

/* --- putting together --- */

static bool same_set(const struct ks_slip39_share *a, const struct ks_slip39_share *b)
{
    return a->id == b->id && a->extendable == b->extendable && a->exponent == b->exponent
        && a->groups_needed == b->groups_needed && a->groups == b->groups && a->len == b->len
        && (a->group != b->group || a->needed == b->needed);
}

static enum ks_err check_set(const struct ks_slip39_share *shares, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            if (!same_set(&shares[i], &shares[j]))
                return KS_ESYNTAX;
            if (shares[i].group == shares[j].group && shares[i].member == shares[j].member)
                return KS_EEXISTS;
        }
    return count ? KS_OK : KS_EAGAIN;
}

/* The group's own share, of its members'. KS_ENOTFOUND: none of it is here. */
static enum ks_err recover_group(const struct ks_slip39_share *shares, size_t count, unsigned group, uint8_t *ret_value)
{
    struct place places[KS_SLIP39_SHARES_MAX];
    size_t members = 0;
    unsigned needed = 0;

    for (size_t i = 0; i < count; i++)
        if (shares[i].group == group) {
            places[members++] = (struct place) { (uint8_t)(shares[i].member - 1), shares[i].value };
            needed = shares[i].needed;
        }
    if (!members)
        return KS_ENOTFOUND;
    if (members != needed)
        return members < needed ? KS_EAGAIN : KS_ESYNTAX;
    return recover(places, members, shares[0].len, ret_value);
}

enum ks_err ks_slip39_combine(
    const struct ks_slip39_share *shares, size_t count, struct ks_str passphrase, uint8_t *ret_secret, size_t *ret_len)
{
    uint8_t values[KS_SLIP39_SHARES_MAX][KS_SLIP39_SECRET_MAX], sealed[KS_SLIP39_SECRET_MAX];
    struct place places[KS_SLIP39_SHARES_MAX];
    size_t groups = 0;
    enum ks_err err = KS_OK;

    if (passphrase.len > KS_SLIP39_PASSPHRASE_MAX)
        return KS_ELIMIT;
    if (count > KS_SLIP39_SHARES_MAX)
        return KS_ESYNTAX;
    if ((err = check_set(shares, count)) != KS_OK)
        return err;
    for (unsigned group = 1; err == KS_OK && group <= KS_SLIP39_SHARES_MAX; group++) {
        err = recover_group(shares, count, group, values[groups]);
        if (err == KS_OK) {
            places[groups] = (struct place) { (uint8_t)(group - 1), values[groups] };
            groups++;
        } else if (err == KS_ENOTFOUND) {
            err = KS_OK;
        }
    }
    if (err == KS_OK && groups != shares[0].groups_needed)
        err = groups < shares[0].groups_needed ? KS_EAGAIN : KS_ESYNTAX;
    if (err == KS_OK)
        err = recover(places, groups, shares[0].len, sealed);
    if (err == KS_OK) {
        crypt_secret(&shares[0], false, passphrase, sealed, ret_secret);
        *ret_len = shares[0].len;
    }
    ks_wipe(values, sizeof values);
    ks_wipe(sealed, sizeof sealed);
    return err;
}
