/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "option_text.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 3986 §3.1 */
static bool is_scheme(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_letter(text.ptr[i]) && (i == 0 || (!is_digit(text.ptr[i]) && !strchr("+-.", text.ptr[i]))))
            return false;
    return text.len > 0;
}

/* RFC 3986 §2: unreserved, reserved, and the percent sign. */
static bool is_rest(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!text.ptr[i]
            || (!is_letter(text.ptr[i]) && !is_digit(text.ptr[i]) && !strchr("-._~:/?#[]@!$&'()*+,;=%", text.ptr[i])))
            return false;
    return text.len > 0;
}

bool ks_text_is_uri(struct ks_str text)
{
    size_t colon = ks_str_find_byte(text, ':');

    return !text.len
        || (colon < text.len && is_scheme(ks_str_head(text, colon)) && is_rest(ks_str_from(text, colon + 1)));
}

bool ks_text_is_uris(struct ks_str text)
{
    struct ks_str uri;

    while (text.len && ks_str_cut(&text, ' ', &uri))
        if (!ks_text_is_uri(uri))
            return false;
    return true;
}
