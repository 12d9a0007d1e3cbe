/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_tasks.h -- what the server says of itself and lets a person do, in the terminal: whom to turn to, a list of
 * tasks, and each form as one question after the other. Draws, and makes commands; sends nothing itself. */
#ifndef KONSIL_TASKS_H
#define KONSIL_TASKS_H

#include <jansson.h>

#include "konsil_paint.h"
#include "sentence.h"

struct tasks {
    enum ks_language language;
    json_t *list, *info; /* of events `tasks` and `server_info`; NULL: not there yet */
    json_t *task;        /* the last event `task`: a form that is asked, or a result; NULL: the list is shown */
    json_t *answers;     /* to the questions before `field` */
    size_t at, field;    /* the chosen task; the question that is asked */
};

void tasks_done(struct tasks *tasks);
/* What to ask the engine when the view is opened. */
void tasks_ask(struct tasks *tasks, json_t *ret_commands[2]);
/* An event of the engine; those that are none of its business are ignored. */
void tasks_event(struct tasks *tasks, json_t *event);
void tasks_move(struct tasks *tasks, int by);
/* The question that waits for an answer; NULL: there is none. *ret_hidden: what is typed is not shown. */
const char *tasks_question(const struct tasks *tasks, bool *ret_hidden);
/* Enter: takes the answer, goes on, or begins the chosen task. The command to be given, or NULL. */
json_t *tasks_enter(struct tasks *tasks, const char *text);
/* Escape: gives the form up. *ret_command may be NULL. False: there was nothing to give up. */
bool tasks_escape(struct tasks *tasks, json_t **ret_command);
void tasks_draw(const struct tasks *tasks, const struct area *area);

#endif
