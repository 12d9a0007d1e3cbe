/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0050_adhoc.c -- XEP-0050 Ad-Hoc Commands, version 1.3.0: what features let people do by forms (adhoc.h). */
#include "adhoc.h"

#include <stdio.h>
#include <stdlib.h>

#include "dataform.h"
#include "disco.h"
#include "feature_list.h"
#include "reactor.h"
#include "session.h"

/* A form that was given to somebody. */
struct session {
    struct ks_list link;
    char id[17];
    int64_t until_ms;
    const struct ks_adhoc_command *command;
    struct ks_str owner; /* full JID, behind this struct */
};

struct ks_adhoc_sessions {
    struct ks_list open; /* oldest first */
    size_t count;
};

/* --- sessions (§5.1) --- */

static void close_session(struct ks_adhoc_sessions *sessions, struct session *session)
{
    ks_list_leave(&session->link);
    sessions->count--;
    free(session);
}

void ks_adhoc_sessions_free(struct ks_adhoc_sessions *sessions)
{
    if (!sessions)
        return;
    while (!ks_list_empty(&sessions->open))
        close_session(sessions, KS_CONTAINER(sessions->open.next, struct session, link));
    free(sessions);
}

/* Makes room: what is over, the oldest of this client, the oldest of all. */
static void make_room(struct ks_adhoc_sessions *sessions, struct ks_str owner, int64_t now_ms)
{
    struct session *oldest = NULL;
    size_t own = 0;

    for (KS_LIST_EACH_SAFE(&sessions->open, at)) {
        struct session *session = KS_CONTAINER(at, struct session, link);
        if (session->until_ms <= now_ms) {
            close_session(sessions, session);
        } else if (ks_str_eq(session->owner, owner)) {
            oldest = oldest ? oldest : session;
            own++;
        }
    }
    if (oldest && own >= KS_ADHOC_SESSIONS_MAX)
        close_session(sessions, oldest);
    if (sessions->count >= KS_ADHOC_SESSIONS_ALL)
        close_session(sessions, KS_CONTAINER(sessions->open.next, struct session, link));
}

/* NULL without memory. */
static struct session *open_session(struct ks_ctx *ctx, const struct ks_adhoc_command *command)
{
    struct ks_reactor *r = ctx->reactor;
    struct ks_str owner = ks_session_jid(ctx->session);
    struct session *session = calloc(1, sizeof *session + owner.len);

    if (!r->adhoc && (r->adhoc = calloc(1, sizeof *r->adhoc)))
        ks_list_init(&r->adhoc->open);
    if (!r->adhoc || !session) {
        free(session);
        return NULL;
    }
    make_room(r->adhoc, owner, ctx->now.mono_ms);
    memcpy(session + 1, owner.ptr, owner.len);
    session->owner = ks_str(session + 1, owner.len);
    session->command = command;
    session->until_ms = ctx->now.mono_ms + KS_ADHOC_SESSION_MS;
    snprintf(session->id, sizeof session->id, "%016llx", (unsigned long long)ks_prng_u64(&r->prng));
    ks_list_append(&r->adhoc->open, &session->link);
    r->adhoc->count++;
    return session;
}

static struct session *find_session(struct ks_ctx *ctx, struct ks_str id)
{
    struct ks_adhoc_sessions *sessions = ctx->reactor->adhoc;

    if (sessions)
        for (KS_LIST_EACH(&sessions->open, at)) {
            struct session *session = KS_CONTAINER(at, struct session, link);
            /* "SHOULD be valid only between one requester/responder pair" */
            if (ks_str_is(id, session->id) && ks_str_eq(session->owner, ks_session_jid(ctx->session)))
                return session;
        }
    return NULL;
}

/* --- commands --- */

static const struct ks_adhoc_command *find(struct ks_str node)
{
    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_adhoc_command *at = ks_features[i]->commands; at && at->node; at++)
            if (ks_str_is(node, at->node))
                return at;
    return NULL;
}

