/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "heads.h"

#include <stdlib.h>

#include "chain.h"
#include "engine.h"
#include "group.h"
#include "history.h"
#include "inbox.h"
#include "outbox_record.h"
#include "peers.h"
#include "sealing.h"

#define TRIES_MAX 80
#define DUE_MAX 4096

/* What an account lacks of one of our numberings: something between from and to. */
struct head {
    struct ks_list link;
    uint64_t epoch, from, to;
    uint8_t hash[KS_SCE_HASH_LEN]; /* of to */
    int64_t told_ms;
    struct ks_str jid, conversation; /* behind this struct */
};

/* --- lists --- */

void ks_heads_init(struct konsil *k)
{
    ks_list_init(&k->heads.due);
    ks_list_init(&k->heads.told);
}

static void clear(struct ks_list *list)
{
    for (KS_LIST_EACH_SAFE(list, at)) {
        ks_list_leave(at);
        free(KS_CONTAINER(at, struct head, link));
    }
}

void ks_heads_lost(struct konsil *k)
{
    clear(&k->heads.due);
    k->wait_ms[KS_WAIT_HEADS] = KS_NEVER;
}

void ks_heads_done(struct konsil *k)
{
    if (!k->heads.due.next)
        return;
    clear(&k->heads.due);
    clear(&k->heads.told);
}

static struct head *find(struct ks_list *list, struct ks_str jid, struct ks_str conversation, uint64_t epoch)
{
    for (KS_LIST_EACH(list, at)) {
        struct head *head = KS_CONTAINER(at, struct head, link);

        if (head->epoch == epoch && ks_str_eq(head->jid, jid) && ks_str_eq(head->conversation, conversation))
            return head;
    }
    return NULL;
}

static struct head *head_new(struct ks_list *list, struct ks_str jid, struct ks_str conversation, uint64_t epoch)
{
    struct head *head = calloc(1, sizeof *head + jid.len + conversation.len);

    if (!head)
        return NULL;
    head->epoch = epoch;
    head->jid = ks_str(head + 1, jid.len);
    head->conversation = ks_str((char *)(head + 1) + jid.len, conversation.len);
    memcpy(head + 1, jid.ptr, jid.len);
    if (conversation.len)
        memcpy((char *)(head + 1) + jid.len, conversation.ptr, conversation.len);
    ks_list_append(list, &head->link);
    return head;
}

/* --- who lacks what --- */

struct survey {
    struct konsil *k;
    size_t count;
};

/* Said the same to it not long ago. */
static bool is_told(struct konsil *k, const struct head *head)
{
    const struct head *told = find(&k->heads.told, head->jid, head->conversation, head->epoch);

    return told && told->to == head->to && told->from == head->from
        && k->now.mono_ms - told->told_ms < KS_HEADS_SAME_MS;
}

static enum ks_err note(struct konsil *k, struct survey *survey, struct ks_str jid, const struct ks_out *out)
{
    struct head *head = find(&k->heads.due, jid, out->conversation, out->epoch);

    if (head) {
        head->from = out->number < head->from ? out->number : head->from;
        return KS_OK;
    }
    if (survey->count++ >= DUE_MAX)
        return KS_OK;
    if (!(head = head_new(&k->heads.due, jid, out->conversation, out->epoch)))
        return KS_ENOMEM;
    head->from = out->number;
    return KS_OK;
}

/* Those who did not say that they have it. In a room only what is shown is acknowledged one by one. */
static enum ks_err note_room(struct konsil *k, struct survey *survey, const struct ks_out *out)
{
    struct ks_message message;
    struct ks_group group;
    enum ks_err err;

    if (out->order == 0 || (err = ks_group_get(k, out->conversation, &group)) == KS_ENOTFOUND
        || (err == KS_OK && (err = ks_history_get(k, out->conversation, out->order, &message)) == KS_ENOTFOUND))
        return KS_OK;
    for (size_t i = 0; err == KS_OK && i < message.receipt_count; i++)
        if (message.receipts[i].state < KS_JS_STATE_DELIVERED && ks_group_recipient(&group, message.receipts[i].jid))
            err = note(k, survey, message.receipts[i].jid, out);
    return err;
}

