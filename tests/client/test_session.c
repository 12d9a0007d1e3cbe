/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a session tells the server of itself, and keeps to: attention, limits, and how far was read. */
#include "chain.h"
#include "check.h"
#include "engine.h"
#include "party.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"
#define MARKS "urn:xmpp:mds:displayed:0"

static bool sent(const struct party *party, size_t from, const char *text)
{
    struct ks_str said = ks_str_from(ks_buf_str(&party->sent), from);

    return ks_str_find(said, ks_str_z(text)) < said.len;
}

static size_t times(const struct party *party, size_t from, const char *text)
{
    struct ks_str said = ks_str_from(ks_buf_str(&party->sent), from);
    size_t count = 0, at;

    while ((at = ks_str_find(said, ks_str_z(text))) < said.len) {
        said = ks_str_from(said, at + 1);
        count++;
    }
    return count;
}

/* --- XEP-0352 --- */

static void test_attention(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    size_t mark;

    lab_two(&lab, 21, &anna, &jonas);
    party_connect(anna);
    lab_run(&lab, 1000);
    check_row(
        !sent(anna, 0, "urn:xmpp:csi:0"), "XEP-0352 §4.2: a session begins as active, and says nothing", "it does");
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"attention\",\"active\":false}");
    lab_run(&lab, 1000);
    check_row(
        sent(anna, 0, "<inactive xmlns='urn:xmpp:csi:0'/>"), "XEP-0352 §4.2: nobody looks: the server is told", "no");
    mark = anna->sent.len;
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"attention\",\"active\":false}");
    lab_run(&lab, 1000);
    check_row(!sent(anna, mark, "csi"), "and once only", "twice");
    party_cut(anna);
    lab_run(&lab, 5000);
    check_row(sent(anna, mark, "<resume ") && times(anna, mark, "<inactive xmlns='urn:xmpp:csi:0'/>") == 1,
        "XEP-0352 §5.2: a resumed stream is active, so it is told again", "%zu times",
        times(anna, mark, "<inactive xmlns='urn:xmpp:csi:0'/>"));
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"attention\",\"active\":true}");
    lab_run(&lab, 1000);
    check_row(sent(anna, mark, "<active xmlns='urn:xmpp:csi:0'/>"), "XEP-0352 §4.2: somebody looks again", "not told");
    mark = anna->sent.len;
    party_cut(anna);
    lab_run(&lab, 5000);
    check_row(
        sent(anna, mark, "<resume ") && !sent(anna, mark, "csi"), "and after that nothing is to be told", "it is");
    lab_end(&lab);
}

static bool no_csi(struct party *party, struct ks_str *stanza, void *user)
{
    size_t at = ks_str_find(*stanza, KS_STR("<csi "));
    struct ks_str copy;

    (void)user;
    if (at < stanza->len && ks_arena_copy(&party->lab->kept, *stanza, &copy) == KS_OK) {
        memcpy((char *)(uintptr_t)copy.ptr + at, "<abc ", 5);
        *stanza = copy;
    }
    return true;
}

static void test_no_csi(void)
{
    struct party *anna, *jonas;
    struct lab lab;

    lab_two(&lab, 22, &anna, &jonas);
    anna->spy = no_csi;
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"attention\",\"active\":false}");
    party_connect(anna);
    lab_run(&lab, 1000);
    check_row(party_count(anna, "ready", 0) == 1 && !sent(anna, 0, "csi"),
        "XEP-0352 §4.1: a server that does not offer it is told nothing", "it is");
    lab_end(&lab);
}

/* --- PROTOCOL §11.7 --- */

#define SUBSCRIBE(host)                                                                                     \
    "{\"id\":\"s\",\"cmd\":\"push_subscribe\",\"endpoint\":\"https://" host "/fcm/send/a:b\",\"p256dh\":"   \
    "\"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4\",\"auth\":" \
    "\"BTBZMqHH6r4Tts7J_aSIgg\"}"

/* The answer to a command that the server answers. */
static json_t *ask(struct lab *lab, struct party *party, const char *event, const char *command)
{
    size_t before = party_mark(party);

    konsil_command(party->engine, command, strlen(command),
        (struct konsil_now) { lab->host->now.mono_ms, lab->host->now.wall_ms });
    lab_run(lab, 1000);
    return party_event(party, event, before, 0);
}

