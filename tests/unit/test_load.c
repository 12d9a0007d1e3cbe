/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the load generator says must be right before what it says of a server is believed. */
#include <unistd.h>

#include "check.h"
#include "load_client.h"
#include "load_hist.h"
#include "load_message.h"
#include "load_proc.h"
#include "load_scram.h"
#include "load_ws.h"
#include "ws.h"

static void test_hist(void)
{
    static const struct {
        const char *name;
        double share;
        int64_t want;
    } rows[] = {
        { "hist: half of 1..100000 is at most 50000", 0.5, 50000 },
        { "hist: 99 of 100 are at most 99000", 0.99, 99000 },
        { "hist: the share 1 is the greatest value", 1.0, 100000 },
    };
    static struct load_hist hist, empty, wide;

    for (int64_t i = 1; i <= 100000; i++)
        load_hist_add(&hist, i);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        int64_t got = load_hist_at(&hist, rows[i].share);

        check_row(
            got >= rows[i].want && got <= rows[i].want + rows[i].want / 60, rows[i].name, "got %lld", (long long)got);
    }
    check_row(load_hist_at(&empty, 0.5) == 0, "hist: without values every share is 0", "not 0");
    load_hist_add(&wide, -5);
    check_row(load_hist_at(&wide, 1.0) == 0, "hist: a negative value counts as 0", "not 0");
    load_hist_add(&wide, INT64_MAX);
    check_row(wide.count == 2 && load_hist_at(&wide, 1.0) > 2000000000000, "hist: what is too long counts as long",
        "count %llu", (unsigned long long)wide.count);
}

/* Each value alone must come back not smaller, and at most 1/64 greater. */
static void test_hist_buckets(void)
{
    bool ok = true;
    int64_t failed = 0;

    for (int64_t value = 1; value < 1LL << 41 && ok; value += value / 7 + 1) {
        static struct load_hist hist;

        memset(&hist, 0, sizeof(hist));
        load_hist_add(&hist, value);
        hist.max_ns = INT64_MAX; /* so that the bucket's bound shows */
        ok = load_hist_at(&hist, 0.5) >= value && load_hist_at(&hist, 0.5) <= value + value / 64;
        failed = value;
    }
    check_row(ok, "hist: each bucket is at most a 64th wide and holds its values", "not %lld", (long long)failed);
}

static void test_message(struct ks_prng *prng)
{
    struct load_message_id id = { .sender = 0xabc, .number = 70000, .due_ns = 0x123456789abcdef }, got = { 0 };
    struct load_template template;
    char tag[LOAD_TAG_LEN + 1];
    struct ks_str stanza;

    load_tag_make(prng, tag);
    if (load_template_init(&template, tag, "offen.example", 0xabc, 3, 1300, prng) != KS_OK)
        abort();
    stanza = load_template_fill(&template, &id);
    check_row(stanza.len > 1296 && stanza.len <= 1300, "message: it has the size that was asked for", "%zu bytes",
        stanza.len);
    check_row(load_message_id_read(load_attr(stanza, "id"), ks_str_z(tag), &got) && got.sender == id.sender
            && got.number == id.number && got.due_ns == id.due_ns,
        "message: its id tells sender, number and time", "number %u", got.number);
    check_row(load_message_id_find(ks_str_from(stanza, 100), ks_str_z(tag), &got) && got.number == id.number,
        "message: the origin-id is the same", "number %u", got.number);
    check_row(
        !load_message_id_find(stanza, KS_STR("kb00000000"), &got), "message: the id of another run is none", "read");
    check_row(!load_message_id_read(KS_STR("kb00000000.0abc.0000000g.0123456789abcdef"), KS_STR("kb00000000"), &got),
        "message: an id with other digits is none", "read");
    load_template_done(&template);
}

