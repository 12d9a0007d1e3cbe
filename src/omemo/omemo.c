/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo.c -- the own device: identity, pre-keys and their upkeep. */
#include "omemo.h"

#include <omemo/key_helper.h>
#include <omemo/session_pre_key.h>

#include "omemo_internal.h"

#define IDENTITY_KEY KS_STR("i")
#define IDENTITY_RECORD_LEN (1 + 4 + 32 + KS_IDENTITY_LEN)

enum ks_err ks_omemo_new(struct ks_engine_store *store, struct ks_prng *prng, struct ks_str jid, ks_omemo_judge *judge,
    void *user, struct ks_omemo **ret_omemo)
{
    struct ks_omemo *o = calloc(1, sizeof *o);
    enum ks_err err = KS_ENOMEM;

    assert(jid.len > 0 && jid.len <= OMEMO_JID_MAX);
    if (!o)
        return KS_ENOMEM;
    o->store = store;
    o->prng = prng;
    o->judge = judge;
    o->judge_user = user;
    o->lanes[0] = (struct omemo_lane) { .o = o, .sessions = KS_T_SESSION2, .wire = 4 };
    o->lanes[1] = (struct omemo_lane) { .o = o, .sessions = KS_T_SESSION1, .wire = 3 };
    if (!(o->jid = ks_str_dup(jid)) || (err = omemo_provider_init(o)) != KS_OK
        || (err = omemo_lane_init(&o->lanes[0])) != KS_OK || (err = omemo_lane_init(&o->lanes[1])) != KS_OK) {
        ks_omemo_free(o);
        return err;
    }
    *ret_omemo = o;
    return KS_OK;
}

void ks_omemo_free(struct ks_omemo *o)
{
    if (!o)
        return;
    omemo_lane_done(&o->lanes[0]);
    omemo_lane_done(&o->lanes[1]);
    signal_context_destroy(o->context);
    free(o->jid);
    ks_wipe(o, sizeof *o);
    free(o);
}

/* --- identity --- */

enum ks_err ks_omemo_load(struct ks_omemo *o)
{
    struct ks_buf buf;
    struct ks_cursor at;
    struct ks_str secret, identity;
    uint8_t version;
    enum ks_err err;

    ks_buf_init_secret(&buf, 1024);
    err = o->store->ops->get(o->store, KS_T_OMEMO_OWN, IDENTITY_KEY, &buf);
    at = ks_cursor(ks_buf_str(&buf));
    if (err == KS_OK && ks_cursor_u8(&at, &version) == KS_OK && version > OMEMO_RECORD_VERSION)
        err = KS_EVERSION;
    else if (err == KS_OK
        && (buf.len != IDENTITY_RECORD_LEN || ks_cursor_u32(&at, &o->device) != KS_OK
            || ks_cursor_take(&at, 32, &secret) != KS_OK || ks_cursor_take(&at, KS_IDENTITY_LEN, &identity) != KS_OK))
        err = KS_ESTORE;
    if (err == KS_OK) {
        memcpy(o->secret, secret.ptr, 32);
        memcpy(o->identity, identity.ptr, KS_IDENTITY_LEN);
        o->loaded = true;
    }
    ks_buf_done(&buf);
    return err;
}

enum ks_err omemo_identity_of(const ec_public_key *key, uint8_t ret_identity[KS_IDENTITY_LEN])
{
    signal_buffer *bytes = ec_public_key_get_mont(key);

    if (!bytes)
        return KS_ENOMEM;
    memcpy(ret_identity, signal_buffer_data(bytes), KS_IDENTITY_LEN);
    signal_buffer_free(bytes);
    return KS_OK;
}

static enum ks_err make_identity(struct ks_omemo *o)
{
    ec_key_pair *pair = NULL;
    signal_buffer *secret = NULL;
    struct ks_buf record;
    enum ks_err err;
    int rc;

