/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sim_link.h"

#include "town_room.h"
#include <stdlib.h>

enum segment_kind {
    SEG_OPEN, /* up: a connection is asked for; down: it is there */
    SEG_BYTES,
    SEG_TLS, /* up: the client's half of the handshake; down: the server's */
    SEG_CLOSE,
};

struct segment {
    struct segment *next;
    enum segment_kind kind;
    int64_t sent_ms, at_ms;
    struct ks_buf bytes;
};

struct pipe {
    struct segment *first, **end;
    int64_t last_ms;
    char tail[64]; /* the last bytes that passed, so that a search finds what lies across two segments */
    size_t tail_len;
};

struct sim_link {
    struct sim_link *next;
    struct town *town;
    struct device *device;  /* NULL: it let go */
    struct host_conn *conn; /* NULL: not there yet, or gone */
    struct pipe up, down;
    int64_t still_ms; /* until then nothing arrives */
    bool broken;
};

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void put(struct sim_link *link, struct pipe *pipe, enum segment_kind kind, struct ks_str bytes, int64_t at_ms)
{
    struct segment *segment = calloc(1, sizeof *segment);

    if (!segment)
        abort();
    segment->kind = kind;
    segment->sent_ms = link->town->now.mono_ms;
    segment->at_ms = later(later(at_ms, link->still_ms), pipe->last_ms);
    pipe->last_ms = segment->at_ms;
    ks_buf_init(&segment->bytes, SIZE_MAX);
    ks_buf_add(&segment->bytes, bytes);
    *pipe->end = segment;
    pipe->end = &segment->next;
}

static void send(struct sim_link *link, struct pipe *pipe, enum segment_kind kind, struct ks_str bytes)
{
    if (!link->broken)
        put(link, pipe, kind, bytes, link->town->now.mono_ms + town_between(link->town, 1, 250));
}

static void drop_segment(struct pipe *pipe)
{
    struct segment *segment = pipe->first;

    pipe->first = segment->next;
    if (!pipe->first)
        pipe->end = &pipe->first;
    ks_buf_done(&segment->bytes);
    free(segment);
}

/* --- what a wiretap would see --- */

static size_t times(struct ks_str bytes, const char *word)
{
    struct ks_str needle = ks_str_z(word);
    size_t count = 0, at;

    while ((at = ks_str_find(bytes, needle)) < bytes.len) {
        count++;
        bytes = ks_str_from(bytes, at + needle.len);
    }
    return count;
}

static void watch(struct sim_link *link, struct pipe *pipe, struct ks_str bytes)
{
    struct ks_buf all;

    ks_buf_init(&all, SIZE_MAX);
    ks_buf_add(&all, ks_str(pipe->tail, pipe->tail_len));
    ks_buf_add(&all, bytes);
    link->town->canaries_seen += times(ks_buf_str(&all), link->town->canary);
    link->town->clear_seen += times(ks_buf_str(&all), link->town->clear);
    struct ks_str tail = ks_str_from(ks_buf_str(&all), all.len > 30 ? all.len - 30 : 0);
    memcpy(pipe->tail, tail.ptr, tail.len);
    pipe->tail_len = tail.len;
    ks_buf_done(&all);
}

/* --- the device's end --- */

void device_connect(struct device *device)
{
    struct sim_link *link = calloc(1, sizeof *link);

    if (!link)
        abort();
    device_hang_up(device);
    link->town = device->town;
    link->device = device;
    link->up.end = &link->up.first;
    link->down.end = &link->down.first;
    link->next = device->town->links;
    device->town->links = link;
    device->link = link;
    send(link, &link->up, SEG_OPEN, KS_STR_EMPTY);
}

void device_send(struct device *device, struct ks_str bytes)
{
    if (!device->link || !bytes.len || device->dying)
        return;
    watch(device->link, &device->link->up, bytes);
    town_room_sent(device, bytes);
    send(device->link, &device->link->up, SEG_BYTES, bytes);
}

void device_start_tls(struct device *device)
{
    if (device->link)
        send(device->link, &device->link->up, SEG_TLS, KS_STR_EMPTY);
}

