/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "http_text.h"

/* The classes of ASCII, added up. */
static const uint8_t classes[128] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0,                /* a tab alone */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,                /* nothing */
    2, 7, 2, 3, 7, 7, 7, 7, 6, 6, 7, 7, 6, 15, 15, 6,              /*  !"#$%&'()*+,-./ */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 6, 2, 6, 2, 6,      /* 0123456789:;<=>? */
    6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* @ABCDEFGHIJKLMNO */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 2, 2, 2, 3, 15,    /* PQRSTUVWXYZ[\]^_ */
    3, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* `abcdefghijklmno */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 2, 3, 2, 15, 0,    /* pqrstuvwxyz{|}~ */
};

bool ks_http_all(struct ks_str text, unsigned class)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if (!((c < 0x80 ? classes[c] : KS_HTTP_VALUE) & class))
            return false;
    }
    return true;
}

bool ks_http_is_token(struct ks_str text)
{
    return text.len && ks_http_all(text, KS_HTTP_TOKEN);
}

static char lower(char c)
{
    return 'A' <= c && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool ks_http_is(struct ks_str text, struct ks_str other)
{
    if (text.len != other.len)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != other.ptr[i] && lower(text.ptr[i]) != lower(other.ptr[i]))
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct ks_str ks_http_trim(struct ks_str text)
{
    while (text.len && is_blank(text.ptr[0]))
        text = ks_str_from(text, 1);
    while (text.len && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

bool ks_http_list_next(struct ks_str *list, struct ks_str *ret_element)
{
    struct ks_str piece;

    while (ks_str_cut(list, ',', &piece)) {
        *ret_element = ks_http_trim(piece);
        if (ret_element->len)
            return true;
    }
    return false;
}

int ks_http_hex(char c)
{
    if ('0' <= c && c <= '9')
        return c - '0';
    c = lower(c);
    return 'a' <= c && c <= 'f' ? c - 'a' + 10 : -1;
}
