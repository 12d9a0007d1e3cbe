/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "deletion_log.h"

#include "deletion.h"
#include "reactor.h"

void ks_deletion_row(struct ks_ctx *ctx, const struct ks_deletion *why, struct ks_str category, uint64_t rows,
    struct ks_buf *detail, struct ks_audit_row *ret_row)
{
    ks_deletion_begin(detail, why->reason, 0);
    ks_deletion_add(detail, category, rows);
    if (ks_buf_err(detail) != KS_OK)
        ctx->arena->failed = true;
    *ret_row = (struct ks_audit_row) {
        .actor = why->actor, .action = KS_ACTION_DELETE, .subject = ctx->domain->name, .detail = ks_buf_str(detail)
    };
}

void ks_deletion_log(struct ks_ctx *ctx, const struct ks_deletion *why, struct ks_str category, uint64_t rows)
{
    struct ks_store_req *txn = rows ? ks_ctx_txn(ctx) : NULL;
    struct ks_audit_row row;
    struct ks_buf detail;

    if (!txn)
        return;
    ks_buf_init(&detail, 1000);
    ks_deletion_row(ctx, why, category, rows, &detail, &row);
    ks_store_txn_audit(txn, &row);
    ks_buf_done(&detail);
}
