/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* enc.h -- bytes as text: base64 and hexadecimal. */
#ifndef KS_ENC_H
#define KS_ENC_H

#include "arena.h"
#include "buf.h"

/* Base64 of RFC 4648 §4, with padding. */
void ks_base64_add(struct ks_buf *buf, struct ks_str bytes);
/* The same to KS_BASE64_LEN(bytes.len) characters of memory that the caller has. */
#define KS_BASE64_LEN(len) (((len) + 2) / 3 * 4)
void ks_base64_write(struct ks_str bytes, char *to);
KS_CHECK enum ks_err ks_base64(struct ks_arena *arena, struct ks_str bytes, struct ks_str *ret_text);
/* Reads base64 with padding and, as RFC 6120 §13.9.1 and OMEMO demand, nothing else in it: KS_ESYNTAX otherwise,
 * also when the unused bits of the last character are not zero. The bytes belong to arena. */
KS_CHECK enum ks_err ks_base64_read(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_bytes);

/* Base64 of RFC 4648 §5 without padding, as JOSE (RFC 7515 §2) and Web Push have it; read as strictly. */
void ks_base64url_add(struct ks_buf *buf, struct ks_str bytes);
KS_CHECK enum ks_err ks_base64url_read(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_bytes);

/* Bytes that are not unreserved in a URI (RFC 3986 §2.3) as %XX. */
void ks_percent_add(struct ks_buf *buf, struct ks_str bytes);

/* Lower case. */
void ks_hex_add(struct ks_buf *buf, struct ks_str bytes);
KS_CHECK enum ks_err ks_hex_read(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_bytes);

#endif
