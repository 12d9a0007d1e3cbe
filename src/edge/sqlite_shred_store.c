/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sqlite_shred_store.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "sqlite_statement.h"

#define APPLICATION_ID 0x6b6e7372 /* "knsr" */
#define VERSION 1

static const char tables[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE salt (account INTEGER NOT NULL, rid BLOB NOT NULL, aseq INTEGER NOT NULL, salt BLOB NOT NULL,"
    "    until INTEGER NOT NULL, PRIMARY KEY (account, rid, aseq)) WITHOUT ROWID;"
    "CREATE INDEX salt_until ON salt (account, until);"
    "CREATE TABLE salt_head (account INTEGER PRIMARY KEY, aseq_last INTEGER NOT NULL, fold INTEGER NOT NULL);"
    "CREATE TABLE ring (account INTEGER NOT NULL, version INTEGER NOT NULL, sha256 BLOB NOT NULL,"
    "    replaced_ms INTEGER NOT NULL, data BLOB NOT NULL, signature BLOB NOT NULL, certificate BLOB NOT NULL);"
    "CREATE UNIQUE INDEX ring_version ON ring (account, version);"
    "PRAGMA application_id = 1802400626; PRAGMA user_version = 1;"
    "COMMIT";
_Static_assert(APPLICATION_ID == 1802400626 && VERSION == 1, "as in the pragmas");

enum statement {
    BEGIN,
    COMMIT,
    HEAD,
    HEAD_PUT,
    SALT_PUT,
    SALT_GET,
    SALT_OLD,
    SALT_DEL,
    RING_PUT,
    RING_REPLACED,
    RING_GET,
    RING_LAST,
    RING_OLD,
    RING_CUT,
    FORGET_SALTS,
    FORGET_HEAD,
    FORGET_RINGS,
    STATEMENTS
};

#define RING_OLD_SQL                                           \
    "SELECT count(*), coalesce(min(replaced_ms), 0) FROM ring" \
    " WHERE account = ?1 AND replaced_ms <> 0 AND replaced_ms < ?2"
#define RING_COLUMNS "version, sha256, replaced_ms, data, signature, certificate"

static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [HEAD] = "SELECT aseq_last, fold FROM salt_head WHERE account = ?1",
    [HEAD_PUT] = "INSERT OR REPLACE INTO salt_head (account, aseq_last, fold) VALUES (?1, ?2, ?3)",
    [SALT_PUT] = "INSERT OR REPLACE INTO salt (account, rid, aseq, salt, until) VALUES (?1, ?2, ?3, ?4, ?5)",
    [SALT_GET] = "SELECT salt FROM salt WHERE account = ?1 AND rid = ?2 AND aseq = ?3",
    [SALT_OLD] = "SELECT aseq, rid, salt, until FROM salt WHERE account = ?1 AND until < ?2",
    [SALT_DEL] = "DELETE FROM salt WHERE account = ?1 AND rid = ?2 AND aseq <> ?3 RETURNING aseq",
    [RING_PUT] = "INSERT INTO ring (account, " RING_COLUMNS ") VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6)",
    [RING_REPLACED] = "UPDATE ring SET replaced_ms = ?3 WHERE account = ?1 AND version = ?2",
    [RING_GET] = "SELECT " RING_COLUMNS " FROM ring WHERE account = ?1 AND version = ?2",
    [RING_LAST] = "SELECT " RING_COLUMNS " FROM ring WHERE account = ?1 ORDER BY version DESC LIMIT 1",
    [RING_OLD] = RING_OLD_SQL,
    [RING_CUT] = "DELETE FROM ring WHERE account = ?1 AND replaced_ms <> 0 AND replaced_ms < ?2",
    [FORGET_SALTS] = "DELETE FROM salt WHERE account = ?1",
    [FORGET_HEAD] = "DELETE FROM salt_head WHERE account = ?1",
    [FORGET_RINGS] = "DELETE FROM ring WHERE account = ?1",
};

struct sqlite_shred {
    struct ks_shred_store base;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    bool scrub; /* this transaction has deleted */
};

static struct sqlite_shred *self(struct ks_shred_store *s)
{
    return KS_CONTAINER(s, struct sqlite_shred, base);
}

static sqlite3_stmt *take(struct ks_shred_store *s, enum statement which)
{
    return self(s)->statements[which];
}

static bool copy_bytes(struct ks_str from, uint8_t *to, size_t len)
{
    if (from.len == len)
        memcpy(to, from.ptr, len);
    return from.len == len;
}

/* --- transactions --- */

static enum ks_err shred_begin(struct ks_shred_store *s)
{
    self(s)->scrub = false;
    return ks_sql_run(take(s, BEGIN));
}

static enum ks_err shred_commit(struct ks_shred_store *s)
{
    enum ks_err err = ks_sql_run(take(s, COMMIT));

    /* Older pages are still in the log. Were this to fail, the next checkpoint would do it. */
    if (err == KS_OK && self(s)->scrub)
        sqlite3_wal_checkpoint_v2(self(s)->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return err;
}

static void shred_rollback(struct ks_shred_store *s)
{
    if (!sqlite3_get_autocommit(self(s)->db))
        sqlite3_exec(self(s)->db, "ROLLBACK", NULL, NULL, NULL);
}

static void shred_free(struct ks_shred_store *s)
{
    struct sqlite_shred *store = self(s);

    ks_sql_finalize(store->statements, STATEMENTS);
    sqlite3_close(store->db);
    free(store);
}

/* --- salts --- */

static bool each_head(sqlite3_stmt *at, void *visit)
{
    *(struct ks_salt_head *)visit = (struct ks_salt_head) { ks_sql_number_at(at, 0), ks_sql_number_at(at, 1) };
    return false;
}

static enum ks_err shred_head(struct ks_shred_store *s, uint64_t account, struct ks_salt_head *ret_head)
{
    sqlite3_stmt *at = take(s, HEAD);

    *ret_head = (struct ks_salt_head) { 0 };
    ks_sql_bind_number(at, 1, account);
    return ks_sql_maybe_none(ks_sql_each(at, each_head, ret_head));
}

static enum ks_err head_put(struct ks_shred_store *s, uint64_t account, const struct ks_salt_head *head)
{
    sqlite3_stmt *at = take(s, HEAD_PUT);

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_number(at, 2, head->aseq_last);
    ks_sql_bind_number(at, 3, head->fold);
    return ks_sql_run(at);
}

static enum ks_err shred_salt_get(
    struct ks_shred_store *s, uint64_t account, const uint8_t *rid, uint64_t aseq, uint8_t *ret_salt);

static enum ks_err shred_salt_put(struct ks_shred_store *s, const struct ks_salt_row *row)
{
    sqlite3_stmt *at = take(s, SALT_PUT);
    struct ks_salt_head head;
    uint8_t was[KS_SALT_LEN];
    enum ks_err err = shred_salt_get(s, row->account, row->rid, row->aseq, was), found = err;

    if (err == KS_OK || err == KS_ENOTFOUND)
        err = shred_head(s, row->account, &head);
    if (err != KS_OK)
        return err;
    if (found == KS_ENOTFOUND)
        head.fold += ks_record_fold(row->rid, row->aseq);
    if (row->aseq > head.aseq_last)
        head.aseq_last = row->aseq;
    self(s)->scrub |= found == KS_OK;
    ks_sql_bind_number(at, 1, row->account);
    ks_sql_bind_bytes(at, 2, ks_str(row->rid, sizeof row->rid));
    ks_sql_bind_number(at, 3, row->aseq);
    ks_sql_bind_bytes(at, 4, ks_str(row->salt, sizeof row->salt));
    ks_sql_bind_number(at, 5, (uint64_t)row->until);
    err = ks_sql_run(at);
    return err == KS_OK ? head_put(s, row->account, &head) : err;
}

struct salt_visit {
    uint8_t *to;
    bool damaged;
};

static bool each_salt(sqlite3_stmt *at, void *visit)
{
    struct salt_visit *salt = visit;

    salt->damaged = !copy_bytes(ks_sql_text_at(at, 0), salt->to, KS_SALT_LEN);
    return false;
}

static enum ks_err shred_salt_get(
    struct ks_shred_store *s, uint64_t account, const uint8_t *rid, uint64_t aseq, uint8_t *ret_salt)
{
    struct salt_visit salt = { ret_salt, false };
    sqlite3_stmt *at = take(s, SALT_GET);
    enum ks_err err;

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_bytes(at, 2, ks_str(rid, KS_RID_LEN));
    ks_sql_bind_number(at, 3, aseq);
    err = ks_sql_each(at, each_salt, &salt);
    return salt.damaged ? KS_ESTORE : err;
}

struct row_visit {
    ks_visit_salt *visit;
    void *user;
    uint64_t account;
    bool damaged;
};

static bool each_row(sqlite3_stmt *at, void *visit)
{
    struct row_visit *to = visit;
    struct ks_salt_row row = {
        .account = to->account, .aseq = ks_sql_number_at(at, 0), .until = (int64_t)ks_sql_number_at(at, 3)
    };

    to->damaged = !copy_bytes(ks_sql_text_at(at, 1), row.rid, sizeof row.rid)
        || !copy_bytes(ks_sql_text_at(at, 2), row.salt, sizeof row.salt);
    return !to->damaged && to->visit(to->user, &row);
}

static enum ks_err shred_salt_scan_old(
    struct ks_shred_store *s, uint64_t account, int64_t before, ks_visit_salt *visit, void *user)
{
    struct row_visit to = { visit, user, account, false };
    sqlite3_stmt *at = take(s, SALT_OLD);
    enum ks_err err;

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_number(at, 2, (uint64_t)before);
    err = ks_sql_maybe_none(ks_sql_each(at, each_row, &to));
    return to.damaged ? KS_ESTORE : err;
}

struct fold {
    const uint8_t *rid;
    uint64_t sum;
};

static bool each_gone(sqlite3_stmt *at, void *visit)
{
    struct fold *fold = visit;

    fold->sum += ks_record_fold(fold->rid, ks_sql_number_at(at, 0));
    return true;
}

static enum ks_err shred_salt_del(struct ks_shred_store *s, uint64_t account, const uint8_t *rid, uint64_t but)
{
    struct fold fold = { rid, 0 };
    sqlite3_stmt *at = take(s, SALT_DEL);
    struct ks_salt_head head;
    enum ks_err err;

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_bytes(at, 2, ks_str(rid, KS_RID_LEN));
    ks_sql_bind_number(at, 3, but);
    err = ks_sql_each(at, each_gone, &fold);
    if (err != KS_OK)
        return ks_sql_maybe_none(err);
    self(s)->scrub = true;
    err = shred_head(s, account, &head);
    head.fold -= fold.sum;
    return err == KS_OK ? head_put(s, account, &head) : err;
}

/* --- rings --- */

static enum ks_err shred_ring_put(struct ks_shred_store *s, const struct ks_ring_row *row)
{
    sqlite3_stmt *at = take(s, RING_REPLACED);
    enum ks_err err;

    ks_sql_bind_number(at, 1, row->account);
    ks_sql_bind_number(at, 2, row->version - 1);
    ks_sql_bind_number(at, 3, (uint64_t)row->replaced_ms);
    err = ks_sql_run(at);
    if (err != KS_OK)
        return err;
    at = take(s, RING_PUT);
    ks_sql_bind_number(at, 1, row->account);
    ks_sql_bind_number(at, 2, row->version);
    ks_sql_bind_bytes(at, 3, ks_str(row->sha256, sizeof row->sha256));
    ks_sql_bind_bytes(at, 4, row->data);
    ks_sql_bind_bytes(at, 5, row->signature);
    ks_sql_bind_bytes(at, 6, row->certificate);
    return ks_sql_run(at);
}

struct ring_visit {
    ks_visit_ring *visit;
    void *user;
    uint64_t account;
    bool damaged;
};

static bool each_ring(sqlite3_stmt *at, void *visit)
{
    struct ring_visit *to = visit;
    struct ks_ring_row row = { .account = to->account,
        .version = ks_sql_number_at(at, 0),
        .replaced_ms = (int64_t)ks_sql_number_at(at, 2),
        .data = ks_sql_text_at(at, 3),
        .signature = ks_sql_text_at(at, 4),
        .certificate = ks_sql_text_at(at, 5) };

    to->damaged = !copy_bytes(ks_sql_text_at(at, 1), row.sha256, sizeof row.sha256);
    return !to->damaged && to->visit(to->user, &row);
}

static enum ks_err shred_ring_get(
    struct ks_shred_store *s, uint64_t account, uint64_t version, ks_visit_ring *visit, void *user)
{
    struct ring_visit to = { visit, user, account, false };
    sqlite3_stmt *at = take(s, version ? RING_GET : RING_LAST);
    enum ks_err err;

    ks_sql_bind_number(at, 1, account);
    if (version)
        ks_sql_bind_number(at, 2, version);
    err = ks_sql_each(at, each_ring, &to);
    return to.damaged ? KS_ESTORE : err;
}

struct old {
    uint64_t rows;
    int64_t oldest_ms;
};

static bool each_old(sqlite3_stmt *at, void *visit)
{
    *(struct old *)visit = (struct old) { ks_sql_number_at(at, 0), (int64_t)ks_sql_number_at(at, 1) };
    return false;
}

static enum ks_err shred_ring_old(
    struct ks_shred_store *s, uint64_t account, int64_t before_ms, uint64_t *ret_rows, int64_t *ret_oldest_ms)
{
    sqlite3_stmt *at = take(s, RING_OLD);
    struct old old = { 0 };
    enum ks_err err;

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_number(at, 2, (uint64_t)before_ms);
    err = ks_sql_maybe_none(ks_sql_each(at, each_old, &old));
    *ret_rows = old.rows;
    *ret_oldest_ms = old.oldest_ms;
    return err;
}

static enum ks_err shred_ring_cut(struct ks_shred_store *s, uint64_t account, int64_t before_ms)
{
    sqlite3_stmt *at = take(s, RING_CUT);
    enum ks_err err;

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_number(at, 2, (uint64_t)before_ms);
    err = ks_sql_run(at);
    self(s)->scrub |= err == KS_OK && sqlite3_changes(self(s)->db) > 0;
    return err;
}

static enum ks_err shred_forget(struct ks_shred_store *s, uint64_t account)
{
    enum ks_err err = KS_OK;

    for (enum statement which = FORGET_SALTS; which <= FORGET_RINGS && err == KS_OK; which++) {
        ks_sql_bind_number(take(s, which), 1, account);
        err = ks_sql_run(take(s, which));
        self(s)->scrub |= err == KS_OK && sqlite3_changes(self(s)->db) > 0;
    }
    return err;
}

/* --- opening --- */

static const struct ks_shred_store_ops sqlite_ops = {
    .free = shred_free,
    .begin = shred_begin,
    .commit = shred_commit,
    .rollback = shred_rollback,
    .head = shred_head,
    .salt_put = shred_salt_put,
    .salt_get = shred_salt_get,
    .salt_scan_old = shred_salt_scan_old,
    .salt_del = shred_salt_del,
    .ring_put = shred_ring_put,
    .ring_get = shred_ring_get,
    .ring_old = shred_ring_old,
    .ring_cut = shred_ring_cut,
    .forget = shred_forget,
};

static enum ks_err make_tables(sqlite3 *db)
{
    int64_t version = 0, application = 0, count = 0;
    enum ks_err err = ks_sqlite_number(db, "PRAGMA user_version", &version);

    if (err == KS_OK)
        err = ks_sqlite_number(db, "PRAGMA application_id", &application);
    if (err == KS_OK)
        err = ks_sqlite_number(db, "SELECT count(*) FROM sqlite_master", &count);
    if (err != KS_OK)
        return err;
    if ((version || count) && application != APPLICATION_ID)
        return KS_ESTORE;
    if (version == VERSION)
        return KS_OK;
    if (version)
        return KS_EVERSION;
    err = ks_sqlite_exec(db, tables);
    if (err != KS_OK)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

enum ks_err ks_sqlite_shred_store_open(const struct ks_sqlite_setup *setup, struct ks_shred_store **ret_store)
{
    struct sqlite_shred *store = calloc(1, sizeof *store);
    enum ks_err err;

    if (!store)
        return KS_ENOMEM;
    store->base.ops = &sqlite_ops;
    err = ks_sqlite_connect(setup, &store->db);
    if (err == KS_OK)
        err = make_tables(store->db);
    if (err == KS_OK)
        err = ks_sql_prepare(store->db, texts, STATEMENTS, store->statements);
    if (err != KS_OK) {
        shred_free(&store->base);
        return err;
    }
    *ret_store = &store->base;
    return KS_OK;
}

struct sqlite3 *ks_sqlite_shred_store_db(struct ks_shred_store *s)
{
    assert(s->ops == &sqlite_ops);
    return self(s)->db;
}
