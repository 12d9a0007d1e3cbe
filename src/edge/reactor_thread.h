/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* reactor_thread.h -- the threads of konsild that serve clients: each with its own epoll, its own listening sockets,
 * its own connections, and its part of the core.
 *
 * Main thread only, but for ks_reactors_box. Threads talk by mailboxes (mailbox.h); nothing is shared but what never
 * changes. */
#ifndef KS_REACTOR_THREAD_H
#define KS_REACTOR_THREAD_H

#include "listener.h"
#include "mailbox.h"

struct ks_reactors;

/* The kind of letters that answer a request to the store: ptr is the ks_store_req. */
#define KS_LETTER_ANSWER 1

struct ks_reactors_setup {
    struct ks_server *server;
    uint16_t count;
    const struct ks_log *log;
    struct ks_tls_certs *certs; /* a reference is taken */
    struct ks_mailbox *store;   /* where requests go, as letters of kind store_kind */
    int store_kind;
    const struct ks_listen_address *listen;
    size_t listen_count;
    const int *listen_fds;  /* listen_count times count, those of one address together; theirs from here on */
    const int *courier_fds; /* count of them, theirs from here on (courier.h); NULL: nobody asks push services */
    unsigned connections_max;
    uint32_t accepts_per_second; /* of all threads together */
    int64_t handshake_ms;
    const struct ks_http_site *site; /* for what listens for HTTP; NULL: nothing does */
    unsigned web_per_address_max;    /* HTTP connections of one address, in all threads */
    /* Administration, all in the thread of reactor 0; each may be NULL. */
    void (*begin)(struct ks_conn_host *host, void *user);   /* before it serves */
    void (*end)(struct ks_conn_host *host, void *user);     /* after it served */
    void (*control_output)(void *edge);                     /* KS_EV_CONTROL */
    void (*work)(struct ks_control_call *call, void *user); /* KS_EV_WORK */
    void *user;
};

/* Makes everything, but starts no thread: NULL without memory or descriptors. */
KS_CHECK struct ks_reactors *ks_reactors_new(const struct ks_reactors_setup *setup);
/* The box of one: for the store's answers. */
struct ks_mailbox *ks_reactors_box(struct ks_reactors *rs, size_t index);
/* KS_OK; KS_EIO when a thread cannot be started. */
KS_CHECK enum ks_err ks_reactors_start(struct ks_reactors *rs);

/* New settings and certificates; a reference of each is taken for each thread. */
void ks_reactors_configure(struct ks_reactors *rs, struct ks_config *config, struct ks_tls_certs *certs);
/* Runs call(user) in the thread of that index; the call belongs to the caller, who keeps it until it ran. */
struct ks_reactors_call {
    void (*call)(void *user);
    void *user;
};
void ks_reactors_run(struct ks_reactors *rs, size_t index, struct ks_reactors_call *call);

/* What the thread's core counted, as of its last turn; from any thread. */
void ks_reactors_stats(struct ks_reactors *rs, size_t index, struct ks_reactor_stats *ret_stats);

/* Accepts nobody any more and tells all clients to go. */
void ks_reactors_shutdown(struct ks_reactors *rs);
/* True when all are gone and nothing is under way. */
bool ks_reactors_quiet(struct ks_reactors *rs);
/* Ends the threads; ks_reactors_free then ends what connections are left. */
void ks_reactors_stop(struct ks_reactors *rs);
void ks_reactors_free(struct ks_reactors *rs);

#endif
