/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_backup.c -- a backup is made by konsild while it works; it is verified and restored here, without one. */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "control_client.h"
#include "key_file.h"
#include "konsilctl.h"
#include "system.h"

#define DATABASE "konsild.db" /* as konsild names them in its data.directory */
#define KEY "konsild.key"

/* --- what all of them say --- */

static const char *sentence_of(enum ks_err err)
{
    static const struct {
        enum ks_err err;
        const char *id;
    } meanings[] = {
        { KS_ESYNTAX, SAY("backup.not-one") },
        { KS_EVERSION, SAY("backup.version") },
        { KS_ECRYPTO, SAY("backup.damaged") },
        { KS_ESTORE, SAY("backup.unsound") },
        { KS_EEXISTS, SAY("restore.not-empty") },
        { KS_EFULL, SAY("backup.full") },
        { KS_EIO, SAY("backup.unreadable") },
    };

    for (size_t i = 0; i < KS_COUNT(meanings); i++)
        if (meanings[i].err == err)
            return meanings[i].id;
    return SAY("ctl.memory");
}

static void show_facts(const struct ctl *ctl, const struct ks_backup_facts *facts)
{
    struct ctl_fact list[8] = { { SAY("backup.cut"), "" }, { SAY("backup.accounts"), "" },
        { SAY("backup.messages"), "" }, { SAY("backup.values"), "" }, { SAY("backup.audit-rows"), "" },
        { SAY("backup.bytes"), "" }, { SAY("backup.files"), "" }, { SAY("backup.file-bytes"), "" } };
    const uint64_t counts[] = { facts->accounts, facts->messages, facts->values, facts->audit_rows };
    char stamp[KS_STAMP_LEN + 1];

    if (ctl->json) {
        json_t *object = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "created",
            ks_stamp_write(facts->created_ms, stamp).ptr, "accounts", (json_int_t)facts->accounts, "messages",
            (json_int_t)facts->messages, "values", (json_int_t)facts->values, "audit_rows",
            (json_int_t)facts->audit_rows, "bytes", (json_int_t)facts->bytes, "files", (json_int_t)facts->files,
            "file_bytes", (json_int_t)facts->file_bytes, "schema", (json_int_t)facts->schema);
        ctl_json(ctl, object);
        json_decref(object);
        return;
    }
    ctl_write_time(list[0].text, sizeof list[0].text, facts->created_ms);
    for (size_t i = 0; i < KS_COUNT(counts); i++)
        snprintf(list[i + 1].text, sizeof list[i + 1].text, "%llu", (unsigned long long)counts[i]);
    ctl_write_bytes(list[5].text, sizeof list[5].text, ctl->language, facts->bytes);
    snprintf(list[6].text, sizeof list[6].text, "%llu", (unsigned long long)facts->files);
    ctl_write_bytes(list[7].text, sizeof list[7].text, ctl->language, facts->file_bytes);
    ctl_facts_print(stdout, ctl->language, list, KS_COUNT(list));
}

/* The key of the backup, from --key-file. */
static bool read_key(const struct ctl *ctl, uint8_t ret_key[KS_BACKUP_KEY_LEN])
{
    enum ks_err err = ks_key_file_read(ctl->key_file, ret_key);

    if (err != KS_OK)
        ctl_fail(ctl,
            err == KS_ENOTFOUND     ? SAY("backup.key-missing")
                : err == KS_EDENIED ? SAY("backup.key-open")
                : err == KS_ESYNTAX ? SAY("backup.key-damaged")
                                    : SAY("backup.key-unreadable"),
            ctl->key_file);
    return err == KS_OK;
}

/* --- making one --- */

/* What a second connection hears of the backup that the first one waits for. */
static void show_progress(struct ctl *ctl)
{
    struct ks_control_client *client = NULL;
    json_t *answer = NULL, *percent = NULL;
    char number[24];

    if (ks_control_client_open(ctl->socket, &client) == KS_OK
        && ks_control_client_ask(client, "health", NULL, false, &answer) == KS_OK)
        percent = json_object_get(json_object_get(answer, "result"), "backup_percent");
    if (json_is_integer(percent)) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(percent));
        ctl_write(ctl, stderr, SAY("backup.progress"), "percent", number, NULL);
        fputc('\r', stderr);
    }
    json_decref(answer);
    ks_control_client_free(client);
}

