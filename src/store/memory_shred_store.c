/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "memory_table.h"
#include "shred_store.h"

/* By (account, rid, aseq) the salt; by (account, version) the ring; by (account) the head. */
enum { SALT, RING, HEAD };

#define RECORD_BYTES_MAX (4u << 20)

struct memory_shred {
    struct ks_shred_store base;
    struct ks_memory_tables tables;
    struct ks_buf key, value; /* scratch */
};

static struct memory_shred *self(struct ks_shred_store *s)
{
    return KS_CONTAINER(s, struct memory_shred, base);
}

static struct ks_str key_account(struct memory_shred *m, uint64_t account)
{
    ks_buf_reset(&m->key);
    ks_buf_u64(&m->key, account);
    return ks_buf_str(&m->key);
}

static struct ks_str key_rid(struct memory_shred *m, uint64_t account, const uint8_t *rid)
{
    key_account(m, account);
    ks_buf_add(&m->key, ks_str(rid, KS_RID_LEN));
    return ks_buf_str(&m->key);
}

static struct ks_str key_salt(struct memory_shred *m, uint64_t account, const uint8_t *rid, uint64_t aseq)
{
    key_rid(m, account, rid);
    ks_buf_u64(&m->key, aseq);
    return ks_buf_str(&m->key);
}

static struct ks_str key_ring(struct memory_shred *m, uint64_t account, uint64_t version)
{
    key_account(m, account);
    ks_buf_u64(&m->key, version);
    return ks_buf_str(&m->key);
}

static enum ks_err put(struct memory_shred *m, int table)
{
    enum ks_err err = ks_buf_err(&m->key) != KS_OK ? ks_buf_err(&m->key) : ks_buf_err(&m->value);

    return err == KS_OK ? ks_memory_put(&m->tables, table, ks_buf_str(&m->key), ks_buf_str(&m->value)) : err;
}

/* Our own records are well-formed, or the program is wrong. */
static uint64_t take_u64(struct ks_cursor *at)
{
    uint64_t number = 0;
    enum ks_err err = ks_cursor_u64(at, &number);

    assert(err == KS_OK);
    return number;
}

static struct ks_str take_bytes(struct ks_cursor *at, size_t len)
{
    struct ks_str bytes = KS_STR_EMPTY;
    enum ks_err err = ks_cursor_take(at, len, &bytes);

    assert(err == KS_OK);
    return bytes;
}

static struct ks_str take_field(struct ks_cursor *at)
{
    struct ks_str text = KS_STR_EMPTY;
    enum ks_err err = ks_cursor_field(at, &text);

    assert(err == KS_OK);
    return text;
}

/* --- transactions --- */

static enum ks_err shred_begin(struct ks_shred_store *s)
{
    ks_memory_begin(&self(s)->tables);
    return KS_OK;
}

static enum ks_err shred_commit(struct ks_shred_store *s)
{
    ks_memory_commit(&self(s)->tables);
    return KS_OK;
}

static void shred_rollback(struct ks_shred_store *s)
{
    ks_memory_rollback(&self(s)->tables);
}

static void shred_free(struct ks_shred_store *s)
{
    struct memory_shred *m = self(s);

    ks_memory_tables_done(&m->tables);
    ks_buf_done(&m->key);
    ks_buf_done(&m->value);
    free(m);
}

/* --- salts --- */

static enum ks_err shred_head(struct ks_shred_store *s, uint64_t account, struct ks_salt_head *ret_head)
{
    struct memory_shred *m = self(s);
    const struct ks_memory_record *record = ks_memory_find(&m->tables, HEAD, key_account(m, account));
    struct ks_cursor at;

    *ret_head = (struct ks_salt_head) { 0 };
    if (!record)
        return KS_OK;
    at = ks_cursor(record->value);
    ret_head->aseq_last = take_u64(&at);
    ret_head->fold = take_u64(&at);
    return KS_OK;
}

static enum ks_err head_put(struct memory_shred *m, uint64_t account, const struct ks_salt_head *head)
{
    key_account(m, account);
    ks_buf_reset(&m->value);
    ks_buf_u64(&m->value, head->aseq_last);
    ks_buf_u64(&m->value, head->fold);
    return put(m, HEAD);
}

static enum ks_err shred_salt_put(struct ks_shred_store *s, const struct ks_salt_row *row)
{
    struct memory_shred *m = self(s);
    struct ks_salt_head head;
    enum ks_err err = shred_head(s, row->account, &head);

