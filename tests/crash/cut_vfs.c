/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cut_vfs.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>

#define FILES_MAX 16
#define SECTOR 512

struct bytes {
    uint8_t *ptr;
    size_t len, cap;
};

/* What was done to a file since its last sync: a write, or (bytes NULL) a truncation to offset. */
struct change {
    size_t offset, len;
    uint8_t *bytes;
};

struct disk_file {
    char name[64]; /* empty: the slot is free */
    bool exists;   /* for the process */
    bool durable;  /* its name would survive a cut */
    bool
        has_ghost; /* an older file of that name was deleted, which a cut may undo as long as this one is not durable */
    struct bytes now, synced, ghost;
    struct change *changes;
    size_t changes_count, changes_cap;
};

struct open_file {
    sqlite3_file base;
    struct disk_file *file;
    bool delete_on_close;
};

static struct {
    struct disk_file files[FILES_MAX];
    bool off;
    uint64_t countdown; /* 0: not armed */
    bool at_sync, lies;
    struct ks_prng *chance;
    size_t room;
    struct cut_counts counts;
} disk;

/* --- bytes --- */

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void grow(struct bytes *b, size_t len)
{
    if (len > b->cap) {
        b->cap = len * 2;
        b->ptr = realloc(b->ptr, b->cap);
        must(b->ptr != NULL);
    }
    if (len > b->len) {
        memset(b->ptr + b->len, 0, len - b->len);
        b->len = len;
    }
}

static void overwrite(struct bytes *b, size_t offset, const uint8_t *from, size_t len)
{
    grow(b, offset + len);
    memcpy(b->ptr + offset, from, len);
}

static void copy(struct bytes *to, const struct bytes *from)
{
    to->len = 0;
    if (from->len)
        overwrite(to, 0, from->ptr, from->len);
}

static void forget_changes(struct disk_file *f)
{
    for (size_t i = 0; i < f->changes_count; i++)
        free(f->changes[i].bytes);
    f->changes_count = 0;
}

static void remember(struct disk_file *f, size_t offset, const void *bytes, size_t len)
{
    struct change change = { offset, len, NULL };

    if (f->changes_count == f->changes_cap) {
        f->changes_cap = f->changes_cap ? 2 * f->changes_cap : 16;
        f->changes = realloc(f->changes, f->changes_cap * sizeof *f->changes);
        must(f->changes != NULL);
    }
    if (bytes) {
        change.bytes = malloc(len + 1);
        must(change.bytes != NULL);
        memcpy(change.bytes, bytes, len);
    }
    f->changes[f->changes_count++] = change;
}

static void erase(struct disk_file *f)
{
    forget_changes(f);
    free(f->changes);
    free(f->now.ptr);
    free(f->synced.ptr);
    free(f->ghost.ptr);
    memset(f, 0, sizeof *f);
}

/* --- the cut --- */

/* What a cut does to all writes alike; else each has its own fate. */
enum mood { ALL_SURVIVE, NONE_SURVIVES, MIXED };

static void survive_write(struct disk_file *f, const struct change *change, enum mood mood)
{
    uint64_t fate = mood == ALL_SURVIVE ? 3 : mood == NONE_SURVIVES ? 0 : ks_prng_below(disk.chance, 4);
    size_t at = change->offset, end = change->offset + change->len;

    if (fate == 0) {
        disk.counts.dropped++;
    } else if (fate == 1 && change->len > SECTOR) {
        disk.counts.torn++;
        while (at < end) {
            size_t sector_end = (at / SECTOR + 1) * SECTOR, stop = sector_end < end ? sector_end : end;
            if (ks_prng_below(disk.chance, 2))
                overwrite(&f->synced, at, change->bytes + (at - change->offset), stop - at);
            at = stop;
        }
    } else {
        overwrite(&f->synced, at, change->bytes, change->len);
    }
}

static void survive(struct disk_file *f, enum mood mood)
{
    /* Any order: draw one of those left, each time. */
    for (size_t left = f->changes_count; left > 0; left--) {
        size_t i = (size_t)ks_prng_below(disk.chance, mood == MIXED && ks_prng_below(disk.chance, 2) ? left : 1);
        struct change change = f->changes[i];

        disk.counts.reordered += i > 0;
        memmove(f->changes + i, f->changes + i + 1, (left - 1 - i) * sizeof *f->changes);
        if (change.bytes)
            survive_write(f, &change, mood);
        else if (mood != NONE_SURVIVES && (mood == ALL_SURVIVE || ks_prng_below(disk.chance, 2))
            && change.offset < f->synced.len)
            f->synced.len = change.offset;
        free(change.bytes);
    }
    f->changes_count = 0;
}

