/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* room_index.c -- which rooms an account belongs to, kept at its home: so that it leaves them when it is deleted, and
 * does not enter more than it may. */
#include "room.h"

static void add_run(struct ks_ctx *ctx)
{
    struct ks_str room;

    if (ks_user_exists(ctx->user) && ks_jid_text(ctx->arena, ks_jid_bare(ctx->parcel->stanza.from), &room) == KS_OK
        && !ks_kv_get(ctx->user, KS_STORE_ROOM_OF, room).ptr)
        ks_kv_put(ctx, KS_STORE_ROOM_OF, room, KS_STR("1"));
}

static void remove_run(struct ks_ctx *ctx)
{
    struct ks_str room;

    if (ks_user_exists(ctx->user) && ks_jid_text(ctx->arena, ks_jid_bare(ctx->parcel->stanza.from), &room) == KS_OK)
        ks_kv_del(ctx, KS_STORE_ROOM_OF, room);
}

void ks_room_index(struct ks_ctx *ctx, struct ks_str bare, bool belongs)
{
    struct ks_str to;

    if (ks_arena_copy(ctx->arena, bare, &to) == KS_OK)
        ks_call(ctx, ks_jid_split(to), belongs ? add_run : remove_run,
            ks_stanza_new(ctx->arena, "message", NULL, KS_STR_EMPTY, ks_user_bare(ctx->user), to), 0);
}

/* At the room's home: the account is not there any more. All learn that she belongs to the room no more, whether she
 * was in it or not: somebody may write to those who belong to it, and to nobody else. */
static void gone(struct ks_ctx *ctx)
{
    struct ks_room_config config;
    struct ks_xml *word, *item;
    struct ks_str bare;

    if (ks_jid_text(ctx->arena, ks_jid_bare(ctx->parcel->stanza.from), &bare) != KS_OK)
        return;
    ks_room_affiliated(ctx, bare, KS_STR_EMPTY, KS_STR_EMPTY);
    ks_room_config(ctx->user, &config);
    if (config.anonymous)
        return;
    word = ks_stanza_new(ctx->arena, "message", NULL, KS_STR_EMPTY, ks_user_bare(ctx->user), KS_STR_EMPTY);
    item = ks_xml_add(ctx->arena, ks_xml_add(ctx->arena, word, NS_MUC_USER, "x"), NS_MUC_USER, "item");
    ks_xml_set(ctx->arena, item, "affiliation", KS_STR("none"));
    ks_xml_set(ctx->arena, item, "role", KS_STR("none"));
    ks_xml_set(ctx->arena, item, "jid", bare);
    ks_room_send_all(ctx, word);
}

static void gone_run(struct ks_ctx *ctx)
{
    struct ks_str bare;

    if (!ks_user_exists(ctx->user) || ks_jid_text(ctx->arena, ks_jid_bare(ctx->parcel->stanza.from), &bare) != KS_OK)
        return;
    ks_kv_del(ctx, KS_STORE_ROOM_MEMBER, bare);
    ctx->committed = gone;
}

void ks_room_account_gone(struct ks_ctx *ctx)
{
    const struct ks_kv *at = NULL;

    while ((at = ks_kv_next(ctx->user, KS_STORE_ROOM_OF, at))) {
        struct ks_str room;
        if (ks_arena_copy(ctx->arena, at->key, &room) == KS_OK)
            ks_call(ctx, ks_jid_split(room), gone_run,
                ks_stanza_new(ctx->arena, "message", NULL, KS_STR_EMPTY, ks_user_bare(ctx->user), room), 0);
    }
}

bool ks_room_index_full(struct ks_ctx *ctx, struct ks_jid room)
{
    struct ks_str bare;

    return ks_kv_count(ctx->user, KS_STORE_ROOM_OF) >= (size_t)ks_domain_number(ctx->domain, "rooms.per_account")
        && ks_jid_text(ctx->arena, ks_jid_bare(room), &bare) == KS_OK
        && !ks_kv_get(ctx->user, KS_STORE_ROOM_OF, bare).ptr;
}
