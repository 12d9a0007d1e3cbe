/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_enrol.h -- making this device one of the hospital's, at the terminal. */
#ifndef KONSIL_ENROL_H
#define KONSIL_ENROL_H

#include "konsil_lines.h"

/* /enrol LINK; /mixed and /nomixed in a conversation. */
lines_fn enrol_by, enrol_mixed, enrol_not_mixed;
/* Event `enrolment`: says what became of it. */
void enrol_told(struct model *model, json_t *event);

#endif
