/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load_work.h -- what a run of the load generator measures.
 *
 * Each workload prints JSON objects on stdout, one a line and mostly one, says on stderr what went wrong, and returns
 * an exit code: 0 measured, 1 not measured. All are bounded in time. They run in one thread, whose own CPU is reported
 * beside every figure: near 1.0 of a core the generator is what was measured, not the server. */
#ifndef KS_LOAD_WORK_H
#define KS_LOAD_WORK_H

#include "load_client.h"
#include "load_hist.h"
#include "load_proc.h"

struct load_options {
    struct load_target target;
    pid_t server;     /* 0: no CPU and memory of the server */
    unsigned clients; /* one session each: accounts u(first), u(first+1), ... */
    unsigned first;
    unsigned concurrency;   /* logins under way at once */
    double seconds;         /* of measuring; idle: of settling before the memory is read */
    double warm_seconds;    /* of load before measuring */
    double rate;            /* messages per second offered; 0: closed loop */
    unsigned window;        /* closed loop: messages of one client under way at once; room: of all, 0: none */
    unsigned message_bytes; /* of one stanza */
    unsigned messages;      /* catchup: in each archive */
    unsigned devices;       /* room: keys of each occupant in a message of the last phase; 0: no such phase */
    const char *rooms;      /* room: the host name of the room service */
    const char *log;        /* messages writes, verify reads: what was acknowledged to whom */
    const char *side;       /* verify: whose archive, "recipient" or "sender" */
    const char *format;     /* accounts: "prosody", "prosody-files", "ejabberd" or "csv" */
    const char *directory;  /* disk, handshakes, sends */
    bool websocket;         /* RFC 7395 instead of a stream in TCP */
};

/* Memory of the server for each idle session. */
int load_idle(const struct load_options *options);
/* CPU of the server for each login, and logins per second. */
int load_logins(const struct load_options *options);
/* The same with a token from the second round on, and everything in one exchange. */
int load_returns(const struct load_options *options);
/* All are cut at once and all come back at once, with what the server offers for that; until the last one is there. */
int load_reconnect(const struct load_options *options);
/* CPU for each message, messages per second, latency; with a log, also after a kill of the server. */
int load_messages(const struct load_options *options);
/* Counts what a log says was acknowledged and the archive does not have. */
int load_verify(const struct load_options *options);
/* One room: CPU of all entering it, and of each delivery; a line for each phase, which says its row. */
int load_room(const struct load_options *options);
/* How fast archives of so many messages are read by those who were away. */
int load_catchup(const struct load_options *options);
/* Prints accounts u0, u1, ... for a server to import. */
int load_accounts(const struct load_options *options);
/* How long fdatasync takes here. */
int load_disk(const struct load_options *options);
/* CPU of the server's half of a TLS handshake alone, in memory. */
int load_handshakes(const struct load_options *options);
/* CPU of a TLS record and a send() to each of so many connections alone, at a rate. */
int load_sends(const struct load_options *options);

/* --- shared by the workloads --- */

/* The server's half of TLS with DIRECTORY's cert.pem and key.pem: no tickets, buffers given back. NULL: not there. */
SSL_CTX *load_server_tls(const char *directory);

struct load_crowd {
    struct load_net net;
    struct load_events events; /* the workload adds message, iq and acked */
    struct load_client *clients;
    unsigned count, started, ready, gone; /* gone: closed without having been asked to leave */
    char why[LOAD_WHY_MAX];               /* the first of them */
    struct load_hist *logins;             /* how long each took, where that is wanted */
    bool persistent;                      /* who is cut off while the crowd gathers connects again, as a device does */
    unsigned fallen, again;               /* have to; had to */
    void *work;
};

KS_CHECK enum ks_err load_crowd_init(struct load_crowd *crowd, const struct load_options *options, unsigned count);
void load_crowd_done(struct load_crowd *crowd);
/* Logs clients in until upto are ready. False, with a sentence on stderr, if one fails or it takes too long. */
KS_CHECK bool load_crowd_gather(struct load_crowd *crowd, unsigned upto, unsigned concurrency);
/* Logs all out and waits until they are. */
void load_crowd_leave(struct load_crowd *crowd);
/* Keeps the sessions alive for a while. */
void load_crowd_rest(struct load_crowd *crowd, double seconds);

static inline struct load_crowd *load_crowd_of(const struct load_client *client)
{
    return client->work;
}

/* What the server and this process used since; zeroes without a server. */
struct load_cost {
    struct load_usage server;
    int64_t own_us, at_ns;
};
void load_cost_now(const struct load_options *options, bool memory, struct load_cost *ret_cost);

#endif
