/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sqlite_server_store.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "sqlite_record_store.h"
#include "sqlite_schema.h"
#include "sqlite_statement.h"

enum statement {
    BEGIN,
    COMMIT,
    META_GET,
    META_PUT,
    ACCOUNT_FIND,
    ACCOUNT_LIST,
    ACCOUNT_ADD,
    ACCOUNT_UPDATE,
    KV_LOAD_ALL,
    KV_LOAD_STORE,
    KV_PUT,
    KV_DEL_ALL,
    KV_DEL_STORE,
    KV_DEL_KEY,
    ARCHIVE_APPEND,
    ARCHIVE_REPLACE,
    ARCHIVE_GET,
    ARCHIVE_SCAN,
    ARCHIVE_LAST,
    FORGET_OWNER1,
    FORGET_OWNER2,
    FORGET_ORPHANS,
    FORGET_INDEX,
    DISOWN_ORPHAN,
    DISOWN,
    INDEX_ADD,
    INDEX_RISING,
    INDEX_FALLING,
    INDEX_CUT,
    AUDIT_APPEND,
    AUDIT_SCAN,
    AUDIT_LAST,
    AUDIT_CUT,
    STATEMENTS
};

#define ACCOUNT_COLUMNS "id, state, domain, local, name, department, profession, created_ms"
#define ARCHIVE_COLUMNS "id, stamp_ms, owner1, with1, owner2, with2, stanza"
#define AUDIT_COLUMNS "seq, stamp_ms, actor, action, subject, detail, hash"
#define INDEXED "id IN (SELECT id FROM archive_index WHERE account = ?1)"

static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [META_PUT] = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
    [ACCOUNT_FIND] = "SELECT " ACCOUNT_COLUMNS " FROM account WHERE domain = ?1 AND local = ?2",
    [ACCOUNT_LIST] = "SELECT " ACCOUNT_COLUMNS " FROM account WHERE domain = ?1 AND local > ?2 ORDER BY local LIMIT ?3",
    [ACCOUNT_ADD] = "INSERT INTO account (state, domain, local, name, department, profession, created_ms)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [ACCOUNT_UPDATE] = "UPDATE account SET state = ?1, name = ?2, department = ?3, profession = ?4 WHERE id = ?5",
    [KV_LOAD_ALL] = "SELECT store, key, value FROM kv WHERE account = ?1 ORDER BY store, key",
    [KV_LOAD_STORE] = "SELECT store, key, value FROM kv WHERE account = ?1 AND store = ?2 ORDER BY key",
    [KV_PUT] = "INSERT OR REPLACE INTO kv (account, store, key, value) VALUES (?1, ?2, ?3, ?4)",
    [KV_DEL_ALL] = "DELETE FROM kv WHERE account = ?1",
    [KV_DEL_STORE] = "DELETE FROM kv WHERE account = ?1 AND store = ?2",
    [KV_DEL_KEY] = "DELETE FROM kv WHERE account = ?1 AND store = ?2 AND key = ?3",
    [ARCHIVE_APPEND] = "INSERT INTO archive (" ARCHIVE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [ARCHIVE_REPLACE] = "UPDATE archive SET stanza = ?2 WHERE id = ?1",
    [ARCHIVE_GET] = "SELECT " ARCHIVE_COLUMNS " FROM archive WHERE id = ?1",
    [ARCHIVE_SCAN] = "SELECT " ARCHIVE_COLUMNS " FROM archive WHERE id > ?1 ORDER BY id",
    [ARCHIVE_LAST] = "SELECT id, stamp_ms FROM archive ORDER BY id DESC LIMIT 1",
    [FORGET_OWNER1] = "UPDATE archive SET owner1 = 0, with1 = '' WHERE owner1 = ?1 AND " INDEXED,
    [FORGET_OWNER2] = "UPDATE archive SET owner2 = 0, with2 = '' WHERE owner2 = ?1 AND " INDEXED,
    [FORGET_ORPHANS] = "DELETE FROM archive WHERE owner1 = 0 AND owner2 = 0 AND " INDEXED,
    [FORGET_INDEX] = "DELETE FROM archive_index WHERE account = ?1",
    [DISOWN_ORPHAN] = "DELETE FROM archive WHERE id = ?1 AND owner1 IN (0, ?2) AND owner2 IN (0, ?2)",
    [DISOWN] = "UPDATE archive SET owner1 = iif(owner1 = ?2, 0, owner1), with1 = iif(owner1 = ?2, '', with1),"
               " owner2 = iif(owner2 = ?2, 0, owner2), with2 = iif(owner2 = ?2, '', with2)"
               " WHERE id = ?1 AND ?2 IN (owner1, owner2)",
    [INDEX_ADD] = "INSERT OR REPLACE INTO archive_index (account, id, with_hash) VALUES (?1, ?2, ?3)",
    [INDEX_RISING] = "SELECT id, with_hash FROM archive_index WHERE account = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id",
    [INDEX_FALLING] =
        "SELECT id, with_hash FROM archive_index WHERE account = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id DESC",
    [INDEX_CUT] = "DELETE FROM archive_index WHERE account = ?1 AND id <= ?2",
    [AUDIT_APPEND] = "INSERT INTO audit (" AUDIT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [AUDIT_SCAN] = "SELECT " AUDIT_COLUMNS " FROM audit WHERE seq >= ?1 ORDER BY seq",
    [AUDIT_LAST] = "SELECT " AUDIT_COLUMNS " FROM audit ORDER BY seq DESC LIMIT 1",
    [AUDIT_CUT] = "DELETE FROM audit WHERE seq <= ?1",
};

