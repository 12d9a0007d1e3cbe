/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* stream_messages.c -- the stream over a WebSocket: one element for each message (RFC 7395). */
#include <stdlib.h>

#include "alt_connection.h"
#include "engine.h"
#include "message_framing.h"
#include "xml_reader.h"

/* RFC 7395 §3.6.1: "if the server wishes … to instruct the client to connect to a different endpoint". Taken only if it
 * is no worse than where we are: "clients MUST NOT" be led to less security than they had. */
static void take_other_uri(struct ks_stream *s, const char *domain, struct ks_str uri)
{
    free(s->see_other);
    s->see_other = ks_alt_is_socket(uri, ks_str_z(domain)) ? ks_str_dup(uri) : NULL;
}

static void on_framing(struct konsil *k, const struct ks_xml *element)
{
    struct ks_stream *s = &k->stream;

    if (ks_str_is(element->name, "close")) {
        take_other_uri(s, k->domain, ks_xml_attr(element, "see-other-uri"));
        ks_stream_ended(k);
    } else if (!ks_str_is(element->name, "open") || !s->header_due) {
        ks_stream_error(k, "unsupported-stanza-type");
    } else if (!ks_str_is(ks_xml_attr(element, "version"), "1.0")) {
        ks_stream_error(k, "unsupported-version");
    } else {
        s->header_due = false;
    }
}

static void on_message(struct konsil *k, struct ks_str text)
{
    struct ks_stream *s = &k->stream;
    enum ks_frame frame =
        text.len > KS_STANZA_READ_MAX ? KS_FRAME_TOO_BIG : ks_message_judge(text, KS_STREAM_DEPTH_MAX);
    struct ks_xml *element;
    enum ks_err err;

    if (frame != KS_FRAME_STANZA)
        ks_stream_error(k,
            frame == KS_FRAME_TOO_BIG          ? "policy-violation"
                : frame == KS_FRAME_RESTRICTED ? "restricted-xml"
                                               : "not-well-formed");
    else if ((err = ks_xml_read(&s->element, text, KS_STR_EMPTY, KS_STR_EMPTY, &element)) != KS_OK)
        ks_stream_unreadable(k, err);
    else if (ks_str_is(element->ns, NS_FRAMING))
        on_framing(k, element);
    else if (s->header_due) /* §3.4: nothing comes in front of it */
        ks_stream_error(k, "bad-format");
    else
        ks_stream_element(k, element);
}

void konsil_message(struct konsil *k, const char *text, size_t len, struct konsil_now now)
{
    struct ks_stream *s = &k->stream;
    struct ks_str message = ks_str_trim(ks_str(text, len));

    k->now = (struct ks_now) { now.mono_ms, now.wall_ms };
    if (!s->messages || !ks_stream_reading(k))
        return;
    if (message.len) {
        ks_arena_reset(&s->element);
        on_message(k, message);
    }
    ks_stream_heard(k);
    ks_engine_due(k);
}

bool konsil_next_message(struct konsil *k, const char **ret_text, size_t *ret_len)
{
    struct ks_stream *s = &k->stream;
    struct ks_framer framer;
    struct ks_str element, declaration;
    size_t len, at;

    if (k->failed != KS_OK || !s->messages || !s->out.len)
        return false;
    ks_framer_init(&framer, UINT32_MAX, UINT16_MAX / 2);
    framer.in_stream = framer.declared = true;
    enum ks_frame frame = ks_framer_next(&framer, ks_buf_str(&s->out), &len);
    assert(frame == KS_FRAME_STANZA); /* it is all ours */
    (void)frame;
    element = ks_str_head(ks_buf_str(&s->out), len);
    declaration = ks_message_declaration(element, &at);
    ks_buf_reset(&s->message);
    ks_buf_add(&s->message, ks_str_head(element, at));
    ks_buf_add(&s->message, declaration);
    ks_buf_add(&s->message, ks_str_from(element, at));
    if (ks_buf_err(&s->message) != KS_OK) {
        k->failed = KS_ENOMEM;
        return false;
    }
    ks_buf_drop(&s->out, len);
    *ret_text = s->message.ptr;
    *ret_len = s->message.len;
    return true;
}
