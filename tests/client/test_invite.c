/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who was invited has an account with her first login, and nobody else has (XEP-0401, XEP-0445). */
#include "check.h"
#include "invite_link.h"
#include "party.h"

#define CLARA "clara@klinik.example"
#define TOKEN "00112233445566778899aabbccddeeff636c617261"

static void test_links(void)
{
    static const struct {
        const char *name, *link, *jid, *token;
    } rows[] = {
        { "XEP-0401 §3.3: an xmpp: link names the account and the token",
            "xmpp:clara@klinik.example?register;preauth=" TOKEN, CLARA, TOKEN },
        { "XEP-0147 §2: keys stand in any order, unknown ones are skipped",
            "xmpp:clara@klinik.example?register;x=y;preauth=" TOKEN ";z", CLARA, TOKEN },
        { "RFC 5122 §2.2: what is escaped is meant as it was", " xmpp:cl%C3%A1ra@Klinik.example?register;preauth=A1\n",
            "cl\xc3\xa1ra@klinik.example", "A1" },
        { "XEP-0401 §3.4: the page's address does, too", "https://klinik.example/invite/" TOKEN, CLARA, TOKEN },
        { "its port is not the account's", "https://klinik.example:8443/invite/" TOKEN, CLARA, TOKEN },
        { "a link without an account is none", "xmpp:klinik.example?register;preauth=" TOKEN, NULL, NULL },
        { "nor is one to a device", "xmpp:clara@klinik.example/x?register;preauth=" TOKEN, NULL, NULL },
        { "nor one without a token", "xmpp:clara@klinik.example?register", NULL, NULL },
        { "nor one with an empty one", "xmpp:clara@klinik.example?register;preauth=", NULL, NULL },
        { "nor one for something else", "xmpp:clara@klinik.example?message;preauth=" TOKEN, NULL, NULL },
        { "nor one that only looks so", "xmpp:clara@klinik.example?registered;preauth=" TOKEN, NULL, NULL },
        { "markup is no token", "xmpp:clara@klinik.example?register;preauth=<a>", NULL, NULL },
        { "half an escape is none", "xmpp:clar%4@klinik.example?register;preauth=" TOKEN, NULL, NULL },
        { "a page without a token is none", "https://klinik.example/invite/", NULL, NULL },
        { "nor one whose token names nobody", "https://klinik.example/invite/00112233445566778899aabbccddeeff", NULL,
            NULL },
        { "nor one that is no number", "https://klinik.example/invite/00112233445566778899aabbccddeeffzz", NULL, NULL },
        { "nor another page", "https://klinik.example/einladung/" TOKEN, NULL, NULL },
        { "nothing is sent over http", "http://klinik.example/invite/" TOKEN, NULL, NULL },
        { "nothing is no link", "", NULL, NULL },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_invite_link link;
        struct ks_arena arena;

        ks_arena_init(&arena, 65536);
        enum ks_err err = ks_invite_link_read(&arena, ks_str_z(rows[i].link), &link);
        check_row(rows[i].jid ? err == KS_OK && ks_str_is(link.jid, rows[i].jid) && ks_str_is(link.token, rows[i].token)
                              : err == KS_ESYNTAX,
            rows[i].name, "%d, %.*s", (int)err, KS_STR_FMT(link.jid));
        ks_arena_done(&arena);
    }
}

/* --- an administrator --- */

/* The link; good until the next call. */
static const char *invite(struct lab *lab, const char *command)
{
    static char link[512];
    char line[256];
    struct ks_str rest, before = KS_STR("\"uri\":\"");

    snprintf(line, sizeof line, "{\"v\":1,\"command\":\"%s\",\"args\":{\"jid\":\"" CLARA "\"}}", command);
    rest = ks_str_z(lab_control(lab, line));
    rest = ks_str_from(rest, ks_str_find(rest, before) + before.len);
    snprintf(link, sizeof link, "%.*s", (int)ks_str_find_byte(rest, '"'), rest.len ? rest.ptr : "");
    return link;
}

/* --- her --- */

static json_t *last(const struct party *party, const char *event)
{
    size_t count = party_count(party, event, 0);

    return count > 0 ? party_event(party, event, 0, count - 1) : NULL;
}

static const char *come(struct lab *lab, struct party *party, const char *link, const char *password)
{
    size_t mark = party_mark(party);
    char text[1024];

    snprintf(text, sizeof text,
        "{\"id\":\"c\",\"cmd\":\"connect\",\"invite\":\"%s\",\"password\":\"%s\",\"remember\":true}", link, password);
    konsil_command(
        party->engine, text, strlen(text), (struct konsil_now) { lab->host->now.mono_ms, lab->host->now.wall_ms });
    lab_run(lab, 5000);
    if (party_count(party, "error", mark) > 0)
        return text_of(last(party, "error"), "code");
    if (party_count(party, "ready", mark) > 0)
        return "ready";
    return text_of(last(party, "connection"), "reason");
}

static void check_is(const char *name, const char *got, const char *want)
{
    check_row(strcmp(got, want) == 0, name, "\"%s\", not \"%s\"", got, want);
}

