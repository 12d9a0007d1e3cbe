/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* RFC 7395 in the server's core: what a client may send in which frames, and what it gets for what it may not. What is
 * said once a stream is open, the golden conversations say over WebSocket, too. */
#include "check.h"
#include "crypto.h"
#include "host.h"
#include "ns.h"
#include "ws_mask.h"
#include "ws_writer.h"

#define OPEN "<open xmlns='" NS_FRAMING "' to='offen.example' version='1.0'/>"
#define HEAD "T:<open xmlns='" NS_FRAMING "' version='1.0' xml:lang='en' id='X' from='offen.example'/>\n"
#define CLOSE "T:<close xmlns='" NS_FRAMING "'/>\n"

static struct host *host;
static struct ks_config *config;
static struct ks_server_store *store;
static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

static struct host_conn *come(void)
{
    struct host_conn *conn = host_connect_websocket(host, 1);

    host_secure(conn);
    return conn;
}

static void send_bytes(struct host_conn *conn, struct ks_str bytes)
{
    host_feed(conn, bytes);
    host_settle(host);
}

static void add_frame(struct ks_buf *buf, enum ks_ws_opcode opcode, struct ks_str payload)
{
    struct ks_buf frame;

    ks_buf_init(&frame, SIZE_MAX);
    ks_ws_write(&frame, opcode, payload);
    ws_mask_frame(buf, mask, ks_buf_str(&frame));
    ks_buf_done(&frame);
}

static void send_frame(struct host_conn *conn, enum ks_ws_opcode opcode, struct ks_str payload)
{
    struct ks_buf frame;

    ks_buf_init(&frame, SIZE_MAX);
    add_frame(&frame, opcode, payload);
    send_bytes(conn, ks_buf_str(&frame));
    ks_buf_done(&frame);
}

static void say(struct host_conn *conn, const char *text)
{
    send_frame(conn, KS_WS_OP_TEXT, ks_str_z(text));
}

/* The random id of a header is X. */
static void add_text(struct ks_buf *out, struct ks_str text)
{
    struct ks_str id = KS_STR(" id='");
    size_t at = ks_str_starts(text, KS_STR("<open ")) ? ks_str_find(text, id) : text.len;

    ks_buf_z(out, "T:");
    ks_buf_add(out, ks_str_head(text, at));
    if (at < text.len) {
        struct ks_str rest = ks_str_from(text, at + id.len);
        ks_buf_z(out, " id='X");
        ks_buf_add(out, ks_str_from(rest, ks_str_find_byte(rest, '\'')));
    }
    ks_buf_z(out, "\n");
}

/* What the server sent, a line for each frame: "T:" a text, "C:" a code, "P:" a pong. */
static struct ks_str heard(const struct host_conn *conn, struct ks_buf *out)
{
    struct ks_str left = ks_buf_str(&conn->out);

    ks_buf_reset(out);
    while (left.len >= 2) {
        const uint8_t *at = (const uint8_t *)left.ptr;
        size_t head_len = at[1] == 126 ? 4 : 2, len = at[1] == 126 ? (size_t)at[2] << 8 | at[3] : at[1];
        struct ks_str payload = ks_str_head(ks_str_from(left, head_len), len);
        if (at[0] == (0x80 | KS_WS_OP_TEXT))
            add_text(out, payload);
        else if (at[0] == (0x80 | KS_WS_OP_CLOSE))
            ks_buf_printf(out, "C:%u\n", payload.len ? (unsigned)at[head_len] << 8 | at[head_len + 1] : 0);
        else if (at[0] == (0x80 | KS_WS_OP_PONG))
            ks_buf_printf(out, "P:%.*s\n", KS_STR_FMT(payload));
        else
            ks_buf_printf(out, "frame %02x\n", at[0]);
        left = ks_str_from(left, head_len + len);
    }
    return ks_buf_str(out);
}

static bool has(struct ks_str text, const char *part)
{
    return ks_str_find(text, ks_str_z(part)) < text.len;
}

