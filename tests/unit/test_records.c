/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Records, salts and key rings (record_req.h, record_commit.h) over both drivers of both stores: what holds when the
 * process dies between their commits, when one was put back from a backup, and when a time is up; and that what was
 * deleted is gone from the files. What clients say is in tests/golden/archive_records.txt and archive_ring.txt. */
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "committer_rig.h"
#include "crypto.h"
#include "expire.h"
#include "record_req.h"
#include "scratch.h"
#include "shred_backup.h"
#include "sqlite_server_store.h"
#include "sqlite_shred_store.h"

#define DAY_MS INT64_C(86400000)
#define DOMAIN KS_STR("klinik.example")
#define ACCOUNT 1
#define BYTES_MAX 1000

static char path[PATH_MAX], shred_path[PATH_MAX];
static enum { MEMORY, PLAIN, DRIVERS } driver;
static struct ks_shred_store *shred;

static const char *named(const char *name)
{
    static const char *const names[DRIVERS] = { "memory", "sqlite" };
    static char text[400];

    snprintf(text, sizeof text, "%s (%s)", name, names[driver]);
    return text;
}

static void open_stores(void)
{
    struct ks_sqlite_setup setup = { .path = path, .pages = KS_PAGES_PLAIN };

    if (driver == MEMORY) {
        store = store ? store : ks_memory_server_store_new();
        shred = shred ? shred : ks_memory_shred_store_new();
    } else {
        must(ks_sqlite_server_store_open(&setup, &store), "a store");
        setup.path = shred_path;
        must(ks_sqlite_shred_store_open(&setup, &shred), "a shred store");
    }
    start();
    ks_committer_set_shred(c, shred);
}

static void close_stores(bool for_good)
{
    ks_committer_free(c);
    c = NULL;
    if (driver == MEMORY && !for_good) {
        ks_memory_server_store_crash(store);
        ks_memory_shred_store_crash(shred);
        return;
    }
    ks_server_store_free(store);
    ks_shred_store_free(shred);
    store = NULL;
    shred = NULL;
}

/* The process dies, and is started again. */
static void again(void)
{
    close_stores(false);
    open_stores();
}

static void begin_new(void)
{
    struct ks_account_row row = { .state = KS_ACCOUNT_ACTIVE, .domain = DOMAIN, .local = KS_STR("jana") };
    struct ks_store_req *req = ks_store_txn_new();

    if (c)
        close_stores(true);
    scratch_clear(path);
    scratch_clear(shred_path);
    now = (struct ks_now) { 0, 1000 * DAY_MS };
    open_stores();
    ks_store_txn_account_add(req, &row);
    must(result_of(req), "an account");
}

/* --- asking --- */

static struct ks_record_item item_of(const char *rid, const char *salt, const char *blob)
{
    struct ks_record_item item = { .until = now.wall_ms / 1000 + 86400, .blob = ks_str_z(blob) };

    memset(item.rid, rid[0], sizeof item.rid);
    memset(item.salt, salt[0], sizeof item.salt);
    ks_hash(KS_SHA256, item.blob, item.sha256);
    return item;
}

static struct ks_record_batch batch_of(struct ks_record_item *items, size_t count)
{
    return (struct ks_record_batch) {
        .account = ACCOUNT, .items = items, .count = count, .bytes_max = BYTES_MAX, .domain = DOMAIN
    };
}

static struct ks_store_req *put_items(struct ks_record_item *items, size_t count, bool replace)
{
    struct ks_record_batch batch = batch_of(items, count);
    struct ks_store_req *req = ks_store_txn_new();

    batch.replace = replace;
    ks_store_txn_records_put(req, &batch);
    return req;
}

static enum ks_err put(const char *rid, const char *salt, const char *blob, bool replace)
{
    struct ks_record_item item = item_of(rid, salt, blob);

    return result_of(put_items(&item, 1, replace));
}

static struct ks_store_req *drop_of(const char *rid)
{
    struct ks_record_item item = item_of(rid, "-", "");
    struct ks_record_batch batch = batch_of(&item, 1);
    struct ks_store_req *req = ks_store_txn_new();

    ks_store_txn_records_drop(req, &batch);
    return req;
}

