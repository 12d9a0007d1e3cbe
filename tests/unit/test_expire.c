/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What goes when its time is up (expire.h), over both drivers of the store; and that it is gone from the file. When a
 * run begins, and how long periods are, is in tests/sim/test_retention.c; power cuts are in tests/crash. */
#include <limits.h>
#include <sqlite3.h>

#include "audit_chain.h"
#include "committer_rig.h"
#include "crypto.h"
#include "expire.h"
#include "scratch.h"
#include "sqlite_server_store.h"

#define DAY_MS INT64_C(86400000)
#define DOMAIN KS_STR("klinik.example")
#define OTHER KS_STR("praxis.example")

static char path[PATH_MAX];
static const uint8_t file_key[KS_STORE_KEY_LEN] = { 1, 2, 3 };
static enum { MEMORY, PLAIN, SEALED } driver;

static const char *named(const char *name)
{
    static const char *const names[] = { "memory", "sqlite", "sqlite, encrypted" };
    static char text[400];

    snprintf(text, sizeof text, "%s (%s)", name, names[driver]);
    return text;
}

static void open_driver(void)
{
    struct ks_sqlite_setup setup = {
        .path = path, .key = file_key, .pages = driver == PLAIN ? KS_PAGES_PLAIN : KS_PAGES_AEGIS
    };

    if (driver == MEMORY)
        store = store ? store : ks_memory_server_store_new();
    else
        must(ks_sqlite_server_store_open(&setup, &store), "a store");
    start();
}

static void close_driver(void)
{
    ks_committer_free(c);
    c = NULL;
    if (driver == MEMORY) {
        ks_memory_server_store_crash(store);
    } else {
        ks_server_store_free(store);
        store = NULL;
    }
}

/* The process dies and is started again. */
static void again(void)
{
    close_driver();
    open_driver();
}

static void add_account(struct ks_str domain, const char *local)
{
    struct ks_store_req *req = ks_store_txn_new();
    struct ks_account_row row = { .state = KS_ACCOUNT_ACTIVE, .domain = domain, .local = ks_str_z(local) };

    ks_store_txn_account_add(req, &row);
    must(result_of(req), "an account");
}

/* anna 1 and bernd 2 in klinik.example, carla 3 in praxis.example. */
static void fresh(void)
{
    ks_committer_free(c);
    ks_server_store_free(store);
    c = NULL;
    store = NULL;
    scratch_clear(path);
    now.wall_ms = 1000 * DAY_MS;
    open_driver();
    add_account(DOMAIN, "anna");
    add_account(DOMAIN, "bernd");
    add_account(OTHER, "carla");
}

static void say(uint64_t from, uint64_t to, const char *text)
{
    must(result_of(message(from, to, text)), "a message");
}

static void put(uint64_t account, const char *in, const char *key, const char *value)
{
    struct ks_store_req *req = ks_store_txn_new();

    ks_store_txn_kv_put(req, account, ks_str_z(in), ks_str_z(key), ks_str_z(value));
    must(result_of(req), "a value");
}

static int64_t stamp_of(struct ks_str key, struct ks_str value)
{
    uint64_t days = 0;

    (void)key;
    return ks_str_u64(value, 100000, &days) == KS_OK ? (int64_t)days * DAY_MS : 0;
}

static struct ks_expiry of_domain(struct ks_str domain, int64_t archive_days, int64_t value_days)
{
    return (struct ks_expiry) { .domain = domain,
        .categories = { { KS_STR("archive"), KS_EXPIRE_ARCHIVE, archive_days * DAY_MS, NULL },
            { KS_STR("mark"), KS_EXPIRE_VALUES, value_days * DAY_MS, stamp_of } },
        .categories_count = 2,
        .now_ms = now.wall_ms,
        .actor = KS_STR("konsild") };
}

static struct ks_expiry of_audit(int64_t days)
{
    return (struct ks_expiry) { .categories = { { KS_STR("audit"), KS_EXPIRE_AUDIT, days * DAY_MS, NULL } },
        .categories_count = 1,
        .now_ms = now.wall_ms,
        .actor = KS_STR("konsild"),
        .last = true };
}

struct sum {
    uint64_t rows[2];
    unsigned slices;
    enum ks_err err;
};

