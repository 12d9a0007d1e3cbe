/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "backup_files.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"

#define CHUNK (256u << 10)
#define HEAD_LEN (KS_FILE_STORE_NAME_LEN + 16) /* behind the first byte */

enum { MORE = 1, END = 0 };

struct writing {
    struct ks_backup_writer *w;
    struct ks_backup_files *counts;
    char *chunk;
};

static enum ks_err write_numbers(struct ks_backup_writer *w, uint8_t kind, struct ks_str name, uint64_t a, uint64_t b)
{
    struct ks_buf head;
    enum ks_err err;

    ks_buf_init(&head, 64);
    ks_buf_byte(&head, (char)kind);
    ks_buf_add(&head, name);
    ks_buf_u64(&head, a);
    ks_buf_u64(&head, b);
    if ((err = ks_buf_err(&head)) == KS_OK)
        err = ks_backup_write(w, ks_buf_str(&head));
    ks_buf_done(&head);
    return err;
}

static enum ks_err write_one(void *user, int fd, struct ks_str name, uint64_t bytes, int64_t until_ms)
{
    struct writing *at = user;
    enum ks_err err = write_numbers(at->w, MORE, name, (uint64_t)until_ms, bytes);

    for (uint64_t left = bytes; left && err == KS_OK;) {
        ssize_t n = read(fd, at->chunk, left < CHUNK ? (size_t)left : CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* a file does not change once it has its name */
            return KS_EIO;
        err = ks_backup_write(at->w, ks_str(at->chunk, (size_t)n));
        left -= (uint64_t)n;
    }
    at->counts->files++;
    at->counts->bytes += bytes;
    return err;
}

enum ks_err ks_backup_files_write(
    struct ks_backup_writer *w, struct ks_file_store *store, struct ks_backup_files *ret_counts)
{
    struct writing at = { w, ret_counts, malloc(CHUNK) };
    enum ks_err err = at.chunk ? KS_OK : KS_ENOMEM;

    *ret_counts = (struct ks_backup_files) { 0 };
    if (err == KS_OK)
        err = ks_file_store_each(store, write_one, &at);
    if (err == KS_OK)
        err = write_numbers(w, END, KS_STR_EMPTY, ret_counts->files, ret_counts->bytes);
    free(at.chunk);
    return err;
}

static enum ks_err read_bytes(struct ks_backup_reader *r, struct ks_file_upload *upload, uint64_t bytes, char *chunk)
{
    enum ks_err err = KS_OK;

    for (uint64_t left = bytes; left && err == KS_OK;) {
        size_t len = left < CHUNK ? (size_t)left : CHUNK;
        err = ks_backup_read(r, chunk, len);
        if (err == KS_OK && upload)
            err = ks_file_upload_write(upload, ks_str(chunk, len));
        left -= len;
    }
    return err;
}

static enum ks_err read_one(
    struct ks_backup_reader *r, struct ks_file_store *store, struct ks_backup_files *counts, char *chunk)
{
    struct ks_file_upload upload;
    uint64_t until = 0, bytes = 0;
    char head[HEAD_LEN];
    enum ks_err err = ks_backup_read(r, head, sizeof head);
    struct ks_cursor at = ks_cursor(ks_str(head, sizeof head));
    struct ks_str name;

    if (err != KS_OK)
        return err;
    if (ks_cursor_take(&at, KS_FILE_STORE_NAME_LEN, &name) != KS_OK || ks_cursor_u64(&at, &until) != KS_OK
        || ks_cursor_u64(&at, &bytes) != KS_OK || bytes > 1ULL << 62)
        return KS_ECRYPTO;
    if (store && (err = ks_file_upload_begin(store, name, bytes, &upload)) != KS_OK)
        return err == KS_EEXISTS ? KS_ECRYPTO : err;
    err = read_bytes(r, store ? &upload : NULL, bytes, chunk);
    if (store && err == KS_OK)
        err = ks_file_upload_end(&upload, (int64_t)until);
    if (store)
        ks_file_upload_drop(&upload);
    counts->files++;
    counts->bytes += bytes;
    return err;
}

enum ks_err ks_backup_files_read(
    struct ks_backup_reader *r, struct ks_file_store *store, struct ks_backup_files *ret_counts)
{
    char *chunk = malloc(CHUNK), end[16];
    uint64_t files = 0, bytes = 0;
    enum ks_err err = chunk ? KS_OK : KS_ENOMEM;
    uint8_t kind = MORE;

    *ret_counts = (struct ks_backup_files) { 0 };
    while (err == KS_OK && kind == MORE)
        if ((err = ks_backup_read(r, &kind, 1)) == KS_OK && kind == MORE)
            err = read_one(r, store, ret_counts, chunk);
    if (err == KS_OK)
        err = kind == END ? ks_backup_read(r, end, sizeof end) : KS_ECRYPTO;
    if (err == KS_OK) {
        struct ks_cursor at = ks_cursor(ks_str(end, sizeof end));
        if (ks_cursor_u64(&at, &files) != KS_OK || ks_cursor_u64(&at, &bytes) != KS_OK || files != ret_counts->files
            || bytes != ret_counts->bytes)
            err = KS_ECRYPTO;
    }
    free(chunk);
    return err;
}