/* The highest id and stamp ever given, written when rows are deleted: u64, u64. */
#define META_LAST KS_STR("store.archive_last")

struct sqlite_store {
    struct ks_server_store base;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    struct ks_sqlite_record_store records;
    bool scrub;     /* this transaction deletes what shall not stay in the log */
    bool kept_last; /* it has written META_LAST */
};

static struct sqlite_store *self(struct ks_server_store *s)
{
    return KS_CONTAINER(s, struct sqlite_store, base);
}

/* --- statements --- */

static sqlite3_stmt *take(struct ks_server_store *s, enum statement which)
{
    return self(s)->statements[which];
}

/* --- transactions --- */

static enum ks_err sqlite_begin(struct ks_server_store *s)
{
    self(s)->scrub = self(s)->kept_last = false;
    return ks_sql_run(take(s, BEGIN));
}

static enum ks_err sqlite_commit(struct ks_server_store *s)
{
    enum ks_err err = ks_sql_run(take(s, COMMIT));

    /* Deleted text is overwritten in the pages, but older pages are still in the log. Were this to fail, the next
     * checkpoint would do it. */
    if (err == KS_OK && self(s)->scrub)
        sqlite3_wal_checkpoint_v2(self(s)->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return err;
}

static void sqlite_rollback(struct ks_server_store *s)
{
    if (!sqlite3_get_autocommit(self(s)->db))
        sqlite3_exec(self(s)->db, "ROLLBACK", NULL, NULL, NULL);
}

static void sqlite_free(struct ks_server_store *s)
{
    struct sqlite_store *store = self(s);

    ks_sqlite_record_store_done(&store->records);
    ks_sql_finalize(store->statements, STATEMENTS);
    sqlite3_close(store->db);
    free(store);
}

/* --- settings --- */

static bool each_value(sqlite3_stmt *at, void *visit)
{
    ks_buf_add(visit, ks_sql_text_at(at, 0));
    return false;
}

static enum ks_err sqlite_meta_get(struct ks_server_store *s, struct ks_str key, struct ks_buf *ret_value)
{
    sqlite3_stmt *at = take(s, META_GET);
    enum ks_err err;

    ks_sql_bind_text(at, 1, key);
    err = ks_sql_each(at, each_value, ret_value);
    return err == KS_OK ? ks_buf_err(ret_value) : err;
}

static enum ks_err sqlite_meta_put(struct ks_server_store *s, struct ks_str key, struct ks_str value)
{
    sqlite3_stmt *at = take(s, META_PUT);

    ks_sql_bind_text(at, 1, key);
    ks_sql_bind_bytes(at, 2, value);
    return ks_sql_run(at);
}

/* --- accounts --- */

struct account_visit {
    ks_visit_account *visit;
    void *user;
};

static bool each_account(sqlite3_stmt *at, void *visit)
{
    const struct account_visit *to = visit;
    struct ks_account_row row = {
        .id = ks_sql_number_at(at, 0),
        .state = (enum ks_account_state)ks_sql_number_at(at, 1),
        .domain = ks_sql_text_at(at, 2),
        .local = ks_sql_text_at(at, 3),
        .name = ks_sql_text_at(at, 4),
        .department = ks_sql_text_at(at, 5),
        .profession = ks_sql_text_at(at, 6),
        .created_ms = (int64_t)ks_sql_number_at(at, 7),
    };

    return to->visit(to->user, &row);
}

static enum ks_err sqlite_account_find(
    struct ks_server_store *s, struct ks_str domain, struct ks_str local, ks_visit_account *visit, void *user)
{
    sqlite3_stmt *at = take(s, ACCOUNT_FIND);

