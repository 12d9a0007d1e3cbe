/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "xml_writer.h"

#define STREAMS_URI "http://etherx.jabber.org/streams"

/* What must not be written as it is, all below 64: in text, in attribute values, in both. A bare CR would become LF
 * (XML 1.0 §2.11), and TAB and LF in attributes a space (§3.3.3). */
#define BIT(c) (1ULL << (c))
#define IN_TEXT (BIT('&') | BIT('<') | BIT('>') | BIT('\r'))
#define IN_VALUE (IN_TEXT | BIT('\'') | BIT('"') | BIT('\t') | BIT('\n'))
#define NEVER ((BIT(' ') - 1) & ~(BIT('\t') | BIT('\n') | BIT('\r')))

static void fail(struct ks_buf *buf, enum ks_err err)
{
    if (!buf->err)
        buf->err = err;
}

static const char *reference(char c)
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
    default:
        return "&#xD;";
    }
}

static void escape(struct ks_buf *buf, struct ks_str text, uint64_t special)
{
    const char *at = text.ptr, *run = at, *end = at + text.len;

    for (; at < end; at++) {
        uint8_t c = (uint8_t)*at;
        if (c >= 64 || !((special | NEVER) & BIT(c)))
            continue;
        if (NEVER & BIT(c)) {
            fail(buf, KS_ESYNTAX);
            return;
        }
        ks_buf_add(buf, ks_str(run, (size_t)(at - run)));
        ks_buf_z(buf, reference(*at));
        run = at + 1;
    }
    ks_buf_add(buf, ks_str(run, (size_t)(end - run)));
}

void ks_xml_escape(struct ks_buf *buf, struct ks_str text)
{
    escape(buf, text, IN_VALUE);
}

static void write_name(struct ks_buf *buf, const char *before, struct ks_str name)
{
    ks_buf_z(buf, before);
    ks_buf_add(buf, name);
}

static void write_value(struct ks_buf *buf, struct ks_str value)
{
    ks_buf_add(buf, KS_STR("='"));
    escape(buf, value, IN_VALUE);
    ks_buf_byte(buf, '\'');
}

/* Attributes in a namespace are rare, so each declares a prefix of its own. */
static void write_attr(struct ks_buf *buf, const struct ks_xml_attr *attr, unsigned *prefixes)
{
    if (attr->ns.len == 0) {
        write_name(buf, " ", attr->name);
    } else if (ks_str_is(attr->ns, KS_NS_XML)) {
        write_name(buf, " xml:", attr->name);
    } else {
        ks_buf_printf(buf, " xmlns:ns%u", *prefixes);
        write_value(buf, attr->ns);
        ks_buf_printf(buf, " ns%u:", (*prefixes)++);
        ks_buf_add(buf, attr->name);
    }
    write_value(buf, attr->value);
}

static void write_element(
    struct ks_buf *buf, const struct ks_xml *node, struct ks_str ns, bool in_stream, unsigned depth)
{
    const char *prefix = "";
    unsigned prefixes = 0;

    if (depth > KS_XML_DEPTH_MAX) {
        fail(buf, KS_ELIMIT);
        return;
    }
    if (in_stream && ks_str_is(node->ns, STREAMS_URI))
        prefix = "stream:";
    else if (ks_str_is(node->ns, KS_NS_XML)) /* may not be a default namespace (XML Namespaces §3) */
        prefix = "xml:";
    ks_buf_byte(buf, '<');
    write_name(buf, prefix, node->name);
    if (!*prefix && !ks_str_eq(node->ns, ns)) {
        ks_buf_add(buf, KS_STR(" xmlns"));
        write_value(buf, node->ns);
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
            escape(buf, child->text, IN_TEXT);
        else
            write_element(buf, child, ns, in_stream, depth + 1);
    ks_buf_add(buf, KS_STR("</"));
    write_name(buf, prefix, node->name);
    ks_buf_byte(buf, '>');
}

void ks_xml_write(struct ks_buf *buf, const struct ks_xml *node, struct ks_str ns)
{
    if (node)
        write_element(buf, node, ns, ns.len > 0, 1);
    else
        fail(buf, KS_ENOMEM);
}
