/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sqlite_statement.h"

#include <sqlite3.h>

#include "sqlite_connect.h"

enum ks_err ks_sql_prepare(struct sqlite3 *db, const char *const *texts, size_t count, struct sqlite3_stmt **to)
{
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < count && err == KS_OK; i++)
        err = ks_sqlite_err(sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &to[i], NULL));
    return err;
}

void ks_sql_finalize(struct sqlite3_stmt **statements, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sqlite3_finalize(statements[i]);
}

void ks_sql_bind_number(sqlite3_stmt *at, int place, uint64_t number)
{
    sqlite3_bind_int64(at, place, (sqlite3_int64)number);
}

void ks_sql_bind_text(sqlite3_stmt *at, int place, struct ks_str text)
{
    sqlite3_bind_text64(at, place, text.len ? text.ptr : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

void ks_sql_bind_bytes(sqlite3_stmt *at, int place, struct ks_str bytes)
{
    sqlite3_bind_blob64(at, place, bytes.len ? bytes.ptr : "", bytes.len, SQLITE_STATIC);
}

uint64_t ks_sql_number_at(sqlite3_stmt *at, int column)
{
    return (uint64_t)sqlite3_column_int64(at, column);
}

struct ks_str ks_sql_text_at(sqlite3_stmt *at, int column)
{
    const void *ptr = sqlite3_column_blob(at, column);

    return ks_str(ptr, (size_t)sqlite3_column_bytes(at, column));
}

enum ks_err ks_sql_err(int code)
{
    enum ks_err err = ks_sqlite_err(code);

    return err == KS_OK || err == KS_EFULL || err == KS_ENOMEM ? err : KS_ESTORE;
}

enum ks_err ks_sql_run(sqlite3_stmt *at)
{
    enum ks_err err = ks_sql_err(sqlite3_step(at));

    sqlite3_reset(at);
    sqlite3_clear_bindings(at);
    return err;
}

enum ks_err ks_sql_each(sqlite3_stmt *at, bool (*each)(sqlite3_stmt *at, void *visit), void *visit)
{
    enum ks_err err = KS_ENOTFOUND;
    int code;

    while ((code = sqlite3_step(at)) == SQLITE_ROW) {
        err = KS_OK;
        if (!each(at, visit))
            break;
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        err = ks_sql_err(code);
    sqlite3_reset(at);
    sqlite3_clear_bindings(at);
    return err;
}

enum ks_err ks_sql_maybe_none(enum ks_err err)
{
    return err == KS_ENOTFOUND ? KS_OK : err;
}
