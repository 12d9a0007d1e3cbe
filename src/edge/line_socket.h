/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* line_socket.h -- a local socket where a small program answers one line by one line (konsil-ca). The kernel says who
 * asks (SO_PEERCRED). konsild has its own, with reactors and rights (control_socket.h). One thread; nothing blocks. */
#ifndef KS_LINE_SOCKET_H
#define KS_LINE_SOCKET_H

#include <poll.h>
#include <sys/types.h>

#include "buf.h"

#define KS_LINE_MAX 65536
#define KS_LINE_CLIENTS_MAX 16
#define KS_LINE_FDS_MAX (1 + KS_LINE_CLIENTS_MAX)

struct ks_line_socket;

/* The answer to a line (without its end) of uid, in answer, ended by LF. */
typedef void ks_line_answer_fn(void *user, uid_t uid, struct ks_str line, struct ks_buf *answer);

/* Mode 0660; one that a dead process left behind is replaced. KS_EEXISTS: somebody listens there; KS_EIO (errno tells);
 * KS_ENOMEM. */
KS_CHECK enum ks_err ks_line_socket_open(
    const char *path, ks_line_answer_fn *answer, void *user, struct ks_line_socket **ret_socket);
void ks_line_socket_close(struct ks_line_socket *s); /* removes it; accepts NULL */

/* What to wait for: at most KS_LINE_FDS_MAX. */
size_t ks_line_socket_poll(const struct ks_line_socket *s, struct pollfd *ret_fds);
/* fds: as they were waited for. */
void ks_line_socket_run(struct ks_line_socket *s, const struct pollfd *fds, size_t count);

#endif
