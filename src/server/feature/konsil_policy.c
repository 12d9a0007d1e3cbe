/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_policy.c -- a protected domain: nothing that people say passes in clear (doc/PROTOCOL.md, "What stands
 * outside").
 *
 * What a person's client sends to somebody else is looked at when it is sent; either end's domain counts. What may go
 * in clear stands in the features' descriptors (ks_feature_clear), so that a new feature carries nothing unless it says
 * so:
 *
 *   - A message with a body, or another element that is not on the list, and without an encrypted element is refused.
 *     Beside <encrypted/> a body is replaced by one fixed sentence, which older clients add as a fallback, and the rest
 *     is taken out, so that no subject, reply, reaction or file name leaves in clear by a client's mistake. Chat
 *     states, receipts and marks of having read are what clients of others add by themselves; they tell habits, and go
 *     nowhere.
 *   - Presence, and requests to see it, go without what is not on the list: no status, no nickname.
 *   - A client asks another what is on the list; everything else between them (files in band, calls, forms) is refused.
 *   - Nodes of personal eventing are for others to read: only those on the list are made and published to.
 *   - Where a feature would keep a person's words in clear it keeps none (policy.h).
 *
 * What remains is what a client cannot say by mistake: an id, the name of a resource, a base64 payload that is none. */
#include "policy.h"

#include "feature_list.h"
#include "session.h"
#include "user.h"

#define FALLBACK \
    KS_WIRE("wire.encrypted", "Diese Nachricht ist Ende-zu-Ende verschlüsselt. / This message is end-to-end encrypted.")

/* --- the lists --- */

static bool fits(const struct ks_feature_clear *clear, const struct ks_xml *element)
{
    return ks_str_is(element->ns, clear->ns) && (!clear->name || ks_str_is(element->name, clear->name));
}

static bool is_listed(enum ks_clear kind, const struct ks_xml *element)
{
    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_feature_clear *clear = ks_features[i]->clear; clear && clear->kind; clear++)
            if (clear->kind == kind && fits(clear, element))
                return true;
    return false;
}

static bool is_allowed(const struct ks_xml *element)
{
    return is_listed(KS_CLEAR_MESSAGE, element) || ks_xml_is(element, NS_CLIENT, "error");
}

/* XEP-0085, XEP-0184, XEP-0333. */
static bool is_habit(const struct ks_xml *element)
{
    static const char *const habits[] = { NS_CHAT_STATES, NS_RECEIPTS, NS_CHAT_MARKERS };

    for (size_t i = 0; i < KS_COUNT(habits); i++)
        if (ks_str_is(element->ns, habits[i]))
            return true;
    return false;
}

/* What somebody said, or may have. */
static bool is_clear(const struct ks_xml *element)
{
    return !is_allowed(element) && !is_habit(element);
}

/* --- taking out --- */

static bool is_guarded(const struct ks_ctx *ctx, const struct ks_stanza *stanza)
{
    const struct ks_domain *other = stanza->has_to ? ks_config_host(ctx->reactor->config, stanza->to.domain) : NULL;

    return ctx->domain->protected || (other && other->protected);
}

static bool is_to_room(const struct ks_ctx *ctx, const struct ks_stanza *stanza)
{
    const struct ks_domain *host = stanza->has_to ? ks_config_host(ctx->reactor->config, stanza->to.domain) : NULL;

    return host && host->parent;
}

static enum ks_pass refuse(struct ks_ctx *ctx, const char *text)
{
    ks_reply_error(ctx, KS_POLICY_VIOLATION, text);
    return KS_PASS_STOP;
}

static bool has(const struct ks_xml *xml, bool (*kind)(const struct ks_xml *))
{
    for (const struct ks_xml *child = ks_xml_child(xml, NULL, NULL); child; child = ks_xml_next(child, NULL, NULL))
        if (kind(child))
            return true;
    return false;
}

/* RFC 6120 §8.1: what a stanza's own attributes are. */
static void only_addresses(struct ks_xml *xml)
{
    static const char *const known[] = { "from", "to", "id", "type" };
    struct ks_xml_attr **at = &xml->attrs;

    while (*at) {
        bool keep = false;
        for (size_t i = 0; i < KS_COUNT(known); i++)
            keep = keep || (!(*at)->ns.len && ks_str_is((*at)->name, known[i]));
        if (keep)
            at = &(*at)->next;
        else
            *at = (*at)->next;
    }
}

/* An error's <text/> (RFC 6120 §8.3.2) may be somebody's words, too. */
static bool is_silent(const struct ks_xml *node)
{
    return !ks_xml_is_text(node) && !ks_xml_is(node, NS_STANZAS, "text");
}

/* No text inside, but in what is encrypted. */
static void without_text(struct ks_xml *xml)
{
    if (ks_xml_is(xml, NS_OMEMO, "encrypted") || ks_xml_is(xml, NS_AXOLOTL, "encrypted"))
        return;
    ks_xml_filter(xml, is_silent);
    for (struct ks_xml *child = ks_xml_child(xml, NULL, NULL); child; child = ks_xml_next(child, NULL, NULL))
        without_text(child);
}

