/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One contract (vault_store.h), two drivers: every row runs over both. Then what only files have: tombstones, what a
 * power cut leaves of one, that destroyed keys are in no file, and the vault's backup. */
#include "vault_store.h"

#include <limits.h>

#include "check.h"
#include "scratch.h"
#include "sqlite_vault_store.h"
#include "vault_backup.h"
#include "vault_keeper.h"
#include "vault_tombs.h"

#define DAY_MS INT64_C(86400000)
#define NOW (1000 * DAY_MS)

static char path[PATH_MAX], tombs_path[PATH_MAX], backup_path[PATH_MAX];
static const uint8_t file_key[KS_STORE_KEY_LEN] = { 1, 2, 3 };
static const char *driver;

static struct ks_vault_store *open_sqlite(void)
{
    struct ks_sqlite_setup setup = { .path = path, .key = file_key, .pages = KS_PAGES_PLAIN };
    struct ks_vault_store *s = NULL;

    scratch_must(ks_sqlite_vault_store_open(&setup, &s) == KS_OK, "a store");
    return s;
}

static struct ks_vault_slot slot_of(uint8_t number, uint64_t account)
{
    struct ks_vault_slot slot = { .account = account,
        .device = 77,
        .kind = KS_VAULT_PIN,
        .state = KS_VAULT_OPEN,
        .nonce_open = true,
        .ticket_end_ms = NOW,
        .gen = KS_VAULT_GEN_MAX,
        .tries = 9,
        .tried_ms = 1,
        .day_ms = 2,
        .day_count = 3,
        .made_ms = 4,
        .confirmed_ms = 5,
        .gone_ms = 6,
        .unlocked_ms = { 7, 8 } };

    memset(slot.id, number, sizeof slot.id);
    memset(slot.token_hash, 0xa0, sizeof slot.token_hash);
    memset(slot.key, 0xb0 + number, sizeof slot.key);
    memset(slot.confirm, 0xc0, sizeof slot.confirm);
    memset(slot.nonce, 0xd0, sizeof slot.nonce);
    memset(slot.ticket, 0xe0, sizeof slot.ticket);
    return slot;
}

static bool same(const struct ks_vault_slot *a, const struct ks_vault_slot *b)
{
    struct ks_buf texts[2];
    bool is;

    for (int i = 0; i < 2; i++) {
        ks_buf_init(&texts[i], 1024);
        ks_vault_slot_write(&texts[i], i ? b : a);
    }
    is = ks_str_eq(ks_buf_str(&texts[0]), ks_buf_str(&texts[1])) && texts[0].len == KS_VAULT_RECORD_LEN;
    ks_buf_done(&texts[0]);
    ks_buf_done(&texts[1]);
    return is;
}

static void check(bool ok, const char *name)
{
    char text[200];

    snprintf(text, sizeof text, "%s: %s", driver, name);
    check_row(ok, text, "it is not so");
}

struct seen {
    uint8_t ids[8];
    size_t count, stop;
};

static bool see(void *user, const struct ks_vault_slot *slot)
{
    struct seen *seen = user;

    seen->ids[seen->count++] = slot->id[0];
    return seen->count != seen->stop;
}

