/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "external_services.h"

#include "clock.h"
#include "command.h"
#include "engine.h"

#define ARENA_BYTES_MAX (128u << 10)
#define ATTR_BYTES_MAX 1024

void ks_services_init(struct konsil *k)
{
    ks_arena_init(&k->services.arena, ARENA_BYTES_MAX);
}

static void forget(struct ks_services *services)
{
    for (size_t i = 0; i < services->count; i++)
        if (services->items[i].password.len > 0)
            ks_wipe((char *)(uintptr_t)services->items[i].password.ptr, services->items[i].password.len);
    ks_arena_reset(&services->arena);
    services->items = NULL;
    services->count = 0;
    services->text = KS_STR_EMPTY;
    services->open = 0;
    services->asking = false;
}

void ks_services_done(struct konsil *k)
{
    forget(&k->services);
    ks_arena_done(&k->services.arena);
}

void ks_services_lost(struct konsil *k)
{
    forget(&k->services);
    k->services.wanted = false;
    k->wait_ms[KS_WAIT_SERVICES] = KS_NEVER;
}

/* --- reading --- */

/* Empty: not there, or too long. KS_ELIMIT: there is no room for more. */
static enum ks_err take(struct ks_arena *arena, const struct ks_xml *xml, const char *name, struct ks_str *ret_text)
{
    struct ks_str text = ks_xml_attr(xml, name);

    *ret_text = KS_STR_EMPTY;
    return text.len == 0 || text.len > ATTR_BYTES_MAX ? KS_OK : ks_arena_copy(arena, text, ret_text);
}

static bool is_known(struct ks_str type)
{
    return ks_str_is(type, "stun") || ks_str_is(type, "stuns") || ks_str_is(type, "turn") || ks_str_is(type, "turns");
}

static enum ks_err take_credentials(struct ks_arena *arena, const struct ks_xml *xml, struct ks_js_service *service)
{
    enum ks_err err;

    if ((err = take(arena, xml, "username", &service->username)) != KS_OK
        || (err = take(arena, xml, "password", &service->password)) != KS_OK)
        return err;
    if (ks_stamp_read(ks_xml_attr(xml, "expires"), &service->expires) != KS_OK || service->expires < 0)
        service->expires = 0;
    return KS_OK;
}

static enum ks_err take_service(struct ks_services *services, const struct ks_xml *xml)
{
    struct ks_js_service *service = &services->items[services->count];
    struct ks_arena *arena = &services->arena;
    uint64_t port = 0;
    enum ks_err err;

    *service = (struct ks_js_service) { .type = KS_STR_EMPTY };
    if (!is_known(ks_xml_attr(xml, "type"))
        || (ks_xml_attr(xml, "port").len > 0 && ks_str_u64(ks_xml_attr(xml, "port"), 65535, &port) != KS_OK))
        return KS_OK;
    service->port = (int64_t)port;
    if ((err = take(arena, xml, "type", &service->type)) != KS_OK
        || (err = take(arena, xml, "host", &service->host)) != KS_OK
        || (err = take(arena, xml, "transport", &service->transport)) != KS_OK
        || (err = take_credentials(arena, xml, service)) != KS_OK)
        return err;
    services->count += service->host.len > 0;
    return KS_OK;
}

static bool is_restricted(const struct ks_xml *xml)
{
    struct ks_str restricted = ks_xml_attr(xml, "restricted");

    return ks_str_is(restricted, "true") || ks_str_is(restricted, "1");
}

/* --- telling --- */

/* Before the first password expires. */
static void set_time(struct konsil *k)
{
    const struct ks_services *services = &k->services;
    int64_t first_ms = KS_NEVER, left_ms;

    for (size_t i = 0; i < services->count; i++)
        if (services->items[i].expires > 0)
            first_ms = ks_sooner(first_ms, services->items[i].expires);
    k->wait_ms[KS_WAIT_SERVICES] = KS_NEVER;
    if (first_ms == KS_NEVER)
        return;
    left_ms = first_ms - k->now.wall_ms;
    left_ms -= ks_sooner(left_ms / 2, KS_SERVICES_EARLY_MS);
    if (left_ms > INT32_MAX) /* a stamp of another age: it is looked at again before */
        left_ms = INT32_MAX;
    k->wait_ms[KS_WAIT_SERVICES] = k->now.mono_ms + (left_ms < KS_SERVICES_LEAST_MS ? KS_SERVICES_LEAST_MS : left_ms);
}

static enum ks_err finish(struct konsil *k)
{
    struct ks_services *services = &k->services;
    struct ks_ev_services event = { .re = ks_cmd_text_id(services->text),
        .services = { services->items, services->count } };
    enum ks_err err = ks_tell(k, KS_EV_SERVICES, &event);

    set_time(k);
    services->wanted = true;
    forget(services);
    return err;
}

/* --- asking --- */

/* §3.3: iq->number: which of the list, below the round. */
static enum ks_err on_credentials(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_services *services = &k->services;
    const struct ks_xml *list = answer ? ks_xml_child(answer->xml, NS_EXTDISCO, "credentials") : NULL, *at;
    struct ks_js_service *service;
    enum ks_err err = KS_OK;

    if (iq->number >> 8 != services->round || services->open == 0 || (iq->number & 0xff) >= services->count)
        return KS_OK;
    service = &services->items[iq->number & 0xff];
    for (at = ks_xml_child(list, NS_EXTDISCO, "service"); ks_iq_ok(answer) && at && err == KS_OK;
         at = ks_xml_next(at, NS_EXTDISCO, "service"))
        if (ks_str_eq(ks_xml_attr(at, "host"), service->host) && ks_str_eq(ks_xml_attr(at, "type"), service->type)) {
            err = take_credentials(&services->arena, at, service);
            break;
        }
    if (err == KS_ELIMIT)
        err = KS_OK; /* without a password, then */
    return err == KS_OK && --services->open == 0 ? finish(k) : err;
}

