/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One room: everybody comes at once, then they write.
 *
 * The first account makes the room and opens it (XEP-0045 §10.1, §10.2: the servers differ in what a room is like that
 * nobody configured). All others enter as soon as the one before them was sent off. It is done when each of N clients
 * has the presence of all N. What follows is in phases, because entering is what takes some servers longest: messages
 * of an OMEMO 2 shape at a rate, open loop, each by another client; then a window of them under way, closed loop; then
 * one after the other with keys for each device of everybody. A delivery is one message at one client; a message has
 * reached all when the last of them has it. */
#include <stdio.h>
#include <stdlib.h>

#include "load_hist.h"
#include "load_message.h"
#include "load_work.h"

#define TURN_NS 20000000
#define JOIN_SECONDS_MAX 300
#define DRAIN_SECONDS_MAX 60
#define QUIET_NS 150000000000LL /* Prosody says nothing before it has let all of them in */
#define REACHED_SLOTS 65536     /* messages under way at once are fewer */
#define KEYED 3                 /* accounts with a key in an ordinary message, as in load_message.h */

struct run {
    const struct load_options *options;
    struct load_crowd crowd;
    char tag[LOAD_TAG_LEN + 1], room[256];
    struct ks_buf stanza;
    struct ks_str payload;
    bool configured, measuring;
    uint64_t presences, deliveries, sent, reflected;
    int64_t heard_ns;                /* when something came last */
    uint32_t reached[REACHED_SLOTS]; /* of each message: at how many it is */
    struct load_hist delivery, reach;
};

/* What the clients do for a while. */
struct phase {
    const char *row;
    double rate;             /* messages a second; 0: window of them are under way */
    unsigned window;         /* of all clients together */
    unsigned keyed, devices; /* accounts with keys in each message, and keys of each */
};

static struct run *run_of(const struct load_client *client)
{
    return load_crowd_of(client)->work;
}

static void on_presence(struct load_client *client, struct ks_str stanza)
{
    struct run *run = run_of(client);

    if (ks_str_find(stanza, ks_str_z(run->room)) == stanza.len)
        return;
    run->presences++;
    run->heard_ns = load_now_ns();
}

static void on_iq(struct load_client *client, struct ks_str stanza)
{
    run_of(client)->configured |= ks_str_is(load_attr(stanza, "id"), "configure");
}

static void on_message(struct load_client *client, struct ks_str stanza)
{
    struct run *run = run_of(client);
    struct load_message_id id;

    run->heard_ns = load_now_ns();
    if (!load_message_id_read(load_attr(stanza, "id"), ks_str_z(run->tag), &id))
        return;
    run->deliveries++;
    run->reflected += id.sender == client->account;
    bool is_last = ++run->reached[id.number % REACHED_SLOTS] == run->crowd.count;
    if (is_last)
        run->reached[id.number % REACHED_SLOTS] = 0;
    if (!run->measuring)
        return;
    load_hist_add(&run->delivery, run->heard_ns - id.due_ns);
    if (is_last)
        load_hist_add(&run->reach, run->heard_ns - id.due_ns);
}

/* --- entering --- */

static void send(struct run *run, unsigned index)
{
    load_client_send(&run->crowd.clients[index], ks_buf_str(&run->stanza));
    ks_buf_reset(&run->stanza);
}

static void enter(struct run *run, unsigned index)
{
    ks_buf_printf(&run->stanza,
        "<presence to='%s/n%u'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>",
        run->room, run->crowd.clients[index].account);
    send(run, index);
}

static bool open_room(struct run *run)
{
    int64_t deadline_ns = load_now_ns() + DRAIN_SECONDS_MAX * 1000000000LL;

    enter(run, 0);
    while (!run->presences && load_now_ns() < deadline_ns)
        load_net_turn(&run->crowd.net, load_now_ns() + TURN_NS);
    ks_buf_printf(&run->stanza,
        "<iq type='set' to='%s' id='configure'><query xmlns='http://jabber.org/protocol/muc#owner'>"
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"
        "<value>http://jabber.org/protocol/muc#roomconfig</value></field>"
        "<field var='muc#roomconfig_membersonly'><value>0</value></field>"
        "<field var='muc#roomconfig_persistentroom'><value>1</value></field>"
        "<field var='muc#roomconfig_whois'><value>anyone</value></field></x></query></iq>",
        run->room);
    send(run, 0);
    while (!run->configured && load_now_ns() < deadline_ns)
        load_net_turn(&run->crowd.net, load_now_ns() + TURN_NS);
    return run->configured;
}

