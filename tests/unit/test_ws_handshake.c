/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "crypto.h"
#include "ws_handshake.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 §1.3 */
#define START "GET /ws HTTP/1.1\r\nHost: k.example\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define WITH_KEY "Sec-WebSocket-Key: " KEY "\r\n"
#define XMPP "Sec-WebSocket-Protocol: xmpp\r\n"

static const struct {
    const char *name, *head;
    unsigned want;
    const char *origin;
} rows[] = {
    { "RFC 6455 §4.2.1: a handshake", START UPGRADE VERSION WITH_KEY XMPP, 101, "" },
    { "RFC 6455 §10.2: the origin is handed out", START "Origin: https://k.example\r\n" UPGRADE VERSION WITH_KEY XMPP,
        101, "https://k.example" },
    { "RFC 6455 §10.2: also that of no page", START "Origin: null\r\n" UPGRADE VERSION WITH_KEY XMPP, 101, "null" },
    { "RFC 6455 §11.3.4: xmpp in a list", START UPGRADE VERSION WITH_KEY "Sec-WebSocket-Protocol: chat, xmpp\r\n", 101,
        "" },
    { "RFC 6455 §11.3.4: in a second line",
        START UPGRADE VERSION WITH_KEY "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: xmpp\r\n", 101, "" },
    { "RFC 6455 §9.1: extensions are offered in vain",
        START "Sec-WebSocket-Extensions: permessage-deflate\r\n" UPGRADE VERSION WITH_KEY XMPP, 101, "" },
    { "RFC 7395 §3.1: without a subprotocol", START UPGRADE VERSION WITH_KEY, 400, NULL },
    { "RFC 7395 §3.1: with another", START UPGRADE VERSION WITH_KEY "Sec-WebSocket-Protocol: xmppp, XMPP\r\n", 400,
        NULL },
    { "RFC 6455 §4.2.1 item 5: no key", START UPGRADE VERSION XMPP, 400, NULL },
    { "RFC 6455 §11.3.1: two keys", START UPGRADE VERSION WITH_KEY WITH_KEY XMPP, 400, NULL },
    { "RFC 6455 §4.2.1 item 5: a key of 15 bytes",
        START UPGRADE VERSION XMPP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n", 400, NULL },
    { "RFC 6455 §4.2.1 item 5: of 17", START UPGRADE VERSION XMPP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWE=\r\n",
        400, NULL },
    { "RFC 6455 §4.2.1 item 5: one that is no base64",
        START UPGRADE VERSION XMPP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25-ZQ==\r\n", 400, NULL },
    { "RFC 6455 §4.2.1 item 6: no version", START UPGRADE WITH_KEY XMPP, 426, NULL },
    { "RFC 6455 §4.4: another version", START UPGRADE WITH_KEY XMPP "Sec-WebSocket-Version: 8\r\n", 426, NULL },
    { "RFC 6455 §11.3.5: two versions", START UPGRADE VERSION VERSION WITH_KEY XMPP, 426, NULL },
    { "RFC 6455 §4.2.1 item 3: no Upgrade", START "Connection: Upgrade\r\n" VERSION WITH_KEY XMPP, 426, NULL },
    { "RFC 6455 §4.2.1 item 4: no Connection", START "Upgrade: websocket\r\n" VERSION WITH_KEY XMPP, 426, NULL },
    { "RFC 6455 §4.2.1 item 1: HTTP/1.0", "GET /ws HTTP/1.0\r\nHost: k.example\r\n" UPGRADE VERSION WITH_KEY XMPP, 426,
        NULL },
    { "RFC 6455 §4.2.1 item 1: another method",
        "POST /ws HTTP/1.1\r\nHost: k.example\r\n" UPGRADE VERSION WITH_KEY XMPP, 405, NULL },
    { "RFC 6454 §7.3: two origins",
        START "Origin: https://k.example\r\nOrigin: https://l.example\r\n" UPGRADE VERSION WITH_KEY XMPP, 400, NULL },
};

static void handshakes(void)
{
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_ws_handshake handshake = { 0 };
        struct ks_http_reader reader = { 0 };
        struct ks_http_request request;
        char bytes[1000];
        size_t len;

        snprintf(bytes, sizeof bytes, "%s\r\n", rows[i].head);
        if (ks_http_next(&reader, ks_str_z(bytes), &request, &len) != KS_HTTP_REQUEST) {
            check_row(false, rows[i].name, "the request is refused");
            continue;
        }
        unsigned got = ks_ws_handshake_read(&request, &handshake);
        bool same = got != 101 || (ks_str_is(handshake.key, KEY) && ks_str_is(handshake.origin, rows[i].origin));
        check_row(got == rows[i].want && same, rows[i].name, "%u, origin \"%.*s\"", got, KS_STR_FMT(handshake.origin));
    }
}

#define DATE "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"

static void responses(void)
{
    char accept[KS_WS_ACCEPT_LEN];
    struct ks_buf buf;

    ks_ws_accept(KS_STR(KEY), accept);
    check_str("RFC 6455 §1.3: the example's Sec-WebSocket-Accept", ks_str(accept, sizeof accept),
        KS_STR("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    ks_buf_init(&buf, 1000);
    ks_ws_handshake_accept(&buf, &(struct ks_ws_handshake) { .key = KS_STR(KEY) }, 0);
    check_str("RFC 6455 §4.2.2: the server's handshake", ks_buf_str(&buf),
        KS_STR("HTTP/1.1 101 Switching Protocols\r\n" DATE "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
               "Sec-WebSocket-Protocol: xmpp\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
    ks_buf_reset(&buf);
    ks_ws_handshake_refuse(&buf, 426, 0);
    check_str("RFC 6455 §4.4: the version that there is", ks_buf_str(&buf),
        KS_STR("HTTP/1.1 426 Upgrade Required\r\n" DATE "Sec-WebSocket-Version: 13\r\nContent-Length: 0\r\n"
               "Connection: close\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
    ks_buf_reset(&buf);
    ks_ws_handshake_refuse(&buf, 405, 0);
    check_str("RFC 9110 §15.5.6: the method that there is", ks_buf_str(&buf),
        KS_STR(
            "HTTP/1.1 405 Method Not Allowed\r\n" DATE "Allow: GET\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    ks_buf_reset(&buf);
    ks_ws_handshake_refuse(&buf, 403, 0);
    check_str("RFC 6455 §4.2.2: an origin that the caller does not want", ks_buf_str(&buf),
        KS_STR("HTTP/1.1 403 Forbidden\r\n" DATE "Content-Length: 0\r\nConnection: close\r\n\r\n"));
    ks_buf_done(&buf);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    handshakes();
    responses();
    return check_done();
}
