/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "chain.h"

#include "engine.h"

#define VERSION 2 /* 1 had nothing that is gone */
#define RECORD_BYTES_MAX 16384
#define KEY_BYTES_MAX 8192

/* --- lists of ranges: rising, apart --- */

static void remove_at(struct ks_range *ranges, size_t *count, size_t i)
{
    (*count)--;
    memmove(&ranges[i], &ranges[i + 1], (*count - i) * sizeof(*ranges));
}

/* There is a place for it. */
static void insert(struct ks_range *ranges, size_t *count, struct ks_range range)
{
    size_t i = 0;

    assert(*count < KS_CHAIN_GAPS_MAX);
    while (i < *count && ranges[i].from < range.from)
        i++;
    memmove(&ranges[i + 1], &ranges[i], (*count - i) * sizeof(*ranges));
    ranges[i] = range;
    (*count)++;
}

static bool contains(const struct ks_range *ranges, size_t count, uint64_t n)
{
    for (size_t i = 0; i < count; i++)
        if (ranges[i].from <= n && n <= ranges[i].to)
            return true;
    return false;
}

/* --- gaps, and what is gone --- */

/* Neighbours become one. Without a place the two oldest do: what lies between them is not said to be here. */
static void insert_gone(struct ks_chain *chain, struct ks_range range)
{
    for (size_t i = chain->gone_count; i-- > 0;) {
        struct ks_range other = chain->gone[i];

        if (range.to + 1 < other.from || other.to + 1 < range.from)
            continue;
        range.from = other.from < range.from ? other.from : range.from;
        range.to = other.to > range.to ? other.to : range.to;
        remove_at(chain->gone, &chain->gone_count, i);
    }
    if (chain->gone_count == KS_CHAIN_GAPS_MAX) {
        struct ks_range *oldest = &chain->gone[0];

        oldest->to = chain->gone[1].to;
        remove_at(chain->gone, &chain->gone_count, 1);
        if (range.to + 1 >= oldest->from && range.from <= oldest->to + 1) { /* it lay before or between the two */
            oldest->from = range.from < oldest->from ? range.from : oldest->from;
            return;
        }
    }
    insert(chain->gone, &chain->gone_count, range);
}

/* An empty range is none. Without a place the oldest gap is given up. */
static void insert_gap(struct ks_chain *chain, uint64_t from, uint64_t to)
{
    if (from > to)
        return;
    if (chain->gap_count == KS_CHAIN_GAPS_MAX) {
        insert_gone(chain, chain->gaps[0]);
        remove_at(chain->gaps, &chain->gap_count, 0);
    }
    insert(chain->gaps, &chain->gap_count, (struct ks_range) { from, to });
}

/* It came. */
static void fill(struct ks_chain *chain, uint64_t n)
{
    for (size_t i = chain->gap_count; i-- > 0;) {
        struct ks_range gap = chain->gaps[i];

        if (n < gap.from || n > gap.to)
            continue;
        remove_at(chain->gaps, &chain->gap_count, i);
        insert_gap(chain, gap.from, n - 1);
        insert_gap(chain, n + 1, gap.to);
    }
    for (size_t i = chain->gone_count; i-- > 0;) {
        struct ks_range gone = chain->gone[i];

        if (n < gone.from || n > gone.to)
            continue;
        remove_at(chain->gone, &chain->gone_count, i);
        if (gone.from < n)
            insert_gone(chain, (struct ks_range) { gone.from, n - 1 });
        if (n < gone.to)
            insert_gone(chain, (struct ks_range) { n + 1, gone.to });
    }
}

void ks_chain_close(struct ks_chain *chain, struct ks_range range)
{
    for (size_t i = chain->gap_count; i-- > 0;) {
        struct ks_range gap = chain->gaps[i];
        struct ks_range gone = { gap.from > range.from ? gap.from : range.from, gap.to < range.to ? gap.to : range.to };

        if (gone.from > gone.to)
            continue;
        remove_at(chain->gaps, &chain->gap_count, i);
        insert_gap(chain, gap.from, gone.from - 1);
        insert_gap(chain, gone.to + 1, gap.to);
        insert_gone(chain, gone);
    }
}

bool ks_chain_has(const struct ks_chain *chain, uint64_t n)
{
    return n > 0 && chain->base <= n && n <= chain->top && !contains(chain->gaps, chain->gap_count, n)
        && !contains(chain->gone, chain->gone_count, n);
}

/* The range of either list that begins first at or after `from`, or holds it. */
static bool next_absent(const struct ks_chain *chain, uint64_t from, struct ks_range *ret_range)
{
    bool found = false;

    for (size_t i = 0; i < chain->gap_count + chain->gone_count; i++) {
        struct ks_range range = i < chain->gap_count ? chain->gaps[i] : chain->gone[i - chain->gap_count];

        if (range.to < from || (found && range.from >= ret_range->from))
            continue;
        *ret_range = range;
        found = true;
    }
    return found;
}