/* --- messages --- */

/* XEP-0249 §2: an invitation names a room, and says nothing of why. */
static void without_words(struct ks_xml *invitation)
{
    for (struct ks_xml_attr **at = &invitation->attrs; *at;)
        if (ks_str_is((*at)->name, "jid") && !(*at)->ns.len)
            at = &(*at)->next;
        else
            *at = (*at)->next;
    invitation->child = invitation->last_child = NULL;
}

/* XEP-0045 §7.8.2, §7.13: what is asked of a room itself, which takes no reason (xep_0045_invite.c). */
static bool is_asked_of_room(const struct ks_ctx *ctx, const struct ks_stanza *message)
{
    return is_to_room(ctx, message) && ks_jid_is_bare(message->to) && message->type == KS_MSG_NORMAL
        && !ks_xml_child(message->xml, NS_CLIENT, "body")
        && (ks_xml_child(message->xml, NS_MUC_USER, "x") || ks_xml_child(message->xml, NS_DATA, "x"));
}

static enum ks_pass protect_message(struct ks_ctx *ctx, struct ks_stanza *message)
{
    struct ks_xml *xml = message->xml, *invitation = ks_xml_child(xml, NS_CONFERENCE, "x");

    if (!is_guarded(ctx, message) || is_asked_of_room(ctx, message))
        return KS_PASS_ON;
    if (invitation)
        without_words(invitation);
    bool encrypted = ks_xml_child(xml, NS_OMEMO, "encrypted") || ks_xml_child(xml, NS_AXOLOTL, "encrypted");
    bool had_body = ks_xml_child(xml, NS_CLIENT, "body");
    /* The author should know that his words did not go out. An error repeats what it answers (RFC 6120 §8.3.1), and
     * goes without that. */
    if (!encrypted && message->type != KS_MSG_ERROR) {
        if (has(xml, is_clear))
            return refuse(
                ctx, KS_WIRE("wire.encrypted-only", "This domain carries end-to-end encrypted messages only."));
        /* No error: its author did not write it, and would be shown one for each letter typed. */
        if (has(xml, is_habit))
            return KS_PASS_STOP;
    }
    ks_xml_filter(xml, is_allowed);
    without_text(xml);
    only_addresses(xml);
    if (had_body && encrypted)
        ks_xml_add_text(ctx->arena, xml, NS_CLIENT, "body", KS_STR(FALLBACK));
    return KS_PASS_ON;
}

/* --- presence --- */

/* Text as RFC 6121 §4.7.2.1 and §4.7.2.3 have it: a word of four, or a number. */
static bool is_plain(const struct ks_xml *element)
{
    static const char *const shows[] = { "away", "chat", "dnd", "xa" };
    const struct ks_xml *text = element->child;

    if (!text)
        return true;
    if (!ks_xml_is_text(text) || text->next)
        return false;
    for (size_t i = 0; i < KS_COUNT(shows); i++)
        if (ks_xml_is(element, NS_CLIENT, "show") && ks_str_is(text->text, shows[i]))
            return true;
    return ks_xml_is(element, NS_CLIENT, "priority") && text->text.len <= 4;
}

static bool is_presence(const struct ks_xml *element)
{
    return ks_xml_is(element, NS_CLIENT, "error") || (is_listed(KS_CLEAR_PRESENCE, element) && is_plain(element));
}

/* What only the server of a room reads (XEP-0045 §7.2), and what ours has put there (xep_0045_rooms.c). */
static bool is_presence_to_room(const struct ks_xml *element)
{
    return is_presence(element) || ks_xml_is(element, NS_MUC, "x") || ks_xml_is(element, NS_HATS, "hats");
}

static enum ks_pass protect_presence(struct ks_ctx *ctx, struct ks_stanza *presence)
{
    struct ks_xml *error = ks_xml_child(presence->xml, NS_CLIENT, "error");

    if (is_guarded(ctx, presence)) {
        ks_xml_filter(presence->xml, is_to_room(ctx, presence) ? is_presence_to_room : is_presence);
        only_addresses(presence->xml);
        if (error)
            without_text(error);
    }
    return KS_PASS_ON;
}

/* --- iq --- */

#define LISTED_ONLY KS_WIRE("wire.listed-only", "In this domain only what is on a list goes in clear.")

static bool is_query(const struct ks_xml *element)
{
    return is_listed(KS_CLEAR_QUERY, element);
}

static bool is_no_query(const struct ks_xml *element)
{
    return !is_query(element);
}

static bool is_query_or_error(const struct ks_xml *element)
{
    return is_query(element) || ks_xml_is(element, NS_CLIENT, "error");
}

bool ks_policy_keeps_none(struct ks_ctx *ctx)
{
    if (ctx->domain->protected)
        ks_reply_error(ctx, KS_POLICY_VIOLATION, LISTED_ONLY);
    return ctx->domain->protected;
}

