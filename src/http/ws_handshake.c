/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "ws_handshake.h"

#include "crypto.h"
#include "enc.h"
#include "http_text.h"
#include "ws.h"

/* RFC 6455 §4.2.1 item 5: base64 "that, when decoded, is 16 bytes in length". */
static bool is_key(struct ks_str key)
{
    if (key.len != KS_BASE64_LEN(16) || !ks_str_ends(key, KS_STR("==")))
        return false;
    for (size_t i = 0; i < key.len - 2; i++) {
        char c = key.ptr[i];
        if (!('a' <= (c | 0x20) && (c | 0x20) <= 'z') && !('0' <= c && c <= '9') && c != '+' && c != '/')
            return false;
    }
    return true;
}

/* RFC 7395 §3.1: "the client MUST include the value 'xmpp' in the list of protocols". The list may be spread over lines
 * (RFC 6455 §11.3.4). */
static bool offers_xmpp(const struct ks_http_request *request)
{
    struct ks_str list, protocol;

    for (unsigned at = 0; ks_http_field_next(request, KS_STR("Sec-WebSocket-Protocol"), &at, &list);)
        while (ks_http_list_next(&list, &protocol))
            if (ks_str_is(protocol, "xmpp"))
                return true;
    return false;
}

unsigned ks_ws_handshake_read(const struct ks_http_request *request, struct ks_ws_handshake *ret_handshake)
{
    struct ks_ws_handshake handshake = { 0 };
    struct ks_str version;

    if (request->method != KS_HTTP_GET)
        return 405;
    if (!request->websocket || ks_http_field(request, KS_STR("Sec-WebSocket-Version"), &version) != KS_OK
        || !ks_str_is(version, "13"))
        return 426;
    if (ks_http_field(request, KS_STR("Sec-WebSocket-Key"), &handshake.key) != KS_OK || !is_key(handshake.key))
        return 400;
    if (ks_http_field(request, KS_STR("Origin"), &handshake.origin) == KS_EEXISTS || !offers_xmpp(request))
        return 400;
    *ret_handshake = handshake;
    return 101;
}

void ks_ws_accept(struct ks_str key, char ret_accept[KS_WS_ACCEPT_LEN])
{
    const struct ks_str parts[] = { key, KS_STR("258EAFA5-E914-47DA-95CA-C5AB0DC85B11") };
    uint8_t digest[KS_HASH_MAX];

    ks_hash_parts(KS_SHA1, parts, KS_COUNT(parts), digest);
    ks_base64_write(ks_str(digest, ks_hash_len(KS_SHA1)), ret_accept);
}

static void respond(struct ks_buf *buf, const struct ks_http_response *response)
{
    enum ks_err err = ks_http_response_write(buf, response);

    assert(err == KS_OK); /* all fields are ours */
    (void)err;
}

void ks_ws_handshake_accept(struct ks_buf *buf, const struct ks_ws_handshake *handshake, int64_t wall_ms)
{
    char accept[KS_WS_ACCEPT_LEN];
    const struct ks_http_field fields[] = { { "Sec-WebSocket-Accept", ks_str(accept, sizeof accept) },
        { "Sec-WebSocket-Protocol", KS_STR("xmpp") } };

    ks_ws_accept(handshake->key, accept);
    respond(buf,
        &(struct ks_http_response) {
            .status = 101, .wall_ms = wall_ms, .upgrade = "websocket", .fields = fields, .field_count = 2 });
}

void ks_ws_handshake_refuse(struct ks_buf *buf, unsigned status, int64_t wall_ms)
{
    static const struct ks_http_field allow = { "Allow", { "GET", 3 } };                  /* RFC 9110 §15.5.6 */
    static const struct ks_http_field version = { "Sec-WebSocket-Version", { "13", 2 } }; /* RFC 6455 §4.4 */
    struct ks_http_response response = { .status = status, .wall_ms = wall_ms, .close = true };

    if (status == 405)
        response.fields = &allow;
    if (status == 426) {
        response.fields = &version;
        response.upgrade = "websocket";
    }
    response.field_count = response.fields ? 1 : 0;
    respond(buf, &response);
}
