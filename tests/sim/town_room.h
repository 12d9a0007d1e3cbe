/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* town_room.h -- the town's room: who is in it when, who may know what is said there, and who must.
 *
 * anna founds it with jonas, kurt, who has no device at all, and mina, who comes and goes: removed by an owner, leaving
 * by herself, added again. nina is in no statement; the server says now and then that she sits where mina does. What is
 * true of the room are the statements in konsild's store; what a device knows of it is the version that it told last.
 * So a message that was written by version v must be shown to who is in v and in all that follow, and must not be
 * shown, and no key of it given, to who is in none of them. Between these it depends on who was faster. What an
 * engine seals by a version has keys for who is in that one and for its own account, and for nobody else. */
#ifndef TOWN_ROOM_H
#define TOWN_ROOM_H

#include "device.h"
#include "str.h"

/* --- its life --- */
void town_room_found(struct town *town);
void town_room_change(struct town *town); /* somebody wants one, now */
/* A device said that it knows this version of this room. */
void town_room_told(struct device *device, const char *room, uint64_t version);

/* --- bytes under way --- */
/* A device sent them: whom keys were given to. */
void town_room_sent(struct device *device, struct ks_str bytes);
/* The server sends them: its lie about nina. */
void town_room_lie(struct town *town, const struct device *to, struct ks_buf *bytes);

/* --- what must be true; the statements are read when looked at --- */
void town_room_look(struct town *town);
bool town_room_letter(const struct town *town, const struct letter *letter);
bool town_room_must(const struct town *town, const struct letter *letter, const char *jid);
bool town_room_must_not(const struct town *town, const struct letter *letter, const char *jid);
/* What is sealed in this process is noted here; and by whom, by which version. */
void town_room_watch(struct town_room *room);
void town_room_sealed(struct town_room *room, uint64_t version, struct ks_str by, struct ks_str stanza);
/* Somebody got a key who may not have had it. */
bool town_room_leaked(const struct town *town, struct ks_buf *why);

#endif
