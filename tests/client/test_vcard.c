/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What people say of themselves (XEP-0054), and pictures of those whose programs know no other way (XEP-0153). */
#include "check.h"
#include "party.h"

#define ANNA "anna@klinik.example"
#define OTTO "otto@offen.example"
#define OLGA "olga@offen.example"
#define MARIA "maria@fremd.example"
#define PNG "iVBORw0KGgphbm5h" /* the first bytes of a PNG, and "anna" */
#define PNG_ID "1b5f07ef9ebd2e1ec0e7ba7e4a2c53e7ab5b16ea"

/* Puts `with` before, or instead of, the first `what` in a stanza that has `where`. */
struct forgery {
    const char *where, *what, *with;
    bool instead;
};

static bool forge(struct party *party, struct ks_str *stanza, void *user)
{
    const struct forgery *forgery = user;
    size_t at = forgery->what ? ks_str_find(*stanza, ks_str_z(forgery->what)) : stanza->len;
    struct ks_str parts[3];

    if (at == stanza->len || ks_str_find(*stanza, ks_str_z(forgery->where)) == stanza->len)
        return true;
    parts[0] = ks_str_head(*stanza, at);
    parts[1] = ks_str_z(forgery->with);
    parts[2] = ks_str_from(*stanza, forgery->instead ? at + strlen(forgery->what) : at);
    return ks_arena_join(&party->lab->kept, parts, 3, stanza) == KS_OK;
}

/* The answer to a command, when it is there. */
static const json_t *answered(struct party *party, const char *event, const char *command)
{
    size_t mark = party_mark(party);

    konsil_command(party->engine, command, strlen(command),
        (struct konsil_now) { party->lab->host->now.mono_ms, party->lab->host->now.wall_ms });
    lab_run(party->lab, 1000);
    return party_event(party, event, mark, 0);
}

static const json_t *vcard(struct party *party, const char *jid)
{
    char command[256];

    snprintf(command, sizeof(command), "{\"id\":\"v\",\"cmd\":\"vcard\",\"jid\":\"%s\"}", jid);
    return answered(party, "vcard", command);
}

static bool says(const json_t *event, const char *name, const char *unit, const char *phone)
{
    return event && strcmp(text_of(event, "name"), name) == 0 && strcmp(text_of(event, "unit"), unit) == 0
        && strcmp(text_of(event, "phone"), phone) == 0;
}

static struct party *online(struct lab *lab, const char *local)
{
    static const char *const jids[] = { OTTO, OLGA };
    struct party *party;

    host_add_account(lab->host, "offen.example", local, local, "a-password");
    party = lab_party(lab, jids[strcmp(local, "olga") == 0], "a-password");
    party_connect(party);
    lab_run(lab, 1000);
    return party;
}

static void test_protected(void)
{
    struct party *anna, *jonas;
    const json_t *event;
    struct lab lab;

    lab_two(&lab, 81, &anna, &jonas);
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 1000);
    event = vcard(jonas, ANNA);
    check_row(event && strcmp(text_of(event, "name"), "anna") == 0 && strcmp(text_of(event, "jid"), ANNA) == 0,
        "XEP-0054 §3.3: in a protected domain a vCard says what the directory says", "%s", text_of(event, "name"));
    event = answered(anna, "error", "{\"id\":\"s\",\"cmd\":\"vcard_set\",\"title\":\"Chefarzt\"}");
    check_row(strcmp(text_of(event, "code"), "server.refused") == 0 && says(vcard(jonas, ANNA), "anna", "", ""),
        "and nobody says something else of herself", "%s", text_of(event, "code"));
    lab_end(&lab);
}

