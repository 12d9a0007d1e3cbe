/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "history.h"

#include <stdlib.h>

#include "chain.h"
#include "crypto.h"
#include "enc.h"
#include "engine.h"
#include "history_record.h"
#include "unicode.h"

#define LATE_SHOWN_MS 300000 /* doc/PROTOCOL.md: above it both times are shown */
#define UNREAD_MAX 10000     /* counted no further */

/* --- keys --- */

static void add_u64(struct ks_buf *key, uint64_t value)
{
    ks_buf_u64(key, value);
}

static void message_key(struct ks_buf *key, struct ks_str conversation, int64_t order)
{
    ks_buf_add(key, conversation);
    ks_buf_byte(key, 0);
    add_u64(key, (uint64_t)order);
}

static void id_key(struct ks_buf *key, struct ks_str conversation, struct ks_str id, struct ks_str author)
{
    ks_buf_byte(key, 'i');
    ks_buf_add(key, conversation);
    ks_buf_byte(key, 0);
    ks_buf_add(key, id);
    ks_buf_byte(key, 0);
    ks_buf_add(key, author);
}

#define KEY_BYTES_MAX 8192

enum ks_err ks_history_id(struct konsil *k, struct ks_str id, struct ks_str *ret_id)
{
    uint8_t digest[KS_HASH_MAX];
    struct ks_buf hex;
    enum ks_err err;

    if (id.len <= KS_ID_MAX) {
        *ret_id = id;
        return KS_OK;
    }
    ks_hash(KS_SHA256, id, digest);
    ks_buf_init(&hex, KS_HASH_MAX);
    ks_hex_add(&hex, ks_str(digest, ks_hash_len(KS_SHA256)));
    if ((err = ks_buf_err(&hex)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&hex), ret_id);
    ks_buf_done(&hex);
    return err;
}

/* --- reading --- */

enum ks_err ks_history_get(struct konsil *k, struct ks_str conversation, int64_t order, struct ks_message *ret_message)
{
    struct ks_buf key;
    struct ks_str record;
    enum ks_err err;

    ks_buf_init(&key, KEY_BYTES_MAX);
    message_key(&key, conversation, order);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = ks_store_get(k, KS_T_MESSAGE, ks_buf_str(&key), &record);
    ks_buf_done(&key);
    if (err != KS_OK)
        return err;
    ret_message->conversation = conversation;
    ret_message->order = order;
    return ks_message_decode(&k->arena, record, ret_message);
}

static enum ks_err read_order(struct ks_str value, int64_t *ret_order)
{
    struct ks_cursor at = ks_cursor(value);
    uint64_t order;

    if (ks_cursor_u64(&at, &order) != KS_OK)
        return KS_ESTORE;
    *ret_order = (int64_t)order;
    return KS_OK;
}

struct first {
    enum ks_err err;
    int64_t order;
};

static bool take_first(void *user, struct ks_str key, struct ks_str value)
{
    struct first *first = user;

    (void)key;
    first->err = read_order(value, &first->order);
    return false;
}

/* The order behind the first key of KS_T_MESSAGE_ID that starts so. */
static enum ks_err find_first(struct konsil *k, struct ks_str prefix, int64_t *ret_order)
{
    struct first first = { .err = KS_ENOTFOUND };
    enum ks_err err = k->store->ops->scan(k->store, KS_T_MESSAGE_ID, prefix, KS_STR_EMPTY, false, take_first, &first);

    *ret_order = first.order;
    return err == KS_OK ? first.err : err;
}

static enum ks_err find_exact(struct konsil *k, struct ks_str key, int64_t *ret_order)
{
    struct ks_str value;
    enum ks_err err = ks_store_get(k, KS_T_MESSAGE_ID, key, &value);

    return err == KS_OK ? read_order(value, ret_order) : err;
}

