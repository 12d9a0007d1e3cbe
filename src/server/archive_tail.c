/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "archive_tail.h"

#include <stdlib.h>

struct tail_account {
    uint64_t account; /* the key in the map */
    struct ks_tail_entry *entries;
    size_t first, end, cap; /* entries[first] to entries[end - 1] are there */
};

static struct ks_str key_of(const uint64_t *account)
{
    return ks_str(account, sizeof *account);
}

static struct tail_account *find(const struct ks_archive_tail *tail, uint64_t account)
{
    return ks_map_get(&tail->accounts, key_of(&account));
}

static void tail_account_free(struct tail_account *a)
{
    free(a->entries);
    free(a);
}

static void drop_if_empty(struct ks_archive_tail *tail, struct tail_account *a)
{
    if (a->first == a->end) {
        ks_map_remove(&tail->accounts, key_of(&a->account));
        tail_account_free(a);
    }
}

void ks_archive_tail_init(struct ks_archive_tail *tail, const uint64_t key[2])
{
    *tail = (struct ks_archive_tail) { 0 };
    ks_map_init(&tail->accounts, key);
}

void ks_archive_tail_done(struct ks_archive_tail *tail)
{
    struct tail_account *a;
    size_t at = 0;

    while ((a = ks_map_next(&tail->accounts, &at)))
        tail_account_free(a);
    ks_map_done(&tail->accounts);
    free(tail->order);
}

static struct tail_account *find_or_add(struct ks_archive_tail *tail, uint64_t account)
{
    struct tail_account *a = find(tail, account);

    if (a)
        return a;
    a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->account = account;
    if (ks_map_add(&tail->accounts, key_of(&a->account), a) != KS_OK) {
        free(a);
        return NULL;
    }
    return a;
}

/* Room for one more: what was moved away in front is used first. */
static bool reserve(struct tail_account *a)
{
    struct ks_tail_entry *grown;
    size_t want = a->cap ? a->cap * 2 : 4;

    if (a->end < a->cap)
        return true;
    if (a->first > a->cap / 2) {
        memmove(a->entries, a->entries + a->first, (a->end - a->first) * sizeof *a->entries);
        a->end -= a->first;
        a->first = 0;
        return true;
    }
    grown = realloc(a->entries, want * sizeof *grown);
    if (!grown)
        return false;
    a->entries = grown;
    a->cap = want;
    return true;
}

enum ks_err ks_archive_tail_add(struct ks_archive_tail *tail, uint64_t account, uint64_t id, uint64_t with_hash)
{
    struct tail_account *a = find_or_add(tail, account);

    if (!a)
        return KS_ENOMEM;
    if (!reserve(a)) {
        drop_if_empty(tail, a);
        return KS_ENOMEM;
    }
    assert(a->first == a->end || a->entries[a->end - 1].id < id);
    a->entries[a->end++] = (struct ks_tail_entry) { id, with_hash };
    tail->entries++;
    return KS_OK;
}

void ks_archive_tail_undo(struct ks_archive_tail *tail, uint64_t account, uint64_t after)
{
    struct tail_account *a = find(tail, account);

    if (!a)
        return;
    while (a->end > a->first && a->entries[a->end - 1].id > after) {
        a->end--;
        tail->entries--;
    }
    drop_if_empty(tail, a);
}

void ks_archive_tail_expire(struct ks_archive_tail *tail, uint64_t account, uint64_t upto)
{
    struct tail_account *a = find(tail, account);

    if (!a)
        return;
    while (a->first < a->end && a->entries[a->first].id <= upto) {
        a->first++;
        tail->entries--;
    }
    drop_if_empty(tail, a);
}

void ks_archive_tail_drop(struct ks_archive_tail *tail, uint64_t account)
{
    ks_archive_tail_undo(tail, account, 0);
}

const struct ks_tail_entry *ks_archive_tail_entries(
    const struct ks_archive_tail *tail, uint64_t account, size_t *ret_count)
{
    const struct tail_account *a = find(tail, account);

    *ret_count = a ? a->end - a->first : 0;
    return a ? a->entries + a->first : NULL;
}

/* --- moving --- */

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

enum ks_err ks_archive_tail_move(struct ks_archive_tail *tail, uint64_t cut)
{
    const struct tail_account *a;
    size_t at = 0;

    assert(!tail->order);
    tail->order = malloc((tail->accounts.count + 1) * sizeof *tail->order);
    if (!tail->order)
        return KS_ENOMEM;
    tail->order_count = tail->order_at = 0;
    while ((a = ks_map_next(&tail->accounts, &at)))
        tail->order[tail->order_count++] = a->account;
    qsort(tail->order, tail->order_count, sizeof *tail->order, by_number);
    tail->cut = cut;
    return KS_OK;
}

bool ks_archive_tail_moving(const struct ks_archive_tail *tail)
{
    return tail->order != NULL;
}

size_t ks_archive_tail_slice(const struct ks_archive_tail *tail, struct ks_index_row *rows, size_t max)
{
    size_t count = 0;

    assert(tail->order);
    for (size_t at = tail->order_at; at < tail->order_count; at++) {
        const struct tail_account *a = find(tail, tail->order[at]);
        for (size_t i = a ? a->first : 0; a && i < a->end && a->entries[i].id <= tail->cut; i++) {
            if (count == max)
                return count;
            rows[count++] = (struct ks_index_row) { a->account, a->entries[i].id, a->entries[i].with_hash };
        }
    }
    return count;
}

void ks_archive_tail_moved(struct ks_archive_tail *tail, const struct ks_index_row *rows, size_t count, bool last)
{
    for (size_t i = 0; i < count; i++) {
        struct tail_account *a = find(tail, rows[i].account);

        assert(a && a->entries[a->first].id == rows[i].id);
        a->first++;
        tail->entries--;
        drop_if_empty(tail, a);
        while (tail->order[tail->order_at] != rows[i].account)
            tail->order_at++;
    }
    if (last) {
        free(tail->order);
        tail->order = NULL;
    }
}
