/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "committer.h"

#include <stdio.h>
#include <stdlib.h>

#include "archive_read.h"
#include "archive_settings.h"
#include "archive_tail.h"
#include "audit_chain.h"
#include "crypto.h"
#include "deletion.h"
#include "expire.h"
#include "record_commit.h"
#include "store_read.h"
#include "store_write.h"

#define TURN_READS_MAX 100 /* so that transactions behind many reads do not wait for all of them */

/* What a rolled-back transaction takes back. */
struct position {
    uint64_t archive_id;
    int64_t archive_stamp_ms;
    uint64_t audit_seq;
    uint8_t audit_hash[32];
    size_t deleted_count;
};

struct req_list {
    struct ks_store_req *first, **end;
    size_t count;
};

struct ks_committer {
    struct ks_server_store *store;
    struct ks_archive_settings settings;
    struct ks_archive_tail tail;
    size_t tail_max;
    struct position at;
    struct req_list queue;
    /* Accounts that were deleted since the start: what is still on its way for them is not stored. */
    uint64_t *deleted;
    size_t deleted_cap;
    /* What the index's tail forgets when the turn is durable. */
    struct gone {
        uint64_t account, upto;
    } gone[KS_EXPIRE_ACCOUNTS_MAX];
    size_t gone_count;
    struct {
        uint64_t number;
        enum ks_err err; /* of the failure that raised it */
    } epochs[KS_SUBMITTERS_MAX];
    struct ks_file_bin files;
    struct ks_vault_keeper *vault;
    bool removed; /* files in the turn at hand */
    struct ks_record_stores archives;
    bool shredding; /* the turn at hand has a transaction of the shred store */
    bool broken;
    struct ks_committer_stats stats;
    struct ks_index_row slice[KS_TAIL_SLICE_ENTRIES];
};

static void list_init(struct req_list *list)
{
    *list = (struct req_list) { 0 };
    list->end = &list->first;
}

static void list_add(struct req_list *list, struct ks_store_req *req)
{
    req->next = NULL;
    *list->end = req;
    list->end = &req->next;
    list->count++;
}

static struct ks_store_req *list_take(struct req_list *list)
{
    struct ks_store_req *req = list->first;

    list->first = req->next;
    if (!list->first)
        list->end = &list->first;
    list->count--;
    return req;
}

static bool see_audit_last(void *user, const struct ks_audit_row *row)
{
    struct position *at = user;

    at->audit_seq = row->seq;
    memcpy(at->audit_hash, row->hash, sizeof at->audit_hash);
    return false;
}

static enum ks_err tail_add(struct ks_committer *c, const struct ks_archive_row *row)
{
    enum ks_err err = KS_OK;

    for (int i = 0; i < 2 && err == KS_OK; i++)
        if (row->owner[i])
            err = ks_archive_tail_add(
                &c->tail, row->owner[i], row->id, ks_archive_with_hash(c->settings.with_key, row->with[i]));
    return err;
}

struct rebuild {
    struct ks_committer *c;
    enum ks_err err;
};

static bool rebuild_row(void *user, const struct ks_archive_row *row)
{
    struct rebuild *r = user;

    r->err = tail_add(r->c, row);
    return r->err == KS_OK;
}

static enum ks_err rebuild_tail(struct ks_committer *c)
{
    struct rebuild rebuild = { c, KS_OK };
    enum ks_err err = c->store->ops->archive_scan(c->store, c->settings.indexed_upto, rebuild_row, &rebuild);

    return err == KS_OK ? rebuild.err : err;
}

enum ks_err ks_committer_new(struct ks_server_store *store, struct ks_prng *prng, struct ks_committer **ret_committer)
{
    struct ks_committer *c = calloc(1, sizeof *c);
    enum ks_err err;

