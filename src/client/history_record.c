/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "history_record.h"

#define VERSION 1
#define RECEIPTS_MAX 1024

void ks_message_encode(struct ks_buf *buf, const struct ks_message *message)
{
    ks_buf_byte(buf, VERSION);
    ks_buf_u32(buf, message->flags);
    ks_buf_field(buf, message->id);
    ks_buf_field(buf, message->author);
    ks_buf_u32(buf, message->device);
    ks_buf_u64(buf, message->epoch);
    ks_buf_u64(buf, message->number);
    ks_buf_add(buf, ks_str(message->hash, sizeof(message->hash)));
    ks_buf_u64(buf, (uint64_t)message->time_ms);
    ks_buf_u64(buf, (uint64_t)message->stamp_ms);
    ks_buf_u64(buf, (uint64_t)message->edited_ms);
    ks_buf_field(buf, message->edited_id);
    ks_buf_byte(buf, (uint8_t)message->encryption);
    ks_buf_byte(buf, (uint8_t)message->wake);
    ks_buf_field(buf, message->body);
    ks_buf_field(buf, message->reply_to);
    ks_buf_field(buf, message->raw);
    if (message->flags & KS_MSG_NOTICE)
        ks_buf_byte(buf, (uint8_t)message->notice);
    if (message->flags & KS_MSG_FILES)
        ks_buf_field(buf, message->files);
    if (message->flags & KS_MSG_SIGNED)
        ks_signed_encode(buf, &message->signed_one);
    ks_buf_u64(buf, message->outbox);
    ks_buf_u32(buf, (uint32_t)message->receipt_count);
    for (size_t i = 0; i < message->receipt_count; i++) {
        ks_buf_field(buf, message->receipts[i].jid);
        ks_buf_byte(buf, (uint8_t)message->receipts[i].state);
        ks_buf_field(buf, message->receipts[i].reason);
    }
    ks_buf_u32(buf, (uint32_t)message->reaction_count);
    for (size_t i = 0; i < message->reaction_count; i++) {
        const struct ks_reaction *reaction = &message->reactions[i];

        ks_buf_field(buf, reaction->from);
        ks_buf_u64(buf, (uint64_t)reaction->time_ms);
        ks_buf_field(buf, reaction->id);
        ks_buf_u32(buf, (uint32_t)reaction->count);
        for (size_t j = 0; j < reaction->count; j++)
            ks_buf_field(buf, reaction->emoji[j]);
    }
}

static enum ks_err read_i64(struct ks_cursor *at, int64_t *ret_value)
{
    uint64_t value;
    enum ks_err err = ks_cursor_u64(at, &value);

    if (err == KS_OK)
        *ret_value = (int64_t)value;
    return err;
}

static enum ks_err read_head(struct ks_cursor *at, struct ks_message *message)
{
    struct ks_str hash;
    uint8_t encryption, wake, notice = 0;
    uint32_t flags;
    enum ks_err err;

    if ((err = ks_cursor_u32(at, &flags)) != KS_OK || (err = ks_cursor_field(at, &message->id)) != KS_OK
        || (err = ks_cursor_field(at, &message->author)) != KS_OK
        || (err = ks_cursor_u32(at, &message->device)) != KS_OK || (err = ks_cursor_u64(at, &message->epoch)) != KS_OK
        || (err = ks_cursor_u64(at, &message->number)) != KS_OK
        || (err = ks_cursor_take(at, sizeof(message->hash), &hash)) != KS_OK
        || (err = read_i64(at, &message->time_ms)) != KS_OK || (err = read_i64(at, &message->stamp_ms)) != KS_OK
        || (err = read_i64(at, &message->edited_ms)) != KS_OK
        || (err = ks_cursor_field(at, &message->edited_id)) != KS_OK || (err = ks_cursor_u8(at, &encryption)) != KS_OK
        || (err = ks_cursor_u8(at, &wake)) != KS_OK || (err = ks_cursor_field(at, &message->body)) != KS_OK
        || (err = ks_cursor_field(at, &message->reply_to)) != KS_OK
        || (err = ks_cursor_field(at, &message->raw)) != KS_OK
        || (flags & KS_MSG_NOTICE && (err = ks_cursor_u8(at, &notice)) != KS_OK)
        || (flags & KS_MSG_FILES && (err = ks_cursor_field(at, &message->files)) != KS_OK)
        || (flags & KS_MSG_SIGNED && (err = ks_signed_decode(at, &message->signed_one)) != KS_OK)
        || (err = ks_cursor_u64(at, &message->outbox)) != KS_OK)
        return err;
    if (encryption > KS_JS_ENCRYPTION_OMEMO1 || wake > KS_JS_WAKE_HIGH || notice > KS_JS_NOTICE_PICTURED)
        return KS_ESYNTAX;
    message->flags = flags;
    message->encryption = (enum ks_js_encryption)encryption;
    message->wake = (enum ks_js_wake)wake;
    message->notice = (enum ks_js_notice)notice;
    memcpy(message->hash, hash.ptr, sizeof(message->hash));
    return KS_OK;
}

