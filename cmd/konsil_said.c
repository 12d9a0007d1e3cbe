/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_said.h"

#include "say.h"
#include "unicode.h"
#include "utf8.h"

#define QUOTE_MAX 80           /* bytes */
#define FOLDED_MAX (64 * 1024) /* of a text and what is looked for in it */

bool said_by(const struct model_message *message, const char *jid)
{
    return message->from && (!jid || strcmp(message->from, jid) == 0) && message->id && !message->notice
        && !message->retracted && !message->gap;
}

int said_holds(const char *text, struct ks_str part)
{
    struct ks_str whole, wanted;
    struct ks_arena arena;
    int held = 0;

    ks_arena_init(&arena, FOLDED_MAX);
    if (ks_unicode_fold(&arena, ks_str_z(text), &whole) == KS_OK && ks_unicode_fold(&arena, part, &wanted) == KS_OK
        && ks_str_find(whole, wanted) < whole.len)
        held = ks_str_eq(whole, wanted) ? 2 : 1;
    ks_arena_done(&arena);
    return held;
}

const struct model_message *said_find(const struct model_person *person, const char *jid, struct ks_str words)
{
    for (size_t i = person->message_count; i > 0; i--) {
        const struct model_message *message = &person->messages[i - 1];
        if (said_by(message, jid)
            && (words.len == 0 || (message->body && said_holds(message->body, words) > 0)
                || (message->files && said_holds(message->files, words) > 0)))
            return message;
    }
    return NULL;
}

void said_quote(const struct model_message *message, char *to, size_t cap)
{
    struct ks_str text = ks_str_z(message->body && *message->body ? message->body : message->files), line;
    bool more;

    if (!ks_str_cut(&text, '\n', &line))
        line = KS_STR_EMPTY;
    more = text.len > 0 || line.len > QUOTE_MAX;
    snprintf(to, cap, "%.*s%s", KS_STR_FMT(ks_utf8_head(line, QUOTE_MAX)), more ? "…" : "");
}

void said_forget(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    const struct model_message *message = said_find(person, NULL, ks_str_trim(ks_str_z(rest)));

    (void)model;
    if (!message) {
        deed->wrong = SAY("konsil.said-nothing");
        return;
    }
    said_quote(message, deed->what, sizeof deed->what);
    deed->ask = SAY("konsil.ask-forget");
    deed->command = json_pack("{s:s, s:s, s:s, s:s}", "cmd", "forget", "id", SAY("konsil.forgotten"), "conversation",
        person->jid, "message", message->id);
}
