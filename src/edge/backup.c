/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive_settings.h"
#include "backup_files.h"
#include "backup_stream.h"
#include "crypto.h"
#include "sqlite_schema.h"
#include "sqlite_server_store.h"

#define DATABASE "server.db" /* its name in the manifest */
#define FILES "files"        /* likewise, of what lies beside it */
#define MANIFEST_VERSION 2   /* 1: the database alone */
#define MANIFEST_BYTES_MAX (64u << 10)
#define CHUNK (256u << 10)
#define STEP_PAGES 64

struct ks_backup {
    char path[PATH_MAX], part[PATH_MAX], copy_path[PATH_MAX];
    uint8_t key[KS_BACKUP_KEY_LEN], page_key[KS_STORE_KEY_LEN];
    enum ks_pages pages;
    int64_t now_ms;
    struct ks_prng prng; /* for the file's salt */
    sqlite3 *copy;
    sqlite3_backup *copying;
    bool copied;
    struct ks_file_store *files;
};

/* What stands in front of the stream. */
struct manifest {
    struct ks_backup_facts facts;
    enum ks_pages pages;
    uint8_t page_key[KS_STORE_KEY_LEN];
    uint8_t sha256[32]; /* of the database, facts.bytes long */
    bool has_files;     /* behind it (backup_files.h) */
};

/* --- paths --- */

static enum ks_err path_join(char to[PATH_MAX], const char *a, const char *b)
{
    int len = snprintf(to, PATH_MAX, "%s%s", a, b);

    return len >= 0 && len < PATH_MAX ? KS_OK : KS_EIO;
}

