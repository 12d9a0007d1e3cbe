/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* file_store.h -- the bytes of uploaded files, in a directory of konsild's own.
 *
 *   DIRECTORY/part/NAME    while it comes in; emptied at start
 *   DIRECTORY/NA/NAME      whole; NA are the first two digits of NAME. Its time of change is when its time is up, so
 *                          that files go by themselves, whatever becomes of the database.
 *
 * A file is on the disk for good when ks_file_upload_end returns KS_OK: synced, named, and its directory synced.
 * Before, a crash leaves a part, which the next start removes. Bytes are written and read as they come, in the caller's
 * pieces; the room is taken at the beginning, so a disk that is too full says so before the first byte.
 *
 * Bytes are not encrypted here: in protected domains they come encrypted, and their keys are in the messages; a second
 * layer would guard nothing but pictures of domains that chose not to be protected, for which the disk has to be
 * encrypted as for everything else on it. What is removed is unlinked: on a disk that may be read later by others,
 * blocks without a name can be found for some time. They are ciphertext whose key went with the message.
 *
 * Calls that open, write, end and remove may be made from any thread, for different files at the same time. */
#ifndef KS_FILE_STORE_H
#define KS_FILE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "str.h"

#define KS_FILE_STORE_NAME_LEN 32 /* hexadecimal digits, lower case; any other name is not there */
#define KS_FILE_SHARDS 256

struct ks_file_store {
    int dir, part;                       /* descriptors of directories */
    uint64_t reserve;                    /* bytes that uploads leave free */
    atomic_uint_least64_t claimed;       /* bytes of uploads under way that are announced and not yet written */
    atomic_bool removed[KS_FILE_SHARDS]; /* since the last ks_file_store_sync */
};

/* Makes what is missing, and empties part. KS_EIO. */
KS_CHECK enum ks_err ks_file_store_open(struct ks_file_store *store, const char *directory, uint64_t reserve);
void ks_file_store_close(struct ks_file_store *store);

/* --- coming in --- */

struct ks_file_upload {
    struct ks_file_store *store;
    int fd;
    uint64_t bytes, written;
    char name[KS_FILE_STORE_NAME_LEN + 1];
};
/* KS_EEXISTS: it is there, or somebody is putting it; KS_EFULL: no room for so many bytes; KS_EIO. *ret_upload is
 * written on KS_OK only. */
KS_CHECK enum ks_err ks_file_upload_begin(
    struct ks_file_store *store, struct ks_str name, uint64_t bytes, struct ks_file_upload *ret_upload);
/* KS_EFULL, KS_EIO; KS_ELIMIT: more than announced. */
KS_CHECK enum ks_err ks_file_upload_write(struct ks_file_upload *upload, struct ks_str bytes);
/* All is written; blocks as long as the disk needs. KS_EIO; KS_EEXISTS; KS_ELIMIT: fewer than announced. Then, or when
 * no more bytes come: ks_file_upload_drop, which is harmless after KS_OK. */
KS_CHECK enum ks_err ks_file_upload_end(struct ks_file_upload *upload, int64_t until_ms);
void ks_file_upload_drop(struct ks_file_upload *upload);

/* --- going out --- */

/* A descriptor to read from, and how long the file is. KS_ENOTFOUND: it is not there, or its time is up; KS_EIO. */
KS_CHECK enum ks_err ks_file_store_read(
    struct ks_file_store *store, struct ks_str name, int64_t now_ms, int *ret_fd, uint64_t *ret_bytes);

/* --- going --- */

/* KS_OK also when it is not there; a reader that has it open reads to its end. KS_EIO. */
KS_CHECK enum ks_err ks_file_store_remove(struct ks_file_store *store, struct ks_str name);
/* What was removed stays removed after a power cut. KS_EIO. */
KS_CHECK enum ks_err ks_file_store_sync(struct ks_file_store *store);

struct ks_file_store_counts {
    uint64_t files, bytes, expired; /* that stay, and that went */
};
/* Removes those whose time is up, in all shards from *at on until it looked at `limit` files; true: there are more. */
bool ks_file_store_sweep(
    struct ks_file_store *store, int64_t now_ms, unsigned *at, size_t limit, struct ks_file_store_counts *counts);
/* Removes a store that is not open, with all that is in it, so far as there is one. Accepts NULL. */
void ks_file_store_destroy(const char *directory);
/* Calls visit with each whole file, for backups; it returns KS_OK to go on. KS_EIO. */
KS_CHECK enum ks_err ks_file_store_each(struct ks_file_store *store,
    enum ks_err (*visit)(void *user, int fd, struct ks_str name, uint64_t bytes, int64_t until_ms), void *user);

#endif
