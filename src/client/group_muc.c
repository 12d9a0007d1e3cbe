/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_muc.c -- being in rooms (XEP-0045 §7; XEP-0410): entering, who is there, and coming back.
 *
 * A session enters every room that is there after its own archive is read; then the room's statements, then its
 * archive, then what came meanwhile. What the server says of people there is a hint for whose keys open a message, and
 * is compared with the signed state. */
#include <stdlib.h>

#include "engine.h"
#include "group.h"
#include "group_roles.h"
#include "people.h"
#include "utf8.h"

#define NICK_MAX 64

struct told {
    struct ks_list link;
    enum ks_group_told what;
    struct ks_str jid; /* behind this struct */
};

/* --- lists of a room --- */

static void forget_place(struct ks_group_live *live)
{
    ks_occupants_forget_all(&live->occupants);
    live->place = KS_GROUP_OUT;
    live->syncing = live->synced = live->sync_wanted = live->waits_for_key = live->ready = live->behind =
        live->pinging = false;
    live->next_ms = KS_NEVER;
    live->resend = 0;
    live->unanswered = 0;
    ks_catchup_lost(&live->catchup);
}

void ks_group_told_over(struct ks_group_live *live)
{
    for (KS_LIST_EACH_SAFE(&live->told, at)) {
        ks_list_leave(at);
        free(KS_CONTAINER(at, struct told, link));
    }
    memset(live->told_count, 0, sizeof(live->told_count));
}

static void live_free(struct ks_group_live *live)
{
    forget_place(live);
    ks_group_told_over(live);
    ks_list_leave(&live->link);
    ks_buf_done(&live->offered);
    free(live->command);
    free(live);
}

void ks_groups_done(struct konsil *k)
{
    if (k->groups.live.next)
        for (KS_LIST_EACH_SAFE(&k->groups.live, at))
            live_free(KS_CONTAINER(at, struct ks_group_live, link));
    ks_group_service_done(k);
}

void ks_groups_lost(struct konsil *k)
{
    for (KS_LIST_EACH_SAFE(&k->groups.live, at))
        live_free(KS_CONTAINER(at, struct ks_group_live, link));
    ks_group_service_lost(k);
    k->wait_ms[KS_WAIT_GROUP] = KS_NEVER;
}

static bool is_told(const struct ks_group_live *live, enum ks_group_told what, struct ks_str jid)
{
    for (KS_LIST_EACH(&live->told, at)) {
        const struct told *told = KS_CONTAINER(at, struct told, link);

        if (told->what == what && ks_str_eq(told->jid, jid))
            return true;
    }
    return live->told_count[what] >= KS_GROUP_TOLD_MAX;
}

bool ks_group_first_time(struct ks_group_live *live, enum ks_group_told what, struct ks_str jid)
{
    struct told *told;

    if (is_told(live, what, jid) || !(told = calloc(1, sizeof(*told) + jid.len)))
        return false;
    memcpy(told + 1, jid.ptr, jid.len);
    told->jid = ks_str(told + 1, jid.len);
    told->what = what;
    ks_list_append(&live->told, &told->link);
    live->told_count[what]++;
    return true;
}

struct ks_str ks_group_occupant(const struct ks_group_live *live, struct ks_str nick)
{
    const struct ks_occupant *occupant = ks_occupants_find(&live->occupants, nick);

    return occupant ? occupant->jid : KS_STR_EMPTY;
}

/* --- who may be there --- */

static enum ks_err compare_one(
    struct konsil *k, struct ks_group_live *live, const struct ks_group *group, struct ks_str jid)
{
    if (group->newest.data.len == 0 || ks_room_state_member(&group->newest.state, jid)
        || !ks_group_first_time(live, KS_TOLD_GHOST, jid))
        return KS_OK;
    return ks_group_warn(k, KS_CODE_ROOM_GHOST, group->room, jid, KS_STR_EMPTY);
}

