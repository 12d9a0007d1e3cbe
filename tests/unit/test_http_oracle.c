/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* test_http_oracle.c -- our reader of requests against http-parser, which read Node's: requests, also behind each
 * other, that were changed in places. What ours takes, theirs takes, too, and understands in the same way: methods,
 * targets, fields, bodies, and whether the connection stays. Where ours is stricter, the reason stands here. And theirs
 * reads the responses that we write. */
#include <http_parser.h>
#include <strings.h>

#include "change.h"
#include "check.h"
#include "http_writer.h"

#define CHANGED 60000

/* What one of both understood, as text, and whether each request wanted an upgrade. */
struct reading {
    struct ks_buf text;
    bool upgrade[64];
    unsigned requests;
    size_t body;
    bool odd; /* see is_odd */
};

static void reading_init(struct reading *reading)
{
    *reading = (struct reading) { 0 };
    ks_buf_init(&reading->text, 1 << 20);
}

static void add_line(struct reading *reading, struct ks_str first, const char *between, struct ks_str second)
{
    ks_buf_add(&reading->text, first);
    ks_buf_z(&reading->text, between);
    ks_buf_add(&reading->text, second);
    ks_buf_byte(&reading->text, '\n');
}

/* Whether HTTP/1.0 keeps a connection open is a choice, and ours is no. */
static void add_head_end(struct reading *reading, unsigned minor, bool keep_alive, bool upgrade)
{
    ks_buf_printf(&reading->text, "HTTP/1.%u %s\n", minor, minor && keep_alive ? "" : "close");
    assert(reading->requests < KS_COUNT(reading->upgrade));
    reading->upgrade[reading->requests++] = upgrade;
}

static void add_end(struct reading *reading)
{
    ks_buf_printf(&reading->text, "end %zu\n", reading->body);
    reading->body = 0;
}

/* Where theirs is wrong:
 *  - RFC 9110 §5.6.1.2: "A recipient MUST parse and ignore a reasonable number of empty list elements"; http-parser
 * reads no option of Connection behind one;
 *  - RFC 9112 §5: it puts up with blanks behind a Content-Length, but not with tabs;
 *  - it takes each field whose name begins with Transfer-Encoding for that one. */
static bool is_odd(const struct ks_http_request *request)
{
    const struct ks_str coding = KS_STR("Transfer-Encoding"), length = KS_STR("Content-Length");
    struct ks_str list, option;

    for (unsigned at = 0; ks_http_field_next(request, KS_STR("Connection"), &at, &list);)
        while (ks_str_cut(&list, ',', &option))
            if (!ks_str_trim(option).len)
                return true;
    for (unsigned i = 0; i < request->field_count; i++) {
        struct ks_str name = ks_str(request->head.ptr + request->fields[i].name, request->fields[i].name_len);
        struct ks_str behind = ks_str_from(request->head, request->fields[i].value + request->fields[i].value_len);
        if (name.len > coding.len && strncasecmp(name.ptr, coding.ptr, coding.len) == 0)
            return true;
        if (name.len == length.len && strncasecmp(name.ptr, length.ptr, length.len) == 0
            && ks_str_find_byte(behind, '\t') < ks_str_find_byte(behind, '\r'))
            return true;
    }
    return false;
}

/* *ret_in_head: a head is not yet whole. */
static enum ks_http_fault read_ours(struct ks_str bytes, struct reading *reading, bool *ret_in_head)
{
    static const char *const methods[] = { "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS" };
    struct ks_http_reader reader = { 0 };
    struct ks_http_request request;
    enum ks_http_got got;
    size_t len;

    while ((got = ks_http_next(&reader, bytes, &request, &len)) != KS_HTTP_MORE && got != KS_HTTP_REFUSED) {
        bytes = ks_str_from(bytes, len);
        if (got == KS_HTTP_BODY)
            reading->body += len;
        if (got == KS_HTTP_END)
            add_end(reading);
        if (got != KS_HTTP_REQUEST)
            continue;
        add_line(reading, ks_str_z(methods[request.method]), " ", request.target);
        for (size_t i = 0; i < request.field_count; i++)
            add_line(reading, ks_str(request.head.ptr + request.fields[i].name, request.fields[i].name_len), ": ",
                ks_str(request.head.ptr + request.fields[i].value, request.fields[i].value_len));
        /* "HTTP/1.x" stands behind the target. */
        unsigned minor = (unsigned)(request.target.ptr[request.target.len + 8] - '0');
        add_head_end(reading, minor, request.keep_alive, request.websocket);
        reading->odd |= is_odd(&request);
    }
    *ret_in_head = reader.looked > 0;
    return ks_http_reader_fault(&reader);
}

