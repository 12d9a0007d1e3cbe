/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* commands.c -- what people ask of the engine: each command of the schema, and its answer. */
#include <stdlib.h>

#include "command.h"
#include "contacts.h"
#include "enc.h"
#include "engine.h"
#include "erase.h"
#include "group_commands.h"
#include "history.h"
#include "kept_rooms.h"
#include "peers.h"
#include "picture.h"
#include "refer.h"

#define VERSION_TEXT "0.1.0"
#define PAGE_DEFAULT 50

/* One command at work. A handler answers with one event, or leaves that to `after` or to an answer of the server. */
struct call {
    const struct ks_cmd *cmd;
    void (*after)(struct konsil *k); /* once the step is durable: what may not happen in a step */
};

/* --- answers --- */

static struct ks_str cmd_name(const struct ks_cmd *cmd)
{
    return ks_str_z(ks_cmd_shapes[cmd->kind].name);
}

static enum ks_err done(struct konsil *k, const struct ks_cmd *cmd, struct ks_str message)
{
    struct ks_ev_result event = { .re = cmd->id, .cmd = cmd_name(cmd), .message = message };

    return ks_tell(k, KS_EV_RESULT, &event);
}

static enum ks_err done_room(struct konsil *k, const struct ks_cmd *cmd, struct ks_str room)
{
    struct ks_ev_result event = { .re = cmd->id, .cmd = cmd_name(cmd), .room = room };

    return ks_tell(k, KS_EV_RESULT, &event);
}

static enum ks_err refuse(struct konsil *k, const struct ks_cmd *cmd, const char *code, struct ks_str detail)
{
    struct ks_ev_error event = { .re = cmd->id, .cmd = cmd_name(cmd), .code = ks_str_z(code), .detail = detail };

    return ks_tell(k, KS_EV_ERROR, &event);
}

/* --- what the server decides: iq->text is the command's id, iq->number its kind --- */

enum ks_err ks_command_answer(struct konsil *k, struct ks_str text, struct ks_str room, const struct ks_stanza *answer)
{
    struct ks_cmd cmd = { .id = text };
    struct ks_str kind;

    /* "kind id": the id may be empty, and then it is left out as it came. */
    if (!ks_str_cut(&cmd.id, ' ', &kind) || kind.len != 1)
        return KS_OK;
    cmd.kind = (enum ks_cmd_kind)(kind.ptr[0] - 'A');
    if (cmd.id.len == 0)
        cmd.id = KS_STR_EMPTY;
    if (ks_iq_ok(answer))
        return room.len > 0 ? done_room(k, &cmd, room) : done(k, &cmd, KS_STR_EMPTY);
    return refuse(k, &cmd, answer ? KS_CODE_REFUSED : KS_CODE_OFFLINE, ks_str_z(ks_iq_condition(answer)));
}

static enum ks_err on_answer(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    return ks_command_answer(k, iq->text, KS_STR_EMPTY, answer);
}

static enum ks_err call_text(struct konsil *k, const struct ks_cmd *cmd, struct ks_str *ret_text)
{
    char kind[2] = { (char)('A' + cmd->kind), ' ' };

    return ks_arena_join(&k->arena, (struct ks_str[]) { { kind, 2 }, cmd->id }, 2, ret_text);
}

static enum ks_err sent(struct konsil *k, const struct ks_cmd *cmd, enum ks_err err)
{
    return err == KS_EAGAIN ? refuse(k, cmd, KS_CODE_OFFLINE, KS_STR_EMPTY) : err;
}

/* --- for handlers of other files (command.h) --- */

enum ks_err ks_cmd_done(struct konsil *k, const struct ks_cmd *cmd)
{
    return done(k, cmd, KS_STR_EMPTY);
}

enum ks_err ks_cmd_refuse(struct konsil *k, const struct ks_cmd *cmd, const char *code, struct ks_str detail)
{
    return refuse(k, cmd, code, detail);
}

enum ks_err ks_cmd_text(struct konsil *k, const struct ks_cmd *cmd, struct ks_str *ret_text)
{
    return call_text(k, cmd, ret_text);
}

enum ks_err ks_cmd_answered(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    return on_answer(k, iq, answer);
}

enum ks_err ks_cmd_answered_text(struct konsil *k, struct ks_str text, const struct ks_stanza *answer)
{
    return on_answer(k, &(struct ks_iq) { .text = text }, answer);
}

