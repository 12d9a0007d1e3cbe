/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xml_char.h -- the characters of XML 1.0, for xml.c, xml_framer.c and xml_reader.c.
 *
 * Names are those of the fourth edition (appendix B), which are those of the fifth, too, but fewer: expat and many
 * others read no more, and a name that a recipient cannot read would end his stream. */
#ifndef KS_XML_CHAR_H
#define KS_XML_CHAR_H

#include "str.h"

/* §2.2: Char. */
static inline bool ks_xml_is_char(uint32_t c)
{
    if (c < 0x20)
        return c == '\t' || c == '\n' || c == '\r';
    return c < 0xd800 || (c > 0xdfff && c != 0xfffe && c != 0xffff && c <= 0x10ffff);
}

/* §2.3: S. */
static inline bool ks_xml_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The length of the UTF-8 sequence (RFC 3629 §3) at text, which is not empty, and its Char; 0 if there is none. */
size_t ks_xml_char_read(struct ks_str text, uint32_t *ret_c);
/* Writes c, a Char, as UTF-8; the number of bytes, 4 at most. */
size_t ks_xml_char_write(uint8_t *to, uint32_t c);

/* Namespaces in XML §3: whether c may begin an NCName, and whether it may be within one. */
bool ks_xml_is_name_start(uint32_t c);
bool ks_xml_is_name(uint32_t c);

#endif
