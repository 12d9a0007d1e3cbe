/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* c2s_sasl2.c -- XEP-0388 Extensible SASL Profile, version 1.0.3, with XEP-0386 Bind 2, version 1.0.0, and the
 * resumption of XEP-0198 §9 inline.
 *
 * One element asks for everything: who it is, the session to resume, or the resource and what is to be on from the
 * beginning. One element answers. Between the two the request's parcel goes through steps at the home of the account:
 *
 *   accepted_run                   tokens (XEP-0484), in a transaction
 *   resume_run                     a session that is still there; may have to wait for its last stanzas
 *   start_answered, end_answered   where the archive begins and ends, asked of the store
 *   bind_now                       then and there
 *
 * The stream is under TLS (C2S_SECURE) until all of it is done: nobody but the account's owner comes so far, and a
 * store that refuses makes the login fail as if it had not begun. There are no tasks here: <continue/> is never sent,
 * so <next/> has no place. */
#include "c2s_login.h"

#include <stdlib.h>

#include "archive_metadata.h"
#include "enc.h"
#include "unicode.h"
#include "user_device.h"
#include "xml_writer.h"

#define TAG_MAX 128
#define AGENT_LEN 36

/* What becomes <success/>, in the arena of the request. */
struct ks_sasl2_answer {
    struct ks_xml *success, *identifier;
    struct ks_xml *metadata; /* of the archive, for <bound/> */
};

/* --- what is offered --- */

static void add_feature(struct ks_arena *arena, struct ks_xml *list, const char *ns)
{
    ks_xml_set(arena, ks_xml_add(arena, list, NS_BIND2, "feature"), "var", ks_str_z(ns));
}

void ks_sasl2_features(struct ks_c2s *c, struct ks_arena *arena, struct ks_xml *features)
{
    struct ks_str names[KS_LOGIN_MECHANISMS], types[KS_BIND_COUNT];
    size_t type_count, count = ks_login_offered(c->login, names, types, &type_count);
    struct ks_xml *offer = ks_xml_add(arena, features, NS_SASL2, "authentication"), *list;
    struct ks_scram_bindings channels = ks_login_channels(c->login);

    for (size_t i = 0; i < count; i++)
        ks_xml_add_text(arena, offer, NS_SASL2, "mechanism", names[i]);
    offer = ks_xml_add(arena, offer, NS_SASL2, "inline");
    ks_xml_add(arena, offer, NS_SM, "sm"); /* XEP-0198 §9.2 */
    ks_fast_offer(arena, ks_c2s_domain(c), &channels, offer);
    list = ks_xml_add(arena, ks_xml_add(arena, offer, NS_BIND2, "bind"), NS_BIND2, "inline");
    add_feature(arena, list, NS_SM); /* XEP-0198 §9.1 */
    for (size_t i = 0; ks_features[i]; i++) {
        const struct ks_feature_bind *last = NULL;
        for (const struct ks_feature_bind *at = ks_features[i]->binds; at && at->ns; last = at++)
            if (!last || strcmp(last->ns, at->ns) != 0)
                add_feature(arena, list, at->ns);
    }
}

/* --- the exchange --- */

void ks_c2s_login_from(struct ks_c2s *c, struct ks_arena *arena, struct ks_str from)
{
    struct ks_str bare;
    struct ks_jid jid;

    free(c->login->from);
    c->login->from = NULL;
    if (from.len && ks_jid_parse(arena, from, &jid) == KS_OK && ks_jid_text(arena, ks_jid_bare(jid), &bare) == KS_OK)
        c->login->from = ks_str_dup(bare);
}

