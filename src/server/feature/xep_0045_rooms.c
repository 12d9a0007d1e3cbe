/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0045_rooms.c -- XEP-0045 Multi-User Chat, version 1.34.6: the service and its rooms as clients find them (§6),
 * and what nobody may say of himself on the way to one. What happens in a room is in src/server/room*.c.
 *
 * A service is an item of its domain (§6.1). Rooms are listed if their owners said so; in protected domains none are,
 * and who does not belong to one there is not told whether it exists. */
#include "dataform.h"
#include "disco.h"
#include "feature_list.h"
#include "room.h"

#define ITEMS_MAX 200

/* --- on the way there, at the sender's home --- */

static bool is_to_room(const struct ks_ctx *ctx, const struct ks_stanza *stanza)
{
    const struct ks_domain *host = stanza->has_to ? ks_config_host(ctx->reactor->config, stanza->to.domain) : NULL;

    return host && host->parent;
}

/* What only a room says: of its occupants, and in the name of those who invite. */
static bool is_no_rooms(const struct ks_xml *child)
{
    return !ks_str_is(child->ns, NS_MUC_USER) && !ks_xml_is(child, NS_OCCUPANT_ID, "occupant-id")
        && !ks_xml_is(child, NS_HATS, "hats");
}

static enum ks_pass no_forgery(struct ks_ctx *ctx, struct ks_stanza *stanza)
{
    if (!is_to_room(ctx, stanza))
        ks_xml_filter(stanza->xml, is_no_rooms);
    return KS_PASS_ON;
}

/* XEP-0317: what the directory says of a person, beside her nick in the room; nobody gives himself a hat. */
static void add_hat(struct ks_ctx *ctx, struct ks_xml *hats, const char *uri, struct ks_str title)
{
    struct ks_xml *hat;

    if (!title.len || !ks_account_text_ok(title) || ks_arena_copy(ctx->arena, title, &title) != KS_OK)
        return;
    hat = ks_xml_add(ctx->arena, hats, NS_HATS, "hat");
    ks_xml_set(ctx->arena, hat, "title", title);
    ks_xml_set(ctx->arena, hat, "uri", ks_str_z(uri));
}

static bool is_no_hat(const struct ks_xml *child)
{
    return !ks_xml_is(child, NS_HATS, "hats");
}

static enum ks_pass enter(struct ks_ctx *ctx, struct ks_stanza *presence)
{
    const struct ks_account_row *row = ks_user_row(ctx->user);
    struct ks_xml *hats;

    if (!is_to_room(ctx, presence))
        return KS_PASS_ON;
    ks_xml_filter(presence->xml, is_no_hat); /* nor with her last word */
    if (presence->type != KS_TYPE_NONE)
        return KS_PASS_ON;
    /* Also without <x/>, by which older clients make rooms. */
    if (ks_room_index_full(ctx, presence->to)) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return KS_PASS_STOP;
    }
    if (row->profession.len || row->department.len) {
        hats = ks_xml_add(ctx->arena, presence->xml, NS_HATS, "hats");
        add_hat(ctx, hats, "urn:konsil:hats:profession", row->profession);
        add_hat(ctx, hats, "urn:konsil:hats:department", row->department);
    }
    return KS_PASS_ON;
}

/* --- the service (§6.1 to §6.3) --- */

/* §18.1.1: nobody is told which namespaces a room takes. */
static void no_such_node(struct ks_ctx *ctx, struct ks_str node)
{
    ks_reply_error(ctx, ks_str_is(node, NS_MUC_TRAFFIC) ? KS_FEATURE_NOT_IMPLEMENTED : KS_ITEM_NOT_FOUND, NULL);
}

