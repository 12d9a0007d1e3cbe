/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls_client_cert.h"

#define CERTIFICATE_BYTES_MAX 65536 /* texts of a client's */
#define LATE_TELL_MS 60000          /* the log hears of late handshakes so often */

enum conn_state {
    CONN_CLEAR,     /* before STARTTLS */
    CONN_HANDSHAKE, /* of TLS */
    CONN_SECURE,
    CONN_CLOSING, /* has no stream any more; its last bytes are on the way */
    CONN_LINGER,  /* they are sent: waits for the peer to hang up, so that no reset destroys them on the way */
    CONN_DEAD,    /* closed; its memory goes at the end of the turn */
};

/* Bytes that wait, in a block of their own. */
struct held {
    size_t len;
    char bytes[];
};

struct ks_conn {
    struct ks_watch watch;
    struct ks_conn_host *host;
    struct ks_list link; /* in host->all or host->dead */
    struct ks_list busy; /* in host->busy or host->again */
    struct ks_timer timer;
    SSL *tls;                   /* NULL in clear */
    struct ks_tls_certs *certs; /* during the handshake */
    struct ks_c2s *stream;      /* NULL before a direct handshake is done, with HTTP, and after the close */
    struct ks_http_conn *http;  /* NULL with a stream */
    struct held *unsent;        /* ciphertext (or clear text) that the socket did not take */
    struct held *unread;        /* what was received and not yet used: after a pause or a move */
    uint64_t address_hash;
    uint8_t state, serves;
    uint16_t domain; /* that the stream was opened to in clear; 0 before */
    bool paused : 1;
    bool tls_wanted : 1; /* the clear output goes first, and nothing is read until the handshake */
    bool close_wanted : 1;
    bool moving : 1;
};

/* --- life --- */

static void on_ready(struct ks_watch *watch, uint32_t events);
static void on_timeout(struct ks_timer *timer, struct ks_now now);
static void mind_http(struct ks_conn *conn);
static void upgrade(struct ks_conn *conn);

enum ks_err ks_conn_host_init(struct ks_conn_host *host)
{
    struct ks_list *lists[] = { &host->all, &host->busy, &host->again, &host->dead };

    for (size_t i = 0; i < KS_COUNT(lists); i++)
        ks_list_init(lists[i]);
    return ks_loop_init(&host->loop);
}

static bool wants_input(const struct ks_conn *conn)
{
    return conn->state == CONN_LINGER
        || (conn->state < CONN_CLOSING && !conn->paused && !conn->tls_wanted && !conn->close_wanted && !conn->moving
            && (!conn->http || ks_http_conn_wants(conn->http)));
}

static void update_interest(struct ks_conn *conn)
{
    if (conn->state != CONN_DEAD && !conn->moving)
        ks_loop_change(
            &conn->host->loop, &conn->watch, (wants_input(conn) ? EPOLLIN : 0) | (conn->unsent ? EPOLLOUT : 0));
}

/* The turn does not end without looking at this connection. */
static void make_busy(struct ks_conn *conn)
{
    if (conn->state == CONN_DEAD)
        return;
    ks_list_leave(&conn->busy);
    ks_list_append(&conn->host->busy, &conn->busy);
}

static void free_conn(struct ks_conn *conn)
{
    ks_tls_free(conn->tls);
    ks_tls_certs_unref(conn->certs);
    free(conn->unsent);
    free(conn->unread);
    free(conn);
}

static void let_stream_go(struct ks_conn *conn)
{
    if (!conn->stream)
        return;
    ks_c2s_closed(conn->stream, conn->host->now);
    ks_c2s_free(conn->stream);
    conn->stream = NULL;
}

static atomic_ushort *web_counter(const struct ks_conn *conn)
{
    return &conn->host->web_addresses[conn->address_hash % KS_WEB_ADDRESSES];
}

static void let_http_go(struct ks_conn *conn)
{
    if (!conn->http)
        return;
    ks_http_conn_free(conn->http);
    conn->http = NULL;
    atomic_fetch_sub(web_counter(conn), 1);
}

