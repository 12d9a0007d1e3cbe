/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* failmalloc.h -- makes one allocation of the program under test fail.
 *
 *     for (int n = 1; fail_nth(n); n++)         n counts malloc, calloc and realloc from here on
 *         { ... err = work(); ... }             ends when work() allocates less than n times
 *
 * A test that links `failmalloc` has its allocations, and those of our libraries in it, counted. */
#ifndef FAILMALLOC_H
#define FAILMALLOC_H

#include <stdbool.h>

/* The n-th allocation from now fails. False, and nothing will fail, if n > 1 and the round before did not get so far.
 */
bool fail_nth(int n);
/* Ends a round early, before the test's own allocations; true if the allocation has failed. */
bool fail_stop(void);

#endif
