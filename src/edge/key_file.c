/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enc.h"
#include "system.h"

#define HEX_LEN ((size_t)2 * KS_KEY_FILE_LEN)

static enum ks_err read_digits(int fd, char digits[HEX_LEN])
{
    char bytes[HEX_LEN + 2];
    struct stat st;

    if (fstat(fd, &st) < 0)
        return KS_EIO;
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return KS_EDENIED;
    ssize_t got = read(fd, bytes, sizeof bytes);
    if (got < 0)
        return KS_EIO;
    struct ks_str text = ks_str_trim(ks_str(bytes, (size_t)got));
    if (text.len == HEX_LEN)
        memcpy(digits, text.ptr, HEX_LEN);
    ks_wipe(bytes, sizeof bytes);
    return text.len == HEX_LEN ? KS_OK : KS_ESYNTAX;
}

enum ks_err ks_key_file_read(const char *path, uint8_t ret_key[KS_KEY_FILE_LEN])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char digits[HEX_LEN];
    struct ks_arena arena;
    struct ks_str key;

    if (fd < 0)
        return errno == ENOENT ? KS_ENOTFOUND : errno == EACCES || errno == EPERM ? KS_EDENIED : KS_EIO;
    enum ks_err err = read_digits(fd, digits);
    close(fd);
    ks_arena_init(&arena, 256);
    if (err == KS_OK && (err = ks_hex_read(&arena, ks_str(digits, HEX_LEN), &key)) == KS_OK) {
        memcpy(ret_key, key.ptr, KS_KEY_FILE_LEN);
        ks_wipe((void *)(uintptr_t)key.ptr, key.len);
    }
    ks_arena_done(&arena);
    ks_wipe(digits, sizeof digits);
    return err;
}

/* The new name is on the disk only when its directory is. */
static enum ks_err sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory =
        slash && slash > path ? ks_str_dup(ks_str(path, (size_t)(slash - path))) : ks_str_dup(KS_STR("/"));
    int fd = directory ? open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool synced = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    free(directory);
    return synced ? KS_OK : KS_EIO;
}

enum ks_err ks_key_file_make(const char *path, uint8_t ret_key[KS_KEY_FILE_LEN])
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct ks_buf line;

    if (fd < 0)
        return errno == EEXIST ? KS_EEXISTS : KS_EIO;
    ks_system_entropy(ret_key, KS_KEY_FILE_LEN);
    ks_buf_init_secret(&line, 200);
    ks_hex_add(&line, ks_str(ret_key, KS_KEY_FILE_LEN));
    ks_buf_byte(&line, '\n');
    bool written = ks_buf_err(&line) == KS_OK && write(fd, line.ptr, line.len) == (ssize_t)line.len && fsync(fd) == 0;
    ks_buf_done(&line);
    close(fd);
    if (written && sync_directory(path) == KS_OK)
        return KS_OK;
    unlink(path);
    return KS_EIO;
}

enum ks_err ks_key_file_destroy(const char *path)
{
    static const char zeros[2 * KS_KEY_FILE_LEN + 1];
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    bool gone;

    if (fd < 0)
        return errno == ENOENT ? KS_OK : KS_EIO;
    gone = pwrite(fd, zeros, sizeof zeros, 0) == (ssize_t)sizeof zeros && fdatasync(fd) == 0;
    close(fd);
    gone = unlink(path) == 0 && gone;
    return gone ? sync_directory(path) : KS_EIO;
}
