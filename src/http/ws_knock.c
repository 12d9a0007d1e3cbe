/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "ws_knock.h"

#include "enc.h"
#include "http_text.h"
#include "ws_handshake.h"

#define KEY_LEN KS_BASE64_LEN(KS_WS_KEY_BYTES)
#define HEAD_END "\r\n\r\n"

void ks_ws_knock(struct ks_buf *buf, struct ks_str host, struct ks_str path, const uint8_t nonce[KS_WS_KEY_BYTES])
{
    char key[KEY_LEN];

    ks_base64_write(ks_str(nonce, KS_WS_KEY_BYTES), key);
    ks_buf_printf(buf,
        "GET %.*s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: %.*s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n",
        KS_STR_FMT(path), KS_STR_FMT(host), (int)KEY_LEN, key);
}

/* §4.1: what each field must say, where it stands. */
struct answer {
    bool upgrade, connection, accept, protocol;
};

static bool has_word(struct ks_str list, const char *word)
{
    struct ks_str piece;

    while (ks_http_list_next(&list, &piece))
        if (ks_http_is(piece, ks_str_z(word)))
            return true;
    return false;
}

/* False: "the client MUST Fail the WebSocket Connection". */
static bool read_field(struct ks_str name, struct ks_str value, struct ks_str wanted, struct answer *answer)
{
    if (ks_http_is(name, KS_STR("Upgrade")))
        answer->upgrade = ks_http_is(value, KS_STR("websocket"));
    else if (ks_http_is(name, KS_STR("Connection")))
        answer->connection = answer->connection || has_word(value, "upgrade");
    else if (ks_http_is(name, KS_STR("Sec-WebSocket-Accept"))) {
        if (answer->accept)
            return false;
        answer->accept = ks_str_eq(value, wanted);
    } else if (ks_http_is(name, KS_STR("Sec-WebSocket-Protocol"))) {
        if (answer->protocol)
            return false;
        answer->protocol = ks_str_is(value, "xmpp");
    } else if (ks_http_is(name, KS_STR("Sec-WebSocket-Extensions"))) {
        return false;
    }
    return true;
}

enum ks_err ks_ws_knock_read(struct ks_str bytes, const uint8_t nonce[KS_WS_KEY_BYTES], size_t *ret_len)
{
    size_t end = ks_str_find(bytes, KS_STR(HEAD_END));
    char key[KEY_LEN], accept[KS_WS_ACCEPT_LEN];
    struct answer answer = { 0 };
    struct ks_str head, line;

    if (end == bytes.len)
        return bytes.len >= KS_WS_ANSWER_MAX ? KS_ELIMIT : KS_EAGAIN;
    if (end > KS_WS_ANSWER_MAX)
        return KS_ELIMIT;
    head = ks_str_head(bytes, end);
    if (!ks_str_cut(&head, '\n', &line) || !ks_str_starts(line, KS_STR("HTTP/1.1 ")))
        return KS_ESYNTAX;
    if (!ks_str_starts(line, KS_STR("HTTP/1.1 101 ")))
        return KS_EDENIED;
    ks_base64_write(ks_str(nonce, KS_WS_KEY_BYTES), key);
    ks_ws_accept(ks_str(key, sizeof key), accept);
    while (ks_str_cut(&head, '\n', &line)) {
        size_t colon = ks_str_find_byte(line, ':');
        struct ks_str value = ks_str_trim(ks_str_from(line, colon + (colon < line.len)));

        if (colon == line.len || !read_field(ks_str_head(line, colon), value, ks_str(accept, sizeof accept), &answer))
            return KS_ESYNTAX;
    }
    if (!answer.upgrade || !answer.connection || !answer.accept || !answer.protocol)
        return KS_ESYNTAX;
    *ret_len = end + strlen(HEAD_END);
    return KS_OK;
}
