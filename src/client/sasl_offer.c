/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sasl_offer.h"

#include "ns.h"

void ks_sasl_offer_read(
    struct ks_arena *scratch, const struct ks_xml *features, bool sasl2, struct ks_sasl_offer *ret_offer)
{
    const char *ns = sasl2 ? NS_SASL2 : NS_SASL;
    const struct ks_xml *list = ks_xml_child(features, ns, sasl2 ? "authentication" : "mechanisms");
    const struct ks_xml *bindings = ks_xml_child(features, NS_SASL_CB, "sasl-channel-binding"), *c;

    *ret_offer = (struct ks_sasl_offer) { .bindings_listed = bindings != NULL };
    for (c = ks_xml_child(list, ns, "mechanism"); c && ret_offer->name_count < KS_SASL_OFFER_MECHANISMS_MAX;
         c = ks_xml_next(c, ns, "mechanism")) {
        struct ks_str name = ks_str_trim(ks_xml_text(scratch, c));

        ret_offer->names[ret_offer->name_count++] = name;
        ret_offer->plus = ret_offer->plus || ks_str_ends(name, KS_STR("-PLUS"));
    }
    for (c = ks_xml_child(bindings, NS_SASL_CB, "channel-binding");
         c && ret_offer->binding_count < KS_SASL_OFFER_BINDINGS_MAX; c = ks_xml_next(c, NS_SASL_CB, "channel-binding"))
        ret_offer->bindings[ret_offer->binding_count++] = ks_xml_attr(c, "type");
}

static bool has(const struct ks_str *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (ks_str_is(list[i], name))
            return true;
    return false;
}

bool ks_sasl_offer_has(const struct ks_sasl_offer *offer, const char *mechanism)
{
    return has(offer->names, offer->name_count, mechanism);
}

enum ks_scram_binding ks_sasl_offer_binding(const struct ks_sasl_offer *offer, const struct ks_scram_bindings *bindings)
{
    static const enum ks_scram_binding best[] = { KS_BIND_TLS_EXPORTER, KS_BIND_TLS_SERVER_END_POINT };

    for (size_t i = 0; i < KS_COUNT(best); i++)
        if (bindings->data[best[i]].len > 0
            && (!offer->bindings_listed || has(offer->bindings, offer->binding_count, ks_scram_binding_name(best[i]))))
            return best[i];
    return KS_BIND_NONE;
}

const struct ks_scram_mechanism *ks_sasl_offer_scram(const struct ks_sasl_offer *offer, bool bound)
{
    for (size_t i = 0; i < KS_SCRAM_MECHANISMS; i++)
        if ((bound || !ks_scram_mechanisms[i].plus) && ks_sasl_offer_has(offer, ks_scram_mechanisms[i].name))
            return &ks_scram_mechanisms[i];
    return NULL;
}
