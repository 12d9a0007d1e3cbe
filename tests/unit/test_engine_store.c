/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The engine store's contract, over both drivers; then what only a file can do wrong. */
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "engine_store.h"
#include "failmalloc.h"
#include "sqlite_engine_store.h"

static const uint8_t key_a[32] = "0123456789abcdef0123456789abcde", key_b[32] = "another key of 32 bytes, really";
static char dir[] = "/tmp/ks-engine-XXXXXX", path[64];

static const struct driver {
    const char *name;
    bool file;
} drivers[] = { { "memory", false }, { "sqlite", true } };

static void remove_files(void)
{
    static const char *const ends[] = { "", "-wal", "-journal", "-shm" };

    for (size_t i = 0; i < KS_COUNT(ends); i++) {
        char file[80];

        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        unlink(file);
    }
}

static struct ks_engine_store *open_store(const struct driver *d)
{
    struct ks_engine_store *s = NULL;
    enum ks_err err = KS_OK;

    remove_files();
    if (d->file)
        err = ks_sqlite_engine_store_open(path, NULL, key_a, true, &s);
    else
        s = ks_memory_engine_store_new();
    if (!s) {
        printf("Bail out! no store: %s\n", ks_err_name(err));
        exit(1);
    }
    return s;
}

/* What a visitor saw: "key=value " each. */
struct seen {
    struct ks_buf text;
    int left;
};

static bool see(void *user, struct ks_str key, struct ks_str value)
{
    struct seen *seen = user;

    ks_buf_add(&seen->text, key);
    ks_buf_byte(&seen->text, '=');
    ks_buf_add(&seen->text, value);
    ks_buf_byte(&seen->text, ' ');
    return --seen->left > 0;
}

static const char *name_of(const struct driver *d, const char *sentence)
{
    static char name[200];

    snprintf(name, sizeof name, "%s: %s", d->name, sentence);
    return name;
}

static void put(struct ks_engine_store *s, const char *key, const char *value)
{
    if (s->ops->put(s, KS_T_MESSAGE, ks_str_z(key), ks_str_z(value)) != KS_OK)
        printf("# put failed: %s\n", key);
}

static bool has(struct ks_engine_store *s, struct ks_str key, struct ks_str want)
{
    struct ks_buf buf;
    bool same;

    ks_buf_init(&buf, 1000);
    same = s->ops->get(s, KS_T_MESSAGE, key, &buf) == KS_OK && ks_str_eq(ks_buf_str(&buf), want);
    ks_buf_done(&buf);
    return same;
}

static bool lacks(struct ks_engine_store *s, const char *key)
{
    struct ks_buf buf;
    bool lacking;

    ks_buf_init(&buf, 1000);
    lacking = s->ops->get(s, KS_T_MESSAGE, ks_str_z(key), &buf) == KS_ENOTFOUND && buf.len == 0;
    ks_buf_done(&buf);
    return lacking;
}

