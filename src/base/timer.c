/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "timer.h"

#include <stdlib.h>

static void place(struct ks_timers *timers, size_t slot, struct ks_timer *timer)
{
    timers->heap[slot] = timer;
    timer->slot = slot;
}

static void up(struct ks_timers *timers, size_t slot, struct ks_timer *timer)
{
    while (slot > 1 && timers->heap[slot / 2]->at_ms > timer->at_ms) {
        place(timers, slot, timers->heap[slot / 2]);
        slot /= 2;
    }
    place(timers, slot, timer);
}

static void down(struct ks_timers *timers, size_t slot, struct ks_timer *timer)
{
    for (;;) {
        size_t child = slot * 2;
        if (child > timers->count)
            break;
        if (child < timers->count && timers->heap[child + 1]->at_ms < timers->heap[child]->at_ms)
            child++;
        if (timers->heap[child]->at_ms >= timer->at_ms)
            break;
        place(timers, slot, timers->heap[child]);
        slot = child;
    }
    place(timers, slot, timer);
}

void ks_timers_done(struct ks_timers *timers)
{
    free(timers->heap);
    *timers = (struct ks_timers) { 0 };
}

enum ks_err ks_timer_set(struct ks_timers *timers, struct ks_timer *timer, int64_t at_ms)
{
    assert(timer->fire);
    ks_timer_clear(timers, timer);
    if (timers->count + 1 >= timers->cap) {
        size_t cap = timers->cap ? timers->cap * 2 : 16;
        struct ks_timer **heap = realloc(timers->heap, cap * sizeof(struct ks_timer *));
        if (!heap)
            return KS_ENOMEM;
        timers->heap = heap;
        timers->cap = cap;
    }
    timer->at_ms = timers->running && at_ms <= timers->now_ms ? timers->now_ms + 1 : at_ms;
    up(timers, ++timers->count, timer);
    return KS_OK;
}

void ks_timer_clear(struct ks_timers *timers, struct ks_timer *timer)
{
    size_t slot = timer->slot;

    if (!slot)
        return;
    timer->slot = 0;
    struct ks_timer *last = timers->heap[timers->count--];
    if (last == timer)
        return;
    if (slot > 1 && timers->heap[slot / 2]->at_ms > last->at_ms)
        up(timers, slot, last);
    else
        down(timers, slot, last);
}

int64_t ks_timers_next(const struct ks_timers *timers)
{
    return timers->count ? timers->heap[1]->at_ms : KS_NEVER;
}

void ks_timers_run(struct ks_timers *timers, struct ks_now now)
{
    assert(!timers->running);
    timers->running = true;
    timers->now_ms = now.mono_ms;
    while (timers->count && timers->heap[1]->at_ms <= now.mono_ms) {
        struct ks_timer *timer = timers->heap[1];
        ks_timer_clear(timers, timer);
        timer->fire(timer, now);
    }
    timers->running = false;
}