static void test_open(void)
{
    struct host_conn *conn = come();
    struct ks_buf out;

    ks_buf_init(&out, SIZE_MAX);
    say(conn, OPEN);
    struct ks_str text = heard(conn, &out);
    check_row(ks_str_starts(text, KS_STR(HEAD "T:<stream:features xmlns:stream='" NS_STREAM "'>")),
        "RFC 7395 §3.4: <open/> is answered by <open/> and by the features, each a message with its namespaces", "%.*s",
        KS_STR_FMT(text));
    check_row(has(text, "SCRAM-SHA-256-PLUS") && !has(text, "starttls"),
        "RFC 7395 §3.9: TLS is there already; channel binding is offered all the same", "%.*s", KS_STR_FMT(text));
    host_conn_free(conn);
    ks_buf_done(&out);
}

/* After a good <open/>: one text message, and what comes. */
static void test_messages(void)
{
    static const struct {
        const char *name, *text, *want;
    } rows[] = {
        { "RFC 7395 §3.6: <close/> is answered by <close/>, and WebSocket ends", "<close xmlns='" NS_FRAMING "'/>",
            CLOSE "C:1000\n" },
        { "RFC 7395 §3.3.3: two elements in a message are <not-well-formed/>", "<a xmlns='b'/><a xmlns='b'/>",
            "T:<stream:error xmlns:stream='" NS_STREAM "'><not-well-formed xmlns='" NS_STREAMS
            "'/></stream:error>\n" CLOSE "C:1000\n" },
        { "RFC 7395 §3.3.3: half an element is <not-well-formed/>", "<message><body>", "<not-well-formed " },
        { "RFC 7395 §3.3.3: a stream header of TCP is half an element",
            "<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAM "' to='offen.example' version='1.0'>",
            "<not-well-formed " },
        { "RFC 7395 §3.3.3: and its end is no element", "</stream:stream>", "<not-well-formed " },
        { "RFC 7395 §3.3.3: text is no element", "hello", "<not-well-formed " },
        { "RFC 6120 §11.1: a comment is <restricted-xml/>", "<!-- a --><message/>", "<restricted-xml " },
        { "RFC 6120 §11.1: so is a processing instruction", "<?xml version='1.0'?><message/>", "<restricted-xml " },
        { "RFC 6120 §11.1: so is a DTD", "<!DOCTYPE a><a/>", "<restricted-xml " },
        { "RFC 7395 §3.7: a second <open/> without a login between is <unsupported-stanza-type/>", OPEN,
            "<unsupported-stanza-type " },
        { "RFC 7395 §3.9: <starttls/> is <unsupported-stanza-type/>", "<starttls xmlns='" NS_TLS "'/>",
            "<unsupported-stanza-type " },
        { "RFC 6120 §4.9.3.12: a stanza before login is <not-authorized/>",
            "<message xmlns='jabber:client' to='a@offen.example'/>", "<not-authorized " },
        { "RFC 7395 §3.8: blanks are nothing", " \n", "" },
        { "an element of no name that we know is <unsupported-stanza-type/>", "<open xmlns='urn:x'/>",
            "<unsupported-stanza-type " },
    };
    struct ks_buf out;

    ks_buf_init(&out, SIZE_MAX);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct host_conn *conn = come();
        say(conn, OPEN);
        ks_buf_reset(&conn->out);
        say(conn, rows[i].text);
        struct ks_str text = heard(conn, &out);
        check_row(*rows[i].want ? has(text, rows[i].want) && conn->closed : !text.len && !conn->closed, rows[i].name,
            "%.*s", KS_STR_FMT(text));
        host_conn_free(conn);
    }
    ks_buf_done(&out);
}

