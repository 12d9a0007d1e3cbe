/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "group.h"

#include <stdlib.h>

#include "contacts.h"
#include "engine.h"
#include "group_look.h"
#include "group_picture.h"
#include "inbox.h"
#include "kept_rooms.h"

#define VERSION 5
#define RECORD_BYTES_MAX (5 * (KS_ROOM_DATA_MAX + 4096) + 512 * 1024)
#define KEY_BYTES_MAX 8192
#define VERSIONS_LOOKED_AT 64

/* --- the session's part --- */

void ks_groups_init(struct konsil *k)
{
    ks_list_init(&k->groups.live);
}

struct ks_group_live *ks_group_live(struct konsil *k, struct ks_str room)
{
    for (KS_LIST_EACH(&k->groups.live, at)) {
        struct ks_group_live *live = KS_CONTAINER(at, struct ks_group_live, link);

        if (ks_str_eq(live->room, room))
            return live;
    }
    return NULL;
}

enum ks_err ks_group_use(struct konsil *k, struct ks_str room, struct ks_group_live **ret_live)
{
    struct ks_group_live *live = ks_group_live(k, room);

    if (!live) {
        if (!(live = calloc(1, sizeof(*live) + room.len)))
            return KS_ENOMEM;
        memcpy(live + 1, room.ptr, room.len);
        live->room = ks_str(live + 1, room.len);
        live->catchup.archive = live->room;
        live->next_ms = KS_NEVER;
        ks_occupants_init(&live->occupants);
        ks_list_init(&live->told);
        ks_list_append(&k->groups.live, &live->link);
    }
    *ret_live = live;
    return KS_OK;
}

/* --- records --- */

static void group_key(struct ks_buf *key, char kind, struct ks_str room)
{
    ks_buf_init(key, KEY_BYTES_MAX);
    ks_buf_byte(key, (uint8_t)kind);
    ks_buf_add(key, room);
}

static void encode_signed(struct ks_buf *buf, const struct ks_room_signed *one)
{
    ks_buf_field(buf, one->data);
    ks_buf_field(buf, one->signature);
    ks_buf_field(buf, one->signer);
    ks_buf_u32(buf, one->device);
}

static enum ks_err decode_signed(struct ks_arena *arena, struct ks_cursor *at, struct ks_room_signed *one)
{
    if (ks_cursor_field(at, &one->data) != KS_OK || ks_cursor_field(at, &one->signature) != KS_OK
        || ks_cursor_field(at, &one->signer) != KS_OK || ks_cursor_u32(at, &one->device) != KS_OK)
        return KS_ESTORE;
    if (one->data.len == 0)
        return KS_OK;
    ks_room_state_hash(one->data, one->hash);
    return ks_room_state_read(arena, one->data, &one->state);
}

static void encode_welcomes(struct ks_buf *buf, const struct ks_group *group)
{
    ks_buf_byte(buf, (uint8_t)group->welcome_count);
    for (size_t i = 0; i < group->welcome_count; i++) {
        const struct ks_group_welcome *welcome = &group->welcomes[i];

        ks_buf_field(buf, welcome->by);
        ks_buf_u64(buf, welcome->v);
        ks_buf_add(buf, ks_str(welcome->hash, sizeof(welcome->hash)));
        ks_buf_field(buf, welcome->look);
    }
}

static enum ks_err decode_welcome(struct ks_cursor *at, struct ks_group_welcome *welcome)
{
    struct ks_str hash;

    if (ks_cursor_field(at, &welcome->by) != KS_OK || ks_cursor_u64(at, &welcome->v) != KS_OK
        || ks_cursor_take(at, KS_ROOM_HASH_LEN, &hash) != KS_OK)
        return KS_ESTORE;
    memcpy(welcome->hash, hash.ptr, hash.len);
    return KS_OK;
}

static enum ks_err decode_welcomes(struct ks_cursor *at, struct ks_group *group)
{
    uint8_t count;

