/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_ask.h -- what is asked before it is done: the same key again does it, any other leaves all as it is. */
#ifndef KONSIL_ASK_H
#define KONSIL_ASK_H

#include <wchar.h>

#include "konsil_model.h"

enum ask_about { ASKS_NOTHING, ASKS_COMMAND, ASKS_LEAVE };

struct ask {
    enum ask_about about;
    /* Of ASKS_COMMAND: */
    json_t *command; /* what is done then, as it was when it was asked about */
    char text[512];  /* the question */
    wint_t key;
    bool is_key; /* of ncurses; else a character */
};

/* A question of the catalogue, with its places {who} and {what}; takes the command. */
void ask_first(struct ask *ask, const struct model *model, const char *say, const char *who, const char *what,
    json_t *command, bool is_key, wint_t key);
/* It was asked about a command, and this key is the answer that does it. */
bool ask_answers(const struct ask *ask, bool is_key, wint_t key);
/* The command, to be given; nothing is asked any more. */
json_t *ask_take(struct ask *ask);
void ask_done(struct ask *ask);

#endif
