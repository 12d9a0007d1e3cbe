/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "str.h"

#include <stdlib.h>

int ks_str_cmp(struct ks_str a, struct ks_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool ks_str_ends(struct ks_str text, struct ks_str suffix)
{
    return text.len >= suffix.len && ks_str_eq(ks_str_from(text, text.len - suffix.len), suffix);
}

struct ks_str ks_str_from(struct ks_str text, size_t start)
{
    if (start >= text.len)
        return KS_STR_EMPTY;
    return ks_str(text.ptr + start, text.len - start);
}

struct ks_str ks_str_head(struct ks_str text, size_t len)
{
    return ks_str(text.ptr, len < text.len ? len : text.len);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct ks_str ks_str_trim(struct ks_str text)
{
    while (text.len && blank(text.ptr[0]))
        text = ks_str_from(text, 1);
    while (text.len && blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

size_t ks_str_find_byte(struct ks_str text, char byte)
{
    const char *at = text.len ? memchr(text.ptr, byte, text.len) : NULL;

    return at ? (size_t)(at - text.ptr) : text.len;
}

size_t ks_str_find(struct ks_str text, struct ks_str needle)
{
    const char *found;

    if (needle.len == 0)
        return 0;
    found = text.len ? memmem(text.ptr, text.len, needle.ptr, needle.len) : NULL;
    return found ? (size_t)(found - text.ptr) : text.len;
}

bool ks_str_cut(struct ks_str *text, char byte, struct ks_str *ret_piece)
{
    if (!text->ptr)
        return false;
    size_t at = ks_str_find_byte(*text, byte);

    *ret_piece = ks_str_head(*text, at);
    *text = at < text->len ? ks_str(text->ptr + at + 1, text->len - at - 1) : KS_STR_EMPTY;
    return true;
}

enum ks_err ks_str_u64(struct ks_str text, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (!text.len)
        return KS_ESYNTAX;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.ptr[i] - (unsigned)'0';
        if (digit > 9)
            return KS_ESYNTAX;
        if (digit > max || value > (max - digit) / 10)
            return KS_ELIMIT;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return KS_OK;
}

char *ks_str_dup(struct ks_str text)
{
    char *copy = malloc(text.len + 1);

    if (!copy)
        return NULL;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    return copy;
}

/* SipHash (Aumasson, Bernstein 2012), one compression and three finalisation rounds. */
static inline uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

uint64_t ks_str_hash(struct ks_str text, const uint64_t key[2])
{
    uint64_t v[4] = { key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU, key[0] ^ 0x6c7967656e657261U,
        key[1] ^ 0x7465646279746573U };
    const unsigned char *at = (const unsigned char *)text.ptr;
    uint64_t word;

    for (size_t left = text.len; left >= 8; left -= 8, at += 8) {
        memcpy(&word, at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)text.len << 56;
    for (size_t i = 0; i < (text.len & 7); i++)
        word |= (uint64_t)at[i] << (8 * i);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
