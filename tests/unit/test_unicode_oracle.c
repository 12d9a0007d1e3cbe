/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* test_unicode_oracle.c -- our Unicode against ICU, and our domain labels against libidn2: every code point, and texts
 * made at random. Code points that one of the two does not know yet are left out; so are the few differences that are
 * meant, each with its reason. */
#include "check.h"

#ifndef HAVE_ICU
int main(void)
{
    check_skip("Our Unicode against ICU and libidn2", "built without libicu-dev or libidn2-dev");
    return check_done();
}
#else

#include <idn2.h>
#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>
#include <utf8proc.h>

#include "codepoint.h"
#include "idna.h"
#include "prng.h"
#include "unicode.h"

static const UNormalizer2 *nfc, *nfkc;
static struct ks_arena arena;

/* Both sides know point. */
static bool known(int32_t point)
{
    static const UVersionInfo newest = { 15, 0, 0, 0 }; /* of utf8proc 2.8, the oldest that we build with */
    UVersionInfo age;

    if (U_IS_SURROGATE(point) || U_IS_UNICODE_NONCHAR(point))
        return false;
    u_charAge(point, age);
    return age[0] > 0 && memcmp(age, newest, 2) <= 0;
}

/* Texts of ICU, as code points. */
struct text {
    UChar units[512];
    int32_t len;
};

static struct text from_points(const int32_t *points, size_t count)
{
    struct text text = { .len = 0 };
    UErrorCode error = U_ZERO_ERROR;

    u_strFromUTF32(text.units, 512, &text.len, points, (int32_t)count, &error);
    return text;
}

static struct text normal(const UNormalizer2 *form, struct text in)
{
    struct text out;
    UErrorCode error = U_ZERO_ERROR;

    out.len = unorm2_normalize(form, in.units, in.len, out.units, 512, &error);
    return out;
}

static struct text folded(struct text in)
{
    struct text out;
    UErrorCode error = U_ZERO_ERROR;

    out.len = u_strFoldCase(out.units, 512, in.units, in.len, U_FOLD_CASE_DEFAULT, &error);
    return out;
}

/* Each code point for itself, so that no sigma becomes a final one (RFC 7622 §3.5). */
static struct text lowered(const int32_t *points, size_t count)
{
    struct text out = { .len = 0 };

    for (size_t i = 0; i < count; i++) {
        struct text one = from_points(points + i, 1);
        UErrorCode error = U_ZERO_ERROR;
        out.len += u_strToLower(out.units + out.len, 512 - out.len, one.units, one.len, "", &error);
    }
    return out;
}

static bool equal(struct text a, struct text b)
{
    return a.len == b.len && u_memcmp(a.units, b.units, a.len) == 0;
}

static struct ks_str utf8(struct text in)
{
    static char bytes[2048];
    int32_t len = 0;
    UErrorCode error = U_ZERO_ERROR;

    u_strToUTF8(bytes, sizeof bytes, &len, in.units, in.len, &error);
    return ks_str(bytes, (size_t)len);
}

/* --- classes of code points, derived once more from ICU's properties --- */

#define IN(point, mask) ((U_GET_GC_MASK(point) & (mask)) != 0)
#define LETTER_DIGITS \
    (U_GC_LL_MASK | U_GC_LU_MASK | U_GC_LO_MASK | U_GC_ND_MASK | U_GC_LM_MASK | U_GC_MN_MASK | U_GC_MC_MASK)
#define FREEFORM (U_GC_LT_MASK | U_GC_NL_MASK | U_GC_NO_MASK | U_GC_ME_MASK | U_GC_ZS_MASK | U_GC_S_MASK | U_GC_P_MASK)

