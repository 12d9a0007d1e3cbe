/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* server.h -- konsild's core as src/edge and the simulator see it: bytes, time and chance in; bytes and events out.
 *
 * A ks_server is what all reactors share and never changes; a ks_reactor is one thread's part: connections, and the
 * accounts at home there. Every call on a reactor and its streams is made by its thread. After each round of calls the
 * caller takes all events (ks_reactor_next_event) and does what they say; nothing here blocks, does IO or asks for the
 * time.
 *
 * A stream moves to its account's home reactor during login: the event KS_EV_MOVE gives it away, the edge carries the
 * pointer and its own connection object to the other thread and calls ks_reactor_adopt there. */
#ifndef KS_SERVER_H
#define KS_SERVER_H

#include "clock.h"
#include "committer.h"
#include "config.h"
#include "list.h"
#include "log.h"
#include "prng.h"

struct ks_server;
struct ks_reactor;
struct ks_c2s;          /* one client stream */
struct ks_mail;         /* from reactor to reactor: opaque, owned by whoever holds it */
struct ks_control;      /* a connection of an administrator (control.h) */
struct ks_control_call; /* one of its requests */
struct ks_file_ask;     /* files.h */
struct ks_vault_ask;    /* vault_ask.h */

#define KS_PUSH_KEY_LEN 32 /* a private key of P-256 */

struct ks_server_setup {
    uint16_t reactors;
    struct ks_config *config; /* a reference is taken */
    const struct ks_log *log;
    uint8_t secret[32]; /* of this installation, stable: salts of unknown users and the like follow from it */
    const struct ks_archive_ids *archive_ids; /* the committer's (ks_committer_archive_ids); outlives the server */
    const char *version;                      /* shown by konsilctl only */
    uint8_t push_key[KS_PUSH_KEY_LEN];        /* ks_push_key_open */
};
/* NULL without memory. */
KS_CHECK struct ks_server *ks_server_new(const struct ks_server_setup *setup);
void ks_server_free(struct ks_server *server);

/* NULL without memory. seed: fresh entropy. */
KS_CHECK struct ks_reactor *ks_reactor_new(
    struct ks_server *server, uint16_t index, const uint8_t seed[KS_PRNG_SEED_LEN], struct ks_now now);
/* Frees all that is left in it, streams too. Requests that are under way are the committer's: nothing reads them any
 * more when it is freed, which is before this. */
void ks_reactor_free(struct ks_reactor *r);

enum ks_event_kind {
    KS_EV_NONE,
    KS_EV_OUTPUT,    /* stream: has bytes to send (ks_c2s_output) */
    KS_EV_START_TLS, /* stream: send its output in clear, then start a TLS handshake, as the domain of index `to` unless
                      * the client names another one there; ks_c2s_secured when done */
    KS_EV_CLOSE,     /* stream: send its output, then close the connection, then ks_c2s_free */
    KS_EV_MOVE,      /* stream: to the reactor `to`; this reactor knows it no longer */
    KS_EV_PAUSE,     /* stream: too much of what it sent is still under way: do not read from it */
    KS_EV_RESUME,    /* stream: read again */
    KS_EV_MAIL,      /* mail: hand to the reactor `to` with ks_reactor_mail */
    KS_EV_CONTROL,   /* control: has output (control.h); only on reactor 0 */
    KS_EV_WORK,      /* work: a command that only the edge can carry out; ks_control_worked answers it */
    KS_EV_FILE,      /* file: a question of ks_files_ask is answered */
    KS_EV_VAULT,     /* vault: a question of ks_vault_asked is answered */
    KS_EV_WAKE,      /* push: to be sent, and then freed; ks_reactor_pushed tells what became of it */
    KS_EV_STORE,     /* req: submit to the committer; its answer goes to ks_reactor_answer of this reactor */
};
struct ks_event {
    enum ks_event_kind kind;
    struct ks_c2s *stream;
    void *edge; /* what ks_reactor_open was given */
    uint16_t to;
    struct ks_mail *mail;
    struct ks_store_req *req;
    struct ks_control *control;
    struct ks_control_call *work;
    struct ks_file_ask *file;
    struct ks_vault_ask *vault;
    struct ks_push_request *push;
};
/* False when there is none. Events of one stream come in order; several writes to one stream give one KS_EV_OUTPUT. */
bool ks_reactor_next_event(struct ks_reactor *r, struct ks_event *ret_event);

void ks_reactor_mail(struct ks_reactor *r, struct ks_mail *mail, struct ks_now now);
/* Takes req back, with its result in it. */
void ks_reactor_answer(struct ks_reactor *r, struct ks_store_req *req, struct ks_now now);

