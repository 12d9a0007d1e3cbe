/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_sync.c -- the chain of a room's statements: asked for, judged, and accepted or not (doc/PROTOCOL.md §9.1).
 *
 * What the server gives is a run of statements upon the ones that are known. The run is followed by its hashes; how far
 * it is accepted is decided from its end: the last one whose signer can be proven carries all before it, since who
 * signed it had accepted them. What is left over after that is in doubt: nobody gets a key by it, and who is missing in
 * it gets none either. */
#include "engine.h"
#include "group.h"
#include "group_look.h"
#include "group_picture.h"
#include "inbox.h"
#include "peers.h"
#include "statement.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define RUN_MAX 256 /* statements taken from one answer */

/* --- lines --- */

static enum ks_err line(
    struct konsil *k, const struct ks_room_signed *one, enum ks_js_notice notice, struct ks_str about)
{
    return ks_group_line(k, one->state.room, notice, one->signer, about, (int64_t)one->state.t * 1000);
}

static enum ks_err tell_entry(struct konsil *k, const struct ks_room_signed *one, const struct ks_room_entry *before,
    const struct ks_room_entry *now)
{
    struct ks_str jid = now ? now->jid : before->jid;

    if (now && !before)
        return line(k, one, now->owner ? KS_JS_NOTICE_ADDED_OWNER : KS_JS_NOTICE_ADDED, jid);
    if (before && !now)
        return line(k, one, ks_str_eq(jid, one->signer) ? KS_JS_NOTICE_LEFT : KS_JS_NOTICE_REMOVED, jid);
    if (now->owner != before->owner)
        return line(k, one, now->owner ? KS_JS_NOTICE_OWNER : KS_JS_NOTICE_NO_OWNER, jid);
    return KS_OK;
}

/* Both lists are in order: one walk over both. */
static enum ks_err tell_members(struct konsil *k, const struct ks_room_signed *one, const struct ks_room_state *before)
{
    const struct ks_room_state *now = &one->state;
    size_t i = 0, j = 0;
    enum ks_err err = KS_OK;

    while (err == KS_OK && (i < before->member_count || j < now->member_count)) {
        int order = i == before->member_count ? 1
            : j == now->member_count          ? -1
                                              : ks_str_cmp(before->members[i].jid, now->members[j].jid);

        err = tell_entry(k, one, order <= 0 ? &before->members[i] : NULL, order >= 0 ? &now->members[j] : NULL);
        i += order <= 0;
        j += order >= 0;
    }
    return err;
}

static enum ks_err tell_changes(struct konsil *k, const struct ks_room_signed *one, const struct ks_room_state *before)
{
    enum ks_err err;

    if (!before)
        return line(k, one, KS_JS_NOTICE_FOUNDED, KS_STR_EMPTY);
    if ((err = tell_members(k, one, before)) != KS_OK)
        return err;
    if (one->state.history != before->history)
        err = line(k, one, one->state.history == KS_ROOM_ALL ? KS_JS_NOTICE_HISTORY_ALL : KS_JS_NOTICE_HISTORY_JOIN,
            KS_STR_EMPTY);
    return err;
}

/* --- accepting --- */

static bool is_there(const struct ks_room_signed *one)
{
    return one->data.len > 0;
}

static bool same(const uint8_t a[KS_ROOM_HASH_LEN], const uint8_t b[KS_ROOM_HASH_LEN])
{
    return memcmp(a, b, KS_ROOM_HASH_LEN) == 0;
}

/* One more upon what is accepted. Of a room that is new here only the newest is told as a line: who is in it is shown,
 * and not how it came to that. */
static enum ks_err accept_one(struct konsil *k, struct ks_group *group, const struct ks_room_signed *one, bool tell)
{
    bool known = is_there(&group->newest);
    enum ks_err err = ks_group_keep_version(k, one);

    if (err == KS_OK && tell && (known || one->state.v == 0))
        err = tell_changes(k, one, known ? &group->newest.state : NULL);
    group->flags &= ~(unsigned)KS_GROUP_FOREIGN;
    group->before = group->newest;
    group->newest = *one;
    group->rival = (struct ks_room_signed) { .device = 0 };
    ks_group_doubt_over(group);
    return err;
}

