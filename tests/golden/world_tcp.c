/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* world_tcp.c -- a real konsild, over TCP and TLS. Its certificate is not looked at: channel binding shows who it is.
 */
#include <netdb.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "world.h"

#define ANSWER_S 20 /* a server that says nothing for so long says nothing */

struct tcp {
    struct world world;
    struct addrinfo *address;
    SSL_CTX *tls;
};

struct wire {
    struct tcp *tcp;
    int fd;
    SSL *ssl;
    bool closed;
};

static void tcp_free(struct world *world)
{
    struct tcp *tcp = (struct tcp *)world;

    freeaddrinfo(tcp->address);
    SSL_CTX_free(tcp->tls);
    free(tcp);
}

static struct wire *tcp_connect(struct world *world, uint64_t address)
{
    struct tcp *tcp = (struct tcp *)world;
    struct wire *wire = calloc(1, sizeof *wire);
    struct timeval limit = { .tv_sec = ANSWER_S };

    (void)address;
    if (!wire)
        abort();
    wire->tcp = tcp;
    wire->fd = socket(tcp->address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (wire->fd < 0 || connect(wire->fd, tcp->address->ai_addr, tcp->address->ai_addrlen)
        || setsockopt(wire->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit)) {
        close(wire->fd);
        free(wire);
        return NULL;
    }
    return wire;
}

static void tcp_send(struct wire *wire, struct ks_str bytes)
{
    while (bytes.len && !wire->closed) {
        ssize_t sent = wire->ssl ? SSL_write(wire->ssl, bytes.ptr, (int)bytes.len)
                                 : send(wire->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* what came before can still be read */
        bytes = ks_str_from(bytes, (size_t)sent);
    }
}

static bool tcp_receive(struct wire *wire, struct ks_buf *out)
{
    char block[16384];
    ssize_t len = wire->closed ? 0
        : wire->ssl            ? SSL_read(wire->ssl, block, sizeof block)
                               : recv(wire->fd, block, sizeof block, 0);

    if (len <= 0) {
        wire->closed = true;
        return false;
    }
    ks_buf_add(out, ks_str(block, (size_t)len));
    return true;
}

static bool tcp_is_closed(const struct wire *wire)
{
    return wire->closed;
}

static bool tcp_start_tls(struct wire *wire, struct ks_tls_facts *ret_facts)
{
    static const char label[] = "EXPORTER-Channel-Binding";

    wire->ssl = SSL_new(wire->tcp->tls);
    *ret_facts = (struct ks_tls_facts) { .has_exporter = true };
    if (!wire->ssl || SSL_set_fd(wire->ssl, wire->fd) != 1 || SSL_connect(wire->ssl) != 1
        || SSL_export_keying_material(wire->ssl, ret_facts->exporter, sizeof ret_facts->exporter, label,
               sizeof label - 1, (const unsigned char *)"", 0, 1)
            != 1) {
        wire->closed = true;
        return false;
    }
    return true;
}

static void tcp_close(struct wire *wire)
{
    SSL_free(wire->ssl);
    close(wire->fd);
    free(wire);
}

struct world *world_tcp_new(const char *address, const char *port)
{
    static const struct world_ops ops = {
        .free = tcp_free,
        .connect = tcp_connect,
        .send = tcp_send,
        .receive = tcp_receive,
        .is_closed = tcp_is_closed,
        .start_tls = tcp_start_tls,
        .close = tcp_close,
    };
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct tcp *tcp = calloc(1, sizeof *tcp);

    if (!tcp)
        abort();
    tcp->world.ops = &ops;
    tcp->tls = SSL_CTX_new(TLS_client_method());
    if (!tcp->tls)
        abort();
    if (getaddrinfo(address, port, &hints, &tcp->address) != 0) {
        SSL_CTX_free(tcp->tls);
        free(tcp);
        return NULL;
    }
    return &tcp->world;
}
