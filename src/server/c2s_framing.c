/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "c2s_framing.h"

#include "c2s.h"
#include "enc.h"
#include "message_framing.h"
#include "ws_writer.h"
#include "xml_reader.h"
#include "xml_writer.h"

static uint16_t depth_max(const struct ks_c2s *c)
{
    return (uint16_t)ks_config_number(c->reactor->config, "stream.depth_max");
}

void ks_framing_init(struct ks_c2s *c, uint32_t bytes_max)
{
    if (c->websocket)
        ks_ws_reader_init(&c->framing.reader, bytes_max);
    else
        ks_framer_init(&c->framing.framer, bytes_max, depth_max(c));
}

void ks_framing_limit(struct ks_c2s *c, uint32_t bytes_max)
{
    if (c->websocket)
        c->framing.reader.bytes_max = bytes_max;
    else
        c->framing.framer.bytes_max = bytes_max;
}

void ks_framing_restart(struct ks_c2s *c)
{
    if (!c->websocket)
        ks_framer_restart(&c->framing.framer);
}

/* --- RFC 6120 §4: one document --- */

/* RFC 6120 §4.8.5: the stream's prefix is "stream". Nothing else in a header begins with '<'. */
static bool usual_prefix(struct ks_str header)
{
    while (ks_str_find_byte(ks_str_from(header, 1), '<') < header.len - 1)
        header = ks_str_from(header, 1 + ks_str_find_byte(ks_str_from(header, 1), '<'));
    return ks_str_starts(header, KS_STR("<stream:"));
}

/* RFC 6120 §4.9.3.10, §4.9.3.2: what is wrong with the namespaces and the prefix of a header. */
static enum ks_stream_cond judge_header(const struct ks_c2s *c, const struct ks_xml_header *header, struct ks_str bytes)
{
    if (!ks_xml_is(header->element, NS_STREAM, "stream"))
        return ks_str_is(header->element->ns, NS_STREAM) ? KS_STREAM_BAD_FORMAT : KS_STREAM_INVALID_NAMESPACE;
    if (!ks_str_is(header->default_ns, c->component ? NS_COMPONENT : NS_CLIENT))
        return KS_STREAM_INVALID_NAMESPACE;
    return usual_prefix(bytes) ? KS_STREAM_COND_COUNT : KS_STREAM_BAD_NAMESPACE_PREFIX;
}

static void on_header(struct ks_c2s *c, struct ks_str bytes)
{
    struct ks_arena arena;
    struct ks_xml_header header;
    enum ks_err err;

    ks_arena_init(&arena, 65536);
    err = ks_xml_read_header(&arena, bytes, &header);
    if (err == KS_OK)
        ks_c2s_on_header(c, &arena, header.element, header.declarations, judge_header(c, &header, bytes));
    else
        ks_c2s_on_unreadable(c, err, bytes);
    ks_arena_done(&arena);
}

/* XML 1.0 §3.1: an end tag has the name of its start tag, which was <stream:stream>. */
static bool ends_stream(struct ks_str tag)
{
    struct ks_str name = KS_STR("</stream:stream");

    return ks_str_starts(tag, name) && ks_str_is(ks_str_trim(ks_str_from(tag, name.len)), ">");
}

static void close_for(struct ks_c2s *c, enum ks_frame frame)
{
    if (frame == KS_FRAME_RESTRICTED)
        ks_c2s_close(c, KS_STREAM_RESTRICTED_XML, NULL);
    else if (frame == KS_FRAME_TOO_BIG)
        ks_c2s_close(
            c, KS_STREAM_POLICY_VIOLATION, KS_WIRE("wire.stanza-large", "The stanza is too large or too deep."));
    else
        ks_c2s_close(c, KS_STREAM_NOT_WELL_FORMED, NULL);
}

size_t ks_framing_take(struct ks_c2s *c, struct ks_str bytes, size_t seen)
{
    size_t used = 0, at = seen;

    while (at < bytes.len && !c->held && c->state != C2S_CLOSED) {
        size_t len;
        enum ks_frame frame = ks_framer_next(&c->framing.framer, ks_str_from(bytes, at), &len);
        struct ks_str item = ks_str(bytes.ptr + used, at + len - used);
        at += len;
        if (frame != KS_FRAME_MORE)
            used = at;
        switch (frame) {
        case KS_FRAME_MORE:
        case KS_FRAME_BLANK:
            break;
        case KS_FRAME_OPEN:
            on_header(c, item);
            break;
        case KS_FRAME_STANZA:
            ks_c2s_on_bytes(c, item);
            break;
        case KS_FRAME_CLOSE:
            ks_c2s_close(c, ends_stream(item) ? KS_STREAM_COND_COUNT : KS_STREAM_NOT_WELL_FORMED, NULL);
            break;
        case KS_FRAME_BAD:
        case KS_FRAME_RESTRICTED:
        case KS_FRAME_TOO_BIG:
            close_for(c, frame);
            break;
        }
    }
    c->seen = at - used;
    return used;
}

/* --- RFC 7395 §3.3: messages --- */

/* A message is one element, whole. COMPAT(Strophe.js, older web clients): a blank one is a keep-alive, and blanks
 * around an element are nothing. */
