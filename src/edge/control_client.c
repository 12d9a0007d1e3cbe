/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "control_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buf.h"

#define ANSWER_MAX (64u << 20)

struct ks_control_client {
    int fd;
};

enum ks_err ks_control_client_open(const char *path, struct ks_control_client **ret_client)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct ks_control_client *client;

    if (strlen(path) >= sizeof address.sun_path)
        return KS_ENOTFOUND;
    memcpy(address.sun_path, path, strlen(path));
    client = calloc(1, sizeof *client);
    if (!client)
        return KS_ENOMEM;
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd >= 0 && connect(client->fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        *ret_client = client;
        return KS_OK;
    }
    enum ks_err err = errno == EACCES || errno == EPERM ? KS_EDENIED
        : errno == ENOENT || errno == ECONNREFUSED      ? KS_ENOTFOUND
                                                        : KS_EIO;
    ks_control_client_free(client);
    return err;
}

void ks_control_client_free(struct ks_control_client *client)
{
    if (!client)
        return;
    if (client->fd >= 0)
        close(client->fd);
    free(client);
}

static enum ks_err send_all(int fd, struct ks_str bytes)
{
    while (bytes.len) {
        ssize_t sent = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return KS_EIO;
        bytes = ks_str_from(bytes, (size_t)sent);
    }
    return KS_OK;
}

/* Up to the end of a line; the server says nothing unasked. */
static enum ks_err receive_line(int fd, struct ks_buf *line)
{
    for (;;) {
        char bytes[16384];
        ssize_t len = recv(fd, bytes, sizeof bytes, 0);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            return KS_EIO;
        ks_buf_add(line, ks_str(bytes, (size_t)len));
        if (ks_buf_err(line) != KS_OK)
            return ks_buf_err(line);
        if (bytes[len - 1] == '\n')
            return KS_OK;
    }
}

enum ks_err ks_control_client_send(struct ks_control_client *client, const char *command, json_t *args, bool dry_run)
{
    json_t *request = json_object();
    enum ks_err err;
    char *text;

    json_object_set_new(request, "v", json_integer(1));
    json_object_set_new(request, "command", json_string(command));
    json_object_set_new(request, "dry_run", json_boolean(dry_run));
    if (args)
        json_object_set(request, "args", args);
    text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (!text)
        return KS_ENOMEM;
    err = send_all(client->fd, ks_str_z(text));
    if (err == KS_OK)
        err = send_all(client->fd, KS_STR("\n"));
    ks_wipe(text, strlen(text)); /* keys */
    free(text);
    return err;
}

bool ks_control_client_answers(struct ks_control_client *client, int timeout_ms)
{
    struct pollfd at = { .fd = client->fd, .events = POLLIN };

    return poll(&at, 1, timeout_ms) > 0;
}

enum ks_err ks_control_client_receive(struct ks_control_client *client, json_t **ret_answer)
{
    json_t *answer;
    json_error_t error;
    struct ks_buf line;
    enum ks_err err;

    ks_buf_init(&line, ANSWER_MAX);
    err = receive_line(client->fd, &line);
    if (err == KS_OK) {
        answer = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &error);
        if (json_is_object(answer) && json_is_boolean(json_object_get(answer, "ok"))) {
            *ret_answer = answer;
        } else {
            json_decref(answer);
            err = KS_EIO;
        }
    }
    ks_buf_done(&line);
    return err;
}

enum ks_err ks_control_client_ask(
    struct ks_control_client *client, const char *command, json_t *args, bool dry_run, json_t **ret_answer)
{
    enum ks_err err = ks_control_client_send(client, command, args, dry_run);

    return err == KS_OK ? ks_control_client_receive(client, ret_answer) : err;
}
