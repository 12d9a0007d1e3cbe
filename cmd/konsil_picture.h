/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_picture.h -- the lines that set and remove the picture of the person at the terminal, and a room's. A terminal
 * draws neither. */
#ifndef KONSIL_PICTURE_H
#define KONSIL_PICTURE_H

#include "konsil_lines.h"

lines_fn picture_own, picture_own_none;
/* Of the room at hand, for its owners. */
lines_fn picture_room, picture_room_none;

#endif
