/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo_store.c -- what OMEMO keeps in the engine store, and libomemo-c's callbacks to it.
 *
 *     KS_T_OMEMO_OWN   "i"                       u8 version | u32 device | 32 bytes private | 32 bytes public key
 *                      "s" u32 id                u8 version | u8 0 | u64 created | u64 retired | signed pre-key
 *                      "p" u32 id                u8 version | u8 used | u64 0 | u64 0 | pre-key
 *     KS_T_OMEMO_PEER  "i" jid 0 u32 device      u8 version | u8 trust | 32 bytes identity
 *     KS_T_SESSION2/1  jid 0 u32 device          u8 version | session record
 *
 * Numbers are big-endian; the inner formats are libomemo-c's. Other first letters in KS_T_OMEMO_PEER are the engine's
 * (device lists). */
#include "omemo_internal.h"

#include <omemo/session_record.h>

#define RECORD_MAX (16 * KS_OMEMO_SESSION_MAX) /* what is read back: a current state alone may pass the limit */

void omemo_address_init(struct omemo_address *a, struct ks_str jid, uint32_t device)
{
    assert(jid.len > 0 && jid.len <= OMEMO_JID_MAX && !memchr(jid.ptr, 0, jid.len));
    assert(device > 0 && device <= OMEMO_DEVICE_MAX);
    memcpy(a->name, jid.ptr, jid.len);
    a->name[jid.len] = 0;
    a->address = (signal_protocol_address) { a->name, jid.len, (int32_t)device };
}

static void key_add(struct omemo_key *key, struct ks_str bytes)
{
    assert(bytes.len <= sizeof key->bytes - key->len);
    memcpy(key->bytes + key->len, bytes.ptr, bytes.len);
    key->len += bytes.len;
}

static void key_add_u32(struct omemo_key *key, uint32_t value)
{
    const char bytes[4] = { (char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value };

    key_add(key, ks_str(bytes, 4));
}

struct ks_str omemo_key_peer(struct omemo_key *key, const char *letter, struct ks_str jid, uint32_t device)
{
    key->len = 0;
    key_add(key, ks_str_z(letter));
    key_add(key, jid);
    key_add(key, ks_str("", 1));
    if (device) /* without: the prefix of all devices of the account */
        key_add_u32(key, device);
    return ks_str(key->bytes, key->len);
}

struct ks_str omemo_key_own(struct omemo_key *key, char letter, uint32_t id)
{
    key->len = 0;
    key_add(key, ks_str(&letter, 1));
    key_add_u32(key, id);
    return ks_str(key->bytes, key->len);
}

enum ks_err omemo_err(struct ks_omemo *o, int rc)
{
    enum ks_err err = o->store_err;

    o->store_err = KS_OK;
    if (err != KS_OK)
        return err;
    if (rc >= 0)
        return KS_OK;
    switch (rc) {
    case SG_ERR_NOMEM:
        return KS_ENOMEM;
    case SG_ERR_DUPLICATE_MESSAGE:
        return KS_EEXISTS;
    case SG_ERR_NO_SESSION:
    case SG_ERR_INVALID_KEY_ID:
        return KS_ESTATE;
    case SG_ERR_INVALID_PROTO_BUF: /* one of our own records */
        return KS_ESTORE;
    default:
        return KS_ECRYPTO;
    }
}

enum ks_err omemo_read_err(int rc)
{
    return rc >= 0 ? KS_OK : rc == SG_ERR_NOMEM ? KS_ENOMEM : KS_ESYNTAX;
}

/* --- own records --- */

static enum ks_err own_parse(struct ks_str key, struct ks_str value, struct omemo_own_record *ret_record)
{
    struct ks_cursor at = ks_cursor(ks_str_from(key, 1));
    uint8_t version, used;
    uint64_t created, retired;

    if (ks_cursor_u32(&at, &ret_record->id) != KS_OK)
        return KS_ESTORE;
    at = ks_cursor(value);
    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != OMEMO_RECORD_VERSION)
        return KS_EVERSION;
    if (ks_cursor_u8(&at, &used) != KS_OK || ks_cursor_u64(&at, &created) != KS_OK
        || ks_cursor_u64(&at, &retired) != KS_OK)
        return KS_ESTORE;
    ret_record->used = used;
    ret_record->created_ms = (int64_t)created;
    ret_record->retired_ms = (int64_t)retired;
    ret_record->blob = at.left;
    return KS_OK;
}

