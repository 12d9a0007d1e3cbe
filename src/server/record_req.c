/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "record_req.h"

#include "store_write.h"

static struct ks_record_batch *copy_batch(struct ks_store_req *req, const struct ks_record_batch *batch)
{
    struct ks_record_batch *copy = NULL;
    size_t cap = batch->count;

    if (req->result == KS_OK) {
        copy = KS_NEW(&req->arena, struct ks_record_batch);
        if (!copy)
            req->result = KS_ENOMEM;
    }
    if (!copy)
        return NULL;
    *copy = *batch;
    copy->domain = ks_store_req_copy(req, batch->domain);
    copy->items = NULL;
    copy->count = 0;
    if (!cap)
        return copy;
    copy->items = ks_arena_alloc(&req->arena, cap * sizeof *copy->items);
    if (!copy->items) {
        req->result = KS_ENOMEM;
        return copy;
    }
    copy->count = cap;
    for (size_t i = 0; i < cap; i++) {
        copy->items[i] = batch->items[i];
        copy->items[i].blob = ks_store_req_copy(req, batch->items[i].blob);
    }
    return copy;
}

static void add_batch(struct ks_store_req *req, enum ks_write_kind kind, const struct ks_record_batch *batch)
{
    assert(!req->records && !req->ring && batch->account);
    if (ks_store_req_write(req, kind))
        req->records = copy_batch(req, batch);
}

void ks_store_txn_records_put(struct ks_store_req *req, const struct ks_record_batch *batch)
{
    add_batch(req, KS_WRITE_RECORDS_PUT, batch);
}

void ks_store_txn_records_drop(struct ks_store_req *req, const struct ks_record_batch *batch)
{
    add_batch(req, KS_WRITE_RECORDS_DROP, batch);
}

void ks_store_req_copy_ring(struct ks_store_req *req, const struct ks_ring_row *row)
{
    struct ks_ring_row *copy = req->result == KS_OK ? KS_NEW(&req->arena, struct ks_ring_row) : NULL;

    if (!copy) {
        if (req->result == KS_OK)
            req->result = KS_ENOMEM;
        return;
    }
    *copy = *row;
    copy->data = ks_store_req_copy(req, row->data);
    copy->signature = ks_store_req_copy(req, row->signature);
    copy->certificate = ks_store_req_copy(req, row->certificate);
    req->ring = copy;
}

void ks_store_txn_ring_put(struct ks_store_req *req, const struct ks_ring_row *ring, const uint8_t prev[32])
{
    struct ks_store_write *write;

    assert(!req->records && !req->ring && ring->account);
    write = ks_store_req_write(req, KS_WRITE_RING);
    if (!write)
        return;
    memcpy(write->prev, prev, sizeof write->prev);
    ks_store_req_copy_ring(req, ring);
}

struct ks_store_req *ks_store_records_have_new(const struct ks_record_batch *batch)
{
    struct ks_store_req *req = ks_store_req_read(KS_STORE_RECORDS_HAVE);

    if (req)
        req->records = copy_batch(req, batch);
    return req;
}

struct ks_store_req *ks_store_records_page_new(const struct ks_record_batch *batch)
{
    struct ks_store_req *req = ks_store_req_read(KS_STORE_RECORDS_PAGE);

    assert(!batch->count);
    if (req)
        req->records = copy_batch(req, batch);
    return req;
}

struct ks_store_req *ks_store_ring_new(uint64_t account, uint64_t version)
{
    struct ks_store_req *req = ks_store_req_read(KS_STORE_RING);

    if (!req)
        return NULL;
    req->query->account = account;
    req->query->first_seq = version;
    return req;
}