static void test_contract(struct ks_vault_store *s)
{
    const struct ks_vault_store_ops *ops = s->ops;
    struct ks_vault_slot one = slot_of(1, 5), two = slot_of(2, 6), three = slot_of(3, 5), got;
    struct seen all = { .stop = 0 }, own = { .stop = 0 }, first = { .stop = 1 };

    check(ops->get(s, one.id, &got) == KS_ENOTFOUND, "an empty store has no slot");
    check(ops->begin(s) == KS_OK && ops->put(s, &three) == KS_OK && ops->put(s, &two) == KS_OK
            && ops->put(s, &one) == KS_OK && ops->get(s, two.id, &got) == KS_OK && same(&got, &two),
        "a transaction reads what it wrote");
    check(ops->commit(s) == KS_OK && ops->get(s, one.id, &got) == KS_OK && same(&got, &one),
        "a slot reads as it was written, every field");
    check(ops->each(s, 0, see, &all) == KS_OK && all.count == 3 && all.ids[0] == 1 && all.ids[2] == 3,
        "all, in the order of their ids");
    check(ops->each(s, 5, see, &own) == KS_OK && own.count == 2 && own.ids[1] == 3, "those of an account");
    check(ops->each(s, 0, see, &first) == KS_OK && first.count == 1, "until the visitor has enough");
    one.tries = 8;
    check(ops->begin(s) == KS_OK && ops->put(s, &one) == KS_OK && ops->remove(s, two.id) == KS_OK, "(two writes)");
    ops->rollback(s);
    check(ops->get(s, one.id, &got) == KS_OK && got.tries == 9 && ops->get(s, two.id, &got) == KS_OK,
        "a rollback takes all of it back");
    check(ops->begin(s) == KS_OK && ops->put(s, &one) == KS_OK && ops->remove(s, two.id) == KS_OK
            && ops->remove(s, two.id) == KS_OK && ops->commit(s) == KS_OK && ops->get(s, one.id, &got) == KS_OK
            && got.tries == 8 && ops->get(s, two.id, &got) == KS_ENOTFOUND,
        "a slot is written over, and removed, also when it is not there");
}

/* --- records --- */

static void test_records(void)
{
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
    } bad[] = {
        { "a version to come", 0, 2 },
        { "no kind", 1, 0 },
        { "a kind that is none", 1, 4 },
        { "no state", 2, 0 },
        { "a state that is none", 2, 4 },
        { "neither yes nor no", 3, 2 },
        { "a time without end", 180, 0x7f },
        { "eleven tries", 199, 11 },
        { "ten tries of an open slot", 199, 10 },
    };
    struct ks_vault_slot slot = slot_of(1, 5), got = { .gen = 9 };
    char copy[KS_VAULT_RECORD_LEN + 1];
    struct ks_buf record;
    bool cut = false;

    ks_buf_init(&record, 1024);
    ks_vault_slot_write(&record, &slot);
    memcpy(copy, record.ptr, record.len);
    copy[record.len] = 0;
    for (size_t len = 0; len < record.len; len++)
        cut |= ks_vault_slot_read(ks_str(copy, len), &got) == KS_OK;
    check_row(!cut && ks_vault_slot_read(ks_str(copy, record.len + 1), &got) != KS_OK && got.gen == 9,
        "a record that is cut short or goes on is none", "one is");
    for (size_t i = 0; i < KS_COUNT(bad); i++) {
        memcpy(copy, record.ptr, record.len);
        copy[bad[i].at] = (char)bad[i].value;
        check_err(bad[i].name, ks_vault_slot_read(ks_str(copy, record.len), &got), KS_ESYNTAX);
    }
    memcpy(copy, record.ptr, record.len);
    copy[2] = KS_VAULT_LOCKED;
    copy[199] = 10;
    check_err("ten tries of a locked one are right", ks_vault_slot_read(ks_str(copy, record.len), &got), KS_OK);
    ks_buf_done(&record);
}

/* --- tombstones --- */

static bool see_tomb(void *user, const uint8_t id[KS_VAULT_ID_LEN])
{
    struct seen *seen = user;

    seen->ids[seen->count++] = id[0];
    return true;
}

static struct seen tombs_of(struct ks_vault_tombs_file *tombs)
{
    struct seen seen = { .stop = 0 };

    scratch_must(tombs->base.each(&tombs->base, see_tomb, &seen) == KS_OK, "tombs");
    return seen;
}

static void append(const char *bytes, size_t len)
{
    int fd = open(tombs_path, O_WRONLY | O_APPEND);

    scratch_must(fd >= 0 && write(fd, bytes, len) == (ssize_t)len, "a write");
    close(fd);
}

