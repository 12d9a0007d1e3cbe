/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a server lets people do and says of itself: tasks with forms, contact addresses, data policy, outages, servers
 * for calls. And what becomes of it when the server is hostile. */
#include "check.h"
#include "config.h"
#include "external_services.h"
#include "form_client.h"
#include "outage.h"
#include "party.h"

#define DOMAIN "klinik.example"
#define ADMIN "http://jabber.org/protocol/admin#"
#define ADD ADMIN "add-user"

static size_t domain_index(const struct ks_config *config)
{
    size_t i = 0;

    while (!ks_str_is(ks_config_domain_at(config, i)->name, DOMAIN))
        i++;
    return i;
}

static void set_number(struct lab *lab, const char *name, int64_t value)
{
    const struct ks_domain *domain = ks_config_domain_at(lab->config, domain_index(lab->config));

    if (ks_config_set_number(lab->config, domain, ks_str_z(name), value) != KS_OK) {
        printf("Bail out! no option %s\n", name);
        exit(1);
    }
}

/* One command, and what comes of it within a second: the event that answers it, or NULL. */
static json_t *ask(struct party *party, const char *json)
{
    size_t mark = party_mark(party);

    konsil_command(party->engine, json, strlen(json),
        (struct konsil_now) { party->lab->host->now.mono_ms, party->lab->host->now.wall_ms });
    lab_run(party->lab, 1000);
    for (size_t i = mark; i < party_mark(party); i++) {
        json_t *event = json_array_get(party->events, i);

        if (strcmp(text_of(event, "re"), "r") == 0)
            return event;
    }
    return NULL;
}

/* As one line; good until the next call. */
static const char *dump(const json_t *event)
{
    static char line[65536];
    size_t len = json_dumpb(event, line, sizeof line - 1, JSON_COMPACT);

    line[len < sizeof line ? len : 0] = 0;
    return line;
}

/* What stands first of a field of the form in a `task` event. */
static const json_t *field(const json_t *task, const char *var)
{
    json_t *at;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(task, "form"), "fields"), i,
        at) if (strcmp(text_of(at, "var"), var) == 0) return at;
    return NULL;
}

static bool is(const json_t *event, const char *member, const char *want)
{
    return strcmp(text_of(event, member), want) == 0;
}

/* --- a spy that replaces what stands between two marks of an answer --- */

struct forgery {
    const char *from, *to; /* in the stanza; "to" stays. NULL: nothing is forged */
    const char *text;
    size_t done;
};

static bool forge(struct party *party, struct ks_str *stanza, void *user)
{
    struct forgery *forgery = user;
    struct ks_str rest, joined;
    size_t at, end;

    if (!forgery->from || (at = ks_str_find(*stanza, ks_str_z(forgery->from))) == stanza->len)
        return true;
    rest = ks_str_from(*stanza, at + strlen(forgery->from));
    end = ks_str_find(rest, ks_str_z(forgery->to));
    if (ks_arena_join(&party->lab->kept,
            (struct ks_str[]) { ks_str_head(*stanza, at), ks_str_z(forgery->text), ks_str_from(rest, end) }, 3, &joined)
        != KS_OK)
        return true;
    *stanza = joined;
    forgery->done++;
    return true;
}

/* --- tasks --- */

static const char *session_of(const json_t *task)
{
    return text_of(task, "session");
}

static json_t *begin(struct party *party, const char *node)
{
    char text[512];

    snprintf(text, sizeof text, "{\"id\":\"r\",\"cmd\":\"task\",\"task\":\"%s\"}", node);
    return ask(party, text);
}

static json_t *go_on(struct party *party, const char *node, const char *session, const char *rest)
{
    char text[4096];

    snprintf(
        text, sizeof text, "{\"id\":\"r\",\"cmd\":\"task\",\"task\":\"%s\",\"session\":\"%s\"%s}", node, session, rest);
    return ask(party, text);
}

#define ANSWERS(password, again)                                                                             \
    ",\"answers\":[{\"var\":\"accountjid\",\"values\":[\"nora@klinik.example\"]},"                           \
    "{\"var\":\"password\",\"values\":[\"" password "\"]},{\"var\":\"password-verify\",\"values\":[\"" again \
    "\"]},{\"var\":\"given_name\",\"values\":[\"Nora\"]},{\"var\":\"surname\",\"values\":[\"Neu\"]}]"

