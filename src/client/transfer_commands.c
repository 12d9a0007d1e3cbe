/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* transfer_commands.c -- files on their way: what people ask for (transfer.h). */
#include "enc.h"
#include "engine.h"
#include "history.h"

static enum ks_err taken(struct konsil *k, const struct ks_cmd *cmd, const struct ks_transfer *transfer)
{
    struct ks_ev_result event = {
        .re = cmd->id, .cmd = ks_str_z(ks_cmd_shapes[cmd->kind].name), .transfer = (int64_t)transfer->number
    };
    enum ks_err err;

    ks_transfers_wake(k);
    if ((err = ks_tell(k, KS_EV_RESULT, &event)) != KS_OK)
        return err;
    return ks_transfer_tell(
        k, transfer, KS_JS_TRANSFER_STATE_WAITING, ks_online(k) ? NULL : KS_CODE_WAIT_CONNECTION, KS_STR_EMPTY);
}

/* KS_ELIMIT: there are too many. */
static enum ks_err add(struct konsil *k, struct ks_transfer *transfer)
{
    uint64_t count;
    enum ks_err err = ks_transfers_count(k, &count);

    if (err == KS_OK && count >= KS_TRANSFERS_MAX - 1)
        return KS_ELIMIT;
    if (err != KS_OK || (err = ks_transfer_new_number(k, &transfer->number)) != KS_OK)
        return err;
    transfer->made_ms = k->now.wall_ms;
    return ks_transfer_save(k, transfer);
}

/* NULL, or the member that is wrong. */
static const char *read_file(struct konsil *k, const struct ks_cmd_file_send *send, struct ks_files *files)
{
    struct ks_file_share *file = files->items;

    file->name = send->name;
    file->type = send->type.len ? send->type : KS_STR("application/octet-stream");
    file->width = (uint64_t)send->width;
    file->height = (uint64_t)send->height;
    if (!ks_file_name_good(send->name))
        return "name";
    if (!ks_file_type_good(file->type))
        return "type";
    if (send->thumbnail.len
        && (ks_base64_read(&k->arena, send->thumbnail, &file->thumbnail) != KS_OK
            || file->thumbnail.len > KS_FILE_THUMBNAIL_MAX || !ks_file_type_good(send->thumbnail_type)))
        return "thumbnail";
    file->thumbnail_type = send->thumbnail_type;
    files->set = send->set;
    files->part = (uint32_t)send->part;
    files->of = (uint32_t)send->of;
    if (files->of ? !files->set.len || !files->part || files->part > files->of : files->set.len || files->part)
        return "part";
    return NULL;
}

enum ks_err ks_transfer_send(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_file_send *send = &cmd->file_send;
    struct ks_file_share file = { .width = 0 };
    struct ks_transfer transfer = { .direction = KS_UP,
        .conversation = send->to,
        .path = send->path,
        .caption = send->caption,
        .urgency = send->wake == KS_JS_WAKE_HIGH ? KS_URGENCY_HIGH
            : send->wake == KS_JS_WAKE_NONE      ? KS_URGENCY_NONE
                                                 : KS_URGENCY_NORMAL,
        .files = { .items = &file, .count = 1 } };
    const char *wrong = read_file(k, send, &transfer.files), *closed;
    enum ks_err err;

    if (ks_str_eq(send->to, ks_own(k)))
        return ks_cmd_refuse(k, cmd, KS_CODE_TO_SELF, KS_STR_EMPTY);
    if ((err = ks_group_closed_to_us(k, send->to, &closed)) != KS_OK)
        return err;
    if (closed) /* before anything is uploaded for nobody */
        return ks_cmd_refuse(k, cmd, closed, KS_STR_EMPTY);
    if (wrong)
        return ks_cmd_refuse(k, cmd, KS_CODE_COMMAND_MEMBER_WRONG, ks_str_z(wrong));
    if ((err = add(k, &transfer)) == KS_ELIMIT)
        return ks_cmd_refuse(k, cmd, KS_CODE_FILE_TOO_MANY, KS_STR_EMPTY);
    return err == KS_OK ? taken(k, cmd, &transfer) : err;
}

enum ks_err ks_transfer_get(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_file_get *get = &cmd->file_get;
    struct ks_transfer transfer = { .direction = KS_DOWN,
        .conversation = get->conversation,
        .path = get->path,
        .message = get->message,
        .file = (uint32_t)get->file };
    struct ks_files files = { .count = 0 };
    struct ks_message message;
    enum ks_err err = ks_history_find(k, get->conversation, get->message, KS_STR_EMPTY, &message);

    if (err == KS_ENOTFOUND)
        return ks_cmd_refuse(k, cmd, KS_CODE_NO_MESSAGE, KS_STR_EMPTY);
    if (err == KS_OK && message.flags & KS_MSG_FILES)
        err = ks_files_decode(&k->arena, message.files, &files);
    if (err != KS_OK)
        return err;
    if (message.flags & KS_MSG_RETRACTED || transfer.file >= files.count)
        return ks_cmd_refuse(
            k, cmd, message.flags & KS_MSG_RETRACTED ? KS_CODE_RETRACTED : KS_CODE_FILE_NONE, KS_STR_EMPTY);
    transfer.order = message.order;
    if ((err = add(k, &transfer)) == KS_ELIMIT)
        return ks_cmd_refuse(k, cmd, KS_CODE_FILE_TOO_MANY, KS_STR_EMPTY);
    return err == KS_OK ? taken(k, cmd, &transfer) : err;
}

enum ks_err ks_transfer_cancel(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_transfer transfer;
    enum ks_err err = ks_transfer_load(k, (uint64_t)cmd->file_cancel.transfer, &transfer);

    if (err == KS_ENOTFOUND)
        return ks_cmd_refuse(k, cmd, KS_CODE_FILE_NO_TRANSFER, KS_STR_EMPTY);
    if (err != KS_OK || (err = ks_cmd_done(k, cmd)) != KS_OK || (err = ks_transfer_stop(k, &transfer)) != KS_OK)
        return err;
    return ks_transfer_fail(k, &transfer, KS_CODE_FILE_CANCELLED, KS_STR_EMPTY);
}

enum ks_err ks_transfer_list(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ev_transfers event = { .re = cmd->id };
    struct ks_js_transfer *shown;
    struct ks_transfer *items;
    size_t count;
    enum ks_err err = ks_transfer_all(k, &items, &count);

    if (err != KS_OK)
        return err;
    if (!(shown = ks_arena_zero(&k->arena, (count + 1) * sizeof(*shown))))
        return KS_ENOMEM;
    for (size_t i = 0; i < count && err == KS_OK; i++)
        err = ks_transfer_event(k, &items[i], &shown[i]);
    event.transfers.items = shown;
    event.transfers.count = count;
    return err == KS_OK ? ks_tell(k, KS_EV_TRANSFERS, &event) : err;
}
