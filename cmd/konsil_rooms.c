/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_rooms.h"

#include <stdlib.h>

#include "say.h"
#include "unicode.h"

#define NAMES_MAX (64 * 1024) /* what is folded for one line */

bool rooms_is(const struct model_person *person, const char *flag)
{
    return person && json_is_true(json_object_get(person->room, flag));
}

json_t *rooms_ask(const struct model_person *room)
{
    return room->room && !rooms_is(room, "foreign") ? json_pack("{s:s, s:s}", "cmd", "members", "room", room->jid)
                                                    : NULL;
}

/* --- whom a person means --- */

static bool is_member(const struct model_person *room, const char *jid)
{
    json_t *member;
    size_t i;

    json_array_foreach(
        room->members, i, member) if (strcmp(json_string_value(json_object_get(member, "jid")), jid) == 0) return true;
    return false;
}

/* "jana" of jana@klinik.example */
static bool is_address(const char *jid, struct ks_str typed)
{
    struct ks_str address = ks_str_z(jid);

    return ks_str_eq(address, typed) || ks_str_eq(ks_str_head(address, ks_str_find_byte(address, '@')), typed);
}

/* How well it fits: 2: all of the name, or the address; 1: a part of the name; 0: not at all. */
static int fits(const struct model_person *person, struct ks_str typed)
{
    struct ks_str name, wanted;
    struct ks_arena arena;
    int fit = is_address(person->jid, typed) ? 2 : 0;

    ks_arena_init(&arena, NAMES_MAX);
    if (!fit && ks_unicode_fold(&arena, ks_str_z(model_name(person)), &name) == KS_OK
        && ks_unicode_fold(&arena, typed, &wanted) == KS_OK && ks_str_find(name, wanted) < name.len)
        fit = ks_str_eq(name, wanted) ? 2 : 1;
    ks_arena_done(&arena);
    return fit;
}

/* NULL: nobody, or more than one (deed->wrong). of: the room whose members alone are meant, or NULL. */
static const char *find(
    const struct model *model, const struct model_person *of, struct ks_str typed, struct lines_deed *deed)
{
    const struct model_person *found = NULL;
    int best = 0;
    bool several = false;

    for (size_t i = 0; i < model->people_count; i++) {
        const struct model_person *person = model->people[i];
        int fit = person->room || (of && of->members && !is_member(of, person->jid)) ? 0 : fits(person, typed);
        several = fit > 0 && fit == best ? true : fit > best ? false : several;
        if (fit > best) {
            best = fit;
            found = person;
        }
    }
    if (found && !several)
        return found->jid;
    if (model->self && is_address(model->self, typed))
        return model->self;
    snprintf(deed->detail, sizeof deed->detail, "%.*s", KS_STR_FMT(ks_str_head(typed, sizeof deed->detail - 1)));
    deed->wrong = several ? SAY("konsil.person-several") : of ? SAY("room.no_member") : SAY("konsil.person-none");
    return NULL;
}

/* --- making one, and coming to one --- */

void rooms_make(const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)person;
    deed->command = json_pack("{s:s, s:s, s:s}", "cmd", "room_create", "id", SAY("konsil.room-made"), "title", rest);
}

void rooms_join(const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)person;
    deed->command = json_pack("{s:s, s:s, s:s}", "cmd", "room_join", "id", SAY("konsil.room-entered"), "room", rest);
}

/* --- changing it --- */

/* With commas between them: names have blanks. */
void rooms_add(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    json_t *members = json_array();
    struct ks_str left = ks_str_z(rest), one;

    while (!deed->wrong && left.len > 0 && ks_str_cut(&left, ',', &one)) {
        struct ks_str typed = ks_str_trim(one);
        bool is_jid = ks_str_find_byte(typed, '@') < typed.len;
        const char *jid = is_jid || !typed.len ? NULL : find(model, NULL, typed, deed);
        if (typed.len > 0 && (is_jid || jid))
            json_array_append_new(members, jid ? json_string(jid) : json_stringn(typed.ptr, typed.len));
    }
    if (!deed->wrong)
        deed->command = json_pack("{s:s, s:s, s:O}", "cmd", "room_add", "room", room->jid, "members", members);
    json_decref(members);
}

void rooms_remove(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    const char *jid = find(model, room, ks_str_z(rest), deed);

    if (jid)
        deed->command = json_pack("{s:s, s:s, s:s}", "cmd", "room_remove", "room", room->jid, "member", jid);
}

static void set_owner(
    const struct model *model, const struct model_person *room, const char *rest, bool owner, struct lines_deed *deed)
{
    const char *jid = find(model, room, ks_str_z(rest), deed);

    if (jid)
        deed->command =
            json_pack("{s:s, s:s, s:s, s:b}", "cmd", "room_owner", "room", room->jid, "member", jid, "owner", owner);
}

void rooms_owner(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    set_owner(model, room, rest, true, deed);
}

void rooms_no_owner(
    const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    set_owner(model, room, rest, false, deed);
}

void rooms_title(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    (void)model;
    deed->command = json_pack("{s:s, s:s, s:s}", "cmd", "room_rename", "room", room->jid, "title", rest);
}

void rooms_topic(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    (void)model;
    deed->command = json_pack("{s:s, s:s, s:s}", "cmd", "room_rename", "room", room->jid, "subject", rest);
}

void rooms_earlier(
    const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    bool yes = strcmp(rest, "ja") == 0 || strcmp(rest, "yes") == 0;

    (void)model;
    if (!yes && strcmp(rest, "nein") != 0 && strcmp(rest, "no") != 0)
        deed->wrong = SAY("konsil.line-yes-no");
    else
        deed->command =
            json_pack("{s:s, s:s, s:s}", "cmd", "room_history", "room", room->jid, "history", yes ? "all" : "join");
}

/* --- looking, and going --- */

void rooms_members(
    const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)room;
    (void)rest;
    deed->members = true;
}

void rooms_leave(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)rest;
    deed->ask = SAY("konsil.ask-leave-room");
    deed->command =
        json_pack("{s:s, s:s, s:s}", "cmd", "room_leave", "id", SAY("konsil.room-left-now"), "room", room->jid);
}

void rooms_destroy(
    const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)rest;
    deed->ask = SAY("konsil.ask-destroy");
    deed->command = json_pack("{s:s, s:s}", "cmd", "room_destroy", "room", room->jid);
}
