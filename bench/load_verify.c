/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reads whole archives (XEP-0313) and counts which acknowledged messages of a log are not in them. */
#include <stdio.h>
#include <stdlib.h>

#include "load_message.h"
#include "load_work.h"

#define PAGE 100
#define VERIFY_SECONDS_MAX 300
#define TURN_NS 100000000

struct pair {
    char tag[LOAD_TAG_LEN + 1];
    unsigned sender, recipient;
    uint32_t acked, received;
    bool *archived; /* by number of the message */
    bool done, refused;
};

struct verify {
    const struct load_options *options;
    struct load_crowd crowd;
    struct pair *pairs;
    unsigned count, done;
};

static struct pair *pair_of(struct load_client *client)
{
    struct load_crowd *crowd = load_crowd_of(client);

    return &((struct verify *)crowd->work)->pairs[client - crowd->clients];
}

static void on_message(struct load_client *client, struct ks_str stanza)
{
    struct pair *pair = pair_of(client);
    size_t at = ks_str_find(stanza, KS_STR("<forwarded"));
    struct load_message_id id;

    if (at == stanza.len || !load_message_id_find(ks_str_from(stanza, at), ks_str_z(pair->tag), &id))
        return;
    if (id.sender == pair->sender && id.number <= pair->acked)
        pair->archived[id.number] = true;
}

static void on_iq(struct load_client *client, struct ks_str stanza)
{
    struct verify *verify = load_crowd_of(client)->work;
    struct pair *pair = pair_of(client);
    struct ks_str last = load_page_last(stanza);

    if (!ks_str_is(load_attr(stanza, "id"), "mam") || pair->done)
        return;
    if (last.len > 0) {
        load_page_ask(client, PAGE, last);
        return;
    }
    pair->refused = !ks_str_is(load_attr(stanza, "type"), "result");
    pair->done = true;
    verify->done++;
}

static bool read_log(struct verify *verify)
{
    FILE *file = fopen(verify->options->log, "re");
    struct pair pair = { 0 };

    if (!file) {
        perror(verify->options->log);
        return false;
    }
    verify->pairs = calloc(verify->options->clients, sizeof(*verify->pairs));
    while (verify->pairs && verify->count < verify->options->clients
        && fscanf(file, "%10s %u %u %u %u", pair.tag, &pair.sender, &pair.recipient, &pair.acked, &pair.received)
            == 5) {
        pair.archived = calloc((size_t)pair.acked + 1, sizeof(bool));
        if (!pair.archived)
            break;
        verify->pairs[verify->count++] = pair;
    }
    fclose(file);
    return verify->count > 0;
}

static bool look_into_archives(struct verify *verify)
{
    bool senders_side = strcmp(verify->options->side, "sender") == 0;
    int64_t deadline_ns = load_now_ns() + VERIFY_SECONDS_MAX * 1000000000LL;

    for (unsigned i = 0; i < verify->count; i++) {
        verify->crowd.clients[i].account = senders_side ? verify->pairs[i].sender : verify->pairs[i].recipient;
        verify->crowd.clients[i].unavailable = true;
    }
    if (!load_crowd_gather(&verify->crowd, verify->count, verify->options->concurrency))
        return false;
    for (unsigned i = 0; i < verify->count; i++)
        load_page_ask(&verify->crowd.clients[i], PAGE, KS_STR_EMPTY);
    while (verify->done < verify->count && verify->crowd.gone == 0 && load_now_ns() < deadline_ns)
        load_net_turn(&verify->crowd.net, load_now_ns() + TURN_NS);
    if (verify->done < verify->count)
        fprintf(stderr, "load: only %u of %u archives could be read\n", verify->done, verify->count);
    return verify->done == verify->count;
}

static int report(const struct verify *verify)
{
    unsigned long long acked = 0, missing = 0, unseen = 0;

    for (unsigned i = 0; i < verify->count; i++) {
        const struct pair *pair = &verify->pairs[i];

        if (pair->refused) {
            fprintf(stderr, "load: the server refuses to show the archive of pair %u\n", i);
            return 1;
        }
        acked += pair->acked;
        for (uint32_t number = 1; number <= pair->acked; number++) {
            missing += !pair->archived[number];
            unseen += !pair->archived[number] && number > pair->received;
        }
    }
    printf("{\"workload\":\"verify\",\"side\":\"%s\",\"archives\":%u,\"acked\":%llu,\"missing\":%llu,"
           "\"missing_and_never_delivered\":%llu}\n",
        verify->options->side, verify->count, acked, missing, unseen);
    return 0;
}

int load_verify(const struct load_options *options)
{
    struct verify verify = { .options = options };
    int status = 1;

    if (!read_log(&verify) || load_crowd_init(&verify.crowd, options, verify.count) != KS_OK)
        goto out;
    verify.crowd.work = &verify;
    verify.crowd.events.message = on_message;
    verify.crowd.events.iq = on_iq;
    if (look_into_archives(&verify))
        status = report(&verify);
    load_crowd_leave(&verify.crowd);
out:
    for (unsigned i = 0; i < verify.count; i++)
        free(verify.pairs[i].archived);
    free(verify.pairs);
    if (verify.crowd.clients)
        load_crowd_done(&verify.crowd);
    return status;
}
