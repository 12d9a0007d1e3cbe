/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* town_check.h -- what must be true at the end of the quiet phase:
 *
 * - each device of each party shows each message exactly once, readable, and nothing that nobody wrote; only a message
 *   whose author was told that it failed may be missing, and only if the disk was full;
 * - what its author was told has failed is shown by no device of the recipient;
 * - of what is said in the room, that holds for who belongs to it from then on; who does not, shows nothing of it, and
 *   got no key (town_room.h);
 * - whom a message reached, as its author is told, shows it;
 * - in the order in which its author's device wrote them;
 * - nothing that was acknowledged is missing (it would not be shown);
 * - no byte of konsild holds the canary of an encrypted message, neither on the wire nor in its store, while the same
 *   search finds the one of unprotected messages. */
#ifndef TOWN_CHECK_H
#define TOWN_CHECK_H

#include "device.h"

/* For the quiet phase to end: every device shows everything, something may still come, or no time will mend it. */
enum town_state { TOWN_RIGHT, TOWN_LATE, TOWN_WRONG };
enum town_state town_state(struct town *town);
/* False: why says what is wrong, in one line. */
bool town_check(struct town *town, struct ks_buf *why);

#endif
