/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsilctl_health.h"

#include <stdlib.h>

#include "clock.h"
#include "system.h"

#define DISK_FREE_MIN 2000000000
#define CERTIFICATE_DAYS_MIN 14
#define DAY_MS 86400000
#define CONNECTIONS_PERCENT_MAX 90
#define FACTS_MAX 16

/* The figures, as far as the server gave them. */
struct health {
    json_t *answer, *clients, *store;
    int64_t certificates_left_ms; /* KS_NEVER: not told */
};

static json_int_t number(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static struct health read_health(json_t *answer)
{
    struct health h = { answer, json_object_get(answer, "clients"), json_object_get(answer, "store"), KS_NEVER };
    struct ks_str until = ks_str_z(json_string_value(json_object_get(answer, "certificates_until")));
    int64_t until_ms;

    if (ks_stamp_read(until, &until_ms) == KS_OK)
        h.certificates_left_ms = until_ms - ks_system_now().wall_ms;
    return h;
}

/* --- judging --- */

static bool disk_nearly_full(const struct health *h)
{
    json_t *free_bytes = json_object_get(h->store, "disk_free_bytes");

    return json_is_integer(free_bytes) && json_integer_value(free_bytes) < DISK_FREE_MIN;
}

static bool store_fails(const struct health *h)
{
    return json_is_true(json_object_get(h->store, "failing"));
}

static bool certificate_expired(const struct health *h)
{
    return h->certificates_left_ms <= 0;
}

static bool certificate_expires(const struct health *h)
{
    return h->certificates_left_ms > 0 && h->certificates_left_ms < (int64_t)CERTIFICATE_DAYS_MIN * DAY_MS;
}

static bool certificate_unnamed(const struct health *h)
{
    return json_is_false(json_object_get(h->answer, "certificates_named"));
}

static bool connections_nearly_used_up(const struct health *h)
{
    json_int_t most = number(h->answer, "connections_max");

    return most && number(h->clients, "connections") > most * CONNECTIONS_PERCENT_MAX / 100;
}

static const struct problem {
    bool (*is)(const struct health *h);
    const char *id;
} problems[] = {
    { store_fails, SAY("health.store-fails") },
    { disk_nearly_full, SAY("health.disk-full") },
    { certificate_expired, SAY("health.certificate-expired") },
    { certificate_expires, SAY("health.certificate-expires") },
    { certificate_unnamed, SAY("health.certificate-name") },
    { connections_nearly_used_up, SAY("health.connections") },
};

/* --- showing --- */

struct list {
    struct ctl_fact facts[FACTS_MAX];
    size_t count;
};

KS_PRINTF(3, 4) static void add(struct list *list, const char *id, const char *format, ...)
{
    struct ctl_fact *fact = &list->facts[list->count++];
    va_list args;

    assert(list->count <= FACTS_MAX);
    fact->id = id;
    va_start(args, format);
    vsnprintf(fact->text, sizeof fact->text, format, args);
    va_end(args);
}

static void add_bytes(struct list *list, const struct ctl *ctl, const char *id, json_int_t bytes)
{
    char text[64];

    ctl_write_bytes(text, sizeof text, ctl->language, bytes > 0 ? (uint64_t)bytes : 0);
    add(list, id, "%s", text);
}

static void add_certificates(struct list *list, const struct ctl *ctl, const struct health *h)
{
    char until[64], left[64] = "0";

    if (h->certificates_left_ms == KS_NEVER)
        return;
    ctl_write_time(until, sizeof until, ks_system_now().wall_ms + h->certificates_left_ms);
    if (h->certificates_left_ms > 0)
        ctl_write_duration(left, sizeof left, ctl->language, h->certificates_left_ms / 1000);
    add(list, SAY("health.certificates"), "%s (%s)", until, left);
}

static void print_facts(const struct ctl *ctl, const struct health *h)
{
    const char *version = json_string_value(json_object_get(h->answer, "version"));
    struct list list = { .count = 0 };
    char uptime[64];

    ctl_write_duration(uptime, sizeof uptime, ctl->language, number(h->answer, "uptime_seconds"));
    add(&list, SAY("health.version"), "%s", version ? version : "?");
    add(&list, SAY("health.uptime"), "%s", uptime);
    add(&list, SAY("health.clients"), "%" JSON_INTEGER_FORMAT " / %" JSON_INTEGER_FORMAT,
        number(h->clients, "connections"), number(h->answer, "connections_max"));
    add(&list, SAY("health.sessions"), "%" JSON_INTEGER_FORMAT, number(h->clients, "sessions"));
    add(&list, SAY("health.logins"), "%" JSON_INTEGER_FORMAT, number(h->clients, "logins"));
    add(&list, SAY("health.refused"), "%" JSON_INTEGER_FORMAT, number(h->clients, "logins_refused"));
    add(&list, SAY("health.archived"), "%" JSON_INTEGER_FORMAT, number(h->store, "archived"));
    add(&list, SAY("health.changes"), "%" JSON_INTEGER_FORMAT, number(h->store, "transactions"));
    add(&list, SAY("health.failures"), "%" JSON_INTEGER_FORMAT, number(h->store, "failures"));
    add_bytes(&list, ctl, SAY("health.memory"), number(h->answer, "memory_bytes"));
    add_bytes(&list, ctl, SAY("health.disk"), number(h->store, "disk_free_bytes"));
    add_certificates(&list, ctl, h);
    add(&list, SAY("health.sandbox"), "%.*s",
        KS_STR_FMT(ks_say(ctl->language,
            json_is_true(json_object_get(h->answer, "sandbox")) ? SAY("health.on") : SAY("health.off"))));
    ctl_facts_print(stdout, ctl->language, list.facts, list.count);
}

static void say_problem(const struct ctl *ctl, const struct health *h, const char *id)
{
    struct ks_str todo = ks_say_do(ctl->language, id);
    char left[64];

    ctl_write_duration(left, sizeof left, ctl->language, h->certificates_left_ms / 1000);
    ctl_say(ctl, id, "left", left, NULL);
    printf("  %.*s\n", KS_STR_FMT(todo));
}

int ctl_health(struct ctl *ctl)
{
    json_t *answer = NULL, *wrong = json_array();
    int status = ctl_ask(ctl, "health", NULL, &answer);

    if (status == EXIT_SUCCESS) {
        struct health h = read_health(answer);
        if (!ctl->json)
            print_facts(ctl, &h), putchar('\n');
        for (size_t i = 0; i < KS_COUNT(problems); i++)
            if (problems[i].is(&h)) {
                json_array_append_new(wrong, json_string(problems[i].id));
                if (!ctl->json)
                    say_problem(ctl, &h, problems[i].id);
                status = EXIT_FAILURE;
            }
        if (status == EXIT_SUCCESS)
            ctl_say(ctl, SAY("health.good"), NULL);
        json_object_set_new(answer, "healthy", json_boolean(status == EXIT_SUCCESS));
        json_object_set(answer, "problems", wrong);
        ctl_json(ctl, answer);
    }
    json_decref(wrong);
    json_decref(answer);
    return status;
}
