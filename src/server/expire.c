/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "expire.h"

#include "audit_chain.h"
#include "deletion.h"
#include "enc.h"
#include "store_write.h"

#define COUNTED KS_STR("store.retention.") /* with the domain's name behind: counts until it is done */
#define COUNTED_BYTES_MAX 65536
#define DAY_MS 86400000

/* --- one slice --- */

struct slice {
    const struct ks_archive_view *view;
    const struct ks_expire_into *into; /* NULL: only counts */
    struct ks_store_req *req;
    struct ks_expiry *x;
    uint32_t rows_left;
    uint64_t account; /* at hand */
    /* The newest expired row of the period asked for last: most accounts have the same one. */
    int64_t bound_period_ms;
    uint64_t bound;
};

static struct ks_server_store *store_of(const struct slice *s)
{
    return s->view->store;
}

static void note(struct slice *s, size_t category, uint64_t rows, int64_t oldest_ms)
{
    struct ks_expired *e = &s->x->expired[category];

    e->rows += rows;
    if (rows && oldest_ms && (!e->oldest_ms || oldest_ms < e->oldest_ms))
        e->oldest_ms = oldest_ms;
}

static bool is_full(const struct slice *s)
{
    return s->into && !s->rows_left;
}

/* --- periods --- */

struct own {
    struct slice *s;
    int64_t *periods; /* as they are for this account */
};

static bool shorten(void *user, const struct ks_kv_row *row)
{
    const struct own *own = user;
    uint64_t days;

    for (size_t i = 0; i < own->s->x->categories_count; i++)
        if (ks_str_eq(row->key, own->s->x->categories[i].name)
            && ks_str_u64(row->value, KS_RETENTION_DAYS_MAX, &days) == KS_OK && days > 0
            && (!own->periods[i] || (int64_t)days * DAY_MS < own->periods[i]))
            own->periods[i] = (int64_t)days * DAY_MS;
    return true;
}

/* --- the archive --- */

struct candidates {
    uint64_t ids[KS_EXPIRE_ROWS_MAX];
    size_t count, max;
};

static bool take_id(void *user, const struct ks_index_row *row)
{
    struct candidates *c = user;

    if (c->count < c->max)
        c->ids[c->count++] = row->id;
    return c->count < c->max;
}

static bool see_stamp(void *user, const struct ks_archive_row *row)
{
    *(int64_t *)user = row->stamp_ms;
    return false;
}

static enum ks_err stamp_of(struct slice *s, uint64_t id, int64_t *ret_stamp_ms)
{
    enum ks_err err = store_of(s)->ops->archive_get(store_of(s), id, see_stamp, ret_stamp_ms);

    return err == KS_ENOTFOUND ? KS_OK : err;
}

static enum ks_err find_bound(struct slice *s, int64_t period_ms)
{
    enum ks_err err = KS_OK;

    if (period_ms != s->bound_period_ms)
        err = ks_archive_before(s->view, s->x->now_ms - period_ms, &s->bound);
    s->bound_period_ms = err == KS_OK ? period_ms : 0;
    return err;
}

struct tally {
    uint64_t rows, first;
};

static bool tally_id(void *user, const struct ks_index_row *row)
{
    struct tally *t = user;

    if (!t->rows++)
        t->first = row->id;
    return true;
}

static enum ks_err count_archive(struct slice *s, size_t category)
{
    struct tally t = { 0 };
    int64_t oldest_ms = 0;
    enum ks_err err = ks_archive_entries(s->view, s->account, s->bound, tally_id, &t);

    if (err == KS_OK && t.rows)
        err = stamp_of(s, t.first, &oldest_ms);
    note(s, category, t.rows, oldest_ms);
    return err;
}

static enum ks_err expire_archive(struct slice *s, size_t category, int64_t period_ms)
{
    const struct ks_server_store_ops *ops = store_of(s)->ops;
    struct candidates c = { .max = s->rows_left };
    int64_t oldest_ms = 0;
    enum ks_err err = find_bound(s, period_ms);

    if (err != KS_OK || !s->bound)
        return err;
    if (!s->into)
        return count_archive(s, category);
    err = ks_archive_entries(s->view, s->account, s->bound, take_id, &c);
    if (err != KS_OK || !c.count)
        return err;
    err = stamp_of(s, c.ids[0], &oldest_ms);
    for (size_t i = 0; i < c.count && err == KS_OK; i++)
        err = ops->archive_disown(store_of(s), c.ids[i], s->account);
    if (err == KS_OK)
        err = ops->index_cut(store_of(s), s->account, c.ids[c.count - 1]);
    s->into->gone(s->into->user, s->account, c.ids[c.count - 1]);
    s->rows_left -= (uint32_t)c.count;
    note(s, category, c.count, oldest_ms);
    return err;
}

