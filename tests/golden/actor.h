/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* actor.h -- one client of a conversation: what it sends as bytes, and what it gets as elements, in order. */
#ifndef GOLDEN_ACTOR_H
#define GOLDEN_ACTOR_H

#include "world.h"
#include "xml_framer.h"
#include "xml_reader.h"

/* What came: a stream header, an element of it, or its end (xml is NULL then). */
struct item {
    struct item *next;
    struct ks_arena arena;
    struct ks_str bytes;
    struct ks_xml *xml;
};

struct actor {
    struct actor *next;
    struct world *world;
    struct wire *wire; /* NULL: not connected */
    struct ks_prng *prng;
    struct ks_str name, local, domain, resource; /* the conversation's arena keeps them */
    struct ks_str password;
    uint64_t address;
    struct ks_framer framer;
    struct ks_buf in;
    size_t seen;
    struct item *items, **items_end;
    struct ks_tls_facts tls;
    bool bound, counts; /* counts: stream management is on */
    unsigned syncs;
    bool broken; /* the server sent something that is no XMPP */
};

void actor_init(struct actor *actor, struct world *world, struct ks_prng *prng);
void actor_done(struct actor *actor);

bool actor_connect(struct actor *actor);
void actor_disconnect(struct actor *actor);
void actor_send(struct actor *actor, struct ks_str bytes);
/* The first item that came, waiting for it if need be; NULL: there is none. */
struct item *actor_peek(struct actor *actor);
/* The one behind it, waiting likewise. */
struct item *actor_next(struct actor *actor, const struct item *item);
/* Takes whatever there is without waiting for a first one. */
void actor_look(struct actor *actor);
/* Removes an item. */
void actor_drop(struct actor *actor, struct item *item);
/* The first item that is not <a/> or <r/> of stream management; those before it are dropped. */
struct item *actor_peek_past_counts(struct actor *actor);
bool item_is_count(const struct item *item);

/* A round trip, after which all that the server had for this client has come. False: it did not answer. */
bool actor_sync(struct actor *actor);

/* --- the usual ways; false: *ret_why says what went wrong --- */
bool actor_start_stream(struct actor *actor, struct ks_buf *ret_why); /* header there, header and features back */
bool actor_start_tls(struct actor *actor, struct ks_buf *ret_why);    /* from <proceed/> on */
/* SCRAM as user with password, up to its outcome, which is then the first item. By <authenticate/> with this XML inside
 * (XEP-0388), or if asking is NULL by <auth/>. */
struct actor_login {
    struct ks_str mechanism, user, password;
    const struct ks_str *asking;
};
bool actor_authenticate(struct actor *actor, const struct actor_login *login, struct ks_buf *ret_why);
bool actor_bind(struct actor *actor, struct ks_buf *ret_why);
/* <presence/>, and what the server says to it is dropped. */
bool actor_be_present(struct actor *actor, struct ks_buf *ret_why);

#endif
