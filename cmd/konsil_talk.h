/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_talk.h -- draws a conversation: its messages, newest at the bottom, with their states. */
#ifndef KONSIL_TALK_H
#define KONSIL_TALK_H

#include "konsil_model.h"
#include "konsil_paint.h"

/* scroll: lines up from the newest; made smaller when there is not so much. */
void talk_draw(struct model *model, const struct model_person *person, const struct area *area, unsigned *scroll);

#endif
