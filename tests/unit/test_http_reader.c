/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "http_reader.h"

/* What a reader says of a connection's bytes: a line of words for each request. */
struct trace {
    char text[2000];
    size_t len;
    size_t body; /* bytes not yet told of */
    bool refused;
};

__attribute__((format(printf, 2, 3))) static void put(struct trace *trace, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    trace->len += (size_t)vsnprintf(trace->text + trace->len, sizeof trace->text - trace->len, format, args);
    va_end(args);
    assert(trace->len < sizeof trace->text);
}

static void put_request(struct trace *trace, const struct ks_http_request *request)
{
    static const char *const methods[] = { "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS" };

    put(trace, "%s %.*s", methods[request->method], KS_STR_FMT(request->path));
    if (request->query.len)
        put(trace, "?%.*s", KS_STR_FMT(request->query));
    put(trace, " %.*s", KS_STR_FMT(request->host.host));
    if (request->host.port)
        put(trace, ":%u", request->host.port);
    if (request->body_bytes)
        put(trace, " +%llu", (unsigned long long)request->body_bytes);
    put(trace, "%s%s%s ", request->keep_alive ? "" : " close", request->expect_continue ? " continue" : "",
        request->websocket ? " websocket" : "");
}

/* Gives all bytes at hand; *len of them stay. */
static void give(struct trace *trace, struct ks_http_reader *reader, char *bytes, size_t *len)
{
    struct ks_http_request request;
    enum ks_http_got got;
    size_t at = 0, used;

    do {
        got = ks_http_next(reader, ks_str(bytes + at, *len - at), &request, &used);
        at += used;
        if (got == KS_HTTP_BODY)
            trace->body += used;
        else if (trace->body && (got == KS_HTTP_END || got == KS_HTTP_REFUSED))
            put(trace, "[%zu] ", trace->body);
        if (got == KS_HTTP_REQUEST)
            put_request(trace, &request);
        if (got == KS_HTTP_END) {
            put(trace, "end ");
            trace->body = 0;
        }
        if (got == KS_HTTP_REFUSED && !trace->refused) {
            enum ks_http_fault fault = ks_http_reader_fault(reader);
            put(trace, "%u %s ", ks_http_fault_status(fault), ks_http_fault_name(fault));
            trace->refused = true;
        }
    } while (got != KS_HTTP_MORE && got != KS_HTTP_REFUSED);
    memmove(bytes, bytes + at, *len - at);
    *len -= at;
}

/* The first piece is of cut bytes, the others of piece. */
static struct ks_str trace_cut(struct trace *trace, struct ks_str input, size_t cut, size_t piece)
{
    static char bytes[3 * KS_HTTP_HEAD_MAX];
    struct ks_http_reader reader = { 0 };
    size_t len = 0;

    *trace = (struct trace) { 0 };
    for (size_t at = 0, next = cut; at < input.len; at += next, next = piece) {
        struct ks_str given = ks_str_head(ks_str_from(input, at), next);
        memcpy(bytes + len, given.ptr, given.len);
        len += given.len;
        give(trace, &reader, bytes, &len);
    }
    if (!ks_http_reader_idle(&reader) && !trace->refused)
        put(trace, "…");
    else if (trace->len)
        trace->len--;
    return ks_str(trace->text, trace->len);
}

#define IN(literal)                     \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }
#define HOST "Host: k.example\r\n"
#define END HOST "\r\n"

struct row {
    const char *name;
    struct ks_str input;
    const char *want;
};

