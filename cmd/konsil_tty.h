/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_tty.h -- the terminal itself, taken over and given back (ncurses). */
#ifndef KONSIL_TTY_H
#define KONSIL_TTY_H

#include <stdbool.h>

/* Keys that ncurses has no names for: the terminal's window is looked at, or not any more (xterm's focus events). */
enum { KEY_FOCUS = 0x7001, KEY_BLUR };

/* False: there is none that could be used. */
bool tty_take(void);
void tty_give_back(void);
/* Gives it to the shell, until the person comes back to this program. */
void tty_stop(void);

#endif
