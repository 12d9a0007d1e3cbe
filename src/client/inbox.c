/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "inbox.h"

#include "certs.h"
#include "engine.h"
#include "group.h"
#include "group_roles.h"
#include "heartbeat.h"
#include "held.h"
#include "history.h"
#include "invitations.h"
#include "kept_rooms.h"
#include "outbox_record.h"
#include "peers.h"
#include "picture.h"

#define EARLIER_MS 300000 /* our clock and the server's may differ by so much */

/* --- what it is --- */

static enum ks_err bare_text(struct konsil *k, struct ks_arena *arena, struct ks_str text, struct ks_str *ret_bare)
{
    struct ks_jid jid;
    enum ks_err err;

    if (text.len == 0) {
        *ret_bare = ks_own(k);
        return KS_OK;
    }
    if ((err = ks_jid_parse(arena, text, &jid)) != KS_OK)
        return err;
    return ks_jid_text(arena, ks_jid_bare(jid), ret_bare);
}

/* XEP-0359 §3.2: the id that our own server gave it, and nobody else. */
static struct ks_str archive_id(struct konsil *k, const struct ks_xml *message)
{
    for (const struct ks_xml *c = ks_xml_child(message, NS_SID, "stanza-id"); c;
         c = ks_xml_next(c, NS_SID, "stanza-id"))
        if (ks_str_eq(ks_xml_attr(c, "by"), ks_own(k)))
            return ks_xml_attr(c, "id");
    return KS_STR_EMPTY;
}

static int64_t delay_stamp(struct konsil *k, const struct ks_xml *parent)
{
    const struct ks_xml *delay = ks_xml_child(parent, NS_DELAY, "delay");
    int64_t stamp;

    return delay && ks_stamp_read(ks_xml_attr(delay, "stamp"), &stamp) == KS_OK ? stamp : k->now.wall_ms;
}

static struct ks_str message_id(const struct ks_xml *message)
{
    struct ks_str origin = ks_xml_attr(ks_xml_child(message, NS_SID, "origin-id"), "id");

    return origin.len > 0 ? origin : ks_xml_attr(message, "id");
}

/* KS_ESYNTAX: not a message between us and one other account. */
static enum ks_err read_inbound(
    struct konsil *k, const struct ks_xml *message, int64_t stamp_ms, struct ks_inbound *ret_in)
{
    struct ks_arena *arena = &k->stream.element;
    struct ks_inbound in = { .message = message, .stamp_ms = stamp_ms, .id = message_id(message) };
    enum ks_err err;

    if ((err = bare_text(k, arena, ks_xml_attr(message, "from"), &in.from)) != KS_OK
        || (err = bare_text(k, arena, ks_xml_attr(message, "to"), &in.to)) != KS_OK)
        return err;
    in.mine = ks_str_eq(in.from, ks_own(k));
    in.peer = in.mine ? in.to : in.from;
    if (!in.mine && !ks_str_eq(in.to, ks_own(k)))
        return KS_ESYNTAX;
    in.idle = ks_str_is(ks_xml_attr(ks_xml_child(message, NS_KONSIL_WAKE, "wake"), "level"), "none");
    *ret_in = in;
    return KS_OK;
}

static uint32_t sender_device(const struct ks_xml *encrypted)
{
    const struct ks_xml *header = ks_xml_child(encrypted, NULL, "header");
    uint64_t id;

    return header && ks_str_u64(ks_xml_attr(header, "sid"), INT32_MAX, &id) == KS_OK ? (uint32_t)id : 0;
}

/* --- opening --- */

struct opening {
    struct ks_inbound *in;
    const struct ks_xml *encrypted;
    enum ks_err err;  /* of ks_omemo_open, when that is why the step was undone */
    bool uncertified; /* it could be opened, and its author's device is not one of the hospital's */
};

/* Where we are in the archive, durable with what came. */
static enum ks_err note_archive(struct konsil *k, const struct ks_inbound *in)
{
    return in->archive_id.len > 0 ? ks_catchup_note(k, in->archive, in->archive_id, in->stamp_ms) : KS_OK;
}

/* XEP-0384 §5.6 and §6: an exchange of keys is completed, and a long chain broken, by an empty answer. */
static enum ks_err owe_answers(struct konsil *k, const struct ks_inbound *in)
{
    const struct ks_omemo_opened *opened = &in->opened;
    enum ks_err err;

