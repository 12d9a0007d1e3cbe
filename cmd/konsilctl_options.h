/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_options.h -- konsilctl's tables: its commands and their options, and what is printed from them. */
#ifndef KONSILCTL_OPTIONS_H
#define KONSILCTL_OPTIONS_H

#include "konsilctl.h"

/* The longest command whose words begin what was typed, or NULL; *ret_used is how many words it has. */
const struct ctl_command *ctl_find(int count, char **words, int *ret_used);

/* Reads argv into ctl, up to command and words. False: *ret_status is the exit status, and all is said. */
bool ctl_read(struct ctl *ctl, int argc, char **argv, int *ret_status);

/* The body of konsilctl.8 (mdoc), in English. */
void ctl_print_manual(void);
/* What may stand in place of the last of these words, one in a line; "<files>": a file's name. */
void ctl_print_next(int count, char **words);

#endif
