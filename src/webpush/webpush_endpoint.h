/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* webpush_endpoint.h -- where a push may go: an endpoint is a URL that a client names and a server asks, so what it may
 * be is narrow (RFC 8030 §8; nobody shall ask our own network through us).
 *
 * Views point into the text given. Nothing here allocates. */
#ifndef KS_WEBPUSH_ENDPOINT_H
#define KS_WEBPUSH_ENDPOINT_H

#include "str.h"

#define KS_WEBPUSH_URL_MAX 1024

struct ks_webpush_endpoint {
    struct ks_str origin; /* "https://host" or "https://host:port", the URL's beginning */
    struct ks_str host;   /* in lower case */
    uint16_t port;
};

/* "https://" host, perhaps ":" port (not 0), and "/" with what follows: of the characters of RFC 3986, without userinfo
 * and fragment. The host is a name in lower case (of letters, digits, hyphens; the last label begins with a letter), so
 * no address. KS_OK; KS_ESYNTAX; KS_ELIMIT: longer than KS_WEBPUSH_URL_MAX. */
KS_CHECK enum ks_err ks_webpush_endpoint_read(struct ks_str url, struct ks_webpush_endpoint *ret_endpoint);

/* Whether an endpoint is on a list: names with blanks between them, each "host", "host:port", or "*.host" for all below
 * it. One that names no port means 443. */
bool ks_webpush_endpoint_listed(const struct ks_webpush_endpoint *endpoint, struct ks_str list);
/* Whether each entry of a list can be one. */
bool ks_webpush_list_good(struct ks_str list);

#endif
