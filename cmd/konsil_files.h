/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_files.h -- files at a terminal: the lines /send, /save and /cancel, and how files and their ways are told. */
#ifndef KONSIL_FILES_H
#define KONSIL_FILES_H

#include "konsil_lines.h"

lines_fn files_send, files_save, files_cancel;

/* Whole, as a path was typed, since what goes on may do so from another directory; "~/" is the home. For free(); NULL:
 * there is no such place. */
char *files_whole_path(const char *typed);

/* The lines below a message that tell its files, which get numbers for /save. */
void files_tell(struct model *model, struct model_message *message, json_t *files);
/* The event `transfer`: what is told of it at the bottom. */
void files_transfer(struct model *model, json_t *transfer);

#endif
