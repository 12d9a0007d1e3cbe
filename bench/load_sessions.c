/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The workloads that only log in: memory of idle sessions, and the cost of a login. */
#include <stdio.h>

#include "load_work.h"

/* Sessions that are there before the first look at memory, so that what a server makes once is not counted. */
#define SESSIONS_BEFORE 50

static double cpu_us(const struct load_cost *from, const struct load_cost *to)
{
    return (double)(to->server.user_us + to->server.system_us - from->server.user_us - from->server.system_us);
}

static double own_share(const struct load_cost *from, const struct load_cost *to)
{
    return (double)(to->own_us - from->own_us) * 1000.0 / (double)(to->at_ns - from->at_ns);
}

static double seconds_between(const struct load_cost *from, const struct load_cost *to)
{
    return (double)(to->at_ns - from->at_ns) / 1e9;
}

int load_idle(const struct load_options *options)
{
    struct load_crowd crowd;
    struct load_cost before, filled, after;
    double sessions = options->clients - SESSIONS_BEFORE;
    int status = 1;

    if (options->clients <= SESSIONS_BEFORE) {
        fprintf(stderr, "load: idle needs more than %d clients\n", SESSIONS_BEFORE);
        return 1;
    }
    if (load_crowd_init(&crowd, options, options->clients) != KS_OK)
        goto out;
    if (!load_crowd_gather(&crowd, SESSIONS_BEFORE, options->concurrency))
        goto out;
    load_crowd_rest(&crowd, 1);
    load_cost_now(options, true, &before);
    if (!load_crowd_gather(&crowd, options->clients, options->concurrency))
        goto out;
    load_cost_now(options, false, &filled);
    load_crowd_rest(&crowd, options->seconds);
    if (crowd.gone > 0) {
        fprintf(stderr, "load: %u idle sessions were closed: %s\n", crowd.gone, crowd.why);
        goto out;
    }
    load_cost_now(options, true, &after);
    printf("{\"workload\":\"idle\",\"sessions\":%u,\"bytes_per_session\":%.0f,\"private_bytes_per_session\":%.0f,"
           "\"server_bytes_before\":%lld,\"server_bytes_after\":%lld,\"fill_cpu_us_per_login\":%.0f,"
           "\"idle_cpu_share\":%.4f,\"settle_seconds\":%.0f,\"generator_cpu\":%.2f}\n",
        options->clients, (double)(after.server.pss_bytes - before.server.pss_bytes) / sessions,
        (double)(after.server.private_bytes - before.server.private_bytes) / sessions,
        (long long)before.server.pss_bytes, (long long)after.server.pss_bytes, cpu_us(&before, &filled) / sessions,
        cpu_us(&filled, &after) / 1e6 / seconds_between(&filled, &after), options->seconds,
        own_share(&before, &filled));
    status = 0;
out:
    load_crowd_done(&crowd);
    return status;
}

static int log_in_twice(const struct load_options *options, bool tokens)
{
    struct load_crowd crowd;
    struct load_cost before, after;
    double logins = options->clients;
    int status = 1;

    /* The first round fills caches on both sides: PBKDF2 and tokens here, accounts there. */
    if (load_crowd_init(&crowd, options, options->clients) != KS_OK)
        goto out;
    crowd.net.tokens = tokens;
    if (!load_crowd_gather(&crowd, options->clients, options->concurrency))
        goto out;
    load_crowd_leave(&crowd);
    load_crowd_rest(&crowd, options->warm_seconds);
    crowd.net.logins_plus = 0;
    load_cost_now(options, false, &before);
    if (!load_crowd_gather(&crowd, options->clients, options->concurrency))
        goto out;
    load_cost_now(options, false, &after);
    printf("{\"workload\":\"%s\",\"logins\":%u,\"channel_bound\":%llu,\"concurrency\":%u,\"per_second\":%.1f,"
           "\"cpu_us_per_login\":%.1f,\"generator_cpu\":%.2f}\n",
        tokens ? "returns" : "logins", options->clients,
        (unsigned long long)(tokens ? crowd.net.logins_token : crowd.net.logins_plus), options->concurrency,
        logins / seconds_between(&before, &after), cpu_us(&before, &after) / logins, own_share(&before, &after));
    status = 0;
    load_crowd_leave(&crowd);
out:
    load_crowd_done(&crowd);
    return status;
}

int load_logins(const struct load_options *options)
{
    return log_in_twice(options, false);
}

int load_returns(const struct load_options *options)
{
    return log_in_twice(options, true);
}

int load_reconnect(const struct load_options *options)
{
    static struct load_hist logins;
    struct load_crowd crowd;
    struct load_cost before, after;
    int status = 1;

    if (load_crowd_init(&crowd, options, options->clients) != KS_OK)
        goto out;
    crowd.net.tokens = true;
    if (!load_crowd_gather(&crowd, options->clients, options->concurrency))
        goto out;
    load_crowd_rest(&crowd, options->warm_seconds);
    for (unsigned i = 0; i < crowd.count; i++)
        load_client_cut(&crowd.clients[i]);
    crowd.started = crowd.ready = 0;
    crowd.logins = &logins;
    crowd.persistent = true;
    load_cost_now(options, false, &before);
    if (!load_crowd_gather(&crowd, options->clients, options->clients))
        goto out;
    load_cost_now(options, false, &after);
    crowd.persistent = false;
    printf(
        "{\"workload\":\"reconnect\",\"clients\":%u,\"resumed\":%llu,\"by_token\":%llu,\"again\":%u,\"seconds\":%.2f,"
        "\"login_p50_ms\":%.1f,\"login_p95_ms\":%.1f,\"cpu_us_per_login\":%.1f,\"generator_cpu\":%.2f}\n",
        options->clients, (unsigned long long)crowd.net.resumed, (unsigned long long)crowd.net.logins_token,
        crowd.again, seconds_between(&before, &after), (double)load_hist_at(&logins, 0.5) / 1e6,
        (double)load_hist_at(&logins, 0.95) / 1e6, cpu_us(&before, &after) / options->clients,
        own_share(&before, &after));
    status = 0;
    load_crowd_leave(&crowd);
out:
    load_crowd_done(&crowd);
    return status;
}
