/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0157_contact.c -- XEP-0157 Contact Addresses for XMPP Services, version 1.1.1: whom a person, or another server's
 * administrator, may write to. What the configuration names stands in what disco says of the domain. */
#include "dataform.h"
#include "feature_list.h"
#include "option_text.h"
#include "say.h"

#define FORM "http://jabber.org/network/serverinfo"

static const struct {
    const char *option, *var;
} addresses[] = {
    { "contact.abuse", "abuse-addresses" },
    { "contact.admin", "admin-addresses" },
    { "contact.feedback", "feedback-addresses" },
    { "contact.sales", "sales-addresses" },
    { "contact.security", "security-addresses" },
    { "contact.status", "status-addresses" },
    { "contact.support", "support-addresses" },
};

/* §3. Without any address there is no form. */
static void disco_form(struct ks_arena *arena, const struct ks_domain *domain, struct ks_xml *query)
{
    struct ks_xml *form = NULL;

    for (size_t i = 0; i < KS_COUNT(addresses); i++) {
        struct ks_str uris = ks_domain_text(domain, addresses[i].option);
        if (!uris.len)
            continue;
        if (!form)
            form = ks_form_new(arena, "result", FORM);
        ks_form_add_words(arena, form, addresses[i].var, uris);
    }
    if (form)
        ks_xml_graft(query, form);
}

#define ADDRESSES(option, whom)                                                                \
    {                                                                                          \
        option, KS_OPT_TEXT, .max = 1000, .good = ks_text_is_uris, .wants = SAY("wants.uris"), \
                             .doc = "Addresses " whom ", as URIs (XEP-0157)."                  \
    }

const struct ks_feature ks_feature_contact = {
    .name = "contact",
    .disco_form = disco_form,
    .options = { ADDRESSES("contact.abuse", "to tell of abuse"), ADDRESSES("contact.admin", "of the administrators"),
        ADDRESSES("contact.feedback", "for praise and blame"), ADDRESSES("contact.sales", "of sales"),
        ADDRESSES("contact.security", "for reports of security holes"),
        ADDRESSES("contact.status", "where it is said how the service is"),
        ADDRESSES("contact.support", "where people are helped") },
};
