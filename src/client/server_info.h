/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* server_info.h -- what the own server says of itself (XEP-0030 §3, XEP-0128): whom to turn to (XEP-0157), what becomes
 * of data (XEP-0504), and where to look when it cannot be reached (XEP-0455).
 *
 * It is asked at login, at most once a day, and kept, because people need it most when the server is away. It is the
 * server's word: addresses are told only in schemes that a program may open without harm, and nothing is opened here.
 * In a step. */
#ifndef KS_SERVER_INFO_H
#define KS_SERVER_INFO_H

#include "schema.h"

#define KS_SERVER_INFO_BYTES_MAX (64u << 10) /* of all forms; longer ones are ignored */
#define KS_SERVER_INFO_MS 86400000           /* after that it is asked anew */
#define KS_SERVER_ADDRESSES_MAX 16           /* of a kind */

struct konsil;

/* A new session. */
KS_CHECK enum ks_err ks_server_info_online(struct konsil *k);
/* Command server_info. */
KS_CHECK enum ks_err ks_server_info_ask(struct konsil *k, const struct ks_cmd *cmd);
/* https addresses of XEP-0455 as the server said them last; in the step's arena. */
KS_CHECK enum ks_err ks_server_info_outage(struct konsil *k, struct ks_js_texts *ret_addresses);

#endif