static void test_tombs(void)
{
    const uint8_t ids[3][KS_VAULT_ID_LEN] = { { 1 }, { 2 }, { 3 } };
    struct ks_vault_tombs_file tombs;
    struct seen seen;
    int fd;

    unlink(tombs_path);
    check_err("without its file there are no tombstones, and none are made",
        ks_vault_tombs_open(tombs_path, false, &tombs), KS_ENOTFOUND);
    check_err("the first time they are", ks_vault_tombs_open(tombs_path, true, &tombs), KS_OK);
    check_row(tombs_of(&tombs).count == 0 && tombs.base.bury(&tombs.base, ids, 2) == KS_OK
            && tombs.base.bury(&tombs.base, ids + 2, 1) == KS_OK && tombs_of(&tombs).count == 3,
        "what is buried is there", "it is not");
    ks_vault_tombs_close(&tombs);
    append("half an id", 10);
    check_err("a power cut left a part of one", ks_vault_tombs_open(tombs_path, false, &tombs), KS_OK);
    seen = tombs_of(&tombs);
    check_row(seen.count == 3 && seen.ids[2] == 3 && tombs.base.bury(&tombs.base, ids, 1) == KS_OK
            && tombs_of(&tombs).count == 4 && tombs_of(&tombs).ids[3] == 1,
        "which is cut off, and what comes behind is whole", "it is not");
    ks_vault_tombs_close(&tombs);
    fd = open(tombs_path, O_WRONLY | O_TRUNC);
    scratch_must(fd >= 0 && write(fd, "konsil t", 8) == 8, "a write");
    close(fd);
    check_err("a head that a power cut left is made anew", ks_vault_tombs_open(tombs_path, true, &tombs), KS_OK);
    ks_vault_tombs_close(&tombs);
    fd = open(tombs_path, O_WRONLY | O_TRUNC);
    scratch_must(fd >= 0 && write(fd, "something else that is long", 27) == 27, "a write");
    close(fd);
    check_err("another file is none", ks_vault_tombs_open(tombs_path, true, &tombs), KS_ESYNTAX);
    unlink(tombs_path);
}

/* --- what is on the disk --- */

static bool on_disk(const char *ending, const void *bytes, size_t len)
{
    static char content[1 << 20];
    char name[PATH_MAX + 8];
    size_t n;
    FILE *file;

    snprintf(name, sizeof name, "%s%s", path, ending);
    file = fopen(name, "rb");
    n = file ? fread(content, 1, sizeof content, file) : 0;
    if (file)
        fclose(file);
    return memmem(content, n, bytes, len) != NULL;
}

static void test_destroyed(void)
{
    struct ks_vault_store *s = open_sqlite();
    struct ks_vault_slot slot = slot_of(9, 5), other = slot_of(10, 5);

    scratch_must(s->ops->begin(s) == KS_OK && s->ops->put(s, &slot) == KS_OK && s->ops->put(s, &other) == KS_OK
            && s->ops->commit(s) == KS_OK,
        "slots");
    check_row(on_disk("", slot.key, sizeof slot.key) || on_disk("-wal", slot.key, sizeof slot.key),
        "(control: without encryption a key is seen in the files)", "it is not");
    memset(slot.key, 0, sizeof slot.key);
    slot.state = KS_VAULT_GONE;
    scratch_must(s->ops->begin(s) == KS_OK && s->ops->put(s, &slot) == KS_OK && s->ops->commit(s) == KS_OK, "an end");
    slot = slot_of(9, 5);
    check_row(!on_disk("", slot.key, sizeof slot.key) && !on_disk("-wal", slot.key, sizeof slot.key),
        "a key that was destroyed is in none of the files when the commit returns", "it is");
    check_row(on_disk("", other.key, sizeof other.key), "(control: another's is)", "it is not");
    ks_vault_store_free(s);
    scratch_clear(path);
}

/* --- backup --- */

static enum ks_err restore(const uint8_t key[32], int64_t now_ms, struct ks_vault_backup_facts *ret_facts)
{
    struct ks_sqlite_setup setup = { .path = path, .key = file_key, .pages = KS_PAGES_PLAIN };
    struct ks_vault_tombs_file tombs;
    enum ks_err err;

    scratch_must(ks_vault_tombs_open(tombs_path, true, &tombs) == KS_OK, "tombs");
    err = ks_vault_backup_restore(backup_path, key, &setup, &tombs.base, now_ms, ret_facts);
    ks_vault_tombs_close(&tombs);
    return err;
}

static void change(off_t at)
{
    int fd = open(backup_path, O_RDWR);
    char byte;

    scratch_must(fd >= 0 && pread(fd, &byte, 1, at) == 1, "a read");
    byte ^= 1;
    scratch_must(pwrite(fd, &byte, 1, at) == 1, "a write");
    close(fd);
}