static void test_life(void)
{
    struct party *anna, *jonas, *clara, *mallory, *late;
    char link[512];
    struct lab lab;

    lab_two(&lab, 91, &anna, &jonas);
    clara = lab_party(&lab, CLARA, "ein Kennwort");
    mallory = lab_party(&lab, CLARA, "sein Kennwort");
    party_connect(anna);
    lab_run(&lab, 1000);
    snprintf(link, sizeof link, "%s", invite(&lab, "user.invite"));
    check_is("XEP-0077 §3.1: a password that is too short is said to be", come(&lab, clara, link, "kurz"),
        "invite.password");
    check_row(!json_object_get(last(clara, "connection"), "retry_ms"), "and it is not tried again and again", "it is");
    check_is("XEP-0445 §4: with the invitation the account is there, and logged in to",
        come(&lab, clara, link, "ein Kennwort"), "ready");
    party_send(anna, CLARA, "Willkommen");
    lab_run(&lab, 5000);
    check_is("XEP-0401: from the invitation to the first message", party_history(clara, "anna@klinik.example"),
        "Willkommen");
    check_row(ks_str_find(ks_buf_str(&clara->sent), KS_STR("<preauth ")) < clara->sent.len,
        "(positive control: the token went to the server)", "it did not");
    size_t sent = clara->sent.len;
    party_restart(clara);
    lab_run(&lab, 3000);
    struct ks_str later = ks_str_from(ks_buf_str(&clara->sent), sent);
    check_row(party_count(clara, "ready", 0) >= 2 && ks_str_find(later, KS_STR("preauth")) == later.len,
        "DSK IV.2-a: afterwards the invitation is forgotten, and the password does", "it is not");
    check_is("DSK IV.2-a: somebody else uses it in vain", come(&lab, mallory, link, "sein Kennwort"), "invite.over");
    lab_run(&lab, 60000);
    check_is("XEP-0445 §4: one that nobody made is refused",
        come(&lab, mallory, "xmpp:" CLARA "?register;preauth=" TOKEN, "sein Kennwort"), "invite.over");
    check_is(
        "what is none is refused here", come(&lab, mallory, "https://klinik.example/", "sein Kennwort"), "invite.link");
    check_is("one for another account than the store's is refused here",
        come(&lab, clara, "xmpp:emil@klinik.example?register;preauth=" TOKEN, "sein Kennwort"), "account.other");
    json_t *refused = party_do(mallory,
        "{\"id\":\"x\",\"cmd\":\"connect\",\"jid\":\"emil@klinik.example\",\"invite\":\"%s\",\"password\":\"x\"}",
        link);
    check_is("and one for another account than was named", text_of(refused, "code"), "invite.other");
    lab_end(&lab);

    lab_two(&lab, 92, &anna, &jonas);
    late = lab_party(&lab, CLARA, "ein Kennwort");
    snprintf(link, sizeof link, "%s", invite(&lab, "user.invite"));
    host_wait(lab.host, (int64_t)73 * 3600 * 1000);
    check_is("DSK IV.2-a: one that is too old is refused", come(&lab, late, link, "ein Kennwort"), "invite.over");
    lab_end(&lab);
}

/* The server takes the password, and the answer is lost on the way. */
static bool lose_answer(struct party *party, struct ks_str *stanza, void *user)
{
    bool *lost = user;

    if (*lost || ks_str_find(*stanza, KS_STR("id='register'")) == stanza->len)
        return true;
    *lost = true;
    party->cut = false;
    return false;
}

static bool no_invitations(struct party *party, struct ks_str *stanza, void *user)
{
    size_t at = ks_str_find(*stanza, KS_STR("urn:xmpp:ibr-token:0"));
    struct ks_str joined;

    (void)user;
    if (at < stanza->len
        && ks_arena_join(&party->lab->kept,
               (struct ks_str[]) {
                   ks_str_head(*stanza, at), KS_STR("urn:xmpp:ibr-token:9"), ks_str_from(*stanza, at + 20) },
               3, &joined)
            == KS_OK)
        *stanza = joined;
    return true;
}

static void test_network(void)
{
    struct party *anna, *jonas, *clara;
    bool lost = false;
    char link[512];
    struct lab lab;

    lab_two(&lab, 93, &anna, &jonas);
    clara = lab_party(&lab, CLARA, "ein Kennwort");
    snprintf(link, sizeof link, "%s", invite(&lab, "user.invite"));
    clara->spy = no_invitations;
    check_is("XEP-0445 §3: a server that does not say that it takes invitations gets none",
        come(&lab, clara, link, "ein Kennwort"), "invite.none");
    check_row(ks_str_find(ks_buf_str(&clara->sent), KS_STR("preauth")) == clara->sent.len, "and no token", "it did");
    clara->spy = lose_answer;
    clara->spy_user = &lost;
    (void)come(&lab, clara, link, "ein Kennwort");
    check_row(lost && party_count(clara, "ready", 0) == 0, "(positive control: the answer was lost)", "it was not");
    party_cut(clara);
    lab_run(&lab, 90000);
    check_row(party_count(clara, "ready", 0) == 1,
        "XEP-0077 §3.1: when the answer is lost on the way the account is logged in to all the same", "%s",
        text_of(last(clara, "connection"), "reason"));
    lab_end(&lab);

    lost = false;
    lab_two(&lab, 94, &anna, &jonas);
    clara = lab_party(&lab, CLARA, "ein Kennwort");
    snprintf(link, sizeof link, "%s", invite(&lab, "user.invite"));
    clara->spy = lose_answer;
    clara->spy_user = &lost;
    (void)come(&lab, clara, link, "ein Kennwort");
    party_cut(clara);
    (void)come(&lab, clara, link, "ein Kennwort");
    lab_run(&lab, 90000);
    check_row(lost && party_count(clara, "ready", 0) == 1,
        "and when the person opens the invitation again, instead of waiting", "%s",
        text_of(last(clara, "connection"), "reason"));
    lab_end(&lab);
}

int main(void)
{
    test_links();
    test_life();
    test_network();
    return check_done();
}
