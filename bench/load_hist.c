/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "load_hist.h"

#include <stddef.h>

/* The first octave is linear (0..63 ns); each further one starts at a power of two and has 64 steps. */
static size_t bucket_of(uint64_t ns)
{
    unsigned octave, shift;

    if (ns < LOAD_HIST_STEPS)
        return ns;
    octave = 63u - (unsigned)__builtin_clzll(ns) - 5; /* 64..127 is octave 1 */
    if (octave >= LOAD_HIST_OCTAVES)
        return LOAD_HIST_OCTAVES * LOAD_HIST_STEPS - 1;
    shift = octave - 1;
    return octave * LOAD_HIST_STEPS + ((ns >> shift) - LOAD_HIST_STEPS);
}

/* The largest value of a bucket. */
static int64_t value_of(size_t bucket)
{
    size_t octave = bucket / LOAD_HIST_STEPS, step = bucket % LOAD_HIST_STEPS;

    if (octave == 0)
        return (int64_t)step;
    return ((int64_t)(LOAD_HIST_STEPS + step + 1) << (octave - 1)) - 1;
}

void load_hist_add(struct load_hist *hist, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    hist->buckets[bucket_of((uint64_t)ns)]++;
    hist->count++;
    if (ns > hist->max_ns)
        hist->max_ns = ns;
}

int64_t load_hist_at(const struct load_hist *hist, double share)
{
    uint64_t rank = (uint64_t)(share * (double)hist->count), seen = 0;

    if (hist->count == 0)
        return 0;
    if (rank >= hist->count)
        rank = hist->count - 1;
    for (size_t i = 0; i < LOAD_HIST_OCTAVES * LOAD_HIST_STEPS; i++) {
        seen += hist->buckets[i];
        if (seen > rank)
            return value_of(i) < hist->max_ns ? value_of(i) : hist->max_ns;
    }
    return hist->max_ns;
}
