/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "backup_rotation.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_stream.h"

static bool is_backup(int directory, const char *name, struct stat *ret_stat)
{
    char head[sizeof KS_BACKUP_MAGIC - 1];
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool is = fd >= 0 && fstat(fd, ret_stat) == 0 && S_ISREG(ret_stat->st_mode)
        && read(fd, head, sizeof head) == (ssize_t)sizeof head && memcmp(head, KS_BACKUP_MAGIC, sizeof head) == 0;

    if (fd >= 0)
        close(fd);
    return is;
}

enum ks_err ks_backup_rotate(const char *directory, const char *newest, int64_t before_ms, unsigned *ret_removed)
{
    const char *name = strrchr(newest, '/');
    enum ks_err err = KS_OK;
    DIR *dir = opendir(directory);
    struct dirent *entry;

    *ret_removed = 0;
    name = name ? name + 1 : newest;
    if (!dir)
        return KS_EIO;
    while ((entry = readdir(dir))) {
        struct stat st;

        if (strcmp(entry->d_name, name) == 0 || !is_backup(dirfd(dir), entry->d_name, &st)
            || (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 >= before_ms)
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            ++*ret_removed;
        else
            err = KS_EIO;
    }
    if (*ret_removed && fsync(dirfd(dir)) != 0)
        err = KS_EIO;
    closedir(dir);
    return err;
}
