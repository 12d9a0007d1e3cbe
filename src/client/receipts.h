/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* receipts.h -- how far an own message came, account by account: kept in its row, told when it changes. In a step. */
#ifndef KS_RECEIPTS_H
#define KS_RECEIPTS_H

#include "history.h"

/* States only go forward: waiting, server, delivered, read; a failure follows on what is not delivered yet, and is
 * undone by anything that proves it wrong. reason: an id of codes.h, or NULL. */
KS_CHECK enum ks_err ks_receipt_set(struct konsil *k, struct ks_str conversation, int64_t order, struct ks_str jid,
    enum ks_js_state state, const char *reason);

/* The same for every account that it goes to. */
KS_CHECK enum ks_err ks_receipt_all(
    struct konsil *k, struct ks_str conversation, int64_t order, enum ks_js_state state, const char *reason);
/* These are whom it goes to, by rising JID: who is not among them is none of its recipients any more. */
KS_CHECK enum ks_err ks_receipt_audience(
    struct konsil *k, struct ks_str conversation, int64_t order, const struct ks_str *jids, size_t count);
/* Those that got no key (reached[i] false, by place in jids) say why they wait. */
KS_CHECK enum ks_err ks_receipt_unreached(struct konsil *k, struct ks_str conversation, int64_t order,
    const struct ks_str *jids, const bool *reached, size_t count);
/* Whether every account has it; a message that is not in the history is had by nobody. */
KS_CHECK enum ks_err ks_receipt_complete(
    struct konsil *k, struct ks_str conversation, int64_t order, bool *ret_complete);

#endif
