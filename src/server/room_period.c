/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* room_period.c -- how long a room keeps what is said in it: its own days, never more than its domain's. */
#include "retention.h"
#include "room.h"

#define ARCHIVE KS_STR("archive") /* the store, as expire.c asks for it */
#define DAY_S 86400

/* A day that is begun counts, so that nobody who takes over what a form shows makes it shorter. */
static uint64_t domain_days(const struct ks_user *room)
{
    const struct ks_domain *service = ks_config_domain_at(room->reactor->config, room->domain);

    return (uint64_t)(ks_domain_number(service, "retention.archive") + DAY_S - 1) / DAY_S;
}

uint64_t ks_room_days(const struct ks_user *room)
{
    uint64_t most = domain_days(room), days;

    if (ks_str_u64(ks_kv_get(room, KS_STORE_RETENTION, ARCHIVE), KS_RETENTION_DAYS_MAX, &days) != KS_OK || !days)
        return most;
    return days < most ? days : most;
}

bool ks_room_days_fit(const struct ks_user *room, uint64_t days)
{
    return days <= domain_days(room);
}

bool ks_room_days_read(struct ks_str text, uint64_t *ret_days)
{
    if (ks_str_is(text, KS_ROOM_DAYS_OF_DOMAIN)) {
        *ret_days = 0;
        return true;
    }
    return ks_str_u64(text, KS_RETENTION_DAYS_MAX, ret_days) == KS_OK && *ret_days > 0;
}

void ks_room_days_put(struct ks_ctx *ctx, uint64_t days)
{
    struct ks_buf text;

    if (!days || days >= domain_days(ctx->user)) {
        ks_kv_del(ctx, KS_STORE_RETENTION, ARCHIVE);
        return;
    }
    ks_buf_init(&text, 32);
    ks_buf_u64_dec(&text, days);
    ks_kv_put(ctx, KS_STORE_RETENTION, ARCHIVE, ks_buf_str(&text));
    ks_buf_done(&text);
}