static void test_words(void)
{
    static const char first[] =
        "{\"id\":\"s\",\"cmd\":\"vcard_set\",\"name\":\"Otto <Groß>\",\"nick\":\"O\","
        "\"organisation\":\"Klinik\",\"unit\":\"Labor\",\"title\":\"MTA\",\"phone\":\"+49 7071 1\","
        "\"email\":\"otto@mail.example\"}";
    static char far[10001];
    struct forgery forgery = { "vcard-temp", NULL, NULL, false };
    char command[400];
    struct party *otto, *olga;
    const json_t *event;
    struct lab lab;

    lab_begin(&lab, 82);
    otto = online(&lab, "otto");
    olga = online(&lab, "olga");
    otto->spy = olga->spy = forge;
    otto->spy_user = olga->spy_user = &forgery;
    event = answered(otto, "result", first);
    check_row(strcmp(text_of(event, "cmd"), "vcard_set") == 0, "XEP-0054 §3.2: a person says something of herself",
        "%s", text_of(event, "code"));
    event = vcard(olga, OTTO);
    check_row(says(event, "Otto <Groß>", "Labor", "+49 7071 1") && strcmp(text_of(event, "nick"), "O") == 0
            && strcmp(text_of(event, "organisation"), "Klinik") == 0 && strcmp(text_of(event, "title"), "MTA") == 0
            && strcmp(text_of(event, "email"), "otto@mail.example") == 0,
        "XEP-0054 §3.3: and others read it, all of it", "%s, %s", text_of(event, "name"), text_of(event, "unit"));
    check_row(
        says(vcard(otto, OTTO), "Otto <Groß>", "Labor", "+49 7071 1"), "XEP-0054 §3.1: as does the person", "not so");
    forgery = (struct forgery) { "vcard-temp", "</vCard>", "<BDAY>1980-01-01</BDAY></vCard>", true };
    answered(otto, "result", "{\"id\":\"s\",\"cmd\":\"vcard_set\",\"phone\":\"+49 7071 2\",\"unit\":\"\"}");
    forgery.what = NULL;
    event = vcard(olga, OTTO);
    check_row(says(event, "Otto <Groß>", "", "+49 7071 2") && strcmp(text_of(event, "organisation"), "Klinik") == 0,
        "what is not given stays, what is given is new, and what is empty is gone", "%s, %s, %s",
        text_of(event, "name"), text_of(event, "unit"), text_of(event, "phone"));
    check_row(ks_str_find(ks_buf_str(&otto->sent), KS_STR("<BDAY>1980-01-01</BDAY>")) < otto->sent.len,
        "what another program wrote into it stays there", "it does not");
    answered(
        otto, "result", "{\"id\":\"s\",\"cmd\":\"vcard_set\",\"organisation\":\"\",\"phone\":\"\",\"email\":\"\"}");
    check_row(ks_str_find(ks_str_from(ks_buf_str(&otto->sent), otto->sent.len - 400), KS_STR("<ORG")) == 400
            && says(vcard(olga, OTTO), "Otto <Groß>", "", ""),
        "of a place of work with neither name nor part nothing is left", "something is");
    memset(far, 'x', sizeof(far) - 1);
    forgery = (struct forgery) { "vcard-temp", "Otto", far, true };
    event = vcard(olga, OTTO);
    check_row(event && strlen(text_of(event, "name")) == 256, "a text without end is told as far as 256 bytes", "%zu",
        event ? strlen(text_of(event, "name")) : 0);
    forgery.what = NULL;
    snprintf(command, sizeof(command), "{\"id\":\"s\",\"cmd\":\"vcard_set\",\"name\":\"%.257s\"}", far);
    event = answered(otto, "error", command);
    check_row(strcmp(text_of(event, "re"), "s") == 0, "and none is taken that is longer", "%s", text_of(event, "code"));
    event = vcard(olga, "niemand@offen.example");
    check_row(event && strcmp(text_of(event, "name"), "") == 0, "XEP-0054 §3.3: who is not there says nothing", "%s",
        text_of(event, "name"));
    lab_end(&lab);
}

static const char *picture(struct party *party, const char *jid)
{
    char command[256];

    snprintf(command, sizeof(command), "{\"id\":\"a\",\"cmd\":\"avatar\",\"jid\":\"%s\"}", jid);
    return text_of(answered(party, "avatar", command), "image");
}

/* The new way has none for olga: the metadata come without the picture's id. */
static void test_photo(void)
{
    struct forgery forgery = { "urn:xmpp:avatar:metadata", "<info ", "<nothing ", true };
    struct forgery other = { "vcard-temp", PNG, "R0lGODlhAQABAAAAACw=", true };
    struct party *otto, *olga;
    struct lab lab;

    lab_begin(&lab, 83);
    otto = online(&lab, "otto");
    olga = online(&lab, "olga");
    check_row(strcmp(picture(olga, OTTO), "") == 0, "who has no picture shows none", "%s", picture(olga, OTTO));
    answered(otto, "result", "{\"id\":\"s\",\"cmd\":\"avatar_set\",\"image\":\"" PNG "\"}");
    olga->spy = forge;
    olga->spy_user = &forgery;
    check_row(strcmp(picture(olga, OTTO), PNG) == 0,
        "XEP-0153 §3.3, XEP-0398 §6.2: the picture of a vCard is shown where the newer way has none", "%s",
        picture(olga, OTTO));
    olga->spy_user = &other;
    check_row(strcmp(picture(olga, OTTO), PNG) == 0, "(the newer way is asked first)", "%s", picture(olga, OTTO));
    answered(otto, "result", "{\"id\":\"s\",\"cmd\":\"avatar_remove\"}");
    check_row(strcmp(picture(olga, OTTO), "") == 0, "a picture that was taken away is shown in neither way", "%s",
        picture(olga, OTTO));
    lab_end(&lab);
}

