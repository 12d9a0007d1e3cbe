/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sqlite_connect.h -- a connection to an encrypted, locked, durable SQLite file, and what its result codes mean. */
#ifndef KS_SQLITE_CONNECT_H
#define KS_SQLITE_CONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct sqlite3;

#define KS_STORE_KEY_LEN 32

/* How pages are encrypted and authenticated. The file does not say: it is opened with what it was made with.
 *
 * Microseconds of CPU for a message of 1.3 KB with two owners, from submission to durable, index and checkpoints
 * included (bench/store_pages, 2 busy cores with AES instructions):
 *
 *     messages a turn     10    100   1000
 *     plain             12.1    7.8   10.4
 *     AEGIS-256         11.8    9.2   11.1
 *     ChaCha20          38.4   31.7   29.3 */
enum ks_pages {
    KS_PAGES_AEGIS, /* AEGIS-256, with AES instructions: the default */
    KS_PAGES_CHACHA20,
    KS_PAGES_PLAIN, /* for tests and the measurement */
};

struct ks_sqlite_setup {
    const char *path;
    const uint8_t *key; /* KS_STORE_KEY_LEN random bytes; not looked at with KS_PAGES_PLAIN */
    enum ks_pages pages;
    const char *vfs; /* NULL, or a VFS of a test */
    bool forgetful;  /* synchronous=OFF: a power cut loses what was acknowledged. The mutant of tests/crash. */
    bool scratch;    /* a copy that nobody needs after an accident: no log, no sync */
};

/* Opens or makes the file (mode 0600) and locks it: WAL, synchronous=FULL, pages of 8 KiB, secure_delete. Blocks.
 *   KS_EEXISTS   another process has it open
 *   KS_ECRYPTO   the key does not fit, or the first page is damaged: the two cannot be told apart
 *   KS_EIO       cannot be opened or made: directory missing, or no right
 *   KS_ESTORE, KS_EFULL, KS_ENOMEM */
KS_CHECK enum ks_err ks_sqlite_connect(const struct ks_sqlite_setup *setup, struct sqlite3 **ret_db);

/* What a result code means: KS_OK for SQLITE_OK, SQLITE_ROW and SQLITE_DONE; KS_EFULL; KS_ENOMEM; KS_ECRYPTO
 * (SQLITE_NOTADB); KS_EEXISTS (SQLITE_BUSY); KS_EIO (SQLITE_CANTOPEN); KS_ESTORE (all others). */
enum ks_err ks_sqlite_err(int code);
/* Runs statements, results ignored. */
KS_CHECK enum ks_err ks_sqlite_exec(struct sqlite3 *db, const char *sql);
/* The first column of the first row as a number; KS_ESTORE without a row. */
KS_CHECK enum ks_err ks_sqlite_number(struct sqlite3 *db, const char *sql, int64_t *ret_number);
/* True if the first column of the first row is that text. False also on errors. */
bool ks_sqlite_says(struct sqlite3 *db, const char *sql, const char *text);

#endif
