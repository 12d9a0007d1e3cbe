/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "town.h"

#include <stdio.h>
#include <stdlib.h>

#include "device.h"
#include "sim_link.h"
#include "town_check.h"
#include "town_room.h"

#define START ((struct ks_now) { .mono_ms = 1000, .wall_ms = 1795312800000 })
#define CALM_MS 120000            /* at first: devices come, and learn of each other */
#define STORM_MS 900000           /* people write, and things break */
#define QUIET_LEAST_MS 1200000    /* afterwards, at least so long */
#define QUIET_MOST_MS 172800000LL /* and not longer than two days */
#define QUIET_MUTANT_MS 10800000  /* with a mutant, which nobody expects to recover */

const char *const fault_names[FAULT_COUNT] = { [FAULT_CUT] = "cuts",
    [FAULT_BYTES] = "lost-segments",
    [FAULT_STALL] = "stalls",
    [FAULT_OVERTAKEN] = "overtakings",
    [FAULT_GHOST] = "ghosts",
    [FAULT_SERVER_DEATH] = "server-deaths",
    [FAULT_COMMIT] = "lost-commits",
    [FAULT_DEVICE_DEATH] = "device-deaths",
    [FAULT_DEVICE_DOOM] = "device-deaths-at-commit",
    [FAULT_DEVICE_FULL] = "full-device-disks",
    [FAULT_DISK_SLOW] = "slow-disks",
    [FAULT_DISK_FULL] = "full-disks",
    [FAULT_ROOM] = "changes-of-a-room",
    [FAULT_LIE] = "lies" };

int64_t town_between(struct town *town, int64_t first, int64_t last)
{
    return first + (int64_t)ks_prng_below(&town->prng, (uint64_t)(last - first + 1));
}

void town_trace(struct town *town, const char *format, ...)
{
    static const uint64_t key[2] = { 1, 2 };
    static char text[65536];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    town->trace_hash = town->trace_hash * 31 + ks_str_hash(ks_str_z(text), key);
    if (town->trace)
        printf("# %8llu %lld.%03lld %s\n", (unsigned long long)town->step, (long long)(town->now.mono_ms / 1000),
            (long long)(town->now.mono_ms % 1000), text);
}

void town_wrong(struct town *town, const char *format, ...)
{
    va_list args;

    if (town->wrong[0])
        return;
    va_start(args, format);
    vsnprintf(town->wrong, sizeof town->wrong, format, args);
    va_end(args);
    town_trace(town, "wrong: %s", town->wrong);
}

/* --- konsild --- */

static bool one_turn(struct town *town, bool with_disk)
{
    town->host->now = town->now;
    town->host->store_held = !with_disk;
    bool busy = host_turn(town->host);
    town->host->store_held = true;
    return busy;
}

void town_serve(struct town *town)
{
    if (!town->host)
        return;
    while (one_turn(town, false))
        ;
    links_take_output(town);
    if (town->commit_ms == KS_NEVER && ks_committer_queued(town->host->committer))
        town->commit_ms =
            town->now.mono_ms + (town->disk_slow ? town_between(town, 500, 8000) : town_between(town, 1, 40));
}

static void start_server(struct town *town)
{
    town->server_back_ms = KS_NEVER;
    town->commit_ms = KS_NEVER;
    town->host = host_new(town->config, town->disk, 2, town_between(town, 1, INT64_MAX - 1), town->now, false);
    town->host->store_held = true;
    town_trace(town, "konsild starts");
}

static void kill_server(struct town *town)
{
    town->struck[FAULT_SERVER_DEATH]++;
    town->struck[FAULT_COMMIT] += ks_committer_queued(town->host->committer) > 0;
    town_trace(town, "konsild dies, %zu requests under way", ks_committer_queued(town->host->committer));
    links_take_output(town);
    mutant_server_died();
    host_free(town->host);
    mutant_server_died();
    town->host = NULL;
    town->commit_ms = KS_NEVER;
    town->disk_well_ms = KS_NEVER;
    town->disk_slow = town->doomed = false;
    links_server_died(town);
    town->server_back_ms = town->now.mono_ms + town_between(town, 200, 40000);
}

static void heal_disk(struct town *town)
{
    ks_memory_server_store_room(town->disk, SIZE_MAX);
    town->disk_slow = false;
    town->disk_well_ms = KS_NEVER;
    town_trace(town, "the disk is well");
}

