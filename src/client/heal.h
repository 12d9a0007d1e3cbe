/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* heal.h -- repair: what is missing or could not be read is asked for again, and others are answered (doc/PROTOCOL.md
 * §6.3, §8).
 *
 * Gaps stand in chain.h, unreadable messages in KS_T_META under "lost ", so nothing is forgotten by a crash. First the
 * server's archive is read once more, then the author is asked, with growing pauses; a session that failed is replaced
 * before that. Only accounts whose programs number their messages are asked and answered; of whom nothing was read so
 * far, those that speak OMEMO 2. */
#ifndef KS_HEAL_H
#define KS_HEAL_H

#include "chain.h"
#include "envelope.h"
#include "list.h"

#define KS_HEAL_GAP_MS 10000     /* a gap is declared so long after it opened */
#define KS_HEAL_PAUSE_MS 10000   /* between two requests to one account */
#define KS_HEAL_FIRST_MS 60000   /* after one without effect; doubles */
#define KS_HEAL_LAST_MS 21600000 /* to 6 h */
#define KS_HEAL_TRIES_MAX 8      /* without effect; then it is told loudly, and tried again on the next day */
#define KS_HEAL_DAY_MS 86400000
#define KS_HEAL_ANSWERS_MAX 64 /* envelopes to one device in KS_HEAL_ANSWERS_MS */
#define KS_HEAL_ANSWERS_MS 600000

struct konsil;
struct ks_inbound;

struct ks_heal {
    struct ks_list patients; /* accounts that are asked */
    struct ks_list answers;  /* envelopes to be sent again */
    struct ks_list askers;   /* devices that were answered, for the limit */
    size_t answer_count;
    bool archive_asked; /* since the XMPP session began */
};

void ks_heal_init(struct konsil *k);
void ks_heal_done(struct konsil *k);
KS_CHECK enum ks_err ks_heal_load(struct konsil *k);

void ks_heal_wake(struct konsil *k); /* keys came, or something else it may wait for */
void ks_heal_gap(struct konsil *k);  /* a gap opened: looked at in KS_HEAL_GAP_MS */
void ks_heal_due(struct konsil *k);  /* KS_WAIT_HEAL; outside of steps */

/* A text of this account was decrypted: repair helps. */
void ks_heal_opened(struct konsil *k, struct ks_str jid);

/* In a step. */
KS_CHECK enum ks_err ks_heal_caught_up(struct konsil *k);
/* It could not be read. renew: for want of a session that works. */
KS_CHECK enum ks_err ks_heal_lost(struct konsil *k, const struct ks_inbound *in, bool renew);
/* A device numbered an envelope for the first time: it gets what its account did not acknowledge. */
KS_CHECK enum ks_err ks_heal_new_device(struct konsil *k, struct ks_str jid, uint32_t device);
/* What envelopes say about it. */
KS_CHECK enum ks_err ks_heal_asked(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content);
KS_CHECK enum ks_err ks_heal_resent(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content);
KS_CHECK enum ks_err ks_heal_gone(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content);
/* Whether who wrote has to do with a conversation: it is with that account, or a room in which both are. */
KS_CHECK enum ks_err ks_heal_concerns(
    struct konsil *k, const struct ks_inbound *in, struct ks_str conversation, bool *ret_concerns);
/* Tells how much of a device's numbering is missing. */
KS_CHECK enum ks_err ks_heal_tell_gap(struct konsil *k, const struct ks_chain *chain, bool final);

#endif