    if (opened->session_new && (err = ks_keys_upkeep(k, false)) != KS_OK)
        return err;
    if (opened->session_new || opened->heartbeat_due)
        return ks_heartbeat_owe(k, in->from, opened->device, opened->version, opened->session_new);
    return KS_OK;
}

static enum ks_err open_it(struct konsil *k, void *arg)
{
    struct opening *opening = arg;
    struct ks_inbound *in = opening->in;
    struct ks_content content = { .says = KS_SAYS_TEXT };
    bool permitted;
    enum ks_err err = ks_omemo_open(k->omemo, &k->arena, opening->encrypted, in->from, &in->opened);

    if (err != KS_OK) {
        opening->err = err;
        return err;
    }
    if ((err = ks_certs_permit(k, in->from, in->opened.device, in->opened.identity, &permitted)) != KS_OK)
        return err;
    if (!permitted) {
        opening->uncertified = true;
        return opening->err = KS_EDENIED; /* the ratchet is turned back: it may be permitted later */
    }
    if ((err = owe_answers(k, in)) != KS_OK || (err = note_archive(k, in)) != KS_OK)
        return err;
    if (!in->opened.plaintext.ptr)
        return ks_peer_seen(k, in->from, in->opened.device, false);
    ks_heal_opened(k, in->from);
    if (in->opened.version == KS_OMEMO_2) {
        err = ks_intake_envelope(k, in, in->opened.plaintext);
    } else if ((err = ks_peer_seen(k, in->from, in->opened.device, false)) == KS_OK) {
        content.body = in->opened.plaintext;
        /* What the older version decrypts to may be any bytes. */
        err = ks_xml_text_ok(content.body) ? ks_intake(k, in, &content) : ks_intake_unreadable(k, in);
    }
    return err == KS_OK ? ks_displayed_note(k, in) : err;
}

/* --- what could not be opened --- */

static enum ks_err tell_denied(struct konsil *k, const struct ks_inbound *in)
{
    struct ks_ev_warning event = { .code = KS_STR(KS_CODE_IDENTITY_CHANGED),
        .jid = in->from,
        .device = in->opened.device,
        .conversation = in->peer,
        .message = in->id };

    if (ks_certs_count(k, in->from))
        return ks_certs_tell(k, in->from, in->opened.device, in->opened.identity);
    return ks_tell(k, KS_EV_WARNING, &event);
}

/* A person refused the device: what it sends is not shown, and no news. */
static bool is_refused(struct konsil *k, const struct ks_inbound *in)
{
    struct ks_omemo_peer known;

    return ks_omemo_peer_get(k->omemo, in->from, in->opened.device, &known) == KS_OK && known.trust == KS_TRUST_REFUSED;
}

/* Is there a key for any device of ours? */
static bool is_for_us(struct konsil *k, const struct ks_xml *encrypted)
{
    const struct ks_xml *header = ks_xml_child(encrypted, NULL, "header");

    for (const struct ks_xml *c = ks_xml_child(header, NS_OMEMO, "keys"); c; c = ks_xml_next(c, NS_OMEMO, "keys"))
        if (ks_str_eq(ks_xml_attr(c, "jid"), ks_own(k)))
            return true;
    return !ks_str_is(encrypted->ns, NS_OMEMO); /* the older version names no accounts */
}

static enum ks_err note_failure(struct konsil *k, void *arg)
{
    const struct opening *opening = arg;
    struct ks_inbound *in = opening->in;
    enum ks_err err;

    if ((err = note_archive(k, in)) != KS_OK)
        return err;
    if (opening->err == KS_EDENIED && is_refused(k, in))
        return KS_OK;
    if (opening->uncertified || (opening->err == KS_EAGAIN && ks_certs_count(k, in->from)))
        return tell_denied(k, in); /* by nobody of the hospital's: nothing is missing */
    if (opening->err == KS_EEXISTS)
        return KS_OK; /* here already */
    if (opening->err == KS_ENOTFOUND && in->stamp_ms < k->born_ms + EARLIER_MS)
        return KS_OK; /* from before this device was one */
    if (opening->err == KS_ENOTFOUND && in->room && !is_for_us(k, opening->encrypted))
        return KS_OK; /* its author did not know us as a member; if that is wrong, its number is missing */
    if (in->idle && in->archive->twice)
        return KS_OK; /* receipts and the like are in no history to be known by, and their keys are used up */
    if (opening->err == KS_EDENIED && (err = tell_denied(k, in)) != KS_OK)
        return err;
    if (!in->idle && ((err = ks_intake_unreadable(k, in)) != KS_OK || (err = ks_displayed_note(k, in)) != KS_OK))
        return err;
    if (opening->err == KS_EDENIED || opening->err == KS_ESYNTAX)
        return KS_OK; /* a new session would not help */
    return ks_heal_lost(k, in, opening->err != KS_ENOTFOUND);
}

