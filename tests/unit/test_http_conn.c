/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a connection answers, how much it holds, and how long it waits; time is virtual. */
#include "check.h"
#include "http_conn.h"

#define SECOND 1000
#define BIG_BYTES 1000000u

/* What the handlers below saw of the exchange at hand, and what they are told to do. */
static struct {
    unsigned heads, wholes, gones, wakes;
    size_t body_bytes, largest_piece, filled;
    struct ks_http_exchange *x; /* of the last head */
    bool hold, starve, broken;
} seen;

static void on_hello(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    static const struct ks_http_field plain = { "Content-Type", KS_STR_INIT("text/plain") };

    (void)request;
    seen.heads++;
    seen.x = x;
    ks_http_answer(
        x, &(struct ks_http_answer) { .status = 200, .fields = &plain, .field_count = 1, .body = KS_STR("hello") });
}

static void on_later(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    (void)request;
    seen.heads++;
    seen.x = x;
}

static void on_piece(struct ks_http_exchange *x, struct ks_str bytes)
{
    seen.body_bytes += bytes.len;
    seen.largest_piece = bytes.len > seen.largest_piece ? bytes.len : seen.largest_piece;
    if (seen.hold)
        ks_http_hold(x);
}

static void on_whole(struct ks_http_exchange *x)
{
    seen.wholes++;
    ks_http_answer(x, &(struct ks_http_answer) { .status = 201 });
}

static void on_big(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    (void)request;
    seen.x = x;
    ks_http_answer(x, &(struct ks_http_answer) { .status = 200, .fill_bytes = BIG_BYTES });
}

static size_t fill_big(struct ks_http_exchange *x, char *room, size_t len)
{
    (void)x;
    if (seen.broken)
        return KS_HTTP_FILL_BROKEN;
    if (seen.starve)
        return KS_HTTP_FILL_NOTHING;
    memset(room, 'b', len);
    seen.filled += len;
    return len;
}

static void on_gone(struct ks_http_exchange *x)
{
    (void)x;
    seen.gones++;
}

static const struct ks_http_handler hello = {
    .path = "/hello", .ports = 1, .methods = KS_HTTP_CAN(KS_HTTP_GET), .head = on_hello, .gone = on_gone
};
static const struct ks_http_handler shared = { .path = "/shared/",
    .ports = 1,
    .methods = KS_HTTP_CAN(KS_HTTP_GET) | KS_HTTP_CAN(KS_HTTP_PUT),
    .cors = "Content-Type",
    .head = on_hello };
static const struct ks_http_handler inside = {
    .path = "/inside", .ports = 2, .methods = KS_HTTP_CAN(KS_HTTP_GET), .head = on_hello
};
static const struct ks_http_handler later = {
    .path = "/later", .ports = 1, .methods = KS_HTTP_CAN(KS_HTTP_GET), .head = on_later, .gone = on_gone
};
static const struct ks_http_handler up = { .path = "/up/",
    .ports = 1,
    .methods = KS_HTTP_CAN(KS_HTTP_PUT),
    .body_max = BIG_BYTES,
    .head = on_later,
    .body = on_piece,
    .whole = on_whole,
    .gone = on_gone };
static const struct ks_http_handler up_early = { .path = "/up/no",
    .ports = 1,
    .methods = KS_HTTP_CAN(KS_HTTP_PUT),
    .body_max = BIG_BYTES,
    .head = on_hello,
    .body = on_piece,
    .whole = on_whole,
    .gone = on_gone };
static const struct ks_http_handler big = {
    .path = "/big", .ports = 1, .methods = KS_HTTP_CAN(KS_HTTP_GET), .head = on_big, .fill = fill_big, .gone = on_gone
};

static void write_page(struct ks_buf *buf, unsigned status)
{
    ks_buf_printf(buf, "page %u", status);
}

static void wake(void *edge)
{
    (void)edge;
    seen.wakes++;
}