    ks_buf_init_secret(&record, 1024);
    if ((rc = curve_generate_key_pair(o->context, &pair)) < 0
        || (rc = ec_private_key_serialize(&secret, ec_key_pair_get_private(pair))) < 0) {
        err = omemo_err(o, rc);
        goto out;
    }
    if ((err = omemo_identity_of(ec_key_pair_get_public(pair), o->identity)) != KS_OK)
        goto out;
    memcpy(o->secret, signal_buffer_data(secret), sizeof o->secret);
    o->device = 1 + (uint32_t)ks_prng_below(o->prng, OMEMO_DEVICE_MAX);
    ks_buf_byte(&record, OMEMO_RECORD_VERSION);
    ks_buf_u32(&record, o->device);
    ks_buf_add(&record, ks_str(o->secret, sizeof o->secret));
    ks_buf_add(&record, ks_str(o->identity, sizeof o->identity));
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = o->store->ops->put(o->store, KS_T_OMEMO_OWN, IDENTITY_KEY, ks_buf_str(&record));
out:
    ks_buf_done(&record);
    signal_buffer_bzero_free(secret);
    SIGNAL_UNREF(pair);
    return err;
}

uint32_t ks_omemo_device(const struct ks_omemo *o)
{
    assert(o->loaded);
    return o->device;
}

void ks_omemo_identity(const struct ks_omemo *o, uint8_t ret_identity[KS_IDENTITY_LEN])
{
    assert(o->loaded);
    memcpy(ret_identity, o->identity, KS_IDENTITY_LEN);
}

/* --- pre-keys --- */

/* Ids are random, so that a store set back to an older state does not give out an id again with another key. */
static enum ks_err free_id(struct ks_omemo *o, char letter, uint32_t *ret_id)
{
    struct omemo_own_record record;
    struct ks_buf buf;
    enum ks_err err = KS_OK;

    ks_buf_init_secret(&buf, 64 * 1024);
    while (err == KS_OK) {
        *ret_id = 1 + (uint32_t)ks_prng_below(o->prng, OMEMO_PRE_KEY_ID_MAX);
        ks_buf_reset(&buf);
        err = omemo_own_get(o, letter, *ret_id, &buf, &record);
    }
    ks_buf_done(&buf);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

static enum ks_err make_pre_key(struct ks_omemo *o)
{
    ec_key_pair *pair = NULL;
    session_pre_key *key = NULL;
    signal_buffer *blob = NULL;
    uint32_t id;
    enum ks_err err = free_id(o, OMEMO_PRE_KEY, &id);
    int rc;

    if (err != KS_OK)
        return err;
    if ((rc = curve_generate_key_pair(o->context, &pair)) < 0 || (rc = session_pre_key_create(&key, id, pair)) < 0
        || (rc = session_pre_key_serialize(&blob, key)) < 0)
        err = omemo_err(o, rc);
    else
        err = omemo_own_put(o, OMEMO_PRE_KEY,
            &(struct omemo_own_record) { .id = id, .blob = ks_str(signal_buffer_data(blob), signal_buffer_len(blob)) });
    signal_buffer_bzero_free(blob);
    SIGNAL_UNREF(key);
    SIGNAL_UNREF(pair);
    return err;
}

static enum ks_err make_signed_pre_key(struct ks_omemo *o, int64_t wall_ms)
{
    ratchet_identity_key_pair *identity = NULL;
    session_signed_pre_key *key = NULL;
    signal_buffer *blob = NULL;
    uint32_t id;
    enum ks_err err = free_id(o, OMEMO_SIGNED, &id);
    int rc;

    if (err != KS_OK)
        return err;
    /* Both signatures: XEdDSA over the key as each version encodes it. */
    if ((rc = signal_protocol_identity_get_key_pair(o->lanes[0].stores, &identity)) < 0
        || (rc = signal_protocol_key_helper_generate_signed_pre_key(&key, identity, id, (uint64_t)wall_ms, o->context))
            < 0
        || (rc = session_signed_pre_key_serialize(&blob, key)) < 0)
        err = omemo_err(o, rc);
    else
        err = omemo_own_put(o, OMEMO_SIGNED,
            &(struct omemo_own_record) {
                .id = id, .created_ms = wall_ms, .blob = ks_str(signal_buffer_data(blob), signal_buffer_len(blob)) });
    signal_buffer_bzero_free(blob);
    SIGNAL_UNREF(key);
    SIGNAL_UNREF(identity);
    return err;
}

struct upkeep {
    struct ks_omemo *o;
    int64_t wall_ms;
    bool caught_up, changed;
    bool has_signed; /* one in use that is not due */
    size_t free_pre_keys;
};

static enum ks_err keep_signed(void *user, const struct omemo_own_record *record)
{
    struct upkeep *u = user;
    struct omemo_own_record retired = *record;

