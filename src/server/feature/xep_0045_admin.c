/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0045_admin.c -- XEP-0045 §8, §9, §10.3 to §10.8: roles and affiliations, and who may change whose.
 *
 * A request is done as a whole or not at all. A change of somebody who is not in the room is told to those who are, so
 * that nobody is added silently, and to herself by a message to her account. */
#include "feature_list.h"
#include "room.h"

#define ITEMS_MAX 500

struct change {
    struct ks_str bare; /* whose affiliation; or */
    struct ks_str nick; /* whose role */
    enum ks_affiliation from, to;
    enum ks_role role;
    bool is_role;
    struct ks_str reserved, reason; /* reserved: a nick, ptr NULL if none is said */
};

struct changes {
    struct ks_str actor_nick, actor_bare; /* the nick is empty if the actor is not in the room, or hidden */
    size_t count;
    struct change all[];
};

struct actor {
    struct ks_str bare;
    enum ks_affiliation affiliation;
    enum ks_role role;
    struct ks_occupant *occupant;
};

static bool actor_of(struct ks_ctx *ctx, const struct ks_stanza *iq, struct actor *ret_actor)
{
    struct ks_seat *seat = ks_room_seat_of(ctx, iq->from);

    *ret_actor =
        (struct actor) { .occupant = seat ? seat->occupant : NULL, .role = seat ? seat->occupant->role : KS_NO_ROLE };
    if (ks_jid_text(ctx->arena, ks_jid_bare(iq->from), &ret_actor->bare) != KS_OK)
        return false;
    ret_actor->affiliation = ks_room_affiliation(ctx->user, ret_actor->bare);
    return true;
}

/* --- lists --- */

static void add_member(
    struct ks_ctx *ctx, struct ks_xml *query, struct ks_str bare, const struct ks_room_member *member)
{
    struct ks_xml *item = ks_xml_add(ctx->arena, query, NS_MUC_ADMIN, "item");
    struct ks_str nick;

    ks_xml_set(ctx->arena, item, "affiliation", ks_str_z(ks_affiliation_name(member->affiliation)));
    if (ks_arena_copy(ctx->arena, bare, &bare) == KS_OK)
        ks_xml_set(ctx->arena, item, "jid", bare);
    if (member->nick.len && ks_arena_copy(ctx->arena, member->nick, &nick) == KS_OK)
        ks_xml_set(ctx->arena, item, "nick", nick);
}

/* Where all know each other's addresses, members may know to whom they write: an author encrypts to all of them. */
static bool may_list(const struct ks_room_config *config, const struct actor *actor, enum ks_affiliation affiliation)
{
    if (actor->affiliation >= KS_ADMIN)
        return actor->affiliation == KS_OWNER || affiliation < KS_ADMIN || !config->anonymous; /* §10.5, §10.8 */
    return affiliation >= KS_MEMBER && !config->anonymous
        && (actor->affiliation == KS_MEMBER || (!config->members_only && actor->role >= KS_PARTICIPANT));
}

static void list_affiliation(struct ks_ctx *ctx, const struct actor *actor, enum ks_affiliation affiliation)
{
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_MUC_ADMIN, "query");
    const struct ks_kv *at = NULL;
    struct ks_room_config config;
    struct ks_room_member member;
    struct ks_str bare;

    ks_room_config(ctx->user, &config);
    if (!may_list(&config, actor, affiliation)) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL); /* §9.2, §9.5, §10.5, §10.8 */
        return;
    }
    while (ks_room_next_member(ctx->user, &at, &bare, &member))
        if (member.affiliation == affiliation)
            add_member(ctx, query, bare, &member);
    ks_reply_result(ctx, query);
}

static void list_role(struct ks_ctx *ctx, const struct actor *actor, enum ks_role role)
{
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_MUC_ADMIN, "query");
    const struct ks_room *room = ctx->user->room;

    /* §8.5: a moderator; §9.8: an admin, who need not be there. */
    if (actor->role < KS_MODERATOR && actor->affiliation < KS_ADMIN) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
        return;
    }
    for (KS_LIST_EACH(&room->occupants, at)) {
        struct ks_occupant *occupant = KS_CONTAINER(at, struct ks_occupant, link);
        struct ks_str jid = KS_CONTAINER(occupant->seats.prev, struct ks_seat, link)->jid, nick;
        if (occupant->role != role || ks_arena_copy(ctx->arena, jid, &jid) != KS_OK
            || ks_arena_copy(ctx->arena, occupant->nick, &nick) != KS_OK)
            continue;
        struct ks_xml *item = ks_xml_add(ctx->arena, query, NS_MUC_ADMIN, "item");
        ks_xml_set(ctx->arena, item, "affiliation",
            ks_str_z(ks_affiliation_name(ks_room_affiliation(ctx->user, occupant->bare))));
        ks_xml_set(ctx->arena, item, "role", ks_str_z(ks_role_name(role)));
        ks_xml_set(ctx->arena, item, "jid", jid);
        ks_xml_set(ctx->arena, item, "nick", nick);
    }
    ks_reply_result(ctx, query);
}

