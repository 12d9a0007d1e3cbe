/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store_req.h"

#include <stdlib.h>

#include "crypto.h"
#include "store_write.h"

/* For the rows of a small transaction. Its stanza, if it is a big one, has a chunk of its own size. */
#define ROOM_BYTES 512

static struct ks_store_req *req_new(enum ks_store_req_kind kind, size_t bytes_max)
{
    struct ks_store_req *req = malloc(sizeof *req + ROOM_BYTES);

    if (!req)
        return NULL;
    *req = (struct ks_store_req) { 0 };
    req->kind = kind;
    req->writes_end = &req->writes;
    req->count = KS_COUNT_UNKNOWN;
    ks_arena_init_room(&req->arena, bytes_max, req->room, ROOM_BYTES);
    if (kind != KS_STORE_TXN && !(req->query = KS_NEW(&req->arena, struct ks_store_query))) {
        ks_store_req_free(req);
        return NULL;
    }
    return req;
}

void ks_store_req_free(struct ks_store_req *req)
{
    if (!req)
        return;
    if (req->vault)
        ks_wipe(req->vault, sizeof *req->vault);
    ks_arena_done(&req->arena);
    free(req);
}

/* --- memory --- */

static void fail(struct ks_store_req *req, size_t len)
{
    if (req->result == KS_OK)
        req->result = ks_arena_full(&req->arena, len) ? KS_ELIMIT : KS_ENOMEM;
}

struct ks_str ks_store_req_copy(struct ks_store_req *req, struct ks_str bytes)
{
    struct ks_str copy = KS_STR_EMPTY;
    enum ks_err err = bytes.len ? ks_arena_copy(&req->arena, bytes, &copy) : KS_OK;

    if (err != KS_OK && req->result == KS_OK)
        req->result = err;
    return copy;
}

void *ks_store_req_grow(struct ks_store_req *req, void *array, size_t count, size_t *cap, size_t size)
{
    size_t want = *cap ? *cap * 2 : 16;
    void *grown;

    if (count < *cap)
        return array;
    grown = ks_arena_alloc(&req->arena, want * size);
    if (!grown) {
        fail(req, want * size);
        return NULL;
    }
    if (count)
        memcpy(grown, array, count * size);
    *cap = want;
    return grown;
}

void ks_store_req_copy_account(struct ks_store_req *req, const struct ks_account_row *row, struct ks_account_row *ret)
{
    *ret = *row;
    ret->domain = ks_store_req_copy(req, row->domain);
    ret->local = ks_store_req_copy(req, row->local);
    ret->name = ks_store_req_copy(req, row->name);
    ret->department = ks_store_req_copy(req, row->department);
    ret->profession = ks_store_req_copy(req, row->profession);
}

void ks_store_req_copy_archive(struct ks_store_req *req, const struct ks_archive_row *row, struct ks_archive_row *ret)
{
    *ret = *row;
    for (int i = 0; i < 2; i++)
        ret->with[i] = ks_store_req_copy(req, row->with[i]);
    ret->stanza = ks_store_req_copy(req, row->stanza);
}

void ks_store_req_copy_audit(struct ks_store_req *req, const struct ks_audit_row *row, struct ks_audit_row *ret)
{
    *ret = *row;
    ret->actor = ks_store_req_copy(req, row->actor);
    ret->action = ks_store_req_copy(req, row->action);
    ret->subject = ks_store_req_copy(req, row->subject);
    ret->detail = ks_store_req_copy(req, row->detail);
}

/* --- a transaction --- */

struct ks_store_req *ks_store_txn_new(void)
{
    return req_new(KS_STORE_TXN, KS_STORE_TXN_BYTES_MAX);
}

/* NULL after a failure, this one's or an earlier one's. */
static struct ks_store_write *write_new(struct ks_store_req *req, enum ks_write_kind kind)
{
    struct ks_store_write *write;

    assert(req->kind == KS_STORE_TXN);
    if (req->result != KS_OK)
        return NULL;
    write = KS_NEW(&req->arena, struct ks_store_write);
    if (write)
        write->kind = kind;
    else
        fail(req, sizeof *write);
    return write;
}

struct ks_store_write *ks_store_req_write(struct ks_store_req *req, enum ks_write_kind kind)
{
    struct ks_store_write *write = write_new(req, kind);

    if (write) {
        *req->writes_end = write;
        req->writes_end = &write->next;
    }
    return write;
}

static void account_write(struct ks_store_req *req, enum ks_write_kind kind, const struct ks_account_row *row)
{
    struct ks_store_write *write = write_new(req, kind), *first = req->writes;

    assert(!first || first->kind < KS_WRITE_ACCOUNT_ADD || first->kind > KS_WRITE_ACCOUNT_DELETE);
    if (!write)
        return;
    write->next = first;
    req->writes = write;
    if (!first)
        req->writes_end = &write->next;
    ks_store_req_copy_account(req, row, &write->account);
}

