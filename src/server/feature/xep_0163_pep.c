/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0163_pep.c -- XEP-0163 Personal Eventing Protocol, version 1.2.2: every account is a pubsub service
 * (XEP-0060 1.26) for its own nodes.
 *
 * Who is told: the account's own sessions and those of contacts that may see its presence, if their client asked for it
 * ("NODE+notify", XEP-0115), and whoever subscribed to the node, contact or not. Presence need not be broadcast for
 * that, so that device lists reach everybody in a protected domain (doc/ARCHITECTURE.md). */
#include "pep.h"

#include "blocking.h"
#include "dataform.h"
#include "disco.h"
#include "feature_list.h"
#include "pep_node.h"
#include "roster.h"
#include "session.h"
#include "xml_reader.h"
#include "xml_writer.h"

static uint32_t items_cap(const struct ks_ctx *ctx)
{
    return (uint32_t)ks_domain_number(ctx->domain, "pep.items_max");
}

static bool is_owner(const struct ks_ctx *ctx, struct ks_jid from)
{
    return ks_jid_eq_bare(from, ks_user_jid(ctx->user));
}

static struct ks_str bare_text(struct ks_ctx *ctx, struct ks_jid jid)
{
    struct ks_str text;

    return ks_jid_text(ctx->arena, ks_jid_bare(jid), &text) == KS_OK ? text : KS_STR_EMPTY;
}

/* --- who may read --- */

static bool in_group(const struct ks_contact *contact, struct ks_str groups)
{
    struct ks_str group;

    while (groups.len && ks_str_cut(&groups, 0, &group))
        for (size_t i = 0; i < contact->group_count; i++)
            if (ks_str_eq(contact->groups[i], group))
                return true;
    return false;
}

/* XEP-0060 §4.5, XEP-0163 §4.1 */
static bool may_read(
    const struct ks_ctx *ctx, const struct ks_pep_config *config, struct ks_jid from, struct ks_str bare)
{
    struct ks_contact contact;

    if (is_owner(ctx, from))
        return true;
    switch (config->access) {
    case KS_PEP_OPEN:
        return true;
    case KS_PEP_PRESENCE:
        return ks_roster_from(ctx->user, bare);
    case KS_PEP_ROSTER:
        return ks_roster_get(ctx->user, bare, &contact) && contact.listed && in_group(&contact, config->groups);
    case KS_PEP_WHITELIST:
    case KS_PEP_ACCESS_COUNT:
        break;
    }
    return false;
}

/* XEP-0060 §6.1.3.2 to §6.1.3.5 */
static void refuse(struct ks_ctx *ctx, const struct ks_pep_config *config)
{
    static const struct {
        enum ks_cond cond;
        const char *name;
    } reasons[KS_PEP_ACCESS_COUNT] = {
        [KS_PEP_OPEN] = { KS_FORBIDDEN, "closed-node" },
        [KS_PEP_PRESENCE] = { KS_NOT_AUTHORIZED, "presence-subscription-required" },
        [KS_PEP_ROSTER] = { KS_NOT_AUTHORIZED, "not-in-roster-group" },
        [KS_PEP_WHITELIST] = { KS_NOT_ALLOWED, "closed-node" },
    };

    ks_reply_error_app(ctx, reasons[config->access].cond, NS_PUBSUB_ERRORS, reasons[config->access].name);
}

/* The node that a request names, if the sender may read it; answers otherwise. */
static bool readable(struct ks_ctx *ctx, const struct ks_stanza *iq, struct ks_str node, struct ks_pep_config *config)
{
    if (!node.len)
        ks_reply_error_app(ctx, KS_BAD_REQUEST, NS_PUBSUB_ERRORS, "nodeid-required");
    else if (!ks_pep_node_get(ctx->user, node, config))
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
    else if (!may_read(ctx, config, iq->from, bare_text(ctx, iq->from)))
        refuse(ctx, config);
    else
        return true;
    return false;
}

/* --- telling --- */

static struct ks_xml *event_new(
    struct ks_ctx *ctx, struct ks_str to, const char *what, struct ks_str node, struct ks_xml **ret_what)
{
    struct ks_xml *message =
        ks_stanza_new(ctx->arena, "message", "headline", KS_STR_EMPTY, ks_user_bare(ctx->user), to);
    struct ks_xml *event = ks_xml_add(ctx->arena, message, NS_PUBSUB_EVENT, "event");

    *ret_what = ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, event, NS_PUBSUB_EVENT, what), "node", node);
    return message;
}

/* An item as an element of ns, with its payload read anew. */
static struct ks_xml *add_item(
    struct ks_ctx *ctx, struct ks_xml *parent, const char *ns, const struct ks_pep_item *item)
{
    struct ks_xml *element = ks_xml_add(ctx->arena, parent, ns, "item"), *payload;
    struct ks_str id;