static void test_push(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    json_t *event;

    lab_two(&lab, 25, &anna, &jonas);
    party_connect(anna);
    lab_run(&lab, 1000);
    event = ask(&lab, anna, "push", "{\"id\":\"p\",\"cmd\":\"push\"}");
    check_row(strcmp(text_of(event, "re"), "p") == 0 && strlen(text_of(event, "key")) == 87
            && !json_object_get(event, "registered"),
        "PROTOCOL §11.7: the server's key is told, and that this device is not registered", "not");
    event = ask(&lab, anna, "result", SUBSCRIBE("fcm.googleapis.com"));
    check_row(strcmp(text_of(event, "re"), "s") == 0, "PROTOCOL §11.7: a browser's endpoint and keys are taken", "not");
    event = ask(&lab, anna, "push", "{\"cmd\":\"push\"}");
    check_row(json_is_true(json_object_get(event, "registered")) && !json_object_get(event, "re"),
        "PROTOCOL §11.7: and then the device is registered", "not");
    event = ask(&lab, anna, "error", SUBSCRIBE("intranet.klinik.example"));
    check_row(
        strcmp(text_of(event, "code"), "server.refused") == 0 && strcmp(text_of(event, "detail"), "not-allowed") == 0,
        "what the server refuses is told with its reason", "%s", text_of(event, "code"));
    event = ask(&lab, anna, "result", "{\"id\":\"u\",\"cmd\":\"push_unsubscribe\"}");
    check_row(strcmp(text_of(event, "re"), "u") == 0, "PROTOCOL §11.7: it is taken back", "not");
    event = ask(&lab, anna, "push", "{\"cmd\":\"push\"}");
    check_row(
        event && !json_object_get(event, "registered"), "PROTOCOL §11.7: and is not registered any more", "it is");
    ask(&lab, anna, "result", "{\"cmd\":\"disconnect\"}");
    event = ask(&lab, anna, "error", "{\"id\":\"o\",\"cmd\":\"push\"}");
    check_row(strcmp(text_of(event, "code"), "connection.needed") == 0, "offline nobody knows it", "%s",
        text_of(event, "code"));
    lab_end(&lab);
}

/* --- XEP-0357 --- */

static void test_push_service(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    json_t *event;
    size_t mark;

    lab_two(&lab, 26, &anna, &jonas);
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 1000);
    mark = anna->sent.len;
    event = ask(&lab, anna, "result",
        "{\"id\":\"s\",\"cmd\":\"push_service_set\",\"service\":\"dienst@klinik.example/Wecker\",\"node\":\"n1\","
        "\"secret\":\"geheim\"}");
    check_row(strcmp(text_of(event, "re"), "s") == 0
            && sent(anna, mark, "<enable xmlns='urn:xmpp:push:0' jid='dienst@klinik.example/Wecker' node='n1'>")
            && sent(anna, mark, "<field var='secret'><value>geheim</value></field>"),
        "XEP-0357 §5: a service is enabled, with a node and what it wants to see", "not");
    event = ask(&lab, anna, "result", "{\"cmd\":\"push_service_set\",\"service\":\"klinik.example\"}");
    check_row(event && sent(anna, mark, "<enable xmlns='urn:xmpp:push:0' jid='klinik.example'/>"),
        "XEP-0357 §5: it may be a server, and have no node", "not");
    event = ask(&lab, anna, "error", "{\"cmd\":\"push_service_set\",\"service\":\"push.fremd.example\"}");
    check_row(strcmp(text_of(event, "code"), "server.refused") == 0
            && strcmp(text_of(event, "detail"), "remote-server-not-found") == 0,
        "PROTOCOL §11.7: one that is not on this server is refused, and that is told", "%s", text_of(event, "detail"));
    mark = anna->sent.len;
    event = ask(&lab, anna, "error", "{\"cmd\":\"push_service_set\",\"service\":\"a@b@c\"}");
    check_row(strcmp(text_of(event, "code"), "command.member_wrong") == 0 && !sent(anna, mark, "<enable"),
        "what is no address is not asked for", "%s", text_of(event, "code"));
    event = ask(&lab, anna, "result",
        "{\"id\":\"r\",\"cmd\":\"push_service_remove\",\"service\":\"dienst@klinik.example/Wecker\",\"node\":\"n1\"}");
    check_row(strcmp(text_of(event, "re"), "r") == 0
            && sent(anna, mark, "<disable xmlns='urn:xmpp:push:0' jid='dienst@klinik.example/Wecker' node='n1'/>"),
        "XEP-0357 §6: it is disabled", "not");
    ask(&lab, anna, "result", "{\"cmd\":\"disconnect\"}");
    event = ask(&lab, anna, "error", "{\"cmd\":\"push_service_remove\",\"service\":\"klinik.example\"}");
    check_row(strcmp(text_of(event, "code"), "connection.needed") == 0, "both need a connection", "%s",
        text_of(event, "code"));
    lab_end(&lab);
}