bool ks_adhoc_disco_items(struct ks_ctx *ctx, struct ks_str node)
{
    struct ks_xml *query;

    if (!ks_str_is(node, NS_COMMANDS))
        return false;
    query = ks_xml_set(ctx->arena, ks_xml_new(ctx->arena, NS_DISCO_ITEMS, "query"), "node", node);
    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_adhoc_command *at = ks_features[i]->commands; at && at->node; at++)
            if (!at->never && at->may(ctx)) {
                struct ks_xml *item = ks_xml_add(ctx->arena, query, NS_DISCO_ITEMS, "item");
                ks_xml_set(ctx->arena, item, "jid", ctx->parcel->stanza.to.domain); /* ours, but of the stanza */
                ks_xml_set(ctx->arena, item, "node", ks_str_z(at->node));
                ks_xml_set(ctx->arena, item, "name", ks_str_z(at->name));
            }
    ks_reply_result(ctx, query);
    return true;
}

bool ks_adhoc_disco_info(struct ks_ctx *ctx, struct ks_str node)
{
    const struct ks_adhoc_command *command = find(node);
    struct ks_xml *query;

    if (!ks_str_is(node, NS_COMMANDS) && (!command || command->never || !command->may(ctx)))
        return false;
    query = ks_xml_set(ctx->arena, ks_xml_new(ctx->arena, NS_DISCO_INFO, "query"), "node", node);
    ks_disco_identity(
        ctx->arena, query, "automation", command ? "command-node" : "command-list", command ? command->name : NULL);
    ks_disco_add(ctx->arena, query, NS_COMMANDS);
    if (command)
        ks_disco_add(ctx->arena, query, NS_DATA);
    ks_reply_result(ctx, query);
    return true;
}

/* --- answers --- */

static struct ks_xml *answer_new(struct ks_ctx *ctx, struct ks_str id, const char *status)
{
    struct ks_xml *command = ks_xml_new(ctx->arena, NS_COMMANDS, "command");

    ks_xml_set(ctx->arena, command, "node", ks_xml_attr(ctx->parcel->stanza.payload, "node"));
    ks_xml_set(ctx->arena, command, "sessionid", id);
    return ks_xml_set(ctx->arena, command, "status", ks_str_z(status));
}

void ks_adhoc_done(struct ks_ctx *ctx, const char *note_type, const char *text, struct ks_xml *result)
{
    struct ks_xml *answer = answer_new(ctx, ks_xml_attr(ctx->parcel->stanza.payload, "sessionid"), "completed"), *note;

    if (note_type) {
        note = ks_xml_add_text(ctx->arena, answer, NS_COMMANDS, "note", ks_str_z(text));
        ks_xml_set(ctx->arena, note, "type", ks_str_z(note_type));
    }
    if (answer && result)
        ks_xml_graft(answer, result);
    ks_reply_result(ctx, answer);
}

/* The form, for whoever asked for it (§3.2). */
static void give_form(struct ks_ctx *ctx, const struct ks_adhoc_command *command)
{
    struct session *session = open_session(ctx, command);
    struct ks_xml *answer, *actions, *form;
    struct ks_str id;

    if (!session || ks_arena_copy(ctx->arena, ks_str_z(session->id), &id) != KS_OK) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    answer = answer_new(ctx, id, "executing");
    actions =
        ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, answer, NS_COMMANDS, "actions"), "execute", KS_STR("complete"));
    ks_xml_add(ctx->arena, actions, NS_COMMANDS, "complete");
    form = ks_form_new(ctx->arena, "form", command->form_type);
    ks_xml_add_text(ctx->arena, form, NS_DATA, "title", ks_str_z(command->name));
    command->fill(ctx, form);
    if (answer && form)
        ks_xml_graft(answer, form);
    ks_reply_result(ctx, answer);
}

