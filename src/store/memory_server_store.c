/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "memory_record_store.h"
#include "memory_table.h"
#include "server_store.h"

enum table { META, ACCOUNT, KV, ARCHIVE, INDEX, AUDIT, LAST, RECORDS, TABLES = RECORDS + KS_MEMORY_RECORD_TABLES };

struct memory_store {
    struct ks_server_store base;
    struct ks_memory_tables tables;
    struct ks_memory_record_store records;
    struct ks_buf key, value; /* scratch */
};

#define RECORD_BYTES_MAX (64u << 20)

static struct memory_store *self(struct ks_server_store *s)
{
    return KS_CONTAINER(s, struct memory_store, base);
}

static struct ks_memory_rows *rows_of(struct memory_store *m, enum table table)
{
    return &m->tables.tables[table];
}

static const struct ks_memory_record *find(const struct memory_store *m, enum table table, struct ks_str key)
{
    return ks_memory_find(&m->tables, table, key);
}

/* --- transactions --- */

static enum ks_err memory_begin(struct ks_server_store *s)
{
    ks_memory_begin(&self(s)->tables);
    return KS_OK;
}

static enum ks_err memory_commit(struct ks_server_store *s)
{
    ks_memory_commit(&self(s)->tables);
    return KS_OK;
}

static void memory_rollback(struct ks_server_store *s)
{
    ks_memory_rollback(&self(s)->tables);
}

static void memory_free(struct ks_server_store *s)
{
    struct memory_store *m = self(s);

    ks_memory_tables_done(&m->tables);
    ks_memory_record_store_done(&m->records);
    ks_buf_done(&m->key);
    ks_buf_done(&m->value);
    free(m);
}

/* --- keys --- */

static struct ks_buf *scratch(struct ks_buf *buf)
{
    ks_buf_reset(buf);
    return buf;
}

static struct ks_str key_numbers(struct memory_store *m, uint64_t a, uint64_t b)
{
    ks_buf_u64(scratch(&m->key), a);
    ks_buf_u64(&m->key, b);
    return ks_buf_str(&m->key);
}

/* A zero ends all but the last text: neither a domain nor a store's name has one in it. */
static struct ks_str key_account(struct memory_store *m, struct ks_str domain, struct ks_str local)
{
    ks_buf_add(scratch(&m->key), domain);
    ks_buf_byte(&m->key, 0);
    ks_buf_add(&m->key, local);
    return ks_buf_str(&m->key);
}

/* The beginning of the keys of an account, of its store, or one key. */
static struct ks_str key_kv(struct memory_store *m, uint64_t account, struct ks_str store, struct ks_str key)
{
    ks_buf_u64(scratch(&m->key), account);
    if (store.len) {
        ks_buf_add(&m->key, store);
        ks_buf_byte(&m->key, 0);
        ks_buf_add(&m->key, key);
    }
    return ks_buf_str(&m->key);
}

static enum ks_err put_scratch(struct memory_store *m, enum table table)
{
    enum ks_err err = ks_buf_err(&m->key) != KS_OK ? ks_buf_err(&m->key) : ks_buf_err(&m->value);

    return err == KS_OK ? ks_memory_put(&m->tables, table, ks_buf_str(&m->key), ks_buf_str(&m->value)) : err;
}

/* Our own record is well-formed, or the program is wrong. */
static uint64_t take_u64(struct ks_cursor *at)
{
    uint64_t number = 0;
    enum ks_err err = ks_cursor_u64(at, &number);

    assert(err == KS_OK);
    return number;
}

static struct ks_str take_field(struct ks_cursor *at)
{
    struct ks_str text = KS_STR_EMPTY;
    enum ks_err err = ks_cursor_field(at, &text);

    assert(err == KS_OK);
    return text;
}

/* --- settings --- */

static enum ks_err memory_meta_get(struct ks_server_store *s, struct ks_str key, struct ks_buf *ret_value)
{
    const struct ks_memory_record *record = find(self(s), META, key);

    if (!record)
        return KS_ENOTFOUND;
    ks_buf_add(ret_value, record->value);
    return ks_buf_err(ret_value);
}

static enum ks_err memory_meta_put(struct ks_server_store *s, struct ks_str key, struct ks_str value)
{
    return ks_memory_put(&self(s)->tables, META, key, value);
}