static bool has(const char *rid)
{
    struct ks_record_item item = item_of(rid, "-", "");
    struct ks_record_batch batch = batch_of(&item, 1);
    struct ks_store_req *req = done(ks_store_records_have_new(&batch));
    bool found = req->records->items[0].found;

    must(req->result, "have");
    ks_store_req_free(req);
    return found;
}

/* "aseq rid salt blob;" of each, oldest first. */
static const char *page(void)
{
    static char text[2000];
    struct ks_record_batch batch = { .account = ACCOUNT, .rows_max = KS_RECORDS_PAGE_MAX };
    struct ks_store_req *req = done(ks_store_records_page_new(&batch));
    size_t len = 0;

    must(req->result, "a page");
    text[0] = 0;
    for (size_t i = 0; i < req->records->count; i++) {
        const struct ks_record_item *item = &req->records->items[i];
        len += (size_t)snprintf(text + len, sizeof text - len, "%d %c %c %.*s;", (int)item->aseq, item->rid[0],
            item->salt[0], KS_STR_FMT(item->blob));
    }
    ks_store_req_free(req);
    return text;
}

static void check_page(const char *name, const char *want)
{
    check_str(named(name), ks_str_z(page()), ks_str_z(want));
}

/* --- dying between the two commits --- */

static struct ks_server_store_ops dying_ops;
static const struct ks_server_store_ops *good_ops;

static enum ks_err die(struct ks_server_store *s)
{
    (void)s;
    return KS_ESTORE;
}

/* Does req so far that the shred store's commit is done, and the server store's is not; then starts again. */
static void die_between(struct ks_store_req *req)
{
    good_ops = store->ops;
    dying_ops = *good_ops;
    dying_ops.commit = die;
    store->ops = &dying_ops;
    check_err(named("a turn that dies between the two commits is not acknowledged"), result_of(req), KS_ESTORE);
    store->ops = good_ops;
    again();
}

static void between(void)
{
    struct ks_record_item item;

    begin_new();
    must(put("a", "1", "first", false), "put");
    item = item_of("b", "2", "second");
    die_between(put_items(&item, 1, false));
    check_row(!has("b"), named("a put that dies between is not there"), "it is");
    check_page("and what was there before is", "1 a 1 first;");
    must(put("b", "3", "second", false), "put again");
    check_page("put again it opens with the salt that came with it", "1 a 1 first;3 b 3 second;");

    item = item_of("a", "4", "mended");
    die_between(put_items(&item, 1, true));
    check_page("what was to be replaced opens with its own salt", "1 a 1 first;3 b 3 second;");
    must(put("a", "5", "mended", true), "replace");
    check_page("replaced it stands at the end", "3 b 3 second;5 a 5 mended;");

    die_between(drop_of("b"));
    check_row(!has("b"), named("a drop that dies between has dropped"), "it has not");
    check_page("from pages, too", "5 a 5 mended;");
    must(put("b", "6", "second", false), "put after a drop");
    check_page("and it can be put again", "5 a 5 mended;6 b 6 second;");
}

static enum ks_err refuse(struct ks_shred_store *s)
{
    (void)s;
    return KS_EFULL;
}

static void refused(void)
{
    const struct ks_shred_store_ops *good = shred->ops;
    struct ks_shred_store_ops full = *good;
    struct ks_store_req *req;

    begin_new();
    good = shred->ops;
    full = *good;
    full.commit = refuse;
    shred->ops = &full;
    check_err(named("a put that the shred store refuses"), put("a", "1", "first", false), KS_EFULL);
    shred->ops = good;
    check_page("is in neither store", "");
    req = put_items(&(struct ks_record_item) { 0 }, 1, false);
    req->records->items[0] = item_of("a", "2", "first");
    req->epoch = 2;
    check_err(named("and the next is done"), result_of(req), KS_OK);
    check_page("whole", "1 a 2 first;");
}

/* --- one of the two from a backup --- */

static void expire_at(int64_t wall_ms, uint64_t *ret_records, uint64_t *ret_rings)
{
    struct ks_expiry x = { .domain = DOMAIN,
        .now_ms = wall_ms,
        .actor = KS_STR("konsild"),
        .categories = { { KS_STR("records"), KS_EXPIRE_RECORDS, DAY_MS, NULL },
            { KS_STR("rings"), KS_EXPIRE_RINGS, KS_RING_DAYS * DAY_MS, NULL } },
        .categories_count = 2 };
    struct ks_store_req *req = ks_store_txn_new();

    ks_store_txn_expire(req, &x);
    done(req);
    must(req->result, "expire");
    *ret_records = req->expiry->expired[0].rows;
    *ret_rings = req->expiry->expired[1].rows;
    ks_store_req_free(req);
}