    if (ks_arena_copy(ctx->arena, item->id, &id) != KS_OK)
        return NULL;
    ks_xml_set(ctx->arena, element, "id", id);
    if (item->payload.len && ks_xml_read(ctx->arena, item->payload, KS_STR_EMPTY, KS_STR_EMPTY, &payload) == KS_OK)
        ks_xml_graft(element, payload);
    return element;
}

/* At the home of somebody to be told. number 1: a subscriber, whose sessions all get it; 0: a contact, of whose
 * sessions those get it that asked for this node. Blocking counts as for any message. */
static void event_run(struct ks_ctx *ctx)
{
    struct ks_stanza *message = &ctx->parcel->stanza;
    const struct ks_xml *event = ks_xml_child(message->xml, NS_PUBSUB_EVENT, "event");
    struct ks_str node = ks_xml_attr(ks_xml_child(event, NS_PUBSUB_EVENT, NULL), "node");
    struct ks_session *s = NULL;

    if (!ks_user_account(ctx->user) || ks_run_passes(ctx, KS_STAGE_RECEIVE, message) == KS_PASS_STOP)
        return;
    while ((s = ks_user_session(ctx->user, s)))
        if (ks_session_available(s) && (ctx->parcel->number || ks_caps_wants(s, node)))
            ks_session_write_xml(s, message->xml, 0);
}

/* what is one of items, retract…, in a message without 'to'. */
static void tell(struct ks_ctx *ctx, struct ks_str node, const struct ks_pep_config *config, struct ks_xml *message)
{
    const struct ks_kv *row = NULL;
    struct ks_session *s = NULL;
    struct ks_xml *copy;
    struct ks_str jid;

    if (!message)
        return;
    while ((s = ks_user_session(ctx->user, s)))
        if (ks_session_available(s) && ks_caps_wants(s, node) && (copy = ks_xml_copy_top(ctx->arena, message))
            && ks_xml_set(ctx->arena, copy, "to", ks_session_jid(s)))
            ks_send_session(ctx, s, copy);
    while ((row = ks_pep_subscriber_next(ctx->user, node, row, &jid))) {
        struct ks_jid parts = ks_jid_split(jid);
        struct ks_str to;
        if (may_read(ctx, config, parts, bare_text(ctx, parts)) && !ks_is_blocked(ctx, parts)
            && ks_arena_copy(ctx->arena, jid, &to) == KS_OK && (copy = ks_xml_copy_top(ctx->arena, message))
            && ks_xml_set(ctx->arena, copy, "to", to)) {
            if (parts.resource.len)
                ks_send(ctx, copy);
            else
                ks_call(ctx, parts, event_run, copy, 1);
        }
    }
    row = NULL;
    while ((row = ks_kv_next(ctx->user, KS_STORE_ROSTER, row))) {
        struct ks_contact contact;
        struct ks_str to;
        if (ks_roster_decode(row->value, &contact) != KS_OK || !contact.from
            || ks_pep_subscriber_has(ctx->user, node, row->key) || ks_is_blocked(ctx, ks_jid_split(row->key))
            || !may_read(ctx, config, ks_jid_split(row->key), row->key)
            || ks_arena_copy(ctx->arena, row->key, &to) != KS_OK)
            continue;
        if ((copy = ks_xml_copy_top(ctx->arena, message)) && ks_xml_set(ctx->arena, copy, "to", to))
            ks_call(ctx, ks_jid_split(to), event_run, copy, 0);
    }
}

/* The last item, to one session or subscriber. */
static struct ks_xml *last_item(struct ks_ctx *ctx, struct ks_str node, struct ks_str to)
{
    struct ks_pep_item item;
    struct ks_xml *items, *message;
    struct ks_str name;

    if (!ks_pep_item_last(ctx->user, node, &item) || ks_arena_copy(ctx->arena, node, &name) != KS_OK)
        return NULL;
    message = event_new(ctx, to, "items", name, &items);
    return add_item(ctx, items, NS_PUBSUB_EVENT, &item) ? message : NULL;
}

/* At a contact's home: a session of somebody who sees this account wants some nodes (XEP-0163 §4.3.4). */
static void wants_run(struct ks_ctx *ctx)
{
    const struct ks_stanza *message = &ctx->parcel->stanza;
    struct ks_str bare = bare_text(ctx, message->from), from;

    if (!ks_user_account(ctx->user) || ks_jid_text(ctx->arena, message->from, &from) != KS_OK)
        return;
    for (const struct ks_xml *at = ks_xml_child(message->xml, NS_PUBSUB, "wants"); at;
         at = ks_xml_next(at, NS_PUBSUB, "wants")) {
        struct ks_str node = ks_xml_attr(at, "node");
        struct ks_pep_config config;
        struct ks_xml *event;
        if (ks_roster_from(ctx->user, bare) && ks_pep_node_get(ctx->user, node, &config)
            && config.last == KS_PEP_LAST_ON_SUB_AND_PRESENCE && may_read(ctx, &config, message->from, bare)
            && (event = last_item(ctx, node, from)))
            ks_send(ctx, event);
    }
}