enum ks_err ks_group_compare(struct konsil *k, struct ks_group_live *live, const struct ks_group *group)
{
    enum ks_err err = KS_OK;

    for (KS_LIST_EACH(&live->occupants.list, at)) {
        const struct ks_occupant *occupant = KS_CONTAINER(at, struct ks_occupant, link);

        if (occupant->jid.len > 0 && (err = compare_one(k, live, group, occupant->jid)) != KS_OK)
            return err;
    }
    return KS_OK;
}

/* --- entering and leaving --- */

/* Who left is there until it is stated: her wish goes to the room. */
static bool is_ours(const struct konsil *k, const struct ks_group *group)
{
    if (group->flags & KS_GROUP_WELCOMED)
        return true;
    return !(group->flags & KS_GROUP_REMOVED)
        && (!(group->flags & KS_GROUP_LEFT) || ks_room_state_member(&group->newest.state, ks_own(k)));
}

enum ks_err ks_group_comes(struct konsil *k, struct ks_str room, bool *ret_comes)
{
    struct ks_group group;
    enum ks_err err = ks_group_get(k, room, &group);

    *ret_comes = err == KS_OK && is_ours(k, &group);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

static void wait_until(struct konsil *k, struct ks_group_live *live, int64_t at_ms)
{
    live->next_ms = at_ms;
    k->wait_ms[KS_WAIT_GROUP] = ks_sooner(k->wait_ms[KS_WAIT_GROUP], at_ms);
}

struct ks_str ks_group_own_nick(const struct konsil *k)
{
    return ks_utf8_head(ks_str_z(k->local), NICK_MAX);
}

/* A nick is nothing but an address (doc/PROTOCOL.md §9.3), so whoever takes another's must not keep him out by it. */
static const char *const nick_ends[] = { "", "-2", "-3", "-4", "-5" };

/* Under which we are there, or, until the room says so, wish to be. */
static enum ks_err own_place(struct konsil *k, struct ks_group_live *live, struct ks_str *ret_jid)
{
    const struct ks_occupant *own = ks_occupants_own(&live->occupants);
    struct ks_str parts[] = { live->room, KS_STR("/"), ks_group_own_nick(k), ks_str_z(nick_ends[live->nicks]) };

    if (own) {
        parts[2] = own->nick;
        parts[3] = KS_STR_EMPTY;
    }
    return ks_arena_join(&k->arena, parts, KS_COUNT(parts), ret_jid);
}

static enum ks_err send_presence(struct konsil *k, struct ks_group_live *live, const char *type)
{
    struct ks_xml *presence, *muc;
    struct ks_str to;
    enum ks_err err = own_place(k, live, &to);

    if (err != KS_OK)
        return err;
    presence = ks_stanza_new(&k->arena, "presence", type, KS_STR_EMPTY, KS_STR_EMPTY, to);
    if (!type) {
        muc = ks_xml_add(&k->arena, presence, NS_MUC, "x");
        /* What was said before comes from the archive. */
        if (!ks_xml_set(&k->arena, ks_xml_add(&k->arena, muc, NS_MUC, "history"), "maxstanzas", KS_STR("0")))
            return KS_ENOMEM;
    }
    return ks_send_stanza(k, presence, 0);
}

/* It is not there, or not for us: tried again, later each time. A welcome to a room that never comes is forgotten. */
static enum ks_err stay_out(struct konsil *k, struct ks_group_live *live)
{
    struct ks_group group;
    enum ks_err err;

