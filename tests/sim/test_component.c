/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* XEP-0114: a component beside a whole konsild. What a client says to it and hears of it is a client's stream as ever;
 * a component's proof follows from the stream's id, which no script can know. */
#include "../unit/check.h"

#include "crypto.h"
#include "ns.h"
#include "rig.h"

#define COMPONENT "sms.offen.example"
#define SECRET "acht und zwanzig Zeichen lang"
#define HEADER(to) "<stream:stream xmlns='" NS_COMPONENT "' xmlns:stream='" NS_STREAM "' to='" to "'>"

static void set_text(struct ks_config *config, const char *name, const char *value)
{
    if (ks_config_set_text(config, ks_config_domain(config, KS_STR(DOMAIN)), ks_str_z(name), ks_str_z(value)))
        abort();
}

static void rig_init(struct rig *rig, uint16_t reactors)
{
    struct ks_config *config = host_config();

    set_text(config, "component.host", COMPONENT);
    set_text(config, "component.secret", SECRET);
    rig_open(rig, config, reactors);
    host_add_account(rig->host, DOMAIN, "anna", "Anna", "p");
    host_add_account(rig->host, DOMAIN, "bert", "Bert", "p");
    host_add_account(rig->host, "klinik.example", "jonas", "Jonas", "p");
    rig->anna = host_bound(rig->host, DOMAIN, "anna", "p", "desk");
    host_say(rig->anna, "<presence/>");
    host_forget(rig->anna);
}

/* When it is not so, all that was heard by those who are there. */
static void check(const struct rig *rig, bool ok, const char *name)
{
    check_row(ok, name, "what follows was heard");
    for (const struct host_conn *at = rig->host->conns; !ok && at; at = at->next)
        printf("# heard: %.*s\n", KS_STR_FMT(ks_buf_str(&at->out)));
}

/* --- login --- */

static struct host_conn *shake_hands(struct rig *rig, const char *secret)
{
    char proof[41];
    struct host_conn *conn = host_component(rig->host, COMPONENT, secret, proof);

    host_say(conn, "<handshake>%s</handshake>", proof);
    return conn;
}

static struct host_conn *component(struct rig *rig)
{
    struct host_conn *conn = shake_hands(rig, SECRET);

    if (!host_heard(conn, "<handshake/>"))
        abort();
    host_forget(conn);
    return conn;
}

static void test_login(void)
{
    static const struct {
        const char *name, *said, *heard;
    } bad[] = {
        { "XEP-0114 §3: a host that is no component is <host-unknown/>, behind a header", HEADER(DOMAIN),
            "<host-unknown" },
        { "XEP-0114 §3: nobody's is, too", HEADER("nirgends.example"), "<host-unknown" },
        { "XEP-0114 §3: a client's namespace is <invalid-namespace/>",
            "<stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "' to='" COMPONENT "'>",
            "<invalid-namespace" },
        { "without 'to' it is <improper-addressing/>",
            "<stream:stream xmlns='" NS_COMPONENT "' xmlns:stream='" NS_STREAM "'>", "<improper-addressing" },
        { "a stanza before the handshake is <not-authorized/>",
            HEADER(COMPONENT) "<message from='a@" COMPONENT "' to='anna@" DOMAIN "'><body>x</body></message>",
            "<not-authorized" },
        { "an empty handshake is no proof", HEADER(COMPONENT) "<handshake/>", "<not-authorized" },
        { "STARTTLS has nothing to do here", HEADER(COMPONENT) "<starttls xmlns='" NS_TLS "'/>",
            "<unsupported-stanza-type" },
    };
    struct rig rig;
    struct host_conn *conn, *other;

    for (uint16_t reactors = 1; reactors <= 4; reactors += 3) {
        rig_init(&rig, reactors);
        conn = host_connect_component(rig.host);
        host_say(conn, HEADER(COMPONENT));
        check(&rig, host_heard(conn, "xmlns='" NS_COMPONENT "'") && host_heard(conn, "from='" COMPONENT "'"),
            "XEP-0114 §3: the header that answers is of the component's namespace, and from its host");
        check(&rig, !host_heard(conn, "features"), "XEP-0114 §3: and offers nothing");
        conn = shake_hands(&rig, SECRET);
        check(&rig, host_heard(conn, "<handshake/>") && !conn->closed,
            "XEP-0114 §3: who proves to know the secret is answered with an empty <handshake/>");
        other = shake_hands(&rig, SECRET);
        check(&rig, host_heard(other, "<conflict") && other->closed && !conn->closed,
            "XEP-0114 §3: a second one is <conflict/>, and the first stays");
        host_close(conn);
        conn = shake_hands(&rig, SECRET);
        check(&rig, host_heard(conn, "<handshake/>"), "when the first is gone another one may come");
        other = shake_hands(&rig, SECRET "!");
        check(&rig, host_heard(other, "<not-authorized") && other->closed,
            "XEP-0114 §3: a wrong proof is <not-authorized/>");
        for (size_t i = 0; i < KS_COUNT(bad); i++) {
            other = host_connect_component(rig.host);
            host_say(other, "%s", bad[i].said);
            check_row(host_heard(other, bad[i].heard) && host_heard(other, "<stream:stream") && other->closed,
                bad[i].name, "%.*s", KS_STR_FMT(ks_buf_str(&other->out)));
        }
        rig_done(&rig);
    }
}

