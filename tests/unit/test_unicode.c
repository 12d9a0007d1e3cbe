/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "codepoint.h"
#include "idna.h"
#include "unicode.h"

typedef enum ks_err profile(struct ks_arena *, struct ks_str, struct ks_str *);

static const struct {
    profile *profile;
    const char *name, *input, *want; /* NULL: refused */
} rows[] = {
    { ks_unicode_password, "RFC 8265 §4.3 (11): ASCII", "correct horse battery staple",
        "correct horse battery staple" },
    { ks_unicode_password, "RFC 8265 §4.3 (12): case stays", "Correct Horse Battery Staple",
        "Correct Horse Battery Staple" },
    { ks_unicode_password, "RFC 8265 §4.3 (13): beyond ASCII", "\u03c0\u00df\u00e5", "\u03c0\u00df\u00e5" },
    { ks_unicode_password, "RFC 8265 §4.3 (14): a symbol", "Jack of \u2666s", "Jack of \u2666s" },
    { ks_unicode_password, "RFC 8265 §4.3 (15): an Ogham space mark becomes a space", "foo\u1680bar", "foo bar" },
    { ks_unicode_password, "RFC 8265 §4.3 (16): nothing", "", NULL },
    { ks_unicode_password, "RFC 8265 §4.3 (17): a control character", "my cat is a \x09 by", NULL },
    { ks_unicode_password, "RFC 5892 A.1: a non-joiner between Arabic letters that would join",
        "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc", "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc" },
    { ks_unicode_password, "RFC 5892 A.1: over marks, too", "\u0628\u064e\u200c\u064e\u0628",
        "\u0628\u064e\u200c\u064e\u0628" },
    { ks_unicode_password, "RFC 5892 A.1: not after a letter that joins nothing", "\u0627\u200c\u0628", NULL },
    { ks_unicode_password, "RFC 5892 A.1: not at the start", "\u200c\u0628", NULL },
    { ks_unicode_password, "RFC 5892 A.1: not at the end", "\u0628\u200c", NULL },
    { ks_unicode_password, "RFC 5892 A.1: not in Latin", "a\u200cb", NULL },
    { ks_unicode_password, "RFC 5892 A.1: after a virama", "\u0915\u094d\u200c\u0937", "\u0915\u094d\u200c\u0937" },
    { ks_unicode_password, "RFC 5892 A.2: a joiner after a virama", "\u0915\u094d\u200d\u0937",
        "\u0915\u094d\u200d\u0937" },
    { ks_unicode_password, "RFC 5892 A.2: not elsewhere", "\u0628\u200d\u0628", NULL },
    { ks_unicode_password, "RFC 5892 A.4: a keraia before a Greek letter", "\u0375\u03b1", "\u0375\u03b1" },
    { ks_unicode_password, "RFC 5892 A.4: not before a Latin one", "\u0375a", NULL },
    { ks_unicode_password, "RFC 5892 A.5: a geresh after a Hebrew letter", "\u05d0\u05f3", "\u05d0\u05f3" },
    { ks_unicode_password, "RFC 5892 A.6: no gershayim at the start", "\u05f4\u05d0", NULL },
    { ks_unicode_password, "RFC 5892 A.7: a Katakana middle dot", "\u30a2\u30fbb", "\u30a2\u30fbb" },
    { ks_unicode_password, "RFC 5892 A.7: not among Latin letters", "a\u30fbb", NULL },
    { ks_unicode_password, "RFC 5892 A.8: Arabic-Indic digits", "\u0661\u0662", "\u0661\u0662" },
    { ks_unicode_password, "RFC 5892 A.9: not with the extended ones", "\u06f1\u0662", NULL },
    { ks_unicode_password, "RFC 8264 §9.9: an old Hangul Jamo", "\u1100", NULL },
    { ks_unicode_password, "RFC 8264 §9.9: a Hangul syllable", "\uac00", "\uac00" },
    { ks_unicode_password, "UAX #15: jamos of a syllable are refused before they are composed", "\u1100\u1161", NULL },
    { ks_unicode_password, "UAX #15: marks are put in order", "q\u0307\u0323", "q\u0323\u0307" },
    { ks_unicode_localpart, "RFC 8265 §3.5: halfwidth Katakana", "\uff71", "\u30a2" },
    { ks_unicode_localpart, "RFC 8265 §3.5: a titlecase digraph", "\u01c5", NULL },
    { ks_unicode_localpart, "RFC 8265 §3.5: a Greek titlecase letter", "\u1f88", NULL },
    { ks_unicode_localpart, "RFC 8265 §3.5: the Kelvin sign", "\u212a", NULL },
    { ks_unicode_localpart, "RFC 8265 §3.5: a ligature", "\ufb01", NULL },
    { ks_unicode_localpart, "RFC 8265 §3.5: capital sharp s", "\u1e9e", "\u00df" },
    { ks_unicode_localpart, "RFC 8265 §3.5: a letter beyond the BMP", "\U00010400", "\U00010428" },

    { ks_unicode_fold, "search: case", "Dr. MEIER", "dr. meier" },
    { ks_unicode_fold, "search: accents", "Caf\u00e9 \u00c5ngstr\u00f6m", "cafe angstrom" },
    { ks_unicode_fold, "search: sharp s, small and capital", "Stra\u00dfe STRA\u1e9eE", "strasse strasse" },
    { ks_unicode_fold, "search: ligatures and fullwidth forms", "\ufb01n \uff21", "fin a" },
    { ks_unicode_fold, "search: final sigma", "\u03a3\u03c3\u03c2", "\u03c3\u03c3\u03c3" },
    { ks_unicode_fold, "search: the Turkish capital dotted I", "\u0130", "i" },
    { ks_unicode_fold, "search: decomposed as composed", "a\u0308\u00e4", "aa" },
    { ks_unicode_fold, "search: an unassigned code point passes", "\u0378", "\u0378" },
    { ks_unicode_fold, "search: control characters pass", "A\nB", "a\nb" },
    { ks_unicode_fold, "search: the longest mapping there is", "\ufdfa",
        "\u0635\u0644\u0649 \u0627\u0644\u0644\u0647 \u0639\u0644\u064a\u0647 \u0648\u0633\u0644\u0645" },
    { ks_unicode_fold, "search: bad UTF-8", "\xff", NULL },
    { ks_unicode_fold, "search: nothing", "", "" },
};

