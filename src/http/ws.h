/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ws.h -- the numbers of WebSocket (RFC 6455), for its reader and its writer. */
#ifndef KS_WS_H
#define KS_WS_H

/* §5.2: the others are reserved. */
enum ks_ws_opcode {
    KS_WS_OP_CONTINUATION = 0,
    KS_WS_OP_TEXT = 1,
    KS_WS_OP_BINARY = 2,
    KS_WS_OP_CLOSE = 8,
    KS_WS_OP_PING = 9,
    KS_WS_OP_PONG = 10,
};

#define KS_WS_CONTROL_MAX 125 /* §5.5: bytes that a control frame carries */

/* §7.4.1: those that we send or that mean something to us. */
enum ks_ws_code {
    KS_WS_NORMAL = 1000,
    KS_WS_GOING_AWAY = 1001,
    KS_WS_PROTOCOL_ERROR = 1002,
    KS_WS_UNSUPPORTED_DATA = 1003,
    KS_WS_NO_STATUS = 1005, /* never on the wire: a close frame without a code */
    KS_WS_INVALID_DATA = 1007,
    KS_WS_POLICY_VIOLATION = 1008,
    KS_WS_TOO_BIG = 1009,
    KS_WS_INTERNAL_ERROR = 1011,
    KS_WS_TRY_AGAIN_LATER = 1013,
};

#endif
