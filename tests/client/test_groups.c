/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Rooms: three people with two devices each, on the real server (doc/PROTOCOL.md §9; XEP-0045). */
#include "ward.h"

/* --- life --- */

static void test_talk(void)
{
    struct ward ward;
    json_t *state;

    ward_begin(&ward, 11);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    for (size_t i = 0; i < ward.lab.count; i++)
        check_text("PROTOCOL §9.2: each member's device knows the title, which no server saw",
            text_of(room_of(&ward.lab.parties[i], ward.room), "title"), "Visite");
    check_row(ks_str_find(ks_buf_str(&ward.anna->sent), KS_STR("Visite")) == ward.anna->sent.len,
        "PROTOCOL §9.2: it stands nowhere in clear", "it does");
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 5000);
    (void)party_send(ward.jonas2, ward.room, "2");
    lab_run(&ward.lab, 5000);
    (void)party_send(ward.mira, ward.room, "3");
    lab_run(&ward.lab, 60000);
    all_show(&ward, "PROTOCOL §9.3: each member's device shows what is said, once", "1,2,3");
    state = party_event(ward.anna, "message_state", 0, party_count(ward.anna, "message_state", 0) - 1);
    check_text("PROTOCOL §7.2: an author sees when every member has it", text_of(state, "state"), "delivered");
    check_row(json_array_size(json_object_get(state, "recipients")) == 2, "PROTOCOL §7.2: and who", "%zu",
        json_array_size(json_object_get(state, "recipients")));
    for (size_t i = 0; i < ward.lab.count; i++)
        check_row(
            party_count(&ward.lab.parties[i], "warning", 0) == 0 && party_count(&ward.lab.parties[i], "gap", 0) == 0,
            "PROTOCOL §9.3: nobody is warned of anything", "%s: %zu warnings", ward.lab.parties[i].jid,
            party_count(&ward.lab.parties[i], "warning", 0));
    ward_end(&ward);
}

static void test_members(void)
{
    struct ward ward;
    char read[16];
    size_t mark;

    ward_begin(&ward, 12);
    ward_room(&ward, "\"" JONAS "\"");
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 5000);
    check_row(!room_of(ward.mira, ward.room), "PROTOCOL §9.3: who is no member knows nothing of a room", "she does");
    check_row(!adds(ward.jonas, ward.room, MIRA), "PROTOCOL §9.1: a member who is no owner adds nobody", "he does");
    check_row(adds(ward.anna2, ward.room, MIRA), "PROTOCOL §9.1: an owner's other device adds a member", "it cannot");
    lab_run(&ward.lab, 10000);
    (void)party_send(ward.anna, ward.room, "2");
    (void)party_send(ward.jonas, ward.room, "3");
    lab_run(&ward.lab, 30000);
    check_text("DSK II.1-b part (500 members: make bench): a newcomer reads what is said from then on",
        party_history(ward.mira, ward.room), "2,3");
    check_row(party_count(ward.mira, "gap", 0) == 0 && party_count(ward.mira2, "gap", 0) == 0,
        "PROTOCOL §6.5: and what was said before is no gap", "it is");
    check_text("DSK IV.2-d part (role/ward): who was added, and by whom, is a line for all members",
        lines(ward.jonas, ward.room), "founded,added:mira@");
    check_row(removes(ward.anna, ward.room, MIRA), "PROTOCOL §9.1: an owner removes a member", "she cannot");
    lab_run(&ward.lab, 10000);
    mark = ward.anna->sent.len;
    (void)party_send(ward.anna, ward.room, "4");
    lab_run(&ward.lab, 30000);
    check_row(sent_key_to(ward.anna, mark, JONAS) && !sent_key_to(ward.anna, mark, MIRA),
        "DSK II.1-b part (500 members: make bench): from the next message on who was removed gets no key", "she does");
    check_text("DSK I.7-g part (purge by policy): nor reads anything, and keeps what she read (PROTOCOL §9.3)",
        party_history(ward.mira, ward.room), "2,3");
    check_row(json_is_true(json_object_get(room_of(ward.mira, ward.room), "left")),
        "PROTOCOL §9.3: and is told by the statement itself", "not told");
    check_text("PROTOCOL §9.3: the others go on", party_history(ward.jonas2, ward.room), "1,2,3,4");
    check_row(
        good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_rename\",\"room\":\"%s\",\"title\":\"Abend\"}", ward.room)),
        "PROTOCOL §9.2: an owner gives it another title", "she cannot");
    lab_run(&ward.lab, 10000);
    check_text("PROTOCOL §9.2: which members learn", text_of(room_of(ward.jonas2, ward.room), "title"), "Abend");
    check_text(
        "PROTOCOL §9.2: and who is none any more does not", text_of(room_of(ward.mira, ward.room), "title"), "Visite");
    snprintf(read, sizeof(read), "%s", party_history(ward.jonas, ward.room)); /* he wrote 3 before he had 2 */
    check_row(good(ask(ward.jonas, "{\"id\":\"r\",\"cmd\":\"room_leave\",\"room\":\"%s\"}", ward.room)),
        "PROTOCOL §9.4: a member leaves", "he cannot");
    lab_run(&ward.lab, 20000);
    check_text("PROTOCOL §9.4: an owner's device states it", lines(ward.anna, ward.room),
        "founded,added:mira@,removed:mira@,renamed,removed:jonas");
    (void)party_send(ward.anna, ward.room, "5");
    lab_run(&ward.lab, 30000);
    check_text("(control: what is said then is in the room)", party_history(ward.anna2, ward.room), "1,2,3,4,5");
    check_row(strlen(read) == strlen("1,2,3,4") && strcmp(party_history(ward.jonas, ward.room), read) == 0,
        "DSK I.7-g part (purge by policy): who left keeps what he read, and reads nothing more", "%s, not %s",
        party_history(ward.jonas, ward.room), read);
    party_restart(ward.jonas);
    lab_run(&ward.lab, 30000);
    check_text("DSK I.7-g part (purge by policy): after a new start, too", party_history(ward.jonas, ward.room), read);
    check_row(!good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_leave\",\"room\":\"%s\"}", ward.room)),
        "PROTOCOL §9.1: the last owner cannot leave", "she can");
    ward_end(&ward);
}