/* Slices until all is done, or for so many (0: all). */
static struct sum run(struct ks_expiry x, unsigned slices)
{
    struct sum sum = { 0 };
    char after[100] = "";

    for (bool complete = false; !complete && (!slices || sum.slices < slices) && sum.err == KS_OK; sum.slices++) {
        struct ks_store_req *req = ks_store_txn_new();
        x.after = ks_str_z(after);
        ks_store_txn_expire(req, &x);
        done(req);
        sum.err = req->result;
        for (size_t i = 0; i < 2 && sum.err == KS_OK; i++)
            sum.rows[i] += req->expiry->expired[i].rows;
        complete = req->expiry->complete;
        snprintf(after, sizeof after, "%.*s", KS_STR_FMT(req->expiry->next));
        ks_store_req_free(req);
    }
    return sum;
}

static struct sum count(struct ks_expiry x)
{
    struct ks_store_req *req = done(ks_store_expirable_new(&x));
    struct sum sum = { .err = req->result, .slices = 1 };

    for (size_t i = 0; i < 2; i++)
        sum.rows[i] = req->expiry->expired[i].rows;
    ks_store_req_free(req);
    return sum;
}

/* The account's archive: "one two " */
static char archive_text[4000];
static uint64_t archive_count;
static const char *archive_of(uint64_t account)
{
    struct ks_store_req *req =
        done(ks_store_page_new(&(struct ks_page_query) { .account = account, .rows_max = KS_PAGE_ROWS_MAX }));

    archive_text[0] = 0;
    archive_count = req->count;
    for (size_t i = 0; i < req->rows_count; i++)
        snprintf(archive_text + strlen(archive_text), sizeof archive_text - strlen(archive_text), "%.*s ",
            KS_STR_FMT(req->rows[i].stanza));
    ks_store_req_free(req);
    return archive_text;
}

static void check_archive(const char *name, uint64_t account, const char *want)
{
    const char *got = archive_of(account);

    check_row(strcmp(got, want) == 0, named(name), "\"%s\"", got);
}

/* Actions, subjects and details of the log's newest rows. */
static char log_text[4000];
static const char *read_log(void)
{
    struct ks_store_req *req = done(ks_store_audit_new(0, KS_AUDIT_ROWS_MAX));

    log_text[0] = 0;
    for (size_t i = 0; i < req->audit_count; i++)
        snprintf(log_text + strlen(log_text), sizeof log_text - strlen(log_text), "%.*s %.*s %.*s %.*s;",
            KS_STR_FMT(req->audit[i].actor), KS_STR_FMT(req->audit[i].action), KS_STR_FMT(req->audit[i].subject),
            KS_STR_FMT(req->audit[i].detail));
    ks_store_req_free(req);
    return log_text;
}

/* --- the archive --- */

static void archive(void)
{
    struct sum sum;

    fresh();
    say(1, 3, "one");
    say(2, 3, "two");
    must(ks_committer_flush(c), "the index");
    now.wall_ms += 10 * DAY_MS;
    say(1, 3, "three");
    say(1, 2, "four");
    now.wall_ms += 10 * DAY_MS;
    say(1, 2, "five");

    sum = count(of_domain(DOMAIN, 15, 0));
    check_row(sum.err == KS_OK && sum.rows[0] == 2, named("a dry run counts what is older than the period"),
        "%llu rows", (unsigned long long)sum.rows[0]);
    check_archive("and deletes nothing", 1, "one three four five ");
    sum = run(of_domain(DOMAIN, 15, 0), 0);
    check_row(sum.err == KS_OK && sum.rows[0] == 2,
        named("DSK I.7-c part (alerts): what is older "
              "than the domain's period goes"),
        "%s, %llu rows", ks_err_name(sum.err), (unsigned long long)sum.rows[0]);
    check_archive("what is younger stays, in the index and in its tail alike", 1, "three four five ");
    check_archive("whoever else has a message keeps it as long as his own domain says", 3, "one two three ");
    archive_of(1);
    check_row(archive_count == 3, named("the page's count is right"), "%llu", (unsigned long long)archive_count);
    again();
    check_archive("a new start finds the same", 1, "three four five ");
    sum = run(of_domain(OTHER, 5, 0), 0);
    check_row(sum.rows[0] == 3, named("with its last owner a row goes"), "%llu rows", (unsigned long long)sum.rows[0]);
    check_archive("and he has it no longer", 3, "");
    check_archive("she has what is hers", 1, "three four five ");
    sum = run(of_domain(DOMAIN, 15, 0), 0);
    check_row(sum.err == KS_OK && sum.rows[0] == 0, named("a second run finds nothing"), "%llu rows",
        (unsigned long long)sum.rows[0]);
    now.wall_ms += 100 * DAY_MS;
    run(of_domain(DOMAIN, 15, 0), 0);
    again();
    struct ks_store_req *req = done(message(1, 2, "six"));
    check_row(ks_store_txn_archived(req, 0)->id == 6, named("ids are never given twice, when all rows went, too"),
        "id %llu", (unsigned long long)ks_store_txn_archived(req, 0)->id);
    ks_store_req_free(req);
}

