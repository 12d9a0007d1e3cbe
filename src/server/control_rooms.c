/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control_rooms.c -- commands on rooms. Who belongs to one is a question about people, and audited. */
#include "control.h"
#include "room.h"
#include "say.h"

static json_t *text_json(struct ks_str text)
{
    return json_stringn(text.len ? text.ptr : "", text.len);
}

/* True if it is a room that is there; answers otherwise. */
static bool exists(struct ks_ctx *ctx, struct ks_control_call *call)
{
    if (ctx->domain->parent && ks_user_exists(ctx->user))
        return true;
    ks_control_answer(call, SAY("control.no-room"), NULL);
    return false;
}

static void listed(struct ks_control_call *call, struct ks_store_req *req)
{
    json_t *rooms = json_array(), *result;

    if (req->result != KS_OK) {
        json_decref(rooms);
        ks_control_answer(call, SAY("control.store"), NULL);
        return;
    }
    for (size_t i = 0; i < req->accounts_count; i++) {
        const struct ks_account_row *row = &req->accounts[i];
        json_t *room = json_object();
        json_object_set_new(room, "local", text_json(row->local));
        json_object_set_new(room, "name", text_json(row->name));
        json_object_set_new(room, "listed", json_boolean(ks_str_is(row->department, KS_ROOM_LISTED)));
        json_object_set_new(room, "created_ms", json_integer(row->created_ms));
        if (row->state == KS_ACCOUNT_ACTIVE)
            json_array_append_new(rooms, room);
        else
            json_decref(room);
    }
    result = json_object();
    json_object_set_new(result, "rooms", rooms);
    if (req->accounts_count == KS_ACCOUNTS_ROWS_MAX)
        json_object_set_new(result, "next", text_json(req->accounts[req->accounts_count - 1].local));
    ks_control_answer(call, NULL, result);
}

static void room_list(struct ks_control_call *call)
{
    const struct ks_domain *domain = ks_config_domain(call->reactor->config, ks_control_text(call, "domain"));
    const struct ks_domain *rooms = domain ? ks_config_rooms(call->reactor->config, domain) : NULL;

    if (!rooms)
        ks_control_answer(call, SAY("control.no-domain"), NULL);
    else
        ks_control_ask(
            call, ks_store_accounts_new(rooms->name, ks_control_text(call, "after"), KS_ACCOUNTS_ROWS_MAX), listed);
}

static void show_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    struct ks_room_config config;
    json_t *result;

    if (!exists(ctx, call))
        return;
    ks_room_config(ctx->user, &config);
    result = json_object();
    json_object_set_new(result, "members_only", json_boolean(config.members_only));
    json_object_set_new(result, "listed", json_boolean(config.listed));
    json_object_set_new(result, "persistent", json_boolean(config.persistent));
    json_object_set_new(result, "archived", json_boolean(config.archived));
    json_object_set_new(result, "retention_days", json_integer((json_int_t)ks_room_days(ctx->user)));
    json_object_set_new(result, "anonymous", json_boolean(config.anonymous));
    json_object_set_new(result, "moderated", json_boolean(config.moderated));
    json_object_set_new(result, "owners", json_integer((json_int_t)ks_room_count(ctx->user, KS_OWNER)));
    json_object_set_new(result, "belong", json_integer((json_int_t)ks_kv_count(ctx->user, KS_STORE_ROOM_MEMBER)));
    json_object_set_new(result, "present", json_integer(ctx->user->room ? (json_int_t)ctx->user->room->count : 0));
    json_object_set_new(result, "created_ms", json_integer(ks_user_row(ctx->user)->created_ms));
    ks_control_answer(call, NULL, result);
}

static void room_show(struct ks_control_call *call)
{
    ks_control_at_home(call, show_at_home);
}

static void members_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    const struct ks_kv *at = NULL;
    struct ks_room_member member;
    struct ks_str bare;
    json_t *members;

    if (!exists(ctx, call))
        return;
    members = json_array();
    while (ks_room_next_member(ctx->user, &at, &bare, &member)) {
        json_t *one = json_object();
        json_object_set_new(one, "jid", text_json(bare));
        json_object_set_new(one, "affiliation", json_string(ks_affiliation_name(member.affiliation)));
        json_object_set_new(one, "since_ms", json_integer(member.since_ms));
        json_array_append_new(members, one);
    }
    ks_control_audit(ctx, call);
    ks_control_answer_durable(ctx, call, json_pack("{s:o}", "members", members));
}