static void on_service_info(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_DISCO_INFO, "query");

    if (ks_xml_attr(iq->payload, "node").len) {
        no_such_node(ctx, ks_xml_attr(iq->payload, "node"));
        return;
    }
    ks_disco_identity(ctx->arena, query, "conference", "text", "konsil");
    ks_disco_add(ctx->arena, query, NS_DISCO_INFO);
    ks_disco_add(ctx->arena, query, NS_DISCO_ITEMS);
    ks_disco_add(ctx->arena, query, NS_MUC);
    ks_disco_add(ctx->arena, query, NS_KONSIL_ROOM);
    if (!ks_config_host(ctx->reactor->config, iq->to.domain)->protected)
        ks_disco_add(ctx->arena, query, NS_VCARD); /* XEP-0486 §3.1 */
    ks_reply_result(ctx, query);
}

/* A listed room's account row says so, so that nobody has to read all of them. */
static void listed(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_DISCO_ITEMS, "query");

    for (size_t i = 0; req->result == KS_OK && i < req->accounts_count; i++) {
        const struct ks_account_row *row = &req->accounts[i];
        struct ks_str jid, name;
        if (row->state != KS_ACCOUNT_ACTIVE || !ks_str_is(row->department, KS_ROOM_LISTED)
            || ks_jid_text(ctx->arena, (struct ks_jid) { row->local, row->domain, KS_STR_EMPTY }, &jid) != KS_OK
            || ks_arena_copy(ctx->arena, row->name.len ? row->name : row->local, &name) != KS_OK)
            continue;
        struct ks_xml *item = ks_xml_add(ctx->arena, query, NS_DISCO_ITEMS, "item");
        ks_xml_set(ctx->arena, item, "jid", jid);
        ks_xml_set(ctx->arena, item, "name", name);
    }
    if (req->result == KS_OK)
        ks_reply_result(ctx, query);
    else
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
}

static void on_service_items(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_domain *service = ks_config_host(ctx->reactor->config, iq->to.domain);
    struct ks_str after =
        ks_xml_text(ctx->arena, ks_xml_child(ks_xml_child(iq->payload, NS_RSM, "set"), NS_RSM, "after"));

    if (ks_xml_attr(iq->payload, "node").len)
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
    else if (service->protected)
        ks_reply_result(ctx, ks_xml_new(ctx->arena, NS_DISCO_ITEMS, "query"));
    else
        ks_ask(ctx,
            ks_store_accounts_new(
                service->name, ks_jid_split(after.len ? after : KS_STR("@")).local, KS_ACCOUNTS_ROWS_MAX),
            listed);
}

/* --- a room (§6.4, §6.5) --- */

static void add_number(struct ks_ctx *ctx, struct ks_xml *form, const char *var, uint64_t value)
{
    struct ks_str text;
    struct ks_buf buf;

    ks_buf_init(&buf, 32);
    ks_buf_u64_dec(&buf, value);
    if (ks_arena_copy(ctx->arena, ks_buf_str(&buf), &text) == KS_OK)
        ks_form_add(ctx->arena, form, var, "text-single", text);
    ks_buf_done(&buf);
}