    forget_place(live);
    wait_until(k, live, k->now.mono_ms + ((int64_t)KS_GROUP_AGAIN_MS << live->refusals));
    live->refusals += live->refusals < KS_GROUP_AGAIN_MAX;
    if (live->refusals < KS_GROUP_AGAIN_MAX || (err = ks_group_get(k, live->room, &group)) == KS_ENOTFOUND)
        return KS_OK;
    return err == KS_OK && group.flags & KS_GROUP_INVITED && group.newest.data.len == 0 ? ks_group_forget(k, live->room)
                                                                                        : err;
}

static enum ks_err destroyed(struct konsil *k, struct ks_group_live *live);

static enum ks_err on_looked(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_group_live *live = ks_group_live(k, iq->text);
    enum ks_err err;

    if (!live || live->place != KS_GROUP_ENTERING || !answer)
        return KS_OK; /* silence: it is tried again anyway */
    if (ks_str_is(ks_str_z(ks_iq_condition(answer)), "gone"))
        return destroyed(k, live);
    live->occupants.ids = ks_group_has(answer, NS_OCCUPANT_ID);
    if ((err = ks_group_retention_said(k, live->room, answer)) != KS_OK)
        return err;
    return ks_group_is_there(answer) ? send_presence(k, live, NULL) : stay_out(k, live);
}

/* Only who founds a room makes it. */
static enum ks_err go_in(struct konsil *k, struct ks_group_live *live)
{
    struct ks_group group;
    enum ks_err err = ks_group_get(k, live->room, &group);

    if (err == KS_OK && group.newest.data.len == 0 && group.pending.data.len > 0)
        return send_presence(k, live, NULL);
    if (err == KS_OK)
        err = ks_iq_send(k, "get", live->room, ks_xml_new(&k->arena, NS_DISCO_INFO, "query"), on_looked, live->room, 0);
    return err == KS_EAGAIN || err == KS_ENOTFOUND ? KS_OK : err;
}

enum ks_err ks_group_enter(struct konsil *k, struct ks_str room)
{
    struct ks_group_live *live;
    enum ks_err err = ks_group_use(k, room, &live);

    if (err != KS_OK || live->place != KS_GROUP_OUT || !ks_online(k) || !ks_catchup_done(k))
        return err;
    live->place = KS_GROUP_ENTERING;
    live->catchup.running = true; /* what comes before statements and archive were read follows them */
    wait_until(k, live, k->now.mono_ms + KS_GROUP_AGAIN_MS);
    return go_in(k, live);
}

enum ks_err ks_group_exit(struct konsil *k, struct ks_group_live *live)
{
    bool was_in = live->place != KS_GROUP_OUT && ks_online(k), was_ready = live->ready;
    enum ks_err err = was_in ? send_presence(k, live, "unavailable") : KS_OK;

    forget_place(live);
    if (err != KS_OK)
        return err;
    return was_ready ? KS_OK : ks_outbox_exited(k, live->room);
}

enum ks_err ks_group_again(struct konsil *k, struct ks_str room)
{
    struct ks_group_live *live = ks_group_live(k, room);

    if (!live || live->place != KS_GROUP_IN)
        return KS_OK;
    forget_place(live);
    return ks_group_enter(k, room);
}

/* --- presence --- */

/* Of those who are there when one enters it is told once, with oneself. */
static enum ks_err tell_change(struct konsil *k, struct ks_group_live *live)
{
    struct ks_ev_room_occupants_changed event = { .room = live->room };

    if (live->occupants.stale || live->place != KS_GROUP_IN)
        return KS_OK;
    live->occupants.stale = true;
    return ks_tell(k, KS_EV_ROOM_OCCUPANTS_CHANGED, &event);
}

static enum ks_err entered(struct konsil *k, struct ks_group_live *live)
{
    struct ks_group group;
    enum ks_err err;

