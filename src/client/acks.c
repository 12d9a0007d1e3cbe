/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "acks.h"

#include <stdlib.h>

#include "chain.h"
#include "engine.h"
#include "group.h"
#include "history.h"
#include "inbox.h"
#include "sealing.h"
#include "xml_writer.h"

#define ACCOUNTS_MAX 256 /* acknowledged in one round */
#define READ_PAGE 200
#define KEY_BYTES_MAX 8192
#define TRIES_MAX 80
#define META_TELL_READ "tell_read"

/* A receipt under way: what counts as acknowledged when the server has it. */
struct flying {
    struct ks_list link;
    uint64_t number;
    struct ks_str conversation, author, id; /* behind the ranges; id: of its stanza */
    size_t count;
    struct claim {
        uint32_t device;
        uint64_t epoch, from, to;
        uint64_t missing; /* between them, when it was sent */
        bool displayed;
    } claims[];
};

/* A third party wants to know that its message came. */
struct request {
    struct ks_list link;
    bool again;
    struct ks_str jid, id; /* behind this struct */
};

void ks_acks_init(struct konsil *k)
{
    ks_list_init(&k->acks.requests);
    ks_list_init(&k->acks.flying);
    k->acks.next = 1;
}

void ks_acks_lost(struct konsil *k)
{
    for (KS_LIST_EACH_SAFE(&k->acks.flying, at)) {
        ks_list_leave(at);
        free(KS_CONTAINER(at, struct flying, link));
        k->acks.owed = true;
    }
    k->wait_ms[KS_WAIT_ACK] = KS_NEVER;
}

void ks_acks_done(struct konsil *k)
{
    if (!k->acks.flying.next)
        return;
    ks_acks_lost(k);
    for (KS_LIST_EACH_SAFE(&k->acks.requests, at))
        free(KS_CONTAINER(at, struct request, link));
    ks_list_init(&k->acks.requests);
}

enum ks_err ks_acks_load(struct konsil *k)
{
    uint64_t tell = 0;
    enum ks_err err = ks_meta_get_u64(k, META_TELL_READ, &tell);

    k->acks.owed = true;
    k->acks.tell_read = err == KS_OK && tell == 1;
    return err == KS_ENOTFOUND ? KS_OK : err;
}

enum ks_err ks_acks_tell_read(struct konsil *k, bool tell)
{
    enum ks_err err = ks_meta_put_u64(k, META_TELL_READ, tell);

    if (err == KS_OK)
        k->acks.tell_read = tell;
    return err;
}

/* doc/PROTOCOL.md §7.1: spread over the gathering time, so that a room's author does not get them all at once. */
static void wake_within(struct konsil *k, int64_t max_ms)
{
    int64_t gather =
        KS_ACKS_GATHER_MIN_MS + (int64_t)ks_prng_below(&k->prng, (uint64_t)(max_ms - KS_ACKS_GATHER_MIN_MS));

    k->acks.owed = true;
    if (ks_online(k) && ks_catchup_done(k))
        k->wait_ms[KS_WAIT_ACK] = ks_sooner(k->wait_ms[KS_WAIT_ACK], k->now.mono_ms + gather);
}

void ks_acks_wake(struct konsil *k)
{
    wake_within(k, KS_ACKS_GATHER_MAX_MS);
}

void ks_acks_wake_room(struct konsil *k, size_t people)
{
    wake_within(k, people > KS_ACKS_ROOM ? KS_ACKS_ROOM_MAX_MS : KS_ACKS_GATHER_MAX_MS);
}

void ks_acks_keys(struct konsil *k)
{
    if (!k->acks.waits)
        return;
    k->acks.owed = true;
    if (ks_online(k) && ks_catchup_done(k))
        k->wait_ms[KS_WAIT_ACK] = k->now.mono_ms;
}

/* --- what is owed --- */

static bool owes_stored(const struct ks_chain *chain)
{
    return ks_chain_greatest(chain) > chain->stored || (chain->owed && ks_chain_greatest(chain) > 0);
}

static bool owes_displayed(const struct ks_chain *chain)
{
    return chain->read > chain->displayed;
}

