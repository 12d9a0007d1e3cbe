/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Backups under load, restored on an empty host, and everything that can be wrong with one. */
#include <dirent.h>
#include <limits.h>

#include "backup.h"
#include "backup_stream.h"
#include "check.h"
#include "committer.h"
#include "crypto.h"
#include "scratch.h"
#include "sqlite_server_store.h"

#define CANARY "canary-7f3a"

static const uint8_t store_key[KS_STORE_KEY_LEN] = { 1 }, other_key[32] = { 2 }, backup_key[32] = { 3 };
static char store_path[PATH_MAX], backup_path[PATH_MAX], damaged_path[PATH_MAX], host[PATH_MAX], host_path[PATH_MAX];
static struct ks_prng chance;
static struct ks_server_store *store;
static struct ks_committer *c;
static uint64_t messages;

static void must(enum ks_err err, const char *what)
{
    if (err != KS_OK) {
        printf("Bail out! %s: %s\n", what, ks_err_name(err));
        exit(1);
    }
}

static struct ks_sqlite_setup setup_of(const char *path, const uint8_t *key)
{
    return (struct ks_sqlite_setup) { .path = path, .key = key };
}

/* --- a server at work --- */

static void do_turn(struct ks_store_req *req)
{
    struct ks_store_req *next;

    req->epoch = 1;
    ks_committer_submit(c, req);
    for (req = ks_committer_turn(c, (struct ks_now) { 0, 1700000000000 + (int64_t)messages }); req; req = next) {
        next = req->next;
        must(req->result, "turn");
        ks_store_req_free(req);
    }
}

static void write_some(int count)
{
    struct ks_store_req *req = ks_store_txn_new();
    char text[2000];

    for (int i = 0; i < count; i++) {
        size_t len = 20 + ks_prng_below(&chance, sizeof text - 40);
        memset(text, 'x', len);
        snprintf(text, sizeof text, "%s %llu", CANARY, (unsigned long long)++messages);
        ks_store_txn_archive(req,
            &(struct ks_archive_row) { .owner = { 1 + ks_prng_below(&chance, 5), 6 + ks_prng_below(&chance, 5) },
                .with = { KS_STR("b@x"), KS_STR("a@x") },
                .stanza = ks_str(text, len) });
    }
    ks_store_txn_kv_put(req, 1 + ks_prng_below(&chance, 10), KS_STR("roster"), ks_str(text, 30), ks_str(text, 50));
    ks_store_txn_audit(req, &(struct ks_audit_row) { .actor = KS_STR("uid:0"), .action = KS_STR("x") });
    do_turn(req);
    ks_committer_tidy(c);
}

static void start(void)
{
    struct ks_sqlite_setup setup = setup_of(store_path, store_key);

    must(ks_sqlite_server_store_open(&setup, &store), "store");
    must(ks_committer_new(store, &chance, &c), "committer");
    ks_committer_set_tail_max(c, 500);
}

static void stop(void)
{
    ks_committer_free(c);
    ks_server_store_free(store);
    c = NULL;
    store = NULL;
}

/* --- what a store holds --- */

static bool dump_archive(void *user, const struct ks_archive_row *row)
{
    ks_buf_u64(user, row->id);
    ks_buf_u64(user, (uint64_t)row->stamp_ms);
    ks_buf_u64(user, row->owner[0]);
    ks_buf_u64(user, row->owner[1]);
    ks_buf_field(user, row->stanza);
    return true;
}

static bool dump_kv(void *user, const struct ks_kv_row *row)
{
    ks_buf_field(user, row->key);
    ks_buf_field(user, row->value);
    return true;
}

static bool dump_audit(void *user, const struct ks_audit_row *row)
{
    ks_buf_add(user, ks_str(row->hash, sizeof row->hash));
    return true;
}

