/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* outbox_send.c -- the outbox's way out: what waits is sealed when it can be, sent, and sent again in a later session.
 */
#include "chain.h"
#include "engine.h"
#include "erase.h"
#include "group.h"
#include "moderate.h"
#include "outbox_record.h"
#include "peers.h"
#include "receipts.h"
#include "sealing.h"
#include "xml_writer.h"

#define TRIES_MAX 4096  /* of sealing one message: each leaves out one more device */
#define UNACKED_MAX 512 /* on their way to the server at once */
#define NAMES_BYTES_MAX (4u * 1024 * 1024)
#define BEGIN_AT_ONCE 8 /* accounts of a room with which sessions are begun in one step */
#define SEAL_AT_ONCE 2  /* messages sealed before the host's loop goes on */
#define ASK_AHEAD 16    /* … whose keys are asked for at the same time */

/* --- sealing --- */

struct attempt {
    uint64_t seq;
    bool again;     /* a device was left out: once more */
    bool blocked;   /* keys are on their way */
    unsigned begun; /* accounts of a room with which sessions were begun, instead of sealing */
    bool too_big;   /* the server would not take it */
};

/* Numbers it: the next of our chain in this conversation. */
static enum ks_err give_number(struct konsil *k, struct ks_chain *chain, struct ks_content *content)
{
    struct ks_number before;
    enum ks_err err;

