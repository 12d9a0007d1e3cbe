/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "load_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load_login.h"
#include "load_ws.h"
#include "ws.h"

#define READ_BYTES 65536
#define STANZA_BYTES_MAX (1u << 20)
#define STANZA_DEPTH_MAX 200
#define QUEUE_BYTES_MAX (16u << 20)
#define LOGIN_BYTES_MAX (64u << 10)
#define EVENTS_MAX 512

static const char stream_header[] = "<?xml version='1.0'?><stream:stream to='%s' version='1.0' xml:lang='en' "
                                    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

int64_t load_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* --- the shared part --- */

static SSL_CTX *tls_new(void)
{
    static const unsigned char alpn[] = "\x0bxmpp-client"; /* XEP-0368 §2 */
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

    if (!tls)
        return NULL;
    SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
    SSL_CTX_set1_groups_list(tls, "X25519:P-256");
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_protos(tls, alpn, sizeof(alpn) - 1);
    SSL_CTX_set_mode(
        tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(tls, 1); /* one system call a record, not two */
    /* The servers' certificates were made a minute ago by run.sh: there is nobody to fool. */
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
    return tls;
}

enum ks_err load_net_init(struct load_net *net, const struct load_target *target)
{
    uint8_t seed[KS_PRNG_SEED_LEN];

    *net = (struct load_net) { .target = *target, .epoll = -1 };
    if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        return KS_EIO;
    ks_prng_init(&net->prng, seed);
    load_scram_cache_init(&net->keys, ks_str_z(target->password), &net->prng);
    net->epoll = epoll_create1(EPOLL_CLOEXEC);
    net->tls = tls_new();
    net->bytes = malloc(READ_BYTES);
    return net->epoll < 0 ? KS_EIO : net->tls && net->bytes ? KS_OK : KS_ENOMEM;
}

void load_net_done(struct load_net *net)
{
    if (net->epoll >= 0)
        close(net->epoll);
    SSL_CTX_free(net->tls);
    free(net->bytes);
    load_scram_cache_done(&net->keys);
    ks_prng_done(&net->prng);
}

/* --- the end of a client --- */

static void disconnect(struct load_client *client)
{
    if (client->ssl)
        SSL_free(client->ssl);
    if (client->fd >= 0)
        close(client->fd);
    if (client->arena) {
        ks_arena_done(client->arena);
        free(client->arena);
    }
    ks_buf_done(&client->in);
    ks_buf_done(&client->out);
    ks_buf_done(&client->frames);
    client->ssl = NULL;
    client->fd = -1;
    client->arena = NULL;
    client->scanned = 0;
    client->wants_write = client->wants_ack = client->wants_read = false;
    client->phase = LOAD_IDLE;
}

static void close_with(struct load_client *client, const char *why)
{
    if (client->phase == LOAD_IDLE)
        return;
    if (client->phase == LOAD_LEAVING)
        why = NULL;
    disconnect(client);
    if (client->events->closed)
        client->events->closed(client, why);
}

/* Says of a call of OpenSSL that failed what the system, or OpenSSL, had against it. */
static void note_cause(struct load_client *client, const char *what, int result)
{
    int system = errno, error = SSL_get_error(client->ssl, result);
    unsigned long code = ERR_peek_error();
    const char *cause = "no reason is known";

    if (error == SSL_ERROR_ZERO_RETURN)
        cause = "the server has closed it";
    else if (code)
        cause = ERR_reason_error_string(code);
    else if (error == SSL_ERROR_SYSCALL && system)
        cause = strerror(system);
    else if (error == SSL_ERROR_SYSCALL)
        cause = "the server hung up";
    snprintf(client->net->why, sizeof(client->net->why), "%s: %s", what, cause ? cause : "OpenSSL has no word for it");
    ERR_clear_error();
}

void load_client_cut(struct load_client *client)
{
    if (client->phase != LOAD_IDLE)
        disconnect(client);
}

void load_client_done(struct load_client *client)
{
    if (!client->net)
        return;
    for (struct load_client **at = &client->net->dirty; *at; at = &(*at)->next_dirty) {
        if (*at == client) {
            *at = client->next_dirty;
            break;
        }
    }
    if (client->phase != LOAD_IDLE)
        disconnect(client);
}

/* --- sending --- */

void load_client_mark(struct load_client *client)
{
    if (client->is_dirty)
        return;
    client->is_dirty = true;
    client->next_dirty = client->net->dirty;
    client->net->dirty = client;
}

static void queue(struct load_client *client, struct ks_str text)
{
    ks_buf_add(&client->out, text);
    load_client_mark(client);
}

static void queue_z(struct load_client *client, const char *z)
{
    queue(client, ks_str_z(z));
}

static void watch(struct load_client *client, bool wants_write)
{
    struct epoll_event event = { .events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = client };

    if (client->wants_write == wants_write)
        return;
    client->wants_write = wants_write;
    epoll_ctl(client->net->epoll, EPOLL_CTL_MOD, client->fd, &event);
}

/* What was queued, as it goes over the wire. */
static struct ks_buf *wire_of(struct load_client *client)
{
    struct load_net *net = client->net;

    if (!net->websocket || client->phase == LOAD_UPGRADING)
        return &client->out;
    if (ks_buf_err(&client->out) != KS_OK)
        return &client->out;
    bool whole =
        load_ws_wrap(&client->frames, &client->out_framer, &net->prng, ks_buf_str(&client->out), net->target.domain);
    assert(whole || ks_buf_err(&client->frames) != KS_OK); /* what we queue is XMPP */
    ks_buf_reset(&client->out);
    return &client->frames;
}

static bool read_some(struct load_client *client, const char *what);

/* A server that ends a stream says why first, and that may be here already. */
static void sending_failed(struct load_client *client, int result)
{
    char why[sizeof(client->net->why)];

    note_cause(client, "sending failed", result);
    memcpy(why, client->net->why, sizeof(why));
    while (read_some(client, NULL))
        ;
    memcpy(client->net->why, why, client->phase == LOAD_IDLE ? 0 : sizeof(why));
    close_with(client, client->net->why);
}

static void flush(struct load_client *client)
{
    struct ks_buf *wire;

    if (client->phase < LOAD_UPGRADING)
        return;
    if (client->wants_ack && client->phase != LOAD_LEAVING)
        ks_buf_z(&client->out, "<r xmlns='urn:xmpp:sm:3'/>");
    client->wants_ack = false;
    wire = wire_of(client);
    if (ks_buf_err(wire) != KS_OK) {
        close_with(client, "the server stopped reading");
        return;
    }
    while (wire->len > 0) {
        ERR_clear_error(); /* SSL_get_error(3): "the current thread's error queue must be empty" */
        int sent = SSL_write(client->ssl, wire->ptr, (int)wire->len), error;

        if (sent > 0) {
            ks_buf_drop(wire, (size_t)sent);
            continue;
        }
        error = SSL_get_error(client->ssl, sent);
        if (error == SSL_ERROR_WANT_WRITE
            || error == SSL_ERROR_WANT_READ) { /* the latter: a message of TLS is half here */
            watch(client, error == SSL_ERROR_WANT_WRITE);
            client->wants_read = error == SSL_ERROR_WANT_READ;
            return;
        }
        sending_failed(client, sent);
        return;
    }
    watch(client, false);
}

void load_client_send(struct load_client *client, struct ks_str stanza)
{
    assert(client->phase == LOAD_READY || client->phase == LOAD_STARTING);
    client->sent++;
    client->wants_ack = true;
    queue(client, stanza);
}

void load_client_logout(struct load_client *client)
{
    if (client->phase == LOAD_IDLE)
        return;
    queue_z(client, "</stream:stream>");
    client->phase = LOAD_LEAVING;
}

/* --- logging in --- */

void load_client_open_stream(struct load_client *client, enum load_phase next)
{
    ks_framer_restart(&client->framer);
    ks_framer_restart(&client->out_framer);
    ks_buf_printf(&client->out, stream_header, client->net->target.domain);
    load_client_mark(client);
    client->phase = next;
}

struct ks_str load_attr(struct ks_str stanza, const char *name)
{
    struct ks_str rest = ks_str_head(stanza, ks_str_find_byte(stanza, '>'));
    size_t name_len = strlen(name);

    while (rest.len > 0) {
        size_t equals = ks_str_find_byte(rest, '='), end;
        struct ks_str before = ks_str_head(rest, equals), value;
        char quote;

        if (equals + 1 >= rest.len)
            break;
        quote = rest.ptr[equals + 1];
        value = ks_str_from(rest, equals + 2);
        end = ks_str_find_byte(value, quote);
        if (before.len > name_len && ks_str_ends(before, ks_str_z(name))
            && before.ptr[before.len - name_len - 1] == ' ')
            return ks_str_head(value, end);
        rest = ks_str_from(value, end + 1);
    }
    return KS_STR_EMPTY;
}

void load_client_begin(struct load_client *client)
{
    client->phase = LOAD_STARTING;
    client->sent = client->acked = client->handled = 0;
    client->has_roster = false;
    load_client_send(client, KS_STR("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>"));
    if (!client->unavailable)
        load_client_send(client, KS_STR("<presence/>"));
}

static void become_ready_if_so(struct load_client *client)
{
    if (client->phase != LOAD_STARTING || !client->has_roster || client->acked != client->sent)
        return;
    client->phase = LOAD_READY;
    if (client->events->ready)
        client->events->ready(client);
}

void load_client_resumed(struct load_client *client, uint32_t h)
{
    client->acked = h;
    client->net->resumed++;
    client->phase = LOAD_READY;
    if (client->events->ready)
        client->events->ready(client);
}

/* --- receiving --- */

static void on_ack(struct load_client *client, struct ks_str stanza)
{
    uint64_t h;

    if (ks_str_u64(load_attr(stanza, "h"), UINT32_MAX, &h) != KS_OK || h > client->sent || h < client->acked) {
        close_with(client, "an acknowledgement of what was not sent");
        return;
    }
    if (h == client->acked)
        return;
    client->acked = (uint32_t)h;
    if (client->phase == LOAD_READY && client->events->acked)
        client->events->acked(client);
    become_ready_if_so(client);
}

static void on_session_stanza(struct load_client *client, struct ks_str stanza)
{
    if (ks_str_starts(stanza, KS_STR("<r ")) || ks_str_starts(stanza, KS_STR("<r/"))) {
        ks_buf_printf(&client->out, "<a xmlns='urn:xmpp:sm:3' h='%u'/>", client->handled);
        load_client_mark(client);
        return;
    }
    if (ks_str_starts(stanza, KS_STR("<a "))) {
        on_ack(client, stanza);
        return;
    }
    if (ks_str_starts(stanza, KS_STR("<stream:features")))
        return; /* behind a resumption */
    client->handled++;
    if (ks_str_starts(stanza, KS_STR("<message"))) {
        if (client->phase == LOAD_READY && client->events->message)
            client->events->message(client, stanza);
    } else if (ks_str_starts(stanza, KS_STR("<presence"))) {
        if (client->phase == LOAD_READY && client->events->presence)
            client->events->presence(client, stanza);
    } else if (ks_str_starts(stanza, KS_STR("<iq"))) {
        if (client->phase == LOAD_STARTING && ks_str_is(load_attr(stanza, "id"), "roster")) {
            client->has_roster = true;
            become_ready_if_so(client);
        } else if (client->phase == LOAD_READY && client->events->iq) {
            client->events->iq(client, stanza);
        }
    }
}

/* In the server's words, which are for the one who reads what a benchmark says. */
static void close_quoting(struct load_client *client, const char *what, struct ks_str said)
{
    struct ks_str head = ks_str_head(said, LOAD_WHY_MAX);

    snprintf(client->net->why, sizeof(client->net->why), "%s: %.*s", what, KS_STR_FMT(head));
    close_with(client, client->net->why);
}

static void on_item(struct load_client *client, enum ks_frame frame, struct ks_str item)
{
    const char *why;

    if (frame == KS_FRAME_CLOSE)
        close_with(client, "the server ended the stream");
    else if (frame == KS_FRAME_STANZA && ks_str_starts(item, KS_STR("<stream:error")))
        close_quoting(client, "a stream error", item);
    else if (frame == KS_FRAME_STANZA && client->phase == LOAD_LEAVING)
        return;
    else if (frame == KS_FRAME_STANZA && client->phase >= LOAD_STARTING)
        on_session_stanza(client, item);
    else if (frame == KS_FRAME_STANZA && (why = load_login_stanza(client, item)))
        close_quoting(client, why, item);
}

static void on_frame(struct load_client *client, unsigned opcode, struct ks_str payload)
{
    if (opcode == KS_WS_OP_PING) {
        load_ws_pong(&client->frames, &client->net->prng, payload);
        load_client_mark(client);
    } else if (opcode == KS_WS_OP_CLOSE || ks_str_starts(payload, KS_STR("<close"))) {
        on_item(client, KS_FRAME_CLOSE, payload);
    } else if (opcode == KS_WS_OP_TEXT && !ks_str_starts(payload, KS_STR("<open"))) {
        on_item(client, KS_FRAME_STANZA, payload);
    }
}

/* The login begins, at once with the token if there is one. */
static void greet(struct load_client *client)
{
    load_client_open_stream(client, LOAD_FEATURES);
    if (client->token[0])
        load_login_token(client);
}

/* Of a WebSocket, from its handshake on. */
static void feed_frames(struct load_client *client, struct ks_str bytes)
{
    struct ks_str payload, rest;
    enum ks_err err = KS_OK;
    unsigned opcode;
    size_t len;

    ks_buf_add(&client->in, bytes);
    rest = ks_buf_str(&client->in);
    while (err == KS_OK && rest.len > 0) {
        if (client->phase == LOAD_UPGRADING) {
            if ((err = load_ws_answered(rest, &len)) == KS_OK)
                greet(client);
        } else if ((err = load_ws_next(rest, &opcode, &payload, &len)) == KS_OK) {
            on_frame(client, opcode, payload);
        }
        if (client->phase == LOAD_IDLE)
            return;
        if (err == KS_OK)
            rest = ks_str_from(rest, len);
    }
    if (err != KS_OK && err != KS_EAGAIN) {
        close_with(client, "the server sent what is no WebSocket");
        return;
    }
    ks_buf_drop(&client->in, client->in.len - rest.len);
    if (client->in.len == 0)
        ks_buf_done(&client->in);
}

static void feed(struct load_client *client, struct ks_str bytes)
{
    struct ks_str all = bytes;
    size_t start = 0;

    if (client->net->websocket) {
        feed_frames(client, bytes);
        return;
    }
    if (client->in.len > 0) {
        ks_buf_add(&client->in, bytes);
        all = ks_buf_str(&client->in);
    }
    while (client->scanned < all.len) {
        size_t len = 0;
        enum ks_frame frame = ks_framer_next(&client->framer, ks_str_from(all, client->scanned), &len);

        client->scanned += len;
        if (frame == KS_FRAME_MORE)
            continue;
        if (frame >= KS_FRAME_BAD) {
            close_with(client, "the server sent what is no XMPP");
            return;
        }
        on_item(client, frame, ks_str(all.ptr + start, client->scanned - start));
        if (client->phase == LOAD_IDLE)
            return;
        start = client->scanned;
    }
    if (client->in.len > 0)
        ks_buf_drop(&client->in, start);
    else
        ks_buf_add(&client->in, ks_str_from(all, start));
    client->scanned = client->in.len;
    if (client->in.len == 0)
        ks_buf_done(&client->in);
}

/* Once; false: there is nothing now, or the client is closed. An end is told as `what`, NULL: not at all. */
static bool read_some(struct load_client *client, const char *what)
{
    int len, error;

    ERR_clear_error();
    len = SSL_read(client->ssl, client->net->bytes, READ_BYTES);
    if (len > 0) {
        feed(client, ks_str(client->net->bytes, (size_t)len));
        return client->phase != LOAD_IDLE;
    }
    error = SSL_get_error(client->ssl, len);
    if (what && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        note_cause(client, what, len);
        close_with(client, client->net->why);
    }
    return false;
}

static void receive(struct load_client *client)
{
    while (read_some(client, "the connection ended") && SSL_has_pending(client->ssl))
        ;
    if (client->phase != LOAD_IDLE && client->wants_read)
        load_client_mark(client);
    client->wants_read = false;
}

/* --- connecting --- */

static enum ks_err new_ssl(struct load_client *client)
{
    client->ssl = SSL_new(client->net->tls);
    if (!client->ssl || SSL_set_fd(client->ssl, client->fd) != 1
        || SSL_set_tlsext_host_name(client->ssl, client->net->target.domain) != 1
        || (client->net->websocket && SSL_set_alpn_protos(client->ssl, (const unsigned char *)"\x08http/1.1", 9) != 0))
        return KS_ENOMEM;
    SSL_set_connect_state(client->ssl);
    return KS_OK;
}

enum ks_err load_client_start(struct load_client *client)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(client->net->target.port) };
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = client };
    int on = 1;
    enum ks_err err;

    assert(client->phase == LOAD_IDLE);
    if (inet_pton(AF_INET, client->net->target.host, &address.sin_addr) != 1)
        return KS_EIO;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return KS_EIO;
    client->phase = LOAD_CONNECTING;
    client->started_ns = load_now_ns();
    client->wants_write = true;
    ks_buf_init(&client->in, STANZA_BYTES_MAX);
    ks_buf_init(&client->out, QUEUE_BYTES_MAX);
    ks_buf_init(&client->frames, QUEUE_BYTES_MAX);
    ks_framer_init(&client->framer, STANZA_BYTES_MAX, STANZA_DEPTH_MAX);
    ks_framer_init(&client->out_framer, STANZA_BYTES_MAX, STANZA_DEPTH_MAX);
    client->arena = calloc(1, sizeof(*client->arena));
    if (!client->arena) {
        disconnect(client);
        return KS_ENOMEM;
    }
    ks_arena_init(client->arena, LOGIN_BYTES_MAX);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if ((connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno != EINPROGRESS)
        || epoll_ctl(client->net->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0) {
        disconnect(client);
        return KS_EIO;
    }
    if ((err = new_ssl(client)) != KS_OK) {
        disconnect(client);
        return err;
    }
    return KS_OK;
}