static void on_message(struct ks_c2s *c, struct ks_str text)
{
    text = ks_str_trim(text);
    if (!text.len)
        return;
    enum ks_frame frame = ks_message_judge(text, depth_max(c));
    if (frame == KS_FRAME_STANZA)
        ks_c2s_on_bytes(c, text);
    else
        close_for(c, frame);
}

/* RFC 6455 §7.1.7: the connection fails with a code; the stream says it first, in its own words. */
static void fail(struct ks_c2s *c, uint16_t code)
{
    c->close_code = code;
    if (code == KS_WS_INVALID_DATA)
        ks_c2s_close(c, KS_STREAM_UNSUPPORTED_ENCODING, NULL);
    else if (code == KS_WS_TOO_BIG)
        close_for(c, KS_FRAME_TOO_BIG);
    else
        ks_c2s_close(c, KS_STREAM_BAD_FORMAT, NULL);
}

/* RFC 7395 §3.6.1: without a <close/> before it, the stream is broken, and may be resumed. RFC 6455 §5.5.1: the answer
 * has the code that came. */
static void on_close_frame(struct ks_c2s *c, uint16_t code)
{
    ks_ws_close_write(&c->out, (enum ks_ws_code)code, KS_STR_EMPTY);
    ks_c2s_hang_up(c);
}

size_t ks_framing_take_messages(struct ks_c2s *c, struct ks_buf *in)
{
    size_t used = 0, message_len = c->seen, at = c->seen;
    enum ks_ws_got got = KS_WS_TEXT;

    while (got != KS_WS_MORE && at < in->len && !c->held && c->state != C2S_CLOSED) {
        struct ks_ws_part part;
        size_t len;
        got = ks_ws_next(&c->framing.reader, in->ptr + at, in->len - at, &part, &len);
        at += len;
        switch (got) {
        case KS_WS_MORE:
            break;
        case KS_WS_TEXT:
            memmove(in->ptr + used + message_len, part.payload.ptr, part.payload.len);
            message_len += part.payload.len;
            if (part.last) {
                on_message(c, ks_str(in->ptr + used, message_len));
                used = at;
                message_len = 0;
            }
            break;
        case KS_WS_BINARY: /* RFC 7395 §3.2 */
            fail(c, KS_WS_UNSUPPORTED_DATA);
            break;
        case KS_WS_PING:
            ks_c2s_pong(c, part.payload);
            break;
        case KS_WS_PONG:
            break;
        case KS_WS_CLOSE:
            on_close_frame(c, part.code);
            break;
        case KS_WS_BAD:
            fail(c, part.code);
            break;
        }
    }
    /* What is not read yet moves up behind the message that is not whole. */
    if (at > used + message_len)
        memmove(in->ptr + used + message_len, in->ptr + at, in->len - at);
    in->len -= at - used - message_len;
    c->seen = message_len;
    return used;
}

/* --- writing --- */

void ks_framing_write_header(struct ks_c2s *c, struct ks_str from, struct ks_str id)
{
    struct ks_buf header;

    ks_buf_init(&header, 8192);
    ks_buf_z(&header,
        c->websocket       ? "<open xmlns='" NS_FRAMING "' version='1.0' xml:lang='en' id='"
            : c->component ? "<?xml version='1.0'?><stream:stream xmlns='" NS_COMPONENT "' xmlns:stream='" NS_STREAM
                             "' id='"
                           : "<?xml version='1.0'?><stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM
                             "' version='1.0' xml:lang='en' id='");
    ks_hex_add(&header, id);
    ks_buf_z(&header, "'");
    if (from.len) {
        ks_buf_z(&header, " from='");
        ks_xml_escape(&header, from);
        ks_buf_z(&header, "'");
    }
    ks_buf_z(&header, c->websocket ? "/>" : ">");
    if (ks_buf_err(&header) == KS_OK)
        ks_framing_write(c, ks_buf_str(&header));
    ks_buf_done(&header);
}

void ks_framing_write(struct ks_c2s *c, struct ks_str element)
{
    char head[KS_WS_HEAD_MAX];
    size_t at;

    if (!c->websocket) {
        ks_buf_add(&c->out, element);
        return;
    }
    struct ks_str declaration = ks_message_declaration(element, &at);
    ks_buf_add(&c->out, ks_str(head, ks_ws_head_write(head, KS_WS_OP_TEXT, element.len + declaration.len)));
    ks_buf_add(&c->out, ks_str_head(element, at));
    ks_buf_add(&c->out, declaration);
    ks_buf_add(&c->out, ks_str_from(element, at));
}

/* RFC 7395 §3.6: <close/>, and then WebSocket's own end (RFC 6455 §7.4.1). */
void ks_framing_write_end(struct ks_c2s *c, bool going)
{
    if (!c->websocket) {
        ks_buf_add(&c->out, KS_STR("</stream:stream>"));
        return;
    }
    ks_framing_write(c, KS_STR("<close xmlns='" NS_FRAMING "'/>"));
    ks_ws_close_write(&c->out,
        c->close_code ? (enum ks_ws_code)c->close_code
            : going   ? KS_WS_GOING_AWAY
                      : KS_WS_NORMAL,
        KS_STR_EMPTY);
}
