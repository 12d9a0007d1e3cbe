/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A roll-out: twenty people with three devices each enrol and talk in a room, and nobody decides about a key. */
#include "hospital.h"

#include "check.h"

#define PEOPLE 20
#define DEVICES 3

static struct lab lab;
static struct clinic clinic;
static struct party *parties[PEOPLE][DEVICES];
static char jids[PEOPLE][40];
static char room[128];

static void begin(void)
{
    lab_begin(&lab, 77);
    for (size_t i = 0; i < PEOPLE; i++) {
        char local[8];

        snprintf(local, sizeof local, "p%02zu", i);
        snprintf(jids[i], sizeof jids[i], "%s@klinik.example", local);
        lab_account(&lab, local, "password");
    }
    clinic_begin(&clinic, &lab);
    for (size_t i = 0; i < PEOPLE; i++)
        for (size_t d = 0; d < DEVICES; d++) {
            parties[i][d] = lab_party(&lab, jids[i], "password");
            party_connect(parties[i][d]);
        }
    clinic_run(&clinic, 5000);
}

/* But of the own new devices: before a person's first one was certified, and by the log. */
static size_t other_warnings(const struct party *party)
{
    size_t count = 0;
    json_t *event;

    for (size_t n = 0; (event = party_event(party, "warning", 0, n)); n++)
        count += strcmp(text_of(event, "code"), "device.issued") != 0
            && strcmp(text_of(event, "code"), "device.new_own") != 0;
    return count;
}

static void enrol_all(void)
{
    size_t certified = 0;

    for (size_t i = 0; i < PEOPLE; i++)
        for (size_t d = 0; d < DEVICES; d++) {
            clinic_enrol(&clinic, parties[i][d], jids[i]);
            certified +=
                strcmp(text_of(party_do(parties[i][d], "{\"id\":\"x\",\"cmd\":\"enrolment\"}"), "state"), "certified")
                == 0;
        }
    check_row(certified == PEOPLE * DEVICES, "DSK I.4-d part (audit event): twenty people enrol three devices each",
        "%zu of %d", certified, PEOPLE * DEVICES);
}

static const char *names(void)
{
    static char text[PEOPLE * 48];
    size_t at = 0;

    for (size_t i = 1; i < PEOPLE; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s\"%s\"", i > 1 ? "," : "", jids[i]);
    return text;
}

static size_t unread(const char *want)
{
    size_t wrong = 0;

    for (size_t i = 0; i < PEOPLE; i++)
        for (size_t d = 0; d < DEVICES; d++)
            wrong += strcmp(party_history(parties[i][d], room), want) != 0;
    return wrong;
}

static void talk(void)
{
    size_t mark = party_mark(parties[0][0]), wrong = 0;
    json_t *event;

    char command[2048];

    snprintf(command, sizeof command, "{\"id\":\"r\",\"cmd\":\"room_create\",\"title\":\"Visite\",\"members\":[%s]}",
        names());
    konsil_command(parties[0][0]->engine, command, strlen(command),
        (struct konsil_now) { lab.host->now.mono_ms, lab.host->now.wall_ms });
    clinic_run(&clinic, 60000);
    event = party_event(parties[0][0], "result", mark, 0);
    snprintf(room, sizeof room, "%s", event ? text_of(event, "room") : "");
    party_send(parties[0][0], room, "an alle");
    clinic_run(&clinic, 60000);
    party_send(parties[7][2], room, "gelesen");
    clinic_run(&clinic, 60000);
    wrong = unread("an alle,gelesen");
    check_row(wrong == 0, "everybody reads what is said in a room, on each device", "%zu devices do not", wrong);
    wrong = 0;
    for (size_t i = 0; i < PEOPLE; i++)
        for (size_t d = 0; d < DEVICES; d++)
            wrong += other_warnings(parties[i][d]);
    check_row(
        wrong == 0, "and nobody was asked or warned of anything but of their own new devices", "%zu warnings", wrong);
}

int main(void)
{
    begin();
    enrol_all();
    talk();
    clinic_end(&clinic);
    lab_end(&lab);
    return check_done();
}
