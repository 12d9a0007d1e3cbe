/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a person takes back is gone: on devices, in outboxes, in the archives of the server. */
#include "check.h"
#include "stores.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"

static void check_text(const char *name, const char *got, const char *want)
{
    check_row(strcmp(got, want) == 0, name, "\"%s\", not \"%s\"", got, want);
}

static void retract(struct party *party, const char *with, const char *id)
{
    party_do(party, "{\"id\":\"x\",\"cmd\":\"retract\",\"conversation\":\"%s\",\"message\":\"%s\"}", with, id);
}

static void begin(struct lab *lab, uint64_t seed, struct party **anna, struct party **jonas)
{
    lab_two(lab, seed, anna, jonas);
    party_connect(*anna);
    party_connect(*jonas);
    lab_run(lab, 1000);
}

static void test_everywhere(void)
{
    struct party *anna, *jonas;
    struct archive archive;
    struct lab lab;
    const char *id, *edit;

    begin(&lab, 31, &anna, &jonas);
    (void)party_send(anna, JONAS, "0");
    id = party_send(anna, JONAS, "CANARY-1");
    lab_run(&lab, 1000);
    edit = text_of(
        party_do(anna,
            "{\"id\":\"x\",\"cmd\":\"edit\",\"conversation\":\"" JONAS "\",\"message\":\"%s\",\"body\":\"CANARY-2\"}",
            id),
        "message");
    lab_run(&lab, 15000);
    archive = archive_of(&lab, id);
    check_row(archive.sealed == 1 && archive_of(&lab, edit).sealed == 1 && device_holds(anna, "CANARY")
            && device_holds(jonas, "CANARY"),
        "(positive control: a message is in the archive and in both stores)", "%zu", archive.sealed);
    retract(anna, JONAS, id);
    lab_run(&lab, 15000);
    archive = archive_of(&lab, id);
    check_row(archive.sealed == 0 && archive.tombstones == 1,
        "DSK I.7-a: after a retraction the server's archives hold a tombstone in its "
        "place",
        "%zu sealed, %zu tombstones", archive.sealed, archive.tombstones);
    check_row(archive_of(&lab, edit).sealed == 0, "PROTOCOL §5.5: and in place of its edits", "%zu",
        archive_of(&lab, edit).sealed);
    check_row(!device_holds(jonas, "CANARY"), "DSK I.7-a: the recipient's store has no word of it", "it has");
    check_row(!device_holds(anna, "CANARY"), "DSK I.7-a: nor has the author's, the outbox either", "it has");
    check_text("PROTOCOL §5.5: the fact stays", party_history(jonas, ANNA), "0,-");
    check_row(party_count(anna, "warning", 0) + party_count(jonas, "warning", 0) + party_count(jonas, "gap", 0) == 0,
        "and nobody is warned of anything", "%zu", party_count(anna, "warning", 0));
    lab_end(&lab);
}

