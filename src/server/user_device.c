/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "user_device.h"

#include "crypto.h"
#include "user.h"

uint64_t ks_device_of(struct ks_str bare, struct ks_str name, bool said_id)
{
    struct ks_str parts[] = { said_id ? KS_STR("konsil device id\n") : KS_STR("konsil device resource\n"), bare,
        KS_STR("\n"), name };
    uint8_t digest[KS_HASH_MAX];
    uint64_t device = 0;

    ks_hash_parts(KS_SHA256, parts, KS_COUNT(parts), digest);
    for (int i = 0; i < 8; i++)
        device = device << 8 | digest[i];
    return device ? device : 1;
}

void ks_device_out(struct ks_ctx *ctx, uint64_t device)
{
    ctx->user->out_at = ++ctx->reactor->outs; /* who is logging in at this moment has to begin anew */
    for (size_t i = 0; ks_features[i]; i++)
        if (ks_features[i]->device_out)
            ks_features[i]->device_out(ctx, device);
}
