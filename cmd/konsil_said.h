/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_said.h -- messages of the conversation at hand, found by their words. */
#ifndef KONSIL_SAID_H
#define KONSIL_SAID_H

#include "konsil_lines.h"

/* Whether jid (NULL: anybody) said it, and it is still there. */
bool said_by(const struct model_message *message, const char *jid);
/* Whatever their letters: 2: they are the same; 1: part of text; 0: not in it. */
int said_holds(const char *text, struct ks_str part);
/* The newest of jid's (NULL: of anybody's) that has these words, which may be none; NULL: there is none. */
const struct model_message *said_find(const struct model_person *person, const char *jid, struct ks_str words);
/* Its beginning, or that of its files, in a line. */
void said_quote(const struct model_message *message, char *to, size_t cap);

/* /forget */
lines_fn said_forget;

#endif