    if (!ks_memory_find(&m->tables, SALT, key_salt(m, row->account, row->rid, row->aseq)))
        head.fold += ks_record_fold(row->rid, row->aseq);
    if (row->aseq > head.aseq_last)
        head.aseq_last = row->aseq;
    if (err == KS_OK)
        err = head_put(m, row->account, &head);
    if (err != KS_OK)
        return err;
    key_salt(m, row->account, row->rid, row->aseq);
    ks_buf_reset(&m->value);
    ks_buf_add(&m->value, ks_str(row->salt, sizeof row->salt));
    ks_buf_u64(&m->value, (uint64_t)row->until);
    return put(m, SALT);
}

static struct ks_salt_row salt_read(const struct ks_memory_record *record)
{
    struct ks_cursor key = ks_cursor(record->key), at = ks_cursor(record->value);
    struct ks_salt_row row = { .account = take_u64(&key) };

    memcpy(row.rid, take_bytes(&key, sizeof row.rid).ptr, sizeof row.rid);
    row.aseq = take_u64(&key);
    memcpy(row.salt, take_bytes(&at, sizeof row.salt).ptr, sizeof row.salt);
    row.until = (int64_t)take_u64(&at);
    return row;
}

static enum ks_err shred_salt_get(
    struct ks_shred_store *s, uint64_t account, const uint8_t *rid, uint64_t aseq, uint8_t *ret_salt)
{
    struct memory_shred *m = self(s);
    const struct ks_memory_record *record = ks_memory_find(&m->tables, SALT, key_salt(m, account, rid, aseq));

    if (!record)
        return KS_ENOTFOUND;
    memcpy(ret_salt, record->value.ptr, KS_SALT_LEN);
    return KS_OK;
}

static enum ks_err shred_salt_scan_old(
    struct ks_shred_store *s, uint64_t account, int64_t before, ks_visit_salt *visit, void *user)
{
    struct memory_shred *m = self(s);
    const struct ks_memory_rows *rows = &m->tables.tables[SALT];
    struct ks_str prefix = key_account(m, account);

    for (size_t i = ks_memory_lower_bound(rows, prefix); i < rows->count && ks_str_starts(rows->at[i]->key, prefix);
         i++) {
        struct ks_salt_row row = salt_read(rows->at[i]);
        if (row.until < before && !visit(user, &row))
            break;
    }
    return KS_OK;
}

static enum ks_err shred_salt_del(struct ks_shred_store *s, uint64_t account, const uint8_t *rid, uint64_t but)
{
    struct memory_shred *m = self(s);
    const struct ks_memory_rows *rows = &m->tables.tables[SALT];
    struct ks_salt_head head;
    enum ks_err err = shred_head(s, account, &head);
    struct ks_str prefix = key_rid(m, account, rid);
    size_t at = ks_memory_lower_bound(rows, prefix);
    bool any = false;

    while (err == KS_OK && at < rows->count && ks_str_starts(rows->at[at]->key, prefix)) {
        uint64_t aseq = salt_read(rows->at[at]).aseq;
        if (aseq == but) {
            at++;
            continue;
        }
        err = ks_memory_delete_at(&m->tables, SALT, at);
        head.fold -= ks_record_fold(rid, aseq);
        any = true;
    }
    return err == KS_OK && any ? head_put(m, account, &head) : err;
}

/* --- rings --- */

static enum ks_err ring_write(struct memory_shred *m, const struct ks_ring_row *row)
{
    ks_buf_reset(&m->value);
    ks_buf_add(&m->value, ks_str(row->sha256, sizeof row->sha256));
    ks_buf_u64(&m->value, (uint64_t)row->replaced_ms);
    ks_buf_field(&m->value, row->data);
    ks_buf_field(&m->value, row->signature);
    ks_buf_field(&m->value, row->certificate);
    key_ring(m, row->account, row->version);
    return put(m, RING);
}

static struct ks_ring_row ring_read(const struct ks_memory_record *record)
{
    struct ks_cursor key = ks_cursor(record->key), at = ks_cursor(record->value);
    struct ks_ring_row row = { .account = take_u64(&key) };

    row.version = take_u64(&key);
    memcpy(row.sha256, take_bytes(&at, sizeof row.sha256).ptr, sizeof row.sha256);
    row.replaced_ms = (int64_t)take_u64(&at);
    row.data = take_field(&at);
    row.signature = take_field(&at);
    row.certificate = take_field(&at);
    return row;
}

