/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_vault.c -- a device's slots in the vault (doc/PROTOCOL.md §16.2, §16.10): it makes them, lists and drops them,
 * and tries the PIN of the account's own, which opens its archive.
 *
 * The rules are the keeper's (vault_keeper.h). What a device does before it is logged in, which is to try the PIN of
 * its store, goes past all of this (vault_ask.h). */
#include <stdio.h>

#include "enc.h"
#include "feature_list.h"
#include "reactor.h"

static const struct {
    enum ks_vault_kind kind;
    const char *name;
} kinds[] = { { KS_VAULT_PIN, "pin" }, { KS_VAULT_ACCOUNT, "account" }, { KS_VAULT_SERVICE, "service" } };

static bool read_kind(struct ks_str text, enum ks_vault_kind *ret_kind)
{
    for (size_t i = 0; i < KS_COUNT(kinds); i++)
        if (ks_str_is(text, kinds[i].name)) {
            *ret_kind = kinds[i].kind;
            return true;
        }
    return false;
}

const char *ks_vault_kind_name(enum ks_vault_kind kind)
{
    for (size_t i = 0; i < KS_COUNT(kinds); i++)
        if (kinds[i].kind == kind)
            return kinds[i].name;
    return "?";
}

const char *ks_vault_state_name(enum ks_vault_state state)
{
    return state == KS_VAULT_OPEN ? "open" : state == KS_VAULT_LOCKED ? "locked" : "gone";
}

static bool read_bytes(struct ks_ctx *ctx, struct ks_str text, uint8_t *ret_bytes, size_t len)
{
    struct ks_str bytes;

    if (ks_base64_read(ctx->arena, text, &bytes) != KS_OK || bytes.len != len)
        return false;
    memcpy(ret_bytes, bytes.ptr, len);
    return true;
}

static struct ks_str base64(struct ks_ctx *ctx, const uint8_t *bytes, size_t len)
{
    struct ks_str text = KS_STR_EMPTY;

    (void)!ks_base64(ctx->arena, ks_str(bytes, len), &text); /* the arena knows */
    return text;
}

/* False: it was refused. */
static bool is_yes(struct ks_ctx *ctx, const struct ks_store_req *req)
{
    if (req->result != KS_OK) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return false;
    }
    if (req->vault->answer == KS_VAULT_YES)
        return true;
    if (req->vault->answer == KS_VAULT_STALE)
        ks_reply_error_app(ctx, KS_NOT_ALLOWED, NS_KONSIL_VAULT, "pin");
    else
        ks_reply_error(ctx,
            req->vault->answer == KS_VAULT_EXISTS        ? KS_CONFLICT
                : req->vault->answer == KS_VAULT_FULL    ? KS_POLICY_VIOLATION
                : req->vault->answer == KS_VAULT_UNKNOWN ? KS_ITEM_NOT_FOUND
                                                         : KS_RESOURCE_CONSTRAINT,
            NULL);
    return false;
}

static void ask(
    struct ks_ctx *ctx, struct ks_vault_call *call, void (*answered)(struct ks_ctx *, struct ks_store_req *))
{
    call->account = ks_user_account(ctx->user);
    call->device = ks_session_device(ctx->session);
    ks_ask(ctx, ks_store_vault_new(call), answered);
}

static bool may_ask(struct ks_ctx *ctx)
{
    if (ctx->session && ks_user_account(ctx->user))
        return true;
    ks_reply_error(ctx, KS_FORBIDDEN, NULL);
    return false;
}

static void made(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_xml *answer;

    if (!is_yes(ctx, req))
        return;
    answer = ks_xml_new(ctx->arena, NS_KONSIL_VAULT, "made");
    ks_xml_set(ctx->arena, answer, "slot", base64(ctx, req->vault->slot, sizeof req->vault->slot));
    ks_xml_set(ctx->arena, answer, "keyid", base64(ctx, req->vault->keyid, sizeof req->vault->keyid));
    ks_reply_result(ctx, answer);
}

static void on_make(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_vault_call call = { .want = KS_VAULT_MAKE };

    if (!may_ask(ctx))
        return;
    if (!read_kind(ks_xml_attr(iq->payload, "kind"), &call.kind)
        || !read_bytes(ctx, ks_xml_attr(iq->payload, "slot"), call.slot, sizeof call.slot)
        || !read_bytes(ctx, ks_xml_attr(iq->payload, "token"), call.token_hash, sizeof call.token_hash)
        || !read_bytes(ctx, ks_xml_attr(iq->payload, "confirm"), call.confirm, sizeof call.confirm)) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    ask(ctx, &call, made);
}

