/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_pin.h -- the PIN that opens this device with the server's help: entered at the start, set and changed. */
#ifndef KONSIL_PIN_H
#define KONSIL_PIN_H

#include "konsil_program.h"

/* Whether the profile's vault opens by a PIN. */
bool pin_is_there(struct program *program);

enum pin_end { PIN_OPEN, PIN_AGAIN, PIN_SHUT };
/* Tries a PIN: each of the vault's PIN slots, the newest first. What came of it is said, unless it is open. PIN_AGAIN:
 * it was wrong, and there are tries left. */
enum pin_end pin_unlock(struct program *program, const char *typed);

/* Sets a PIN in place of the passphrase or the PIN before, over a session of the engine. pin_file: whose first line it
 * is, or NULL: it is asked for twice. The exit status. */
int konsil_pin_set(struct program *program, const char *pin_file);

#endif