/* --- accounts --- */

static enum ks_err account_put(struct memory_store *m, const struct ks_account_row *row, uint64_t id)
{
    ks_buf_u64(scratch(&m->value), id);
    ks_buf_u64(&m->value, row->state);
    ks_buf_u64(&m->value, (uint64_t)row->created_ms);
    ks_buf_field(&m->value, row->domain);
    ks_buf_field(&m->value, row->local);
    ks_buf_field(&m->value, row->name);
    ks_buf_field(&m->value, row->department);
    ks_buf_field(&m->value, row->profession);
    key_account(m, row->domain, row->local);
    return put_scratch(m, ACCOUNT);
}

static struct ks_account_row account_read(const struct ks_memory_record *record)
{
    struct ks_cursor at = ks_cursor(record->value);
    struct ks_account_row row = { .id = take_u64(&at) };

    row.state = (enum ks_account_state)take_u64(&at);
    row.created_ms = (int64_t)take_u64(&at);
    row.domain = take_field(&at);
    row.local = take_field(&at);
    row.name = take_field(&at);
    row.department = take_field(&at);
    row.profession = take_field(&at);
    return row;
}

static enum ks_err memory_account_find(
    struct ks_server_store *s, struct ks_str domain, struct ks_str local, ks_visit_account *visit, void *user)
{
    struct memory_store *m = self(s);
    const struct ks_memory_record *record = find(m, ACCOUNT, key_account(m, domain, local));
    struct ks_account_row row;

    if (!record)
        return KS_ENOTFOUND;
    row = account_read(record);
    visit(user, &row);
    return KS_OK;
}

static enum ks_err memory_account_list(struct ks_server_store *s, struct ks_str domain, struct ks_str after,
    uint32_t limit, ks_visit_account *visit, void *user)
{
    struct memory_store *m = self(s);
    const struct ks_memory_rows *rows = rows_of(m, ACCOUNT);
    struct ks_str key = key_account(m, domain, after);
    size_t at = ks_memory_lower_bound(rows, key);

    if (ks_memory_row_is(rows, at, key))
        at++;
    for (; at < rows->count && limit > 0; at++, limit--) {
        struct ks_account_row row = account_read(rows->at[at]);
        if (!ks_str_eq(row.domain, domain) || !visit(user, &row))
            break;
    }
    return KS_OK;
}

static enum ks_err memory_account_add(struct ks_server_store *s, const struct ks_account_row *row, uint64_t *ret_id)
{
    struct memory_store *m = self(s);
    uint64_t id = rows_of(m, ACCOUNT)->count + 1; /* no account's row ever goes */
    enum ks_err err;

    if (find(m, ACCOUNT, key_account(m, row->domain, row->local)))
        return KS_EEXISTS;
    err = account_put(m, row, id);
    if (err == KS_OK)
        *ret_id = id;
    return err;
}

static enum ks_err memory_account_update(struct ks_server_store *s, const struct ks_account_row *row)
{
    struct memory_store *m = self(s);
    struct ks_account_row next = *row;

    for (size_t i = 0; i < rows_of(m, ACCOUNT)->count; i++) {
        struct ks_account_row old = account_read(rows_of(m, ACCOUNT)->at[i]);
        if (old.id != row->id)
            continue;
        next.domain = old.domain;
        next.local = old.local;
        next.created_ms = old.created_ms;
        return account_put(m, &next, old.id);
    }
    return KS_ENOTFOUND;
}

/* --- keys and values of features --- */

static enum ks_err memory_kv_load(
    struct ks_server_store *s, uint64_t account, struct ks_str store, ks_visit_kv *visit, void *user)
{
    struct memory_store *m = self(s);
    const struct ks_memory_rows *rows = rows_of(m, KV);
    struct ks_str prefix = key_kv(m, account, store, KS_STR_EMPTY);

    for (size_t i = ks_memory_lower_bound(rows, prefix); i < rows->count && ks_str_starts(rows->at[i]->key, prefix);
         i++) {
        struct ks_str left = ks_str_from(rows->at[i]->key, sizeof account);
        struct ks_kv_row row = { .account = account, .value = rows->at[i]->value };

        row.store = ks_str_head(left, ks_str_find_byte(left, 0));
        row.key = ks_str_from(left, row.store.len + 1);
        if (!visit(user, &row))
            break;
    }
    return KS_OK;
}

