/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_secret.h -- what is typed unseen: the account's password, or a secret that a command needs. */
#ifndef KONSIL_SECRET_H
#define KONSIL_SECRET_H

#include <jansson.h>

#include "konsil_line.h"

struct secret {
    struct line line;
    const char *question; /* an id of the catalogue; NULL: nothing is asked */
    /* Of a command; NULL: the account's password is asked for. */
    json_t *command;
    const char *member; /* where it goes */
    const char *again,
        *differs; /* a new one is typed twice: the second question, and that for who begins anew; or NULL */
    char *first;  /* typed once, to be typed again */
};

void secret_ask_password(struct secret *secret);
/* Takes the command. */
void secret_ask(struct secret *secret, json_t *command, const char *member, const char *question, const char *again,
    const char *differs);
/* Enter. The password, for secret_wipe, or NULL: then *ret_command is the command, complete, the caller's, or NULL: it
 * goes on being asked for. */
char *secret_enter(struct secret *secret, json_t **ret_command);
void secret_wipe(char *text); /* and frees it; accepts NULL */
/* A command is not given; a password is still asked for, and what was typed of it wiped. */
void secret_escape(struct secret *secret);
void secret_done(struct secret *secret);

#endif
