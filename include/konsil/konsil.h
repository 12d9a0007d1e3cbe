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
    bool certificate;         /* the transport has a certificate of the person's: "connect" needs no password */
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
    const char *url; /* KONSIL_CONNECT: the WebSocket to which the server sent us, or NULL: where the host thinks */
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
    bool certified;               /* the server asked for a certificate of ours, and was shown one (XEP-0178) */
};

enum konsil_lost {
    KONSIL_LOST_NETWORK = 1, /* could not connect, or the connection broke or ended */
    KONSIL_LOST_TLS,         /* the handshake failed */
    KONSIL_LOST_CERTIFICATE, /* the server's certificate is not valid for domain: not tried again by itself */
    KONSIL_LOST_NAME,        /* the host's name could not be resolved */
};

void konsil_opened(struct konsil *k, struct konsil_now now);
/* The same over a WebSocket (RFC 7395, subprotocol "xmpp"), which is the host's choice at each KONSIL_CONNECT: wss
 * only, and a certificate that was checked. konsil_secured comes before it where TLS tells something; a browser does
 * not. From here on there are konsil_message and konsil_next_message, and not konsil_feed and konsil_output. */
void konsil_opened_messages(struct konsil *k, struct konsil_now now);
void konsil_secured(struct konsil *k, const struct konsil_tls *tls, struct konsil_now now);
/* Bytes from the server, as they come. */
void konsil_feed(struct konsil *k, const char *bytes, size_t len, struct konsil_now now);
/* A text message of the WebSocket, whole. */
void konsil_message(struct konsil *k, const char *text, size_t len, struct konsil_now now);
/* The next text message to be sent; good until the next call. False when there is none. */
bool konsil_next_message(struct konsil *k, const char **ret_text, size_t *ret_len);
/* The connection is gone. The engine asks for a new one when it is time (deadline), unless told to disconnect. */
void konsil_closed(struct konsil *k, enum konsil_lost why, struct konsil_now now);
/* The network changed or came back, the program woke up: try now what waits for a deadline. */
void konsil_try_now(struct konsil *k, struct konsil_now now);

/* Where the domain's WebSocket is, by a file /.well-known/host-meta.json or host-meta of it (XEP-0156), which the host
 * got by https: the first address that is no worse than the domain's own (wss, at the domain), with its zero, within
 * cap (KONSIL_URL_MAX is enough). False: it names none. Needs no engine. */
#define KONSIL_URL_MAX 1025
bool konsil_host_meta(const char *file, size_t len, const char *domain, char *ret_url, size_t cap);

/* What is to be sent, from the start of what was not sent yet. */
void konsil_output(const struct konsil *k, const char **ret_bytes, size_t *ret_len);
/* len bytes of it were handed to the transport (len <= what konsil_output said). */
void konsil_output_sent(struct konsil *k, size_t len);

/* --- files ---
 *
 * The host moves the bytes of files, the engine makes of them what may lie on a server. For each konsil_file that it is
 * given, the host works until it is done, failed, or told to stop; then it says so, once. Pieces may be of any length,
 * so memory need not grow with a file. Of one kind there is one at a time. After a new start the engine gives what was
 * not done again. */
enum konsil_file_kind {
    /* How long is the file at path? konsil_file_size, or konsil_file_failed. */
    KONSIL_FILE_LOOK = 1,
    /* PUT to url, with headers and a body of `bytes` bytes: of what konsil_file_seal makes of the file, in its order,
     * and then the 16 of konsil_file_seal_end. Status 201: konsil_file_stored. */
    KONSIL_FILE_PUT,
    /* GET url, into a file that nobody mistakes for the real one; what is there already may be kept, and the rest asked
     * for as a range. Then all of it from the beginning through konsil_file_check, konsil_file_check_end, and again
     * from the beginning through konsil_file_open, konsil_file_open_end, into another such file. When that was good,
     * and only then: make it durable, give it its name without replacing anything, and say konsil_file_saved. */
    KONSIL_FILE_GET,
    /* Stop at once, and remove what is half done. No answer. */
    KONSIL_FILE_STOP,
};

