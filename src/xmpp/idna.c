/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "idna.h"

#include <utf8proc.h>

#include "codepoint.h"

/* RFC 3492 §5 */
enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, BIAS = 72, FIRST = 128 };

#define ENCODED_MAX (KS_LABEL_MAX - 4)

/* RFC 3492 §6.1 */
static uint32_t adapt(uint32_t delta, uint32_t count, bool first)
{
    uint32_t k = 0;

    delta = first ? delta / DAMP : delta / 2;
    delta += delta / count;
    for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
        delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t threshold(uint32_t k, uint32_t bias)
{
    return k <= bias + T_MIN ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;
}

static char digit_char(uint32_t digit)
{
    return (char)(digit < 26 ? 'a' + digit : '0' + digit - 26);
}

static uint32_t digit_value(char c)
{
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a');
    return c >= '0' && c <= '9' ? (uint32_t)(c - '0') + 26 : BASE;
}

/* RFC 3492 §6.3. What is all ASCII is no matter for Punycode. A label is at most 63 code points, so delta stays below
 * 63 * 0x110000. */
size_t ks_punycode_encode(const int32_t *points, size_t count, char *ptr)
{
    uint32_t n = FIRST, delta = 0, bias = BIAS, done, basic;
    size_t len = 0;

    if (count > ENCODED_MAX)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (points[i] < FIRST)
            ptr[len++] = (char)points[i];
    done = basic = (uint32_t)len;
    if (len == ENCODED_MAX)
        return 0;
    if (basic > 0)
        ptr[len++] = '-';
    while (done < count) {
        uint32_t next = 0x7fffffff;
        for (size_t i = 0; i < count; i++)
            if ((uint32_t)points[i] >= n && (uint32_t)points[i] < next)
                next = (uint32_t)points[i];
        delta += (next - n) * (done + 1);
        n = next;
        for (size_t i = 0; i < count; i++) {
            delta += (uint32_t)points[i] < n;
            if ((uint32_t)points[i] != n)
                continue;
            uint32_t q = delta, k = BASE;
            for (;; k += BASE) {
                uint32_t t = threshold(k, bias);
                if (len == ENCODED_MAX)
                    return 0;
                ptr[len++] = digit_char(q < t ? q : t + (q - t) % (BASE - t));
                if (q < t)
                    break;
                q = (q - t) / (BASE - t);
            }
            bias = adapt(delta, done + 1, done == basic);
            delta = 0;
            done++;
        }
        delta++;
        n++;
    }
    return len;
}

/* RFC 3492 §6.2 */
bool ks_punycode_decode(struct ks_str text, int32_t *points, size_t *ret_count)
{
    uint32_t n = FIRST, i = 0, bias = BIAS;
    size_t count = 0, at = 0;

    for (size_t k = 0; k < text.len; k++) {
        if ((uint8_t)text.ptr[k] >= FIRST)
            return false;
        if (text.ptr[k] == '-')
            count = at = k;
    }
    if (count > KS_LABEL_MAX)
        return false;
    for (size_t k = 0; k < count; k++)
        points[k] = (uint8_t)text.ptr[k];
    at += at > 0;
    while (at < text.len) {
        uint32_t before = i, weight = 1;
        for (uint32_t k = BASE;; k += BASE) {
            uint32_t digit = at < text.len ? digit_value(text.ptr[at++]) : BASE;
            if (digit >= BASE || digit > (INT32_MAX - i) / weight)
                return false;
            i += digit * weight;
            uint32_t t = threshold(k, bias);
            if (digit < t)
                break;
            if (weight > (uint32_t)INT32_MAX / (BASE - t))
                return false;
            weight *= BASE - t;
        }
        if (count == KS_LABEL_MAX)
            return false;
        bias = adapt(i - before, (uint32_t)count + 1, before == 0);
        n += i / ((uint32_t)count + 1);
        i %= (uint32_t)count + 1;
        if (n > 0x10ffff)
            return false;
        memmove(points + i + 1, points + i, (count - i) * sizeof *points);
        points[i++] = (int32_t)n;
        count++;
    }
    *ret_count = count;
    return true;
}

static bool is_mark(int32_t point)
{
    utf8proc_category_t category = utf8proc_category(point);

    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ME;
}

bool ks_idna_label_ok(const int32_t *points, size_t count)
{
    char encoded[KS_LABEL_MAX];
    bool ascii = true;

    if (count == 0 || points[0] == '-' || points[count - 1] == '-')
        return false;
    if (count >= 4 && points[2] == '-' && points[3] == '-') /* R-LDH labels, RFC 5890 §2.3.1 */
        return false;
    if (is_mark(points[0])) /* RFC 5891 §5.4 */
        return false;
    for (size_t i = 0; i < count; i++) {
        enum ks_codepoint_class class = ks_codepoint_idna(points[i]);
        ascii = ascii && points[i] < FIRST;
        if (class != KS_CP_PVALID && !(class == KS_CP_CONTEXT && ks_codepoint_in_context(points, count, i)))
            return false;
    }
    return ascii ? count <= KS_LABEL_MAX : ks_punycode_encode(points, count, encoded) > 0;
}

bool ks_idna_from_a_label(struct ks_str label, int32_t *points, size_t *ret_count)
{
    char encoded[KS_LABEL_MAX];
    struct ks_str punycode = ks_str_from(label, 4);
    size_t count, len;

    if (label.len > KS_LABEL_MAX || !ks_punycode_decode(punycode, points, &count))
        return false;
    /* RFC 5890 §2.3.2.1: a U-label holds something beyond ASCII, and the two turn into each other. */
    for (len = 0; len < count && points[len] < FIRST;)
        len++;
    if (len == count)
        return false;
    len = ks_punycode_encode(points, count, encoded);
    *ret_count = count;
    return ks_str_eq(ks_str(encoded, len), punycode);
}
