/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "revoked_device.h"

#include <stdio.h>

#include "pep.h"
#include "pep_node.h"
#include "registrar_account.h"
#include "session.h"
#include "store_write.h"
#include "user.h"
#include "user_device.h"
#include "xml_reader.h"

#define NUMBER_MAX 2147483647 /* OMEMO's, and the log's (§15.1) */
#define CERTIFIED_MAX 64      /* an account has 16 devices; those it had are among them */

/* --- whose certificate it is --- */

struct certified {
    uint64_t device; /* KS_DEVICES_ALL: not known */
    bool out;
};

static bool certified_read(const struct ks_user *user, struct ks_str id, struct certified *certified)
{
    struct ks_cursor at = ks_cursor(ks_kv_get(user, KS_STORE_CERTIFIED, id));

    *certified = (struct certified) { KS_DEVICES_ALL, false };
    if (ks_cursor_u64(&at, &certified->device) != KS_OK)
        return false;
    certified->out = !ks_cursor_done(&at);
    return true;
}

static void certified_write(struct ks_ctx *ctx, struct ks_str id, const struct certified *certified)
{
    char bytes[9] = { 0 };

    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(certified->device >> (56 - 8 * i));
    ks_kv_put(ctx, KS_STORE_CERTIFIED, id, ks_str(bytes, certified->out ? 9 : 8));
}

static bool is_number(struct ks_str id)
{
    uint64_t number;

    return ks_str_u64(id, NUMBER_MAX, &number) == KS_OK && number > 0;
}

void ks_revoked_published(struct ks_ctx *ctx, struct ks_str node, const struct ks_xml *payload)
{
    struct certified before, now = { ctx->session ? ks_session_device(ctx->session) : KS_DEVICES_ALL, false };
    struct ks_pep_item item;
    bool there;

    if (!payload || !ks_str_is(node, NS_X509) || !ks_domain_text(ctx->domain, KS_OPTION_REGISTRAR).len
        || !ks_pep_item_last(ctx->user, node, &item) || !is_number(item.id))
        return;
    there = certified_read(ctx->user, item.id, &before);
    if (there && !before.out && before.device != now.device)
        now.device = KS_DEVICES_ALL;
    if (there || ks_kv_count(ctx->user, KS_STORE_CERTIFIED) < CERTIFIED_MAX)
        certified_write(ctx, item.id, &now);
}

/* --- at the device's home --- */

static void note(struct ks_ctx *ctx, const char *action, struct ks_str subject, const char *detail)
{
    struct ks_store_req *txn = ks_ctx_txn(ctx);
    struct ks_audit_row row = {
        .actor = ks_user_bare(ctx->user), .action = ks_str_z(action), .subject = subject, .detail = ks_str_z(detail)
    };

    if (txn)
        ks_store_txn_audit(txn, &row);
}

static void take_off_list(struct ks_ctx *ctx, const char *node, const char *ns, const char *name, struct ks_str device)
{
    struct ks_pep_item item;
    struct ks_xml *list, *copy;
    struct ks_str id; /* the row that has it is replaced */

    if (!ks_pep_item_last(ctx->user, ks_str_z(node), &item) || ks_arena_copy(ctx->arena, item.id, &id) != KS_OK
        || ks_xml_read(ctx->arena, item.payload, KS_STR_EMPTY, KS_STR_EMPTY, &list) != KS_OK)
        return;
    copy = ks_xml_new(ctx->arena, ns, name);
    for (const struct ks_xml *one = ks_xml_child(list, NULL, NULL); one; one = ks_xml_next(one, NULL, NULL)) {
        struct ks_xml *kept = ks_str_eq(ks_xml_attr(one, "id"), device) ? NULL : ks_xml_copy_top(ctx->arena, one);
        if (kept)
            ks_xml_graft(copy, kept);
    }
    if (copy)
        ks_pep_publish_for(ctx, ks_str_z(node), id, copy);
}

static void ended(struct ks_ctx *ctx)
{
    uint64_t device = ctx->parcel->number;
    struct ks_session *s = ks_user_session(ctx->user, NULL), *next;

    for (; s; s = next) {
        next = ks_user_session(ctx->user, s);
        if (device == KS_DEVICES_ALL || s->device == device)
            ks_session_end(s, KS_STREAM_RESET);
    }
}

