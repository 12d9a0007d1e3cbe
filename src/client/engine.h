/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine.h -- what the modules of libkonsil share: one account's state, steps, sending, telling.
 *
 * Everything that happens is a step: one transaction of the store, begun and ended by ks_step(). What a step sends and
 * tells is held back until its transaction is durable, and forgotten when it is not: so nothing is acknowledged, sent
 * or shown that a crash could take back. Modules keep in memory only what a new login finds out again.
 *
 * Results of module functions inside a step: KS_OK; anything else ends the step and undoes it. What a peer did wrong is
 * not such a result: it is handled where it is seen. */
#ifndef KS_ENGINE_H
#define KS_ENGINE_H

#include "acks.h"
#include "archive_pin.h"
#include "archiving.h"
#include "catchup.h"
#include "certs.h"
#include "codes.h"
#include "device_key.h"
#include "displayed.h"
#include "engine_store.h"
#include "enrolment.h"
#include "external_services.h"
#include "gossip.h"
#include "group.h"
#include "heads.h"
#include "heal.h"
#include "held.h"
#include "iq_client.h"
#include "keys.h"
#include "konsil/konsil.h"
#include "lifetime.h"
#include "log.h"
#include "log_follow.h"
#include "omemo.h"
#include "outage.h"
#include "outbox.h"
#include "people.h"
#include "restore.h"
#include "ring_keeper.h"
#include "schema.h"
#include "service.h"
#include "stanza.h"
#include "stream.h"
#include "transfer.h"
#include "xml_reader.h"

/* Things that wait for their time. */
enum ks_wait {
    KS_WAIT_CONNECT,  /* the next try */
    KS_WAIT_LOGIN,    /* a login that takes too long */
    KS_WAIT_PING,     /* silence: is the server still there? */
    KS_WAIT_IQ,       /* requests without an answer */
    KS_WAIT_ACK,      /* receipts to be sent */
    KS_WAIT_HEAL,     /* repair: gathered requests, next tries */
    KS_WAIT_HEADS,    /* how far we numbered, to those who lack it */
    KS_WAIT_KEYS,     /* heartbeats and daily upkeep */
    KS_WAIT_OUTBOX,   /* messages that wait for something */
    KS_WAIT_GROUP,    /* rooms: pings, other tries */
    KS_WAIT_TRANSFER, /* files: the next one, the next try */
    KS_WAIT_SERVICES, /* servers for calls: before their passwords expire */
    KS_WAIT_LIFETIME, /* what is kept here too long */
    KS_WAIT_HELD,     /* messages whose author's certificate is being fetched */
    KS_WAIT_ENROL,    /* our own certificate: the next try, its renewal */
    KS_WAIT_LOG,      /* the key log: nothing was heard of it for long */
    KS_WAIT_GOSSIP,   /* words about the key log, to other devices */
    KS_WAIT_ARCHIVE,  /* what is to be archived, and its key ring */
    KS_WAIT_COUNT
};

struct konsil {
    struct ks_engine_store *store;
    struct ks_prng prng;
    const struct ks_log *log;
    struct ks_now now; /* of the call at hand */
    enum ks_err failed;

    /* The account; all empty until connect names it, or the store does. Owned. */
    char *bare, *local, *domain, *resource, *device_name;
    char *agent; /* the id of this installation (XEP-0388 §2.3) */
    char *password, *host;
    char *token, *token_mechanism; /* in place of the password (XEP-0484), or NULL */
    char *invite;                  /* the token of an invitation, until it is used; or NULL */
    bool invite_tried;
    uint16_t port;
    bool direct_tls, remember;
    bool certificate; /* of konsil_setup */
    uint64_t epoch;   /* of our numbers (doc/PROTOCOL.md); in the store */
    bool went_back;   /* the store was found to be an older one, since the engine began */
    int64_t born_ms;  /* wall: this device exists since */

    struct ks_arena arena; /* of the step at hand */
    bool stepping;
    void (*after)(struct konsil *k); /* of the command at hand: what follows when its step is durable */
    struct ks_buf events;            /* lines, each ended by LF; the first events_durable bytes may be taken */
    size_t events_taken;
    struct ks_buf staged; /* u64 tag, u32 length, bytes: stanzas of the step at hand */
    int64_t wait_ms[KS_WAIT_COUNT];

