/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* backup_rotation.h -- old backups go, so that what was deleted leaves the last file that it was in.
 *
 * Called when a new backup is whole: without a new one no old one goes, and the new one never does. What goes is a file
 * of the directory that begins as a backup does and was last changed before; whatever else lies there is left alone.
 * Blocks; logs nothing. */
#ifndef KS_BACKUP_ROTATION_H
#define KS_BACKUP_ROTATION_H

#include "str.h"

/* Removes from directory the backups of before before_ms (wall), but never the one at newest. KS_OK; KS_EIO: some could
 * not be removed. *ret_removed is how many were, in any case. */
KS_CHECK enum ks_err ks_backup_rotate(
    const char *directory, const char *newest, int64_t before_ms, unsigned *ret_removed);

#endif
