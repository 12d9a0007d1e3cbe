/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "outage.h"

#include <jansson.h>

#include "clock.h"
#include "command.h"
#include "engine.h"
#include "server_info.h"
#include "utf8.h"

enum ks_err ks_outage_lost(struct konsil *k)
{
    struct ks_outage *outage = &k->outage;
    struct ks_js_texts addresses;
    enum ks_err err;

    if (k->stream.tries < KS_OUTAGE_TRIES || (outage->asked && k->now.mono_ms - outage->asked_ms < KS_OUTAGE_AGAIN_MS))
        return KS_OK;
    if ((err = ks_server_info_outage(k, &addresses)) != KS_OK || addresses.count == 0)
        return err;
    outage->asked = true;
    outage->asked_ms = k->now.mono_ms;
    return ks_tell(
        k, KS_EV_OUTAGE_ASK, &(struct ks_ev_outage_ask) { .url = addresses.items[outage->next++ % addresses.count] });
}

/* §3: "When the outage is over, the file SHOULD be replaced with an empty JSON object." */
static enum ks_err tell_none(struct konsil *k)
{
    bool was_shown = k->outage.shown;

    k->outage.shown = false;
    return was_shown ? ks_tell(k, KS_EV_OUTAGE, &(struct ks_ev_outage) { .since = 0 }) : KS_OK;
}

enum ks_err ks_outage_online(struct konsil *k)
{
    k->outage.asked = false;
    return tell_none(k);
}

/* --- the file (§2.2) --- */

static bool read_time(const json_t *json, int64_t *ret_ms)
{
    return json_is_string(json)
        && ks_stamp_read(ks_str(json_string_value(json), json_string_length(json)), ret_ms) == KS_OK && *ret_ms > 0;
}

/* Empty: there is none, or it is no text. */
static enum ks_err read_text(struct konsil *k, const json_t *messages, const char *language, struct ks_str *ret_text)
{
    const json_t *json = json_object_get(messages, language);
    struct ks_str text = ks_str(json_string_value(json), json_string_length(json));

    *ret_text = KS_STR_EMPTY;
    if (text.len == 0 || !ks_xml_text_ok(text))
        return KS_OK;
    return ks_arena_copy(&k->arena, ks_utf8_head(text, KS_OUTAGE_TEXT_MAX), ret_text);
}

/* KS_ESYNTAX: not as §2.2 has it. A file that says nothing leaves since as it is. */
static enum ks_err read_file(struct konsil *k, json_t *file, struct ks_ev_outage *event)
{
    const json_t *end = json_object_get(file, "expected_end"), *planned = json_object_get(file, "planned");
    const json_t *messages = json_object_get(file, "message");
    enum ks_err err;

    if (!json_is_object(file))
        return KS_ESYNTAX;
    if (!json_object_get(file, "beginning"))
        return json_object_size(file) == 0 ? KS_OK : KS_ESYNTAX;
    if (!read_time(json_object_get(file, "beginning"), &event->since) || (end && !read_time(end, &event->until))
        || (planned && !json_is_boolean(planned)) || (messages && !json_is_object(messages)))
        return KS_ESYNTAX;
    event->planned = json_is_true(planned);
    if ((err = read_text(k, messages, "default", &event->text)) != KS_OK
        || (err = read_text(k, messages, "de", &event->text_de)) != KS_OK)
        return err;
    return read_text(k, messages, "en", &event->text_en);
}

enum ks_err ks_outage_status(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_str text = cmd->outage_status.text;
    struct ks_ev_outage event = { .since = 0 };
    json_t *file;
    enum ks_err err;

    if (text.len == 0)
        return ks_cmd_done(k, cmd);
    file = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    err = read_file(k, file, &event);
    json_decref(file);
    if (err == KS_ESYNTAX)
        return ks_cmd_refuse(k, cmd, KS_CODE_OUTAGE_UNUSABLE, KS_STR_EMPTY);
    if (err != KS_OK || (err = ks_cmd_done(k, cmd)) != KS_OK)
        return err;
    if (event.since == 0)
        return tell_none(k);
    k->outage.shown = true;
    return ks_tell(k, KS_EV_OUTAGE, &event);
}