/* Everybody has everybody's presence, his own too; or nothing comes any more. */
static bool storm(struct run *run)
{
    uint64_t count = run->crowd.count, all = count * (count + 1) / 2 + count * (count - 1) / 2;
    int64_t deadline_ns = load_now_ns() + JOIN_SECONDS_MAX * 1000000000LL;

    for (unsigned i = 1; i < run->crowd.count; i++)
        enter(run, i);
    run->heard_ns = load_now_ns();
    while (run->presences < all && load_now_ns() < deadline_ns && run->heard_ns + QUIET_NS > load_now_ns()
        && run->crowd.gone == 0)
        load_net_turn(&run->crowd.net, load_now_ns() + TURN_NS);
    return run->presences >= all;
}

/* --- writing --- */

static void say(struct run *run, int64_t due_ns)
{
    unsigned index = (unsigned)(run->sent % run->crowd.count);
    char id[128];

    run->sent++;
    snprintf(id, sizeof(id), "%s.%04x.%08x.%016llx", run->tag, run->crowd.clients[index].account, (unsigned)run->sent,
        (unsigned long long)due_ns);
    ks_buf_printf(&run->stanza, "<message type='groupchat' to='%s' id='%s'><origin-id xmlns='urn:xmpp:sid:0' id='%s'/>",
        run->room, id, id);
    ks_buf_add(&run->stanza, run->payload);
    send(run, index);
}

static void write_for(struct run *run, const struct phase *phase, double seconds)
{
    int64_t step_ns = phase->rate > 0 ? (int64_t)(1e9 / phase->rate) : 0, next_ns = load_now_ns();
    int64_t to_ns = next_ns + (int64_t)(seconds * 1e9);

    while (load_now_ns() < to_ns && run->crowd.gone == 0) {
        if (step_ns)
            for (; next_ns <= load_now_ns() && next_ns < to_ns; next_ns += step_ns)
                say(run, next_ns);
        else
            while (run->sent - run->reflected < phase->window)
                say(run, load_now_ns());
        load_net_turn(&run->crowd.net, step_ns && next_ns < to_ns ? next_ns : load_now_ns() + TURN_NS);
    }
}

static void drain(struct run *run)
{
    int64_t deadline_ns = load_now_ns() + DRAIN_SECONDS_MAX * 1000000000LL;

    while (run->deliveries < run->sent * run->crowd.count && run->crowd.gone == 0 && load_now_ns() < deadline_ns)
        load_net_turn(&run->crowd.net, load_now_ns() + TURN_NS);
}

/* The part of all messages of a phase that is the same. */
static bool make_payload(struct run *run, const struct phase *phase)
{
    static const char tail[] = "</payload></encrypted><encryption xmlns='urn:xmpp:eme:0' "
                               "namespace='urn:xmpp:omemo:2' name='OMEMO'/><store xmlns='urn:xmpp:hints'/></message>";
    struct ks_buf buf;

    free((void *)(uintptr_t)run->payload.ptr);
    ks_buf_init(&buf, 1u << 20);
    ks_buf_printf(&buf, "<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'>");
    for (unsigned i = 0; i < phase->keyed; i++) {
        ks_buf_printf(&buf, "<keys jid='u%u@%s'>", run->options->first + i, run->options->target.domain);
        for (unsigned device = 0; device < phase->devices; device++)
            ks_buf_printf(&buf, "<key rid='%u'>%0112u</key>", 1000000000 + 10 * i + device, i);
        ks_buf_z(&buf, "</keys>");
    }
    ks_buf_z(&buf, "</header><payload>");
    while (buf.len + sizeof(tail) + 200 < run->options->message_bytes)
        ks_buf_byte(&buf, 'A');
    ks_buf_z(&buf, tail);
    run->payload = ks_str(ks_str_dup(ks_buf_str(&buf)), ks_buf_err(&buf) == KS_OK ? buf.len : 0);
    ks_buf_done(&buf);
    return run->payload.ptr && run->payload.len;
}

static double seconds_of(const struct load_cost *from, const struct load_cost *to)
{
    return (double)(to->at_ns - from->at_ns) / 1e9;
}

static double cpu_us(const struct load_cost *from, const struct load_cost *to)
{
    return (double)(to->server.user_us - from->server.user_us)
        + (double)(to->server.system_us - from->server.system_us);
}

static double cores_of(const struct load_cost *from, const struct load_cost *to)
{
    return (double)(to->own_us - from->own_us) / 1e6 / seconds_of(from, to);
}

static uint64_t bytes_read(const struct run *run)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < run->crowd.count; i++)
        sum += load_client_bytes_read(&run->crowd.clients[i]);
    return sum;
}

/* A figure, or "null" where nothing was seen. */
struct ms {
    char text[32];
};
static struct ms hist_ms(const struct load_hist *hist, double share)
{
    struct ms ms = { "null" };

    if (hist->count)
        snprintf(ms.text, sizeof ms.text, "%.2f", (double)load_hist_at(hist, share) / 1e6);
    return ms;
}

