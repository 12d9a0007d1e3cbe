/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* public_address.h -- which addresses are anybody's, and which our own network's. */
#ifndef KS_PUBLIC_ADDRESS_H
#define KS_PUBLIC_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* False for what the IANA registries of special-purpose addresses (RFC 6890) do not call globally reachable: this host,
 * private and shared networks, links, documentation, multicast; for IPv6 that carries such an IPv4 address; and for
 * whatever is neither. */
bool ks_address_is_public(const struct sockaddr *address);

#endif
