/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "xml_reader.h"

#include <expat.h>
#include <limits.h>
#include <stdlib.h>

#include "buf.h"
#include "xml_writer.h"

/* Between namespace and name in what expat reports: no XML 1.0 document can hold it (§2.2), not even as a reference. */
#define SEPARATOR '\001'

/* What the prefix "stream" means (RFC 6120 §4.8.5). */
#define STREAMS_URI "http://etherx.jabber.org/streams"

/* expat interns each element name, attribute name and prefix for the life of a parser. So that strangers cannot fill
 * the memory of a thread with names, a parser goes after so many bytes; making one takes 2 µs. */
#define PARSER_BYTES_MAX ((size_t)256 * 1024)

/* What the scratch buffer may keep between stanzas. */
#define SCRATCH_KEPT ((size_t)64 * 1024)

struct ks_xml_reader {
    XML_Parser parser;                      /* NULL, or between stanzas: inside the primer's two elements */
    size_t bytes;                           /* that parser was fed */
    struct ks_buf default_ns, declarations; /* that the primer declared */
    struct ks_buf text;                     /* text that is not in a node yet */

    /* of the element at hand */
    struct ks_arena *arena;
    struct ks_xml_header *header; /* NULL if it is a stanza */
    bool priming;
    struct ks_xml *root; /* once its start tag was seen */
    struct ks_xml *open; /* the innermost that is open; its 'next' is its parent until it is closed */
    unsigned depth;      /* of open */
    size_t end;          /* where in what parser was fed the last tag that counts ended */
    enum ks_err err;     /* the first failure in a callback */
};

static void fail(struct ks_xml_reader *reader, enum ks_err err)
{
    if (!reader->err)
        reader->err = err;
    XML_StopParser(reader->parser, XML_FALSE);
}

static void *take(struct ks_xml_reader *reader, size_t len)
{
    void *block = ks_arena_alloc(reader->arena, len);

    if (!block)
        fail(reader, ks_arena_full(reader->arena, len) ? KS_ELIMIT : KS_ENOMEM);
    return block;
}

static struct ks_str put(char **at, struct ks_str text)
{
    struct ks_str copy = ks_str(*at, text.len);

    memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

/* "namespace SEPARATOR name", or a name without a namespace. */
static void split(const char *z, struct ks_str *ret_ns, struct ks_str *ret_name)
{
    struct ks_str whole = ks_str_z(z);
    size_t at = ks_str_find_byte(whole, SEPARATOR);

    *ret_ns = at < whole.len ? ks_str_head(whole, at) : KS_STR("");
    *ret_name = at < whole.len ? ks_str_from(whole, at + 1) : whole;
}

/* Moves the text so far into a node of its own. */
static bool flush_text(struct ks_xml_reader *reader)
{
    struct ks_str text = ks_buf_str(&reader->text);

    if (reader->text.err) {
        fail(reader, reader->text.err);
        return false;
    }
    if (!text.len)
        return true;
    char *at = take(reader, sizeof(struct ks_xml) + text.len);
    if (!at)
        return false;
    struct ks_xml *node = (struct ks_xml *)(void *)at;
    *node = (struct ks_xml) { 0 };
    at += sizeof *node;
    node->text = put(&at, text);
    ks_xml_graft(reader->open, node);
    ks_buf_reset(&reader->text);
    return true;
}

/* An element is one block: the node, its attributes, then their text. A namespace that is the parent's is shared. */
static struct ks_xml *make_element(struct ks_xml_reader *reader, const char *name_z, const char **attrs)
{
    struct ks_str ns, name, attr_ns, attr_name;
    size_t count = 0;