    if (!c)
        return KS_ENOMEM;
    c->store = store;
    c->archives.records = store->records;
    c->tail_max = KS_TAIL_ENTRIES_MAX;
    list_init(&c->queue);
    for (int i = 0; i < KS_SUBMITTERS_MAX; i++)
        c->epochs[i].number = 1;
    err = ks_archive_settings_read(store, prng, &c->settings);
    ks_archive_tail_init(&c->tail, c->settings.with_key);
    if (err == KS_OK)
        err = store->ops->archive_last(store, &c->at.archive_id, &c->at.archive_stamp_ms);
    if (err == KS_OK)
        err = store->ops->audit_last(store, see_audit_last, &c->at);
    if (err == KS_OK || err == KS_ENOTFOUND)
        err = rebuild_tail(c);
    if (err != KS_OK) {
        ks_committer_free(c);
        return err;
    }
    *ret_committer = c;
    return KS_OK;
}

void ks_committer_free(struct ks_committer *c)
{
    if (!c)
        return;
    while (c->queue.count)
        ks_store_req_free(list_take(&c->queue));
    ks_archive_tail_done(&c->tail);
    free(c->deleted);
    ks_wipe(c->settings.ids.key, sizeof c->settings.ids.key);
    free(c);
}

static struct ks_archive_view archive_view(const struct ks_committer *c)
{
    return (struct ks_archive_view) { c->store, c->archives.shred, &c->tail,
        { c->settings.with_key[0], c->settings.with_key[1] }, c->at.archive_id, c->at.archive_stamp_ms };
}

/* --- transactions --- */

static bool is_deleted(const struct ks_committer *c, uint64_t account)
{
    for (size_t i = 0; i < c->at.deleted_count; i++)
        if (c->deleted[i] == account)
            return true;
    return false;
}

static enum ks_err remember_deleted(struct ks_committer *c, uint64_t account)
{
    if (c->at.deleted_count == c->deleted_cap) {
        size_t cap = c->deleted_cap ? 2 * c->deleted_cap : 16;
        uint64_t *grown = realloc(c->deleted, cap * sizeof *grown);
        if (!grown)
            return KS_ENOMEM;
        c->deleted = grown;
        c->deleted_cap = cap;
    }
    c->deleted[c->at.deleted_count++] = account;
    return KS_OK;
}

static bool see_account(void *user, const struct ks_account_row *row)
{
    struct ks_account_row *account = user;

    account->id = row->id;
    account->state = row->state;
    return false;
}

static uint64_t archive_of(const struct ks_store_req *req, const struct ks_store_write *write)
{
    return write->kind == KS_WRITE_RING ? req->ring->account : req->records->account;
}

static bool is_of_archive(const struct ks_store_write *write)
{
    return write->kind >= KS_WRITE_RECORDS_PUT && write->kind <= KS_WRITE_RING;
}

static enum ks_err need_shred(struct ks_committer *c)
{
    enum ks_err err = c->shredding || !c->archives.shred ? KS_OK : c->archives.shred->ops->begin(c->archives.shred);

    c->shredding |= c->archives.shred && err == KS_OK;
    return err;
}

/* What a transaction's own contents can be wrong about is known before any of it is written, so that it fails alone.
 * The id of the account that it changes or deletes is filled in. *ret_fits says how it is; the return value is the
 * store's. */
static enum ks_err check_txn(struct ks_committer *c, struct ks_store_req *req, enum ks_err *ret_fits)
{
    struct ks_store_write *write = req->writes;
    struct ks_account_row account = { 0 };
    enum ks_err err;

    *ret_fits = KS_OK;
    if (write && write->kind >= KS_WRITE_ACCOUNT_ADD && write->kind <= KS_WRITE_ACCOUNT_DELETE) {
        err = c->store->ops->account_find(c->store, write->account.domain, write->account.local, see_account, &account);
        if (err != KS_OK && err != KS_ENOTFOUND)
            return err;
        if (write->kind == KS_WRITE_ACCOUNT_ADD)
            *ret_fits = err == KS_OK ? KS_EEXISTS : KS_OK;
        else
            *ret_fits = err == KS_ENOTFOUND || account.state == KS_ACCOUNT_DELETED ? KS_ENOTFOUND : KS_OK;
        write->account.id = account.id;
    }
    for (; write; write = write->next)
        if ((write->kind == KS_WRITE_KV_PUT && is_deleted(c, write->kv.account))
            || (is_of_archive(write) && is_deleted(c, archive_of(req, write))))
            *ret_fits = KS_ENOTFOUND;
        else if (is_of_archive(write) && *ret_fits == KS_OK
            && (err = ks_records_check(&c->archives, req, write, ret_fits)) != KS_OK)
            return err;
    return KS_OK;
}

