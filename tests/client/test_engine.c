/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a person does with the engine, on the real server core. */
#include "check.h"
#include "party.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"

static void check_text(const char *name, const char *got, const char *want)
{
    check_row(strcmp(got, want) == 0, name, "\"%s\", not \"%s\"", got, want);
}

static void two(struct lab *lab, struct party **anna, struct party **jonas)
{
    lab_two(lab, 1, anna, jonas);
    lab_account(lab, "eva", "e-password");
}

/* The state of an own message, as it was told last. */
static const char *state_of(const struct party *party, const char *id)
{
    const char *state = "none";
    json_t *event;

    for (size_t n = 0; (event = party_event(party, "message_state", 0, n)); n++)
        if (strcmp(text_of(event, "message"), id) == 0)
            state = text_of(event, "state");
    return state;
}

static const char *reason_of(const struct party *party, const char *id)
{
    const char *reason = "";
    json_t *event;

    for (size_t n = 0; (event = party_event(party, "message_state", 0, n)); n++)
        if (strcmp(text_of(event, "message"), id) == 0)
            reason = text_of(json_array_get(json_object_get(event, "recipients"), 0), "reason");
    return reason;
}

static void test_talk(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    const char *id, *answer;

    two(&lab, &anna, &jonas);
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 1000);
    check_row(party_count(anna, "ready", 0) == 1, "a login ends with 'ready'", "%zu", party_count(anna, "ready", 0));
    check_row(party_count(anna, "contact", 0) == 2, "DESIGN §3: colleagues come from the directory", "%zu",
        party_count(anna, "contact", 0));
    id = party_send(anna, JONAS, "CANARY-1 Bett 12");
    lab_run(&lab, 1000);
    check_text("a text arrives", party_history(jonas, ANNA), "CANARY-1 Bett 12");
    check_text("PROTOCOL §7.2: it is on the server", state_of(anna, id), "server");
    lab_run(&lab, 15000);
    check_text("PROTOCOL §7.1: within ten seconds it is delivered", state_of(anna, id), "delivered");
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"mark_read\",\"conversation\":\"" ANNA "\"}");
    lab_run(&lab, 15000);
    check_text("PROTOCOL §7.2: that it was read its author is not told", state_of(anna, id), "delivered");
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"settings\",\"tell_read\":true}");
    id = party_send(anna, JONAS, "CANARY-1 Bett 13");
    lab_run(&lab, 1000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"mark_read\",\"conversation\":\"" ANNA "\"}");
    lab_run(&lab, 15000);
    check_text("PROTOCOL §7.2: unless the reader allows it", state_of(anna, id), "read");
    answer = text_of(
        party_do(jonas,
            "{\"id\":\"x\",\"cmd\":\"send\",\"to\":\"" ANNA "\",\"body\":\"CANARY-2 danke\",\"reply_to\":\"%s\"}", id),
        "message");
    party_do(anna,
        "{\"id\":\"x\",\"cmd\":\"edit\",\"conversation\":\"" JONAS
        "\",\"message\":\"%s\",\"body\":\"CANARY-3 Bett 13\"}",
        id);
    lab_run(&lab, 1000);
    check_text("PROTOCOL §5.3: an edit replaces the text", party_history(jonas, ANNA),
        "CANARY-1 Bett 12,CANARY-3 Bett 13,CANARY-2 danke");
    party_do(anna,
        "{\"id\":\"x\",\"cmd\":\"react\",\"conversation\":\"" JONAS "\",\"message\":\"%s\",\"emoji\":[\"CANARY-4\"]}",
        answer);
    lab_run(&lab, 1000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"retract\",\"conversation\":\"" ANNA "\",\"message\":\"%s\"}", answer);
    lab_run(&lab, 1000);
    check_text(
        "PROTOCOL §5.5: a retraction erases it", party_history(anna, JONAS), "CANARY-1 Bett 12,CANARY-3 Bett 13,-");
    check_row(party_count(jonas, "reaction", 0) == 1, "PROTOCOL §5.4: a reaction arrives", "%zu",
        party_count(jonas, "reaction", 0));
    check_row(party_count(anna, "warning", 0) + party_count(jonas, "warning", 0) == 0,
        "and nobody is warned of anything", "%zu", party_count(anna, "warning", 0));
    check_row(ks_str_find(ks_buf_str(&anna->sent), KS_STR("CANARY")) == anna->sent.len
            && ks_str_find(ks_buf_str(&jonas->sent), KS_STR("CANARY")) == jonas->sent.len,
        "DESIGN §4: no word of it was sent in clear", "it was");
    check_row(ks_str_find(ks_buf_str(&anna->sent), KS_STR("<encrypted")) < anna->sent.len
            && ks_str_find(ks_buf_str(&anna->sent), KS_STR("SCRAM-SHA-256-PLUS")) < anna->sent.len,
        "(positive control: what was sent is what was searched)", "nothing was sent");
    lab_end(&lab);
}

