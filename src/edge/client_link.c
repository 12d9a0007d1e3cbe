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

static void start(struct ks_client_link *link, struct konsil *k, const struct konsil_request *request)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    char host[1024], service[8];
    uint16_t port = request->port;

    close_now(link);
    link->direct = request->direct_tls;
    snprintf(link->domain, sizeof(link->domain), "%s", request->domain);
    snprintf(host, sizeof(host), "%s", request->host);
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
    static const unsigned char alpn[] = "\x0bxmpp-client";

    link->start_tls = link->certificate_asked = false;
    link->phase = HANDSHAKING;
    return (link->tls = SSL_new(link->context)) && SSL_set_fd(link->tls, link->fd) == 1
        && SSL_set1_host(link->tls, link->domain) == 1 && SSL_set_tlsext_host_name(link->tls, link->domain) == 1
        && (!link->direct || SSL_set_alpn_protos(link->tls, alpn, sizeof(alpn) - 1) == 0);
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
    if (link->direct)
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
        konsil_feed(k, bytes, (size_t)got, now());
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

static bool write_some(struct ks_client_link *link, struct konsil *k)
{
    const char *bytes;
    size_t len;
    ssize_t sent;

    konsil_output(k, &bytes, &len);
    if (len == 0)
        return false;
    if (link->tls) {
        int done = SSL_write(link->tls, bytes, len > 65536 ? 65536 : (int)len);

        if (done <= 0)
            return tls_again(link, k, done, KONSIL_LOST_NETWORK);
        link->wants_write = false;
        konsil_output_sent(k, (size_t)done);
        return true;
    }
    sent = send(link->fd, bytes, len, MSG_NOSIGNAL);
    if (sent < 0) {
        link->wants_write = errno == EAGAIN;
        if (errno != EAGAIN && errno != EINTR)
            lost(link, k, KONSIL_LOST_NETWORK);
        return false;
    }
    link->wants_write = false;
    konsil_output_sent(k, (size_t)sent);
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
    size_t len;
    const char *bytes;

    while ((link->phase == CLEAR || link->phase == SECURE || link->phase == CLOSING) && write_some(link, k))
        ;
    konsil_output(k, &bytes, &len);
    if (len > 0)
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
    const char *bytes;
    size_t len;

    *ret_until_ms = konsil_deadline_ms(k);
    if (link->phase == CLOSED)
        return false;
    konsil_output(k, &bytes, &len);
    *ret_poll = (struct pollfd) { .fd = link->fd, .events = POLLIN };
    if (link->phase == CONNECTING || link->wants_write || (link->phase != HANDSHAKING && len > 0))
        ret_poll->events |= POLLOUT;
    return true;
}

bool ks_client_link_idle(const struct ks_client_link *link, const struct konsil *k)
{
    const char *bytes;
    size_t len;

    konsil_output(k, &bytes, &len);
    return link->phase == CLOSED || (link->phase != CLOSING && len == 0);
}
