/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who is woken, when and how often, on virtual time; the push service is this file. */
#include "check.h"
#include "control.h"
#include "enc.h"
#include "host_client.h"
#include "push.h"
#include "webpush.h"

#define DOMAIN "offen.example"
#define PASSWORD "ein Kennwort"
#define ENDPOINT "https://fcm.googleapis.com/fcm/send/a:b"
#define MINUTE 60000

static const struct ks_now start = { .mono_ms = 1000, .wall_ms = 1795312800000 };

/* What came to the push service. */
static struct {
    size_t count;
    struct ks_push_id id; /* of the last */
    struct ks_reactor *reactor;
    struct ks_buf url, headers, body, body_before;
    int status; /* the answer; -1: none yet */
    int64_t retry_after;
} service;

static uint8_t browser_key[KS_P256_PRIVATE_LEN];

static void on_push(struct host *h, struct ks_reactor *r, struct ks_push_request *request)
{
    service.count++;
    service.id = request->id;
    service.reactor = r;
    ks_buf_reset(&service.body_before);
    ks_buf_add(&service.body_before, ks_buf_str(&service.body));
    ks_buf_reset(&service.url);
    ks_buf_reset(&service.headers);
    ks_buf_reset(&service.body);
    ks_buf_add(&service.url, request->url);
    ks_buf_add(&service.headers, request->headers);
    ks_buf_add(&service.body, request->body);
    ks_push_request_free(request);
    if (service.status >= 0)
        ks_reactor_pushed(r, &service.id, service.status, service.retry_after, h->now);
}

static void answer(struct host *h, int status)
{
    ks_reactor_pushed(service.reactor, &service.id, status, 0, h->now);
    host_settle(h);
}

static bool has_header(const char *line)
{
    struct ks_str headers = ks_buf_str(&service.headers);

    return ks_str_find(headers, ks_str_z(line)) < headers.len;
}

/* --- the rig: anna's browser is registered, jonas writes --- */

struct rig {
    struct ks_server_store *store;
    struct ks_config *config;
    struct host *host;
    struct host_conn *anna, *jonas;
};

static void subscribe(struct host_conn *conn)
{
    uint8_t point[KS_P256_PUBLIC_LEN];
    struct ks_buf key;

    if (ks_p256_public(browser_key, point) != KS_OK)
        abort();
    ks_buf_init(&key, 200);
    ks_base64url_add(&key, ks_str(point, sizeof point));
    host_forget(conn);
    host_say(conn,
        "<iq type='set' id='sub'><subscribe xmlns='urn:konsil:webpush:0' endpoint='" ENDPOINT "' p256dh='%.*s' "
        "auth='BTBZMqHH6r4Tts7J_aSIgg'/></iq>",
        KS_STR_FMT(ks_buf_str(&key)));
    ks_buf_done(&key);
    if (!host_heard(conn, "type='result'"))
        abort();
}

static struct host_conn *anna_comes(struct rig *rig)
{
    return rig->anna = host_bound(rig->host, DOMAIN, "anna", PASSWORD, "desk");
}

static void begin(struct rig *rig, struct host *host)
{
    rig->host = host;
    rig->host->on_push = on_push;
    service.count = 0;
    service.status = 201;
    service.retry_after = 0;
}

static void rig_init(struct rig *rig)
{
    rig->store = ks_memory_server_store_new();
    rig->config = host_config();
    begin(rig, host_new(rig->config, rig->store, 2, 7, start, false));
    host_add_account(rig->host, DOMAIN, "anna", "anna", PASSWORD);
    host_add_account(rig->host, DOMAIN, "jonas", "jonas", PASSWORD);
    rig->jonas = host_bound(rig->host, DOMAIN, "jonas", PASSWORD, "desk");
    subscribe(anna_comes(rig));
}

static void rig_done(struct rig *rig)
{
    host_conn_free(rig->anna);
    host_conn_free(rig->jonas);
    host_free(rig->host);
    ks_config_unref(rig->config);
    ks_server_store_free(rig->store);
}

