/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* How long a device keeps what was said (lifetime.h), over months of virtual time on the real server core. */
#include "lifetime.h"

#include "stores.h"
#include "ward.h"

#define DAY_S INT64_C(86400)
#define DAY_MS (DAY_S * 1000)
#define CACHE "DSK I.7-c part (alerts): "

static void keep_days(struct lab *lab, int64_t days)
{
    const struct ks_domain *domain = ks_config_domain(lab->config, KS_STR("klinik.example"));

    if (ks_config_set_number(lab->config, domain, KS_STR("retention.archive"), days * DAY_S) != KS_OK)
        abort();
}

static void begin(struct lab *lab, uint64_t seed, int64_t days, struct party **anna, struct party **jonas)
{
    lab_two(lab, seed, anna, jonas);
    keep_days(lab, days);
    party_connect(*anna);
    party_connect(*jonas);
    lab_run(lab, 1000);
}

static bool finds(struct party *party, const char *word)
{
    const json_t *found = party_do(party, "{\"id\":\"x\",\"cmd\":\"search\",\"text\":\"%s\"}", word);

    return json_array_size(json_object_get(found, "messages")) > 0;
}

static int64_t number_of(const json_t *event, const char *member)
{
    return json_integer_value(json_object_get(event, member));
}

static const char *answer_of(const json_t *event)
{
    static char text[4096];
    size_t len = event ? json_dumpb(event, text, sizeof(text) - 1, 0) : 0;

    text[len < sizeof(text) ? len : 0] = '\0';
    return text;
}

static void test_server(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    size_t mark;

    begin(&lab, 1, 10, &anna, &jonas);
    (void)party_send(anna, JONAS, "canary");
    lab_run(&lab, 15000);
    check_row(device_holds(anna, "canary") && device_holds(jonas, "canary") && finds(jonas, "canary"),
        "control: both devices have what was said, and find it", "they do not");
    check_row(number_of(party_do(jonas, "{\"id\":\"x\",\"cmd\":\"retention\"}"), "server_days") == 10,
        "the server's days are told", "%s", answer_of(party_do(jonas, "{\"id\":\"x\",\"cmd\":\"retention\"}")));
    lab_run(&lab, 9 * DAY_MS);
    (void)party_send(anna, JONAS, "younger");
    check_row(device_holds(jonas, "canary"), "within the server's period it is there", "it is gone");
    mark = party_mark(jonas);
    lab_run(&lab, 2 * DAY_MS + 60000);
    check_row(!device_holds(anna, "canary") && !device_holds(jonas, "canary"),
        CACHE "after the server's period no device has a word of it in its store, without anybody's doing",
        "it is there");
    check_row(!finds(jonas, "canary"), CACHE "nor does a search find it", "it does");
    check_text("what is younger stays", party_history(jonas, ANNA), "younger");
    check_row(json_is_true(json_object_get(json_object_get(party_event(jonas, "message", mark, 1), "message"), "gone")),
        "who shows it is told that it is gone", "%s", answer_of(party_event(jonas, "message", mark, 1)));
    mark = party_mark(jonas);
    (void)party_send(anna, JONAS, "later");
    lab_run(&lab, 15000);
    check_text("and what is said then comes as before", party_history(jonas, ANNA), "younger,later");
    check_row(party_count(jonas, "gap", 0) == 0 && party_count(jonas, "warning", 0) == 0
            && party_count(anna, "warning", 0) == 0,
        "without a gap or a warning", "%zu", party_count(jonas, "gap", 0));
    party_restart(jonas);
    lab_run(&lab, 60000);
    check_text("nor after a restart", party_history(jonas, ANNA), "younger,later");
    lab_end(&lab);
}

/* A server that was taken over, or whose administrator made a mistake. */
static void test_notice(void)
{
    struct party *anna, *jonas;
    struct lab lab;

    begin(&lab, 2, 180, &anna, &jonas);
    (void)party_send(anna, JONAS, "canary");
    lab_run(&lab, 20 * DAY_MS);
    keep_days(&lab, 1);
    party_restart(jonas);
    lab_run(&lab, 3 * DAY_MS);
    check_row(device_holds(jonas, "canary"),
        "a server that suddenly keeps less empties no device before a week is over", "it is gone");
    keep_days(&lab, 180);
    party_restart(jonas);
    lab_run(&lab, 10 * DAY_MS);
    check_row(device_holds(jonas, "canary"), "and none at all if it takes that back", "it is gone");
    keep_days(&lab, 1);
    party_restart(jonas);
    lab_run(&lab, 9 * DAY_MS);
    check_row(!device_holds(jonas, "canary"), "control: what stood for a week counts", "it is there");
    lab_end(&lab);
}

