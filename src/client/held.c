/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "held.h"

#include <stdlib.h>

#include "certs.h"
#include "engine.h"
#include "xml_writer.h"

void ks_held_init(struct konsil *k)
{
    ks_list_init(&k->held.messages);
}

static void held_free(struct konsil *k, struct ks_held *held)
{
    ks_list_leave(&held->link);
    k->held.count--;
    k->held.bytes -= held->bytes.len;
    free(held);
}

void ks_held_lost(struct konsil *k)
{
    for (KS_LIST_EACH_SAFE(&k->held.messages, at))
        held_free(k, KS_CONTAINER(at, struct ks_held, link));
    k->wait_ms[KS_WAIT_HELD] = KS_NEVER;
}

void ks_held_done(struct konsil *k)
{
    if (k->held.messages.next)
        ks_held_lost(k);
}

bool ks_held_has(struct konsil *k, struct ks_str from, uint32_t device)
{
    for (KS_LIST_EACH(&k->held.messages, at)) {
        const struct ks_held *held = KS_CONTAINER(at, struct ks_held, link);

        if (held->device == device && ks_str_eq(held->from, from))
            return true;
    }
    return false;
}

static struct ks_str copy_to(char **at, struct ks_str text)
{
    struct ks_str copy = { *at, text.len };

    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

static struct ks_held *held_new(const struct ks_inbound *in, struct ks_str bytes)
{
    size_t len = bytes.len + in->from.len + in->to.len + in->peer.len + in->id.len + in->archive_id.len;
    struct ks_held *held = calloc(1, sizeof *held + len);
    char *at = (char *)(held + 1);

    if (!held)
        return NULL;
    held->room = in->room;
    held->mine = in->mine;
    held->idle = in->idle;
    held->stamp_ms = in->stamp_ms;
    held->bytes = copy_to(&at, bytes);
    held->from = copy_to(&at, in->from);
    held->to = copy_to(&at, in->to);
    held->peer = copy_to(&at, in->peer);
    held->id = copy_to(&at, in->id);
    held->archive_id = copy_to(&at, in->archive_id);
    ks_list_init(&held->link);
    return held;
}

bool ks_held_add(struct konsil *k, const struct ks_inbound *in, uint32_t device)
{
    struct ks_held *held = NULL;
    struct ks_buf bytes;

    if (k->held.count >= KS_HELD_MAX)
        return false;
    ks_buf_init(&bytes, KS_HELD_BYTES_MAX - k->held.bytes);
    ks_xml_write(&bytes, in->message, KS_STR_EMPTY);
    if (ks_buf_err(&bytes) == KS_OK && (held = held_new(in, ks_buf_str(&bytes)))) {
        held->device = device;
        held->until_ms = k->now.mono_ms + KS_HELD_MS;
        ks_list_append(&k->held.messages, &held->link);
        k->held.count++;
        k->held.bytes += held->bytes.len;
        k->wait_ms[KS_WAIT_HELD] = ks_sooner(k->wait_ms[KS_WAIT_HELD], held->until_ms);
    }
    ks_buf_done(&bytes);
    return held;
}

void ks_held_wake(struct konsil *k)
{
    if (k->held.count > 0)
        k->wait_ms[KS_WAIT_HELD] = k->now.mono_ms;
}

struct look {
    struct ks_held *held;
    bool coming;
};

static enum ks_err look_at(struct konsil *k, void *arg)
{
    struct look *look = arg;

    return ks_certs_want(k, look->held->from, look->held->device, &look->coming);
}

void ks_held_due(struct konsil *k)
{
    struct ks_list ready;

    k->wait_ms[KS_WAIT_HELD] = KS_NEVER;
    ks_list_init(&ready);
    for (KS_LIST_EACH_SAFE(&k->held.messages, at)) {
        struct look look = { KS_CONTAINER(at, struct ks_held, link), false };

        if (look.held->until_ms > k->now.mono_ms && !ks_step(k, look_at, &look))
            return;
        if (look.coming) {
            k->wait_ms[KS_WAIT_HELD] = ks_sooner(k->wait_ms[KS_WAIT_HELD], look.held->until_ms);
        } else {
            ks_list_leave(at);
            ks_list_append(&ready, at);
        }
    }
    /* Off the list first: what follows from one may hold another back, and must not find these. */
    while (!ks_list_empty(&ready)) {
        struct ks_held *held = KS_CONTAINER(ready.next, struct ks_held, link);

        ks_inbox_again(k, held);
        held_free(k, held);
    }
}