/* Whether an author's certificate is on its way, and his message waits for it. */
struct waiting {
    const struct ks_inbound *in;
    uint32_t device;
    bool coming;
};

static enum ks_err want(struct konsil *k, void *arg)
{
    struct waiting *waiting = arg;

    return ks_certs_want(k, waiting->in->from, waiting->device, &waiting->coming);
}

static bool hold_back(struct konsil *k, const struct ks_inbound *in, uint32_t device)
{
    struct waiting waiting = { in, device, false };

    return !in->again && ks_certs_count(k, in->from) && ks_step(k, want, &waiting) && waiting.coming
        && ks_held_add(k, in, device);
}

static void open_one(struct konsil *k, struct ks_inbound *in, const struct ks_xml *newer, const struct ks_xml *older)
{
    struct opening opening = { .in = in, .encrypted = newer ? newer : older, .err = KS_OK };

    if (ks_step(k, open_it, &opening) || k->failed != KS_OK)
        return;
    if (opening.err == KS_ENOTFOUND && newer && older) {
        /* Not for us in the newer version: a program that speaks the older one to us, beside others. */
        opening.encrypted = older;
        opening.err = KS_OK;
        if (ks_step(k, open_it, &opening) || k->failed != KS_OK)
            return;
    }
    if ((opening.err == KS_EAGAIN || opening.uncertified) && hold_back(k, in, in->opened.device))
        return;
    if (opening.err != KS_OK)
        (void)ks_step(k, note_failure, &opening);
}

/* --- one message --- */

struct look {
    struct ks_inbound *in;
    uint32_t device; /* who wrote it, by its header */
    bool known;
};

static enum ks_err tell_in_clear(struct konsil *k, const struct ks_inbound *in)
{
    struct ks_ev_warning event = { .code = KS_STR(KS_CODE_IN_CLEAR),
        .jid = in->from,
        .conversation = in->peer,
        .message = in->id.len > 0 ? in->id : KS_STR_EMPTY };

    return in->mine ? KS_OK : ks_tell(k, KS_EV_WARNING, &event);
}

/* We wrote it, with a number, and know nothing of it: then this store is an older one, put back or copied. Its numbers
 * were given since, and its sessions' keys were used, so both begin anew (§6.1). */
static enum ks_err look_whether_old(struct konsil *k, const struct ks_inbound *in)
{
    const struct ks_xml *encrypted = ks_xml_child(in->message, NS_OMEMO, "encrypted");
    struct ks_message message;
    uint64_t seq;
    enum ks_err err;

    if (in->idle || k->went_back || !in->id.len || !ks_xml_child(encrypted, NS_OMEMO, "payload")
        || in->stamp_ms < k->born_ms || k->now.wall_ms - in->stamp_ms > KS_OUTBOX_KEEP_MS)
        return KS_OK;
    if ((err = ks_out_by_id(k, in->id, &seq)) != KS_ENOTFOUND
        || (err = ks_history_find(k, in->peer, in->id, in->from, &message)) != KS_ENOTFOUND)
        return err;
    return ks_engine_went_back(k);
}

/* Without opening it: is it ours, or here already? */
static enum ks_err look_at(struct konsil *k, void *arg)
{
    struct look *look = arg;
    struct ks_inbound *in = look->in;
    enum ks_err err;

    if ((err = ks_history_id(k, in->id, &in->id)) != KS_OK)
        return err;
    if ((err = ks_arena_copy(&k->stream.element, in->id, &in->id)) != KS_OK)
        return err;
    if (look->device == 0) { /* not encrypted */
        look->known = true;
        if ((err = note_archive(k, in)) != KS_OK
            || (!in->room
                && ((err = ks_invitation_take(k, in)) != KS_OK || (err = ks_group_voice_asked(k, in)) != KS_OK)))
            return err;
        return ks_xml_child(in->message, NS_CLIENT, "body") ? tell_in_clear(k, in) : KS_OK;
    }
    if (in->mine && look->device == ks_omemo_device(k->omemo)) {
        look->known = true;
        if ((err = note_archive(k, in)) != KS_OK || (err = ks_displayed_note(k, in)) != KS_OK
            || (err = look_whether_old(k, in)) != KS_OK)
            return err;
        return ks_outbox_seen(k, in->id);
    }
    if (in->id.len == 0)
        return KS_OK;
    if ((err = ks_history_knows(k, in->peer, in->id, in->from, &look->known)) != KS_OK || !look->known)
        return err;
    return (err = note_archive(k, in)) == KS_OK ? ks_displayed_note(k, in) : err;
}