static const struct ks_http_field always[] = { { "X-Content-Type-Options", KS_STR_INIT("nosniff") },
    { "Cross-Origin-Resource-Policy", KS_STR_INIT("same-origin") }, { 0 } };
static const struct ks_http_field secure[] = { { "Strict-Transport-Security", KS_STR_INIT("max-age=1") }, { 0 } };
static const struct ks_http_handler *const handlers[] = { &hello, &shared, &inside, &later, &up, &up_early, &big,
    NULL };
static const struct ks_http_site site = {
    .handlers = handlers, .fields = always, .secure_fields = secure, .page = write_page, .wake = wake
};

static struct ks_http_conn *conn;
static struct ks_now now;
static struct ks_buf got;

static void begin(void)
{
    ks_http_conn_free(conn);
    memset(&seen, 0, sizeof seen);
    now = (struct ks_now) { .mono_ms = 1000000, .wall_ms = 1795000000000 };
    conn = ks_http_conn_new(&site, 1, true, NULL, now);
    ks_buf_reset(&got);
    if (!conn)
        abort();
}

/* What the edge does at the end of a turn: takes what there is, turn by turn. */
static void flush(void)
{
    struct ks_str out;

    while ((out = ks_http_conn_output(conn, now)).len) {
        ks_buf_add(&got, out);
        ks_http_conn_sent(conn, out.len, now);
    }
}

static void feed(const char *text)
{
    ks_http_conn_feed(conn, ks_str_z(text), now);
    flush();
}

static bool has(const char *text)
{
    return ks_str_find(ks_buf_str(&got), ks_str_z(text)) < got.len;
}

static unsigned count(const char *text)
{
    struct ks_str left = ks_buf_str(&got);
    unsigned times = 0;
    size_t at;

    for (; (at = ks_str_find(left, ks_str_z(text))) < left.len; left = ks_str_from(left, at + 1))
        times++;
    return times;
}

/* Time passes until the deadline, if it is sooner. */
static void pass(int64_t ms)
{
    now.mono_ms += ms;
    if (ks_http_conn_deadline_ms(conn) <= now.mono_ms) {
        ks_http_conn_expired(conn, now);
        flush();
    }
}

static void check_end(const char *name, enum ks_http_conn_end want)
{
    check_row(ks_http_conn_end(conn) == want, name, "got %d, want %d: %.*s", ks_http_conn_end(conn), want,
        KS_STR_FMT(ks_buf_str(&got)));
}

