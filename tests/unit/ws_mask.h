/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ws_mask.h -- a client's frames for tests, put together apart from our writer and our unmasking. */
#ifndef WS_MASK_H
#define WS_MASK_H

#include "buf.h"

/* RFC 6455 §5.3, a byte at a time. */
static void ws_mask_add(struct ks_buf *buf, const uint8_t mask[4], struct ks_str payload)
{
    for (size_t i = 0; i < payload.len; i++)
        ks_buf_byte(buf, (uint8_t)payload.ptr[i] ^ mask[i % 4]);
}

/* A server's frame, as ks_ws_write makes it, as a client would have sent it. */
__attribute__((unused)) static void ws_mask_frame(struct ks_buf *buf, const uint8_t mask[4], struct ks_str frame)
{
    uint8_t len = (uint8_t)frame.ptr[1];
    size_t head_len = len == 126 ? 4 : len == 127 ? 10 : 2;

    ks_buf_byte(buf, (uint8_t)frame.ptr[0]);
    ks_buf_byte(buf, 0x80 | len);
    ks_buf_add(buf, ks_str_head(ks_str_from(frame, 2), head_len - 2));
    ks_buf_add(buf, ks_str(mask, 4));
    ws_mask_add(buf, mask, ks_str_from(frame, head_len));
}

#endif