/* Weeks away, lost connections, processes that end. */
static void test_away(void)
{
    struct ward ward;

    ward_begin(&ward, 13);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    party_cut(ward.mira2);
    ward.mira2->cut = true;
    ward.jonas->cut = true;
    party_cut(ward.jonas);
    for (int i = 1; i <= 9; i++) {
        char text[2] = { (char)('0' + i), 0 };

        (void)party_send(i % 2 ? ward.anna : ward.mira, ward.room, text);
        lab_run(&ward.lab, 40000);
        if (i == 4)
            party_crash(ward.anna2);
    }
    lab_run(&ward.lab, 1000LL * 3600 * 24 * 9);
    check_row(removes(ward.anna, ward.room, MIRA), "an owner removes a member while others are away", "she cannot");
    ward.mira2->cut = ward.jonas->cut = false;
    lab_run(&ward.lab, 600000);
    check_text("XEP-0313 §5.1.2: who was away reads everything, once", party_history(ward.jonas, ward.room),
        "1,2,3,4,5,6,7,8,9");
    check_text("a process that ended loses nothing", party_history(ward.anna2, ward.room), "1,2,3,4,5,6,7,8,9");
    (void)party_send(ward.jonas, ward.room, "x");
    lab_run(&ward.lab, 60000);
    check_text("and writes again", party_history(ward.anna, ward.room), "1,2,3,4,5,6,7,8,9,x");
    check_text("DSK II.1-b part (500 members: make bench): who was removed meanwhile does not read it",
        party_history(ward.mira, ward.room), "1,2,3,4,5,6,7,8,9");
    ward_end(&ward);
}

/* --- who is there when, on lines that are slow --- */

/* Nothing of the room comes, or nothing but who is there. */
static bool deaf(struct party *party, struct ks_str *stanza, void *user)
{
    const bool *sees = user;
    bool said = ks_str_find(*stanza, KS_STR("type='groupchat'")) < stanza->len;
    bool presence =
        ks_str_starts(*stanza, KS_STR("<presence")) && ks_str_find(*stanza, KS_STR("@rooms.")) < stanza->len;

    (void)party;
    return !said && (*sees || !presence);
}

