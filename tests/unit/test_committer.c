/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The committer over the memory store. Pages of archives are in test_archive.c, power cuts in tests/crash. */
#include "audit_chain.h"
#include "committer_rig.h"
#include "crypto.h"
#include "failmalloc.h"

static struct ks_account_row person(struct ks_str local)
{
    return (struct ks_account_row) {
        .state = KS_ACCOUNT_ACTIVE, .domain = KS_STR("klinik.example"), .local = local, .name = KS_STR("Jonas Weber")
    };
}

static struct ks_store_req *add_account(struct ks_str local)
{
    struct ks_store_req *req = ks_store_txn_new();
    struct ks_account_row row = person(local);

    ks_store_txn_kv_put(req, KS_ACCOUNT_NEW, KS_STR("scram"), KS_STR("SCRAM-SHA-256"), KS_STR("stored key"));
    ks_store_txn_account_add(req, &row);
    return req;
}

static struct ks_store_req *put(uint64_t account, const char *key, const char *value)
{
    struct ks_store_req *req = ks_store_txn_new();

    ks_store_txn_kv_put(req, account, KS_STR("roster"), ks_str_z(key), ks_str_z(value));
    return req;
}

static struct ks_store_req *load(struct ks_str local)
{
    return done(ks_store_load_new(KS_STR("klinik.example"), local));
}

/* --- batches --- */

static void batches(void)
{
    struct ks_committer_stats stats;
    struct ks_store_req *first, *read, *last, *req;
    size_t count = 0;

    start_new();
    first = submit(message(1, 2, "one"));
    read = submit(ks_store_kv_new(1, KS_STR("roster")));
    for (int i = 0; i < 998; i++)
        submit(message(1, 2, "more"));
    last = submit(put(1, "b@x", "1"));
    submit(message(1, 2, "left over"));
    req = turn();
    ks_committer_stats(c, &stats);
    check_row(
        stats.commits == 1 && stats.txns == KS_COMMIT_TXNS_MAX && stats.archived == 999 && ks_committer_queued(c) == 1,
        "a turn makes one transaction of all that is queued, up to its limit", "%llu commits of %llu",
        (unsigned long long)stats.commits, (unsigned long long)stats.txns);
    check_row(req == first && ks_store_txn_archived(first, 0)->id == 1 && ks_store_txn_archived(first, 1) == NULL,
        "archive ids begin at 1 and are known to the request", "id %llu",
        (unsigned long long)ks_store_txn_archived(first, 0)->id);
    check_row(last->next == read && read->kvs_count == 1 && read->next == NULL,
        "reads come after the transactions of their turn, and see them all", "%zu rows", read->kvs_count);
    for (struct ks_store_req *at = req; at; at = at->next)
        count += at->result == KS_OK;
    check_row(count == 1001, "each request is returned with its result", "%zu are well", count);
    free_all(req);
    free_all(turn());
    check_row(turn() == NULL, "a turn with nothing to do returns nothing", "it did");
}

static void stamps(void)
{
    struct ks_store_req *req[3];

    start_new();
    req[0] = done(message(1, 2, "x"));
    now.wall_ms -= 5000;
    req[1] = done(message(1, 2, "y"));
    restart();
    req[2] = done(message(1, 2, "z"));
    check_row(
        ks_store_txn_archived(req[1], 0)->stamp_ms == 1000000 && ks_store_txn_archived(req[2], 0)->stamp_ms == 1000000,
        "stamps never run backwards, also after a new start", "%lld, %lld",
        (long long)ks_store_txn_archived(req[1], 0)->stamp_ms, (long long)ks_store_txn_archived(req[2], 0)->stamp_ms);
    check_row(ks_store_txn_archived(req[2], 0)->id == 3, "ids go on after a new start", "id %llu",
        (unsigned long long)ks_store_txn_archived(req[2], 0)->id);
    for (int i = 0; i < 3; i++)
        ks_store_req_free(req[i]);
}