void ks_pep_interested(struct ks_ctx *ctx, struct ks_session *session)
{
    const struct ks_kv *row = NULL;
    struct ks_xml *event;

    while ((row = ks_kv_next(ctx->user, KS_STORE_PEP_NODE, row))) {
        struct ks_pep_config config;
        if (ks_caps_wants(session, row->key) && ks_pep_node_get(ctx->user, row->key, &config)
            && config.last == KS_PEP_LAST_ON_SUB_AND_PRESENCE
            && (event = last_item(ctx, row->key, ks_session_jid(session))))
            ks_send_session(ctx, session, event);
    }
    row = NULL;
    while ((row = ks_kv_next(ctx->user, KS_STORE_ROSTER, row))) {
        struct ks_contact contact;
        struct ks_str to, node, from;
        struct ks_xml *message;
        size_t at = 0;
        if (ks_roster_decode(row->value, &contact) != KS_OK || !contact.to
            || ks_arena_copy(ctx->arena, row->key, &to) != KS_OK
            || ks_arena_copy(ctx->arena, ks_session_jid(session), &from) != KS_OK)
            continue;
        message = ks_stanza_new(ctx->arena, "message", "headline", KS_STR_EMPTY, from, to);
        while (ks_caps_next_wanted(session, &at, &node))
            if (ks_arena_copy(ctx->arena, node, &node) == KS_OK)
                ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, message, NS_PUBSUB, "wants"), "node", node);
        if (message && at)
            ks_call(ctx, ks_jid_split(to), wants_run, message, 0);
    }
}

/* --- publishing (XEP-0060 §7) --- */

/* payload may be NULL. */
static struct ks_str payload_text(struct ks_ctx *ctx, const struct ks_xml *payload)
{
    struct ks_str text;

    if (!payload)
        return KS_STR("");
    text = ks_reactor_write(ctx->reactor, payload, KS_STR_EMPTY);
    return text.ptr && ks_arena_copy(ctx->arena, text, &text) == KS_OK ? text : KS_STR_EMPTY;
}

static struct ks_str make_id(struct ks_ctx *ctx)
{
    char *id = ks_arena_alloc(ctx->arena, 20);

    for (size_t i = 0; id && i < 20; i++)
        id[i] = "abcdefghijklmnop"[ks_prng_below(&ctx->reactor->prng, 16)];
    return ks_str(id, id ? 20 : 0);
}

/* The node to publish to, made if need be (XEP-0163 §3, "auto-create"), with publish-options as a precondition or as
 * its configuration (XEP-0060 §7.1.5); false: answered. */
static bool node_for(struct ks_ctx *ctx, struct ks_str node, const struct ks_xml *form, struct ks_pep_config *config)
{
    if (!node.len || node.len > KS_PEP_NAME_MAX || ks_str_find_byte(node, 0) < node.len) {
        ks_reply_error_app(ctx, KS_BAD_REQUEST, NS_PUBSUB_ERRORS, "nodeid-required");
        return false;
    }
    if (ks_pep_node_get(ctx->user, node, config)) {
        if (form && !ks_pep_config_fits(ctx->arena, form, items_cap(ctx), config)) {
            ks_reply_error_app(ctx, KS_CONFLICT, NS_PUBSUB_ERRORS, "precondition-not-met");
            return false;
        }
        return true;
    }
    if (ks_pep_node_count(ctx->user) >= (size_t)ks_domain_number(ctx->domain, "pep.nodes_max")) {
        ks_reply_error_app(ctx, KS_CONFLICT, NS_PUBSUB_ERRORS, "max-nodes-exceeded");
        return false;
    }
    ks_pep_config_init(node, config);
    if (form
        && (ks_pep_config_read(ctx->arena, form, items_cap(ctx), config) != KS_OK
            || !ks_pep_config_suits(node, config))) {
        ks_reply_error_app(ctx, KS_CONFLICT, NS_PUBSUB_ERRORS, "precondition-not-met");
        return false;
    }
    ks_pep_node_put(ctx, node, config);
    return true;
}

