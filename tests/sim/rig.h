/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* rig.h -- one host in memory at a time that is always the same, and who is on it: for what golden scripts cannot say.
 * VERBOSE in the environment shows its log. */
#ifndef RIG_H
#define RIG_H

#include <stdlib.h>

#include "host_client.h"

#define DOMAIN "offen.example"
#define PASSWORD "ein Kennwort"

struct rig {
    struct ks_config *config;
    struct ks_server_store *store;
    struct host *host;
    struct host_conn *anna, *jonas;
};

/* Takes config; nobody is there yet. */
static inline void rig_open(struct rig *rig, struct ks_config *config, uint16_t reactors)
{
    static const struct ks_now start = { .mono_ms = 1000, .wall_ms = 1795312800000 };

    *rig = (struct rig) { .config = config, .store = ks_memory_server_store_new() };
    rig->host = host_new(config, rig->store, reactors, 7, start, getenv("VERBOSE") != NULL);
}

/* Whoever is still connected goes first. */
static inline void rig_done(struct rig *rig)
{
    host_close_all(rig->host);
    host_free(rig->host);
    ks_server_store_free(rig->store);
    ks_config_unref(rig->config);
}

#endif