static void test_values(const struct driver *d)
{
    struct ks_engine_store *s = open_store(d);
    struct ks_buf small;

    check_row(lacks(s, "a"), name_of(d, "a key that was never put is not found"), "found");
    put(s, "a", "1");
    check_row(has(s, KS_STR("a"), KS_STR("1")), name_of(d, "a value is found under its key"), "not there");
    put(s, "a", "two");
    check_row(has(s, KS_STR("a"), KS_STR("two")), name_of(d, "a second put replaces"), "not replaced");
    check_err(name_of(d, "zero bytes in key and value are bytes"),
        s->ops->put(s, KS_T_MESSAGE, KS_STR("k\0x"), KS_STR("v\0\xff")), KS_OK);
    check_row(has(s, KS_STR("k\0x"), KS_STR("v\0\xff")) && lacks(s, "k"), name_of(d, "a key is not cut at a zero byte"),
        "cut");
    check_err(name_of(d, "an empty value is a value"), s->ops->put(s, KS_T_MESSAGE, KS_STR("e"), KS_STR_EMPTY), KS_OK);
    check_row(has(s, KS_STR("e"), KS_STR_EMPTY), name_of(d, "an empty value is found"), "not found");
    ks_buf_init(&small, 2);
    check_err(name_of(d, "a value over the reader's limit is a limit"),
        s->ops->get(s, KS_T_MESSAGE, KS_STR("a"), &small), KS_ELIMIT);
    ks_buf_done(&small);
    check_err(name_of(d, "deleting is done"), s->ops->del(s, KS_T_MESSAGE, KS_STR("a")), KS_OK);
    check_row(lacks(s, "a"), name_of(d, "what was deleted is gone"), "there");
    check_err(name_of(d, "deleting nothing is done"), s->ops->del(s, KS_T_MESSAGE, KS_STR("a")), KS_OK);
    ks_buf_init(&small, 10);
    check_err(
        name_of(d, "tables do not see each other"), s->ops->get(s, KS_T_OUTBOX, KS_STR("e"), &small), KS_ENOTFOUND);
    ks_buf_done(&small);
    ks_engine_store_free(s);
}

struct outer {
    struct ks_engine_store *store;
    struct seen seen, inner;
};

static bool see_both(void *user, struct ks_str key, struct ks_str value)
{
    struct outer *outer = user;

    if (outer->store->ops->scan(outer->store, KS_T_MESSAGE, key, KS_STR_EMPTY, false, see, &outer->inner) != KS_OK)
        return false;
    return see(&outer->seen, key, value);
}

/* What begins with a letter, and for each of them again what begins with it: two scans of one kind. */
static void test_nested_scans(const struct driver *d)
{
    struct outer outer = { .store = open_store(d), .seen = { .left = 99 }, .inner = { .left = 99 } };

    ks_buf_init(&outer.seen.text, 1000);
    ks_buf_init(&outer.inner.text, 1000);
    put(outer.store, "a", "1");
    put(outer.store, "ab", "2");
    put(outer.store, "b", "3");
    for (int i = 0; i < 2; i++) {
        ks_buf_reset(&outer.seen.text);
        ks_buf_reset(&outer.inner.text);
        if (outer.store->ops->scan(outer.store, KS_T_MESSAGE, KS_STR("a"), KS_STR_EMPTY, false, see_both, &outer)
            != KS_OK)
            check_row(false, name_of(d, "a scan"), "it failed");
        check_str(name_of(d, "a visitor may start another scan"), ks_buf_str(&outer.seen.text), KS_STR("a=1 ab=2 "));
        check_str(name_of(d, "which gives what it asks for"), ks_buf_str(&outer.inner.text), KS_STR("a=1 ab=2 ab=2 "));
    }
    ks_buf_done(&outer.seen.text);
    ks_buf_done(&outer.inner.text);
    ks_engine_store_free(outer.store);
}

