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

/* Making a device's keys takes longer than everything else, so all plays begin with one store. Its steps are one
 * transaction, which is undone in the end; a step that is undone by itself stays, in both plays alike. */
static struct ks_engine_store *real;
static struct ks_engine_store_ops ops;
static struct ks_engine_store store = { &ops };

static void nothing(struct ks_engine_store *s)
{
    (void)s;
}

static enum ks_err succeed(struct ks_engine_store *s)
{
    (void)s;
    return KS_OK;
}

static enum ks_err get(struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_buf *ret_value)
{
    (void)s;
    return real->ops->get(real, table, key, ret_value);
}

static enum ks_err put(struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_str value)
{
    (void)s;
    return real->ops->put(real, table, key, value);
}

static enum ks_err del(struct ks_engine_store *s, enum ks_table table, struct ks_str key)
{
    (void)s;
    return real->ops->del(real, table, key);
}

static enum ks_err scan(struct ks_engine_store *s, enum ks_table table, struct ks_str prefix, struct ks_str from,
    bool falling, ks_visit_record *visit, void *user)
{
    (void)s;
    return real->ops->scan(real, table, prefix, from, falling, visit, user);
}

static enum ks_err index_text(struct ks_engine_store *s, struct ks_str key, struct ks_str text)
{
    (void)s;
    return real->ops->index_text(real, key, text);
}

static enum ks_err search(
    struct ks_engine_store *s, struct ks_str query, uint32_t limit, ks_visit_record *visit, void *user)
{
    (void)s;
    return real->ops->search(real, query, limit, visit, user);
}

static void prepare(void)
{
    struct konsil_setup setup = { .now = now };
    struct konsil *k;

    if (real)
        return;
    ops = (struct ks_engine_store_ops) { .free = nothing,
        .begin = succeed,
        .commit = succeed,
        .rollback = nothing,
        .get = get,
        .put = put,
        .del = del,
        .scan = scan,
        .index_text = index_text,
        .search = search };
    real = setup.store = ks_memory_engine_store_new();
    if (ks_crypto_init() != KS_OK || !real || !(k = konsil_new(&setup)))
        abort();
    konsil_command(k, CONNECT, sizeof(CONNECT) - 1, now);
    konsil_free(k);
}

static struct konsil *engine_new(uint8_t stage)
{
    struct konsil_setup setup = { .store = &store, .now = now };
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
    struct konsil *k;
    const char *text;
    uint64_t hash;
    size_t len;

    if (real->ops->begin(real) != KS_OK)
        abort();
    k = engine_new(stage);
    konsil_feed(k, bytes.ptr, cut, now);
    konsil_feed(k, bytes.ptr + cut, bytes.len - cut, now);
    konsil_tick(k, (struct konsil_now) { now.mono_ms + 20000, now.wall_ms + 20000 });
    assert(konsil_failed(k) == 0);
    konsil_output(k, &text, &len);
    hash = ks_str_hash(ks_str(text, len), key);
    while (konsil_next_event(k, &text, &len))
        hash = hash * 31 + ks_str_hash(ks_str(text, len), key);
    konsil_free(k);
    real->ops->rollback(real);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str bytes;

    if (len == 0)
        return 0;
    prepare();
    bytes = ks_str(data + 1, len - 1);
    assert(play(data[0] % 3, bytes, bytes.len) == play(data[0] % 3, bytes, bytes.len / 2));
    return 0;
}