    if (ks_cursor_u8(at, &count) != KS_OK || count > KS_GROUP_WELCOMES_MAX)
        return KS_ESTORE;
    group->welcome_count = count;
    for (size_t i = 0; i < count; i++)
        if (decode_welcome(at, &group->welcomes[i]) != KS_OK || ks_cursor_field(at, &group->welcomes[i].look) != KS_OK)
            return KS_ESTORE;
    return KS_OK;
}

static void encode_heads(struct ks_buf *buf, const struct ks_group_welcome *welcome)
{
    ks_buf_byte(buf, (uint8_t)welcome->head_count);
    for (size_t i = 0; i < welcome->head_count; i++) {
        const struct ks_ack_range *head = &welcome->heads[i];

        ks_buf_field(buf, head->jid);
        ks_buf_u32(buf, head->device);
        ks_buf_u64(buf, head->epoch);
        ks_buf_u64(buf, head->to);
        ks_buf_add(buf, ks_str(head->hash, sizeof(head->hash)));
    }
}

/* Before version 4 they were taken as they came. */
static enum ks_err decode_heads(struct ks_arena *arena, struct ks_cursor *at, struct ks_group_welcome *welcome)
{
    struct ks_ack_range *heads;
    struct ks_str hash;
    uint8_t count;

    if (ks_cursor_u8(at, &count) != KS_OK || count > KS_ACK_RANGES_MAX)
        return KS_ESTORE;
    if (!(heads = ks_arena_zero(arena, (count + 1u) * sizeof(*heads))))
        return KS_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (ks_cursor_field(at, &heads[i].jid) != KS_OK || ks_cursor_u32(at, &heads[i].device) != KS_OK
            || ks_cursor_u64(at, &heads[i].epoch) != KS_OK || ks_cursor_u64(at, &heads[i].to) != KS_OK
            || ks_cursor_take(at, sizeof(heads[i].hash), &hash) != KS_OK)
            return KS_ESTORE;
        memcpy(heads[i].hash, hash.ptr, hash.len);
    }
    welcome->heads = heads;
    welcome->head_count = count;
    return KS_OK;
}

/* Version 1 had one welcome, whose look was the pending one, and nothing that was named. */
static enum ks_err decode_first(struct ks_cursor *at, struct ks_group *group)
{
    enum ks_err err = decode_welcome(at, &group->welcomes[0]);

    group->welcome_count = group->flags & KS_GROUP_INVITED ? 1 : 0;
    return err;
}

/* Version 2 had no hash of it. */
static enum ks_err decode_named(struct ks_cursor *at, uint8_t version, struct ks_group *group)
{
    struct ks_str hash, other;
    uint64_t ms;

    if (ks_cursor_u64(at, &group->named_v) != KS_OK || ks_cursor_field(at, &group->named_by) != KS_OK
        || ks_cursor_u64(at, &ms) != KS_OK)
        return KS_ESTORE;
    group->named_ms = (int64_t)ms;
    if (version == 2) {
        group->flags |= group->named_v > 0 ? KS_GROUP_NO_HASH : 0;
        return KS_OK;
    }
    if (ks_cursor_take(at, KS_ROOM_HASH_LEN, &hash) != KS_OK || ks_cursor_take(at, KS_ROOM_HASH_LEN, &other) != KS_OK)
        return KS_ESTORE;
    memcpy(group->named_hash, hash.ptr, hash.len);
    memcpy(group->named_other, other.ptr, other.len);
    return KS_OK;
}

