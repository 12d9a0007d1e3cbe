/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* world_websocket.c -- another world, over WebSocket (RFC 7395): what a script says as in one long document goes as
 * messages, and comes back as if it were one. The part before TLS, which there is none of, is played here. */
#include <stdlib.h>

#include "ns.h"
#include "world.h"
#include "ws_reader.h"
#include "ws_writer.h"
#include "xml_framer.h"

#define TAG_OPEN "<open xmlns='" NS_FRAMING "'"
#define HANDSHAKE                                                                                        \
    "GET /xmpp-websocket HTTP/1.1\r\nHost: offen.example\r\nConnection: Upgrade\r\n"                     \
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" \
    "Sec-WebSocket-Protocol: xmpp\r\n\r\n"

struct websocket {
    struct world world;
    struct world *inner;
    struct world_ops ops;
};

struct wire {
    struct websocket *ws;
    struct wire *inner;
    bool secure, broken;
    struct ks_framer framer; /* of what is said */
    struct ks_buf said, heard, document;
    size_t seen;
    struct ks_buf message; /* the one at hand */
};

static const struct world_ops *inner_ops(const struct wire *wire)
{
    return wire->ws->inner->ops;
}

static struct wire *ws_connect(struct world *world, uint64_t address)
{
    struct websocket *ws = (struct websocket *)world;
    struct wire *wire = calloc(1, sizeof *wire);

    if (!wire)
        abort();
    wire->ws = ws;
    wire->inner = ws->inner->ops->connect(ws->inner, address);
    ks_framer_init(&wire->framer, UINT32_MAX, 1000);
    struct ks_buf *bufs[] = { &wire->said, &wire->heard, &wire->document, &wire->message };
    for (size_t i = 0; i < KS_COUNT(bufs); i++)
        ks_buf_init(bufs[i], SIZE_MAX);
    if (wire->inner)
        return wire;
    free(wire);
    return NULL;
}

static void ws_close(struct wire *wire)
{
    struct ks_buf *bufs[] = { &wire->said, &wire->heard, &wire->document, &wire->message };

    inner_ops(wire)->close(wire->inner);
    for (size_t i = 0; i < KS_COUNT(bufs); i++)
        ks_buf_done(bufs[i]);
    free(wire);
}

/* --- to the server --- */

/* RFC 6455 §5.3: masked, with a mask that changes nothing. */
static void send_frame(struct wire *wire, enum ks_ws_opcode opcode, struct ks_str payload)
{
    char head[KS_WS_HEAD_MAX + 4] = { 0 };
    size_t len = ks_ws_head_write(head, opcode, payload.len);
    struct ks_buf frame;

    head[1] = (char)(head[1] | 0x80);
    memset(head + len, 0, 4);
    ks_buf_init(&frame, SIZE_MAX);
    ks_buf_add(&frame, ks_str(head, len + 4));
    ks_buf_add(&frame, payload);
    inner_ops(wire)->send(wire->inner, ks_buf_str(&frame));
    ks_buf_done(&frame);
}

/* <stream:stream to='a' …> as <open xmlns='…' to='a' …/>: its other declarations are harmless. */
static void say_header(struct wire *wire, struct ks_str header)
{
    struct ks_buf open;
    size_t at = ks_str_find(header, KS_STR("<stream:stream"));
    struct ks_str attributes = ks_str_from(header, at + strlen("<stream:stream")), ns = KS_STR("xmlns='" NS_CLIENT "'");

    ks_buf_init(&open, SIZE_MAX);
    ks_buf_z(&open, TAG_OPEN);
    at = ks_str_find(attributes, ns);
    ks_buf_add(&open, ks_str_head(attributes, at < attributes.len ? at : attributes.len - 1));
    if (at < attributes.len)
        ks_buf_add(&open, ks_str(attributes.ptr + at + ns.len, attributes.len - at - ns.len - 1));
    ks_buf_z(&open, "/>");
    send_frame(wire, KS_WS_OP_TEXT, ks_buf_str(&open));
    ks_buf_done(&open);
}