static enum ks_err memory_kv_put(struct ks_server_store *s, const struct ks_kv_row *row)
{
    struct memory_store *m = self(s);

    key_kv(m, row->account, row->store, row->key);
    ks_buf_add(scratch(&m->value), row->value);
    return put_scratch(m, KV);
}

static enum ks_err memory_kv_del(struct ks_server_store *s, uint64_t account, struct ks_str store, struct ks_str key)
{
    struct memory_store *m = self(s);
    const struct ks_memory_rows *rows = rows_of(m, KV);
    struct ks_str prefix = key_kv(m, account, store, key);
    size_t at = ks_memory_lower_bound(rows, prefix);

    if (!key.len)
        return ks_memory_delete_all(&m->tables, KV, prefix);
    return ks_memory_row_is(rows, at, prefix) ? ks_memory_delete_at(&m->tables, KV, at) : KS_OK;
}

/* --- the archive --- */

static enum ks_err archive_put(struct memory_store *m, const struct ks_archive_row *row)
{
    ks_buf_u64(scratch(&m->value), row->id);
    ks_buf_u64(&m->value, (uint64_t)row->stamp_ms);
    for (int i = 0; i < 2; i++) {
        ks_buf_u64(&m->value, row->owner[i]);
        ks_buf_field(&m->value, row->with[i]);
    }
    ks_buf_field(&m->value, row->stanza);
    key_numbers(m, row->id, 0);
    return put_scratch(m, ARCHIVE);
}

static struct ks_archive_row archive_read(const struct ks_memory_record *record)
{
    struct ks_cursor at = ks_cursor(record->value);
    struct ks_archive_row row = { .id = take_u64(&at) };

    row.stamp_ms = (int64_t)take_u64(&at);
    for (int i = 0; i < 2; i++) {
        row.owner[i] = take_u64(&at);
        row.with[i] = take_field(&at);
    }
    row.stanza = take_field(&at);
    return row;
}

static enum ks_err memory_archive_append(struct ks_server_store *s, const struct ks_archive_row *row)
{
    struct memory_store *m = self(s);
    enum ks_err err = archive_put(m, row);

    if (err != KS_OK)
        return err;
    key_numbers(m, 0, 0);
    ks_buf_u64(scratch(&m->value), row->id);
    ks_buf_u64(&m->value, (uint64_t)row->stamp_ms);
    return put_scratch(m, LAST);
}

static enum ks_err memory_archive_replace(struct ks_server_store *s, uint64_t id, struct ks_str stanza)
{
    struct memory_store *m = self(s);
    const struct ks_memory_record *record = find(m, ARCHIVE, key_numbers(m, id, 0));
    struct ks_archive_row row;

    if (!record)
        return KS_ENOTFOUND;
    row = archive_read(record);
    row.stanza = stanza;
    return archive_put(m, &row);
}

static enum ks_err memory_archive_get(struct ks_server_store *s, uint64_t id, ks_visit_archive *visit, void *user)
{
    struct memory_store *m = self(s);
    const struct ks_memory_record *record = find(m, ARCHIVE, key_numbers(m, id, 0));
    struct ks_archive_row row;

    if (!record)
        return KS_ENOTFOUND;
    row = archive_read(record);
    visit(user, &row);
    return KS_OK;
}

static enum ks_err memory_archive_scan(struct ks_server_store *s, uint64_t after, ks_visit_archive *visit, void *user)
{
    struct memory_store *m = self(s);
    const struct ks_memory_rows *rows = rows_of(m, ARCHIVE);

    for (size_t i = ks_memory_lower_bound(rows, key_numbers(m, after, 1)); i < rows->count; i++) {
        struct ks_archive_row row = archive_read(rows->at[i]);
        if (!visit(user, &row))
            break;
    }
    return KS_OK;
}

static enum ks_err memory_archive_last(struct ks_server_store *s, uint64_t *ret_id, int64_t *ret_stamp_ms)
{
    struct memory_store *m = self(s);
    const struct ks_memory_record *record = find(m, LAST, key_numbers(m, 0, 0));
    struct ks_cursor at = ks_cursor(record ? record->value : KS_STR_EMPTY);

