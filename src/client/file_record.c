/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "file_record.h"

#define VERSION 1

enum { HAS_SHA256 = 1, HAS_SEALED_SHA256 = 2 };

static void encode_file(struct ks_buf *buf, const struct ks_file_share *file)
{
    ks_buf_field(buf, file->id);
    ks_buf_field(buf, file->name);
    ks_buf_field(buf, file->type);
    ks_buf_field(buf, file->url);
    ks_buf_field(buf, file->thumbnail);
    ks_buf_field(buf, file->thumbnail_type);
    ks_buf_u64(buf, file->width);
    ks_buf_u64(buf, file->height);
    ks_buf_add(buf, ks_str(file->secret.key, sizeof file->secret.key));
    ks_buf_add(buf, ks_str(file->secret.nonce, sizeof file->secret.nonce));
    ks_buf_u64(buf, file->marks.bytes);
    ks_buf_byte(buf,
        (uint8_t)((file->marks.has_sha256 ? HAS_SHA256 : 0) | (file->marks.has_sealed_sha256 ? HAS_SEALED_SHA256 : 0)));
    ks_buf_add(buf, ks_str(file->marks.sha256, sizeof file->marks.sha256));
    ks_buf_add(buf, ks_str(file->marks.sealed_sha256, sizeof file->marks.sealed_sha256));
}

void ks_files_encode(struct ks_buf *buf, const struct ks_files *files)
{
    assert(files->count <= KS_FILES_MAX);
    ks_buf_byte(buf, VERSION);
    ks_buf_field(buf, files->set);
    ks_buf_u32(buf, files->part);
    ks_buf_u32(buf, files->of);
    ks_buf_u32(buf, (uint32_t)files->count);
    for (size_t i = 0; i < files->count; i++)
        encode_file(buf, &files->items[i]);
}

static enum ks_err read_bytes(struct ks_cursor *at, uint8_t *to, size_t len)
{
    struct ks_str bytes;
    enum ks_err err = ks_cursor_take(at, len, &bytes);

    if (err == KS_OK)
        memcpy(to, bytes.ptr, len);
    return err;
}

static enum ks_err read_file(struct ks_cursor *at, struct ks_file_share *file)
{
    uint8_t has;

    if (ks_cursor_field(at, &file->id) != KS_OK || ks_cursor_field(at, &file->name) != KS_OK
        || ks_cursor_field(at, &file->type) != KS_OK || ks_cursor_field(at, &file->url) != KS_OK
        || ks_cursor_field(at, &file->thumbnail) != KS_OK || ks_cursor_field(at, &file->thumbnail_type) != KS_OK
        || ks_cursor_u64(at, &file->width) != KS_OK || ks_cursor_u64(at, &file->height) != KS_OK
        || read_bytes(at, file->secret.key, sizeof file->secret.key) != KS_OK
        || read_bytes(at, file->secret.nonce, sizeof file->secret.nonce) != KS_OK
        || ks_cursor_u64(at, &file->marks.bytes) != KS_OK || ks_cursor_u8(at, &has) != KS_OK
        || read_bytes(at, file->marks.sha256, sizeof file->marks.sha256) != KS_OK
        || read_bytes(at, file->marks.sealed_sha256, sizeof file->marks.sealed_sha256) != KS_OK)
        return KS_ESTORE;
    if (file->name.len > KS_FILE_NAME_MAX || file->type.len > KS_FILE_TYPE_MAX || file->url.len > KS_FILE_URL_MAX
        || file->thumbnail.len > KS_FILE_THUMBNAIL_MAX || file->marks.bytes > KS_FILE_BYTES_MAX
        || has > (HAS_SHA256 | HAS_SEALED_SHA256))
        return KS_ESTORE;
    file->marks.has_sha256 = has & HAS_SHA256;
    file->marks.has_sealed_sha256 = has & HAS_SEALED_SHA256;
    return KS_OK;
}

enum ks_err ks_files_decode(struct ks_arena *arena, struct ks_str record, struct ks_files *ret_files)
{
    struct ks_cursor at = ks_cursor(record);
    uint8_t version;
    uint32_t count;
    enum ks_err err = KS_OK;

    *ret_files = (struct ks_files) { .count = 0 };
    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_field(&at, &ret_files->set) != KS_OK || ks_cursor_u32(&at, &ret_files->part) != KS_OK
        || ks_cursor_u32(&at, &ret_files->of) != KS_OK || ks_cursor_u32(&at, &count) != KS_OK || count > KS_FILES_MAX
        || ret_files->of > KS_FILE_PARTS_MAX || ret_files->part > ret_files->of)
        return KS_ESTORE;
    if (!(ret_files->items = ks_arena_zero(arena, (count + 1) * sizeof *ret_files->items)))
        return KS_ENOMEM;
    while (ret_files->count < count && err == KS_OK)
        err = read_file(&at, &ret_files->items[ret_files->count++]);
    return err == KS_OK && !ks_cursor_done(&at) ? KS_ESTORE : err;
}
