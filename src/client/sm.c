/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sm.h"

#include <stdlib.h>

struct ks_sm_item {
    struct ks_list link;
    uint64_t tag;
    size_t len;
    char bytes[];
};

static void drop_queue(struct ks_sm *sm)
{
    for (KS_LIST_EACH_SAFE(&sm->queue, at)) {
        ks_list_leave(at);
        free(KS_CONTAINER(at, struct ks_sm_item, link));
    }
    sm->unacked = 0;
}

void ks_sm_init(struct ks_sm *sm)
{
    *sm = (struct ks_sm) { .enabled = false };
    ks_list_init(&sm->queue);
}

void ks_sm_done(struct ks_sm *sm)
{
    if (sm->queue.next)
        drop_queue(sm);
    free(sm->id);
    sm->id = NULL;
}

void ks_sm_reset(struct ks_sm *sm)
{
    ks_sm_done(sm);
    ks_sm_init(sm);
}

enum ks_err ks_sm_enabled(struct ks_sm *sm, struct ks_str id, bool resumable)
{
    assert(!sm->enabled);
    if (resumable && id.len > 0 && !(sm->id = ks_str_dup(id)))
        return KS_ENOMEM;
    sm->enabled = true;
    sm->resumable = sm->id != NULL;
    return KS_OK;
}

enum ks_err ks_sm_sent(struct ks_sm *sm, struct ks_str bytes, uint64_t tag)
{
    struct ks_sm_item *item;

    if (sm->unacked >= KS_SM_UNACKED_MAX)
        return KS_ELIMIT;
    if (!(item = malloc(sizeof(*item) + bytes.len)))
        return KS_ENOMEM;
    item->tag = tag;
    item->len = bytes.len;
    memcpy(item->bytes, bytes.ptr, bytes.len);
    ks_list_init(&item->link);
    ks_list_append(&sm->queue, &item->link);
    sm->unacked++;
    return KS_OK;
}

enum ks_err ks_sm_acked(struct ks_sm *sm, uint32_t h, void (*acked)(void *user, uint64_t tag), void *user)
{
    uint32_t count = h - sm->acked; /* modulo 2^32, as XEP-0198 §4 counts */

    if (count > sm->unacked)
        return KS_ESYNTAX;
    sm->acked = h;
    for (; count > 0; count--) {
        struct ks_sm_item *item = KS_CONTAINER(sm->queue.next, struct ks_sm_item, link);
        uint64_t tag = item->tag;

        ks_list_leave(&item->link);
        free(item);
        sm->unacked--;
        if (tag)
            acked(user, tag);
    }
    return KS_OK;
}

const struct ks_sm_item *ks_sm_next(const struct ks_sm *sm, const struct ks_sm_item *after, struct ks_str *ret_bytes)
{
    const struct ks_list *at = after ? after->link.next : sm->queue.next;
    const struct ks_sm_item *item;

    if (at == &sm->queue)
        return NULL;
    item = (const struct ks_sm_item *)(const void *)((const char *)at - offsetof(struct ks_sm_item, link));
    *ret_bytes = ks_str(item->bytes, item->len);
    return item;
}