/* The look that the newest statement binds may have come before it; of several who welcomed us with any of them. */
static enum ks_err adopt_look(struct konsil *k, struct ks_group *group, bool tell)
{
    enum ks_js_notice notice;
    uint8_t hash[32];
    bool changed;
    enum ks_err err;

    for (size_t i = 0; i < group->welcome_count; i++) {
        ks_look_hash(group->welcomes[i].look, hash);
        if (group->welcomes[i].look.len > 0 && same(hash, group->newest.state.look))
            group->pending_look = group->welcomes[i].look;
    }
    ks_look_hash(group->pending_look, hash);
    if (group->pending_look.len == 0 || !same(hash, group->newest.state.look))
        return KS_OK;
    if ((err = ks_group_look_notice(k, group, &changed, &notice)) != KS_OK)
        return err;
    tell = tell && group->look.len > 0 && changed;
    group->look = group->pending_look;
    group->pending_look = KS_STR_EMPTY;
    return tell ? line(k, &group->newest, notice, KS_STR_EMPTY) : KS_OK;
}

/* What is ours, and was pending, is now the room's; or somebody else was faster. */
static enum ks_err settle_pending(struct konsil *k, struct ks_group *group, const struct ks_room_state *old)
{
    bool ours = is_there(&group->pending) && same(group->pending.hash, group->newest.hash);
    bool late = is_there(&group->pending) && !ours && group->pending.state.v <= group->newest.state.v;
    enum ks_err err;

    if (ours || late)
        group->pending = (struct ks_room_signed) { .device = 0 };
    if ((err = adopt_look(k, group, old != NULL)) != KS_OK)
        return err;
    if (late)
        return ks_group_warn(k, KS_CODE_ROOM_CONFLICT, group->room, group->newest.signer, KS_STR_EMPTY);
    return ours ? ks_group_announce(k, group, old) : KS_OK;
}

static enum ks_err note_membership(struct konsil *k, struct ks_group *group)
{
    bool member = ks_room_state_member(&group->newest.state, ks_own(k));

    group->flags &= ~(unsigned)KS_GROUP_WELCOMED;
    group->flags = member ? group->flags & ~(unsigned)KS_GROUP_REMOVED : group->flags | KS_GROUP_REMOVED;
    /* Who is added again after she left is there again. */
    if (group->flags & KS_GROUP_LEFT && is_there(&group->before)
        && !ks_room_state_member(&group->before.state, ks_own(k)) && member)
        group->flags &= ~(unsigned)KS_GROUP_LEFT;
    return KS_OK;
}

static enum ks_err accepted(struct konsil *k, struct ks_group *group)
{
    struct ks_group_live *live = ks_group_live(k, group->room);
    bool removed = group->flags & KS_GROUP_REMOVED, perhaps_back;
    enum ks_err err;

    ks_group_settle_named(group);
    /* A later one was named when we did not know yet that we were out: it may have us again. */
    perhaps_back = live && removed && group->named_v > group->newest.state.v;
    if (perhaps_back)
        group->flags |= KS_GROUP_WELCOMED;
    ks_outbox_wake(k);
    if ((err = ks_group_put(k, group)) != KS_OK || (err = ks_group_keep(k, group)) != KS_OK
        || (err = ks_group_tell(k, group)) != KS_OK)
        return err;
    if (!live || !removed)
        return KS_OK;
    err = ks_group_exit(k, live);
    return err == KS_OK && perhaps_back ? ks_group_enter(k, group->room) : err;
}

/* Of a room that we were welcomed to nothing is told before the welcome is checked: let_in. */
static enum ks_err accept_run(struct konsil *k, struct ks_group *group, const struct ks_room_signed *run, size_t count)
{
    const struct ks_room_signed was = group->newest;
    struct ks_group_live *live = ks_group_live(k, group->room);
    bool fresh = !is_there(&was), invited = group->flags & KS_GROUP_INVITED;
    enum ks_err err = ks_group_overheard(k, group, run, count);