static void test_scans(const struct driver *d)
{
    static const struct row {
        const char *name, *prefix, *from;
        bool falling;
        int limit;
        const char *want;
    } rows[] = {
        { "a scan rises through all keys", "", "", false, 99, "a=1 ab=2 b=3 b1=4 b2=5 b3=6 c=7 \xff=8 " },
        { "a scan falls through all keys", "", "", true, 99, "\xff=8 c=7 b3=6 b2=5 b1=4 b=3 ab=2 a=1 " },
        { "a prefix bounds a rising scan", "b", "", false, 99, "b=3 b1=4 b2=5 b3=6 " },
        { "a prefix bounds a falling scan", "b", "", true, 99, "b3=6 b2=5 b1=4 b=3 " },
        { "rising starts at from, with it", "b", "b2", false, 99, "b2=5 b3=6 " },
        { "falling starts below from", "b", "b2", true, 99, "b1=4 b=3 " },
        { "from below the prefix changes nothing when rising", "b", "a", false, 99, "b=3 b1=4 b2=5 b3=6 " },
        { "from above the prefix changes nothing when falling", "b", "zz", true, 99, "b3=6 b2=5 b1=4 b=3 " },
        { "from above the prefix finds nothing when rising", "b", "c", false, 99, "" },
        { "from below the prefix finds nothing when falling", "b", "a", true, 99, "" },
        { "a prefix of 0xff has no end", "\xff", "", false, 99, "\xff=8 " },
        { "a prefix of 0xff has no end when falling", "\xff", "", true, 99, "\xff=8 " },
        { "a prefix that nothing has finds nothing", "x", "", false, 99, "" },
        { "false stops a rising scan", "", "", false, 2, "a=1 ab=2 " },
        { "false stops a falling scan", "", "", true, 2, "\xff=8 c=7 " },
    };
    static const char *const keys[] = { "b2", "a", "c", "b", "\xff", "b3", "ab", "b1" };
    static const char *const values[] = { "5", "1", "7", "3", "8", "6", "2", "4" };
    struct ks_engine_store *s = open_store(d);

    for (size_t i = 0; i < KS_COUNT(keys); i++)
        put(s, keys[i], values[i]);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct seen seen = { .left = rows[i].limit };

        ks_buf_init(&seen.text, 1000);
        if (s->ops->scan(s, KS_T_MESSAGE, ks_str_z(rows[i].prefix), ks_str_z(rows[i].from), rows[i].falling, see, &seen)
            == KS_OK)
            check_str(name_of(d, rows[i].name), ks_buf_str(&seen.text), ks_str_z(rows[i].want));
        else
            check_row(false, name_of(d, rows[i].name), "scan failed");
        ks_buf_done(&seen.text);
    }
    ks_engine_store_free(s);
}

static void test_transactions(const struct driver *d)
{
    struct ks_engine_store *s = open_store(d);

    check_err(name_of(d, "commit outside of a transaction is refused"), s->ops->commit(s), KS_ESTATE);
    s->ops->rollback(s);
    put(s, "kept", "old");
    put(s, "gone", "old");
    check_err(name_of(d, "a transaction begins"), s->ops->begin(s), KS_OK);
    check_err(name_of(d, "a second one inside is refused"), s->ops->begin(s), KS_ESTATE);
    put(s, "kept", "new");
    put(s, "kept", "newer");
    put(s, "fresh", "new");
    check_err(name_of(d, "deletes inside"), s->ops->del(s, KS_T_MESSAGE, KS_STR("gone")), KS_OK);
    check_row(has(s, KS_STR("kept"), KS_STR("newer")) && has(s, KS_STR("fresh"), KS_STR("new")) && lacks(s, "gone"),
        name_of(d, "reads see the writes of the open transaction"), "not seen");
    s->ops->rollback(s);
    check_row(has(s, KS_STR("kept"), KS_STR("old")) && lacks(s, "fresh") && has(s, KS_STR("gone"), KS_STR("old")),
        name_of(d, "a rollback leaves nothing of it"), "something is left");
    check_err(name_of(d, "another begins"), s->ops->begin(s), KS_OK);
    put(s, "kept", "new");
    check_err(name_of(d, "and is committed"), s->ops->commit(s), KS_OK);
    s->ops->rollback(s);
    check_row(has(s, KS_STR("kept"), KS_STR("new")), name_of(d, "a rollback after it changes nothing"), "rolled back");
    ks_engine_store_free(s);
}

