/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "room_state.h"

#include <stdlib.h>

#include "enc.h"
#include "jid.h"
#include "ns.h"
#include "statement.h"

#define PURPOSE "konsil/0 room\n"
#define ROOM_BEGIN PURPOSE "{\"room\":\"" /* of every statement of ours, and of each version 0 */
#define SIGNATURE_MAX 256

static const char *const names[] = { "room", "v", "prev", "members", "roster", "history", "class", "look", "t",
    "?until", NULL };
static const char *const histories[] = { [KS_ROOM_JOIN] = "join", [KS_ROOM_ALL] = "all" };
static const char *const classes[] = {
    [KS_ROOM_7D] = "7d", [KS_ROOM_30D] = "30d", [KS_ROOM_90D] = "90d", [KS_ROOM_1Y] = "1y", [KS_ROOM_10Y] = "10y"
};

/* --- reading --- */

/* The place of a word in a table that begins at 1; 0: not there. */
static unsigned find_word(const char *const *words, size_t count, const json_t *value)
{
    for (unsigned i = 1; i < count && json_is_string(value); i++)
        if (ks_str_is(ks_str(json_string_value(value), json_string_length(value)), words[i]))
            return i;
    return 0;
}

static enum ks_err read_prev(struct ks_arena *arena, const json_t *value, struct ks_room_state *state)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    enum ks_err err;

    if (json_is_array(value) && count != 2)
        return KS_ESYNTAX;
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;

        if ((err = ks_statement_bytes(arena, one, KS_ROOM_HASH_LEN, state->prev[i])) != KS_OK)
            return err;
    }
    if (count == 2 && memcmp(state->prev[0], state->prev[1], KS_ROOM_HASH_LEN) >= 0)
        return KS_ESYNTAX;
    state->prev_count = count;
    return KS_OK;
}

static enum ks_err read_member(struct ks_arena *arena, const json_t *pair, struct ks_room_entry *member)
{
    static const char *const roles[] = { [1] = "member", [2] = "owner" };
    unsigned role;
    enum ks_err err;

    if (!json_is_array(pair) || json_array_size(pair) != 2)
        return KS_ESYNTAX;
    if ((err = ks_statement_jid(arena, json_array_get(pair, 0), &member->jid)) != KS_OK)
        return err;
    if (!(role = find_word(roles, KS_COUNT(roles), json_array_get(pair, 1))))
        return KS_ESYNTAX;
    member->owner = role == 2;
    return KS_OK;
}

static enum ks_err read_members(struct ks_arena *arena, const json_t *value, struct ks_room_state *state)
{
    size_t count = json_array_size(value), owners;
    enum ks_err err;

    if (!json_is_array(value) || count == 0)
        return KS_ESYNTAX;
    if (count > KS_ROOM_MEMBERS_MAX)
        return KS_ELIMIT;
    if (!(state->members = ks_arena_zero(arena, count * sizeof(*state->members))))
        return ks_arena_full(arena, count * sizeof(*state->members)) ? KS_ELIMIT : KS_ENOMEM;
    state->member_count = count;
    for (size_t i = 0; i < count; i++) {
        if ((err = read_member(arena, json_array_get(value, i), &state->members[i])) != KS_OK)
            return err;
        if (i > 0 && ks_str_cmp(state->members[i - 1].jid, state->members[i].jid) >= 0)
            return KS_ESYNTAX;
    }
    owners = ks_room_state_owners(state);
    return owners == 0 ? KS_ESYNTAX : owners > KS_ROOM_OWNERS_MAX ? KS_ELIMIT : KS_OK;
}

/* A roster's statements end, and no others do. */
static enum ks_err read_roster(const json_t *roster, const json_t *until, struct ks_room_state *state)
{
    if (!json_is_boolean(roster) || json_is_true(roster) != (until != NULL))
        return KS_ESYNTAX;
    state->roster = json_is_true(roster);
    return until ? ks_statement_number(until, KS_STATEMENT_NUMBER_MAX, &state->until) : KS_OK;
}

static enum ks_err read_object(struct ks_arena *arena, const json_t *object, struct ks_room_state *state)
{
    enum ks_err err;

