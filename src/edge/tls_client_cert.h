/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tls_client_cert.h -- certificates that clients show: whether a domain's authorities vouch for them (RFC 5280), whom
 * they name, and whether they were revoked since.
 *
 * A certificate is asked for and not required: a handshake succeeds with any, or with none, and what is not good is
 * none (RFC 6120 §13.7.2). Good is one with a path to an authority of the domain, within its times, for the use of a
 * client, with a key and signatures as strong as tls_policy.h wants them; and, where the domain has lists of revoked
 * ones (CRLs), one that a list in force covers and does not name. A list whose time is up is no list, so that nobody
 * gets in by keeping a new one away. An authority below another one needs no list of that one, but is looked up in it
 * if there is one.
 *
 * Nothing here blocks but for the cost of the signatures; nothing logs. */
#ifndef KS_TLS_CLIENT_CERT_H
#define KS_TLS_CLIENT_CERT_H

#include <openssl/types.h>

#include "arena.h"
#include "server.h"

/* Revoked certificates, as one domain's authorities list them. */
struct ks_tls_revoked;

/* Gives a domain's context its authorities (PEM, one or more) and lists (crl_file: PEM, one or more, or one in DER;
 * empty: none), and the domain's index. *ret_revoked is NULL without lists. Nobody is asked for a certificate before
 * ks_tls_ask_client. KS_OK; KS_EIO (a file cannot be read), KS_ECRYPTO (it does not hold what it should), KS_ENOMEM:
 * *ret_file is the one at fault. */
KS_CHECK enum ks_err ks_tls_trust_clients(SSL_CTX *ctx, uint16_t domain, const char *ca_file, const char *crl_file,
    struct ks_tls_revoked **ret_revoked, const char **ret_file);
void ks_tls_revoked_free(struct ks_tls_revoked *revoked); /* accepts NULL */
/* When the first of the lists ends, as milliseconds since 1970; INT64_MAX for NULL, and when none says so. */
int64_t ks_tls_revoked_end_ms(const struct ks_tls_revoked *revoked);

/* During the handshake, once its context is chosen: whether to ask. */
void ks_tls_ask_client(SSL *tls, bool ask);

/* After it: what the client's certificate says; the texts are in arena, an address that cannot be read is empty. False:
 * it showed none, or not a good one. */
bool ks_tls_client_certificate(SSL *tls, struct ks_arena *arena, struct ks_tls_certificate *ret_certificate);
/* The index of the domain whose context was chosen, if it has authorities. */
uint16_t ks_tls_client_domain(SSL *tls);
/* Whether the good certificate that the client showed, or what is above it, is on a list. */
bool ks_tls_client_revoked(SSL *tls, const struct ks_tls_revoked *revoked);

#endif
