/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsilctl_record.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "clock.h"
#include "system.h"

#define PRESENT 4
#define NAMES_MAX 100 /* of one second */
#define FIELD "______________________________"

/* ceremony-20261123T185500Z.txt, or with a number in front of the ending. */
static int open_file(const char *directory, const char stamp[KS_STAMP_LEN + 1], char *path, size_t path_size)
{
    char time[KS_STAMP_LEN + 1];
    int fd = -1;
    size_t at = 0;

    for (size_t i = 0; stamp[i] && stamp[i] != '.'; i++)
        if (stamp[i] != '-' && stamp[i] != ':' && stamp[i] != 'Z')
            time[at++] = stamp[i];
    time[at] = 0;
    for (unsigned number = 1; fd < 0 && number <= NAMES_MAX; number++) {
        char more[12] = "";
        if (number > 1)
            snprintf(more, sizeof more, "-%u", number);
        if (snprintf(path, path_size, "%s/ceremony-%sZ%s.txt", directory, time, more) >= (int)path_size)
            return -1;
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno != EEXIST)
            return -1;
    }
    return fd;
}

enum ks_err ctl_record_open(
    const struct ctl *ctl, const char *directory, const char *title, struct ctl_record *ret_record)
{
    char stamp[KS_STAMP_LEN + 1], text[KS_STAMP_LEN + 1];
    int fd;

    snprintf(text, sizeof text, "%.*s", KS_STR_FMT(ks_stamp_write(ks_system_now().wall_ms, stamp)));
    fd = open_file(directory, text, ret_record->path, sizeof ret_record->path);
    ret_record->file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!ret_record->file) {
        if (fd >= 0)
            close(fd);
        return KS_EIO;
    }
    CTL_RECORD(ctl, ret_record, SAY("record.title"));
    CTL_RECORD(ctl, ret_record, title);
    CTL_RECORD(ctl, ret_record, SAY("record.time"), "time", text, "version", KONSIL_VERSION);
    return KS_OK;
}

void ctl_record_holders(
    const struct ctl *ctl, struct ctl_record *record, unsigned needed, unsigned count, const char *set)
{
    char number[12], of[12];

    snprintf(number, sizeof number, "%u", needed);
    snprintf(of, sizeof of, "%u", count);
    CTL_RECORD(ctl, record, SAY("record.shares"), "number", number, "count", of, "set", set);
    for (unsigned i = 1; i <= count; i++) {
        snprintf(number, sizeof number, "%u", i);
        CTL_RECORD(ctl, record, SAY("record.holder"), "number", number, "field", FIELD);
    }
}

enum ks_err ctl_record_close(const struct ctl *ctl, struct ctl_record *record)
{
    bool written;

    CTL_RECORD(ctl, record, SAY("record.checks"));
    CTL_RECORD(ctl, record, SAY("record.present"));
    for (unsigned i = 0; i < PRESENT; i++)
        CTL_RECORD(ctl, record, SAY("record.person"), "field", FIELD);
    written = fflush(record->file) == 0 && fsync(fileno(record->file)) == 0;
    written = fclose(record->file) == 0 && written;
    record->file = NULL;
    if (!written)
        return KS_EIO;
    ctl_say(ctl, SAY("ctl.record-written"), "file", record->path, NULL);
    return KS_OK;
}