/* --- XEP-0478 --- */

struct limits {
    const char *text; /* in place of what the server says */
};

static bool other_limits(struct party *party, struct ks_str *stanza, void *user)
{
    const struct limits *limits = user;
    size_t at = ks_str_find(*stanza, KS_STR("<limits ")), end = ks_str_find(*stanza, KS_STR("</limits>"));
    struct ks_str joined;

    if (at < stanza->len && end < stanza->len && at < end
        && ks_arena_join(&party->lab->kept,
               (struct ks_str[]) { ks_str_head(*stanza, at), KS_STR("<limits xmlns='urn:xmpp:stream-limits:0'>"),
                   ks_str_z(limits->text), ks_str_from(*stanza, end) },
               4, &joined)
            == KS_OK)
        *stanza = joined;
    return true;
}

static const char *last_state(const struct party *party)
{
    size_t count = party_count(party, "message_state", 0);

    return count > 0 ? text_of(party_event(party, "message_state", 0, count - 1), "state") : "none";
}

static const char *last_reason(const struct party *party)
{
    size_t count = party_count(party, "message_state", 0);
    json_t *event = count > 0 ? party_event(party, "message_state", 0, count - 1) : NULL;

    return text_of(json_array_get(json_object_get(event, "recipients"), 0), "reason");
}

static void test_limits(void)
{
    struct limits limits = { "<max-bytes>12000</max-bytes>" };
    struct party *anna, *jonas;
    struct lab lab;
    char text[16001];
    size_t mark;

    lab_two(&lab, 23, &anna, &jonas);
    anna->spy = other_limits;
    anna->spy_user = &limits;
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 1000);
    (void)party_send(anna, JONAS, "1");
    lab_run(&lab, 1000);
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    mark = anna->sent.len;
    (void)party_send(anna, JONAS, text);
    lab_run(&lab, 1000);
    check_row(strcmp(last_state(anna), "failed") == 0 && strcmp(last_reason(anna), "message.too_big") == 0,
        "XEP-0478 §3.3: what the server would not take is not sent, and its author is told why", "%s %s",
        last_state(anna), last_reason(anna));
    check_row(!sent(anna, mark, "<message"), "XEP-0478 §3.3: and nothing of it leaves", "it does");
    (void)party_send(anna, JONAS, "2");
    lab_run(&lab, 15000);
    check_row(strcmp(party_history(jonas, ANNA), "1,2") == 0 && party_count(jonas, "gap", 0) == 0,
        "and its number was taken back: the next message leaves no gap", "%s", party_history(jonas, ANNA));
    limits.text = "<max-bytes>400000</max-bytes>";
    party_restart(anna);
    lab_run(&lab, 1000);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"retry\"}");
    lab_run(&lab, 2000);
    check_row(strlen(party_history(jonas, ANNA)) == 4 + sizeof(text) - 1, "a server that takes more gets it by 'retry'",
        "%zu", strlen(party_history(jonas, ANNA)));
    lab_end(&lab);
}

static void test_nonsense_limits(void)
{
    static const char *const rows[] = { "<max-bytes>5</max-bytes>",
        "<max-bytes>-1</max-bytes><idle-seconds>0</idle-seconds>",
        "<max-bytes>99999999999999999999</max-bytes><idle-seconds>x</idle-seconds>", "<max-bytes/><idle-seconds/>" };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct limits limits = { rows[i] };
        struct party *anna, *jonas;
        struct lab lab;

        lab_two(&lab, 24, &anna, &jonas);
        anna->spy = other_limits;
        anna->spy_user = &limits;
        party_connect(anna);
        party_connect(jonas);
        lab_run(&lab, 1000);
        (void)party_send(anna, JONAS, "1");
        lab_run(&lab, 1000);
        check_row(strcmp(party_history(jonas, ANNA), "1") == 0,
            "XEP-0478 §3.1: a limit that is none, or below RFC 6120 §13.12, was not said", "%s", rows[i]);
        lab_end(&lab);
    }
}

