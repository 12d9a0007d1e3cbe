/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "load_work.h"

#define GATHER_SECONDS_MAX 600
#define LEAVE_SECONDS_MAX 20
#define TURN_NS 100000000

static void on_ready(struct load_client *client)
{
    struct load_crowd *crowd = load_crowd_of(client);

    crowd->ready++;
    if (crowd->logins)
        load_hist_add(crowd->logins, load_now_ns() - client->started_ns);
}

static void on_closed(struct load_client *client, const char *why)
{
    struct load_crowd *crowd = load_crowd_of(client);

    if (!why) {
        crowd->ready--;
        return;
    }
    if (crowd->persistent) {
        crowd->fallen++;
        return;
    }
    if (crowd->gone++ == 0)
        snprintf(crowd->why, sizeof(crowd->why), "%s", why);
}

enum ks_err load_crowd_init(struct load_crowd *crowd, const struct load_options *options, unsigned count)
{
    enum ks_err err;

    *crowd = (struct load_crowd) { .count = count, .events = { .ready = on_ready, .closed = on_closed } };
    if ((err = load_net_init(&crowd->net, &options->target)) != KS_OK)
        return err;
    crowd->net.websocket = options->websocket;
    crowd->clients = calloc(count, sizeof(*crowd->clients));
    if (!crowd->clients)
        return KS_ENOMEM;
    for (unsigned i = 0; i < count; i++)
        crowd->clients[i] = (struct load_client) {
            .net = &crowd->net, .events = &crowd->events, .work = crowd, .account = options->first + i, .fd = -1
        };
    return KS_OK;
}

void load_crowd_done(struct load_crowd *crowd)
{
    for (unsigned i = 0; crowd->clients && i < crowd->count; i++)
        load_client_done(&crowd->clients[i]);
    free(crowd->clients);
    load_net_done(&crowd->net);
}

/* Those who were cut off, whose time goes on. */
static enum ks_err start_again(struct load_crowd *crowd)
{
    enum ks_err err = KS_OK;

    for (unsigned i = 0; i < crowd->started && crowd->fallen > 0 && err == KS_OK; i++) {
        struct load_client *client = &crowd->clients[i];
        int64_t began_ns = client->started_ns;

        if (client->phase != LOAD_IDLE)
            continue;
        err = load_client_start(client);
        client->started_ns = began_ns;
        crowd->fallen--;
        crowd->again++;
    }
    return err;
}

bool load_crowd_gather(struct load_crowd *crowd, unsigned upto, unsigned concurrency)
{
    int64_t deadline_ns = load_now_ns() + GATHER_SECONDS_MAX * 1000000000LL;

    while (crowd->ready < upto && crowd->gone == 0) {
        while (crowd->started < upto && crowd->started - crowd->ready < concurrency) {
            enum ks_err err = load_client_start(&crowd->clients[crowd->started]);

            if (err != KS_OK) {
                fprintf(stderr, "load: cannot connect session %u: %s\n", crowd->started, ks_err_name(err));
                return false;
            }
            crowd->started++;
        }
        load_net_turn(&crowd->net, load_now_ns() + TURN_NS);
        if (start_again(crowd) != KS_OK) {
            fprintf(stderr, "load: cannot connect again\n");
            return false;
        }
        if (load_now_ns() > deadline_ns) {
            fprintf(stderr, "load: only %u of %u sessions in %d s\n", crowd->ready, upto, GATHER_SECONDS_MAX);
            return false;
        }
    }
    if (crowd->gone > 0)
        fprintf(stderr, "load: with %u sessions ready, one failed: %s\n", crowd->ready, crowd->why);
    return crowd->gone == 0;
}

void load_crowd_leave(struct load_crowd *crowd)
{
    int64_t deadline_ns = load_now_ns() + LEAVE_SECONDS_MAX * 1000000000LL;

    for (unsigned i = 0; i < crowd->started; i++)
        load_client_logout(&crowd->clients[i]);
    while (crowd->ready > 0 && load_now_ns() < deadline_ns)
        load_net_turn(&crowd->net, load_now_ns() + TURN_NS);
    for (unsigned i = 0; i < crowd->started; i++)
        load_client_done(&crowd->clients[i]);
    crowd->started = crowd->ready = 0;
}

void load_crowd_rest(struct load_crowd *crowd, double seconds)
{
    int64_t until_ns = load_now_ns() + (int64_t)(seconds * 1e9);

    while (load_now_ns() < until_ns && crowd->gone == 0)
        load_net_turn(&crowd->net, until_ns);
}

void load_cost_now(const struct load_options *options, bool memory, struct load_cost *ret_cost)
{
    *ret_cost = (struct load_cost) { 0 };
    if (options->server > 0 && !load_proc_usage(options->server, memory, &ret_cost->server))
        fprintf(stderr, "load: process %d is gone\n", (int)options->server);
    ret_cost->own_us = load_proc_own_us();
    ret_cost->at_ns = load_now_ns();
}
