/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_list.h"

#include <curses.h>

#include "konsil_invitations.h"
#include "konsil_rooms.h"

static bool is(const struct model_person *person, const char *selected)
{
    return selected && strcmp(person->jid, selected) == 0;
}

static void draw_person(const struct model_person *person, bool selected, int y, int width)
{
    char unread[16] = "";
    int room, x = 1;

    if (person->unread)
        snprintf(unread, sizeof unread, " %u", person->unread);
    room = width - 2 - (int)strlen(unread) - (person->failed ? 2 : 0);
    if (selected)
        attron(A_REVERSE);
    mvhline(y, 0, ' ', width);
    if (person->unread)
        attron(A_BOLD);
    if (rooms_is(person, "left"))
        attron(A_DIM);
    if (person->room)
        x += paint_text(y, x, room, "# ");
    paint_text(y, x, room + 1 - x, model_name(person));
    paint_text(y, width - 1 - (int)strlen(unread), (int)strlen(unread), unread);
    if (person->failed) {
        attron(COLOR_PAIR(PAIR_ALARM) | A_BOLD);
        paint_text(y, 1 + room + 1, 1, "!");
    }
    attrset(A_NORMAL);
}

void list_draw(const struct model *model, const char *selected, const struct area *area)
{
    bool hint = invitations_draw_hint(model, area);
    size_t first = 0, at = 0, room = (size_t)(area->bottom - area->top + (hint ? 0 : 1));

    for (size_t i = 0; i < model->people_count; i++)
        if (is(model->people[i], selected))
            at = i;
    if (at >= room)
        first = at - room + 1;
    for (size_t i = 0; i < room && first + i < model->people_count; i++)
        draw_person(model->people[first + i], is(model->people[first + i], selected), area->top + (int)i, area->width);
}
