/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0054_vcard.c -- XEP-0054 vcard-temp, version 1.3.0: what a person says about herself, for others to see.
 *
 * Where nobody wrote one, the vCard is what the hospital's directory says (konsil_directory.c), for colleagues, so that
 * every client has a name to show. In a protected domain there is no other: who somebody is is said by the directory
 * and not by herself, and a vCard has room for any words. One that was written before the domain was protected is not
 * shown. Its picture is that of avatar.h: one that is set with it goes there, and it is shown to who may see that. */
#include "avatar.h"
#include "feature_list.h"
#include "policy.h"
#include "reactor.h"
#include "user.h"
#include "xml_reader.h"

#define STORE "vcard"
#define KEY KS_STR("vcard")

static bool is_colleague(const struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    return ks_str_eq(iq->from.domain, ks_user_jid(ctx->user).domain);
}

/* <name>text</name>, if there is one. */
static void add_fact(struct ks_ctx *ctx, struct ks_xml *parent, const char *name, struct ks_str text)
{
    if (text.len && ks_arena_copy(ctx->arena, text, &text) == KS_OK)
        ks_xml_add_text(ctx->arena, parent, NS_VCARD, name, text);
}

/* What the directory says; NULL: nothing. */
static struct ks_xml *of_directory(struct ks_ctx *ctx)
{
    const struct ks_account_row *row = ks_user_row(ctx->user);
    struct ks_xml *vcard;

    if (!row->name.len && !row->department.len && !row->profession.len)
        return NULL;
    vcard = ks_xml_new(ctx->arena, NS_VCARD, "vCard");
    add_fact(ctx, vcard, "FN", row->name);
    if (row->department.len)
        add_fact(ctx, ks_xml_add(ctx->arena, vcard, NS_VCARD, "ORG"), "ORGUNIT", row->department);
    add_fact(ctx, vcard, "TITLE", row->profession);
    return vcard;
}

/* NULL: there is none that the sender may see. */
static struct ks_xml *words_for(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_str stored = ctx->domain->protected ? KS_STR_EMPTY : ks_kv_get(ctx->user, STORE, KEY);
    struct ks_xml *vcard;

    if (stored.ptr && ks_xml_read(ctx->arena, stored, KS_STR_EMPTY, KS_STR_EMPTY, &vcard) == KS_OK)
        return vcard;
    return is_colleague(ctx, iq) ? of_directory(ctx) : NULL;
}

static struct ks_xml *vcard_for(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *vcard = words_for(ctx, iq), *photo;
    struct ks_avatar avatar;

    if ((ctx->domain->protected && !is_colleague(ctx, iq)) || !ks_avatar_get(ctx, iq->from, &avatar))
        return vcard;
    if (!vcard)
        vcard = ks_xml_new(ctx->arena, NS_VCARD, "vCard");
    if (vcard && (photo = ks_xml_child(vcard, NS_VCARD, "PHOTO")))
        ks_xml_remove(vcard, photo);
    photo = ks_xml_add(ctx->arena, vcard, NS_VCARD, "PHOTO");
    ks_xml_add_text(ctx->arena, photo, NS_VCARD, "TYPE", avatar.type);
    ks_xml_add_text(ctx->arena, photo, NS_VCARD, "BINVAL", avatar.base64);
    return vcard;
}

static void on_get(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *vcard = vcard_for(ctx, iq);
    bool own = ks_jid_eq_bare(iq->from, ks_user_jid(ctx->user));

    if (vcard)
        ks_reply_result(ctx, vcard);
    else if (own) /* §3.1 */
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
    else /* §3.3: "The server MUST return the same error condition in both cases", as for an account that is not there
          */
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
}

/* XEP-0398 §3.2: the picture goes to where the others are. One that is none stays in the vCard, as it is. */
static void take_photo(struct ks_ctx *ctx, struct ks_xml *vcard)
{
    struct ks_xml *photo = ks_xml_child(vcard, NS_VCARD, "PHOTO");
    const struct ks_xml *binval = ks_xml_child(photo, NS_VCARD, "BINVAL");

    if (photo && (binval || !photo->child)
        && ks_avatar_set(
            ctx, ks_xml_text(ctx->arena, binval), ks_xml_text(ctx->arena, ks_xml_child(photo, NS_VCARD, "TYPE"))))
        ks_xml_remove(vcard, photo);
}

static void on_set(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_str text;

    if (ks_policy_keeps_none(ctx))
        return;
    if (!ks_xml_child(iq->payload, NULL, NULL)) {
        ks_kv_del(ctx, STORE, KEY);
        ks_reply_result(ctx, NULL);
        return;
    }
    text = ks_reactor_write(ctx->reactor, iq->payload, KS_STR_EMPTY);
    if (!text.ptr && ctx->reactor->written.err != KS_ELIMIT) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
    } else if (!text.ptr || text.len > (size_t)ks_domain_number(ctx->domain, "vcard.bytes_max")) {
        ks_reply_error(ctx, KS_POLICY_VIOLATION, NULL);
    } else {
        take_photo(ctx, iq->payload);
        text = ks_reactor_write(ctx->reactor, iq->payload, KS_STR_EMPTY);
        if (!text.ptr)
            ctx->arena->failed = true; /* it was written a moment ago: no memory now */
        else if (ks_xml_child(iq->payload, NULL, NULL))
            ks_kv_put(ctx, STORE, KEY, text);
        else
            ks_kv_del(ctx, STORE, KEY);
        ks_reply_result(ctx, NULL);
    }
}

/* §3.2: somebody else's. Whoever is of another domain does not learn whether there is such an account. */
static void on_foreign_set(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    ks_reply_error(ctx, is_colleague(ctx, iq) ? KS_FORBIDDEN : KS_SERVICE_UNAVAILABLE, NULL);
}

const struct ks_feature ks_feature_vcard = {
    .name = "vcard",
    .disco = (const char *const[]) { NS_VCARD, NULL },
    .disco_account = (const char *const[]) { NS_VCARD, NULL },
    .iq = { { KS_IQ_GET, NS_VCARD, "vCard", KS_TO_SELF | KS_TO_ACCOUNT, on_get },
        { KS_IQ_SET, NS_VCARD, "vCard", KS_TO_SELF, on_set },
        { KS_IQ_SET, NS_VCARD, "vCard", KS_TO_ACCOUNT, on_foreign_set } },
    .stores = { { STORE, KS_DATA_CONTACTS, KS_KEEP_WITH_ACCOUNT, 0,
        "What a person says about herself for others to see; in protected domains nothing.",
        KS_READ_OWNER | KS_READ_CONTACTS | KS_READ_DOMAIN } },
    .options = { { "vcard.bytes_max", KS_OPT_BYTES, .init = 131072, .min = 1024, .max = 524288,
        .doc = "The largest vCard, with its photo (XEP-0054)." } },
};