static void shake_hands(struct load_client *client)
{
    int result, error;

    ERR_clear_error();
    result = SSL_do_handshake(client->ssl);
    if (result == 1) {
        watch(client, false);
        if (client->net->websocket) {
            load_ws_ask(&client->out, &client->net->prng, client->net->target.domain);
            client->phase = LOAD_UPGRADING;
            load_client_mark(client);
        } else {
            greet(client);
        }
        return;
    }
    error = SSL_get_error(client->ssl, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        watch(client, error == SSL_ERROR_WANT_WRITE);
        return;
    }
    note_cause(client, "the TLS handshake failed", result);
    close_with(client, client->net->why);
}

static void on_ready_socket(struct load_client *client, uint32_t events)
{
    int error = 0;
    socklen_t error_len = sizeof(error);

    switch (client->phase) {
    case LOAD_IDLE: /* closed by an earlier event of this turn */
        return;
    case LOAD_CONNECTING:
        if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0 || error != 0) {
            snprintf(client->net->why, sizeof(client->net->why), "connecting failed: %s", strerror(error));
            close_with(client, client->net->why);
            return;
        }
        client->phase = LOAD_TLS;
        shake_hands(client);
        return;
    case LOAD_TLS:
        shake_hands(client);
        return;
    case LOAD_UPGRADING:
    case LOAD_FEATURES:
    case LOAD_CHALLENGE:
    case LOAD_SUCCESS:
    case LOAD_TOKEN:
    case LOAD_WELCOME:
    case LOAD_BIND_FEATURES:
    case LOAD_RESUMING:
    case LOAD_BINDING:
    case LOAD_ENABLING:
    case LOAD_STARTING:
    case LOAD_READY:
    case LOAD_LEAVING:
        if (events & EPOLLOUT)
            load_client_mark(client);
        if (events & ~(uint32_t)EPOLLOUT)
            receive(client);
        return;
    }
}

