/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sqlite_connect.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"

enum ks_err ks_sqlite_err(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return KS_OK;
    case SQLITE_FULL:
        return KS_EFULL;
    case SQLITE_NOMEM:
        return KS_ENOMEM;
    case SQLITE_IOERR:
        return code == SQLITE_IOERR_NOMEM ? KS_ENOMEM : KS_ESTORE;
    case SQLITE_NOTADB:
        return KS_ECRYPTO;
    case SQLITE_BUSY:
        return KS_EEXISTS;
    case SQLITE_CANTOPEN:
        return KS_EIO;
    default:
        return KS_ESTORE;
    }
}

enum ks_err ks_sqlite_exec(struct sqlite3 *db, const char *sql)
{
    return ks_sqlite_err(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

enum ks_err ks_sqlite_number(struct sqlite3 *db, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *at = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &at, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(at);
    if (code == SQLITE_ROW)
        *ret_number = sqlite3_column_int64(at, 0);
    sqlite3_finalize(at);
    return code == SQLITE_DONE ? KS_ESTORE : ks_sqlite_err(code);
}

bool ks_sqlite_says(struct sqlite3 *db, const char *sql, const char *text)
{
    sqlite3_stmt *at = NULL;
    bool says = false;

    if (sqlite3_prepare_v2(db, sql, -1, &at, NULL) == SQLITE_OK && sqlite3_step(at) == SQLITE_ROW) {
        const void *got = sqlite3_column_blob(at, 0);
        says = ks_str_is(ks_str(got, (size_t)sqlite3_column_bytes(at, 0)), text);
    }
    sqlite3_finalize(at);
    return says;
}

/* The key as SQLite3 Multiple Ciphers takes it without deriving anything from it: "raw:" and its bytes. */
static enum ks_err give_key(sqlite3 *db, const struct ks_sqlite_setup *setup)
{
    static const char *const names[] = { [KS_PAGES_AEGIS] = "aegis", [KS_PAGES_CHACHA20] = "chacha20" };
    char key[4 + KS_STORE_KEY_LEN] = { 'r', 'a', 'w', ':' };
    int code;

    if (setup->pages == KS_PAGES_PLAIN)
        return KS_OK;
    if (sqlite3mc_config(db, "cipher", sqlite3mc_cipher_index(names[setup->pages])) < 0)
        return KS_ESTORE;
    memcpy(key + 4, setup->key, KS_STORE_KEY_LEN);
    code = sqlite3_key(db, key, sizeof key);
    ks_wipe(key, sizeof key);
    return ks_sqlite_err(code);
}

/* SQLite would make the file readable for everyone. An existing file is not opened here: closing it would give up the
 * locks that this process may hold on it (fcntl(2): "closing any file descriptor"). */
static void make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
}

static enum ks_err configure(sqlite3 *db, const struct ks_sqlite_setup *setup)
{
    /* EXTRA is FULL, and syncs the directory after a rollback journal was removed. There is one such journal in a
     * store's life, when the new file is turned to WAL: without it a power cut could bring it back, and SQLite would
     * then undo the turn and forget the log with all that was acknowledged since. Found by tests/crash.
     *
     * Who triggers a checkpoint waits for it, and all behind him: so often and short. Pages of 10,000 messages a second
     * fill the log in 0.4 s; moving 1,000 of them takes 10 ms and a sync, 4,000 took 40 ms and a longer one.
     *
     * Exclusive before the first access: so the lock is taken with it, and the log's index lives in memory instead of
     * in a shared file. The page size counts for a new file only. */
    enum ks_err err = ks_sqlite_exec(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = 8192");

    if (err == KS_OK)
        err = ks_sqlite_exec(
            db, setup->forgetful || setup->scratch ? "PRAGMA synchronous = OFF" : "PRAGMA synchronous = EXTRA");
    if (err == KS_OK)
        err = ks_sqlite_exec(db,
            "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536; PRAGMA foreign_keys = OFF;"
            "PRAGMA trusted_schema = OFF; BEGIN IMMEDIATE; COMMIT; PRAGMA secure_delete = ON;"
            "PRAGMA wal_autocheckpoint = 1000");
    if (err == KS_OK && setup->scratch)
        return ks_sqlite_says(db, "PRAGMA journal_mode = OFF", "off") ? KS_OK : KS_ESTORE;
    if (err == KS_OK && !ks_sqlite_says(db, "PRAGMA journal_mode = WAL", "wal"))
        err = ks_sqlite_err(sqlite3_extended_errcode(db)) == KS_EFULL ? KS_EFULL : KS_ESTORE;
    return err;
}

enum ks_err ks_sqlite_connect(const struct ks_sqlite_setup *setup, struct sqlite3 **ret_db)
{
    sqlite3 *db = NULL;
    enum ks_err err;

    if (!setup->vfs)
        make_private(setup->path);
    err = ks_sqlite_err(sqlite3_open_v2(setup->path, &db,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, setup->vfs));
    if (err == KS_OK)
        err = give_key(db, setup);
    if (err == KS_OK)
        err = configure(db, setup);
    if (err != KS_OK) {
        sqlite3_close(db);
        return err;
    }
    *ret_db = db;
    return KS_OK;
}
