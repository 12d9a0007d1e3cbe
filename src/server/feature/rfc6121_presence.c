/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* rfc6121_presence.c -- presence, and subscriptions to it (RFC 6121 §3, §4, Appendix A).
 *
 * In a protected domain presence of people is not broadcast by default (presence.broadcast): sessions are available all
 * the same, requests for subscription and their answers pass, but nobody learns who is there. */
#include <stdlib.h>

#include "blocking.h"
#include "feature_list.h"
#include "roster.h"
#include "session.h"
#include "xml_reader.h"

#define DIRECTED_MAX 100 /* addresses that a session sent directed presence to (§4.6) */

struct slot {
    char **directed; /* zero-ended, each one block of its own */
    size_t directed_count;
    bool shown; /* was available: contacts know of it */
};

static struct slot *slot(struct ks_session *s)
{
    return ks_session_slot(s, &ks_feature_presence);
}

static bool broadcasts(const struct ks_ctx *ctx)
{
    return ks_domain_number(ctx->domain, "presence.broadcast");
}

/* A copy of the session's presence to one address; the bytes are read anew, so that a copy lives in ctx. */
static struct ks_xml *own_presence(struct ks_ctx *ctx, const struct ks_session *s, struct ks_str to)
{
    struct ks_xml *xml;

    if (!s->presence
        || ks_xml_read(ctx->arena, ks_bytes_str(s->presence), KS_STR(NS_CLIENT), KS_STR_EMPTY, &xml) != KS_OK)
        return NULL;
    return ks_xml_set(ctx->arena, xml, "to", to);
}

static struct ks_xml *presence_new(struct ks_ctx *ctx, const char *type, struct ks_str from, struct ks_str to)
{
    return ks_stanza_new(ctx->arena, "presence", type, KS_STR_EMPTY, from, to);
}

struct ks_xml *ks_presence_of(struct ks_ctx *ctx, const struct ks_session *s, struct ks_str to, bool available)
{
    return available ? own_presence(ctx, s, to) : presence_new(ctx, "unavailable", ks_session_jid(s), to);
}

/* --- broadcasts --- */

/* stanza to each contact that may see it, and to the own other sessions (§4.2.2, §4.4.2, §4.5.2). */
static void broadcast(struct ks_ctx *ctx, struct ks_session *session, struct ks_xml *stanza)
{
    const struct ks_kv *row = NULL;
    struct ks_session *s = NULL;

    while (broadcasts(ctx) && (row = ks_kv_next(ctx->user, KS_STORE_ROSTER, row))) {
        struct ks_contact contact;
        struct ks_xml *copy;
        struct ks_str to;
        if (ks_roster_decode(row->value, &contact) != KS_OK || !contact.from
            || ks_is_blocked(ctx, ks_jid_split(row->key)) || ks_arena_copy(ctx->arena, row->key, &to) != KS_OK)
            continue;
        copy = ks_xml_copy_top(ctx->arena, stanza);
        if (copy && ks_xml_set(ctx->arena, copy, "to", to))
            ks_send(ctx, copy);
    }
    while ((s = ks_user_session(ctx->user, s)))
        if (ks_session_available(s) || s == session) {
            struct ks_xml *copy = ks_xml_copy_top(ctx->arena, stanza);
            if (copy && ks_xml_set(ctx->arena, copy, "to", ks_session_jid(s)))
                ks_send_session(ctx, s, copy);
        }
}

/* At the home of a contact: somebody asks for its presence (§4.3.2). parcel's stanza: from = the asking session or
 * account, to = this account. */
static void answer_probe(struct ks_ctx *ctx, struct ks_str to)
{
    struct ks_session *s = NULL;

    while ((s = ks_user_session(ctx->user, s)))
        if (ks_session_available(s))
            ks_send(ctx, own_presence(ctx, s, to));
}

/* §4.2.2: the presence of those whom the session is subscribed to, each asked for at its home; §3.1.3: requests that
 * came while nobody was there; and the own other sessions. */
