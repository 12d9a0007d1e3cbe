/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* commands.c -- what people ask of the engine: the table, how commands are answered, and those about the account. */
#include <stdlib.h>

#include "adhoc_client.h"
#include "command.h"
#include "enc.h"
#include "engine.h"
#include "group_commands.h"
#include "group_picture.h"
#include "group_register.h"
#include "group_roles.h"
#include "invitations.h"
#include "invite_link.h"
#include "kept_rooms.h"
#include "moderate.h"
#include "picture.h"
#include "server_info.h"
#include "transfer.h"
#include "vcard.h"

#define VERSION_TEXT "0.1.0"

/* --- answers --- */

static struct ks_str cmd_name(const struct ks_cmd *cmd)
{
    return ks_str_z(ks_cmd_shapes[cmd->kind].name);
}

enum ks_err ks_cmd_done(struct konsil *k, const struct ks_cmd *cmd)
{
    return ks_cmd_done_message(k, cmd, KS_STR_EMPTY);
}

enum ks_err ks_cmd_done_message(struct konsil *k, const struct ks_cmd *cmd, struct ks_str message)
{
    struct ks_ev_result event = { .re = cmd->id, .cmd = cmd_name(cmd), .message = message };

    return ks_tell(k, KS_EV_RESULT, &event);
}

enum ks_err ks_cmd_done_room(struct konsil *k, const struct ks_cmd *cmd, struct ks_str room)
{
    struct ks_ev_result event = { .re = cmd->id, .cmd = cmd_name(cmd), .room = room };

    return ks_tell(k, KS_EV_RESULT, &event);
}

enum ks_err ks_cmd_refuse(struct konsil *k, const struct ks_cmd *cmd, const char *code, struct ks_str detail)
{
    struct ks_ev_error event = { .re = cmd->id, .cmd = cmd_name(cmd), .code = ks_str_z(code), .detail = detail };

    return ks_tell(k, KS_EV_ERROR, &event);
}

/* --- what the server decides: with the request goes "KK id", the kind as two letters --- */

enum ks_err ks_cmd_text(struct konsil *k, const struct ks_cmd *cmd, struct ks_str *ret_text)
{
    char kind[3] = { (char)('A' + cmd->kind / 26), (char)('A' + cmd->kind % 26), ' ' };

    return ks_arena_join(&k->arena, (struct ks_str[]) { { kind, sizeof(kind) }, cmd->id }, 2, ret_text);
}

struct ks_str ks_cmd_text_id(struct ks_str text)
{
    struct ks_str id = text, kind;

    return ks_str_cut(&id, ' ', &kind) && id.len > 0 ? id : KS_STR_EMPTY;
}

/* False: none was waiting. The id may be empty, and then it is left out as it came. */
static bool read_text(struct ks_str text, struct ks_cmd *cmd)
{
    struct ks_str kind;

    *cmd = (struct ks_cmd) { .id = text };
    if (!ks_str_cut(&cmd->id, ' ', &kind) || kind.len != 2)
        return false;
    cmd->kind = (enum ks_cmd_kind)((kind.ptr[0] - 'A') * 26 + kind.ptr[1] - 'A');
    if (cmd->id.len == 0)
        cmd->id = KS_STR_EMPTY;
    return true;
}

enum ks_err ks_command_refused(struct konsil *k, struct ks_str text, const char *code, struct ks_str detail)
{
    struct ks_cmd cmd;

    return read_text(text, &cmd) ? ks_cmd_refuse(k, &cmd, code, detail) : KS_OK;
}

enum ks_err ks_command_answer(struct konsil *k, struct ks_str text, struct ks_str room, const struct ks_stanza *answer)
{
    struct ks_cmd cmd;

