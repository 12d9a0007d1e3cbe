/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* worker.h -- one thread for what takes long and nobody waits for: it does one task after the other.
 *
 * It is started with the others, because the sandbox lets no thread be started later. */
#ifndef KS_WORKER_H
#define KS_WORKER_H

#include "mailbox.h"

struct ks_worker;

/* The caller's, until it was run. */
struct ks_task {
    void (*run)(void *user);
    void *user;
};

/* NULL without memory, descriptors or threads. */
KS_CHECK struct ks_worker *ks_worker_start(void);
/* From any thread. */
void ks_worker_do(struct ks_worker *worker, struct ks_task *task);
/* Does what was asked for before, and ends. Accepts NULL. */
void ks_worker_stop(struct ks_worker *worker);

#endif