static void initial(struct ks_ctx *ctx, struct ks_session *session)
{
    const struct ks_kv *row = NULL;
    struct ks_session *s = NULL;
    struct ks_str contact_jid;

    while ((row = ks_kv_next(ctx->user, KS_STORE_ROSTER, row))) {
        struct ks_contact contact;
        if (ks_roster_decode(row->value, &contact) != KS_OK
            || ks_arena_copy(ctx->arena, row->key, &contact_jid) != KS_OK)
            continue;
        if (contact.to)
            ks_send(ctx, presence_new(ctx, "probe", ks_session_jid(session), contact_jid));
        if (contact.pending_in)
            ks_send_session(ctx, session, presence_new(ctx, "subscribe", contact_jid, ks_user_bare(ctx->user)));
    }
    while ((s = ks_user_session(ctx->user, s)))
        if (s != session && ks_session_available(s))
            ks_send_session(ctx, session, own_presence(ctx, s, ks_session_jid(session)));
}

static int priority(struct ks_ctx *ctx, const struct ks_xml *stanza, bool *ret_bad)
{
    struct ks_str text = ks_str_trim(ks_xml_text(ctx->arena, ks_xml_child(stanza, NS_CLIENT, "priority")));
    bool negative = text.len && text.ptr[0] == '-';
    uint64_t value = 0;

    *ret_bad = text.len && ks_str_u64(ks_str_from(text, negative), negative ? 128 : 127, &value) != KS_OK;
    return negative ? -(int)value : (int)value;
}

/* --- directed presence (§4.6) --- */

static void remember(struct ks_session *s, struct ks_str to, bool available)
{
    struct slot *own = slot(s);

    for (size_t i = 0; i < own->directed_count; i++)
        if (ks_str_is(to, own->directed[i])) {
            if (!available) {
                free(own->directed[i]);
                own->directed[i] = own->directed[--own->directed_count];
            }
            return;
        }
    if (!available || own->directed_count == DIRECTED_MAX)
        return;
    char **more = realloc(own->directed, (own->directed_count + 1) * sizeof(char *));
    char *copy = more ? ks_str_dup(to) : NULL;
    if (more)
        own->directed = more;
    if (copy)
        own->directed[own->directed_count++] = copy;
}

static void slot_done(void *memory)
{
    struct slot *own = memory;

    for (size_t i = 0; i < own->directed_count; i++)
        free(own->directed[i]);
    free(own->directed);
}

/* --- subscriptions: the sender's side (Appendix A.2) --- */

/* The stanza goes on with the bare JID as 'from' (§3.1.2). */
static void pass_on(struct ks_ctx *ctx, const char *type, struct ks_str to)
{
    struct ks_xml *copy = ks_xml_copy_top(ctx->arena, ctx->parcel->stanza.xml);

    if (copy && ks_xml_set(ctx->arena, copy, "from", ks_user_bare(ctx->user)) && ks_xml_set(ctx->arena, copy, "to", to)
        && ks_xml_set(ctx->arena, copy, "type", ks_str_z(type)))
        ks_send(ctx, copy);
}

static void send_current(struct ks_ctx *ctx, struct ks_str to)
{
    if (broadcasts(ctx))
        answer_probe(ctx, to);
}

/* Unavailable from each available session, to one who may no longer see it (§3.2.2, §2.5.2). */
static void send_gone(struct ks_ctx *ctx, struct ks_str to)
{
    struct ks_session *s = NULL;

    while (broadcasts(ctx) && (s = ks_user_session(ctx->user, s)))
        if (ks_session_available(s))
            ks_send(ctx, presence_new(ctx, "unavailable", ks_session_jid(s), to));
}

static void out_subscription(struct ks_ctx *ctx, enum ks_stanza_type type, struct ks_str to)
{
    struct ks_contact contact;
    bool there = ks_roster_get(ctx->user, to, &contact);

    if (!there && (type == KS_PRES_SUBSCRIBE || type == KS_PRES_SUBSCRIBED) && ks_roster_full(ctx)) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    switch ((int)type) {
    case KS_PRES_SUBSCRIBE: /* A.2.1 */
        contact.listed = true;
        contact.ask = contact.ask || !contact.to;
        ks_roster_set(ctx, to, &contact);
        pass_on(ctx, "subscribe", to);
        break;
    case KS_PRES_UNSUBSCRIBE: /* A.2.2 */
        if (there) {
            contact.ask = contact.to = false;
            ks_roster_set(ctx, to, &contact);
        }
        pass_on(ctx, "unsubscribe", to);
        break;
    case KS_PRES_SUBSCRIBED: /* A.2.3; without a request it is a pre-approval, which stays here (§3.4.2) */
        if (contact.pending_in) {
            contact.pending_in = contact.approved = false;
            contact.from = contact.listed = true;
            ks_roster_set(ctx, to, &contact);
            pass_on(ctx, "subscribed", to);
            send_current(ctx, to);
        } else if (!contact.from) {
            contact.approved = contact.listed = true;
            ks_roster_set(ctx, to, &contact);
        }
        break;
    case KS_PRES_UNSUBSCRIBED: /* A.2.4 */
        if (contact.from || contact.pending_in) {
            bool had = contact.from;
            contact.from = contact.pending_in = contact.approved = false;
            ks_roster_set(ctx, to, &contact);
            pass_on(ctx, "unsubscribed", to);
            if (had)
                send_gone(ctx, to);
        } else if (contact.approved) {
            contact.approved = false;
            ks_roster_set(ctx, to, &contact);
        }
        break;
    }
}