static enum ks_err append_message(struct ks_committer *c, struct ks_archive_row *row, struct ks_now now)
{
    enum ks_err err;

    for (int i = 0; i < 2; i++)
        if (row->owner[i] && c->at.deleted_count && is_deleted(c, row->owner[i])) {
            row->owner[i] = 0;
            row->with[i] = KS_STR_EMPTY;
        }
    if (!row->owner[0] && !row->owner[1])
        return KS_OK;
    if (now.wall_ms > c->at.archive_stamp_ms)
        c->at.archive_stamp_ms = now.wall_ms;
    row->id = ++c->at.archive_id;
    row->stamp_ms = c->at.archive_stamp_ms;
    c->stats.archived++;
    err = c->store->ops->archive_append(c->store, row);
    return err == KS_OK ? tail_add(c, row) : err;
}

static enum ks_err append_audit(struct ks_committer *c, struct ks_audit_row *row, struct ks_now now)
{
    row->seq = ++c->at.audit_seq;
    row->stamp_ms = now.wall_ms;
    ks_audit_hash(c->at.audit_hash, row, row->hash);
    memcpy(c->at.audit_hash, row->hash, sizeof row->hash);
    return c->store->ops->audit_append(c->store, row);
}

/* The store finds an account's messages by its index, so that must be whole first. */
static enum ks_err index_account(struct ks_committer *c, uint64_t account)
{
    size_t count, done = 0;
    const struct ks_tail_entry *entries = ks_archive_tail_entries(&c->tail, account, &count);
    enum ks_err err = KS_OK;

    while (done < count && err == KS_OK) {
        size_t n = 0;
        for (; n < KS_TAIL_SLICE_ENTRIES && done < count; done++)
            c->slice[n++] = (struct ks_index_row) { account, entries[done].id, entries[done].with_hash };
        err = c->store->ops->index_add(c->store, c->slice, n);
    }
    return err;
}

/* --- files --- */

static enum ks_err remove_file(struct ks_committer *c, struct ks_str name)
{
    enum ks_err err = c->files.remove ? c->files.remove(c->files.user, name) : KS_OK;

    c->removed |= c->files.remove && err == KS_OK;
    return err;
}

struct removal {
    struct ks_committer *c;
    enum ks_err err;
};

static bool remove_row(void *user, const struct ks_kv_row *row)
{
    struct removal *removal = user;

    removal->err = remove_file(removal->c, row->key);
    return removal->err == KS_OK;
}

static bool hash_stanza(void *user, const struct ks_archive_row *row)
{
    ks_hash(KS_SHA256, row->stanza, user);
    return false;
}

/* Unless its owners are gone, and it with them, or somebody was first. */
static enum ks_err replace_message(struct ks_committer *c, struct ks_store_replace *replace, struct ks_now now)
{
    uint8_t is[32];
    enum ks_err err = c->store->ops->archive_get(c->store, replace->id, hash_stanza, is);

    if (err == KS_ENOTFOUND || (err == KS_OK && memcmp(is, replace->was, sizeof is) != 0))
        return KS_OK;
    if (err == KS_OK)
        err = c->store->ops->archive_replace(c->store, replace->id, replace->stanza);
    return err == KS_OK ? append_audit(c, &replace->audit, now) : err;
}

/* Keys of the vault, before anything of the transaction is written: what cannot be destroyed fails alone. */
static enum ks_err end_slots(struct ks_committer *c, const struct ks_store_req *req, struct ks_now now)
{
    enum ks_err err = KS_OK;
    size_t count;

