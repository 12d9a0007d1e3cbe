/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* keys.h -- device lists and bundles: ours kept published, others' fetched when something is to be sent to them.
 *
 * XEP-0384 0.9 §5.3 and the same for its older version. Lists of an account are fetched once in a session, when they
 * are first needed, and kept up by notifications after that; bundles only for devices without a session, right before
 * it is begun. What a server says is a claim: trust is decided where keys are used (peers.h, omemo.h). */
#ifndef KS_KEYS_H
#define KS_KEYS_H

#include "list.h"
#include "map.h"
#include "omemo.h"
#include "stanza.h"

#define KS_KEYS_ACCOUNTS_MAX 4096          /* looked after in a session */
#define KS_KEYS_STALE_MS 7776000000LL      /* 90 days unseen: an own device leaves the list */
#define KS_KEYS_STALE_LIVE_MS 1209600000LL /* 14 days, when another own device is in use */
#define KS_KEYS_AGAIN_MS 600000            /* a bundle or list that could not be had is asked for again */
#define KS_KEYS_READY_MS 60000             /* an account whose sessions are all there is not looked at again */
#define KS_KEYS_NONE_MS 10000              /* so is an account that had no device: it may have one by now */
#define KS_KEYS_REPUBLISH_MAX 5            /* our lists in a day of a session: programs must not fight */

struct konsil;

struct ks_keys {
    struct ks_list rings; /* accounts, for as long as the XMPP session lasts */
    struct ks_map by_jid; /* the same */
    size_t ring_count;
    unsigned republished;
    unsigned publishing[2]; /* bundles under way, by version */
    int64_t upkeep_ms;      /* the next daily one; mono */
    bool begun;             /* a session was begun in the step at hand */
};

void ks_keys_init(struct konsil *k);
void ks_keys_done(struct konsil *k);
void ks_keys_lost(struct konsil *k); /* the session is gone: everything is asked for anew */
void ks_keys_due(struct konsil *k);  /* KS_WAIT_KEYS */

/* What a step began is used up when it is durable, and not begun when it is undone (engine.c). */
void ks_keys_step_ended(struct konsil *k, bool durable);

/* --- in a step --- */

KS_CHECK enum ks_err ks_keys_online(struct konsil *k);
KS_CHECK enum ks_err ks_keys_caught_up(struct konsil *k, bool resumed);
/* A notification of a node of ours or others' (XEP-0060 §7.1.2.1): a list is taken, other nodes are ignored. */
KS_CHECK enum ks_err ks_keys_event(struct konsil *k, struct ks_str from, const struct ks_xml *event);
/* What was published to a node of ours was answered, or never will be; good: it is there. */
KS_CHECK enum ks_err ks_keys_published(struct konsil *k, struct ks_str node, bool good);
/* One of our pre-keys was used, or the signed one is due: bundles are looked at, and published if they changed. */
KS_CHECK enum ks_err ks_keys_upkeep(struct konsil *k, bool caught_up);

/* Those who wait for keys look again. */
void ks_keys_wake(struct konsil *k);
/* Asks for what is missing to send to an account: lists, then bundles. *ret_ready: everything is here or cannot be had;
 * otherwise ks_outbox_wake, ks_acks_keys and ks_heal_wake are called when more is known. */
KS_CHECK enum ks_err ks_keys_ready(struct konsil *k, struct ks_str jid, bool *ret_ready);
/* A session that should be there is not: everything of its account is looked at again. False: it was not taken for
 * granted. */
bool ks_keys_doubt(struct konsil *k, struct ks_str jid);
/* An answer about this account is on its way without which nothing can be sent to it: it was asked for. */
bool ks_keys_coming(struct konsil *k, struct ks_str jid);
/* "Cannot be had" because it was asked for more than once and nothing came. It is asked for again each time that
 * somebody needs it; a room does without this account meanwhile, and what is for nobody else waits. */
bool ks_keys_silent(struct konsil *k, struct ks_str jid);
/* Begins sessions with devices of an account whose bundles were fetched. KS_EAGAIN: one is unusable, and is left out
 * from now on: undo the step and do it again. */
KS_CHECK enum ks_err ks_keys_begin(struct konsil *k, struct ks_str jid);
/* Whether bundles of an account are here of which no session was begun yet. */
bool ks_keys_unbegun(struct konsil *k, struct ks_str jid);
/* One device is to get a new session: the old one is left, and its bundle fetched anew. *ret_ready as above. */
KS_CHECK enum ks_err ks_keys_renew(struct konsil *k, struct ks_str jid, uint32_t device, bool *ret_ready);
/* Its session proved unusable: it gets another before it is used again. */
void ks_keys_broken(struct konsil *k, struct ks_str jid, uint32_t device, enum ks_omemo_version version);
bool ks_keys_usable(struct konsil *k, struct ks_str jid, uint32_t device, enum ks_omemo_version version);
/* Fetch the lists anew, though they are fresh (command devices), and whatever failed (command retry). */
KS_CHECK enum ks_err ks_keys_refresh(struct konsil *k, struct ks_str jid);
void ks_keys_retry(struct konsil *k);

#endif
