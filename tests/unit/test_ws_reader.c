/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "ws_mask.h"
#include "ws_reader.h"

#define LIMIT 1000

/* What a reader says of a client's bytes: a word for each message and control frame. */
struct trace {
    char text[4000];
    size_t len;
    struct ks_buf message;
    bool finished;
};

__attribute__((format(printf, 2, 3))) static void put(struct trace *trace, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    trace->len += (size_t)vsnprintf(trace->text + trace->len, sizeof trace->text - trace->len, format, args);
    va_end(args);
    assert(trace->len < sizeof trace->text);
}

/* Long texts by their length. */
static void put_text(struct trace *trace, const char *what, struct ks_str text)
{
    if (text.len > 130)
        put(trace, "%s[%zu] ", what, text.len);
    else
        put(trace, "%s(%.*s) ", what, KS_STR_FMT(text));
}

static void put_part(struct trace *trace, enum ks_ws_got got, const struct ks_ws_part *part)
{
    switch (got) {
    case KS_WS_MORE:
        break;
    case KS_WS_TEXT:
    case KS_WS_BINARY:
        assert(part->payload.len || part->last);
        ks_buf_add(&trace->message, part->payload);
        if (part->last) {
            put_text(trace, got == KS_WS_TEXT ? "text" : "binary", ks_buf_str(&trace->message));
            ks_buf_reset(&trace->message);
        }
        break;
    case KS_WS_PING:
        put_text(trace, "ping", part->payload);
        break;
    case KS_WS_PONG:
        put_text(trace, "pong", part->payload);
        break;
    case KS_WS_CLOSE:
        put(trace, "close %u ", part->code);
        put_text(trace, "", part->payload);
        break;
    case KS_WS_BAD:
        put(trace, "bad %u ", part->code);
        break;
    }
    trace->finished |= got == KS_WS_CLOSE || got == KS_WS_BAD;
}

static void give(struct trace *trace, struct ks_ws_reader *reader, char *bytes, size_t *len)
{
    struct ks_ws_part part;
    enum ks_ws_got got;
    size_t at = 0, used;

    do {
        got = ks_ws_next(reader, bytes + at, *len - at, &part, &used);
        at += used;
        put_part(trace, got, &part);
    } while (got != KS_WS_MORE);
    memmove(bytes, bytes + at, *len - at);
    *len -= at;
    assert(*len <= 130);
}

static struct ks_str trace_cut(struct trace *trace, struct ks_str input, size_t cut, size_t piece)
{
    static char bytes[100000];
    struct ks_ws_reader reader;
    size_t len = 0;

    *trace = (struct trace) { 0 };
    ks_buf_init(&trace->message, LIMIT);
    ks_ws_reader_init(&reader, LIMIT);
    for (size_t at = 0, next = cut; at < input.len; at += next, next = piece) {
        struct ks_str given = ks_str_head(ks_str_from(input, at), next);
        memcpy(bytes + len, given.ptr, given.len);
        len += given.len;
        give(trace, &reader, bytes, &len);
    }
    if (!trace->finished && (len || !ks_ws_reader_idle(&reader)))
        put(trace, "…");
    else if (trace->len)
        trace->len--;
    assert(ks_buf_err(&trace->message) == KS_OK);
    ks_buf_done(&trace->message);
    return ks_str(trace->text, trace->len);
}

/* A frame's first byte, the second without its mask bit, what else is in its head, and its payload before it is masked.
 */
struct piece {
    bool here;
    uint8_t first, second;
    struct ks_str length, payload;
};

#define FIN 0x80
#define S(literal)                      \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }
/* A payload of up to 125 bytes. */
#define F(first, literal)                                         \
    {                                                             \
        true, first, sizeof(literal) - 1, { NULL, 0 }, S(literal) \
    }

static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d }; /* RFC 6455 §5.7 */

