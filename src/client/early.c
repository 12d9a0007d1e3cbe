/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "early.h"

#include "engine.h"
#include "outbox_record.h"

#define VERSION 1 /* rows without one begin with the length of an id, whose first byte is 0 */
#define KEY_BYTES_MAX 8192
#define UPKEEP_MAX 1000 /* in one step */

static bool is_retraction(enum ks_early_kind kind)
{
    return kind == KS_EARLY_RETRACT || kind == KS_EARLY_MODERATE;
}

/* --- rows --- */

static void begin_key(struct ks_buf *key, struct ks_str conversation)
{
    ks_buf_init(key, KEY_BYTES_MAX);
    ks_buf_byte(key, 'p');
    ks_buf_add(key, conversation);
    ks_buf_byte(key, 0);
}

static void target_key(struct ks_buf *key, struct ks_str conversation, struct ks_str target, enum ks_early_kind kind)
{
    begin_key(key, conversation);
    ks_buf_add(key, target);
    ks_buf_byte(key, 0);
    ks_buf_byte(key, (uint8_t)kind);
}

static void row_key(struct ks_buf *key, const struct ks_early *early)
{
    const struct ks_reference *reference = &early->reference;

    target_key(key, reference->conversation, reference->content->target, early->kind);
    ks_buf_add(key, reference->author);
    if (early->kind != KS_EARLY_MODERATE)
        return;
    ks_buf_byte(key, 0);
    ks_buf_add(key, reference->content->target_author);
}

static enum ks_err put_row(struct konsil *k, struct ks_str key, const struct ks_reference *reference)
{
    struct ks_buf row;
    enum ks_err err;

    ks_buf_init_secret(&row, KS_SCE_MAX * 2);
    ks_buf_byte(&row, VERSION);
    ks_buf_u64(&row, (uint64_t)k->now.wall_ms);
    ks_buf_field(&row, reference->id);
    ks_buf_u64(&row, (uint64_t)reference->time_ms);
    ks_draft_encode(&row, reference->content);
    if ((err = ks_buf_err(&row)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_MESSAGE_ID, key, ks_buf_str(&row));
    ks_buf_done(&row);
    return err;
}

/* The head of a row; one without a version waits since its author's time. */
static enum ks_err read_head(struct ks_cursor *at, int64_t *ret_since_ms, struct ks_str *ret_id, int64_t *ret_time_ms)
{
    uint64_t since_ms = 0, time_ms;
    uint8_t version = 0;

    if (at->left.len > 0 && at->left.ptr[0] != 0
        && (ks_cursor_u8(at, &version) != KS_OK || ks_cursor_u64(at, &since_ms) != KS_OK))
        return KS_ESTORE;
    if (version > VERSION)
        return KS_EVERSION;
    if (ks_cursor_field(at, ret_id) != KS_OK || ks_cursor_u64(at, &time_ms) != KS_OK)
        return KS_ESTORE;
    *ret_time_ms = (int64_t)time_ms;
    *ret_since_ms = version > 0 ? (int64_t)since_ms : *ret_time_ms;
    return KS_OK;
}

enum ks_err ks_early_time(struct ks_str row, int64_t *ret_time_ms)
{
    struct ks_cursor at = ks_cursor(row);
    struct ks_str id;
    int64_t since_ms;

    return read_head(&at, &since_ms, &id, ret_time_ms);
}

static enum ks_err read_row(struct konsil *k, struct ks_str row, struct ks_early *early)
{
    struct ks_content *content = ks_arena_zero(&k->arena, sizeof(*content));
    struct ks_cursor at;
    int64_t since_ms;
    enum ks_err err;

    if (!content || ks_arena_copy(&k->arena, row, &row) != KS_OK)
        return KS_ENOMEM;
    at = ks_cursor(row);
    early->reference.content = content;
    if ((err = read_head(&at, &since_ms, &early->reference.id, &early->reference.time_ms)) != KS_OK)
        return err;
    return ks_draft_decode(&k->arena, at.left, content);
}

/* --- a share for each --- */

/* Which account's row of which kind it is: key, from behind the conversation on. */
static bool read_key(struct ks_str key, enum ks_early_kind *ret_kind, struct ks_str *ret_author)
{
    struct ks_str target;

    if (!ks_str_cut(&key, '\0', &target) || key.len == 0)
        return false;
    *ret_kind = (enum ks_early_kind)key.ptr[0];
    key = ks_str_from(key, 1);
    *ret_author = ks_str_head(key, ks_str_find_byte(key, '\0'));
    return true;
}

struct tally {
    struct konsil *k;
    const struct ks_early *early;
    size_t skip, count;
    int64_t oldest_ms;
    struct ks_str oldest;
    enum ks_err err;
};

static bool count_row(void *user, struct ks_str key, struct ks_str row)
{
    struct tally *tally = user;
    struct ks_cursor at = ks_cursor(row);
    struct ks_str author, id;
    enum ks_early_kind kind;
    int64_t since_ms, time_ms;

    if (!read_key(ks_str_from(key, tally->skip), &kind, &author))
        tally->err = KS_ESTORE;
    else if (ks_str_eq(author, tally->early->reference.author)
        && is_retraction(kind) == is_retraction(tally->early->kind)
        && (tally->err = read_head(&at, &since_ms, &id, &time_ms)) == KS_OK
        && (tally->count++ == 0 || since_ms < tally->oldest_ms)) {
        tally->oldest_ms = since_ms;
        tally->err = ks_arena_copy(&tally->k->arena, key, &tally->oldest);
    }
    return tally->err == KS_OK;
}

/* Room for one more of this account. */
static enum ks_err make_room(struct konsil *k, const struct ks_early *early)
{
    struct tally tally = { .k = k, .early = early };
    struct ks_buf prefix;
    enum ks_err err;

