/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsild_files.c -- uploaded files: where they lie, and that they go in time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "konsild_parts.h"
#include "say.h"
#include "system.h"

#define SWEEP_FILES 2000 /* looked at before an upload that waits for the disk has its turn */

static enum ks_err bin_remove(void *user, struct ks_str name)
{
    return ks_file_store_remove(user, name);
}

static enum ks_err bin_sync(void *user)
{
    return ks_file_store_sync(user);
}

bool konsild_open_files(struct konsild_parts *p)
{
    int64_t reserve = ks_config_number(ks_settings_config(p->settings), "files.reserve");

    if (ks_file_store_open(&p->files, p->files_directory, (uint64_t)reserve) != KS_OK) {
        konsild_say(SAY("konsild.files"), "directory", p->files_directory, NULL);
        return false;
    }
    p->files_open = true;
    ks_committer_set_files(p->committer, &(struct ks_file_bin) { bin_remove, bin_sync, &p->files });
    return true;
}

/* In the files' worker. */
static void sweep(void *user)
{
    struct konsild_sweep *sweep = user;
    const struct ks_log *log = sweep->log;

    if (ks_file_store_sweep(sweep->store, ks_system_now().wall_ms, &sweep->at, SWEEP_FILES, &sweep->counts)) {
        ks_worker_do(sweep->worker, &sweep->task);
        return;
    }
    if (ks_file_store_sync(sweep->store) != KS_OK)
        ks_log(log, KS_ERROR, "files.sync.failed");
    ks_log(log, KS_INFO, "files.swept", KS_NUM("files", sweep->counts.files), KS_NUM("bytes", sweep->counts.bytes),
        KS_NUM("expired", sweep->counts.expired));
    atomic_store(&sweep->running, false);
}

void konsild_sweep_files(struct konsild_sweep *s)
{
    if (atomic_exchange(&s->running, true))
        return;
    s->at = 0;
    s->counts = (struct ks_file_store_counts) { 0 };
    s->task = (struct ks_task) { sweep, s };
    ks_worker_do(s->worker, &s->task);
}
