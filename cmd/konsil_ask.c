/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_ask.h"

void ask_first(struct ask *ask, const struct model *model, const char *say, const char *who, const char *what,
    json_t *command, bool is_key, wint_t key)
{
    json_decref(ask->command);
    ask->command = command;
    model_fill(model, ask->text, sizeof ask->text, say,
        (const struct ks_filling[]) { { "who", ks_str_z(who) }, { "what", ks_str_z(what) }, { NULL, KS_STR_EMPTY } });
    ask->is_key = is_key;
    ask->key = key;
    ask->about = ASKS_COMMAND;
}

bool ask_answers(const struct ask *ask, bool is_key, wint_t key)
{
    return ask->about == ASKS_COMMAND && is_key == ask->is_key && key == ask->key;
}

json_t *ask_take(struct ask *ask)
{
    json_t *command = ask->command;

    ask->command = NULL;
    ask->about = ASKS_NOTHING;
    return command;
}

void ask_done(struct ask *ask)
{
    json_decref(ask->command);
}