static void test_answers(void)
{
    static const struct {
        const char *name, *request, *want, *not ;
        enum ks_http_conn_end end;
    } rows[] = {
        { "RFC 9112 §9.3: a request is answered, and the connection stays", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
            "200 OK\r\n", "Connection: close", KS_HTTP_OPEN },
        { "RFC 9110 §9.3.2: to HEAD the length is told and no body sent", "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n",
            "Content-Length: 5\r\n", "hello", KS_HTTP_OPEN },
        { "what every answer has, this one has", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
            "X-Content-Type-Options: nosniff\r\n", "Access-Control", KS_HTTP_OPEN },
        { "RFC 6797 §7.2: over TLS, HSTS is on errors, too", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
            "Strict-Transport-Security: max-age=1\r\n", NULL, KS_HTTP_OPEN },
        { "RFC 9110 §15.5.5: what is not there is 404, with a page", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "page 404",
            NULL, KS_HTTP_OPEN },
        { "a handler of another port is not there", "GET /inside HTTP/1.1\r\nHost: a\r\n\r\n", "page 404", NULL,
            KS_HTTP_OPEN },
        { "a path is not a prefix", "GET /hello/a HTTP/1.1\r\nHost: a\r\n\r\n", "page 404", NULL, KS_HTTP_OPEN },
        { "a prefix is one", "GET /shared/a/b HTTP/1.1\r\nHost: a\r\n\r\n", "hello", NULL, KS_HTTP_OPEN },
        { "RFC 9110 §15.5.6: another method is 405, with those there are", "DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n",
            "Allow: GET, HEAD, OPTIONS\r\n", NULL, KS_HTTP_OPEN },
        { "RFC 9110 §9.3.7: OPTIONS tells the methods", "OPTIONS /up/a HTTP/1.1\r\nHost: a\r\n\r\n",
            "Allow: PUT, OPTIONS\r\n", "Access-Control", KS_HTTP_OPEN },
        { "RFC 9110 §9.3.7: OPTIONS of the whole server", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "204 No Content",
            NULL, KS_HTTP_OPEN },
        { "Fetch: a preflight is told methods and fields", "OPTIONS /shared/a HTTP/1.1\r\nHost: a\r\n\r\n",
            "Access-Control-Allow-Headers: Content-Type\r\n", NULL, KS_HTTP_OPEN },
        { "Fetch: pages from elsewhere may read what is for them", "GET /shared/a HTTP/1.1\r\nHost: a\r\n\r\n",
            "Cross-Origin-Resource-Policy: cross-origin\r\n", "same-origin", KS_HTTP_OPEN },
        { "a body that comes with OPTIONS is not read: the answer ends the connection",
            "OPTIONS /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", "204", NULL, KS_HTTP_CLOSE },
        { "RFC 9110 §15.5.14: a body over the limit is 413, before it is read",
            "PUT /up/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\nExpect: 100-continue\r\n\r\n", "page 413",
            "100 Continue", KS_HTTP_CLOSE },
        { "RFC 9110 §10.1.1: who waits for a 100 gets one",
            "PUT /up/a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n", "201", KS_HTTP_OPEN },
        { "RFC 9110 §10.1.1: or the answer at once, and then no body is read",
            "PUT /up/no HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
            "Connection: close\r\n", "100 Continue", KS_HTTP_CLOSE },
        { "RFC 9112 §9.6: who says close gets it", "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "Connection: close\r\n", NULL, KS_HTTP_CLOSE },
        { "RFC 9112 §6.1: Content-Length and Transfer-Encoding: refused, and closed",
            "PUT /up/a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET "
            "/hello "
            "HTTP/1.1\r\nHost: a\r\n\r\n",
            "page 400", "hello", KS_HTTP_CLOSE },
        { "RFC 9112 §6.3: two Content-Length: refused, and closed",
            "PUT /up/a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", "page 400", "201",
            KS_HTTP_CLOSE },
        { "RFC 9112 §5.2: obs-fold: refused, and closed", "GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
            "page 400", "hello", KS_HTTP_CLOSE },
        { "RFC 9112 §2.2: a bare LF: refused, and closed", "GET /hello HTTP/1.1\nHost: a\n\n", "page 400", "hello",
            KS_HTTP_CLOSE },
        { "RFC 9112 §9.3.2: what is pipelined is answered in order",
            "GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", "hello", NULL, KS_HTTP_OPEN },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        begin();
        feed(rows[i].request);
        check_row(has(rows[i].want) && !(rows[i].not &&has(rows[i].not )) && ks_http_conn_end(conn) == rows[i].end,
            rows[i].name, "end %d: %.*s", ks_http_conn_end(conn), KS_STR_FMT(ks_buf_str(&got)));
    }
}

static void test_pipeline(void)
{
    begin();
    for (int i = 0; i < 5; i++)
        ks_http_conn_feed(conn, KS_STR("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), now);
    flush();
    check_row(count("200 OK") == 5 && seen.heads == 5 && seen.gones == 5,
        "RFC 9112 §9.3.2: five requests at once are five answers", "%u, %u, %u", count("200 OK"), seen.heads,
        seen.gones);
    begin();
    feed("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    check_row(
        !got.len && !ks_http_conn_wants(conn), "the second waits for the first, and more is not read", "%zu", got.len);
    ks_http_answer(seen.x, &(struct ks_http_answer) { .status = 200, .body = KS_STR("later") });
    flush();
    size_t first = ks_str_find(ks_buf_str(&got), KS_STR("later"));
    check_row(first < ks_str_find(ks_buf_str(&got), KS_STR("hello")) && count("200 OK") == 2 && seen.wakes > 0,
        "and is answered behind it", "%.*s", KS_STR_FMT(ks_buf_str(&got)));
    begin();
    unsigned requests = 0;
    for (; ks_http_conn_end(conn) == KS_HTTP_OPEN && requests < 2 * KS_HTTP_REQUESTS_MAX; requests++)
        feed("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    check_row(requests == KS_HTTP_REQUESTS_MAX && count("Connection: close") == 1,
        "the last request that a connection may have is told so", "%u", requests);
}

static void test_bodies(void)
{
    static char block[50000];
    size_t held_at;

    begin();
    feed("PUT /up/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    for (size_t sent = 0; sent < BIG_BYTES; sent += sizeof block)
        ks_http_conn_feed(conn, ks_str(block, sizeof block), now);
    flush();
    check_row(seen.body_bytes == BIG_BYTES && seen.wholes == 1 && has("201 Created") && seen.gones == 1
            && seen.largest_piece <= 16384,
        "a body comes in pieces of 16 KiB at most, all of it", "%zu, largest %zu", seen.body_bytes, seen.largest_piece);
    begin();
    feed("PUT /up/a HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
    seen.hold = true;
    ks_http_conn_feed(conn, ks_str(block, sizeof block), now);
    held_at = seen.body_bytes;
    check_row(held_at == 16384 && !ks_http_conn_wants(conn), "a held body is not read from the socket", "%zu", held_at);
    seen.hold = false;
    ks_http_release(seen.x);
    flush();
    check_row(
        seen.body_bytes == 50000 && has("201 Created"), "and goes on when it is released", "%zu", seen.body_bytes);
    begin();
    feed("PUT /up/a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    ks_http_conn_free(conn);
    conn = NULL;
    check_row(
        seen.gones == 1 && !seen.wholes, "a handler hears of a connection that breaks in its body", "%u", seen.gones);
}

static void test_fill(void)
{
    begin();
    ks_http_conn_feed(conn, KS_STR("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"), now);
    size_t first = ks_http_conn_output(conn, now).len;
    check_row(first <= KS_HTTP_TURN_BYTES && seen.filled <= KS_HTTP_TURN_BYTES,
        "an answer is asked for as the peer takes it: 64 KiB at most", "%zu, %zu", first, seen.filled);
    check_row(ks_http_conn_output(conn, now).len == first, "nor for more, before that is sent", "%zu", seen.filled);
    flush();
    check_row(seen.filled == BIG_BYTES && seen.gones == 1 && ks_http_conn_end(conn) == KS_HTTP_OPEN,
        "and then for all of it", "%zu", seen.filled);
    begin();
    seen.starve = true;
    feed("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    check_row(!ks_http_conn_pending(conn) && !seen.filled, "a handler with nothing is left alone", "%zu", seen.filled);
    seen.starve = false;
    ks_http_wake(seen.x);
    flush();
    check_row(seen.filled == BIG_BYTES, "until it wakes the connection", "%zu", seen.filled);
    begin();
    seen.broken = true;
    feed("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    check_end("RFC 9112 §8: what cannot be sent as announced is cut", KS_HTTP_CUT);
    begin();
    feed("HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n");
    check_row(has("Content-Length: 1000000") && !seen.filled && seen.gones == 1, "to HEAD nothing is filled", "%zu",
        seen.filled);
}

static void test_time(void)
{
    begin();
    pass(14 * SECOND);
    check_end("slow-loris: a new connection has 15 s for its first head", KS_HTTP_OPEN);
    pass(1 * SECOND);
    check_end("slow-loris: and no more", KS_HTTP_CLOSE);
    begin();
    feed("GET /hello HTTP/1.1\r\n");
    for (int i = 0; i < 7; i++) {
        pass(2 * SECOND);
        feed("X: a\r\n");
    }
    check_end("slow-loris: lines may come one by one for 15 s", KS_HTTP_OPEN);
    pass(2 * SECOND);
    check_row(ks_http_conn_end(conn) == KS_HTTP_CLOSE && has("page 408"), "slow-loris: then it is 408", "%.*s",
        KS_STR_FMT(ks_buf_str(&got)));
    begin();
    feed("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    pass(59 * SECOND);
    feed("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    pass(59 * SECOND);
    check_end("an idle connection is kept for a minute after each answer", KS_HTTP_OPEN);
    pass(1 * SECOND);
    check_row(ks_http_conn_end(conn) == KS_HTTP_CLOSE && !has("408"), "and ends without a word", "%.*s",
        KS_STR_FMT(ks_buf_str(&got)));
    begin();
    feed("PUT /up/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 8; i++) {
        static char block[KS_HTTP_PACE_BYTES];
        pass(59 * SECOND);
        ks_http_conn_feed(conn, ks_str(block, sizeof block), now);
    }
    check_end("a body may take its time while it keeps the pace", KS_HTTP_OPEN);
    for (int i = 0; i < 12; i++) {
        pass(5 * SECOND);
        if (ks_http_conn_end(conn) == KS_HTTP_OPEN)
            feed("drip");
    }
    check_row(ks_http_conn_end(conn) == KS_HTTP_CLOSE && has("page 408"), "slow-loris: a body that drips is 408",
        "%.*s", KS_STR_FMT(ks_buf_str(&got)));
    begin();
    ks_http_conn_feed(conn, KS_STR("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"), now);
    (void)ks_http_conn_output(conn, now);
    now.mono_ms += KS_HTTP_TAKE_MS;
    ks_http_conn_expired(conn, now);
    check_end("slow-loris: who takes nothing of an answer for two minutes is cut off", KS_HTTP_CUT);
    begin();
    feed("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    check_row(ks_http_conn_deadline_ms(conn) == KS_NEVER, "a handler has the time it takes", "a deadline");
}

static void test_shutdown(void)
{
    begin();
    ks_http_conn_shutdown(conn);
    check_end("a server that goes closes what is idle", KS_HTTP_CLOSE);
    begin();
    feed("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    ks_http_conn_shutdown(conn);
    check_end("and lets the exchange at hand finish", KS_HTTP_OPEN);
    ks_http_answer(seen.x, &(struct ks_http_answer) { .status = 200, .body = KS_STR("later") });
    flush();
    check_row(ks_http_conn_end(conn) == KS_HTTP_CLOSE && has("later") && !has("hello"), "but no other begin", "%.*s",
        KS_STR_FMT(ks_buf_str(&got)));
}

static void test_upgrade(void)
{
    static const char request[] = "GET /later HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                  "Sec-WebSocket-Protocol: xmpp\r\n\r\n";

    begin();
    feed(request);
    feed("\x81\x80");
    ks_http_upgrade(seen.x, &(struct ks_ws_handshake) { .key = KS_STR("dGhlIHNhbXBsZSBub25jZQ==") });
    flush();
    check_row(ks_http_conn_end(conn) == KS_HTTP_UPGRADED && has("101 Switching Protocols")
            && has("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        "RFC 6455 §4.2.2: an upgrade is answered with 101", "%.*s", KS_STR_FMT(ks_buf_str(&got)));
    check_str("what came behind the request is the next protocol's", ks_http_conn_rest(conn), KS_STR("\x81\x80"));
}

int main(void)
{
    ks_buf_init(&got, SIZE_MAX);
    test_answers();
    test_pipeline();
    test_bodies();
    test_fill();
    test_time();
    test_shutdown();
    test_upgrade();
    ks_http_conn_free(conn);
    ks_buf_done(&got);
    return check_done();
}
