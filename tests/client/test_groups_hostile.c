/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a hostile server makes of a room: nothing leaks, nobody's words become another's, and people are told
 * (doc/PROTOCOL.md §4.2, §8.2, §9). */
#include "engine.h"
#include "ward.h"

/* --- what the server does at one party --- */

struct plan {
    const char *drop[4];   /* texts: stanzas that hold one never come; NULL ends */
    const char *from, *to; /* in messages of a room the first text is replaced by the second */
    const char *only_with; /* in those that hold this text; NULL: all */
    bool old_state;        /* no statement beyond the first is served */
    bool cut_short;        /* the newest statement is never served, though it is said that there is more */
    bool believe;          /* a conflict is said to be a result */
    bool hold_room;        /* nothing said in rooms comes */
    size_t done;
};

static struct ks_str replaced(struct lab *lab, struct ks_str stanza, const char *piece, const char *instead)
{
    size_t at = ks_str_find(stanza, ks_str_z(piece));
    struct ks_str joined,
        parts[] = { ks_str_head(stanza, at), ks_str_z(instead), ks_str_from(stanza, at + strlen(piece)) };

    if (at == stanza.len || ks_arena_join(&lab->kept, parts, 3, &joined) != KS_OK)
        return stanza;
    return joined;
}

/* An answer of the same id and addresses that says something else: from `at` on. */
static struct ks_str answer_with(struct lab *lab, struct ks_str stanza, const char *type, const char *payload)
{
    struct ks_str joined, head = ks_str_head(stanza, ks_str_find_byte(stanza, '>'));
    struct ks_str parts[] = { head, KS_STR(">"), ks_str_z(payload), KS_STR("</iq>") };

    if (ks_arena_join(&lab->kept, parts, 4, &joined) != KS_OK)
        return stanza;
    return replaced(lab, joined, "type='error'", type);
}

/* Without the last statement; where that is the only one, with none. */
static struct ks_str cut_short(struct lab *lab, struct ks_str stanza)
{
    size_t last = stanza.len, count = 0;
    struct ks_str joined;

    for (size_t at = 0; (at += ks_str_find(ks_str_from(stanza, at), KS_STR("<statement>"))) < stanza.len; at++, count++)
        last = at;
    if (count < 2)
        return answer_with(lab, stanza, "type='result'", "<statements xmlns='urn:konsil:room:0' v='0'></statements>");
    if (ks_arena_join(
            &lab->kept, (struct ks_str[]) { ks_str_head(stanza, last), KS_STR("</statements></iq>") }, 2, &joined)
        != KS_OK)
        return stanza;
    return replaced(lab, joined, "<statements ", "<statements more='true' ");
}

static bool spy(struct party *party, struct ks_str *stanza, void *user)
{
    struct plan *plan = user;

    for (size_t i = 0; plan->drop[i]; i++)
        if (has(*stanza, plan->drop[i])) {
            plan->done++;
            return false;
        }
    if (plan->hold_room && has(*stanza, "type='groupchat'")) {
        plan->done++;
        return false;
    }
    if (plan->from && has(*stanza, "type='groupchat'") && (!plan->only_with || has(*stanza, plan->only_with))) {
        plan->done++;
        *stanza = replaced(party->lab, *stanza, plan->from, plan->to);
    }
    if (plan->old_state && has(*stanza, "<statements")) {
        plan->done++;
        *stanza = answer_with(
            party->lab, *stanza, "type='error'", "<statements xmlns='urn:konsil:room:0' v='0'></statements>");
    }
    if (plan->cut_short && has(*stanza, "<statements")) {
        plan->done++;
        *stanza = cut_short(party->lab, *stanza);
    }
    if (plan->believe && has(*stanza, "<conflict")) {
        plan->done++;
        *stanza = answer_with(party->lab, *stanza, "type='result'", "");
    }
    return true;
}

static void spy_on(struct party *party, struct plan *plan)
{
    party->spy = spy;
    party->spy_user = plan;
}

/* Why the first account waits, or failed. */
static const char *reason_of(struct party *party, const char *room, const char *id)
{
    return text_of(json_array_get(json_object_get(party_message(party, room, id), "recipients"), 0), "reason");
}

