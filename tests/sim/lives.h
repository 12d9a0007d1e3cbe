/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* lives.h -- runs towns (town.h), each in a process of its own: one that dies of an assertion, a sanitizer or an
 * endless loop is a result like any other, and no life sees what another left behind. */
#ifndef LIVES_H
#define LIVES_H

#include "town.h"

struct life {
    uint64_t seed;
    enum mutant mutant;
    bool trace; /* to stdout, step by step */
};

struct report {
    uint64_t seed;
    bool good; /* all was as it must be at its end */
    uint64_t steps, trace_hash, letters, letters_failed;
    uint64_t struck[FAULT_COUNT];
    char why[300]; /* it was not */
};

/* As many at a time as there are jobs. done is called for each in the order in which they end; false: no further life
 * begins. */
typedef bool life_done_fn(void *user, const struct report *report);
void lives_run(const struct life *lives, size_t count, unsigned jobs, life_done_fn *done, void *user);

#endif
