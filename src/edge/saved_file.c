/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "saved_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBERS_MAX 10000

static bool put(char to[PATH_MAX], const char *format, ...) KS_PRINTF(2, 3);
static bool put(char to[PATH_MAX], const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(to, PATH_MAX, format, args);
    va_end(args);
    return len > 0 && len < PATH_MAX;
}

bool ks_saved_paths(struct ks_saved_paths *paths, const char *path, const char *name, uint64_t number)
{
    const char *slash = strrchr(path, '/');
    struct stat st;
    bool directory = (slash && !slash[1]) || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
    int len = !slash ? 1 : slash == path ? 1 : (int)(slash - path);

    if (directory ? !put(paths->directory, "%s", path) || !put(paths->final, "%s/%s", path, name)
                  : !put(paths->directory, "%.*s", len, slash ? path : ".") || !put(paths->final, "%s", path))
        return false;
    return put(paths->part, "%s/.konsil-%llu.part", paths->directory, (unsigned long long)number)
        && put(paths->open, "%s/.konsil-%llu.open", paths->directory, (unsigned long long)number);
}

/* Ours alone: no link, nobody else's, and under no second name. */
static bool is_ours(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1
        && !(st.st_mode & (S_IRWXG | S_IRWXO));
}

int ks_saved_part(const struct ks_saved_paths *paths)
{
    int fd = open(paths->part, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd >= 0 && is_ours(fd))
        return fd;
    if (fd >= 0)
        close(fd);
    (void)unlink(paths->part);
    return open(paths->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
}

/* Never in place of another one: where the file system cannot promise that for a rename, a second link can. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return link(from, to) == 0 ? unlink(from) : -1;
}

/* "scan.jpg" is "scan (2).jpg". */
static bool number_name(char to[PATH_MAX], const char *path, int number)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');

    if (!dot || (slash && dot < slash) || dot == path || (slash && dot == slash + 1))
        dot = path + strlen(path);
    return put(to, "%.*s (%d)%s", (int)(dot - path), path, number, dot);
}

/* fd: of a file in it. A directory that may be written and not read is synced with all of its file system. */
static bool sync_directory(const char *path, int fd)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = (directory >= 0 ? fsync(directory) : errno == EACCES ? syncfs(fd) : -1) == 0;

    if (directory >= 0)
        close(directory);
    return good;
}

static enum ks_err why_not(void)
{
    return errno == ENOSPC || errno == EDQUOT ? KS_EFULL : KS_EIO;
}

enum ks_err ks_saved_name(struct ks_saved_paths *paths, int fd)
{
    char path[PATH_MAX];
    enum ks_err err;

    if (fsync(fd) != 0)
        return why_not();
    memcpy(path, paths->final, sizeof path);
    for (int number = 2; rename_new(paths->open, path) != 0; number++)
        if (errno != EEXIST)
            return why_not();
        else if (number > NUMBERS_MAX || !number_name(path, paths->final, number))
            return KS_EIO;
    if (!sync_directory(paths->directory, fd)) {
        err = why_not();
        (void)unlink(path); /* who is told that nothing was saved finds nothing */
        return err;
    }
    memcpy(paths->final, path, sizeof path);
    return KS_OK;
}