void cut_vfs_cut(struct ks_prng *chance)
{
    uint64_t dice = ks_prng_below(chance, 8);
    enum mood mood;

    if (disk.off)
        return;
    disk.off = true;
    disk.chance = chance;
    mood = dice < 2 ? ALL_SURVIVE : dice == 2 ? NONE_SURVIVES : MIXED;
    for (int i = 0; i < FILES_MAX; i++) {
        struct disk_file *f = &disk.files[i];
        if (!f->name[0])
            continue;
        survive(f, mood);
        if (!f->durable && f->has_ghost && ks_prng_below(chance, 2)) {
            copy(&f->synced, &f->ghost);
            f->exists = true;
        } else if (!f->durable && f->exists) {
            f->exists = ks_prng_below(chance, 2);
        }
        f->has_ghost = false;
        f->durable = f->exists;
        if (f->exists)
            copy(&f->now, &f->synced);
        else
            erase(f);
    }
}

/* Every call that changes the disk comes through here first. */
static bool powered(bool sync)
{
    if (!disk.off && disk.countdown && (sync || !disk.at_sync) && --disk.countdown == 0)
        cut_vfs_cut(disk.chance);
    return !disk.off;
}

/* --- files --- */

static struct disk_file *find(const char *name)
{
    const char *slash = strrchr(name, '/');

    name = slash ? slash + 1 : name;
    for (int i = 0; i < FILES_MAX; i++)
        if (strcmp(disk.files[i].name, name) == 0 && name[0])
            return &disk.files[i];
    return NULL;
}

static struct disk_file *find_or_make(const char *name)
{
    struct disk_file *f = find(name);
    const char *slash = strrchr(name, '/');

    for (int i = 0; i < FILES_MAX && !f; i++)
        if (!disk.files[i].name[0])
            f = &disk.files[i];
    must(f != NULL);
    if (!f->exists) {
        strncpy(f->name, slash ? slash + 1 : name, sizeof f->name - 1);
        f->exists = true;
    }
    return f;
}

static struct disk_file *file_of(sqlite3_file *file)
{
    return ((struct open_file *)(void *)file)->file;
}

static int cut_close(sqlite3_file *file)
{
    struct open_file *open = (struct open_file *)(void *)file;

    if (open->delete_on_close)
        erase(open->file);
    return SQLITE_OK;
}

static int cut_read(sqlite3_file *file, void *to, int len, sqlite3_int64 offset)
{
    const struct bytes *b = &file_of(file)->now;
    size_t at = (size_t)offset, there = at < b->len ? b->len - at : 0;

    if (disk.off)
        return SQLITE_IOERR_READ;
    if (there > (size_t)len)
        there = (size_t)len;
    if (there)
        memcpy(to, b->ptr + at, there);
    memset((char *)to + there, 0, (size_t)len - there);
    return there == (size_t)len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int cut_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 offset)
{
    struct disk_file *f = file_of(file);
    size_t end = (size_t)offset + (size_t)len, more = end > f->now.len ? end - f->now.len : 0;

    /* The write at which the power goes is among those that may survive. */
    if (!disk.off && more <= disk.room) {
        remember(f, (size_t)offset, from, (size_t)len);
        overwrite(&f->now, (size_t)offset, from, (size_t)len);
        disk.counts.writes++;
    }
    if (!powered(false))
        return SQLITE_IOERR_WRITE;
    if (more > disk.room)
        return SQLITE_FULL;
    if (disk.room != SIZE_MAX)
        disk.room -= more;
    return SQLITE_OK;
}

static int cut_truncate(sqlite3_file *file, sqlite3_int64 len)
{
    struct disk_file *f = file_of(file);

    if (!powered(false))
        return SQLITE_IOERR_TRUNCATE;
    if ((size_t)len < f->now.len)
        f->now.len = (size_t)len;
    else
        grow(&f->now, (size_t)len);
    remember(f, (size_t)len, NULL, 0);
    return SQLITE_OK;
}

static int cut_sync(sqlite3_file *file, int flags)
{
    struct disk_file *f = file_of(file);

    (void)flags;
    if (!powered(true))
        return SQLITE_IOERR_FSYNC;
    disk.counts.syncs++;
    if (disk.lies)
        return SQLITE_OK;
    forget_changes(f);
    copy(&f->synced, &f->now);
    f->durable = true;
    f->has_ghost = false;
    return SQLITE_OK;
}

