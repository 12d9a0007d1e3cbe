/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_screen.h -- konsil on a terminal: people on the left, the conversation on the right, a line to write in.
 *
 * Over ncurses. The driver owns the loop: it gives events in, calls screen_keys when standard input is readable, and
 * takes commands through the callback. */
#ifndef KONSIL_SCREEN_H
#define KONSIL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "sentence.h"

struct screen;

/* Takes the terminal over. command gets one JSON command, zero-ended. NULL when there is no terminal that could be
 * used. */
struct screen *screen_new(enum ks_language language, void (*command)(void *user, const char *json), void *user);
/* Gives the terminal back. */
void screen_free(struct screen *screen);
/* One event of the engine, as JSON. */
void screen_event(struct screen *screen, const char *json, size_t len);
/* Reads the keys that are there. */
void screen_keys(struct screen *screen);
/* Draws what changed; to be called before waiting. */
void screen_draw(struct screen *screen);
/* The person asked to leave. */
bool screen_done(const struct screen *screen);

#endif
