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

#include "enc.h"

#define READ_BYTES 65536
#define STANZA_BYTES_MAX (1u << 20)
#define STANZA_DEPTH_MAX 200
#define QUEUE_BYTES_MAX (16u << 20)
#define LOGIN_BYTES_MAX (64u << 10)
#define EVENTS_MAX 512
#define EXPORTER_LEN 32

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
    client->ssl = NULL;
    client->fd = -1;
    client->arena = NULL;
    client->scanned = 0;
    client->wants_write = false;
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

static void mark_dirty(struct load_client *client)
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
    mark_dirty(client);
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

static void flush(struct load_client *client)
{
    if (client->phase < LOAD_FEATURES)
        return;
    if (client->wants_ack && client->phase != LOAD_LEAVING)
        ks_buf_z(&client->out, "<r xmlns='urn:xmpp:sm:3'/>");
    client->wants_ack = false;
    if (ks_buf_err(&client->out) != KS_OK) {
        close_with(client, "the server stopped reading");
        return;
    }
    while (client->out.len > 0) {
        int sent = SSL_write(client->ssl, client->out.ptr, (int)client->out.len);

        if (sent > 0) {
            ks_buf_drop(&client->out, (size_t)sent);
            continue;
        }
        if (SSL_get_error(client->ssl, sent) == SSL_ERROR_WANT_WRITE) {
            watch(client, true);
            return;
        }
        ERR_clear_error();
        close_with(client, "sending failed");
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

static void open_stream(struct load_client *client, enum load_phase next)
{
    ks_framer_restart(&client->framer);
    ks_buf_printf(&client->out, stream_header, client->net->target.domain);
    mark_dirty(client);
    client->phase = next;
}

static struct ks_str content(struct ks_str stanza)
{
    struct ks_str rest = ks_str_from(stanza, ks_str_find_byte(stanza, '>') + 1);

    return ks_str_head(rest, ks_str_find_byte(rest, '<'));
}

static bool has(struct ks_str text, const char *needle)
{
    return ks_str_find(text, ks_str_z(needle)) < text.len;
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

/* What is asked for with a login (XEP-0386, XEP-0198 §9). Each account has one device. */
static void queue_inline(struct load_client *client)
{
    ks_buf_printf(&client->out,
        "<user-agent id='00000000-0000-4000-8000-0000%08x'/><bind xmlns='urn:xmpp:bind:0'><tag>load</tag>"
        "<enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>",
        client->account);
}

static void start_token(struct load_client *client)
{
    uint8_t bound[9 + EXPORTER_LEN] = "Initiator", message[32 + KS_HASH_MAX];
    size_t len = (size_t)snprintf((char *)message, 32, "u%u", client->account) + 1;

    if (SSL_export_keying_material(client->ssl, bound + 9, EXPORTER_LEN, "EXPORTER-Channel-Binding", 24, NULL, 0, 0)
        != 1)
        return;
    ks_hmac(KS_SHA256, ks_str_z(client->token), ks_str(bound, sizeof(bound)), message + len);
    ks_buf_z(&client->out,
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-EXPR'><fast xmlns='urn:xmpp:fast:0'/>"
        "<initial-response>");
    ks_base64_add(&client->out, ks_str(message, len + 32));
    ks_buf_z(&client->out, "</initial-response>");
    queue_inline(client);
    ks_buf_z(&client->out, "</authenticate>");
    client->net->logins_token++;
    client->phase = LOAD_TOKEN;
}

/* The text of the first element of this name. */
static struct ks_str text_in(struct ks_str stanza, const char *start)
{
    struct ks_str rest = ks_str_from(stanza, ks_str_find(stanza, ks_str_z(start)) + strlen(start));

    return ks_str_head(rest, ks_str_find_byte(rest, '<'));
}

static enum ks_err start_sasl(struct load_client *client, struct ks_str features)
{
    uint8_t exporter[EXPORTER_LEN];
    bool plus = has(features, ">SCRAM-SHA-256-PLUS<") && has(features, "tls-exporter");
    struct ks_str binding = KS_STR_EMPTY, message, text;
    char username[32];
    enum ks_err err;

    if (!has(features, ">SCRAM-SHA-256<"))
        return KS_ENOTFOUND;
    if (plus) { /* RFC 9266 §2 */
        if (SSL_export_keying_material(
                client->ssl, exporter, sizeof(exporter), "EXPORTER-Channel-Binding", 24, NULL, 0, 0)
            != 1)
            return KS_ECRYPTO;
        if ((err = ks_arena_copy(client->arena, ks_str(exporter, sizeof(exporter)), &binding)) != KS_OK)
            return err;
        client->net->logins_plus++;
    }
    snprintf(username, sizeof(username), "u%u", client->account);
    if ((err = load_scram_first(
             &client->scram, client->arena, ks_str_z(username), binding, &client->net->prng, &message))
            != KS_OK
        || (err = ks_base64(client->arena, message, &text)) != KS_OK)
        return err;
    if (client->net->tokens) {
        ks_buf_printf(&client->out,
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256%s'><initial-response>%.*s"
            "</initial-response><request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>",
            plus ? "-PLUS" : "", KS_STR_FMT(text));
        queue_inline(client);
        ks_buf_z(&client->out, "</authenticate>");
    } else {
        ks_buf_printf(&client->out,
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256%s'>%.*s</auth>",
            plus ? "-PLUS" : "", KS_STR_FMT(text));
    }
    mark_dirty(client);
    return KS_OK;
}

static enum ks_err answer_challenge(struct load_client *client, struct ks_str challenge)
{
    struct ks_str decoded, message, text;
    enum ks_err err;

    if ((err = ks_base64_read(client->arena, content(challenge), &decoded)) != KS_OK
        || (err = load_scram_final(&client->scram, &client->net->keys, decoded, &message)) != KS_OK
        || (err = ks_base64(client->arena, message, &text)) != KS_OK)
        return err;
    ks_buf_printf(&client->out, "<response xmlns='%s'>%.*s</response>",
        client->net->tokens ? "urn:xmpp:sasl:2" : "urn:ietf:params:xml:ns:xmpp-sasl", KS_STR_FMT(text));
    mark_dirty(client);
    return KS_OK;
}

static enum ks_err check_success(struct load_client *client, struct ks_str success)
{
    struct ks_str decoded, proof = client->net->tokens ? text_in(success, "<additional-data>") : content(success);
    enum ks_err err;

    if ((err = ks_base64_read(client->arena, proof, &decoded)) != KS_OK
        || (err = load_scram_done(&client->scram, decoded)) != KS_OK)
        return err;
    ks_arena_done(client->arena);
    free(client->arena);
    client->arena = NULL;
    return KS_OK;
}

static void start_session(struct load_client *client)
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
        mark_dirty(client);
        return;
    }
    if (ks_str_starts(stanza, KS_STR("<a "))) {
        on_ack(client, stanza);
        return;
    }
    if (ks_str_starts(stanza, KS_STR("<stream:error"))) {
        close_with(client, "a stream error");
        return;
    }
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

/* The steps of a login; NULL if stanza was what the phase waits for. */
static const char *on_login_stanza(struct load_client *client, struct ks_str stanza)
{
    switch (client->phase) {
    case LOAD_FEATURES:
        if (start_sasl(client, stanza) != KS_OK)
            return "the server offers no SCRAM-SHA-256";
        client->phase = LOAD_CHALLENGE;
        return NULL;
    case LOAD_CHALLENGE:
        if (!ks_str_starts(stanza, KS_STR("<challenge")) || answer_challenge(client, stanza) != KS_OK)
            return "no SCRAM challenge";
        client->phase = LOAD_SUCCESS;
        return NULL;
    case LOAD_SUCCESS:
        if (!ks_str_starts(stanza, KS_STR("<success")) || check_success(client, stanza) != KS_OK)
            return "login refused";
        if (client->net->tokens) {
            struct ks_str token = ks_str_from(stanza, ks_str_find(stanza, KS_STR(" token='")) + 8);
            snprintf(client->token, sizeof(client->token), "%.*s",
                KS_STR_FMT(ks_str_head(token, ks_str_find_byte(token, '\''))));
            client->phase = LOAD_WELCOME;
            return NULL;
        }
        open_stream(client, LOAD_BIND_FEATURES);
        return NULL;
    case LOAD_TOKEN:
        if (ks_str_starts(stanza, KS_STR("<stream:features")))
            return NULL;
        if (!ks_str_starts(stanza, KS_STR("<success")) || !has(stanza, "<bound "))
            return "token refused";
        client->phase = LOAD_WELCOME;
        return NULL;
    case LOAD_WELCOME:
        start_session(client);
        return NULL;
    case LOAD_BIND_FEATURES:
        if (!has(stanza, "urn:xmpp:sm:3"))
            return "the server offers no stream management";
        queue_z(client,
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource></bind>"
            "</iq>");
        client->phase = LOAD_BINDING;
        return NULL;
    case LOAD_BINDING:
        if (!ks_str_is(load_attr(stanza, "id"), "bind") || !ks_str_is(load_attr(stanza, "type"), "result"))
            return "resource binding refused";
        queue_z(client, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
        client->phase = LOAD_ENABLING;
        return NULL;
    case LOAD_ENABLING:
        if (!ks_str_starts(stanza, KS_STR("<enabled")))
            return "stream management refused";
        start_session(client);
        return NULL;
    case LOAD_IDLE:
    case LOAD_CONNECTING:
    case LOAD_TLS:
    case LOAD_STARTING:
    case LOAD_READY:
    case LOAD_LEAVING:
        break;
    }
    return "a stanza in the wrong phase";
}

static void on_item(struct load_client *client, enum ks_frame frame, struct ks_str item)
{
    const char *why;

    if (frame == KS_FRAME_CLOSE)
        close_with(client, "the server ended the stream");
    else if (frame == KS_FRAME_STANZA && client->phase == LOAD_LEAVING)
        return;
    else if (frame == KS_FRAME_STANZA && client->phase >= LOAD_STARTING)
        on_session_stanza(client, item);
    else if (frame == KS_FRAME_STANZA && (why = on_login_stanza(client, item)))
        close_with(client, why);
}

static void feed(struct load_client *client, struct ks_str bytes)
{
    struct ks_str all = bytes;
    size_t start = 0;

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

static void receive(struct load_client *client)
{
    do {
        int len = SSL_read(client->ssl, client->net->bytes, READ_BYTES);

        if (len <= 0) {
            int error = SSL_get_error(client->ssl, len);

            if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
                ERR_clear_error();
                close_with(client, "the connection ended");
            }
            return;
        }
        feed(client, ks_str(client->net->bytes, (size_t)len));
    } while (client->phase != LOAD_IDLE && SSL_has_pending(client->ssl));
}

/* --- connecting --- */

static enum ks_err new_ssl(struct load_client *client)
{
    client->ssl = SSL_new(client->net->tls);
    if (!client->ssl || SSL_set_fd(client->ssl, client->fd) != 1
        || SSL_set_tlsext_host_name(client->ssl, client->net->target.domain) != 1)
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
    client->wants_write = true;
    ks_buf_init(&client->in, STANZA_BYTES_MAX);
    ks_buf_init(&client->out, QUEUE_BYTES_MAX);
    ks_framer_init(&client->framer, STANZA_BYTES_MAX, STANZA_DEPTH_MAX);
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
    int result = SSL_do_handshake(client->ssl), error;

    if (result == 1) {
        watch(client, false);
        open_stream(client, LOAD_FEATURES);
        if (client->token[0])
            start_token(client);
        return;
    }
    error = SSL_get_error(client->ssl, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        watch(client, error == SSL_ERROR_WANT_WRITE);
        return;
    }
    ERR_clear_error();
    close_with(client, "the TLS handshake failed");
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
            close_with(client, "connecting failed");
            return;
        }
        client->phase = LOAD_TLS;
        shake_hands(client);
        return;
    case LOAD_TLS:
        shake_hands(client);
        return;
    case LOAD_FEATURES:
    case LOAD_CHALLENGE:
    case LOAD_SUCCESS:
    case LOAD_TOKEN:
    case LOAD_WELCOME:
    case LOAD_BIND_FEATURES:
    case LOAD_BINDING:
    case LOAD_ENABLING:
    case LOAD_STARTING:
    case LOAD_READY:
    case LOAD_LEAVING:
        if (events & EPOLLOUT)
            mark_dirty(client);
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