static void dropped(struct ks_ctx *ctx, struct ks_store_req *req)
{
    if (is_yes(ctx, req))
        ks_reply_result(ctx, NULL);
}

static void on_drop(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_vault_call call = { .want = KS_VAULT_DROP };

    if (!may_ask(ctx))
        return;
    if (read_bytes(ctx, ks_xml_attr(iq->payload, "slot"), call.slot, sizeof call.slot)
        && (!ks_xml_attr(iq->payload, "token").len
            || read_bytes(ctx, ks_xml_attr(iq->payload, "token"), call.token, sizeof call.token)))
        ask(ctx, &call, dropped);
    else
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
}

/* --- the account's PIN --- */

/* False: it was refused. */
static bool is_tried(struct ks_ctx *ctx, const struct ks_store_req *req)
{
    enum ks_vault_answer answer = req->result == KS_OK ? req->vault->answer : KS_VAULT_LATER;

    if (answer == KS_VAULT_YES)
        return true;
    if (answer == KS_VAULT_WAIT)
        ks_reply_error_with(ctx, KS_NOT_ALLOWED,
            ks_xml_set_u64(ctx->arena, ks_xml_new(ctx->arena, NS_KONSIL_VAULT, "wait"), "seconds", req->vault->wait_s));
    else if (answer == KS_VAULT_IS_LOCKED)
        ks_reply_error_app(ctx, KS_NOT_ALLOWED, NS_KONSIL_VAULT, "locked");
    else
        ks_reply_error(ctx,
            answer == KS_VAULT_MALFORMED     ? KS_BAD_REQUEST
                : answer == KS_VAULT_UNKNOWN ? KS_ITEM_NOT_FOUND
                : answer == KS_VAULT_IS_GONE ? KS_GONE
                                             : KS_RESOURCE_CONSTRAINT,
            NULL);
    return false;
}

static void evaluated(struct ks_ctx *ctx, struct ks_store_req *req)
{
    const struct ks_vault_call *call = req->vault;
    struct ks_xml *answer;

    if (!is_tried(ctx, req))
        return;
    if (!call->left)
        ks_log(ctx->reactor->log, KS_WARNING, "vault.locked"); /* whose, the audit log tells */
    answer = ks_xml_new(ctx->arena, NS_KONSIL_VAULT, "evaluated");
    ks_xml_set(ctx->arena, answer, "z", base64(ctx, call->z, sizeof call->z));
    ks_xml_set(ctx->arena, answer, "keyid", base64(ctx, call->keyid, sizeof call->keyid));
    ks_xml_set(ctx->arena, answer, "nonce", base64(ctx, call->nonce, sizeof call->nonce));
    ks_xml_set_u64(ctx->arena, answer, "left", call->left);
    ks_reply_result(ctx, answer);
}

static void on_eval(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_vault_call call = { .want = KS_VAULT_EVAL };

    if (!may_ask(ctx))
        return;
    if (read_bytes(ctx, ks_xml_attr(iq->payload, "slot"), call.slot, sizeof call.slot)
        && read_bytes(ctx, ks_xml_attr(iq->payload, "token"), call.token, sizeof call.token)
        && read_bytes(ctx, ks_xml_attr(iq->payload, "blinded"), call.blinded, sizeof call.blinded))
        ask(ctx, &call, evaluated);
    else
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
    ks_wipe(&call, sizeof call);
}

static void confirmed(struct ks_ctx *ctx, struct ks_store_req *req)
{
    if (is_tried(ctx, req))
        ks_reply_result(ctx,
            ks_xml_set_u64(ctx->arena, ks_xml_new(ctx->arena, NS_KONSIL_VAULT, "confirmed"), "gen", req->vault->gen));
}

static void on_confirm(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_vault_call call = { .want = KS_VAULT_CONFIRM };

    if (!may_ask(ctx))
        return;
    if (read_bytes(ctx, ks_xml_attr(iq->payload, "slot"), call.slot, sizeof call.slot)
        && read_bytes(ctx, ks_xml_attr(iq->payload, "token"), call.token, sizeof call.token)
        && read_bytes(ctx, ks_xml_attr(iq->payload, "sig"), call.signature, sizeof call.signature)
        && ks_str_u64(ks_xml_attr(iq->payload, "gen"), KS_VAULT_GEN_MAX, &call.gen) == KS_OK)
        ask(ctx, &call, confirmed);
    else
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
    ks_wipe(&call, sizeof call);
}