static void test_tasks(struct lab *lab, struct party *anna, struct party *jonas)
{
    json_t *event = ask(anna, "{\"id\":\"r\",\"cmd\":\"tasks\"}"), *other;
    struct party *nora;

    check_row(is(event, "event", "tasks") && json_array_size(json_object_get(event, "tasks")) > 3
            && is(json_array_get(json_object_get(event, "tasks"), 0), "task", ADD)
            && is(json_array_get(json_object_get(event, "tasks"), 0), "name", "Add a User"),
        "XEP-0050 §2.2: what the server lets an administrator do is listed", "%s", dump(event));
    other = ask(jonas, "{\"id\":\"r\",\"cmd\":\"tasks\"}");
    check_row(is(other, "event", "tasks") && json_array_size(json_object_get(other, "tasks")) == 0,
        "XEP-0133 §6: and to nobody else", "%s", dump(other));
    other = begin(jonas, ADD);
    check_row(is(other, "code", "server.refused") && is(other, "detail", "forbidden"),
        "XEP-0133 §6: who is none is refused, and told so", "%s", dump(other));

    event = begin(anna, ADD);
    check_row(is(event, "event", "task") && is(event, "status", "executing") && *session_of(event)
            && is(json_object_get(event, "form"), "title", "Add a User") && is(event, "task", ADD)
            && strcmp(json_string_value(json_array_get(json_object_get(event, "actions"), 0)), "complete") == 0,
        "XEP-0050 §3.2: to begin one gives a form, and what may be done with it", "%s", dump(event));
    check_row(is(field(event, "password"), "type", "text-private")
            && json_is_true(json_object_get(field(event, "password"), "required"))
            && is(field(event, "accountjid"), "label", "The account"),
        "XEP-0133 §4.1: its questions have names, types, words, and must be answered", "%s", dump(event));
    other = go_on(anna, ADD, session_of(event), ANSWERS("ganz geheim", "ganz anders"));
    check_row(
        is(other, "status", "completed") && is(json_array_get(json_object_get(other, "notes"), 0), "kind", "error"),
        "XEP-0133 §4.1: two passwords that differ: the server's note says so", "%s", dump(other));
    other = go_on(anna, ADD, session_of(event), ANSWERS("ganz geheim", "ganz geheim"));
    check_row(is(other, "event", "error") && is(other, "code", "form.expired"),
        "XEP-0050 §4.4: a form is answered once", "%s", dump(other));
    event = begin(anna, ADD);
    other = go_on(anna, ADD, session_of(event), ",\"action\":\"cancel\"");
    check_row(is(other, "status", "canceled"), "XEP-0050 §3.5: a task is given up", "%s", dump(other));
    other = go_on(anna, ADD, session_of(event), ANSWERS("ganz geheim", "ganz geheim"));
    check_row(is(other, "code", "form.expired"), "XEP-0050 §3.5: and not gone on with", "%s", dump(other));
    event = begin(anna, ADD);
    other = go_on(anna, ADD, session_of(event), ",\"action\":\"next\"" ANSWERS("ganz geheim", "ganz geheim"));
    check_row(is(other, "code", "server.refused") && is(other, "detail", "bad-request"),
        "XEP-0050 §4.4: an action that is not offered is refused", "%s", dump(other));
    other = go_on(anna, ADD, session_of(event), ANSWERS("ganz geheim", "ganz geheim"));
    check_row(is(other, "status", "completed") && !json_object_get(other, "notes"),
        "XEP-0133 §4.1: an administrator adds a user from her client", "%s", dump(other));
    nora = lab_party(lab, "nora@klinik.example", "ganz geheim");
    party_connect(nora);
    lab_run(lab, 1000);
    check_row(party_count(nora, "ready", 0) == 1, "XEP-0133 §4.1: who logs in then", "%s",
        text_of(party_event(nora, "connection", 0, 0), "reason"));
    other = begin(anna, "nothing of the kind");
    check_row(is(other, "detail", "item-not-found"), "XEP-0050 §4.4: a task that there is not", "%s", dump(other));
    other = ask(anna, "{\"id\":\"r\",\"cmd\":\"tasks\",\"at\":\"@@\"}");
    check_row(is(other, "code", "command.member_wrong") && is(other, "detail", "at"),
        "a place that is no address is refused here", "%s", dump(other));
    other = ask(anna, "{\"id\":\"r\",\"cmd\":\"task\",\"task\":\"x\",\"answers\":[{\"var\":1,\"values\":[]}]}");
    check_row(is(other, "code", "command.member_wrong") && is(other, "detail", "answers"),
        "answers that are none are refused here", "%s", dump(other));
    other = ask(anna, "{\"id\":\"r\",\"cmd\":\"task\",\"task\":\"x\",\"answers\":[{\"var\":\"v\"}]}");
    check_row(is(other, "code", "command.member_wrong"), "and those that leave something out", "%s", dump(other));
}

