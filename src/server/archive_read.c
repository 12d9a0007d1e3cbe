/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "archive_read.h"

#include <stdlib.h>

#include "committer.h"
#include "store_write.h"

uint64_t ks_archive_with_hash(const uint64_t with_key[2], struct ks_str bare)
{
    return ks_str_hash(bare, with_key);
}

/* Ids, both ends inclusive; nothing when first > last. */
struct range {
    uint64_t first, last;
};

/* --- times are ranges of ids, because stamps never run backwards --- */

struct probe {
    uint64_t id;
    int64_t stamp_ms;
    bool found;
};

static bool probe_row(void *user, const struct ks_archive_row *row)
{
    *(struct probe *)user = (struct probe) { row->id, row->stamp_ms, true };
    return false;
}

/* The smallest id from which on no row is older than stamp_ms. */
static enum ks_err first_since(const struct ks_archive_view *view, int64_t stamp_ms, uint64_t *ret_id)
{
    uint64_t low = 1, high = view->last_id + 1;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct probe probe = { 0 };
        enum ks_err err = view->store->ops->archive_scan(view->store, middle - 1, probe_row, &probe);
        if (err != KS_OK)
            return err;
        if (probe.found && probe.stamp_ms < stamp_ms)
            low = probe.id + 1;
        else
            high = middle;
    }
    *ret_id = low;
    return KS_OK;
}

static enum ks_err range_of_times(
    const struct ks_archive_view *view, const struct ks_page_query *query, struct range *ret_range)
{
    enum ks_err err = KS_OK;
    uint64_t behind = 0;

    *ret_range = (struct range) { 1, view->last_id };
    if (query->start_ms)
        err = first_since(view, query->start_ms, &ret_range->first);
    if (err == KS_OK && query->end_ms && query->end_ms < view->last_stamp_ms) {
        err = first_since(view, query->end_ms + 1, &behind);
        ret_range->last = behind - 1;
    }
    return err;
}

/* --- index entries of an account: those in the store, then those in the tail --- */

/* Where the tail's entries of a range begin and end. */
static size_t tail_bound(const struct ks_tail_entry *entries, size_t count, uint64_t id)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum ks_err visit_entries(const struct ks_archive_view *view, uint64_t account, struct range range, bool falling,
    ks_visit_index *visit, void *user)
{
    size_t count, from, to;
    const struct ks_tail_entry *entries = ks_archive_tail_entries(view->tail, account, &count);
    struct range stored = range;
    bool on = true;
    enum ks_err err = KS_OK;

    /* After a crash during a move the store has entries that the tail has too. */
    if (count && stored.last >= entries[0].id)
        stored.last = entries[0].id - 1;
    from = tail_bound(entries, count, range.first);
    to = range.last < UINT64_MAX ? tail_bound(entries, count, range.last + 1) : count;
    for (int half = 0; half < 2 && on && err == KS_OK; half++) {
        if ((half == 0) != falling) {
            if (stored.first > stored.last)
                continue;
            /* Whether the visitor stopped is known to itself alone, and it stops again at once. */
            err = view->store->ops->index_scan(view->store, account, stored.first, stored.last, falling, visit, user);
        } else {
            for (size_t i = from; i < to && on; i++) {
                const struct ks_tail_entry *entry = &entries[falling ? to - 1 - (i - from) : i];
                on = visit(user, &(struct ks_index_row) { account, entry->id, entry->with_hash });
            }
        }
    }
    return err;
}

/* --- the rows of a page --- */

struct candidates {
    uint64_t with_hash;
    bool any;
    uint64_t ids[KS_PAGE_ROWS_MAX + 1];
    size_t count, wanted;
};

static bool take_candidate(void *user, const struct ks_index_row *row)
{
    struct candidates *c = user;

    if (c->count == c->wanted)
        return false;
    if (c->any || row->with_hash == c->with_hash)
        c->ids[c->count++] = row->id;
    return c->count < c->wanted;
}

struct fetch {
    const struct ks_page_query *query;
    struct ks_store_req *req;
    uint64_t account;
    size_t bytes; /* of what was copied */
    bool matches, copy;
};

static bool fetch_row(void *user, const struct ks_archive_row *row)
{
    struct fetch *f = user;
    int side = row->owner[0] == f->account ? 0 : 1;

    f->matches = row->owner[side] == f->account;
    if (f->matches && f->query)
        f->matches = (!f->query->with.len || ks_str_eq(f->query->with, row->with[side]))
            && (!f->query->keep || f->query->keep(f->query->keep_user, row));
    if (f->matches && f->copy) {
        ks_store_req_copy_archive(f->req, row, &f->req->rows[f->req->rows_count++]);
        f->bytes += row->stanza.len;
    }
    return false;
}

static enum ks_err fetch_id(const struct ks_archive_view *view, struct fetch *f, uint64_t id)
{
    enum ks_err err = view->store->ops->archive_get(view->store, id, fetch_row, f);