/* §2.3: "MUST be a UUID v4". Which version of UUID it is says nothing to us; its form keeps everything else out. */
static bool read_agent(struct ks_c2s_login *login, struct ks_str id)
{
    char *text;

    if (id.len != AGENT_LEN || !(text = ks_arena_alloc(&login->arena, AGENT_LEN)))
        return false;
    for (size_t i = 0; i < AGENT_LEN; i++) {
        char c = id.ptr[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (c >= 'A' && c <= 'F')
            c = (char)(c - 'A' + 'a');
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        text[i] = c;
    }
    login->agent = ks_str(text, AGENT_LEN);
    return true;
}

void ks_c2s_on_authenticate(struct ks_c2s *c, struct ks_parcel *parcel)
{
    const struct ks_xml *request = parcel->stanza.xml;
    const struct ks_xml *agent = ks_xml_child(request, NS_SASL2, "user-agent");
    struct ks_c2s_login *login = c->login;
    struct ks_str id = ks_xml_attr(agent, "id"), text;
    const struct ks_xml *first;

    /* §2.4: "Servers MUST disconnect Clients immediately if any other traffic is received." */
    if (!ks_c2s_domain(c) || !c->header_seen || login->exchanging) {
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL);
        return;
    }
    login->request = ks_parcel_ref(parcel);
    login->agent = KS_STR_EMPTY;
    login->answer = NULL;
    if (id.ptr && !read_agent(login, id)) {
        ks_login_fail(c, "malformed-request");
        return;
    }
    first = ks_xml_child(request, NS_SASL2, "initial-response");
    text = ks_xml_text(&parcel->arena, first);
    /* §2.2: "<element/> … indicate an empty string. … To indicate the absence of an initial response … the element is
     * simply not included." */
    ks_login_begin(c, ks_xml_attr(request, "mechanism"), first && !text.len ? KS_STR("") : text);
}

/* Whether an exchange of this profile is under way; the stream is closed otherwise. */
static bool is_exchanging(struct ks_c2s *c)
{
    if (c->login->exchanging && c->login->request)
        return true;
    ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL);
    return false;
}

void ks_c2s_on_response2(struct ks_c2s *c, struct ks_parcel *parcel)
{
    if (is_exchanging(c))
        ks_login_respond(c, ks_xml_text(&parcel->arena, parcel->stanza.xml));
}

/* §6.5 */
void ks_c2s_on_abort2(struct ks_c2s *c, struct ks_parcel *parcel)
{
    (void)parcel;
    if (is_exchanging(c))
        ks_login_fail(c, "aborted");
}

/* --- success --- */

/* The stream of a step; NULL: it is gone, or closed. */
static struct ks_c2s *stream_of(struct ks_ctx *ctx)
{
    struct ks_c2s *c = ks_login_called(ctx->parcel);

    return c && c->state == C2S_SECURE ? c : NULL;
}

/* Whether who logs in still may; says so if not. */
static bool stands(struct ks_ctx *ctx, struct ks_c2s *c)
{
    if (ks_login_stands(c, ctx->user))
        return true;
    ks_login_fail(c, "not-authorized");
    ks_c2s_release(c);
    return false;
}

static const struct ks_xml *asked(struct ks_ctx *ctx, const char *ns, const char *name)
{
    return ks_xml_child(ctx->parcel->stanza.xml, ns, name);
}

/* <success/> goes out; jid is in it, full when the stream is bound. Features follow, but to a session that goes on
 * (XEP-0198 §9.2). */
static void write_success(struct ks_ctx *ctx, struct ks_c2s *c, const struct ks_sasl2_answer *answer, struct ks_str jid)
{
    ks_xml_put_text(ctx->arena, answer->identifier, jid);
    ks_c2s_write_xml(c, answer->success);
    if (c->login) { /* not bound; ks_c2s_bound ends it otherwise */
        c->login->exchanging = false;
        ks_parcel_unref(ctx->reactor, c->login->request); /* ctx has a reference of its own */
        c->login->request = NULL;
    }
}

/* XEP-0386 §3.2.1. The part of ours is the same for the same client, so that others know it again, and says nothing of
 * the id that it follows from. */
static enum ks_err make_resource(struct ks_ctx *ctx, struct ks_c2s *c, struct ks_str tag, struct ks_str *ret_resource)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    const struct ks_server *server = ctx->reactor->server;
    struct ks_str agent = c->login->agent, parts[] = { tag, KS_STR("/"), KS_STR_EMPTY }, resource;
    struct ks_str input[] = { KS_STR("konsil device name\n"), ctx->user->bare, KS_STR("\n"), agent, tag }, text;
    uint8_t mac[KS_HASH_MAX];
    char *own;

    if (!agent.len) {
        if (ks_bind_random(ctx->reactor, ctx->arena, &parts[2]) != KS_OK)
            return KS_ENOMEM;
    } else {
        if (!(own = ks_arena_alloc(ctx->arena, 12))
            || ks_arena_join(ctx->arena, input, KS_COUNT(input), &text) != KS_OK)
            return KS_ENOMEM;
        ks_hmac(KS_SHA256, ks_str(server->secret, sizeof server->secret), text, mac);
        for (size_t i = 0; i < 12; i++)
            own[i] = letters[mac[i] % (sizeof letters - 1)];
        parts[2] = ks_str(own, 12);
    }
    if (tag.len && tag.len <= TAG_MAX && ks_arena_join(ctx->arena, parts, 3, &resource) == KS_OK
        && ks_unicode_resource(ctx->arena, resource, ret_resource) == KS_OK)
        return KS_OK;
    *ret_resource = parts[2];
    return KS_OK;
}