/* --- people, and what befalls them --- */

static struct device *any_device(struct town *town)
{
    return town->devices[town_between(town, 0, (int64_t)town->device_count - 1)];
}

static void heal_device_disk(struct device *device)
{
    device->disk_well_ms = KS_NEVER;
    if (device->ops->fill)
        device->ops->fill(device, false);
}

static void kill_device(struct town *town, struct device *device)
{
    town->struck[FAULT_DEVICE_DEATH]++;
    town->struck[FAULT_DEVICE_DOOM] += device->dying;
    town_trace(town, "%s dies%s", device->name, device->dying ? " at a commit" : "");
    device->alive = device->dying = false;
    device->ops->die(device);
    heal_device_disk(device);
    if (device->link)
        link_break(device->link);
    device_hang_up(device);
    device->back_ms = town->now.mono_ms + town_between(town, 500, 120000);
}

static void start_device(struct town *town, struct device *device)
{
    town_trace(town, "%s starts", device->name);
    device->alive = true;
    device->back_ms = KS_NEVER;
    device->ops->start(device);
}

/* To somebody else of the same domain, or to the room. False: nobody can write now. */
static bool write_letter(struct town *town)
{
    struct device *from, *to;
    enum said said;
    struct letter *letter = &town->letters[town->letter_count];

    for (int tries = 0;; tries++) {
        from = any_device(town);
        to = any_device(town);
        if (from->alive && !from->dying && !from->silent && !to->silent && strcmp(from->jid, to->jid) != 0
            && !strcmp(from->domain, to->domain))
            break;
        if (tries == 100)
            return false;
    }
    *letter = (struct letter) { .from = from, .to = to->jid, .room_version = from->room_version };
    if (from->ops->order && town->room.jid[0] && town_between(town, 0, 1))
        letter->to = town->room.jid;
    snprintf(letter->body, sizeof letter->body, "%s m%zu %s",
        !strcmp(from->domain, "klinik.example") ? town->canary : town->clear, town->letter_count, from->name);
    town->letter_count++;
    town_trace(town, "%s writes m%zu to %s", from->name, town->letter_count - 1, letter->to);
    said = from->ops->say(from, letter->to, letter->body);
    letter->perhaps = said == SAID_PERHAPS;
    if (said == SAID_NO)
        town->letter_count--;
    return true;
}

/* Often several at once. */
static void write_letters(struct town *town)
{
    (void)write_letter(town);
    if (town->letter_count >= town->letters_wanted) {
        town->next_letter_ms = KS_NEVER;
    } else if (town->burst) {
        town->burst--;
        town->next_letter_ms = town->now.mono_ms + town_between(town, 0, 100);
    } else {
        town->burst = (size_t)town_between(town, 0, 5);
        town->next_letter_ms = town->now.mono_ms + town_between(town, 0, 7 * STORM_MS / (int64_t)town->letters_wanted);
    }
}

static void strike_link(struct town *town)
{
    struct sim_link *link = links_any(town);

    if (!link)
        return;
    if (town_between(town, 0, 3)) {
        town->struck[FAULT_CUT]++;
        town_trace(town, "a connection breaks");
        link_break(link);
    } else {
        town->struck[FAULT_STALL]++;
        town_trace(town, "a connection stands still");
        link_stall(link, town_between(town, 1000, 120000));
    }
}

static void strike_server(struct town *town)
{
    if (town->host && town_between(town, 0, 1))
        kill_server(town);
    else
        town->doomed = true;
}

static void strike_device(struct town *town)
{
    struct device *device = any_device(town);

    if (!device->alive)
        return;
    if (device->ops->doom && town_between(town, 0, 2))
        device->ops->doom(device, (unsigned)town_between(town, 0, 6), town_between(town, 0, 1));
    else
        kill_device(town, device);
}

static void strike_device_disk(struct town *town)
{
    struct device *device = any_device(town);

    if (!device->alive || !device->ops->fill || device->disk_well_ms != KS_NEVER)
        return;
    town->struck[FAULT_DEVICE_FULL]++;
    town_trace(town, "the disk of %s is full", device->name);
    device->ops->fill(device, true);
    device->disk_well_ms = town->now.mono_ms + town_between(town, 1000, 30000);
}

