/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ws_knock.h -- a client's half of the way from HTTP to WebSocket (RFC 6455 §4.1), with the subprotocol xmpp (RFC 7395
 * §3.1): the request, and whether the answer is what it asked for.
 *
 * No extension is asked for, so none may be answered. Nothing here allocates but through the ks_buf given. */
#ifndef KS_WS_KNOCK_H
#define KS_WS_KNOCK_H

#include "buf.h"

#define KS_WS_KEY_BYTES 16
#define KS_WS_ANSWER_MAX 8192 /* bytes of an answer's head */

/* Writes the request. host, with its port if it is not 443, and path, which begins with '/', have no character that
 * would end a line. nonce: fresh entropy. */
void ks_ws_knock(struct ks_buf *buf, struct ks_str host, struct ks_str path, const uint8_t nonce[KS_WS_KEY_BYTES]);

/* Looks at what came back. KS_OK: the connection speaks WebSocket from byte *ret_len on. KS_EAGAIN: more is to come.
 * KS_ESYNTAX, KS_ELIMIT: that is no answer to this request (§4.1: "the client MUST Fail the WebSocket Connection");
 * KS_EDENIED: it is one of HTTP, and not 101. */
KS_CHECK enum ks_err ks_ws_knock_read(struct ks_str bytes, const uint8_t nonce[KS_WS_KEY_BYTES], size_t *ret_len);

#endif
