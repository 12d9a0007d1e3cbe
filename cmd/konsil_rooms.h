/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_rooms.h -- rooms at a terminal: the lines that make and change them. */
#ifndef KONSIL_ROOMS_H
#define KONSIL_ROOMS_H

#include "konsil_lines.h"

/* A flag of the schema's "room"; false for a person. */
bool rooms_is(const struct model_person *person, const char *flag);
/* Who is in it; to be asked for when it is chosen. NULL: nobody knows. */
json_t *rooms_ask(const struct model_person *room);

lines_fn rooms_make, rooms_join; /* rooms_join: by its address, or the number of an invitation */
/* Of the room at hand. People are named by address, or by as much of the name as no other one has. */
lines_fn rooms_invite, rooms_add, rooms_remove, rooms_owner, rooms_no_owner, rooms_title, rooms_topic, rooms_earlier,
    rooms_days, rooms_members, rooms_delete, rooms_leave, rooms_destroy;

#endif
