/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* conversation.c -- the counters of a conversation (history.h). */
#include <stdlib.h>

#include "engine.h"
#include "history.h"

#define VERSION 1
#define SCAN_MAX 1000 /* messages looked at to count what is unread */

static enum ks_err decode(struct ks_str record, struct ks_conversation *conversation)
{
    struct ks_cursor at = ks_cursor(record);
    uint64_t last, read, last_ms;
    uint8_t version;

    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_u64(&at, &last) != KS_OK || ks_cursor_u64(&at, &read) != KS_OK
        || ks_cursor_u64(&at, &last_ms) != KS_OK || ks_cursor_u32(&at, &conversation->unread) != KS_OK)
        return KS_ESTORE;
    conversation->last_order = (int64_t)last;
    conversation->read_order = (int64_t)read;
    conversation->last_ms = (int64_t)last_ms;
    return KS_OK;
}

enum ks_err ks_conversation_get(struct konsil *k, struct ks_str with, struct ks_conversation *ret_conversation)
{
    struct ks_str record;
    enum ks_err err = ks_store_get(k, KS_T_CONVERSATION, with, &record);

    *ret_conversation = (struct ks_conversation) { .with = with };
    if (err == KS_ENOTFOUND)
        return KS_OK;
    return err == KS_OK ? decode(record, ret_conversation) : err;
}

enum ks_err ks_conversation_put(struct konsil *k, const struct ks_conversation *conversation)
{
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init(&record, 256);
    ks_buf_byte(&record, VERSION);
    ks_buf_u64(&record, (uint64_t)conversation->last_order);
    ks_buf_u64(&record, (uint64_t)conversation->read_order);
    ks_buf_u64(&record, (uint64_t)conversation->last_ms);
    ks_buf_u32(&record, conversation->unread);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_CONVERSATION, conversation->with, ks_buf_str(&record));
    ks_buf_done(&record);
    return err;
}

struct all {
    struct konsil *k;
    struct ks_conversation *items;
    size_t count, cap;
    enum ks_err err;
};

static bool take(void *user, struct ks_str key, struct ks_str value)
{
    struct all *all = user;

    if (all->count == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 32;
        struct ks_conversation *items = ks_arena_zero(&all->k->arena, cap * sizeof(*items));

        if (!items) {
            all->err = KS_ENOMEM;
            return false;
        }
        if (all->count > 0)
            memcpy(items, all->items, all->count * sizeof(*items));
        all->items = items;
        all->cap = cap;
    }
    if ((all->err = ks_arena_copy(&all->k->arena, key, &all->items[all->count].with)) != KS_OK
        || (all->err = decode(value, &all->items[all->count])) != KS_OK)
        return false;
    all->count++;
    return true;
}

static int newest_first(const void *a, const void *b)
{
    const struct ks_conversation *x = a, *y = b;

    if (x->last_ms != y->last_ms)
        return x->last_ms < y->last_ms ? 1 : -1;
    return ks_str_cmp(x->with, y->with);
}

enum ks_err ks_conversation_all(struct konsil *k, struct ks_conversation **ret_conversations, size_t *ret_count)
{
    struct all all = { .k = k };
    enum ks_err err = k->store->ops->scan(k->store, KS_T_CONVERSATION, KS_STR_EMPTY, KS_STR_EMPTY, false, take, &all);

    if (err != KS_OK || (err = all.err) != KS_OK)
        return err;
    if (all.count > 0)
        qsort(all.items, all.count, sizeof(*all.items), newest_first);
    *ret_conversations = all.items;
    *ret_count = all.count;
    return KS_OK;
}

enum ks_err ks_conversation_read(struct konsil *k, struct ks_str with, int64_t order)
{
    struct ks_conversation conversation;
    struct ks_ev_read event = { .conversation = with };
    struct ks_message *messages;
    size_t count;
    enum ks_err err = ks_conversation_get(k, with, &conversation);

    if (err != KS_OK || order <= conversation.read_order)
        return err;
    if ((err = ks_history_page(k, with, 0, SCAN_MAX, &messages, &count)) != KS_OK)
        return err;
    conversation.read_order = order;
    conversation.unread = 0;
    for (size_t i = 0; i < count && messages[i].order > order; i++)
        if (!(messages[i].flags & (KS_MSG_MINE | KS_MSG_NOTICE)))
            conversation.unread++;
    event.unread = conversation.unread;
    if ((err = ks_conversation_put(k, &conversation)) != KS_OK)
        return err;
    return ks_tell(k, KS_EV_READ, &event);
}
