/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The engine over a WebSocket (RFC 7395), as a browser gives it one: a login, messages both ways, resumption, and what
 * a server may do wrong there. Where the WebSocket is: XEP-0156. */
#include "alt_connection.h"
#include "check.h"
#include "party.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"

static bool sent(const struct party *party, size_t from, const char *text)
{
    struct ks_str said = ks_str_from(ks_buf_str(&party->sent), from);

    return ks_str_find(said, ks_str_z(text)) < said.len;
}

/* Each line that was sent is a message. */
static size_t lines_with(const struct party *party, size_t from, const char *begin)
{
    struct ks_str said = ks_str_from(ks_buf_str(&party->sent), from), line;
    size_t count = 0;

    while (ks_str_cut(&said, '\n', &line))
        count += ks_str_starts(line, ks_str_z(begin));
    return count;
}

static const char *reason(const struct party *party, size_t from)
{
    json_t *last = NULL, *event;

    for (size_t n = 0; (event = party_event(party, "connection", from, n)); n++)
        if (*text_of(event, "reason"))
            last = event;
    return last ? text_of(last, "reason") : "";
}

static void test_life(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    size_t said, told;

    lab_two(&lab, 51, &anna, &jonas);
    anna->websocket = true;
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 5000);
    check_row(ks_str_starts(ks_buf_str(&anna->sent),
                  KS_STR("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0' to='klinik.example'"))
            && !sent(anna, 0, "<stream:stream") && !sent(anna, 0, "<?xml"),
        "RFC 7395 §3.4: a stream is opened by <open/>", "%.*s", KS_STR_FMT(ks_str_head(ks_buf_str(&anna->sent), 200)));
    check_row(party_count(anna, "ready", 0) == 1, "RFC 7395: the engine logs in over messages", "%s", reason(anna, 0));
    check_row(sent(anna, 0, "mechanism='SCRAM-SHA-256'"),
        "RFC 5802 §6: without a binding, which a browser does not tell, by SCRAM all the same", "it does not");
    party_send(anna, JONAS, "hin");
    lab_run(&lab, 5000);
    party_send(jonas, ANNA, "her");
    lab_run(&lab, 5000);
    check_row(strcmp(party_history(jonas, ANNA), "hin,her") == 0 && strcmp(party_history(anna, JONAS), "hin,her") == 0,
        "messages go both ways, end-to-end encrypted", "%s; %s", party_history(jonas, ANNA),
        party_history(anna, JONAS));
    check_row(lines_with(anna, 0, "<iq xmlns='jabber:client' ") > 0
            && lines_with(anna, 0, "<message xmlns='jabber:client' ") > 0
            && lines_with(anna, 0, "<iq ") == lines_with(anna, 0, "<iq xmlns='jabber:client' "),
        "RFC 7395 §3.3.2: each stanza says its namespace", "it does not");

    said = anna->sent.len, told = party_mark(anna);
    party_cut(anna);
    party_send(jonas, ANNA, "unterwegs");
    lab_run(&lab, 90000);
    check_row(sent(anna, said, "<resume ") && party_count(anna, "ready", told) == 1
            && strcmp(party_history(anna, JONAS), "hin,her,unterwegs") == 0,
        "XEP-0198 §5: cut off, it resumes over a new one, and nothing is lost", "%s", party_history(anna, JONAS));

    said = anna->sent.len;
    lab_run(&lab, 600000);
    check_row(anna->sent.len > said && lines_with(anna, said, "<r xmlns='urn:xmpp:sm:3'/>") > 0
            && lines_with(anna, said, " ") == 0,
        "RFC 7395 §3.8: silence is broken by a question, and never by white space", "%.*s",
        KS_STR_FMT(ks_str_from(ks_buf_str(&anna->sent), said)));

    party_do(anna, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    lab_run(&lab, 1000);
    check_row(
        sent(anna, said, "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>") && !sent(anna, 0, "</stream:stream>"),
        "RFC 7395 §3.6: it goes with <close/>", "it does not");
    lab_end(&lab);
}

struct instead {
    const char *of, *text; /* the first message that has `of` in it comes as text */
    bool done;
};

static bool replace(struct party *party, struct ks_str *message, void *user)
{
    struct instead *instead = user;

    (void)party;
    if (!instead->done && ks_str_find(*message, ks_str_z(instead->of)) < message->len) {
        instead->done = true;
        *message = ks_str_z(instead->text);
    }
    return true;
}

#define FRAMING "xmlns='urn:ietf:params:xml:ns:xmpp-framing'"
#define FEATURES "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"

