/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "ws_mask.h"
#include "ws_reader.h"
#include "ws_writer.h"

static void frames(void)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 1000);
    ks_ws_write(&buf, KS_WS_OP_TEXT, KS_STR("Hello"));
    check_str("RFC 6455 §5.7: a text message, not masked", ks_buf_str(&buf), KS_STR("\x81\x05Hello"));
    ks_buf_reset(&buf);
    ks_ws_write(&buf, KS_WS_OP_PING, KS_STR("Hello"));
    ks_ws_write(&buf, KS_WS_OP_PONG, KS_STR_EMPTY);
    check_str("RFC 6455 §5.7: a ping, and an empty pong", ks_buf_str(&buf), KS_STR("\x89\x05Hello\x8a\x00"));
    ks_buf_reset(&buf);
    ks_ws_close_write(&buf, KS_WS_PROTOCOL_ERROR, KS_STR("no"));
    check_str("RFC 6455 §5.5.1: a close with a code and a reason", ks_buf_str(&buf), KS_STR("\x88\x04\x03\xeano"));
    ks_buf_reset(&buf);
    ks_ws_close_write(&buf, KS_WS_NO_STATUS, KS_STR_EMPTY);
    check_str("RFC 6455 §5.5.1: and without", ks_buf_str(&buf), KS_STR("\x88\x00"));
    ks_buf_done(&buf);
}

static void heads(void)
{
    static const struct {
        const char *name;
        uint64_t len;
        struct ks_str want;
    } rows[] = {
        { "RFC 6455 §5.2: nothing", 0, { "\x82\0", 2 } },
        { "RFC 6455 §5.2: the last length in seven bits", 125, { "\x82\x7d", 2 } },
        { "RFC 6455 §5.2: the first in 16", 126, { "\x82\x7e\0\x7e", 4 } },
        { "RFC 6455 §5.7: 256 bytes", 256, { "\x82\x7e\x01\0", 4 } },
        { "RFC 6455 §5.2: the last in 16", 65535, { "\x82\x7e\xff\xff", 4 } },
        { "RFC 6455 §5.7: 64 KiB", 65536, { "\x82\x7f\0\0\0\0\0\x01\0\0", 10 } },
        { "RFC 6455 §5.2: 63 bits", INT64_MAX, { "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10 } },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        char head[KS_WS_HEAD_MAX];
        check_str(rows[i].name, ks_str(head, ks_ws_head_write(head, KS_WS_OP_BINARY, rows[i].len)), rows[i].want);
    }
}

/* What was written can be read, once it is masked. */
static void read_back(void)
{
    static const size_t lens[] = { 0, 1, 125, 126, 65535, 65536, 70000 };
    static const uint8_t mask[] = { 1, 0x80, 0xff, 0x5a };
    static char payload[70000];

    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (char)(i * 31);
    for (size_t i = 0; i < KS_COUNT(lens); i++) {
        struct ks_buf frame, masked;
        struct ks_ws_reader reader;
        struct ks_ws_part part = { 0 };
        size_t len = 0;
        ks_buf_init(&frame, 100000);
        ks_buf_init(&masked, 100000);
        ks_ws_write(&frame, KS_WS_OP_BINARY, ks_str(payload, lens[i]));
        ws_mask_frame(&masked, mask, ks_buf_str(&frame));
        ks_ws_reader_init(&reader, sizeof payload);
        enum ks_ws_got got = ks_ws_next(&reader, masked.ptr, masked.len, &part, &len);
        check_row(
            got == KS_WS_BINARY && part.last && len == masked.len && ks_str_eq(part.payload, ks_str(payload, lens[i])),
            "RFC 6455 §5: what was written is read", "%d, %zu of %zu bytes", got, len, masked.len);
        ks_buf_done(&frame);
        ks_buf_done(&masked);
    }
}

/* RFC 6455 §5.7: "Hello", masked; and what a client writes a server reads, and no other client. */
static void masked(void)
{
    static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
    struct ks_ws_reader server, client;
    struct ks_ws_part part = { 0 };
    struct ks_buf buf;
    size_t len;

    ks_buf_init(&buf, 1000);
    ks_ws_write_masked(&buf, KS_WS_OP_TEXT, KS_STR("Hello"), mask);
    check_str("RFC 6455 §5.7: a masked text message", ks_buf_str(&buf),
        KS_STR("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"));
    ks_ws_reader_init(&server, 100);
    ks_ws_reader_init_client(&client, 100);
    check_row(ks_ws_next(&client, buf.ptr, buf.len, &part, &len) == KS_WS_BAD && part.code == KS_WS_PROTOCOL_ERROR,
        "RFC 6455 §5.1: a client takes no masked frame", "%u", part.code);
    check_row(ks_ws_next(&server, buf.ptr, buf.len, &part, &len) == KS_WS_TEXT && ks_str_is(part.payload, "Hello"),
        "a server reads it", "%.*s", KS_STR_FMT(part.payload));
    ks_buf_reset(&buf);
    ks_ws_write(&buf, KS_WS_OP_TEXT, KS_STR("Hello"));
    ks_ws_reader_init_client(&client, 100);
    check_row(ks_ws_next(&client, buf.ptr, buf.len, &part, &len) == KS_WS_TEXT && ks_str_is(part.payload, "Hello")
            && part.last && len == buf.len,
        "and what a server writes a client reads", "%.*s", KS_STR_FMT(part.payload));
    ks_buf_done(&buf);
}

int main(void)
{
    masked();
    frames();
    heads();
    read_back();
    return check_done();
}
