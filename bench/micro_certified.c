/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* micro_certified.c -- what a room of 200 people with three certified devices each costs its author's engine.
 *
 * The whole engine on the real server core and registrar (tests/client), on virtual time; what is told is the time of a
 * clock that the author's engine was at work, on an encrypted SQLite store on a disk, with its transactions, and the
 * longest time without a pause: so long a user interface in the same thread would stand still. Each device enrols once
 * and is away then, so its session carries a key exchange in each message. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospital.h"
#include "sqlite_engine_store.h"

#define PEOPLE 200
#define DEVICES 3
#define OTHERS (PEOPLE * DEVICES - 1)
#define MESSAGES 21

static struct lab lab;
static struct clinic clinic;
static struct party *author;
static char jids[PEOPLE][32];

/* In a directory of our own, on a disk: not where scratch.h puts it, in memory. */
static void place_path(char *path, size_t cap)
{
    const char *place = getenv("TMPDIR");

    snprintf(path, cap, "%s/konsil-certified-XXXXXX", place && *place ? place : P_tmpdir);
    if (!mkdtemp(path)) {
        fprintf(stderr, "no directory %s\n", path);
        exit(1);
    }
    snprintf(path + strlen(path), cap - strlen(path), "/store.db");
}

static void enrol(size_t person)
{
    struct party *party = lab_party(&lab, jids[person], "password");

    party_connect(party);
    clinic_run(&clinic, 3000);
    clinic_enrol(&clinic, party, jids[person]);
    if (strcmp(text_of(party_do(party, "{\"id\":\"x\",\"cmd\":\"enrolment\"}"), "state"), "certified") != 0)
        clinic_must(KS_EDENIED, "an enrolment");
    lab_leave(&lab);
    clinic_run(&clinic, 100);
}

static void begin_author(const char *path)
{
    static const uint8_t key[32] = { 1 };

    author = lab_party(&lab, jids[0], "password");
    ks_engine_store_free(author->store);
    clinic_must(ks_sqlite_engine_store_open(path, NULL, key, true, &author->store), "a store");
    party_reborn(author);
    party_connect(author);
    clinic_run(&clinic, 3000);
    clinic_enrol(&clinic, author, jids[0]);
}

static struct party_work work_of(const char *what, bool json)
{
    struct party_work work = author->work;

    author->work = (struct party_work) { 0 };
    if (!json && what)
        printf("%-42s %8.1f ms, at most %6.1f ms without a pause\n", what, work.total_ms, work.longest_ms);
    return work;
}

static bool is_sent(const char *room, const char *id)
{
    json_t *history = party_do(author, "{\"id\":\"x\",\"cmd\":\"history\",\"with\":\"%s\",\"limit\":1}", room);
    json_t *message = json_array_get(json_object_get(history, "messages"), 0);

    return strcmp(text_of(message, "message"), id) == 0 && strcmp(text_of(message, "state"), "server") == 0;
}

