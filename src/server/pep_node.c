/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pep_node.h"

#include "dataform.h"
#include "reactor.h"

#define RECORD_VERSION 2
#define OLD_ITEMS_ALL 256 /* in records of version 1, which had the number that "max" was then */
#define GROUPS_MAX 4096

const char *const ks_pep_access_names[] = { "open", "presence", "roster", "whitelist" };
const char *const ks_pep_last_names[] = { "never", "on_sub", "on_sub_and_presence" };

static bool is_own(struct ks_str node)
{
    for (size_t i = 0; ks_features[i]; i++)
        for (const char *const *at = ks_features[i]->own_nodes; at && *at; at++)
            if (ks_str_is(node, *at))
                return true;
    return false;
}

void ks_pep_config_init(struct ks_str node, struct ks_pep_config *config)
{
    bool own = is_own(node);

    *config = (struct ks_pep_config) { .access = own ? KS_PEP_WHITELIST : KS_PEP_PRESENCE,
        .last = own ? KS_PEP_LAST_NEVER : KS_PEP_LAST_ON_SUB_AND_PRESENCE,
        .items_max = own ? KS_PEP_ITEMS_ALL : 1,
        .persist = true,
        .notify_delete = true };
}

bool ks_pep_config_suits(struct ks_str node, const struct ks_pep_config *config)
{
    return config->access == KS_PEP_WHITELIST || !is_own(node);
}

/* The index of a name; count when it is none of them. */
static size_t choice(struct ks_str text, const char *const *names, size_t count)
{
    size_t at = 0;

    while (at < count && !ks_str_is(text, names[at]))
        at++;
    return at;
}

static enum ks_err read_groups(struct ks_arena *arena, const struct ks_xml *field, struct ks_str *ret_groups)
{
    struct ks_buf groups;
    enum ks_err err;

    ks_buf_init(&groups, GROUPS_MAX);
    for (const struct ks_xml *at = ks_xml_child(field, NS_DATA, "value"); at; at = ks_xml_next(at, NS_DATA, "value")) {
        ks_buf_add(&groups, ks_xml_text(arena, at));
        ks_buf_byte(&groups, 0);
    }
    err = ks_buf_err(&groups);
    if (err == KS_OK)
        err = ks_arena_copy(arena, ks_buf_str(&groups), ret_groups);
    ks_buf_done(&groups);
    return err == KS_OK ? KS_OK : KS_ESYNTAX;
}

static enum ks_err read_field(
    struct ks_arena *arena, const struct ks_xml *field, uint32_t items_cap, struct ks_pep_config *config)
{
    /* Fields with one meaning here whatever they say: what a client asks for, it gets. */
    static const char *const harmless[] = { "FORM_TYPE", "pubsub#deliver_notifications", "pubsub#deliver_payloads",
        "pubsub#title", "pubsub#description", "pubsub#type", "pubsub#notify_config", "pubsub#notify_sub",
        "pubsub#publish_model", "pubsub#itemreply", "pubsub#presence_based_delivery", "pubsub#subscribe",
        "pubsub#max_payload_size", "pubsub#notification_type" };
    struct ks_str var = ks_xml_attr(field, "var"), value = ks_xml_text(arena, ks_xml_child(field, NS_DATA, "value"));
    uint64_t number;
    size_t at;

    if (ks_str_is(var, "pubsub#access_model")) {
        if ((at = choice(value, ks_pep_access_names, KS_PEP_ACCESS_COUNT)) == KS_PEP_ACCESS_COUNT)
            return KS_ESYNTAX;
        config->access = (enum ks_pep_access)at;
    } else if (ks_str_is(var, "pubsub#send_last_published_item")) {
        if ((at = choice(value, ks_pep_last_names, KS_PEP_LAST_COUNT)) == KS_PEP_LAST_COUNT)
            return KS_ESYNTAX;
        config->last = (enum ks_pep_last)at;
    } else if (ks_str_is(var, "pubsub#max_items")) {
        if (ks_str_is(value, "max"))
            number = KS_PEP_ITEMS_ALL;
        else if (ks_str_u64(value, UINT32_MAX, &number) != KS_OK || number > items_cap)
            return KS_ESYNTAX;
        config->items_max = number ? (uint32_t)number : 1;
    } else if (ks_str_is(var, "pubsub#persist_items")) {
        return ks_form_bool(value, &config->persist) ? KS_OK : KS_ESYNTAX;
    } else if (ks_str_is(var, "pubsub#notify_retract")) {
        return ks_form_bool(value, &config->notify_retract) ? KS_OK : KS_ESYNTAX;
    } else if (ks_str_is(var, "pubsub#notify_delete")) {
        return ks_form_bool(value, &config->notify_delete) ? KS_OK : KS_ESYNTAX;
    } else if (ks_str_is(var, "pubsub#roster_groups_allowed")) {
        return read_groups(arena, field, &config->groups);
    } else if (choice(var, harmless, KS_COUNT(harmless)) == KS_COUNT(harmless)) {
        return KS_ESYNTAX;
    }
    return KS_OK;
}