    for (const struct ks_store_write *write = req->writes; write && c->vault && err == KS_OK; write = write->next)
        if (write->kind == KS_WRITE_VAULT_END)
            err = ks_vault_end(
                c->vault, write->vault_end.what, write->vault_end.account, write->vault_end.device, now, &count);
        else if (write->kind == KS_WRITE_ACCOUNT_DELETE)
            err = ks_vault_end(c->vault, KS_VAULT_END_ACCOUNT, write->account.id, 0, now, &count);
    return err == KS_OK ? KS_OK : KS_EIO;
}

/* Before anything of the transaction is written: what cannot be removed fails alone. A crash behind it leaves rows of
 * files that are gone, which is what their owner wanted; the other way round nobody would know of them any more. */
static enum ks_err remove_files(struct ks_committer *c, const struct ks_store_req *req)
{
    struct removal removal = { c, KS_OK };

    for (const struct ks_store_write *write = req->writes; write && removal.err == KS_OK; write = write->next)
        if (write->kind == KS_WRITE_FILE_REMOVE) {
            removal.err = remove_file(c, write->kv.key);
        } else if (write->kind == KS_WRITE_ACCOUNT_DELETE) {
            enum ks_err err =
                c->store->ops->kv_load(c->store, write->account.id, KS_STR(KS_STORE_FILES), remove_row, &removal);
            if (err != KS_OK)
                return err; /* the store's own */
        }
    return removal.err == KS_OK ? KS_OK : KS_EIO;
}

/* --- deleting an account --- */

/* What an account has, as the log of deletions counts it. */
struct holdings {
    uint64_t gone_upto; /* in this turn: the tail still has them */
    uint64_t messages, values;
};

static bool count_message(void *user, const struct ks_index_row *row)
{
    struct holdings *h = user;

    h->messages += row->id > h->gone_upto;
    return true;
}

static bool count_value(void *user, const struct ks_kv_row *row)
{
    struct holdings *h = user;

    (void)row;
    h->values++;
    return true;
}

/* Who does it, out of the row of the audit log in the same transaction. */
static struct ks_str actor_of(const struct ks_store_req *req)
{
    for (const struct ks_store_write *write = req->writes; write; write = write->next)
        if (write->kind == KS_WRITE_AUDIT)
            return write->audit.actor;
    return KS_STR("konsild");
}

/* One row that says how much went, and not whose it was. */
static enum ks_err log_account(
    struct ks_committer *c, const struct ks_store_req *req, const struct ks_account_row *row, struct ks_now now)
{
    struct ks_audit_row deletion = { .actor = actor_of(req), .action = KS_ACTION_DELETE, .subject = row->domain };
    struct ks_archive_view view = archive_view(c);
    struct ks_record_head records;
    struct holdings h = { 0 };
    struct ks_buf detail;
    enum ks_err err;

    for (size_t i = 0; i < c->gone_count; i++)
        if (c->gone[i].account == row->id)
            h.gone_upto = c->gone[i].upto;
    err = c->store->records->ops->head(c->store->records, row->id, &records);
    if (err == KS_OK)
        err = ks_archive_entries(&view, row->id, UINT64_MAX, count_message, &h);
    if (err == KS_OK)
        err = c->store->ops->kv_load(c->store, row->id, KS_STR_EMPTY, count_value, &h);
    if (err != KS_OK)
        return err;
    ks_buf_init(&detail, 1000);
    ks_deletion_begin(&detail, "account", 0);
    ks_deletion_add(&detail, KS_STR("archive"), h.messages);
    ks_deletion_add(&detail, KS_STR("values"), h.values);
    ks_deletion_add(&detail, KS_STR("records"), records.rows);
    deletion.detail = ks_buf_str(&detail);
    err = ks_buf_err(&detail);
    if (err == KS_OK)
        err = append_audit(c, &deletion, now);
    ks_buf_done(&detail);
    return err;
}

static enum ks_err delete_account(
    struct ks_committer *c, const struct ks_store_req *req, const struct ks_account_row *row, struct ks_now now)
{
    enum ks_err err = log_account(c, req, row, now);

