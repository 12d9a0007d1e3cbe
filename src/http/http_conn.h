/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_conn.h -- the server's end of one HTTP/1.1 connection, without a socket: bytes in, bytes out, and deadlines.
 *
 * Requests are read by http_reader.h and answered by handlers (http_handler.h), one after the other; what a client
 * pipelines waits in the socket. A peer has limited time for each step, and must keep a pace in bodies, so that a slow
 * one costs a connection no longer than a fast one that is idle. After a refusal the connection ends. Idle, one owns
 * about 200 bytes. Nothing here logs; one thread. */
#ifndef KS_HTTP_CONN_H
#define KS_HTTP_CONN_H

#include "http_handler.h"

#define KS_HTTP_TURN_BYTES 65536  /* output made at once */
#define KS_HTTP_REQUESTS_MAX 1000 /* on one connection; the last answer says that it closes */
#define KS_HTTP_IDLE_MS 60000     /* between two requests */
#define KS_HTTP_HEAD_MS 15000     /* from the connection, or the first byte of a request, to the end of its head */
#define KS_HTTP_PACE_BYTES 8192   /* of a body, within KS_HTTP_BODY_MS */
#define KS_HTTP_BODY_MS 60000
#define KS_HTTP_TAKE_MS 120000 /* for the peer to take KS_HTTP_PACE_BYTES of an answer */

/* What connections share. */
struct ks_http_site {
    const struct ks_http_handler *const *handlers; /* NULL-ended */
    /* Fields of every answer, and more of every answer over TLS; each list ends with a name that is NULL. */
    const struct ks_http_field *fields, *secure_fields;
    /* Appends a page (HTML, UTF-8) that says what a status of 400 or more means. */
    void (*page)(struct ks_buf *buf, unsigned status);
    /* There is something to do for that connection: output, or input that was not wanted before. */
    void (*wake)(void *edge);
    void *user;
};

struct ks_http_conn;

/* ports: the listener's bits (struct ks_http_handler). NULL without memory. */
KS_CHECK struct ks_http_conn *ks_http_conn_new(
    const struct ks_http_site *site, unsigned ports, bool secure, void *edge, struct ks_now now);
/* An open exchange is gone with it. Accepts NULL. */
void ks_http_conn_free(struct ks_http_conn *c);

/* Bytes from the client; only while wanted, though what was read already may be given all the same. */
void ks_http_conn_feed(struct ks_http_conn *c, struct ks_str bytes, struct ks_now now);
bool ks_http_conn_wants(const struct ks_http_conn *c);
/* To send, at most about KS_HTTP_TURN_BYTES; good until the next call on the connection. */
struct ks_str ks_http_conn_output(struct ks_http_conn *c, struct ks_now now);
void ks_http_conn_sent(struct ks_http_conn *c, size_t len, struct ks_now now);
/* Whether ks_http_conn_output would give something. */
bool ks_http_conn_pending(const struct ks_http_conn *c);

enum ks_http_conn_end {
    KS_HTTP_OPEN,
    KS_HTTP_UPGRADED, /* send the output; the rest of the input is another protocol's (ks_http_conn_rest) */
    KS_HTTP_CLOSE,    /* send the output, then close */
    KS_HTTP_CUT,      /* close at once: what would come is not what was announced, or nobody takes it */
};
enum ks_http_conn_end ks_http_conn_end(const struct ks_http_conn *c);
/* After KS_HTTP_UPGRADED: what was fed behind the request; good until the next call. */
struct ks_str ks_http_conn_rest(const struct ks_http_conn *c);

/* Call ks_http_conn_expired then: mono_ms, or KS_NEVER. */
int64_t ks_http_conn_deadline_ms(const struct ks_http_conn *c);
void ks_http_conn_expired(struct ks_http_conn *c, struct ks_now now);
/* The server goes: ends when the exchange at hand is over, at once if there is none. */
void ks_http_conn_shutdown(struct ks_http_conn *c);

#endif
