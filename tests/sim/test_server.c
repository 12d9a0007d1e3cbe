/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The server as a whole, where golden scripts cannot say it: much of something, a store that fails, and what is freed
 * when. */
#include "../unit/check.h"

#include "../unit/failmalloc.h"
#include "crypto.h"
#include "ns.h"
#include "rig.h"
#include "store_write.h"

static void rig_init(struct rig *rig, uint16_t reactors)
{
    static const char *const names[] = { "anna", "jonas" };

    rig_open(rig, host_config(), reactors);
    for (size_t i = 0; i < KS_COUNT(names); i++)
        host_add_account(rig->host, DOMAIN, names[i], names[i], PASSWORD);
}

static struct host_conn *client(struct rig *rig, const char *local, const char *resource)
{
    return host_bound(rig->host, DOMAIN, local, "ein Kennwort", resource);
}

static void set_option(struct rig *rig, const char *name, int64_t value)
{
    if (ks_config_set_number(rig->config, ks_config_domain(rig->config, KS_STR(DOMAIN)), ks_str_z(name), value) != KS_OK
        && ks_config_set_number(rig->config, NULL, ks_str_z(name), value) != KS_OK)
        abort();
}

/* --- much of something --- */

static void add_contacts(struct host_conn *anna, size_t count)
{
    for (size_t i = 0; i < count; i++)
        host_say(anna,
            "<iq type='set' id='r%zu'><query xmlns='" NS_ROSTER "'><item jid='colleague-%zu@" DOMAIN
            "' name='Schwester %zu'><group>Station 3</group></item></query></iq>",
            i, i, i);
}

static void test_much(void)
{
    struct rig rig;
    struct host_conn *anna, *jonas;
    char big[2][100001];

    rig_init(&rig, 1);
    anna = client(&rig, "anna", "desk");
    jonas = client(&rig, "jonas", "desk");
    add_contacts(anna, 500);
    host_forget(anna);
    host_say(anna, "<iq type='get' id='get'><query xmlns='" NS_ROSTER "'/></iq>");
    check_row(host_heard_times(anna, "<item ") == 500, "RFC 6121 §2.1.4: a roster of 500 contacts comes whole",
        "%zu items", host_heard_times(anna, "<item "));

    host_forget(anna);
    memset(big[0], 'x', 100000);
    memset(big[1], 'y', 100000);
    big[0][100000] = big[1][100000] = 0;
    for (int i = 0; i < 2; i++)
        host_say(anna,
            "<iq type='set' id='p%d'><pubsub xmlns='" NS_PUBSUB
            "'><publish node='n'><item id='i%d'><e xmlns='urn:e'>%s</e>"
            "</item></publish><publish-options><x xmlns='" NS_DATA
            "' type='submit'><field var='FORM_TYPE'><value>" NS_PUBLISH_OPTIONS "</value></field><field "
            "var='pubsub#max_items'><value>10</value></field></x></publish-options></pubsub></iq>",
            i, i, big[i]);
    host_forget(anna);
    host_say(anna, "<iq type='get' id='get'><pubsub xmlns='" NS_PUBSUB "'><items node='n'/></pubsub></iq>");
    check_row(host_heard(anna, big[0]) && host_heard(anna, big[1]), "XEP-0060 §6.5: items of 100,000 bytes come whole",
        "%zu bytes", anna->out.len);

    host_forget(anna);
    big[0][60000] = 0;
    for (int i = 0; i < 100; i++)
        host_say(jonas, "<message to='anna@" DOMAIN "' type='chat' id='m%d'><body>%s</body></message>", i, big[0]);
    host_say(anna, "<presence/>");
    check_row(host_heard_times(anna, "<message ") == 100, "XEP-0160 §3: 100 messages of 60,000 bytes that waited come",
        "%zu came", host_heard_times(anna, "<message "));
    host_forget(anna);
    host_say(anna,
        "<iq type='set' id='a'><query xmlns='" NS_MAM "'><set xmlns='" NS_RSM "'><max>200</max></set></query></iq>");
    check_row(!anna->closed && host_heard(anna, "<fin ") && !host_heard(anna, "complete='true'")
            && host_heard_times(anna, "<result ") > 10,
        "XEP-0059 §2.1: a page of large messages holds fewer than were asked for", "%zu rows, %zu bytes",
        host_heard_times(anna, "<result "), anna->out.len);
    rig_done(&rig);
}

