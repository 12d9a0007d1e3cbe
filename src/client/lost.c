/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "lost.h"

#include "engine.h"

#define PREFIX "lost "
#define VERSION 1
#define KEY_BYTES_MAX 8192

static void lost_key(struct ks_buf *key, struct ks_str jid, struct ks_str id)
{
    ks_buf_init(key, KEY_BYTES_MAX);
    ks_buf_z(key, PREFIX);
    ks_buf_add(key, jid);
    ks_buf_byte(key, 0);
    ks_buf_add(key, id);
}

enum ks_err ks_lost_put(struct konsil *k, const struct ks_lost *lost)
{
    struct ks_buf key, record;
    enum ks_err err;

    lost_key(&key, lost->jid, lost->id);
    ks_buf_init(&record, 64);
    ks_buf_byte(&record, VERSION);
    ks_buf_u32(&record, lost->device);
    ks_buf_byte(&record, lost->renew);
    ks_buf_byte(&record, lost->tries);
    if ((err = ks_buf_err(&key)) == KS_OK && (err = ks_buf_err(&record)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_META, ks_buf_str(&key), ks_buf_str(&record));
    ks_buf_done(&record);
    ks_buf_done(&key);
    return err;
}

enum ks_err ks_lost_del(struct konsil *k, struct ks_str jid, struct ks_str id)
{
    struct ks_buf key;
    enum ks_err err;

    lost_key(&key, jid, id);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->del(k->store, KS_T_META, ks_buf_str(&key));
    ks_buf_done(&key);
    return err;
}

struct visit {
    ks_visit_lost *visit;
    void *user;
    enum ks_err err;
};

static bool take(void *user, struct ks_str key, struct ks_str value)
{
    struct visit *visit = user;
    struct ks_cursor at = ks_cursor(value);
    struct ks_lost lost = { .device = 0 };
    uint8_t version, renew;

    key = ks_str_from(key, sizeof(PREFIX) - 1);
    visit->err = KS_ESTORE;
    if (!ks_str_cut(&key, '\0', &lost.jid) || ks_cursor_u8(&at, &version) != KS_OK)
        return false;
    if (version != VERSION) {
        visit->err = KS_EVERSION;
        return false;
    }
    if (ks_cursor_u32(&at, &lost.device) != KS_OK || ks_cursor_u8(&at, &renew) != KS_OK
        || ks_cursor_u8(&at, &lost.tries) != KS_OK)
        return false;
    lost.renew = renew;
    lost.id = key;
    visit->err = KS_OK;
    return visit->visit(visit->user, &lost);
}

enum ks_err ks_lost_visit(struct konsil *k, struct ks_str jid, ks_visit_lost *visit, void *user)
{
    struct visit all = { visit, user, KS_OK };
    struct ks_buf prefix;
    enum ks_err err;

    ks_buf_init(&prefix, KEY_BYTES_MAX);
    ks_buf_z(&prefix, PREFIX);
    ks_buf_add(&prefix, jid);
    if (jid.len > 0)
        ks_buf_byte(&prefix, 0);
    if ((err = ks_buf_err(&prefix)) == KS_OK)
        err = k->store->ops->scan(k->store, KS_T_META, ks_buf_str(&prefix), KS_STR_EMPTY, false, take, &all);
    ks_buf_done(&prefix);
    return err == KS_OK ? all.err : err;
}