static void directory_of(const char *path, char to[PATH_MAX])
{
    const char *slash = strrchr(path, '/');

    snprintf(to, PATH_MAX, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
}

static enum ks_err sync_directory_of(const char *path)
{
    char directory[PATH_MAX];
    enum ks_err err;
    int fd;

    directory_of(path, directory);
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err = fd >= 0 && fsync(fd) == 0 ? KS_OK : KS_EIO;
    if (fd >= 0)
        close(fd);
    return err;
}

/* A database and what SQLite may leave beside it. */
static void remove_database(const char *path)
{
    static const char *const beside[] = { "", "-wal", "-journal" };
    char name[PATH_MAX];

    for (size_t i = 0; i < KS_COUNT(beside); i++)
        if (path_join(name, path, beside[i]) == KS_OK)
            unlink(name);
}

/* --- facts --- */

static enum ks_err read_epoch(sqlite3 *db, uint32_t *ret_epoch)
{
    sqlite3_stmt *at = NULL;
    int code = sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE key = 'archive.epochs'", -1, &at, NULL);

    *ret_epoch = 0;
    if (code == SQLITE_OK && (code = sqlite3_step(at)) == SQLITE_ROW) {
        const uint8_t *bytes = sqlite3_column_blob(at, 0);
        int len = sqlite3_column_bytes(at, 0);
        for (int i = len < 4 ? len : 4; i > 0; i--) /* the newest is last, and ends with its number */
            *ret_epoch = *ret_epoch << 8 | bytes[len - i];
    }
    sqlite3_finalize(at);
    return ks_sqlite_err(code);
}

static enum ks_err read_facts(sqlite3 *db, struct ks_backup_facts *ret_facts)
{
    int64_t accounts = 0, values = 0, messages = 0, audit_rows = 0, cut_row = 0;
    const struct {
        const char *sql;
        int64_t *to;
    } counts[] = {
        { "SELECT count(*) FROM account", &accounts },
        { "SELECT count(*) FROM kv", &values },
        { "SELECT count(*) FROM archive", &messages },
        { "SELECT count(*) FROM audit", &audit_rows },
        { "SELECT coalesce(max(id), 0) FROM archive", &cut_row },
    };
    enum ks_err err = ks_sqlite_schema_version(db, &ret_facts->schema);

    for (size_t i = 0; i < KS_COUNT(counts) && err == KS_OK; i++)
        err = ks_sqlite_number(db, counts[i].sql, counts[i].to);
    ret_facts->accounts = (uint64_t)accounts;
    ret_facts->values = (uint64_t)values;
    ret_facts->messages = (uint64_t)messages;
    ret_facts->audit_rows = (uint64_t)audit_rows;
    ret_facts->cut_row = (uint64_t)cut_row;
    return err == KS_OK ? read_epoch(db, &ret_facts->archive_epoch) : err;
}

static bool facts_same(const struct ks_backup_facts *a, const struct ks_backup_facts *b)
{
    return a->schema == b->schema && a->accounts == b->accounts && a->values == b->values && a->messages == b->messages
        && a->audit_rows == b->audit_rows && a->cut_row == b->cut_row && a->archive_epoch == b->archive_epoch;
}

/* --- the manifest --- */

static void manifest_write(const struct manifest *m, struct ks_buf *buf)
{
    ks_buf_u16(buf, m->has_files ? MANIFEST_VERSION : 1);
    ks_buf_u64(buf, (uint64_t)m->facts.created_ms);
    ks_buf_u32(buf, (uint32_t)m->facts.schema);
    ks_buf_u64(buf, m->facts.accounts);
    ks_buf_u64(buf, m->facts.values);
    ks_buf_u64(buf, m->facts.messages);
    ks_buf_u64(buf, m->facts.audit_rows);
    ks_buf_u64(buf, m->facts.cut_row);
    ks_buf_u32(buf, m->facts.archive_epoch);
    ks_buf_u16(buf, (uint16_t)m->pages);
    ks_buf_add(buf, ks_str(m->page_key, sizeof m->page_key));
    ks_buf_u32(buf, m->has_files ? 2 : 1); /* what follows */
    ks_buf_field(buf, KS_STR(DATABASE));
    ks_buf_u64(buf, m->facts.bytes);
    ks_buf_add(buf, ks_str(m->sha256, sizeof m->sha256));
    if (m->has_files)
        ks_buf_field(buf, KS_STR(FILES));
}

static bool take_u64(struct ks_cursor *at, uint64_t *ret_number)
{
    return ks_cursor_u64(at, ret_number) == KS_OK;
}

static bool take_bytes(struct ks_cursor *at, uint8_t *to, size_t len)
{
    struct ks_str bytes;

    if (ks_cursor_take(at, len, &bytes) != KS_OK)
        return false;
    memcpy(to, bytes.ptr, len);
    return true;
}

/* It is genuine when it comes here, so what does not fit is of another version. */
static enum ks_err manifest_read(struct ks_str record, struct manifest *ret)
{
    struct ks_cursor at = ks_cursor(record);
    struct ks_backup_facts *f = &ret->facts;
    uint64_t created = 0;
    uint32_t schema = 0, files = 0;
    uint16_t version = 0, pages = 0;
    struct ks_str name;
    bool fits = ks_cursor_u16(&at, &version) == KS_OK && version >= 1 && version <= MANIFEST_VERSION
        && take_u64(&at, &created) && ks_cursor_u32(&at, &schema) == KS_OK && take_u64(&at, &f->accounts)
        && take_u64(&at, &f->values) && take_u64(&at, &f->messages) && take_u64(&at, &f->audit_rows)
        && take_u64(&at, &f->cut_row) && ks_cursor_u32(&at, &f->archive_epoch) == KS_OK
        && ks_cursor_u16(&at, &pages) == KS_OK && take_bytes(&at, ret->page_key, sizeof ret->page_key)
        && ks_cursor_u32(&at, &files) == KS_OK && files == version && ks_cursor_field(&at, &name) == KS_OK
        && ks_str_is(name, DATABASE) && take_u64(&at, &f->bytes) && take_bytes(&at, ret->sha256, sizeof ret->sha256)
        && (files == 1 || (ks_cursor_field(&at, &name) == KS_OK && ks_str_is(name, FILES))) && ks_cursor_done(&at)
        && pages <= KS_PAGES_PLAIN && schema <= KS_SCHEMA_VERSION;

    f->created_ms = (int64_t)created;
    f->schema = (int)schema;
    ret->pages = (enum ks_pages)pages;
    ret->has_files = files == 2;
    return fits ? KS_OK : KS_EVERSION;
}

/* --- making one --- */

static struct ks_sqlite_setup copy_setup(const char *path, const uint8_t *page_key, enum ks_pages pages)
{
    return (struct ks_sqlite_setup) { .path = path, .key = page_key, .pages = pages, .scratch = true };
}

/* The copy is new and ours: what fails there is the disk's fault, and no damage of the store. */
static enum ks_err of_copy(enum ks_err err)
{
    return err == KS_ESTORE || err == KS_ECRYPTO ? KS_EIO : err;
}

/* Both databases have a part in a step. Only the store is read, and pages that are no pages are its own. */
static enum ks_err err_of_step(int code)
{
    switch (code) {
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
    case SQLITE_IOERR_CORRUPTFS:
    case SQLITE_IOERR_DATA:
        return KS_ESTORE;
    default:
        break;
    }
    code &= 0xff;
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? KS_ESTORE : of_copy(ks_sqlite_err(code));
}

enum ks_err ks_backup_new(const struct ks_backup_setup *setup, struct ks_server_store *store, struct ks_prng *prng,
    struct ks_backup **ret_backup)
{
    struct ks_backup *b = calloc(1, sizeof *b);
    struct ks_sqlite_setup copy;
    uint8_t seed[KS_PRNG_SEED_LEN];
    enum ks_err err;

    if (!b)
        return KS_ENOMEM;
    memcpy(b->key, setup->key, sizeof b->key);
    b->pages = setup->pages;
    b->now_ms = setup->now_ms;
    b->files = setup->files;
    ks_prng_bytes(prng, b->page_key, sizeof b->page_key);
    ks_prng_bytes(prng, seed, sizeof seed);
    ks_prng_init(&b->prng, seed);
    ks_wipe(seed, sizeof seed);
    err = path_join(b->path, setup->path, "");
    if (err == KS_OK)
        err = path_join(b->part, setup->path, ".part");
    if (err == KS_OK)
        err = path_join(b->copy_path, setup->path, ".db");
    if (err == KS_OK && access(b->path, F_OK) == 0)
        err = KS_EEXISTS;
    if (err == KS_OK) {
        /* What a process that died left behind. */
        remove_database(b->copy_path);
        unlink(b->part);
        copy = copy_setup(b->copy_path, b->page_key, b->pages);
        err = of_copy(ks_sqlite_connect(&copy, &b->copy));
    }
    if (err == KS_OK) {
        b->copying = sqlite3_backup_init(b->copy, "main", ks_sqlite_server_store_db(store), "main");
        err = b->copying ? KS_OK : KS_EIO;
    }
    if (err != KS_OK) {
        ks_backup_free(b);
        return err;
    }
    *ret_backup = b;
    return KS_OK;
}

/* Ends copying; the copy is whole when code is SQLITE_DONE. */
static enum ks_err end_copy(struct ks_backup *b, int code)
{
    int finished = sqlite3_backup_finish(b->copying), closed = sqlite3_close(b->copy);

    b->copying = NULL;
    b->copy = NULL;
    b->copied = code == SQLITE_DONE && finished == SQLITE_OK && closed == SQLITE_OK;
    return code != SQLITE_DONE ? err_of_step(code) : b->copied ? KS_OK : KS_EIO;
}

enum ks_err ks_backup_step(struct ks_backup *b, bool *ret_done)
{
    int code;

    assert(b->copying);
    code = sqlite3_backup_step(b->copying, STEP_PAGES);
    *ret_done = code == SQLITE_DONE;
    return code == SQLITE_OK ? KS_OK : end_copy(b, code);
}

int ks_backup_percent(const struct ks_backup *b)
{
    int all = b->copying ? sqlite3_backup_pagecount(b->copying) : 0;

    return b->copied ? 100 : all ? (int)((int64_t)(all - sqlite3_backup_remaining(b->copying)) * 100 / all) : 0;
}

/* Hands a file's bytes to a hasher or a writer. */
static enum ks_err each_chunk(
    const char *path, struct ks_hasher *hasher, struct ks_backup_writer *w, uint64_t *ret_bytes)
{
    char *chunk = malloc(CHUNK);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum ks_err err = !chunk ? KS_ENOMEM : fd < 0 ? KS_EIO : KS_OK;

    *ret_bytes = 0;
    while (err == KS_OK) {
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            err = n < 0 ? KS_EIO : KS_OK;
            break;
        }
        *ret_bytes += (uint64_t)n;
        if (hasher)
            ks_hasher_add(hasher, ks_str(chunk, (size_t)n));
        if (w)
            err = ks_backup_write(w, ks_str(chunk, (size_t)n));
    }
    if (fd >= 0)
        close(fd);
    free(chunk);
    return err;
}

