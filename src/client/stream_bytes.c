/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* stream_bytes.c -- the stream over TCP: one document, whose children come as the network cuts them (RFC 6120 §4). */
#include "engine.h"
#include "xml_reader.h"

static enum ks_err keep_header(struct ks_stream *s, const struct ks_xml_header *header)
{
    ks_buf_reset(&s->header);
    ks_buf_add(&s->header, header->default_ns);
    ks_buf_add(&s->header, header->declarations);
    s->default_ns = ks_str_head(ks_buf_str(&s->header), header->default_ns.len);
    s->declarations = ks_str_from(ks_buf_str(&s->header), header->default_ns.len);
    return ks_buf_err(&s->header);
}

static void on_header(struct konsil *k, struct ks_str bytes)
{
    struct ks_stream *s = &k->stream;
    struct ks_xml_header header;
    enum ks_err err = ks_xml_read_header(&s->element, bytes, &header);

    if (err == KS_OK)
        err = keep_header(s, &header);
    if (err != KS_OK)
        ks_stream_unreadable(k, err);
    else if (!ks_xml_is(header.element, NS_STREAM, "stream"))
        ks_stream_error(k, "invalid-namespace");
    else if (!ks_str_is(ks_xml_attr(header.element, "version"), "1.0"))
        ks_stream_error(k, "unsupported-version");
}

static void on_stanza(struct konsil *k, struct ks_str bytes)
{
    struct ks_stream *s = &k->stream;
    struct ks_xml *element;
    enum ks_err err = ks_xml_read(&s->element, ks_str_trim(bytes), s->default_ns, s->declarations, &element);

    if (err == KS_OK)
        ks_stream_element(k, element);
    else
        ks_stream_unreadable(k, err);
}

static void on_frame(struct konsil *k, enum ks_frame frame, struct ks_str bytes)
{
    switch (frame) {
    case KS_FRAME_OPEN:
        on_header(k, bytes);
        break;
    case KS_FRAME_STANZA:
        on_stanza(k, bytes);
        break;
    case KS_FRAME_CLOSE:
        ks_stream_ended(k);
        break;
    case KS_FRAME_BLANK:
    case KS_FRAME_MORE:
        break;
    case KS_FRAME_BAD:
        ks_stream_error(k, "not-well-formed");
        break;
    case KS_FRAME_RESTRICTED:
        ks_stream_error(k, "restricted-xml");
        break;
    case KS_FRAME_TOO_BIG:
        ks_stream_error(k, "policy-violation");
        break;
    }
}

static bool reading(const struct konsil *k, uint32_t generation)
{
    return k->stream.generation == generation && ks_stream_reading(k);
}

void konsil_feed(struct konsil *k, const char *bytes, size_t len, struct konsil_now now)
{
    struct ks_stream *s = &k->stream;
    uint32_t generation = s->generation;
    size_t start = 0; /* of the item at hand, in s->in */

    k->now = (struct ks_now) { now.mono_ms, now.wall_ms };
    if (s->messages || !reading(k, generation))
        return;
    ks_buf_add(&s->in, ks_str(bytes, len));
    if (ks_buf_err(&s->in) == KS_ENOMEM) {
        k->failed = KS_ENOMEM;
        return;
    }
    while (reading(k, generation)) {
        size_t step;
        struct ks_str left = ks_str_from(ks_buf_str(&s->in), start + s->in_seen);
        enum ks_frame frame;

        if (left.len == 0)
            break;
        frame = ks_framer_next(&s->framer, left, &step);
        s->in_seen += step;
        if (frame == KS_FRAME_MORE)
            break;
        ks_arena_reset(&s->element);
        on_frame(k, frame, ks_str_head(ks_str_from(ks_buf_str(&s->in), start), s->in_seen));
        if (!reading(k, generation)) {
            ks_buf_reset(&s->in);
            s->in_seen = 0;
            return;
        }
        start += s->in_seen;
        s->in_seen = 0;
    }
    ks_buf_drop(&s->in, start);
    ks_stream_heard(k);
    ks_engine_due(k);
}