/* The order of the message with this id; author may be empty: whoever's comes first. */
static enum ks_err find_order(
    struct konsil *k, struct ks_str conversation, struct ks_str id, struct ks_str author, int64_t *ret_order)
{
    struct ks_buf key;
    enum ks_err err;

    ks_buf_init(&key, KEY_BYTES_MAX);
    id_key(&key, conversation, id, author);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = author.len > 0 ? find_exact(k, ks_buf_str(&key), ret_order) : find_first(k, ks_buf_str(&key), ret_order);
    ks_buf_done(&key);
    return err;
}

enum ks_err ks_history_find(struct konsil *k, struct ks_str conversation, struct ks_str id, struct ks_str author,
    struct ks_message *ret_message)
{
    int64_t order;
    enum ks_err err = find_order(k, conversation, id, author, &order);

    return err == KS_OK ? ks_history_get(k, conversation, order, ret_message) : err;
}

/* --- writing --- */

enum ks_err ks_history_set_files(struct konsil *k, const struct ks_files *files, struct ks_message *message)
{
    struct ks_buf record;
    enum ks_err err;

    if (!files->count)
        return KS_OK;
    ks_buf_init_secret(&record, KS_FILES_RECORD_MAX);
    ks_files_encode(&record, files);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&record), &message->files);
    ks_buf_done(&record);
    message->flags |= KS_MSG_FILES;
    return err;
}

static enum ks_err put_order(struct konsil *k, struct ks_buf *key, int64_t order)
{
    char bytes[8];
    enum ks_err err = ks_buf_err(key);

    for (int i = 0; i < 8; i++)
        bytes[i] = (char)((uint64_t)order >> (56 - 8 * i));
    if (err == KS_OK)
        err = k->store->ops->put(k->store, KS_T_MESSAGE_ID, ks_buf_str(key), ks_str(bytes, sizeof(bytes)));
    ks_buf_done(key);
    return err;
}

/* The body, and the names of the files. */
static enum ks_err words_of(struct konsil *k, const struct ks_message *message, struct ks_str *ret_words)
{
    struct ks_str texts[1 + 2 * KS_FILES_MAX] = { message->body };
    struct ks_files files;
    enum ks_err err;

    *ret_words = message->body;
    if (!(message->flags & KS_MSG_FILES))
        return KS_OK;
    if ((err = ks_files_decode(&k->arena, message->files, &files)) != KS_OK)
        return err;
    for (size_t i = 0; i < files.count; i++) {
        texts[1 + 2 * i] = KS_STR(" ");
        texts[2 + 2 * i] = files.items[i].name;
    }
    return ks_arena_join(&k->arena, texts, 1 + 2 * files.count, ret_words);
}

enum ks_err ks_history_index(struct konsil *k, const struct ks_message *message)
{
    bool shown = !(message->flags & (KS_MSG_RETRACTED | KS_MSG_UNREADABLE));
    struct ks_str folded = KS_STR_EMPTY, words = KS_STR_EMPTY;
    struct ks_buf key;
    enum ks_err err;

    ks_buf_init(&key, KEY_BYTES_MAX);
    message_key(&key, message->conversation, message->order);
    err = ks_buf_err(&key);
    if (err == KS_OK && shown)
        err = words_of(k, message, &words);
    if (err == KS_OK && words.len > 0)
        err = ks_unicode_fold(&k->arena, words, &folded);
    if (err == KS_OK)
        err = k->store->ops->index_text(k->store, ks_buf_str(&key), folded);
    ks_buf_done(&key);
    return err;
}

enum ks_err ks_history_put(struct konsil *k, const struct ks_message *message)
{
    struct ks_buf key, record;
    enum ks_err err;

