/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sqlite_statement.h -- prepared statements, as the SQLite drivers of the server's stores use them. */
#ifndef KS_SQLITE_STATEMENT_H
#define KS_SQLITE_STATEMENT_H

#include "str.h"

struct sqlite3;
struct sqlite3_stmt;

/* Prepares texts to statements; what failed and all behind it stay NULL. The errors of ks_sqlite_err. */
KS_CHECK enum ks_err ks_sql_prepare(
    struct sqlite3 *db, const char *const *texts, size_t count, struct sqlite3_stmt **to);
/* Accepts NULLs. */
void ks_sql_finalize(struct sqlite3_stmt **statements, size_t count);

/* Texts and bytes are the caller's until the statement is reset. */
void ks_sql_bind_number(struct sqlite3_stmt *at, int place, uint64_t number);
void ks_sql_bind_text(struct sqlite3_stmt *at, int place, struct ks_str text);
void ks_sql_bind_bytes(struct sqlite3_stmt *at, int place, struct ks_str bytes);
uint64_t ks_sql_number_at(struct sqlite3_stmt *at, int column);
/* Of a text or of bytes; good until the next step. */
struct ks_str ks_sql_text_at(struct sqlite3_stmt *at, int column);

/* A store's own errors: whatever else SQLite says of an open store is damage. */
enum ks_err ks_sql_err(int code);
/* Steps once and resets: for statements without results. A value that was not bound for lack of memory is NULL, which
 * no column takes, so it fails here. */
KS_CHECK enum ks_err ks_sql_run(struct sqlite3_stmt *at);
/* Steps and hands rows to each() until it returns false. KS_ENOTFOUND when there was none. */
KS_CHECK enum ks_err ks_sql_each(
    struct sqlite3_stmt *at, bool (*each)(struct sqlite3_stmt *at, void *visit), void *visit);
/* None is no error. */
KS_CHECK enum ks_err ks_sql_maybe_none(enum ks_err err);

#endif