static void test_backup(void)
{
    static const uint8_t key[32] = { 5 }, other_key[32] = { 6 };
    struct ks_vault_slot one = slot_of(1, 5), two = slot_of(2, 6), got;
    struct ks_vault_backup_facts facts = { 0 };
    struct ks_vault_tombs_file tombs;
    struct ks_vault_store *s;
    struct ks_prng prng;
    struct ks_buf records;

    two.tries = 1;
    ks_prng_init_number(&prng, 3);
    ks_buf_init(&records, 4096);
    ks_vault_slot_write(&records, &one);
    ks_vault_slot_write(&records, &two);
    check_err("§16.8: a backup", ks_vault_backup_write(backup_path, key, ks_buf_str(&records), NOW, &prng), KS_OK);
    check_err("§16.8: does not replace another",
        ks_vault_backup_write(backup_path, key, ks_buf_str(&records), NOW, &prng), KS_EEXISTS);
    check_err("§16.8: another key", restore(other_key, NOW, &facts), KS_ECRYPTO);
    check_err("§16.8: before it was made", restore(key, NOW - 1, &facts), KS_ELIMIT);
    check_err("§16.8: after a week and a millisecond", restore(key, NOW + 7 * DAY_MS + 1, &facts), KS_ELIMIT);
    check_row(access(path, F_OK) != 0, "§16.8: none of which leaves a database", "there is one");
    change(80);
    check_err("§16.8: a byte that was changed", restore(key, NOW, &facts), KS_ECRYPTO);
    change(80);
    scratch_must(ks_vault_tombs_open(tombs_path, true, &tombs) == KS_OK
            && tombs.base.bury(&tombs.base, (const uint8_t(*)[KS_VAULT_ID_LEN]) & one.id, 1) == KS_OK,
        "a tombstone");
    ks_vault_tombs_close(&tombs);
    check_err("§16.8: after a week", restore(key, NOW + 7 * DAY_MS, &facts), KS_OK);
    check_row(facts.slots == 2 && facts.ended == 1 && facts.made_ms == NOW, "§16.8: it says what is in it",
        "%llu, %llu", (unsigned long long)facts.slots, (unsigned long long)facts.ended);
    check_err("§16.8: a database that is there is not replaced", restore(key, NOW, &facts), KS_EEXISTS);
    s = open_sqlite();
    check_row(s->ops->get(s, one.id, &got) == KS_OK && got.state == KS_VAULT_GONE && got.key[0] == 0,
        "attack 45: what has a tombstone is destroyed in what was restored", "it is not");
    check_row(s->ops->get(s, two.id, &got) == KS_OK && got.tries == KS_VAULT_RESTORED_TRIES && !got.ticket_end_ms
            && memcmp(got.key, two.key, sizeof got.key) == 0,
        "§16.8: the other is there, with five tries used up and no ticket", "tries %u", got.tries);
    ks_vault_store_free(s);
    scratch_clear(path);
    unlink(tombs_path);
    ks_buf_done(&records);
    ks_prng_done(&prng);
}

int main(void)
{
    struct ks_vault_store *s;
    struct ks_sqlite_setup wrong = { .path = path, .key = (const uint8_t[KS_STORE_KEY_LEN]) { 9 } };

    if (ks_crypto_init() != KS_OK)
        return 1;
    scratch_path(path, sizeof path, "vault.db");
    scratch_path(tombs_path, sizeof tombs_path, "vault.tombs");
    scratch_path(backup_path, sizeof backup_path, "backup");
    driver = "memory";
    s = ks_memory_vault_store_new();
    scratch_must(s != NULL, "memory");
    test_contract(s);
    ks_vault_store_free(s);
    driver = "SQLite";
    s = open_sqlite();
    test_contract(s);
    ks_vault_store_free(s);
    check_err("another key does not open it", ks_sqlite_vault_store_open(&wrong, &s), KS_ECRYPTO);
    scratch_clear(path);
    test_records();
    test_tombs();
    test_destroyed();
    test_backup();
    unlink(backup_path);
    rmdir(scratch_directory);
    return check_done();
}
