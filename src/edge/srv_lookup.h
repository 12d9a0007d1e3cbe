/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* srv_lookup.h -- where DNS says that a domain's server is (RFC 6120 §3.2.1, XEP-0368). Blocks. */
#ifndef KS_SRV_LOOKUP_H
#define KS_SRV_LOOKUP_H

#include "str.h"

#define KS_SRV_HOST_MAX 1025 /* NS_MAXDNAME: enough for any name, with its zero */

/* The record of the least priority, and of the greatest weight among those: _xmpp-client._tcp, or _xmpps-client._tcp
 * for direct TLS. False when there is none, or it says that there is no such service: host and port stay as they are.
 */
bool ks_srv_lookup(const char *domain, bool direct_tls, char *host, size_t host_cap, uint16_t *port);
/* The same out of an answer of at most 4096 bytes. A name without room in host is passed over. */
bool ks_srv_read(struct ks_str answer, char *host, size_t host_cap, uint16_t *port);

#endif