    if (live)
        ks_group_told_over(live);
    for (size_t i = 0; i < count && err == KS_OK; i++)
        err = accept_one(k, group, &run[i], !invited && (!fresh || count == 1));
    if (err != KS_OK || (err = settle_pending(k, group, fresh || invited ? NULL : &was.state)) != KS_OK
        || (err = note_membership(k, group)) != KS_OK)
        return err;
    if (invited)
        return ks_group_put(k, group);
    if (fresh && count > 1 && (err = line(k, &group->newest, KS_JS_NOTICE_JOINED, KS_STR_EMPTY)) != KS_OK)
        return err;
    return accepted(k, group);
}

/* The server gave all that it has, or says so: now what was promised of it must be there. */
static enum ks_err let_in(struct konsil *k, struct ks_group_live *live)
{
    struct ks_group group;
    bool good;
    enum ks_err err = ks_group_get(k, live->room, &group);

    if (err != KS_OK || !(group.flags & KS_GROUP_INVITED) || !is_there(&group.newest))
        return err == KS_ENOTFOUND ? KS_OK : err;
    if ((err = ks_group_check_welcome(k, &group, &good)) != KS_OK)
        return err;
    if (!good) {
        err = ks_group_forget(k, group.room);
        return err == KS_OK ? ks_group_exit(k, live) : err;
    }
    err = group.newest.state.v == 0 ? tell_changes(k, &group.newest, NULL)
                                    : line(k, &group.newest, KS_JS_NOTICE_JOINED, KS_STR_EMPTY);
    if (err == KS_OK && is_there(&group.doubt) && !(group.flags & KS_GROUP_HELD))
        err = ks_group_warn(k, KS_CODE_ROOM_UNPROVEN, group.room, group.doubt.signer, KS_STR_EMPTY);
    return err == KS_OK ? accepted(k, &group) : err;
}

/* --- a run of statements --- */

struct run {
    struct ks_room_signed items[RUN_MAX];
    size_t count;
    size_t proven; /* so many of them are carried by a proven one */
    struct ks_room_signed fork;
    bool has_fork, refused, waits;
    bool served; /* the room's server gave it; else an envelope did */
};

/* The known of what comes after `count` of the run. */
static void known_after(const struct ks_group *group, const struct run *run, size_t count, struct ks_room_known *known)
{
    const struct ks_room_signed *newest = count > 0 ? &run->items[count - 1] : &group->newest;

    if (count == 0) {
        ks_group_known(group, known);
        return;
    }
    *known = (struct ks_room_known) { .newest = &newest->state };
    memcpy(known->newest_hash, newest->hash, KS_ROOM_HASH_LEN);
}

static void take_statement(const struct ks_group *group, struct run *run, const struct ks_room_signed *one)
{
    struct ks_room_known known;

    known_after(group, run, run->count, &known);
    switch (ks_room_judge(&known, one)) {
    case KS_ROOM_NEXT:
        run->items[run->count++] = *one;
        break;
    case KS_ROOM_FORK:
        run->fork = *one;
        run->has_fork = true;
        break;
    case KS_ROOM_SAME:
    case KS_ROOM_OLD:
        break;
    case KS_ROOM_AHEAD:
    case KS_ROOM_REFUSED:
        run->refused = true;
        break;
    }
}

/* From the end: the last whose signer is proven. */
static enum ks_err prove(struct konsil *k, struct ks_group *group, struct run *run)
{
    for (run->proven = run->count; run->proven > 0; run->proven--) {
        const struct ks_room_signed *one = &run->items[run->proven - 1];
        enum ks_err err = ks_device_verify(k, one->signer, one->device, one->data, one->signature);

        if (err == KS_OK)
            return KS_OK;
        if (err == KS_EAGAIN) {
            run->waits = true;
            return KS_OK;
        }
        if (err == KS_ECRYPTO) { /* forged: nothing from it on is anything */
            run->count = run->proven - 1;
            run->refused = true;
            if ((err = ks_group_doubt_forged(k, group, one)) != KS_OK)
                return err;
        } else if (err != KS_ENOTFOUND) {
            return err;
        }
    }
    return KS_OK;
}

static enum ks_err take_fork(
    struct konsil *k, struct ks_group *group, const struct ks_room_signed *fork, bool *ret_waits)
{
    enum ks_err err = ks_device_verify(k, fork->signer, fork->device, fork->data, fork->signature);

