/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_enrol.h"

#include "say.h"

void enrol_by(const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)person;
    deed->command = json_pack("{s:s, s:s}", "cmd", "enrol", "link", rest);
}

void enrol_mixed(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)rest;
    deed->command =
        json_pack("{s:s, s:s, s:b, s:s}", "cmd", "mixed", "jid", person->jid, "on", 1, "id", SAY("konsil.mixed-on"));
    deed->ask = SAY("konsil.ask-mixed");
    snprintf(deed->detail, sizeof deed->detail, "%s", person->jid);
}

void enrol_not_mixed(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)rest;
    deed->command = json_pack("{s:s, s:s, s:s}", "cmd", "mixed", "jid", person->jid, "id", SAY("konsil.mixed-off"));
}

static const char *text(json_t *event, const char *member)
{
    const char *value = json_string_value(json_object_get(event, member));

    return value ? value : "";
}

void enrol_told(struct model *model, json_t *event)
{
    char who[400];

    if (*text(event, "reason")) {
        model_notice(model, NULL, text(event, "reason"), "");
    } else if (strcmp(text(event, "state"), "pending") == 0) {
        model_notice(model, NULL, SAY("konsil.enrol-pending"), "");
    } else if (strcmp(text(event, "state"), "certified") == 0) {
        snprintf(who, sizeof who, "%s%s%s", text(event, "name"), *text(event, "department") ? ", " : "",
            text(event, "department"));
        model_notice(model, NULL, SAY("konsil.enrol-certified"), who);
    }
}
