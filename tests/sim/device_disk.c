/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "device_disk.h"

static struct device_disk *of(struct ks_engine_store *s)
{
    return KS_CONTAINER(s, struct device_disk, base);
}

static enum ks_err begin(struct ks_engine_store *s)
{
    struct ks_engine_store *store = of(s)->store;

    return of(s)->dead ? KS_ESTORE : store->ops->begin(store);
}

static enum ks_err commit(struct ks_engine_store *s)
{
    struct device_disk *disk = of(s);
    enum ks_err err = KS_OK;

    if (disk->dead)
        return KS_ESTORE;
    disk->dead = disk->doom && disk->commits_left-- == 0;
    if (!disk->dead || disk->doom == DOOM_AFTER_COMMIT)
        err = disk->store->ops->commit(disk->store);
    return disk->dead ? KS_ESTORE : err;
}

static void rollback(struct ks_engine_store *s)
{
    of(s)->store->ops->rollback(of(s)->store);
}

static enum ks_err get(struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_buf *ret_value)
{
    return of(s)->store->ops->get(of(s)->store, table, key, ret_value);
}

static enum ks_err writable(const struct device_disk *disk)
{
    return disk->dead ? KS_ESTORE : disk->full ? KS_EFULL : KS_OK;
}

static enum ks_err put(struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_str value)
{
    enum ks_err err = writable(of(s));

    return err == KS_OK ? of(s)->store->ops->put(of(s)->store, table, key, value) : err;
}

static enum ks_err del(struct ks_engine_store *s, enum ks_table table, struct ks_str key)
{
    enum ks_err err = writable(of(s));

    return err == KS_OK ? of(s)->store->ops->del(of(s)->store, table, key) : err;
}

static enum ks_err scan(struct ks_engine_store *s, enum ks_table table, struct ks_str prefix, struct ks_str from,
    bool falling, ks_visit_record *visit, void *user)
{
    return of(s)->store->ops->scan(of(s)->store, table, prefix, from, falling, visit, user);
}

static enum ks_err index_text(struct ks_engine_store *s, struct ks_str key, struct ks_str text)
{
    enum ks_err err = writable(of(s));

    return err == KS_OK ? of(s)->store->ops->index_text(of(s)->store, key, text) : err;
}

static enum ks_err search(
    struct ks_engine_store *s, struct ks_str query, uint32_t limit, ks_visit_record *visit, void *user)
{
    return of(s)->store->ops->search(of(s)->store, query, limit, visit, user);
}

void device_disk_init(struct device_disk *disk, struct ks_engine_store *store)
{
    static const struct ks_engine_store_ops ops = { .begin = begin,
        .commit = commit,
        .rollback = rollback,
        .get = get,
        .put = put,
        .del = del,
        .scan = scan,
        .index_text = index_text,
        .search = search };

    *disk = (struct device_disk) { .base.ops = &ops, .store = store };
}

void device_disk_done(struct device_disk *disk)
{
    ks_engine_store_free(disk->store);
}

void device_disk_restart(struct device_disk *disk)
{
    ks_memory_engine_store_crash(disk->store);
    disk->doom = DOOM_NONE;
    disk->dead = false;
}