static int exception(int32_t point)
{
    static const int32_t pvalid[] = { 0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007 };
    static const int32_t context[] = { 0xb7, 0x375, 0x5f3, 0x5f4, 0x30fb };
    static const int32_t disallowed[] = { 0x640, 0x7fa, 0x302e, 0x302f, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035,
        0x303b };

    for (size_t i = 0; i < KS_COUNT(pvalid); i++)
        if (point == pvalid[i])
            return KS_CP_PVALID;
    for (size_t i = 0; i < KS_COUNT(context); i++)
        if (point == context[i])
            return KS_CP_CONTEXT;
    for (size_t i = 0; i < KS_COUNT(disallowed); i++)
        if (point == disallowed[i])
            return KS_CP_DISALLOWED;
    return (point >= 0x660 && point <= 0x669) || (point >= 0x6f0 && point <= 0x6f9) ? KS_CP_CONTEXT : -1;
}

static bool old_jamo(int32_t point)
{
    int32_t type = u_getIntPropertyValue(point, UCHAR_HANGUL_SYLLABLE_TYPE);

    return type == U_HST_LEADING_JAMO || type == U_HST_VOWEL_JAMO || type == U_HST_TRAILING_JAMO;
}

static bool ignorable(int32_t point)
{
    return u_hasBinaryProperty(point, UCHAR_DEFAULT_IGNORABLE_CODE_POINT)
        || u_hasBinaryProperty(point, UCHAR_NONCHARACTER_CODE_POINT);
}

/* RFC 8264 §8 */
static int precis(int32_t point)
{
    struct text one = from_points(&point, 1);
    int class = exception(point);

    if (class >= 0)
        return class;
    if (IN(point, U_GC_CN_MASK) && !u_hasBinaryProperty(point, UCHAR_NONCHARACTER_CODE_POINT))
        return KS_CP_UNASSIGNED;
    if (point >= 0x21 && point <= 0x7e)
        return KS_CP_PVALID;
    if (u_hasBinaryProperty(point, UCHAR_JOIN_CONTROL))
        return KS_CP_CONTEXT;
    if (old_jamo(point) || ignorable(point) || IN(point, U_GC_CC_MASK))
        return KS_CP_DISALLOWED;
    if (!equal(normal(nfkc, one), one))
        return KS_CP_FREE;
    return IN(point, LETTER_DIGITS) ? KS_CP_PVALID : IN(point, FREEFORM) ? KS_CP_FREE : KS_CP_DISALLOWED;
}

/* RFC 5892 §3 */
static int idna(int32_t point)
{
    struct text one = from_points(&point, 1);
    int class = exception(point), block = (int)ublock_getCode(point);

    if (class >= 0)
        return class;
    if (IN(point, U_GC_CN_MASK) && !u_hasBinaryProperty(point, UCHAR_NONCHARACTER_CODE_POINT))
        return KS_CP_UNASSIGNED;
    if (point == '-' || (point >= '0' && point <= '9') || (point >= 'a' && point <= 'z'))
        return KS_CP_PVALID;
    if (u_hasBinaryProperty(point, UCHAR_JOIN_CONTROL))
        return KS_CP_CONTEXT;
    if (!equal(normal(nfkc, folded(normal(nfkc, one))), one) || ignorable(point)
        || u_hasBinaryProperty(point, UCHAR_WHITE_SPACE))
        return KS_CP_DISALLOWED;
    if (block == UBLOCK_COMBINING_MARKS_FOR_SYMBOLS || block == UBLOCK_MUSICAL_SYMBOLS
        || block == UBLOCK_ANCIENT_GREEK_MUSICAL_NOTATION || old_jamo(point))
        return KS_CP_DISALLOWED;
    return IN(point, LETTER_DIGITS) ? KS_CP_PVALID : KS_CP_DISALLOWED;
}

static bool same_precis(int32_t point)
{
    return (int)ks_codepoint_precis(point) == precis(point);
}

static bool same_idna(int32_t point)
{
    return (int)ks_codepoint_idna(point) == idna(point);
}

