/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_help.h -- the page of the keys, and what each of them does. */
#ifndef KONSIL_HELP_H
#define KONSIL_HELP_H

#include <stdbool.h>

#include "konsil_paint.h"
#include "sentence.h"

struct help {
    int top;           /* lines that are scrolled away */
    int top_max, page; /* at most, and how many are seen; help_draw knows them */
};

/* Neither before the beginning nor behind the end. */
void help_scroll(struct help *help, int by);
/* All of it, or as much as there is room for, and below it how to see the rest. tell_read: as it is set now. */
void help_draw(struct help *help, enum ks_language language, bool tell_read, const struct area *whole);

#endif
