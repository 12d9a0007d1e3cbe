/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "http_reader.h"
#include "ws_handshake.h"
#include "ws_knock.h"

static const uint8_t nonce[KS_WS_KEY_BYTES] = "the sample nonce"; /* RFC 6455 §1.3 */

#define HEAD "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define XMPP "Sec-WebSocket-Protocol: xmpp\r\n"

static void test_answers(void)
{
    static const struct {
        const char *name, *answer;
        enum ks_err want;
    } rows[] = {
        { "RFC 6455 §1.3: the answer that fits opens the WebSocket", HEAD UPGRADE ACCEPT XMPP "\r\n", KS_OK },
        { "RFC 9110 §5.1: however its names are written",
            HEAD "upgrade: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n" ACCEPT XMPP "\r\n", KS_OK },
        { "half of it is waited for", HEAD UPGRADE ACCEPT XMPP "\r", KS_EAGAIN },
        { "RFC 6455 §4.1: another key's answer is none",
            HEAD UPGRADE "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" XMPP "\r\n", KS_ESYNTAX },
        { "RFC 6455 §4.1: nor is one without the upgrade", HEAD "Connection: Upgrade\r\n" ACCEPT XMPP "\r\n",
            KS_ESYNTAX },
        { "nor one that keeps the connection as it is", HEAD "Upgrade: websocket\r\n" ACCEPT XMPP "\r\n", KS_ESYNTAX },
        { "nor one without a key", HEAD UPGRADE XMPP "\r\n", KS_ESYNTAX },
        { "nor one with two", HEAD UPGRADE ACCEPT ACCEPT XMPP "\r\n", KS_ESYNTAX },
        { "RFC 7395 §3.1: nor one without the subprotocol", HEAD UPGRADE ACCEPT "\r\n", KS_ESYNTAX },
        { "RFC 6455 §4.1: nor one with another", HEAD UPGRADE ACCEPT "Sec-WebSocket-Protocol: mqtt\r\n\r\n",
            KS_ESYNTAX },
        { "RFC 6455 §4.1: nor one with an extension that was not asked for",
            HEAD UPGRADE ACCEPT XMPP "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", KS_ESYNTAX },
        { "a line that is no field ends it", HEAD "Upgrade\r\n" UPGRADE ACCEPT XMPP "\r\n", KS_ESYNTAX },
        { "RFC 6455 §4.1: a page is another answer", "HTTP/1.1 404 Not Found\r\n\r\n", KS_EDENIED },
        { "and so is somewhere else", "HTTP/1.1 302 Found\r\nLocation: https://boese.example/\r\n\r\n", KS_EDENIED },
        { "what is no HTTP is nothing", "SSH-2.0-x\r\n\r\n", KS_ESYNTAX },
    };
    static char big[KS_WS_ANSWER_MAX + 1];
    size_t len;

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_err(rows[i].name, ks_ws_knock_read(ks_str_z(rows[i].answer), nonce, &len), rows[i].want);
    memset(big, 'x', sizeof big);
    check_err("an answer that never ends is ended", ks_ws_knock_read(ks_str(big, sizeof big), nonce, &len), KS_ELIMIT);
    check_row(ks_ws_knock_read(KS_STR(HEAD UPGRADE ACCEPT XMPP "\r\n\x81\x01 "), nonce, &len) == KS_OK
            && len == strlen(HEAD UPGRADE ACCEPT XMPP "\r\n"),
        "what follows is the WebSocket's", "%zu", len);
}

/* What we ask, our own server answers. */
static void test_both(void)
{
    struct ks_http_request request;
    struct ks_ws_handshake handshake;
    struct ks_buf asked, answer;
    size_t len = 0;

    ks_buf_init(&asked, 4096);
    ks_buf_init(&answer, 4096);
    ks_ws_knock(&asked, KS_STR("klinik.example:5443"), KS_STR("/xmpp-websocket?a"), nonce);
    struct ks_http_reader reader = { 0 };
    unsigned status = 0;
    if (ks_http_next(&reader, ks_buf_str(&asked), &request, &len) == KS_HTTP_REQUEST)
        status = ks_ws_handshake_read(&request, &handshake);
    check_row(status == 101 && len == asked.len, "RFC 6455 §4.2.1: konsild takes what konsil asks", "%u", status);
    if (status == 101)
        ks_ws_handshake_accept(&answer, &handshake, 0);
    check_row(ks_ws_knock_read(ks_buf_str(&answer), nonce, &len) == KS_OK && len == answer.len,
        "RFC 6455 §4.2.2: and konsil what konsild answers", "%.*s", KS_STR_FMT(ks_buf_str(&answer)));
    ks_buf_done(&asked);
    ks_buf_done(&answer);
}

int main(void)
{
    test_answers();
    test_both();
    return check_done();
}