    *ret_waits = err == KS_EAGAIN;
    if (err != KS_OK)
        return err == KS_EAGAIN || err == KS_ECRYPTO || err == KS_ENOTFOUND ? KS_OK : err;
    group->rival = *fork;
    if ((err = ks_group_put(k, group)) != KS_OK
        || (err = ks_group_warn(k, KS_CODE_ROOM_FORKED, group->room, fork->signer, KS_STR_EMPTY)) != KS_OK)
        return err;
    return ks_group_tell(k, group);
}

/* What is left over behind what is proven. */
static enum ks_err take_doubts(struct konsil *k, struct ks_group *group, const struct run *run)
{
    size_t proven = run->waits ? 0 : run->proven;
    const struct ks_room_signed *last;
    enum ks_err err;

    if (run->count == proven)
        return KS_OK;
    last = &run->items[run->count - 1];
    err = ks_group_doubt_between(k, group, &run->items[proven], run->count - proven - 1, run->served);
    if (err != KS_OK)
        return err;
    return run->waits ? ks_group_doubt_hold(k, group, last, run->served) : ks_group_doubt(k, group, last, run->served);
}

/* *ret_waits: a signer's key is on its way; the chain is asked for once more when it is here. */
static enum ks_err take_run(struct konsil *k, struct ks_group *group, struct run *run, bool *ret_waits)
{
    bool fork_waits = false;
    enum ks_err err = prove(k, group, run);

    *ret_waits = run->waits;
    if (err != KS_OK || run->waits)
        return err == KS_OK ? take_doubts(k, group, run) : err;
    if (run->refused
        && (err = ks_group_warn(k, KS_CODE_ROOM_REFUSED, group->room, KS_STR_EMPTY, KS_STR_EMPTY)) != KS_OK)
        return err;
    if (run->proven > 0 && (err = accept_run(k, group, run->items, run->proven)) != KS_OK)
        return err;
    if ((err = take_doubts(k, group, run)) != KS_OK)
        return err;
    if (run->has_fork && run->proven == 0)
        err = take_fork(k, group, &run->fork, &fork_waits);
    *ret_waits = fork_waits;
    return err;
}

/* --- asking the server --- */

/* It serves less than we know: versions never go back, and a person is told once. */
static enum ks_err check_back(struct konsil *k, struct ks_group *group, const struct ks_xml *statements)
{
    uint64_t v;
    bool back;
    enum ks_err err;

    if (!is_there(&group->newest))
        return KS_OK;
    back = ks_str_u64(ks_xml_attr(statements, "v"), KS_STATEMENT_NUMBER_MAX, &v) != KS_OK || v < group->newest.state.v;
    if (back == !!(group->flags & KS_GROUP_TOLD_BACK))
        return KS_OK;
    group->flags ^= KS_GROUP_TOLD_BACK;
    if ((err = ks_group_put(k, group)) != KS_OK || !back)
        return err;
    return ks_group_warn(k, KS_CODE_ROOM_WENT_BACK, group->room, KS_STR_EMPTY, KS_STR_EMPTY);
}

static enum ks_err take_answer(
    struct konsil *k, struct ks_group_live *live, struct ks_group *group, const struct ks_xml *statements)
{
    struct run *run = ks_arena_zero(&k->arena, sizeof(*run));
    bool more = ks_str_is(ks_xml_attr(statements, "more"), "true"), known = is_there(&group->newest);
    uint64_t before = group->newest.state.v;
    enum ks_err err;

    if (!run)
        return KS_ENOMEM;
    run->served = true;
    for (const struct ks_xml *c = ks_xml_child(statements, NS_KONSIL_ROOM, "statement"); c && run->count < RUN_MAX;
         c = ks_xml_next(c, NS_KONSIL_ROOM, "statement")) {
        struct ks_room_signed one;

        err = ks_room_signed_read(&k->arena, c, &one);
        if (err == KS_ENOMEM)
            return err;
        if (err != KS_OK || !ks_str_eq(one.state.room, group->room))
            run->refused = true;
        else
            take_statement(group, run, &one);
    }
    if (!is_there(&group->newest) && run->count == 0 && !run->refused)
        return ks_group_found_foreign(k, group);
    if ((err = check_back(k, group, statements)) != KS_OK)
        return err;
    if (run->count == 0 && group->flags & KS_GROUP_HELD) { /* the server has it no more, or never had it */
        const struct ks_room_signed held = group->doubt;

        run->served = group->flags & KS_GROUP_SERVED;
        take_statement(group, run, &held);
    }
    if ((err = take_run(k, group, run, &live->waits_for_key)) != KS_OK)
        return err;
    /* What does not lead on is the end, whatever is said. */
    if (more && is_there(&group->newest) && (!known || group->newest.state.v > before))
        live->sync_wanted = true; /* it may be already, of what was named meanwhile */
    return KS_OK;
}