/* Ends it, whatever its state. Whoever has it at hand sees CONN_DEAD. */
static void drop(struct ks_conn *conn)
{
    struct ks_conn_host *host = conn->host;

    if (conn->state == CONN_DEAD)
        return;
    conn->state = CONN_DEAD;
    let_stream_go(conn);
    let_http_go(conn);
    ks_timer_clear(&host->timers, &conn->timer);
    ks_loop_remove(&host->loop, &conn->watch);
    close(conn->watch.fd);
    atomic_fetch_sub(host->open, 1);
    ks_list_leave(&conn->busy);
    ks_list_leave(&conn->link);
    ks_list_append(&host->dead, &conn->link);
}

static void expect_within(struct ks_conn *conn, int64_t ms)
{
    if (ks_timer_set(&conn->host->timers, &conn->timer, conn->host->now.mono_ms + ms) != KS_OK)
        drop(conn); /* what cannot be timed cannot be waited for */
}

static void start_handshake(struct ks_conn *conn)
{
    conn->state = CONN_HANDSHAKE;
    conn->tls_wanted = false;
    conn->certs = ks_tls_certs_ref(conn->host->certs);
    conn->tls = ks_tls_new(conn->certs, conn->domain, conn->host->io);
    if (conn->tls)
        expect_within(conn, conn->host->handshake_ms);
    else
        drop(conn);
}

static bool open_stream(struct ks_conn *conn, bool websocket)
{
    conn->stream = ks_reactor_open(conn->host->core,
        &(struct ks_c2s_setup) { .edge = conn,
            .tls = conn->tls != NULL,
            .websocket = websocket,
            .component = conn->serves == KS_LISTEN_COMPONENT,
            .address_hash = conn->address_hash },
        conn->host->now);
    return conn->stream != NULL;
}

static bool open_http(struct ks_conn *conn)
{
    struct ks_conn_host *host = conn->host;

    if (!host->site || host->shutting_down)
        return false;
    if (atomic_fetch_add(web_counter(conn), 1) < host->web_per_address_max)
        conn->http = ks_http_conn_new(host->site, conn->serves, conn->tls != NULL, conn, host->now);
    if (!conn->http) {
        atomic_fetch_sub(web_counter(conn), 1);
        return false;
    }
    return true;
}

/* What the client means, with TLS. */
static bool means_http(const struct ks_conn *conn)
{
    unsigned protocol = ks_tls_protocol(conn->tls);

    return conn->serves & KS_LISTEN_HTTPS && (protocol == KS_TLS_HTTP || !(conn->serves & KS_LISTEN_DIRECT_TLS));
}

void ks_conn_accept(struct ks_conn_host *host, int fd, unsigned serves, uint64_t address_hash)
{
    struct ks_conn *conn = calloc(1, sizeof *conn);

    if (!conn) {
        close(fd);
        return;
    }
    conn->watch = (struct ks_watch) { .fd = fd, .ready = on_ready };
    conn->timer.fire = on_timeout;
    conn->host = host;
    conn->serves = (uint8_t)serves;
    conn->address_hash = address_hash;
    ks_list_init(&conn->busy);
    ks_list_init(&conn->link);
    ks_list_append(&host->all, &conn->link);
    atomic_fetch_add(host->open, 1);
    if (ks_loop_add(&host->loop, &conn->watch, EPOLLIN) != KS_OK) {
        drop(conn);
        return;
    }
    if (serves & (KS_LISTEN_DIRECT_TLS | KS_LISTEN_HTTPS))
        start_handshake(conn);
    else if (serves & (KS_LISTEN_STARTTLS | KS_LISTEN_COMPONENT) ? !open_stream(conn, false) : !open_http(conn))
        drop(conn);
    mind_http(conn);
    host->take_events(host);
}

/* A few are strangers; many are clients for whom this machine is too slow, and who will begin again. */
static void note_late(struct ks_conn_host *host, struct ks_now now)
{
    host->late++;
    if (host->late_told_ms && now.mono_ms - host->late_told_ms < LATE_TELL_MS)
        return;
    ks_log(host->log, KS_WARNING, "conn.handshakes.late", KS_NUM("handshakes", host->late));
    host->late = 0;
    host->late_told_ms = now.mono_ms;
}