static bool same_width(int32_t point)
{
    int32_t type = u_getIntPropertyValue(point, UCHAR_DECOMPOSITION_TYPE), mapped = ks_codepoint_width_map(point);

    if (type != U_DT_WIDE && type != U_DT_NARROW)
        return mapped == point;
    UChar raw[8];
    UErrorCode error = U_ZERO_ERROR;
    int32_t len = unorm2_getRawDecomposition(nfkc, point, raw, 8, &error);
    struct text one = { .units = { raw[0] }, .len = 1 };
    /* What its form is itself only a compatible form, as halfwidth jamos, stays as it is: no class has either. */
    return len == 1 && mapped == (equal(normal(nfkc, one), one) ? raw[0] : point);
}

static bool same_rtl(int32_t point)
{
    UCharDirection class = u_charDirection(point);

    return ks_codepoint_any_rtl(&point, 1)
        == (class == U_RIGHT_TO_LEFT || class == U_RIGHT_TO_LEFT_ARABIC || class == U_ARABIC_NUMBER);
}

/* As the only one, in the middle and at the end of a text of either direction: tells each class of RFC 5893 apart. */
static bool same_bidi(int32_t point)
{
    const unsigned class = U_MASK(u_charDirection(point));
    const unsigned l = U_MASK(U_LEFT_TO_RIGHT), r = U_MASK(U_RIGHT_TO_LEFT), al = U_MASK(U_RIGHT_TO_LEFT_ARABIC),
                   en = U_MASK(U_EUROPEAN_NUMBER), an = U_MASK(U_ARABIC_NUMBER), nsm = U_MASK(U_DIR_NON_SPACING_MARK),
                   neutral = nsm | U_MASK(U_EUROPEAN_NUMBER_SEPARATOR) | U_MASK(U_COMMON_NUMBER_SEPARATOR)
        | U_MASK(U_EUROPEAN_NUMBER_TERMINATOR) | U_MASK(U_OTHER_NEUTRAL) | U_MASK(U_BOUNDARY_NEUTRAL);
    const int32_t ltr[] = { 'a', point, 'a' }, rtl[] = { 0x5d0, point, 0x5d0 }, arabic[] = { 0x5d0, point, 0x661 };

    return ks_codepoint_bidi_ok(&point, 1) == ((class & (l | r | al)) != 0)
        && ks_codepoint_bidi_ok(ltr, 3) == ((class & (l | en | neutral)) != 0)
        && ks_codepoint_bidi_ok(ltr, 2) == ((class & (l | en | nsm)) != 0)
        && ks_codepoint_bidi_ok(rtl, 3) == ((class & (r | al | en | an | neutral)) != 0)
        && ks_codepoint_bidi_ok(rtl, 2) == ((class & (r | al | en | an | nsm)) != 0)
        && ks_codepoint_bidi_ok(arabic, 3) == ((class & (r | al | an | neutral)) != 0);
}

/* RFC 5892 A.4 to A.7 */
static bool same_script(int32_t point)
{
    UErrorCode error = U_ZERO_ERROR;
    UScriptCode script = uscript_getScript(point, &error);
    const int32_t keraia[] = { 0x375, point }, geresh[] = { point, 0x5f3 }, dot[] = { 'a', 0x30fb, point };

    return ks_codepoint_in_context(keraia, 2, 0) == (script == USCRIPT_GREEK)
        && ks_codepoint_in_context(geresh, 2, 1) == (script == USCRIPT_HEBREW)
        && ks_codepoint_in_context(dot, 3, 1)
        == (script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA || script == USCRIPT_HAN);
}

/* RFC 5892 A.1 and A.2, for what may stand in a text at all: that leaves out format characters, which are transparent.
 */
