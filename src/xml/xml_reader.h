/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xml_reader.h -- bytes of one whole stanza to a tree.
 *
 * Reads XML 1.0 with Namespaces in XML, as far as RFC 6120 §11.1 allows it: no DTDs, no entities but the five, no
 * comments, no processing instructions. That it takes and refuses what expat does, and makes the same tree, is tested
 * (test_xml_oracle, fuzz_xml). A stanza comes whole, as a framer cut it; the namespaces that a stream header declared
 * are given with it. Allocates from the arena, keeps nothing, and takes 12 KB of stack.
 *
 * A stanza that is not good UTF-8 is KS_ESYNTAX like any other; who must tell <unsupported-encoding/> (RFC 6120
 * §4.9.3.22) from <not-well-formed/> asks ks_xml_text_ok(). */
#ifndef KS_XML_READER_H
#define KS_XML_READER_H

#include "xml.h"

/* How many attributes an element may have beside its declarations, and how many prefixes may mean something at one
 * place. What is within these limits is within them, too, after ks_xml_write. */
#define KS_XML_NAMES_MAX 32

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
KS_CHECK enum ks_err ks_xml_read_header(struct ks_arena *arena, struct ks_str bytes, struct ks_xml_header *ret_header);

/* Reads one element, with nothing but white space around it. default_ns and declarations as the header gave them (they
 * may be empty). The prefix "stream" is always declared. KS_OK; KS_ESYNTAX; KS_ELIMIT (the arena's, deeper than
 * KS_XML_DEPTH_MAX, or more than KS_XML_NAMES_MAX); KS_ENOMEM. The tree shares nothing with what was given;
 * neighbouring text is one node. */
KS_CHECK enum ks_err ks_xml_read(struct ks_arena *arena, struct ks_str bytes, struct ks_str default_ns,
    struct ks_str declarations, struct ks_xml **ret_element);

#endif
