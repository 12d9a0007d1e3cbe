/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* message_framing.h -- XMPP in the messages of a WebSocket (RFC 7395 §3.3), for both ends: each is one element, whole,
 * which says its namespaces itself, because no stream header stands around it. Allocates nothing. */
#ifndef KS_MESSAGE_FRAMING_H
#define KS_MESSAGE_FRAMING_H

#include "xml_framer.h"

/* KS_FRAME_STANZA: the text, without blanks around it, is one element of that depth at most. Anything else is what is
 * wrong with it: KS_FRAME_RESTRICTED, KS_FRAME_TOO_BIG, else KS_FRAME_BAD. */
enum ks_frame ks_message_judge(struct ks_str text, uint16_t depth_max);

/* What an element that was written for a stream over TCP leaves to the stream's header: to be put in at *ret_at. */
struct ks_str ks_message_declaration(struct ks_str element, size_t *ret_at);

#endif