/* The newest number of each numbering, and its hash. */
static enum ks_err complete(struct konsil *k)
{
    struct ks_number number;
    struct ks_chain chain;
    enum ks_err err;

    for (KS_LIST_EACH_SAFE(&k->heads.due, at)) {
        struct head *head = KS_CONTAINER(at, struct head, link);

        err = ks_chain_get(k, head->conversation, ks_own(k), ks_omemo_device(k->omemo), head->epoch, &chain);
        if (err != KS_OK)
            return err;
        head->to = chain.top;
        if (chain.top && (err = ks_number_get(k, &chain, chain.top, &number)) != KS_OK && err != KS_ENOTFOUND)
            return err;
        if (!chain.top || err == KS_ENOTFOUND || is_told(k, head)) {
            ks_list_leave(at);
            free(head);
        } else {
            memcpy(head->hash, number.hash, sizeof head->hash);
        }
    }
    return KS_OK;
}

static enum ks_err take_survey(struct konsil *k, void *arg)
{
    struct survey *survey = arg;
    uint64_t *seqs;
    size_t count;
    enum ks_err err = ks_out_list(k, 'h', KS_OUT_LIST_MAX, &seqs, &count);

    for (size_t i = 0; err == KS_OK && i < count; i++) {
        struct ks_out out;

        if ((err = ks_out_load(k, seqs[i], &out)) != KS_OK)
            return err;
        if (out.state != KS_OUT_SERVER || !out.number || ks_str_eq(out.conversation, ks_own(k))
            || k->now.wall_ms - out.made_ms < KS_HEADS_YOUNG_MS)
            continue;
        err = out.in_room ? note_room(k, survey, &out) : note(k, survey, out.conversation, &out);
    }
    return err == KS_OK ? complete(k) : err;
}

/* --- telling --- */

struct telling {
    struct ks_str jid;
    struct ks_ack_range ranges[KS_ACK_RANGES_MAX];
    size_t count;
    bool again, waits;
};

static enum ks_err tell(struct konsil *k, void *arg)
{
    struct telling *telling = arg;
    struct ks_content content = {
        .says = KS_SAYS_HEADS, .k.urgency = KS_URGENCY_NONE, .ranges = telling->ranges, .range_count = telling->count
    };
    struct ks_sealing sealing = { .to = telling->jid, .wake = "none" };
    struct ks_peer peer;
    bool ready;
    enum ks_err err = ks_peer_load(k, telling->jid, &peer);

    telling->again = telling->waits = false;
    if (err != KS_OK || !peer.konsil)
        return err; /* others' programs number nothing */
    if ((err = ks_keys_ready(k, telling->jid, &ready)) != KS_OK)
        return err;
    telling->waits = !ready;
    if (!ready || (err = ks_new_id(k, &sealing.id)) != KS_OK)
        return err;
    content.k.id = sealing.id;
    if ((err = ks_envelope_make(k, telling->jid, &content, k->now.wall_ms, &sealing.envelope)) != KS_OK)
        return err == KS_ELIMIT ? KS_OK : err;
    if ((err = ks_seal(k, &sealing)) != KS_OK) {
        telling->again = err == KS_EAGAIN;
        return err;
    }
    return sealing.stanza ? ks_send_stanza(k, sealing.stanza, 0) : KS_OK;
}

static void gather(struct konsil *k, struct telling *telling)
{
    for (KS_LIST_EACH(&k->heads.due, at)) {
        const struct head *head = KS_CONTAINER(at, struct head, link);
        struct ks_ack_range *range = &telling->ranges[telling->count];

        if (telling->count == KS_ACK_RANGES_MAX || !ks_str_eq(head->jid, telling->jid))
            continue;
        *range = (struct ks_ack_range) {
            .device = ks_omemo_device(k->omemo), .epoch = head->epoch, .from = head->from, .to = head->to
        };
        if (!ks_str_eq(head->conversation, head->jid))
            range->conversation = head->conversation;
        memcpy(range->hash, head->hash, sizeof range->hash);
        telling->count++;
    }
}

