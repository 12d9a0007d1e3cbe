/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0030_disco.c -- XEP-0030 Service Discovery, version 2.5.0, of the domain and of accounts. What there is comes
 * from the features' descriptors. Nodes are answered by the features that have some (pep.h). */
#include "disco.h"

#include "adhoc.h"
#include "feature_list.h"
#include "user.h"

void ks_disco_add(struct ks_arena *arena, struct ks_xml *query, const char *feature)
{
    ks_xml_set(arena, ks_xml_add(arena, query, NS_DISCO_INFO, "feature"), "var", ks_str_z(feature));
}

void ks_disco_identity(
    struct ks_arena *arena, struct ks_xml *query, const char *category, const char *type, const char *name)
{
    struct ks_xml *identity = ks_xml_add(arena, query, NS_DISCO_INFO, "identity");

    ks_xml_set(arena, identity, "category", ks_str_z(category));
    ks_xml_set(arena, identity, "type", ks_str_z(type));
    if (name)
        ks_xml_set(arena, identity, "name", ks_str_z(name));
}

static void add_all(struct ks_arena *arena, const struct ks_domain *domain, struct ks_xml *query, bool account)
{
    for (size_t i = 0; ks_features[i]; i++) {
        const char *const *names = account ? ks_features[i]->disco_account : ks_features[i]->disco;
        if (ks_features[i]->disco_if && !ks_domain_has(domain, ks_features[i]->disco_if))
            continue;
        for (; names && *names; names++)
            ks_disco_add(arena, query, *names);
    }
}

static struct ks_xml *info_new(struct ks_arena *arena)
{
    return ks_xml_new(arena, NS_DISCO_INFO, "query");
}

void ks_disco_domain(struct ks_arena *arena, const struct ks_domain *domain, struct ks_xml *query)
{
    ks_disco_identity(arena, query, "server", "im", "konsil");
    add_all(arena, domain, query, false);
    for (size_t i = 0; ks_features[i]; i++)
        if (ks_features[i]->disco_form)
            ks_features[i]->disco_form(arena, domain, query);
}

static void on_domain_info(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_domain *domain = ks_config_domain(ctx->reactor->config, iq->to.domain);
    struct ks_xml *query = info_new(ctx->arena);
    struct ks_str node = ks_xml_attr(iq->payload, "node");

    if (node.len && ks_str_eq(domain->name, ctx->domain->name) && ks_adhoc_disco_info(ctx, node))
        return;
    if (node.len && !ks_caps_is_ours(ctx->reactor, domain, node)) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
        return;
    }
    if (node.len)
        ks_xml_set(ctx->arena, query, "node", node);
    ks_disco_domain(ctx->arena, domain, query);
    ks_reply_result(ctx, query);
}

/* A copy: a reload may take the name away while this waits. */
static void add_host(struct ks_ctx *ctx, struct ks_xml *query, const struct ks_domain *host)
{
    struct ks_str name;

    if (host && ks_arena_copy(ctx->arena, host->name, &name) == KS_OK)
        ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, query, NS_DISCO_ITEMS, "item"), "jid", name);
}

static void on_domain_items(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_domain *domain = ks_config_domain(ctx->reactor->config, iq->to.domain);
    const struct ks_domain *rooms = domain ? ks_config_rooms(ctx->reactor->config, domain) : NULL;
    const struct ks_domain *component = domain ? ks_config_component(ctx->reactor->config, domain) : NULL;
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_DISCO_ITEMS, "query");

    if (ks_str_eq(iq->to.domain, ctx->domain->name) && ks_adhoc_disco_items(ctx, ks_xml_attr(iq->payload, "node")))
        return;
    if (ks_xml_attr(iq->payload, "node").len) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
        return;
    }
    add_host(ctx, query, rooms);     /* XEP-0045 §6.1 */
    add_host(ctx, query, component); /* XEP-0030 §4.1: what is beside it */
    ks_reply_result(ctx, query);
}

static void on_account_info(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *query = info_new(ctx->arena);
    struct ks_str node = ks_xml_attr(iq->payload, "node");

    if (node.len) {
        ks_pep_disco_info(ctx, iq, node);
        return;
    }
    /* RFC 6121 and XEP-0030 §8: to those who may know of the account. In one domain everybody may
     * (doc/ARCHITECTURE.md); other domains of this server are strangers. */
    if (!ks_str_eq(iq->from.domain, ks_user_jid(ctx->user).domain)) {
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    ks_disco_identity(ctx->arena, query, "account", "registered", NULL);
    ks_disco_identity(ctx->arena, query, "pubsub", "pep", NULL);
    add_all(ctx->arena, ctx->domain, query, true);
    ks_reply_result(ctx, query);
}

static void on_account_items(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    ks_pep_disco_items(ctx, iq, ks_xml_attr(iq->payload, "node"));
}

const struct ks_feature ks_feature_disco = {
    .name = "disco",
    .disco = (const char *const[]) { NS_DISCO_INFO, NS_DISCO_ITEMS, NULL },
    .disco_account = (const char *const[]) { NS_DISCO_INFO, NS_DISCO_ITEMS, NULL },
    .iq = { { KS_IQ_GET, NS_DISCO_INFO, "query", KS_TO_DOMAIN | KS_TO_DOMAIN_OPEN, on_domain_info },
        { KS_IQ_GET, NS_DISCO_ITEMS, "query", KS_TO_DOMAIN | KS_TO_DOMAIN_OPEN, on_domain_items },
        { KS_IQ_GET, NS_DISCO_INFO, "query", KS_TO_SELF | KS_TO_ACCOUNT, on_account_info },
        { KS_IQ_GET, NS_DISCO_ITEMS, "query", KS_TO_SELF | KS_TO_ACCOUNT, on_account_items } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_QUERY, NS_DISCO_INFO, "query" },
        { KS_CLEAR_QUERY, NS_DISCO_ITEMS, "query" }, { 0 } },
};
