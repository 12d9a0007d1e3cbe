/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "chain.h"

#include "engine.h"

#define VERSION 1
#define RECORD_BYTES_MAX 16384
#define KEY_BYTES_MAX 8192

static void remove_gap(struct ks_chain *chain, size_t i)
{
    chain->gap_count--;
    memmove(&chain->gaps[i], &chain->gaps[i + 1], (chain->gap_count - i) * sizeof(chain->gaps[0]));
}

/* Keeps gaps rising; an empty range is none. */
static void insert_gap(struct ks_chain *chain, uint64_t from, uint64_t to)
{
    size_t i = 0;

    if (from > to)
        return;
    if (chain->gap_count == KS_CHAIN_GAPS_MAX)
        remove_gap(chain, 0);
    while (i < chain->gap_count && chain->gaps[i].from < from)
        i++;
    memmove(&chain->gaps[i + 1], &chain->gaps[i], (chain->gap_count - i) * sizeof(chain->gaps[0]));
    chain->gaps[i] = (struct ks_range) { from, to };
    chain->gap_count++;
}

void ks_chain_close(struct ks_chain *chain, struct ks_range range)
{
    for (size_t i = chain->gap_count; i-- > 0;) {
        struct ks_range gap = chain->gaps[i];

        if (range.to < gap.from || range.from > gap.to)
            continue;
        remove_gap(chain, i);
        if (range.from > gap.from)
            insert_gap(chain, gap.from, range.from - 1);
        if (range.to < gap.to)
            insert_gap(chain, range.to + 1, gap.to);
    }
}

bool ks_chain_has(const struct ks_chain *chain, uint64_t n)
{
    if (n < chain->base || n > chain->top || n == 0)
        return false;
    for (size_t i = 0; i < chain->gap_count; i++)
        if (chain->gaps[i].from <= n && n <= chain->gaps[i].to)
            return false;
    return true;
}

void ks_chain_expect(struct ks_chain *chain, struct ks_range range)
{
    if (chain->top == 0) {
        /* Nothing came yet: base is the first that is expected. */
        chain->base = range.from;
        chain->top = range.to;
        insert_gap(chain, range.from, range.to);
        return;
    }
    if (range.from < chain->base) {
        insert_gap(chain, range.from, chain->base - 1);
        chain->base = range.from;
    }
    if (range.to > chain->top) {
        insert_gap(chain, chain->top + 1, range.to);
        chain->top = range.to;
    }
}

enum ks_chain_verdict ks_chain_take(struct ks_chain *chain, uint64_t n)
{
    bool first = chain->top == 0;

    assert(n > 0);
    if (ks_chain_has(chain, n))
        return KS_CHAIN_DUPLICATE;
    if (first) {
        chain->base = chain->top = n; /* what was before was not for this device */
        return KS_CHAIN_NEXT;
    }
    if (n > chain->top) {
        bool ahead = n > chain->top + 1;

        insert_gap(chain, chain->top + 1, n - 1);
        chain->top = n;
        return ahead ? KS_CHAIN_AHEAD : KS_CHAIN_NEXT;
    }
    if (n < chain->base) {
        insert_gap(chain, n + 1, chain->base - 1);
        chain->base = n;
    } else {
        ks_chain_close(chain, (struct ks_range) { n, n });
    }
    return KS_CHAIN_FILLS;
}

uint64_t ks_chain_missing(const struct ks_chain *chain)
{
    uint64_t missing = 0;

    for (size_t i = 0; i < chain->gap_count; i++)
        missing += chain->gaps[i].to - chain->gaps[i].from + 1;
    return missing;
}

/* --- records --- */

void ks_chain_encode(struct ks_buf *buf, const struct ks_chain *chain)
{
    ks_buf_byte(buf, VERSION);
    ks_buf_u64(buf, chain->base);
    ks_buf_u64(buf, chain->top);
    ks_buf_u64(buf, chain->stored);
    ks_buf_u64(buf, chain->displayed);
    ks_buf_u64(buf, chain->read);
    ks_buf_byte(buf, (uint8_t)(chain->owed | chain->asked << 1));
    ks_buf_u32(buf, (uint32_t)chain->gap_count);
    for (size_t i = 0; i < chain->gap_count; i++) {
        ks_buf_u64(buf, chain->gaps[i].from);
        ks_buf_u64(buf, chain->gaps[i].to);
    }
}

static enum ks_err read_gaps(struct ks_cursor *at, struct ks_chain *chain)
{
    uint64_t before = 0;
    uint32_t count;

