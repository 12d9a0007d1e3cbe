/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "http_conn.h"

#include <stdlib.h>

#include "http_text.h"

#define FIELDS_MAX 32
#define PAGE_BYTES_MAX 8192
#define PIECE_BYTES 16384 /* of a body, to its handler */

enum phase {
    PHASE_IDLE,  /* between requests */
    PHASE_HEAD,  /* a part of one is here, or the first one is awaited */
    PHASE_BODY,  /* a body comes */
    PHASE_TAKE,  /* an answer goes */
    PHASE_THINK, /* the handler's turn: no limit of ours */
    PHASE_OVER,  /* nothing comes or goes any more */
};

struct ks_http_exchange {
    struct ks_http_conn *conn;
    const struct ks_http_handler *handler; /* NULL: refused before one was found */
    void *state;
    uint64_t fill_left;
    bool open, called; /* called: head was, so gone will be */
    bool head_only, keep, expects;
    bool answered, whole, held;
    bool starved; /* fill had nothing */
};

struct ks_http_conn {
    const struct ks_http_site *site;
    void *edge;
    struct ks_http_exchange x;
    struct ks_http_reader reader;
    struct ks_buf in, out; /* hold memory only while they hold bytes */
    struct ks_now now;     /* of the call at hand */
    int64_t deadline_ms;
    uint32_t paced; /* bytes that moved since the deadline was set */
    uint16_t requests;
    unsigned ports;
    uint8_t phase, end;
    bool secure, closing;
};

struct ks_http_conn *ks_http_conn_new(
    const struct ks_http_site *site, unsigned ports, bool secure, void *edge, struct ks_now now)
{
    struct ks_http_conn *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->site = site;
    c->edge = edge;
    c->x.conn = c;
    c->ports = ports;
    c->secure = secure;
    c->now = now;
    c->phase = PHASE_HEAD;
    c->deadline_ms = now.mono_ms + KS_HTTP_HEAD_MS;
    ks_buf_init(&c->in, SIZE_MAX);
    ks_buf_init(&c->out, SIZE_MAX);
    return c;
}

static void end_exchange(struct ks_http_conn *c)
{
    struct ks_http_exchange *x = &c->x;

    if (x->called && x->handler->gone)
        x->handler->gone(x);
    *x = (struct ks_http_exchange) { .conn = c };
}

void ks_http_conn_free(struct ks_http_conn *c)
{
    if (!c)
        return;
    end_exchange(c);
    ks_buf_done(&c->in);
    ks_buf_done(&c->out);
    free(c);
}

static void end(struct ks_http_conn *c, enum ks_http_conn_end how)
{
    if (c->end == KS_HTTP_OPEN || how == KS_HTTP_CUT)
        c->end = (uint8_t)how;
}

/* --- time --- */

static enum phase phase_of(const struct ks_http_conn *c)
{
    const struct ks_http_exchange *x = &c->x;

    if (c->end != KS_HTTP_OPEN)
        return PHASE_OVER; /* the edge has a limit of its own for what is left */
    if (c->out.len || (x->fill_left && !x->starved))
        return PHASE_TAKE;
    if (x->open)
        return x->whole || x->held || x->answered ? PHASE_THINK : PHASE_BODY;
    return ks_http_reader_idle(&c->reader) && !c->in.len && c->requests ? PHASE_IDLE : PHASE_HEAD;
}

/* Sets the deadline where a phase begins, and anew where a peer kept the pace. */
static void mind_time(struct ks_http_conn *c, size_t moved)
{
    static const int64_t limit_ms[] = {
        [PHASE_IDLE] = KS_HTTP_IDLE_MS,
        [PHASE_HEAD] = KS_HTTP_HEAD_MS,
        [PHASE_BODY] = KS_HTTP_BODY_MS,
        [PHASE_TAKE] = KS_HTTP_TAKE_MS,
    };
    enum phase phase = phase_of(c);
    bool paced = phase == PHASE_BODY || phase == PHASE_TAKE;

    c->paced = paced && moved < KS_HTTP_PACE_BYTES ? c->paced + (uint32_t)moved : KS_HTTP_PACE_BYTES;
    if (phase == c->phase && !(paced && c->paced >= KS_HTTP_PACE_BYTES))
        return;
    c->phase = (uint8_t)phase;
    c->paced = 0;
    c->deadline_ms = phase >= PHASE_THINK ? KS_NEVER : c->now.mono_ms + limit_ms[phase];
}

