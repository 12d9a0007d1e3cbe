/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_welcome.c -- rooms that are new here: who says so, and whether it is true (doc/PROTOCOL.md §9.3, §9.6).
 *
 * Who welcomes us need not be believed, and a false welcome hides no true one: several are kept, and the room's own
 * chain, up to a genuine owner, must say what one of them promised. What another device of ours shows is no less
 * checked: with it a server cannot show a new device an old state. */
#include "engine.h"
#include "group.h"
#include "group_look.h"
#include "inbox.h"

#define HEADS_MAX 64    /* devices that are asked for what was before */
#define HISTORY_MAX 500 /* messages of each */

/* --- what is said --- */

static struct ks_group_welcome *place_of(struct ks_group *group, struct ks_str by)
{
    for (size_t i = 0; i < group->welcome_count; i++)
        if (ks_str_eq(group->welcomes[i].by, by))
            return &group->welcomes[i];
    return group->welcome_count < KS_GROUP_WELCOMES_MAX ? &group->welcomes[group->welcome_count++] : NULL;
}

static enum ks_err is_name(struct konsil *k, struct ks_str room, bool *ret_is)
{
    struct ks_jid jid;
    struct ks_str normal;
    enum ks_err err;

    *ret_is = false;
    if ((err = ks_jid_parse(&k->arena, room, &jid)) != KS_OK
        || (err = ks_jid_text(&k->arena, ks_jid_bare(jid), &normal)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_OK;
    *ret_is = ks_str_eq(normal, room) && jid.local.len == KS_ROOM_LOCAL_LEN;
    return KS_OK;
}

enum ks_err ks_group_welcomed(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content)
{
    struct ks_group_welcome *welcome;
    struct ks_group_live *live;
    struct ks_group group;
    struct ks_look look;
    bool is, place = true;
    enum ks_err err = is_name(k, content->room, &is);

    if (err != KS_OK || !is)
        return err;
    err = ks_group_get(k, content->room, &group);
    if (err == KS_ENOTFOUND)
        err = ks_group_may_add(k, content->room, &place);
    if (err != KS_OK || !place || !(welcome = place_of(&group, in->from)))
        return err;
    group.flags |= KS_GROUP_INVITED;
    *welcome = (struct ks_group_welcome) {
        .by = in->from, .v = content->room_v, .heads = welcome->heads, .head_count = welcome->head_count
    };
    /* For a newcomer: another device of who welcomed her has its own place in what is said there. */
    if (!in->mine && content->range_count > 0) {
        welcome->heads = content->ranges;
        welcome->head_count = content->range_count;
    }
    memcpy(welcome->hash, content->room_hash, KS_ROOM_HASH_LEN);
    if (content->room_look.len > 0 && ks_look_read(&k->arena, content->room_look, &look) == KS_OK)
        welcome->look = content->room_look;
    if ((err = ks_group_put(k, &group)) != KS_OK)
        return err;
    live = ks_group_live(k, group.room);
    return live && live->place == KS_GROUP_IN ? ks_group_sync(k, live) : ks_group_enter(k, group.room);
}

static bool count_bare(void *user, const struct ks_chain *chain)
{
    *(size_t *)user += chain->top > 0 && chain->base == chain->top + 1;
    return true;
}

enum ks_err ks_group_heads(
    struct konsil *k, const struct ks_group *group, const struct ks_ack_range *heads, size_t count)
{
    size_t bare = 0;
    enum ks_err err = count > 0 ? ks_chain_visit(k, group->room, count_bare, &bare) : KS_OK;

    for (size_t i = 0; i < count && err == KS_OK; i++) {
        const struct ks_ack_range *head = &heads[i];
        struct ks_chain chain;
        struct ks_number number = { .order = KS_NUMBER_HEAD };

        if (!ks_room_state_member(&group->newest.state, head->jid) || ks_str_eq(head->jid, ks_own(k)))
            continue;
        if ((err = ks_chain_get(k, group->room, head->jid, head->device, head->epoch, &chain)) != KS_OK)
            return err;
        if (chain.top > 0 || bare++ >= KS_GROUP_HEADS_MAX)
            continue; /* something of it is here already */
        chain.base = head->to + 1;
        chain.top = chain.stored = head->to;
        memcpy(number.hash, head->hash, sizeof(number.hash));
        if ((err = ks_number_put(k, &chain, head->to, &number)) != KS_OK || (err = ks_chain_put(k, &chain)) != KS_OK)
            return err;
    }
    return err;
}

/* --- what the room says --- */

static bool owned_by(const struct ks_room_signed *one, struct ks_str jid)
{
    const struct ks_room_entry *entry = one->data.len > 0 ? ks_room_state_member(&one->state, jid) : NULL;

    return entry && entry->owner;
}

/* Of another device of ours: what it named is waited for (group_newer.c), and what it has is what there is. */
static enum ks_err is_good(
    struct konsil *k, const struct ks_group *group, const struct ks_group_welcome *welcome, bool *ret_good)
{
    bool ours = ks_str_eq(welcome->by, ks_own(k));

    *ret_good = ours && group->newest.state.v < welcome->v;
    if (!ours && !owned_by(&group->newest, welcome->by) && !owned_by(&group->before, welcome->by))
        return KS_OK;
    return *ret_good ? KS_OK : ks_group_stands_on(k, group, welcome->v, welcome->hash, ret_good);
}

struct heads {
    struct konsil *k;
    struct ks_chain chains[HEADS_MAX];
    size_t count;
    enum ks_err err;
};

static bool take_head(void *user, const struct ks_chain *chain)
{
    struct heads *heads = user;
    struct ks_chain *copy = &heads->chains[heads->count];

    if (chain->base != chain->top + 1)
        return true; /* something of it is here */
    *copy = *chain;
    if ((heads->err = ks_arena_copy(&heads->k->arena, chain->conversation, &copy->conversation)) != KS_OK
        || (heads->err = ks_arena_copy(&heads->k->arena, chain->author, &copy->author)) != KS_OK)
        return false;
    return ++heads->count < HEADS_MAX;
}

/* §9.6: a newcomer may be given what was said before, so it is missing, and asked for. */
static enum ks_err want_history(struct konsil *k, const struct ks_group *group)
{
    struct heads *heads = ks_arena_zero(&k->arena, sizeof(*heads));
    enum ks_err err;

    if (!heads)
        return KS_ENOMEM;
    heads->k = k;
    if ((err = ks_chain_visit(k, group->room, take_head, heads)) != KS_OK || (err = heads->err) != KS_OK)
        return err;
    for (size_t i = 0; i < heads->count; i++) {
        struct ks_chain *chain = &heads->chains[i];

        ks_chain_expect(
            chain, (struct ks_range) { chain->top > HISTORY_MAX ? chain->top - HISTORY_MAX + 1 : 1, chain->top });
        if ((err = ks_chain_put(k, chain)) != KS_OK)
            return err;
    }
    ks_heal_gap(k);
    return KS_OK;
}

enum ks_err ks_group_check_welcome(struct konsil *k, struct ks_group *group, bool *ret_good)
{
    const struct ks_group_welcome *good = NULL;
    struct ks_str by = group->welcomes[0].by;
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < group->welcome_count; i++) {
        const struct ks_group_welcome *welcome = &group->welcomes[i];
        bool is;

        if ((err = is_good(k, group, welcome, &is)) != KS_OK)
            return err;
        if (!is)
            continue;
        good = good ? good : welcome;
        if ((err = ks_group_heads(k, group, welcome->heads, welcome->head_count)) != KS_OK)
            return err;
    }
    group->flags &= ~(unsigned)KS_GROUP_INVITED;
    *ret_good = good != NULL;
    if (!good)
        err = ks_group_warn(k, KS_CODE_ROOM_WITHHELD, group->room, by, KS_STR_EMPTY);
    else if (ks_str_eq(good->by, ks_own(k)))
        err = ks_group_named(k, group, good->by, good->v, good->hash);
    else if (group->newest.state.history == KS_ROOM_ALL)
        err = want_history(k, group);
    group->welcome_count = 0;
    return err;
}
