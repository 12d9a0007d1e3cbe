/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_help.h"

#include <curses.h>

#include "say.h"

#define KEYS_WIDTH 17

/* A line of the help is a key, at least two blanks, and what it does. */
static struct ks_str key_of(const char *line)
{
    struct ks_str text = ks_str_z(line);
    size_t key = 0;

    while (key + 1 < text.len && !(text.ptr[key] == ' ' && text.ptr[key + 1] == ' '))
        key++;
    return ks_str_head(text, key);
}

static const char *meaning_of(const char *line)
{
    return ks_str_trim(ks_str_from(ks_str_z(line), key_of(line).len)).ptr;
}

static int draw_line(const struct area *area, int y, const char *line)
{
    struct area right = { area->top, area->bottom, area->left + KEYS_WIDTH, area->width - KEYS_WIDTH };

    attron(A_BOLD);
    if (y >= area->top && y <= area->bottom)
        paint_str(y, area->left, KEYS_WIDTH - 1, key_of(line));
    attrset(A_NORMAL);
    return paint_wrapped(&right, y, meaning_of(line));
}

void help_scroll(struct help *help, int by)
{
    int top = help->top + by;

    help->top = top < 0 ? 0 : top > help->top_max ? help->top_max : top;
}

void help_draw(struct help *help, enum ks_language language, bool tell_read, const struct area *whole)
{
    const char *const names[] = { SAY("konsil.help-choose"), SAY("konsil.help-send"), SAY("konsil.help-scroll"),
        SAY("konsil.help-edit"), SAY("konsil.help-retract"),
        tell_read ? SAY("konsil.help-tells") : SAY("konsil.help-tells-not"), SAY("konsil.help-retry"),
        SAY("konsil.help-devices"), SAY("konsil.help-enrol"), SAY("konsil.help-archive"), SAY("konsil.help-trust"),
        SAY("konsil.help-file"), SAY("konsil.help-urgent"), SAY("konsil.help-lines"), SAY("konsil.help-signed"),
        SAY("konsil.help-forget"), SAY("konsil.help-room"), SAY("konsil.help-change"), SAY("konsil.help-days"),
        SAY("konsil.help-delete"), SAY("konsil.help-roles"), SAY("konsil.help-go"), SAY("konsil.help-invited"),
        SAY("konsil.help-picture"), SAY("konsil.help-tasks"), SAY("konsil.help-escape"), SAY("konsil.help-lock"),
        SAY("konsil.help-leave"), SAY("konsil.help-marks") };
    const char *lines[KS_COUNT(names)];
    struct area area = *whole;
    int count = 0, y;

    for (size_t i = 0; i < KS_COUNT(names); i++) {
        lines[i] = ks_say(language, names[i]).ptr; /* catalogue texts end with a zero */
        count += paint_lines(area.width - KEYS_WIDTH, meaning_of(lines[i]));
    }
    if (count > area.bottom - area.top + 1) {
        attron(A_DIM);
        paint_text(area.bottom--, area.left, area.width, ks_say(language, SAY("konsil.help-more")).ptr);
        attrset(A_NORMAL);
    }
    help->page = area.bottom - area.top + 1;
    help->top_max = count > help->page ? count - help->page : 0;
    help_scroll(help, 0); /* the window may have grown */
    y = area.top - help->top;
    for (size_t i = 0; i < KS_COUNT(lines) && y <= area.bottom; i++)
        y = draw_line(&area, y, lines[i]);
}