static void anna_goes(struct rig *rig)
{
    host_close(rig->anna);
    host_settle(rig->host);
    host_conn_free(rig->anna);
    rig->anna = NULL;
}

static void write_to(struct rig *rig, const char *inside)
{
    host_say(rig->jonas, "<message to='anna@" DOMAIN "' type='chat' id='m'>%s</message>", inside);
}

#define HELLO "<body>hello</body>"
#define LOUD "<body>hello</body><wake xmlns='urn:konsil:wake:0' level='high'/>"

/* --- what leaves --- */

static bool decrypts_to(const char *want)
{
    uint8_t shared[32], secret[32], key[16], nonce[12], point[KS_P256_PUBLIC_LEN], auth[16], plain[300];
    struct ks_str body = ks_buf_str(&service.body), theirs = ks_str_head(ks_str_from(body, 21), 65), bytes;
    char info[14 + 65 + 65] = "WebPush: info";
    struct ks_arena arena;

    ks_arena_init(&arena, 1000);
    if (ks_base64url_read(&arena, KS_STR("BTBZMqHH6r4Tts7J_aSIgg"), &bytes) == KS_OK)
        memcpy(auth, bytes.ptr, sizeof auth);
    ks_arena_done(&arena);
    if (body.len != 256 || ks_p256_public(browser_key, point) != KS_OK
        || ks_p256_ecdh(browser_key, (const uint8_t *)theirs.ptr, shared) != KS_OK)
        return false;
    memcpy(info + 14, point, 65);
    memcpy(info + 14 + 65, theirs.ptr, 65);
    ks_hkdf(KS_SHA256, ks_str(shared, 32), ks_str(auth, 16), ks_str(info, sizeof info), secret, 32);
    ks_hkdf(KS_SHA256, ks_str(secret, 32), ks_str_head(body, 16), KS_STR("Content-Encoding: aes128gcm\0"), key, 16);
    ks_hkdf(KS_SHA256, ks_str(secret, 32), ks_str_head(body, 16), KS_STR("Content-Encoding: nonce\0"), nonce, 12);
    size_t len = body.len - 86 - 16;
    if (ks_aes_gcm_open(ks_str(key, 16), ks_str(nonce, 12), KS_STR_EMPTY, ks_str(body.ptr + 86, len),
            (const uint8_t *)body.ptr + 86 + len, plain)
        != KS_OK)
        return false;
    while (len && plain[len - 1] == 0)
        len--;
    return len && ks_str_is(ks_str(plain, len - 1), want);
}

static const char *const waking[] = { HELLO, LOUD, "<body/>",
    "<body>a text that is a good deal longer than the others are, so that it would show</body>",
    "<propose xmlns='urn:xmpp:jingle-message:0' id='c'/>", "<encrypted xmlns='urn:xmpp:omemo:2'/>" };

