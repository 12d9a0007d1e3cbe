/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0425_moderation.c -- XEP-0425 Moderated Message Retraction, version 0.3.1: a moderator takes a message out of a
 * room and its archive; all are told who did. */
#include "feature_list.h"
#include "retraction.h"
#include "room.h"

/* <retract><moderated/></retract>, as all get it and the archive keeps it. */
static struct ks_xml *word(struct ks_ctx *ctx, const struct ks_seat *seat, struct ks_str target)
{
    const struct ks_xml *asked = ctx->parcel->stanza.payload;
    struct ks_xml *message = ks_stanza_new(
        ctx->arena, "message", "groupchat", ctx->parcel->stanza.id, ks_user_bare(ctx->user), KS_STR_EMPTY);
    struct ks_xml *retract = ks_xml_add(ctx->arena, message, NS_RETRACT, "retract");
    struct ks_xml *moderated = ks_xml_add(ctx->arena, retract, NS_MODERATE, "moderated");
    struct ks_str reason = ks_xml_text(ctx->arena, ks_xml_child(asked, NS_MODERATE, "reason"));

    ks_xml_set(ctx->arena, retract, "id", target);
    ks_xml_set(ctx->arena, moderated, "by", ks_room_nick_jid(ctx, seat->occupant->nick));
    ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, moderated, NS_OCCUPANT_ID, "occupant-id"), "id",
        ks_room_occupant_id(ctx, seat->occupant->bare));
    if (reason.len && !ctx->domain->protected) /* there it would be words in clear */
        ks_xml_add_text(ctx->arena, retract, NS_RETRACT, "reason", reason);
    return message;
}

static void found(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_seat *seat = ks_room_seat_of(ctx, ctx->parcel->stanza.from);
    struct ks_str target = ks_xml_attr(ctx->parcel->stanza.payload, "id");

    if (req->result != KS_OK && req->result != KS_ENOTFOUND) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
    } else if (req->result != KS_OK || req->rows_count != 1) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
    } else if (!seat || seat->occupant->role < KS_MODERATOR) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
    } else {
        ks_retraction_bury(ctx, &req->rows[0], ctx->parcel->stanza.id, ks_room_nick_jid(ctx, seat->occupant->nick));
        ks_room_publish(ctx, word(ctx, seat, target), seat->occupant->bare, NULL);
        ks_reply_result(ctx, NULL);
    }
}

static void on_moderate(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_seat *seat = ks_room_seat_of(ctx, iq->from);
    uint64_t row;

    if (!seat || seat->occupant->role < KS_MODERATOR)
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
    else if (!ks_xml_child(iq->payload, NS_RETRACT, "retract"))
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
    else if (ks_archive_id_read(ctx->reactor->server->archive_ids, ks_xml_attr(iq->payload, "id"), &row) != KS_OK)
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
    else
        ks_ask(ctx, ks_store_rows_new(ks_user_account(ctx->user), &row, 1), found);
}

const struct ks_feature ks_feature_moderation = {
    .name = "moderation",
    .disco_room = (const char *const[]) { NS_MODERATE, NULL },
    .iq = { { KS_IQ_SET, NS_MODERATE, "moderate", KS_TO_ROOM, on_moderate } },
};
