/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "enc.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void ks_base64_write(struct ks_str bytes, char *to)
{
    const unsigned char *from = (const unsigned char *)bytes.ptr;
    size_t left = bytes.len;

    for (; left >= 3; left -= 3, from += 3) {
        *to++ = alphabet[from[0] >> 2];
        *to++ = alphabet[(from[0] & 3) << 4 | from[1] >> 4];
        *to++ = alphabet[(from[1] & 15) << 2 | from[2] >> 6];
        *to++ = alphabet[from[2] & 63];
    }
    if (left) {
        unsigned second = left == 2 ? from[1] : 0;
        *to++ = alphabet[from[0] >> 2];
        *to++ = alphabet[(from[0] & 3) << 4 | second >> 4];
        *to++ = left == 2 ? alphabet[(second & 15) << 2] : '=';
        *to++ = '=';
    }
}

void ks_base64_add(struct ks_buf *buf, struct ks_str bytes)
{
    char *to = ks_buf_room(buf, KS_BASE64_LEN(bytes.len));

    if (to)
        ks_base64_write(bytes, to);
}

enum ks_err ks_base64(struct ks_arena *arena, struct ks_str bytes, struct ks_str *ret_text)
{
    char *to = ks_arena_alloc(arena, KS_BASE64_LEN(bytes.len));

    if (!to)
        return ks_arena_full(arena, KS_BASE64_LEN(bytes.len)) ? KS_ELIMIT : KS_ENOMEM;
    ks_base64_write(bytes, to);
    *ret_text = ks_str(to, KS_BASE64_LEN(bytes.len));
    return KS_OK;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

enum ks_err ks_base64_read(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_bytes)
{
    size_t pad = 0;

    if (text.len % 4)
        return KS_ESYNTAX;
    while (pad < 2 && pad < text.len && text.ptr[text.len - 1 - pad] == '=')
        pad++;
    size_t len = text.len / 4 * 3 - pad;
    unsigned char *bytes = ks_arena_alloc(arena, len);
    if (!bytes)
        return ks_arena_full(arena, len) ? KS_ELIMIT : KS_ENOMEM;
    unsigned bits = 0, held = 0;
    size_t at = 0;
    for (size_t i = 0; i < text.len - pad; i++) {
        int digit = base64_digit(text.ptr[i]);
        if (digit < 0)
            return KS_ESYNTAX;
        bits = (bits << 6 | (unsigned)digit) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[at++] = (unsigned char)(bits >> held);
        }
    }
    if (bits & ((1U << held) - 1))
        return KS_ESYNTAX;
    assert(at == len);
    *ret_bytes = ks_str(bytes, len);
    return KS_OK;
}

void ks_base64url_add(struct ks_buf *buf, struct ks_str bytes)
{
    size_t pad = (3 - bytes.len % 3) % 3, len = KS_BASE64_LEN(bytes.len) - pad;
    char last[4];
    char *to = ks_buf_room(buf, len);

    if (!to)
        return;
    ks_base64_write(ks_str_head(bytes, bytes.len / 3 * 3), to);
    if (pad) {
        ks_base64_write(ks_str_from(bytes, bytes.len / 3 * 3), last);
        memcpy(to + bytes.len / 3 * 4, last, 4 - pad);
    }
    for (size_t i = 0; i < len; i++)
        to[i] = (char)(to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i]);
}

enum ks_err ks_base64url_read(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_bytes)
{
    size_t pad = (4 - text.len % 4) % 4;
    char *padded = ks_arena_alloc(arena, text.len + pad);

    if (!padded)
        return ks_arena_full(arena, text.len + pad) ? KS_ELIMIT : KS_ENOMEM;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '+' || c == '/' || c == '=')
            return KS_ESYNTAX;
        padded[i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
    }
    memset(padded + text.len, '=', pad);
    return ks_base64_read(arena, ks_str(padded, text.len + pad), ret_bytes);
}

void ks_hex_add(struct ks_buf *buf, struct ks_str bytes)
{
    char *to = ks_buf_room(buf, bytes.len * 2);

    for (size_t i = 0; to && i < bytes.len; i++) {
        to[2 * i] = "0123456789abcdef"[(unsigned char)bytes.ptr[i] >> 4];
        to[2 * i + 1] = "0123456789abcdef"[bytes.ptr[i] & 15];
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum ks_err ks_hex_read(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_bytes)
{
    if (text.len % 2)
        return KS_ESYNTAX;
    char *bytes = ks_arena_alloc(arena, text.len / 2);
    if (!bytes)
        return ks_arena_full(arena, text.len / 2) ? KS_ELIMIT : KS_ENOMEM;
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = hex_digit(text.ptr[2 * i]), low = hex_digit(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return KS_ESYNTAX;
        bytes[i] = (char)(high << 4 | low);
    }
    *ret_bytes = ks_str(bytes, text.len / 2);
    return KS_OK;
}

void ks_percent_add(struct ks_buf *buf, struct ks_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c)))
            ks_buf_byte(buf, (uint8_t)c);
        else
            ks_buf_printf(buf, "%%%02X", (unsigned)(uint8_t)c);
    }
}
