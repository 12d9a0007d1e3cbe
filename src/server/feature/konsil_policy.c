/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_policy.c -- a protected domain: nothing that people say passes in clear (doc/PROTOCOL.md, "What stands
 * outside").
 *
 * A message with a body and without an encrypted element is refused. Beside <encrypted/> a body is replaced by one
 * fixed sentence, which older clients add as a fallback, and elements that are not on the list are taken out, so that
 * no subject, reply, reaction or file name leaves in clear by a client's mistake. Chat states, receipts and marks of
 * having read are what clients of others add by themselves; they tell habits, and go nowhere. */
#include "feature_list.h"
#include "session.h"
#include "user.h"

#define FALLBACK "Diese Nachricht ist Ende-zu-Ende verschlüsselt. / This message is end-to-end encrypted."

static const struct {
    const char *ns, *name; /* name NULL: any element of the namespace */
} allowed[] = {
    { NS_OMEMO, "encrypted" },
    { NS_AXOLOTL, "encrypted" },
    { NS_HINTS, NULL },
    { NS_EME, "encryption" },
    { NS_SID, "origin-id" },
    { NS_SID, "stanza-id" },
    { NS_CARBONS, "private" },
    { NS_KONSIL_WAKE, "wake" },
    { NS_CLIENT, "error" },
};

static bool is_allowed(const struct ks_xml *element)
{
    /* White space between elements is no content, and any other text is not allowed. */
    for (size_t i = 0; i < KS_COUNT(allowed); i++)
        if (ks_str_is(element->ns, allowed[i].ns) && (!allowed[i].name || ks_str_is(element->name, allowed[i].name)))
            return true;
    return false;
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

static bool has(const struct ks_xml *xml, bool (*kind)(const struct ks_xml *))
{
    for (const struct ks_xml *child = ks_xml_child(xml, NULL, NULL); child; child = ks_xml_next(child, NULL, NULL))
        if (kind(child))
            return true;
    return false;
}

static bool is_clear(const struct ks_xml *element)
{
    return !is_allowed(element) && !is_habit(element);
}

static enum ks_pass protect(struct ks_ctx *ctx, struct ks_stanza *message)
{
    struct ks_xml *xml = message->xml;
    bool encrypted = ks_xml_child(xml, NS_OMEMO, "encrypted") || ks_xml_child(xml, NS_AXOLOTL, "encrypted");
    bool had_body = ks_xml_child(xml, NS_CLIENT, "body");

    if (!ctx->domain->protected)
        return KS_PASS_ON;
    /* The author should know that his words did not go out. An error repeats what it answers (RFC 6120 §8.3.1), and
     * goes without that. */
    if (!encrypted && message->type != KS_MSG_ERROR) {
        if (has(xml, is_clear)) {
            ks_reply_error(ctx, KS_POLICY_VIOLATION, "This domain carries end-to-end encrypted messages only.");
            return KS_PASS_STOP;
        }
        /* No error: its author did not write it, and would be shown one for each letter typed. */
        if (has(xml, is_habit))
            return KS_PASS_STOP;
    }
    ks_xml_filter(xml, is_allowed);
    if (had_body && encrypted)
        ks_xml_add_text(ctx->arena, xml, NS_CLIENT, "body", KS_STR(FALLBACK));
    return KS_PASS_ON;
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
    .pass = { { KS_STAGE_SEND, 1U << KS_MESSAGE, no_forged_ids }, { KS_STAGE_SEND, 1U << KS_MESSAGE, protect } },
};