enum ks_err ks_pep_config_read(
    struct ks_arena *arena, const struct ks_xml *form, uint32_t items_cap, struct ks_pep_config *config)
{
    struct ks_pep_config read = *config;
    enum ks_err err = KS_OK;

    for (const struct ks_xml *at = ks_xml_child(form, NS_DATA, "field"); at && err == KS_OK;
         at = ks_xml_next(at, NS_DATA, "field"))
        err = read_field(arena, at, items_cap, &read);
    if (err == KS_OK)
        *config = read;
    return err;
}

bool ks_pep_config_fits(
    struct ks_arena *arena, const struct ks_xml *form, uint32_t items_cap, const struct ks_pep_config *config)
{
    struct ks_pep_config wanted = *config;

    return ks_pep_config_read(arena, form, items_cap, &wanted) == KS_OK && wanted.access == config->access
        && wanted.last == config->last && wanted.items_max == config->items_max && wanted.persist == config->persist
        && wanted.notify_retract == config->notify_retract && wanted.notify_delete == config->notify_delete
        && ks_str_eq(wanted.groups, config->groups);
}

void ks_pep_config_form(struct ks_arena *arena, struct ks_xml *form, const struct ks_pep_config *config)
{
    struct ks_str left = config->groups, group, text;
    struct ks_xml *field;
    struct ks_buf number;

    ks_form_add(arena, form, "pubsub#access_model", "list-single", ks_str_z(ks_pep_access_names[config->access]));
    ks_form_add(
        arena, form, "pubsub#send_last_published_item", "list-single", ks_str_z(ks_pep_last_names[config->last]));
    ks_buf_init(&number, 32);
    if (config->items_max == KS_PEP_ITEMS_ALL)
        ks_buf_z(&number, "max");
    else
        ks_buf_u64_dec(&number, config->items_max);
    if (ks_arena_copy(arena, ks_buf_str(&number), &text) == KS_OK)
        ks_form_add(arena, form, "pubsub#max_items", "text-single", text);
    ks_buf_done(&number);
    ks_form_add(arena, form, "pubsub#persist_items", "boolean", config->persist ? KS_STR("1") : KS_STR("0"));
    ks_form_add(arena, form, "pubsub#notify_retract", "boolean", config->notify_retract ? KS_STR("1") : KS_STR("0"));
    ks_form_add(arena, form, "pubsub#notify_delete", "boolean", config->notify_delete ? KS_STR("1") : KS_STR("0"));
    field = ks_form_add(arena, form, "pubsub#roster_groups_allowed", "list-multi", KS_STR_EMPTY);
    while (left.len && ks_str_cut(&left, 0, &group))
        if (ks_arena_copy(arena, group, &text) == KS_OK)
            ks_xml_add_text(arena, field, NS_DATA, "value", text);
}

/* --- nodes --- */

static enum ks_err decode(struct ks_str record, struct ks_pep_config *ret_config)
{
    struct ks_cursor at = ks_cursor(record);
    uint8_t version, access, last, flags;
    enum ks_err err;

    if ((err = ks_cursor_u8(&at, &version)) != KS_OK)
        return err;
    if (version < 1 || version > RECORD_VERSION)
        return KS_EVERSION;
    if ((err = ks_cursor_u8(&at, &access)) != KS_OK || (err = ks_cursor_u8(&at, &last)) != KS_OK
        || (err = ks_cursor_u32(&at, &ret_config->items_max)) != KS_OK || (err = ks_cursor_u8(&at, &flags)) != KS_OK
        || (err = ks_cursor_field(&at, &ret_config->groups)) != KS_OK)
        return err;
    if (access >= KS_PEP_ACCESS_COUNT || last >= KS_PEP_LAST_COUNT || !ret_config->items_max)
        return KS_ESYNTAX;
    if (version == 1 && ret_config->items_max == OLD_ITEMS_ALL)
        ret_config->items_max = KS_PEP_ITEMS_ALL;
    ret_config->access = access;
    ret_config->last = last;
    ret_config->persist = flags & 1;
    ret_config->notify_retract = flags & 2;
    ret_config->notify_delete = flags & 4;
    return KS_OK;
}

