/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "outbox.h"

#include "chain.h"
#include "engine.h"
#include "erase.h"
#include "group.h"
#include "moderate.h"
#include "outbox_record.h"
#include "peers.h"
#include "receipts.h"

/* --- taking --- */

enum ks_err ks_outbox_load(struct konsil *k)
{
    enum ks_err err = ks_meta_get_u64(k, "outbox", &k->outbox.next);

    k->outbox.next = err == KS_OK ? k->outbox.next : 1;
    return err == KS_ENOTFOUND ? KS_OK : err;
}

/* The message as it stands in the history at once. */
static enum ks_err add_message(struct konsil *k, const struct ks_content *content, struct ks_out *out)
{
    struct ks_receipt *receipts;
    size_t count;
    struct ks_message message = { .conversation = out->conversation,
        .flags = KS_MSG_MINE,
        .id = out->id,
        .author = ks_own(k),
        .device = ks_omemo_device(k->omemo),
        .time_ms = out->made_ms,
        .stamp_ms = out->made_ms,
        .wake = content->k.urgency == KS_URGENCY_HIGH ? KS_JS_WAKE_HIGH
            : content->k.urgency == KS_URGENCY_NONE   ? KS_JS_WAKE_NONE
                                                      : KS_JS_WAKE_NONE_GIVEN,
        .body = content->body,
        .reply_to = content->reply_to,
        .signed_one = content->signed_one,
        .outbox = out->seq };
    enum ks_err err;

    message.flags |= content->signed_one.data.len > 0 ? KS_MSG_SIGNED : 0;

    if ((err = ks_group_receipts(k, out->conversation, NULL, KS_JS_STATE_WAITING, &receipts, &count)) != KS_OK)
        return err;
    for (size_t i = 0; !k->outbox.open && i < count; i++)
        receipts[i].reason = KS_STR(KS_CODE_WAIT_CONNECTION);
    message.receipts = receipts;
    message.receipt_count = count;
    if ((err = ks_history_set_files(k, &content->files, &message)) != KS_OK
        || (err = ks_history_add(k, &message)) != KS_OK)
        return err;
    out->order = message.order;
    return ks_history_tell(k, &message);
}

static enum ks_err put_draft(struct konsil *k, uint64_t seq, const struct ks_content *content)
{
    struct ks_buf draft;
    enum ks_err err;

    ks_buf_init_secret(&draft, KS_SCE_MAX * 2 + KS_FILES_RECORD_MAX);
    ks_draft_encode(&draft, content);
    if ((err = ks_buf_err(&draft)) == KS_OK)
        err = ks_out_put_row(k, 'd', seq, ks_buf_str(&draft));
    ks_buf_done(&draft);
    return err;
}

enum ks_err ks_outbox_add(
    struct konsil *k, struct ks_str conversation, struct ks_content *content, struct ks_str *ret_id)
{
    struct ks_out out = { .seq = k->outbox.next,
        .conversation = conversation,
        .says = content->says,
        .state = KS_OUT_WAITING,
        .made_ms = k->now.wall_ms };
    enum ks_err err;

    out.id = content->k.id;
    if (out.id.len == 0 && (err = ks_new_id(k, &out.id)) != KS_OK)
        return err;
    if (content->says == KS_SAYS_TEXT && (err = add_message(k, content, &out)) != KS_OK)
        return err;
    if ((err = put_draft(k, out.seq, content)) != KS_OK || (err = ks_out_save(k, &out)) != KS_OK
        || (err = ks_out_index(k, &out)) != KS_OK || (err = ks_out_put_row(k, 'q', out.seq, KS_STR(""))) != KS_OK
        || (err = ks_meta_put_u64(k, "outbox", out.seq + 1)) != KS_OK)
        return err;
    /* A number that is skipped when this step is undone is of no matter. */
    k->outbox.next = out.seq + 1;
    *ret_id = out.id;
    ks_outbox_wake(k);
    return KS_OK;
}

/* --- states --- */

/* What is no message of its own tells its failure as a warning about what it was to change. What we had to say of a
 * room needs no saying when we are out of it: that we leave, above all. */
static enum ks_err tell_failed(struct konsil *k, const struct ks_out *out, const char *code, struct ks_str detail)
{
    bool done = out->says == KS_SAYS_ROOM && strcmp(code, KS_CODE_ROOM_NOT_MEMBER) == 0;
    struct ks_ev_warning event = { .code = ks_str_z(code),
        .jid = out->conversation,
        .conversation = out->conversation,
        .message = out->id,
        .detail = detail };

