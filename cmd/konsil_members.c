/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_members.h"

#include <curses.h>

#include "konsil_roles.h"
#include "konsil_rooms.h"
#include "say.h"

#define INDENT 2 /* of what a member is, below the name */
#define LINES 2  /* of a member */

size_t members_count(const struct model_person *room)
{
    return json_array_size(rooms_is(room, "foreign") ? room->occupants : room->members);
}

static const char *text(json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value ? value : "";
}

json_t *members_owner(const struct model_person *room, size_t at)
{
    json_t *member = json_array_get(room->members, at);

    return member ? json_pack("{s:s, s:s, s:s, s:b}", "cmd", "room_owner", "room", room->jid, "member",
               text(member, "jid"), "owner", !json_is_true(json_object_get(member, "owner")))
                  : NULL;
}

json_t *members_remove(const struct model_person *room, size_t at)
{
    json_t *member = json_array_get(room->members, at);

    return member ? json_pack("{s:s, s:s, s:s}", "cmd", "room_remove", "room", room->jid, "member", text(member, "jid"))
                  : NULL;
}

const char *members_name(struct model *model, const struct model_person *room, size_t at)
{
    return model_member_name(model, json_array_get(room->members, at));
}

/* --- drawing --- */

static const char *say(const struct model *model, const char *id)
{
    return ks_say(model->language, id).ptr; /* catalogue texts end with a zero */
}

/* Behind what is in this line; returns the columns that are used then. */
static int draw_mark(const struct model *model, const struct area *area, int y, int used, const char *id)
{
    return used + 2 + paint_text(y, area->left + used + 2, area->width - used - 2, say(model, id));
}

/* The name, and what sets this member apart. */
static void draw_name(
    struct model *model, const struct model_person *room, json_t *member, const struct area *area, int y, bool chosen)
{
    const char *role = roles_of_member(room, text(member, "jid"));
    bool own = model->self && strcmp(model->self, text(member, "jid")) == 0;
    int used;

    attron(chosen ? A_REVERSE : A_BOLD);
    used =
        paint_text(y, area->left, area->width, own ? say(model, SAY("konsil.me")) : model_member_name(model, member));
    attrset(A_NORMAL);
    if (json_is_true(json_object_get(member, "owner")))
        used = draw_mark(model, area, y, used, SAY("konsil.member-owner"));
    else if (role)
        used = draw_mark(model, area, y, used, role);
    if (own || json_integer_value(json_object_get(member, "devices")) > 0)
        return;
    attron(A_DIM);
    draw_mark(model, area, y, used, SAY("konsil.member-no-device"));
    attrset(A_NORMAL);
}

static int draw_member(
    struct model *model, const struct model_person *room, size_t at, const struct area *area, int y, bool chosen)
{
    json_t *member = json_array_get(room->members, at);
    const struct model_person *person = model_person(model, text(member, "jid"));

    draw_name(model, room, member, area, y, chosen);
    if (y + 1 <= area->bottom) {
        attron(A_DIM);
        paint_text(y + 1, area->left + INDENT, area->width - INDENT,
            person && person->about && *person->about ? person->about : text(member, "jid"));
        attrset(A_NORMAL);
    }
    return y + LINES;
}

/* The same of somebody in a room that only its server knows. */
static int draw_occupant(
    struct model *model, const struct model_person *room, size_t at, const struct area *area, int y, bool chosen)
{
    json_t *occupant = json_array_get(room->occupants, at);
    bool own = json_is_true(json_object_get(occupant, "own"));
    int used;

    attron(chosen ? A_REVERSE : A_BOLD);
    used = paint_text(y, area->left, area->width, own ? say(model, SAY("konsil.me")) : roles_name(model, occupant));
    attrset(A_NORMAL);
    if (roles_of(occupant))
        draw_mark(model, area, y, used, roles_of(occupant));
    if (y + 1 <= area->bottom) {
        attron(A_DIM);
        used = INDENT + paint_text(y + 1, area->left + INDENT, area->width - INDENT, text(occupant, "nick"));
        paint_text(y + 1, area->left + used + 2, area->width - used - 2, text(occupant, "jid"));
        attrset(A_NORMAL);
    }
    return y + LINES;
}

/* For how long it is kept, if that is known; returns the line after it. */
static int draw_days(const struct model *model, const struct model_person *room, const struct area *area, int y)
{
    json_int_t days = json_integer_value(json_object_get(room->room, "retention_days"));
    char number[24], line[256];

    if (days <= 0)
        return y;
    snprintf(number, sizeof number, "%lld", (long long)days);
    model_fill(model, line, sizeof line, SAY("konsil.room-days"),
        (const struct ks_filling[]) { { "days", ks_str_z(number) }, { NULL, KS_STR_EMPTY } });
    return paint_wrapped(area, y, line);
}

/* What the room is like; returns the line after it. */
static int draw_head(const struct model *model, const struct model_person *room, const struct area *area)
{
    int y = area->top;

    if (rooms_is(room, "foreign")) {
        y = paint_wrapped(area, y, say(model, SAY("room.foreign")));
        return paint_wrapped(area, y, ks_say_do(model->language, SAY("room.foreign")).ptr) + 1;
    }
    if (rooms_is(room, "restricted")) {
        attron(COLOR_PAIR(PAIR_ALARM));
        y = paint_wrapped(area, y, say(model, SAY("konsil.room-restricted")));
        attrset(A_NORMAL);
    }
    attron(A_DIM);
    y = paint_wrapped(area, y,
        say(model, rooms_is(room, "all_history") ? SAY("konsil.room-history-all") : SAY("konsil.room-history-join")));
    y = draw_days(model, room, area, y);
    attrset(A_NORMAL);
    return y + 1;
}

void members_draw(struct model *model, const struct model_person *room, const struct area *area, size_t at)
{
    struct area list = { area->top, area->bottom - 1, area->left, area->width };
    bool foreign = rooms_is(room, "foreign");
    size_t fits, first;
    int y;

    attron(A_DIM);
    paint_text(area->bottom, area->left, area->width,
        say(model, rooms_is(room, "owner") ? SAY("konsil.members-keys-owner") : SAY("konsil.members-keys")));
    attrset(A_NORMAL);
    list.top = draw_head(model, room, &list);
    fits = (size_t)(list.bottom >= list.top ? (list.bottom - list.top + 1) / LINES : 0);
    first = at < fits ? 0 : at + 1 - fits;
    y = list.top;
    for (size_t i = first; i < members_count(room) && i < first + fits; i++)
        y = (foreign ? draw_occupant : draw_member)(model, room, i, &list, y, i == at);
}