/* --- stanzas --- */

static void test_stanzas(void)
{
    struct rig rig;
    struct host_conn *sms;

    rig_init(&rig, 4);
    sms = component(&rig);
    host_say(
        rig.anna, "<message to='491711234567@" COMPONENT "/x' type='chat' id='m1'><body>Komme später</body></message>");
    check(&rig,
        host_heard(sms, "to='491711234567@" COMPONENT "/x'") && host_heard(sms, "from='anna@" DOMAIN "/desk'")
            && host_heard(sms, "Komme später"),
        "XEP-0114 §3: what is for any address of the host goes to the component");
    host_forget(sms);
    host_say(sms,
        "<message from='491711234567@" COMPONENT "' to='anna@" DOMAIN
        "' type='chat' id='m2'><body>Gut</body></message>");
    check(&rig, host_heard(rig.anna, "from='491711234567@" COMPONENT "'") && host_heard(rig.anna, "<body>Gut</body>"),
        "XEP-0114 §3: what it says from any address of its host arrives");
    host_forget(rig.anna);
    host_say(sms,
        "<message xmlns='" NS_COMPONENT "' from='4917@" COMPONENT "' to='anna@" DOMAIN
        "' id='m3'><body>Auch so</body></message>");
    check(&rig, host_heard(rig.anna, "<body>Auch so</body>") && !host_heard(rig.anna, NS_COMPONENT),
        "XEP-0114 §4: with the namespace written out, too, and to a client it is a client's");
    host_forget(rig.anna);
    host_say(rig.anna, "<iq type='set' id='q1'><query xmlns='" NS_MAM "'/></iq>");
    check(&rig, host_heard_times(rig.anna, "Komme später") == 1 && host_heard_times(rig.anna, "Gut") == 1,
        "XEP-0313: both ways it stands in the account's archive, once");
    host_forget(rig.anna);
    host_say(sms, "<iq type='get' id='p1' from='" COMPONENT "' to='" DOMAIN "'><ping xmlns='" NS_PING "'/></iq>");
    check(&rig, host_heard(sms, "type='result'") && host_heard(sms, "id='p1'"),
        "it may ask the domain whether it is there");
    host_forget(sms);
    host_say(
        sms, "<iq type='get' id='d1' from='" COMPONENT "' to='" DOMAIN "'><query xmlns='" NS_DISCO_INFO "'/></iq>");
    check(&rig, host_heard(sms, "category='server'"), "and what it can");
    host_forget(sms);
    host_say(sms,
        "<iq type='get' id='u1' from='x@" COMPONENT "' to='" DOMAIN "'><request xmlns='" NS_UPLOAD
        "' filename='x' size='5'/></iq>");
    check(&rig, host_heard(sms, "service-unavailable"), "but gets nothing there that is for accounts");
    host_forget(sms);
    host_say(rig.anna, "<iq type='get' id='d2' to='" COMPONENT "'><query xmlns='" NS_DISCO_INFO "'/></iq>");
    check(&rig, host_heard(sms, "id='d2'"), "XEP-0114 §3: what is for the host itself goes to it");
    host_say(sms,
        "<iq type='result' id='d2' from='" COMPONENT "' to='anna@" DOMAIN "/desk'><query xmlns='" NS_DISCO_INFO
        "'><identity category='gateway' type='sms'/></query></iq>");
    check(&rig, host_heard(rig.anna, "category='gateway'"), "and is answered by it");
    host_forget(rig.anna);
    host_say(rig.anna, "<iq type='get' id='d3' to='" DOMAIN "'><query xmlns='" NS_DISCO_ITEMS "'/></iq>");
    check(&rig, host_heard(rig.anna, "jid='" COMPONENT "'"),
        "XEP-0030 §4.1: the domain names it among what is beside it");
    host_forget(rig.anna);
    host_say(rig.anna, "<presence type='subscribe' to='4917@" COMPONENT "'/>");
    check(&rig, host_heard(sms, "type='subscribe'") && host_heard(sms, "to='4917@" COMPONENT "'"),
        "RFC 6121 §3.1: a request to see presence reaches it");
    host_say(sms, "<presence from='4917@" COMPONENT "' to='anna@" DOMAIN "' type='subscribed'/>");
    host_say(sms, "<presence from='4917@" COMPONENT "/sms' to='anna@" DOMAIN "'/>");
    check(&rig, host_heard(rig.anna, "from='4917@" COMPONENT "/sms'"), "RFC 6121 §4.4: and its presence the contact");
    rig_done(&rig);
}

