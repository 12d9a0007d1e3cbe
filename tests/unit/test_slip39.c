/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* SLIP-0039: its vectors, which are those of https://github.com/trezor/python-shamir-mnemonic (MIT licence), and what
 * we make of it. */
#include <jansson.h>

#include "check.h"
#include "enc.h"
#include "slip39.h"

static enum ks_err combine(
    json_t *mnemonics, const char *passphrase, uint8_t ret_secret[KS_SLIP39_SECRET_MAX], size_t *ret_len)
{
    struct ks_slip39_share shares[KS_SLIP39_SHARES_MAX];
    enum ks_err err = KS_OK;
    json_t *mnemonic;
    unsigned word;
    size_t i;

    json_array_foreach(mnemonics, i, mnemonic)
    {
        err = ks_slip39_read(ks_str_z(json_string_value(mnemonic)), &shares[i], &word);
        if (err != KS_OK)
            return err;
    }
    return ks_slip39_combine(shares, json_array_size(mnemonics), ks_str_z(passphrase), ret_secret, ret_len);
}

/* What we write of a share that was read is what was read. */
static bool same_words(json_t *mnemonics)
{
    struct ks_slip39_share share;
    json_t *mnemonic;
    bool same = true;
    unsigned word;
    size_t i;

    json_array_foreach(mnemonics, i, mnemonic)
    {
        struct ks_buf buf;
        ks_buf_init(&buf, KS_SLIP39_TEXT_MAX);
        if (ks_slip39_read(ks_str_z(json_string_value(mnemonic)), &share, &word) == KS_OK) {
            ks_slip39_write(&share, &buf);
            same = same && ks_buf_err(&buf) == KS_OK && ks_str_is(ks_buf_str(&buf), json_string_value(mnemonic));
        }
        ks_buf_done(&buf);
    }
    return same;
}

static void vectors(void)
{
    json_t *all = json_load_file(FIXTURES "/slip39_vectors.json", 0, NULL), *row;
    size_t i, good = 0;

    json_array_foreach(all, i, row)
    {
        const char *want = json_string_value(json_array_get(row, 2));
        json_t *mnemonics = json_array_get(row, 1);
        uint8_t secret[KS_SLIP39_SECRET_MAX];
        struct ks_buf got;
        size_t len = 0;

        enum ks_err err = combine(mnemonics, "TREZOR", secret, &len);
        ks_buf_init(&got, 128);
        if (err == KS_OK)
            ks_hex_add(&got, ks_str(secret, len));
        check_row((err == KS_OK) == (*want != 0) && ks_str_is(ks_buf_str(&got), want) && same_words(mnemonics),
            json_string_value(json_array_get(row, 0)), "%s, %.*s", ks_err_name(err), KS_STR_FMT(ks_buf_str(&got)));
        good += err == KS_OK;
        ks_buf_done(&got);
    }
    check_row(json_array_size(all) == 45 && good == 15, "all of them were there", "%zu, %zu of them good",
        json_array_size(all), good);
    json_decref(all);
}

/* --- the reason of a refusal --- */

#define HUMIDITY_1                                                                                                \
    "humidity disease academic always aluminum jewelry energy woman receiver strategy amuse duckling lying "      \
    "evidence network walnut tactics forget hairy rebound impulse brother survive clothes stadium mailman rival " \
    "ocean reward venture always armed unwrap"
#define DUCKLING                                                                                                    \
    "duckling enlarge academic academic agency result length solution fridge kidney coal piece deal husband erode " \
    "duke ajar critical decision keyboard"

