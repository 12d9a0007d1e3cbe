/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0191_blocking.c -- XEP-0191 Blocking Command, version 1.3. */
#include "blocking.h"
#include "feature_list.h"
#include "roster.h"
#include "session.h"

#define STORE "blocklist"

struct slot {
    bool interested; /* asked for the list: gets pushes (§3.3) */
};

/* §5, in its order: the full JID, the bare JID, the domain with a resource, the domain. */
bool ks_is_blocked(struct ks_ctx *ctx, struct ks_jid jid)
{
    const struct ks_jid forms[] = { jid, ks_jid_bare(jid), { KS_STR_EMPTY, jid.domain, jid.resource },
        { KS_STR_EMPTY, jid.domain, KS_STR_EMPTY } };
    struct ks_jid own = ks_user_jid(ctx->user);
    struct ks_str text;

    /* Nobody cuts off her own devices or her server. */
    if (ks_jid_eq_bare(jid, own) || (!jid.local.len && ks_str_eq(jid.domain, own.domain))
        || !ks_kv_next(ctx->user, STORE, NULL))
        return false;
    for (size_t i = 0; i < KS_COUNT(forms); i++)
        if (ks_jid_text(ctx->arena, forms[i], &text) == KS_OK && ks_kv_get(ctx->user, STORE, text).ptr)
            return true;
    return false;
}

/* --- the list --- */

static void on_list(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *list = ks_xml_new(ctx->arena, NS_BLOCKING, "blocklist");
    const struct ks_kv *row = NULL;
    struct ks_str text;

    (void)iq;
    if (ctx->session)
        ((struct slot *)ks_session_slot(ctx->session, &ks_feature_blocking))->interested = true;
    while ((row = ks_kv_next(ctx->user, STORE, row)))
        if (ks_arena_copy(ctx->arena, row->key, &text) == KS_OK)
            ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, list, NS_BLOCKING, "item"), "jid", text);
    ks_reply_result(ctx, list);
}

/* The command as it was given, to all that asked for the list. */
static void push(struct ks_ctx *ctx, const struct ks_xml *command)
{
    struct ks_session *s = NULL;

    while ((s = ks_user_session(ctx->user, s))) {
        struct ks_xml *iq, *copy;
        char *id;
        if (!((struct slot *)ks_session_slot(s, &ks_feature_blocking))->interested
            || !(id = ks_arena_alloc(ctx->arena, 16)))
            continue;
        for (size_t i = 0; i < 16; i++)
            id[i] = "abcdefghijklmnop"[ks_prng_below(&ctx->reactor->prng, 16)];
        iq = ks_stanza_new(ctx->arena, "iq", "set", ks_str(id, 16), ks_user_bare(ctx->user), ks_session_jid(s));
        copy = ks_xml_copy_top(ctx->arena, command);
        if (iq && copy) {
            ks_xml_graft(iq, copy);
            ks_send_session(ctx, s, iq);
        }
    }
}

/* §3.3: contacts that are blocked see the user go; §3.4: and come back. Only those who may see her at all. */
static void show_presence(struct ks_ctx *ctx, struct ks_str jid, bool available)
{
    struct ks_session *s = NULL;

    if (!ks_roster_from(ctx->user, jid) || !ks_domain_number(ctx->domain, "presence.broadcast"))
        return;
    while ((s = ks_user_session(ctx->user, s)))
        if (ks_session_available(s))
            ks_send(ctx, ks_presence_of(ctx, s, jid, available));
}

/* The items' JIDs, normalised; false: answered with an error. */
static bool read_items(
    struct ks_ctx *ctx, const struct ks_xml *command, struct ks_str *jids, size_t max, size_t *ret_count)
{
    *ret_count = 0;
    for (const struct ks_xml *item = ks_xml_child(command, NS_BLOCKING, "item"); item;
         item = ks_xml_next(item, NS_BLOCKING, "item")) {
        struct ks_jid jid;
        if (*ret_count == max) {
            ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
            return false;
        }
        if (ks_jid_parse(ctx->arena, ks_xml_attr(item, "jid"), &jid) != KS_OK
            || ks_jid_text(ctx->arena, jid, &jids[(*ret_count)++]) != KS_OK) {
            ks_reply_error(ctx, KS_JID_MALFORMED, NULL);
            return false;
        }
    }
    return true;
}

