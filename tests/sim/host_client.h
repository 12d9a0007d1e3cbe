/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* host_client.h -- clients that are logged in (client.h) and what they heard; an administrator, and what she was told.
 */
#ifndef HOST_CLIENT_H
#define HOST_CLIENT_H

#include "control.h"
#include "host.h"

/* Connects and goes on until the stream expects <bind/>; aborts when the server does not let it. */
struct host_conn *host_login(struct host *h, const char *domain, const char *local, const char *password);
/* The same with a resource bound; nothing is said of presence or stream management. */
struct host_conn *host_bound(
    struct host *h, const char *domain, const char *local, const char *password, const char *resource);
/* A component (XEP-0114) that has said whose it is, and what its handshake has to be: 40 digits and a zero. */
struct host_conn *host_component(struct host *h, const char *host, const char *secret, char ret_proof[41]);
/* Sends, and carries all that follows to its end. */
void host_say(struct host_conn *conn, const char *format, ...) KS_PRINTF(2, 3);
/* True if needle is among what the server sent since host_forget. */
bool host_heard(const struct host_conn *conn, const char *needle);
size_t host_heard_times(const struct host_conn *conn, const char *needle);
void host_forget(struct host_conn *conn);

/* konsilctl: one to a host. Its events are the host's on_control until it is closed. */
struct host_console {
    struct host *host;
    struct ks_control *control;
    struct ks_buf answers;
};

/* rights: KS_RIGHT_*. Aborts without memory. */
void host_console_open(struct host_console *console, struct host *h, const char *actor, unsigned rights);
void host_console_close(struct host_console *console);
/* Says a line, without its end, and carries all that follows to its end. What was answered, until the next call. */
struct ks_str host_console_say(struct host_console *console, const char *line);

#endif
