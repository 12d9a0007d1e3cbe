/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a client pays that was away: it reads its archive (XEP-0313) page by page, as fast as the server gives it. */
#include <stdio.h>
#include <stdlib.h>

#include "load_message.h"
#include "load_work.h"

#define PAGE 250   /* asked for; servers give less when that is too many for them */
#define WINDOW 200 /* messages under way while the archives are filled */
#define ROUNDS 3
#define FILL_SECONDS_MAX 240
#define READ_SECONDS_MAX 120
#define TURN_NS 100000000

struct reader {
    struct load_template template; /* of a sender */
    uint32_t base, sent;
    unsigned rows, pages;
    bool done;
};

struct catchup {
    const struct load_options *options;
    struct load_crowd crowd;
    struct reader *readers; /* those of even numbers write to the next */
    unsigned done;
};

static struct reader *reader_of(struct load_client *client)
{
    struct load_crowd *crowd = load_crowd_of(client);

    return &((struct catchup *)crowd->work)->readers[client - crowd->clients];
}

static void on_message(struct load_client *client, struct ks_str stanza)
{
    reader_of(client)->rows += ks_str_find(stanza, KS_STR("<forwarded")) < stanza.len;
}

static void on_iq(struct load_client *client, struct ks_str stanza)
{
    struct catchup *catchup = load_crowd_of(client)->work;
    struct reader *reader = reader_of(client);
    struct ks_str last = load_page_last(stanza);

    if (!ks_str_is(load_attr(stanza, "id"), "mam") || reader->done)
        return;
    reader->pages++;
    if (last.len > 0) {
        load_page_ask(client, PAGE, last);
        return;
    }
    reader->done = true;
    catchup->done++;
}

static bool fill(struct catchup *catchup)
{
    struct load_crowd *crowd = &catchup->crowd;
    int64_t deadline_ns = load_now_ns() + FILL_SECONDS_MAX * 1000000000LL;
    unsigned filled = 0;

    for (unsigned i = 0; i < crowd->count; i += 2)
        catchup->readers[i].base = crowd->clients[i].sent;
    while (filled < crowd->count / 2 && crowd->gone == 0 && load_now_ns() < deadline_ns) {
        filled = 0;
        for (unsigned i = 0; i < crowd->count; i += 2) {
            struct reader *reader = &catchup->readers[i];
            struct load_client *client = &crowd->clients[i];
            while (reader->sent < catchup->options->messages && client->sent - client->acked < WINDOW) {
                struct load_message_id id = { .sender = client->account, .number = ++reader->sent };
                load_client_send(client, load_template_fill(&reader->template, &id));
            }
            filled += client->acked - reader->base >= catchup->options->messages;
        }
        load_net_turn(&crowd->net, load_now_ns() + TURN_NS);
    }
    if (filled < crowd->count / 2)
        fprintf(stderr, "load: the archives cannot be filled: %s\n", crowd->gone ? crowd->why : "it takes too long");
    return filled == crowd->count / 2;
}

/* Everybody reads everything once. */
static bool read_all(struct catchup *catchup)
{
    struct load_crowd *crowd = &catchup->crowd;
    int64_t deadline_ns = load_now_ns() + READ_SECONDS_MAX * 1000000000LL;

    catchup->done = 0;
    for (unsigned i = 0; i < crowd->count; i++) {
        catchup->readers[i].rows = catchup->readers[i].pages = 0;
        catchup->readers[i].done = false;
        load_page_ask(&crowd->clients[i], PAGE, KS_STR_EMPTY);
    }
    while (catchup->done < crowd->count && crowd->gone == 0 && load_now_ns() < deadline_ns)
        load_net_turn(&crowd->net, load_now_ns() + TURN_NS);
    for (unsigned i = 0; i < crowd->count; i++)
        if (catchup->readers[i].rows < catchup->options->messages) {
            fprintf(stderr, "load: an archive gave %u of %u messages\n", catchup->readers[i].rows,
                catchup->options->messages);
            return false;
        }
    return true;
}

static bool measure(struct catchup *catchup)
{
    struct load_cost before, after;
    double rows = 0, seconds;

    load_cost_now(catchup->options, false, &before);
    for (int round = 0; round < ROUNDS; round++) {
        if (!read_all(catchup))
            return false;
        for (unsigned i = 0; i < catchup->crowd.count; i++)
            rows += catchup->readers[i].rows;
    }
    load_cost_now(catchup->options, false, &after);
    seconds = (double)(after.at_ns - before.at_ns) / 1e9;
    printf("{\"workload\":\"catchup\",\"archives\":%u,\"messages\":%u,\"pages\":%u,\"per_second\":%.1f,"
           "\"cpu_us_per_message\":%.2f,\"generator_cpu\":%.2f}\n",
        catchup->crowd.count, catchup->options->messages, catchup->readers[0].pages, rows / seconds,
        (double)(after.server.user_us + after.server.system_us - before.server.user_us - before.server.system_us)
            / rows,
        (double)(after.own_us - before.own_us) / 1e6 / seconds);
    return true;
}

static bool make_templates(struct catchup *catchup)
{
    const struct load_options *options = catchup->options;
    char tag[LOAD_TAG_LEN + 1];

    load_tag_make(&catchup->crowd.net.prng, tag);
    for (unsigned i = 0; i < catchup->crowd.count; i += 2)
        if (load_template_init(&catchup->readers[i].template, tag, options->target.domain, options->first + i,
                options->first + i + 1, options->message_bytes, &catchup->crowd.net.prng)
            != KS_OK)
            return false;
    return true;
}

int load_catchup(const struct load_options *options)
{
    struct catchup catchup = { .options = options };
    unsigned count = options->clients & ~1u;
    int status = 1;

    catchup.readers = calloc(count, sizeof(*catchup.readers));
    if (!catchup.readers || load_crowd_init(&catchup.crowd, options, count) != KS_OK)
        goto out;
    catchup.crowd.work = &catchup;
    if (!make_templates(&catchup) || !load_crowd_gather(&catchup.crowd, count, options->concurrency) || !fill(&catchup))
        goto out;
    load_crowd_rest(&catchup.crowd, options->warm_seconds); /* what was delivered is acknowledged */
    catchup.crowd.events.message = on_message;
    catchup.crowd.events.iq = on_iq;
    if (measure(&catchup))
        status = 0;
    load_crowd_leave(&catchup.crowd);
out:
    for (unsigned i = 0; catchup.readers && i < count; i++)
        load_template_done(&catchup.readers[i].template);
    free(catchup.readers);
    if (catchup.crowd.clients)
        load_crowd_done(&catchup.crowd);
    return status;
}
