/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load_tls.c -- the server's half of TLS as konsild has it, for what is measured without a server. */
#include <openssl/ssl.h>
#include <stdio.h>

#include "load_work.h"

static const unsigned char alpn[] = "\x0bxmpp-client";

static int choose_protocol(SSL *tls, const unsigned char **protocol, unsigned char *protocol_len,
    const unsigned char *offered, unsigned offered_len, void *user)
{
    unsigned char *chosen;

    (void)tls;
    (void)user;
    if (SSL_select_next_proto(&chosen, protocol_len, alpn, sizeof alpn - 1, offered, offered_len)
        != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *protocol = chosen;
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *load_server_tls(const char *directory)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    char certificate[4096], key[4096];

    snprintf(certificate, sizeof certificate, "%s/cert.pem", directory);
    snprintf(key, sizeof key, "%s/key.pem", directory);
    if (!ctx)
        return NULL;
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    if (SSL_CTX_set_num_tickets(ctx, 0) && SSL_CTX_use_certificate_chain_file(ctx, certificate) == 1
        && SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}