    return done ? KS_OK : ks_tell(k, KS_EV_WARNING, &event);
}

enum ks_err ks_out_fail(struct konsil *k, struct ks_out *out, const char *code, struct ks_str detail)
{
    enum ks_err err;

    out->state = KS_OUT_FAILED;
    if ((err = ks_out_save(k, out)) != KS_OK || (err = ks_out_del_row(k, 'q', out->seq)) != KS_OK
        || (err = ks_out_del_row(k, 'w', out->seq)) != KS_OK)
        return err;
    if (out->order == 0)
        return tell_failed(k, out, code, detail);
    return ks_receipt_all(k, out->conversation, out->order, KS_JS_STATE_FAILED, code);
}

static enum ks_err on_server(struct konsil *k, struct ks_out *out)
{
    enum ks_err err;

    if (out->state != KS_OUT_SEALED)
        return KS_OK;
    out->state = KS_OUT_SERVER;
    if ((err = ks_out_save(k, out)) != KS_OK || (err = ks_out_del_row(k, 'w', out->seq)) != KS_OK
        || (err = ks_out_del_row(k, 's', out->seq)) != KS_OK || (err = ks_erase_on_server(k, out)) != KS_OK
        || (err = ks_moderate_on_server(k, out)) != KS_OK)
        return err;
    if ((err = ks_archive_sent(k, out)) != KS_OK || out->order == 0)
        return err;
    return ks_receipt_all(k, out->conversation, out->order, KS_JS_STATE_SERVER, NULL);
}

enum ks_err ks_outbox_acked(struct konsil *k, uint64_t seq)
{
    struct ks_out out;
    enum ks_err err = ks_out_load(k, seq, &out);

    ks_outbox_wake(k); /* there may be room for more */
    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    return on_server(k, &out);
}

enum ks_err ks_outbox_seen(struct konsil *k, struct ks_str id)
{
    struct ks_out out;
    uint64_t seq;
    enum ks_err err = ks_out_by_id(k, id, &seq);

    if (err == KS_OK)
        err = ks_out_load(k, seq, &out);
    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    return on_server(k, &out);
}

/* The server had no room. A person sends a text again when she likes; a room's state says itself again, a little later.
 */
static enum ks_err say_again(struct konsil *k, struct ks_out *out)
{
    struct ks_str envelope, id;
    struct ks_content content;
    struct ks_sce sce;
    enum ks_err err = ks_out_get_row(k, 'e', out->seq, &envelope);

    if (err != KS_OK || (err = ks_sce_read(&k->arena, envelope, &sce)) != KS_OK
        || (err = ks_content_read(&k->arena, sce.content, &content)) != KS_OK)
        return err == KS_ENOTFOUND || err == KS_ESYNTAX ? KS_ESTORE : err;
    content.k = (struct ks_k) { .number = 0 };
    out->state = KS_OUT_FAILED;
    if ((err = ks_out_save(k, out)) != KS_OK || (err = ks_out_del_row(k, 'w', out->seq)) != KS_OK)
        return err;
    k->outbox.pause_ms = k->now.mono_ms + KS_OUTBOX_PAUSE_MS;
    return ks_outbox_add(k, out->conversation, &content, &id);
}

enum ks_err ks_outbox_bounced(struct konsil *k, struct ks_str id, struct ks_str from, struct ks_str condition)
{
    struct ks_out out;
    uint64_t seq;
    bool comes;
    enum ks_err err = ks_out_by_id(k, id, &seq);

    if (err == KS_OK)
        err = ks_out_load(k, seq, &out);
    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (!ks_str_eq(from, out.conversation) || out.state == KS_OUT_DONE)
        return KS_OK;
    /* We are not in the room any more: it goes when we are again (ks_outbox_entered), if that will be. */
    if (out.in_room && ks_str_is(condition, "not-acceptable")) {
        if ((err = ks_group_comes(k, from, &comes)) != KS_OK)
            return err;
        if (comes)
            return ks_group_again(k, from);
        err = ks_out_del_row(k, 's', seq);
        return err == KS_OK ? ks_out_fail(k, &out, KS_CODE_ROOM_NOT_MEMBER, KS_STR_EMPTY) : err;
    }
    if ((err = ks_out_del_row(k, 's', seq)) != KS_OK)
        return err;
    if (out.says == KS_SAYS_ROOM && ks_str_is(condition, "resource-constraint"))
        return say_again(k, &out);
    return ks_out_fail(k, &out, KS_CODE_BOUNCED, condition);
}

