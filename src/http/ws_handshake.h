/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ws_handshake.h -- from HTTP to WebSocket (RFC 6455 §4.2), with the subprotocol xmpp (RFC 7395 §3.1).
 *
 * Nothing here allocates but through the ks_buf given. No extension is ever agreed on: compression in front of
 * encrypted stanzas saves nothing, and holds memory for each connection. */
#ifndef KS_WS_HANDSHAKE_H
#define KS_WS_HANDSHAKE_H

#include "http_writer.h"

/* Views into the request. */
struct ks_ws_handshake {
    struct ks_str key;    /* Sec-WebSocket-Key */
    struct ks_str origin; /* RFC 6455 §10.2: where the page is from; empty if no browser sent the request. The caller
                             decides: a page from elsewhere is not to act for who is logged in here. */
};

/* The status to answer with: 101; 405, another method than GET; 426, no upgrade to websocket, or to another version
 * than 13; 400, a handshake that lacks its key, or has no xmpp among its subprotocols. *ret_handshake is written on 101
 * only. */
KS_CHECK unsigned ks_ws_handshake_read(const struct ks_http_request *request, struct ks_ws_handshake *ret_handshake);

/* Writes the response to a handshake: a 101, behind which the connection speaks WebSocket. */
void ks_ws_handshake_accept(struct ks_buf *buf, const struct ks_ws_handshake *handshake, int64_t wall_ms);
/* Writes the response to one that was refused with that status, by ks_ws_handshake_read or by the caller. What a 405
 * and a 426 must say beside their number is in it. The connection closes. */
void ks_ws_handshake_refuse(struct ks_buf *buf, unsigned status, int64_t wall_ms);

#define KS_WS_ACCEPT_LEN 28 /* base64 of a SHA-1 */
/* RFC 6455 §4.2.2 item 5.4: the value of Sec-WebSocket-Accept. */
void ks_ws_accept(struct ks_str key, char ret_accept[KS_WS_ACCEPT_LEN]);

#endif
