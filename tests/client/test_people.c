/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a person keeps and shows for all of her programs: rooms, and a picture. */
#include "check.h"
#include "party.h"
#include "picture.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"
#define PNG "iVBORw0KGgphbm5h" /* the first bytes of a PNG, and "anna" */

static const char *last(const struct party *party, const char *event, const char *member)
{
    size_t count = party_count(party, event, 0);

    return count > 0 ? text_of(party_event(party, event, 0, count - 1), member) : "none";
}

static void test_formats(void)
{
    const struct {
        const char *name;
        struct ks_str bytes;
        const char *type;
    } formats[] = {
        { "PNG", KS_STR("\x89PNG\r\n\x1a\nrest"), "image/png" },
        { "JPEG", KS_STR("\xff\xd8\xff\xe0"), "image/jpeg" },
        { "WebP", KS_STR("RIFF1234WEBPrest"), "image/webp" },
        { "GIF", KS_STR("GIF89a"), NULL },
        { "SVG", KS_STR("<svg xmlns='http://www.w3.org/2000/svg'/>"), NULL },
        { "a RIFF of another kind", KS_STR("RIFF1234WAVE"), NULL },
        { "the beginning of a RIFF", KS_STR("RIFF12"), NULL },
        { "nothing", KS_STR(""), NULL },
    };

    for (size_t i = 0; i < KS_COUNT(formats); i++) {
        const char *type = ks_picture_type(formats[i].bytes);

        check_row((!type && !formats[i].type) || (type && formats[i].type && strcmp(type, formats[i].type) == 0),
            formats[i].type ? "XEP-0084: a picture is what its first bytes say" : "XEP-0084: and nothing else is one",
            "%s: %s", formats[i].name, type ? type : "none");
    }
}

static const char *ask(struct lab *lab, struct party *party, const char *jid)
{
    char text[256];

    snprintf(text, sizeof(text), "{\"id\":\"a\",\"cmd\":\"avatar\",\"jid\":\"%s\"}", jid);
    konsil_command(
        party->engine, text, strlen(text), (struct konsil_now) { lab->host->now.mono_ms, lab->host->now.wall_ms });
    lab_run(lab, 1000);
    return last(party, "avatar", "image");
}

static void set(struct lab *lab, struct party *party, const char *image)
{
    char text[120000];

    snprintf(text, sizeof(text), "{\"id\":\"s\",\"cmd\":\"avatar_set\",\"image\":\"%s\"}", image);
    konsil_command(
        party->engine, text, strlen(text), (struct konsil_now) { lab->host->now.mono_ms, lab->host->now.wall_ms });
    lab_run(lab, 1000);
}

/* Another picture than was announced; something that is no picture; one that is too long. */
struct forgery {
    const char *data;
};

static bool forge(struct party *party, struct ks_str *stanza, void *user)
{
    const struct forgery *forgery = user;
    size_t at = ks_str_find(*stanza, KS_STR("<data xmlns='urn:xmpp:avatar:data'>"));
    struct ks_str head, rest, joined;

    if (!forgery->data || at == stanza->len)
        return true;
    head = ks_str_head(*stanza, at + sizeof("<data xmlns='urn:xmpp:avatar:data'>") - 1);
    rest = ks_str_from(*stanza, ks_str_find(*stanza, KS_STR("</data>")));
    if (ks_arena_join(&party->lab->kept, (struct ks_str[]) { head, ks_str_z(forgery->data), rest }, 3, &joined)
        == KS_OK)
        *stanza = joined;
    return true;
}