static void test_search(const struct driver *d)
{
    static const struct row {
        const char *name, *query, *want;
        uint32_t limit;
    } rows[] = {
        { "a word is found, newest first", "befund", "c/3= c/1= ", 9 },
        { "the start of a word finds it", "bef", "c/3= c/1= ", 9 },
        { "the middle of a word does not", "fund", "c/4= ", 9 },
        { "every word must be there", "befund labor", "c/1= ", 9 },
        { "in any order", "labor befund", "c/1= ", 9 },
        { "a word that nobody wrote finds nothing", "zebra", "", 9 },
        { "one of two words is not enough", "befund zebra", "", 9 },
        { "limit bounds the answer", "befund", "c/3= ", 1 },
        { "quotes and operators are signs, not syntax", "befund\" OR (labor*", "", 9 },
        { "signs around words part them", "\"befund\" (labor)", "c/1= ", 9 },
        { "an umlaut is a letter", "röntgen", "c/2= ", 9 },
        { "typographic quotes part words", "schwester", "c/2= ", 9 },
        { "a number is a word", "42", "c/2= ", 9 },
        { "an empty query finds nothing", "", "", 9 },
        { "a query of signs finds nothing", "\"*-", "", 9 },
    };
    struct ks_engine_store *s = open_store(d);
    bool ok = s->ops->index_text(s, KS_STR("c/1"), KS_STR("labor: befund liegt vor")) == KS_OK
        && s->ops->index_text(s, KS_STR("c/2"), KS_STR("„schwester“ ruft … röntgen, zimmer 42")) == KS_OK
        && s->ops->index_text(s, KS_STR("c/3"), KS_STR("noch ein befund")) == KS_OK
        && s->ops->index_text(s, KS_STR("c/4"), KS_STR("fundsache")) == KS_OK;

    check_row(ok, name_of(d, "texts are indexed"), "refused");
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct seen seen = { .left = 99 };
        enum ks_err err;

        ks_buf_init(&seen.text, 1000);
        err = s->ops->search(s, ks_str_z(rows[i].query), rows[i].limit, see, &seen);
        if (err == KS_OK)
            check_str(name_of(d, rows[i].name), ks_buf_str(&seen.text), ks_str_z(rows[i].want));
        else
            check_err(name_of(d, rows[i].name), err, KS_OK);
        ks_buf_done(&seen.text);
    }

    static const struct {
        const char *name, *query, *want;
    } after[] = {
        { "an edit replaces the text", "befund", "c/3= " },
        { "the new text is found", "storniert", "c/1= " },
        { "a removed text is not found", "röntgen", "" },
    };

    ok = s->ops->begin(s) == KS_OK && s->ops->index_text(s, KS_STR("c/3"), KS_STR("rolled back")) == KS_OK;
    s->ops->rollback(s);
    ok = ok && s->ops->index_text(s, KS_STR("c/1"), KS_STR("storniert")) == KS_OK
        && s->ops->index_text(s, KS_STR("c/2"), KS_STR_EMPTY) == KS_OK
        && s->ops->index_text(s, KS_STR("c/9"), KS_STR_EMPTY) == KS_OK;
    check_row(ok, name_of(d, "the index follows edits, and a rollback"), "refused");
    for (size_t i = 0; i < KS_COUNT(after); i++) {
        struct seen seen = { .left = 99 };

        ks_buf_init(&seen.text, 1000);
        if (s->ops->search(s, ks_str_z(after[i].query), 9, see, &seen) == KS_OK)
            check_str(name_of(d, after[i].name), ks_buf_str(&seen.text), ks_str_z(after[i].want));
        else
            check_row(false, name_of(d, after[i].name), "search failed");
        ks_buf_done(&seen.text);
    }
    ks_engine_store_free(s);
}

static void test_crash(void)
{
    struct ks_engine_store *s = ks_memory_engine_store_new();

    put(s, "a", "1");
    if (s->ops->begin(s) != KS_OK)
        printf("# no transaction\n");
    put(s, "a", "2");
    ks_memory_engine_store_crash(s);
    check_row(has(s, KS_STR("a"), KS_STR("1")) && s->ops->begin(s) == KS_OK,
        "memory: a crash takes what was not committed, and the transaction", "something is left");
    ks_engine_store_free(s);
}

