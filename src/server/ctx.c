/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ctx.c -- one call of handlers: what it writes is one transaction, and what it sends waits for it (feature.h). */
#include <stdlib.h>

#include "reactor.h"
#include "route.h"
#include "session.h"
#include "user.h"
#include "xml_writer.h"

void ks_ctx_begin(struct ks_ctx *ctx, struct ks_reactor *r, struct ks_user *user, struct ks_session *session,
    struct ks_parcel *parcel)
{
    *ctx = (struct ks_ctx) { .reactor = r,
        .user = user,
        .session = session,
        .domain = user ? ks_config_domain_at(r->config, user->domain) : NULL,
        .parcel = parcel,
        .arena = &parcel->arena,
        .now = r->now };
    ks_list_init(&ctx->effects);
}

struct ks_store_req *ks_ctx_txn(struct ks_ctx *ctx)
{
    if (!ctx->txn)
        ctx->txn = ks_store_txn_new();
    if (!ctx->txn)
        ks_log(ctx->reactor->log, KS_ERROR, "txn.new", KS_ERR(KS_ENOMEM));
    return ctx->txn;
}

void ks_ctx_post(struct ks_ctx *ctx, struct ks_parcel *parcel)
{
    ks_list_append(&ctx->effects, &parcel->link);
}

static void post_all(struct ks_reactor *r, struct ks_list *effects)
{
    while (!ks_list_empty(effects)) {
        struct ks_parcel *parcel = KS_CONTAINER(effects->next, struct ks_parcel, link);
        ks_list_leave(&parcel->link);
        ks_post(r, parcel);
    }
}

static void drop_all(struct ks_reactor *r, struct ks_list *effects)
{
    while (!ks_list_empty(effects)) {
        struct ks_parcel *parcel = KS_CONTAINER(effects->next, struct ks_parcel, link);
        ks_list_leave(&parcel->link);
        ks_parcel_unref(r, parcel);
    }
}

/* An answer without its end, or a broadcast that reached some, would be worse than none. */
static void abandon(struct ks_ctx *ctx)
{
    ks_log(ctx->reactor->log, KS_WARNING, "handler.memory", KS_NUM("bytes", ctx->arena->bytes));
    drop_all(ctx->reactor, &ctx->effects);
    if (ctx->txn)
        ks_user_reload(ctx->user); /* in memory it is ahead of the store */
    ks_store_req_free(ctx->txn);
    ctx->arena->bytes_max += 4096; /* to say so */
    ks_reactor_refuse(ctx->reactor, ks_parcel_ref(ctx->parcel));
}

struct ks_pending *ks_pending_new(
    struct ks_reactor *r, struct ks_user *user, struct ks_parcel *parcel, struct ks_store_req *req)
{
    struct ks_pending *pending = calloc(1, sizeof *pending);

    if (!pending)
        return NULL;
    ks_list_init(&pending->link);
    ks_list_init(&pending->request_link);
    ks_list_init(&pending->effects);
    pending->req = req;
    pending->user = user;
    pending->parcel = parcel ? ks_parcel_ref(parcel) : NULL;
    if (req) {
        req->user = pending;
        req->submitter = r->index;
        req->epoch = r->epoch;
        ks_list_append(&r->requests, &pending->request_link);
    }
    return pending;
}

void ks_pending_free(struct ks_reactor *r, struct ks_pending *pending)
{
    ks_list_leave(&pending->link);
    ks_list_leave(&pending->request_link);
    drop_all(r, &pending->effects);
    ks_parcel_unref(r, pending->parcel);
    free(pending);
}

static struct ks_pending *pending_of(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_pending *pending = ks_pending_new(ctx->reactor, ctx->user, ctx->parcel, req);

    if (pending && ctx->session)
        pending->session = ctx->session->id;
    return pending;
}

/* What came from somewhere else and wrote nothing: an error or an event for this account, word of a message for its
 * other sessions. Nobody could be told that it was refused. */