static void show_made(const struct ctl *ctl, json_t *result)
{
    const char *file = json_string_value(json_object_get(result, "file"));
    const char *key_file = json_string_value(json_object_get(result, "key_file"));
    struct ctl_fact list[] = { { SAY("backup.accounts"), "" }, { SAY("backup.messages"), "" },
        { SAY("backup.audit-rows"), "" } };
    static const char *const names[] = { "accounts", "messages", "audit_rows" };
    char number[24];

    for (size_t i = 0; i < KS_COUNT(list); i++)
        snprintf(list[i].text, sizeof list[i].text, "%" JSON_INTEGER_FORMAT,
            json_integer_value(json_object_get(result, names[i])));
    ctl_say(ctl, SAY("backup.made"), "file", file, NULL);
    ctl_facts_print(stdout, ctl->language, list, KS_COUNT(list));
    ctl_say(ctl, SAY("backup.keep-key"), "file", key_file, NULL);
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(json_object_get(result, "removed")));
    if (json_integer_value(json_object_get(result, "removed")) > 0)
        ctl_say(ctl, SAY("backup.removed"), "count", number, NULL);
    if (json_is_true(json_object_get(result, "stuck")))
        ctl_fail(ctl, SAY("backup.stuck"), NULL);
}

static int make(struct ctl *ctl)
{
    json_t *args = json_pack("{s:s}", "file", ctl->words[0]), *result = NULL;
    int status = ctl_ask_long(ctl, "backup", args, isatty(STDERR_FILENO) && !ctl->json ? show_progress : NULL, &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result)) {
        if (ctl->dry_run)
            ctl_say(ctl, SAY("ctl.dry-run"), NULL);
        else
            show_made(ctl, result);
    }
    json_decref(args);
    json_decref(result);
    return status;
}

/* --- looking at one --- */

/* The copy that is looked at is encrypted like the backup; it is as large as the database. */
static const char *scratch(void)
{
    const char *directory = getenv("TMPDIR");

    return directory && *directory ? directory : "/var/tmp";
}

static int verify_with(const struct ctl *ctl, const uint8_t key[KS_BACKUP_KEY_LEN])
{
    struct ks_backup_facts facts;
    enum ks_err err = ks_backup_verify(ctl->words[0], key, scratch(), &facts);

    if (err != KS_OK)
        return ctl_fail(ctl, sentence_of(err), ctl->words[0]);
    show_facts(ctl, &facts);
    return EXIT_SUCCESS;
}

static int verify(struct ctl *ctl)
{
    uint8_t key[KS_BACKUP_KEY_LEN];
    int status = read_key(ctl, key) ? verify_with(ctl, key) : EXIT_FAILURE;

    if (status == EXIT_SUCCESS)
        ctl_say(ctl, SAY("backup.good"), NULL);
    ks_wipe(key, sizeof key);
    return status;
}

/* --- bringing it back --- */

/* What restore makes, and who is to have it. */
struct target {
    char database[PATH_MAX], key_path[PATH_MAX], files[PATH_MAX];
    struct stat directory;
    bool made; /* the directory was */
};

static bool open_target(const struct ctl *ctl, struct target *t)
{
    int a = snprintf(t->database, sizeof t->database, "%s/" DATABASE, ctl->to);
    int b = snprintf(t->key_path, sizeof t->key_path, "%s/" KEY, ctl->to);

    int c = snprintf(t->files, sizeof t->files, "%s/files", ctl->to);

    if (a < (int)sizeof t->database && b < (int)sizeof t->key_path && c < (int)sizeof t->files) {
        t->made = mkdir(ctl->to, 0700) == 0;
        if ((t->made || errno == EEXIST) && stat(ctl->to, &t->directory) == 0 && S_ISDIR(t->directory.st_mode))
            return true;
    }
    ctl_fail(ctl, SAY("restore.directory"), ctl->to);
    return false;
}

static const struct stat *new_owner;

static int give_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return lchown(path, new_owner->st_uid, new_owner->st_gid);
}

/* When root restores, konsild has to read it: its directory's owner gets it. */
static bool give_away(const struct target *t)
{
    const char *const paths[] = { t->database, t->key_path };

    for (size_t i = 0; i < KS_COUNT(paths); i++)
        if (geteuid() == 0 && chown(paths[i], t->directory.st_uid, t->directory.st_gid) < 0)
            return false;
    new_owner = &t->directory;
    return geteuid() != 0 || access(t->files, F_OK) != 0 || nftw(t->files, give_one, 16, FTW_PHYS) == 0;
}