void ks_presence_end_subscriptions(struct ks_ctx *ctx, struct ks_str bare, const struct ks_contact *contact)
{
    /* §2.5.2: removing an item cancels both directions. */
    if (contact->to || contact->ask)
        ks_send(ctx, presence_new(ctx, "unsubscribe", ks_user_bare(ctx->user), bare));
    if (contact->from || contact->pending_in) {
        ks_send(ctx, presence_new(ctx, "unsubscribed", ks_user_bare(ctx->user), bare));
        if (contact->from)
            send_gone(ctx, bare);
    }
}

/* --- subscriptions: the recipient's side (Appendix A.3) --- */

/* KS_PASS_ON: to be delivered to the available sessions. */
static enum ks_pass in_subscription(struct ks_ctx *ctx, const struct ks_stanza *presence, struct ks_str from)
{
    struct ks_contact contact;
    bool there = ks_roster_get(ctx->user, from, &contact);

    switch ((int)presence->type) {
    case KS_PRES_SUBSCRIBE: /* A.3.1 */
        if (contact.from) {
            /* §3.1.3: already approved: answered for the user. */
            ks_send(ctx, presence_new(ctx, "subscribed", ks_user_bare(ctx->user), from));
            return KS_PASS_STOP;
        }
        if (contact.approved) { /* §3.4.2 */
            contact.approved = contact.pending_in = false;
            contact.from = true;
            ks_roster_set(ctx, from, &contact);
            ks_send(ctx, presence_new(ctx, "subscribed", ks_user_bare(ctx->user), from));
            send_current(ctx, from);
            return KS_PASS_STOP;
        }
        if (contact.pending_in)
            return KS_PASS_STOP; /* §3.1.3: not a second time */
        if (!there && ks_roster_full(ctx))
            return KS_PASS_STOP;
        contact.pending_in = true;
        ks_roster_set(ctx, from, &contact);
        return KS_PASS_ON;
    case KS_PRES_UNSUBSCRIBE: /* A.3.2 */
        if (!contact.from && !contact.pending_in)
            return KS_PASS_STOP;
        if (contact.from)
            send_gone(ctx, from);
        contact.from = contact.pending_in = false;
        ks_roster_set(ctx, from, &contact);
        return KS_PASS_ON;
    case KS_PRES_SUBSCRIBED: /* A.3.3: only an answer to our request counts */
        if (!contact.ask)
            return KS_PASS_STOP;
        contact.ask = false;
        contact.to = true;
        ks_roster_set(ctx, from, &contact);
        return KS_PASS_ON;
    case KS_PRES_UNSUBSCRIBED: /* A.3.4 */
        if (!contact.ask && !contact.to)
            return KS_PASS_STOP;
        contact.ask = contact.to = false;
        ks_roster_set(ctx, from, &contact);
        return KS_PASS_ON;
    default:
        return KS_PASS_ON;
    }
}

/* --- the passes --- */

static bool is_subscription(enum ks_stanza_type type)
{
    return type == KS_PRES_SUBSCRIBE || type == KS_PRES_SUBSCRIBED || type == KS_PRES_UNSUBSCRIBE
        || type == KS_PRES_UNSUBSCRIBED;
}

/* Whether somebody can be there who has contacts: an account, or an address of a component or the component itself. */
static bool has_people(const struct ks_ctx *ctx, struct ks_jid jid)
{
    const struct ks_domain *host = ks_config_host(ctx->reactor->config, jid.domain);

    return host && !host->parent && (jid.local.len || host->component);
}

static enum ks_pass on_sent(struct ks_ctx *ctx, struct ks_stanza *presence)
{
    struct ks_session *s = ctx->session;
    struct ks_str to;
    bool bad;

