/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_health.h -- whether the server is well, for a person and for a monitor.
 *
 * konsild gives figures; what is too little is judged here: less than 2 GB free on the disk of the data, a certificate
 * with less than 14 days left, changes that could not be stored, connections nearly used up. */
#ifndef KONSILCTL_HEALTH_H
#define KONSILCTL_HEALTH_H

#include "konsilctl.h"

/* Prints the figures and each thing that is wrong, with what to do. EXIT_SUCCESS only when nothing is. With --json the
 * answer has "healthy" and "problems", ids of the catalogue, too. */
int ctl_health(struct ctl *ctl);

#endif