/* --- values --- */

struct old_values {
    struct slice *s;
    const struct ks_expire_category *category;
    int64_t before_ms, oldest_ms;
    struct ks_str keys[KS_EXPIRE_ROWS_MAX];
    uint64_t count;
};

static bool take_value(void *user, const struct ks_kv_row *row)
{
    struct old_values *old = user;
    int64_t stamp_ms = old->category->stamp_ms(row->key, row->value);

    if (is_full(old->s))
        return false;
    if (!stamp_ms || stamp_ms >= old->before_ms)
        return true;
    if (old->s->into) {
        old->keys[old->count] = ks_store_req_copy(old->s->req, row->key);
        old->s->rows_left--;
    }
    if (!old->oldest_ms || stamp_ms < old->oldest_ms)
        old->oldest_ms = stamp_ms;
    old->count++;
    return true;
}

static enum ks_err expire_values(struct slice *s, size_t category, int64_t period_ms, struct ks_str local)
{
    const struct ks_expire_category *of = &s->x->categories[category];
    struct old_values old = { .s = s, .category = of, .before_ms = s->x->now_ms - period_ms };
    enum ks_err err = store_of(s)->ops->kv_load(store_of(s), s->account, of->name, take_value, &old);

    for (size_t i = 0; s->into && i < old.count && err == KS_OK; i++)
        err = store_of(s)->ops->kv_del(store_of(s), s->account, of->name, old.keys[i]);
    note(s, category, old.count, old.oldest_ms);
    if (s->into && old.count && (!s->x->touched_count || !ks_str_eq(s->x->touched[s->x->touched_count - 1], local)))
        s->x->touched[s->x->touched_count++] = local;
    return err == KS_OK ? s->req->result : err;
}

/* --- records of the person's archive, with their salts --- */

struct old_records {
    struct slice *s;
    struct ks_record_row rows[KS_EXPIRE_ROWS_MAX];
    uint64_t count;
    int64_t oldest; /* seconds */
    bool orphans;   /* only those without a salt */
    enum ks_err err;
};

static bool take_record(void *user, const struct ks_record_row *row)
{
    struct old_records *old = user;
    struct ks_shred_store *shred = old->s->view->shred;
    uint8_t salt[KS_SALT_LEN];

    if (old->s->into && old->count == old->s->rows_left)
        return false;
    if (old->orphans) {
        old->err = shred->ops->salt_get(shred, row->account, row->rid, row->aseq, salt);
        ks_wipe(salt, sizeof salt);
        if (old->err != KS_ENOTFOUND)
            return old->err == KS_OK;
        old->err = KS_OK;
    }
    if (old->s->into)
        old->rows[old->count] = *row;
    if (!old->count++ || row->until < old->oldest)
        old->oldest = row->until;
    return true;
}

static enum ks_err drop_records(struct slice *s, size_t category, const struct old_records *old)
{
    struct ks_record_store *records = store_of(s)->records;
    struct ks_shred_store *shred = s->view->shred;
    enum ks_err err = old->err;

    note(s, category, old->count, old->orphans ? 0 : old->oldest * 1000);
    for (size_t i = 0; s->into && i < old->count && err == KS_OK; i++) {
        err = shred->ops->salt_del(shred, s->account, old->rows[i].rid, 0);
        if (err == KS_OK)
            err = records->ops->del(records, s->account, old->rows[i].aseq);
        s->rows_left--;
    }
    return err;
}

/* Of records that are not there (record_commit.h): as many in one slice, and they are not counted as rows. */
static bool take_salt(void *user, const struct ks_salt_row *row)
{
    struct old_records *old = user;

    memcpy(old->rows[old->count].rid, row->rid, sizeof row->rid);
    return ++old->count < old->s->rows_left;
}

static bool see_aseq(void *user, const struct ks_record_row *row)
{
    *(uint64_t *)user = row->aseq;
    return false;
}

static enum ks_err drop_salts(struct slice *s)
{
    struct ks_record_store *records = store_of(s)->records;
    struct ks_shred_store *shred = s->view->shred;
    struct old_records old = { .s = s };
    enum ks_err err = KS_OK;

