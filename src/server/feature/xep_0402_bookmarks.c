/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0402_bookmarks.c -- XEP-0402 PEP Native Bookmarks, version 1.2.0, and their older forms: the list of XEP-0048 in
 * private storage (XEP-0049), and the same in a node of its own (XEP-0223).
 *
 * Bookmarks are the items of one node, and stand nowhere else but in a copy for that other node. A client that changes
 * one form changes the others; what the server changes thereby changes nothing further, so nothing goes in circles.
 * What the older forms have no place for (extensions) stays. In a protected domain a bookmark is an address and whether
 * to join: no words, and no older forms. */
#include "bookmarks.h"

#include "feature_list.h"
#include "pep.h"
#include "pep_node.h"
#include "policy.h"
#include "reactor.h"
#include "user.h"
#include "xml_reader.h"

#define NODE KS_STR(NS_BOOKMARKS)
#define OLD_NODE KS_STR(NS_BOOKMARKS_OLD)
#define OLD_ITEM KS_STR("current") /* XEP-0048 §3.1 */

/* Parts that both forms have, each in its own namespace. */
static void copy_parts(struct ks_ctx *ctx, const struct ks_xml *from, struct ks_xml *to, const char *to_ns)
{
    static const char *const attrs[] = { "name", "autojoin" }, *const children[] = { "nick", "password" };

    for (size_t i = 0; i < KS_COUNT(attrs); i++)
        if (ks_xml_attr(from, attrs[i]).ptr)
            ks_xml_set(ctx->arena, to, attrs[i], ks_xml_attr(from, attrs[i]));
    for (size_t i = 0; i < KS_COUNT(children) && to; i++) {
        const struct ks_xml *child = from->child;
        while (child && !(ks_str_eq(child->ns, from->ns) && ks_str_is(child->name, children[i])))
            child = child->next;
        if (child)
            ks_xml_add_text(ctx->arena, to, to_ns, children[i], ks_xml_text(ctx->arena, child));
    }
}

static struct ks_xml *read_item(struct ks_ctx *ctx, const struct ks_pep_item *item)
{
    struct ks_xml *payload;

    return item->payload.len && ks_xml_read(ctx->arena, item->payload, KS_STR_EMPTY, KS_STR_EMPTY, &payload) == KS_OK
            && ks_xml_is(payload, NS_BOOKMARKS, "conference")
        ? payload
        : NULL;
}

/* The address of an entry, normalised; empty: it has none. */
static struct ks_str room_of(struct ks_ctx *ctx, const struct ks_xml *entry)
{
    struct ks_str room;
    struct ks_jid jid;

    return ks_jid_parse(ctx->arena, ks_xml_attr(entry, "jid"), &jid) == KS_OK
            && ks_jid_text(ctx->arena, ks_jid_bare(jid), &room) == KS_OK
        ? room
        : KS_STR_EMPTY;
}

/* --- to the older forms (§5.3.1) --- */

bool ks_bookmarks_is_list(const struct ks_xml *element)
{
    return ks_xml_is(element, NS_BOOKMARKS_OLD, "storage");
}

static bool is_other(const struct ks_xml *child)
{
    return !ks_xml_is(child, NS_BOOKMARKS_OLD, "conference");
}

/* One that is in a list from before there were bookmarks of their own, and that nobody has set since. */
static bool has_room(struct ks_ctx *ctx, const struct ks_xml *list, struct ks_str room)
{
    for (const struct ks_xml *at = ks_xml_child(list, NS_BOOKMARKS_OLD, "conference"); at;
         at = ks_xml_next(at, NS_BOOKMARKS_OLD, "conference"))
        if (ks_str_eq(room_of(ctx, at), room))
            return true;
    return false;
}

void ks_bookmarks_fill(struct ks_ctx *ctx, struct ks_xml *list)
{
    struct ks_pep_item item = { 0 };

    while (ks_pep_item_next(ctx->user, NODE, &item)) {
        struct ks_xml *bookmark = read_item(ctx, &item), *old;
        struct ks_str jid;
        if (!bookmark || has_room(ctx, list, item.id) || ks_arena_copy(ctx->arena, item.id, &jid) != KS_OK)
            continue;
        old = ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, list, NS_BOOKMARKS_OLD, "conference"), "jid", jid);
        if (old)
            copy_parts(ctx, bookmark, old, NS_BOOKMARKS_OLD);
    }
}

/* For clients of XEP-0048 that look into its node; what else they keep there stays. */
void ks_bookmarks_copy(struct ks_ctx *ctx)
{
    struct ks_xml *list = NULL;
    struct ks_pep_item item;

    if (!ks_pep_item_find(ctx->user, OLD_NODE, OLD_ITEM, &item)
        || ks_xml_read(ctx->arena, item.payload, KS_STR_EMPTY, KS_STR_EMPTY, &list) != KS_OK
        || !ks_bookmarks_is_list(list))
        list = ks_xml_new(ctx->arena, NS_BOOKMARKS_OLD, "storage");
    if (!list)
        return;
    ks_xml_filter(list, is_other);
    ks_bookmarks_fill(ctx, list);
    ks_pep_publish_for(ctx, OLD_NODE, OLD_ITEM, list);
}

/* --- from the older forms (§5.3.2) --- */

