/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* memory_engine_store.c -- an engine store that dies with its process: for tests and the simulator.
 *
 * A table is a sorted array. A transaction keeps what each write replaced, newest last, and puts it back on rollback;
 * ks_memory_engine_store_crash() is a rollback that nobody asked for. */
#include <stdlib.h>

#include "engine_store.h"

#define TEXTS 0U /* the search index is a table beside those of the engine: key to folded text */

struct record {
    struct ks_str key, value; /* in one block, at key.ptr */
};

struct table {
    struct record *records;
    size_t count, cap;
};

struct undo {
    unsigned table;
    bool was_there;
    struct record before; /* only the key if it was not there */
};

struct memory_store {
    struct ks_engine_store base;
    struct table tables[KS_T_COUNT];
    struct undo *undos;
    size_t undo_count, undo_cap;
    bool open; /* a transaction */
    bool scanning;
};

static struct memory_store *of(struct ks_engine_store *s)
{
    return KS_CONTAINER(s, struct memory_store, base);
}

static enum ks_err record_make(struct ks_str key, struct ks_str value, struct record *ret_record)
{
    char *block = malloc(key.len + value.len + 1);

    if (!block)
        return KS_ENOMEM;
    if (key.len)
        memcpy(block, key.ptr, key.len);
    if (value.len)
        memcpy(block + key.len, value.ptr, value.len);
    *ret_record = (struct record) { ks_str(block, key.len), ks_str(block + key.len, value.len) };
    return KS_OK;
}

static void record_free(struct record record)
{
    ks_wipe((char *)(uintptr_t)record.key.ptr, record.key.len + record.value.len);
    free((char *)(uintptr_t)record.key.ptr);
}

