/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* open_store.c -- opens stores as their owners do, for tests that search them.
 *
 *     open_store konsild DB KEY-FILE   decrypts the database in place: give it a copy
 *     open_store konsil DIR            with the passphrase of KONSIL_PASSPHRASE: writes "identity PRIVATE PUBLIC" in
 *                                      hexadecimal, then each record as "record TABLE KEY VALUE" in hexadecimal
 *     open_store pages DIR             the same store: writes the bytes of all its pages, free ones included: those of
 *                                      the file, and each that stands in the log, old ones, too. Give it a copy. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"
#include "enc.h"
#include "key_file.h"
#include "profile.h"
#include "sqlite_connect.h"
#include "system.h"
#include "vault.h"

static void hex(struct ks_str bytes)
{
    struct ks_buf text;

    ks_buf_init(&text, 64 * 1024 * 1024);
    ks_hex_add(&text, bytes);
    printf(" %.*s", KS_STR_FMT(ks_buf_str(&text)));
    ks_buf_done(&text);
}

static enum ks_err decrypt_database(const char *path, const char *key_file)
{
    uint8_t key[KS_STORE_KEY_LEN];
    struct ks_sqlite_setup setup = { .path = path, .key = key, .pages = KS_PAGES_AEGIS };
    sqlite3 *db = NULL;
    enum ks_err err = ks_key_file_read(key_file, key);

    if (err == KS_OK)
        err = ks_sqlite_connect(&setup, &db);
    if (err == KS_OK) /* the log comes home, and rekey works without one only */
        err = ks_sqlite_exec(db, "PRAGMA journal_mode = DELETE");
    if (err == KS_OK)
        err = ks_sqlite_err(sqlite3_rekey(db, NULL, 0));
    sqlite3_close(db);
    return err;
}

static bool print_identity(void *user, struct ks_str key, struct ks_str value)
{
    (void)user;
    if (ks_str_is(key, "i") && value.len == 1 + 4 + 32 + 32) { /* omemo_store.c */
        printf("identity");
        hex(ks_str(value.ptr + 5, 32));
        hex(ks_str(value.ptr + 37, 32));
        printf("\n");
    }
    return true;
}

static bool print_record(void *user, struct ks_str key, struct ks_str value)
{
    printf("record %d", *(const int *)user);
    hex(key);
    hex(value);
    printf("\n");
    return true;
}

static enum ks_err print_profile(const char *dir, const char *passphrase)
{
    uint8_t seed[KS_PRNG_SEED_LEN] = { 0 };
    KS_AUTO(ks_profile_free) struct ks_profile *profile = NULL;
    struct ks_engine_store *store = NULL;
    struct ks_prng prng;
    enum ks_err err;

    ks_prng_init(&prng, seed); /* nothing is made */
    if ((err = ks_profile_load(dir, &prng, &profile)) != KS_OK)
        return err;
    if (!ks_profile_vault(profile) || !passphrase)
        return KS_ENOTFOUND;
    if ((err = ks_profile_unlock(profile, ks_str_z(passphrase))) == KS_OK)
        err = ks_profile_store(profile, &store);
    if (err == KS_OK)
        err = store->ops->scan(store, KS_T_OMEMO_OWN, KS_STR_EMPTY, KS_STR_EMPTY, false, print_identity, NULL);
    for (int table = KS_T_META; err == KS_OK && table < KS_T_COUNT; table++)
        err = store->ops->scan(store, table, KS_STR_EMPTY, KS_STR_EMPTY, false, print_record, &table);
    ks_engine_store_free(store);
    return err;
}

/* --- pages --- */

#define PAGE 4096
#define WAL_BEGIN 32 /* SQLite's file format, §4.1: the log has a header, and each of its pages */
#define WAL_FRAME 24

static size_t read_whole(const char *path, uint8_t **ret_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    size_t len = 0;

    *ret_bytes = NULL;
    if (fd >= 0 && fstat(fd, &about) == 0 && (*ret_bytes = malloc((size_t)about.st_size + 1))
        && read(fd, *ret_bytes, (size_t)about.st_size) == about.st_size)
        len = (size_t)about.st_size;
    if (fd >= 0)
        close(fd);
    return len;
}

static enum ks_err store_key(const char *dir, uint8_t key[KS_VAULT_KEY_LEN])
{
    KS_AUTO(ks_vault_free) struct ks_vault *vault = NULL;
    const char *passphrase = getenv("KONSIL_PASSPHRASE");
    char path[4096];
    uint8_t *bytes;
    uint32_t number;
    size_t len;
    enum ks_err err;

    snprintf(path, sizeof path, "%s/vault", dir);
    len = read_whole(path, &bytes);
    err = ks_vault_read(ks_str(bytes, len), KS_VAULT_COST_FLOOR, &vault);
    free(bytes);
    if (err == KS_OK && (err = ks_vault_unlock(vault, ks_str_z(passphrase ? passphrase : ""), &number)) == KS_OK)
        err = ks_vault_store_key(vault, key);
    return err;
}

