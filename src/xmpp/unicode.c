/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "unicode.h"

#include <utf8proc.h>

#include "codepoint.h"
#include "idna.h"
#include "jid.h"

#define PASSWORD_MAX 4096

struct points {
    int32_t *at;
    size_t count;
};

static enum ks_err new_points(struct ks_arena *arena, size_t count, struct points *ret_points)
{
    int32_t *at = ks_arena_alloc(arena, count * sizeof *at);

    if (!at)
        return ks_arena_full(arena, count * sizeof *at) ? KS_ELIMIT : KS_ENOMEM;
    *ret_points = (struct points) { at, count };
    return KS_OK;
}

static enum ks_err decode(struct ks_arena *arena, struct ks_str text, struct points *ret_points)
{
    enum ks_err err = new_points(arena, text.len, ret_points);

    if (err)
        return err;
    return ks_codepoint_decode(text, ret_points->at, &ret_points->count) ? KS_OK : KS_ESYNTAX;
}

static enum ks_err encode(struct ks_arena *arena, struct points points, size_t bytes_max, struct ks_str *ret_text)
{
    char *ptr = ks_arena_alloc(arena, 4 * points.count);

    if (!ptr)
        return ks_arena_full(arena, 4 * points.count) ? KS_ELIMIT : KS_ENOMEM;
    struct ks_str text = ks_codepoint_encode(points.at, points.count, ptr);
    if (text.len > bytes_max)
        return KS_ESYNTAX;
    *ret_text = text;
    return KS_OK;
}

static int combining_class(int32_t point)
{
    return utf8proc_get_property(point)->combining_class;
}

/* No canonical decomposition is longer (UAX #15). */
#define DECOMPOSED_MAX 4

/* NFC (RFC 8264 §5.2.4). With lower_case, that mapping first (§5.2.3): each code point to its Lowercase_Mapping,
 * without the context of a final sigma, which RFC 7622 §3.5 gives no "special status". It is done on decomposed text,
 * where even U+0130 maps to one code point. */
static enum ks_err normalise(struct ks_arena *arena, struct points in, bool lower_case, struct points *ret_points)
{
    struct points out;
    enum ks_err err = new_points(arena, DECOMPOSED_MAX * in.count, &out);
    size_t count = 0;

    if (err)
        return err;
    for (size_t i = 0; i < in.count; i++) {
        int boundclass = 0;
        utf8proc_ssize_t len = utf8proc_decompose_char(
            in.at[i], out.at + count, DECOMPOSED_MAX, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &boundclass);
        assert(len >= 0 && len <= DECOMPOSED_MAX);
        count += (size_t)len;
    }
    for (size_t i = 0; i < count; i++) {
        int32_t point = lower_case ? utf8proc_tolower(out.at[i]) : out.at[i];
        int class = combining_class(point);
        size_t at = i;
        for (; class && at > 0 && combining_class(out.at[at - 1]) > class; at--)
            out.at[at] = out.at[at - 1];
        out.at[at] = point;
    }
    utf8proc_ssize_t composed =
        utf8proc_normalize_utf32(out.at, (utf8proc_ssize_t)count, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    assert(composed >= 0 && (size_t)composed <= count);
    out.count = (size_t)composed;
    *ret_points = out;
    return KS_OK;
}

/* Whether each code point is in the IdentifierClass (RFC 8264 §4.2) or, with freeform, in the FreeformClass (§4.3). */
static bool in_class(struct points points, bool freeform)
{
    for (size_t i = 0; i < points.count; i++) {
        enum ks_codepoint_class class = ks_codepoint_precis(points.at[i]);
        if (class != KS_CP_PVALID && class != KS_CP_CONTEXT && !(freeform && class == KS_CP_FREE))
            return false;
    }
    return true;
}

static bool in_context(struct points points)
{
    for (size_t i = 0; i < points.count; i++)
        if (ks_codepoint_precis(points.at[i]) == KS_CP_CONTEXT && !ks_codepoint_in_context(points.at, points.count, i))
            return false;
    return true;
}

static enum ks_err check_len(struct ks_str text, size_t bytes_max)
{
    return text.len > 0 && text.len <= bytes_max ? KS_OK : KS_ESYNTAX;
}

enum ascii { ASCII_NORMAL, ASCII_UPPER, ASCII_NOT };

/* What a text is if it is ASCII without control characters. */
static enum ascii look(struct ks_str text)
{
    enum ascii found = ASCII_NORMAL;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if (c < 0x20 || c > 0x7e)
            return ASCII_NOT;
        if (c >= 'A' && c <= 'Z')
            found = ASCII_UPPER;
    }
    return found;
}

