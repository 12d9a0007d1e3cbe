/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* backup_files.h -- uploaded files as a part of a backup's stream, behind the database.
 *
 *     each file   1 u8 | name, 32 digits | when its time is up, u64 milliseconds | bytes u64 | the bytes
 *     the end     0 u8 | how many files u64 | their bytes u64
 *
 * The stream is authenticated as a whole, so files need no hashes of their own. They are read while the server works:
 * what was acknowledged before the cut of the database is among them unless it was deleted since; and a file of which
 * the database does not know yet goes by itself when its time is up. */
#ifndef KS_BACKUP_FILES_H
#define KS_BACKUP_FILES_H

#include "backup_stream.h"
#include "file_store.h"

struct ks_backup_files {
    uint64_t files, bytes;
};

/* KS_EIO, KS_EFULL, KS_ENOMEM. */
KS_CHECK enum ks_err ks_backup_files_write(
    struct ks_backup_writer *w, struct ks_file_store *store, struct ks_backup_files *ret_counts);
/* Puts them into a store; store NULL: reads past them. KS_ECRYPTO: not what was written; KS_EFULL, KS_EIO, KS_ENOMEM.
 */
KS_CHECK enum ks_err ks_backup_files_read(
    struct ks_backup_reader *r, struct ks_file_store *store, struct ks_backup_files *ret_counts);

#endif
