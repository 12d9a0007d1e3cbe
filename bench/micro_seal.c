/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* micro_seal.c -- what a message into a large room costs its author's engine: 500 members with three devices each, and
 * in WASM 200 (its store's file is in memory there, and a clock's time all there is).
 *
 * Sealing for all of them, writing the stanza and the transaction that makes ratchet steps and stanza durable, on the
 * encrypted SQLite store. Each device has answered once, so no key carries a key exchange any more; the first message,
 * before that, is told apart. Time is that of a clock, so the disk's is in it; CPU is that of this process. */
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "omemo_devices.h"
#include "sqlite_engine_store.h"

#ifdef __wasm__
#define MEMBERS 200
#define CPU_CLOCK CLOCK_MONOTONIC
#else
#define MEMBERS 500
#define CPU_CLOCK CLOCK_PROCESS_CPUTIME_ID
#endif
#define DEVICES (3 * MEMBERS)
#define MESSAGES 20
#define ENVELOPE 600 /* bytes of a short text's envelope, padded */

static struct device author, others[DEVICES];
static char jids[MEMBERS][32];
static struct ks_omemo_recipient recipients[DEVICES];

static double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct cost {
    double wall_ms, cpu_ms;
    size_t bytes;
};

/* One message; its bytes belong to the author's arena. */
static struct cost say(struct ks_str *ret_bytes)
{
    static const char envelope[ENVELOPE];
    struct cost cost = { -seconds(CLOCK_MONOTONIC), -seconds(CPU_CLOCK), 0 };
    struct ks_xml *xml;

    must(author.store->ops->begin(author.store), "begin");
    for (size_t i = 0; i < DEVICES; i++)
        recipients[i].err = KS_OK;
    must(ks_omemo_seal(author.omemo, &author.arena, KS_OMEMO_2, ks_str(envelope, ENVELOPE), recipients, DEVICES, &xml),
        "seal");
    *ret_bytes = bytes_of(&author.arena, xml);
    must(author.store->ops->put(author.store, KS_T_OUTBOX, KS_STR("s"), *ret_bytes), "put");
    must(author.store->ops->commit(author.store), "commit");
    cost.wall_ms = 1000 * (cost.wall_ms + seconds(CLOCK_MONOTONIC));
    cost.cpu_ms = 1000 * (cost.cpu_ms + seconds(CPU_CLOCK));
    cost.bytes = ret_bytes->len;
    return cost;
}

/* What the server would deliver: the keys of that account alone would do, so a reader gets it whole only here. */
static void answer(struct device *device, struct ks_str bytes)
{
    struct ks_omemo_opened opened;
    struct ks_str back = { 0 };

    must(open_from(device, author.jid, bytes, &opened), "open");
    must(seal(device, &author, KS_OMEMO_2, KS_STR("a"), &back), "answer");
    must(open_from(&author, device->jid, back, &opened), "open the answer");
    ks_arena_reset(&device->arena);
    ks_arena_reset(&author.arena);
}

#ifdef __wasm__
static void place_path(char *path, size_t cap)
{
    snprintf(path, cap, "store");
}
#else
/* A store in a directory of our own, on a disk: not where scratch.h puts it, in memory. */
static void place_path(char *path, size_t cap)
{
    const char *place = getenv("TMPDIR");

    snprintf(path, cap, "%s/konsil-seal-XXXXXX", place && *place ? place : P_tmpdir);
    if (!mkdtemp(path)) {
        fprintf(stderr, "no directory %s\n", path);
        exit(1);
    }
    snprintf(path + strlen(path), cap - strlen(path), "/store.db");
}
#endif

static int by_wall(const void *a, const void *b)
{
    const struct cost *x = a, *y = b;

    return x->wall_ms < y->wall_ms ? -1 : x->wall_ms > y->wall_ms;
}

/* costs: MESSAGES, by time. */
static void report(const struct cost *first, const struct cost *costs, bool json)
{
    const struct cost *median = &costs[MESSAGES / 2];
    double p95_ms = costs[MESSAGES * 95 / 100].wall_ms;

    if (json) {
        printf("{\"row\":\"seal\",\"devices\":%d,\"messages\":%d,\"first_ms\":%.1f,\"p95_ms\":%.1f,\"cpu_ms\":%.1f,"
               "\"bytes\":%zu}\n",
            DEVICES, MESSAGES, first->wall_ms, p95_ms, median->cpu_ms, median->bytes);
        return;
    }
    printf("first message, with key exchanges: %.0f ms, %.0f ms of CPU, %zu bytes\n", first->wall_ms, first->cpu_ms,
        first->bytes);
    printf("message to %d devices: median %.0f ms (%.0f ms of CPU), p95 %.0f ms of %d, %zu bytes\n", DEVICES,
        median->wall_ms, median->cpu_ms, p95_ms, MESSAGES, median->bytes);
}

int main(int argc, char **argv)
{
    static const uint8_t key[32] = { 1 };
    char path[128];
    struct cost first, costs[MESSAGES];
    struct ks_str bytes, copy;
    struct ks_arena kept;

    which = "seal";
    if (ks_crypto_init() != KS_OK)
        return 1;
    place_path(path, sizeof path);
    author = (struct device) { .jid = KS_STR("author@klinik.example") };
    must(ks_sqlite_engine_store_open(path, NULL, key, true, &author.store), "store");
    ks_prng_init_number(&author.prng, 1);
    ks_arena_init(&author.arena, 64 * 1024 * 1024);
    device_start(&author, NULL, NULL);
    must(author.store->ops->begin(author.store), "begin");
    must(ks_omemo_create(author.omemo, NOW), "create");
    must(author.store->ops->commit(author.store), "commit");
    must(author.store->ops->begin(author.store), "begin");
    for (size_t i = 0; i < DEVICES; i++) {
        snprintf(jids[i / 3], sizeof jids[0], "m%03zu@klinik.example", i / 3);
        device_init(&others[i], jids[i / 3], i + 2);
        struct ks_omemo_bundle bundle = bundle_of(&others[i], &author, KS_OMEMO_2);
        must(ks_omemo_session_begin(author.omemo, KS_OMEMO_2, others[i].jid, id_of(&others[i]), &bundle), "session");
        recipients[i] = (struct ks_omemo_recipient) { .jid = others[i].jid, .device = id_of(&others[i]) };
        ks_arena_reset(&author.arena);
        ks_arena_reset(&others[i].arena);
    }
    must(author.store->ops->commit(author.store), "commit");
    ks_arena_init(&kept, 4 * 1024 * 1024);
    first = say(&bytes);
    must(ks_arena_copy(&kept, bytes, &copy), "copy");
    ks_arena_reset(&author.arena);
    for (size_t i = 0; i < DEVICES; i++)
        answer(&others[i], copy);
    for (size_t i = 0; i < MESSAGES; i++) {
        costs[i] = say(&bytes);
        ks_arena_reset(&author.arena);
    }
    qsort(costs, MESSAGES, sizeof costs[0], by_wall);
    report(&first, costs, argc > 1 && strcmp(argv[1], "--json") == 0);
    ks_arena_done(&kept);
    for (size_t i = 0; i < DEVICES; i++)
        device_done(&others[i]);
    device_done(&author);
#ifndef __wasm__
    (void)unlink(path);
    *strrchr(path, '/') = '\0';
    (void)rmdir(path);
#endif
    return 0;
}
