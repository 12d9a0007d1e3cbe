/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control_socket.h -- the local socket of konsilctl: who is at its other end, and what they may do.
 *
 * The kernel says which user connects (SO_PEERCRED). Root and konsild's own user have all rights; others have those
 * that the settings give them. Connections live in the thread of reactor 0. */
#ifndef KS_CONTROL_SOCKET_H
#define KS_CONTROL_SOCKET_H

#include <sys/types.h>

#include "connection.h"

struct ks_control_socket;

struct ks_control_user {
    uid_t uid;
    unsigned rights; /* of enum ks_right */
};

struct ks_control_socket_setup {
    const char *path;
    uid_t owner;                         /* of the socket: konsild's user */
    gid_t group;                         /* whose members may connect (mode 0660) */
    const struct ks_control_user *users; /* copied */
    size_t users_count;
};

/* Makes the socket; one that a dead konsild left behind is replaced. KS_OK; KS_EEXISTS: somebody listens there; KS_EIO
 * (errno tells); KS_ENOMEM. */
KS_CHECK enum ks_err ks_control_socket_open(
    const struct ks_control_socket_setup *setup, struct ks_control_socket **ret_socket);
/* Accepts from here on, in this thread; and ends all connections. */
void ks_control_socket_begin(struct ks_control_socket *s, struct ks_conn_host *host);
void ks_control_socket_end(struct ks_control_socket *s);
/* KS_EV_CONTROL: edge is the event's. */
void ks_control_socket_output(void *edge);
/* Removes the socket. Accepts NULL. */
void ks_control_socket_close(struct ks_control_socket *s);

#endif
