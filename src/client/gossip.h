/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* gossip.h -- devices tell each other, inside their envelopes, which key log they follow (doc/PROTOCOL.md §15.7).
 *
 * So a server that shows one log to some and another to others is found out by the first message that crosses. What an
 * envelope says is a bare claim, and nothing follows from it but questions: to the own server, whose tree of that size
 * it has to prove to be the beginning of ours; and, if it cannot, to the device that said so, for its signed
 * checkpoint, which log_view.h judges. All of this is in memory: what is lost is said again by the next message.
 *
 * A device that belongs to no hospital says and asks nothing. */
#ifndef KS_GOSSIP_H
#define KS_GOSSIP_H

#include "envelope.h"
#include "list.h"
#include "merkle.h"

#define KS_GOSSIP_CLAIMS_MAX 16   /* looked into at once; more are passed over */
#define KS_GOSSIP_KNOWN_MAX 64    /* claims that were borne out */
#define KS_GOSSIP_ANSWERS_MAX 64  /* evidence that is sent in an hour */
#define KS_GOSSIP_AGAIN_MS 600000 /* a device is asked about one claim so often */

struct konsil;
struct ks_inbound;

struct ks_claim {
    uint64_t size;
    uint8_t half_root[KS_HALF_ROOT_LEN];
};

struct ks_shown;

struct ks_gossip {
    struct ks_list claims; /* that are looked into */
    struct ks_list owed;   /* devices that asked */
    struct ks_claim known[KS_GOSSIP_KNOWN_MAX];
    size_t claim_count, known_count;
    unsigned answers; /* within the hour that began at */
    int64_t hour_ms;
    struct ks_shown *shown; /* evidence, while the server is asked how it joins ours; or NULL */
};

void ks_gossip_init(struct konsil *k);
void ks_gossip_lost(struct konsil *k); /* the session is gone */
void ks_gossip_done(struct konsil *k);

/* What our envelopes say. */
void ks_gossip_tell(const struct konsil *k, struct ks_k *said);

/* --- in a step --- */

/* What somebody's envelope said. */
KS_CHECK enum ks_err ks_gossip_heard(struct konsil *k, const struct ks_inbound *in, const struct ks_k *said);
KS_CHECK enum ks_err ks_gossip_evidence(
    struct konsil *k, const struct ks_inbound *in, const struct ks_evidence *evidence);
/* The own server told what there is of the log. */
KS_CHECK enum ks_err ks_gossip_log_told(struct konsil *k);

void ks_gossip_wake(struct konsil *k); /* keys came */
void ks_gossip_due(struct konsil *k);  /* KS_WAIT_GOSSIP; outside of steps */

#endif