/* At the registrar's home. */
static void done_run(struct ks_ctx *ctx)
{
    struct ks_str key = ks_xml_attr(ctx->parcel->stanza.xml, "id");

    if (ks_is_registrar(ctx) && key.len)
        ks_kv_del(ctx, KS_STORE_REVOKING, key);
}

static void out_run(struct ks_ctx *ctx)
{
    const struct ks_stanza *iq = &ctx->parcel->stanza;
    struct ks_str id = ks_xml_attr(iq->payload, "device");
    struct ks_jid registrar = { .local = ks_domain_text(ctx->domain, KS_OPTION_REGISTRAR),
        .domain = ctx->domain->name };
    struct certified certified;
    char node[96];

    if (ks_user_exists(ctx->user)) {
        take_off_list(ctx, NS_OMEMO_DEVICES, NS_OMEMO, "devices", id);
        take_off_list(ctx, NS_AXOLOTL_DEVICES, NS_AXOLOTL, "list", id);
        ks_pep_retract_for(ctx, KS_STR(NS_OMEMO_BUNDLES), id);
        ks_pep_retract_for(ctx, KS_STR(NS_X509), id);
        ks_pep_retract_for(ctx, KS_STR(NS_KONSIL_DEVICE_KEY), id);
        snprintf(node, sizeof node, NS_AXOLOTL_BUNDLES "%.*s", KS_STR_FMT(id));
        if (ks_pep_node_get(ctx->user, ks_str_z(node), &(struct ks_pep_config) { 0 }))
            ks_pep_node_delete(ctx, ks_str_z(node));
        (void)certified_read(ctx->user, id, &certified);
        if (!certified.out) {
            ctx->parcel->number = certified.device;
            certified.out = true;
            certified_write(ctx, id, &certified);
            ks_device_out(ctx, certified.device);
            note(ctx, "device.revoked", ks_user_bare(ctx->user), "by the registrar");
            ctx->committed = ended;
        }
    }
    ks_call(ctx, registrar, done_run, ks_xml_copy_top(ctx->arena, iq->xml), 0);
}

/* --- at the registrar's --- */

/* "27183 anna@klinik.example": also the key under which it is noted. */
static void call_out(struct ks_ctx *ctx, struct ks_str what)
{
    struct ks_str rest = what, device, jid_text;
    struct ks_xml *iq, *out;
    struct ks_jid jid;

    if (!ks_str_cut(&rest, ' ', &device) || ks_jid_parse(ctx->arena, rest, &jid) != KS_OK
        || ks_jid_text(ctx->arena, jid, &jid_text) != KS_OK)
        return;
    iq = ks_stanza_new(ctx->arena, "iq", "set", what, ctx->domain->name, jid_text);
    out = ks_xml_add(ctx->arena, iq, NS_KONSIL_LOG, "out");
    if (ks_xml_set(ctx->arena, out, "device", device))
        ks_call(ctx, jid, out_run, iq, 0);
    else
        ctx->arena->failed = true;
}

void ks_revoked_all(struct ks_ctx *ctx, const struct ks_xml *append)
{
    for (const struct ks_xml *out = ks_xml_child(append, NS_KONSIL_LOG, "out"); out;
         out = ks_xml_next(out, NS_KONSIL_LOG, "out")) {
        struct ks_str parts[3] = { ks_xml_attr(out, "device"), KS_STR(" ") }, key;
        struct ks_jid jid;
        if (!is_number(parts[0]) || ks_jid_parse(ctx->arena, ks_xml_attr(out, "jid"), &jid) != KS_OK || !jid.local.len
            || !ks_str_eq(jid.domain, ctx->domain->name)
            || ks_jid_text(ctx->arena, ks_jid_bare(jid), &parts[2]) != KS_OK
            || ks_arena_join(ctx->arena, parts, 3, &key) != KS_OK)
            continue;
        ks_kv_put(ctx, KS_STORE_REVOKING, key, KS_STR("1"));
    }
    ks_revoked_again(ctx);
}

void ks_revoked_again(struct ks_ctx *ctx)
{
    for (const struct ks_kv *at = NULL; (at = ks_kv_next(ctx->user, KS_STORE_REVOKING, at));) {
        struct ks_str what;
        if (ks_arena_copy(ctx->arena, at->key, &what) == KS_OK)
            call_out(ctx, what);
    }
}