    if (!read_text(text, &cmd))
        return KS_OK;
    if (ks_iq_ok(answer))
        return room.len > 0 ? ks_cmd_done_room(k, &cmd, room) : ks_cmd_done(k, &cmd);
    return ks_cmd_refuse(k, &cmd, answer ? KS_CODE_REFUSED : KS_CODE_OFFLINE, ks_str_z(ks_iq_condition(answer)));
}

enum ks_err ks_cmd_answered(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    return ks_command_answer(k, iq->text, KS_STR_EMPTY, answer);
}

enum ks_err ks_cmd_answered_text(struct konsil *k, struct ks_str text, const struct ks_stanza *answer)
{
    return ks_command_answer(k, text, KS_STR_EMPTY, answer);
}

enum ks_err ks_cmd_sent(struct konsil *k, const struct ks_cmd *cmd, enum ks_err err)
{
    return err == KS_EAGAIN ? ks_cmd_refuse(k, cmd, KS_CODE_OFFLINE, KS_STR_EMPTY) : err;
}

/* --- the account --- */

static enum ks_err on_hello(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ev_hello event = { .re = cmd->id, .schema = KS_SCHEMA, .version = KS_STR(VERSION_TEXT) };

    return ks_tell(k, KS_EV_HELLO, &event);
}

static enum ks_js_connection connection_state(const struct konsil *k)
{
    switch (k->stream.state) {
    case KS_STREAM_OFF:
        break;
    case KS_STREAM_CONNECTING:
        return KS_JS_CONNECTION_CONNECTING;
    case KS_STREAM_LOGIN:
        return k->stream.login.state < KS_LOGIN_SECURED ? KS_JS_CONNECTION_CONNECTING
            : k->stream.login.state < KS_LOGIN_AUTHED   ? KS_JS_CONNECTION_SECURED
                                                        : KS_JS_CONNECTION_AUTHENTICATED;
    case KS_STREAM_ONLINE:
        return ks_catchup_done(k) ? KS_JS_CONNECTION_ONLINE : KS_JS_CONNECTION_CATCHING_UP;
    }
    return KS_JS_CONNECTION_OFFLINE;
}

static enum ks_err on_state(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ev_state event = { .re = cmd->id, .connection = connection_state(k), .jid = ks_own(k) };
    uint8_t identity[KS_IDENTITY_LEN];
    struct ks_buf hex;
    uint64_t waiting, transfers;
    enum ks_err err = ks_outbox_count(k, &waiting);

    if (err != KS_OK || (err = ks_transfers_count(k, &transfers)) != KS_OK)
        return err;
    event.waiting = (int64_t)(waiting + transfers);
    event.remembered = (k->remember && k->password) || k->token || k->certificate;
    event.tell_read = k->acks.tell_read;
    ks_buf_init(&hex, 2 * KS_IDENTITY_LEN + 1);
    if (k->omemo) {
        event.device = ks_omemo_device(k->omemo);
        ks_omemo_identity(k->omemo, identity);
        ks_hex_add(&hex, ks_str(identity, sizeof(identity)));
        event.fingerprint = ks_buf_str(&hex);
    }
    err = ks_buf_err(&hex) == KS_OK ? ks_tell(k, KS_EV_STATE, &event) : KS_ENOMEM;
    ks_buf_done(&hex);
    return err;
}

static enum ks_err keep_secret(char **at, struct ks_str text)
{
    char *copy = ks_str_dup(text);

    if (!copy)
        return KS_ENOMEM;
    if (*at)
        ks_wipe(*at, strlen(*at));
    free(*at);
    *at = copy;
    return KS_OK;
}

