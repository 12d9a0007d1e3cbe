/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0398_avatars.c -- XEP-0398 User Avatar to vCard-Based Avatars Conversion, version 1.0.1, between XEP-0084 and
 * XEP-0153: one picture, in two forms.
 *
 * It is stored in the nodes of XEP-0084 and nowhere else: a vCard is given the picture when somebody asks for it who
 * may read the nodes (§6.2), and one that is set with a picture leaves it there. So nothing is copied back and forth.
 */
#include "avatar.h"
#include "crypto.h"
#include "enc.h"
#include "feature_list.h"
#include "pep.h"
#include "pep_node.h"
#include "reactor.h"
#include "xml_reader.h"

#define HASH_LEN 20
#define TYPE_MAX 64
#define OPTION "avatar.bytes_max"

static struct ks_str sha1_hex(struct ks_ctx *ctx, struct ks_str bytes)
{
    uint8_t digest[KS_HASH_MAX];
    struct ks_str text = KS_STR_EMPTY;
    struct ks_buf hex;

    ks_hash(KS_SHA1, bytes, digest);
    ks_buf_init(&hex, 2 * HASH_LEN);
    ks_hex_add(&hex, ks_str(digest, HASH_LEN));
    if (ks_buf_err(&hex) != KS_OK || ks_arena_copy(ctx->arena, ks_buf_str(&hex), &text) != KS_OK)
        ctx->arena->failed = true;
    ks_buf_done(&hex);
    return text;
}

/* Base64 as people put it into XML: in lines. */
static bool decode(struct ks_ctx *ctx, struct ks_str text, struct ks_str *ret_bytes)
{
    char *plain = ks_arena_alloc(ctx->arena, text.len + 1);
    size_t len = 0;

    if (!plain)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != ' ' && text.ptr[i] != '\n' && text.ptr[i] != '\r' && text.ptr[i] != '\t')
            plain[len++] = text.ptr[i];
    return len / 4 * 3 <= (size_t)ks_domain_number(ctx->domain, OPTION) + 2
        && ks_base64_read(ctx->arena, ks_str(plain, len), ret_bytes) == KS_OK
        && ret_bytes->len <= (size_t)ks_domain_number(ctx->domain, OPTION);
}

static bool is_type(struct ks_str type)
{
    for (size_t i = 0; i < type.len; i++)
        if (!((type.ptr[i] >= 'a' && type.ptr[i] <= 'z') || (type.ptr[i] >= '0' && type.ptr[i] <= '9')
                || ks_str_find_byte(KS_STR("/+.-"), type.ptr[i]) < 4))
            return false;
    return type.len <= TYPE_MAX && ks_str_starts(type, KS_STR("image/"));
}

/* --- what the nodes say --- */

/* <info/> of the picture that is with the server (§3.1: "MUST pick the info element that does not point to an external
 * URL"); NULL in *ret_info: there is none. False: she never said anything of it. */
static bool metadata(struct ks_ctx *ctx, const struct ks_xml **ret_info)
{
    struct ks_pep_item item;
    struct ks_xml *payload;

    if (!ks_pep_item_last(ctx->user, KS_STR(NS_AVATAR_METADATA), &item) || !item.payload.len
        || ks_xml_read(ctx->arena, item.payload, KS_STR_EMPTY, KS_STR_EMPTY, &payload) != KS_OK
        || !ks_xml_is(payload, NS_AVATAR_METADATA, "metadata"))
        return false;
    *ret_info = ks_xml_child(payload, NS_AVATAR_METADATA, "info");
    while (*ret_info && ks_xml_attr(*ret_info, "url").ptr)
        *ret_info = ks_xml_next(*ret_info, NS_AVATAR_METADATA, "info");
    return true;
}

bool ks_avatar_id(struct ks_ctx *ctx, struct ks_str *ret_id)
{
    struct ks_pep_item data;
    const struct ks_xml *info;

    if (!metadata(ctx, &info))
        return false;
    *ret_id = ks_xml_attr(info, "id");
    if (!ret_id->len || !ks_pep_item_find(ctx->user, KS_STR(NS_AVATAR_DATA), *ret_id, &data))
        *ret_id = KS_STR_EMPTY;
    return true;
}

bool ks_avatar_read(struct ks_ctx *ctx, struct ks_str base64, struct ks_str type, struct ks_avatar *ret_avatar)
{
    struct ks_str bytes;

    if (!decode(ctx, base64, &bytes) || !bytes.len)
        return false;
    *ret_avatar = (struct ks_avatar) { .id = sha1_hex(ctx, bytes), .type = is_type(type) ? type : KS_STR("image/png") };
    return ks_base64(ctx->arena, bytes, &ret_avatar->base64) == KS_OK;
}

bool ks_avatar_get(struct ks_ctx *ctx, struct ks_jid reader, struct ks_avatar *ret_avatar)
{
    struct ks_pep_item item;
    const struct ks_xml *info;
    struct ks_xml *data;

    if (!ks_pep_may_read(ctx, KS_STR(NS_AVATAR_METADATA), reader)
        || !ks_pep_may_read(ctx, KS_STR(NS_AVATAR_DATA), reader) || !metadata(ctx, &info) || !info
        || !ks_pep_item_find(ctx->user, KS_STR(NS_AVATAR_DATA), ks_xml_attr(info, "id"), &item)
        || ks_xml_read(ctx->arena, item.payload, KS_STR_EMPTY, KS_STR_EMPTY, &data) != KS_OK)
        return false;
    /* "SHOULD verify that the SHA-1 hash … matches" */
    return ks_avatar_read(ctx, ks_xml_text(ctx->arena, data), ks_xml_attr(info, "type"), ret_avatar)
        && ks_str_eq(ret_avatar->id, ks_xml_attr(info, "id"));
}