static enum ks_err hash_file(const char *path, uint8_t ret_sha256[32], uint64_t *ret_bytes)
{
    struct ks_hasher *hasher = ks_hasher_new(KS_SHA256);
    enum ks_err err = hasher ? each_chunk(path, hasher, NULL, ret_bytes) : KS_ENOMEM;

    if (err == KS_OK)
        ks_hasher_end(hasher, ret_sha256);
    ks_hasher_free(hasher);
    return err;
}

static enum ks_err write_all(struct ks_backup *b, struct manifest *m)
{
    struct ks_backup_files counts = { 0 };
    struct ks_backup_writer *w = NULL;
    struct ks_buf record, head;
    uint64_t bytes = 0;
    enum ks_err err = ks_backup_writer_new(b->part, b->key, &b->prng, &w);

    ks_buf_init_secret(&record, MANIFEST_BYTES_MAX);
    ks_buf_init_secret(&head, MANIFEST_BYTES_MAX + 4);
    manifest_write(m, &record);
    ks_buf_field(&head, ks_buf_str(&record));
    if (err == KS_OK)
        err = ks_buf_err(&record);
    if (err == KS_OK)
        err = ks_buf_err(&head);
    if (err == KS_OK)
        err = ks_backup_write(w, ks_buf_str(&head));
    if (err == KS_OK)
        err = each_chunk(b->copy_path, NULL, w, &bytes);
    if (err == KS_OK && bytes != m->facts.bytes)
        err = KS_EIO;
    if (err == KS_OK && m->has_files)
        err = ks_backup_files_write(w, b->files, &counts);
    if (err == KS_OK)
        err = ks_backup_writer_end(w);
    m->facts.files = counts.files;
    m->facts.file_bytes = counts.bytes;
    ks_backup_writer_free(w);
    ks_buf_done(&record);
    ks_buf_done(&head);
    return err;
}

