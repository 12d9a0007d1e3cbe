/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* device_engine.c -- the real engine, on a store in memory behind a disk that fails (device_disk.h). */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "codes.h"
#include "device.h"
#include "device_disk.h"
#include "konsil/konsil.h"
#include "town_room.h"

struct engine_device {
    struct device base;
    struct device_disk disk;
    struct konsil *engine;
    json_t *answer; /* to the command at hand */
};

static struct engine_device *self(struct device *device)
{
    return KS_CONTAINER(device, struct engine_device, base);
}

static struct konsil_now now(const struct device *device)
{
    return (struct konsil_now) { device->town->now.mono_ms, device->town->now.wall_ms };
}

/* What an engine warns of, though nobody here forges, restores an old copy or breaks in: the others may never come. */
static bool is_harmless(const struct town *town, const char *code, bool named)
{
    static const char *const harmless[] = { KS_CODE_NEW_OWN_DEVICE, KS_CODE_STORE_FULL, KS_CODE_KEYS_UNPUBLISHED,
        KS_CODE_ROOM_CONFLICT, KS_CODE_ROOM_OVERHEARD, KS_CODE_NO_KEYS };

    for (size_t i = 0; i < KS_COUNT(harmless); i++)
        if (!strcmp(code, harmless[i]))
            return true;
    /* A server that names the wrong person makes of an author somebody whom nobody named. */
    return (!strcmp(code, KS_CODE_ROOM_GHOST) && town->struck[FAULT_LIE])
        || (!strcmp(code, KS_CODE_ROOM_STRANGER) && town->struck[FAULT_LIE] && !named)
        || (!strcmp(code, KS_CODE_BOUNCED) && town->struck[FAULT_DISK_FULL]);
}

static void look_at(struct engine_device *d, const json_t *event)
{
    const json_t *room = json_object_get(event, "room");
    const char *kind = json_string_value(json_object_get(event, "event"));
    const char *code = json_string_value(json_object_get(event, "code"));

    if (!strcmp(kind, "warning") && !is_harmless(d->base.town, code, json_object_get(event, "jid")))
        town_wrong(d->base.town, "%s warns of %s", d->base.name, code);
    if (!strcmp(kind, "room"))
        town_room_told(&d->base, json_string_value(json_object_get(room, "room")),
            (uint64_t)json_integer_value(json_object_get(room, "version")));
}

static void take_events(struct engine_device *d)
{
    const char *json;
    size_t len;

    while (konsil_next_event(d->engine, &json, &len)) {
        json_t *event = json_loadb(json, len, 0, NULL);
        if (!event)
            abort();
        if (strcmp(json_string_value(json_object_get(event, "event")), "history") != 0)
            town_trace(d->base.town, "%s: %.*s", d->base.name, (int)len, json);
        look_at(d, event);
        if (json_object_get(event, "re")) {
            json_decref(d->answer);
            d->answer = json_incref(event);
        }
        json_decref(event);
    }
}

/* All that the engine wants done. */
static void pump(struct engine_device *d)
{
    struct konsil_request request;
    const char *bytes;
    size_t len;

    if (d->disk.dead || konsil_failed(d->engine)) {
        if (!d->disk.dead)
            town_wrong(d->base.town, "the engine of %s failed with %d", d->base.name, konsil_failed(d->engine));
        d->base.dying = true;
        return;
    }
    do {
        konsil_output(d->engine, &bytes, &len);
        device_send(&d->base, ks_str(bytes, len));
        konsil_output_sent(d->engine, len);
        take_events(d);
        while (konsil_next_request(d->engine, &request)) {
            if (request.kind == KONSIL_CONNECT)
                device_connect(&d->base);
            else if (request.kind == KONSIL_START_TLS)
                device_start_tls(&d->base);
            else
                device_hang_up(&d->base);
        }
        konsil_output(d->engine, &bytes, &len);
    } while (len);
    take_events(d);
}

/* The answer is borrowed. */
static json_t *command(struct engine_device *d, json_t *what)
{
    char *text;

    json_object_set_new(what, "id", json_string("x"));
    text = json_dumps(what, JSON_COMPACT);
    json_decref(d->answer);
    d->answer = NULL;
    konsil_command(d->engine, text, strlen(text), now(&d->base));
    pump(d);
    free(text);
    json_decref(what);
    return d->answer;
}

static void start(struct device *device)
{
    struct engine_device *d = self(device);
    struct konsil_setup setup = { .store = &d->disk.base, .now = now(device), .device_name = "sim" };

    ks_prng_bytes(&device->town->prng, setup.seed, sizeof setup.seed);
    d->engine = konsil_new(&setup);
    if (!d->engine || konsil_failed(d->engine))
        abort();
    command(d,
        json_pack(
            "{s:s,s:s,s:s,s:b}", "cmd", "connect", "jid", device->jid, "password", device->password, "remember", 1));
}

static void die(struct device *device)
{
    struct engine_device *d = self(device);

    konsil_free(d->engine);
    d->engine = NULL;
    device_disk_restart(&d->disk);
}

