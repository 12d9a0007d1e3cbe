/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* intake.c -- what an opened envelope says takes effect (inbox.h; doc/PROTOCOL.md §4.2, §5, §6). */
#include "chain.h"
#include "engine.h"
#include "group.h"
#include "history.h"
#include "inbox.h"
#include "moderate.h"
#include "peers.h"
#include "refer.h"

#define FRESH_MS 86400000 /* what was restored and is not older may not have been read anywhere */

enum ks_err ks_intake_rejected(struct konsil *k, const struct ks_inbound *in)
{
    struct ks_ev_warning event = { .code = KS_STR(KS_CODE_FORGED),
        .jid = in->from,
        .device = in->opened.device,
        .conversation = in->peer,
        .message = in->id.len > 0 ? in->id : KS_STR_EMPTY };

    return ks_tell(k, KS_EV_WARNING, &event);
}

/* --- a place in the history --- */

/* Writes a message where it belongs: in the place of its placeholder, or as a new one. */
static enum ks_err put_message(struct konsil *k, struct ks_message *message)
{
    struct ks_message there;
    enum ks_err err = ks_history_find(k, message->conversation, message->id, message->author, &there);

    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (err == KS_ENOTFOUND)
        return ks_history_add(k, message);
    if (!(there.flags & KS_MSG_UNREADABLE))
        return KS_EEXISTS;
    return ks_history_fill(k, message, &there);
}

static enum ks_err new_id_if_none(struct konsil *k, struct ks_inbound *in)
{
    return in->id.len > 0 ? KS_OK : ks_new_id(k, &in->id);
}

enum ks_err ks_intake_unreadable(struct konsil *k, struct ks_inbound *in)
{
    struct ks_message message = { .conversation = in->peer,
        .flags = KS_MSG_UNREADABLE | (in->mine ? KS_MSG_MINE : 0),
        .author = in->from,
        .device = in->opened.device,
        .time_ms = in->stamp_ms,
        .stamp_ms = in->stamp_ms };
    struct ks_message there;
    enum ks_err err;

    if ((err = new_id_if_none(k, in)) != KS_OK)
        return err;
    message.id = in->id;
    err = ks_history_find(k, in->peer, in->id, in->from, &there);
    if (err != KS_ENOTFOUND)
        return err; /* here already, read or not */
    if ((err = ks_history_add(k, &message)) != KS_OK)
        return err;
    return ks_history_tell(k, &message);
}

static enum ks_js_wake wake_of(enum ks_urgency urgency)
{
    return urgency == KS_URGENCY_HIGH ? KS_JS_WAKE_HIGH
        : urgency == KS_URGENCY_NONE  ? KS_JS_WAKE_NONE
                                      : KS_JS_WAKE_NONE_GIVEN;
}

/* XEP-0454: a text that is nothing but the address of a file is that file. What it is called stands nowhere else than
 * in its address. */
static enum ks_err find_files(struct konsil *k, struct ks_content *content)
{
    struct ks_file_share *file;
    struct ks_str left, piece;
    enum ks_err err;

    if (content->says != KS_SAYS_TEXT || content->files.count || !ks_str_starts(content->body, KS_STR("aesgcm://")))
        return KS_OK;
    if (!(file = ks_arena_zero(&k->arena, sizeof(*file))))
        return KS_ENOMEM;
    if ((err = ks_file_share_uri_read(&k->arena, ks_str_trim(content->body), file)) != KS_OK)
        return err == KS_ESYNTAX ? KS_OK : err;
    left = file->url;
    while (ks_str_cut(&left, '/', &piece))
        if (piece.len && piece.len <= KS_FILE_NAME_MAX)
            file->name = piece;
    content->files = (struct ks_files) { .items = file, .count = 1 };
    content->body = KS_STR_EMPTY;
    return KS_OK;
}