/* XEP-0386 §3.2: "Upon successful binding of a resource, the server SHOULD terminate any earlier sessions from the same
 * client". */
static void end_earlier(const struct ks_session *now)
{
    struct ks_session *s = ks_user_session(now->user, NULL), *next;

    for (; s; s = next) {
        next = ks_user_session(now->user, s);
        if (s != now && s->device == now->device)
            ks_session_end(s, KS_STREAM_CONFLICT);
    }
}

/* What is asked for with the resource, in the order in which it stands there. */
static void turn_on(struct ks_ctx *ctx, struct ks_session *s, const struct ks_xml *bind, struct ks_xml *bound)
{
    for (const struct ks_xml *at = ks_xml_child(bind, NULL, NULL); at; at = ks_xml_next(at, NULL, NULL)) {
        if (ks_xml_is(at, NS_SM, "enable") && !s->sm)
            ks_xml_graft(bound, ks_sm_enable(ctx->arena, s, ctx->domain, at));
        for (size_t i = 0; ks_features[i]; i++)
            for (const struct ks_feature_bind *one = ks_features[i]->binds; one && one->ns; one++)
                if (ks_xml_is(at, one->ns, one->name))
                    one->on(ctx, s, at);
    }
}

static void bind_now(struct ks_ctx *ctx, struct ks_c2s *c)
{
    const struct ks_xml *bind = asked(ctx, NS_BIND2, "bind");
    struct ks_str tag = ks_xml_text(ctx->arena, ks_xml_child(bind, NS_BIND2, "tag")), resource, agent = c->login->agent;
    const struct ks_sasl2_answer *answer = c->login->answer;
    struct ks_session *s = NULL;
    struct ks_xml *bound;

    ks_c2s_authed(c, false);
    if (make_resource(ctx, c, tag, &resource) == KS_OK)
        s = ks_bind(ctx, c, resource, ks_device_of(ctx->user->bare, agent.len ? agent : resource, agent.len != 0));
    bound = ks_xml_add(ctx->arena, answer->success, NS_BIND2, s ? "bound" : "failed");
    if (s) {
        end_earlier(s);
        s->catches_up = true; /* "Clear the offline messages …, as they will be provided by MAM" */
        if (answer->metadata)
            ks_xml_graft(bound, answer->metadata);
        turn_on(ctx, s, bind, bound);
        write_success(ctx, c, answer, s->jid);
        ks_bind_tell(ctx, s);
    } else {
        ks_xml_add(ctx->arena, bound, NS_STANZAS, "resource-constraint");
        write_success(ctx, c, answer, ctx->user->bare);
    }
    ks_c2s_write_features(c);
    ks_c2s_release(c);
}

/* The store's answer comes behind those to all that was archived before it, and what is archived later is behind it: at
 * this moment all that <metadata/> covers went its way, and whatever comes now comes to the new session. */
static void end_answered(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_c2s *c = stream_of(ctx);

    if (!c || !stands(ctx, c))
        return;
    ks_archive_end_add(ctx, c->login->answer->metadata, KS_ARCHIVE_NEWEST, req);
    bind_now(ctx, c);
}

static void start_answered(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_c2s *c = stream_of(ctx);

    if (!c)
        return;
    ks_archive_end_add(ctx, c->login->answer->metadata, KS_ARCHIVE_OLDEST, req);
    ks_login_keep(c, ctx->parcel);
    ks_archive_end_ask(ctx, KS_ARCHIVE_NEWEST, end_answered);
}

