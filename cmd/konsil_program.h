/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_program.h -- what the faces of konsil share: an engine on a store, and its link to the server. */
#ifndef KONSIL_PROGRAM_H
#define KONSIL_PROGRAM_H

#include <stdio.h>

#include "client_link.h"
#include "engine_store.h"
#include "file_carrier.h"
#include "konsil/konsil.h"
#include "outage_fetch.h"
#include "profile.h"
#include "say.h"
#include "sentence.h"
#include "vault_link.h"

/* Of program_ask_new: ids of the catalogue. */
struct program_questions {
    const char *first, *again, *too_short, *differs, *missing;
};

struct program {
    enum ks_language language;
    bool json;
    const char *jid;    /* bare, normal */
    const char *invite; /* of --invite, or NULL: the account is created by it, unless it is there already */
    const char *host;   /* of --server; NULL: found by the domain */
    uint16_t port;      /* 0: the usual one */
    bool direct_tls;
    bool websocket;         /* of --websocket; */
    const char *socket_url; /* and to where, or NULL */
    bool certificate;       /* the link has one of the person's */
    const char *ca_file;    /* or NULL */
    struct ks_prng *prng;
    struct ks_profile *profile;
    struct ks_vault_link *vault; /* NULL: not asked yet */
    bool locked;                 /* it was locked before: what opens it is typed, whatever options say */
    bool lock;                   /* a face sets it at its end: to be locked now */
    unsigned lock_minutes;       /* without a key; 0: never */
    struct ks_engine_store *store;
    struct ks_client_link *link;
    struct ks_file_carrier *carrier;
    struct pollfd carried[KS_CARRIER_FDS_MAX]; /* as the last wait left them */
    size_t carried_count;
    struct ks_outage_fetch *outage;           /* a face that is asked to look begins it, and takes what came */
    struct pollfd fetched[KS_OUTAGE_FDS_MAX]; /* likewise */
    size_t fetched_count;
    struct konsil *engine;
};

/* Says the sentence and what to do; returns the exit status. */
int program_fail(const struct program *program, const char *id);

/* Asks for a new secret of at least 8 characters, twice. NULL, or an id of the catalogue that says what is
 * wrong; what is too short is asked for again. */
const char *program_ask_new(
    const struct program *program, const struct program_questions *questions, char *text, size_t cap);

/* Asks on the terminal, without showing what is typed; false: no line came. */
bool program_ask(const struct program *program, const char *id, char *text, size_t cap);

/* The first line of a file that is nobody else's. NULL, or an id of the catalogue that says what is wrong. */
const char *program_read_passphrase(const char *file, char *text, size_t cap);

struct konsil_now program_now(void);
/* Lets connection and files go on, by what the last wait found; 0: for the connection it found nothing. */
void program_run(struct program *program, short revents);
/* Waits until the connection or a file has something (*ret_revents, for program_run), input is to be read (true in
 * *ret_input; input -1: none is looked at), or until_ms (KS_NEVER). False: it cannot wait. */
bool program_wait(struct program *program, int input, int64_t until_ms, short *ret_revents, short *ret_input);

/* A face; runs until it is told to end, and returns the exit status. */
int konsil_json(struct program *program);
int konsil_terminal(struct program *program);

#endif