/* A form in three steps, which the server does not have: a spy plays it. */
static void test_steps(struct party *anna, struct forgery *forgery)
{
    json_t *event;

    *forgery = (struct forgery) { "<actions", "<x xmlns='jabber:x:data'",
        "<actions execute='next'><prev/><next/><complete/></actions><note>first</note><note type='warn'>second</note>",
        0 };
    event = begin(anna, ADD);
    check_row(forgery->done == 1 && json_array_size(json_object_get(event, "actions")) == 3
            && strcmp(json_string_value(json_array_get(json_object_get(event, "actions"), 0)), "next") == 0
            && json_array_size(json_object_get(event, "notes")) == 2
            && is(json_array_get(json_object_get(event, "notes"), 1), "kind", "warn"),
        "XEP-0050 §3.4: several ways on, the usual one first; notes with their kinds", "%s", dump(event));
    *forgery = (struct forgery) { "status='executing'", ">",
        "status='completed'><x xmlns='jabber:x:data' type='result'><title>Who</title><reported><field var='n' "
        "label='Name'/><field var='d' label='Ward'/></reported><item><field var='n'><value>Anna</value></field><field "
        "var='d'><value>Innere</value></field></item><item><field var='n'><value>Jonas</value></field></item></x",
        0 };
    event = begin(anna, ADD);
    json_t *rows = json_object_get(json_object_get(event, "form"), "rows");
    check_row(is(event, "status", "completed") && json_array_size(rows) == 2
            && is(json_array_get(json_object_get(json_object_get(event, "form"), "fields"), 1), "label", "Ward"),
        "XEP-0004 §3.4: a result with several things is a table", "%s", dump(event));
    forgery->from = NULL;
}

/* What a hostile server answers; NULL in *code: nothing is told but the usual. */
static void test_hostile_forms(struct party *anna, struct forgery *forgery)
{
    static char fields[10000 * 40], values[20000], nested[4000];
    const struct {
        const char *name, *from, *to, *text, *code;
    } rows[] = {
        { "a form of 10,000 fields is not shown", "<field var='accountjid'", "</x>", fields, "form.too_big" },
        { "a field with 1,000 values is not shown", "<field var='accountjid'", "</x>", values, "form.too_big" },
        { "an answer about another task is none", "node='" ADD "'", " ", "node='" ADMIN "delete-user'",
            "form.unusable" },
        { "an answer of a status that there is not is none", "status='executing'", ">", "status='flying'",
            "form.unusable" },
        { "a form without a session is none", "sessionid='", "status", "", "form.unusable" },
        { "an answer without a command is none", "<command ", "</iq>", "<query xmlns='urn:x'/>", "form.unusable" },
        { "a field in a field is not looked for", "<field var='accountjid'", "</x>", nested, NULL },
        { "a field without a name is left out", "<field var='accountjid'", "</x>",
            "<field type='text-single'><value>x</value></field>", NULL },
    };
    char *at = fields;

    for (size_t i = 0; i < 10000; i++)
        at += sprintf(at, "<field var='f%zu'/>", i);
    at = values + sprintf(values, "<field var='accountjid'>");
    for (size_t i = 0; i < 1000; i++)
        at += sprintf(at, "<value>x</value>");
    sprintf(at, "</field>");
    at = nested;
    for (size_t i = 0; i < 60; i++)
        at += sprintf(at, "<field var='f'>");
    for (size_t i = 0; i < 60; i++)
        at += sprintf(at, "</field>");
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        json_t *event;

        *forgery = (struct forgery) { rows[i].from, rows[i].to, rows[i].text, 0 };
        event = begin(anna, ADD);
        check_row(forgery->done == 1
                && (rows[i].code ? is(event, "event", "error") && is(event, "code", rows[i].code)
                                 : is(event, "event", "task") && !field(event, "accountjid")),
            rows[i].name, "%s", dump(event));
    }
    *forgery = (struct forgery) { "from='klinik.example'", " ", "from='evil.example'", 0 };
    check_row(!begin(anna, ADD) && forgery->done == 1, "RFC 6120 §8.2.3: the answer of somebody else is none", "it is");
    forgery->from = NULL;
    lab_run(anna->lab, 61000);
    check_row(is(party_event(anna, "error", 0, party_count(anna, "error", 0) - 1), "detail", "no-answer"),
        "and in the end it is said that there is none", "it is not");
    check_row(is(begin(anna, ADD), "event", "task"), "(positive control: the true one is shown)", "it is not");
}