static void test_hostile(void)
{
    static const struct {
        const char *name, *of, *text, *error; /* what the engine says of it */
    } rows[] = {
        { "RFC 7395 §3.3: a stream's header is no message", "<open ",
            "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", "<not-well-formed " },
        { "RFC 7395 §3.3: nor are two elements", "<open ", "<open " FRAMING " version='1.0'/><a xmlns='b'/>",
            "<not-well-formed " },
        { "RFC 7395 §3.3: nor half of one", "<open ", "<open " FRAMING, "<not-well-formed " },
        { "RFC 7395 §3.4: nothing comes in front of <open/>", "<open ", FEATURES "</stream:features>", "<bad-format " },
        { "RFC 7395 §3.4: nor is there a second one", FEATURES, "<open " FRAMING " version='1.0'/>",
            "<unsupported-stanza-type " },
        { "RFC 6120 §4.7.5: another version is not ours", "<open ", "<open " FRAMING " version='2.0'/>",
            "<unsupported-version " },
        { "RFC 6120 §11.1: no document type comes in a message", "<open ", "<!DOCTYPE a><open/>", "<restricted-xml " },
        { "RFC 7395 §3.3.3: what says no namespace is nothing", FEATURES, "<features/>", NULL },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct instead instead = { rows[i].of, rows[i].text, false };
        struct party *anna, *jonas;
        struct lab lab;

        lab_two(&lab, 60 + i, &anna, &jonas);
        anna->websocket = true;
        anna->spy = replace;
        anna->spy_user = &instead;
        party_connect(anna);
        lab_run(&lab, 500);
        check_row(instead.done && party_count(anna, "ready", 0) == 0
                && strcmp(reason(anna, 0), "connection.protocol") == 0
                && (!rows[i].error || sent(anna, 0, rows[i].error)),
            rows[i].name, "%s", reason(anna, 0));
        lab_run(&lab, 90000);
        if (i == 0)
            check_row(party_count(anna, "ready", 0) == 1, "and the next try finds a server that keeps to it", "%s",
                reason(anna, 0));
        lab_end(&lab);
    }
}

static void test_elsewhere(void)
{
    static const struct {
        const char *name, *uri;
        bool taken;
    } rows[] = {
        { "RFC 7395 §3.6.1: the server sends it to another WebSocket of the domain", "wss://klinik.example:5443/ws",
            true },
        { "one of another domain is not gone to", "wss://boese.example/ws", false },
        { "nor one without TLS", "ws://klinik.example/ws", false },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        char text[200];
        struct instead instead = { FEATURES, text, false };
        struct party *anna, *jonas;
        struct lab lab;

        snprintf(text, sizeof text, "<close " FRAMING " see-other-uri='%s'/>", rows[i].uri);
        lab_two(&lab, 80 + i, &anna, &jonas);
        anna->websocket = true;
        anna->spy = replace;
        anna->spy_user = &instead;
        party_connect(anna);
        lab_run(&lab, 90000);
        check_row(instead.done && party_count(anna, "ready", 0) == 1
                && (rows[i].taken ? anna->url && strcmp(anna->url, rows[i].uri) == 0 : !anna->url),
            rows[i].name, "%s", anna->url ? anna->url : "(none)");
        lab_end(&lab);
    }
}

#define JSON(href)                                                                                       \
    "{\"links\":[{\"rel\":\"urn:xmpp:alt-connections:xbosh\",\"href\":\"https://klinik.example/bosh\"}," \
    "{\"rel\":\"urn:xmpp:alt-connections:websocket\",\"href\":\"" href "\"}]}"
#define XRD(href)                                                                                     \
    "<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>" \
    "<Link rel='urn:xmpp:alt-connections:websocket' href='" href "'/></XRD>\n"

static void test_host_meta(void)
{
    static const struct {
        const char *name, *file, *want;
    } rows[] = {
        { "XEP-0156 §3.2: host-meta.json names the WebSocket", JSON("wss://klinik.example/xmpp-websocket"),
            "wss://klinik.example/xmpp-websocket" },
        { "XEP-0156 §3.1: so does host-meta", XRD("wss://Klinik.example:5443/ws"), "wss://Klinik.example:5443/ws" },
        { "XEP-0156 §4.3: one without TLS is passed over", JSON("ws://klinik.example/ws"), NULL },
        { "one at another host is", JSON("wss://klinik.example.boese.example/ws"), NULL },
        { "one with a name before the host is", JSON("wss://klinik.example@boese.example/ws"), NULL },
        { "one with a line end is", JSON("wss://klinik.example/a\\r\\nHost: b"), NULL },
        { "one with port 0 is", JSON("wss://klinik.example:0/ws"), NULL },
        { "one with a fragment is", JSON("wss://klinik.example/#a"), NULL },
        { "no file names none", "", NULL },
        { "nor does a page", "<html></html>", NULL },
        { "nor a list", "[1]", NULL },
        { "nor links that are no list", "{\"links\":{}}", NULL },
        { "a link without an address is passed over", "{\"links\":[{\"rel\":\"urn:xmpp:alt-connections:websocket\"}]}",
            NULL },
    };
    static char big[KS_ALT_FILE_MAX + 2];
    char url[KONSIL_URL_MAX];

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        bool found = konsil_host_meta(rows[i].file, strlen(rows[i].file), "klinik.example", url, sizeof url);
        check_row(rows[i].want ? found && strcmp(url, rows[i].want) == 0 : !found, rows[i].name, "%s",
            found ? url : "(none)");
    }
    memset(big, ' ', sizeof big);
    memcpy(big, JSON("wss://klinik.example/ws"), strlen(JSON("wss://klinik.example/ws")));
    check_row(konsil_host_meta(big, KS_ALT_FILE_MAX, "klinik.example", url, sizeof url)
            && !konsil_host_meta(big, KS_ALT_FILE_MAX + 1, "klinik.example", url, sizeof url),
        "a file of more than 64 KiB is not read", "it is");
}

int main(void)
{
    test_life();
    test_hostile();
    test_elsewhere();
    test_host_meta();
    return check_done();
}
