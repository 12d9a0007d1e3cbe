/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A stranger's bytes on an HTTP connection with handlers of each kind. Where the network cuts them does not matter, nor
 * when the peer takes the answers: the same comes back, and handlers see the same. Each head that a handler saw is told
 * that it is gone, and no body is longer than it may be. */
#include <stdlib.h>

#include "http_conn.h"

#define BODY_MAX 1000
#define FILL_BYTES 200000

static struct {
    unsigned heads, gones, wholes;
    size_t body_bytes;
} seen;

static void on_hello(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    seen.heads++;
    (void)request;
    ks_http_answer(x, &(struct ks_http_answer) { .status = 200, .body = KS_STR("hello") });
}

static void on_up(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    seen.heads++;
    assert(request->body_bytes <= BODY_MAX);
    if (!request->body_bytes)
        ks_http_answer(x, &(struct ks_http_answer) { .status = 204 });
}

static void on_body(struct ks_http_exchange *x, struct ks_str bytes)
{
    (void)x;
    seen.body_bytes += bytes.len;
}

static void on_whole(struct ks_http_exchange *x)
{
    seen.wholes++;
    ks_http_answer(x, &(struct ks_http_answer) { .status = 201 });
}

static void on_down(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    seen.heads++;
    (void)request;
    ks_http_answer(x, &(struct ks_http_answer) { .status = 200, .fill_bytes = FILL_BYTES });
}

static size_t fill(struct ks_http_exchange *x, char *room, size_t len)
{
    (void)x;
    memset(room, 'x', len);
    return len;
}

static void on_socket(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    struct ks_ws_handshake handshake;
    unsigned status = ks_ws_handshake_read(request, &handshake);

    seen.heads++;
    if (status == 101)
        ks_http_upgrade(x, &handshake);
    else
        ks_http_fail(x, status, NULL, 0);
}

static void on_gone(struct ks_http_exchange *x)
{
    (void)x;
    seen.gones++;
}

static const struct ks_http_handler hello = {
    .path = "/", .ports = 1, .methods = KS_HTTP_CAN(KS_HTTP_GET), .cors = "", .head = on_hello, .gone = on_gone
};
static const struct ks_http_handler up = { .path = "/up",
    .ports = 1,
    .methods = KS_HTTP_CAN(KS_HTTP_PUT) | KS_HTTP_CAN(KS_HTTP_POST),
    .body_max = BODY_MAX,
    .head = on_up,
    .body = on_body,
    .whole = on_whole,
    .gone = on_gone };
static const struct ks_http_handler down = {
    .path = "/down", .ports = 1, .methods = KS_HTTP_CAN(KS_HTTP_GET), .head = on_down, .fill = fill, .gone = on_gone
};
static const struct ks_http_handler ws = {
    .path = "/ws", .ports = 1, .methods = KS_HTTP_CAN(KS_HTTP_GET), .head = on_socket, .gone = on_gone
};

static void write_page(struct ks_buf *buf, unsigned status)
{
    ks_buf_printf(buf, "page %u", status);
}

static void wake(void *edge)
{
    (void)edge;
}

static const struct ks_http_field none[] = { { 0 } };
static const struct ks_http_handler *const handlers[] = { &hello, &up, &down, &ws, NULL };
static const struct ks_http_site site = {
    .handlers = handlers, .fields = none, .secure_fields = none, .page = write_page, .wake = wake
};

/* Takes what there is, `some` bytes at most in one go. */
static void take(struct ks_http_conn *c, struct ks_buf *out, size_t some, struct ks_now now)
{
    struct ks_str bytes;

    while ((bytes = ks_str_head(ks_http_conn_output(c, now), some)).len) {
        ks_buf_add(out, bytes);
        ks_http_conn_sent(c, bytes.len, now);
    }
}

/* One life; how it ended. */
static enum ks_http_conn_end live(struct ks_str bytes, size_t cut, size_t some, struct ks_buf *out)
{
    const struct ks_now now = { 1000, 1795312800000 };
    struct ks_http_conn *c = ks_http_conn_new(&site, 1, false, NULL, now);

    assert(c);
    memset(&seen, 0, sizeof seen);
    ks_http_conn_feed(c, ks_str_head(bytes, cut), now);
    take(c, out, some, now);
    ks_http_conn_feed(c, ks_str_from(bytes, cut), now);
    take(c, out, some, now);
    enum ks_http_conn_end end = ks_http_conn_end(c);
    if (end == KS_HTTP_UPGRADED)
        ks_buf_add(out, ks_http_conn_rest(c));
    ks_http_conn_free(c);
    assert(seen.heads == seen.gones && seen.wholes <= seen.heads);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_buf whole, parts;

    if (len < 1)
        return 0;
    struct ks_str bytes = ks_str(data + 1, len - 1);
    ks_buf_init(&whole, SIZE_MAX);
    ks_buf_init(&parts, SIZE_MAX);
    enum ks_http_conn_end end = live(bytes, bytes.len, SIZE_MAX, &whole);
    unsigned heads = seen.heads, wholes = seen.wholes;
    size_t body_bytes = seen.body_bytes;
    assert(live(bytes, bytes.len * data[0] / 256, 1 + data[0] * 97u, &parts) == end);
    assert(seen.heads == heads && seen.wholes == wholes && seen.body_bytes == body_bytes);
    assert(ks_str_eq(ks_buf_str(&whole), ks_buf_str(&parts)));
    ks_buf_done(&whole);
    ks_buf_done(&parts);
    return 0;
}