    if (record->retired_ms)
        return u->wall_ms - record->retired_ms >= KS_OMEMO_KEEP_MS ? omemo_own_del(u->o, OMEMO_SIGNED, record->id)
                                                                   : KS_OK;
    if (u->wall_ms - record->created_ms < KS_OMEMO_ROTATE_MS) {
        u->has_signed = true;
        return KS_OK;
    }
    retired.retired_ms = u->wall_ms;
    return omemo_own_put(u->o, OMEMO_SIGNED, &retired);
}

static enum ks_err keep_pre_key(void *user, const struct omemo_own_record *record)
{
    struct upkeep *u = user;

    if (!record->used) {
        u->free_pre_keys++;
        return KS_OK;
    }
    if (!u->caught_up)
        return KS_OK;
    u->changed = true; /* what others may take must not name it any more */
    return omemo_own_del(u->o, OMEMO_PRE_KEY, record->id);
}

enum ks_err ks_omemo_upkeep(struct ks_omemo *o, int64_t wall_ms, bool caught_up, bool *ret_changed)
{
    struct upkeep u = { .o = o, .wall_ms = wall_ms, .caught_up = caught_up };
    enum ks_err err;

    assert(o->loaded);
    if ((err = omemo_own_each(o, OMEMO_SIGNED, keep_signed, &u)) != KS_OK
        || (err = omemo_own_each(o, OMEMO_PRE_KEY, keep_pre_key, &u)) != KS_OK)
        return err;
    if (!u.has_signed) {
        if ((err = make_signed_pre_key(o, wall_ms)) != KS_OK)
            return err;
        u.changed = true;
    }
    if (u.free_pre_keys < KS_OMEMO_PRE_KEYS_LOW) {
        for (; u.free_pre_keys < KS_OMEMO_PRE_KEYS; u.free_pre_keys++)
            if ((err = make_pre_key(o)) != KS_OK)
                return err;
        u.changed = true;
    }
    *ret_changed = u.changed;
    return KS_OK;
}

enum ks_err ks_omemo_create(struct ks_omemo *o, int64_t wall_ms)
{
    bool changed;
    enum ks_err err = ks_omemo_load(o);

    if (err != KS_ENOTFOUND)
        return err == KS_OK ? KS_EEXISTS : err;
    if ((err = make_identity(o)) != KS_OK)
        return err;
    o->loaded = true;
    err = ks_omemo_upkeep(o, wall_ms, true, &changed);
    o->loaded = err == KS_OK;
    return err;
}

/* --- starting over --- */

static bool gather_key(void *user, struct ks_str key, struct ks_str value)
{
    (void)value;
    ks_buf_field(user, key);
    return true;
}

static enum ks_err clear(struct ks_omemo *o, enum ks_table table, struct ks_str prefix)
{
    struct ks_buf keys;
    struct ks_cursor at;
    enum ks_err err;

    ks_buf_init(&keys, SIZE_MAX);
    err = o->store->ops->scan(o->store, table, prefix, KS_STR_EMPTY, false, gather_key, &keys);
    if (err == KS_OK)
        err = ks_buf_err(&keys);
    at = ks_cursor(ks_buf_str(&keys));
    while (err == KS_OK && !ks_cursor_done(&at)) {
        struct ks_str key;

        if ((err = ks_cursor_field(&at, &key)) == KS_OK)
            err = o->store->ops->del(o->store, table, key);
    }
    ks_buf_done(&keys);
    return err;
}

enum ks_err ks_omemo_renew(struct ks_omemo *o, int64_t wall_ms)
{
    bool changed;
    enum ks_err err;

    if ((err = clear(o, KS_T_SESSION2, KS_STR_EMPTY)) != KS_OK || (err = clear(o, KS_T_SESSION1, KS_STR_EMPTY)) != KS_OK
        || (err = clear(o, KS_T_OMEMO_OWN, KS_STR("s"))) != KS_OK
        || (err = clear(o, KS_T_OMEMO_OWN, KS_STR("p"))) != KS_OK)
        return err;
    return ks_omemo_upkeep(o, wall_ms, true, &changed);
}
