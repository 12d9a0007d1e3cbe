/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* listener.h -- listening sockets: one for each address and thread (SO_REUSEPORT), with a brake.
 *
 * A thread accepts so many connections a second, that a storm of logins leaves time for those who are there, and none
 * while the process is out of descriptors; clients wait in the kernel's queue meanwhile. */
#ifndef KS_LISTENER_H
#define KS_LISTENER_H

#include "connection.h"
#include "listen_address.h"

/* Opens count sockets on the address and listens; port 0 takes a free one and writes it to *address. KS_EEXISTS: the
 * port is in use, by whomever; KS_EDENIED: a port below 1024 without the right to it; KS_ENOTFOUND: not an address of
 * this host; KS_EIO. */
KS_CHECK enum ks_err ks_listen_open(struct ks_listen_address *address, size_t count, int *ret_fds);
uint16_t ks_listen_port(const struct ks_listen_address *address);

/* What the listeners of one thread share. */
struct ks_accept_gate {
    struct ks_conn_host *host;
    uint32_t per_second;
    unsigned open_max;       /* connections in all threads */
    uint64_t address_key[2]; /* of address hashes; the same in all threads */
    int64_t credit_us;       /* the time up to which accepting is paid for */
};

struct ks_listener {
    struct ks_watch watch; /* fd set before ks_listener_start */
    struct ks_timer timer; /* while it pauses */
    struct ks_accept_gate *gate;
    unsigned serves; /* of enum ks_listen_for */
};

KS_CHECK enum ks_err ks_listener_start(struct ks_listener *listener, struct ks_accept_gate *gate);
/* Closes the socket; accepts zeroes of watch.fd = -1. */
void ks_listener_stop(struct ks_listener *listener);

#endif
