/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "reactor.h"

#include "adhoc.h"

#include <stdlib.h>

#include "c2s.h"
#include "control.h"
#include "files.h"
#include "push.h"
#include "retention.h"
#include "route.h"
#include "session.h"
#include "user.h"
#include "vault_ask.h"
#include "xml_writer.h"

#define WRITTEN_KEPT (64u << 10) /* when nothing of it is in use */

/* Who is asked, for each stage and kind, in the order of the features. */
static void list_passes(struct ks_server *server)
{
    uint8_t counts[KS_STAGE_COUNT][KS_STANZA_KINDS] = { 0 };

    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_feature_pass *pass = ks_features[i]->pass; pass->stage; pass++)
            for (unsigned kind = 0; kind < KS_STANZA_KINDS; kind++)
                if (pass->kinds & 1U << kind) {
                    assert(counts[pass->stage][kind] < KS_PASSES_MAX);
                    server->passes[pass->stage][kind][counts[pass->stage][kind]++] = pass;
                }
}

struct ks_server *ks_server_new(const struct ks_server_setup *setup)
{
    struct ks_server *server = calloc(1, sizeof *server);

    if (!server)
        return NULL;
    server->reactors = setup->reactors;
    server->config = ks_config_ref(setup->config);
    server->log = setup->log;
    server->archive_ids = setup->archive_ids;
    server->version = setup->version;
    memcpy(server->secret, setup->secret, sizeof server->secret);
    memcpy(server->push_key, setup->push_key, sizeof server->push_key);
    memcpy(server->home_key, setup->secret, sizeof server->home_key);
    list_passes(server);
    for (size_t i = 0; ks_features[i]; i++)
        server->slots_bytes += ks_session_slot_room(ks_features[i]);
    return server;
}

void ks_server_free(struct ks_server *server)
{
    if (!server)
        return;
    ks_config_unref(server->config);
    ks_wipe(server->secret, sizeof server->secret);
    ks_wipe(server->push_key, sizeof server->push_key);
    free(server);
}

uint16_t ks_home_of(const struct ks_server *server, struct ks_str bare)
{
    return (uint16_t)(ks_str_hash(bare, server->home_key) % server->reactors);
}

/* Without memory there is none until the next configuration: clients ask then. */
static void hash_domains(struct ks_reactor *r)
{
    const struct ks_domain *domain;

    for (size_t i = 0; (domain = ks_config_domain_at(r->config, i)); i++)
        if (ks_caps_own_ver(domain, r->caps_vers[i]) != KS_OK)
            r->caps_vers[i][0] = 0;
}

struct ks_reactor *ks_reactor_new(
    struct ks_server *server, uint16_t index, const uint8_t seed[KS_PRNG_SEED_LEN], struct ks_now now)
{
    struct ks_reactor *r = calloc(1, sizeof *r);
    size_t domains = 0;
    uint64_t key[2];

    if (!r)
        return NULL;
    r->server = server;
    r->index = index;
    r->config = ks_config_ref(server->config);
    r->log = server->log;
    r->now = now;
    r->epoch = 1;
    ks_prng_init(&r->prng, seed);
    ks_prng_bytes(&r->prng, key, sizeof key);
    ks_map_init(&r->users, key);
    ks_map_init(&r->sessions, key);
    ks_list_init(&r->streams);
    ks_list_init(&r->dirty);
    ks_list_init(&r->queue);
    ks_list_init(&r->mail);
    ks_list_init(&r->requests);
    ks_list_init(&r->asked);
    ks_list_init(&r->works);
    ks_list_init(&r->controls);
    ks_list_init(&r->files);
    ks_list_init(&r->vaults);
    ks_buf_init(&r->written, KS_STANZA_READ_MAX);
    r->addresses = ks_guard_addresses_new();
    r->pushes = ks_pushes_new(r);
    while (ks_config_domain_at(r->config, domains))
        domains++;
    r->caps_vers = calloc(domains + 1, sizeof *r->caps_vers);
    r->retention = index == 0 ? ks_retention_new(r) : NULL;
    if (!r->addresses || !r->pushes || !r->caps_vers || (index == 0 && !r->retention)) {
        ks_reactor_free(r);
        return NULL;
    }
    hash_domains(r);
    return r;
}