static const struct {
    const char *name, *text;
    enum ks_err want;
    unsigned word;
} read_rows[] = {
    { "20 words", DUCKLING, KS_OK, 0 },
    { "33 words, the most that are taken", HUMIDITY_1, KS_OK, 0 },
    { "34", HUMIDITY_1 " acid", KS_ELIMIT, 0 },
    { "capitals, and more blanks than are needed",
        " Duckling ENLARGE\tacademic\nacademic  agency result length solution fridge kidney coal piece deal husband "
        "erode duke ajar critical decision keyboard\r\n",
        KS_OK, 0 },
    { "a word that is not in the list",
        "duckling enlarge academic academic agency result lenght solution fridge kidney coal piece deal husband erode "
        "duke ajar critical decision keyboard",
        KS_ESYNTAX, 7 },
    { "the beginning of one that is", "duck", KS_ESYNTAX, 1 },
    { "a word longer than any", "duckling enlargement", KS_ESYNTAX, 2 },
    { "the list's words with what stands between them", "academic acid", KS_ESYNTAX, 0 },
    { "two words in the other order, by the checksum",
        "duckling enlarge academic academic result agency length solution fridge kidney coal piece deal husband erode "
        "duke ajar critical decision keyboard",
        KS_ECRYPTO, 0 },
    { "19 words, the last one missing",
        "duckling enlarge academic academic agency result length solution fridge kidney coal piece deal husband erode "
        "duke ajar critical decision",
        KS_ESYNTAX, 0 },
    { "nothing", "", KS_ESYNTAX, 0 },
    { "blanks", " \n ", KS_ESYNTAX, 0 },
};

static void reading(void)
{
    struct ks_slip39_share share;
    unsigned word;

    for (size_t i = 0; i < KS_COUNT(read_rows); i++) {
        share.len = 0xa5;
        enum ks_err err = ks_slip39_read(ks_str_z(read_rows[i].text), &share, &word);
        check_row(err == read_rows[i].want && word == read_rows[i].word && (err == KS_OK || share.len == 0xa5),
            read_rows[i].name, "%s, word %u", ks_err_name(err), word);
    }
}

static enum ks_err again(const struct ks_slip39_share *share)
{
    struct ks_slip39_share read;
    enum ks_err err;
    struct ks_buf buf;
    unsigned word;

    ks_buf_init(&buf, KS_SLIP39_TEXT_MAX);
    ks_slip39_write(share, &buf);
    err = ks_slip39_read(ks_buf_str(&buf), &read, &word);
    if (err == KS_OK && memcmp(&read, share, sizeof read) != 0)
        err = KS_ESTATE;
    ks_buf_done(&buf);
    return err;
}

static void limits(void)
{
    struct ks_slip39_share share = { .extendable = true,
        .group = 16,
        .groups_needed = 16,
        .groups = 16,
        .member = 16,
        .needed = 16,
        .len = 32,
        .id = 32767 };

    memset(share.value, 0xff, sizeof share.value);
    share.exponent = KS_SLIP39_EXPONENT_MAX;
    check_err("the largest of all fields", again(&share), KS_OK);
    share.exponent++;
    check_err("more rounds than anybody waits for", again(&share), KS_ELIMIT);
    share.exponent = 0;
    share.groups = 15;
    check_err("more groups needed than there are", again(&share), KS_ESYNTAX);
    share.groups_needed = 1;
    check_err("a group behind the last", again(&share), KS_ESYNTAX);
}

/* --- ours --- */

static void round_trip(struct ks_prng *prng, size_t len, unsigned needed, unsigned count)
{
    struct ks_slip39_share shares[KS_SLIP39_SHARES_MAX], some[KS_SLIP39_SHARES_MAX];
    uint8_t secret[KS_SLIP39_SECRET_MAX], got[KS_SLIP39_SECRET_MAX];
    size_t got_len = 0;
    bool good;

    ks_prng_bytes(prng, secret, len);
    good = ks_slip39_split(prng, ks_str(secret, len), needed, count, shares) == KS_OK;
    for (unsigned i = 0; good && i < count; i++)
        good = again(&shares[i]) == KS_OK;
    for (unsigned first = 0; good && first < count; first++) { /* that many, from each place, backwards */
        for (unsigned i = 0; i < needed; i++)
            some[needed - 1 - i] = shares[(first + i) % count];
        good = ks_slip39_combine(some, needed, KS_STR_EMPTY, got, &got_len) == KS_OK && got_len == len
            && memcmp(secret, got, len) == 0
            && ks_slip39_combine(some, needed - 1, KS_STR_EMPTY, got, &got_len) == KS_EAGAIN;
    }
    check_row(good, "what is shared out comes back of as many as are needed, and of no fewer", "%zu bytes, %u of %u",
        len, needed, count);
}