int64_t ks_http_conn_deadline_ms(const struct ks_http_conn *c)
{
    return c->deadline_ms;
}

/* --- answers --- */

static bool has_field(const struct ks_http_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (ks_http_is(ks_str_z(fields[i].name), ks_str_z(name)))
            return true;
    return false;
}

/* Adds those of more that fields do not have. */
static size_t add_fields(struct ks_http_field *fields, size_t count, const struct ks_http_field *more)
{
    size_t own = count;

    for (; more->name; more++)
        if (!has_field(fields, own, more->name)) {
            assert(count < FIELDS_MAX);
            fields[count++] = *more;
        }
    return count;
}

static bool write_head(struct ks_http_exchange *x, const struct ks_http_answer *answer)
{
    /* https://fetch.spec.whatwg.org/: pages from elsewhere read what says so, and sends no cookies, which we have not.
     */
    static const struct ks_http_field shared[] = { { "Access-Control-Allow-Origin", { "*", 1 } },
        { "Cross-Origin-Resource-Policy", { "cross-origin", 12 } }, { 0 } };
    struct ks_http_conn *c = x->conn;
    struct ks_http_field fields[FIELDS_MAX];
    size_t count = answer->field_count;

    assert(count <= KS_HTTP_FIELDS_OWN_MAX);
    for (size_t i = 0; i < count; i++)
        fields[i] = answer->fields[i];
    if (x->handler && x->handler->cors)
        count = add_fields(fields, count, shared);
    count = add_fields(fields, count, c->site->fields);
    if (c->secure)
        count = add_fields(fields, count, c->site->secure_fields);
    return ks_http_response_write(&c->out,
               &(struct ks_http_response) { .status = answer->status,
                   .wall_ms = c->now.wall_ms,
                   .body_bytes = answer->fill_bytes ? answer->fill_bytes : answer->body.len,
                   .close = !x->keep,
                   .upgrade = answer->status == 426 ? "websocket" : NULL,
                   .fields = fields,
                   .field_count = count })
        == KS_OK;
}

void ks_http_answer(struct ks_http_exchange *x, const struct ks_http_answer *answer)
{
    struct ks_http_conn *c = x->conn;

    assert(x->open && !x->answered && answer->status >= 200);
    x->answered = true;
    /* What is left of a body that nobody wants is not worth its way. */
    if (!x->whole)
        x->keep = false;
    if (!write_head(x, answer)) {
        static const struct ks_http_answer bad_field = { .status = 500 };
        bool written = write_head(x, &bad_field);
        assert(written);
        (void)written;
    } else if (!x->head_only && answer->status != 204 && answer->status != 304) {
        ks_buf_add(&c->out, answer->fill_bytes ? KS_STR_EMPTY : answer->body);
        x->fill_left = answer->fill_bytes;
    }
    c->site->wake(c->edge);
}

void ks_http_fail(struct ks_http_exchange *x, unsigned status, const struct ks_http_field *fields, size_t field_count)
{
    struct ks_http_field all[KS_HTTP_FIELDS_OWN_MAX] = { { "Content-Type", KS_STR("text/html; charset=utf-8") },
        { "Cache-Control", KS_STR("no-store") } };
    struct ks_buf page;
    size_t count = 2;

    assert(status >= 400 && field_count <= KS_HTTP_FIELDS_OWN_MAX - 2);
    for (size_t i = 0; i < field_count; i++)
        all[count++] = fields[i];
    ks_buf_init(&page, PAGE_BYTES_MAX);
    x->conn->site->page(&page, status);
    ks_http_answer(x,
        &(struct ks_http_answer) { .status = status, .fields = all, .field_count = count, .body = ks_buf_str(&page) });
    ks_buf_done(&page);
}

