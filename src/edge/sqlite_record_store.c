/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sqlite_record_store.h"

#include <sqlite3.h>

#include "sqlite_statement.h"

enum statement {
    HEAD,
    HEAD_PUT,
    HEAD_DEL,
    ADD,
    FIND,
    RISING,
    FALLING,
    OLD,
    RIDS,
    DEL,
    DEL_ALL,
};
_Static_assert(DEL_ALL + 1 == KS_SQLITE_RECORD_STATEMENTS, "all of them");

static const char *const texts[KS_SQLITE_RECORD_STATEMENTS] = {
    [HEAD] = "SELECT aseq_last, count, bytes, fold FROM record_head WHERE account = ?1",
    [HEAD_PUT] = "INSERT OR REPLACE INTO record_head (account, aseq_last, count, bytes, fold)"
                 " VALUES (?1, ?2, ?3, ?4, ?5)",
    [HEAD_DEL] = "DELETE FROM record_head WHERE account = ?1",
    [ADD] = "INSERT INTO record (account, aseq, rid, sha256, until, blob) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [FIND] = "SELECT aseq, rid, sha256, until FROM record WHERE account = ?1 AND rid = ?2",
    [RISING] = "SELECT aseq, rid, sha256, until, blob FROM record WHERE account = ?1 AND aseq BETWEEN ?2 AND ?3"
               " ORDER BY aseq",
    [FALLING] = "SELECT aseq, rid, sha256, until, blob FROM record WHERE account = ?1 AND aseq BETWEEN ?2 AND ?3"
                " ORDER BY aseq DESC",
    [OLD] = "SELECT aseq, rid, sha256, until FROM record WHERE account = ?1 AND until < ?2",
    [RIDS] = "SELECT aseq, rid, sha256, until FROM record WHERE account = ?1",
    [DEL] = "DELETE FROM record WHERE account = ?1 AND aseq = ?2 RETURNING rid, length(blob)",
    [DEL_ALL] = "DELETE FROM record WHERE account = ?1",
};

static sqlite3_stmt *take(struct ks_record_store *s, enum statement which)
{
    return KS_CONTAINER(s, struct ks_sqlite_record_store, base)->statements[which];
}

/* False: the row is not one of ours. */
static bool copy_bytes(struct ks_str from, uint8_t *to, size_t len)
{
    if (from.len == len)
        memcpy(to, from.ptr, len);
    return from.len == len;
}

/* --- the head --- */

static bool each_head(sqlite3_stmt *at, void *visit)
{
    *(struct ks_record_head *)visit = (struct ks_record_head) { ks_sql_number_at(at, 0), ks_sql_number_at(at, 1),
        ks_sql_number_at(at, 2), ks_sql_number_at(at, 3) };
    return false;
}

static enum ks_err record_head(struct ks_record_store *s, uint64_t account, struct ks_record_head *ret_head)
{
    sqlite3_stmt *at = take(s, HEAD);

    *ret_head = (struct ks_record_head) { 0 };
    ks_sql_bind_number(at, 1, account);
    return ks_sql_maybe_none(ks_sql_each(at, each_head, ret_head));
}

static enum ks_err head_put(struct ks_record_store *s, uint64_t account, const struct ks_record_head *head)
{
    sqlite3_stmt *at = take(s, HEAD_PUT);

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_number(at, 2, head->aseq_last);
    ks_sql_bind_number(at, 3, head->rows);
    ks_sql_bind_number(at, 4, head->bytes);
    ks_sql_bind_number(at, 5, head->fold);
    return ks_sql_run(at);
}

/* --- rows --- */

static enum ks_err record_add(struct ks_record_store *s, const struct ks_record_row *row)
{
    sqlite3_stmt *at = take(s, ADD);
    struct ks_record_head head;
    enum ks_err err = record_head(s, row->account, &head);

    if (err != KS_OK)
        return err;
    assert(row->aseq > head.aseq_last);
    head.aseq_last = row->aseq;
    head.rows++;
    head.bytes += row->blob.len;
    head.fold += ks_record_fold(row->rid, row->aseq);
    ks_sql_bind_number(at, 1, row->account);
    ks_sql_bind_number(at, 2, row->aseq);
    ks_sql_bind_bytes(at, 3, ks_str(row->rid, sizeof row->rid));
    ks_sql_bind_bytes(at, 4, ks_str(row->sha256, sizeof row->sha256));
    ks_sql_bind_number(at, 5, (uint64_t)row->until);
    ks_sql_bind_bytes(at, 6, row->blob);
    err = ks_sql_run(at);
    return err == KS_OK ? head_put(s, row->account, &head) : err;
}

struct row_visit {
    ks_visit_record_row *visit;
    void *user;
    uint64_t account;
    bool damaged;
};