    ks_sql_bind_text(at, 1, domain);
    ks_sql_bind_text(at, 2, local);
    return ks_sql_each(at, each_account, &(struct account_visit) { visit, user });
}

static enum ks_err sqlite_account_list(struct ks_server_store *s, struct ks_str domain, struct ks_str after,
    uint32_t limit, ks_visit_account *visit, void *user)
{
    sqlite3_stmt *at = take(s, ACCOUNT_LIST);

    ks_sql_bind_text(at, 1, domain);
    ks_sql_bind_text(at, 2, after);
    ks_sql_bind_number(at, 3, limit);
    return ks_sql_maybe_none(ks_sql_each(at, each_account, &(struct account_visit) { visit, user }));
}

static enum ks_err sqlite_account_add(struct ks_server_store *s, const struct ks_account_row *row, uint64_t *ret_id)
{
    sqlite3_stmt *at = take(s, ACCOUNT_ADD);
    int code;

    ks_sql_bind_number(at, 1, row->state);
    ks_sql_bind_text(at, 2, row->domain);
    ks_sql_bind_text(at, 3, row->local);
    ks_sql_bind_text(at, 4, row->name);
    ks_sql_bind_text(at, 5, row->department);
    ks_sql_bind_text(at, 6, row->profession);
    ks_sql_bind_number(at, 7, (uint64_t)row->created_ms);
    code = sqlite3_step(at);
    sqlite3_reset(at);
    sqlite3_clear_bindings(at);
    if (code == SQLITE_CONSTRAINT_UNIQUE)
        return KS_EEXISTS;
    /* Rows never go, so the largest rowid and one is new. */
    *ret_id = (uint64_t)sqlite3_last_insert_rowid(self(s)->db);
    return ks_sql_err(code);
}

static enum ks_err sqlite_account_update(struct ks_server_store *s, const struct ks_account_row *row)
{
    sqlite3_stmt *at = take(s, ACCOUNT_UPDATE);
    enum ks_err err;

    ks_sql_bind_number(at, 1, row->state);
    ks_sql_bind_text(at, 2, row->name);
    ks_sql_bind_text(at, 3, row->department);
    ks_sql_bind_text(at, 4, row->profession);
    ks_sql_bind_number(at, 5, row->id);
    err = ks_sql_run(at);
    return err == KS_OK && sqlite3_changes(self(s)->db) == 0 ? KS_ENOTFOUND : err;
}

/* --- keys and values of features --- */

struct kv_visit {
    ks_visit_kv *visit;
    void *user;
    uint64_t account;
};

static bool each_kv(sqlite3_stmt *at, void *visit)
{
    const struct kv_visit *to = visit;
    struct ks_kv_row row = { to->account, ks_sql_text_at(at, 0), ks_sql_text_at(at, 1), ks_sql_text_at(at, 2) };

    return to->visit(to->user, &row);
}

static enum ks_err sqlite_kv_load(
    struct ks_server_store *s, uint64_t account, struct ks_str store, ks_visit_kv *visit, void *user)
{
    sqlite3_stmt *at = take(s, store.len ? KV_LOAD_STORE : KV_LOAD_ALL);

    ks_sql_bind_number(at, 1, account);
    if (store.len)
        ks_sql_bind_text(at, 2, store);
    return ks_sql_maybe_none(ks_sql_each(at, each_kv, &(struct kv_visit) { visit, user, account }));
}

static enum ks_err sqlite_kv_put(struct ks_server_store *s, const struct ks_kv_row *row)
{
    sqlite3_stmt *at = take(s, KV_PUT);

    ks_sql_bind_number(at, 1, row->account);
    ks_sql_bind_text(at, 2, row->store);
    ks_sql_bind_bytes(at, 3, row->key);
    ks_sql_bind_bytes(at, 4, row->value);
    return ks_sql_run(at);
}

static enum ks_err sqlite_kv_del(struct ks_server_store *s, uint64_t account, struct ks_str store, struct ks_str key)
{
    sqlite3_stmt *at = take(s, key.len ? KV_DEL_KEY : store.len ? KV_DEL_STORE : KV_DEL_ALL);