    begin_key(&prefix, early->reference.conversation);
    tally.skip = prefix.len;
    if ((err = ks_buf_err(&prefix)) == KS_OK)
        err =
            k->store->ops->scan(k->store, KS_T_MESSAGE_ID, ks_buf_str(&prefix), KS_STR_EMPTY, false, count_row, &tally);
    ks_buf_done(&prefix);
    if (err != KS_OK || (err = tally.err) != KS_OK)
        return err;
    if (tally.count < (is_retraction(early->kind) ? KS_EARLY_RETRACTIONS_MAX : KS_EARLY_WORDS_MAX))
        return KS_OK;
    return k->store->ops->del(k->store, KS_T_MESSAGE_ID, tally.oldest);
}

/* --- keeping --- */

/* The edit's own message, as far as its references know it. */
static struct ks_message target_of(const struct ks_early *early)
{
    const struct ks_reference *reference = &early->reference;

    return (struct ks_message) { .conversation = reference->conversation,
        .id = reference->content->target,
        .author = early->kind == KS_EARLY_MODERATE ? reference->content->target_author : reference->author };
}

static enum ks_err is_retracted(struct konsil *k, const struct ks_message *message, bool *ret_is)
{
    struct ks_early *early;
    size_t count;
    enum ks_err err = ks_early_find(k, message, KS_EARLY_RETRACT, &early, &count);

    if (err == KS_OK && count == 0)
        err = ks_early_find(k, message, KS_EARLY_MODERATE, &early, &count);
    *ret_is = err == KS_OK && count > 0;
    return err;
}

static enum ks_err drop_edits(struct konsil *k, const struct ks_message *message)
{
    struct ks_early *early;
    size_t count;
    enum ks_err err = ks_early_find(k, message, KS_EARLY_EDIT, &early, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++)
        err = ks_early_over(k, &early[i]);
    return err;
}

/* The row that it would replace decides whether it does. */
static enum ks_err keep_newer(struct konsil *k, struct ks_str key, const struct ks_early *early)
{
    const struct ks_reference *reference = &early->reference;
    struct ks_early there = { .kind = early->kind };
    struct ks_str row;
    enum ks_err err = ks_store_get(k, KS_T_MESSAGE_ID, key, &row);

    if (err == KS_ENOTFOUND)
        err = make_room(k, early);
    else if (err == KS_OK && (err = read_row(k, row, &there)) == KS_OK
        && !ks_refer_newer(reference->time_ms, reference->id, there.reference.time_ms, there.reference.id))
        return KS_OK;
    return err == KS_OK ? put_row(k, key, reference) : err;
}

enum ks_err ks_early_keep(struct konsil *k, const struct ks_early *early)
{
    struct ks_message target = target_of(early);
    bool retracted = false;
    struct ks_buf key;
    enum ks_err err = KS_OK;

    if (early->kind == KS_EARLY_EDIT)
        err = is_retracted(k, &target, &retracted);
    else if (is_retraction(early->kind))
        err = drop_edits(k, &target);
    if (err != KS_OK || retracted)
        return err;
    row_key(&key, early);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = keep_newer(k, ks_buf_str(&key), early);
    ks_buf_done(&key);
    return err;
}

/* --- finding --- */

struct search {
    struct konsil *k;
    const struct ks_message *message;
    enum ks_early_kind kind;
    size_t skip, count, cap;
    struct ks_early *items;
    enum ks_err err;
};

static bool concerns(const struct ks_early *early, const struct ks_message *message)
{
    if (early->kind == KS_EARLY_REACTIONS)
        return true;
    return ks_str_eq(
        early->kind == KS_EARLY_MODERATE ? early->reference.content->target_author : early->reference.author,
        message->author);
}

static enum ks_err add_found(struct search *search, const struct ks_early *early)
{
    size_t cap = search->cap ? 2 * search->cap : 4;
    struct ks_early *items = search->items;