bool ks_pep_node_get(const struct ks_user *user, struct ks_str node, struct ks_pep_config *ret_config)
{
    struct ks_str record = node.len ? ks_kv_get(user, KS_STORE_PEP_NODE, node) : KS_STR_EMPTY;

    return record.ptr && decode(record, ret_config) == KS_OK;
}

void ks_pep_node_put(struct ks_ctx *ctx, struct ks_str node, const struct ks_pep_config *config)
{
    struct ks_buf record;

    ks_buf_init(&record, GROUPS_MAX + 64);
    ks_buf_byte(&record, RECORD_VERSION);
    ks_buf_byte(&record, (uint8_t)config->access);
    ks_buf_byte(&record, (uint8_t)config->last);
    ks_buf_u32(&record, config->items_max);
    ks_buf_byte(&record, (uint8_t)(config->persist | config->notify_retract << 1 | config->notify_delete << 2));
    ks_buf_field(&record, config->groups);
    if (ks_buf_err(&record) == KS_OK)
        ks_kv_put(ctx, KS_STORE_PEP_NODE, node, ks_buf_str(&record));
    ks_buf_done(&record);
}

size_t ks_pep_node_count(const struct ks_user *user)
{
    const struct ks_kv *row = NULL;
    size_t count = 0;

    while ((row = ks_kv_next(user, KS_STORE_PEP_NODE, row)))
        count++;
    return count;
}

/* --- rows of a node: its name, a zero byte, and the rest --- */

static struct ks_str row_key(struct ks_buf *buf, struct ks_str node, struct ks_str rest)
{
    ks_buf_init(buf, 2 * KS_PEP_NAME_MAX + 4096);
    ks_buf_add(buf, node);
    ks_buf_byte(buf, 0);
    ks_buf_add(buf, rest);
    return ks_buf_str(buf);
}

/* The next row of the node in the store, and what follows the name in its key. */
static const struct ks_kv *next_row(const struct ks_user *user, const char *store, struct ks_str node,
    const struct ks_kv *after, struct ks_str *ret_rest)
{
    const struct ks_kv *row = after;
    struct ks_kv from;
    struct ks_buf key;

    if (!row) {
        from.key = row_key(&key, node, KS_STR_EMPTY); /* sorts in front of all rows of the node */
        row = ks_kv_next(user, store, &from);
        ks_buf_done(&key);
    } else {
        row = ks_kv_next(user, store, row);
    }
    if (!row || row->key.len <= node.len || !ks_str_starts(row->key, node) || row->key.ptr[node.len] != 0)
        return NULL;
    *ret_rest = ks_str_from(row->key, node.len + 1);
    return row;
}

bool ks_pep_item_next(const struct ks_user *user, struct ks_str node, struct ks_pep_item *item)
{
    struct ks_str rest;
    struct ks_cursor at;

    while ((item->row = next_row(user, KS_STORE_PEP_ITEM, node, item->row, &rest))) {
        at = ks_cursor(item->row->value);
        if (ks_cursor_field(&at, &item->id) == KS_OK && ks_cursor_field(&at, &item->payload) == KS_OK)
            return true;
    }
    return false;
}

bool ks_pep_item_find(const struct ks_user *user, struct ks_str node, struct ks_str id, struct ks_pep_item *ret_item)
{
    struct ks_pep_item item = { 0 };

    while (ks_pep_item_next(user, node, &item))
        if (ks_str_eq(item.id, id)) {
            *ret_item = item;
            return true;
        }
    return false;
}

bool ks_pep_item_last(const struct ks_user *user, struct ks_str node, struct ks_pep_item *ret_item)
{
    struct ks_pep_item item = { 0 };
    bool there = false;

    while (ks_pep_item_next(user, node, &item)) {
        *ret_item = item;
        there = true;
    }
    return there;
}

/* Deletes a row by its key, which is copied, because the row goes. */
static void delete_row(struct ks_ctx *ctx, const char *store, const struct ks_kv *row)
{
    struct ks_buf key;

    ks_buf_init(&key, 2 * KS_PEP_NAME_MAX + 4096);
    ks_buf_add(&key, row->key);
    ks_kv_del(ctx, store, ks_buf_str(&key));
    ks_buf_done(&key);
}

