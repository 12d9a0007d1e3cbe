/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xml_reader.h -- bytes of one whole stanza to a tree, over expat.
 *
 * One reader serves all connections of a thread: it is fed whole stanzas that a framer cut. The namespaces declared by
 * a stream header are given with each stanza. expat runs with namespaces and without DTDs, entities beyond the five, or
 * deferral. A reader allocates from the arena and from expat's own heap; it never logs. Not thread-safe.
 *
 * A stanza that is not good UTF-8 is KS_ESYNTAX like any other; who must tell <unsupported-encoding/> (RFC 6120
 * §4.9.3.22) from <not-well-formed/> asks ks_xml_text_ok(). */
#ifndef KS_XML_READER_H
#define KS_XML_READER_H

#include "xml.h"

struct ks_xml_reader;

/* NULL without memory. */
KS_CHECK struct ks_xml_reader *ks_xml_reader_new(void);
void ks_xml_reader_free(struct ks_xml_reader *reader);
KS_AUTO_DEFINE(struct ks_xml_reader, ks_xml_reader_free)

/* What a stream header says (RFC 6120 §4.7, §4.8). */
struct ks_xml_header {
    struct ks_xml *element;   /* the stream element with its attributes, no children */
    struct ks_str default_ns; /* in force for stanzas without a prefix; may be empty */
    /* " xmlns:x='…'" for each prefix beyond "stream" and "xml": goes back into ks_xml_read. */
    struct ks_str declarations;
};

/* Reads <stream:stream …> with an XML declaration or without. KS_OK; KS_ESYNTAX (not well-formed, undeclared prefix);
 * KS_EVERSION (declares an encoding other than UTF-8, RFC 6120 §11.6: <unsupported-encoding/>); KS_ELIMIT; KS_ENOMEM.
 */
KS_CHECK enum ks_err ks_xml_read_header(
    struct ks_xml_reader *reader, struct ks_arena *arena, struct ks_str bytes, struct ks_xml_header *ret_header);

/* Reads one element, with nothing but white space around it. default_ns and declarations as the header gave them (they
 * may be empty); the fast way is the one of the call before. The prefix "stream" is always declared. KS_OK; KS_ESYNTAX;
 * KS_ELIMIT (the arena's, or deeper than KS_XML_DEPTH_MAX); KS_ENOMEM. The tree shares nothing with bytes; neighbouring
 * text is one node. */
KS_CHECK enum ks_err ks_xml_read(struct ks_xml_reader *reader, struct ks_arena *arena, struct ks_str bytes,
    struct ks_str default_ns, struct ks_str declarations, struct ks_xml **ret_element);

#endif