static void test_leaves(void)
{
    struct rig rig;
    size_t other_length = 0, other_text = 0, repeated = 0, bodies = 0;

    rig_init(&rig);
    for (size_t i = 0; i < KS_COUNT(waking); i++) {
        anna_goes(&rig);
        write_to(&rig, waking[i]);
        bodies += service.count == i + 1;
        other_length += service.body.len != 256;
        other_text += !decrypts_to("{\"konsil\":\"wake\"}");
        repeated += ks_str_eq(ks_buf_str(&service.body), ks_buf_str(&service.body_before));
        anna_comes(&rig);
    }
    check_row(bodies == KS_COUNT(waking), "a message, a loud one, a call: each wakes a device that is gone",
        "%zu of %zu", bodies, KS_COUNT(waking));
    check_row(other_length == 0, "DSK II.3-d in full, length: every wake-up is as long as every other", "%zu are not",
        other_length);
    check_row(other_text == 0,
        "DSK II.3-d in full, content: a browser decrypts that there is something, and nothing else",
        "%zu say another thing", other_text);
    check_row(repeated == 0, "RFC 8188 §4.3: no two are encrypted alike", "%zu are", repeated);
    check_str("RFC 8030 §5: it goes to the endpoint", ks_buf_str(&service.url), KS_STR(ENDPOINT));
    check_row(has_header("Authorization: vapid t=") && has_header("Content-Encoding: aes128gcm\n")
            && has_header("TTL: 86400\n") && has_header("Topic: konsil\n"),
        "RFC 8030 §5.2, §5.4, RFC 8291 §4, RFC 8292 §3: with what a push service wants", "%.*s",
        KS_STR_FMT(ks_buf_str(&service.headers)));
    check_row(has_header("Urgency: normal\n"), "RFC 8030 §5.3: as urgent as usual", "%.*s",
        KS_STR_FMT(ks_buf_str(&service.headers)));
    struct ks_str headers = ks_buf_str(&service.headers);
    check_row(
        ks_str_find(headers, KS_STR("anna")) == headers.len && ks_str_find(headers, KS_STR("jonas")) == headers.len,
        "DSK II.3-d: no header names anybody", "%.*s", KS_STR_FMT(headers));
    anna_goes(&rig);
    write_to(&rig, LOUD);
    check_row(has_header("Urgency: high\n"), "PROTOCOL §3.3: or as urgent as the author says", "%.*s",
        KS_STR_FMT(ks_buf_str(&service.headers)));
    rig_done(&rig);
}

/* XEP-0357: to an account of this server in place of a push service. */
static void test_service(void)
{
    struct host_conn *gate;
    struct ks_buf first;
    struct rig rig;
    size_t others = 0, came = 0;

    rig_init(&rig);
    ks_buf_init(&first, 4096);
    host_add_account(rig.host, DOMAIN, "gate", "gate", PASSWORD);
    gate = host_bound(rig.host, DOMAIN, "gate", PASSWORD, "desk");
    host_say(
        rig.anna, "<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='gate@" DOMAIN "/desk' node='n1'/></iq>");
    for (size_t i = 0; i < KS_COUNT(waking); i++) {
        anna_goes(&rig);
        host_forget(gate);
        write_to(&rig, waking[i]);
        came += host_heard(gate, "<notification xmlns='urn:xmpp:push:0'/>");
        if (i == 0)
            ks_buf_add(&first, ks_buf_str(&gate->out));
        others += !ks_str_eq(ks_buf_str(&first), ks_buf_str(&gate->out));
        anna_comes(&rig);
    }
    check_row(came == KS_COUNT(waking), "XEP-0357 §7: a message, a loud one, a call: each is published once",
        "%zu of %zu", came, KS_COUNT(waking));
    check_row(others == 0,
        "DSK II.3-d in full, length: what a service of XEP-0357 is told is the same bytes for all of them",
        "%zu are others", others);
    struct ks_str told = ks_buf_str(&first);
    check_row(ks_str_find(told, KS_STR("jonas")) == told.len && ks_str_find(told, KS_STR("hello")) == told.len,
        "DSK II.3-d in full, content: without who wrote, and what", "%.*s", KS_STR_FMT(told));
    ks_buf_done(&first);
    host_conn_free(gate);
    rig_done(&rig);
}

static void test_nobody(void)
{
    static const char *const insides[] = { "<received xmlns='urn:xmpp:receipts' id='x'/>",
        "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>",
        "<body>x</body><wake xmlns='urn:konsil:wake:0' level='none'/>" };
    struct rig rig;

    rig_init(&rig);
    anna_goes(&rig);
    for (size_t i = 0; i < KS_COUNT(insides); i++)
        write_to(&rig, insides[i]);
    check_row(service.count == 0, "receipts, chat states and what is marked so wake nobody", "%zu", service.count);
    struct host_conn *tablet = host_bound(rig.host, DOMAIN, "anna", PASSWORD, "tablet");
    host_say(tablet, "<message to='anna@" DOMAIN "' type='chat' id='m'><body>a note</body></message>");
    check_row(service.count == 0, "a person is not woken by what she writes herself", "%zu", service.count);
    write_to(&rig, HELLO);
    check_row(service.count == 1, "but by a message to her, whichever other device has it", "%zu", service.count);
    host_conn_free(tablet);
    rig_done(&rig);
}

