/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "user.h"

#include <stdlib.h>

#include "room.h"
#include "session.h"
#include "unicode.h"

#define SMALL_ROW_BYTES 64

static void forget(struct ks_timer *timer, struct ks_now now);

struct ks_user *ks_user_at(struct ks_reactor *r, struct ks_str bare)
{
    struct ks_user *user = ks_map_get(&r->users, bare);
    struct ks_jid jid = ks_jid_split(bare);
    const struct ks_domain *domain;

    if (user || !(domain = ks_config_host(r->config, jid.domain)))
        return user;
    user = calloc(1, sizeof *user + bare.len);
    if (!user)
        return NULL;
    user->reactor = r;
    user->bare = ks_str(memcpy((char *)(user + 1), bare.ptr, bare.len), bare.len);
    user->domain = domain->index;
    user->forget.fire = forget;
    ks_list_init(&user->sessions);
    ks_list_init(&user->waiting);
    ks_list_init(&user->pendings);
    if (ks_map_add(&r->users, user->bare, user) != KS_OK) {
        free(user);
        return NULL;
    }
    ks_user_touch(user);
    return user;
}

static void drop_data(struct ks_user *user)
{
    for (size_t i = 0; i < user->kv_count; i++)
        free(user->kv[i]);
    free(user->kv);
    free(user->row_text);
    user->kv = NULL;
    user->row_text = NULL;
    user->row.name = user->row.department = user->row.profession = KS_STR_EMPTY;
    user->kv_count = user->kv_cap = user->kv_bytes = 0;
    if (user->state == KS_USER_LOADED || user->state == KS_USER_MAKING)
        user->reactor->stats.users_loaded--;
    user->state = KS_USER_COLD;
}

void ks_user_free(struct ks_user *user)
{
    struct ks_reactor *r = user->reactor;

    for (KS_LIST_EACH_SAFE(&user->sessions, at))
        ks_session_free(KS_CONTAINER(at, struct ks_session, link));
    for (KS_LIST_EACH_SAFE(&user->waiting, at)) {
        ks_list_leave(at);
        ks_parcel_unref(r, KS_CONTAINER(at, struct ks_parcel, link));
    }
    for (KS_LIST_EACH_SAFE(&user->pendings, at))
        ks_pending_free(r, KS_CONTAINER(at, struct ks_pending, link));
    ks_room_free(user->room);
    drop_data(user);
    ks_timer_clear(&r->timers, &user->forget);
    ks_map_remove(&r->users, user->bare);
    free(user);
}

void ks_user_touch(struct ks_user *user)
{
    struct ks_reactor *r = user->reactor;

    /* Moving the timer for every stanza would be waste: a second is enough. */
    if (user->forget.slot && r->now.mono_ms - user->touched_ms <= 1000)
        return;
    user->touched_ms = r->now.mono_ms;
    /* Without memory for the timer, the data just stays. */
    if (ks_timer_set(&r->timers, &user->forget, r->now.mono_ms + ks_config_number(r->config, "account.forget") * 1000))
        ks_log(r->log, KS_WARNING, "user.forget.late", KS_ERR(KS_ENOMEM));
}

/* Sessions that ended when there was no memory to say so. True: some are left, told of or not. */
static bool have_late_ends(struct ks_user *user)
{
    bool late = false;

    for (KS_LIST_EACH(&user->sessions, at)) {
        struct ks_session *s = KS_CONTAINER(at, struct ks_session, link);
        late |= s->ending;
        (void)ks_session_leave(s);
    }
    return late;
}

static void forget(struct ks_timer *timer, struct ks_now now)
{
    struct ks_user *user = KS_CONTAINER(timer, struct ks_user, forget);

    if (have_late_ends(user) || user->state == KS_USER_LOADING || !ks_list_empty(&user->pendings)
        || !ks_list_empty(&user->waiting) || user->questions) {
        ks_user_touch(user);
        return;
    }
    drop_data(user);
    if (!ks_list_empty(&user->sessions) || (user->room && !ks_room_is_empty(user->room)))
        return; /* data comes back with the next parcel */
    if (ks_guard_active(&user->guard, now))
        ks_user_touch(user);
    else
        ks_user_free(user);
}

/* The load: a question whose answer fills the user. Without memory it stays cold, and the next who comes tries again.
 */
static void load(struct ks_user *user)
{
    struct ks_jid jid = ks_user_jid(user);
    struct ks_store_req *req = ks_store_load_new(jid.domain, jid.local);

    if (req && ks_pending_new(user->reactor, user, NULL, req)) {
        user->state = KS_USER_LOADING;
    } else {
        ks_store_req_free(req);
        ks_log(user->reactor->log, KS_ERROR, "user.load", KS_ERR(KS_ENOMEM));
    }
}

void ks_user_wait(struct ks_user *user, struct ks_parcel *parcel)
{
    if (user->state == KS_USER_COLD)
        load(user);
    if (user->state == KS_USER_COLD)
        ks_reactor_refuse(user->reactor, parcel);
    else
        ks_list_append(&user->waiting, &parcel->link);
}

