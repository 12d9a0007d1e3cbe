/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "line_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (64u << 20)

struct client {
    int fd; /* -1: free */
    uid_t uid;
    struct ks_buf in, out;
};

struct ks_line_socket {
    int fd;
    struct sockaddr_un address;
    ks_line_answer_fn *answer;
    void *user;
    struct client clients[KS_LINE_CLIENTS_MAX];
};

/* Whether somebody listens at the path; what is left of a dead one is removed. */
static bool is_taken(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool taken = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;

    if (fd >= 0)
        close(fd);
    if (!taken)
        (void)unlink(address->sun_path);
    return taken;
}

enum ks_err ks_line_socket_open(
    const char *path, ks_line_answer_fn *answer, void *user, struct ks_line_socket **ret_socket)
{
    struct ks_line_socket *s = calloc(1, sizeof *s);

    if (!s)
        return KS_ENOMEM;
    *s = (struct ks_line_socket) { .fd = -1, .address = { .sun_family = AF_UNIX }, .answer = answer, .user = user };
    for (size_t i = 0; i < KS_LINE_CLIENTS_MAX; i++)
        s->clients[i].fd = -1;
    if (strlen(path) >= sizeof s->address.sun_path) {
        free(s);
        errno = ENAMETOOLONG;
        return KS_EIO;
    }
    memcpy(s->address.sun_path, path, strlen(path));
    if (is_taken(&s->address)) {
        free(s);
        return KS_EEXISTS;
    }
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0 || bind(s->fd, (const struct sockaddr *)&s->address, sizeof s->address) != 0 || chmod(path, 0660) != 0
        || listen(s->fd, KS_LINE_CLIENTS_MAX) != 0) {
        ks_line_socket_close(s);
        return KS_EIO;
    }
    *ret_socket = s;
    return KS_OK;
}

static void client_close(struct client *client)
{
    close(client->fd);
    client->fd = -1;
    ks_buf_done(&client->in);
    ks_buf_done(&client->out);
}

void ks_line_socket_close(struct ks_line_socket *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < KS_LINE_CLIENTS_MAX; i++)
        if (s->clients[i].fd >= 0)
            client_close(&s->clients[i]);
    if (s->fd >= 0) {
        close(s->fd);
        (void)unlink(s->address.sun_path);
    }
    free(s);
}

size_t ks_line_socket_poll(const struct ks_line_socket *s, struct pollfd *ret_fds)
{
    ret_fds[0] = (struct pollfd) { .fd = s->fd, .events = POLLIN };
    for (size_t i = 0; i < KS_LINE_CLIENTS_MAX; i++)
        ret_fds[1 + i] =
            (struct pollfd) { .fd = s->clients[i].fd, .events = (short)(s->clients[i].out.len ? POLLOUT : POLLIN) };
    return KS_LINE_FDS_MAX;
}

static void accept_one(struct ks_line_socket *s)
{
    struct ucred who;
    socklen_t len = sizeof who;
    int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    for (size_t i = 0; i < KS_LINE_CLIENTS_MAX && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0; i++)
        if (s->clients[i].fd < 0) {
            s->clients[i].fd = fd;
            s->clients[i].uid = who.uid;
            ks_buf_init(&s->clients[i].in, KS_LINE_MAX + 1);
            ks_buf_init(&s->clients[i].out, ANSWER_MAX);
            return;
        }
    close(fd);
}

/* False: it is over. */
static bool take_input(struct ks_line_socket *s, struct client *client)
{
    char bytes[16384];
    ssize_t len = recv(client->fd, bytes, sizeof bytes, 0);
    struct ks_str left, line;
    size_t used = 0;

    if (len < 0)
        return errno == EINTR || errno == EAGAIN;
    ks_buf_add(&client->in, ks_str(bytes, (size_t)len));
    if (len == 0 || ks_buf_err(&client->in) != KS_OK)
        return false;
    left = ks_buf_str(&client->in);
    while (ks_str_find_byte(left, '\n') < left.len && ks_str_cut(&left, '\n', &line)) {
        used += line.len + 1;
        s->answer(s->user, client->uid, line, &client->out);
    }
    ks_buf_drop(&client->in, used);
    return ks_buf_err(&client->out) == KS_OK;
}

static bool send_output(struct client *client)
{
    ssize_t len = send(client->fd, client->out.ptr, client->out.len, MSG_NOSIGNAL);

    if (len < 0)
        return errno == EINTR || errno == EAGAIN;
    ks_buf_drop(&client->out, (size_t)len);
    return true;
}

void ks_line_socket_run(struct ks_line_socket *s, const struct pollfd *fds, size_t count)
{
    assert(count == KS_LINE_FDS_MAX);
    for (size_t i = 0; i < KS_LINE_CLIENTS_MAX; i++) {
        struct client *client = &s->clients[i];
        short revents = fds[1 + i].revents;

        if (client->fd < 0 || client->fd != fds[1 + i].fd || !revents)
            continue;
        if (!(client->out.len ? send_output(client) : take_input(s, client)))
            client_close(client);
    }
    if (fds[0].revents)
        accept_one(s);
}
