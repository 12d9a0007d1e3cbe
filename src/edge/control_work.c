/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "control_work.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "say.h"
#include "system.h"

void ks_control_work_init(struct ks_control_work *work)
{
    pthread_mutex_init(&work->lock, NULL);
    work->reloads_count = 0;
}

void ks_control_work_done(struct ks_control_work *work)
{
    pthread_mutex_destroy(&work->lock);
}

/* --- health --- */

/* jemalloc's, where the program runs on it. */
int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len) __attribute__((weak));

/* What the heap takes of the machine's memory. */
static size_t heap_bytes(void)
{
    uint64_t epoch = 1;
    size_t bytes, len = sizeof bytes;

    if (mallctl && mallctl("epoch", NULL, NULL, &epoch, sizeof epoch) == 0
        && mallctl("stats.resident", &bytes, &len, NULL, 0) == 0)
        return bytes;
    struct mallinfo2 heap = mallinfo2();
    return heap.arena + heap.hblkhd;
}

void ks_control_work_figures(struct ks_figures *ret_figures, void *user)
{
    struct ks_control_work *work = user;
    struct ks_reactor_stats *sum = &ret_figures->clients, one;
    struct statvfs disk = { 0 };

    *ret_figures = (struct ks_figures) { .uptime_s = (uint64_t)(ks_system_now().mono_ms - work->started_ms) / 1000,
        .heap_bytes = heap_bytes(),
        .connections_max = work->connections_max,
        .certificates_end_ms = atomic_load(&work->certificates_end_ms) };
    for (size_t i = 0; i < work->threads; i++) {
        ks_reactors_stats(work->reactors, i, &one);
        sum->people += one.people;
        sum->people_fell = one.people_fell > sum->people_fell ? one.people_fell : sum->people_fell;
        sum->streams += one.streams;
        sum->sessions += one.sessions;
        sum->users_loaded += one.users_loaded;
        sum->stanzas_in += one.stanzas_in;
        sum->stanzas_out += one.stanzas_out;
        sum->logins += one.logins;
        sum->logins_refused += one.logins_refused;
    }
    ks_store_thread_stats(work->store, &ret_figures->store);
    statvfs(work->data_directory, &disk);
    ret_figures->disk_free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
}

bool ks_control_work_ready(void *user)
{
    struct ks_control_work *work = user;
    struct ks_committer_stats store;

    ks_store_thread_stats(work->store, &store);
    return !store.failing;
}

static json_t *describe_clients(const struct ks_control_work *work, const struct ks_reactor_stats *sum)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "threads", (json_int_t)work->threads, "connections",
        (json_int_t)sum->streams, "sessions", (json_int_t)sum->sessions, "accounts_loaded",
        (json_int_t)sum->users_loaded, "stanzas_in", (json_int_t)sum->stanzas_in, "stanzas_out",
        (json_int_t)sum->stanzas_out, "logins", (json_int_t)sum->logins, "logins_refused",
        (json_int_t)sum->logins_refused);
}

static json_t *describe_store(const struct ks_figures *figures)
{
    const struct ks_committer_stats *stats = &figures->store;

    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "failing", stats->failing, "turns",
        (json_int_t)stats->turns, "commits", (json_int_t)stats->commits, "failures", (json_int_t)stats->failures,
        "transactions", (json_int_t)stats->txns, "reads", (json_int_t)stats->reads, "archived",
        (json_int_t)stats->archived, "index_tail", (json_int_t)stats->tail_entries, "disk_free_bytes",
        (json_int_t)figures->disk_free_bytes);
}

static json_t *describe_health(struct ks_control_work *work)
{
    char stamp[KS_STAMP_LEN + 1];
    struct ks_figures figures;
    json_t *health;

    ks_control_work_figures(&figures, work);
    health = json_pack("{s:s, s:I, s:b, s:I, s:I, s:s, s:b, s:o, s:o}", "version", work->version, "uptime_seconds",
        (json_int_t)figures.uptime_s, "sandbox", work->sandbox, "connections_max", (json_int_t)figures.connections_max,
        "memory_bytes", (json_int_t)figures.heap_bytes, "certificates_until",
        ks_stamp_write(figures.certificates_end_ms, stamp).ptr, "certificates_named",
        (int)atomic_load(&work->certificates_named), "clients", describe_clients(work, &figures.clients), "store",
        describe_store(&figures));
    if (atomic_load(&work->backup.running))
        json_object_set_new(health, "backup_percent", json_integer(atomic_load(&work->backup.percent)));
    return health;
}