    if ((err = ks_statement_jid(arena, json_object_get(object, "room"), &state->room)) != KS_OK
        || (err = ks_statement_number(json_object_get(object, "v"), KS_STATEMENT_NUMBER_MAX, &state->v)) != KS_OK
        || (err = read_prev(arena, json_object_get(object, "prev"), state)) != KS_OK
        || (err = read_members(arena, json_object_get(object, "members"), state)) != KS_OK
        || (err = read_roster(json_object_get(object, "roster"), json_object_get(object, "until"), state)) != KS_OK
        || (err = ks_statement_bytes(arena, json_object_get(object, "look"), sizeof(state->look), state->look)) != KS_OK
        || (err = ks_statement_number(json_object_get(object, "t"), KS_STATEMENT_NUMBER_MAX, &state->t)) != KS_OK)
        return err;
    state->history = find_word(histories, KS_COUNT(histories), json_object_get(object, "history"));
    state->keep = find_word(classes, KS_COUNT(classes), json_object_get(object, "class"));
    return state->history && state->keep ? KS_OK : KS_ESYNTAX;
}

/* A foundation stands on nothing, and its name is what its bytes make it (§9.1). */
static bool is_founded(struct ks_str data, const struct ks_room_state *state)
{
    static const uint8_t zeroes[KS_ROOM_HASH_LEN];
    char local[KS_ROOM_LOCAL_LEN + 1];

    if (state->prev_count != 1 || memcmp(state->prev[0], zeroes, sizeof(zeroes)) != 0
        || !ks_str_starts(data, KS_STR(ROOM_BEGIN))
        || !ks_str_starts(ks_str_from(data, sizeof(ROOM_BEGIN) - 1), state->room))
        return false;
    ks_room_state_local(data, local);
    return ks_str_is(ks_jid_split(state->room).local, local);
}

enum ks_err ks_room_state_read(struct ks_arena *arena, struct ks_str data, struct ks_room_state *ret_state)
{
    struct ks_room_state state = { .v = 0 };
    json_t *object;
    enum ks_err err;

    if (data.len > KS_ROOM_DATA_MAX)
        return KS_ELIMIT;
    if ((err = ks_statement_open(data, PURPOSE, names, &object)) != KS_OK)
        return err;
    err = read_object(arena, object, &state);
    json_decref(object);
    if (err == KS_OK && state.v == 0 && !is_founded(data, &state))
        err = KS_ESYNTAX;
    if (err == KS_OK)
        *ret_state = state;
    return err;
}

/* --- writing --- */

static void write_prev(const struct ks_room_state *state, struct ks_buf *buf)
{
    if (state->prev_count == 2)
        ks_buf_byte(buf, '[');
    for (size_t i = 0; i < state->prev_count; i++) {
        if (i > 0)
            ks_buf_byte(buf, ',');
        ks_statement_put_bytes(buf, state->prev[i], KS_ROOM_HASH_LEN);
    }
    if (state->prev_count == 2)
        ks_buf_byte(buf, ']');
}

static void write_members(const struct ks_room_state *state, struct ks_buf *buf)
{
    for (size_t i = 0; i < state->member_count; i++) {
        assert(i == 0 || ks_str_cmp(state->members[i - 1].jid, state->members[i].jid) < 0);
        ks_buf_z(buf, i > 0 ? ",[" : "[");
        ks_statement_put_text(buf, state->members[i].jid);
        ks_buf_z(buf, state->members[i].owner ? ",\"owner\"]" : ",\"member\"]");
    }
}

void ks_room_state_write(const struct ks_room_state *state, struct ks_buf *buf)
{
    size_t owners = ks_room_state_owners(state);

    assert(state->member_count > 0 && state->member_count <= KS_ROOM_MEMBERS_MAX);
    assert(owners > 0 && owners <= KS_ROOM_OWNERS_MAX);
    assert(state->prev_count == 1 || state->prev_count == 2);
    ks_buf_z(buf, PURPOSE "{\"room\":");
    ks_statement_put_text(buf, state->room);
    ks_buf_printf(buf, ",\"v\":%llu,\"prev\":", (unsigned long long)state->v);
    write_prev(state, buf);
    ks_buf_z(buf, ",\"members\":[");
    write_members(state, buf);
    ks_buf_printf(buf,
        "],\"roster\":%s,\"history\":\"%s\",\"class\":\"%s\",\"look\":", state->roster ? "true" : "false",
        histories[state->history], classes[state->keep]);
    ks_statement_put_bytes(buf, state->look, sizeof(state->look));
    ks_buf_printf(buf, ",\"t\":%llu", (unsigned long long)state->t);
    if (state->roster)
        ks_buf_printf(buf, ",\"until\":%llu", (unsigned long long)state->until);
    ks_buf_byte(buf, '}');
}

void ks_room_state_hash(struct ks_str data, uint8_t ret_hash[KS_ROOM_HASH_LEN])
{
    ks_hash(KS_SHA256, data, ret_hash);
}

/* RFC 4648 §6, in lower case and without padding: five bits a character. */
static void base32(const uint8_t bytes[16], char *to)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned bits = 0, have = 0;

    for (size_t i = 0; i < 16; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 5; have -= 5)
            *to++ = alphabet[bits >> (have - 5) & 31];
    }
    *to++ = alphabet[bits << (5 - have) & 31];
    *to = 0;
}