/* Instead of a good <open/>. */
static void test_headers(void)
{
    static const struct {
        const char *name, *text, *want;
    } rows[] = {
        { "RFC 7395 §3.4: to a host that is not here it is <host-unknown/>, behind our <open/>",
            "<open xmlns='" NS_FRAMING "' to='woanders.example' version='1.0'/>",
            "from='klinik.example'/>\nT:<stream:error xmlns:stream='" NS_STREAM "'><host-unknown xmlns='" NS_STREAMS
            "'/></stream:error>\n" CLOSE "C:1000\n" },
        { "RFC 6120 §4.9.3.7: to nobody it is <improper-addressing/>", "<open xmlns='" NS_FRAMING "' version='1.0'/>",
            "<improper-addressing " },
        { "RFC 6120 §4.9.3.25: without a version it is <unsupported-version/>",
            "<open xmlns='" NS_FRAMING "' to='offen.example'/>", "<unsupported-version " },
        { "RFC 7395 §3.4: a stanza before it is <not-authorized/>", "<message xmlns='jabber:client'/>",
            "<not-authorized " },
        { "RFC 7395 §3.3: <stream/> in its place is refused",
            "<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAM "' to='offen.example' version='1.0'/>",
            "<not-authorized " },
        { "RFC 7395 §3.6: <close/> before it is answered by <open/> and <close/>", "<close xmlns='" NS_FRAMING "'/>",
            "from='klinik.example'/>\n" CLOSE "C:1000\n" },
    };
    struct ks_buf out;

    ks_buf_init(&out, SIZE_MAX);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct host_conn *conn = come();
        say(conn, rows[i].text);
        struct ks_str text = heard(conn, &out);
        check_row(ks_str_starts(text, KS_STR("T:<open ")) && has(text, rows[i].want) && conn->closed, rows[i].name,
            "%.*s", KS_STR_FMT(text));
        host_conn_free(conn);
    }
    ks_buf_done(&out);
}