struct ks_str ks_cmd_text_id(struct ks_str text)
{
    struct ks_str id = text, kind;

    return ks_str_cut(&id, ' ', &kind) && id.len > 0 ? id : KS_STR_EMPTY;
}

enum ks_err ks_cmd_sent(struct konsil *k, const struct ks_cmd *cmd, enum ks_err err)
{
    return sent(k, cmd, err);
}

/* --- the account --- */

static enum ks_err on_hello(struct konsil *k, struct call *call)
{
    struct ks_ev_hello event = { .re = call->cmd->id, .schema = KS_SCHEMA, .version = KS_STR(VERSION_TEXT) };

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

static enum ks_err on_state(struct konsil *k, struct call *call)
{
    struct ks_ev_state event = { .re = call->cmd->id, .connection = connection_state(k), .jid = ks_own(k) };
    uint8_t identity[KS_IDENTITY_LEN];
    struct ks_buf hex;
    uint64_t waiting;
    enum ks_err err = ks_outbox_count(k, &waiting);

    if (err != KS_OK)
        return err;
    event.waiting = (int64_t)waiting;
    event.remembered = (k->remember && k->password) || k->token;
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

static enum ks_err on_connect(struct konsil *k, struct call *call)
{
    const struct ks_cmd_connect *connect = &call->cmd->connect;
    enum ks_err err;

    if (!k->omemo && connect->jid.len == 0)
        return refuse(k, call->cmd, KS_CODE_NO_ACCOUNT, KS_STR_EMPTY);
    if (k->omemo && connect->jid.len > 0 && !ks_str_eq(connect->jid, ks_own(k)))
        return refuse(k, call->cmd, KS_CODE_OTHER_ACCOUNT, KS_STR_EMPTY);
    if (connect->password.len == 0 && !k->password && !k->token)
        return refuse(k, call->cmd, KS_CODE_NO_PASSWORD, KS_STR_EMPTY);
    if (connect->password.len > 0) { /* whoever enters it wants it to be looked at: no token goes in its place */
        if ((err = ks_engine_drop_token(k)) != KS_OK || (err = keep_secret(&k->password, connect->password)) != KS_OK)
            return err;
        k->remember = connect->remember;
    }
    if (!k->omemo
        && ((err = ks_meta_put(k, "account", connect->jid)) != KS_OK
            || (err = ks_engine_account(k, connect->jid)) != KS_OK))
        return err;
    free(k->host);
    k->host = NULL;
    if (connect->host.len > 0 && !(k->host = ks_str_dup(connect->host)))
        return KS_ENOMEM;
    k->port = (uint16_t)connect->port;
    k->direct_tls = connect->tls == KS_JS_TLS_DIRECT;
    call->after = ks_stream_want;
    return done(k, call->cmd, KS_STR_EMPTY);
}

static void disconnect_now(struct konsil *k)
{
    ks_stream_unwant(k, KS_CODE_DISCONNECTED);
}

static enum ks_err on_disconnect(struct konsil *k, struct call *call)
{
    call->after = disconnect_now;
    return done(k, call->cmd, KS_STR_EMPTY);
}

static void retry_now(struct konsil *k)
{
    k->stream.tries = 0;
    ks_stream_retry(k);
}

static enum ks_err on_retry(struct konsil *k, struct call *call)
{
    enum ks_err err = ks_outbox_retry(k);

    if (err != KS_OK)
        return err;
    ks_keys_retry(k);
    call->after = retry_now;
    return done(k, call->cmd, KS_STR_EMPTY);
}

/* --- writing --- */

static enum ks_err on_send(struct konsil *k, struct call *call)
{
    const struct ks_cmd_send *send = &call->cmd->send;
    struct ks_content content = { .says = KS_SAYS_TEXT, .body = send->body };
    struct ks_message target;
    struct ks_str id;
    enum ks_err err;

