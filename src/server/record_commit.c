/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "record_commit.h"

#include <stdio.h>

#include "deletion.h"

struct seen {
    uint64_t aseq;
    uint8_t sha256[32];
    bool whole; /* its salt is there, too */
};

static bool see(void *user, const struct ks_record_row *row)
{
    struct seen *seen = user;

    seen->aseq = row->aseq;
    memcpy(seen->sha256, row->sha256, sizeof seen->sha256);
    return false;
}

/* aseq 0: there is none. */
static enum ks_err look_up(
    const struct ks_record_stores *stores, uint64_t account, const uint8_t *rid, struct seen *ret_seen)
{
    uint8_t salt[KS_SALT_LEN];
    enum ks_err err;

    *ret_seen = (struct seen) { 0 };
    err = stores->records->ops->find(stores->records, account, rid, see, ret_seen);
    if (err == KS_OK)
        err = stores->shred->ops->salt_get(stores->shred, account, rid, ret_seen->aseq, salt);
    ret_seen->whole = err == KS_OK;
    ks_wipe(salt, sizeof salt);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

/* --- before it is written --- */

static enum ks_err check_room(
    const struct ks_record_stores *stores, const struct ks_record_batch *batch, enum ks_err *ret_fits)
{
    struct ks_record_head head;
    uint64_t bytes;
    enum ks_err err = stores->records->ops->head(stores->records, batch->account, &head);

    bytes = head.bytes;
    for (size_t i = 0; i < batch->count && err == KS_OK; i++) {
        struct seen seen;
        err = look_up(stores, batch->account, batch->items[i].rid, &seen);
        if (batch->replace || !seen.whole)
            bytes += batch->items[i].blob.len;
    }
    /* What is replaced is counted with what replaces it: for a moment both are there. */
    *ret_fits = bytes > head.bytes && bytes > batch->bytes_max ? KS_ELIMIT : KS_OK;
    return err;
}

struct ring_seen {
    struct ks_store_req *req; /* NULL: only look */
    uint64_t version;
    uint8_t sha256[32];
};

static bool see_ring(void *user, const struct ks_ring_row *row)
{
    struct ring_seen *seen = user;

    seen->version = row->version;
    memcpy(seen->sha256, row->sha256, sizeof seen->sha256);
    if (seen->req)
        ks_store_req_copy_ring(seen->req, row);
    return false;
}

static enum ks_err check_ring(const struct ks_record_stores *stores, struct ks_store_req *req,
    const struct ks_store_write *write, enum ks_err *ret_fits)
{
    uint64_t account = req->ring->account;
    struct ring_seen seen = { 0 };
    enum ks_err err = stores->shred->ops->ring_get(stores->shred, account, 0, see_ring, &seen);

    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (req->ring->version == seen.version + 1 && memcmp(write->prev, seen.sha256, sizeof seen.sha256) == 0)
        return KS_OK;
    *ret_fits = KS_EEXISTS;
    req->ring = NULL;
    if (err == KS_ENOTFOUND)
        return KS_OK;
    seen.req = req;
    err = stores->shred->ops->ring_get(stores->shred, account, 0, see_ring, &seen);
    if (req->result != KS_OK)
        *ret_fits = req->result;
    return err;
}

enum ks_err ks_records_check(const struct ks_record_stores *stores, struct ks_store_req *req,
    const struct ks_store_write *write, enum ks_err *ret_fits)
{
    *ret_fits = KS_OK;
    if (!stores->shred)
        *ret_fits = KS_ESTATE;
    else if (write->kind == KS_WRITE_RECORDS_PUT)
        return check_room(stores, req->records, ret_fits);
    else if (write->kind == KS_WRITE_RING)
        return check_ring(stores, req, write, ret_fits);
    return KS_OK;
}

/* --- writing --- */

/* Above all that either store has ever given. */
static enum ks_err next_aseq(const struct ks_record_stores *stores, uint64_t account, uint64_t *ret_aseq)
{
    struct ks_record_head records;
    struct ks_salt_head salts;
    enum ks_err err = stores->records->ops->head(stores->records, account, &records);

    if (err == KS_OK)
        err = stores->shred->ops->head(stores->shred, account, &salts);
    if (err == KS_OK)
        *ret_aseq = (records.aseq_last > salts.aseq_last ? records.aseq_last : salts.aseq_last) + 1;
    return err;
}

static enum ks_err put_item(
    const struct ks_record_stores *stores, const struct ks_record_batch *batch, struct ks_record_item *item)
{
    struct ks_record_row row = { .account = batch->account, .until = item->until, .blob = item->blob };
    struct ks_salt_row salt = { .account = batch->account, .until = item->until };
    struct seen seen;
    enum ks_err err = look_up(stores, batch->account, item->rid, &seen);

    if (err != KS_OK)
        return err;
    if (seen.whole && !batch->replace) {
        item->aseq = seen.aseq;
        memcpy(item->sha256, seen.sha256, sizeof seen.sha256);
        return KS_OK;
    }
    if (seen.aseq)
        err = stores->records->ops->del(stores->records, batch->account, seen.aseq);
    if (err == KS_OK)
        err = next_aseq(stores, batch->account, &item->aseq);
    if (err != KS_OK)
        return err;
    item->fresh = true;
    row.aseq = salt.aseq = item->aseq;
    memcpy(row.rid, item->rid, sizeof row.rid);
    memcpy(row.sha256, item->sha256, sizeof row.sha256);
    memcpy(salt.rid, item->rid, sizeof salt.rid);
    memcpy(salt.salt, item->salt, sizeof salt.salt);
    if (!seen.whole) /* a salt of something else, after a restore: nothing opens with it */
        err = stores->shred->ops->salt_del(stores->shred, batch->account, item->rid, 0);
    if (err == KS_OK)
        err = stores->shred->ops->salt_put(stores->shred, &salt);
    ks_wipe(&salt, sizeof salt);
    return err == KS_OK ? stores->records->ops->add(stores->records, &row) : err;
}

static enum ks_err drop_item(
    const struct ks_record_stores *stores, struct ks_record_batch *batch, struct ks_record_item *item)
{
    struct seen seen;
    enum ks_err err = look_up(stores, batch->account, item->rid, &seen);

    if (err == KS_OK)
        err = stores->shred->ops->salt_del(stores->shred, batch->account, item->rid, 0);
    if (err == KS_OK && seen.aseq)
        err = stores->records->ops->del(stores->records, batch->account, seen.aseq);
    item->found = seen.whole;
    batch->gone += seen.whole;
    return err;
}

static enum ks_err put_ring(const struct ks_record_stores *stores, const struct ks_ring_row *ring, int64_t now_ms)
{
    struct ks_ring_row row = *ring;

    row.replaced_ms = now_ms;
    return stores->shred->ops->ring_put(stores->shred, &row);
}

enum ks_err ks_records_write(
    const struct ks_record_stores *stores, struct ks_store_req *req, const struct ks_store_write *write, int64_t now_ms)
{
    enum ks_err err = KS_OK;

    if (write->kind == KS_WRITE_RING)
        return put_ring(stores, req->ring, now_ms);
    for (size_t i = 0; i < req->records->count && err == KS_OK; i++)
        err = write->kind == KS_WRITE_RECORDS_PUT ? put_item(stores, req->records, &req->records->items[i])
                                                  : drop_item(stores, req->records, &req->records->items[i]);
    return err;
}

struct ks_audit_row ks_records_log(const struct ks_record_batch *batch, char text[KS_RECORDS_LOG_MAX])
{
    int len = snprintf(text, KS_RECORDS_LOG_MAX, "reason=owner records=%llu", (unsigned long long)batch->gone);

    assert(len > 0 && len < KS_RECORDS_LOG_MAX);
    return (struct ks_audit_row) { .actor = KS_STR("owner"),
        .action = KS_ACTION_DELETE,
        .subject = batch->domain,
        .detail = ks_str(text, (size_t)len) };
}

bool ks_records_has_replaced(const struct ks_store_req *req)
{
    return req->result == KS_OK && req->writes && req->writes->kind == KS_WRITE_RECORDS_PUT && req->records->replace;
}

enum ks_err ks_records_replaced(const struct ks_record_stores *stores, const struct ks_store_req *req)
{
    const struct ks_record_batch *batch = req->records;
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < batch->count && err == KS_OK; i++) {
        struct seen seen; /* of two with one rid the second stays */
        err = look_up(stores, batch->account, batch->items[i].rid, &seen);
        if (err == KS_OK)
            err = stores->shred->ops->salt_del(stores->shred, batch->account, batch->items[i].rid, seen.aseq);
    }
    return err;
}

