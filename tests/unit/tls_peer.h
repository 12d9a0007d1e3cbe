/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tls_peer.h -- the client's end of a real connection, blocking, for tests of src/edge. A failing call of the test's
 * own ends it. */
#ifndef TLS_PEER_H
#define TLS_PEER_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "scratch.h"

struct peer {
    int fd;
    SSL *tls;
};

/* A self-signed certificate of that name, P-256 with ECDSA and SHA-256, and its key, as PEM files. */
__attribute__((unused)) static void peer_make_certificate(const char *name, const char *cert_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    FILE *file;

    scratch_must(key && cert, "a key and a certificate");
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_version(cert, 2);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    scratch_must(X509_sign(cert, key, EVP_sha256()) > 0, "signing");
    scratch_must((file = fopen(cert_path, "w")) != NULL && PEM_write_X509(file, cert), cert_path);
    fclose(file);
    scratch_must(
        (file = fopen(key_path, "w")) != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), key_path);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}

__attribute__((unused)) static struct peer peer_connect(uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct peer peer = { socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), NULL };
    static const int on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    scratch_must(peer.fd >= 0 && connect(peer.fd, (struct sockaddr *)&at, sizeof at) == 0, "connect");
    setsockopt(peer.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return peer;
}

struct peer_tls {
    const char *name;             /* SNI, or NULL */
    const char *alpn;             /* one protocol, or NULL */
    int version_min, version_max; /* 0: any */
    const char *ciphers;          /* of TLS 1.2, or NULL */
};

/* True when the handshake succeeds. */
__attribute__((unused)) static bool peer_secure(struct peer *peer, const struct peer_tls *how)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    unsigned char alpn[64];

    scratch_must(ctx != NULL, "SSL_CTX_new");
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, how->version_min);
    SSL_CTX_set_max_proto_version(ctx, how->version_max);
    if (how->ciphers)
        SSL_CTX_set_cipher_list(ctx, how->ciphers);
    peer->tls = SSL_new(ctx);
    SSL_CTX_free(ctx);
    scratch_must(peer->tls && SSL_set_fd(peer->tls, peer->fd), "SSL_new");
    if (how->name)
        SSL_set_tlsext_host_name(peer->tls, how->name);
    if (how->alpn) {
        alpn[0] = (unsigned char)strlen(how->alpn);
        memcpy(alpn + 1, how->alpn, alpn[0]);
        SSL_set_alpn_protos(peer->tls, alpn, alpn[0] + 1u);
    }
    return SSL_connect(peer->tls) == 1;
}

/* Writes all of it. */
__attribute__((unused)) static void peer_say(struct peer *peer, const char *text)
{
    size_t len = strlen(text);

    if (peer->tls)
        scratch_must(SSL_write(peer->tls, text, (int)len) == (int)len, "SSL_write");
    else
        scratch_must(send(peer->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len, "send");
}

/* Up to len bytes; 0 at an orderly end (close_notify under TLS), negative at any other. */
__attribute__((unused)) static int peer_read(struct peer *peer, char *bytes, int len)
{
    if (!peer->tls)
        return (int)recv(peer->fd, bytes, (size_t)len, 0);
    int got = SSL_read(peer->tls, bytes, len);
    return got > 0 ? got : SSL_get_error(peer->tls, got) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

/* The next line, without its end; "(end)" or "(broken)" when there is none. Good until the next call. */
__attribute__((unused)) static const char *peer_line(struct peer *peer)
{
    static char line[1000];
    size_t len = 0;

    while (len < sizeof line - 1) {
        int got = peer_read(peer, line + len, 1);
        if (got <= 0)
            return got == 0 ? "(end)" : "(broken)";
        if (line[len] == '\n')
            break;
        len++;
    }
    line[len] = 0;
    return line;
}

__attribute__((unused)) static void peer_close(struct peer *peer)
{
    SSL_free(peer->tls);
    close(peer->fd);
}

#endif