/* Theirs: callbacks, which give a text in pieces. */
struct theirs {
    struct reading *reading;
    struct ks_buf target, name, value;
    bool in_value;
    unsigned status; /* of a response */
};

static struct theirs *of(http_parser *parser)
{
    return parser->data;
}

static void end_field(struct theirs *theirs)
{
    if (theirs->name.len)
        add_line(theirs->reading, ks_buf_str(&theirs->name), ": ", ks_str_trim(ks_buf_str(&theirs->value)));
    ks_buf_reset(&theirs->name);
    ks_buf_reset(&theirs->value);
    theirs->in_value = false;
}

static void end_target(http_parser *parser)
{
    struct theirs *theirs = of(parser);

    if (theirs->target.len)
        add_line(theirs->reading, ks_str_z(http_method_str((enum http_method)parser->method)), " ",
            ks_buf_str(&theirs->target));
    ks_buf_reset(&theirs->target);
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
    ks_buf_add(&of(parser)->target, ks_str(at, len));
    return 0;
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
    end_target(parser);
    if (of(parser)->in_value)
        end_field(of(parser));
    ks_buf_add(&of(parser)->name, ks_str(at, len));
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    of(parser)->in_value = true;
    ks_buf_add(&of(parser)->value, ks_str(at, len));
    return 0;
}

static int on_head_end(http_parser *parser)
{
    end_target(parser);
    end_field(of(parser));
    add_head_end(of(parser)->reading, parser->http_minor, http_should_keep_alive(parser), parser->upgrade);
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    (void)at;
    of(parser)->reading->body += len;
    return 0;
}

static int on_end(http_parser *parser)
{
    of(parser)->status = parser->status_code;
    add_end(of(parser)->reading);
    return 0;
}

static const http_parser_settings settings = { .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head_end,
    .on_body = on_body,
    .on_message_complete = on_end };

/* The bytes that theirs read, all of them if it found nothing wrong. It stops behind an upgrade; we go on. */
static size_t read_theirs(
    struct ks_str bytes, enum http_parser_type type, struct reading *reading, unsigned *ret_status)
{
    struct theirs theirs = { .reading = reading };
    http_parser parser;
    size_t at = 0;

    ks_buf_init(&theirs.target, 1 << 16);
    ks_buf_init(&theirs.name, 1 << 16);
    ks_buf_init(&theirs.value, 1 << 16);
    http_parser_init(&parser, type);
    parser.data = &theirs;
    do
        at += http_parser_execute(&parser, &settings, bytes.ptr + at, bytes.len - at);
    while (at < bytes.len && HTTP_PARSER_ERRNO(&parser) == HPE_OK && parser.upgrade);
    ks_buf_done(&theirs.target);
    ks_buf_done(&theirs.name);
    ks_buf_done(&theirs.value);
    *ret_status = theirs.status;
    return at;
}

/* Why ours refuses what theirs takes. What is not here, theirs refuses, too. */
static struct stricter {
    enum ks_http_fault fault;
    const char *reason;
    unsigned seen;
} stricter[] = {
    { KS_HTTP_FAULT_LINE_END, "RFC 9112 §2.2: a recipient MAY take a bare LF for a line's end, and need not" },
    { KS_HTTP_FAULT_REQUEST_LINE, "RFC 9112 §3: one blank between the words, and no more empty lines before them" },
    { KS_HTTP_FAULT_METHOD, "RFC 9110 §9.1: konsild has six methods, theirs has all that are registered" },
    { KS_HTTP_FAULT_VERSION, "RFC 9110 §15.6.6: what is not 1.0 or 1.1, we do not know" },
    { KS_HTTP_FAULT_TARGET, "RFC 3986 §3.3: theirs looks at few characters of a target, and at no segments" },
    { KS_HTTP_FAULT_FOLD, "RFC 9112 §5.2: obs-fold is refused" },
    { KS_HTTP_FAULT_FIELD_NAME, "RFC 9112 §5.1: no blanks in a name; Debian's build of theirs is not its strict one" },
    { KS_HTTP_FAULT_FIELD_VALUE, "RFC 9110 §5.5: no control characters, and no CR but at the end" },
    { KS_HTTP_FAULT_HOST, "RFC 9112 §3.2: one good Host; theirs leaves that to its caller" },
    { KS_HTTP_FAULT_LENGTH, "RFC 9110 §8.6: one length, and a number; theirs takes an empty one, too" },
    { KS_HTTP_FAULT_CHUNKED, "RFC 9110 §15.5.12: chunks are not for us" },
    { KS_HTTP_FAULT_CODING, "RFC 9112 §6.1: nor is another encoding" },
    { KS_HTTP_FAULT_BODY, "RFC 9110 §9.3.1: no GET has a body" },
    { KS_HTTP_FAULT_EXPECT, "RFC 9110 §10.1.1: nothing is expected but 100-continue" },
};

