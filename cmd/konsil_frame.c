/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_frame.h"

#include <curses.h>

#include "konsil_paint.h"
#include "say.h"

#define NOTICE_LINES_MAX 3

static const char *say(const struct model *model, const char *id)
{
    return ks_say(model->language, id).ptr; /* catalogue texts end with a zero */
}

static const char *connection_word(const struct model *model)
{
    const char *name = model->connection;

    if (strcmp(name, "online") == 0)
        return say(model, SAY("konsil.online"));
    if (strcmp(name, "offline") == 0)
        return say(model, SAY("konsil.offline"));
    if (strcmp(name, "catching_up") == 0)
        return say(model, SAY("konsil.catching-up"));
    return say(model, SAY("konsil.connecting"));
}

void frame_bar(const struct model *model, const struct model_person *person, int list, int width)
{
    char bar[600];

    attron(COLOR_PAIR(PAIR_BAR));
    mvhline(0, 0, ' ', width);
    paint_text(0, 1, list - 1, model->self ? model->self : "konsil");
    if (person) {
        snprintf(bar, sizeof bar, "%s%s%s", model_name(person), person->about && *person->about ? " – " : "",
            person->about ? person->about : "");
        paint_text(0, list + 2, width - list - 3, bar);
    }
    attrset(A_NORMAL);
}

int frame_status(const struct model *model, const char *notice, const char *hint, int height, int width)
{
    char text[700];
    struct area area = { height - 1, height - 1, 0, width - 1 };
    int lines = 1;

    snprintf(text, sizeof text, "%s  %s", connection_word(model),
        *notice                ? notice
            : *model->progress ? model->progress
                               : hint);
    if (*notice)
        lines = paint_lines(area.width, text);
    area.top = height - (lines < NOTICE_LINES_MAX ? lines : NOTICE_LINES_MAX);
    attron(*notice ? COLOR_PAIR(PAIR_ALARM) : A_DIM);
    if (*notice)
        paint_wrapped(&area, area.top, text);
    else
        paint_text(area.top, area.left, area.width, text);
    attrset(A_NORMAL);
    return area.top;
}
