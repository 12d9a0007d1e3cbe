/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xml_reader.c -- one pass over a copy of the bytes, in which names, values and text stay where they are.
 *
 * A reference is never shorter than what it means, so text is decoded in its place. The copy ends with a zero, which no
 * XML holds: so looking at the next byte needs no look at the end. What is forbidden (RFC 6120 §11.1) is not skipped
 * but unknown here: there is no code for DTDs, entities, comments and processing instructions. */
#include "xml_reader.h"

#include "buf.h"
#include "xml_char.h"
#include "xml_scan.h"
#include "xml_writer.h"

/* Each in one place, as other namespaces: see known(). */
static const char ns_xml[] = KS_NS_XML, ns_xmlns[] = "http://www.w3.org/2000/xmlns/";

struct binding {
    struct ks_str prefix, uri;
};

/* What a prefix meant outside an element that declares it anew. */
struct shadow {
    struct binding *binding;
    struct ks_str uri;
    struct shadow *next;
};

/* An open element, or the stream around all. */
struct scope {
    struct ks_xml *node;
    struct ks_str tag;        /* as written, with its prefix: what the end tag repeats */
    struct ks_str default_ns; /* inside */
    unsigned binding_count;   /* outside */
    struct shadow *shadows;
};

struct reader {
    struct ks_arena *arena;
    uint8_t *at, *end;
    struct scope scopes[1 + KS_XML_DEPTH_MAX];          /* the stream's is the first */
    struct binding bindings[1 + KS_XML_NAMES_MAX];      /* no prefix twice; "xml" is none of them */
    struct ks_xml_attr attrs[2 * KS_XML_NAMES_MAX + 1]; /* of the tag at hand; ns is a prefix until it is resolved */
    unsigned depth, binding_count, attr_count;
};

/* --- pieces --- */

static enum ks_err allocate(struct ks_arena *arena, size_t len, void **ret_block)
{
    *ret_block = ks_arena_alloc(arena, len);
    if (*ret_block)
        return KS_OK;
    return ks_arena_full(arena, len) ? KS_ELIMIT : KS_ENOMEM;
}

static struct ks_str between(const uint8_t *from, const uint8_t *to)
{
    return ks_str(from, (size_t)(to - from));
}

static bool skip_blanks(struct reader *r)
{
    const uint8_t *from = r->at;

    while (ks_xml_is_blank(*r->at))
        r->at++;
    return r->at > from;
}

static bool skip(struct reader *r, struct ks_str word)
{
    if (!ks_str_starts(between(r->at, r->end), word))
        return false;
    r->at += word.len;
    return true;
}

/* Moves what was passed by to where the text goes on; that is where it is already, unless something was decoded. */
static uint8_t *keep(uint8_t *to, const uint8_t *from, const uint8_t *end)
{
    size_t len = (size_t)(end - from);

    if (to != from)
        memmove(to, from, len);
    return to + len;
}

/* ks_str_eq of names, none of which is empty. Most differ at an end, so that comparing each with each seldom calls
 * anything. */