static const struct {
    const char *name;
    struct piece pieces[6];
    const char *want;
} rows[] = {
    { "RFC 6455 §5.7: a text message", { F(FIN | 1, "Hello") }, "text(Hello)" },
    { "RFC 6455 §5.7: in two frames", { F(1, "Hel"), F(FIN, "lo") }, "text(Hello)" },
    { "RFC 6455 §5.6: a binary message", { F(FIN | 2, "Hello") }, "binary(Hello)" },
    { "RFC 6455 §5.6: an empty one", { F(FIN | 2, "") }, "binary()" },
    { "RFC 6455 §5.6: messages behind each other", { F(FIN | 1, "a"), F(FIN | 1, ""), F(FIN | 2, "b") },
        "text(a) text() binary(b)" },
    { "RFC 6455 §5.4: in many frames, some of them empty",
        { F(1, ""), F(0, "He"), F(0, ""), F(0, ""), F(0, "llo"), F(FIN, "") }, "text(Hello)" },
    { "RFC 6455 §5.4: a message that has no end yet", { F(1, "Hel"), F(0, "lo") }, "…" },
    { "RFC 6455 §5.4: one that is continued without a beginning", { F(FIN, "lo") }, "bad 1002" },
    { "RFC 6455 §5.4: one that has ended", { F(FIN | 1, "a"), F(FIN, "b") }, "text(a) bad 1002" },
    { "RFC 6455 §5.4: one within another", { F(1, "a"), F(FIN | 1, "b") }, "bad 1002" },
    { "RFC 6455 §5.4: of the other kind", { F(1, "a"), F(FIN | 2, "b") }, "bad 1002" },
    { "RFC 6455 §5.4: behind an empty beginning", { F(1, ""), F(FIN | 1, "b") }, "bad 1002" },
    { "RFC 6455 §5.5: control frames within a message",
        { F(1, "Hel"), F(FIN | 9, "?"), F(FIN | 10, "!"), F(FIN, "lo") }, "ping(?) pong(!) text(Hello)" },
    { "RFC 6455 §5.5: a close frame there", { F(1, "Hel"), F(FIN | 8, "\x03\xe8") }, "close 1000 ()" },
    { "RFC 6455 §5.5: a control frame in fragments", { F(9, "?") }, "bad 1002" },
    { "RFC 6455 §5.5: one that a fragment follows", { F(9, ""), F(FIN, "") }, "bad 1002" },
    { "RFC 6455 §5.5: a length that takes more than seven bits", { { true, FIN | 9, 126, S("\0\x7e"), S("") } },
        "bad 1002" },
    { "RFC 6455 §5.5: one of 64 bits", { { true, FIN | 8, 127, S("\0\0\0\0\0\0\0\1"), S("a") } }, "bad 1002" },
    { "RFC 6455 §5.5.2: a ping of 125 bytes",
        { F(FIN | 9,
            "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
            "1234567890123456789012345") },
        "ping(123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        "01234567890123456789012345)" },
    { "RFC 6455 §5.5.2: an empty ping", { F(FIN | 9, "") }, "ping()" },
    { "RFC 6455 §5.5.3: a pong that nobody asked for", { F(FIN | 10, "x") }, "pong(x)" },
    { "RFC 6455 §5.5.2: a ping that is not whole", { { true, FIN | 9, 5, S(""), S("ab") } }, "…" },
    { "RFC 6455 §5.5.1: a close without a code", { F(FIN | 8, "") }, "close 1005 ()" },
    { "RFC 6455 §5.5.1: with a code and a reason", { F(FIN | 8, "\x03\xe9gone") }, "close 1001 (gone)" },
    { "RFC 6455 §5.5.1: half a code", { F(FIN | 8, "\x03") }, "bad 1002" },
    { "RFC 6455 §5.5.1: a reason that is no UTF-8", { F(FIN | 8, "\x03\xe8\xc3") }, "bad 1007" },
    { "RFC 6455 §1.4: what follows a close is discarded", { F(FIN | 8, ""), F(FIN | 1, "a"), F(0x70, "") },
        "close 1005 ()" },
    { "RFC 6455 §7.1.7: and what follows a failure", { F(3, ""), F(FIN | 1, "a") }, "bad 1002" },
    { "RFC 6455 §7.4.2: 999 is no code", { F(FIN | 8, "\x03\xe7") }, "bad 1002" },
    { "RFC 6455 §7.4.1: 1003", { F(FIN | 8, "\x03\xeb") }, "close 1003 ()" },
    { "RFC 6455 §7.4.1: 1004 is reserved", { F(FIN | 8, "\x03\xec") }, "bad 1002" },
    { "RFC 6455 §7.4.1: 1005 must not be sent", { F(FIN | 8, "\x03\xed") }, "bad 1002" },
    { "RFC 6455 §7.4.1: nor 1006", { F(FIN | 8, "\x03\xee") }, "bad 1002" },
    { "RFC 6455 §7.4.1: 1007", { F(FIN | 8, "\x03\xef") }, "close 1007 ()" },
    { "RFC 6455 §11.7: 1014 is registered", { F(FIN | 8, "\x03\xf6") }, "close 1014 ()" },
    { "RFC 6455 §7.4.1: 1015 must not be sent", { F(FIN | 8, "\x03\xf7") }, "bad 1002" },
    { "RFC 6455 §7.4.2: 2999 is reserved", { F(FIN | 8, "\x0b\xb7") }, "bad 1002" },
    { "RFC 6455 §7.4.2: 3000 is a library's", { F(FIN | 8, "\x0b\xb8") }, "close 3000 ()" },
    { "RFC 6455 §7.4.2: 4999 is a program's", { F(FIN | 8, "\x13\x87") }, "close 4999 ()" },
    { "RFC 6455 §7.4.2: 5000 is nobody's", { F(FIN | 8, "\x13\x88") }, "bad 1002" },
    { "RFC 6455 §5.2: RSV1", { F(FIN | 0x41, "a") }, "bad 1002" },
    { "RFC 6455 §5.2: RSV2", { F(FIN | 0x21, "a") }, "bad 1002" },
    { "RFC 6455 §5.2: RSV3", { F(FIN | 0x11, "a") }, "bad 1002" },
    { "RFC 7692 §6: RSV1 of a compressed control frame", { F(FIN | 0x49, "a") }, "bad 1002" },
    { "RFC 6455 §5.2: opcode 3", { F(FIN | 3, "a") }, "bad 1002" },
    { "RFC 6455 §5.2: opcode 7", { F(FIN | 7, "a") }, "bad 1002" },
    { "RFC 6455 §5.2: opcode 11", { F(FIN | 11, "a") }, "bad 1002" },
    { "RFC 6455 §5.2: opcode 15", { F(FIN | 15, "a") }, "bad 1002" },
    { "RFC 6455 §5.2: a short length in 16 bits", { { true, FIN | 1, 126, S("\0\x7d"), S("a") } }, "bad 1002" },
    { "RFC 6455 §5.2: one in 64 bits that takes 16", { { true, FIN | 1, 127, S("\0\0\0\0\0\0\xff\xff"), S("a") } },
        "bad 1002" },
    { "RFC 6455 §5.2: one of 64 bits with the first of them set",
        { { true, FIN | 1, 127, S("\x80\0\0\0\0\0\0\0"), S("a") } }, "bad 1002" },
    { "RFC 6455 §10.4: one of 63 bits", { { true, FIN | 1, 127, S("\x7f\xff\xff\xff\xff\xff\xff\xff"), S("a") } },
        "bad 1009" },
    { "RFC 6455 §10.4: one over the limit, before its payload", { { true, FIN | 2, 126, S("\x03\xe9"), S("") } },
        "bad 1009" },
    { "RFC 6455 §10.4: one at the limit", { { true, FIN | 2, 126, S("\x03\xe8"), S("") } }, "…" },
    { "RFC 6455 §10.4: frames over it together", { F(2, "ab"), { true, FIN, 126, S("\x03\xe7"), S("") } }, "bad 1009" },
    { "RFC 6455 §10.4: and at it", { F(2, "ab"), { true, FIN, 126, S("\x03\xe6"), S("") } }, "…" },
    { "RFC 6455 §10.4: each message has its own", { F(FIN | 2, "ab"), { true, FIN | 2, 126, S("\x03\xe8"), S("") } },
        "binary(ab) …" },
    { "RFC 6455 §8.1: UTF-8", { F(FIN | 1, "\u00e4\u20ac\U0001f37a") }, "text(\u00e4\u20ac\U0001f37a)" },
    { "RFC 6455 §5.6: a character that two frames share", { F(1, "\xf0\x9f"), F(FIN | 9, ""), F(FIN, "\x8d\xba") },
        "ping() text(\U0001f37a)" },
    { "RFC 6455 §8.1: a surrogate", { F(FIN | 1, "a\xed\xa0\x80") }, "bad 1007" },
    { "RFC 6455 §8.1: an overlong form", { F(FIN | 1, "\xc0\xaf") }, "bad 1007" },
    { "RFC 6455 §8.1: a message that ends within a character", { F(FIN | 1, "\xe2\x82") }, "bad 1007" },
    { "RFC 6455 §8.1: with an empty frame", { F(1, "\xe2\x82"), F(FIN, "") }, "bad 1007" },
    { "RFC 6455 §8.1: it is told with the byte that breaks it", { { true, 1, 3, S(""), S("\xff") } }, "bad 1007" },
    { "RFC 6455 §8.1: a character does not go on in the next message", { F(FIN | 1, "a"), F(FIN | 1, "\xa4") },
        "text(a) bad 1007" },
    { "RFC 6455 §5.6: binary messages hold anything", { F(FIN | 2, "\xff\xc0") }, "binary(\xff\xc0)" },
};