enum ks_err omemo_own_put(struct ks_omemo *o, char letter, const struct omemo_own_record *record)
{
    struct omemo_key key;
    struct ks_buf value;
    enum ks_err err;

    ks_buf_init_secret(&value, RECORD_MAX);
    ks_buf_byte(&value, OMEMO_RECORD_VERSION);
    ks_buf_byte(&value, record->used);
    ks_buf_u64(&value, (uint64_t)record->created_ms);
    ks_buf_u64(&value, (uint64_t)record->retired_ms);
    ks_buf_add(&value, record->blob);
    err = ks_buf_err(&value);
    if (err == KS_OK)
        err = o->store->ops->put(o->store, KS_T_OMEMO_OWN, omemo_key_own(&key, letter, record->id), ks_buf_str(&value));
    ks_buf_done(&value);
    return err;
}

enum ks_err omemo_own_get(
    struct ks_omemo *o, char letter, uint32_t id, struct ks_buf *buf, struct omemo_own_record *ret_record)
{
    struct omemo_key key;
    struct ks_str name = omemo_key_own(&key, letter, id);
    enum ks_err err = o->store->ops->get(o->store, KS_T_OMEMO_OWN, name, buf);

    return err != KS_OK ? err : own_parse(name, ks_buf_str(buf), ret_record);
}

enum ks_err omemo_own_del(struct ks_omemo *o, char letter, uint32_t id)
{
    struct omemo_key key;

    return o->store->ops->del(o->store, KS_T_OMEMO_OWN, omemo_key_own(&key, letter, id));
}

static bool gather(void *user, struct ks_str key, struct ks_str value)
{
    ks_buf_field(user, key);
    ks_buf_field(user, value);
    return true;
}

enum ks_err omemo_own_each(struct ks_omemo *o, char letter, omemo_visit_own *visit, void *user)
{
    struct ks_buf all;
    struct ks_cursor at;
    enum ks_err err;

    ks_buf_init_secret(&all, RECORD_MAX);
    err = o->store->ops->scan(o->store, KS_T_OMEMO_OWN, ks_str(&letter, 1), KS_STR_EMPTY, false, gather, &all);
    if (err == KS_OK)
        err = ks_buf_err(&all);
    at = ks_cursor(ks_buf_str(&all));
    while (err == KS_OK && !ks_cursor_done(&at)) {
        struct omemo_own_record record;
        struct ks_str key, value;

        if ((err = ks_cursor_field(&at, &key)) == KS_OK && (err = ks_cursor_field(&at, &value)) == KS_OK
            && (err = own_parse(key, value, &record)) == KS_OK)
            err = visit(user, &record);
    }
    ks_buf_done(&all);
    return err;
}

/* --- callbacks: a store's failure is kept aside, since libomemo-c only knows numbers of its own --- */

static int fail(struct ks_omemo *o, enum ks_err err)
{
    o->store_err = err;
    return SG_ERR_UNKNOWN;
}

static struct ks_str session_key(struct omemo_key *key, const signal_protocol_address *address)
{
    return omemo_key_peer(key, "", ks_str(address->name, address->name_len), (uint32_t)address->device_id);
}