static void on_get(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *item = ks_xml_child(iq->payload, NS_MUC_ADMIN, "item");
    struct ks_str affiliation_text = ks_xml_attr(item, "affiliation"), role_text = ks_xml_attr(item, "role");
    enum ks_affiliation affiliation;
    struct actor actor;
    enum ks_role role;

    if (!actor_of(ctx, iq, &actor))
        return;
    if (affiliation_text.ptr && ks_affiliation_read(affiliation_text, &affiliation) && affiliation != KS_NO_AFFILIATION)
        list_affiliation(ctx, &actor, affiliation);
    else if (role_text.ptr && ks_role_read(role_text, &role) && role != KS_NO_ROLE)
        list_role(ctx, &actor, role);
    else
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
}

/* --- who may change whom: each KS_COND_COUNT, or what the actor is answered --- */

static enum ks_cond judge_affiliation(
    const struct ks_ctx *ctx, const struct actor *actor, const struct change *change, size_t owners_left)
{
    if (actor->affiliation < KS_ADMIN)
        return KS_FORBIDDEN;
    if (ks_room_is_stated(ctx->user))
        return KS_NOT_ALLOWED; /* its owners sign who belongs to it */
    if (actor->affiliation < KS_OWNER && (change->from >= KS_ADMIN || change->to >= KS_ADMIN))
        return change->to == KS_OUTCAST ? KS_NOT_ALLOWED : KS_FORBIDDEN; /* §9.1; §10.3 to §10.8 */
    if (change->to == KS_OUTCAST && ks_str_eq(change->bare, actor->bare))
        return KS_CONFLICT; /* §9.1: "attempts to ban himself" */
    if (change->from == KS_OWNER && change->to != KS_OWNER && owners_left == 0)
        return KS_CONFLICT; /* §10.4: the last owner */
    if (change->from == KS_NO_AFFILIATION && change->to != KS_NO_AFFILIATION
        && ks_kv_count(ctx->user, KS_STORE_ROOM_MEMBER) >= (size_t)ks_domain_number(ctx->domain, "rooms.members_max"))
        return KS_RESOURCE_CONSTRAINT;
    return KS_COND_COUNT;
}

static enum ks_cond judge_role(
    struct ks_ctx *ctx, const struct actor *actor, const struct change *change, const struct ks_occupant *occupant)
{
    enum ks_affiliation of = ks_room_affiliation(ctx->user, occupant->bare);

    if (actor->role < KS_MODERATOR && actor->affiliation < KS_ADMIN)
        return KS_FORBIDDEN; /* §8.2 to §8.4 */
    if (change->role == KS_MODERATOR)
        return actor->affiliation >= KS_ADMIN ? KS_COND_COUNT : KS_FORBIDDEN; /* §9.6 */
    if (of >= KS_ADMIN && (change->role != KS_NO_ROLE || of >= actor->affiliation))
        return KS_NOT_ALLOWED; /* §8.2, §8.4, §9.7 */
    if (of > actor->affiliation || (of == KS_MEMBER && of == actor->affiliation && change->role == KS_VISITOR))
        return KS_NOT_ALLOWED; /* §8.2; §8.4: "at or above the moderator's level" */
    if (occupant->role == KS_MODERATOR && change->role != KS_NO_ROLE && actor->affiliation < KS_ADMIN)
        return KS_FORBIDDEN; /* §9.7 */
    return KS_COND_COUNT;
}

/* --- what is asked for --- */

static enum ks_cond read_item(
    struct ks_ctx *ctx, const struct actor *actor, const struct ks_xml *item, struct change *change)
{
    struct ks_str role = ks_xml_attr(item, "role"), affiliation = ks_xml_attr(item, "affiliation");
    const struct ks_occupant *occupant;
    struct ks_jid jid;