static void add_piece(struct ks_buf *buf, const struct piece *piece)
{
    ks_buf_byte(buf, piece->first);
    ks_buf_byte(buf, piece->second | 0x80);
    ks_buf_add(buf, piece->length);
    ks_buf_add(buf, ks_str(mask, sizeof mask));
    ws_mask_add(buf, mask, piece->payload);
}

static void check_cuts(const char *name, struct ks_str input, struct ks_str want)
{
    static struct trace whole, cut;
    struct ks_str got = trace_cut(&whole, input, input.len, 1);
    bool same = ks_str_eq(trace_cut(&cut, input, 1, 1), got);
    size_t at;

    for (at = 1; at < input.len && same; at++)
        same = ks_str_eq(trace_cut(&cut, input, at, input.len), got);
    check_row(same && ks_str_eq(got, want), name, "got \"%.*s\", want \"%.*s\"; cut at %zu \"%.*s\"", KS_STR_FMT(got),
        KS_STR_FMT(want), at, KS_STR_FMT(ks_str(cut.text, cut.len)));
}

static void table(void)
{
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_buf buf;
        ks_buf_init(&buf, 10000);
        for (size_t j = 0; j < KS_COUNT(rows[i].pieces) && rows[i].pieces[j].here; j++)
            add_piece(&buf, &rows[i].pieces[j]);
        check_cuts(rows[i].name, ks_buf_str(&buf), ks_str_z(rows[i].want));
        ks_buf_done(&buf);
    }
}

