/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "worker.h"

#include <stdlib.h>

enum { LETTER_TASK, LETTER_STOP };

struct ks_worker {
    pthread_t id;
    struct ks_mailbox box;
};

static void *run(void *user)
{
    struct ks_worker *worker = user;
    struct ks_letters in = { 0 };
    bool stopping = false;

    while (!stopping) {
        ks_mailbox_wait(&worker->box);
        ks_mailbox_take(&worker->box, &in);
        for (size_t i = 0; i < in.count; i++) {
            struct ks_task *task = in.letter[i].ptr;
            if (in.letter[i].kind == LETTER_STOP)
                stopping = true;
            else
                task->run(task->user);
        }
        in.count = 0;
    }
    ks_letters_done(&in);
    return NULL;
}

struct ks_worker *ks_worker_start(void)
{
    struct ks_worker *worker = calloc(1, sizeof *worker);

    if (!worker)
        return NULL;
    if (ks_mailbox_init(&worker->box) == KS_OK && pthread_create(&worker->id, NULL, run, worker) == 0)
        return worker;
    ks_mailbox_done(&worker->box);
    free(worker);
    return NULL;
}

void ks_worker_do(struct ks_worker *worker, struct ks_task *task)
{
    ks_mailbox_order(&worker->box, LETTER_TASK, task);
}

void ks_worker_stop(struct ks_worker *worker)
{
    if (!worker)
        return;
    ks_mailbox_order(&worker->box, LETTER_STOP, NULL);
    pthread_join(worker->id, NULL);
    ks_mailbox_done(&worker->box);
    free(worker);
}
