/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control_vault.c -- commands on the vault: an account's slots, tries for who forgot a PIN, and the end of a device
 * that was lost, whether it ever comes back or not. */
#include <stdio.h>

#include "control.h"
#include "enc.h"
#include "feature_list.h"
#include "say.h"
#include "session.h"
#include "user.h"
#include "user_device.h"

static bool exists(const struct ks_ctx *ctx, struct ks_control_call *call)
{
    if (ks_user_exists(ctx->user))
        return true;
    ks_control_answer(call, SAY("control.not-found"), NULL);
    return false;
}

static json_t *hex_json(const uint8_t *bytes, size_t len)
{
    struct ks_buf buf;
    json_t *text;

    ks_buf_init(&buf, 2 * len + 1);
    ks_hex_add(&buf, ks_str(bytes, len));
    text = json_stringn(buf.ptr, buf.len);
    ks_buf_done(&buf);
    return text;
}

static const char *error_of(const struct ks_store_req *req)
{
    if (req->result != KS_OK)
        return SAY("control.store");
    switch ((int)req->vault->answer) {
    case KS_VAULT_YES:
        return NULL;
    case KS_VAULT_UNKNOWN:
        return SAY("control.no-slot");
    case KS_VAULT_IS_GONE:
        return SAY("control.slot-gone");
    case KS_VAULT_EXISTS:
        return SAY("control.slot-open");
    case KS_VAULT_FULL:
        return SAY("control.slot-unlocks");
    default:
        return SAY("control.store");
    }
}

/* --- listing --- */

static void listed(struct ks_control_call *call, struct ks_store_req *req)
{
    const char *error = error_of(req);
    json_t *slots = json_array();

    for (size_t i = 0; !error && i < req->vault->slots_count; i++) {
        const struct ks_vault_slot *slot = &req->vault->slots[i];
        json_t *row = json_object();
        char device[17] = "";
        if (slot->device)
            snprintf(device, sizeof device, "%016llx", (unsigned long long)slot->device);
        json_object_set_new(row, "slot", hex_json(slot->id, sizeof slot->id));
        json_object_set_new(row, "kind", json_string(ks_vault_kind_name(slot->kind)));
        json_object_set_new(row, "state", json_string(ks_vault_state_name(slot->state)));
        json_object_set_new(row, "device", json_string(device));
        json_object_set_new(row, "tries", json_integer(slot->tries));
        json_object_set_new(row, "made_ms", json_integer(slot->made_ms));
        json_object_set_new(row, "unlocked_ms", json_integer(slot->confirmed_ms));
        json_object_set_new(row, "ended_ms", json_integer(slot->gone_ms));
        json_array_append_new(slots, row);
    }
    ks_control_answer(call, error, json_pack("{s:o}", "slots", slots));
}

static void list_audited(struct ks_ctx *ctx)
{
    struct ks_control_call *call = ctx->parcel->user;

    ks_control_ask(call,
        ks_store_vault_new(&(struct ks_vault_call) { .want = KS_VAULT_LIST, .account = ks_user_account(ctx->user) }),
        listed);
}

static void list_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    if (!exists(ctx, call))
        return;
    ks_control_audit(ctx, call); /* when somebody unlocked her device is a question about a person */
    ctx->committed = list_audited;
}

static void vault_list(struct ks_control_call *call)
{
    ks_control_at_home(call, list_at_home);
}

/* --- tries --- */

static void unlocked(struct ks_control_call *call, struct ks_store_req *req)
{
    const char *error = error_of(req);

    ks_control_answer(call, error, error ? NULL : json_pack("{s:i}", "tries", (int)req->vault->left));
}

