/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "file_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NAME_LEN KS_FILE_STORE_NAME_LEN
#define PATH_LEN (NAME_LEN + 4) /* "na/name" */

static bool is_name(struct ks_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!((name.ptr[i] >= '0' && name.ptr[i] <= '9') || (name.ptr[i] >= 'a' && name.ptr[i] <= 'f')))
            return false;
    return name.len == NAME_LEN;
}

static void path_of(struct ks_str name, char path[PATH_LEN])
{
    snprintf(path, PATH_LEN, "%.2s/%.32s", name.ptr, name.ptr);
}

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static unsigned shard_of(struct ks_str name)
{
    return digit(name.ptr[0]) << 4 | digit(name.ptr[1]);
}

static enum ks_err err_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT ? KS_EFULL : errno == EEXIST ? KS_EEXISTS : KS_EIO;
}

static enum ks_err sync_shard(const struct ks_file_store *store, unsigned shard)
{
    char path[8];
    int fd;
    enum ks_err err;

    snprintf(path, sizeof path, "%02x", shard);
    fd = openat(store->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err = fd >= 0 && fsync(fd) == 0 ? KS_OK : KS_EIO;
    if (fd >= 0)
        close(fd);
    return err;
}

/* --- opening --- */

/* The directory of a name below another, to read its entries. */
static DIR *list_of(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

    if (fd >= 0 && !list)
        close(fd);
    return list;
}

/* What was coming in when the process before ended. */
static void empty_part(const struct ks_file_store *store)
{
    DIR *list = list_of(store->dir, "part");
    const struct dirent *entry;

    while (list && (entry = readdir(list)))
        if (is_name(ks_str_z(entry->d_name)))
            unlinkat(store->part, entry->d_name, 0);
    if (list)
        closedir(list);
}

static bool make(int dir, const char *name)
{
    return mkdirat(dir, name, 0700) == 0 || errno == EEXIST;
}

enum ks_err ks_file_store_open(struct ks_file_store *store, const char *directory, uint64_t reserve)
{
    bool made = make(AT_FDCWD, directory);
    char shard[8];

    memset(store, 0, sizeof *store);
    store->reserve = reserve;
    store->part = -1;
    store->dir = made ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    for (unsigned i = 0; i < KS_FILE_SHARDS && store->dir >= 0 && made; i++) {
        snprintf(shard, sizeof shard, "%02x", i);
        made = make(store->dir, shard);
    }
    if (store->dir >= 0 && made && make(store->dir, "part"))
        store->part = openat(store->dir, "part", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->part < 0 || fsync(store->dir) != 0) {
        ks_file_store_close(store);
        return KS_EIO;
    }
    empty_part(store);
    return KS_OK;
}

void ks_file_store_close(struct ks_file_store *store)
{
    if (store->dir >= 0)
        close(store->dir);
    if (store->part >= 0)
        close(store->part);
    store->dir = store->part = -1;
}

/* --- coming in --- */

/* What other uploads announced counts as taken, also where the file system cannot take it beforehand. */
static bool has_room(struct ks_file_store *store, uint64_t bytes)
{
    struct statvfs disk;
    uint64_t claimed = atomic_load(&store->claimed), left;

    if (fstatvfs(store->dir, &disk) != 0)
        return true; /* the write will tell */
    left = (uint64_t)disk.f_bavail * disk.f_frsize;
    return left >= store->reserve && left - store->reserve >= claimed && left - store->reserve - claimed >= bytes;
}

static void give_back(struct ks_file_upload *upload, uint64_t bytes)
{
    atomic_fetch_sub(&upload->store->claimed, bytes);
}

enum ks_err ks_file_upload_begin(
    struct ks_file_store *store, struct ks_str name, uint64_t bytes, struct ks_file_upload *ret_upload)
{
    char path[PATH_LEN], file[NAME_LEN + 1];
    struct stat there;
    int fd;

    if (!is_name(name))
        return KS_EIO;
    path_of(name, path);
    snprintf(file, sizeof file, "%.32s", name.ptr);
    if (fstatat(store->dir, path, &there, AT_SYMLINK_NOFOLLOW) == 0)
        return KS_EEXISTS;
    if (!has_room(store, bytes))
        return KS_EFULL;
    fd = openat(store->part, file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_of_errno();
    /* Not posix_fallocate, which writes zeroes where the file system cannot do this. */
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) != 0 && errno == ENOSPC) {
        close(fd);
        unlinkat(store->part, file, 0);
        return KS_EFULL;
    }
    *ret_upload = (struct ks_file_upload) { .store = store, .fd = fd, .bytes = bytes };
    memcpy(ret_upload->name, file, sizeof file);
    atomic_fetch_add(&store->claimed, bytes);
    return KS_OK;
}

enum ks_err ks_file_upload_write(struct ks_file_upload *upload, struct ks_str bytes)
{
    if (bytes.len > upload->bytes - upload->written)
        return KS_ELIMIT;
    while (bytes.len) {
        ssize_t n = write(upload->fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? KS_EIO : err_of_errno();
        upload->written += (uint64_t)n;
        give_back(upload, (uint64_t)n);
        bytes = ks_str_from(bytes, (size_t)n);
    }
    return KS_OK;
}

enum ks_err ks_file_upload_end(struct ks_file_upload *upload, int64_t until_ms)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { until_ms / 1000, until_ms % 1000 * 1000000 } };
    struct ks_str name = ks_str(upload->name, NAME_LEN);
    char path[PATH_LEN];

    if (upload->written != upload->bytes)
        return KS_ELIMIT;
    path_of(name, path);
    /* The time first, and then a sync of all there is about the file: without its time it would be gone at once. */
    if (futimens(upload->fd, times) != 0 || fsync(upload->fd) != 0)
        return KS_EIO;
    if (renameat2(upload->store->part, upload->name, upload->store->dir, path, RENAME_NOREPLACE) != 0)
        return err_of_errno();
    close(upload->fd);
    upload->fd = -1;
    if (sync_shard(upload->store, shard_of(name)) == KS_OK)
        return KS_OK;
    unlinkat(upload->store->dir, path, 0);
    return KS_EIO;
}

