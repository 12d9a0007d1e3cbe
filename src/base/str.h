/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* str.h -- text as a view: a pointer and a length, without a final zero.
 *
 * A ks_str owns nothing; its bytes live in an arena, a buffer or a literal that the caller keeps. It may hold
 * any bytes. Nothing here allocates but ks_str_dup. An empty view may have ptr NULL. */
#ifndef KS_STR_H
#define KS_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "err.h"

struct ks_str {
    const char *ptr;
    size_t len;
};

#define KS_STR(literal) ((struct ks_str) { "" literal, sizeof(literal) - 1 })
#define KS_STR_INIT(literal)            \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    } /* in a static initialiser */
#define KS_STR_EMPTY ((struct ks_str) { NULL, 0 })
#define KS_STR_FMT(s) (int)(s).len, (s).ptr /* for "%.*s" */

static inline struct ks_str ks_str(const void *ptr, size_t len)
{
    return (struct ks_str) { (const char *)ptr, len };
}

/* z may be NULL, which is the empty text. */
static inline struct ks_str ks_str_z(const char *z)
{
    return (struct ks_str) { z, z ? strlen(z) : 0 };
}

static inline bool ks_str_eq(struct ks_str a, struct ks_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool ks_str_starts(struct ks_str text, struct ks_str prefix)
{
    return text.len >= prefix.len && (prefix.len == 0 || memcmp(text.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool ks_str_is(struct ks_str a, const char *z)
{
    return ks_str_eq(a, ks_str_z(z));
}

/* Bytewise order, shorter first on a tie: <0, 0, >0 like memcmp. */
int ks_str_cmp(struct ks_str a, struct ks_str b);
bool ks_str_ends(struct ks_str text, struct ks_str suffix);

/* From start (clamped) to the end; the first len bytes (clamped). */
struct ks_str ks_str_from(struct ks_str text, size_t start);
struct ks_str ks_str_head(struct ks_str text, size_t len);
/* Without blanks (space, tab, CR, LF) at both ends. */
struct ks_str ks_str_trim(struct ks_str text);

/* The first place of a byte or a text; text.len if it is not there. */
size_t ks_str_find_byte(struct ks_str text, char byte);
size_t ks_str_find(struct ks_str text, struct ks_str needle);

/* Cuts the next piece up to byte off *text and steps over it: false when nothing is left. */
bool ks_str_cut(struct ks_str *text, char byte, struct ks_str *ret_piece);

/* Reads the whole text as a decimal number without sign. KS_OK; KS_ESYNTAX (empty, other characters);
 * KS_ELIMIT above max. *ret_value is written on KS_OK only. */
KS_CHECK enum ks_err ks_str_u64(struct ks_str text, uint64_t max, uint64_t *ret_value);

/* A zero-ended copy in malloc'd memory that the caller frees; NULL without memory. Bytes after an inner zero
 * are invisible to C functions, so check what a stranger sent before. */
char *ks_str_dup(struct ks_str text);

/* SipHash-1-3 with a secret key, so that strangers cannot choose collisions. The archive's index keeps such hashes
 * (archive_read.h), so the function does not change. */
uint64_t ks_str_hash(struct ks_str text, const uint64_t key[2]);

#endif