/* Whose messages, and where: in a conversation of two both are the other account. */
struct debt {
    struct ks_str conversation, author;
};

struct debts {
    struct konsil *k;
    struct ks_arena *arena;
    struct debt items[ACCOUNTS_MAX];
    size_t count;
    enum ks_err err;
};

static bool is_flying(const struct konsil *k, const struct debt *debt)
{
    for (KS_LIST_EACH(&k->acks.flying, at)) {
        const struct flying *flying = KS_CONTAINER(at, struct flying, link);

        if (ks_str_eq(flying->conversation, debt->conversation) && ks_str_eq(flying->author, debt->author))
            return true;
    }
    return false;
}

static bool note_debt(void *user, const struct ks_chain *chain)
{
    struct debts *debts = user;

    if (ks_str_eq(chain->author, ks_own(debts->k)) || (!owes_stored(chain) && !owes_displayed(chain)))
        return true;
    for (size_t i = 0; i < debts->count; i++)
        if (ks_str_eq(debts->items[i].conversation, chain->conversation)
            && ks_str_eq(debts->items[i].author, chain->author))
            return true;
    if ((debts->err = ks_arena_copy(debts->arena, chain->conversation, &debts->items[debts->count].conversation))
        == KS_OK)
        debts->err = ks_arena_copy(debts->arena, chain->author, &debts->items[debts->count].author);
    return debts->err == KS_OK && ++debts->count < ACCOUNTS_MAX;
}

static enum ks_err find_debts(struct konsil *k, void *arg)
{
    struct debts *debts = arg;
    enum ks_err err = ks_chain_visit(k, KS_STR_EMPTY, note_debt, debts);

    return err == KS_OK ? debts->err : err;
}

/* --- one receipt --- */

struct gather {
    struct konsil *k;
    struct debt debt;
    struct ks_chain chains[KS_ACK_RANGES_MAX / 2]; /* each may give two ranges */
    size_t count, max;
};

static bool gather_chain(void *user, const struct ks_chain *chain)
{
    struct gather *gather = user;

    if (!ks_str_eq(chain->author, gather->debt.author) || (!owes_stored(chain) && !owes_displayed(chain)))
        return true;
    gather->chains[gather->count] = *chain;
    /* Views of the call would not last. */
    gather->chains[gather->count].conversation = gather->debt.conversation;
    gather->chains[gather->count].author = gather->debt.author;
    return ++gather->count < gather->max;
}

static enum ks_err add_range(
    struct konsil *k, struct ks_content *content, const struct ks_chain *chain, uint64_t to, bool displayed)
{
    struct ks_ack_range *range = &content->ranges[content->range_count];
    struct ks_range except[KS_ACK_EXCEPT_MAX];
    struct ks_number number;
    enum ks_err err = ks_number_get(k, chain, to, &number);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    *range = (struct ks_ack_range) { .device = chain->device, .epoch = chain->epoch, .to = to, .displayed = displayed };
    memcpy(range->hash, number.hash, sizeof(range->hash));
    if (!ks_str_eq(chain->conversation, chain->author))
        range->conversation = chain->conversation;
    if (!(range->except = ks_arena_zero(&k->arena, KS_ACK_EXCEPT_MAX * sizeof(*range->except))))
        return KS_ENOMEM;
    range->except_count = ks_chain_except(chain, to, except, KS_COUNT(except), &range->from);
    for (size_t i = 0; i < range->except_count; i++)
        range->except[i] = (struct ks_ack_except) { except[i].from, except[i].to };
    content->range_count++;
    return KS_OK;
}

/* What the author may know of chains, or what the own devices should. */
static enum ks_err add_ranges(
    struct konsil *k, struct ks_content *content, const struct gather *gather, bool stored, bool displayed)
{
    enum ks_err err;

    if (!(content->ranges = ks_arena_zero(&k->arena, KS_ACK_RANGES_MAX * sizeof(*content->ranges))))
        return KS_ENOMEM;
    for (size_t i = 0; i < gather->count; i++) {
        const struct ks_chain *chain = &gather->chains[i];

        if (stored && owes_stored(chain)
            && (err = add_range(k, content, chain, ks_chain_greatest(chain), false)) != KS_OK)
            return err;
        if (displayed && owes_displayed(chain) && (err = add_range(k, content, chain, chain->read, true)) != KS_OK)
            return err;
    }
    return KS_OK;
}

