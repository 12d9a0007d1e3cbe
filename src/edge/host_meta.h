/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* host_meta.h -- gets a domain's host-meta.json (XEP-0156 §3.2), by libcurl. Blocks, for seconds at most. */
#ifndef KS_HOST_META_H
#define KS_HOST_META_H

#include "konsil/konsil.h"
#include "str.h"

/* From https://DOMAIN/, whose certificate must be the domain's; no redirect, no proxy. host, port: where to connect in
 * its place, or NULL and 0. ca_file: PEM, or NULL for those of the system. False: it names no WebSocket that may be
 * gone to (konsil_host_meta), or could not be had. */
bool ks_host_meta_get(
    const char *ca_file, const char *domain, const char *host, uint16_t port, char *ret_url, size_t cap);

#endif