void ks_reactor_free(struct ks_reactor *r)
{
    struct ks_user *user;

    if (!r)
        return;
    while (!ks_list_empty(&r->streams))
        ks_c2s_free(KS_CONTAINER(r->streams.next, struct ks_c2s, link));
    while (!ks_list_empty(&r->requests)) {
        struct ks_pending *pending = KS_CONTAINER(r->requests.next, struct ks_pending, request_link);
        ks_store_req_free(pending->req);
        ks_pending_free(r, pending);
    }
    while (!ks_list_empty(&r->asked))
        ks_pending_free(r, KS_CONTAINER(r->asked.next, struct ks_pending, request_link));
    ks_retention_free(r->retention);
    for (size_t at = 0; (user = ks_map_next(&r->users, &at)); at = 0)
        ks_user_free(user);
    struct ks_list *queues[] = { &r->queue, &r->mail };
    for (size_t i = 0; i < KS_COUNT(queues); i++)
        while (!ks_list_empty(queues[i])) {
            struct ks_parcel *parcel = KS_CONTAINER(queues[i]->next, struct ks_parcel, link);
            ks_list_leave(&parcel->link);
            parcel->origin.session = 0;
            ks_parcel_unref(r, parcel);
        }
    ks_adhoc_sessions_free(r->adhoc);
    ks_pushes_free(r->pushes);
    ks_map_done(&r->users);
    ks_map_done(&r->sessions);
    ks_timers_done(&r->timers);
    ks_guard_addresses_free(r->addresses);
    free(r->caps_vers);
    ks_buf_done(&r->written);
    ks_prng_done(&r->prng);
    ks_config_unref(r->config);
    free(r);
}

void ks_post(struct ks_reactor *r, struct ks_parcel *parcel)
{
    if (parcel->home.len)
        parcel->reactor = ks_home_of(r->server, parcel->home);
    ks_list_append(parcel->reactor == r->index ? &r->queue : &r->mail, &parcel->link);
}

struct ks_str ks_reactor_write(struct ks_reactor *r, const struct ks_xml *xml, struct ks_str ns)
{
    if (r->written.cap > WRITTEN_KEPT)
        ks_buf_done(&r->written);
    ks_buf_reset(&r->written);
    ks_xml_write(&r->written, xml, ns);
    return ks_buf_err(&r->written) == KS_OK ? ks_buf_str(&r->written) : KS_STR_EMPTY;
}

void ks_reactor_refuse(struct ks_reactor *r, struct ks_parcel *parcel)
{
    struct ks_ctx ctx;

    if (parcel->refused) {
        parcel->refused(r, parcel);
        ks_parcel_unref(r, parcel);
        return;
    }
    ks_ctx_begin(&ctx, r, NULL, NULL, parcel);
    ks_reply_error(&ctx, KS_RESOURCE_CONSTRAINT,
        KS_WIRE("wire.not-stored", "The server cannot store this now. Nothing was sent; try again later."));
    ks_ctx_end(&ctx);
    ks_parcel_unref(r, parcel);
}

void ks_reactor_run_at(struct ks_user *user, struct ks_parcel *parcel)
{
    struct ks_reactor *r = user->reactor;
    struct ks_ctx ctx;

    ks_ctx_begin(&ctx, r, user, ks_session_find(user, parcel->session), parcel);
    if (parcel->run)
        parcel->run(&ctx);
    else
        ks_route_arrived(&ctx);
    ks_ctx_end(&ctx);
    ks_parcel_unref(r, parcel);
}

static void run_one(struct ks_reactor *r, struct ks_parcel *parcel)
{
    struct ks_ctx ctx;
    struct ks_user *user;

    if (!parcel->home.len) {
        ks_ctx_begin(&ctx, r, NULL, NULL, parcel);
        parcel->run(&ctx);
        ks_ctx_end(&ctx);
        ks_parcel_unref(r, parcel);
        return;
    }
    user = ks_user_at(r, parcel->home);
    if (!user) {
        ks_reactor_refuse(r, parcel);
        return;
    }
    ks_user_touch(user);
    if (user->state == KS_USER_LOADED && ks_list_empty(&user->waiting))
        ks_reactor_run_at(user, parcel);
    else
        ks_user_wait(user, parcel);
}