static void own_periods(void)
{
    struct sum sum;

    fresh();
    say(1, 2, "one");
    now.wall_ms += 10 * DAY_MS;
    say(1, 2, "two");
    put(2, KS_STORE_RETENTION, "archive", "5");
    put(1, KS_STORE_RETENTION, "archive", "36500");
    sum = run(of_domain(DOMAIN, 30, 0), 0);
    check_archive("DSK I.7-c part (alerts): an account's own period is shorter", 2, "two ");
    check_archive("another's is not touched by it", 1, "one two ");
    now.wall_ms += 31 * DAY_MS;
    sum = run(of_domain(DOMAIN, 30, 0), 0);
    check_archive("DSK I.7-c part (alerts): an own period above the domain's is clamped", 1, "");
    check_row(sum.rows[0] == 3, named("so much went"), "%llu rows", (unsigned long long)sum.rows[0]);
    put(1, KS_STORE_RETENTION, "archive", "-1");
    put(2, KS_STORE_RETENTION, "archive", "0");
    say(1, 2, "three");
    run(of_domain(DOMAIN, 30, 0), 0);
    check_archive("an own period that is none counts nothing", 1, "three ");
    put(1, KS_STORE_RETENTION, "archive", "1");
    now.wall_ms += 2 * DAY_MS;
    run(of_domain(DOMAIN, 0, 0), 0);
    check_archive("an account has its own where its domain has none", 1, "");
    check_archive("and all others keep what they have", 2, "three ");
}

static void slices(void)
{
    struct sum sum;
    const char *log;

    fresh();
    for (int i = 0; i < 230; i++) {
        say(1, 2, "old");
        if (i == 150)
            must(ks_committer_flush(c), "the index");
    }
    for (int i = 0; i < 100; i++) {
        char local[20];
        snprintf(local, sizeof local, "z%d", i);
        add_account(DOMAIN, local);
    }
    now.wall_ms += 10 * DAY_MS;
    say(1, 2, "new");
    sum = run(of_domain(DOMAIN, 5, 0), 1);
    check_row(sum.rows[0] == KS_EXPIRE_ROWS_MAX, named("a slice deletes no more than its share"), "%llu rows",
        (unsigned long long)sum.rows[0]);
    say(1, 2, "meanwhile");
    log = read_log();
    check_row(!strstr(log, "delete"), named("control: the log has nothing before the domain is done"), "%s", log);
    again();
    sum = run(of_domain(DOMAIN, 5, 0), 0);
    check_row(sum.rows[0] == 460 - KS_EXPIRE_ROWS_MAX && sum.slices > 5,
        named("after a crash the next run goes on with what is left"), "%llu rows in %u slices",
        (unsigned long long)sum.rows[0], sum.slices);
    check_archive("what came meanwhile is there", 1, "new meanwhile ");
    check_archive("for both", 2, "new meanwhile ");
    log = read_log();
    check_row(
        strcmp(log, "konsild delete klinik.example reason=period oldest=1972-09-27T00:00:00.000Z archive=460;") == 0,
        named("DSK I.7-f: the log has one row of a domain, which counts all slices, also those before a crash"), "%s",
        log);
    run(of_domain(DOMAIN, 5, 0), 0);
    check_row(strcmp(read_log(), log) == 0, named("and none when nothing went"), "%s", log_text);
}