    if (!presence->has_to) {
        int level = priority(ctx, presence->xml, &bad);
        if (bad)
            ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        else if (presence->type == KS_TYPE_NONE)
            ks_session_set_presence(ctx, s, presence->xml, level);
        else if (presence->type == KS_PRES_UNAVAILABLE)
            ks_session_set_presence(ctx, s, NULL, 0);
        /* other types without 'to' mean nothing */
        return KS_PASS_STOP;
    }
    if (is_subscription(presence->type)) {
        if (ks_jid_text(ctx->arena, ks_jid_bare(presence->to), &to) != KS_OK)
            ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        else if (!has_people(ctx, presence->to))
            ks_reply_error(ctx, KS_REMOTE_SERVER_NOT_FOUND, NULL);
        else if (!ks_jid_eq_bare(presence->to, ks_user_jid(ctx->user)))
            out_subscription(ctx, presence->type, to);
        return KS_PASS_STOP;
    }
    if (presence->type == KS_PRES_PROBE)
        return KS_PASS_STOP; /* §4.3.1: servers probe, clients do not */
    if (ks_jid_text(ctx->arena, presence->to, &to) == KS_OK)
        remember(s, to, presence->type == KS_TYPE_NONE);
    return KS_PASS_ON;
}

static enum ks_pass on_received(struct ks_ctx *ctx, struct ks_stanza *presence)
{
    struct ks_str from, to;

    if (ks_jid_text(ctx->arena, ks_jid_bare(presence->from), &from) != KS_OK)
        return KS_PASS_STOP;
    if (is_subscription(presence->type))
        return in_subscription(ctx, presence, from);
    if (presence->type == KS_PRES_PROBE) {
        /* §4.3.2: only for those who are subscribed; the others learn nothing, not even that there is nothing. */
        if (broadcasts(ctx) && ks_roster_from(ctx->user, from) && ks_jid_text(ctx->arena, presence->from, &to) == KS_OK)
            answer_probe(ctx, to);
        return KS_PASS_STOP;
    }
    return KS_PASS_ON;
}

static void on_available(struct ks_ctx *ctx, struct ks_session *session, bool first)
{
    struct ks_xml *stanza = own_presence(ctx, session, ks_session_jid(session));

    slot(session)->shown = true;
    if (first)
        initial(ctx, session);
    if (stanza)
        broadcast(ctx, session, stanza);
}

static void on_unavailable(struct ks_ctx *ctx, struct ks_session *session)
{
    struct slot *own = slot(session);
    struct ks_xml *stanza = NULL;
    struct ks_str to;

    /* What the client said with it (a status) goes along; a session that broke off says nothing. */
    if (ctx->parcel->stanza.kind == KS_PRESENCE && ctx->parcel->stanza.xml && ctx->session == session)
        stanza = ks_xml_copy_top(ctx->arena, ctx->parcel->stanza.xml);
    else
        stanza = presence_new(ctx, "unavailable", KS_STR_EMPTY, KS_STR_EMPTY);
    if (!stanza || ks_arena_copy(ctx->arena, ks_session_jid(session), &to) != KS_OK
        || !ks_xml_set(ctx->arena, stanza, "from", to))
        return;
    if (own->shown)
        broadcast(ctx, session, stanza);
    for (size_t i = 0; i < own->directed_count; i++) { /* §4.6.3, whether it was available or not */
        struct ks_xml *copy = ks_xml_copy_top(ctx->arena, stanza);
        if (copy && ks_arena_copy(ctx->arena, ks_str_z(own->directed[i]), &to) == KS_OK
            && ks_xml_set(ctx->arena, copy, "to", to))
            ks_send(ctx, copy);
    }
    slot_done(own);
    *own = (struct slot) { 0 };
}

const struct ks_feature ks_feature_presence = {
    .name = "presence",
    .pass = { { KS_STAGE_SEND, 1U << KS_PRESENCE, on_sent }, { KS_STAGE_RECEIVE, 1U << KS_PRESENCE, on_received } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_PRESENCE, NS_CLIENT, "show" },
        { KS_CLEAR_PRESENCE, NS_CLIENT, "priority" }, { 0 } },
    .options = { { "presence.broadcast", KS_OPT_BOOL, .init = 0, .min = 0, .max = 1, .open_differs = true,
        .init_open = 1, .doc = "Whether contacts with a subscription see who is there." } },
    .available = on_available,
    .unavailable = on_unavailable,
    .slot_done = slot_done,
    .session_size = sizeof(struct slot),
};