/* --- attacks --- */

static void test_ghost(void)
{
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 21);
    ward_room(&ward, "\"" JONAS "\"");
    check_row(warnings(ward.anna, "room.ghost") == 0, "PROTOCOL §9.3: members are no strangers", "%zu",
        warnings(ward.anna, "room.ghost"));
    for (int i = 0; i < 3; i++)
        party_give(ward.anna,
            "<presence from='%s/eve' to='" ANNA "/x'><x xmlns='http://jabber.org/protocol/muc#user'><item "
            "affiliation='owner' role='moderator' jid='" MIRA "/x'/></x></presence>",
            ward.room);
    check_row(warnings(ward.anna, "room.ghost") == 1,
        "DSK IV.2-d part (role/ward): attack 21: a person whom only the server names is told, once", "%zu",
        warnings(ward.anna, "room.ghost"));
    mark = ward.anna->sent.len;
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 10000);
    check_row(sent_key_to(ward.anna, mark, JONAS) && !sent_key_to(ward.anna, mark, MIRA), "attack 21: and gets no key",
        "she does");
    ward_end(&ward);
}

static void test_sender(void)
{
    struct plan plan = { .from = "/anna'", .to = "/mira'" };
    const json_t *message;
    struct ward ward;

    ward_begin(&ward, 22);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    spy_on(ward.jonas, &plan);
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 10000);
    message = party_event(ward.jonas, "message", 0, party_count(ward.jonas, "message", 0) - 1);
    check_row(plan.done > 0, "the server gives Anna's message to Mira", "nothing was changed");
    check_text(
        "attack 19: keys say who wrote, and no nick", text_of(json_object_get(message, "message"), "from"), ANNA);
    check_text("attack 19: it is shown once", party_history(ward.jonas, ward.room), "1");
    ward_end(&ward);
}

static void test_other_room(void)
{
    struct plan plan = { .drop = { NULL } };
    const char *first, *id;
    struct ward ward;

    ward_begin(&ward, 23);
    ward_room(&ward, "\"" JONAS "\"");
    first = ward.room;
    ward_room(&ward, "\"" JONAS "\"");
    check_row(strcmp(first, ward.room) != 0, "there are two rooms", "one");
    spy_on(ward.jonas, &plan);
    plan.from = first;
    plan.to = ward.room;
    id = party_send(ward.anna, first, "1");
    plan.only_with = id;
    lab_run(&ward.lab, 3000);
    check_row(plan.done > 0, "a message of one room comes in another", "it does not");
    check_text("attack 19: it is not shown there", party_history(ward.jonas, ward.room), "");
    check_row(warnings(ward.jonas, "message.forged") >= 1, "attack 19: and told", "%zu",
        warnings(ward.jonas, "message.forged"));
    ward_end(&ward);
}

/* A later device hears of the room from another of the same person, and of its state from the server alone: which may
 * have been asked before that, since there is a bookmark, or after. */
static void test_later_device(bool welcomed)
{
    struct plan plan = { .cut_short = true, .drop = { welcomed ? "urn:xmpp:bookmarks:1" : NULL } };
    struct party *later;
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 29);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    check_row(removes(ward.anna, ward.room, MIRA), "an owner removes a member", "she cannot");
    lab_run(&ward.lab, 20000);
    ward.jonas2->cut = true;
    party_cut(ward.jonas2);
    later = lab_party(&ward.lab, JONAS, "j-password");
    spy_on(later, &plan);
    party_connect(later);
    lab_run(&ward.lab, 60000);
    mark = later->sent.len;
    (void)party_send(later, ward.room, "1");
    lab_run(&ward.lab, 30000);
    check_row(plan.done > 1 && !sent_key_to(later, mark, MIRA),
        welcomed
            ? "PROTOCOL §9.4: attack: nor where it hears of the room before the server says anything"
            : "PROTOCOL §9.4: attack: a server that says there is more, and gives none, shows a later device no old "
              "state",
        "%zu answers; she gets a key: %d", plan.done, sent_key_to(later, mark, MIRA));
    check_row(warnings(later, "room.withheld") + warnings(later, "room.behind") > 0, "and its person is told", "not");
    ward_end(&ward);
}

