/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store_thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "system.h"

enum { LETTER_JOB = KS_LETTER_STORE + 1, LETTER_STOP };

struct ks_store_thread {
    struct ks_store_thread_setup setup;
    struct ks_mailbox *box;
    struct ks_letters in, *out; /* out: by submitter */
    struct ks_letters jobs;     /* in their order */
    pthread_t id;
    bool stopping, told_broken;
    pthread_mutex_t stats_lock;
    struct ks_committer_stats stats;
};

static void read_letters(struct ks_store_thread *t)
{
    ks_mailbox_take(t->box, &t->in);
    for (size_t i = 0; i < t->in.count; i++)
        if (t->in.letter[i].kind == LETTER_STOP)
            t->stopping = true;
        else if (t->in.letter[i].kind == LETTER_JOB)
            ks_letters_add(&t->jobs, LETTER_JOB, t->in.letter[i].ptr);
        else
            ks_committer_submit(t->setup.committer, t->in.letter[i].ptr);
    t->in.count = 0;
}

/* Each submitter empties its box while its own letters wait, so this comes to an end. */
static void send_answers(struct ks_store_thread *t, struct ks_store_req *done)
{
    static const struct timespec pause = { .tv_nsec = 200000 };

    while (done) {
        struct ks_store_req *next = done->next;
        assert(done->submitter < t->setup.submitters_count);
        ks_letters_add(&t->out[done->submitter], t->setup.answer_kind, done);
        done = next;
    }
    for (size_t i = 0; i < t->setup.submitters_count; i++)
        while (!ks_mailbox_post(t->setup.submitters[i], &t->out[i]))
            nanosleep(&pause, NULL);
}

static void step_job(struct ks_store_thread *t)
{
    struct ks_store_job *job = t->jobs.count ? t->jobs.letter[0].ptr : NULL;

    if (job && !job->step(job->user)) {
        t->jobs.count--;
        memmove(t->jobs.letter, t->jobs.letter + 1, t->jobs.count * sizeof t->jobs.letter[0]);
    }
}

static void publish_stats(struct ks_store_thread *t)
{
    bool failing = t->stats.failing;

    pthread_mutex_lock(&t->stats_lock);
    ks_committer_stats(t->setup.committer, &t->stats);
    pthread_mutex_unlock(&t->stats_lock);
    if (t->stats.failing && !failing)
        ks_log(t->setup.log, KS_WARNING, "store.refuses", KS_NUM("failures", t->stats.failures));
    else if (failing && !t->stats.failing)
        ks_log(t->setup.log, KS_INFO, "store.writes-again", KS_NUM("failures", t->stats.failures));
}

void ks_store_thread_stats(struct ks_store_thread *t, struct ks_committer_stats *ret_stats)
{
    pthread_mutex_lock(&t->stats_lock);
    *ret_stats = t->stats;
    pthread_mutex_unlock(&t->stats_lock);
}

static void *run(void *user)
{
    struct ks_store_thread *t = user;
    struct ks_committer *committer = t->setup.committer;
    bool untidy = false;

    for (;;) {
        if (!untidy && !t->stopping && !t->jobs.count && !ks_committer_queued(committer))
            ks_mailbox_wait(t->box);
        read_letters(t);
        if (ks_committer_queued(committer))
            send_answers(t, ks_committer_turn(committer, ks_system_now()));
        else if (t->stopping && !t->jobs.count)
            break;
        step_job(t);
        untidy = ks_committer_tidy(committer);
        publish_stats(t);
        if (!t->told_broken && ks_committer_broken(committer)) {
            t->told_broken = true;
            t->setup.broken(t->setup.user);
        }
    }
    enum ks_err err = ks_committer_broken(committer) ? KS_ESTORE : ks_committer_flush(committer);
    if (err)
        ks_log(t->setup.log, KS_WARNING, "store.flush.failed", KS_ERR(err));
    return NULL;
}

static void free_thread(struct ks_store_thread *t)
{
    for (size_t i = 0; t->out && i < t->setup.submitters_count; i++)
        ks_letters_done(&t->out[i]);
    free(t->out);
    pthread_mutex_destroy(&t->stats_lock);
    ks_letters_done(&t->in);
    ks_letters_done(&t->jobs);
    free(t);
}

struct ks_store_thread *ks_store_thread_start(const struct ks_store_thread_setup *setup, struct ks_mailbox *box)
{
    struct ks_store_thread *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->setup = *setup;
    t->box = box;
    pthread_mutex_init(&t->stats_lock, NULL);
    t->out = calloc(setup->submitters_count, sizeof t->out[0]);
    if (t->out && pthread_create(&t->id, NULL, run, t) == 0)
        return t;
    free_thread(t);
    return NULL;
}

void ks_store_thread_begin(struct ks_store_thread *t, struct ks_store_job *job)
{
    ks_mailbox_order(t->box, LETTER_JOB, job);
}

void ks_store_thread_stop(struct ks_store_thread *t)
{
    if (!t)
        return;
    ks_mailbox_order(t->box, LETTER_STOP, NULL);
    pthread_join(t->id, NULL);
    free_thread(t);
}