    if (ks_str_eq(send->to, ks_own(k)))
        return refuse(k, call->cmd, KS_CODE_TO_SELF, KS_STR_EMPTY);
    if (send->reply_to.len > 0) {
        err = ks_history_find(k, send->to, send->reply_to, KS_STR_EMPTY, &target);
        if (err == KS_ENOTFOUND)
            return refuse(k, call->cmd, KS_CODE_NO_MESSAGE, KS_STR_EMPTY);
        if (err != KS_OK)
            return err;
        content.reply_to = target.id;
        content.reply_author = target.author;
        content.has_ref = target.flags & KS_MSG_HAS_HASH;
        memcpy(content.ref_hash, target.hash, sizeof(content.ref_hash));
    }
    content.k.urgency = send->wake == KS_JS_WAKE_HIGH ? KS_URGENCY_HIGH
        : send->wake == KS_JS_WAKE_NONE               ? KS_URGENCY_NONE
                                                      : KS_URGENCY_NORMAL;
    if ((err = ks_outbox_add(k, send->to, &content, &id)) != KS_OK)
        return err;
    return done(k, call->cmd, id);
}

/* Edits, reactions and retractions take effect here at once, and go the way of messages. */
static enum ks_err refer(struct konsil *k, struct call *call, struct ks_str conversation, struct ks_content *content,
    struct ks_message *target, enum ks_err (*apply)(struct konsil *, const struct ks_reference *))
{
    struct ks_reference reference = {
        .conversation = conversation, .author = ks_own(k), .time_ms = k->now.wall_ms, .content = content
    };
    enum ks_err err;

    content->target = target->id;
    content->has_ref = target->flags & KS_MSG_HAS_HASH;
    memcpy(content->ref_hash, target->hash, sizeof(content->ref_hash));
    if ((err = ks_outbox_add(k, conversation, content, &reference.id)) != KS_OK)
        return err;
    if ((err = apply(k, &reference)) != KS_OK)
        return err;
    return done(k, call->cmd, reference.id);
}

/* KS_ENOTFOUND when the command was refused already. */
static enum ks_err find_target(struct konsil *k, struct call *call, struct ks_str conversation, struct ks_str id,
    bool own, struct ks_message *ret_target)
{
    enum ks_err err = ks_history_find(k, conversation, id, own ? ks_own(k) : KS_STR_EMPTY, ret_target);
    const char *code = NULL;

    if (err == KS_ENOTFOUND) {
        code = KS_CODE_NO_MESSAGE;
        if (own && (err = ks_history_find(k, conversation, id, KS_STR_EMPTY, ret_target)) == KS_OK)
            code = KS_CODE_NOT_YOURS;
        if (err != KS_OK && err != KS_ENOTFOUND)
            return err;
    } else if (err == KS_OK && ret_target->flags & KS_MSG_RETRACTED) {
        code = KS_CODE_RETRACTED;
    }
    if (!code)
        return err;
    err = refuse(k, call->cmd, code, KS_STR_EMPTY);
    return err == KS_OK ? KS_ENOTFOUND : err;
}

static enum ks_err apply_edit(struct konsil *k, const struct ks_reference *reference)
{
    bool applied;

    return ks_refer_edit(k, reference, &applied);
}

static enum ks_err on_edit(struct konsil *k, struct call *call)
{
    const struct ks_cmd_edit *edit = &call->cmd->edit;
    struct ks_content content = { .says = KS_SAYS_EDIT, .body = edit->body };
    struct ks_message target;
    enum ks_err err = find_target(k, call, edit->conversation, edit->message, true, &target);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    return refer(k, call, edit->conversation, &content, &target, apply_edit);
}

static enum ks_err on_retract(struct konsil *k, struct call *call)
{
    const struct ks_cmd_retract *retract = &call->cmd->retract;
    struct ks_content content = { .says = KS_SAYS_RETRACT };
    struct ks_message target;
    enum ks_err err = find_target(k, call, retract->conversation, retract->message, true, &target);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if ((err = ks_erase_want(k, &target, k->outbox.next)) != KS_OK)
        return err;
    return refer(k, call, retract->conversation, &content, &target, ks_refer_retract);
}

static enum ks_err on_react(struct konsil *k, struct call *call)
{
    const struct ks_cmd_react *react = &call->cmd->react;
    struct ks_content content = { .says = KS_SAYS_REACTIONS, .emoji_count = react->emoji.count };
    struct ks_message target;
    enum ks_err err = find_target(k, call, react->conversation, react->message, false, &target);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (!(content.emoji = ks_arena_alloc(&k->arena, react->emoji.count * sizeof(*content.emoji))))
        return KS_ENOMEM;
    for (size_t i = 0; i < react->emoji.count; i++)
        content.emoji[i] = react->emoji.items[i];
    return refer(k, call, react->conversation, &content, &target, ks_refer_reactions);
}

/* --- reading --- */

static enum ks_err on_mark_read(struct konsil *k, struct call *call)
{
    const struct ks_cmd_mark_read *mark = &call->cmd->mark_read;
    struct ks_conversation conversation;
    struct ks_message message;
    int64_t order;
    enum ks_err err = ks_conversation_get(k, mark->conversation, &conversation);

