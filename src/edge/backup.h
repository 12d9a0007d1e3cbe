/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* backup.h -- the server store in one encrypted file, taken while the server works.
 *
 * The file is a header in clear (backup_stream.h) and an authenticated stream: a manifest, then the files it names with
 * their sizes and SHA-256. The database in it is whole at one cut: what was acknowledged before the cut is in it, and
 * nothing of what came after. It has pages encrypted under a key of its own, which stands in the manifest, so neither
 * the backup nor a temporary file ever holds plain text, and the key of the server's own database is not in the backup:
 * who has the backup key, and nobody else, can restore it on any host.
 *
 * Errors of all functions: KS_EIO (a file or directory cannot be read or made), KS_EFULL, KS_ENOMEM; further ones are
 * named. Everything here blocks. */
#ifndef KS_BACKUP_H
#define KS_BACKUP_H

#include "file_store.h"
#include "prng.h"
#include "server_store.h"
#include "sqlite_connect.h"

#define KS_BACKUP_KEY_LEN 32

/* What a backup holds. */
struct ks_backup_facts {
    int64_t created_ms;
    int schema;
    uint64_t accounts, values, messages, audit_rows;
    uint64_t cut_row;           /* the newest archive row in it; 0: none */
    uint32_t archive_epoch;     /* of the archive ids (archive_id.h) */
    uint64_t bytes;             /* of the database */
    uint64_t files, file_bytes; /* uploaded ones; known when all of it was read or written */
};

struct ks_backup_setup {
    const char *path;    /* of the file to make; beside it PATH.part and PATH.db while it is made */
    const uint8_t *key;  /* KS_BACKUP_KEY_LEN bytes */
    enum ks_pages pages; /* of the store: SQLite copies only between like ones */
    int64_t now_ms;
    struct ks_file_store *files; /* NULL: the database alone */
};

struct ks_backup;

/* Begins. In the thread of the store, as are all steps; it is not inside a transaction. prng is used in this call only.
 * KS_EEXISTS: there is a file at path. */
KS_CHECK enum ks_err ks_backup_new(const struct ks_backup_setup *setup, struct ks_server_store *store,
    struct ks_prng *prng, struct ks_backup **ret_backup);
/* Copies a few pages (milliseconds of work): to be called between turns until *ret_done. The last step is the cut. What
 * the store writes meanwhile goes to the copy too, so it never starts over. KS_ESTORE: a page of the store cannot be
 * read; its database is damaged. */
KS_CHECK enum ks_err ks_backup_step(struct ks_backup *backup, bool *ret_done);
/* How much of it is copied, 0 to 100. In the thread of the store. */
int ks_backup_percent(const struct ks_backup *backup);
/* When the steps are done: counts, hashes, encrypts, syncs, and gives the file its name. In any thread. KS_EEXISTS;
 * KS_ESTORE: what was copied cannot be counted; the store's database is damaged. */
KS_CHECK enum ks_err ks_backup_finish(struct ks_backup *backup, struct ks_backup_facts *ret_facts);
/* Removes what is left of it; before the steps are done only in the thread of the store, and before the store is freed.
 * Accepts NULL. */
void ks_backup_free(struct ks_backup *backup);

/* Reads all of a backup and opens the database in it: every segment is genuine, every file has its size and hash,
 * SQLite's integrity_check passes, and it holds what the manifest says. scratch: a directory for a temporary file.
 *   KS_ESYNTAX   not a backup of ours
 *   KS_EVERSION  made by a newer konsild
 *   KS_ECRYPTO   another key, or the file was changed or cut short
 *   KS_ESTORE    it is genuine, but the database in it is not sound */
KS_CHECK enum ks_err ks_backup_verify(
    const char *path, const uint8_t key[KS_BACKUP_KEY_LEN], const char *scratch, struct ks_backup_facts *ret_facts);

/* Makes a store out of a backup, after all that verify does: store->path under store->key, which need not be those it
 * came from; store->pages must be what the backup was made with (else KS_ESTATE). store->path's directory must be there
 * and empty but for a file named `beside` (its key; NULL: none). The store gets a new epoch of archive ids, so that
 * clients notice that the server went back. Uploaded files of the backup go to the directory `files`, which is made if
 * there are any. On an error the directory is left empty. Errors as of verify, and
 * KS_EEXISTS: the directory is not empty. */
KS_CHECK enum ks_err ks_backup_restore(const char *path, const uint8_t key[KS_BACKUP_KEY_LEN],
    const struct ks_sqlite_setup *store, const char *files, const char *beside, struct ks_prng *prng,
    struct ks_backup_facts *ret_facts);

#endif
