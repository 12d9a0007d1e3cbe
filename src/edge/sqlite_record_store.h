/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sqlite_record_store.h -- the records (record_store.h) of the SQLite driver of the server store: two of its tables. */
#ifndef KS_SQLITE_RECORD_STORE_H
#define KS_SQLITE_RECORD_STORE_H

#include "record_store.h"

struct sqlite3;
struct sqlite3_stmt;

#define KS_SQLITE_RECORD_STATEMENTS 11

struct ks_sqlite_record_store {
    struct ks_record_store base;
    struct sqlite3_stmt *statements[KS_SQLITE_RECORD_STATEMENTS];
};

/* The errors of ks_sqlite_err. */
KS_CHECK enum ks_err ks_sqlite_record_store_init(struct ks_sqlite_record_store *r, struct sqlite3 *db);
/* Accepts zeroes, and what failed to be made. */
void ks_sqlite_record_store_done(struct ks_sqlite_record_store *r);

#endif