/* NULL: none. */
static const struct ks_memory_record *ring_find(struct memory_shred *m, uint64_t account, uint64_t version)
{
    const struct ks_memory_rows *rows = &m->tables.tables[RING];
    size_t behind;

    if (version)
        return ks_memory_find(&m->tables, RING, key_ring(m, account, version));
    behind = ks_memory_lower_bound(rows, key_ring(m, account, UINT64_MAX));
    return behind && ks_str_starts(rows->at[behind - 1]->key, key_account(m, account)) ? rows->at[behind - 1] : NULL;
}

static enum ks_err shred_ring_put(struct ks_shred_store *s, const struct ks_ring_row *row)
{
    struct memory_shred *m = self(s);
    const struct ks_memory_record *record = ring_find(m, row->account, 0);
    struct ks_ring_row newest = *row, before;
    enum ks_err err = KS_OK;

    assert(row->version == (record ? ring_read(record).version : 0) + 1);
    if (record) {
        before = ring_read(record);
        before.replaced_ms = row->replaced_ms;
        err = ring_write(m, &before);
    }
    newest.replaced_ms = 0;
    return err == KS_OK ? ring_write(m, &newest) : err;
}

static enum ks_err shred_ring_get(
    struct ks_shred_store *s, uint64_t account, uint64_t version, ks_visit_ring *visit, void *user)
{
    const struct ks_memory_record *record = ring_find(self(s), account, version);
    struct ks_ring_row row;

    if (!record)
        return KS_ENOTFOUND;
    row = ring_read(record);
    visit(user, &row);
    return KS_OK;
}

/* Rows up to this one, from the account's first, were replaced before that time. */
static size_t ring_bound(struct memory_shred *m, uint64_t account, int64_t before_ms, size_t *ret_first)
{
    const struct ks_memory_rows *rows = &m->tables.tables[RING];
    struct ks_str prefix = key_account(m, account);
    size_t at = *ret_first = ks_memory_lower_bound(rows, prefix);

    for (; at < rows->count && ks_str_starts(rows->at[at]->key, prefix); at++) {
        struct ks_ring_row row = ring_read(rows->at[at]);
        if (!row.replaced_ms || row.replaced_ms >= before_ms)
            break;
    }
    return at;
}

static enum ks_err shred_ring_old(
    struct ks_shred_store *s, uint64_t account, int64_t before_ms, uint64_t *ret_rows, int64_t *ret_oldest_ms)
{
    struct memory_shred *m = self(s);
    size_t first, end = ring_bound(m, account, before_ms, &first);

    *ret_rows = end - first;
    *ret_oldest_ms = end > first ? ring_read(m->tables.tables[RING].at[first]).replaced_ms : 0;
    return KS_OK;
}

static enum ks_err shred_ring_cut(struct ks_shred_store *s, uint64_t account, int64_t before_ms)
{
    struct memory_shred *m = self(s);
    size_t first, end = ring_bound(m, account, before_ms, &first);
    enum ks_err err = KS_OK;

    for (; end > first && err == KS_OK; end--)
        err = ks_memory_delete_at(&m->tables, RING, end - 1);
    return err;
}

static enum ks_err shred_forget(struct ks_shred_store *s, uint64_t account)
{
    struct memory_shred *m = self(s);
    enum ks_err err = KS_OK;

    key_account(m, account);
    for (int table = SALT; table <= HEAD && err == KS_OK; table++)
        err = ks_memory_delete_all(&m->tables, table, ks_buf_str(&m->key));
    return err;
}

static const struct ks_shred_store_ops memory_ops = {
    .free = shred_free,
    .begin = shred_begin,
    .commit = shred_commit,
    .rollback = shred_rollback,
    .head = shred_head,
    .salt_put = shred_salt_put,
    .salt_get = shred_salt_get,
    .salt_scan_old = shred_salt_scan_old,
    .salt_del = shred_salt_del,
    .ring_put = shred_ring_put,
    .ring_get = shred_ring_get,
    .ring_old = shred_ring_old,
    .ring_cut = shred_ring_cut,
    .forget = shred_forget,
};

struct ks_shred_store *ks_memory_shred_store_new(void)
{
    struct memory_shred *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->base.ops = &memory_ops;
    ks_memory_tables_init(&m->tables);
    ks_buf_init(&m->key, RECORD_BYTES_MAX);
    ks_buf_init(&m->value, RECORD_BYTES_MAX);
    return &m->base;
}

void ks_memory_shred_store_crash(struct ks_shred_store *s)
{
    ks_memory_rollback(&self(s)->tables);
}

void ks_memory_shred_store_room(struct ks_shred_store *s, size_t bytes)
{
    self(s)->tables.room = bytes;
}