    *ret_id = record ? take_u64(&at) : 0;
    *ret_stamp_ms = record ? (int64_t)take_u64(&at) : 0;
    return KS_OK;
}

static enum ks_err forget_row(struct memory_store *m, uint64_t id, uint64_t account)
{
    size_t at = ks_memory_lower_bound(rows_of(m, ARCHIVE), key_numbers(m, id, 0));
    struct ks_archive_row row;

    if (!ks_memory_row_is(rows_of(m, ARCHIVE), at, ks_buf_str(&m->key)))
        return KS_OK;
    row = archive_read(rows_of(m, ARCHIVE)->at[at]);
    for (int i = 0; i < 2; i++)
        if (row.owner[i] == account) {
            row.owner[i] = 0;
            row.with[i] = KS_STR_EMPTY;
        }
    return row.owner[0] || row.owner[1] ? archive_put(m, &row) : ks_memory_delete_at(&m->tables, ARCHIVE, at);
}

static enum ks_err memory_archive_forget(struct ks_server_store *s, uint64_t account)
{
    struct memory_store *m = self(s);
    struct ks_memory_rows *index = rows_of(m, INDEX);
    size_t first = ks_memory_lower_bound(index, key_numbers(m, account, 0));
    enum ks_err err = KS_OK;

    while (err == KS_OK && first < index->count) {
        struct ks_cursor at = ks_cursor(index->at[first]->key);
        if (take_u64(&at) != account)
            break;
        err = forget_row(m, take_u64(&at), account);
        if (err == KS_OK)
            err = ks_memory_delete_at(&m->tables, INDEX, first);
    }
    return err;
}

static enum ks_err memory_archive_disown(struct ks_server_store *s, uint64_t id, uint64_t account)
{
    return forget_row(self(s), id, account);
}

/* --- its index --- */

static enum ks_err memory_index_add(struct ks_server_store *s, const struct ks_index_row *rows, size_t count)
{
    struct memory_store *m = self(s);
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < count && err == KS_OK; i++) {
        key_numbers(m, rows[i].account, rows[i].id);
        ks_buf_u64(scratch(&m->value), rows[i].with_hash);
        err = put_scratch(m, INDEX);
    }
    return err;
}

static enum ks_err memory_index_scan(struct ks_server_store *s, uint64_t account, uint64_t first, uint64_t last,
    bool falling, ks_visit_index *visit, void *user)
{
    struct memory_store *m = self(s);
    const struct ks_memory_rows *rows = rows_of(m, INDEX);
    size_t low = ks_memory_lower_bound(rows, key_numbers(m, account, first));
    size_t high = ks_memory_lower_bound(rows, key_numbers(m, account, last));

    if (first > last)
        return KS_OK;
    if (ks_memory_row_is(rows, high, ks_buf_str(&m->key)))
        high++;
    for (size_t i = low; i < high; i++) {
        const struct ks_memory_record *record = rows->at[falling ? high - 1 - (i - low) : i];
        struct ks_cursor key = ks_cursor(record->key), value = ks_cursor(record->value);
        struct ks_index_row row = { .account = take_u64(&key) };

        row.id = take_u64(&key);
        row.with_hash = take_u64(&value);
        if (!visit(user, &row))
            break;
    }
    return KS_OK;
}

/* Deletes the rows of a table from one place on, up to a key. */
static enum ks_err cut(struct memory_store *m, enum table table, size_t first, struct ks_str upto)
{
    const struct ks_memory_rows *rows = rows_of(m, table);
    enum ks_err err = KS_OK;

    while (err == KS_OK && first < rows->count && ks_str_cmp(rows->at[first]->key, upto) <= 0)
        err = ks_memory_delete_at(&m->tables, table, first);
    return err;
}

static enum ks_err memory_index_cut(struct ks_server_store *s, uint64_t account, uint64_t upto)
{
    struct memory_store *m = self(s);
    size_t first = ks_memory_lower_bound(rows_of(m, INDEX), key_numbers(m, account, 0));

    return cut(m, INDEX, first, key_numbers(m, account, upto));
}

/* --- the audit log --- */