static enum ks_err on_connect(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_connect *connect = &cmd->connect;
    struct ks_invite_link link = { .token = KS_STR_EMPTY };
    struct ks_str jid = connect->jid;
    enum ks_err err;

    if (connect->invite.len > 0) {
        if ((err = ks_invite_link_read(&k->arena, connect->invite, &link)) == KS_ESYNTAX)
            return ks_cmd_refuse(k, cmd, KS_CODE_INVITE_LINK, KS_STR_EMPTY);
        if (err != KS_OK)
            return err;
        if (jid.len > 0 && !ks_str_eq(jid, link.jid))
            return ks_cmd_refuse(k, cmd, KS_CODE_INVITE_OTHER, KS_STR_EMPTY);
        if (connect->password.len == 0)
            return ks_cmd_refuse(k, cmd, KS_CODE_NO_PASSWORD, KS_STR_EMPTY);
        jid = link.jid;
    }
    if (!k->omemo && jid.len == 0)
        return ks_cmd_refuse(k, cmd, KS_CODE_NO_ACCOUNT, KS_STR_EMPTY);
    if (k->omemo && jid.len > 0 && !ks_str_eq(jid, ks_own(k)))
        return ks_cmd_refuse(k, cmd, KS_CODE_OTHER_ACCOUNT, KS_STR_EMPTY);
    if (connect->password.len == 0 && !k->password && !k->token && !k->certificate)
        return ks_cmd_refuse(k, cmd, KS_CODE_NO_PASSWORD, KS_STR_EMPTY);
    if (connect->password.len > 0) { /* whoever enters it wants it to be looked at: no token goes in its place */
        if ((err = ks_engine_drop_token(k)) != KS_OK || (err = keep_secret(&k->password, connect->password)) != KS_OK)
            return err;
        k->remember = connect->remember;
    }
    /* The same invitation again: whether the password went out with it is known. */
    if (!k->invite || !ks_str_eq(link.token, ks_str_z(k->invite)))
        ks_engine_forget_invite(k);
    if (link.token.len > 0 && (err = keep_secret(&k->invite, link.token)) != KS_OK)
        return err;
    if (!k->omemo && ((err = ks_meta_put(k, "account", jid)) != KS_OK || (err = ks_engine_account(k, jid)) != KS_OK))
        return err;
    free(k->host);
    k->host = NULL;
    if (connect->host.len > 0 && !(k->host = ks_str_dup(connect->host)))
        return KS_ENOMEM;
    k->port = (uint16_t)connect->port;
    k->direct_tls = connect->tls == KS_JS_TLS_DIRECT;
    k->after = ks_stream_want;
    return ks_cmd_done(k, cmd);
}

static void disconnect_now(struct konsil *k)
{
    ks_stream_unwant(k, KS_CODE_DISCONNECTED);
}

static enum ks_err on_disconnect(struct konsil *k, const struct ks_cmd *cmd)
{
    k->after = disconnect_now;
    return ks_cmd_done(k, cmd);
}

static void retry_now(struct konsil *k)
{
    k->stream.tries = 0;
    ks_stream_retry(k);
}

static enum ks_err on_retry(struct konsil *k, const struct ks_cmd *cmd)
{
    enum ks_err err = ks_outbox_retry(k);

    if (err != KS_OK)
        return err;
    ks_keys_retry(k);
    ks_transfers_retry(k);
    k->after = retry_now;
    return ks_cmd_done(k, cmd);
}

static void tell_active(struct konsil *k)
{
    ks_stream_attend(k, true);
}

static void tell_inactive(struct konsil *k)
{
    ks_stream_attend(k, false);
}

static enum ks_err on_attention(struct konsil *k, const struct ks_cmd *cmd)
{
    k->after = cmd->attention.active ? tell_active : tell_inactive;
    return ks_cmd_done(k, cmd);
}

static enum ks_err on_settings(struct konsil *k, const struct ks_cmd *cmd)
{
    enum ks_err err = ks_acks_tell_read(k, cmd->settings.tell_read);

    return err == KS_OK ? ks_cmd_done(k, cmd) : err;
}

/* --- rooms --- */

static enum ks_err on_rooms(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ev_rooms event = { .re = cmd->id };
    enum ks_err err = ks_group_rooms(k, &event.rooms);

    return err == KS_OK ? ks_tell(k, KS_EV_ROOMS, &event) : err;
}