/* As sqlite_engine_store.c does. */
static sqlite3 *open_pages(const char *path, const uint8_t key[KS_VAULT_KEY_LEN])
{
    char raw[4 + 2 * KS_VAULT_KEY_LEN + 1] = "raw:";
    sqlite3 *db = NULL;

    for (size_t i = 0; i < KS_VAULT_KEY_LEN; i++)
        snprintf(raw + 4 + 2 * i, 3, "%02x", key[i]);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK
        && sqlite3_exec(db, "PRAGMA cipher = 'chacha20'", NULL, NULL, NULL) == SQLITE_OK
        && sqlite3_key_v2(db, "main", raw, (int)strlen(raw)) == SQLITE_OK)
        return db;
    sqlite3_close(db);
    return NULL;
}

static enum ks_err write_pages(const char *path, const uint8_t key[KS_VAULT_KEY_LEN], const char *before)
{
    sqlite3 *db = open_pages(path, key);
    sqlite3_int64 len = 0;
    unsigned char *bytes = NULL;

    if (db && sqlite3_exec(db, before, NULL, NULL, NULL) == SQLITE_OK)
        bytes = sqlite3_serialize(db, "main", &len, 0);
    if (bytes)
        fwrite(bytes, 1, (size_t)len, stdout);
    sqlite3_free(bytes);
    sqlite3_close(db);
    return bytes ? KS_OK : KS_ESTORE;
}

struct loose { /* a page as it stands somewhere, encrypted */
    uint32_t number;
    const uint8_t *bytes;
};

/* Each is put into its place in the file, as many at a time as there are places, and opened there. The first page has
 * no records, and stays. */
static enum ks_err write_loose(const char *path, const uint8_t key[KS_VAULT_KEY_LEN], struct loose *pages, size_t count)
{
    size_t places = 0, left = count;
    enum ks_err err = KS_OK;
    uint8_t *taken, *whole;

    places = read_whole(path, &whole) / PAGE;
    free(whole);
    taken = malloc(places + 1);
    while (taken && left && err == KS_OK) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        memset(taken, 0, places + 1);
        for (size_t i = 0; i < count && err == KS_OK; i++) {
            if (!pages[i].bytes || (pages[i].number > 1 && pages[i].number <= places && taken[pages[i].number]))
                continue;
            if (pages[i].number > places)
                err = KS_ESTORE;
            else if (pages[i].number > 1
                && pwrite(fd, pages[i].bytes, PAGE, (off_t)(pages[i].number - 1) * PAGE) != PAGE)
                err = KS_EIO;
            taken[pages[i].number <= places ? pages[i].number : 0] = 1;
            pages[i].bytes = NULL;
            left--;
        }
        close(fd);
        if (err == KS_OK)
            err = write_pages(path, key, "");
    }
    free(taken);
    return err;
}

static uint32_t number_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static enum ks_err print_pages(const char *dir)
{
    char path[4096], log_path[4096];
    uint8_t key[KS_VAULT_KEY_LEN], *file, *log;
    size_t file_len, log_len, count = 0;
    struct loose *pages;
    enum ks_err err;

    snprintf(path, sizeof path, "%s/store.db", dir);
    snprintf(log_path, sizeof log_path, "%s/store.db-wal", dir);
    file_len = read_whole(path, &file);
    log_len = read_whole(log_path, &log);
    pages = calloc((file_len + log_len) / PAGE + 1, sizeof *pages);
    for (size_t at = 0; pages && at + PAGE <= file_len; at += PAGE)
        pages[count++] = (struct loose) { (uint32_t)(at / PAGE + 1), file + at };
    for (size_t at = WAL_BEGIN; pages && at + WAL_FRAME + PAGE <= log_len; at += WAL_FRAME + PAGE)
        pages[count++] = (struct loose) { number_at(log + at), log + at + WAL_FRAME };
    err = pages ? store_key(dir, key) : KS_ENOMEM;
    if (err == KS_OK) /* the log comes home: then the file has a place for each page */
        err = write_pages(path, key, "PRAGMA journal_mode = DELETE");
    if (err == KS_OK)
        err = write_loose(path, key, pages, count);
    fprintf(stderr, "%zu pages of the file, %zu of the log\n", file_len / PAGE, log_len / (WAL_FRAME + PAGE));
    free(pages);
    free(file);
    free(log);
    return err;
}

int main(int argc, char **argv)
{
    enum ks_err err = KS_ESYNTAX;

    if (ks_crypto_init() != KS_OK)
        return EXIT_FAILURE;
    if (argc == 4 && ks_str_is(ks_str_z(argv[1]), "konsild"))
        err = decrypt_database(argv[2], argv[3]);
    else if (argc == 3 && ks_str_is(ks_str_z(argv[1]), "konsil"))
        err = print_profile(argv[2], getenv("KONSIL_PASSPHRASE"));
    else if (argc == 3 && ks_str_is(ks_str_z(argv[1]), "pages"))
        err = print_pages(argv[2]);
    if (err != KS_OK)
        fprintf(stderr, "open_store: %s\n", ks_err_name(err));
    return err == KS_OK && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
