/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* history_record.h -- a message as a stored record, versioned. Reading is fuzzed (fuzz_client_record). */
#ifndef KS_HISTORY_RECORD_H
#define KS_HISTORY_RECORD_H

#include "history.h"

#define KS_MESSAGE_RECORD_MAX (512 * 1024)

/* Failures stay in buf. conversation and order are the key and not in the record. */
void ks_message_encode(struct ks_buf *buf, const struct ks_message *message);
/* Views point into record; arrays are in arena. Leaves conversation and order as they are. KS_ESTORE: damaged;
 * KS_EVERSION; KS_ENOMEM. */
KS_CHECK enum ks_err ks_message_decode(struct ks_arena *arena, struct ks_str record, struct ks_message *ret_message);

#endif
