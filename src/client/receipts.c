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

#define SHOWN_MAX 16 /* of a message to more, only those that changed are told */

/* changed: by place among the receipts. */
static enum ks_err tell(struct konsil *k, const struct ks_message *message, const bool *changed)
{
    struct ks_js_message shown;
    struct ks_ev_message_state event = { .conversation = message->conversation, .message = message->id };
    enum ks_err err = ks_history_event(k, message, &shown);
    struct ks_js_recipient *items;

    if (err != KS_OK)
        return err;
    event.state = shown.state;
    event.recipients = shown.recipients;
    if (message->receipt_count > SHOWN_MAX) {
        if (!(items = ks_arena_alloc(&k->arena, message->receipt_count * sizeof(*items))))
            return KS_ENOMEM;
        event.recipients.count = 0;
        for (size_t i = 0; i < message->receipt_count; i++)
            if (changed[i])
                items[event.recipients.count++] = shown.recipients.items[i];
        event.recipients.items = items;
    }
    return ks_tell(k, KS_EV_MESSAGE_STATE, &event);
}

/* What is to become of one receipt; a state of 0: nothing. */
struct step {
    enum ks_js_state state;
    struct ks_str reason;
};
typedef struct step step_fn(const struct ks_receipt *receipt, const void *user);

static enum ks_err change(
    struct konsil *k, struct ks_str conversation, int64_t order, step_fn *choose, const void *user)
{
    struct ks_message message;
    bool *changed, any = false;
    enum ks_err err = ks_history_get(k, conversation, order, &message);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (!(changed = ks_arena_zero(&k->arena, message.receipt_count + 1)))
        return KS_ENOMEM;
    for (size_t i = 0; i < message.receipt_count; i++) {
        struct ks_receipt *receipt = &message.receipts[i];
        struct step to = choose(receipt, user);

        if (!to.state || !(follows(receipt->state, to.state) || (receipt->state == to.state && to.reason.ptr))
            || (receipt->state == to.state && ks_str_eq(receipt->reason, to.reason)))
            continue;
        receipt->state = to.state;
        receipt->reason = to.reason;
        any = changed[i] = true;
    }
    if (!any || (err = ks_history_put(k, &message)) != KS_OK)
        return err;
    return tell(k, &message, changed);
}

struct one {
    struct ks_str jid;
    struct step to;
};

static struct step choose_one(const struct ks_receipt *receipt, const void *user)
{
    const struct one *one = user;

    return ks_str_eq(receipt->jid, one->jid) ? one->to : (struct step) { 0 };
}

enum ks_err ks_receipt_set(struct konsil *k, struct ks_str conversation, int64_t order, struct ks_str jid,
    enum ks_js_state state, const char *reason)
{
    struct one one = { jid, { state, ks_str_z(reason) } };

    return change(k, conversation, order, choose_one, &one);
}

/* That the server has it does not give a key to who got none. */
static struct step choose_all(const struct ks_receipt *receipt, const void *user)
{
    struct step to = *(const struct step *)user;

    if (to.state == KS_JS_STATE_SERVER && ks_str_is(receipt->reason, KS_CODE_NO_KEYS))
        to.reason = receipt->reason;
    return to;
}

enum ks_err ks_receipt_all(
    struct konsil *k, struct ks_str conversation, int64_t order, enum ks_js_state state, const char *reason)
{
    struct step to = { state, ks_str_z(reason) };

    return change(k, conversation, order, choose_all, &to);
}

enum ks_err ks_receipt_audience(
    struct konsil *k, struct ks_str conversation, int64_t order, const struct ks_str *jids, size_t count)
{
    struct ks_message message;
    struct ks_receipt *receipts;
    bool *changed, same;
    size_t old = 0;
    enum ks_err err = ks_history_get(k, conversation, order, &message);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (!(receipts = ks_arena_zero(&k->arena, (count + 1) * sizeof(*receipts)))
        || !(changed = ks_arena_zero(&k->arena, count + 1)))
        return KS_ENOMEM;
    same = message.receipt_count == count;
    for (size_t i = 0; i < count; i++) {
        while (old < message.receipt_count && ks_str_cmp(message.receipts[old].jid, jids[i]) < 0)
            old++;
        changed[i] = old == message.receipt_count || !ks_str_eq(message.receipts[old].jid, jids[i]);
        receipts[i] =
            changed[i] ? (struct ks_receipt) { .jid = jids[i], .state = KS_JS_STATE_WAITING } : message.receipts[old];
        same = same && !changed[i];
    }
    if (same)
        return KS_OK;
    message.receipts = receipts;
    message.receipt_count = count;
    if ((err = ks_history_put(k, &message)) != KS_OK)
        return err;
    return tell(k, &message, changed);
}

struct unreached {
    const struct ks_str *jids;
    const bool *reached;
    size_t count;
};

static struct step choose_unreached(const struct ks_receipt *receipt, const void *user)
{
    const struct unreached *unreached = user;

    for (size_t i = 0; i < unreached->count; i++)
        if (!unreached->reached[i] && ks_str_eq(receipt->jid, unreached->jids[i]))
            return (struct step) { KS_JS_STATE_WAITING, KS_STR(KS_CODE_NO_KEYS) };
    if (ks_str_is(receipt->reason, KS_CODE_NO_KEYS) || ks_str_is(receipt->reason, KS_CODE_ROOM_NO_KEYS)
        || ks_str_is(receipt->reason, KS_CODE_ROOM_BEHIND))
        return (struct step) { KS_JS_STATE_WAITING, KS_STR("") }; /* the second time he got one */
    return (struct step) { 0 };
}

enum ks_err ks_receipt_unreached(struct konsil *k, struct ks_str conversation, int64_t order, const struct ks_str *jids,
    const bool *reached, size_t count)
{
    struct unreached unreached = { jids, reached, count };

    return change(k, conversation, order, choose_unreached, &unreached);
}

enum ks_err ks_receipt_complete(struct konsil *k, struct ks_str conversation, int64_t order, bool *ret_complete)
{
    struct ks_message message;
    enum ks_err err = ks_history_get(k, conversation, order, &message);

    *ret_complete = err == KS_OK;
    for (size_t i = 0; err == KS_OK && i < message.receipt_count; i++)
        *ret_complete = *ret_complete && message.receipts[i].state >= KS_JS_STATE_DELIVERED
            && message.receipts[i].state != KS_JS_STATE_FAILED;
    return err == KS_ENOTFOUND ? KS_OK : err;
}