/* An item is there, and whom it concerns is told. */
static void publish_item(struct ks_ctx *ctx, struct ks_str node, const struct ks_pep_config *config, struct ks_str id,
    struct ks_str payload, bool stored)
{
    struct ks_pep_item added = { .id = id, .payload = payload };
    struct ks_xml *items, *message;

    if (stored)
        ks_pep_item_put(ctx, node, config, id, payload);
    message = event_new(ctx, KS_STR_EMPTY, "items", node, &items);
    if (add_item(ctx, items, NS_PUBSUB_EVENT, &added))
        tell(ctx, node, config, message);
}

/* A client changed it. */
static void changed(struct ks_ctx *ctx, struct ks_str node, const struct ks_xml *payload)
{
    for (size_t i = 0; ks_features[i]; i++)
        if (ks_features[i]->node_changed)
            ks_features[i]->node_changed(ctx, node, payload);
}

static void on_publish(struct ks_ctx *ctx, const struct ks_stanza *iq, const struct ks_xml *publish)
{
    const struct ks_xml *options = ks_xml_child(iq->payload, NS_PUBSUB, "publish-options");
    const struct ks_xml *form = ks_form_find(ctx->arena, options, NS_PUBLISH_OPTIONS);
    const struct ks_xml *item = ks_xml_child(publish, NS_PUBSUB, "item");
    struct ks_str node = ks_xml_attr(publish, "node"), id, payload;
    struct ks_pep_config config;
    struct ks_xml *answer, *items;

    if (options && !form) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    if (item && ks_xml_next(item, NS_PUBSUB, "item")) { /* §7.1.3.5 */
        ks_reply_error_app(ctx, KS_BAD_REQUEST, NS_PUBSUB_ERRORS, "max-items-exceeded");
        return;
    }
    if (item && ks_xml_child(item, NULL, NULL) && ks_xml_next(ks_xml_child(item, NULL, NULL), NULL, NULL)) {
        ks_reply_error_app(ctx, KS_BAD_REQUEST, NS_PUBSUB_ERRORS, "invalid-payload"); /* §7.1.3.3 */
        return;
    }
    if (!node_for(ctx, node, form, &config))
        return;
    id = ks_xml_attr(item, "id");
    if (!id.len)
        id = make_id(ctx);
    if (id.len > KS_PEP_NAME_MAX || !(payload = payload_text(ctx, ks_xml_child(item, NULL, NULL))).ptr) {
        ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL);
        return;
    }
    answer = ks_xml_new(ctx->arena, NS_PUBSUB, "pubsub");
    items = ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, answer, NS_PUBSUB, "publish"), "node", node);
    if (item)
        ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, items, NS_PUBSUB, "item"), "id", id);
    ks_reply_result(ctx, answer);
    publish_item(ctx, node, &config, id, payload, item != NULL);
    changed(ctx, node, ks_xml_child(item, NULL, NULL));
}

static void publish_for(
    struct ks_ctx *ctx, struct ks_str node, struct ks_str id, const struct ks_xml *element, bool open)
{
    struct ks_str payload = payload_text(ctx, element);
    struct ks_pep_config config;

    if (!payload.ptr || id.len > KS_PEP_NAME_MAX)
        return;
    if (!ks_pep_node_get(ctx->user, node, &config)) {
        if (ks_pep_node_count(ctx->user) >= (size_t)ks_domain_number(ctx->domain, "pep.nodes_max"))
            return;
        ks_pep_config_init(node, &config);
        if (open)
            config.access = KS_PEP_OPEN;
        ks_pep_node_put(ctx, node, &config);
    }
    publish_item(ctx, node, &config, id, payload, true);
}

void ks_pep_publish_for(struct ks_ctx *ctx, struct ks_str node, struct ks_str id, const struct ks_xml *element)
{
    publish_for(ctx, node, id, element, false);
}

void ks_pep_publish_open(struct ks_ctx *ctx, struct ks_str node, struct ks_str id, const struct ks_xml *element)
{
    publish_for(ctx, node, id, element, true);
}

bool ks_pep_may_read(struct ks_ctx *ctx, struct ks_str node, struct ks_jid reader)
{
    struct ks_pep_config config;

    return ks_pep_node_get(ctx->user, node, &config) && may_read(ctx, &config, reader, bare_text(ctx, reader));
}

static void tell_retracted(struct ks_ctx *ctx, struct ks_str node, const struct ks_pep_config *config, struct ks_str id)
{
    struct ks_xml *items, *message = event_new(ctx, KS_STR_EMPTY, "items", node, &items);

    ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, items, NS_PUBSUB_EVENT, "retract"), "id", id);
    tell(ctx, node, config, message);
}

void ks_pep_retract_for(struct ks_ctx *ctx, struct ks_str node, struct ks_str id)
{
    struct ks_pep_config config;

    if (ks_pep_node_get(ctx->user, node, &config) && ks_pep_item_delete(ctx, node, id))
        tell_retracted(ctx, node, &config, id);
}

