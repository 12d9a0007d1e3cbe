/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tls_policy.h -- what both ends of ours offer in TLS: the list of doc/PROTOCOL.md §1.4, and nothing beside it. */
#ifndef KS_TLS_POLICY_H
#define KS_TLS_POLICY_H

#include <openssl/types.h>

#include "err.h"

/* Versions, suites, groups and signatures of a context, whatever the machine's openssl.cnf says; keys of certificates
 * have 112 bits of security at least (RSA 2048). KS_ENOMEM. */
KS_CHECK enum ks_err ks_tls_restrict(SSL_CTX *ctx);

#endif