/* --- what the server says of itself --- */

static void test_info(struct lab *lab, struct party *anna, struct forgery *forgery)
{
    json_t *event = ask(anna, "{\"id\":\"r\",\"cmd\":\"server_info\"}"), *contacts, *policy;

    contacts = json_object_get(event, "contacts");
    policy = json_object_get(event, "policy");
    check_row(json_array_size(contacts) == 2 && is(json_array_get(contacts, 0), "what_for", "support")
            && strcmp(json_string_value(json_array_get(json_object_get(json_array_get(contacts, 0), "addresses"), 0)),
                   "tel:+49-7071-0")
                == 0,
        "XEP-0157 §3: whom to turn to", "%s", dump(event));
    check_row(is(policy, "passwords", "hidden") && json_is_true(json_object_get(policy, "encrypted"))
            && is(policy, "terms", "https://klinik.example/nutzung")
            && json_array_size(json_object_get(policy, "more")) > 5
            && json_integer_value(json_object_get(policy, "backup_keeps_hours")) == 48,
        "XEP-0504 §3: what becomes of data", "%s", dump(policy));
    check_row(json_integer_value(json_object_get(event, "asked")) > 0
            && json_array_size(json_object_get(event, "outage_addresses")) == 1,
        "XEP-0455 §4: where to look when nobody gets through", "%s", dump(event));
    *forgery = (struct forgery) { "<value>tel:+49-7071-0</value>", "</field>",
        "<value>javascript:alert(1)</value><value>file:///etc/passwd</value><value>mailto:it@klinik.example</value>",
        0 };
    event = ask(anna, "{\"id\":\"r\",\"cmd\":\"server_info\"}");
    contacts = json_object_get(json_array_get(json_object_get(event, "contacts"), 0), "addresses");
    check_row(forgery->done == 1 && json_array_size(contacts) == 1
            && strcmp(json_string_value(json_array_get(contacts, 0)), "mailto:it@klinik.example") == 0,
        "XEP-0157: addresses that a program should not open are not told", "%s", dump(event));
    *forgery = (struct forgery) { "<value>hidden</value>", "</field>",
        "<value>xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\u00e4</value>", 0 };
    event = ask(anna, "{\"id\":\"r\",\"cmd\":\"server_info\"}");
    check_row(forgery->done == 1 && strlen(text_of(json_object_get(event, "policy"), "passwords")) == 63,
        "XEP-0504 §3.1: a word of the server's that is too long is cut between two characters", "%s", dump(event));
    forgery->from = NULL;
    (void)ask(anna, "{\"id\":\"r\",\"cmd\":\"server_info\"}");
    anna->cut = true;
    party_cut(anna);
    event = ask(anna, "{\"id\":\"r\",\"cmd\":\"server_info\"}");
    check_row(json_array_size(json_object_get(event, "contacts")) == 2,
        "XEP-0157: without a connection it is what the server said last", "%s", dump(event));
    (void)lab;
}