static void test_idle(void)
{
    struct limits limits = { "<idle-seconds>40</idle-seconds>" };
    struct party *anna, *jonas;
    struct lab lab;
    size_t mark;

    lab_two(&lab, 25, &anna, &jonas);
    anna->spy = other_limits;
    anna->spy_user = &limits;
    party_connect(anna);
    lab_run(&lab, 20000);
    mark = anna->sent.len;
    lab_run(&lab, 40000);
    check_row(anna->sent.len > mark, "XEP-0478 §3.1: something is said within idle-seconds", "silence");
    mark = anna->sent.len;
    lab_run(&lab, 110000);
    check_row(anna->sent.len - mark >= 2 && anna->sent.len - mark < 200,
        "and no more than that: the server is asked for an answer as seldom as before", "%zu bytes",
        anna->sent.len - mark);
    check_row(party_count(anna, "ready", 0) == 1, "the session stays", "%zu", party_count(anna, "ready", 0));
    lab_end(&lab);
}

/* --- XEP-0490 --- */

static int64_t unread(struct party *party, const char *with)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"conversations\"}"), *conversation;
    size_t i;

    json_array_foreach(json_object_get(event, "conversations"), i, conversation)
    {
        if (strcmp(text_of(conversation, "with"), with) == 0)
            return json_integer_value(json_object_get(conversation, "unread"));
    }
    return -1;
}

static void mark_read(struct party *party)
{
    party_do(party, "{\"id\":\"x\",\"cmd\":\"mark_read\",\"conversation\":\"" JONAS "\"}");
}

/* Receipts inside envelopes say the same to our own devices: here they are lost on their way. */
static bool no_receipts(struct party *party, struct ks_str *stanza, void *user)
{
    (void)party;
    (void)user;
    return ks_str_find(*stanza, KS_STR("<sent xmlns='urn:xmpp:carbons:2'")) == stanza->len
        && (ks_str_find(*stanza, KS_STR("level='none'")) == stanza->len
            || ks_str_find(*stanza, KS_STR("from='" ANNA)) == stanza->len);
}

static void test_marks(void)
{
    struct party *anna, *jonas, *tablet;
    struct lab lab;
    size_t mark;

    lab_two(&lab, 26, &anna, &jonas);
    tablet = lab_party(&lab, ANNA, "a-password");
    tablet->spy = no_receipts;
    party_connect(anna);
    lab_run(&lab, 1000);
    party_connect(tablet);
    party_connect(jonas);
    lab_run(&lab, 2000);
    (void)party_send(jonas, ANNA, "CANARY-1");
    lab_run(&lab, 1000);
    (void)party_send(jonas, ANNA, "CANARY-2");
    lab_run(&lab, 15000);
    check_row(unread(tablet, JONAS) == 2 && unread(anna, JONAS) == 2, "two messages are unread on both devices", "%d",
        (int)unread(tablet, JONAS));
    check_row(!sent(anna, 0, "<publish node='" MARKS "'>"), "XEP-0490 §5.1: what comes marks nothing", "it does");
    mark = anna->sent.len;
    mark_read(anna);
    lab_run(&lab, 1000);
    check_row(times(anna, mark, "<publish node='" MARKS "'><item id='" JONAS "'>") == 1,
        "XEP-0490 §4.2: what was read is marked in the account's node", "%zu times",
        times(anna, mark, "<publish node='" MARKS "'>"));
    check_row(sent(anna, mark, "by='" ANNA "'") && sent(anna, mark, "<value>whitelist</value>")
            && sent(anna, mark, "<value>max</value>") && sent(anna, mark, "<value>never</value>"),
        "XEP-0490 §4.2: by the server's id of the message, in a node for nobody else", "not so");
    check_row(!sent(anna, 0, "CANARY"), "DESIGN §4: and no word is in it", "there is");
    check_row(unread(tablet, JONAS) == 0 && party_count(tablet, "read", 0) == 1,
        "XEP-0490 §4.3: another device is told, and it is read there", "%d unread", (int)unread(tablet, JONAS));
    check_row(!sent(tablet, 0, "<publish node='" MARKS "'>"), "and says nothing of it itself", "it does");
    mark = anna->sent.len;
    mark_read(anna);
    lab_run(&lab, 1000);
    check_row(!sent(anna, mark, MARKS), "what is marked already is not marked again", "it is");
    lab_end(&lab);
}