/* --- when --- */

static void test_once(void)
{
    struct rig rig;

    rig_init(&rig);
    anna_goes(&rig);
    service.status = -1;
    for (int i = 0; i < 5; i++)
        write_to(&rig, HELLO);
    check_row(service.count == 1, "five messages wake once", "%zu", service.count);
    answer(rig.host, 201);
    write_to(&rig, HELLO);
    check_row(service.count == 1, "also when the push service has taken it", "%zu", service.count);
    write_to(&rig, LOUD);
    write_to(&rig, LOUD);
    check_row(service.count == 2, "somebody who calls louder wakes once more", "%zu", service.count);
    answer(rig.host, 201);
    anna_comes(&rig);
    anna_goes(&rig);
    write_to(&rig, HELLO);
    check_row(service.count == 3, "who was back is woken anew", "%zu", service.count);
    anna_comes(&rig);
    answer(rig.host, 410);
    anna_goes(&rig);
    write_to(&rig, HELLO);
    check_row(service.count == 4, "an answer that comes after she is back does not count", "%zu", service.count);
    answer(rig.host, 201);
    host_wait(rig.host, (int64_t)86400 * 1000 + 1);
    write_to(&rig, HELLO);
    check_row(
        service.count == 5, "when the push service has forgotten it, the next message wakes", "%zu", service.count);
    rig_done(&rig);
}

/* XEP-0198 §4: all that came since it was enabled. */
static void acknowledge(struct host_conn *conn)
{
    host_say(conn, "<a xmlns='urn:xmpp:sm:3' h='%zu'/>",
        host_heard_times(conn, "<message") + host_heard_times(conn, "<presence"));
}

