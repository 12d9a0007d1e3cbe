/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load_sends.c -- what a delivery in a room cannot go below: one TLS record into one socket.
 *
 * Messages that come one by one to a room of 500 are 500 records and 500 send() each, whoever wrote the server. Here
 * that is all there is: TLS 1.3 connections whose other ends a thread reads and throws away, and for each message
 * SSL_write() into memory and send() to one after the other, at the rate of load_room.c, so that caches are as cold as
 * there. Over the loopback the kernel delivers within send(): the receiver's half of TCP is in the figure, as it is in
 * a server's. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load_work.h"

#define MESSAGE_BYTES 1000 /* what comes to each of load_room.c's occupants of one of its messages */
#define RECORD_MAX (MESSAGE_BYTES + 256)
#define HANDSHAKE_TURNS 8

struct receiver {
    SSL *near; /* the server's end */
    BIO *out;  /* what it wants sent; near's */
    int fd, far_fd;
};

struct sends {
    struct receiver *all;
    unsigned count;
    int epoll;
    atomic_bool over;
};

static double own_cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* TLS begins between two ends in memory; only the server's goes on. */
static bool secure(struct receiver *receiver, SSL_CTX *server, SSL_CTX *client)
{
    BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
    SSL *far = SSL_new(client);
    bool done = false;

    receiver->near = SSL_new(server);
    if (!up || !down || !far || !receiver->near)
        return false; /* the process ends now */
    BIO_up_ref(up);
    BIO_up_ref(down);
    SSL_set_bio(receiver->near, up, down);
    SSL_set_bio(far, down, up);
    SSL_set_accept_state(receiver->near);
    SSL_set_connect_state(far);
    for (int turn = 0; turn < HANDSHAKE_TURNS && !done; turn++) {
        bool finished = SSL_do_handshake(far) == 1;
        done = SSL_do_handshake(receiver->near) == 1 && finished;
    }
    SSL_free(far);
    receiver->out = down;
    return done && BIO_reset(down) == 1;
}

static bool connect_all(struct sends *sends, SSL_CTX *server, SSL_CTX *client)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event event = { .events = EPOLLIN };
    socklen_t len = sizeof address;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = listener >= 0 && bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 16) == 0
        && getsockname(listener, (struct sockaddr *)&address, &len) == 0;

    for (unsigned i = 0; good && i < sends->count; i++) {
        struct receiver *receiver = &sends->all[i];
        receiver->far_fd = event.data.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        good = receiver->far_fd >= 0 && connect(receiver->far_fd, (struct sockaddr *)&address, len) == 0
            && (receiver->fd = accept(listener, NULL, NULL)) >= 0
            && setsockopt(receiver->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0
            && epoll_ctl(sends->epoll, EPOLL_CTL_ADD, receiver->far_fd, &event) == 0
            && secure(receiver, server, client);
    }
    if (listener >= 0)
        close(listener);
    return good;
}

static void *read_all(void *user)
{
    struct sends *sends = user;
    struct epoll_event events[64];
    char bytes[65536];

    while (!atomic_load(&sends->over)) {
        int count = epoll_wait(sends->epoll, events, KS_COUNT(events), 100);
        for (int i = 0; i < count; i++)
            while (recv(events[i].data.fd, bytes, sizeof bytes, MSG_DONTWAIT) == (ssize_t)sizeof bytes)
                ;
    }
    return NULL;
}

enum half { SEAL = 1, SEND = 2 };

/* One message to all. */
static bool say(struct sends *sends, unsigned halves)
{
    static const char message[MESSAGE_BYTES];
    static char record[RECORD_MAX];
    static int len = MESSAGE_BYTES;

    for (unsigned i = 0; i < sends->count; i++) {
        struct receiver *receiver = &sends->all[i];
        if (halves & SEAL) {
            if (SSL_write(receiver->near, message, MESSAGE_BYTES) != MESSAGE_BYTES)
                return false;
            len = BIO_read(receiver->out, record, sizeof record);
        }
        if (halves & SEND && send(receiver->fd, record, (size_t)len, MSG_NOSIGNAL) != len)
            return false;
    }
    return true;
}

/* CPU of this thread for each delivery; negative: it could not. */
static double measure(struct sends *sends, const struct load_options *options, unsigned halves)
{
    struct timespec pause = { 0 };
    unsigned messages = (unsigned)(options->seconds * options->rate);
    double from_us = own_cpu_us();

    pause.tv_sec = (time_t)(1 / options->rate);
    pause.tv_nsec = (long)((1 / options->rate - (double)pause.tv_sec) * 1e9);
    for (unsigned i = 0; i < messages; i++) {
        if (!say(sends, halves))
            return -1;
        nanosleep(&pause, NULL);
    }
    return (own_cpu_us() - from_us) / messages / sends->count;
}

int load_sends(const struct load_options *options)
{
    SSL_CTX *server = load_server_tls(options->directory), *client = SSL_CTX_new(TLS_client_method());
    struct sends sends = { .count = options->clients, .epoll = epoll_create1(EPOLL_CLOEXEC) };
    double both_us = -1, seal_us = -1, send_us = -1;
    pthread_t reader;

    sends.all = calloc(sends.count, sizeof *sends.all);
    for (unsigned i = 0; sends.all && i < sends.count; i++)
        sends.all[i].fd = sends.all[i].far_fd = -1;
    if (options->rate * options->seconds >= 1 && server && client && sends.all && sends.epoll >= 0
        && connect_all(&sends, server, client) && pthread_create(&reader, NULL, read_all, &sends) == 0) {
        both_us = measure(&sends, options, SEAL | SEND);
        seal_us = measure(&sends, options, SEAL);
        send_us = measure(&sends, options, SEND);
        atomic_store(&sends.over, true);
        pthread_join(reader, NULL);
    }
    bool done = both_us >= 0 && seal_us >= 0 && send_us >= 0;
    if (done)
        printf("{\"workload\":\"sends\",\"clients\":%u,\"message_bytes\":%d,\"offered_per_second\":%.0f,"
               "\"cpu_us_per_delivery\":%.2f,\"tls_us_per_delivery\":%.2f,\"send_us_per_delivery\":%.2f}\n",
            sends.count, MESSAGE_BYTES, options->rate, both_us, seal_us, send_us);
    else
        fprintf(stderr, "load: no connections with %s/cert.pem and key.pem at a rate\n", options->directory);
    for (unsigned i = 0; sends.all && i < sends.count; i++) {
        SSL_free(sends.all[i].near);
        if (sends.all[i].fd >= 0)
            close(sends.all[i].fd);
        if (sends.all[i].far_fd >= 0)
            close(sends.all[i].far_fd);
    }
    free(sends.all);
    if (sends.epoll >= 0)
        close(sends.epoll);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return done ? 0 : 1;
}
