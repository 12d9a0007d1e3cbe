/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* stream.h -- the connection to the server: asking for one, login, stanzas in and out, resumption, trying again.
 *
 * Between the driver's door of konsil.h and the engine. While the account wants to be online, a lost connection is
 * asked for again after 1 s, then doubling to 60 s, each shortened at random by up to a half, so that a hospital does
 * not return in one instant. It begins anew with a session that has caught up (engine.h): not with each login, or what
 * ends a session in its first second would make it come back each second. What a login cannot mend (a wrong password, a
 * wrong certificate) is not tried again; a refused password is forgotten. */
#ifndef KS_STREAM_H
#define KS_STREAM_H

#include "konsil/konsil.h"
#include "login.h"
#include "stanza.h"
#include "xml_framer.h"

#define KS_STREAM_DEPTH_MAX 120
#define KS_STREAM_LOGIN_MS 30000  /* from asking for a connection to a session */
#define KS_STREAM_QUIET_MS 120000 /* silence after which the server is asked whether it is there */
#define KS_STREAM_DEAD_MS 30000   /* silence after that: the connection is lost */
#define KS_STREAM_RETRY_MAX_MS 60000
#define KS_STREAM_IDLE_PERCENT 75 /* of the silence after which the server may hang up: then something is said */

enum ks_stream_state {
    KS_STREAM_OFF,        /* not wanted, or waiting for the next try */
    KS_STREAM_CONNECTING, /* the driver was asked */
    KS_STREAM_LOGIN,
    KS_STREAM_ONLINE,
};

struct ks_stream {
    enum ks_stream_state state;
    bool wanted;
    uint32_t tries;
    uint32_t generation; /* counts connections */
    struct konsil_request requests[4];
    size_t request_count;
    struct konsil_tls tls;
    bool tls_known;

    bool messages;         /* over a WebSocket: one element for each (RFC 7395) */
    bool header_due;       /* there, the server's <open/> is to come */
    char *see_other;       /* where the server's <close/> wants us to be */
    char *url;             /* of the request at hand: what see_other was */
    struct ks_buf message; /* the last that was handed out */

    struct ks_framer framer;
    struct ks_buf in; /* an unfinished item */
    size_t in_seen;   /* bytes of it that the framer saw */
    struct ks_buf out;
    struct ks_buf header; /* default namespace and declarations of the server's header; they live here */
    struct ks_str default_ns, declarations;
    struct ks_login login;
    struct ks_sm sm;
    bool sm_asked;           /* an <r/> of ours is not answered */
    bool sm_fresh;           /* something was sent since the last one */
    int64_t quiet_ms;        /* mono: when the server will have been silent for too long */
    int64_t spoke_ms;        /* mono: when something was last sent */
    int64_t idle_ms;         /* of the server; 0: none */
    size_t stanza_max;       /* the longest stanza that the server takes */
    bool csi;                /* it wants to know whether somebody looks */
    bool unattended;         /* nobody does */
    struct ks_arena element; /* the stanza at hand */
    char *jid;               /* full, of the bound session */
    bool rosterver;
    bool carbons; /* on since the session was bound */
};

void ks_stream_init(struct konsil *k);
void ks_stream_done(struct konsil *k);

/* Wanted from now on: asks for a connection unless there is one. */
void ks_stream_want(struct konsil *k);
/* Not wanted: closes, tells "offline" with code. */
void ks_stream_unwant(struct konsil *k, const char *code);
/* Closes the connection at hand and tries again later; the session may be resumed. */
void ks_stream_drop(struct konsil *k, const char *code);
/* Whether somebody looks at the program: the server is told at once, and with each connection (XEP-0352). */
void ks_stream_attend(struct konsil *k, bool attended);
/* A stanza of a durable step. One that the server would not take is not sent: it would end the stream, and all others
 * with it. Who makes a long one asks stanza_max before. */
void ks_stream_send(struct konsil *k, struct ks_str stanza, uint64_t tag);
/* After the last of them: asks for an acknowledgement when something waits for one. */
void ks_stream_flush(struct konsil *k);

/* --- for stream_bytes.c and stream_messages.c --- */

/* True while something of this connection may be read. */
bool ks_stream_reading(const struct konsil *k);
/* A child of the stream. */
void ks_stream_element(struct konsil *k, struct ks_xml *element);
/* The server broke the rules of its protocol, with that condition (RFC 6120 §4.9.3). */
void ks_stream_error(struct konsil *k, const char *condition);
void ks_stream_unreadable(struct konsil *k, enum ks_err err);
/* It said goodbye. */
void ks_stream_ended(struct konsil *k);
/* It said something. */
void ks_stream_heard(struct konsil *k);

void ks_stream_retry(struct konsil *k); /* KS_WAIT_CONNECT */
void ks_stream_late(struct konsil *k);  /* KS_WAIT_LOGIN */
void ks_stream_ping(struct konsil *k);  /* KS_WAIT_PING */

#endif