static void take(struct konsil *k, struct ks_inbound *in)
{
    const struct ks_xml *newer = ks_xml_child(in->message, NS_OMEMO, "encrypted");
    const struct ks_xml *older = ks_xml_child(in->message, NS_AXOLOTL, "encrypted");
    struct look look = { .in = in, .device = sender_device(newer ? newer : older) };

    if (!ks_step(k, look_at, &look) || look.known)
        return;
    if (!in->again && ks_held_has(k, in->from, look.device) && ks_held_add(k, in, look.device))
        return; /* one before it waits */
    open_one(k, in, newer, older);
}

static void take_message(struct konsil *k, const struct ks_xml *message, int64_t stamp_ms, struct ks_str id)
{
    struct ks_inbound in;
    enum ks_err err = read_inbound(k, message, stamp_ms, &in);

    if (err == KS_ENOMEM)
        k->failed = err;
    if (err != KS_OK)
        return;
    in.archive_id = id;
    in.archive = &k->catchup;
    take(k, &in);
}

/* --- of a room (doc/PROTOCOL.md §9.3) --- */

/* Who wrote it: whose keys open it decides, never the nick. The server's word, and after that the device's id, only say
 * where to try. */
struct author {
    struct ks_str room, hint;
    uint32_t device;
    struct ks_str jid; /* found; empty: nobody who may be here */
    bool former;       /* he is no member by what we know */
    bool unheard;      /* we left, and wait for that to be stated */
};

static enum ks_err has_device(struct konsil *k, struct ks_str jid, uint32_t device, bool *ret_has)
{
    struct ks_peer peer;
    enum ks_err err = ks_peer_load(k, jid, &peer);

    *ret_has = err == KS_OK
        && (ks_peer_device(&peer, device) || (ks_str_eq(jid, ks_own(k)) && device == ks_omemo_device(k->omemo)));
    return err;
}

/* Of whom the server tells nothing: the nick of who was just removed names nobody, and his last words may follow. */
static enum ks_err find_former(struct konsil *k, const struct ks_group *group, struct author *author)
{
    const struct ks_room_state *state = &group->before.state;
    bool has = false;
    enum ks_err err = KS_OK;

    for (size_t i = 0; group->before.data.len > 0 && !has && i < state->member_count && err == KS_OK; i++)
        if ((err = has_device(k, state->members[i].jid, author->device, &has)) == KS_OK && has)
            author->jid = state->members[i].jid;
    author->former = has;
    return err;
}

static enum ks_err find_author(struct konsil *k, void *arg)
{
    struct author *author = arg;
    struct ks_group group;
    const struct ks_room_state *state = &group.newest.state;
    bool has = false, member;
    enum ks_err err = ks_group_get(k, author->room, &group);

    author->jid = KS_STR_EMPTY;
    if (err == KS_OK && group.flags & KS_GROUP_FOREIGN)
        author->jid = author->hint; /* his keys open it, or nobody's */
    if (err != KS_OK || group.newest.data.len == 0)
        return err == KS_ENOTFOUND ? KS_OK : err;
    author->unheard = group.flags & KS_GROUP_LEFT;
    member = author->hint.len > 0 && ks_room_state_member(state, author->hint);
    if (member && (err = has_device(k, author->hint, author->device, &has)) != KS_OK)
        return err;
    for (size_t i = 0; !has && i < state->member_count; i++) {
        if ((err = has_device(k, state->members[i].jid, author->device, &has)) != KS_OK)
            return err;
        if (has)
            author->jid = state->members[i].jid;
    }
    if (!has && author->hint.len == 0 && (err = find_former(k, &group, author)) != KS_OK)
        return err;
    /* A device that is new to us: then it is as the server says, or opens nothing. Who is no member any more may have
     * been one when he wrote (ks_group_admits). */
    if (author->jid.len == 0 && author->hint.len > 0 && !member
        && (err = ks_group_ever_had(k, author->room, author->hint, &member)) != KS_OK)
        return err;
    if (author->jid.len == 0 && member) {
        author->jid = author->hint;
        author->former = !ks_room_state_member(state, author->hint);
    }
    /* Out of the step's arena: it is needed in the next. */
    return ks_arena_copy(&k->stream.element, author->jid, &author->jid);
}

