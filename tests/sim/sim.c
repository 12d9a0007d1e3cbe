/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sim: lives of a town (town.h), one for each seed. Says in TAP whether what must be true was true at the end of each.
 *
 *   sim [--seed HEX] [--seeds N] [--jobs N] [--file FILE] [--again] [--mutants] [--mutant NAME] [--trace]
 *
 *   --seed, --seeds   N lives; their seeds follow from the first one
 *   --file            before them, the seeds of a file: one a line, the first word of it
 *   --again           the first one once more: a seed must give the same steps, byte by byte
 *   --mutants         each mutant (mutant.h) must be caught by one of the first seeds
 *   --mutant          all with this mutant
 *   --trace           tells every step
 *
 * A set of lives counts only when every kind of fault struck in it. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto.h"
#include "lives.h"

#define MUTANT_SEEDS 40
#define FILE_SEEDS_MAX 1000
#define SET_MIN 20        /* so many lives must meet every kind of fault */
#define PROGRESS_LIVES 50 /* between two lines that say how far it is */

static unsigned rows, rows_failed, jobs = 1;

__attribute__((format(printf, 2, 3))) static void row(bool ok, const char *format, ...)
{
    va_list args;

    printf("%sok %u - ", ok ? "" : "not ", ++rows);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    rows_failed += !ok;
    fflush(stdout);
}

struct set {
    enum mutant mutant;
    uint64_t lives, failed, steps, letters, letters_failed, trace_hash;
    uint64_t struck[FAULT_COUNT];
    uint64_t of; /* lives to come; 0: nobody asks how far it is */
};

static bool add(void *user, const struct report *report)
{
    struct set *set = user;

    set->lives++;
    set->failed += !report->good;
    set->steps += report->steps;
    set->letters += report->letters;
    set->letters_failed += report->letters_failed;
    set->trace_hash ^= report->trace_hash;
    for (int i = 0; i < FAULT_COUNT; i++)
        set->struck[i] += report->struck[i];
    if (!report->good)
        printf("# sim: FAIL seed=%" PRIx64 " step=%" PRIu64 ": %s\n# replay: make sim SEED=%" PRIx64
               "%s%s (TRACE=1 tells every step)\n",
            report->seed, report->steps, report->why, report->seed, set->mutant ? " MUTANT=" : "",
            set->mutant ? mutant_names[set->mutant] : "");
    if (set->of > PROGRESS_LIVES && set->lives % PROGRESS_LIVES == 0)
        printf("# %" PRIu64 " of %" PRIu64 " lives, %" PRIu64 " failed\n", set->lives, set->of, set->failed);
    fflush(stdout);
    return true;
}

static void tell(const struct set *set)
{
    printf("# sim: %" PRIu64 " lives, %" PRIu64 " steps, %" PRIu64 " messages, %" PRIu64
           " of them failed as their authors were told; faults:",
        set->lives, set->steps, set->letters, set->letters_failed);
    for (int i = 0; i < FAULT_COUNT; i++)
        printf("%s %" PRIu64 " %s", i ? "," : "", set->struck[i], fault_names[i]);
    printf("\n");
    if (set->lives == 1)
        printf("# sim: trace %016" PRIx64 "\n", set->trace_hash);
}

static uint64_t seed_after(uint64_t seed, uint64_t n)
{
    uint64_t x = seed + n * 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    return n ? x ^ x >> 27 : seed;
}

static void run_seeds(uint64_t seed, size_t count, enum mutant mutant, bool trace, struct set *set)
{
    struct life *lives = calloc(count, sizeof *lives);
    uint64_t failed = set->failed;

    if (!lives)
        abort();
    for (size_t i = 0; i < count; i++)
        lives[i] = (struct life) { seed_after(seed, i), mutant, trace };
    set->of = set->lives + count;
    set->mutant = mutant;
    lives_run(lives, count, jobs, add, set);
    free(lives);
    row(set->failed == failed,
        "in %zu lives from seed %" PRIx64
        " each device shows each message once and in order, and konsild nothing in clear",
        count, seed);
}

