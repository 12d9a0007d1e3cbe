/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "town_check.h"

#include <stdio.h>

#include "town_room.h"

struct view {
    struct town *town;
    const struct device *device;
    struct ks_buf *why;                                   /* NULL: nobody asks */
    const struct device *author_device[TOWN_DEVICES_MAX]; /* whose last letter stands in */
    size_t last[TOWN_DEVICES_MAX];
    unsigned times[TOWN_MESSAGES_MAX];
    enum town_state state;
};

__attribute__((format(printf, 3, 4))) static void complain(
    struct view *view, enum town_state state, const char *format, ...)
{
    char text[300];
    va_list args;

    if (view->state == TOWN_RIGHT && view->why) {
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        ks_buf_z(view->why, text);
    }
    if (state > view->state)
        view->state = state;
}

static size_t device_index(const struct town *town, const struct device *device)
{
    size_t i = 0;

    while (town->devices[i] != device)
        i++;
    return i;
}

/* An account, as a bit: that of its first device. One without devices is reached by nothing. */
static unsigned whose(const struct town *town, const char *jid)
{
    for (size_t i = 0; i < town->device_count; i++)
        if (!strcmp(town->devices[i]->jid, jid))
            return 1u << i;
    return 1u << TOWN_DEVICES_MAX;
}

static void on_shown(void *user, const struct sight *sight)
{
    const char *from = sight->from, *body = sight->body;
    struct view *view = user;
    struct town *town = view->town;
    size_t i = 0, author;

    if (!body) {
        complain(view, TOWN_LATE, "%s shows a message of %s that it cannot read", view->device->name, from);
        return;
    }
    while (i < town->letter_count && strcmp(town->letters[i].body, body) != 0)
        i++;
    if (i == town->letter_count || strcmp(town->letters[i].from->jid, from) != 0) {
        complain(view, TOWN_WRONG, "%s shows what %s did not write: %s", view->device->name, from, body);
        return;
    }
    if (town->letters[i].from == view->device) {
        town->letters[i].seen = true;
        town->letters[i].failed |= sight->failed;
        for (size_t j = 0; sight->delivered[j]; j++)
            town->letters[i].claimed |= whose(town, sight->delivered[j]);
        for (size_t j = 0; sight->denied[j]; j++)
            town->letters[i].denied |= whose(town, sight->denied[j]);
    } else if (strcmp(town->letters[i].from->jid, view->device->jid) != 0) {
        town->letters[i].arrived = true;
        town->letters[i].reached |= whose(town, view->device->jid);
    }
    if (town_room_letter(town, &town->letters[i]) && town_room_must_not(town, &town->letters[i], view->device->jid))
        complain(view, TOWN_WRONG, "%s shows what is not for it: %s", view->device->name, body);
    if (view->times[i]++)
        complain(view, TOWN_WRONG, "%s twice at %s", body, view->device->name);
    author = device_index(town, town->letters[i].from);
    if (view->author_device[author] == view->device && view->last[author] > i)
        complain(
            view, TOWN_WRONG, "%s behind %s at %s", body, town->letters[view->last[author]].body, view->device->name);
    view->author_device[author] = view->device;
    view->last[author] = i;
}

static bool concerns(const struct town *town, const struct letter *letter, const struct device *device)
{
    if (town_room_letter(town, letter))
        return town_room_must(town, letter, device->jid);
    return !strcmp(letter->to, device->jid) || !strcmp(letter->from->jid, device->jid);
}

/* What one device shows of one conversation, into times. */
static void look(struct view *view, const char *with)
{
    for (size_t i = 0; i < TOWN_DEVICES_MAX; i++)
        view->author_device[i] = NULL;
    view->town->devices[device_index(view->town, view->device)]->ops->shown(
        view->town->devices[device_index(view->town, view->device)], with, on_shown, view);
}

/* Its author was told that it failed, or never knew of it. */
static bool may_miss(const struct letter *letter)
{
    return letter->failed || (letter->perhaps && !letter->seen);
}

static enum town_state device_state(struct town *town, struct device *device, struct ks_buf *why)
{
    struct view view = { .town = town, .device = device, .why = why };

    if (!device->alive) {
        complain(&view, TOWN_LATE, "%s does not live", device->name);
        return view.state;
    }
    for (size_t i = 0; i < town->device_count; i++) {
        const struct device *peer = town->devices[i];
        bool seen = !strcmp(peer->jid, device->jid) || strcmp(peer->domain, device->domain) != 0;
        for (size_t j = 0; j < i; j++)
            seen = seen || !strcmp(town->devices[j]->jid, peer->jid);
        if (!seen)
            look(&view, peer->jid);
    }
    if (device->ops->order && town->room.jid[0])
        look(&view, town->room.jid);
    for (size_t i = 0; i < town->letter_count; i++)
        if (concerns(town, &town->letters[i], device) && !view.times[i] && !may_miss(&town->letters[i]))
            complain(&view, TOWN_LATE, "%s missing at %s", town->letters[i].body, device->name);
    return view.state;
}

