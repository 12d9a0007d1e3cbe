/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_archive.h -- the account's archive, at the terminal. */
#ifndef KONSIL_ARCHIVE_H
#define KONSIL_ARCHIVE_H

#include "konsil_lines.h"

/* /archive; /recoverykey; /archivepin; /restore KEY, and /restore alone, by PIN. */
lines_fn archive_ask, archive_recovery, archive_pin, archive_open, archive_open_pin;
/* Events `archive` and `archive_recovery`. */
void archive_told(struct model *model, json_t *event);
void archive_key_told(struct model *model, json_t *event);

#endif
