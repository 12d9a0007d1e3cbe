/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* acks.h -- receipts: encrypted, to the author's account, gathered (doc/PROTOCOL.md §7).
 *
 * What was read is told to the own devices; to authors if the person allows it, which nobody does at first (§7.2).
 * What is owed follows from the store (chain.h: top against stored, read against displayed), so nothing is forgotten by
 * a crash; what was sent counts when the server has it. Third parties are answered by XEP-0184 inside an envelope. */
#ifndef KS_ACKS_H
#define KS_ACKS_H

#include "envelope.h"
#include "list.h"

#define KS_ACKS_GATHER_MIN_MS 2000
#define KS_ACKS_GATHER_MAX_MS 10000
#define KS_ACKS_ROOM_MAX_MS 30000 /* in a room of more than KS_ACKS_ROOM */
#define KS_ACKS_ROOM 50

struct konsil;
struct ks_inbound;

struct ks_acks {
    struct ks_list requests; /* XEP-0184 receipts to be sent */
    struct ks_list flying;   /* sent, and not known to be on the server */
    uint64_t next;
    bool waits;     /* for keys */
    bool tell_read; /* the person allows it; kept in KS_T_META */
    bool owed;      /* something may be owed; looked at when it is time */
};

void ks_acks_init(struct konsil *k);
void ks_acks_done(struct konsil *k);
KS_CHECK enum ks_err ks_acks_load(struct konsil *k);

/* Something came, or was read: sent within the gathering time. */
void ks_acks_wake(struct konsil *k);
/* The same, for what came in a room with so many people. */
void ks_acks_wake_room(struct konsil *k, size_t people);
/* Keys are here: what waited for them waited long enough. */
void ks_acks_keys(struct konsil *k);
void ks_acks_due(struct konsil *k); /* KS_WAIT_ACK; outside of steps */
void ks_acks_lost(struct konsil *k);
void ks_acks_bounced(
    struct konsil *k, struct ks_str id); /* a stanza came back: if it was a receipt, it is owed again */

/* In a step. */
KS_CHECK enum ks_err ks_acks_tell_read(struct konsil *k, bool tell); /* what is read from now on */
KS_CHECK enum ks_err ks_acks_acked(struct konsil *k, uint64_t number);
/* Somebody's receipt, or one of another device of ours, that tells what was read there. */
KS_CHECK enum ks_err ks_acks_take(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content);
/* XEP-0184: a message of a third party asked for it. Sent after the step. */
KS_CHECK enum ks_err ks_acks_received(struct konsil *k, struct ks_str jid, struct ks_str id);
/* Everything of others up to this place was read here. */
KS_CHECK enum ks_err ks_acks_read(struct konsil *k, struct ks_str conversation, int64_t order);

#endif
