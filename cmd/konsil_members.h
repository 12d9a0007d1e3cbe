/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_members.h -- who is in a room, as its owners signed it, and what an owner may do about each of them. */
#ifndef KONSIL_MEMBERS_H
#define KONSIL_MEMBERS_H

#include "konsil_model.h"
#include "konsil_paint.h"

size_t members_count(const struct model_person *room);
/* The command that makes a member an owner, or takes that back; that removes one. NULL: there is no such member. */
json_t *members_owner(const struct model_person *room, size_t at);
json_t *members_remove(const struct model_person *room, size_t at);
/* Whom it is about. */
const char *members_name(struct model *model, const struct model_person *room, size_t at);
void members_draw(struct model *model, const struct model_person *room, const struct area *area, size_t at);

#endif
