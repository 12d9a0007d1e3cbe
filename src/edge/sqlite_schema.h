/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sqlite_schema.h -- the tables of the server store, and how an older store becomes a newer one.
 *
 * A schema has a number, kept in the file (PRAGMA user_version). A migration takes it from one number to the next in
 * one transaction, so a process that dies on the way leaves a store of one number or of the next, and the next start
 * goes on. A migration that was on main never changes; tests/fixtures has a store of each number. */
#ifndef KS_SQLITE_SCHEMA_H
#define KS_SQLITE_SCHEMA_H

#include "sqlite_connect.h"

#define KS_SCHEMA_VERSION 3

/* Makes the tables or brings them up to date. KS_OK; KS_EVERSION (made by a newer program); KS_ESTORE (damaged, or not
 * a server store); KS_EFULL; KS_ENOMEM. */
KS_CHECK enum ks_err ks_sqlite_migrate(struct sqlite3 *db);
/* The number of a store; 0 for an empty file. */
KS_CHECK enum ks_err ks_sqlite_schema_version(struct sqlite3 *db, int *ret_version);

#endif
