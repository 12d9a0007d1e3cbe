/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_tty.h"

#include <curses.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>

#include "konsil_paint.h"

/* A terminal that has no such events knows no such mode, and ignores it. */
static void tell_focus(bool on)
{
    fputs(on ? "\033[?1004h" : "\033[?1004l", stdout);
    fflush(stdout);
}

bool tty_take(void)
{
    /* Where the system names a locale that is not installed, the keyboard and the names are UTF-8 all the same. */
    if (MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8");
    if (!newterm(NULL, stdout, stdin))
        return false;
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    define_key("\033[I", KEY_FOCUS);
    define_key("\033[O", KEY_BLUR);
    if (has_colors()) {
        start_color();
        use_default_colors();
        init_pair(PAIR_ALARM, COLOR_RED, -1);
        init_pair(PAIR_SELF, COLOR_CYAN, -1);
        init_pair(PAIR_BAR, COLOR_WHITE, COLOR_BLUE);
    }
    tell_focus(true);
    return true;
}

void tty_give_back(void)
{
    tell_focus(false);
    endwin();
}

void tty_stop(void)
{
    void (*handler)(int);

    tty_give_back();
    handler = signal(SIGTSTP, SIG_DFL); /* ncurses has one of its own, which does not know of focus events */
    raise(SIGTSTP);
    signal(SIGTSTP, handler);
    tell_focus(true);
    clearok(curscr, TRUE);
    refresh();
}
