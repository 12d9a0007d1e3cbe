/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ws_reader.h -- what the other end of a WebSocket sends (RFC 6455 §5): its messages in parts, and control frames.
 *
 * A reader keeps a few bytes for each connection and no text: parts are views into the bytes given, which are unmasked
 * where they stand: a client masks, a server does not. How the network cuts the bytes does not matter for the messages,
 * only for their parts (fuzz target ws_reader). Nothing here allocates or logs. */
#ifndef KS_WS_READER_H
#define KS_WS_READER_H

#include "utf8.h"
#include "ws.h"

struct ks_ws_reader {
    uint32_t frame_left;               /* of the payload of the frame at hand */
    uint32_t message_bytes, bytes_max; /* of the message at hand, with that payload */
    uint8_t mask[4];                   /* turned, so that its first byte is the next one's */
    uint8_t message;                   /* enum ks_ws_opcode of the message at hand; 0 between messages */
    bool final;                        /* the frame at hand is its last */
    bool finished;
    bool of_server; /* the other end is one */
    struct ks_utf8 utf8;
};

enum ks_ws_got {
    KS_WS_MORE,   /* nothing yet: keep what is left of the bytes, and give it again with more behind it */
    KS_WS_TEXT,   /* a part of a text message, in *ret_part; its parts joined are UTF-8 when the last one is there */
    KS_WS_BINARY, /* a part of a binary message (RFC 7395 §3.2 has none: answer with KS_WS_UNSUPPORTED_DATA) */
    KS_WS_PING,   /* whole: answer with a pong of the same payload (§5.5.2) */
    KS_WS_PONG,   /* whole */
    KS_WS_CLOSE,  /* whole, and finished: the payload is the reason, without the code */
    KS_WS_BAD,    /* and finished: fail the connection with the code (§7.1.7) */
};

struct ks_ws_part {
    struct ks_str payload;
    bool last;     /* of TEXT and BINARY: the message is whole with it */
    uint16_t code; /* of CLOSE: the client's, or KS_WS_NO_STATUS; of BAD: KS_WS_PROTOCOL_ERROR, KS_WS_INVALID_DATA or
                      KS_WS_TOO_BIG */
};

/* bytes_max limits a message, over all its frames; at least 1. */
void ks_ws_reader_init(struct ks_ws_reader *reader, uint32_t bytes_max);
/* The same at the client's end. */
void ks_ws_reader_init_client(struct ks_ws_reader *reader, uint32_t bytes_max);

/* What comes next in the len bytes, which begin where the last call left off: it consumed *ret_len of them, and changed
 * no others. Call again with the rest until it says MORE; then at most 130 bytes are left, a control frame or the
 * beginning of one. A part is empty only if it is the last of its message. Once finished, it consumes whatever comes
 * and says MORE (§1.4: "discards any further data received"). */
enum ks_ws_got ks_ws_next(
    struct ks_ws_reader *reader, char *bytes, size_t len, struct ks_ws_part *ret_part, size_t *ret_len);

/* True between messages. */
static inline bool ks_ws_reader_idle(const struct ks_ws_reader *reader)
{
    return reader->message == 0;
}

#endif
