/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_roles.h"

#include "konsil_rooms.h"
#include "say.h"

static const char *text(json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value ? value : "";
}

/* --- who is there --- */

const char *roles_name(struct model *model, json_t *occupant)
{
    const struct model_person *person = model_person(model, text(occupant, "jid"));

    return person ? model_name(person) : text(occupant, "nick");
}

const char *roles_of(json_t *occupant)
{
    return strcmp(text(occupant, "role"), "visitor") == 0  ? SAY("konsil.occupant-no-voice")
        : strcmp(text(occupant, "role"), "moderator") == 0 ? SAY("konsil.occupant-moderator")
                                                           : NULL;
}

const char *roles_of_member(const struct model_person *room, const char *jid)
{
    json_t *occupant;
    size_t i;

    json_array_foreach(room->occupants, i, occupant) if (strcmp(text(occupant, "jid"), jid) == 0) return roles_of(
        occupant);
    return NULL;
}

/* --- what is told --- */

void roles_occupants(struct model *model, json_t *event)
{
    struct model_person *room = model_person(model, text(event, "room"));

    if (!room)
        return;
    json_decref(room->occupants);
    room->occupants = json_incref(json_object_get(event, "occupants"));
}

static const char *room_name(const struct model *model, json_t *event)
{
    const struct model_person *room = model_person(model, text(event, "room"));

    return room ? model_name(room) : text(event, "room");
}

void roles_voice_asked(struct model *model, json_t *event)
{
    model_fill(model, model->progress, sizeof model->progress, SAY("konsil.voice-asked"),
        (const struct ks_filling[]) { { "who", ks_str_z(text(event, "nick")) },
            { "room", ks_str_z(room_name(model, event)) }, { NULL, KS_STR_EMPTY } });
}

static const struct {
    const char *why, *say;
} reasons[] = {
    { "kicked", SAY("konsil.put-out-kicked") },
    { "banned", SAY("konsil.put-out-banned") },
    { "not_member", SAY("konsil.put-out-not-member") },
    { "members_only", SAY("konsil.put-out-members-only") },
    { "shutdown", SAY("konsil.put-out-shutdown") },
};

void roles_put_out(struct model *model, json_t *event)
{
    for (size_t i = 0; i < KS_COUNT(reasons); i++)
        if (strcmp(reasons[i].why, text(event, "why")) == 0)
            model_notice(model, room_name(model, event), reasons[i].say, "");
}

/* --- whom a person means --- */

static int fits(const struct model *model, json_t *occupant, struct ks_str typed)
{
    const struct model_person *person = model_person(model, text(occupant, "jid"));
    int by_nick = rooms_fits(NULL, text(occupant, "nick"), typed);
    int by_account = rooms_fits(text(occupant, "jid"), person ? model_name(person) : "", typed);

    return by_nick > by_account ? by_nick : by_account;
}

/* NULL: nobody, which deed->wrong says as none does, or more than one. */
static json_t *find(const struct model *model, const struct model_person *room, const char *none, struct ks_str typed,
    struct lines_deed *deed)
{
    json_t *found = NULL, *occupant;
    bool several = false;
    int best = 0;
    size_t i;

    json_array_foreach(room->occupants, i, occupant)
    {
        int fit = fits(model, occupant, typed);
        several = fit > 0 && fit == best ? true : fit > best ? false : several;
        if (fit > best) {
            best = fit;
            found = occupant;
        }
    }
    if (found && !several)
        return found;
    snprintf(deed->detail, sizeof deed->detail, "%.*s", KS_STR_FMT(ks_str_head(typed, sizeof deed->detail - 1)));
    deed->wrong = several ? SAY("konsil.person-several") : none;
    return NULL;
}

/* Of somebody who need not be there; NULL: deed->wrong says why. */
static const char *find_account(
    const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    struct ks_str typed = ks_str_z(rest);
    json_t *occupant;

    if (ks_str_find_byte(typed, '@') < typed.len)
        return rest;
    if (!(occupant = find(model, room, NULL, typed, deed)))
        return deed->wrong ? NULL : rooms_find_anybody(model, typed, deed);
    if (*text(occupant, "jid"))
        return text(occupant, "jid");
    snprintf(deed->detail, sizeof deed->detail, "%s", text(occupant, "nick"));
    deed->wrong = SAY("konsil.occupant-no-account");
    return NULL;
}

/* --- the lines --- */

static void set(const struct model *model, const struct model_person *room, const char *rest, const char *command,
    const char *flag, bool value, const char *done, struct lines_deed *deed)
{
    json_t *occupant = find(model, room, SAY("konsil.occupant-none"), ks_str_z(rest), deed);

    if (!occupant)
        return;
    deed->command = json_pack(
        "{s:s, s:s, s:s, s:s}", "cmd", command, "id", done, "room", room->jid, "nick", text(occupant, "nick"));
    if (flag)
        json_object_set_new(deed->command, flag, json_boolean(value));
}

void roles_kick(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    set(model, room, rest, "room_kick", NULL, false, SAY("konsil.kicked"), deed);
}

void roles_voice(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    set(model, room, rest, "room_voice", "voice", true, SAY("konsil.voice-given"), deed);
}

void roles_no_voice(
    const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    set(model, room, rest, "room_voice", "voice", false, SAY("konsil.voice-taken"), deed);
}

void roles_moderator(
    const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    set(model, room, rest, "room_moderator", "moderator", true, SAY("konsil.moderator-made"), deed);
}

void roles_no_moderator(
    const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    set(model, room, rest, "room_moderator", "moderator", false, SAY("konsil.moderator-over"), deed);
}

void roles_ban(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    const char *jid = find_account(model, room, rest, deed);

    if (jid)
        deed->command = json_pack(
            "{s:s, s:s, s:s, s:s}", "cmd", "room_ban", "id", SAY("konsil.banned"), "room", room->jid, "member", jid);
}

void roles_unban(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    struct ks_str typed = ks_str_z(rest);
    const char *jid = ks_str_find_byte(typed, '@') < typed.len ? rest : rooms_find_anybody(model, typed, deed);

    if (jid)
        deed->command = json_pack("{s:s, s:s, s:s, s:s}", "cmd", "room_unban", "id", SAY("konsil.unbanned"), "room",
            room->jid, "member", jid);
}

void roles_ask_voice(
    const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)rest;
    deed->command =
        json_pack("{s:s, s:s, s:s}", "cmd", "room_ask_voice", "id", SAY("konsil.voice-wished"), "room", room->jid);
}