    ks_buf_init(&key, KEY_BYTES_MAX);
    ks_buf_init(&record, KS_MESSAGE_RECORD_MAX);
    message_key(&key, message->conversation, message->order);
    ks_message_encode(&record, message);
    if ((err = ks_buf_err(&key)) == KS_OK && (err = ks_buf_err(&record)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_MESSAGE, ks_buf_str(&key), ks_buf_str(&record));
    ks_buf_done(&record);
    ks_buf_done(&key);
    return err;
}

struct neighbour {
    enum ks_err err;
    int64_t order;
};

/* The place of the first message after this one of the same device, if one is here. */
static enum ks_err find_successor(struct konsil *k, const struct ks_message *message, int64_t *ret_order)
{
    struct ks_chain chain = { .conversation = message->conversation,
        .author = message->author,
        .device = message->device,
        .epoch = message->epoch };
    struct ks_number number;
    uint64_t n = message->number;
    enum ks_err err;

    *ret_order = 0;
    while (n > 0 && *ret_order == 0) {
        err = ks_number_from(k, &chain, n + 1, &n, &number);
        if (err == KS_ENOTFOUND)
            return KS_OK;
        if (err != KS_OK)
            return err;
        *ret_order = number.order > 0 ? number.order : 0; /* of a head nothing stands here */
    }
    return KS_OK;
}

static bool take_order_of_key(void *user, struct ks_str key, struct ks_str value)
{
    struct neighbour *neighbour = user;

    (void)value;
    neighbour->err = read_order(ks_str_from(key, key.len - 8), &neighbour->order);
    return false;
}

/* The place in the middle between the successor and what stands before that. */
static enum ks_err place_before(
    struct konsil *k, struct ks_str conversation, int64_t next, bool restored, int64_t *ret_order)
{
    struct neighbour before = { .err = KS_OK };
    struct ks_buf key;
    enum ks_err err;

    ks_buf_init(&key, KEY_BYTES_MAX);
    message_key(&key, conversation, next);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->scan(k->store, KS_T_MESSAGE, ks_str_head(ks_buf_str(&key), key.len - 8), ks_buf_str(&key),
            true, take_order_of_key, &before);
    ks_buf_done(&key);
    if (err != KS_OK || (err = before.err) != KS_OK)
        return err;
    /* Restored ones come in their order: each close behind the one before it leaves room for all that follow. */
    *ret_order = before.order + (next - before.order) / 2;
    if (restored && before.order && *ret_order > before.order + KS_ORDER_STEP)
        *ret_order = before.order + KS_ORDER_STEP;
    else if (restored && !before.order && *ret_order > KS_ORDER_STEP)
        *ret_order = KS_ORDER_STEP;
    return KS_OK;
}

struct edge {
    struct konsil *k;
    enum ks_err err;
    int64_t order, stamp_ms;
    int64_t before_ms; /* it ends at the first that is not later */
    bool later;        /* order is of one that stands after the place */
};

static bool find_edge(void *user, struct ks_str key, struct ks_str value)
{
    struct edge *edge = user;
    struct ks_message message = { .order = 0 };
    int64_t order;

    if ((edge->err = read_order(ks_str_from(key, key.len - 8), &order)) != KS_OK
        || (edge->err = ks_message_decode(&edge->k->arena, value, &message)) != KS_OK)
        return false;
    if (message.stamp_ms <= edge->before_ms) {
        edge->stamp_ms = message.stamp_ms;
        return false;
    }
    edge->order = order;
    edge->later = true;
    return true;
}

/* Before the first that came later, by konsild's stamps; at the end when there is none. */
static enum ks_err place_by_time(struct konsil *k, struct ks_message *message, int64_t *ret_next)
{
    struct edge edge = { .k = k, .err = KS_OK, .before_ms = message->stamp_ms };
    struct ks_buf key;
    enum ks_err err;

