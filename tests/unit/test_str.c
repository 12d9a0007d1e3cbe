/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "failmalloc.h"
#include "str.h"

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void order(void)
{
    static const struct {
        const char *name, *a, *b;
        int want;
        bool starts, ends; /* a starts, ends with b */
    } table[] = {
        { "str.h: equal texts", "anna", "anna", 0, true, true },
        { "str.h: a prefix comes first", "ann", "anna", -1, false, false },
        { "str.h: and the longer one after it", "anna", "ann", 1, true, false },
        { "str.h: bytes are compared without sign", "\xc3\xa4", "z", 1, false, false },
        { "str.h: the empty text comes before all", "", "a", -1, false, false },
        { "str.h: and is in all of them", "a", "", 1, true, true },
        { "str.h: two empty texts are equal", "", "", 0, true, true },
        { "str.h: a suffix", "anna", "na", -1, false, true },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        struct ks_str a = ks_str_z(table[i].a), b = ks_str_z(table[i].b);
        int order = sign(ks_str_cmp(a, b));
        check_row(order == table[i].want && sign(ks_str_cmp(b, a)) == -order && ks_str_eq(a, b) == (order == 0)
                && ks_str_is(a, table[i].b) == (order == 0) && ks_str_starts(a, b) == table[i].starts
                && ks_str_ends(a, b) == table[i].ends,
            table[i].name, "order %d, starts %d, ends %d", order, ks_str_starts(a, b), ks_str_ends(a, b));
    }
    check_row(ks_str_eq(KS_STR_EMPTY, KS_STR("")) && ks_str_cmp(KS_STR_EMPTY, KS_STR("")) == 0,
        "str.h: an empty text without pointer equals one with", "they differ");
    check_row(ks_str_eq(KS_STR("a\0b"), ks_str("a\0b", 3)) && !ks_str_eq(KS_STR("a\0b"), KS_STR("a\0c")),
        "str.h: a zero is a byte like others", "it ends the text");
    check_row(ks_str_z(NULL).len == 0, "str.h: NULL is the empty text", "it is not");
}

static void pieces(void)
{
    static const struct {
        const char *name, *text;
        size_t start;
        const char *from, *head;
    } table[] = {
        { "str.h: from the start is all", "anna", 0, "anna", "" },
        { "str.h: in the middle it splits", "anna", 2, "na", "an" },
        { "str.h: at the end nothing is left", "anna", 4, "", "anna" },
        { "str.h: behind the end it is clamped", "anna", 99, "", "anna" },
        { "str.h: at the end of size_t too", "anna", SIZE_MAX, "", "anna" },
        { "str.h: nothing can be cut off nothing", "", 1, "", "" },
    };
    static const struct {
        const char *name, *text, *want;
    } trims[] = {
        { "str.h: blanks go at both ends", " \t\r\n a b \n\t\r ", "a b" },
        { "str.h: a text of blanks is empty", " \r\n\t", "" },
        { "str.h: an empty text stays empty", "", "" },
        { "str.h: a no-break space is no blank", "\xc2\xa0x", "\xc2\xa0x" },
        { "str.h: a vertical tab is none either", "\vx\f", "\vx\f" },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        struct ks_str text = ks_str_z(table[i].text);
        check_row(ks_str_is(ks_str_from(text, table[i].start), table[i].from)
                && ks_str_is(ks_str_head(text, table[i].start), table[i].head),
            table[i].name, "got something else for \"%s\"", table[i].text);
    }
    for (size_t i = 0; i < KS_COUNT(trims); i++)
        check_str(trims[i].name, ks_str_trim(ks_str_z(trims[i].text)), ks_str_z(trims[i].want));
}

static void search(void)
{
    static const struct {
        const char *name, *text, *needle;
        size_t want;
    } table[] = {
        { "str.h: a text is found where it begins", "hello", "ll", 2 },
        { "str.h: at the start", "hello", "he", 0 },
        { "str.h: at the end", "hello", "lo", 3 },
        { "str.h: the first of several", "aXbXc", "X", 1 },
        { "str.h: after a start that looked like it", "aaab", "aab", 1 },
        { "str.h: what is not there is at the end", "hello", "xy", 5 },
        { "str.h: a needle longer than the text is not there", "he", "hello", 2 },
        { "str.h: the empty needle is at the start", "hello", "", 0 },
        { "str.h: in the empty text too", "", "", 0 },
        { "str.h: nothing else is in the empty text", "", "a", 0 },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        struct ks_str text = ks_str_z(table[i].text), needle = ks_str_z(table[i].needle);
        size_t at = ks_str_find(text, needle);
        check_row(at == table[i].want, table[i].name, "at %zu", at);
        if (needle.len == 1)
            check_row(ks_str_find_byte(text, needle.ptr[0]) == at, "str.h: a byte is found where its text is", "at %zu",
                ks_str_find_byte(text, needle.ptr[0]));
    }
}

static void cut(void)
{
    static const struct {
        const char *name, *text, *want; /* pieces, each with a bar behind it */
    } table[] = {
        { "str.h: a text falls into pieces", "a,bc,d", "a|bc|d|" },
        { "str.h: empty pieces count", "a,,b", "a||b|" },
        { "str.h: at the start too", ",a", "|a|" },
        { "str.h: and at the end", "a,", "a||" },
        { "str.h: without the byte it is one piece", "abc", "abc|" },
        { "str.h: an empty text is one empty piece", "", "|" },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        struct ks_str rest = ks_str_z(table[i].text), piece;
        char got[64];
        size_t len = 0;

        for (int pieces = 0; ks_str_cut(&rest, ',', &piece) && pieces < 10; pieces++)
            len += (size_t)snprintf(got + len, sizeof got - len, "%.*s|", (int)piece.len, piece.len ? piece.ptr : "");
        check_str(table[i].name, ks_str(got, len), ks_str_z(table[i].want));
    }
    struct ks_str none = KS_STR_EMPTY, piece;
    check_row(!ks_str_cut(&none, ',', &piece), "str.h: no text has no pieces", "it has one");
}

