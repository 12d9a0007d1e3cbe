/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "backup_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup.h"
#include "deletion.h"
#include "key_file.h"
#include "say.h"
#include "system.h"

/* One backup on its way: reactor 0, worker (key), store (steps), worker (finish), reactor 0. */
struct run {
    struct ks_backup_work *work;
    struct ks_control_call *call;
    char *path, *key_path;
    bool has_key; /* there is one at key_path, which was made for this backup */
    uint8_t key[KS_BACKUP_KEY_LEN];
    struct ks_backup *backup;
    struct ks_backup_facts facts;
    enum ks_err err;
    unsigned removed; /* of the older ones */
    bool stuck;       /* not all of them could be removed */
    struct ks_task task;
    struct ks_store_job job;
    struct ks_reactors_call letter;
};

static const char *sentence_of(enum ks_err err)
{
    static const struct {
        enum ks_err err;
        const char *id;
    } meanings[] = {
        { KS_OK, NULL },
        { KS_EEXISTS, SAY("control.backup-exists") },
        { KS_EFULL, SAY("control.backup-full") },
        { KS_ESTORE, SAY("control.backup-damaged") },
    };

    for (size_t i = 0; i < KS_COUNT(meanings); i++)
        if (meanings[i].err == err)
            return meanings[i].id;
    return SAY("control.backup-failed");
}

/* Accepts NULL. */
static void free_run(struct run *run)
{
    if (!run)
        return;
    free(run->path);
    free(run->key_path);
    free(run);
}

/* In the thread of reactor 0. */
static void answer(void *user)
{
    struct run *run = user;
    struct ks_now now = ks_system_now();
    json_t *result = NULL;

    if (run->err == KS_OK) {
        result = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "file", run->path, "key_file", run->key_path,
            "accounts", (json_int_t)run->facts.accounts, "messages", (json_int_t)run->facts.messages, "audit_rows",
            (json_int_t)run->facts.audit_rows, "bytes", (json_int_t)run->facts.bytes, "files",
            (json_int_t)run->facts.files, "file_bytes", (json_int_t)run->facts.file_bytes);
        json_object_set_new(result, "removed", json_integer(run->removed));
        json_object_set_new(result, "stuck", json_boolean(run->stuck));
    }
    if (run->removed) {
        char detail[64];
        snprintf(detail, sizeof detail, "reason=period backups=%u", run->removed);
        ks_control_note(run->call->reactor,
            &(struct ks_audit_row) {
                .actor = KS_STR("konsild"), .action = KS_ACTION_DELETE, .detail = ks_str_z(detail) },
            now);
    }
    ks_control_worked(run->call, sentence_of(run->err), result, now);
    atomic_store(&run->work->running, false);
    free_run(run);
}

/* In any thread. */
static void end(struct run *run)
{
    ks_wipe(run->key, sizeof run->key);
    run->letter = (struct ks_reactors_call) { answer, run };
    ks_reactors_run(run->work->reactors, 0, &run->letter);
}

/* In the worker's thread. */
static void finish(void *user)
{
    struct run *run = user;

    if (run->err == KS_OK)
        run->err = ks_backup_finish(run->backup, &run->facts);
    ks_backup_free(run->backup);
    if (run->err == KS_OK && run->work->keep_ms)
        run->stuck = ks_backup_rotate(&run->work->places, strrchr(run->path, '/') + 1,
                         ks_system_now().wall_ms - run->work->keep_ms, &run->removed)
            != KS_OK;
    /* It opens nothing; left there it would take the name, until it goes by its age. */
    if (run->err != KS_OK && run->has_key && ks_key_file_destroy(run->key_path) != KS_OK)
        run->stuck = true;
    end(run);
}

static enum ks_err begin(struct run *run)
{
    struct ks_backup_setup setup = { run->path, run->key, run->work->pages, ks_system_now().wall_ms, run->work->files };
    uint8_t seed[KS_PRNG_SEED_LEN];
    struct ks_prng prng;

    ks_system_entropy(seed, sizeof seed);
    ks_prng_init(&prng, seed);
    ks_wipe(seed, sizeof seed);
    enum ks_err err = ks_backup_new(&setup, run->work->store, &prng, &run->backup);
    ks_prng_done(&prng);
    return err;
}

/* In the store's thread, between its turns. */
static bool step(void *user)
{
    struct run *run = user;
    bool done = false;

    run->err = run->backup ? ks_backup_step(run->backup, &done) : begin(run);
    if (run->err == KS_OK)
        atomic_store(&run->work->percent, ks_backup_percent(run->backup));
    if (run->err == KS_OK && !done)
        return true;
    if (run->err != KS_OK) { /* an unfinished copy may only go here */
        ks_backup_free(run->backup);
        run->backup = NULL;
    }
    run->task = (struct ks_task) { finish, run };
    ks_worker_do(run->work->worker, &run->task);
    return false;
}

/* In the worker's thread. */
static void get_key(void *user)
{
    struct run *run = user;

    /* KS_EEXISTS: a backup of that name was moved elsewhere, and this is what opens it. */
    run->err = ks_key_file_make(run->key_path, run->key);
    run->has_key = run->err == KS_OK;
    run->job = (struct ks_store_job) { step, run };
    if (run->err == KS_OK)
        ks_store_thread_begin(run->work->store_thread, &run->job);
    else
        end(run);
}

/* A name, not a path: it goes where the sandbox lets konsild write. */
static bool good_name(struct ks_str name)
{
    return name.len > 0 && name.len < 200 && name.ptr[0] != '.' && ks_str_find_byte(name, '/') == name.len
        && ks_str_find_byte(name, 0) == name.len;
}

void ks_backup_work_do(struct ks_backup_work *work, struct ks_control_call *call)
{
    struct ks_str name = ks_control_text(call, "file");
    struct run *run = NULL;
    const char *error = NULL;

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
    atomic_store(&work->percent, 0);
    atomic_store(&work->running, true);
    run->work = work;
    run->call = call;
    run->task = (struct ks_task) { get_key, run };
    ks_worker_do(work->worker, &run->task);
}
