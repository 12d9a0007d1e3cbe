/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_devices.h -- the devices of a person and of this account, with the fingerprints of their keys: what two people
 * compare before they trust a device, or refuse it. */
#ifndef KONSIL_DEVICES_H
#define KONSIL_DEVICES_H

#include "konsil_model.h"
#include "konsil_paint.h"

/* The commands by which their lists come anew; two, to be released by the caller. */
void devices_ask(const struct model_person *person, json_t *ret_commands[2]);
/* The person's come first, then the own ones; at counts through both. */
size_t devices_count(const struct model *model, const struct model_person *person);
/* The command that decides about a device, or NULL when there is nothing to decide: no such one, or this very one. */
json_t *devices_decide(const struct model *model, const struct model_person *person, size_t at, bool trusted);
void devices_draw(const struct model *model, const struct model_person *person, const struct area *area, size_t at);

#endif
