/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "client_link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client_ws.h"
#include "host_meta.h"
#include "srv_lookup.h"
#include "system.h"
#include "tls_policy.h"

enum phase {
    CLOSED,
    CONNECTING,  /* the next address is being tried */
    HANDSHAKING, /* TLS */
    CLEAR,       /* bytes as they are */
    SECURE,
    CLOSING, /* what is left goes out, then it is closed */
};

struct ks_client_link {
    SSL_CTX *context;
    SSL *tls;
    int fd;
    enum phase phase;
    bool direct, start_tls;
    bool certificate_asked; /* by the server, in the handshake at hand */
    bool wants_write;       /* TLS waits for room in the socket, whatever it does */
    bool websocket;         /* that is how it goes */
    const char *socket_url; /* to where; NULL: where host-meta says */
    const char *ca_file;
    struct ks_client_ws *ws; /* of the connection at hand, or NULL */
    char domain[1024];
    struct addrinfo *addresses, *address;
};

static struct konsil_now now(void)
{
    struct ks_now at = ks_system_now();

    return (struct konsil_now) { at.mono_ms, at.wall_ms };
}

enum ks_err ks_client_link_new(const char *ca_file, struct ks_client_link **ret_link)
{
    struct ks_client_link *link = calloc(1, sizeof(*link));
    enum ks_err err = KS_EIO;