static void test_old_state(void)
{
    struct plan plan = { .old_state = true, .hold_room = true };
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 24);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    spy_on(ward.jonas, &plan);
    spy_on(ward.jonas2, &plan);
    check_row(removes(ward.anna, ward.room, MIRA), "an owner removes a member", "she cannot");
    lab_run(&ward.lab, 10000);
    check_text("a server that hides it is believed at first", lines(ward.jonas, ward.room), "founded");
    mark = ward.jonas->sent.len;
    (void)party_send(ward.jonas, ward.room, "1");
    lab_run(&ward.lab, 20000);
    check_row(plan.done > 0 && sent_key_to(ward.jonas, mark, MIRA),
        "attack 22: whom nobody told of it he cannot leave out: she gets a key", "she does not");
    check_text("attack 22: an owner shows the author the newer statement, and he follows it",
        lines(ward.jonas, ward.room), "founded,removed:mira@");
    check_row(warnings(ward.jonas, "room.overheard") == 1,
        "attack 22: and he is told that she could read what he wrote meanwhile", "%zu times",
        warnings(ward.jonas, "room.overheard"));
    mark = ward.jonas->sent.len;
    (void)party_send(ward.jonas, ward.room, "2");
    lab_run(&ward.lab, 20000);
    check_row(sent_key_to(ward.jonas, mark, ANNA) && !sent_key_to(ward.jonas, mark, MIRA),
        "attack 22: from then on she gets none", "she does");
    party_restart(ward.jonas);
    lab_run(&ward.lab, 30000);
    check_row(warnings(ward.jonas, "room.went_back") == 1,
        "attack 22: a server that serves less than is known is told, once", "%zu",
        warnings(ward.jonas, "room.went_back"));
    check_text("attack 22: and versions never go back", lines(ward.jonas, ward.room), "founded,removed:mira@");
    ward_end(&ward);
}

/* The server hides a removal, and lets through what shows that there is one. */
static void test_behind(void)
{
    struct plan plan = { .old_state = true, .hold_room = true, .drop = { "type='chat'" } };
    struct ward ward;
    const char *id;
    size_t mark;

    ward_begin(&ward, 28);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    spy_on(ward.jonas, &plan);
    check_row(removes(ward.anna, ward.room, MIRA), "an owner removes a member, and the server hides it", "she cannot");
    lab_run(&ward.lab, 10000);
    plan.hold_room = false;
    (void)party_send(ward.anna2, ward.room, "1");
    lab_run(&ward.lab, 5000);
    check_text("a message that cites the newer state comes", party_history(ward.jonas, ward.room), "1");
    check_row(warnings(ward.jonas, "room.behind") == 1, "PROTOCOL §9.3: what it cites is withheld, which is told once",
        "%zu times", warnings(ward.jonas, "room.behind"));
    mark = ward.jonas->sent.len;
    id = party_send(ward.jonas, ward.room, "2");
    lab_run(&ward.lab, 60000);
    check_row(!sent_key_to(ward.jonas, mark, ANNA) && !sent_key_to(ward.jonas, mark, MIRA),
        "PROTOCOL §9.3: so nothing is sealed for the old state", "it is");
    check_text("and its author knows why it waits", reason_of(ward.jonas, ward.room, id), "room.behind");
    party_restart(ward.jonas);
    lab_run(&ward.lab, 60000);
    check_row(!sent_key_to(ward.jonas, 0, MIRA) && warnings(ward.jonas, "room.behind") <= 1,
        "PROTOCOL §9.3: not after a new start either", "it is");
    plan.drop[0] = NULL;
    lab_run(&ward.lab, 100000);
    check_text("PROTOCOL §9.3: an owner who sees how far he is shows him the statement", lines(ward.jonas, ward.room),
        "founded,removed:mira@");
    check_row(sent_key_to(ward.jonas, mark, ANNA) && !sent_key_to(ward.jonas, mark, MIRA),
        "PROTOCOL §9.3: then the message goes to those who are in it", "it does not");
    check_text("and comes", party_history(ward.anna, ward.room), "1,2");
    ward_end(&ward);
}