static void test_without_keys(void)
{
    struct party *anna, *jonas, *eva;
    struct lab lab;
    const char *id;

    two(&lab, &anna, &jonas);
    party_connect(anna);
    lab_run(&lab, 1000);
    id = party_send(anna, JONAS, "x");
    lab_run(&lab, 1000);
    check_text("DESIGN §4.1: to somebody without a key nothing is sent", state_of(anna, id), "failed");
    check_text("and it is said why", reason_of(anna, id), "peer.no_keys");
    party_connect(jonas);
    lab_run(&lab, 1000);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"retry\"}");
    lab_run(&lab, 2000);
    check_text("when he has one, 'retry' sends it", party_history(jonas, ANNA), "x");
    (void)party_send(anna, "eva@klinik.example", "1");
    lab_run(&lab, 20000);
    eva = lab_party(&lab, "eva@klinik.example", "e-password");
    party_connect(eva);
    lab_run(&lab, 1000);
    (void)party_send(anna, "eva@klinik.example", "2");
    lab_run(&lab, 2000);
    check_text("who had none when last asked is asked again", party_history(eva, ANNA), "2");
    lab_end(&lab);
}

static void test_offline(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    const char *id;

    two(&lab, &anna, &jonas);
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 1000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    party_cut(anna);
    anna->cut = true;
    id = party_send(anna, JONAS, "eins");
    lab_run(&lab, 5000);
    check_text("without a connection a message waits", party_history(anna, JONAS), "eins");
    party_restart(anna);
    (void)party_send(anna, JONAS, "zwei");
    lab_run(&lab, 90000);
    anna->cut = false;
    lab_run(&lab, 70000);
    check_text("also over a restart, and goes out by itself", state_of(anna, id), "server");
    party_connect(jonas);
    lab_run(&lab, 15000);
    check_text("the other reads what came meanwhile, in order", party_history(jonas, ANNA), "eins,zwei");
    check_text("and its author learns of it", state_of(anna, id), "delivered");
    check_row(party_count(jonas, "message", 0) == 2, "each once", "%zu", party_count(jonas, "message", 0));
    lab_end(&lab);
}

static void test_siblings(void)
{
    struct party *anna, *jonas, *tablet;
    struct lab lab;

    two(&lab, &anna, &jonas);
    tablet = lab_party(&lab, ANNA, "a-password");
    party_connect(anna);
    party_connect(jonas);
    party_connect(tablet);
    lab_run(&lab, 3000);
    (void)party_send(anna, JONAS, "vom Telefon");
    lab_run(&lab, 3000);
    check_text("XEP-0280: another device of the author has it too", party_history(tablet, JONAS), "vom Telefon");
    (void)party_send(jonas, ANNA, "an beide");
    lab_run(&lab, 3000);
    check_text("both devices of the recipient have it", party_history(tablet, JONAS), "vom Telefon,an beide");
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"mark_read\",\"conversation\":\"" JONAS "\"}");
    lab_run(&lab, 20000);
    check_row(party_count(tablet, "read", 0) == 1, "PROTOCOL §7.2: what was read on one is read on all", "%zu",
        party_count(tablet, "read", 0));
    check_row(party_count(tablet, "warning", 0) == 0, "and nobody is warned of anything", "%zu",
        party_count(tablet, "warning", 0));
    lab_end(&lab);
}