static void accounts(void)
{
    struct ks_account_row row = person(KS_STR("m1"));
    struct ks_store_req *req, *second, *other;

    start_new();
    req = submit(add_account(KS_STR("m1")));
    second = submit(add_account(KS_STR("m1")));
    other = submit(add_account(KS_STR("m2")));
    turn();
    check_row(req->result == KS_OK && req->account_id == 1 && second->result == KS_EEXISTS && other->result == KS_OK
            && other->account_id == 2 && other->epoch == 1,
        "a transaction that its own contents refuse fails alone", "%s %s %s", ks_err_name(req->result),
        ks_err_name(second->result), ks_err_name(other->result));
    ks_store_req_free(req);
    ks_store_req_free(second);
    ks_store_req_free(other);

    req = load(KS_STR("m1"));
    check_row(req->result == KS_OK && req->account && req->account->id == 1 && req->kvs_count == 1
            && ks_str_is(req->kvs[0].value, "stored key") && ks_str_is(req->account->name, "Jonas Weber"),
        "a new account is loaded with what was stored in its own transaction", "%s, %zu rows", ks_err_name(req->result),
        req->kvs_count);
    ks_store_req_free(req);
    check_err("an unknown account is not found", result_of(ks_store_load_new(row.domain, KS_STR("m3"))), KS_ENOTFOUND);

    req = ks_store_txn_new();
    row.state = KS_ACCOUNT_DISABLED;
    row.name = KS_STR("Jonas Maier");
    ks_store_txn_account_update(req, &row);
    check_err("an account is changed by its address", result_of(req), KS_OK);
    req = ks_store_txn_new();
    row.local = KS_STR("m9");
    ks_store_txn_account_update(req, &row);
    check_err("an account that is not there is not changed", result_of(req), KS_ENOTFOUND);

    req = done(ks_store_accounts_new(KS_STR("klinik.example"), KS_STR_EMPTY, 10));
    check_row(req->accounts_count == 2 && req->accounts[0].state == KS_ACCOUNT_DISABLED
            && ks_str_is(req->accounts[0].name, "Jonas Maier") && ks_str_is(req->accounts[1].local, "m2"),
        "a domain's accounts are listed", "%zu accounts", req->accounts_count);
    ks_store_req_free(req);

    req = ks_store_txn_new();
    ks_store_txn_meta(req, KS_STR("server.secret"), KS_STR("s"));
    check_err("a setting is kept", result_of(req), KS_OK);
    req = done(ks_store_meta_new(KS_STR("server.secret")));
    check_str("and read", req->value, KS_STR("s"));
    ks_store_req_free(req);
    check_err("one that was never made is not found", result_of(ks_store_meta_new(KS_STR("x"))), KS_ENOTFOUND);
}

static void limits(void)
{
    static char big[KS_STORE_TXN_BYTES_MAX];
    struct ks_store_req *req = ks_store_txn_new();

    start_new();
    ks_store_txn_kv_put(req, 1, KS_STR("s"), KS_STR("a"), KS_STR("small"));
    ks_store_txn_kv_put(req, 1, KS_STR("s"), KS_STR("b"), ks_str(big, sizeof big));
    check_err("a transaction above its limit says so", result_of(req), KS_ELIMIT);
    req = done(ks_store_kv_new(1, KS_STR("s")));
    check_row(req->kvs_count == 0, "and has done nothing", "%zu rows", req->kvs_count);
    ks_store_req_free(req);
}

/* --- failures --- */

static void failures(void)
{
    struct ks_store_req *before, *big, *queued, *late, *other, *read, *alone;
    uint64_t id;

    start_new();
    before = done(message(1, 2, "before"));
    ks_memory_server_store_room(store, 2000);
    alone = submit(add_account(KS_STR("m1")));
    for (int i = 0; i < 999; i++)
        submit(message(1, 2, "a message that takes some room"));
    queued = submit(put(1, "b@x", "1"));
    read = submit(ks_store_kv_new(1, KS_STR("roster")));
    big = turn();
    check_row(big == alone && alone->result == KS_EFULL && alone->account_id == 0 && alone->epoch == 2,
        "when the disk is full all of the turn fail, with a new epoch", "%s, epoch %llu", ks_err_name(alone->result),
        (unsigned long long)alone->epoch);
    check_row(queued->result == KS_EFULL && queued->epoch == 2, "and all that were queued behind them", "%s",
        ks_err_name(queued->result));
    check_row(alone->next->result == KS_EFULL && ks_store_txn_archived(alone->next, 0)->id == 0,
        "a message that was not stored has no id", "id %llu",
        (unsigned long long)ks_store_txn_archived(alone->next, 0)->id);
    check_row(ks_committer_queued(c) == 1, "a read that was queued behind them is not lost", "%zu queued",
        ks_committer_queued(c));
    free_all(big);
    turn();
    check_row(read->result == KS_OK && read->kvs_count == 0 && read->epoch == 2, "and answers from what is stored",
        "%s, %zu rows", ks_err_name(read->result), read->kvs_count);
    ks_store_req_free(read);

    ks_memory_server_store_room(store, SIZE_MAX);
    late = submit(put(1, "c@x", "built on what was lost"));
    other = put(1, "d@x", "another reactor's");
    other->submitter = 1;
    submit(other);
    turn();
    check_row(late->result == KS_EFULL && late->epoch == 2,
        "what was under way when the news of a failure was, is refused", "%s", ks_err_name(late->result));
    check_row(other->result == KS_OK && other->epoch == 1, "a submitter who lost nothing goes on", "%s",
        ks_err_name(other->result));
    ks_store_req_free(late);
    ks_store_req_free(other);

    late = message(1, 2, "after");
    late->epoch = 2;
    done(late);
    id = ks_store_txn_archived(late, 0)->id;
    check_row(late->result == KS_OK && id == 2, "with the new epoch and room again all is well", "%s, id %llu",
        ks_err_name(late->result), (unsigned long long)id);
    ks_store_req_free(late);
    ks_store_req_free(before);
    check_row(!ks_committer_broken(c), "a full disk needs no new start", "it does");

    read = done(ks_store_page_new(&(struct ks_page_query) { .account = 1, .rows_max = 10 }));
    check_row(read->rows_count == 2 && read->count == 2, "the archive has what was acknowledged and nothing else",
        "%zu rows, %llu counted", read->rows_count, (unsigned long long)read->count);
    ks_store_req_free(read);
}