static void numbers(void)
{
    static const struct {
        const char *name, *text;
        uint64_t max;
        enum ks_err want;
        uint64_t value;
    } table[] = {
        { "str.h: a number", "42", UINT64_MAX, KS_OK, 42 },
        { "str.h: nought", "0", UINT64_MAX, KS_OK, 0 },
        { "str.h: noughts before it do not matter", "000000000000000000000007", UINT64_MAX, KS_OK, 7 },
        { "str.h: the biggest number", "18446744073709551615", UINT64_MAX, KS_OK, UINT64_MAX },
        { "str.h: one more is over the limit", "18446744073709551616", UINT64_MAX, KS_ELIMIT, 0 },
        { "str.h: so are ten times as many", "99999999999999999999999", UINT64_MAX, KS_ELIMIT, 0 },
        { "str.h: max is allowed", "255", 255, KS_OK, 255 },
        { "str.h: max + 1 is not", "256", 255, KS_ELIMIT, 0 },
        { "str.h: with max 0 only nought is allowed", "1", 0, KS_ELIMIT, 0 },
        { "str.h: and it is", "0", 0, KS_OK, 0 },
        { "str.h: max below ten is looked at too", "9", 8, KS_ELIMIT, 0 },
        { "str.h: no digits are no number", "", UINT64_MAX, KS_ESYNTAX, 0 },
        { "str.h: a sign is none of ours", "+1", UINT64_MAX, KS_ESYNTAX, 0 },
        { "str.h: nor is a minus", "-1", UINT64_MAX, KS_ESYNTAX, 0 },
        { "str.h: nor a blank", " 1", UINT64_MAX, KS_ESYNTAX, 0 },
        { "str.h: nor hexadecimal", "0x10", UINT64_MAX, KS_ESYNTAX, 0 },
        { "str.h: nor a letter behind it", "12a", UINT64_MAX, KS_ESYNTAX, 0 },
        { "str.h: nor a byte above ASCII", "1\xb2", UINT64_MAX, KS_ESYNTAX, 0 },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        uint64_t value = 4711, want = table[i].want == KS_OK ? table[i].value : 4711;
        enum ks_err err = ks_str_u64(ks_str_z(table[i].text), table[i].max, &value);
        check_row(err == table[i].want && value == want, table[i].name, "%s, %llu", ks_err_name(err),
            (unsigned long long)value);
    }
}

static void hash(void)
{
    static const uint64_t key[2] = { 1, 2 }, other[2] = { 1, 3 }, zero[2];
    /* From another implementation: CPython 3.11 hashes bytes by SipHash-1-3, with a zero key if PYTHONHASHSEED is 0. */
    static const struct {
        const char *name, *text;
        uint64_t want;
    } table[] = {
        { "SipHash-1-3 of one byte", "a", 0x407448d2b89b1813 },
        { "SipHash-1-3 of half a word", "anna", 0x29d67270d19b0595 },
        { "SipHash-1-3 of a word", "12345678", 0x3489982430560a87 },
        { "SipHash-1-3 of two words and more", "anna@example.org/phone", 0x61f2e434882397fa },
    };
    char text[40];
    bool moved = true, other_key = true;

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        uint64_t got = ks_str_hash(ks_str_z(table[i].text), zero);
        check_row(got == table[i].want, table[i].name, "%llx", (unsigned long long)got);
    }
    /* Each length up to a few words, each byte of it: what is hashed has an effect. */
    for (size_t len = 1; len <= sizeof text; len++)
        for (size_t at = 0; at < len; at++) {
            memset(text, 'x', sizeof text);
            uint64_t before = ks_str_hash(ks_str(text, len), key);
            other_key = other_key && before != ks_str_hash(ks_str(text, len), other);
            text[at] = 'y';
            moved = moved && before != ks_str_hash(ks_str(text, len), key);
        }
    check_row(moved, "str.h: every byte of a text moves its hash", "one does not");
    check_row(other_key, "str.h: so does the key", "it does not");
    check_row(ks_str_hash(KS_STR("a"), key) != ks_str_hash(KS_STR("a\0"), key), "str.h: a zero at the end too",
        "it does not");
    check_row(ks_str_hash(KS_STR_EMPTY, key) == ks_str_hash(KS_STR(""), key),
        "str.h: an empty text has one hash, with or without pointer", "it has two");
}

static void copies(void)
{
    char *copy = ks_str_dup(ks_str("anna@example", 4));

    check_row(copy && strcmp(copy, "anna") == 0, "str.h: a copy ends with a zero", "it is \"%s\"", copy);
    free(copy);
    copy = ks_str_dup(KS_STR_EMPTY);
    check_row(copy && !*copy, "str.h: the empty text has a copy", "none");
    free(copy);
    bool first = fail_nth(1);
    copy = ks_str_dup(KS_STR("anna"));
    check_row(first && fail_stop() && !copy, "str.h: without memory there is none", "there is one");
}

int main(void)
{
    order();
    pieces();
    search();
    cut();
    numbers();
    hash();
    copies();
    return check_done();
}
