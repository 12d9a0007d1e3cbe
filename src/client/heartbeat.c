/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "heartbeat.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "sealing.h"

#define HOUR_MS 3600000
#define HEARTBEATS_MAX 256

struct heartbeat {
    struct ks_list link;
    int64_t at_ms;
    uint32_t device;
    enum ks_omemo_version version;
    struct ks_str jid; /* behind this struct */
};

void ks_heartbeats_init(struct konsil *k)
{
    ks_list_init(&k->heartbeats);
}

void ks_heartbeats_done(struct konsil *k)
{
    for (KS_LIST_EACH_SAFE(&k->heartbeats, at)) {
        ks_list_leave(at);
        free(KS_CONTAINER(at, struct heartbeat, link));
    }
}

enum ks_err ks_heartbeat_owe(
    struct konsil *k, struct ks_str jid, uint32_t device, enum ks_omemo_version version, bool at_once)
{
    int64_t at_ms = k->now.mono_ms + (at_once ? 0 : (int64_t)ks_prng_below(&k->prng, HOUR_MS));
    struct heartbeat *heartbeat;
    size_t count = 0;

    for (KS_LIST_EACH(&k->heartbeats, at)) {
        heartbeat = KS_CONTAINER(at, struct heartbeat, link);
        count++;
        if (heartbeat->device == device && heartbeat->version == version && ks_str_eq(heartbeat->jid, jid)) {
            heartbeat->at_ms = ks_sooner(heartbeat->at_ms, at_ms);
            k->wait_ms[KS_WAIT_KEYS] = ks_sooner(k->wait_ms[KS_WAIT_KEYS], heartbeat->at_ms);
            return KS_OK;
        }
    }
    /* One that does not fit is asked for again by the next message of the chain. */
    if (count >= HEARTBEATS_MAX)
        return KS_OK;
    if (!(heartbeat = calloc(1, sizeof(*heartbeat) + jid.len)))
        return KS_ENOMEM;
    memcpy(heartbeat + 1, jid.ptr, jid.len);
    heartbeat->jid = ks_str(heartbeat + 1, jid.len);
    heartbeat->at_ms = at_ms;
    heartbeat->device = device;
    heartbeat->version = version;
    ks_list_append(&k->heartbeats, &heartbeat->link);
    k->wait_ms[KS_WAIT_KEYS] = ks_sooner(k->wait_ms[KS_WAIT_KEYS], at_ms);
    return KS_OK;
}

static enum ks_err send_one(struct konsil *k, void *arg)
{
    const struct heartbeat *heartbeat = arg;
    struct ks_sealing sealing = { .to = heartbeat->jid, .device = heartbeat->device, .version = heartbeat->version };
    enum ks_err err;

    if ((err = ks_new_id(k, &sealing.id)) != KS_OK || (err = ks_seal_empty(k, &sealing)) != KS_OK)
        return err;
    return sealing.stanza ? ks_send_stanza(k, sealing.stanza, 0) : KS_OK;
}

void ks_heartbeats_due(struct konsil *k)
{
    for (KS_LIST_EACH_SAFE(&k->heartbeats, at)) {
        struct heartbeat *heartbeat = KS_CONTAINER(at, struct heartbeat, link);

        if (heartbeat->at_ms > k->now.mono_ms) {
            k->wait_ms[KS_WAIT_KEYS] = ks_sooner(k->wait_ms[KS_WAIT_KEYS], heartbeat->at_ms);
            continue;
        }
        ks_list_leave(at);
        (void)ks_step(k, send_one, heartbeat);
        free(heartbeat);
    }
}