/* --- what peers can grow --- */

static void test_limits(void)
{
    struct rig rig;
    struct host_conn *anna, *jonas;
    char text[20001];

    rig_init(&rig, 1);
    set_option(&rig, "roster.items_max", 10);
    set_option(&rig, "account.bytes_max", 1 << 20);
    set_option(&rig, "session.queue_bytes", 4 << 20);
    anna = client(&rig, "anna", "desk");
    jonas = client(&rig, "jonas", "desk");
    for (int i = 0; i < 30; i++) {
        host_say(anna, "<presence type='subscribe' to='a%d@" DOMAIN "'/>", i);
        host_say(anna, "<presence type='subscribed' to='b%d@" DOMAIN "'/>", i);
    }
    host_forget(anna);
    host_say(anna, "<iq type='get' id='get'><query xmlns='" NS_ROSTER "'/></iq>");
    check_row(host_heard_times(anna, "<item ") == 10, "roster.items_max holds for what subscriptions add, too",
        "%zu items", host_heard_times(anna, "<item "));

    memset(text, 'x', 20000);
    text[20000] = 0;
    for (int i = 0; i < 100; i++)
        host_say(anna,
            "<iq type='set' id='p%d'><pubsub xmlns='" NS_PUBSUB
            "'><publish node='n%d'><item id='i'><e xmlns='urn:e'>%s</e>"
            "</item></publish></pubsub></iq>",
            i, i, text);
    check_row(host_heard_times(anna, "resource-constraint") > 40, "account.bytes_max ends what an account can publish",
        "%zu refused", host_heard_times(anna, "resource-constraint"));
    host_say(jonas, "<message to='anna@" DOMAIN "' type='chat' id='m'><body>noch da?</body></message>");
    host_forget(anna);
    host_say(anna, "<presence/>");
    check_row(
        host_heard(anna, "noch da?"), "an account that is full gets its messages all the same", "%s", "it did not");
    host_close(anna);
    host_wait(rig.host, 60000);
    anna = client(&rig, "anna", "desk");
    check_row(anna != NULL, "and its owner can log in when its data was read anew", "%s", "");

    host_say(anna, "<enable xmlns='" NS_SM "' resume='true'/><presence/>");
    host_forget(anna);
    for (int i = 0; i < 250; i++)
        host_say(jonas, "<message to='anna@" DOMAIN "' type='chat' id='m%d'><body>%s</body></message>", i, text);
    check_row(anna->closed && host_heard(anna, "policy-violation"),
        "session.queue_bytes ends a session that never acknowledges", "%zu came", host_heard_times(anna, "<message "));
    anna = client(&rig, "anna", "desk");
    host_say(anna, "<presence/>");
    check_row(host_heard_times(anna, "<message ") >= 250, "and nothing of what it did not acknowledge is lost",
        "%zu came", host_heard_times(anna, "<message "));
    rig_done(&rig);
}