/* A removal is in hand, and the key of who signed it is not: a line that stands still is no answer. */
static void test_key_late(void)
{
    struct plan plan = { .old_state = true, .drop = { "urn:konsil:device-key:0" } };
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 27);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    spy_on(ward.jonas, &plan);
    check_row(
        removes(ward.anna2, ward.room, MIRA), "a device that signed nothing before removes a member", "it cannot");
    lab_run(&ward.lab, 200000);
    check_row(plan.done > 0 && warnings(ward.jonas, "room.unproven") == 0,
        "PROTOCOL §9.1: while its key is on its way nobody is told of a doubt", "%zu dropped, %zu told", plan.done,
        warnings(ward.jonas, "room.unproven"));
    check_text("PROTOCOL §9.1: nor is it believed", lines(ward.jonas, ward.room), "founded");
    mark = ward.jonas->sent.len;
    (void)party_send(ward.jonas, ward.room, "1");
    lab_run(&ward.lab, 20000);
    check_row(sent_key_to(ward.jonas, mark, ANNA) && !sent_key_to(ward.jonas, mark, MIRA),
        "PROTOCOL §9.1: but who is not in it gets no key", "she does");
    plan.drop[0] = NULL;
    lab_run(&ward.lab, 200000);
    check_text("PROTOCOL §9.1: when the key is here it is", lines(ward.jonas, ward.room), "founded,removed:mira@");
    ward_end(&ward);
}

static void test_fork(void)
{
    struct plan plan = { .believe = true, .hold_room = true };
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 25);
    ward_room(&ward, "\"" JONAS "\"");
    check_row(good(ask(ward.anna,
                  "{\"id\":\"r\",\"cmd\":\"room_owner\",\"room\":\"%s\",\"member\":\"" JONAS "\",\"owner\":true}",
                  ward.room)),
        "a room of two owners", "it is none");
    lab_run(&ward.lab, 10000);
    plan.drop[0] = "<statements";
    spy_on(ward.anna, &plan);
    spy_on(ward.anna2, &plan);
    check_row(adds(ward.jonas, ward.room, MIRA), "one adds Mira", "he cannot");
    check_row(
        good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_history\",\"room\":\"%s\",\"history\":\"all\"}", ward.room))
            && plan.done > 0,
        "the other one's statement of the same version is said to be taken", "it is not");
    plan = (struct plan) { .believe = false };
    mark = ward.anna->sent.len;
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 60000);
    check_row(warnings(ward.jonas, "room.forked") >= 1 && warnings(ward.anna, "room.forked") >= 1,
        "attack 23: both are told of two states", "%zu and %zu", warnings(ward.jonas, "room.forked"),
        warnings(ward.anna, "room.forked"));
    check_row(json_is_true(json_object_get(room_of(ward.jonas, ward.room), "restricted"))
            && json_is_true(json_object_get(room_of(ward.anna, ward.room), "restricted")),
        "attack 23: and keep to what both say", "they do not");
    mark = ward.jonas->sent.len;
    (void)party_send(ward.jonas, ward.room, "2");
    lab_run(&ward.lab, 10000);
    check_row(sent_key_to(ward.jonas, mark, ANNA) && !sent_key_to(ward.jonas, mark, MIRA),
        "attack 23: keys go to those who are in both", "they do not");
    check_row(adds(ward.jonas, ward.room, MIRA), "PROTOCOL §9.1: an owner states anew over both", "he cannot");
    lab_run(&ward.lab, 30000);
    check_row(!json_is_true(json_object_get(room_of(ward.jonas, ward.room), "restricted")),
        "PROTOCOL §9.1: which ends it", "it does not");
    ward_end(&ward);
}