/* Counts what the copy holds, and closes it again. */
static enum ks_err count_copy(const char *path, struct manifest *m, bool check)
{
    struct ks_sqlite_setup setup = copy_setup(path, m->page_key, m->pages);
    sqlite3 *db = NULL;
    enum ks_err err = ks_sqlite_connect(&setup, &db);

    if (err != KS_OK)
        return err == KS_ECRYPTO ? KS_ESTORE : err;
    err = read_facts(db, &m->facts);
    if (err == KS_OK && check && !ks_sqlite_says(db, "PRAGMA integrity_check", "ok"))
        err = KS_ESTORE;
    sqlite3_close(db);
    return err == KS_ECRYPTO ? KS_ESTORE : err;
}

enum ks_err ks_backup_finish(struct ks_backup *b, struct ks_backup_facts *ret_facts)
{
    struct manifest m = { .pages = b->pages, .facts = { .created_ms = b->now_ms }, .has_files = b->files != NULL };
    enum ks_err err;

    assert(b->copied);
    memcpy(m.page_key, b->page_key, sizeof m.page_key);
    err = count_copy(b->copy_path, &m, false);
    if (err == KS_OK)
        err = hash_file(b->copy_path, m.sha256, &m.facts.bytes);
    if (err == KS_OK)
        err = write_all(b, &m);
    if (err == KS_OK && renameat2(AT_FDCWD, b->part, AT_FDCWD, b->path, RENAME_NOREPLACE) != 0)
        err = errno == EEXIST ? KS_EEXISTS : KS_EIO;
    if (err == KS_OK)
        err = sync_directory_of(b->path);
    if (err == KS_OK)
        *ret_facts = m.facts;
    ks_wipe(&m, sizeof m);
    return err;
}