static enum ks_err decode(struct ks_arena *arena, struct ks_str record, struct ks_group *group)
{
    struct ks_room_signed *const all[] = { &group->newest, &group->before, &group->rival, &group->doubt,
        &group->pending };
    struct ks_cursor at = ks_cursor(record);
    uint8_t version;
    uint32_t flags;
    enum ks_err err;

    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version == 0 || version > VERSION)
        return KS_EVERSION;
    if (ks_cursor_u32(&at, &flags) != KS_OK)
        return KS_ESTORE;
    group->flags = flags;
    for (size_t i = 0; i < KS_COUNT(all); i++)
        if ((err = decode_signed(arena, &at, all[i])) != KS_OK)
            return err == KS_ENOMEM ? err : KS_ESTORE;
    if (ks_cursor_field(&at, &group->look) != KS_OK || ks_cursor_field(&at, &group->pending_look) != KS_OK)
        return KS_ESTORE;
    if (version == 1)
        return decode_first(&at, group);
    if ((err = decode_welcomes(&at, group)) != KS_OK || (err = decode_named(&at, version, group)) != KS_OK)
        return err;
    for (size_t i = 0; version >= 4 && i < group->welcome_count && err == KS_OK; i++)
        err = decode_heads(arena, &at, &group->welcomes[i]);
    /* Before version 5 there was one doubt, and what it says it says. */
    if (err != KS_OK || version < 5)
        return err;
    if (ks_cursor_field(&at, &group->doubted) != KS_OK
        || (group->doubted.len > 0 && group->doubted.len != group->newest.state.member_count))
        return KS_ESTORE;
    return KS_OK;
}

enum ks_err ks_group_get(struct konsil *k, struct ks_str room, struct ks_group *ret_group)
{
    struct ks_buf key;
    struct ks_str record;
    enum ks_err err;

    *ret_group = (struct ks_group) { .room = room };
    group_key(&key, 'r', room);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = ks_store_get(k, KS_T_GROUP, ks_buf_str(&key), &record);
    ks_buf_done(&key);
    return err == KS_OK ? decode(&k->arena, record, ret_group) : err;
}

enum ks_err ks_group_put(struct konsil *k, const struct ks_group *group)
{
    struct ks_buf key, record;
    enum ks_err err;

    group_key(&key, 'r', group->room);
    ks_buf_init(&record, RECORD_BYTES_MAX);
    ks_buf_byte(&record, VERSION);
    ks_buf_u32(&record, group->flags);
    encode_signed(&record, &group->newest);
    encode_signed(&record, &group->before);
    encode_signed(&record, &group->rival);
    encode_signed(&record, &group->doubt);
    encode_signed(&record, &group->pending);
    ks_buf_field(&record, group->look);
    ks_buf_field(&record, group->pending_look);
    encode_welcomes(&record, group);
    ks_buf_u64(&record, group->named_v);
    ks_buf_field(&record, group->named_by);
    ks_buf_u64(&record, (uint64_t)group->named_ms);
    ks_buf_add(&record, ks_str(group->named_hash, sizeof(group->named_hash)));
    ks_buf_add(&record, ks_str(group->named_other, sizeof(group->named_other)));
    for (size_t i = 0; i < group->welcome_count; i++)
        encode_heads(&record, &group->welcomes[i]);
    ks_buf_field(&record, group->doubted);
    if ((err = ks_buf_err(&key)) == KS_OK && (err = ks_buf_err(&record)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_GROUP, ks_buf_str(&key), ks_buf_str(&record));
    ks_buf_done(&record);
    ks_buf_done(&key);
    return err;
}

enum ks_err ks_group_is(struct konsil *k, struct ks_str jid, bool *ret_is)
{
    struct ks_buf key;
    struct ks_str record;
    enum ks_err err;

    group_key(&key, 'r', jid);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = ks_store_get(k, KS_T_GROUP, ks_buf_str(&key), &record);
    ks_buf_done(&key);
    *ret_is = err == KS_OK;
    return err == KS_ENOTFOUND ? KS_OK : err;
}

const char *ks_group_closed(const struct ks_group *group)
{
    return group->flags & KS_GROUP_FOREIGN                  ? KS_CODE_ROOM_FOREIGN
        : group->flags & (KS_GROUP_LEFT | KS_GROUP_REMOVED) ? KS_CODE_ROOM_NOT_MEMBER
                                                            : NULL;
}

enum ks_err ks_group_closed_to_us(struct konsil *k, struct ks_str jid, const char **ret_code)
{
    struct ks_group group;
    enum ks_err err = ks_group_get(k, jid, &group);