    if (!link)
        return KS_ENOMEM;
    link->fd = -1;
    link->ca_file = ca_file;
    if (!(link->context = SSL_CTX_new(TLS_client_method()))) {
        err = KS_ENOMEM;
        goto failed;
    }
    if (ks_tls_restrict(link->context) != KS_OK
        || (ca_file ? SSL_CTX_load_verify_file(link->context, ca_file)
                    : SSL_CTX_set_default_verify_paths(link->context))
            != 1)
        goto failed;
    SSL_CTX_set_verify(link->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(link->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    *ret_link = link;
    return KS_OK;
failed:
    ERR_clear_error();
    ks_client_link_free(link);
    return err;
}

void ks_client_link_websocket(struct ks_client_link *link, const char *url)
{
    link->websocket = true;
    link->socket_url = url;
}

/* Called when a server asks; what is shown is the context's. */
static int certificate_asked(SSL *tls, void *user)
{
    struct ks_client_link *link = user;

    (void)tls;
    link->certificate_asked = true;
    return 1;
}

enum ks_err ks_client_link_certify(
    struct ks_client_link *link, const struct ks_client_key_files *files, const char *passphrase, bool *ret_open)
{
    SSL_CTX_set_cert_cb(link->context, certificate_asked, link);
    return ks_client_key_use(link->context, files, passphrase, ret_open);
}

static void close_now(struct ks_client_link *link)
{
    SSL_free(link->tls);
    link->tls = NULL;
    ks_client_ws_free(link->ws);
    link->ws = NULL;
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    if (link->addresses)
        freeaddrinfo(link->addresses);
    link->addresses = link->address = NULL;
    link->phase = CLOSED;
    link->start_tls = link->wants_write = false;
}

void ks_client_link_free(struct ks_client_link *link)
{
    if (!link)
        return;
    close_now(link);
    SSL_CTX_free(link->context);
    free(link);
}

static void lost(struct ks_client_link *link, struct konsil *k, enum konsil_lost why)
{
    bool told = link->phase == CLOSING;

    close_now(link);
    if (!told)
        konsil_closed(k, why, now());
}

/* --- connecting --- */

static bool try_address(struct ks_client_link *link)
{
    int on = 1;

    for (; link->address; link->address = link->address->ai_next) {
        link->fd = socket(link->address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (link->fd < 0)
            continue;
        /* Small stanzas must not wait for the acknowledgement of the one before. */
        (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (connect(link->fd, link->address->ai_addr, link->address->ai_addrlen) == 0 || errno == EINPROGRESS) {
            link->phase = CONNECTING;
            return true;
        }
        close(link->fd);
        link->fd = -1;
    }
    return false;
}

/* "wss://HOST[:PORT]…": where that is, unless the request says where to go. */
static bool read_url(const char *url, char host[static 1024], uint16_t *port)
{
    struct ks_str rest = ks_str_from(ks_str_z(url), strlen("wss://")), name;
    uint64_t number = 443;

    rest = ks_str_head(rest, ks_str_find_byte(rest, '/'));
    name = ks_str_head(rest, ks_str_find_byte(rest, ':'));
    if (name.len < rest.len && ks_str_u64(ks_str_from(rest, name.len + 1), 65535, &number) != KS_OK)
        return false;
    if (*host == '\0' && name.len < 1024)
        snprintf(host, 1024, "%.*s", KS_STR_FMT(name));
    if (*port == 0)
        *port = (uint16_t)number;
    return *host && *port;
}

/* Where the WebSocket is, and the first words for it. */
static bool find_socket(
    struct ks_client_link *link, const struct konsil_request *request, char host[static 1024], uint16_t *port)
{
    bool elsewhere = strcmp(request->host, request->domain) != 0;
    const char *url = request->url ? request->url : link->socket_url;
    char found[KONSIL_URL_MAX];

    if (!url
        && ks_host_meta_get(
            link->ca_file, request->domain, elsewhere ? request->host : NULL, request->port, found, sizeof(found)))
        url = found;
    snprintf(host, 1024, "%s", elsewhere ? request->host : "");
    return url && read_url(url, host, port) && (link->ws = ks_client_ws_new(url));
}

static void start(struct ks_client_link *link, struct konsil *k, const struct konsil_request *request)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    char host[1024], service[8];
    uint16_t port = request->port;

    close_now(link);
    link->direct = request->direct_tls || link->websocket;
    snprintf(link->domain, sizeof(link->domain), "%s", request->domain);
    snprintf(host, sizeof(host), "%s", request->host);
    if (link->websocket && !find_socket(link, request, host, &port)) {
        lost(link, k, KONSIL_LOST_NAME);
        return;
    }
    if (port == 0 && strcmp(request->host, request->domain) == 0)
        (void)ks_srv_lookup(request->domain, request->direct_tls, host, sizeof(host), &port);
    if (port == 0)
        port = request->direct_tls ? 5223 : 5222;
    snprintf(service, sizeof(service), "%u", port);
    if (getaddrinfo(host, service, &hints, &link->addresses) != 0) {
        lost(link, k, KONSIL_LOST_NAME);
        return;
    }
    link->address = link->addresses;
    if (!try_address(link))
        lost(link, k, KONSIL_LOST_NETWORK);
}

/* --- TLS --- */

static bool start_tls(struct ks_client_link *link)
{
    static const unsigned char xmpp[] = "\x0bxmpp-client", http[] = "\x08http/1.1";
    const unsigned char *alpn = link->ws ? http : xmpp;
    unsigned alpn_len = link->ws ? sizeof(http) - 1 : sizeof(xmpp) - 1;

    link->start_tls = link->certificate_asked = false;
    link->phase = HANDSHAKING;
    return (link->tls = SSL_new(link->context)) && SSL_set_fd(link->tls, link->fd) == 1
        && SSL_set1_host(link->tls, link->domain) == 1 && SSL_set_tlsext_host_name(link->tls, link->domain) == 1
        && (!link->direct || SSL_set_alpn_protos(link->tls, alpn, alpn_len) == 0);
}

/* RFC 5929 §4.1: the hash of the certificate's signature, SHA-256 in place of MD5 and SHA-1. */
static void end_point(SSL *tls, struct konsil_tls *facts)
{
    X509 *cert = SSL_get0_peer_certificate(tls);
    int hash = NID_undef;
    unsigned len = 0;
    const EVP_MD *md;

    if (!cert || !X509_get_signature_info(cert, &hash, NULL, NULL, NULL) || hash == NID_undef)
        return;
    md = EVP_get_digestbynid(hash == NID_md5 || hash == NID_sha1 ? NID_sha256 : hash);
    if (md && (size_t)EVP_MD_get_size(md) <= sizeof(facts->server_end_point)
        && X509_digest(cert, md, facts->server_end_point, &len))
        facts->server_end_point_len = (uint8_t)len;
}

static void tell_secured(struct ks_client_link *link, struct konsil *k)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    struct konsil_tls facts = { .has_exporter = false };

    end_point(link->tls, &facts);
    /* RFC 9266 §4.2: under TLS 1.2 only with the extended master secret. */
    if (SSL_version(link->tls) >= TLS1_3_VERSION || SSL_get_extms_support(link->tls) == 1)
        facts.has_exporter = SSL_export_keying_material(link->tls, facts.exporter, sizeof(facts.exporter), label,
                                 sizeof(label) - 1, (const unsigned char *)"", 0, 1)
            == 1;
    facts.certified = link->certificate_asked && SSL_get_certificate(link->tls);
    ERR_clear_error();
    link->phase = SECURE;
    konsil_secured(k, &facts, now());
    if (link->direct && !link->ws) /* the other is opened by an answer (client_ws.h) */
        konsil_opened(k, now());
}

/* True to go on; false when TLS waits for the socket, or the connection is gone. */
static bool tls_again(struct ks_client_link *link, struct konsil *k, int result, enum konsil_lost why)
{
    int error = SSL_get_error(link->tls, result);

    ERR_clear_error();
    link->wants_write = error == SSL_ERROR_WANT_WRITE;
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        lost(link, k, why);
    return false;
}

static void handshake(struct ks_client_link *link, struct konsil *k)
{
    int result = SSL_connect(link->tls);

    link->wants_write = false;
    if (result == 1)
        tell_secured(link, k);
    else
        (void)tls_again(
            link, k, result, SSL_get_verify_result(link->tls) != X509_V_OK ? KONSIL_LOST_CERTIFICATE : KONSIL_LOST_TLS);
}

/* --- bytes --- */

static bool read_some(struct ks_client_link *link, struct konsil *k)
{
    char bytes[16384];
    ssize_t len;

    if (link->tls) {
        int got = SSL_read(link->tls, bytes, sizeof(bytes));

        if (got <= 0)
            return tls_again(link, k, got, KONSIL_LOST_NETWORK);
        if (!link->ws)
            konsil_feed(k, bytes, (size_t)got, now());
        else if (!ks_client_ws_take(link->ws, k, ks_str(bytes, (size_t)got), now()))
            return lost(link, k, KONSIL_LOST_NETWORK), false;
        return true;
    }
    len = recv(link->fd, bytes, sizeof(bytes), 0);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (len <= 0) {
        lost(link, k, KONSIL_LOST_NETWORK);
        return false;
    }
    konsil_feed(k, bytes, (size_t)len, now());
    return true;
}

/* What is to be sent: the engine's bytes, or its messages in frames. */
static struct ks_str output(struct ks_client_link *link, struct konsil *k)
{
    const char *bytes;
    size_t len;

    if (link->ws)
        return ks_client_ws_output(link->ws, k);
    konsil_output(k, &bytes, &len);
    return ks_str(bytes, len);
}

static void output_sent(struct ks_client_link *link, struct konsil *k, size_t len)
{
    if (link->ws)
        ks_client_ws_output_sent(link->ws, len);
    else
        konsil_output_sent(k, len);
}

static bool has_output(const struct ks_client_link *link, const struct konsil *k)
{
    const char *bytes;
    size_t len;

    konsil_output(k, &bytes, &len);
    return len > 0 || (link->ws && ks_client_ws_unsent(link->ws));
}

static bool write_some(struct ks_client_link *link, struct konsil *k)
{
    struct ks_str text = output(link, k);
    ssize_t sent;

    if (text.len == 0)
        return false;
    if (link->tls) {
        int done = SSL_write(link->tls, text.ptr, text.len > 65536 ? 65536 : (int)text.len);

        if (done <= 0)
            return tls_again(link, k, done, KONSIL_LOST_NETWORK);
        link->wants_write = false;
        output_sent(link, k, (size_t)done);
        return true;
    }
    sent = send(link->fd, text.ptr, text.len, MSG_NOSIGNAL);
    if (sent < 0) {
        link->wants_write = errno == EAGAIN;
        if (errno != EAGAIN && errno != EINTR)
            lost(link, k, KONSIL_LOST_NETWORK);
        return false;
    }
    link->wants_write = false;
    output_sent(link, k, (size_t)sent);
    return true;
}

static void take_request(struct ks_client_link *link, struct konsil *k, const struct konsil_request *request)
{
    switch (request->kind) {
    case KONSIL_CONNECT:
        start(link, k, request);
        break;
    case KONSIL_START_TLS:
        link->start_tls = true;
        break;
    case KONSIL_CLOSE:
        if (link->ws && link->phase == SECURE)
            ks_client_ws_close(link->ws, k);
        if (link->phase == CLEAR || link->phase == SECURE)
            link->phase = CLOSING;
        else
            close_now(link);
        break;
    }
}

static void finish_connecting(struct ks_client_link *link, struct konsil *k)
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        close(link->fd);
        link->fd = -1;
        link->address = link->address->ai_next;
        if (!try_address(link))
            lost(link, k, KONSIL_LOST_NETWORK);
        return;
    }
    if (!link->direct) {
        link->phase = CLEAR;
        konsil_opened(k, now());
    } else if (start_tls(link)) {
        handshake(link, k);
    } else {
        lost(link, k, KONSIL_LOST_TLS);
    }
}

