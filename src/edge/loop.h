/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* loop.h -- which descriptors are ready: epoll, level-triggered, for one thread.
 *
 * A watch lives inside the thing it belongs to and must stay where it is while it is in a loop. It may be taken out at
 * any time, also by the callback of another watch: it will not be called any more. */
#ifndef KS_LOOP_H
#define KS_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "err.h"

#define KS_LOOP_BATCH 256

struct ks_watch {
    int fd;
    uint32_t interest; /* EPOLLIN, EPOLLOUT or both; what the kernel was told */
    void (*ready)(struct ks_watch *watch, uint32_t events);
};

struct ks_loop {
    int epoll;
    int at, count; /* in the batch at hand */
    struct epoll_event batch[KS_LOOP_BATCH];
};

/* KS_OK; KS_EIO without descriptors. */
KS_CHECK enum ks_err ks_loop_init(struct ks_loop *loop);
void ks_loop_done(struct ks_loop *loop);

/* fd and ready are set. KS_OK; KS_EIO (kernel memory or limits). */
KS_CHECK enum ks_err ks_loop_add(struct ks_loop *loop, struct ks_watch *watch, uint32_t interest);
/* Hang-up and errors are always reported, also with no interest. Cheap when nothing changes. */
void ks_loop_change(struct ks_loop *loop, struct ks_watch *watch, uint32_t interest);
void ks_loop_remove(struct ks_loop *loop, struct ks_watch *watch);

/* Sleeps until something is ready, at most timeout_ms (-1: for ever; 0: only looks); ks_loop_dispatch then calls the
 * callbacks. In between the caller reads the clock. */
void ks_loop_wait(struct ks_loop *loop, int64_t timeout_ms);
void ks_loop_dispatch(struct ks_loop *loop);

#endif
