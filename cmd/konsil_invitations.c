/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_invitations.h"

#include <curses.h>
#include <stdlib.h>
#include <time.h>

#include "say.h"

#define INDENT 4 /* of what belongs to one, below its number and room */

static const char *text(json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value ? value : "";
}

/* --- which there are --- */

/* The place of the invitation into this room; the number of all: there is none. */
static size_t find(const struct model *model, const char *room)
{
    size_t at = 0;

    while (at < json_array_size(model->invitations)
        && strcmp(text(json_array_get(model->invitations, at), "room"), room) != 0)
        at++;
    return at;
}

/* Another one into the same room takes its place. */
static void keep(struct model *model, json_t *invitation)
{
    size_t at = find(model, text(invitation, "room"));
    json_t *number = json_object_get(json_array_get(model->invitations, at), "number");

    json_object_set_new(
        invitation, "number", number ? json_incref(number) : json_integer((json_int_t)++model->invitation_count));
    if (!model->invitations)
        model->invitations = json_array();
    if (number)
        json_array_set(model->invitations, at, invitation);
    else
        json_array_append(model->invitations, invitation);
}

void invitations_all(struct model *model, json_t *event)
{
    json_t *invitation;
    size_t i;

    json_array_foreach(json_object_get(event, "invitations"), i, invitation) keep(model, invitation);
}

/* "Otto Bauer", or the address; "": nobody says who. */
static const char *inviter(struct model *model, json_t *invitation)
{
    const struct model_person *person = model_person(model, text(invitation, "from"));

    return person ? model_name(person) : text(invitation, "from");
}

void invitations_one(struct model *model, json_t *event)
{
    json_t *invitation = json_object_get(event, "invitation");
    const char *who = inviter(model, invitation);

    if (json_is_true(json_object_get(event, "over"))) {
        json_array_remove(model->invitations, find(model, text(invitation, "room")));
        return;
    }
    keep(model, invitation);
    model_fill(model, model->progress, sizeof model->progress, *who ? SAY("konsil.invited-by") : SAY("konsil.invited"),
        (const struct ks_filling[]) { { "who", ks_str_z(who) }, { NULL, KS_STR_EMPTY } });
}

const char *invitations_room(const struct model *model, size_t at)
{
    return json_string_value(json_object_get(json_array_get(model->invitations, at), "room"));
}

const char *invitations_numbered(const struct model *model, const char *typed)
{
    json_t *invitation;
    size_t i;

    json_array_foreach(model->invitations, i, invitation)
    {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(json_object_get(invitation, "number")));
        if (strcmp(number, typed) == 0)
            return text(invitation, "room");
    }
    return NULL;
}

/* --- the answer --- */

json_t *invitations_answer(const char *room, bool accept)
{
    return !room ? NULL
        : accept ? json_pack("{s:s, s:s, s:s}", "cmd", "room_join", "id", SAY("konsil.room-entered"), "room", room)
                 : json_pack("{s:s, s:s, s:s}", "cmd", "invitation_decline", "id", SAY("konsil.invitation-declined"),
                     "room", room);
}

void invitations_show(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)person;
    (void)rest;
    deed->invitations = true;
}

void invitations_decline(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    const char *room = invitations_numbered(model, rest);

    (void)person;
    if (room)
        deed->command = invitations_answer(room, false);
    else
        deed->wrong = SAY("konsil.invitation-none");
}

/* --- drawing --- */

static const char *say(const struct model *model, const char *id)
{
    return ks_say(model->language, id).ptr; /* catalogue texts end with a zero */
}

bool invitations_draw_hint(const struct model *model, const struct area *area)
{
    size_t count = json_array_size(model->invitations);
    char number[24], line[200];

    if (count == 0)
        return false;
    snprintf(number, sizeof number, "%zu", count);
    model_fill(model, line, sizeof line, count == 1 ? SAY("konsil.invitations-one") : SAY("konsil.invitations-some"),
        (const struct ks_filling[]) { { "count", ks_str_z(number) }, { NULL, KS_STR_EMPTY } });
    attron(A_BOLD);
    paint_text(area->bottom, area->left + 1, area->width - 2, line);
    attrset(A_NORMAL);
    return true;
}

/* From whom, and when. */
static void say_from(struct model *model, json_t *invitation, char *line, size_t cap)
{
    time_t seconds = (time_t)(json_integer_value(json_object_get(invitation, "time")) / 1000);
    const char *who = inviter(model, invitation);
    char stamp[32];
    struct tm when;

    localtime_r(&seconds, &when);
    strftime(stamp, sizeof stamp, "%d.%m. %H:%M", &when);
    model_fill(model, line, cap, *who ? SAY("konsil.invitation-from") : SAY("konsil.invitation-nobody"),
        (const struct ks_filling[]) { { "who", ks_str_z(who) }, { "time", ks_str_z(stamp) }, { NULL, KS_STR_EMPTY } });
}

static int draw_one(struct model *model, json_t *invitation, const struct area *area, int y, bool chosen)
{
    struct area inner = { area->top, area->bottom, area->left + INDENT, area->width - INDENT };
    char line[600];

    snprintf(line, sizeof line, "%-3lld %s", (long long)json_integer_value(json_object_get(invitation, "number")),
        text(invitation, "room"));
    attron(chosen ? A_REVERSE : A_BOLD);
    y = paint_wrapped(area, y, line);
    attrset(A_NORMAL);
    say_from(model, invitation, line, sizeof line);
    attron(A_DIM);
    y = paint_wrapped(&inner, y, line);
    attrset(A_NORMAL);
    return paint_wrapped(&inner, y, text(invitation, "reason")) + 1;
}

/* The lines that one takes, as draw_one draws it. */
static int height(struct model *model, json_t *invitation, int width)
{
    char line[600];

    say_from(model, invitation, line, sizeof line);
    return paint_lines(width - INDENT, text(invitation, "room")) + paint_lines(width - INDENT, line)
        + paint_lines(width - INDENT, text(invitation, "reason")) + 1;
}

/* The first one that is seen: above the chosen one as many as there is room for. */
static size_t first_seen(struct model *model, const struct area *list, size_t at)
{
    int left = list->bottom - list->top + 2; /* the last blank line need not be seen */
    size_t first = at;

    for (size_t i = at + 1; i > 0; i--) {
        left -= height(model, json_array_get(model->invitations, i - 1), list->width);
        if (left < 0)
            break;
        first = i - 1;
    }
    return first;
}

void invitations_draw(struct model *model, const struct area *area, size_t *at)
{
    struct area list = { area->top, area->bottom - 1, area->left, area->width };
    size_t count = json_array_size(model->invitations);
    int y = list.top;

    attron(A_DIM);
    paint_text(area->bottom, area->left, area->width,
        say(model, count ? SAY("konsil.invitations-keys") : SAY("konsil.invitations-back")));
    attrset(A_NORMAL);
    if (count == 0) {
        paint_wrapped(&list, y, say(model, SAY("konsil.invitations-none")));
        return;
    }
    if (*at >= count)
        *at = count - 1;
    for (size_t i = first_seen(model, &list, *at); i < count && y <= list.bottom; i++)
        y = draw_one(model, json_array_get(model->invitations, i), &list, y, i == *at);
}