static void unlock_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    struct ks_vault_call unlock = { .want = KS_VAULT_UNLOCK, .account = ks_user_account(ctx->user) };
    struct ks_str bytes;

    if (!exists(ctx, call))
        return;
    if (ks_hex_read(ctx->arena, ks_control_text(call, "slot"), &bytes) != KS_OK || bytes.len != sizeof unlock.slot) {
        ks_control_answer(call, SAY("control.no-slot"), NULL);
        return;
    }
    memcpy(unlock.slot, bytes.ptr, sizeof unlock.slot);
    if (call->dry_run) {
        ks_control_answer(call, NULL, NULL);
        return;
    }
    /* Its row is in the audit log if it happens, and before it is answered (committer.h). */
    unlock.audit_actor = ks_str_z(call->actor);
    unlock.audit_subject = ks_control_text(call, "jid");
    ks_control_ask(call, ks_store_vault_new(&unlock), unlocked);
}

static void vault_unlock(struct ks_control_call *call)
{
    ks_control_at_home(call, unlock_at_home);
}

/* --- wiping --- */

/* KS_DEVICES_ALL without one. False: the text is none. */
static bool read_device(struct ks_ctx *ctx, const struct ks_control_call *call, uint64_t *ret_device)
{
    struct ks_str text = ks_control_text(call, "device"), bytes;

    *ret_device = KS_DEVICES_ALL;
    if (!text.len)
        return true;
    if (text.len != 16 || ks_hex_read(ctx->arena, text, &bytes) != KS_OK)
        return false;
    for (size_t i = 0; i < bytes.len; i++)
        *ret_device = *ret_device << 8 | (uint8_t)bytes.ptr[i];
    return *ret_device != KS_DEVICES_ALL;
}

/* The keys are destroyed, and that is in the audit log: whoever is there by such a device is not any more. */
static void wiped(struct ks_ctx *ctx)
{
    struct ks_control_call *call = ctx->parcel->user;
    struct ks_session *s = ks_user_session(ctx->user, NULL), *next;
    char stamp[KS_STAMP_LEN + 1];
    json_int_t ended = 0;
    uint64_t device;

    if (!read_device(ctx, call, &device))
        device = KS_DEVICES_ALL;
    for (; s; s = next) {
        next = ks_user_session(ctx->user, s);
        if (device == KS_DEVICES_ALL || ks_session_device(s) == device) {
            ks_session_end(s, KS_STREAM_NOT_AUTHORIZED);
            ended++;
        }
    }
    ks_control_answer(
        call, NULL, json_pack("{s:I, s:s}", "ended", ended, "destroyed", ks_stamp_write(ctx->now.wall_ms, stamp).ptr));
}

static void wipe_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    const struct ks_account_row *account = ks_user_row(ctx->user);
    uint64_t device;

    if (account->state != KS_ACCOUNT_ACTIVE && account->state != KS_ACCOUNT_DISABLED) {
        ks_control_answer(call, SAY("control.not-found"), NULL);
        return;
    }
    if (!read_device(ctx, call, &device)) {
        ks_control_answer(call, SAY("control.arguments"), NULL);
        return;
    }
    if (call->dry_run) {
        ks_control_answer(call, NULL, NULL);
        return;
    }
    if (ks_user_exists(ctx->user))
        ks_device_out(ctx, device);
    ks_vault_device_out(ctx, account->id, device);
    ks_control_audit(ctx, call);
    ctx->committed = wiped;
}

static void vault_wipe(struct ks_control_call *call)
{
    ks_control_at_home(call, wipe_at_home);
}

const struct ks_control_command ks_control_vault[] = {
    { "vault.list", KS_RIGHT_ACCOUNTS, true, "jid", "", vault_list },
    { "vault.unlock", KS_RIGHT_ACCOUNTS, true, "jid slot", "", vault_unlock, "slot" },
    { "vault.wipe", KS_RIGHT_ACCOUNTS, true, "jid", "device", vault_wipe, "device" },
    { "vault.backup", KS_RIGHT_OPERATE, true, "file", "", ks_control_hand_over, "file" },
    { NULL },
};