uint64_t ks_chain_greatest(const struct ks_chain *chain)
{
    uint64_t n = chain->top;

    for (size_t i = chain->gap_count, j = chain->gone_count; i + j > 0;) {
        if (i > 0 && chain->gaps[i - 1].to >= n)
            n = chain->gaps[--i].from <= n ? chain->gaps[i].from - 1 : n;
        else if (j > 0 && chain->gone[j - 1].to >= n)
            n = chain->gone[--j].from <= n ? chain->gone[j].from - 1 : n;
        else
            break;
    }
    return n >= chain->base ? n : 0;
}

size_t ks_chain_except(
    const struct ks_chain *chain, uint64_t to, struct ks_range *ret_except, size_t max, uint64_t *ret_from)
{
    struct ks_range range;
    size_t count = 0;

    assert(max > 0);
    *ret_from = chain->base;
    for (uint64_t n = chain->base; next_absent(chain, n, &range) && range.from < to; n = range.to + 1) {
        range.to = range.to < to ? range.to : to - 1;
        if (count > 0 && range.from == ret_except[count - 1].to + 1) {
            ret_except[count - 1].to = range.to;
            continue;
        }
        if (count == max) { /* of what comes before it nothing is said */
            *ret_from = ret_except[0].to + 1;
            remove_at(ret_except, &count, 0);
        }
        ret_except[count++] = range;
    }
    return count;
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
        fill(chain, n);
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

static void write_ranges(struct ks_buf *buf, const struct ks_range *ranges, size_t count)
{
    ks_buf_u32(buf, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        ks_buf_u64(buf, ranges[i].from);
        ks_buf_u64(buf, ranges[i].to);
    }
}

void ks_chain_encode(struct ks_buf *buf, const struct ks_chain *chain)
{
    ks_buf_byte(buf, VERSION);
    ks_buf_u64(buf, chain->base);
    ks_buf_u64(buf, chain->top);
    ks_buf_u64(buf, chain->stored);
    ks_buf_u64(buf, chain->displayed);
    ks_buf_u64(buf, chain->read);
    ks_buf_byte(buf, (uint8_t)(chain->owed | chain->asked << 1));
    write_ranges(buf, chain->gaps, chain->gap_count);
    write_ranges(buf, chain->gone, chain->gone_count);
}

static enum ks_err read_ranges(struct ks_cursor *at, struct ks_range *ret_ranges, size_t *ret_count)
{
    uint64_t before = 0;
    uint32_t count;

    if (ks_cursor_u32(at, &count) != KS_OK || count > KS_CHAIN_GAPS_MAX)
        return KS_ESTORE;
    *ret_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct ks_range *range = &ret_ranges[i];

        if (ks_cursor_u64(at, &range->from) != KS_OK || ks_cursor_u64(at, &range->to) != KS_OK || range->from <= before
            || range->from > range->to)
            return KS_ESTORE;
        before = range->to;
    }
    return KS_OK;
}

enum ks_err ks_chain_decode(struct ks_str record, struct ks_chain *ret_chain)
{
    struct ks_cursor at = ks_cursor(record);
    uint8_t version, flags;
    enum ks_err err;

    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version == 0 || version > VERSION)
        return KS_EVERSION;
    if (ks_cursor_u64(&at, &ret_chain->base) != KS_OK || ks_cursor_u64(&at, &ret_chain->top) != KS_OK
        || ks_cursor_u64(&at, &ret_chain->stored) != KS_OK || ks_cursor_u64(&at, &ret_chain->displayed) != KS_OK
        || ks_cursor_u64(&at, &ret_chain->read) != KS_OK || ks_cursor_u8(&at, &flags) != KS_OK)
        return KS_ESTORE;
    ret_chain->owed = flags & 1;
    ret_chain->asked = flags & 2;
    if ((err = read_ranges(&at, ret_chain->gaps, &ret_chain->gap_count)) != KS_OK || version == 1)
        return err;
    return read_ranges(&at, ret_chain->gone, &ret_chain->gone_count);
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

struct shown {
    uint64_t after;
    int64_t order; /* 0: none so far */
    enum ks_err err;
};

static bool take_shown(void *user, struct ks_str key, struct ks_str value)
{
    struct shown *shown = user;
    struct next_number at = { .err = KS_OK };

    (void)take_number(&at, key, value);
    if ((shown->err = at.err) != KS_OK || at.n <= shown->after)
        return false;
    shown->order = at.number.order > 0 ? at.number.order : 0;
    return shown->order == 0;
}

enum ks_err ks_number_shown(
    struct konsil *k, const struct ks_chain *chain, uint64_t after, uint64_t upto, int64_t *ret_order)
{
    struct shown shown = { .after = after };
    struct ks_buf key;
    enum ks_err err;

    number_key(&key, chain, upto + 1);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->scan(k->store, KS_T_MESSAGE_ID, ks_str_head(ks_buf_str(&key), key.len - 8),
            ks_buf_str(&key), true, take_shown, &shown);
    ks_buf_done(&key);
    if (err != KS_OK || (err = shown.err) != KS_OK)
        return err;
    *ret_order = shown.order;
    return shown.order > 0 ? KS_OK : KS_ENOTFOUND;
}
