/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Every element of a stream is a stanza, is refused as one in a way that can be answered, or is none; and the answer is
 * itself a stanza of type error to the sender. */
#include "stanza.h"
#include "xml_reader.h"
#include "xml_writer.h"

static void check_answer(struct ks_arena *arena, const struct ks_stanza *stanza)
{
    struct ks_stanza answer;
    struct ks_xml *tree;
    struct ks_buf buf;
    enum ks_cond cond;

    ks_buf_init(&buf, 1U << 20);
    ks_xml_write(&buf, ks_stanza_error(arena, stanza, KS_BAD_REQUEST, "text"), KS_STR(NS_CLIENT));
    assert(!ks_buf_err(&buf));
    assert(ks_xml_read(arena, ks_buf_str(&buf), KS_STR(NS_CLIENT), KS_STR_EMPTY, &tree) == KS_OK);
    enum ks_err err = ks_stanza_read(arena, tree, &answer, &cond);
    assert(err == KS_OK || err == KS_ESYNTAX); /* addresses go back as they were written, so they may be bad */
    assert(answer.kind == stanza->kind && ks_str_eq(answer.id, stanza->id));
    assert(answer.type == KS_MSG_ERROR || answer.type == KS_PRES_ERROR || answer.type == KS_IQ_ERROR);
    if (stanza->has_from)
        assert(answer.has_to && ks_jid_eq(answer.to, stanza->from));
    ks_buf_done(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_stanza stanza;
    struct ks_arena arena;
    struct ks_xml *tree;
    enum ks_cond cond;

    ks_arena_init(&arena, 1U << 24);
    if (len < 1U << 16 && ks_xml_read(&arena, ks_str(data, len), KS_STR(NS_CLIENT), KS_STR_EMPTY, &tree) == KS_OK) {
        enum ks_err err = ks_stanza_read(&arena, tree, &stanza, &cond);
        assert(err == KS_OK || err == KS_ESTATE
            || (err == KS_ESYNTAX && (cond == KS_BAD_REQUEST || cond == KS_JID_MALFORMED)));
        if (err != KS_ESTATE)
            check_answer(&arena, &stanza);
        if (!err && stanza.kind == KS_IQ)
            assert(stanza.id.len && (stanza.payload != NULL) == (stanza.type == KS_IQ_GET || stanza.type == KS_IQ_SET));
    }
    ks_arena_done(&arena);
    return 0;
}