static const char *outage_after(struct party *anna, const char *file)
{
    char text[1024], escaped[800];
    size_t mark = party_mark(anna), at = 0;
    json_t *event;

    for (const char *c = file; *c && at + 2 < sizeof escaped; c++) {
        if (*c == '"')
            escaped[at++] = '\\';
        escaped[at++] = *c;
    }
    escaped[at] = 0;
    snprintf(text, sizeof text, "{\"id\":\"r\",\"cmd\":\"outage_status\",\"text\":\"%s\"}", escaped);
    event = ask(anna, text);
    if (is(event, "event", "error"))
        return text_of(event, "code");
    event = party_event(anna, "outage", mark, 0);
    return event ? dump(event) : "nothing";
}

static void test_outage(struct lab *lab, struct party *anna)
{
    size_t mark = party_mark(anna);
    const char *seen;

    /* The connection is cut since test_info. */
    lab_run(lab, 60000);
    check_row(party_count(anna, "outage_ask", mark) + party_count(anna, "outage_ask", 0) >= 1
            && is(party_event(anna, "outage_ask", 0, 0), "url", "https://status.example/klinik.json"),
        "XEP-0455 §4: after some tries in vain the program is asked to look", "%zu",
        party_count(anna, "outage_ask", 0));
    lab_run(lab, 100000);
    check_row(party_count(anna, "outage_ask", 0) == 1, "and not with every try", "%zu times",
        party_count(anna, "outage_ask", 0));
    lab_run(lab, 300000);
    check_row(party_count(anna, "outage_ask", 0) == 2, "but again some minutes later", "%zu times",
        party_count(anna, "outage_ask", 0));
    seen = outage_after(anna,
        "{\"planned\":true,\"beginning\":\"2026-11-22T01:00:00Z\",\"expected_end\":\"2026-11-22T05:00:00Z\","
        "\"message\":"
        "{\"default\":\"Wartung\",\"en\":\"Maintenance\"},\"other\":[1]}");
    check_row(strcmp(seen,
                  "{\"event\":\"outage\",\"since\":1795309200000,\"until\":1795323600000,\"planned\":true,\"text\":"
                  "\"Wartung\",\"text_en\":\"Maintenance\"}")
            == 0,
        "XEP-0455 §3: an outage that is announced is told, with its words", "%s", seen);
    const char *bad[] = { "", "{", "[]", "{\"planned\":true}", "{\"beginning\":\"gestern\"}", "{\"beginning\":5}",
        "{\"beginning\":\"2026-11-22T01:00:00Z\",\"message\":\"x\"}",
        "{\"beginning\":\"2026-11-22T01:00:00Z\",\"planned\":1}", "{\"a\":1,\"a\":2}" };
    for (size_t i = 1; i < KS_COUNT(bad); i++)
        check_row(strcmp(outage_after(anna, bad[i]), "outage.unusable") == 0,
            "XEP-0455 §3: a file that is none is refused", "%s: %s", bad[i], outage_after(anna, bad[i]));
    check_row(strcmp(outage_after(anna, "{}"), "{\"event\":\"outage\"}") == 0
            && strcmp(outage_after(anna, "{}"), "nothing") == 0,
        "XEP-0455 §3: an empty object: it is over, and that is said once", "it is not");
    (void)outage_after(anna, "{\"beginning\":\"2026-11-22T01:00:00Z\"}");
    mark = party_mark(anna);
    anna->cut = false;
    lab_run(lab, 70000);
    check_row(party_count(anna, "ready", mark) == 1 && !json_object_get(party_event(anna, "outage", mark, 0), "since"),
        "XEP-0455 §4: a login ends it", "it does not");
}

/* --- servers for calls --- */

static const json_t *service(const json_t *event, size_t i)
{
    return json_array_get(json_object_get(event, "services"), i);
}

