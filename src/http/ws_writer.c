/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "ws_writer.h"

size_t ks_ws_head_write(char head[KS_WS_HEAD_MAX], enum ks_ws_opcode opcode, uint64_t payload_len)
{
    size_t length_bytes = payload_len <= 125 ? 0 : payload_len <= UINT16_MAX ? 2 : 8;

    assert(opcode < KS_WS_OP_CLOSE || payload_len <= KS_WS_CONTROL_MAX);
    head[0] = (char)(0x80 | opcode);
    head[1] = (char)(length_bytes == 0 ? payload_len : length_bytes == 2 ? 126 : 127);
    for (size_t i = 0; i < length_bytes; i++)
        head[2 + i] = (char)(payload_len >> 8 * (length_bytes - 1 - i));
    return 2 + length_bytes;
}

void ks_ws_write(struct ks_buf *buf, enum ks_ws_opcode opcode, struct ks_str payload)
{
    char head[KS_WS_HEAD_MAX];

    ks_buf_add(buf, ks_str(head, ks_ws_head_write(head, opcode, payload.len)));
    ks_buf_add(buf, payload);
}

void ks_ws_write_masked(struct ks_buf *buf, enum ks_ws_opcode opcode, struct ks_str payload, const uint8_t mask[4])
{
    char head[KS_WS_HEAD_MAX];
    size_t head_len = ks_ws_head_write(head, opcode, payload.len), at;

    head[1] = (char)(head[1] | 0x80);
    ks_buf_add(buf, ks_str(head, head_len));
    ks_buf_add(buf, ks_str(mask, 4));
    at = buf->len;
    ks_buf_add(buf, payload);
    if (ks_buf_err(buf) == KS_OK)
        for (size_t i = 0; i < payload.len; i++)
            buf->ptr[at + i] = (char)(buf->ptr[at + i] ^ mask[i % 4]);
}

void ks_ws_close_write(struct ks_buf *buf, enum ks_ws_code code, struct ks_str reason)
{
    char payload[KS_WS_CONTROL_MAX];

    assert(reason.len <= sizeof payload - 2 && (code != KS_WS_NO_STATUS || !reason.len));
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    if (reason.len)
        memcpy(payload + 2, reason.ptr, reason.len);
    ks_ws_write(buf, KS_WS_OP_CLOSE, ks_str(payload, code == KS_WS_NO_STATUS ? 0 : 2 + reason.len));
}