    if (err == KS_OK)
        err = index_account(c, row->id);
    if (err == KS_OK)
        err = c->store->ops->archive_forget(c->store, row->id);
    if (err == KS_OK)
        err = c->store->ops->kv_del(c->store, row->id, KS_STR_EMPTY, KS_STR_EMPTY);
    if (err == KS_OK)
        err = need_shred(c);
    if (err == KS_OK && c->shredding)
        err = c->archives.shred->ops->forget(c->archives.shred, row->id);
    if (err == KS_OK)
        err = c->store->records->ops->forget(c->store->records, row->id);
    if (err == KS_OK)
        err = c->store->ops->account_update(c->store, row);
    return err == KS_OK ? remember_deleted(c, row->id) : err;
}

/* A slice of what goes when its time is up; one in a turn. */
struct expire_call {
    struct ks_committer *c;
    struct ks_now now;
};

static void expire_gone(void *user, uint64_t account, uint64_t upto)
{
    struct ks_committer *c = ((struct expire_call *)user)->c;

    assert(c->gone_count < KS_COUNT(c->gone));
    c->gone[c->gone_count++] = (struct gone) { account, upto };
}

static enum ks_err expire_audit(void *user, struct ks_audit_row *row)
{
    struct expire_call *call = user;

    return append_audit(call->c, row, call->now);
}

static enum ks_err expire(struct ks_committer *c, struct ks_store_req *req, struct ks_now now)
{
    struct ks_archive_view view = archive_view(c);
    struct expire_call call = { c, now };
    enum ks_err err = need_shred(c);
    struct ks_expire_into into = { &view, expire_audit, expire_gone, &call };

    return err == KS_OK ? ks_expire(&into, req, req->expiry) : err;
}

static enum ks_err put_value(struct ks_committer *c, struct ks_store_req *req, struct ks_kv_row *row)
{
    if (row->account == KS_ACCOUNT_NEW)
        row->account = req->account_id;
    assert(row->account);
    return c->store->ops->kv_put(c->store, row);
}

static enum ks_err write_archive(
    struct ks_committer *c, struct ks_store_req *req, const struct ks_store_write *write, struct ks_now now)
{
    enum ks_err err = need_shred(c);

    if (err == KS_OK)
        err = ks_records_write(&c->archives, req, write, now.wall_ms);
    if (err == KS_OK && write->kind == KS_WRITE_RECORDS_DROP && req->records->gone) {
        char text[KS_RECORDS_LOG_MAX];
        struct ks_audit_row row = ks_records_log(req->records, text);
        err = append_audit(c, &row, now);
    }
    if (write->kind == KS_WRITE_RECORDS_DROP || (write->kind == KS_WRITE_RECORDS_PUT && req->records->replace))
        c->store->ops->scrub(c->store);
    return err;
}

static enum ks_err apply(
    struct ks_committer *c, struct ks_store_req *req, struct ks_store_write *write, struct ks_now now)
{
    const struct ks_server_store_ops *ops = c->store->ops;

    switch (write->kind) {
    case KS_WRITE_KV_PUT:
        return put_value(c, req, &write->kv);
    case KS_WRITE_KV_DEL:
        return ops->kv_del(c->store, write->kv.account, write->kv.store, write->kv.key);
    case KS_WRITE_ACCOUNT_ADD:
        return ops->account_add(c->store, &write->account, &req->account_id);
    case KS_WRITE_ACCOUNT_UPDATE:
        return ops->account_update(c->store, &write->account);
    case KS_WRITE_ACCOUNT_DELETE:
        return delete_account(c, req, &write->account, now);
    case KS_WRITE_ARCHIVE:
        return append_message(c, &write->archive, now);
    case KS_WRITE_ARCHIVE_REPLACE:
        return replace_message(c, &write->replace, now);
    case KS_WRITE_AUDIT:
        return append_audit(c, &write->audit, now);
    case KS_WRITE_META:
        return ops->meta_put(c->store, write->kv.key, write->kv.value);
    case KS_WRITE_EXPIRE:
        return expire(c, req, now);
    case KS_WRITE_FILE_REMOVE:
    case KS_WRITE_VAULT_END:
        return KS_OK; /* remove_files, end_slots did it */
    case KS_WRITE_RECORDS_PUT:
    case KS_WRITE_RECORDS_DROP:
    case KS_WRITE_RING:
        return write_archive(c, req, write, now);
    default:
        assert(!"a kind of write");
        return KS_ESTORE;
    }
}