void device_hang_up(struct device *device)
{
    struct sim_link *link = device->link;

    device->link = NULL;
    if (!link)
        return;
    link->device = NULL;
    send(link, &link->up, SEG_CLOSE, KS_STR_EMPTY);
}

/* --- arrivals --- */

static bool other_conn(const struct sim_link *link)
{
    for (const struct sim_link *at = link->town->links; at; at = at->next)
        if (at != link && at->conn && !at->device && !strcmp(at->conn->label, link->device->name))
            return true;
    return false;
}

static void open_at_server(struct sim_link *link)
{
    struct town *town = link->town;

    if (!town->host) {
        send(link, &link->down, SEG_CLOSE, KS_STR_EMPTY);
        return;
    }
    if (!link->device) /* it does not wait any more */
        return;
    town->struck[FAULT_GHOST] += other_conn(link);
    link->conn = host_connect(town->host, link->device->address);
    link->conn->label = link->device->name;
    send(link, &link->down, SEG_OPEN, KS_STR_EMPTY);
}

static void lose_server_end(struct sim_link *link)
{
    if (link->conn)
        host_conn_free(link->conn);
    link->conn = NULL;
}

/* Did somebody else send something before, that is not there yet? */
static bool overtook(const struct sim_link *link, const struct segment *segment)
{
    for (const struct sim_link *at = link->town->links; at; at = at->next)
        if (at != link && at->conn && at->up.first && at->up.first->kind == SEG_BYTES
            && at->up.first->sent_ms < segment->sent_ms)
            return true;
    return false;
}

static void arrive_up(struct sim_link *link, struct segment *segment)
{
    switch (segment->kind) {
    case SEG_OPEN:
        open_at_server(link);
        break;
    case SEG_BYTES:
        if (link->conn && link->town->host) {
            link->town->struck[FAULT_OVERTAKEN] += overtook(link, segment);
            town_trace(link->town, "%s > %.*s", link->conn->label, KS_STR_FMT(ks_buf_str(&segment->bytes)));
            host_feed(link->conn, ks_buf_str(&segment->bytes));
        }
        break;
    case SEG_TLS:
        if (link->conn && link->conn->tls_asked) {
            host_secure(link->conn);
            send(link, &link->down, SEG_TLS, KS_STR_EMPTY);
        }
        break;
    case SEG_CLOSE:
        lose_server_end(link);
        break;
    }
    town_serve(link->town);
}

static void arrive_down(struct sim_link *link, struct segment *segment)
{
    struct device *device = link->device;

    if (!device || !device->alive || device->dying)
        return;
    switch (segment->kind) {
    case SEG_OPEN:
        device->ops->opened(device);
        break;
    case SEG_BYTES:
        town_trace(link->town, "%s < %.*s", device->name, KS_STR_FMT(ks_buf_str(&segment->bytes)));
        device->ops->feed(device, ks_buf_str(&segment->bytes));
        break;
    case SEG_TLS:
        device->ops->secured(device);
        break;
    case SEG_CLOSE:
        device->link = NULL;
        link->device = NULL;
        device->ops->closed(device);
        break;
    }
}

static bool run_one(struct sim_link *link)
{
    int64_t now = link->town->now.mono_ms;
    struct pipe *pipe = link->up.first && link->up.first->at_ms <= now ? &link->up
        : link->down.first && link->down.first->at_ms <= now           ? &link->down
                                                                       : NULL;
    struct segment taken;

    if (!pipe)
        return false;
    taken = *pipe->first;
    ks_buf_init(&pipe->first->bytes, 0);
    drop_segment(pipe);
    if (pipe == &link->up)
        arrive_up(link, &taken);
    else
        arrive_down(link, &taken);
    ks_buf_done(&taken.bytes);
    return true;
}

int64_t links_next_ms(const struct town *town)
{
    int64_t at = KS_NEVER;

    for (const struct sim_link *link = town->links; link; link = link->next) {
        if (link->up.first)
            at = ks_sooner(at, link->up.first->at_ms);
        if (link->down.first)
            at = ks_sooner(at, link->down.first->at_ms);
    }
    return at;
}