void ks_user_reload(struct ks_user *user)
{
    if (user->state != KS_USER_LOADED && user->state != KS_USER_MAKING)
        return;
    drop_data(user);
    load(user);
}

void ks_user_made(struct ks_user *user, struct ks_parcel *parcel)
{
    ks_user_reload(user);
    if (user->state == KS_USER_LOADING)
        ks_list_before(user->waiting.next, &parcel->link);
    else
        ks_reactor_refuse(user->reactor, parcel);
}

void ks_user_making(struct ks_user *user)
{
    assert(user->state == KS_USER_LOADED);
    user->state = KS_USER_MAKING;
}

static size_t row_bytes(struct ks_str key, struct ks_str value)
{
    return key.len + value.len;
}

/* Takes the data over. */
static enum ks_err fill(struct ks_user *user, const struct ks_store_req *req)
{
    const struct ks_account_row *from = req->account;
    struct ks_str texts[3] = { from->name, from->department, from->profession };
    struct ks_account_row *row = &user->row;
    struct ks_str *copies[3] = { &row->name, &row->department, &row->profession };

    user->row_text = malloc(texts[0].len + texts[1].len + texts[2].len + 1);
    user->kv = req->kvs_count ? calloc(req->kvs_count, sizeof(struct ks_kv *)) : NULL;
    if (!user->row_text || (req->kvs_count && !user->kv))
        return KS_ENOMEM;
    user->kv_cap = req->kvs_count;
    *row = *from;
    row->domain = ks_user_jid(user).domain;
    row->local = ks_user_jid(user).local;
    char *at = user->row_text;
    for (size_t i = 0; i < KS_COUNT(texts); i++) {
        if (texts[i].len)
            memcpy(at, texts[i].ptr, texts[i].len);
        *copies[i] = ks_str(at, texts[i].len);
        at += texts[i].len;
    }
    for (size_t i = 0; i < req->kvs_count; i++) {
        user->kv[i] = ks_kv_new(req->kvs[i].store, req->kvs[i].key, req->kvs[i].value);
        if (!user->kv[i])
            return KS_ENOMEM;
        user->kv_bytes += row_bytes(user->kv[i]->key, user->kv[i]->value);
        user->kv_count++;
    }
    return KS_OK;
}

void ks_user_loaded(struct ks_user *user, struct ks_store_req *req)
{
    struct ks_reactor *r = user->reactor;
    struct ks_list waiting;
    enum ks_err err = req->result;

    assert(user->state == KS_USER_LOADING);
    user->row = (struct ks_account_row) { 0 };
    if (err == KS_OK)
        err = fill(user, req);
    if (err == KS_OK || err == KS_ENOTFOUND) {
        user->state = KS_USER_LOADED;
        r->stats.users_loaded++;
    } else {
        drop_data(user);
        ks_log(r->log, KS_ERROR, "user.load", KS_ERR(err));
    }
    /* In the order in which they came. Without data, each is refused by ks_reactor_refuse. */
    ks_list_init(&waiting);
    while (!ks_list_empty(&user->waiting)) {
        struct ks_list *at = user->waiting.next;
        ks_list_leave(at);
        ks_list_append(&waiting, at);
    }
    while (!ks_list_empty(&waiting)) {
        struct ks_parcel *parcel = KS_CONTAINER(waiting.next, struct ks_parcel, link);
        ks_list_leave(&parcel->link);
        if (user->state == KS_USER_LOADED)
            ks_reactor_run_at(user, parcel);
        else if (user->state == KS_USER_LOADING || user->state == KS_USER_MAKING)
            ks_list_append(&user->waiting, &parcel->link);
        else
            ks_reactor_refuse(r, parcel);
    }
    ks_user_touch(user);
}

/* --- the data --- */

struct ks_kv *ks_kv_new(struct ks_str store, struct ks_str key, struct ks_str value)
{
    struct ks_kv *kv = malloc(sizeof *kv + store.len + key.len + value.len);

    if (!kv)
        return NULL;
    char *at = (char *)(kv + 1);
    struct ks_str *fields[3] = { &kv->store, &kv->key, &kv->value };
    const struct ks_str from[3] = { store, key, value };
    for (size_t i = 0; i < 3; i++) {
        if (from[i].len)
            memcpy(at, from[i].ptr, from[i].len);
        *fields[i] = ks_str(at, from[i].len);
        at += from[i].len;
    }
    return kv;
}

