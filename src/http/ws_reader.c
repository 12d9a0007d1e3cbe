/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "ws_reader.h"

void ks_ws_reader_init(struct ks_ws_reader *reader, uint32_t bytes_max)
{
    assert(bytes_max > 0);
    *reader = (struct ks_ws_reader) { .bytes_max = bytes_max };
}

void ks_ws_reader_init_client(struct ks_ws_reader *reader, uint32_t bytes_max)
{
    ks_ws_reader_init(reader, bytes_max);
    reader->of_server = true;
}

/* §5.2: the head of a frame, as the wire has it. */
struct frame {
    enum ks_ws_opcode opcode;
    bool final;
    size_t head_len; /* 0 while it is not whole */
    uint64_t len;    /* of the payload */
    const char *mask;
};

/* Network byte order. */
static uint64_t read_number(const uint8_t *at, size_t count)
{
    uint64_t number = 0;

    for (size_t i = 0; i < count; i++)
        number = number << 8 | at[i];
    return number;
}

/* Reads a frame's head as far as it is there. False if it breaks a rule of §5.1, §5.2 or §5.5. */
static bool read_head(struct ks_str bytes, bool masked, struct frame *ret_frame)
{
    static const char none[4] = { 0 };
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    size_t mask_len = masked ? sizeof none : 0;

    *ret_frame = (struct frame) { 0 };
    if (bytes.len < 2)
        return true;
    size_t length_bytes = (at[1] & 0x7f) == 126 ? 2 : (at[1] & 0x7f) == 127 ? 8 : 0;
    bool control = at[0] & 8, final = at[0] & 0x80;
    unsigned opcode = at[0] & 15;

    if (at[0] & 0x70) /* RSV1 to RSV3 belong to extensions, and there are none */
        return false;
    if (opcode > (control ? KS_WS_OP_PONG : KS_WS_OP_BINARY))
        return false;
    /* §5.1: "The server MUST close the connection upon receiving a frame that is not masked", and "A client MUST close
     * a connection if it detects a masked frame." */
    if (!(at[1] & 0x80) == masked)
        return false;
    if (control && (!final || length_bytes))
        return false;
    if (bytes.len < 2 + length_bytes + mask_len)
        return true;
    uint64_t len = length_bytes ? read_number(at + 2, length_bytes) : at[1] & 0x7f;
    /* "the minimal number of bytes MUST be used to encode the length", and "the most significant bit MUST be 0". */
    if ((length_bytes == 2 && len < 126) || (length_bytes == 8 && len <= UINT16_MAX) || len > INT64_MAX)
        return false;
    *ret_frame = (struct frame) { (enum ks_ws_opcode)opcode, final, 2 + length_bytes + mask_len, len,
        masked ? bytes.ptr + 2 + length_bytes : none };
    return true;
}

/* §5.3: eight bytes at a time; what is left, one by one. */
static void unmask(const uint8_t mask[4], char *bytes, size_t len)
{
    uint64_t eight;
    size_t at = 0;

    memcpy(&eight, mask, 4);
    memcpy((char *)&eight + 4, mask, 4);
    for (; at + 8 <= len; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, 8);
        word ^= eight;
        memcpy(bytes + at, &word, 8);
    }
    for (; at < len; at++)
        bytes[at] = (char)(bytes[at] ^ mask[at % 4]);
}

static void turn_mask(uint8_t mask[4], size_t by)
{
    const uint8_t old[4] = { mask[0], mask[1], mask[2], mask[3] };

    for (size_t i = 0; i < 4; i++)
        mask[i] = old[(by + i) % 4];
}

static enum ks_ws_got fail(struct ks_ws_reader *reader, enum ks_ws_code code, struct ks_ws_part *ret_part)
{
    reader->finished = true;
    *ret_part = (struct ks_ws_part) { .code = (uint16_t)code };
    return KS_WS_BAD;
}

/* §7.4: codes that an end may send: those that §7.4.1 or IANA's registry defines, and those of libraries and programs.
 */
static bool is_code(unsigned code)
{
    if (code >= 3000)
        return code < 5000;
    return (code >= KS_WS_NORMAL && code <= KS_WS_UNSUPPORTED_DATA) || (code >= KS_WS_INVALID_DATA && code <= 1014);
}

/* §5.5.1: nothing, or a code of two bytes and a reason in UTF-8. */
static enum ks_ws_got read_close(struct ks_ws_reader *reader, struct ks_str payload, struct ks_ws_part *ret_part)
{
    struct ks_ws_part part = { .code = KS_WS_NO_STATUS };

