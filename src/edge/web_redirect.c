/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web_redirect.c -- HTTP in clear: says where HTTPS is, to who asks for a host of ours, and nothing else. */
#include "web.h"
#include "web_handlers.h"

static void on_clear(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    const struct ks_web_domain *domain = ks_web_domain(x, request);
    struct ks_buf location;

    if (!domain || !domain->origin.len) {
        ks_http_fail(x, 404, NULL, 0);
        return;
    }
    ks_buf_init(&location, 2 * KS_HTTP_HEAD_MAX);
    ks_buf_add(&location, domain->origin);
    ks_buf_add(&location, request->path);
    ks_buf_z(&location, request->query.len ? "?" : "");
    ks_buf_add(&location, request->query);
    if (ks_buf_err(&location) == KS_OK) /* RFC 9110 §15.4.9 */
        ks_http_answer(x,
            &(struct ks_http_answer) { .status = 308,
                .fields = &(struct ks_http_field) { "Location", ks_buf_str(&location) },
                .field_count = 1 });
    else
        ks_http_fail(x, 500, NULL, 0);
    ks_buf_done(&location);
}

const struct ks_http_handler ks_web_redirect = {
    .path = "/",
    .ports = KS_LISTEN_REDIRECT,
    .methods = KS_HTTP_CAN(KS_HTTP_GET),
    .head = on_clear,
};
