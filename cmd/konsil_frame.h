/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_frame.h -- draws what stands above and below: whose conversation it is, how the connection is, what to say. */
#ifndef KONSIL_FRAME_H
#define KONSIL_FRAME_H

#include "konsil_model.h"

/* The first line; list: how wide the list below it is; person: the conversation at hand, or NULL. */
void frame_bar(const struct model *model, const struct model_person *person, int list, int width);
/* The last lines: how the connection is, and a notice as long as it needs to be; "": what is under way, or the hint.
 * Returns the first of them. */
int frame_status(const struct model *model, const char *notice, const char *hint, int height, int width);

#endif