static void test_services(struct lab *lab, struct party *anna, struct forgery *forgery)
{
    json_t *event = ask(anna, "{\"id\":\"r\",\"cmd\":\"services\"}");
    char first[128];
    size_t mark;

    check_row(json_array_size(json_object_get(event, "services")) == 2 && is(service(event, 0), "type", "stun")
            && !json_object_get(service(event, 0), "password") && is(service(event, 1), "host", "relay.klinik.example")
            && *text_of(service(event, 1), "password")
            && json_integer_value(json_object_get(service(event, 1), "expires"))
                == lab->host->now.wall_ms / 1000 * 1000 + 3600000 - 1000,
        "XEP-0215 §3.1: servers for calls, with credentials and their end", "%s", dump(event));
    snprintf(first, sizeof first, "%s", text_of(service(event, 1), "username"));
    mark = party_mark(anna);
    lab_run(lab, 3290000);
    check_row(party_count(anna, "services", mark) == 0, "XEP-0215: they are good for some time", "asked again");
    lab_run(lab, 20000);
    event = party_event(anna, "services", mark, 0);
    check_row(event && !json_object_get(event, "re") && !is(service(event, 1), "username", first),
        "XEP-0215: minutes before they expire there are new ones, unasked", "%s", dump(event));
    *forgery = (struct forgery) { " username=", "/>", "", 0 };
    mark = party_mark(anna);
    event = ask(anna, "{\"id\":\"r\",\"cmd\":\"services\"}");
    check_row(forgery->done == 2 && !json_object_get(service(event, 1), "password"),
        "XEP-0215 §3.3: what is restricted and came without credentials gets them asked for", "%s, forged %zu",
        dump(event), forgery->done);
    *forgery = (struct forgery) { " password=", "/>", "", 0 };
    event = ask(anna, "{\"id\":\"r\",\"cmd\":\"services\"}");
    check_row(forgery->done == 2 && *text_of(service(event, 1), "username"),
        "XEP-0215 §3.3: so is what came with a name alone", "%s, forged %zu", dump(event), forgery->done);
    *forgery = (struct forgery) { "<iq ", "</iq>",
        "<iq type='set' id='p' from='klinik.example'><services xmlns='urn:xmpp:extdisco:2'>"
        "<service action='add' type='stun' host='s'/></services>",
        0 };
    mark = party_mark(anna);
    (void)ask(anna, "{\"id\":\"r\",\"cmd\":\"server_info\"}");
    forgery->from = NULL;
    lab_run(lab, 20000);
    check_row(forgery->done == 1 && party_count(anna, "services", mark) == 0,
        "XEP-0215 §3.2: a server that says all the time that they changed is not asked all the time", "%zu times",
        party_count(anna, "services", mark));
    lab_run(lab, 15000);
    check_row(party_count(anna, "services", mark) == 1, "XEP-0215 §3.2: but half a minute after the last time",
        "%zu times", party_count(anna, "services", mark));
    *forgery = (struct forgery) { "<service type='stun'", "</services>",
        "<service type='turn' host='a' port='99999'/><service type='gopher' host='a'/><service type='stun'/>"
        "<service type='turn' host='h' expires='never' username='u'/>",
        0 };
    event = ask(anna, "{\"id\":\"r\",\"cmd\":\"services\"}");
    check_row(json_array_size(json_object_get(event, "services")) == 1 && is(service(event, 0), "host", "h")
            && !json_object_get(service(event, 0), "expires"),
        "XEP-0215: of what is no server for calls nothing is told", "%s", dump(event));
    static char many[100 * 40];
    for (size_t i = 0, at = 0; i < 100; i++)
        at += (size_t)snprintf(many + at, sizeof many - at, "<service type='stun' host='h%zu'/>", i);
    *forgery = (struct forgery) { "<service type='stun'", "</services>", many, 0 };
    event = ask(anna, "{\"id\":\"r\",\"cmd\":\"services\"}");
    check_row(json_array_size(json_object_get(event, "services")) == KS_SERVICES_MAX,
        "XEP-0215: of a hundred the first ones", "%zu", json_array_size(json_object_get(event, "services")));
    forgery->from = NULL;
    mark = party_mark(anna);
    event = ask(anna, "{\"id\":\"r\",\"cmd\":\"services\"}");
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    lab_run(lab, 4000000);
    check_row(party_count(anna, "services", mark) == 1, "XEP-0215: without a session nobody asks", "%zu",
        party_count(anna, "services", mark));
}

