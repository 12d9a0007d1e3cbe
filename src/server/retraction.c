/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "retraction.h"

#include "deletion_log.h"
#include "reactor.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define TREE_BYTES_MAX (16u << 20)

/* What the committer's thread needs to look for. */
struct sought {
    struct ks_str author;
    size_t count;
    struct ks_str ids[KS_RETRACT_IDS_MAX]; /* as they stand in a stored stanza, between their quotes */
};

/* Texts as ks_xml_write has them: a value is between two ', and has none in it. */
static bool tag_has(struct ks_str tag, struct ks_str name, struct ks_str value, bool prefix)
{
    struct ks_str before, text;

    while (ks_str_cut(&tag, '\'', &before) && ks_str_cut(&tag, '\'', &text))
        if (ks_str_ends(before, name))
            return prefix ? ks_str_starts(text, value) && (text.len == value.len || text.ptr[value.len] == '/')
                          : ks_str_eq(text, value);
    return false;
}

/* Takes at least what ks_retraction_names takes, without making a tree of it. */
static bool may_be(const void *user, const struct ks_archive_row *row)
{
    const struct sought *sought = user;
    struct ks_str tag = ks_str_head(row->stanza, ks_str_find_byte(row->stanza, '>'));
    struct ks_str rest = ks_str_from(row->stanza, tag.len), origin;

    if (!tag_has(tag, KS_STR(" from="), sought->author, true))
        return false;
    for (size_t i = 0; i < sought->count; i++)
        if (tag_has(tag, KS_STR(" id="), sought->ids[i], false))
            return true;
    while ((rest = ks_str_from(rest, ks_str_find(rest, KS_STR("<origin-id ")))).len) {
        origin = ks_str_head(rest, ks_str_find_byte(rest, '>'));
        for (size_t i = 0; i < sought->count; i++)
            if (tag_has(origin, KS_STR(" id="), sought->ids[i], false))
                return true;
        rest = ks_str_from(rest, origin.len);
    }
    return false;
}

static struct ks_str escaped(struct ks_ctx *ctx, struct ks_str text)
{
    struct ks_buf buf;
    struct ks_str copy = KS_STR_EMPTY;

    ks_buf_init(&buf, 8 * KS_RETRACT_ID_MAX);
    ks_xml_escape(&buf, text);
    if (ks_buf_err(&buf) != KS_OK || ks_arena_copy(ctx->arena, ks_buf_str(&buf), &copy) != KS_OK)
        ctx->arena->failed = true;
    ks_buf_done(&buf);
    return copy;
}

bool ks_retraction_find(
    struct ks_ctx *ctx, const struct ks_retraction *what, void (*answered)(struct ks_ctx *, struct ks_store_req *))
{
    struct sought *sought = KS_NEW(ctx->arena, struct sought);
    struct ks_page_query query = { .account = what->account,
        .with = what->with,
        .before_id = what->before_id,
        .last = true,
        .rows_max = KS_RETRACT_IDS_MAX,
        .looks_max = KS_RETRACT_LOOKS_MAX,
        .keep = may_be,
        .keep_user = sought };

    assert(what->count > 0 && what->count <= KS_RETRACT_IDS_MAX);
    if (!sought || ks_arena_copy(ctx->arena, what->author, &sought->author) != KS_OK)
        return false;
    for (size_t i = 0; i < what->count; i++)
        sought->ids[sought->count++] = escaped(ctx, what->ids[i]);
    if (ctx->arena->failed)
        return false;
    ks_ask(ctx, ks_store_page_new(&query), answered);
    return true;
}

static bool stands(const struct ks_xml *message)
{
    return ks_xml_is(message, NS_CLIENT, "message") && !ks_xml_child(message, NS_RETRACT, "retracted")
        && !ks_xml_child(message, NS_RETRACT, "retract");
}

static bool is_named(struct ks_str author, const struct ks_xml *message, struct ks_str id)
{
    struct ks_jid from = ks_jid_split(ks_xml_attr(message, "from"));

    return stands(message) && ks_jid_eq_bare(from, ks_jid_split(author))
        && (ks_str_eq(ks_xml_attr(message, "id"), id)
            || ks_str_eq(ks_xml_attr(ks_xml_child(message, NS_SID, "origin-id"), "id"), id));
}

bool ks_retraction_stands(const struct ks_archive_row *row)
{
    struct ks_arena arena;
    struct ks_xml *message;
    bool is;

    ks_arena_init(&arena, TREE_BYTES_MAX);
    is = ks_xml_read(&arena, row->stanza, KS_STR_EMPTY, KS_STR_EMPTY, &message) == KS_OK && stands(message);
    ks_arena_done(&arena);
    return is;
}

bool ks_retraction_names(struct ks_str author, const struct ks_archive_row *row, struct ks_str id)
{
    struct ks_arena arena;
    struct ks_xml *message;
    bool named;

    ks_arena_init(&arena, TREE_BYTES_MAX);
    named = ks_xml_read(&arena, row->stanza, KS_STR_EMPTY, KS_STR_EMPTY, &message) == KS_OK
        && is_named(author, message, id);
    ks_arena_done(&arena);
    return named;
}

/* An attribute of the message that stays. */
static void keep_attr(struct ks_ctx *ctx, struct ks_xml *tombstone, const struct ks_xml *message, const char *name)
{
    struct ks_str value = ks_xml_attr(message, name);

    if (value.ptr && ks_arena_copy(ctx->arena, value, &value) == KS_OK)
        ks_xml_set(ctx->arena, tombstone, name, value);
}

void ks_retraction_bury(
    struct ks_ctx *ctx, const struct ks_archive_row *row, struct ks_str retraction, struct ks_str by)
{
    static const char *const kept[] = { "from", "to", "type", "id" };
    const struct ks_deletion why = { by.len ? KS_STR("moderator") : KS_STR("author"), "retraction" };
    struct ks_xml *tombstone = ks_xml_new(ctx->arena, NS_CLIENT, "message"), *retracted, *message;
    struct ks_store_req *txn = ks_ctx_txn(ctx);
    char *stamp = ks_arena_alloc(ctx->arena, KS_STAMP_LEN + 1);
    struct ks_arena arena;
    struct ks_audit_row audit;
    struct ks_buf detail;
    struct ks_str text;

    ks_buf_init(&detail, 1000);
    ks_arena_init(&arena, TREE_BYTES_MAX);
    if (stamp && ks_xml_read(&arena, row->stanza, KS_STR_EMPTY, KS_STR_EMPTY, &message) == KS_OK) {
        for (size_t i = 0; i < KS_COUNT(kept); i++)
            keep_attr(ctx, tombstone, message, kept[i]);
        retracted = ks_xml_add(ctx->arena, tombstone, NS_RETRACT, "retracted");
        ks_xml_set(ctx->arena, retracted, "id", retraction);
        if (by.len)
            ks_xml_set(ctx->arena, retracted, "by", by);
        ks_xml_set(ctx->arena, retracted, "stamp", ks_stamp_write(ctx->now.wall_ms, stamp));
        text = ks_reactor_write(ctx->reactor, tombstone, KS_STR_EMPTY);
        if (txn && text.ptr) {
            ks_deletion_row(ctx, &why, KS_STR("archive"), 1, &detail, &audit);
            ks_store_txn_archive_replace(txn, row, text, &audit);
        } else {
            ctx->arena->failed = true;
        }
    }
    ks_arena_done(&arena);
    ks_buf_done(&detail);
}
