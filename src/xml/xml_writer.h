/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xml_writer.h -- a tree to bytes.
 *
 * Writes no prefixes but xml:, inside a stream stream:, and ns0: and so on for attributes in a namespace. Declares a
 * default namespace wherever it changes, keeps the order of attributes, and escapes so that the reader gives back the
 * same text: & < > everywhere, both quotes in attributes, and CR, TAB and LF where a reader would normalise them (&#xD;
 * in text and attributes, &#xA; and &#x9; in attributes), which rivals lose. */
#ifndef KS_XML_WRITER_H
#define KS_XML_WRITER_H

#include "buf.h"
#include "xml.h"

/* Appends node. ns is the default namespace in force around it: "jabber:client" inside a client stream, so that stanzas
 * carry no xmlns; empty to have the namespace always declared and no stream: (records, WebSocket frames, test scripts).
 * Failures stay in buf: its own, KS_ENOMEM for a node that is NULL (a builder's failure), KS_ELIMIT for a tree deeper
 * than KS_XML_DEPTH_MAX, KS_ESYNTAX for a control character that no XML can hold. Other text that is not
 * ks_xml_text_ok() is written as it is. */
void ks_xml_write(struct ks_buf *buf, const struct ks_xml *node, struct ks_str ns);

/* Escapes for text and for attributes alike. KS_ESYNTAX in buf as above. */
void ks_xml_escape(struct ks_buf *buf, struct ks_str text);

#endif