static struct ks_server_store_ops failing;

static enum ks_err commit_fails(struct ks_server_store *s)
{
    (void)s;
    return KS_ESTORE;
}

static enum ks_err load_fails(
    struct ks_server_store *s, uint64_t account, struct ks_str of, ks_visit_kv *visit, void *user)
{
    (void)s, (void)account, (void)of, (void)visit, (void)user;
    return KS_ESTORE;
}

static void broken(void)
{
    const struct ks_server_store_ops *healthy;

    start_new();
    healthy = store->ops;
    failing = *healthy;
    failing.commit = commit_fails;
    store->ops = &failing;
    check_err("a disk that fails fails the transaction", result_of(put(1, "a", "1")), KS_ESTORE);
    store->ops = healthy;
    check_row(ks_committer_broken(c), "and the committer asks for a new start", "it does not");
    check_err("until then nothing is written, whatever the disk says", result_of(put(1, "a", "1")), KS_ESTORE);
    check_err("but what is there is read", result_of(ks_store_kv_new(1, KS_STR("roster"))), KS_OK);
    check_err("the index is not moved", ks_committer_flush(c), KS_ESTORE);
    restart();
    check_err("after the new start all is well", result_of(put(1, "a", "1")), KS_OK);
    healthy = store->ops;
    failing = *healthy;
    failing.kv_load = load_fails;
    store->ops = &failing;
    check_err("a read that finds damage fails", result_of(ks_store_kv_new(1, KS_STR("roster"))), KS_ESTORE);
    store->ops = healthy;
    check_row(ks_committer_broken(c), "and the committer asks for a new start as well", "it does not");
    restart();
}

/* --- deletion --- */

static struct ks_store_req *delete_account(struct ks_str local)
{
    struct ks_store_req *req = ks_store_txn_new();

    ks_store_txn_account_delete(req, KS_STR("klinik.example"), local);
    return req;
}

