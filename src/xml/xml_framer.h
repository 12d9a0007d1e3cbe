/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xml_framer.h -- where a stanza begins and ends in a stream of bytes (RFC 6120 §4, §11).
 *
 * The framer keeps a few bytes per connection and no parser: it counts tags, tells apart text, attribute values and
 * CDATA, and refuses what XMPP forbids (RFC 6120 §11.1: comments, processing instructions, DTDs) and control
 * characters. It does not check names or UTF-8: xml_reader.h does, on whole stanzas. How the network cuts the bytes
 * never matters (fuzz target framer): each byte is looked at once, and the answer comes with the byte that decides it.
 * Allocates nothing. */
#ifndef KS_XML_FRAMER_H
#define KS_XML_FRAMER_H

#include "str.h"

struct ks_framer {
    uint8_t state, quote;
    uint8_t match;  /* how much of "]]>", "[CDATA[", "xml" or "?>" was seen */
    bool declared;  /* the XML declaration was seen */
    bool in_stream; /* the stream's start tag was seen */
    uint16_t depth; /* open elements inside the stream */
    uint16_t depth_max;
    uint32_t reference;        /* the name or the number of the reference at hand */
    uint32_t bytes, bytes_max; /* of the item at hand */
};

enum ks_frame {
    KS_FRAME_MORE,       /* all given bytes belong to an unfinished item: keep them and give more */
    KS_FRAME_OPEN,       /* the stream header: an XML declaration, if any, and <stream:stream …> */
    KS_FRAME_STANZA,     /* a child of the stream, whole */
    KS_FRAME_CLOSE,      /* </stream:stream>, or another end tag in its place; the framer is finished */
    KS_FRAME_BLANK,      /* white space between items: a keep-alive; a longer run may come as several */
    KS_FRAME_BAD,        /* not well-formed as far as the framer sees: <not-well-formed/> */
    KS_FRAME_RESTRICTED, /* comment, PI, DTD, entity reference other than the five: <restricted-xml/> (RFC 6120
                            §4.9.3.18) */
    KS_FRAME_TOO_BIG,    /* over bytes_max, or deeper than depth_max: <policy-violation/> */
};

/* bytes_max limits one item, depth_max its nesting (1..60000; xml_reader.h takes KS_XML_DEPTH_MAX). */
void ks_framer_init(struct ks_framer *framer, uint32_t bytes_max, uint16_t depth_max);
/* As after a stream restart (RFC 6120 §4.3.3): the limits stay, a new header is expected. */
void ks_framer_restart(struct ks_framer *framer);
/* Consumes from bytes. *ret_len is how many bytes were looked at: for OPEN, STANZA, CLOSE and BLANK the item ends
 * there, counting from where the last one ended (so with a MORE before, the caller has its beginning). A header may
 * have BLANKs before it. After BAD, RESTRICTED and TOO_BIG the framer is finished: it only says BAD. */
enum ks_frame ks_framer_next(struct ks_framer *framer, struct ks_str bytes, size_t *ret_len);

#endif
