/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control_users.c -- commands on accounts, their sessions and their devices. */
#include <stdio.h>

#include "control.h"
#include "credentials.h"
#include "enc.h"
#include "fast.h"
#include "feature_list.h"
#include "room.h"
#include "say.h"
#include "session.h"
#include "user_device.h"

/* --- accounts --- */

/* Argument "keys": {"scram-sha-256":"base64 of a record","scram-sha-1":…} into ctx's transaction. */
static bool put_keys(struct ks_ctx *ctx, const struct ks_control_call *call, uint64_t account)
{
    static const enum ks_hash hashes[] = { KS_SHA256, KS_SHA1 };
    json_t *keys = json_object_get(call->args, "keys");
    struct ks_store_req *txn = ks_ctx_txn(ctx);

    for (size_t i = 0; i < KS_COUNT(hashes); i++) {
        struct ks_str name = ks_credentials_key(hashes[i]), record;
        const char *text = json_string_value(json_object_get(keys, name.ptr));
        struct ks_scram_keys read;
        if (!text || ks_base64_read(ctx->arena, ks_str_z(text), &record) != KS_OK
            || ks_scram_keys_read(record, &read) != KS_OK || read.hash != hashes[i]
            || read.iterations < KS_SCRAM_ITERATIONS_MIN)
            return false;
        ks_wipe(&read, sizeof read);
        if (txn && account == KS_ACCOUNT_NEW)
            ks_store_txn_kv_put(txn, account, KS_STR(KS_STORE_CREDENTIALS), name, record);
        else if (txn)
            ks_kv_put(ctx, KS_STORE_CREDENTIALS, name, record);
    }
    return true;
}

static void add_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    struct ks_account_row row = { .state = KS_ACCOUNT_ACTIVE,
        .domain = ks_user_jid(ctx->user).domain,
        .local = ks_user_jid(ctx->user).local,
        .name = ks_control_text(call, "name"),
        .department = ks_control_text(call, "department"),
        .profession = ks_control_text(call, "profession"),
        .created_ms = ctx->now.wall_ms };
    struct ks_store_req *txn;

    if (ks_user_row(ctx->user)->state) {
        ks_control_answer(call,
            ks_user_row(ctx->user)->state == KS_ACCOUNT_DELETED       ? SAY("control.was-deleted")
                : ks_user_row(ctx->user)->state == KS_ACCOUNT_INVITED ? SAY("control.invited")
                                                                      : SAY("control.exists"),
            NULL);
        return;
    }
    if (!ks_account_text_ok(row.name) || !ks_account_text_ok(row.department) || !ks_account_text_ok(row.profession)) {
        ks_control_answer(call, SAY("control.text"), NULL);
        return;
    }
    txn = ks_ctx_txn(ctx);
    if (txn)
        ks_store_txn_account_add(txn, &row);
    if (!txn || !put_keys(ctx, call, KS_ACCOUNT_NEW)) {
        ks_control_drop(ctx);
        ks_control_answer(call, txn ? SAY("control.keys") : SAY("control.memory"), NULL);
        return;
    }
    if (call->dry_run) {
        ks_control_drop(ctx);
        ks_control_answer(call, NULL, NULL);
        return;
    }
    ks_control_audit(ctx, call);
    ctx->committed = ks_control_changed;
}

static void user_add(struct ks_control_call *call)
{
    ks_control_at_home(call, add_at_home);
}

/* True if the account exists and was not deleted; answers otherwise. */
static bool exists(struct ks_ctx *ctx, struct ks_control_call *call)
{
    enum ks_account_state state = ks_user_row(ctx->user)->state;

    if (state == KS_ACCOUNT_ACTIVE || state == KS_ACCOUNT_DISABLED)
        return true;
    ks_control_answer(call, SAY("control.not-found"), NULL);
    return false;
}

/* Ends all sessions, also those that wait to be resumed: nothing of the account is left that could be used. */
static size_t end_sessions(struct ks_user *user, struct ks_str resource, enum ks_stream_cond cond)
{
    struct ks_session *s = ks_user_session(user, NULL), *next;
    size_t count = 0;

    for (; s; s = next) {
        next = ks_user_session(user, s);
        if (!resource.len || ks_str_eq(ks_session_resource(s), resource)) {
            ks_session_end(s, cond);
            count++;
        }
    }
    return count;
}