/* Who was removed gets nothing by repair, neither newer nor older; and a member does, as the control. */
static void test_repair(bool removed)
{
    struct plan plan = { .drop = { NULL } };
    struct ward ward;

    ward_begin(&ward, 26);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 20000);
    spy_on(ward.mira, &plan);
    spy_on(ward.mira2, &plan);
    plan.drop[0] = party_send(ward.anna, ward.room, "2");
    (void)party_send(ward.anna, ward.room, "3");
    lab_run(&ward.lab, 2000);
    check_text("a message is withheld", party_history(ward.mira, ward.room), "1,3");
    if (removed)
        check_row(removes(ward.anna, ward.room, MIRA), "and its reader is removed", "she is not");
    lab_run(&ward.lab, 600000);
    check_row(plan.done > 0, "the server withholds it for ever", "it does not");
    if (removed)
        check_text("attack 25: who was removed is not answered", party_history(ward.mira, ward.room), "1,3");
    else
        check_text("PROTOCOL §8.2: a member is handed it by its author", party_history(ward.mira, ward.room), "1,2,3");
    ward_end(&ward);
}

/* A room that ended meanwhile is not made again by coming back to it. */
static void test_no_room(void)
{
    struct ward ward;
    struct ks_str sent;
    char place[160];

    ward_begin(&ward, 29);
    ward_room(&ward, "\"" JONAS "\"");
    snprintf(place, sizeof(place), "to='%s/jonas'", ward.room);
    sent = ks_buf_str(&ward.jonas->sent);
    check_row(ks_str_find(sent, ks_str_z(place)) < sent.len, "a room that is there is entered", "it is not");
    party_reborn(ward.jonas);
    check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_destroy\",\"room\":\"%s\"}", ward.room)),
        "it is destroyed while a member is away", "it is not");
    lab_run(&ward.lab, 5000);
    ks_buf_reset(&ward.jonas->sent);
    party_connect(ward.jonas);
    lab_run(&ward.lab, 200000);
    sent = ks_buf_str(&ward.jonas->sent);
    check_row(ks_str_find(sent, KS_STR("disco#info")) < sent.len, "who comes back asks for it", "he does not");
    check_row(ks_str_find(sent, ks_str_z(place)) == sent.len,
        "XEP-0045 §10.1: and does not enter what is not there, which would make it", "he does");
    ward_end(&ward);
}

/* The answer to a ping of oneself in a room becomes an error (XEP-0410 §3.2). */
struct pinged {
    char place[160]; /* from='ROOM/NICK' */
    const char *condition;
    size_t done;
};

static bool spy_ping(struct party *party, struct ks_str *stanza, void *user)
{
    struct pinged *pinged = user;
    size_t at = ks_str_find(*stanza, KS_STR(" id='")) + 5;
    struct ks_str id, joined;

    if (!ks_str_starts(*stanza, KS_STR("<iq")) || !has(*stanza, pinged->place) || at >= stanza->len)
        return true;
    id = ks_str_from(*stanza, at);
    id = ks_str_head(id, ks_str_find_byte(id, '\''));
    if (ks_arena_join(&party->lab->kept,
            (struct ks_str[]) { KS_STR("<iq type='error' id='"), id, KS_STR("' "), ks_str_z(pinged->place),
                KS_STR("><error type='cancel'><"), ks_str_z(pinged->condition),
                KS_STR(" xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>") },
            7, &joined)
        != KS_OK)
        return true;
    pinged->done++;
    *stanza = joined;
    return true;
}

static void test_ping(void)
{
    static const struct {
        const char *name, *condition;
        bool again;
    } rows[] = {
        { "XEP-0410 §3.2: not-acceptable: who was taken out in silence enters again", "not-acceptable", true },
        { "XEP-0410 §3.2: service-unavailable: she is in it", "service-unavailable", false },
        { "XEP-0410 §3.2: feature-not-implemented: she is in it", "feature-not-implemented", false },
        { "XEP-0410 §3.2: item-not-found: she is in it", "item-not-found", false },
    };
    struct pinged pinged;
    struct ward ward;
    char to[160];

    ward_begin(&ward, 30);
    ward_room(&ward, "\"" JONAS "\"");
    snprintf(pinged.place, sizeof(pinged.place), "from='%s/jonas'", ward.room);
    snprintf(to, sizeof(to), "<presence to='%s/jonas'", ward.room);
    check_row(ks_str_find(ks_buf_str(&ward.jonas->sent), ks_str_z(to)) < ward.jonas->sent.len,
        "entering a room is found in what was sent", "it is not");
    ward.jonas->spy = spy_ping;
    ward.jonas->spy_user = &pinged;
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        size_t mark = ward.jonas->sent.len;
        struct ks_str sent;

        pinged.condition = rows[i].condition;
        pinged.done = 0;
        lab_run(&ward.lab, 700000);
        sent = ks_str_from(ks_buf_str(&ward.jonas->sent), mark);
        check_row(pinged.done > 0 && (ks_str_find(sent, ks_str_z(to)) < sent.len) == rows[i].again, rows[i].name,
            "%zu pings", pinged.done);
    }
    ward_end(&ward);
}

