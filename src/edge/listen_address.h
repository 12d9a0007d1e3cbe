/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* listen_address.h -- where to listen, as settings name it. Apart from the sockets (listener.h), so that a mistake is
 * told with its line while the settings are read. */
#ifndef KS_LISTEN_ADDRESS_H
#define KS_LISTEN_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>

#include "str.h"

struct ks_listen_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t len;
    bool both; /* "*": IPv6 with IPv4 in it, or IPv4 alone on a host without IPv6 */
    bool direct_tls;
};

/* Reads "192.0.2.1:5222", "[2001:db8::1]:5222" or "*:5222". KS_OK, KS_ESYNTAX. */
KS_CHECK enum ks_err ks_listen_parse(struct ks_str text, bool direct_tls, struct ks_listen_address *ret_address);

#endif