static void restored(void)
{
    uint64_t rows, rings;
    uint8_t rid[KS_RID_LEN];

    begin_new();
    must(put("a", "1", "first", false), "put");
    must(put("b", "2", "second", false), "put");
    must(put("c", "3", "third", false), "put");
    /* An older backup of the server store lacks c, and has b, whose salt has gone since. */
    memset(rid, 'b', sizeof rid);
    must(store->ops->begin(store), "begin");
    must(store->records->ops->del(store->records, ACCOUNT, 3), "delete");
    must(store->ops->commit(store), "commit");
    must(shred->ops->begin(shred), "begin");
    must(shred->ops->salt_del(shred, ACCOUNT, rid, 0), "delete");
    must(shred->ops->commit(shred), "commit");
    again();
    check_row(has("a") && !has("b") && !has("c"), named("after a restore is there what both stores have"),
        "a %d b %d c %d", has("a"), has("b"), has("c"));
    expire_at(now.wall_ms, &rows, &rings);
    check_row(rows == 1, named("the first expiry removes the record without a salt"), "%d", (int)rows);
    expire_at(now.wall_ms, &rows, &rings);
    check_row(rows == 0, named("and the next finds nothing"), "%d", (int)rows);
    must(put("c", "4", "third", false), "put");
    must(put("b", "5", "second", false), "put");
    check_page("what is put again has numbers that were never given", "1 a 1 first;4 c 4 third;5 b 5 second;");
    expire_at(now.wall_ms + 3 * DAY_MS, &rows, &rings);
    check_row(rows == 3, named("records whose end has come go"), "%d", (int)rows);
    check_page("all of them", "");
}

/* --- ends --- */

static void ends(void)
{
    struct ks_record_item item = item_of("a", "1", "first");
    uint64_t rows, rings;

    begin_new();
    item.until = now.wall_ms / 1000;
    must(result_of(put_items(&item, 1, false)), "put");
    expire_at(now.wall_ms, &rows, &rings);
    check_row(rows == 0 && has("a"), named("in the second of its end a record is there"), "%d", (int)rows);
    /* What is replaced has a later end; a salt that was left over from before it does not take the new one's. */
    item = item_of("a", "2", "first");
    item.until = now.wall_ms / 1000 + 500;
    must(result_of(put_items(&item, 1, true)), "replace");
    must(shred->ops->begin(shred), "begin");
    struct ks_salt_row old = { .account = ACCOUNT, .aseq = 1, .until = now.wall_ms / 1000 };
    memset(old.rid, 'a', sizeof old.rid);
    must(shred->ops->salt_put(shred, &old), "a salt left over");
    must(shred->ops->commit(shred), "commit");
    expire_at(now.wall_ms + 1000, &rows, &rings);
    check_page("a salt left over goes alone", "2 a 2 first;");
    uint8_t salt[KS_SALT_LEN];
    check_err(named("and is gone"), shred->ops->salt_get(shred, ACCOUNT, old.rid, 1, salt), KS_ENOTFOUND);
    expire_at(now.wall_ms + 500000, &rows, &rings);
    check_row(rows == 0 && has("a"), named("the new end counts"), "%d", (int)rows);
    expire_at(now.wall_ms + 501000, &rows, &rings);
    check_row(rows == 1 && !has("a"), named("a second after it the record goes"), "%d", (int)rows);
}

static void slices(void)
{
    char rid[2] = "A";
    uint64_t rows, rings, all = 0;
    int slice = 0;

    begin_new();
    for (int i = 0; i < KS_EXPIRE_ROWS_MAX + 5; i++, rid[0]++)
        must(put(rid, "1", "x", false), "put");
    do {
        expire_at(now.wall_ms + 2 * DAY_MS, &rows, &rings);
        all += rows;
        check_row(rows <= KS_EXPIRE_ROWS_MAX, named("a slice is not larger than its limit"), "%d", (int)rows);
    } while (rows && ++slice < 10);
    check_row(all == KS_EXPIRE_ROWS_MAX + 5, named("slice by slice all go"), "%d", (int)all);
}

