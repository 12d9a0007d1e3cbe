/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An owner takes another's message out of a room: on all devices, in the room's archive, and nobody else can
 * (doc/PROTOCOL.md §5.5; XEP-0425). */
#include "stores.h"
#include "ward.h"

static json_t *moderate(struct party *party, const char *room, const char *id)
{
    return party_do(party,
        "{\"id\":\"x\",\"cmd\":\"moderate\",\"room\":\"%s\",\"message\":\"%s\",\"reason\":\"falscher Raum\"}", room,
        id);
}

/* --- what the stores hold --- */

static size_t holders(struct ward *ward, const char *text)
{
    size_t count = 0;

    for (size_t i = 0; i < ward->lab.count; i++)
        count += device_holds(&ward->lab.parties[i], text);
    return count;
}

static bool said(const struct party *party, size_t from, const char *text)
{
    struct ks_str sent = ks_str_from(ks_buf_str(&party->sent), from);

    return ks_str_find(sent, ks_str_z(text)) < sent.len;
}

/* --- what owners do --- */

static void test_everywhere(void)
{
    struct archive archive;
    struct ward ward;
    json_t *event;
    const char *id, *edit;
    size_t mark, sent;

    ward_begin(&ward, 61);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    (void)party_send(ward.jonas, ward.room, "0");
    id = party_send(ward.jonas, ward.room, "CANARY-1");
    lab_run(&ward.lab, 1000);
    edit =
        text_of(party_do(ward.jonas,
                    "{\"id\":\"x\",\"cmd\":\"edit\",\"conversation\":\"%s\",\"message\":\"%s\",\"body\":\"CANARY-2\"}",
                    ward.room, id),
            "message");
    lab_run(&ward.lab, 15000);
    archive = archive_of(&ward.lab, id);
    check_row(archive.sealed == 1 && archive_of(&ward.lab, edit).sealed == 1 && holders(&ward, "CANARY") == 6,
        "(positive control: a message is in the room's archive and on six devices)", "%zu, %zu", archive.sealed,
        holders(&ward, "CANARY"));
    mark = party_mark(ward.jonas);
    sent = ward.jonas->sent.len;
    check_row(good(moderate(ward.anna, ward.room, id)), "XEP-0425: an owner takes a member's message out of the room",
        "refused");
    lab_run(&ward.lab, 15000);
    all_show(&ward, "PROTOCOL §5.5: on each device of each member", "0,-");
    check_row(holders(&ward, "CANARY") == 0, "DSK I.7-a: no store has a word of it, the author's outbox neither",
        "%zu have", holders(&ward, "CANARY"));
    archive = archive_of(&ward.lab, id);
    check_row(archive.sealed == 0 && archive.tombstones >= 1,
        "DSK I.7-a: the room's archive holds a tombstone in its place", "%zu sealed, %zu tombstones", archive.sealed,
        archive.tombstones);
    check_row(
        said(ward.jonas, sent, edit), "and its author's device asks for that of its edit, which only it knows", "no");
    check_row(archive_of(&ward.lab, edit).sealed == 0, "DSK I.7-a: and there it is a tombstone, too", "%zu",
        archive_of(&ward.lab, edit).sealed);
    event = party_event(ward.jonas, "retracted", mark, 0);
    check_text("XEP-0425 §4: its author is told by whom", text_of(event, "moderated_by"), ANNA);
    check_text("and why", text_of(event, "moderated_why"), "falscher Raum");
    event = party_do(ward.mira2, "{\"id\":\"x\",\"cmd\":\"history\",\"with\":\"%s\",\"limit\":1}", ward.room);
    event = json_array_get(json_object_get(event, "messages"), 0);
    check_text("so is who reads it later", text_of(event, "moderated_by"), ANNA);
    check_row(!said(ward.anna, 0, "falscher Raum"), "the server does not read why", "it does");
    check_row(warnings(ward.mira, "room.not_moderator") + warnings(ward.jonas, "message.in_clear") == 0
            && party_count(ward.mira, "gap", 0) == 0,
        "and nobody is warned of anything", "%zu", warnings(ward.mira, "room.not_moderator"));
    check_text("what is gone is not taken out again", text_of(moderate(ward.anna, ward.room, id), "code"),
        "message.retracted");
    ward_end(&ward);
}