    content->k.number = chain->top + 1;
    if (chain->top == 0)
        return KS_OK; /* zeroes as prev */
    if ((err = ks_number_get(k, chain, chain->top, &before)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    memcpy(content->k.prev, before.hash, KS_SCE_HASH_LEN);
    return KS_OK;
}

static enum ks_err note_number(
    struct konsil *k, struct ks_chain *chain, const struct ks_content *content, const struct ks_out *out)
{
    struct ks_number number = { .order = out->order };
    enum ks_err err;

    memcpy(number.hash, out->hash, sizeof(number.hash));
    memcpy(number.prev, content->k.prev, sizeof(number.prev));
    if (chain->base == 0)
        chain->base = out->number;
    chain->top = out->number;
    if ((err = ks_number_put(k, chain, out->number, &number)) != KS_OK)
        return err;
    return ks_chain_put(k, chain);
}

static enum ks_err note_message(struct konsil *k, const struct ks_out *out, bool newer)
{
    struct ks_message message;
    enum ks_err err;

    if (out->order == 0)
        return KS_OK;
    if ((err = ks_history_get(k, out->conversation, out->order, &message)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    message.epoch = out->epoch;
    message.number = out->number;
    message.flags |= KS_MSG_HAS_HASH;
    message.encryption = newer ? KS_JS_ENCRYPTION_OMEMO2 : KS_JS_ENCRYPTION_OMEMO1;
    memcpy(message.hash, out->hash, sizeof(message.hash));
    return ks_history_put(k, &message);
}

/* Everything of one message that must be durable before it leaves. */
static enum ks_err keep_and_send(struct konsil *k, struct ks_out *out, struct ks_chain *chain,
    const struct ks_content *content, const struct ks_sealing *sealing)
{
    struct ks_buf stanza;
    enum ks_err err;

    out->state = KS_OUT_SEALED;
    if ((err = note_number(k, chain, content, out)) != KS_OK
        || (err = note_message(k, out, ks_xml_child(sealing->stanza, NS_OMEMO, "encrypted"))) != KS_OK
        || (err = ks_out_save(k, out)) != KS_OK || (err = ks_out_index(k, out)) != KS_OK
        || (err = ks_out_put_row(k, 'e', out->seq, sealing->envelope)) != KS_OK
        || (err = ks_out_put_row(k, 'w', out->seq, KS_STR(""))) != KS_OK
        || (err = ks_out_del_row(k, 'q', out->seq)) != KS_OK || (err = ks_out_del_row(k, 'd', out->seq)) != KS_OK)
        return err;
    ks_buf_init(&stanza, KS_STANZA_SENT_MAX);
    ks_xml_write(&stanza, sealing->stanza, KS_STR(NS_CLIENT));
    if ((err = ks_buf_err(&stanza)) == KS_OK && stanza.len > k->stream.stanza_max)
        err = KS_ELIMIT;
    if (err == KS_OK && (err = ks_out_put_row(k, 's', out->seq, ks_buf_str(&stanza))) == KS_OK)
        err = ks_send_bytes(k, ks_buf_str(&stanza), KS_TAG(KS_TAG_OUTBOX, out->seq));
    ks_buf_done(&stanza);
    return err;
}

static const char *wake_level(enum ks_urgency urgency)
{
    return urgency == KS_URGENCY_HIGH ? "high" : urgency == KS_URGENCY_NONE ? "none" : NULL;
}

/* Who is written to, and whether it can be now. */
struct audience {
    struct ks_group group; /* of a room */
    bool room, konsil, ready;
    const char *code; /* nobody ever: why */
    const char *wait; /* not ready: why, if it is not for keys */
    struct ks_str *accounts;
    size_t count;
    size_t devices; /* known ones of an account */
};

static enum ks_err find_person(struct konsil *k, const struct ks_out *out, struct audience *audience)
{
    struct ks_peer peer;
    enum ks_err err;

    if ((err = ks_keys_ready(k, out->conversation, &audience->ready)) != KS_OK
        || (err = ks_peer_load(k, out->conversation, &peer)) != KS_OK)
        return err;
    /* Nobody else waits for it here, and it need not fail. */
    audience->ready = audience->ready && !ks_keys_silent(k, out->conversation);
    audience->konsil = peer.konsil;
    audience->devices = peer.count;
    return KS_OK;
}

/* Some are asked for at a time. Sessions that are missing are begun as soon as their bundles are here, some in a step,
 * each time durable: the host's loop goes on between. */
static enum ks_err members_ready(struct konsil *k, struct audience *audience, unsigned *begun)
{
    size_t missing = 0;
    bool ready;
    enum ks_err err;

    for (size_t i = 0; audience->ready && missing < ASK_AHEAD && i < audience->count; i++) {
        if ((err = ks_keys_ready(k, audience->accounts[i], &ready)) != KS_OK)
            return err;
        missing += !ready;
        if (!ready || *begun >= BEGIN_AT_ONCE || !ks_keys_unbegun(k, audience->accounts[i]))
            continue;
        ++*begun;
        if ((err = ks_keys_begin(k, audience->accounts[i])) != KS_OK)
            return err;
    }
    audience->ready = audience->ready && missing == 0;
    return KS_OK;
}

/* In a room we are in, its statements and archive read, and its members' keys here as far as they can be had. */
static enum ks_err find_members(
    struct konsil *k, const struct ks_out *out, struct audience *audience, struct attempt *attempt)
{
    const struct ks_group_live *live = ks_group_live(k, out->conversation);
    enum ks_err err = ks_group_get(k, out->conversation, &audience->group);

    if (err != KS_OK)
        return err;
    audience->konsil = audience->ready = true;
    audience->code = ks_group_closed(&audience->group);
    if (audience->code && (out->says != KS_SAYS_ROOM || audience->group.flags & KS_GROUP_FOREIGN))
        return KS_OK;
    audience->code = NULL; /* a statement goes to a room that it makes us leave, too */
    if ((err = ks_group_recipients(k, &audience->group, &audience->accounts, &audience->count)) != KS_OK)
        return err;
    if (ks_group_behind(&audience->group)) {
        audience->wait = KS_CODE_ROOM_BEHIND;
        audience->ready = false;
        return KS_OK;
    }
    audience->ready = live && live->ready && !live->resend;
    audience->wait = audience->ready ? NULL : KS_CODE_WAIT_ROOM;
    return members_ready(k, audience, &attempt->begun);
}

static enum ks_err find_audience(
    struct konsil *k, const struct ks_out *out, struct audience *audience, struct attempt *attempt)
{
    bool own_ready;
    enum ks_err err;

    *audience = (struct audience) { .room = false };
    if ((err = ks_group_is(k, out->conversation, &audience->room)) != KS_OK)
        return err;
    err = audience->room ? find_members(k, out, audience, attempt) : find_person(k, out, audience);
    if (err != KS_OK || (err = ks_keys_ready(k, ks_own(k), &own_ready)) != KS_OK)
        return err;
    audience->ready = audience->ready && own_ready;
    return KS_OK;
}

static void address(struct ks_sealing *sealing, const struct audience *audience)
{
    sealing->room = audience->room;
    sealing->accounts = audience->accounts;
    sealing->account_count = audience->count;
}

/* What devices that speak the older version are told: a text, or the address of a file (doc/PROTOCOL.md §5.8). */
static enum ks_err older_text(struct konsil *k, const struct ks_content *content, struct ks_str *ret_text)
{
    if (content->files.count)
        return ks_file_share_uri(&k->arena, &content->files.items[0], ret_text);
    if (content->says == KS_SAYS_TEXT || content->says == KS_SAYS_EDIT)
        *ret_text = content->body;
    return KS_OK;
}

static enum ks_err seal(
    struct konsil *k, struct ks_out *out, struct ks_content *content, const struct audience *audience)
{
    struct ks_sealing sealing = {
        .to = out->conversation, .id = out->id, .siblings = true, .wake = wake_level(content->k.urgency)
    };
    struct ks_chain chain;
    enum ks_err err;

    address(&sealing, audience);
    if ((err = older_text(k, content, &sealing.text)) != KS_OK)
        return err;
    if ((err = ks_chain_get(k, out->conversation, ks_own(k), ks_omemo_device(k->omemo), k->epoch, &chain)) != KS_OK
        || (err = give_number(k, &chain, content)) != KS_OK)
        return err;
    content->k.id = out->id;
    content->receipt_wanted = content->says == KS_SAYS_TEXT && !audience->konsil;
    if (audience->room) {
        out->in_room = content->k.has_state = true;
        out->room_v = content->k.state_version = audience->group.newest.state.v;
        memcpy(content->k.state_hash, audience->group.newest.hash, sizeof(content->k.state_hash));
    }
    err = ks_envelope_make(k, out->conversation, content, out->made_ms, &sealing.envelope);
    if (err == KS_ELIMIT) /* cannot be: commands are limited below it */
        return ks_out_fail(k, out, KS_CODE_CANNOT, KS_STR_EMPTY);
    if (err != KS_OK || (err = ks_seal(k, &sealing)) != KS_OK)
        return err;
    if (!sealing.stanza)
        return ks_out_fail(k, out,
            content->says != KS_SAYS_TEXT && audience->devices > 0 ? KS_CODE_CANNOT : sealing.code, KS_STR_EMPTY);
    out->epoch = k->epoch;
    out->number = content->k.number;
    ks_sce_hash(sealing.envelope, out->hash);
    if ((err = keep_and_send(k, out, &chain, content, &sealing)) != KS_OK || !audience->room)
        return err;
    if (out->order > 0
        && (err = ks_receipt_audience(k, out->conversation, out->order, audience->accounts, audience->count)) != KS_OK)
        return err;
    return ks_receipt_unreached(
        k, out->conversation, out->order, sealing.accounts, sealing.reached, sealing.account_count);
}

static enum ks_err wait_for(struct konsil *k, struct ks_out *out, struct attempt *attempt, const char *code)
{
    attempt->blocked = true;
    if (out->order == 0)
        return KS_OK;
    return ks_receipt_all(k, out->conversation, out->order, KS_JS_STATE_WAITING, code);
}

static enum ks_err try_one(struct konsil *k, void *arg)
{
    struct attempt *attempt = arg;
    struct audience *audience = ks_arena_zero(&k->arena, sizeof(*audience));
    struct ks_content content;
    struct ks_str draft;
    struct ks_out out;
    bool may = true;
    enum ks_err err;

    if (!audience)
        return KS_ENOMEM;
    attempt->begun = 0;
    if ((err = ks_out_load(k, attempt->seq, &out)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if ((err = find_audience(k, &out, audience, attempt)) != KS_OK) {
        attempt->again = err == KS_EAGAIN;
        return err;
    }
    if (audience->code)
        return ks_out_fail(k, &out, audience->code, KS_STR_EMPTY);
    if (!ks_log_follow_may_send(k))
        return wait_for(k, &out, attempt, KS_CODE_LOG_DEAD);
    if (!audience->ready)
        return wait_for(k, &out, attempt, audience->wait ? audience->wait : KS_CODE_WAIT_KEYS);
    if (attempt->begun > 0) {
        attempt->blocked = true;
        ks_outbox_wake(k);
        return KS_OK;
    }
    if ((err = ks_out_get_row(k, 'd', attempt->seq, &draft)) != KS_OK
        || (err = ks_draft_decode(&k->arena, draft, &content)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    /* It waited, and who is welcomed may be gone again. */
    if (content.says == KS_SAYS_ROOM && !audience->room
        && ((err = ks_group_may_hear(k, &content, out.conversation, &may)) != KS_OK || !may))
        return err == KS_OK ? ks_out_drop(k, &out) : err;
    if ((err = seal(k, &out, &content, audience)) == KS_EAGAIN)
        attempt->again = true;
    attempt->too_big = err == KS_ELIMIT;
    return err;
}

/* Its number and what its sessions went on by were taken back with the step. */
static enum ks_err fail_too_big(struct konsil *k, void *arg)
{
    const struct attempt *attempt = arg;
    struct ks_out out;
    enum ks_err err = ks_out_load(k, attempt->seq, &out);

    return err == KS_OK ? ks_out_fail(k, &out, KS_CODE_TOO_BIG, KS_STR_EMPTY) : err;
}

/* After TRIES_MAX devices that proved unusable, nobody is left. */
static enum ks_err give_up(struct konsil *k, void *arg)
{
    const struct attempt *attempt = arg;
    struct ks_out out;
    bool room;
    enum ks_err err = ks_out_load(k, attempt->seq, &out);

    if (err != KS_OK || (err = ks_group_is(k, out.conversation, &room)) != KS_OK)
        return err;
    return ks_out_fail(k, &out, room ? KS_CODE_ROOM_NO_KEYS : KS_CODE_NO_KEYS, KS_STR_EMPTY);
}

struct queue {
    struct ks_arena arena;
    struct entry {
        uint64_t seq;
        struct ks_str conversation;
        bool blocked;
    } * entries;
    size_t count;
};

static enum ks_err read_queue(struct konsil *k, void *arg)
{
    struct queue *queue = arg;
    uint64_t *seqs;
    enum ks_err err = ks_out_list(k, 'q', KS_OUT_LIST_MAX, &seqs, &queue->count);

    if (err != KS_OK)
        return err;
    if (!(queue->entries = ks_arena_zero(&queue->arena, queue->count * sizeof(*queue->entries))))
        return KS_ENOMEM;
    for (size_t i = 0; i < queue->count; i++) {
        struct ks_out out;

        if ((err = ks_out_load(k, seqs[i], &out)) != KS_OK)
            return err == KS_ENOTFOUND ? KS_ESTORE : err;
        queue->entries[i].seq = seqs[i];
        if ((err = ks_arena_copy(&queue->arena, out.conversation, &queue->entries[i].conversation)) != KS_OK)
            return err;
    }
    return KS_OK;
}

/* Nothing overtakes in a conversation: is one before it blocked? */
static bool is_blocked(const struct queue *queue, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (queue->entries[j].blocked && ks_str_eq(queue->entries[j].conversation, queue->entries[i].conversation))
            return true;
    return false;
}

static bool may_send(const struct konsil *k)
{
    return k->failed == KS_OK && ks_online(k) && k->outbox.open && k->stream.sm.unacked < UNACKED_MAX
        && k->now.mono_ms >= k->outbox.pause_ms;
}

static void send_one(struct konsil *k, struct entry *entry)
{
    struct attempt attempt = { .seq = entry->seq };

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        attempt.again = attempt.blocked = attempt.too_big = false;
        (void)ks_step(k, try_one, &attempt);
        entry->blocked = attempt.blocked;
        if (attempt.too_big)
            (void)ks_step(k, fail_too_big, &attempt);
        if (!attempt.again)
            return;
    }
    (void)ks_step(k, give_up, &attempt);
}

/* --- a session's life --- */

static enum ks_err fail_sealed(struct konsil *k, uint64_t seq, const char *code)
{
    struct ks_out out;
    enum ks_err err;

    if ((err = ks_out_load(k, seq, &out)) != KS_OK || (err = ks_out_del_row(k, 's', seq)) != KS_OK)
        return err;
    return ks_out_fail(k, &out, code, KS_STR_EMPTY);
}

/* What was sealed goes once more, unless it was sealed for a server that took more. */
static enum ks_err send_sealed(struct konsil *k, uint64_t seq)
{
    struct ks_str stanza;
    enum ks_err err = ks_out_get_row(k, 's', seq, &stanza);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    return stanza.len <= k->stream.stanza_max ? ks_send_bytes(k, stanza, KS_TAG(KS_TAG_OUTBOX, seq))
                                              : fail_sealed(k, seq, KS_CODE_TOO_BIG);
}

/* In a room: when we are in it; if that will not be, it ends, and its author can act on that. */
static enum ks_err look_after_sealed(struct konsil *k, const struct ks_out *out)
{
    bool comes;
    enum ks_err err;

    if (!out->in_room)
        return send_sealed(k, out->seq);
    if ((err = ks_group_comes(k, out->conversation, &comes)) != KS_OK || comes)
        return err;
    return fail_sealed(k, out->seq, KS_CODE_ROOM_NOT_MEMBER);
}

enum ks_err ks_outbox_exited(struct konsil *k, struct ks_str room)
{
    uint64_t *seqs;
    size_t count;
    enum ks_err err = ks_out_list(k, 'w', KS_OUT_LIST_MAX, &seqs, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++) {
        struct ks_out out;

        if ((err = ks_out_load(k, seqs[i], &out)) == KS_OK && out.in_room && ks_str_eq(out.conversation, room))
            err = look_after_sealed(k, &out);
    }
    return err == KS_ENOTFOUND ? KS_ESTORE : err;
}

enum ks_err ks_outbox_online(struct konsil *k, bool resumed)
{
    uint64_t *seqs;
    size_t count;
    enum ks_err err;

    k->outbox.open = true;
    ks_outbox_wake(k);
    if (resumed)
        return KS_OK; /* stream management sent it again */
    if ((err = ks_erase_online(k)) != KS_OK || (err = ks_out_list(k, 'w', KS_OUT_LIST_MAX, &seqs, &count)) != KS_OK)
        return err;
    for (size_t i = 0; i < count; i++) {
        struct ks_out out;

        if ((err = ks_out_load(k, seqs[i], &out)) != KS_OK)
            return err == KS_ENOTFOUND ? KS_ESTORE : err;
        if ((err = look_after_sealed(k, &out)) != KS_OK)
            return err;
    }
    return KS_OK;
}

/* The same envelope, for those who are members now, when their keys are here. *ret_waits: they are not. */
static enum ks_err seal_again(struct konsil *k, struct ks_out *out, const struct ks_group *group, bool *ret_waits)
{
    struct audience audience = { .group = *group, .room = true, .ready = !ks_group_behind(group) };
    struct ks_sealing sealing = { .to = out->conversation, .id = out->id, .siblings = true };
    unsigned begun = BEGIN_AT_ONCE; /* sealing begins them */
    struct ks_buf stanza;
    enum ks_err err;

    if ((err = ks_group_recipients(k, group, &audience.accounts, &audience.count)) != KS_OK
        || (err = members_ready(k, &audience, &begun)) != KS_OK)
        return err;
    *ret_waits = !audience.ready;
    if (*ret_waits)
        return KS_OK;
    if ((err = ks_out_get_row(k, 'e', out->seq, &sealing.envelope)) == KS_ENOTFOUND) {
        /* It was taken back meanwhile (erase.c), and for others it cannot be sealed any more. Its number is closed by
         * the retraction. */
        out->state = KS_OUT_DONE;
        return ks_out_drop(k, out);
    }
    if (err != KS_OK)
        return err;
    address(&sealing, &audience);
    if ((err = ks_seal(k, &sealing)) != KS_OK)
        return err;
    if (!sealing.stanza)
        return ks_out_fail(k, out, sealing.code, KS_STR_EMPTY);
    out->room_v = group->newest.state.v;
    if (out->order > 0
        && ((err = ks_receipt_audience(k, out->conversation, out->order, audience.accounts, audience.count)) != KS_OK
            || (err = ks_receipt_unreached(
                    k, out->conversation, out->order, sealing.accounts, sealing.reached, sealing.account_count))
                != KS_OK))
        return err;
    ks_buf_init(&stanza, KS_STANZA_SENT_MAX);
    ks_xml_write(&stanza, sealing.stanza, KS_STR(NS_CLIENT));
    if ((err = ks_buf_err(&stanza)) == KS_OK && (err = ks_out_save(k, out)) == KS_OK)
        err = ks_out_put_row(k, 's', out->seq, ks_buf_str(&stanza));
    ks_buf_done(&stanza);
    return err;
}

/* What was on its way in a room when we were in it the last time. */
struct resending {
    struct ks_group_live *live;
    uint64_t seq;  /* what it is about */
    uint64_t next; /* for live->resend */
    enum ks_err err;
};

/* From live->resend on; what waits is where it goes on, and nothing overtakes it. */
static enum ks_err resend(struct konsil *k, struct resending *resending)
{
    struct ks_group group;
    uint64_t *seqs;
    size_t count;
    enum ks_err err = ks_group_get(k, resending->live->room, &group);

    if (err != KS_OK || (err = ks_out_list(k, 'w', KS_OUT_LIST_MAX, &seqs, &count)) != KS_OK)
        return err;
    for (size_t i = 0; i < count; i++) {
        struct ks_out out;
        bool waits = false;

        if ((err = ks_out_load(k, seqs[i], &out)) != KS_OK)
            return err == KS_ENOTFOUND ? KS_ESTORE : err;
        if (seqs[i] < resending->live->resend - 1 || !ks_str_eq(out.conversation, group.room))
            continue;
        resending->seq = seqs[i];
        if ((out.room_v != group.newest.state.v || ks_group_behind(&group) || group.doubt.data.len > 0
                || ks_group_restricted(&group)) /* whoever is restricted since then gets no key */
            && (err = seal_again(k, &out, &group, &waits)) != KS_OK)
            return err;
        if (waits) {
            resending->next = seqs[i] + 1;
            return KS_OK;
        }
        if (out.state == KS_OUT_SEALED && (err = send_sealed(k, seqs[i])) != KS_OK)
            return err;
    }
    return ks_moderate_entered(k, group.room);
}

static enum ks_err resend_step(struct konsil *k, void *arg)
{
    struct resending *resending = arg;

    resending->next = 0;
    return resending->err = resend(k, resending);
}

static enum ks_err fail_resend(struct konsil *k, void *arg)
{
    const struct resending *resending = arg;

    return fail_sealed(k, resending->seq, resending->err == KS_ELIMIT ? KS_CODE_TOO_BIG : KS_CODE_ROOM_NO_KEYS);
}

/* As send_one: a device that proves unusable is left out, and what cannot be sealed fails instead of holding up what is
 * behind it. */
static void resend_room(struct konsil *k, struct ks_group_live *live)
{
    struct resending resending = { .live = live };

    for (int tries = 0; !ks_step(k, resend_step, &resending); tries++) {
        if (k->failed != KS_OK || (resending.err != KS_EAGAIN && resending.err != KS_ELIMIT))
            return;
        if (resending.err == KS_EAGAIN && tries < TRIES_MAX)
            continue;
        if (!ks_step(k, fail_resend, &resending))
            return;
        tries = 0;
    }
    live->resend = resending.next;
}

static void resend_waiting(struct konsil *k)
{
    for (KS_LIST_EACH(&k->groups.live, at)) {
        struct ks_group_live *live = KS_CONTAINER(at, struct ks_group_live, link);

        if (live->resend > 0 && live->ready && k->failed == KS_OK)
            resend_room(k, live);
    }
}

enum ks_err ks_outbox_entered(struct konsil *k, const struct ks_group *group)
{
    struct ks_group_live *live = ks_group_live(k, group->room);

    /* In steps of its own: a device that proves unusable undoes one. */
    if (live)
        live->resend = 1;
    ks_outbox_wake(k);
    return KS_OK;
}

void ks_outbox_due(struct konsil *k)
{
    struct queue queue = { .count = 0 };
    size_t sealed = 0;

    k->wait_ms[KS_WAIT_OUTBOX] = k->outbox.pause_ms > k->now.mono_ms ? k->outbox.pause_ms : KS_NEVER;
    if (!may_send(k))
        return;
    resend_waiting(k);
    ks_arena_init(&queue.arena, NAMES_BYTES_MAX);
    if (ks_step(k, read_queue, &queue))
        for (size_t i = 0; i < queue.count && may_send(k); i++) {
            struct entry *entry = &queue.entries[i];

            if (sealed == SEAL_AT_ONCE) {
                ks_outbox_wake(k);
                break;
            }
            entry->blocked = is_blocked(&queue, i) || ks_keys_coming(k, entry->conversation);
            if (entry->blocked)
                continue;
            send_one(k, entry);
            sealed += !entry->blocked;
        }
    ks_arena_done(&queue.arena);
}

void ks_outbox_wake(struct konsil *k)
{
    if (k->outbox.open)
        k->wait_ms[KS_WAIT_OUTBOX] = k->now.mono_ms;
}

void ks_outbox_lost(struct konsil *k)
{
    k->outbox.open = false;
    k->wait_ms[KS_WAIT_OUTBOX] = KS_NEVER;
}
