/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "receipts.h"

#include "engine.h"

/* True if `to` may follow on `from`. */
static bool follows(enum ks_js_state from, enum ks_js_state to)
{
    if (from == KS_JS_STATE_FAILED)
        return to != KS_JS_STATE_FAILED;
    if (to == KS_JS_STATE_FAILED)
        return from < KS_JS_STATE_DELIVERED;
    return to > from;
}

static struct ks_receipt *find(const struct ks_message *message, struct ks_str jid)
{
    for (size_t i = 0; i < message->receipt_count; i++)
        if (ks_str_eq(message->receipts[i].jid, jid))
            return &message->receipts[i];
    return NULL;
}

static enum ks_err tell(struct konsil *k, const struct ks_message *message)
{
    struct ks_js_message shown;
    struct ks_ev_message_state event = { .conversation = message->conversation, .message = message->id };
    enum ks_err err = ks_history_event(k, message, &shown);

    if (err != KS_OK)
        return err;
    event.state = shown.state;
    event.recipients = shown.recipients;
    return ks_tell(k, KS_EV_MESSAGE_STATE, &event);
}

enum ks_err ks_receipt_set(struct konsil *k, struct ks_str conversation, int64_t order, struct ks_str jid,
    enum ks_js_state state, const char *reason)
{
    struct ks_message message;
    struct ks_receipt *receipt;
    enum ks_err err = ks_history_get(k, conversation, order, &message);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (!(receipt = find(&message, jid)) || !(follows(receipt->state, state) || (receipt->state == state && reason)))
        return KS_OK;
    if (receipt->state == state && ks_str_eq(receipt->reason, ks_str_z(reason)))
        return KS_OK;
    receipt->state = state;
    receipt->reason = ks_str_z(reason);
    if ((err = ks_history_put(k, &message)) != KS_OK)
        return err;
    return tell(k, &message);
}
