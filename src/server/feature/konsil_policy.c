/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_policy.c -- a protected domain: nothing that people say passes in clear (doc/PROTOCOL.md, "What stands
 * outside").
 *
 * A message with a body and without an encrypted element is refused. Beside <encrypted/> a body is replaced by one
 * fixed sentence, which older clients add as a fallback, and elements that are not on the list are taken out, so that
 * no subject, reply, reaction or file name leaves in clear by a client's mistake. */
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
    for (size_t i = 0; i < KS_COUNT(allowed); i++)
        if (ks_str_is(element->ns, allowed[i].ns) && (!allowed[i].name || ks_str_is(element->name, allowed[i].name)))
            return true;
    return false;
}

static enum ks_pass protect(struct ks_ctx *ctx, struct ks_stanza *message)
{
    struct ks_xml *xml = message->xml, *child, *next, *encrypted;
    bool had_body = false;

    if (!ctx->domain->protected)
        return KS_PASS_ON;
    encrypted = ks_xml_child(xml, NS_OMEMO, "encrypted");
    if (!encrypted)
        encrypted = ks_xml_child(xml, NS_AXOLOTL, "encrypted");
    for (child = xml->child; child; child = next) {
        next = child->next;
        if (ks_xml_is_text(child)) {
            ks_xml_remove(
                xml, child); /* white space between elements is no content, and anything else is not allowed */
        } else if (ks_xml_is(child, NS_CLIENT, "body")) {
            had_body = true;
            ks_xml_remove(xml, child);
        } else if (!is_allowed(child)) {
            /* Without <encrypted/> the author should know that his words did not go out. */
            if (!encrypted && message->type != KS_MSG_ERROR) {
                ks_reply_error(ctx, KS_POLICY_VIOLATION, "This domain carries end-to-end encrypted messages only.");
                return KS_PASS_STOP;
            }
            ks_xml_remove(xml, child);
        }
    }
    if (had_body && !encrypted) {
        ks_reply_error(ctx, KS_POLICY_VIOLATION, "This domain carries end-to-end encrypted messages only.");
        return KS_PASS_STOP;
    }
    if (had_body)
        ks_xml_add_text(ctx->arena, xml, NS_CLIENT, "body", KS_STR(FALLBACK));
    return KS_PASS_ON;
}

/* XEP-0359 §5: nobody but the server of an account writes <stanza-id by='account'/>; a forged one is taken out, on the
 * way out for all accounts and domains of ours. */
static enum ks_pass no_forged_ids(struct ks_ctx *ctx, struct ks_stanza *message)
{
    struct ks_xml *child = ks_xml_child(message->xml, NS_SID, "stanza-id"), *next;

    (void)ctx;
    for (; child; child = next) {
        next = ks_xml_next(child, NS_SID, "stanza-id");
        ks_xml_remove(message->xml, child);
    }
    return KS_PASS_ON;
}

const struct ks_feature ks_feature_policy = {
    .name = "policy",
    .disco = (const char *const[]) { NS_SID, NULL },
    .disco_account = (const char *const[]) { NS_SID, NULL },
    .pass = { { KS_STAGE_SEND, 1U << KS_MESSAGE, no_forged_ids }, { KS_STAGE_SEND, 1U << KS_MESSAGE, protect } },
};
