/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0424_retraction.c -- XEP-0424 Message Retraction, version 0.4.3: what its author takes back is taken out of the
 * archive, and the retraction stays in it.
 *
 * It is looked for after the retraction itself is durable and on its way, in the author's own archive, so nobody else
 * can. In a protected domain a retraction is inside its envelope, and konsil_erase.c asks in its place. */
#include "feature_list.h"
#include "message.h"
#include "reactor.h"
#include "retraction.h"

static struct ks_str target_of(const struct ks_stanza *message)
{
    return ks_xml_attr(ks_xml_child(message->xml, NS_RETRACT, "retract"), "id");
}

static void answered(struct ks_ctx *ctx, struct ks_store_req *req)
{
    const struct ks_stanza *message = &ctx->parcel->stanza;

    /* §4 wants ids to be unique; of two with one id the newer was meant. */
    for (size_t i = req->result == KS_OK ? req->rows_count : 0; i-- > 0;)
        if (ks_retraction_names(ctx, &req->rows[i], target_of(message))) {
            ks_retraction_bury(ctx, &req->rows[i], message->id, KS_STR_EMPTY);
            return;
        }
}

/* §6: "The archiving service … MUST store the retraction message": so only what was stored retracts. */
static void retract(struct ks_ctx *ctx, const struct ks_stanza *message, uint64_t row)
{
    struct ks_str *target = KS_NEW(ctx->arena, struct ks_str), with;

    if (!row || message->type == KS_MSG_GROUPCHAT || message->type == KS_MSG_ERROR)
        return;
    if (target)
        *target = target_of(message);
    if (!target || !target->len || target->len > KS_RETRACT_ID_MAX
        || ks_jid_text(ctx->arena, ks_jid_bare(message->to), &with) != KS_OK)
        return;
    if (!ks_retraction_find(ctx, with, target, 1, row, answered))
        ks_log(ctx->reactor->log, KS_ERROR, "retraction.memory", KS_ERR(KS_ENOMEM));
}

static enum ks_pass sent(struct ks_ctx *ctx, struct ks_stanza *message)
{
    retract(ctx, message, ctx->parcel->number);
    return KS_PASS_ON;
}

/* A note to oneself is sent to nobody else's home. */
static enum ks_pass delivered(struct ks_ctx *ctx, struct ks_stanza *message)
{
    const struct ks_archive_row *row = ks_message_row(ctx);

    if (row && ks_jid_eq_bare(message->from, ks_user_jid(ctx->user)))
        retract(ctx, message, row->id);
    return KS_PASS_ON;
}

const struct ks_feature ks_feature_retraction = {
    .name = "retraction",
    .disco = (const char *const[]) { NS_RETRACT, NS_RETRACT "#tombstone", NULL },
    .disco_account = (const char *const[]) { NS_RETRACT, NS_RETRACT "#tombstone", NULL },
    .pass = { { KS_STAGE_SENT, 1U << KS_MESSAGE, sent }, { KS_STAGE_DELIVERED, 1U << KS_MESSAGE, delivered } },
};