/* §7.2 */
static void on_retract(struct ks_ctx *ctx, const struct ks_xml *retract)
{
    const struct ks_xml *item = ks_xml_child(retract, NS_PUBSUB, "item");
    struct ks_str node = ks_xml_attr(retract, "node"), id = ks_xml_attr(item, "id");
    struct ks_pep_config config;
    bool notify = false;

    if (!node.len || !id.len) {
        ks_reply_error_app(ctx, KS_BAD_REQUEST, NS_PUBSUB_ERRORS, node.len ? "item-required" : "nodeid-required");
        return;
    }
    if (!ks_pep_node_get(ctx->user, node, &config) || !ks_pep_item_delete(ctx, node, id)) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
        return;
    }
    ks_reply_result(ctx, NULL);
    (void)ks_form_bool(ks_xml_attr(retract, "notify"), &notify);
    if (notify || config.notify_retract)
        tell_retracted(ctx, node, &config, id);
    changed(ctx, node, NULL);
}

/* §8.1, with the configuration beside it if there is one. */
static void on_create(struct ks_ctx *ctx, const struct ks_stanza *iq, const struct ks_xml *create)
{
    const struct ks_xml *configure = ks_xml_child(iq->payload, NS_PUBSUB, "configure");
    const struct ks_xml *form = ks_form_find(ctx->arena, configure, NS_NODE_CONFIG);
    struct ks_str node = ks_xml_attr(create, "node");
    struct ks_pep_config config;
    struct ks_xml *answer;

    if (!node.len)
        ks_reply_error_app(ctx, KS_NOT_ACCEPTABLE, NS_PUBSUB_ERRORS, "nodeid-required");
    else if (ks_pep_node_get(ctx->user, node, &config))
        ks_reply_error(ctx, KS_CONFLICT, NULL);
    else if (node_for(ctx, node, form, &config)) {
        answer = ks_xml_new(ctx->arena, NS_PUBSUB, "pubsub");
        ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, answer, NS_PUBSUB, "create"), "node", node);
        ks_reply_result(ctx, answer);
    }
}

/* --- subscribing (§6.1, §6.2) --- */

static void reply_subscription(struct ks_ctx *ctx, struct ks_str node, struct ks_str jid, const char *state)
{
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_PUBSUB, "pubsub");
    struct ks_xml *subscription = ks_xml_add(ctx->arena, answer, NS_PUBSUB, "subscription");

    ks_xml_set(ctx->arena, subscription, "node", node);
    ks_xml_set(ctx->arena, subscription, "jid", jid);
    ks_xml_set(ctx->arena, subscription, "subscription", ks_str_z(state));
    ks_reply_result(ctx, answer);
}

static void on_subscribe(
    struct ks_ctx *ctx, const struct ks_stanza *iq, const struct ks_xml *subscribe, bool subscribed)
{
    struct ks_str node = ks_xml_attr(subscribe, "node"), text;
    struct ks_pep_config config;
    struct ks_xml *event;
    struct ks_jid jid;

    if (ks_jid_parse(ctx->arena, ks_xml_attr(subscribe, "jid"), &jid) != KS_OK
        || ks_jid_text(ctx->arena, jid, &text) != KS_OK || !ks_jid_eq_bare(jid, iq->from)) {
        ks_reply_error_app(ctx, KS_BAD_REQUEST, NS_PUBSUB_ERRORS, "invalid-jid"); /* §6.1.3.1 */
        return;
    }
    if (!subscribed) {
        if (!ks_pep_subscriber_has(ctx->user, node, text)) {
            ks_reply_error_app(ctx, KS_UNEXPECTED_REQUEST, NS_PUBSUB_ERRORS, "not-subscribed"); /* §6.2.3.2 */
            return;
        }
        ks_pep_subscriber_set(ctx, node, text, false);
        reply_subscription(ctx, node, text, "none");
        return;
    }
    if (!readable(ctx, iq, node, &config))
        return;
    const struct ks_kv *row = NULL;
    struct ks_str other;
    int64_t count = 0;
    while ((row = ks_pep_subscriber_next(ctx->user, node, row, &other)))
        count++;
    if (count >= ks_domain_number(ctx->domain, "pep.subscribers_max")) {
        ks_reply_error_app(ctx, KS_POLICY_VIOLATION, NS_PUBSUB_ERRORS, "too-many-subscriptions");
        return;
    }
    ks_pep_subscriber_set(ctx, node, text, true);
    reply_subscription(ctx, node, text, "subscribed");
    /* §6.1.7: the last item, after the answer. */
    if (config.last != KS_PEP_LAST_NEVER && (event = last_item(ctx, node, text))) {
        if (jid.resource.len)
            ks_send(ctx, event);
        else
            ks_call(ctx, jid, event_run, event, 1);
    }
}