static enum ks_err lower_ascii(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text)
{
    char *copy = ks_arena_alloc(arena, text.len);

    if (!copy)
        return ks_arena_full(arena, text.len) ? KS_ELIMIT : KS_ENOMEM;
    for (size_t i = 0; i < text.len; i++)
        copy[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] | 0x20 : text.ptr[i]);
    *ret_text = ks_str(copy, text.len);
    return KS_OK;
}

/* RFC 7622 §3.3.1: what UsernameCaseMapped allows and a localpart does not; and the space, which no IdentifierClass
 * has. */
static bool has_separator(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] && strchr(" \"&'/:<>@", text.ptr[i]))
            return true;
    return false;
}

enum ks_err ks_unicode_localpart(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text)
{
    struct points points;
    struct ks_str made = text;
    enum ks_err err = check_len(text, KS_JID_PART_MAX);

    if (err)
        return err;
    enum ascii kind = look(text);
    if (kind == ASCII_NOT) {
        /* RFC 8265 §3.3.1: width mapping, then the class; §3.3.2: case, normalisation, directionality. */
        if ((err = decode(arena, text, &points)) != KS_OK)
            return err;
        for (size_t i = 0; i < points.count; i++)
            points.at[i] = ks_codepoint_width_map(points.at[i]);
        if (!in_class(points, false))
            return KS_ESYNTAX;
        if ((err = normalise(arena, points, true, &points)) != KS_OK)
            return err;
        if (!in_class(points, false) || !in_context(points))
            return KS_ESYNTAX;
        if (ks_codepoint_any_rtl(points.at, points.count) && !ks_codepoint_bidi_ok(points.at, points.count))
            return KS_ESYNTAX;
        err = encode(arena, points, KS_JID_PART_MAX, &made);
    } else if (kind == ASCII_UPPER) {
        err = lower_ascii(arena, text, &made);
    }
    if (err)
        return err;
    if (has_separator(made))
        return KS_ESYNTAX;
    *ret_text = made;
    return KS_OK;
}

/* RFC 8265 §4.2.2 */
static enum ks_err opaque(struct ks_arena *arena, struct ks_str text, size_t bytes_max, struct ks_str *ret_text)
{
    struct points points;
    enum ks_err err = check_len(text, bytes_max);

    if (err)
        return err;
    if (look(text) != ASCII_NOT) {
        *ret_text = text;
        return KS_OK;
    }
    if ((err = decode(arena, text, &points)) != KS_OK)
        return err;
    if (!in_class(points, true))
        return KS_ESYNTAX;
    for (size_t i = 0; i < points.count; i++)
        if (utf8proc_category(points.at[i]) == UTF8PROC_CATEGORY_ZS)
            points.at[i] = ' ';
    if ((err = normalise(arena, points, false, &points)) != KS_OK)
        return err;
    if (!in_class(points, true) || !in_context(points))
        return KS_ESYNTAX;
    return encode(arena, points, bytes_max, ret_text);
}

enum ks_err ks_unicode_resource(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text)
{
    return opaque(arena, text, KS_JID_PART_MAX, ret_text);
}

enum ks_err ks_unicode_password(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text)
{
    return opaque(arena, text, PASSWORD_MAX, ret_text);
}

/* RFC 3986 §3.2.2: dec-octets and three dots. */
static bool is_ipv4(struct ks_str text)
{
    struct ks_str octet;
    unsigned octets = 0;
    uint64_t value;

    while (ks_str_cut(&text, '.', &octet)) {
        if (octet.len > 3 || (octet.len > 1 && octet.ptr[0] == '0') || ks_str_u64(octet, 255, &value) != KS_OK)
            return false;
        octets++;
    }
    return octets == 4;
}

