/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* log_follow.h -- the hospital's key log, as this device follows it at its server (doc/PROTOCOL.md §15, §22.2).
 *
 * What is believed of it, log_view.h decides; here is the asking: pages until the newest checkpoint, then whatever the
 * server pushes. A device that belongs to no hospital follows nothing, and none of this has an effect. */
#ifndef KS_LOG_FOLLOW_H
#define KS_LOG_FOLLOW_H

#include "buf.h"
#include "evidence.h"
#include "log_view.h"
#include "stanza.h"

struct konsil;

struct ks_log_follow {
    struct ks_log_view *view; /* NULL: not enrolled */
    struct ks_buf leaves;     /* of an update that is not whole yet, from number first on */
    uint64_t first;
    bool asking, again;       /* again: there is something newer than what is being asked for */
    enum ks_log_age told_age; /* of which the person was told */
    uint8_t signer_hash[32], signer_key[KS_P256_PUBLIC_LEN]; /* the last one that was found good */
    int64_t signer_until_s;
};

void ks_log_follow_init(struct konsil *k);
void ks_log_follow_lost(struct konsil *k); /* the session is gone: what is missing is asked for anew */
void ks_log_follow_done(struct konsil *k);

/* --- in a step --- */

/* Reads what is known, or begins with nothing. After the own enrolment is known. */
KS_CHECK enum ks_err ks_log_follow_load(struct konsil *k);
KS_CHECK enum ks_err ks_log_follow_online(struct konsil *k);
/* <log/> that the own server pushed. */
KS_CHECK enum ks_err ks_log_follow_pushed(struct konsil *k, const struct ks_xml *log);
/* Asks whether there is anything newer, unless that is being asked. */
KS_CHECK enum ks_err ks_log_follow_ask(struct konsil *k);

/* --- for gossip.h, in a step --- */

/* Whether a certificate's key may sign checkpoints (§15.4). */
KS_CHECK enum ks_err ks_log_follow_signer(
    struct konsil *k, struct ks_str certificate, uint8_t ret_key[KS_P256_PUBLIC_LEN], bool *ret_good);
/* What another device showed, by a key that may sign; proof: how it joins ours, or NULL. A fork is told. */
KS_CHECK enum ks_err ks_log_follow_evidence(struct konsil *k, const struct ks_signed_checkpoint *shown,
    const struct ks_merkle_proof *proof, enum ks_log_answer *ret_answer);
/* Our checkpoint of that size, or else the newest; false in *ret_have: there is none to be shown. */
KS_CHECK enum ks_err ks_log_follow_show(
    struct konsil *k, uint64_t size, struct ks_evidence *ret_evidence, bool *ret_have);

/* KS_WAIT_LOG, outside of steps: nothing was heard for long. */
void ks_log_follow_due(struct konsil *k);

/* Which time counts, how old what is known is, and what may be done at that age. */
void ks_log_follow_time(struct konsil *k, struct ks_log_time *ret_time);
/* Whether anything may be sent at that age; whether new devices may get keys. */
bool ks_log_follow_may_send(struct konsil *k);
bool ks_log_follow_may_meet(struct konsil *k);
/* That time in seconds, for the dates of certificates. */
int64_t ks_log_follow_now_s(struct konsil *k);

#endif
