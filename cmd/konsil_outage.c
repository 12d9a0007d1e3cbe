/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_outage.h"

#include <time.h>

#include "say.h"
#include "utf8.h"

/* In their words, in the person's language if they have it. */
static const char *words(const struct model *model, json_t *event)
{
    const char *own = model->language == KS_GERMAN ? "text_de" : "text_en";
    json_t *text = json_object_get(event, own) ? json_object_get(event, own) : json_object_get(event, "text");

    return text ? json_string_value(text) : "";
}

static void write_time(char *to, size_t cap, json_int_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm when;

    localtime_r(&seconds, &when);
    strftime(to, cap, "%d.%m. %H:%M", &when);
}

static void say_time(struct model *model, const char *id, json_t *event, const char *member)
{
    size_t used = strlen(model->outage);
    char when[32];

    if (!json_object_get(event, member))
        return;
    write_time(when, sizeof when, json_integer_value(json_object_get(event, member)));
    if (used > 0) /* behind a sentence much shorter than the room for it */
        model->outage[used++] = ' ';
    model_fill(model, model->outage + used, sizeof model->outage - used, id,
        (const struct ks_filling[]) { { "time", ks_str_z(when) }, { NULL, KS_STR_EMPTY } });
}

static void say_words(struct model *model, struct ks_str text)
{
    size_t used = strlen(model->outage), room = sizeof model->outage - used;

    if (text.len > 0 && room > 2)
        snprintf(model->outage + used, room, " %.*s", KS_STR_FMT(ks_utf8_head(text, room - 2)));
}

void outage_tell(struct model *model, json_t *event)
{
    model->outage[0] = 0;
    say_time(model,
        json_is_true(json_object_get(event, "planned")) ? SAY("konsil.outage-planned") : SAY("konsil.outage"), event,
        "since");
    if (!*model->outage)
        return;
    say_time(model, SAY("konsil.outage-until"), event, "until");
    say_words(model, ks_str_z(words(model, event)));
}
