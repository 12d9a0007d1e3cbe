/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load_ws.h -- XMPP over WebSocket as a client speaks it (RFC 6455, RFC 7395).
 *
 * The rest of the load generator writes and reads what stands in a TCP stream; here that becomes frames, and frames
 * that again. It shares nothing with konsild's WebSocket but the numbers. Nothing here waits or sends. */
#ifndef KS_LOAD_WS_H
#define KS_LOAD_WS_H

#include "buf.h"
#include "prng.h"
#include "xml_framer.h"

#define LOAD_WS_PATH "/xmpp-websocket"

/* Adds the request for a WebSocket (RFC 6455 §4.1) with the subprotocol xmpp. */
void load_ws_ask(struct ks_buf *buf, struct ks_prng *prng, const char *host);
/* Its answer at the beginning of bytes, *ret_len long. KS_EAGAIN: not whole yet. KS_ESYNTAX: no 101. */
KS_CHECK enum ks_err load_ws_answered(struct ks_str bytes, size_t *ret_len);

/* Adds a masked frame for each item of stream, which holds whole items of a TCP stream: the header becomes <open/>, its
 * end <close/> (RFC 7395 §3.4, §3.6), and a stanza says its namespace (§3.3.3). The framer is that of this direction.
 * False: stream is not that, or there is no memory. */
KS_CHECK bool load_ws_wrap(
    struct ks_buf *buf, struct ks_framer *framer, struct ks_prng *prng, struct ks_str stream, const char *domain);
/* Adds a pong. */
void load_ws_pong(struct ks_buf *buf, struct ks_prng *prng, struct ks_str payload);

/* The frame at the beginning of bytes, *ret_len long: its enum ks_ws_opcode and a view of its payload. KS_EAGAIN: not
 * whole yet. KS_ESYNTAX: no server may send it, or it is a fragment, which none that is measured sends. */
KS_CHECK enum ks_err load_ws_next(
    struct ks_str bytes, unsigned *ret_opcode, struct ks_str *ret_payload, size_t *ret_len);

#endif