    return err == KS_OK ? f->req->result : err;
}

static enum ks_err rows_room(struct ks_store_req *req, size_t count)
{
    req->rows = ks_arena_alloc(&req->arena, count * sizeof *req->rows);
    req->rows_count = 0;
    return req->rows ? KS_OK : KS_ENOMEM;
}

/* Fills req->rows from one end of the range, then looks for one row more, to know whether there is any. */
static enum ks_err fill_page(
    const struct ks_archive_view *view, const struct ks_page_query *query, struct range range, struct ks_store_req *req)
{
    struct candidates c = { .with_hash = ks_archive_with_hash(view->with_key, query->with),
        .any = query->with.len == 0 };
    struct fetch f = { .query = query, .req = req, .account = query->account };
    uint32_t looks = 0;
    enum ks_err err;

    req->complete = false;
    while (range.first <= range.last) {
        c.count = 0;
        c.wanted = query->rows_max - req->rows_count + 1;
        err = visit_entries(view, query->account, range, query->last, take_candidate, &c);
        for (size_t i = 0; i < c.count && err == KS_OK; i++) {
            if (query->looks_max && ++looks > query->looks_max)
                return KS_OK;
            f.matches = false;
            f.copy = req->rows_count < query->rows_max && f.bytes < KS_PAGE_BYTES;
            err = fetch_id(view, &f, c.ids[i]);
            if (err == KS_ENOTFOUND)
                err = KS_OK;
            else if (f.matches && !f.copy)
                return err;
        }
        if (err != KS_OK)
            return err;
        if (c.count < c.wanted)
            break;
        if (query->last)
            range.last = c.ids[c.count - 1] - 1;
        else
            range.first = c.ids[c.count - 1] + 1;
    }
    req->complete = true;
    return KS_OK;
}

static void reverse(struct ks_archive_row *rows, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct ks_archive_row row = rows[i];
        rows[i] = rows[count - 1 - i];
        rows[count - 1 - i] = row;
    }
}

struct tally {
    uint64_t with_hash, count, looked;
    bool any;
};

static bool tally_entry(void *user, const struct ks_index_row *row)
{
    struct tally *t = user;

    if (t->looked > KS_PAGE_COUNT_ENTRIES)
        return false;
    t->looked++;
    t->count += t->any || row->with_hash == t->with_hash;
    return true;
}

static enum ks_err count_matches(
    const struct ks_archive_view *view, const struct ks_page_query *query, struct range range, struct ks_store_req *req)
{
    struct tally t = { .with_hash = ks_archive_with_hash(view->with_key, query->with), .any = query->with.len == 0 };
    enum ks_err err;

    if (query->keep)
        return KS_OK;
    err = visit_entries(view, query->account, range, false, tally_entry, &t);
    if (err == KS_OK && t.looked <= KS_PAGE_COUNT_ENTRIES)
        req->count = t.count;
    return err;
}

enum ks_err ks_archive_page(const struct ks_archive_view *view, struct ks_store_req *req)
{
    const struct ks_page_query *query = &req->query->page;
    struct range times, page;
    enum ks_err err = range_of_times(view, query, &times);

    if (err == KS_OK)
        err = rows_room(req, query->rows_max);
    if (err == KS_OK)
        err = count_matches(view, query, times, req);
    if (err != KS_OK)
        return err;
    page = times;
    if (query->after_id >= page.first)
        page.first = query->after_id + 1;
    if (query->before_id && query->before_id <= page.last)
        page.last = query->before_id - 1;
    err = fill_page(view, query, page, req);
    if (query->last)
        reverse(req->rows, req->rows_count);
    return err;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

enum ks_err ks_archive_rows(const struct ks_archive_view *view, struct ks_store_req *req)
{
    uint64_t *ids = req->query->ids;
    size_t count = req->query->ids_count;
    struct fetch f = { .req = req, .account = req->query->account, .copy = true };
    enum ks_err err = rows_room(req, count);

    if (count)
        qsort(ids, count, sizeof *ids, by_number);
    for (size_t i = 0; i < count && err == KS_OK; i++) {
        if (i > 0 && ids[i] == ids[i - 1])
            continue;
        f.matches = false;
        err = fetch_id(view, &f, ids[i]);
        if (err == KS_OK && !f.matches)
            err = KS_ENOTFOUND;
    }
    if (err != KS_OK)
        req->rows_count = 0;
    return err;
}

enum ks_err ks_archive_before(const struct ks_archive_view *view, int64_t stamp_ms, uint64_t *ret_id)
{
    enum ks_err err = first_since(view, stamp_ms, ret_id);

    if (err == KS_OK)
        --*ret_id;
    return err;
}

enum ks_err ks_archive_entries(
    const struct ks_archive_view *view, uint64_t account, uint64_t upto, ks_visit_index *visit, void *user)
{
    return visit_entries(view, account, (struct range) { 1, upto }, false, visit, user);
}
