/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Messages between pairs of clients, each way. Open loop: messages are due at fixed times whatever the server does, and
 * latency counts from when a message was due. Closed loop: each client keeps a window of messages under way. A message
 * is complete when its recipient has it and its sender has the acknowledgement. */
#include <stdio.h>
#include <stdlib.h>

#include "load_hist.h"
#include "load_message.h"
#include "load_work.h"

#define RING 8192 /* messages of one client that wait for their acknowledgement; a power of two */
#define DRAIN_SECONDS_MAX 20
#define CLOSING_SECONDS_MAX 3
#define TURN_NS 20000000

struct talker {
    struct load_template template;
    uint32_t base;     /* stanzas that were sent before the first message */
    uint32_t sent;     /* messages */
    uint32_t acked;    /* messages */
    uint32_t received; /* of the partner's messages; the number of the last one */
    int64_t *due_ns;   /* of message n at n % RING */
};

struct run {
    const struct load_options *options;
    struct load_crowd crowd;
    struct talker *talkers;
    char tag[LOAD_TAG_LEN + 1];
    int64_t from_ns, to_ns;          /* messages due in this time are measured */
    uint64_t sent, delivered, acked; /* of those */
    uint64_t disorder, not_sent;
    struct load_hist delivery, ack;
};

static bool measured(const struct run *run, int64_t due_ns)
{
    return due_ns >= run->from_ns && due_ns < run->to_ns;
}

static unsigned partner_of(unsigned index)
{
    return index ^ 1u;
}

static unsigned account_of(const struct run *run, unsigned index)
{
    return run->options->first + index;
}

static void on_message(struct load_client *client, struct ks_str stanza)
{
    struct run *run = load_crowd_of(client)->work;
    unsigned index = (unsigned)(client - run->crowd.clients);
    struct talker *talker = &run->talkers[index];
    struct load_message_id id;

    if (!load_message_id_read(load_attr(stanza, "id"), ks_str_z(run->tag), &id)
        || id.sender != account_of(run, partner_of(index)))
        return;
    if (id.number != talker->received + 1)
        run->disorder++;
    talker->received = id.number;
    if (measured(run, id.due_ns)) {
        run->delivered++;
        load_hist_add(&run->delivery, load_now_ns() - id.due_ns);
    }
}

static void on_acked(struct load_client *client)
{
    struct run *run = load_crowd_of(client)->work;
    struct talker *talker = &run->talkers[client - run->crowd.clients];
    int64_t now_ns = load_now_ns();

    while (talker->acked < client->acked - talker->base) {
        int64_t due_ns = talker->due_ns[++talker->acked % RING];

        if (measured(run, due_ns)) {
            run->acked++;
            load_hist_add(&run->ack, now_ns - due_ns);
        }
    }
}

static void send_message(struct run *run, unsigned index, int64_t due_ns)
{
    struct talker *talker = &run->talkers[index];
    struct load_client *client = &run->crowd.clients[index];
    struct load_message_id id = { .sender = account_of(run, index), .number = talker->sent + 1, .due_ns = due_ns };

    if (client->phase != LOAD_READY || talker->sent - talker->acked >= RING) {
        run->not_sent++;
        return;
    }
    talker->sent++;
    talker->due_ns[talker->sent % RING] = due_ns;
    run->sent += measured(run, due_ns);
    load_client_send(client, load_template_fill(&talker->template, &id));
}

static uint32_t complete_of(const struct run *run, unsigned index)
{
    uint32_t acked = run->talkers[index].acked, received = run->talkers[partner_of(index)].received;

    return acked < received ? acked : received;
}

static uint64_t complete(const struct run *run)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < run->crowd.count; i++)
        sum += complete_of(run, i);
    return sum;
}