/* From client to client. An answer that is off the list answers nothing that was asked, and goes nowhere. */
static enum ks_pass protect_query(struct ks_ctx *ctx, struct ks_stanza *iq)
{
    bool error = iq->type == KS_IQ_ERROR;

    if (iq->type == KS_IQ_SET || (!error && has(iq->xml, is_no_query)))
        return refuse(ctx, LISTED_ONLY);
    ks_xml_filter(iq->xml, error ? is_query_or_error : is_query);
    if (iq->type != KS_IQ_RESULT)
        without_text(iq->xml);
    only_addresses(iq->xml);
    return KS_PASS_ON;
}

static bool node_fits(const struct ks_feature_clear *clear, struct ks_str node)
{
    struct ks_str name = ks_str_z(clear->node);

    return ks_str_ends(name, KS_STR(":")) ? ks_str_starts(node, name) : ks_str_eq(node, name);
}

/* Whether all that a request puts into its node is what that node is for. */
static bool holds_only(const struct ks_xml *request, const struct ks_feature_clear *clear)
{
    for (const struct ks_xml *item = ks_xml_child(request, NULL, NULL); item; item = ks_xml_next(item, NULL, NULL))
        for (const struct ks_xml *at = ks_xml_child(item, NULL, NULL); at; at = ks_xml_next(at, NULL, NULL))
            if (!fits(clear, at))
                return false;
    return true;
}

static bool is_for_a_listed_node(const struct ks_xml *request)
{
    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_feature_clear *clear = ks_features[i]->clear; clear && clear->kind; clear++)
            if (clear->kind == KS_CLEAR_NODE && node_fits(clear, ks_xml_attr(request, "node"))
                && holds_only(request, clear))
                return true;
    return false;
}

static bool is_unlisted_node(const struct ks_xml *request)
{
    return (ks_xml_is(request, NS_PUBSUB, "publish") || ks_xml_is(request, NS_PUBSUB, "create"))
        && !is_for_a_listed_node(request);
}

static enum ks_pass protect_iq(struct ks_ctx *ctx, struct ks_stanza *iq)
{
    if (!is_guarded(ctx, iq))
        return KS_PASS_ON;
    if (iq->has_to && iq->to.local.len && iq->to.resource.len)
        return protect_query(ctx, iq);
    if (iq->type == KS_IQ_SET && has(ks_xml_child(iq->xml, NS_PUBSUB, "pubsub"), is_unlisted_node))
        return refuse(ctx, LISTED_ONLY);
    return KS_PASS_ON; /* the server answers it, and nobody else sees it */
}

/* XEP-0359 §5: nobody but the server of an account writes <stanza-id by='account'/>; a forged one is taken out, on the
 * way out for all accounts and domains of ours. */
static bool is_no_id(const struct ks_xml *child)
{
    return !ks_xml_is(child, NS_SID, "stanza-id");
}

static enum ks_pass no_forged_ids(struct ks_ctx *ctx, struct ks_stanza *message)
{
    (void)ctx;
    ks_xml_filter(message->xml, is_no_id);
    return KS_PASS_ON;
}

const struct ks_feature ks_feature_policy = {
    .name = "policy",
    .disco = (const char *const[]) { NS_SID, NULL },
    .disco_account = (const char *const[]) { NS_SID, NULL },
    .pass = { { KS_STAGE_CLEAN, 1U << KS_MESSAGE, no_forged_ids }, { KS_STAGE_SEND, 1U << KS_MESSAGE, protect_message },
        { KS_STAGE_SEND, 1U << KS_PRESENCE, protect_presence }, { KS_STAGE_SEND, 1U << KS_IQ, protect_iq } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_MESSAGE, NS_OMEMO, "encrypted" },
        { KS_CLEAR_MESSAGE, NS_AXOLOTL, "encrypted" }, { KS_CLEAR_MESSAGE, NS_HINTS, NULL },
        { KS_CLEAR_MESSAGE, NS_EME, "encryption" }, { KS_CLEAR_MESSAGE, NS_SID, "origin-id" },
        { KS_CLEAR_MESSAGE, NS_SID, "stanza-id" }, { KS_CLEAR_MESSAGE, NS_KONSIL_WAKE, "wake" },
        { KS_CLEAR_NODE, NS_OMEMO, "devices", NS_OMEMO_DEVICES },
        { KS_CLEAR_NODE, NS_OMEMO, "bundle", NS_OMEMO_BUNDLES },
        { KS_CLEAR_NODE, NS_AXOLOTL, "list", NS_AXOLOTL_DEVICES },
        { KS_CLEAR_NODE, NS_AXOLOTL, "bundle", NS_AXOLOTL_BUNDLES },
        { KS_CLEAR_NODE, NS_KONSIL_DEVICE_KEY, "device-key", NS_KONSIL_DEVICE_KEY }, { 0 } },
};
