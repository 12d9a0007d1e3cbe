/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_newer.c -- versions of a room's state that others name before its server shows them (doc/PROTOCOL.md §9.3).
 *
 * A member's sealed message cites the version it was written by, and owners and our other devices send theirs. When one
 * is named that is greater than ours the server is asked; until the statement is here nothing is sealed for ours, since
 * it may remove somebody. If the server does not show it people are told, and the owners see how far we are: one of
 * them sends us his. That a member named what is not, to stop a room, ends when another owner states something later.
 */
#include "engine.h"
#include "group.h"
#include "outbox.h"

static bool same(const uint8_t a[KS_ROOM_HASH_LEN], const uint8_t b[KS_ROOM_HASH_LEN])
{
    return memcmp(a, b, KS_ROOM_HASH_LEN) == 0;
}

static bool is_named(const struct ks_group *group, const struct ks_room_signed *one)
{
    return one->data.len > 0 && one->state.v == group->named_v
        && (same(one->hash, group->named_hash)
            || (group->flags & KS_GROUP_DISPUTED && same(one->hash, group->named_other)));
}

/* Another one of the same version is no answer: what was named may remove who shows it. */
static bool is_here(const struct ks_group *group)
{
    const struct ks_room_signed *newest = &group->newest;

    if (newest->state.v > group->named_v || (newest->state.v == group->named_v && group->flags & KS_GROUP_NO_HASH))
        return true;
    return is_named(group, newest) || is_named(group, &group->rival);
}

/* A doubt that was named is here, and restricts; but anybody can write one, and name it himself. What a welcome
 * promised is looked at when the server gave all. */
bool ks_group_behind(const struct ks_group *group)
{
    if (group->newest.data.len == 0)
        return false;
    return group->flags & KS_GROUP_INVITED
        || (group->named_v > 0 && !is_here(group)
            && (group->flags & KS_GROUP_DISPUTED || !is_named(group, &group->doubt)));
}

/* Two hashes of one version: one of them is a lie, or there is a fork. Which one is true only a proof says; of more
 * than two the last is kept, since who tells the truth goes on telling it. */
static enum ks_err dispute(struct konsil *k, struct ks_group *group, const uint8_t hash[KS_ROOM_HASH_LEN])
{
    if (same(hash, group->named_hash) || (group->flags & KS_GROUP_DISPUTED && same(hash, group->named_other)))
        return KS_OK;
    group->flags |= KS_GROUP_DISPUTED;
    memcpy(group->named_other, hash, KS_ROOM_HASH_LEN);
    return ks_group_put(k, group);
}

enum ks_err ks_group_named(
    struct konsil *k, struct ks_group *group, struct ks_str jid, uint64_t v, const uint8_t hash[KS_ROOM_HASH_LEN])
{
    if (v <= group->newest.state.v || v < group->named_v
        || !(ks_str_eq(jid, ks_own(k)) || ks_group_recipient(group, jid)))
        return KS_OK;
    if (v == group->named_v && !(group->flags & KS_GROUP_NO_HASH))
        return dispute(k, group, hash);
    if (v > group->named_v)
        group->flags &= ~(unsigned)KS_GROUP_TOLD_BEHIND;
    group->flags &= ~(unsigned)(KS_GROUP_DISPUTED | KS_GROUP_NO_HASH);
    group->named_v = v;
    memcpy(group->named_hash, hash, KS_ROOM_HASH_LEN);
    group->named_by = jid;
    group->named_ms = k->now.wall_ms;
    return ks_group_put(k, group);
}

/* So they learn that we are behind, and one of them shows us what he has. */
static enum ks_err show_owners(struct konsil *k, const struct ks_group *group)
{
    const struct ks_room_state *state = &group->newest.state;
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < state->member_count && err == KS_OK; i++)
        if (state->members[i].owner && ks_group_owns(group, state->members[i].jid)
            && !ks_str_eq(state->members[i].jid, ks_own(k)))
            err = ks_group_hand(k, group, state->members[i].jid, false);
    return err;
}

/* How far we are is the same whatever somebody names, so he makes us say it once. */
static bool is_news(struct ks_group_live *live, const struct ks_group *group)
{
    return ks_group_first_time(live, KS_TOLD_BEHIND, group->named_by);
}

enum ks_err ks_group_withheld(struct konsil *k, struct ks_group_live *live, struct ks_group *group)
{
    enum ks_err err;

    if (!ks_group_behind(group) || group->flags & (KS_GROUP_TOLD_BEHIND | KS_GROUP_LEFT | KS_GROUP_REMOVED)
        || !is_news(live, group))
        return KS_OK;
    group->flags |= KS_GROUP_TOLD_BEHIND;
    if ((err = ks_group_put(k, group)) != KS_OK
        || (err = ks_group_warn(k, KS_CODE_ROOM_BEHIND, group->room, group->named_by, KS_STR_EMPTY)) != KS_OK)
        return err;
    return show_owners(k, group);
}

/* Who signed the newest statement knew of what was named, or that there is no such thing: it is of a time after that.
 */
static bool is_answered(const struct ks_group *group)
{
    const struct ks_room_signed *newest = &group->newest;

    return is_here(group)
        || (!ks_str_eq(newest->signer, group->named_by) && (int64_t)newest->state.t * 1000 > group->named_ms);
}

/* What we wrote after a member was removed, and by the state before: he could read it, if the server let him. */
static enum ks_err tell_overheard(
    struct konsil *k, const struct ks_room_signed *one, const struct ks_room_state *before)
{
    int64_t since_ms = ((int64_t)one->state.t + 1) * 1000;
    struct ks_ev_warning event = { .code = KS_STR(KS_CODE_ROOM_OVERHEARD), .conversation = one->state.room };
    enum ks_err err = KS_OK;
    bool wrote = false;

    for (size_t i = 0; i < before->member_count && err == KS_OK; i++) {
        event.jid = before->members[i].jid;
        if (ks_room_state_member(&one->state, event.jid) || ks_str_eq(event.jid, ks_own(k)))
            continue;
        if (!wrote) {
            err = ks_outbox_wrote(k, one->state.room, one->state.v, since_ms, &event.message);
            if (err != KS_OK)
                return err == KS_ENOTFOUND ? KS_OK : err;
            wrote = true;
        }
        err = ks_tell(k, KS_EV_WARNING, &event);
    }
    return err;
}

enum ks_err ks_group_overheard(struct konsil *k, struct ks_group *group, const struct ks_room_signed *run, size_t count)
{
    const struct ks_room_state *before = group->newest.data.len > 0 ? &group->newest.state : NULL;
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < count && err == KS_OK; i++) {
        if (before)
            err = tell_overheard(k, &run[i], before);
        before = &run[i].state;
    }
    return err;
}

void ks_group_settle_named(struct ks_group *group)
{
    if (group->named_v > 0 && is_answered(group)) {
        group->named_v = 0;
        group->named_by = KS_STR_EMPTY;
        group->flags &= ~(unsigned)(KS_GROUP_TOLD_BEHIND | KS_GROUP_DISPUTED | KS_GROUP_NO_HASH);
    }
}