    *ret_code = err == KS_OK ? ks_group_closed(&group) : NULL;
    return err == KS_ENOTFOUND ? KS_OK : err;
}

bool ks_group_may_state(struct ks_str room)
{
    return ks_str_starts(room, KS_STR("r-")) && ks_str_find_byte(room, '@') == KS_ROOM_LOCAL_LEN;
}

struct all {
    struct ks_arena *arena;
    struct ks_str *rooms;
    size_t count, cap;
    enum ks_err err;
};

static bool take_room(void *user, struct ks_str key, struct ks_str value)
{
    struct all *all = user;

    (void)value;
    if (all->count == all->cap) {
        size_t cap = all->cap ? 2 * all->cap : 32;
        struct ks_str *rooms = ks_arena_alloc(all->arena, cap * sizeof(*rooms));

        if (!rooms) {
            all->err = KS_ENOMEM;
            return false;
        }
        if (all->count > 0)
            memcpy(rooms, all->rooms, all->count * sizeof(*rooms));
        all->rooms = rooms;
        all->cap = cap;
    }
    all->err = ks_arena_copy(all->arena, ks_str_from(key, 1), &all->rooms[all->count]);
    all->count++;
    return all->err == KS_OK;
}

enum ks_err ks_group_all(struct konsil *k, struct ks_str **ret_rooms, size_t *ret_count)
{
    struct all all = { .arena = &k->arena };
    enum ks_err err = k->store->ops->scan(k->store, KS_T_GROUP, KS_STR("r"), KS_STR_EMPTY, false, take_room, &all);

    *ret_rooms = all.rooms;
    *ret_count = all.count;
    return err == KS_OK ? all.err : err;
}

enum ks_err ks_group_may_add(struct konsil *k, struct ks_str room, bool *ret_place)
{
    struct ks_str *rooms;
    size_t count, unproven = 0;
    enum ks_err err = ks_group_all(k, &rooms, &count);

    for (size_t i = 0; err == KS_OK && i < count; i++) {
        struct ks_group group;

        if ((err = ks_group_get(k, rooms[i], &group)) == KS_OK)
            unproven += group.newest.data.len == 0 && group.flags & KS_GROUP_INVITED;
    }
    *ret_place = err == KS_OK && count < KS_GROUPS_MAX && unproven < KS_GROUP_UNPROVEN_MAX;
    return err != KS_OK || *ret_place ? err : ks_group_warn(k, KS_CODE_ROOM_LIMIT, room, KS_STR_EMPTY, KS_STR_EMPTY);
}

/* --- who reads --- */

static const struct ks_room_state *there(const struct ks_room_signed *one)
{
    return one->data.len > 0 ? &one->state : NULL;
}

void ks_group_known(const struct ks_group *group, struct ks_room_known *ret_known)
{
    *ret_known = (struct ks_room_known) {
        .newest = there(&group->newest), .rival = there(&group->rival), .before = there(&group->before)
    };
    memcpy(ret_known->newest_hash, group->newest.hash, KS_ROOM_HASH_LEN);
    memcpy(ret_known->rival_hash, group->rival.hash, KS_ROOM_HASH_LEN);
    memcpy(ret_known->before_hash, group->before.hash, KS_ROOM_HASH_LEN);
}

const struct ks_room_entry *ks_group_recipient(const struct ks_group *group, struct ks_str jid)
{
    const struct ks_room_entry *entry;
    struct ks_room_known known;

    ks_group_known(group, &known);
    if (there(&group->doubt) && !ks_room_state_member(&group->doubt.state, jid))
        return NULL;
    entry = ks_room_recipient(&known, jid);
    return entry && !ks_group_doubts(group, entry, KS_DOUBT_OUT | KS_DOUBT_OUT_SERVED) ? entry : NULL;
}

bool ks_group_owns(const struct ks_group *group, struct ks_str jid)
{
    const struct ks_room_entry *entry = ks_group_recipient(group, jid);

    return entry && entry->owner;
}

static bool owns_in(const struct ks_room_signed *one, struct ks_str jid)
{
    const struct ks_room_entry *entry = there(one) ? ks_room_state_member(&one->state, jid) : NULL;

    return !there(one) || (entry && entry->owner);
}

bool ks_group_owns_by_all(const struct ks_group *group, struct ks_str jid)
{
    const struct ks_room_entry *entry = ks_group_recipient(group, jid);

    return entry && entry->owner && !ks_group_doubts(group, entry, KS_DOUBT_DEMOTED | KS_DOUBT_DEMOTED_SERVED)
        && owns_in(&group->rival, jid) && owns_in(&group->doubt, jid);
}

enum ks_err ks_group_recipients(
    struct konsil *k, const struct ks_group *group, struct ks_str **ret_jids, size_t *ret_count)
{
    const struct ks_room_state *state = &group->newest.state;
    struct ks_str *jids = ks_arena_alloc(&k->arena, (state->member_count + 1) * sizeof(*jids));
    size_t count = 0;

