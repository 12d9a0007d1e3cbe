/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "party.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "config.h"
#include "control.h"
#include "crypto.h"
#include "ns.h"
#include "ws_writer.h"

#define START ((struct ks_now) { .mono_ms = 1000, .wall_ms = 1795312800000 })

static struct konsil_now now(const struct party *party)
{
    const struct ks_now *now = &party->lab->host->now;

    return (struct konsil_now) { now->mono_ms, now->wall_ms + party->ahead_ms };
}

static void die(const char *text)
{
    printf("Bail out! %s\n", text);
    exit(1);
}

/* --- the lab --- */

void lab_begin(struct lab *lab, uint64_t seed)
{
    *lab = (struct lab) { .seed = seed };
    if (ks_crypto_init() != KS_OK)
        die("no crypto");
    lab->config = host_config();
    lab->store = ks_memory_server_store_new();
    lab->host = host_new(lab->config, lab->store, 2, seed, START, false);
    ks_arena_init(&lab->kept, 256u << 20);
}

static void close_party(struct party *party)
{
    konsil_free(party->engine);
    ks_engine_store_free(party->store);
    if (party->conn) {
        host_close(party->conn);
        host_conn_free(party->conn);
    }
    ks_buf_done(&party->in);
    free(party->url);
    ks_buf_done(&party->sent);
    json_decref(party->events);
}

void lab_end(struct lab *lab)
{
    for (size_t i = 0; i < lab->count; i++)
        close_party(&lab->parties[i]);
    host_free(lab->host);
    ks_server_store_free(lab->store);
    ks_config_unref(lab->config);
    ks_arena_done(&lab->kept);
}

void lab_leave(struct lab *lab)
{
    close_party(&lab->parties[--lab->count]);
}

void lab_account(struct lab *lab, const char *local, const char *password)
{
    host_add_account(lab->host, "klinik.example", local, local, password);
}

void lab_option(struct lab *lab, const char *name, const char *value)
{
    const struct ks_domain *domain = ks_config_domain(lab->config, KS_STR("klinik.example"));

    if (ks_config_set_text(lab->config, domain, ks_str_z(name), ks_str_z(value)) != KS_OK)
        die("no such option");
}

static struct ks_control *administrator; /* of lab_control, while it asks */
static struct ks_buf told;

static void on_control(struct host *host, const struct ks_event *event)
{
    (void)host, (void)event;
    ks_buf_add(&told, ks_control_output(administrator));
    ks_control_output_sent(administrator, ks_control_output(administrator).len);
}

const char *lab_control(struct lab *lab, const char *command)
{
    const struct ks_control_setup setup = { .actor = "uid:0", .rights = KS_RIGHT_ALL };
    struct ks_str answer;

    administrator = ks_control_open(lab->host->reactors[0], &setup, lab->host->now);
    lab->host->on_control = on_control;
    ks_buf_init(&told, 65536);
    ks_control_feed(administrator, ks_str_z(command), lab->host->now);
    ks_control_feed(administrator, KS_STR("\n"), lab->host->now);
    host_settle(lab->host);
    ks_control_close(administrator);
    lab->host->on_control = NULL;
    ks_buf_byte(&told, 0);
    if (ks_arena_copy(&lab->kept, ks_buf_str(&told), &answer) != KS_OK)
        die("no memory");
    ks_buf_done(&told);
    return answer.ptr;
}

static void start_engine(struct party *party)
{
    struct konsil_setup setup = {
        .store = party->store, .now = now(party), .device_name = "lab", .certificate = party->certificate
    };
    struct ks_prng prng;

    ks_prng_init_number(&prng, party->lab->seed++);
    ks_prng_bytes(&prng, setup.seed, sizeof(setup.seed));
    party->engine = konsil_new(&setup);
    if (!party->engine || konsil_failed(party->engine))
        die("no engine");
}

struct party *lab_party(struct lab *lab, const char *jid, const char *password)
{
    struct party *party = &lab->parties[lab->count++];

    *party = (struct party) { .lab = lab, .jid = jid, .password = password };
    party->store = ks_memory_engine_store_new();
    party->events = json_array();
    ks_buf_init(&party->in, 8u << 20);
    ks_buf_init(&party->sent, 256u << 20);
    start_engine(party);
    return party;
}