static void test_no_memory(void)
{
    bool ok = true;
    int rounds = 0;

    for (int n = 1; ok && fail_nth(n); n++, rounds++) {
        struct ks_engine_store *s = ks_memory_engine_store_new();
        enum ks_err err = s ? s->ops->begin(s) : KS_ENOMEM;
        bool struck;

        for (int i = 0; err == KS_OK && i < 40; i++) {
            char key[8];

            snprintf(key, sizeof key, "%d", i % 30);
            err = s->ops->put(s, KS_T_MESSAGE, ks_str_z(key), KS_STR("value"));
        }
        if (err == KS_OK)
            err = s->ops->index_text(s, KS_STR("1"), KS_STR("text"));
        if (err == KS_OK)
            err = s->ops->del(s, KS_T_MESSAGE, KS_STR("7"));
        struck = fail_stop();
        ok = ok && err == (struck ? KS_ENOMEM : KS_OK);
        if (s) {
            s->ops->rollback(s);
            ok = ok && lacks(s, "1") && lacks(s, "7");
        }
        ks_engine_store_free(s);
    }
    check_row(ok && rounds > 50, "memory: without memory a write fails, and a rollback needs none", "after %d", rounds);
}

/* --- the file --- */

static enum ks_err reopen(const uint8_t *key, bool create)
{
    struct ks_engine_store *s = NULL;
    enum ks_err err = ks_sqlite_engine_store_open(path, NULL, key, create, &s);

    ks_engine_store_free(s);
    return err;
}

static bool in_file(const char *needle, const char *end)
{
    char file[80], bytes[256 * 1024];
    FILE *f;
    size_t len = 0;

    snprintf(file, sizeof file, "%s%s", path, end);
    if ((f = fopen(file, "rb"))) {
        len = fread(bytes, 1, sizeof bytes, f);
        fclose(f);
    }
    return ks_str_find(ks_str(bytes, len), ks_str_z(needle)) < len;
}

