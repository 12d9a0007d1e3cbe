/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_link.h -- asks konsild's vault (doc/PROTOCOL.md §16.3) over HTTPS, before anybody can log in. Blocks: for half
 * a minute at most for each question.
 *
 * It is at the domain's web access, which is where the domain's WebSocket is: by an address of the caller's, or by
 * host-meta. TLS as tls_policy.h has it, the certificate that of the address; no redirect, no proxy, no cookie. */
#ifndef KS_VAULT_LINK_H
#define KS_VAULT_LINK_H

#include "buf.h"

struct ks_vault_link_setup {
    const char *ca_file;    /* PEM, or NULL for those of the system */
    const char *domain;     /* of the account */
    const char *socket_url; /* wss://HOST[:PORT]…, or NULL: host-meta says */
    const char *host;       /* to connect to in place of any other, or NULL */
    uint16_t port;          /* likewise, or 0 */
};

struct ks_vault_link;
/* KS_ENOTFOUND: nobody says where it is, or host-meta could not be had; KS_ENOMEM. */
KS_CHECK enum ks_err ks_vault_link_new(const struct ks_vault_link_setup *setup, struct ks_vault_link **ret_link);
void ks_vault_link_free(struct ks_vault_link *link); /* accepts NULL */

/* POSTs a body of JSON. The status of HTTP, and the answer in buf; 0 and nothing: no answer came, or too long a one. */
unsigned ks_vault_link_ask(struct ks_vault_link *link, const char *path, struct ks_str body, struct ks_buf *buf);

#endif
