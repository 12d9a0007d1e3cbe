/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* expire.h -- deletes what is older than its period, a slice at a time (retention.h decides when, and how long periods
 * are).
 *
 * A slice is part of a transaction like any other (ks_store_txn_expire), so the rows, the index, the log of what was
 * deleted and the place to go on from change together or not at all. A slice looks at some accounts of one domain and
 * deletes at most so many rows, so that messages do not wait for it. What is old goes first: after a crash the next
 * slice finds what is left.
 *
 * The archive: an account is taken out of what is older than its period; a row goes with its last owner, so each owner
 * has what his own domain promises. Values: by the stamp that the feature's descriptor reads out of them. The audit
 * log: from its beginning, and the number and hash of the last row that went stay as the chain's anchor
 * (audit_chain.h); the newest row always stays.
 *
 * Records of the person's archive: those whose own end has come, with their salts, and those whose salt is not there
 * (record_commit.h); versions of her key ring that were replaced a period ago.
 *
 * What was deleted is counted in the store until a domain is done, and then is one row of the log of deletions
 * (deletion.h). */
#ifndef KS_EXPIRE_H
#define KS_EXPIRE_H

#include "archive_read.h"

/* Where a slice writes, beside the store. */
struct ks_expire_into {
    const struct ks_archive_view *view;
    /* A row of the audit log; numbered and chained there. */
    enum ks_err (*audit)(void *user, struct ks_audit_row *row);
    /* The index's tail is to forget what account has up to this id, once all is durable. */
    void (*gone)(void *user, uint64_t account, uint64_t upto);
    void *user;
};

/* Inside a transaction. The result stands in req->expiry. */
KS_CHECK enum ks_err ks_expire(const struct ks_expire_into *into, struct ks_store_req *req, struct ks_expiry *expiry);
/* What ks_expire would delete of all accounts that it looks at; writes nothing. */
KS_CHECK enum ks_err ks_expire_count(
    const struct ks_archive_view *view, struct ks_store_req *req, struct ks_expiry *expiry);

/* When all was done last (wall_ms), out of the setting KS_EXPIRE_LAST; 0: never. */
#define KS_EXPIRE_LAST KS_STR("store.retention_last")
int64_t ks_expire_last_read(struct ks_str value);

#endif