/* The place of a key, or where it would be. */
static size_t place(const struct ks_user *user, struct ks_str store, struct ks_str key, bool *ret_there)
{
    size_t low = 0, high = user->kv_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = ks_str_cmp(store, user->kv[middle]->store);
        if (order == 0)
            order = ks_str_cmp(key, user->kv[middle]->key);
        if (order == 0) {
            *ret_there = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *ret_there = false;
    return low;
}

struct ks_str ks_kv_get(const struct ks_user *user, const char *store, struct ks_str key)
{
    bool there;
    size_t at = place(user, ks_str_z(store), key, &there);

    return there ? user->kv[at]->value : KS_STR_EMPTY;
}

const struct ks_kv *ks_kv_next(const struct ks_user *user, const char *store, const struct ks_kv *after)
{
    bool there;
    size_t at = place(user, ks_str_z(store), after ? after->key : KS_STR_EMPTY, &there);

    if (after && there)
        at++;
    return at < user->kv_count && ks_str_is(user->kv[at]->store, store) ? user->kv[at] : NULL;
}

size_t ks_kv_count(const struct ks_user *user, const char *store)
{
    const struct ks_kv *at = NULL;
    size_t count = 0;

    while ((at = ks_kv_next(user, store, at)))
        count++;
    return count;
}

static bool is_beyond_limit(const char *store)
{
    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_feature_store *at = ks_features[i]->stores; at->store; at++)
            if (at->beyond_limit && strcmp(at->store, store) == 0)
                return true;
    return false;
}

/* Past account.bytes_max only small rows fit: the server's own marks, so that a full account still gets messages. */
static bool has_room(const struct ks_user *user, const char *store, size_t bytes)
{
    return bytes <= SMALL_ROW_BYTES
        || user->kv_bytes + bytes <= (size_t)ks_config_number(user->reactor->config, "account.bytes_max")
        || is_beyond_limit(store);
}

void ks_kv_put(struct ks_ctx *ctx, const char *store, struct ks_str key, struct ks_str value)
{
    struct ks_user *user = ctx->user;
    struct ks_store_req *txn = ks_ctx_txn(ctx);
    struct ks_kv *kv;
    bool there;

    assert(key.len && ks_user_exists(user));
    if (!txn)
        return;
    if (!has_room(user, store, row_bytes(key, value))) {
        txn->result = KS_ELIMIT; /* nothing of it is stored, and the data is read anew */
        return;
    }
    kv = ks_kv_new(ks_str_z(store), key, value);
    if (kv && user->kv_count == user->kv_cap) {
        size_t cap = user->kv_cap ? user->kv_cap * 2 : 8;
        struct ks_kv **more = realloc(user->kv, cap * sizeof(struct ks_kv *));
        if (more) {
            user->kv = more;
            user->kv_cap = cap;
        }
    }
    if (!kv || user->kv_count == user->kv_cap) {
        free(kv);
        txn->result = KS_ENOMEM; /* likewise */
        return;
    }
    ks_store_txn_kv_put(txn, user->row.id, kv->store, kv->key, kv->value);
    size_t at = place(user, kv->store, kv->key, &there);
    user->kv_bytes += row_bytes(key, value);
    if (there) {
        user->kv_bytes -= row_bytes(user->kv[at]->key, user->kv[at]->value);
        free(user->kv[at]);
    } else {
        memmove(user->kv + at + 1, user->kv + at, (user->kv_count - at) * sizeof(struct ks_kv *));
        user->kv_count++;
    }
    user->kv[at] = kv;
}

void ks_kv_del(struct ks_ctx *ctx, const char *store, struct ks_str key)
{
    struct ks_user *user = ctx->user;
    bool there;
    size_t at = place(user, ks_str_z(store), key, &there);
    struct ks_store_req *txn;

    if (!there || !(txn = ks_ctx_txn(ctx)))
        return;
    ks_store_txn_kv_del(txn, user->row.id, ks_str_z(store), user->kv[at]->key);
    user->kv_bytes -= row_bytes(user->kv[at]->key, user->kv[at]->value);
    free(user->kv[at]);
    user->kv_count--;
    memmove(user->kv + at, user->kv + at + 1, (user->kv_count - at) * sizeof(struct ks_kv *));
}

/* --- what features ask --- */

struct ks_jid ks_user_jid(const struct ks_user *user)
{
    return ks_jid_split(user->bare);
}

struct ks_str ks_user_bare(const struct ks_user *user)
{
    return user->bare;
}

uint64_t ks_user_account(const struct ks_user *user)
{
    return ks_user_exists(user) ? user->row.id : 0;
}

const struct ks_account_row *ks_user_row(const struct ks_user *user)
{
    return &user->row;
}

bool ks_account_text_ok(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (ks_unicode_control(ks_str_from(text, i)))
            return false;
    return text.len <= KS_ACCOUNT_TEXT_MAX && ks_xml_text_ok(text);
}

struct ks_session *ks_user_session(const struct ks_user *user, const struct ks_session *after)
{
    struct ks_list *at = after ? after->link.next : user->sessions.next;

    for (; at != &user->sessions; at = at->next) {
        struct ks_session *s = KS_CONTAINER(at, struct ks_session, link);
        if (!s->ending)
            return s;
    }
    return NULL;
}

struct ks_session *ks_user_resource(const struct ks_user *user, struct ks_str resource)
{
    struct ks_session *s = NULL;

    while ((s = ks_user_session(user, s)))
        if (ks_str_eq(ks_session_resource(s), resource))
            return s;
    return NULL;
}