static void test_own(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    json_t *answer;

    begin(&lab, 3, 180, &anna, &jonas);
    (void)party_send(anna, JONAS, "canary");
    lab_run(&lab, 5 * DAY_MS);
    answer = party_do(jonas, "{\"id\":\"x\",\"cmd\":\"retention_set\",\"days\":6}");
    check_row(number_of(answer, "days") == 6 && number_of(answer, "server_days") == 180,
        "a person shortens it for her device", "%s", answer_of(answer));
    lab_run(&lab, 10000);
    check_row(device_holds(jonas, "canary"), "control: what is younger than that stays", "it is gone");
    party_restart(jonas);
    lab_run(&lab, 2 * DAY_MS);
    check_row(!device_holds(jonas, "canary"), CACHE "what is older goes, after a new start too", "it is there");
    check_row(device_holds(anna, "canary"), "and others keep what they have", "it is gone");
    (void)party_send(anna, JONAS, "canary-2");
    lab_run(&lab, 3 * DAY_MS);
    (void)party_do(jonas, "{\"id\":\"x\",\"cmd\":\"retention_set\",\"days\":2}");
    lab_run(&lab, 1000);
    check_row(!device_holds(jonas, "canary-2"), "it counts at once", "it is there");
    (void)party_send(anna, JONAS, "canary-3");
    lab_run(&lab, 15000);
    answer = party_do(jonas, "{\"id\":\"x\",\"cmd\":\"retention_set\",\"days\":0}");
    lab_run(&lab, 20 * DAY_MS);
    check_row(!json_object_get(answer, "days") && device_holds(jonas, "canary-3"), "0: as long as the server again",
        "%s", answer_of(answer));
    answer = party_do(jonas, "{\"id\":\"x\",\"cmd\":\"retention_set\",\"days\":-1}");
    check_text("fewer than none is refused", text_of(answer, "event"), "error");
    lab_end(&lab);
}

/* More than a slice, and what waits for something. */
static void test_many(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    char text[32];

    begin(&lab, 4, 10, &anna, &jonas);
    for (int i = 0; i < 2 * KS_LIFETIME_ROWS + 1; i++) {
        snprintf(text, sizeof(text), "canary-%d", i);
        (void)party_send(anna, JONAS, text);
        lab_run(&lab, 1000);
    }
    lab_run(&lab, 60000);
    check_row(device_holds(jonas, "canary-200"), "control: many are there", "they are not");
    lab_run(&lab, 9 * DAY_MS);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    (void)party_send(anna, JONAS, "waits");
    lab_run(&lab, 30 * DAY_MS);
    check_row(!device_holds(jonas, "canary-") && !device_holds(anna, "canary-"),
        CACHE "of many messages none is left behind", "there are some");
    check_text("what no server has yet waits", party_history(anna, JONAS), "waits");
    lab_end(&lab);
}

/* --- rooms --- */

static void test_rooms(void)
{
    struct ward ward;
    json_t *answer;

    ward_begin(&ward, 5);
    ward_room(&ward, "\"" JONAS "\"");
    (void)party_send(ward.anna, ward.room, "canary");
    (void)party_send(ward.anna, JONAS, "direct");
    lab_run(&ward.lab, 15000);
    check_row(device_holds(ward.jonas, "canary") && number_of(room_of(ward.jonas, ward.room), "retention_days") == 180,
        "control: a member has what was said in the room, and knows how long it is kept", "%s",
        answer_of(room_of(ward.jonas, ward.room)));
    answer = ask(ward.jonas, "{\"id\":\"r\",\"cmd\":\"room_retention_set\",\"room\":\"%s\",\"days\":3}", ward.room);
    check_text("who does not own the room has no say", text_of(answer, "code"), "room.not_owner");
    answer = ask(ward.anna,
        "{\"id\":\"r\",\"cmd\":\"room_retention_set\",\"room\":\"nowhere@rooms.klinik.example\",\"days\":3}");
    check_text("nor is there one for a room that is none", text_of(answer, "code"), "room.none");
    answer = ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_retention_set\",\"room\":\"%s\",\"days\":8}", ward.room);
    check_row(strcmp(text_of(answer, "event"), "result") == 0
            && number_of(room_of(ward.anna, ward.room), "retention_days") == 8,
        "an owner shortens it, and is told what came of it", "%s", answer_of(room_of(ward.anna, ward.room)));
    answer = ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_retention_set\",\"room\":\"%s\",\"days\":3650}", ward.room);
    check_row(strcmp(text_of(answer, "event"), "result") == 0
            && number_of(room_of(ward.anna, ward.room), "retention_days") == 180,
        "longer than the domain's is the domain's", "%s", answer_of(room_of(ward.anna, ward.room)));
    (void)ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_retention_set\",\"room\":\"%s\",\"days\":8}", ward.room);
    party_restart(ward.jonas);
    lab_run(&ward.lab, 10000);
    check_row(number_of(room_of(ward.jonas, ward.room), "retention_days") == 8, "a member learns it when he enters",
        "%s", answer_of(room_of(ward.jonas, ward.room)));
    lab_run(&ward.lab, 10 * DAY_MS);
    check_row(!device_holds(ward.jonas, "canary") && !device_holds(ward.anna, "canary"),
        CACHE "what was said in a room goes from its members' devices after its own days", "it is there");
    check_row(device_holds(ward.jonas, "direct"), "and what was said elsewhere stays", "it is gone");
    lab_end(&ward.lab);
}

