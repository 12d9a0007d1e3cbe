/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "parcel.h"

#include <stdlib.h>

#include "reactor.h"
#include "session.h"

#define ROOM_BYTES 256

struct ks_parcel *ks_parcel_new(size_t bytes_max)
{
    struct ks_parcel *parcel = malloc(sizeof *parcel + ROOM_BYTES);

    if (!parcel)
        return NULL;
    *parcel = (struct ks_parcel) { 0 };
    atomic_init(&parcel->refs, 1);
    ks_list_init(&parcel->link);
    ks_arena_init_room(&parcel->arena, bytes_max, parcel->room, ROOM_BYTES);
    return parcel;
}

struct ks_parcel *ks_parcel_child(struct ks_parcel *parent, size_t bytes_max)
{
    struct ks_parcel *parcel = ks_parcel_new(bytes_max);

    if (parcel)
        parcel->parent = ks_parcel_ref(parent);
    return parcel;
}

struct ks_parcel *ks_parcel_ref(struct ks_parcel *parcel)
{
    atomic_fetch_add_explicit(&parcel->refs, 1, memory_order_relaxed);
    return parcel;
}

void ks_parcel_ignore(struct ks_reactor *r, struct ks_parcel *parcel)
{
    (void)r;
    (void)parcel;
}

/* Tells the session that its stanza was handled: at once when it is here, else by a parcel of its own. */
static void report(struct ks_reactor *r, struct ks_parcel *parcel)
{
    if (parcel->origin.reactor == r->index) {
        ks_session_handled(r, parcel->origin.session, parcel->origin.number);
        return;
    }
    struct ks_parcel *news = ks_parcel_new(64);
    if (!news)
        return; /* the session resumes later and sends it again */
    news->run = ks_session_handled_run;
    news->reactor = parcel->origin.reactor;
    news->session = parcel->origin.session;
    news->number = parcel->origin.number;
    ks_post(r, news);
}

void ks_parcel_unref(struct ks_reactor *r, struct ks_parcel *parcel)
{
    while (parcel && atomic_fetch_sub_explicit(&parcel->refs, 1, memory_order_acq_rel) == 1) {
        struct ks_parcel *parent = parcel->parent;
        if (parcel->origin.session)
            report(r, parcel);
        ks_arena_done(&parcel->arena);
        free(parcel);
        parcel = parent;
    }
}

struct ks_bytes *ks_bytes_new(struct ks_str text)
{
    return ks_bytes_join(&text, 1);
}

struct ks_bytes *ks_bytes_join(const struct ks_str *texts, size_t count)
{
    struct ks_bytes *bytes;
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += texts[i].len;
    bytes = len <= UINT32_MAX ? malloc(sizeof *bytes + len) : NULL;
    if (!bytes)
        return NULL;
    atomic_init(&bytes->refs, 1);
    bytes->len = (uint32_t)len;
    len = 0;
    for (size_t i = 0; i < count; i++)
        if (texts[i].len) {
            memcpy(bytes->data + len, texts[i].ptr, texts[i].len);
            len += texts[i].len;
        }
    return bytes;
}

struct ks_bytes *ks_bytes_ref(struct ks_bytes *bytes)
{
    atomic_fetch_add_explicit(&bytes->refs, 1, memory_order_relaxed);
    return bytes;
}

void ks_bytes_unref(struct ks_bytes *bytes)
{
    if (bytes && atomic_fetch_sub_explicit(&bytes->refs, 1, memory_order_acq_rel) == 1)
        free(bytes);
}
