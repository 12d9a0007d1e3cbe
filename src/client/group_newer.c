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

bool ks_group_behind(const struct ks_group *group)
{
    uint64_t doubt_v = group->doubt.data.len > 0 ? group->doubt.state.v : 0; /* it is here, and restricts */

    return group->newest.data.len > 0 && group->named_v > group->newest.state.v && group->named_v > doubt_v;
}

enum ks_err ks_group_named(struct konsil *k, struct ks_group *group, struct ks_str jid, uint64_t v)
{
    if (v <= group->newest.state.v || v <= group->named_v
        || !(ks_str_eq(jid, ks_own(k)) || ks_group_recipient(group, jid)))
        return KS_OK;
    group->named_v = v;
    group->named_by = jid;
    group->named_ms = k->now.wall_ms;
    group->flags &= ~(unsigned)KS_GROUP_TOLD_BEHIND;
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

enum ks_err ks_group_withheld(struct konsil *k, struct ks_group *group)
{
    enum ks_err err;

    if (!ks_group_behind(group) || group->flags & (KS_GROUP_TOLD_BEHIND | KS_GROUP_LEFT | KS_GROUP_REMOVED))
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

    return newest->state.v >= group->named_v
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
        group->flags &= ~(unsigned)KS_GROUP_TOLD_BEHIND;
    }
}
