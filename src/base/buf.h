/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* buf.h -- bytes being written, in memory that grows up to a limit.
 *
 * The first failure is remembered and later writes do nothing, so a writer looks once, at the end, with
 * ks_buf_err(). Views into a buffer are good until the next write. Not thread-safe. */
#ifndef KS_BUF_H
#define KS_BUF_H

#include <stdarg.h>

#include "str.h"

struct ks_buf {
    char *ptr;
    size_t len, cap, bytes_max;
    enum ks_err err;
    bool secret; /* wiped when memory moves or goes */
};

/* Takes no memory yet. */
void ks_buf_init(struct ks_buf *buf, size_t bytes_max);
/* For keys and passwords. */
void ks_buf_init_secret(struct ks_buf *buf, size_t bytes_max);
/* Frees; accepts zeroes. The limit stays, so the buffer may be used again. */
void ks_buf_done(struct ks_buf *buf);
/* Empties, keeps the memory, forgets a failure. */
void ks_buf_reset(struct ks_buf *buf);

/* KS_OK; KS_ELIMIT; KS_ENOMEM: the first failure since init or reset. */
KS_CHECK static inline enum ks_err ks_buf_err(const struct ks_buf *buf)
{
    return buf->err;
}

static inline struct ks_str ks_buf_str(const struct ks_buf *buf)
{
    return ks_str(buf->ptr, buf->len);
}

void ks_buf_add(struct ks_buf *buf, struct ks_str text);
void ks_buf_byte(struct ks_buf *buf, uint8_t byte);
void ks_buf_z(struct ks_buf *buf, const char *z);
void ks_buf_u64_dec(struct ks_buf *buf, uint64_t value);
void ks_buf_printf(struct ks_buf *buf, const char *format, ...) KS_PRINTF(2, 3);
void ks_buf_vprintf(struct ks_buf *buf, const char *format, va_list args) KS_PRINTF(2, 0);
/* Big-endian numbers of stored records. */
void ks_buf_u16(struct ks_buf *buf, uint16_t value);
void ks_buf_u32(struct ks_buf *buf, uint32_t value);
void ks_buf_u64(struct ks_buf *buf, uint64_t value);
/* A u32 length, then the bytes: how every variable part of our own records is written. */
void ks_buf_field(struct ks_buf *buf, struct ks_str text);
/* len bytes to be filled by the caller; NULL after a failure. */
KS_CHECK char *ks_buf_room(struct ks_buf *buf, size_t len);
/* For a writer of many small pieces: room behind the text for at least len bytes, which are not part of it before
 * ks_buf_wrote; all there is, in *ret_room. NULL after a failure, with no room. */
KS_CHECK char *ks_buf_reserve(struct ks_buf *buf, size_t len, size_t *ret_room);
void ks_buf_wrote(struct ks_buf *buf, size_t len);
/* Drops the first len bytes (len <= buf->len). */
void ks_buf_drop(struct ks_buf *buf, size_t len);

/* The reading side: a cursor over a record. Every read checks what is left; KS_ESYNTAX past the end. */
struct ks_cursor {
    struct ks_str left;
};

static inline struct ks_cursor ks_cursor(struct ks_str record)
{
    return (struct ks_cursor) { record };
}

static inline bool ks_cursor_done(const struct ks_cursor *at)
{
    return at->left.len == 0;
}

KS_CHECK enum ks_err ks_cursor_u8(struct ks_cursor *at, uint8_t *ret_value);
KS_CHECK enum ks_err ks_cursor_u16(struct ks_cursor *at, uint16_t *ret_value);
KS_CHECK enum ks_err ks_cursor_u32(struct ks_cursor *at, uint32_t *ret_value);
KS_CHECK enum ks_err ks_cursor_u64(struct ks_cursor *at, uint64_t *ret_value);
KS_CHECK enum ks_err ks_cursor_take(struct ks_cursor *at, size_t len, struct ks_str *ret_bytes);
KS_CHECK enum ks_err ks_cursor_field(struct ks_cursor *at, struct ks_str *ret_text);

/* Overwrites a secret in a way the compiler keeps. */
void ks_wipe(void *ptr, size_t len);

#endif