static void strike_disk(struct town *town)
{
    bool full = town_between(town, 0, 1);

    if (!town->host || town->disk_well_ms != KS_NEVER)
        return;
    town->struck[full ? FAULT_DISK_FULL : FAULT_DISK_SLOW]++;
    town_trace(town, "the disk is %s", full ? "full" : "slow");
    if (full)
        ks_memory_server_store_room(town->disk, (size_t)town_between(town, 0, 3000));
    else
        town->disk_slow = true;
    town->disk_well_ms = town->now.mono_ms + town_between(town, 1000, 30000);
}

static void strike_room(struct town *town)
{
    town->lies = town->faults && !town->lies && town_between(town, 0, 2) == 0;
    town->struck[FAULT_ROOM]++;
    town_room_change(town);
    town->next_change_ms = town->now.mono_ms + town_between(town, 500, 120000);
}

static void strike(struct town *town)
{
    int64_t what = town_between(town, 0, 99);

    if (what < 45)
        strike_link(town);
    else if (what < 60)
        strike_server(town);
    else if (what < 80)
        strike_device(town);
    else if (what < 85)
        strike_device_disk(town);
    else
        strike_disk(town);
}

/* --- time --- */

static int64_t next_ms(const struct town *town)
{
    int64_t at = links_next_ms(town);

    if (town->host)
        at = ks_sooner(at, ks_sooner(host_deadline_ms(town->host), town->commit_ms));
    at = ks_sooner(at, ks_sooner(town->server_back_ms, town->disk_well_ms));
    at = ks_sooner(at, ks_sooner(town->next_fault_ms, ks_sooner(town->next_letter_ms, town->next_change_ms)));
    for (size_t i = 0; i < town->device_count; i++) {
        struct device *device = town->devices[i];
        at = ks_sooner(at, device->alive ? device->ops->deadline_ms(device) : device->back_ms);
        at = ks_sooner(at, device->disk_well_ms);
    }
    return at;
}

/* konsild may die before, or after it and before anybody hears of it. */
static void commit(struct town *town)
{
    bool before = town_between(town, 0, 1);

    if (town->doomed && before) {
        kill_server(town);
        return;
    }
    (void)one_turn(town, true);
    if (town->doomed)
        kill_server(town);
    town_serve(town);
}

static void do_due(struct town *town)
{
    int64_t now = town->now.mono_ms;

    links_run(town);
    if (town->disk_well_ms <= now)
        heal_disk(town);
    if (town->server_back_ms <= now)
        start_server(town);
    if (town->host && town->commit_ms <= now) {
        town->commit_ms = KS_NEVER;
        commit(town);
    }
    if (town->host && host_deadline_ms(town->host) <= now) {
        town->host->now = town->now;
        host_wait(town->host, 0);
        town_serve(town);
    }
    for (size_t i = 0; i < town->device_count; i++) {
        struct device *device = town->devices[i];
        if (device->disk_well_ms <= now)
            heal_device_disk(device);
        if (!device->alive && device->back_ms <= now)
            start_device(town, device);
        else if (device->alive && !device->dying && device->ops->deadline_ms(device) <= now)
            device->ops->tick(device);
    }
    if (town->next_letter_ms <= now)
        write_letters(town);
    if (town->next_change_ms <= now)
        strike_room(town);
    if (town->next_fault_ms <= now) {
        strike(town);
        town->next_fault_ms = now + town_between(town, 500, 40000);
    }
    for (size_t i = 0; i < town->device_count; i++)
        if (town->devices[i]->dying)
            kill_device(town, town->devices[i]);
}

static void run_until(struct town *town, int64_t end_ms)
{
    int64_t at;

    while ((at = next_ms(town)) <= end_ms) {
        int64_t step = at > town->now.mono_ms ? at - town->now.mono_ms : 0;
        town->now.mono_ms += step;
        town->now.wall_ms += step;
        town->step++;
        do_due(town);
    }
    town->now.wall_ms += end_ms - town->now.mono_ms;
    town->now.mono_ms = end_ms;
}

/* --- a run --- */

void device_init(struct device *device, const struct device_ops *ops, struct town *town, const char *name,
    const char *local, const char *domain)
{
    device->ops = ops;
    device->town = town;
    device->name = name;
    device->local = local;
    device->domain = domain;
    device->password = "p";
    snprintf(device->jid, sizeof device->jid, "%s@%s", local, domain);
}

static void add_device(struct town *town, struct device *device)
{
    device->back_ms = device->disk_well_ms = KS_NEVER;
    device->address = town->device_count + 1;
    town->devices[town->device_count++] = device;
}