    if (live->place == KS_GROUP_IN)
        return KS_OK;
    live->place = KS_GROUP_IN;
    live->refusals = 0;
    wait_until(k, live, k->now.mono_ms + KS_GROUP_PING_MS);
    if ((err = tell_change(k, live)) != KS_OK)
        return err;
    if ((err = ks_group_get(k, live->room, &group)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (group.flags & KS_GROUP_FOREIGN && !ks_group_may_state(live->room)) {
        live->synced = true;
        return ks_catchup_begin(k, &live->catchup);
    }
    if (group.newest.data.len > 0 || group.pending.data.len == 0)
        return ks_group_sync(k, live);
    err = ks_group_push(k, &group, ks_str_z(live->command));
    free(live->command);
    live->command = NULL;
    return err;
}

static bool has_status(const struct ks_xml *x, const char *code)
{
    for (const struct ks_xml *c = ks_xml_child(x, NS_MUC_USER, "status"); c; c = ks_xml_next(c, NS_MUC_USER, "status"))
        if (ks_str_is(ks_xml_attr(c, "code"), code))
            return true;
    return false;
}

/* XEP-0045 §10.9; who comes later is told <gone/> (RFC 6120 §8.3.3.5). That a room is destroyed is the server's word;
 * what was said there stays here. */
static enum ks_err destroyed(struct konsil *k, struct ks_group_live *live)
{
    struct ks_group group;
    bool was_ready = live->ready;
    enum ks_err err = ks_group_get(k, live->room, &group);

    forget_place(live);
    if (err != KS_OK || group.flags & KS_GROUP_REMOVED)
        return err == KS_ENOTFOUND ? KS_OK : err;
    group.flags |= KS_GROUP_REMOVED;
    if ((err = ks_group_put(k, &group)) != KS_OK || (err = ks_group_keep(k, &group)) != KS_OK
        || (!was_ready && (err = ks_outbox_exited(k, group.room)) != KS_OK)
        || (err = ks_group_line(k, group.room, KS_JS_NOTICE_DESTROYED, group.room, KS_STR_EMPTY, k->now.wall_ms))
            != KS_OK)
        return err;
    return ks_group_tell(k, &group);
}

static enum ks_err on_left(struct konsil *k, struct ks_group_live *live, struct ks_str nick, const struct ks_xml *x)
{
    struct ks_occupant *occupant = ks_occupants_find(&live->occupants, nick);
    const struct ks_occupant *own = ks_occupants_own(&live->occupants);

    /* §10.9: "only one presence stanza of type "unavailable" to each occupant"; its examples have no status 110. */
    if (ks_xml_child(x, NS_MUC_USER, "destroy") && ks_str_eq(nick, own ? own->nick : ks_group_own_nick(k)))
        return destroyed(k, live);
    /* §7.6: who takes another nick stays, and comes under that one in the next presence. */
    if (!has_status(x, "110") || has_status(x, "303")) {
        if (!occupant)
            return KS_OK;
        ks_occupants_forget(&live->occupants, occupant);
        return tell_change(k, live);
    }
    /* Put out, or the room's server ends: whether we may come back, the statements say. */
    forget_place(live);
    wait_until(k, live, k->now.mono_ms + KS_GROUP_AGAIN_MS);
    return ks_group_put_out(k, live->room, x);
}

static enum ks_err on_here(struct konsil *k, struct ks_group_live *live, const struct ks_stanza *presence)
{
    const struct ks_xml *x = ks_xml_child(presence->xml, NS_MUC_USER, "x");
    struct ks_str text = ks_xml_attr(ks_xml_child(x, NS_MUC_USER, "item"), "jid"), bare = KS_STR_EMPTY;
    struct ks_group group;
    struct ks_jid jid;
    enum ks_err err;

    if (text.len > 0 && ks_jid_parse(&k->arena, text, &jid) == KS_OK
        && (err = ks_jid_text(&k->arena, ks_jid_bare(jid), &bare)) != KS_OK)
        return err;
    if ((err = ks_occupants_note(&live->occupants, presence->from.resource, bare, has_status(x, "110"), presence->xml))
            != KS_OK
        || (err = tell_change(k, live)) != KS_OK)
        return err;
    if (has_status(x, "110"))
        return entered(k, live);
    if (bare.len == 0 || !live->synced)
        return KS_OK;
    /* A stranger: he may have been added a moment ago. What the statements say then is compared. */
    if ((err = ks_group_get(k, live->room, &group)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    return ks_room_state_member(&group.newest.state, bare) || is_told(live, KS_TOLD_GHOST, bare)
        ? KS_OK
        : ks_group_sync(k, live);
}

/* It does not let us in. What it says of our belonging there is its word only; but there is nothing to be read there
 * without it. */
static enum ks_err refused(struct konsil *k, struct ks_group_live *live, const struct ks_stanza *presence)
{
    const struct ks_xml *why = ks_xml_child(presence->xml, NS_CLIENT, "error");
    struct ks_str command = ks_str_z(live->command);
    enum ks_err err = KS_OK;

    if (ks_xml_child(why, NS_STANZAS, "conflict") && live->nicks + 1 < KS_COUNT(nick_ends)) { /* §7.2.8 */
        live->nicks++;
        return send_presence(k, live, NULL);
    }
    if (live->command) {
        forget_place(live);
        err = ks_group_unfounded(k, live->room, command, presence);
        free(live->command);
        live->command = NULL;
        return err;
    }
    if (ks_xml_child(why, NS_STANZAS, "gone"))
        return destroyed(k, live);
    return stay_out(k, live);
}

enum ks_err ks_group_presence(struct konsil *k, const struct ks_stanza *presence, bool *ret_taken)
{
    const struct ks_xml *x = ks_xml_child(presence->xml, NS_MUC_USER, "x");
    struct ks_group_live *live;
    struct ks_str room;
    enum ks_err err = ks_jid_text(&k->arena, ks_jid_bare(presence->from), &room);

    *ret_taken = err == KS_OK && (live = ks_group_live(k, room));
    if (!*ret_taken)
        return err;
    switch ((int)presence->type) {
    case KS_PRES_ERROR:
        return live->place == KS_GROUP_ENTERING ? refused(k, live, presence) : KS_OK;
    case KS_PRES_UNAVAILABLE:
        return on_left(k, live, presence->from.resource, x);
    case KS_TYPE_NONE:
        return on_here(k, live, presence);
    default:
        return KS_OK;
    }
}

/* --- after statements and archive --- */

enum ks_err ks_group_synced(struct konsil *k, struct ks_group_live *live)
{
    struct ks_group group;
    enum ks_err err = ks_group_get(k, live->room, &group);

    if (err == KS_OK && group.flags & KS_GROUP_WELCOMED) {
        group.flags &= ~(unsigned)KS_GROUP_WELCOMED;
        err = ks_group_put(k, &group);
    }
    if (err != KS_OK || live->place != KS_GROUP_IN || group.flags & KS_GROUP_REMOVED)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if ((err = ks_group_compare(k, live, &group)) != KS_OK || (err = ks_group_push(k, &group, KS_STR_EMPTY)) != KS_OK)
        return err;
    if (live->synced) {
        ks_catchup_heard(&live->catchup);
        return KS_OK;
    }
    live->synced = true;
    if (group.flags & KS_GROUP_LEFT) { /* nothing is read there any more */
        live->catchup.running = false;
        return ks_group_caught_up(k, &live->catchup);
    }
    return ks_catchup_begin(k, &live->catchup);
}

enum ks_err ks_group_caught_up(struct konsil *k, struct ks_catchup *catchup)
{
    struct ks_group_live *live = KS_CONTAINER(catchup, struct ks_group_live, catchup);
    struct ks_group group;
    enum ks_err err;

    live->ready = true;
    if ((err = ks_group_get(k, live->room, &group)) != KS_OK || (err = ks_outbox_entered(k, &group)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    ks_outbox_wake(k);
    ks_acks_wake(k);
    ks_heal_gap(k);
    return KS_OK;
}

static enum ks_err sync_now(struct konsil *k, void *arg)
{
    return ks_group_sync(k, arg);
}

bool ks_group_hold_for(struct konsil *k, struct ks_group_live *live, const struct ks_xml *message)
{
    bool asked = live->catchup.waits;

    if (!live->ready || !ks_catchup_hold_until_heard(&live->catchup, message))
        return false;
    return asked || ks_step(k, sync_now, live);
}

/* --- a session's life --- */

enum ks_err ks_groups_online(struct konsil *k, bool resumed)
{
    struct ks_str *rooms;
    size_t count;
    enum ks_err err;

    if (resumed)
        return KS_OK;
    if ((err = ks_group_service_find(k)) != KS_OK || (err = ks_group_all(k, &rooms, &count)) != KS_OK)
        return err;
    for (size_t i = 0; i < count; i++) {
        struct ks_group group;

        if ((err = ks_group_get(k, rooms[i], &group)) != KS_OK)
            return err;
        if (is_ours(k, &group))
            err = ks_group_enter(k, rooms[i]);
        if (err != KS_OK)
            return err;
    }
    return KS_OK;
}

/* XEP-0410 §3.2: an answer of any kind but these says that we are in it. */
static enum ks_err on_ping(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_group_live *live = ks_group_live(k, iq->text);
    struct ks_str condition = ks_str_z(ks_iq_condition(answer));

    if (!live)
        return KS_OK;
    live->pinging = false;
    if (live->place != KS_GROUP_IN || !answer)
        return KS_OK;
    if (!ks_iq_ok(answer) && !ks_str_is(condition, "service-unavailable")
        && !ks_str_is(condition, "feature-not-implemented") && !ks_str_is(condition, "item-not-found")) {
        forget_place(live);
        return ks_group_enter(k, live->room);
    }
    wait_until(k, live, k->now.mono_ms + KS_GROUP_PING_MS);
    return KS_OK;
}

static enum ks_err ping(struct konsil *k, struct ks_group_live *live)
{
    struct ks_str to;
    enum ks_err err = own_place(k, live, &to);

    if (err != KS_OK)
        return err;
    err = ks_iq_send(k, "get", to, ks_xml_new(&k->arena, NS_PING, "ping"), on_ping, live->room, 0);
    live->pinging = err == KS_OK;
    wait_until(k, live, k->now.mono_ms + KS_GROUP_PING_MS);
    return err == KS_EAGAIN ? KS_OK : err;
}

static enum ks_err due_one(struct konsil *k, void *arg)
{
    struct ks_group_live *live = arg;
    struct ks_group group;
    enum ks_err err = ks_group_get(k, live->room, &group);

    live->next_ms = KS_NEVER;
    if (err != KS_OK || (err = ks_group_offered(k, live)) != KS_OK
        || (err = ks_group_get(k, live->room, &group)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (live->place == KS_GROUP_IN && (live->waits_for_key || live->behind || !live->ready || live->unanswered > 0)) {
        wait_until(
            k, live, k->now.mono_ms + (live->waits_for_key || live->behind ? KS_GROUP_AGAIN_MS : KS_GROUP_PING_MS));
        return ks_group_sync(k, live);
    }
    if (live->place == KS_GROUP_IN)
        return live->pinging ? KS_OK : ping(k, live);
    if (!is_ours(k, &group))
        return KS_OK;
    live->place = KS_GROUP_OUT;
    return ks_group_enter(k, live->room);
}

void ks_groups_due(struct konsil *k)
{
    k->wait_ms[KS_WAIT_GROUP] = KS_NEVER;
    if (!ks_online(k) || !ks_catchup_done(k))
        return;
    for (KS_LIST_EACH_SAFE(&k->groups.live, at)) {
        struct ks_group_live *live = KS_CONTAINER(at, struct ks_group_live, link);

        if (live->next_ms <= k->now.mono_ms)
            (void)ks_step(k, due_one, live);
        else
            k->wait_ms[KS_WAIT_GROUP] = ks_sooner(k->wait_ms[KS_WAIT_GROUP], live->next_ms);
    }
}