/* Of one device the bundles do not come: there are none, or nobody says so. */
struct keyless {
    char item[32]; /* id='DEVICE' */
    bool silent;
    size_t done;
};

static bool spy_bundles(struct party *party, struct ks_str *stanza, void *user)
{
    struct keyless *keyless = user;

    if (!ks_str_starts(*stanza, KS_STR("<iq")) || !has(*stanza, "bundles") || !has(*stanza, keyless->item))
        return true;
    keyless->done++;
    if (keyless->silent)
        return false;
    *stanza = replaced(party->lab,
        answer_with(party->lab, *stanza, "type='error'",
            "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"),
        "type='result'", "type='error'");
    return true;
}

static void test_keyless(bool silent)
{
    struct keyless keyless = { .silent = silent };
    struct ward ward;

    ward_begin(&ward, 31);
    snprintf(keyless.item, sizeof(keyless.item), "id='%u'", (unsigned)ks_omemo_device(ward.jonas2->engine->omemo));
    ward.anna->spy = spy_bundles;
    ward.anna->spy_user = &keyless;
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 200000);
    check_row(keyless.done > 0, "bundles of a device are withheld", "they are not asked for");
    check_text(silent ? "PROTOCOL §9.3: a device whose question for keys is not answered hinders nobody"
                      : "PROTOCOL §9.3: a listed device without a bundle hinders nobody",
        party_history(ward.jonas, ward.room), "1");
    check_text("PROTOCOL §9.3: and nobody else", party_history(ward.mira, ward.room), "1");
    ward_end(&ward);
}

/* What an owner says does not come, nor that a member is there again. */
static bool hush(struct party *party, struct ks_str *stanza, void *user)
{
    size_t *hushed = user;

    (void)party;
    if (has(*stanza, "<presence") ? !has(*stanza, "/mira'") : !has(*stanza, "/anna'"))
        return true;
    (*hushed)++;
    return false;
}

static void test_back_unseen(void)
{
    struct ward ward;
    size_t hushed = 0;

    ward_begin(&ward, 34);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    (void)party_send(ward.mira, ward.room, "1");
    lab_run(&ward.lab, 20000);
    check_row(removes(ward.anna, ward.room, MIRA), "a member is removed", "she is not");
    lab_run(&ward.lab, 20000);
    ward.jonas->spy = hush;
    ward.jonas->spy_user = &hushed;
    check_row(adds(ward.anna, ward.room, MIRA), "and added again", "she is not");
    lab_run(&ward.lab, 20000);
    (void)party_send(ward.mira, ward.room, "2");
    lab_run(&ward.lab, 5000);
    check_row(hushed > 0, "which the server hides from another", "it does not");
    check_text("PROTOCOL §9.3: what she writes waits for the statements", party_history(ward.jonas, ward.room), "1,2");
    check_row(warnings(ward.jonas, "room.stranger") == 0, "PROTOCOL §9.3: and she is no stranger", "%zu",
        warnings(ward.jonas, "room.stranger"));
    ward_end(&ward);
}

int main(void)
{
    test_back_unseen();
    test_ghost();
    test_sender();
    test_other_room();
    test_old_state();
    test_later_device(false);
    test_later_device(true);
    test_behind();
    test_key_late();
    test_fork();
    test_repair(false);
    test_repair(true);
    test_no_room();
    test_ping();
    test_keyless(false);
    test_keyless(true);
    return check_done();
}