static bool measure_joins(struct run *run)
{
    struct load_cost from, joined;
    bool whole;

    load_cost_now(run->options, false, &from);
    whole = storm(run);
    load_cost_now(run->options, false, &joined);
    printf("{\"workload\":\"room\",\"row\":\"room-joins\",\"clients\":%u,\"complete\":%s,\"join_cpu_ms\":%.0f,"
           "\"join_seconds\":%.2f,\"presences\":%llu,\"generator_cpu\":%.2f}\n",
        run->crowd.count, whole ? "true" : "false", cpu_us(&from, &joined) / 1e3, seconds_of(&from, &joined),
        (unsigned long long)run->presences, cores_of(&from, &joined));
    if (!whole)
        fprintf(stderr, "load: not everybody saw everybody enter; nothing that follows would be right\n");
    return whole && run->crowd.gone == 0;
}

static bool measure_phase(struct run *run, const struct phase *phase)
{
    struct load_cost begin, end;
    uint64_t before, sent_before, bytes_before;

    if (!make_payload(run, phase))
        return false;
    write_for(run, phase, run->options->warm_seconds);
    drain(run);
    run->delivery = run->reach = (struct load_hist) { 0 };
    run->measuring = true;
    before = run->deliveries;
    sent_before = run->sent;
    bytes_before = bytes_read(run);
    load_cost_now(run->options, false, &begin);
    write_for(run, phase, run->options->seconds);
    drain(run);
    load_cost_now(run->options, false, &end);
    run->measuring = false;
    uint64_t messages = run->sent - sent_before, deliveries = run->deliveries - before;
    double each = deliveries ? (double)deliveries : 1;
    printf("{\"workload\":\"room\",\"row\":\"%s\",\"clients\":%u,\"mode\":\"%s\",\"message_bytes\":%zu,"
           "\"seconds\":%.2f,\"messages\":%llu,\"deliveries\":%llu,\"complete\":%s,\"per_second\":%.0f,"
           "\"cpu_us_per_delivery\":%.2f,\"bytes_per_delivery\":%.0f,\"delivery_p50_ms\":%s,"
           "\"delivery_p99_ms\":%s,\"reach_p50_ms\":%s,\"reach_p95_ms\":%s,\"server_cpu\":%.2f,"
           "\"generator_cpu\":%.2f,\"server_gone\":%s}\n",
        phase->row, run->crowd.count, phase->rate > 0 ? "open" : "closed", run->payload.len, seconds_of(&begin, &end),
        (unsigned long long)messages, (unsigned long long)deliveries,
        deliveries == messages * run->crowd.count ? "true" : "false", (double)deliveries / seconds_of(&begin, &end),
        cpu_us(&begin, &end) / each, (double)(bytes_read(run) - bytes_before) / each, hist_ms(&run->delivery, 0.5).text,
        hist_ms(&run->delivery, 0.99).text, hist_ms(&run->reach, 0.5).text, hist_ms(&run->reach, 0.95).text,
        cpu_us(&begin, &end) / 1e6 / seconds_of(&begin, &end), cores_of(&begin, &end),
        run->crowd.gone > 0 ? "true" : "false");
    return run->crowd.gone == 0;
}

static int measure(struct run *run)
{
    const struct load_options *options = run->options;
    const struct phase phases[] = {
        { "room-offered", options->rate, 0, KEYED, 1 },
        { "room-capacity", 0, options->window, KEYED, 1 },
        { "room-omemo", 0, 1, options->devices ? options->clients : 0, options->devices },
    };

    if (!open_room(run)) {
        fprintf(stderr, "load: the room cannot be made: %s\n", run->room);
        return 1;
    }
    load_crowd_rest(&run->crowd, 0.5);
    if (!measure_joins(run))
        return 1;
    load_crowd_rest(&run->crowd, 0.5);
    for (size_t i = 0; i < KS_COUNT(phases); i++)
        if ((phases[i].rate > 0 || phases[i].window) && phases[i].keyed && !measure_phase(run, &phases[i]))
            return 1;
    return 0;
}

int load_room(const struct load_options *options)
{
    static struct run run;
    int status = 1;

    run = (struct run) { .options = options };
    ks_buf_init(&run.stanza, 1u << 20);
    if (load_crowd_init(&run.crowd, options, options->clients) != KS_OK)
        return 1;
    run.crowd.work = &run;
    run.crowd.events.presence = on_presence;
    run.crowd.events.message = on_message;
    run.crowd.events.iq = on_iq;
    load_tag_make(&run.crowd.net.prng, run.tag);
    snprintf(run.room, sizeof(run.room), "%s@%s", run.tag, options->rooms);
    if (load_crowd_gather(&run.crowd, run.crowd.count, options->concurrency))
        status = measure(&run);
    if (run.crowd.gone > 0)
        fprintf(stderr, "load: %u sessions were closed: %s\n", run.crowd.gone, run.crowd.why);
    load_crowd_done(&run.crowd);
    ks_buf_done(&run.stanza);
    free((void *)(uintptr_t)run.payload.ptr);
    return status;
}