static void flush_all(struct load_net *net)
{
    while (net->dirty) {
        struct load_client *client = net->dirty;

        net->dirty = client->next_dirty;
        client->is_dirty = false;
        if (client->phase != LOAD_IDLE)
            flush(client);
    }
}

void load_net_turn(struct load_net *net, int64_t until_ns)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t wait_ns;
    struct timespec timeout;
    int count;

    flush_all(net);
    wait_ns = until_ns - load_now_ns();
    if (wait_ns < 0)
        wait_ns = 0;
    timeout = (struct timespec) { .tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000 };
    count = epoll_pwait2(net->epoll, events, EVENTS_MAX, &timeout, NULL);
    for (int i = 0; i < count; i++)
        on_ready_socket(events[i].data.ptr, events[i].events);
    flush_all(net);
}

uint64_t load_client_bytes_read(const struct load_client *client)
{
    return client->ssl ? BIO_number_read(SSL_get_rbio(client->ssl)) : 0;
}

void load_page_ask(struct load_client *client, unsigned rows, struct ks_str after)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 4096);
    ks_buf_printf(&buf,
        "<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2' queryid='q'>"
        "<set xmlns='http://jabber.org/protocol/rsm'><max>%u</max>",
        rows);
    if (after.len > 0)
        ks_buf_printf(&buf, "<after>%.*s</after>", KS_STR_FMT(after));
    ks_buf_z(&buf, "</set></query></iq>");
    if (ks_buf_err(&buf) == KS_OK)
        load_client_send(client, ks_buf_str(&buf));
    ks_buf_done(&buf);
}

struct ks_str load_page_last(struct ks_str iq)
{
    struct ks_str fin = ks_str_from(iq, ks_str_find(iq, KS_STR("<fin")));
    struct ks_str last = ks_str_from(fin, ks_str_find(fin, KS_STR("<last>")));

    if (last.len < 6 || ks_str_is(load_attr(fin, "complete"), "true"))
        return KS_STR_EMPTY;
    last = ks_str_from(last, 6);
    return ks_str_head(last, ks_str_find_byte(last, '<'));
}
