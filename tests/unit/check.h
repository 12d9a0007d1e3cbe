/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* check.h -- what a unit test says, as TAP (meson counts each line).
 *
 * A test is a table of { name, input, want }; a name is a sentence, led by its section. check_row() speaks one row. */
#ifndef CHECK_H
#define CHECK_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "str.h"

static int check_rows, check_failed;

/* One row: name is a sentence; text says, when ok is false, what was seen. */
__attribute__((format(printf, 3, 4), unused)) static bool check_row(bool ok, const char *name, const char *text, ...)
{
    va_list args;

    printf("%sok %d - ", ok ? "" : "not ", ++check_rows);
    for (const char *at = name; *at; at++) /* TAP reads # as a directive */
        putchar(*at == '#' ? '.' : *at);
    putchar('\n');
    if (!ok) {
        check_failed++;
        printf("# ");
        va_start(args, text);
        vprintf(text, args);
        va_end(args);
        printf("\n");
    }
    fflush(stdout);
    return ok;
}

__attribute__((unused)) static bool check_str(const char *name, struct ks_str got, struct ks_str want)
{
    return check_row(ks_str_eq(got, want), name, "got \"%.*s\", want \"%.*s\"", KS_STR_FMT(got), KS_STR_FMT(want));
}

__attribute__((unused)) static bool check_err(const char *name, enum ks_err got, enum ks_err want)
{
    return check_row(got == want, name, "got %s, want %s", ks_err_name(got), ks_err_name(want));
}

/* A row that cannot run here; the reason stands in the output. */
__attribute__((unused)) static void check_skip(const char *name, const char *reason)
{
    printf("ok %d - %s # SKIP %s\n", ++check_rows, name, reason);
}

/* The end of main. */
__attribute__((unused)) static int check_done(void)
{
    printf("1..%d\n", check_rows);
    return check_failed ? 1 : 0;
}

#endif
