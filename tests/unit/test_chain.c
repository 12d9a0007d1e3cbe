/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "chain.h"
#include "check.h"
#include "prng.h"

/* What a numbering is after a list of numbers, as text: base-top, then gaps. */
static struct ks_str shown(const struct ks_chain *chain, char text[256])
{
    int len = snprintf(text, 256, "%llu-%llu", (unsigned long long)chain->base, (unsigned long long)chain->top);

    for (size_t i = 0; i < chain->gap_count; i++)
        len += snprintf(text + len, 256 - (size_t)len, " %llu-%llu", (unsigned long long)chain->gaps[i].from,
            (unsigned long long)chain->gaps[i].to);
    return ks_str(text, (size_t)len);
}

static const struct {
    const char *name;
    uint64_t numbers[8];
    enum ks_chain_verdict last;
    const char *want;
} rows[] = {
    { "PROTOCOL §6.2: the first number is the base, whatever it is", { 5 }, KS_CHAIN_NEXT, "5-5" },
    { "PROTOCOL §6.2: the next number follows", { 1, 2 }, KS_CHAIN_NEXT, "1-2" },
    { "PROTOCOL §6.3: a number ahead opens a gap", { 1, 4 }, KS_CHAIN_AHEAD, "1-4 2-3" },
    { "PROTOCOL §6.3: a gap is filled from its end", { 1, 4, 3 }, KS_CHAIN_FILLS, "1-4 2-2" },
    { "PROTOCOL §6.3: a gap is filled from its start", { 1, 4, 2 }, KS_CHAIN_FILLS, "1-4 3-3" },
    { "PROTOCOL §6.3: a gap is filled from its middle", { 1, 5, 3 }, KS_CHAIN_FILLS, "1-5 2-2 4-4" },
    { "PROTOCOL §6.3: a gap is closed", { 1, 3, 2 }, KS_CHAIN_FILLS, "1-3" },
    { "PROTOCOL §6.2: a number that is here is a repetition", { 1, 2, 1 }, KS_CHAIN_DUPLICATE, "1-2" },
    { "PROTOCOL §6.2: a number below base lowers it", { 5, 4 }, KS_CHAIN_FILLS, "4-5" },
    { "PROTOCOL §6.2: and leaves a gap between", { 5, 2 }, KS_CHAIN_FILLS, "2-5 3-4" },
};

static void test_rows(void)
{
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_chain chain = { .base = 0 };
        enum ks_chain_verdict verdict = KS_CHAIN_NEXT;
        char text[256];
        struct ks_str got;

        for (size_t j = 0; rows[i].numbers[j]; j++)
            verdict = ks_chain_take(&chain, rows[i].numbers[j]);
        got = shown(&chain, text);
        check_row(verdict == rows[i].last && ks_str_is(got, rows[i].want), rows[i].name, "%d, %.*s", verdict,
            KS_STR_FMT(got));
    }
}

static void test_close(void)
{
    struct ks_chain chain = { .base = 0 };
    char text[256];

    (void)ks_chain_take(&chain, 1);
    (void)ks_chain_take(&chain, 10);
    ks_chain_close(&chain, (struct ks_range) { 4, 6 });
    check_str("PROTOCOL §6.3: what will not come is no gap any more", shown(&chain, text), KS_STR("1-10 2-3 7-9"));
    check_row(ks_chain_missing(&chain) == 5, "what is missing is counted", "%llu",
        (unsigned long long)ks_chain_missing(&chain));
    check_row(!ks_chain_has(&chain, 5), "PROTOCOL §6.3: and is not here either", "it is said to be");
    check_row(ks_chain_take(&chain, 5) == KS_CHAIN_FILLS && ks_chain_has(&chain, 5), "unless it comes all the same",
        "it does not count");
    ks_chain_close(&chain, (struct ks_range) { 1, 100 });
    check_str("closing more than is missing closes all", shown(&chain, text), KS_STR("1-10"));
    ks_chain_expect(&chain, (struct ks_range) { 11, 12 });
    check_str("PROTOCOL §6.3: numbers of an epoch that ended are gaps", shown(&chain, text), KS_STR("1-12 11-12"));
}

/* What a receipt says of a numbering, as text: from-to, then what it excepts. */
static struct ks_str said(const struct ks_chain *chain, size_t max, char text[256])
{
    struct ks_range except[KS_CHAIN_GAPS_MAX];
    uint64_t from, to = ks_chain_greatest(chain);
    size_t count = ks_chain_except(chain, to, except, max, &from);
    int len = snprintf(text, 256, "%llu-%llu", (unsigned long long)from, (unsigned long long)to);

    for (size_t i = 0; i < count; i++)
        len += snprintf(text + len, 256 - (size_t)len, " %llu-%llu", (unsigned long long)except[i].from,
            (unsigned long long)except[i].to);
    return ks_str(text, (size_t)len);
}

