/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One contract (server_store.h), two drivers: every row runs over both. Then what only the file has: its key, its lock,
 * its schema, and that deleted bytes are gone from it. */
#include <limits.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"
#include "server_store.h"
#include "sqlite_server_store.h"

static char path[PATH_MAX];
static const uint8_t file_key[KS_STORE_KEY_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static struct ks_sqlite_setup setup(void)
{
    return (struct ks_sqlite_setup) { .path = path, .key = file_key };
}

/* --- the drivers --- */

static struct ks_server_store *open_memory(void)
{
    return ks_memory_server_store_new();
}

static struct ks_server_store *crash_memory(struct ks_server_store *s)
{
    ks_memory_server_store_crash(s);
    return s;
}

static struct ks_server_store *open_sqlite(void)
{
    struct ks_sqlite_setup with = setup();
    struct ks_server_store *s = NULL;

    return ks_sqlite_server_store_open(&with, &s) == KS_OK ? s : NULL;
}

static struct ks_server_store *crash_sqlite(struct ks_server_store *s)
{
    ks_server_store_free(s);
    return open_sqlite();
}

static const struct driver {
    const char *name;
    struct ks_server_store *(*open)(void);
    struct ks_server_store *(*crash)(struct ks_server_store *s);
} drivers[] = {
    { "memory", open_memory, crash_memory },
    { "sqlite", open_sqlite, crash_sqlite },
};

static const struct driver *driver;
static struct ks_server_store *s;

/* The row's name with the driver in front. */
static const char *named(const char *name)
{
    static char text[256];

    snprintf(text, sizeof text, "%s: %s", driver->name, name);
    return text;
}

/* --- what was seen, as text --- */

static char seen[8192];

static void saw(const char *format, ...) KS_PRINTF(1, 2);
static void saw(const char *format, ...)
{
    size_t len = strlen(seen);
    va_list args;

    va_start(args, format);
    vsnprintf(seen + len, sizeof seen - len, format, args);
    va_end(args);
}

static void check_seen(const char *name, const char *want)
{
    check_str(named(name), ks_str_z(seen), ks_str_z(want));
    seen[0] = 0;
}

static bool see_account(void *user, const struct ks_account_row *row)
{
    (void)user;
    saw("%llu %d %.*s@%.*s '%.*s' '%.*s' '%.*s' %lld;", (unsigned long long)row->id, (int)row->state,
        KS_STR_FMT(row->local), KS_STR_FMT(row->domain), KS_STR_FMT(row->name), KS_STR_FMT(row->department),
        KS_STR_FMT(row->profession), (long long)row->created_ms);
    return true;
}

static bool see_kv(void *user, const struct ks_kv_row *row)
{
    (void)user;
    saw("%llu %.*s %.*s=%.*s;", (unsigned long long)row->account, KS_STR_FMT(row->store), KS_STR_FMT(row->key),
        KS_STR_FMT(row->value));
    return true;
}

static bool see_archive(void *user, const struct ks_archive_row *row)
{
    size_t *left = user;

    saw("%llu@%lld %llu:%.*s %llu:%.*s %.*s;", (unsigned long long)row->id, (long long)row->stamp_ms,
        (unsigned long long)row->owner[0], KS_STR_FMT(row->with[0]), (unsigned long long)row->owner[1],
        KS_STR_FMT(row->with[1]), KS_STR_FMT(row->stanza));
    return !left || --*left > 0;
}

static bool see_index(void *user, const struct ks_index_row *row)
{
    size_t *left = user;

    saw("%llu/%llu=%llu;", (unsigned long long)row->account, (unsigned long long)row->id,
        (unsigned long long)row->with_hash);
    return !left || --*left > 0;
}

static bool see_audit(void *user, const struct ks_audit_row *row)
{
    (void)user;
    saw("%llu@%lld %.*s %.*s %.*s %.*s %02x%02x;", (unsigned long long)row->seq, (long long)row->stamp_ms,
        KS_STR_FMT(row->actor), KS_STR_FMT(row->action), KS_STR_FMT(row->subject), KS_STR_FMT(row->detail),
        row->hash[0], row->hash[31]);
    return true;
}

/* --- writing, where success is expected --- */

static void must(enum ks_err err)
{
    if (err != KS_OK) {
        printf("Bail out! %s: %s\n", driver->name, ks_err_name(err));
        exit(1);
    }
}

static void begin(void)
{
    must(s->ops->begin(s));
}

static void commit(void)
{
    must(s->ops->commit(s));
}

static uint64_t add_account(struct ks_str local)
{
    struct ks_account_row row = { .state = KS_ACCOUNT_ACTIVE,
        .domain = KS_STR("klinik.example"),
        .local = local,
        .name = KS_STR("Dr. Jana Brandt"),
        .department = KS_STR("Innere"),
        .profession = KS_STR("Ärztin"),
        .created_ms = 1700000000123 };
    uint64_t id = 0;

    must(s->ops->account_add(s, &row, &id));
    return id;
}

static void put(uint64_t account, struct ks_str store, struct ks_str key, struct ks_str value)
{
    must(s->ops->kv_put(s, &(struct ks_kv_row) { account, store, key, value }));
}

static void append(uint64_t id, uint64_t owner1, uint64_t owner2, struct ks_str stanza)
{
    must(s->ops->archive_append(s,
        &(struct ks_archive_row) { id, 1000 + (int64_t)id, { owner1, owner2 },
            { owner1 ? KS_STR("b@x") : KS_STR_EMPTY, owner2 ? KS_STR("a@x") : KS_STR_EMPTY }, stanza }));
}

static void append_audit(uint64_t seq)
{
    must(s->ops->audit_append(s,
        &(struct ks_audit_row) { .seq = seq,
            .stamp_ms = 5,
            .actor = KS_STR("uid:0"),
            .action = KS_STR("user.add"),
            .subject = KS_STR("7"),
            .detail = KS_STR("x"),
            .hash = { 0xab, [31] = 0xcd } }));
}

/* --- the rows --- */

static void settings(void)
{
    struct ks_buf value;

    ks_buf_init(&value, 100);
    check_err(
        named("a setting that was never made is not found"), s->ops->meta_get(s, KS_STR("k"), &value), KS_ENOTFOUND);
    begin();
    must(s->ops->meta_put(s, KS_STR("k"), KS_STR("one")));
    must(s->ops->meta_put(s, KS_STR("k"), ks_str("t\0o", 3)));
    commit();
    must(s->ops->meta_get(s, KS_STR("k"), &value));
    check_str(named("a setting is replaced, and holds any bytes"), ks_buf_str(&value), ks_str("t\0o", 3));
    ks_buf_done(&value);
}

static void accounts(void)
{
    struct ks_account_row row = { .id = 2, .state = KS_ACCOUNT_DELETED };
    uint64_t id;

    begin();
    add_account(KS_STR("m2"));
    add_account(KS_STR("m1"));
    add_account(KS_STR("m10"));
    must(s->ops->account_add(s,
        &(struct ks_account_row) {
            .state = KS_ACCOUNT_ACTIVE, .domain = KS_STR("klinik.example.org"), .local = KS_STR("m3") },
        &id));
    commit();
    check_row(id == 4, named("each account gets the next id"), "got %llu", (unsigned long long)id);
    must(s->ops->account_find(s, KS_STR("klinik.example"), KS_STR("m1"), see_account, NULL));
    check_seen("an account is found with all its fields",
        "2 1 m1@klinik.example 'Dr. Jana Brandt' 'Innere' 'Ärztin' 1700000000123;");
    check_err(named("an account of another domain is not found"),
        s->ops->account_find(s, KS_STR("klinik.example.org"), KS_STR("m1"), see_account, NULL), KS_ENOTFOUND);

    begin();
    must(s->ops->account_update(s, &row));
    row.id = 77;
    check_err(named("what is not there is not changed"), s->ops->account_update(s, &row), KS_ENOTFOUND);
    commit();
    must(s->ops->account_list(s, KS_STR("klinik.example"), KS_STR_EMPTY, 100, see_account, NULL));
    check_seen("a domain's accounts come by localpart, deleted ones too, and keep their name for good",
        "2 3 m1@klinik.example '' '' '' 1700000000123;"
        "3 1 m10@klinik.example 'Dr. Jana Brandt' 'Innere' 'Ärztin' 1700000000123;"
        "1 1 m2@klinik.example 'Dr. Jana Brandt' 'Innere' 'Ärztin' 1700000000123;");
    must(s->ops->account_list(s, KS_STR("klinik.example"), KS_STR("m1"), 1, see_account, NULL));
    check_seen("a page of accounts begins after a localpart and is as long as asked for",
        "3 1 m10@klinik.example 'Dr. Jana Brandt' 'Innere' 'Ärztin' 1700000000123;");
    begin();
    row = (struct ks_account_row) { .domain = KS_STR("klinik.example"), .local = KS_STR("m1") };
    check_err(
        named("a deleted localpart never goes to a second person"), s->ops->account_add(s, &row, &id), KS_EEXISTS);
    s->ops->rollback(s);
}

static void values(void)
{
    begin();
    put(1, KS_STR("roster"), KS_STR("b@x"), KS_STR("2"));
    put(1, KS_STR("roster"), KS_STR("a@x"), KS_STR("1"));
    put(1, KS_STR("roster"), KS_STR("a@x"), KS_STR("one"));
    put(1, KS_STR("rost"), KS_STR("z"), KS_STR_EMPTY);
    put(1, KS_STR("vcard"), KS_STR("k"), KS_STR("v"));
    put(2, KS_STR("roster"), KS_STR("a@x"), KS_STR("other"));
    commit();
    must(s->ops->kv_load(s, 1, KS_STR_EMPTY, see_kv, NULL));
    check_seen("an account's rows come by store and key, the newest value of each",
        "1 rost z=;1 roster a@x=one;1 roster b@x=2;1 vcard k=v;");
    must(s->ops->kv_load(s, 1, KS_STR("rost"), see_kv, NULL));
    check_seen("a store's rows are not those of a store whose name is longer", "1 rost z=;");
    must(s->ops->kv_load(s, 9, KS_STR_EMPTY, see_kv, NULL));
    check_seen("an unknown account has no rows", "");

    begin();
    must(s->ops->kv_del(s, 1, KS_STR("roster"), KS_STR("a@x")));
    must(s->ops->kv_del(s, 1, KS_STR("roster"), KS_STR("nobody@x")));
    must(s->ops->kv_del(s, 1, KS_STR("rost"), KS_STR_EMPTY));
    commit();
    must(s->ops->kv_load(s, 1, KS_STR_EMPTY, see_kv, NULL));
    check_seen("a key or a whole store is deleted, and what is not there is no error", "1 roster b@x=2;1 vcard k=v;");
    begin();
    must(s->ops->kv_del(s, 1, KS_STR_EMPTY, KS_STR_EMPTY));
    commit();
    must(s->ops->kv_load(s, 1, KS_STR_EMPTY, see_kv, NULL));
    must(s->ops->kv_load(s, 2, KS_STR_EMPTY, see_kv, NULL));
    check_seen("all of an account is deleted, and nothing of another", "2 roster a@x=other;");
}

static void archive(void)
{
    uint64_t id;
    int64_t stamp_ms;
    size_t two = 2;

    must(s->ops->archive_last(s, &id, &stamp_ms));
    check_row(id == 0 && stamp_ms == 0, named("an empty archive has no last row"), "got %llu", (unsigned long long)id);
    begin();
    append(1, 1, 2, KS_STR("<a/>"));
    append(2, 1, 0, KS_STR("<b/>"));
    append(4, 1, 3, KS_STR("<c/>"));
    commit();
    must(s->ops->archive_get(s, 2, see_archive, NULL));
    check_seen("a row has its owners, their other sides and its stanza", "2@1002 1:b@x 0: <b/>;");
    check_err(
        named("a row that is not there is not found"), s->ops->archive_get(s, 3, see_archive, NULL), KS_ENOTFOUND);
    must(s->ops->archive_scan(s, 1, see_archive, NULL));
    check_seen("a scan begins after a row", "2@1002 1:b@x 0: <b/>;4@1004 1:b@x 3:a@x <c/>;");
    must(s->ops->archive_scan(s, 0, see_archive, &two));
    check_seen("a visitor ends a scan", "1@1001 1:b@x 2:a@x <a/>;2@1002 1:b@x 0: <b/>;");
    must(s->ops->archive_last(s, &id, &stamp_ms));
    check_row(id == 4 && stamp_ms == 1004, named("the last row is known"), "got %llu", (unsigned long long)id);
}

static void index_rows(void)
{
    static const struct ks_index_row rows[] = { { 1, 1, 10 }, { 1, 4, 10 }, { 1, 9, UINT64_MAX }, { 2, 1, 20 },
        { 3, 4, 30 } };
    size_t one = 1;

    begin();
    must(s->ops->index_add(s, rows, KS_COUNT(rows)));
    must(s->ops->index_add(s, rows, 1));
    commit();
    must(s->ops->index_scan(s, 1, 0, UINT64_MAX, false, see_index, NULL));
    check_seen("an account's entries rise, each once", "1/1=10;1/4=10;1/9=18446744073709551615;");
    must(s->ops->index_scan(s, 1, 1, 4, true, see_index, NULL));
    check_seen("a range has both its ends, and falls if asked to", "1/4=10;1/1=10;");
    must(s->ops->index_scan(s, 1, 0, UINT64_MAX, true, see_index, &one));
    check_seen("a visitor ends an index scan", "1/9=18446744073709551615;");
    must(s->ops->index_scan(s, 1, 5, 4, false, see_index, NULL));
    check_seen("an empty range has nothing", "");
}

static void replacing(void)
{
    begin();
    append(1, 1, 2, KS_STR("<a/>"));
    append(2, 1, 0, KS_STR("<b/>"));
    commit();
    begin();
    must(s->ops->archive_replace(s, 1, KS_STR("<other/>")));
    check_err(named("a row that is not there cannot be replaced"), s->ops->archive_replace(s, 3, KS_STR("<c/>")),
        KS_ENOTFOUND);
    commit();
    must(s->ops->archive_scan(s, 0, see_archive, NULL));
    check_seen("another stanza in a row, and all else as before", "1@1001 1:b@x 2:a@x <other/>;2@1002 1:b@x 0: <b/>;");
    begin();
    must(s->ops->archive_replace(s, 2, KS_STR("<gone/>")));
    s->ops->rollback(s);
    must(s->ops->archive_scan(s, 1, see_archive, NULL));
    check_seen("which is taken back with its transaction", "2@1002 1:b@x 0: <b/>;");
}

static void forgetting(void)
{
    static const struct ks_index_row rows[] = { { 1, 1, 0 }, { 2, 1, 0 }, { 1, 2, 0 }, { 1, 3, 0 }, { 3, 3, 0 },
        { 2, 4, 0 } };
    uint64_t id;
    int64_t stamp_ms;

    begin();
    append(1, 1, 2, KS_STR("<a/>"));
    append(2, 1, 0, KS_STR("<b/>"));
    append(3, 3, 1, KS_STR("<c/>"));
    append(4, 2, 0, KS_STR("<d/>"));
    must(s->ops->index_add(s, rows, KS_COUNT(rows)));
    commit();
    begin();
    must(s->ops->archive_forget(s, 1));
    commit();
    must(s->ops->archive_scan(s, 0, see_archive, NULL));
    check_seen("a forgotten account is in no row, and a row without owners is gone",
        "1@1001 0: 2:a@x <a/>;3@1003 3:b@x 0: <c/>;4@1004 2:b@x 0: <d/>;");
    must(s->ops->index_scan(s, 1, 0, UINT64_MAX, false, see_index, NULL));
    check_seen("a forgotten account has no index", "");
    begin();
    must(s->ops->archive_forget(s, 2));
    commit();
    must(s->ops->archive_last(s, &id, &stamp_ms));
    check_row(id == 4 && stamp_ms == 1004, named("the last id and stamp stay known when that row is gone"), "got %llu",
        (unsigned long long)id);
    s = driver->crash(s);
    must(s->ops->archive_last(s, &id, &stamp_ms));
    check_row(
        id == 4 && stamp_ms == 1004, named("they are known after a new start too"), "got %llu", (unsigned long long)id);
}

static void audit(void)
{
    check_err(named("an empty audit log has no last row"), s->ops->audit_last(s, see_audit, NULL), KS_ENOTFOUND);
    begin();
    append_audit(1);
    append_audit(2);
    append_audit(3);
    commit();
    must(s->ops->audit_scan(s, 2, see_audit, NULL));
    check_seen("the audit log is read from a number on", "2@5 uid:0 user.add 7 x abcd;3@5 uid:0 user.add 7 x abcd;");
    must(s->ops->audit_last(s, see_audit, NULL));
    check_seen("its last row is known", "3@5 uid:0 user.add 7 x abcd;");
}

static void fill(struct ks_str value)
{
    static const struct ks_index_row index = { 1, 1, 1 };

    add_account(value);
    put(1, KS_STR("st"), KS_STR("k"), value);
    put(1, KS_STR("st"), value, KS_STR("v"));
    append(value.len, 1, 2, value);
    must(s->ops->meta_put(s, KS_STR("m"), value));
    must(s->ops->index_add(s, &index, 1));
    append_audit(value.len);
}

static void see_all(void)
{
    struct ks_buf value;

    ks_buf_init(&value, 100);
    must(s->ops->account_list(s, KS_STR("klinik.example"), KS_STR_EMPTY, 100, see_account, NULL));
    must(s->ops->kv_load(s, 1, KS_STR_EMPTY, see_kv, NULL));
    must(s->ops->archive_scan(s, 0, see_archive, NULL));
    must(s->ops->index_scan(s, 1, 0, UINT64_MAX, false, see_index, NULL));
    must(s->ops->audit_scan(s, 0, see_audit, NULL));
    must(s->ops->meta_get(s, KS_STR("m"), &value));
    saw("m=%.*s", KS_STR_FMT(ks_buf_str(&value)));
    ks_buf_done(&value);
}

static void transactions(void)
{
    char before[sizeof seen];
    uint64_t id;
    int64_t stamp_ms;

    begin();
    fill(KS_STR("1"));
    commit();
    see_all();
    strcpy(before, seen);
    seen[0] = 0;

    begin();
    fill(KS_STR("22"));
    must(s->ops->kv_del(s, 1, KS_STR("st"), KS_STR("1")));
    must(s->ops->archive_forget(s, 1));
    must(s->ops->kv_del(s, 1, KS_STR_EMPTY, KS_STR_EMPTY));
    s->ops->rollback(s);
    see_all();
    check_seen("a rollback takes back every kind of write", before);
    must(s->ops->archive_last(s, &id, &stamp_ms));
    check_row(id == 1, named("a rollback takes back the last id"), "got %llu", (unsigned long long)id);

    begin();
    fill(KS_STR("22"));
    s = driver->crash(s);
    see_all();
    check_seen("a crash takes back what was not committed", before);

    begin();
    fill(KS_STR("22"));
    commit();
    see_all();
    strcpy(before, seen);
    seen[0] = 0;
    s = driver->crash(s);
    see_all();
    check_seen("a crash keeps what was committed", before);
    check_row(strlen(before) > 200, named("and that was something"), "saw %zu bytes", strlen(before));
}

/* --- only the memory driver --- */

static void room(void)
{
    struct ks_kv_row row = { 1, KS_STR("s"), KS_STR("k"), KS_STR("0123456789") };

    driver = &drivers[0];
    s = driver->open();
    ks_memory_server_store_room(s, 30);
    begin();
    must(s->ops->kv_put(s, &row));
    check_err(named("when there is no room a write says so"), s->ops->kv_put(s, &row), KS_EFULL);
    s->ops->rollback(s);
    must(s->ops->kv_load(s, 1, KS_STR_EMPTY, see_kv, NULL));
    check_seen("and the transaction can be taken back", "");
    ks_memory_server_store_room(s, SIZE_MAX);
    begin();
    must(s->ops->kv_put(s, &row));
    commit();
    must(s->ops->kv_load(s, 1, KS_STR_EMPTY, see_kv, NULL));
    check_seen("and all is well when there is room again", "1 s k=0123456789;");
    ks_server_store_free(s);
}

/* --- only the file --- */

static enum ks_err open_with(const struct ks_sqlite_setup *with)
{
    struct ks_server_store *opened = NULL;
    enum ks_err err = ks_sqlite_server_store_open(with, &opened);

    ks_server_store_free(opened);
    return err;
}

/* Another process opens the store while this one has it open. It is forked before, so it inherits no lock. */
static enum ks_err open_in_child(void)
{
    struct ks_sqlite_setup with = setup();
    int go[2], status = 0;
    pid_t child;

    scratch_must(pipe(go) == 0, "pipe");
    child = fork();
    scratch_must(child >= 0, "fork");
    if (child == 0) {
        char byte;
        close(go[1]);
        _exit(read(go[0], &byte, 1) == 1 ? -(int)open_with(&with) : 1);
    }
    close(go[0]);
    s = open_sqlite();
    scratch_must(s && write(go[1], "g", 1) == 1, "go");
    close(go[1]);
    waitpid(child, &status, 0);
    ks_server_store_free(s);
    return WIFEXITED(status) ? -WEXITSTATUS(status) : KS_FATAL;
}

static void opening(void)
{
    static const uint8_t other_key[KS_STORE_KEY_LEN] = { 9 };
    struct ks_sqlite_setup with = setup(), missing = setup(), wrong = setup(), plain = setup();
    struct sqlite3 *db = NULL;

    scratch_clear(path);
    check_err("a second process on the same data is refused", open_in_child(), KS_EEXISTS);
    s = open_sqlite();
    check_err("a second one in the same process too", open_with(&with), KS_EEXISTS);
    begin();
    fill(KS_STR("1"));
    commit();
    ks_server_store_free(s);

    missing.path = "/nonexistent/konsil.db";
    check_err("a directory that is not there is named as such", open_with(&missing), KS_EIO);
    wrong.key = other_key;
    check_err("a key that does not fit is refused", open_with(&wrong), KS_ECRYPTO);
    plain.pages = KS_PAGES_PLAIN;
    check_err("without a key it cannot be read", open_with(&plain), KS_ECRYPTO);
    check_err("with its key it opens", open_with(&with), KS_OK);
    check_row(scratch_mode(path) == 0600, "its owner alone may read it", "mode %o", scratch_mode(path));

    must(ks_sqlite_connect(&with, &db));
    must(ks_sqlite_exec(db, "PRAGMA user_version = 999"));
    sqlite3_close(db);
    check_err("a store of a newer konsild is refused", open_with(&with), KS_EVERSION);

    scratch_clear(path);
    must(ks_sqlite_connect(&with, &db));
    must(ks_sqlite_exec(db, "CREATE TABLE recipes (name)"));
    sqlite3_close(db);
    check_err("a file of something else is refused", open_with(&with), KS_ESTORE);
}

static void damage(void)
{
    struct ks_sqlite_setup with = setup();
    long bytes;
    bool noticed = true;

    scratch_clear(path);
    s = open_sqlite();
    begin();
    for (uint64_t id = 1; id < 5000; id++) /* most pages of the file */
        append(id, 1, 2, KS_STR("<message><body>Befund</body></message>"));
    commit();
    ks_server_store_free(s);
    bytes = scratch_bytes(path);
    scratch_flip(path, bytes / 2);
    /* Pages are authenticated, so one wrong bit anywhere is an error and never another text. */
    if (ks_sqlite_server_store_open(&with, &s) == KS_OK) {
        noticed = s->ops->archive_scan(s, 0, see_archive, NULL) == KS_ESTORE;
        ks_server_store_free(s);
    }
    seen[0] = 0;
    check_row(noticed, "one wrong bit in a page is noticed", "it was not");
    scratch_flip(path, 100);
    check_err("one wrong bit in the first page is noticed", open_with(&with), KS_ECRYPTO);
}

/* A message that fits a page, and one on pages of its own, at its beginning, in its middle and at its end. */
static void replacing_erases(void)
{
    struct ks_sqlite_setup with = { .path = path, .pages = KS_PAGES_PLAIN };
    static char large[100000];
    static const struct ks_index_row index[] = { { 1, 1, 1 }, { 1, 2, 1 }, { 1, 3, 1 } };

    memset(large, 'x', sizeof large - 1);
    memcpy(large, "<message>canary-1", 17);
    memcpy(large + 50000, "canary-2", 8);
    memcpy(large + sizeof large - 20, "canary-3</message>", 18);
    scratch_clear(path);
    must(ks_sqlite_server_store_open(&with, &s));
    begin();
    append(1, 1, 2, KS_STR("<message>canary-4</message>"));
    append(2, 1, 2, ks_str(large, sizeof large - 2));
    append(3, 1, 2, KS_STR("<message>neighbour</message>"));
    must(s->ops->index_add(s, index, KS_COUNT(index)));
    commit();
    check_row(scratch_holds(path, "canary-1") && scratch_holds(path, "canary-2") && scratch_holds(path, "canary-3")
            && scratch_holds(path, "canary-4"),
        "before they are taken back, messages are found in the file or its log", "they are not");
    begin();
    must(s->ops->archive_replace(s, 1, KS_STR("<message><retracted/></message>")));
    must(s->ops->archive_replace(s, 2, KS_STR("<message><retracted/></message>")));
    commit();
    check_row(!scratch_holds(path, "canary"),
        "DSK I.7-a: of a message that was taken back nothing is left in the "
        "database's pages, nor in its log",
        "it still is there");
    check_row(scratch_holds(path, "neighbour"), "(positive control: the message beside it is found)", "it is not");
    ks_server_store_free(s);
}

/* DSK: deletion is physical. Plain pages, so that the bytes can be looked for. */
static void erasing(void)
{
    struct ks_sqlite_setup with = { .path = path, .pages = KS_PAGES_PLAIN };
    static const struct ks_index_row index[] = { { 1, 1, 1 } };

    scratch_clear(path);
    must(ks_sqlite_server_store_open(&with, &s));
    begin();
    add_account(KS_STR("m1"));
    put(1, KS_STR("scram"), KS_STR("SCRAM-SHA-256"), KS_STR("canary-credential"));
    append(1, 1, 0, KS_STR("<message>canary-message</message>"));
    must(s->ops->index_add(s, index, 1));
    commit();
    check_row(scratch_holds(path, "canary-credential") && scratch_holds(path, "canary-message"),
        "before its deletion a text is found in the file or its log", "it is not");
    begin();
    must(s->ops->kv_del(s, 1, KS_STR_EMPTY, KS_STR_EMPTY));
    must(s->ops->archive_forget(s, 1));
    commit();
    check_row(!scratch_holds(path, "canary"), "after the deletion it is in neither", "it still is");
    ks_server_store_free(s);
    replacing_erases();

    scratch_clear(path);
    s = open_sqlite();
    begin();
    put(1, KS_STR("scram"), KS_STR("SCRAM-SHA-256"), KS_STR("canary-credential"));
    commit();
    check_row(!scratch_holds(path, "canary"), "in an encrypted file it is never found", "it is");
    ks_server_store_free(s);
}

static void migration(void)
{
    struct ks_sqlite_setup with = setup();
    struct sqlite3 *db = NULL;
    char *sql = scratch_read(FIXTURES "/server_store_v1.sql");

    scratch_clear(path);
    must(ks_sqlite_connect(&with, &db));
    must(ks_sqlite_exec(db, sql));
    sqlite3_close(db);
    free(sql);
    s = open_sqlite();
    must(s->ops->account_list(s, KS_STR("klinik.example"), KS_STR_EMPTY, 100, see_account, NULL));
    check_seen("a store of schema 1 opens, with empty columns of schema 2",
        "1 1 m1@klinik.example 'Dr. Jana Brandt' '' '' 1700000000000;"
        "2 3 m2@klinik.example '' '' '' 1700000000001;");
    must(s->ops->kv_load(s, 1, KS_STR_EMPTY, see_kv, NULL));
    must(s->ops->archive_scan(s, 0, see_archive, NULL));
    must(s->ops->index_scan(s, 1, 0, UINT64_MAX, false, see_index, NULL));
    must(s->ops->audit_scan(s, 0, see_audit, NULL));
    check_seen("and all its rows are there",
        "1 roster anna@klinik.example=x;1@1700000000500 1:m2@klinik.example 0: <message/>;1/1=77;"
        "1@1700000000600 uid:0 user.add 1  0000;");
    begin();
    add_account(KS_STR("m3"));
    commit();
    must(s->ops->account_find(s, KS_STR("klinik.example"), KS_STR("m3"), see_account, NULL));
    check_seen(
        "and new rows are as in a new one", "3 1 m3@klinik.example 'Dr. Jana Brandt' 'Innere' 'Ärztin' 1700000000123;");
    ks_server_store_free(s);
}

static void migration_of_2(void)
{
    struct ks_sqlite_setup with = setup();
    struct ks_record_head head;
    struct sqlite3 *db = NULL;
    char *sql = scratch_read(FIXTURES "/server_store_v2.sql");

    scratch_clear(path);
    must(ks_sqlite_connect(&with, &db));
    must(ks_sqlite_exec(db, sql));
    sqlite3_close(db);
    free(sql);
    s = open_sqlite();
    must(s->ops->account_list(s, KS_STR("klinik.example"), KS_STR_EMPTY, 100, see_account, NULL));
    must(s->records->ops->head(s->records, 1, &head));
    check_row(head.aseq_last == 0 && head.rows == 0, "a store of schema 2 opens, with no records", "it has some");
    check_seen("and its accounts are as they were",
        "1 1 m1@klinik.example 'Dr. Jana Brandt' 'Innere' 'Ärztin' 1700000000000;");
    ks_server_store_free(s);
}

int main(void)
{
    static void (*const rows[])(
        void) = { settings, accounts, values, archive, index_rows, replacing, forgetting, audit, transactions };

    scratch_path(path, sizeof path, "server.db");
    for (size_t d = 0; d < KS_COUNT(drivers); d++)
        for (size_t i = 0; i < KS_COUNT(rows); i++) {
            driver = &drivers[d];
            scratch_clear(path);
            s = driver->open();
            assert(s);
            rows[i]();
            ks_server_store_free(s);
        }
    room();
    driver = &drivers[1];
    opening();
    damage();
    erasing();
    migration();
    migration_of_2();
    scratch_done();
    return check_done();
}
