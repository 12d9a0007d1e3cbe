/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* connection.h -- one client's TCP connection: a socket, TLS over it, and on top the core's stream or HTTP.
 *
 * What is on top is what the listener is for; where that is both, ALPN tells (RFC 7301), and a client without ALPN
 * means XMPP, because browsers always send it and old XMPP clients do not. An HTTP connection becomes a stream when a
 * handler upgrades it to WebSocket.
 *
 * A connection belongs to the host of one thread and is touched by that thread only. Idle, it owns about 150 bytes and
 * its SSL object; bytes are held only while a peer reads slowly or is not read from. What is to be sent leaves once, at
 * the end of the loop's turn, so that several stanzas and their <a/> share a TLS record and a system call. */
#ifndef KS_CONNECTION_H
#define KS_CONNECTION_H

#include <stdatomic.h>

#include "http_conn.h"
#include "list.h"
#include "listen_address.h"
#include "loop.h"
#include "server.h"
#include "timer.h"
#include "tls_server.h"

#define KS_CONN_TURN_BYTES 65536        /* sent to one connection in one turn */
#define KS_CONN_UNSENT_MAX (256 * 1024) /* ciphertext a socket did not take; past it the peer is cut off */
#define KS_WEB_ADDRESSES 4096           /* counters of HTTP connections by address */
#define KS_CONN_CLOSE_MS 10000          /* a peer has so long to take its last bytes, and so long to hang up then */

/* What the connections of one thread share. */
struct ks_conn_host {
    struct ks_reactor *core;
    struct ks_loop loop;
    struct ks_timers timers;
    struct ks_tls_io *io;
    struct ks_tls_certs *certs; /* for handshakes from now on; a reload replaces it */
    struct ks_now now;          /* of the turn at hand */
    const struct ks_log *log;
    int64_t handshake_ms; /* longest TLS handshake */
    atomic_uint *open;    /* connections in all threads */
    uint16_t index;       /* of the thread (ks_reactors_run) */
    unsigned late;        /* handshakes that did not end in time, and the log does not know yet */
    int64_t late_told_ms; /* when it was told of some the last time; 0: never */
    bool shutting_down;
    const struct ks_http_site *site; /* NULL: no HTTP */
    atomic_ushort *web_addresses;    /* KS_WEB_ADDRESSES: HTTP connections in all threads, by hash of the address */
    unsigned web_per_address_max;
    struct ks_list all, busy, again, dead;
    /* Does what the core's events say; called after everything that may make some. */
    void (*take_events)(struct ks_conn_host *host);
};

/* All fields zero but core, io, certs, log, handshake_ms, open and take_events. KS_OK, KS_EIO. */
KS_CHECK enum ks_err ks_conn_host_init(struct ks_conn_host *host);
/* Closes all connections at once and frees them, and their streams, before the core goes. */
void ks_conn_host_done(struct ks_conn_host *host);

struct ks_conn;

/* Takes the accepted, non-blocking socket, also when it has to close it at once. serves: of enum ks_listen_for. */
void ks_conn_accept(struct ks_conn_host *host, int fd, unsigned serves, uint64_t address_hash);

/* The core's events for a connection. */
void ks_conn_output(struct ks_conn *conn);
void ks_conn_start_tls(struct ks_conn *conn, uint16_t domain);
void ks_conn_close(struct ks_conn *conn);
void ks_conn_pause(struct ks_conn *conn);
void ks_conn_resume(struct ks_conn *conn);
/* Takes it out of this thread: after this turn ks_conn_adopt of another gets it. */
void ks_conn_leave(struct ks_conn *conn);

/* For handlers of HTTP (ks_http_edge). */
struct ks_conn_host *ks_conn_host_of(const struct ks_conn *conn);
uint64_t ks_conn_address_hash(const struct ks_conn *conn);
/* The site's wake. */
void ks_conn_wake(void *conn);

/* Takes the reference: certificates for handshakes from now on. Who showed one that is revoked by now is cut off
 * (ks_c2s_revoked), and nobody resumes a session of one before (ks_reactor_certify). */
void ks_conn_host_certify(struct ks_conn_host *host, struct ks_tls_certs *certs);
/* From here on HTTP connections end when their exchange is over; streams end by the core's word. */
void ks_conn_host_shutdown(struct ks_conn_host *host);
/* The end of a turn: sends what is to be sent and frees what is gone. True: some have more to send than their budget,
 * so the next turn must not sleep. */
bool ks_conn_host_finish(struct ks_conn_host *host);
/* Takes a connection that left another thread. */
void ks_conn_adopt(struct ks_conn_host *host, struct ks_conn *conn);

#endif