static const struct row taken[] = {
    { "RFC 9112 §3: a request line, a host, an empty line", IN("GET / HTTP/1.1\r\n" END), "GET / k.example end" },
    { "RFC 9112 §9.3.2: requests behind each other", IN("GET /1 HTTP/1.1\r\n" END "HEAD /2 HTTP/1.1\r\n" END),
        "GET /1 k.example end HEAD /2 k.example end" },
    { "RFC 9112 §9.3.2: also behind a body",
        IN("PUT /a HTTP/1.1\r\nContent-Length: 3\r\n" END "GETGET / HTTP/1.1\r\n" END),
        "PUT /a k.example +3 [3] end GET / k.example end" },
    { "RFC 9112 §6.3: a body of the length that was said", IN("POST / HTTP/1.1\r\ncontent-length:5\r\n" END "12345"),
        "POST / k.example +5 [5] end" },
    { "RFC 9112 §6.3: one that is not yet whole", IN("POST / HTTP/1.1\r\nContent-Length: 5\r\n" END "1234"),
        "POST / k.example +5 …" },
    { "RFC 9112 §6.3: no length, no body", IN("POST / HTTP/1.1\r\n" END), "POST / k.example end" },
    { "RFC 9110 §8.6: a length of zero, also with GET", IN("GET / HTTP/1.1\r\nContent-Length: 0\r\n" END),
        "GET / k.example end" },
    { "RFC 9110 §8.6: zeroes before a length", IN("PUT / HTTP/1.1\r\nContent-Length: 0003\r\n" END "abc"),
        "PUT / k.example +3 [3] end" },
    { "RFC 9110 §8.6: a length of 63 bits", IN("PUT / HTTP/1.1\r\nContent-Length: 9223372036854775807\r\n" END "a"),
        "PUT / k.example +9223372036854775807 …" },
    { "RFC 9110 §9.3.5: DELETE with a body", IN("DELETE /a HTTP/1.1\r\nContent-Length: 1\r\n" END "x"),
        "DELETE /a k.example +1 [1] end" },
    { "RFC 9110 §9.3.7: OPTIONS of a resource", IN("OPTIONS /a HTTP/1.1\r\n" END), "OPTIONS /a k.example end" },
    { "RFC 9112 §3.2.4: OPTIONS of the server", IN("OPTIONS * HTTP/1.1\r\n" END), "OPTIONS * k.example end" },
    { "RFC 9112 §3.2.2: absolute-form, whose host counts", IN("GET http://other.example:8080/a?b HTTP/1.1\r\n" END),
        "GET /a?b other.example:8080 end" },
    { "RFC 9112 §2.2: an empty line before a request is ignored", IN("\r\nGET / HTTP/1.1\r\n" END),
        "GET / k.example end" },
    { "RFC 9112 §2.2: also before the next one", IN("GET / HTTP/1.1\r\n" END "\r\nGET /b HTTP/1.1\r\n" END),
        "GET / k.example end GET /b k.example end" },
    { "RFC 9112 §9.3: close", IN("GET / HTTP/1.1\r\nConnection: close\r\n" END), "GET / k.example close end" },
    { "RFC 9112 §9.3: close among other options, in any case",
        IN("GET / HTTP/1.1\r\nConnection: foo ,\tCLOSE, bar\r\n" END), "GET / k.example close end" },
    { "RFC 9112 §9.3: close in a second line",
        IN("GET / HTTP/1.1\r\nConnection: keep-alive\r\nConnection: close\r\n" END), "GET / k.example close end" },
    { "RFC 9112 §9.3: keep-alive is what HTTP/1.1 does anyway", IN("GET / HTTP/1.1\r\nConnection: keep-alive\r\n" END),
        "GET / k.example end" },
    { "RFC 9112 §9.3: HTTP/1.0 closes", IN("GET / HTTP/1.0\r\nConnection: keep-alive\r\n" END),
        "GET / k.example close end" },
    { "RFC 9110 §10.1.1: 100-continue", IN("PUT / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n" END "x"),
        "PUT / k.example +1 continue [1] end" },
    { "RFC 9110 §10.1.1: without a body there is nothing to go on with",
        IN("PUT / HTTP/1.1\r\nExpect: 100-continue\r\n" END), "PUT / k.example end" },
    { "RFC 9110 §10.1.1: HTTP/1.0 has no 100",
        IN("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n" END "x"),
        "PUT / k.example +1 close [1] end" },
    { "RFC 9110 §7.8: an upgrade to websocket",
        IN("GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" END),
        "GET /ws k.example websocket end" },
    { "RFC 9110 §7.8: one among others",
        IN("GET /ws HTTP/1.1\r\nUpgrade: h2c, websocket\r\nConnection: upgrade\r\n" END),
        "GET /ws k.example websocket end" },
    { "RFC 9110 §7.8: without Connection it is not for us", IN("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n" END),
        "GET /ws k.example end" },
    { "RFC 9110 §7.8: HTTP/1.0 has no upgrade",
        IN("GET /ws HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" END), "GET /ws k.example close end" },
    { "RFC 9110 §7.8: another protocol is passed by",
        IN("GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" END), "GET / k.example end" },
    { "RFC 9110 §5.1: names in any case, values with any blanks around",
        IN("GET / HTTP/1.1\r\nhOST:\t k.example:5281 \t\r\nX-A:\r\nX-B: \r\n\r\n"), "GET / k.example:5281 end" },
    { "RFC 9110 §5.5: a value may have any byte above ASCII", IN("GET / HTTP/1.1\r\nX: \x80\xff\xc3\xa4\r\n" END),
        "GET / k.example end" },
    { "A head that is not yet whole", IN("GET / HTTP/1.1\r\n" HOST "\r"), "…" },
    { "No bytes", IN(""), "" },
};

