/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* pattern.h -- what a script sends and expects: XML with placeholders in braces.
 *
 *   {stanza-errors}       a namespace, wherever it stands (the list is in pattern.c)
 *   {name}                in what is expected: any text, remembered under this name, and from then on that text;
 *                         in what is sent: that text
 *   {any}                 in what is expected: any text, or any number of children
 *   {none}                as the value of an attribute: it is not there
 *   {base64 TEXT}         base64 of TEXT; in what is expected, TEXT may hold placeholders
 *   {repeat 3 TEXT}       TEXT three times
 *   {bytes ff fe}         bytes that a script cannot hold
 *
 * Expected and received elements are compared as XML: the order of attributes, prefixes and white space between
 * elements do not matter; everything else does, but for to, from, id and xml:lang of a stanza, which may be left out.
 */
#ifndef GOLDEN_PATTERN_H
#define GOLDEN_PATTERN_H

#include "buf.h"
#include "xml.h"

/* What was remembered; zeroes to begin with. */
struct captures {
    struct capture {
        char *name, *value; /* blocks of their own */
        size_t len;
    } * all;
    size_t count, cap;
};
void captures_done(struct captures *captures);
/* In the place of what it was before. */
void captures_set(struct captures *captures, struct ks_str name, struct ks_str value);

/* Appends text with its placeholders filled in. sent: as it goes over the wire; otherwise only what can be filled in
 * before XML is parsed ({repeat}, namespaces). False: a placeholder that nobody knows; *ret_what names it. */
bool pattern_fill(
    const struct captures *captures, struct ks_str text, bool sent, struct ks_buf *out, struct ks_str *ret_what);

/* Whether got is as pattern says; remembers what it captures then. */
bool pattern_matches(struct captures *captures, const struct ks_xml *pattern, const struct ks_xml *got);
/* The same for plain text. */
bool pattern_matches_text(struct captures *captures, struct ks_str pattern, struct ks_str got);

#endif
