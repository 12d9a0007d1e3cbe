/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "message_framing.h"

#include "ns.h"

enum ks_frame ks_message_judge(struct ks_str text, uint16_t depth_max)
{
    struct ks_framer framer;
    enum ks_frame frame;
    size_t len;

    ks_framer_init(&framer, UINT32_MAX, depth_max);
    framer.in_stream = framer.declared = true;
    frame = ks_framer_next(&framer, text, &len);
    if (frame == KS_FRAME_RESTRICTED || frame == KS_FRAME_TOO_BIG)
        return frame;
    return frame == KS_FRAME_STANZA && len == text.len ? KS_FRAME_STANZA : KS_FRAME_BAD;
}

struct ks_str ks_message_declaration(struct ks_str element, size_t *ret_at)
{
    size_t end = 1;
    struct ks_str name;

    while (end < element.len && !strchr(" />", element.ptr[end]))
        end++;
    name = ks_str_from(ks_str_head(element, end), 1);
    *ret_at = end;
    if (ks_str_starts(name, KS_STR("stream:")))
        return KS_STR(" xmlns:stream='" NS_STREAM "'");
    if (ks_str_is(name, "message") || ks_str_is(name, "presence") || ks_str_is(name, "iq"))
        return KS_STR(" xmlns='" NS_CLIENT "'");
    return KS_STR_EMPTY;
}
