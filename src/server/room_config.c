/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* room_config.c -- what a room is like: as it is stored, and what a protected domain leaves no choice of. */
#include "room.h"

#define CONFIG_VERSION 1

enum {
    LOCKED = 1 << 0,
    LISTED = 1 << 1,
    PERSISTENT = 1 << 2,
    MEMBERS_ONLY = 1 << 3,
    MODERATED = 1 << 4,
    ARCHIVED = 1 << 5,
    ANONYMOUS = 1 << 6,
    SUBJECT_BY_ALL = 1 << 7,
    INVITE_BY_ALL = 1 << 8,
    HISTORY_OF_JOIN = 1 << 9,
};

/* Who is in a room and reads there is known to those who write there, and what they wrote is not lost by mistake. */
static void protect(struct ks_room_config *config)
{
    config->listed = config->anonymous = false;
    config->persistent = config->members_only = config->archived = true;
    config->whisper = KS_WHISPER_NONE; /* everybody knows whom to write to */
    config->name = config->description = config->password = KS_STR_EMPTY;
}

void ks_room_config_init(const struct ks_domain *service, struct ks_room_config *ret_config)
{
    /* The same in an open domain: members only, not anonymous, persistent and archived is what OMEMO needs. */
    *ret_config = (struct ks_room_config) { .persistent = true,
        .members_only = true,
        .archived = true,
        .occupants_max = (uint32_t)ks_domain_number(service, "rooms.occupants_max"),
        .history_max = (uint32_t)ks_domain_number(service, "rooms.history") };
}

struct ks_str ks_room_config_write(struct ks_arena *arena, const struct ks_room_config *config)
{
    unsigned flags = (config->locked ? LOCKED : 0) | (config->listed ? LISTED : 0)
        | (config->persistent ? PERSISTENT : 0) | (config->members_only ? MEMBERS_ONLY : 0)
        | (config->moderated ? MODERATED : 0) | (config->archived ? ARCHIVED : 0) | (config->anonymous ? ANONYMOUS : 0)
        | (config->subject_by_all ? SUBJECT_BY_ALL : 0) | (config->invite_by_all ? INVITE_BY_ALL : 0)
        | (config->history_of_join ? HISTORY_OF_JOIN : 0);
    struct ks_str row = KS_STR_EMPTY;
    struct ks_buf buf;

    ks_buf_init_secret(&buf, 65536);
    ks_buf_byte(&buf, CONFIG_VERSION);
    ks_buf_byte(&buf, (uint8_t)config->whisper);
    ks_buf_u32(&buf, flags);
    ks_buf_u32(&buf, config->occupants_max);
    ks_buf_u32(&buf, config->history_max);
    ks_buf_field(&buf, config->name);
    ks_buf_field(&buf, config->description);
    ks_buf_field(&buf, config->password);
    if (ks_buf_err(&buf) != KS_OK || ks_arena_copy(arena, ks_buf_str(&buf), &row) != KS_OK)
        row = KS_STR_EMPTY;
    ks_buf_done(&buf);
    return row;
}

static bool read_config(struct ks_str row, struct ks_room_config *config)
{
    struct ks_cursor at = ks_cursor(row);
    struct ks_room_config read = { 0 };
    uint8_t version, whisper;
    uint32_t flags;

    if (ks_cursor_u8(&at, &version) != KS_OK || version != CONFIG_VERSION || ks_cursor_u8(&at, &whisper) != KS_OK
        || whisper > KS_WHISPER_NONE || ks_cursor_u32(&at, &flags) != KS_OK
        || ks_cursor_u32(&at, &read.occupants_max) != KS_OK || ks_cursor_u32(&at, &read.history_max) != KS_OK
        || ks_cursor_field(&at, &read.name) != KS_OK || ks_cursor_field(&at, &read.description) != KS_OK
        || ks_cursor_field(&at, &read.password) != KS_OK)
        return false;
    read.whisper = (enum ks_room_whisper)whisper;
    read.locked = flags & LOCKED;
    read.listed = flags & LISTED;
    read.persistent = flags & PERSISTENT;
    read.members_only = flags & MEMBERS_ONLY;
    read.moderated = flags & MODERATED;
    read.archived = flags & ARCHIVED;
    read.anonymous = flags & ANONYMOUS;
    read.subject_by_all = flags & SUBJECT_BY_ALL;
    read.invite_by_all = flags & INVITE_BY_ALL;
    read.history_of_join = flags & HISTORY_OF_JOIN;
    *config = read;
    return true;
}

void ks_room_config(const struct ks_user *room, struct ks_room_config *ret_config)
{
    const struct ks_domain *service = ks_config_domain_at(room->reactor->config, room->domain);

    /* A row that we did not write: nobody gets in who does not belong to it. */
    if (!read_config(ks_kv_get(room, KS_STORE_ROOM, KS_STR("config")), ret_config))
        ks_room_config_init(service, ret_config);
    if (service->protected)
        protect(ret_config);
}