static void table(void)
{
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_arena arena;
        struct ks_str got = KS_STR_EMPTY, again;
        enum ks_err err, limited = KS_ELIMIT;

        ks_arena_init(&arena, 10000);
        err = rows[i].profile(&arena, ks_str_z(rows[i].input), &got);
        if (!rows[i].want)
            check_err(rows[i].name, err, KS_ESYNTAX);
        else if (err || rows[i].profile(&arena, got, &again) || !ks_str_eq(got, again))
            check_row(false, rows[i].name, "%s, or it is not idempotent", ks_err_name(err));
        else
            check_str(rows[i].name, got, ks_str_z(rows[i].want));
        ks_arena_done(&arena);
        for (size_t limit = 0; limited == KS_ELIMIT; limit += 16) {
            ks_arena_init(&arena, limit);
            limited = rows[i].profile(&arena, ks_str_z(rows[i].input), &got);
            ks_arena_done(&arena);
        }
        if (limited != err)
            check_err("Arenas that are too small give KS_ELIMIT, then the first that is not the result", limited, err);
    }
}

static void lengths(void)
{
    char text[4097];
    struct ks_arena arena;
    struct ks_str got;

    memset(text, 'a', sizeof text);
    ks_arena_init(&arena, 10000);
    check_err("A password of 4096 bytes", ks_unicode_password(&arena, ks_str(text, 4096), &got), KS_OK);
    check_err("A password of 4097 bytes", ks_unicode_password(&arena, ks_str(text, 4097), &got), KS_ESYNTAX);
    ks_arena_done(&arena);
}

static void columns(void)
{
    static const struct {
        const char *name, *text;
        size_t want;
    } widths[] = {
        { "columns: nothing", "", 0 },
        { "columns: ASCII", "abc", 3 },
        { "columns: an umlaut", "\u00e4", 1 },
        { "columns: a decomposed umlaut", "a\u0308", 1 },
        { "columns: ideographs are wide", "\u4e2d\u6587", 4 },
        { "columns: emoji are wide", "\U0001f37a", 2 },
        { "columns: a joiner has none", "a\u200db", 2 },
        { "columns: bad UTF-8 counts by bytes", "a\xff\xfe", 3 },
    };

    for (size_t i = 0; i < KS_COUNT(widths); i++) {
        size_t got = ks_unicode_columns(ks_str_z(widths[i].text));
        check_row(got == widths[i].want, widths[i].name, "got %zu", got);
    }
}

