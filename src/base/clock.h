/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* clock.h -- time is an argument.
 *
 * A core never asks for the time; its caller says what time it is with each call. */
#ifndef KS_CLOCK_H
#define KS_CLOCK_H

#include "str.h"

struct ks_now {
    int64_t mono_ms; /* never goes back; for timers */
    int64_t wall_ms; /* milliseconds since 1970, UTC; for stamps */
};

#define KS_NEVER INT64_MAX /* a deadline that does not come */

static inline int64_t ks_sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#define KS_STAMP_LEN 24 /* 2026-11-22T02:10:13.042Z */

/* Writes wall_ms as a DateTime of XEP-0082, in UTC with milliseconds; text has room for KS_STAMP_LEN + 1 and
 * gets a final zero. Years outside 0000-9999 are clamped. */
struct ks_str ks_stamp_write(int64_t wall_ms, char text[KS_STAMP_LEN + 1]);
/* Reads a DateTime of XEP-0082 §3.2 (any zone, any number of decimals). KS_OK or KS_ESYNTAX. */
KS_CHECK enum ks_err ks_stamp_read(struct ks_str text, int64_t *ret_wall_ms);

#endif
