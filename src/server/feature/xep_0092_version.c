/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0092_version.c -- XEP-0092 Software Version, version 1.1. It names the software; which version runs is for the
 * administrator (konsilctl), not for whoever looks for known holes (§4). */
#include "feature_list.h"

static void on_version(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_VERSION, "query");

    (void)iq;
    ks_xml_add_text(ctx->arena, query, NS_VERSION, "name", KS_STR("konsil"));
    ks_xml_add_text(ctx->arena, query, NS_VERSION, "version", KS_STR("-"));
    ks_reply_result(ctx, query);
}

const struct ks_feature ks_feature_version = {
    .name = "version",
    .disco = (const char *const[]) { NS_VERSION, NULL },
    .iq = { { KS_IQ_GET, NS_VERSION, "query", KS_TO_DOMAIN | KS_TO_DOMAIN_OPEN, on_version } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_QUERY, NS_VERSION, "query" }, { 0 } },
};