static enum ks_err on_members(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ev_members event = { .re = cmd->id, .room = cmd->members.room };
    const char *code;
    enum ks_err err = ks_group_members(k, event.room, &code, &event.members);

    if (err != KS_OK)
        return err;
    return code ? ks_cmd_refuse(k, cmd, code, KS_STR_EMPTY) : ks_tell(k, KS_EV_MEMBERS, &event);
}

/* Answered when the room's server decided. */
static enum ks_err on_room_change(struct konsil *k, const struct ks_cmd *cmd)
{
    const char *code = NULL;
    struct ks_str text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    if (err != KS_OK || (err = ks_group_command(k, cmd, text, &code)) != KS_OK)
        return err;
    return code ? ks_cmd_refuse(k, cmd, code, KS_STR_EMPTY) : KS_OK;
}

static enum ks_err on_room_leave(struct konsil *k, const struct ks_cmd *cmd)
{
    const char *code;
    enum ks_err err = ks_group_leave(k, cmd->room_leave.room, &code);

    if (err != KS_OK)
        return err;
    return code ? ks_cmd_refuse(k, cmd, code, KS_STR_EMPTY) : ks_cmd_done_room(k, cmd, cmd->room_leave.room);
}

static enum ks_err on_room_join(struct konsil *k, const struct ks_cmd *cmd)
{
    const char *code;
    struct ks_str text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    if (err != KS_OK || (err = ks_group_join(k, cmd->room_join.room, text, &code)) != KS_OK)
        return err;
    return code ? ks_cmd_refuse(k, cmd, code, KS_STR_EMPTY) : KS_OK;
}

static enum ks_err on_room_destroy(struct konsil *k, const struct ks_cmd *cmd)
{
    const char *code;
    struct ks_str text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    if (err != KS_OK || (err = ks_group_destroy(k, cmd->room_destroy.room, text, &code)) != KS_OK)
        return err;
    return code ? ks_cmd_refuse(k, cmd, code, KS_STR_EMPTY) : KS_OK;
}

/* --- the table --- */