static struct ks_str keep_text(char **at, struct ks_str text)
{
    struct ks_str kept = ks_str(*at, text.len);

    memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return kept;
}

static enum ks_err note_flying(
    struct konsil *k, const struct debt *debt, const struct ks_content *content, uint64_t *ret_number)
{
    size_t size = content->range_count * sizeof(struct claim);
    struct flying *flying =
        calloc(1, sizeof(*flying) + size + debt->conversation.len + debt->author.len + content->k.id.len);
    char *text;

    if (!flying)
        return KS_ENOMEM;
    text = (char *)(flying + 1) + size;
    flying->conversation = keep_text(&text, debt->conversation);
    flying->author = keep_text(&text, debt->author);
    flying->id = keep_text(&text, content->k.id);
    flying->number = *ret_number = k->acks.next++;
    flying->count = content->range_count;
    for (size_t i = 0; i < content->range_count; i++) {
        const struct ks_ack_range *range = &content->ranges[i];

        flying->claims[i] = (struct claim) { range->device, range->epoch, range->from, range->to, 0, range->displayed };
        for (size_t j = 0; j < range->except_count; j++)
            flying->claims[i].missing += range->except[j].to - range->except[j].from + 1;
    }
    ks_list_append(&k->acks.flying, &flying->link);
    return KS_OK;
}

struct sending {
    struct debt debt;
    size_t chains_max; /* of how many devices it tells */
    size_t chains;     /* results */
    bool again, waits, too_long;
};

static enum ks_err too_long(struct sending *sending, enum ks_err err)
{
    sending->too_long = err == KS_ELIMIT;
    return err;
}

/* Sends what content says, if it says something. KS_ENOTFOUND: there is nobody who could read it. KS_ELIMIT: it is
 * longer than an envelope, or than what the server takes; undo the step. */
static enum ks_err send_ranges(struct konsil *k, struct sending *sending, struct ks_str to, struct ks_content *content)
{
    struct ks_sealing sealing = { .to = to, .siblings = true, .wake = "none" };
    struct ks_buf stanza;
    uint64_t number;
    enum ks_err err;

    if (content->range_count == 0)
        return KS_OK;
    content->says = KS_SAYS_ACK;
    content->k.urgency = KS_URGENCY_NONE;
    if ((err = ks_new_id(k, &sealing.id)) != KS_OK)
        return err;
    content->k.id = sealing.id;
    if ((err = ks_envelope_make(k, to, content, k->now.wall_ms, &sealing.envelope)) != KS_OK)
        return too_long(sending, err);
    if ((err = ks_seal(k, &sealing)) != KS_OK) {
        sending->again = err == KS_EAGAIN;
        return err;
    }
    if (!sealing.stanza)
        return KS_ENOTFOUND;
    ks_buf_init(&stanza, KS_STANZA_SENT_MAX);
    ks_xml_write(&stanza, sealing.stanza, KS_STR(NS_CLIENT));
    if (stanza.len > k->stream.stanza_max)
        err = KS_ELIMIT;
    else if ((err = ks_buf_err(&stanza)) == KS_OK && (err = note_flying(k, &sending->debt, content, &number)) == KS_OK)
        err = ks_send_bytes(k, ks_buf_str(&stanza), KS_TAG(KS_TAG_ACK, number));
    ks_buf_done(&stanza);
    return too_long(sending, err);
}

/* To the own devices alone: doc/PROTOCOL.md §7.2. Without another one it is done. */
static enum ks_err send_displayed(struct konsil *k, struct sending *sending, struct gather *gather)
{
    struct ks_content content = { 0 };
    enum ks_err err = add_ranges(k, &content, gather, false, true);

    for (size_t i = 0; i < content.range_count; i++)
        content.ranges[i].jid = sending->debt.author;
    if (err != KS_OK || (err = send_ranges(k, sending, ks_own(k), &content)) != KS_ENOTFOUND)
        return err;
    for (size_t i = 0; i < gather->count; i++) {
        gather->chains[i].displayed = gather->chains[i].read;
        if ((err = ks_chain_put(k, &gather->chains[i])) != KS_OK)
            return err;
    }
    return KS_OK;
}

