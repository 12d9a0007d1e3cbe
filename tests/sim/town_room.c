/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "town_room.h"

#include <stdio.h>
#include <stdlib.h>

#include "room.h"
#include "room_state.h"
#include "town_check.h"

#define DOMAIN "@klinik.example"
#define SERVICE "rooms.klinik.example"
#define KEYS "<keys jid='"

/* As bits of a set. */
static const char *const people[TOWN_PEOPLE] = { "anna", "jonas", "kurt", "mina", "nina" };
#define MINA 3
#define NINA 4

static unsigned bit_of(struct ks_str jid)
{
    for (unsigned i = 0; i < TOWN_PEOPLE; i++)
        if (ks_str_starts(jid, ks_str_z(people[i])) && ks_str_is(ks_str_from(jid, strlen(people[i])), DOMAIN))
            return 1u << i;
    return 0;
}

/* --- its statements --- */

static bool take_statement(void *user, const struct ks_kv_row *row)
{
    struct town_room *room = user;
    struct ks_cursor at = ks_cursor(row->value);
    struct ks_room_state state;
    struct ks_arena arena;
    struct ks_str data;
    uint8_t version;
    unsigned set = 0;

    ks_arena_init(&arena, 1 << 20);
    if (ks_cursor_u8(&at, &version) != KS_OK || ks_cursor_field(&at, &data) != KS_OK
        || ks_room_state_read(&arena, data, &state) != KS_OK || state.v >= TOWN_VERSIONS_MAX)
        abort();
    for (size_t i = 0; i < state.member_count; i++)
        set |= bit_of(state.members[i].jid);
    room->members[state.v] = set;
    room->versions = (size_t)state.v + 1;
    ks_arena_done(&arena);
    return true;
}

struct find {
    struct town *town;
    uint64_t account;
};

static bool take_account(void *user, const struct ks_account_row *row)
{
    ((struct find *)user)->account = row->id;
    return false;
}

void town_room_look(struct town *town)
{
    struct ks_str local = ks_str_head(ks_str_z(town->room.jid), ks_str_find_byte(ks_str_z(town->room.jid), '@'));
    struct ks_server_store *store = town->disk;
    struct find find = { .town = town };

    if (!local.len || store->ops->account_find(store, KS_STR(SERVICE), local, take_account, &find) != KS_OK)
        return;
    (void)!store->ops->kv_load(store, find.account, KS_STR(KS_STORE_ROOM_STATEMENT), take_statement, &town->room);
}

/* --- its life --- */

static struct device *named(struct town *town, const char *name)
{
    for (size_t i = 0; i < town->device_count; i++)
        if (!strcmp(town->devices[i]->name, name))
            return town->devices[i];
    abort();
}

void town_room_found(struct town *town)
{
    struct device *anna = named(town, "anna/phone");

    anna->ops->order(anna,
        "{\"cmd\":\"room_create\",\"title\":\"Visite\",\"members\":[\"jonas" DOMAIN "\",\"kurt" DOMAIN
        "\",\"mina" DOMAIN "\"]}");
}

void town_room_told(struct device *device, const char *room, uint64_t version)
{
    struct town *town = device->town;

    if (!town->room.jid[0])
        snprintf(town->room.jid, sizeof town->room.jid, "%s", room);
    if (strcmp(room, town->room.jid) != 0)
        town_wrong(town, "%s knows of another room: %s", device->name, room);
    if (version < device->room_version)
        town_wrong(town, "%s went back from version %llu to %llu", device->name,
            (unsigned long long)device->room_version, (unsigned long long)version);
    device->room_version = version;
}

/* Whoever may not, or is offline, is told so. */
void town_room_change(struct town *town)
{
    static const char *const owners[] = { "anna/phone", "anna/tablet", "jonas/phone" };
    struct device *by = named(town, owners[town_between(town, 0, 2)]);
    bool there, leaves = town_between(town, 0, 3) == 0;
    char text[300];

    town_room_look(town);
    if (!town->room.versions)
        return;
    there = town->room.members[town->room.versions - 1] & 1u << MINA;
    if (town_between(town, 0, 4) == 0) {
        snprintf(text, sizeof text,
            "{\"cmd\":\"room_owner\",\"room\":\"%s\",\"member\":\"jonas" DOMAIN "\",\"owner\":true}", town->room.jid);
    } else if (!there) {
        snprintf(text, sizeof text, "{\"cmd\":\"room_add\",\"room\":\"%s\",\"members\":[\"mina" DOMAIN "\"]}",
            town->room.jid);
    } else if (leaves) {
        by = named(town, "mina/phone");
        snprintf(text, sizeof text, "{\"cmd\":\"room_leave\",\"room\":\"%s\"}", town->room.jid);
    } else {
        snprintf(text, sizeof text, "{\"cmd\":\"room_remove\",\"room\":\"%s\",\"member\":\"mina" DOMAIN "\"}",
            town->room.jid);
    }
    if (!by->alive || by->dying)
        return;
    town_trace(town, "%s wants %s", by->name, text);
    by->ops->order(by, text);
}

/* --- bytes under way --- */