static bool is_hex_group(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789abcdefABCDEF", text.ptr[i]) || !text.ptr[i])
            return false;
    return text.len >= 1 && text.len <= 4;
}

/* How many 16-bit groups stand in text; 0xff if it is not groups between single colons. An IPv4 address may end it. */
static unsigned ipv6_groups(struct ks_str text, bool may_end_in_ipv4)
{
    unsigned groups = 0;
    struct ks_str group;

    while (text.len) {
        ks_str_cut(&text, ':', &group);
        if (!text.ptr && may_end_in_ipv4 && is_ipv4(group))
            return groups + 2;
        if (!is_hex_group(group) || (text.ptr && !text.len))
            return 0xff;
        groups++;
    }
    return groups;
}

/* RFC 3986 §3.2.2, IPv6address */
static bool is_ipv6(struct ks_str text)
{
    size_t gap = ks_str_find(text, KS_STR("::"));

    if (gap == text.len)
        return ipv6_groups(text, true) == 8;
    return ipv6_groups(ks_str_head(text, gap), false) + ipv6_groups(ks_str_from(text, gap + 2), true) <= 7;
}

static bool is_a_label(const int32_t *points, size_t count)
{
    if (count < 5 || points[0] != 'x' || points[1] != 'n' || points[2] != '-' || points[3] != '-')
        return false;
    for (size_t i = 4; i < count; i++)
        if (points[i] > 0x7f)
            return false;
    return true;
}

/* One label from in[] to out[], A-labels as U-labels (RFC 7622 §3.2.1); out has room for KS_LABEL_MAX more. */
static enum ks_err put_label(struct ks_arena *arena, const int32_t *in, size_t count, struct points *out)
{
    char text[4 * KS_LABEL_MAX];
    struct points label = { out->at + out->count, count }, normal;
    enum ks_err err;

    if (count > KS_LABEL_MAX)
        return KS_ESYNTAX;
    if (is_a_label(in, count)) {
        if (!ks_idna_from_a_label(ks_codepoint_encode(in, count, text), label.at, &label.count))
            return KS_ESYNTAX;
        if ((err = normalise(arena, label, true, &normal)) != KS_OK)
            return err;
        if (normal.count != label.count || memcmp(normal.at, label.at, label.count * sizeof *label.at) != 0)
            return KS_ESYNTAX;
    } else if (count) {
        memcpy(label.at, in, count * sizeof *in);
    }
    if (!ks_idna_label_ok(label.at, label.count))
        return KS_ESYNTAX;
    out->count += label.count;
    return KS_OK;
}

/* RFC 5893 §2: if any label has right-to-left text, the rule holds for all. */
static bool domain_bidi_ok(struct points points)
{
    size_t start = 0;

    if (!ks_codepoint_any_rtl(points.at, points.count))
        return true;
    for (size_t i = 0; i <= points.count; i++)
        if (i == points.count || points.at[i] == '.') {
            if (!ks_codepoint_bidi_ok(points.at + start, i - start))
                return false;
            start = i + 1;
        }
    return true;
}

static enum ks_err domain_labels(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text)
{
    struct points in, out;
    size_t start = 0;
    enum ks_err err = decode(arena, text, &in);

    if (err)
        return err;
    for (size_t i = 0; i < in.count; i++)
        in.at[i] = ks_codepoint_width_map(in.at[i]);
    if ((err = normalise(arena, in, true, &in)) != KS_OK
        || (err = new_points(arena, in.count + KS_LABEL_MAX, &out)) != KS_OK)
        return err;
    out.count = 0;
    /* A label never grows: Punycode takes a byte at least for each code point. */
    for (size_t i = 0; i <= in.count; i++)
        if (i == in.count || in.at[i] == '.') {
            if ((err = put_label(arena, in.at + start, i - start, &out)) != KS_OK)
                return err;
            if (i < in.count)
                out.at[out.count++] = '.';
            start = i + 1;
        }
    if (!domain_bidi_ok(out))
        return KS_ESYNTAX;
    return encode(arena, out, KS_JID_PART_MAX, ret_text);
}

