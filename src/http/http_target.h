/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_target.h -- what a request asks for (RFC 9112 §3.2), and of whom.
 *
 * Narrower than the grammar: characters are those of RFC 3986, which browsers and libraries send; a path whose meaning
 * depends on who reads it is refused, so nobody behind this file has to think of traversal. Views point into the text
 * given. Nothing here allocates. */
#ifndef KS_HTTP_TARGET_H
#define KS_HTTP_TARGET_H

#include "str.h"

struct ks_http_authority {
    struct ks_str host; /* a name or an address, an IPv6 address in its brackets; as sent, so in any case */
    uint16_t port;      /* 0 if it names none */
};

struct ks_http_target {
    struct ks_http_authority authority; /* of absolute-form; of the others, empty */
    struct ks_str path;                 /* with its escapes; "/" if absolute-form has none, "*" in asterisk-form */
    struct ks_str query;                /* behind the first "?", with its escapes */
};

/* RFC 9110 §7.2: "host:port". KS_OK; KS_ESYNTAX, also for userinfo (RFC 9110 §4.2.4), an empty host, and a port that is
 * no number up to 65535. */
KS_CHECK enum ks_err ks_http_authority_read(struct ks_str text, struct ks_http_authority *ret_authority);

/* Reads origin-form, absolute-form of http and https, and asterisk-form. KS_OK, or KS_ESYNTAX. In a good path
 *  - each segment but the last has a name, and none is "." or "..", also if they are escaped;
 *  - no escape stands for "/", "\" or a control character, and the whole is UTF-8. */
KS_CHECK enum ks_err ks_http_target_read(struct ks_str text, struct ks_http_target *ret_target);

/* A good path without its escapes: once, so "%2525" is "%25". Written to room for path.len bytes if there are any;
 * without, the path itself. */
struct ks_str ks_http_path_decode(struct ks_str path, char *room);

#endif
