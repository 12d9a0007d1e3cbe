/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_line.h"

#include <curses.h>
#include <limits.h>
#include <stdlib.h>

#include "buf.h"
#include "konsil_paint.h"

static bool insert_char(struct line *line, wchar_t c)
{
    if (line->len == LINE_CHARS_MAX || c < 32)
        return false;
    wmemmove(line->text + line->cursor + 1, line->text + line->cursor, line->len - line->cursor);
    line->text[line->cursor++] = c;
    line->len++;
    return true;
}

static void delete_char(struct line *line, size_t at)
{
    if (at >= line->len)
        return;
    wmemmove(line->text + at, line->text + at + 1, line->len - at - 1);
    line->text[--line->len] = 0;
}

static void delete_before(struct line *line)
{
    if (line->cursor)
        delete_char(line, --line->cursor);
}

bool line_key(struct line *line, wint_t key)
{
    switch (key) {
    case KEY_LEFT:
        line->cursor -= line->cursor > 0;
        return true;
    case KEY_RIGHT:
        line->cursor += line->cursor < line->len;
        return true;
    case KEY_HOME:
        line->cursor = 0;
        return true;
    case KEY_END:
        line->cursor = line->len;
        return true;
    case KEY_BACKSPACE:
        delete_before(line);
        return true;
    case KEY_DC:
        delete_char(line, line->cursor);
        return true;
    default:
        return false;
    }
}

bool line_char(struct line *line, wint_t c)
{
    switch (c) {
    case 127:
    case 8:
        delete_before(line);
        return true;
    case 1: /* Ctrl-A */
        line->cursor = 0;
        return true;
    case 5: /* Ctrl-E */
        line->cursor = line->len;
        return true;
    case 21: /* Ctrl-U */
        line_clear(line);
        return true;
    default:
        return insert_char(line, (wchar_t)c);
    }
}

void line_clear(struct line *line)
{
    ks_wipe(line, sizeof *line);
}

void line_set(struct line *line, const char *text)
{
    size_t len;

    line_clear(line);
    len = mbstowcs(line->text, text, LINE_CHARS_MAX);
    line->len = line->cursor = len == (size_t)-1 ? 0 : len;
}

char *line_text(const struct line *line)
{
    char *text = malloc(line->len * 4 + 1);
    size_t len = 0;

    for (size_t i = 0; text && i < line->len; i++) {
        char bytes[MB_LEN_MAX];
        int count = wctomb(bytes, line->text[i]);
        for (int b = 0; b < count; b++)
            text[len++] = bytes[b];
    }
    if (text)
        text[len] = 0;
    return text;
}

static int columns_of(wchar_t c, bool hidden)
{
    int columns = hidden ? 1 : wcwidth(c);

    return columns > 0 ? columns : 0;
}

void line_draw(const struct line *line, int y, int x, int width, bool hidden)
{
    size_t first = line->cursor;
    int columns = 0, end = x + width - 1; /* the last column is the cursor's */

    while (first > 0 && columns + columns_of(line->text[first - 1], hidden) < width)
        columns += columns_of(line->text[--first], hidden);
    int cursor_x = x + columns;
    for (size_t i = first; i < line->len && x + columns_of(line->text[i], hidden) <= end; i++) {
        mvaddnwstr(y, x, hidden ? L"•" : &line->text[i], 1);
        x += columns_of(line->text[i], hidden);
    }
    move(y, cursor_x);
}

void line_ask(const struct line *line, int y, int width, const char *question, bool hidden)
{
    int x;

    attron(A_BOLD);
    x = paint_text(y, 0, width - 2, question) + 1;
    attrset(A_NORMAL);
    line_draw(line, y, x, width - x, hidden);
}
