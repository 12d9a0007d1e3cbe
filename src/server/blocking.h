/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* blocking.h -- what others ask of xep_0191_blocking.c. Stanzas that clients send pass it by themselves; this is for
 * what the server sends in a person's name. */
#ifndef KS_BLOCKING_H
#define KS_BLOCKING_H

#include "feature.h"

/* Whether ctx->user blocked this address (XEP-0191 §5); never true of her own account and domain. */
bool ks_is_blocked(struct ks_ctx *ctx, struct ks_jid jid);

#endif
