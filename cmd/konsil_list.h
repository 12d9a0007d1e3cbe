/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_list.h -- draws the people and rooms on the left, and below them that there are invitations. */
#ifndef KONSIL_LIST_H
#define KONSIL_LIST_H

#include "konsil_model.h"
#include "konsil_paint.h"

/* selected: a JID, or NULL. */
void list_draw(const struct model *model, const char *selected, const struct area *area);

#endif
