/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A file that root gives to konsilctl backup verify and restore, which may be anything. The first byte says what it is:
 *
 *   0  the bytes themselves
 *   1  a genuine backup with changes: it verifies if and only if nothing is changed
 *   2  the bytes, sealed with the right key: a program of another version wrote them
 *   3  the contents of a genuine backup with changes, the database's hash made right, sealed with the right key: a
 *      backup of a database that was damaged before it was taken
 *
 * A change is an offset (u24) and a byte. Verify and restore say the same; restore leaves a store that opens, or an
 * empty directory; neither leaves anything elsewhere. */
#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "backup_stream.h"
#include "committer.h"
#include "crypto.h"
#include "scratch.h"
#include "sqlite_server_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t key[KS_BACKUP_KEY_LEN] = { 3 }, store_key[KS_STORE_KEY_LEN] = { 1 };
static char made[100], given[100], copies[100], host[100], restored[120];
static struct ks_buf sealed, contents; /* of a genuine backup */
static size_t database_at;             /* where it begins in the contents; its hash stands in front of it */

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void seal(const char *path, struct ks_str bytes)
{
    struct ks_backup_writer *w = NULL;
    struct ks_prng prng;

    unlink(path);
    ks_prng_init_number(&prng, 2);
    must(ks_backup_writer_new(path, key, &prng, &w) == KS_OK && ks_backup_write(w, bytes) == KS_OK
        && ks_backup_writer_end(w) == KS_OK);
    ks_backup_writer_free(w);
    ks_prng_done(&prng);
}

/* A store with an account, a message and a row of the audit log. Its pages are plain, so that changes in them reach
 * SQLite and what we ask of it. */
static struct ks_server_store *make_store(const char *path, struct ks_prng *prng)
{
    struct ks_sqlite_setup setup = { .path = path, .key = store_key, .pages = KS_PAGES_PLAIN };
    struct ks_server_store *store = NULL;
    struct ks_committer *c = NULL;
    struct ks_store_req *req = ks_store_txn_new();

    must(req && ks_sqlite_server_store_open(&setup, &store) == KS_OK && ks_committer_new(store, prng, &c) == KS_OK);
    ks_store_txn_account_add(
        req, &(struct ks_account_row) { .state = KS_ACCOUNT_ACTIVE, .domain = KS_STR("x"), .local = KS_STR("a") });
    ks_store_txn_archive(
        req, &(struct ks_archive_row) { .owner = { 1 }, .with = { KS_STR("b@x") }, .stanza = KS_STR("<message/>") });
    ks_store_txn_audit(req, &(struct ks_audit_row) { .actor = KS_STR("uid:0"), .action = KS_STR("x") });
    req->epoch = 1;
    ks_committer_submit(c, req);
    req = ks_committer_turn(c, (struct ks_now) { 0, 1700000000000 });
    must(req && req->result == KS_OK);
    ks_store_req_free(req);
    ks_committer_free(c);
    return store;
}

static void make_genuine(void)
{
    struct ks_backup_setup setup = { made, key, KS_PAGES_PLAIN, 1700000000000 };
    struct ks_backup_facts facts;
    struct ks_backup_reader *r = NULL;
    struct ks_server_store *store;
    struct ks_backup *backup = NULL;
    struct ks_prng prng;
    char path[100];
    bool done = false;
    uint8_t byte;
    char *bytes;
    size_t len;

    scratch_path(path, sizeof path, "store.db");
    scratch_path(made, sizeof made, "made");
    scratch_path(given, sizeof given, "given");
    scratch_path(copies, sizeof copies, "copies");
    scratch_path(host, sizeof host, "host");
    scratch_path(restored, sizeof restored, "host/konsild.db");
    must(atexit(scratch_done) == 0 && mkdir(copies, 0700) == 0 && mkdir(host, 0700) == 0);
    ks_prng_init_number(&prng, 1);
    store = make_store(path, &prng);
    must(ks_backup_new(&setup, store, &prng, &backup) == KS_OK);
    while (!done)
        must(ks_backup_step(backup, &done) == KS_OK);
    must(ks_backup_finish(backup, &facts) == KS_OK);
    ks_backup_free(backup);
    ks_server_store_free(store);
    ks_prng_done(&prng);
    ks_buf_init(&sealed, 16u << 20);
    ks_buf_init(&contents, 16u << 20);
    bytes = scratch_read_bytes(made, &len);
    ks_buf_add(&sealed, ks_str(bytes, len));
    free(bytes);
    must(ks_backup_reader_new(made, key, &r) == KS_OK);
    while (ks_backup_reader_end(r) != KS_OK && ks_backup_read(r, &byte, 1) == KS_OK)
        ks_buf_byte(&contents, byte);
    ks_backup_reader_free(r);
    must(contents.len > facts.bytes);
    database_at = contents.len - facts.bytes;
}