/* A text, or something that only a newer version can show. */
static enum ks_err take_text(
    struct konsil *k, struct ks_inbound *in, const struct ks_content *content, int64_t time_ms, int64_t *ret_order)
{
    struct ks_message message = { .conversation = in->peer,
        .id = in->id,
        .author = in->from,
        .device = in->opened.device,
        .epoch = content->k.epoch,
        .number = content->k.number,
        .time_ms = time_ms,
        .stamp_ms = in->stamp_ms,
        .encryption = in->opened.version == KS_OMEMO_2 ? KS_JS_ENCRYPTION_OMEMO2 : KS_JS_ENCRYPTION_OMEMO1,
        .wake = wake_of(content->k.urgency),
        .body = content->says == KS_SAYS_UNKNOWN ? KS_STR_EMPTY : content->body,
        .reply_to = content->reply_to,
        .restored = in->restored,
        .seen = in->restored && (in->read || k->now.wall_ms - in->stamp_ms > FRESH_MS) };
    bool is;
    enum ks_err err;

    if (in->mine) {
        message.flags |= KS_MSG_MINE;
        err =
            ks_group_receipts(k, in->peer, &content->k, KS_JS_STATE_SERVER, &message.receipts, &message.receipt_count);
        if (err != KS_OK)
            return err;
    }
    if (content->says == KS_SAYS_UNKNOWN || content->more) {
        message.flags |= KS_MSG_UNKNOWN;
        message.raw = in->envelope;
    }
    if (in->resent_by && content->ours && in->resent_by != content->k.device) {
        message.flags |= KS_MSG_LATE;
        message.device = content->k.device;
    }
    if (in->envelope.len > 0) {
        message.flags |= KS_MSG_HAS_HASH;
        ks_sce_hash(in->envelope, message.hash);
    }
    if (content->signed_one.data.len > 0) {
        message.signed_one = content->signed_one;
        message.flags |= KS_MSG_SIGNED;
        if ((err = ks_signed_take(k, in, &message, &message.signed_one, &is)) != KS_OK || !is)
            return err == KS_OK ? ks_intake_rejected(k, in) : err;
    }
    if ((err = ks_history_set_files(k, &content->files, &message)) != KS_OK
        || (err = ks_refer_reply(k, content, &message)) != KS_OK)
        return err;
    if ((err = put_message(k, &message)) != KS_OK)
        return err == KS_EEXISTS ? KS_OK : err;
    *ret_order = message.order;
    if ((err = ks_refer_early(k, &message)) != KS_OK)
        return err;
    if (in->restored)
        return KS_OK;
    if ((err = ks_history_tell(k, &message)) != KS_OK)
        return err;
    return content->receipt_wanted && !content->ours && !in->mine ? ks_acks_received(k, in->from, in->id) : KS_OK;
}

/* --- numbers (doc/PROTOCOL.md §6.2) --- */

static enum ks_err tell_differs(struct konsil *k, const struct ks_inbound *in)
{
    struct ks_ev_warning event = { .code = KS_STR(KS_CODE_CHAIN_DIFFERS),
        .jid = in->from,
        .device = in->opened.device,
        .conversation = in->peer,
        .message = in->id };

    return ks_tell(k, KS_EV_WARNING, &event);
}

struct place {
    struct ks_chain chain;
    struct ks_number number;
    bool drop; /* a repetition, or a second envelope under one number */
};

/* True in *ret_broken if the hashes around n contradict. */
static enum ks_err check_links(
    struct konsil *k, const struct place *place, const struct ks_content *content, bool *ret_broken)
{
    uint64_t n = content->k.number;
    struct ks_number other;
    enum ks_err err;

    *ret_broken = false;
    if (n > 1 && (err = ks_number_get(k, &place->chain, n - 1, &other)) != KS_ENOTFOUND) {
        if (err != KS_OK)
            return err;
        *ret_broken = memcmp(other.hash, content->k.prev, KS_SCE_HASH_LEN) != 0;
    }
    if ((err = ks_number_get(k, &place->chain, n + 1, &other)) != KS_ENOTFOUND) {
        if (err != KS_OK)
            return err;
        *ret_broken = *ret_broken
            || (other.order != KS_NUMBER_HEAD && memcmp(other.prev, place->number.hash, KS_SCE_HASH_LEN) != 0);
    }
    return KS_OK;
}