    if (!jids)
        return KS_ENOMEM;
    for (size_t i = 0; group->newest.data.len > 0 && i < state->member_count; i++)
        if (!ks_str_eq(state->members[i].jid, ks_own(k)) && ks_group_recipient(group, state->members[i].jid))
            jids[count++] = state->members[i].jid;
    *ret_jids = jids;
    *ret_count = count;
    return KS_OK;
}

static void version_key(struct ks_buf *key, struct ks_str room, uint64_t version)
{
    group_key(key, 's', room);
    ks_buf_byte(key, 0);
    ks_buf_u64(key, version);
}

enum ks_err ks_group_keep_version(struct konsil *k, const struct ks_room_signed *one)
{
    struct ks_buf key;
    enum ks_err err;

    version_key(&key, one->state.room, one->state.v);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_GROUP, ks_buf_str(&key), one->data);
    ks_buf_done(&key);
    return err;
}

/* --- forgetting --- */

#define KEYS_AT_ONCE 64

struct keys {
    struct ks_arena *arena;
    struct ks_str keys[KEYS_AT_ONCE];
    size_t count;
    enum ks_err err;
};

static bool take_key(void *user, struct ks_str key, struct ks_str value)
{
    struct keys *keys = user;

    (void)value;
    keys->err = ks_arena_copy(keys->arena, key, &keys->keys[keys->count]);
    return keys->err == KS_OK && ++keys->count < KEYS_AT_ONCE;
}

/* All rows of a kind that have more behind the room. */
static enum ks_err forget_rows(struct konsil *k, char kind, struct ks_str room)
{
    struct keys *keys = ks_arena_zero(&k->arena, sizeof(*keys));
    struct ks_buf prefix;
    enum ks_err err;

    if (!keys)
        return KS_ENOMEM;
    keys->arena = &k->arena;
    group_key(&prefix, kind, room);
    ks_buf_byte(&prefix, 0);
    err = ks_buf_err(&prefix);
    while (err == KS_OK) {
        keys->count = 0;
        err = k->store->ops->scan(k->store, KS_T_GROUP, ks_buf_str(&prefix), KS_STR_EMPTY, false, take_key, keys);
        err = err == KS_OK ? keys->err : err;
        for (size_t i = 0; i < keys->count && err == KS_OK; i++)
            err = k->store->ops->del(k->store, KS_T_GROUP, keys->keys[i]);
        if (keys->count < KEYS_AT_ONCE)
            break;
    }
    ks_buf_done(&prefix);
    return err;
}

