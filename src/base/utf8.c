/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "utf8.h"

/* RFC 3629 §4: what may stand first, and what behind it. Overlong forms, surrogates and what is beyond U+10FFFF are the
 * second bytes that are missing behind E0, ED, F0 and F4. */
static bool begin(struct ks_utf8 *utf8, uint8_t c)
{
    if (c < 0xc2 || c > 0xf4)
        return false;
    utf8->left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    utf8->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    utf8->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    return true;
}

static const uint8_t *skip_ascii(const uint8_t *at, const uint8_t *end)
{
    for (uint64_t eight; end - at >= 8; at += 8) {
        memcpy(&eight, at, sizeof eight);
        if (eight & 0x8080808080808080)
            break;
    }
    while (at < end && *at < 0x80)
        at++;
    return at;
}

bool ks_utf8_feed(struct ks_utf8 *utf8, struct ks_str piece)
{
    if (!piece.len)
        return true;
    const uint8_t *at = (const uint8_t *)piece.ptr, *end = at + piece.len;
    while (at < end) {
        if (utf8->left) {
            if (*at < utf8->low || *at > utf8->high)
                return false;
            utf8->left--;
            utf8->low = 0x80;
            utf8->high = 0xbf;
            at++;
        } else if ((at = skip_ascii(at, end)) < end && !begin(utf8, *at++)) {
            return false;
        }
    }
    return true;
}

bool ks_utf8_valid(struct ks_str text)
{
    struct ks_utf8 utf8 = { 0 };

    return ks_utf8_feed(&utf8, text) && ks_utf8_whole(&utf8);
}

struct ks_str ks_utf8_head(struct ks_str text, size_t len)
{
    if (len >= text.len)
        return text;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    return ks_str_head(text, len);
}