/* One element of each kind next to the other: what takes them out looks at each once. */
static void test_many_elements(void)
{
    struct rig rig;
    struct host_conn *anna;
    struct ks_buf text;

    rig_init(&rig, 1);
    anna = client(&rig, "anna", "desk");
    ks_buf_init(&text, SIZE_MAX);
    ks_buf_z(&text, "<message xmlns:h='" NS_HINTS "' xmlns:s='" NS_SID "' xmlns:c='" NS_CARBONS "' type='chat'>");
    while (text.len < 500000)
        ks_buf_z(&text, "<h:a/><s:stanza-id/><c:sent/> ");
    ks_buf_z(&text, "<body>x</body></message>");
    host_say(anna, "<presence/>");
    host_feed(anna, ks_buf_str(&text));
    host_settle(rig.host);
    check_row(host_heard_times(anna, "<a xmlns='" NS_HINTS "'/>") > 16000 && !host_heard(anna, "<stanza-id/>")
            && !host_heard(anna, "<sent"),
        "XEP-0359 §5, XEP-0280 §11: 16,000 forged elements are taken out from between 16,000 others", "%.*s",
        KS_STR_FMT(ks_str_head(ks_buf_str(&anna->out), 2000)));
    ks_buf_done(&text);
    rig_done(&rig);
}

/* --- a store that fails --- */

static bool loads_fail;
static const struct ks_server_store_ops *real_ops;
static struct ks_server_store_ops ops; /* the store's, with what fails */

static enum ks_err account_find(
    struct ks_server_store *s, struct ks_str domain, struct ks_str local, ks_visit_account *visit, void *user)
{
    return loads_fail ? KS_ENOMEM : real_ops->account_find(s, domain, local, visit, user);
}

/* Accounts' data leaves the memory after a second, and from then on cannot be read. */
static void begin_to_fail(struct rig *rig)
{
    host_wait(rig->host, 3000);
    loads_fail = true;
}

static void rig_init_failing(struct rig *rig)
{
    loads_fail = false;
    rig_init(rig, 2);
    set_option(rig, "account.forget", 1);
    real_ops = rig->store->ops;
    ops = *real_ops;
    ops.account_find = account_find;
    rig->store->ops = &ops;
}

static uint64_t sessions(struct rig *rig)
{
    uint64_t count = 0;

    for (uint16_t i = 0; i < rig->host->reactor_count; i++) {
        struct ks_reactor_stats stats;
        ks_reactor_stats(rig->host->reactors[i], &stats);
        count += stats.sessions;
    }
    return count;
}

static void test_unreadable(void)
{
    struct rig rig;
    struct host_conn *anna, *jonas;

    rig_init_failing(&rig);
    anna = host_login(rig.host, DOMAIN, "anna", PASSWORD);
    begin_to_fail(&rig);
    host_say(anna, "<iq type='set' id='bind'><bind xmlns='" NS_BIND "'/></iq>");
    check_row(anna->closed && host_heard(anna, "<resource-constraint"),
        "RFC 6120 §4.9.3.17: binding to an account that cannot be read ends the stream", "%.*s",
        KS_STR_FMT(ks_buf_str(&anna->out)));
    host_conn_free(anna);

    anna = host_connect(rig.host, 1);
    host_say(anna,
        "<stream:stream to='" DOMAIN "' version='1.0' xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM
        "'><starttls xmlns='" NS_TLS "'/>");
    host_secure(anna);
    host_say(anna,
        "<stream:stream to='" DOMAIN "' version='1.0' xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "'>"
        "<auth xmlns='" NS_SASL "' mechanism='SCRAM-SHA-1'>biwsbj1hbm5hLHI9eHh4eHh4eHh4eHh4eHh4eHh4eHg=</auth>");
    check_row(host_heard(anna, "<temporary-auth-failure"),
        "RFC 6120 §6.5.9: so does logging in, and the stream goes on", "%.*s", KS_STR_FMT(ks_buf_str(&anna->out)));
    host_conn_free(anna);

    loads_fail = false;
    anna = client(&rig, "anna", "desk");
    check_row(sessions(&rig) == 1, "control: a session is counted", "%d", (int)sessions(&rig));
    begin_to_fail(&rig);
    host_close(anna);
    host_settle(rig.host);
    check_row(sessions(&rig) == 0, "a session ends, though nobody can be told", "%d", (int)sessions(&rig));

    loads_fail = false;
    anna = client(&rig, "anna", "desk");
    jonas = client(&rig, "jonas", "desk");
    host_say(jonas, "<presence/>");
    rig.host->store_held = true;
    host_say(anna, "<message to='jonas@" DOMAIN "' type='chat' id='m'><body>x</body></message>");
    begin_to_fail(&rig);
    rig.host->store_held = false;
    host_settle(rig.host);
    check_row(host_heard(jonas, "<body>x") && !host_heard(anna, "error"),
        "a message that arrived is not reported as lost, though the sender's account cannot be read for its carbons",
        "%.*s", KS_STR_FMT(ks_buf_str(&anna->out)));
    rig_done(&rig);
}

