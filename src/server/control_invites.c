/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control_invites.c -- commands on invitations (invite.h). The token stands in the answer, and nowhere else. */
#include "control.h"
#include "enc.h"
#include "invite.h"
#include "say.h"

static json_t *describe(const struct ks_ctx *ctx, struct ks_str token, int64_t expires_ms)
{
    struct ks_str origin = ctx->domain->origin;
    json_t *result = json_object();
    struct ks_buf uri, page;

    ks_buf_init(&uri, 65536);
    ks_buf_init(&page, 65536);
    /* XEP-0401 §3.3.2, RFC 5122 §2.2 */
    ks_buf_z(&uri, "xmpp:");
    ks_percent_add(&uri, ks_user_jid(ctx->user).local);
    ks_buf_printf(&uri, "@%.*s?register;preauth=%.*s", KS_STR_FMT(ctx->domain->name), KS_STR_FMT(token));
    ks_buf_printf(&page, "%.*s" KS_INVITE_PATH "%.*s", KS_STR_FMT(origin), KS_STR_FMT(token));
    json_object_set_new(result, "uri", json_stringn(uri.ptr, uri.len));
    if (origin.len)
        json_object_set_new(result, "page", json_stringn(page.ptr, page.len));
    json_object_set_new(result, "expires_ms", json_integer(expires_ms));
    ks_wipe(uri.ptr, uri.len);
    ks_wipe(page.ptr, page.len);
    ks_buf_done(&uri);
    ks_buf_done(&page);
    return result;
}

static struct ks_str given(const struct ks_control_call *call, const char *name, struct ks_str before)
{
    struct ks_str text = ks_control_text(call, name);

    return text.len ? text : before;
}

static void invite_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    struct ks_account_row row = *ks_user_row(ctx->user);
    bool is_new = !row.state;
    int64_t expires_ms = ctx->now.wall_ms + ks_domain_number(ctx->domain, "invite.lifetime") * 1000;
    struct ks_store_req *txn;
    struct ks_str token;

    if (!is_new && row.state != KS_ACCOUNT_INVITED) {
        ks_control_answer(
            call, row.state == KS_ACCOUNT_DELETED ? SAY("control.was-deleted") : SAY("control.exists"), NULL);
        return;
    }
    row.name = given(call, "name", row.name);
    row.department = given(call, "department", row.department);
    row.profession = given(call, "profession", row.profession);
    if (!ks_account_text_ok(row.name) || !ks_account_text_ok(row.department) || !ks_account_text_ok(row.profession)) {
        ks_control_answer(call, SAY("control.text"), NULL);
        return;
    }
    if (call->dry_run) {
        ks_control_answer(call, NULL, NULL);
        return;
    }
    if (is_new) {
        row.state = KS_ACCOUNT_INVITED;
        row.domain = ks_user_jid(ctx->user).domain;
        row.local = ks_user_jid(ctx->user).local;
        row.created_ms = ctx->now.wall_ms;
    }
    txn = ks_ctx_txn(ctx);
    if (txn && is_new)
        ks_store_txn_account_add(txn, &row);
    else if (txn)
        ks_store_txn_account_update(txn, &row);
    token = ks_invite_make(ctx, is_new ? KS_ACCOUNT_NEW : row.id, expires_ms);
    if (!token.len) {
        ks_control_drop(ctx);
        ks_control_answer(call, SAY("control.memory"), NULL);
        return;
    }
    call->result = describe(ctx, token, expires_ms);
    ks_control_audit(ctx, call);
    ctx->committed = ks_control_changed;
}

static void user_invite(struct ks_control_call *call)
{
    ks_control_at_home(call, invite_at_home);
}

/* The name stays taken: another invitation may follow, or the account is deleted. */
static void uninvite_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    const struct ks_account_row *row = ks_user_row(ctx->user);
    struct ks_store_req *txn;

    if (row->state != KS_ACCOUNT_INVITED) {
        ks_control_answer(call, SAY("control.not-invited"), NULL);
        return;
    }
    if (call->dry_run || !ks_invite_expires_ms(ctx->user)) {
        ks_control_answer(call, NULL, NULL);
        return;
    }
    txn = ks_ctx_txn(ctx);
    if (txn)
        ks_store_txn_kv_del(txn, row->id, KS_STR(KS_STORE_INVITE), KS_STR_EMPTY);
    ks_control_audit(ctx, call);
    ctx->committed = ks_control_changed;
}

static void user_uninvite(struct ks_control_call *call)
{
    ks_control_at_home(call, uninvite_at_home);
}

const struct ks_control_command ks_control_invites[] = {
    { "user.invite", KS_RIGHT_ACCOUNTS, true, "jid", "name department profession", user_invite },
    { "user.uninvite", KS_RIGHT_ACCOUNTS, true, "jid", "", user_uninvite },
    { NULL },
};
