/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xml_expat.h -- what expat makes of a stanza and of a stream header: the oracle of xml_reader.h.
 *
 * expat knows no limits of ours but the depth, so what it takes may be KS_ELIMIT to us. It takes any version in an XML
 * declaration, of which we want one that is 1 (XML 1.0 §2.8), and a byte order mark, which is none in a stream (RFC
 * 6120 §11.6). */
#ifndef XML_EXPAT_H
#define XML_EXPAT_H

#include <expat.h>

#include "buf.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define EXPAT_SEPARATOR '\001' /* no document holds it (XML 1.0 §2.2) */

struct expat_oracle {
    XML_Parser parser;
    struct ks_arena *arena;
    struct ks_buf text;
    struct ks_xml *open[KS_XML_DEPTH_MAX], *root;
    unsigned depth;
    bool is_header, bad;
    long end; /* of the header's tag */
    struct ks_xml_header header;
};

static void expat_must(bool ok)
{
    if (!ok)
        abort();
}

static struct ks_str expat_own(struct expat_oracle *o, struct ks_str text)
{
    struct ks_str copy;

    expat_must(ks_arena_copy(o->arena, text, &copy) == KS_OK);
    return copy;
}

/* "namespace SEPARATOR name", or a name without a namespace. */
static void expat_split(struct expat_oracle *o, const char *z, struct ks_str *ret_ns, struct ks_str *ret_name)
{
    struct ks_str whole = ks_str_z(z);
    size_t at = ks_str_find_byte(whole, EXPAT_SEPARATOR);

    *ret_ns = at < whole.len ? expat_own(o, ks_str_head(whole, at)) : KS_STR("");
    *ret_name = expat_own(o, at < whole.len ? ks_str_from(whole, at + 1) : whole);
}

static struct ks_xml *expat_node(struct expat_oracle *o)
{
    struct ks_xml *node = KS_NEW(o->arena, struct ks_xml);

    expat_must(node != NULL);
    if (o->depth)
        ks_xml_graft(o->open[o->depth - 1], node);
    return node;
}

static void expat_flush(struct expat_oracle *o)
{
    if (!o->text.len)
        return;
    expat_node(o)->text = expat_own(o, ks_buf_str(&o->text));
    ks_buf_reset(&o->text);
}

static void expat_start(void *user, const char *name, const char **attrs)
{
    struct expat_oracle *o = user;

    o->bad |= !o->depth && o->root;
    if (o->bad || o->depth == KS_XML_DEPTH_MAX) {
        o->bad = true;
        XML_StopParser(o->parser, XML_FALSE);
        return;
    }
    if (!o->is_header) /* of one, text holds what it declares */
        expat_flush(o);
    struct ks_xml *node = expat_node(o);
    struct ks_xml_attr **next = &node->attrs;
    expat_split(o, name, &node->ns, &node->name);
    for (; *attrs; attrs += 2, next = &(*next)->next) {
        *next = KS_NEW(o->arena, struct ks_xml_attr);
        expat_must(*next != NULL);
        expat_split(o, attrs[0], &(*next)->ns, &(*next)->name);
        (*next)->value = expat_own(o, ks_str_z(attrs[1]));
    }
    if (!o->depth)
        o->root = node;
    o->open[o->depth++] = node;
    o->end = XML_GetCurrentByteIndex(o->parser) + XML_GetCurrentByteCount(o->parser);
}

static void expat_end(void *user, const char *name)
{
    struct expat_oracle *o = user;
    (void)name;

    o->bad |= o->is_header || !o->depth;
    if (o->bad)
        return;
    expat_flush(o);
    o->depth--;
}

static void expat_text(void *user, const char *text, int len)
{
    struct expat_oracle *o = user;

    o->bad |= o->is_header || !o->depth;
    ks_buf_add(&o->text, ks_str(text, (size_t)len));
}

static void expat_comment(void *user, const char *text)
{
    (void)text;
    ((struct expat_oracle *)user)->bad = true;
}

static void expat_instruction(void *user, const char *target, const char *data)
{
    (void)target;
    expat_comment(user, data);
}

static void expat_doctype(void *user, const char *name, const char *system, const char *public, int internal)
{
    (void)system;
    (void)public;
    (void)internal;
    expat_comment(user, name);
}

