/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* party.h -- engines on the real server core, in one thread and on virtual time: who says what, and what a hostile
 * network makes of it.
 *
 * A lab is a konsild (tests/sim/host.h) with accounts; a party is one device: an engine on a store in memory. A spy
 * sees each stanza on its way from the server to a party and may drop or change it. */
#ifndef PARTY_H
#define PARTY_H

#include <jansson.h>

#include "engine_store.h"
#include "host.h"
#include "konsil/konsil.h"
#include "ws_reader.h"
#include "xml_framer.h"

#define PARTIES_MAX 64

struct party;
/* What becomes of a stanza (bytes, in *stanza, may be replaced by others that live as long as the lab): false drops it.
 */
typedef bool spy_fn(struct party *party, struct ks_str *stanza, void *user);

/* What an engine takes for itself: how long it was at work in all, and without a pause. Milliseconds of a real clock.
 */
struct party_work {
    double total_ms, longest_ms;
};

struct party {
    struct lab *lab;
    const char *jid, *password;
    struct ks_engine_store *store;
    struct konsil *engine;
    struct host_conn *conn;
    struct ks_framer framer;
    struct ks_buf in; /* from the server, an unfinished stanza */
    size_t in_seen;
    struct ks_buf sent; /* everything the engine sent after TLS */
    json_t *events;     /* all of them, in order */
    spy_fn *spy;
    void *spy_user;
    bool cut;         /* the network is gone */
    int64_t ahead_ms; /* of its clock, before everybody's else */
    bool websocket;   /* it comes over one (RFC 7395); what a spy sees is a message */
    struct ks_ws_reader reader;
    char *url; /* where it was asked to connect the last time, or NULL */
    struct party_work work;
    /* What it shows to the server; the caller's. An engine learns at its start that there is one: party_reborn. */
    const struct ks_tls_certificate *certificate;
};

struct lab {
    struct host *host;
    struct ks_server_store *store;
    struct ks_config *config;
    struct party parties[PARTIES_MAX];
    size_t count;
    uint64_t seed;
    struct ks_arena kept; /* what spies made */
};

void lab_begin(struct lab *lab, uint64_t seed);
void lab_end(struct lab *lab);
void lab_account(struct lab *lab, const char *local, const char *password); /* at klinik.example */
/* An option of klinik.example, as text. */
void lab_option(struct lab *lab, const char *name, const char *value);
/* What an administrator with all rights is answered (control.h), one line of JSON; lives as long as the lab. */
const char *lab_control(struct lab *lab, const char *command);
/* A device of an account; not connected. */
struct party *lab_party(struct lab *lab, const char *jid, const char *password);
/* The last party's process ends for good; its place is free. What the server has of it stays. */
void lab_leave(struct lab *lab);

/* A lab with anna@ and jonas@ ("a-password", "j-password") and a device of each. */
void lab_two(struct lab *lab, uint64_t seed, struct party **anna, struct party **jonas);

/* Everything there is to do now is done; then time moves on by ms, deadline by deadline. */
void lab_run(struct lab *lab, int64_t ms);

void party_connect(struct party *party);
/* printf-like: one command. Returns the event that answers it; borrowed. */
json_t *party_do(struct party *party, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sends a text; its id, which lives as long as the lab. */
const char *party_send(struct party *party, const char *to, const char *body);
/* printf-like: a stanza that its server made up, or that came for it in another way than through the lab's server. */
void party_give(struct party *party, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The process dies between two moments, and starts again on what its store has; or only ends. */
void party_crash(struct party *party);
void party_restart(struct party *party);
/* The same, and it does not connect. */
void party_reborn(struct party *party);
/* The connection breaks. */
void party_cut(struct party *party);

/* Events of a kind from `from` on; the n-th of them (0: the first), or NULL. */
json_t *party_event(const struct party *party, const char *event, size_t from, size_t n);
size_t party_count(const struct party *party, const char *event, size_t from);
size_t party_mark(const struct party *party); /* how many events there are */
/* "body" of each message of a conversation, joined by commas; unreadable ones as "?", retracted ones as "-". Lines
 * that tell what became of a room are left out. */
const char *party_history(struct party *party, const char *with);
const char *text_of(const json_t *event, const char *member); /* "" when it is absent */

#endif