void ks_room_state_local(struct ks_str data, char ret_local[KS_ROOM_LOCAL_LEN + 1])
{
    struct ks_str rest = ks_str_from(data, sizeof(ROOM_BEGIN) - 1);
    uint8_t digest[32];

    rest = ks_str_from(rest, ks_str_find_byte(rest, '"'));
    ks_hash_parts(KS_SHA256, (struct ks_str[]) { KS_STR(ROOM_BEGIN), rest }, 2, digest);
    memcpy(ret_local, "r-", 2);
    base32(digest, ret_local + 2);
}

enum ks_err ks_room_state_found(struct ks_arena *arena, struct ks_room_state *state, struct ks_str domain)
{
    char local[KS_ROOM_LOCAL_LEN + 1];
    struct ks_buf data;
    enum ks_err err;

    state->room = KS_STR_EMPTY;
    state->v = 0;
    state->prev_count = 1;
    memset(state->prev, 0, sizeof(state->prev));
    ks_buf_init(&data, KS_ROOM_DATA_MAX);
    ks_room_state_write(state, &data);
    if ((err = ks_buf_err(&data)) == KS_OK) {
        ks_room_state_local(ks_buf_str(&data), local);
        err = ks_arena_join(
            arena, (struct ks_str[]) { ks_str(local, KS_ROOM_LOCAL_LEN), KS_STR("@"), domain }, 3, &state->room);
    }
    ks_buf_done(&data);
    return err;
}

/* --- members --- */

static int by_jid(const void *a, const void *b)
{
    return ks_str_cmp(((const struct ks_room_entry *)a)->jid, ((const struct ks_room_entry *)b)->jid);
}

const struct ks_room_entry *ks_room_state_member(const struct ks_room_state *state, struct ks_str jid)
{
    struct ks_room_entry key = { .jid = jid };

    if (state->member_count == 0)
        return NULL; /* of a room without statements */
    return bsearch(&key, state->members, state->member_count, sizeof(key), by_jid);
}

size_t ks_room_state_owners(const struct ks_room_state *state)
{
    size_t owners = 0;

    for (size_t i = 0; i < state->member_count; i++)
        owners += state->members[i].owner;
    return owners;
}

bool ks_room_state_sort(struct ks_room_state *state)
{
    qsort(state->members, state->member_count, sizeof(*state->members), by_jid);
    for (size_t i = 1; i < state->member_count; i++)
        if (ks_str_eq(state->members[i - 1].jid, state->members[i].jid))
            return false;
    return true;
}

/* --- signed --- */

static enum ks_err read_base64(
    struct ks_arena *arena, const struct ks_xml *statement, const char *name, size_t max, struct ks_str *ret_bytes)
{
    const struct ks_xml *node = ks_xml_child(statement, NS_KONSIL_ROOM, name);
    enum ks_err err = ks_base64_read(arena, ks_xml_text(arena, node), ret_bytes);

    if (err != KS_OK)
        return err;
    return ret_bytes->len == 0 ? KS_ESYNTAX : ret_bytes->len > max ? KS_ELIMIT : KS_OK;
}

enum ks_err ks_room_signed_read(
    struct ks_arena *arena, const struct ks_xml *statement, struct ks_room_signed *ret_signed)
{
    const struct ks_xml *by = ks_xml_child(statement, NS_KONSIL_ROOM, "by");
    struct ks_room_signed read = { .device = 0 };
    struct ks_jid jid;
    uint64_t device;
    enum ks_err err;

    if (!ks_xml_is(statement, NS_KONSIL_ROOM, "statement") || !by)
        return KS_ESYNTAX;
    if ((err = ks_str_u64(ks_xml_attr(by, "device"), INT32_MAX, &device)) != KS_OK || device == 0)
        return KS_ESYNTAX;
    read.device = (uint32_t)device;
    if ((err = ks_jid_parse(arena, ks_xml_attr(by, "jid"), &jid)) != KS_OK
        || (err = ks_jid_text(arena, jid, &read.signer)) != KS_OK)
        return err;
    if (!ks_jid_is_bare(jid) || !ks_str_eq(read.signer, ks_xml_attr(by, "jid")))
        return KS_ESYNTAX;
    if ((err = read_base64(arena, statement, "data", KS_ROOM_DATA_MAX, &read.data)) != KS_OK
        || (err = read_base64(arena, statement, "sig", SIGNATURE_MAX, &read.signature)) != KS_OK
        || (err = ks_room_state_read(arena, read.data, &read.state)) != KS_OK)
        return err;
    ks_room_state_hash(read.data, read.hash);
    *ret_signed = read;
    return KS_OK;
}

