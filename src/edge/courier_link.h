/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* courier_link.h -- between konsild and the process that asks push services (courier.h): one datagram for each request,
 * one for each answer, over a socket pair of its own for each reactor thread.
 *
 * Nothing here waits: what the socket does not take was not sent, and the core tries again later. */
#ifndef KS_COURIER_LINK_H
#define KS_COURIER_LINK_H

#include "loop.h"
#include "server.h"

#define KS_COURIER_DATAGRAM_MAX 16384

/* --- datagrams, for both ends --- */

struct ks_courier_answer {
    struct ks_push_id id;
    uint32_t status;      /* of HTTP; 0: there was none */
    uint64_t retry_after; /* seconds */
};
/* Both append; the id as it is, since both ends are one program on one machine. */
void ks_courier_write_request(struct ks_buf *datagram, const struct ks_push_request *request);
void ks_courier_write_answer(struct ks_buf *datagram, const struct ks_courier_answer *answer);
/* Views into datagram. KS_OK, KS_ESYNTAX. */
KS_CHECK enum ks_err ks_courier_read_request(struct ks_str datagram, struct ks_push_request *ret_request);
KS_CHECK enum ks_err ks_courier_read_answer(struct ks_str datagram, struct ks_courier_answer *ret_answer);

/* --- konsild's end, in a reactor's thread --- */

struct ks_courier_link {
    struct ks_watch watch; /* fd -1: there is nobody */
    struct ks_loop *loop;
    struct ks_reactor *core;
    const struct ks_log *log;
    void (*answered)(struct ks_courier_link *link); /* the core was told something: take its events */
};

/* All set but watch.ready. KS_OK, KS_EIO. */
KS_CHECK enum ks_err ks_courier_link_open(struct ks_courier_link *link);
void ks_courier_link_close(struct ks_courier_link *link); /* accepts one that was not opened, with fd -1 */
/* Sends and frees it; when that cannot be, the core is told so at once. */
void ks_courier_link_send(struct ks_courier_link *link, struct ks_push_request *request);

#endif
