/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load_hist.h -- how long things took: a histogram of nanoseconds.
 *
 * Buckets grow with the value and are at most 1/64 wide, so a percentile is right within 1.6 %. Up to 36 minutes;
 * what is longer counts as that. Allocates nothing. */
#ifndef KS_LOAD_HIST_H
#define KS_LOAD_HIST_H

#include <stdint.h>

#define LOAD_HIST_OCTAVES 36 /* up to 36 minutes */
#define LOAD_HIST_STEPS 64

struct load_hist {
    uint64_t buckets[LOAD_HIST_OCTAVES * LOAD_HIST_STEPS];
    uint64_t count;
    int64_t max_ns;
};

/* A negative value counts as 0. */
void load_hist_add(struct load_hist *hist, int64_t ns);
/* The value that share (0..1) of all values do not pass; 0 when there are none. */
int64_t load_hist_at(const struct load_hist *hist, double share);

#endif
