/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the reader takes for one element is one stanza to the framer; written, it reads back as the same tree; and bytes
 * that are refused spoil nothing for the next stanza. The same for stream headers. */
#include "xml_framer.h"
#include "xml_reader.h"
#include "xml_writer.h"

static bool same_attrs(const struct ks_xml_attr *a, const struct ks_xml_attr *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (!ks_str_eq(a->ns, b->ns) || !ks_str_eq(a->name, b->name) || !ks_str_eq(a->value, b->value))
            return false;
    return a == b;
}

static bool same(const struct ks_xml *a, const struct ks_xml *b)
{
    if (!ks_str_eq(a->ns, b->ns) || !ks_str_eq(a->name, b->name) || !ks_str_eq(a->text, b->text)
        || !same_attrs(a->attrs, b->attrs))
        return false;
    for (a = a->child, b = b->child; a && b; a = a->next, b = b->next)
        if (!same(a, b))
            return false;
    return a == b;
}

/* What the framer says of bytes, after blanks, in a stream or before it; MORE if they are not all of it. */
static enum ks_frame frame(bool in_stream, struct ks_str bytes)
{
    struct ks_framer framer;
    enum ks_frame found;
    size_t len;

    ks_framer_init(&framer, 1U << 24, KS_XML_DEPTH_MAX);
    if (in_stream && ks_framer_next(&framer, KS_STR("<s>"), &len) != KS_FRAME_OPEN)
        return KS_FRAME_BAD;
    while ((found = ks_framer_next(&framer, bytes, &len)) == KS_FRAME_BLANK)
        bytes = ks_str_from(bytes, len);
    return ks_str_trim(ks_str_from(bytes, len)).len ? KS_FRAME_MORE : found;
}

static void check_element(struct ks_xml_reader *reader, struct ks_arena *arena, struct ks_str bytes, struct ks_str ns)
{
    struct ks_xml *tree, *again;
    struct ks_buf buf;
    enum ks_err err = ks_xml_read(reader, arena, bytes, ns, KS_STR_EMPTY, &tree);

    assert(err == KS_OK || err == KS_ESYNTAX || err == KS_ELIMIT);
    if (!err) {
        assert(frame(true, bytes) == KS_FRAME_STANZA);
        ks_buf_init(&buf, 1U << 24);
        ks_xml_write(&buf, tree, ns);
        assert(!ks_buf_err(&buf) && ks_xml_text_ok(ks_buf_str(&buf)));
        assert(ks_xml_read(reader, arena, ks_buf_str(&buf), ns, KS_STR_EMPTY, &again) == KS_OK && same(tree, again));
        ks_buf_done(&buf);
    }
    assert(ks_xml_read(reader, arena, KS_STR("<good/>"), ns, KS_STR_EMPTY, &tree) == KS_OK && tree->ns.len == ns.len);
}

static void check_header(struct ks_xml_reader *reader, struct ks_arena *arena, struct ks_str bytes)
{
    struct ks_xml_header header;
    struct ks_xml *tree;
    enum ks_err err = ks_xml_read_header(reader, arena, bytes, &header);

    if (err)
        return;
    assert(frame(false, bytes) == KS_FRAME_OPEN);
    assert(ks_xml_read(reader, arena, KS_STR("<a/>"), header.default_ns, header.declarations, &tree) == KS_OK);
    assert(ks_str_eq(tree->ns, header.default_ns));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct ks_xml_reader *reader; /* one for all, as in a thread */
    struct ks_arena arena;

    if (!reader)
        reader = ks_xml_reader_new();
    if (len > 1U << 16)
        return 0;
    ks_arena_init(&arena, 1U << 25);
    check_element(reader, &arena, ks_str(data, len), KS_STR("jabber:client"));
    check_element(reader, &arena, ks_str(data, len), KS_STR(""));
    check_header(reader, &arena, ks_str(data, len));
    ks_arena_done(&arena);
    return 0;
}
