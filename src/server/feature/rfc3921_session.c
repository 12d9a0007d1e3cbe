/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* rfc3921_session.c -- RFC 3921 §3: older clients ask for a session after binding; there is nothing to do but to say
 * yes. */
#include "feature_list.h"

static void on_session(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    (void)iq;
    ks_reply_result(ctx, NULL);
}

const struct ks_feature ks_feature_session = {
    .name = "session",
    .iq = { { KS_IQ_SET, NS_SESSION, "session", KS_TO_SELF | KS_TO_DOMAIN, on_session } },
};
