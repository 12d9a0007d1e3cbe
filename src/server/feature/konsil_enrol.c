/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_enrol.c -- devices ask the registrar for their certificates (doc/PROTOCOL.md §21.2, §22.1). Nothing of that is
 * konsild's business: it carries requests and answers, and keeps neither. */
#include "feature_list.h"
#include "registrar_account.h"
#include "session.h"
#include "store_write.h"

#define CSR_MAX 8192  /* base64 */
#define ALARMS_MAX 64 /* of one session */

static void refuse_busy(struct ks_ctx *ctx)
{
    struct ks_xml *refused = ks_xml_new(ctx->arena, NS_KONSIL_ENROL, "refused");

    ks_reply_result(ctx, ks_xml_set(ctx->arena, refused, "reason", KS_STR("busy")));
}

/* At the registrar's home. */
static void ask_run(struct ks_ctx *ctx)
{
    const struct ks_stanza *iq = &ctx->parcel->stanza;
    struct ks_session *session = ks_is_registrar(ctx) ? ks_registrar_session(ctx) : NULL;
    struct ks_xml *stanza, *ask, *enrol;

    if (!session) {
        refuse_busy(ctx);
        return;
    }
    stanza = ks_stanza_new(ctx->arena, "iq", "set", KS_STR("enrol"), ctx->domain->name, ks_session_jid(session));
    ask = ks_xml_add(ctx->arena, stanza, NS_KONSIL_ENROL, "ask");
    ask = ks_xml_set(ctx->arena, ask, "from", ks_xml_attr(iq->xml, "from"));
    ask = ks_xml_set(ctx->arena, ask, "id", iq->id);
    enrol = ks_xml_copy_top(ctx->arena, iq->payload);
    if (ask && enrol && ks_xml_graft(ask, enrol))
        ks_send_session(ctx, session, stanza);
    else
        ctx->arena->failed = true;
}

static bool is_short(const struct ks_xml *parent, const char *name)
{
    const struct ks_xml *child = ks_xml_child(parent, NS_KONSIL_ENROL, name);
    size_t len = 0;

    for (const struct ks_xml *text = child ? child->child : NULL; text; text = text->next)
        len += ks_xml_is_text(text) ? text->text.len : 0;
    return len <= CSR_MAX;
}

static void on_enrol(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *vouch = ks_xml_child(iq->payload, NS_KONSIL_ENROL, "vouch");

    if (!is_short(iq->payload, "csr") || !is_short(iq->payload, "pop") || !is_short(iq->payload, "mac")
        || !is_short(iq->payload, "renewal") || (vouch && (!is_short(vouch, "data") || !is_short(vouch, "sig"))))
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
    else
        (void)ks_at_registrar(ctx, iq, ask_run);
}

/* The registrar's answer goes on as that of the domain. */
static void on_answer(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_str to = ks_xml_attr(iq->payload, "to"), id = ks_xml_attr(iq->payload, "id");
    const struct ks_xml *said = ks_xml_child(iq->payload, NS_KONSIL_ENROL, NULL);
    struct ks_xml *result, *copy;
    struct ks_jid jid;

    if (!ks_from_registrar(ctx)) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
        return;
    }
    if (!said || !id.len || ks_jid_parse(ctx->arena, to, &jid) != KS_OK || !jid.resource.len
        || !ks_str_eq(jid.domain, ctx->domain->name)) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    result = ks_stanza_new(ctx->arena, "iq", "result", id, ctx->domain->name, to);
    copy = ks_xml_copy_top(ctx->arena, said);
    if (result && copy && ks_xml_graft(result, copy))
        ks_send(ctx, result);
    else
        ctx->arena->failed = true;
    ks_reply_result(ctx, NULL);
}

/* --- alarms --- */

/* Of one session; whoever has more to tell has said enough. */
struct slot {
    uint32_t alarms;
};

/* A device was listed that the hospital has not certified (§14.4): that stands in the audit log, with who saw it. */
static void on_alarm(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct slot *slot = ctx->session ? ks_session_slot(ctx->session, &ks_feature_enrol) : NULL;
    struct ks_str text = ks_xml_attr(iq->payload, "jid"), bare, device = ks_xml_attr(iq->payload, "device");
    struct ks_store_req *txn;
    struct ks_audit_row row;
    struct ks_jid jid;
    uint64_t number;

    if (!slot || !ks_str_eq(iq->to.domain, ks_user_jid(ctx->user).domain)
        || !ks_domain_has(ctx->domain, KS_OPTION_REGISTRAR)) {
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    if (ks_jid_parse(ctx->arena, text, &jid) != KS_OK || !jid.local.len || !ks_str_eq(jid.domain, ctx->domain->name)
        || ks_jid_text(ctx->arena, ks_jid_bare(jid), &bare) != KS_OK
        || ks_str_u64(device, INT32_MAX, &number) != KS_OK) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    row = (struct ks_audit_row) {
        .actor = ks_user_bare(ctx->user), .action = KS_STR("device.uncertified"), .subject = bare, .detail = device
    };
    if (slot->alarms++ < ALARMS_MAX && (txn = ks_ctx_txn(ctx)))
        ks_store_txn_audit(txn, &row);
    ks_reply_result(ctx, NULL);
}

const struct ks_feature ks_feature_enrol = {
    .name = "enrol",
    .disco = (const char *const[]) { NS_KONSIL_ENROL, NULL },
    .disco_if = KS_OPTION_REGISTRAR,
    .iq = { { KS_IQ_SET, NS_KONSIL_ENROL, "enrol", KS_TO_DOMAIN, on_enrol },
        { KS_IQ_SET, NS_KONSIL_ENROL, "answer", KS_TO_DOMAIN, on_answer },
        { KS_IQ_SET, NS_KONSIL_ENROL, "alarm", KS_TO_DOMAIN, on_alarm } },
    .session_size = sizeof(struct slot),
    .options = { { KS_OPTION_REGISTRAR, KS_OPT_TEXT, .max = 1023,
        .doc = "The localpart of the registrar's account (konsil-ca), which logs in by certificate; empty: devices "
               "get no certificates here." } },
};