static bool is_reason(enum ks_http_fault fault)
{
    for (size_t i = 0; i < KS_COUNT(stricter); i++)
        if (stricter[i].fault == fault) {
            stricter[i].seen++;
            return true;
        }
    return false;
}

/* Whether both understand the same, as far as ours reads; *ret_taken: requests that both took. */
static bool agree(struct ks_str bytes, unsigned *ret_taken)
{
    struct reading ours, theirs;
    unsigned status;
    bool in_head;

    reading_init(&ours);
    reading_init(&theirs);
    enum ks_http_fault fault = read_ours(bytes, &ours, &in_head);
    bool all = read_theirs(bytes, HTTP_REQUEST, &theirs, &status) == bytes.len;
    bool same = ks_str_starts(ks_buf_str(&theirs.text), ks_buf_str(&ours.text));
    if (!fault) /* of a head that is not whole, theirs says earlier what is wrong */
        same = same && (all || in_head) && theirs.requests == ours.requests && theirs.body == ours.body;
    else if (theirs.requests > ours.requests)
        same = same && is_reason(fault);
    for (unsigned i = 0; i < ours.requests && same; i++)
        same = theirs.upgrade[i] || !ours.upgrade[i];
    *ret_taken = ours.odd ? 0 : ours.requests;
    ks_buf_done(&ours.text);
    ks_buf_done(&theirs.text);
    return same || ours.odd;
}

static const char *const requests[] = {
    "GET /a?b=c HTTP/1.1\r\nHost: k.example\r\nAccept: */*\r\nUser-Agent: x/1 (y; z)\r\n\r\n",
    "PUT /upload/M%C3%BCller.jpg HTTP/1.1\r\nHost: k.example:5281\r\nContent-Length: 10\r\nExpect: 100-continue\r\n"
    "Content-Type: image/jpeg\r\n\r\n0123456789GET / HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n",
    "GET /xmpp-websocket HTTP/1.1\r\nHost: k.example\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "\r\nPOST http://k.example/api HTTP/1.1\r\nhost:k.example\r\ncontent-length: 4\r\nX-A:\t b \r\nX-C:\r\n\r\n{  }",
    "DELETE /a/b HTTP/1.0\r\nHost: [::1]:80\r\nConnection: keep-alive\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: k\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: k\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\nHEAD /b HTTP/1.1\r\nHost: "
    "k\r\n\r\n",
    "PUT /a HTTP/1.1\r\nHost: k\r\nContent-Length:\r\n\r\n",
};

/* What is put in: what means something to a reader. */
static const char *const pieces[] = { "\r\n", "\n", "\r", "\r\n\r\n", "\n\n", "\r\r\n", " ", "\t", "  ", ":", ": ", ",",
    ", ", "/", "//", "..", "/../", "%", "%2e", "%00", "%zz", "?", "#", "\x01", "\x7f", "\x80", "\u00e4", "a", "A", "0",
    "5", "10", "-1", "+5", "0x5", "5, 5", "9223372036854775808", "18446744073709551620", "GET ", "HEAD ", "POST ",
    "PATCH ", "CONNECT ", "PRI ", "get ", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "http/1.1",
    "http://a", "https://b:80/", "a@b", "*", "[::1]", "\r\nHost: k", "\r\nHost: a b", "\r\nContent-Length: 4",
    "\r\nContent-Length: ", "\r\nContent-Length : 4", "\r\nTransfer-Encoding: chunked",
    "\r\nTransfer-Encoding: gzip, chunked", "\r\nTransfer-Encoding: identity",
    "\r\nTransfer-Encoding:\x0b"
    "chunked",
    "\r\nConnection: close", "\r\nConnection: a, close ,b", "\r\nConnection: Upgrade", "\r\nUpgrade: h2c, websocket",
    "\r\nExpect: x", "\r\n X: y", "\r\n\tX", "\r\nX: a\r\n b", "\r\n: x", "\r\nX", "\r\nX : y", "\r\n(: x", "0\r\n\r\n",
    "1\r\na\r\n0\r\n\r\n", "GET / HTTP/1.1\r\nHost: k\r\n\r\n" };

