/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* policy.h -- what other features ask of konsil_policy.c. */
#ifndef KS_POLICY_H
#define KS_POLICY_H

#include "feature.h"

/* A protected domain keeps of a person's words none that a feature's store would hold in clear (doc/PROTOCOL.md §3.1):
 * true, and answered with <policy-violation/>, if ctx->user is of one. */
bool ks_policy_keeps_none(struct ks_ctx *ctx);

#endif
