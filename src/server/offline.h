/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* offline.h -- messages that no session got, out of the archive (XEP-0160's purpose without a second store).
 *
 * Each account has one mark: the time from which on its archive may hold messages that reached no client. It is written
 * in the transaction of the first message that finds nobody, or when a session ends with unacknowledged ones; the next
 * session that becomes available gets what came since, unless it fetches the archive itself (XEP-0313), and the mark
 * goes. */
#ifndef KS_OFFLINE_H
#define KS_OFFLINE_H

#include "feature.h"

/* A message of that time (0: not archived) did not reach a client; kept in memory until ks_offline_note. */
void ks_offline_missed(struct ks_user *user, int64_t stamp_ms);
/* Writes the mark, as part of ctx, if something was missed and none stands yet (or a later one). */
void ks_offline_note(struct ks_ctx *ctx);

#endif