void ks_backup_free(struct ks_backup *b)
{
    if (!b)
        return;
    sqlite3_backup_finish(b->copying);
    sqlite3_close(b->copy);
    if (b->copy_path[0])
        remove_database(b->copy_path);
    if (b->part[0])
        unlink(b->part);
    ks_wipe(b, sizeof *b);
    free(b);
}

/* --- reading one --- */

static enum ks_err read_manifest(struct ks_backup_reader *r, struct manifest *ret)
{
    uint8_t head[4];
    char *record;
    size_t len;
    enum ks_err err = ks_backup_read(r, head, sizeof head);

    if (err != KS_OK)
        return err;
    len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (len > MANIFEST_BYTES_MAX)
        return KS_EVERSION;
    record = malloc(len + 1);
    if (!record)
        return KS_ENOMEM;
    err = ks_backup_read(r, record, len);
    if (err == KS_OK)
        err = manifest_read(ks_str(record, len), ret);
    ks_wipe(record, len);
    free(record);
    return err;
}

/* What stands behind the database: into a store, or past. */
static enum ks_err unpack_files(struct ks_backup_reader *r, struct manifest *m, struct ks_file_store *store)
{
    struct ks_backup_files counts = { 0 };
    enum ks_err err = m->has_files ? ks_backup_files_read(r, store, &counts) : KS_OK;

    m->facts.files = counts.files;
    m->facts.file_bytes = counts.bytes;
    return err == KS_OK ? ks_backup_reader_end(r) : err;
}

/* The database of the stream, to a new file. */
static enum ks_err unpack(struct ks_backup_reader *r, struct manifest *m, const char *to, struct ks_file_store *files)
{
    uint8_t sha256[32];
    char *chunk = malloc(CHUNK);
    struct ks_hasher *hasher = ks_hasher_new(KS_SHA256);
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum ks_err err = !chunk || !hasher ? KS_ENOMEM : fd < 0 ? KS_EIO : KS_OK;

    for (uint64_t left = m->facts.bytes; left && err == KS_OK;) {
        size_t len = left < CHUNK ? (size_t)left : CHUNK;
        err = ks_backup_read(r, chunk, len);
        if (err == KS_OK)
            err = ks_backup_write_plain(fd, chunk, len);
        if (err == KS_OK)
            ks_hasher_add(hasher, ks_str(chunk, len));
        left -= len;
    }
    if (err == KS_OK)
        err = unpack_files(r, m, files);
    if (err == KS_OK) {
        ks_hasher_end(hasher, sha256);
        err = memcmp(sha256, m->sha256, sizeof sha256) == 0 ? KS_OK : KS_ECRYPTO;
    }
    if (fd >= 0)
        close(fd);
    ks_hasher_free(hasher);
    free(chunk);
    return err;
}

/* All that verify promises; leaves the database at `to`, and its files in a store at `files` (NULL: nowhere), also when
 * it fails. */
static enum ks_err open_backup(
    const char *path, const uint8_t key[KS_BACKUP_KEY_LEN], const char *to, const char *files, struct manifest *ret)
{
    struct ks_file_store store = { .dir = -1, .part = -1 };
    struct ks_backup_reader *r = NULL;
    struct manifest found;
    enum ks_err err = ks_backup_reader_new(path, key, &r);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_EIO : err;
    err = read_manifest(r, ret);
    if (err == KS_OK && files && ret->has_files)
        err = ks_file_store_open(&store, files, 0);
    if (err == KS_OK)
        err = unpack(r, ret, to, files && ret->has_files ? &store : NULL);
    ks_file_store_close(&store);
    ks_backup_reader_free(r);
    if (err != KS_OK)
        return err;
    found = *ret;
    err = count_copy(to, &found, true);
    if (err == KS_OK && !facts_same(&found.facts, &ret->facts))
        err = KS_ESTORE;
    ks_wipe(&found, sizeof found);
    return err;
}