    ks_sql_bind_number(at, 1, account);
    if (store.len)
        ks_sql_bind_text(at, 2, store);
    if (key.len)
        ks_sql_bind_bytes(at, 3, key);
    self(s)->scrub |= !store.len;
    return ks_sql_run(at);
}

/* --- the archive --- */

struct archive_visit {
    ks_visit_archive *visit;
    void *user;
};

static bool each_archive(sqlite3_stmt *at, void *visit)
{
    const struct archive_visit *to = visit;
    struct ks_archive_row row = {
        .id = ks_sql_number_at(at, 0),
        .stamp_ms = (int64_t)ks_sql_number_at(at, 1),
        .owner = { ks_sql_number_at(at, 2), ks_sql_number_at(at, 4) },
        .with = { ks_sql_text_at(at, 3), ks_sql_text_at(at, 5) },
        .stanza = ks_sql_text_at(at, 6),
    };

    return to->visit(to->user, &row);
}

static enum ks_err sqlite_archive_append(struct ks_server_store *s, const struct ks_archive_row *row)
{
    sqlite3_stmt *at = take(s, ARCHIVE_APPEND);

    ks_sql_bind_number(at, 1, row->id);
    ks_sql_bind_number(at, 2, (uint64_t)row->stamp_ms);
    ks_sql_bind_number(at, 3, row->owner[0]);
    ks_sql_bind_text(at, 4, row->with[0]);
    ks_sql_bind_number(at, 5, row->owner[1]);
    ks_sql_bind_text(at, 6, row->with[1]);
    ks_sql_bind_bytes(at, 7, row->stanza);
    return ks_sql_run(at);
}

static enum ks_err sqlite_archive_replace(struct ks_server_store *s, uint64_t id, struct ks_str stanza)
{
    sqlite3_stmt *at = take(s, ARCHIVE_REPLACE);
    enum ks_err err;

    ks_sql_bind_number(at, 1, id);
    ks_sql_bind_bytes(at, 2, stanza);
    err = ks_sql_run(at);
    self(s)->scrub = true;
    return err == KS_OK && sqlite3_changes(self(s)->db) == 0 ? KS_ENOTFOUND : err;
}

static enum ks_err sqlite_archive_get(struct ks_server_store *s, uint64_t id, ks_visit_archive *visit, void *user)
{
    sqlite3_stmt *at = take(s, ARCHIVE_GET);

    ks_sql_bind_number(at, 1, id);
    return ks_sql_each(at, each_archive, &(struct archive_visit) { visit, user });
}

static enum ks_err sqlite_archive_scan(struct ks_server_store *s, uint64_t after, ks_visit_archive *visit, void *user)
{
    sqlite3_stmt *at = take(s, ARCHIVE_SCAN);

    ks_sql_bind_number(at, 1, after);
    return ks_sql_maybe_none(ks_sql_each(at, each_archive, &(struct archive_visit) { visit, user }));
}

struct last {
    uint64_t id;
    int64_t stamp_ms;
};

static bool each_last(sqlite3_stmt *at, void *visit)
{
    *(struct last *)visit = (struct last) { ks_sql_number_at(at, 0), (int64_t)ks_sql_number_at(at, 1) };
    return false;
}

static enum ks_err sqlite_archive_last(struct ks_server_store *s, uint64_t *ret_id, int64_t *ret_stamp_ms)
{
    struct last last = { 0 };
    uint64_t id = 0, stamp_ms = 0;
    struct ks_buf value;
    struct ks_cursor at;
    enum ks_err err = ks_sql_maybe_none(ks_sql_each(take(s, ARCHIVE_LAST), each_last, &last));

    if (err != KS_OK)
        return err;
    ks_buf_init(&value, 64);
    err = sqlite_meta_get(s, META_LAST, &value);
    if (err == KS_OK) {
        at = ks_cursor(ks_buf_str(&value));
        if (ks_cursor_u64(&at, &id) != KS_OK || ks_cursor_u64(&at, &stamp_ms) != KS_OK)
            err = KS_ESTORE;
    }
    ks_buf_done(&value);
    *ret_id = last.id > id ? last.id : id;
    *ret_stamp_ms = last.id > id ? last.stamp_ms : (int64_t)stamp_ms;
    return ks_sql_maybe_none(err);
}

/* Before rows are deleted, once in a transaction: those that it appends have higher ids. */
static enum ks_err keep_last(struct ks_server_store *s)
{
    uint64_t id;
    int64_t stamp_ms;
    struct ks_buf value;
    enum ks_err err;

