/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* outbox.h -- what this account has to say, until everybody has it.
 *
 * A message waits (for a connection, for keys), is sealed and sent, is on the server, and is delivered: each state is
 * proven. Its number, its envelope and its ciphertext are made in one transaction when it is first sent, and stay the
 * same bytes however often it is sent (doc/PROTOCOL.md §6.1, §8.4). Within a conversation nothing overtakes.
 *
 *   KS_T_OUTBOX   h seq(8)                     head
 *                 d seq(8)                     draft, until it is sealed
 *                 e seq(8)                     envelope
 *                 s seq(8)                     stanza, until the server has it
 *                 q seq(8)                     present until it is sealed
 *                 x seq(8)                     what a retraction owes (erase.h)
 *                 z seq(8)                     files that it owes, likewise
 *                 m seq(8)                     what a moderation owes (moderate.h)
 *                 w seq(8)                     present while it is sealed and the server does not have it
 *                 i id                         its seq
 *                 n conversation 0 epoch(8) number(8)   its seq */
#ifndef KS_OUTBOX_H
#define KS_OUTBOX_H

#include "envelope.h"
#include "schema.h"

#define KS_OUTBOX_KEEP_MS 1209600000LL /* 14 days, for devices that ask again */
#define KS_OUTBOX_PAUSE_MS 10000       /* when the server had no room for what we say by ourselves */
#define KS_OUTBOX_FAIL_MS 2592000000LL /* 30 days without an acknowledgement */

struct konsil;

enum ks_out_state {
    KS_OUT_WAITING = 1, /* has no number yet */
    KS_OUT_SEALED,      /* was handed to the connection, perhaps */
    KS_OUT_SERVER,      /* the server has it */
    KS_OUT_DONE,        /* every recipient account has it */
    KS_OUT_FAILED,
};

struct ks_outbox {
    uint64_t next;    /* seq */
    bool open;        /* caught up: messages go out */
    int64_t pause_ms; /* mono: not before this */
};

struct ks_out {
    uint64_t seq;
    struct ks_str conversation, id;
    enum ks_says says;
    enum ks_out_state state;
    uint64_t epoch, number;
    uint8_t hash[KS_SCE_HASH_LEN];
    int64_t made_ms; /* wall */
    int64_t order;   /* of its message in the history; 0: it made none */
    bool in_room;    /* it was sealed for the members by version room_v of the room's state */
    uint64_t room_v;
};

/* In a step. */
KS_CHECK enum ks_err ks_outbox_load(struct konsil *k);
/* Takes what is to be said: body and references of content; its id is content->k.id, or else made here, and given back.
 * For KS_SAYS_TEXT the message stands in the history and is told; urgency is content->k.urgency. */
KS_CHECK enum ks_err ks_outbox_add(
    struct konsil *k, struct ks_str conversation, struct ks_content *content, struct ks_str *ret_id);
/* Caught up: what waits goes out, and what the server does not have is sent again (unless the session was resumed). */
KS_CHECK enum ks_err ks_outbox_online(struct konsil *k, bool resumed);
/* We are in a room: what its server does not have is sent again, to those who are members now. */
struct ks_group;
KS_CHECK enum ks_err ks_outbox_entered(struct konsil *k, const struct ks_group *group);
/* We left a room in which nothing was sent again since the login: if we do not come to it any more, what its server
 * does not have has failed. */
KS_CHECK enum ks_err ks_outbox_exited(struct konsil *k, struct ks_str room);
/* The server has it: by acknowledgement, or because it stands in our archive. */
KS_CHECK enum ks_err ks_outbox_acked(struct konsil *k, uint64_t seq);
KS_CHECK enum ks_err ks_outbox_seen(struct konsil *k, struct ks_str id);
/* A message of ours came back as an error. */
KS_CHECK enum ks_err ks_outbox_bounced(struct konsil *k, struct ks_str id, struct ks_str from, struct ks_str condition);
/* An account, jid, has (or read) the message with this number of ours, or of another device of ours. */
KS_CHECK enum ks_err ks_outbox_receipt(struct konsil *k, struct ks_str conversation, struct ks_str jid, uint32_t device,
    uint64_t epoch, uint64_t number, bool displayed);
/* The same by id, of third parties. */
KS_CHECK enum ks_err ks_outbox_received(struct konsil *k, struct ks_str conversation, struct ks_str id);
/* A message of ours by number or id, and its envelope, in the step's arena. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_outbox_find(struct konsil *k, struct ks_str conversation, uint64_t epoch, uint64_t number,
    struct ks_out *ret_out, struct ks_str *ret_envelope);
KS_CHECK enum ks_err ks_outbox_find_id(
    struct konsil *k, struct ks_str id, struct ks_out *ret_out, struct ks_str *ret_envelope);
/* The bytes behind a seq. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_outbox_envelope(struct konsil *k, uint64_t seq, struct ks_str *ret_envelope);
/* Those of a conversation that are on the server and not acknowledged by the account, oldest first, at most max. */
KS_CHECK enum ks_err ks_outbox_open(
    struct konsil *k, struct ks_str conversation, size_t max, struct ks_out **ret_outs, size_t *ret_count);
/* The first message that was sealed for a room by an older version of its state, and is of a time after since_ms
 * (wall); its id. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_outbox_wrote(
    struct konsil *k, struct ks_str room, uint64_t version, int64_t since_ms, struct ks_str *ret_id);
KS_CHECK enum ks_err ks_outbox_count(struct konsil *k, uint64_t *ret_waiting);
/* What failed for want of keys waits again (command retry). */
KS_CHECK enum ks_err ks_outbox_retry(struct konsil *k);

/* Outside of steps. */
void ks_outbox_wake(struct konsil *k); /* something it waited for may be here */
void ks_outbox_due(struct konsil *k);  /* KS_WAIT_OUTBOX */
void ks_outbox_lost(struct konsil *k);
bool ks_outbox_upkeep(struct konsil *k); /* daily: drops what nobody needs any more, fails what nobody acknowledged */

#endif
