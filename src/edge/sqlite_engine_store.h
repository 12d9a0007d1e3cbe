/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sqlite_engine_store.h -- the engine store in one encrypted file (SQLite3 Multiple Ciphers), natively and in WASM.
 *
 * Pages are ChaCha20-Poly1305 under a raw 32-byte key (vault.h); a commit returns after the disk has it
 * (synchronous=EXTRA); what is deleted is overwritten (secure_delete, and the same in the search index). One process at
 * a time: the file is locked from opening to closing. Natively the journal is a WAL beside the file, in WASM, which has
 * none, a rollback journal. The file is as readable as the umask says: keep it in a directory of its own (0700). */
#ifndef KS_SQLITE_ENGINE_STORE_H
#define KS_SQLITE_ENGINE_STORE_H

#include "engine_store.h"

/* Opens the store; create: makes one if the file is not there. vfs: NULL, or the name of a registered SQLite VFS (WASM,
 * power-cut tests). Older schemas are migrated, each step in one transaction.
 * KS_ENOTFOUND: no file, and create is false; KS_EAGAIN: another process has it open; KS_ECRYPTO: the key does not fit
 * (or page one is damaged: the two cannot be told apart); KS_EVERSION: written by a newer version; KS_ESTORE: damaged
 * or unreadable; KS_EFULL; KS_ENOMEM. */
KS_CHECK enum ks_err ks_sqlite_engine_store_open(
    const char *path, const char *vfs, const uint8_t key[32], bool create, struct ks_engine_store **ret_store);

/* The schema this version writes. */
#define KS_SQLITE_ENGINE_SCHEMA 1

#endif
