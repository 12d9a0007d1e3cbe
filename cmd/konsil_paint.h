/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_paint.h -- text in the cells of a terminal, over ncurses. */
#ifndef KONSIL_PAINT_H
#define KONSIL_PAINT_H

#include <stddef.h>

#include "str.h"

enum { PAIR_ALARM = 1, PAIR_SELF, PAIR_BAR };

/* A part of the screen; bottom is the last line that belongs to it. */
struct area {
    int top, bottom, left, width;
};

/* A text in at most `width` columns from (y, x); control characters become ?. Returns the columns used. */
int paint_text(int y, int x, int width, const char *text);
int paint_str(int y, int x, int width, struct ks_str text);
/* How much of text fits into width columns, preferably up to a blank; *ret_skip: blanks to leave out after it. */
size_t paint_fitting(struct ks_str text, size_t width, size_t *ret_skip);
/* How many lines of that width a text needs. */
int paint_lines(int width, const char *text);
/* A text in as many lines as it needs, from y on; returns the line after it. Lines above the area are left out. */
int paint_wrapped(const struct area *area, int y, const char *text);

#endif
