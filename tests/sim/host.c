/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>

#include "credentials.h"
#include "scram.h"

#define QUIET ((enum ks_level) - 1)

const struct ks_tls_facts host_tls_facts = {
    .exporter = { 1, 2, 3 }, .server_end_point = { 4, 5, 6 }, .server_end_point_len = 32, .has_exporter = true
};

static void to_stderr(void *user, enum ks_level level, const char *event, const struct ks_log_field *fields)
{
    struct host *h = user;
    char line[512];

    ks_log_line(line, sizeof line, h->now.wall_ms, level, event, fields);
    fprintf(stderr, "# %s\n", line);
}

struct ks_config *host_config(void)
{
    struct ks_config *config = ks_config_new();

    if (!config || ks_config_add_domain(config, KS_STR("klinik.example"), true) != KS_OK
        || ks_config_add_domain(config, KS_STR("offen.example"), false) != KS_OK
        || ks_config_set_origin(config, 0, KS_STR("https://chat.klinik.example")) != KS_OK)
        abort();
    return config;
}

struct host *host_new(struct ks_config *config, struct ks_server_store *store, uint16_t reactors, uint64_t seed,
    struct ks_now now, bool verbose)
{
    struct host *h = calloc(1, sizeof *h);
    struct ks_server_setup setup = { .reactors = reactors, .config = config, .version = "sim", .push_key = { 1 } };
    const uint8_t vault_seed[KS_PRNG_SEED_LEN] = { (uint8_t)seed };
    uint8_t bytes[KS_PRNG_SEED_LEN];

    if (!h)
        abort();
    h->now = now;
    h->store = store;
    h->config = ks_config_ref(config);
    h->reactor_count = reactors;
    h->log = (struct ks_log) { verbose ? KS_DEBUG : QUIET, to_stderr, h };
    ks_prng_init_number(&h->prng, seed);
    if (ks_committer_new(store, &h->prng, &h->committer) != KS_OK)
        abort();
    h->vault = ks_memory_vault_store_new();
    if (!h->vault
        || ks_vault_keeper_new(h->vault, ks_memory_vault_tombs(h->vault), vault_seed, now, &h->keeper) != KS_OK)
        abort();
    ks_committer_set_vault(h->committer, h->keeper);
    h->shred = ks_memory_shred_store_new();
    if (!h->shred)
        abort();
    ks_committer_set_shred(h->committer, h->shred);
    setup.archive_ids = ks_committer_archive_ids(h->committer);
    setup.log = &h->log;
    h->server = ks_server_new(&setup);
    for (uint16_t i = 0; i < reactors; i++) {
        ks_prng_bytes(&h->prng, bytes, sizeof bytes);
        h->reactors[i] = ks_reactor_new(h->server, i, bytes, now);
        if (!h->reactors[i])
            abort();
    }
    return h;
}

/* What is under way when the process dies: nothing of it is written any more, and nobody hears of it. It is carried to
 * its end all the same, so that its memory comes back. */
static bool drain(struct host *h)
{
    struct ks_event event;
    bool busy = false;

    for (uint16_t i = 0; i < h->reactor_count; i++)
        while (ks_reactor_next_event(h->reactors[i], &event)) {
            busy = true;
            if (event.kind == KS_EV_STORE)
                ks_committer_submit(h->committer, event.req);
            else if (event.kind == KS_EV_MOVE)
                ks_reactor_adopt(h->reactors[event.to], event.stream, h->now);
            else if (event.kind == KS_EV_WAKE)
                ks_push_request_free(event.push);
            else if (event.kind == KS_EV_MAIL)
                ks_reactor_mail(h->reactors[event.to], event.mail, h->now);
            else if (event.kind == KS_EV_CLOSE)
                ks_c2s_closed(event.stream, h->now);
            else if (event.kind == KS_EV_OUTPUT || event.kind == KS_EV_START_TLS)
                ks_c2s_output_sent(event.stream, ks_c2s_output(event.stream).len, h->now);
        }
    for (struct ks_store_req *req = ks_committer_turn(h->committer, h->now), *next; req; req = next) {
        busy = true;
        next = req->next;
        ks_reactor_answer(h->reactors[req->submitter], req, h->now);
    }
    return busy;
}