    if (self(s)->kept_last)
        return KS_OK;
    err = sqlite_archive_last(s, &id, &stamp_ms);
    if (err != KS_OK)
        return err;
    ks_buf_init(&value, 64);
    ks_buf_u64(&value, id);
    ks_buf_u64(&value, (uint64_t)stamp_ms);
    err = ks_buf_err(&value);
    if (err == KS_OK)
        err = sqlite_meta_put(s, META_LAST, ks_buf_str(&value));
    ks_buf_done(&value);
    self(s)->kept_last = err == KS_OK;
    return err;
}

static enum ks_err sqlite_archive_forget(struct ks_server_store *s, uint64_t account)
{
    static const enum statement steps[] = { FORGET_OWNER1, FORGET_OWNER2, FORGET_ORPHANS, FORGET_INDEX };
    enum ks_err err = keep_last(s);

    for (size_t i = 0; i < KS_COUNT(steps) && err == KS_OK; i++) {
        sqlite3_stmt *at = take(s, steps[i]);
        ks_sql_bind_number(at, 1, account);
        err = ks_sql_run(at);
    }
    self(s)->scrub = true;
    return err;
}

static enum ks_err sqlite_archive_disown(struct ks_server_store *s, uint64_t id, uint64_t account)
{
    static const enum statement steps[] = { DISOWN_ORPHAN, DISOWN };
    enum ks_err err = keep_last(s);

    for (size_t i = 0; i < KS_COUNT(steps) && err == KS_OK; i++) {
        sqlite3_stmt *at = take(s, steps[i]);
        ks_sql_bind_number(at, 1, id);
        ks_sql_bind_number(at, 2, account);
        err = ks_sql_run(at);
    }
    return err;
}

/* --- its index --- */

static enum ks_err sqlite_index_add(struct ks_server_store *s, const struct ks_index_row *rows, size_t count)
{
    sqlite3_stmt *at = take(s, INDEX_ADD);
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < count && err == KS_OK; i++) {
        ks_sql_bind_number(at, 1, rows[i].account);
        ks_sql_bind_number(at, 2, rows[i].id);
        ks_sql_bind_number(at, 3, rows[i].with_hash);
        err = ks_sql_run(at);
    }
    return err;
}

struct index_visit {
    ks_visit_index *visit;
    void *user;
    uint64_t account;
};

static bool each_index(sqlite3_stmt *at, void *visit)
{
    const struct index_visit *to = visit;
    struct ks_index_row row = { to->account, ks_sql_number_at(at, 0), ks_sql_number_at(at, 1) };

    return to->visit(to->user, &row);
}

static enum ks_err sqlite_index_scan(struct ks_server_store *s, uint64_t account, uint64_t first, uint64_t last,
    bool falling, ks_visit_index *visit, void *user)
{
    sqlite3_stmt *at = take(s, falling ? INDEX_FALLING : INDEX_RISING);

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_number(at, 2, first < INT64_MAX ? first : INT64_MAX);
    ks_sql_bind_number(at, 3, last < INT64_MAX ? last : INT64_MAX);
    return ks_sql_maybe_none(ks_sql_each(at, each_index, &(struct index_visit) { visit, user, account }));
}

static enum ks_err sqlite_index_cut(struct ks_server_store *s, uint64_t account, uint64_t upto)
{
    sqlite3_stmt *at = take(s, INDEX_CUT);

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_number(at, 2, upto < INT64_MAX ? upto : INT64_MAX);
    return ks_sql_run(at);
}

/* --- the audit log --- */

struct audit_visit {
    ks_visit_audit *visit;
    void *user;
};

