/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0401_invite.c -- XEP-0401 Ad-hoc Account Invitation Generation, version 0.5.0: who administers a domain invites a
 * person from a client, by konsilctl's own command (control_invites.c), audited as that.
 *
 * Registration is closed in a hospital: an invitation is for one person, by an administrator. So the invitation that
 * any user could make (§4.1) is known and not done. Contacts come from the directory, so no invitation subscribes
 * anybody. */
#include <jansson.h>

#include "adhoc.h"
#include "clock.h"
#include "control.h"
#include "dataform.h"
#include "feature_list.h"

#define INVITE "urn:xmpp:invite"
#define RESULT INVITE "#invitation"

static void add(struct ks_ctx *ctx, struct ks_xml *form, const char *var, const char *label, bool required)
{
    struct ks_xml *field = ks_form_add(ctx->arena, form, var, "text-single", KS_STR_EMPTY);

    ks_xml_set(ctx->arena, field, "label", ks_str_z(label));
    if (required)
        ks_xml_add(ctx->arena, field, NS_DATA, "required");
}

/* §4.4: "A server implementation may extend the data form as appropriate." */
static void fill(struct ks_ctx *ctx, struct ks_xml *form)
{
    add(ctx, form, "username", "The name before the @", true);
    add(ctx, form, "name", "The person's name", false);
    add(ctx, form, "department", "The department", false);
    add(ctx, form, "profession", "The profession", false);
}

static void add_text(struct ks_ctx *ctx, struct ks_xml *form, const char *var, const json_t *text)
{
    struct ks_str value = ks_str(json_string_value(text), json_string_length(text)), copy;

    if (value.len && ks_arena_copy(ctx->arena, value, &copy) == KS_OK)
        ks_form_add(ctx->arena, form, var, "text-single", copy);
}

static void invited(struct ks_ctx *ctx, const char *error, json_t *result, struct ks_str text)
{
    char *stamp = ks_arena_alloc(ctx->arena, KS_STAMP_LEN + 1);
    struct ks_xml *form;

    (void)text;
    if (error) {
        ks_admin_failed(ctx, error);
        return;
    }
    if (!stamp)
        return; /* ks_ctx_end sees to it */
    form = ks_form_new(ctx->arena, "result", RESULT);
    add_text(ctx, form, "uri", json_object_get(result, "uri"));
    add_text(ctx, form, "landing-url", json_object_get(result, "page"));
    ks_form_add(ctx->arena, form, "expire", "text-single",
        ks_stamp_write(json_integer_value(json_object_get(result, "expires_ms")), stamp));
    ks_adhoc_done(ctx, NULL, NULL, form);
}

/* The account's address; empty: that is no localpart (RFC 7622 §3.3). */
static struct ks_str address(struct ks_ctx *ctx, struct ks_str username)
{
    const struct ks_str parts[] = { ks_str_trim(username), KS_STR("@"), ctx->domain->name };
    struct ks_str text;
    struct ks_jid jid;

    return ks_arena_join(ctx->arena, parts, KS_COUNT(parts), &text) == KS_OK
            && ks_jid_parse(ctx->arena, text, &jid) == KS_OK && jid.local.len && ks_jid_is_bare(jid)
            && ks_str_eq(jid.domain, ctx->domain->name) && ks_jid_text(ctx->arena, jid, &text) == KS_OK
        ? text
        : KS_STR_EMPTY;
}

static void run(struct ks_ctx *ctx, const struct ks_xml *form)
{
    static const char *const given[] = { "name", "department", "profession" };
    struct ks_str jid = address(ctx, ks_form_value(ctx->arena, form, "username"));
    json_t *args;

    if (!jid.len) {
        ks_admin_failed(ctx, "control.jid");
        return;
    }
    args = json_object();
    json_object_set_new(args, "jid", json_stringn(jid.ptr, jid.len));
    for (size_t i = 0; i < KS_COUNT(given); i++) {
        struct ks_str text = ks_str_trim(ks_form_value(ctx->arena, form, given[i]));
        if (text.len)
            json_object_set_new(args, given[i], json_stringn(text.ptr, text.len));
    }
    ks_control_ask_for(ctx, "user.invite", args, KS_RIGHT_ACCOUNTS, KS_STR_EMPTY, invited);
}

static const struct ks_adhoc_command commands[] = {
    { INVITE "#create-account", "Create account", ks_admin_may, fill, INVITE "#create-account", run }, /* §4.4 */
    { INVITE "#invite", "Invite user", ks_admin_may,
        .never = KS_WIRE("wire.invited-only", "Registration is closed here: an administrator invites each person.") },
    { NULL },
};

const struct ks_feature ks_feature_invitations = {
    .name = "invitations",
    .commands = commands,
};
