/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a peer or a server can do to an engine that only reads what comes. */
#include "check.h"
#include "party.h"
#include "stanza.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"

static void two(struct lab *lab, struct party **anna, struct party **jonas)
{
    lab_two(lab, 1, anna, jonas);
    party_connect(*anna);
    party_connect(*jonas);
    lab_run(lab, 1000);
}

/* Instead of a message a request, whose answer repeats its id. */
struct request {
    size_t id_len;
    unsigned made;
};

static bool ask(struct party *party, struct ks_str *stanza, void *user)
{
    struct request *request = user;
    struct ks_buf buf;

    if (!ks_str_starts(*stanza, KS_STR("<message ")))
        return true;
    ks_buf_init(&buf, 4u << 20);
    ks_buf_z(&buf, "<iq type='get' from='" ANNA "/x' id=\"");
    for (size_t i = 0; i < request->id_len; i++)
        ks_buf_byte(&buf, '\'');
    ks_buf_z(&buf, "\"><ping xmlns='urn:xmpp:ping'/></iq>");
    enum ks_err err = ks_arena_copy(&party->lab->kept, ks_buf_str(&buf), stanza);
    ks_buf_done(&buf);
    request->made++;
    return err == KS_OK;
}

static void test_long_answers(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    struct request request = { .id_len = 10 };

    two(&lab, &anna, &jonas);
    jonas->spy = ask;
    jonas->spy_user = &request;
    size_t mark = party_mark(jonas), sent = jonas->sent.len;
    party_send(anna, JONAS, "1");
    lab_run(&lab, 1000);
    struct ks_str answers = ks_str_from(ks_buf_str(&jonas->sent), sent);
    check_row(request.made == 1 && ks_str_find(answers, KS_STR("id='&apos;&apos;")) < answers.len,
        "RFC 6120 §8.1.3: an answer repeats the id of the request", "%zu bytes", answers.len);
    request.id_len = KS_STANZA_SENT_MAX / 3; /* twice as much where it is written */
    party_send(anna, JONAS, "2");
    lab_run(&lab, 300000);
    check_row(request.made == 2 && party_count(jonas, "connection", mark) == 0,
        "stanza.h: one that is longer than any server takes is not sent, and the stream stays", "%u, %zu", request.made,
        party_count(jonas, "connection", mark));
    lab_end(&lab);
}

/* The stream ends where the archive's page would. */
static bool end_stream(struct party *party, struct ks_str *stanza, void *user)
{
    unsigned *count = user;

    (void)party;
    if (ks_str_find(*stanza, KS_STR("<fin ")) == stanza->len)
        return true;
    ++*count;
    *stanza = KS_STR("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
    return true;
}

/* How long it waits after each loss of the connection; 0 if there were fewer. */
static int64_t pause_ms(const struct party *party, size_t from, size_t n)
{
    json_t *event;

    for (size_t i = 0; (event = party_event(party, "connection", from, i)); i++)
        if (strcmp(text_of(event, "state"), "offline") == 0 && n-- == 0)
            return json_integer_value(json_object_get(event, "retry_ms"));
    return 0;
}

static void test_pauses(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    unsigned count = 0;
    bool grow = true;

    two(&lab, &anna, &jonas);
    jonas->spy = end_stream;
    jonas->spy_user = &count;
    size_t mark = party_mark(jonas);
    party_restart(jonas);
    lab_run(&lab, 600000);
    for (size_t n = 0; n < 6; n++) /* 1 s, doubling to 60 s, each shortened by up to a half (stream.h) */
        grow = grow && pause_ms(jonas, mark, n) >= 500 << n && pause_ms(jonas, mark, n) <= 1000 << n;
    check_row(grow && pause_ms(jonas, mark, 8) >= 30000 && count < 30,
        "stream.h: pauses grow while each session ends before it has caught up",
        "%u sessions, pauses of %lld, %lld, %lld ms", count, (long long)pause_ms(jonas, mark, 0),
        (long long)pause_ms(jonas, mark, 3), (long long)pause_ms(jonas, mark, 6));
    jonas->spy = NULL;
    lab_run(&lab, 100000);
    mark = party_mark(jonas);
    party_cut(jonas);
    lab_run(&lab, 100000);
    check_row(pause_ms(jonas, mark, 0) >= 500 && pause_ms(jonas, mark, 0) <= 1000,
        "stream.h: they begin anew when one has caught up", "%lld ms", (long long)pause_ms(jonas, mark, 0));
    lab_end(&lab);
}

int main(void)
{
    test_long_answers();
    test_pauses();
    return check_done();
}
