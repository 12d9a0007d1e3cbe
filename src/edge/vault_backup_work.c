/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vault_backup_work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "key_file.h"
#include "say.h"
#include "system.h"
#include "vault_backup.h"

#define RECORDS_MAX ((size_t)64 << 20)

/* One backup on its way: reactor 0, store (slots), worker (file), reactor 0. */
struct run {
    struct ks_vault_backup_work *work;
    struct ks_control_call *call;
    char *path, *key_path;
    struct ks_buf records;
    enum ks_err err;
    unsigned removed;
    struct ks_task task;
    struct ks_store_job job;
    struct ks_reactors_call letter;
};

static void free_run(struct run *run)
{
    if (!run)
        return;
    ks_buf_done(&run->records);
    free(run->path);
    free(run->key_path);
    free(run);
}

/* In the thread of reactor 0. */
static void answer(void *user)
{
    struct run *run = user;
    const char *error = run->err == KS_OK ? NULL
        : run->err == KS_EEXISTS          ? SAY("control.backup-exists")
        : run->err == KS_EFULL            ? SAY("control.backup-full")
                                          : SAY("control.backup-failed");
    json_t *result = NULL;

    if (!error)
        result = json_pack("{s:s, s:s, s:I, s:I}", "file", run->path, "key_file", run->key_path, "slots",
            (json_int_t)(run->records.len / KS_VAULT_RECORD_LEN), "removed", (json_int_t)run->removed);
    ks_control_worked(run->call, error, result, ks_system_now());
    atomic_store(&run->work->running, false);
    free_run(run);
}

static enum ks_err write_file(struct run *run)
{
    uint8_t key[KS_KEY_FILE_LEN], seed[KS_PRNG_SEED_LEN];
    int64_t now_ms = ks_system_now().wall_ms;
    struct ks_prng prng;
    enum ks_err err;

    if ((mkdir(run->work->places.backups, 0700) != 0 && errno != EEXIST)
        || (mkdir(run->work->places.keys, 0700) != 0 && errno != EEXIST))
        return KS_EIO;
    if (access(run->path, F_OK) == 0)
        return KS_EEXISTS;
    if ((err = ks_key_file_make(run->key_path, key)) != KS_OK)
        return err;
    ks_system_entropy(seed, sizeof seed);
    ks_prng_init(&prng, seed);
    ks_wipe(seed, sizeof seed);
    err = ks_vault_backup_write(run->path, key, ks_buf_str(&run->records), now_ms, &prng);
    ks_prng_done(&prng);
    ks_wipe(key, sizeof key);
    if (err == KS_OK)
        err = ks_vault_backup_end_old(&run->work->places, now_ms, &run->removed);
    else if (ks_key_file_destroy(run->key_path) != KS_OK)
        err = KS_EIO;
    return err;
}

/* In the worker's thread. */
static void finish(void *user)
{
    struct run *run = user;

    if (run->err == KS_OK)
        run->err = write_file(run);
    run->letter = (struct ks_reactors_call) { answer, run };
    ks_reactors_run(run->work->reactors, 0, &run->letter);
}

static bool add_record(void *user, const struct ks_vault_slot *slot)
{
    ks_vault_slot_write(user, slot);
    return true;
}

/* In the store's thread, between its turns. */
static bool step(void *user)
{
    struct run *run = user;

    run->err = run->work->vault->ops->each(run->work->vault, 0, add_record, &run->records);
    if (run->err == KS_OK)
        run->err = ks_buf_err(&run->records);
    run->task = (struct ks_task) { finish, run };
    ks_worker_do(run->work->worker, &run->task);
    return false;
}

/* A name, not a path. */
static bool good_name(struct ks_str name)
{
    return name.len > 0 && name.len < 200 && name.ptr[0] != '.' && ks_str_find_byte(name, '/') == name.len
        && ks_str_find_byte(name, 0) == name.len;
}

void ks_vault_backup_work_do(struct ks_vault_backup_work *work, struct ks_control_call *call)
{
    struct ks_str name = ks_control_text(call, "file");
    const char *error = NULL;
    struct run *run = NULL;

    if (atomic_load(&work->running))
        error = SAY("control.backup-running");
    else if (!good_name(name))
        error = SAY("control.backup-name");
    else if (!(run = calloc(1, sizeof *run))
        || asprintf(&run->path, "%s/%.*s", work->places.backups, KS_STR_FMT(name)) < 0
        || asprintf(&run->key_path, "%s/%.*s" KS_BACKUP_KEY_ENDING, work->places.keys, KS_STR_FMT(name)) < 0)
        error = SAY("control.memory");
    else if (access(run->path, F_OK) == 0 || access(run->key_path, F_OK) == 0)
        error = SAY("control.backup-exists");
    if (error || call->dry_run) {
        free_run(run);
        if (call->dry_run)
            ks_control_answer(call, error, NULL);
        else
            ks_control_worked(call, error, NULL, ks_system_now());
        return;
    }
    atomic_store(&work->running, true);
    run->work = work;
    run->call = call;
    ks_buf_init_secret(&run->records, RECORDS_MAX);
    run->job = (struct ks_store_job) { step, run };
    ks_store_thread_begin(work->store_thread, &run->job);
}