static void note_told(struct konsil *k, struct head *head)
{
    struct head *before = find(&k->heads.told, head->jid, head->conversation, head->epoch);

    if (before) {
        ks_list_leave(&before->link);
        free(before);
    }
    ks_list_leave(&head->link);
    head->told_ms = k->now.mono_ms;
    ks_list_append(&k->heads.told, &head->link);
}

/* To the account that is the next one; false: nothing can be told to it before keys come. */
static bool tell_account(struct konsil *k, struct ks_str jid)
{
    struct telling telling = { .jid = jid };

    gather(k, &telling);
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        (void)ks_step(k, tell, &telling);
        if (!telling.again)
            break;
    }
    if (telling.waits)
        return false;
    for (KS_LIST_EACH_SAFE(&k->heads.due, at)) {
        struct head *head = KS_CONTAINER(at, struct head, link);

        if (telling.count && ks_str_eq(head->jid, jid)) {
            telling.count--;
            note_told(k, head);
        }
    }
    return true;
}

void ks_heads_caught_up(struct konsil *k)
{
    k->wait_ms[KS_WAIT_HEADS] = k->now.mono_ms + KS_HEADS_FIRST_MS;
}

void ks_heads_wake(struct konsil *k)
{
    if (!ks_list_empty(&k->heads.due))
        k->wait_ms[KS_WAIT_HEADS] = k->now.mono_ms;
}

void ks_heads_due(struct konsil *k)
{
    struct survey survey = { .k = k };
    struct ks_list waiting;

    k->wait_ms[KS_WAIT_HEADS] = k->now.mono_ms + KS_HEADS_AGAIN_MS;
    if (!ks_online(k))
        return;
    clear(&k->heads.due);
    if (!ks_step(k, take_survey, &survey))
        return;
    ks_list_init(&waiting);
    while (!ks_list_empty(&k->heads.due) && k->failed == KS_OK) {
        struct head *head = KS_CONTAINER(k->heads.due.next, struct head, link);

        if (!tell_account(k, head->jid)) {
            ks_list_leave(&head->link);
            ks_list_append(&waiting, &head->link);
        }
    }
    while (!ks_list_empty(&waiting)) {
        struct ks_list *at = waiting.next;

        ks_list_leave(at);
        ks_list_append(&k->heads.due, at);
    }
}

/* --- what others tell --- */

static enum ks_err take_head(
    struct konsil *k, const struct ks_inbound *in, struct ks_str conversation, const struct ks_ack_range *head)
{
    struct ks_number number = { .order = KS_NUMBER_HEAD };
    struct ks_chain chain;
    enum ks_err err = ks_chain_get(k, conversation, in->from, head->device, head->epoch, &chain);

    if (err != KS_OK)
        return err;
    if (head->to <= chain.top && (chain.base <= head->from || !chain.base)) {
        /* Nothing new. Did our receipt get lost? */
        chain.owed = true;
        ks_acks_wake(k);
        return ks_chain_put(k, &chain);
    }
    if (head->to - (chain.top ? chain.top : head->from) > KS_HEADS_AHEAD_MAX)
        return KS_OK;
    if (head->to > chain.top) {
        memcpy(number.hash, head->hash, sizeof number.hash);
        if ((err = ks_number_put(k, &chain, head->to, &number)) != KS_OK)
            return err;
    }
    ks_chain_expect(&chain, (struct ks_range) { head->from, head->to });
    ks_heal_gap(k);
    return ks_chain_put(k, &chain);
}

enum ks_err ks_heads_heard(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content)
{
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < content->range_count && err == KS_OK; i++) {
        const struct ks_ack_range *head = &content->ranges[i];
        struct ks_str conversation = head->conversation.len ? head->conversation : in->from;
        bool may;

        if (in->mine || head->device != in->opened.device || head->jid.len)
            continue; /* a device speaks of its own numbers */
        if ((err = ks_heal_concerns(k, in, conversation, &may)) == KS_OK && may)
            err = take_head(k, in, conversation, head);
    }
    return err;
}