static bool same_joining(int32_t point)
{
    const int32_t before[] = { point, 0x200c, 0x628 }, after[] = { 0x628, 0x200c, point },
                  between[] = { 0x628, point, 0x200c, 0x628 }, joiner[] = { point, 0x200d };
    int32_t type = u_getIntPropertyValue(point, UCHAR_JOINING_TYPE);
    bool virama = u_getCombiningClass(point) == 9, left = type == U_JT_LEFT_JOINING || type == U_JT_DUAL_JOINING,
         right = type == U_JT_RIGHT_JOINING || type == U_JT_DUAL_JOINING;

    if (precis(point) == KS_CP_DISALLOWED)
        return true;
    return ks_codepoint_in_context(before, 3, 1) == (left || virama) && ks_codepoint_in_context(after, 3, 1) == right
        && ks_codepoint_in_context(between, 4, 2) == (left || virama || type == U_JT_TRANSPARENT)
        && ks_codepoint_in_context(joiner, 2, 1) == virama;
}

/* What a localpart of one code point becomes, or that it is refused. */
static bool same_localpart(int32_t point)
{
    int32_t wide = ks_codepoint_width_map(point);
    struct ks_str got;
    char bytes[4];
    enum ks_err err = ks_unicode_localpart(&arena, ks_codepoint_encode(&point, 1, bytes), &got);

    if (point >= 0x6f0 && point <= 0x6f9) /* alone they break no contextual rule, and have no direction */
        return err == KS_OK;
    if (precis(wide) != KS_CP_PVALID || u_charDirection(wide) == U_ARABIC_NUMBER
        || (wide < 0x80 && strchr("\"&'/:<>@", wide)))
        return err == KS_ESYNTAX;
    return err == KS_OK && ks_str_eq(got, utf8(normal(nfc, lowered(&wide, 1))));
}

static bool same_resource(int32_t point)
{
    int class = precis(point);
    int32_t mapped = IN(point, U_GC_ZS_MASK) ? ' ' : point;
    struct ks_str got;
    char bytes[4];
    enum ks_err err = ks_unicode_resource(&arena, ks_codepoint_encode(&point, 1, bytes), &got);

    if (point == 0x387) /* becomes a middle dot, which may not stand alone */
        return err == KS_ESYNTAX;
    if (class == KS_CP_CONTEXT) /* alone, only the digits are where they may be */
        return (err == KS_OK) == IN(point, U_GC_ND_MASK);
    if (class != KS_CP_PVALID && class != KS_CP_FREE)
        return err == KS_ESYNTAX;
    return err == KS_OK && ks_str_eq(got, utf8(normal(nfc, from_points(&mapped, 1))));
}

static const struct {
    const char *name;
    bool (*same)(int32_t point);
} properties[] = {
    { "RFC 8264 §8: the PRECIS class of every code point", same_precis },
    { "RFC 5892 §3: the IDNA class of every code point", same_idna },
    { "RFC 8264 §5.2.1: the width mapping of every code point", same_width },
    { "RFC 5893 §1.4: which code points are right-to-left", same_rtl },
    { "RFC 5893 §2: every code point in the places that the Bidi Rule tells apart", same_bidi },
    { "RFC 5892 A.4 to A.7: Greek, Hebrew, Hiragana, Katakana and Han", same_script },
    { "RFC 5892 A.1 and A.2: what joins, and what is transparent", same_joining },
    { "RFC 7622 §3.3: every code point as a localpart", same_localpart },
    { "RFC 7622 §3.4: every code point as a resourcepart", same_resource },
};

static void every_code_point(void)
{
    for (size_t i = 0; i < KS_COUNT(properties); i++) {
        unsigned seen = 0, wrong = 0;
        int32_t first = 0;
        for (int32_t point = 1; point <= 0x10ffff; point++) {
            if (!known(point))
                continue;
            seen++;
            if (!properties[i].same(point) && wrong++ == 0)
                first = point;
            ks_arena_reset(&arena);
        }
        check_row(seen > 280000 && wrong == 0, properties[i].name, "%u of %u differ, first U+%04X", wrong, seen,
            (unsigned)first);
    }
}

/* --- texts made at random --- */

