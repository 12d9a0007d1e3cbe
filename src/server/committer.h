/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* committer.h -- makes requests durable, many at a time.
 *
 * One object, one thread, the only caller of the store. Whoever drives it (src/edge in a thread, the simulator in its
 * loop) submits requests, calls ks_committer_turn, and carries the completed requests back to their submitters. There
 * is no timer: a turn takes what is queued, so batches grow with load and a slow disk makes larger batches.
 *
 * Order: transactions are applied in the order of submission, and all of a turn are one transaction of the store. The
 * reads of a turn come after its transactions and see them all. A turn returns its transactions first, then its reads,
 * each in the order of submission: what a read shows was acknowledged before it.
 *
 * Questions to the vault (KS_STORE_VAULT) come between the two; what of them is to be in the audit log is durable
 * before they are answered. When the vault's store or the audit log's refuses, all of the turn are answered
 * KS_VAULT_LATER.
 *
 * Failure: a transaction that is refused by its own contents (KS_EEXISTS, KS_ENOTFOUND, KS_ELIMIT, and KS_ENOMEM from
 * its builders) fails alone and leaves nothing behind. When the store fails (KS_EFULL, KS_ESTORE, KS_ENOMEM), nothing
 * of the turn was written, and all its transactions and all that are queued behind them fail with that error, because
 * submitters show their users a state that is ahead of the disk, and what came later may build on what was lost. For
 * the same reason later ones must not slip through while the news is on its way:
 *
 *   Each submitter has an epoch. It stamps its transactions with it; the first is 1. A failure raises the epoch of each
 *   submitter that had a transaction in it. A transaction with an older epoch fails with the error of that failure. On
 *   completion req->epoch is the submitter's epoch in force. When a submitter sees a greater one than its own, then all
 *   that it has under way with the older one is lost: it forgets what it had not seen acknowledged, reads those
 * accounts anew, and uses the new epoch from then on.
 *
 * Reads carry no epoch and fail only by themselves; but KS_ESTORE of a read is damage, and ends this committer too.
 *
 * After KS_EFULL the next turn tries again, so the server recovers when there is room. After KS_ESTORE a driver may
 * refuse everything until it is opened anew (a failed fsync tells nothing about what is on the disk):
 * ks_committer_broken then tells the process to start afresh. */
#ifndef KS_COMMITTER_H
#define KS_COMMITTER_H

#include "archive_id.h"
#include "prng.h"
#include "shred_store.h"
#include "store_req.h"

#define KS_COMMIT_TXNS_MAX 1000    /* transactions of a turn */
#define KS_TAIL_ENTRIES_MAX 200000 /* index entries in memory before they are moved to the index table */
#define KS_TAIL_SLICE_ENTRIES 4000 /* moved by one ks_committer_tidy */
#define KS_PAGE_COUNT_ENTRIES 1000 /* index entries looked at to know a page's count: 80 ns each */

struct ks_committer;

/* Reads what the store knows: archive keys and epochs (made when the store is new), the last id and stamp, and the rows
 * that the index lacks. store stays the caller's and is used by nobody else. prng: for new keys, used only in this
 * call. KS_ENOMEM, KS_ESTORE, KS_EFULL (new store); KS_EVERSION (settings that we do not know). */
KS_CHECK enum ks_err ks_committer_new(
    struct ks_server_store *store, struct ks_prng *prng, struct ks_committer **ret_committer);
/* Frees it and what is still queued. Nothing is written; see ks_committer_flush. */
void ks_committer_free(struct ks_committer *c);

/* Where uploaded files lie (src/edge/file_store.h), so far as a transaction may remove some. Without it nothing is
 * there to be removed. */
struct ks_file_bin {
    enum ks_err (*remove)(void *user, struct ks_str name); /* KS_OK also when there is none; KS_EIO */
    enum ks_err (*sync)(void *user); /* what was removed since the last call stays so after a power cut; KS_EIO */
    void *user;
};
void ks_committer_set_files(struct ks_committer *c, const struct ks_file_bin *files);

/* The vault, which is then used by nobody else. Without one no slot is known, and there is nothing to be destroyed. */
void ks_committer_set_vault(struct ks_committer *c, struct ks_vault_keeper *vault);
/* Where salts and key rings are (record_commit.h); stays the caller's, and is used by nobody else. Without it, requests
 * for them fail with KS_ESTATE. A transaction of the store that has to do with them is one of the shred store too,
 * which is committed first; when the store then fails, what was deleted there stays deleted. */
void ks_committer_set_shred(struct ks_committer *c, struct ks_shred_store *shred);

/* Takes req until a turn returns it. Never fails. */
void ks_committer_submit(struct ks_committer *c, struct ks_store_req *req);
size_t ks_committer_queued(const struct ks_committer *c);

/* Does what is queued, at most KS_COMMIT_TXNS_MAX transactions. Returns the completed requests, linked by next; NULL
 * when nothing was queued. Blocks as long as the store does. */
struct ks_store_req *ks_committer_turn(struct ks_committer *c, struct ks_now now);

/* Moves one slice of index entries to the store in a transaction of its own, if there is reason to. To be called after
 * the requests of a turn were handed out, so that nobody waits for it. True: there is more to do, come again after the
 * next turn or at once. A failure is no harm: the entries stay in memory. */
bool ks_committer_tidy(struct ks_committer *c);
/* At orderly shutdown: moves everything, so that the next start is quick. */
KS_CHECK enum ks_err ks_committer_flush(struct ks_committer *c);
/* For tests and small machines: another number than KS_TAIL_ENTRIES_MAX. */
void ks_committer_set_tail_max(struct ks_committer *c, size_t entries);

/* True when only a new start helps. */
bool ks_committer_broken(const struct ks_committer *c);

/* How archive ids are written: never changes while the committer lives, and may be read from any thread. */
const struct ks_archive_ids *ks_committer_archive_ids(const struct ks_committer *c);

struct ks_committer_stats {
    uint64_t turns, commits, failures;
    uint64_t txns, reads;     /* completed */
    uint64_t archived;        /* rows */
    uint64_t tail_entries;    /* now in memory */
    uint64_t archive_id_last; /* the highest given */
    bool failing;             /* the newest turn with transactions failed */
};
void ks_committer_stats(const struct ks_committer *c, struct ks_committer_stats *ret_stats);

#endif