    if (!is_full(s))
        err = shred->ops->salt_scan_old(shred, s->account, s->x->now_ms / 1000, take_salt, &old);
    for (size_t i = 0; i < old.count && err == KS_OK; i++) {
        uint64_t live = 0; /* a record that replaced the one of this salt may have a later end */
        err = records->ops->find(records, s->account, old.rows[i].rid, see_aseq, &live);
        if (err == KS_OK || err == KS_ENOTFOUND)
            err = shred->ops->salt_del(shred, s->account, old.rows[i].rid, live);
        s->rows_left--;
    }
    return err;
}

/* After a restore there may be records that nothing opens. */
static enum ks_err drop_orphans(struct slice *s, size_t category)
{
    struct ks_record_store *records = store_of(s)->records;
    struct ks_shred_store *shred = s->view->shred;
    struct old_records old = { .s = s, .orphans = true };
    struct ks_record_head head;
    struct ks_salt_head salts;
    enum ks_err err = records->ops->head(records, s->account, &head);

    if (err == KS_OK)
        err = shred->ops->head(shred, s->account, &salts);
    if (err != KS_OK || head.fold == salts.fold || is_full(s))
        return err;
    err = records->ops->scan_rids(records, s->account, take_record, &old);
    return err == KS_OK ? drop_records(s, category, &old) : err;
}

static enum ks_err expire_records(struct slice *s, size_t category)
{
    struct ks_record_store *records = store_of(s)->records;
    struct old_records old = { .s = s };
    enum ks_err err = records->ops->scan_old(records, s->account, s->x->now_ms / 1000, take_record, &old);

    if (err == KS_OK)
        err = drop_records(s, category, &old);
    if (err == KS_OK && s->into)
        err = drop_salts(s);
    return err == KS_OK ? drop_orphans(s, category) : err;
}

static enum ks_err expire_rings(struct slice *s, size_t category, int64_t period_ms)
{
    struct ks_shred_store *shred = s->view->shred;
    int64_t before_ms = s->x->now_ms - period_ms, oldest_ms;
    uint64_t rows;
    enum ks_err err = shred->ops->ring_old(shred, s->account, before_ms, &rows, &oldest_ms);

    if (err == KS_OK && rows && s->into)
        err = shred->ops->ring_cut(shred, s->account, before_ms);
    note(s, category, rows, oldest_ms);
    return err;
}

/* --- the audit log --- */

struct old_rows {
    struct slice *s;
    int64_t before_ms, oldest_ms;
    uint64_t newest; /* which stays: the chain goes on from it */
    uint64_t count;
    struct ks_audit_anchor anchor; /* the last of them */
};

static bool take_audit(void *user, const struct ks_audit_row *row)
{
    struct old_rows *old = user;

    if (row->stamp_ms >= old->before_ms || row->seq == old->newest || is_full(old->s))
        return false;
    if (!old->count++)
        old->oldest_ms = row->stamp_ms;
    old->anchor.seq = row->seq;
    memcpy(old->anchor.hash, row->hash, sizeof row->hash);
    if (old->s->into)
        old->s->rows_left--;
    return true;
}

static bool see_seq(void *user, const struct ks_audit_row *row)
{
    *(uint64_t *)user = row->seq;
    return false;
}

static enum ks_err expire_audit(struct slice *s, size_t category, int64_t period_ms)
{
    const struct ks_server_store_ops *ops = store_of(s)->ops;
    struct old_rows old = { .s = s, .before_ms = s->x->now_ms - period_ms };
    enum ks_err err = ops->audit_last(store_of(s), see_seq, &old.newest);

    if (err == KS_ENOTFOUND) /* nobody has done anything yet */
        err = KS_OK;
    if (err == KS_OK)
        err = ops->audit_scan(store_of(s), 0, take_audit, &old);
    note(s, category, old.count, old.oldest_ms);
    if (err != KS_OK || !old.count || !s->into)
        return err;
    err = ks_audit_anchor_write(store_of(s), &old.anchor);
    return err == KS_OK ? ops->audit_cut(store_of(s), old.anchor.seq) : err;
}

/* --- accounts --- */

static enum ks_err expire_category(struct slice *s, size_t category, int64_t period_ms, struct ks_str local)
{
    switch (s->x->categories[category].kind) {
    case KS_EXPIRE_ARCHIVE:
        return expire_archive(s, category, period_ms);
    case KS_EXPIRE_RECORDS:
        return s->view->shred ? expire_records(s, category) : KS_OK;
    case KS_EXPIRE_RINGS:
        return s->view->shred ? expire_rings(s, category, period_ms) : KS_OK;
    case KS_EXPIRE_VALUES:
    case KS_EXPIRE_AUDIT: /* which no account has */
    default:
        return expire_values(s, category, period_ms, local);
    }
}