static bool each_row(sqlite3_stmt *at, void *visit)
{
    struct row_visit *to = visit;
    struct ks_record_row row = {
        .account = to->account, .aseq = ks_sql_number_at(at, 0), .until = (int64_t)ks_sql_number_at(at, 3)
    };

    to->damaged = !copy_bytes(ks_sql_text_at(at, 1), row.rid, sizeof row.rid)
        || !copy_bytes(ks_sql_text_at(at, 2), row.sha256, sizeof row.sha256);
    if (sqlite3_column_count(at) > 4)
        row.blob = ks_sql_text_at(at, 4);
    return !to->damaged && to->visit(to->user, &row);
}

static enum ks_err visit_rows(sqlite3_stmt *at, uint64_t account, ks_visit_record_row *visit, void *user)
{
    struct row_visit to = { visit, user, account, false };
    enum ks_err err = ks_sql_each(at, each_row, &to);

    return to.damaged ? KS_ESTORE : err;
}

static enum ks_err record_find(
    struct ks_record_store *s, uint64_t account, const uint8_t *rid, ks_visit_record_row *visit, void *user)
{
    sqlite3_stmt *at = take(s, FIND);

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_bytes(at, 2, ks_str(rid, KS_RID_LEN));
    return visit_rows(at, account, visit, user);
}

static enum ks_err record_scan(struct ks_record_store *s, uint64_t account, uint64_t first, uint64_t last, bool falling,
    ks_visit_record_row *visit, void *user)
{
    sqlite3_stmt *at = take(s, falling ? FALLING : RISING);

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_number(at, 2, first < INT64_MAX ? first : INT64_MAX);
    ks_sql_bind_number(at, 3, last < INT64_MAX ? last : INT64_MAX);
    return ks_sql_maybe_none(visit_rows(at, account, visit, user));
}

static enum ks_err record_scan_old(
    struct ks_record_store *s, uint64_t account, int64_t before, ks_visit_record_row *visit, void *user)
{
    sqlite3_stmt *at = take(s, OLD);

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_number(at, 2, (uint64_t)before);
    return ks_sql_maybe_none(visit_rows(at, account, visit, user));
}

static enum ks_err record_scan_rids(struct ks_record_store *s, uint64_t account, ks_visit_record_row *visit, void *user)
{
    sqlite3_stmt *at = take(s, RIDS);

    ks_sql_bind_number(at, 1, account);
    return ks_sql_maybe_none(visit_rows(at, account, visit, user));
}

struct gone {
    uint8_t rid[KS_RID_LEN];
    uint64_t bytes;
    bool damaged;
};

static bool each_gone(sqlite3_stmt *at, void *visit)
{
    struct gone *gone = visit;

    gone->damaged = !copy_bytes(ks_sql_text_at(at, 0), gone->rid, sizeof gone->rid);
    gone->bytes = ks_sql_number_at(at, 1);
    return true;
}

static enum ks_err record_del(struct ks_record_store *s, uint64_t account, uint64_t aseq)
{
    sqlite3_stmt *at = take(s, DEL);
    struct ks_record_head head;
    struct gone gone = { 0 };
    enum ks_err err;

    ks_sql_bind_number(at, 1, account);
    ks_sql_bind_number(at, 2, aseq);
    err = ks_sql_each(at, each_gone, &gone);
    if (err != KS_OK)
        return ks_sql_maybe_none(err);
    err = gone.damaged ? KS_ESTORE : record_head(s, account, &head);
    if (err != KS_OK)
        return err;
    head.rows--;
    head.bytes -= gone.bytes;
    head.fold -= ks_record_fold(gone.rid, aseq);
    return head_put(s, account, &head);
}

static enum ks_err record_forget(struct ks_record_store *s, uint64_t account)
{
    static const enum statement steps[] = { DEL_ALL, HEAD_DEL };
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < KS_COUNT(steps) && err == KS_OK; i++) {
        sqlite3_stmt *at = take(s, steps[i]);
        ks_sql_bind_number(at, 1, account);
        err = ks_sql_run(at);
    }
    return err;
}

static const struct ks_record_store_ops sqlite_ops = {
    .head = record_head,
    .add = record_add,
    .find = record_find,
    .scan = record_scan,
    .scan_old = record_scan_old,
    .scan_rids = record_scan_rids,
    .del = record_del,
    .forget = record_forget,
};

enum ks_err ks_sqlite_record_store_init(struct ks_sqlite_record_store *r, struct sqlite3 *db)
{
    r->base.ops = &sqlite_ops;
    return ks_sql_prepare(db, texts, KS_SQLITE_RECORD_STATEMENTS, r->statements);
}

void ks_sqlite_record_store_done(struct ks_sqlite_record_store *r)
{
    ks_sql_finalize(r->statements, KS_SQLITE_RECORD_STATEMENTS);
}