/* The clock of a device that somebody set a year ahead, and then put right. */
static void test_clock(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    size_t mark;

    begin(&lab, 6, 10, &anna, &jonas);
    lab_run(&lab, 8 * DAY_MS); /* what a server says counts after a week */
    (void)party_send(anna, JONAS, "canary");
    lab_run(&lab, 15000);
    mark = party_mark(jonas);
    jonas->ahead_ms = 365 * DAY_MS;
    lab_run(&lab, 2 * DAY_MS);
    check_row(device_holds(jonas, "canary"), "a device whose clock is a year ahead deletes nothing before its time",
        "it is gone");
    check_row(party_count(jonas, "warning", mark) >= 1
            && strcmp(text_of(party_event(jonas, "warning", mark, 1), "code"), "clock.differs") == 0,
        "and its person is told that the clocks differ", "%s", answer_of(party_event(jonas, "warning", mark, 1)));
    party_restart(jonas);
    party_cut(jonas);
    lab_run(&lab, 2 * DAY_MS);
    check_row(device_holds(jonas, "canary"), "nor does it without a connection", "it is gone");
    check_row(device_holds(anna, "canary"), "control: its time is not up on the other one", "it is");
    party_connect(jonas);
    lab_run(&lab, 8 * DAY_MS);
    check_row(!device_holds(jonas, "canary") && !device_holds(anna, "canary"),
        CACHE "when its time is up by the server's clock it goes, on both", "it is there");
    lab_end(&lab);

    begin(&lab, 7, 10, &anna, &jonas);
    lab_run(&lab, 8 * DAY_MS);
    (void)party_send(anna, JONAS, "canary");
    lab_run(&lab, 15000);
    jonas->ahead_ms = -3 * DAY_MS;
    lab_run(&lab, 12 * DAY_MS);
    check_row(device_holds(jonas, "canary") && !device_holds(anna, "canary"),
        "a clock that is behind deletes so much later", "%d %d", device_holds(jonas, "canary"),
        device_holds(anna, "canary"));
    jonas->ahead_ms = 0;
    lab_run(&lab, 2 * DAY_MS);
    check_row(!device_holds(jonas, "canary"), CACHE "and when it is put right what is due goes", "it is there");
    lab_end(&lab);
}

/* "Delete locally": one device, and nobody else. */
static void test_forget(void)
{
    struct party *anna, *jonas, *tablet;
    struct lab lab;
    const json_t *answer;
    char id[64];
    size_t mark;

    begin(&lab, 8, 180, &anna, &jonas);
    tablet = lab_party(&lab, JONAS, "j-password");
    party_connect(tablet);
    lab_run(&lab, 10000);
    snprintf(id, sizeof(id), "%s", party_send(anna, JONAS, "canary"));
    (void)party_send(anna, JONAS, "stays");
    lab_run(&lab, 15000);
    check_row(device_holds(jonas, "canary") && device_holds(tablet, "canary") && finds(jonas, "canary"),
        "control: both devices have it, and find it", "they do not");
    mark = party_mark(jonas);
    answer = party_do(jonas, "{\"id\":\"x\",\"cmd\":\"forget\",\"conversation\":\"" ANNA "\",\"message\":\"%s\"}", id);
    check_text("a message is deleted from one device", text_of(answer, "event"), "result");
    check_row(!device_holds(jonas, "canary") && !finds(jonas, "canary"),
        "DSK I.7-a in full: deleted for oneself it is neither in the device's store nor found there", "it is");
    check_row(json_is_true(json_object_get(json_object_get(party_event(jonas, "message", mark, 0), "message"), "gone")),
        "who shows it is told that it is gone", "%s", answer_of(party_event(jonas, "message", mark, 0)));
    lab_run(&lab, 15000);
    check_row(device_holds(tablet, "canary") && device_holds(anna, "canary"),
        "control: the account's other device and its author keep it", "they do not");
    party_restart(jonas);
    lab_run(&lab, 60000);
    check_text("it does not come again, and what stood beside it stays", party_history(jonas, ANNA), "stays");
    check_row(party_count(jonas, "gap", mark) == 0, "nor is it a gap", "%zu", party_count(jonas, "gap", mark));
    answer = party_do(jonas, "{\"id\":\"x\",\"cmd\":\"forget\",\"conversation\":\"" ANNA "\",\"message\":\"%s\"}", id);
    check_text("what is not there cannot be deleted", text_of(answer, "code"), "message.none");
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    snprintf(id, sizeof(id), "%s", party_send(anna, JONAS, "waits"));
    answer = party_do(anna, "{\"id\":\"x\",\"cmd\":\"forget\",\"conversation\":\"" JONAS "\",\"message\":\"%s\"}", id);
    check_text("nor what no server has yet: somebody waits for it", text_of(answer, "code"), "message.still_waits");
    lab_end(&lab);
}

int main(void)
{
    test_server();
    test_notice();
    test_own();
    test_many();
    test_rooms();
    test_clock();
    test_forget();
    return check_done();
}