static void test_newcomer(void)
{
    static bool sees = false;
    struct ward ward;
    json_t *state;

    ward_begin(&ward, 14);
    ward_room(&ward, "\"" JONAS "\"");
    ward.anna2->cut = true;
    party_cut(ward.anna2);
    (void)party_send(ward.jonas, ward.room, "1");
    lab_run(&ward.lab, 30000);
    ward.jonas->spy = deaf;
    ward.jonas->spy_user = &sees;
    check_row(adds(ward.anna, ward.room, MIRA), "an owner adds a member", "she cannot");
    lab_run(&ward.lab, 20000);
    (void)party_send(ward.jonas, ward.room, "2");
    lab_run(&ward.lab, 60000);
    check_text("PROTOCOL §9.3: what an author wrote before he knew of a newcomer is not shown to her as unreadable",
        party_history(ward.mira, ward.room), "");
    check_row(
        party_count(ward.mira, "gap", 0) == 0, "PROTOCOL §9.3: nor as a gap, as long as nothing follows", "it is");
    state = party_event(ward.jonas, "message_state", 0, party_count(ward.jonas, "message_state", 0) - 1);
    check_row(json_array_size(json_object_get(state, "recipients")) == 1,
        "PROTOCOL §7.2: and its author sees how it came with those it went to", "%zu",
        json_array_size(json_object_get(state, "recipients")));
    sees = true;
    party_cut(ward.mira2);
    lab_run(&ward.lab, 30000);
    check_row(warnings(ward.jonas, "room.ghost") == 0
            && json_integer_value(json_object_get(room_of(ward.jonas, ward.room), "version")) == 1,
        "PROTOCOL §9.3: whom the server lists is looked up in the statements before she is told of as a ghost",
        "%zu warnings", warnings(ward.jonas, "room.ghost"));
    ward.jonas->spy = NULL;
    party_cut(ward.jonas);
    lab_run(&ward.lab, 30000);
    (void)party_send(ward.jonas, ward.room, "3");
    lab_run(&ward.lab, 90000);
    check_text("PROTOCOL §9.3: what he writes then she reads", party_history(ward.mira, ward.room), "3");
    check_row(json_integer_value(
                  json_object_get(party_event(ward.mira, "gap", 0, party_count(ward.mira, "gap", 0) - 1), "missing"))
            == 0,
        "PROTOCOL §8.2: and of what was not for her he says that it will not come", "it is missing");
    ward.anna2->cut = false;
    lab_run(&ward.lab, 60000);
    check_text("PROTOCOL §9.2: the heads of her welcome take nothing from another device of who invited her",
        party_history(ward.anna2, ward.room), "1,2,3");
    ward_end(&ward);
}

static void test_leaving(void)
{
    struct ward ward;
    json_t *state;

    ward_begin(&ward, 15);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    ward.jonas->cut = ward.mira->cut = true;
    party_cut(ward.jonas);
    party_cut(ward.mira);
    (void)party_send(ward.jonas, ward.room, "1");
    check_row(good(ask(ward.mira, "{\"id\":\"r\",\"cmd\":\"room_leave\",\"room\":\"%s\"}", ward.room)),
        "a member leaves without a connection", "she cannot");
    party_crash(ward.mira);
    (void)party_send(ward.anna, ward.room, "2");
    lab_run(&ward.lab, 30000);
    ward.mira->cut = false;
    lab_run(&ward.lab, 60000);
    check_text("PROTOCOL §9.3: that she wants to leave is said when there is one", lines(ward.anna, ward.room),
        "founded,removed:mira@");
    check_text("PROTOCOL §9.3: what is said there until it is stated, she does not read",
        party_history(ward.mira, ward.room), "");
    ward.jonas->cut = false;
    lab_run(&ward.lab, 60000);
    state = party_event(ward.jonas, "message_state", 0, party_count(ward.jonas, "message_state", 0) - 1);
    check_row(
        json_array_size(json_object_get(state, "recipients")) == 1 && strcmp(text_of(state, "state"), "delivered") == 0,
        "PROTOCOL §7.2: a message that waited reached everybody when those have it to whom it went", "%s",
        text_of(state, "state"));
    ward_end(&ward);
}

/* --- what is kept --- */

static size_t kept(struct party *party, const char *room)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"bookmarks\"}"), *one;
    size_t i, count = 0;

    json_array_foreach(json_object_get(event, "bookmarks"), i, one)
    {
        count += strcmp(text_of(one, "room"), room) == 0 && json_is_true(json_object_get(one, "autojoin"));
    }
    return count;
}

/* --- what newcomers may read (doc/PROTOCOL.md §9.6) --- */

