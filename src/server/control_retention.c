/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control_retention.c -- commands on periods: which ones are in force, and what they delete. */
#include "feature_list.h"
#include "reactor.h"
#include "retention.h"
#include "say.h"

static void describe_domain(json_t *periods, const struct ks_config *config, const struct ks_domain *domain)
{
    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_feature_store *at = ks_features[i]->stores; at->store; at++) {
            if (!ks_retention_has_period(at) || !domain != (at->where == KS_IN_AUDIT || at->where == KS_IN_LOG))
                continue;
            json_array_append_new(periods,
                json_pack("{s:s%, s:s, s:I, s:s}", "domain", domain ? domain->name.ptr : "",
                    domain ? domain->name.len : 0, "category", at->store, "seconds",
                    (json_int_t)ks_retention_seconds(config, domain, at), "option", at->period ? at->period : ""));
        }
}

static void show(struct ks_control_call *call)
{
    const struct ks_config *config = call->reactor->config;
    json_t *result = ks_retention_state(call->reactor), *periods = json_array();
    const struct ks_domain *domain;

    for (size_t i = 0; (domain = ks_config_domain_at(config, i)); i++)
        describe_domain(periods, config, domain);
    describe_domain(periods, config, NULL);
    json_object_set_new(result, "periods", periods);
    ks_control_answer(call, NULL, result);
}

static void recorded(struct ks_control_call *call, struct ks_store_req *req)
{
    if (req->result == KS_OK)
        ks_retention_run(call);
    else
        ks_control_answer(call, SAY("control.store"), NULL);
}

static void run(struct ks_control_call *call)
{
    if (call->dry_run)
        ks_retention_run(call);
    else
        ks_control_record(call, KS_STR_EMPTY, recorded);
}

const struct ks_control_command ks_control_retention[] = {
    { "retention.show", KS_RIGHT_OPERATE | KS_RIGHT_AUDIT, false, "", "", show },
    { "retention.run", KS_RIGHT_OPERATE, true, "", "", run },
    { NULL },
};
