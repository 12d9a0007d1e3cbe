/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* shred_backup.h -- copies of the file of salts and key rings, each of which is gone before it is 7 days old.
 *
 * A copy is SHRED_DAY.db in a directory of its own: DAY is the day since 1970 (UTC) on which it was made, and it has
 * the cipher and the key of the file, so putting it back is copying it. What was deleted from the file is in the copies
 * of the days before, and in none that is a week old. There is one copy for each day on which konsild runs. Copies of
 * days to come (the clock was set back) go at once: nobody could say how old they are. */
#ifndef KS_SHRED_BACKUP_H
#define KS_SHRED_BACKUP_H

#include <limits.h>

#include "shred_store.h"
#include "sqlite_connect.h"

#define KS_SHRED_COPY_DAYS 6 /* a copy of today goes when this many midnights have passed: before it is 7 days old */

/* Removes what is too old. *ret_due: there is none of today. KS_EIO: the directory cannot be read, or a copy not
 * removed. Blocks. */
KS_CHECK enum ks_err ks_shred_backup_turn(const char *directory, int64_t now_ms, bool *ret_due);

struct ks_shred_backup;

/* Begins the copy of today; in the thread of the store, as are all steps. setup is that of the store; its path is not
 * looked at. KS_EIO, KS_ENOMEM, and the errors of ks_sqlite_connect. */
KS_CHECK enum ks_err ks_shred_backup_new(struct ks_shred_store *store, const char *directory, int64_t now_ms,
    const struct ks_sqlite_setup *setup, struct ks_shred_backup **ret_backup);
/* Copies a few pages; to be called between turns until *ret_done. Then the copy is whole, synced, and has its name. */
KS_CHECK enum ks_err ks_shred_backup_step(struct ks_shred_backup *backup, bool *ret_done);
/* Removes what is not whole. Accepts NULL. */
void ks_shred_backup_free(struct ks_shred_backup *backup);

#endif