/* --- reading (§6.5, §5.6) --- */

/* COMPAT(Profanity, 0.13): it adds its device to the list that it reads, and publishes none when it reads
 * <item-not-found/>. So to its owner a list of the older OMEMO that is not there is an empty one. */
static bool reads_as_empty(struct ks_ctx *ctx, const struct ks_stanza *iq, struct ks_str node)
{
    struct ks_pep_config config;

    return ks_str_is(node, NS_AXOLOTL_DEVICES) && is_owner(ctx, iq->from) && !ks_pep_node_get(ctx->user, node, &config);
}

static void on_items(struct ks_ctx *ctx, const struct ks_stanza *iq, const struct ks_xml *asked)
{
    struct ks_str node = ks_xml_attr(asked, "node"), max = ks_xml_attr(asked, "max_items");
    struct ks_pep_item item = { 0 };
    struct ks_pep_config config;
    struct ks_xml *answer, *items;
    uint64_t limit = UINT64_MAX, count = 0, skip = 0;

    if (!reads_as_empty(ctx, iq, node) && !readable(ctx, iq, node, &config))
        return;
    if (max.len && (ks_str_u64(max, UINT32_MAX, &limit) != KS_OK || limit == 0)) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    answer = ks_xml_new(ctx->arena, NS_PUBSUB, "pubsub");
    items = ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, answer, NS_PUBSUB, "items"), "node", node);
    if (ks_xml_child(asked, NS_PUBSUB, "item")) {
        for (const struct ks_xml *at = ks_xml_child(asked, NS_PUBSUB, "item"); at;
             at = ks_xml_next(at, NS_PUBSUB, "item"))
            if (ks_pep_item_find(ctx->user, node, ks_xml_attr(at, "id"), &item))
                add_item(ctx, items, NS_PUBSUB, &item);
    } else {
        while (ks_pep_item_next(ctx->user, node, &item))
            count++;
        skip = count > limit ? count - limit : 0; /* §6.5.7: the most recent ones */
        item = (struct ks_pep_item) { 0 };
        while (ks_pep_item_next(ctx->user, node, &item))
            if (skip)
                skip--;
            else
                add_item(ctx, items, NS_PUBSUB, &item);
    }
    ks_reply_result(ctx, answer);
}

/* §5.6: the sender's own subscriptions, of one node or of all. */
static void on_subscriptions(struct ks_ctx *ctx, const struct ks_stanza *iq, const struct ks_xml *asked)
{
    struct ks_str wanted = ks_xml_attr(asked, "node"), jid, name;
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_PUBSUB, "pubsub");
    struct ks_xml *list = ks_xml_add(ctx->arena, answer, NS_PUBSUB, "subscriptions");
    const struct ks_kv *node = NULL;

    while ((node = ks_kv_next(ctx->user, KS_STORE_PEP_NODE, node))) {
        const struct ks_kv *row = NULL;
        if (wanted.len && !ks_str_eq(wanted, node->key))
            continue;
        while ((row = ks_pep_subscriber_next(ctx->user, node->key, row, &jid))) {
            struct ks_xml *subscription;
            if (!ks_jid_eq_bare(ks_jid_split(jid), iq->from) || ks_arena_copy(ctx->arena, node->key, &name) != KS_OK
                || ks_arena_copy(ctx->arena, jid, &jid) != KS_OK)
                continue;
            subscription = ks_xml_add(ctx->arena, list, NS_PUBSUB, "subscription");
            ks_xml_set(ctx->arena, subscription, "node", name);
            ks_xml_set(ctx->arena, subscription, "jid", jid);
            ks_xml_set(ctx->arena, subscription, "subscription", KS_STR("subscribed"));
        }
    }
    ks_reply_result(ctx, answer);
}

/* --- owner's requests (§8.2 to §8.5) --- */