/* --- between an engine and the server --- */

static void take_events(struct party *party)
{
    const char *json;
    size_t len;

    while (konsil_next_event(party->engine, &json, &len)) {
        json_t *event = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);

        if (!event)
            die("an event is no JSON");
        json_array_append_new(party->events, event);
    }
    if (konsil_failed(party->engine))
        die("the engine failed");
}

static void drop_connection(struct party *party, bool tell)
{
    if (party->conn) {
        host_close(party->conn);
        host_conn_free(party->conn);
        party->conn = NULL;
    }
    if (tell)
        konsil_closed(party->engine, KONSIL_LOST_NETWORK, now(party));
}

static void open_connection(struct party *party)
{
    drop_connection(party, false);
    if (party->cut) {
        konsil_closed(party->engine, KONSIL_LOST_NETWORK, now(party));
        return;
    }
    party->conn = (party->websocket ? host_connect_websocket : host_connect)(party->lab->host, 1);
    party->conn->certificate = party->certificate;
    ks_ws_reader_init_client(&party->reader, 4u << 20);
    ks_framer_init(&party->framer, 4u << 20, 200);
    ks_buf_reset(&party->in);
    party->in_seen = 0;
    if (!party->websocket) {
        konsil_opened(party->engine, now(party));
        return;
    }
    host_secure(party->conn);
    konsil_opened_messages(party->engine, now(party)); /* as in a browser, which tells nothing of TLS */
}

static bool take_requests(struct party *party)
{
    struct konsil_request request;
    bool any = false;

    while (konsil_next_request(party->engine, &request)) {
        any = true;
        if (request.kind == KONSIL_CONNECT) {
            free(party->url);
            party->url = request.url ? strdup(request.url) : NULL;
            open_connection(party);
        } else if (request.kind == KONSIL_CLOSE)
            drop_connection(party, false);
    }
    return any;
}

/* RFC 7395 §3.3: each a frame of its own. */
static bool send_messages(struct party *party)
{
    static const uint8_t mask[4] = { 1, 2, 3, 4 };
    const char *text;
    size_t len, count = 0;

    for (; konsil_next_message(party->engine, &text, &len); count++) {
        struct ks_buf frame;

        ks_buf_init(&frame, 4u << 20);
        ks_ws_write_masked(&frame, KS_WS_OP_TEXT, ks_str(text, len), mask);
        if (party->conn && !party->conn->closed)
            host_feed(party->conn, ks_buf_str(&frame));
        ks_buf_add(&party->sent, ks_str(text, len));
        ks_buf_byte(&party->sent, '\n');
        ks_buf_done(&frame);
    }
    return count > 0;
}

static bool send_output(struct party *party)
{
    const char *bytes;
    size_t len;

    if (party->websocket)
        return send_messages(party);
    konsil_output(party->engine, &bytes, &len);
    if (len == 0)
        return false;
    if (party->conn && !party->conn->closed) {
        host_feed(party->conn, ks_str(bytes, len));
        if (party->conn->tls)
            ks_buf_add(&party->sent, ks_str(bytes, len));
    }
    konsil_output_sent(party->engine, len);
    return true;
}

static double clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void worked(struct party *party, double since_ms)
{
    double ms = clock_ms() - since_ms;

    party->work.total_ms += ms;
    if (ms > party->work.longest_ms)
        party->work.longest_ms = ms;
}

static void give(struct party *party, struct ks_str stanza)
{
    double since_ms;

    if (party->spy && !party->spy(party, &stanza, party->spy_user))
        return;
    since_ms = clock_ms();
    if (party->websocket)
        konsil_message(party->engine, stanza.ptr, stanza.len, now(party));
    else
        konsil_feed(party->engine, stanza.ptr, stanza.len, now(party));
    worked(party, since_ms);
}