static void controls(void)
{
    const struct {
        const char *name;
        struct ks_str text;
        size_t control, count;
    } texts[] = {
        { "controls: nothing is none", KS_STR_EMPTY, 0, 0 },
        { "controls: a letter is none", KS_STR("\u00e4b"), 0, 2 },
        { "controls: NUL is one", KS_STR("\0b"), 1, 2 },
        { "controls: escape is one", KS_STR("\x1b[2J"), 1, 4 },
        { "controls: a blank is none", KS_STR(" "), 0, 1 },
        { "controls: DEL is one", KS_STR("\x7f"), 1, 1 },
        { "controls: the first of C1 has two bytes", KS_STR("\xc2\x80"), 2, 1 },
        { "controls: the last of C1 has two bytes", KS_STR("\xc2\x9fx"), 2, 2 },
        { "controls: what follows C1 is none", KS_STR("\xc2\xa0"), 0, 1 },
        { "controls: a cut one is none", KS_STR("\xc2"), 0, 1 },
    };

    for (size_t i = 0; i < KS_COUNT(texts); i++) {
        size_t control = ks_unicode_control(texts[i].text), count = ks_unicode_count(texts[i].text);
        check_row(control == texts[i].control && count == texts[i].count, texts[i].name, "%zu bytes, %zu characters",
            control, count);
    }
}

/* RFC 3492 §7.1, those in lower case. */
static const struct {
    const char *name, *text, *punycode;
} samples[] = {
    { "RFC 3492 §7.1 (A): Arabic",
        "\u0644\u064a\u0647\u0645\u0627\u0628\u062a\u0643\u0644\u0645\u0648\u0634\u0639\u0631\u0628\u064a\u061f",
        "egbpdaj6bu4bxfgehfvwxn" },
    { "RFC 3492 §7.1 (B): Chinese, simplified", "\u4ed6\u4eec\u4e3a\u4ec0\u4e48\u4e0d\u8bf4\u4e2d\u6587",
        "ihqwcrb4cv8a8dqg056pqjye" },
    { "RFC 3492 §7.1 (C): Chinese, traditional", "\u4ed6\u5011\u7232\u4ec0\u9ebd\u4e0d\u8aaa\u4e2d\u6587",
        "ihqwctvzc91f659drss3x8bo0yb" },
    { "RFC 3492 §7.1 (E): Hebrew",
        "\u05dc\u05de\u05d4\u05d4\u05dd\u05e4\u05e9\u05d5\u05d8\u05dc\u05d0\u05de\u05d3\u05d1\u05e8\u05d9\u05dd\u05e2"
        "\u05d1\u05e8\u05d9\u05ea",
        "4dbcagdahymbxekheh6e0a7fei0b" },
    { "RFC 3492 §7.1 (R): Japanese", "\u305d\u306e\u30b9\u30d4\u30fc\u30c9\u3067", "d9juau41awczczp" },
    { "RFC 3492 §7.1 (P): Japanese and Latin", "maji\u3067koi\u3059\u308b5\u79d2\u524d", "majikoi5-783gue6qz075azm5e" },
};

static void punycode(void)
{
    for (size_t i = 0; i < KS_COUNT(samples); i++) {
        int32_t points[KS_LABEL_MAX], again[KS_LABEL_MAX];
        char encoded[KS_LABEL_MAX];
        size_t count = 0, decoded = 0, len;
        bool good = ks_codepoint_decode(ks_str_z(samples[i].text), points, &count);

        len = ks_punycode_encode(points, count, encoded);
        good = good && ks_punycode_decode(ks_str_z(samples[i].punycode), again, &decoded) && decoded == count
            && memcmp(points, again, count * sizeof *points) == 0;
        check_row(good && ks_str_is(ks_str(encoded, len), samples[i].punycode), samples[i].name, "got %.*s", (int)len,
            encoded);
    }
}

/* A non-joiner at either end of a text, with letters in memory beyond it that would join. */
static void ends(void)
{
    const int32_t points[] = { 0x628, 0x200c, 0x628 };

    check_row(ks_codepoint_in_context(points, 3, 1) && !ks_codepoint_in_context(points + 1, 2, 0)
            && !ks_codepoint_in_context(points, 2, 1),
        "RFC 5892 A.1: what is before and after a text does not count", "?");
}

int main(void)
{
    table();
    lengths();
    columns();
    controls();
    punycode();
    ends();
    return check_done();
}
