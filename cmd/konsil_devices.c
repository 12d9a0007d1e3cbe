/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_devices.h"

#include <curses.h>

#include "say.h"

#define BLOCK 8  /* digits of a fingerprint that stand together */
#define BLOCKS 8 /* of 64 digits */
#define INDENT 2 /* of a fingerprint below its device */

void devices_ask(const struct model_person *person, json_t *ret_commands[2])
{
    ret_commands[0] = json_pack("{s:s, s:s}", "cmd", "devices", "jid", person->jid);
    ret_commands[1] = json_pack("{s:s}", "cmd", "devices");
}

size_t devices_count(const struct model *model, const struct model_person *person)
{
    return json_array_size(person->devices) + json_array_size(model->own_devices);
}

static json_t *device_at(const struct model *model, const struct model_person *person, size_t at)
{
    size_t theirs = json_array_size(person->devices);

    return at < theirs ? json_array_get(person->devices, at) : json_array_get(model->own_devices, at - theirs);
}

json_t *devices_decide(const struct model *model, const struct model_person *person, size_t at, bool trusted)
{
    json_t *device = device_at(model, person, at);
    bool theirs = at < json_array_size(person->devices);

    if (!device || json_is_true(json_object_get(device, "own")) || (!theirs && !model->self))
        return NULL;
    return json_pack("{s:s, s:s, s:O, s:s}", "cmd", "trust", "jid", theirs ? person->jid : model->self, "device",
        json_object_get(device, "device"), "decision", trusted ? "trusted" : "distrusted");
}

/* --- drawing --- */

static const char *say(const struct model *model, const char *id)
{
    return ks_say(model->language, id).ptr;
}

static const char *text(json_t *device, const char *member)
{
    const char *value = json_string_value(json_object_get(device, member));

    return value ? value : "";
}

/* Where the hospital certifies devices, its word counts, and a person's refusal. */
static const char *trust_word(const struct model *model, json_t *device)
{
    static const struct {
        const char *genuine, *id;
    } words[] = { { "genuine", SAY("konsil.device-genuine") }, { "unknown", SAY("konsil.device-uncertified") },
        { "other", SAY("konsil.device-uncertified") }, { "ended", SAY("konsil.device-ended") },
        { "revoked", SAY("konsil.device-revoked") } };

    if (json_is_true(json_object_get(device, "own")))
        return say(model, SAY("konsil.device-this"));
    for (size_t i = 0; i < KS_COUNT(words); i++)
        if (strcmp(text(device, "genuine"), words[i].genuine) == 0 && strcmp(text(device, "trust"), "distrusted") != 0)
            return say(model, words[i].id);
    if (strcmp(text(device, "trust"), "trusted") == 0)
        return say(model, SAY("konsil.device-trusted"));
    if (strcmp(text(device, "trust"), "distrusted") == 0)
        return say(model, SAY("konsil.device-refused"));
    return say(model, SAY("konsil.device-unchecked"));
}

/* In blocks, as many as fit into a line: one reads them to the other. */
static int draw_fingerprint(const struct area *area, int y, struct ks_str digits)
{
    int x = area->left;

    for (; digits.len; digits = ks_str_from(digits, BLOCK)) {
        if (x > area->left && x + BLOCK > area->left + area->width) {
            x = area->left;
            y++;
        }
        if (y <= area->bottom)
            paint_str(y, x, area->width, ks_str_head(digits, BLOCK));
        x += BLOCK + 1;
    }
    return y + 1;
}

static int draw_device(const struct model *model, json_t *device, const struct area *area, int y, bool chosen)
{
    struct area inner = { area->top, area->bottom, area->left + INDENT, area->width - INDENT };
    const char *label = text(device, "label"), *fingerprint = text(device, "fingerprint");
    bool refused = strcmp(text(device, "trust"), "distrusted") == 0;
    char head[400];

    snprintf(head, sizeof head, "%s%s%lld%s: %s%s%s", label, *label ? ", " : "",
        (long long)json_integer_value(json_object_get(device, "device")),
        strcmp(text(device, "encryption"), "omemo1") == 0 ? ", OMEMO 0.3" : "", trust_word(model, device),
        *text(device, "name") ? ", " : "", text(device, "name"));
    attron(chosen ? A_REVERSE : refused ? COLOR_PAIR(PAIR_ALARM) : A_BOLD);
    paint_text(y, area->left, area->width, head);
    attrset(A_NORMAL);
    if (!*fingerprint)
        return paint_wrapped(&inner, y + 1, say(model, SAY("konsil.device-no-key"))) + 1;
    return draw_fingerprint(&inner, y + 1, ks_str_z(fingerprint)) + 1;
}

/* The first one to be shown, so that the chosen one is seen. */
static size_t first_shown(const struct area *list, size_t at)
{
    int blocks = (list->width - INDENT + 1) / (BLOCK + 1), lines = (BLOCKS + blocks - 1) / blocks;
    size_t fits = (size_t)((list->bottom - list->top) / (lines + 2)); /* with its head and a blank line */

    return at < fits ? 0 : fits > 0 ? at + 1 - fits : at;
}

void devices_draw(const struct model *model, const struct model_person *person, const struct area *area, size_t at)
{
    size_t theirs = json_array_size(person->devices), count = devices_count(model, person);
    struct area list = { area->top, area->bottom - 1, area->left, area->width };
    size_t first = first_shown(&list, at);
    int y = list.top;

    attron(A_DIM);
    paint_text(area->bottom, area->left, area->width, say(model, SAY("konsil.devices-keys")));
    attrset(A_NORMAL);
    if (!theirs && first == 0)
        y = paint_wrapped(&list, y, say(model, SAY("peer.no_keys"))) + 1;
    for (size_t i = first; i < count && y <= list.bottom; i++) {
        if (i == theirs || (i == first && i > theirs)) {
            paint_text(y, list.left, list.width, say(model, SAY("konsil.devices-own")));
            y++;
        }
        if (y <= list.bottom)
            y = draw_device(model, device_at(model, person, i), &list, y, i == at);
    }
}