/* Does one transaction inside the turn's. Its own failure is its result; the store's is returned. */
static enum ks_err do_txn(struct ks_committer *c, struct ks_store_req *req, struct ks_now now)
{
    enum ks_err fits, err;

    if (req->result != KS_OK)
        return KS_OK;
    if (req->epoch < c->epochs[req->submitter].number) {
        req->result = c->epochs[req->submitter].err;
        return KS_OK;
    }
    err = check_txn(c, req, &fits);
    if (err == KS_OK && fits == KS_OK
        && ((err = remove_files(c, req)) == KS_EIO || (err == KS_OK && (err = end_slots(c, req, now)) == KS_EIO))) {
        fits = KS_EIO;
        err = KS_OK;
    }
    req->result = fits;
    for (struct ks_store_write *write = req->writes; write && err == KS_OK && fits == KS_OK; write = write->next)
        err = apply(c, req, write, now);
    return err;
}

/* Nothing of the request was done. */
static void fail_txn(struct ks_committer *c, struct ks_store_req *req, enum ks_err err, uint64_t archived_upto)
{
    if (req->result != KS_OK)
        return;
    req->result = err;
    req->account_id = 0;
    if (req->epoch == c->epochs[req->submitter].number) {
        c->epochs[req->submitter].number++;
        c->epochs[req->submitter].err = err;
    }
    for (struct ks_store_write *write = req->writes; write; write = write->next)
        if (write->kind == KS_WRITE_ARCHIVE) {
            for (int i = 0; i < 2; i++)
                if (write->archive.owner[i])
                    ks_archive_tail_undo(&c->tail, write->archive.owner[i], archived_upto);
            write->archive.id = 0;
            write->archive.stamp_ms = 0;
        }
}

static enum ks_err write_all(struct ks_committer *c, const struct req_list *txns, struct ks_now now)
{
    enum ks_err err = c->store->ops->begin(c->store);

    if (err != KS_OK)
        return err;
    for (struct ks_store_req *req = txns->first; req && err == KS_OK; req = req->next)
        err = do_txn(c, req, now);
    if (c->removed && err == KS_OK && c->files.sync(c->files.user) != KS_OK)
        err = KS_EFULL; /* as a full disk: the next turn tries again */
    c->removed &= err != KS_OK;
    if (c->shredding)
        err = ks_shred_store_end(c->archives.shred, err);
    c->shredding = false;
    return ks_server_store_end(c->store, err);
}

/* Old salts of what was replaced; record_commit.h says what becomes of them when this fails. */
static enum ks_err shred_replaced(struct ks_committer *c, const struct req_list *txns)
{
    enum ks_err err = KS_OK;

    for (const struct ks_store_req *req = txns->first; req && err == KS_OK; req = req->next)
        if (ks_records_has_replaced(req)) {
            err = need_shred(c);
            if (err == KS_OK)
                err = ks_records_replaced(&c->archives, req);
        }
    if (c->shredding)
        err = ks_shred_store_end(c->archives.shred, err);
    c->shredding = false;
    return err;
}

/* All that is queued behind a failure fails with it; reads stay. */
static void fail_queued(struct ks_committer *c, struct req_list *txns)
{
    struct req_list queue = c->queue;

    list_init(&c->queue);
    if (!queue.count)
        return;
    while (queue.first) {
        struct ks_store_req *req = list_take(&queue);
        list_add(req->kind == KS_STORE_TXN ? txns : &c->queue, req);
    }
}

