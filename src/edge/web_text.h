/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web_text.h -- what options of web access take (ks_option.good). */
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

#endif
