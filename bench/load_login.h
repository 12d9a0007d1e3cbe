/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load_login.h -- how a client of the load generator gets from TLS to its session; for load_client.c alone.
 *
 * With net->tokens it says everything in one exchange where the server offers that (XEP-0388, XEP-0386), by a token
 * from the second time on (XEP-0484); else by RFC 6120. A session that was cut is resumed (XEP-0198), inside of that
 * exchange or after it. */
#ifndef KS_LOAD_LOGIN_H
#define KS_LOAD_LOGIN_H

#include "load_client.h"

/* Says the token, right behind the stream header. */
void load_login_token(struct load_client *client);
/* One step on; NULL if stanza was what the phase waits for, else a sentence. */
const char *load_login_stanza(struct load_client *client, struct ks_str stanza);

/* --- what it needs of load_client.c --- */

/* What is in client->out goes at the end of the turn. */
void load_client_mark(struct load_client *client);
/* Queues a stream header. */
void load_client_open_stream(struct load_client *client, enum load_phase next);
/* The session is there, and new; or the one from before the cut, and the server has h of its stanzas. */
void load_client_begin(struct load_client *client);
void load_client_resumed(struct load_client *client, uint32_t h);

#endif
