/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* statement.h -- what is signed: a purpose line and one strict JSON object (doc/PROTOCOL.md §2).
 *
 * Bytes are signed as sent: nobody writes a statement anew before its signature is verified, so what two readers could
 * understand in two ways is refused. jansson parses; what it takes and the document does not is refused here. Pure
 * functions. */
#ifndef KS_STATEMENT_H
#define KS_STATEMENT_H

#include <jansson.h>

#include "arena.h"
#include "buf.h"

#define KS_STATEMENT_NUMBER_MAX 9007199254740991 /* 2^53 - 1 */
#define KS_STATEMENT_NAMES_MAX 16

/* Reads data: purpose, which ends with a line feed, then an object with exactly these names (the list ends with NULL;
 * a name that begins with '?' may be missing). KS_OK: the caller gives *ret_object back by json_decref. KS_ESYNTAX:
 * another purpose, a name twice, missing or too many, bytes behind the object; KS_ENOMEM. */
KS_CHECK enum ks_err ks_statement_open(
    struct ks_str data, const char *purpose, const char *const *names, json_t **ret_object);

/* Values. KS_ESYNTAX: of another kind, or over max. Text is copied into the arena; its failures too. */
KS_CHECK enum ks_err ks_statement_text(
    struct ks_arena *arena, const json_t *value, size_t bytes_max, struct ks_str *ret_text);
KS_CHECK enum ks_err ks_statement_number(const json_t *value, uint64_t max, uint64_t *ret_number);
/* Base64 of exactly len bytes. */
KS_CHECK enum ks_err ks_statement_bytes(struct ks_arena *arena, const json_t *value, size_t len, uint8_t *ret_bytes);
/* A bare JID in its normal form. */
KS_CHECK enum ks_err ks_statement_jid(struct ks_arena *arena, const json_t *value, struct ks_str *ret_jid);

/* Writes "text" as JSON does. */
void ks_statement_put_text(struct ks_buf *buf, struct ks_str text);
void ks_statement_put_bytes(struct ks_buf *buf, const uint8_t *bytes, size_t len);

#endif