static void commit_txns(struct ks_committer *c, struct req_list *txns, struct ks_now now)
{
    struct position before = c->at;
    enum ks_err err;

    if (!txns->count)
        return;
    err = c->broken ? KS_ESTORE : write_all(c, txns, now);
    c->stats.commits += err == KS_OK;
    c->stats.failing = err != KS_OK;
    if (err == KS_OK) {
        for (size_t i = before.deleted_count; i < c->at.deleted_count; i++)
            ks_archive_tail_drop(&c->tail, c->deleted[i]);
        for (size_t i = 0; i < c->gone_count; i++)
            ks_archive_tail_expire(&c->tail, c->gone[i].account, c->gone[i].upto);
        c->broken |= shred_replaced(c, txns) == KS_ESTORE;
    } else {
        if (err != KS_EFULL && err != KS_ENOMEM)
            err = KS_ESTORE;
        c->broken |= err == KS_ESTORE;
        c->stats.failures++;
        c->stats.archived -= c->at.archive_id - before.archive_id;
        c->at = before;
        fail_queued(c, txns);
        for (struct ks_store_req *req = txns->first; req; req = req->next)
            fail_txn(c, req, err, before.archive_id);
    }
    c->gone_count = 0;
    for (struct ks_store_req *req = txns->first; req; req = req->next)
        req->epoch = c->epochs[req->submitter].number;
    c->stats.txns += txns->count;
}

/* --- the vault --- */

/* All that the turn's calls want in the audit log; verdict: in front of which slot it is. */
static enum ks_err audit_vault(
    struct ks_committer *c, const struct req_list *calls, const char *verdict, struct ks_now now)
{
    struct position before = c->at;
    bool any = false;
    enum ks_err err = KS_OK;

    for (struct ks_store_req *req = calls->first; req && err == KS_OK; req = req->next) {
        const struct ks_vault_call *call = req->vault;
        char account[32], slot[2 * KS_VAULT_ID_LEN + 1], detail[64];
        if (!call->audit)
            continue;
        if (!any && (err = c->store->ops->begin(c->store)) != KS_OK)
            return err;
        any = true;
        snprintf(account, sizeof account, "account:%llu", (unsigned long long)call->audit_account);
        for (size_t i = 0; i < KS_VAULT_ID_LEN; i++)
            snprintf(slot + 2 * i, 3, "%02x", call->slot[i]);
        snprintf(detail, sizeof detail, "%s%s", verdict, slot);
        err = append_audit(c,
            &(struct ks_audit_row) { .actor = call->audit_actor.len ? call->audit_actor : KS_STR("konsild"),
                .action = ks_str_z(call->audit),
                .subject = call->audit_subject.len ? call->audit_subject : ks_str_z(account),
                .detail = ks_str_z(detail) },
            now);
    }
    if (!any)
        return KS_OK;
    err = ks_server_store_end(c->store, err);
    if (err != KS_OK)
        c->at = before;
    return err;
}

static enum ks_err do_vault(struct ks_committer *c, const struct req_list *calls, struct ks_now now)
{
    enum ks_err err = c->vault ? ks_vault_begin_turn(c->vault, now) : KS_OK;

    if (err != KS_OK || !c->vault)
        return err;
    for (struct ks_store_req *req = calls->first; req && err == KS_OK; req = req->next)
        err = ks_vault_do(c->vault, req->vault, &req->arena, now);
    if (err == KS_OK)
        err = audit_vault(c, calls, "", now);
    if (err == KS_OK && (err = ks_vault_commit_turn(c->vault)) != KS_OK)
        (void)!audit_vault(c, calls, "failed: ", now); /* as of what the edge carries out (control.h) */
    if (err != KS_OK)
        ks_vault_drop_turn(c->vault);
    return err;
}

static void ask_vault(struct ks_committer *c, struct req_list *calls, struct ks_now now)
{
    enum ks_err err;

    if (!calls->count)
        return;
    err = do_vault(c, calls, now);
    for (struct ks_store_req *req = calls->first; req; req = req->next) {
        struct ks_vault_call *call = req->vault;
        if (err != KS_OK)
            call->answer = KS_VAULT_LATER;
        else if (!c->vault)
            call->answer = KS_VAULT_UNKNOWN;
        ks_vault_finish(call);
        req->epoch = c->epochs[req->submitter].number;
    }
    c->stats.reads += calls->count;
}

/* --- turns --- */

void ks_committer_submit(struct ks_committer *c, struct ks_store_req *req)
{
    assert(req->submitter < KS_SUBMITTERS_MAX);
    assert(req->kind != KS_STORE_TXN || req->epoch <= c->epochs[req->submitter].number);
    list_add(&c->queue, req);
}

