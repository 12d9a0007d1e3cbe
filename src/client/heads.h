/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* heads.h -- how far this device has numbered, told to accounts that have not acknowledged it (doc/PROTOCOL.md §6.5).
 *
 * What comes last can be withheld without a gap, and so can everything that ever came. So when a device is online
 * and has caught up, and every day after that, it tells each account that lacks a message of its own how far it is;
 * what is missing there is a gap then, and is asked for. */
#ifndef KS_HEADS_H
#define KS_HEADS_H

#include "envelope.h"
#include "list.h"

#define KS_HEADS_FIRST_MS 30000 /* after catching up: receipts are on their way */
#define KS_HEADS_YOUNG_MS 60000 /* what was written since then is being acknowledged */
#define KS_HEADS_AGAIN_MS 86400000
#define KS_HEADS_SAME_MS 3600000 /* one account is not told the same again within that time */
#define KS_HEADS_AHEAD_MAX 10000 /* numbers that a head may say are missing */

struct konsil;
struct ks_inbound;

struct ks_heads {
    struct ks_list due;  /* to be told */
    struct ks_list told; /* to whom, in this session */
};

void ks_heads_init(struct konsil *k);
void ks_heads_lost(struct konsil *k); /* the session is gone */
void ks_heads_done(struct konsil *k);

void ks_heads_caught_up(struct konsil *k);
void ks_heads_wake(struct konsil *k); /* keys came */
void ks_heads_due(struct konsil *k);  /* KS_WAIT_HEADS; outside of steps */

/* In a step: what another account says. */
KS_CHECK enum ks_err ks_heads_heard(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content);

#endif
