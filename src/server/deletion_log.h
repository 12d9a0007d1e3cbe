/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* deletion_log.h -- a row of the log of deletions (deletion.h) from where something is deleted at an account's home. */
#ifndef KS_DELETION_LOG_H
#define KS_DELETION_LOG_H

#include "feature.h"

/* By whom, and why: "author", "owner", "moderator", "konsild", or an actor of the audit log. */
struct ks_deletion {
    struct ks_str actor;
    const char *reason;
};
/* The row, whose detail is written to detail; for what writes it itself. */
void ks_deletion_row(struct ks_ctx *ctx, const struct ks_deletion *why, struct ks_str category, uint64_t rows,
    struct ks_buf *detail, struct ks_audit_row *ret_row);
/* One row in ctx's transaction; none when rows is 0. */
void ks_deletion_log(struct ks_ctx *ctx, const struct ks_deletion *why, struct ks_str category, uint64_t rows);

#endif
