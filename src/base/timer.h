/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* timer.h -- things to do later: a heap of deadlines inside the things they belong to.
 *
 * Setting and clearing cost O(log n) and, once the heap has grown, no memory. Not thread-safe. */
#ifndef KS_TIMER_H
#define KS_TIMER_H

#include "clock.h"

struct ks_timer {
    int64_t at_ms; /* monotonic */
    size_t slot;   /* place in the heap, from 1; 0: not set */
    void (*fire)(struct ks_timer *timer, struct ks_now now);
};

struct ks_timers {
    struct ks_timer **heap;
    size_t count, cap;
    bool running;
    int64_t now_ms; /* of the run */
};

void ks_timers_done(struct ks_timers *timers); /* accepts zeroes; the timers in it are forgotten */
/* Sets or moves; fire must be set before. KS_OK; KS_ENOMEM (then it is not set). */
KS_CHECK enum ks_err ks_timer_set(struct ks_timers *timers, struct ks_timer *timer, int64_t at_ms);
void ks_timer_clear(struct ks_timers *timers, struct ks_timer *timer);
/* The next deadline, or KS_NEVER. */
int64_t ks_timers_next(const struct ks_timers *timers);
/* Fires what is due, each once, in order of deadline. A timer may set itself again; what is set meanwhile, to a time
 * that is due already, is set to the next millisecond. */
void ks_timers_run(struct ks_timers *timers, struct ks_now now);

#endif
