/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What storing a message costs with encrypted pages and without: CPU from submission to completion, everything in (the
 * request, the commit with its sync, checkpoints, moving the index), per message of 1,300 bytes for two owners.
 *
 *     store_pages DIRECTORY [MESSAGES]     on the disk that is to be measured */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "committer.h"
#include "crypto.h"
#include "sqlite_server_store.h"

#define PEOPLE 5000
#define MESSAGE_BYTES 1300

static const uint8_t key[KS_STORE_KEY_LEN] = { 1 };
static struct ks_prng chance;

static double cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return 1e6 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double wall_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static struct ks_store_req *message(struct ks_str stanza)
{
    struct ks_store_req *req = ks_store_txn_new();
    uint64_t a = 1 + ks_prng_below(&chance, PEOPLE), b = 1 + ks_prng_below(&chance, PEOPLE);

    if (!req)
        abort();
    req->epoch = 1;
    ks_store_txn_archive(req,
        &(struct ks_archive_row) {
            .owner = { a, a == b ? 0 : b },
            .with = { KS_STR("k00f3a91@klinik.example"), KS_STR("k00c17d2@klinik.example") },
            .stanza = stanza,
        });
    return req;
}

static void measure(const char *path, enum ks_pages pages, const char *name, size_t batch, size_t messages)
{
    struct ks_sqlite_setup setup = { .path = path, .key = key, .pages = pages };
    struct ks_server_store *store = NULL;
    struct ks_committer *c = NULL;
    char text[MESSAGE_BYTES], log[4200];
    double cpu, wall;
    size_t failed = 0;

    unlink(path);
    snprintf(log, sizeof log, "%s-wal", path);
    unlink(log);
    ks_prng_bytes(&chance, text, sizeof text);
    if (ks_sqlite_server_store_open(&setup, &store) != KS_OK || ks_committer_new(store, &chance, &c) != KS_OK) {
        printf("%s: cannot open %s\n", name, path);
        exit(1);
    }
    cpu = cpu_us();
    wall = wall_s();
    for (size_t done = 0; done < messages; done += batch) {
        struct ks_store_req *req, *next;
        for (size_t i = 0; i < batch; i++)
            ks_committer_submit(c, message(ks_str(text, sizeof text)));
        for (req = ks_committer_turn(c, (struct ks_now) { 0, 1700000000000 + (int64_t)done }); req; req = next) {
            next = req->next;
            failed += req->result != KS_OK;
            ks_store_req_free(req);
        }
        ks_committer_tidy(c);
    }
    if (ks_committer_flush(c) != KS_OK)
        failed++;
    cpu = (cpu_us() - cpu) / (double)messages;
    wall = (double)messages / (wall_s() - wall);
    printf("%-9s %5zu a turn: %6.2f us of CPU a message, %8.0f messages/s%s\n", name, batch, cpu, wall,
        failed ? ", WITH FAILURES" : "");
    fflush(stdout);
    ks_committer_free(c);
    ks_server_store_free(store);
    unlink(path);
}

int main(int argc, char **argv)
{
    static const struct {
        enum ks_pages pages;
        const char *name;
    } kinds[] = { { KS_PAGES_PLAIN, "plain" }, { KS_PAGES_AEGIS, "aegis" }, { KS_PAGES_CHACHA20, "chacha20" } };
    static const size_t batches[] = { 10, 100, 1000 };
    size_t messages = argc > 2 ? strtoul(argv[2], NULL, 10) : 200000;
    char path[4096];

    if (argc < 2 || messages == 0 || ks_crypto_init() != KS_OK) {
        fprintf(stderr, "usage: store_pages DIRECTORY [MESSAGES]\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/store_pages.db", argv[1]);
    ks_prng_init_number(&chance, 1);
    for (size_t i = 0; i < KS_COUNT(batches); i++)
        for (size_t k = 0; k < KS_COUNT(kinds); k++)
            measure(path, kinds[k].pages, kinds[k].name, batches[i], messages);
    return 0;
}