/* Letters, digits, single dots and hyphens inside labels: a name in its normal form that asks for no more thought. */
static bool is_plain_domain(struct ks_str text)
{
    size_t label = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i], next = i + 1 < text.len ? text.ptr[i + 1] : '.';
        if (c == '.'       ? label == 0
                : c == '-' ? label == 0 || next == '-' || next == '.'
                           : !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > KS_LABEL_MAX)
            return false;
    }
    return label > 0;
}

enum ks_err ks_unicode_domain(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text)
{
    enum ks_err err;

    /* RFC 7622 §3.2: the final dot goes "before any other canonicalization steps are taken". */
    if (ks_str_ends(text, KS_STR(".")))
        text.len--;
    if ((err = check_len(text, KS_JID_PART_MAX)) != KS_OK)
        return err;
    if (text.ptr[0] == '[') {
        struct ks_str address = ks_str_head(ks_str_from(text, 1), text.len - 2);
        if (!ks_str_ends(text, KS_STR("]")) || !is_ipv6(address))
            return KS_ESYNTAX;
        return lower_ascii(arena, text, ret_text);
    }
    if (is_plain_domain(text)) {
        *ret_text = text;
        return KS_OK;
    }
    return domain_labels(arena, text, ret_text);
}

/* Writes what text folds to, or only counts when ptr is NULL. A mark goes before anything is put in order, so each code
 * point is for itself. */
static bool fold(struct ks_str text, char *ptr, size_t *ret_len)
{
    const utf8proc_option_t options =
        UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK;
    size_t len = 0;

    while (text.len) {
        uint8_t c = (uint8_t)text.ptr[0];
        if (c < 0x80) {
            if (ptr)
                ptr[len] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
            len++;
            text = ks_str_from(text, 1);
            continue;
        }
        int32_t point, folded[32];
        int boundclass = 0;
        char bytes[4];
        utf8proc_ssize_t step =
            utf8proc_iterate((const utf8proc_uint8_t *)text.ptr, (utf8proc_ssize_t)text.len, &point);
        if (step <= 0)
            return false;
        utf8proc_ssize_t count = utf8proc_decompose_char(point, folded, KS_COUNT(folded), options, &boundclass);
        assert(count <= (utf8proc_ssize_t)KS_COUNT(folded));
        for (utf8proc_ssize_t i = 0; i < count; i++)
            len += ks_codepoint_encode(&folded[i], 1, ptr ? ptr + len : bytes).len;
        text = ks_str_from(text, (size_t)step);
    }
    *ret_len = len;
    return true;
}

enum ks_err ks_unicode_fold(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text)
{
    size_t len;

    if (look(text) == ASCII_NORMAL) {
        *ret_text = text;
        return KS_OK;
    }
    if (!fold(text, NULL, &len))
        return KS_ESYNTAX;
    char *ptr = ks_arena_alloc(arena, len);
    if (!ptr)
        return ks_arena_full(arena, len) ? KS_ELIMIT : KS_ENOMEM;
    fold(text, ptr, &len);
    *ret_text = ks_str(ptr, len);
    return KS_OK;
}

size_t ks_unicode_columns(struct ks_str text)
{
    size_t columns = 0;

    while (text.len) {
        int32_t point;
        utf8proc_ssize_t step =
            utf8proc_iterate((const utf8proc_uint8_t *)text.ptr, (utf8proc_ssize_t)text.len, &point);
        columns += step > 0 ? (size_t)utf8proc_charwidth(point) : 1;
        text = ks_str_from(text, step > 0 ? (size_t)step : 1);
    }
    return columns;
}

size_t ks_unicode_count(struct ks_str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((uint8_t)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

size_t ks_unicode_control(struct ks_str text)
{
    const uint8_t first = text.len ? (uint8_t)text.ptr[0] : ' ', second = text.len > 1 ? (uint8_t)text.ptr[1] : 0;

    if (first < ' ' || first == 0x7f)
        return 1;
    return first == 0xc2 && second >= 0x80 && second < 0xa0 ? 2 : 0;
}