static enum ks_err tell_stranger(struct konsil *k, void *arg)
{
    const struct author *author = arg;

    return ks_group_warn(k, KS_CODE_ROOM_STRANGER, author->room, author->hint, KS_STR_EMPTY);
}

/* XEP-0045 §7.4 and XEP-0313 §5.1.2: the author's address, where the room tells it. */
static struct ks_str told_author(struct konsil *k, struct ks_group_live *live, const struct ks_xml *message)
{
    const struct ks_xml *item = ks_xml_child(ks_xml_child(message, NS_MUC_USER, "x"), NS_MUC_USER, "item");
    struct ks_str bare = ks_xml_attr(item, "jid");

    if (bare.len == 0)
        return ks_group_occupant(live, ks_jid_split(ks_xml_attr(message, "from")).resource);
    return bare_text(k, &k->stream.element, bare, &bare) == KS_OK ? bare : KS_STR_EMPTY;
}

/* What is held is read when its author may have left, and then his nick names nobody: so the server's word of who he is
 * is kept with it, as archives have it (XEP-0313 §5.1.2). */
static const struct ks_xml *with_author(struct konsil *k, struct ks_group_live *live, const struct ks_xml *message)
{
    struct ks_arena *arena = &k->stream.element;
    struct ks_str jid = told_author(k, live, message);
    struct ks_xml *copy = ks_xml_copy_top(arena, message), *x = ks_xml_new(arena, NS_MUC_USER, "x");

    if (jid.len == 0 || !copy || !ks_xml_set(arena, ks_xml_add(arena, x, NS_MUC_USER, "item"), "jid", jid))
        return message;
    ks_xml_prepend(copy, x);
    return copy;
}

/* Out of the room's archive: with the time and the id that stand around it there. */
static const struct ks_xml *with_place(
    struct konsil *k, struct ks_group_live *live, const struct ks_xml *message, int64_t stamp_ms, struct ks_str id)
{
    struct ks_arena *arena = &k->stream.element;
    struct ks_xml *copy = ks_xml_copy_top(arena, message), *delay = ks_xml_new(arena, NS_DELAY, "delay");
    struct ks_xml *sid = ks_xml_set(arena, ks_xml_new(arena, NS_SID, "stanza-id"), "by", live->room);
    char text[KS_STAMP_LEN + 1];
    struct ks_str stamp;

    if (!copy || ks_arena_copy(arena, ks_stamp_write(stamp_ms, text), &stamp) != KS_OK
        || !ks_xml_set(arena, delay, "stamp", stamp) || !ks_xml_set(arena, sid, "id", id))
        return message;
    ks_xml_prepend(copy, delay);
    ks_xml_prepend(copy, sid);
    return copy;
}

static void take_room_message(struct konsil *k, struct ks_group_live *live, const struct ks_xml *message,
    int64_t stamp_ms, struct ks_str id, bool archived)
{
    const struct ks_xml *newer = ks_xml_child(message, NS_OMEMO, "encrypted");
    const struct ks_xml *encrypted = newer ? newer : ks_xml_child(message, NS_AXOLOTL, "encrypted");
    struct author author = {
        .room = live->room, .hint = told_author(k, live, message), .device = sender_device(encrypted)
    };
    struct ks_inbound in = {
        .message = message, .stamp_ms = stamp_ms, .id = message_id(message), .archive_id = id, .archive = &live->catchup
    };

    if (!encrypted || author.device == 0) /* a subject, or words that nobody sealed: no room of ours has them */
        return;
    if (!ks_step(k, find_author, &author) || author.unheard)
        return;
    /* He may have been added a moment ago, for the first time or again. */
    if ((author.former || (author.jid.len == 0 && author.hint.len > 0))
        && ks_group_hold_for(
            k, live, archived ? with_place(k, live, message, stamp_ms, id) : with_author(k, live, message)))
        return;
    if (author.jid.len == 0) {
        (void)ks_step(k, tell_stranger, &author);
        return;
    }
    in.from = author.jid;
    in.to = in.peer = live->room;
    in.room = true;
    in.mine = ks_str_eq(in.from, ks_own(k));
    in.idle = ks_str_is(ks_xml_attr(ks_xml_child(message, NS_KONSIL_WAKE, "wake"), "level"), "none");
    take(k, &in);
}