static void add_account(struct town *town, const char *domain, const char *local)
{
    host_add_account(town->host, domain, local, local, "p");
}

void town_begin(struct town *town, uint64_t seed, enum mutant mutant, bool trace)
{
    *town = (struct town) { .seed = seed, .mutant = mutant, .trace = trace, .now = START };
    ks_prng_init_number(&town->prng, seed);
    town_room_watch(&town->room);
    town->config = host_config();
    town->disk = ks_memory_server_store_new();
    if (!town->disk)
        abort();
    mutate_server_store(town->disk, mutant);
    town->commit_ms = town->server_back_ms = town->disk_well_ms = KS_NEVER;
    town->next_fault_ms = town->next_letter_ms = town->next_change_ms = KS_NEVER;
    snprintf(town->canary, sizeof town->canary, "Kanarienvogel%08llx", (unsigned long long)(seed & 0xffffffff));
    snprintf(town->clear, sizeof town->clear, "Spatz%08llx", (unsigned long long)(seed & 0xffffffff));
    start_server(town);
    add_account(town, "klinik.example", "anna");
    add_account(town, "klinik.example", "jonas");
    add_account(town, "klinik.example", "kurt");
    add_account(town, "klinik.example", "mina");
    add_account(town, "klinik.example", "nina");
    add_account(town, "offen.example", "otto");
    add_account(town, "offen.example", "petra");
    add_device(town, device_engine_new(town, "anna/phone", "anna", "klinik.example"));
    add_device(town, device_engine_new(town, "anna/tablet", "anna", "klinik.example"));
    add_device(town, device_engine_new(town, "jonas/phone", "jonas", "klinik.example"));
    add_device(town, device_engine_new(town, "jonas/tablet", "jonas", "klinik.example"));
    add_device(town, device_engine_new(town, "mina/phone", "mina", "klinik.example"));
    add_device(town, device_engine_new(town, "nina/phone", "nina", "klinik.example"));
    town->devices[town->device_count - 1]->silent = true;
    add_device(town, device_plain_new(town, "otto/desk", "otto", "offen.example"));
    add_device(town, device_plain_new(town, "otto/phone", "otto", "offen.example"));
    add_device(town, device_plain_new(town, "petra/desk", "petra", "offen.example"));
    add_device(town, device_plain_new(town, "petra/phone", "petra", "offen.example"));
}

/* Faults stop, whatever is broken is mended, and every device returns. */
static void calm(struct town *town)
{
    town->faults = town->doomed = town->lies = false;
    town->next_fault_ms = town->next_letter_ms = town->next_change_ms = KS_NEVER;
    heal_disk(town);
    if (!town->host)
        start_server(town);
    for (size_t i = 0; i < town->device_count; i++) {
        struct device *device = town->devices[i];
        heal_device_disk(device);
        if (device->ops->doom)
            device->ops->doom(device, UINT32_MAX, true);
        if (!device->alive)
            start_device(town, device);
    }
}

void town_live(struct town *town)
{
    int64_t end;

    calm(town);
    run_until(town, town->now.mono_ms + CALM_MS / 2);
    town_room_found(town);
    run_until(town, town->now.mono_ms + CALM_MS / 2);
    town->faults = true;
    town->letters_wanted = (size_t)town_between(town, 60, 200);
    town->next_letter_ms = town->now.mono_ms;
    town->next_change_ms = town->now.mono_ms + town_between(town, 1000, 120000);
    town->next_fault_ms = town->now.mono_ms + town_between(town, 1000, 10000);
    run_until(town, town->now.mono_ms + STORM_MS);
    calm(town);
    town_trace(town, "quiet");
    end = town->now.mono_ms + (town->mutant ? QUIET_MUTANT_MS : QUIET_MOST_MS);
    run_until(town, town->now.mono_ms + QUIET_LEAST_MS);
    while (town->now.mono_ms < end && town_state(town) == TOWN_LATE)
        run_until(town, town->now.mono_ms + 3600000);
}

void town_end(struct town *town)
{
    links_free(town);
    for (size_t i = 0; i < town->device_count; i++)
        town->devices[i]->ops->free(town->devices[i]);
    host_free(town->host);
    ks_server_store_free(town->disk);
    ks_config_unref(town->config);
    ks_prng_done(&town->prng);
}