static void test_absent(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    const char *id;
    size_t mark;

    begin(&lab, 32, &anna, &jonas);
    (void)party_send(anna, JONAS, "0");
    lab_run(&lab, 15000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    id = party_send(anna, JONAS, "CANARY");
    lab_run(&lab, 1000);
    (void)party_send(anna, JONAS, "1");
    lab_run(&lab, 1000);
    retract(anna, JONAS, id);
    lab_run(&lab, 1000);
    mark = party_mark(jonas);
    party_restart(jonas);
    lab_run(&lab, 600000);
    check_text("PROTOCOL §3.4: who was away gets what stayed", party_history(jonas, ANNA), "0,1");
    check_row(party_count(jonas, "gap", mark) == 0 && party_count(jonas, "warning", mark) == 0,
        "PROTOCOL §6.3: and a number that was taken back is no gap: the retraction has its hash", "%zu gaps",
        party_count(jonas, "gap", mark));
    lab_end(&lab);
}

/* Two that stood one behind the other: the first one's successor is not here either, so its author is asked. */
static void test_two_absent(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    const char *first, *second;

    begin(&lab, 33, &anna, &jonas);
    (void)party_send(anna, JONAS, "0");
    lab_run(&lab, 15000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    first = party_send(anna, JONAS, "CANARY-1");
    second = party_send(anna, JONAS, "CANARY-2");
    lab_run(&lab, 1000);
    retract(anna, JONAS, first);
    retract(anna, JONAS, second);
    lab_run(&lab, 1000);
    party_restart(jonas);
    lab_run(&lab, 600000);
    check_text("PROTOCOL §8.2: nobody is given again what was taken back", party_history(jonas, ANNA), "0");
    check_row(!device_holds(jonas, "CANARY"), "not in any form", "it is there");
    lab_end(&lab);
}

static void test_before_sending(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    const char *id;

    begin(&lab, 34, &anna, &jonas);
    (void)party_send(anna, JONAS, "0");
    lab_run(&lab, 15000);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    id = party_send(anna, JONAS, "CANARY");
    retract(anna, JONAS, id);
    check_row(!device_holds(anna, "CANARY"), "PROTOCOL §5.5: what did not leave yet and is taken back is forgotten",
        "it is there");
    party_restart(anna);
    lab_run(&lab, 15000);
    check_row(archive_of(&lab, id).sealed <= 1 && strcmp(party_history(jonas, ANNA), "0") == 0
            && party_count(jonas, "gap", 0) == 0,
        "and does not leave: the others get no message, and no gap", "%s", party_history(jonas, ANNA));
    lab_end(&lab);
}

/* The answer to the request for deletion is lost, and the program with it. */
static bool no_answer(struct party *party, struct ks_str *stanza, void *user)
{
    (void)party;
    return !*(bool *)user || ks_str_find(*stanza, KS_STR("urn:konsil:erase:0")) == stanza->len;
}

static void test_owed(void)
{
    struct party *anna, *jonas;
    struct ks_str said;
    struct lab lab;
    bool deaf = true;
    const char *id;
    size_t mark;

    begin(&lab, 35, &anna, &jonas);
    id = party_send(anna, JONAS, "CANARY");
    lab_run(&lab, 15000);
    anna->spy = no_answer;
    anna->spy_user = &deaf;
    retract(anna, JONAS, id);
    lab_run(&lab, 1000);
    mark = anna->sent.len;
    deaf = false;
    party_crash(anna);
    lab_run(&lab, 15000);
    said = ks_str_from(ks_buf_str(&anna->sent), mark);
    check_row(ks_str_find(said, KS_STR("<erase ")) < said.len,
        "PROTOCOL §3.4: without an answer it is asked again in the next session", "it is not");
    mark = anna->sent.len;
    party_crash(anna);
    lab_run(&lab, 15000);
    said = ks_str_from(ks_buf_str(&anna->sent), mark);
    check_row(ks_str_find(said, KS_STR("<erase ")) == said.len, "and with one no more", "it is");
    check_row(archive_of(&lab, id).tombstones == 1, "the message is gone all the same", "it is not");
    lab_end(&lab);
}

static void test_strangers(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    const char *id;

    begin(&lab, 36, &anna, &jonas);
    id = party_send(anna, JONAS, "bleibt");
    lab_run(&lab, 15000);
    check_text("only its author takes a message back",
        text_of(
            party_do(jonas, "{\"id\":\"x\",\"cmd\":\"retract\",\"conversation\":\"" ANNA "\",\"message\":\"%s\"}", id),
            "code"),
        "message.not_yours");
    lab_run(&lab, 1000);
    check_row(archive_of(&lab, id).sealed == 1 && strcmp(party_history(anna, JONAS), "bleibt") == 0,
        "and a refused retraction changes nothing", "it does");
    lab_end(&lab);
}

int main(void)
{
    test_everywhere();
    test_absent();
    test_two_absent();
    test_before_sending();
    test_owed();
    test_strangers();
    return check_done();
}