static void on_block(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    size_t max = (size_t)ks_domain_number(ctx->domain, "blocking.items_max"), jid_count;
    struct ks_str *jids = ks_arena_alloc(ctx->arena, max * sizeof *jids);

    if (!jids) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    if (!read_items(ctx, iq->payload, jids, max, &jid_count))
        return;
    if (jid_count == 0) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL); /* §3.3: "at least one <item/>" */
        return;
    }
    if (ks_kv_count(ctx->user, STORE) + jid_count > max) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    for (size_t i = 0; i < jid_count; i++) {
        if (!ks_kv_get(ctx->user, STORE, jids[i]).ptr)
            show_presence(ctx, jids[i], false);
        ks_kv_put(ctx, STORE, jids[i], KS_STR("1"));
    }
    ks_reply_result(ctx, NULL);
    push(ctx, iq->payload);
}

/* Without items: all (§3.5). */
static void on_unblock(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    size_t max = ks_kv_count(ctx->user, STORE) + 1, jid_count;
    struct ks_str *jids = ks_arena_alloc(ctx->arena, max * sizeof *jids);
    const struct ks_kv *row = NULL;

    if (!jids) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    if (ks_xml_child(iq->payload, NS_BLOCKING, "item")) {
        if (!read_items(ctx, iq->payload, jids, max, &jid_count))
            return;
    } else {
        for (jid_count = 0; (row = ks_kv_next(ctx->user, STORE, row)); jid_count++)
            if (ks_arena_copy(ctx->arena, row->key, &jids[jid_count]) != KS_OK) {
                ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
                return;
            }
    }
    for (size_t i = 0; i < jid_count; i++)
        if (ks_kv_get(ctx->user, STORE, jids[i]).ptr) {
            ks_kv_del(ctx, STORE, jids[i]);
            show_presence(ctx, jids[i], true);
        }
    ks_reply_result(ctx, NULL);
    push(ctx, iq->payload);
}

/* --- what it does (§5) --- */

static enum ks_pass outgoing(struct ks_ctx *ctx, struct ks_stanza *stanza)
{
    if (!stanza->has_to || !ks_is_blocked(ctx, stanza->to) || stanza->type == KS_IQ_RESULT
        || stanza->type == KS_IQ_ERROR)
        return KS_PASS_ON;
    if (stanza->kind == KS_PRESENCE) /* to take back a subscription must stay possible */
        return stanza->type == KS_PRES_UNAVAILABLE || stanza->type == KS_PRES_UNSUBSCRIBE
                || stanza->type == KS_PRES_UNSUBSCRIBED
            ? KS_PASS_ON
            : KS_PASS_STOP;
    ks_reply_error_app(ctx, KS_NOT_ACCEPTABLE, NS_BLOCKING_ERRORS, "blocked");
    return KS_PASS_STOP;
}

static enum ks_pass incoming(struct ks_ctx *ctx, struct ks_stanza *stanza)
{
    if (!stanza->has_from || !ks_is_blocked(ctx, stanza->from))
        return KS_PASS_ON;
    /* Our own error about what was sent there, in their name. */
    if (!ctx->parcel->from_account && (stanza->type == KS_MSG_ERROR || stanza->type == KS_IQ_ERROR))
        return KS_PASS_ON;
    /* The sender learns no more than that nobody takes it. */
    if (stanza->kind == KS_MESSAGE || stanza->type == KS_IQ_GET || stanza->type == KS_IQ_SET)
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
    return KS_PASS_STOP;
}

#define ALL (1U << KS_MESSAGE | 1U << KS_PRESENCE | 1U << KS_IQ)

const struct ks_feature ks_feature_blocking = {
    .name = "blocking",
    .disco = (const char *const[]) { NS_BLOCKING, NULL },
    .disco_account = (const char *const[]) { NS_BLOCKING, NULL },
    .iq = { { KS_IQ_GET, NS_BLOCKING, "blocklist", KS_TO_SELF, on_list }, /* §3.2 */
        { KS_IQ_SET, NS_BLOCKING, "block", KS_TO_SELF, on_block },        /* §3.3 */
        { KS_IQ_SET, NS_BLOCKING, "unblock", KS_TO_SELF, on_unblock } },  /* §3.4, §3.5 */
    .pass = { { KS_STAGE_SEND, ALL, outgoing }, { KS_STAGE_RECEIVE, ALL, incoming } },
    .stores = { { STORE, KS_DATA_CONTACTS, KS_KEEP_WITH_ACCOUNT, 0,
        "Addresses from which a person wants to hear nothing.", KS_READ_OWNER } },
    .options = { { "blocking.items_max", KS_OPT_COUNT, .init = 1000, .min = 10, .max = 100000,
        .doc = "Addresses one account may block." } },
    .session_size = sizeof(struct slot),
};
