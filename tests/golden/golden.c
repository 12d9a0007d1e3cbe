/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* golden: plays conversations (script.h) and says in TAP whether each row of them went as written.
 *
 *   golden [--verbose] SCRIPT…                   in the simulator
 *   golden --connect ADDRESS:PORT SCRIPT…        at a konsild with the domains klinik.example and offen.example
 *   golden … --websocket SCRIPT…                 the same over WebSocket; with --connect, at a port of listen.https
 *   golden --accounts SCRIPT…                    prints the accounts that --connect needs: domain, localpart, password
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto.h"
#include "play.h"

static unsigned rows, rows_failed;

static void say_row(bool ok, struct ks_str name, struct ks_str skip)
{
    printf("%sok %u - ", ok ? "" : "not ", ++rows);
    for (size_t i = 0; i < name.len; i++) /* TAP reads # as a directive */
        putchar(name.ptr[i] == '#' ? '.' : name.ptr[i]);
    if (skip.len)
        printf(" # SKIP %.*s", KS_STR_FMT(skip));
    putchar('\n');
    rows_failed += !ok;
}

static void say_why(const struct script *script, const struct verdict *verdict)
{
    struct ks_str why = ks_buf_str(&verdict->why), line;

    printf("# %s:%u\n", script->path, verdict->failed->line);
    while (ks_str_cut(&why, '\n', &line))
        printf("#   %.*s\n", KS_STR_FMT(line));
}

/* A row for each comment, by whether its steps came before the one that failed. */
static void say_rows(const struct script *script, const struct conversation *conversation,
    const struct verdict *verdict, struct ks_str skip)
{
    const struct step *step = conversation->steps;
    bool reached = true;

    while (step) {
        struct ks_str name = step->row.len ? step->row : script->title;
        bool failed = false;
        do {
            failed = failed || step == verdict->failed;
            step = step->next;
        } while (step && !step->row.len);
        say_row(reached && !failed, name, skip);
        if (failed)
            say_why(script, verdict);
        else if (!reached)
            printf("#   not reached\n");
        reached = reached && !failed;
    }
}

/* "blocking-2": of the script's file name and the conversation's number. */
static struct ks_str suffix_of(const struct script *script, unsigned number, char text[64])
{
    const char *name = strrchr(script->path, '/');
    size_t len;

    name = name ? name + 1 : script->path;
    len = strcspn(name, ".");
    snprintf(text, 64, "-%.*s-%u", (int)(len < 40 ? len : 40), name, number);
    for (char *at = text; *at; at++)
        *at = *at == '_' ? '-' : *at;
    return ks_str_z(text);
}

static void play_script(struct world *world, const struct script *script, bool simulated)
{
    unsigned number = 0;
    char suffix[64];

    for (const struct conversation *at = script->conversations; at; at = at->next) {
        struct ks_str skip = simulated ? KS_STR_EMPTY : script_needs_simulator(at);
        struct ks_str behind = suffix_of(script, ++number, suffix);
        struct verdict verdict = { 0 };
        if (!skip.len)
            play(world, at, simulated ? KS_STR_EMPTY : behind, &verdict);
        say_rows(script, at, &verdict, skip);
        ks_buf_done(&verdict.why);
        fflush(stdout);
    }
}

struct printing {
    const char *suffix;
};

static void print_account(void *user, struct ks_str domain, struct ks_str local)
{
    const struct printing *printing = user;

    printf("%.*s\t%.*s%s\t" GOLDEN_PASSWORD "\n", KS_STR_FMT(domain), KS_STR_FMT(local), printing->suffix);
}

static void print_accounts(const struct script *script)
{
    unsigned number = 0;
    char suffix[64];

    for (const struct conversation *at = script->conversations; at; at = at->next) {
        (void)suffix_of(script, ++number, suffix);
        if (!script_needs_simulator(at).len)
            play_accounts(at, print_account, &(struct printing) { suffix });
    }
}

static struct world *connect_to(char *where)
{
    char *port = strrchr(where, ':');

    if (!port)
        return NULL;
    *port = 0;
    return world_tcp_new(where, port + 1);
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "connect", required_argument, NULL, 'c' },
        { "accounts", no_argument, NULL, 'a' }, { "websocket", no_argument, NULL, 'w' },
        { "verbose", no_argument, NULL, 'v' }, { 0 } };
    bool verbose = false, accounts = false, websocket = false;
    char *where = NULL;
    struct world *world = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        verbose = verbose || option == 'v';
        accounts = accounts || option == 'a';
        websocket = websocket || option == 'w';
        where = option == 'c' ? optarg : where;
        if (option == '?')
            return 2;
    }
    if (ks_crypto_init() != KS_OK)
        return 2;
    if (!accounts)
        world = where ? connect_to(where) : world_sim_new(verbose, websocket);
    if (!accounts && !world) {
        fprintf(stderr, "golden: nobody answers there\n");
        return 2;
    }
    if (world && websocket)
        world = world_websocket_new(world);
    for (int i = optind; i < argc; i++) {
        struct script script;
        struct ks_buf why;
        ks_buf_init(&why, 4096);
        if (!script_read(&script, argv[i], &why)) {
            say_row(false, ks_buf_str(&why), KS_STR_EMPTY);
        } else if (accounts) {
            print_accounts(&script);
        } else {
            play_script(world, &script, !where);
        }
        script_done(&script);
        ks_buf_done(&why);
    }
    if (!accounts)
        printf("1..%u\n", rows);
    if (world)
        world->ops->free(world);
    return rows_failed ? 1 : 0;
}