/* --- reload --- */

/* True: the main thread will answer. */
static bool ask_for_reload(struct ks_control_work *work, struct ks_control_call *call)
{
    pthread_mutex_lock(&work->lock);
    bool room = work->reloads_count < KS_RELOADS_MAX;
    if (room)
        work->reloads[work->reloads_count++] = call;
    pthread_mutex_unlock(&work->lock);
    if (room)
        work->wake_main(work->user);
    return room;
}

/* A letter from the main thread to reactor 0. */
struct answer {
    struct ks_reactors_call letter;
    struct ks_control_call *call;
    bool good;
    size_t restart_len;
    char restart[];
};

/* {"restart":["listen.starttls"]} */
static json_t *describe_reload(struct ks_str restart)
{
    json_t *names = json_array();
    struct ks_str name;

    while (ks_str_cut(&restart, ' ', &name))
        if (name.len)
            json_array_append_new(names, json_stringn(name.ptr, name.len));
    return json_pack("{s:o}", "restart", names);
}

static void answer_reload(void *user)
{
    struct answer *answer = user;

    if (answer->good)
        ks_control_worked(
            answer->call, NULL, describe_reload(ks_str(answer->restart, answer->restart_len)), ks_system_now());
    else
        ks_control_worked(answer->call, SAY("control.reload"), NULL, ks_system_now());
    free(answer);
}

void ks_control_work_reloaded(struct ks_control_work *work, bool good, struct ks_str restart)
{
    pthread_mutex_lock(&work->lock);
    while (work->reloads_count) {
        struct answer *answer = malloc(sizeof *answer + restart.len);
        if (!answer)
            break;
        *answer =
            (struct answer) { { answer_reload, answer }, work->reloads[--work->reloads_count], good, restart.len };
        if (restart.len)
            memcpy(answer->restart, restart.ptr, restart.len);
        ks_reactors_run(work->reactors, 0, &answer->letter);
    }
    pthread_mutex_unlock(&work->lock);
}

/* Another letter of that kind. */
struct note {
    struct ks_reactors_call letter;
    struct ks_control_work *work;
    const char *action;
    char detail[64];
};

static void take_note(void *user)
{
    struct note *note = user;

    ks_control_note(note->work->core,
        &(struct ks_audit_row) {
            .actor = KS_STR("konsild"), .action = ks_str_z(note->action), .detail = ks_str_z(note->detail) },
        ks_system_now());
    free(note);
}

void ks_control_work_note(struct ks_control_work *work, const char *action, const char *detail)
{
    struct note *note = malloc(sizeof *note);

    if (!note) {
        ks_log(ks_log_file_log(work->log), KS_ERROR, "audit.failed", KS_ERR(KS_ENOMEM));
        return;
    }
    *note = (struct note) { { take_note, note }, work, action, { 0 } };
    snprintf(note->detail, sizeof note->detail, "%s", detail);
    ks_reactors_run(work->reactors, 0, &note->letter);
}

void ks_control_work_do(struct ks_control_call *call, void *user)
{
    struct ks_control_work *work = user;
    struct ks_str name = ks_str_z(ks_control_call_name(call));
    struct ks_now now = ks_system_now();

    if (ks_str_is(name, "health")) {
        ks_control_worked(call, NULL, describe_health(work), now);
    } else if (ks_str_is(name, "backup")) {
        ks_backup_work_do(&work->backup, call);
    } else if (ks_str_is(name, "vault.backup")) {
        ks_vault_backup_work_do(&work->vault, call);
    } else if (call->dry_run) {
        ks_control_worked(call, NULL, NULL, now);
    } else if (ks_str_is(name, "log.debug") || ks_str_is(name, "log.normal")) {
        ks_log_file_debug(work->log, ks_str_is(name, "log.debug"), now);
        ks_control_worked(call, NULL, NULL, now);
    } else if (!ks_str_is(name, "reload") || !ask_for_reload(work, call)) {
        ks_control_worked(call, SAY("control.unknown-command"), NULL, now);
    }
}
