/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* presence.c -- what of presence is the core's: sessions that are available or not. Who learns of it is the business of
 * feature/rfc6121_presence.c. */
#include "route.h"
#include "session.h"
#include "user.h"

void ks_session_set_presence(struct ks_ctx *ctx, struct ks_session *s, struct ks_xml *stanza, int priority)
{
    struct ks_bytes *presence = stanza ? ks_stanza_bytes(ctx->reactor, stanza) : NULL;
    bool first = !s->presence;

    if (stanza && !presence)
        return; /* without memory, what was said before still holds */
    ks_bytes_unref(s->presence);
    s->presence = presence;
    s->priority = (int8_t)priority;
    for (size_t i = 0; ks_features[i]; i++) {
        const struct ks_feature *feature = ks_features[i];
        if (presence && feature->available)
            feature->available(ctx, s, first);
        else if (!presence && feature->unavailable)
            feature->unavailable(ctx, s);
    }
}

/* What it changed in the roster is durable. */
static void deliver(struct ks_ctx *ctx)
{
    const struct ks_stanza *presence = &ctx->parcel->stanza;
    struct ks_session *s = NULL;
    struct ks_bytes *bytes;

    bytes = ks_stanza_bytes(ctx->reactor, presence->xml);
    if (!bytes)
        return;
    if (!ks_jid_is_bare(presence->to)) {
        s = ks_user_resource(ctx->user, presence->to.resource);
        if (s)
            ks_session_deliver(s, presence->xml, bytes, 0);
    } else {
        while ((s = ks_user_session(ctx->user, s)))
            if (ks_session_available(s))
                ks_session_deliver(s, presence->xml, bytes, 0);
    }
    ks_bytes_unref(bytes);
}

void ks_presence_arrived(struct ks_ctx *ctx, struct ks_stanza *presence)
{
    /* RFC 6121 §8.5.1: presence for nobody is ignored. */
    if (ks_user_exists(ctx->user) && ks_run_passes(ctx, KS_STAGE_RECEIVE, presence) == KS_PASS_ON)
        ctx->committed = deliver;
}