    ks_buf_init(&key, KEY_BYTES_MAX);
    message_key(&key, message->conversation, 0);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->scan(
            k->store, KS_T_MESSAGE, ks_str_head(ks_buf_str(&key), key.len - 8), KS_STR_EMPTY, true, find_edge, &edge);
    ks_buf_done(&key);
    *ret_next = edge.later ? edge.order : 0;
    return err == KS_OK ? edge.err : err;
}

static enum ks_err choose_place(struct konsil *k, struct ks_message *message, struct ks_conversation *conversation)
{
    int64_t next;
    enum ks_err err = find_successor(k, message, &next);

    if (err == KS_OK && next == 0 && message->restored)
        err = place_by_time(k, message, &next);
    if (err != KS_OK)
        return err;
    if (next > 0) {
        struct ks_message there;

        if ((err = place_before(k, message->conversation, next, message->restored, &message->order)) != KS_OK)
            return err;
        /* No room between the two after 20 halvings: then at the end, in a wrong place rather than in another's. */
        err = ks_history_get(k, message->conversation, message->order, &there);
        if (err == KS_ENOTFOUND)
            return KS_OK;
        if (err != KS_OK)
            return err;
    }
    conversation->last_order = conversation->last_order ? conversation->last_order + KS_ORDER_STEP
        : message->restored                             ? KS_ORDER_STEP
                                                        : KS_ORDER_FIRST;
    message->order = conversation->last_order;
    return KS_OK;
}

enum ks_err ks_history_add(struct konsil *k, struct ks_message *message)
{
    struct ks_conversation conversation;
    struct ks_buf key;
    enum ks_err err;

    if ((err = ks_conversation_get(k, message->conversation, &conversation)) != KS_OK
        || (err = choose_place(k, message, &conversation)) != KS_OK || (err = ks_history_put(k, message)) != KS_OK)
        return err;
    ks_buf_init(&key, KEY_BYTES_MAX);
    id_key(&key, message->conversation, message->id, message->author);
    if ((err = put_order(k, &key, message->order)) != KS_OK)
        return err;
    if (!(message->flags & (KS_MSG_MINE | KS_MSG_NOTICE)) && !message->seen && conversation.unread < UNREAD_MAX)
        conversation.unread++;
    if (message->stamp_ms > conversation.last_ms)
        conversation.last_ms = message->stamp_ms;
    if ((err = ks_conversation_put(k, &conversation)) != KS_OK)
        return err;
    return message->flags & (KS_MSG_RETRACTED | KS_MSG_UNREADABLE) ? KS_OK : ks_history_index(k, message);
}

/* Takes it out, and tells that. */
static enum ks_err drop(struct konsil *k, struct ks_message *message)
{
    struct ks_conversation conversation;
    struct ks_buf key;
    enum ks_err err;

    ks_buf_init(&key, KEY_BYTES_MAX);
    message_key(&key, message->conversation, message->order);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->del(k->store, KS_T_MESSAGE, ks_buf_str(&key));
    ks_buf_done(&key);
    if (err != KS_OK || (err = ks_conversation_get(k, message->conversation, &conversation)) != KS_OK)
        return err;
    if (!(message->flags & KS_MSG_MINE) && message->order > conversation.read_order && conversation.unread > 0)
        conversation.unread--;
    if ((err = ks_conversation_put(k, &conversation)) != KS_OK)
        return err;
    ks_engine_store_scrub(k->store);
    message->flags |= KS_MSG_GONE;
    return ks_history_tell(k, message);
}

/* Does this place lie between what its device sent before and after? */
static enum ks_err is_in_order(struct konsil *k, const struct ks_message *message, int64_t order, bool *ret_is)
{
    struct ks_chain chain = { .conversation = message->conversation,
        .author = message->author,
        .device = message->device,
        .epoch = message->epoch };
    int64_t before = 0, next;
    enum ks_err err = find_successor(k, message, &next);

    if (err == KS_OK && message->number > 1)
        err = ks_number_shown(k, &chain, 0, message->number - 1, &before);
    if (err == KS_ENOTFOUND)
        err = KS_OK;
    *ret_is = before < order && (next == 0 || order < next);
    return err;
}

enum ks_err ks_history_fill(struct konsil *k, struct ks_message *message, struct ks_message *there)
{
    bool fits;
    enum ks_err err = is_in_order(k, message, there->order, &fits);