void ks_file_upload_drop(struct ks_file_upload *upload)
{
    if (!upload->store)
        return;
    give_back(upload, upload->bytes - upload->written);
    if (upload->fd >= 0) {
        close(upload->fd);
        unlinkat(upload->store->part, upload->name, 0);
    }
    upload->store = NULL;
}

/* --- going out --- */

static int64_t until_of(const struct stat *file)
{
    return (int64_t)file->st_mtim.tv_sec * 1000 + file->st_mtim.tv_nsec / 1000000;
}

enum ks_err ks_file_store_read(
    struct ks_file_store *store, struct ks_str name, int64_t now_ms, int *ret_fd, uint64_t *ret_bytes)
{
    char path[PATH_LEN];
    struct stat file;
    int fd;

    if (!is_name(name))
        return KS_ENOTFOUND;
    path_of(name, path);
    fd = openat(store->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? KS_ENOTFOUND : KS_EIO;
    if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode) || until_of(&file) <= now_ms) {
        close(fd);
        return KS_ENOTFOUND;
    }
    *ret_fd = fd;
    *ret_bytes = (uint64_t)file.st_size;
    return KS_OK;
}

/* --- going --- */

enum ks_err ks_file_store_remove(struct ks_file_store *store, struct ks_str name)
{
    char path[PATH_LEN];

    if (!is_name(name))
        return KS_OK;
    path_of(name, path);
    if (unlinkat(store->dir, path, 0) != 0)
        return errno == ENOENT ? KS_OK : KS_EIO;
    atomic_store(&store->removed[shard_of(name)], true);
    return KS_OK;
}

enum ks_err ks_file_store_sync(struct ks_file_store *store)
{
    for (unsigned i = 0; i < KS_FILE_SHARDS; i++)
        if (atomic_exchange(&store->removed[i], false) && sync_shard(store, i) != KS_OK) {
            atomic_store(&store->removed[i], true);
            return KS_EIO;
        }
    return KS_OK;
}

bool ks_file_store_sweep(
    struct ks_file_store *store, int64_t now_ms, unsigned *at, size_t limit, struct ks_file_store_counts *counts)
{
    const struct dirent *entry;
    char shard[8];
    size_t seen = 0;

    for (; *at < KS_FILE_SHARDS && seen < limit; ++*at) {
        snprintf(shard, sizeof shard, "%02x", *at);
        DIR *list = list_of(store->dir, shard);
        while (list && (entry = readdir(list))) {
            struct stat file;
            if (!is_name(ks_str_z(entry->d_name))
                || fstatat(dirfd(list), entry->d_name, &file, AT_SYMLINK_NOFOLLOW) != 0)
                continue;
            seen++;
            if (until_of(&file) > now_ms) {
                counts->files++;
                counts->bytes += (uint64_t)file.st_size;
            } else if (unlinkat(dirfd(list), entry->d_name, 0) == 0) {
                counts->expired++;
                atomic_store(&store->removed[*at], true);
            }
        }
        if (list)
            closedir(list);
    }
    return *at < KS_FILE_SHARDS;
}

/* One that goes while its directory is read is no error. */
static enum ks_err visit_one(
    int dir, const char *name, enum ks_err (*visit)(void *, int, struct ks_str, uint64_t, int64_t), void *user)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat file;
    enum ks_err err = KS_OK;

    if (fd < 0)
        return errno == ENOENT ? KS_OK : KS_EIO;
    if (fstat(fd, &file) != 0)
        err = KS_EIO;
    else if (S_ISREG(file.st_mode))
        err = visit(user, fd, ks_str_z(name), (uint64_t)file.st_size, until_of(&file));
    close(fd);
    return err;
}

enum ks_err ks_file_store_each(struct ks_file_store *store,
    enum ks_err (*visit)(void *user, int fd, struct ks_str name, uint64_t bytes, int64_t until_ms), void *user)
{
    enum ks_err err = KS_OK;
    char shard[8];

    for (unsigned i = 0; i < KS_FILE_SHARDS && err == KS_OK; i++) {
        const struct dirent *entry;
        snprintf(shard, sizeof shard, "%02x", i);
        DIR *list = list_of(store->dir, shard);
        if (!list)
            return KS_EIO;
        while (err == KS_OK && (entry = readdir(list)))
            if (is_name(ks_str_z(entry->d_name)))
                err = visit_one(dirfd(list), entry->d_name, visit, user);
        closedir(list);
    }
    return err;
}

void ks_file_store_destroy(const char *directory)
{
    struct ks_file_store_counts counts;
    struct ks_file_store store;
    unsigned at = 0;
    char shard[8];

    if (!directory || access(directory, F_OK) != 0 || ks_file_store_open(&store, directory, 0) != KS_OK)
        return;
    while (ks_file_store_sweep(&store, INT64_MAX, &at, SIZE_MAX, &counts))
        ;
    for (unsigned i = 0; i < KS_FILE_SHARDS; i++) {
        snprintf(shard, sizeof shard, "%02x", i);
        unlinkat(store.dir, shard, AT_REMOVEDIR);
    }
    unlinkat(store.dir, "part", AT_REMOVEDIR);
    ks_file_store_close(&store);
    rmdir(directory);
}
