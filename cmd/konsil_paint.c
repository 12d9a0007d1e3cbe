/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_paint.h"

#include <curses.h>

#include "unicode.h"

/* The bytes of the first character. */
static size_t first_char(struct ks_str text)
{
    size_t len = 1;

    while (len < text.len && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len++;
    return len;
}

int paint_str(int y, int x, int width, struct ks_str text)
{
    int used = 0;

    move(y, x);
    while (text.len) {
        struct ks_str c = ks_str_head(text, first_char(text));
        int columns = (int)ks_unicode_columns(c);
        if (used + columns > width)
            break;
        if ((unsigned char)c.ptr[0] < 32 || c.ptr[0] == 127)
            addch('?');
        else
            addnstr(c.ptr, (int)c.len);
        used += columns;
        text = ks_str_from(text, c.len);
    }
    return used;
}

int paint_text(int y, int x, int width, const char *text)
{
    return paint_str(y, x, width, ks_str_z(text));
}

size_t paint_fitting(struct ks_str text, size_t width, size_t *ret_skip)
{
    size_t at = 0, blank = 0, columns = 0;

    *ret_skip = 0;
    while (at < text.len && text.ptr[at] != '\n') {
        size_t len = first_char(ks_str_from(text, at));
        columns += ks_unicode_columns(ks_str(text.ptr + at, len));
        if (columns > width)
            break;
        if (text.ptr[at] == ' ')
            blank = at;
        at += len;
    }
    if (at == text.len)
        return at;
    if (text.ptr[at] == '\n' || text.ptr[at] == ' ') {
        *ret_skip = 1;
        return at;
    }
    if (blank) {
        *ret_skip = 1;
        return blank;
    }
    return at ? at : first_char(text);
}

int paint_lines(int width, const char *text)
{
    struct ks_str left = ks_str_z(text);
    int lines = 0;

    for (size_t skip; left.len && width > 0; lines++)
        left = ks_str_from(left, paint_fitting(left, (size_t)width, &skip) + skip);
    return lines;
}

int paint_wrapped(const struct area *area, int y, const char *text)
{
    struct ks_str left = ks_str_z(text);

    while (left.len && y <= area->bottom && area->width > 0) {
        size_t skip, len = paint_fitting(left, (size_t)area->width, &skip);
        if (y >= area->top)
            paint_str(y, area->left, area->width, ks_str_head(left, len));
        y++;
        left = ks_str_from(left, len + skip);
    }
    return y;
}