/* What the table cannot say. */
static void others(void)
{
    struct ks_ws_reader reader;
    struct ks_ws_part part;
    size_t len;
    char hello[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

    check_cuts("RFC 6455 §5.7: the bytes of the example", ks_str(hello, 11), KS_STR("text(Hello)"));
    check_cuts("RFC 6455 §5.1: a frame that is not masked", KS_STR("\x81\x05Hello"), KS_STR("bad 1002"));
    check_cuts("RFC 6455 §5.1: a control frame that is not", KS_STR("\x89\x00"), KS_STR("bad 1002"));
    check_cuts("One byte of a head", KS_STR("\x81"), KS_STR("…"));
    check_cuts("Nothing", KS_STR(""), KS_STR(""));
    ks_ws_reader_init(&reader, LIMIT);
    check_row(ks_ws_next(&reader, hello, 8, &part, &len) == KS_WS_TEXT && len == 8 && !part.last
            && part.payload.ptr == hello + 6 && ks_str_is(part.payload, "He"),
        "A part is unmasked where it stands", "len %zu", len);
    check_row(ks_ws_next(&reader, hello + 8, 3, &part, &len) == KS_WS_TEXT && len == 3 && part.last
            && ks_str_is(part.payload, "llo"),
        "RFC 6455 §5.3: the mask goes on where the last part ended", "len %zu", len);
    check_row(sizeof reader <= 24, "A connection keeps 24 bytes", "%zu", sizeof reader);
}

/* Lengths around the sizes of words and of heads, wherever they stand. */
static void long_messages(void)
{
    static const size_t lens[] = { 7, 8, 9, 15, 16, 17, 124, 125, 126, 127, 999, 1000 };
    static char payload[LIMIT];
    bool same = true;

    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (char)('a' + i % 23);
    for (size_t i = 0; i < KS_COUNT(lens); i++)
        for (size_t cut = 1; cut < 40 && same; cut++) {
            struct ks_ws_reader reader;
            struct ks_ws_part part;
            struct ks_buf buf, got;
            uint8_t length[] = { (uint8_t)(lens[i] >> 8), (uint8_t)lens[i] };
            struct piece piece = { true, FIN | 1, (uint8_t)(lens[i] < 126 ? lens[i] : 126),
                ks_str(length, lens[i] < 126 ? 0 : 2), ks_str(payload, lens[i]) };
            size_t at = 0, len;
            ks_buf_init(&buf, 10000);
            ks_buf_init(&got, 10000);
            add_piece(&buf, &piece);
            ks_ws_reader_init(&reader, LIMIT);
            for (size_t end = cut; at < buf.len; end = end + cut < buf.len ? end + cut : buf.len) {
                if (end > buf.len)
                    end = buf.len;
                while (ks_ws_next(&reader, buf.ptr + at, end - at, &part, &len) == KS_WS_TEXT) {
                    at += len;
                    ks_buf_add(&got, part.payload);
                }
                at += len;
            }
            same = ks_str_eq(ks_buf_str(&got), ks_str(payload, lens[i])) && ks_ws_reader_idle(&reader);
            ks_buf_done(&buf);
            ks_buf_done(&got);
        }
    check_row(same, "RFC 6455 §5.3: payloads of many lengths, in pieces of 1 to 39 bytes", "?");
}

int main(void)
{
    table();
    others();
    long_messages();
    return check_done();
}
