/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xml_writer.h -- a tree to bytes.
 *
 * Writes no prefixes but xml: and stream:, declares a default namespace wherever it changes, keeps the order of
 * attributes, and escapes so that the reader gives back the same text: & < > and both quotes, and CR, TAB and LF where
 * a reader would normalise them (&#xD; in text and attributes, &#xA; and &#x9; in attributes), which rivals lose. */
#ifndef KS_XML_WRITER_H
#define KS_XML_WRITER_H

#include "buf.h"
#include "xml.h"

/* Appends node. ns is the default namespace in force around it: "jabber:client" inside a client stream, so that stanzas
 * carry no xmlns; empty to have the namespace always declared (records, test scripts). Failures stay in buf. */
void ks_xml_write(struct ks_buf *buf, const struct ks_xml *node, struct ks_str ns);

/* Escapes for text or for an attribute in single quotes. */
void ks_xml_escape(struct ks_buf *buf, struct ks_str text);

#endif