static void deletion(void)
{
    struct ks_store_req *req, *first, *mixed, *late;
    struct ks_page_query all = { .rows_max = 100 };
    struct ks_committer_stats stats;

    start_new();
    free_all(done(add_account(KS_STR("m1"))));
    free_all(done(add_account(KS_STR("m2"))));
    free_all(done(message(1, 2, "shared, in the index")));
    free_all(done(message(1, 0, "own, in the index")));
    must(ks_committer_flush(c), "flush");
    free_all(done(message(2, 1, "shared, in the tail")));
    free_all(done(message(0, 1, "own, in the tail")));

    first = submit(message(1, 2, "shared, in the same turn"));
    req = submit(delete_account(KS_STR("m1")));
    mixed = submit(message(1, 2, "shared, too late"));
    late = submit(put(1, "b@x", "too late"));
    submit(message(1, 0, "own, too late"));
    turn();
    check_err("an account is deleted", req->result, KS_OK);
    check_row(mixed->result == KS_OK && ks_store_txn_archived(mixed, 0)->owner[0] == 0
            && ks_store_txn_archived(mixed, 0)->owner[1] == 2,
        "what is archived for it afterwards is archived for the other side only", "%s", ks_err_name(mixed->result));
    check_err("what is stored for it afterwards is refused", late->result, KS_ENOTFOUND);
    check_row(ks_store_txn_archived(late->next, 0)->id == 0, "a message for nobody is not stored", "it was");
    free_all(first);

    all.account = 1;
    req = done(ks_store_page_new(&all));
    check_row(req->rows_count == 0 && req->count == 0, "a deleted account has no archive", "%zu rows", req->rows_count);
    ks_store_req_free(req);
    all.account = 2;
    req = done(ks_store_page_new(&all));
    check_row(req->rows_count == 4 && req->count == 4, "the other side keeps its own", "%zu rows", req->rows_count);
    for (size_t i = 0; i < req->rows_count; i++)
        check_row(req->rows[i].owner[0] == 0 || req->rows[i].owner[1] == 0, "without the deleted one in it",
            "row %zu has %llu and %llu", i, (unsigned long long)req->rows[i].owner[0],
            (unsigned long long)req->rows[i].owner[1]);
    ks_store_req_free(req);
    req = load(KS_STR("m1"));
    check_row(req->result == KS_OK && req->account->state == KS_ACCOUNT_DELETED && req->kvs_count == 0
            && req->account->name.len == 0,
        "what stays is its address, so that it goes to nobody else", "%zu rows", req->kvs_count);
    ks_store_req_free(req);
    check_err("it cannot be deleted twice", result_of(delete_account(KS_STR("m1"))), KS_ENOTFOUND);
    check_err("its address is taken for good", result_of(add_account(KS_STR("m1"))), KS_EEXISTS);
    restart();
    ks_committer_stats(c, &stats);
    check_row(stats.tail_entries == 3, "after a new start its messages are not in the index", "%llu entries",
        (unsigned long long)stats.tail_entries);
}

/* --- the audit log --- */

static struct ks_store_req *act(const char *action)
{
    struct ks_store_req *req = ks_store_txn_new();
    struct ks_audit_row row = { .actor = KS_STR("uid:0"), .action = ks_str_z(action), .subject = KS_STR("7") };

    ks_store_txn_audit(req, &row);
    return req;
}

/* Somebody changes the log behind our back. */
static void forge(uint64_t seq, const char *action)
{
    struct ks_audit_row row = { .seq = seq,
        .stamp_ms = now.wall_ms,
        .actor = KS_STR("uid:0"),
        .action = ks_str_z(action),
        .subject = KS_STR("7") };
    uint8_t zero[32] = { 0 };

    ks_audit_hash(zero, &row, row.hash);
    must(store->ops->begin(store), "begin");
    must(store->ops->audit_append(store, &row), "forged row");
    must(store->ops->commit(store), "commit");
}

static void audit(void)
{
    struct ks_store_req *req;

    start_new();
    for (int i = 0; i < 3; i++)
        free_all(done(act("user.add")));
    restart();
    free_all(done(act("user.delete")));
    req = done(ks_store_audit_verify_new());
    check_row(req->result == KS_OK && req->audit_good == 4, "an untouched log is right, over new starts too",
        "%s after %llu rows", ks_err_name(req->result), (unsigned long long)req->audit_good);
    ks_store_req_free(req);
    req = done(ks_store_audit_new(2, 2));
    check_row(req->audit_count == 2 && req->audit[0].seq == 2 && req->audit[1].seq == 3, "the log is read in pages",
        "%zu rows", req->audit_count);
    ks_store_req_free(req);

    forge(3, "user.list");
    req = done(ks_store_audit_verify_new());
    check_row(req->result == KS_ECRYPTO && req->audit_good == 2, "a changed row is found", "%s after %llu rows",
        ks_err_name(req->result), (unsigned long long)req->audit_good);
    ks_store_req_free(req);

    start_new();
    free_all(done(act("user.add")));
    forge(3, "user.list");
    req = done(ks_store_audit_verify_new());
    check_row(req->result == KS_ECRYPTO && req->audit_good == 1, "a missing row is found", "%s after %llu rows",
        ks_err_name(req->result), (unsigned long long)req->audit_good);
    ks_store_req_free(req);
}

/* --- no memory --- */

static uint64_t acknowledged; /* messages */
static uint64_t deletions;    /* rows of the log of deletions */

/* Submits and does one request, if there is one; its result. */
static enum ks_err try_req(struct ks_store_req *req)
{
    enum ks_err err = KS_ENOMEM;

    if (req) {
        req->epoch = 1;
        ks_committer_submit(c, req);
        turn();
        err = req->result;
        ks_store_req_free(req);
    }
    return err;
}

static enum ks_err try_message(void)
{
    struct ks_store_req *req = ks_store_txn_new();
    enum ks_err err;