static bool each_audit(sqlite3_stmt *at, void *visit)
{
    const struct audit_visit *to = visit;
    struct ks_str hash = ks_sql_text_at(at, 6);
    struct ks_audit_row row = {
        .seq = ks_sql_number_at(at, 0),
        .stamp_ms = (int64_t)ks_sql_number_at(at, 1),
        .actor = ks_sql_text_at(at, 2),
        .action = ks_sql_text_at(at, 3),
        .subject = ks_sql_text_at(at, 4),
        .detail = ks_sql_text_at(at, 5),
    };

    /* A hash of another length is zeroes: the chain's walker says that it is wrong. */
    if (hash.len == sizeof row.hash)
        memcpy(row.hash, hash.ptr, sizeof row.hash);
    return to->visit(to->user, &row);
}

static enum ks_err sqlite_audit_append(struct ks_server_store *s, const struct ks_audit_row *row)
{
    sqlite3_stmt *at = take(s, AUDIT_APPEND);

    ks_sql_bind_number(at, 1, row->seq);
    ks_sql_bind_number(at, 2, (uint64_t)row->stamp_ms);
    ks_sql_bind_text(at, 3, row->actor);
    ks_sql_bind_text(at, 4, row->action);
    ks_sql_bind_text(at, 5, row->subject);
    ks_sql_bind_text(at, 6, row->detail);
    ks_sql_bind_bytes(at, 7, ks_str(row->hash, sizeof row->hash));
    return ks_sql_run(at);
}

static enum ks_err sqlite_audit_scan(struct ks_server_store *s, uint64_t first_seq, ks_visit_audit *visit, void *user)
{
    sqlite3_stmt *at = take(s, AUDIT_SCAN);

    ks_sql_bind_number(at, 1, first_seq);
    return ks_sql_maybe_none(ks_sql_each(at, each_audit, &(struct audit_visit) { visit, user }));
}

static enum ks_err sqlite_audit_last(struct ks_server_store *s, ks_visit_audit *visit, void *user)
{
    return ks_sql_each(take(s, AUDIT_LAST), each_audit, &(struct audit_visit) { visit, user });
}

static enum ks_err sqlite_audit_cut(struct ks_server_store *s, uint64_t upto)
{
    sqlite3_stmt *at = take(s, AUDIT_CUT);

    ks_sql_bind_number(at, 1, upto);
    return ks_sql_run(at);
}

static void sqlite_scrub(struct ks_server_store *s)
{
    self(s)->scrub = true;
}

/* --- opening --- */

static const struct ks_server_store_ops sqlite_ops = {
    .free = sqlite_free,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .meta_get = sqlite_meta_get,
    .meta_put = sqlite_meta_put,
    .account_find = sqlite_account_find,
    .account_list = sqlite_account_list,
    .account_add = sqlite_account_add,
    .account_update = sqlite_account_update,
    .kv_load = sqlite_kv_load,
    .kv_put = sqlite_kv_put,
    .kv_del = sqlite_kv_del,
    .archive_append = sqlite_archive_append,
    .archive_replace = sqlite_archive_replace,
    .archive_get = sqlite_archive_get,
    .archive_scan = sqlite_archive_scan,
    .archive_last = sqlite_archive_last,
    .archive_forget = sqlite_archive_forget,
    .archive_disown = sqlite_archive_disown,
    .index_add = sqlite_index_add,
    .index_scan = sqlite_index_scan,
    .index_cut = sqlite_index_cut,
    .audit_append = sqlite_audit_append,
    .audit_scan = sqlite_audit_scan,
    .audit_last = sqlite_audit_last,
    .audit_cut = sqlite_audit_cut,
    .scrub = sqlite_scrub,
};

enum ks_err ks_sqlite_server_store_open(const struct ks_sqlite_setup *setup, struct ks_server_store **ret_store)
{
    struct sqlite_store *store = calloc(1, sizeof *store);
    enum ks_err err;

    if (!store)
        return KS_ENOMEM;
    store->base.ops = &sqlite_ops;
    err = ks_sqlite_connect(setup, &store->db);
    if (err == KS_OK)
        err = ks_sqlite_migrate(store->db);
    if (err == KS_OK)
        err = ks_sql_prepare(store->db, texts, STATEMENTS, store->statements);
    if (err == KS_OK)
        err = ks_sqlite_record_store_init(&store->records, store->db);
    store->base.records = &store->records.base;
    if (err != KS_OK) {
        sqlite_free(&store->base);
        return err;
    }
    *ret_store = &store->base;
    return KS_OK;
}

struct sqlite3 *ks_sqlite_server_store_db(struct ks_server_store *s)
{
    assert(s->ops == &sqlite_ops);
    return self(s)->db;
}