static void room_members(struct ks_control_call *call)
{
    ks_control_at_home(call, members_at_home);
}

/* --- changes --- */

static void owned(struct ks_ctx *ctx)
{
    struct ks_control_call *call = ctx->parcel->user;
    struct ks_jid jid;
    struct ks_str bare;

    if (ks_jid_parse(ctx->arena, ks_control_text(call, "owner"), &jid) == KS_OK
        && ks_jid_text(ctx->arena, ks_jid_bare(jid), &bare) == KS_OK)
        ks_room_affiliated(ctx, bare, KS_STR_EMPTY, KS_STR_EMPTY);
    ks_control_answer(call, NULL, NULL);
}

/* For a room whose last owner's account is gone. All who are in it see the new one. */
static void owner_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    struct ks_room_member member;
    struct ks_str bare, nick;
    struct ks_jid jid;

    if (!exists(ctx, call))
        return;
    if (ks_jid_parse(ctx->arena, ks_control_text(call, "owner"), &jid) != KS_OK || !jid.local.len
        || !ks_config_domain(ctx->reactor->config, jid.domain)
        || ks_jid_text(ctx->arena, ks_jid_bare(jid), &bare) != KS_OK) {
        ks_control_answer(call, SAY("control.jid"), NULL);
        return;
    }
    if (call->dry_run) {
        ks_control_answer(call, NULL, NULL);
        return;
    }
    ks_room_member(ctx->user, bare, &member);
    if (member.nick.len && ks_arena_copy(ctx->arena, member.nick, &nick) == KS_OK)
        member.nick = nick;
    if (member.affiliation < KS_MEMBER)
        member.since_ms = ctx->now.wall_ms;
    member.affiliation = KS_OWNER;
    ks_room_member_put(ctx, bare, &member);
    ks_control_audit(ctx, call);
    ctx->committed = owned;
}

static void room_owner(struct ks_control_call *call)
{
    ks_control_at_home(call, owner_at_home);
}

static void shortened(struct ks_ctx *ctx)
{
    ks_control_answer(ctx->parcel->user, NULL, NULL);
}

/* What an owner asks for in the room's form becomes as much as the domain has; here a number that is too big is a
 * mistake of somebody who should know. */
static void retention_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    uint64_t days;

    if (!exists(ctx, call))
        return;
    if (!ks_room_days_read(ks_control_text(call, "days"), &days)) {
        ks_control_answer(call, SAY("control.days"), NULL);
    } else if (!ks_room_days_fit(ctx->user, days)) {
        ks_control_answer(call, SAY("control.longer"), NULL);
    } else if (call->dry_run) {
        ks_control_answer(call, NULL, NULL);
    } else {
        ks_room_days_put(ctx, days);
        ks_control_audit(ctx, call);
        ctx->committed = shortened;
    }
}

static void room_retention(struct ks_control_call *call)
{
    ks_control_at_home(call, retention_at_home);
}

static void destroyed(struct ks_ctx *ctx)
{
    struct ks_control_call *call = ctx->parcel->user;

    ks_room_tell_end(ctx, KS_STR_EMPTY, KS_STR_EMPTY);
    ks_user_reload(ctx->user);
    ks_control_answer(call, NULL, NULL);
}

static void destroy_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    if (!exists(ctx, call))
        return;
    if (call->dry_run) {
        ks_control_answer(call, NULL, NULL);
        return;
    }
    ks_room_delete(ctx);
    ks_control_audit(ctx, call);
    ctx->committed = destroyed;
}

static void room_destroy(struct ks_control_call *call)
{
    ks_control_at_home(call, destroy_at_home);
}

const struct ks_control_command ks_control_rooms[] = {
    { "room.list", KS_RIGHT_ACCOUNTS, false, "domain", "after", room_list },
    { "room.show", KS_RIGHT_ACCOUNTS, false, "jid", "", room_show },
    { "room.members", KS_RIGHT_ACCOUNTS, true, "jid", "", room_members },
    { "room.owner", KS_RIGHT_ACCOUNTS, true, "jid owner", "", room_owner, "owner" },
    { "room.retention", KS_RIGHT_ACCOUNTS, true, "jid days", "", room_retention, "days" },
    { "room.destroy", KS_RIGHT_ACCOUNTS, true, "jid", "", room_destroy },
    { NULL },
};
