/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Where the network cuts an end's frames does not matter for its messages, be it a client or a server: whole, byte by
 * byte, and in pieces whose length the input chooses, they are the same. A text is UTF-8, nothing is over its limit,
 * and each message, written by us and masked, is read again. The first two bytes are the limit and the length of
 * pieces. */
#include <stdlib.h>

#include "ws_mask.h"
#include "ws_reader.h"
#include "ws_writer.h"

#define MIX 0x100000001b3U /* FNV-1a */

static void mix(uint64_t *hash, uint64_t value)
{
    *hash = (*hash ^ value) * MIX;
}

static void mix_text(uint64_t *hash, struct ks_str text)
{
    mix(hash, text.len);
    for (size_t i = 0; i < text.len; i++)
        mix(hash, (uint8_t)text.ptr[i]);
}

static void read_back(enum ks_ws_opcode opcode, struct ks_str payload)
{
    static const uint8_t mask[] = { 0x5a, 0, 0xff, 0x81 };
    struct ks_buf frame, masked;
    struct ks_ws_reader reader;
    struct ks_ws_part part;
    size_t len;

    ks_buf_init(&frame, 1U << 20);
    ks_buf_init(&masked, 1U << 20);
    ks_ws_write(&frame, opcode, payload);
    ws_mask_frame(&masked, mask, ks_buf_str(&frame));
    ks_ws_reader_init(&reader, 1U << 20);
    enum ks_ws_got got = ks_ws_next(&reader, masked.ptr, masked.len, &part, &len);
    assert(got != KS_WS_MORE && got != KS_WS_BAD && len == masked.len);
    assert(ks_str_eq(part.payload, payload) && part.last == (opcode < KS_WS_OP_CLOSE));
    ks_buf_done(&frame);
    ks_buf_done(&masked);
}

struct digest {
    uint64_t hash;
    struct ks_buf message;
    bool over;
};

static void look_at(struct digest *digest, enum ks_ws_got got, const struct ks_ws_part *part, uint32_t bytes_max)
{
    bool text = got == KS_WS_TEXT;

    assert(!digest->over);
    if (text || got == KS_WS_BINARY) {
        assert(part->payload.len || part->last);
        ks_buf_add(&digest->message, part->payload);
        if (!part->last)
            return;
        struct ks_str message = ks_buf_str(&digest->message);
        assert(message.len <= bytes_max && (!text || ks_utf8_valid(message)));
        read_back(text ? KS_WS_OP_TEXT : KS_WS_OP_BINARY, message);
        mix(&digest->hash, got);
        mix_text(&digest->hash, message);
        ks_buf_reset(&digest->message);
        return;
    }
    assert(part->payload.len <= KS_WS_CONTROL_MAX);
    if (got == KS_WS_PING || got == KS_WS_PONG)
        read_back(got == KS_WS_PING ? KS_WS_OP_PING : KS_WS_OP_PONG, part->payload);
    digest->over = got == KS_WS_CLOSE || got == KS_WS_BAD;
    mix(&digest->hash, got);
    mix(&digest->hash, part->code);
    mix_text(&digest->hash, part->payload);
}

static uint64_t digest_cut(bool of_server, uint32_t bytes_max, struct ks_str stream, size_t piece)
{
    struct digest digest = { 0 };
    struct ks_ws_reader reader;
    struct ks_ws_part part;
    char *at_hand = NULL; /* in memory of its exact size */
    size_t left = 0;

    ks_buf_init(&digest.message, 1U << 20);
    (of_server ? ks_ws_reader_init_client : ks_ws_reader_init)(&reader, bytes_max);
    for (size_t from = 0; from < stream.len; from += piece) {
        struct ks_str given = ks_str_head(ks_str_from(stream, from), piece);
        size_t at = 0, len, given_len = left + given.len;
        char *bytes = malloc(given_len);
        enum ks_ws_got got;
        assert(bytes);
        if (left)
            memcpy(bytes, at_hand, left);
        memcpy(bytes + left, given.ptr, given.len);
        free(at_hand);
        at_hand = NULL;
        while ((got = ks_ws_next(&reader, bytes + at, given_len - at, &part, &len)) != KS_WS_MORE) {
            at += len;
            assert(at <= given_len);
            look_at(&digest, got, &part, bytes_max);
        }
        at += len;
        left = given_len - at;
        assert(left <= 130 && (!digest.over || !left));
        if (left) {
            at_hand = malloc(left);
            assert(at_hand);
            memcpy(at_hand, bytes + at, left);
        }
        free(bytes);
    }
    mix(&digest.hash, left);
    mix(&digest.hash, ks_ws_reader_idle(&reader));
    ks_buf_done(&digest.message);
    free(at_hand);
    return digest.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 3)
        return 0;
    uint32_t bytes_max = data[0] & 0x80 ? 1U << 18 : data[0] + 1U;
    struct ks_str stream = ks_str(data + 2, len - 2);
    for (int of_server = 0; of_server < 2; of_server++) {
        uint64_t whole = digest_cut(of_server, bytes_max, stream, stream.len);
        assert(digest_cut(of_server, bytes_max, stream, 1) == whole);
        assert(digest_cut(of_server, bytes_max, stream, 1U + data[1]) == whole);
    }
    return 0;
}
