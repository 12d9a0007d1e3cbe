/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sqlite_shred_store.h -- salts and key rings (shred_store.h) in a SQLite file of their own, encrypted like the server
 * store. What is deleted is overwritten (secure_delete), and the log is emptied when a deletion is committed. */
#ifndef KS_SQLITE_SHRED_STORE_H
#define KS_SQLITE_SHRED_STORE_H

#include "shred_store.h"
#include "sqlite_connect.h"

/* Opens or makes it. Blocks. The errors of ks_sqlite_connect, and
 *   KS_EVERSION  written by a newer konsild
 *   KS_ESTORE    damaged, or a file of something else */
KS_CHECK enum ks_err ks_sqlite_shred_store_open(const struct ks_sqlite_setup *setup, struct ks_shred_store **ret_store);

/* Only for what lies beside it in src/edge: shred_backup.c. */
struct sqlite3 *ks_sqlite_shred_store_db(struct ks_shred_store *s);

#endif
