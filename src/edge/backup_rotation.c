/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "backup_rotation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_stream.h"
#include "key_file.h"

struct rotation {
    const struct ks_backup_places *places;
    const char *newest;
    int64_t before_ms;
    unsigned removed;
};

/* What is to be done with one file of a directory. KS_EIO: it could not be. */
typedef enum ks_err look_fn(struct rotation *rotation, int directory, const char *name);

/* A directory that ends early is not one that was looked through. */
static enum ks_err each(struct rotation *rotation, const char *path, look_fn *look)
{
    DIR *dir = opendir(path);
    enum ks_err err = KS_OK;
    struct dirent *entry;

    if (!dir)
        return KS_EIO;
    while ((errno = 0, entry = readdir(dir)))
        if (look(rotation, dirfd(dir), entry->d_name) != KS_OK)
            err = KS_EIO;
    if (errno)
        err = KS_EIO;
    if (rotation->removed && fsync(dirfd(dir)) != 0)
        err = KS_EIO;
    closedir(dir);
    return err;
}

/* A file that is old enough to go, if it is what we look for. One that is gone by itself is none. */
static bool is_old(const struct rotation *rotation, int directory, const char *name, enum ks_err *ret_err)
{
    struct stat st;

    *ret_err = KS_OK;
    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        *ret_err = errno == ENOENT ? KS_OK : KS_EIO;
        return false;
    }
    return S_ISREG(st.st_mode)
        && (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 < rotation->before_ms;
}

static bool is_backup(int directory, const char *name, enum ks_err *ret_err)
{
    char head[sizeof KS_BACKUP_MAGIC - 1];
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t got = fd >= 0 ? read(fd, head, sizeof head) : -1;

    *ret_err = got >= 0 ? KS_OK : KS_EIO;
    if (fd >= 0)
        close(fd);
    return got == (ssize_t)sizeof head && memcmp(head, KS_BACKUP_MAGIC, sizeof head) == 0;
}

static enum ks_err destroy_key(const struct rotation *rotation, const char *name)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s" KS_BACKUP_KEY_ENDING, rotation->places->keys, name) >= (int)sizeof path)
        return KS_EIO;
    return ks_key_file_destroy(path);
}

/* The key first: if we end between the two, what is left is a file that nobody can read. */
static enum ks_err look_at_backup(struct rotation *rotation, int directory, const char *name)
{
    enum ks_err err = KS_OK;

    if (strcmp(name, rotation->newest) == 0 || !is_old(rotation, directory, name, &err)
        || !is_backup(directory, name, &err))
        return err;
    err = destroy_key(rotation, name);
    if (unlinkat(directory, name, 0) != 0)
        return KS_EIO;
    rotation->removed++;
    return err;
}

/* Of a backup that is not there: it was moved, or never became whole. */
static enum ks_err look_at_key(struct rotation *rotation, int directory, const char *name)
{
    size_t len = strlen(name), ending = sizeof KS_BACKUP_KEY_ENDING - 1;
    char path[PATH_MAX], backup[NAME_MAX + 1];
    enum ks_err err = KS_OK;

    if (len <= ending || len > NAME_MAX || strcmp(name + len - ending, KS_BACKUP_KEY_ENDING) != 0)
        return KS_OK;
    snprintf(backup, sizeof backup, "%.*s", (int)(len - ending), name);
    if (strcmp(backup, rotation->newest) == 0 || !is_old(rotation, directory, name, &err))
        return err;
    if (snprintf(path, sizeof path, "%s/%s", rotation->places->backups, backup) >= (int)sizeof path)
        return KS_EIO;
    return access(path, F_OK) == 0 ? KS_OK : errno == ENOENT ? destroy_key(rotation, backup) : KS_EIO;
}

enum ks_err ks_backup_rotate(
    const struct ks_backup_places *places, const char *newest, int64_t before_ms, unsigned *ret_removed)
{
    struct rotation rotation = { places, newest, before_ms, 0 };
    enum ks_err err = each(&rotation, places->backups, look_at_backup);

    if (each(&rotation, places->keys, look_at_key) != KS_OK)
        err = KS_EIO;
    *ret_removed = rotation.removed;
    return err;
}
