/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* backup_rotation.h -- old backups go, and their keys with them, so that what was deleted leaves the last file that it
 * was in, and cannot be read in a copy of that file wherever it is.
 *
 * Called when a new backup is whole: without a new one no old one goes, and the new one never does. What goes is a file
 * of the directory that begins as a backup does and was last changed before, after its key; and a key as old whose
 * backup is not there any more. Whatever else lies there is left alone. Blocks; logs nothing. */
#ifndef KS_BACKUP_ROTATION_H
#define KS_BACKUP_ROTATION_H

#include "str.h"

struct ks_backup_places {
    const char *backups; /* a directory; a backup is NAME in it */
    const char *keys;    /* another; its key is NAME KS_BACKUP_KEY_ENDING in it (key_file.h) */
};
#define KS_BACKUP_KEY_ENDING ".key"

/* Removes what is from before before_ms (wall), but never the backup called newest, and not its key. KS_OK; KS_EIO:
 * some of it could not be looked at or removed, and may be what should be gone. *ret_removed is how many backups were
 * removed, in any case. */
KS_CHECK enum ks_err ks_backup_rotate(
    const struct ks_backup_places *places, const char *newest, int64_t before_ms, unsigned *ret_removed);

#endif