/* Keeps what a member gets of the room, and hands it to a newcomer as well: a server that serves more than it may. */
struct generous {
    struct ks_buf kept;
    size_t sent;
};

static bool keep_it(struct party *party, struct ks_str *stanza, void *user)
{
    struct generous *generous = user;

    (void)party;
    if (ks_str_find(*stanza, KS_STR("type='groupchat'")) < stanza->len && generous->kept.len == 0)
        ks_buf_add(&generous->kept, *stanza);
    return true;
}

static bool hand_it(struct party *party, struct ks_str *stanza, void *user)
{
    struct generous *generous = user;

    (void)party;
    if (ks_str_find(*stanza, KS_STR("type='groupchat'")) < stanza->len && generous->sent++ == 0)
        *stanza = ks_buf_str(&generous->kept);
    return true;
}

static const char *newcomer_reads(uint64_t seed, const char *history)
{
    static char text[256];
    struct generous generous = { .sent = 0 };
    struct ward ward;
    json_t *answer;

    ks_buf_init(&generous.kept, 1 << 20);
    ward_begin(&ward, seed);
    answer = ask(ward.anna,
        "{\"id\":\"r\",\"cmd\":\"room_create\",\"title\":\"Visite\",\"history\":\"%s\",\"members\":[\"" JONAS "\"]}",
        history);
    ward.room = text_of(answer, "room");
    lab_run(&ward.lab, 20000);
    ward.jonas->spy = keep_it;
    ward.mira->spy = hand_it;
    ward.jonas->spy_user = ward.mira->spy_user = &generous;
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 20000);
    (void)party_send(ward.jonas, ward.room, "2");
    lab_run(&ward.lab, 20000);
    check_row(adds(ward.anna, ward.room, MIRA), "an owner adds a member", "she cannot");
    lab_run(&ward.lab, 60000);
    (void)party_send(ward.jonas, ward.room, "x");
    lab_run(&ward.lab, 60000);
    (void)party_send(ward.jonas, ward.room, "3");
    lab_run(&ward.lab, 600000);
    check_row(
        generous.kept.len > 0 && generous.sent > 0, "a server serves a newcomer what was said before", "it does not");
    check_row(json_integer_value(
                  json_object_get(party_event(ward.mira, "gap", 0, party_count(ward.mira, "gap", 0) - 1), "missing"))
            == 0,
        "PROTOCOL §9.6: in the end nothing is missing", "something is");
    snprintf(text, sizeof(text), "%s|%s", party_history(ward.mira, ward.room), "");
    snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", party_history(ward.mira2, ward.room));
    check_row(warnings(ward.mira, "room.stranger") == 0, "PROTOCOL §9.6: and nobody is a stranger", "somebody is");
    ward_end(&ward);
    ks_buf_done(&generous.kept);
    return text;
}

static void test_history(void)
{
    check_text("PROTOCOL §9.6: with \"join\" a newcomer reads from his joining on, whatever the server serves",
        newcomer_reads(18, "join"), "x,3|x,3");
    check_text("PROTOCOL §9.6: with \"all\" the authors give her what was before", newcomer_reads(19, "all"),
        "1,2,x,3|1,2,x,3");
}

/* --- rooms of other programs --- */

/* mira's other program makes a room, with anna as a member, and says something. */
static struct host_conn *foreign_room(struct ward *ward)
{
    struct host_conn *conn = ward_foreign_room(ward);

    ward_foreign_lets(ward, conn, "member", ANNA);
    return conn;
}