static int cut_size(sqlite3_file *file, sqlite3_int64 *ret_len)
{
    *ret_len = (sqlite3_int64)file_of(file)->now.len;
    return disk.off ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static int cut_lock(sqlite3_file *file, int level)
{
    (void)file, (void)level;
    return SQLITE_OK;
}

static int cut_check_lock(sqlite3_file *file, int *ret_locked)
{
    (void)file;
    *ret_locked = 0;
    return SQLITE_OK;
}

static int cut_control(sqlite3_file *file, int op, void *arg)
{
    (void)file, (void)op, (void)arg;
    return SQLITE_NOTFOUND;
}

static int cut_sector_size(sqlite3_file *file)
{
    (void)file;
    return 4096; /* what the driver for Unix says of every disk */
}

static int cut_characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* likewise */
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, /* no shared memory: the store has the file to itself */
    .xClose = cut_close,
    .xRead = cut_read,
    .xWrite = cut_write,
    .xTruncate = cut_truncate,
    .xSync = cut_sync,
    .xFileSize = cut_size,
    .xLock = cut_lock,
    .xUnlock = cut_lock,
    .xCheckReservedLock = cut_check_lock,
    .xFileControl = cut_control,
    .xSectorSize = cut_sector_size,
    .xDeviceCharacteristics = cut_characteristics,
};

/* --- the file system --- */

static int cut_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
    struct open_file *open = (struct open_file *)(void *)file;

    (void)vfs;
    open->base.pMethods = NULL;
    if (disk.off)
        return SQLITE_CANTOPEN;
    name = name ? name : "temporary";
    if (!(flags & SQLITE_OPEN_CREATE) && !(find(name) && find(name)->exists))
        return SQLITE_CANTOPEN;
    open->file = find_or_make(name);
    open->delete_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
    open->base.pMethods = &methods;
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int cut_delete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
    struct disk_file *f = find(name);

    (void)vfs;
    if (!f || !f->exists)
        return SQLITE_IOERR_DELETE_NOENT;
    if (!powered(false))
        return SQLITE_IOERR_DELETE;
    if (sync_directory) {
        erase(f);
        return SQLITE_OK;
    }
    if (f->durable) {
        copy(&f->ghost, &f->now);
        f->has_ghost = true;
    }
    forget_changes(f);
    f->now.len = f->synced.len = 0;
    f->exists = f->durable = false;
    return SQLITE_OK;
}

static int cut_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_there)
{
    struct disk_file *f = find(name);

    (void)vfs, (void)flags;
    *ret_there = f && f->exists;
    return disk.off ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static int cut_full_path(sqlite3_vfs *vfs, const char *name, int cap, char *ret_path)
{
    (void)vfs;
    sqlite3_snprintf(cap, ret_path, "%s", name);
    return SQLITE_OK;
}

static int cut_randomness(sqlite3_vfs *vfs, int len, char *ret_bytes)
{
    (void)vfs;
    memset(ret_bytes, 7, (size_t)len);
    return len;
}

static int cut_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int cut_time(sqlite3_vfs *vfs, double *ret_days)
{
    (void)vfs;
    *ret_days = 2461367.5;
    return SQLITE_OK;
}

static int cut_last_error(sqlite3_vfs *vfs, int cap, char *ret_text)
{
    (void)vfs, (void)cap, (void)ret_text;
    return 0;
}

void cut_vfs_register(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 1,
        .szOsFile = sizeof(struct open_file),
        .mxPathname = 512,
        .zName = "cut",
        .xOpen = cut_open,
        .xDelete = cut_delete,
        .xAccess = cut_access,
        .xFullPathname = cut_full_path,
        .xRandomness = cut_randomness,
        .xSleep = cut_sleep,
        .xCurrentTime = cut_time,
        .xGetLastError = cut_last_error,
    };

    must(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
    if (!disk.room)
        disk.room = SIZE_MAX;
}

void cut_vfs_format(void)
{
    for (int i = 0; i < FILES_MAX; i++)
        erase(&disk.files[i]);
    disk.off = false;
    disk.countdown = 0;
    disk.room = SIZE_MAX;
}

void cut_vfs_arm(uint64_t n, bool at_sync, struct ks_prng *chance)
{
    must(n > 0);
    disk.at_sync = at_sync;
    disk.countdown = n;
    disk.chance = chance;
}

bool cut_vfs_off(void)
{
    return disk.off;
}

void cut_vfs_on(void)
{
    disk.off = false;
    disk.countdown = 0;
}

void cut_vfs_lie(bool lie)
{
    disk.lies = lie;
}

void cut_vfs_room(size_t bytes)
{
    disk.room = bytes;
}

struct cut_counts cut_vfs_counts(void)
{
    return disk.counts;
}
