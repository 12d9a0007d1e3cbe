/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control_work.h -- commands of konsilctl that the core hands to the edge (KS_EV_WORK): health, reload, the log's
 * level.
 *
 * They come and are answered in the thread of reactor 0. What reads files is done by the main thread meanwhile. */
#ifndef KS_CONTROL_WORK_H
#define KS_CONTROL_WORK_H

#include <pthread.h>

#include "backup_work.h"
#include "control.h"
#include "figures.h"
#include "log_file.h"
#include "reactor_thread.h"
#include "store_thread.h"
#include "vault_backup_work.h"

#define KS_RELOADS_MAX 64

struct ks_control_work {
    struct ks_reactors *reactors;
    struct ks_reactor *core; /* reactor 0's, for what runs in its thread */
    size_t threads;
    struct ks_store_thread *store;
    struct ks_log_file *log;
    struct ks_backup_work backup;
    struct ks_vault_backup_work vault;
    const char *data_directory, *version;
    bool sandbox;
    unsigned connections_max;
    int64_t started_ms;               /* monotonic */
    atomic_llong certificates_end_ms; /* wall; the main thread changes it at a reload */
    atomic_bool certificates_named;   /* each names its domain; changed likewise */
    void (*wake_main)(void *user);    /* makes the main thread call ks_control_work_reloaded after a reload */
    void *user;
    pthread_mutex_t lock;
    struct ks_control_call *reloads[KS_RELOADS_MAX]; /* waiting for the main thread */
    size_t reloads_count;
};

/* All fields set but the last three. */
void ks_control_work_init(struct ks_control_work *work);
void ks_control_work_done(struct ks_control_work *work);

/* From any thread; user is the ks_control_work. */
void ks_control_work_figures(struct ks_figures *ret_figures, void *user);
/* Likewise: the last commit did not fail. */
bool ks_control_work_ready(void *user);
/* In the thread of reactor 0; user is the ks_control_work. */
void ks_control_work_do(struct ks_control_call *call, void *user);
/* In the main thread: a row of the audit log for what konsild did by itself. action lives for ever. */
void ks_control_work_note(struct ks_control_work *work, const char *action, const char *detail);
/* In the main thread, after a reload: answers all who asked for it. restart: names of the options that were changed and
 * take a restart, separated by blanks; those who asked hear of them. */
void ks_control_work_reloaded(struct ks_control_work *work, bool good, struct ks_str restart);

#endif