static int load_session(
    signal_buffer **ret_record, signal_buffer **ret_user_record, const signal_protocol_address *address, void *user)
{
    struct omemo_lane *lane = user;
    struct ks_engine_store *store = lane->o->store;
    struct omemo_key key;
    struct ks_buf value;
    enum ks_err err;
    int rc = 0;

    (void)ret_user_record;
    ks_buf_init_secret(&value, RECORD_MAX);
    err = store->ops->get(store, lane->sessions, session_key(&key, address), &value);
    if (err == KS_OK && value.len == 0)
        err = KS_ESTORE;
    else if (err == KS_OK && value.ptr[0] != OMEMO_RECORD_VERSION)
        err = KS_EVERSION;
    if (err == KS_OK) {
        *ret_record = signal_buffer_create((const uint8_t *)value.ptr + 1, value.len - 1);
        rc = *ret_record ? 1 : SG_ERR_NOMEM;
    } else if (err != KS_ENOTFOUND) {
        rc = fail(lane->o, err);
    }
    ks_buf_done(&value);
    return rc;
}

static int contains_session(const signal_protocol_address *address, void *user)
{
    signal_buffer *record = NULL;
    int rc = load_session(&record, NULL, address, user);

    signal_buffer_bzero_free(record);
    return rc;
}

/* A peer can make a session grow: each archived state may hold thousands of skipped keys. Beyond the limit the oldest
 * states go, the current one never. */
static int shrink(struct ks_omemo *o, signal_buffer **record_buffer)
{
    session_record *record = NULL;
    int rc = session_record_deserialize(
        &record, signal_buffer_data(*record_buffer), signal_buffer_len(*record_buffer), o->context);

    while (rc >= 0 && signal_buffer_len(*record_buffer) > KS_OMEMO_SESSION_MAX) {
        session_record_state_node *node = session_record_get_previous_states_head(record), *next;

        if (!node)
            break;
        while ((next = session_record_get_previous_states_next(node)))
            node = next;
        session_record_get_previous_states_remove(record, node);
        signal_buffer_bzero_free(*record_buffer);
        *record_buffer = NULL;
        rc = session_record_serialize(record_buffer, record);
    }
    SIGNAL_UNREF(record);
    return rc;
}

static int store_session(const signal_protocol_address *address, uint8_t *record, size_t record_len,
    uint8_t *user_record, size_t user_record_len, void *user)
{
    struct omemo_lane *lane = user;
    struct ks_engine_store *store = lane->o->store;
    signal_buffer *bytes = signal_buffer_create(record, record_len);
    struct omemo_key key;
    struct ks_buf value;
    enum ks_err err = KS_OK;
    int rc = bytes ? 0 : SG_ERR_NOMEM;

    (void)user_record;
    (void)user_record_len;
    ks_buf_init_secret(&value, RECORD_MAX);
    if (rc == 0 && record_len > KS_OMEMO_SESSION_MAX)
        rc = shrink(lane->o, &bytes);
    if (rc >= 0) {
        ks_buf_byte(&value, OMEMO_RECORD_VERSION);
        ks_buf_add(&value, ks_str(signal_buffer_data(bytes), signal_buffer_len(bytes)));
        if ((err = ks_buf_err(&value)) == KS_OK)
            err = store->ops->put(store, lane->sessions, session_key(&key, address), ks_buf_str(&value));
    }
    ks_buf_done(&value);
    signal_buffer_bzero_free(bytes);
    return err != KS_OK ? fail(lane->o, err) : rc < 0 ? rc : 0;
}

static int delete_session(const signal_protocol_address *address, void *user)
{
    struct omemo_lane *lane = user;
    struct omemo_key key;
    enum ks_err err = lane->o->store->ops->del(lane->o->store, lane->sessions, session_key(&key, address));

    return err == KS_OK ? 1 : fail(lane->o, err);
}

static int load_own(signal_buffer **ret_record, char letter, uint32_t id, struct omemo_lane *lane)
{
    struct omemo_own_record record;
    struct ks_buf buf;
    enum ks_err err;
    int rc = 0;

    ks_buf_init_secret(&buf, RECORD_MAX);
    err = omemo_own_get(lane->o, letter, id, &buf, &record);
    if (err == KS_OK) {
        *ret_record = signal_buffer_create((const uint8_t *)record.blob.ptr, record.blob.len);
        rc = *ret_record ? 0 : SG_ERR_NOMEM;
    } else {
        rc = err == KS_ENOTFOUND ? SG_ERR_INVALID_KEY_ID : fail(lane->o, err);
    }
    ks_buf_done(&buf);
    return rc;
}

