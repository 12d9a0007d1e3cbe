/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* client_cert.h -- a client's certificate as login sees it: whom it names, and until when (RFC 6120 §13.7.1.4,
 * XEP-0178).
 *
 * The edge verified it against the authorities of one domain (tls.client_ca), and it counts at that domain alone: an
 * authority of one hospital says nothing of another's people. It names the bare addresses of that domain; others,
 * addresses of servers and of single devices name nobody. One that has an address which is none, or more than there is
 * room for, is no certificate: what two programs may read differently is not relied on, and one that names nobody would
 * let in anybody with a password (tls.client_required). */
#ifndef KS_CLIENT_CERT_H
#define KS_CLIENT_CERT_H

#include "clock.h"
#include "server.h"

struct ks_client_cert {
    uint16_t domain; /* its index: whose authorities vouch for it */
    int64_t end_ms;  /* until when */
    size_t count;
    struct ks_str names[]; /* normalised; in one block with the struct */
};

/* KS_OK, and *ret_cert is NULL when its addresses cannot be read; KS_ENOMEM. */
KS_CHECK enum ks_err ks_client_cert_new(
    const struct ks_config *config, const struct ks_tls_certificate *facts, struct ks_client_cert **ret_cert);
void ks_client_cert_free(struct ks_client_cert *cert);

/* Whether it is good at that domain now; cert may be NULL. */
bool ks_client_cert_good(const struct ks_client_cert *cert, size_t domain, struct ks_now now);
bool ks_client_cert_names(const struct ks_client_cert *cert, struct ks_str bare);
/* Who logs in, by the authorization identity that the client says, or by none (RFC 6120 §6.3.8, XEP-0178 §2): the one
 * name, when it is empty. *ret_bare is a view into cert. KS_EDENIED: nobody; KS_ENOMEM. */
KS_CHECK enum ks_err ks_client_cert_authorize(
    const struct ks_client_cert *cert, struct ks_arena *scratch, struct ks_str authzid, struct ks_str *ret_bare);

#endif