/* --- the vault's slots --- */

#define VAULT_SLOT "AAAAAAAAAAAAAAAAAAAAAA=="
#define VAULT_HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define VAULT_MAKE                                                                                              \
    "{\"id\":\"r\",\"cmd\":\"vault_make\",\"kind\":\"pin\",\"slot\":\"" VAULT_SLOT "\",\"token\":\"" VAULT_HASH \
    "\",\"confirm\":\"" VAULT_HASH "\"}"

static void test_vault(struct party *anna, struct forgery *forgery)
{
    static const struct {
        const char *name, *condition, *code;
    } rows[] = {
        { "§16.2: what needs a fresh PIN says so", "not-allowed", "vault.pin" },
        { "§16.2: what is too many says so", "policy-violation", "vault.full" },
        { "§16.2: what else is refused says why", "conflict", "server.refused" },
    };
    json_t *event = ask(anna, VAULT_MAKE), *one;

    check_row(
        is(event, "event", "vault_made") && is(event, "slot", VAULT_SLOT) && strlen(text_of(event, "keyid")) == 12,
        "§16.2: a slot is made, and the server's key has a name", "%s", dump(event));
    event = ask(anna, "{\"id\":\"r\",\"cmd\":\"vault_slots\"}");
    one = json_array_get(json_object_get(event, "slots"), 0);
    check_row(json_array_size(json_object_get(event, "slots")) == 1 && is(one, "slot", VAULT_SLOT)
            && is(one, "kind", "pin") && is(one, "state", "open") && json_is_true(json_object_get(one, "own"))
            && !json_object_get(one, "unlocked") && json_integer_value(json_object_get(one, "made")) > 0,
        "§16.2: slots are listed", "%s", dump(event));
    event = ask(anna, VAULT_MAKE);
    check_row(is(event, "event", "error") && is(event, "code", "server.refused"), "§16.2: an id is used once", "%s",
        dump(event));
    event = ask(anna, "{\"id\":\"r\",\"cmd\":\"vault_drop\",\"slot\":\"" VAULT_SLOT "\"}");
    check_row(is(event, "event", "result"), "§16.2: a slot is dropped", "%s", dump(event));
    event = ask(anna, "{\"id\":\"r\",\"cmd\":\"vault_slots\"}");
    one = json_array_get(json_object_get(event, "slots"), 0);
    check_row(is(one, "state", "gone") && json_integer_value(json_object_get(one, "ended")) > 0,
        "§16.2: and is gone for all to see", "%s", dump(event));
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        char error[256];

        snprintf(error, sizeof error, "<error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
            rows[i].condition);
        *forgery = (struct forgery) { "<error", "</iq>", error, 0 };
        event = ask(anna, VAULT_MAKE);
        check_row(forgery->done == 1 && is(event, "code", rows[i].code), rows[i].name, "%s", dump(event));
    }
    forgery->from = NULL;
}

int main(void)
{
    struct forgery forgery = { NULL };
    struct party *anna, *jonas;
    struct lab lab;

    lab_two(&lab, 77, &anna, &jonas);
    lab_option(&lab, "admin.accounts", "anna");
    lab_option(&lab, "contact.support", "tel:+49-7071-0");
    lab_option(&lab, "contact.security", "mailto:sicherheit@klinik.example");
    lab_option(&lab, "privacy.tos", "https://klinik.example/nutzung");
    lab_option(&lab, "outage.addresses", "https://status.example/klinik.json");
    lab_option(&lab, "services.uris", "stun:stun.klinik.example turn:relay.klinik.example");
    lab_option(&lab, "services.secret", "ein Geheimnis");
    set_number(&lab, "services.lifetime", 3600);
    set_number(&lab, "privacy.backup_keep", 172800);
    anna->spy = forge;
    anna->spy_user = &forgery;
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 2000);
    test_tasks(&lab, anna, jonas);
    test_steps(anna, &forgery);
    test_hostile_forms(anna, &forgery);
    test_info(&lab, anna, &forgery);
    test_outage(&lab, anna);
    test_vault(anna, &forgery);
    test_services(&lab, anna, &forgery);
    lab_end(&lab);
    return check_done();
}