/* What is sent to a push service, as POST (RFC 8030 §5). Whom it is for, the edge does not look at. */
struct ks_push_id {
    uint64_t account, device, serial;
};
struct ks_push_request {
    struct ks_list link;
    struct ks_push_id id;
    struct ks_str url;     /* https, a host by name */
    struct ks_str headers; /* lines "Name: value", each with '\n' at its end */
    struct ks_str body;
    char room[];
};
void ks_push_request_free(struct ks_push_request *request); /* accepts NULL */
/* status: of HTTP; 0 when there was none. retry_after: what Retry-After asks for, in seconds; 0: nothing. */
void ks_reactor_pushed(
    struct ks_reactor *r, const struct ks_push_id *id, int status, int64_t retry_after, struct ks_now now);

/* When to call ks_reactor_tick even if nothing happens: mono_ms, or KS_NEVER. */
int64_t ks_reactor_deadline_ms(const struct ks_reactor *r);
void ks_reactor_tick(struct ks_reactor *r, struct ks_now now);
/* A new configuration after a reload (a reference is taken). */
void ks_reactor_configure(struct ks_reactor *r, struct ks_config *config, struct ks_now now);
/* Says <system-shutdown/> to every stream; then take events until ks_reactor_idle. */
void ks_reactor_shutdown(struct ks_reactor *r, struct ks_now now);
/* True when no stream is open and no request or queued stanza is under way. */
bool ks_reactor_idle(const struct ks_reactor *r);

/* A figure is of people while this many of them are here. What fewer do could be told apart. */
#define KS_PEOPLE_MANY 10

struct ks_reactor_stats {
    /* Accounts that have a session, and live here; how often those of the whole server became fewer than
     * KS_PEOPLE_MANY, as this reactor knows. */
    uint64_t people, people_fell;
    uint64_t streams, sessions, users_loaded, stanzas_in, stanzas_out, logins, logins_refused;
};
void ks_reactor_stats(const struct ks_reactor *r, struct ks_reactor_stats *ret_stats);

/* --- streams --- */

struct ks_c2s_setup {
    void *edge;
    bool tls;       /* direct TLS: the handshake is done, ks_c2s_secured follows at once */
    bool websocket; /* the same, and RFC 7395: what is fed and sent are WebSocket's frames, behind the HTTP handshake */
    bool component; /* XEP-0114, without TLS */
    /* Keyed hash of the peer's address, for login delays; the address itself stays in the edge. */
    uint64_t address_hash;
};
/* A certificate of the client for which the authorities of a domain vouch (RFC 5280): its times, its use and the lists
 * of revoked ones are looked at. */
#define KS_TLS_ADDRESSES_MAX 16
struct ks_tls_certificate {
    uint16_t domain; /* that domain's index in the configuration */
    int64_t end_ms;  /* until when it is valid, since 1970 */
    size_t count;    /* addresses of XMPP in it (RFC 6120 §13.7.1.4), as they stand there */
    struct ks_str addresses[KS_TLS_ADDRESSES_MAX];
};
/* What TLS knows after its handshake. Copied. */
struct ks_tls_facts {
    uint8_t exporter[32];                         /* EXPORTER-Channel-Binding (RFC 9266) */
    uint8_t server_end_point[64];                 /* RFC 5929 §4 */
    uint8_t server_end_point_len;                 /* 0: none */
    bool has_exporter;                            /* TLS 1.3, or 1.2 with extended master secret */
    const struct ks_tls_certificate *certificate; /* NULL: none, or not a good one */
};
/* NULL without memory or above server.streams_max. */
KS_CHECK struct ks_c2s *ks_reactor_open(struct ks_reactor *r, const struct ks_c2s_setup *setup, struct ks_now now);
void ks_reactor_adopt(struct ks_reactor *r, struct ks_c2s *c, struct ks_now now);
void ks_c2s_secured(struct ks_c2s *c, const struct ks_tls_facts *facts, struct ks_now now);
/* The certificate that the client showed was revoked: who is here by it is not any more. */
void ks_c2s_revoked(struct ks_c2s *c, struct ks_now now);
/* There are new lists of revoked ones: a session that waits to be resumed, and was here by a certificate, ends. Whose
 * it was nobody knows any more; who still has a good one begins anew, and misses nothing. */
void ks_reactor_certify(struct ks_reactor *r, struct ks_now now);
/* Bytes from the client (after TLS). */
void ks_c2s_feed(struct ks_c2s *c, struct ks_str bytes, struct ks_now now);
/* To send; valid until the next call on this reactor. */
struct ks_str ks_c2s_output(const struct ks_c2s *c);
void ks_c2s_output_sent(struct ks_c2s *c, size_t len, struct ks_now now);
/* The connection is gone, whoever closed it. A session with stream management waits for resumption. The stream may only
 * be freed after it; no event names it any more. */
void ks_c2s_closed(struct ks_c2s *c, struct ks_now now);
void ks_c2s_free(struct ks_c2s *c);

#endif
