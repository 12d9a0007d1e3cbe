/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_doubt.c -- statements that follow by their hashes, and that nobody can be proven to have signed, or not yet
 * (doc/PROTOCOL.md §9.1).
 *
 * Any of them may be true, and anybody can write one. So who is missing in one of them gets no key until a proven one
 * is accepted, and another one gives nobody back. The last is kept whole: an owner states upon it, if it is in the
 * room's chain; of all others what they said of the members of the newest one (group->doubted). */
#include "engine.h"
#include "group.h"

static bool is_there(const struct ks_room_signed *one)
{
    return one->data.len > 0;
}

static bool same(const struct ks_room_signed *a, const struct ks_room_signed *b)
{
    return memcmp(a->hash, b->hash, KS_ROOM_HASH_LEN) == 0;
}

static uint8_t says_of(const struct ks_room_signed *one, const struct ks_room_entry *member, bool served)
{
    const struct ks_room_entry *entry = ks_room_state_member(&one->state, member->jid);

    if (!entry)
        return served ? KS_DOUBT_OUT_SERVED : KS_DOUBT_OUT;
    return entry->owner || !member->owner ? 0 : served ? KS_DOUBT_DEMOTED_SERVED : KS_DOUBT_DEMOTED;
}

/* *ret_more: somebody is left out by it who was not before. */
static enum ks_err note(
    struct konsil *k, struct ks_group *group, const struct ks_room_signed *one, bool served, bool *ret_more)
{
    const struct ks_room_state *state = &group->newest.state;
    uint8_t *doubted = ks_arena_zero(&k->arena, state->member_count + 1);

    *ret_more = false;
    if (!doubted)
        return KS_ENOMEM;
    if (group->doubted.len == state->member_count)
        memcpy(doubted, group->doubted.ptr, group->doubted.len);
    for (size_t i = 0; i < state->member_count; i++) {
        bool out = doubted[i] & (KS_DOUBT_OUT | KS_DOUBT_OUT_SERVED);

        doubted[i] |= says_of(one, &state->members[i], served);
        *ret_more = *ret_more || (!out && doubted[i] & (KS_DOUBT_OUT | KS_DOUBT_OUT_SERVED));
    }
    group->doubted = ks_str(doubted, state->member_count);
    return KS_OK;
}

/* What the server has is not displaced by what somebody encloses; what is displaced goes on restricting. */
static enum ks_err put_last(
    struct konsil *k, struct ks_group *group, const struct ks_room_signed *one, bool served, unsigned flags)
{
    bool was_served = group->flags & KS_GROUP_SERVED, more;
    enum ks_err err;

    if (is_there(&group->doubt) && !same(&group->doubt, one)) {
        if (was_served && !served)
            return note(k, group, one, served, &more);
        if ((err = note(k, group, &group->doubt, was_served, &more)) != KS_OK)
            return err;
        was_served = false;
    }
    group->doubt = *one;
    group->flags = (group->flags & ~(unsigned)(KS_GROUP_HELD | KS_GROUP_SERVED)) | flags
        | (served || was_served ? KS_GROUP_SERVED : 0);
    return KS_OK;
}

enum ks_err ks_group_doubt_between(
    struct konsil *k, struct ks_group *group, const struct ks_room_signed *run, size_t count, bool served)
{
    enum ks_err err = KS_OK;
    bool more;

    for (size_t i = 0; i < count && is_there(&group->newest) && err == KS_OK; i++)
        err = note(k, group, &run[i], served, &more);
    return err;
}

enum ks_err ks_group_doubt(struct konsil *k, struct ks_group *group, const struct ks_room_signed *doubt, bool served)
{
    bool known = is_there(&group->doubt) && same(&group->doubt, doubt) && !(group->flags & KS_GROUP_HELD), more;
    enum ks_err err;

    if (!is_there(&group->newest))
        return KS_OK; /* of a room that is new here nothing is believed */
    if (known && group->doubted.len > 0 && (!served || group->flags & KS_GROUP_SERVED))
        return KS_OK;
    if ((err = note(k, group, doubt, served, &more)) != KS_OK || (err = put_last(k, group, doubt, served, 0)) != KS_OK)
        return err;
    more = more || !(group->flags & KS_GROUP_TOLD_DOUBT);
    group->flags |= KS_GROUP_TOLD_DOUBT;
    if ((err = ks_group_put(k, group)) != KS_OK || group->flags & KS_GROUP_INVITED || known || !more)
        return err;
    err = ks_group_warn(k, KS_CODE_ROOM_UNPROVEN, group->room, doubt->signer, KS_STR_EMPTY);
    return err == KS_OK ? ks_group_tell(k, group) : err;
}

enum ks_err ks_group_doubt_hold(
    struct konsil *k, struct ks_group *group, const struct ks_room_signed *doubt, bool served)
{
    enum ks_err err;

    if (!is_there(&group->newest) || (is_there(&group->doubt) && same(&group->doubt, doubt)))
        return KS_OK;
    err = put_last(k, group, doubt, served, KS_GROUP_HELD);
    return err == KS_OK ? ks_group_put(k, group) : err;
}

enum ks_err ks_group_doubt_forged(struct konsil *k, struct ks_group *group, const struct ks_room_signed *forged)
{
    if (!(group->flags & KS_GROUP_HELD) || !same(&group->doubt, forged))
        return KS_OK;
    group->doubt = (struct ks_room_signed) { .device = 0 };
    group->flags &= ~(unsigned)(KS_GROUP_HELD | KS_GROUP_SERVED);
    return ks_group_put(k, group);
}

void ks_group_doubt_over(struct ks_group *group)
{
    group->flags &= ~(unsigned)(KS_GROUP_HELD | KS_GROUP_SERVED | KS_GROUP_TOLD_DOUBT);
    group->doubt = (struct ks_room_signed) { .device = 0 };
    group->doubted = KS_STR_EMPTY;
}

bool ks_group_doubts(const struct ks_group *group, const struct ks_room_entry *member, unsigned what)
{
    size_t i = (size_t)(member - group->newest.state.members);

    if (group->chained)
        what &= KS_DOUBT_OUT_SERVED | KS_DOUBT_DEMOTED_SERVED;
    return i < group->doubted.len && (uint8_t)group->doubted.ptr[i] & what;
}

bool ks_group_restricted(const struct ks_group *group)
{
    if (is_there(&group->rival) || (is_there(&group->doubt) && !(group->flags & KS_GROUP_HELD)))
        return true;
    for (size_t i = 0; i < group->doubted.len; i++)
        if ((uint8_t)group->doubted.ptr[i] & (KS_DOUBT_OUT | KS_DOUBT_OUT_SERVED))
            return true;
    return false;
}
