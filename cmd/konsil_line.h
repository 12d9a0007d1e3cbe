/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_line.h -- a line that a person writes: its characters, and the keys that move in it. */
#ifndef KONSIL_LINE_H
#define KONSIL_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#define LINE_CHARS_MAX 4000

struct line {
    wchar_t text[LINE_CHARS_MAX + 1];
    size_t len, cursor;
};

/* A key of ncurses (KEY_LEFT, …), or a character. False: it is not the line's business. */
bool line_key(struct line *line, wint_t key);
bool line_char(struct line *line, wint_t c);
void line_clear(struct line *line); /* wipes */
void line_set(struct line *line, const char *text);
/* UTF-8, for free(); NULL without memory. */
char *line_text(const struct line *line);
/* Draws it into width columns from (y, x), the part around the cursor, and leaves the cursor there. hidden: a dot for
 * each character. */
void line_draw(const struct line *line, int y, int x, int width, bool hidden);
/* The same behind a question, in a line of its own. */
void line_ask(const struct line *line, int y, int width, const char *question, bool hidden);

#endif