static bool is_owed(const struct ks_pending *pending)
{
    return !pending->req && !pending->session
        && (!pending->parcel->refused || pending->parcel->refused == ks_parcel_ignore);
}

/* It waits for the data that is being read anew, in front of all that comes from now on. */
static void run_again(struct ks_reactor *r, struct ks_pending *pending)
{
    assert(pending->user->state != KS_USER_LOADED);
    drop_all(r, &pending->effects); /* the parcel itself may be among them */
    ks_user_wait(pending->user, ks_parcel_ref(pending->parcel));
}

/* The call of a pending goes on: effects and the committed hook, in a context like the one that ended. */
static void settle(struct ks_reactor *r, struct ks_pending *pending)
{
    struct ks_ctx ctx;

    if (pending->result == KS_OK) {
        if (pending->committed) {
            ks_ctx_begin(&ctx, r, pending->user, ks_session_find(pending->user, pending->session), pending->parcel);
            ctx.txn = pending->req; /* to read results from; nothing may be written */
            pending->committed(&ctx);
            post_all(r, &ctx.effects);
        }
        post_all(r, &pending->effects);
    } else if (is_owed(pending)) {
        run_again(r, pending);
    } else {
        ks_reactor_refuse(r, ks_parcel_ref(pending->parcel));
    }
    ks_store_req_free(pending->req);
    ks_pending_free(r, pending);
}

void ks_pending_settle(struct ks_user *user)
{
    enum ks_err failed = KS_OK;

    /* What only waited for a transaction that failed saw a state that does not exist: it fails too, or sees the one
     * that does. */
    while (!ks_list_empty(&user->pendings)) {
        struct ks_pending *pending = KS_CONTAINER(user->pendings.next, struct ks_pending, link);
        if (pending->req && !pending->answered)
            break;
        ks_list_leave(&pending->link);
        if (pending->req)
            failed = pending->result;
        else
            pending->result = failed;
        settle(user->reactor, pending);
    }
}

void ks_ctx_end(struct ks_ctx *ctx)
{
    struct ks_reactor *r = ctx->reactor;
    struct ks_user *user = ctx->user;

    if (user && ctx->arena->failed) {
        abandon(ctx);
        return;
    }
    if (!ctx->txn && (!user || ks_list_empty(&user->pendings))) {
        if (ctx->committed)
            ctx->committed(ctx);
        post_all(r, &ctx->effects);
        return;
    }
    if (!ctx->txn && !ctx->committed && ks_list_empty(&ctx->effects))
        return;
    struct ks_pending *pending = pending_of(ctx, ctx->txn);
    if (!pending) {
        abandon(ctx);
        return;
    }
    pending->committed = ctx->committed;
    while (!ks_list_empty(&ctx->effects)) {
        struct ks_list *at = ctx->effects.next;
        ks_list_leave(at);
        ks_list_append(&pending->effects, at);
    }
    ks_list_append(&user->pendings, &pending->link);
}

