/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_invitations.h -- invitations into rooms of other programs, which wait until the person says yes or no.
 *
 * Each has a number, which stays its own as long as konsil runs: the lines that accept and decline name it. */
#ifndef KONSIL_INVITATIONS_H
#define KONSIL_INVITATIONS_H

#include "konsil_lines.h"
#include "konsil_paint.h"

/* Events `invitations` and `invitation`. */
void invitations_all(struct model *model, json_t *event);
void invitations_one(struct model *model, json_t *event);

/* The room of an invitation by its place in the list, or by what was typed as its number; NULL: there is none. */
const char *invitations_room(const struct model *model, size_t at);
const char *invitations_numbered(const struct model *model, const char *typed);
/* The command that accepts an invitation into this room, or declines it; NULL for NULL. */
json_t *invitations_answer(const char *room, bool accept);

lines_fn invitations_show, invitations_decline;

/* How many there are, and how they are seen, in one line that stands below the people; nothing if there are none. */
bool invitations_draw_hint(const struct model *model, const struct area *area);
/* at: the chosen one, which is one of them afterwards. */
void invitations_draw(struct model *model, const struct area *area, size_t *at);

#endif
