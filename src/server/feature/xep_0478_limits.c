/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0478_limits.c -- XEP-0478 Stream Limits Advertisement, version 0.2.0: how long a stanza may be, before login and
 * after it. In clear nothing stands beside STARTTLS, and no stream is closed for being idle. */
#include "stream_limits.h"

#include "feature_list.h"
#include "reactor.h"

void ks_limits_add(struct ks_arena *arena, struct ks_xml *features, int64_t bytes_max)
{
    struct ks_xml *limits = ks_xml_add(arena, features, NS_STREAM_LIMITS, "limits");
    struct ks_str text;
    struct ks_buf buf;

    ks_buf_init(&buf, 32);
    ks_buf_u64_dec(&buf, (uint64_t)bytes_max);
    if (ks_arena_copy(arena, ks_buf_str(&buf), &text) == KS_OK)
        ks_xml_add_text(arena, limits, NS_STREAM_LIMITS, "max-bytes", text);
    ks_buf_done(&buf);
}

static void stream_features(
    struct ks_arena *arena, const struct ks_reactor *r, const struct ks_domain *domain, struct ks_xml *features)
{
    (void)domain;
    ks_limits_add(arena, features, ks_config_number(r->config, "stream.bytes"));
}

const struct ks_feature ks_feature_limits = {
    .name = "limits",
    .stream_features = stream_features,
};
