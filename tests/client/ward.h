/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ward.h -- a lab with rooms: three people with two devices each. For the tests of groups, which share it whole. */
#ifndef WARD_H
#define WARD_H

#include "check.h"
#include "client.h"
#include "party.h"

#pragma GCC diagnostic ignored "-Wunused-function"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"
#define MIRA "mira@klinik.example"

struct ward {
    struct lab lab;
    struct party *anna, *anna2, *jonas, *jonas2, *mira, *mira2;
    const char *room;
};

/* A command that a server decides about: its answer, after some time. */
static json_t *ask(struct party *party, const char *format, ...) __attribute__((format(printf, 2, 3)));
static json_t *ask(struct party *party, const char *format, ...)
{
    size_t mark = party_mark(party);
    struct konsil_now now = { party->lab->host->now.mono_ms, party->lab->host->now.wall_ms };
    char text[4096];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    konsil_command(party->engine, text, (size_t)len, now);
    lab_run(party->lab, 3000);
    for (size_t i = mark; i < party_mark(party); i++) {
        json_t *event = json_array_get(party->events, i);

        if (strcmp(text_of(event, "re"), "r") == 0)
            return event;
    }
    return NULL;
}

static void ward_begin(struct ward *ward, uint64_t seed)
{
    lab_begin(&ward->lab, seed);
    lab_account(&ward->lab, "anna", "a-password");
    lab_account(&ward->lab, "jonas", "j-password");
    lab_account(&ward->lab, "mira", "m-password");
    ward->anna = lab_party(&ward->lab, ANNA, "a-password");
    ward->anna2 = lab_party(&ward->lab, ANNA, "a-password");
    ward->jonas = lab_party(&ward->lab, JONAS, "j-password");
    ward->jonas2 = lab_party(&ward->lab, JONAS, "j-password");
    ward->mira = lab_party(&ward->lab, MIRA, "m-password");
    ward->mira2 = lab_party(&ward->lab, MIRA, "m-password");
    for (size_t i = 0; i < ward->lab.count; i++)
        party_connect(&ward->lab.parties[i]);
    lab_run(&ward->lab, 5000);
}

static void ward_room(struct ward *ward, const char *members)
{
    json_t *answer =
        ask(ward->anna, "{\"id\":\"r\",\"cmd\":\"room_create\",\"title\":\"Visite\",\"members\":[%s]}", members);

    if (strcmp(text_of(answer, "event"), "result") != 0) {
        printf("Bail out! no room: %s\n", answer ? json_dumps(answer, 0) : "no answer");
        exit(1);
    }
    ward->room = text_of(answer, "room");
    lab_run(&ward->lab, 20000);
}

static void check_text(const char *name, const char *got, const char *want)
{
    check_row(strcmp(got, want) == 0, name, "\"%s\", not \"%s\"", got, want);
}

static size_t warnings(const struct party *party, const char *code)
{
    size_t count = 0;

    for (size_t i = 0; i < party_mark(party); i++) {
        const json_t *event = json_array_get(party->events, i);

        count += strcmp(text_of(event, "event"), "warning") == 0 && strcmp(text_of(event, "code"), code) == 0;
    }
    return count;
}

/* The lines that tell what became of a room, joined. */
static const char *lines(struct party *party, const char *room)
{
    static char text[1024];
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"history\",\"with\":\"%s\",\"limit\":200}", room), *message;
    size_t i, at = 0;

    text[0] = 0;
    json_array_foreach(json_object_get(event, "messages"), i, message) if (json_object_get(message, "notice")) at +=
        (size_t)snprintf(text + at, sizeof(text) - at, "%s%s%s%.5s", at > 0 ? "," : "", text_of(message, "notice"),
            *text_of(message, "about") ? ":" : "", text_of(message, "about"));
    return text;
}

/* The one of a list whose value under key is this, or NULL. */
static const json_t *one_of(const json_t *list, const char *key, const char *value)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(text_of(json_array_get(list, i), key), value) == 0)
            return json_array_get(list, i);
    return NULL;
}