/* How the pages are encrypted stands in the backup, and nowhere else: tries one way after the other. */
static enum ks_err restore_pages(const struct ctl *ctl, const struct target *t, const uint8_t key[KS_BACKUP_KEY_LEN],
    const uint8_t store_key[KS_STORE_KEY_LEN], struct ks_backup_facts *ret_facts)
{
    static const enum ks_pages ways[] = { KS_PAGES_AEGIS, KS_PAGES_CHACHA20 };
    uint8_t seed[KS_PRNG_SEED_LEN];
    struct ks_prng prng;
    enum ks_err err = KS_ESTATE;

    ks_system_entropy(seed, sizeof seed);
    ks_prng_init(&prng, seed);
    ks_wipe(seed, sizeof seed);
    for (size_t i = 0; i < KS_COUNT(ways) && err == KS_ESTATE; i++) {
        struct ks_sqlite_setup store = { .path = t->database, .key = store_key, .pages = ways[i] };
        err = ks_backup_restore(ctl->words[0], key, &store, t->files, KEY, &prng, ret_facts);
    }
    ks_prng_done(&prng);
    return err;
}

static int restore_to(const struct ctl *ctl, struct target *t, const uint8_t key[KS_BACKUP_KEY_LEN])
{
    uint8_t store_key[KS_KEY_FILE_LEN] = { 0 };
    struct ks_backup_facts facts;
    enum ks_err err = ks_key_file_make(t->key_path, store_key);

    if (err == KS_OK) {
        err = restore_pages(ctl, t, key, store_key, &facts);
        if (err == KS_OK && !give_away(t)) {
            unlink(t->database);
            ks_file_store_destroy(t->files);
            err = KS_EIO;
        }
        if (err != KS_OK)
            unlink(t->key_path);
    }
    ks_wipe(store_key, sizeof store_key);
    if (err != KS_OK) {
        if (t->made)
            rmdir(ctl->to);
        return ctl_fail(ctl, sentence_of(err), err == KS_EEXISTS ? ctl->to : ctl->words[0]);
    }
    show_facts(ctl, &facts);
    char *directory = realpath(ctl->to, NULL);
    ctl_say(ctl, SAY("restore.done"), "directory", directory ? directory : ctl->to, NULL);
    ctl_say(ctl, SAY("restore.keep-key"), "file", t->key_path, NULL);
    ctl_say(ctl, SAY("restore.vault"), NULL);
    free(directory);
    return EXIT_SUCCESS;
}

/* Not there, or a directory with nothing in it. */
static bool is_free(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    bool is = directory || errno == ENOENT;

    while (directory && is && (entry = readdir(directory)))
        is = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (directory)
        closedir(directory);
    return is;
}

/* Whether it would be done. */
static int try_restore(const struct ctl *ctl, const uint8_t key[KS_BACKUP_KEY_LEN])
{
    return is_free(ctl->to) ? verify_with(ctl, key) : ctl_fail(ctl, SAY("restore.not-empty"), ctl->to);
}

static int restore(struct ctl *ctl)
{
    uint8_t key[KS_BACKUP_KEY_LEN];
    struct target target = { .made = false };
    int status = EXIT_FAILURE;

    if (read_key(ctl, key)) {
        if (ctl->dry_run) {
            status = try_restore(ctl, key);
            if (status == EXIT_SUCCESS)
                ctl_say(ctl, SAY("ctl.dry-run"), NULL);
        } else if (open_target(ctl, &target)) {
            status = restore_to(ctl, &target, key);
        }
    }
    ks_wipe(key, sizeof key);
    return status;
}

const struct ctl_command ctl_backups[] = {
    { "backup", "NAME", 0, 0, make, SAY("do.backup"), "monday" },
    { "backup verify", "FILE", CTL_KEY_FILE, 0, verify, SAY("do.backup-verify"),
        "/var/lib/konsild/backup/monday --key-file monday.key" },
    { "restore", "FILE", CTL_KEY_FILE | CTL_TO, 0, restore, SAY("do.restore"),
        "/var/lib/konsild/backup/monday --key-file monday.key --to /srv/konsild" },
    { NULL },
};
