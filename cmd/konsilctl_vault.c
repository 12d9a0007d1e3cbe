/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_vault.c -- what the PINs of an account's devices hang on, and the end of a device that was lost. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "key_file.h"
#include "konsilctl.h"
#include "sqlite_vault_store.h"
#include "system.h"
#include "vault_backup.h"
#include "vault_tombs.h"

static void set_time(json_t *row, const char *name, const char *from)
{
    int64_t ms = json_integer_value(json_object_get(row, from));
    char text[64] = "-";

    if (ms)
        ctl_write_time(text, sizeof text, ms);
    json_object_set_new(row, name, json_string(text));
}

static int vault_list(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "slot", SAY("column.slot") }, { "kind", SAY("column.kind") },
        { "state", SAY("column.state") }, { "device", SAY("column.number") }, { "tries", SAY("column.tries") },
        { "unlocked", SAY("column.unlocked") }, { NULL, NULL } };
    json_t *args = json_pack("{s:s}", "jid", ctl->words[0]), *result = NULL, *rows, *row;
    int status = ctl_ask(ctl, "vault.list", args, &result);
    size_t i;

    rows = json_object_get(result, "slots");
    if (status == EXIT_SUCCESS && !ctl_json(ctl, rows)) {
        json_array_foreach(rows, i, row) set_time(row, "unlocked", "unlocked_ms");
        ctl_table_print(stdout, ctl->language, columns, rows);
    }
    json_decref(args);
    json_decref(result);
    return status;
}

static int vault_unlock(struct ctl *ctl)
{
    json_t *args = json_pack("{s:s, s:s}", "jid", ctl->words[0], "slot", ctl->words[1]), *result = NULL;
    int status = ctl_ask(ctl, "vault.unlock", args, &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_done(ctl, SAY("ctl.vault-unlocked"));
    json_decref(args);
    json_decref(result);
    return status;
}

static int vault_wipe(struct ctl *ctl)
{
    json_t *args = json_pack("{s:s}", "jid", ctl->words[0]), *result = NULL;
    char count[24];
    int status;

    if (ctl->device)
        json_object_set_new(args, "device", json_string(ctl->device));
    status = ctl_ask(ctl, "vault.wipe", args, &result);
    if (status == EXIT_SUCCESS && !ctl_json(ctl, result)) {
        snprintf(count, sizeof count, "%lld", (long long)json_integer_value(json_object_get(result, "ended")));
        if (ctl->dry_run)
            ctl_say(ctl, SAY("ctl.dry-run"), NULL);
        else
            ctl_say(ctl, SAY("ctl.vault-wiped"), "time", json_string_value(json_object_get(result, "destroyed")),
                "count", count, NULL);
    }
    json_decref(args);
    json_decref(result);
    return status;
}

/* --- its backup --- */

static int vault_backup(struct ctl *ctl)
{
    json_t *args = json_pack("{s:s}", "file", ctl->words[0]), *result = NULL;
    char count[24];
    int status = ctl_ask(ctl, "vault.backup", args, &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result)) {
        snprintf(count, sizeof count, "%lld", (long long)json_integer_value(json_object_get(result, "slots")));
        if (ctl->dry_run)
            ctl_say(ctl, SAY("ctl.dry-run"), NULL);
        else
            ctl_say(ctl, SAY("ctl.vault-backup"), "count", count, "file",
                json_string_value(json_object_get(result, "file")), "key",
                json_string_value(json_object_get(result, "key_file")), NULL);
    }
    json_decref(args);
    json_decref(result);
    return status;
}

static const char *sentence_of(enum ks_err err)
{
    switch ((int)err) {
    case KS_ENOTFOUND:
    case KS_EIO:
        return SAY("backup.unreadable");
    case KS_ESYNTAX:
        return SAY("vault.not-one");
    case KS_EVERSION:
        return SAY("backup.version");
    case KS_ECRYPTO:
        return SAY("backup.damaged");
    case KS_ELIMIT:
        return SAY("vault.too-old");
    case KS_EEXISTS:
        return SAY("vault.there");
    case KS_EFULL:
        return SAY("backup.full");
    default:
        return SAY("ctl.memory");
    }
}