static void test_pictures(void)
{
    static char large[100000];
    static const char *const forged[] = { "iVBORw0KGgpldmls", "PHN2Zy8+", "!", "", large };
    struct forgery forgery = { NULL };
    struct party *anna, *jonas;
    struct lab lab;

    lab_two(&lab, 41, &anna, &jonas);
    jonas->spy = forge;
    jonas->spy_user = &forgery;
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 1000);
    check_row(strcmp(ask(&lab, jonas, ANNA), "") == 0 && strcmp(last(jonas, "avatar", "jid"), ANNA) == 0,
        "XEP-0084 §3.3: who has no picture shows none", "%s", last(jonas, "avatar", "image"));
    set(&lab, anna, PNG);
    check_row(strcmp(last(anna, "result", "cmd"), "avatar_set") == 0,
        "XEP-0084 §3.1, §3.2: a picture is shown to others", "%s", last(anna, "error", "detail"));
    check_row(ks_str_find(ks_buf_str(&anna->sent), KS_STR("<publish node='urn:xmpp:avatar:data'"))
            < ks_str_find(ks_buf_str(&anna->sent), KS_STR("<publish node='urn:xmpp:avatar:metadata'")),
        "XEP-0084 §3.1: the data before its announcement", "after it");
    check_row(strcmp(ask(&lab, jonas, ANNA), PNG) == 0 && strcmp(last(jonas, "avatar", "type"), "image/png") == 0
            && strlen(last(jonas, "avatar", "avatar")) == 40,
        "XEP-0084 §3.4: somebody else gets it when he asks", "%s", last(jonas, "avatar", "image"));
    check_row(strcmp(ask(&lab, anna, ANNA), PNG) == 0, "and its owner", "%s", last(anna, "avatar", "image"));
    memset(large, 'A', sizeof(large) - 4);
    memcpy(large, "iVBORw0KGgph", 12);
    for (size_t i = 0; i < KS_COUNT(forged); i++) {
        forgery.data = forged[i];
        check_row(strcmp(ask(&lab, jonas, ANNA), "") == 0,
            "XEP-0084 §3.4: another picture than was announced, none, or one that is too long is not shown", "row %zu",
            i);
    }
    forgery.data = NULL;
    check_row(strcmp(ask(&lab, jonas, ANNA), PNG) == 0, "(positive control: the true one is)", "it is not");
    set(&lab, anna, "R0lGODlh");
    check_row(strcmp(last(anna, "error", "code"), "picture.none") == 0, "of the formats that are taken", "%s",
        last(anna, "error", "code"));
    large[80000] = 0;
    set(&lab, anna, large);
    set(&lab, anna, "!!!!");
    check_row(party_count(anna, "error", 0) == 2, "what is no base64 is refused, and 60000 bytes are not", "%zu errors",
        party_count(anna, "error", 0));
    lab_end(&lab);
}

static void do_later(struct lab *lab, struct party *party, const char *json)
{
    konsil_command(
        party->engine, json, strlen(json), (struct konsil_now) { lab->host->now.mono_ms, lab->host->now.wall_ms });
    lab_run(lab, 1000);
}

static size_t kept(struct party *party)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"bookmarks\"}");

    return json_array_size(json_object_get(event, "bookmarks"));
}

