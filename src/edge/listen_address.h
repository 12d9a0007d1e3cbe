/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* listen_address.h -- where to listen, as settings name it. Apart from the sockets (listener.h), so that a mistake is
 * told with its line while the settings are read. */
#ifndef KS_LISTEN_ADDRESS_H
#define KS_LISTEN_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>

#include "str.h"

/* What a listener is for. Only the two that begin with TLS may share a port: there ALPN tells (tls_server.h). */
enum ks_listen_for {
    KS_LISTEN_STARTTLS = 1, /* XMPP that begins in clear */
    KS_LISTEN_DIRECT_TLS = 2,
    KS_LISTEN_HTTPS = 4,
    KS_LISTEN_REDIRECT = 8,   /* HTTP in clear, which says where HTTPS is */
    KS_LISTEN_METRICS = 16,   /* HTTP in clear, for machines */
    KS_LISTEN_COMPONENT = 32, /* XEP-0114 in clear, on this machine alone */
};

struct ks_listen_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t len;
    bool both;       /* "*": IPv6 with IPv4 in it, or IPv4 alone on a host without IPv6 */
    unsigned serves; /* of enum ks_listen_for */
};

/* Reads "192.0.2.1:5222", "[2001:db8::1]:5222" or "*:5222". KS_OK, KS_ESYNTAX. */
KS_CHECK enum ks_err ks_listen_parse(struct ks_str text, unsigned serves, struct ks_listen_address *ret_address);
/* Whether only this machine reaches it. */
bool ks_listen_is_local(const struct ks_listen_address *address);
/* Whether both name the same addresses and the same port. Port 0 is another one each time. */
bool ks_listen_same(const struct ks_listen_address *a, const struct ks_listen_address *b);

#endif
