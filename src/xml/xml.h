/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xml.h -- one stanza as a tree.
 *
 * A tree lives in an arena; xml_reader.h makes one from bytes, the functions below make one by hand, xml_writer.h
 * turns it into bytes. Names carry their namespace, never a prefix: prefixes exist only on the wire. Text is UTF-8 of
 * characters that XML 1.0 allows. Views into a tree are good as long as the arena is.
 *
 * A tree is at most KS_XML_DEPTH_MAX elements deep, so code may walk it by recursion: the reader, the writer and the
 * deep copy refuse what is deeper.
 *
 * Building: every node of a tree knows nothing of its arena, so the builders take one. They return NULL without
 * memory or at the arena's limit, accept a NULL parent and then do nothing; so a chain of calls needs one look, at its
 * end, at the node that matters most: the last. */
#ifndef KS_XML_H
#define KS_XML_H

#include "arena.h"

#define KS_NS_XML "http://www.w3.org/XML/1998/namespace"
#define KS_NS_STREAM "http://etherx.jabber.org/streams" /* the prefix "stream" (RFC 6120 §4.8.5) */
#define KS_XML_DEPTH_MAX 128

struct ks_xml_attr {
    struct ks_str ns, name, value; /* ns is empty for a plain attribute; xml:lang has KS_NS_XML */
    struct ks_xml_attr *next;
};

struct ks_xml {
    struct ks_str ns, name;    /* name is empty in a text node */
    struct ks_str text;        /* of a text node only */
    struct ks_xml_attr *attrs; /* as written; no two have one name */
    struct ks_xml *child, *last_child;
    struct ks_xml *next; /* the next sibling */
};

static inline bool ks_xml_is_text(const struct ks_xml *node)
{
    return node->name.len == 0;
}

/* True if node is the element {ns}name. node may be NULL (false). */
bool ks_xml_is(const struct ks_xml *node, const char *ns, const char *name);
/* The value of a plain attribute; a view with ptr NULL when it is absent. */
struct ks_str ks_xml_attr(const struct ks_xml *node, const char *name);
struct ks_str ks_xml_attr_ns(const struct ks_xml *node, const char *ns, const char *name);
/* The first child element {ns}name; with name NULL of any name; with ns NULL in any namespace. parent may be NULL. */
struct ks_xml *ks_xml_child(const struct ks_xml *parent, const char *ns, const char *name);
/* The next sibling that fits, after node. */
struct ks_xml *ks_xml_next(const struct ks_xml *node, const char *ns, const char *name);
/* The only way most code walks: for (c = ks_xml_child(p, NULL, NULL); c; c = ks_xml_next(c, NULL, NULL)). */

/* The text directly inside node, joined; the usual case of one text node copies nothing. Empty when there is none, when
 * node is NULL, or without memory. */
struct ks_str ks_xml_text(struct ks_arena *arena, const struct ks_xml *node);

/* True if text is UTF-8 of characters that XML 1.0 §2.2 allows: what a tree may hold. For text that a person typed or
 * that came from elsewhere; what the reader gives is so already. */
bool ks_xml_text_ok(struct ks_str text);

/* Builders. ns, name: literals or views that live as long as the arena. */
struct ks_xml *ks_xml_new(struct ks_arena *arena, const char *ns, const char *name);
struct ks_xml *ks_xml_add(struct ks_arena *arena, struct ks_xml *parent, const char *ns, const char *name);
/* Sets or replaces an attribute; returns node, or NULL on failure. value is not copied. */
struct ks_xml *ks_xml_set(struct ks_arena *arena, struct ks_xml *node, const char *name, struct ks_str value);
struct ks_xml *ks_xml_set_ns(
    struct ks_arena *arena, struct ks_xml *node, const char *ns, const char *name, struct ks_str value);
struct ks_xml *ks_xml_set_u64(struct ks_arena *arena, struct ks_xml *node, const char *name, uint64_t value);
void ks_xml_unset(struct ks_xml *node, const char *name);
/* Appends text; returns node, or NULL. text is not copied. */
struct ks_xml *ks_xml_put_text(struct ks_arena *arena, struct ks_xml *node, struct ks_str text);
/* <name>text</name> as a child: the child, or NULL. */
struct ks_xml *ks_xml_add_text(
    struct ks_arena *arena, struct ks_xml *parent, const char *ns, const char *name, struct ks_str text);
/* Appends a tree that has no parent yet; returns child. */
struct ks_xml *ks_xml_graft(struct ks_xml *parent, struct ks_xml *child);
/* The same in front of the others. */
struct ks_xml *ks_xml_prepend(struct ks_xml *parent, struct ks_xml *child);
/* Takes a child out; its memory stays with the arena. */
void ks_xml_remove(struct ks_xml *parent, struct ks_xml *child);
/* Takes out all children that keep refuses, in one pass; a text node is a child too (ks_xml_is_text). */
void ks_xml_filter(struct ks_xml *parent, bool (*keep)(const struct ks_xml *child));
/* A copy that shares names and text with the original, so that a stanza can go to many with another 'to'. Its
 * attributes and its list of children are its own: children may be added and removed, but what is inside a child is
 * shared. */
struct ks_xml *ks_xml_copy_top(struct ks_arena *arena, const struct ks_xml *node);
/* A deep copy with its own bytes, into another arena. NULL also for a tree that is too deep. */
struct ks_xml *ks_xml_copy(struct ks_arena *arena, const struct ks_xml *node);

#endif
