/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0280_carbons.c -- XEP-0280 Message Carbons, version 1.0.1. */
#include "feature_list.h"
#include "message.h"
#include "omemo_trim.h"
#include "session.h"

struct slot {
    bool on;
};

static struct slot *slot(struct ks_session *s)
{
    return ks_session_slot(s, &ks_feature_carbons);
}

/* §4 and §5: without session (it ended meanwhile) there is nobody to answer. */
static void on_enable(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    if (!ctx->session)
        return;
    slot(ctx->session)->on = ks_str_is(iq->payload->name, "enable");
    ks_reply_result(ctx, NULL);
}

/* XEP-0386 §3.2: with the resource. */
static void on_bind(struct ks_ctx *ctx, struct ks_session *session, const struct ks_xml *enable)
{
    (void)ctx;
    (void)enable;
    slot(session)->on = true;
}

/* §6: of those that a person would want to see on all her devices. */
static bool eligible(const struct ks_stanza *message)
{
    const struct ks_xml *xml = message->xml;

    if (ks_xml_child(xml, NS_CARBONS, "private") || message->type == KS_MSG_GROUPCHAT
        || message->type == KS_MSG_HEADLINE || message->type == KS_MSG_ERROR)
        return false;
    return message->type == KS_MSG_CHAT || ks_message_is_kept(message);
}

/* The archive's mark of a row, so that the others know it when they catch up. */
static void add_mark(struct ks_ctx *ctx, struct ks_xml *copy, uint64_t row)
{
    char *id = ks_arena_alloc(ctx->arena, KS_ARCHIVE_ID_LEN);
    struct ks_xml *mark = id ? ks_xml_new(ctx->arena, NS_SID, "stanza-id") : NULL;

    ks_xml_set(ctx->arena, mark, "by", ks_user_bare(ctx->user));
    if (mark)
        ks_xml_set(ctx->arena, mark, "id", ks_archive_id_write(ctx->reactor->server->archive_ids, row, id));
    ks_xml_prepend(copy, mark);
}

/* <received/> or <sent/> around a copy, to one session (§7.1, §8.1); row: in the archive, or 0. */
static void copy_to(
    struct ks_ctx *ctx, struct ks_session *s, const char *name, const struct ks_stanza *message, uint64_t row)
{
    struct ks_xml *outer = ks_stanza_new(ctx->arena, "message", message->type == KS_MSG_CHAT ? "chat" : NULL,
        KS_STR_EMPTY, ks_user_bare(ctx->user), ks_session_jid(s));
    struct ks_xml *carbon = ks_xml_add(ctx->arena, outer, NS_CARBONS, name);
    struct ks_xml *forwarded = ks_xml_add(ctx->arena, carbon, NS_FORWARD, "forwarded");
    struct ks_xml *copy = ks_xml_copy_top(ctx->arena, message->xml);

    if (copy)
        copy = ks_omemo_trim_tree(ctx->arena, copy, ks_user_bare(ctx->user), ks_omemo_devices(ctx->user));
    if (outer && forwarded && copy) {
        if (row)
            add_mark(ctx, copy, row);
        ks_xml_graft(forwarded, copy);
        ks_send_session(ctx, s, outer);
    }
}

/* §7: what one resource got, the others get a copy of; deliver() gives messages to the bare JID to all with a
 * non-negative priority, so a copy is for those that it passed by. */
static enum ks_pass received(struct ks_ctx *ctx, struct ks_stanza *message)
{
    const struct ks_archive_row *row = ks_message_row(ctx);
    bool to_resource = !ks_jid_is_bare(message->to) && ks_user_resource(ctx->user, message->to.resource);
    struct ks_session *s = NULL;

    if (!eligible(message))
        return KS_PASS_ON;
    while ((s = ks_user_session(ctx->user, s))) {
        bool had_it = to_resource ? ks_str_eq(ks_session_resource(s), message->to.resource)
                                  : ks_session_available(s) && s->priority >= 0;
        if (slot(s)->on && !had_it)
            copy_to(ctx, s, "received", message, row ? row->id : 0);
    }
    return KS_PASS_ON;
}

/* §8: to the sender's other resources; mostly there are none. */
static enum ks_pass sent(struct ks_ctx *ctx, struct ks_stanza *message)
{
    struct ks_session *s = NULL;

    if (!eligible(message))
        return KS_PASS_ON;
    while ((s = ks_user_session(ctx->user, s)))
        if (slot(s)->on && !ks_str_eq(ks_session_resource(s), message->from.resource))
            copy_to(ctx, s, "sent", message, ctx->parcel->number);
    return KS_PASS_ON;
}

static bool is_no_carbon(const struct ks_xml *child)
{
    return !ks_xml_is(child, NS_CARBONS, "received") && !ks_xml_is(child, NS_CARBONS, "sent");
}

/* §11: a carbon that a client made up itself is taken out. */
static enum ks_pass no_forgery(struct ks_ctx *ctx, struct ks_stanza *message)
{
    (void)ctx;
    ks_xml_filter(message->xml, is_no_carbon);
    return KS_PASS_ON;
}

const struct ks_feature ks_feature_carbons = {
    .name = "carbons",
    .disco = (const char *const[]) { NS_CARBONS, "urn:xmpp:carbons:rules:0", NULL },
    .disco_account = (const char *const[]) { NS_CARBONS, NULL },
    .iq = { { KS_IQ_SET, NS_CARBONS, "enable", KS_TO_SELF, on_enable },
        { KS_IQ_SET, NS_CARBONS, "disable", KS_TO_SELF, on_enable } },
    .pass = { { KS_STAGE_CLEAN, 1U << KS_MESSAGE, no_forgery }, { KS_STAGE_DELIVERED, 1U << KS_MESSAGE, received },
        { KS_STAGE_SENT, 1U << KS_MESSAGE, sent } },
    .binds = (const struct ks_feature_bind[]) { { NS_CARBONS, "enable", on_bind }, { 0 } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_MESSAGE, NS_CARBONS, "private" }, { 0 } },
    .session_size = sizeof(struct slot),
};
