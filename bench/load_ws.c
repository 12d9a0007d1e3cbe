/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "load_ws.h"

#include <stdio.h>

#include "enc.h"
#include "ws.h"

#define NS_FRAMING "urn:ietf:params:xml:ns:xmpp-framing"

void load_ws_ask(struct ks_buf *buf, struct ks_prng *prng, const char *host)
{
    uint8_t key[16];

    ks_prng_bytes(prng, key, sizeof key);
    ks_buf_printf(buf,
        "GET " LOAD_WS_PATH " HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\nSec-WebSocket-Key: ",
        host);
    ks_base64_add(buf, ks_str(key, sizeof key));
    ks_buf_z(buf, "\r\n\r\n");
}

enum ks_err load_ws_answered(struct ks_str bytes, size_t *ret_len)
{
    size_t end = ks_str_find(bytes, KS_STR("\r\n\r\n"));

    if (end == bytes.len)
        return KS_EAGAIN;
    *ret_len = end + 4;
    return ks_str_starts(bytes, KS_STR("HTTP/1.1 101")) ? KS_OK : KS_ESYNTAX;
}

/* RFC 6455 §5.2, §5.3: what a client sends is masked. */
static void add_frame(
    struct ks_buf *buf, struct ks_prng *prng, enum ks_ws_opcode opcode, const struct ks_str *parts, size_t count)
{
    uint8_t mask[4];
    size_t len = 0, at = 0;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    ks_prng_bytes(prng, mask, sizeof mask);
    ks_buf_byte(buf, (uint8_t)(0x80 | opcode));
    if (len <= 125) {
        ks_buf_byte(buf, (uint8_t)(0x80 | len));
    } else {
        size_t length_bytes = len <= UINT16_MAX ? 2 : 8;
        ks_buf_byte(buf, length_bytes == 2 ? 0x80 | 126 : 0x80 | 127);
        for (size_t i = length_bytes; i-- > 0;)
            ks_buf_byte(buf, (uint8_t)((uint64_t)len >> 8 * i));
    }
    ks_buf_add(buf, ks_str(mask, sizeof mask));
    char *to = ks_buf_room(buf, len);
    for (size_t i = 0; to && i < count; i++)
        for (size_t j = 0; j < parts[i].len; j++, at++)
            to[at] = (char)(parts[i].ptr[j] ^ mask[at % 4]);
}

void load_ws_pong(struct ks_buf *buf, struct ks_prng *prng, struct ks_str payload)
{
    add_frame(buf, prng, KS_WS_OP_PONG, &payload, 1);
}

/* Where a namespace is to be said: behind the name of a stanza; 0 for what says its own. */
static size_t name_end(struct ks_str item)
{
    static const char *const names[] = { "<message", "<presence", "<iq" };

    for (size_t i = 0; i < KS_COUNT(names); i++)
        if (ks_str_starts(item, ks_str_z(names[i])))
            return strlen(names[i]);
    return 0;
}

static void add_text(struct ks_buf *buf, struct ks_prng *prng, struct ks_str item)
{
    size_t at = name_end(item);
    struct ks_str parts[] = { ks_str_head(item, at), KS_STR(" xmlns='jabber:client'"), ks_str_from(item, at) };

    if (at)
        add_frame(buf, prng, KS_WS_OP_TEXT, parts, KS_COUNT(parts));
    else
        add_frame(buf, prng, KS_WS_OP_TEXT, &item, 1);
}

bool load_ws_wrap(
    struct ks_buf *buf, struct ks_framer *framer, struct ks_prng *prng, struct ks_str stream, const char *domain)
{
    char open[512];

    while (stream.len > 0) {
        size_t len = 0;
        enum ks_frame frame = ks_framer_next(framer, stream, &len);

        if (frame == KS_FRAME_STANZA) {
            add_text(buf, prng, ks_str_head(stream, len));
        } else if (frame == KS_FRAME_OPEN) {
            snprintf(open, sizeof open, "<open xmlns='" NS_FRAMING "' to='%s' version='1.0' xml:lang='en'/>", domain);
            add_text(buf, prng, ks_str_z(open));
        } else if (frame == KS_FRAME_CLOSE) {
            add_text(buf, prng, KS_STR("<close xmlns='" NS_FRAMING "'/>"));
        } else {
            return false;
        }
        stream = ks_str_from(stream, len);
    }
    return ks_buf_err(buf) == KS_OK;
}

enum ks_err load_ws_next(struct ks_str bytes, unsigned *ret_opcode, struct ks_str *ret_payload, size_t *ret_len)
{
    size_t length_bytes = 0;
    uint64_t len;

    if (bytes.len < 2)
        return KS_EAGAIN;
    if (!(bytes.ptr[0] & 0x80) || bytes.ptr[0] & 0x70 || bytes.ptr[1] & 0x80) /* a fragment, an extension, a mask */
        return KS_ESYNTAX;
    len = (uint8_t)bytes.ptr[1];
    if (len >= 126) {
        length_bytes = len == 126 ? 2 : 8;
        if (bytes.len < 2 + length_bytes)
            return KS_EAGAIN;
        len = 0;
        for (size_t i = 0; i < length_bytes; i++)
            len = len << 8 | (uint8_t)bytes.ptr[2 + i];
    }
    if (bytes.len - 2 - length_bytes < len)
        return KS_EAGAIN;
    *ret_opcode = bytes.ptr[0] & 0x0f;
    *ret_payload = ks_str(bytes.ptr + 2 + length_bytes, (size_t)len);
    *ret_len = 2 + length_bytes + (size_t)len;
    return KS_OK;
}
