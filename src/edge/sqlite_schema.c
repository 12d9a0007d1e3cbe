/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sqlite_schema.h"

#include <sqlite3.h>
#include <stdio.h>

#define APPLICATION_ID 0x6b6e736c /* "knsl": the file is ours */

/* Element n takes a store from version n to n + 1. */
static const char *const migrations[KS_SCHEMA_VERSION] = {
    /* Texts compare by their bytes. The archive is append-only and its index apart, because an index that is kept up to
     * date costs four times the CPU of the message itself once there are ten million. */
    "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE account (id INTEGER PRIMARY KEY, domain TEXT NOT NULL, local TEXT NOT NULL, state INTEGER NOT NULL,"
    "    name TEXT NOT NULL, created_ms INTEGER NOT NULL, UNIQUE (domain, local));"
    "CREATE TABLE kv (account INTEGER NOT NULL, store TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,"
    "    PRIMARY KEY (account, store, key)) WITHOUT ROWID;"
    "CREATE TABLE archive (id INTEGER PRIMARY KEY, stamp_ms INTEGER NOT NULL, owner1 INTEGER NOT NULL,"
    "    with1 TEXT NOT NULL, owner2 INTEGER NOT NULL, with2 TEXT NOT NULL, stanza BLOB NOT NULL);"
    "CREATE TABLE archive_index (account INTEGER NOT NULL, id INTEGER NOT NULL, with_hash INTEGER NOT NULL,"
    "    PRIMARY KEY (account, id)) WITHOUT ROWID;"
    "CREATE TABLE audit (seq INTEGER PRIMARY KEY, stamp_ms INTEGER NOT NULL, actor TEXT NOT NULL,"
    "    action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL);",

    /* The directory's department and profession. */
    "ALTER TABLE account ADD COLUMN department TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE account ADD COLUMN profession TEXT NOT NULL DEFAULT '';",

    /* The records of persons' archives (record_store.h). A table with rowids and an index for the rids, because rows of
     * tens of KB make a bad tree of keys; and one for what is old, because the days look for nothing else. */
    "CREATE TABLE record (account INTEGER NOT NULL, aseq INTEGER NOT NULL, rid BLOB NOT NULL, sha256 BLOB NOT NULL,"
    "    until INTEGER NOT NULL, blob BLOB NOT NULL);"
    "CREATE UNIQUE INDEX record_aseq ON record (account, aseq);"
    "CREATE UNIQUE INDEX record_rid ON record (account, rid, aseq);"
    "CREATE INDEX record_until ON record (account, until);"
    "CREATE TABLE record_head (account INTEGER PRIMARY KEY, aseq_last INTEGER NOT NULL, count INTEGER NOT NULL,"
    "    bytes INTEGER NOT NULL, fold INTEGER NOT NULL);",
};

enum ks_err ks_sqlite_schema_version(struct sqlite3 *db, int *ret_version)
{
    int64_t version = 0, application = 0, tables = 0;
    enum ks_err err = ks_sqlite_number(db, "PRAGMA user_version", &version);

    if (err == KS_OK)
        err = ks_sqlite_number(db, "PRAGMA application_id", &application);
    if (err == KS_OK)
        err = ks_sqlite_number(db, "SELECT count(*) FROM sqlite_master", &tables);
    if (err != KS_OK)
        return err;
    if ((version || tables) && application != APPLICATION_ID)
        return KS_ESTORE;
    *ret_version = (int)version;
    return KS_OK;
}

static enum ks_err migrate_from(struct sqlite3 *db, int version)
{
    char number[96];
    enum ks_err err = ks_sqlite_exec(db, "BEGIN IMMEDIATE");

    if (err != KS_OK)
        return err;
    snprintf(
        number, sizeof number, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, version + 1);
    err = ks_sqlite_exec(db, migrations[version]);
    if (err == KS_OK)
        err = ks_sqlite_exec(db, number);
    if (err == KS_OK)
        err = ks_sqlite_exec(db, "COMMIT");
    if (err != KS_OK)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

enum ks_err ks_sqlite_migrate(struct sqlite3 *db)
{
    int version = 0;
    enum ks_err err = ks_sqlite_schema_version(db, &version);

    if (err == KS_OK && (version < 0 || version > KS_SCHEMA_VERSION))
        return KS_EVERSION;
    while (err == KS_OK && version < KS_SCHEMA_VERSION)
        err = migrate_from(db, version++);
    return err;
}