static void test_foreign(void)
{
    struct ward ward;
    struct host_conn *conn;
    size_t mark;

    ward_begin(&ward, 17);
    check_row(
        !good(ask(ward.anna,
            "{\"id\":\"r\",\"cmd\":\"room_join\",\"room\":\"r-nirgendsnirgendsnirgendsni@rooms.klinik.example\"}")),
        "PROTOCOL §9.5: a room that does not exist is not made by joining it", "it is");
    conn = foreign_room(&ward);
    check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_join\",\"room\":\"" WARD_FOREIGN "\"}")),
        "PROTOCOL §9.5: a room without statements is entered when a person asks", "it is not");
    lab_run(&ward.lab, 30000);
    check_row(json_is_true(json_object_get(room_of(ward.anna, WARD_FOREIGN), "foreign"))
            && json_is_true(json_object_get(room_of(ward.anna2, WARD_FOREIGN), "foreign")),
        "PROTOCOL §9.5: it is shown as what it is, on her other device as well", "not");
    mark = ward.anna->sent.len;
    check_text("PROTOCOL §9.5: nothing is written there",
        text_of(party_do(ward.anna, "{\"id\":\"x\",\"cmd\":\"send\",\"to\":\"" WARD_FOREIGN "\",\"body\":\"geheim\"}"),
            "code"),
        "room.foreign");
    lab_run(&ward.lab, 30000);
    check_row(
        ks_str_find(ks_str_from(ks_buf_str(&ward.anna->sent), mark), KS_STR("<message")) == ward.anna->sent.len - mark,
        "PROTOCOL §9.5: neither encrypted to whom the server lists nor in clear", "something is");
    check_row(warnings(ward.anna, "room.ghost") == 0 && strcmp(party_history(ward.mira, WARD_FOREIGN), "") == 0,
        "PROTOCOL §9.5: who is there is no ghost", "%zu warnings", warnings(ward.anna, "room.ghost"));
    check_text("PROTOCOL §9.5: nor does it tell whom the server lists as members",
        text_of(party_do(ward.anna, "{\"id\":\"x\",\"cmd\":\"members\",\"room\":\"" WARD_FOREIGN "\"}"), "code"),
        "room.foreign");
    check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_leave\",\"room\":\"" WARD_FOREIGN "\"}"))
            && !kept(ward.anna, WARD_FOREIGN),
        "PROTOCOL §9.5: and left", "it is not");
    ward_room(&ward, "\"" JONAS "\"");
    check_row(!good(ask(ward.mira, "{\"id\":\"r\",\"cmd\":\"room_join\",\"room\":\"%s\"}", ward.room)),
        "PROTOCOL §9.1: nobody joins a room with statements by himself", "she does");
    host_conn_free(conn);
    ward_end(&ward);
}

/* --- devices that come later --- */

static void test_later(void)
{
    struct ward ward = { .room = NULL };
    struct lab *lab = &ward.lab;

    lab_two(lab, 16, &ward.anna, &ward.jonas);
    party_connect(ward.anna);
    party_connect(ward.jonas);
    lab_run(lab, 5000);
    ward_room(&ward, "\"" JONAS "\"");
    check_row(kept(ward.anna, ward.room) == 1 && kept(ward.jonas, ward.room) == 1,
        "XEP-0402: who founds a room or is added to it keeps it", "%zu, %zu", kept(ward.anna, ward.room),
        kept(ward.jonas, ward.room));
    check_row(ks_str_find(ks_buf_str(&ward.anna->sent), KS_STR("Visite")) == ward.anna->sent.len,
        "PROTOCOL §9.2: and the bookmark does not say how it is called", "it does");
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(lab, 30000);
    ward.jonas2 = lab_party(lab, JONAS, "j-password");
    party_connect(ward.jonas2);
    lab_run(lab, 60000);
    check_row(
        room_of(ward.jonas2, ward.room) != NULL, "PROTOCOL §9.4: a device that comes later knows the room", "not");
    check_text("PROTOCOL §9.4: and from the other one how it is called",
        text_of(room_of(ward.jonas2, ward.room), "title"), "Visite");
    (void)party_send(ward.anna, ward.room, "2");
    lab_run(lab, 5000);
    (void)party_send(ward.jonas2, ward.room, "3");
    lab_run(lab, 60000);
    check_text("PROTOCOL §9.4: it reads and writes there", party_history(ward.jonas2, ward.room), "2,3");
    check_text("PROTOCOL §9.4: as the others see", party_history(ward.anna, ward.room), "1,2,3");
    ward.anna->cut = true;
    party_cut(ward.anna);
    ward.anna2 = lab_party(lab, ANNA, "a-password");
    party_connect(ward.anna2);
    lab_run(lab, 60000);
    check_row(json_is_true(json_object_get(room_of(ward.anna2, ward.room), "owner"))
            && !*text_of(room_of(ward.anna2, ward.room), "title"),
        "PROTOCOL §9.4: while the others are away, its state comes from the room, without title", "\"%s\"",
        text_of(room_of(ward.anna2, ward.room), "title"));
    ward.anna->cut = false;
    lab_run(lab, 120000);
    check_text("PROTOCOL §9.4: which comes with them", text_of(room_of(ward.anna2, ward.room), "title"), "Visite");
    check_row(
        good(ask(ward.anna2, "{\"id\":\"r\",\"cmd\":\"room_rename\",\"room\":\"%s\",\"title\":\"Abend\"}", ward.room)),
        "PROTOCOL §9.4: an owner's later device changes it", "it cannot");
    lab_run(lab, 20000);
    check_text("PROTOCOL §9.4: for all", text_of(room_of(ward.jonas, ward.room), "title"), "Abend");
    check_row(good(ask(ward.jonas2, "{\"id\":\"r\",\"cmd\":\"room_leave\",\"room\":\"%s\"}", ward.room)),
        "a member leaves on one device", "he cannot");
    lab_run(lab, 60000);
    check_row(json_is_true(json_object_get(room_of(ward.jonas, ward.room), "left")) && !kept(ward.jonas, ward.room)
            && !kept(ward.jonas2, ward.room),
        "XEP-0402: then he keeps it no more, on any device", "%zu, %zu", kept(ward.jonas, ward.room),
        kept(ward.jonas2, ward.room));
    for (size_t i = 0; i < lab->count; i++)
        check_row(warnings(&lab->parties[i], "room.withheld") + warnings(&lab->parties[i], "room.refused") == 0,
            "PROTOCOL §9.4: nobody is warned", "%s is", lab->parties[i].jid);
    lab_end(lab);
}