/* from with changes; true if any changed it. */
static bool change(const struct ks_buf *from, struct ks_str changes, struct ks_buf *to)
{
    ks_buf_add(to, ks_buf_str(from));
    for (; changes.len >= 4; changes = ks_str_from(changes, 4)) {
        const uint8_t *at = (const uint8_t *)changes.ptr;
        to->ptr[((size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2]) % to->len] = changes.ptr[3];
    }
    return memcmp(to->ptr, from->ptr, to->len) != 0;
}

static void make_hash_right(struct ks_buf *changed)
{
    ks_hash(KS_SHA256, ks_str_from(ks_buf_str(changed), database_at), (uint8_t *)changed->ptr + database_at - 32);
}

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    size_t count = 0;

    must(dir != NULL);
    while ((entry = readdir(dir)))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count == 0;
}

static enum ks_err restore(struct ks_backup_facts *ret_facts)
{
    struct ks_sqlite_setup setup = { .path = restored, .key = store_key, .pages = KS_PAGES_PLAIN };
    struct ks_server_store *store;
    struct ks_prng prng;
    enum ks_err err;

    ks_prng_init_number(&prng, 4);
    err = ks_backup_restore(given, key, &setup, NULL, NULL, &prng, ret_facts);
    ks_prng_done(&prng);
    if (err == KS_OK) {
        assert(ks_sqlite_server_store_open(&setup, &store) == KS_OK);
        ks_server_store_free(store);
        scratch_clear(restored);
    }
    assert(is_empty(host));
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_backup_facts facts[2];
    struct ks_buf changed;
    enum ks_err err, again;
    bool differs = true;

    if (!len || ks_crypto_init() != KS_OK)
        return 0;
    if (!made[0])
        make_genuine();
    unsigned kind = data[0] % 4;
    struct ks_str input = ks_str(data + 1, len - 1);
    ks_buf_init(&changed, 16u << 20);
    if (kind == 0) {
        scratch_write(given, input.ptr, input.len);
    } else if (kind == 1) {
        differs = change(&sealed, input, &changed);
        scratch_write(given, changed.ptr, changed.len);
    } else if (kind == 2) {
        seal(given, input);
    } else {
        differs = change(&contents, input, &changed);
        make_hash_right(&changed);
        seal(given, ks_buf_str(&changed));
    }
    err = ks_backup_verify(given, key, copies, &facts[0]);
    assert(is_empty(copies));
    again = restore(&facts[1]);
    assert(err == KS_OK || err == KS_ESYNTAX || err == KS_EVERSION || err == KS_ECRYPTO || err == KS_ESTORE);
    assert(err == KS_OK || again == err);
    assert(again != KS_OK || err == KS_OK);
    assert(differs || err == KS_OK);
    assert(kind > 2 || !differs || err != KS_OK);
    assert(kind > 1 || err != KS_ESTORE); /* what is not genuine comes nowhere near SQLite */
    ks_buf_done(&changed);
    return 0;
}
