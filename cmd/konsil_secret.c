/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_secret.h"

#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "say.h"

void secret_wipe(char *text)
{
    if (text)
        ks_wipe(text, strlen(text));
    free(text);
}

static void forget(struct secret *secret)
{
    json_decref(secret->command);
    secret_wipe(secret->first);
    secret->command = NULL;
    secret->first = NULL;
    secret->question = NULL;
    line_clear(&secret->line);
}

void secret_ask_password(struct secret *secret)
{
    if (!secret->command)
        secret->question = SAY("konsil.password");
}

void secret_ask(struct secret *secret, json_t *command, const char *member, const char *question, const char *again,
    const char *differs)
{
    forget(secret);
    secret->command = command;
    secret->member = member;
    secret->question = question;
    secret->again = again;
    secret->differs = differs;
}

/* A new one was typed the second time, and is the same. */
static bool is_settled(struct secret *secret, const char *text)
{
    bool same = secret->first && strcmp(secret->first, text) == 0;

    if (!secret->again || same)
        return true;
    secret->question = secret->first ? secret->differs : secret->again;
    if (secret->first) {
        secret_wipe(secret->first);
        secret->first = NULL;
    } else {
        secret->first = strdup(text);
    }
    return false;
}

char *secret_enter(struct secret *secret, json_t **ret_command)
{
    char *text = line_text(&secret->line);

    *ret_command = NULL;
    line_clear(&secret->line);
    if (text && *text && !secret->command) {
        secret->question = NULL;
        return text;
    }
    if (text && *text && is_settled(secret, text)) {
        json_object_set_new(secret->command, secret->member, json_string(text));
        *ret_command = json_incref(secret->command);
        forget(secret);
    }
    secret_wipe(text);
    return NULL;
}

void secret_escape(struct secret *secret)
{
    if (secret->command)
        forget(secret);
    line_clear(&secret->line);
}

void secret_done(struct secret *secret)
{
    forget(secret);
}