/* The first <name …</name> of bytes, which end behind it; empty without one. */
static struct ks_str cut_element(struct ks_str *bytes, const char *open, const char *close)
{
    size_t at = ks_str_find(*bytes, ks_str_z(open)), end;
    struct ks_str whole;

    whole = ks_str_from(*bytes, at);
    end = ks_str_find(whole, ks_str_z(close));
    if (at >= bytes->len || end >= whole.len)
        return KS_STR_EMPTY;
    whole = ks_str_head(whole, end + strlen(close));
    *bytes = ks_str_from(*bytes, (size_t)(whole.ptr - bytes->ptr) + whole.len);
    return whole;
}

/* Of <keys jid='…'>. */
static struct ks_str key_owner(struct ks_str keys)
{
    return ks_str_head(ks_str_from(keys, sizeof KEYS - 1), keys.len - sizeof KEYS - 1);
}

void town_room_sent(struct device *device, struct ks_str bytes)
{
    struct town_room *room = &device->town->room;
    struct ks_str message;

    while ((message = cut_element(&bytes, "<message", "</message>")).len) {
        bool said_here = ks_str_find(message, KS_STR("type='groupchat'")) < message.len;
        struct ks_str keys;
        while (said_here && (keys = cut_element(&message, KEYS, "'>")).len)
            room->given[device->room_version] |= bit_of(key_owner(keys));
    }
}

void town_room_sealed(struct town_room *room, uint64_t version, struct ks_str by, struct ks_str stanza)
{
    struct ks_str keys;

    while (version < TOWN_VERSIONS_MAX && (keys = cut_element(&stanza, KEYS, "'>")).len)
        room->sealed[version] |= bit_of(key_owner(keys)) & ~bit_of(by);
}

static void swap(char *at, size_t len)
{
    for (size_t i = 0; i + 4 <= len; i++)
        if (!memcmp(at + i, people[MINA], 4))
            memcpy(at + i, people[NINA], 4);
}

void town_room_lie(struct town *town, const struct device *to, struct ks_buf *bytes)
{
    struct ks_str rest = ks_buf_str(bytes), presence;
    char from[160];

    if (!town->lies || !town->room.jid[0] || !strcmp(to->local, people[MINA]))
        return;
    snprintf(from, sizeof from, "from='%s/%s'", town->room.jid, people[MINA]);
    while ((presence = cut_element(&rest, "<presence", "</presence>")).len) {
        size_t at = (size_t)(presence.ptr - (const char *)bytes->ptr);
        if (ks_str_find(presence, ks_str_z(from)) == presence.len)
            continue;
        town->struck[FAULT_LIE]++;
        swap((char *)bytes->ptr + at, presence.len);
    }
}

/* --- what must be true --- */

bool town_room_letter(const struct town *town, const struct letter *letter)
{
    return town->room.jid[0] && !strcmp(letter->to, town->room.jid);
}

/* In all versions from this one on. */
static bool always(const struct town_room *room, uint64_t version, unsigned bit)
{
    for (uint64_t v = version; v < room->versions; v++)
        if (!(room->members[v] & bit))
            return false;
    return bit;
}

static bool ever(const struct town_room *room, uint64_t version, unsigned bit)
{
    for (uint64_t v = version; v < room->versions; v++)
        if (room->members[v] & bit)
            return true;
    return false;
}

/* What its author wrote who is no member any more may have come too late. */
bool town_room_must(const struct town *town, const struct letter *letter, const char *jid)
{
    return always(&town->room, letter->room_version, bit_of(ks_str_z(jid)))
        && always(&town->room, letter->room_version, bit_of(ks_str_z(letter->from->jid)));
}

bool town_room_must_not(const struct town *town, const struct letter *letter, const char *jid)
{
    return strcmp(letter->from->jid, jid) != 0 && !ever(&town->room, letter->room_version, bit_of(ks_str_z(jid)));
}

bool town_room_leaked(const struct town *town, struct ks_buf *why)
{
    const struct town_room *room = &town->room;
    unsigned all = 0, sealed = 0;

    for (uint64_t v = 0; v < TOWN_VERSIONS_MAX; v++) {
        all |= room->given[v];
        sealed |= room->sealed[v];
    }
    if (!(all & sealed & bit_of(KS_STR("jonas" DOMAIN)))) {
        ks_buf_printf(why, "the search for keys does not find those that were given");
        return true;
    }
    for (uint64_t v = 0; v < room->versions; v++)
        for (unsigned i = 0; i < TOWN_PEOPLE; i++)
            if (room->sealed[v] & ~room->members[v] & 1u << i) {
                ks_buf_printf(
                    why, "%s got a key of a message that was sealed by version %llu", people[i], (unsigned long long)v);
                return true;
            }
    for (uint64_t v = 0; v < TOWN_VERSIONS_MAX; v++)
        for (unsigned i = 0; i < TOWN_PEOPLE; i++)
            if (room->given[v] & 1u << i && !ever(room, v, 1u << i)) {
                ks_buf_printf(why, "%s got a key of a message that was written by version %llu", people[i],
                    (unsigned long long)v);
                return true;
            }
    return false;
}