/* What a proxy may read in another way than we do. */
static const struct row smuggled[] = {
    { "Smuggling, CL.TE: both lengths",
        IN("POST / HTTP/1.1\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n" END "0\r\n\r\nG"), "400 both" },
    { "Smuggling, TE.CL: in the other order",
        IN("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n" END "5c\r\n"), "400 both" },
    { "Smuggling: both lengths, the first of them zero",
        IN("GET / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: x\r\n" END), "400 both" },
    { "Smuggling, TE.TE: an encoding that only one of two knows",
        IN("POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n" END), "501 coding" },
    { "Smuggling, TE.TE: two of them",
        IN("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n" END), "501 coding" },
    { "Smuggling, TE.TE: chunked twice",
        IN("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END), "501 coding" },
    { "Smuggling, TE.TE: a vertical tab before chunked",
        IN("POST / HTTP/1.1\r\nTransfer-Encoding: \x0b"
           "chunked\r\n" END),
        "400 field_value" },
    { "Smuggling: an empty encoding", IN("POST / HTTP/1.1\r\nTransfer-Encoding:\r\n" END), "501 coding" },
    { "RFC 9112 §6.3: chunks are refused with the advice to say a length",
        IN("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n" END "0\r\n\r\n"), "411 chunked" },
    { "RFC 9112 §6.1: also in HTTP/1.0, where they mean nothing",
        IN("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" END), "411 chunked" },
    { "Smuggling, CL.CL: two lengths", IN("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n" END),
        "400 length" },
    { "Smuggling, CL.CL: the same one twice", IN("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n" END),
        "400 length" },
    { "Smuggling, CL.CL: in one line", IN("POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n" END), "400 length" },
    { "Smuggling: a length with a sign", IN("POST / HTTP/1.1\r\nContent-Length: +5\r\n" END), "400 length" },
    { "Smuggling: a negative one", IN("POST / HTTP/1.1\r\nContent-Length: -1\r\n" END), "400 length" },
    { "Smuggling: an hexadecimal one", IN("POST / HTTP/1.1\r\nContent-Length: 0x5\r\n" END), "400 length" },
    { "Smuggling: one with a blank in it", IN("POST / HTTP/1.1\r\nContent-Length: 1 2\r\n" END), "400 length" },
    { "Smuggling: an empty one", IN("POST / HTTP/1.1\r\nContent-Length:\r\n" END), "400 length" },
    { "Smuggling: one of more than 63 bits", IN("POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n" END),
        "400 length" },
    { "Smuggling: one that wraps 64 bits to 4", IN("POST / HTTP/1.1\r\nContent-Length: 18446744073709551620\r\n" END),
        "400 length" },
    { "Smuggling: a GET with a body", IN("GET / HTTP/1.1\r\nContent-Length: 5\r\n" END "GET /"), "400 body" },
    { "Smuggling: a HEAD with one", IN("HEAD / HTTP/1.1\r\nContent-Length: 5\r\n" END "GET /"), "400 body" },
    { "Smuggling: a bare LF at the end of the request line", IN("GET / HTTP/1.1\n" END), "400 line_end" },
    { "Smuggling: a bare LF at the end of a field", IN("GET / HTTP/1.1\r\nX: a\n" END), "400 line_end" },
    { "Smuggling: a bare LF at the end of the head", IN("GET / HTTP/1.1\r\n" HOST "\n"), "400 line_end" },
    { "Smuggling: a bare LF before a request", IN("\nGET / HTTP/1.1\r\n" END), "400 line_end" },
    { "Smuggling: a bare CR in a value", IN("GET / HTTP/1.1\r\nX: a\rTransfer-Encoding: chunked\r\n" END),
        "400 line_end" },
    { "Smuggling: a bare CR before the end of a line", IN("GET / HTTP/1.1\r\nX: a\r\r\n" END), "400 line_end" },
    { "Smuggling: a bare CR for the empty line", IN("GET / HTTP/1.1\r\n" HOST "\r\r\n\r\n"), "400 line_end" },
    { "Smuggling: a bare CR in the request line", IN("GET / HTTP/1.1\r\r\n" END), "400 line_end" },
    { "Smuggling: two empty lines before a request", IN("\r\n\r\nGET / HTTP/1.1\r\n" END), "400 request_line" },
    { "Smuggling: a blank before the colon", IN("POST / HTTP/1.1\r\nContent-Length : 5\r\n" END), "400 field_name" },
    { "Smuggling: a tab there", IN("POST / HTTP/1.1\r\nTransfer-Encoding\t: chunked\r\n" END), "400 field_name" },
    { "Smuggling: obs-fold", IN("GET / HTTP/1.1\r\nX: a\r\n b\r\n" END), "400 fold" },
    { "Smuggling: obs-fold with a tab", IN("POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\tchunked\r\n" END), "400 fold" },
    { "Smuggling: a blank before the first field", IN("GET / HTTP/1.1\r\n Host: other\r\n" END), "400 fold" },
    { "Smuggling: a line of blanks", IN("GET / HTTP/1.1\r\n" HOST " \r\n\r\n"), "400 fold" },
    { "Smuggling: no colon", IN("GET / HTTP/1.1\r\nContent-Length 5\r\n" END), "400 field_name" },
    { "Smuggling: no name", IN("GET / HTTP/1.1\r\n: 5\r\n" END), "400 field_name" },
    { "Smuggling: a name beyond ASCII",
        IN("GET / HTTP/1.1\r\nTransfer\xad"
           "Encoding: chunked\r\n" END),
        "400 field_name" },
    { "Smuggling: NUL in a name", IN("GET / HTTP/1.1\r\nTransfer-Encoding\0: chunked\r\n" END), "400 field_name" },
    { "Smuggling: NUL in a value", IN("GET / HTTP/1.1\r\nX: a\0b\r\n" END), "400 field_value" },
    { "Smuggling: NUL in the target", IN("GET /a\0 HTTP/1.1\r\n" END), "400 target" },
    { "Smuggling: DEL in a value", IN("GET / HTTP/1.1\r\nX: a\x7f\r\n" END), "400 field_value" },
    { "Smuggling: two hosts", IN("GET / HTTP/1.1\r\nHost: other\r\n" END), "400 host" },
    { "Smuggling: the same host twice", IN("GET / HTTP/1.1\r\n" HOST END), "400 host" },
    { "Smuggling: a list of hosts", IN("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), "400 host" },
    { "Smuggling: two of them with absolute-form", IN("GET http://a/ HTTP/1.1\r\n" HOST END), "400 host" },
    { "Smuggling: no host with absolute-form", IN("GET http://a/ HTTP/1.1\r\n\r\n"), "400 host" },
    { "Smuggling: two blanks in the request line", IN("GET  / HTTP/1.1\r\n" END), "400 request_line" },
    { "Smuggling: a tab for a blank", IN("GET\t/ HTTP/1.1\r\n" END), "400 request_line" },
    { "Smuggling: a blank behind the version", IN("GET / HTTP/1.1 \r\n" END), "400 request_line" },
    { "Smuggling: another request in the target", IN("GET / HTTP/1.1 / HTTP/1.1\r\n" END), "400 request_line" },
    { "Smuggling: a blank before the method", IN(" GET / HTTP/1.1\r\n" END), "400 request_line" },
};

static const struct row refused[] = {
    { "RFC 9112 §3.2: no host", IN("GET / HTTP/1.1\r\n\r\n"), "400 host" },
    { "RFC 9112 §3.2: an empty one", IN("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "400 host" },
    { "RFC 9112 §3.2: HTTP/1.0 without a host has no reader here", IN("GET / HTTP/1.0\r\n\r\n"), "400 host" },
    { "RFC 9112 §2.3: HTTP/0.9 has no version", IN("GET /\r\n" END), "400 request_line" },
    { "RFC 9112 §2.3: a version without its minor number", IN("GET / HTTP/1\r\n" END), "400 request_line" },
    { "RFC 9112 §2.3: one in lower case", IN("GET / http/1.1\r\n" END), "400 request_line" },
    { "RFC 9112 §2.3: one with more digits", IN("GET / HTTP/1.10\r\n" END), "400 request_line" },
    { "RFC 9110 §15.6.6: HTTP/1.2", IN("GET / HTTP/1.2\r\n" END), "505 version" },
    { "RFC 9110 §15.6.6: HTTP/2.0", IN("GET / HTTP/2.0\r\n" END), "505 version" },
    { "RFC 9113 §3.4: the preface of HTTP/2", IN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "505 version" },
    { "RFC 9110 §9.1: a method that nobody knows", IN("BREW / HTTP/1.1\r\n" END), "501 method" },
    { "RFC 9110 §9.1: methods have their case", IN("get / HTTP/1.1\r\n" END), "501 method" },
    { "RFC 9110 §9.3.6: no tunnels", IN("CONNECT k.example:443 HTTP/1.1\r\n" END), "501 method" },
    { "RFC 9110 §9.3.8: no TRACE, which would read cookies aloud", IN("TRACE / HTTP/1.1\r\n" END), "501 method" },
    { "RFC 9110 §9.1: a method that is no token", IN("G{T / HTTP/1.1\r\n" END), "400 request_line" },
    { "RFC 9112 §3.2.4: an asterisk with GET", IN("GET * HTTP/1.1\r\n" END), "400 target" },
    { "RFC 9112 §3.2.3: authority-form", IN("GET k.example:443 HTTP/1.1\r\n" END), "400 target" },
    { "http_target.h: traversal", IN("GET /a/%2e%2e/b HTTP/1.1\r\n" END), "400 target" },
    { "RFC 9110 §10.1.1: another expectation", IN("PUT / HTTP/1.1\r\nExpect: 100-continue, gifts\r\n" END),
        "417 expect" },
    { "A refusal ends what is read", IN("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n" END), "400 host" },
    { "But not what was read before", IN("PUT / HTTP/1.1\r\nContent-Length: 2\r\n" END "ab\n"),
        "PUT / k.example +2 [2] end 400 line_end" },
};

static void check_rows_of(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct trace whole, cut;
        struct ks_str input = rows[i].input, got = trace_cut(&whole, input, input.len, input.len);
        bool same = ks_str_eq(trace_cut(&cut, input, 1, 1), got);
        size_t at;

        for (at = 1; at < input.len && same; at++)
            same = ks_str_eq(trace_cut(&cut, input, at, input.len), got);
        check_row(same && ks_str_is(got, rows[i].want), rows[i].name, "got \"%.*s\", want \"%s\"; cut at %zu \"%.*s\"",
            KS_STR_FMT(got), rows[i].want, at, KS_STR_FMT(ks_str(cut.text, cut.len)));
    }
}

/* A request with so many fields; the last one fills it up to len bytes, if that is not 0. */
static struct ks_str long_head(char *text, size_t count, size_t len)
{
    size_t at = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" HOST);

    for (size_t i = 1; i < count; i++)
        at += (size_t)sprintf(text + at, "a:\r\n");
    if (len) {
        assert(len >= at + 4);
        memset(text + at - 2, 'b', len - at);
        at = len - 2;
        memcpy(text + at - 2, "\r\n", 2);
    }
    memcpy(text + at, "\r\n", 2);
    return ks_str(text, at + 2);
}

static void limits(void)
{
    static char text[KS_HTTP_HEAD_MAX + 100];
    struct trace trace;
    struct ks_str head = long_head(text, 64, 0);

    check_str("KS_HTTP_FIELDS_MAX: 64 fields", trace_cut(&trace, head, head.len, 1), KS_STR("GET / k.example end"));
    head = long_head(text, 65, 0);
    check_str("RFC 6585 §5: 65 fields", trace_cut(&trace, head, head.len, 1), KS_STR("431 fields"));
    head = long_head(text, 2, KS_HTTP_HEAD_MAX);
    check_str(
        "KS_HTTP_HEAD_MAX: a head of 8192 bytes", trace_cut(&trace, head, head.len, 1), KS_STR("GET / k.example end"));
    check_str("KS_HTTP_HEAD_MAX: byte by byte", trace_cut(&trace, head, 1, 1), KS_STR("GET / k.example end"));
    head = long_head(text, 2, KS_HTTP_HEAD_MAX + 1);
    check_str("RFC 6585 §5: a head of 8193", trace_cut(&trace, head, head.len, 1), KS_STR("431 long_head"));
    check_str("RFC 6585 §5: the refusal comes with its 8192nd byte",
        trace_cut(&trace, ks_str_head(head, KS_HTTP_HEAD_MAX), 1, 1), KS_STR("431 long_head"));
    check_str("RFC 6585 §5: and not before", trace_cut(&trace, ks_str_head(head, KS_HTTP_HEAD_MAX - 1), 5000, 1),
        KS_STR("…"));
    memset(text, 'a', sizeof text);
    memcpy(text, "GET /", 5);
    check_str("RFC 9112 §3: a target that does not end", trace_cut(&trace, ks_str(text, sizeof text), 7, 1000),
        KS_STR("414 long_line"));
    memcpy(text, "\r\nGET /", 7);
    check_str("RFC 9112 §3: one behind an empty line", trace_cut(&trace, ks_str(text, sizeof text), 7, 1000),
        KS_STR("414 long_line"));
}

static void fields(void)
{
    struct ks_str bytes = KS_STR("\r\nGET / HTTP/1.1\r\nA: 1\r\n" HOST "b: \t x y \t\r\na:  2\r\nC:\r\n\r\n");
    struct ks_http_reader reader = { 0 };
    struct ks_http_request request;
    struct ks_str value = KS_STR_EMPTY;
    unsigned at = 0;
    size_t len;

    if (ks_http_next(&reader, bytes, &request, &len) != KS_HTTP_REQUEST) {
        check_row(false, "RFC 9112 §5: a request with fields", "?");
        return;
    }
    check_row(len == bytes.len && request.field_count == 5, "RFC 9112 §5: five fields", "%u", request.field_count);
    check_str("RFC 9112 §3.2: the target as it was sent", request.target, KS_STR("/"));
    check_row(ks_http_field(&request, KS_STR("B"), &value) == KS_OK && ks_str_is(value, "x y"),
        "RFC 9112 §5.1: a value without the blanks around it", "%.*s", KS_STR_FMT(value));
    check_row(ks_http_field(&request, KS_STR("c"), &value) == KS_OK && !value.len, "RFC 9112 §5: an empty value",
        "%.*s", KS_STR_FMT(value));
    check_err("One that is not there", ks_http_field(&request, KS_STR("d"), &value), KS_ENOTFOUND);
    check_err("One that is there twice", ks_http_field(&request, KS_STR("a"), &value), KS_EEXISTS);
    check_row(ks_http_field_next(&request, KS_STR("a"), &at, &value) && ks_str_is(value, "1")
            && ks_http_field_next(&request, KS_STR("a"), &at, &value) && ks_str_is(value, "2")
            && !ks_http_field_next(&request, KS_STR("a"), &at, &value),
        "RFC 9110 §5.3: both lines of it, in their order", "at %u", at);
    check_row(sizeof reader <= 16, "A connection keeps 16 bytes", "%zu", sizeof reader);
}

/* The next request waits until somebody asks for it. */
static void pipeline(void)
{
    struct ks_str bytes = KS_STR("POST / HTTP/1.1\r\nContent-Length: 2\r\n" END "abGET / HTTP/1.1\r\n" END);
    struct ks_http_reader reader = { 0 };
    struct ks_http_request request;
    size_t len = 0;

    check_row(ks_http_next(&reader, bytes, &request, &len) == KS_HTTP_REQUEST && !ks_http_reader_idle(&reader),
        "RFC 9112 §9.3.2: a request is taken", "len %zu", len);
    bytes = ks_str_from(bytes, len);
    check_row(ks_http_next(&reader, bytes, &request, &len) == KS_HTTP_BODY && len == 2,
        "RFC 9112 §9.3.2: its body ends where the next request begins", "len %zu", len);
    bytes = ks_str_from(bytes, len);
    check_row(ks_http_next(&reader, bytes, &request, &len) == KS_HTTP_END && len == 0 && ks_http_reader_idle(&reader),
        "RFC 9112 §9.3.2: its end is told before the next is looked at", "len %zu", len);
    check_row(ks_http_next(&reader, bytes, &request, &len) == KS_HTTP_REQUEST && request.method == KS_HTTP_GET,
        "RFC 9112 §9.3.2: then it is", "len %zu", len);
}

int main(void)
{
    check_rows_of(taken, KS_COUNT(taken));
    check_rows_of(smuggled, KS_COUNT(smuggled));
    check_rows_of(refused, KS_COUNT(refused));
    limits();
    fields();
    pipeline();
    return check_done();
}