/* A photo that is none of the three formats, in place of the true one. */
static bool forge_both(struct party *party, struct ks_str *stanza, void *user)
{
    struct forgery no_info = { "urn:xmpp:avatar:metadata", "<info ", "<nothing ", true };

    return forge(party, stanza, &no_info) && forge(party, stanza, user);
}

static void test_false_photo(void)
{
    static const char *const forged[] = { "R0lGODlhAQABAAAAACw=", "PHN2Zy8+", "!", "" };
    struct forgery forgery = { "vcard-temp", PNG, NULL, true };
    struct party *otto, *olga;
    struct lab lab;

    lab_begin(&lab, 84);
    otto = online(&lab, "otto");
    olga = online(&lab, "olga");
    answered(otto, "result", "{\"id\":\"s\",\"cmd\":\"avatar_set\",\"image\":\"" PNG "\"}");
    olga->spy = forge_both;
    olga->spy_user = &forgery;
    for (size_t i = 0; i < KS_COUNT(forged); i++) {
        forgery.with = forged[i];
        check_row(strcmp(picture(olga, OTTO), "") == 0, "XEP-0153: what is no picture is not shown", "row %zu", i);
    }
    forgery.with = PNG;
    check_row(strcmp(picture(olga, OTTO), PNG) == 0, "(positive control: the true one is)", "it is not");
    lab_end(&lab);
}

/* How often olga was told of that account's picture since `mark`, and what last. */
static size_t told(const struct party *olga, size_t mark, const char *jid, const char **ret_id)
{
    size_t count = 0;

    *ret_id = "never";
    for (size_t i = 0; i < party_count(olga, "avatar_changed", mark); i++) {
        const json_t *event = party_event(olga, "avatar_changed", mark, i);

        if (strcmp(text_of(event, "jid"), jid) == 0) {
            *ret_id = text_of(event, "avatar");
            count++;
        }
    }
    return count;
}

static void test_announced(void)
{
#define PHOTO(id) "<x xmlns='vcard-temp:x:update'><photo>" id "</photo></x>"
    static const struct {
        const char *name, *jid, *says;
        size_t times;
        const char *id;
    } rows[] = {
        { "XEP-0153 §3.2: a picture is announced with presence", MARIA, PHOTO(PNG_ID), 1, PNG_ID },
        { "and told once", MARIA, "<show>away</show>" PHOTO(PNG_ID), 0, "never" },
        { "XEP-0153 §4.1: a presence that says nothing of it changes nothing", MARIA, "<show>dnd</show>", 0, "never" },
        { "nor one that says that it is not ready", MARIA, "<x xmlns='vcard-temp:x:update'/>", 0, "never" },
        { "and afterwards it is still the same", MARIA, PHOTO(PNG_ID), 0, "never" },
        { "XEP-0153 §3.2: that there is none any more is told", MARIA, PHOTO(""), 1, "" },
        { "once", MARIA, PHOTO(""), 0, "never" },
        { "what has not the form of a hash is none", MARIA, PHOTO("../../etc/passwd"), 0, "never" },
        { "XEP-0398: of the own domain the newer way tells it", OTTO, PHOTO(PNG_ID), 0, "never" },
    };
    struct party *olga;
    struct lab lab;

    lab_begin(&lab, 85);
    olga = online(&lab, "olga");
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        size_t mark = party_mark(olga), times;
        const char *id;

        party_give(olga, "<presence from='%s/telefon'>%s</presence>", rows[i].jid, rows[i].says);
        lab_run(&lab, 100);
        times = told(olga, mark, rows[i].jid, &id);
        check_row(times == rows[i].times && strcmp(id, rows[i].id) == 0, rows[i].name, "%zu times, %s", times, id);
    }
    lab_end(&lab);
}

int main(void)
{
    test_protected();
    test_words();
    test_photo();
    test_false_photo();
    test_announced();
    return check_done();
}
