/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* store_sql.c -- one SQL statement on the database of a konsild that is not running: for tests that look into it, or
 * alter what nobody should be able to alter unnoticed.
 *
 *     store_sql DATABASE KEY-FILE SQL      prints each row, its columns separated by | */
#include <sqlite3.h>
#include <stdio.h>

#include "key_file.h"
#include "sqlite_connect.h"

static int print_row(void *user, int count, char **values, char **names)
{
    (void)user;
    (void)names;
    for (int i = 0; i < count; i++)
        printf("%s%s", i ? "|" : "", values[i] ? values[i] : "");
    putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    uint8_t key[KS_STORE_KEY_LEN];
    struct ks_sqlite_setup setup = { .path = argc == 4 ? argv[1] : NULL, .key = key };
    sqlite3 *db = NULL;
    char *wrong = NULL;
    enum ks_err err = argc == 4 ? ks_key_file_read(argv[2], key) : KS_ESYNTAX;

    if (err == KS_OK)
        err = ks_sqlite_connect(&setup, &db);
    if (err == KS_OK && sqlite3_exec(db, argv[3], print_row, NULL, &wrong) != SQLITE_OK)
        err = KS_ESTORE;
    if (err != KS_OK)
        fprintf(stderr, "store_sql: %s %s\n", ks_err_name(err), wrong ? wrong : "");
    sqlite3_free(wrong);
    sqlite3_close(db);
    return err != KS_OK;
}
