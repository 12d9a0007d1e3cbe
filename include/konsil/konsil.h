/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil.h -- libkonsil: one account's messenger without IO. The only header that is installed.
 *
 * The engine speaks XMPP and OMEMO, keeps keys, history and outbox in the store it is given, and knows what is to be
 * done. It opens no socket, asks for no time and takes no entropy: its driver does (cmd/konsil.c, the worker of the web
 * app, the simulator). There are two doors, and both are below:
 *
 *   people's door   commands in, events out: one JSON object each, the schema is doc/json.md, the same natively and in
 *                   WASM. Whatever goes wrong there is an event "error" or "warning" with an id of the catalogue.
 *   driver's door   requests (connect, start TLS, close), facts about the transport, bytes, time.
 *
 * A driver's loop: after every call take all events and all requests; send konsil_output(); call konsil_tick() when
 * konsil_deadline_ms() is reached. Nothing blocks but for the cost of cryptography (a login runs PBKDF2 once). One
 * thread, or calls one after another.
 *
 * What is durable: when a call returns, everything it acknowledged to the server, and everything it put into
 * konsil_output(), is committed in the store. A new engine on the same store continues after a crash at any point.
 *
 * Texts are UTF-8 with a length, without a final zero unless said. Views are good until the next call on the engine. */
#ifndef KONSIL_KONSIL_H
#define KONSIL_KONSIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KONSIL_SCHEMA 1           /* of commands and events; the event "hello" names it */
#define KONSIL_COMMAND_MAX 131072 /* bytes of one command */
#define KONSIL_SEED_LEN 32

struct konsil;
struct ks_engine_store; /* one account's store, open; its drivers make it (src/store/engine_store.h) */
struct ks_log;          /* src/base/log.h */

struct konsil_now {
    int64_t mono_ms; /* never goes back */
    int64_t wall_ms; /* since 1970, UTC */
};

struct konsil_setup {
    struct ks_engine_store *store; /* stays the caller's; must outlive the engine, and nobody else may write to it */
    uint8_t seed[KONSIL_SEED_LEN]; /* fresh entropy; the simulator's number */
    struct konsil_now now;
    const char
        *device_name; /* zero-ended; part of the resource, shown to the account's other devices. NULL: "konsil" */
    const struct ks_log *log; /* or NULL */
};

/* NULL without memory. A store that is damaged, or written by a newer version, gives an engine that has failed. */
struct konsil *konsil_new(const struct konsil_setup *setup);
/* Accepts NULL. Sends nothing: to say goodbye, give the command "disconnect" first. Wipes its secrets. */
void konsil_free(struct konsil *k);

/* 0 while the engine works. Otherwise an enum ks_err (src/base/err.h): memory or the store failed in a way that leaves
 * nothing to be done; every call does nothing then, and only konsil_free is left. What was committed is safe. A full
 * disk is no failure: what could not be kept is not acknowledged, and tried again (warning "store.full"). */
int konsil_failed(const struct konsil *k);

/* --- people's door --- */

/* One command, a JSON object of at most KONSIL_COMMAND_MAX bytes, without or with a line end. What is wrong with it is
 * an event "error". */
void konsil_command(struct konsil *k, const char *json, size_t len, struct konsil_now now);
/* The next event: one JSON object in one line, without line end, not zero-ended. False when there is none. */
bool konsil_next_event(struct konsil *k, const char **ret_json, size_t *ret_len);

/* --- driver's door --- */

enum konsil_request_kind {
    /* Open a connection to host and port; with direct_tls do the handshake at once (ALPN "xmpp-client"). Answer with
     * konsil_opened (after konsil_secured when direct_tls), or with konsil_closed when it fails. port 0: by DNS
     * (SRV of RFC 6120 §3.2 and XEP-0368 when host equals domain), else 5222, direct 5223. */
    KONSIL_CONNECT = 1,
    /* Send what is in konsil_output, then start a TLS handshake; answer konsil_secured or konsil_closed. */
    KONSIL_START_TLS,
    /* Send what is in konsil_output, then close. No answer is expected: the connection is gone for the engine. */
    KONSIL_CLOSE,
};

struct konsil_request {
    enum konsil_request_kind kind;
    /* Of KONSIL_CONNECT and KONSIL_START_TLS; zero-ended. The certificate must be valid for domain (SNI and check,
     * RFC 6120 §13.7.2), whatever host is. */
    const char *host, *domain;
    uint16_t port;
    bool direct_tls;
};
/* False when there is none. */
bool konsil_next_request(struct konsil *k, struct konsil_request *ret_request);

/* What TLS knows after a handshake whose certificate was checked. Copied. An unchecked certificate is konsil_closed
 * with KONSIL_LOST_CERTIFICATE. */
struct konsil_tls {
    uint8_t exporter[32];         /* EXPORTER-Channel-Binding (RFC 9266) */
    bool has_exporter;            /* TLS 1.3, or 1.2 with extended master secret */
    uint8_t server_end_point[64]; /* RFC 5929 §4 */
    uint8_t server_end_point_len; /* 0: none */
};

enum konsil_lost {
    KONSIL_LOST_NETWORK = 1, /* could not connect, or the connection broke or ended */
    KONSIL_LOST_TLS,         /* the handshake failed */
    KONSIL_LOST_CERTIFICATE, /* the server's certificate is not valid for domain: not tried again by itself */
    KONSIL_LOST_NAME,        /* the host's name could not be resolved */
};

void konsil_opened(struct konsil *k, struct konsil_now now);
void konsil_secured(struct konsil *k, const struct konsil_tls *tls, struct konsil_now now);
/* Bytes from the server, as they come. */
void konsil_feed(struct konsil *k, const char *bytes, size_t len, struct konsil_now now);
/* The connection is gone. The engine asks for a new one when it is time (deadline), unless told to disconnect. */
void konsil_closed(struct konsil *k, enum konsil_lost why, struct konsil_now now);
/* The network changed or came back, the program woke up: try now what waits for a deadline. */
void konsil_try_now(struct konsil *k, struct konsil_now now);

/* What is to be sent, from the start of what was not sent yet. */
void konsil_output(const struct konsil *k, const char **ret_bytes, size_t *ret_len);
/* len bytes of it were handed to the transport (len <= what konsil_output said). */
void konsil_output_sent(struct konsil *k, size_t len);

/* When to call konsil_tick even if nothing happens, as mono_ms; INT64_MAX: not needed. */
int64_t konsil_deadline_ms(const struct konsil *k);
void konsil_tick(struct konsil *k, struct konsil_now now);

#ifdef __cplusplus
}
#endif

#endif