static void changed(void)
{
    struct ks_prng prng;
    struct ks_buf buf;
    unsigned taken, all_taken = 0, with_one = 0;
    bool same = true;

    ks_prng_init_number(&prng, 1);
    ks_buf_init(&buf, 10000);
    for (unsigned i = 0; i < CHANGED && same; i++) {
        ks_buf_reset(&buf);
        ks_buf_z(&buf, requests[i % KS_COUNT(requests)]);
        if (i >= KS_COUNT(requests))
            change(&prng, &buf, pieces, KS_COUNT(pieces));
        same = agree(ks_buf_str(&buf), &taken);
        all_taken += taken;
        with_one += taken > 0;
    }
    check_row(same && with_one > CHANGED / 20 && with_one < CHANGED,
        "RFC 9112: 60,000 requests that were changed in places are understood as http-parser does",
        "%u requests of %u inputs were taken; not the same: %.*s", all_taken, with_one, KS_STR_FMT(ks_buf_str(&buf)));
    for (size_t i = 0; i < KS_COUNT(stricter); i++)
        check_row(stricter[i].seen > 0, stricter[i].reason, "%s was never seen", ks_http_fault_name(stricter[i].fault));
    ks_buf_done(&buf);
    ks_prng_done(&prng);
}

/* The comparison sees what it is for: a reader that took this for one request would be found out. */
static void control(void)
{
    struct reading ours, theirs;
    unsigned status;
    bool in_head;

    reading_init(&ours);
    reading_init(&theirs);
    struct ks_str one = KS_STR("GET /a HTTP/1.1\r\nHost: k\r\nX: 1\r\n\r\n"),
                  other = KS_STR("GET /a HTTP/1.1\r\nHost: k\r\nX: 2\r\n\r\n");
    check_row(read_ours(one, &ours, &in_head) == KS_HTTP_FAULT_NONE
            && read_theirs(other, HTTP_REQUEST, &theirs, &status) == other.len
            && !ks_str_starts(ks_buf_str(&theirs.text), ks_buf_str(&ours.text)),
        "A value that is not the same is seen", "%.*s", KS_STR_FMT(ks_buf_str(&ours.text)));
    ks_buf_done(&ours.text);
    ks_buf_done(&theirs.text);
}

static void responses(void)
{
    static const struct ks_http_field fields[] = { { "ETag", { "\"v1\"", 4 } }, { "X-Empty", { "", 0 } } };
    static const struct {
        const char *name;
        struct ks_http_response response;
        const char *body, *want;
    } rows[] = {
        { "RFC 9112 §4: http-parser reads a response of ours", { .status = 200, .body_bytes = 4 }, "body",
            "Content-Length: 4\nHTTP/1.1 \nend 4\n" },
        { "RFC 9112 §4: one with fields, which closes",
            { .status = 404, .fields = fields, .field_count = 2, .close = true }, "",
            "ETag: \"v1\"\nX-Empty: \nContent-Length: 0\nConnection: close\nHTTP/1.1 close\nend 0\n" },
        { "RFC 9112 §6.3: one that never has a body", { .status = 204 }, "", "HTTP/1.1 \nend 0\n" },
        { "RFC 9110 §15.4.5: another", { .status = 304, .fields = fields, .field_count = 1 }, "",
            "ETag: \"v1\"\nHTTP/1.1 \nend 0\n" },
        { "RFC 9110 §15.2.2: one that changes protocols", { .status = 101, .upgrade = "websocket" }, "",
            "Connection: Upgrade\nUpgrade: websocket\nHTTP/1.1 \nend 0\n" },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct reading reading;
        struct ks_buf buf;
        unsigned status = 0;
        ks_buf_init(&buf, 10000);
        reading_init(&reading);
        enum ks_err err = ks_http_response_write(&buf, &rows[i].response);
        ks_buf_z(&buf, rows[i].body);
        size_t len = read_theirs(ks_buf_str(&buf), HTTP_RESPONSE, &reading, &status);
        struct ks_str text = ks_buf_str(&reading.text), date = KS_STR("Date: Thu, 01 Jan 1970 00:00:00 GMT\n");
        check_row(err == KS_OK && len == buf.len && status == rows[i].response.status && ks_str_starts(text, date)
                && ks_str_is(ks_str_from(text, date.len), rows[i].want),
            rows[i].name, "%u, %zu of %zu bytes: %.*s", status, len, buf.len, KS_STR_FMT(text));
        ks_buf_done(&buf);
        ks_buf_done(&reading.text);
    }
}

int main(void)
{
    control();
    changed();
    responses();
    return check_done();
}