static const char *make_room(void)
{
    static char command[64 * PEOPLE];
    size_t at = 0;
    json_t *event;

    at = (size_t)snprintf(
        command, sizeof command, "{\"id\":\"r\",\"cmd\":\"room_create\",\"title\":\"Visite\",\"members\":[");
    for (size_t i = 1; i < PEOPLE; i++)
        at += (size_t)snprintf(command + at, sizeof command - at, "%s\"%s\"", i > 1 ? "," : "", jids[i]);
    snprintf(command + at, sizeof command - at, "]}");
    konsil_command(
        author->engine, command, strlen(command), (struct konsil_now) { lab.host->now.mono_ms, lab.host->now.wall_ms });
    clinic_run(&clinic, 1000);
    event = party_event(author, "result", 0, party_count(author, "result", 0) - 1);
    if (!event || !*text_of(event, "room"))
        clinic_must(KS_ENOTFOUND, "a room");
    return text_of(event, "room");
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static size_t keys_in(struct ks_str sent)
{
    size_t count = 0, at;

    for (; (at = ks_str_find(sent, KS_STR(" rid='"))) < sent.len; count++)
        sent = ks_str_from(sent, at + 1);
    return count;
}

static double message_ms(const char *room, size_t *ret_keys)
{
    size_t mark = author->sent.len;
    const char *id;

    (void)work_of(NULL, true);
    id = party_send(author, room, "Bitte um Rückruf");
    clinic_run(&clinic, 20);
    for (int i = 0; i < 100 && !is_sent(room, id); i++)
        clinic_run(&clinic, 20);
    *ret_keys = keys_in(ks_str_from(ks_buf_str(&author->sent), mark));
    return work_of(NULL, true).total_ms;
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    struct party_work back, seen, contact;
    double costs[MESSAGES];
    char path[128], *room;
    size_t mark, keys = 0;
    const char *id;

    lab_begin(&lab, 600);
    for (size_t i = 0; i < PEOPLE; i++) {
        char local[8];

        snprintf(local, sizeof local, "p%03zu", i);
        snprintf(jids[i], sizeof jids[i], "%s@klinik.example", local);
        lab_account(&lab, local, "password");
    }
    clinic_begin(&clinic, &lab);
    place_path(path, sizeof path);
    begin_author(path);
    party_cut(author);
    author->cut = true;
    /* A party leaves from the end: the author stands before all others. */
    for (size_t i = 0; i < PEOPLE; i++)
        for (size_t d = i == 0 ? 1 : 0; d < DEVICES; d++)
            enrol(i);
    author->cut = false;
    (void)work_of(NULL, true);
    party_restart(author);
    clinic_run(&clinic, 60000);
    back = work_of("back after 599 enrolments:", json);
    for (size_t i = 1; i < PEOPLE; i++) {
        party_do(author, "{\"id\":\"x\",\"cmd\":\"devices\",\"jid\":\"%s\"}", jids[i]);
        clinic_run(&clinic, 100);
    }
    clinic_run(&clinic, 60000);
    seen = work_of("their lists and certificates, on arrival:", json);
    room = strdup(make_room());
    mark = author->sent.len;
    id = party_send(author, room, "an alle");
    clinic_run(&clinic, 30000);
    for (int i = 0; i < 20 && !is_sent(room, id); i++)
        clinic_run(&clinic, 30000);
    keys = keys_in(ks_str_from(ks_buf_str(&author->sent), mark));
    contact = work_of("a room, and the first message:", json);
    if (keys < OTHERS) {
        fprintf(stderr, "micro_certified: %zu keys for %d devices\n", keys, OTHERS);
        return 1;
    }
    clinic_run(&clinic, 60000);
    for (size_t i = 0; i < MESSAGES; i++) {
        costs[i] = message_ms(room, &keys);
        if (keys < OTHERS) {
            fprintf(stderr, "micro_certified: %zu keys for %d devices\n", keys, OTHERS);
            return 1;
        }
        clinic_run(&clinic, 1000);
    }
    qsort(costs, MESSAGES, sizeof costs[0], by_size);
    if (json)
        printf("{\"row\":\"certified\",\"devices\":%d,\"back_ms\":%.1f,\"back_longest_ms\":%.1f,\"seen_ms\":%.1f,"
               "\"seen_longest_ms\":%.1f,\"contact_ms\":%.1f,"
               "\"contact_longest_ms\":%.1f,\"message_ms\":%.1f,\"message_p95_ms\":%.1f}\n",
            OTHERS, back.total_ms, back.longest_ms, seen.total_ms, seen.longest_ms, contact.total_ms,
            contact.longest_ms, costs[MESSAGES / 2], costs[MESSAGES * 95 / 100]);
    else
        printf("message to %d devices: median %.1f ms, p95 %.1f ms of %d\n", OTHERS, costs[MESSAGES / 2],
            costs[MESSAGES * 95 / 100], MESSAGES);
    free(room);
    clinic_end(&clinic);
    lab_end(&lab);
    (void)unlink(path);
    *strrchr(path, '/') = '\0';
    (void)rmdir(path);
    return 0;
}
