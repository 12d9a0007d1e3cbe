/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Thousands of accounts in a second: each has the same password and salt, so PBKDF2 runs once. What the server does at
 * a login is the same: it reads one row and computes with the keys in it. */
#include <stdio.h>
#include <string.h>

#include "enc.h"
#include "load_work.h"

/* The iteration count that konsild demands at least and Prosody has by default. It costs only clients. */
#define ITERATIONS 10000
#define SALT "konsil-bench-salt"

struct printed_keys {
    struct ks_str stored_hex, server_hex, stored_base64, server_base64, salt_base64;
};

static void print_prosody(const struct load_options *options, unsigned account, const struct printed_keys *keys)
{
    const struct {
        const char *key, *type;
        struct ks_str value;
    } rows[] = {
        { "stored_key", "string", keys->stored_hex },
        { "server_key", "string", keys->server_hex },
        { "salt", "string", KS_STR(SALT) },
        { "iteration_count", "number", KS_STR("10000") },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        printf("INSERT INTO prosody(host,user,store,key,type,value) VALUES('%s','u%u','accounts','%s','%s','%.*s');\n",
            options->target.domain, account, rows[i].key, rows[i].type, KS_STR_FMT(rows[i].value));
}

/* A line for each file of mod_storage_internal: its name, then its content. */
static void print_prosody_file(unsigned account, const struct printed_keys *keys)
{
    printf("u%u return { [\"stored_key\"] = \"%.*s\"; [\"server_key\"] = \"%.*s\"; [\"salt\"] = \"" SALT
           "\"; [\"iteration_count\"] = %d; };\n",
        account, KS_STR_FMT(keys->stored_hex), KS_STR_FMT(keys->server_hex), ITERATIONS);
}

static void print_ejabberd(unsigned account, const struct printed_keys *keys)
{
    printf("INSERT INTO users(username,password,serverkey,salt,iterationcount) "
           "VALUES('u%u','sha256:%.*s','%.*s','%.*s',%d);\n",
        account, KS_STR_FMT(keys->stored_base64), KS_STR_FMT(keys->server_base64), KS_STR_FMT(keys->salt_base64),
        ITERATIONS);
}

static enum ks_err encode(struct ks_arena *arena, const struct load_scram_keys *keys, struct printed_keys *ret_printed)
{
    struct ks_str stored = ks_str(keys->stored_key, sizeof(keys->stored_key));
    struct ks_str server = ks_str(keys->server_key, sizeof(keys->server_key));
    static char stored_hex[2 * LOAD_SCRAM_KEY_LEN + 1], server_hex[2 * LOAD_SCRAM_KEY_LEN + 1];
    enum ks_err err;

    for (size_t i = 0; i < LOAD_SCRAM_KEY_LEN; i++) {
        snprintf(stored_hex + 2 * i, 3, "%02x", keys->stored_key[i]);
        snprintf(server_hex + 2 * i, 3, "%02x", keys->server_key[i]);
    }
    ret_printed->stored_hex = ks_str_z(stored_hex);
    ret_printed->server_hex = ks_str_z(server_hex);
    if ((err = ks_base64(arena, stored, &ret_printed->stored_base64)) != KS_OK
        || (err = ks_base64(arena, server, &ret_printed->server_base64)) != KS_OK)
        return err;
    return ks_base64(arena, KS_STR(SALT), &ret_printed->salt_base64);
}

enum format { FORMAT_PROSODY, FORMAT_PROSODY_FILES, FORMAT_EJABBERD, FORMAT_CSV, FORMAT_COUNT };

static enum format format_of(const char *name)
{
    static const char *const names[FORMAT_COUNT] = { "prosody", "prosody-files", "ejabberd", "csv" };
    unsigned i = 0;

    while (i < FORMAT_COUNT && strcmp(names[i], name) != 0)
        i++;
    return (enum format)i;
}

static void print_account(
    const struct load_options *options, enum format format, unsigned account, const struct printed_keys *keys)
{
    switch (format) {
    case FORMAT_PROSODY:
        print_prosody(options, account, keys);
        return;
    case FORMAT_PROSODY_FILES:
        print_prosody_file(account, keys);
        return;
    case FORMAT_EJABBERD:
        print_ejabberd(account, keys);
        return;
    case FORMAT_CSV:
    case FORMAT_COUNT:
        /* jid;name;department;profession;password, as konsilctl reads it */
        printf("u%u@%s;u%u;;;%s\n", account, options->target.domain, account, options->target.password);
        return;
    }
}

int load_accounts(const struct load_options *options)
{
    enum format format = format_of(options->format);
    bool sql = format == FORMAT_PROSODY || format == FORMAT_EJABBERD;
    struct load_scram_keys keys;
    struct printed_keys printed;
    struct ks_arena arena;
    int status = 1;

    if (format == FORMAT_COUNT) {
        fprintf(stderr, "load: unknown --format '%s'\n", options->format);
        return 2;
    }
    ks_arena_init(&arena, 4096);
    load_scram_keys_make(ks_str_z(options->target.password), KS_STR(SALT), ITERATIONS, &keys);
    if (encode(&arena, &keys, &printed) != KS_OK)
        goto out;
    if (sql)
        printf("PRAGMA busy_timeout=20000;\nBEGIN;\n");
    for (unsigned i = 0; i < options->clients; i++)
        print_account(options, format, i, &printed);
    if (sql)
        printf("COMMIT;\n");
    status = 0;
out:
    ks_arena_done(&arena);
    return status;
}