static enum ks_err delivered(struct konsil *k, struct ks_out *out)
{
    bool complete = true;
    enum ks_err err;

    if (out->state == KS_OUT_DONE)
        return KS_OK;
    /* In a room each member has to have it. What made no message is kept for its time. */
    if (out->in_room
        && ((err = ks_receipt_complete(k, out->conversation, out->order, &complete)) != KS_OK || !complete))
        return err;
    out->state = KS_OUT_DONE;
    if ((err = ks_out_save(k, out)) != KS_OK || (err = ks_out_del_row(k, 'w', out->seq)) != KS_OK)
        return err;
    return ks_out_del_row(k, 's', out->seq);
}

enum ks_err ks_outbox_receipt(struct konsil *k, struct ks_str conversation, struct ks_str jid, uint32_t device,
    uint64_t epoch, uint64_t number, bool displayed)
{
    struct ks_chain chain = { .conversation = conversation, .author = ks_own(k), .device = device, .epoch = epoch };
    struct ks_number known;
    struct ks_out out;
    uint64_t seq;
    enum ks_err err = ks_number_get(k, &chain, number, &known);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (known.order > 0
        && (err = ks_receipt_set(
                k, conversation, known.order, jid, displayed ? KS_JS_STATE_READ : KS_JS_STATE_DELIVERED, NULL))
            != KS_OK)
        return err;
    if (device != ks_omemo_device(k->omemo))
        return KS_OK;
    if ((err = ks_out_by_number(k, conversation, epoch, number, &seq)) == KS_OK
        && (err = ks_out_load(k, seq, &out)) == KS_OK)
        err = delivered(k, &out);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

enum ks_err ks_outbox_received(struct konsil *k, struct ks_str conversation, struct ks_str id)
{
    struct ks_message message;
    struct ks_out out;
    uint64_t seq;
    enum ks_err err = ks_history_find(k, conversation, id, ks_own(k), &message);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if ((err = ks_out_by_id(k, id, &seq)) == KS_OK && (err = ks_out_load(k, seq, &out)) == KS_OK)
        err = delivered(k, &out);
    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    return ks_receipt_set(k, conversation, message.order, conversation, KS_JS_STATE_DELIVERED, NULL);
}

/* --- finding, for repair --- */

static enum ks_err with_envelope(struct konsil *k, uint64_t seq, struct ks_out *ret_out, struct ks_str *ret_envelope)
{
    enum ks_err err = ks_out_load(k, seq, ret_out);

    return err == KS_OK ? ks_out_get_row(k, 'e', seq, ret_envelope) : err;
}

enum ks_err ks_outbox_envelope(struct konsil *k, uint64_t seq, struct ks_str *ret_envelope)
{
    return ks_out_get_row(k, 'e', seq, ret_envelope);
}

enum ks_err ks_outbox_find(struct konsil *k, struct ks_str conversation, uint64_t epoch, uint64_t number,
    struct ks_out *ret_out, struct ks_str *ret_envelope)
{
    uint64_t seq;
    enum ks_err err = ks_out_by_number(k, conversation, epoch, number, &seq);

    return err == KS_OK ? with_envelope(k, seq, ret_out, ret_envelope) : err;
}

enum ks_err ks_outbox_find_id(struct konsil *k, struct ks_str id, struct ks_out *ret_out, struct ks_str *ret_envelope)
{
    uint64_t seq;
    enum ks_err err = ks_out_by_id(k, id, &seq);

    return err == KS_OK ? with_envelope(k, seq, ret_out, ret_envelope) : err;
}

enum ks_err ks_outbox_open(
    struct konsil *k, struct ks_str conversation, size_t max, struct ks_out **ret_outs, size_t *ret_count)
{
    uint64_t *seqs;
    size_t count;
    enum ks_err err = ks_out_list(k, 'h', KS_OUT_LIST_MAX, &seqs, &count);

    *ret_count = 0;
    if (err != KS_OK)
        return err;
    if (!(*ret_outs = ks_arena_zero(&k->arena, max * sizeof(**ret_outs))))
        return KS_ENOMEM;
    for (size_t i = 0; i < count && *ret_count < max; i++) {
        struct ks_out *out = &(*ret_outs)[*ret_count];

        if ((err = ks_out_load(k, seqs[i], out)) != KS_OK)
            return err;
        if (ks_str_eq(out->conversation, conversation) && out->state == KS_OUT_SERVER)
            ++*ret_count;
    }
    return KS_OK;
}

enum ks_err ks_outbox_wrote(
    struct konsil *k, struct ks_str room, uint64_t version, int64_t since_ms, struct ks_str *ret_id)
{
    uint64_t *seqs;
    size_t count;
    enum ks_err err = ks_out_list(k, 'h', KS_OUT_LIST_MAX, &seqs, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++) {
        struct ks_out out;

        if ((err = ks_out_load(k, seqs[i], &out)) != KS_OK || !out.in_room || out.order == 0 || out.room_v >= version
            || out.made_ms <= since_ms || !ks_str_eq(out.conversation, room))
            continue;
        *ret_id = out.id;
        return KS_OK;
    }
    return err == KS_OK ? KS_ENOTFOUND : err;
}

enum ks_err ks_outbox_count(struct konsil *k, uint64_t *ret_waiting)
{
    uint64_t *seqs;
    size_t queued, sealed;
    enum ks_err err;

    if ((err = ks_out_list(k, 'q', KS_OUT_LIST_MAX, &seqs, &queued)) != KS_OK
        || (err = ks_out_list(k, 'w', KS_OUT_LIST_MAX, &seqs, &sealed)) != KS_OK)
        return err;
    *ret_waiting = queued + sealed;
    return KS_OK;
}

/* --- upkeep --- */

enum ks_err ks_outbox_retry(struct konsil *k)
{
    uint64_t *seqs;
    size_t count;
    enum ks_err err = ks_out_list(k, 'd', KS_OUT_LIST_MAX, &seqs, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++) {
        struct ks_out out;

        if ((err = ks_out_load(k, seqs[i], &out)) != KS_OK || out.state != KS_OUT_FAILED)
            continue;
        out.state = KS_OUT_WAITING;
        if ((err = ks_out_save(k, &out)) != KS_OK || (err = ks_out_put_row(k, 'q', out.seq, KS_STR(""))) != KS_OK)
            return err;
        if (out.order > 0)
            err = ks_receipt_all(k, out.conversation, out.order, KS_JS_STATE_WAITING, NULL);
    }
    ks_outbox_wake(k);
    return err;
}

/* A retraction that is not done everywhere yet. */
static enum ks_err is_owed(struct konsil *k, uint64_t seq, bool *ret_owed)
{
    enum ks_err err = ks_erase_owes(k, seq, ret_owed);

    return err != KS_OK || *ret_owed ? err : ks_moderate_owes(k, seq, ret_owed);
}

static enum ks_err upkeep_one(struct konsil *k, uint64_t seq)
{
    struct ks_out out;
    struct ks_peer peer;
    int64_t age;
    bool owed;
    enum ks_err err = ks_out_load(k, seq, &out);

    if (err != KS_OK)
        return err;
    age = k->now.wall_ms - out.made_ms;
    if (out.state == KS_OUT_WAITING || out.state == KS_OUT_SEALED || age < KS_OUTBOX_KEEP_MS)
        return KS_OK;
    if (out.state != KS_OUT_FAILED && ((err = is_owed(k, seq, &owed)) != KS_OK || owed))
        return err;
    if (out.state == KS_OUT_DONE)
        return ks_out_drop(k, &out);
    if ((err = ks_peer_load(k, out.conversation, &peer)) != KS_OK)
        return err;
    /* Programs that acknowledge nothing leave it at "server"; so does what made no message in a room, and what goes to
     * our own devices. */
    if (out.in_room ? out.order == 0 : !peer.konsil || ks_str_eq(out.conversation, ks_own(k)))
        return ks_out_drop(k, &out);
    if (age < KS_OUTBOX_FAIL_MS)
        return KS_OK;
    if (out.state == KS_OUT_SERVER && (err = ks_out_fail(k, &out, KS_CODE_EXPIRED, KS_STR_EMPTY)) != KS_OK)
        return err;
    return ks_out_drop(k, &out);
}

static enum ks_err upkeep(struct konsil *k, void *arg)
{
    uint64_t *seqs;
    size_t count;
    enum ks_err err = ks_out_list(k, 'h', KS_OUT_LIST_MAX, &seqs, &count);

    (void)arg;
    for (size_t i = 0; i < count && err == KS_OK; i++)
        err = upkeep_one(k, seqs[i]);
    return err;
}

bool ks_outbox_upkeep(struct konsil *k)
{
    return ks_step(k, upkeep, NULL);
}
