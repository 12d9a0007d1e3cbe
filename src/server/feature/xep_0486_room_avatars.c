/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0486_room_avatars.c -- XEP-0486 MUC Avatars, version 0.1.0: a room's picture, in its vCard (XEP-0054).
 *
 * Its owners set it; who may know of the room may see it, and finds its hash among what the room says of itself
 * (§3.3). Of a vCard the first picture is kept, and no words: a room has a name and a description. In a protected
 * domain a room's picture is in what its owners sign and encrypt (doc/PROTOCOL.md §9), and there is none here. It is
 * not told by presence of the room: the XEP does not encourage that, and clients took it for somebody without a nick.
 */
#include "avatar.h"
#include "feature_list.h"
#include "room.h"

#define STORE "room-avatar"
#define KEY KS_STR("avatar")
#define ROW_VERSION 1 /* (version u8 | field type | field id | base64) */

static bool read_row(const struct ks_user *room, struct ks_avatar *avatar)
{
    const struct ks_domain *service = ks_config_domain_at(room->reactor->config, room->domain);
    struct ks_cursor at = ks_cursor(service->protected ? KS_STR_EMPTY : ks_kv_get(room, STORE, KEY));
    uint8_t version;

    if (ks_cursor_u8(&at, &version) != KS_OK || version != ROW_VERSION || ks_cursor_field(&at, &avatar->type) != KS_OK
        || ks_cursor_field(&at, &avatar->id) != KS_OK)
        return false;
    avatar->base64 = at.left;
    return true;
}

struct ks_str ks_room_avatar_id(const struct ks_user *room)
{
    struct ks_avatar avatar;

    return read_row(room, &avatar) ? avatar.id : KS_STR_EMPTY;
}

/* --- seeing it (§3.4) --- */

static void add_text(struct ks_ctx *ctx, struct ks_xml *to, const char *name, struct ks_str text)
{
    if (ks_arena_copy(ctx->arena, text, &text) == KS_OK)
        ks_xml_add_text(ctx->arena, to, NS_VCARD, name, text);
}

static void on_get(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *vcard = ks_xml_new(ctx->arena, NS_VCARD, "vCard"), *photo;
    struct ks_avatar avatar;

    (void)iq;
    if (!read_row(ctx->user, &avatar)) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL); /* XEP-0054 §3.1 */
        return;
    }
    photo = ks_xml_add(ctx->arena, vcard, NS_VCARD, "PHOTO");
    add_text(ctx, photo, "TYPE", avatar.type);
    add_text(ctx, photo, "BINVAL", avatar.base64);
    ks_reply_result(ctx, vcard);
}

/* --- setting it (§3.2) --- */

static void put(struct ks_ctx *ctx, const struct ks_avatar *avatar)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 1u << 20);
    ks_buf_byte(&buf, ROW_VERSION);
    ks_buf_field(&buf, avatar->type);
    ks_buf_field(&buf, avatar->id);
    ks_buf_add(&buf, avatar->base64);
    if (ks_buf_err(&buf) == KS_OK)
        ks_kv_put(ctx, STORE, KEY, ks_buf_str(&buf));
    else
        ctx->arena->failed = true;
    ks_buf_done(&buf);
}

/* "The room should then broadcast a notification that the configuration changed" */
static void changed(struct ks_ctx *ctx)
{
    struct ks_xml *word =
        ks_stanza_new(ctx->arena, "message", "groupchat", KS_STR_EMPTY, ks_user_bare(ctx->user), KS_STR_EMPTY);
    struct ks_xml *x = ks_xml_add(ctx->arena, word, NS_MUC_USER, "x");

    ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, x, NS_MUC_USER, "status"), "code", KS_STR("104"));
    ks_room_send_all(ctx, word);
}

static void on_set(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *photo = ks_xml_child(iq->payload, NS_VCARD, "PHOTO");
    struct ks_avatar avatar;
    struct ks_str bare;

    if (ks_jid_text(ctx->arena, ks_jid_bare(iq->from), &bare) != KS_OK
        || ks_room_affiliation(ctx->user, bare) < KS_OWNER) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
        return;
    }
    if (ctx->domain->protected) {
        ks_reply_error(ctx, KS_POLICY_VIOLATION,
            KS_WIRE("wire.room-config", "In this domain rooms are closed and without words."));
        return;
    }
    if (!photo) {
        ks_kv_del(ctx, STORE, KEY); /* "Setting an empty vCard unpublishes the avatar." */
    } else if (ks_avatar_read(ctx, ks_xml_text(ctx->arena, ks_xml_child(photo, NS_VCARD, "BINVAL")),
                   ks_xml_text(ctx->arena, ks_xml_child(photo, NS_VCARD, "TYPE")), &avatar)) {
        put(ctx, &avatar);
    } else {
        ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL);
        return;
    }
    ctx->committed = changed;
    ks_reply_result(ctx, NULL);
}

const struct ks_feature ks_feature_room_avatars = {
    .name = "room-avatars",
    .iq = { { KS_IQ_GET, NS_VCARD, "vCard", KS_TO_ROOM, on_get },
        { KS_IQ_SET, NS_VCARD, "vCard", KS_TO_ROOM, on_set } },
    .stores = { { STORE, KS_DATA_SETTINGS, KS_KEEP_WITH_ACCOUNT, 0, "A room's picture; in protected domains none.",
        KS_READ_DOMAIN | KS_READ_ADMINS } },
};
