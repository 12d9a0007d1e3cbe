/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0202_time.c -- XEP-0202 Entity Time, version 2.0. The server's zone tells nothing: it always speaks of UTC. */
#include "feature_list.h"

static void on_time(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *time = ks_xml_new(ctx->arena, NS_TIME, "time");
    char *stamp = ks_arena_alloc(ctx->arena, KS_STAMP_LEN + 1);

    (void)iq;
    if (!time || !stamp)
        return;
    ks_xml_add_text(ctx->arena, time, NS_TIME, "tzo", KS_STR("+00:00"));
    ks_xml_add_text(ctx->arena, time, NS_TIME, "utc", ks_stamp_write(ctx->now.wall_ms, stamp));
    ks_reply_result(ctx, time);
}

const struct ks_feature ks_feature_time = {
    .name = "time",
    .disco = (const char *const[]) { NS_TIME, NULL },
    .iq = { { KS_IQ_GET, NS_TIME, "time", KS_TO_DOMAIN | KS_TO_DOMAIN_OPEN, on_time } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_QUERY, NS_TIME, "time" }, { 0 } },
};