/* Where composition, order, case, context and direction have something to do. */
static const struct {
    int32_t first, last;
} pools[] = { { 'a', 'z' }, { '0', '9' }, { 0xc0, 0x17f }, { 0x300, 0x345 }, { 0x370, 0x3ff }, { 0x400, 0x45f },
    { 0x591, 0x5f4 }, { 0x610, 0x6f9 }, { 0x900, 0x97f }, { 0x9c7, 0x9d7 }, { 0x1100, 0x11ff }, { 0x1e00, 0x1fff },
    { 0x200c, 0x200d }, { 0x3040, 0x30ff }, { 0x4e00, 0x4e20 }, { 0xac00, 0xac40 }, { 0x1d165, 0x1d172 },
    { 0x10a00, 0x10a3f }, { '-', '-' }, { 0xb7, 0xb7 }, { 'l', 'l' } };

static size_t make_text(struct ks_prng *prng, int32_t *points, size_t max)
{
    size_t count = 1 + ks_prng_below(prng, max), pool = ks_prng_below(prng, KS_COUNT(pools));

    for (size_t i = 0; i < count; i++) {
        if (ks_prng_below(prng, 3) == 0)
            pool = ks_prng_below(prng, KS_COUNT(pools));
        uint64_t span = (uint64_t)(pools[pool].last - pools[pool].first + 1);
        do
            points[i] = pools[pool].first + (int32_t)ks_prng_below(prng, span);
        while (!known(points[i]));
    }
    return count;
}

static void random_resources(void)
{
    struct ks_prng prng;
    unsigned accepted = 0, wrong = 0;

    ks_prng_init_number(&prng, 7622);
    for (unsigned i = 0; i < 60000; i++) {
        int32_t points[12];
        char bytes[48];
        size_t count = make_text(&prng, points, KS_COUNT(points));
        struct ks_str got;
        if (ks_unicode_resource(&arena, ks_codepoint_encode(points, count, bytes), &got) == KS_OK) {
            accepted++;
            wrong += !ks_str_eq(got, utf8(normal(nfc, from_points(points, count))));
        }
        ks_arena_reset(&arena);
    }
    check_row(accepted > 20000 && wrong == 0, "UAX #15: random resourceparts are what ICU's NFC makes of them",
        "%u of %u differ", wrong, accepted);
}

static void random_localparts(void)
{
    struct ks_prng prng;
    unsigned accepted = 0, wrong = 0;

    ks_prng_init_number(&prng, 8265);
    for (unsigned i = 0; i < 100000; i++) {
        int32_t points[8];
        char bytes[32];
        size_t count = make_text(&prng, points, KS_COUNT(points));
        struct ks_str got;
        if (ks_unicode_localpart(&arena, ks_codepoint_encode(points, count, bytes), &got) == KS_OK) {
            accepted++;
            wrong += !ks_str_eq(got, utf8(normal(nfc, lowered(points, count))));
        }
        ks_arena_reset(&arena);
    }
    check_row(accepted > 20000 && wrong == 0, "RFC 8265 §3.3: random localparts are ICU's lower case in NFC",
        "%u of %u differ", wrong, accepted);
}

static bool is_ascii(const int32_t *points, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (points[i] > 0x7f)
            return false;
    return true;
}

static UIDNA *uts46;

static uint32_t icu_errors(const int32_t *points, size_t count)
{
    struct text in = from_points(points, count), out;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode error = U_ZERO_ERROR;

    out.len = uidna_labelToUnicode(uts46, in.units, in.len, out.units, 512, &info, &error);
    return info.errors;
}

/* A label beyond ASCII that is its own normal form: we take it if and only if libidn2 would register it. */
static bool same_as_libidn2(const int32_t *points, size_t count, bool *ret_accepted)
{
    char bytes[64];
    struct ks_str text = ks_codepoint_encode(points, count, bytes), got;
    uint8_t z[64], *registered = NULL;

    memcpy(z, text.ptr, text.len);
    z[text.len] = 0;
    *ret_accepted = ks_unicode_domain(&arena, text, &got) == KS_OK && ks_str_eq(got, text);
    int result = idn2_register_u8(z, NULL, &registered, IDN2_NO_TR46);
    idn2_free(registered);
    /* Conditions 3 and 4 of the Bidi Rule, over numbers of both kinds and marks at the end, libidn2 does not see. ICU
     * does.
     */
    return (result == IDN2_OK) == *ret_accepted || (!*ret_accepted && (icu_errors(points, count) & UIDNA_ERROR_BIDI));
}

