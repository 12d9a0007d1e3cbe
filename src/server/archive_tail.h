/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_tail.h -- the newest entries of the archive's index, in memory.
 *
 * Keeping an index of ten million messages up to date with each message costs four times the message itself, because
 * every entry goes to another page; moved 200,000 at a time, in the order of the index, it is a tenth of it. So new
 * entries wait here, per account. An account's entries in the store are all older than those here, so its archive is
 * one after the other. Moving goes in slices, so that nobody waits for it; while it goes on, new entries come in
 * behind. 16 bytes an entry. */
#ifndef KS_ARCHIVE_TAIL_H
#define KS_ARCHIVE_TAIL_H

#include "map.h"
#include "server_store.h"

struct ks_tail_entry {
    uint64_t id, with_hash;
};

struct ks_archive_tail {
    struct ks_map accounts;
    size_t entries;
    /* A move: the accounts in order, the one at hand, and the last id that goes with it. */
    uint64_t *order;
    size_t order_count, order_at;
    uint64_t cut;
};

void ks_archive_tail_init(struct ks_archive_tail *tail, const uint64_t key[2]);
void ks_archive_tail_done(struct ks_archive_tail *tail);

/* id is above all of this account. KS_ENOMEM. */
KS_CHECK enum ks_err ks_archive_tail_add(
    struct ks_archive_tail *tail, uint64_t account, uint64_t id, uint64_t with_hash);
/* Takes back what was added with ids above `after`. */
void ks_archive_tail_undo(struct ks_archive_tail *tail, uint64_t account, uint64_t after);
/* Forgets what an account has up to an id. */
void ks_archive_tail_expire(struct ks_archive_tail *tail, uint64_t account, uint64_t upto);
/* Forgets an account. */
void ks_archive_tail_drop(struct ks_archive_tail *tail, uint64_t account);

/* An account's entries, by rising id; good until the next change. */
const struct ks_tail_entry *ks_archive_tail_entries(
    const struct ks_archive_tail *tail, uint64_t account, size_t *ret_count);

/* Begins to move all entries up to id `cut`; no move is under way. KS_ENOMEM. */
KS_CHECK enum ks_err ks_archive_tail_move(struct ks_archive_tail *tail, uint64_t cut);
bool ks_archive_tail_moving(const struct ks_archive_tail *tail);
/* The next entries to write, in the order of the index; fewer than max: the last of this move. Changes nothing. */
size_t ks_archive_tail_slice(const struct ks_archive_tail *tail, struct ks_index_row *rows, size_t max);
/* They are durable: forgets them; the last of the move (count < max of the slice) ends it. */
void ks_archive_tail_moved(struct ks_archive_tail *tail, const struct ks_index_row *rows, size_t count, bool last);

#endif
