/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* host_client.h -- clients that are logged in (client.h), and what they heard. */
#ifndef HOST_CLIENT_H
#define HOST_CLIENT_H

#include "host.h"

/* Connects and goes on until the stream expects <bind/>; aborts when the server does not let it. */
struct host_conn *host_login(struct host *h, const char *domain, const char *local, const char *password);
/* The same with a resource bound; nothing is said of presence or stream management. */
struct host_conn *host_bound(
    struct host *h, const char *domain, const char *local, const char *password, const char *resource);
/* Sends, and carries all that follows to its end. */
void host_say(struct host_conn *conn, const char *format, ...) KS_PRINTF(2, 3);
/* True if needle is among what the server sent since host_forget. */
bool host_heard(const struct host_conn *conn, const char *needle);
size_t host_heard_times(const struct host_conn *conn, const char *needle);
void host_forget(struct host_conn *conn);

#endif
