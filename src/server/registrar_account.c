/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "registrar_account.h"

#include "reactor.h"
#include "session.h"
#include "user.h"

bool ks_is_registrar(const struct ks_ctx *ctx)
{
    struct ks_str local = ks_domain_text(ctx->domain, KS_OPTION_REGISTRAR);

    return local.len && !ctx->domain->parent && ks_user_exists(ctx->user)
        && ks_str_eq(ks_user_jid(ctx->user).local, local);
}

bool ks_from_registrar(const struct ks_ctx *ctx)
{
    return ks_is_registrar(ctx) && ctx->session && ctx->session->by_certificate;
}

bool ks_at_registrar(struct ks_ctx *ctx, const struct ks_stanza *iq, void (*run)(struct ks_ctx *ctx))
{
    struct ks_jid own = ks_user_jid(ctx->user);
    struct ks_str local = ks_domain_text(ctx->domain, KS_OPTION_REGISTRAR);

    if (!local.len) {
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
        return false;
    }
    if (!ks_str_eq(iq->to.domain, own.domain)) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
        return false;
    }
    ks_call(
        ctx, (struct ks_jid) { .local = local, .domain = own.domain }, run, ks_xml_copy_top(ctx->arena, iq->xml), 0);
    return true;
}

struct ks_session *ks_registrar_session(const struct ks_ctx *ctx)
{
    struct ks_session *s = NULL, *newest = NULL;

    while ((s = ks_user_session(ctx->user, s)))
        if (s->by_certificate && s->stream && !s->ending && (!newest || s->id > newest->id))
            newest = s;
    return newest;
}