/* What the next start finds when it is given this password; "": none. */
static const char *start_with(struct lab *lab, struct party *party, const char *password)
{
    size_t from = party_mark(party);
    json_t *event;

    party->password = password;
    party_restart(party);
    lab_run(lab, 2000);
    if (party_count(party, "ready", from))
        return "ready";
    if ((event = party_event(party, "error", from, 0)))
        return text_of(event, "code");
    return text_of(party_event(party, "connection", from, party_count(party, "connection", from) - 1), "reason");
}

/* The messages that an engine sent from a byte on: how many, and how many of them to this address. */
static size_t messages_sent(const struct party *party, size_t from, const char *to, size_t *ret_to)
{
    struct ks_str left = ks_str_from(ks_buf_str(&party->sent), from), open = KS_STR("<message ");
    char wanted[128];
    size_t count = 0;

    snprintf(wanted, sizeof wanted, " to='%s'", to);
    *ret_to = 0;
    for (; left.len > open.len; left = ks_str_from(left, 1)) {
        struct ks_str tag = ks_str_head(left, ks_str_find_byte(left, '>'));
        if (!ks_str_starts(left, open))
            continue;
        count++;
        *ret_to += memmem(tag.ptr, tag.len, wanted, strlen(wanted)) != NULL;
    }
    return count;
}

static void test_receipts_gathered(void)
{
    struct party *anna, *jonas, *eva;
    struct lab lab;
    size_t from, count, to_anna, to_eva;
    const char *id = "";

    two(&lab, &anna, &jonas);
    eva = lab_party(&lab, "eva@klinik.example", "e-password");
    party_connect(anna);
    party_connect(jonas);
    party_connect(eva);
    lab_run(&lab, 2000);
    (void)party_send(anna, JONAS, "hello");
    (void)party_send(eva, JONAS, "hello");
    (void)party_send(jonas, "eva@klinik.example", "hello");
    lab_run(&lab, 60000);

    from = jonas->sent.len;
    for (int i = 0; i < 20; i++) {
        id = party_send(anna, JONAS, "CANARY-20");
        lab_run(&lab, 50);
    }
    lab_run(&lab, 20000);
    check_text("twenty messages in a second are delivered", state_of(anna, id), "delivered");
    count = messages_sent(jonas, from, ANNA, &to_anna);
    check_row(count == 1, "PROTOCOL §7.1: one stanza acknowledges them", "%zu stanzas", count);
    check_row(to_anna == count, "and goes to the author's account", "%zu of %zu", to_anna, count);
    (void)party_send(eva, JONAS, "and you?");
    lab_run(&lab, 20000);
    count = messages_sent(jonas, from, "eva@klinik.example", &to_eva);
    check_row(count == 2 && to_eva == 1, "another author gets one of his own", "%zu, %zu to her", count, to_eva);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"mark_read\",\"conversation\":\"" ANNA "\"}");
    lab_run(&lab, 20000);
    (void)messages_sent(jonas, from, ANNA, &to_anna);
    check_row(to_anna == 1, "and of what was read an author hears nothing", "%zu to her", to_anna);
    lab_end(&lab);
}

static void decide(struct party *party, const char *jid, const char *decision)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"devices\",\"jid\":\"%s\"}", jid);
    json_t *device = json_array_get(json_object_get(event, "devices"), 0);

    party_do(party, "{\"id\":\"x\",\"cmd\":\"trust\",\"jid\":\"%s\",\"device\":%lld,\"decision\":\"%s\"}", jid,
        (long long)json_integer_value(json_object_get(device, "device")), decision);
}

static void test_device_refused(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    const char *id;

    two(&lab, &anna, &jonas);
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 2000);
    (void)party_send(anna, JONAS, "one");
    lab_run(&lab, 20000);
    decide(jonas, ANNA, "distrusted");
    (void)party_send(anna, JONAS, "two");
    lab_run(&lab, 20000);
    check_text("what a refused device sends is not shown", party_history(jonas, ANNA), "one");
    check_row(
        party_count(jonas, "warning", 0) == 0, "and is no reason to warn", "%zu", party_count(jonas, "warning", 0));
    id = party_send(jonas, ANNA, "to nobody");
    lab_run(&lab, 20000);
    check_text("to an account without a trusted device nothing goes", reason_of(jonas, id), "peer.no_trust");
    decide(jonas, ANNA, "trusted");
    (void)party_send(anna, JONAS, "three");
    lab_run(&lab, 60000);
    check_row(strstr(party_history(jonas, ANNA), "three") != NULL, "what it sends once it is trusted is shown",
        "\"%s\"", party_history(jonas, ANNA));
    lab_end(&lab);
}

