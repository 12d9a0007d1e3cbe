/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sqlite_vault_store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto.h"

#define APPLICATION_ID 0x6b6e7376 /* "knsv" */
#define VERSION 1

/* Element n takes a store from version n to n + 1. */
static const char *const migrations[VERSION] = {
    "CREATE TABLE slot (id BLOB NOT NULL PRIMARY KEY, account INTEGER NOT NULL, record BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX slot_account ON slot (account);",
};

enum statement { BEGIN, COMMIT, GET, PUT, REMOVE, EACH, EACH_OF, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [GET] = "SELECT record FROM slot WHERE id = ?1",
    [PUT] = "INSERT OR REPLACE INTO slot (id, account, record) VALUES (?1, ?2, ?3)",
    [REMOVE] = "DELETE FROM slot WHERE id = ?1",
    [EACH] = "SELECT record FROM slot ORDER BY id",
    [EACH_OF] = "SELECT record FROM slot WHERE account = ?1 ORDER BY id",
};

struct sqlite_vault {
    struct ks_vault_store base;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    bool scrub; /* this transaction destroys something, which shall not stay in the log */
};

static struct sqlite_vault *self(struct ks_vault_store *s)
{
    return KS_CONTAINER(s, struct sqlite_vault, base);
}

void ks_vault_store_key(const uint8_t key[KS_STORE_KEY_LEN], uint8_t ret_key[KS_STORE_KEY_LEN])
{
    ks_hkdf(KS_SHA256, ks_str(key, KS_STORE_KEY_LEN), KS_STR_EMPTY, KS_STR("konsil vault database"), ret_key,
        KS_STORE_KEY_LEN);
}

/* Whatever else SQLite says of an open store is damage. */
static enum ks_err err_of(int code)
{
    enum ks_err err = ks_sqlite_err(code);

    return err == KS_OK || err == KS_EFULL || err == KS_ENOMEM ? err : KS_ESTORE;
}

static enum ks_err run(sqlite3_stmt *at)
{
    enum ks_err err = err_of(sqlite3_step(at));

    sqlite3_reset(at);
    sqlite3_clear_bindings(at);
    return err;
}

static void bind_id(sqlite3_stmt *at, const uint8_t id[KS_VAULT_ID_LEN])
{
    sqlite3_bind_blob(at, 1, id, KS_VAULT_ID_LEN, SQLITE_STATIC);
}

static enum ks_err vault_begin(struct ks_vault_store *s)
{
    self(s)->scrub = false;
    return run(self(s)->statements[BEGIN]);
}

static enum ks_err vault_commit(struct ks_vault_store *s)
{
    enum ks_err err = run(self(s)->statements[COMMIT]);