/* Our own server gives a message its id in our archive, a room in its own. */
static struct ks_str room_archive_id(const struct ks_group_live *live, const struct ks_xml *message)
{
    for (const struct ks_xml *c = ks_xml_child(message, NS_SID, "stanza-id"); c;
         c = ks_xml_next(c, NS_SID, "stanza-id"))
        if (ks_str_eq(ks_xml_attr(c, "by"), live->room))
            return ks_xml_attr(c, "id");
    return KS_STR_EMPTY;
}

static struct ks_group_live *room_of(struct konsil *k, struct ks_str from)
{
    struct ks_str room;

    return from.len > 0 && bare_text(k, &k->stream.element, from, &room) == KS_OK ? ks_group_live(k, room) : NULL;
}

static void take_groupchat(struct konsil *k, const struct ks_xml *message, bool held)
{
    struct ks_group_live *live = room_of(k, ks_xml_attr(message, "from"));

    if (!live || live->place != KS_GROUP_IN
        || (!held && live->catchup.running && ks_catchup_hold(&live->catchup, with_author(k, live, message))))
        return;
    take_room_message(k, live, message, delay_stamp(k, message), room_archive_id(live, message), false);
}

/* --- the ways in --- */

void ks_inbox_archived(struct konsil *k, struct ks_catchup *archive, const struct ks_xml *forwarded, struct ks_str id)
{
    const struct ks_xml *message = ks_xml_child(forwarded, NS_CLIENT, "message");
    struct ks_str type = ks_xml_attr(message, "type");

    if (archive->archive.len > 0) {
        if (message && ks_str_is(type, "groupchat"))
            take_room_message(
                k, KS_CONTAINER(archive, struct ks_group_live, catchup), message, delay_stamp(k, forwarded), id, true);
    } else if (message && !ks_str_is(type, "error") && !ks_str_is(type, "groupchat"))
        take_message(k, message, delay_stamp(k, forwarded), id);
}

struct bounce {
    struct ks_str id, from, condition;
};

static enum ks_err take_bounce(struct konsil *k, void *arg)
{
    const struct bounce *bounce = arg;

    ks_acks_bounced(k, bounce->id);
    return ks_outbox_bounced(k, bounce->id, bounce->from, bounce->condition);
}

static void on_error(struct konsil *k, const struct ks_stanza *stanza)
{
    struct bounce bounce = { .id = stanza->id, .condition = ks_str_z(ks_iq_condition(stanza)) };

    if (stanza->has_from && ks_jid_text(&k->stream.element, ks_jid_bare(stanza->from), &bounce.from) == KS_OK)
        (void)ks_step(k, take_bounce, &bounce);
}

struct event {
    struct ks_str from;
    const struct ks_xml *event;
};

static enum ks_err take_event(struct konsil *k, void *arg)
{
    const struct event *event = arg;
    const struct ks_xml *items = ks_xml_child(event->event, NS_PUBSUB_EVENT, "items");

    struct ks_str node = ks_xml_attr(items, "node");
    bool own = ks_str_eq(event->from, ks_own(k));

    if (ks_str_is(node, NS_MDS))
        return own ? ks_displayed_event(k, items) : KS_OK;
    if (ks_str_is(node, NS_BOOKMARKS))
        return own ? ks_bookmarks_event(k, items) : KS_OK;
    if (ks_str_is(node, NS_AVATAR_METADATA))
        return ks_picture_event(k, event->from, items);
    return ks_keys_event(k, event->from, event->event);
}

/* XEP-0280 §11: "Any forwarded stanzas MUST be from the account's bare JID"; so a forged one is not even looked at. */
static bool from_own_server(const struct konsil *k, const struct ks_stanza *stanza)
{
    return !stanza->has_from || ks_jid_eq(stanza->from, ks_jid_split(ks_own(k)));
}

/* The message in a carbon, or NULL. */
static const struct ks_xml *carbon(const struct ks_xml *message)
{
    const struct ks_xml *copy = ks_xml_child(message, NS_CARBONS, "sent");

    if (!copy)
        copy = ks_xml_child(message, NS_CARBONS, "received");
    return ks_xml_child(ks_xml_child(copy, NS_FORWARD, "forwarded"), NS_CLIENT, "message");
}