    if (ks_cursor_u32(at, &count) != KS_OK || count > KS_CHAIN_GAPS_MAX)
        return KS_ESTORE;
    chain->gap_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct ks_range *gap = &chain->gaps[i];

        if (ks_cursor_u64(at, &gap->from) != KS_OK || ks_cursor_u64(at, &gap->to) != KS_OK || gap->from <= before
            || gap->from > gap->to)
            return KS_ESTORE;
        before = gap->to;
    }
    return KS_OK;
}

enum ks_err ks_chain_decode(struct ks_str record, struct ks_chain *ret_chain)
{
    struct ks_cursor at = ks_cursor(record);
    uint8_t version, flags;

    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_u64(&at, &ret_chain->base) != KS_OK || ks_cursor_u64(&at, &ret_chain->top) != KS_OK
        || ks_cursor_u64(&at, &ret_chain->stored) != KS_OK || ks_cursor_u64(&at, &ret_chain->displayed) != KS_OK
        || ks_cursor_u64(&at, &ret_chain->read) != KS_OK || ks_cursor_u8(&at, &flags) != KS_OK)
        return KS_ESTORE;
    ret_chain->owed = flags & 1;
    ret_chain->asked = flags & 2;
    return read_gaps(&at, ret_chain);
}

/* conversation 0 author 0 device(4) epoch(8) */
static void chain_key(
    struct ks_buf *key, struct ks_str conversation, struct ks_str author, uint32_t device, uint64_t epoch)
{
    ks_buf_add(key, conversation);
    ks_buf_byte(key, 0);
    ks_buf_add(key, author);
    ks_buf_byte(key, 0);
    ks_buf_u32(key, device);
    ks_buf_u64(key, epoch);
}

enum ks_err ks_chain_get(struct konsil *k, struct ks_str conversation, struct ks_str author, uint32_t device,
    uint64_t epoch, struct ks_chain *ret_chain)
{
    struct ks_buf key;
    struct ks_str record;
    enum ks_err err;

    memset(ret_chain, 0, sizeof(*ret_chain));
    ret_chain->conversation = conversation;
    ret_chain->author = author;
    ret_chain->device = device;
    ret_chain->epoch = epoch;
    ks_buf_init(&key, KEY_BYTES_MAX);
    chain_key(&key, conversation, author, device, epoch);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = ks_store_get(k, KS_T_CHAIN, ks_buf_str(&key), &record);
    ks_buf_done(&key);
    if (err == KS_ENOTFOUND)
        return KS_OK;
    return err == KS_OK ? ks_chain_decode(record, ret_chain) : err;
}

enum ks_err ks_chain_put(struct konsil *k, const struct ks_chain *chain)
{
    struct ks_buf key, record;
    enum ks_err err;

    ks_buf_init(&key, KEY_BYTES_MAX);
    ks_buf_init(&record, RECORD_BYTES_MAX);
    chain_key(&key, chain->conversation, chain->author, chain->device, chain->epoch);
    ks_chain_encode(&record, chain);
    if ((err = ks_buf_err(&key)) == KS_OK && (err = ks_buf_err(&record)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_CHAIN, ks_buf_str(&key), ks_buf_str(&record));
    ks_buf_done(&record);
    ks_buf_done(&key);
    return err;
}

struct visit {
    ks_visit_chain *visit;
    void *user;
    enum ks_err err;
};

static bool take(void *user, struct ks_str key, struct ks_str value)
{
    struct visit *visit = user;
    struct ks_chain chain = { .base = 0 };
    struct ks_cursor at;

    if (!ks_str_cut(&key, '\0', &chain.conversation) || !ks_str_cut(&key, '\0', &chain.author)) {
        visit->err = KS_ESTORE;
        return false;
    }
    at = ks_cursor(key);
    if (ks_cursor_u32(&at, &chain.device) != KS_OK || ks_cursor_u64(&at, &chain.epoch) != KS_OK) {
        visit->err = KS_ESTORE;
        return false;
    }
    visit->err = ks_chain_decode(value, &chain);
    return visit->err == KS_OK && visit->visit(visit->user, &chain);
}

enum ks_err ks_chain_visit(struct konsil *k, struct ks_str conversation, ks_visit_chain *visit, void *user)
{
    struct visit all = { visit, user, KS_OK };
    struct ks_buf prefix;
    enum ks_err err;