void ks_http_upgrade(struct ks_http_exchange *x, const struct ks_ws_handshake *handshake)
{
    struct ks_http_conn *c = x->conn;

    assert(x->open && !x->answered && x->whole);
    x->answered = true;
    ks_ws_handshake_accept(&c->out, handshake, c->now.wall_ms);
    end(c, KS_HTTP_UPGRADED);
    c->site->wake(c->edge);
}

void ks_http_hold(struct ks_http_exchange *x)
{
    x->held = true;
}

void ks_http_release(struct ks_http_exchange *x)
{
    x->held = false;
    x->conn->site->wake(x->conn->edge);
}

void ks_http_wake(struct ks_http_exchange *x)
{
    x->starved = false;
    x->conn->site->wake(x->conn->edge);
}

void **ks_http_state(struct ks_http_exchange *x)
{
    return &x->state;
}

bool ks_http_is_head(const struct ks_http_exchange *x)
{
    return x->head_only;
}

struct ks_now ks_http_now(const struct ks_http_exchange *x)
{
    return x->conn->now;
}

void *ks_http_user(const struct ks_http_exchange *x)
{
    return x->conn->site->user;
}

void *ks_http_edge(const struct ks_http_exchange *x)
{
    return x->conn->edge;
}

/* --- requests --- */

static bool is_below(struct ks_str path, const char *prefix)
{
    size_t len = strlen(prefix);

    return prefix[len - 1] == '/' ? ks_str_starts(path, ks_str(prefix, len)) : ks_str_is(path, prefix);
}

static const struct ks_http_handler *find_handler(const struct ks_http_conn *c, struct ks_str path)
{
    const struct ks_http_handler *found = NULL;

    for (const struct ks_http_handler *const *at = c->site->handlers; *at; at++)
        if (((*at)->ports & c->ports) && is_below(path, (*at)->path)
            && (!found || strlen((*at)->path) > strlen(found->path)))
            found = *at;
    return found;
}

/* "GET, HEAD, OPTIONS" */
static void write_methods(struct ks_buf *buf, unsigned methods)
{
    static const char *const names[] = {
        [KS_HTTP_GET] = "GET, HEAD, ",
        [KS_HTTP_HEAD] = "",
        [KS_HTTP_PUT] = "PUT, ",
        [KS_HTTP_POST] = "POST, ",
        [KS_HTTP_DELETE] = "DELETE, ",
        [KS_HTTP_OPTIONS] = "",
    };

    for (unsigned i = 0; i < KS_COUNT(names); i++)
        if (methods & KS_HTTP_CAN(i))
            ks_buf_z(buf, names[i]);
    ks_buf_z(buf, "OPTIONS");
}

/* RFC 9110 §9.3.7, and what a browser asks before it sends what a form could not (the fetch standard's preflight). */
static void answer_options(struct ks_http_exchange *x, struct ks_str methods)
{
    struct ks_http_field fields[4] = { { "Allow", methods } };
    size_t count = 1;

    if (x->handler && x->handler->cors) {
        fields[count++] = (struct ks_http_field) { "Access-Control-Allow-Methods", methods };
        fields[count++] = (struct ks_http_field) { "Access-Control-Max-Age", KS_STR("86400") };
        if (*x->handler->cors)
            fields[count++] = (struct ks_http_field) { "Access-Control-Allow-Headers", ks_str_z(x->handler->cors) };
    }
    ks_http_answer(x, &(struct ks_http_answer) { .status = 204, .fields = fields, .field_count = count });
}

