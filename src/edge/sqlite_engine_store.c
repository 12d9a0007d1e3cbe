/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sqlite_engine_store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

/* One entry for each schema; entry n leads from n to n + 1. Entries are never changed, only added. */
static const char *const migrations[] = {
    "CREATE TABLE kv (t INTEGER NOT NULL, k BLOB NOT NULL, v BLOB NOT NULL, PRIMARY KEY (t, k)) WITHOUT ROWID;"
    /* FTS5 finds rows by number; text_key gives each indexed message one. unicode61 only cuts words: the text comes
     * folded, and both drivers shall find the same. */
    "CREATE TABLE text_key (id INTEGER PRIMARY KEY, k BLOB NOT NULL UNIQUE);"
    "CREATE VIRTUAL TABLE text USING fts5 (body, tokenize = 'unicode61 remove_diacritics 0');"
    /* Without it the words of a deleted message stay in the index until segments merge. */
    "INSERT INTO text (text, rank) VALUES ('secure-delete', 1);",
};
_Static_assert(KS_COUNT(migrations) == KS_SQLITE_ENGINE_SCHEMA, "one migration for each schema");

enum statement { GET, PUT, DEL, TEXT_ID, TEXT_KEY_ADD, TEXT_KEY_DEL, TEXT_ADD, TEXT_SET, TEXT_DEL, STATEMENTS };

static const char *const statement_sql[STATEMENTS] = {
    [GET] = "SELECT v FROM kv WHERE t = ?1 AND k = ?2",
    [PUT] = "INSERT INTO kv (t, k, v) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET v = ?3",
    [DEL] = "DELETE FROM kv WHERE t = ?1 AND k = ?2",
    [TEXT_ID] = "SELECT id FROM text_key WHERE k = ?1",
    [TEXT_KEY_ADD] = "INSERT INTO text_key (k) VALUES (?1)",
    [TEXT_KEY_DEL] = "DELETE FROM text_key WHERE id = ?1",
    [TEXT_ADD] = "INSERT INTO text (rowid, body) VALUES (?1, ?2)",
    [TEXT_SET] = "UPDATE text SET body = ?2 WHERE rowid = ?1",
    [TEXT_DEL] = "DELETE FROM text WHERE rowid = ?1",
};

struct sqlite_store {
    struct ks_engine_store base;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    sqlite3_stmt *scans[4]; /* by scan_sql; NULL: not prepared yet, or at work */
    bool scrub;             /* when the transaction at hand is durable */
};

static struct sqlite_store *of(struct ks_engine_store *s)
{
    return KS_CONTAINER(s, struct sqlite_store, base);
}

static enum ks_err err_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return KS_OK;
    case SQLITE_NOMEM:
        return KS_ENOMEM;
    case SQLITE_FULL:
        return KS_EFULL;
    default:
        return KS_ESTORE;
    }
}

static void bind_str(sqlite3_stmt *st, int at, struct ks_str bytes)
{
    /* A NULL pointer would bind NULL, and an empty key or value is a value. Static: reset before the call ends. */
    sqlite3_bind_blob64(st, at, bytes.len ? bytes.ptr : "", bytes.len, SQLITE_STATIC);
}

static struct ks_str column_str(sqlite3_stmt *st, int column)
{
    const void *ptr = sqlite3_column_blob(st, column);

    return ks_str(ptr, ptr ? (size_t)sqlite3_column_bytes(st, column) : 0);
}

static enum ks_err finish(sqlite3_stmt *st)
{
    int rc = sqlite3_step(st);

    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return err_of(rc);
}