/* XEP-0198 §4: h counts from <enable/> on, whatever of before is still under way. */
static void test_counts(void)
{
    struct rig rig;
    struct host_conn *anna;

    rig_init(&rig, 1);
    anna = client(&rig, "anna", "desk");
    rig.host->store_held = true;
    host_say(anna, "<iq type='set' id='r'><query xmlns='" NS_ROSTER "'><item jid='x@" DOMAIN "'/></query></iq>");
    host_say(anna, "<enable xmlns='" NS_SM "'/>");
    host_say(anna, "<message to='jonas@" DOMAIN "' type='chat' id='m'><body>x</body></message>");
    rig.host->store_held = false;
    host_turn(rig.host); /* the roster is stored, and jonas is read */
    rig.host->store_held = true;
    host_settle(rig.host);
    check_row(host_heard(anna, "id='r'") && !host_heard(anna, "<a "),
        "XEP-0198 §4: a stanza of before <enable/> that is handled late is not taken for one of after it", "%.*s",
        KS_STR_FMT(ks_buf_str(&anna->out)));
    rig.host->store_held = false;
    host_settle(rig.host);
    check_row(host_heard(anna, "h='1'"), "and that one is counted when it is durable", "%.*s",
        KS_STR_FMT(ks_buf_str(&anna->out)));
    rig_done(&rig);
}

/* --- memory that runs out --- */

static void play(struct rig *rig, struct host_conn *anna, struct host_conn *jonas)
{
    host_say(jonas, "<presence><c xmlns='" NS_CAPS "' hash='sha-1' node='n' ver='v'/></presence>");
    host_say(anna, "<enable xmlns='" NS_SM "' resume='true'/><presence/>");
    host_say(anna, "<iq type='set' id='c'><enable xmlns='" NS_CARBONS "'/></iq>");
    host_say(anna, "<iq type='get' id='g'><query xmlns='" NS_ROSTER "'/></iq>");
    host_say(anna, "<presence type='subscribe' to='jonas@" DOMAIN "'/>");
    host_say(jonas, "<presence type='subscribed' to='anna@" DOMAIN "'/>");
    host_say(anna,
        "<iq type='set' id='p'><pubsub xmlns='" NS_PUBSUB "'><publish node='n'><item id='i'><e xmlns='urn:e'/></item>"
        "</publish></pubsub></iq>");
    host_say(anna, "<message to='jonas@" DOMAIN "' type='chat' id='m'><body>x</body></message>");
    host_say(jonas, "<message to='anna@" DOMAIN "' type='chat' id='m'><body>x</body></message>");
    host_say(anna, "<iq type='set' id='a'><query xmlns='" NS_MAM "'/></iq>");
    host_say(anna, "<iq type='get' id='d' to='" DOMAIN "'><query xmlns='" NS_DISCO_INFO "'/></iq>");
    host_close(anna);
    host_wait(rig->host, 400000);
    host_close(jonas);
    host_settle(rig->host);
}

/* Two who write to each other at the same moment, when the disk is full: the refusal of the one waits behind the
 * other's transaction, which fails as well. */
