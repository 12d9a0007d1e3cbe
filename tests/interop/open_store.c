/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* open_store.c -- opens stores as their owners do, for tests that search them.
 *
 *     open_store konsild DB KEY-FILE   decrypts the database in place: give it a copy
 *     open_store konsil DIR            with the passphrase of KONSIL_PASSPHRASE: writes "identity PRIVATE PUBLIC" in
 *                                      hexadecimal, then each record as "record TABLE KEY VALUE" in hexadecimal */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto.h"
#include "enc.h"
#include "key_file.h"
#include "profile.h"
#include "sqlite_connect.h"
#include "system.h"

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
    struct ks_engine_store *store = NULL;
    struct ks_prng prng;
    enum ks_err err;

    if (!ks_profile_exists(dir) || !passphrase)
        return KS_ENOTFOUND;
    ks_prng_init(&prng, seed); /* nothing is made */
    err = ks_profile_open(dir, ks_str_z(passphrase), &prng, &store);
    if (err == KS_OK)
        err = store->ops->scan(store, KS_T_OMEMO_OWN, KS_STR_EMPTY, KS_STR_EMPTY, false, print_identity, NULL);
    for (int table = KS_T_META; err == KS_OK && table < KS_T_COUNT; table++)
        err = store->ops->scan(store, table, KS_STR_EMPTY, KS_STR_EMPTY, false, print_record, &table);
    ks_engine_store_free(store);
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
    if (err != KS_OK)
        fprintf(stderr, "open_store: %s\n", ks_err_name(err));
    return err == KS_OK && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