/* Read to the end first: a process that is a copy of this one has its place in the file, too. */
static void run_file(const char *path, struct set *set)
{
    static char lines[FILE_SEEDS_MAX][300];
    FILE *file = fopen(path, "r");
    size_t count = 0;

    while (file && count < FILE_SEEDS_MAX && fgets(lines[count], sizeof lines[count], file)) {
        lines[count][strcspn(lines[count], "\n")] = 0;
        count += lines[count][0] && lines[count][0] != '#';
    }
    if (file)
        (void)fclose(file);
    row(count && count < FILE_SEEDS_MAX, "%s holds seeds", path);
    for (size_t i = 0; i < count; i++) {
        struct life life = { .seed = strtoull(lines[i], NULL, 16) };
        uint64_t failed = set->failed;
        lives_run(&life, 1, 1, add, set);
        row(set->failed == failed, "seed %s", lines[i]);
    }
}

/* Trace hashes are added up by exclusive or: two that are the same leave nothing. */
static void run_again(uint64_t seed)
{
    struct life lives[] = { { .seed = seed }, { .seed = seed } }, other = { .seed = seed_after(seed, 1) };
    struct set same = { 0 }, different = { 0 };

    lives_run(lives, 2, jobs, add, &same);
    lives_run(lives, 1, 1, add, &different);
    lives_run(&other, 1, 1, add, &different);
    row(!same.trace_hash && different.trace_hash,
        "seed %" PRIx64 " gives the same steps again, byte by byte, and another one others", seed);
}

static bool keep(void *user, const struct report *report)
{
    struct report *kept = user;

    *kept = *report;
    return report->good;
}

static void run_mutants(uint64_t seed)
{
    for (enum mutant mutant = MUTANT_NONE + 1; mutant < MUTANT_COUNT; mutant++) {
        struct life lives[MUTANT_SEEDS];
        struct report report;
        for (uint64_t i = 0; i < MUTANT_SEEDS; i++)
            lives[i] = (struct life) { .seed = seed_after(seed, i), .mutant = mutant };
        lives_run(lives, MUTANT_SEEDS, 1, keep, &report);
        if (report.good)
            row(false, "mutant %s: caught by none of %d seeds", mutant_names[mutant], MUTANT_SEEDS);
        else
            row(true, "mutant %s: caught by \"%s\", seed %" PRIx64, mutant_names[mutant], report.why, report.seed);
    }
}

static void look_at_faults(const struct set *set)
{
    bool all = true;

    for (int i = 0; i < FAULT_COUNT; i++)
        if (!set->struck[i]) {
            printf("# in %" PRIu64 " lives there were no %s\n", set->lives, fault_names[i]);
            all = false;
        }
    row(all, "every kind of fault struck");
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
        { "seed", required_argument, NULL, 's' }, { "jobs", required_argument, NULL, 'j' },
        { "mutant", required_argument, NULL, 'm' }, { "mutants", no_argument, NULL, 'M' },
        { "file", required_argument, NULL, 'f' }, { "again", no_argument, NULL, 'a' },
        { "trace", no_argument, NULL, 't' }, { 0 } };
    uint64_t seed = 1, count = 1;
    enum mutant mutant = MUTANT_NONE;
    bool mutants = false, trace = false, again = false;
    const char *file = NULL;
    struct set set = { 0 };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (option) {
        case 'n':
            count = strtoull(optarg, NULL, 10);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 16);
            break;
        case 'j':
            jobs = (unsigned)strtoul(optarg, NULL, 10);
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
        case 'a':
            again = true;
            break;
        case 't':
            trace = true;
            break;
        default:
            return 2;
        }
    if (mutant == MUTANT_COUNT || !count || count > 10000000 || ks_crypto_init() != KS_OK)
        return 2;
    if (file)
        run_file(file, &set);
    run_seeds(seed, count, mutant, trace, &set);
    tell(&set);
    if (set.lives >= SET_MIN)
        look_at_faults(&set);
    if (again)
        run_again(seed);
    if (mutants)
        run_mutants(seed);
    printf("1..%u\n", rows);
    return rows_failed ? 1 : 0;
}
