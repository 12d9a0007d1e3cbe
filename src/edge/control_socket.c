/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "control_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"

#define CONNECTIONS_MAX 32

struct ks_control_socket {
    struct ks_watch watch;
    struct ks_conn_host *host;
    struct ks_list connections;
    size_t count;
    char *path;
    struct ks_control_user *users;
    size_t users_count;
    uid_t owner;
};

struct connection {
    struct ks_watch watch;
    struct ks_list link;
    struct ks_control_socket *socket;
    struct ks_control *control;
};

/* --- connections --- */

static void end(struct connection *c)
{
    ks_control_close(c->control);
    ks_loop_remove(&c->socket->host->loop, &c->watch);
    close(c->watch.fd);
    ks_list_leave(&c->link);
    c->socket->count--;
    free(c);
}

/* Sends what the socket takes; the loop tells when it takes more, and when there is nothing more to do here. */
void ks_control_socket_output(void *edge)
{
    struct connection *c = edge;
    struct ks_str out = ks_control_output(c->control);
    ssize_t sent = send(c->watch.fd, out.ptr, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent > 0)
        ks_control_output_sent(c->control, (size_t)sent);
    bool over = ks_control_broken(c->control) || (sent < 0 && errno != EAGAIN);
    bool left = ks_control_output(c->control).len > 0;
    ks_loop_change(&c->socket->host->loop, &c->watch, (over ? 0 : EPOLLIN) | (over || left ? EPOLLOUT : 0));
}

static void on_ready(struct ks_watch *watch, uint32_t events)
{
    struct connection *c = KS_CONTAINER(watch, struct connection, watch);
    struct ks_conn_host *host = c->socket->host;
    char bytes[16384];

    if (events & EPOLLOUT)
        ks_control_socket_output(c);
    if (events & EPOLLIN) {
        ssize_t got = recv(watch->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got > 0)
            ks_control_feed(c->control, ks_str(bytes, (size_t)got), host->now);
        ks_wipe(bytes, got > 0 ? (size_t)got : 0);
        host->take_events(host);
        if (got > 0 || (got < 0 && errno == EAGAIN))
            return;
        end(c);
    } else if (events & (EPOLLHUP | EPOLLERR)
        || (ks_control_broken(c->control) && !ks_control_output(c->control).len)) {
        end(c);
    }
}

static unsigned rights_of(const struct ks_control_socket *s, uid_t uid)
{
    if (uid == 0 || uid == s->owner)
        return KS_RIGHT_ALL;
    for (size_t i = 0; i < s->users_count; i++)
        if (s->users[i].uid == uid)
            return s->users[i].rights;
    return 0;
}

static void on_connect(struct ks_watch *watch, uint32_t events)
{
    struct ks_control_socket *s = KS_CONTAINER(watch, struct ks_control_socket, watch);
    struct connection *c = NULL;
    struct ucred peer;
    socklen_t len = sizeof peer;
    char actor[32];
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd < 0)
        return;
    if (s->count < CONNECTIONS_MAX && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
        c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        return;
    }
    snprintf(actor, sizeof actor, "uid:%u", peer.uid);
    c->socket = s;
    c->watch = (struct ks_watch) { .fd = fd, .ready = on_ready };
    c->control = ks_control_open(s->host->core,
        &(struct ks_control_setup) { .edge = c, .actor = actor, .rights = rights_of(s, peer.uid) }, s->host->now);
    if (!c->control || ks_loop_add(&s->host->loop, &c->watch, EPOLLIN) != KS_OK) {
        ks_control_close(c->control);
        close(fd);
        free(c);
        return;
    }
    ks_list_append(&s->connections, &c->link);
    s->count++;
}

/* --- the socket --- */

/* A socket file without a listener is what a killed konsild leaves behind. */
static enum ks_err remove_dead(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int connected = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)address, sizeof *address);
    int why = errno;

    if (fd >= 0)
        close(fd);
    if (connected == 0)
        return KS_EEXISTS;
    errno = why;
    return why == ENOENT || (why == ECONNREFUSED && unlink(address->sun_path) == 0) ? KS_OK : KS_EIO;
}

static enum ks_err listen_at(struct ks_control_socket *s, gid_t group)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(s->path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return KS_EIO;
    }
    memcpy(address.sun_path, s->path, strlen(s->path) + 1);
    enum ks_err err = remove_dead(&address);
    if (err)
        return err;
    s->watch.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->watch.fd < 0)
        return KS_EIO;
    mode_t before = umask(0177); /* nobody connects before the mode is right */
    bool bound = bind(s->watch.fd, (struct sockaddr *)&address, sizeof address) == 0;
    umask(before);
    /* chown fails for those who are not root and give nothing away; then the socket stays theirs. */
    if (bound && (s->owner != geteuid() || group != getegid()) && chown(s->path, s->owner, group) < 0)
        bound = errno == EPERM && s->owner == geteuid();
    return bound && chmod(s->path, 0660) == 0 && listen(s->watch.fd, CONNECTIONS_MAX) == 0 ? KS_OK : KS_EIO;
}

enum ks_err ks_control_socket_open(const struct ks_control_socket_setup *setup, struct ks_control_socket **ret_socket)
{
    struct ks_control_socket *s = calloc(1, sizeof *s);
    enum ks_err err = KS_ENOMEM;

    if (!s)
        return KS_ENOMEM;
    s->watch = (struct ks_watch) { .fd = -1, .ready = on_connect };
    ks_list_init(&s->connections);
    s->owner = setup->owner;
    s->path = ks_str_dup(ks_str_z(setup->path));
    s->users = calloc(setup->users_count + 1, sizeof s->users[0]);
    if (s->path && s->users) {
        memcpy(s->users, setup->users, setup->users_count * sizeof s->users[0]);
        s->users_count = setup->users_count;
        err = listen_at(s, setup->group);
    }
    if (err == KS_OK) {
        *ret_socket = s;
        return KS_OK;
    }
    if (s->watch.fd >= 0)
        close(s->watch.fd);
    free(s->users);
    free(s->path);
    free(s);
    return err;
}

void ks_control_socket_begin(struct ks_control_socket *s, struct ks_conn_host *host)
{
    s->host = host;
    if (ks_loop_add(&host->loop, &s->watch, EPOLLIN) != KS_OK)
        ks_log(host->log, KS_ERROR, "control.listen.failed");
}

void ks_control_socket_end(struct ks_control_socket *s)
{
    for (KS_LIST_EACH_SAFE(&s->connections, at))
        end(KS_CONTAINER(at, struct connection, link));
    ks_loop_remove(&s->host->loop, &s->watch);
}

void ks_control_socket_close(struct ks_control_socket *s)
{
    if (!s)
        return;
    close(s->watch.fd);
    unlink(s->path);
    free(s->users);
    free(s->path);
    free(s);
}