static void test_crossing(void)
{
    struct rig rig;
    struct host_conn *anna, *jonas;

    rig_init(&rig, 4);
    anna = client(&rig, "anna", "desk");
    jonas = client(&rig, "jonas", "desk");
    host_say(anna, "<enable xmlns='" NS_SM "'/><presence/>");
    host_say(jonas, "<enable xmlns='" NS_SM "'/><presence/>");
    ks_memory_server_store_room(rig.store, 0);
    host_feed(anna, KS_STR("<message to='jonas@" DOMAIN "' type='chat' id='a1'><body>1</body></message>"));
    host_feed(jonas, KS_STR("<message to='anna@" DOMAIN "' type='chat' id='j1'><body>2</body></message>"));
    host_settle(rig.host);
    check_row(
        host_heard_times(anna, "type='error' id='a1'") == 1 && host_heard_times(jonas, "type='error' id='j1'") == 1,
        "RFC 6120 §8.3: when the disk is full, both of two crossing messages are refused, once", "%zu and %zu errors",
        host_heard_times(anna, "type='error' id='a1'"), host_heard_times(jonas, "type='error' id='j1'"));
    check_row(!host_heard(anna, "id='j1'") && !host_heard(jonas, "id='a1'"), "and neither is delivered", "one is");
    ks_memory_server_store_room(rig.store, SIZE_MAX);
    host_say(anna, "<message to='jonas@" DOMAIN "' type='chat' id='a2'><body>3</body></message>");
    check_row(host_heard(jonas, "id='a2'"), "with room again, messages arrive", "it did not");
    rig_done(&rig);
}

/* START=n: only that allocation fails, to look at with a debugger. */
static void test_memory(void)
{
    const char *only = getenv("START");
    struct rig rig;
    uint64_t left;
    int n = only ? atoi(only) : 1;
    bool more;

    if (only && fail_nth(1))
        free(ks_str_dup(KS_STR("x"))); /* strikes */
    do {
        struct host_conn *anna, *jonas;
        rig_init(&rig, 2);
        anna = client(&rig, "anna", "desk");
        jonas = client(&rig, "jonas", "desk");
        more = fail_nth(n);
        play(&rig, anna, jonas);
        (void)fail_stop();
        host_wait(rig.host, 700000);
        left = sessions(&rig);
        rig_done(&rig);
        n++;
    } while (more && !left && !only);
    check_row(
        (n > 200 || only) && !left, "whichever allocation fails, all sessions end and nothing is left", "at %d", n);
}

/* The one allocation that a session's end begins with. */
static void test_late_end(void)
{
    struct rig rig;
    struct host_conn *anna, *jonas;

    rig_init(&rig, 1);
    anna = client(&rig, "anna", "desk");
    jonas = client(&rig, "jonas", "desk");
    host_say(jonas, "<presence/>");
    host_say(anna, "<presence to='jonas@" DOMAIN "'/>");
    check_row(host_heard(jonas, "from='anna@" DOMAIN "/desk'"), "control: presence arrives", "it does not");
    host_forget(jonas);
    (void)fail_nth(1);
    host_close(anna);
    bool struck = fail_stop();
    host_settle(rig.host);
    check_row(struck && sessions(&rig) == 2 && !host_heard(jonas, "<presence"),
        "session.h: without memory nobody hears that a session ended", "%d sessions", (int)sessions(&rig));
    anna = client(&rig, "anna", "desk");
    check_row(sessions(&rig) == 3, "session.h: its resource is free all the same", "%d sessions", (int)sessions(&rig));
    host_wait(rig.host, 60000);
    check_row(sessions(&rig) == 2 && host_heard_times(jonas, "type='unavailable'") == 1,
        "session.h: with memory again they do, once", "%d sessions: %.*s", (int)sessions(&rig),
        KS_STR_FMT(ks_buf_str(&jonas->out)));
    rig_done(&rig);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    if (getenv("START")) {
        test_memory();
        return check_done();
    }
    test_much();
    test_limits();
    test_many_elements();
    test_unreadable();
    test_counts();
    test_crossing();
    test_late_end();
    test_memory();
    return check_done();
}
