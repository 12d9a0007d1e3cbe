/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* revocation_list.h -- what a list of revoked certificates (CRL, RFC 5280 §5) says of one. Over OpenSSL; blocks for a
 * signature. */
#ifndef KS_REVOCATION_LIST_H
#define KS_REVOCATION_LIST_H

#include "str.h"

#define KS_REVOCATION_LIST_MAX (16u << 20)

struct ks_revocation {
    bool revoked;
    int64_t since_s;       /* since 1970; what was signed from then on is not believed */
    int64_t this_update_s; /* when the list was made */
};
/* list: PEM or DER, of the authority that issued the certificate with that serial number (bytes, big-endian). KS_OK;
 * KS_ESYNTAX: it is none, or says what we do not know; KS_ECRYPTO: that authority did not sign it; KS_ENOMEM. */
KS_CHECK enum ks_err ks_revocation_list_ask(
    struct ks_str list, struct ks_str authority, struct ks_str serial, struct ks_revocation *ret_revocation);

#endif