static enum ks_err send_ack(struct konsil *k, void *arg)
{
    struct sending *sending = arg;
    struct ks_content content = { 0 };
    struct gather *gather = ks_arena_zero(&k->arena, sizeof(*gather));
    bool ready, own_ready;
    enum ks_err err;

    if (!gather)
        return KS_ENOMEM;
    gather->k = k;
    gather->debt = sending->debt;
    gather->max = sending->chains_max;
    if ((err = ks_keys_ready(k, sending->debt.author, &ready)) != KS_OK
        || (err = ks_keys_ready(k, ks_own(k), &own_ready)) != KS_OK)
        return err;
    sending->waits = !ready || !own_ready;
    if (sending->waits)
        return KS_OK;
    err = ks_chain_visit(k, sending->debt.conversation, gather_chain, gather);
    sending->chains = gather->count;
    if (err != KS_OK || (err = add_ranges(k, &content, gather, true, k->acks.tell_read)) != KS_OK)
        return err;
    err = send_ranges(k, sending, sending->debt.author, &content);
    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    return k->acks.tell_read ? KS_OK : send_displayed(k, sending, gather);
}

/* --- XEP-0184, for third parties --- */

enum ks_err ks_acks_received(struct konsil *k, struct ks_str jid, struct ks_str id)
{
    struct request *request = calloc(1, sizeof(*request) + jid.len + id.len);

    if (!request)
        return KS_ENOMEM;
    memcpy(request + 1, jid.ptr, jid.len);
    memcpy((char *)(request + 1) + jid.len, id.ptr, id.len);
    request->jid = ks_str(request + 1, jid.len);
    request->id = ks_str((char *)(request + 1) + jid.len, id.len);
    ks_list_append(&k->acks.requests, &request->link);
    ks_acks_wake(k);
    return KS_OK;
}

static enum ks_err send_received(struct konsil *k, void *arg)
{
    struct request *request = arg;
    struct ks_content content = { .says = KS_SAYS_RECEIVED, .target = request->id, .k.urgency = KS_URGENCY_NONE };
    struct ks_sealing sealing = { .to = request->jid, .wake = "none" };
    bool ready;
    enum ks_err err;

    request->again = false;
    if ((err = ks_keys_ready(k, request->jid, &ready)) != KS_OK || !ready || (err = ks_new_id(k, &sealing.id)) != KS_OK)
        return err;
    content.k.id = sealing.id;
    if ((err = ks_envelope_make(k, request->jid, &content, k->now.wall_ms, &sealing.envelope)) != KS_OK)
        return err == KS_ELIMIT ? KS_OK : err;
    if ((err = ks_seal(k, &sealing)) != KS_OK) {
        request->again = err == KS_EAGAIN;
        return err;
    }
    return sealing.stanza ? ks_send_stanza(k, sealing.stanza, 0) : KS_OK;
}

static void send_requests(struct konsil *k)
{
    for (KS_LIST_EACH_SAFE(&k->acks.requests, at)) {
        struct request *request = KS_CONTAINER(at, struct request, link);

        for (int tries = 0; tries < TRIES_MAX; tries++) {
            (void)ks_step(k, send_received, request);
            if (!request->again)
                break;
        }
        ks_list_leave(at);
        free(request);
    }
}

/* What an undone step had noted as under way is not. */
static bool try_ack(struct konsil *k, struct sending *sending)
{
    uint64_t next = k->acks.next;

    if (ks_step(k, send_ack, sending))
        return true;
    for (KS_LIST_EACH_SAFE(&k->acks.flying, at))
        if (KS_CONTAINER(at, struct flying, link)->number >= next) {
            ks_list_leave(at);
            free(KS_CONTAINER(at, struct flying, link));
        }
    return false;
}

