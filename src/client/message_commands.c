/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* message_commands.c -- commands that say something, and those that read what was said. */
#include "command.h"
#include "contacts.h"
#include "engine.h"
#include "erase.h"
#include "group.h"
#include "history.h"
#include "lifetime.h"
#include "refer.h"

#define PAGE_DEFAULT 50

/* --- writing --- */

enum ks_err ks_cmd_on_send(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_send *send = &cmd->send;
    struct ks_content content = { .says = KS_SAYS_TEXT, .body = send->body };
    struct ks_message target;
    struct ks_group group;
    struct ks_str id;
    enum ks_err err;

    if (ks_str_eq(send->to, ks_own(k)))
        return ks_cmd_refuse(k, cmd, KS_CODE_TO_SELF, KS_STR_EMPTY);
    if ((err = ks_group_get(k, send->to, &group)) == KS_OK && group.flags & KS_GROUP_FOREIGN)
        return ks_cmd_refuse(k, cmd, KS_CODE_ROOM_FOREIGN, KS_STR_EMPTY);
    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (send->reply_to.len > 0) {
        err = ks_history_find(k, send->to, send->reply_to, KS_STR_EMPTY, &target);
        if (err == KS_ENOTFOUND)
            return ks_cmd_refuse(k, cmd, KS_CODE_NO_MESSAGE, KS_STR_EMPTY);
        if (err != KS_OK)
            return err;
        content.reply_to = target.id;
        content.target_author = target.author;
        content.has_ref = target.flags & KS_MSG_HAS_HASH;
        memcpy(content.ref_hash, target.hash, sizeof(content.ref_hash));
    }
    content.k.urgency = send->wake == KS_JS_WAKE_HIGH ? KS_URGENCY_HIGH
        : send->wake == KS_JS_WAKE_NONE               ? KS_URGENCY_NONE
                                                      : KS_URGENCY_NORMAL;
    if ((err = ks_outbox_add(k, send->to, &content, &id)) != KS_OK)
        return err;
    return ks_cmd_done_message(k, cmd, id);
}

/* Edits, reactions and retractions take effect here at once, and go the way of messages. */
static enum ks_err refer(struct konsil *k, const struct ks_cmd *cmd, struct ks_str conversation,
    struct ks_content *content, struct ks_message *target,
    enum ks_err (*apply)(struct konsil *, const struct ks_reference *))
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
    return ks_cmd_done_message(k, cmd, reference.id);
}

/* KS_ENOTFOUND when the command was refused already. */
static enum ks_err find_target(struct konsil *k, const struct ks_cmd *cmd, struct ks_str conversation, struct ks_str id,
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
    } else if (err == KS_OK && own && ret_target->flags & KS_MSG_SIGNED) {
        code = KS_CODE_SIGNED;
    }
    if (!code)
        return err;
    err = ks_cmd_refuse(k, cmd, code, KS_STR_EMPTY);
    return err == KS_OK ? KS_ENOTFOUND : err;
}

static enum ks_err apply_edit(struct konsil *k, const struct ks_reference *reference)
{
    bool applied;

    return ks_refer_edit(k, reference, &applied);
}

enum ks_err ks_cmd_on_edit(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_edit *edit = &cmd->edit;
    struct ks_content content = { .says = KS_SAYS_EDIT, .body = edit->body };
    struct ks_message target;
    enum ks_err err = find_target(k, cmd, edit->conversation, edit->message, true, &target);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    return refer(k, cmd, edit->conversation, &content, &target, apply_edit);
}

enum ks_err ks_cmd_on_retract(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_retract *retract = &cmd->retract;
    struct ks_content content = { .says = KS_SAYS_RETRACT };
    struct ks_message target;
    enum ks_err err = find_target(k, cmd, retract->conversation, retract->message, true, &target);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if ((err = ks_erase_want(k, &target, k->outbox.next)) != KS_OK)
        return err;
    return refer(k, cmd, retract->conversation, &content, &target, ks_refer_retract);
}

/* Also of one that was taken back: that it was said is a fact that this device need not keep. */
enum ks_err ks_cmd_on_forget(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_forget *forget = &cmd->forget;
    struct ks_message target;
    enum ks_err err = ks_history_find(k, forget->conversation, forget->message, KS_STR_EMPTY, &target);

    if (err == KS_ENOTFOUND)
        return ks_cmd_refuse(k, cmd, KS_CODE_NO_MESSAGE, KS_STR_EMPTY);
    if (err != KS_OK)
        return err;
    if (ks_lifetime_waits(&target))
        return ks_cmd_refuse(k, cmd, KS_CODE_STILL_WAITS, KS_STR_EMPTY);
    return (err = ks_lifetime_forget(k, &target)) == KS_OK ? ks_cmd_done_message(k, cmd, target.id) : err;
}

enum ks_err ks_cmd_on_react(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_react *react = &cmd->react;
    struct ks_content content = { .says = KS_SAYS_REACTIONS, .emoji_count = react->emoji.count };
    struct ks_message target;
    enum ks_err err = find_target(k, cmd, react->conversation, react->message, false, &target);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (!(content.emoji = ks_arena_alloc(&k->arena, react->emoji.count * sizeof(*content.emoji))))
        return KS_ENOMEM;
    for (size_t i = 0; i < react->emoji.count; i++)
        content.emoji[i] = react->emoji.items[i];
    return refer(k, cmd, react->conversation, &content, &target, ks_refer_reactions);
}

/* --- reading --- */

enum ks_err ks_cmd_on_mark_read(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_mark_read *mark = &cmd->mark_read;
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
            return ks_cmd_refuse(k, cmd, KS_CODE_NO_MESSAGE, KS_STR_EMPTY);
        if (err != KS_OK)
            return err;
        order = message.order;
    }
    if (order > 0 && (err = ks_acks_read(k, mark->conversation, order)) != KS_OK)
        return err;
    return ks_cmd_done(k, cmd);
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

enum ks_err ks_cmd_on_history(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_history *history = &cmd->history;
    struct ks_ev_history event = { .re = cmd->id, .with = history->with };
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

enum ks_err ks_cmd_on_search(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_search *search = &cmd->search;
    struct ks_ev_found event = { .re = cmd->id };
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

enum ks_err ks_cmd_on_conversations(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ev_conversations event = { .re = cmd->id };
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