static void test_marks_at_start(void)
{
    struct party *anna, *jonas, *tablet;
    struct lab lab;
    size_t mark;

    lab_two(&lab, 27, &anna, &jonas);
    tablet = lab_party(&lab, ANNA, "a-password");
    tablet->spy = no_receipts;
    party_connect(anna);
    lab_run(&lab, 1000);
    party_connect(tablet);
    party_connect(jonas);
    lab_run(&lab, 2000);
    (void)party_send(jonas, ANNA, "1");
    lab_run(&lab, 1000);
    party_do(tablet, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    (void)party_send(jonas, ANNA, "2");
    lab_run(&lab, 1000);
    mark_read(anna);
    lab_run(&lab, 1000);
    party_restart(tablet);
    lab_run(&lab, 15000);
    check_row(unread(tablet, JONAS) == 0, "XEP-0490 §4.3.1: marks are fetched at login, and wait for their messages",
        "%d unread", (int)unread(tablet, JONAS));
    /* Read while there is no connection: told when there is one. */
    (void)party_send(jonas, ANNA, "3");
    lab_run(&lab, 1000);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    lab_run(&lab, 1000);
    mark_read(anna);
    mark = anna->sent.len;
    party_crash(anna);
    lab_run(&lab, 15000);
    check_row(times(anna, mark, "<publish node='" MARKS "'>") == 1 && unread(tablet, JONAS) == 0,
        "what was read without a connection is durable, and marked after the next login", "%zu times",
        times(anna, mark, "<publish node='" MARKS "'>"));
    lab_end(&lab);
}

/* Gives an older mark of our own server in place of the newer one. */
struct back {
    struct ks_str first;
    bool armed;
};

static bool keep_event(struct party *party, struct ks_str *stanza, void *user)
{
    struct back *back = user;

    if (!no_receipts(party, stanza, NULL))
        return false;
    if (ks_str_find(*stanza, KS_STR("<items node='" MARKS "'>")) < stanza->len && !back->first.len)
        back->first = *stanza; /* lives as long as the lab */
    return true;
}

static void test_hostile_marks(void)
{
    static const char *const rows[] = {
        /* a stranger's, and one that says it is a server's */
        "<message type='headline' from='" JONAS
        "'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='" MARKS "'><item id='" JONAS
        "'><displayed xmlns='" MARKS "'><stanza-id xmlns='urn:xmpp:sid:0' by='" ANNA
        "' id='%s'/></displayed></item></items></event></message>",
        "<message type='headline' from='" ANNA
        "'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='" MARKS "'><item id='" JONAS
        "'><displayed xmlns='" MARKS "'><stanza-id xmlns='urn:xmpp:sid:0' by='" JONAS
        "' id='%s'/></displayed></item></items></event></message>",
        /* another conversation's; nobody's; without an id */
        "<message type='headline' from='" ANNA
        "'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='" MARKS
        "'><item id='eva@klinik.example'><displayed xmlns='" MARKS "'><stanza-id xmlns='urn:xmpp:sid:0' by='" ANNA
        "' id='%s'/></displayed></item><item id='@@'><displayed xmlns='" MARKS
        "'><stanza-id xmlns='urn:xmpp:sid:0' by='" ANNA "' id='%s'/></displayed></item><item id='" JONAS
        "'><displayed xmlns='" MARKS "'/></item></items></event></message>",
    };
    struct back back = { .armed = false };
    struct party *anna, *jonas, *tablet;
    struct konsil_now now;
    struct ks_str id;
    struct lab lab;
    char text[4096];
    size_t at;

    lab_two(&lab, 28, &anna, &jonas);
    tablet = lab_party(&lab, ANNA, "a-password");
    tablet->spy = keep_event;
    tablet->spy_user = &back;
    party_connect(anna);
    lab_run(&lab, 1000);
    party_connect(tablet);
    party_connect(jonas);
    lab_run(&lab, 2000);
    (void)party_send(jonas, ANNA, "1");
    lab_run(&lab, 1000);
    mark_read(anna);
    lab_run(&lab, 1000);
    (void)party_send(jonas, ANNA, "2");
    lab_run(&lab, 1000);
    mark_read(anna);
    lab_run(&lab, 1000);
    check_row(back.first.len > 0 && unread(tablet, JONAS) == 0, "(positive control: marks came)", "none");
    now = (struct konsil_now) { lab.host->now.mono_ms, lab.host->now.wall_ms };
    konsil_feed(tablet->engine, back.first.ptr, back.first.len, now);
    lab_run(&lab, 100);
    check_row(unread(tablet, JONAS) == 0, "XEP-0490 §5: an older mark is ignored: it never goes back", "%d unread",
        (int)unread(tablet, JONAS));
    (void)party_send(jonas, ANNA, "3");
    lab_run(&lab, 1000);
    at = ks_str_find(back.first, KS_STR("id='"));
    id = ks_str_from(back.first, ks_str_find(back.first, KS_STR("<stanza-id")));
    id = ks_str_head(ks_str_from(id, ks_str_find(id, KS_STR(" id='")) + 5), 32);
    check_row(at < back.first.len && id.len == 32, "(an id to forge with)", "none");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char z[33];

        memcpy(z, id.ptr, 32);
        z[32] = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof(text), rows[i], z, z);
#pragma GCC diagnostic pop
        now = (struct konsil_now) { lab.host->now.mono_ms, lab.host->now.wall_ms };
        konsil_feed(tablet->engine, text, strlen(text), now);
        lab_run(&lab, 100);
        check_row(unread(tablet, JONAS) == 1 && party_count(tablet, "warning", 0) == 0,
            "XEP-0490 §5: a mark of somebody else, by somebody else, of no message or of no conversation marks nothing",
            "row %zu", i);
    }
    lab_end(&lab);
}

