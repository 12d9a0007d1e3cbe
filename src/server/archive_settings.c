/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "archive_settings.h"

#include <stdlib.h>

#define META_FORMAT KS_STR("archive.format")
#define META_ID_KEY KS_STR("archive.id_key")
#define META_WITH_KEY KS_STR("archive.with_key")
#define META_EPOCHS KS_STR("archive.epochs") /* (first row u64, number u32) each */
#define META_INDEXED KS_STR("archive.indexed_upto")
#define FORMAT 1
#define META_BYTES_MAX (64u << 10)

/* A number in the store's settings; `init` when it is not there. */
static enum ks_err read_number(struct ks_server_store *store, struct ks_str key, uint64_t init, uint64_t *ret_number)
{
    struct ks_buf value;
    struct ks_cursor at;
    enum ks_err err;

    ks_buf_init(&value, META_BYTES_MAX);
    err = store->ops->meta_get(store, key, &value);
    *ret_number = init;
    if (err == KS_OK) {
        at = ks_cursor(ks_buf_str(&value));
        if (ks_cursor_u64(&at, ret_number) != KS_OK || !ks_cursor_done(&at))
            err = KS_ESTORE;
    }
    ks_buf_done(&value);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

static enum ks_err write_number(struct ks_server_store *store, struct ks_str key, uint64_t number)
{
    char bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(number >> 8 * (7 - i));
    return store->ops->meta_put(store, key, ks_str(bytes, sizeof bytes));
}

static enum ks_err read_key(struct ks_server_store *store, struct ks_str name, void *ret_key, size_t len)
{
    struct ks_buf value;
    enum ks_err err;

    ks_buf_init_secret(&value, META_BYTES_MAX);
    err = store->ops->meta_get(store, name, &value);
    if (err == KS_ENOTFOUND || (err == KS_OK && value.len != len))
        err = KS_ESTORE;
    if (err == KS_OK)
        memcpy(ret_key, value.ptr, len);
    ks_buf_done(&value);
    return err;
}

static enum ks_err read_epochs(struct ks_server_store *store, struct ks_archive_ids *ids)
{
    struct ks_buf value;
    struct ks_cursor at;
    enum ks_err err;

    ks_buf_init(&value, META_BYTES_MAX);
    err = store->ops->meta_get(store, META_EPOCHS, &value);
    at = ks_cursor(ks_buf_str(&value));
    ids->epochs_count = 0;
    while (err == KS_OK && !ks_cursor_done(&at)) {
        struct ks_archive_epoch *epoch = &ids->epochs[ids->epochs_count];
        if (ids->epochs_count++ == KS_ARCHIVE_EPOCHS_MAX || ks_cursor_u64(&at, &epoch->first_row) != KS_OK
            || ks_cursor_u32(&at, &epoch->number) != KS_OK)
            err = KS_ESTORE;
    }
    ks_buf_done(&value);
    return err == KS_ENOTFOUND || (err == KS_OK && ids->epochs_count == 0) ? KS_ESTORE : err;
}

static enum ks_err write_epochs(struct ks_server_store *store, const struct ks_archive_ids *ids)
{
    struct ks_buf value;
    enum ks_err err;

    ks_buf_init(&value, META_BYTES_MAX);
    for (uint32_t i = 0; i < ids->epochs_count; i++) {
        ks_buf_u64(&value, ids->epochs[i].first_row);
        ks_buf_u32(&value, ids->epochs[i].number);
    }
    err = ks_buf_err(&value);
    if (err == KS_OK)
        err = store->ops->meta_put(store, META_EPOCHS, ks_buf_str(&value));
    ks_buf_done(&value);
    return err;
}

static uint32_t random_number(struct ks_prng *prng)
{
    return (uint32_t)ks_prng_u64(prng);
}

/* A new store gets its keys and its first epoch. */
static enum ks_err found(struct ks_server_store *store, struct ks_prng *prng, struct ks_archive_ids *ids)
{
    uint8_t id_key[sizeof ids->key], with_key[16];
    enum ks_err err = store->ops->begin(store);

    if (err != KS_OK)
        return err;
    ks_prng_bytes(prng, id_key, sizeof id_key);
    ks_prng_bytes(prng, with_key, sizeof with_key);
    ids->epochs_count = 1;
    ids->epochs[0] = (struct ks_archive_epoch) { 0, random_number(prng) };
    err = store->ops->meta_put(store, META_ID_KEY, ks_str(id_key, sizeof id_key));
    if (err == KS_OK)
        err = store->ops->meta_put(store, META_WITH_KEY, ks_str(with_key, sizeof with_key));
    if (err == KS_OK)
        err = write_epochs(store, ids);
    if (err == KS_OK)
        err = write_number(store, META_FORMAT, FORMAT);
    ks_wipe(id_key, sizeof id_key);
    return ks_server_store_end(store, err);
}

enum ks_err ks_archive_settings_read(
    struct ks_server_store *store, struct ks_prng *prng, struct ks_archive_settings *ret_settings)
{
    struct ks_archive_ids *ids = &ret_settings->ids;
    uint64_t format = 0;
    uint8_t with_key[16] = { 0 };
    enum ks_err err = read_number(store, META_FORMAT, 0, &format);

    if (err == KS_OK && format == 0)
        err = found(store, prng, ids);
    else if (err == KS_OK && format != FORMAT)
        err = KS_EVERSION;
    if (err == KS_OK)
        err = read_key(store, META_ID_KEY, ids->key, sizeof ids->key);
    if (err == KS_OK)
        err = read_key(store, META_WITH_KEY, with_key, sizeof with_key);
    for (int i = 0; i < 16; i++) /* the same on machines of either byte order */
        ret_settings->with_key[i / 8] = ret_settings->with_key[i / 8] << 8 | with_key[i];
    if (err == KS_OK)
        err = read_number(store, META_INDEXED, 0, &ret_settings->indexed_upto);
    return err == KS_OK ? read_epochs(store, ids) : err;
}

enum ks_err ks_archive_settings_indexed(struct ks_server_store *store, uint64_t upto)
{
    return write_number(store, META_INDEXED, upto);
}

enum ks_err ks_archive_new_epoch(struct ks_server_store *store, struct ks_prng *prng)
{
    struct ks_archive_ids *ids = calloc(1, sizeof *ids);
    struct ks_archive_epoch next = { 0 };
    uint64_t format = 0;
    int64_t stamp_ms;
    enum ks_err err = ids ? read_number(store, META_FORMAT, 0, &format) : KS_ENOMEM;

    if (err == KS_OK && format == 0) { /* no id was ever given */
        free(ids);
        return KS_OK;
    }
    if (err == KS_OK)
        err = read_epochs(store, ids);
    if (err == KS_OK)
        err = store->ops->archive_last(store, &next.first_row, &stamp_ms);
    if (err == KS_OK) {
        uint32_t count = ids->epochs_count;
        next.first_row++;
        do
            next.number = random_number(prng);
        while (next.number == ids->epochs[count - 1].number);
        /* An epoch that came to no row is forgotten, and so is the first when there are too many. */
        if (ids->epochs[count - 1].first_row == next.first_row)
            count--;
        if (count == KS_ARCHIVE_EPOCHS_MAX)
            memmove(ids->epochs, ids->epochs + 1, --count * sizeof *ids->epochs);
        ids->epochs[count] = next;
        ids->epochs_count = count + 1;
        err = store->ops->begin(store);
        if (err == KS_OK)
            err = ks_server_store_end(store, write_epochs(store, ids));
    }
    free(ids);
    return err;
}
