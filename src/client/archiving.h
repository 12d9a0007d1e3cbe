/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archiving.h -- what this device read and wrote goes to the account's archive on konsild (doc/PROTOCOL.md §17.8,
 * §18; ring_keeper.h has the keys).
 *
 * Each numbered envelope, and each text without a number, waits in the store until konsild has a record of it; so does
 * the wish that a record be dropped, because what it is of was taken back or its time is over. The account's devices
 * take turns: the first by number of device writes at once, the next ones ask, 20 seconds later each, what is still
 * missing. Table:
 *
 *   KS_T_ARCHIVE   q u64    a message that is to be archived
 *                  x u64    one whose record is to be dropped */
#ifndef KS_ARCHIVING_H
#define KS_ARCHIVING_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KS_ARCHIVE_TURN_MS 20000   /* between the devices of an account */
#define KS_ARCHIVE_GATHER_MS 2000  /* what comes in that time goes together */
#define KS_ARCHIVE_AGAIN_MS 300000 /* after konsild could not */
#define KS_ARCHIVE_TEND_MS 3600000 /* the ring is looked at so often */

struct konsil;
struct ks_inbound;
struct ks_content;
struct ks_out;
struct ks_message;

struct ks_archiving {
    uint64_t next;      /* number of the next row */
    bool busy;          /* a request is under way */
    int64_t rank;       /* how many devices of the account come before this one */
    uint64_t asked;     /* rows up to this one were asked for with have */
    int64_t tended_ms;  /* monotonic: when the ring was looked at; 0: not yet */
    unsigned class_max; /* konsild keeps nothing longer; 0: not known */
    uint8_t chain[41];  /* the record of our certificates that is under way, as it is noted; chain_len 0: none */
    size_t chain_len;
};

/* --- in a step --- */

KS_CHECK enum ks_err ks_archive_load(struct konsil *k);
/* A message was taken in. */
KS_CHECK enum ks_err ks_archive_taken(
    struct konsil *k, const struct ks_inbound *in, const struct ks_content *content, int64_t time_ms);
/* One of ours is on the server. */
KS_CHECK enum ks_err ks_archive_sent(struct konsil *k, const struct ks_out *out);
/* A message has no content any more, for nobody: its record goes. */
KS_CHECK enum ks_err ks_archive_forget(struct konsil *k, const struct ks_message *message);
/* How many rows wait. */
KS_CHECK enum ks_err ks_archive_waiting(struct konsil *k, size_t *ret_count);

/* --- anywhere --- */

void ks_archive_wake(struct konsil *k); /* there is something to be done */
void ks_archive_tend(struct konsil *k); /* a device came or went: the ring is looked at */
void ks_archive_lost(struct konsil *k);
void ks_archive_due(struct konsil *k); /* KS_WAIT_ARCHIVE; outside of steps */

#endif
