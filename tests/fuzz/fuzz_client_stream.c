/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Anything a server may send, before and after a login: the engine goes on, and where the network cuts does not matter.
 *
 * The first byte chooses: before TLS, after it, or in a session (which is set up without the exchange of SASL, since no
 * fuzzer guesses a signature). */
#include <stdlib.h>

#include "crypto.h"
#include "engine.h"

#define HEADER \
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' id='1'>"
#define CONNECT "{\"cmd\":\"connect\",\"jid\":\"anna@klinik.example\",\"password\":\"x\"}"

static const struct konsil_now now = { 1000, 1795312800000 };

static struct konsil *engine_new(struct ks_engine_store *store, uint8_t stage)
{
    struct konsil_setup setup = { .store = store, .now = now };
    struct konsil_tls tls = { .has_exporter = true };
    struct konsil *k = konsil_new(&setup);

    if (!k)
        abort();
    konsil_command(k, CONNECT, sizeof(CONNECT) - 1, now);
    if (stage == 1) {
        k->direct_tls = true;
        konsil_secured(k, &tls, now);
    }
    konsil_opened(k, now);
    konsil_feed(k, HEADER, sizeof(HEADER) - 1, now);
    if (stage == 2) {
        /* As login.c leaves it. */
        k->stream.login.state = KS_LOGIN_BOUND;
        k->stream.state = KS_STREAM_ONLINE;
        k->stream.jid = ks_str_dup(KS_STR("anna@klinik.example/r"));
        if (ks_sm_enabled(&k->stream.sm, KS_STR("s"), true) != KS_OK)
            abort();
        ks_engine_online(k, false);
    }
    return k;
}

/* Feeds the bytes in pieces; the hash of all events and of what was sent. */
static uint64_t play(uint8_t stage, struct ks_str bytes, size_t cut)
{
    static const uint64_t key[2] = { 1, 2 };
    struct ks_engine_store *store = ks_memory_engine_store_new();
    struct konsil *k = engine_new(store, stage);
    const char *text;
    uint64_t hash;
    size_t len;

    konsil_feed(k, bytes.ptr, cut, now);
    konsil_feed(k, bytes.ptr + cut, bytes.len - cut, now);
    konsil_tick(k, (struct konsil_now) { now.mono_ms + 20000, now.wall_ms + 20000 });
    assert(konsil_failed(k) == 0);
    konsil_output(k, &text, &len);
    hash = ks_str_hash(ks_str(text, len), key);
    while (konsil_next_event(k, &text, &len))
        hash = hash * 31 + ks_str_hash(ks_str(text, len), key);
    konsil_free(k);
    ks_engine_store_free(store);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str bytes;

    if (len == 0 || ks_crypto_init() != KS_OK)
        return 0;
    bytes = ks_str(data + 1, len - 1);
    assert(play(data[0] % 3, bytes, bytes.len) == play(data[0] % 3, bytes, bytes.len / 2));
    return 0;
}
