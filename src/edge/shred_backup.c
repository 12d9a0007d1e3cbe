/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "shred_backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sqlite_shred_store.h"

#define DAY_MS INT64_C(86400000)
#define PREFIX "shred_"
#define ENDING ".db"
#define PART ".part"       /* behind the name, while it is made */
#define JOURNAL "-journal" /* behind that: SQLite may leave one, without content, in spite of journal_mode OFF */
#define STEP_PAGES 64

struct ks_shred_backup {
    char path[PATH_MAX], part[PATH_MAX], journal[PATH_MAX], directory[PATH_MAX];
    sqlite3 *copy;
    sqlite3_backup *copying;
    bool made; /* there is a part */
};

/* --- old ones --- */

/* The day of a copy, or of one that was not finished; -1: something else lies there. */
static int64_t day_of(const char *name)
{
    struct ks_str left = ks_str_z(name);
    uint64_t day;

    if (!ks_str_starts(left, KS_STR(PREFIX)))
        return -1;
    left = ks_str_from(left, strlen(PREFIX));
    if (ks_str_ends(left, KS_STR(PART JOURNAL)))
        left = ks_str_head(left, left.len - strlen(JOURNAL));
    if (ks_str_ends(left, KS_STR(PART)))
        left = ks_str_head(left, left.len - strlen(PART));
    if (!ks_str_ends(left, KS_STR(ENDING)))
        return -1;
    left = ks_str_head(left, left.len - strlen(ENDING));
    return ks_str_u64(left, INT32_MAX, &day) == KS_OK ? (int64_t)day : -1;
}

enum ks_err ks_shred_backup_turn(const char *directory, int64_t now_ms, bool *ret_due)
{
    DIR *dir = opendir(directory);
    int64_t today = now_ms / DAY_MS;
    const struct dirent *entry;
    enum ks_err err = KS_OK;

    *ret_due = true;
    if (!dir)
        return KS_EIO;
    while ((entry = readdir(dir))) {
        int64_t day = day_of(entry->d_name);
        if (day < 0)
            continue;
        if (day > today || day + KS_SHRED_COPY_DAYS <= today) {
            if (unlinkat(dirfd(dir), entry->d_name, 0) != 0)
                err = KS_EIO;
        } else if (day == today && ks_str_ends(ks_str_z(entry->d_name), KS_STR(ENDING))) {
            *ret_due = false;
        }
    }
    closedir(dir);
    return err;
}

/* --- a new one --- */

enum ks_err ks_shred_backup_new(struct ks_shred_store *store, const char *directory, int64_t now_ms,
    const struct ks_sqlite_setup *setup, struct ks_shred_backup **ret_backup)
{
    struct ks_shred_backup *b = calloc(1, sizeof *b);
    struct ks_sqlite_setup copy = *setup;
    enum ks_err err = KS_OK;

    if (!b)
        return KS_ENOMEM;
    if (snprintf(b->directory, PATH_MAX, "%s", directory) >= PATH_MAX
        || snprintf(b->path, PATH_MAX, "%s/" PREFIX "%" PRId64 ENDING, directory, now_ms / DAY_MS) >= PATH_MAX
        || snprintf(b->part, PATH_MAX, "%s/" PREFIX "%" PRId64 ENDING PART, directory, now_ms / DAY_MS) >= PATH_MAX
        || snprintf(b->journal, PATH_MAX, "%s/" PREFIX "%" PRId64 ENDING PART JOURNAL, directory, now_ms / DAY_MS)
            >= PATH_MAX)
        err = KS_EIO;
    copy.path = b->part;
    copy.scratch = true;
    if (err == KS_OK && unlink(b->part) != 0 && errno != ENOENT)
        err = KS_EIO;
    if (err == KS_OK) {
        b->made = true;
        err = ks_sqlite_connect(&copy, &b->copy);
    }
    if (err == KS_OK && !(b->copying = sqlite3_backup_init(b->copy, "main", ks_sqlite_shred_store_db(store), "main")))
        err = ks_sqlite_err(sqlite3_extended_errcode(b->copy)) == KS_ENOMEM ? KS_ENOMEM : KS_EIO;
    if (err != KS_OK) {
        ks_shred_backup_free(b);
        return err;
    }
    *ret_backup = b;
    return KS_OK;
}

static enum ks_err sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    enum ks_err err = fd >= 0 && fsync(fd) == 0 ? KS_OK : KS_EIO;

    if (fd >= 0)
        close(fd);
    return err;
}

static enum ks_err finish(struct ks_shred_backup *b)
{
    int finished = sqlite3_backup_finish(b->copying), closed = sqlite3_close(b->copy);
    enum ks_err err = finished == SQLITE_OK && closed == SQLITE_OK ? KS_OK : KS_EIO;

    b->copying = NULL;
    b->copy = NULL;
    if (unlink(b->journal) != 0 && errno != ENOENT)
        err = KS_EIO;
    if (err == KS_OK)
        err = sync_path(b->part, O_RDWR);
    if (err == KS_OK && rename(b->part, b->path) != 0)
        err = KS_EIO;
    b->made = err != KS_OK;
    return err == KS_OK ? sync_path(b->directory, O_RDONLY | O_DIRECTORY) : err;
}

enum ks_err ks_shred_backup_step(struct ks_shred_backup *b, bool *ret_done)
{
    int code = sqlite3_backup_step(b->copying, STEP_PAGES);

    *ret_done = code == SQLITE_DONE;
    if (code == SQLITE_OK)
        return KS_OK;
    return code == SQLITE_DONE ? finish(b) : ks_sqlite_err(code) == KS_OK ? KS_EIO : ks_sqlite_err(code);
}

void ks_shred_backup_free(struct ks_shred_backup *b)
{
    if (!b)
        return;
    sqlite3_backup_finish(b->copying);
    sqlite3_close(b->copy);
    if (b->made) {
        unlink(b->part);
        unlink(b->journal);
    }
    free(b);
}