static void on_owner(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *request = ks_xml_child(iq->payload, NS_PUBSUB_OWNER, NULL);
    struct ks_str node = ks_xml_attr(request, "node");
    struct ks_pep_config config;
    struct ks_xml *answer, *element, *form, *message, *what;
    const struct ks_xml *given;

    if (!is_owner(ctx, iq->from)) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
        return;
    }
    if (!node.len) {
        ks_reply_error_app(ctx, KS_BAD_REQUEST, NS_PUBSUB_ERRORS, "nodeid-required");
        return;
    }
    if (!ks_pep_node_get(ctx->user, node, &config)) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
        return;
    }
    if (iq->type == KS_IQ_GET && ks_str_is(request->name, "configure")) { /* §8.2.2 */
        answer = ks_xml_new(ctx->arena, NS_PUBSUB_OWNER, "pubsub");
        element = ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, answer, NS_PUBSUB_OWNER, "configure"), "node", node);
        form = ks_form_new(ctx->arena, "form", NS_NODE_CONFIG);
        ks_pep_config_form(ctx->arena, form, &config);
        ks_xml_graft(element, form);
        ks_reply_result(ctx, answer);
    } else if (iq->type == KS_IQ_SET && ks_str_is(request->name, "configure")) { /* §8.2.4 */
        given = ks_xml_child(request, NS_DATA, "x");
        if (ks_str_is(ks_xml_attr(given, "type"), "cancel")) {
            ks_reply_result(ctx, NULL);
            return;
        }
        if (!given || ks_pep_config_read(ctx->arena, given, items_cap(ctx), &config) != KS_OK
            || !ks_pep_config_suits(node, &config)) {
            ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL);
            return;
        }
        ks_pep_node_put(ctx, node, &config);
        ks_reply_result(ctx, NULL);
    } else if (iq->type == KS_IQ_SET && ks_str_is(request->name, "delete")) { /* §8.4 */
        message = event_new(ctx, KS_STR_EMPTY, "delete", node, &what);
        ks_reply_result(ctx, NULL);
        if (config.notify_delete)
            tell(ctx, node, &config, message);
        ks_pep_node_delete(ctx, node);
        changed(ctx, node, NULL);
    } else if (iq->type == KS_IQ_SET && ks_str_is(request->name, "purge")) { /* §8.5 */
        message = event_new(ctx, KS_STR_EMPTY, "purge", node, &what);
        ks_pep_items_purge(ctx, node);
        ks_reply_result(ctx, NULL);
        if (config.notify_retract)
            tell(ctx, node, &config, message);
        changed(ctx, node, NULL);
    } else {
        ks_reply_error(ctx, KS_FEATURE_NOT_IMPLEMENTED, NULL);
    }
}

/* --- the door --- */

static void on_set(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *request = ks_xml_child(iq->payload, NS_PUBSUB, NULL);
    bool owner = is_owner(ctx, iq->from);

    if (!request)
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
    else if (ks_str_is(request->name, "subscribe"))
        on_subscribe(ctx, iq, request, true);
    else if (ks_str_is(request->name, "unsubscribe"))
        on_subscribe(ctx, iq, request, false);
    else if (!owner)
        ks_reply_error(ctx, KS_FORBIDDEN, NULL); /* §7.1.3.1: nobody else publishes in a person's name */
    else if (ks_str_is(request->name, "publish"))
        on_publish(ctx, iq, request);
    else if (ks_str_is(request->name, "retract"))
        on_retract(ctx, request);
    else if (ks_str_is(request->name, "create"))
        on_create(ctx, iq, request);
    else
        ks_reply_error(ctx, KS_FEATURE_NOT_IMPLEMENTED, NULL);
}

static void on_get(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *request = ks_xml_child(iq->payload, NS_PUBSUB, NULL);

    if (request && ks_str_is(request->name, "items"))
        on_items(ctx, iq, request);
    else if (request && ks_str_is(request->name, "subscriptions"))
        on_subscriptions(ctx, iq, request);
    else
        ks_reply_error(ctx, KS_FEATURE_NOT_IMPLEMENTED, NULL);
}

void ks_pep_disco_info(struct ks_ctx *ctx, const struct ks_stanza *iq, struct ks_str node)
{
    struct ks_pep_config config;
    struct ks_xml *query;

    if (!readable(ctx, iq, node, &config))
        return;
    query = ks_xml_set(ctx->arena, ks_xml_new(ctx->arena, NS_DISCO_INFO, "query"), "node", node);
    ks_disco_identity(ctx->arena, query, "pubsub", "leaf", NULL);
    ks_disco_add(ctx->arena, query, NS_PUBSUB);
    ks_reply_result(ctx, query);
}

