/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0199_ping.c -- XEP-0199 XMPP Ping, version 2.0.1. */
#include "feature_list.h"

/* §4.2 (client to server), §4.3 (for its own account). */
static void on_ping(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    (void)iq;
    ks_reply_result(ctx, NULL);
}

const struct ks_feature ks_feature_ping = {
    .name = "ping",
    .disco = (const char *const[]) { NS_PING, NULL },
    .iq = { { KS_IQ_GET, NS_PING, "ping", KS_TO_DOMAIN | KS_TO_DOMAIN_OPEN | KS_TO_SELF, on_ping } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_QUERY, NS_PING, "ping" }, { 0 } },
};
