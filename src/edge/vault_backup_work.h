/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_backup_work.h -- a backup of the vault while the server works (vault_backup.h), as konsilctl asks for it.
 *
 * The slots are read in the store's thread between two turns, and written in the worker's. Each backup has a key of its
 * own (key_file.h); both go after a week, whether a newer one is whole or not. One at a time. */
#ifndef KS_VAULT_BACKUP_WORK_H
#define KS_VAULT_BACKUP_WORK_H

#include "backup_rotation.h"
#include "control.h"
#include "reactor_thread.h"
#include "store_thread.h"
#include "vault_store.h"
#include "worker.h"

struct ks_vault_backup_work {
    struct ks_reactors *reactors;
    struct ks_store_thread *store_thread;
    struct ks_vault_store *vault;
    struct ks_worker *worker;
    struct ks_backup_places places; /* directories of its own, which are made */
    atomic_bool running;            /* set by the thread of reactor 0; the end waits for it */
};

/* In the thread of reactor 0: takes the call ("vault.backup", argument "file": a name in the directory) and answers it,
 * at once or when all is done. A dry run judges the name. */
void ks_vault_backup_work_do(struct ks_vault_backup_work *work, struct ks_control_call *call);

#endif