/* Who was told of a failure is known when all devices were looked at. */
static void look_at_all(struct town *town)
{
    for (size_t i = 0; i < town->letter_count; i++)
        town->letters[i].failed = town->letters[i].seen = town->letters[i].arrived = false;
    for (size_t i = 0; i < town->letter_count; i++)
        town->letters[i].claimed = town->letters[i].denied = town->letters[i].reached = 0;
    town_room_look(town);
    for (size_t i = 0; i < town->device_count; i++)
        (void)device_state(town, town->devices[i], NULL);
}

enum town_state town_state(struct town *town)
{
    enum town_state worst = town->wrong[0] ? TOWN_WRONG : TOWN_RIGHT;

    look_at_all(town);
    for (size_t i = 0; i < town->device_count; i++) {
        enum town_state state = device_state(town, town->devices[i], NULL);
        if (state > worst)
            worst = state;
    }
    return worst;
}

/* --- konsild's bytes --- */

struct search {
    const char *word;
    uint64_t found, rows;
};

static void search(struct search *search, struct ks_str bytes)
{
    search->rows++;
    search->found += ks_str_find(bytes, ks_str_z(search->word)) < bytes.len;
}

static bool in_kv(void *user, const struct ks_kv_row *row)
{
    search(user, row->key);
    search(user, row->value);
    return true;
}

static bool in_archive(void *user, const struct ks_archive_row *row)
{
    search(user, row->stanza);
    return true;
}

static bool in_audit(void *user, const struct ks_audit_row *row)
{
    search(user, row->subject);
    search(user, row->detail);
    return true;
}

struct accounts {
    uint64_t ids[64];
    size_t count;
};

static bool note_account(void *user, const struct ks_account_row *row)
{
    struct accounts *accounts = user;

    accounts->ids[accounts->count++] = row->id;
    return accounts->count < 64;
}

static uint64_t in_store(struct town *town, const char *word)
{
    struct ks_server_store *store = town->disk;
    struct search s = { .word = word };
    struct accounts accounts = { .count = 0 };

    for (size_t i = 0; i < 2; i++)
        (void)!store->ops->account_list(
            store, i ? KS_STR("offen.example") : KS_STR("klinik.example"), KS_STR_EMPTY, 60, note_account, &accounts);
    for (size_t i = 0; i < accounts.count; i++)
        (void)!store->ops->kv_load(store, accounts.ids[i], KS_STR_EMPTY, in_kv, &s);
    (void)!store->ops->archive_scan(store, 0, in_archive, &s);
    (void)!store->ops->audit_scan(store, 1, in_audit, &s);
    return s.found;
}

/* Its author was removed meanwhile. */
static bool may_fail(const struct town *town, const struct letter *letter)
{
    return town_room_letter(town, letter) && !town_room_must(town, letter, letter->from->jid);
}

bool town_check(struct town *town, struct ks_buf *why)
{
    look_at_all(town);
    for (size_t i = 0; i < town->letter_count; i++)
        if (town->letters[i].failed && !town->struck[FAULT_DISK_FULL] && !may_fail(town, &town->letters[i])) {
            ks_buf_printf(why, "%s failed without a reason", town->letters[i].body);
            return false;
        }
    for (size_t i = 0; i < town->letter_count; i++)
        if (town->letters[i].denied & town->letters[i].reached) {
            ks_buf_printf(why, "%s failed, as its author is told, and was read", town->letters[i].body);
            return false;
        }
    for (size_t i = 0; i < town->device_count; i++)
        if (device_state(town, town->devices[i], why) != TOWN_RIGHT)
            return false;
    if (town->wrong[0]) {
        ks_buf_z(why, town->wrong);
        return false;
    }
    if (!town->room.versions) {
        ks_buf_z(why, "nobody made the room");
        return false;
    }
    if (town_room_leaked(town, why))
        return false;
    for (size_t i = 0; i < town->letter_count; i++)
        if (town->letters[i].claimed & ~town->letters[i].reached) {
            ks_buf_printf(why, "%s reached everybody, as its author is told, and did not", town->letters[i].body);
            return false;
        }
    if (town->canaries_seen || in_store(town, town->canary)) {
        ks_buf_printf(why, "plaintext of an encrypted message passed konsild");
        return false;
    }
    if (!town->clear_seen || !in_store(town, town->clear)) {
        ks_buf_printf(why, "the search for plaintext does not find what is there");
        return false;
    }
    return true;
}