void ks_acks_due(struct konsil *k)
{
    struct debts debts = { .k = k };
    struct ks_arena arena;

    k->wait_ms[KS_WAIT_ACK] = KS_NEVER;
    if (!k->acks.owed || !ks_online(k) || !ks_catchup_done(k))
        return;
    k->acks.owed = k->acks.waits = false;
    send_requests(k);
    ks_arena_init(&arena, 2 * ACCOUNTS_MAX * (KS_JID_MAX + 16));
    debts.arena = &arena;
    if (ks_step(k, find_debts, &debts))
        for (size_t i = 0; i < debts.count && k->failed == KS_OK; i++) {
            struct sending sending = { .debt = debts.items[i], .chains_max = KS_ACK_RANGES_MAX / 2 };

            if (is_flying(k, &sending.debt))
                continue; /* ks_acks_acked looks again */
            /* What is left out stays owed, and goes when the server has this one. */
            while (!try_ack(k, &sending) && sending.too_long && sending.chains > 1) {
                sending.chains_max = sending.chains / 2;
                sending.too_long = false;
            }
            k->acks.waits = k->acks.waits || sending.waits;
            if (sending.again)
                ks_acks_wake(k);
        }
    ks_arena_done(&arena);
}

/* A receipt of now would say no more. */
static bool is_said(const struct ks_chain *chain, const struct claim *claim)
{
    struct ks_range except[KS_ACK_EXCEPT_MAX];
    uint64_t from, missing = 0;
    size_t count = ks_chain_except(chain, claim->to, except, KS_COUNT(except), &from);

    for (size_t i = 0; i < count; i++)
        missing += except[i].to - except[i].from + 1;
    return from == claim->from && missing >= claim->missing;
}

void ks_acks_bounced(struct konsil *k, struct ks_str id)
{
    for (KS_LIST_EACH_SAFE(&k->acks.flying, at)) {
        struct flying *flying = KS_CONTAINER(at, struct flying, link);

        if (!ks_str_eq(flying->id, id))
            continue;
        ks_list_leave(at);
        free(flying);
        ks_acks_wake(k);
    }
}

enum ks_err ks_acks_acked(struct konsil *k, uint64_t number)
{
    struct flying *flying = NULL;
    enum ks_err err = KS_OK;

    for (KS_LIST_EACH(&k->acks.flying, at))
        if (KS_CONTAINER(at, struct flying, link)->number == number)
            flying = KS_CONTAINER(at, struct flying, link);
    if (!flying)
        return KS_OK;
    for (size_t i = 0; i < flying->count && err == KS_OK; i++) {
        const struct claim *claim = &flying->claims[i];
        struct ks_chain chain;

        if ((err = ks_chain_get(k, flying->conversation, flying->author, claim->device, claim->epoch, &chain)) != KS_OK)
            break;
        if (claim->displayed && claim->to > chain.displayed)
            chain.displayed = claim->to;
        if (!claim->displayed) {
            if (claim->to > chain.stored)
                chain.stored = claim->to;
            /* Unless something came meanwhile that it does not say. */
            if (is_said(&chain, claim))
                chain.owed = false;
        }
        err = ks_chain_put(k, &chain);
    }
    ks_list_leave(&flying->link);
    free(flying);
    ks_acks_wake(k); /* more may have come meanwhile */
    return err;
}

/* --- receipts of others --- */

static bool covers(const struct ks_ack_range *range, uint64_t n)
{
    for (size_t i = 0; i < range->except_count; i++)
        if (range->except[i].from <= n && n <= range->except[i].to)
            return false;
    return range->from <= n && n <= range->to;
}

/* n is greater than all that stand there. What has no place is told when a receipt covers it again. */
static void add_uncovered(struct ks_chain *chain, uint64_t n)
{
    struct ks_range *last = chain->gap_count > 0 ? &chain->gaps[chain->gap_count - 1] : NULL;

    if (last && last->to + 1 == n)
        last->to = n;
    else if (chain->gap_count < KS_CHAIN_GAPS_MAX)
        chain->gaps[chain->gap_count++] = (struct ks_range) { n, n };
}

static enum ks_err tell_differs(struct konsil *k, const struct ks_inbound *in)
{
    struct ks_ev_warning event = {
        .code = KS_STR(KS_CODE_ACK_DIFFERS), .jid = in->from, .device = in->opened.device, .conversation = in->peer
    };

