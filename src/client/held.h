/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* held.h -- messages of devices whose certificates are being fetched (doc/PROTOCOL.md §14.4): they are not opened
 * before it is known whose they are, and what follows them from the same device waits behind them.
 *
 * In memory and for a minute: what a crash takes away, or what waits too long, is missed and repaired like any other
 * (heal.h). */
#ifndef KS_HELD_H
#define KS_HELD_H

#include "inbox.h"
#include "list.h"

#define KS_HELD_MAX 200
#define KS_HELD_BYTES_MAX (8u * 1024 * 1024)
#define KS_HELD_MS 60000

struct ks_held_list {
    struct ks_list messages; /* in the order in which they came */
    size_t count, bytes;
    bool due;
};

struct ks_held {
    struct ks_list link;
    int64_t until_ms;
    uint32_t device;
    bool room, mine, idle;
    int64_t stamp_ms;
    struct ks_str bytes, from, to, peer, id, archive_id; /* behind this struct */
};

void ks_held_init(struct konsil *k);
void ks_held_lost(struct konsil *k); /* wipes nothing that was readable: they are as the server sent them */
void ks_held_done(struct konsil *k);

/* Whether a message of that device is being held. */
bool ks_held_has(struct konsil *k, struct ks_str from, uint32_t device);
/* Keeps one. False: there is no room, and it is to go on as it is. */
bool ks_held_add(struct konsil *k, const struct ks_inbound *in, uint32_t device);
/* Something is known of certificates: looked at again at the end of the call at hand. */
void ks_held_wake(struct konsil *k);

/* Outside of steps, KS_WAIT_HELD: gives those back whose account is settled, or whose time is over (late). */
void ks_held_due(struct konsil *k);

#endif