static void locked_out(struct ks_ctx *ctx)
{
    end_sessions(ctx->user, KS_STR_EMPTY, KS_STREAM_NOT_AUTHORIZED);
    ks_control_changed(ctx);
}

static void passwd_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    if (!exists(ctx, call))
        return;
    if (ks_user_row(ctx->user)->state != KS_ACCOUNT_ACTIVE) {
        ks_control_answer(call, SAY("control.disabled"), NULL);
        return;
    }
    if (!put_keys(ctx, call, ks_user_row(ctx->user)->id)) {
        ks_control_drop(ctx);
        ks_user_reload(ctx->user);
        ks_control_answer(call, SAY("control.keys"), NULL);
        return;
    }
    if (call->dry_run) {
        ks_control_drop(ctx);
        ks_user_reload(ctx->user);
        ks_control_answer(call, NULL, NULL);
        return;
    }
    ks_device_out(ctx, KS_DEVICES_ALL);
    ks_control_audit(ctx, call);
    ctx->committed = locked_out; /* whoever knew the old password has to log in anew */
}

static void user_passwd(struct ks_control_call *call)
{
    ks_control_at_home(call, passwd_at_home);
}

static void set_state(struct ks_ctx *ctx, struct ks_control_call *call, enum ks_account_state state)
{
    struct ks_account_row row = *ks_user_row(ctx->user);
    struct ks_store_req *txn;

    if (!exists(ctx, call))
        return;
    if (row.state == state || call->dry_run) {
        ks_control_answer(call, NULL, NULL);
        return;
    }
    if (ks_user_exists(ctx->user))
        ks_device_out(ctx, KS_DEVICES_ALL);
    if (state == KS_ACCOUNT_DISABLED)
        ks_vault_device_out(ctx, row.id, KS_DEVICES_ALL);
    row.state = state;
    txn = ks_ctx_txn(ctx);
    if (txn)
        ks_store_txn_account_update(txn, &row);
    ks_control_audit(ctx, call);
    ctx->committed = state == KS_ACCOUNT_ACTIVE ? ks_control_changed : locked_out;
}

static void disable_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    set_state(ctx, call, KS_ACCOUNT_DISABLED);
}

static void enable_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    set_state(ctx, call, KS_ACCOUNT_ACTIVE);
}

static void user_disable(struct ks_control_call *call)
{
    ks_control_at_home(call, disable_at_home);
}

static void user_enable(struct ks_control_call *call)
{
    ks_control_at_home(call, enable_at_home);
}

static void delete_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    struct ks_store_req *txn;

    if (ks_user_row(ctx->user)->state != KS_ACCOUNT_INVITED && !exists(ctx, call))
        return;
    if (call->dry_run) {
        ks_control_answer(call, NULL, NULL);
        return;
    }
    txn = ks_ctx_txn(ctx);
    ks_room_account_gone(ctx);
    if (txn)
        ks_store_txn_account_delete(txn, ks_user_jid(ctx->user).domain, ks_user_jid(ctx->user).local);
    ks_control_audit(ctx, call);
    ctx->committed = locked_out;
}

static void user_delete(struct ks_control_call *call)
{
    ks_control_at_home(call, delete_at_home);
}

static const char *state_name(enum ks_account_state state)
{
    static const char *const names[] = {
        [KS_ACCOUNT_ACTIVE] = "active",
        [KS_ACCOUNT_DISABLED] = "disabled",
        [KS_ACCOUNT_DELETED] = "deleted",
        [KS_ACCOUNT_INVITED] = "invited",
    };

    return names[state];
}

static json_t *text_json(struct ks_str text)
{
    return json_stringn(text.len ? text.ptr : "", text.len);
}