/* What is in konsild's data.directory. */
static bool name_all(const struct ctl *ctl, char **ret_database, char **ret_key, char **ret_tombs)
{
    return asprintf(ret_database, "%s/" KS_VAULT_FILE, ctl->to) >= 0
        && asprintf(ret_key, "%s/konsild.key", ctl->to) >= 0
        && asprintf(ret_tombs, "%s/" KS_VAULT_TOMBS_FILE, ctl->to) >= 0;
}

/* When root restores, konsild has to read it. */
static bool give_away(const char *database, const char *to)
{
    struct stat directory;

    return geteuid() != 0 || (stat(to, &directory) == 0 && chown(database, directory.st_uid, directory.st_gid) == 0);
}

static int restore_with(const struct ctl *ctl, const uint8_t backup_key[KS_KEY_FILE_LEN], const char *database,
    const char *key_path, const char *tombs_path)
{
    uint8_t key[KS_KEY_FILE_LEN], store_key[KS_STORE_KEY_LEN];
    struct ks_sqlite_setup store = { .path = database, .key = store_key, .pages = KS_PAGES_AEGIS };
    struct ks_vault_backup_facts facts;
    struct ks_vault_tombs_file tombs;
    char slots[24], ended[24];
    enum ks_err err;

    if (ks_key_file_read(key_path, key) != KS_OK)
        return ctl_fail(ctl, SAY("vault.no-key"), key_path);
    ks_vault_store_key(key, store_key);
    ks_wipe(key, sizeof key);
    err = ks_vault_tombs_open(tombs_path, false, &tombs);
    if (err != KS_OK) {
        ks_wipe(store_key, sizeof store_key);
        return ctl_fail(ctl, SAY("vault.no-tombs"), tombs_path);
    }
    err = ks_vault_backup_restore(ctl->words[0], backup_key, &store, &tombs.base, ks_system_now().wall_ms, &facts);
    ks_vault_tombs_close(&tombs);
    ks_wipe(store_key, sizeof store_key);
    if (err == KS_OK && !give_away(database, ctl->to))
        err = KS_EIO;
    if (err != KS_OK)
        return ctl_fail(ctl, sentence_of(err), err == KS_EEXISTS ? database : ctl->words[0]);
    snprintf(slots, sizeof slots, "%llu", (unsigned long long)facts.slots);
    snprintf(ended, sizeof ended, "%llu", (unsigned long long)facts.ended);
    ctl_say(ctl, SAY("vault.restored"), "count", slots, "ended", ended, NULL);
    return EXIT_SUCCESS;
}

static int vault_restore(struct ctl *ctl)
{
    char *database = NULL, *key_path = NULL, *tombs_path = NULL;
    uint8_t key[KS_KEY_FILE_LEN];
    int status = EXIT_FAILURE;

    if (ks_key_file_read(ctl->key_file, key) != KS_OK)
        status = ctl_fail(ctl, SAY("backup.key-unreadable"), ctl->key_file);
    else if (!name_all(ctl, &database, &key_path, &tombs_path))
        status = ctl_fail(ctl, SAY("ctl.memory"), NULL);
    else if (ctl->dry_run && access(database, F_OK) == 0)
        status = ctl_fail(ctl, SAY("vault.there"), database);
    else if (ctl->dry_run)
        status = (ctl_say(ctl, SAY("ctl.dry-run"), NULL), EXIT_SUCCESS);
    else
        status = restore_with(ctl, key, database, key_path, tombs_path);
    ks_wipe(key, sizeof key);
    free(database);
    free(key_path);
    free(tombs_path);
    return status;
}

const struct ctl_command ctl_vault[] = {
    { "vault list", "JID", 0, 0, vault_list, SAY("do.vault-list"), "a.brandt@klinik.example" },
    { "vault unlock", "JID SLOT", 0, 0, vault_unlock, SAY("do.vault-unlock"),
        "a.brandt@klinik.example 5d0b1f0c9a7e4433b2d1c0ffee123456" },
    { "vault wipe", "JID", 0, CTL_DEVICE, vault_wipe, SAY("do.vault-wipe"),
        "a.brandt@klinik.example --device 24bd0c8e1f7a9035" },
    { "vault backup", "NAME", 0, 0, vault_backup, SAY("do.vault-backup"), "monday" },
    { "vault restore", "FILE", CTL_KEY_FILE | CTL_TO, 0, vault_restore, SAY("do.vault-restore"),
        "/var/lib/konsild/backup/vault/monday --key-file monday.key --to /var/lib/konsild" },
    { NULL },
};
