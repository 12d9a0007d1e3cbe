/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Content of an envelope that was read, and says something that we send too, reads as the same when it is written. */
#include <stdlib.h>

#include "envelope.h"
#include "xml_reader.h"
#include "xml_writer.h"

/* What we would have written: whole, and of a kind that we write. */
static bool is_ours(const struct ks_content *content)
{
    return content->ours && !content->rejected && (content->says <= KS_SAYS_GONE || content->says == KS_SAYS_EVIDENCE)
        && content->k.number > 0 && (content->says != KS_SAYS_TEXT || content->body.len > 0 || content->files.count > 0)
        && !content->more;
}

/* Those of others may lack one, ours have both hashes. */
static bool files_are_ours(const struct ks_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        if (!files->items[i].marks.has_sha256 || !files->items[i].marks.has_sealed_sha256)
            return false;
    return true;
}

static void check_again(struct ks_arena *arena, const struct ks_content *content)
{
    struct ks_content again;
    struct ks_xml *xml = ks_content_write(arena, content);
    struct ks_buf bytes;

    if (!xml)
        return; /* the arena is full */
    ks_buf_init(&bytes, 4u << 20);
    ks_xml_write(&bytes, xml, KS_STR_EMPTY);
    if (ks_buf_err(&bytes) == KS_OK && ks_xml_read(arena, ks_buf_str(&bytes), KS_STR_EMPTY, KS_STR_EMPTY, &xml) == KS_OK
        && ks_content_read(arena, xml, &again) == KS_OK) {
        assert(again.says == content->says && !again.rejected);
        assert(again.k.number == content->k.number && again.k.epoch == content->k.epoch);
        assert(again.range_count == content->range_count && again.item_count == content->item_count);
        assert(again.evidence.asks == content->evidence.asks && again.k.log_size == content->k.log_size);
        assert(ks_str_eq(again.evidence.signer, content->evidence.signer));
        assert(again.files.count == content->files.count && again.files.of == content->files.of);
        assert(ks_str_eq(again.target, content->target) && ks_str_eq(again.resent, content->resent));
    }
    ks_buf_done(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_content content;
    struct ks_arena arena;
    struct ks_xml *xml;

    ks_arena_init(&arena, 8u << 20);
    if (ks_xml_read(&arena, ks_str(data, len), KS_STR("urn:xmpp:sce:1"), KS_STR_EMPTY, &xml) == KS_OK
        && ks_content_read(&arena, xml, &content) == KS_OK && is_ours(&content) && files_are_ours(&content.files))
        check_again(&arena, &content);
    ks_arena_done(&arena);
    return 0;
}