enum ks_err ks_group_forget(struct konsil *k, struct ks_str room)
{
    struct ks_buf key;
    enum ks_err err;

    group_key(&key, 'r', room);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->del(k->store, KS_T_GROUP, ks_buf_str(&key));
    ks_buf_done(&key);
    if (err != KS_OK || (err = forget_rows(k, 's', room)) != KS_OK || (err = forget_rows(k, 'h', room)) != KS_OK)
        return err;
    return ks_lifetime_said(k, room, 0);
}

/* --- as it was --- */

/* KS_ENOTFOUND: not kept here. */
/* ret_hash may be NULL. */
static enum ks_err get_signed(struct konsil *k, struct ks_str room, uint64_t version, struct ks_room_state *ret_state,
    uint8_t ret_hash[KS_ROOM_HASH_LEN])
{
    struct ks_str data;
    struct ks_buf key;
    enum ks_err err;

    version_key(&key, room, version);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = ks_store_get(k, KS_T_GROUP, ks_buf_str(&key), &data);
    ks_buf_done(&key);
    if (err != KS_OK)
        return err;
    if (ret_hash)
        ks_room_state_hash(data, ret_hash);
    return ks_room_state_read(&k->arena, data, ret_state);
}

static enum ks_err get_version(struct konsil *k, struct ks_str room, uint64_t version, struct ks_room_state *ret_state)
{
    return get_signed(k, room, version, ret_state, NULL);
}