static enum ks_err exec(sqlite3 *db, const char *sql)
{
    return err_of(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* --- opening --- */

static enum ks_err set_key(sqlite3 *db, const uint8_t key[32])
{
    char raw[4 + 64 + 1] = "raw:"; /* as it is: no second key derivation */
    int rc;

    for (size_t i = 0; i < 32; i++)
        snprintf(raw + 4 + 2 * i, 3, "%02x", key[i]);
    rc = sqlite3_exec(db, "PRAGMA cipher = 'chacha20'", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_key_v2(db, "main", raw, 4 + 64);
    ks_wipe(raw, sizeof raw);
    return err_of(rc);
}

/* The answer of a statement with one number. */
static int number_of(sqlite3 *db, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

    *ret_number = 0;
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(st, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(st);
    return rc;
}

static enum ks_err set_journal(sqlite3 *db)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &st, NULL);
    bool wal = rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW && ks_str_is(column_str(st, 0), "wal");

    sqlite3_finalize(st);
    return rc != SQLITE_ROW ? err_of(rc) : wal ? KS_OK : exec(db, "PRAGMA journal_mode = TRUNCATE");
}

/* The first look at the pages: locks the file for this process, and shows whether the key fits. */
static enum ks_err take_hold(sqlite3 *db)
{
    int64_t tables;
    int rc = sqlite3_exec(db,
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = EXTRA; PRAGMA secure_delete = ON;"
        "BEGIN EXCLUSIVE",
        NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        rc = number_of(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    switch (rc & 0xff) {
    case SQLITE_BUSY:
        return KS_EAGAIN;
    case SQLITE_NOTADB:
        return KS_ECRYPTO;
    default:
        return err_of(rc);
    }
}

static enum ks_err migrate(sqlite3 *db)
{
    int64_t version;
    int rc = number_of(db, "PRAGMA user_version", &version);
    enum ks_err err;

    if (rc != SQLITE_OK)
        return rc == SQLITE_DONE ? KS_ESTORE : err_of(rc);
    if (version < 0 || version > (int64_t)KS_COUNT(migrations))
        return KS_EVERSION;
    for (; version < (int64_t)KS_COUNT(migrations); version++) {
        char mark[48];

        snprintf(mark, sizeof mark, "PRAGMA user_version = %d", (int)version + 1);
        if ((err = exec(db, "BEGIN EXCLUSIVE")) != KS_OK)
            return err;
        if ((err = exec(db, migrations[version])) != KS_OK || (err = exec(db, mark)) != KS_OK
            || (err = exec(db, "COMMIT")) != KS_OK) {
            sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
            return err;
        }
    }
    return KS_OK;
}

static enum ks_err prepare_all(struct sqlite_store *s)
{
    for (size_t i = 0; i < STATEMENTS; i++) {
        int rc = sqlite3_prepare_v3(s->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL);

        if (rc != SQLITE_OK)
            return err_of(rc);
    }
    return KS_OK;
}

static void sqlite_free(struct ks_engine_store *store)
{
    struct sqlite_store *s = of(store);

    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(s->statements[i]);
    for (size_t i = 0; i < KS_COUNT(s->scans); i++)
        sqlite3_finalize(s->scans[i]);
    sqlite3_close_v2(s->db);
    free(s);
}

/* --- the contract --- */

static enum ks_err sqlite_begin(struct ks_engine_store *store)
{
    sqlite3 *db = of(store)->db;

    of(store)->scrub = false;
    return sqlite3_get_autocommit(db) ? exec(db, "BEGIN IMMEDIATE") : KS_ESTATE;
}

static void sqlite_scrub(struct ks_engine_store *store)
{
    of(store)->scrub = true;
}

static void sqlite_rollback(struct ks_engine_store *store)
{
    sqlite3 *db = of(store)->db;

    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

static enum ks_err sqlite_commit(struct ks_engine_store *store)
{
    sqlite3 *db = of(store)->db;
    enum ks_err err;

    if (sqlite3_get_autocommit(db))
        return KS_ESTATE; /* none open, or SQLite rolled back by itself after a failure */
    if ((err = exec(db, "COMMIT")) != KS_OK)
        sqlite_rollback(store);
    /* Deleted text is overwritten in the pages, but older pages are still in the log. Were this to fail, the next
     * checkpoint would do it. */
    else if (of(store)->scrub)
        sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return err;
}

static enum ks_err sqlite_get(
    struct ks_engine_store *store, enum ks_table table, struct ks_str key, struct ks_buf *ret_value)
{
    sqlite3_stmt *st = of(store)->statements[GET];
    enum ks_err err;
    int rc;

    sqlite3_bind_int(st, 1, table);
    bind_str(st, 2, key);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        ks_buf_add(ret_value, column_str(st, 0));
        err = ks_buf_err(ret_value);
    } else {
        err = rc == SQLITE_DONE ? KS_ENOTFOUND : err_of(rc);
    }
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return err;
}

static enum ks_err sqlite_put(
    struct ks_engine_store *store, enum ks_table table, struct ks_str key, struct ks_str value)
{
    sqlite3_stmt *st = of(store)->statements[PUT];

    sqlite3_bind_int(st, 1, table);
    bind_str(st, 2, key);
    bind_str(st, 3, value);
    return finish(st);
}

static enum ks_err sqlite_del(struct ks_engine_store *store, enum ks_table table, struct ks_str key)
{
    sqlite3_stmt *st = of(store)->statements[DEL];

    sqlite3_bind_int(st, 1, table);
    bind_str(st, 2, key);
    return finish(st);
}

/* The first key above all that start with prefix; false if there is none. */
static bool prefix_end(struct ks_buf *end, struct ks_str prefix)
{
    while (prefix.len && (uint8_t)prefix.ptr[prefix.len - 1] == 0xff)
        prefix.len--;
    if (!prefix.len)
        return false;
    ks_buf_add(end, ks_str_head(prefix, prefix.len - 1));
    ks_buf_byte(end, (uint8_t)((uint8_t)prefix.ptr[prefix.len - 1] + 1));
    return true;
}

static enum ks_err visit_rows(sqlite3_stmt *st, bool has_value, ks_visit_record *visit, void *user)
{
    int rc;

    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        if (!visit(user, column_str(st, 0), has_value ? column_str(st, 1) : KS_STR_EMPTY))
            break;
    return err_of(rc);
}

static const char *const scan_sql[] = { "SELECT k, v FROM kv WHERE t = ?1 AND k >= ?2 ORDER BY k",
    "SELECT k, v FROM kv WHERE t = ?1 AND k >= ?2 AND k < ?3 ORDER BY k",
    "SELECT k, v FROM kv WHERE t = ?1 AND k >= ?2 ORDER BY k DESC",
    "SELECT k, v FROM kv WHERE t = ?1 AND k >= ?2 AND k < ?3 ORDER BY k DESC" };

/* One of each kind is kept. A visitor may start another scan: that one is prepared for itself. */
static enum ks_err take_scan(struct sqlite_store *s, bool falling, bool bounded, sqlite3_stmt **ret_st)
{
    int kind = 2 * falling + bounded;

    *ret_st = s->scans[kind];
    s->scans[kind] = NULL;
    return *ret_st ? KS_OK : err_of(sqlite3_prepare_v2(s->db, scan_sql[kind], -1, ret_st, NULL));
}

static void leave_scan(struct sqlite_store *s, bool falling, bool bounded, sqlite3_stmt *st)
{
    int kind = 2 * falling + bounded;

    if (s->scans[kind]) {
        sqlite3_finalize(st);
        return;
    }
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    s->scans[kind] = st;
}

static enum ks_err sqlite_scan(struct ks_engine_store *store, enum ks_table table, struct ks_str prefix,
    struct ks_str from, bool falling, ks_visit_record *visit, void *user)
{
    struct ks_buf end;
    sqlite3_stmt *st;
    bool bounded;
    struct ks_str low, high;
    enum ks_err err;

    ks_buf_init(&end, SIZE_MAX);
    bounded = prefix_end(&end, prefix);
    if ((err = ks_buf_err(&end)) != KS_OK)
        return err;
    low = !falling && ks_str_cmp(from, prefix) > 0 ? from : prefix;
    high = ks_buf_str(&end);
    if (falling && from.len && (!bounded || ks_str_cmp(from, high) < 0)) {
        high = from;
        bounded = true;
    }
    if ((err = take_scan(of(store), falling, bounded, &st)) == KS_OK) {
        sqlite3_bind_int(st, 1, table);
        bind_str(st, 2, low);
        if (bounded)
            bind_str(st, 3, high);
        err = visit_rows(st, true, visit, user);
        leave_scan(of(store), falling, bounded, st);
    }
    ks_buf_done(&end);
    return err;
}

static enum ks_err step_id(sqlite3_stmt *st, int64_t id, struct ks_str text)
{
    sqlite3_bind_int64(st, 1, id);
    if (text.len)
        sqlite3_bind_text64(st, 2, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
    return finish(st);
}

static enum ks_err sqlite_index_text(struct ks_engine_store *store, struct ks_str key, struct ks_str text)
{
    struct sqlite_store *s = of(store);
    sqlite3_stmt *find = s->statements[TEXT_ID];
    int64_t id = 0;
    enum ks_err err;
    int rc;

    bind_str(find, 1, key);
    rc = sqlite3_step(find);
    if (rc == SQLITE_ROW)
        id = sqlite3_column_int64(find, 0);
    sqlite3_reset(find);
    sqlite3_clear_bindings(find);
    if ((err = err_of(rc)) != KS_OK)
        return err;
    if (text.len && rc == SQLITE_ROW)
        return step_id(s->statements[TEXT_SET], id, text);
    if (text.len) {
        bind_str(s->statements[TEXT_KEY_ADD], 1, key);
        if ((err = finish(s->statements[TEXT_KEY_ADD])) != KS_OK)
            return err;
        return step_id(s->statements[TEXT_ADD], sqlite3_last_insert_rowid(s->db), text);
    }
    if (rc != SQLITE_ROW)
        return KS_OK;
    if ((err = step_id(s->statements[TEXT_DEL], id, KS_STR_EMPTY)) != KS_OK)
        return err;
    return step_id(s->statements[TEXT_KEY_DEL], id, KS_STR_EMPTY);
}

static bool parts_words(char c)
{
    uint8_t u = (uint8_t)c;

    return u < 0x80 && !((u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z'));
}

/* Every word of query as an FTS5 string with a prefix mark: "word" * "other" *. What is left in a string after parting
 * at ASCII signs cannot be an operator of FTS5. */
static void match_of(struct ks_buf *match, struct ks_str query)
{
    for (size_t i = 0; i < query.len;) {
        size_t start = i;

        while (i < query.len && !parts_words(query.ptr[i]))
            i++;
        if (i > start) {
            ks_buf_byte(match, '"');
            ks_buf_add(match, ks_str(query.ptr + start, i - start));
            ks_buf_z(match, "\" * ");
        } else {
            i++;
        }
    }
}

static enum ks_err sqlite_search(
    struct ks_engine_store *store, struct ks_str query, uint32_t limit, ks_visit_record *visit, void *user)
{
    sqlite3_stmt *st = NULL;
    struct ks_buf match;
    enum ks_err err;

    ks_buf_init(&match, SIZE_MAX);
    match_of(&match, query);
    err = ks_buf_err(&match);
    if (err == KS_OK && match.len) {
        err = err_of(sqlite3_prepare_v2(of(store)->db,
            "SELECT k FROM text JOIN text_key ON text_key.id = text.rowid WHERE text MATCH ?1"
            " ORDER BY k DESC LIMIT ?2",
            -1, &st, NULL));
        if (err == KS_OK) {
            sqlite3_bind_text64(st, 1, match.ptr, match.len, SQLITE_STATIC, SQLITE_UTF8);
            sqlite3_bind_int64(st, 2, limit);
            err = visit_rows(st, false, visit, user);
        }
        sqlite3_finalize(st);
    }
    ks_buf_done(&match);
    return err;
}

static const struct ks_engine_store_ops sqlite_ops = {
    .free = sqlite_free,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .scrub = sqlite_scrub,
    .get = sqlite_get,
    .put = sqlite_put,
    .del = sqlite_del,
    .scan = sqlite_scan,
    .index_text = sqlite_index_text,
    .search = sqlite_search,
};

enum ks_err ks_sqlite_engine_store_open(
    const char *path, const char *vfs, const uint8_t key[32], bool create, struct ks_engine_store **ret_store)
{
    struct sqlite_store *s = calloc(1, sizeof *s);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (create ? SQLITE_OPEN_CREATE : 0);
    enum ks_err err;
    int rc;

    if (!s)
        return KS_ENOMEM;
    s->base.ops = &sqlite_ops;
    rc = sqlite3_open_v2(path, &s->db, flags, vfs);
    err = (rc & 0xff) == SQLITE_CANTOPEN && !create ? KS_ENOTFOUND : err_of(rc);
    if (err != KS_OK || (err = set_key(s->db, key)) != KS_OK || (err = take_hold(s->db)) != KS_OK
        || (err = set_journal(s->db)) != KS_OK || (err = migrate(s->db)) != KS_OK || (err = prepare_all(s)) != KS_OK) {
        sqlite_free(&s->base);
        return err;
    }
    *ret_store = &s->base;
    return KS_OK;
}