static inline bool same(struct ks_str a, struct ks_str b)
{
    return a.len == b.len && a.ptr[0] == b.ptr[0] && a.ptr[a.len - 1] == b.ptr[b.len - 1]
        && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Namespaces in XML §3: NCName. */
static bool read_ncname(struct reader *r, struct ks_str *ret_name)
{
    static const uint64_t names[] = { 0x03ff600000000000, 0x07fffffe87fffffe }; /* of ASCII: - . 0-9 A-Z _ a-z */
    const uint8_t *from = r->at, *at = from;
    uint32_t c = *at;
    size_t len;

    if ((c >= 0x80 && !ks_xml_char_read(between(at, r->end), &c)) || !ks_xml_is_name_start(c))
        return false;
    for (;;) {
        while ((c = *at) < 0x80 && names[c >> 6] >> (c & 63) & 1)
            at++;
        if (c < 0x80 || !(len = ks_xml_char_read(between(at, r->end), &c)) || !ks_xml_is_name(c))
            break;
        at += len;
    }
    r->at += at - from;
    *ret_name = between(from, at);
    return true;
}

/* Namespaces in XML §4: QName. The prefix may be empty. */
static bool read_qname(struct reader *r, struct ks_str *ret_prefix, struct ks_str *ret_name)
{
    *ret_prefix = KS_STR("");
    if (!read_ncname(r, ret_name))
        return false;
    if (*r->at != ':')
        return true;
    r->at++;
    *ret_prefix = *ret_name;
    return read_ncname(r, ret_name);
}

/* XML 1.0 §4.1, from the '&'; the character goes to *to. RFC 6120 §11.1: no entities but the five of §4.6. */
static enum ks_err read_reference(struct reader *r, uint8_t **to)
{
    static const struct {
        const char *name;
        uint8_t c;
    } predefined[] = { { "lt;", '<' }, { "gt;", '>' }, { "amp;", '&' }, { "quot;", '"' }, { "apos;", '\'' } };
    uint32_t c = 0; /* which is no Char, if there are no digits */

    r->at++;
    if (*r->at != '#') {
        for (size_t i = 0; i < KS_COUNT(predefined); i++)
            if (skip(r, ks_str_z(predefined[i].name))) {
                *(*to)++ = predefined[i].c;
                return KS_OK;
            }
        return KS_ESYNTAX;
    }
    r->at++;
    const bool hex = *r->at == 'x';
    for (r->at += hex; *r->at != ';'; r->at++) {
        const uint8_t byte = *r->at, letter = byte | 0x20;
        uint32_t digit;
        if ('0' <= byte && byte <= '9')
            digit = byte - (uint32_t)'0';
        else if (hex && 'a' <= letter && letter <= 'f')
            digit = letter - (uint32_t)'a' + 10;
        else
            return KS_ESYNTAX;
        if (c <= 0x10ffff) /* beyond it, it stays beyond it */
            c = c * (hex ? 16 : 10) + digit;
    }
    if (!ks_xml_is_char(c))
        return KS_ESYNTAX;
    r->at++;
    *to += ks_xml_char_write(*to, c);
    return KS_OK;
}

/* --- tags --- */

/* XML 1.0 §3.1, AttValue; §3.3.3: white space in it is a space, unless it is a reference; §2.11: CR LF is one. */
static enum ks_err read_value(struct reader *r, struct ks_str *ret_value)
{
    const uint8_t quote = *r->at;
    enum ks_err err;

    if (quote != '\'' && quote != '"')
        return KS_ESYNTAX;
    uint8_t *value = ++r->at, *to = value;
    for (;;) {
        const uint8_t *from = r->at;
        KS_SCAN(r->at, r->end, c, (c < 0x20) | (c == '<') | (c == '&') | (c == quote));
        to = keep(to, from, r->at);
        const uint8_t c = *r->at;
        if (c == quote) {
            break;
        } else if (c == '&') {
            if ((err = read_reference(r, &to)) != KS_OK)
                return err;
        } else if (ks_xml_is_blank(c)) {
            r->at += 1 + (c == '\r' && r->at[1] == '\n');
            *to++ = ' ';
        } else {
            return KS_ESYNTAX;
        }
    }
    r->at++;
    *ret_value = between(value, to);
    return KS_OK;
}

/* name = "value", as often as there is one. */
static enum ks_err read_attrs(struct reader *r)
{
    enum ks_err err;

    for (r->attr_count = 0; skip_blanks(r) && *r->at && *r->at != '>' && *r->at != '/';) {
        if (r->attr_count == KS_COUNT(r->attrs))
            return KS_ELIMIT;
        struct ks_xml_attr *attr = &r->attrs[r->attr_count++];
        if (!read_qname(r, &attr->ns, &attr->name))
            return KS_ESYNTAX;
        skip_blanks(r);
        if (*r->at++ != '=')
            return KS_ESYNTAX;
        skip_blanks(r);
        if ((err = read_value(r, &attr->value)) != KS_OK)
            return err;
    }
    return KS_OK;
}

static bool is_default_declaration(const struct ks_xml_attr *attr)
{
    return attr->ns.len == 0 && ks_str_is(attr->name, "xmlns");
}

static bool is_declaration(const struct ks_xml_attr *attr)
{
    return ks_str_is(attr->ns, "xmlns") || is_default_declaration(attr);
}

static enum ks_err bind(struct reader *r, struct ks_str prefix, struct ks_str uri, struct scope *scope)
{
    void *block;

    for (unsigned i = 0; i < r->binding_count; i++) {
        struct binding *binding = &r->bindings[i];
        if (!same(binding->prefix, prefix))
            continue;
        enum ks_err err = allocate(r->arena, sizeof(struct shadow), &block);
        if (err)
            return err;
        struct shadow *shadow = block;
        *shadow = (struct shadow) { binding, binding->uri, scope->shadows };
        scope->shadows = shadow;
        binding->uri = uri;
        return KS_OK;
    }
    if (r->binding_count == KS_COUNT(r->bindings))
        return KS_ELIMIT;
    r->bindings[r->binding_count++] = (struct binding) { prefix, uri };
    return KS_OK;
}

/* uri as it stands already, if it is in force. So namespaces that are in force together are one if they are in one
 * place, and comparing attributes takes no time for namespaces however long. */
static struct ks_str known(const struct reader *r, const struct scope *scope, struct ks_str uri)
{
    if (ks_str_eq(scope->default_ns, uri))
        return scope->default_ns;
    for (unsigned i = 0; i < r->binding_count; i++)
        if (ks_str_eq(r->bindings[i].uri, uri))
            return r->bindings[i].uri;
    return uri;
}

/* Namespaces in XML §3. */
static enum ks_err declare(struct reader *r, const struct ks_xml_attr *attr, struct scope *scope)
{
    const bool is_default = is_default_declaration(attr);

    if (ks_str_is(attr->value, ns_xmlns) || (!is_default && (!attr->value.len || ks_str_is(attr->name, "xmlns"))))
        return KS_ESYNTAX;
    const bool is_xml = !is_default && ks_str_is(attr->name, "xml");
    if (ks_str_is(attr->value, ns_xml) != is_xml)
        return KS_ESYNTAX;
    const struct ks_str uri = known(r, scope, attr->value);
    if (is_default)
        scope->default_ns = uri;
    return is_default || is_xml ? KS_OK : bind(r, attr->name, uri, scope);
}

/* What the tag at hand declares. */
static enum ks_err declare_all(struct reader *r, struct scope *scope)
{
    enum ks_err err = KS_OK;

    for (unsigned i = 0; i < r->attr_count && !err; i++)
        if (is_declaration(&r->attrs[i]))
            err = declare(r, &r->attrs[i], scope);
    return err;
}

static bool find_ns(const struct reader *r, struct ks_str prefix, struct ks_str *ret_ns)
{
    for (unsigned i = 0; i < r->binding_count; i++)
        if (same(r->bindings[i].prefix, prefix)) {
            *ret_ns = r->bindings[i].uri;
            return true;
        }
    *ret_ns = ks_str_z(ns_xml);
    return ks_str_is(prefix, "xml");
}

/* Of two that known() gave. */
static inline bool same_ns(struct ks_str a, struct ks_str b)
{
    return a.len == b.len && (!a.len || a.ptr == b.ptr);
}

/* Namespaces in XML §6.2: an attribute without a prefix is in none. §6.3 and XML 1.0 §3.1: none twice. */
static enum ks_err resolve_attrs(struct reader *r)
{
    for (unsigned i = 0; i < r->attr_count; i++) {
        struct ks_xml_attr *attr = &r->attrs[i];
        if (is_declaration(attr)) {
            attr->ns = ks_str_z(ns_xmlns); /* there is no xmlns:xmlns */
        } else if (attr->ns.len && !find_ns(r, attr->ns, &attr->ns)) {
            return KS_ESYNTAX;
        }
        for (unsigned k = 0; k < i; k++)
            if (same_ns(r->attrs[k].ns, attr->ns) && same(r->attrs[k].name, attr->name))
                return KS_ESYNTAX;
    }
    return KS_OK;
}

/* The element with its attributes, which are one block; what declared namespaces is none of them. */
static enum ks_err make_element(struct reader *r, struct ks_str ns, struct ks_str name, struct ks_xml **ret_node)
{
    void *block;
    unsigned count = 0;

    for (unsigned i = 0; i < r->attr_count; i++)
        if (!ks_str_is(r->attrs[i].ns, ns_xmlns))
            r->attrs[count++] = r->attrs[i];
    if (count > KS_XML_NAMES_MAX)
        return KS_ELIMIT;
    enum ks_err err = allocate(r->arena, sizeof(struct ks_xml) + count * sizeof(struct ks_xml_attr), &block);
    if (err)
        return err;
    struct ks_xml *node = block;
    struct ks_xml_attr *attrs = (struct ks_xml_attr *)(node + 1);
    *node = (struct ks_xml) { .ns = ns, .name = name, .attrs = count ? attrs : NULL };
    for (unsigned i = 0; i < count; i++) {
        attrs[i] = r->attrs[i];
        attrs[i].next = i + 1 < count ? &attrs[i + 1] : NULL;
    }
    *ret_node = node;
    return KS_OK;
}

/* XML 1.0 §3.1, STag and EmptyElemTag, from the name to before '>' or '/'; the element is open then. */
static enum ks_err read_tag(struct reader *r)
{
    struct ks_str prefix, name, ns;
    uint8_t *from = r->at;
    enum ks_err err;

    if (r->depth == KS_XML_DEPTH_MAX)
        return KS_ELIMIT;
    struct scope *outer = &r->scopes[r->depth], *scope = outer + 1;
    *scope = (struct scope) { .default_ns = outer->default_ns, .binding_count = r->binding_count };
    if (!read_qname(r, &prefix, &name))
        return KS_ESYNTAX;
    scope->tag = between(from, r->at);
    if ((err = read_attrs(r)) != KS_OK || (err = declare_all(r, scope)) != KS_OK || (err = resolve_attrs(r)) != KS_OK)
        return err;
    ns = scope->default_ns;
    if (prefix.len && !find_ns(r, prefix, &ns))
        return KS_ESYNTAX;
    if ((err = make_element(r, ns, name, &scope->node)) != KS_OK)
        return err;
    ks_xml_graft(outer->node, scope->node);
    r->depth++;
    return KS_OK;
}

static void close_element(struct reader *r)
{
    const struct scope *scope = &r->scopes[r->depth--];

    for (const struct shadow *shadow = scope->shadows; shadow; shadow = shadow->next)
        shadow->binding->uri = shadow->uri;
    r->binding_count = scope->binding_count;
}

/* --- content --- */

/* XML 1.0 §2.7, behind "<![CDATA["; §2.11 holds in it. */
static enum ks_err read_cdata(struct reader *r, uint8_t **to)
{
    for (;;) {
        const uint8_t *from = r->at;
        KS_SCAN(r->at, r->end, c, (c == ']') | (c == '\r'));
        *to = keep(*to, from, r->at);
        if (r->at == r->end)
            return KS_ESYNTAX;
        if (skip(r, KS_STR("]]>")))
            return KS_OK;
        if (*r->at == '\r') {
            r->at += 1 + (r->at[1] == '\n');
            *(*to)++ = '\n';
        } else {
            *(*to)++ = *r->at++;
        }
    }
}

/* XML 1.0 §2.4: up to the next tag, as one node; §2.11: lines end with LF. */
static enum ks_err read_text(struct reader *r)
{
    uint8_t *text = r->at, *to = text;
    enum ks_err err = KS_OK;
    void *block;

    for (;;) {
        const uint8_t *from = r->at;
        for (;; r->at++) {
            KS_SCAN(r->at, r->end, c, (c < 0x20) | (c == '<') | (c == '&') | (c == '>'));
            if (*r->at == '>' && ks_str_ends(between(from, r->at), KS_STR("]]")))
                return KS_ESYNTAX;
            if (*r->at != '>' && *r->at != '\n' && *r->at != '\t')
                break;
        }
        to = keep(to, from, r->at);
        if (*r->at == '&') {
            err = read_reference(r, &to);
        } else if (*r->at == '\r') {
            r->at += 1 + (r->at[1] == '\n');
            *to++ = '\n';
        } else if (*r->at != '<') {
            return KS_ESYNTAX;
        } else if (r->at[1] != '!' || !skip(r, KS_STR("<![CDATA["))) {
            break;
        } else {
            err = read_cdata(r, &to);
        }
        if (err)
            return err;
    }
    if (to == text)
        return KS_OK;
    if ((err = allocate(r->arena, sizeof(struct ks_xml), &block)) != KS_OK)
        return err;
    struct ks_xml *node = block;
    *node = (struct ks_xml) { .text = between(text, to) };
    ks_xml_graft(r->scopes[r->depth].node, node);
    return KS_OK;
}

/* One element, from its '<' to its end. */
static enum ks_err read_element(struct reader *r)
{
    enum ks_err err;

    do {
        if (*r->at++ != '<')
            return KS_ESYNTAX;
        if (*r->at != '/') {
            if ((err = read_tag(r)) != KS_OK)
                return err;
            if (*r->at == '/') {
                r->at++;
                close_element(r);
            }
        } else {
            r->at++;
            if (!r->depth || !skip(r, r->scopes[r->depth].tag))
                return KS_ESYNTAX;
            skip_blanks(r);
            close_element(r);
        }
        if (*r->at++ != '>')
            return KS_ESYNTAX;
        if (r->depth && (err = read_text(r)) != KS_OK)
            return err;
    } while (r->depth);
    return KS_OK;
}

static void begin(struct reader *r, struct ks_arena *arena, struct ks_str default_ns)
{
    r->arena = arena;
    r->depth = r->binding_count = 0;
    r->scopes[0] = (struct scope) { .default_ns = default_ns };
}

/* To be read: a copy of text with a zero behind it. */
static enum ks_err take(struct reader *r, struct ks_str text)
{
    void *copy;

    if (!ks_xml_text_ok(text))
        return KS_ESYNTAX;
    enum ks_err err = allocate(r->arena, text.len + 1, &copy);
    if (err)
        return err;
    r->at = copy;
    r->end = r->at + text.len;
    if (text.len)
        memcpy(r->at, text.ptr, text.len);
    *r->end = 0;
    return KS_OK;
}

/* What the stream header declared: attributes without an element. */
static enum ks_err read_declarations(struct reader *r, struct ks_str declarations)
{
    enum ks_err err = bind(r, KS_STR("stream"), KS_STR(KS_NS_STREAM), &r->scopes[0]);

    if (err || !declarations.len)
        return err;
    if ((err = take(r, declarations)) != KS_OK || (err = read_attrs(r)) != KS_OK)
        return err;
    return *r->at ? KS_ESYNTAX : declare_all(r, &r->scopes[0]);
}

enum ks_err ks_xml_read(struct ks_arena *arena, struct ks_str bytes, struct ks_str default_ns,
    struct ks_str declarations, struct ks_xml **ret_element)
{
    struct reader r;
    enum ks_err err;

    if ((err = ks_arena_copy(arena, default_ns, &default_ns)) != KS_OK)
        return err;
    begin(&r, arena, default_ns);
    if ((err = read_declarations(&r, declarations)) != KS_OK || (err = take(&r, ks_str_trim(bytes))) != KS_OK
        || (err = read_element(&r)) != KS_OK)
        return err;
    if (r.at != r.end)
        return KS_ESYNTAX;
    *ret_element = r.scopes[1].node;
    return KS_OK;
}

/* --- stream headers --- */

/* One of the XML declaration's (XML 1.0 §2.8), if it is there: S name = "value". */
static bool read_pseudo_attr(struct reader *r, struct ks_str name, struct ks_str *ret_value)
{
    uint8_t *before = r->at;

    *ret_value = KS_STR_EMPTY;
    if (!skip_blanks(r) || !skip(r, name)) {
        r->at = before;
        return true;
    }
    skip_blanks(r);
    if (*r->at++ != '=')
        return false;
    skip_blanks(r);
    const uint8_t quote = *r->at;
    if (quote != '\'' && quote != '"')
        return false;
    const uint8_t *from = ++r->at;
    while (*r->at && *r->at != quote)
        r->at++;
    *ret_value = between(from, r->at);
    return *r->at++ == quote;
}

/* §4.3.3: in any case. */
static bool is_utf8(struct ks_str text)
{
    return text.len == 5 && (text.ptr[0] | 0x20) == 'u' && (text.ptr[1] | 0x20) == 't' && (text.ptr[2] | 0x20) == 'f'
        && ks_str_is(ks_str_from(text, 3), "-8");
}

static bool is_version(struct ks_str text)
{
    if (text.len < 3 || !ks_str_starts(text, KS_STR("1.")))
        return false;
    for (size_t i = 2; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return true;
}

/* XML 1.0 §2.8, XMLDecl; RFC 6120 §11.6: the encoding is UTF-8. */
static enum ks_err read_xml_declaration(struct reader *r)
{
    struct ks_str version, encoding, standalone;

    if (!skip(r, KS_STR("<?xml")))
        return KS_OK;
    if (!read_pseudo_attr(r, KS_STR("version"), &version) || !is_version(version)
        || !read_pseudo_attr(r, KS_STR("encoding"), &encoding))
        return KS_ESYNTAX;
    if (encoding.ptr && !is_utf8(encoding))
        return KS_EVERSION;
    if (!read_pseudo_attr(r, KS_STR("standalone"), &standalone)
        || (standalone.ptr && !ks_str_is(standalone, "yes") && !ks_str_is(standalone, "no")))
        return KS_ESYNTAX;
    skip_blanks(r);
    if (!skip(r, KS_STR("?>")))
        return KS_ESYNTAX;
    skip_blanks(r);
    return KS_OK;
}

static enum ks_err write_declarations(const struct reader *r, struct ks_str *ret_declarations)
{
    struct ks_buf buf;
    enum ks_err err;

    ks_buf_init(&buf, r->arena->bytes_max);
    for (unsigned i = 0; i < r->binding_count; i++) {
        const struct binding *binding = &r->bindings[i];
        if (ks_str_is(binding->prefix, "stream") && ks_str_is(binding->uri, KS_NS_STREAM))
            continue;
        ks_buf_z(&buf, " xmlns:");
        ks_buf_add(&buf, binding->prefix);
        ks_buf_z(&buf, "='");
        ks_xml_escape(&buf, binding->uri);
        ks_buf_z(&buf, "'");
    }
    if ((err = ks_buf_err(&buf)) == KS_OK)
        err = ks_arena_copy(r->arena, ks_buf_str(&buf), ret_declarations);
    ks_buf_done(&buf);
    return err;
}

enum ks_err ks_xml_read_header(struct ks_arena *arena, struct ks_str bytes, struct ks_xml_header *ret_header)
{
    struct ks_xml_header header;
    struct reader r;
    enum ks_err err;

    begin(&r, arena, KS_STR(""));
    if ((err = take(&r, ks_str_trim(bytes))) != KS_OK || (err = read_xml_declaration(&r)) != KS_OK)
        return err;
    if (*r.at++ != '<')
        return KS_ESYNTAX;
    if ((err = read_tag(&r)) != KS_OK)
        return err;
    if (*r.at++ != '>' || r.at != r.end)
        return KS_ESYNTAX;
    header.element = r.scopes[1].node;
    header.default_ns = r.scopes[1].default_ns;
    if ((err = write_declarations(&r, &header.declarations)) != KS_OK)
        return err;
    *ret_header = header;
    return KS_OK;
}