/* The last owner ends it, while one member is away. */
static void test_destroyed(void)
{
    struct ward ward;

    ward_begin(&ward, 83);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    (void)party_send(ward.jonas, ward.room, "1");
    lab_run(&ward.lab, 20000);
    ward.mira->cut = true;
    party_cut(ward.mira);
    check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_destroy\",\"room\":\"%s\"}", ward.room)),
        "XEP-0045 §10.9: an owner ends a room", "she cannot");
    lab_run(&ward.lab, 20000);
    check_text("XEP-0045 §10.9: all who are there are told", lines(ward.jonas, ward.room), "founded,destroyed");
    check_text("XEP-0045 §10.9: on all their devices", lines(ward.jonas2, ward.room), "founded,destroyed");
    check_row(strstr(lines(ward.anna, ward.room), "destroyed") != NULL, "XEP-0045 §10.9: and so is she who did it",
        "%s", lines(ward.anna, ward.room));
    check_row(json_is_true(json_object_get(room_of(ward.jonas, ward.room), "left")) && !kept(ward.jonas, ward.room),
        "XEP-0045 §10.9: nobody is in it any more, or comes to it again", "%zu", kept(ward.jonas, ward.room));
    check_row(json_is_true(json_object_get(room_of(ward.anna, ward.room), "left")), "XEP-0045 §10.9: nor does she",
        "she does");
    ward.mira->cut = false;
    lab_run(&ward.lab, 300000);
    check_text("XEP-0045 §10.9: who was away is told when she comes", lines(ward.mira, ward.room), "founded,destroyed");
    check_text("XEP-0045 §10.9: what was said stays", party_history(ward.mira, ward.room), "1");
    lab_end(&ward.lab);
}

/* An account that never had a program: everybody else gets what is written. */
static void test_without_keys(void)
{
    struct ward ward;
    const json_t *message, *recipient;
    const char *id;
    size_t i, named = 0, others = 0;

    ward_begin(&ward, 41);
    lab_account(&ward.lab, "kurt", "k-password");
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\",\"kurt@klinik.example\"");
    id = party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 30000);
    all_show(&ward, "PROTOCOL §9.3: devices without keys hinder nobody", "1");
    message = party_message(ward.anna, ward.room, id);
    json_array_foreach(json_object_get(message, "recipients"), i, recipient)
    {
        bool kurt = strcmp(text_of(recipient, "jid"), "kurt@klinik.example") == 0;

        named += kurt && strcmp(text_of(recipient, "reason"), "peer.no_keys") == 0
            && strcmp(text_of(recipient, "state"), "delivered") != 0;
        others += !kurt && strcmp(text_of(recipient, "state"), "delivered") == 0 && !*text_of(recipient, "reason");
    }
    check_row(named == 1 && others == 2, "and their author is told who it did not reach", "%zu named, %zu reached",
        named, others);
    ward_end(&ward);
}