/* Texts are zero-ended, and good until the next call on the engine. */
struct konsil_file {
    enum konsil_file_kind kind;
    uint64_t transfer;   /* its number, the same in events; names half-done files, too */
    const char *path;    /* of the command */
    const char *name;    /* KONSIL_FILE_GET: what it is called if path is a directory; harmless */
    const char *url;     /* https, of a host that may be asked; follow no redirect */
    const char *headers; /* KONSIL_FILE_PUT: "Name: value", each with a line feed */
    uint64_t bytes;      /* of what is moved; 0 (KONSIL_FILE_GET): not known. More than that is konsil_file_failed */
};
/* False when there is none. */
bool konsil_next_file(struct konsil *k, struct konsil_file *ret_file);

enum konsil_file_why {
    KONSIL_FILE_NETWORK = 1, /* broken, late, or a status that may be another one later: tried again, after a while */
    KONSIL_FILE_REFUSED,     /* any other status */
    KONSIL_FILE_GONE,        /* 404, 410 */
    KONSIL_FILE_TOO_BIG,     /* 413, or more than there should be */
    KONSIL_FILE_NO_ROOM,     /* on this device */
    KONSIL_FILE_UNREADABLE,  /* the file at path */
    KONSIL_FILE_UNWRITABLE,  /* the place at path */
    KONSIL_FILE_CHANGED,     /* the file has another length than KONSIL_FILE_LOOK said: it is begun anew */
    KONSIL_FILE_CERTIFICATE, /* not valid for the host: not tried again */
    KONSIL_FILE_NOT_GENUINE, /* other bytes than the author sent: konsil_file_check or konsil_file_open said so */
};

/* What a host says of a transfer that is over is ignored. */
void konsil_file_size(struct konsil *k, uint64_t transfer, uint64_t bytes, struct konsil_now now);
/* For people: so many bytes are over. */
void konsil_file_moved(struct konsil *k, uint64_t transfer, uint64_t bytes, struct konsil_now now);
void konsil_file_stored(struct konsil *k, uint64_t transfer, struct konsil_now now);
void konsil_file_saved(struct konsil *k, uint64_t transfer, const char *path, struct konsil_now now);
/* status: of HTTP, or 0. */
void konsil_file_failed(
    struct konsil *k, uint64_t transfer, enum konsil_file_why why, unsigned status, struct konsil_now now);

/* Writes as many bytes as it is given, which may be where they came from. False: that is no upload at work, or there
 * are more than konsil_file_size said. */
bool konsil_file_seal(struct konsil *k, uint64_t transfer, const uint8_t *bytes, size_t len, uint8_t *ret_sealed);
/* False: not as many as konsil_file_size said (konsil_file_failed, KONSIL_FILE_CHANGED). */
bool konsil_file_seal_end(struct konsil *k, uint64_t transfer, uint8_t ret_tag[16]);

/* sealed_bytes: of all that was fetched. False, here and below: it is not what the author sent. */
bool konsil_file_check_begin(struct konsil *k, uint64_t transfer, uint64_t sealed_bytes);
bool konsil_file_check(struct konsil *k, uint64_t transfer, const uint8_t *sealed, size_t len);
bool konsil_file_check_end(struct konsil *k, uint64_t transfer);
/* ret_bytes has room for len; *ret_len of them are the file's. */
bool konsil_file_open(
    struct konsil *k, uint64_t transfer, const uint8_t *sealed, size_t len, uint8_t *ret_bytes, size_t *ret_len);
bool konsil_file_open_end(struct konsil *k, uint64_t transfer);

/* When to call konsil_tick even if nothing happens, as mono_ms; INT64_MAX: not needed. */
int64_t konsil_deadline_ms(const struct konsil *k);
void konsil_tick(struct konsil *k, struct konsil_now now);

#ifdef __cplusplus
}
#endif

#endif