static void digest(struct ks_server_store *s, uint8_t ret_digest[32])
{
    struct ks_buf buf;

    ks_buf_init(&buf, SIZE_MAX / 2);
    must(s->ops->archive_scan(s, 0, dump_archive, &buf), "archive");
    for (uint64_t account = 0; account < 12; account++)
        must(s->ops->kv_load(s, account, KS_STR_EMPTY, dump_kv, &buf), "values");
    must(s->ops->audit_scan(s, 0, dump_audit, &buf), "audit");
    must(ks_buf_err(&buf), "digest");
    ks_hash(KS_SHA256, ks_buf_str(&buf), ret_digest);
    ks_buf_done(&buf);
}

/* --- taking one --- */

static enum ks_err take(const char *path, bool under_load, uint8_t at_cut[32], struct ks_backup_facts *facts)
{
    struct ks_backup_setup setup = { .path = path, .key = backup_key, .now_ms = 1700000000000 };
    struct ks_backup *backup = NULL;
    enum ks_err err = ks_backup_new(&setup, store, &chance, &backup);
    bool done = false, readable = false;
    char copy_path[PATH_MAX];
    int steps = 0;

    scratch_path(copy_path, sizeof copy_path, "nightly.backup.db");
    while (err == KS_OK && !done) {
        if (under_load)
            write_some(20);
        err = ks_backup_step(backup, &done);
        steps++;
        readable |= scratch_holds(copy_path, CANARY);
    }
    if (err == KS_OK) {
        digest(store, at_cut);
        if (under_load) {
            check_row(steps > 5, "a backup is taken in steps, between turns", "%d steps", steps);
            check_row(!readable, "the copy that is made first cannot be read either", "it can");
            write_some(20); /* after the cut */
        }
        err = ks_backup_finish(backup, facts);
    }
    ks_backup_free(backup);
    return err;
}

static enum ks_err verify(const char *path, const uint8_t *key)
{
    struct ks_backup_facts facts;

    return ks_backup_verify(path, key, scratch_directory, &facts);
}

static void empty_host(void)
{
    char command[3 * PATH_MAX];

    snprintf(command, sizeof command, "rm -rf '%s' && mkdir '%s'", host, host);
    scratch_must(system(command) == 0, command);
}

