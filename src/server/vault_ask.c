/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vault_ask.h"

#include "reactor.h"

static void answered(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_vault_ask *ask = ctx->parcel->user;

    if (req->result == KS_OK)
        ask->call = *req->vault;
    else
        ask->call.answer = KS_VAULT_LATER;
    if (ask->call.want == KS_VAULT_EVAL && ask->call.answer == KS_VAULT_YES && !ask->call.left)
        ks_log(ctx->reactor->log, KS_WARNING, "vault.locked"); /* whose, the audit log tells */
    ks_list_append(&ctx->reactor->vaults, &ask->link);
}

void ks_vault_asked(struct ks_reactor *r, struct ks_vault_ask *ask, struct ks_now now)
{
    struct ks_parcel *parcel = ks_parcel_new(256);
    struct ks_pending *pending = NULL;
    struct ks_store_req *req;

    r->now = now;
    ks_list_init(&ask->link);
    ask->call.window_ms = ks_config_number(r->config, "vault.window") * 1000;
    req = parcel ? ks_store_vault_new(&ask->call) : NULL;
    if (req)
        pending = ks_pending_new(r, NULL, parcel, req);
    if (pending) {
        parcel->user = ask;
        parcel->refused = ks_parcel_ignore;
        pending->on_answer = answered;
    } else {
        ks_store_req_free(req);
        ask->call.answer = KS_VAULT_LATER;
        ks_list_append(&r->vaults, &ask->link);
    }
    ks_parcel_unref(r, parcel);
    ks_reactor_run(r);
}

bool ks_vault_next_event(struct ks_reactor *r, struct ks_event *ret_event)
{
    struct ks_vault_ask *ask;

    if (ks_list_empty(&r->vaults))
        return false;
    ask = KS_CONTAINER(r->vaults.next, struct ks_vault_ask, link);
    ks_list_leave(&ask->link);
    *ret_event = (struct ks_event) { .kind = KS_EV_VAULT, .vault = ask, .edge = ask->edge };
    return true;
}
