/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* pep_client.h -- the little of PubSub (XEP-0060, XEP-0163) that we need: fetch, publish, subscribe. In a step. */
#ifndef KS_PEP_CLIENT_H
#define KS_PEP_CLIENT_H

#include "iq_client.h"

/* item empty: the newest one. jid empty: our own node. */
KS_CHECK enum ks_err ks_pep_fetch(struct konsil *k, struct ks_str jid, const char *node, struct ks_str item,
    ks_iq_done_fn *done, struct ks_str text, uint64_t number);
/* All items; jid empty: of our own node. */
KS_CHECK enum ks_err ks_pep_fetch_items(
    struct konsil *k, struct ks_str jid, const char *node, ks_iq_done_fn *done, struct ks_str text);
/* The payload in an answer to fetch, or NULL. */
const struct ks_xml *ks_pep_payload(const struct ks_stanza *answer);
/* Publishes readable for everybody (XEP-0384 §5.3); max: a node of many items. A node that is there with another access
 * model is configured, and published to again. ks_keys_published is told how it ended. */
KS_CHECK enum ks_err ks_pep_publish(
    struct konsil *k, const char *node, struct ks_str item, struct ks_xml *payload, bool max);
/* XEP-0060 §6.1: changes are sent to us, also without a presence subscription. */
KS_CHECK enum ks_err ks_pep_subscribe(struct konsil *k, struct ks_str jid, const char *node);

/* Takes an item out of our own node, and has that told. */
KS_CHECK enum ks_err ks_pep_retract(
    struct konsil *k, const char *node, struct ks_str item, ks_iq_done_fn *done, struct ks_str text);
/* Publishes to a node that everybody may read. KS_EAGAIN: not online. */
KS_CHECK enum ks_err ks_pep_publish_public(struct konsil *k, const char *node, struct ks_str item,
    struct ks_xml *payload, ks_iq_done_fn *done, struct ks_str text, uint64_t number);
/* Publishes to a node of many items that nobody else reads (XEP-0223). KS_EAGAIN: not online. */
KS_CHECK enum ks_err ks_pep_publish_own(struct konsil *k, const char *node, struct ks_str item, struct ks_xml *payload,
    ks_iq_done_fn *done, struct ks_str text, uint64_t number);

#endif
