/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "memory_record_store.h"

/* By (account, aseq) the row; by (account, rid) its aseq; by (account) the head. */
enum { ROW, RID, HEAD };

#define RECORD_BYTES_MAX (64u << 20)

static struct ks_memory_record_store *self(struct ks_record_store *s)
{
    return KS_CONTAINER(s, struct ks_memory_record_store, base);
}

static const struct ks_memory_rows *rows_of(const struct ks_memory_record_store *m, int table)
{
    return &m->tables->tables[m->first + table];
}

static struct ks_str key_row(struct ks_memory_record_store *m, uint64_t account, uint64_t aseq)
{
    ks_buf_reset(&m->key);
    ks_buf_u64(&m->key, account);
    ks_buf_u64(&m->key, aseq);
    return ks_buf_str(&m->key);
}

static struct ks_str key_rid(struct ks_memory_record_store *m, uint64_t account, const uint8_t *rid)
{
    ks_buf_reset(&m->key);
    ks_buf_u64(&m->key, account);
    ks_buf_add(&m->key, ks_str(rid, KS_RID_LEN));
    return ks_buf_str(&m->key);
}

static struct ks_str key_account(struct ks_memory_record_store *m, uint64_t account)
{
    ks_buf_reset(&m->key);
    ks_buf_u64(&m->key, account);
    return ks_buf_str(&m->key);
}

static enum ks_err put(struct ks_memory_record_store *m, int table)
{
    enum ks_err err = ks_buf_err(&m->key) != KS_OK ? ks_buf_err(&m->key) : ks_buf_err(&m->value);

    return err == KS_OK ? ks_memory_put(m->tables, m->first + table, ks_buf_str(&m->key), ks_buf_str(&m->value)) : err;
}

static void take(struct ks_cursor *at, void *to, size_t len)
{
    struct ks_str bytes = KS_STR_EMPTY;
    enum ks_err err = ks_cursor_take(at, len, &bytes);

    assert(err == KS_OK); /* our own record, or the program is wrong */
    memcpy(to, bytes.ptr, len);
}

static uint64_t take_u64(struct ks_cursor *at)
{
    uint64_t number = 0;
    enum ks_err err = ks_cursor_u64(at, &number);

    assert(err == KS_OK);
    return number;
}

static struct ks_record_row row_read(const struct ks_memory_record *record, bool whole)
{
    struct ks_cursor key = ks_cursor(record->key), at = ks_cursor(record->value);
    struct ks_record_row row = { .account = take_u64(&key) };

    row.aseq = take_u64(&key);
    take(&at, row.rid, sizeof row.rid);
    take(&at, row.sha256, sizeof row.sha256);
    row.until = (int64_t)take_u64(&at);
    if (whole)
        row.blob = at.left;
    return row;
}

/* --- the head --- */

static enum ks_err record_head(struct ks_record_store *s, uint64_t account, struct ks_record_head *ret_head)
{
    struct ks_memory_record_store *m = self(s);
    const struct ks_memory_record *record = ks_memory_find(m->tables, m->first + HEAD, key_account(m, account));
    struct ks_cursor at;

    *ret_head = (struct ks_record_head) { 0 };
    if (!record)
        return KS_OK;
    at = ks_cursor(record->value);
    ret_head->aseq_last = take_u64(&at);
    ret_head->rows = take_u64(&at);
    ret_head->bytes = take_u64(&at);
    ret_head->fold = take_u64(&at);
    return KS_OK;
}

static enum ks_err head_put(struct ks_memory_record_store *m, uint64_t account, const struct ks_record_head *head)
{
    key_account(m, account);
    ks_buf_reset(&m->value);
    ks_buf_u64(&m->value, head->aseq_last);
    ks_buf_u64(&m->value, head->rows);
    ks_buf_u64(&m->value, head->bytes);
    ks_buf_u64(&m->value, head->fold);
    return put(m, HEAD);
}

/* --- rows --- */

static enum ks_err record_add(struct ks_record_store *s, const struct ks_record_row *row)
{
    struct ks_memory_record_store *m = self(s);
    struct ks_record_head head;
    enum ks_err err = record_head(s, row->account, &head);

    assert(row->aseq > head.aseq_last);
    assert(!ks_memory_find(m->tables, m->first + RID, key_rid(m, row->account, row->rid)));
    head.aseq_last = row->aseq;
    head.rows++;
    head.bytes += row->blob.len;
    head.fold += ks_record_fold(row->rid, row->aseq);
    if (err == KS_OK)
        err = head_put(m, row->account, &head);
    if (err != KS_OK)
        return err;
    key_rid(m, row->account, row->rid);
    ks_buf_reset(&m->value);
    ks_buf_u64(&m->value, row->aseq);
    err = put(m, RID);
    if (err != KS_OK)
        return err;
    key_row(m, row->account, row->aseq);
    ks_buf_reset(&m->value);
    ks_buf_add(&m->value, ks_str(row->rid, sizeof row->rid));
    ks_buf_add(&m->value, ks_str(row->sha256, sizeof row->sha256));
    ks_buf_u64(&m->value, (uint64_t)row->until);
    ks_buf_add(&m->value, row->blob);
    return put(m, ROW);
}

