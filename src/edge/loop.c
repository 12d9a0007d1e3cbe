/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "loop.h"

#include <limits.h>
#include <unistd.h>

enum ks_err ks_loop_init(struct ks_loop *loop)
{
    loop->at = loop->count = 0;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    return loop->epoll < 0 ? KS_EIO : KS_OK;
}

void ks_loop_done(struct ks_loop *loop)
{
    if (loop->epoll >= 0)
        close(loop->epoll);
    loop->epoll = -1;
}

enum ks_err ks_loop_add(struct ks_loop *loop, struct ks_watch *watch, uint32_t interest)
{
    struct epoll_event event = { .events = interest, .data.ptr = watch };

    watch->interest = interest;
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watch->fd, &event) < 0 ? KS_EIO : KS_OK;
}

void ks_loop_change(struct ks_loop *loop, struct ks_watch *watch, uint32_t interest)
{
    struct epoll_event event = { .events = interest, .data.ptr = watch };

    if (watch->interest == interest)
        return;
    watch->interest = interest;
    int changed = epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &event);
    assert(changed == 0); /* it is in the loop, so the kernel has nothing to refuse */
}

void ks_loop_remove(struct ks_loop *loop, struct ks_watch *watch)
{
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    for (int i = loop->at; i < loop->count; i++)
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
}

void ks_loop_wait(struct ks_loop *loop, int64_t timeout_ms)
{
    int timeout = timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;

    loop->at = 0;
    loop->count = epoll_wait(loop->epoll, loop->batch, KS_LOOP_BATCH, timeout);
    if (loop->count < 0) /* EINTR */
        loop->count = 0;
}

void ks_loop_dispatch(struct ks_loop *loop)
{
    while (loop->at < loop->count) {
        struct epoll_event *event = &loop->batch[loop->at++];
        struct ks_watch *watch = event->data.ptr;
        if (watch)
            watch->ready(watch, event->events);
    }
}
