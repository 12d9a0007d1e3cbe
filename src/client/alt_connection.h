/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* alt_connection.h -- where a domain's WebSocket is (XEP-0156), and whether such an address may be gone to.
 *
 * Never weaker than what we had: TLS only (wss), and a host that is the domain itself, so that whoever can change one
 * file of a web site sends nobody elsewhere. Allocates from the arena given and from jansson; does not log. */
#ifndef KS_ALT_CONNECTION_H
#define KS_ALT_CONNECTION_H

#include "arena.h"

#define KS_ALT_URL_MAX 1024          /* bytes of an address */
#define KS_ALT_FILE_MAX (64u * 1024) /* bytes of a host-meta file */

/* wss://DOMAIN[:PORT][/PATH]: no name or password before the host, no fragment, nothing but printable ASCII. */
bool ks_alt_is_socket(struct ks_str url, struct ks_str domain);

/* The first address in a host-meta file that may be gone to, as JSON (host-meta.json) or as XML; in arena. KS_ESYNTAX:
 * it is neither; KS_ELIMIT: longer than KS_ALT_FILE_MAX; KS_ENOTFOUND: it names none; KS_ENOMEM. */
KS_CHECK enum ks_err ks_alt_read(
    struct ks_arena *arena, struct ks_str file, struct ks_str domain, struct ks_str *ret_url);

#endif
