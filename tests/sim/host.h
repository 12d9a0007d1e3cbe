/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* host.h -- a whole konsild in one thread, on virtual time: reactors, committer, store, and connections as buffers.
 *
 * What src/edge does with threads and sockets, this does with a loop: golden scripts, unit tests and the simulator run
 * the real server core on it. Nothing moves unless told: host_turn does one round of events, host_settle all there are.
 */
#ifndef HOST_H
#define HOST_H

#include "server.h"

#define HOST_REACTORS_MAX 4

struct host_conn {
    struct host *host;
    struct ks_c2s *c; /* NULL: gone */
    uint16_t reactor;
    struct ks_buf out;                            /* what the server sent and nobody took */
    bool tls_asked;                               /* START_TLS came: host_secure answers it */
    bool tls, closed, paused;                     /* closed: by the server */
    const struct ks_tls_certificate *certificate; /* that host_secure shows; the caller's */
    const char *label;                            /* whose it is, for the caller */
    struct host_conn *next;
};

struct host {
    struct ks_server *server;
    struct ks_reactor *reactors[HOST_REACTORS_MAX];
    uint16_t reactor_count;
    struct ks_committer *committer;
    struct ks_shred_store *shred;  /* its own: gone with it */
    struct ks_server_store *store; /* the caller's; survives a crash of the host */
    struct ks_vault_store *vault;  /* the host's */
    struct ks_vault_keeper *keeper;
    struct ks_config *config;
    struct ks_prng prng;
    struct ks_now now;
    struct ks_log log;
    struct host_conn *conns;
    bool store_held; /* requests stay where they are: the disk is slow */
    /* KS_EV_CONTROL, KS_EV_WORK, KS_EV_FILE and KS_EV_VAULT, for a test that administers it or puts files; NULL: nobody
     * does. */
    void (*on_control)(struct host *h, const struct ks_event *event);
    /* KS_EV_WAKE: answers or not, and frees the request. NULL: it is taken (201) at once. */
    void (*on_push)(struct host *h, struct ks_reactor *r, struct ks_push_request *request);
};

/* Starts a server over store with this configuration (a reference is taken). seed: all its chance. verbose: log to
 * stderr. */
struct host *host_new(struct ks_config *config, struct ks_server_store *store, uint16_t reactors, uint64_t seed,
    struct ks_now now, bool verbose);
/* The process ends, without a word to anybody; conns become closed and stay the caller's. */
void host_free(struct host *h);

/* A configuration with klinik.example (protected) and offen.example (open). */
struct ks_config *host_config(void);
/* A reload: a configuration with the same domains (a reference is taken). */
void host_configure(struct host *h, struct ks_config *config);
/* An account with password, written straight into the store. */
void host_add_account(struct host *h, const char *domain, const char *local, const char *name, const char *password);

struct host_conn *host_connect(struct host *h, uint64_t address);
/* The same over WebSocket, behind the HTTP handshake and that of TLS; host_secure comes first. */
struct host_conn *host_connect_websocket(struct host *h, uint64_t address);
/* A component (XEP-0114), on this machine. */
struct host_conn *host_connect_component(struct host *h);
void host_feed(struct host_conn *conn, struct ks_str bytes);
/* The handshake that START_TLS asked for is done: both ends know these facts. */
extern const struct ks_tls_facts host_tls_facts;
void host_secure(struct host_conn *conn);
/* What it showed was revoked, and the new list is known in the whole host. */
void host_revoke(struct host_conn *conn);
void host_close(struct host_conn *conn); /* the network cut it */
void host_conn_free(struct host_conn *conn);
void host_close_all(struct host *h); /* host_conn_free() of each */

/* One round: all events there are now, one committer turn, answers. True if anything happened. */
bool host_turn(struct host *h);
/* Until nothing happens. */
void host_settle(struct host *h);
/* Moves time on, firing timers on the way. */
void host_wait(struct host *h, int64_t ms);
int64_t host_deadline_ms(const struct host *h);

#endif