static void set_schema(int version)
{
    char raw[100] = "PRAGMA key = \"raw:", sql[200];
    sqlite3 *db;

    for (int i = 0; i < 32; i++)
        snprintf(raw + strlen(raw), 3, "%02x", key_a[i]);
    snprintf(sql, sizeof sql, "PRAGMA cipher = 'chacha20'; %s\"; PRAGMA user_version = %d", raw, version);
    sqlite3_open(path, &db);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        printf("# schema not set: %s\n", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void flip_byte_at(long at)
{
    FILE *f = fopen(path, "r+b");
    int c;

    fseek(f, at, at < 0 ? SEEK_END : SEEK_SET);
    c = fgetc(f);
    fseek(f, -1, SEEK_CUR);
    fputc(c ^ 1, f);
    fclose(f);
}

/* Opens in another process; its exit status is the error. */
static enum ks_err open_elsewhere(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(-(int)reopen(key_a, false));
    waitpid(child, &status, 0);
    return (enum ks_err) - WEXITSTATUS(status);
}

static void test_file(void)
{
    struct ks_engine_store *s;
    struct ks_buf buf;
    enum ks_err err = KS_OK;
    char value[2000];

    remove_files();
    check_err("sqlite: a file that is not there is not made unasked", reopen(key_a, false), KS_ENOTFOUND);
    check_err("sqlite: a path that cannot be made fails",
        ks_sqlite_engine_store_open("/nowhere/at/all", NULL, key_a, true, &s), KS_ESTORE);
    s = open_store(&drivers[1]);
    put(s, "canary key", "canary value");
    check_err("sqlite: the canary is indexed", s->ops->index_text(s, KS_STR("m"), KS_STR("canary text")), KS_OK);
    check_err("sqlite: a second process is refused", open_elsewhere(), KS_EAGAIN);
    ks_engine_store_free(s);
    check_err("sqlite: it may open when the first is gone", open_elsewhere(), KS_OK);
    check_err("sqlite: another key does not fit", reopen(key_b, false), KS_ECRYPTO);
    check_row(
        !in_file("canary", "") && !in_file("SQLite format", ""), "sqlite: the file holds no plaintext", "it does");

    if (ks_sqlite_engine_store_open(path, NULL, key_a, false, &s) == KS_OK) {
        check_row(has(s, KS_STR("canary key"), KS_STR("canary value")),
            "sqlite: what was written is there after reopening", "it is not");
        put(s, "canary key", "canary value 2");
        check_row(
            !in_file("canary", "-wal") && !in_file("canary", ""), "sqlite: the journal holds no plaintext", "it does");
        ks_engine_store_free(s);
    }
    {
        FILE *f = fopen(path, "ab"); /* the positive control of the two rows above */

        fputs("canary", f);
        fclose(f);
        check_row(in_file("canary", ""), "sqlite: a plaintext in the file would be found", "it was not");
        remove_files();
    }

    ks_engine_store_free(open_store(&drivers[1]));
    set_schema(KS_SQLITE_ENGINE_SCHEMA + 1);
    check_err("sqlite: a store of a newer version is refused", reopen(key_a, false), KS_EVERSION);
    set_schema(KS_SQLITE_ENGINE_SCHEMA);
    check_err("sqlite: and opens again with the right version", reopen(key_a, false), KS_OK);

    s = open_store(&drivers[1]);
    memset(value, 'v', sizeof value);
    for (int i = 0; i < 200 && err == KS_OK; i++) {
        char key[16];

        snprintf(key, sizeof key, "%06d", i);
        err = s->ops->put(s, KS_T_MESSAGE, ks_str_z(key), ks_str(value, sizeof value));
    }
    check_err("sqlite: 200 values are written", err, KS_OK);
    ks_engine_store_free(s);
    flip_byte_at(-100000);
    err = ks_sqlite_engine_store_open(path, NULL, key_a, false, &s);
    check_err("sqlite: a damaged page is not seen before it is read", err, KS_OK);
    ks_buf_init(&buf, 10000);
    for (int i = 0; i < 200 && err == KS_OK; i++) {
        char key[16];

        snprintf(key, sizeof key, "%06d", i);
        ks_buf_reset(&buf);
        err = s->ops->get(s, KS_T_MESSAGE, ks_str_z(key), &buf);
    }
    ks_buf_done(&buf);
    check_err("sqlite: a flipped bit in a page is noticed when it is read", err, KS_ESTORE);
    ks_engine_store_free(s);
    flip_byte_at(2000);
    check_err("sqlite: a flipped bit in the first page looks like a wrong key", reopen(key_a, false), KS_ECRYPTO);
}

/* A process that dies between begin and commit, and one that dies right after a commit. */
static void test_kill(void)
{
    struct ks_engine_store *s;
    pid_t child;

    ks_engine_store_free(open_store(&drivers[1]));
    child = fork();
    if (child == 0) {
        if (ks_sqlite_engine_store_open(path, NULL, key_a, false, &s) == KS_OK && s->ops->begin(s) == KS_OK) {
            put(s, "committed", "1");
            if (s->ops->commit(s) == KS_OK && s->ops->begin(s) == KS_OK)
                put(s, "open", "1");
        }
        kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
    if (ks_sqlite_engine_store_open(path, NULL, key_a, false, &s) == KS_OK) {
        check_row(has(s, KS_STR("committed"), KS_STR("1")), "sqlite: a commit survives kill -9", "lost");
        check_row(lacks(s, "open"), "sqlite: an open transaction does not", "it is there");
        ks_engine_store_free(s);
    } else {
        check_row(false, "sqlite: a commit survives kill -9", "does not open");
    }
}

int main(void)
{
    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s/store", dir);
    for (size_t i = 0; i < KS_COUNT(drivers); i++) {
        test_values(&drivers[i]);
        test_nested_scans(&drivers[i]);
        test_scans(&drivers[i]);
        test_transactions(&drivers[i]);
        test_search(&drivers[i]);
    }
    test_crash();
    test_no_memory();
    test_file();
    test_kill();
    remove_files();
    rmdir(dir);
    return check_done();
}