void ks_ask(struct ks_ctx *ctx, struct ks_store_req *req, void (*answered)(struct ks_ctx *, struct ks_store_req *))
{
    struct ks_pending *pending = req ? pending_of(ctx, req) : NULL;

    if (!pending) {
        ks_store_req_free(req);
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    pending->on_answer = answered;
    if (ctx->user)
        ctx->user->questions++;
}

/* An answer to a question, in a context of its own. */
static void answer_question(struct ks_reactor *r, struct ks_pending *pending)
{
    struct ks_ctx ctx;

    ks_ctx_begin(&ctx, r, pending->user, ks_session_find(pending->user, pending->session), pending->parcel);
    if (pending->user)
        pending->user->questions--;
    pending->on_answer(&ctx, pending->req);
    ks_ctx_end(&ctx);
    ks_store_req_free(pending->req);
    ks_pending_free(r, pending);
}

/* A failure that was not seen before (committer.h): whoever has a transaction under way is ahead of the store, and is
 * read anew before anything builds on that. */
static void see_epoch(struct ks_reactor *r, uint64_t epoch)
{
    struct ks_list *under_way[] = { &r->asked, &r->requests };

    if (epoch <= r->epoch)
        return;
    r->epoch = epoch;
    for (size_t i = 0; i < KS_COUNT(under_way); i++)
        for (KS_LIST_EACH_SAFE(under_way[i], at)) {
            struct ks_pending *pending = KS_CONTAINER(at, struct ks_pending, request_link);
            if (pending->user && pending->req->kind == KS_STORE_TXN)
                ks_user_reload(pending->user);
        }
}

void ks_reactor_answer(struct ks_reactor *r, struct ks_store_req *req, struct ks_now now)
{
    struct ks_pending *pending = req->user;

    r->now = now;
    ks_list_leave(&pending->request_link);
    see_epoch(r, req->epoch);
    if (!pending->parcel) { /* a load */
        struct ks_user *user = pending->user;
        ks_pending_free(r, pending);
        ks_user_loaded(user, req);
        ks_store_req_free(req);
    } else if (pending->on_answer) {
        answer_question(r, pending);
    } else {
        struct ks_user *user = pending->user;
        pending->answered = true;
        pending->result = req->result;
        if (req->result != KS_OK)
            ks_log(r->log, KS_ERROR, "store.refused", KS_ERR(req->result));
        if (req->result != KS_OK)
            ks_user_reload(user);
        ks_pending_settle(user);
    }
    ks_reactor_run(r);
}

/* --- sending --- */

/* Addresses are often views into a session or an account, which may be gone when the stanza arrives. */
static bool own_addresses(struct ks_parcel *parcel, struct ks_xml *stanza)
{
    for (struct ks_xml_attr *attr = stanza->attrs; attr; attr = attr->next)
        if ((ks_str_is(attr->name, "from") || ks_str_is(attr->name, "to"))
            && ks_arena_copy(&parcel->arena, attr->value, &attr->value) != KS_OK)
            return false;
    return true;
}

/* A parcel that holds stanza, which may point into ctx's arena. */
static struct ks_parcel *effect(struct ks_ctx *ctx, struct ks_xml *stanza)
{
    struct ks_parcel *parcel = stanza ? ks_parcel_child(ctx->parcel, KS_PARCEL_BYTES_MAX) : NULL;
    enum ks_cond cond;
    enum ks_err err;

    if (parcel && !own_addresses(parcel, stanza)) {
        ks_parcel_unref(ctx->reactor, parcel);
        parcel = NULL;
    }
    if (!parcel) {
        ctx->arena->failed = true; /* ks_ctx_end sees to it */
        return NULL;
    }
    err = ks_stanza_read(&parcel->arena, stanza, &parcel->stanza, &cond);
    /* An error that answers an iq without id has none either. */
    if (err != KS_OK && (err != KS_ESYNTAX || parcel->stanza.type != KS_IQ_ERROR)) {
        ks_log(ctx->reactor->log, KS_WARNING, "send.dropped", KS_ERR(KS_ESYNTAX));
        ks_parcel_unref(ctx->reactor, parcel);
        return NULL;
    }
    return parcel;
}

/* What goes to a domain that is not ours goes nowhere: federation is closed. */
static void send_home(struct ks_ctx *ctx, struct ks_parcel *parcel)
{
    if (parcel && ks_route_home(ctx->reactor, parcel))
        ks_ctx_post(ctx, parcel);
    else
        ks_parcel_unref(ctx->reactor, parcel);
}

void ks_send(struct ks_ctx *ctx, struct ks_xml *stanza)
{
    if (stanza && !ks_xml_attr(stanza, "from").ptr)
        ks_xml_set(ctx->arena, stanza, "from", ks_user_bare(ctx->user));
    send_home(ctx, effect(ctx, stanza));
}

void ks_reply(struct ks_ctx *ctx, struct ks_xml *stanza)
{
    send_home(ctx, effect(ctx, stanza));
}

void ks_reply_result(struct ks_ctx *ctx, struct ks_xml *payload)
{
    struct ks_xml *result = ks_stanza_result(ctx->arena, &ctx->parcel->stanza);

    if (result && payload)
        ks_xml_graft(result, payload);
    ks_reply(ctx, result);
}

/* RFC 6120 §8.3.1: "An entity that receives an error stanza MUST NOT respond to the stanza with a further error
 * stanza"; and nobody waits for an answer to a result. */
static bool may_answer(const struct ks_stanza *stanza)
{
    return stanza->xml && stanza->type != KS_IQ_RESULT && stanza->type != KS_IQ_ERROR && stanza->type != KS_MSG_ERROR
        && stanza->type != KS_PRES_ERROR;
}

static struct ks_xml *error_new(struct ks_ctx *ctx, enum ks_cond cond, const char *text_z)
{
    const struct ks_stanza *stanza = &ctx->parcel->stanza;
    struct ks_xml *error = ks_stanza_error(ctx->arena, stanza, cond, text_z);

    if (error && !stanza->has_to)
        ks_xml_unset(error, "from"); /* no 'to', or none that anything could come from */
    /* XEP-0045 §7.2: by this a client knows what it is that was refused. */
    if (error && stanza->kind == KS_PRESENCE && ks_xml_child(stanza->xml, NS_MUC, "x"))
        ks_xml_prepend(error, ks_xml_new(ctx->arena, NS_MUC, "x"));
    return error;
}

void ks_reply_error(struct ks_ctx *ctx, enum ks_cond cond, const char *text_z)
{
    if (may_answer(&ctx->parcel->stanza))
        ks_reply(ctx, error_new(ctx, cond, text_z));
}

void ks_reply_error_with(struct ks_ctx *ctx, enum ks_cond cond, struct ks_xml *app)
{
    struct ks_xml *error;

    if (!may_answer(&ctx->parcel->stanza))
        return;
    error = error_new(ctx, cond, NULL);
    ks_xml_graft(ks_xml_child(error, NS_CLIENT, "error"), app);
    ks_reply(ctx, error);
}

void ks_reply_error_app(struct ks_ctx *ctx, enum ks_cond cond, const char *ns, const char *name)
{
    ks_reply_error_with(ctx, cond, ks_xml_new(ctx->arena, ns, name));
}

static void session_write_run(struct ks_ctx *ctx)
{
    struct ks_session *s = ks_session_find(ctx->user, ctx->parcel->number);

    if (s)
        ks_session_write_xml(s, ctx->parcel->stanza.xml, 0);
}

void ks_send_session(struct ks_ctx *ctx, struct ks_session *session, struct ks_xml *stanza)
{
    struct ks_parcel *parcel = effect(ctx, stanza);

    if (!parcel)
        return;
    parcel->home = session->user->bare;
    parcel->run = session_write_run;
    parcel->refused = ks_parcel_ignore;
    parcel->number = session->id;
    ks_ctx_post(ctx, parcel);
}

void ks_call(
    struct ks_ctx *ctx, struct ks_jid bare, void (*run)(struct ks_ctx *), struct ks_xml *stanza, uint64_t number)
{
    struct ks_parcel *parcel;

    if (!ks_config_host(ctx->reactor->config, bare.domain) || !bare.local.len)
        return;
    parcel = stanza ? effect(ctx, stanza) : ks_parcel_child(ctx->parcel, KS_PARCEL_BYTES_MAX);
    if (!parcel || ks_jid_text(&parcel->arena, ks_jid_bare(bare), &parcel->home) != KS_OK) {
        ks_parcel_unref(ctx->reactor, parcel);
        ctx->arena->failed = true;
        return;
    }
    parcel->run = run;
    parcel->refused = ks_parcel_ignore;
    parcel->number = number;
    ks_ctx_post(ctx, parcel);
}
