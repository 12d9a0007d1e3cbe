/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load_handshakes.c -- what a login cannot go below: the server's half of a TLS 1.3 handshake, by OpenSSL alone, in
 * memory, without a socket. It moves with the machine from hour to hour as a login does, so it stands beside it. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <time.h>

#include "load_work.h"

#define WARM 100 /* handshakes before counting */

static const unsigned char alpn[] = "\x0bxmpp-client";

static int64_t own_cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What the load generator's sessions offer (load_client.c). */
static SSL_CTX *client_ctx(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (!ctx)
        return NULL;
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) && SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1
        && SSL_CTX_set_alpn_protos(ctx, alpn, sizeof alpn - 1) == 0)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

/* One handshake; adds what the server's half took. */
static bool shake(SSL_CTX *server, SSL_CTX *client, const char *domain, int64_t *cpu_ns)
{
    BIO *up, *down;
    bool done = false;

    if (BIO_new_bio_pair(&up, 0, &down, 0) != 1)
        return false;
    SSL *near = SSL_new(client);
    if (near) {
        SSL_set_bio(near, up, up);
        SSL_set_connect_state(near);
        SSL_set_tlsext_host_name(near, domain);
    } else {
        BIO_free(up);
    }
    int64_t from_ns = own_cpu_ns();
    SSL *far = SSL_new(server);
    if (far) {
        SSL_set_bio(far, down, down);
        SSL_set_accept_state(far);
    } else {
        BIO_free(down);
    }
    *cpu_ns += own_cpu_ns() - from_ns;
    for (int turn = 0; near && far && turn < 4 && !done; turn++) {
        SSL_do_handshake(near);
        from_ns = own_cpu_ns();
        done = SSL_do_handshake(far) == 1;
        *cpu_ns += own_cpu_ns() - from_ns;
    }
    from_ns = own_cpu_ns();
    SSL_free(far);
    *cpu_ns += own_cpu_ns() - from_ns;
    SSL_free(near);
    ERR_clear_error();
    return done;
}

int load_handshakes(const struct load_options *options)
{
    SSL_CTX *server = load_server_tls(options->directory), *client = client_ctx();
    int64_t cpu_ns = 0;
    bool done = server && client;

    for (unsigned i = 0; done && i < WARM; i++)
        done = shake(server, client, options->target.domain, &cpu_ns);
    cpu_ns = 0;
    for (unsigned i = 0; done && i < options->clients; i++)
        done = shake(server, client, options->target.domain, &cpu_ns);
    if (done)
        printf("{\"workload\":\"handshakes\",\"handshakes\":%u,\"cpu_us_per_handshake\":%.1f}\n", options->clients,
            (double)cpu_ns / 1e3 / options->clients);
    else
        fprintf(stderr, "load: no handshake with %s/cert.pem and key.pem\n", options->directory);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return done ? 0 : 1;
}
