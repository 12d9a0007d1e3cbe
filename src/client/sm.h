/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sm.h -- stream management, the client's end (XEP-0198 1.6): what was handled, and what is not acknowledged yet.
 *
 * Counts only; writing elements and choosing when is stream.c's. A stanza in the queue carries a tag, by which its
 * sender learns that the server has it. Nothing here logs. */
#ifndef KS_SM_H
#define KS_SM_H

#include "list.h"
#include "str.h"

#define KS_SM_UNACKED_MAX 4096 /* stanzas; above it nothing is sent */

struct ks_sm {
    bool enabled, resumable;
    char *id;         /* of the session to resume; NULL: none */
    uint32_t handled; /* stanzas of the server that we handled, modulo 2^32 */
    uint32_t acked;   /* stanzas of ours that the server has, modulo 2^32 */
    size_t unacked;   /* in the queue: sent and not acknowledged */
    struct ks_list queue;
};

void ks_sm_init(struct ks_sm *sm);
void ks_sm_done(struct ks_sm *sm);
/* A new session: counters and queue are gone. */
void ks_sm_reset(struct ks_sm *sm);
/* <enabled/>. KS_ENOMEM. */
KS_CHECK enum ks_err ks_sm_enabled(struct ks_sm *sm, struct ks_str id, bool resumable);

/* A stanza goes out while enabled; bytes are copied. KS_ELIMIT: KS_SM_UNACKED_MAX; KS_ENOMEM. */
KS_CHECK enum ks_err ks_sm_sent(struct ks_sm *sm, struct ks_str bytes, uint64_t tag);
/* <a h/>, or h of <resumed/> and <failed/>: calls acked for each stanza that is newly acknowledged, in order; tags that
 * are 0 are skipped. KS_ESYNTAX: h counts stanzas that were never sent (XEP-0198 §4: the stream is to be closed). */
KS_CHECK enum ks_err ks_sm_acked(struct ks_sm *sm, uint32_t h, void (*acked)(void *user, uint64_t tag), void *user);
/* The stanzas to send again after <resumed/>: struct ks_str at; for (it = NULL; (it = ks_sm_next(sm, it, &at));) */
struct ks_sm_item;
const struct ks_sm_item *ks_sm_next(const struct ks_sm *sm, const struct ks_sm_item *after, struct ks_str *ret_bytes);

#endif