    if (err != KS_OK)
        return err;
    order = conversation.last_order;
    if (mark->message.len > 0) {
        err = ks_history_find(k, mark->conversation, mark->message, KS_STR_EMPTY, &message);
        if (err == KS_ENOTFOUND)
            return refuse(k, call->cmd, KS_CODE_NO_MESSAGE, KS_STR_EMPTY);
        if (err != KS_OK)
            return err;
        order = message.order;
    }
    if (order > 0 && (err = ks_acks_read(k, mark->conversation, order)) != KS_OK)
        return err;
    return done(k, call->cmd, KS_STR_EMPTY);
}

static void tell_active(struct konsil *k)
{
    ks_stream_attend(k, true);
}

static void tell_inactive(struct konsil *k)
{
    ks_stream_attend(k, false);
}

static enum ks_err on_attention(struct konsil *k, struct call *call)
{
    call->after = call->cmd->attention.active ? tell_active : tell_inactive;
    return done(k, call->cmd, KS_STR_EMPTY);
}

static enum ks_err on_settings(struct konsil *k, struct call *call)
{
    enum ks_err err = ks_acks_tell_read(k, call->cmd->settings.tell_read);

    return err == KS_OK ? done(k, call->cmd, KS_STR_EMPTY) : err;
}

static enum ks_err message_events(struct konsil *k, const struct ks_message *messages, size_t count, bool reverse,
    struct ks_js_message_list *ret_list)
{
    struct ks_js_message *items = ks_arena_zero(&k->arena, count * sizeof(*items));
    enum ks_err err;

    if (!items)
        return KS_ENOMEM;
    for (size_t i = 0; i < count; i++)
        if ((err = ks_history_event(k, &messages[reverse ? count - 1 - i : i], &items[i])) != KS_OK)
            return err;
    *ret_list = (struct ks_js_message_list) { items, count };
    return KS_OK;
}

static enum ks_err on_history(struct konsil *k, struct call *call)
{
    const struct ks_cmd_history *history = &call->cmd->history;
    struct ks_ev_history event = { .re = call->cmd->id, .with = history->with };
    size_t limit = history->limit > 0 ? (size_t)history->limit : PAGE_DEFAULT, count;
    struct ks_message *messages;
    enum ks_err err;

    /* One more than asked for says whether there are older ones. */
    if ((err = ks_history_page(k, history->with, history->before, limit + 1, &messages, &count)) != KS_OK)
        return err;
    event.more = count > limit;
    if ((err = message_events(k, messages, count > limit ? limit : count, true, &event.messages)) != KS_OK)
        return err;
    return ks_tell(k, KS_EV_HISTORY, &event);
}

static enum ks_err on_search(struct konsil *k, struct call *call)
{
    const struct ks_cmd_search *search = &call->cmd->search;
    struct ks_ev_found event = { .re = call->cmd->id };
    size_t limit = search->limit > 0 ? (size_t)search->limit : PAGE_DEFAULT, count;
    struct ks_message *messages;
    enum ks_err err;

    if ((err = ks_history_search(k, search->text, limit, &messages, &count)) != KS_OK
        || (err = message_events(k, messages, count, false, &event.messages)) != KS_OK)
        return err;
    return ks_tell(k, KS_EV_FOUND, &event);
}

static enum ks_err conversation_event(
    struct konsil *k, const struct ks_conversation *conversation, struct ks_js_conversation *ret_event)
{
    struct ks_js_message *last;
    struct ks_message *messages;
    struct ks_contact contact;
    struct ks_group group;
    struct ks_js_room room;
    size_t count;
    enum ks_err err;