/* --- from a vCard (§3.2) --- */

static void publish_metadata(struct ks_ctx *ctx, struct ks_str id, struct ks_str type, size_t len)
{
    struct ks_xml *payload = ks_xml_new(ctx->arena, NS_AVATAR_METADATA, "metadata"), *info;

    if (len) {
        info = ks_xml_add(ctx->arena, payload, NS_AVATAR_METADATA, "info");
        ks_xml_set_u64(ctx->arena, info, "bytes", len);
        ks_xml_set(ctx->arena, info, "id", id);
        ks_xml_set(ctx->arena, info, "type", type);
    }
    ks_pep_publish_open(ctx, KS_STR(NS_AVATAR_METADATA), id, payload);
}

bool ks_avatar_set(struct ks_ctx *ctx, struct ks_str base64, struct ks_str type)
{
    struct ks_xml *data = ks_xml_new(ctx->arena, NS_AVATAR_DATA, "data");
    struct ks_str bytes, id, known, text;

    if (!decode(ctx, base64, &bytes))
        return false;
    if (!bytes.len) {
        if (ks_avatar_id(ctx, &known) && known.len)
            publish_metadata(ctx, KS_STR("none"), KS_STR_EMPTY, 0);
        return true;
    }
    id = sha1_hex(ctx, bytes);
    if (ks_avatar_id(ctx, &known) && ks_str_eq(known, id))
        return true; /* the same as before: nobody is told */
    if (ks_base64(ctx->arena, bytes, &text) != KS_OK || !ks_xml_put_text(ctx->arena, data, text))
        return false;
    ks_pep_publish_open(ctx, KS_STR(NS_AVATAR_DATA), id, data);
    publish_metadata(ctx, id, is_type(type) ? type : KS_STR("image/png"), bytes.len);
    return true;
}

/* --- presence (§4, XEP-0153 §4.1) --- */

/* "MUST include the hash … in every available presence that does not contain an empty photo element" */
static enum ks_pass add_hash(struct ks_ctx *ctx, struct ks_stanza *presence)
{
    struct ks_xml *x = ks_xml_child(presence->xml, NS_VCARD_UPDATE, "x");
    const struct ks_xml *photo = ks_xml_child(x, NS_VCARD_UPDATE, "photo");
    struct ks_str id;

    if (presence->type != KS_TYPE_NONE || (photo && !ks_xml_text(ctx->arena, photo).len) || !ks_avatar_id(ctx, &id)
        || ks_arena_copy(ctx->arena, id, &id) != KS_OK)
        return KS_PASS_ON;
    if (x)
        ks_xml_remove(presence->xml, x);
    x = ks_xml_add(ctx->arena, presence->xml, NS_VCARD_UPDATE, "x");
    ks_xml_add_text(ctx->arena, x, NS_VCARD_UPDATE, "photo", id);
    return KS_PASS_ON;
}

/* --- limits --- */

/* XEP-0060 §7.1.3.4 */
static enum ks_pass limit_size(struct ks_ctx *ctx, struct ks_stanza *iq)
{
    const struct ks_xml *publish = ks_xml_child(ks_xml_child(iq->xml, NS_PUBSUB, "pubsub"), NS_PUBSUB, "publish");
    size_t room = KS_BASE64_LEN((size_t)ks_domain_number(ctx->domain, OPTION)) * 9 / 8; /* with line ends */

    if (iq->type != KS_IQ_SET || !ks_str_is(ks_xml_attr(publish, "node"), NS_AVATAR_DATA))
        return KS_PASS_ON;
    for (const struct ks_xml *item = ks_xml_child(publish, NS_PUBSUB, "item"); item;
         item = ks_xml_next(item, NS_PUBSUB, "item"))
        if (ks_xml_text(ctx->arena, ks_xml_child(item, NS_AVATAR_DATA, "data")).len > room) {
            ks_reply_error_app(ctx, KS_NOT_ACCEPTABLE, NS_PUBSUB_ERRORS, "payload-too-big");
            return KS_PASS_STOP;
        }
    return KS_PASS_ON;
}

const struct ks_feature ks_feature_avatars = {
    .name = "avatars",
    .disco_account = (const char *const[]) { NS_AVATAR_CONVERSION, NULL },
    .pass = { { KS_STAGE_SEND, 1U << KS_PRESENCE, add_hash }, { KS_STAGE_SEND, 1U << KS_IQ, limit_size } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_NODE, NS_AVATAR_DATA, "data", NS_AVATAR_DATA },
        { KS_CLEAR_NODE, NS_AVATAR_METADATA, "metadata", NS_AVATAR_METADATA }, { 0 } },
    .options = { { OPTION, KS_OPT_BYTES, .init = 65536, .min = 1024, .max = 262144,
        .doc = "The largest picture that a person shows others (XEP-0084, XEP-0153)." } },
};