static void sharing(void)
{
    static const struct {
        const char *name;
        size_t len;
        unsigned needed, count;
        enum ks_err want;
    } rows[] = {
        { "2 of 3 of 32 bytes", 32, 2, 3, KS_OK },
        { "34 bytes do not fit", 34, 2, 3, KS_ELIMIT },
        { "14 are too few", 14, 2, 3, KS_ELIMIT },
        { "17 are odd", 17, 2, 3, KS_ELIMIT },
        { "1 of 3 is no sharing", 32, 1, 3, KS_ELIMIT },
        { "4 of 3", 32, 4, 3, KS_ELIMIT },
        { "16 of 16", 32, 16, 16, KS_OK },
        { "2 of 17", 32, 2, 17, KS_ELIMIT },
    };
    static const size_t lens[] = { 16, 18, 20, 26, 32 };
    struct ks_slip39_share shares[KS_SLIP39_SHARES_MAX], other[KS_SLIP39_SHARES_MAX], pair[2];
    uint8_t secret[KS_SLIP39_SECRET_MAX + 2] = { 1, 2, 3 }, got[KS_SLIP39_SECRET_MAX];
    struct ks_prng prng;
    size_t len = 0;

    ks_prng_init_number(&prng, 39);
    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_err(rows[i].name,
            ks_slip39_split(&prng, ks_str(secret, rows[i].len), rows[i].needed, rows[i].count, shares), rows[i].want);
    for (size_t i = 0; i < KS_COUNT(lens); i++)
        round_trip(&prng, lens[i], 2, 3);
    round_trip(&prng, 32, 3, 5);
    round_trip(&prng, 32, 16, 16);

    if (ks_slip39_split(&prng, ks_str(secret, 32), 2, 3, shares) != KS_OK
        || ks_slip39_split(&prng, ks_str(secret, 32), 2, 3, other) != KS_OK)
        abort();
    check_row(memcmp(shares[0].value, other[0].value, 32) != 0, "the same secret is shared out in another way",
        "in the same");
    pair[0] = pair[1] = shares[1];
    check_err("a share twice is one", ks_slip39_combine(pair, 2, KS_STR_EMPTY, got, &len), KS_EEXISTS);
    pair[1].value[31] ^= 1;
    check_err("though the second differs", ks_slip39_combine(pair, 2, KS_STR_EMPTY, got, &len), KS_EEXISTS);
    pair[1] = other[0];
    check_err("of two sets", ks_slip39_combine(pair, 2, KS_STR_EMPTY, got, &len), KS_ESYNTAX);
    pair[1].id = pair[0].id;
    check_err("of two sets with one number", ks_slip39_combine(pair, 2, KS_STR_EMPTY, got, &len), KS_ECRYPTO);
    pair[1] = shares[2];
    pair[1].value[0] ^= 1;
    check_err("a share that was changed", ks_slip39_combine(pair, 2, KS_STR_EMPTY, got, &len), KS_ECRYPTO);
    check_err("one more than is needed", ks_slip39_combine(shares, 3, KS_STR_EMPTY, got, &len), KS_ESYNTAX);
    check_err("none", ks_slip39_combine(shares, 0, KS_STR_EMPTY, got, &len), KS_EAGAIN);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    vectors();
    reading();
    limits();
    sharing();
    return check_done();
}