    *ret_event = (struct ks_js_conversation) { .with = conversation->with, .unread = conversation->unread };
    if ((err = ks_contact_get(k, conversation->with, &contact)) != KS_OK
        || (err = ks_chain_total_missing(k, conversation->with, &ret_event->missing)) != KS_OK
        || (err = ks_history_page(k, conversation->with, 0, 1, &messages, &count)) != KS_OK)
        return err;
    ret_event->name = ks_contact_name(&contact);
    if ((err = ks_group_get(k, conversation->with, &group)) == KS_OK) {
        if ((err = ks_group_event(k, &group, &room)) != KS_OK)
            return err;
        ret_event->room = true;
        ret_event->name = room.title;
    } else if (err != KS_ENOTFOUND) {
        return err;
    }
    if (count == 0)
        return KS_OK;
    if (!(last = ks_arena_zero(&k->arena, sizeof(*last))))
        return KS_ENOMEM;
    ret_event->last = last;
    return ks_history_event(k, &messages[0], last);
}

static enum ks_err on_conversations(struct konsil *k, struct call *call)
{
    struct ks_ev_conversations event = { .re = call->cmd->id };
    struct ks_conversation *conversations;
    struct ks_js_conversation *items;
    size_t count;
    enum ks_err err = ks_conversation_all(k, &conversations, &count);

    if (err != KS_OK)
        return err;
    if (!(items = ks_arena_zero(&k->arena, count * sizeof(*items))))
        return KS_ENOMEM;
    for (size_t i = 0; i < count; i++)
        if ((err = conversation_event(k, &conversations[i], &items[i])) != KS_OK)
            return err;
    event.conversations.items = items;
    event.conversations.count = count;
    return ks_tell(k, KS_EV_CONVERSATIONS, &event);
}

/* --- people --- */

static int by_name(const void *a, const void *b)
{
    const struct ks_js_contact *x = a, *y = b;
    int order = ks_str_cmp(x->name, y->name);

    return order != 0 ? order : ks_str_cmp(x->jid, y->jid);
}

static enum ks_err on_contacts(struct konsil *k, struct call *call)
{
    struct ks_ev_contacts event = { .re = call->cmd->id };
    struct ks_contact *contacts;
    struct ks_js_contact *items;
    size_t count;
    enum ks_err err = ks_contact_all(k, &contacts, &count);

    if (err != KS_OK)
        return err;
    if (!(items = ks_arena_zero(&k->arena, count * sizeof(*items))))
        return KS_ENOMEM;
    for (size_t i = 0; i < count; i++)
        ks_contact_event(k, &contacts[i], &items[i]);
    if (count > 0)
        qsort(items, count, sizeof(*items), by_name);
    event.contacts.items = items;
    event.contacts.count = count;
    return ks_tell(k, KS_EV_CONTACTS, &event);
}

static enum ks_err on_presence(struct konsil *k, struct call *call)
{
    enum ks_err err = ks_people_set_presence(k, call->cmd->presence.show, call->cmd->presence.status);

    return err == KS_OK ? done(k, call->cmd, KS_STR_EMPTY) : err;
}

static enum ks_err on_contact_add(struct konsil *k, struct call *call)
{
    struct ks_str text;
    enum ks_err err = call_text(k, call->cmd, &text);

    if (err == KS_OK)
        err = ks_roster_change(k, call->cmd->contact_add.jid, call->cmd->contact_add.name, false, on_answer, text);
    return sent(k, call->cmd, err);
}

static enum ks_err on_contact_remove(struct konsil *k, struct call *call)
{
    struct ks_str text;
    enum ks_err err = call_text(k, call->cmd, &text);

    if (err == KS_OK)
        err = ks_roster_change(k, call->cmd->contact_remove.jid, KS_STR_EMPTY, true, on_answer, text);
    return sent(k, call->cmd, err);
}

static enum ks_err on_subscribe(struct konsil *k, struct call *call)
{
    static const char *const types[] = { [KS_JS_SUBSCRIBE_REQUEST] = "subscribe",
        [KS_JS_SUBSCRIBE_CANCEL] = "unsubscribe",
        [KS_JS_SUBSCRIBE_APPROVE] = "subscribed",
        [KS_JS_SUBSCRIBE_DENY] = "unsubscribed" };
    const struct ks_cmd_subscribe *subscribe = &call->cmd->subscribe;
    struct ks_contact contact;
    enum ks_err err;

