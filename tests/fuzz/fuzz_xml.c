/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The reader takes and refuses what expat does, and makes the same tree. What it takes for one element is one stanza to
 * the framer; written, it reads back as the same tree. The same for stream headers. */
#include "xml_expat.h"
#include "xml_framer.h"
#include "xml_same.h"

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

static void check_element(struct ks_arena *arena, struct ks_str bytes, struct ks_str ns)
{
    struct ks_xml *tree, *again;
    struct ks_buf buf;
    enum ks_err err = ks_xml_read(arena, bytes, ns, KS_STR_EMPTY, &tree);

    struct ks_xml *theirs = expat_read(arena, bytes, ns, KS_STR_EMPTY);
    assert(err == KS_OK ? theirs && same_xml(tree, theirs) : err == KS_ELIMIT || (err == KS_ESYNTAX && !theirs));
    if (!err) {
        assert(frame(true, bytes) == KS_FRAME_STANZA);
        ks_buf_init(&buf, 1U << 24);
        ks_xml_write(&buf, tree, ns);
        assert(!ks_buf_err(&buf) && ks_xml_text_ok(ks_buf_str(&buf)));
        assert(ks_xml_read(arena, ks_buf_str(&buf), ns, KS_STR_EMPTY, &again) == KS_OK && same_xml(tree, again));
        ks_buf_done(&buf);
    }
}

static void check_header(struct ks_arena *arena, struct ks_str bytes)
{
    struct ks_xml_header header, theirs;
    struct ks_xml *tree;
    enum ks_err err = ks_xml_read_header(arena, bytes, &header);

    assert(err == KS_ELIMIT || expat_read_header(arena, bytes, &theirs) == (err == KS_OK));
    if (err)
        return;
    assert(same_xml(header.element, theirs.element) && ks_str_eq(header.default_ns, theirs.default_ns));
    assert(ks_str_eq(header.declarations, theirs.declarations));
    assert(frame(false, bytes) == KS_FRAME_OPEN);
    assert(ks_xml_read(arena, KS_STR("<a/>"), header.default_ns, header.declarations, &tree) == KS_OK);
    assert(ks_str_eq(tree->ns, header.default_ns));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_arena arena;

    if (len > 1U << 16)
        return 0;
    ks_arena_init(&arena, 1U << 25);
    check_element(&arena, ks_str(data, len), KS_STR("jabber:client"));
    check_element(&arena, ks_str(data, len), KS_STR(""));
    check_header(&arena, ks_str(data, len));
    ks_arena_done(&arena);
    return 0;
}
