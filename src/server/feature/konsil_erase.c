/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_erase.c -- the author of sealed messages asks for their deletion (doc/PROTOCOL.md §3.4): the retraction itself
 * is inside an envelope, where the server does not see it.
 *
 * His account is asked for what its archive has, and a room for what its own has: there each row stands under its
 * author (room_message.c), so that it is his row, and no word of the request, that says whose it was. */
#include "feature_list.h"
#include "files.h"
#include "reactor.h"
#include "retraction.h"

/* The request, as the answer needs it. */
struct asked {
    size_t count, slot_count;
    struct ks_str ids[KS_RETRACT_IDS_MAX], slots[KS_RETRACT_IDS_MAX]; /* slots: URLs of the message's files */
};

/* One answer for all of them, when what was found is gone for good. */
static void erase(struct ks_ctx *ctx, const struct ks_archive_row *rows, size_t rows_count)
{
    const struct asked *asked = ctx->parcel->user;
    struct ks_str retraction = ks_xml_attr(ctx->parcel->stanza.payload, "retraction");
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_KONSIL_ERASE, "erase");
    uint64_t files = 0;

    for (size_t i = 0; i < asked->count; i++) {
        struct ks_xml *item = ks_xml_add(ctx->arena, answer, NS_KONSIL_ERASE, "item");
        bool found = false;
        for (size_t j = 0; j < rows_count; j++)
            if (ks_retraction_names(ks_user_bare(ctx->user), &rows[j], asked->ids[i])) {
                ks_retraction_bury(ctx, &rows[j], retraction.len ? retraction : asked->ids[i], KS_STR_EMPTY);
                found = true;
            }
        ks_xml_set(ctx->arena, item, "id", asked->ids[i]);
        ks_xml_set(ctx->arena, item, "found", found ? KS_STR("true") : KS_STR("false"));
    }
    for (size_t i = 0; i < asked->slot_count; i++) {
        struct ks_xml *item = ks_xml_add(ctx->arena, answer, NS_KONSIL_ERASE, "slot");
        ks_xml_set(ctx->arena, item, "url", asked->slots[i]);
        ks_xml_set(ctx->arena, item, "found",
            ks_files_remove_url(ctx, asked->slots[i], &files) ? KS_STR("true") : KS_STR("false"));
    }
    ks_deletion_log(ctx, &(struct ks_deletion) { KS_STR("author"), "retraction" }, KS_FILES_CATEGORY, files);
    ks_reply_result(ctx, answer);
}

static void answered(struct ks_ctx *ctx, struct ks_store_req *req)
{
    if (req->result == KS_OK)
        erase(ctx, req->rows, req->rows_count);
    else
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
}

static void on_erase(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct asked *asked = KS_NEW(ctx->arena, struct asked);
    struct ks_str with;
    struct ks_jid jid;
    bool good = ks_jid_parse(ctx->arena, ks_xml_attr(iq->payload, "with"), &jid) == KS_OK
        && ks_xml_attr(iq->payload, "retraction").len <= KS_RETRACT_ID_MAX;

    for (const struct ks_xml *at = ks_xml_child(iq->payload, NS_KONSIL_ERASE, "item"); at && asked && good;
         at = ks_xml_next(at, NS_KONSIL_ERASE, "item")) {
        struct ks_str id = ks_xml_attr(at, "id");
        good = id.len && id.len <= KS_RETRACT_ID_MAX && asked->count < KS_RETRACT_IDS_MAX;
        if (good)
            asked->ids[asked->count++] = id;
    }
    for (const struct ks_xml *at = ks_xml_child(iq->payload, NS_KONSIL_ERASE, "slot"); at && asked && good;
         at = ks_xml_next(at, NS_KONSIL_ERASE, "slot")) {
        struct ks_str url = ks_xml_attr(at, "url");
        /* A room has no files: its members' are theirs to delete. */
        good = url.len && asked->slot_count < KS_RETRACT_IDS_MAX && !ctx->domain->parent;
        if (good)
            asked->slots[asked->slot_count++] = url;
    }
    if (asked && (!good || asked->count + asked->slot_count == 0)) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    if (ctx->domain->parent) /* a room: nobody but the author himself */
        jid = iq->from;
    if (!asked || ks_jid_text(ctx->arena, ks_jid_bare(jid), &with) != KS_OK) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    ctx->parcel->user = asked;
    if (!asked->count)
        erase(ctx, NULL, 0);
    else if (!ks_retraction_find(ctx,
                 &(struct ks_retraction) { .account = ks_user_account(ctx->user),
                     .author = ks_user_bare(ctx->user),
                     .with = with,
                     .ids = asked->ids,
                     .count = asked->count },
                 answered))
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
}

const struct ks_feature ks_feature_erase = {
    .name = "erase",
    .disco_account = (const char *const[]) { NS_KONSIL_ERASE, NULL },
    .disco_room = (const char *const[]) { NS_KONSIL_ERASE, NULL },
    .iq = { { KS_IQ_SET, NS_KONSIL_ERASE, "erase", KS_TO_SELF | KS_TO_ROOM, on_erase } },
};
