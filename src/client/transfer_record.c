/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "transfer_record.h"

#define VERSION 1

void ks_transfer_encode(struct ks_buf *buf, const struct ks_transfer *transfer)
{
    ks_buf_byte(buf, VERSION);
    ks_buf_byte(buf, (uint8_t)transfer->direction);
    ks_buf_field(buf, transfer->conversation);
    ks_buf_field(buf, transfer->path);
    ks_buf_u64(buf, (uint64_t)transfer->made_ms);
    if (transfer->direction == KS_DOWN) {
        ks_buf_field(buf, transfer->message);
        ks_buf_u64(buf, (uint64_t)transfer->order);
        ks_buf_u32(buf, transfer->file);
        return;
    }
    ks_buf_field(buf, transfer->caption);
    ks_buf_byte(buf, (uint8_t)transfer->urgency);
    ks_files_encode(buf, &transfer->files);
}

static enum ks_err read_down(struct ks_cursor *at, struct ks_transfer *transfer)
{
    uint64_t order;

    if (ks_cursor_field(at, &transfer->message) != KS_OK || ks_cursor_u64(at, &order) != KS_OK
        || ks_cursor_u32(at, &transfer->file) != KS_OK || transfer->file >= KS_FILES_MAX || !ks_cursor_done(at))
        return KS_ESTORE;
    transfer->order = (int64_t)order;
    return KS_OK;
}

static enum ks_err read_up(struct ks_arena *arena, struct ks_cursor *at, struct ks_transfer *transfer)
{
    uint8_t urgency;
    enum ks_err err;

    if (ks_cursor_field(at, &transfer->caption) != KS_OK || ks_cursor_u8(at, &urgency) != KS_OK
        || urgency > KS_URGENCY_HIGH)
        return KS_ESTORE;
    transfer->urgency = (enum ks_urgency)urgency;
    if ((err = ks_files_decode(arena, at->left, &transfer->files)) != KS_OK)
        return err;
    return transfer->files.count == 1 ? KS_OK : KS_ESTORE;
}

enum ks_err ks_transfer_decode(struct ks_arena *arena, struct ks_str record, struct ks_transfer *ret_transfer)
{
    struct ks_cursor at = ks_cursor(record);
    uint8_t version, direction;
    uint64_t made;

    *ret_transfer = (struct ks_transfer) { .number = ret_transfer->number };
    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_u8(&at, &direction) != KS_OK || (direction != KS_UP && direction != KS_DOWN)
        || ks_cursor_field(&at, &ret_transfer->conversation) != KS_OK
        || ks_cursor_field(&at, &ret_transfer->path) != KS_OK || ks_cursor_u64(&at, &made) != KS_OK)
        return KS_ESTORE;
    ret_transfer->direction = (enum ks_direction)direction;
    ret_transfer->made_ms = (int64_t)made;
    return direction == KS_DOWN ? read_down(&at, ret_transfer) : read_up(arena, &at, ret_transfer);
}