static enum ks_err find_place(
    struct konsil *k, const struct ks_inbound *in, const struct ks_content *content, struct place *place)
{
    struct ks_number known;
    bool broken;
    enum ks_err err;

    if ((err = ks_chain_get(k, in->peer, in->from, content->k.device, content->k.epoch, &place->chain)) != KS_OK)
        return err;
    ks_sce_hash(in->envelope, place->number.hash);
    memcpy(place->number.prev, content->k.prev, KS_SCE_HASH_LEN);
    err = ks_number_get(k, &place->chain, content->k.number, &known);
    if (err == KS_OK && known.order == KS_NUMBER_HEAD && memcmp(known.hash, place->number.hash, KS_SCE_HASH_LEN) == 0)
        return KS_OK;
    if (err == KS_OK) {
        place->drop = true;
        return memcmp(known.hash, place->number.hash, KS_SCE_HASH_LEN) == 0 ? KS_OK : tell_differs(k, in);
    }
    if (err != KS_ENOTFOUND || (err = check_links(k, place, content, &broken)) != KS_OK)
        return err;
    return broken ? tell_differs(k, in) : KS_OK;
}

static enum ks_err take_place(
    struct konsil *k, const struct ks_inbound *in, const struct ks_content *content, struct place *place)
{
    const struct ks_group_live *live = in->room ? ks_group_live(k, in->peer) : NULL;
    struct ks_chain *chain = &place->chain;
    uint64_t missing = ks_chain_missing(chain);
    enum ks_chain_verdict verdict;
    enum ks_err err;

    /* A new epoch names the last number of the one before (§6.3). */
    if (content->k.epoch_before && content->k.number_before > 0) {
        struct ks_chain before;

        if ((err = ks_chain_get(k, in->peer, in->from, content->k.device, content->k.epoch_before, &before)) != KS_OK)
            return err;
        if (before.top > 0 && before.top < content->k.number_before) {
            ks_chain_expect(&before, (struct ks_range) { before.top + 1, content->k.number_before });
            if ((err = ks_chain_put(k, &before)) != KS_OK)
                return err;
            ks_heal_wake(k);
        }
    }
    verdict = ks_chain_take(chain, content->k.number);
    if (verdict == KS_CHAIN_FILLS && content->k.number <= chain->stored)
        chain->owed = true;
    if (verdict == KS_CHAIN_AHEAD || ks_chain_missing(chain) > missing)
        ks_heal_gap(k);
    if (in->restored && chain->stored < chain->top) {
        chain->stored = chain->top; /* another device of ours said that it is here */
        chain->owed = false;
    }
    if ((err = ks_number_put(k, chain, content->k.number, &place->number)) != KS_OK
        || (err = ks_chain_put(k, chain)) != KS_OK)
        return err;
    if (chain->asked && ks_chain_missing(chain) < missing && (err = ks_heal_tell_gap(k, chain, false)) != KS_OK)
        return err;
    if (!in->mine && !in->restored)
        ks_acks_wake_room(k, live ? live->occupants.count : 0);
    return KS_OK;
}

/* --- what it says --- */

/* What is still of use when it is read again: what was said to people, and what became of it. */
static bool lasts(const struct ks_content *content)
{
    return content->says == KS_SAYS_TEXT || content->says == KS_SAYS_UNKNOWN || content->says == KS_SAYS_EDIT
        || content->says == KS_SAYS_REACTIONS || (content->says == KS_SAYS_RETRACT && !content->target_author.len);
}