static void test_receipt(void)
{
    struct ks_chain chain = { .base = 0 };
    char text[256];
    size_t false_ones = 0;

    (void)ks_chain_take(&chain, 1);
    (void)ks_chain_take(&chain, 10);
    (void)ks_chain_take(&chain, 12);
    check_str("PROTOCOL §7.1: a receipt excepts what is missing", said(&chain, 8, text), KS_STR("1-12 2-9 11-11"));
    ks_chain_close(&chain, (struct ks_range) { 2, 4 });
    check_str("PROTOCOL §7.1: and what will not come", said(&chain, 8, text), KS_STR("1-12 2-9 11-11"));
    check_str("PROTOCOL §7.1: of what has no place nothing is said", said(&chain, 1, text), KS_STR("10-12 11-11"));
    ks_chain_close(&chain, (struct ks_range) { 11, 11 });
    ks_chain_expect(&chain, (struct ks_range) { 13, 15 });
    ks_chain_close(&chain, (struct ks_range) { 14, 15 });
    check_str("PROTOCOL §7.1: nor does it reach past what is here", said(&chain, 8, text), KS_STR("1-12 2-9 11-11"));
    ks_chain_close(&chain, (struct ks_range) { 1, 100 });
    check_row(chain.gone_count == 3, "PROTOCOL §6.3: neighbours that are gone are one range", "%zu", chain.gone_count);

    memset(&chain, 0, sizeof(chain));
    for (uint64_t n = 1; n <= 8 * KS_CHAIN_GAPS_MAX; n += 2)
        (void)ks_chain_take(&chain, n);
    for (uint64_t n = 2; n <= 8 * KS_CHAIN_GAPS_MAX; n += 2)
        false_ones += ks_chain_has(&chain, n);
    check_row(false_ones == 0 && !ks_chain_has(&chain, 2) && chain.gap_count == KS_CHAIN_GAPS_MAX,
        "PROTOCOL §7.1: more gaps than are kept: none of them counts as here", "%zu do", false_ones);
}

/* Against a model that keeps a flag for each number. */
static void test_model(void)
{
    enum { NUMBERS = 100 };
    struct ks_prng prng;
    size_t wrong = 0;

    ks_prng_init_number(&prng, 7);
    for (int round = 0; round < 200; round++) {
        struct ks_chain chain = { .base = 0 };
        bool here[NUMBERS + 1] = { false };
        uint64_t base = 0, top = 0;

        for (int step = 0; step < 60; step++) {
            uint64_t n = 1 + ks_prng_below(&prng, NUMBERS);
            bool known = here[n];

            if ((ks_chain_take(&chain, n) == KS_CHAIN_DUPLICATE) != known)
                wrong++;
            here[n] = true;
            base = base && base < n ? base : n;
            top = top > n ? top : n;
        }
        for (uint64_t n = 1; n <= NUMBERS; n++)
            if (ks_chain_has(&chain, n) != here[n])
                wrong++;
        if (chain.base != base || chain.top != top)
            wrong++;
    }
    check_row(
        wrong == 0, "12,000 numbers in any order: the chain knows what a list of flags knows", "%zu differ", wrong);
}

/* Its lists are written and read again after each step, as between two steps of the engine. */
static void test_full(void)
{
    enum { NUMBERS = 600, STEPS = 3000 };
    static bool here[NUMBERS + 1];
    struct ks_chain chain = { .base = 0 }, again = { .base = 0 };
    struct ks_prng prng;
    size_t unread = 0, claimed = 0, full = 0;

    ks_prng_init_number(&prng, 9);
    for (int life = 0; life < 20; life++) {
        chain = (struct ks_chain) { .base = 0 };
        memset(here, 0, sizeof here);
        for (int step = 0; step < STEPS; step++) {
            uint64_t n = 1 + ks_prng_below(&prng, NUMBERS);
            struct ks_buf record;

            if (ks_prng_below(&prng, 3) == 0) {
                (void)ks_chain_take(&chain, n);
                here[n] = true;
            } else {
                ks_chain_close(&chain, (struct ks_range) { n, n + ks_prng_below(&prng, 2) });
            }
            full += chain.gone_count == KS_CHAIN_GAPS_MAX;
            ks_buf_init(&record, 16384);
            ks_chain_encode(&record, &chain);
            unread += ks_chain_decode(ks_buf_str(&record), &again) != KS_OK;
            ks_buf_done(&record);
        }
        for (uint64_t n = 1; n <= NUMBERS; n++)
            claimed += ks_chain_has(&chain, n) && !here[n];
    }
    check_row(full > 0 && unread == 0, "with all places in use, whatever comes and goes, the record can be read",
        "%zu of %zu cannot, %zu full", unread, (size_t)20 * STEPS, full);
    check_row(claimed == 0, "and nothing is said to be here that did not come", "%zu are", claimed);
}

static void test_record(void)
{
    struct ks_chain chain = { .base = 0 }, again = { .base = 0 };
    struct ks_buf record;
    size_t refused = 0;

    for (uint64_t n = 1; n < 2 * KS_CHAIN_GAPS_MAX + 20; n += 2)
        (void)ks_chain_take(&chain, n);
    check_row(chain.gap_count == KS_CHAIN_GAPS_MAX, "more gaps than are kept: the oldest are given up", "%zu",
        chain.gap_count);
    chain.stored = 3;
    chain.displayed = 2;
    chain.read = 1;
    chain.owed = chain.asked = true;
    ks_buf_init(&record, 16384);
    ks_chain_encode(&record, &chain);
    check_err("a record is read", ks_chain_decode(ks_buf_str(&record), &again), KS_OK);
    check_row(memcmp(&chain, &again, sizeof(chain)) == 0, "as it was written", "it differs");
    for (size_t len = 0; len < record.len; len++)
        refused += ks_chain_decode(ks_str_head(ks_buf_str(&record), len), &again) == KS_ESTORE;
    check_row(refused == record.len, "a record that was cut is damaged, wherever", "%zu of %zu", refused, record.len);
    record.ptr[0] = 1;
    again = (struct ks_chain) { .base = 0 };
    check_row(ks_chain_decode(ks_buf_str(&record), &again) == KS_OK && again.gap_count == chain.gap_count
            && again.gone_count == 0,
        "a record of the first version had nothing that is gone", "it is not read");
    record.ptr[0] = 3;
    check_err(
        "a record of a newer version is refused as such", ks_chain_decode(ks_buf_str(&record), &again), KS_EVERSION);
    ks_buf_done(&record);
}

int main(void)
{
    test_rows();
    test_close();
    test_receipt();
    test_model();
    test_full();
    test_record();
    return check_done();
}
