/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web_socket.c -- XMPP over WebSocket (RFC 7395): the handshake. What follows is the core's stream (c2s_framing.h). */
#include "http_text.h"
#include "web.h"
#include "web_handlers.h"

static uint16_t port_of(const struct ks_http_authority *authority)
{
    return authority->port ? authority->port : 443;
}

/* RFC 6454 §4: the page is from the very server that it asks. */
static bool is_same(struct ks_str origin, const struct ks_http_authority *host)
{
    struct ks_str scheme = KS_STR("https://");
    struct ks_http_authority from;

    return ks_str_starts(origin, scheme) && ks_http_authority_read(ks_str_from(origin, scheme.len), &from) == KS_OK
        && ks_http_is(from.host, host->host) && port_of(&from) == port_of(host);
}

/* RFC 6455 §10.2: a page from elsewhere is not to act for who sits before the browser. A program that is no browser
 * says no origin, and could say any. */
static bool may_connect(const struct ks_web_setup *web, struct ks_str origin, const struct ks_http_authority *host)
{
    struct ks_str list = web->origins, known;

    if (!origin.len || is_same(origin, host))
        return true;
    while (ks_str_cut(&list, ' ', &known))
        if (known.len && ks_str_eq(known, origin))
            return true;
    return false;
}

static void on_handshake(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    static const struct ks_http_field version = { "Sec-WebSocket-Version", KS_STR_INIT("13") }; /* RFC 6455 §4.4 */
    struct ks_ws_handshake handshake;
    unsigned status = ks_ws_handshake_read(request, &handshake);

    if (status != 101)
        ks_http_fail(x, status, &version, status == 426);
    else if (!may_connect(ks_web_of(x), handshake.origin, &request->host))
        ks_http_fail(x, 403, NULL, 0);
    else
        ks_http_upgrade(x, &handshake);
}

const struct ks_http_handler ks_web_socket = {
    .path = KS_WEB_SOCKET_PATH,
    .ports = KS_WEB_PUBLIC,
    .methods = KS_HTTP_CAN(KS_HTTP_GET),
    .head = on_handshake,
};
