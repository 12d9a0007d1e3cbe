/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* route.h -- where stanzas go (RFC 6120 §10, RFC 6121 §8). */
#ifndef KS_ROUTE_H
#define KS_ROUTE_H

#include "reactor.h"

/* Sets parcel->home by the 'to' of its stanza; false when that is not an account of ours, nor a component's address. */
bool ks_route_home(struct ks_reactor *r, struct ks_parcel *parcel);

/* A stanza that one of ctx->user's sessions sent, stamped with its full JID (RFC 6120 §8.1.2.1). Runs at the sender's
 * home. */
void ks_route_sent(struct ks_ctx *ctx, struct ks_parcel *parcel);

/* A stanza for the account at whose home ctx is. */
void ks_route_arrived(struct ks_ctx *ctx);

/* iq.c, message.c: the parts of the two. */
/* to: of KS_TO_SELF and so on. False: nobody handles it. */
bool ks_iq_handle(struct ks_ctx *ctx, struct ks_stanza *iq, unsigned to);
void ks_iq_sent_to_domain(struct ks_ctx *ctx, struct ks_stanza *iq);
void ks_iq_arrived(struct ks_ctx *ctx, struct ks_stanza *iq);
void ks_message_arrived(struct ks_ctx *ctx, struct ks_stanza *message);
void ks_presence_arrived(struct ks_ctx *ctx, struct ks_stanza *presence);

#endif