    struct ks_stream stream;
    struct ks_iqs iqs;
    struct ks_omemo *omemo; /* NULL until the account is known */
    struct ks_people people;
    struct ks_keys keys;
    struct ks_list heartbeats;
    struct ks_outbox outbox;
    struct ks_catchup catchup;
    struct ks_acks acks;
    struct ks_heal heal;
    struct ks_heads heads;
    struct ks_device_key device_key;
    struct ks_enrolment enrolment;
    struct ks_log_follow log_follow;
    struct ks_gossip gossip;
    struct ks_certs certs;
    struct ks_held_list held;
    struct ks_served served;
    struct ks_groups groups;
    struct ks_displayed displayed;
    struct ks_transfers transfers;
    struct ks_services services;
    struct ks_outage outage;
    struct ks_lifetime lifetime;
    struct ks_ring_keeper ring;
    struct ks_archiving archive;
    struct ks_archive_pin archive_pin;
    struct ks_restore restore;
};

/* --- steps --- */

typedef enum ks_err ks_step_fn(struct konsil *k, void *arg);
/* Runs a step in a transaction; not inside another. True when it is durable. When the store has no room, the
 * connection is dropped, so that what could not be kept comes again; when memory or the store fail, the engine has
 * failed. */
bool ks_step(struct konsil *k, ks_step_fn *step, void *arg);

/* --- sending and telling, inside a step --- */

/* Kinds of tags, by which a sender learns that the server has its stanza (ks_engine_acked). */
enum ks_tag { KS_TAG_NONE, KS_TAG_OUTBOX, KS_TAG_ACK };
#define KS_TAG(kind, number) ((uint64_t)(kind) << 56 | (uint64_t)(number))
#define KS_TAG_NUMBER(tag) ((tag)&0xffffffffffffff)

/* True between login and the loss of the connection. */
bool ks_online(const struct konsil *k);
/* Sends when the step is durable; without a connection it is forgotten. */
KS_CHECK enum ks_err ks_send_stanza(struct konsil *k, const struct ks_xml *stanza, uint64_t tag);
KS_CHECK enum ks_err ks_send_bytes(struct konsil *k, struct ks_str stanza, uint64_t tag);

/* Tells an event; value is its struct. */
KS_CHECK enum ks_err ks_tell(struct konsil *k, enum ks_ev_kind kind, const void *value);
KS_CHECK enum ks_err ks_tell_warning(struct konsil *k, const char *code, struct ks_str jid);

/* Random ids: 128 bits as hexadecimal, in the step's arena. */
KS_CHECK enum ks_err ks_new_id(struct konsil *k, struct ks_str *ret_id);

/* --- settings (KS_T_META) --- */

/* In the step's arena. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_meta_get(struct konsil *k, const char *name, struct ks_str *ret_value);
KS_CHECK enum ks_err ks_meta_put(struct konsil *k, const char *name, struct ks_str value);
KS_CHECK enum ks_err ks_meta_del(struct konsil *k, const char *name);
KS_CHECK enum ks_err ks_meta_get_u64(struct konsil *k, const char *name, uint64_t *ret_value);
KS_CHECK enum ks_err ks_meta_put_u64(struct konsil *k, const char *name, uint64_t value);
/* A record of any table, in the step's arena. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_store_get(struct konsil *k, enum ks_table table, struct ks_str key, struct ks_str *ret_value);

/* The store is an older copy of itself: numbers, sessions and pre-keys begin anew, and the person is told. In a step.
 */
KS_CHECK enum ks_err ks_engine_went_back(struct konsil *k);

/* Names the account, once: makes or loads its identity, and what it has to say. In a step. */
KS_CHECK enum ks_err ks_engine_account(struct konsil *k, struct ks_str bare);
static inline struct ks_str ks_own(const struct konsil *k)
{
    return ks_str_z(k->bare);
}

/* --- what stream.c calls, outside of steps --- */

void ks_engine_stanza(struct konsil *k, struct ks_xml *stanza);
void ks_engine_online(struct konsil *k, bool resumed);
void ks_engine_lost(struct konsil *k); /* the session is gone for good, or its connection is */
void ks_engine_acked(struct konsil *k, const uint64_t *tags, size_t count);
void ks_engine_forget_invite(struct konsil *k);
void ks_engine_forget_token(struct konsil *k);               /* likewise */
KS_CHECK enum ks_err ks_engine_drop_token(struct konsil *k); /* the same within a step */
void ks_engine_forget_password(struct konsil *k);            /* in the store too */
/* Catch-up is over (catchup.c). */
KS_CHECK enum ks_err ks_engine_caught_up(struct konsil *k, bool resumed);

/* Does what is due by now. */
void ks_engine_due(struct konsil *k);

/* commands.c */
void ks_command(struct konsil *k, struct ks_str json);
/* In a step: answers the command behind text (of ks_command_text), when a server decided about it: room is the
 * result's. An empty text was no command. */
KS_CHECK enum ks_err ks_command_answer(
    struct konsil *k, struct ks_str text, struct ks_str room, const struct ks_stanza *answer);
/* The same, when it was we who decided against it. */
KS_CHECK enum ks_err ks_command_refused(struct konsil *k, struct ks_str text, const char *code, struct ks_str detail);

#endif