/* Before TLS this world answers in the server's place. */
static void answer_in_clear(struct wire *wire, enum ks_frame frame)
{
    if (frame == KS_FRAME_OPEN)
        ks_buf_z(&wire->document,
            "<stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "' version='1.0' id='clear'>"
            "<stream:features><starttls xmlns='" NS_TLS "'><required/></starttls></stream:features>");
    else
        ks_buf_z(&wire->document, "<proceed xmlns='" NS_TLS "'/>");
}

static void say_item(struct wire *wire, enum ks_frame frame, struct ks_str item)
{
    if (!wire->secure)
        answer_in_clear(wire, frame);
    else if (frame == KS_FRAME_OPEN)
        say_header(wire, item);
    else if (frame == KS_FRAME_CLOSE)
        send_frame(wire, KS_WS_OP_TEXT, KS_STR("<close xmlns='" NS_FRAMING "'/>"));
    else
        send_frame(wire, KS_WS_OP_TEXT, item);
}

static void ws_send(struct wire *wire, struct ks_str bytes)
{
    size_t used = 0;

    /* A new header begins a new document, as the server's framer sees it after SASL. */
    if (ks_str_starts(bytes, KS_STR("<?xml")) || ks_str_starts(bytes, KS_STR("<stream:stream")))
        ks_framer_restart(&wire->framer);
    ks_buf_add(&wire->said, bytes);
    while (wire->seen < wire->said.len) {
        struct ks_str left = ks_str_from(ks_buf_str(&wire->said), wire->seen);
        size_t len;
        enum ks_frame frame = ks_framer_next(&wire->framer, left, &len);
        wire->seen += len;
        if (frame == KS_FRAME_MORE)
            break;
        if (frame >= KS_FRAME_BAD) { /* what no document takes goes as it is */
            wire->seen = wire->said.len;
            send_frame(wire, KS_WS_OP_TEXT, ks_str_from(ks_buf_str(&wire->said), used));
        } else if (frame != KS_FRAME_BLANK) {
            say_item(wire, frame, ks_str(wire->said.ptr + used, wire->seen - used));
        }
        used = wire->seen;
    }
    ks_buf_drop(&wire->said, used);
    wire->seen -= used;
}

/* --- from the server --- */