static void take_live(struct konsil *k, const struct ks_stanza *stanza)
{
    const struct ks_xml *message = stanza->xml, *inner = carbon(message);
    int64_t stamp;

    if (inner && !from_own_server(k, stanza))
        return;
    stamp = delay_stamp(k, message);
    if (inner)
        message = inner;
    take_message(k, message, stamp, archive_id(k, message));
}

static enum ks_err take_log(struct konsil *k, void *arg)
{
    return ks_log_follow_pushed(k, arg);
}

static enum ks_err take_ring(struct konsil *k, void *arg)
{
    return ks_ring_told(k, arg);
}

void ks_inbox_message(struct konsil *k, const struct ks_stanza *stanza)
{
    const struct ks_xml *result = ks_xml_child(stanza->xml, NS_MAM, "result");
    const struct ks_xml *pushed = ks_xml_child(stanza->xml, NS_KONSIL_LOG, "log");
    const struct ks_xml *ring = ks_xml_child(stanza->xml, NS_KONSIL_ARCHIVE, "ring");
    struct event event = { .event = ks_xml_child(stanza->xml, NS_PUBSUB_EVENT, "event") };
    struct ks_group_live *live;

    if (stanza->type == KS_MSG_ERROR) {
        on_error(k, stanza);
    } else if (result) {
        if (from_own_server(k, stanza))
            (void)ks_catchup_result(k, &k->catchup, result);
        else if (stanza->has_from && !stanza->from.resource.len /* not an occupant, who says so himself */
            && (live = room_of(k, ks_xml_attr(stanza->xml, "from"))))
            (void)ks_catchup_result(k, &live->catchup, result);
    } else if (pushed) {
        if (stanza->has_from && ks_jid_eq(stanza->from, ks_jid_split(ks_str_z(k->domain))))
            (void)ks_step(k, take_log, (void *)(uintptr_t)pushed);
    } else if (ring && from_own_server(k, stanza)) {
        (void)ks_step(k, take_ring, (void *)(uintptr_t)ring);
    } else if (event.event) {
        /* XEP-0163 §4.3: "The 'from' address of the notification MUST be the bare JID of the account owner"; a device
         * of his, or an occupant of a room, says nothing of nodes. */
        if (!(stanza->has_from && stanza->from.resource.len > 0)
            && bare_text(k, &k->stream.element, ks_xml_attr(stanza->xml, "from"), &event.from) == KS_OK)
            (void)ks_step(k, take_event, &event);
    } else if (stanza->type == KS_MSG_GROUPCHAT) {
        take_groupchat(k, stanza->xml, false);
    } else if (!ks_catchup_hold(&k->catchup, stanza->xml)) {
        take_live(k, stanza);
    }
}

void ks_inbox_again(struct konsil *k, const struct ks_held *held)
{
    struct ks_group_live *live = held->room ? ks_group_live(k, held->peer) : NULL;
    struct ks_inbound in = { .stamp_ms = held->stamp_ms,
        .from = held->from,
        .to = held->to,
        .peer = held->peer,
        .id = held->id,
        .archive_id = held->room && !live ? KS_STR_EMPTY : held->archive_id,
        .archive = live ? &live->catchup : &k->catchup,
        .room = held->room,
        .mine = held->mine,
        .idle = held->idle,
        .again = true };
    struct ks_xml *message;

    ks_arena_reset(&k->stream.element);
    if (ks_xml_read(&k->stream.element, held->bytes, KS_STR_EMPTY, KS_STR_EMPTY, &message) != KS_OK)
        return;
    in.message = message;
    take(k, &in);
}

void ks_inbox_held(struct konsil *k, struct ks_str bytes)
{
    struct ks_stanza stanza;
    struct ks_xml *xml;
    enum ks_cond cond;

    ks_arena_reset(&k->stream.element);
    if (ks_xml_read(&k->stream.element, bytes, KS_STR_EMPTY, KS_STR_EMPTY, &xml) == KS_OK
        && ks_stanza_read(&k->stream.element, xml, &stanza, &cond) == KS_OK) {
        if (stanza.type == KS_MSG_GROUPCHAT)
            take_groupchat(k, stanza.xml, true);
        else
            take_live(k, &stanza);
    }
}