static enum ks_err expire_account(struct slice *s, struct ks_str local)
{
    int64_t periods[KS_EXPIRE_CATEGORIES_MAX];
    struct own own = { s, periods };
    enum ks_err err;

    for (size_t i = 0; i < s->x->categories_count; i++)
        periods[i] = s->x->categories[i].period_ms;
    err = store_of(s)->ops->kv_load(store_of(s), s->account, KS_STR(KS_STORE_RETENTION), shorten, &own);
    for (size_t i = 0; i < s->x->categories_count && err == KS_OK && !is_full(s); i++) {
        if (!periods[i])
            continue;
        err = expire_category(s, i, periods[i], local);
    }
    return err;
}

struct page {
    struct ks_store_req *req;
    struct {
        uint64_t id;
        enum ks_account_state state;
        struct ks_str local;
    } account[KS_EXPIRE_ACCOUNTS_MAX];
    size_t count;
};

static bool take_account(void *user, const struct ks_account_row *row)
{
    struct page *page = user;

    page->account[page->count].id = row->id;
    page->account[page->count].state = row->state;
    page->account[page->count++].local = ks_store_req_copy(page->req, row->local);
    return true;
}

static enum ks_err expire_domain(struct slice *s)
{
    struct page page = { .req = s->req };
    enum ks_err err = store_of(s)->ops->account_list(
        store_of(s), s->x->domain, s->x->after, KS_EXPIRE_ACCOUNTS_MAX, take_account, &page);

    if (err == KS_OK)
        err = s->req->result;
    s->x->next = s->x->after;
    for (size_t i = 0; i < page.count && err == KS_OK && !is_full(s); i++) {
        s->account = page.account[i].id;
        if (page.account[i].state != KS_ACCOUNT_DELETED)
            err = expire_account(s, page.account[i].local);
        if (!is_full(s)) /* else there may be more of it */
            s->x->next = page.account[i].local;
    }
    s->x->complete = !is_full(s) && page.count < KS_EXPIRE_ACCOUNTS_MAX;
    return err;
}

static enum ks_err look(struct slice *s)
{
    enum ks_err err = KS_OK;

    s->rows_left = KS_EXPIRE_ROWS_MAX;
    if (s->x->domain.len)
        return expire_domain(s);
    for (size_t i = 0; i < s->x->categories_count && err == KS_OK; i++)
        if (s->x->categories[i].period_ms)
            err = expire_audit(s, i, s->x->categories[i].period_ms);
    s->x->complete = !is_full(s);
    return err;
}

enum ks_err ks_expire_count(const struct ks_archive_view *view, struct ks_store_req *req, struct ks_expiry *expiry)
{
    struct slice slice = { .view = view, .req = req, .x = expiry };

    return look(&slice);
}

/* --- what was deleted --- */

static struct ks_str counted_key(const struct ks_expiry *x, struct ks_buf *key)
{
    ks_buf_add(key, COUNTED);
    ks_buf_add(key, x->domain);
    return ks_buf_str(key);
}

/* The slices before this one: (category, rows u64, oldest_ms u64) each. What is of no category any more is not counted
 * any more. */
static enum ks_err add_counted(
    struct ks_server_store *store, struct ks_str key, struct ks_expiry *x, struct ks_expired *sums)
{
    struct ks_buf value;
    struct ks_cursor at;
    enum ks_err err;

    memcpy(sums, x->expired, x->categories_count * sizeof *sums);
    ks_buf_init(&value, COUNTED_BYTES_MAX);
    err = store->ops->meta_get(store, key, &value);
    at = ks_cursor(ks_buf_str(&value));
    while (err == KS_OK && !ks_cursor_done(&at)) {
        uint64_t rows, oldest_ms;
        struct ks_str name;
        if (ks_cursor_field(&at, &name) != KS_OK || ks_cursor_u64(&at, &rows) != KS_OK
            || ks_cursor_u64(&at, &oldest_ms) != KS_OK)
            err = KS_ESTORE;
        for (size_t i = 0; i < x->categories_count && err == KS_OK; i++)
            if (ks_str_eq(name, x->categories[i].name)) {
                sums[i].rows += rows;
                if (oldest_ms && (!sums[i].oldest_ms || (int64_t)oldest_ms < sums[i].oldest_ms))
                    sums[i].oldest_ms = (int64_t)oldest_ms;
            }
    }
    ks_buf_done(&value);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

static enum ks_err keep_counted(
    struct ks_server_store *store, struct ks_str key, const struct ks_expiry *x, const struct ks_expired *sums)
{
    struct ks_buf value;
    enum ks_err err;

