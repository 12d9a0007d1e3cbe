/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* pep.h -- what others may ask of xep_0163_pep.c. */
#ifndef KS_PEP_H
#define KS_PEP_H

#include "feature.h"

/* A session told what it wants to be notified of (XEP-0115): it gets the last items of such nodes, its own account's
 * and those of contacts it may see (XEP-0163 §4.3.4). */
void ks_pep_interested(struct ks_ctx *ctx, struct ks_session *session);

/* Publishes for ctx->user, as if a client of hers had, to a node that is made if need be. Where it cannot be, nothing
 * happens: it is by the way, and what it goes along with counts more. */
void ks_pep_publish_for(struct ks_ctx *ctx, struct ks_str node, struct ks_str id, const struct ks_xml *element);

/* The same, where a new node is for everybody to read. */
void ks_pep_publish_open(struct ks_ctx *ctx, struct ks_str node, struct ks_str id, const struct ks_xml *element);
/* Takes an item out, and tells it; one that is not there is no error. */
void ks_pep_retract_for(struct ks_ctx *ctx, struct ks_str node, struct ks_str id);
/* False also when ctx->user has no such node. */
bool ks_pep_may_read(struct ks_ctx *ctx, struct ks_str node, struct ks_jid reader);

#endif
