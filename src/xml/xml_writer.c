/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "xml_writer.h"

#include <stdio.h>

#include "xml_scan.h"

#define STREAMS_URI "http://etherx.jabber.org/streams"

static void fail(struct ks_buf *buf, enum ks_err err)
{
    if (!buf->err)
        buf->err = err;
}

/* What is written in place of c; NULL if no XML can hold it. */
static const char *reference(uint8_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\'':
        return "&apos;";
    case '"':
        return "&quot;";
    case '\t':
        return "&#x9;";
    case '\n':
        return "&#xA;";
    case '\r':
        return "&#xD;";
    default:
        return NULL;
    }
}

/* The bytes that must not stand as they are: in text, and also in attribute values between single quotes. A bare CR
 * would become LF (XML 1.0 §2.11), and TAB and LF in attributes a space (§3.3.3). */
#define SPECIAL(c) ((c < 0x20) | (c == '&') | (c == '<') | (c == '>'))

static void escape(struct ks_buf *buf, struct ks_str text, bool in_value)
{
    const uint8_t *at = (const uint8_t *)text.ptr, *run = at, *end = text.len ? at + text.len : at;

    while (at < end) {
        if (in_value)
            KS_SCAN(at, end, c, SPECIAL(c) | (c == '\'') | (c == '"'));
        else
            KS_SCAN(at, end, c, SPECIAL(c));
        if (at == end)
            break;
        if (!in_value && (*at == '\t' || *at == '\n')) {
            at++;
            continue;
        }
        const char *instead = reference(*at);
        if (!instead) {
            fail(buf, KS_ESYNTAX);
            return;
        }
        ks_buf_add(buf, ks_str(run, (size_t)(at - run)));
        ks_buf_z(buf, instead);
        run = ++at;
    }
    ks_buf_add(buf, ks_str(run, (size_t)(end - run)));
}

void ks_xml_escape(struct ks_buf *buf, struct ks_str text)
{
    escape(buf, text, true);
}

/* Most of what is written are these four next to each other: looked at once for room. */
static void write4(struct ks_buf *buf, struct ks_str a, struct ks_str b, struct ks_str c, struct ks_str d)
{
    const struct ks_str parts[] = { a, b, c, d };
    char *at = ks_buf_room(buf, a.len + b.len + c.len + d.len);

    if (!at)
        return;
    for (size_t i = 0; i < KS_COUNT(parts); i++) {
        if (parts[i].len)
            memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
}

/* before name='value' */
static void write_pair(struct ks_buf *buf, struct ks_str before, struct ks_str name, struct ks_str value)
{
    write4(buf, before, name, KS_STR("='"), KS_STR_EMPTY);
    escape(buf, value, true);
    ks_buf_byte(buf, '\'');
}

/* Attributes in a namespace are rare, so each declares a prefix of its own. */
static void write_attr(struct ks_buf *buf, const struct ks_xml_attr *attr, unsigned *prefixes)
{
    char prefix[32];

    if (attr->ns.len == 0) {
        write_pair(buf, KS_STR(" "), attr->name, attr->value);
    } else if (ks_str_is(attr->ns, KS_NS_XML)) {
        write_pair(buf, KS_STR(" xml:"), attr->name, attr->value);
    } else {
        snprintf(prefix, sizeof prefix, "ns%u", (*prefixes)++);
        write_pair(buf, KS_STR(" xmlns:"), ks_str_z(prefix), attr->ns);
        write4(buf, KS_STR(" "), ks_str_z(prefix), KS_STR_EMPTY, KS_STR_EMPTY);
        write_pair(buf, KS_STR(":"), attr->name, attr->value);
    }
}

static void write_element(
    struct ks_buf *buf, const struct ks_xml *node, struct ks_str ns, bool in_stream, unsigned depth)
{
    struct ks_str prefix = KS_STR_EMPTY;
    unsigned prefixes = 0;

    if (depth > KS_XML_DEPTH_MAX) {
        fail(buf, KS_ELIMIT);
        return;
    }
    if (in_stream && ks_str_is(node->ns, STREAMS_URI))
        prefix = KS_STR("stream:");
    else if (ks_str_is(node->ns, KS_NS_XML)) /* may not be a default namespace (XML Namespaces §3) */
        prefix = KS_STR("xml:");
    write4(buf, KS_STR("<"), prefix, node->name, KS_STR_EMPTY);
    if (!prefix.len && !ks_str_eq(node->ns, ns)) {
        write_pair(buf, KS_STR(" "), KS_STR("xmlns"), node->ns);
        ns = node->ns;
    }
    for (const struct ks_xml_attr *attr = node->attrs; attr; attr = attr->next)
        write_attr(buf, attr, &prefixes);
    if (!node->child) {
        ks_buf_add(buf, KS_STR("/>"));
        return;
    }
    ks_buf_byte(buf, '>');
    for (const struct ks_xml *child = node->child; child; child = child->next)
        if (ks_xml_is_text(child))
            escape(buf, child->text, false);
        else
            write_element(buf, child, ns, in_stream, depth + 1);
    write4(buf, KS_STR("</"), prefix, node->name, KS_STR(">"));
}

void ks_xml_write(struct ks_buf *buf, const struct ks_xml *node, struct ks_str ns)
{
    if (node)
        write_element(buf, node, ns, ns.len > 0, 1);
    else
        fail(buf, KS_ENOMEM);
}