static void write_all(struct ks_client_link *link, struct konsil *k)
{
    while ((link->phase == CLEAR || link->phase == SECURE || link->phase == CLOSING) && write_some(link, k))
        ;
    if (has_output(link, k))
        return;
    if (link->phase == CLOSING) {
        if (link->tls)
            (void)SSL_shutdown(link->tls);
        ERR_clear_error();
        close_now(link);
    } else if (link->phase == CLEAR && link->start_tls) {
        if (start_tls(link))
            handshake(link, k);
        else
            lost(link, k, KONSIL_LOST_TLS);
    }
}

void ks_client_link_run(struct ks_client_link *link, struct konsil *k, short revents)
{
    struct konsil_request request;

    if (link->phase == CONNECTING && revents)
        finish_connecting(link, k);
    else if (link->phase == HANDSHAKING && revents)
        handshake(link, k);
    if (revents)
        for (int turns = 0; turns < 16 && (link->phase == CLEAR || link->phase == SECURE); turns++)
            if (!read_some(link, k))
                break;
    konsil_tick(k, now());
    do {
        write_all(link, k);
        if (!konsil_next_request(k, &request))
            break;
        take_request(link, k, &request);
    } while (true);
    write_all(link, k);
}

bool ks_client_link_poll(
    const struct ks_client_link *link, const struct konsil *k, struct pollfd *ret_poll, int64_t *ret_until_ms)
{
    *ret_until_ms = konsil_deadline_ms(k);
    if (link->phase == CLOSED)
        return false;
    *ret_poll = (struct pollfd) { .fd = link->fd, .events = POLLIN };
    if (link->phase == CONNECTING || link->wants_write || (link->phase != HANDSHAKING && has_output(link, k)))
        ret_poll->events |= POLLOUT;
    return true;
}

bool ks_client_link_idle(const struct ks_client_link *link, const struct konsil *k)
{
    return link->phase == CLOSED || (link->phase != CLOSING && !has_output(link, k));
}
