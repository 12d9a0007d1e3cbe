/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "buf.h"

#include <stdio.h>
#include <stdlib.h>

void ks_wipe(void *ptr, size_t len)
{
    if (len)
        memset(ptr, 0, len);
    __asm__ __volatile__("" : : "r"(ptr) : "memory");
}

void ks_buf_init(struct ks_buf *buf, size_t bytes_max)
{
    *buf = (struct ks_buf) { .bytes_max = bytes_max };
}

void ks_buf_init_secret(struct ks_buf *buf, size_t bytes_max)
{
    *buf = (struct ks_buf) { .bytes_max = bytes_max, .secret = true };
}

void ks_buf_done(struct ks_buf *buf)
{
    if (buf->secret && buf->ptr)
        ks_wipe(buf->ptr, buf->cap);
    free(buf->ptr);
    buf->ptr = NULL;
    buf->len = buf->cap = 0;
    buf->err = KS_OK;
}

void ks_buf_reset(struct ks_buf *buf)
{
    if (buf->secret && buf->ptr)
        ks_wipe(buf->ptr, buf->len);
    buf->len = 0;
    buf->err = KS_OK;
}

static bool grow(struct ks_buf *buf, size_t len)
{
    if (buf->err)
        return false;
    if (len > buf->bytes_max || buf->len > buf->bytes_max - len) {
        buf->err = KS_ELIMIT;
        return false;
    }
    if (buf->ptr && buf->len + len <= buf->cap)
        return true;
    size_t cap = buf->cap ? buf->cap * 2 : 64;
    while (cap < buf->len + len)
        cap *= 2;
    if (cap > buf->bytes_max)
        cap = buf->bytes_max;
    char *moved = malloc(cap + 1); /* one more for the zero that vsnprintf writes behind its text */
    if (!moved) {
        buf->err = KS_ENOMEM;
        return false;
    }
    if (buf->ptr)
        memcpy(moved, buf->ptr, buf->len);
    if (buf->secret && buf->ptr)
        ks_wipe(buf->ptr, buf->cap);
    free(buf->ptr);
    buf->ptr = moved;
    buf->cap = cap;
    return true;
}

char *ks_buf_room(struct ks_buf *buf, size_t len)
{
    if (!grow(buf, len))
        return NULL;
    char *room = buf->ptr + buf->len;
    buf->len += len;
    return room;
}

char *ks_buf_reserve(struct ks_buf *buf, size_t len, size_t *ret_room)
{
    bool there = grow(buf, len);

    *ret_room = there ? buf->cap - buf->len : 0;
    return there ? buf->ptr + buf->len : NULL;
}

void ks_buf_wrote(struct ks_buf *buf, size_t len)
{
    assert(len <= buf->cap - buf->len);
    buf->len += len;
}

void ks_buf_add(struct ks_buf *buf, struct ks_str text)
{
    if (text.len && grow(buf, text.len)) {
        memcpy(buf->ptr + buf->len, text.ptr, text.len);
        buf->len += text.len;
    }
}

void ks_buf_byte(struct ks_buf *buf, uint8_t byte)
{
    ks_buf_add(buf, ks_str(&byte, 1));
}

void ks_buf_z(struct ks_buf *buf, const char *z)
{
    ks_buf_add(buf, ks_str_z(z));
}

void ks_buf_u64_dec(struct ks_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    ks_buf_add(buf, ks_str(digits + at, sizeof digits - at));
}

void ks_buf_vprintf(struct ks_buf *buf, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    if (len >= 0 && grow(buf, (size_t)len)) {
        vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    } else if (!buf->err) {
        buf->err = KS_ELIMIT;
    }
    va_end(again);
}

void ks_buf_printf(struct ks_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    ks_buf_vprintf(buf, format, args);
    va_end(args);
}

void ks_buf_u16(struct ks_buf *buf, uint16_t value)
{
    uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

    ks_buf_add(buf, ks_str(bytes, sizeof bytes));
}

void ks_buf_u32(struct ks_buf *buf, uint32_t value)
{
    ks_buf_u16(buf, (uint16_t)(value >> 16));
    ks_buf_u16(buf, (uint16_t)value);
}

void ks_buf_u64(struct ks_buf *buf, uint64_t value)
{
    ks_buf_u32(buf, (uint32_t)(value >> 32));
    ks_buf_u32(buf, (uint32_t)value);
}

void ks_buf_field(struct ks_buf *buf, struct ks_str text)
{
    if (text.len > UINT32_MAX) {
        buf->err = buf->err ? buf->err : KS_ELIMIT;
        return;
    }
    ks_buf_u32(buf, (uint32_t)text.len);
    ks_buf_add(buf, text);
}

void ks_buf_drop(struct ks_buf *buf, size_t len)
{
    assert(len <= buf->len);
    if (len && len < buf->len)
        memmove(buf->ptr, buf->ptr + len, buf->len - len);
    buf->len -= len;
}

enum ks_err ks_cursor_take(struct ks_cursor *at, size_t len, struct ks_str *ret_bytes)
{
    if (len > at->left.len)
        return KS_ESYNTAX;
    *ret_bytes = ks_str_head(at->left, len);
    at->left = ks_str_from(at->left, len);
    return KS_OK;
}

static enum ks_err number(struct ks_cursor *at, size_t len, uint64_t *ret_value)
{
    struct ks_str bytes;
    enum ks_err err = ks_cursor_take(at, len, &bytes);
    uint64_t value = 0;

    if (err)
        return err;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | (unsigned char)bytes.ptr[i];
    *ret_value = value;
    return KS_OK;
}

enum ks_err ks_cursor_u8(struct ks_cursor *at, uint8_t *ret_value)
{
    uint64_t value;
    enum ks_err err = number(at, 1, &value);

    if (!err)
        *ret_value = (uint8_t)value;
    return err;
}

enum ks_err ks_cursor_u16(struct ks_cursor *at, uint16_t *ret_value)
{
    uint64_t value;
    enum ks_err err = number(at, 2, &value);

    if (!err)
        *ret_value = (uint16_t)value;
    return err;
}

enum ks_err ks_cursor_u32(struct ks_cursor *at, uint32_t *ret_value)
{
    uint64_t value;
    enum ks_err err = number(at, 4, &value);

    if (!err)
        *ret_value = (uint32_t)value;
    return err;
}

enum ks_err ks_cursor_u64(struct ks_cursor *at, uint64_t *ret_value)
{
    return number(at, 8, ret_value);
}

enum ks_err ks_cursor_field(struct ks_cursor *at, struct ks_str *ret_text)
{
    struct ks_cursor try = *at;
    uint32_t len;
    enum ks_err err = ks_cursor_u32(&try, &len);

    if (err || (err = ks_cursor_take(&try, len, ret_text)))
        return err;
    *at = try;
    return KS_OK;
}
