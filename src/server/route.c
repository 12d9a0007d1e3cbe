/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "route.h"

#include "c2s_component.h"
#include "room.h"
#include "session.h"
#include "user.h"

bool ks_route_home(struct ks_reactor *r, struct ks_parcel *parcel)
{
    struct ks_jid to = parcel->stanza.to;
    const struct ks_domain *host;

    if (!parcel->stanza.has_to || !(host = ks_config_host(r->config, to.domain)) || (!to.local.len && !host->component))
        return false;
    if (host->component) /* whatever the address there */
        to = (struct ks_jid) { .domain = to.domain };
    return ks_jid_text(&parcel->arena, ks_jid_bare(to), &parcel->home) == KS_OK;
}

void ks_route_sent(struct ks_ctx *ctx, struct ks_parcel *parcel)
{
    struct ks_stanza *stanza = &parcel->stanza;
    const struct ks_domain *host;

    parcel->from_account = ks_user_account(ctx->user);
    if (ks_run_passes(ctx, KS_STAGE_SEND, stanza) == KS_PASS_STOP
        || ks_run_passes(ctx, KS_STAGE_CLEAN, stanza) == KS_PASS_STOP)
        return;
    if (!stanza->has_to) {
        /* RFC 6120 §10.3: a message or iq without 'to' is for the own account; a presence without 'to' is a broadcast,
         * which a pass took. */
        if (stanza->kind != KS_PRESENCE) {
            /* §10.3.1: "treat the message as if the 'to' address were the bare JID": in the archive, too. */
            if (stanza->kind == KS_MESSAGE)
                ks_xml_set(ctx->arena, stanza->xml, "to", ks_user_bare(ctx->user));
            stanza->to = ks_user_jid(ctx->user);
            stanza->has_to = true;
            ks_route_arrived(ctx);
        }
        return;
    }
    /* For the own account at once, not by the queue: RFC 6120 §10.1 wants stanzas processed in order, and the next one
     * may be a presence, which takes effect here. */
    if (ks_jid_eq_bare(stanza->to, ks_user_jid(ctx->user))) {
        ks_route_arrived(ctx);
        return;
    }
    if (!(host = ks_config_host(ctx->reactor->config, stanza->to.domain))) {
        ks_reply_error(ctx, KS_REMOTE_SERVER_NOT_FOUND, NULL); /* RFC 6120 §10.4: federation is closed */
        return;
    }
    if (!stanza->to.local.len && !host->component) {
        /* RFC 6120 §10.5.1, §10.5.2: the domain itself, with or without a resource. */
        if (stanza->kind == KS_IQ)
            ks_iq_sent_to_domain(ctx, stanza);
        else if (stanza->kind == KS_MESSAGE)
            ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    if (ks_route_home(ctx->reactor, parcel))
        ks_ctx_post(ctx, ks_parcel_ref(parcel));
    else
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
}

void ks_route_arrived(struct ks_ctx *ctx)
{
    struct ks_stanza *stanza = &ctx->parcel->stanza;

    if (ctx->domain->parent) {
        ks_room_arrived(ctx, stanza);
        return;
    }
    if (ctx->domain->component) {
        ks_component_arrived(ctx, stanza);
        return;
    }
    switch (stanza->kind) {
    case KS_MESSAGE:
        ks_message_arrived(ctx, stanza);
        break;
    case KS_PRESENCE:
        ks_presence_arrived(ctx, stanza);
        break;
    case KS_IQ:
        ks_iq_arrived(ctx, stanza);
        break;
    }
}
