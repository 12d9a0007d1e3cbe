/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_screen.h -- konsil on a terminal: people on the left, the conversation on the right, a line to write in.
 *
 * Over ncurses. The driver owns the loop: it gives events in, calls screen_keys when standard input is readable, and
 * takes commands and the account's password through callbacks. */
#ifndef KONSIL_SCREEN_H
#define KONSIL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "sentence.h"

struct screen;

struct screen_calls {
    void (*command)(void *user, const char *json);  /* one, zero-ended */
    void (*password)(void *user, const char *text); /* typed when asked for; wiped afterwards */
};

/* Takes the terminal over. NULL when there is no terminal that could be used. */
struct screen *screen_new(enum ks_language language, struct screen_calls calls, void *user);
/* Gives the terminal back. */
void screen_free(struct screen *screen);
/* One event of the engine, as JSON. */
void screen_event(struct screen *screen, const char *json, size_t len);
/* Reads the keys that are there. */
void screen_keys(struct screen *screen);
/* Draws what changed; to be called before waiting. */
void screen_draw(struct screen *screen);
/* Asks for the account's password, in the line at the bottom; by itself that happens when it was refused. */
void screen_ask_password(struct screen *screen);
/* True once when the person wants to go to the shell: the server is told by a command that nobody looks; when it is
 * sent, screen_stop gives the terminal away, and returns when the person comes back. */
bool screen_stops(struct screen *screen);
void screen_stop(struct screen *screen);
/* The person asked for a lock. */
bool screen_locks(const struct screen *screen);
/* The person asked to leave. */
bool screen_done(const struct screen *screen);

#endif