/* The same label, and the same A-label: ICU follows UTS #46, which takes all that IDNA2008 takes. */
static bool same_as_icu(const int32_t *points, size_t count)
{
    struct text in = from_points(points, count), out;
    char punycode[KS_LABEL_MAX], ascii[256];
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode error = U_ZERO_ERROR;
    out.len = uidna_labelToUnicode(uts46, in.units, in.len, out.units, 512, &info, &error);
    /* ICU looks for the third and fourth hyphen among UTF-16 units, where RFC 5891 §4.2.3.1 counts characters. */
    if (U_FAILURE(error) || (info.errors & ~(uint32_t)UIDNA_ERROR_HYPHEN_3_4) || !equal(in, out))
        return false;
    out.len = uidna_labelToASCII(uts46, in.units, in.len, out.units, 512, &info, &error);
    u_austrncpy(ascii, out.units, out.len);
    struct ks_str a_label = ks_str(ascii, (size_t)out.len), read;
    size_t len = ks_punycode_encode(points, count, punycode);
    return U_SUCCESS(error) && len > 0 && ks_str_eq(ks_str_from(a_label, 4), ks_str(punycode, len))
        && ks_unicode_domain(&arena, a_label, &read) == KS_OK && ks_str_eq(read, utf8(in));
}

static void random_labels(void)
{
    struct ks_prng prng;
    UErrorCode error = U_ZERO_ERROR;
    uts46 = uidna_openUTS46(UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_CHECK_CONTEXTO
            | UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE,
        &error);
    unsigned accepted = 0, icu_wrong = 0, idn2_wrong = 0, refused = 0;
    struct ks_str idn2_first = KS_STR_EMPTY, icu_first = KS_STR_EMPTY;
    static char first[64], icu_bytes[64];

    ks_prng_init_number(&prng, 5891);
    for (unsigned i = 0; i < 200000; i++) {
        int32_t points[10];
        bool took;
        size_t count = make_text(&prng, points, KS_COUNT(points));
        /* Only what is in NFC and lower case: mapping is tested above, and libidn2 maps nothing. */
        struct text text = from_points(points, count);
        if (!equal(text, normal(nfc, lowered(points, count))) || is_ascii(points, count))
            continue;
        if (!same_as_libidn2(points, count, &took) && idn2_wrong++ == 0)
            idn2_first = ks_codepoint_encode(points, count, first);
        if (took && !same_as_icu(points, count) && icu_wrong++ == 0)
            icu_first = ks_codepoint_encode(points, count, icu_bytes);
        accepted += took;
        refused += !took;
        ks_arena_reset(&arena);
    }
    check_row(accepted > 10000 && refused > 10000 && idn2_wrong == 0,
        "RFC 5891 §4.2: random labels are taken exactly if libidn2 registers them", "%u of %u differ, first %.*s",
        idn2_wrong, accepted + refused, KS_STR_FMT(idn2_first));
    check_row(accepted > 10000 && icu_wrong == 0, "UTS #46: what we take, ICU takes, with the same A-label",
        "%u of %u differ, first %.*s", icu_wrong, accepted, KS_STR_FMT(icu_first));
    uidna_close(uts46);
}

int main(void)
{
    UErrorCode error = U_ZERO_ERROR;

    nfc = unorm2_getNFCInstance(&error);
    nfkc = unorm2_getNFKCInstance(&error);
    ks_arena_init(&arena, 1 << 20);
    check_row(U_SUCCESS(error), "ICU has its data", "%s", u_errorName(error));
    every_code_point();
    random_resources();
    random_localparts();
    random_labels();
    ks_arena_done(&arena);
    return check_done();
}
#endif
