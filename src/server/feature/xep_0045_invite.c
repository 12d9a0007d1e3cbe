/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0045_invite.c -- what is asked of a room by a message: invitations and what is said to them (XEP-0045 §7.8.2),
 * and voice (§7.13, §8.6). Invitations past the room are messages between people (XEP-0249, version 1.2).
 *
 * In a room for members only an invitation makes a member; so those may invite who may do that, and if the room says so
 * its members. */
#include "dataform.h"
#include "feature_list.h"
#include "room.h"

/* --- invitations --- */

#define INVITED_MAX 20 /* of one message */

struct invitation {
    struct ks_str to;
    const struct ks_xml *asked;
    struct ks_room_member member;
    bool admit;
};

struct invitations {
    size_t count;
    struct invitation all[INVITED_MAX];
};

static struct ks_xml *add_reason(struct ks_ctx *ctx, struct ks_xml *to, const struct ks_xml *from)
{
    struct ks_str reason = ks_xml_text(ctx->arena, ks_xml_child(from, NS_MUC_USER, "reason"));

    if (reason.len && !ctx->domain->protected)
        ks_xml_add_text(ctx->arena, to, NS_MUC_USER, "reason", reason);
    return to;
}

/* §7.9: the room goes on with a conversation of two. In a protected domain that is nobody else's, and the name of a
 * thread would be words. */
static void add_continue(struct ks_ctx *ctx, struct ks_xml *to, const struct ks_xml *from)
{
    const struct ks_xml *asked = ks_xml_child(from, NS_MUC_USER, "continue");
    struct ks_str thread = ks_xml_attr(asked, "thread");
    struct ks_xml *element;

    if (!asked || ctx->domain->protected)
        return;
    element = ks_xml_add(ctx->arena, to, NS_MUC_USER, "continue");
    if (thread.len)
        ks_xml_set(ctx->arena, element, "thread", thread);
}

/* A message of the room to an account, which is kept there. */
static struct ks_xml *letter(struct ks_ctx *ctx, struct ks_str to, struct ks_xml **ret_x)
{
    struct ks_xml *message =
        ks_stanza_new(ctx->arena, "message", NULL, ctx->parcel->stanza.id, ks_user_bare(ctx->user), to);

    *ret_x = ks_xml_add(ctx->arena, message, NS_MUC_USER, "x");
    ks_xml_add(ctx->arena, message, NS_HINTS, "store");
    return message;
}

static void admitted(struct ks_ctx *ctx)
{
    const struct invitations *invitations = ctx->parcel->user;
    struct ks_xml *word, *x, *item;

    /* All who are there see who was let in (DSK IV.2-d). */
    for (size_t i = 0; i < invitations->count; i++) {
        if (!invitations->all[i].admit)
            continue;
        word = ks_stanza_new(ctx->arena, "message", NULL, KS_STR_EMPTY, ks_user_bare(ctx->user), KS_STR_EMPTY);
        x = ks_xml_add(ctx->arena, word, NS_MUC_USER, "x");
        item = ks_xml_add(ctx->arena, x, NS_MUC_USER, "item");
        ks_xml_set(ctx->arena, item, "affiliation", KS_STR("member"));
        ks_xml_set(ctx->arena, item, "role", KS_STR("none"));
        ks_xml_set(ctx->arena, item, "jid", invitations->all[i].to);
        ks_room_send_all(ctx, word);
    }
}

static bool may_invite(const struct ks_room_config *config, enum ks_affiliation affiliation)
{
    return !config->members_only || affiliation >= KS_ADMIN || (config->invite_by_all && affiliation >= KS_MEMBER);
}

static bool is_invited(const struct invitations *invitations, struct ks_str bare)
{
    for (size_t i = 0; i < invitations->count; i++)
        if (ks_str_eq(invitations->all[i].to, bare))
            return true;
    return false;
}

/* Who is to be invited, behind those before: KS_COND_COUNT, or why not. */
static enum ks_cond read_invitation(struct ks_ctx *ctx, const struct ks_room_config *config, const struct ks_xml *asked,
    struct invitations *invitations, size_t *admits)
{
    struct invitation *invitation = &invitations->all[invitations->count];
    struct ks_str bare;
    struct ks_jid to;

