/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0045_register.c -- XEP-0045 §7.10: a person reserves a nick in a room that is open to her, and becomes a member;
 * or asks which one is hers, or gives it up. In a room for members only nobody registers himself. */
#include "dataform.h"
#include "feature_list.h"
#include "room.h"

static bool own_member(
    struct ks_ctx *ctx, const struct ks_stanza *iq, struct ks_str *ret_bare, struct ks_room_member *ret_member)
{
    struct ks_room_config config;

    if (ks_jid_text(ctx->arena, ks_jid_bare(iq->from), ret_bare) != KS_OK)
        return false;
    ks_room_config(ctx->user, &config);
    ks_room_member(ctx->user, *ret_bare, ret_member);
    if (ret_member->affiliation == KS_OUTCAST || (config.members_only && ret_member->affiliation < KS_MEMBER)) {
        ks_reply_error(ctx, KS_NOT_ALLOWED, NULL);
        return false;
    }
    return true;
}

static void on_get(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_REGISTER, "query"), *form;
    struct ks_room_member member;
    struct ks_str bare, nick;

    if (!own_member(ctx, iq, &bare, &member))
        return;
    if (member.nick.len && ks_arena_copy(ctx->arena, member.nick, &nick) == KS_OK) {
        ks_xml_add(ctx->arena, query, NS_REGISTER, "registered");
        ks_xml_add_text(ctx->arena, query, NS_REGISTER, "username", nick);
    } else {
        form = ks_form_new(ctx->arena, "form", NS_MUC_REGISTER);
        ks_xml_add(ctx->arena, ks_form_add(ctx->arena, form, "muc#register_roomnick", "text-single", KS_STR_EMPTY),
            NS_DATA, "required");
        ks_xml_graft(query, form);
    }
    ks_reply_result(ctx, query);
}

static void affiliated(struct ks_ctx *ctx)
{
    struct ks_str bare;

    if (ks_jid_text(ctx->arena, ks_jid_bare(ctx->parcel->stanza.from), &bare) == KS_OK)
        ks_room_affiliated(ctx, bare, KS_STR_EMPTY, KS_STR_EMPTY);
}

static void reserve(struct ks_ctx *ctx, struct ks_str bare, struct ks_room_member *member, struct ks_str wish)
{
    struct ks_str nick;
    enum ks_cond cond = ks_room_nick_read(ctx, wish, bare, &nick);

    if (cond != KS_COND_COUNT) {
        ks_reply_error(ctx, cond, NULL);
        return;
    }
    if (member->affiliation == KS_NO_AFFILIATION) {
        if (ks_kv_count(ctx->user, KS_STORE_ROOM_MEMBER)
            >= (size_t)ks_domain_number(ctx->domain, "rooms.members_max")) {
            ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
            return;
        }
        member->affiliation = KS_MEMBER;
        member->since_ms = ctx->now.wall_ms;
        ctx->committed = affiliated;
    }
    member->nick = nick;
    ks_room_member_put(ctx, bare, member);
    ks_reply_result(ctx, NULL);
}

static void on_set(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *form = ks_form_find(ctx->arena, iq->payload, NS_MUC_REGISTER);
    struct ks_room_member member;
    struct ks_str bare;

    if (!own_member(ctx, iq, &bare, &member))
        return;
    if (ks_xml_child(iq->payload, NS_REGISTER, "remove")) { /* who is more than a member is that by others' will */
        member.nick = KS_STR_EMPTY;
        if (member.affiliation == KS_MEMBER) {
            member.affiliation = KS_NO_AFFILIATION;
            ctx->committed = affiliated;
        }
        ks_room_member_put(ctx, bare, &member);
        ks_reply_result(ctx, NULL);
    } else if (form) {
        reserve(ctx, bare, &member, ks_form_value(ctx->arena, form, "muc#register_roomnick"));
    } else {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
    }
}

const struct ks_feature ks_feature_room_register = {
    .name = "room-register",
    .disco_room = (const char *const[]) { NS_REGISTER, NULL },
    .iq = { { KS_IQ_GET, NS_REGISTER, "query", KS_TO_ROOM, on_get },
        { KS_IQ_SET, NS_REGISTER, "query", KS_TO_ROOM, on_set } },
};