    return ks_tell(k, KS_EV_WARNING, &event);
}

/* How far an account is with a numbering of ours: in a conversation of two that stands in the numbering itself, in a
 * room beside it, for each member. */
static enum ks_err heard_key(struct ks_buf *key, struct ks_str member, const struct ks_chain *chain)
{
    ks_buf_init(key, KEY_BYTES_MAX);
    ks_buf_byte(key, 'h');
    ks_buf_add(key, chain->conversation);
    ks_buf_byte(key, 0);
    ks_buf_add(key, member);
    ks_buf_byte(key, 0);
    ks_buf_u32(key, chain->device);
    ks_buf_u64(key, chain->epoch);
    return ks_buf_err(key);
}

static enum ks_err get_heard(
    struct konsil *k, struct ks_str member, const struct ks_chain *chain, struct ks_chain *ret_heard)
{
    struct ks_str record;
    struct ks_buf key;
    enum ks_err err = heard_key(&key, member, chain);

    *ret_heard = *chain;
    if (err == KS_OK && !ks_str_eq(chain->conversation, member)) {
        ret_heard->stored = ret_heard->displayed = ret_heard->gap_count = 0;
        err = ks_store_get(k, KS_T_GROUP, ks_buf_str(&key), &record);
        if (err == KS_OK)
            err = ks_chain_decode(record, ret_heard);
    }
    ks_buf_done(&key);
    ret_heard->base = chain->base;
    ret_heard->top = chain->top;
    return err == KS_ENOTFOUND ? KS_OK : err;
}

static enum ks_err put_heard(struct konsil *k, struct ks_str member, const struct ks_chain *heard)
{
    struct ks_buf key, record;
    enum ks_err err;

    if (ks_str_eq(heard->conversation, member))
        return ks_chain_put(k, heard);
    ks_buf_init(&record, 4096);
    ks_chain_encode(&record, heard);
    if ((err = heard_key(&key, member, heard)) == KS_OK && (err = ks_buf_err(&record)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_GROUP, ks_buf_str(&key), ks_buf_str(&record));
    ks_buf_done(&record);
    ks_buf_done(&key);
    return err;
}

/* Of our own numbering: the other account has what the range says. */
static enum ks_err take_range(struct konsil *k, const struct ks_inbound *in, const struct ks_ack_range *range)
{
    struct ks_str conversation = range->conversation.ptr ? range->conversation : in->peer;
    struct ks_chain own, chain;
    struct ks_number number;
    /* What no receipt covered so far: with numbers of our own device, below what is known, too. */
    struct ks_range open[KS_CHAIN_GAPS_MAX + 1];
    size_t open_count = 0;
    uint64_t *known;
    bool keep = !range->displayed && range->device == ks_omemo_device(k->omemo);
    enum ks_err err;

