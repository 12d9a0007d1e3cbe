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

static enum ks_err sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return good ? KS_OK : KS_EIO;
}

enum ks_err ks_saved_name(struct ks_saved_paths *paths, int fd)
{
    char path[PATH_MAX];

    if (fsync(fd) != 0)
        return errno == ENOSPC || errno == EDQUOT ? KS_EFULL : KS_EIO;
    memcpy(path, paths->final, sizeof path);
    for (int number = 2; rename_new(paths->open, path) != 0; number++)
        if (errno != EEXIST || number > NUMBERS_MAX || !number_name(path, paths->final, number))
            return KS_EIO;
    memcpy(paths->final, path, sizeof path);
    return sync_directory(paths->directory);
}
