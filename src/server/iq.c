/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* iq.c -- requests and their answers (RFC 6120 §8.2.3, RFC 6121 §8.5.2.1.3 and §8.5.3.2.3). */
#include "route.h"
#include "session.h"
#include "user.h"

bool ks_iq_handle(struct ks_ctx *ctx, struct ks_stanza *iq, unsigned to)
{
    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_feature_iq *rule = ks_features[i]->iq; rule->type; rule++)
            if (rule->type == iq->type && (rule->to & to)
                && (rule->name ? ks_xml_is(iq->payload, rule->ns, rule->name) : ks_str_is(iq->payload->ns, rule->ns))) {
                rule->handle(ctx, iq);
                return true;
            }
    return false;
}

static bool is_request(const struct ks_stanza *iq)
{
    return iq->type == KS_IQ_GET || iq->type == KS_IQ_SET;
}

void ks_iq_sent_to_domain(struct ks_ctx *ctx, struct ks_stanza *iq)
{
    if (is_request(iq)
        && !ks_iq_handle(ctx, iq, ks_config_domain(ctx->reactor->config, iq->to.domain) ? KS_TO_DOMAIN : KS_TO_ROOMS))
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
}

/* To a session. Whoever asked for more than can be written for it (KS_STANZA_READ_MAX) is told so, and does not wait.
 */
static void give(struct ks_ctx *ctx, struct ks_session *s, const struct ks_stanza *iq)
{
    struct ks_bytes *bytes = ks_stanza_bytes(ctx->reactor, iq->xml);

    if (!bytes && !is_request(iq)) {
        struct ks_xml *error = ks_stanza_error(
            ctx->arena, iq, KS_POLICY_VIOLATION, KS_WIRE("wire.answer-large", "The answer is too large."));
        if (error && ks_xml_set(ctx->arena, error, "from", ks_xml_attr(iq->xml, "from")))
            ks_xml_set(ctx->arena, error, "to", ks_xml_attr(iq->xml, "to"));
        bytes = ks_stanza_bytes(ctx->reactor, error);
    }
    if (bytes)
        ks_session_write(s, bytes, 0);
    ks_bytes_unref(bytes);
}

void ks_iq_arrived(struct ks_ctx *ctx, struct ks_stanza *iq)
{
    bool own = ks_jid_eq_bare(iq->from, ks_user_jid(ctx->user));

    if (ks_run_passes(ctx, KS_STAGE_RECEIVE, iq) == KS_PASS_STOP)
        return;
    if (!ks_jid_is_bare(iq->to)) {
        struct ks_session *s = ks_user_resource(ctx->user, iq->to.resource);
        if (s)
            give(ctx, s, iq);
        else if (is_request(iq))
            ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL); /* RFC 6121 §8.5.3.2.3 */
        return;
    }
    if (!is_request(iq))
        return;
    /* RFC 6121 §8.5.1: an account that does not exist answers like a request that nobody handles. */
    if (!ks_user_exists(ctx->user) || !ks_iq_handle(ctx, iq, own ? KS_TO_SELF : KS_TO_ACCOUNT))
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
}