static void test_rooms(void)
{
    struct party *anna, *jonas, *tablet;
    struct lab lab;
    size_t mark;

    lab_two(&lab, 42, &anna, &jonas);
    tablet = lab_party(&lab, ANNA, "a-password");
    party_connect(anna);
    party_connect(tablet);
    lab_run(&lab, 1000);
    check_row(kept(anna) == 0, "XEP-0402 §3.2: at first no rooms are kept", "%zu", kept(anna));
    do_later(&lab, anna,
        "{\"id\":\"b\",\"cmd\":\"bookmark_set\",\"room\":\"r-a@rooms.klinik.example\",\"nick\":\"anna\",\"autojoin\":"
        "true}");
    check_row(strcmp(last(anna, "result", "cmd"), "bookmark_set") == 0 && kept(anna) == 1 && kept(tablet) == 1,
        "XEP-0402 §3.3, §4: one is kept, and all devices are told", "%zu, %s", kept(tablet),
        last(anna, "error", "detail"));
    do_later(&lab, anna,
        "{\"id\":\"b\",\"cmd\":\"bookmark_set\",\"room\":\"r-a@rooms.klinik.example\",\"name\":\"Herr Maier\"}");
    check_row(strcmp(last(anna, "error", "code"), "server.refused") == 0,
        "PROTOCOL §3.1: words are refused in a protected domain", "%s", last(anna, "error", "code"));
    mark = party_mark(tablet);
    do_later(&lab, tablet,
        "{\"id\":\"b\",\"cmd\":\"bookmark_set\",\"room\":\"r-a@rooms.klinik.example\",\"nick\":\"anna\"}");
    check_row(!json_is_true(json_object_get(
                  json_object_get(party_event(anna, "bookmark", 0, party_count(anna, "bookmark", 0) - 1), "bookmark"),
                  "autojoin"))
            && party_count(tablet, "bookmark", mark) == 1,
        "XEP-0402 §3.4: a change of one device is told to the others", "it is not");
    party_do(tablet, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    do_later(&lab, anna, "{\"id\":\"b\",\"cmd\":\"bookmark_remove\",\"room\":\"r-a@rooms.klinik.example\"}");
    check_row(kept(anna) == 0 && kept(tablet) == 1, "XEP-0402 §3.5: one is kept no longer", "%zu", kept(anna));
    do_later(&lab, anna, "{\"id\":\"b\",\"cmd\":\"bookmark_set\",\"room\":\"r-b@rooms.klinik.example\"}");
    party_restart(tablet);
    lab_run(&lab, 1000);
    check_row(kept(tablet) == 1 && party_count(tablet, "bookmark", 0) >= 4,
        "XEP-0402 §3.2: who was away learns at login what is new and what is gone", "%zu kept", kept(tablet));
    do_later(&lab, jonas, "{\"id\":\"b\",\"cmd\":\"bookmark_remove\",\"room\":\"r-a@rooms.klinik.example\"}");
    check_row(strcmp(last(jonas, "error", "code"), "account.none") == 0, "without an account nothing is kept", "%s",
        last(jonas, "error", "code"));
    lab_end(&lab);
}

/* Another program keeps something with a room that we know nothing of. */
static bool add_extension(struct party *party, struct ks_str *stanza, void *user)
{
    size_t at = ks_str_find(*stanza, KS_STR("<conference xmlns='urn:xmpp:bookmarks:1'"));
    struct ks_str rest = ks_str_from(*stanza, at), joined;

    (void)user;
    if (at == stanza->len)
        return true;
    rest = ks_str_from(rest, ks_str_find(rest, KS_STR("/>")));
    if (rest.len > 0
        && ks_arena_join(&party->lab->kept,
               (struct ks_str[]) { ks_str_head(*stanza, stanza->len - rest.len),
                   KS_STR("><extensions><pinned xmlns='urn:xmpp:bookmarks-pinning:0'/></extensions></conference>"),
                   ks_str_from(rest, 2) },
               3, &joined)
            == KS_OK)
        *stanza = joined;
    return true;
}

static void test_extensions(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    size_t mark;

    lab_two(&lab, 43, &anna, &jonas);
    anna->spy = add_extension;
    party_connect(anna);
    lab_run(&lab, 1000);
    do_later(&lab, anna, "{\"id\":\"b\",\"cmd\":\"bookmark_set\",\"room\":\"r-a@rooms.klinik.example\"}");
    mark = anna->sent.len;
    do_later(
        &lab, anna, "{\"id\":\"b\",\"cmd\":\"bookmark_set\",\"room\":\"r-a@rooms.klinik.example\",\"autojoin\":true}");
    struct ks_str said = ks_str_from(ks_buf_str(&anna->sent), mark);
    check_row(ks_str_find(said, KS_STR("<pinned xmlns='urn:xmpp:bookmarks-pinning:0'/>")) < said.len,
        "XEP-0402 §2: \"Clients MUST preserve these (particularly preserving unknown elements) when editing items\"",
        "they are lost");
    lab_end(&lab);
}

int main(void)
{
    test_formats();
    test_pictures();
    test_rooms();
    test_extensions();
    return check_done();
}