static void listed(struct ks_control_call *call, struct ks_store_req *req)
{
    json_t *users = json_array(), *result;

    if (req->result != KS_OK) {
        json_decref(users);
        ks_control_answer(call, SAY("control.store"), NULL);
        return;
    }
    for (size_t i = 0; i < req->accounts_count; i++) {
        const struct ks_account_row *row = &req->accounts[i];
        json_t *user = json_object();
        json_object_set_new(user, "local", text_json(row->local));
        json_object_set_new(user, "name", text_json(row->name));
        json_object_set_new(user, "department", text_json(row->department));
        json_object_set_new(user, "profession", text_json(row->profession));
        json_object_set_new(user, "state", json_string(state_name(row->state)));
        json_object_set_new(user, "created_ms", json_integer(row->created_ms));
        json_array_append_new(users, user);
    }
    result = json_object();
    json_object_set_new(result, "users", users);
    json_object_set_new(result, "more", json_boolean(req->accounts_count == KS_ACCOUNTS_ROWS_MAX));
    ks_control_answer(call, NULL, result);
}

static void user_list(struct ks_control_call *call)
{
    if (!ks_config_domain(call->reactor->config, ks_control_text(call, "domain"))) {
        ks_control_answer(call, SAY("control.no-domain"), NULL);
        return;
    }
    ks_control_ask(call,
        ks_store_accounts_new(ks_control_text(call, "domain"), ks_control_text(call, "after"), KS_ACCOUNTS_ROWS_MAX),
        listed);
}

/* --- sessions --- */

static void list_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    struct ks_session *s = NULL;
    json_t *sessions, *result;

    if (!exists(ctx, call))
        return;
    sessions = json_array();
    while ((s = ks_user_session(ctx->user, s))) {
        char id[17];
        json_t *session = json_object();
        snprintf(id, sizeof id, "%016llx", (unsigned long long)s->id);
        json_object_set_new(session, "session", json_string(id)); /* as it stands in log lines */
        snprintf(id, sizeof id, "%016llx", (unsigned long long)s->device);
        json_object_set_new(session, "device", json_string(id));
        json_object_set_new(session, "resource", text_json(ks_session_resource(s)));
        json_object_set_new(session, "connected", json_boolean(s->stream != NULL));
        json_object_set_new(session, "certificate", json_boolean(s->by_certificate));
        json_object_set_new(session, "available", json_boolean(ks_session_available(s)));
        json_object_set_new(session, "unacknowledged", json_integer(s->sent_count));
        json_array_append_new(sessions, session);
    }
    result = json_object();
    json_object_set_new(result, "sessions", sessions);
    ks_control_audit(ctx, call); /* whose session an id is, is a question about a person */
    ks_control_answer_durable(ctx, call, result);
}

static void sessions_list(struct ks_control_call *call)
{
    ks_control_at_home(call, list_at_home);
}

static void killed(struct ks_ctx *ctx)
{
    struct ks_control_call *call = ctx->parcel->user;
    size_t count = end_sessions(ctx->user, ks_control_text(call, "resource"), KS_STREAM_RESET);

    ks_control_answer(call, NULL, json_pack("{s:I}", "ended", (json_int_t)count));
}

/* The devices of the sessions that are ended; without a resource all there are, connected or not. */
static void devices_out(struct ks_ctx *ctx, struct ks_str resource)
{
    const struct ks_session *s = NULL;

    if (!resource.len) {
        ks_device_out(ctx, KS_DEVICES_ALL);
        return;
    }
    while ((s = ks_user_session(ctx->user, s)))
        if (ks_str_eq(ks_session_resource(s), resource))
            ks_device_out(ctx, s->device);
}

static void kill_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    if (!exists(ctx, call))
        return;
    if (call->dry_run) {
        ks_control_answer(call, NULL, NULL);
        return;
    }
    if (ks_user_exists(ctx->user))
        devices_out(ctx, ks_control_text(call, "resource"));
    ks_control_audit(ctx, call);
    ctx->committed = killed;
}

static void sessions_kill(struct ks_control_call *call)
{
    ks_control_at_home(call, kill_at_home);
}

/* --- devices --- */