static enum ks_err take_content(
    struct konsil *k, struct ks_inbound *in, const struct ks_content *content, int64_t time_ms, int64_t *ret_order)
{
    struct ks_reference reference = {
        .conversation = in->peer, .author = in->from, .id = in->id, .time_ms = time_ms, .content = content
    };
    bool applied = true;
    enum ks_err err;

    if (in->restored && !lasts(content))
        return KS_OK;
    switch (content->says) {
    case KS_SAYS_TEXT:
    case KS_SAYS_UNKNOWN:
        return take_text(k, in, content, time_ms, ret_order);
    case KS_SAYS_EDIT:
        /* One that may not be applied is a message of its own (§5.3). */
        if ((err = ks_refer_edit(k, &reference, &applied)) != KS_OK || applied)
            return err;
        return take_text(k, in, content, time_ms, ret_order);
    case KS_SAYS_REACTIONS:
        return ks_refer_reactions(k, &reference);
    case KS_SAYS_RETRACT:
        return content->target_author.len > 0 ? ks_moderate_take(k, in, &reference) : ks_refer_retract(k, &reference);
    case KS_SAYS_ACK:
        return ks_acks_take(k, in, content);
    case KS_SAYS_RECEIVED:
        return in->mine ? KS_OK : ks_outbox_received(k, in->peer, content->target);
    case KS_SAYS_HEAL:
        return ks_heal_asked(k, in, content);
    case KS_SAYS_RESEND:
        return ks_heal_resent(k, in, content);
    case KS_SAYS_GONE:
        return ks_heal_gone(k, in, content);
    case KS_SAYS_ROOM:
        return ks_group_said(k, in, content);
    case KS_SAYS_HEADS:
        return ks_heads_heard(k, in, content);
    case KS_SAYS_EVIDENCE:
        return ks_gossip_evidence(k, in, &content->evidence);
    case KS_SAYS_NOTHING:
        return KS_OK;
    }
    return KS_OK;
}

enum ks_err ks_intake_close(struct konsil *k, struct ks_chain *chain, const struct ks_content *content)
{
    struct ks_number next;
    enum ks_err err;

    for (size_t i = 0; i < chain->gap_count; i++) {
        uint64_t n = chain->gaps[i].to;

        if ((err = ks_number_get(k, chain, n + 1, &next)) != KS_OK && err != KS_ENOTFOUND)
            return err;
        if (err == KS_ENOTFOUND || memcmp(next.prev, content->ref_hash, KS_SCE_HASH_LEN) != 0)
            continue;
        ks_chain_close(chain, (struct ks_range) { n, n });
        if ((err = ks_chain_put(k, chain)) != KS_OK)
            return err;
        return chain->asked ? ks_heal_tell_gap(k, chain, false) : KS_OK;
    }
    return KS_OK;
}

/* What was on its way when its author was removed is dropped in silence: when he wrote it nobody can tell. */
static enum ks_err turn_away(struct konsil *k, const struct ks_inbound *in, const struct ks_k *cited)
{
    bool was = false;
    enum ks_err err = cited->has_state ? ks_group_had(k, in->peer, cited->state_version, in->from, &was) : KS_OK;

    if (err == KS_OK && was) /* when an archive gives it once more it is not unreadable */
        return ks_history_hidden(k, in->peer, in->id, in->from);
    if (err != KS_OK)
        return err;
    return ks_group_warn(k, KS_CODE_ROOM_STRANGER, in->peer, in->from, KS_STR_EMPTY);
}

static enum ks_err intake_unnumbered(
    struct konsil *k, struct ks_inbound *in, const struct ks_content *content, int64_t time_ms)
{
    int64_t order = 0;
    bool knows;
    enum ks_err err = ks_history_knows(k, in->peer, in->id, in->from, &knows);

    return err != KS_OK || knows ? err : take_content(k, in, content, time_ms, &order);
}

static enum ks_err intake_at(struct konsil *k, struct ks_inbound *in, struct ks_content *content, int64_t time_ms)
{
    struct place place = { .drop = false };
    int64_t order = 0;
    bool admitted = true;
    enum ks_err err;