static void test_password_refused(void)
{
    struct party *anna, *jonas;
    struct lab lab;

    two(&lab, &anna, &jonas);
    party_connect(anna);
    lab_run(&lab, 2000);
    check_text("a remembered password is not needed again", start_with(&lab, anna, ""), "ready");
    check_text("a wrong one is refused", start_with(&lab, anna, "falsch"), "login.refused");
    check_row(!json_object_get(party_do(anna, "{\"id\":\"x\",\"cmd\":\"state\"}"), "remembered"),
        "after that none is remembered", "one is");
    check_text("so that 'connect' needs one", text_of(party_do(anna, "{\"id\":\"x\",\"cmd\":\"connect\"}"), "code"),
        "account.no_password");
    check_text("at the next start, too", start_with(&lab, anna, ""), "account.no_password");
    check_text("the right one logs in", start_with(&lab, anna, "a-password"), "ready");
    check_text("and is remembered", start_with(&lab, anna, ""), "ready");
    lab_end(&lab);
}

static void test_refusals(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    json_t *event;

    two(&lab, &anna, &jonas);
    event = party_do(anna, "{\"id\":\"x\",\"cmd\":\"contacts\"}");
    check_text("before an account is named, there is none", text_of(event, "code"), "account.none");
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"connect\",\"jid\":\"" ANNA "\",\"password\":\"falsch\"}");
    lab_run(&lab, 120000);
    event = party_event(anna, "connection", 0, party_count(anna, "connection", 0) - 1);
    check_text("a wrong password is told", text_of(event, "reason"), "login.refused");
    check_row(!json_object_get(event, "retry_ms"), "and not tried again", "it is");
    event = party_do(anna, "{\"id\":\"x\",\"cmd\":\"connect\",\"jid\":\"" JONAS "\",\"password\":\"x\"}");
    check_text("a store is one account's", text_of(event, "code"), "account.other");
    event = party_do(anna, "{\"id\":\"x\",\"cmd\":\"send\",\"to\":\"" ANNA "\",\"body\":\"x\"}");
    check_text("nobody writes to himself", text_of(event, "code"), "message.to_self");
    event = party_do(
        anna, "{\"id\":\"x\",\"cmd\":\"edit\",\"conversation\":\"" JONAS "\",\"message\":\"0\",\"body\":\"x\"}");
    check_text("what is not there is not edited", text_of(event, "code"), "message.none");
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 2000);
    (void)party_send(jonas, ANNA, "mine");
    lab_run(&lab, 2000);
    event = party_event(anna, "message", 0, 0);
    event = party_do(anna, "{\"id\":\"x\",\"cmd\":\"retract\",\"conversation\":\"" JONAS "\",\"message\":\"%s\"}",
        text_of(json_object_get(event, "message"), "message"));
    check_text("PROTOCOL §5.5: another's message is not retracted", text_of(event, "code"), "message.not_yours");
    lab_end(&lab);
}

/* The very first message of a device, and a server whose disk is full. */
static void test_bounced(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    const char *first, *second;

    two(&lab, &anna, &jonas);
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 1000);
    (void)party_send(jonas, ANNA, "hello");
    lab_run(&lab, 30000);
    ks_memory_server_store_room(lab.store, 0);
    first = party_send(anna, JONAS, "first");
    lab_run(&lab, 2000);
    check_text("a message that the server refused has failed", state_of(anna, first), "failed");
    check_text("and it is said why", reason_of(anna, first), "message.bounced");
    ks_memory_server_store_room(lab.store, SIZE_MAX);
    second = party_send(anna, JONAS, "second");
    lab_run(&lab, 60000);
    check_text("the one behind it is delivered", state_of(anna, second), "delivered");
    check_text("PROTOCOL §7.1: nothing is said of numbers below from", state_of(anna, first), "failed");
    check_text("PROTOCOL §6.3: they are no gap", party_history(jonas, ANNA), "hello,second");
    lab_end(&lab);
}