/* --- what it may not --- */

static void test_limits(void)
{
    struct rig rig;
    struct host_conn *sms, *jonas;

    rig_init(&rig, 4);
    jonas = host_bound(rig.host, "klinik.example", "jonas", "p", "desk");
    host_say(jonas, "<presence/>");
    host_forget(jonas);
    sms = component(&rig);
    host_say(sms, "<message from='4917@" COMPONENT "' to='jonas@klinik.example' id='a'><body>x</body></message>");
    check(&rig, host_heard(sms, "policy-violation") && !host_heard(jonas, "4917"),
        "a protected domain hears nothing of a component");
    host_forget(sms);
    host_say(sms, "<presence from='4917@" COMPONENT "' to='jonas@klinik.example' type='subscribe'/>");
    check(&rig, host_heard(sms, "policy-violation") && !host_heard(jonas, "4917"), "no request to see presence either");
    host_forget(sms);
    host_say(jonas, "<message to='4917@" COMPONENT "' type='chat' id='b'><body>Befund</body></message>");
    check(&rig, !host_heard(sms, "Befund") && host_heard(jonas, "policy-violation"),
        "encrypted is always: nothing that is said in a protected domain leaves it for a component");
    host_say(sms,
        "<presence from='4917@" COMPONENT "/Anna' to='konferenz@rooms." DOMAIN "/Anna'><x xmlns='" NS_MUC
        "'/></presence>");
    check(&rig, host_heard(sms, "not-allowed"), "rooms are for accounts of their domain");
    host_forget(sms);
    host_say(sms, "<message from='4917@" COMPONENT "' to='anna@nirgends.example' id='c'><body>x</body></message>");
    check(&rig, host_heard(sms, "remote-server-not-found"), "what is not ours is not there");
    host_forget(sms);
    host_say(sms,
        "<message from='4917@" COMPONENT "' to='anna@" DOMAIN "' id='d'><body>x</body><received xmlns='" NS_CARBONS
        "'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='" NS_CLIENT "' from='jonas@" DOMAIN
        "'><body>gefälscht</body></message></forwarded></received><stanza-id xmlns='" NS_SID "' by='anna@" DOMAIN
        "' id='1'/><x xmlns='" NS_MUC_USER "'><invite from='anna@" DOMAIN "'/></x></message>");
    check(&rig,
        host_heard(rig.anna, "id='d'") && !host_heard(rig.anna, "gefälscht") && !host_heard(rig.anna, NS_MUC_USER),
        "XEP-0280 §11, XEP-0045 §7.8.2: what only a server says is taken out");
    check(&rig, host_heard_times(rig.anna, "<stanza-id") == 1, "XEP-0359 §5: and so is a forged <stanza-id/>");
    host_say(sms, "<message from='anna@" DOMAIN "' to='anna@" DOMAIN "' id='e'><body>falsch</body></message>");
    check(&rig, host_heard(sms, "<invalid-from") && sms->closed && !host_heard(rig.anna, "falsch"),
        "XEP-0114 §3: whoever writes another host's name in 'from' is <invalid-from/>");
    sms = component(&rig);
    host_say(sms, "<message to='anna@" DOMAIN "' id='f'><body>falsch</body></message>");
    check(&rig, host_heard(sms, "<invalid-from") && sms->closed, "XEP-0114 §3: without 'from', too");
    sms = component(&rig);
    host_say(sms, "<message from='4917@" COMPONENT "' id='g'><body>falsch</body></message>");
    check(&rig, host_heard(sms, "<improper-addressing") && sms->closed,
        "XEP-0114 §3: and without 'to' <improper-addressing/>");
    host_forget(rig.anna);
    host_say(rig.anna, "<message to='4917@" COMPONENT "' type='chat' id='h'><body>Ist jemand da?</body></message>");
    check(&rig, host_heard(rig.anna, "remote-server-timeout") && host_heard(rig.anna, "type='wait'"),
        "RFC 6120 §8.3.3.17: while it is away, a message to it comes back");
    host_forget(rig.anna);
    host_say(rig.anna, "<iq type='set' id='q1'><query xmlns='" NS_MAM "'/></iq>");
    check(&rig, !host_heard(rig.anna, "Ist jemand da?"), "and stands in no archive");
    rig_done(&rig);
}

