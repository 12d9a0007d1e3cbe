/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sasl_offer.h -- the mechanisms and channel bindings that a server offers, and which of them we take. */
#ifndef KS_SASL_OFFER_H
#define KS_SASL_OFFER_H

#include "scram.h"
#include "xml.h"

#define KS_SASL_OFFER_MECHANISMS_MAX 32 /* further ones are not looked at */
#define KS_SASL_OFFER_BINDINGS_MAX 8

struct ks_sasl_offer {
    struct ks_str names[KS_SASL_OFFER_MECHANISMS_MAX], bindings[KS_SASL_OFFER_BINDINGS_MAX];
    size_t name_count, binding_count;
    bool bindings_listed, plus;
};

/* What features offer, by RFC 6120 or by XEP-0388: each profile has a list of its own. Views into features, or in
 * scratch. */
void ks_sasl_offer_read(
    struct ks_arena *scratch, const struct ks_xml *features, bool sasl2, struct ks_sasl_offer *ret_offer);
bool ks_sasl_offer_has(const struct ks_sasl_offer *offer, const char *mechanism);
/* The binding that both ends have, or KS_BIND_NONE. Without XEP-0440's list, -PLUS leaves only a guess: what RFC 9266
 * §2 makes the default of TLS 1.3, then what RFC 5929 gives every TLS. */
enum ks_scram_binding ks_sasl_offer_binding(
    const struct ks_sasl_offer *offer, const struct ks_scram_bindings *bindings);
/* The best SCRAM, with -PLUS only when bound. NULL: none. */
const struct ks_scram_mechanism *ks_sasl_offer_scram(const struct ks_sasl_offer *offer, bool bound);

#endif