void ks_reactor_run(struct ks_reactor *r)
{
    if (r->running)
        return;
    r->running = true;
    while (!ks_list_empty(&r->queue)) {
        struct ks_parcel *parcel = KS_CONTAINER(r->queue.next, struct ks_parcel, link);
        ks_list_leave(&parcel->link);
        run_one(r, parcel);
    }
    r->running = false;
}

void ks_reactor_mail(struct ks_reactor *r, struct ks_mail *mail, struct ks_now now)
{
    struct ks_parcel *parcel = (struct ks_parcel *)mail;

    r->now = now;
    ks_list_append(&r->queue, &parcel->link);
    ks_reactor_run(r);
}

bool ks_reactor_next_event(struct ks_reactor *r, struct ks_event *ret_event)
{
    struct ks_push_request *push;

    if (!ks_list_empty(&r->requests)) {
        struct ks_pending *pending = KS_CONTAINER(r->requests.next, struct ks_pending, request_link);
        ks_list_leave(&pending->request_link);
        ks_list_append(&r->asked, &pending->request_link);
        *ret_event = (struct ks_event) { .kind = KS_EV_STORE, .req = pending->req };
        return true;
    }
    if (!ks_list_empty(&r->mail)) {
        struct ks_parcel *parcel = KS_CONTAINER(r->mail.next, struct ks_parcel, link);
        ks_list_leave(&parcel->link);
        *ret_event = (struct ks_event) { .kind = KS_EV_MAIL, .to = parcel->reactor, .mail = (struct ks_mail *)parcel };
        return true;
    }
    if (ks_control_next_event(r, ret_event) || ks_files_next_event(r, ret_event) || ks_vault_next_event(r, ret_event))
        return true;
    if ((push = ks_pushes_next(r->pushes))) {
        *ret_event = (struct ks_event) { .kind = KS_EV_WAKE, .push = push };
        return true;
    }
    while (!ks_list_empty(&r->dirty)) {
        struct ks_c2s *c = KS_CONTAINER(r->dirty.next, struct ks_c2s, dirty);
        if (ks_c2s_next_event(c, ret_event))
            return true;
        ks_list_leave(&c->dirty);
    }
    return false;
}

int64_t ks_reactor_deadline_ms(const struct ks_reactor *r)
{
    return ks_timers_next(&r->timers);
}

void ks_reactor_tick(struct ks_reactor *r, struct ks_now now)
{
    r->now = now;
    ks_timers_run(&r->timers, now);
    ks_reactor_run(r);
}

void ks_reactor_configure(struct ks_reactor *r, struct ks_config *config, struct ks_now now)
{
    r->now = now;
    ks_config_ref(config);
    ks_config_unref(r->config);
    r->config = config; /* with the same domains */
    hash_domains(r);
}

void ks_reactor_shutdown(struct ks_reactor *r, struct ks_now now)
{
    r->now = now;
    r->shutting_down = true;
    for (KS_LIST_EACH_SAFE(&r->streams, at))
        ks_c2s_close(KS_CONTAINER(at, struct ks_c2s, link), KS_STREAM_SYSTEM_SHUTDOWN, NULL);
    ks_reactor_run(r);
}

bool ks_reactor_idle(const struct ks_reactor *r)
{
    return ks_list_empty(&r->streams) && ks_list_empty(&r->queue) && ks_list_empty(&r->mail)
        && ks_list_empty(&r->requests) && ks_list_empty(&r->asked);
}

void ks_reactor_stats(const struct ks_reactor *r, struct ks_reactor_stats *ret_stats)
{
    *ret_stats = r->stats;
    ret_stats->sessions = r->sessions.count;
    ret_stats->people_fell = atomic_load(&r->server->people_fell);
}

enum ks_pass ks_run_passes(struct ks_ctx *ctx, enum ks_stage stage, struct ks_stanza *stanza)
{
    for (const struct ks_feature_pass **pass = ctx->reactor->server->passes[stage][stanza->kind]; *pass; pass++)
        if ((*pass)->pass(ctx, stanza) == KS_PASS_STOP)
            return KS_PASS_STOP;
    return KS_PASS_ON;
}