    if (!ks_online(k))
        return refuse(k, call->cmd, KS_CODE_OFFLINE, KS_STR_EMPTY);
    if ((err = ks_people_send_presence(k, types[subscribe->decision], subscribe->jid)) != KS_OK
        || (err = ks_contact_get(k, subscribe->jid, &contact)) != KS_OK)
        return err;
    if (subscribe->decision == KS_JS_SUBSCRIBE_APPROVE || subscribe->decision == KS_JS_SUBSCRIBE_DENY) {
        contact.flags &= ~(unsigned)KS_CONTACT_WANTS;
        if ((err = ks_contact_put(k, &contact)) != KS_OK)
            return err;
    }
    return done(k, call->cmd, KS_STR_EMPTY);
}

static enum ks_err set_block(struct konsil *k, struct call *call, struct ks_str jid, bool block)
{
    struct ks_str text;
    enum ks_err err = call_text(k, call->cmd, &text);

    if (err == KS_OK)
        err = ks_block_set(k, jid, block, on_answer, text);
    return sent(k, call->cmd, err);
}

static enum ks_err on_block(struct konsil *k, struct call *call)
{
    return set_block(k, call, call->cmd->block.jid, true);
}

static enum ks_err on_unblock(struct konsil *k, struct call *call)
{
    return set_block(k, call, call->cmd->unblock.jid, false);
}

/* --- rooms --- */

static enum ks_err on_rooms(struct konsil *k, struct call *call)
{
    struct ks_ev_rooms event = { .re = call->cmd->id };
    enum ks_err err = ks_group_rooms(k, &event.rooms);

    return err == KS_OK ? ks_tell(k, KS_EV_ROOMS, &event) : err;
}

static enum ks_err on_members(struct konsil *k, struct call *call)
{
    struct ks_ev_members event = { .re = call->cmd->id, .room = call->cmd->members.room };
    const char *code;
    enum ks_err err = ks_group_members(k, event.room, &code, &event.members);

    if (err != KS_OK)
        return err;
    return code ? refuse(k, call->cmd, code, KS_STR_EMPTY) : ks_tell(k, KS_EV_MEMBERS, &event);
}

/* Answered when the room's server decided. */
static enum ks_err on_room_change(struct konsil *k, struct call *call)
{
    const char *code = NULL;
    struct ks_str text;
    enum ks_err err = call_text(k, call->cmd, &text);

    if (err != KS_OK || (err = ks_group_command(k, call->cmd, text, &code)) != KS_OK)
        return err;
    return code ? refuse(k, call->cmd, code, KS_STR_EMPTY) : KS_OK;
}

static enum ks_err on_room_leave(struct konsil *k, struct call *call)
{
    const char *code;
    enum ks_err err = ks_group_leave(k, call->cmd->room_leave.room, &code);

    if (err != KS_OK)
        return err;
    return code ? refuse(k, call->cmd, code, KS_STR_EMPTY) : done_room(k, call->cmd, call->cmd->room_leave.room);
}

static enum ks_err on_room_destroy(struct konsil *k, struct call *call)
{
    const char *code;
    struct ks_str text;
    enum ks_err err = call_text(k, call->cmd, &text);

    if (err != KS_OK || (err = ks_group_destroy(k, call->cmd->room_destroy.room, text, &code)) != KS_OK)
        return err;
    return code ? refuse(k, call->cmd, code, KS_STR_EMPTY) : KS_OK;
}

/* --- devices --- */

static enum ks_err on_devices(struct konsil *k, struct call *call)
{
    struct ks_str jid = call->cmd->devices.jid.len > 0 ? call->cmd->devices.jid : ks_own(k);
    struct ks_ev_devices event = { .re = call->cmd->id, .jid = jid };
    struct ks_peer peer;
    enum ks_err err;

    if ((err = ks_peer_load(k, jid, &peer)) != KS_OK || (err = ks_peer_event(k, &peer, &event.devices)) != KS_OK
        || (err = ks_tell(k, KS_EV_DEVICES, &event)) != KS_OK)
        return err;
    return ks_keys_refresh(k, jid);
}

static enum ks_err on_trust(struct konsil *k, struct call *call)
{
    static const enum ks_omemo_trust trusts[] = { [KS_JS_TRUST_UNDECIDED] = KS_TRUST_FIRST,
        [KS_JS_TRUST_TRUSTED] = KS_TRUST_VERIFIED,
        [KS_JS_TRUST_DISTRUSTED] = KS_TRUST_REFUSED };
    const struct ks_cmd_trust *trust = &call->cmd->trust;
    struct ks_omemo_peer known;
    struct ks_peer peer;
    enum ks_err err = ks_omemo_peer_get(k->omemo, trust->jid, (uint32_t)trust->device, &known);

