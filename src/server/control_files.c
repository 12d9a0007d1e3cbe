/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control_files.c -- commands on uploaded files: how many an account has, and that they go. Whom they were sent to, and
 * what is in them, the server does not know. To be shown how much of its quota an account uses is no act that the audit
 * log has: konsilctl files list asks it of all accounts of a domain. */
#include "control.h"
#include "files.h"
#include "say.h"

static bool exists(struct ks_ctx *ctx, struct ks_control_call *call)
{
    enum ks_account_state state = ks_user_row(ctx->user)->state;

    if (!ctx->domain->parent && (state == KS_ACCOUNT_ACTIVE || state == KS_ACCOUNT_DISABLED))
        return true;
    ks_control_answer(call, SAY("control.not-found"), NULL);
    return false;
}

/* Places for files that did not come yet count as files, as they do for the quota. */
static json_t *figures(struct ks_ctx *ctx)
{
    const struct ks_kv *row = NULL;
    json_int_t count = 0, bytes = 0, first_ms = 0;
    struct ks_file file;

    while ((row = ks_kv_next(ctx->user, KS_STORE_FILES, row)))
        if (ks_file_row_read(row->value, &file) && file.until_ms > ctx->now.wall_ms) {
            count++;
            bytes += (json_int_t)file.bytes;
            first_ms = !first_ms || file.made_ms < first_ms ? file.made_ms : first_ms;
        }
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "count", count, "bytes", bytes, "first_ms", first_ms, "bytes_total",
        (json_int_t)ks_domain_number(ctx->domain, "files.bytes_total"), "count_max",
        (json_int_t)ks_domain_number(ctx->domain, "files.count_max"));
}

static void show_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    if (exists(ctx, call))
        ks_control_answer(call, NULL, figures(ctx));
}

static void files_show(struct ks_control_call *call)
{
    ks_control_at_home(call, show_at_home);
}

static void remove_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    json_t *result;

    if (!exists(ctx, call))
        return;
    result = figures(ctx);
    if (call->dry_run) {
        ks_control_answer(call, NULL, result);
        return;
    }
    ks_files_remove_all(ctx, ks_str_z(call->actor));
    ks_control_audit(ctx, call);
    ks_control_answer_durable(ctx, call, result);
}

static void files_remove(struct ks_control_call *call)
{
    ks_control_at_home(call, remove_at_home);
}

const struct ks_control_command ks_control_files[] = {
    { "files.show", KS_RIGHT_ACCOUNTS, false, "jid", "", files_show },
    { "files.remove", KS_RIGHT_ACCOUNTS, true, "jid", "", files_remove },
    { NULL },
};