enum ks_err ks_backup_verify(
    const char *path, const uint8_t key[KS_BACKUP_KEY_LEN], const char *scratch, struct ks_backup_facts *ret_facts)
{
    struct manifest m = { 0 };
    char directory[PATH_MAX], copy[PATH_MAX];
    enum ks_err err = path_join(directory, scratch, "/konsil-verify-XXXXXX");

    if (err != KS_OK || !mkdtemp(directory))
        return KS_EIO;
    err = path_join(copy, directory, "/" DATABASE);
    if (err == KS_OK)
        err = open_backup(path, key, copy, NULL, &m);
    remove_database(copy);
    rmdir(directory);
    if (err == KS_OK)
        *ret_facts = m.facts;
    ks_wipe(&m, sizeof m);
    return err;
}

static enum ks_err check_empty(const char *directory, const char *beside)
{
    DIR *dir = opendir(directory);
    const struct dirent *entry;
    enum ks_err err = dir ? KS_OK : KS_EIO;

    while (err == KS_OK && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0
            && !(beside && strcmp(entry->d_name, beside) == 0))
            err = KS_EEXISTS;
    if (dir)
        closedir(dir);
    return err;
}

/* Copies all pages to a new database under the server's own key, and syncs it. */
static enum ks_err copy_pages(const char *from, const struct manifest *m, const struct ks_sqlite_setup *to)
{
    struct ks_sqlite_setup setup = copy_setup(from, m->page_key, m->pages);
    sqlite3 *source = NULL, *target = NULL;
    sqlite3_backup *copying;
    int code = SQLITE_ERROR;
    enum ks_err err = ks_sqlite_connect(&setup, &source);

    if (err == KS_OK)
        err = ks_sqlite_connect(to, &target);
    if (err == KS_OK) {
        copying = sqlite3_backup_init(target, "main", source, "main");
        if (copying) {
            code = sqlite3_backup_step(copying, -1);
            if (sqlite3_backup_finish(copying) != SQLITE_OK && code == SQLITE_DONE)
                code = SQLITE_ERROR;
        }
        err = code == SQLITE_DONE ? KS_OK : ks_sqlite_err(code);
    }
    sqlite3_close(source);
    if (sqlite3_close(target) != SQLITE_OK && err == KS_OK)
        err = KS_ESTORE;
    return err == KS_ECRYPTO || err == KS_EEXISTS ? KS_ESTORE : err;
}

static enum ks_err start_epoch(const struct ks_sqlite_setup *setup, struct ks_prng *prng)
{
    struct ks_server_store *store = NULL;
    enum ks_err err = ks_sqlite_server_store_open(setup, &store);

    if (err == KS_OK)
        err = ks_archive_new_epoch(store, prng);
    ks_server_store_free(store);
    return err;
}

enum ks_err ks_backup_restore(const char *path, const uint8_t key[KS_BACKUP_KEY_LEN],
    const struct ks_sqlite_setup *store, const char *files, const char *beside, struct ks_prng *prng,
    struct ks_backup_facts *ret_facts)
{
    struct manifest m = { 0 };
    struct ks_sqlite_setup fresh = *store;
    char directory[PATH_MAX], part[PATH_MAX], next[PATH_MAX];
    enum ks_err err;

    directory_of(store->path, directory);
    err = path_join(part, store->path, ".restore");
    if (err == KS_OK)
        err = path_join(next, store->path, ".new");
    if (err == KS_OK)
        err = check_empty(directory, beside);
    if (err != KS_OK)
        return err;
    fresh.path = next;
    err = open_backup(path, key, part, files, &m);
    if (err == KS_OK && m.pages != store->pages)
        err = KS_ESTATE;
    if (err == KS_OK)
        err = copy_pages(part, &m, &fresh);
    if (err == KS_OK)
        err = start_epoch(&fresh, prng);
    /* It gets its name last: there is never a store that gives out archive ids of the epoch before. */
    if (err == KS_OK && rename(next, store->path) != 0)
        err = KS_EIO;
    if (err == KS_OK)
        err = sync_directory_of(store->path);
    if (err == KS_OK)
        *ret_facts = m.facts;
    if (err != KS_OK)
        ks_file_store_destroy(files);
    remove_database(part);
    remove_database(next);
    ks_wipe(&m, sizeof m);
    return err;
}
