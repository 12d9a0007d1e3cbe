/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ws_writer.h -- what goes over a WebSocket (RFC 6455 §5): one frame for each message; a server does not mask it, a
 * client does. */
#ifndef KS_WS_WRITER_H
#define KS_WS_WRITER_H

#include "buf.h"
#include "ws.h"

#define KS_WS_HEAD_MAX 10
/* Writes the head of a frame, for a payload that stands elsewhere; its length, 2 to KS_WS_HEAD_MAX. A control frame has
 * a payload of KS_WS_CONTROL_MAX at most. */
size_t ks_ws_head_write(char head[KS_WS_HEAD_MAX], enum ks_ws_opcode opcode, uint64_t payload_len);

/* Adds a frame with its payload. What a text message holds is UTF-8 (§8.1): the caller knows. */
void ks_ws_write(struct ks_buf *buf, enum ks_ws_opcode opcode, struct ks_str payload);
/* Adds a client's frame with its payload. §5.3: mask is fresh entropy, for each frame anew, so that no page can choose
 * the bytes that those between see. */
void ks_ws_write_masked(struct ks_buf *buf, enum ks_ws_opcode opcode, struct ks_str payload, const uint8_t mask[4]);
/* Adds a close frame. The reason is one of our literals, in UTF-8 and of 123 bytes at most; KS_WS_NO_STATUS has none,
 * and makes a frame without a code. */
void ks_ws_close_write(struct ks_buf *buf, enum ks_ws_code code, struct ks_str reason);

#endif