bool ks_pep_item_delete(struct ks_ctx *ctx, struct ks_str node, struct ks_str id)
{
    struct ks_pep_item item;

    if (!ks_pep_item_find(ctx->user, node, id, &item))
        return false;
    delete_row(ctx, KS_STORE_PEP_ITEM, item.row);
    return true;
}

void ks_pep_item_put(
    struct ks_ctx *ctx, struct ks_str node, const struct ks_pep_config *config, struct ks_str id, struct ks_str payload)
{
    struct ks_pep_item item = { 0 };
    uint64_t number = 0, count = 0, room = (uint64_t)ks_domain_number(ctx->domain, "pep.items_max");
    struct ks_buf key, value;
    struct ks_str rest;
    uint8_t bytes[8];

    (void)ks_pep_item_delete(ctx, node, id);
    while (ks_pep_item_next(ctx->user, node, &item)) {
        struct ks_cursor at = ks_cursor(ks_str_from(item.row->key, node.len + 1));
        uint64_t last;
        count++;
        if (ks_cursor_u64(&at, &last) == KS_OK && last > number)
            number = last;
    }
    if (config->items_max < room)
        room = config->items_max;
    while (count >= (config->persist ? room : 1)) {
        const struct ks_kv *oldest = next_row(ctx->user, KS_STORE_PEP_ITEM, node, NULL, &rest);
        if (!oldest)
            break;
        delete_row(ctx, KS_STORE_PEP_ITEM, oldest);
        count--;
    }
    number++;
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    ks_buf_init(&value, 16u << 20);
    ks_buf_field(&value, id);
    ks_buf_field(&value, payload);
    (void)row_key(&key, node, ks_str(bytes, sizeof bytes));
    if (ks_buf_err(&value) == KS_OK && ks_buf_err(&key) == KS_OK)
        ks_kv_put(ctx, KS_STORE_PEP_ITEM, ks_buf_str(&key), ks_buf_str(&value));
    ks_buf_done(&key);
    ks_buf_done(&value);
}

static void delete_rows(struct ks_ctx *ctx, const char *store, struct ks_str node)
{
    const struct ks_kv *row;
    struct ks_str rest;
    size_t before;

    do {
        row = next_row(ctx->user, store, node, NULL, &rest);
        before = ctx->txn ? ctx->txn->arena.bytes : 0;
        if (row)
            delete_row(ctx, store, row);
    } while (row && ctx->txn && ctx->txn->arena.bytes > before); /* without memory nothing goes, and the txn fails */
}

void ks_pep_items_purge(struct ks_ctx *ctx, struct ks_str node)
{
    delete_rows(ctx, KS_STORE_PEP_ITEM, node);
}

void ks_pep_node_delete(struct ks_ctx *ctx, struct ks_str node)
{
    delete_rows(ctx, KS_STORE_PEP_ITEM, node);
    delete_rows(ctx, KS_STORE_PEP_SUBSCRIBER, node);
    ks_kv_del(ctx, KS_STORE_PEP_NODE, node);
}

/* --- subscribers --- */

const struct ks_kv *ks_pep_subscriber_next(
    const struct ks_user *user, struct ks_str node, const struct ks_kv *after, struct ks_str *ret_jid)
{
    return next_row(user, KS_STORE_PEP_SUBSCRIBER, node, after, ret_jid);
}

bool ks_pep_subscriber_has(const struct ks_user *user, struct ks_str node, struct ks_str jid)
{
    struct ks_buf key;
    bool there = ks_kv_get(user, KS_STORE_PEP_SUBSCRIBER, row_key(&key, node, jid)).ptr != NULL;

    ks_buf_done(&key);
    return there;
}

void ks_pep_subscriber_set(struct ks_ctx *ctx, struct ks_str node, struct ks_str jid, bool subscribed)
{
    struct ks_buf key;

    (void)row_key(&key, node, jid);
    if (ks_buf_err(&key) == KS_OK) {
        if (subscribed)
            ks_kv_put(ctx, KS_STORE_PEP_SUBSCRIBER, ks_buf_str(&key), KS_STR("1"));
        else
            ks_kv_del(ctx, KS_STORE_PEP_SUBSCRIBER, ks_buf_str(&key));
    }
    ks_buf_done(&key);
}
