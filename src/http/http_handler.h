/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_handler.h -- what answers requests: one descriptor for each handler, and what a handler may do.
 *
 * An exchange is one request and its answer. The connection (http_conn.h) finds the handler by path, refuses what the
 * descriptor does not allow, adds the fields that every answer has, and calls the handler, all in one thread:
 *
 *   head       once, first. The handler answers, or it waits for the body, or for something else.
 *   body       for each piece of the body, at most 16 KiB; never again once it answered.
 *   whole      the body is there. Not called for a request without a body.
 *   fill       while an answer with fill_bytes is under way and the peer takes bytes.
 *   gone       once, last, if head was called: the answer is on its way, or the connection broke. The exchange is gone
 *              after it; what still works on its behalf (a task of a worker) must not touch it.
 *
 * A handler answers exactly once, in any of these calls but gone, or between them. One that answers before the body is
 * whole ends the connection with its answer (RFC 9112 §9.3). Memory is bounded both ways: a body that is held is not
 * read from the socket, and fill is not asked for more than the peer takes, at most 64 KiB in one turn. */
#ifndef KS_HTTP_HANDLER_H
#define KS_HTTP_HANDLER_H

#include "clock.h"
#include "http_reader.h"
#include "http_writer.h"
#include "ws_handshake.h"

struct ks_http_exchange;

#define KS_HTTP_CAN(method) (1U << (method))
#define KS_HTTP_FIELDS_OWN_MAX 12 /* that a handler gives to one answer */
#define KS_HTTP_FILL_NOTHING ((size_t)0)
#define KS_HTTP_FILL_BROKEN SIZE_MAX

struct ks_http_handler {
    const char *path; /* "/health"; with a slash at its end, it and all below it: "/upload/". The longest one counts. */
    unsigned ports;   /* on which listeners it is reached: bits that mean something to the host (ks_http_conn_new) */
    unsigned methods; /* KS_HTTP_CAN(…); HEAD is understood with GET, OPTIONS always. Others get 405 with Allow. */
    uint64_t body_max; /* bytes; a longer body is refused with 413 before it is read. 0: takes none. */
    /* NULL: pages from elsewhere may not read the answers. Else they may, and send these fields ("Content-Type"). */
    const char *cors;
    /* The request and all its texts are good during the call only. */
    void (*head)(struct ks_http_exchange *x, const struct ks_http_request *request);
    void (*body)(struct ks_http_exchange *x, struct ks_str bytes); /* NULL without bodies */
    void (*whole)(struct ks_http_exchange *x);                     /* likewise */
    /* Writes at most len bytes of the answer to room, and says how many; FILL_NOTHING: not now, ks_http_wake will tell;
     * FILL_BROKEN: never, and the connection is cut, since its Content-Length cannot be kept. */
    size_t (*fill)(struct ks_http_exchange *x, char *room, size_t len);
    void (*gone)(struct ks_http_exchange *x); /* NULL: nothing to do */
};

struct ks_http_answer {
    unsigned status;
    const struct ks_http_field *fields; /* those of this answer; they win over those that every answer has */
    size_t field_count;                 /* at most KS_HTTP_FIELDS_OWN_MAX */
    struct ks_str body;                 /* copied */
    uint64_t fill_bytes;                /* in place of body: so many come from fill */
};

/* Answers. To HEAD the body is left out, and fill is not called. */
void ks_http_answer(struct ks_http_exchange *x, const struct ks_http_answer *answer);
/* Answers with the host's page for a status of 400 or more, and these fields. */
void ks_http_fail(struct ks_http_exchange *x, unsigned status, const struct ks_http_field *fields, size_t field_count);
/* Answers a handshake (ws_handshake.h): from here on the connection speaks WebSocket. */
void ks_http_upgrade(struct ks_http_exchange *x, const struct ks_ws_handshake *handshake);

/* No more of the body, until the release. Within body, what was given is used all the same. */
void ks_http_hold(struct ks_http_exchange *x);
void ks_http_release(struct ks_http_exchange *x);
/* fill has something again. */
void ks_http_wake(struct ks_http_exchange *x);

/* The handler's own, NULL at first. */
void **ks_http_state(struct ks_http_exchange *x);
bool ks_http_is_head(const struct ks_http_exchange *x); /* HEAD: what would be sent is not needed */
struct ks_now ks_http_now(const struct ks_http_exchange *x);
void *ks_http_user(const struct ks_http_exchange *x); /* the host's (struct ks_http_site) */
void *ks_http_edge(const struct ks_http_exchange *x); /* the connection's (ks_http_conn_new) */

#endif