/* What the descriptor says before the handler is asked: false, and answered. */
static bool admit(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    unsigned can = x->handler ? x->handler->methods : KS_HTTP_CAN(KS_HTTP_GET);
    enum ks_http_method method = request->method == KS_HTTP_HEAD ? KS_HTTP_GET : request->method;
    bool all = ks_str_is(request->path, "*"); /* with OPTIONS alone */
    char room[64];
    struct ks_buf methods;

    ks_buf_init(&methods, sizeof room);
    write_methods(&methods, can);
    if (!x->handler && !all)
        ks_http_fail(x, 404, NULL, 0);
    else if (method == KS_HTTP_OPTIONS)
        answer_options(x, ks_buf_str(&methods));
    else if (!(can & KS_HTTP_CAN(method)))
        ks_http_fail(x, 405, &(struct ks_http_field) { "Allow", ks_buf_str(&methods) }, 1);
    else if (request->body_bytes > x->handler->body_max)
        ks_http_fail(x, 413, NULL, 0);
    ks_buf_done(&methods);
    return !x->answered;
}

static void on_request(struct ks_http_conn *c, const struct ks_http_request *request)
{
    struct ks_http_exchange *x = &c->x;

    *x = (struct ks_http_exchange) { .conn = c,
        .handler = find_handler(c, request->path),
        .open = true,
        .head_only = request->method == KS_HTTP_HEAD,
        .keep = request->keep_alive && ++c->requests < KS_HTTP_REQUESTS_MAX && !c->closing,
        .whole = !request->body_bytes };
    if (!admit(x, request))
        return;
    x->called = true;
    x->handler->head(x, request);
    if (request->expect_continue && !x->answered && !x->whole)
        ks_http_continue_write(&c->out);
}

static void on_body(struct ks_http_exchange *x, struct ks_str bytes)
{
    if (!x->answered)
        x->handler->body(x, bytes);
}

static void on_end(struct ks_http_exchange *x)
{
    bool had_body = !x->whole;

    x->whole = true;
    if (had_body && !x->answered)
        x->handler->whole(x);
}

/* A request that nobody can read: nothing is known of what comes behind it. */
static void refuse(struct ks_http_conn *c, unsigned status)
{
    end_exchange(c);
    c->x.open = true;
    ks_http_fail(&c->x, status, NULL, 0);
    end_exchange(c);
    end(c, KS_HTTP_CLOSE);
}

/* The answer is on its way as a whole: on to the next request, if there is to be one. */
static void mind_end(struct ks_http_conn *c)
{
    struct ks_http_exchange *x = &c->x;

    if (!x->open || !x->answered || x->fill_left || c->end != KS_HTTP_OPEN)
        return;
    bool over = !x->keep || c->closing;
    end_exchange(c);
    if (over)
        end(c, KS_HTTP_CLOSE);
}

static bool may_read(const struct ks_http_conn *c)
{
    const struct ks_http_exchange *x = &c->x;

    if (c->end != KS_HTTP_OPEN || c->out.len >= KS_HTTP_TURN_BYTES)
        return false;
    return !x->open || (!x->whole && !x->held && !x->answered);
}

/* Reads what it may; returns how much was used up. */
static size_t take(struct ks_http_conn *c, struct ks_str bytes)
{
    struct ks_http_request request;
    size_t used = 0;

    while (may_read(c)) {
        struct ks_str left = ks_str_head(ks_str_from(bytes, used), PIECE_BYTES);
        size_t len;
        enum ks_http_got got = ks_http_next(&c->reader, left, &request, &len);
        used += len;
        if (got == KS_HTTP_MORE)
            break;
        if (got == KS_HTTP_REQUEST) {
            if (!request.body_bytes) /* its end follows at once, whatever comes behind it */
                (void)ks_http_next(&c->reader, KS_STR_EMPTY, &request, &len);
            on_request(c, &request);
        } else if (got == KS_HTTP_BODY) {
            on_body(&c->x, ks_str_head(left, len));
        } else if (got == KS_HTTP_END) {
            on_end(&c->x);
        } else {
            refuse(c, ks_http_fault_status(ks_http_reader_fault(&c->reader)));
        }
        mind_end(c);
    }
    return used;
}