/* Sends what is due until to_ns, or until the server goes away. */
static void offer(struct run *run, int64_t *next_ns, unsigned *turn, int64_t to_ns)
{
    int64_t step_ns = (int64_t)(1e9 / run->options->rate);

    while (load_now_ns() < to_ns && run->crowd.gone == 0) {
        for (int64_t now_ns = load_now_ns(); *next_ns <= now_ns && *next_ns < to_ns; *next_ns += step_ns)
            send_message(run, (*turn)++ % run->crowd.count, *next_ns);
        load_net_turn(&run->crowd.net, *next_ns < to_ns ? *next_ns : to_ns);
    }
}

static void fill_windows(struct run *run, int64_t to_ns)
{
    while (load_now_ns() < to_ns && run->crowd.gone == 0) {
        for (unsigned i = 0; i < run->crowd.count; i++)
            while (run->talkers[i].sent - complete_of(run, i) < run->options->window
                && run->crowd.clients[i].phase == LOAD_READY)
                send_message(run, i, load_now_ns());
        load_net_turn(&run->crowd.net, load_now_ns() + TURN_NS < to_ns ? load_now_ns() + TURN_NS : to_ns);
    }
}

static void drain(struct run *run)
{
    int64_t deadline_ns = load_now_ns() + DRAIN_SECONDS_MAX * 1000000000LL;

    while (
        (run->delivered < run->sent || run->acked < run->sent) && run->crowd.gone == 0 && load_now_ns() < deadline_ns)
        load_net_turn(&run->crowd.net, load_now_ns() + TURN_NS);
}

/* The server was killed: what it had said before may still be on its way to us. */
static void hear_last_words(struct run *run)
{
    int64_t deadline_ns = load_now_ns() + CLOSING_SECONDS_MAX * 1000000000LL;

    while (run->crowd.gone < run->crowd.count && load_now_ns() < deadline_ns)
        load_net_turn(&run->crowd.net, load_now_ns() + TURN_NS);
}

static int write_log(const struct run *run)
{
    FILE *file = fopen(run->options->log, "we");

    if (!file) {
        perror(run->options->log);
        return 1;
    }
    for (unsigned i = 0; i < run->crowd.count; i++)
        fprintf(file, "%s %u %u %u %u\n", run->tag, account_of(run, i), account_of(run, partner_of(i)),
            run->talkers[i].acked, run->talkers[partner_of(i)].received);
    if (fclose(file) != 0) {
        perror(run->options->log);
        return 1;
    }
    return 0;
}

static void print(const struct run *run, const struct load_cost *from, const struct load_cost *to, uint64_t messages)
{
    double seconds = (double)(to->at_ns - from->at_ns) / 1e9, count = messages > 0 ? (double)messages : 1;
    double user_us = (double)(to->server.user_us - from->server.user_us);
    double system_us = (double)(to->server.system_us - from->server.system_us);

    printf("{\"workload\":\"messages\",\"mode\":\"%s\",\"offered_per_second\":%.0f,\"clients\":%u,\"window\":%u,"
           "\"message_bytes\":%u,\"seconds\":%.2f,\"messages\":%llu,\"per_second\":%.1f,\"cpu_us_per_message\":%.1f,"
           "\"user_us_per_message\":%.1f,\"system_us_per_message\":%.1f,\"server_cpu\":%.2f,",
        run->options->rate > 0 ? "open" : "closed", run->options->rate, run->crowd.count, run->options->window,
        run->options->message_bytes, seconds, (unsigned long long)messages, (double)messages / seconds,
        (user_us + system_us) / count, user_us / count, system_us / count, (user_us + system_us) / 1e6 / seconds);
    printf("\"delivery_p50_ms\":%.3f,\"delivery_p99_ms\":%.3f,\"delivery_max_ms\":%.3f,\"ack_p50_ms\":%.3f,"
           "\"ack_p99_ms\":%.3f,\"ack_max_ms\":%.3f,",
        (double)load_hist_at(&run->delivery, 0.5) / 1e6, (double)load_hist_at(&run->delivery, 0.99) / 1e6,
        (double)run->delivery.max_ns / 1e6, (double)load_hist_at(&run->ack, 0.5) / 1e6,
        (double)load_hist_at(&run->ack, 0.99) / 1e6, (double)run->ack.max_ns / 1e6);
    printf("\"sent\":%llu,\"delivered\":%llu,\"acked\":%llu,\"disorder\":%llu,\"not_sent\":%llu,"
           "\"server_gone\":%s,\"generator_cpu\":%.2f}\n",
        (unsigned long long)run->sent, (unsigned long long)run->delivered, (unsigned long long)run->acked,
        (unsigned long long)run->disorder, (unsigned long long)run->not_sent, run->crowd.gone > 0 ? "true" : "false",
        (double)(to->own_us - from->own_us) / 1e6 / seconds);
}