/* --- limits --- */

static void quota(void)
{
    char text[BYTES_MAX + 1];

    begin_new();
    memset(text, 'x', BYTES_MAX - 1);
    text[BYTES_MAX - 1] = 0;
    must(put("a", "1", text, false), "put");
    check_err(named("a byte more than an account may have"), put("b", "2", "12", false), KS_ELIMIT);
    check_err(named("exactly as much"), put("b", "2", "1", false), KS_OK);
    check_err(named("what is there is put again without being counted"), put("a", "3", text, false), KS_OK);
    check_err(named("what is replaced is counted with what replaces it"), put("b", "4", "2", true), KS_ELIMIT);
    must(result_of(drop_of("a")), "drop");
    check_err(named("what was dropped counts no more"), put("c", "5", text, false), KS_OK);
}

/* --- rings --- */

static struct ks_store_req *ring_of(uint64_t version, const char *data, const char *prev)
{
    struct ks_ring_row ring = { .account = ACCOUNT,
        .version = version,
        .data = ks_str_z(data),
        .signature = KS_STR("sig"),
        .certificate = KS_STR("cert") };
    struct ks_store_req *req = ks_store_txn_new();
    uint8_t hash[32] = { 0 };

    ks_hash(KS_SHA256, ring.data, ring.sha256);
    if (prev)
        ks_hash(KS_SHA256, ks_str_z(prev), hash);
    ks_store_txn_ring_put(req, &ring, hash);
    return req;
}

static bool ring_is(uint64_t version, const char *data)
{
    struct ks_store_req *req = done(ks_store_ring_new(ACCOUNT, version));
    bool is = data ? req->result == KS_OK && ks_str_is(req->ring->data, data) : req->result == KS_ENOTFOUND;

    ks_store_req_free(req);
    return is;
}

static void rings(void)
{
    struct ks_store_req *first, *second;
    uint64_t rows, gone;

    begin_new();
    must(result_of(ring_of(1, "one", NULL)), "a ring");
    /* Two devices in one turn. */
    first = submit(ring_of(2, "two", "one"));
    second = submit(ring_of(2, "zwei", "one"));
    turn();
    check_row(
        first->result == KS_OK && second->result == KS_EEXISTS && second->ring && ks_str_is(second->ring->data, "two"),
        named("of two changes in one turn the first is done, and the second gets to see it"), "%s %s",
        ks_err_name(first->result), ks_err_name(second->result));
    free_all(first);
    again();
    check_row(ring_is(0, "two") && ring_is(1, "one"), named("the ring and the one before it survive a crash"), "no");
    expire_at(now.wall_ms + KS_RING_DAYS * DAY_MS, &rows, &gone);
    check_row(gone == 0 && ring_is(1, "one"), named("7 days after it was replaced a ring is there"), "%d", (int)gone);
    expire_at(now.wall_ms + KS_RING_DAYS * DAY_MS + 1, &rows, &gone);
    check_row(gone == 1 && ring_is(1, NULL), named("then it is gone"), "%d", (int)gone);
    expire_at(now.wall_ms + 1000 * DAY_MS, &rows, &gone);
    check_row(gone == 0 && ring_is(0, "two"), named("the newest stays"), "%d", (int)gone);
}

/* --- an account goes --- */

static void account_gone(void)
{
    struct ks_store_req *req = ks_store_txn_new();
    struct ks_record_head head;
    struct ks_salt_head salts;

    begin_new();
    must(put("a", "1", "first", false), "put");
    must(result_of(ring_of(1, "one", NULL)), "a ring");
    ks_store_txn_account_delete(req, DOMAIN, KS_STR("jana"));
    must(result_of(req), "delete the account");
    must(store->records->ops->head(store->records, ACCOUNT, &head), "head");
    must(shred->ops->head(shred, ACCOUNT, &salts), "head");
    check_row(!has("a") && !head.aseq_last && !salts.aseq_last && ring_is(0, NULL),
        named("with the account go records, salts and rings"), "no");
    check_err(named("and none is put for it"), put("b", "1", "second", false), KS_ENOTFOUND);
}

/* --- in the files --- */