static int files_in(const char *directory)
{
    DIR *dir = opendir(directory);
    int count = 0;

    scratch_must(dir != NULL, directory);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static enum ks_err restore(const char *path, const char *beside)
{
    struct ks_sqlite_setup to = setup_of(host_path, other_key);
    struct ks_backup_facts facts;

    return ks_backup_restore(path, backup_key, &to, NULL, beside, &chance, &facts);
}

static enum ks_err audit_verify(void)
{
    struct ks_store_req *req = ks_store_audit_verify_new();
    enum ks_err err;

    ks_committer_submit(c, req);
    ks_committer_turn(c, (struct ks_now) { 0 });
    err = req->result;
    ks_store_req_free(req);
    return err;
}

static void under_load(void)
{
    struct ks_backup_facts facts = { 0 }, again = { 0 };
    struct ks_sqlite_setup to = setup_of(host_path, other_key);
    uint8_t at_cut[32], restored[32];
    char lost[KS_ARCHIVE_ID_LEN], kept[KS_ARCHIVE_ID_LEN];
    uint64_t row;
    int before;

    start();
    while (messages < 3000)
        write_some(50);
    before = files_in(scratch_directory);
    check_err("a backup is taken while the server works", take(backup_path, true, at_cut, &facts), KS_OK);
    check_row(files_in(scratch_directory) == before + 1, "nothing but the backup is left behind", "%d files more",
        files_in(scratch_directory) - before);
    check_row(facts.messages == messages - 20 && facts.cut_row == facts.messages && facts.schema == 3,
        "it says what is in it", "%llu messages of %llu", (unsigned long long)facts.messages,
        (unsigned long long)messages);
    check_row(scratch_mode(backup_path) == 0600, "its owner alone may read it", "mode %o", scratch_mode(backup_path));
    check_row(!scratch_holds(backup_path, CANARY) && !scratch_holds(backup_path, "SQLite format"),
        "nothing of it can be read", "it can");
    check_err("a file is never overwritten", take(backup_path, false, restored, &again), KS_EEXISTS);
    check_row(ks_backup_verify(backup_path, backup_key, scratch_directory, &again) == KS_OK
            && again.messages == facts.messages,
        "it passes its verification", "it does not");

    ks_archive_id_write(ks_committer_archive_ids(c), facts.cut_row + 1, lost);
    ks_archive_id_write(ks_committer_archive_ids(c), facts.cut_row, kept);
    stop();

    empty_host();
    check_err("it is restored on an empty host", restore(backup_path, NULL), KS_OK);
    check_row(files_in(host) == 1, "with nothing beside the store", "%d files", files_in(host));
    must(ks_sqlite_server_store_open(&to, &store), "restored store");
    digest(store, restored);
    check_row(memcmp(at_cut, restored, 32) == 0, "the restored store equals the cut", "it does not");
    must(ks_committer_new(store, &chance, &c), "committer");
    check_row(ks_archive_id_read(ks_committer_archive_ids(c), ks_str(kept, sizeof kept), &row) == KS_OK
            && row == facts.cut_row,
        "archive ids of what was restored are good", "row %llu", (unsigned long long)row);
    write_some(1);
    check_err("archive ids of what came after the cut are not found, though their rows are given anew",
        ks_archive_id_read(ks_committer_archive_ids(c), ks_str(lost, sizeof lost), &row), KS_ENOTFOUND);
    check_err("the audit log goes on from there", audit_verify(), KS_OK);
    stop();

    check_err("a directory that is not empty is refused", restore(backup_path, NULL), KS_EEXISTS);
    empty_host();
    scratch_path(damaged_path, sizeof damaged_path, "host/store.key");
    scratch_write(damaged_path, "k", 1);
    check_err("a key that lies there already is no obstacle if it is named", restore(backup_path, "store.key"), KS_OK);
}

/* --- a store with damage that nobody has read yet --- */

static enum ks_err copy_damaged(void)
{
    struct ks_backup_setup setup = { .path = damaged_path, .key = backup_key, .now_ms = 1700000000000 };
    struct ks_backup *backup = NULL;
    enum ks_err err = ks_backup_new(&setup, store, &chance, &backup);
    bool done = false;

    must(err, "backup");
    while (err == KS_OK && !done)
        err = ks_backup_step(backup, &done);
    ks_backup_free(backup);
    return err;
}

static void damaged_store(void)
{
    struct ks_sqlite_setup setup = setup_of(store_path, store_key);
    size_t len, opened = 0, told = 0;
    char *bytes = scratch_read_bytes(store_path, &len);
    int before;

    scratch_path(damaged_path, sizeof damaged_path, "of-damaged");
    must(ks_sqlite_server_store_open(&setup, &store), "store");
    check_err("control: without damage all pages are copied", copy_damaged(), KS_OK);
    stop();
    before = files_in(scratch_directory);
    for (int i = 0; i < 30; i++) {
        size_t at = 8192 + ks_prng_below(&chance, len - 8192);
        bytes[at] ^= 1;
        scratch_write(store_path, bytes, len);
        if (ks_sqlite_server_store_open(&setup, &store) == KS_OK) {
            opened++;
            told += copy_damaged() == KS_ESTORE;
            stop();
        }
        bytes[at] ^= 1;
    }
    check_row(opened > 10 && told == opened, "a store with one changed byte has no backup, as it is damaged",
        "%zu of %zu that could be opened were told so", told, opened);
    check_row(files_in(scratch_directory) == before, "and nothing is left behind", "%d files more",
        files_in(scratch_directory) - before);
    scratch_write(store_path, bytes, len);
    free(bytes);
}

/* --- damage --- */

static char *whole;
static size_t whole_len;

static enum ks_err verify_bytes(const char *bytes, size_t len)
{
    scratch_write(damaged_path, bytes, len);
    return verify(damaged_path, backup_key);
}

static void damage(void)
{
    struct ks_backup_facts facts;
    uint8_t at_cut[32];
    int accepted = 0, tried = 0;
    char *bytes;
    static const size_t sealed = KS_BACKUP_SEGMENT_LEN + 16, header = 56;

    scratch_path(damaged_path, sizeof damaged_path, "damaged");
    check_err("another key is refused", verify(backup_path, other_key), KS_ECRYPTO);
    check_err("a file that is not there is no backup", verify("/nonexistent", backup_key), KS_EIO);
    whole = scratch_read_bytes(backup_path, &whole_len);
    scratch_must(whole_len > header + 3 * sealed, "the backup has several segments");
    check_err("an untouched copy passes", verify_bytes(whole, whole_len), KS_OK);

    bytes = malloc(whole_len + 2 * sealed);
    memcpy(bytes, whole, whole_len);
    bytes[15] = 2;
    check_err("a newer version is refused as such", verify_bytes(bytes, whole_len), KS_EVERSION);
    memcpy(bytes, whole, whole_len);
    bytes[0] = 'K';
    check_err("another file is refused as such", verify_bytes(bytes, whole_len), KS_ESYNTAX);
    for (size_t i = 0; i < header; i++, tried++) {
        memcpy(bytes, whole, whole_len);
        bytes[i] ^= 1;
        accepted += verify_bytes(bytes, whole_len) == KS_OK;
    }
    for (int i = 0; i < 60; i++, tried++) {
        memcpy(bytes, whole, whole_len);
        bytes[header + ks_prng_below(&chance, whole_len - header)] ^= (char)(1 << ks_prng_below(&chance, 8));
        accepted += verify_bytes(bytes, whole_len) != KS_ECRYPTO;
    }
    check_row(accepted == 0, "any changed byte is refused", "%d of %d were not", accepted, tried);

    accepted = tried = 0;
    for (size_t n = 0; n <= 4; n++)
        for (int d = -1; d <= 1; d++) {
            size_t len = n == 4 ? whole_len - 1 : header + n * sealed + (size_t)d;
            accepted += verify_bytes(whole, len) == KS_OK;
            tried++;
        }
    check_row(accepted == 0, "a file cut short is refused, between segments too", "%d of %d were not", accepted, tried);
    memcpy(bytes, whole, whole_len);
    bytes[whole_len] = 0;
    check_err("a file that goes on is refused", verify_bytes(bytes, whole_len + 1), KS_ECRYPTO);
    memcpy(bytes + header, whole + header + sealed, sealed);
    memcpy(bytes + header + sealed, whole + header, sealed);
    check_err("segments in another order are refused", verify_bytes(bytes, whole_len), KS_ECRYPTO);
    memcpy(bytes, whole, header + sealed);
    memcpy(bytes + header + sealed, whole + header + 2 * sealed, whole_len - header - 2 * sealed);
    check_err("a missing segment is refused", verify_bytes(bytes, whole_len - sealed), KS_ECRYPTO);
    memcpy(bytes, whole, whole_len);
    bytes[whole_len - 1] ^= 1;
    scratch_write(damaged_path, bytes, whole_len);
    empty_host();
    check_err("a damaged backup is not restored", restore(damaged_path, NULL), KS_ECRYPTO);
    check_row(files_in(host) == 0, "and leaves nothing behind", "%d files", files_in(host));
    free(bytes);
    free(whole);
    unlink(damaged_path);

    /* A backup of an empty store is one segment. */
    scratch_clear(store_path);
    start();
    unlink(backup_path);
    check_err("an empty store has a backup too", take(backup_path, false, at_cut, &facts), KS_OK);
    check_err("which passes", verify(backup_path, backup_key), KS_OK);
    stop();
}

int main(void)
{
    must(ks_crypto_init(), "crypto");
    ks_prng_init_number(&chance, 1);
    scratch_path(store_path, sizeof store_path, "server.db");
    scratch_path(backup_path, sizeof backup_path, "nightly.backup");
    scratch_path(host, sizeof host, "host");
    scratch_path(host_path, sizeof host_path, "host/server.db");
    under_load();
    damaged_store();
    damage();
    scratch_done();
    return check_done();
}
