/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "codepoint.h"

#include <utf8proc.h>

#include "codepoint_ranges.h"

#define BIT(n) (1U << (n))
#define CATEGORY(name) BIT(UTF8PROC_CATEGORY_##name)
#define BIDI(name) BIT(UTF8PROC_BIDI_CLASS_##name)

/* RFC 8264 §9.1, RFC 5892 §2.1 */
#define LETTER_DIGITS \
    (CATEGORY(LL) | CATEGORY(LU) | CATEGORY(LO) | CATEGORY(ND) | CATEGORY(LM) | CATEGORY(MN) | CATEGORY(MC))
/* RFC 8264 §9.18, §9.14, §9.15, §9.16: what is in the FreeformClass only */
#define OTHER_LETTER_DIGITS (CATEGORY(LT) | CATEGORY(NL) | CATEGORY(NO) | CATEGORY(ME))
#define SYMBOLS (CATEGORY(SM) | CATEGORY(SC) | CATEGORY(SK) | CATEGORY(SO))
#define PUNCTUATION \
    (CATEGORY(PC) | CATEGORY(PD) | CATEGORY(PS) | CATEGORY(PE) | CATEGORY(PI) | CATEGORY(PF) | CATEGORY(PO))
#define FREEFORM (OTHER_LETTER_DIGITS | CATEGORY(ZS) | SYMBOLS | PUNCTUATION)

#define ZWNJ 0x200c
#define ZWJ 0x200d
#define VIRAMA 9 /* the combining class */

static unsigned category(int32_t point)
{
    return BIT(utf8proc_get_property(point)->category);
}

static unsigned bidi(int32_t point)
{
    return BIT(utf8proc_get_property(point)->bidi_class);
}

static bool is_noncharacter(int32_t point)
{
    return (point & 0xfffe) == 0xfffe || (point >= 0xfdd0 && point <= 0xfdef);
}

static bool is_old_hangul_jamo(int32_t point)
{
    unsigned class = utf8proc_get_property(point)->boundclass;

    return class == UTF8PROC_BOUNDCLASS_L || class == UTF8PROC_BOUNDCLASS_V || class == UTF8PROC_BOUNDCLASS_T;
}

/* RFC 8264 §9.6, RFC 5892 §2.6. KS_CP_UNASSIGNED for one without an exception. */
static enum ks_codepoint_class exception(int32_t point)
{
    switch (point) {
    case 0xdf:
    case 0x3c2:
    case 0x6fd:
    case 0x6fe:
    case 0xf0b:
    case 0x3007:
        return KS_CP_PVALID;
    case 0xb7:
    case 0x375:
    case 0x5f3:
    case 0x5f4:
    case 0x30fb:
        return KS_CP_CONTEXT;
    case 0x640:
    case 0x7fa:
    case 0x302e:
    case 0x302f:
    case 0x303b:
        return KS_CP_DISALLOWED;
    default:
        if ((point >= 0x660 && point <= 0x669) || (point >= 0x6f0 && point <= 0x6f9))
            return KS_CP_CONTEXT;
        return point >= 0x3031 && point <= 0x3035 ? KS_CP_DISALLOWED : KS_CP_UNASSIGNED;
    }
}