static void on_timeout(struct ks_timer *timer, struct ks_now now)
{
    struct ks_conn *conn = KS_CONTAINER(timer, struct ks_conn, timer);

    if (conn->http && !conn->close_wanted) {
        ks_http_conn_expired(conn->http, now);
        mind_http(conn);
        return;
    }
    if (conn->state == CONN_HANDSHAKE)
        note_late(conn->host, now);
    ks_log(conn->host->log, KS_DEBUG, "conn.timeout", KS_NUM("state", conn->state));
    drop(conn);
}

/* --- sending --- */

/* Adds to what waits in *held. */
static bool hold(struct held **held, struct ks_str bytes, size_t bytes_max)
{
    size_t len = *held ? (*held)->len : 0;
    struct held *grown;

    if (bytes.len > bytes_max - len || !(grown = realloc(*held, sizeof *grown + len + bytes.len)))
        return false;
    memcpy(grown->bytes + len, bytes.ptr, bytes.len);
    grown->len = len + bytes.len;
    *held = grown;
    return true;
}

/* How much of it the socket took; -1: it is broken. */
static ssize_t send_some(struct ks_conn *conn, struct ks_str bytes)
{
    ssize_t sent = send(conn->watch.fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
        return 0;
    return sent;
}

/* Sends what TLS left in the thread's buffer, which is empty afterwards, or holds it. */
static void send_out(struct ks_conn *conn)
{
    struct ks_tls_io *io = conn->host->io;
    struct ks_str out = ks_str(io->out, io->out_len);

    io->out_len = 0;
    if (conn->state == CONN_DEAD || !out.len)
        return;
    if (!conn->unsent) {
        ssize_t sent = send_some(conn, out);
        if (sent < 0) {
            drop(conn);
            return;
        }
        out = ks_str_from(out, (size_t)sent);
    }
    if (out.len && !hold(&conn->unsent, out, KS_CONN_UNSENT_MAX))
        drop(conn);
    else
        update_interest(conn);
}

static void send_unsent(struct ks_conn *conn)
{
    struct held *unsent = conn->unsent;
    ssize_t sent = unsent ? send_some(conn, ks_str(unsent->bytes, unsent->len)) : 0;

    if (sent < 0) {
        drop(conn);
        return;
    }
    if (unsent && (size_t)sent < unsent->len) {
        unsent->len -= (size_t)sent;
        memmove(unsent->bytes, unsent->bytes + sent, unsent->len);
        return;
    }
    free(unsent);
    conn->unsent = NULL;
    update_interest(conn);
    make_busy(conn);
}

static struct ks_str output_of(struct ks_conn *conn)
{
    return conn->http ? ks_http_conn_output(conn->http, conn->host->now) : ks_c2s_output(conn->stream);
}

/* Takes what one turn may send of the output to the thread's buffer, sealed. */
static void seal_output(struct ks_conn *conn)
{
    struct ks_tls_io *io = conn->host->io;
    struct ks_str out = ks_str_head(output_of(conn), KS_CONN_TURN_BYTES), left = out;

    if (!out.len)
        return;
    if (!conn->tls) {
        memcpy(io->out + io->out_len, out.ptr, out.len);
        io->out_len += out.len;
        left = KS_STR_EMPTY;
    }
    for (; left.len; left = ks_str_from(left, KS_TLS_RECORD_MAX))
        if (ks_tls_write(conn->tls, ks_str_head(left, KS_TLS_RECORD_MAX)) != KS_OK) {
            drop(conn);
            return;
        }
    if (conn->http)
        ks_http_conn_sent(conn->http, out.len, conn->host->now);
    else
        ks_c2s_output_sent(conn->stream, out.len, conn->host->now);
}

/* The stream, or HTTP, is over and all of its bytes are on the way: says so to the peer. */
static void finish_close(struct ks_conn *conn)
{
    if (conn->stream || conn->http) {
        let_stream_go(conn);
        let_http_go(conn);
        conn->state = CONN_CLOSING;
        if (conn->tls)
            ks_tls_close(conn->tls);
        send_out(conn);
    }
    if (conn->state != CONN_CLOSING || conn->unsent)
        return;
    conn->state = CONN_LINGER;
    shutdown(conn->watch.fd, SHUT_WR);
    expect_within(conn, KS_CONN_CLOSE_MS);
    update_interest(conn);
}

/* True: there is more than the budget of a turn. */
static bool flush(struct ks_conn *conn)
{
    if ((conn->stream || conn->http) && !conn->unsent)
        seal_output(conn);
    send_out(conn);
    mind_http(conn);
    if (conn->state == CONN_DEAD || conn->unsent)
        return false;
    if (conn->http ? ks_http_conn_pending(conn->http) : conn->stream && ks_c2s_output(conn->stream).len)
        return true;
    if (conn->close_wanted)
        finish_close(conn);
    else if (conn->tls_wanted)
        start_handshake(conn);
    update_interest(conn);
    return false;
}

/* --- receiving --- */

/* Tells the stream, which is made if there is none, that it is secure now. */
static void begin_secure(struct ks_conn *conn, bool websocket)
{
    struct ks_tls_certificate certificate;
    struct ks_tls_facts facts;
    struct ks_arena arena;

    ks_arena_init(&arena, CERTIFICATE_BYTES_MAX);
    ks_tls_facts(conn->tls, conn->certs, &facts);
    /* The lists may be newer than those of the handshake. */
    if (ks_tls_client_certificate(conn->tls, &arena, &certificate) && !ks_tls_revoked(conn->host->certs, conn->tls))
        facts.certificate = &certificate;
    ks_tls_certs_unref(conn->certs);
    conn->certs = NULL;
    if (!conn->stream && !open_stream(conn, websocket))
        drop(conn);
    else
        ks_c2s_secured(conn->stream, &facts, conn->host->now);
    ks_arena_done(&arena);
}

static void secured(struct ks_conn *conn)
{
    conn->state = CONN_SECURE;
    ks_timer_clear(&conn->host->timers, &conn->timer);
    if (!conn->stream && means_http(conn)) {
        if (!open_http(conn)) /* which keeps the certificates, as it may become a stream */
            drop(conn);
        mind_http(conn);
        return;
    }
    begin_secure(conn, false);
}

/* The handler's answer to the handshake goes, and what came behind the request is the stream's. */
static void upgrade(struct ks_conn *conn)
{
    struct ks_http_conn *http = conn->http;

    ks_timer_clear(&conn->host->timers, &conn->timer);
    seal_output(conn);
    send_out(conn);
    if (conn->state == CONN_DEAD)
        return;
    conn->http = NULL;
    atomic_fetch_sub(web_counter(conn), 1);
    begin_secure(conn, true);
    if (conn->state != CONN_DEAD)
        ks_c2s_feed(conn->stream, ks_http_conn_rest(http), conn->host->now);
    ks_http_conn_free(http);
}

static void feed(struct ks_conn *conn, struct ks_str bytes)
{
    if (!conn->http) {
        ks_c2s_feed(conn->stream, bytes, conn->host->now);
        return;
    }
    ks_http_conn_feed(conn->http, bytes, conn->host->now);
    mind_http(conn);
    make_busy(conn);
}

static unsigned protocols_of(const struct ks_conn *conn)
{
    return (conn->serves & KS_LISTEN_HTTPS ? KS_TLS_HTTP : 0u)
        | (conn->serves & (KS_LISTEN_DIRECT_TLS | KS_LISTEN_STARTTLS) ? KS_TLS_XMPP : 0u);
}

/* One step on with the bytes in io->in. */
static void use_some(struct ks_conn *conn)
{
    struct ks_conn_host *host = conn->host;
    struct ks_tls_io *io = host->io;
    struct ks_str bytes = io->in;
    enum ks_err err = KS_OK;

    switch ((enum conn_state)conn->state) {
    case CONN_CLEAR:
        io->in = KS_STR_EMPTY;
        feed(conn, bytes);
        break;
    case CONN_HANDSHAKE:
        err = ks_tls_handshake(conn->tls, io, protocols_of(conn));
        send_out(conn);
        if (err == KS_OK && conn->state != CONN_DEAD)
            secured(conn);
        break;
    case CONN_SECURE:
        err = ks_tls_read(conn->tls, io, &bytes);
        send_out(conn);
        if (err == KS_OK && conn->state != CONN_DEAD)
            feed(conn, bytes);
        break;
    case CONN_CLOSING:
    case CONN_LINGER:
    case CONN_DEAD:
        io->in = KS_STR_EMPTY;
        break;
    }
    if (err != KS_OK && err != KS_EAGAIN) {
        if (err == KS_ECRYPTO)
            ks_log(host->log, KS_DEBUG, "conn.tls.failed", KS_NUM("state", conn->state));
        drop(conn);
    }
    host->take_events(host);
}

/* Uses bytes until they are used up or the connection wants no more; the rest is kept. */
static void use(struct ks_conn *conn, struct ks_str bytes)
{
    struct ks_tls_io *io = conn->host->io;

    io->in = bytes;
    while (io->in.len && wants_input(conn))
        use_some(conn);
    if (io->in.len && conn->state < CONN_CLOSING && !conn->close_wanted && !conn->tls_wanted
        && !hold(&conn->unread, io->in, KS_TLS_IN_MAX))
        drop(conn);
    io->in = KS_STR_EMPTY;
}

static void use_unread(struct ks_conn *conn)
{
    struct held *unread = conn->unread;

    if (!unread || !wants_input(conn))
        return;
    conn->unread = NULL;
    use(conn, ks_str(unread->bytes, unread->len));
    free(unread);
}

static void receive(struct ks_conn *conn)
{
    struct ks_tls_io *io = conn->host->io;
    ssize_t got = recv(conn->watch.fd, io->in_bytes, sizeof io->in_bytes, MSG_DONTWAIT);

    if (got > 0)
        use(conn, ks_str(io->in_bytes, (size_t)got));
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        drop(conn);
}

static void on_ready(struct ks_watch *watch, uint32_t events)
{
    struct ks_conn *conn = KS_CONTAINER(watch, struct ks_conn, watch);

    if (events & EPOLLOUT)
        send_unsent(conn);
    if (conn->state == CONN_DEAD)
        return;
    if (events & EPOLLIN && wants_input(conn))
        receive(conn);
    else if (events & (EPOLLHUP | EPOLLERR))
        drop(conn);
}

/* Closes when the output is sent, which may last so long. */
static void close_within(struct ks_conn *conn, int64_t ms)
{
    if (conn->close_wanted || conn->state == CONN_DEAD)
        return;
    conn->close_wanted = true;
    make_busy(conn);
    expect_within(conn, ms);
}

/* --- HTTP --- */

/* After anything that HTTP did: whether it ended, or is something else now, and until when it may last. */
static void mind_http(struct ks_conn *conn)
{
    struct ks_conn_host *host = conn->host;

    if (!conn->http || conn->state == CONN_DEAD || conn->close_wanted)
        return;
    enum ks_http_conn_end how = ks_http_conn_end(conn->http);
    int64_t deadline_ms = ks_http_conn_deadline_ms(conn->http);
    if (how == KS_HTTP_CUT)
        drop(conn);
    else if (how == KS_HTTP_CLOSE)
        close_within(conn, KS_HTTP_TAKE_MS);
    else if (how == KS_HTTP_UPGRADED)
        upgrade(conn);
    else if (deadline_ms == KS_NEVER)
        ks_timer_clear(&host->timers, &conn->timer);
    else if (conn->timer.slot && conn->timer.at_ms == deadline_ms)
        return;
    else if (ks_timer_set(&host->timers, &conn->timer, deadline_ms) != KS_OK)
        drop(conn);
}

void ks_conn_wake(void *user)
{
    make_busy(user);
}

struct ks_conn_host *ks_conn_host_of(const struct ks_conn *conn)
{
    return conn->host;
}

uint64_t ks_conn_address_hash(const struct ks_conn *conn)
{
    return conn->address_hash;
}

/* Past its handshake; before that, begin_secure looks. */
static void mind_revoked(struct ks_conn *conn)
{
    if (conn->stream && conn->tls && conn->state == CONN_SECURE && !conn->moving
        && ks_tls_revoked(conn->host->certs, conn->tls))
        ks_c2s_revoked(conn->stream, conn->host->now);
}

void ks_conn_host_certify(struct ks_conn_host *host, struct ks_tls_certs *certs)
{
    ks_tls_certs_unref(host->certs);
    host->certs = certs;
    for (KS_LIST_EACH_SAFE(&host->all, at))
        mind_revoked(KS_CONTAINER(at, struct ks_conn, link));
    ks_reactor_certify(host->core, host->now);
    host->take_events(host);
}

void ks_conn_host_shutdown(struct ks_conn_host *host)
{
    host->shutting_down = true;
    for (KS_LIST_EACH_SAFE(&host->all, at)) {
        struct ks_conn *conn = KS_CONTAINER(at, struct ks_conn, link);
        if (conn->http)
            ks_http_conn_shutdown(conn->http);
        mind_http(conn);
    }
}

/* --- what the core wants --- */

void ks_conn_output(struct ks_conn *conn)
{
    make_busy(conn);
}

void ks_conn_start_tls(struct ks_conn *conn, uint16_t domain)
{
    assert(conn->state == CONN_CLEAR);
    /* RFC 6120 §5.4.2.3: nothing sent in clear after <starttls/> may count as sent under TLS. The core ignores what it
     * was given, and what is still here is not given to it. */
    free(conn->unread);
    conn->unread = NULL;
    conn->tls_wanted = true;
    conn->domain = domain;
    make_busy(conn);
}

void ks_conn_close(struct ks_conn *conn)
{
    close_within(conn, KS_CONN_CLOSE_MS);
}

void ks_conn_pause(struct ks_conn *conn)
{
    conn->paused = true;
    update_interest(conn);
}

void ks_conn_resume(struct ks_conn *conn)
{
    conn->paused = false;
    update_interest(conn);
    make_busy(conn);
}

/* --- moving --- */

void ks_conn_leave(struct ks_conn *conn)
{
    struct ks_conn_host *host = conn->host;

    conn->moving = true;
    ks_timer_clear(&host->timers, &conn->timer);
    ks_loop_remove(&host->loop, &conn->watch);
    ks_list_leave(&conn->busy);
    ks_list_leave(&conn->link);
}

void ks_conn_adopt(struct ks_conn_host *host, struct ks_conn *conn)
{
    conn->host = host;
    conn->moving = false;
    ks_list_append(&host->all, &conn->link);
    if (conn->tls)
        ks_tls_use_io(conn->tls, host->io);
    enum ks_err err = ks_loop_add(&host->loop, &conn->watch, wants_input(conn) ? EPOLLIN : 0);
    ks_reactor_adopt(host->core, conn->stream, host->now);
    host->take_events(host);
    mind_revoked(conn); /* where it was, the lists may have been older */
    host->take_events(host);
    if (err)
        drop(conn);
    update_interest(conn);
    make_busy(conn);
}

/* --- the end of a turn --- */

bool ks_conn_host_finish(struct ks_conn_host *host)
{
    host->take_events(host);
    while (!ks_list_empty(&host->busy)) {
        struct ks_conn *conn = KS_CONTAINER(host->busy.next, struct ks_conn, busy);
        ks_list_leave(&conn->busy);
        use_unread(conn);
        if (!conn->moving && conn->state != CONN_DEAD && flush(conn)) {
            ks_list_leave(&conn->busy); /* an answer that was made in there made it busy again */
            ks_list_append(&host->again, &conn->busy);
        }
        host->take_events(host);
    }
    for (KS_LIST_EACH_SAFE(&host->dead, at)) {
        ks_list_leave(at);
        free_conn(KS_CONTAINER(at, struct ks_conn, link));
    }
    bool more = !ks_list_empty(&host->again);
    for (KS_LIST_EACH_SAFE(&host->again, at)) {
        ks_list_leave(at);
        ks_list_append(&host->busy, at);
    }
    return more;
}

void ks_conn_host_done(struct ks_conn_host *host)
{
    for (KS_LIST_EACH_SAFE(&host->all, at))
        drop(KS_CONTAINER(at, struct ks_conn, link));
    ks_conn_host_finish(host);
    ks_timers_done(&host->timers);
    ks_loop_done(&host->loop);
}