static enum ks_err read_receipts(struct ks_arena *arena, struct ks_cursor *at, struct ks_message *message)
{
    uint32_t count;
    uint8_t state;
    enum ks_err err;

    if ((err = ks_cursor_u32(at, &count)) != KS_OK)
        return err;
    if (count > RECEIPTS_MAX)
        return KS_ESYNTAX;
    message->receipt_count = count;
    if (!(message->receipts = ks_arena_zero(arena, count * sizeof(*message->receipts))))
        return KS_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        if ((err = ks_cursor_field(at, &message->receipts[i].jid)) != KS_OK || (err = ks_cursor_u8(at, &state)) != KS_OK
            || (err = ks_cursor_field(at, &message->receipts[i].reason)) != KS_OK)
            return err;
        if (state < KS_JS_STATE_WAITING || state > KS_JS_STATE_FAILED)
            return KS_ESYNTAX;
        message->receipts[i].state = (enum ks_js_state)state;
    }
    return KS_OK;
}

static enum ks_err read_reaction(struct ks_arena *arena, struct ks_cursor *at, struct ks_reaction *reaction)
{
    uint32_t count;
    enum ks_err err;

    if ((err = ks_cursor_field(at, &reaction->from)) != KS_OK || (err = read_i64(at, &reaction->time_ms)) != KS_OK
        || (err = ks_cursor_field(at, &reaction->id)) != KS_OK || (err = ks_cursor_u32(at, &count)) != KS_OK)
        return err;
    if (count > KS_EMOJI_MAX)
        return KS_ESYNTAX;
    reaction->count = count;
    if (!(reaction->emoji = ks_arena_zero(arena, count * sizeof(*reaction->emoji))))
        return KS_ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        if ((err = ks_cursor_field(at, &reaction->emoji[i])) != KS_OK)
            return err;
    return KS_OK;
}

static enum ks_err read_reactions(struct ks_arena *arena, struct ks_cursor *at, struct ks_message *message)
{
    uint32_t count;
    enum ks_err err;

    if ((err = ks_cursor_u32(at, &count)) != KS_OK)
        return err;
    if (count > KS_REACTORS_MAX)
        return KS_ESYNTAX;
    message->reaction_count = count;
    if (!(message->reactions = ks_arena_zero(arena, count * sizeof(*message->reactions))))
        return KS_ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        if ((err = read_reaction(arena, at, &message->reactions[i])) != KS_OK)
            return err;
    return KS_OK;
}

enum ks_err ks_message_decode(struct ks_arena *arena, struct ks_str record, struct ks_message *ret_message)
{
    struct ks_message message = { .conversation = ret_message->conversation, .order = ret_message->order };
    struct ks_cursor at = ks_cursor(record);
    uint8_t version;
    enum ks_err err;

    if ((err = ks_cursor_u8(&at, &version)) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if ((err = read_head(&at, &message)) != KS_OK || (err = read_receipts(arena, &at, &message)) != KS_OK
        || (err = read_reactions(arena, &at, &message)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_ESTORE;
    *ret_message = message;
    return KS_OK;
}