/* --- reading --- */

static enum ks_err read_have(const struct ks_record_stores *stores, struct ks_record_batch *batch)
{
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < batch->count && err == KS_OK; i++) {
        struct ks_record_item *item = &batch->items[i];
        struct seen seen;
        err = look_up(stores, batch->account, item->rid, &seen);
        item->found = seen.whole;
        item->aseq = seen.aseq;
        memcpy(item->sha256, seen.sha256, sizeof seen.sha256);
    }
    return err;
}

struct page {
    const struct ks_record_stores *stores;
    struct ks_store_req *req;
    size_t cap, bytes;
    enum ks_err err;
};

static bool take_row(void *user, const struct ks_record_row *row)
{
    struct page *page = user;
    struct ks_record_batch *batch = page->req->records;
    struct ks_record_item item = { .until = row->until, .aseq = row->aseq, .found = true };
    void *items;

    if (batch->count == batch->rows_max || page->bytes >= KS_RECORDS_BYTES_MAX) {
        batch->complete = false;
        return false;
    }
    page->err = page->stores->shred->ops->salt_get(page->stores->shred, batch->account, row->rid, row->aseq, item.salt);
    if (page->err != KS_OK) /* without a salt it is not there */
        return page->err == KS_ENOTFOUND;
    items = ks_store_req_grow(page->req, batch->items, batch->count, &page->cap, sizeof *batch->items);
    if (!items)
        return false;
    memcpy(item.rid, row->rid, sizeof item.rid);
    memcpy(item.sha256, row->sha256, sizeof item.sha256);
    item.blob = ks_store_req_copy(page->req, row->blob);
    page->bytes += row->blob.len;
    batch->items = items;
    batch->items[batch->count++] = item;
    return page->req->result == KS_OK;
}