static void add_info(struct ks_ctx *ctx, const struct ks_room_config *config, struct ks_xml *query)
{
    const char *const features[] = {
        config->password.len ? "muc_passwordprotected" : "muc_unsecured",
        config->listed ? "muc_public" : "muc_hidden",
        config->persistent ? "muc_persistent" : "muc_temporary",
        config->members_only ? "muc_membersonly" : "muc_open",
        config->moderated ? "muc_moderated" : "muc_unmoderated",
        config->anonymous ? "muc_semianonymous" : "muc_nonanonymous",
        NS_DISCO_INFO,
        NS_DISCO_ITEMS,
        NS_MUC,
        NS_MUC_STABLE_ID,
        NS_MUC_SELF_PING,
        NS_OCCUPANT_ID,
        NS_HATS,
        NS_SID,
    };
    const struct ks_room *room = ctx->user->room;
    struct ks_str text;

    struct ks_xml *identity = ks_xml_add(ctx->arena, query, NS_DISCO_INFO, "identity");
    ks_xml_set(ctx->arena, identity, "category", KS_STR("conference"));
    ks_xml_set(ctx->arena, identity, "type", KS_STR("text"));
    /* COMPAT(Profanity, 0.13): without a name that program ends; a room that has none is called by its address. */
    if (ks_arena_copy(ctx->arena, config->name.len ? config->name : ks_user_jid(ctx->user).local, &text) == KS_OK)
        ks_xml_set(ctx->arena, identity, "name", text);
    for (size_t i = 0; i < KS_COUNT(features); i++)
        ks_disco_add(ctx->arena, query, features[i]);
    for (size_t i = 0; ks_features[i]; i++)
        for (const char *const *name = ks_features[i]->disco_room; name && *name; name++)
            ks_disco_add(ctx->arena, query, *name);
    if (!ctx->domain->protected)
        ks_disco_add(ctx->arena, query, NS_VCARD); /* XEP-0486 §3.1 */
    struct ks_xml *form = ks_form_new(ctx->arena, "result", NS_MUC_ROOMINFO);
    if (ks_arena_copy(ctx->arena, config->description, &text) == KS_OK)
        ks_form_add(ctx->arena, form, "muc#roominfo_description", "text-single", text.ptr ? text : KS_STR(""));
    add_number(ctx, form, "muc#roominfo_occupants", room ? room->count : 0);
    ks_form_add(
        ctx->arena, form, "muc#roominfo_subjectmod", "boolean", config->subject_by_all ? KS_STR("1") : KS_STR("0"));
    if (config->archived)
        add_number(ctx, form, "konsil#retention", ks_room_days(ctx->user));
    if (ks_arena_copy(ctx->arena, ks_room_avatar_id(ctx->user), &text) == KS_OK && text.len)
        ks_form_add(ctx->arena, form, "muc#roominfo_avatarhash", "text-multi", text); /* XEP-0486 §3.3 */
    ks_xml_graft(query, form);
}

/* In a protected domain a room is a fact about those who belong to it. */
static bool may_know(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_str bare;

    if (!ctx->domain->protected)
        return true;
    return ks_jid_text(ctx->arena, ks_jid_bare(iq->from), &bare) == KS_OK
        && ks_room_affiliation(ctx->user, bare) >= KS_MEMBER;
}

static void on_room_info(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_str node = ks_xml_attr(iq->payload, "node"), bare, nick;
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_DISCO_INFO, "query");
    struct ks_room_config config;
    struct ks_room_member member;

    if (!may_know(ctx, iq)) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
        return;
    }
    if (node.len && !ks_str_is(node, "x-roomuser-item")) {
        no_such_node(ctx, node);
        return;
    }
    if (node.len) { /* §6.6: the nick that is reserved for her */
        ks_xml_set(ctx->arena, query, "node", node);
        if (ks_jid_text(ctx->arena, ks_jid_bare(iq->from), &bare) == KS_OK) {
            ks_room_member(ctx->user, bare, &member);
            if (member.nick.len && ks_arena_copy(ctx->arena, member.nick, &nick) == KS_OK) {
                struct ks_xml *identity = ks_xml_add(ctx->arena, query, NS_DISCO_INFO, "identity");
                ks_xml_set(ctx->arena, identity, "category", KS_STR("conference"));
                ks_xml_set(ctx->arena, identity, "type", KS_STR("text"));
                ks_xml_set(ctx->arena, identity, "name", nick);
            }
        }
    } else {
        ks_room_config(ctx->user, &config);
        add_info(ctx, &config, query);
    }
    ks_reply_result(ctx, query);
}

