/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* device_disk.h -- what stands between an engine and its store: a disk that can be full, and a process that dies at a
 * commit, just before it or just behind it. */
#ifndef DEVICE_DISK_H
#define DEVICE_DISK_H

#include "engine_store.h"

enum doom { DOOM_NONE, DOOM_BEFORE_COMMIT, DOOM_AFTER_COMMIT };

struct device_disk {
    struct ks_engine_store base; /* the engine's view */
    struct ks_engine_store *store;
    bool full;
    enum doom doom;
    unsigned commits_left; /* until doom comes; 0: at the next commit */
    bool dead; /* it came: nothing is stored any more, and nothing that the engine says leaves the process */
};

/* store becomes the disk's. */
void device_disk_init(struct device_disk *disk, struct ks_engine_store *store);
void device_disk_done(struct device_disk *disk);
/* A new process: what was not committed is gone, and doom is over. */
void device_disk_restart(struct device_disk *disk);

#endif
