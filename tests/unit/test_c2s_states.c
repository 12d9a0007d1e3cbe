/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Every state of a client stream with every element: what is allowed goes on, everything else closes the stream with
 * the error that RFC 6120 §4.9.3 names, and a closed stream is deaf. */
#include "c2s.h"
#include "check.h"
#include "client.h"

/* What a stream does with an element. */
enum outcome {
    GOES_ON,        /* it stays open */
    NOT_AUTHORIZED, /* §4.9.3.12 */
    UNSUPPORTED,    /* §4.9.3.24 */
    CLOSES,         /* without an error */
    POLICY,         /* §4.9.3.14 */
    DEAF,           /* nothing is said */
};

static const char *const outcome_texts[] = {
    [NOT_AUTHORIZED] = "<not-authorized ", [UNSUPPORTED] = "<unsupported-stanza-type ", [POLICY] = "<policy-violation "
};

enum { PLAIN, SECURE, AUTHED, BOUND, CLOSED, STATES };
static const char *const state_names[STATES] = { "in clear", "under TLS", "logged in", "bound", "closed" };

#define SASL "xmlns='" NS_SASL "'"
#define SASL2 "xmlns='" NS_SASL2 "'"
static const struct {
    const char *name, *xml;
    enum outcome outcome[STATES];
} elements[] = {
    { "RFC 6120 §5.4.2.1: <starttls/>", "<starttls xmlns='" NS_TLS "'/>",
        { GOES_ON, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "RFC 6120 §6.4.2: <auth/>", "<auth " SASL " mechanism='X'/>",
        { UNSUPPORTED, GOES_ON, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "RFC 6120 §6.4.3: <response/>", "<response " SASL ">=</response>",
        { UNSUPPORTED, GOES_ON, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "RFC 6120 §6.4.4: <abort/>", "<abort " SASL "/>", { UNSUPPORTED, GOES_ON, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "RFC 6120 §6.4.6: <success/>, which only servers say", "<success " SASL "/>",
        { UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "XEP-0388 §2.3: <authenticate/>", "<authenticate " SASL2 " mechanism='X'/>",
        { UNSUPPORTED, GOES_ON, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "XEP-0388 §2.5: <response/> to nothing", "<response " SASL2 "/>",
        { UNSUPPORTED, NOT_AUTHORIZED, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "XEP-0388 §6.5: <abort/> of nothing", "<abort " SASL2 "/>",
        { UNSUPPORTED, NOT_AUTHORIZED, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "XEP-0388 §2.6.3: <next/>, when no task was set", "<next " SASL2 " task='X'/>",
        { UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "XEP-0386 §3.2: <bind/> by itself", "<bind xmlns='" NS_BIND2 "'/>",
        { UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "XEP-0445 §4: <preauth/>",
        "<iq type='set' id='1'><preauth xmlns='" NS_PARS "' token='00112233445566778899aabbccddeeff616e6e61'/></iq>",
        { NOT_AUTHORIZED, GOES_ON, NOT_AUTHORIZED, GOES_ON, DEAF } },
    { "XEP-0077 §3.1: registration", "<iq type='get' id='1'><query xmlns='" NS_REGISTER "'/></iq>",
        { NOT_AUTHORIZED, GOES_ON, NOT_AUTHORIZED, GOES_ON, DEAF } },
    { "RFC 6120 §7.6: binding", "<iq type='set' id='1'><bind xmlns='" NS_BIND "'><resource>r</resource></bind></iq>",
        { NOT_AUTHORIZED, NOT_AUTHORIZED, GOES_ON, GOES_ON, DEAF } },
    { "RFC 6120 §7.1: another iq", "<iq type='get' id='1'><ping xmlns='" NS_PING "'/></iq>",
        { NOT_AUTHORIZED, NOT_AUTHORIZED, NOT_AUTHORIZED, GOES_ON, DEAF } },
    { "RFC 6120 §7.1: a malformed iq", "<iq/>", { NOT_AUTHORIZED, NOT_AUTHORIZED, NOT_AUTHORIZED, GOES_ON, DEAF } },
    { "RFC 6120 §7.1: a message", "<message to='anna@offen.example'/>",
        { NOT_AUTHORIZED, NOT_AUTHORIZED, NOT_AUTHORIZED, GOES_ON, DEAF } },
    { "RFC 6120 §7.1: a presence", "<presence/>", { NOT_AUTHORIZED, NOT_AUTHORIZED, NOT_AUTHORIZED, GOES_ON, DEAF } },
    { "XEP-0198 §5: <resume/>", "<resume xmlns='" NS_SM "' previd='x' h='0'/>",
        { UNSUPPORTED, UNSUPPORTED, GOES_ON, UNSUPPORTED, DEAF } },
    { "XEP-0198 §3: <enable/>", "<enable xmlns='" NS_SM "'/>", { UNSUPPORTED, UNSUPPORTED, GOES_ON, GOES_ON, DEAF } },
    { "XEP-0198 §3: <enable/> twice", "<enable xmlns='" NS_SM "'/><enable xmlns='" NS_SM "'/>",
        { UNSUPPORTED, UNSUPPORTED, GOES_ON, POLICY, DEAF } },
    { "XEP-0198 §4: <r/>", "<r xmlns='" NS_SM "'/>", { UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, GOES_ON, DEAF } },
    { "XEP-0198 §4: <a/>", "<a xmlns='" NS_SM "' h='0'/>", { UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, GOES_ON, DEAF } },
    { "XEP-0352 §4.2: <inactive/>", "<inactive xmlns='" NS_CSI "'/>",
        { UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, GOES_ON, DEAF } },
    { "XEP-0352 §4.2: <active/>, which it is already", "<active xmlns='" NS_CSI "'/>",
        { UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, GOES_ON, DEAF } },
    { "XEP-0352 §4: something else of its namespace", "<asleep xmlns='" NS_CSI "'/>",
        { UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "RFC 6120 §4.9.1: <stream:error/>", "<stream:error/>",
        { UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "RFC 6120 §4.9.3.24: something else", "<x xmlns='urn:example:x'/>",
        { UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "RFC 6120 §4.9.3.24: a stanza of no namespace", "<message xmlns=''/>",
        { UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, DEAF } },
    { "RFC 6120 §4.4: the closing tag", "</stream:stream>", { CLOSES, CLOSES, CLOSES, CLOSES, DEAF } },
};

/* A client that has come as far as this state. */
static struct host_conn *come_to(struct host *host, int state)
{
    struct host_conn *conn = host_connect(host, 1);

    client_header(conn, "offen.example");
    if (state >= SECURE) {
        client_say(conn, "<starttls xmlns='" NS_TLS "'/>");
        host_secure(conn);
        client_header(conn, "offen.example");
    }
    if (state >= AUTHED) {
        client_login(conn, "anna", "ein Kennwort");
        client_header(conn, "offen.example");
    }
    if (state >= BOUND)
        client_say(conn, "<iq type='set' id='b'><bind xmlns='" NS_BIND "'/></iq>");
    if (state == CLOSED)
        client_say(conn, "<x xmlns='urn:example:x'/>");
    ks_buf_reset(&conn->out);
    return conn;
}

static bool is_as(const struct host_conn *conn, enum outcome want)
{
    struct ks_str out = ks_buf_str(&conn->out);
    bool error = ks_str_find(out, KS_STR("<stream:error>")) < out.len;
    bool end = ks_str_ends(out, KS_STR("</stream:stream>"));

    switch (want) {
    case GOES_ON:
        return !conn->closed && !error && !end;
    case CLOSES:
        return conn->closed && !error && end;
    case DEAF:
        return conn->closed && out.len == 0;
    case NOT_AUTHORIZED:
    case UNSUPPORTED:
    case POLICY:
        return conn->closed && end && error && ks_str_find(out, ks_str_z(outcome_texts[want])) < out.len;
    }
    return false;
}

int main(void)
{
    struct ks_server_store *store = ks_memory_server_store_new();
    struct ks_config *config = host_config();
    struct host *host;

    if (ks_crypto_init() != KS_OK || !store)
        return 2;
    host = host_new(config, store, 1, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    host_add_account(host, "offen.example", "anna", "Anna", "ein Kennwort");
    for (size_t i = 0; i < KS_COUNT(elements); i++)
        for (int state = 0; state < STATES; state++) {
            struct host_conn *conn = come_to(host, state);
            char name[200];
            client_say(conn, elements[i].xml);
            snprintf(name, sizeof name, "%s, %s", elements[i].name, state_names[state]);
            check_row(is_as(conn, elements[i].outcome[state]), name, "%s; said: %.*s", conn->closed ? "closed" : "open",
                KS_STR_FMT(ks_buf_str(&conn->out)));
            host_conn_free(conn);
            host_settle(host);
        }
    host_free(host);
    ks_server_store_free(store);
    ks_config_unref(config);
    return check_done();
}
