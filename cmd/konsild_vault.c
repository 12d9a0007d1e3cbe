/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsild_vault.c -- the vault's database and its tombstones (src/server/vault_keeper.h). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto.h"
#include "konsild_parts.h"
#include "say.h"
#include "sqlite_vault_store.h"
#include "system.h"

/* Tombstones are made with the database. A database without them is one that was brought back without: what was
 * destroyed since would be there again. */
static bool open_tombs(struct konsild_parts *p, const char *database)
{
    char *path = NULL;
    bool first = access(database, F_OK) != 0;
    enum ks_err err;

    if (asprintf(&path, "%s/" KS_VAULT_TOMBS_FILE, ks_settings_text(p->settings, "data.directory")) < 0) {
        konsild_say(SAY("konsild.memory"), NULL);
        return false;
    }
    err = ks_vault_tombs_open(path, first, &p->tombs);
    p->tombs_open = err == KS_OK;
    if (err != KS_OK)
        konsild_say(err == KS_ENOTFOUND ? SAY("konsild.tombs-missing")
                : err == KS_ESYNTAX     ? SAY("konsild.tombs-damaged")
                                        : SAY("konsild.store-unwritable"),
            "file", path, NULL);
    free(path);
    return err == KS_OK;
}

static enum ks_err open_database(struct konsild_parts *p, const char *path)
{
    enum ks_pages other = p->pages == KS_PAGES_AEGIS ? KS_PAGES_CHACHA20 : KS_PAGES_AEGIS;
    uint8_t key[KS_STORE_KEY_LEN];
    struct ks_sqlite_setup setup = { .path = path, .key = key, .pages = p->pages };
    enum ks_err err;

    ks_vault_store_key(p->key, key);
    err = ks_sqlite_vault_store_open(&setup, &p->vault);
    if (err == KS_ECRYPTO) {
        setup.pages = other;
        err = ks_sqlite_vault_store_open(&setup, &p->vault);
    }
    ks_wipe(key, sizeof key);
    return err;
}

bool konsild_open_vault(struct konsild_parts *p)
{
    uint8_t seed[KS_PRNG_SEED_LEN];
    char *path = NULL;
    enum ks_err err;

    if (asprintf(&path, "%s/" KS_VAULT_FILE, ks_settings_text(p->settings, "data.directory")) < 0
        || asprintf(&p->vault_backups, "%s/vault", p->backup_directory) < 0
        || asprintf(&p->vault_backup_keys, "%s/vault", p->backup_key_directory) < 0) {
        konsild_say(SAY("konsild.memory"), NULL);
        return false;
    }
    if (!open_tombs(p, path)) {
        free(path);
        return false;
    }
    err = open_database(p, path);
    if (err == KS_OK) {
        ks_system_entropy(seed, sizeof seed);
        err = ks_vault_keeper_new(p->vault, &p->tombs.base, seed, ks_system_now(), &p->keeper);
        ks_wipe(seed, sizeof seed);
    }
    if (err == KS_OK)
        ks_committer_set_vault(p->committer, p->keeper);
    else
        konsild_say(konsild_store_sentence(err), "file", path, "key", p->key_path, NULL);
    free(path);
    return err == KS_OK;
}

void konsild_close_vault(struct konsild_parts *p)
{
    ks_vault_keeper_free(p->keeper);
    ks_vault_store_free(p->vault);
    if (p->tombs_open)
        ks_vault_tombs_close(&p->tombs);
    free(p->vault_backups);
    free(p->vault_backup_keys);
}