    if (err == KS_ENOTFOUND)
        return refuse(k, call->cmd, KS_CODE_NO_DEVICE, KS_STR_EMPTY);
    if (err != KS_OK)
        return err;
    known.trust = trusts[trust->decision];
    if ((err = ks_omemo_peer_set(k->omemo, trust->jid, &known)) != KS_OK
        || (err = ks_peer_load(k, trust->jid, &peer)) != KS_OK || (err = ks_peer_tell(k, &peer)) != KS_OK)
        return err;
    return done(k, call->cmd, KS_STR_EMPTY);
}

/* --- rooms and pictures (kept_rooms.h, picture.h) --- */

static enum ks_err on_bookmarks(struct konsil *k, struct call *call)
{
    return ks_bookmarks_list(k, call->cmd);
}

static enum ks_err on_bookmark_set(struct konsil *k, struct call *call)
{
    return ks_bookmarks_set(k, call->cmd);
}

static enum ks_err on_bookmark_remove(struct konsil *k, struct call *call)
{
    return ks_bookmarks_remove(k, call->cmd);
}

static enum ks_err on_avatar(struct konsil *k, struct call *call)
{
    return ks_picture_ask(k, call->cmd);
}

static enum ks_err on_avatar_set(struct konsil *k, struct call *call)
{
    return ks_picture_set(k, call->cmd);
}

static enum ks_err on_avatar_remove(struct konsil *k, struct call *call)
{
    return ks_picture_remove(k, call->cmd);
}

/* --- waking (doc/PROTOCOL.md §11.7) --- */

static enum ks_err on_push_answer(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *push = answer ? ks_xml_child(answer->xml, NS_KONSIL_WEBPUSH, "webpush") : NULL;
    struct ks_ev_push event = { .re = iq->text.len ? iq->text : KS_STR_EMPTY,
        .key = ks_xml_attr(push, "key"),
        .registered = ks_str_is(ks_xml_attr(push, "registered"), "true") };
    struct ks_cmd cmd = { .kind = KS_CMD_PUSH, .id = event.re };

    if (ks_iq_ok(answer) && event.key.len)
        return ks_tell(k, KS_EV_PUSH, &event);
    return refuse(k, &cmd, answer ? KS_CODE_REFUSED : KS_CODE_OFFLINE, ks_str_z(ks_iq_condition(answer)));
}

static enum ks_err on_push(struct konsil *k, struct call *call)
{
    struct ks_xml *ask = ks_xml_new(&k->arena, NS_KONSIL_WEBPUSH, "webpush");

    if (!ask)
        return KS_ENOMEM;
    return sent(k, call->cmd, ks_iq_send(k, "get", KS_STR_EMPTY, ask, on_push_answer, call->cmd->id, 0));
}

static enum ks_err set_push(struct konsil *k, struct call *call, struct ks_xml *payload)
{
    struct ks_str text;
    enum ks_err err = payload ? call_text(k, call->cmd, &text) : KS_ENOMEM;

    if (err == KS_OK)
        err = ks_iq_send(k, "set", KS_STR_EMPTY, payload, on_answer, text, 0);
    return sent(k, call->cmd, err);
}

static enum ks_err on_push_subscribe(struct konsil *k, struct call *call)
{
    const struct ks_cmd_push_subscribe *given = &call->cmd->push_subscribe;
    struct ks_xml *payload = ks_xml_new(&k->arena, NS_KONSIL_WEBPUSH, "subscribe");

