/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0455_outage.c -- XEP-0455 Service Outage Status, version 0.4.0: where it is said what is wrong when nobody gets
 * through. A client fetches these addresses while all is well, and looks there when it is not (§4); the file is the
 * administrators' (§2.2), at a server that does not go down with this one. */
#include "dataform.h"
#include "feature_list.h"
#include "option_text.h"
#include "say.h"

#define FORM "urn:xmpp:sos:0"

/* §2.1. Without an address there is no form. */
static void disco_form(struct ks_arena *arena, const struct ks_domain *domain, struct ks_xml *query)
{
    struct ks_str uris = ks_domain_text(domain, "outage.addresses");
    struct ks_xml *form;

    if (!uris.len)
        return;
    form = ks_form_new(arena, "result", FORM);
    ks_form_add_words(arena, form, "external-status-addresses", uris);
    if (form)
        ks_xml_graft(query, form);
}

const struct ks_feature ks_feature_outage = {
    .name = "outage",
    .disco_form = disco_form,
    .options = { { "outage.addresses", KS_OPT_TEXT, .max = 1000, .good = ks_text_is_uris, .wants = SAY("wants.uris"),
        .doc = "Where clients learn what is wrong when they do not reach this server, as URIs (XEP-0455)." } },
};