static void test_only_without_keys(void)
{
    struct ward ward;
    const json_t *message;
    const char *id;

    ward_begin(&ward, 44);
    lab_account(&ward.lab, "kurt", "k-password");
    ward_room(&ward, "\"kurt@klinik.example\"");
    id = party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 30000);
    message = party_message(ward.anna, ward.room, id);
    check_text("a room in which nobody has keys is said to be one, and no account",
        text_of(json_array_get(json_object_get(message, "recipients"), 0), "reason"), "room.no_keys");
    check_text("with whom it did not reach", text_of(json_array_get(json_object_get(message, "recipients"), 0), "jid"),
        "kurt@klinik.example");
    ward_end(&ward);
}

/* Its server takes what is asked about her, and never answers. */
static bool mute_mira(struct party *party, struct ks_str *stanza, void *user)
{
    size_t *dropped = user;
    bool hers = ks_str_find(*stanza, KS_STR("from='" MIRA "'")) < stanza->len;

    (void)party;
    *dropped += hers;
    return !hers;
}

/* One account of whom nothing can be learned: everybody else gets what is written, and soon. */
static void test_silent_list(void)
{
    struct ward ward;
    const char *id;
    const json_t *recipient;
    size_t i, dropped = 0, named = 0;

    ward_begin(&ward, 42);
    ward.anna->spy = mute_mira;
    ward.anna->spy_user = &dropped;
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    id = party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 240000);
    check_row(dropped > 0, "(something was asked about her)", "nothing");
    check_text("PROTOCOL §9.3: a list of devices that is never answered hinders nobody",
        party_history(ward.jonas, ward.room), "1");
    json_array_foreach(json_object_get(party_message(ward.anna, ward.room, id), "recipients"), i, recipient) named +=
        strcmp(text_of(recipient, "jid"), MIRA) == 0 && strcmp(text_of(recipient, "reason"), "peer.no_keys") == 0;
    check_row(named == 1, "and the author is told whom it did not reach", "%zu", named);
    (void)party_send(ward.anna, ward.room, "2");
    lab_run(&ward.lab, 700000);
    (void)party_send(ward.anna, ward.room, "3");
    lab_run(&ward.lab, 5000);
    check_text("nor is anybody held up while she is asked about again", party_history(ward.jonas, ward.room), "1,2,3");
    ward.anna->spy = NULL;
    lab_run(&ward.lab, 700000);
    (void)party_send(ward.anna, ward.room, "4");
    lab_run(&ward.lab, 5000);
    (void)party_send(ward.anna, ward.room, "5");
    lab_run(&ward.lab, 30000);
    check_row(ks_str_ends(ks_str_z(party_history(ward.mira, ward.room)), KS_STR("5")),
        "who can be asked about again gets what is written", "%s", party_history(ward.mira, ward.room));
    ward_end(&ward);
}

/* --- where rooms are made is not known at once --- */

struct kept_answer {
    struct ks_buf bytes;
};

static bool keep_items(struct party *party, struct ks_str *stanza, void *user)
{
    struct kept_answer *kept = user;

    (void)party;
    if (ks_str_find(*stanza, KS_STR("<query xmlns='http://jabber.org/protocol/disco#items'")) == stanza->len)
        return true;
    ks_buf_reset(&kept->bytes);
    ks_buf_add(&kept->bytes, *stanza);
    return false;
}

static const char *answer_of(struct party *party, size_t mark, const char *member)
{
    for (size_t i = mark; i < party_mark(party); i++)
        if (strcmp(text_of(json_array_get(party->events, i), "re"), "r") == 0)
            return text_of(json_array_get(party->events, i), member);
    return "none";
}

#define CREATE "{\"id\":\"r\",\"cmd\":\"room_create\",\"title\":\"Visite\",\"members\":[\"" JONAS "\"]}"

