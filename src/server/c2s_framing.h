/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* c2s_framing.h -- how the elements of a client stream stand in its bytes: one after the other in one long document
 * (RFC 6120 §4), or each in a message of a WebSocket (RFC 7395 §3.3). What they mean is c2s.c's business, and the same.
 */
#ifndef KS_C2S_FRAMING_H
#define KS_C2S_FRAMING_H

#include "buf.h"
#include "ws_reader.h"
#include "xml_framer.h"

struct ks_c2s;

/* Which one c->websocket tells. */
union ks_framing {
    struct ks_framer framer;
    struct ks_ws_reader reader;
};

/* For a new stream; bytes_max limits an element. */
void ks_framing_init(struct ks_c2s *c, uint32_t bytes_max);
/* After login: room for real stanzas. */
void ks_framing_limit(struct ks_c2s *c, uint32_t bytes_max);
/* RFC 6120 §4.3.3: the next element is a stream header. */
void ks_framing_restart(struct ks_c2s *c);

/* Looks at what came, of which the first `seen` bytes were looked at before, and gives its elements to c2s.c until it
 * holds or closes; how many bytes at the beginning are used up. What a WebSocket sent is unmasked and joined where it
 * stands, which may make *in shorter; there `seen` is c->seen. */
size_t ks_framing_take(struct ks_c2s *c, struct ks_str bytes, size_t seen);
size_t ks_framing_take_messages(struct ks_c2s *c, struct ks_buf *in);

/* These add to c->out. Our stream header (RFC 6120 §4.7; RFC 7395 §3.4), with a domain of ours in 'from' if there is
 * one. */
void ks_framing_write_header(struct ks_c2s *c, struct ks_str from, struct ks_str id);
/* One element, as written inside a client stream (ks_xml_write with NS_CLIENT). */
void ks_framing_write(struct ks_c2s *c, struct ks_str element);
/* The end of the stream. going: because this server goes. */
void ks_framing_write_end(struct ks_c2s *c, bool going);

#endif
