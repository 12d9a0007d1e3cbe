/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vault_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sqlite_vault_store.h"
#include "system.h"
#include "vault_keeper.h"

#define HEAD "konsil vault 1\n"
#define HEAD_LEN (sizeof HEAD - 1)
#define PART ".part"
#define DAY_MS INT64_C(86400000)

static enum ks_err write_all(struct ks_backup_writer *w, struct ks_str records, int64_t now_ms)
{
    struct ks_buf head;
    enum ks_err err;

    ks_buf_init(&head, 64);
    ks_buf_z(&head, HEAD);
    ks_buf_u64(&head, (uint64_t)now_ms);
    ks_buf_u64(&head, records.len / KS_VAULT_RECORD_LEN);
    err = ks_buf_err(&head);
    if (err == KS_OK)
        err = ks_backup_write(w, ks_buf_str(&head));
    if (err == KS_OK)
        err = ks_backup_write(w, records);
    if (err == KS_OK)
        err = ks_backup_writer_end(w);
    ks_buf_done(&head);
    return err;
}

static enum ks_err sync_directory_of(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    enum ks_err err = !copy ? KS_ENOMEM : fd >= 0 && fsync(fd) == 0 ? KS_OK : KS_EIO;

    if (fd >= 0)
        close(fd);
    free(copy);
    return err;
}

/* path with an ending; NULL without memory. */
static char *beside(const char *path, const char *ending)
{
    char *text = NULL;

    return asprintf(&text, "%s%s", path, ending) < 0 ? NULL : text;
}

enum ks_err ks_vault_backup_write(
    const char *path, const uint8_t key[32], struct ks_str records, int64_t now_ms, struct ks_prng *prng)
{
    struct ks_backup_writer *w = NULL;
    char *part = beside(path, PART);
    enum ks_err err;

    assert(records.len % KS_VAULT_RECORD_LEN == 0);
    if (!part)
        return KS_ENOMEM;
    unlink(part); /* of one that did not end */
    err = ks_backup_writer_new(part, key, prng, &w);
    if (err == KS_OK) {
        err = write_all(w, records, now_ms);
        ks_backup_writer_free(w);
        if (err == KS_OK && renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) != 0)
            err = errno == EEXIST ? KS_EEXISTS : KS_EIO;
        if (err != KS_OK)
            unlink(part);
        else
            err = sync_directory_of(path);
    }
    free(part);
    return err;
}

enum ks_err ks_vault_backup_end_old(const struct ks_backup_places *places, int64_t now_ms, unsigned *ret_removed)
{
    *ret_removed = 0;
    if (access(places->backups, F_OK) != 0 && errno == ENOENT)
        return KS_OK;
    return ks_backup_rotate(places, "", now_ms - KS_VAULT_BACKUP_DAYS * DAY_MS, ret_removed);
}

/* --- bringing it back --- */

static enum ks_err read_head(struct ks_backup_reader *r, int64_t now_ms, struct ks_vault_backup_facts *ret_facts)
{
    char head[HEAD_LEN + 16];
    struct ks_cursor at = ks_cursor(ks_str(head + HEAD_LEN, 16));
    uint64_t made_ms;
    enum ks_err err = ks_backup_read(r, head, sizeof head);

    if (err != KS_OK)
        return err;
    if (memcmp(head, HEAD, HEAD_LEN) != 0)
        return KS_ESYNTAX;
    if (ks_cursor_u64(&at, &made_ms) != KS_OK || ks_cursor_u64(&at, &ret_facts->slots) != KS_OK)
        return KS_ESYNTAX;
    ret_facts->made_ms = (int64_t)made_ms;
    return ret_facts->made_ms > now_ms || now_ms - ret_facts->made_ms > KS_VAULT_BACKUP_DAYS * DAY_MS ? KS_ELIMIT
                                                                                                      : KS_OK;
}

static enum ks_err take_slots(struct ks_backup_reader *r, struct ks_vault_store *store, uint64_t count)
{
    uint8_t record[KS_VAULT_RECORD_LEN];
    struct ks_vault_slot slot;
    enum ks_err err = store->ops->begin(store);

    for (uint64_t i = 0; i < count && err == KS_OK; i++) {
        err = ks_backup_read(r, record, sizeof record);
        if (err == KS_OK)
            err = ks_vault_slot_read(ks_str(record, sizeof record), &slot);
        if (err == KS_OK) {
            ks_vault_restored(&slot);
            err = store->ops->put(store, &slot);
        }
    }
    if (err == KS_OK)
        err = ks_backup_reader_end(r);
    if (err == KS_OK)
        err = store->ops->commit(store);
    if (err != KS_OK)
        store->ops->rollback(store);
    ks_wipe(record, sizeof record);
    ks_wipe(&slot, sizeof slot);
    return err;
}

static bool count_gone(void *user, const struct ks_vault_slot *slot)
{
    *(uint64_t *)user += slot->state == KS_VAULT_GONE;
    return true;
}

/* What has a tombstone goes, by the keeper's own hand. */
static enum ks_err end_buried(
    struct ks_vault_store *store, struct ks_vault_tombs *tombs, int64_t now_ms, uint64_t *ret_ended)
{
    struct ks_vault_keeper *keeper = NULL;
    uint8_t seed[KS_PRNG_SEED_LEN];
    enum ks_err err;

    ks_system_entropy(seed, sizeof seed);
    err = ks_vault_keeper_new(store, tombs, seed, (struct ks_now) { .wall_ms = now_ms }, &keeper);
    ks_wipe(seed, sizeof seed);
    ks_vault_keeper_free(keeper);
    *ret_ended = 0;
    return err == KS_OK ? store->ops->each(store, 0, count_gone, ret_ended) : err;
}

static enum ks_err fill(struct ks_backup_reader *r, const struct ks_sqlite_setup *setup, struct ks_vault_tombs *tombs,
    int64_t now_ms, struct ks_vault_backup_facts *facts)
{
    struct ks_vault_store *store = NULL;
    enum ks_err err = ks_sqlite_vault_store_open(setup, &store);

    if (err != KS_OK)
        return err;
    err = take_slots(r, store, facts->slots);
    if (err == KS_OK)
        err = end_buried(store, tombs, now_ms, &facts->ended);
    ks_vault_store_free(store);
    return err;
}

enum ks_err ks_vault_backup_restore(const char *path, const uint8_t key[32], const struct ks_sqlite_setup *store,
    struct ks_vault_tombs *tombs, int64_t now_ms, struct ks_vault_backup_facts *ret_facts)
{
    struct ks_sqlite_setup setup = *store;
    struct ks_backup_reader *r = NULL;
    char *part;
    enum ks_err err;

    if (access(store->path, F_OK) == 0)
        return KS_EEXISTS;
    if (!(part = beside(store->path, PART)))
        return KS_ENOMEM;
    setup.path = part;
    unlink(part);
    err = ks_backup_reader_new(path, key, &r);
    if (err == KS_OK)
        err = read_head(r, now_ms, ret_facts);
    if (err == KS_OK)
        err = fill(r, &setup, tombs, now_ms, ret_facts);
    if (err == KS_OK && renameat2(AT_FDCWD, part, AT_FDCWD, store->path, RENAME_NOREPLACE) != 0)
        err = errno == EEXIST ? KS_EEXISTS : KS_EIO;
    if (err == KS_OK)
        err = sync_directory_of(store->path);
    if (err != KS_OK)
        unlink(part);
    ks_backup_reader_free(r);
    free(part);
    return err;
}