static void take_messages(struct party *party)
{
    struct host_conn *conn = party->conn;
    struct ks_buf frames = party->conn->out, message;
    struct ks_ws_part part;
    enum ks_ws_got got;
    size_t at = 0, len;

    ks_buf_init(&party->conn->out, frames.bytes_max);
    ks_buf_init(&message, 4u << 20);
    while ((got = ks_ws_next(&party->reader, frames.ptr + at, frames.len - at, &part, &len)) != KS_WS_MORE) {
        struct ks_str copy;

        at += len;
        if (got == KS_WS_BAD || got == KS_WS_BINARY)
            die("the server sent no WebSocket");
        if (got != KS_WS_TEXT)
            continue;
        ks_buf_add(&message, part.payload);
        if (!part.last)
            continue;
        if (ks_arena_copy(&party->lab->kept, ks_buf_str(&message), &copy) != KS_OK)
            die("no memory");
        ks_buf_reset(&message);
        if (party->conn == conn)
            give(party, copy);
    }
    if (at + len != frames.len || message.len)
        die("half a message");
    ks_buf_done(&message);
    ks_buf_done(&frames);
}

/* Stanza by stanza, so that a spy sees whole ones. */
static bool take_input(struct party *party)
{
    struct ks_buf *from = &party->conn->out;
    bool any = from->len > 0;
    enum ks_frame frame;
    size_t step;

    if (party->websocket) {
        if (any)
            take_messages(party);
        return any;
    }
    ks_buf_add(&party->in, ks_buf_str(from));
    ks_buf_reset(from);
    while (party->conn
        && (frame = ks_framer_next(&party->framer, ks_str_from(ks_buf_str(&party->in), party->in_seen), &step))
            != KS_FRAME_MORE) {
        struct ks_str copy;
        struct ks_str sasl = KS_STR("<success xmlns='" NS_SASL "'"); /* RFC 6120 §6.4.6 */
        bool restart =
            ks_str_find(ks_str_head(ks_buf_str(&party->in), party->in_seen + step), sasl) < party->in_seen + step;

        if (ks_arena_copy(&party->lab->kept, ks_str_head(ks_buf_str(&party->in), party->in_seen + step), &copy)
            != KS_OK)
            die("no memory");
        ks_buf_drop(&party->in, party->in_seen + step);
        party->in_seen = 0;
        if (restart)
            ks_framer_restart(&party->framer);
        give(party, copy);
        if (frame == KS_FRAME_BAD || frame == KS_FRAME_RESTRICTED || frame == KS_FRAME_TOO_BIG)
            die("the server sent no XML");
    }
    if (party->conn)
        party->in_seen = party->in.len;
    return any;
}

static void secure(struct party *party)
{
    struct konsil_tls tls = { .has_exporter = host_tls_facts.has_exporter,
        .server_end_point_len = host_tls_facts.server_end_point_len,
        .certified = party->certificate };

    memcpy(tls.exporter, host_tls_facts.exporter, sizeof(tls.exporter));
    memcpy(tls.server_end_point, host_tls_facts.server_end_point, sizeof(tls.server_end_point));
    host_secure(party->conn);
    ks_framer_restart(&party->framer);
    konsil_secured(party->engine, &tls, now(party));
}

static bool turn(struct party *party)
{
    bool any = take_requests(party);

    any = send_output(party) || any;
    host_settle(party->lab->host);
    if (party->conn && party->conn->tls_asked && !party->conn->tls) {
        any = take_input(party) || any;
        secure(party);
        any = true;
    }
    if (party->conn)
        any = take_input(party) || any;
    if (party->conn && party->conn->closed) {
        drop_connection(party, true);
        any = true;
    }
    take_events(party);
    return any;
}

static void settle(struct lab *lab)
{
    bool any = true;

    for (int turns = 0; any; turns++) {
        any = false;
        for (size_t i = 0; i < lab->count; i++)
            any = turn(&lab->parties[i]) || any;
        if (turns > 100000)
            die("it never ends");
    }
}

void lab_two(struct lab *lab, uint64_t seed, struct party **anna, struct party **jonas)
{
    lab_begin(lab, seed);
    lab_account(lab, "anna", "a-password");
    lab_account(lab, "jonas", "j-password");
    *anna = lab_party(lab, "anna@klinik.example", "a-password");
    *jonas = lab_party(lab, "jonas@klinik.example", "j-password");
}

