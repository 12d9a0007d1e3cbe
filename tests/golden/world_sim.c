/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* world_sim.c -- a konsild in this thread, on virtual time. Whatever is said is carried through to its end at once. */
#include <stdio.h>
#include <stdlib.h>

#include "host_client.h"
#include "world.h"

struct given;

struct sim {
    struct world world;
    struct ks_config *config;
    struct ks_server_store *store;
    struct host *host;
    struct ks_now now;
    bool verbose, websocket;
    struct given *given; /* newest first */
};

struct wire {
    struct host_conn *conn;
    struct ks_tls_certificate certificate;
};

#define START ((struct ks_now) { .mono_ms = 1000, .wall_ms = 1795312800000 })

static struct host *host_of(struct sim *sim)
{
    if (!sim->host)
        sim->host = host_new(sim->config, sim->store, 2, 7, sim->now, sim->verbose);
    return sim->host;
}

static void end_host(struct sim *sim)
{
    if (sim->host)
        sim->now = sim->host->now;
    host_free(sim->host);
    sim->host = NULL;
}

/* An option as a script gave it, so that a reload begins with those before it. */
struct given {
    char *name, *domain, *value;
    struct given *next;
};

static void forget_given(struct sim *sim)
{
    while (sim->given) {
        struct given *given = sim->given;
        sim->given = given->next;
        free(given->name);
        free(given->domain);
        free(given->value);
        free(given);
    }
}

static void sim_begin(struct world *world)
{
    struct sim *sim = (struct sim *)world;

    end_host(sim);
    ks_server_store_free(sim->store);
    ks_config_unref(sim->config);
    sim->config = host_config();
    forget_given(sim);
    sim->store = ks_memory_server_store_new();
    sim->now = START;
    if (!sim->store)
        abort();
}

static void sim_free(struct world *world)
{
    struct sim *sim = (struct sim *)world;

    end_host(sim);
    ks_server_store_free(sim->store);
    ks_config_unref(sim->config);
    forget_given(sim);
    free(sim);
}

/* Oldest first. */
static bool set_all(struct ks_config *config, const struct given *given)
{
    const struct ks_domain *domain;
    struct ks_str name, value;
    uint64_t number;

    if (!given)
        return true;
    if (!set_all(config, given->next))
        return false;
    name = ks_str_z(given->name);
    value = ks_str_z(given->value);
    domain = *given->domain ? ks_config_domain(config, ks_str_z(given->domain)) : NULL;
    if (ks_config_set_text(config, domain, name, value) == KS_OK)
        return true;
    return ks_str_u64(value, INT64_MAX, &number) == KS_OK
        && ks_config_set_number(config, domain, name, (int64_t)number) == KS_OK;
}

/* While the server runs it is a reload. */
static bool sim_option(struct world *world, struct ks_str name, struct ks_str domain, struct ks_str value)
{
    struct sim *sim = (struct sim *)world;
    struct given *given = calloc(1, sizeof *given);
    struct ks_config *config = host_config();

    if (!given)
        abort();
    *given = (struct given) { ks_str_dup(name), ks_str_dup(domain), ks_str_dup(value), sim->given };
    sim->given = given;
    ks_config_unref(sim->config);
    sim->config = config;
    if (!set_all(config, given))
        return false;
    if (sim->host)
        host_configure(sim->host, config);
    return true;
}

static void sim_add_account(struct world *world, struct ks_str domain, struct ks_str local, struct ks_str password)
{
    char *texts[] = { ks_str_dup(domain), ks_str_dup(local), ks_str_dup(password) };

    host_add_account(host_of((struct sim *)world), texts[0], texts[1], texts[1], texts[2]);
    for (size_t i = 0; i < KS_COUNT(texts); i++)
        free(texts[i]);
}

static bool sim_invite(struct world *world, struct ks_str domain, struct ks_str local, struct ks_buf *ret_token)
{
    struct host *host = host_of((struct sim *)world);
    struct ks_str rest, before = KS_STR("preauth=");
    struct host_console console;
    char line[1000];

    snprintf(line, sizeof line, "{\"v\":1,\"command\":\"user.invite\",\"args\":{\"jid\":\"%.*s@%.*s\"}}",
        KS_STR_FMT(local), KS_STR_FMT(domain));
    host_console_open(&console, host, "uid:0", KS_RIGHT_ALL);
    rest = host_console_say(&console, line);
    rest = ks_str_from(rest, ks_str_find(rest, before) + before.len);
    ks_buf_add(ret_token, ks_str_head(rest, ks_str_find_byte(rest, '"')));
    host_console_close(&console);
    return ret_token->len > 0;
}