static void hear_message(struct wire *wire, struct ks_str message)
{
    struct ks_str open = KS_STR(TAG_OPEN);

    if (ks_str_starts(message, open)) {
        ks_buf_z(&wire->document, "<stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "'");
        ks_buf_add(&wire->document, ks_str_head(ks_str_from(message, open.len), message.len - open.len - 2));
        ks_buf_byte(&wire->document, '>');
    } else if (ks_str_is(message, "<close xmlns='" NS_FRAMING "'/>")) {
        ks_buf_z(&wire->document, "</stream:stream>");
    } else {
        ks_buf_add(&wire->document, message);
    }
}

/* The server's frames: whole messages, not masked (RFC 6455 §5.1). False: the frame is not whole. */
static bool hear_frame(struct wire *wire)
{
    struct ks_str in = ks_buf_str(&wire->heard);
    const uint8_t *at = (const uint8_t *)in.ptr;
    size_t head_len = in.len < 2 ? 0 : at[1] == 126 ? 4 : at[1] == 127 ? 10 : 2, len = 0;

    if (!head_len || in.len < head_len)
        return false;
    for (size_t i = 2; i < head_len; i++)
        len = len << 8 | at[i];
    len = head_len == 2 ? at[1] : len;
    if (in.len - head_len < len)
        return false;
    if (at[0] == (0x80 | KS_WS_OP_TEXT))
        hear_message(wire, ks_str(in.ptr + head_len, len));
    ks_buf_drop(&wire->heard, head_len + len);
    return true;
}

static bool ws_receive(struct wire *wire, struct ks_buf *out)
{
    bool any = wire->document.len > 0;

    while (!any && wire->secure && inner_ops(wire)->receive(wire->inner, &wire->heard)) {
        while (hear_frame(wire))
            ;
        any = wire->document.len > 0;
    }
    ks_buf_add(out, ks_buf_str(&wire->document));
    ks_buf_reset(&wire->document);
    return any;
}

static bool ws_is_closed(const struct wire *wire)
{
    return inner_ops(wire)->is_closed(wire->inner);
}

/* A real server wants HTTP first. */
static bool shake_hands(struct wire *wire)
{
    struct ks_str head;
    size_t end;

    inner_ops(wire)->send(wire->inner, KS_STR(HANDSHAKE));
    do {
        if (!inner_ops(wire)->receive(wire->inner, &wire->heard))
            return false;
        head = ks_buf_str(&wire->heard);
        end = ks_str_find(head, KS_STR("\r\n\r\n"));
    } while (end == head.len);
    if (!ks_str_starts(head, KS_STR("HTTP/1.1 101 ")))
        return false;
    ks_buf_drop(&wire->heard, end + 4);
    return true;
}

static bool ws_start_tls(struct wire *wire, struct ks_tls_facts *ret_facts)
{
    ks_framer_restart(&wire->framer);
    ks_buf_reset(&wire->said);
    wire->seen = 0;
    wire->secure = inner_ops(wire)->start_tls(wire->inner, ret_facts);
    return wire->secure && (inner_ops(wire)->begin || shake_hands(wire));
}

/* --- the rest is the other world's --- */

static void ws_free(struct world *world)
{
    struct websocket *ws = (struct websocket *)world;

    ws->inner->ops->free(ws->inner);
    free(ws);
}

static void ws_begin(struct world *world)
{
    struct world *inner = ((struct websocket *)world)->inner;

    inner->ops->begin(inner);
}

static bool ws_option(struct world *world, struct ks_str name, struct ks_str domain, struct ks_str value)
{
    struct world *inner = ((struct websocket *)world)->inner;

    return inner->ops->option(inner, name, domain, value);
}

static void ws_add_account(struct world *world, struct ks_str domain, struct ks_str local, struct ks_str password)
{
    struct world *inner = ((struct websocket *)world)->inner;

    inner->ops->add_account(inner, domain, local, password);
}

static bool ws_invite(struct world *world, struct ks_str domain, struct ks_str local, struct ks_buf *ret_token)
{
    struct world *inner = ((struct websocket *)world)->inner;

    return inner->ops->invite(inner, domain, local, ret_token);
}

static void ws_wait(struct world *world, int64_t ms)
{
    struct world *inner = ((struct websocket *)world)->inner;

    inner->ops->wait(inner, ms);
}

static void ws_restart(struct world *world, bool orderly)
{
    struct world *inner = ((struct websocket *)world)->inner;

    inner->ops->restart(inner, orderly);
}

static void ws_hold_disk(struct world *world, bool held)
{
    struct world *inner = ((struct websocket *)world)->inner;

    inner->ops->hold_disk(inner, held);
}

static void ws_fill_disk(struct world *world, bool full)
{
    struct world *inner = ((struct websocket *)world)->inner;

    inner->ops->fill_disk(inner, full);
}

struct world *world_websocket_new(struct world *inner)
{
    struct websocket *ws = calloc(1, sizeof *ws);
    bool simulated = inner->ops->begin;

    if (!ws)
        abort();
    ws->inner = inner;
    ws->ops = (struct world_ops) { .free = ws_free,
        .connect = ws_connect,
        .send = ws_send,
        .receive = ws_receive,
        .is_closed = ws_is_closed,
        .start_tls = ws_start_tls,
        .close = ws_close };
    if (simulated) {
        ws->ops.begin = ws_begin;
        ws->ops.option = ws_option;
        ws->ops.add_account = ws_add_account;
        ws->ops.invite = ws_invite;
        ws->ops.wait = ws_wait;
        ws->ops.restart = ws_restart;
        ws->ops.hold_disk = ws_hold_disk;
        ws->ops.fill_disk = ws_fill_disk;
    }
    ws->world.ops = &ws->ops;
    return &ws->world;
}
