/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web_text.h -- what options of web access take (ks_option.good), and what names of files tell. */
#ifndef KS_WEB_TEXT_H
#define KS_WEB_TEXT_H

#include "str.h"

/* An origin of HTTPS as browsers write it (RFC 6454 §6.2): "https://chat.klinik.example" or
 * "https://[2001:db8::1]:5443", in lower case, without the port 443 and without a path. */
bool ks_web_origin_ok(struct ks_str text);
/* Several, with blanks between them. */
bool ks_web_origins_ok(struct ks_str text);
/* IPv4 and IPv6 addresses, with blanks between them. */
bool ks_web_addresses_ok(struct ks_str text);

/* The media type of a file by its name; application/octet-stream of an unknown one. */
const char *ks_web_media_type(struct ks_str name);
/* Whether a build put a hash of the content into the name, so that it never means anything else: "app-BcD1xY2z.js",
 * "core.3f9a2b1c.wasm". Between the last - or . and the ending stand 8 to 64 letters, digits or _, of which one at
 * least is a digit or a capital. */
bool ks_web_is_hashed(struct ks_str name);

#endif