    if (err != KS_OK)
        return err;
    if (!fits)
        return (err = drop(k, there)) == KS_OK ? ks_history_add(k, message) : err;
    message->order = there->order;
    return (err = ks_history_put(k, message)) == KS_OK ? ks_history_index(k, message) : err;
}

enum ks_err ks_history_hidden(struct konsil *k, struct ks_str conversation, struct ks_str id, struct ks_str author)
{
    struct ks_message there;
    struct ks_buf key;
    enum ks_err err = ks_history_find(k, conversation, id, author, &there);

    if (err == KS_OK && !(there.flags & KS_MSG_UNREADABLE))
        return KS_OK;
    if (err != KS_ENOTFOUND && (err != KS_OK || (err = drop(k, &there)) != KS_OK))
        return err;
    ks_buf_init(&key, KEY_BYTES_MAX);
    id_key(&key, conversation, id, author);
    return put_order(k, &key, 0);
}

enum ks_err ks_history_expire(struct konsil *k, struct ks_message *message)
{
    struct ks_buf key;
    enum ks_err err;

    ks_buf_init(&key, KEY_BYTES_MAX);
    message_key(&key, message->conversation, message->order);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->index_text(k->store, ks_buf_str(&key), KS_STR_EMPTY);
    ks_buf_done(&key);
    if (err != KS_OK || (err = drop(k, message)) != KS_OK)
        return err;
    ks_buf_init(&key, KEY_BYTES_MAX);
    id_key(&key, message->conversation, message->id, message->author);
    return put_order(k, &key, 0);
}

enum ks_err ks_history_knows(
    struct konsil *k, struct ks_str conversation, struct ks_str id, struct ks_str author, bool *ret_knows)
{
    struct ks_message there;
    int64_t order;
    enum ks_err err = find_order(k, conversation, id, author, &order);

    *ret_knows = false;
    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    *ret_knows = order == 0;
    if (order > 0 && (err = ks_history_get(k, conversation, order, &there)) == KS_OK)
        *ret_knows = !(there.flags & KS_MSG_UNREADABLE);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

/* --- pages and search --- */

struct page {
    struct konsil *k;
    struct ks_str conversation;
    struct ks_message *messages;
    size_t count, limit;
    enum ks_err err;
};

static bool take_message(void *user, struct ks_str key, struct ks_str value)
{
    struct page *page = user;
    struct ks_message *message = &page->messages[page->count];
    struct ks_str record;

    message->conversation = page->conversation;
    if ((page->err = read_order(ks_str_from(key, key.len - 8), &message->order)) != KS_OK
        || (page->err = ks_arena_copy(&page->k->arena, value, &record)) != KS_OK
        || (page->err = ks_message_decode(&page->k->arena, record, message)) != KS_OK)
        return false;
    return ++page->count < page->limit;
}

enum ks_err ks_history_page(struct konsil *k, struct ks_str conversation, int64_t before, size_t limit,
    struct ks_message **ret_messages, size_t *ret_count)
{
    struct page page = { .k = k, .conversation = conversation, .limit = limit };
    struct ks_buf key;
    enum ks_err err;