    payload = ks_xml_set(&k->arena, payload, "endpoint", given->endpoint);
    payload = ks_xml_set(&k->arena, payload, "p256dh", given->p256dh);
    return set_push(k, call, ks_xml_set(&k->arena, payload, "auth", given->auth));
}

static enum ks_err on_push_unsubscribe(struct konsil *k, struct call *call)
{
    return set_push(k, call, ks_xml_new(&k->arena, NS_KONSIL_WEBPUSH, "unsubscribe"));
}

/* --- the table --- */

static const struct {
    enum ks_err (*run)(struct konsil *k, struct call *call);
    bool account; /* there must be one */
} handlers[KS_CMD_COUNT] = {
    [KS_CMD_HELLO] = { on_hello, false },
    [KS_CMD_STATE] = { on_state, false },
    [KS_CMD_CONNECT] = { on_connect, false },
    [KS_CMD_DISCONNECT] = { on_disconnect, false },
    [KS_CMD_SEND] = { on_send, true },
    [KS_CMD_EDIT] = { on_edit, true },
    [KS_CMD_REACT] = { on_react, true },
    [KS_CMD_RETRACT] = { on_retract, true },
    [KS_CMD_MARK_READ] = { on_mark_read, true },
    [KS_CMD_ATTENTION] = { on_attention, false },
    [KS_CMD_CONTACTS] = { on_contacts, true },
    [KS_CMD_CONVERSATIONS] = { on_conversations, true },
    [KS_CMD_HISTORY] = { on_history, true },
    [KS_CMD_SEARCH] = { on_search, true },
    [KS_CMD_DEVICES] = { on_devices, true },
    [KS_CMD_TRUST] = { on_trust, true },
    [KS_CMD_PRESENCE] = { on_presence, true },
    [KS_CMD_CONTACT_ADD] = { on_contact_add, true },
    [KS_CMD_CONTACT_REMOVE] = { on_contact_remove, true },
    [KS_CMD_SUBSCRIBE] = { on_subscribe, true },
    [KS_CMD_BLOCK] = { on_block, true },
    [KS_CMD_UNBLOCK] = { on_unblock, true },
    [KS_CMD_PUSH] = { on_push, true },
    [KS_CMD_PUSH_SUBSCRIBE] = { on_push_subscribe, true },
    [KS_CMD_PUSH_UNSUBSCRIBE] = { on_push_unsubscribe, true },
    [KS_CMD_SETTINGS] = { on_settings, true },
    [KS_CMD_BOOKMARKS] = { on_bookmarks, true },
    [KS_CMD_BOOKMARK_SET] = { on_bookmark_set, true },
    [KS_CMD_BOOKMARK_REMOVE] = { on_bookmark_remove, true },
    [KS_CMD_AVATAR] = { on_avatar, true },
    [KS_CMD_AVATAR_SET] = { on_avatar_set, true },
    [KS_CMD_AVATAR_REMOVE] = { on_avatar_remove, true },
    [KS_CMD_ROOMS] = { on_rooms, true },
    [KS_CMD_MEMBERS] = { on_members, true },
    [KS_CMD_ROOM_CREATE] = { on_room_change, true },
    [KS_CMD_ROOM_ADD] = { on_room_change, true },
    [KS_CMD_ROOM_REMOVE] = { on_room_change, true },
    [KS_CMD_ROOM_OWNER] = { on_room_change, true },
    [KS_CMD_ROOM_RENAME] = { on_room_change, true },
    [KS_CMD_ROOM_HISTORY] = { on_room_change, true },
    [KS_CMD_ROOM_LEAVE] = { on_room_leave, true },
    [KS_CMD_ROOM_DESTROY] = { on_room_destroy, true },
    [KS_CMD_RETRY] = { on_retry, false },
};

static enum ks_err run(struct konsil *k, void *arg)
{
    struct call *call = arg;

    if (handlers[call->cmd->kind].account && !k->omemo)
        return refuse(k, call->cmd, KS_CODE_NO_ACCOUNT, KS_STR_EMPTY);
    return handlers[call->cmd->kind].run(k, call);
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
    const struct call *call = arg;

    return refuse(k, call->cmd, KS_CODE_STORE_FULL, KS_STR_EMPTY);
}

void ks_command(struct konsil *k, struct ks_str json)
{
    struct ks_js_problem problem;
    struct ks_arena arena;
    struct ks_cmd cmd;
    struct call call = { .cmd = &cmd };
    enum ks_err err;

    ks_arena_init(&arena, 4 * KONSIL_COMMAND_MAX);
    err = ks_json_command(&arena, json, &cmd, &problem);
    if (err == KS_OK) {
        if (!ks_step(k, run, &call))
            (void)ks_step(k, tell_full, &call); /* nothing comes of it when the engine has failed */
        else if (call.after)
            call.after(k);
    } else if (err == KS_ESYNTAX) {
        (void)ks_step(k, tell_problem, &problem);
    } else {
        k->failed = KS_ENOMEM;
    }
    ks_arena_done(&arena);
}
