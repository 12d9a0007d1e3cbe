/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "log_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system.h"

#define LINE_BYTES 1024
#define DAY_MS INT64_C(86400000)
#define DATE_LEN 10 /* "2026-11-21" */

struct ks_log_file {
    struct ks_log log;
    int fd;                       /* of its own, also for stderr */
    char path[PATH_MAX];          /* empty: stderr */
    int64_t day;                  /* since 1970, of the lines in it */
    _Atomic enum ks_level quiet;  /* the level when nobody debugs */
    _Atomic int64_t debug_end_ms; /* monotonic; 0: nobody debugs */
    atomic_bool over;             /* it ended by itself, and nobody was told */
};

static void set_level(struct ks_log_file *file, enum ks_level level)
{
    __atomic_store_n(&file->log.level, level, __ATOMIC_RELAXED);
}

/* What began meanwhile goes on. */
static void end_debugging(struct ks_log_file *file, int64_t end_ms)
{
    if (!atomic_compare_exchange_strong(&file->debug_end_ms, &end_ms, 0))
        return;
    set_level(file, atomic_load(&file->quiet));
    atomic_store(&file->over, true);
}

static void write_line(void *user, enum ks_level level, const char *event, const struct ks_log_field *fields)
{
    struct ks_log_file *file = user;
    struct ks_now now = ks_system_now();
    char bytes[LINE_BYTES + 1];

    int64_t debug_end_ms = atomic_load(&file->debug_end_ms);
    if (debug_end_ms && now.mono_ms >= debug_end_ms) {
        end_debugging(file, debug_end_ms);
        if (level > atomic_load(&file->quiet))
            return;
    }
    struct ks_str line = ks_log_line(bytes, LINE_BYTES, now.wall_ms, level, event, fields);
    bytes[line.len] = '\n';
    if (write(file->fd, bytes, line.len + 1) < 0) {
        /* There is nobody left to tell. */
    }
}

static int open_target(const char *path)
{
    if (!*path)
        return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

/* The day of the newest line in the file, or today when there is none. */
static void take_path(struct ks_log_file *file, const char *path)
{
    struct stat st;

    snprintf(file->path, sizeof file->path, "%s", path);
    file->day = fstat(file->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0
        ? (int64_t)st.st_mtim.tv_sec * 1000 / DAY_MS
        : ks_system_now().wall_ms / DAY_MS;
}

struct ks_log_file *ks_log_file_open(const char *path, enum ks_level level)
{
    struct ks_log_file *file = calloc(1, sizeof *file);

    if (!file)
        return NULL;
    file->log = (struct ks_log) { level, write_line, file };
    atomic_init(&file->quiet, level);
    atomic_init(&file->debug_end_ms, 0);
    atomic_init(&file->over, false);
    file->fd = open_target(path);
    if (file->fd < 0) {
        free(file);
        return NULL;
    }
    take_path(file, path);
    return file;
}

enum ks_err ks_log_file_reopen(struct ks_log_file *file, const char *path, enum ks_level level)
{
    int fd = open_target(path);
    bool replaced = fd >= 0 && dup3(fd, file->fd, O_CLOEXEC) >= 0; /* in one step: others may be writing */

    if (fd >= 0)
        close(fd);
    if (!replaced)
        return KS_EIO;
    take_path(file, path);
    atomic_store(&file->quiet, level);
    if (!atomic_load(&file->debug_end_ms))
        set_level(file, level);
    return KS_OK;
}

/* --- a file for each day --- */

static void write_day(int64_t day, char text[DATE_LEN + 1])
{
    char stamp[KS_STAMP_LEN + 1];

    ks_stamp_write(day * DAY_MS, stamp);
    memcpy(text, stamp, DATE_LEN);
    text[DATE_LEN] = 0;
}

/* The day in a name "BASE.2026-11-21"; false: it is another file. */
static bool read_day(const char *name, const char *base, int64_t *ret_day)
{
    size_t len = strlen(base);
    char stamp[KS_STAMP_LEN + 1];
    int64_t wall_ms;

    if (strncmp(name, base, len) != 0 || name[len] != '.' || strlen(name) != len + 1 + DATE_LEN)
        return false;
    snprintf(stamp, sizeof stamp, "%sT00:00:00Z", name + len + 1);
    if (ks_stamp_read(ks_str_z(stamp), &wall_ms) != KS_OK)
        return false;
    *ret_day = wall_ms / DAY_MS;
    return true;
}

static enum ks_err delete_old(const struct ks_log_file *file, int64_t before_ms, unsigned *ret_removed)
{
    const char *slash = strrchr(file->path, '/');
    char directory[PATH_MAX];
    struct dirent *entry;
    int64_t day;
    DIR *dir;

    snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - file->path) + 1 : 1, slash ? file->path : ".");
    dir = opendir(directory);
    if (!dir)
        return KS_EIO;
    while ((entry = readdir(dir)))
        if (read_day(entry->d_name, slash ? slash + 1 : file->path, &day) && (day + 1) * DAY_MS <= before_ms)
            *ret_removed += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
    closedir(dir);
    return KS_OK;
}

enum ks_err ks_log_file_turn(struct ks_log_file *file, int64_t keep_seconds, struct ks_now now, unsigned *ret_removed)
{
    char date[DATE_LEN + 1], path[PATH_MAX], day_path[PATH_MAX + DATE_LEN + 1];
    int64_t today = now.wall_ms / DAY_MS;

    *ret_removed = 0;
    if (!*file->path)
        return KS_OK;
    if (today > file->day) {
        write_day(file->day, date);
        snprintf(path, sizeof path, "%s", file->path);
        snprintf(day_path, sizeof day_path, "%s.%s", path, date);
        if (rename(path, day_path) != 0 || ks_log_file_reopen(file, path, atomic_load(&file->quiet)) != KS_OK)
            return KS_EIO;
        file->day = today;
    }
    return delete_old(file, now.wall_ms - keep_seconds * 1000, ret_removed);
}

void ks_log_file_close(struct ks_log_file *file)
{
    if (!file)
        return;
    close(file->fd);
    free(file);
}

const struct ks_log *ks_log_file_log(const struct ks_log_file *file)
{
    return &file->log;
}

void ks_log_file_debug(struct ks_log_file *file, bool on, struct ks_now now)
{
    atomic_store(&file->debug_end_ms, on ? now.mono_ms + KS_LOG_DEBUG_MS : 0);
    set_level(file, on ? KS_DEBUG : atomic_load(&file->quiet));
}

int64_t ks_log_file_debug_end_ms(const struct ks_log_file *file)
{
    return atomic_load(&file->debug_end_ms);
}

bool ks_log_file_debug_over(struct ks_log_file *file, struct ks_now now)
{
    int64_t end_ms = atomic_load(&file->debug_end_ms);

    if (end_ms && now.mono_ms >= end_ms)
        end_debugging(file, end_ms);
    return atomic_exchange(&file->over, false);
}