    *change = (struct change) { .nick = ks_xml_attr(item, "nick") };
    if (role.ptr && affiliation.ptr)
        return KS_BAD_REQUEST;   /* §17.4 */
    if (!ctx->domain->protected) /* there a reason would be words in clear */
        change->reason = ks_xml_text(ctx->arena, ks_xml_child(item, NS_MUC_ADMIN, "reason"));
    occupant = change->nick.len ? ks_room_nick(ctx->user->room, change->nick) : NULL;
    if (affiliation.ptr) {
        struct ks_str text = ks_xml_attr(item, "jid");
        if (!ks_affiliation_read(affiliation, &change->to))
            return KS_BAD_REQUEST;
        if (!text.ptr && occupant)
            text = occupant->bare; /* §9.1: by the nick of who is there */
        else
            change->reserved = change->nick;
        if (!text.ptr)
            return KS_BAD_REQUEST;
        if (ks_jid_parse(ctx->arena, text, &jid) != KS_OK)
            return KS_JID_MALFORMED;
        if (!jid.local.len || !ks_config_domain(ctx->reactor->config, jid.domain))
            return KS_ITEM_NOT_FOUND;
        if (ks_jid_text(ctx->arena, ks_jid_bare(jid), &change->bare) != KS_OK)
            return KS_RESOURCE_CONSTRAINT;
        change->from = ks_room_affiliation(ctx->user, change->bare);
        size_t owners = ks_room_count(ctx->user, KS_OWNER);
        enum ks_cond cond = judge_affiliation(ctx, actor, change, owners ? owners - 1 : 0);
        if (cond == KS_COND_COUNT && change->reserved.len && change->to >= KS_MEMBER) /* as she would (§7.10) */
            cond = ks_room_nick_read(ctx, change->reserved, change->bare, &change->reserved);
        return cond;
    }
    change->is_role = true;
    if (!role.ptr || !ks_role_read(role, &change->role))
        return KS_BAD_REQUEST;
    if (!occupant)
        return change->nick.len ? KS_ITEM_NOT_FOUND : KS_BAD_REQUEST;
    return judge_role(ctx, actor, change, occupant);
}

static void write_member(struct ks_ctx *ctx, const struct change *change)
{
    struct ks_room_member member;
    struct ks_str nick;

    ks_room_member(ctx->user, change->bare, &member);
    if (member.nick.len) { /* it lies in the row that is replaced */
        if (ks_arena_copy(ctx->arena, member.nick, &nick) != KS_OK)
            return;
        member.nick = nick;
    }
    if (member.affiliation < KS_MEMBER)
        member.since_ms = ctx->now.wall_ms;
    member.affiliation = change->to;
    if (change->reserved.ptr)
        member.nick = change->reserved;
    if (change->to < KS_MEMBER)
        member.nick = KS_STR_EMPTY;
    ks_room_member_put(ctx, change->bare, &member);
}

/* --- what follows: all is durable --- */

static bool is_there(const struct ks_room *room, struct ks_str bare)
{
    if (room)
        for (KS_LIST_EACH(&room->occupants, at))
            if (ks_str_eq(KS_CONTAINER(at, struct ks_occupant, link)->bare, bare))
                return true;
    return false;
}

/* §9.3, §10.3: a message of the room that says what somebody is now. */
static struct ks_xml *word_of(struct ks_ctx *ctx, const struct change *change)
{
    struct ks_xml *message =
        ks_stanza_new(ctx->arena, "message", NULL, KS_STR_EMPTY, ks_user_bare(ctx->user), KS_STR_EMPTY);
    struct ks_xml *x = ks_xml_add(ctx->arena, message, NS_MUC_USER, "x");
    struct ks_xml *item = ks_xml_add(ctx->arena, x, NS_MUC_USER, "item");

    ks_xml_set(ctx->arena, item, "affiliation", ks_str_z(ks_affiliation_name(change->to)));
    ks_xml_set(ctx->arena, item, "role", KS_STR("none"));
    ks_xml_set(ctx->arena, item, "jid", change->bare);
    if (change->reason.len)
        ks_xml_add_text(ctx->arena, item, NS_MUC_USER, "reason", change->reason);
    return message;
}

static bool sees_jids(struct ks_seat *seat, void *user)
{
    return ks_room_sees_jids(user, seat);
}