    if (ks_jid_parse(ctx->arena, ks_xml_attr(asked, "to"), &to) != KS_OK)
        return KS_JID_MALFORMED;
    if (!to.local.len || !ks_config_domain(ctx->reactor->config, to.domain)
        || ks_jid_text(ctx->arena, ks_jid_bare(to), &bare) != KS_OK)
        return KS_ITEM_NOT_FOUND;
    if (is_invited(invitations, bare))
        return KS_COND_COUNT;
    if (invitations->count == INVITED_MAX)
        return KS_POLICY_VIOLATION;
    *invitation = (struct invitation) { .to = bare, .asked = asked };
    ks_room_member(ctx->user, bare, &invitation->member);
    if (invitation->member.affiliation == KS_OUTCAST)
        return KS_FORBIDDEN; /* who is banned is let in again by an admin, not by the way */
    if (config->members_only && invitation->member.affiliation < KS_MEMBER) {
        if (ks_room_is_stated(ctx->user))
            return KS_NOT_ALLOWED; /* its owners sign who belongs to it */
        if (ks_kv_count(ctx->user, KS_STORE_ROOM_MEMBER) + *admits
            >= (size_t)ks_domain_number(ctx->domain, "rooms.members_max"))
            return KS_RESOURCE_CONSTRAINT;
        invitation->member = (struct ks_room_member) { .affiliation = KS_MEMBER, .since_ms = ctx->now.wall_ms };
        invitation->admit = true;
        ++*admits;
    }
    invitations->count++;
    return KS_COND_COUNT;
}

/* Several at once are invited as a whole or not at all (§7.9 shows two in one message). */
static void invite(struct ks_ctx *ctx, struct ks_seat *seat, const struct ks_xml *first)
{
    struct invitations *invitations = KS_NEW(ctx->arena, struct invitations);
    struct ks_room_config config;
    enum ks_cond cond = KS_COND_COUNT;
    struct ks_str password, from;
    size_t admits = 0;

    ks_room_config(ctx->user, &config);
    if (!invitations)
        return;
    if (!may_invite(&config, ks_room_affiliation(ctx->user, seat->occupant->bare)))
        cond = KS_FORBIDDEN;
    for (const struct ks_xml *at = first; at && cond == KS_COND_COUNT; at = ks_xml_next(at, NS_MUC_USER, "invite"))
        cond = read_invitation(ctx, &config, at, invitations, &admits);
    if (cond != KS_COND_COUNT) {
        ks_reply_error(ctx, cond, NULL);
        return;
    }
    from = config.anonymous ? ks_room_nick_jid(ctx, seat->occupant->nick) : seat->occupant->bare;
    if (config.password.len && ks_arena_copy(ctx->arena, config.password, &password) != KS_OK)
        return; /* ks_ctx_end sees to it */
    for (size_t i = 0; i < invitations->count; i++) {
        const struct invitation *invitation = &invitations->all[i];
        struct ks_xml *x, *element, *message = letter(ctx, invitation->to, &x);
        if (invitation->admit)
            ks_room_member_put(ctx, invitation->to, &invitation->member);
        element = add_reason(ctx, ks_xml_add(ctx->arena, x, NS_MUC_USER, "invite"), invitation->asked);
        add_continue(ctx, element, invitation->asked);
        ks_xml_set(ctx->arena, element, "from", from);
        if (config.password.len)
            ks_xml_add_text(ctx->arena, x, NS_MUC_USER, "password", password);
        ks_send(ctx, message);
    }
    if (admits) {
        ctx->parcel->user = invitations;
        ctx->committed = admitted;
    }
}

/* From somebody who was invited: to whom he says, and nobody else. In a room for members that made him one, and who is
 * banned says nothing here. */