static void expat_declaration(void *user, const char *version, const char *encoding, int standalone)
{
    struct expat_oracle *o = user;
    struct ks_str text = ks_str_z(version);
    (void)standalone;

    o->bad |= !ks_str_starts(text, KS_STR("1.")) || text.len < 3;
    for (size_t i = 2; i < text.len; i++)
        o->bad |= text.ptr[i] < '0' || text.ptr[i] > '9';
    o->bad |= encoding && strcasecmp(encoding, "utf-8") != 0;
}

static void expat_namespace(void *user, const char *prefix, const char *uri)
{
    struct expat_oracle *o = user;

    if (o->root)
        return;
    if (prefix && strcmp(prefix, "xml") == 0)
        return;
    if (!prefix) {
        o->header.default_ns = expat_own(o, ks_str_z(uri));
    } else if (strcmp(prefix, "stream") != 0 || strcmp(uri, KS_NS_STREAM) != 0) {
        ks_buf_z(&o->text, " xmlns:");
        ks_buf_z(&o->text, prefix);
        ks_buf_z(&o->text, "='");
        ks_xml_escape(&o->text, ks_str_z(uri));
        ks_buf_z(&o->text, "'");
    }
}

static void expat_begin(struct expat_oracle *o, struct ks_arena *arena)
{
    *o = (struct expat_oracle) { .arena = arena, .parser = XML_ParserCreateNS("UTF-8", EXPAT_SEPARATOR) };
    expat_must(o->parser != NULL);
    ks_buf_init(&o->text, 1u << 26);
    XML_SetUserData(o->parser, o);
    XML_SetCharacterDataHandler(o->parser, expat_text);
    XML_SetCommentHandler(o->parser, expat_comment);
    XML_SetProcessingInstructionHandler(o->parser, expat_instruction);
    XML_SetStartDoctypeDeclHandler(o->parser, expat_doctype);
}

static bool expat_feed(struct expat_oracle *o, struct ks_str bytes)
{
    return XML_Parse(o->parser, bytes.ptr, (int)bytes.len, XML_FALSE) == XML_STATUS_OK && !o->bad;
}

/* The stanza stands in two elements that declare what its stream did. The tree; NULL if expat refuses, or RFC 6120
 * §11.1 does. The arena must have room. */
static struct ks_xml *expat_read(
    struct ks_arena *arena, struct ks_str bytes, struct ks_str default_ns, struct ks_str declarations)
{
    struct ks_buf primer;
    struct expat_oracle o;

    expat_begin(&o, arena);
    ks_buf_init(&primer, 1u << 20);
    ks_buf_z(&primer, "<r xmlns:stream='" KS_NS_STREAM "'><r xmlns='");
    ks_xml_escape(&primer, default_ns);
    ks_buf_z(&primer, "'");
    ks_buf_add(&primer, declarations);
    ks_buf_z(&primer, ">");
    expat_must(expat_feed(&o, ks_buf_str(&primer)));
    ks_buf_done(&primer);
    XML_SetElementHandler(o.parser, expat_start, expat_end);
    bool ok = expat_feed(&o, ks_str_trim(bytes)) && !o.depth && o.root;
    /* Nothing may be left open: a section or a tag that swallows the next stanza. */
    struct ks_xml *root = o.root;
    XML_SetElementHandler(o.parser, NULL, NULL);
    ok = ok && XML_Parse(o.parser, "</r></r>", 8, XML_TRUE) == XML_STATUS_OK && !o.bad;
    XML_ParserFree(o.parser);
    ks_buf_done(&o.text);
    return ok ? root : NULL;
}

/* True if expat takes it. */
__attribute__((unused)) static bool expat_read_header(
    struct ks_arena *arena, struct ks_str bytes, struct ks_xml_header *ret_header)
{
    struct expat_oracle o;

    bytes = ks_str_trim(bytes);
    expat_begin(&o, arena);
    o.is_header = true;
    o.header.default_ns = KS_STR("");
    XML_SetElementHandler(o.parser, expat_start, expat_end);
    XML_SetXmlDeclHandler(o.parser, expat_declaration);
    XML_SetStartNamespaceDeclHandler(o.parser, expat_namespace);
    bool ok = !ks_str_starts(bytes, KS_STR("\ufeff")) && expat_feed(&o, bytes) && o.root && o.depth == 1
        && o.end == (long)bytes.len;
    XML_ParserFree(o.parser);
    if (ok) {
        o.header.element = o.root;
        o.header.declarations = expat_own(&o, ks_buf_str(&o.text));
        *ret_header = o.header;
    }
    ks_buf_done(&o.text);
    return ok;
}

#endif
