/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "memory_table.h"

#include <stdlib.h>

/* What stood at the key of `record` before: the record itself, or nothing when `was_absent`. */
struct ks_memory_undo {
    int table;
    bool was_absent;
    struct ks_memory_record *record;
};

/* --- records --- */

static struct ks_memory_record *record_new(struct ks_str key, struct ks_str value)
{
    struct ks_memory_record *record = malloc(sizeof *record + key.len + value.len + 1);

    if (!record)
        return NULL;
    if (key.len)
        memcpy(record->bytes, key.ptr, key.len);
    if (value.len)
        memcpy(record->bytes + key.len, value.ptr, value.len);
    record->key = ks_str(record->bytes, key.len);
    record->value = ks_str(record->bytes + key.len, value.len);
    return record;
}

/* The first row whose key is not below key. */
size_t ks_memory_lower_bound(const struct ks_memory_rows *rows, struct ks_str key)
{
    size_t low = 0, high = rows->count;

    /* Ids rise, so most writes and reads are at the end. */
    if (high && ks_str_cmp(rows->at[high - 1]->key, key) < 0)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ks_str_cmp(rows->at[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ks_memory_row_is(const struct ks_memory_rows *rows, size_t at, struct ks_str key)
{
    return at < rows->count && ks_str_eq(rows->at[at]->key, key);
}

struct ks_memory_record *ks_memory_find(const struct ks_memory_tables *t, int table, struct ks_str key)
{
    size_t at = ks_memory_lower_bound(&t->tables[table], key);

    return ks_memory_row_is(&t->tables[table], at, key) ? t->tables[table].at[at] : NULL;
}

static bool reserve(void *array, size_t count, size_t *cap, size_t size)
{
    void **ptr = array, *grown;
    size_t want = *cap ? *cap * 2 : 16;

    if (count < *cap)
        return true;
    grown = realloc(*ptr, want * size);
    if (!grown)
        return false;
    *ptr = grown;
    *cap = want;
    return true;
}

static bool reserve_undo(struct ks_memory_tables *t)
{
    return reserve(&t->undo, t->undo_count, &t->undo_cap, sizeof *t->undo);
}

static void insert_at(struct ks_memory_rows *rows, size_t at, struct ks_memory_record *record)
{
    memmove(rows->at + at + 1, rows->at + at, (rows->count - at) * sizeof *rows->at);
    rows->at[at] = record;
    rows->count++;
}

static void remove_at(struct ks_memory_rows *rows, size_t at)
{
    rows->count--;
    memmove(rows->at + at, rows->at + at + 1, (rows->count - at) * sizeof *rows->at);
}

enum ks_err ks_memory_put(struct ks_memory_tables *t, int table, struct ks_str key, struct ks_str value)
{
    struct ks_memory_rows *rows = &t->tables[table];
    size_t at = ks_memory_lower_bound(rows, key);
    struct ks_memory_record *record;

    assert(t->in_txn);
    if (t->room != SIZE_MAX) {
        if (key.len + value.len > t->room)
            return KS_EFULL;
        t->room -= key.len + value.len;
    }
    if (!reserve_undo(t) || !reserve(&rows->at, rows->count, &rows->cap, sizeof *rows->at))
        return KS_ENOMEM;
    record = record_new(key, value);
    if (!record)
        return KS_ENOMEM;
    if (ks_memory_row_is(rows, at, key)) {
        t->undo[t->undo_count++] = (struct ks_memory_undo) { table, false, rows->at[at] };
        rows->at[at] = record;
    } else {
        t->undo[t->undo_count++] = (struct ks_memory_undo) { table, true, record };
        insert_at(rows, at, record);
    }
    return KS_OK;
}

enum ks_err ks_memory_delete_at(struct ks_memory_tables *t, int table, size_t at)
{
    struct ks_memory_rows *rows = &t->tables[table];

    assert(t->in_txn);
    if (!reserve_undo(t))
        return KS_ENOMEM;
    t->undo[t->undo_count++] = (struct ks_memory_undo) { table, false, rows->at[at] };
    remove_at(rows, at);
    return KS_OK;
}

enum ks_err ks_memory_delete_all(struct ks_memory_tables *t, int table, struct ks_str prefix)
{
    const struct ks_memory_rows *rows = &t->tables[table];
    size_t at = ks_memory_lower_bound(rows, prefix);
    enum ks_err err = KS_OK;

    while (err == KS_OK && at < rows->count && ks_str_starts(rows->at[at]->key, prefix))
        err = ks_memory_delete_at(t, table, at);
    return err;
}

/* --- transactions --- */

void ks_memory_begin(struct ks_memory_tables *t)
{
    assert(!t->in_txn);
    t->in_txn = true;
}

void ks_memory_commit(struct ks_memory_tables *t)
{
    assert(t->in_txn);
    for (size_t i = 0; i < t->undo_count; i++)
        if (!t->undo[i].was_absent)
            free(t->undo[i].record);
    t->undo_count = 0;
    t->in_txn = false;
}

void ks_memory_rollback(struct ks_memory_tables *t)
{
    while (t->undo_count) {
        struct ks_memory_undo *undo = &t->undo[--t->undo_count];
        struct ks_memory_rows *rows = &t->tables[undo->table];
        size_t at = ks_memory_lower_bound(rows, undo->record->key);

        if (undo->was_absent) {
            assert(rows->at[at] == undo->record);
            free(undo->record);
            remove_at(rows, at);
        } else if (ks_memory_row_is(rows, at, undo->record->key)) {
            free(rows->at[at]);
            rows->at[at] = undo->record;
        } else {
            insert_at(rows, at, undo->record); /* the room it had is still there */
        }
    }
    t->in_txn = false;
}

void ks_memory_tables_init(struct ks_memory_tables *t)
{
    *t = (struct ks_memory_tables) { .room = SIZE_MAX };
}

void ks_memory_tables_done(struct ks_memory_tables *t)
{
    ks_memory_rollback(t);
    for (int i = 0; i < KS_MEMORY_TABLES_MAX; i++) {
        for (size_t j = 0; j < t->tables[i].count; j++)
            free(t->tables[i].at[j]);
        free(t->tables[i].at);
    }
    free(t->undo);
}
