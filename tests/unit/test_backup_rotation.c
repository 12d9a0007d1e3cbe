/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What becomes of old backups and their keys when the disk does not do as it should; what becomes of them when it does
 * is in tests/process/test_backup_rotation.py. */
#include <dirent.h>
#include <errno.h>

#include "backup_rotation.h"
#include "backup_stream.h"
#include "check.h"
#include "key_file.h"
#include "scratch.h"

#define NOW_MS ((int64_t)1795312800000)
#define DAY_MS ((int64_t)86400000)

/* --- a disk that fails --- */

static int entries_left = -1;         /* the directory cannot be read behind so many; -1: it can */
static const char *unreadable, *kept; /* a name that cannot be opened, and one that cannot be removed */

struct dirent64 *__real_readdir64(DIR *dir);
struct dirent64 *__wrap_readdir64(DIR *dir);
struct dirent64 *__wrap_readdir64(DIR *dir)
{
    if (entries_left < 0 || entries_left-- > 0)
        return __real_readdir64(dir);
    entries_left = 0;
    errno = EIO;
    return NULL;
}

int __real_openat64(int directory, const char *name, int flags);
int __wrap_openat64(int directory, const char *name, int flags);
int __wrap_openat64(int directory, const char *name, int flags)
{
    if (!unreadable || strcmp(name, unreadable) != 0)
        return __real_openat64(directory, name, flags);
    errno = EACCES;
    return -1;
}

int __real_unlinkat(int directory, const char *name, int flags);
int __wrap_unlinkat(int directory, const char *name, int flags);
int __wrap_unlinkat(int directory, const char *name, int flags)
{
    if (!kept || strcmp(name, kept) != 0)
        return __real_unlinkat(directory, name, flags);
    errno = EPERM;
    return -1;
}

/* --- two directories --- */

static char backups[200], keys[200];

static void put(const char *directory, const char *name, const char *ending, const char *text, int days)
{
    struct timespec times[2] = { { .tv_sec = (NOW_MS - days * DAY_MS) / 1000 } };
    char path[500];
    FILE *file;

    times[1] = times[0];
    snprintf(path, sizeof path, "%s/%s%s", directory, name, ending);
    file = fopen(path, "w");
    scratch_must(file && fputs(text, file) >= 0 && fclose(file) == 0 && utimensat(AT_FDCWD, path, times, 0) == 0, path);
}

static bool is_there(const char *directory, const char *name, const char *ending)
{
    char path[500];

    snprintf(path, sizeof path, "%s/%s%s", directory, name, ending);
    return access(path, F_OK) == 0;
}

/* So many days ago each was made: alt 9, neu 0; with their keys, and a note. */
static void begin(void)
{
    static const char *const names[] = { "alt", "neu" };

    for (size_t i = 0; i < KS_COUNT(names); i++) {
        put(backups, names[i], "", KS_BACKUP_MAGIC "...", i == 0 ? 9 : 0);
        put(keys, names[i], KS_BACKUP_KEY_ENDING, "0123", i == 0 ? 9 : 0);
    }
    put(backups, "notiz", "", "konsil", 9);
    entries_left = -1;
    unreadable = kept = NULL;
}

static enum ks_err rotate(unsigned *ret_removed)
{
    const struct ks_backup_places places = { backups, keys };

    return ks_backup_rotate(&places, "neu", NOW_MS - 2 * DAY_MS, ret_removed);
}

int main(void)
{
    unsigned removed;
    enum ks_err err;

    scratch_path(backups, sizeof backups, "backup");
    scratch_path(keys, sizeof keys, "backup-keys");
    scratch_must(mkdir(backups, 0700) == 0 && mkdir(keys, 0700) == 0, "no directories");

    begin();
    err = rotate(&removed);
    check_row(err == KS_OK && removed == 1 && !is_there(backups, "alt", "") && !is_there(keys, "alt", ".key"),
        "DSK II.3-b: an old backup goes, and its key", "%s, %u", ks_err_name(err), removed);
    check_row(is_there(backups, "neu", "") && is_there(keys, "neu", ".key") && is_there(backups, "notiz", ""),
        "the new one and its key stay, and so does what is no backup", "they do not");

    begin();
    entries_left = 0;
    err = rotate(&removed);
    check_row(err == KS_EIO && removed == 0, "a directory that cannot be read is no directory without old ones", "%s",
        ks_err_name(err));
    begin();
    entries_left = 4; /* all but one of ".", "..", and three files */
    err = rotate(&removed);
    check_row(err == KS_EIO, "nor is one whose end cannot be read", "%s", ks_err_name(err));

    begin();
    unreadable = "alt";
    err = rotate(&removed);
    check_row(err == KS_EIO && removed == 0 && is_there(backups, "alt", ""),
        "an old file that cannot be looked at may be a backup, and is told of", "%s", ks_err_name(err));
    begin();
    unreadable = "neu";
    err = rotate(&removed);
    check_row(
        err == KS_OK && removed == 1, "(control: the new one is not looked at)", "%s, %u", ks_err_name(err), removed);

    begin();
    kept = "alt";
    err = rotate(&removed);
    check_row(err == KS_EIO && removed == 0 && is_there(backups, "alt", "") && !is_there(keys, "alt", ".key"),
        "DSK II.3-b: of one that cannot be removed the key goes all the same", "%s, %u", ks_err_name(err), removed);

    begin();
    char alt[300];
    snprintf(alt, sizeof alt, "%s/alt", backups);
    scratch_must(unlink(alt) == 0, alt);
    err = rotate(&removed);
    check_row(err == KS_OK && removed == 0 && !is_there(keys, "alt", ".key") && is_there(keys, "neu", ".key"),
        "DSK II.3-b: the key of one that was carried away goes by its age", "%s", ks_err_name(err));

    begin();
    const struct ks_backup_places nowhere = { backups, "/nonexistent" };
    err = ks_backup_rotate(&nowhere, "neu", NOW_MS - 2 * DAY_MS, &removed);
    check_row(
        err == KS_EIO && removed == 1, "a directory of keys that is not there is told of", "%s", ks_err_name(err));
    scratch_done();
    return check_done();
}
