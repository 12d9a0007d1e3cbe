/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* deletion.h -- the words of the log of deletions (DSK I.7-f): rows of the audit log that say what went, how much of
 * it, when, why and by which hand, and never whose it was.
 *
 * A row is action "delete", subject the domain (empty: konsild's own), detail "reason=WHY [oldest=STAMP] CATEGORY=ROWS
 * ...". Whatever deletes writes one, in the transaction in which it deletes; features do by deletion_log.h. */
#ifndef KS_DELETION_H
#define KS_DELETION_H

#include "buf.h"

#define KS_ACTION_DELETE KS_STR("delete")

/* "reason=WHY [oldest=STAMP]", then " CATEGORY=ROWS" for each; nothing when rows is 0. */
void ks_deletion_begin(struct ks_buf *detail, const char *reason, int64_t oldest_ms);
void ks_deletion_add(struct ks_buf *detail, struct ks_str category, uint64_t rows);

#endif