void host_free(struct host *h)
{
    if (!h)
        return;
    for (struct host_conn *conn = h->conns; conn; conn = conn->next) {
        conn->closed = true;
        conn->c = NULL; /* freed with its reactor */
        conn->host = NULL;
    }
    h->log.level = QUIET;
    ks_memory_server_store_crash(h->store);
    ks_memory_shred_store_crash(h->shred);
    ks_memory_server_store_room(h->store, 0);
    while (drain(h))
        ;
    ks_memory_server_store_room(h->store, SIZE_MAX);
    for (uint16_t i = 0; i < h->reactor_count; i++)
        ks_reactor_free(h->reactors[i]);
    ks_committer_free(h->committer);
    ks_vault_keeper_free(h->keeper);
    ks_vault_store_free(h->vault);
    ks_shred_store_free(h->shred);
    ks_server_free(h->server);
    ks_config_unref(h->config);
    ks_prng_done(&h->prng);
    free(h);
}

void host_configure(struct host *h, struct ks_config *config)
{
    ks_config_ref(config);
    ks_config_unref(h->config);
    h->config = config;
    for (uint16_t i = 0; i < h->reactor_count; i++)
        ks_reactor_configure(h->reactors[i], config, h->now);
    host_settle(h);
}

/* A host is made thousands of times with one password: its keys are derived once a salt. */
static const struct ks_scram_keys *keys_of(enum ks_hash hash, const char *password, const uint8_t *salt)
{
    static struct ks_scram_keys keys[KS_SHA512 + 1][4];
    static char of[KS_SHA512 + 1][4][64];
    static size_t next;

    for (size_t i = 0; i < KS_COUNT(keys[hash]); i++)
        if (strcmp(of[hash][i], password) == 0 && memcmp(keys[hash][i].salt, salt, KS_SCRAM_SALT_LEN) == 0)
            return &keys[hash][i];
    struct ks_scram_keys *made = &keys[hash][next % KS_COUNT(keys[hash])];
    snprintf(of[hash][next++ % KS_COUNT(keys[hash])], sizeof of[hash][0], "%s", password);
    ks_scram_keys_make(hash, ks_str_z(password), salt, KS_SCRAM_ITERATIONS_MIN, made);
    return made;
}

void host_add_account(struct host *h, const char *domain, const char *local, const char *name, const char *password)
{
    static const enum ks_hash hashes[] = { KS_SHA256, KS_SHA1 };
    struct ks_store_req *req = ks_store_txn_new();
    struct ks_account_row row = { .state = KS_ACCOUNT_ACTIVE,
        .domain = ks_str_z(domain),
        .local = ks_str_z(local),
        .name = ks_str_z(name),
        .created_ms = h->now.wall_ms };

    if (!req)
        abort();
    ks_store_txn_account_add(req, &row);
    for (size_t i = 0; i < KS_COUNT(hashes); i++) {
        uint8_t salt[KS_SCRAM_SALT_LEN];
        struct ks_buf record;
        ks_prng_bytes(&h->prng, salt, sizeof salt);
        ks_buf_init(&record, 1024);
        ks_scram_keys_write(&record, keys_of(hashes[i], password, salt));
        ks_store_txn_kv_put(
            req, KS_ACCOUNT_NEW, KS_STR(KS_STORE_CREDENTIALS), ks_credentials_key(hashes[i]), ks_buf_str(&record));
        ks_buf_done(&record);
    }
    req->epoch = 1;
    req->submitter = KS_SUBMITTERS_MAX - 1;
    ks_committer_submit(h->committer, req);
    struct ks_store_req *done = ks_committer_turn(h->committer, h->now);
    if (!done || done->result != KS_OK)
        abort();
    ks_store_req_free(done);
}

static struct host_conn *open_conn(struct host *h, struct ks_c2s_setup setup)
{
    struct host_conn *conn = calloc(1, sizeof *conn);

    if (!conn)
        abort();
    conn->host = h;
    conn->reactor = (uint16_t)ks_prng_below(&h->prng, h->reactor_count);
    ks_buf_init(&conn->out, SIZE_MAX);
    setup.edge = conn;
    conn->c = ks_reactor_open(h->reactors[conn->reactor], &setup, h->now);
    conn->closed = !conn->c;
    conn->next = h->conns;
    h->conns = conn;
    return conn;
}

struct host_conn *host_connect(struct host *h, uint64_t address)
{
    return open_conn(h, (struct ks_c2s_setup) { .address_hash = address });
}

struct host_conn *host_connect_websocket(struct host *h, uint64_t address)
{
    return open_conn(h, (struct ks_c2s_setup) { .tls = true, .websocket = true, .address_hash = address });
}

struct host_conn *host_connect_component(struct host *h)
{
    return open_conn(h, (struct ks_c2s_setup) { .component = true });
}

void host_feed(struct host_conn *conn, struct ks_str bytes)
{
    if (conn->c)
        ks_c2s_feed(conn->c, bytes, conn->host->now);
}

