/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* store_thread.h -- the one thread that waits for the disk.
 *
 * It takes what all reactors asked for, lets the committer do it in one transaction, and sends the answers back. There
 * is no timer: while the disk works, requests gather, and the next turn takes them all. */
#ifndef KS_STORE_THREAD_H
#define KS_STORE_THREAD_H

#include "committer.h"
#include "log.h"
#include "mailbox.h"

struct ks_store_thread;

struct ks_store_thread_setup {
    struct ks_committer *committer; /* used by this thread only, from the start until the stop */
    const struct ks_log *log;
    struct ks_mailbox *const *submitters; /* to whom a request's answer goes, by req->submitter */
    size_t submitters_count;
    int answer_kind;            /* of letters to them: ptr is the ks_store_req */
    void (*broken)(void *user); /* called once, in this thread, when only a new start helps */
    void *user;
};

/* The kind of letters to it: ptr is a ks_store_req. */
#define KS_LETTER_STORE 1

/* Work on the store itself, done in small steps between turns, so that nobody waits long for it: one job at a time. */
struct ks_store_job {
    bool (*step)(void *user); /* in this thread; false: it is over, and the job is the caller's again */
    void *user;
};

/* box is made by the caller before the submitters run. NULL without memory or threads. */
KS_CHECK struct ks_store_thread *ks_store_thread_start(
    const struct ks_store_thread_setup *setup, struct ks_mailbox *box);
/* What the committer counted, as of its last turn; from any thread. */
void ks_store_thread_stats(struct ks_store_thread *thread, struct ks_committer_stats *ret_stats);
/* From any thread. The next job waits until this one is over. */
void ks_store_thread_begin(struct ks_store_thread *thread, struct ks_store_job *job);
/* Does what was asked for, ends its jobs, moves the index (ks_committer_flush), and ends. Accepts NULL. */
void ks_store_thread_stop(struct ks_store_thread *thread);

#endif
