/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A stranger's bytes behind the handshake of a WebSocket, as they are or each line of them as a message. Where the
 * network cuts them does not matter: the same comes back, byte for byte, and the stream is open or closed alike. What
 * comes back are whole frames, not masked, each text one element that stands for itself; behind a close frame there is
 * nothing. */
#include <stdlib.h>

#include "crypto.h"
#include "host.h"
#include "ns.h"
#include "ws_mask.h"
#include "ws_writer.h"
#include "xml_reader.h"

/* Each line as a text frame of a client. */
static void frame_lines(struct ks_buf *out, struct ks_str lines)
{
    static const uint8_t mask[4] = { 1, 2, 3, 4 };
    struct ks_str line;
    struct ks_buf frame;

    ks_buf_init(&frame, SIZE_MAX);
    while (ks_str_cut(&lines, '\n', &line)) {
        ks_buf_reset(&frame);
        ks_ws_write(&frame, KS_WS_OP_TEXT, line);
        ws_mask_frame(out, mask, ks_buf_str(&frame));
    }
    ks_buf_done(&frame);
}

static void check_text(struct ks_str text)
{
    struct ks_arena arena;
    struct ks_xml *element;

    ks_arena_init(&arena, 1u << 20);
    enum ks_err err = ks_xml_read(&arena, text, KS_STR_EMPTY, KS_STR_EMPTY, &element);
    assert(err == KS_OK && element->ns.len > 0);
    ks_arena_done(&arena);
}

static void check_frames(struct ks_str left, bool closed)
{
    bool ended = false;

    while (left.len) {
        const uint8_t *at = (const uint8_t *)left.ptr;
        size_t head_len = left.len > 1 && at[1] == 126 ? 4 : 2;
        assert(!ended && left.len >= head_len && at[1] < 127);
        size_t len = head_len == 4 ? (size_t)at[2] << 8 | at[3] : at[1];
        assert(left.len >= head_len + len);
        if (at[0] == (0x80 | KS_WS_OP_TEXT))
            check_text(ks_str(left.ptr + head_len, len));
        else
            assert(at[0] == (0x80 | KS_WS_OP_PONG) || at[0] == (0x80 | KS_WS_OP_CLOSE));
        ended = at[0] == (0x80 | KS_WS_OP_CLOSE);
        left = ks_str_from(left, head_len + len);
    }
    assert(ended == closed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_server_store *stores[2];
    struct host_conn *conns[2];
    struct host *hosts[2];
    struct ks_config *config;
    struct ks_buf bytes;

    if (len < 2 || ks_crypto_init() != KS_OK)
        return 0;
    ks_buf_init(&bytes, SIZE_MAX);
    if (data[0] % 2)
        frame_lines(&bytes, ks_str(data + 2, len - 2));
    else
        ks_buf_add(&bytes, ks_str(data + 2, len - 2));
    size_t cut = bytes.len * data[1] / 256;
    config = host_config();
    for (int i = 0; i < 2; i++) {
        stores[i] = ks_memory_server_store_new();
        hosts[i] = host_new(config, stores[i], 1, 1, (struct ks_now) { 1000, 1795312800000 }, false);
        conns[i] = host_connect_websocket(hosts[i], 1);
        host_secure(conns[i]);
        host_feed(conns[i], ks_str_head(ks_buf_str(&bytes), i ? cut : bytes.len));
        host_settle(hosts[i]);
        host_feed(conns[i], ks_str_from(ks_buf_str(&bytes), i ? cut : bytes.len));
        host_settle(hosts[i]);
    }
    assert(conns[0]->closed == conns[1]->closed);
    assert(ks_str_eq(ks_buf_str(&conns[0]->out), ks_buf_str(&conns[1]->out)));
    check_frames(ks_buf_str(&conns[0]->out), conns[0]->closed);
    for (int i = 0; i < 2; i++) {
        host_conn_free(conns[i]);
        host_free(hosts[i]);
        ks_server_store_free(stores[i]);
    }
    ks_config_unref(config);
    ks_buf_done(&bytes);
    return 0;
}
