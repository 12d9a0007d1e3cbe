/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* kio_vfs.c -- SQLite's files in WASM, over kio.h.
 *
 * It is the only VFS of the WASM build (SQLITE_OS_OTHER) and its default, so SQLite3MC's encrypting layer lies over it
 * and a store is opened as everywhere else. A path ending in "-journal" is the journal, any other path the store. Slots
 * always exist, so to SQLite a file exists if it is not empty, and deleting it empties it. One worker has the handles
 * for itself: there is nobody to lock out. */

#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kio.h"

struct kio_file {
    sqlite3_file base;
    int32_t slot;
};

static int32_t slot_of(sqlite3_file *file)
{
    return ((struct kio_file *)file)->slot;
}

static int32_t slot_of_path(const char *path)
{
    static const char end[] = "-journal";
    size_t len = path ? strlen(path) : 0;

    return len >= sizeof end - 1 && strcmp(path + len - (sizeof end - 1), end) == 0 ? KIO_JOURNAL : KIO_STORE;
}

static int file_close(sqlite3_file *file)
{
    (void)file;
    return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    int32_t got = kio_read(slot_of(file), bytes, (size_t)len, (double)offset);

    if (got < 0)
        return SQLITE_IOERR_READ;
    if (got == len)
        return SQLITE_OK;
    memset((char *)bytes + got, 0, (size_t)(len - got)); /* as xRead asks */
    return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    int32_t result = kio_write(slot_of(file), bytes, (size_t)len, (double)offset);

    return result == 0 ? SQLITE_OK : result == -2 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return kio_trunc(slot_of(file), (double)size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int file_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    return kio_flush(slot_of(file)) == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    double size = kio_size(slot_of(file));

    if (size < 0)
        return SQLITE_IOERR_FSTAT;
    *ret_size = (sqlite3_int64)size;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level)
{
    (void)file, (void)level;
    return SQLITE_OK;
}

static int file_is_locked(sqlite3_file *file, int *ret_locked)
{
    (void)file;
    *ret_locked = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    (void)file, (void)op, (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

/* As SQLite's own VFS for Unix says: a write that is cut by a power failure leaves the bytes around it alone. With it a
 * journal header has 512 bytes, and must have: SQLite3MC (2.3.5) encrypts one of exactly a page, if the journal stays
 * open between transactions, and could then not roll back (tests/wasm/test_kio_store.c fails without this flag). */
static int file_characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_is_locked,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
};

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct kio_file *opened = (struct kio_file *)file;

    (void)vfs;
    /* Temporary files stay in memory (SQLITE_TEMP_STORE=3); only these two kinds are real. */
    if (!(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL)))
        return SQLITE_CANTOPEN;
    *opened = (struct kio_file) { .slot = slot_of_path(path) };
    if (!(flags & SQLITE_OPEN_CREATE) && kio_size(opened->slot) <= 0)
        return SQLITE_CANTOPEN;
    opened->base.pMethods = &methods;
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    int32_t slot = slot_of_path(path);

    (void)vfs, (void)sync_directory;
    return kio_trunc(slot, 0) == 0 && kio_flush(slot) == 0 ? SQLITE_OK : SQLITE_IOERR_DELETE;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_there)
{
    static const char wal[] = "-wal";
    size_t len = strlen(path);

    (void)vfs, (void)flags;
    /* This build has no WAL, but SQLite asks whether one was left behind. */
    bool is_wal = len >= sizeof wal - 1 && strcmp(path + len - (sizeof wal - 1), wal) == 0;
    *ret_there = !is_wal && kio_size(slot_of_path(path)) > 0;
    return SQLITE_OK;
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *path, int len, char *ret_path)
{
    (void)vfs;
    return strlen(sqlite3_snprintf(len, ret_path, "%s", path)) == strlen(path) ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_randomness(sqlite3_vfs *vfs, int len, char *ret_bytes)
{
    int done = 0;

    (void)vfs;
    for (; done < len; done += 256) {
        size_t part = len - done < 256 ? (size_t)(len - done) : 256;
        if (getentropy(ret_bytes + done, part) != 0)
            return done;
    }
    return len;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int vfs_current_time(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
    struct timespec now;

    (void)vfs;
    clock_gettime(CLOCK_REALTIME, &now);
    /* Milliseconds since noon in Greenwich on November 24, 4714 BC, as SQLite counts. */
    *ret_ms = 210866760000000 + (sqlite3_int64)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    return SQLITE_OK;
}

static int vfs_current_day(sqlite3_vfs *vfs, double *ret_day)
{
    sqlite3_int64 ms;

    vfs_current_time(vfs, &ms);
    *ret_day = (double)ms / 86400000;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int len, char *ret_text)
{
    (void)vfs;
    if (len > 0)
        *ret_text = 0;
    return 0;
}

static sqlite3_vfs kio_vfs = {
    .iVersion = 2,
    .szOsFile = sizeof(struct kio_file),
    .mxPathname = 256,
    .zName = "kio",
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_pathname,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_current_day,
    .xGetLastError = vfs_last_error,
    .xCurrentTimeInt64 = vfs_current_time,
};

/* SQLite calls these two with SQLITE_OS_OTHER. */
int sqlite3_os_init(void)
{
    return sqlite3_vfs_register(&kio_vfs, 1);
}

int sqlite3_os_end(void)
{
    return SQLITE_OK;
}