/* A message as the history has it, or NULL. */
static const json_t *party_message(struct party *party, const char *room, const char *id)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"history\",\"with\":\"%s\",\"limit\":200}", room);

    return one_of(json_object_get(event, "messages"), "message", id);
}

static const json_t *room_of(struct party *party, const char *room)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"rooms\"}");

    return one_of(json_object_get(event, "rooms"), "room", room);
}

static void all_show(struct ward *ward, const char *name, const char *want)
{
    for (size_t i = 0; i < ward->lab.count; i++)
        check_text(name, party_history(&ward->lab.parties[i], ward->room), want);
}

static bool good(const json_t *answer)
{
    return answer && strcmp(text_of(answer, "event"), "result") == 0;
}

static bool has(struct ks_str stanza, const char *text)
{
    return text && ks_str_find(stanza, ks_str_z(text)) < stanza.len;
}

/* An owner's statement; false if it was refused. */
static bool adds(struct party *owner, const char *room, const char *jid)
{
    return good(ask(owner, "{\"id\":\"r\",\"cmd\":\"room_add\",\"room\":\"%s\",\"members\":[\"%s\"]}", room, jid));
}

static bool removes(struct party *owner, const char *room, const char *jid)
{
    return good(ask(owner, "{\"id\":\"r\",\"cmd\":\"room_remove\",\"room\":\"%s\",\"member\":\"%s\"}", room, jid));
}

/* Whether what a party sent last, from a place on, holds a key for a device: by its account's name in the header. */
static bool sent_key_to(const struct party *party, size_t from, const char *jid)
{
    struct ks_str sent = ks_str_from(ks_buf_str(&party->sent), from);
    char text[128];

    snprintf(text, sizeof(text), "<keys jid='%s'", jid);
    for (;;) {
        size_t at = ks_str_find(sent, KS_STR("type='groupchat'")), end;

        if (at == sent.len)
            return false;
        sent = ks_str_from(sent, at);
        end = ks_str_find(sent, KS_STR("</message>"));
        if (ks_str_find(ks_str_head(sent, end), ks_str_z(text)) < end)
            return true;
        sent = ks_str_from(sent, end);
    }
}

static void ward_end(struct ward *ward)
{
    lab_end(&ward->lab);
}

/* --- a room of another program --- */

#define WARD_FOREIGN "r-konferenzkonferenzkonferen@rooms.klinik.example"

/* Another program of an account, logged in; n: a number of its own. */
static struct host_conn *ward_program(struct ward *ward, uint64_t n, const char *local, const char *password)
{
    struct host_conn *conn = host_connect(ward->lab.host, n);

    client_secure(conn, "klinik.example");
    client_bind(conn, "klinik.example", local, password);
    client_say(conn, "<presence/>");
    return conn;
}

/* mira's other program makes it. */
static struct host_conn *ward_foreign_room(struct ward *ward)
{
    struct host_conn *conn = ward_program(ward, 99, "mira", "m-password");

    client_say(conn, "<presence to='" WARD_FOREIGN "/mira'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
    client_say(conn,
        "<iq type='set' id='o' to='" WARD_FOREIGN "'><query xmlns='http://jabber.org/protocol/muc#owner'>"
        "<x xmlns='jabber:x:data' type='submit'/></query></iq>");
    lab_run(&ward->lab, 3000);
    return conn;
}

/* And lets somebody in. */
static void ward_foreign_lets(struct ward *ward, struct host_conn *conn, const char *affiliation, const char *jid)
{
    char text[512];

    snprintf(text, sizeof(text),
        "<iq type='set' id='m' to='" WARD_FOREIGN "'><query xmlns='http://jabber.org/protocol/muc#admin'>"
        "<item affiliation='%s' jid='%s'/></query></iq>",
        affiliation, jid);
    client_say(conn, text);
    lab_run(&ward->lab, 3000);
}

static json_t *ward_foreign_join(struct party *party)
{
    json_t *answer = ask(party, "{\"id\":\"r\",\"cmd\":\"room_join\",\"room\":\"" WARD_FOREIGN "\"}");

    lab_run(party->lab, 30000);
    return answer;
}

#endif