/* --- the list --- */

static void set_stamp(struct ks_ctx *ctx, struct ks_xml *xml, const char *name, int64_t ms)
{
    char stamp[KS_STAMP_LEN + 1];
    struct ks_str text;

    if (ms && ks_arena_copy(ctx->arena, ks_stamp_write(ms, stamp), &text) == KS_OK)
        ks_xml_set(ctx->arena, xml, name, text);
}

static void listed(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_xml *answer;

    if (!is_yes(ctx, req))
        return;
    answer = ks_xml_new(ctx->arena, NS_KONSIL_VAULT, "slots");
    for (size_t i = 0; i < req->vault->slots_count; i++) {
        const struct ks_vault_slot *slot = &req->vault->slots[i];
        struct ks_xml *item = ks_xml_add(ctx->arena, answer, NS_KONSIL_VAULT, "slot");
        ks_xml_set(ctx->arena, item, "id", base64(ctx, slot->id, sizeof slot->id));
        ks_xml_set(ctx->arena, item, "kind", ks_str_z(ks_vault_kind_name(slot->kind)));
        ks_xml_set(ctx->arena, item, "state", ks_str_z(ks_vault_state_name(slot->state)));
        if (slot->device) {
            char text[17];
            struct ks_str device;
            snprintf(text, sizeof text, "%016llx", (unsigned long long)slot->device);
            if (ks_arena_copy(ctx->arena, ks_str_z(text), &device) == KS_OK)
                ks_xml_set(ctx->arena, item, "device", device);
            if (ctx->session && slot->device == ks_session_device(ctx->session))
                ks_xml_set(ctx->arena, item, "own", KS_STR("true"));
        }
        set_stamp(ctx, item, "made", slot->made_ms);
        set_stamp(ctx, item, "unlocked", slot->confirmed_ms);
        set_stamp(ctx, item, "ended", slot->gone_ms);
    }
    ks_reply_result(ctx, answer);
}

static void on_list(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    (void)iq;
    if (may_ask(ctx))
        ask(ctx, &(struct ks_vault_call) { .want = KS_VAULT_LIST }, listed);
}

/* Not the hook device_out, which is also called when a password is set or a session ended: such a device comes back,
 * and what it has not sent yet is in its store. */
void ks_vault_device_out(struct ks_ctx *ctx, uint64_t account, uint64_t device)
{
    struct ks_store_req *txn = ks_ctx_txn(ctx);

    if (txn)
        ks_store_txn_vault_end(
            txn, device == KS_DEVICES_ALL ? KS_VAULT_END_DEVICES : KS_VAULT_END_DEVICE, account, device);
}

const struct ks_feature ks_feature_vault = {
    .name = "vault",
    .disco_account = (const char *const[]) { NS_KONSIL_VAULT, NULL },
    .iq = { { KS_IQ_SET, NS_KONSIL_VAULT, "make", KS_TO_SELF, on_make },
        { KS_IQ_SET, NS_KONSIL_VAULT, "drop", KS_TO_SELF, on_drop },
        { KS_IQ_SET, NS_KONSIL_VAULT, "eval", KS_TO_SELF, on_eval },
        { KS_IQ_SET, NS_KONSIL_VAULT, "confirm", KS_TO_SELF, on_confirm },
        { KS_IQ_GET, NS_KONSIL_VAULT, "slots", KS_TO_SELF, on_list } },
    .stores = { { "vault", KS_DATA_KEYS, KS_KEEP_WITH_ACCOUNT, 0,
        "For each lock of a device's store a key without which a PIN opens nothing, how often a PIN was tried, and "
        "when it "
        "was right; in a database of its own. The keys are destroyed with the device, the PIN or the account; 90 days "
        "later the rest is deleted.",
        KS_READ_OWNER | KS_READ_ADMINS, KS_IN_VAULT } },
    .options = { { "vault.window", KS_OPT_DURATION, .init = 8 * 3600, .min = 0, .max = 7 * 86400,
        .scope = KS_OPT_SERVER,
        .doc = "How long after a PIN a device may unlock by a finger or a face alone. 0: never." } },
};
