/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any bytes given as a command: one answer, which is JSON, and the engine goes on. */
#include <jansson.h>
#include <stdlib.h>

#include "crypto.h"
#include "engine_store.h"
#include "konsil/konsil.h"

static void take_events(struct konsil *k)
{
    const char *json;
    size_t len, count = 0;

    while (konsil_next_event(k, &json, &len)) {
        json_t *event = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);

        assert(event && json_is_string(json_object_get(event, "event")));
        json_decref(event);
        count++;
    }
    assert(count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct konsil_setup setup = { .now = { 1000, 1795312800000 } };
    struct konsil *k;

    if (ks_crypto_init() != KS_OK || !(setup.store = ks_memory_engine_store_new()) || !(k = konsil_new(&setup)))
        abort();
    konsil_command(k, (const char *)data, len, setup.now);
    take_events(k);
    konsil_command(k, "{\"cmd\":\"state\"}", 15, setup.now);
    take_events(k);
    assert(konsil_failed(k) == 0);
    konsil_free(k);
    ks_engine_store_free(setup.store);
    return 0;
}