static enum ks_err memory_audit_append(struct ks_server_store *s, const struct ks_audit_row *row)
{
    struct memory_store *m = self(s);

    ks_buf_u64(scratch(&m->value), row->seq);
    ks_buf_u64(&m->value, (uint64_t)row->stamp_ms);
    ks_buf_field(&m->value, row->actor);
    ks_buf_field(&m->value, row->action);
    ks_buf_field(&m->value, row->subject);
    ks_buf_field(&m->value, row->detail);
    ks_buf_add(&m->value, ks_str(row->hash, sizeof row->hash));
    key_numbers(m, row->seq, 0);
    return put_scratch(m, AUDIT);
}

static struct ks_audit_row audit_read(const struct ks_memory_record *record)
{
    struct ks_cursor at = ks_cursor(record->value);
    struct ks_audit_row row = { .seq = take_u64(&at) };

    row.stamp_ms = (int64_t)take_u64(&at);
    row.actor = take_field(&at);
    row.action = take_field(&at);
    row.subject = take_field(&at);
    row.detail = take_field(&at);
    assert(at.left.len == sizeof row.hash);
    memcpy(row.hash, at.left.ptr, sizeof row.hash);
    return row;
}

static enum ks_err memory_audit_scan(struct ks_server_store *s, uint64_t first_seq, ks_visit_audit *visit, void *user)
{
    struct memory_store *m = self(s);
    const struct ks_memory_rows *rows = rows_of(m, AUDIT);

    for (size_t i = ks_memory_lower_bound(rows, key_numbers(m, first_seq, 0)); i < rows->count; i++) {
        struct ks_audit_row row = audit_read(rows->at[i]);
        if (!visit(user, &row))
            break;
    }
    return KS_OK;
}

static enum ks_err memory_audit_last(struct ks_server_store *s, ks_visit_audit *visit, void *user)
{
    const struct ks_memory_rows *rows = rows_of(self(s), AUDIT);
    struct ks_audit_row row;

    if (!rows->count)
        return KS_ENOTFOUND;
    row = audit_read(rows->at[rows->count - 1]);
    visit(user, &row);
    return KS_OK;
}

static enum ks_err memory_audit_cut(struct ks_server_store *s, uint64_t upto)
{
    struct memory_store *m = self(s);

    return cut(m, AUDIT, 0, key_numbers(m, upto, 0));
}

/* What a transaction deleted is freed when it is committed. */
static void memory_scrub(struct ks_server_store *s)
{
    assert(self(s)->tables.in_txn);
}

static const struct ks_server_store_ops memory_ops = {
    .free = memory_free,
    .begin = memory_begin,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .meta_get = memory_meta_get,
    .meta_put = memory_meta_put,
    .account_find = memory_account_find,
    .account_list = memory_account_list,
    .account_add = memory_account_add,
    .account_update = memory_account_update,
    .kv_load = memory_kv_load,
    .kv_put = memory_kv_put,
    .kv_del = memory_kv_del,
    .archive_append = memory_archive_append,
    .archive_replace = memory_archive_replace,
    .archive_get = memory_archive_get,
    .archive_scan = memory_archive_scan,
    .archive_last = memory_archive_last,
    .archive_forget = memory_archive_forget,
    .archive_disown = memory_archive_disown,
    .index_add = memory_index_add,
    .index_scan = memory_index_scan,
    .index_cut = memory_index_cut,
    .audit_append = memory_audit_append,
    .audit_scan = memory_audit_scan,
    .audit_last = memory_audit_last,
    .audit_cut = memory_audit_cut,
    .scrub = memory_scrub,
};

struct ks_server_store *ks_memory_server_store_new(void)
{
    struct memory_store *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->base.ops = &memory_ops;
    ks_memory_tables_init(&m->tables);
    ks_memory_record_store_init(&m->records, &m->tables, RECORDS);
    m->base.records = &m->records.base;
    ks_buf_init(&m->key, RECORD_BYTES_MAX);
    ks_buf_init(&m->value, RECORD_BYTES_MAX);
    return &m->base;
}

void ks_memory_server_store_crash(struct ks_server_store *s)
{
    memory_rollback(s);
}

void ks_memory_server_store_room(struct ks_server_store *s, size_t bytes)
{
    self(s)->tables.room = bytes;
}