    /* What was destroyed is overwritten in its page, but older pages are still in the log. */
    if (err == KS_OK && self(s)->scrub)
        err = err_of(sqlite3_wal_checkpoint_v2(self(s)->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
    return err;
}

static void vault_rollback(struct ks_vault_store *s)
{
    if (!sqlite3_get_autocommit(self(s)->db))
        sqlite3_exec(self(s)->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Of the row at hand. */
static enum ks_err read_row(sqlite3_stmt *at, struct ks_vault_slot *ret_slot)
{
    const void *ptr = sqlite3_column_blob(at, 0);

    return ks_vault_slot_read(ks_str(ptr, (size_t)sqlite3_column_bytes(at, 0)), ret_slot) == KS_OK ? KS_OK : KS_ESTORE;
}

static enum ks_err vault_get(
    struct ks_vault_store *s, const uint8_t id[KS_VAULT_ID_LEN], struct ks_vault_slot *ret_slot)
{
    sqlite3_stmt *at = self(s)->statements[GET];
    enum ks_err err;
    int code;

    bind_id(at, id);
    code = sqlite3_step(at);
    err = code == SQLITE_ROW ? read_row(at, ret_slot) : code == SQLITE_DONE ? KS_ENOTFOUND : err_of(code);
    sqlite3_reset(at);
    sqlite3_clear_bindings(at);
    return err;
}

static enum ks_err vault_put(struct ks_vault_store *s, const struct ks_vault_slot *slot)
{
    sqlite3_stmt *at = self(s)->statements[PUT];
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init_secret(&record, 2 * KS_VAULT_RECORD_LEN);
    ks_vault_slot_write(&record, slot);
    err = ks_buf_err(&record);
    if (err == KS_OK) {
        self(s)->scrub |= slot->state == KS_VAULT_GONE;
        bind_id(at, slot->id);
        sqlite3_bind_int64(at, 2, (sqlite3_int64)slot->account);
        sqlite3_bind_blob64(at, 3, record.ptr, record.len, SQLITE_STATIC);
        err = run(at);
    }
    ks_buf_done(&record);
    return err;
}

static enum ks_err vault_remove(struct ks_vault_store *s, const uint8_t id[KS_VAULT_ID_LEN])
{
    self(s)->scrub = true;
    bind_id(self(s)->statements[REMOVE], id);
    return run(self(s)->statements[REMOVE]);
}

static enum ks_err vault_each(struct ks_vault_store *s, uint64_t account, ks_visit_vault_slot *visit, void *user)
{
    sqlite3_stmt *at = self(s)->statements[account ? EACH_OF : EACH];
    struct ks_vault_slot slot;
    enum ks_err err = KS_OK;
    int code = SQLITE_ROW;
    bool more = true;

    if (account)
        sqlite3_bind_int64(at, 1, (sqlite3_int64)account);
    while (more && err == KS_OK && (code = sqlite3_step(at)) == SQLITE_ROW)
        if ((err = read_row(at, &slot)) == KS_OK)
            more = visit(user, &slot);
    if (err == KS_OK && code != SQLITE_ROW)
        err = err_of(code);
    sqlite3_reset(at);
    sqlite3_clear_bindings(at);
    ks_wipe(&slot, sizeof slot);
    return err;
}

static void vault_free(struct ks_vault_store *s)
{
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(self(s)->statements[i]);
    sqlite3_close(self(s)->db);
    free(s);
}

static enum ks_err migrate(sqlite3 *db)
{
    int64_t version = 0, application = 0, tables = 0;
    char numbers[96];
    enum ks_err err = ks_sqlite_number(db, "PRAGMA user_version", &version);

    if (err == KS_OK)
        err = ks_sqlite_number(db, "PRAGMA application_id", &application);
    if (err == KS_OK)
        err = ks_sqlite_number(db, "SELECT count(*) FROM sqlite_master", &tables);
    if (err != KS_OK)
        return err;
    if ((version || tables) && application != APPLICATION_ID)
        return KS_ESTORE;
    if (version < 0 || version > VERSION)
        return KS_EVERSION;
    for (; version < VERSION && err == KS_OK; version++) {
        snprintf(numbers, sizeof numbers, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID,
            (int)version + 1);
        err = ks_sqlite_exec(db, "BEGIN IMMEDIATE");
        if (err == KS_OK)
            err = ks_sqlite_exec(db, migrations[version]);
        if (err == KS_OK)
            err = ks_sqlite_exec(db, numbers);
        if (err == KS_OK)
            err = ks_sqlite_exec(db, "COMMIT");
        if (err != KS_OK)
            sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return err;
}

static const struct ks_vault_store_ops ops = {
    .free = vault_free,
    .begin = vault_begin,
    .commit = vault_commit,
    .rollback = vault_rollback,
    .get = vault_get,
    .put = vault_put,
    .remove = vault_remove,
    .each = vault_each,
};

enum ks_err ks_sqlite_vault_store_open(const struct ks_sqlite_setup *setup, struct ks_vault_store **ret_store)
{
    struct sqlite_vault *vault = calloc(1, sizeof *vault);
    enum ks_err err;

    if (!vault)
        return KS_ENOMEM;
    vault->base.ops = &ops;
    err = ks_sqlite_connect(setup, &vault->db);
    if (err == KS_OK)
        err = migrate(vault->db);
    for (int i = 0; i < STATEMENTS && err == KS_OK; i++)
        err =
            err_of(sqlite3_prepare_v3(vault->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &vault->statements[i], NULL));
    if (err != KS_OK) {
        vault_free(&vault->base);
        return err;
    }
    *ret_store = &vault->base;
    return KS_OK;
}
