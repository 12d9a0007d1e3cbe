/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_files.h -- files at a terminal: the lines /send, /save and /cancel, and how files and their ways are told. */
#ifndef KONSIL_FILES_H
#define KONSIL_FILES_H

#include "konsil_model.h"

/* A line that was typed: NULL if it is to be sent as it is, else the command that it stands for, or NULL with
 * *ret_wrong, an id of the catalogue. *ret_wrong is set in any case. */
json_t *files_line(
    const struct model *model, const struct model_person *person, const char *line, const char **ret_wrong);

/* The lines below a message that tell its files, which get numbers for /save. */
void files_tell(struct model *model, struct model_message *message, json_t *files);
/* The event `transfer`: what is told of it at the bottom. */
void files_transfer(struct model *model, json_t *transfer);

#endif
