/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0049_private.c -- XEP-0049 Private XML Storage, version 1.2: what a client keeps for the person's other devices.
 *
 * One row for each name and namespace. It is read and written by its owner only; to all others an account answers as
 * one that does not have this (§2.3 allows <service-unavailable/>, which does not tell who has an account here). In a
 * protected domain nothing is kept: it would be notes about contacts and names of rooms, in clear. */
#include "bookmarks.h"
#include "feature_list.h"
#include "policy.h"
#include "reactor.h"
#include "xml_reader.h"

#define STORE "private"
#define KEY_MAX 1023

/* {namespace} zero {name}; empty: longer than a key may be. */
static struct ks_str key_of(struct ks_ctx *ctx, const struct ks_xml *element)
{
    const struct ks_str parts[] = { element->ns, KS_STR("\0"), element->name };
    struct ks_str key;

    if (element->ns.len + element->name.len >= KEY_MAX || ks_arena_join(ctx->arena, parts, KS_COUNT(parts), &key))
        return KS_STR_EMPTY;
    return key;
}

/* §2.3: "namespaces beginning with 'jabber:' or 'http://jabber.org/', as well as 'vcard-temp'" are reserved; and each
 * element has one of its own. */
static bool is_storable(const struct ks_xml *element)
{
    return element->ns.len && !ks_str_starts(element->ns, KS_STR("jabber:"))
        && !ks_str_starts(element->ns, KS_STR("http://jabber.org/")) && !ks_str_is(element->ns, NS_VCARD);
}

static bool has_before(const struct ks_xml *query, const struct ks_xml *element)
{
    for (const struct ks_xml *at = ks_xml_child(query, NULL, NULL); at != element; at = ks_xml_next(at, NULL, NULL))
        if (ks_str_eq(at->name, element->name))
            return true;
    return false;
}

static void on_get(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *asked = ks_xml_child(iq->payload, NULL, NULL);
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_PRIVATE, "query"), *element = NULL;
    struct ks_str key, stored;

    if (!asked || ks_xml_next(asked, NULL, NULL)) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    if (!is_storable(asked) || !(key = key_of(ctx, asked)).len) {
        ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL);
        return;
    }
    stored = ks_kv_get(ctx->user, STORE, key);
    if (!stored.ptr || ks_xml_read(ctx->arena, stored, KS_STR_EMPTY, KS_STR_EMPTY, &element) != KS_OK)
        element = ks_xml_copy_top(ctx->arena, asked); /* empty, as it was asked for */
    if (ks_bookmarks_is_list(element) && !ctx->domain->protected)
        ks_bookmarks_fill(ctx, element);
    if (answer && element)
        ks_xml_graft(answer, element);
    ks_reply_result(ctx, answer);
}

/* What is wrong with one of the elements of a set: KS_COND_COUNT, nothing. */
static enum ks_cond judge(struct ks_ctx *ctx, const struct ks_xml *query, const struct ks_xml *element)
{
    const struct ks_xml *first = ks_xml_child(query, NULL, NULL);
    struct ks_str text;

    /* "an IQ set … MAY contain multiple elements qualified by the same namespace"; of two with one name the first would
     * be lost. */
    if (!is_storable(element) || !ks_str_eq(element->ns, first->ns) || has_before(query, element)
        || !key_of(ctx, element).len)
        return KS_NOT_ACCEPTABLE;
    text = ks_reactor_write(ctx->reactor, element, KS_STR_EMPTY);
    if (!text.ptr)
        return ctx->reactor->written.err == KS_ELIMIT ? KS_POLICY_VIOLATION : KS_RESOURCE_CONSTRAINT;
    return text.len > (size_t)ks_domain_number(ctx->domain, "private.bytes_max") ? KS_POLICY_VIOLATION : KS_COND_COUNT;
}

static void on_set(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *first = ks_xml_child(iq->payload, NULL, NULL);
    size_t rows = ks_kv_count(ctx->user, STORE);

    if (ks_policy_keeps_none(ctx))
        return;
    if (!first) {
        ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL);
        return;
    }
    for (const struct ks_xml *at = first; at; at = ks_xml_next(at, NULL, NULL)) {
        enum ks_cond cond = judge(ctx, iq->payload, at);
        if (cond == KS_COND_COUNT && !ks_kv_get(ctx->user, STORE, key_of(ctx, at)).ptr
            && ++rows > (size_t)ks_domain_number(ctx->domain, "private.items_max"))
            cond = KS_POLICY_VIOLATION;
        if (cond != KS_COND_COUNT) {
            ks_reply_error(ctx, cond, NULL);
            return;
        }
    }
    for (struct ks_xml *at = ks_xml_child(iq->payload, NULL, NULL); at; at = ks_xml_next(at, NULL, NULL)) {
        struct ks_str text;
        if (ks_bookmarks_is_list(at)) { /* XEP-0402 §5.3.2: what it keeps here is what else is in the list */
            ks_bookmarks_take(ctx, at);
            ks_bookmarks_copy(ctx);
        }
        text = ks_reactor_write(ctx->reactor, at, KS_STR_EMPTY);
        if (!text.ptr)
            ctx->arena->failed = true; /* it was written a moment ago: no memory now */
        else
            ks_kv_put(ctx, STORE, key_of(ctx, at), text);
    }
    ks_reply_result(ctx, NULL);
}

const struct ks_feature ks_feature_private = {
    .name = "private",
    .disco = (const char *const[]) { NS_PRIVATE, NULL },
    .disco_account = (const char *const[]) { NS_PRIVATE, NULL },
    .iq = { { KS_IQ_GET, NS_PRIVATE, "query", KS_TO_SELF, on_get },
        { KS_IQ_SET, NS_PRIVATE, "query", KS_TO_SELF, on_set } },
    .stores = { { STORE, KS_DATA_SETTINGS, KS_KEEP_WITH_ACCOUNT, 0,
        "What a person's programs keep for her other devices: settings, bookmarks, notes; in protected domains "
        "nothing.",
        KS_READ_OWNER } },
    .options = { { "private.bytes_max", KS_OPT_BYTES, .init = 65536, .min = 1024, .max = 524288,
                     .doc = "The largest element that a client keeps for the person's other devices (XEP-0049)." },
        { "private.items_max", KS_OPT_COUNT, .init = 100, .min = 0, .max = 10000,
            .doc = "How many of them one account may have." } },
};