/* A client that is connected: has it been there, or does it only look so? */
static void test_watched(void)
{
    struct rig rig;

    rig_init(&rig);
    write_to(&rig, HELLO);
    host_wait(rig.host, 10 * MINUTE);
    check_row(service.count == 0, "a client that is there is not woken", "%zu", service.count);
    host_say(rig.anna, "<inactive xmlns='urn:xmpp:csi:0'/>");
    write_to(&rig, HELLO);
    check_row(service.count == 0, "nor at once one that nobody looks at", "%zu", service.count);
    host_wait(rig.host, MINUTE);
    check_row(service.count == 1, "XEP-0352 §3: but it is after a while", "%zu", service.count);
    host_say(rig.anna, "<active xmlns='urn:xmpp:csi:0'/><inactive xmlns='urn:xmpp:csi:0'/>");
    write_to(&rig, LOUD);
    check_row(service.count == 2, "PROTOCOL §3.3: and at once when somebody calls loudly", "%zu", service.count);
    host_say(rig.anna, "<active xmlns='urn:xmpp:csi:0'/>");
    write_to(&rig, HELLO);
    host_wait(rig.host, 10 * MINUTE);
    check_row(service.count == 2, "looked at again it is not woken", "%zu", service.count);

    host_say(rig.anna, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    host_forget(rig.anna);
    host_say(rig.anna, "<presence/>");
    write_to(&rig, HELLO);
    check_row(host_heard(rig.anna, "hello"), "a message is sent", "it is not");
    acknowledge(rig.anna);
    host_wait(rig.host, MINUTE);
    check_row(service.count == 2, "XEP-0198 §4: who acknowledges is not woken", "%zu", service.count);
    write_to(&rig, HELLO);
    host_wait(rig.host, MINUTE);
    check_row(service.count == 3, "XEP-0198 §4: who does not acknowledge is, though it looks connected", "%zu",
        service.count);
    write_to(&rig, HELLO);
    host_wait(rig.host, MINUTE);
    check_row(service.count == 3, "once", "%zu", service.count);
    acknowledge(rig.anna);
    write_to(&rig, HELLO);
    host_wait(rig.host, MINUTE);
    check_row(service.count == 4, "and again when it had woken up meanwhile", "%zu", service.count);
    rig_done(&rig);
}

static void test_waits_to_be_resumed(void)
{
    char previd[100] = "";
    struct rig rig;

    rig_init(&rig);
    host_forget(rig.anna);
    host_say(rig.anna, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    struct ks_str heard = ks_buf_str(&rig.anna->out);
    struct ks_str id = ks_str_from(heard, ks_str_find(heard, KS_STR(" id='")) + 5);
    snprintf(previd, sizeof previd, "%.*s", (int)ks_str_find_byte(id, '\''), id.ptr);
    host_say(rig.anna, "<presence/>");
    anna_goes(&rig);
    write_to(&rig, HELLO);
    check_row(
        service.count == 1, "XEP-0198 §5: a session that waits to be resumed is nobody who sees", "%zu", service.count);
    rig.anna = host_login(rig.host, DOMAIN, "anna", PASSWORD);
    host_say(rig.anna, "<resume xmlns='urn:xmpp:sm:3' previd='%s' h='1'/>", previd);
    check_row(host_heard(rig.anna, "<resumed"), "it is resumed", "%.*s", KS_STR_FMT(ks_buf_str(&rig.anna->out)));
    anna_goes(&rig);
    write_to(&rig, HELLO);
    check_row(service.count == 2, "and gone again it is woken anew", "%zu", service.count);
    rig_done(&rig);
}

/* --- rooms --- */

#define ROOM "station@rooms." DOMAIN

static void enter_room(struct host_conn *conn, const char *nick)
{
    host_say(conn, "<presence to='" ROOM "/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", nick);
}

static void say_in_room(struct host_conn *conn, const char *inside)
{
    host_say(conn, "<message to='" ROOM "' type='groupchat' id='g'>%s</message>", inside);
}

/* A phone that sleeps or is gone while something of its person is in the room: her client that waits to be resumed, or
 * her PC. */
static void test_rooms(void)
{
    struct host_conn *desk;
    struct rig rig;

    rig_init(&rig);
    enter_room(rig.jonas, "jonas");
    host_say(rig.jonas,
        "<iq type='set' id='c' to='" ROOM "'><query xmlns='http://jabber.org/protocol/muc#owner'><x "
        "xmlns='jabber:x:data' type='submit'/></query></iq>");
    host_say(rig.jonas,
        "<iq type='set' id='a' to='" ROOM "'><query xmlns='http://jabber.org/protocol/muc#admin'><item "
        "affiliation='member' jid='anna@" DOMAIN "'/></query></iq>");
    host_say(rig.anna, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    enter_room(rig.anna, "anna");
    say_in_room(rig.anna, HELLO);
    check_row(host_heard(rig.jonas, "hello") && service.count == 0,
        "PROTOCOL §3.3: her own device is not woken by what she says in a room", "%zu", service.count);
    anna_goes(&rig);
    say_in_room(rig.jonas, LOUD); /* louder than that she was made a member, for which her client is watched */
    check_row(service.count == 1,
        "PROTOCOL §11.7: who is in a room with a client that is gone and waits to be resumed is woken", "%zu",
        service.count);
    desk = host_bound(rig.host, DOMAIN, "anna", PASSWORD, "pc");
    host_say(desk, "<presence/>");
    enter_room(desk, "anna");
    anna_comes(&rig); /* the phone is there, saw everything, and goes for good */
    host_say(rig.anna, "<presence/></stream:stream>");
    anna_goes(&rig);
    service.count = 0;
    say_in_room(rig.jonas, HELLO);
    check_row(service.count == 1 && host_heard(desk, "hello"),
        "PROTOCOL §11.7: who is in it with her PC has her phone woken", "%zu", service.count);
    anna_comes(&rig);
    anna_goes(&rig);
    service.count = 0;
    host_forget(desk);
    say_in_room(rig.jonas,
        HELLO "<wake xmlns='urn:konsil:wake:0' level='none'><for jid='emil@" DOMAIN "' level='high'/></wake>");
    check_row(service.count == 0 && host_heard(desk, "<wake xmlns='urn:konsil:wake:0' level='none'/>"),
        "PROTOCOL §3.3: a mention of somebody else wakes nobody else, and nobody else sees whom it is for", "%zu: %.*s",
        service.count, KS_STR_FMT(ks_buf_str(&desk->out)));
    say_in_room(rig.jonas,
        HELLO "<wake xmlns='urn:konsil:wake:0' level='none'><for jid='anna@" DOMAIN "' level='high'/></wake>");
    check_row(service.count == 1 && has_header("Urgency: high\n"), "PROTOCOL §3.3: a mention wakes who is mentioned",
        "%zu", service.count);
    host_forget(desk);
    write_to(&rig,
        HELLO "<wake xmlns='urn:konsil:wake:0' level='none'><for jid='anna@" DOMAIN
              "' level='normal'/><for jid='emil@" DOMAIN "' level='high'/></wake>");
    check_row(host_heard(desk, "<wake xmlns='urn:konsil:wake:0' level='normal'/>"),
        "PROTOCOL §3.3: between accounts the level is that of whom it is for", "%.*s",
        KS_STR_FMT(ks_buf_str(&desk->out)));
    host_conn_free(desk);
    rig_done(&rig);
}

/* --- what the push service answers --- */

static void test_retry(void)
{
    struct rig rig;
    size_t before;

    rig_init(&rig);
    anna_goes(&rig);
    service.status = 503;
    write_to(&rig, HELLO);
    host_wait(rig.host, 29000);
    check_row(service.count == 1, "RFC 9110 §15.6.4: after a 503 it waits", "%zu", service.count);
    host_wait(rig.host, 9000 + 30000);
    check_row(service.count == 2, "and tries again", "%zu", service.count);
    host_wait(rig.host, 10 * MINUTE);
    before = service.count;
    host_wait(rig.host, 10 * MINUTE);
    check_row(
        before <= 6 && service.count <= before + 2, "in pauses that grow", "%zu, then %zu", before, service.count);
    write_to(&rig, HELLO);
    before = service.count;
    host_wait(rig.host, (int64_t)86400 * 1000);
    check_row(service.count > before && service.count < 60, "for a day, and not more often than once an hour", "%zu",
        service.count);
    before = service.count;
    host_wait(rig.host, (int64_t)86400 * 1000);
    check_row(service.count == before, "RFC 8030 §5.2: then it is out of date", "%zu", service.count - before);
    write_to(&rig, HELLO);
    check_row(service.count == before + 1, "the next message begins anew", "%zu", service.count - before);
    rig_done(&rig);

    rig_init(&rig);
    anna_goes(&rig);
    service.status = 429;
    service.retry_after = 7200;
    write_to(&rig, HELLO);
    service.status = 201;
    host_wait(rig.host, 7199000);
    check_row(service.count == 1, "RFC 6585 §4: 429 with Retry-After: no request before that", "%zu", service.count);
    host_wait(rig.host, 2000);
    check_row(service.count == 2, "and one after it", "%zu", service.count);
    host_wait(rig.host, 7200000);
    check_row(service.count == 2, "which was taken", "%zu", service.count);
    rig_done(&rig);

    rig_init(&rig);
    anna_goes(&rig);
    service.status = 0;
    write_to(&rig, HELLO);
    service.status = 201;
    host_wait(rig.host, MINUTE);
    check_row(service.count == 2, "a push service that was not reached is tried again", "%zu", service.count);
    anna_comes(&rig);
    anna_goes(&rig);
    service.status = -1;
    write_to(&rig, HELLO);
    host_wait(rig.host, 10 * MINUTE);
    check_row(
        service.count > 3, "an answer that never comes is waited for no longer than two minutes", "%zu", service.count);
    rig_done(&rig);
}

static bool is_registered(struct rig *rig)
{
    host_forget(rig->anna);
    host_say(rig->anna, "<iq type='get' id='w'><webpush xmlns='urn:konsil:webpush:0'/></iq>");
    return host_heard(rig->anna, "registered='true'");
}

static void test_gone(void)
{
    static const int statuses[] = { 404, 410 };
    struct rig rig;

    for (size_t i = 0; i < KS_COUNT(statuses); i++) {
        rig_init(&rig);
        check_row(is_registered(&rig), "registered is registered", "not");
        anna_goes(&rig);
        service.status = statuses[i];
        write_to(&rig, HELLO);
        write_to(&rig, HELLO);
        check_row(service.count == 1, "RFC 8030 §7.3: what is gone is not asked again", "%zu", service.count);
        struct ks_now now = rig.host->now;
        host_conn_free(rig.jonas);
        host_free(rig.host);
        begin(&rig, host_new(rig.config, rig.store, 2, 7, now, false));
        rig.jonas = host_bound(rig.host, DOMAIN, "jonas", PASSWORD, "desk");
        write_to(&rig, HELLO);
        check_row(service.count == 0, "nor after konsild began anew", "%zu", service.count);
        anna_comes(&rig);
        check_row(!is_registered(&rig), "it is deleted", "it is there");
        rig_done(&rig);
    }
    rig_init(&rig);
    anna_goes(&rig);
    service.status = 403;
    write_to(&rig, HELLO);
    host_wait(rig.host, 60 * MINUTE);
    check_row(service.count == 1, "what the server has to mend is not tried again by itself", "%zu", service.count);
    write_to(&rig, HELLO);
    check_row(service.count == 2, "but with the next message, and the registration stays", "%zu", service.count);
    rig_done(&rig);
}

/* --- who ends it --- */

static struct ks_control *control;

static void on_control(struct host *h, const struct ks_event *event)
{
    (void)h, (void)event;
    ks_control_output_sent(control, ks_control_output(control).len);
}

static void administer(struct rig *rig, const char *line)
{
    rig->host->on_control = on_control;
    control = ks_control_open(rig->host->reactors[0],
        &(struct ks_control_setup) { .actor = "uid:0", .rights = KS_RIGHT_ALL }, rig->host->now);
    if (!control)
        abort();
    ks_control_feed(control, ks_str_z(line), rig->host->now);
    host_settle(rig->host);
    ks_control_close(control);
}

static void set_option(struct rig *rig, const char *name, const char *text, int64_t number)
{
    struct ks_config *config = host_config();
    const struct ks_domain *domain = ks_config_domain(config, KS_STR(DOMAIN));
    enum ks_err err = text ? ks_config_set_text(config, domain, ks_str_z(name), ks_str_z(text))
                           : ks_config_set_number(config, domain, ks_str_z(name), number);

    if (err != KS_OK)
        abort();
    host_configure(rig->host, config);
    ks_config_unref(config);
}

static void test_ends(void)
{
    struct rig rig;

    rig_init(&rig);
    anna_goes(&rig);
    write_to(&rig, HELLO);
    check_row(service.count == 1, "control: whose device is away and registered is woken", "%zu", service.count);
    rig_done(&rig);

    rig_init(&rig);
    administer(
        &rig, "{\"v\":1,\"command\":\"sessions.kill\",\"args\":{\"jid\":\"anna@" DOMAIN "\",\"resource\":\"desk\"}}\n");
    check_row(rig.anna->closed, "an administrator ends a session", "it is there");
    write_to(&rig, HELLO);
    check_row(service.count == 0,
        "DSK I.5-c push, DSK II.3-b: with the session, what was registered to wake its device is gone", "%zu",
        service.count);
    rig_done(&rig);

    rig_init(&rig);
    anna_goes(&rig);
    set_option(&rig, "push.enabled", NULL, 0);
    write_to(&rig, HELLO);
    check_row(service.count == 0, "DSK II.3-d in full, off: with push = off nothing leaves", "%zu", service.count);
    set_option(&rig, "push.hosts", "push.klinik.example", 0);
    write_to(&rig, HELLO);
    check_row(service.count == 0, "a host that is no longer on the list is not asked", "%zu", service.count);
    set_option(&rig, "push.relay", "https://push.klinik.example/relay", 0);
    anna_comes(&rig);
    anna_goes(&rig);
    write_to(&rig, HELLO);
    check_str("DSK II.3-d in full, relay: with a relay of one's own everything goes there", ks_buf_str(&service.url),
        KS_STR("https://push.klinik.example/relay"));
    check_row(has_header("Konsil-Endpoint: " ENDPOINT "\n"), "PROTOCOL §11.7: with the endpoint in a header", "%.*s",
        KS_STR_FMT(ks_buf_str(&service.headers)));
    rig_done(&rig);

    rig_init(&rig);
    set_option(&rig, "push.devices_max", NULL, 1);
    struct host_conn *tablet = host_bound(rig.host, DOMAIN, "anna", PASSWORD, "tablet");
    host_say(tablet,
        "<iq type='set' id='t'><subscribe xmlns='urn:konsil:webpush:0' endpoint='" ENDPOINT
        "' p256dh='BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4' "
        "auth='BTBZMqHH6r4Tts7J_aSIgg'/></iq>");
    check_row(host_heard(tablet, "<resource-constraint"), "registrations are limited (push.devices_max)", "%.*s",
        KS_STR_FMT(ks_buf_str(&tablet->out)));
    host_conn_free(tablet);
    subscribe(rig.anna);
    check_row(is_registered(&rig), "one that takes the place of its own is not counted twice", "not");
    rig_done(&rig);
}

/* --- the key --- */

static void test_key(void)
{
    struct ks_server_store *store = ks_memory_server_store_new();
    uint8_t key[KS_PUSH_KEY_LEN], again[KS_PUSH_KEY_LEN], public_key[KS_P256_PUBLIC_LEN];
    struct ks_prng prng;

    ks_prng_init_number(&prng, 3);
    check_err("RFC 8292 §2: a key is made", ks_push_key_open(store, &prng, key), KS_OK);
    check_err("it is one", ks_p256_public(key, public_key), KS_OK);
    ks_memory_server_store_crash(store);
    check_err("RFC 8292 §4: after a new start", ks_push_key_open(store, &prng, again), KS_OK);
    check_row(memcmp(key, again, sizeof key) == 0, "it is the same, because browsers subscribed with it", "another");
    if (store->ops->begin(store) || store->ops->meta_put(store, KS_STR("push.vapid"), KS_STR("short"))
        || store->ops->commit(store))
        abort();
    check_err("what is stored and no key is damage", ks_push_key_open(store, &prng, again), KS_ESTORE);
    ks_server_store_free(store);
    store = ks_memory_server_store_new();
    ks_memory_server_store_room(store, 0);
    check_err("with the disk full none is made", ks_push_key_open(store, &prng, again), KS_EFULL);
    ks_server_store_free(store);
}

int main(void)
{
    struct ks_prng prng;

    check_err("the library starts", ks_crypto_init(), KS_OK);
    ks_prng_init_number(&prng, 11);
    ks_p256_generate(&prng, browser_key);
    struct ks_buf *bufs[] = { &service.url, &service.headers, &service.body, &service.body_before };
    for (size_t i = 0; i < KS_COUNT(bufs); i++)
        ks_buf_init(bufs[i], 1 << 16);
    test_leaves();
    test_service();
    test_nobody();
    test_once();
    test_watched();
    test_waits_to_be_resumed();
    test_rooms();
    test_retry();
    test_gone();
    test_ends();
    test_key();
    for (size_t i = 0; i < KS_COUNT(bufs); i++)
        ks_buf_done(bufs[i]);
    return check_done();
}
