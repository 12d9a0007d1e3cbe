/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A room of many, of whom some come and some go after each message: who has a key for it, and who reads it. */
#include <time.h>

#include "ward.h"

#define PEOPLE 60
#define ROUNDS 5
#define MOVES 4 /* of each kind, in a round */
#define PART "DSK II.1-b part (500 members: make bench): "

struct person {
    char jid[40];
    struct party *party;
    bool member;
    char reads[64]; /* what it is to have read, as party_history says it */
};

struct many {
    struct lab lab;
    struct person people[PEOPLE];
    char room[128];
    unsigned said, came, went;
};

static void begin(struct many *many)
{
    lab_begin(&many->lab, 71);
    for (size_t i = 0; i < PEOPLE; i++) {
        struct person *person = &many->people[i];
        char local[16];

        snprintf(local, sizeof local, "p%02zu", i);
        snprintf(person->jid, sizeof person->jid, "%s@klinik.example", local);
        lab_account(&many->lab, local, "password");
        person->party = lab_party(&many->lab, person->jid, "password");
        party_connect(person->party);
    }
    lab_run(&many->lab, 5000);
}

/* The list of a command, from one person to before another. */
static const char *names(const struct many *many, size_t from, size_t to)
{
    static char text[PEOPLE * 48];
    size_t at = 0;

    for (size_t i = from; i < to; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s\"%s\"", i > from ? "," : "", many->people[i].jid);
    return text;
}

static void check_good(const char *name, const json_t *answer)
{
    check_row(good(answer), name, "%s", answer ? text_of(answer, "code") : "no answer");
}

/* Somebody writes; how many have a key and are no member, or are one and have none. */
static size_t say(struct many *many, struct person *author)
{
    size_t wrong = 0, mark = author->party->sent.len;
    char text[2] = { (char)('a' + many->said++), 0 };

    (void)party_send(author->party, many->room, text);
    lab_run(&many->lab, 30000);
    for (size_t i = 0; i < PEOPLE; i++) {
        struct person *person = &many->people[i];

        if (person != author)
            wrong += sent_key_to(author->party, mark, person->jid) != person->member;
        if (person->member)
            snprintf(person->reads + strlen(person->reads), sizeof person->reads - strlen(person->reads), "%s%s",
                *person->reads ? "," : "", text);
    }
    return wrong;
}

static size_t misread(struct many *many)
{
    size_t wrong = 0;

    for (size_t i = 0; i < PEOPLE; i++)
        wrong += strcmp(party_history(many->people[i].party, many->room), many->people[i].reads) != 0;
    return wrong;
}

static void change(struct many *many, struct person *person, bool member, const char *with)
{
    struct party *owner = many->people[0].party;

    check_good(member ? "PROTOCOL §9.1: somebody is added" : "PROTOCOL §9.1: somebody is removed, or leaves",
        strcmp(with, "room_leave") == 0
            ? ask(person->party, "{\"id\":\"r\",\"cmd\":\"room_leave\",\"room\":\"%s\"}", many->room)
            : ask(owner, "{\"id\":\"r\",\"cmd\":\"%s\",\"room\":\"%s\",\"%s\":%s\"%s\"%s}", with, many->room,
                member ? "members" : "member", member ? "[" : "", person->jid, member ? "]" : ""));
    person->member = member;
    many->came += member;
    many->went += !member;
}

static double seconds(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void test_many(void)
{
    static struct many many;
    double began = seconds();
    json_t *answer;

    begin(&many);
    answer = ask(many.people[0].party, "{\"id\":\"r\",\"cmd\":\"room_create\",\"title\":\"Haus 3\",\"members\":[%s]}",
        names(&many, 1, PEOPLE / 2));
    check_good("a room of half of them", answer);
    snprintf(many.room, sizeof many.room, "%s", text_of(answer, "room"));
    for (size_t i = 0; i < PEOPLE / 2; i++)
        many.people[i].member = true;
    lab_run(&many.lab, 30000);
    check_row(say(&many, &many.people[0]) == 0 && misread(&many) == 0,
        "control: its members have a key and read, and the others have none", "%zu", misread(&many));
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t first = 1 + round * MOVES, wrong;

        for (size_t i = first; i < first + MOVES; i++) {
            change(&many, &many.people[i], false, i % 2 ? "room_remove" : "room_leave");
            change(&many, &many.people[PEOPLE / 2 + i], true, "room_add");
        }
        lab_run(&many.lab, 30000);
        wrong = say(&many, &many.people[first + MOVES]); /* who is still a member, and no owner */
        check_row(wrong == 0,
            PART "the next message has a key for each who was added, and for none who was removed or left", "%zu of %d",
            wrong, PEOPLE);
        check_row(misread(&many) == 0,
            PART "and is read by all members: newcomers read from then on, and who went keeps what he read",
            "%zu of %d", misread(&many), PEOPLE);
    }
    printf("# %d people, %u came, %u went, %u messages: %.1f s\n", PEOPLE, many.came, many.went, many.said,
        seconds() - began);
    lab_end(&many.lab);
}

int main(void)
{
    test_many();
    return check_done();
}