static void values(void)
{
    struct sum sum;
    struct ks_store_req *req;

    fresh();
    put(1, "mark", "a", "900");
    put(1, "mark", "b", "999");
    put(1, "mark", "c", "never");
    put(2, "mark", "a", "900");
    put(2, "other", "a", "900");
    sum = count(of_domain(DOMAIN, 0, 30));
    check_row(sum.rows[1] == 2, named("a dry run counts values"), "%llu", (unsigned long long)sum.rows[1]);
    struct ks_expiry x = of_domain(DOMAIN, 0, 30);
    req = ks_store_txn_new();
    ks_store_txn_expire(req, &x);
    done(req);
    check_row(req->expiry->expired[1].rows == 2 && req->expiry->touched_count == 2
            && ks_str_is(req->expiry->touched[0], "anna") && ks_str_is(req->expiry->touched[1], "bernd"),
        named("DSK II.3-b: values go by their stamp, and whose data is to be read "
              "anew is known"),
        "%llu rows, %zu accounts", (unsigned long long)req->expiry->expired[1].rows, req->expiry->touched_count);
    ks_store_req_free(req);
    req = done(ks_store_kv_new(1, KS_STR("mark")));
    check_row(req->kvs_count == 2 && ks_str_is(req->kvs[0].key, "b") && ks_str_is(req->kvs[1].key, "c"),
        named("what is younger stays, and what has no stamp"), "%zu rows", req->kvs_count);
    ks_store_req_free(req);
    req = done(ks_store_kv_new(2, KS_STR("other")));
    check_row(req->kvs_count == 1, named("another store's rows stay"), "%zu rows", req->kvs_count);
    ks_store_req_free(req);
}

/* --- the audit log --- */

static void act(const char *actor)
{
    struct ks_store_req *req = ks_store_txn_new();
    struct ks_audit_row row = { .actor = ks_str_z(actor), .action = KS_STR("user.add"), .subject = KS_STR("7") };

    ks_store_txn_audit(req, &row);
    must(result_of(req), "an act");
}

static void audit(void)
{
    struct ks_store_req *req;
    struct sum sum;

    fresh();
    for (int i = 0; i < 5; i++)
        act("uid:1");
    now.wall_ms += 10 * DAY_MS;
    act("uid:2");
    sum = count(of_audit(5));
    check_row(
        sum.rows[0] == 5, named("a dry run counts the audit log's rows"), "%llu", (unsigned long long)sum.rows[0]);
    sum = run(of_audit(5), 0);
    check_row(sum.rows[0] == 5
            && strcmp(read_log(),
                   "uid:2 user.add 7 ;konsild delete  reason=period "
                   "oldest=1972-09-27T00:00:00.000Z audit=5;")
                == 0,
        named("DSK I.7-c part (alerts): the audit log has a period of its own"), "%s", log_text);
    again();
    act("uid:3");
    req = done(ks_store_audit_verify_new());
    check_row(req->result == KS_OK && req->audit_good == 3 && req->audit_gone == 5,
        named("what is left of the chain can be verified, from the number and hash of the last row that went"),
        "%s, %llu good, %llu gone", ks_err_name(req->result), (unsigned long long)req->audit_good,
        (unsigned long long)req->audit_gone);
    ks_store_req_free(req);

    must(store->ops->begin(store), "begin");
    must(store->ops->audit_cut(store, 6), "somebody cuts a row off");
    must(store->ops->commit(store), "commit");
    req = done(ks_store_audit_verify_new());
    check_row(req->result == KS_ECRYPTO && req->audit_good == 0, named("rows that went otherwise are missed"), "%s",
        ks_err_name(req->result));
    ks_store_req_free(req);

    fresh();
    act("uid:1");
    now.wall_ms += 100 * DAY_MS;
    sum = run(of_audit(5), 0);
    check_row(sum.rows[0] == 0 && strcmp(read_log(), "uid:1 user.add 7 ;") == 0, named("the newest row always stays"),
        "%s", log_text);

    fresh();
    now.wall_ms += 100 * DAY_MS;
    sum = run(of_audit(5), 5);
    check_row(sum.err == KS_OK && sum.slices < 5, named("a log in which nothing stands yet stops nothing"), "%s",
        ks_err_name(sum.err));

    fresh();
    for (int i = 0; i < 3; i++)
        act("uid:1");
    now.wall_ms += 100 * DAY_MS;
    sum = run(of_audit(5), 0);
    check_row(sum.rows[0] == 2 && ks_str_starts(ks_str_z(read_log()), KS_STR("uid:1 user.add 7 ;konsild delete ")),
        named("DSK I.7-c part (alerts): and it alone, also where nothing happened since"), "%s", log_text);

    fresh();
    for (int i = 0; i < KS_EXPIRE_ROWS_MAX; i++)
        act("uid:1");
    now.wall_ms += 100 * DAY_MS;
    sum = run(of_audit(5), 5);
    check_row(sum.slices < 5 && sum.rows[0] == KS_EXPIRE_ROWS_MAX - 1,
        named("a slice full of old rows, of which the last is the newest, is followed by no slice like it"),
        "%llu rows in %u slices", (unsigned long long)sum.rows[0], sum.slices);
}