static void tell(struct ks_ctx *ctx, const struct changes *changes, const struct change *change)
{
    struct ks_room_config config;
    struct ks_piece piece;
    struct ks_xml *message;

    if (change->from == change->to || is_there(ctx->user->room, change->bare))
        return;
    ks_room_config(ctx->user, &config);
    piece = ks_room_piece(ctx, word_of(ctx, change));
    ks_room_fan(ctx, &piece, sees_jids, &config);
    message = word_of(ctx, change);
    ks_xml_set(ctx->arena, message, "to", change->bare);
    ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, ks_xml_child(message, NS_MUC_USER, "x"), NS_MUC_USER, "status"),
        "code", KS_STR("101")); /* §18.1 */
    if (change->to >= KS_MEMBER && change->from < KS_MEMBER)
        ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, ks_xml_child(message, NS_MUC_USER, "x"), NS_MUC_USER, "invite"),
            "from", config.anonymous ? ks_user_bare(ctx->user) : changes->actor_bare);
    ks_xml_add(ctx->arena, message, NS_HINTS, "store"); /* into her archive: she may be away */
    ks_send(ctx, message);
}

static void changed(struct ks_ctx *ctx)
{
    const struct changes *changes = ctx->parcel->user;

    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->all[i];
        struct ks_occupant *occupant = change->is_role ? ks_room_nick(ctx->user->room, change->nick) : NULL;
        if (!change->is_role) {
            tell(ctx, changes, change); /* before she is shown the door */
            ks_room_affiliated(ctx, change->bare, changes->actor_nick, change->reason);
        } else if (occupant) {
            ks_room_set_role(ctx, occupant, change->role, changes->actor_nick, change->reason);
        }
    }
}

/* Whether a change reserves a nick that one before it reserves for somebody else. */
static bool is_promised(const struct changes *changes, const struct change *change)
{
    for (const struct change *at = changes->all; at < change; at++)
        if (change->reserved.len && change->to >= KS_MEMBER && at->to >= KS_MEMBER
            && ks_str_eq(at->reserved, change->reserved) && !ks_str_eq(at->bare, change->bare))
            return true;
    return false;
}

static void on_set(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct changes *changes = ks_arena_zero(ctx->arena, sizeof *changes + ITEMS_MAX * sizeof changes->all[0]);
    enum ks_cond cond = KS_COND_COUNT;
    size_t owners_gone = 0, owners = ks_room_count(ctx->user, KS_OWNER), owners_new = 0;
    struct actor actor;

    if (!changes || !actor_of(ctx, iq, &actor))
        return;
    for (const struct ks_xml *at = ks_xml_child(iq->payload, NS_MUC_ADMIN, "item"); at && cond == KS_COND_COUNT;
         at = ks_xml_next(at, NS_MUC_ADMIN, "item")) {
        struct change *change = &changes->all[changes->count];
        if (changes->count == ITEMS_MAX) {
            cond = KS_POLICY_VIOLATION;
            break;
        }
        cond = read_item(ctx, &actor, at, change);
        if (cond == KS_COND_COUNT && is_promised(changes, change))
            cond = KS_CONFLICT;
        owners_gone += !change->is_role && change->from == KS_OWNER && change->to != KS_OWNER;
        owners_new += !change->is_role && change->from != KS_OWNER && change->to == KS_OWNER;
        changes->count++;
    }
    if (cond == KS_COND_COUNT && changes->count == 0)
        cond = KS_BAD_REQUEST;
    if (cond == KS_COND_COUNT && owners_gone && owners + owners_new <= owners_gone)
        cond = KS_CONFLICT;
    if (cond != KS_COND_COUNT) {
        ks_reply_error(ctx, cond, NULL);
        return;
    }
    for (size_t i = 0; i < changes->count; i++)
        if (!changes->all[i].is_role)
            write_member(ctx, &changes->all[i]);
    changes->actor_bare = actor.bare;
    if (actor.occupant && ks_arena_copy(ctx->arena, actor.occupant->nick, &changes->actor_nick) != KS_OK)
        return;
    ctx->parcel->user = changes;
    ctx->committed = changed;
    ks_reply_result(ctx, NULL);
}

const struct ks_feature ks_feature_room_admin = {
    .name = "room-admin",
    .iq = { { KS_IQ_GET, NS_MUC_ADMIN, "query", KS_TO_ROOM, on_get },
        { KS_IQ_SET, NS_MUC_ADMIN, "query", KS_TO_ROOM, on_set } },
};