void host_secure(struct host_conn *conn)
{
    struct ks_tls_facts facts = host_tls_facts;

    conn->tls_asked = false;
    conn->tls = true;
    facts.certificate = conn->certificate;
    if (conn->c)
        ks_c2s_secured(conn->c, &facts, conn->host->now);
}

void host_revoke(struct host_conn *conn)
{
    struct host *h = conn->host;

    if (conn->c)
        ks_c2s_revoked(conn->c, h->now);
    for (uint16_t i = 0; i < h->reactor_count; i++)
        ks_reactor_certify(h->reactors[i], h->now);
}

void host_close(struct host_conn *conn)
{
    struct ks_c2s *c = conn->c;

    conn->c = NULL;
    conn->closed = true;
    if (c) {
        ks_c2s_closed(c, conn->host->now);
        ks_c2s_free(c);
    }
}

void host_conn_free(struct host_conn *conn)
{
    if (!conn)
        return;
    if (conn->host) {
        host_close(conn);
        struct host_conn **at = &conn->host->conns;
        while (*at != conn)
            at = &(*at)->next;
        *at = conn->next;
    }
    ks_buf_done(&conn->out);
    free(conn);
}

void host_close_all(struct host *h)
{
    while (h->conns)
        host_conn_free(h->conns);
}

static void take_output(struct host_conn *conn)
{
    struct ks_str bytes = ks_c2s_output(conn->c);

    ks_buf_add(&conn->out, bytes);
    ks_c2s_output_sent(conn->c, bytes.len, conn->host->now);
}

static void send_push(struct host *h, struct ks_reactor *r, struct ks_push_request *request)
{
    struct ks_push_id id = request->id;

    if (h->on_push) {
        h->on_push(h, r, request);
        return;
    }
    ks_push_request_free(request);
    ks_reactor_pushed(r, &id, 201, 0, h->now);
}

static void on_event(struct host *h, struct ks_reactor *r, struct ks_event *event)
{
    struct host_conn *conn = event->edge;

    switch (event->kind) {
    case KS_EV_OUTPUT:
        take_output(conn);
        break;
    case KS_EV_START_TLS:
        take_output(conn);
        conn->tls_asked = true;
        break;
    case KS_EV_CLOSE:
        take_output(conn);
        host_close(conn);
        break;
    case KS_EV_MOVE:
        conn->reactor = event->to;
        ks_reactor_adopt(h->reactors[event->to], event->stream, h->now);
        break;
    case KS_EV_PAUSE:
    case KS_EV_RESUME:
        conn->paused = event->kind == KS_EV_PAUSE;
        break;
    case KS_EV_MAIL:
        ks_reactor_mail(h->reactors[event->to], event->mail, h->now);
        break;
    case KS_EV_STORE:
        ks_committer_submit(h->committer, event->req);
        break;
    case KS_EV_WAKE:
        send_push(h, r, event->push);
        break;
    case KS_EV_CONTROL:
    case KS_EV_WORK:
    case KS_EV_FILE:
    case KS_EV_VAULT:
        if (h->on_control)
            h->on_control(h, event);
        break;
    case KS_EV_NONE:
        break;
    }
}

bool host_turn(struct host *h)
{
    struct ks_event event;
    bool busy = false;

    for (uint16_t i = 0; i < h->reactor_count; i++)
        while (ks_reactor_next_event(h->reactors[i], &event)) {
            busy = true;
            on_event(h, h->reactors[i], &event);
        }
    if (!h->store_held && ks_committer_queued(h->committer)) {
        struct ks_store_req *done = ks_committer_turn(h->committer, h->now);
        while (done) {
            struct ks_store_req *next = done->next;
            ks_reactor_answer(h->reactors[done->submitter], done, h->now);
            done = next;
        }
        busy = true;
    }
    return busy;
}

void host_settle(struct host *h)
{
    while (host_turn(h))
        ;
}

int64_t host_deadline_ms(const struct host *h)
{
    int64_t at = KS_NEVER;

    for (uint16_t i = 0; i < h->reactor_count; i++)
        at = ks_sooner(at, ks_reactor_deadline_ms(h->reactors[i]));
    return at;
}

void host_wait(struct host *h, int64_t ms)
{
    int64_t end = h->now.mono_ms + ms, at;

    host_settle(h);
    while ((at = host_deadline_ms(h)) <= end) {
        int64_t step = at > h->now.mono_ms ? at - h->now.mono_ms : 0;
        h->now.mono_ms += step;
        h->now.wall_ms += step;
        for (uint16_t i = 0; i < h->reactor_count; i++)
            ks_reactor_tick(h->reactors[i], h->now);
        host_settle(h);
    }
    h->now.wall_ms += end - h->now.mono_ms;
    h->now.mono_ms = end;
}
