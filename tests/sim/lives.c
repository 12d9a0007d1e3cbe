/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "lives.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "town_check.h"

#define JOBS_MAX 64
#define SECONDS_MAX 300 /* of a life: it takes one or two, so this one is in a circle */

struct job {
    pid_t pid; /* 0: free */
    int from;
    uint64_t seed;
};

static void live(const struct life *life, struct report *report)
{
    struct town town;
    struct ks_buf why;

    ks_buf_init(&why, sizeof report->why - 1);
    town_begin(&town, life->seed, life->mutant, life->trace);
    town_live(&town);
    report->good = town_check(&town, &why);
    if (why.len)
        memcpy(report->why, why.ptr, why.len);
    report->steps = town.step;
    report->trace_hash = town.trace_hash;
    report->letters = town.letter_count;
    for (size_t i = 0; i < town.letter_count; i++)
        report->letters_failed += town.letters[i].failed;
    memcpy(report->struck, town.struck, sizeof report->struck);
    town_end(&town);
    ks_buf_done(&why);
}

static void begin(struct job *job, const struct life *life)
{
    int ends[2];

    fflush(stdout);
    if (pipe(ends) != 0 || (job->pid = fork()) < 0) {
        perror("sim");
        exit(2);
    }
    if (job->pid == 0) {
        struct report report = { .seed = life->seed };
        (void)close(ends[0]);
        (void)alarm(SECONDS_MAX);
        live(life, &report);
        exit(write(ends[1], &report, sizeof report) == sizeof report ? 0 : 2);
    }
    (void)close(ends[1]);
    job->from = ends[0];
    job->seed = life->seed;
}

/* Fits into a pipe, so nobody waits for anybody. */
static void end(struct job *job, int status, struct report *report)
{
    bool whole = read(job->from, report, sizeof *report) == sizeof *report;

    if (!whole || status != 0) {
        *report = (struct report) { .seed = job->seed };
        if (WIFSIGNALED(status))
            snprintf(report->why, sizeof report->why, "its process died of %s", strsignal(WTERMSIG(status)));
        else
            snprintf(report->why, sizeof report->why, "its process ended with %d", WEXITSTATUS(status));
    }
    (void)close(job->from);
    job->pid = 0;
}

void lives_run(const struct life *lives, size_t count, unsigned jobs, life_done_fn *done, void *user)
{
    struct job running[JOBS_MAX] = { 0 };
    size_t next = 0, open = 0;
    bool more = true;

    jobs = jobs < 1 ? 1 : jobs > JOBS_MAX ? JOBS_MAX : jobs;
    while (open || (more && next < count)) {
        struct report report;
        struct job *job = running;
        int status;
        pid_t pid;
        if (more && next < count && open < jobs) {
            while (job->pid)
                job++;
            begin(job, &lives[next++]);
            open++;
            continue;
        }
        if ((pid = waitpid(-1, &status, 0)) < 0 && errno == EINTR)
            continue;
        while (job->pid != pid)
            job++;
        end(job, status, &report);
        open--;
        more = done(user, &report) && more;
    }
}