static const struct {
    enum ks_err (*run)(struct konsil *k, const struct ks_cmd *cmd);
    bool account; /* there must be one */
} handlers[KS_CMD_COUNT] = {
    [KS_CMD_HELLO] = { on_hello, false },
    [KS_CMD_STATE] = { on_state, false },
    [KS_CMD_CONNECT] = { on_connect, false },
    [KS_CMD_DISCONNECT] = { on_disconnect, false },
    [KS_CMD_SEND] = { ks_cmd_on_send, true },
    [KS_CMD_EDIT] = { ks_cmd_on_edit, true },
    [KS_CMD_REACT] = { ks_cmd_on_react, true },
    [KS_CMD_RETRACT] = { ks_cmd_on_retract, true },
    [KS_CMD_FORGET] = { ks_cmd_on_forget, true },
    [KS_CMD_MODERATE] = { ks_moderate_ask, true },
    [KS_CMD_MARK_READ] = { ks_cmd_on_mark_read, true },
    [KS_CMD_ATTENTION] = { on_attention, false },
    [KS_CMD_CONTACTS] = { ks_cmd_on_contacts, true },
    [KS_CMD_CONVERSATIONS] = { ks_cmd_on_conversations, true },
    [KS_CMD_HISTORY] = { ks_cmd_on_history, true },
    [KS_CMD_SEARCH] = { ks_cmd_on_search, true },
    [KS_CMD_DEVICES] = { ks_cmd_on_devices, true },
    [KS_CMD_SERVE] = { ks_cmd_on_serve, false },
    [KS_CMD_REPLY] = { ks_cmd_on_reply, true },
    [KS_CMD_ASK] = { ks_cmd_on_ask, true },
    [KS_CMD_ARCHIVE] = { ks_cmd_on_archive, true },
    [KS_CMD_ARCHIVE_RECOVERY] = { ks_cmd_on_archive_recovery, true },
    [KS_CMD_ARCHIVE_PIN] = { ks_cmd_on_archive_pin, true },
    [KS_CMD_ARCHIVE_OPEN] = { ks_cmd_on_archive_open, true },
    [KS_CMD_ENROL] = { ks_cmd_on_enrol, true },
    [KS_CMD_ENROLMENT] = { ks_cmd_on_enrolment, true },
    [KS_CMD_MIXED] = { ks_cmd_on_mixed, true },
    [KS_CMD_SIGN] = { ks_cmd_on_sign, true },
    [KS_CMD_SIGNED_FILE] = { ks_cmd_on_signed_file, true },
    [KS_CMD_VAULT_MAKE] = { ks_cmd_on_vault_make, true },
    [KS_CMD_VAULT_DROP] = { ks_cmd_on_vault_drop, true },
    [KS_CMD_VAULT_SLOTS] = { ks_cmd_on_vault_slots, true },
    [KS_CMD_TRUST] = { ks_cmd_on_trust, true },
    [KS_CMD_PRESENCE] = { ks_cmd_on_presence, true },
    [KS_CMD_CONTACT_ADD] = { ks_cmd_on_contact_add, true },
    [KS_CMD_CONTACT_REMOVE] = { ks_cmd_on_contact_remove, true },
    [KS_CMD_SUBSCRIBE] = { ks_cmd_on_subscribe, true },
    [KS_CMD_BLOCK] = { ks_cmd_on_block, true },
    [KS_CMD_UNBLOCK] = { ks_cmd_on_unblock, true },
    [KS_CMD_PUSH] = { ks_cmd_on_push, true },
    [KS_CMD_PUSH_SUBSCRIBE] = { ks_cmd_on_push_subscribe, true },
    [KS_CMD_PUSH_UNSUBSCRIBE] = { ks_cmd_on_push_unsubscribe, true },
    [KS_CMD_PUSH_SERVICE_SET] = { ks_cmd_on_push_service_set, true },
    [KS_CMD_PUSH_SERVICE_REMOVE] = { ks_cmd_on_push_service_remove, true },
    [KS_CMD_SETTINGS] = { on_settings, true },
    [KS_CMD_RETENTION] = { ks_lifetime_ask, true },
    [KS_CMD_RETENTION_SET] = { ks_lifetime_set, true },
    [KS_CMD_BOOKMARKS] = { ks_bookmarks_list, true },
    [KS_CMD_BOOKMARK_SET] = { ks_bookmarks_set, true },
    [KS_CMD_BOOKMARK_REMOVE] = { ks_bookmarks_remove, true },
    [KS_CMD_AVATAR] = { ks_picture_ask, true },
    [KS_CMD_AVATAR_SET] = { ks_picture_set, true },
    [KS_CMD_AVATAR_REMOVE] = { ks_picture_remove, true },
    [KS_CMD_VCARD] = { ks_vcard_ask, true },
    [KS_CMD_VCARD_SET] = { ks_vcard_set, true },
    [KS_CMD_ROOMS] = { on_rooms, true },
    [KS_CMD_MEMBERS] = { on_members, true },
    [KS_CMD_ROOM_OCCUPANTS] = { ks_group_occupants_ask, true },
    [KS_CMD_ROOM_KICK] = { ks_group_kick, true },
    [KS_CMD_ROOM_VOICE] = { ks_group_voice, true },
    [KS_CMD_ROOM_MODERATOR] = { ks_group_moderator, true },
    [KS_CMD_ROOM_ASK_VOICE] = { ks_group_ask_voice, true },
    [KS_CMD_ROOM_BAN] = { ks_group_ban, true },
    [KS_CMD_ROOM_UNBAN] = { ks_group_unban, true },
    [KS_CMD_ROOM_REGISTER] = { ks_group_register, true },
    [KS_CMD_ROOM_UNREGISTER] = { ks_group_unregister, true },
    [KS_CMD_ROOM_CREATE] = { on_room_change, true },
    [KS_CMD_ROOM_ADD] = { on_room_change, true },
    [KS_CMD_ROOM_REMOVE] = { on_room_change, true },
    [KS_CMD_ROOM_OWNER] = { on_room_change, true },
    [KS_CMD_ROOM_RENAME] = { on_room_change, true },
    [KS_CMD_ROOM_PICTURE] = { ks_group_picture_ask, true },
    [KS_CMD_ROOM_PICTURE_SET] = { ks_group_picture_set, true },
    [KS_CMD_ROOM_PICTURE_REMOVE] = { ks_group_picture_remove, true },
    [KS_CMD_ROOM_HISTORY] = { on_room_change, true },
    [KS_CMD_ROOM_RETENTION_SET] = { ks_group_retention_set, true },
    [KS_CMD_INVITATIONS] = { ks_invitations_list, true },
    [KS_CMD_INVITATION_DECLINE] = { ks_invitation_decline, true },
    [KS_CMD_ROOM_INVITE] = { ks_invitation_send, true },
    [KS_CMD_ROOM_JOIN] = { on_room_join, true },
    [KS_CMD_ROOM_LEAVE] = { on_room_leave, true },
    [KS_CMD_ROOM_DESTROY] = { on_room_destroy, true },
    [KS_CMD_FILE_SEND] = { ks_transfer_send, true },
    [KS_CMD_FILE_GET] = { ks_transfer_get, true },
    [KS_CMD_FILE_CANCEL] = { ks_transfer_cancel, true },
    [KS_CMD_TRANSFERS] = { ks_transfer_list, true },
    [KS_CMD_TASKS] = { ks_tasks_ask, true },
    [KS_CMD_TASK] = { ks_task_do, true },
    [KS_CMD_SERVER_INFO] = { ks_server_info_ask, true },
    [KS_CMD_SERVICES] = { ks_services_ask, true },
    [KS_CMD_OUTAGE_STATUS] = { ks_outage_status, true },
    [KS_CMD_RETRY] = { on_retry, false },
};

