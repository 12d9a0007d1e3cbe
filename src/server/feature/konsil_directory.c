/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_directory.c -- the colleagues of the own domain (doc/PROTOCOL.md, urn:konsil:directory:0).
 *
 * Contacts come from the hospital's directory: a client asks its domain and gets a page of the active accounts, with
 * what the directory says of each. Nobody is asked for permission, and nobody outside the domain can ask. */
#include "credentials.h"
#include "feature_list.h"
#include "reactor.h"
#include "user.h"

#define PAGE_MAX 500

static void answered(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_KONSIL_DIRECTORY, "query");
    struct ks_str last = KS_STR_EMPTY;

    if (req->result != KS_OK) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    for (size_t i = 0; i < req->accounts_count; i++) {
        const struct ks_account_row *row = &req->accounts[i];
        struct ks_jid jid = { row->local, row->domain, KS_STR_EMPTY };
        struct ks_str text;
        struct ks_xml *item;
        if (ks_arena_copy(ctx->arena, row->local, &last) != KS_OK) {
            ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
            return;
        }
        if (row->state != KS_ACCOUNT_ACTIVE || ks_jid_text(ctx->arena, jid, &text) != KS_OK)
            continue;
        const struct {
            const char *name;
            struct ks_str value;
        } facts[] = { { "name", row->name }, { "department", row->department }, { "profession", row->profession } };
        item = ks_xml_add(ctx->arena, query, NS_KONSIL_DIRECTORY, "item");
        ks_xml_set(ctx->arena, item, "jid", text);
        for (size_t fact = 0; fact < KS_COUNT(facts); fact++)
            /* One that an older konsild took and nobody could be shown does not hide the others. */
            if (facts[fact].value.len && ks_account_text_ok(facts[fact].value)
                && ks_arena_copy(ctx->arena, facts[fact].value, &text) == KS_OK)
                ks_xml_set(ctx->arena, item, facts[fact].name, text);
    }
    /* The reply is sent while req is alive, but written after it is freed: everything was copied above. */
    if (req->accounts_count == PAGE_MAX)
        ks_xml_set(ctx->arena, query, "next", last);
    ks_reply_result(ctx, query);
}

static void on_query(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    if (!ks_str_eq(iq->to.domain, ks_user_jid(ctx->user).domain)) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
        return;
    }
    ks_ask(ctx, ks_store_accounts_new(ks_user_jid(ctx->user).domain, ks_xml_attr(iq->payload, "after"), PAGE_MAX),
        answered);
}

const struct ks_feature ks_feature_directory = {
    .name = "directory",
    .disco = (const char *const[]) { NS_KONSIL_DIRECTORY, NULL },
    .iq = { { KS_IQ_GET, NS_KONSIL_DIRECTORY, "query", KS_TO_DOMAIN, on_query } },
    .stores = { { "account", KS_DATA_CONTACTS, KS_KEEP_WITH_ACCOUNT, 0,
                    "Name, department and profession, as the hospital's directory has them, for colleagues to see.",
                    KS_READ_DOMAIN | KS_READ_ADMINS, KS_IN_ACCOUNTS },
        { KS_STORE_CREDENTIALS, KS_DATA_CREDENTIALS, KS_KEEP_WITH_ACCOUNT, 0,
            "Keys to check a password with; not the password.", KS_READ_NOBODY } },
};