/* A line that swallows the first bundle. */
static bool swallow(struct party *party, struct ks_str *stanza, void *user)
{
    bool *swallowed = user;

    (void)party;
    if (*swallowed || ks_str_find(*stanza, KS_STR("<bundle ")) == stanza->len)
        return true;
    *swallowed = true;
    return false;
}

static void test_no_answer(void)
{
    struct party *anna, *jonas, *tablet;
    struct lab lab;
    bool swallowed = false;

    two(&lab, &anna, &jonas);
    tablet = lab_party(&lab, JONAS, "j-password");
    party_connect(anna);
    party_connect(jonas);
    party_connect(tablet);
    lab_run(&lab, 3000);
    anna->spy = swallow;
    anna->spy_user = &swallowed;
    (void)party_send(anna, JONAS, "an beide");
    lab_run(&lab, 10000);
    check_row(swallowed && !*party_history(jonas, ANNA) && !*party_history(tablet, ANNA),
        "a message waits while nobody says what a listed device's keys are", "it went");
    lab_run(&lab, 300000);
    check_text("asked once more, it goes to one", party_history(jonas, ANNA), "an beide");
    check_text("and to the other", party_history(tablet, ANNA), "an beide");
    lab_end(&lab);
}

static enum ks_err no_room(struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_str value)
{
    (void)s;
    (void)table;
    (void)key;
    (void)value;
    return KS_EFULL;
}

/* A device whose disk is full, also while it logs in. */
static void test_full(void)
{
    const struct ks_engine_store_ops *real;
    struct ks_engine_store_ops full;
    struct party *anna, *jonas;
    struct lab lab;
    json_t *event;

    two(&lab, &anna, &jonas);
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 1000);
    real = anna->store->ops;
    full = *real;
    full.put = no_room;
    anna->store->ops = &full;
    event = party_do(anna, "{\"id\":\"x\",\"cmd\":\"send\",\"to\":\"" JONAS "\",\"body\":\"lost\"}");
    check_text("a command for which there is no room is answered", text_of(event, "code"), "store.full");
    party_restart(anna);
    lab_run(&lab, 60000);
    check_row(party_count(anna, "ready", 0) == 1, "nobody logs in without room", "%zu times ready",
        party_count(anna, "ready", 0));
    anna->store->ops = real;
    lab_run(&lab, 300000);
    check_row(party_count(anna, "ready", 0) == 2, "with room again a new session begins", "%zu times ready",
        party_count(anna, "ready", 0));
    (void)party_send(anna, JONAS, "kept");
    lab_run(&lab, 10000);
    check_text("and messages go out", party_history(jonas, ANNA), "kept");
    lab_end(&lab);
}

/* A process that dies at every moment of a conversation, in turn. */
static void test_crashes(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    size_t shown = 0;
    json_t *event;

    two(&lab, &anna, &jonas);
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 1000);
    for (int i = 0; i < 30; i++) {
        struct party *who = i % 2 ? anna : jonas;
        char text[16];

        snprintf(text, sizeof(text), "%d", i);
        (void)party_send(who, i % 2 ? JONAS : ANNA, text);
        lab_run(&lab, i * 7 % 40);
        party_crash(i % 3 ? anna : jonas);
    }
    lab_run(&lab, 120000);
    check_text(
        "after 30 crashes one has everything, once, in order", party_history(anna, JONAS), party_history(jonas, ANNA));
    for (size_t n = 0; (event = party_event(jonas, "message", 0, n)); n++)
        shown += strcmp(text_of(json_object_get(event, "message"), "from"), ANNA) == 0;
    check_row(shown == 15, "and showed each once", "%zu", shown);
    lab_end(&lab);
}

int main(void)
{
    test_talk();
    test_without_keys();
    test_offline();
    test_siblings();
    test_receipts_gathered();
    test_device_refused();
    test_password_refused();
    test_refusals();
    test_bounced();
    test_full();
    test_no_answer();
    test_crashes();
    return check_done();
}
