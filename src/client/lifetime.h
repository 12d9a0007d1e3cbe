/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* lifetime.h -- how long this device keeps what was said (doc/PROTOCOL.md §12.1).
 *
 * Three may say so, and the shortest counts: the server, for all (XEP-0504 §3.3; server_info.h); a room's server, for
 * that room (konsil#retention, each time that it is entered); and the person, for this device. Nobody said anything:
 * all of it is kept.
 *
 * Once a day, and soon after the engine began, all messages are looked at, a slice in each step so that nothing waits.
 * One that is older goes out of the store: its words, names and keys of its files, receipts and reactions, what search
 * finds it by, its downloads, what the outbox has of it; and is told as gone. So does what came before its target and
 * waits for it. One of ours that no server has yet stays. What is left: that a message with this id was taken in, so
 * that it is not shown again, and its number and hash (chain.h).
 *
 * A server may be in wrong hands, or set wrongly for an hour, and nothing brings back what is deleted here: so its word
 * counts once it stood for KS_LIFETIME_NOTICE_MS. The person's own counts at once.
 *
 * A clock may be wrong, and nothing brings back what it deletes either: a message goes when its time is up by this
 * device's clock and by the server's (XEP-0202), which is asked once a day while anything has a period. Without a
 * connection its time goes on as this device runs, and not while it is switched off. The person is told when the two
 * differ. */
#ifndef KS_LIFETIME_H
#define KS_LIFETIME_H

#include "buf.h"
#include "schema.h"

#define KS_LIFETIME_NOTICE_MS INT64_C(604800000) /* 7 days */
#define KS_LIFETIME_FIRST_MS 60000               /* after the beginning */
#define KS_LIFETIME_AGAIN_MS 86400000            /* after the end of a walk */
#define KS_LIFETIME_PAUSE_MS 50                  /* after a slice */
#define KS_LIFETIME_ROWS 100                     /* of a slice */
#define KS_LIFETIME_CLOCKS_MS 300000             /* by so much clocks may differ without a word */

struct konsil;
struct ks_message;

struct ks_lifetime {
    bool early;          /* of the walk: the messages are done */
    bool periods;        /* of the walk: something has one */
    int64_t asked_ms;    /* monotonic: when the server was asked for its time; 0: never */
    int64_t sure_ms;     /* what it said, wall, or what went on from it; 0: the store may know */
    int64_t sure_at_ms;  /* monotonic: when that was so */
    struct ks_buf after; /* the key that was looked at last; empty: it begins */
};

void ks_lifetime_init(struct konsil *k);
void ks_lifetime_done(struct konsil *k);
void ks_lifetime_due(struct konsil *k); /* KS_WAIT_LIFETIME; outside of steps */

/* In a step. The server of a room (empty: our own, for all) said so many hours; 0: nothing. */
KS_CHECK enum ks_err ks_lifetime_said(struct konsil *k, struct ks_str room, int64_t hours);
/* What it said last, in days, a day that is begun counted; 0: nothing. */
KS_CHECK enum ks_err ks_lifetime_days(struct konsil *k, struct ks_str room, int64_t *ret_days);

/* Takes a message out of this device at once, as if its time were up; all that belongs to it goes along. */
KS_CHECK enum ks_err ks_lifetime_forget(struct konsil *k, struct ks_message *message);
/* Whether it is ours, and no server has it yet: then it stays. */
bool ks_lifetime_waits(const struct ks_message *message);

/* Commands: retention, retention_set. */
KS_CHECK enum ks_err ks_lifetime_ask(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_lifetime_set(struct konsil *k, const struct ks_cmd *cmd);

#endif