static void test_made_at_once(void)
{
    struct kept_answer kept;
    struct ks_str answer;
    struct party *anna;
    struct lab lab;
    size_t mark;

    ks_buf_init(&kept.bytes, 65536);
    lab_begin(&lab, 43);
    lab_account(&lab, "anna", "a-password");
    lab_account(&lab, "jonas", "j-password");
    anna = lab_party(&lab, ANNA, "a-password");
    anna->spy = keep_items;
    anna->spy_user = &kept;
    party_connect(anna);
    lab_run(&lab, 2000);
    check_row(kept.bytes.len > 0, "(she asked where rooms are made)", "she did not");
    mark = party_mark(anna);
    (void)ask(anna, CREATE);
    lab_run(&lab, 2000);
    check_text("a room asked for before it is known where is not refused", answer_of(anna, mark, "code"), "none");
    anna->spy = NULL;
    party_give(anna, "%.*s", (int)kept.bytes.len, (const char *)kept.bytes.ptr);
    lab_run(&lab, 5000);
    check_text("and is made when it is", answer_of(anna, mark, "event"), "result");
    check_row(room_of(anna, answer_of(anna, mark, "room")) != NULL, "as it was asked for", "it is not there");

    anna->spy = keep_items;
    party_restart(anna);
    lab_run(&lab, 2000);
    mark = party_mark(anna);
    (void)ask(anna, CREATE);
    answer = ks_buf_str(&kept.bytes);
    answer = ks_str_head(answer, ks_str_find(answer, KS_STR("<item ")));
    party_give(anna, "%.*s</query></iq>", (int)answer.len, answer.ptr);
    lab_run(&lab, 5000);
    check_text("a server without such rooms is said", answer_of(anna, mark, "code"), "room.no_service");
    mark = party_mark(anna);
    (void)ask(anna, CREATE);
    lab_run(&lab, 100000);
    check_text("so is one that does not say", answer_of(anna, mark, "code"), "connection.needed");
    anna->spy = NULL;
    mark = party_mark(anna);
    (void)ask(anna, CREATE);
    lab_run(&lab, 5000);
    check_text("and it is asked again the next time", answer_of(anna, mark, "event"), "result");
    lab_end(&lab);
    ks_buf_done(&kept.bytes);
}

static bool is_in(struct party *party)
{
    const json_t *room = room_of(party, WARD_FOREIGN);

    return room && !json_is_true(json_object_get(room, "left"));
}

/* What one device, or another program, does about it, the others do. */
static void test_foreign_left(void)
{
    struct host_conn *conn, *program;
    struct ward ward;

    ward_begin(&ward, 19);
    conn = foreign_room(&ward);
    (void)ward_foreign_join(ward.anna);
    check_row(is_in(ward.anna) && is_in(ward.anna2), "XEP-0402 §3.1: both devices enter what one of them keeps", "not");
    check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_leave\",\"room\":\"" WARD_FOREIGN "\"}")),
        "(she leaves it)", "she cannot");
    lab_run(&ward.lab, 30000);
    check_row(!is_in(ward.anna2), "XEP-0402 §4: a device leaves a room whose bookmark is taken out", "it stays");
    (void)ward_foreign_join(ward.anna);
    check_row(is_in(ward.anna) && is_in(ward.anna2), "and both enter it again", "not");
    program = ward_program(&ward, 97, "anna", "a-password");
    client_say(program,
        "<iq type='set' id='b'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'>"
        "<item id='" WARD_FOREIGN "'><conference xmlns='urn:xmpp:bookmarks:1' autojoin='false'/></item>"
        "</publish></pubsub></iq>");
    lab_run(&ward.lab, 30000);
    check_row(!is_in(ward.anna) && !is_in(ward.anna2),
        "XEP-0402 §4: and one that another program keeps without being in it", "they stay");
    party_restart(ward.anna2);
    lab_run(&ward.lab, 30000);
    check_row(!is_in(ward.anna2)
            && json_array_size(
                   json_object_get(party_do(ward.anna, "{\"id\":\"x\",\"cmd\":\"bookmarks\"}"), "bookmarks"))
                == 1,
        "whose bookmark stays as it is", "it does not");
    (void)ward_foreign_join(ward.anna);
    check_row(is_in(ward.anna2), "(they are in it)", "not");
    (void)ask(ward.anna2, "{\"id\":\"r\",\"cmd\":\"disconnect\"}");
    (void)ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_leave\",\"room\":\"" WARD_FOREIGN "\"}");
    lab_run(&ward.lab, 30000);
    party_connect(ward.anna2);
    lab_run(&ward.lab, 60000);
    check_row(!is_in(ward.anna2) && !is_in(ward.anna),
        "a device that was away when it was left leaves it, and keeps it for nobody", "it stays");
    host_conn_free(program);
    host_conn_free(conn);
    ward_end(&ward);
}

int main(void)
{
    test_made_at_once();
    test_only_without_keys();
    test_silent_list();
    test_destroyed();
    test_history();
    test_foreign();
    test_foreign_left();
    test_later();
    test_talk();
    test_newcomer();
    test_leaving();
    test_members();
    test_away();
    test_without_keys();
    return check_done();
}