    split(name_z, &ns, &name);
    bool shared = reader->open && ks_str_eq(reader->open->ns, ns);
    size_t len = name.len + (shared ? 0 : ns.len);
    for (; attrs[2 * count]; count++)
        len += strlen(attrs[2 * count]) + strlen(attrs[2 * count + 1]);
    char *at = take(reader, sizeof(struct ks_xml) + count * sizeof(struct ks_xml_attr) + len);
    if (!at)
        return NULL;
    struct ks_xml *node = (struct ks_xml *)(void *)at;
    struct ks_xml_attr *attr = (struct ks_xml_attr *)(void *)(node + 1);
    *node = (struct ks_xml) { .attrs = count ? attr : NULL };
    at = (char *)(attr + count);
    node->ns = shared ? reader->open->ns : put(&at, ns);
    node->name = put(&at, name);
    for (size_t i = 0; i < count; i++) {
        split(attrs[2 * i], &attr_ns, &attr_name);
        attr[i].ns = put(&at, attr_ns);
        attr[i].name = put(&at, attr_name);
        attr[i].value = put(&at, ks_str_z(attrs[2 * i + 1]));
        attr[i].next = i + 1 < count ? &attr[i + 1] : NULL;
    }
    return node;
}

static size_t here(const struct ks_xml_reader *reader)
{
    return (size_t)XML_GetCurrentByteIndex(reader->parser) + (size_t)XML_GetCurrentByteCount(reader->parser);
}

static void on_start(void *user, const char *name, const char **attrs)
{
    struct ks_xml_reader *reader = user;

    if (reader->priming || reader->err)
        return;
    if (!reader->open && reader->root) {
        fail(reader, KS_ESYNTAX);
        return;
    }
    if (reader->depth == KS_XML_DEPTH_MAX) {
        fail(reader, KS_ELIMIT);
        return;
    }
    if (reader->open && !flush_text(reader))
        return;
    struct ks_xml *node = make_element(reader, name, attrs);
    if (!node)
        return;
    if (reader->open)
        ks_xml_graft(reader->open, node);
    else
        reader->root = node;
    node->next = reader->open;
    reader->open = node;
    reader->depth++;
    if (reader->header)
        reader->end = here(reader);
}

static void on_end(void *user, const char *name)
{
    struct ks_xml_reader *reader = user;
    (void)name;

    if (reader->err)
        return;
    if (!reader->open) { /* an end tag for the primer's */
        fail(reader, KS_ESYNTAX);
        return;
    }
    if (!flush_text(reader))
        return;
    struct ks_xml *node = reader->open;
    reader->open = node->next;
    node->next = NULL;
    if (--reader->depth == 0)
        reader->end = here(reader);
}

static void on_text(void *user, const char *text, int len)
{
    struct ks_xml_reader *reader = user;

    if (reader->err)
        return;
    if (!reader->open)
        fail(reader, KS_ESYNTAX);
    else
        ks_buf_add(&reader->text, ks_str(text, (size_t)len));
}

/* RFC 6120 §11.1: none of these. A framer refuses them before; this is for readers of other bytes. */
static void on_comment(void *user, const char *text)
{
    (void)text;
    fail(user, KS_ESYNTAX);
}

static void on_instruction(void *user, const char *target, const char *data)
{
    (void)target;
    (void)data;
    fail(user, KS_ESYNTAX);
}

static void on_doctype(void *user, const char *name, const char *system, const char *public, int internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    fail(user, KS_ESYNTAX);
}

static XML_Parser new_parser(struct ks_xml_reader *reader)
{
    XML_Parser parser = XML_ParserCreateNS("UTF-8", SEPARATOR);

    if (!parser)
        return NULL;
    XML_SetUserData(parser, reader);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetCommentHandler(parser, on_comment);
    XML_SetProcessingInstructionHandler(parser, on_instruction);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    return parser;
}

static void drop_parser(struct ks_xml_reader *reader)
{
    if (reader->parser)
        XML_ParserFree(reader->parser);
    reader->parser = NULL;
    reader->bytes = 0;
}

/* Only whole elements come here. So reparse deferral (CVE-2023-52425), with which expat keeps a long tag that came in
 * pieces to itself until more comes, never sets in: no token is incomplete at the end of a call. */
static enum ks_err feed(struct ks_xml_reader *reader, struct ks_str bytes)
{
    if (bytes.len > INT_MAX / 4)
        return KS_ELIMIT;
    enum XML_Status status = XML_Parse(reader->parser, bytes.ptr, (int)bytes.len, XML_FALSE);
    reader->bytes += bytes.len;
    if (status == XML_STATUS_OK)
        return KS_OK;
    if (reader->err)
        return reader->err;
    return XML_GetErrorCode(reader->parser) == XML_ERROR_NO_MEMORY ? KS_ENOMEM : KS_ESYNTAX;
}

static void begin(struct ks_xml_reader *reader, struct ks_arena *arena, struct ks_xml_header *header)
{
    reader->arena = arena;
    reader->header = header;
    reader->root = reader->open = NULL;
    reader->depth = 0;
    reader->end = 0;
    reader->err = KS_OK;
    if (reader->text.cap > SCRATCH_KEPT)
        ks_buf_done(&reader->text);
    ks_buf_reset(&reader->text);
    reader->text.bytes_max = arena->bytes_max;
}

static void remember(struct ks_buf *buf, struct ks_str text)
{
    buf->bytes_max = text.len;
    ks_buf_reset(buf);
    ks_buf_add(buf, text);
}

/* A new parser, inside two elements of our own that declare what the stream header did. Two, so that a header may have
 * given the prefix "stream" another meaning. */
static enum ks_err prime(struct ks_xml_reader *reader, struct ks_str default_ns, struct ks_str declarations)
{
    struct ks_buf primer;
    enum ks_err err;