static void physically(void)
{
    if (driver == MEMORY)
        return;
    begin_new();
    must(put("a", "S", "canary-blob", false), "put");
    must(result_of(ring_of(1, "canary-ring", NULL)), "a ring");
    check_row(scratch_holds(path, "canary-blob") && scratch_holds(shred_path, "SSSSSSSSSSSSSSSS"),
        "before its deletion a record is found in its file, and its salt in its", "it is not");
    check_row(!scratch_holds(path, "SSSSSSSSSSSSSSSS") && !scratch_holds(path, "canary-ring")
            && scratch_holds(shred_path, "canary-ring"),
        "salts and rings are not in the server store's file", "they are");
    must(put("a", "T", "canary-other", true), "replace");
    check_row(!scratch_holds(path, "canary-blob") && !scratch_holds(shred_path, "SSSSSSSSSSSSSSSS")
            && scratch_holds(shred_path, "TTTTTTTTTTTTTTTT"),
        "what was replaced is in no file, nor is its salt", "it is");
    must(result_of(drop_of("a")), "drop");
    check_row(!scratch_holds(path, "canary") && !scratch_holds(shred_path, "TTTTTTTTTTTTTTTT"),
        "what was dropped is in no file, nor is its salt", "it is");
}

/* --- copies of the file of salts --- */

static bool copy(const char *directory)
{
    struct ks_sqlite_setup setup = { .pages = KS_PAGES_PLAIN };
    struct ks_shred_backup *backup = NULL;
    bool finished = false;

    must(ks_shred_backup_new(shred, directory, now.wall_ms, &setup, &backup), "a copy");
    while (!finished)
        must(ks_shred_backup_step(backup, &finished), "a step");
    ks_shred_backup_free(backup);
    return finished;
}

static bool due(const char *directory, int64_t days)
{
    bool is = false;

    must(ks_shred_backup_turn(directory, now.wall_ms + days * DAY_MS, &is), "a turn");
    return is;
}

static void copies(void)
{
    char directory[PATH_MAX], first[PATH_MAX + 20], part[PATH_MAX + 20], stranger[PATH_MAX + 20];

    if (driver == MEMORY)
        return;
    begin_new();
    scratch_path(directory, sizeof directory, "copies");
    scratch_must(mkdir(directory, 0700) == 0, "a directory");
    snprintf(first, sizeof first, "%s/shred_1000.db", directory);
    snprintf(part, sizeof part, "%s/shred_999.db.part", directory);
    snprintf(stranger, sizeof stranger, "%s/shred_1.txt", directory);
    scratch_write(part, "x", 1);
    scratch_write(stranger, "x", 1);
    must(put("a", "S", "first", false), "put");
    check_row(due(directory, 0), "a copy is due on a day that has none", "it is not");
    copy(directory);
    check_row(
        !due(directory, 0) && scratch_holds(first, "SSSSSSSSSSSSSSSS"), "then there is one, with the salts", "no");
    must(result_of(drop_of("a")), "drop");
    check_row(scratch_holds(first, "SSSSSSSSSSSSSSSS"), "control: what is dropped is in a copy of before", "it is not");
    check_row(due(directory, 1) && access(first, F_OK) == 0, "on the next day another is due", "no");
    check_row(due(directory, 5) && access(first, F_OK) == 0, "after five midnights the first is there", "no");
    check_row(due(directory, 6) && access(first, F_OK) != 0, "after six it is gone", "it is not");
    check_row(access(part, F_OK) != 0 && access(stranger, F_OK) == 0,
        "what was not finished goes as well, and what is no copy stays", "no");
    copy(directory);
    check_row(!scratch_holds(first, "SSSSSSSSSSSSSSSS") && due(directory, -1) && access(first, F_OK) != 0,
        "a copy of a day to come goes", "it does not");
    unlink(stranger);
    rmdir(directory);
}

int main(void)
{
    must(ks_crypto_init(), "crypto");
    ks_prng_init_number(&chance, 1);
    scratch_path(path, sizeof path, "konsild.db");
    scratch_path(shred_path, sizeof shred_path, "shred.db");
    for (driver = MEMORY; driver < DRIVERS; driver++) {
        between();
        refused();
        restored();
        ends();
        slices();
        quota();
        rings();
        account_gone();
        physically();
        copies();
        close_stores(true);
    }
    scratch_done();
    return check_done();
}
