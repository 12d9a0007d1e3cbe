/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* record_commit.h -- the committer's part for records and key rings: two stores, and what holds between them.
 *
 * A record is in the server store and its salt in the shred store, under the same (account, rid, aseq), and it is there
 * when both are. Both have a transaction, and the shred store's is committed first:
 *
 *   - A put that dies between them leaves a salt of nothing. Nothing was acknowledged, the record is not there, and is
 *     put again. The other way round there would be a record that nobody can open and that looks stored.
 *   - What replaces a record has an aseq of its own, so its salt does not touch the salt of the record that is still
 *     there if the turn dies between them. The old salt goes after both commits (ks_records_replaced); if that is lost,
 *     it goes when the rid is dropped or put again, or at the end of its period.
 *   - A drop that dies between them leaves a record that nobody can open, which counts as not there. That is what was
 *     asked for; it is removed by the next expiry.
 *
 * After a backup of the server store was put back, the two differ: records without salts are not there, and are removed
 * by the next expiry; salts without records wait for the devices, which put again what `have` denies. A number that was
 * ever given to a salt is not given again, so those salts fit nothing else. */
#ifndef KS_RECORD_COMMIT_H
#define KS_RECORD_COMMIT_H

#include "record_req.h"
#include "store_write.h"

struct ks_record_stores {
    struct ks_record_store *records;
    struct ks_shred_store *shred; /* NULL: this server keeps no archives */
};

/* Before a write of req is done: what its own contents are wrong about (KS_ELIMIT, KS_EEXISTS; KS_ESTATE without a
 * shred store) is in *ret_fits. The return value is the stores'. */
KS_CHECK enum ks_err ks_records_check(const struct ks_record_stores *stores, struct ks_store_req *req,
    const struct ks_store_write *write, enum ks_err *ret_fits);
/* Does it, inside transactions of both. *ret_gone: rows that were dropped. */
KS_CHECK enum ks_err ks_records_write(const struct ks_record_stores *stores, struct ks_store_req *req,
    const struct ks_store_write *write, int64_t now_ms);
/* The row of the log of deletions (deletion.h) for a drop; its detail is written to text. */
#define KS_RECORDS_LOG_MAX 100
struct ks_audit_row ks_records_log(const struct ks_record_batch *batch, char text[KS_RECORDS_LOG_MAX]);
/* When both are committed: removes the salts of what this request has replaced, in a transaction of the shred store. */
bool ks_records_has_replaced(const struct ks_store_req *req);
KS_CHECK enum ks_err ks_records_replaced(const struct ks_record_stores *stores, const struct ks_store_req *req);

/* The reads of record_req.h. */
KS_CHECK enum ks_err ks_records_read(const struct ks_record_stores *stores, struct ks_store_req *req);

#endif