static void free_link(struct sim_link *link)
{
    while (link->up.first)
        drop_segment(&link->up);
    while (link->down.first)
        drop_segment(&link->down);
    lose_server_end(link);
    free(link);
}

void links_run(struct town *town)
{
    for (struct sim_link **at = &town->links, *link; (link = *at);) {
        if (run_one(link)) {
            at = &town->links; /* a device may have made another one */
            continue;
        }
        if (!link->device && !link->conn && !link->up.first) {
            *at = link->next;
            free_link(link);
        } else {
            at = &link->next;
        }
    }
}

void links_take_output(struct town *town)
{
    for (struct sim_link *link = town->links; link; link = link->next) {
        if (!link->conn)
            continue;
        if (link->conn->out.len) {
            if (link->device)
                town_room_lie(town, link->device, &link->conn->out);
            watch(link, &link->down, ks_buf_str(&link->conn->out));
            send(link, &link->down, SEG_BYTES, ks_buf_str(&link->conn->out));
            ks_buf_reset(&link->conn->out);
        }
        if (link->conn->closed) {
            lose_server_end(link);
            send(link, &link->down, SEG_CLOSE, KS_STR_EMPTY);
        }
    }
}

/* --- the end --- */

/* Everything from some byte on. */
static void lose_bytes(struct sim_link *link, struct pipe *pipe)
{
    struct segment **at = &pipe->first;
    size_t count = 0;

    for (struct segment *segment = pipe->first; segment; segment = segment->next)
        count++;
    for (size_t keep = (size_t)town_between(link->town, 0, (int64_t)count); keep; keep--)
        at = &(*at)->next;
    while (*at) {
        struct segment *segment = *at;
        link->town->struck[FAULT_BYTES] += segment->bytes.len > 0;
        *at = segment->next;
        ks_buf_done(&segment->bytes);
        free(segment);
    }
    pipe->end = at;
}

static void hold_back(struct pipe *pipe, int64_t until_ms)
{
    for (struct segment *segment = pipe->first; segment; segment = segment->next)
        segment->at_ms = later(segment->at_ms, until_ms);
    pipe->last_ms = later(pipe->last_ms, until_ms);
}

void link_stall(struct sim_link *link, int64_t ms)
{
    link->still_ms = link->town->now.mono_ms + ms;
    hold_back(&link->up, link->still_ms);
    hold_back(&link->down, link->still_ms);
}

void link_break(struct sim_link *link)
{
    struct town *town = link->town;

    if (link->broken)
        return;
    lose_bytes(link, &link->up);
    lose_bytes(link, &link->down);
    link->broken = true;
    /* Each end learns of it in its own time; the device may have come back by then. */
    put(link, &link->up, SEG_CLOSE, KS_STR_EMPTY, town->now.mono_ms + town_between(town, 0, 90000));
    put(link, &link->down, SEG_CLOSE, KS_STR_EMPTY, town->now.mono_ms + town_between(town, 0, 20000));
}

void links_server_died(struct town *town)
{
    for (struct sim_link *link = town->links; link; link = link->next) {
        lose_server_end(link);
        if (link->broken)
            continue;
        lose_bytes(link, &link->up);
        lose_bytes(link, &link->down);
        link->broken = true;
        put(link, &link->down, SEG_CLOSE, KS_STR_EMPTY, town->now.mono_ms + town_between(town, 0, 5000));
    }
}

struct sim_link *links_any(struct town *town)
{
    size_t count = 0;

    for (struct sim_link *link = town->links; link; link = link->next)
        count += link->device && !link->broken;
    if (!count)
        return NULL;
    count = (size_t)town_between(town, 0, (int64_t)count - 1);
    for (struct sim_link *link = town->links; link; link = link->next)
        if (link->device && !link->broken && count-- == 0)
            return link;
    return NULL;
}

void links_free(struct town *town)
{
    while (town->links) {
        struct sim_link *link = town->links;
        town->links = link->next;
        free_link(link);
    }
}
