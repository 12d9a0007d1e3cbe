/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "courier_link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system.h"

/* --- datagrams --- */

void ks_courier_write_request(struct ks_buf *datagram, const struct ks_push_request *request)
{
    ks_buf_add(datagram, ks_str(&request->id, sizeof request->id));
    ks_buf_field(datagram, request->url);
    ks_buf_field(datagram, request->headers);
    ks_buf_field(datagram, request->body);
}

void ks_courier_write_answer(struct ks_buf *datagram, const struct ks_courier_answer *answer)
{
    ks_buf_add(datagram, ks_str(&answer->id, sizeof answer->id));
    ks_buf_u32(datagram, answer->status);
    ks_buf_u64(datagram, answer->retry_after);
}

static enum ks_err read_id(struct ks_cursor *at, struct ks_push_id *ret_id)
{
    struct ks_str bytes;
    enum ks_err err = ks_cursor_take(at, sizeof *ret_id, &bytes);

    if (err == KS_OK)
        memcpy(ret_id, bytes.ptr, bytes.len);
    return err;
}

enum ks_err ks_courier_read_request(struct ks_str datagram, struct ks_push_request *ret_request)
{
    struct ks_cursor at = ks_cursor(datagram);

    if (read_id(&at, &ret_request->id) != KS_OK || ks_cursor_field(&at, &ret_request->url) != KS_OK
        || ks_cursor_field(&at, &ret_request->headers) != KS_OK || ks_cursor_field(&at, &ret_request->body) != KS_OK
        || !ks_cursor_done(&at))
        return KS_ESYNTAX;
    return KS_OK;
}

enum ks_err ks_courier_read_answer(struct ks_str datagram, struct ks_courier_answer *ret_answer)
{
    struct ks_cursor at = ks_cursor(datagram);

    if (read_id(&at, &ret_answer->id) != KS_OK || ks_cursor_u32(&at, &ret_answer->status) != KS_OK
        || ks_cursor_u64(&at, &ret_answer->retry_after) != KS_OK || !ks_cursor_done(&at) || ret_answer->status > 999
        || ret_answer->retry_after > INT64_MAX)
        return KS_ESYNTAX;
    return KS_OK;
}

/* --- konsild's end --- */

/* Its process ended, with konsild's supervisor of it; nobody is woken until konsild is started anew. */
static void lost(struct ks_courier_link *link)
{
    ks_log(link->log, KS_ERROR, "courier.lost");
    ks_courier_link_close(link);
}

static void readable(struct ks_watch *watch, uint32_t events)
{
    struct ks_courier_link *link = KS_CONTAINER(watch, struct ks_courier_link, watch);
    struct ks_courier_answer answer;
    char bytes[256];
    ssize_t got;

    (void)events;
    while ((got = recv(watch->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        if (ks_courier_read_answer(ks_str(bytes, (size_t)got), &answer) == KS_OK)
            ks_reactor_pushed(link->core, &answer.id, (int)answer.status, (int64_t)answer.retry_after, ks_system_now());
    if (got == 0 || (errno != EAGAIN && errno != EINTR))
        lost(link);
    link->answered(link);
}

enum ks_err ks_courier_link_open(struct ks_courier_link *link)
{
    if (link->watch.fd < 0)
        return KS_OK;
    link->watch.ready = readable;
    return ks_loop_add(link->loop, &link->watch, EPOLLIN);
}

void ks_courier_link_close(struct ks_courier_link *link)
{
    if (link->watch.fd < 0)
        return;
    if (link->watch.ready)
        ks_loop_remove(link->loop, &link->watch);
    close(link->watch.fd);
    link->watch.fd = -1;
}

void ks_courier_link_send(struct ks_courier_link *link, struct ks_push_request *request)
{
    struct ks_push_id id = request->id;
    struct ks_buf datagram;

    ks_buf_init(&datagram, KS_COURIER_DATAGRAM_MAX);
    ks_courier_write_request(&datagram, request);
    ks_push_request_free(request);
    bool sent = link->watch.fd >= 0 && ks_buf_err(&datagram) == KS_OK
        && send(link->watch.fd, datagram.ptr, datagram.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)datagram.len;
    ks_buf_done(&datagram);
    if (!sent)
        ks_reactor_pushed(link->core, &id, 0, 0, ks_system_now());
}
