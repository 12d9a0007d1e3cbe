/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sim_link.h -- a connection between a device and konsild: bytes take their time, in order, until it breaks. */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "device.h"

/* When the next thing happens on any link; KS_NEVER. */
int64_t links_next_ms(const struct town *town);
/* Delivers what is due. */
void links_run(struct town *town);
/* Takes what the server wrote, and learns of connections that it closed. */
void links_take_output(struct town *town);
/* It breaks: what is under way is lost from some byte on, and either end learns of it some time. */
void link_break(struct sim_link *link);
/* For so long nothing arrives, at neither end; then everything does, also what was sent before the device gave up. */
void link_stall(struct sim_link *link, int64_t ms);
/* The server's process is gone: its ends of all links with it. */
void links_server_died(struct town *town);
/* One that a device still uses, chosen by the town's chance; NULL: there is none. */
struct sim_link *links_any(struct town *town);
void links_free(struct town *town);

#endif