static enum ks_err run(struct konsil *k, void *arg)
{
    const struct ks_cmd *cmd = arg;

    k->after = NULL;
    if (handlers[cmd->kind].account && !k->omemo)
        return ks_cmd_refuse(k, cmd, KS_CODE_NO_ACCOUNT, KS_STR_EMPTY);
    return handlers[cmd->kind].run(k, cmd);
}

static enum ks_err tell_problem(struct konsil *k, void *arg)
{
    const struct ks_js_problem *problem = arg;
    struct ks_ev_error event = {
        .re = problem->id, .cmd = problem->cmd, .code = ks_str_z(problem->code), .detail = problem->detail
    };

    return ks_tell(k, KS_EV_ERROR, &event);
}

/* Nothing of it was done. Telling writes nothing. */
static enum ks_err tell_full(struct konsil *k, void *arg)
{
    return ks_cmd_refuse(k, arg, KS_CODE_STORE_FULL, KS_STR_EMPTY);
}

void ks_command(struct konsil *k, struct ks_str json)
{
    struct ks_js_problem problem;
    struct ks_arena arena;
    struct ks_cmd cmd;
    enum ks_err err;

    ks_arena_init(&arena, 4 * KONSIL_COMMAND_MAX);
    err = ks_json_command(&arena, json, &cmd, &problem);
    if (err == KS_OK) {
        if (!ks_step(k, run, &cmd))
            (void)ks_step(k, tell_full, &cmd); /* nothing comes of it when the engine has failed */
        else if (k->after)
            k->after(k);
    } else if (err == KS_ESYNTAX) {
        (void)ks_step(k, tell_problem, &problem);
    } else {
        k->failed = KS_ENOMEM;
    }
    ks_arena_done(&arena);
}
