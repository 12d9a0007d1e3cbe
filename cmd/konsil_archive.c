/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_archive.h"

#include "say.h"

void archive_ask(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)person;
    (void)rest;
    deed->command = json_pack("{s:s, s:s}", "cmd", "archive", "id", "archive");
}

/* One that is on paper already is worth nothing after it: so it is asked first. */
void archive_recovery(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)person;
    (void)rest;
    deed->command = json_pack("{s:s}", "cmd", "archive_recovery");
    deed->ask = SAY("konsil.ask-recovery");
}

void archive_open(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)person;
    deed->command =
        json_pack("{s:s, s:s, s:s}", "cmd", "archive_open", "recovery", rest, "id", SAY("konsil.archive-begins"));
}

void archive_pin(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)person;
    (void)rest;
    deed->command = json_pack("{s:s, s:s}", "cmd", "archive_pin", "id", SAY("konsil.archive-pin-made"));
    deed->secret = "pin";
    deed->ask = SAY("konsil.archive-pin-new");
    deed->again = SAY("konsil.archive-pin-again");
    deed->differs = SAY("konsil.archive-pin-differs");
}

void archive_open_pin(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)person;
    (void)rest;
    deed->command = json_pack("{s:s, s:s}", "cmd", "archive_open", "id", SAY("konsil.archive-begins"));
    deed->secret = "pin";
    deed->ask = SAY("konsil.archive-pin");
}

void archive_key_told(struct model *model, json_t *event)
{
    model_notice(model, NULL, SAY("konsil.archive-key"), json_string_value(json_object_get(event, "text")));
}

/* While messages come back, and at the end, it is told by itself. */
void archive_told(struct model *model, json_t *event)
{
    static const struct {
        const char *state, *id;
    } sentences[] = { { "open", SAY("konsil.archive-open") }, { "shut", SAY("archive.shut") },
        { "none", SAY("archive.none") }, { "unknown", SAY("konsil.archive-unknown") },
        { "doubt", SAY("archive.doubt") } };
    const char *state = json_string_value(json_object_get(event, "state"));
    json_int_t restored = json_integer_value(json_object_get(event, "restored"));
    char count[24] = "";

    if (restored) {
        snprintf(count, sizeof count, "%lld", (long long)restored);
        model_notice(model, NULL,
            json_is_true(json_object_get(event, "restoring")) ? SAY("konsil.archive-coming")
                                                              : SAY("konsil.archive-back"),
            count);
        return;
    }
    for (size_t i = 0; i < KS_COUNT(sentences); i++)
        if (state && strcmp(state, sentences[i].state) == 0)
            model_notice(model, NULL, sentences[i].id, "");
}
