/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsild_shred.c -- the file of salts and key rings is copied once a day, and copies go before they are 7 days old. */
#include "key_file.h"
#include "konsild_parts.h"
#include "shred_backup.h"
#include "system.h"

/* Between turns of the store's thread. */
static bool step(void *user)
{
    struct konsild_copying *copying = user;
    bool finished = false;
    enum ks_err err = KS_OK;

    if (!copying->backup) {
        uint8_t key[KS_KEY_FILE_LEN];
        struct ks_sqlite_setup setup = { .key = key, .pages = copying->parts->pages };
        err = ks_key_file_read(copying->parts->shred_key_path, key);
        if (err == KS_OK)
            err = ks_shred_backup_new(copying->parts->shred, copying->parts->shred_backup_directory,
                ks_system_now().wall_ms, &setup, &copying->backup);
        ks_wipe(key, sizeof key);
    } else {
        err = ks_shred_backup_step(copying->backup, &finished);
    }
    if (err == KS_OK && !finished)
        return true;
    if (err != KS_OK)
        ks_log(ks_log_file_log(copying->parts->log), KS_ERROR, "shred.copy.failed", KS_ERR(err));
    ks_shred_backup_free(copying->backup);
    copying->backup = NULL;
    atomic_store(&copying->running, false);
    return false;
}

void konsild_copy_shred(struct konsild_copying *copying, struct ks_store_thread *thread)
{
    bool due = false;

    if (atomic_exchange(&copying->running, true))
        return;
    if (ks_shred_backup_turn(copying->parts->shred_backup_directory, ks_system_now().wall_ms, &due) != KS_OK)
        ks_log(ks_log_file_log(copying->parts->log), KS_ERROR, "shred.copy.stays");
    copying->job = (struct ks_store_job) { step, copying };
    if (due)
        ks_store_thread_begin(thread, &copying->job);
    else
        atomic_store(&copying->running, false);
}
