/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* outbox_record.h -- what the outbox's files share: its records, versioned, and the rows they stand in (outbox.h).
 * Reading is fuzzed. */
#ifndef KS_OUTBOX_RECORD_H
#define KS_OUTBOX_RECORD_H

#include "arena.h"
#include "outbox.h"

#define KS_OUT_LIST_MAX 100000 /* rows that are looked at in one go */

void ks_out_encode(struct ks_buf *buf, const struct ks_out *out);
/* Views point into record; leaves seq. KS_ESTORE; KS_EVERSION. */
KS_CHECK enum ks_err ks_out_decode(struct ks_str record, struct ks_out *ret_out);

/* What is to be said, before it has a number: says, body, references, emoji, urgency, files. */
void ks_draft_encode(struct ks_buf *buf, const struct ks_content *content);
KS_CHECK enum ks_err ks_draft_decode(struct ks_arena *arena, struct ks_str record, struct ks_content *ret_content);

/* Rows, in a step. kind: one of outbox.h's letters. */
KS_CHECK enum ks_err ks_out_get_row(struct konsil *k, char kind, uint64_t seq, struct ks_str *ret_value);
KS_CHECK enum ks_err ks_out_put_row(struct konsil *k, char kind, uint64_t seq, struct ks_str value);
KS_CHECK enum ks_err ks_out_del_row(struct konsil *k, char kind, uint64_t seq);
/* The head. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_out_load(struct konsil *k, uint64_t seq, struct ks_out *ret_out);
KS_CHECK enum ks_err ks_out_save(struct konsil *k, const struct ks_out *out);
/* Names a row by id, and by number when it has one; drop takes both away, with all rows. */
KS_CHECK enum ks_err ks_out_index(struct konsil *k, const struct ks_out *out);
KS_CHECK enum ks_err ks_out_drop(struct konsil *k, const struct ks_out *out);
KS_CHECK enum ks_err ks_out_by_id(struct konsil *k, struct ks_str id, uint64_t *ret_seq);
KS_CHECK enum ks_err ks_out_by_number(
    struct konsil *k, struct ks_str conversation, uint64_t epoch, uint64_t number, uint64_t *ret_seq);
/* The seqs of all rows of a kind, rising, in an array of the arena; at most max. */
KS_CHECK enum ks_err ks_out_list(struct konsil *k, char kind, size_t max, uint64_t **ret_seqs, size_t *ret_count);

/* It will not reach anybody: its message says so, or a warning (outbox.c). */
KS_CHECK enum ks_err ks_out_fail(struct konsil *k, struct ks_out *out, const char *code, struct ks_str detail);

#endif
