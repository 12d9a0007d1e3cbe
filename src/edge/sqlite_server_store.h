/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sqlite_server_store.h -- the server store (server_store.h) in one SQLite file with encrypted pages.
 *
 * Durable means: in the write-ahead log and synced (WAL, synchronous=FULL), which a power cut does not undo
 * (tests/crash). What is deleted is overwritten (secure_delete); after an account was deleted the log is emptied too.
 * The file is locked as long as the store is open. */
#ifndef KS_SQLITE_SERVER_STORE_H
#define KS_SQLITE_SERVER_STORE_H

#include "server_store.h"
#include "sqlite_connect.h"

/* Opens or makes the store, and brings an older one up to date. Blocks. The errors of ks_sqlite_connect, and
 *   KS_EVERSION  written by a newer konsild
 *   KS_ESTORE    damaged, or a file of something else */
KS_CHECK enum ks_err ks_sqlite_server_store_open(
    const struct ks_sqlite_setup *setup, struct ks_server_store **ret_store);

/* Only for what lies beside it in src/edge: backup.c. */
struct sqlite3 *ks_sqlite_server_store_db(struct ks_server_store *s);

#endif