/* --- the log of what was deleted --- */

static void deletion_log(void)
{
    struct ks_store_req *req;
    struct ks_audit_row row = { .actor = KS_STR("uid:0"), .action = KS_STR("user.delete"), .subject = KS_STR("1") };

    fresh();
    say(1, 2, "canary-text");
    say(1, 3, "canary-text");
    put(1, "mark", "canary-key", "canary-value");
    req = ks_store_txn_new();
    ks_store_txn_account_delete(req, DOMAIN, KS_STR("anna"));
    ks_store_txn_audit(req, &row);
    must(result_of(req), "a deletion");
    now.wall_ms += 10 * DAY_MS;
    run(of_domain(DOMAIN, 5, 0), 0);
    read_log();
    check_row(strstr(log_text, "uid:0 delete klinik.example reason=account archive=2 values=1;")
            && strstr(
                log_text, "konsild delete klinik.example reason=period oldest=1972-09-27T00:00:00.000Z archive=1;"),
        named("DSK I.7-f: the log says what category, how much, when, why and by whom"), "%s", log_text);
    check_row(!strstr(log_text, "canary") && !strstr(log_text, "anna") && !strstr(log_text, "b@x")
            && !strstr(log_text, "a@x"),
        named("DSK I.7-f: and neither what it was nor whose"), "%s", log_text);
}

/* --- a store that refuses --- */

static void refusal(void)
{
    struct sum sum;

    if (driver != MEMORY)
        return;
    fresh();
    say(1, 2, "one");
    now.wall_ms += 10 * DAY_MS;
    ks_memory_server_store_room(store, 1);
    sum = run(of_domain(DOMAIN, 5, 0), 0);
    check_err(named("a store without room refuses a slice"), sum.err, KS_EFULL);
    ks_memory_server_store_room(store, SIZE_MAX);
    check_archive("and nothing of it happened", 1, "one ");
    struct ks_store_req *req = ks_store_txn_new();
    struct ks_expiry x = of_domain(DOMAIN, 5, 0);
    req->epoch = 2;
    ks_store_txn_expire(req, &x);
    done(req);
    check_row(req->result == KS_OK && req->expiry->expired[0].rows == 2, named("with room again it goes on"), "%s",
        ks_err_name(req->result));
    ks_store_req_free(req);
    check_archive("and all is gone", 1, "");
}

/* --- gone from the file --- */

/* As konsild sees its pages, log included. */
static bool pages_hold(const char *text)
{
    sqlite3_int64 len = 0;
    unsigned char *bytes = sqlite3_serialize(ks_sqlite_server_store_db(store), "main", &len, 0);
    bool holds = bytes && memmem(bytes, (size_t)len, text, strlen(text));

    scratch_must(bytes != NULL, "the pages");
    sqlite3_free(bytes);
    return holds;
}

static bool files_hold(const char *text)
{
    char shm[PATH_MAX + 8];

    snprintf(shm, sizeof shm, "%s-shm", path);
    return scratch_holds(path, text) || (access(shm, R_OK) == 0 && scratch_holds(shm, text));
}