static void take_entry(struct ks_ctx *ctx, const struct ks_xml *entry, struct ks_str room)
{
    struct ks_xml *bookmark = ks_xml_new(ctx->arena, NS_BOOKMARKS, "conference"), *known, *extensions;
    struct ks_pep_item item = { 0 };
    struct ks_str text;

    if (!bookmark)
        return;
    copy_parts(ctx, entry, bookmark, NS_BOOKMARKS);
    if (ks_pep_item_find(ctx->user, NODE, room, &item) && (known = read_item(ctx, &item))
        && (extensions = ks_xml_child(known, NS_BOOKMARKS, "extensions"))) {
        ks_xml_remove(known, extensions);
        ks_xml_graft(bookmark, extensions);
    }
    text = ks_reactor_write(ctx->reactor, bookmark, KS_STR_EMPTY);
    /* "SHOULD NOT send notifications for unchanged items" */
    if (!item.row || !ks_str_eq(text, item.payload))
        ks_pep_publish_for(ctx, NODE, room, bookmark);
}

void ks_bookmarks_take(struct ks_ctx *ctx, struct ks_xml *list)
{
    const struct ks_xml *entries[KS_BOOKMARKS_OLD_MAX];
    struct ks_str rooms[KS_BOOKMARKS_OLD_MAX], gone[KS_BOOKMARKS_OLD_MAX];
    struct ks_pep_item item = { 0 };
    size_t count = 0, gone_count = 0;

    for (const struct ks_xml *at = ks_xml_child(list, NS_BOOKMARKS_OLD, "conference"); at;
         at = ks_xml_next(at, NS_BOOKMARKS_OLD, "conference")) {
        if (count == KS_BOOKMARKS_OLD_MAX)
            return;
        entries[count] = at;
        if ((rooms[count] = room_of(ctx, at)).len)
            count++;
    }
    while (ks_pep_item_next(ctx->user, NODE, &item) && gone_count < KS_BOOKMARKS_OLD_MAX) {
        bool stays = false;
        for (size_t i = 0; i < count && !stays; i++)
            stays = ks_str_eq(rooms[i], item.id);
        if (!stays && ks_arena_copy(ctx->arena, item.id, &gone[gone_count]) == KS_OK)
            gone_count++;
    }
    for (size_t i = 0; i < gone_count; i++)
        ks_pep_retract_for(ctx, NODE, gone[i]);
    for (size_t i = 0; i < count; i++)
        take_entry(ctx, entries[i], rooms[i]);
    ks_xml_filter(list, is_other);
}

/* --- when a client changes a node --- */

static void node_changed(struct ks_ctx *ctx, struct ks_str node, const struct ks_xml *payload)
{
    if (ctx->domain->protected)
        return;
    if (ks_str_eq(node, NODE)) {
        ks_bookmarks_copy(ctx);
    } else if (ks_str_eq(node, OLD_NODE) && ks_bookmarks_is_list(payload)) {
        struct ks_xml *list = ks_xml_copy_top(ctx->arena, payload);
        if (list)
            ks_bookmarks_take(ctx, list);
    }
}

/* --- in a protected domain (doc/PROTOCOL.md §3.1) --- */

/* No words: the room's own local part as its name, and the person's as her nick. */
static bool is_wordless(struct ks_ctx *ctx, const struct ks_xml *item, const struct ks_xml *bookmark)
{
    struct ks_str name = ks_xml_attr(bookmark, "name"), room = ks_jid_split(ks_xml_attr(item, "id")).local;

    if (name.len && !ks_str_eq(name, room))
        return false;
    for (const struct ks_xml *at = bookmark->child; at; at = at->next)
        if (!ks_xml_is(at, NS_BOOKMARKS, "nick")
            || !ks_str_eq(ks_xml_text(ctx->arena, at), ks_user_jid(ctx->user).local) || ks_xml_child(at, NULL, NULL))
            return false;
    for (const struct ks_xml_attr *at = bookmark->attrs; at; at = at->next)
        if (!ks_str_is(at->name, "name") && !ks_str_is(at->name, "autojoin"))
            return false;
    return !ks_xml_attr(bookmark, "autojoin").len || ks_xml_attr(bookmark, "autojoin").len <= 5;
}

static enum ks_pass protect(struct ks_ctx *ctx, struct ks_stanza *iq)
{
    const struct ks_xml *publish = ks_xml_child(ks_xml_child(iq->xml, NS_PUBSUB, "pubsub"), NS_PUBSUB, "publish");

    if (!ctx->domain->protected || !ks_str_eq(ks_xml_attr(publish, "node"), NODE))
        return KS_PASS_ON;
    for (const struct ks_xml *item = ks_xml_child(publish, NS_PUBSUB, "item"); item;
         item = ks_xml_next(item, NS_PUBSUB, "item"))
        for (const struct ks_xml *at = ks_xml_child(item, NULL, NULL); at; at = ks_xml_next(at, NULL, NULL))
            if (!is_wordless(ctx, item, at) && ks_policy_keeps_none(ctx))
                return KS_PASS_STOP;
    return KS_PASS_ON;
}

const struct ks_feature ks_feature_bookmarks = {
    .name = "bookmarks",
    .disco_account = (const char *const[]) { NS_BOOKMARKS "#compat", NS_BOOKMARKS "#compat-pep", NULL },
    .pass = { { KS_STAGE_SEND, 1U << KS_IQ, protect } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_NODE, NS_BOOKMARKS, "conference", NS_BOOKMARKS }, { 0 } },
    .own_nodes = (const char *const[]) { NS_BOOKMARKS, NS_BOOKMARKS_OLD, NULL },
    .node_changed = node_changed,
};