    if (payload.len) {
        if (payload.len < 2)
            return fail(reader, KS_WS_PROTOCOL_ERROR, ret_part);
        part.code = (uint16_t)read_number((const uint8_t *)payload.ptr, 2);
        part.payload = ks_str_from(payload, 2);
        if (!is_code(part.code))
            return fail(reader, KS_WS_PROTOCOL_ERROR, ret_part);
        if (!ks_utf8_valid(part.payload))
            return fail(reader, KS_WS_INVALID_DATA, ret_part);
    }
    reader->finished = true;
    *ret_part = part;
    return KS_WS_CLOSE;
}

/* A control frame is small, and handed out whole; until then its head is read anew with each call. */
static enum ks_ws_got read_control(struct ks_ws_reader *reader, const struct frame *frame, char *bytes, size_t len,
    struct ks_ws_part *ret_part, size_t *ret_len)
{
    size_t payload_len = (size_t)frame->len;
    uint8_t mask[4];

    if (len - frame->head_len < payload_len)
        return KS_WS_MORE;
    memcpy(mask, frame->mask, sizeof mask);
    unmask(mask, bytes + frame->head_len, payload_len);
    *ret_len += frame->head_len + payload_len;
    struct ks_str payload = ks_str(bytes + frame->head_len, payload_len);
    if (frame->opcode == KS_WS_OP_CLOSE)
        return read_close(reader, payload, ret_part);
    *ret_part = (struct ks_ws_part) { .payload = payload };
    return frame->opcode == KS_WS_OP_PING ? KS_WS_PING : KS_WS_PONG;
}

/* §5.4: a message begins with its opcode, goes on with zeroes, and ends with a final frame. KS_WS_MORE, or KS_WS_BAD.
 */
static enum ks_ws_got begin_data(struct ks_ws_reader *reader, const struct frame *frame, struct ks_ws_part *ret_part)
{
    if ((frame->opcode == KS_WS_OP_CONTINUATION) != (reader->message != 0))
        return fail(reader, KS_WS_PROTOCOL_ERROR, ret_part);
    if (!reader->message) {
        reader->message = (uint8_t)frame->opcode;
        reader->message_bytes = 0;
        reader->utf8 = (struct ks_utf8) { 0 };
    }
    if (frame->len > reader->bytes_max - reader->message_bytes)
        return fail(reader, KS_WS_TOO_BIG, ret_part);
    reader->message_bytes += (uint32_t)frame->len;
    reader->frame_left = (uint32_t)frame->len;
    reader->final = frame->final;
    memcpy(reader->mask, frame->mask, sizeof reader->mask);
    return KS_WS_MORE;
}

/* As much of the payload as is there. */
static enum ks_ws_got read_data(
    struct ks_ws_reader *reader, char *bytes, size_t len, struct ks_ws_part *ret_part, size_t *ret_len)
{
    enum ks_ws_opcode message = (enum ks_ws_opcode)reader->message;
    size_t part_len = len < reader->frame_left ? len : reader->frame_left;
    struct ks_str payload = ks_str(bytes, part_len);

    unmask(reader->mask, bytes, part_len);
    turn_mask(reader->mask, part_len);
    reader->frame_left -= (uint32_t)part_len;
    *ret_len += part_len;
    bool last = reader->final && !reader->frame_left;
    if (message == KS_WS_OP_TEXT && (!ks_utf8_feed(&reader->utf8, payload) || (last && !ks_utf8_whole(&reader->utf8))))
        return fail(reader, KS_WS_INVALID_DATA, ret_part); /* §8.1 */
    if (last)
        reader->message = 0;
    *ret_part = (struct ks_ws_part) { .payload = payload, .last = last };
    return message == KS_WS_OP_TEXT ? KS_WS_TEXT : KS_WS_BINARY;
}

enum ks_ws_got ks_ws_next(
    struct ks_ws_reader *reader, char *bytes, size_t len, struct ks_ws_part *ret_part, size_t *ret_len)
{
    struct frame frame;

    *ret_len = reader->finished ? len : 0;
    while (!reader->finished && *ret_len < len) {
        char *at = bytes + *ret_len;
        size_t left = len - *ret_len;
        if (reader->frame_left)
            return read_data(reader, at, left, ret_part, ret_len);
        if (!read_head(ks_str(at, left), !reader->of_server, &frame))
            return fail(reader, KS_WS_PROTOCOL_ERROR, ret_part);
        if (!frame.head_len)
            return KS_WS_MORE;
        if (frame.opcode >= KS_WS_OP_CLOSE)
            return read_control(reader, &frame, at, left, ret_part, ret_len);
        if (begin_data(reader, &frame, ret_part) == KS_WS_BAD)
            return KS_WS_BAD;
        *ret_len += frame.head_len;
        if (!frame.len && frame.final)
            return read_data(reader, bytes + *ret_len, 0, ret_part, ret_len);
    }
    return KS_WS_MORE;
}