    ks_buf_init(&value, COUNTED_BYTES_MAX);
    for (size_t i = 0; i < x->categories_count && !x->complete; i++)
        if (sums[i].rows) {
            ks_buf_field(&value, x->categories[i].name);
            ks_buf_u64(&value, sums[i].rows);
            ks_buf_u64(&value, (uint64_t)sums[i].oldest_ms);
        }
    err = ks_buf_err(&value);
    if (err == KS_OK)
        err = store->ops->meta_put(store, key, ks_buf_str(&value));
    ks_buf_done(&value);
    return err;
}

static enum ks_err write_row(
    const struct ks_expire_into *into, const struct ks_expiry *x, const struct ks_expired *sums)
{
    struct ks_audit_row row = { .actor = x->actor, .action = KS_ACTION_DELETE, .subject = x->domain };
    struct ks_buf detail;
    int64_t oldest_ms = 0;
    uint64_t rows = 0;
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < x->categories_count; i++) {
        rows += sums[i].rows;
        if (sums[i].oldest_ms && (!oldest_ms || sums[i].oldest_ms < oldest_ms))
            oldest_ms = sums[i].oldest_ms;
    }
    if (!rows)
        return KS_OK;
    ks_buf_init(&detail, COUNTED_BYTES_MAX);
    ks_deletion_begin(&detail, "period", oldest_ms);
    for (size_t i = 0; i < x->categories_count; i++)
        ks_deletion_add(&detail, x->categories[i].name, sums[i].rows);
    row.detail = ks_buf_str(&detail);
    err = ks_buf_err(&detail);
    if (err == KS_OK)
        err = into->audit(into->user, &row);
    ks_buf_done(&detail);
    return err;
}

static bool any(const struct ks_expiry *x)
{
    for (size_t i = 0; i < x->categories_count; i++)
        if (x->expired[i].rows)
            return true;
    return false;
}

/* The end of a domain: its row of the log, and nothing of what went can be found any more. */
static enum ks_err account_for(const struct ks_expire_into *into, struct ks_expiry *x)
{
    struct ks_server_store *store = into->view->store;
    struct ks_expired sums[KS_EXPIRE_CATEGORIES_MAX];
    struct ks_buf name;
    struct ks_str key;
    enum ks_err err;

    if (!any(x) && !x->complete)
        return KS_OK;
    ks_buf_init(&name, COUNTED_BYTES_MAX);
    key = counted_key(x, &name);
    err = ks_buf_err(&name);
    if (err == KS_OK)
        err = add_counted(store, key, x, sums);
    if (err == KS_OK)
        err = keep_counted(store, key, x, sums);
    if (err == KS_OK && x->complete) {
        err = write_row(into, x, sums);
        store->ops->scrub(store);
    }
    ks_buf_done(&name);
    return err;
}

static enum ks_err write_last(struct ks_server_store *store, int64_t now_ms)
{
    struct ks_buf value;
    enum ks_err err;

    ks_buf_init(&value, 64);
    ks_buf_u64(&value, (uint64_t)now_ms);
    err = ks_buf_err(&value);
    if (err == KS_OK)
        err = store->ops->meta_put(store, KS_EXPIRE_LAST, ks_buf_str(&value));
    ks_buf_done(&value);
    return err;
}

int64_t ks_expire_last_read(struct ks_str value)
{
    struct ks_cursor at = ks_cursor(value);
    uint64_t last_ms = 0;

    return ks_cursor_u64(&at, &last_ms) == KS_OK && last_ms < INT64_MAX ? (int64_t)last_ms : 0;
}

enum ks_err ks_expire(const struct ks_expire_into *into, struct ks_store_req *req, struct ks_expiry *expiry)
{
    struct slice slice = { .view = into->view, .into = into, .req = req, .x = expiry };
    enum ks_err err = look(&slice);

    if (err == KS_OK)
        err = account_for(into, expiry);
    if (err == KS_OK && expiry->complete && expiry->last)
        err = write_last(into->view->store, expiry->now_ms);
    return err;
}