static enum ks_err ask_credentials(struct konsil *k, size_t i)
{
    struct ks_services *services = &k->services;
    struct ks_xml *credentials = ks_xml_new(&k->arena, NS_EXTDISCO, "credentials");
    struct ks_xml *service = ks_xml_add(&k->arena, credentials, NS_EXTDISCO, "service");
    enum ks_err err;

    ks_xml_set(&k->arena, service, "host", services->items[i].host);
    ks_xml_set(&k->arena, service, "type", services->items[i].type);
    if (services->items[i].port > 0)
        ks_xml_set_u64(&k->arena, service, "port", (uint64_t)services->items[i].port);
    err = ks_iq_send(k, "get", ks_str_z(k->domain), service ? credentials : NULL, on_credentials, KS_STR_EMPTY,
        services->round << 8 | i);
    services->open += err == KS_OK;
    return err == KS_EAGAIN ? KS_OK : err;
}

static enum ks_err on_services(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_services *services = &k->services;
    const struct ks_xml *list = answer ? ks_xml_child(answer->xml, NS_EXTDISCO, "services") : NULL, *at;
    bool bare[KS_SERVICES_MAX] = { false };
    enum ks_err err = KS_OK;

    if (iq->number != services->round)
        return KS_OK;
    if (!ks_iq_ok(answer) || !list) {
        struct ks_str text = KS_STR_EMPTY;

        if (services->text.len > 0 && (err = ks_arena_copy(&k->arena, services->text, &text)) != KS_OK)
            return err;
        forget(services);
        if (services->wanted) /* what it had is told no longer; it is tried again */
            k->wait_ms[KS_WAIT_SERVICES] = k->now.mono_ms + KS_SERVICES_LEAST_MS;
        return text.len > 0 ? ks_cmd_answered_text(k, text, ks_iq_ok(answer) ? NULL : answer) : KS_OK;
    }
    if (!(services->items = ks_arena_zero(&services->arena, KS_SERVICES_MAX * sizeof(*services->items))))
        return KS_ENOMEM;
    for (at = ks_xml_child(list, NS_EXTDISCO, "service"); at && services->count < KS_SERVICES_MAX && err == KS_OK;
         at = ks_xml_next(at, NS_EXTDISCO, "service")) {
        size_t before = services->count;

        err = take_service(services, at);
        if (services->count > before)
            bare[before] = is_restricted(at) && services->items[before].password.len == 0;
    }
    for (size_t i = 0; i < services->count && (err == KS_OK || err == KS_ELIMIT); i++)
        if (bare[i])
            err = ask_credentials(k, i);
    if (err != KS_OK && err != KS_ELIMIT)
        return err;
    return services->open == 0 ? finish(k) : KS_OK;
}

/* KS_EAGAIN: not online. text is copied. */
static enum ks_err ask(struct konsil *k, struct ks_str text)
{
    struct ks_services *services = &k->services;
    enum ks_err err;

    forget(services);
    services->round++;
    if (text.len > 0 && (err = ks_arena_copy(&services->arena, text, &services->text)) != KS_OK)
        return err;
    err = ks_iq_send(k, "get", ks_str_z(k->domain), ks_xml_new(&k->arena, NS_EXTDISCO, "services"), on_services,
        KS_STR_EMPTY, services->round);
    services->asking = err == KS_OK;
    services->asked_ms = k->now.mono_ms;
    return err;
}

enum ks_err ks_services_ask(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_str text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    if (err != KS_OK)
        return err;
    if (k->services.asking && k->services.text.len > 0)
        return ks_cmd_refuse(k, cmd, KS_CODE_BUSY, KS_STR_EMPTY);
    return ks_cmd_sent(k, cmd, ask(k, text));
}

static enum ks_err ask_again(struct konsil *k, void *arg)
{
    enum ks_err err = KS_EAGAIN;

    (void)arg;
    if (!k->services.asking)
        err = ask(k, KS_STR_EMPTY);
    if (err == KS_EAGAIN) /* when there is a connection again */
        k->wait_ms[KS_WAIT_SERVICES] = k->now.mono_ms + KS_SERVICES_LEAST_MS;
    return err == KS_EAGAIN ? KS_OK : err;
}

void ks_services_due(struct konsil *k)
{
    k->wait_ms[KS_WAIT_SERVICES] = KS_NEVER;
    (void)ks_step(k, ask_again, NULL);
}

enum ks_err ks_services_push(struct konsil *k, const struct ks_stanza *iq)
{
    struct ks_jid from = iq->from;

    /* Only the own server, or what stands for it: the own account. */
    if (iq->has_from && !ks_jid_eq(from, ks_jid_split(ks_str_z(k->domain)))
        && !ks_jid_eq(from, ks_jid_split(ks_own(k))))
        return ks_send_stanza(k, ks_stanza_error(&k->arena, iq, KS_SERVICE_UNAVAILABLE, NULL), 0);
    if (k->services.wanted)
        k->wait_ms[KS_WAIT_SERVICES] = k->services.asked_ms + KS_SERVICES_LEAST_MS; /* which may be over */
    return ks_send_stanza(k, ks_stanza_result(&k->arena, iq), 0);
}
