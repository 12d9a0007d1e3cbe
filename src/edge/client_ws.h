/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* client_ws.h -- between the engine's messages and the bytes of a TLS connection: the client's end of a WebSocket (RFC
 * 6455, RFC 7395), from the knock at the door to the close frame. No IO but for entropy: each frame has a mask of its
 * own. Does not log. */
#ifndef KS_CLIENT_WS_H
#define KS_CLIENT_WS_H

#include "buf.h"
#include "konsil/konsil.h"

struct ks_client_ws;

/* Begins with the request for that address: wss://HOST[:PORT][/PATH], judged by konsil_host_meta or by a person. NULL
 * without memory. */
struct ks_client_ws *ks_client_ws_new(const char *url);
void ks_client_ws_free(struct ks_client_ws *ws); /* accepts NULL */

/* Bytes that came (after TLS); what is in them goes to the engine. False: the connection is of no use any more, and the
 * engine is to be told. */
bool ks_client_ws_take(struct ks_client_ws *ws, struct konsil *k, struct ks_str bytes, struct konsil_now now);
/* To be sent, with what the engine has to say; valid until the next call. */
struct ks_str ks_client_ws_output(struct ks_client_ws *ws, struct konsil *k);
bool ks_client_ws_unsent(const struct ks_client_ws *ws);
void ks_client_ws_output_sent(struct ks_client_ws *ws, size_t len);
/* The engine is done: what it said is followed by the end. */
void ks_client_ws_close(struct ks_client_ws *ws, struct konsil *k);

#endif