/* Whether the compatibility composition of point, case folded if options say so, is another text. */
static bool changes(int32_t point, utf8proc_option_t options)
{
    int32_t normal[32];
    int boundclass = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(
        point, normal, 32, options | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_STABLE, &boundclass);

    if (count < 1 || count > 32)
        return true;
    count = utf8proc_normalize_utf32(normal, count, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    return count != 1 || normal[0] != point;
}

/* RFC 8264 §8, in its order. */
enum ks_codepoint_class ks_codepoint_precis(int32_t point)
{
    enum ks_codepoint_class class = exception(point);
    unsigned in = category(point);

    if (class != KS_CP_UNASSIGNED)
        return class;
    if (in == CATEGORY(CN) && !is_noncharacter(point))
        return KS_CP_UNASSIGNED;
    if (point >= 0x21 && point <= 0x7e)
        return KS_CP_PVALID;
    if (point == ZWNJ || point == ZWJ)
        return KS_CP_CONTEXT;
    if (is_old_hangul_jamo(point) || utf8proc_get_property(point)->ignorable || is_noncharacter(point))
        return KS_CP_DISALLOWED;
    if (in == CATEGORY(CC))
        return KS_CP_DISALLOWED;
    if (changes(point, 0))
        return KS_CP_FREE;
    if (in & LETTER_DIGITS)
        return KS_CP_PVALID;
    return in & FREEFORM ? KS_CP_FREE : KS_CP_DISALLOWED;
}

/* RFC 5892 §3, in its order. IgnorableProperties other than these two are no letters, so they end in the last line. */
enum ks_codepoint_class ks_codepoint_idna(int32_t point)
{
    enum ks_codepoint_class class = exception(point);
    unsigned in = category(point);

    if (class != KS_CP_UNASSIGNED)
        return class;
    if (in == CATEGORY(CN) && !is_noncharacter(point))
        return KS_CP_UNASSIGNED;
    if (point == '-' || (point >= '0' && point <= '9') || (point >= 'a' && point <= 'z'))
        return KS_CP_PVALID;
    if (point == ZWNJ || point == ZWJ)
        return KS_CP_CONTEXT;
    if (changes(point, UTF8PROC_CASEFOLD) || utf8proc_get_property(point)->ignorable || is_noncharacter(point))
        return KS_CP_DISALLOWED;
    /* IgnorableBlocks (§2.4): combining marks for symbols, and musical notations */
    if ((point >= 0x20d0 && point <= 0x20ff) || (point >= 0x1d100 && point <= 0x1d24f))
        return KS_CP_DISALLOWED;
    return !is_old_hangul_jamo(point) && (in & LETTER_DIGITS) ? KS_CP_PVALID : KS_CP_DISALLOWED;
}

static bool within(const struct range *ranges, size_t count, int32_t point)
{
    for (size_t low = 0, high = count; low < high;) {
        size_t middle = (low + high) / 2;
        if ((uint32_t)point < ranges[middle].first)
            high = middle;
        else if ((uint32_t)point > ranges[middle].last)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

#define WITHIN(ranges, point) within(ranges, KS_COUNT(ranges), point)

/* Joining_Type=T, of what may stand in a text at all: marks, and one letter modifier. */
static bool is_transparent(int32_t point)
{
    return (category(point) & (CATEGORY(MN) | CATEGORY(ME))) || point == 0x1e94b;
}

/* RFC 5892 A.1: (Joining_Type:{L,D})(Joining_Type:T)* ZWNJ (Joining_Type:T)*(Joining_Type:{R,D}) */
static bool breaks_a_joint(const int32_t *points, size_t count, size_t at)
{
    size_t before = at, after = at + 1;

    while (before > 0 && is_transparent(points[before - 1]))
        before--;
    while (after < count && is_transparent(points[after]))
        after++;
    return before > 0 && after < count && WITHIN(joins_after, points[before - 1])
        && WITHIN(joins_before, points[after]);
}

static bool any_between(const int32_t *points, size_t count, int32_t first, int32_t last)
{
    for (size_t i = 0; i < count; i++)
        if (points[i] >= first && points[i] <= last)
            return true;
    return false;
}

bool ks_codepoint_in_context(const int32_t *points, size_t count, size_t at)
{
    int32_t before = at > 0 ? points[at - 1] : 0, after = at + 1 < count ? points[at + 1] : 0;

    switch (points[at]) {
    case ZWNJ:
        return utf8proc_get_property(before)->combining_class == VIRAMA || breaks_a_joint(points, count, at);
    case ZWJ: /* A.2 */
        return utf8proc_get_property(before)->combining_class == VIRAMA;
    case 0xb7: /* A.3 middle dot: between two l, for Catalan */
        return before == 'l' && after == 'l';
    case 0x375: /* A.4 Greek keraia */
        return WITHIN(greek, after);
    case 0x5f3: /* A.5, A.6 Hebrew geresh and gershayim */
    case 0x5f4:
        return WITHIN(hebrew, before);
    case 0x30fb: /* A.7 Katakana middle dot */
        for (size_t i = 0; i < count; i++)
            if (WITHIN(kana_or_han, points[i]))
                return true;
        return false;
    default: /* A.8, A.9: not both kinds of Arabic-Indic digits */
        return points[at] < 0x6f0 ? !any_between(points, count, 0x6f0, 0x6f9)
                                  : !any_between(points, count, 0x660, 0x669);
    }
}

bool ks_codepoint_any_rtl(const int32_t *points, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bidi(points[i]) & (BIDI(R) | BIDI(AL) | BIDI(AN)))
            return true;
    return false;
}

bool ks_codepoint_bidi_ok(const int32_t *points, size_t count)
{
    const unsigned neutral = BIDI(ES) | BIDI(CS) | BIDI(ET) | BIDI(ON) | BIDI(BN) | BIDI(NSM);
    unsigned first = count ? bidi(points[0]) : 0, seen = 0, last = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned class = bidi(points[i]);
        seen |= class;
        if (class != BIDI(NSM))
            last = class;
    }
    if (first & BIDI(L)) /* conditions 5 and 6 */
        return !(seen & ~(BIDI(L) | BIDI(EN) | neutral)) && (last & (BIDI(L) | BIDI(EN)));
    if (!(first & (BIDI(R) | BIDI(AL)))) /* condition 1 */
        return false;
    return !(seen & ~(BIDI(R) | BIDI(AL) | BIDI(AN) | BIDI(EN) | neutral)) /* conditions 2, 3 and 4 */
        && (last & (BIDI(R) | BIDI(AL) | BIDI(EN) | BIDI(AN))) && !((seen & BIDI(EN)) && (seen & BIDI(AN)));
}

int32_t ks_codepoint_width_map(int32_t point)
{
    const utf8proc_property_t *property = utf8proc_get_property(point);
    int32_t mapped;
    int boundclass = 0;

    if (property->decomp_type != UTF8PROC_DECOMP_TYPE_WIDE && property->decomp_type != UTF8PROC_DECOMP_TYPE_NARROW)
        return point;
    utf8proc_ssize_t count =
        utf8proc_decompose_char(point, &mapped, 1, UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE, &boundclass);
    /* A halfwidth jamo's mapping is a compatibility jamo, which no class allows, but utf8proc goes on to the conjoining
     * one, which could become part of a syllable. */
    return count == 1 && !is_old_hangul_jamo(mapped) ? mapped : point;
}

bool ks_codepoint_decode(struct ks_str text, int32_t *points, size_t *ret_count)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text.ptr;
    size_t count = 0;

    for (size_t left = text.len; left;) {
        utf8proc_ssize_t len = utf8proc_iterate(at, (utf8proc_ssize_t)left, &points[count]);
        if (len <= 0)
            return false;
        at += len;
        left -= (size_t)len;
        count++;
    }
    *ret_count = count;
    return true;
}

struct ks_str ks_codepoint_encode(const int32_t *points, size_t count, char *ptr)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += (size_t)utf8proc_encode_char(points[i], (utf8proc_uint8_t *)ptr + len);
    return ks_str(ptr, len);
}