static bool is_connected(const struct ks_user *user, uint64_t device)
{
    const struct ks_session *s = NULL;

    while ((s = ks_user_session(user, s)))
        if (s->device == device && s->stream)
            return true;
    return false;
}

/* Those that may log in without the password (fast.h). */
static void devices_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    struct ks_fast_device at = { 0 };
    json_t *devices, *result;

    if (!exists(ctx, call))
        return;
    devices = json_array();
    while (ks_fast_next(ctx->user, &at)) {
        char id[17];
        json_t *device = json_object();
        snprintf(id, sizeof id, "%016llx", (unsigned long long)at.device);
        json_object_set_new(device, "device", json_string(id));
        json_object_set_new(device, "name", text_json(at.name));
        json_object_set_new(device, "until_ms", json_integer(at.expiry_ms));
        json_object_set_new(device, "connected", json_boolean(is_connected(ctx->user, at.device)));
        json_array_append_new(devices, device);
    }
    result = json_object();
    json_object_set_new(result, "devices", devices);
    ks_control_audit(ctx, call); /* what somebody carries about is a question about a person */
    ks_control_answer_durable(ctx, call, result);
}

static void device_list(struct ks_control_call *call)
{
    ks_control_at_home(call, devices_at_home);
}

/* The argument's number; 0: it is none. */
static uint64_t device_named(struct ks_ctx *ctx, const struct ks_control_call *call)
{
    struct ks_str text = ks_control_text(call, "device"), bytes;
    uint64_t device = 0;

    if (text.len != 16 || ks_hex_read(ctx->arena, text, &bytes) != KS_OK)
        return 0;
    for (size_t i = 0; i < bytes.len; i++)
        device = device << 8 | (uint8_t)bytes.ptr[i];
    return device;
}

static void revoked(struct ks_ctx *ctx)
{
    struct ks_control_call *call = ctx->parcel->user;
    uint64_t device = device_named(ctx, call);
    struct ks_session *s = ks_user_session(ctx->user, NULL), *next;
    json_int_t count = 0;

    for (; s; s = next) {
        next = ks_user_session(ctx->user, s);
        if (s->device == device) {
            ks_session_end(s, KS_STREAM_RESET);
            count++;
        }
    }
    ks_control_answer(call, NULL, json_pack("{s:I}", "ended", count));
}

static void revoke_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    uint64_t device = device_named(ctx, call);

    if (!exists(ctx, call))
        return;
    if (!device) {
        ks_control_answer(call, SAY("control.arguments"), NULL);
        return;
    }
    if (call->dry_run) {
        ks_control_answer(call, NULL, NULL);
        return;
    }
    if (ks_user_exists(ctx->user))
        ks_device_out(ctx, device);
    ks_vault_device_out(ctx, ks_user_row(ctx->user)->id, device);
    ks_control_audit(ctx, call);
    ctx->committed = revoked;
}

static void device_revoke(struct ks_control_call *call)
{
    ks_control_at_home(call, revoke_at_home);
}

const struct ks_control_command ks_control_users[] = {
    { "user.add", KS_RIGHT_ACCOUNTS, true, "jid keys:", "name department profession", user_add },
    { "user.list", KS_RIGHT_ACCOUNTS, false, "domain", "after", user_list },
    { "user.passwd", KS_RIGHT_ACCOUNTS, true, "jid keys:", "", user_passwd },
    { "user.disable", KS_RIGHT_ACCOUNTS, true, "jid", "", user_disable },
    { "user.enable", KS_RIGHT_ACCOUNTS, true, "jid", "", user_enable },
    { "user.delete", KS_RIGHT_ACCOUNTS, true, "jid", "", user_delete },
    { "sessions.list", KS_RIGHT_ACCOUNTS, true, "jid", "", sessions_list },
    { "sessions.kill", KS_RIGHT_ACCOUNTS, true, "jid", "resource", sessions_kill, "resource" },
    { "devices.list", KS_RIGHT_ACCOUNTS, true, "jid", "", device_list },
    { "devices.revoke", KS_RIGHT_ACCOUNTS, true, "jid device", "", device_revoke, "device" },
    { NULL },
};
