/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* micro_restore.c -- what it costs a new device to have its account's archive back: 10,000 messages.
 *
 * The whole engine on the real server core and registrar (tests/client), on virtual time. One device takes in what a
 * colleague writes, and archives it; a second one opens the archive with a recovery key. What is told is the time of a
 * clock that the second one's engine was at work, on an encrypted SQLite store on a disk, with its transactions, and
 * the longest time without a pause; and how much virtual time went by. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospital.h"
#include "sqlite_engine_store.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"
#define MESSAGES 10000
#define AT_ONCE 500

static struct lab lab;
static struct clinic clinic;

/* In a directory of our own, on a disk: not where scratch.h puts it, in memory. */
static void place_path(char *path, size_t cap)
{
    const char *place = getenv("TMPDIR");

    snprintf(path, cap, "%s/konsil-restore-XXXXXX", place && *place ? place : P_tmpdir);
    if (!mkdtemp(path)) {
        fprintf(stderr, "no directory %s\n", path);
        exit(1);
    }
    snprintf(path + strlen(path), cap - strlen(path), "/store.db");
}

static struct party *enrolled(struct party *party, const char *name)
{
    party_connect(party);
    clinic_run(&clinic, 3000);
    clinic_enrol(&clinic, party, name);
    clinic_run(&clinic, 60000);
    return party;
}

static json_int_t number_of(struct party *party, const char *name)
{
    return json_integer_value(json_object_get(party_do(party, "{\"id\":\"x\",\"cmd\":\"archive\"}"), name));
}

static const char *told(struct party *party, const char *event, const char *member)
{
    return text_of(party_event(party, event, 0, 0), member);
}

int main(int argc, char **argv)
{
    static const uint8_t key[32] = { 1 };
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    struct party *phone, *jonas, *tablet;
    char path[256], *recovery;
    int64_t began_ms;
    json_int_t restored;

    place_path(path, sizeof path);
    lab_begin(&lab, 1);
    lab_account(&lab, "anna", "password");
    lab_account(&lab, "jonas", "password");
    clinic_begin(&clinic, &lab);
    phone = enrolled(lab_party(&lab, ANNA, "password"), "Dr. Anna Brandt");
    jonas = enrolled(lab_party(&lab, JONAS, "password"), "Jonas Weber");
    for (int i = 0; i < MESSAGES; i++) {
        party_send(jonas, ANNA, "Kalium 4,1, Kreatinin 1,2, bitte heute noch einmal kontrollieren und eintragen");
        if (i % AT_ONCE == AT_ONCE - 1)
            clinic_run(&clinic, 60000);
    }
    for (int i = 0; i < 1000 && number_of(phone, "waiting") > 0; i++)
        clinic_run(&clinic, 60000);
    clinic_command_of(phone, json_pack("{s:s,s:s}", "id", "r", "cmd", "archive_recovery"));
    clinic_run(&clinic, 10000);
    recovery = strdup(told(phone, "archive_recovery", "text"));
    tablet = lab_party(&lab, ANNA, "password");
    ks_engine_store_free(tablet->store);
    clinic_must(ks_sqlite_engine_store_open(path, NULL, key, true, &tablet->store), "a store");
    party_reborn(tablet);
    enrolled(tablet, "Dr. Anna Brandt");
    tablet->work = (struct party_work) { 0 };
    began_ms = lab.host->now.mono_ms;
    clinic_command_of(tablet, json_pack("{s:s,s:s,s:s}", "id", "o", "cmd", "archive_open", "recovery", recovery));
    for (int i = 0; i < 600 && (restored = number_of(tablet, "restored")) < MESSAGES; i++)
        clinic_run(&clinic, 100);
    if (restored < MESSAGES) {
        fprintf(stderr, "micro_restore: %d of %d messages\n", (int)restored, MESSAGES);
        return 1;
    }
    if (json)
        printf("{\"row\":\"restore\",\"messages\":%d,\"work_ms\":%.1f,\"longest_ms\":%.1f}\n", MESSAGES,
            tablet->work.total_ms, tablet->work.longest_ms);
    else
        printf("%d messages: %.1f s at work, longest %.1f ms; %.1f s by the lab's clock\n", MESSAGES,
            tablet->work.total_ms / 1000, tablet->work.longest_ms, (double)(lab.host->now.mono_ms - began_ms) / 1000);
    free(recovery);
    clinic_end(&clinic);
    lab_end(&lab);
    (void)unlink(path);
    *strrchr(path, '/') = '\0';
    (void)rmdir(path);
    return 0;
}
