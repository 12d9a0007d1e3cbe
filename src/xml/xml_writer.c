/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "xml_writer.h"

#include <stdio.h>

#include "xml_scan.h"

/* Where the next byte goes, in room that the buffer gave and does not count yet: most of what is written are pieces of
 * a few bytes. */
struct writer {
    struct ks_buf *buf;
    char *begin, *at, *end;
};

static void settle(struct writer *w)
{
    if (w->at > w->begin)
        ks_buf_wrote(w->buf, (size_t)(w->at - w->begin));
    w->begin = w->at;
}

/* False after a failure. */
static bool more(struct writer *w, size_t len)
{
    size_t room;

    settle(w);
    w->begin = w->at = ks_buf_reserve(w->buf, len, &room);
    w->end = w->at ? w->at + room : NULL;
    return w->at;
}

static inline void put(struct writer *w, const char *ptr, size_t len)
{
    if (len > (size_t)(w->end - w->at) && !more(w, len))
        return;
    memcpy(w->at, ptr, len);
    w->at += len;
}

static inline void put_str(struct writer *w, struct ks_str text)
{
    if (text.len)
        put(w, text.ptr, text.len);
}

#define PUT(w, literal) put((w), "" literal, sizeof(literal) - 1)

static void fail(struct writer *w, enum ks_err err)
{
    settle(w);
    if (!w->buf->err)
        w->buf->err = err;
    w->begin = w->at = w->end = NULL;
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

static void escape(struct writer *w, struct ks_str text, bool in_value)
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
            fail(w, KS_ESYNTAX);
            return;
        }
        put_str(w, ks_str(run, (size_t)(at - run)));
        put_str(w, ks_str_z(instead));
        run = ++at;
    }
    put_str(w, ks_str(run, (size_t)(end - run)));
}

void ks_xml_escape(struct ks_buf *buf, struct ks_str text)
{
    struct writer w = { .buf = buf };

    escape(&w, text, true);
    settle(&w);
}

/* name='value', behind what was put before it */
static void put_pair(struct writer *w, struct ks_str name, struct ks_str value)
{
    put_str(w, name);
    PUT(w, "='");
    escape(w, value, true);
    PUT(w, "'");
}

/* Attributes in a namespace are rare, so each declares a prefix of its own. */
static void put_attr(struct writer *w, const struct ks_xml_attr *attr, unsigned *prefixes)
{
    char prefix[32];

    if (attr->ns.len == 0) {
        PUT(w, " ");
    } else if (ks_str_is(attr->ns, KS_NS_XML)) {
        PUT(w, " xml:");
    } else {
        snprintf(prefix, sizeof prefix, "ns%u", (*prefixes)++);
        PUT(w, " xmlns:");
        put_pair(w, ks_str_z(prefix), attr->ns);
        PUT(w, " ");
        put_str(w, ks_str_z(prefix));
        PUT(w, ":");
    }
    put_pair(w, attr->name, attr->value);
}

/* In what xml_reader.h made, a namespace in force stands in one place: no length of it is compared for each child. */
static bool same_ns(struct ks_str a, struct ks_str b)
{
    return (a.ptr == b.ptr && a.len == b.len) || ks_str_eq(a, b);
}

static void put_element(struct writer *w, const struct ks_xml *node, struct ks_str ns, bool in_stream, unsigned depth)
{
    const bool declared = same_ns(node->ns, ns);
    struct ks_str prefix = KS_STR_EMPTY;
    unsigned prefixes = 0;

    if (depth > KS_XML_DEPTH_MAX) {
        fail(w, KS_ELIMIT);
        return;
    }
    PUT(w, "<");
    if (!declared) {
        if (in_stream && ks_str_is(node->ns, KS_NS_STREAM))
            prefix = KS_STR("stream:");
        else if (ks_str_is(node->ns, KS_NS_XML)) /* may not be a default namespace (XML Namespaces §3) */
            prefix = KS_STR("xml:");
        put_str(w, prefix);
    }
    put_str(w, node->name);
    if (!declared && !prefix.len) {
        PUT(w, " ");
        put_pair(w, KS_STR("xmlns"), node->ns);
        ns = node->ns;
    }
    for (const struct ks_xml_attr *attr = node->attrs; attr; attr = attr->next)
        put_attr(w, attr, &prefixes);
    if (!node->child) {
        PUT(w, "/>");
        return;
    }
    PUT(w, ">");
    for (const struct ks_xml *child = node->child; child; child = child->next)
        if (ks_xml_is_text(child))
            escape(w, child->text, false);
        else
            put_element(w, child, ns, in_stream, depth + 1);
    PUT(w, "</");
    put_str(w, prefix);
    put_str(w, node->name);
    PUT(w, ">");
}

void ks_xml_write(struct ks_buf *buf, const struct ks_xml *node, struct ks_str ns)
{
    struct writer w = { .buf = buf };

    if (node)
        put_element(&w, node, ns, ns.len > 0, 1);
    else
        fail(&w, KS_ENOMEM);
    settle(&w);
}