void lab_run(struct lab *lab, int64_t ms)
{
    int64_t end = lab->host->now.mono_ms + ms;

    settle(lab);
    while (lab->host->now.mono_ms < end) {
        int64_t next = end;

        for (size_t i = 0; i < lab->count; i++)
            next = ks_sooner(next, konsil_deadline_ms(lab->parties[i].engine));
        next = next <= lab->host->now.mono_ms ? lab->host->now.mono_ms + 1 : next;
        host_wait(lab->host, next - lab->host->now.mono_ms);
        for (size_t i = 0; i < lab->count; i++) {
            double since_ms = clock_ms();

            konsil_tick(lab->parties[i].engine, now(&lab->parties[i]));
            worked(&lab->parties[i], since_ms);
        }
        settle(lab);
    }
}

/* --- a party --- */

json_t *party_do(struct party *party, const char *format, ...)
{
    size_t mark = party_mark(party);
    char text[40000];
    double since_ms;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    since_ms = clock_ms();
    konsil_command(party->engine, text, (size_t)len, now(party));
    worked(party, since_ms);
    take_events(party);
    for (size_t i = mark; i < party_mark(party); i++) {
        json_t *event = json_array_get(party->events, i);

        if (strcmp(text_of(event, "re"), "x") == 0)
            return event;
    }
    die("a command without an answer");
    return NULL;
}

void party_give(struct party *party, const char *format, ...)
{
    char text[8192];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    konsil_feed(party->engine, text, (size_t)len, now(party));
    lab_run(party->lab, 10);
}

void party_connect(struct party *party)
{
    party_do(party, "{\"id\":\"x\",\"cmd\":\"connect\",\"jid\":\"%s\",\"password\":\"%s\",\"remember\":true}",
        party->jid, party->password);
}

const char *party_send(struct party *party, const char *to, const char *body)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"send\",\"to\":\"%s\",\"body\":\"%s\"}", to, body);

    return text_of(event, "message");
}

void party_reborn(struct party *party)
{
    konsil_free(party->engine);
    drop_connection(party, false);
    start_engine(party);
}

void party_restart(struct party *party)
{
    party_reborn(party);
    party_connect(party);
}

void party_crash(struct party *party)
{
    ks_memory_engine_store_crash(party->store);
    party_restart(party);
}

void party_cut(struct party *party)
{
    drop_connection(party, true);
}

/* --- what it told --- */

const char *text_of(const json_t *event, const char *member)
{
    const char *text = json_string_value(json_object_get(event, member));

    return text ? text : "";
}

json_t *party_event(const struct party *party, const char *event, size_t from, size_t n)
{
    for (size_t i = from; i < party_mark(party); i++) {
        json_t *at = json_array_get(party->events, i);

        if (strcmp(text_of(at, "event"), event) == 0 && n-- == 0)
            return at;
    }
    return NULL;
}

size_t party_count(const struct party *party, const char *event, size_t from)
{
    size_t count = 0;

    while (party_event(party, event, from, count))
        count++;
    return count;
}

size_t party_mark(const struct party *party)
{
    return json_array_size(party->events);
}

const char *party_history(struct party *party, const char *with)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"history\",\"with\":\"%s\",\"limit\":200}", with), *message;
    struct ks_str copy;
    struct ks_buf text;
    size_t i;

    ks_buf_init(&text, 1 << 20);
    json_array_foreach(json_object_get(event, "messages"), i, message)
    {
        if (json_object_get(message, "notice"))
            continue;
        ks_buf_z(&text, text.len > 0 ? "," : "");
        if (json_is_true(json_object_get(message, "unreadable")))
            ks_buf_z(&text, "?");
        else if (json_is_true(json_object_get(message, "retracted")))
            ks_buf_z(&text, "-");
        else
            ks_buf_z(&text, text_of(message, "body"));
    }
    ks_buf_byte(&text, 0);
    if (ks_arena_copy(&party->lab->kept, ks_buf_str(&text), &copy) != KS_OK)
        die("no memory");
    ks_buf_done(&text);
    return copy.ptr;
}