/* §6.5: who is in it is told to those who are. */
static void on_room_items(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_DISCO_ITEMS, "query");
    const struct ks_room *room = ctx->user->room;

    if (!may_know(ctx, iq) || ks_xml_attr(iq->payload, "node").len) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
        return;
    }
    if (ks_room_seat_of(ctx, iq->from))
        for (KS_LIST_EACH(&room->occupants, at)) {
            struct ks_xml *item = ks_xml_add(ctx->arena, query, NS_DISCO_ITEMS, "item");
            ks_xml_set(
                ctx->arena, item, "jid", ks_room_nick_jid(ctx, KS_CONTAINER(at, struct ks_occupant, link)->nick));
        }
    ks_reply_result(ctx, query);
}

static void on_service_ping(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    (void)iq;
    ks_reply_result(ctx, NULL);
}

static void on_room_ping(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    if (may_know(ctx, iq))
        ks_reply_result(ctx, NULL);
    else
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
}

/* XEP-0317 makes and gives hats by commands. Here they are what the hospital certifies of a person, so a room has no
 * command for them, and none at all, for whoever asks (XEP-0050 §4.4). */
static void on_room_command(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    (void)iq;
    ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
}

const struct ks_feature ks_feature_rooms = {
    .name = "rooms",
    .iq = { { KS_IQ_GET, NS_DISCO_INFO, "query", KS_TO_ROOMS, on_service_info },
        { KS_IQ_GET, NS_DISCO_ITEMS, "query", KS_TO_ROOMS, on_service_items },
        { KS_IQ_GET, NS_DISCO_INFO, "query", KS_TO_ROOM, on_room_info },
        { KS_IQ_GET, NS_DISCO_ITEMS, "query", KS_TO_ROOM, on_room_items },
        { KS_IQ_GET, NS_PING, "ping", KS_TO_ROOMS, on_service_ping },
        { KS_IQ_GET, NS_PING, "ping", KS_TO_ROOM, on_room_ping },
        { KS_IQ_SET, NS_COMMANDS, "command", KS_TO_ROOM, on_room_command } },
    .pass = { { KS_STAGE_CLEAN, 1U << KS_MESSAGE | 1U << KS_PRESENCE, no_forgery },
        { KS_STAGE_SEND, 1U << KS_PRESENCE, enter } },
    .stores = { { KS_STORE_ROOM, KS_DATA_SETTINGS, KS_KEEP_WITH_ACCOUNT, 0,
                    "What a room is like, and what it is about; in protected domains not the latter.",
                    KS_READ_CONTACTS | KS_READ_ADMINS },
        { KS_STORE_ROOM_MEMBER, KS_DATA_CONTACTS, KS_KEEP_WITH_ACCOUNT, 0,
            "Who belongs to a room, since when, and under which name there.", KS_READ_CONTACTS | KS_READ_ADMINS },
        { KS_STORE_ROOM_OF, KS_DATA_CONTACTS, KS_KEEP_WITH_ACCOUNT, 0,
            "Which rooms an account belongs to, so that it leaves them when it is deleted.", KS_READ_NOBODY } },
    .options = { { "rooms.create", KS_OPT_BOOL, .init = 1, .min = 0, .max = 1,
                     .doc = "Whether the domain's accounts may make rooms." },
        { "rooms.occupants_max", KS_OPT_COUNT, .init = 1000, .min = 2, .max = 10000,
            .doc = "People who may be in one room at a time." },
        { "rooms.members_max", KS_OPT_COUNT, .init = 2000, .min = 2, .max = 20000,
            .doc = "Accounts that a room may list: owners, members, and those who are banned." },
        { "rooms.per_account", KS_OPT_COUNT, .init = 1000, .min = 1, .max = 10000,
            .doc = "Rooms that an account may belong to; it enters no further ones." },
        { "rooms.nick_bytes", KS_OPT_COUNT, .init = 256, .min = 16, .max = 1023, .doc = "Bytes of a nick in a room." },
        { "rooms.history", KS_OPT_COUNT, .init = 25, .min = 0, .max = 200,
            .doc = "Messages that who enters a room is sent at most; clients that fetch its archive ask for none." } },
};