static void test_attr(void)
{
    static const struct {
        const char *name, *stanza, *attr, *want;
    } rows[] = {
        { "attr: in single quotes", "<a h='7' xmlns='urn:xmpp:sm:3'/>", "h", "7" },
        { "attr: in double quotes, after others", "<a xmlns=\"urn:xmpp:sm:3\" h=\"12\"/>", "h", "12" },
        { "attr: a name that ends alike is another", "<iq xid='1' id='2'/>", "id", "2" },
        { "attr: what stands in a value is no attribute", "<iq a=' id=\"1\"' id='2'/>", "id", "2" },
        { "attr: a child's attribute is not the stanza's", "<iq type='result'><q id='3'/></iq>", "id", "" },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_str(rows[i].name, load_attr(ks_str_z(rows[i].stanza), rows[i].attr), ks_str_z(rows[i].want));
}

static void test_scram(struct ks_prng *prng)
{
    struct load_scram_cache cache;
    struct load_scram scram = { .gs2 = KS_STR("n,,"), .first_bare = KS_STR("n=user,r=rOprNGfwEbeRWgbNEkqO") };
    struct ks_arena arena;
    struct ks_str message = KS_STR_EMPTY;

    ks_arena_init(&arena, 65536);
    scram.arena = &arena;
    load_scram_cache_init(&cache, KS_STR("pencil"), prng);
    for (int round = 1; round <= 2; round++) { /* the second finds the keys in the cache */
        if (load_scram_final(&scram, &cache,
                KS_STR("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
                &message)
            != KS_OK)
            abort();
        check_str(round == 1 ? "RFC 7677 §3: the client's proof" : "RFC 7677 §3: the same with remembered keys",
            message,
            KS_STR("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                   "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
    }
    check_err("RFC 7677 §3: the server's signature is right",
        load_scram_done(&scram, KS_STR("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")), KS_OK);
    check_err("RFC 7677 §3: another signature is refused",
        load_scram_done(&scram, KS_STR("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")), KS_ECRYPTO);
    load_scram_cache_done(&cache);
    ks_arena_done(&arena);
}

/* As konsild, Prosody and ejabberd write it. */
static void test_page(void)
{
    static const struct {
        const char *name, *iq, *last;
    } pages[] = {
        { "page: the next one begins behind the last row",
            "<iq id='mam' type='result'><fin xmlns='urn:xmpp:mam:2'><set "
            "xmlns='rsm'><first>a</first><last>b-7</last></set>"
            "</fin></iq>",
            "b-7" },
        { "page: what is complete has no next one",
            "<iq id='mam' type='result'><fin complete='true' "
            "xmlns='urn:xmpp:mam:2'><set><last>b-7</last></set></fin></iq>",
            "" },
        { "page: an empty archive has no next one",
            "<iq id='mam' type='result'><fin xmlns='urn:xmpp:mam:2'><set><count>0</count></set></fin></iq>", "" },
        { "page: an error has no next one", "<iq id='mam' type='error'><error type='cancel'/></iq>", "" },
    };

    for (size_t i = 0; i < KS_COUNT(pages); i++) {
        struct ks_str last = load_page_last(ks_str_z(pages[i].iq));
        check_row(ks_str_is(last, pages[i].last), pages[i].name, "'%.*s'", KS_STR_FMT(last));
    }
}

static void test_websocket_answer(void)
{
    static const struct {
        const char *name, *answer;
        enum ks_err want;
    } rows[] = {
        { "RFC 6455 §4.1: a 101 is a WebSocket", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
            KS_OK },
        { "RFC 6455 §4.1: another status is none", "HTTP/1.1 404 Not Found\r\n\r\n", KS_ESYNTAX },
        { "RFC 6455 §4.1: a part of an answer is none yet", "HTTP/1.1 101 Switching Protocols\r\nUpg", KS_EAGAIN },
    };
    size_t len = 0;

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_err(rows[i].name, load_ws_answered(ks_str_z(rows[i].answer), &len), rows[i].want);
}

/* Takes the mask off a client's frame, in a copy, and gives the payload; empty if it is none. */
static struct ks_str unmask(struct ks_str *frames, char *text, size_t cap)
{
    const char *at = frames->ptr;
    size_t len = frames->len < 6 ? 0 : (size_t)(at[1] & 0x7f), head = 6;

    if (len == 126) {
        len = (size_t)(uint8_t)at[2] << 8 | (uint8_t)at[3];
        head = 8;
    }
    if (frames->len < head + len || len > cap || (uint8_t)at[0] != (0x80 | KS_WS_OP_TEXT) || !(at[1] & 0x80))
        return KS_STR_EMPTY;
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(at[head + i] ^ at[head - 4 + i % 4]);
    *frames = ks_str_from(*frames, head + len);
    return ks_str(text, len);
}

static void test_websocket_sent(struct ks_prng *prng)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        { "RFC 7395 §3.4: the stream header becomes <open/>",
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='offen.example' version='1.0' xml:lang='en'/>" },
        { "RFC 7395 §3.3.3: a stanza says its namespace", "<presence xmlns='jabber:client'/>" },
        { "RFC 7395 §3.3: what has a namespace of its own goes as it is", "<r xmlns='urn:xmpp:sm:3'/>" },
        { "RFC 7395 §3.6: the end becomes <close/>", "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>" },
    };
    struct ks_framer framer;
    struct ks_str frames;
    struct ks_buf buf;
    char text[512];

    ks_buf_init(&buf, 65536);
    ks_framer_init(&framer, 65536, 100);
    bool whole = load_ws_wrap(&buf, &framer, prng,
        KS_STR("<?xml version='1.0'?><stream:stream to='offen.example' version='1.0' xmlns='jabber:client' "
               "xmlns:stream='http://etherx.jabber.org/streams'><presence/><r xmlns='urn:xmpp:sm:3'/>"
               "</stream:stream>"),
        "offen.example");
    frames = ks_buf_str(&buf);
    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_str(rows[i].name, unmask(&frames, text, sizeof text), ks_str_z(rows[i].want));
    check_row(whole && frames.len == 0, "RFC 7395 §3.3: each item is one message", "%zu bytes more", frames.len);
    ks_framer_restart(&framer);
    check_row(!load_ws_wrap(&buf, &framer, prng, KS_STR("<!-- a comment -->"), "offen.example"),
        "websocket: what is no stream is not sent", "it is");
    ks_buf_done(&buf);
}

static void test_websocket_received(void)
{
    const struct {
        const char *name;
        struct ks_str bytes;
        enum ks_err want;
        const char *payload;
    } rows[] = {
        { "RFC 6455 §5.7: a short text", KS_STR("\x81\x05Hello"), KS_OK, "Hello" },
        { "RFC 6455 §5.2: a length of 16 bits", KS_STR("\x81\x7e\x00\x05Hello"), KS_OK, "Hello" },
        { "RFC 6455 §5.2: a length of 64 bits", KS_STR("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x05Hello"), KS_OK,
            "Hello" },
        { "RFC 6455 §5.2: a frame that is not whole waits", KS_STR("\x81\x05Hell"), KS_EAGAIN, "" },
        { "RFC 6455 §5.2: a head that is not whole waits", KS_STR("\x81\x7e\x00"), KS_EAGAIN, "" },
        { "RFC 6455 §5.1: a server does not mask", KS_STR("\x81\x85\x01\x02\x03\x04Hello"), KS_ESYNTAX, "" },
        { "RFC 6455 §5.4: a fragment is refused here", KS_STR("\x01\x03Hel"), KS_ESYNTAX, "" },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_str payload = KS_STR_EMPTY;
        unsigned opcode = 0;
        size_t len = 0;
        enum ks_err err = load_ws_next(rows[i].bytes, &opcode, &payload, &len);
        check_row(err == rows[i].want && ks_str_is(payload, rows[i].payload)
                && (err != KS_OK || (opcode == KS_WS_OP_TEXT && len == rows[i].bytes.len)),
            rows[i].name, "%s, '%.*s'", ks_err_name(err), KS_STR_FMT(payload));
    }
}

static void test_proc(void)
{
    struct load_usage usage = { 0 };

    check_row(load_proc_usage(getpid(), true, &usage) && usage.processes == 1 && usage.private_bytes > 0
            && usage.pss_bytes >= usage.private_bytes,
        "proc: this process has memory of its own", "%u processes, %lld private bytes", usage.processes,
        (long long)usage.private_bytes);
    check_row(!load_proc_usage(0x7ffffffe, false, &usage), "proc: what does not run has no usage", "it has");
}

int main(void)
{
    struct ks_prng prng;

    if (ks_crypto_init() != KS_OK)
        return 1;
    ks_prng_init_number(&prng, 1);
    test_hist();
    test_hist_buckets();
    test_message(&prng);
    test_attr();
    test_page();
    test_scram(&prng);
    test_websocket_answer();
    test_websocket_sent(&prng);
    test_websocket_received();
    test_proc();
    ks_prng_done(&prng);
    return check_done();
}