/* What was filled in; NULL: not as it has to be (§5.3.1). */
static const struct ks_xml *submitted(const struct ks_xml *command)
{
    const struct ks_xml *form = ks_xml_child(command, NS_DATA, "x");
    size_t fields = 0;

    for (const struct ks_xml *at = ks_xml_child(form, NS_DATA, "field"); at; at = ks_xml_next(at, NS_DATA, "field"))
        fields++;
    return fields <= KS_ADHOC_FIELDS_MAX
            && (ks_str_is(ks_xml_attr(form, "type"), "submit") || ks_str_is(ks_xml_attr(form, "type"), "cancel"))
        ? form
        : NULL;
}

static void go_on(struct ks_ctx *ctx, const struct ks_stanza *iq, const struct ks_adhoc_command *command)
{
    struct ks_str action = ks_xml_attr(iq->payload, "action"), id = ks_xml_attr(iq->payload, "sessionid");
    struct session *session = find_session(ctx, id);
    const struct ks_xml *form = submitted(iq->payload);
    bool over = session && session->until_ms <= ctx->now.mono_ms;

    if (!session || session->command != command) {
        ks_reply_error_app(ctx, KS_BAD_REQUEST, NS_COMMANDS, "bad-sessionid");
    } else if (over) {
        close_session(ctx->reactor->adhoc, session);
        ks_reply_error_app(ctx, KS_NOT_ALLOWED, NS_COMMANDS, "session-expired");
    } else if (ks_str_is(action, "cancel")) { /* §3.4 */
        close_session(ctx->reactor->adhoc, session);
        ks_reply_result(ctx, answer_new(ctx, id, "canceled"));
    } else if (ks_str_is(action, "prev") || ks_str_is(action, "next")) { /* there is one form */
        ks_reply_error_app(ctx, KS_BAD_REQUEST, NS_COMMANDS, "bad-action");
    } else if (action.len && !ks_str_is(action, "execute") && !ks_str_is(action, "complete")) {
        ks_reply_error_app(ctx, KS_BAD_REQUEST, NS_COMMANDS, "malformed-action");
    } else if (!form) {
        ks_reply_error_app(ctx, KS_BAD_REQUEST, NS_COMMANDS, "bad-payload");
    } else {
        close_session(ctx->reactor->adhoc, session); /* "its 'sessionid' value SHOULD NOT be used again" */
        command->run(ctx, form);
    }
}

static void on_command(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_adhoc_command *command = find(ks_xml_attr(iq->payload, "node"));
    struct ks_str action = ks_xml_attr(iq->payload, "action");

    if (!ctx->session)
        return; /* it ended meanwhile: there is nobody to answer */
    if (!command || !ks_str_eq(iq->to.domain, ctx->domain->name))
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
    else if (!command->may(ctx))
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
    else if (command->never)
        ks_reply_error(ctx, KS_NOT_ALLOWED, command->never);
    else if (ks_xml_attr(iq->payload, "sessionid").len)
        go_on(ctx, iq, command);
    else if (action.len && !ks_str_is(action, "execute"))
        ks_reply_error_app(ctx, KS_BAD_REQUEST, NS_COMMANDS, "bad-action");
    else if (command->fill)
        give_form(ctx, command);
    else {
        struct session *session = open_session(ctx, command); /* for its number */
        struct ks_str id;
        if (!session || ks_arena_copy(ctx->arena, ks_str_z(session->id), &id) != KS_OK) {
            ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
            return;
        }
        close_session(ctx->reactor->adhoc, session);
        ks_xml_set(ctx->arena, iq->payload, "sessionid", id);
        command->run(ctx, NULL);
    }
}

const struct ks_feature ks_feature_adhoc = {
    .name = "adhoc",
    .disco = (const char *const[]) { NS_COMMANDS, NULL },
    .iq = { { KS_IQ_SET, NS_COMMANDS, "command", KS_TO_DOMAIN, on_command } },
};
