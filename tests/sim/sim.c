/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sim: lives of a town (town.h), one for each seed. Says in TAP whether what must be true was true at the end of each.
 *
 *   sim [--seeds N] [--seed HEX] [--mutant NAME] [--trace]
 *   sim --file FILE           the seeds of a file, one a line, the first word of it
 *   sim --mutants             each mutant must be found by one of the first seeds
 *
 * Seeds follow from the first one, which is given (CI: of the commit's hash) or 1. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto.h"
#include "device.h"
#include "town_check.h"

#define MUTANT_SEEDS 20

static unsigned rows, rows_failed;
static uint64_t struck[FAULT_COUNT];
static uint64_t lives, letters, failed_letters, steps;

/* One life; true when all was as it must be. */
static bool live(uint64_t seed, enum mutant mutant, bool trace, bool loud)
{
    struct town town;
    struct ks_buf why;
    bool good;

    ks_buf_init(&why, 4096);
    town_begin(&town, seed, mutant, trace);
    town_live(&town);
    good = town_check(&town, &why);
    lives++;
    letters += town.letter_count;
    for (size_t i = 0; i < town.letter_count; i++)
        failed_letters += town.letters[i].failed;
    steps += town.step;
    for (int i = 0; i < FAULT_COUNT; i++)
        struck[i] += town.struck[i];
    if (!good && loud)
        printf("# sim: FAIL seed=%" PRIx64 " step=%" PRIu64 ": %.*s\n# replay: make sim SEED=%" PRIx64 " TRACE=1\n",
            seed, town.step, KS_STR_FMT(ks_buf_str(&why)), seed);
    if (trace)
        printf("# trace %016" PRIx64 "\n", town.trace_hash);
    town_end(&town);
    ks_buf_done(&why);
    return good;
}

static void row(bool ok, const char *name)
{
    printf("%sok %u - %s\n", ok ? "" : "not ", ++rows, name);
    rows_failed += !ok;
    fflush(stdout);
}

static void summary(void)
{
    printf("# sim: %" PRIu64 " lives, %" PRIu64 " steps, %" PRIu64 " messages, %" PRIu64 " of them refused;", lives,
        steps, letters, failed_letters);
    for (int i = 0; i < FAULT_COUNT; i++)
        printf(" %" PRIu64 " %s", struck[i], fault_names[i]);
    printf("\n");
}

static uint64_t seed_after(uint64_t seed, uint64_t n)
{
    uint64_t x = seed + n * 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    return n ? x ^ x >> 27 : seed;
}

static void run_seeds(uint64_t seed, uint64_t count, enum mutant mutant, bool trace)
{
    uint64_t failed = 0;
    char name[200];

    for (uint64_t i = 0; i < count; i++)
        failed += !live(seed_after(seed, i), mutant, trace, true);
    snprintf(name, sizeof name,
        "in %" PRIu64 " lives from seed %" PRIx64
        " each device shows each message once and in order, and konsild nothing in clear",
        count, seed);
    row(failed == 0, name);
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[1000];

    if (!file) {
        row(false, path);
        return;
    }
    while (fgets(line, sizeof line, file))
        if (line[0] != '#' && line[0] != '\n')
            row(live(strtoull(line, NULL, 16), MUTANT_NONE, false, true), strtok(line, "\n"));
    fclose(file);
}

static void run_mutants(uint64_t seed)
{
    for (enum mutant mutant = MUTANT_NONE + 1; mutant < MUTANT_COUNT; mutant++) {
        char name[100];
        uint64_t i = 0;
        while (i < MUTANT_SEEDS && live(seed_after(seed, i), mutant, false, false))
            i++;
        snprintf(name, sizeof name, "the mutant %s is found", mutant_names[mutant]);
        row(i < MUTANT_SEEDS, name);
        printf("# by seed %" PRIx64 "\n", seed_after(seed, i));
    }
}

static enum mutant mutant_named(const char *name)
{
    enum mutant mutant = MUTANT_NONE;

    while (mutant < MUTANT_COUNT && strcmp(name, mutant_names[mutant]) != 0)
        mutant++;
    return mutant;
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "seeds", required_argument, NULL, 'n' },
        { "seed", required_argument, NULL, 's' }, { "mutant", required_argument, NULL, 'm' },
        { "mutants", no_argument, NULL, 'M' }, { "file", required_argument, NULL, 'f' },
        { "trace", no_argument, NULL, 't' }, { 0 } };
    uint64_t seed = 1, count = 1;
    enum mutant mutant = MUTANT_NONE;
    bool mutants = false, trace = false;
    const char *file = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (option) {
        case 'n':
            count = strtoull(optarg, NULL, 10);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 16);
            break;
        case 'm':
            mutant = mutant_named(optarg);
            break;
        case 'M':
            mutants = true;
            break;
        case 'f':
            file = optarg;
            break;
        case 't':
            trace = true;
            break;
        default:
            return 2;
        }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (mutant == MUTANT_COUNT || ks_crypto_init() != KS_OK)
        return 2;
    if (mutants)
        run_mutants(seed);
    else if (file)
        run_file(file);
    else
        run_seeds(seed, count, mutant, trace);
    summary();
    printf("1..%u\n", rows);
    return rows_failed ? 1 : 0;
}