static enum ks_err prepare(struct run *run)
{
    const struct load_options *options = run->options;
    enum ks_err err = load_crowd_init(&run->crowd, options, options->clients & ~1u);

    if (err != KS_OK)
        return err;
    run->crowd.work = run;
    run->crowd.events.message = on_message;
    run->crowd.events.acked = on_acked;
    run->talkers = calloc(run->crowd.count, sizeof(*run->talkers));
    if (!run->talkers)
        return KS_ENOMEM;
    load_tag_make(&run->crowd.net.prng, run->tag);
    for (unsigned i = 0; i < run->crowd.count; i++) {
        run->talkers[i].due_ns = calloc(RING, sizeof(int64_t));
        if (!run->talkers[i].due_ns)
            return KS_ENOMEM;
        if ((err = load_template_init(&run->talkers[i].template, run->tag, options->target.domain, account_of(run, i),
                 account_of(run, partner_of(i)), options->message_bytes, &run->crowd.net.prng))
            != KS_OK)
            return err;
    }
    return KS_OK;
}

static void measure(struct run *run)
{
    const struct load_options *options = run->options;
    struct load_cost from, to;
    int64_t next_ns = load_now_ns();
    uint64_t messages, complete_before;
    unsigned turn = 0;

    run->from_ns = next_ns + (int64_t)(options->warm_seconds * 1e9);
    run->to_ns = run->from_ns + (int64_t)(options->seconds * 1e9);
    if (options->rate > 0)
        offer(run, &next_ns, &turn, run->from_ns);
    else
        fill_windows(run, run->from_ns);
    complete_before = complete(run);
    load_cost_now(options, false, &from);
    if (options->rate > 0) {
        offer(run, &next_ns, &turn, run->to_ns);
        drain(run); /* the CPU of the last messages counts too */
        load_cost_now(options, false, &to);
        messages = run->sent;
    } else {
        fill_windows(run, run->to_ns);
        load_cost_now(options, false, &to);
        messages = complete(run) - complete_before;
        drain(run);
    }
    if (run->crowd.gone > 0)
        hear_last_words(run);
    print(run, &from, &to, messages);
}

int load_messages(const struct load_options *options)
{
    static struct run run;
    int status = 1;

    run = (struct run) { .options = options };
    if (prepare(&run) != KS_OK || !load_crowd_gather(&run.crowd, run.crowd.count, options->concurrency))
        goto out;
    for (unsigned i = 0; i < run.crowd.count; i++)
        run.talkers[i].base = run.crowd.clients[i].sent;
    if (options->log && write_log(&run) != 0) /* with nothing in it yet: now they begin */
        goto out;
    measure(&run);
    status = options->log ? write_log(&run) : run.crowd.gone > 0;
    if (run.crowd.gone == 0)
        load_crowd_leave(&run.crowd);
    else if (!options->log)
        fprintf(stderr, "load: %u sessions were closed: %s\n", run.crowd.gone, run.crowd.why);
out:
    for (unsigned i = 0; run.talkers && i < run.crowd.count; i++) {
        load_template_done(&run.talkers[i].template);
        free(run.talkers[i].due_ns);
    }
    free(run.talkers);
    load_crowd_done(&run.crowd);
    return status;
}