#define DEVICES 24
#define FAR UINT64_C(1000000000000)

static enum ks_err owe_step(struct konsil *k, void *arg)
{
    enum ks_err err = KS_OK;

    (void)arg;
    for (uint32_t i = 1; i <= DEVICES && err == KS_OK; i++) {
        struct ks_chain chain = { .conversation = KS_STR(ANNA),
            .author = KS_STR(ANNA),
            .device = i,
            .epoch = 5,
            .base = FAR,
            .top = FAR + 200,
            .gap_count = KS_CHAIN_GAPS_MAX };
        struct ks_number number = { .order = 0 };

        for (size_t j = 0; j < chain.gap_count; j++)
            chain.gaps[j] = (struct ks_range) { FAR + 2 + 3 * j, FAR + 3 + 3 * j };
        if ((err = ks_chain_put(k, &chain)) == KS_OK)
            err = ks_number_put(k, &chain, chain.top, &number);
    }
    return err;
}

static enum ks_err owed_step(struct konsil *k, void *arg)
{
    size_t *owed = arg;
    enum ks_err err = KS_OK;

    *owed = 0;
    for (uint32_t i = 1; i <= DEVICES && err == KS_OK; i++) {
        struct ks_chain chain;

        err = ks_chain_get(k, KS_STR(ANNA), KS_STR(ANNA), i, 5, &chain);
        *owed += chain.stored < FAR + 200;
    }
    return err;
}

/* Of many devices much is missing, and the server takes little at once. */
static void test_long_receipts(void)
{
    struct limits limits = { "<max-bytes>16000</max-bytes>" };
    struct party *anna, *jonas;
    struct lab lab;
    size_t owed;

    lab_two(&lab, 29, &anna, &jonas);
    jonas->spy = other_limits;
    jonas->spy_user = &limits;
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 1000);
    if (!ks_step(jonas->engine, owe_step, NULL) || !ks_step(jonas->engine, owed_step, &owed))
        abort();
    check_row(owed == DEVICES, "(receipts for many devices are owed)", "%zu", owed);
    (void)party_send(anna, JONAS, "1");
    lab_run(&lab, 400000);
    if (!ks_step(jonas->engine, owed_step, &owed))
        abort();
    check_row(owed == 0, "PROTOCOL §7.1: what is too long for one receipt goes in several", "%zu of %d are owed", owed,
        DEVICES);
    lab_end(&lab);
}

int main(void)
{
    test_attention();
    test_no_csi();
    test_push();
    test_push_service();
    test_limits();
    test_nonsense_limits();
    test_long_receipts();
    test_idle();
    test_marks();
    test_marks_at_start();
    test_hostile_marks();
    return check_done();
}
