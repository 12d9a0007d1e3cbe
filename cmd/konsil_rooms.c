/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_rooms.h"

#include <stdlib.h>

#include "konsil_invitations.h"
#include "konsil_said.h"
#include "say.h"
#include "unicode.h"
#include "utf8.h"

bool rooms_is(const struct model_person *person, const char *flag)
{
    return person && json_is_true(json_object_get(person->room, flag));
}

json_t *rooms_ask(const struct model_person *room)
{
    json_t *commands = json_array();

    if (room->room && !rooms_is(room, "foreign"))
        json_array_append_new(commands, json_pack("{s:s, s:s}", "cmd", "members", "room", room->jid));
    if (room->room)
        json_array_append_new(commands, json_pack("{s:s, s:s}", "cmd", "room_occupants", "room", room->jid));
    return commands;
}

static const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value ? value : "";
}

const char *rooms_made(const json_t *event)
{
    const char *re = text(event, "re");

    return strcmp(text(event, "event"), "result") == 0
            && (strcmp(re, SAY("konsil.room-made")) == 0 || strcmp(re, SAY("konsil.room-entered")) == 0)
        ? json_string_value(json_object_get(event, "room"))
        : NULL;
}

const char *rooms_changed(const json_t *event)
{
    return strcmp(text(event, "event"), "room") == 0                  ? text(json_object_get(event, "room"), "room")
        : strcmp(text(event, "event"), "room_occupants_changed") == 0 ? text(event, "room")
                                                                      : NULL;
}

/* --- whom a person means --- */

/* Of whom one is meant, in a room. */
typedef bool among_fn(const struct model_person *room, const char *jid);

static bool is_member(const struct model_person *room, const char *jid)
{
    json_t *member;
    size_t i;

    if (!room->members)
        return true; /* not known yet: the engine will say */
    json_array_foreach(
        room->members, i, member) if (strcmp(json_string_value(json_object_get(member, "jid")), jid) == 0) return true;
    return false;
}

static bool is_author(const struct model_person *room, const char *jid)
{
    for (size_t i = 0; i < room->message_count; i++)
        if (said_by(&room->messages[i], jid))
            return true;
    return false;
}

/* "jana" of jana@klinik.example */
static bool is_address(const char *jid, struct ks_str typed)
{
    struct ks_str address = ks_str_z(jid);

    return ks_str_eq(address, typed) || ks_str_eq(ks_str_head(address, ks_str_find_byte(address, '@')), typed);
}

int rooms_fits(const char *jid, const char *name, struct ks_str typed)
{
    return jid && is_address(jid, typed) ? 2 : said_holds(name, typed);
}

/* NULL: nobody, which deed->wrong says as none does, or more than one. among: NULL for all that are known; else room
 * has them. */
static const char *find(const struct model *model, const struct model_person *room, among_fn *among, const char *none,
    struct ks_str typed, struct lines_deed *deed)
{
    const struct model_person *found = NULL;
    int best = 0;
    bool several = false;

    for (size_t i = 0; i < model->people_count; i++) {
        const struct model_person *person = model->people[i];
        bool is = !person->room && (!among || among(room, person->jid));
        int fit = is ? rooms_fits(person->jid, model_name(person), typed) : 0;
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
    deed->wrong = several ? SAY("konsil.person-several") : none;
    return NULL;
}

const char *rooms_find_anybody(const struct model *model, struct ks_str typed, struct lines_deed *deed)
{
    return find(model, NULL, NULL, SAY("konsil.person-none"), typed, deed);
}

static const char *find_member(
    const struct model *model, const struct model_person *room, struct ks_str typed, struct lines_deed *deed)
{
    return find(model, room, is_member, SAY("room.no_member"), typed, deed);
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
    bool number = strspn(rest, "0123456789") == strlen(rest);
    const char *room = number ? invitations_numbered(model, rest) : rest;

    (void)person;
    if (room)
        deed->command = invitations_answer(room, true);
    else
        deed->wrong = SAY("konsil.invitation-none");
}

/* Into one of other programs: of ours the engine says that its owners add members. */
void rooms_invite(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    struct ks_str typed = ks_str_z(rest);
    const char *jid = ks_str_find_byte(typed, '@') < typed.len ? rest : rooms_find_anybody(model, typed, deed);

    if (jid)
        deed->command = json_pack("{s:s, s:s, s:s, s:s}", "cmd", "room_invite", "id", SAY("konsil.room-invited"),
            "room", room->jid, "to", jid);
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
        const char *jid = is_jid || !typed.len ? NULL : rooms_find_anybody(model, typed, deed);
        if (typed.len > 0 && (is_jid || jid))
            json_array_append_new(members, jid ? json_string(jid) : json_stringn(typed.ptr, typed.len));
    }
    if (!deed->wrong)
        deed->command = json_pack("{s:s, s:s, s:O}", "cmd", "room_add", "room", room->jid, "members", members);
    json_decref(members);
}

void rooms_remove(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    const char *jid = find_member(model, room, ks_str_z(rest), deed);

    if (jid)
        deed->command = json_pack("{s:s, s:s, s:s}", "cmd", "room_remove", "room", room->jid, "member", jid);
}

static void set_owner(
    const struct model *model, const struct model_person *room, const char *rest, bool owner, struct lines_deed *deed)
{
    const char *jid = find_member(model, room, ks_str_z(rest), deed);

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

void rooms_days(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    uint64_t days;

    (void)model;
    if (ks_str_u64(ks_str_z(rest), 36500, &days) != KS_OK)
        deed->wrong = SAY("konsil.line-days");
    else
        deed->command = json_pack("{s:s, s:s, s:I, s:s}", "cmd", "room_retention_set", "room", room->jid, "days",
            (json_int_t)days, "id", SAY("konsil.days-set"));
}

/* --- taking another's message out of it --- */

/* "PERSON" or "PERSON, WORDS": names have blanks. */
void rooms_delete(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    struct ks_str left = ks_str_z(rest), typed = KS_STR_EMPTY;
    const struct model_message *message;
    const struct model_person *person;
    const char *author;

    (void)ks_str_cut(&left, ',', &typed);
    if (!(author = find(model, room, is_author, SAY("konsil.said-none"), ks_str_trim(typed), deed)))
        return;
    if (!(message = said_find(room, author, ks_str_trim(left)))) {
        deed->wrong = SAY("konsil.said-none");
        return;
    }
    person = model_person(model, author);
    snprintf(deed->detail, sizeof deed->detail, "%s", person ? model_name(person) : author);
    said_quote(message, deed->what, sizeof deed->what);
    deed->ask = SAY("konsil.ask-delete");
    deed->command = json_pack("{s:s, s:s, s:s, s:s, s:s}", "cmd", "moderate", "id", SAY("konsil.deleted"), "room",
        room->jid, "message", message->id, "author", author);
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
