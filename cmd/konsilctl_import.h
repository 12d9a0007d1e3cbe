/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_import.h -- accounts from a file: all of its lines are good, or none is taken. */
#ifndef KONSILCTL_IMPORT_H
#define KONSILCTL_IMPORT_H

#include "konsilctl.h"

/* A line "jid;name;department;profession;password" for each account; # begins a comment. Every line is checked first,
 * here and by the server. */
int ctl_import(struct ctl *ctl);

#endif