/* What follows names the hashes before it, both of a fork. */
enum ks_err ks_group_stands_on(struct konsil *k, const struct ks_group *group, uint64_t version,
    const uint8_t hash[KS_ROOM_HASH_LEN], bool *ret_stands)
{
    const struct ks_room_signed *newest = &group->newest;
    struct ks_room_state next;
    enum ks_err err;

    *ret_stands = newest->data.len > 0 && newest->state.v == version
        && (memcmp(newest->hash, hash, KS_ROOM_HASH_LEN) == 0
            || (group->rival.data.len > 0 && memcmp(group->rival.hash, hash, KS_ROOM_HASH_LEN) == 0));
    if (newest->data.len == 0 || newest->state.v <= version)
        return KS_OK;
    if ((err = get_version(k, group->room, version + 1, &next)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    for (size_t i = 0; i < next.prev_count; i++)
        *ret_stands = *ret_stands || memcmp(next.prev[i], hash, KS_ROOM_HASH_LEN) == 0;
    return KS_OK;
}

enum ks_err ks_group_had(struct konsil *k, struct ks_str room, uint64_t version, struct ks_str jid, bool *ret_had)
{
    struct ks_room_state state;
    enum ks_err err = get_version(k, room, version, &state);

    *ret_had = err == KS_OK && ks_room_state_member(&state, jid);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

static bool is_owner(const struct ks_room_state *state, struct ks_str jid)
{
    const struct ks_room_entry *entry = ks_room_state_member(state, jid);

    return entry && entry->owner;
}

enum ks_err ks_group_owned_then(
    struct konsil *k, struct ks_str room, const struct ks_k *cited, struct ks_str jid, int64_t when_ms, bool *ret_owned)
{
    uint8_t hash[KS_ROOM_HASH_LEN];
    struct ks_room_state state;
    struct ks_group group;
    enum ks_err err = ks_group_get(k, room, &group);

    *ret_owned = false;
    if (err != KS_OK || (err = get_signed(k, room, cited->state_version, &state, hash)) != KS_OK
        || memcmp(hash, cited->state_hash, sizeof(hash)) != 0 || !is_owner(&state, jid))
        return err == KS_ENOTFOUND ? KS_OK : err;
    /* Citing an old one makes nothing old: it was said before the statement that ended his right. */
    for (uint64_t v = cited->state_version + 1; v <= group.newest.state.v; v++) {
        if (v - cited->state_version > VERSIONS_LOOKED_AT)
            return KS_OK;
        if ((err = get_version(k, room, v, &state)) == KS_ENOTFOUND)
            continue;
        if (err != KS_OK)
            return err;
        if (!is_owner(&state, jid)) {
            *ret_owned = when_ms / 1000 <= (int64_t)state.t;
            return KS_OK;
        }
    }
    *ret_owned = true;
    return KS_OK;
}

enum ks_err ks_group_ever_had(struct konsil *k, struct ks_str room, struct ks_str jid, bool *ret_had)
{
    struct ks_group group;
    enum ks_err err = ks_group_get(k, room, &group);

    *ret_had = false;
    if (err != KS_OK || group.newest.data.len == 0)
        return err == KS_ENOTFOUND ? KS_OK : err;
    /* Newest first, and not without end: who was gone for long is nobody's author. */
    for (uint64_t back = 0; !*ret_had && back <= group.newest.state.v && back < VERSIONS_LOOKED_AT; back++)
        if ((err = ks_group_had(k, room, group.newest.state.v - back, jid, ret_had)) != KS_OK)
            return err;
    return KS_OK;
}

enum ks_err ks_group_admits(struct konsil *k, const struct ks_inbound *in, const struct ks_k *cited, bool *ret_admitted)
{
    const struct ks_group_live *live = ks_group_live(k, in->peer);
    struct ks_group group;
    enum ks_err err = ks_group_get(k, in->peer, &group);

    *ret_admitted = err == KS_OK && group.flags & KS_GROUP_FOREIGN;
    if (err != KS_OK || group.newest.data.len == 0)
        return err == KS_ENOTFOUND ? KS_OK : err;
    *ret_admitted = ks_room_state_member(&group.newest.state, in->from) != NULL;
    if (*ret_admitted || !live || live->ready || !cited->has_state)
        return KS_OK;
    return ks_group_had(k, in->peer, cited->state_version, in->from, ret_admitted);
}

enum ks_err ks_group_was_recipient(
    struct konsil *k, struct ks_str room, uint64_t version, struct ks_str jid, bool *ret_was)
{
    struct ks_group group;
    enum ks_err err = ks_group_get(k, room, &group);

    *ret_was = false;
    if (err != KS_OK || group.flags & (KS_GROUP_LEFT | KS_GROUP_REMOVED) || !ks_group_recipient(&group, jid))
        return err == KS_ENOTFOUND ? KS_OK : err;
    /* The room's policy: a member may be given what was before. */
    *ret_was = group.newest.state.history == KS_ROOM_ALL;
    if (*ret_was)
        return KS_OK;
    return ks_group_had(k, room, version, jid, ret_was);
}

/* As the author's device saw it. */
static enum ks_err recipients_by(
    struct konsil *k, struct ks_group *group, const struct ks_k *cited, struct ks_str **ret_jids, size_t *ret_count)
{
    struct ks_room_state state;
    enum ks_err err;

    if (cited && cited->has_state && cited->state_version != group->newest.state.v) {
        err = get_version(k, group->room, cited->state_version, &state);
        if (err == KS_OK)
            group->newest.state = state;
        else if (err != KS_ENOTFOUND)
            return err;
        group->rival = (struct ks_room_signed) { .device = 0 };
        ks_group_doubt_over(group);
    }
    return ks_group_recipients(k, group, ret_jids, ret_count);
}

enum ks_err ks_group_receipts(struct konsil *k, struct ks_str conversation, const struct ks_k *cited,
    enum ks_js_state state, struct ks_receipt **ret_receipts, size_t *ret_count)
{
    struct ks_receipt *receipts;
    struct ks_str *jids;
    struct ks_group group;
    size_t count = 1;
    enum ks_err err = ks_group_get(k, conversation, &group);

    if (err == KS_ENOTFOUND)
        jids = &conversation;
    else if (err != KS_OK || (err = recipients_by(k, &group, cited, &jids, &count)) != KS_OK)
        return err;
    if (!(receipts = ks_arena_zero(&k->arena, (count + 1) * sizeof(*receipts))))
        return KS_ENOMEM;
    for (size_t i = 0; i < count; i++)
        receipts[i] = (struct ks_receipt) { .jid = jids[i], .state = state };
    *ret_receipts = receipts;
    *ret_count = count;
    return KS_OK;
}

/* --- for our other programs --- */

enum ks_err ks_group_keep(struct konsil *k, const struct ks_group *group)
{
    if (!there(&group->newest) && !(group->flags & KS_GROUP_FOREIGN))
        return KS_OK;
    return ks_bookmark_keep(k, group->room, !(group->flags & (KS_GROUP_LEFT | KS_GROUP_REMOVED)));
}

enum ks_err ks_groups_keep(struct konsil *k)
{
    struct ks_str *rooms;
    size_t count;
    enum ks_err err = ks_group_all(k, &rooms, &count);

    for (size_t i = 0; err == KS_OK && i < count; i++) {
        struct ks_group group;

        if ((err = ks_group_get(k, rooms[i], &group)) == KS_OK)
            err = ks_group_keep(k, &group);
    }
    return err;
}

/* --- what is told --- */

enum ks_err ks_group_event(struct konsil *k, const struct ks_group *group, struct ks_js_room *ret_event)
{
    const struct ks_room_state *state = &group->newest.state;
    struct ks_look look = { .avatar = KS_STR_EMPTY };
    enum ks_err err = KS_OK;

    if (group->look.len > 0 && (err = ks_look_read(&k->arena, group->look, &look)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_ESTORE;
    *ret_event = (struct ks_js_room) { .room = group->room,
        .title = look.title.len > 0 ? look.title : KS_STR_EMPTY,
        .subject = look.subject.len > 0 ? look.subject : KS_STR_EMPTY,
        .members = (int64_t)state->member_count,
        .owner = ks_group_owns(group, ks_own(k)),
        .left = group->flags & (KS_GROUP_LEFT | KS_GROUP_REMOVED),
        .foreign = group->flags & KS_GROUP_FOREIGN,
        .all_history = state->history == KS_ROOM_ALL,
        .version = (int64_t)state->v,
        .restricted = ks_group_restricted(group) };
    if ((err = ks_lifetime_days(k, group->room, &ret_event->retention_days)) != KS_OK)
        return err;
    return ks_group_picture_id(k, look.avatar, &ret_event->picture);
}

enum ks_err ks_group_tell(struct konsil *k, const struct ks_group *group)
{
    struct ks_js_room room;
    struct ks_ev_room event = { .room = &room };
    enum ks_err err = ks_group_event(k, group, &room);

    return err == KS_OK ? ks_tell(k, KS_EV_ROOM, &event) : err;
}

enum ks_err ks_group_warn(
    struct konsil *k, const char *code, struct ks_str room, struct ks_str jid, struct ks_str detail)
{
    struct ks_ev_warning event = { .code = ks_str_z(code), .jid = jid, .conversation = room, .detail = detail };

    return ks_tell(k, KS_EV_WARNING, &event);
}

enum ks_err ks_group_line(struct konsil *k, struct ks_str room, enum ks_js_notice notice, struct ks_str actor,
    struct ks_str about, int64_t time_ms)
{
    struct ks_message message = { .conversation = room,
        .flags = KS_MSG_NOTICE,
        .author = actor,
        .time_ms = time_ms,
        .stamp_ms = k->now.wall_ms,
        .notice = notice,
        .raw = about };
    enum ks_err err = ks_new_id(k, &message.id);

    if (err != KS_OK || (err = ks_history_add(k, &message)) != KS_OK)
        return err;
    return ks_history_tell(k, &message);
}