void ks_store_txn_kv_put(
    struct ks_store_req *req, uint64_t account, struct ks_str store, struct ks_str key, struct ks_str value)
{
    struct ks_store_write *write = ks_store_req_write(req, KS_WRITE_KV_PUT);

    assert(store.len && key.len);
    if (write)
        write->kv = (struct ks_kv_row) { account, ks_store_req_copy(req, store), ks_store_req_copy(req, key),
            ks_store_req_copy(req, value) };
}

void ks_store_txn_kv_del(struct ks_store_req *req, uint64_t account, struct ks_str store, struct ks_str key)
{
    struct ks_store_write *write = ks_store_req_write(req, KS_WRITE_KV_DEL);

    assert(store.len);
    if (write)
        write->kv =
            (struct ks_kv_row) { account, ks_store_req_copy(req, store), ks_store_req_copy(req, key), KS_STR_EMPTY };
}

void ks_store_txn_archive_replace(
    struct ks_store_req *req, const struct ks_archive_row *seen, struct ks_str stanza, const struct ks_audit_row *audit)
{
    struct ks_store_write *write = ks_store_req_write(req, KS_WRITE_ARCHIVE_REPLACE);

    assert(seen->id && stanza.len);
    if (!write)
        return;
    write->replace = (struct ks_store_replace) { .id = seen->id, .stanza = ks_store_req_copy(req, stanza) };
    ks_hash(KS_SHA256, seen->stanza, write->replace.was);
    ks_store_req_copy_audit(req, audit, &write->replace.audit);
}

void ks_store_txn_account_add(struct ks_store_req *req, const struct ks_account_row *row)
{
    account_write(req, KS_WRITE_ACCOUNT_ADD, row);
}

void ks_store_txn_account_update(struct ks_store_req *req, const struct ks_account_row *row)
{
    assert(row->state != KS_ACCOUNT_DELETED);
    account_write(req, KS_WRITE_ACCOUNT_UPDATE, row);
}

void ks_store_txn_account_delete(struct ks_store_req *req, struct ks_str domain, struct ks_str local)
{
    struct ks_account_row row = { .state = KS_ACCOUNT_DELETED, .domain = domain, .local = local };

    account_write(req, KS_WRITE_ACCOUNT_DELETE, &row);
}

void ks_store_txn_archive(struct ks_store_req *req, const struct ks_archive_row *row)
{
    struct ks_store_write *write = ks_store_req_write(req, KS_WRITE_ARCHIVE);

    assert(row->owner[0] != row->owner[1]);
    if (!write)
        return;
    ks_store_req_copy_archive(req, row, &write->archive);
    write->archive.id = 0;
    write->archive.stamp_ms = 0;
}

const struct ks_archive_row *ks_store_txn_archived(const struct ks_store_req *req, size_t n)
{
    for (const struct ks_store_write *write = req->writes; write; write = write->next)
        if (write->kind == KS_WRITE_ARCHIVE && n-- == 0)
            return &write->archive;
    return NULL;
}

void ks_store_txn_audit(struct ks_store_req *req, const struct ks_audit_row *row)
{
    struct ks_store_write *write = ks_store_req_write(req, KS_WRITE_AUDIT);

    if (write)
        ks_store_req_copy_audit(req, row, &write->audit);
}

void ks_store_txn_meta(struct ks_store_req *req, struct ks_str key, struct ks_str value)
{
    struct ks_store_write *write = ks_store_req_write(req, KS_WRITE_META);

    assert(!ks_str_starts(key, KS_STR("archive.")) && !ks_str_starts(key, KS_STR("store.")));
    if (write)
        write->kv = (struct ks_kv_row) { .key = ks_store_req_copy(req, key), .value = ks_store_req_copy(req, value) };
}

static void keep_expiry(struct ks_store_req *req, const struct ks_expiry *expiry)
{
    struct ks_expiry *x = KS_NEW(&req->arena, struct ks_expiry);

    if (!x) {
        fail(req, sizeof *x);
        return;
    }
    *x = *expiry;
    x->domain = ks_store_req_copy(req, expiry->domain);
    x->after = ks_store_req_copy(req, expiry->after);
    x->actor = ks_store_req_copy(req, expiry->actor);
    memset(x->expired, 0, sizeof x->expired);
    x->touched_count = 0;
    x->complete = false;
    req->expiry = x;
}

void ks_store_txn_expire(struct ks_store_req *req, const struct ks_expiry *expiry)
{
    struct ks_store_write *write = ks_store_req_write(req, KS_WRITE_EXPIRE);

    assert(!req->expiry);
    if (write)
        keep_expiry(req, expiry);
}

void ks_store_txn_vault_end(struct ks_store_req *req, enum ks_vault_end what, uint64_t account, uint64_t device)
{
    struct ks_store_write *write = ks_store_req_write(req, KS_WRITE_VAULT_END);

    assert(account);
    if (write)
        write->vault_end = (struct ks_store_vault_end) { what, account, device };
}