/* It does not know of statements. */
static bool has_none(const struct ks_stanza *answer)
{
    struct ks_str condition = ks_str_z(ks_iq_condition(answer));

    return answer && !ks_iq_ok(answer)
        && (ks_str_is(condition, "service-unavailable") || ks_str_is(condition, "feature-not-implemented"));
}

/* What waits for them waits for an answer: they are asked for again, later each time. */
static void ask_later(struct konsil *k, struct ks_group_live *live)
{
    live->next_ms = ks_sooner(live->next_ms, k->now.mono_ms + ((int64_t)KS_GROUP_AGAIN_MS << live->unanswered));
    k->wait_ms[KS_WAIT_GROUP] = ks_sooner(k->wait_ms[KS_WAIT_GROUP], live->next_ms);
    live->unanswered += live->unanswered < KS_GROUP_AGAIN_MAX;
}

static enum ks_err on_statements(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_group_live *live = ks_group_live(k, iq->text);
    struct ks_group group;
    enum ks_err err;

    if (!live)
        return KS_OK;
    live->syncing = false;
    if (has_none(answer) && (err = ks_group_get(k, iq->text, &group)) == KS_OK
        && (err = ks_group_found_foreign(k, &group)) == KS_OK && group.flags & KS_GROUP_FOREIGN)
        return ks_group_synced(k, live);
    if (!ks_iq_ok(answer)) {
        ask_later(k, live);
        /* Refused, they are as new as they will be; silence says nothing. */
        if ((err = ks_group_get(k, iq->text, &group)) == KS_OK && live->synced && answer) {
            ks_catchup_heard(&live->catchup);
            err = ks_group_compare(k, live, &group);
        }
        return err == KS_ENOTFOUND ? KS_OK : err;
    }
    live->unanswered = 0;
    if ((err = ks_group_get(k, iq->text, &group)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    err = take_answer(k, live, &group, ks_xml_child(answer->xml, NS_KONSIL_ROOM, "statements"));
    if (err != KS_OK || live->waits_for_key)
        return err;
    if (live->sync_wanted) {
        live->sync_wanted = false;
        return ks_group_sync(k, live);
    }
    if ((err = let_in(k, live)) != KS_OK || (err = ks_group_get(k, iq->text, &group)) != KS_OK
        || (err = ks_group_withheld(k, live, &group)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    live->behind = ks_group_behind(&group);
    if (live->behind) {
        live->next_ms = ks_sooner(live->next_ms, k->now.mono_ms + KS_GROUP_AGAIN_MS);
        k->wait_ms[KS_WAIT_GROUP] = ks_sooner(k->wait_ms[KS_WAIT_GROUP], live->next_ms);
    }
    ks_outbox_wake(k);
    return ks_group_synced(k, live);
}

enum ks_err ks_group_sync(struct konsil *k, struct ks_group_live *live)
{
    struct ks_xml *query = ks_xml_new(&k->arena, NS_KONSIL_ROOM, "statements");
    struct ks_group group;
    enum ks_err err;

    if (live->syncing) {
        live->sync_wanted = true;
        return KS_OK;
    }
    if (!ks_group_may_state(live->room))
        return KS_OK;
    if ((err = ks_group_get(k, live->room, &group)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (is_there(&group.newest) && !ks_xml_set_u64(&k->arena, query, "since", group.newest.state.v))
        return KS_ENOMEM;
    live->waits_for_key = false;
    err = ks_iq_send(k, "get", live->room, query, on_statements, live->room, 0);
    live->syncing = err == KS_OK;
    if (err == KS_EAGAIN)
        ask_later(k, live);
    return err == KS_EAGAIN ? KS_OK : err;
}

void ks_groups_wake(struct konsil *k)
{
    for (KS_LIST_EACH(&k->groups.live, at)) {
        struct ks_group_live *live = KS_CONTAINER(at, struct ks_group_live, link);

        if (!live->waits_for_key)
            continue;
        live->next_ms = k->now.mono_ms;
        k->wait_ms[KS_WAIT_GROUP] = k->now.mono_ms;
    }
}

enum ks_err ks_group_confirmed(struct konsil *k, struct ks_group *group)
{
    struct ks_room_signed pending = group->pending;

    return is_there(&pending) ? accept_run(k, group, &pending, 1) : KS_OK;
}

/* --- what envelopes say --- */

/* Kept until the statement is here that binds it. */
static enum ks_err take_look(struct konsil *k, struct ks_group *group, const struct ks_content *content, bool *ret_new)
{
    struct ks_look look;
    enum ks_err err;

    *ret_new = false;
    if (content->room_look.len == 0 || ks_str_eq(content->room_look, group->look) || is_there(&group->pending))
        return KS_OK;
    if ((err = ks_look_read(&k->arena, content->room_look, &look)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_OK;
    group->pending_look = content->room_look;
    if (is_there(&group->newest) && (err = adopt_look(k, group, true)) != KS_OK)
        return err;
    *ret_new = group->pending_look.len == 0;
    return ks_group_put(k, group);
}

/* Kept until the key of its signer is here: who was removed is not given it by the server. */
static enum ks_err keep_offer(struct ks_group_live *live, const struct ks_xml *statement)
{
    struct ks_buf bytes;
    enum ks_err err;

    ks_buf_init(&bytes, 256 * 1024);
    ks_xml_write(&bytes, statement, KS_STR_EMPTY);
    err = ks_buf_err(&bytes);
    if (err == KS_OK) {
        ks_buf_done(&live->offered);
        live->offered = bytes;
    } else {
        ks_buf_done(&bytes);
    }
    return err == KS_ELIMIT ? KS_OK : err;
}

/* Who may enclose one: a member by what is proven, and our own devices. A doubt takes nobody the right to show the
 * proof, and who was removed has nothing to show. */
static bool may_enclose(const struct ks_group *group, const struct ks_inbound *in)
{
    return in->mine || ks_room_state_member(&group->newest.state, in->from);
}

/* A statement that came inside an envelope is judged as one of the server's. */
static enum ks_err take_enclosed(struct konsil *k, struct ks_group *group, const struct ks_xml *statement)
{
    struct ks_group_live *live = ks_group_live(k, group->room);
    struct run *run;
    struct ks_room_signed one;
    bool waits;
    enum ks_err err;

    if (!statement || !is_there(&group->newest))
        return KS_OK;
    err = ks_room_signed_read(&k->arena, statement, &one);
    if (err != KS_OK || !ks_str_eq(one.state.room, group->room))
        return err == KS_ENOMEM ? err : KS_OK;
    if (!(run = ks_arena_zero(&k->arena, sizeof(*run))))
        return KS_ENOMEM;
    take_statement(group, run, &one);
    run->refused = false; /* a leap: the server has what is between */
    if ((err = take_run(k, group, run, &waits)) != KS_OK || !waits || !live)
        return err;
    live->waits_for_key = true;
    return keep_offer(live, statement);
}

enum ks_err ks_group_offered(struct konsil *k, struct ks_group_live *live)
{
    struct ks_buf offered = live->offered;
    struct ks_group group;
    struct ks_xml *statement;
    enum ks_err err = KS_OK;

    if (offered.len == 0)
        return KS_OK;
    live->offered = (struct ks_buf) { .len = 0 };
    if (ks_xml_read(&k->arena, ks_buf_str(&offered), KS_STR_EMPTY, KS_STR_EMPTY, &statement) == KS_OK
        && (err = ks_group_get(k, live->room, &group)) == KS_OK)
        err = take_enclosed(k, &group, statement);
    ks_buf_done(&offered);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

/* Somebody knows a newer one than we do: the server should have it. */
static enum ks_err follow_up(
    struct konsil *k, struct ks_group *group, struct ks_str jid, uint64_t v, const uint8_t hash[KS_ROOM_HASH_LEN])
{
    struct ks_group_live *live = ks_group_live(k, group->room);
    enum ks_err err = ks_group_named(k, group, jid, v, hash);

    return err == KS_OK && live && live->place == KS_GROUP_IN && is_there(&group->newest) && v > group->newest.state.v
        ? ks_group_sync(k, live)
        : err;
}

/* One owner is enough to show it, and once: in a large room everybody sees who is behind. */
static enum ks_err show_ours(struct konsil *k, const struct ks_group *group, struct ks_str jid)
{
    struct ks_group_live *live = ks_group_live(k, group->room);

    if (!live || !ks_group_owns(group, ks_own(k)) || !ks_group_first_time(live, KS_TOLD_SHOWN, jid))
        return KS_OK;
    return ks_group_hand(k, group, jid, false);
}

enum ks_err ks_group_said(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content)
{
    struct ks_group group;
    bool changed, forked;
    enum ks_err err = ks_group_get(k, content->room, &group);

    if (in->opened.version != KS_OMEMO_2)
        return KS_OK;
    /* Who left or was removed is welcome again: now, or when she is online. */
    if (err == KS_OK && content->range_count + !ks_str_eq(in->peer, content->room) > 0 && !content->room_leave
        && group.flags & (KS_GROUP_LEFT | KS_GROUP_REMOVED) && is_there(&group.newest)
        && content->room_v > group.newest.state.v) {
        group.flags |= KS_GROUP_WELCOMED;
        if ((err = ks_group_put(k, &group)) != KS_OK || (err = ks_group_enter(k, group.room)) != KS_OK)
            return err;
    }
    if (err == KS_ENOTFOUND || (err == KS_OK && group.flags & KS_GROUP_INVITED && !is_there(&group.newest)))
        return content->room_leave || ks_str_eq(in->peer, content->room) ? KS_OK : ks_group_welcomed(k, in, content);
    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (content->room_leave)
        return ks_str_eq(in->peer, content->room) ? ks_group_let_go(k, &group, in->from) : KS_OK;
    forked = is_there(&group.rival);
    if ((may_enclose(&group, in) && (err = take_enclosed(k, &group, content->room_statement)) != KS_OK)
        || (err = ks_group_get(k, content->room, &group)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (!forked && is_there(&group.rival) && !in->mine && (err = ks_group_hand(k, &group, in->from, false)) != KS_OK)
        return err;
    if ((err = take_look(k, &group, content, &changed)) != KS_OK)
        return err;
    /* Heads decide what is no gap: of those who may welcome, and nobody else. */
    if (!in->mine && ks_group_owns(&group, in->from)
        && (err = ks_group_heads(k, &group, content->ranges, content->range_count)) != KS_OK)
        return err;
    if (changed && (err = ks_group_tell(k, &group)) != KS_OK)
        return err;
    /* Who is behind, and was told so by others, shows us how far he is. */
    if (!in->mine && !ks_str_eq(in->peer, content->room) && is_there(&group.newest)
        && content->room_v < group.newest.state.v && ks_group_recipient(&group, in->from))
        return show_ours(k, &group, in->from);
    return follow_up(k, &group, in->from, content->room_v, content->room_hash);
}

/* --- what authors cite --- */

enum ks_err ks_group_cited(struct konsil *k, const struct ks_inbound *in, const struct ks_k *cited)
{
    struct ks_group group;
    enum ks_err err = ks_group_get(k, in->peer, &group);

    if (err != KS_OK || !cited->has_state || in->mine || !is_there(&group.newest))
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (cited->state_version > group.newest.state.v)
        return follow_up(k, &group, in->from, cited->state_version, cited->state_hash);
    if (cited->state_version == group.newest.state.v) {
        struct ks_group_live *live = ks_group_live(k, group.room);

        if (same(cited->state_hash, group.newest.hash)
            || (is_there(&group.rival) && same(cited->state_hash, group.rival.hash)))
            return KS_OK;
        /* Two statements of one version: who has the other one sees ours, and shows his. */
        if (live && ks_group_first_time(live, KS_TOLD_FORKED, in->from)
            && (err = ks_group_warn(k, KS_CODE_ROOM_FORKED, group.room, in->from, KS_STR_EMPTY)) != KS_OK)
            return err;
    }
    return show_ours(k, &group, in->from);
}