    if (req) {
        ks_store_txn_archive(req,
            &(struct ks_archive_row) {
                .owner = { 1, 3 }, .with = { KS_STR("b@x"), KS_STR("a@x") }, .stanza = KS_STR("<m/>") });
        ks_store_txn_audit(req, &(struct ks_audit_row) { .actor = KS_STR("uid:0") });
    }
    err = try_req(req);
    acknowledged += err == KS_OK;
    return err;
}

static enum ks_err try_account(struct ks_str local, bool add)
{
    struct ks_store_req *req = ks_store_txn_new();
    struct ks_account_row row = person(local);
    enum ks_err err;

    if (req && add) {
        ks_store_txn_account_add(req, &row);
        ks_store_txn_kv_put(req, KS_ACCOUNT_NEW, KS_STR("roster"), KS_STR("b@x"), KS_STR("1"));
    } else if (req) {
        ks_store_txn_account_delete(req, row.domain, row.local);
    }
    err = try_req(req);
    deletions += err == KS_OK && !add;
    return err;
}

/* The account's messages, and what it keeps, are too old. */
static enum ks_err try_expire(void)
{
    struct ks_store_req *req = ks_store_txn_new();
    enum ks_err err;

    if (req)
        ks_store_txn_expire(req,
            &(struct ks_expiry) { .domain = KS_STR("klinik.example"),
                .categories = { { KS_STR("archive"), KS_EXPIRE_ARCHIVE, 1000, NULL } },
                .categories_count = 1,
                .now_ms = now.wall_ms + 5000,
                .actor = KS_STR("konsild") });
    err = try_req(req);
    deletions += err == KS_OK;
    return err;
}

static enum ks_err everything(void)
{
    const struct ks_page_query query = { .account = 1, .with = KS_STR("b@x"), .rows_max = 10 };
    const uint64_t first = 1;
    enum ks_err err = KS_OK;

    store = ks_memory_server_store_new();
    if (!store)
        return KS_ENOMEM;
    err = ks_committer_new(store, &chance, &c);
    if (err == KS_OK)
        err = try_account(KS_STR("m1"), true);
    for (int i = 0; i < 5 && err == KS_OK; i++)
        err = try_message();
    if (err == KS_OK) {
        ks_committer_set_tail_max(c, 1);
        ks_committer_tidy(c); /* a failure is no harm */
        err = try_message();
    }
    if (err == KS_OK)
        err = ks_committer_flush(c);
    if (err == KS_OK)
        err = try_req(ks_store_page_new(&query));
    if (err == KS_OK)
        err = try_req(ks_store_rows_new(1, &first, 1));
    if (err == KS_OK)
        err = try_req(ks_store_load_new(KS_STR("klinik.example"), KS_STR("m1")));
    if (err == KS_OK)
        err = try_req(ks_store_accounts_new(KS_STR("klinik.example"), KS_STR_EMPTY, 10));
    if (err == KS_OK)
        err = try_req(ks_store_audit_new(1, 10));
    if (err == KS_OK)
        err = try_expire();
    return err == KS_OK ? try_account(KS_STR("m1"), false) : err;
}

static void no_memory(void)
{
    int struck = 0, wrong = 0;

    ks_committer_free(c);
    ks_server_store_free(store);
    for (int n = 1; fail_nth(n); n++) {
        struct ks_committer_stats stats;
        struct ks_store_req *req;
        enum ks_err err;
        bool failed;

        c = NULL;
        store = NULL;
        acknowledged = deletions = 0;
        err = everything();
        failed = fail_stop();
        struck += failed;
        wrong += err != KS_OK && !(failed && err == KS_ENOMEM);
        if (store) { /* after a new start there is what was acknowledged */
            ks_committer_free(c);
            start();
            ks_committer_stats(c, &stats);
            req = done(ks_store_audit_verify_new());
            wrong += req->result != KS_OK || req->audit_good != acknowledged + deletions
                || stats.archive_id_last != acknowledged;
            ks_store_req_free(req);
        }
        ks_committer_free(c);
        ks_server_store_free(store);
    }
    c = NULL;
    store = NULL;
    check_row(wrong == 0 && struck > 50, "each allocation that fails is a result, and nothing acknowledged is lost",
        "%d of %d went wrong", wrong, struck);
}

int main(void)
{
    must(ks_crypto_init(), "crypto");
    ks_prng_init_number(&chance, 1);
    batches();
    stamps();
    accounts();
    limits();
    failures();
    broken();
    deletion();
    audit();
    no_memory();
    ks_committer_free(c);
    ks_server_store_free(store);
    return check_done();
}