/* A quotation mark is a byte of what is said, and six of what is written for others: &quot; */
static void say_quotes(struct host_conn *sms, const char *body, size_t elements)
{
    char *quotes = calloc(elements, 16100), *at = quotes;

    if (!quotes)
        abort();
    for (size_t i = 0; i < elements; i++) {
        at = stpcpy(at, "<x xmlns='k' a='");
        memset(at, '"', 16000);
        at = stpcpy(at + 16000, "'/>");
    }
    host_say(sms, "<message from='4917@" COMPONENT "' to='anna@" DOMAIN "' id='a'><body>%s</body>%s</message>", body,
        quotes);
    free(quotes);
}

static void test_large(void)
{
    struct rig rig;
    struct host_conn *sms;

    rig_init(&rig, 4);
    sms = component(&rig);
    say_quotes(sms, "zu viel", 24);
    check(&rig, host_heard(sms, "policy-violation") && !sms->closed && !host_heard(rig.anna, "zu viel"),
        "RFC 6120 §8.3.3.12: what nobody could read, as it is written, is not sent on");
    say_quotes(sms, "genug", 12);
    check(&rig, host_heard(rig.anna, "genug"), "(positive control: half of it is)");
    rig_done(&rig);
}

/* XEP-0357: a push service is what components are mostly for. */
static void test_push(void)
{
    struct rig rig;
    struct host_conn *push, *jonas;

    rig_init(&rig, 4);
    jonas = host_bound(rig.host, "klinik.example", "jonas", "p", "phone");
    push = component(&rig);
    host_say(rig.anna, "<iq type='set' id='e'><enable xmlns='" NS_PUSH "' jid='" COMPONENT "' node='n1'/></iq>");
    host_say(jonas, "<iq type='set' id='e'><enable xmlns='" NS_PUSH "' jid='" COMPONENT "' node='n2'/></iq>");
    check(&rig, host_heard(rig.anna, "type='result'") && host_heard(jonas, "type='result'"),
        "XEP-0357 §5: a component may be the push service of people here, and of those of a protected domain");
    host_close(rig.anna);
    host_forget(push);
    rig.anna = host_bound(rig.host, DOMAIN, "bert", "p", "desk");
    host_say(rig.anna, "<message to='anna@" DOMAIN "' type='chat' id='m'><body>geheim</body></message>");
    check(&rig, host_heard(push, "node='n1'") && !host_heard(push, "geheim") && !host_heard(push, "<body"),
        "XEP-0357 §7: it is told that there is something, and not what");
    rig_done(&rig);
}

/* Its window closes and opens: nothing of many is lost, and memory is bounded by it. */
static void test_many(void)
{
    struct rig rig;
    struct host_conn *sms;

    rig_init(&rig, 4);
    sms = component(&rig);
    rig.host->store_held = true;
    for (int i = 0; i < 700; i++)
        host_say(sms, "<message from='4917@" COMPONENT "' to='anna@" DOMAIN "' id='n%d'><body>x</body></message>", i);
    check(
        &rig, !host_heard(rig.anna, "<body>x</body>"), "acknowledged is durable: nothing arrives before it is stored");
    rig.host->store_held = false;
    host_settle(rig.host);
    check(&rig, host_heard_times(rig.anna, "<body>x</body>") == 700,
        "of 700 at once, past its window, each arrives once");
    rig_done(&rig);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    test_login();
    test_stanzas();
    test_limits();
    test_large();
    test_push();
    test_many();
    return check_done();
}
