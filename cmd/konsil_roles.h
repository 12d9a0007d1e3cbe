/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_roles.h -- who is in a room as its server says, and what a person who may does about them there: puts them
 * out, bans them, gives and takes a voice and a moderator's role. */
#ifndef KONSIL_ROLES_H
#define KONSIL_ROLES_H

#include "konsil_lines.h"

/* Of the schema's "occupant": as the list on the left calls them, else by the nick. */
const char *roles_name(struct model *model, json_t *occupant);
/* What sets somebody apart in the room at hand: an id of the catalogue, or NULL. By account, or of an occupant. */
const char *roles_of_member(const struct model_person *room, const char *jid);
const char *roles_of(json_t *occupant);

/* Events: who is there; somebody asks for a voice; this account was put out. */
void roles_occupants(struct model *model, json_t *event);
void roles_voice_asked(struct model *model, json_t *event);
void roles_put_out(struct model *model, json_t *event);

/* People are named by nick, by address, or by as much of the name as nobody else there has. */
lines_fn roles_kick, roles_ban, roles_unban, roles_voice, roles_no_voice, roles_moderator, roles_no_moderator,
    roles_ask_voice;

#endif