static void go_on(struct ks_ctx *ctx, struct ks_c2s *c)
{
    if (asked(ctx, NS_BIND2, "bind")) {
        c->login->answer->metadata = ks_xml_new(ctx->arena, NS_MAM, "metadata");
        ks_login_keep(c, ctx->parcel);
        ks_archive_end_ask(ctx, KS_ARCHIVE_OLDEST, start_answered);
        return;
    }
    ks_c2s_authed(c, false);
    write_success(ctx, c, c->login->answer, ctx->user->bare);
    ks_c2s_write_features(c);
    ks_c2s_release(c);
}

/* XEP-0198 §9.2: "that MUST be processed first by the server". */
static void resume_run(struct ks_ctx *ctx)
{
    const struct ks_xml *resume = asked(ctx, NS_SM, "resume");
    struct ks_c2s *c = stream_of(ctx);
    const struct ks_sasl2_answer *answer;
    struct ks_session *s;
    bool waits;

    if (!c || !stands(ctx, c))
        return;
    if (!resume) {
        go_on(ctx, c);
        return;
    }
    answer = c->login->answer;
    s = ks_sm_resume(ctx, c, resume, &waits);
    if (s) {
        ks_xml_graft(answer->success, ks_sm_resumed_new(ctx->arena, s, resume));
        ks_c2s_authed(c, false);
        ks_c2s_bound(c, s);
        write_success(ctx, c, answer, s->jid);
        ks_sm_resumed(ctx, s);
        ks_c2s_release(c);
    } else if (!waits) {
        ks_xml_graft(answer->success, ks_sm_failed_new(ctx->arena, "item-not-found"));
        go_on(ctx, c);
    }
}

/* XEP-0484: what was used, and what is wanted, into ctx's transaction. False: the token is not there any more. */
static bool see_to_tokens(struct ks_ctx *ctx, struct ks_c2s *c)
{
    const struct ks_c2s_login *login = c->login;
    const struct ks_xml *wanted = asked(ctx, NS_FAST, "request-token"), *agent = asked(ctx, NS_SASL2, "user-agent");
    const struct ks_ht_mechanism *mechanism = NULL;
    struct ks_scram_bindings channels = ks_login_channels(login);
    struct ks_str name = ks_xml_text(ctx->arena, ks_xml_child(agent, NS_SASL2, "device"));
    uint64_t device = ks_device_of(ctx->user->bare, login->agent, true);
    bool due = false;

    if (login->ht && !ks_fast_used(ctx, device, &login->token, asked(ctx, NS_FAST, "fast"), &due))
        return false;
    if (wanted)
        mechanism = ks_fast_mechanism(ctx->domain, &channels, ks_xml_attr(wanted, "mechanism"));
    else if (due)
        mechanism = login->ht;
    /* Not to who logs in by a certificate: a token would be good when that is not any more. */
    if (mechanism && login->agent.len && !login->external)
        ks_fast_issue(ctx, device, mechanism, name, login->answer->success);
    return true;
}

/* What was written is on the disk. */
static void accepted(struct ks_ctx *ctx)
{
    ctx->parcel->run = resume_run;
    ks_ctx_post(ctx, ks_parcel_ref(ctx->parcel));
}

static void accepted_run(struct ks_ctx *ctx)
{
    struct ks_c2s *c = stream_of(ctx);

    if (!c || !stands(ctx, c))
        return;
    if (!see_to_tokens(ctx, c)) {
        ks_login_fail(c, "not-authorized");
        ks_c2s_release(c);
        return;
    }
    ks_login_keep(c, ctx->parcel);
    if (ctx->txn)
        ctx->committed = accepted;
    else
        resume_run(ctx);
}

void ks_sasl2_succeed(struct ks_c2s *c, struct ks_str message)
{
    struct ks_arena *arena = &c->login->request->arena;
    struct ks_sasl2_answer *answer = c->login->answer = KS_NEW(arena, struct ks_sasl2_answer);
    struct ks_str text;

    if (!answer || (message.ptr && ks_base64(arena, message, &text) != KS_OK)) {
        ks_login_fail(c, "temporary-auth-failure");
        return;
    }
    answer->success = ks_xml_new(arena, NS_SASL2, "success");
    if (message.ptr)
        ks_xml_add_text(arena, answer->success, NS_SASL2, "additional-data", text);
    answer->identifier = ks_xml_add(arena, answer->success, NS_SASL2, "authorization-identifier");
    ks_login_call(c, ks_parcel_ref(c->login->request), accepted_run);
}
