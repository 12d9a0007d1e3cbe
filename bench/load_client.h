/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load_client.h -- thousands of XMPP clients in one thread, each as cheap as it can be and still correct.
 *
 * A client connects with direct TLS 1.3 (XEP-0368), or by WebSocket (load_ws.h), logs in with SCRAM-SHA-256 (-PLUS with
 * tls-exporter where the server offers it), binds, enables stream management with resumption (XEP-0198), asks for the
 * roster, sends presence, and is ready when the server has acknowledged that. From then on it answers <r/>, asks for an
 * acknowledgement after what it sends, and reports messages and acknowledgements to its workload. It shares no XMPP
 * code with konsild but the framer, which only finds where a stanza ends.
 *
 * What is queued during a turn goes out in one TLS record per client at its end. Nothing but load_net_turn waits. */
#ifndef KS_LOAD_CLIENT_H
#define KS_LOAD_CLIENT_H

#include <openssl/ssl.h>

#include "buf.h"
#include "enc.h"
#include "load_scram.h"
#include "prng.h"
#include "xml_framer.h"

/* Of why a client was closed, with its final zero. */
#define LOAD_WHY_MAX 256

struct load_client;

struct load_target {
    const char *host; /* numeric IPv4 address */
    uint16_t port;
    const char *domain;
    const char *password; /* of every account */
};

/* What all clients of a run share. */
struct load_net {
    struct load_target target;
    int epoll;
    SSL_CTX *tls;
    struct ks_prng prng;
    struct load_scram_cache keys;
    struct load_client *dirty; /* have something to send at the end of the turn */
    char *bytes;               /* what was just read */
    char why[LOAD_WHY_MAX];    /* the last client was closed */
    uint64_t logins_plus;      /* logins that were bound to their channel */
    bool tokens;           /* by XEP-0388 with everything inline; with a token from the second login on (XEP-0484) */
    uint64_t logins_token; /* logins by one */
    uint64_t resumed;      /* sessions that went on after a cut */
    bool websocket;        /* RFC 7395 instead of a stream in TCP */
};

/* What a workload wants to hear; each may be NULL. Views are good during the call only. */
struct load_events {
    void (*ready)(struct load_client *client);
    void (*message)(struct load_client *client, struct ks_str stanza);
    void (*presence)(struct load_client *client, struct ks_str stanza);
    void (*iq)(struct load_client *client, struct ks_str stanza);
    void (*acked)(struct load_client *client); /* client->acked has changed */
    /* Once, for whatever reason, also after logout; NULL after a clean logout. A sentence of ours that names what the
     * system, OpenSSL or the server said of it, good during the call only. */
    void (*closed)(struct load_client *client, const char *why);
};

enum load_phase {
    LOAD_IDLE, /* not connected */
    LOAD_CONNECTING,
    LOAD_TLS,
    LOAD_UPGRADING, /* to a WebSocket */
    LOAD_FEATURES,
    LOAD_CHALLENGE,
    LOAD_SUCCESS,
    LOAD_TOKEN,   /* said with the stream header; features come first */
    LOAD_WELCOME, /* bound by XEP-0386: features are to come */
    LOAD_BIND_FEATURES,
    LOAD_RESUMING,
    LOAD_BINDING,
    LOAD_ENABLING,
    LOAD_STARTING, /* roster and presence are on their way */
    LOAD_READY,
    LOAD_LEAVING,
};

struct load_client {
    struct load_net *net;
    const struct load_events *events;
    void *work;       /* the workload's */
    unsigned account; /* u0, u1, ... */
    bool unavailable; /* set before start: no presence, so no offline messages */

    enum load_phase phase;
    int fd;
    SSL *ssl;
    bool wants_write, wants_ack, is_dirty, has_roster;
    bool wants_read; /* before more is sent */
    struct ks_framer framer;
    size_t scanned; /* how much of in the framer has seen */
    struct ks_buf in, out;
    struct ks_framer out_framer; /* of a WebSocket, as the next one */
    struct ks_buf frames;        /* what was queued in out, as it goes over the WebSocket */
    struct ks_arena *arena;      /* of the login only */
    struct load_scram scram;
    struct load_client *next_dirty;
    char token[KS_BASE64_LEN(32) + 1]; /* outlives the connection, as the next one; empty: none yet */
    char previous[128];                /* the session to resume */
    bool inline_login;                 /* by XEP-0388 */
    int64_t started_ns;

    uint32_t sent, acked; /* stanzas since <enabled/>; what the server's last h covers */
    uint32_t handled;     /* stanzas received since then */
};

/* KS_OK, KS_EIO, KS_ENOMEM. Strings of target must outlive net. */
KS_CHECK enum ks_err load_net_init(struct load_net *net, const struct load_target *target);
void load_net_done(struct load_net *net);
/* Waits for something to happen, at most until until_ns, handles all of it, and sends what was queued. */
void load_net_turn(struct load_net *net, int64_t until_ns);

/* The client is zeroed and has net, events, account (and work, unavailable) set. KS_OK, KS_EIO, KS_ENOMEM. */
KS_CHECK enum ks_err load_client_start(struct load_client *client);
/* Queues one stanza; what a turn queues is followed by one <r/>. Only when ready. */
void load_client_send(struct load_client *client, struct ks_str stanza);
/* Closes without a word and without an event, as a network does: started again, it resumes its session. */
void load_client_cut(struct load_client *client);
/* Ends the stream, as a client does that does not want to resume. */
void load_client_logout(struct load_client *client);
/* What came over its connection so far, TLS included. */
uint64_t load_client_bytes_read(const struct load_client *client);
/* Closes without a word and frees; no event. Accepts zeroes. */
void load_client_done(struct load_client *client);

/* Asks for a page of the client's own archive (XEP-0313) behind `after`; empty: from its beginning. Its id is "mam". */
void load_page_ask(struct load_client *client, unsigned rows, struct ks_str after);
/* Behind which the next page begins; empty: the archive is complete, or the server refuses it. */
struct ks_str load_page_last(struct ks_str iq);
/* An attribute of a stanza's start tag, raw; empty if it is not there. */
struct ks_str load_attr(struct ks_str stanza, const char *name);
/* Monotonic nanoseconds. */
int64_t load_now_ns(void);

#endif