static void decline(struct ks_ctx *ctx, const struct ks_xml *asked)
{
    struct ks_str to_text = KS_STR_EMPTY, from;
    enum ks_affiliation affiliation;
    struct ks_room_config config;
    struct ks_xml *message, *x, *element;
    struct ks_occupant *occupant;
    struct ks_jid to;

    ks_room_config(ctx->user, &config);
    if (ks_jid_parse(ctx->arena, ks_xml_attr(asked, "to"), &to) != KS_OK
        || ks_jid_text(ctx->arena, ks_jid_bare(ctx->parcel->stanza.from), &from) != KS_OK) {
        ks_reply_error(ctx, KS_JID_MALFORMED, NULL);
        return;
    }
    affiliation = ks_room_affiliation(ctx->user, from);
    if (affiliation == KS_OUTCAST || (config.members_only && affiliation < KS_MEMBER)) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
        return;
    }
    occupant = ks_jid_eq_bare(to, ks_user_jid(ctx->user)) ? ks_room_nick(ctx->user->room, to.resource) : NULL;
    if (occupant)
        to_text = occupant->bare;
    else if (ks_jid_text(ctx->arena, ks_jid_bare(to), &to_text) != KS_OK)
        return;
    /* Only to one who belongs to the room: else it would be a way to write to strangers in the room's name. */
    if (!occupant && ks_room_affiliation(ctx->user, to_text) < KS_MEMBER) {
        if (!config.anonymous) /* there the answer would tell who does */
            ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
        return;
    }
    message = letter(ctx, to_text, &x);
    element = add_reason(ctx, ks_xml_add(ctx->arena, x, NS_MUC_USER, "decline"), asked);
    ks_xml_set(ctx->arena, element, "from", from);
    ks_send(ctx, message);
}

/* --- voice --- */

static bool is_moderator(struct ks_seat *seat, void *user)
{
    (void)user;
    return seat->occupant->role == KS_MODERATOR;
}

/* §8.6: a form to each moderator. */
static void ask_voice(struct ks_ctx *ctx)
{
    struct ks_seat *seat = ks_room_seat_of(ctx, ctx->parcel->stanza.from);
    struct ks_xml *message, *form;
    struct ks_piece piece;

    if (!seat || seat->occupant->role != KS_VISITOR)
        return;
    message = ks_stanza_new(ctx->arena, "message", NULL, KS_STR_EMPTY, ks_user_bare(ctx->user), KS_STR_EMPTY);
    form = ks_form_new(ctx->arena, "form", NS_MUC_REQUEST);
    ks_form_add(ctx->arena, form, "muc#role", "list-single", KS_STR("participant"));
    ks_form_add(ctx->arena, form, "muc#jid", "jid-single", seat->jid);
    ks_form_add(ctx->arena, form, "muc#roomnick", "text-single", seat->occupant->nick);
    ks_form_add(ctx->arena, form, "muc#request_allow", "boolean", KS_STR("false"));
    if (message && form)
        ks_xml_graft(message, form);
    piece = ks_room_piece(ctx, message);
    ks_room_fan(ctx, &piece, is_moderator, NULL);
}

static void grant_voice(struct ks_ctx *ctx)
{
    struct ks_seat *seat = ks_room_seat_of(ctx, ctx->parcel->stanza.from);
    const struct ks_xml *form = ks_form_find(ctx->arena, ctx->parcel->stanza.xml, NS_MUC_REQUEST);
    struct ks_occupant *to = ks_room_nick(ctx->user->room, ks_form_value(ctx->arena, form, "muc#roomnick"));
    bool allow = false;

    if (!seat || seat->occupant->role != KS_MODERATOR)
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
    else if (to && to->role == KS_VISITOR && ks_form_bool(ks_form_value(ctx->arena, form, "muc#request_allow"), &allow)
        && allow)
        ks_room_set_role(ctx, to, KS_PARTICIPANT, KS_STR_EMPTY, KS_STR_EMPTY);
}

void ks_room_asked(struct ks_ctx *ctx, struct ks_stanza *message)
{
    const struct ks_xml *x = ks_xml_child(message->xml, NS_MUC_USER, "x");
    const struct ks_xml *asked = ks_xml_child(x, NS_MUC_USER, "invite");
    const struct ks_xml *form = ks_form_find(ctx->arena, message->xml, NS_MUC_REQUEST);
    struct ks_seat *seat = ks_room_seat_of(ctx, message->from);

    if (asked && seat)
        invite(ctx, seat, asked);
    else if (asked)
        ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL);
    else if ((asked = ks_xml_child(x, NS_MUC_USER, "decline")))
        decline(ctx, asked);
    else if (form)
        ctx->committed = ks_form_field(form, "muc#request_allow") ? grant_voice : ask_voice;
    else
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
}

/* --- what may go in clear --- */

const struct ks_feature ks_feature_room_invite = {
    .name = "room-invite",
    .disco = (const char *const[]) { NS_CONFERENCE, NULL },
    /* XEP-0249 §2: the room's address only; see konsil_policy.c. */
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_MESSAGE, NS_CONFERENCE, "x" }, { 0 } },
};