    if (search->count == search->cap) {
        if (!(search->items = ks_arena_zero(&search->k->arena, cap * sizeof(*items))))
            return KS_ENOMEM;
        if (search->count > 0)
            memcpy(search->items, items, search->count * sizeof(*items));
        search->cap = cap;
    }
    search->items[search->count++] = *early;
    return KS_OK;
}

static bool find_row(void *user, struct ks_str key, struct ks_str row)
{
    struct search *search = user;
    struct ks_early early = { .kind = search->kind, .reference.conversation = search->message->conversation };
    struct ks_str author = ks_str_from(key, search->skip);

    author = ks_str_head(author, ks_str_find_byte(author, '\0'));
    if ((search->err = ks_arena_copy(&search->k->arena, author, &early.reference.author)) == KS_OK
        && (search->err = read_row(search->k, row, &early)) == KS_OK && concerns(&early, search->message))
        search->err = add_found(search, &early);
    return search->err == KS_OK;
}

enum ks_err ks_early_find(struct konsil *k, const struct ks_message *message, enum ks_early_kind kind,
    struct ks_early **ret_early, size_t *ret_count)
{
    struct search search = { .k = k, .message = message, .kind = kind };
    struct ks_buf key;
    enum ks_err err;

    target_key(&key, message->conversation, message->id, kind);
    search.skip = key.len;
    if (kind == KS_EARLY_EDIT || kind == KS_EARLY_RETRACT)
        ks_buf_add(&key, message->author);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->scan(k->store, KS_T_MESSAGE_ID, ks_buf_str(&key), KS_STR_EMPTY, false, find_row, &search);
    ks_buf_done(&key);
    *ret_early = search.items;
    *ret_count = search.count;
    return err == KS_OK ? search.err : err;
}

static enum ks_err del_row(struct konsil *k, struct ks_buf *key)
{
    enum ks_err err = ks_buf_err(key);

    if (err == KS_OK)
        err = k->store->ops->del(k->store, KS_T_MESSAGE_ID, ks_buf_str(key));
    ks_buf_done(key);
    return err;
}

enum ks_err ks_early_over(struct konsil *k, const struct ks_early *early)
{
    struct ks_buf key;

    row_key(&key, early);
    return del_row(k, &key);
}

/* --- upkeep --- */

struct upkeep {
    struct konsil *k;
    size_t count;
    struct ks_str keys[UPKEEP_MAX];
    enum ks_err err;
};

static bool is_over(void *user, struct ks_str key, struct ks_str row)
{
    struct upkeep *upkeep = user;
    struct ks_cursor at = ks_cursor(row);
    struct ks_str conversation, author, id, left = ks_str_from(key, 1);
    enum ks_early_kind kind;
    int64_t since_ms, time_ms, age_ms;

    if (!ks_str_cut(&left, '\0', &conversation) || !read_key(left, &kind, &author))
        upkeep->err = KS_ESTORE;
    else
        upkeep->err = read_head(&at, &since_ms, &id, &time_ms);
    if (upkeep->err != KS_OK)
        return false;
    age_ms = upkeep->k->now.wall_ms - since_ms;
    if (age_ms < (is_retraction(kind) ? KS_EARLY_RETRACTIONS_MS : KS_EARLY_WORDS_MS))
        return true;
    upkeep->err = ks_arena_copy(&upkeep->k->arena, key, &upkeep->keys[upkeep->count]);
    return upkeep->err == KS_OK && ++upkeep->count < UPKEEP_MAX;
}

static enum ks_err drop_some(struct konsil *k, void *arg)
{
    struct upkeep *upkeep = ks_arena_zero(&k->arena, sizeof(*upkeep));
    bool *more = arg;
    enum ks_err err;

    if (!upkeep)
        return KS_ENOMEM;
    upkeep->k = k;
    err = k->store->ops->scan(k->store, KS_T_MESSAGE_ID, KS_STR("p"), KS_STR_EMPTY, false, is_over, upkeep);
    if (err == KS_OK)
        err = upkeep->err;
    for (size_t i = 0; i < upkeep->count && err == KS_OK; i++)
        err = k->store->ops->del(k->store, KS_T_MESSAGE_ID, upkeep->keys[i]);
    *more = upkeep->count == UPKEEP_MAX;
    return err;
}

bool ks_early_upkeep(struct konsil *k)
{
    bool more = true;

    while (more)
        if (!ks_step(k, drop_some, &more))
            return false;
    return true;
}