    *ret_count = 0;
    if (!(page.messages = ks_arena_alloc(&k->arena, limit * sizeof(*page.messages))))
        return KS_ENOMEM;
    *ret_messages = page.messages;
    if (limit == 0)
        return KS_OK;
    ks_buf_init(&key, KEY_BYTES_MAX);
    message_key(&key, conversation, before);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->scan(k->store, KS_T_MESSAGE, ks_str_head(ks_buf_str(&key), key.len - 8),
            before > 0 ? ks_buf_str(&key) : KS_STR_EMPTY, true, take_message, &page);
    ks_buf_done(&key);
    *ret_count = page.count;
    return err == KS_OK ? page.err : err;
}

struct hits {
    struct konsil *k;
    struct ks_str *keys;
    size_t count, limit;
    enum ks_err err;
};

static bool take_hit(void *user, struct ks_str key, struct ks_str value)
{
    struct hits *hits = user;

    (void)value;
    hits->err = ks_arena_copy(&hits->k->arena, key, &hits->keys[hits->count]);
    return hits->err == KS_OK && ++hits->count < hits->limit;
}

static int newest_first(const void *a, const void *b)
{
    const struct ks_message *x = a, *y = b;

    return x->stamp_ms < y->stamp_ms ? 1 : x->stamp_ms > y->stamp_ms ? -1 : 0;
}

enum ks_err ks_history_search(
    struct konsil *k, struct ks_str words, size_t limit, struct ks_message **ret_messages, size_t *ret_count)
{
    struct hits hits = { .k = k, .limit = limit };
    struct ks_message *messages;
    struct ks_str folded;
    enum ks_err err;

    *ret_count = 0;
    if ((err = ks_unicode_fold(&k->arena, words, &folded)) != KS_OK)
        return err;
    hits.keys = ks_arena_alloc(&k->arena, limit * sizeof(*hits.keys));
    *ret_messages = messages = ks_arena_alloc(&k->arena, limit * sizeof(*messages));
    if (!hits.keys || !messages)
        return KS_ENOMEM;
    if (limit == 0)
        return KS_OK;
    err = k->store->ops->search(k->store, folded, (uint32_t)limit, take_hit, &hits);
    if (err != KS_OK || (err = hits.err) != KS_OK)
        return err;
    for (size_t i = 0; i < hits.count; i++) {
        struct ks_str key = hits.keys[i];
        int64_t order;

        if (key.len < 9 || read_order(ks_str_from(key, key.len - 8), &order) != KS_OK)
            return KS_ESTORE;
        err = ks_history_get(k, ks_str_head(key, key.len - 9), order, &messages[*ret_count]);
        if (err == KS_OK)
            ++*ret_count;
        else if (err != KS_ENOTFOUND)
            return err;
    }
    qsort(messages, *ret_count, sizeof(*messages), newest_first);
    return KS_OK;
}

/* --- events --- */

enum ks_js_state ks_receipts_least(const struct ks_message *message)
{
    enum ks_js_state least = KS_JS_STATE_NONE_GIVEN;

    for (size_t i = 0; i < message->receipt_count; i++) {
        enum ks_js_state state = message->receipts[i].state;

        /* A failure is loud: one recipient who did not get it is what the author must see. */
        if (state == KS_JS_STATE_FAILED)
            return state;
        if (least == KS_JS_STATE_NONE_GIVEN || state < least)
            least = state;
    }
    return least;
}

static struct ks_str given(struct ks_str text)
{
    return text.len > 0 ? text : KS_STR_EMPTY;
}

static enum ks_err receipts_event(struct konsil *k, const struct ks_message *message, struct ks_js_message *event)
{
    struct ks_js_recipient *items = ks_arena_zero(&k->arena, message->receipt_count * sizeof(*items));

    if (!items)
        return KS_ENOMEM;
    for (size_t i = 0; i < message->receipt_count; i++)
        items[i] = (struct ks_js_recipient) { message->receipts[i].jid, message->receipts[i].state,
            given(message->receipts[i].reason) };
    event->recipients.items = items;
    event->recipients.count = message->receipt_count;
    event->state = ks_receipts_least(message);
    return KS_OK;
}

static enum ks_err reactions_event(struct konsil *k, const struct ks_message *message, struct ks_js_message *event)
{
    struct ks_js_reactions *items = ks_arena_zero(&k->arena, message->reaction_count * sizeof(*items));