static bool add_base64(struct ks_arena *arena, struct ks_xml *statement, const char *name, struct ks_str bytes)
{
    struct ks_str text;

    return ks_base64(arena, bytes, &text) == KS_OK && ks_xml_add_text(arena, statement, NS_KONSIL_ROOM, name, text);
}

struct ks_xml *ks_room_signed_write(struct ks_arena *arena, const struct ks_room_signed *signed_state)
{
    struct ks_xml *statement = ks_xml_new(arena, NS_KONSIL_ROOM, "statement"), *by;

    if (!add_base64(arena, statement, "data", signed_state->data)
        || !add_base64(arena, statement, "sig", signed_state->signature))
        return NULL;
    by = ks_xml_set(arena, ks_xml_add(arena, statement, NS_KONSIL_ROOM, "by"), "jid", signed_state->signer);
    return ks_xml_set_u64(arena, by, "device", signed_state->device) ? statement : NULL;
}

/* --- order --- */

static bool is_owner(const struct ks_room_state *state, struct ks_str jid)
{
    const struct ks_room_entry *member = state ? ks_room_state_member(state, jid) : NULL;

    return member && member->owner;
}

static bool same(const uint8_t a[KS_ROOM_HASH_LEN], const uint8_t b[KS_ROOM_HASH_LEN])
{
    return memcmp(a, b, KS_ROOM_HASH_LEN) == 0;
}

/* Names what is known before it: both of a fork. Who saw only one of them takes what ends it as well. */
static bool stands_on(const struct ks_room_state *next, const struct ks_room_known *known)
{
    struct ks_room_state right = { .v = 0 };

    ks_room_follow(known, &right);
    if (known->rival)
        return next->prev_count == 2 && memcmp(next->prev, right.prev, sizeof(right.prev)) == 0;
    return same(next->prev[0], right.prev[0]) || (next->prev_count == 2 && same(next->prev[1], right.prev[0]));
}

static enum ks_room_verdict judge_foundation(const struct ks_room_signed *next)
{
    if (next->state.v > 0)
        return KS_ROOM_AHEAD;
    return is_owner(&next->state, next->signer) ? KS_ROOM_NEXT : KS_ROOM_REFUSED;
}

/* One more of the newest version. Only an owner of the version before could have stated it, upon that version. */
static enum ks_room_verdict judge_rival(const struct ks_room_known *known, const struct ks_room_signed *next)
{
    if (same(next->hash, known->newest_hash) || (known->rival && same(next->hash, known->rival_hash)))
        return KS_ROOM_SAME;
    if (!known->before || known->rival || !is_owner(known->before, next->signer) || next->state.prev_count != 1
        || !same(next->state.prev[0], known->before_hash))
        return KS_ROOM_REFUSED;
    return KS_ROOM_FORK;
}

enum ks_room_verdict ks_room_judge(const struct ks_room_known *known, const struct ks_room_signed *next)
{
    const struct ks_room_state *newest = known->newest;

    if (next->state.roster)
        return KS_ROOM_REFUSED; /* by a roster key, which nobody has yet */
    if (!newest)
        return judge_foundation(next);
    if (!ks_str_eq(newest->room, next->state.room))
        return KS_ROOM_REFUSED;
    if (next->state.v < newest->v)
        return KS_ROOM_OLD;
    if (next->state.v == newest->v)
        return judge_rival(known, next);
    if (next->state.v > newest->v + 1)
        return KS_ROOM_AHEAD;
    /* After a fork only an owner by both may end it. */
    if (!stands_on(&next->state, known) || !is_owner(newest, next->signer)
        || (known->rival && !is_owner(known->rival, next->signer)))
        return KS_ROOM_REFUSED;
    return KS_ROOM_NEXT;
}

const struct ks_room_entry *ks_room_recipient(const struct ks_room_known *known, struct ks_str jid)
{
    if (!known->newest || (known->rival && !ks_room_state_member(known->rival, jid)))
        return NULL;
    return ks_room_state_member(known->newest, jid);
}

void ks_room_follow(const struct ks_room_known *known, struct ks_room_state *next)
{
    bool rival_first = known->rival && memcmp(known->rival_hash, known->newest_hash, KS_ROOM_HASH_LEN) < 0;

    next->v = known->newest->v + 1;
    next->prev_count = known->rival ? 2 : 1;
    memcpy(next->prev[rival_first], known->newest_hash, KS_ROOM_HASH_LEN);
    if (known->rival)
        memcpy(next->prev[!rival_first], known->rival_hash, KS_ROOM_HASH_LEN);
}
