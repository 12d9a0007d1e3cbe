/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* backup_work.h -- a backup while the server works (backup.h), as konsilctl asks for it.
 *
 * The copying is done in the store's thread between turns, and all the rest in the worker's. The key of backups is made
 * with the first one. One backup at a time. */
#ifndef KS_BACKUP_WORK_H
#define KS_BACKUP_WORK_H

#include "backup_rotation.h"
#include "control.h"
#include "reactor_thread.h"
#include "server_store.h"
#include "sqlite_connect.h"
#include "store_thread.h"
#include "worker.h"

struct ks_backup_work {
    struct ks_reactors *reactors;
    struct ks_store_thread *store_thread;
    struct ks_server_store *store;
    struct ks_worker *worker;
    struct ks_file_store *files;
    enum ks_pages pages;
    struct ks_backup_places places;
    int64_t keep_ms;     /* older ones go when a new one is whole; 0: they are kept */
    atomic_int percent;  /* how much of the one that is running was copied */
    atomic_bool running; /* set by the thread of reactor 0; the end waits for it */
};

/* In the thread of reactor 0: takes the call ("backup", argument "file": a name in the directory) and answers it, at
 * once or when all is done. A dry run judges the name. */
void ks_backup_work_do(struct ks_backup_work *work, struct ks_control_call *call);

#endif