size_t ks_committer_queued(const struct ks_committer *c)
{
    return c->queue.count;
}

struct ks_store_req *ks_committer_turn(struct ks_committer *c, struct ks_now now)
{
    struct req_list txns, calls, reads;

    list_init(&txns);
    list_init(&calls);
    list_init(&reads);
    while (c->queue.count && txns.count < KS_COMMIT_TXNS_MAX && reads.count + calls.count < TURN_READS_MAX) {
        struct ks_store_req *req = list_take(&c->queue);
        list_add(req->kind == KS_STORE_TXN ? &txns : req->kind == KS_STORE_VAULT && req->vault ? &calls : &reads, req);
    }
    commit_txns(c, &txns, now);
    ask_vault(c, &calls, now);
    for (struct ks_store_req *req = reads.first; req; req = req->next)
        if (req->result == KS_OK) {
            struct ks_archive_view view = archive_view(c);
            enum ks_err err =
                req->kind >= KS_STORE_RECORDS_HAVE ? ks_records_read(&c->archives, req) : ks_store_read(&view, req);

            if (req->result == KS_OK)
                req->result = err;
            c->broken |= err == KS_ESTORE; /* damage, and nothing to build on */
            req->epoch = c->epochs[req->submitter].number;
        }
    c->stats.reads += reads.count;
    c->stats.turns++;
    *calls.end = reads.first;
    *txns.end = calls.first;
    return txns.first;
}

/* --- moving the tail --- */

static enum ks_err move_slice(struct ks_committer *c)
{
    size_t count = ks_archive_tail_slice(&c->tail, c->slice, KS_TAIL_SLICE_ENTRIES);
    bool last = count < KS_TAIL_SLICE_ENTRIES;
    enum ks_err err = c->store->ops->begin(c->store);

    if (err != KS_OK)
        return err;
    err = c->store->ops->index_add(c->store, c->slice, count);
    if (err == KS_OK && last)
        err = ks_archive_settings_indexed(c->store, c->tail.cut);
    err = ks_server_store_end(c->store, err);
    if (err == KS_OK)
        ks_archive_tail_moved(&c->tail, c->slice, count, last);
    return err;
}

bool ks_committer_tidy(struct ks_committer *c)
{
    if (c->broken)
        return false;
    if (!ks_archive_tail_moving(&c->tail)
        && (c->tail.entries < c->tail_max || ks_archive_tail_move(&c->tail, c->at.archive_id) != KS_OK))
        return false;
    return move_slice(c) == KS_OK && ks_archive_tail_moving(&c->tail);
}

enum ks_err ks_committer_flush(struct ks_committer *c)
{
    enum ks_err err = KS_OK;

    if (c->broken)
        return KS_ESTORE;
    while (err == KS_OK && (c->tail.entries || ks_archive_tail_moving(&c->tail))) {
        if (!ks_archive_tail_moving(&c->tail))
            err = ks_archive_tail_move(&c->tail, c->at.archive_id);
        if (err == KS_OK)
            err = move_slice(c);
    }
    return err;
}

void ks_committer_set_files(struct ks_committer *c, const struct ks_file_bin *files)
{
    c->files = *files;
}

void ks_committer_set_vault(struct ks_committer *c, struct ks_vault_keeper *vault)
{
    c->vault = vault;
}

void ks_committer_set_shred(struct ks_committer *c, struct ks_shred_store *shred)
{
    c->archives.shred = shred;
}

void ks_committer_set_tail_max(struct ks_committer *c, size_t entries)
{
    c->tail_max = entries;
}

bool ks_committer_broken(const struct ks_committer *c)
{
    return c->broken;
}

const struct ks_archive_ids *ks_committer_archive_ids(const struct ks_committer *c)
{
    return &c->settings.ids;
}

void ks_committer_stats(const struct ks_committer *c, struct ks_committer_stats *ret_stats)
{
    *ret_stats = c->stats;
    ret_stats->tail_entries = c->tail.entries;
    ret_stats->archive_id_last = c->at.archive_id;
}