static enum ks_err record_find(
    struct ks_record_store *s, uint64_t account, const uint8_t *rid, ks_visit_record_row *visit, void *user)
{
    struct ks_memory_record_store *m = self(s);
    const struct ks_memory_record *record = ks_memory_find(m->tables, m->first + RID, key_rid(m, account, rid));
    struct ks_record_row row;
    struct ks_cursor at;

    if (!record)
        return KS_ENOTFOUND;
    at = ks_cursor(record->value);
    record = ks_memory_find(m->tables, m->first + ROW, key_row(m, account, take_u64(&at)));
    assert(record);
    row = row_read(record, false);
    visit(user, &row);
    return KS_OK;
}

static enum ks_err record_scan(struct ks_record_store *s, uint64_t account, uint64_t first, uint64_t last, bool falling,
    ks_visit_record_row *visit, void *user)
{
    struct ks_memory_record_store *m = self(s);
    const struct ks_memory_rows *rows = rows_of(m, ROW);
    size_t low = ks_memory_lower_bound(rows, key_row(m, account, first));
    size_t high = ks_memory_lower_bound(rows, key_row(m, account, last));

    if (first > last)
        return KS_OK;
    if (ks_memory_row_is(rows, high, ks_buf_str(&m->key)))
        high++;
    for (size_t i = low; i < high; i++) {
        struct ks_record_row row = row_read(rows->at[falling ? high - 1 - (i - low) : i], true);
        if (!visit(user, &row))
            break;
    }
    return KS_OK;
}

static void each(
    struct ks_memory_record_store *m, uint64_t account, int64_t before, ks_visit_record_row *visit, void *user)
{
    const struct ks_memory_rows *rows = rows_of(m, ROW);
    struct ks_str prefix = key_account(m, account);

    for (size_t i = ks_memory_lower_bound(rows, prefix); i < rows->count && ks_str_starts(rows->at[i]->key, prefix);
         i++) {
        struct ks_record_row row = row_read(rows->at[i], false);
        if (row.until < before && !visit(user, &row))
            break;
    }
}

static enum ks_err record_scan_old(
    struct ks_record_store *s, uint64_t account, int64_t before, ks_visit_record_row *visit, void *user)
{
    each(self(s), account, before, visit, user);
    return KS_OK;
}

static enum ks_err record_scan_rids(struct ks_record_store *s, uint64_t account, ks_visit_record_row *visit, void *user)
{
    each(self(s), account, INT64_MAX, visit, user);
    return KS_OK;
}

static enum ks_err record_del(struct ks_record_store *s, uint64_t account, uint64_t aseq)
{
    struct ks_memory_record_store *m = self(s);
    size_t at = ks_memory_lower_bound(rows_of(m, ROW), key_row(m, account, aseq));
    struct ks_record_head head;
    struct ks_record_row row;
    enum ks_err err = record_head(s, account, &head);

    key_row(m, account, aseq);
    if (err != KS_OK || !ks_memory_row_is(rows_of(m, ROW), at, ks_buf_str(&m->key)))
        return err;
    row = row_read(rows_of(m, ROW)->at[at], true);
    head.rows--;
    head.bytes -= row.blob.len;
    head.fold -= ks_record_fold(row.rid, row.aseq);
    err = ks_memory_delete_at(m->tables, m->first + ROW, at);
    if (err == KS_OK)
        err = ks_memory_delete_at(
            m->tables, m->first + RID, ks_memory_lower_bound(rows_of(m, RID), key_rid(m, account, row.rid)));
    return err == KS_OK ? head_put(m, account, &head) : err;
}

static enum ks_err record_forget(struct ks_record_store *s, uint64_t account)
{
    struct ks_memory_record_store *m = self(s);
    enum ks_err err = KS_OK;

    key_account(m, account);
    for (int table = ROW; table <= HEAD && err == KS_OK; table++)
        err = ks_memory_delete_all(m->tables, m->first + table, ks_buf_str(&m->key));
    return err;
}

static const struct ks_record_store_ops memory_ops = {
    .head = record_head,
    .add = record_add,
    .find = record_find,
    .scan = record_scan,
    .scan_old = record_scan_old,
    .scan_rids = record_scan_rids,
    .del = record_del,
    .forget = record_forget,
};

void ks_memory_record_store_init(struct ks_memory_record_store *m, struct ks_memory_tables *tables, int first)
{
    m->base.ops = &memory_ops;
    m->tables = tables;
    m->first = first;
    ks_buf_init(&m->key, RECORD_BYTES_MAX);
    ks_buf_init(&m->value, RECORD_BYTES_MAX);
}

void ks_memory_record_store_done(struct ks_memory_record_store *m)
{
    ks_buf_done(&m->key);
    ks_buf_done(&m->value);
}
