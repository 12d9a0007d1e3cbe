/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_rooms.h -- rooms at a terminal: the lines that make and change them. */
#ifndef KONSIL_ROOMS_H
#define KONSIL_ROOMS_H

#include "konsil_lines.h"

/* A flag of the schema's "room"; false for a person. */
bool rooms_is(const struct model_person *person, const char *flag);
/* Who is in it, to be asked for when it is chosen: by its signed state, if it has one, and by its server's word. NULL:
 * it is a person. */
json_t *rooms_ask(const struct model_person *room);
/* What an event says of rooms, by their addresses. NULL: nothing of the kind. */
const char *rooms_made(const json_t *event);    /* one that was made or entered now, by a person's wish */
const char *rooms_changed(const json_t *event); /* who is in it has to be asked for again */

/* Whom a person means: 2: it is the address, or the name, whatever its letters; 1: a part of the name; 0: neither. jid
 * may be NULL. */
int rooms_fits(const char *jid, const char *name, struct ks_str typed);
/* One who is known by that. NULL: nobody, or several, as deed->wrong says. */
const char *rooms_find_anybody(const struct model *model, struct ks_str typed, struct lines_deed *deed);

lines_fn rooms_make, rooms_join; /* rooms_join: by its address, or the number of an invitation */
/* Of the room at hand. People are named by address, or by as much of the name as no other one has. */
lines_fn rooms_invite, rooms_add, rooms_remove, rooms_owner, rooms_no_owner, rooms_title, rooms_topic, rooms_earlier,
    rooms_days, rooms_members, rooms_delete, rooms_leave, rooms_destroy;

#endif