    ks_buf_init(&prefix, KEY_BYTES_MAX);
    ks_buf_add(&prefix, conversation);
    if (conversation.len > 0)
        ks_buf_byte(&prefix, 0);
    if ((err = ks_buf_err(&prefix)) == KS_OK)
        err = k->store->ops->scan(k->store, KS_T_CHAIN, ks_buf_str(&prefix), KS_STR_EMPTY, false, take, &all);
    ks_buf_done(&prefix);
    return err == KS_OK ? all.err : err;
}

struct total {
    struct ks_str own;
    uint32_t device;
    uint64_t missing;
};

static bool add_missing(void *user, const struct ks_chain *chain)
{
    struct total *total = user;

    if (chain->asked && !(ks_str_eq(chain->author, total->own) && chain->device == total->device))
        total->missing += ks_chain_missing(chain);
    return true;
}

enum ks_err ks_chain_total_missing(struct konsil *k, struct ks_str conversation, int64_t *ret_missing)
{
    struct total total = { .own = ks_own(k), .device = ks_omemo_device(k->omemo) };
    enum ks_err err = ks_chain_visit(k, conversation, add_missing, &total);

    *ret_missing = (int64_t)total.missing;
    return err;
}

/* --- numbers: n conversation 0 author 0 device(4) epoch(8) number(8), in KS_T_MESSAGE_ID --- */

static void number_key(struct ks_buf *key, const struct ks_chain *chain, uint64_t n)
{
    ks_buf_init(key, KEY_BYTES_MAX);
    ks_buf_byte(key, 'n');
    chain_key(key, chain->conversation, chain->author, chain->device, chain->epoch);
    ks_buf_u64(key, n);
}

static enum ks_err decode_number(struct ks_str record, struct ks_number *ret_number)
{
    struct ks_cursor at = ks_cursor(record);
    struct ks_str hash, prev;
    uint64_t order;

    if (ks_cursor_u64(&at, &order) != KS_OK || ks_cursor_take(&at, KS_SCE_HASH_LEN, &hash) != KS_OK
        || ks_cursor_take(&at, KS_SCE_HASH_LEN, &prev) != KS_OK)
        return KS_ESTORE;
    ret_number->order = (int64_t)order;
    memcpy(ret_number->hash, hash.ptr, KS_SCE_HASH_LEN);
    memcpy(ret_number->prev, prev.ptr, KS_SCE_HASH_LEN);
    return KS_OK;
}

enum ks_err ks_number_get(struct konsil *k, const struct ks_chain *chain, uint64_t n, struct ks_number *ret_number)
{
    struct ks_buf key;
    struct ks_str record;
    enum ks_err err;

    number_key(&key, chain, n);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = ks_store_get(k, KS_T_MESSAGE_ID, ks_buf_str(&key), &record);
    ks_buf_done(&key);
    return err == KS_OK ? decode_number(record, ret_number) : err;
}

enum ks_err ks_number_put(struct konsil *k, const struct ks_chain *chain, uint64_t n, const struct ks_number *number)
{
    struct ks_buf key, record;
    enum ks_err err;

    number_key(&key, chain, n);
    ks_buf_init(&record, 256);
    ks_buf_u64(&record, (uint64_t)number->order);
    ks_buf_add(&record, ks_str(number->hash, KS_SCE_HASH_LEN));
    ks_buf_add(&record, ks_str(number->prev, KS_SCE_HASH_LEN));
    if ((err = ks_buf_err(&key)) == KS_OK && (err = ks_buf_err(&record)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_MESSAGE_ID, ks_buf_str(&key), ks_buf_str(&record));
    ks_buf_done(&record);
    ks_buf_done(&key);
    return err;
}

struct next_number {
    enum ks_err err;
    uint64_t n;
    struct ks_number number;
};

static bool take_number(void *user, struct ks_str key, struct ks_str value)
{
    struct next_number *next = user;
    struct ks_cursor at = ks_cursor(ks_str_from(key, key.len - 8));

    next->err = ks_cursor_u64(&at, &next->n);
    if (next->err == KS_OK)
        next->err = decode_number(value, &next->number);
    return false;
}

enum ks_err ks_number_from(
    struct konsil *k, const struct ks_chain *chain, uint64_t n, uint64_t *ret_n, struct ks_number *ret_number)
{
    struct next_number next = { .err = KS_ENOTFOUND };
    struct ks_buf key;
    enum ks_err err;

    number_key(&key, chain, n);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->scan(k->store, KS_T_MESSAGE_ID, ks_str_head(ks_buf_str(&key), key.len - 8),
            ks_buf_str(&key), false, take_number, &next);
    ks_buf_done(&key);
    if (err != KS_OK || (err = next.err) != KS_OK)
        return err;
    *ret_n = next.n;
    *ret_number = next.number;
    return KS_OK;
}