/* What waited: the exchange before it is over, or the handler takes more. */
static void go_on(struct ks_http_conn *c)
{
    struct ks_buf in = c->in;

    mind_end(c);
    if (!may_read(c))
        return;
    /* A handler may come back here through ks_http_conn_output; what is worked on is its own. */
    ks_buf_init(&c->in, SIZE_MAX);
    ks_buf_drop(&in, take(c, ks_buf_str(&in)));
    c->in = in;
    if (!c->in.len)
        ks_buf_done(&c->in);
}

static void check_memory(struct ks_http_conn *c)
{
    if (ks_buf_err(&c->in) != KS_OK || ks_buf_err(&c->out) != KS_OK)
        end(c, KS_HTTP_CUT);
}

/* --- bytes --- */

void ks_http_conn_feed(struct ks_http_conn *c, struct ks_str bytes, struct ks_now now)
{
    c->now = now;
    if (c->end == KS_HTTP_CLOSE || c->end == KS_HTTP_CUT)
        return;
    if (c->in.len) {
        ks_buf_add(&c->in, bytes);
        go_on(c);
    } else {
        ks_buf_add(&c->in, ks_str_from(bytes, take(c, bytes)));
    }
    check_memory(c);
    mind_time(c, bytes.len);
}

bool ks_http_conn_wants(const struct ks_http_conn *c)
{
    return may_read(c);
}

/* Lets the handler fill what there is room for. */
static void fill(struct ks_http_conn *c)
{
    struct ks_http_exchange *x = &c->x;

    while (x->fill_left && !x->starved && c->out.len < KS_HTTP_TURN_BYTES && c->end != KS_HTTP_CUT) {
        size_t most = KS_HTTP_TURN_BYTES - c->out.len, room_len;
        size_t len = most < x->fill_left ? most : (size_t)x->fill_left;
        char *room = ks_buf_reserve(&c->out, len, &room_len);
        size_t filled = room ? x->handler->fill(x, room, len) : KS_HTTP_FILL_BROKEN;
        if (filled == KS_HTTP_FILL_BROKEN) {
            end(c, KS_HTTP_CUT);
            return;
        }
        assert(filled <= len);
        x->starved = !filled;
        x->fill_left -= filled;
        ks_buf_wrote(&c->out, filled);
    }
}

struct ks_str ks_http_conn_output(struct ks_http_conn *c, struct ks_now now)
{
    c->now = now;
    go_on(c);
    fill(c);
    mind_end(c);
    check_memory(c);
    mind_time(c, 0);
    return c->end == KS_HTTP_CUT ? KS_STR_EMPTY : ks_buf_str(&c->out);
}

void ks_http_conn_sent(struct ks_http_conn *c, size_t len, struct ks_now now)
{
    c->now = now;
    ks_buf_drop(&c->out, len);
    if (!c->out.len)
        ks_buf_done(&c->out);
    go_on(c);
    check_memory(c);
    mind_time(c, len);
}

bool ks_http_conn_pending(const struct ks_http_conn *c)
{
    return c->end != KS_HTTP_CUT && (c->out.len || (c->x.fill_left && !c->x.starved));
}

enum ks_http_conn_end ks_http_conn_end(const struct ks_http_conn *c)
{
    return (enum ks_http_conn_end)c->end;
}

struct ks_str ks_http_conn_rest(const struct ks_http_conn *c)
{
    assert(c->end == KS_HTTP_UPGRADED);
    return ks_buf_str(&c->in);
}

void ks_http_conn_expired(struct ks_http_conn *c, struct ks_now now)
{
    c->now = now;
    if (c->deadline_ms > now.mono_ms)
        return;
    if (c->phase == PHASE_TAKE)
        end(c, KS_HTTP_CUT);
    else if (c->phase == PHASE_HEAD && c->in.len) /* RFC 9110 §15.5.9 */
        refuse(c, 408);
    else if (c->phase == PHASE_BODY)
        ks_http_fail(&c->x, 408, NULL, 0);
    mind_end(c);
    end(c, KS_HTTP_CLOSE); /* no news if it ended already */
    mind_time(c, 0);
}

void ks_http_conn_shutdown(struct ks_http_conn *c)
{
    c->closing = true;
    if (!c->x.open)
        end(c, KS_HTTP_CLOSE);
}