/* The place of key, or where it would stand. */
static size_t table_find(const struct table *t, struct ks_str key, bool *ret_there)
{
    size_t low = 0, high = t->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ks_str_cmp(t->records[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_there = low < t->count && ks_str_eq(t->records[low].key, key);
    return low;
}

static enum ks_err table_room(struct table *t)
{
    size_t cap = t->cap ? t->cap * 2 : 16;
    struct record *records;

    if (t->count < t->cap)
        return KS_OK;
    if (!(records = realloc(t->records, cap * sizeof *records)))
        return KS_ENOMEM;
    t->records = records;
    t->cap = cap;
    return KS_OK;
}

static void table_insert(struct table *t, size_t at, struct record record)
{
    assert(t->count < t->cap);
    memmove(t->records + at + 1, t->records + at, (t->count - at) * sizeof *t->records);
    t->records[at] = record;
    t->count++;
}

static struct record table_take(struct table *t, size_t at)
{
    struct record record = t->records[at];

    t->count--;
    memmove(t->records + at, t->records + at + 1, (t->count - at) * sizeof *t->records);
    return record;
}

static enum ks_err undo_room(struct memory_store *m)
{
    size_t cap = m->undo_cap ? m->undo_cap * 2 : 16;
    struct undo *undos;

    if (m->undo_count < m->undo_cap)
        return KS_OK;
    if (!(undos = realloc(m->undos, cap * sizeof *undos)))
        return KS_ENOMEM;
    m->undos = undos;
    m->undo_cap = cap;
    return KS_OK;
}

/* Outside of a transaction a write stands at once, as one of its own. */
static void remember(struct memory_store *m, struct undo undo)
{
    if (m->open)
        m->undos[m->undo_count++] = undo;
    else
        record_free(undo.before);
}

static enum ks_err write_record(struct memory_store *m, unsigned table, struct ks_str key, struct ks_str value)
{
    struct table *t = &m->tables[table];
    struct record fresh, name = { 0 };
    enum ks_err err;
    bool there;
    size_t at;

    assert(!m->scanning);
    if ((err = table_room(t)) != KS_OK || (err = undo_room(m)) != KS_OK
        || (err = record_make(key, value, &fresh)) != KS_OK)
        return err;
    at = table_find(t, key, &there);
    if (there) {
        remember(m, (struct undo) { table, true, t->records[at] });
        t->records[at] = fresh;
        return KS_OK;
    }
    if ((err = record_make(key, KS_STR_EMPTY, &name)) != KS_OK) {
        record_free(fresh);
        return err;
    }
    table_insert(t, at, fresh);
    remember(m, (struct undo) { table, false, name });
    return KS_OK;
}

static enum ks_err erase_record(struct memory_store *m, unsigned table, struct ks_str key)
{
    struct table *t = &m->tables[table];
    enum ks_err err;
    bool there;
    size_t at = table_find(t, key, &there);

    assert(!m->scanning);
    if (!there)
        return KS_OK;
    if ((err = undo_room(m)) != KS_OK)
        return err;
    remember(m, (struct undo) { table, true, table_take(t, at) });
    return KS_OK;
}

static void close_transaction(struct memory_store *m, bool put_back)
{
    while (m->undo_count) {
        struct undo undo = m->undos[--m->undo_count];
        struct table *t = &m->tables[undo.table];
        bool there;
        size_t at;

        if (!put_back) {
            record_free(undo.before);
            continue;
        }
        at = table_find(t, undo.before.key, &there);
        if (there)
            record_free(table_take(t, at));
        if (undo.was_there)
            table_insert(t, at, undo.before);
        else
            record_free(undo.before);
    }
    m->open = false;
}

/* --- the contract --- */

static void memory_free(struct ks_engine_store *s)
{
    struct memory_store *m = of(s);

    close_transaction(m, false);
    for (size_t t = 0; t < KS_T_COUNT; t++) {
        for (size_t i = 0; i < m->tables[t].count; i++)
            record_free(m->tables[t].records[i]);
        free(m->tables[t].records);
    }
    free(m->undos);
    free(m);
}

static enum ks_err memory_begin(struct ks_engine_store *s)
{
    if (of(s)->open)
        return KS_ESTATE;
    of(s)->open = true;
    return KS_OK;
}

static enum ks_err memory_commit(struct ks_engine_store *s)
{
    if (!of(s)->open)
        return KS_ESTATE;
    close_transaction(of(s), false);
    return KS_OK;
}

static void memory_rollback(struct ks_engine_store *s)
{
    if (of(s)->open)
        close_transaction(of(s), true);
}

static enum ks_err memory_get(
    struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_buf *ret_value)
{
    const struct table *t = &of(s)->tables[table];
    bool there;
    size_t at = table_find(t, key, &there);

    if (!there)
        return KS_ENOTFOUND;
    ks_buf_add(ret_value, t->records[at].value);
    return ks_buf_err(ret_value);
}

static enum ks_err memory_put(struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_str value)
{
    assert((unsigned)table > TEXTS && table < KS_T_COUNT);
    return write_record(of(s), table, key, value);
}

static enum ks_err memory_del(struct ks_engine_store *s, enum ks_table table, struct ks_str key)
{
    assert((unsigned)table > TEXTS && table < KS_T_COUNT);
    return erase_record(of(s), table, key);
}

static enum ks_err memory_scan(struct ks_engine_store *s, enum ks_table table, struct ks_str prefix, struct ks_str from,
    bool falling, ks_visit_record *visit, void *user)
{
    struct memory_store *m = of(s);
    const struct table *t = &m->tables[table];
    bool there, outer = m->scanning;
    size_t at;

    m->scanning = true;
    if (!falling) {
        at = table_find(t, ks_str_cmp(from, prefix) > 0 ? from : prefix, &there);
        for (; at < t->count && ks_str_starts(t->records[at].key, prefix); at++)
            if (!visit(user, t->records[at].key, t->records[at].value))
                break;
    } else {
        at = from.len ? table_find(t, from, &there) : t->count;
        while (at > 0 && ks_str_cmp(t->records[at - 1].key, prefix) >= 0) {
            at--;
            if (!ks_str_starts(t->records[at].key, prefix))
                continue; /* above the prefix's keys */
            if (!visit(user, t->records[at].key, t->records[at].value))
                break;
        }
    }
    m->scanning = outer;
    return KS_OK;
}

static enum ks_err memory_index_text(struct ks_engine_store *s, struct ks_str key, struct ks_str text)
{
    return text.len ? write_record(of(s), TEXTS, key, text) : erase_record(of(s), TEXTS, key);
}

/* The bytes of text's first character if it parts words, else 0. What FTS5's unicode61 takes for a word is letters and
 * numbers; this is the part of it that our tests and simulated people write: ASCII, the signs of Latin-1, and general
 * punctuation (U+2000 to U+206F). */
static size_t separator_len(struct ks_str text)
{
    const uint8_t *c = (const uint8_t *)text.ptr;

    if (c[0] < 0x80)
        return !((c[0] >= '0' && c[0] <= '9') || (c[0] >= 'a' && c[0] <= 'z') || (c[0] >= 'A' && c[0] <= 'Z'));
    if (text.len >= 2 && c[0] == 0xc2 && c[1] != 0xaa && c[1] != 0xb2 && c[1] != 0xb3 && c[1] != 0xb5 && c[1] < 0xb9)
        return 2;
    if (text.len >= 3 && c[0] == 0xe2 && (c[1] == 0x80 || (c[1] == 0x81 && c[2] < 0xb0)))
        return 3;
    return 0;
}

static bool next_word(struct ks_str *text, struct ks_str *ret_word)
{
    size_t skip, len = 0;

    while (text->len && (skip = separator_len(*text)))
        *text = ks_str_from(*text, skip);
    while (len < text->len && !separator_len(ks_str_from(*text, len)))
        len++;
    *ret_word = ks_str_head(*text, len);
    *text = ks_str_from(*text, len);
    return len > 0;
}

static bool has_word(struct ks_str text, struct ks_str start)
{
    struct ks_str word;

    while (next_word(&text, &word))
        if (ks_str_starts(word, start))
            return true;
    return false;
}

static bool has_words(struct ks_str text, struct ks_str query)
{
    struct ks_str word;
    bool any = false;

    while (next_word(&query, &word)) {
        if (!has_word(text, word))
            return false;
        any = true;
    }
    return any;
}

static enum ks_err memory_search(
    struct ks_engine_store *s, struct ks_str query, uint32_t limit, ks_visit_record *visit, void *user)
{
    struct memory_store *m = of(s);
    const struct table *t = &m->tables[TEXTS];
    bool outer = m->scanning;

    m->scanning = true;
    for (size_t at = t->count; at > 0 && limit > 0; at--)
        if (has_words(t->records[at - 1].value, query)) {
            limit--;
            if (!visit(user, t->records[at - 1].key, KS_STR_EMPTY))
                break;
        }
    m->scanning = outer;
    return KS_OK;
}

static const struct ks_engine_store_ops memory_ops = {
    .free = memory_free,
    .begin = memory_begin,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .get = memory_get,
    .put = memory_put,
    .del = memory_del,
    .scan = memory_scan,
    .index_text = memory_index_text,
    .search = memory_search,
};

struct ks_engine_store *ks_memory_engine_store_new(void)
{
    struct memory_store *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->base.ops = &memory_ops;
    return &m->base;
}

void ks_memory_engine_store_crash(struct ks_engine_store *s)
{
    memory_rollback(s);
}
