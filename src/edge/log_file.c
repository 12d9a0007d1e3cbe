/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "log_file.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "system.h"

#define LINE_BYTES 1024

struct ks_log_file {
    struct ks_log log;
    int fd;                       /* of its own, also for stderr */
    _Atomic enum ks_level quiet;  /* the level when nobody debugs */
    _Atomic int64_t debug_end_ms; /* monotonic; 0: nobody debugs */
};

static void set_level(struct ks_log_file *file, enum ks_level level)
{
    __atomic_store_n(&file->log.level, level, __ATOMIC_RELAXED);
}

static void write_line(void *user, enum ks_level level, const char *event, const struct ks_log_field *fields)
{
    struct ks_log_file *file = user;
    struct ks_now now = ks_system_now();
    char bytes[LINE_BYTES + 1];

    int64_t debug_end_ms = atomic_load(&file->debug_end_ms);
    if (debug_end_ms && now.mono_ms >= debug_end_ms) {
        ks_log_file_debug(file, false, now);
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

struct ks_log_file *ks_log_file_open(const char *path, enum ks_level level)
{
    struct ks_log_file *file = calloc(1, sizeof *file);

    if (!file)
        return NULL;
    file->log = (struct ks_log) { level, write_line, file };
    atomic_init(&file->quiet, level);
    atomic_init(&file->debug_end_ms, 0);
    file->fd = open_target(path);
    if (file->fd < 0) {
        free(file);
        return NULL;
    }
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
    atomic_store(&file->quiet, level);
    if (!atomic_load(&file->debug_end_ms))
        set_level(file, level);
    return KS_OK;
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