void ks_store_txn_file_remove(struct ks_store_req *req, struct ks_str name)
{
    struct ks_store_write *write = ks_store_req_write(req, KS_WRITE_FILE_REMOVE);

    if (write)
        write->kv = (struct ks_kv_row) { .key = ks_store_req_copy(req, name) };
}

/* --- reads --- */

struct ks_store_req *ks_store_req_read(enum ks_store_req_kind kind)
{
    return req_new(kind, KS_STORE_READ_BYTES_MAX);
}

struct ks_store_req *ks_store_load_new(struct ks_str domain, struct ks_str local)
{
    struct ks_store_req *req = ks_store_req_read(KS_STORE_LOAD);

    if (!req)
        return NULL;
    req->query->domain = ks_store_req_copy(req, domain);
    req->query->local = ks_store_req_copy(req, local);
    return req;
}

struct ks_store_req *ks_store_kv_new(uint64_t account, struct ks_str store)
{
    struct ks_store_req *req = ks_store_req_read(KS_STORE_KV);

    if (!req)
        return NULL;
    req->query->account = account;
    req->query->store = ks_store_req_copy(req, store);
    return req;
}

struct ks_store_req *ks_store_accounts_new(struct ks_str domain, struct ks_str after, uint32_t limit)
{
    struct ks_store_req *req = ks_store_req_read(KS_STORE_ACCOUNTS);

    if (!req)
        return NULL;
    req->query->domain = ks_store_req_copy(req, domain);
    req->query->local = ks_store_req_copy(req, after);
    req->query->limit = limit < KS_ACCOUNTS_ROWS_MAX ? limit : KS_ACCOUNTS_ROWS_MAX;
    return req;
}

struct ks_store_req *ks_store_page_new(const struct ks_page_query *query)
{
    struct ks_store_req *req = ks_store_req_read(KS_STORE_PAGE);

    if (!req)
        return NULL;
    req->query->page = *query;
    req->query->page.with = ks_store_req_copy(req, query->with);
    if (query->rows_max > KS_PAGE_ROWS_MAX)
        req->query->page.rows_max = KS_PAGE_ROWS_MAX;
    return req;
}

struct ks_store_req *ks_store_rows_new(uint64_t account, const uint64_t *ids, size_t count)
{
    struct ks_store_req *req = ks_store_req_read(KS_STORE_ROWS);

    if (!req)
        return NULL;
    req->query->account = account;
    if (count > KS_PAGE_ROWS_MAX) {
        req->result = KS_ELIMIT;
        return req;
    }
    req->query->ids = ks_arena_alloc(&req->arena, count * sizeof *ids);
    req->query->ids_count = count;
    if (!req->query->ids)
        req->result = KS_ENOMEM;
    else if (count)
        memcpy(req->query->ids, ids, count * sizeof *ids);
    return req;
}

struct ks_store_req *ks_store_audit_new(uint64_t first_seq, uint32_t limit)
{
    struct ks_store_req *req = ks_store_req_read(KS_STORE_AUDIT);

    if (!req)
        return NULL;
    req->query->first_seq = first_seq;
    req->query->limit = limit < KS_AUDIT_ROWS_MAX ? limit : KS_AUDIT_ROWS_MAX;
    return req;
}

struct ks_store_req *ks_store_audit_verify_new(void)
{
    return ks_store_req_read(KS_STORE_AUDIT_VERIFY);
}

struct ks_store_req *ks_store_meta_new(struct ks_str key)
{
    struct ks_store_req *req = ks_store_req_read(KS_STORE_META);

    if (req)
        req->query->store = ks_store_req_copy(req, key);
    return req;
}

struct ks_store_req *ks_store_expirable_new(const struct ks_expiry *expiry)
{
    struct ks_store_req *req = ks_store_req_read(KS_STORE_EXPIRABLE);

    if (req)
        keep_expiry(req, expiry);
    return req;
}

struct ks_store_req *ks_store_vault_new(const struct ks_vault_call *call)
{
    struct ks_store_req *req = ks_store_req_read(KS_STORE_VAULT);

    if (!req)
        return NULL;
    req->vault = KS_NEW(&req->arena, struct ks_vault_call);
    if (!req->vault) {
        req->result = KS_ENOMEM;
        return req;
    }
    *req->vault = *call;
    req->vault->audit_actor = ks_store_req_copy(req, call->audit_actor);
    req->vault->audit_subject = ks_store_req_copy(req, call->audit_subject);
    return req;
}

struct ks_store_req *ks_vault_fresh(uint64_t account, uint64_t device)
{
    return ks_store_vault_new(
        &(struct ks_vault_call) { .want = KS_VAULT_IS_FRESH, .account = account, .device = device });
}