    if ((err = ks_chain_get(k, conversation, ks_own(k), range->device, range->epoch, &own)) != KS_OK)
        return err;
    if (own.top == 0 || range->to > own.top)
        return KS_OK; /* of a device of ours whose messages are not here (yet) */
    if ((err = ks_number_get(k, &own, range->to, &number)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (memcmp(number.hash, range->hash, KS_SCE_HASH_LEN) != 0)
        return tell_differs(k, in);
    if ((err = get_heard(k, in->from, &own, &chain)) != KS_OK)
        return err;
    known = range->displayed ? &chain.displayed : &chain.stored;
    if (keep) {
        open_count = chain.gap_count;
        memcpy(open, chain.gaps, open_count * sizeof(*open));
        chain.gap_count = 0;
    }
    open[open_count++] = (struct ks_range) { *known + 1 > chain.base ? *known + 1 : chain.base, range->to };
    for (size_t i = 0; i < open_count; i++)
        for (uint64_t n = open[i].from; n <= open[i].to; n++) {
            /* From one that is kept to the next: another device of ours may have counted in leaps. */
            if ((err = ks_number_from(k, &own, n, &n, &number)) != KS_OK && err != KS_ENOTFOUND)
                return err;
            if (err == KS_ENOTFOUND || n > open[i].to)
                break;
            if (covers(range, n)
                && (err = ks_outbox_receipt(
                        k, conversation, in->from, range->device, range->epoch, n, range->displayed))
                    != KS_OK)
                return err;
            if (keep && !covers(range, n))
                add_uncovered(&chain, n);
        }
    if (range->to > *known)
        *known = range->to;
    return put_heard(k, in->from, &chain);
}

/* Another device of ours tells the author what it has and what it read: what is read there is read here as well. */
static enum ks_err take_sibling(struct konsil *k, const struct ks_inbound *in, const struct ks_ack_range *range)
{
    struct ks_str author = range->jid.ptr ? range->jid : in->to;
    struct ks_str conversation = range->conversation.ptr ? range->conversation : author;
    struct ks_chain chain;
    uint64_t read;
    int64_t order;
    enum ks_err err;

    if (ks_str_eq(author, ks_own(k)))
        return KS_OK;
    if ((err = ks_chain_get(k, conversation, author, range->device, range->epoch, &chain)) != KS_OK || chain.top == 0)
        return err;
    if (!range->displayed) {
        /* "a device stays silent when another device of its account has already said as much" */
        if (range->except_count > 0 || chain.gap_count > 0 || range->from > chain.base || range->to <= chain.stored
            || range->to > chain.top)
            return KS_OK;
        chain.stored = range->to;
        return ks_chain_put(k, &chain);
    }
    if (range->to <= chain.read)
        return KS_OK;
    read = chain.read;
    chain.read = chain.displayed = range->to <= chain.top ? range->to : chain.top;
    if ((err = ks_chain_put(k, &chain)) != KS_OK)
        return err;
    if ((err = ks_number_shown(k, &chain, read, chain.read, &order)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    return ks_conversation_read(k, conversation, order);
}

/* The names of a numbering that the envelope says when the range does not (§7.1): what we wrote to him, or to a room of
 * which he was a recipient. */
static enum ks_err is_ours(
    struct konsil *k, const struct ks_inbound *in, const struct ks_ack_range *range, bool *ret_ours)
{
    *ret_ours = (!range->jid.ptr || ks_str_eq(range->jid, ks_own(k)))
        && (!range->conversation.ptr || ks_str_eq(range->conversation, in->from));
    if (*ret_ours || !range->conversation.ptr || (range->jid.ptr && !ks_str_eq(range->jid, ks_own(k))))
        return KS_OK;
    return ks_group_is(k, range->conversation, ret_ours); /* what he was no recipient of has no receipt of his */
}

enum ks_err ks_acks_take(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content)
{
    enum ks_err err = KS_OK;
    bool ours;

    for (size_t i = 0; i < content->range_count && err == KS_OK; i++) {
        const struct ks_ack_range *range = &content->ranges[i];

        if (in->mine)
            err = take_sibling(k, in, range);
        else if ((err = is_ours(k, in, range, &ours)) == KS_OK && ours)
            err = take_range(k, in, range);
    }
    return err;
}

/* --- what was read here --- */

enum ks_err ks_acks_read(struct konsil *k, struct ks_str conversation, int64_t order)
{
    struct ks_conversation known;
    struct ks_message *messages;
    size_t count;
    enum ks_err err = ks_conversation_get(k, conversation, &known);

    if (err != KS_OK || (err = ks_history_page(k, conversation, order + 1, READ_PAGE, &messages, &count)) != KS_OK)
        return err;
    for (size_t i = 0; i < count && messages[i].order > known.read_order; i++) {
        const struct ks_message *message = &messages[i];
        struct ks_chain chain;

        if (message->flags & (KS_MSG_MINE | KS_MSG_UNREADABLE | KS_MSG_UNKNOWN) || message->number == 0)
            continue;
        if ((err = ks_chain_get(k, conversation, message->author, message->device, message->epoch, &chain)) != KS_OK)
            return err;
        if (message->number <= chain.read || chain.top == 0)
            continue;
        chain.read = message->number;
        if ((err = ks_chain_put(k, &chain)) != KS_OK)
            return err;
    }
    ks_acks_wake(k);
    if ((err = ks_conversation_read(k, conversation, order)) != KS_OK)
        return err;
    return ks_displayed_read(k, conversation);
}