static struct wire *sim_connect(struct world *world, uint64_t address)
{
    struct wire *wire = calloc(1, sizeof *wire);

    if (!wire)
        abort();
    wire->conn = ((struct sim *)world)->websocket ? host_connect_websocket(host_of((struct sim *)world), address)
                                                  : host_connect(host_of((struct sim *)world), address);
    wire->conn->tls_asked = ((struct sim *)world)->websocket;
    return wire;
}

static void sim_send(struct wire *wire, struct ks_str bytes)
{
    if (!wire->conn->host)
        return;
    host_feed(wire->conn, bytes);
    host_settle(wire->conn->host);
}

static bool sim_receive(struct wire *wire, struct ks_buf *out)
{
    struct ks_buf *from = &wire->conn->out;
    bool any = from->len > 0;

    ks_buf_add(out, ks_buf_str(from));
    ks_buf_reset(from);
    return any;
}

static bool sim_is_closed(const struct wire *wire)
{
    return wire->conn->closed;
}

static void sim_certify(struct wire *wire, const struct world_certificate *certificate)
{
    const struct ks_domain *domain = ks_config_domain(wire->conn->host->config, certificate->domain);
    struct ks_str names = certificate->naming, name;

    if (!domain)
        abort();
    wire->certificate = (struct ks_tls_certificate) { .domain = domain->index,
        .end_ms = wire->conn->host->now.wall_ms + certificate->ms };
    while (wire->certificate.count < KS_TLS_ADDRESSES_MAX && ks_str_cut(&names, ' ', &name))
        wire->certificate.addresses[wire->certificate.count++] = name;
    wire->conn->certificate = &wire->certificate;
}

static void sim_revoke(struct wire *wire)
{
    host_revoke(wire->conn);
    host_settle(wire->conn->host);
}

static bool sim_start_tls(struct wire *wire, struct ks_tls_facts *ret_facts)
{
    if (!wire->conn->tls_asked)
        return false;
    host_secure(wire->conn);
    *ret_facts = host_tls_facts;
    return true;
}

static void sim_close(struct wire *wire)
{
    struct host *host = wire->conn->host;

    host_conn_free(wire->conn);
    if (host)
        host_settle(host);
    free(wire);
}

static void sim_wait(struct world *world, int64_t ms)
{
    host_wait(host_of((struct sim *)world), ms);
}

static void sim_restart(struct world *world, bool orderly)
{
    struct sim *sim = (struct sim *)world;
    struct host *host = host_of(sim);

    if (orderly) {
        for (uint16_t i = 0; i < host->reactor_count; i++)
            ks_reactor_shutdown(host->reactors[i], host->now);
        host_settle(host);
    }
    end_host(sim);
    ks_memory_server_store_crash(sim->store);
}

static void sim_hold_disk(struct world *world, bool held)
{
    struct host *host = host_of((struct sim *)world);

    host->store_held = held;
    host_settle(host);
}

static void sim_fill_disk(struct world *world, bool full)
{
    ks_memory_server_store_room(((struct sim *)world)->store, full ? 0 : SIZE_MAX);
}

struct world *world_sim_new(bool verbose, bool websocket)
{
    static const struct world_ops ops = {
        .free = sim_free,
        .connect = sim_connect,
        .send = sim_send,
        .receive = sim_receive,
        .is_closed = sim_is_closed,
        .certify = sim_certify,
        .revoke = sim_revoke,
        .start_tls = sim_start_tls,
        .close = sim_close,
        .begin = sim_begin,
        .option = sim_option,
        .add_account = sim_add_account,
        .invite = sim_invite,
        .wait = sim_wait,
        .restart = sim_restart,
        .hold_disk = sim_hold_disk,
        .fill_disk = sim_fill_disk,
    };
    struct sim *sim = calloc(1, sizeof *sim);

    if (!sim)
        abort();
    sim->world.ops = &ops;
    sim->verbose = verbose;
    sim->websocket = websocket;
    return &sim->world;
}