    remember(&reader->default_ns, default_ns);
    remember(&reader->declarations, declarations);
    reader->parser = new_parser(reader);
    ks_buf_init(&primer, 256 + 6 * default_ns.len + declarations.len);
    ks_buf_z(&primer, "<r xmlns:stream='" STREAMS_URI "'><r xmlns='");
    ks_xml_escape(&primer, default_ns);
    ks_buf_z(&primer, "'");
    ks_buf_add(&primer, declarations);
    ks_buf_z(&primer, ">");
    if (!reader->parser || primer.err || reader->default_ns.err || reader->declarations.err) {
        err = KS_ENOMEM;
    } else {
        reader->priming = true;
        err = feed(reader, ks_buf_str(&primer));
        reader->priming = false;
    }
    ks_buf_done(&primer);
    return err;
}

/* Whether the bytes were one element, or a header's start tag, and nothing else: a comment that is not closed would
 * swallow the next stanza. */
static bool is_whole(const struct ks_xml_reader *reader)
{
    if (!reader->root || reader->end != reader->bytes)
        return false;
    return reader->header ? reader->depth == 1 && !reader->root->child : reader->depth == 0;
}

enum ks_err ks_xml_read(struct ks_xml_reader *reader, struct ks_arena *arena, struct ks_str bytes,
    struct ks_str default_ns, struct ks_str declarations, struct ks_xml **ret_element)
{
    enum ks_err err = KS_OK;

    if (reader->bytes >= PARSER_BYTES_MAX || !ks_str_eq(ks_buf_str(&reader->default_ns), default_ns)
        || !ks_str_eq(ks_buf_str(&reader->declarations), declarations))
        drop_parser(reader);
    begin(reader, arena, NULL);
    if (!reader->parser)
        err = prime(reader, default_ns, declarations);
    if (!err)
        err = feed(reader, ks_str_trim(bytes));
    if (!err && !is_whole(reader))
        err = KS_ESYNTAX;
    if (err)
        drop_parser(reader);
    else
        *ret_element = reader->root;
    return err;
}

static void on_declaration(void *user, const char *version, const char *encoding, int standalone)
{
    struct ks_str name = ks_str_z(encoding);
    (void)version;
    (void)standalone;

    if (!encoding)
        return;
    if (name.len != 5 || (name.ptr[0] | 0x20) != 'u' || (name.ptr[1] | 0x20) != 't' || (name.ptr[2] | 0x20) != 'f'
        || !ks_str_is(ks_str_from(name, 3), "-8"))
        fail(user, KS_EVERSION);
}

static void on_namespace(void *user, const char *prefix, const char *uri)
{
    struct ks_xml_reader *reader = user;

    if (reader->err || reader->root)
        return;
    if (!prefix) {
        enum ks_err err = ks_arena_copy(reader->arena, ks_str_z(uri), &reader->header->default_ns);
        if (err)
            fail(reader, err);
    } else if (strcmp(prefix, "stream") != 0 || strcmp(uri, STREAMS_URI) != 0) {
        ks_buf_z(&reader->text, " xmlns:");
        ks_buf_z(&reader->text, prefix);
        ks_buf_z(&reader->text, "='");
        ks_xml_escape(&reader->text, ks_str_z(uri));
        ks_buf_z(&reader->text, "'");
    }
}

static enum ks_err read_header(struct ks_xml_reader *reader, struct ks_str bytes)
{
    struct ks_xml_header *header = reader->header;
    enum ks_err err;

    XML_SetXmlDeclHandler(reader->parser, on_declaration);
    XML_SetStartNamespaceDeclHandler(reader->parser, on_namespace);
    if ((err = feed(reader, ks_str_trim(bytes))) != KS_OK)
        return err;
    if (!is_whole(reader))
        return KS_ESYNTAX;
    if ((err = reader->text.err) != KS_OK
        || (err = ks_arena_copy(reader->arena, ks_buf_str(&reader->text), &header->declarations)) != KS_OK)
        return err;
    header->element = reader->root;
    return KS_OK;
}

enum ks_err ks_xml_read_header(
    struct ks_xml_reader *reader, struct ks_arena *arena, struct ks_str bytes, struct ks_xml_header *ret_header)
{
    struct ks_xml_header header = { .default_ns = KS_STR("") };
    XML_Parser primed = reader->parser;
    size_t primed_bytes = reader->bytes;
    enum ks_err err = KS_ENOMEM;

    begin(reader, arena, &header);
    reader->bytes = 0;
    reader->parser = new_parser(reader);
    if (reader->parser)
        err = read_header(reader, bytes);
    drop_parser(reader);
    reader->parser = primed;
    reader->bytes = primed_bytes;
    if (!err)
        *ret_header = header;
    return err;
}

struct ks_xml_reader *ks_xml_reader_new(void)
{
    return calloc(1, sizeof(struct ks_xml_reader));
}

void ks_xml_reader_free(struct ks_xml_reader *reader)
{
    if (!reader)
        return;
    drop_parser(reader);
    ks_buf_done(&reader->default_ns);
    ks_buf_done(&reader->declarations);
    ks_buf_done(&reader->text);
    free(reader);
}