    if (!items)
        return KS_ENOMEM;
    for (size_t i = 0; i < message->reaction_count; i++) {
        const struct ks_reaction *reaction = &message->reactions[i];

        if (reaction->count > 0)
            items[event->reactions.count++] =
                (struct ks_js_reactions) { reaction->from, { reaction->emoji, reaction->count } };
    }
    event->reactions.items = items;
    return KS_OK;
}

static enum ks_err files_event(struct konsil *k, const struct ks_message *message, struct ks_js_message *event)
{
    struct ks_files files;
    struct ks_js_file *items;
    enum ks_err err;

    if (!(message->flags & KS_MSG_FILES))
        return KS_OK;
    if ((err = ks_files_decode(&k->arena, message->files, &files)) != KS_OK)
        return err;
    if (!(items = ks_arena_zero(&k->arena, (files.count + 1) * sizeof(*items))))
        return KS_ENOMEM;
    for (size_t i = 0; i < files.count && err == KS_OK; i++) {
        const struct ks_file_share *file = &files.items[i];

        items[i] = (struct ks_js_file) { .file = (int64_t)i,
            .name = given(file->name),
            .type = file->type,
            .size = (int64_t)file->marks.bytes,
            .width = (int64_t)file->width,
            .height = (int64_t)file->height,
            .part = (int64_t)files.part,
            .of = (int64_t)files.of,
            .set = given(files.set) };
        if ((err = ks_file_name_harmless(&k->arena, file->name, &items[i].save_as)) == KS_OK && file->thumbnail.len) {
            items[i].thumbnail_type = file->thumbnail_type;
            err = ks_base64(&k->arena, file->thumbnail, &items[i].thumbnail);
        }
    }
    event->files.items = items;
    event->files.count = files.count;
    return err;
}

enum ks_err ks_history_event(struct konsil *k, const struct ks_message *message, struct ks_js_message *ret_event)
{
    int64_t apart = message->stamp_ms - message->time_ms;
    unsigned flags = message->flags;
    enum ks_err err;

    *ret_event = (struct ks_js_message) { .conversation = message->conversation,
        .message = message->id,
        .order = message->order,
        .from = message->author,
        .mine = flags & KS_MSG_MINE,
        .device = message->device,
        .body = given(message->body),
        .time = message->time_ms,
        .received = apart > LATE_SHOWN_MS || apart < -LATE_SHOWN_MS ? message->stamp_ms : 0,
        .encryption = message->encryption,
        .wake = message->wake,
        .reply_to = given(message->reply_to),
        .reply_broken = flags & KS_MSG_REPLY_BROKEN,
        .edited = flags & KS_MSG_EDITED,
        .retracted = flags & KS_MSG_RETRACTED,
        .unknown = flags & KS_MSG_UNKNOWN,
        .unreadable = flags & KS_MSG_UNREADABLE,
        .late = flags & KS_MSG_LATE,
        .gone = flags & KS_MSG_GONE,
        .notice = message->notice,
        .about = flags & KS_MSG_NOTICE ? given(message->raw) : KS_STR_EMPTY };
    if (flags & KS_MSG_MODERATED) {
        struct ks_str why = message->raw;

        if (!ks_str_cut(&why, '\n', &ret_event->moderated_by))
            return KS_ESTORE;
        ret_event->moderated_why = given(why);
    }
    if ((err = receipts_event(k, message, ret_event)) != KS_OK || (err = files_event(k, message, ret_event)) != KS_OK
        || (err = ks_signed_event(k, message, ret_event)) != KS_OK)
        return err;
    return reactions_event(k, message, ret_event);
}

enum ks_err ks_history_tell(struct konsil *k, const struct ks_message *message)
{
    struct ks_js_message shown;
    struct ks_ev_message event = { .message = &shown };
    enum ks_err err = ks_history_event(k, message, &shown);

    return err == KS_OK ? ks_tell(k, KS_EV_MESSAGE, &event) : err;
}
