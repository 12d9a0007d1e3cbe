/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "der.h"

#define NUMBER_BYTES 9 /* 64 bits, and a zero before them when the first is set */

static enum ks_err take_length(struct ks_cursor *at, size_t *ret_len)
{
    uint8_t first, byte;
    size_t len = 0;

    if (ks_cursor_u8(at, &first) != KS_OK)
        return KS_ESYNTAX;
    if (first < 0x80) {
        *ret_len = first;
        return KS_OK;
    }
    if (first == 0x80 || first > 0x83) /* indefinite; or of more than 16 MiB, which nothing of ours is */
        return KS_ESYNTAX;
    for (int i = 0; i < first - 0x80; i++) {
        if (ks_cursor_u8(at, &byte) != KS_OK || (i == 0 && byte == 0))
            return KS_ESYNTAX;
        len = len << 8 | byte;
    }
    *ret_len = len;
    return len < 0x80 ? KS_ESYNTAX : KS_OK;
}

enum ks_err ks_der_take(struct ks_cursor *at, uint8_t tag, struct ks_str *ret_content)
{
    struct ks_cursor next = *at;
    struct ks_str content;
    uint8_t found;
    size_t len;

    if (ks_cursor_u8(&next, &found) != KS_OK || found != tag || take_length(&next, &len) != KS_OK
        || ks_cursor_take(&next, len, &content) != KS_OK)
        return KS_ESYNTAX;
    *at = next;
    *ret_content = content;
    return KS_OK;
}

enum ks_err ks_der_take_number(struct ks_cursor *at, uint8_t tag, uint64_t max, uint64_t *ret_number)
{
    struct ks_cursor next = *at;
    struct ks_str content;
    uint64_t number = 0;

    if (ks_der_take(&next, tag, &content) != KS_OK || !content.len || content.len > NUMBER_BYTES)
        return KS_ESYNTAX;
    if (content.ptr[0] & 0x80) /* less than zero */
        return KS_ESYNTAX;
    if (content.len > 1 && !content.ptr[0] && !(content.ptr[1] & 0x80)) /* a zero too many */
        return KS_ESYNTAX;
    if (content.len == NUMBER_BYTES && content.ptr[0])
        return KS_ESYNTAX;
    for (size_t i = 0; i < content.len; i++)
        number = number << 8 | (uint8_t)content.ptr[i];
    if (number > max)
        return KS_ESYNTAX;
    *at = next;
    *ret_number = number;
    return KS_OK;
}

void ks_der_put(struct ks_buf *buf, uint8_t tag, struct ks_str content)
{
    size_t len = content.len;
    int more = len >= 0x10000 ? 3 : len >= 0x100 ? 2 : len >= 0x80 ? 1 : 0;

    if (len >= 0x1000000) {
        buf->err = buf->err == KS_OK ? KS_ELIMIT : buf->err;
        return;
    }
    ks_buf_byte(buf, tag);
    if (more)
        ks_buf_byte(buf, (uint8_t)(0x80 + more));
    for (int i = more ? more - 1 : 0; i >= 0; i--)
        ks_buf_byte(buf, (uint8_t)(len >> (8 * i)));
    ks_buf_add(buf, content);
}

void ks_der_put_number(struct ks_buf *buf, uint8_t tag, uint64_t number)
{
    char bytes[NUMBER_BYTES];
    size_t at = sizeof bytes;

    do {
        bytes[--at] = (char)(number & 0xff);
        number >>= 8;
    } while (number);
    if (bytes[at] & 0x80)
        bytes[--at] = 0;
    ks_der_put(buf, tag, ks_str(bytes + at, sizeof bytes - at));
}
