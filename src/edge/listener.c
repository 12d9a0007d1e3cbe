/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 16
#define PAUSE_MS 20  /* before looking again whether there are descriptors, or credit */
#define BURST_MS 200 /* credit that a quiet listener gathers */

uint16_t ks_listen_port(const struct ks_listen_address *address)
{
    return ntohs(address->at.any.sa_family == AF_INET ? address->at.v4.sin_port : address->at.v6.sin6_port);
}

/* What connections are to have, set on the socket that listens: Linux gives it to each that it accepts, and six system
 * calls a login are saved. */
static void set_up(int fd)
{
    static const int on = 1;
    /* A peer that does not take or acknowledge bytes for two minutes is gone; one that says nothing is asked after ten,
     * which keeps the state of NATs and costs a phone's battery little. */
    static const unsigned user_timeout_ms = 120000;
    static const int idle_s = 600, interval_s = 60, tries = 3;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
}

/* A socket bound to the address, which gets the port that the kernel chose; negative with errno. */
static int bound_socket(struct ks_listen_address *address, bool shared)
{
    static const int on = 1;
    const int only_v6 = !address->both;
    int fd = socket(address->at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address->at.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
    set_up(fd);
    if (bind(fd, &address->at.any, address->len) == 0 && listen(fd, SOMAXCONN) == 0
        && getsockname(fd, &address->at.any, &address->len) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static enum ks_err meaning(int error)
{
    switch (error) {
    case EADDRINUSE:
        return KS_EEXISTS;
    case EACCES:
        return KS_EDENIED;
    case EADDRNOTAVAIL:
        return KS_ENOTFOUND;
    default:
        return KS_EIO;
    }
}

enum ks_err ks_listen_open(struct ks_listen_address *address, size_t count, int *ret_fds)
{
    /* First alone: with SO_REUSEPORT a second konsild of the same user would be let in, and would take every other
     * connection away from the first. */
    int probe = bound_socket(address, false);
    if (probe < 0 && address->both && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        in_port_t port = address->at.v6.sin6_port;
        address->at.v4 = (struct sockaddr_in) { .sin_family = AF_INET, .sin_port = port };
        address->len = sizeof address->at.v4;
        probe = bound_socket(address, false);
    }
    if (probe < 0)
        return meaning(errno);
    close(probe);
    for (size_t i = 0; i < count; i++) {
        ret_fds[i] = bound_socket(address, true);
        if (ret_fds[i] < 0) {
            enum ks_err err = meaning(errno);
            while (i--)
                close(ret_fds[i]);
            return err;
        }
    }
    return KS_OK;
}

/* --- accepting --- */

/* Login delays count by address: an IPv6 host has a whole /64 to itself. The address itself goes no further. */
static uint64_t hash_of(const struct ks_accept_gate *gate, const struct sockaddr_in6 *peer)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)peer;
    struct ks_str address = ks_str(&peer->sin6_addr, 8);

    if (peer->sin6_family == AF_INET)
        address = ks_str(&v4->sin_addr, 4);
    else if (IN6_IS_ADDR_V4MAPPED(&peer->sin6_addr))
        address = ks_str(peer->sin6_addr.s6_addr + 12, 4);
    return ks_str_hash(address, gate->address_key);
}

static void pause_accepting(struct ks_listener *listener)
{
    struct ks_conn_host *host = listener->gate->host;

    if (ks_timer_set(&host->timers, &listener->timer, host->now.mono_ms + PAUSE_MS) == KS_OK)
        ks_loop_change(&host->loop, &listener->watch, 0);
}

static void go_on_accepting(struct ks_timer *timer, struct ks_now now)
{
    struct ks_listener *listener = KS_CONTAINER(timer, struct ks_listener, timer);

    (void)now;
    ks_loop_change(&listener->gate->host->loop, &listener->watch, EPOLLIN);
}

/* One connection costs a second divided by how many are allowed in it. False: that was the last for a while. */
static bool pay(struct ks_accept_gate *gate)
{
    int64_t now_us = gate->host->now.mono_ms * 1000;

    if (gate->credit_us < now_us - BURST_MS * 1000)
        gate->credit_us = now_us - BURST_MS * 1000;
    gate->credit_us += 1000000 / gate->per_second;
    return gate->credit_us < now_us;
}

static void on_ready(struct ks_watch *watch, uint32_t events)
{
    struct ks_listener *listener = KS_CONTAINER(watch, struct ks_listener, watch);
    struct ks_accept_gate *gate = listener->gate;

    (void)events;
    for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_in6 peer = { 0 };
        socklen_t len = sizeof peer;

        if (atomic_load_explicit(gate->host->open, memory_order_relaxed) >= gate->open_max) {
            pause_accepting(listener);
            return;
        }
        int fd = accept4(watch->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(listener);
            return; /* EAGAIN, or the peer was gone before we came: the loop calls again if there are more */
        }
        ks_conn_accept(gate->host, fd, listener->serves, hash_of(gate, &peer));
        if (!pay(gate)) {
            pause_accepting(listener);
            return;
        }
    }
}

enum ks_err ks_listener_start(struct ks_listener *listener, struct ks_accept_gate *gate)
{
    listener->gate = gate;
    listener->watch.ready = on_ready;
    listener->timer.fire = go_on_accepting;
    return ks_loop_add(&gate->host->loop, &listener->watch, EPOLLIN);
}

void ks_listener_stop(struct ks_listener *listener)
{
    if (listener->watch.fd < 0)
        return;
    if (listener->gate) {
        ks_timer_clear(&listener->gate->host->timers, &listener->timer);
        ks_loop_remove(&listener->gate->host->loop, &listener->watch);
    }
    close(listener->watch.fd);
    listener->watch.fd = -1;
}