static int load_pre_key(signal_buffer **ret_record, uint32_t id, void *user)
{
    return load_own(ret_record, OMEMO_PRE_KEY, id, user);
}

static int load_signed_pre_key(signal_buffer **ret_record, uint32_t id, void *user)
{
    return load_own(ret_record, OMEMO_SIGNED, id, user);
}

/* libomemo-c asks at once. Marked, it leaves the bundle; ks_omemo_upkeep erases it when nobody can need it again. */
static int use_up_pre_key(uint32_t id, void *user)
{
    struct ks_omemo *o = ((struct omemo_lane *)user)->o;
    struct omemo_own_record record;
    struct ks_buf buf;
    enum ks_err err;

    ks_buf_init_secret(&buf, RECORD_MAX);
    err = omemo_own_get(o, OMEMO_PRE_KEY, id, &buf, &record);
    if (err == KS_OK) {
        record.used = true;
        err = omemo_own_put(o, OMEMO_PRE_KEY, &record);
    }
    ks_buf_done(&buf);
    return err == KS_OK || err == KS_ENOTFOUND ? 0 : fail(o, err);
}

static int get_identity(signal_buffer **ret_public, signal_buffer **ret_private, void *user)
{
    const struct ks_omemo *o = ((struct omemo_lane *)user)->o;
    uint8_t public[1 + KS_IDENTITY_LEN] = { 0x05 };

    memcpy(public + 1, o->identity, KS_IDENTITY_LEN);
    *ret_public = signal_buffer_create(public, sizeof public);
    *ret_private = signal_buffer_create(o->secret, sizeof o->secret);
    return *ret_public && *ret_private ? 0 : SG_ERR_NOMEM;
}

static int get_registration_id(void *user, uint32_t *ret_id)
{
    *ret_id = ((struct omemo_lane *)user)->o->device;
    return 0;
}

static int save_identity(const signal_protocol_address *address, uint8_t *key, size_t key_len, void *user)
{
    (void)address;
    (void)key;
    (void)key_len;
    (void)user;
    return 0;
}

static int is_trusted(const signal_protocol_address *address, uint8_t *key, size_t key_len, void *user)
{
    (void)address;
    (void)key;
    (void)key_len;
    (void)user;
    return 1;
}

/* The rest of libomemo-c's callbacks serve functions that we do not call. */
enum ks_err omemo_lane_init(struct omemo_lane *lane)
{
    const signal_protocol_session_store sessions = {
        .load_session_func = load_session,
        .store_session_func = store_session,
        .contains_session_func = contains_session,
        .delete_session_func = delete_session,
        .user_data = lane,
    };
    const signal_protocol_pre_key_store pre_keys = {
        .load_pre_key = load_pre_key,
        .remove_pre_key = use_up_pre_key,
        .user_data = lane,
    };
    const signal_protocol_signed_pre_key_store signed_pre_keys = {
        .load_signed_pre_key = load_signed_pre_key,
        .user_data = lane,
    };
    const signal_protocol_identity_key_store identities = {
        .get_identity_key_pair = get_identity,
        .get_local_registration_id = get_registration_id,
        .save_identity = save_identity,
        .is_trusted_identity = is_trusted,
        .user_data = lane,
    };

    if (signal_protocol_store_context_create(&lane->stores, lane->o->context) < 0
        || signal_protocol_store_context_set_session_store(lane->stores, &sessions) < 0
        || signal_protocol_store_context_set_pre_key_store(lane->stores, &pre_keys) < 0
        || signal_protocol_store_context_set_signed_pre_key_store(lane->stores, &signed_pre_keys) < 0
        || signal_protocol_store_context_set_identity_key_store(lane->stores, &identities) < 0)
        return KS_ENOMEM;
    return KS_OK;
}

void omemo_lane_done(struct omemo_lane *lane)
{
    if (lane->stores)
        signal_protocol_store_context_destroy(lane->stores);
    lane->stores = NULL;
}