static void test_own(void)
{
    struct ward ward;
    json_t *event;
    const char *id;

    ward_begin(&ward, 62);
    ward_room(&ward, "\"" JONAS "\"");
    id = party_send(ward.anna, ward.room, "CANARY");
    lab_run(&ward.lab, 15000);
    check_row(good(moderate(ward.anna, ward.room, id)), "an owner's own message is taken back in the same way", "no");
    lab_run(&ward.lab, 15000);
    event = party_event(ward.jonas, "retracted", 0, 0);
    check_text("and then by its author", text_of(event, "moderated_by"), "");
    check_row(archive_of(&ward.lab, id).sealed == 0, "DSK I.7-a: and the room's archive holds a tombstone", "%zu",
        archive_of(&ward.lab, id).sealed);
    ward_end(&ward);
}

static void test_absent(void)
{
    struct ward ward;
    const char *id;
    size_t mark;

    ward_begin(&ward, 63);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    id = party_send(ward.jonas, ward.room, "CANARY");
    lab_run(&ward.lab, 15000);
    party_do(ward.mira, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    party_do(ward.mira2, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    lab_run(&ward.lab, 1000);
    (void)moderate(ward.anna, ward.room, id);
    lab_run(&ward.lab, 5000);
    /* and one that she never had */
    id = party_send(ward.jonas, ward.room, "CANARY");
    lab_run(&ward.lab, 1000);
    (void)party_send(ward.jonas, ward.room, "1");
    lab_run(&ward.lab, 1000);
    (void)moderate(ward.anna, ward.room, id);
    lab_run(&ward.lab, 5000);
    /* who took it out may not own the room any more when she hears of it */
    (void)ask(ward.anna,
        "{\"id\":\"r\",\"cmd\":\"room_owner\",\"room\":\"%s\",\"member\":\"" JONAS "\",\"owner\":true}", ward.room);
    (void)ask(ward.jonas,
        "{\"id\":\"r\",\"cmd\":\"room_owner\",\"room\":\"%s\",\"member\":\"" ANNA "\",\"owner\":false}", ward.room);
    mark = party_mark(ward.mira);
    party_restart(ward.mira);
    lab_run(&ward.lab, 600000);
    check_text("PROTOCOL §5.5: who was away hears of it in the archive, from who owned the room then",
        party_history(ward.mira, ward.room), "-,1");
    check_row(!device_holds(ward.mira, "CANARY"), "and her store has no word of it", "it has");
    check_row(party_count(ward.mira, "gap", mark) == 0, "PROTOCOL §6.3: what she never had is no gap", "%zu gaps",
        party_count(ward.mira, "gap", mark));
    ward_end(&ward);
}

/* The answer of the room is lost, and the program with it. */
static bool no_answer(struct party *party, struct ks_str *stanza, void *user)
{
    bool *deaf = user;

    (void)party;
    return !*deaf || ks_str_find(*stanza, KS_STR("type='groupchat'")) < stanza->len
        || (ks_str_find(*stanza, KS_STR("type='result'")) == stanza->len
            && ks_str_find(*stanza, KS_STR("<a ")) == stanza->len);
}

static void test_owed(void)
{
    struct ward ward;
    bool deaf = false;
    const char *id;
    size_t mark;

    ward_begin(&ward, 64);
    ward_room(&ward, "\"" JONAS "\"");
    id = party_send(ward.jonas, ward.room, "CANARY");
    lab_run(&ward.lab, 15000);
    ward.anna->spy = no_answer;
    ward.anna->spy_user = &deaf;
    deaf = true;
    (void)moderate(ward.anna, ward.room, id);
    lab_run(&ward.lab, 1000);
    mark = ward.anna->sent.len;
    deaf = false;
    party_crash(ward.anna);
    lab_run(&ward.lab, 30000);
    check_row(
        said(ward.anna, mark, "<moderate "), "PROTOCOL §5.5: without an answer the room is asked again", "it is not");
    check_row(archive_of(&ward.lab, id).sealed == 0, "and its copy is gone", "it is there");
    mark = ward.anna->sent.len;
    party_crash(ward.anna);
    lab_run(&ward.lab, 30000);
    check_row(!said(ward.anna, mark, "<moderate "), "with one it is not asked any more", "it is");
    ward_end(&ward);
}

static bool no_result(struct party *party, struct ks_str *stanza, void *user)
{
    bool *deaf = user;

    (void)party;
    return !*deaf || !ks_str_starts(*stanza, KS_STR("<iq")) || ks_str_find(*stanza, KS_STR("rooms.")) == stanza->len
        || ks_str_find(*stanza, KS_STR("type='result'")) == stanza->len
        || ks_str_find(*stanza, KS_STR("/>")) + 2 != stanza->len;
}

static void test_owed_long(void)
{
    struct ward ward;
    bool deaf = false;
    const char *id;
    size_t mark;

    ward_begin(&ward, 69);
    ward_room(&ward, "\"" JONAS "\"");
    id = party_send(ward.jonas, ward.room, "CANARY");
    lab_run(&ward.lab, 15000);
    for (size_t i = 0; i < ward.lab.count; i++)
        if (&ward.lab.parties[i] != ward.anna)
            party_do(&ward.lab.parties[i], "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    ward.anna->spy = no_result;
    ward.anna->spy_user = &deaf;
    deaf = true;
    mark = ward.anna->sent.len;
    (void)moderate(ward.anna, ward.room, id);
    lab_run(&ward.lab, 20 * 86400000ll);
    check_row(
        said(ward.anna, mark, "<moderate "), "(positive control: the room is asked, and nothing is heard)", "not");
    deaf = false;
    mark = ward.anna->sent.len;
    party_restart(ward.anna);
    lab_run(&ward.lab, 30000);
    check_row(said(ward.anna, mark, "<moderate "),
        "PROTOCOL §5.5: what is owed to a room is owed until there is an answer, after weeks, too", "it is dropped");
    ward_end(&ward);
}

/* --- what others do --- */

static void test_server_alone(void)
{
    struct ward ward;
    const char *id;

    ward_begin(&ward, 65);
    ward_room(&ward, "\"" JONAS "\"");
    id = party_send(ward.jonas, ward.room, "bleibt");
    lab_run(&ward.lab, 15000);
    for (int i = 0; i < 2; i++)
        party_give(ward.anna,
            "<message type='groupchat' from='%s%s' to='" ANNA "/x' id='m1'><retract id='%s' "
            "xmlns='urn:xmpp:message-retract:1'><moderated by='%s/anna' xmlns='urn:xmpp:message-moderate:1'/>"
            "</retract></message>",
            ward.room, i ? "/anna" : "", id, ward.room);
    party_give(ward.anna,
        "<message type='groupchat' from='%s/jonas' to='" ANNA "/x' id='%s'><retracted "
        "xmlns='urn:xmpp:message-retract:1' id='m1' stamp='2026-11-22T00:00:00Z'/></message>",
        ward.room, id);
    check_text("PROTOCOL §5.5: attack: a server takes no message out of a room that a device has",
        party_history(ward.anna, ward.room), "bleibt");
    ward_end(&ward);
}

static void test_members(void)
{
    struct ward ward;
    const char *id;
    size_t mark;

    ward_begin(&ward, 66);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    id = party_send(ward.jonas, ward.room, "bleibt");
    lab_run(&ward.lab, 15000);
    check_text("a member who does not own the room cannot", text_of(moderate(ward.mira, ward.room, id), "code"),
        "room.not_owner");
    check_text("nor anybody in a room that is none", text_of(moderate(ward.mira, "x@klinik.example", id), "code"),
        "room.none");
    check_text("nor what is not there", text_of(moderate(ward.anna, ward.room, "0123"), "code"), "message.none");
    check_text("one who is not its author has not written it",
        text_of(party_do(ward.anna,
                    "{\"id\":\"x\",\"cmd\":\"moderate\",\"room\":\"%s\",\"message\":\"%s\",\"author\":\"" MIRA "\"}",
                    ward.room, id),
            "code"),
        "message.none");
    /* Mira owned the room, and does not know yet that she does not any more. */
    (void)ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_owner\",\"room\":\"%s\",\"member\":\"" MIRA "\",\"owner\":true}",
        ward.room);
    lab_run(&ward.lab, 10000);
    party_do(ward.mira, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    lab_run(&ward.lab, 1000);
    (void)ask(ward.anna,
        "{\"id\":\"r\",\"cmd\":\"room_owner\",\"room\":\"%s\",\"member\":\"" MIRA "\",\"owner\":false}", ward.room);
    lab_run(&ward.lab, 10000);
    check_row(good(moderate(ward.mira, ward.room, id)), "(Mira believes that she may)", "she does not");
    mark = party_mark(ward.jonas);
    party_restart(ward.mira);
    lab_run(&ward.lab, 30000);
    check_text("PROTOCOL §5.5: attack: the word of one who does not own the room takes nothing out",
        party_history(ward.jonas, ward.room), "bleibt");
    check_row(warnings(ward.jonas, "room.not_moderator") == 1 && party_event(ward.jonas, "warning", mark, 0),
        "and people are told", "%zu times", warnings(ward.jonas, "room.not_moderator"));
    check_row(archive_of(&ward.lab, id).sealed == 1, "the room's archive keeps it", "it does not");
    ward_end(&ward);
}

/* A server that takes her side tells nothing of the room any more, so she cites what was. */
static bool no_news(struct party *party, struct ks_str *stanza, void *user)
{
    (void)party;
    return ks_str_find(*stanza, ks_str_z(user)) == stanza->len;
}

static void test_late(void)
{
    struct ward ward;
    const char *id;

    ward_begin(&ward, 68);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    id = party_send(ward.jonas, ward.room, "bleibt");
    (void)ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_owner\",\"room\":\"%s\",\"member\":\"" MIRA "\",\"owner\":true}",
        ward.room);
    lab_run(&ward.lab, 15000);
    party_do(ward.jonas2, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    ward.mira->spy = no_news;
    ward.mira->spy_user = (void *)(uintptr_t)ward.room;
    (void)ask(ward.anna,
        "{\"id\":\"r\",\"cmd\":\"room_owner\",\"room\":\"%s\",\"member\":\"" MIRA "\",\"owner\":false}", ward.room);
    lab_run(&ward.lab, 60000);
    check_row(good(moderate(ward.mira, ward.room, id)), "(Mira cites a statement by which she may)", "she does not");
    lab_run(&ward.lab, 10000);
    check_text("(positive control: who is there does not obey)", party_history(ward.jonas, ward.room), "bleibt");
    check_row(warnings(ward.jonas, "room.not_moderator") == 1, "(and was asked to)", "%zu",
        warnings(ward.jonas, "room.not_moderator"));
    party_restart(ward.jonas2);
    lab_run(&ward.lab, 60000);
    check_text("PROTOCOL §5.5: attack: nor does who was away, however old the statement that she cites",
        party_history(ward.jonas2, ward.room), "bleibt");
    ward_end(&ward);
}

/* --- before it comes --- */

struct held {
    const char *id;
    struct ks_str stanza;
};

static bool hold(struct party *party, struct ks_str *stanza, void *user)
{
    struct held *held = user;

    if (!held->id || held->stanza.len || ks_str_find(*stanza, ks_str_z(held->id)) == stanza->len)
        return true;
    return ks_arena_copy(&party->lab->kept, *stanza, &held->stanza) != KS_OK;
}

static void test_before(void)
{
    struct held held = { .id = NULL };
    struct konsil_now now;
    struct ward ward;
    const char *id;

    ward_begin(&ward, 67);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    (void)party_send(ward.jonas, ward.room, "0");
    lab_run(&ward.lab, 15000);
    ward.mira->spy = hold;
    ward.mira->spy_user = &held;
    held.id = id = party_send(ward.jonas, ward.room, "CANARY");
    lab_run(&ward.lab, 1000);
    (void)party_send(ward.jonas, ward.room, "1");
    lab_run(&ward.lab, 1000);
    check_row(held.stanza.len > 0 && !device_holds(ward.mira, "CANARY"), "(a message is held back)", "it is not");
    (void)moderate(ward.anna, ward.room, id);
    lab_run(&ward.lab, 60000);
    check_row(party_count(ward.mira, "gap", 0) == 0,
        "PROTOCOL §6.3: what was taken out before it came is no gap: the owner has its hash, and its successor, too",
        "%zu gaps", party_count(ward.mira, "gap", 0));
    now = (struct konsil_now) { ward.lab.host->now.mono_ms, ward.lab.host->now.wall_ms };
    konsil_feed(ward.mira->engine, held.stanza.ptr, held.stanza.len, now);
    lab_run(&ward.lab, 1000);
    check_row(!device_holds(ward.mira, "CANARY"), "PROTOCOL §5.5: and when it comes, nothing of it is kept", "\"%s\"",
        party_history(ward.mira, ward.room));
    ward_end(&ward);
}

int main(void)
{
    test_everywhere();
    test_own();
    test_absent();
    test_owed();
    test_owed_long();
    test_server_alone();
    test_members();
    test_late();
    test_before();
    return check_done();
}