/* Messages of all sizes, so that pages are split, joined, emptied and freed; most go, some stay between them. */
static void say_many(const char *canary, unsigned count, uint64_t seed)
{
    struct ks_prng prng;
    char *text = malloc(40000);

    ks_prng_init_number(&prng, seed);
    for (unsigned i = 0; i < count; i++) {
        size_t len = (size_t)ks_prng_below(&prng, ks_prng_below(&prng, 20) ? 2000 : 30000), at;
        at = (size_t)snprintf(text, 100, "%s%u ", canary, i);
        for (; at < len; at++)
            text[at] = canary[at % strlen(canary)];
        text[at] = 0;
        say(ks_prng_below(&prng, 2) + 1, 3, text);
    }
    free(text);
}

static void physically(void)
{
    struct sum sum = { 0 };

    if (driver == MEMORY)
        return;
    fresh();
    put(1, "mark", "canary-mark", "500");
    say_many("canary-old", 400, 1);
    must(ks_committer_flush(c), "the index");
    again(); /* closing writes the log into the file: the canary is in both */
    say_many("canary-old", 100, 2);
    now.wall_ms += 10 * DAY_MS;
    say_many("canary-new", 100, 3);
    if (driver == PLAIN)
        check_row(
            files_hold("canary-old") && files_hold("canary-mark"), "control: the search finds what is there", "no");
    check_row(pages_hold("canary-old") && pages_hold("canary-mark"), named("control: the dump of pages has it"), "no");
    sum = run(of_domain(DOMAIN, 5, 30), 0);
    check_row(sum.rows[0] == 500 && sum.rows[1] == 1, named("control: all but those of the other domain go"),
        "%llu, %llu", (unsigned long long)sum.rows[0], (unsigned long long)sum.rows[1]);
    sum = run(of_domain(OTHER, 5, 30), 0);
    check_row(sum.rows[0] == 500, named("control: these too"), "%llu", (unsigned long long)sum.rows[0]);
    check_row(!pages_hold("canary-old") && !pages_hold("canary-mark"),
        named("DSK I.7-c part (alerts): what went is in no page, free ones included"), "it is");
    if (driver == PLAIN)
        check_row(!files_hold("canary-old") && !files_hold("canary-mark"),
            "DSK I.7-c part (alerts): nor in the bytes of database and log", "it is");
    check_row(pages_hold("canary-new"), named("what stays is there"), "no");
    check_row(ks_sqlite_says(ks_sqlite_server_store_db(store), "PRAGMA integrity_check", "ok"),
        named("and the database is sound"), "no");
}

/* Some of all times go: what stays is between what goes, and is moved when pages are joined. */
static void between(void)
{
    int found = 0;

    if (driver != PLAIN)
        return;
    fresh();
    for (uint64_t round = 0; round < 12; round++) {
        char canary[20];
        snprintf(canary, sizeof canary, "canary%02d-", (int)round);
        say_many(canary, 60, 10 + round);
        now.wall_ms += DAY_MS;
        put(round % 2 + 1, KS_STORE_RETENTION, "archive", "3");
        put((round + 1) % 2 + 1, KS_STORE_RETENTION, "archive", "5");
        run(of_domain(DOMAIN, 30, 30), 0);
        run(of_domain(OTHER, round % 3 + 2, 30), 0);
        for (int old = 0; old <= (int)round - 5; old++) {
            snprintf(canary, sizeof canary, "canary%02d-", old);
            found += files_hold(canary);
        }
        snprintf(canary, sizeof canary, "canary%02d-", (int)round);
        scratch_must(files_hold(canary), "control: today's are there");
    }
    check_row(found == 0, "what went from between what stays is in no byte, over many days", "%d times it is", found);
}

int main(void)
{
    must(ks_crypto_init(), "crypto");
    ks_prng_init_number(&chance, 1);
    scratch_path(path, sizeof path, "konsild.db");
    for (driver = MEMORY; driver <= SEALED; driver++) {
        archive();
        own_periods();
        slices();
        values();
        audit();
        deletion_log();
        refusal();
        physically();
        between();
    }
    driver = SEALED;
    close_driver();
    scratch_done();
    return check_done();
}
