/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A file in a message that was read and has both hashes reads as the same when it is written; so does an aesgcm:// URI.
 */
#include "file_share.h"

#include "ns.h"
#include "xml_reader.h"
#include "xml_writer.h"

static void check_again(struct ks_arena *arena, const struct ks_file_share *file)
{
    struct ks_xml *content = ks_xml_new(arena, "urn:xmpp:sce:1", "content"), *xml;
    struct ks_file_share again;
    struct ks_buf bytes;

    xml = ks_file_share_write(arena, content, file);
    if (!xml)
        return; /* the arena is full */
    ks_buf_init(&bytes, 4u << 20);
    ks_xml_write(&bytes, xml, KS_STR_EMPTY);
    if (ks_buf_err(&bytes) == KS_OK
        && ks_xml_read(arena, ks_buf_str(&bytes), KS_STR_EMPTY, KS_STR_EMPTY, &xml) == KS_OK) {
        assert(ks_file_share_read(arena, xml, &again) == KS_OK);
        assert(
            ks_str_eq(again.name, file->name) && ks_str_eq(again.type, file->type) && ks_str_eq(again.url, file->url));
        assert(memcmp(&again.secret, &file->secret, sizeof again.secret) == 0);
        assert(again.marks.bytes == file->marks.bytes && ks_str_eq(again.thumbnail, file->thumbnail));
    }
    ks_buf_done(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_file_share file;
    struct ks_arena arena;
    struct ks_xml *xml;
    struct ks_str uri;

    ks_arena_init(&arena, 8u << 20);
    if (ks_file_share_uri_read(&arena, ks_str(data, len), &file) == KS_OK
        && ks_file_share_uri(&arena, &file, &uri) == KS_OK)
        assert(uri.len == len);
    if (ks_xml_read(&arena, ks_str(data, len), KS_STR(NS_CLIENT), KS_STR_EMPTY, &xml) == KS_OK
        && ks_file_share_read(&arena, xml, &file) == KS_OK) {
        assert(ks_file_name_good(file.name) && file.url.len <= KS_FILE_URL_MAX
            && file.thumbnail.len <= KS_FILE_THUMBNAIL_MAX);
        if (file.marks.has_sha256 && file.marks.has_sealed_sha256)
            check_again(&arena, &file);
    }
    ks_arena_done(&arena);
    return 0;
}
