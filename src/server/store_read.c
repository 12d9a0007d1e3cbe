/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store_read.h"

#include "audit_chain.h"
#include "expire.h"
#include "store_write.h"

struct gather {
    struct ks_store_req *req;
    size_t cap;
    struct ks_account_row account;
    enum ks_err err;
};

/* Visitors copy a row into the request; what fails is remembered there. */
static bool gather_account(void *user, const struct ks_account_row *row)
{
    struct gather *g = user;
    struct ks_store_req *req = g->req;
    void *rows = ks_store_req_grow(req, req->accounts, req->accounts_count, &g->cap, sizeof *req->accounts);

    if (!rows)
        return false;
    req->accounts = rows;
    ks_store_req_copy_account(req, row, &req->accounts[req->accounts_count++]);
    return req->result == KS_OK;
}

static bool gather_kv(void *user, const struct ks_kv_row *row)
{
    struct gather *g = user;
    struct ks_store_req *req = g->req;
    void *rows = ks_store_req_grow(req, req->kvs, req->kvs_count, &g->cap, sizeof *req->kvs);
    struct ks_str last = req->kvs_count ? req->kvs[req->kvs_count - 1].store : KS_STR_EMPTY;

    if (!rows)
        return false;
    req->kvs = rows;
    req->kvs[req->kvs_count++] = (struct ks_kv_row) {
        .account = row->account,
        .store = ks_str_eq(last, row->store) ? last : ks_store_req_copy(req, row->store),
        .key = ks_store_req_copy(req, row->key),
        .value = ks_store_req_copy(req, row->value),
    };
    return req->result == KS_OK;
}

static bool gather_audit(void *user, const struct ks_audit_row *row)
{
    struct gather *g = user;
    struct ks_store_req *req = g->req;
    void *rows;

    if (req->audit_count == req->query->limit)
        return false;
    rows = ks_store_req_grow(req, req->audit, req->audit_count, &g->cap, sizeof *req->audit);
    if (!rows)
        return false;
    req->audit = rows;
    ks_store_req_copy_audit(req, row, &req->audit[req->audit_count++]);
    return req->result == KS_OK;
}

static enum ks_err load(struct ks_server_store *store, struct ks_store_req *req)
{
    struct gather g = { .req = req };
    enum ks_err err = store->ops->account_find(store, req->query->domain, req->query->local, gather_account, &g);

    if (err != KS_OK || req->result != KS_OK)
        return err;
    req->account = req->accounts;
    req->accounts = NULL;
    req->accounts_count = g.cap = 0;
    return store->ops->kv_load(store, req->account->id, KS_STR_EMPTY, gather_kv, &g);
}

static enum ks_err read_meta(struct ks_server_store *store, struct ks_store_req *req)
{
    struct ks_buf value;
    enum ks_err err;

    ks_buf_init(&value, KS_STORE_READ_BYTES_MAX);
    err = store->ops->meta_get(store, req->query->store, &value);
    if (err == KS_OK)
        req->value = ks_store_req_copy(req, ks_buf_str(&value));
    ks_buf_done(&value);
    return err;
}

enum ks_err ks_store_read(const struct ks_archive_view *view, struct ks_store_req *req)
{
    const struct ks_server_store_ops *ops = view->store->ops;
    const struct ks_store_query *query = req->query;
    struct gather g = { .req = req };

    switch (req->kind) {
    case KS_STORE_LOAD:
        return load(view->store, req);
    case KS_STORE_KV:
        return ops->kv_load(view->store, query->account, query->store, gather_kv, &g);
    case KS_STORE_ACCOUNTS:
        return ops->account_list(view->store, query->domain, query->local, query->limit, gather_account, &g);
    case KS_STORE_PAGE:
        return ks_archive_page(view, req);
    case KS_STORE_ROWS:
        return ks_archive_rows(view, req);
    case KS_STORE_AUDIT:
        return ops->audit_scan(view->store, query->first_seq, gather_audit, &g);
    case KS_STORE_AUDIT_VERIFY:
        return ks_audit_verify(view->store, &req->audit_good, &req->audit_gone);
    case KS_STORE_META:
        return read_meta(view->store, req);
    case KS_STORE_EXPIRABLE:
        return ks_expire_count(view, req, req->expiry);
    case KS_STORE_VAULT:
    case KS_STORE_TXN:
    case KS_STORE_RECORDS_HAVE: /* record_commit.c reads these */
    case KS_STORE_RECORDS_PAGE:
    case KS_STORE_RING:
    default:
        assert(!"a kind of read");
        return KS_ESTORE;
    }
}