    if ((err = new_id_if_none(k, in)) != KS_OK || (err = find_files(k, content)) != KS_OK)
        return err;
    if (in->restored && !content->k.number)
        return intake_unnumbered(k, in, content, time_ms);
    if (in->room && !in->restored && ((err = ks_group_admits(k, in, &content->k, &admitted)) != KS_OK || !admitted))
        return err == KS_OK ? turn_away(k, in, &content->k) : err;
    if (in->room && !in->restored && (err = ks_group_cited(k, in, &content->k)) != KS_OK)
        return err;
    if (content->k.number == 0)
        return (err = take_content(k, in, content, time_ms, &order)) == KS_OK
            ? ks_archive_taken(k, in, content, time_ms)
            : err;
    if ((err = find_place(k, in, content, &place)) != KS_OK || place.drop)
        return err;
    if ((err = take_content(k, in, content, time_ms, &order)) != KS_OK)
        return err;
    place.number.order = order;
    if ((err = take_place(k, in, content, &place)) != KS_OK
        || (order == 0 && (err = ks_history_hidden(k, in->peer, in->id, in->from)) != KS_OK)
        || (err = ks_archive_taken(k, in, content, time_ms)) != KS_OK)
        return err;
    if (content->says != KS_SAYS_RETRACT || !content->has_ref || content->target_author.len > 0)
        return KS_OK;
    return ks_intake_close(k, &place.chain, content);
}

enum ks_err ks_intake_restored(struct konsil *k, struct ks_inbound *in, struct ks_content *content, int64_t time_ms)
{
    return intake_at(k, in, content, time_ms);
}

enum ks_err ks_intake(struct konsil *k, struct ks_inbound *in, struct ks_content *content)
{
    return intake_at(k, in, content, in->stamp_ms);
}

/* --- checks of an envelope (doc/PROTOCOL.md §4.2) --- */

/* from and to of other programs may be missing; together with <k/> they must be there. */
static bool names_fit(const struct ks_inbound *in, const struct ks_sce *sce, bool ours)
{
    if (ours && (!sce->from.ptr || !sce->to.ptr))
        return false;
    return (!sce->from.ptr || ks_str_eq(sce->from, in->from)) && (!sce->to.ptr || ks_str_eq(sce->to, in->to));
}

static bool k_fits(const struct ks_inbound *in, const struct ks_content *content)
{
    const struct ks_k *k = &content->k;

    if (!content->ours)
        return true;
    if (content->rejected)
        return false;
    if (in->resent_by)
        return true; /* another device of the author may hand it in, and there is no stanza to compare ids with */
    return k->device == in->opened.device && ks_str_eq(k->id, in->id);
}

enum ks_err ks_intake_envelope(struct konsil *k, struct ks_inbound *in, struct ks_str bytes)
{
    struct ks_content content;
    struct ks_sce sce;
    enum ks_err err = ks_sce_read(&k->arena, bytes, &sce);

    if (err == KS_ESYNTAX || err == KS_ELIMIT)
        return ks_intake_unreadable(k, in);
    if (err != KS_OK || (err = ks_content_read(&k->arena, sce.content, &content)) != KS_OK)
        return err;
    if (!names_fit(in, &sce, content.ours) || !k_fits(in, &content))
        return ks_intake_rejected(k, in);
    if (sce.large && content.says != KS_SAYS_RESEND)
        return ks_intake_unreadable(k, in);
    if ((err = ks_peer_seen(k, in->from, in->opened.device, content.ours)) != KS_OK)
        return err;
    if ((err = ks_gossip_heard(k, in, &content.k)) != KS_OK)
        return err;
    in->envelope = bytes;
    if (in->resent_by)
        in->id = content.k.id;
    return intake_at(k, in, &content, sce.has_time ? sce.wall_ms : in->stamp_ms);
}
