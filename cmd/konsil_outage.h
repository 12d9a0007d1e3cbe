/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_outage.h -- what the hospital says is wrong with the server, when nobody gets through (XEP-0455). */
#ifndef KONSIL_OUTAGE_H
#define KONSIL_OUTAGE_H

#include "konsil_model.h"

/* The event `outage`: what is shown from now on, or nothing any more. */
void outage_tell(struct model *model, json_t *event);

#endif