static void doom(struct device *device, unsigned commits, bool before)
{
    self(device)->disk.doom = before ? DOOM_BEFORE_COMMIT : DOOM_AFTER_COMMIT;
    self(device)->disk.commits_left = commits;
}

static void fill(struct device *device, bool full)
{
    self(device)->disk.full = full;
}

static void opened(struct device *device)
{
    konsil_opened(self(device)->engine, now(device));
    pump(self(device));
}

static void secured(struct device *device)
{
    struct konsil_tls tls = { .has_exporter = host_tls_facts.has_exporter,
        .server_end_point_len = host_tls_facts.server_end_point_len };

    memcpy(tls.exporter, host_tls_facts.exporter, sizeof tls.exporter);
    memcpy(tls.server_end_point, host_tls_facts.server_end_point, sizeof tls.server_end_point);
    konsil_secured(self(device)->engine, &tls, now(device));
    pump(self(device));
}

static void feed(struct device *device, struct ks_str bytes)
{
    konsil_feed(self(device)->engine, bytes.ptr, bytes.len, now(device));
    pump(self(device));
}

static void closed(struct device *device)
{
    konsil_closed(self(device)->engine, KONSIL_LOST_NETWORK, now(device));
    pump(self(device));
}

static void tick(struct device *device)
{
    konsil_tick(self(device)->engine, now(device));
    pump(self(device));
}

static int64_t deadline_ms(struct device *device)
{
    return konsil_deadline_ms(self(device)->engine);
}

static enum said say(struct device *device, const char *to, const char *body)
{
    json_t *answer = command(self(device), json_pack("{s:s,s:s,s:s}", "cmd", "send", "to", to, "body", body));

    if (device->dying)
        return SAID_PERHAPS;
    return strcmp(json_string_value(json_object_get(answer, "event")), "result") ? SAID_NO : SAID_YES;
}

static void order(struct device *device, const char *text)
{
    (void)command(self(device), json_loads(text, 0, NULL));
}

static void take_recipients(struct sight *sight, const json_t *recipients)
{
    const json_t *recipient;
    size_t i, came = 0, denied = 0;

    json_array_foreach(recipients, i, recipient)
    {
        const char *state = json_string_value(json_object_get(recipient, "state"));
        const char *jid = json_string_value(json_object_get(recipient, "jid"));
        if ((!strcmp(state, "delivered") || !strcmp(state, "read")) && came < KS_COUNT(sight->delivered) - 1)
            sight->delivered[came++] = jid;
        if (!strcmp(state, "failed") && denied < KS_COUNT(sight->denied) - 1)
            sight->denied[denied++] = jid;
    }
}

/* The history comes in pages, newest page first. */
static void shown(struct device *device, const char *with, shown_fn *visit, void *user)
{
    struct engine_device *d = self(device);
    json_t *all = json_array(), *message;
    json_int_t before = 0;
    bool more = true;
    size_t i;

    while (more) {
        json_t *answer = command(d,
            before ? json_pack("{s:s,s:s,s:i,s:I}", "cmd", "history", "with", with, "limit", 200, "before", before)
                   : json_pack("{s:s,s:s,s:i}", "cmd", "history", "with", with, "limit", 200));
        json_t *page = json_copy(json_object_get(answer, "messages"));
        more = json_is_true(json_object_get(answer, "more")) && json_array_size(page);
        if (more)
            before = json_integer_value(json_object_get(json_array_get(page, 0), "order"));
        json_array_extend(page, all);
        json_decref(all);
        all = page;
    }
    json_array_foreach(all, i, message)
    {
        const char *body = json_string_value(json_object_get(message, "body"));
        const char *state = json_string_value(json_object_get(message, "state"));
        struct sight sight = { .from = json_string_value(json_object_get(message, "from")),
            .body = json_is_true(json_object_get(message, "unreadable")) ? NULL : body,
            .failed = state && !strcmp(state, "failed") };
        if (json_object_get(message, "notice"))
            continue;
        take_recipients(&sight, json_object_get(message, "recipients"));
        visit(user, &sight);
    }
    json_decref(all);
}

static void free_device(struct device *device)
{
    struct engine_device *d = self(device);

    konsil_free(d->engine);
    device_disk_done(&d->disk);
    json_decref(d->answer);
    free(d);
}

struct device *device_engine_new(struct town *town, const char *name, const char *local, const char *domain)
{
    static const struct device_ops ops = { .start = start,
        .die = die,
        .doom = doom,
        .fill = fill,
        .opened = opened,
        .secured = secured,
        .feed = feed,
        .closed = closed,
        .tick = tick,
        .deadline_ms = deadline_ms,
        .say = say,
        .order = order,
        .shown = shown,
        .free = free_device };
    struct engine_device *d = calloc(1, sizeof *d);
    struct ks_engine_store *store = ks_memory_engine_store_new();

    if (!d || !store)
        abort();
    device_init(&d->base, &ops, town, name, local, domain);
    mutate_engine_store(store, town->mutant);
    device_disk_init(&d->disk, store);
    return &d->base;
}