void ks_pep_disco_items(struct ks_ctx *ctx, const struct ks_stanza *iq, struct ks_str node)
{
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_DISCO_ITEMS, "query"), *element;
    struct ks_str bare = bare_text(ctx, iq->from), own = bare_text(ctx, ks_user_jid(ctx->user)), text;
    struct ks_pep_item item = { 0 };
    struct ks_pep_config config;
    const struct ks_kv *row = NULL;

    if (node.len) {
        if (!readable(ctx, iq, node, &config))
            return;
        ks_xml_set(ctx->arena, query, "node", node);
    }
    while (node.len && ks_pep_item_next(ctx->user, node, &item))
        if (ks_arena_copy(ctx->arena, item.id, &text) == KS_OK) {
            element = ks_xml_add(ctx->arena, query, NS_DISCO_ITEMS, "item");
            ks_xml_set(ctx->arena, element, "jid", own);
            ks_xml_set(ctx->arena, element, "name", text);
        }
    /* Of all nodes, those that the sender may read: to others their names say too much. */
    while (!node.len && (row = ks_kv_next(ctx->user, KS_STORE_PEP_NODE, row)))
        if (ks_pep_node_get(ctx->user, row->key, &config) && may_read(ctx, &config, iq->from, bare)
            && ks_arena_copy(ctx->arena, row->key, &text) == KS_OK) {
            element = ks_xml_add(ctx->arena, query, NS_DISCO_ITEMS, "item");
            ks_xml_set(ctx->arena, element, "jid", own);
            ks_xml_set(ctx->arena, element, "node", text);
        }
    ks_reply_result(ctx, query);
}

#define PUBSUB_FEATURE(name) NS_PUBSUB "#" name

const struct ks_feature ks_feature_pep = {
    .name = "pep",
    /* COMPAT(Profanity, 0.13): it asks the domain, not the account, before it says that others may read its keys. */
    .disco = (const char *const[]) { PUBSUB_FEATURE("publish-options"), NULL },
    .disco_account = (const char *const[]) { NS_PUBSUB, PUBSUB_FEATURE("access-open"),
        PUBSUB_FEATURE("access-presence"), PUBSUB_FEATURE("access-roster"), PUBSUB_FEATURE("access-whitelist"),
        PUBSUB_FEATURE("auto-create"), PUBSUB_FEATURE("auto-subscribe"), PUBSUB_FEATURE("config-node"),
        PUBSUB_FEATURE("config-node-max"), PUBSUB_FEATURE("create-and-configure"), PUBSUB_FEATURE("create-nodes"),
        PUBSUB_FEATURE("delete-items"), PUBSUB_FEATURE("delete-nodes"), PUBSUB_FEATURE("filtered-notifications"),
        PUBSUB_FEATURE("item-ids"), PUBSUB_FEATURE("last-published"), PUBSUB_FEATURE("multi-items"),
        PUBSUB_FEATURE("persistent-items"), PUBSUB_FEATURE("publish"), PUBSUB_FEATURE("publish-options"),
        PUBSUB_FEATURE("purge-nodes"), PUBSUB_FEATURE("retract-items"), PUBSUB_FEATURE("retrieve-items"),
        PUBSUB_FEATURE("retrieve-subscriptions"), PUBSUB_FEATURE("subscribe"), NULL },
    .iq = { { KS_IQ_SET, NS_PUBSUB, "pubsub", KS_TO_SELF | KS_TO_ACCOUNT, on_set },
        { KS_IQ_GET, NS_PUBSUB, "pubsub", KS_TO_SELF | KS_TO_ACCOUNT, on_get },
        { KS_IQ_SET, NS_PUBSUB_OWNER, "pubsub", KS_TO_SELF | KS_TO_ACCOUNT, on_owner },
        { KS_IQ_GET, NS_PUBSUB_OWNER, "pubsub", KS_TO_SELF | KS_TO_ACCOUNT, on_owner } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_NODE, NS_NICK, "nick", NS_NICK }, { 0 } },
    .stores = { { KS_STORE_PEP_NODE, KS_DATA_SETTINGS, KS_KEEP_WITH_ACCOUNT, 0,
                    "What a device publishes for others, and who may read it.",
                    KS_READ_OWNER | KS_READ_CONTACTS | KS_READ_DOMAIN },
        { KS_STORE_PEP_ITEM, KS_DATA_KEYS, KS_KEEP_WITH_ACCOUNT, 0,
            "Public keys and lists of devices, so that others can encrypt; the picture that a person shows; which "
            "rooms "
            "she keeps and how far she has read, for her own devices.",
            KS_READ_OWNER | KS_READ_CONTACTS | KS_READ_DOMAIN },
        { KS_STORE_PEP_SUBSCRIBER, KS_DATA_CONTACTS, KS_KEEP_WITH_ACCOUNT, 0,
            "Who wants to be told when these keys and lists change.", KS_READ_OWNER } },
    .options = { { "pep.nodes_max", KS_OPT_COUNT, .init = 200, .min = 10, .max = 10000,
                     .doc = "Nodes one account may have." },
        { "pep.items_max", KS_OPT_COUNT, .init = 1000, .min = 1, .max = 10000, .doc = "Items one node may hold." },
        { "pep.subscribers_max", KS_OPT_COUNT, .init = 5000, .min = 10, .max = 100000,
            .doc = "Subscribers one node may have." } },
};