static enum ks_err read_page(const struct ks_record_stores *stores, struct ks_store_req *req)
{
    struct ks_record_batch *batch = req->records;
    struct page page = { .stores = stores, .req = req };
    uint64_t first = batch->after + 1, last = batch->before ? batch->before - 1 : UINT64_MAX;
    enum ks_err err;

    batch->complete = true;
    if (batch->after == UINT64_MAX || first > last)
        return KS_OK;
    err = stores->records->ops->scan(stores->records, batch->account, first, last, batch->falling, take_row, &page);
    return err != KS_OK ? err : page.err == KS_ENOTFOUND ? KS_OK : page.err;
}

static enum ks_err read_ring(const struct ks_record_stores *stores, struct ks_store_req *req)
{
    struct ring_seen seen = { .req = req };

    return stores->shred->ops->ring_get(stores->shred, req->query->account, req->query->first_seq, see_ring, &seen);
}

enum ks_err ks_records_read(const struct ks_record_stores *stores, struct ks_store_req *req)
{
    if (!stores->shred)
        return KS_ESTATE;
    if (req->kind == KS_STORE_RECORDS_HAVE)
        return read_have(stores, req->records);
    if (req->kind == KS_STORE_RECORDS_PAGE)
        return read_page(stores, req);
    assert(req->kind == KS_STORE_RING);
    return read_ring(stores, req);
}