/* Bytes after a good <open/>, as a frame or several. */
static void test_frames(void)
{
    static char large[20000];
    const struct ks_str element = KS_STR("<message xmlns='jabber:client'/>");
    struct ks_buf out, bytes;
    static const struct {
        const char *name, *bytes;
        size_t len;
        const char *want;
    } rows[] = {
        { "RFC 6455 §5.1: a frame without a mask is 1002", "\x81\x02hi", 4, "C:1002\n" },
        { "RFC 6455 §5.2: a compressed frame, which nobody agreed on, is 1002", "\xc1\x80\x00\x00\x00\x00", 6,
            "C:1002\n" },
        { "RFC 6455 §5.5: a control frame in fragments is 1002", "\x09\x80\x00\x00\x00\x00", 6, "C:1002\n" },
        { "RFC 6455 §5.5: a control frame of 126 bytes is 1002", "\x89\xfe\x00\x7e\x00\x00\x00\x00", 8, "C:1002\n" },
        { "RFC 6455 §5.4: a continuation of nothing is 1002", "\x80\x80\x00\x00\x00\x00", 6, "C:1002\n" },
        { "RFC 6455 §8.1: what is not UTF-8 is 1007, and <unsupported-encoding/>", "\x81\x82\x00\x00\x00\x00\xc3\x28",
            8, "C:1007\n" },
        { "RFC 7395 §3.2: a binary message is 1003", "\x82\x82\x00\x00\x00\x00hi", 8, "C:1003\n" },
        { "RFC 6455 §5.2: a length of 2^62 is 1009, before its bytes come",
            "\x81\xff\x40\x00\x00\x00\x00\x00\x00\x00\x00"
            "\x00\x00\x00",
            14, "C:1009\n" },
        { "RFC 6455 §5.5.1: a close without a code is answered by one", "\x88\x80\x00\x00\x00\x00", 6, "C:0\n" },
        { "RFC 6455 §5.5.1: a close is answered with its code", "\x88\x82\x00\x00\x00\x00\x03\xe9", 8, "C:1001\n" },
        { "RFC 6455 §7.4.1: a code that nobody may send is 1002", "\x88\x82\x00\x00\x00\x00\x03\xed", 8, "C:1002\n" },
        { "RFC 6455 §5.5.2: a ping is answered", "\x89\x82\x00\x00\x00\x00hi", 8, "P:hi\n" },
        { "RFC 6455 §5.5.3: a pong is not", "\x8a\x82\x00\x00\x00\x00hi", 8, "" },
    };

    ks_buf_init(&out, SIZE_MAX);
    ks_buf_init(&bytes, SIZE_MAX);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct host_conn *conn = come();
        say(conn, OPEN);
        ks_buf_reset(&conn->out);
        send_bytes(conn, ks_str(rows[i].bytes, rows[i].len));
        struct ks_str text = heard(conn, &out);
        check_row(*rows[i].want ? ks_str_ends(text, ks_str_z(rows[i].want)) : !text.len, rows[i].name, "%.*s",
            KS_STR_FMT(text));
        host_conn_free(conn);
    }
    struct host_conn *conn = come();
    say(conn, OPEN);
    ks_buf_reset(&conn->out);
    memset(large, 'a', sizeof large);
    send_frame(conn, KS_WS_OP_TEXT, ks_str(large, sizeof large));
    struct ks_str text = heard(conn, &out);
    check_row(has(text, "<policy-violation ") && ks_str_ends(text, KS_STR(CLOSE "C:1009\n")),
        "RFC 6120 §4.9.3.14: a message over the limit before login is <policy-violation/> and 1009", "%.*s",
        KS_STR_FMT(text));
    host_conn_free(conn);
    conn = come();
    send_bytes(conn, KS_STR("\x01\x81\x00\x00\x00\x00<"));
    send_bytes(conn, KS_STR("\x89\x81\x00\x00\x00\x00p"));
    ks_ws_write(&bytes, KS_WS_OP_CONTINUATION, ks_str_from(KS_STR(OPEN), 1));
    ks_buf_reset(&out);
    ws_mask_frame(&out, mask, ks_buf_str(&bytes));
    send_bytes(conn, ks_buf_str(&out));
    text = heard(conn, &out);
    check_row(ks_str_starts(text, KS_STR("P:p\n" HEAD)),
        "RFC 6455 §5.4: a message in fragments is one, and a ping between them is answered at once", "%.*s",
        KS_STR_FMT(text));
    host_conn_free(conn);
    conn = come();
    ks_buf_reset(&bytes);
    add_frame(&bytes, KS_WS_OP_TEXT, KS_STR(OPEN));
    add_frame(&bytes, KS_WS_OP_TEXT, element);
    add_frame(&bytes, KS_WS_OP_TEXT, element);
    for (size_t i = 0; i < bytes.len; i++)
        send_bytes(conn, ks_str(bytes.ptr + i, 1));
    text = heard(conn, &out);
    check_row(ks_str_starts(text, KS_STR(HEAD)) && ks_str_ends(text, KS_STR(CLOSE "C:1000\n")),
        "how the network cuts frames does not matter, and behind the end nothing is read", "%.*s", KS_STR_FMT(text));
    host_conn_free(conn);
    ks_buf_done(&bytes);
    ks_buf_done(&out);
}

static void test_shutdown(void)
{
    struct host_conn *conn = come();
    struct ks_buf out;

    ks_buf_init(&out, SIZE_MAX);
    say(conn, OPEN);
    ks_buf_reset(&conn->out);
    ks_reactor_shutdown(host->reactors[0], host->now);
    host_settle(host);
    struct ks_str text = heard(conn, &out);
    check_row(has(text, "<system-shutdown ") && ks_str_ends(text, KS_STR(CLOSE "C:1001\n")),
        "RFC 6455 §7.4.1: a server that goes says <system-shutdown/>, <close/> and 1001", "%.*s", KS_STR_FMT(text));
    host_conn_free(conn);
    ks_buf_done(&out);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 2;
    config = host_config();
    store = ks_memory_server_store_new();
    host = host_new(config, store, 1, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    test_open();
    test_messages();
    test_headers();
    test_frames();
    test_shutdown();
    host_free(host);
    ks_server_store_free(store);
    ks_config_unref(config);
    return check_done();
}
