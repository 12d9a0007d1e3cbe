/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who is put out of rooms, and who has a voice there (XEP-0045 §7.13, §8, §9). */
#include "ward.h"

#define MUC_USER "http://jabber.org/protocol/muc#user"

static bool heard(const struct host_conn *conn, const char *text)
{
    return has(ks_buf_str(&conn->out), text);
}

/* A room of mira's other program, where jonas owns, too; anna is a member, and everybody is in it. */
static struct host_conn *together(struct ward *ward)
{
    struct host_conn *conn = ward_foreign_room(ward);

    ward_foreign_lets(ward, conn, "member", ANNA);
    ward_foreign_lets(ward, conn, "owner", JONAS);
    (void)ward_foreign_join(ward->anna);
    (void)ward_foreign_join(ward->jonas);
    return conn;
}

static const char *place = WARD_FOREIGN; /* the room that the rows are about */

static const char *role(struct party *party, const char *nick)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"room_occupants\",\"room\":\"%s\"}", place), *one;
    size_t i;

    json_array_foreach(json_object_get(event, "occupants"), i,
        one) if (strcmp(text_of(one, "nick"), nick) == 0) return text_of(one, "role");
    return "";
}

static json_t *say(struct party *party, const char *cmd, const char *more)
{
    return ask(party, "{\"id\":\"r\",\"cmd\":\"%s\",\"room\":\"%s\"%s}", cmd, place, more);
}

static void test_foreign(void)
{
    struct ward ward;
    struct host_conn *conn;
    size_t mark;

    ward_begin(&ward, 95);
    conn = together(&ward);
    check_text("(anna is in it)", role(ward.jonas, "anna"), "participant");
    check_text("XEP-0045 §8.2: who may not put people out is told so",
        text_of(say(ward.anna, "room_kick", ",\"nick\":\"jonas\""), "code"), "server.refused");
    check_text("XEP-0045 §9.1: nor does he ban",
        text_of(say(ward.anna, "room_ban", ",\"member\":\"" MIRA "\""), "code"), "server.refused");
    check_row(good(say(ward.jonas, "room_moderator", ",\"nick\":\"anna\",\"moderator\":true")),
        "XEP-0045 §9.6: an owner makes a moderator", "refused");
    check_text("and all see it", role(ward.anna, "anna"), "moderator");
    check_row(good(say(ward.jonas, "room_moderator", ",\"nick\":\"anna\",\"moderator\":false"))
            && strcmp(role(ward.anna, "anna"), "participant") == 0,
        "XEP-0045 §9.7: and takes it back", "not");
    check_row(good(say(ward.jonas, "room_voice", ",\"nick\":\"anna\",\"voice\":false"))
            && strcmp(role(ward.anna, "anna"), "visitor") == 0,
        "XEP-0045 §8.4: an owner takes a voice", "not");
    check_row(good(say(ward.anna, "room_ask_voice", "")) && heard(conn, "muc#request_allow"),
        "XEP-0045 §7.13: who has none asks for it, and moderators hear of it", "not");
    check_row(strcmp(text_of(party_event(ward.jonas, "room_voice_asked", 0, 0), "nick"), "anna") == 0
            && strcmp(text_of(party_event(ward.jonas, "room_voice_asked", 0, 0), "room"), WARD_FOREIGN) == 0,
        "XEP-0045 §8.6: an owner is told who asks", "%s",
        text_of(party_event(ward.jonas, "room_voice_asked", 0, 0), "nick"));
    check_row(party_count(ward.anna, "room_voice_asked", 0) == 0, "and who is no moderator is not", "she is");
    party_give(ward.jonas,
        "<message from='" WARD_FOREIGN "/anna' to='" JONAS
        "'><x xmlns='jabber:x:data' type='form'><field var='FORM_TYPE' type='hidden'>"
        "<value>http://jabber.org/protocol/muc#request</value></field><field var='muc#roomnick'>"
        "<value>mira</value></field></x></message>");
    lab_run(&ward.lab, 1000);
    check_row(party_count(ward.jonas, "room_voice_asked", 0) == 1,
        "nor does somebody in the room ask in another's name", "%zu", party_count(ward.jonas, "room_voice_asked", 0));
    check_row(good(say(ward.jonas, "room_voice", ",\"nick\":\"anna\",\"voice\":true"))
            && strcmp(role(ward.anna, "anna"), "participant") == 0,
        "XEP-0045 §8.3: and is given it", "not");
    mark = party_mark(ward.anna);
    check_row(good(say(ward.jonas, "room_kick", ",\"nick\":\"anna\"")), "XEP-0045 §8.2: an owner puts her out", "not");
    check_text("she is told so", text_of(party_event(ward.anna, "room_put_out", mark, 0), "why"), "kicked");
    lab_run(&ward.lab, 300000);
    check_row(json_is_true(json_object_get(room_of(ward.anna, WARD_FOREIGN), "left")) && !*role(ward.jonas, "anna"),
        "and does not come back by herself", "she does");
    (void)say(ward.anna, "room_join", "");
    lab_run(&ward.lab, 30000);
    check_text("XEP-0045 §8.2: she may", role(ward.jonas, "anna"), "participant");
    mark = party_mark(ward.anna);
    check_row(good(say(ward.jonas, "room_ban", ",\"member\":\"" ANNA "\"")), "XEP-0045 §9.1: an owner bans", "not");
    check_text("she is told so", text_of(party_event(ward.anna, "room_put_out", mark, 0), "why"), "banned");
    check_row(
        !good(say(ward.anna, "room_join", "")) || !*role(ward.jonas, "anna"), "and stays outside", "she does not");
    check_row(good(say(ward.jonas, "room_unban", ",\"member\":\"" ANNA "\"")), "XEP-0045 §9.2: that ends", "not");
    host_conn_free(conn);
    ward_end(&ward);
}

/* What mira's room makes of a nick is seen by another's wish for it. */
static bool registered(struct party *party)
{
    json_t *answer = say(party, "room_register", "");

    return good(answer) && strcmp(text_of(answer, "cmd"), "room_register") == 0;
}

static void test_registered(void)
{
    struct ward ward;
    struct host_conn *conn;

    ward_begin(&ward, 97);
    conn = together(&ward);
    client_say(conn,
        "<iq type='set' id='n' to='" WARD_FOREIGN "'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' "
        "type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>"
        "<field var='muc#register_roomnick'><value>anna</value></field></x></query></iq>");
    check_row(heard(conn, "<conflict"), "(somebody else's nick is not to be had while she is there)", "it is");
    check_row(registered(ward.anna), "XEP-0045 §7.10: who registers with a room has the nick", "refused");
    check_row(registered(ward.anna), "XEP-0045 §7.10: and is asked for nothing when it is hers already", "refused");
    check_row(ks_str_find(ks_buf_str(&ward.anna->sent), KS_STR("<value>anna</value>")) < ward.anna->sent.len,
        "it is the one that she is known by there", "another");
    check_row(good(say(ward.anna, "room_leave", "")), "(she leaves)", "refused");
    lab_run(&ward.lab, 3000);
    conn->out.len = 0;
    client_say(conn, "<presence to='" WARD_FOREIGN "/anna'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
    lab_run(&ward.lab, 3000);
    check_row(heard(conn, "<conflict"), "XEP-0045 §7.2.8: and nobody else enters with it, or changes to it", "it is");
    check_row(good(say(ward.anna, "room_unregister", "")), "XEP-0077 §3.2: she gives it up", "refused");
    conn->out.len = 0;
    client_say(conn, "<presence to='" WARD_FOREIGN "/anna'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
    lab_run(&ward.lab, 3000);
    check_row(!heard(conn, "<conflict"), "and it is free again", "it is not");
    check_text("XEP-0045 §7.10: with a room for members only nobody registers himself",
        text_of(say(ward.anna, "room_register", ""), "code"), "server.refused");
    host_conn_free(conn);
    ward_end(&ward);
}

static void test_stated(void)
{
    struct ward ward;

    ward_begin(&ward, 96);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    check_text("PROTOCOL §9.3: in a room with statements who does not own it bans nobody",
        text_of(
            ask(ward.jonas, "{\"id\":\"r\",\"cmd\":\"room_ban\",\"room\":\"%s\",\"member\":\"" MIRA "\"}", ward.room),
            "code"),
        "room.not_owner");
    check_row(
        good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_ban\",\"room\":\"%s\",\"member\":\"" MIRA "\"}", ward.room)),
        "PROTOCOL §9.3: an owner's ban is a statement", "refused");
    lab_run(&ward.lab, 20000);
    check_row(strstr(lines(ward.jonas, ward.room), "removed:mira@"), "which every member reads", "%s",
        lines(ward.jonas, ward.room));
    check_text("and nothing but a statement brings back",
        text_of(
            ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_unban\",\"room\":\"%s\",\"member\":\"" MIRA "\"}", ward.room),
            "code"),
        "room.stated");
    check_text("PROTOCOL §9.3: nor does anybody register with it",
        text_of(ask(ward.mira, "{\"id\":\"r\",\"cmd\":\"room_register\",\"room\":\"%s\"}", ward.room), "code"),
        "room.stated");
    check_text("a room that is not there puts nobody out",
        text_of(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_kick\",\"room\":\"x@klinik.example\",\"nick\":\"a\"}"),
            "code"),
        "room.none");
    ward_end(&ward);
}

static void say_to(struct ward *ward, struct host_conn *conn, const char *before, const char *behind)
{
    conn->out.len = 0;
    client_say(conn, before);
    client_say(conn, ward->room);
    client_say(conn, behind);
    lab_run(&ward->lab, 3000);
}

static void test_stated_voice(void)
{
    struct ward ward;
    struct host_conn *conn;
    const char *id;

    ward_begin(&ward, 98);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    place = ward.room;
    check_row(strcmp(role(ward.mira, "anna"), "moderator") == 0 && strcmp(role(ward.mira, "jonas"), "participant") == 0,
        "XEP-0045 §5.1.2: in a room with statements owners are moderators, and members have a voice", "%s, %s",
        role(ward.mira, "anna"), role(ward.mira, "jonas"));
    check_text("who moderates nothing there takes no voice",
        text_of(say(ward.mira, "room_voice", ",\"nick\":\"jonas\",\"voice\":false"), "code"), "server.refused");
    check_row(good(say(ward.anna, "room_voice", ",\"nick\":\"jonas\",\"voice\":false"))
            && strcmp(role(ward.mira, "jonas"), "visitor") == 0,
        "XEP-0045 §8.4: an owner takes one", "not");
    id = party_send(ward.jonas, ward.room, "CANARY");
    lab_run(&ward.lab, 20000);
    check_text("then what he writes reaches nobody", party_history(ward.mira, ward.room), "");
    check_text("and he is told so", text_of(party_message(ward.jonas, ward.room, id), "state"), "failed");
    (void)party_send(ward.anna, ward.room, "eins");
    lab_run(&ward.lab, 20000);
    check_row(strstr(party_history(ward.jonas, ward.room), "eins"),
        "PROTOCOL §9.3: a role refuses nobody a key: he reads on", "%s", party_history(ward.jonas, ward.room));
    check_row(good(say(ward.jonas, "room_ask_voice", ""))
            && strcmp(text_of(party_event(ward.anna, "room_voice_asked", 0, 0), "nick"), "jonas") == 0,
        "XEP-0045 §8.6: he asks for it, and an owner is told who", "%s",
        text_of(party_event(ward.anna, "room_voice_asked", 0, 0), "nick"));
    check_row(party_count(ward.mira, "room_voice_asked", 0) == 0 && party_count(ward.jonas, "room_voice_asked", 0) == 0,
        "and nobody else", "others are");
    conn = ward_program(&ward, 97, "anna", "a-password");
    say_to(&ward, conn, "<presence to='", "/anna'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
    say_to(&ward, conn, "<iq type='get' id='l' to='",
        "'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='participant'/></query></iq>");
    check_row(heard(conn, "nick='mira'") && !heard(conn, "nick='jonas'"),
        "XEP-0045 §8.5: who has a voice is listed for an owner's other program", "not");
    say_to(&ward, conn, "<iq type='set' id='g' to='",
        "'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='jonas' role='participant'/></query></iq>");
    check_text("XEP-0045 §8.5: and given by that list", role(ward.mira, "jonas"), "participant");
    (void)party_send(ward.jonas, ward.room, "zwei");
    lab_run(&ward.lab, 20000);
    check_row(strstr(party_history(ward.mira, ward.room), "zwei"), "and then he is heard", "%s",
        party_history(ward.mira, ward.room));
    host_conn_free(conn);
    ward_end(&ward);
}

static void test_stated_moderator(void)
{
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 99);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    place = ward.room;
    check_text("(a member puts nobody out)", text_of(say(ward.jonas, "room_kick", ",\"nick\":\"mira\""), "code"),
        "server.refused");
    check_row(good(say(ward.anna, "room_moderator", ",\"nick\":\"jonas\",\"moderator\":true"))
            && strcmp(role(ward.mira, "jonas"), "moderator") == 0,
        "XEP-0045 §9.6: in a room with statements an owner makes a moderator", "not");
    check_text("PROTOCOL §9.3: who is no owner by that",
        text_of(say(ward.jonas, "room_rename", ",\"title\":\"x\""), "code"), "room.not_owner");
    check_text(
        "nor puts an owner out", text_of(say(ward.jonas, "room_kick", ",\"nick\":\"anna\""), "code"), "server.refused");
    mark = party_mark(ward.mira);
    check_row(good(say(ward.jonas, "room_kick", ",\"nick\":\"mira\"")) && !*role(ward.anna, "mira"),
        "XEP-0045 §8.2: but another member", "not");
    check_text("who is told so", text_of(party_event(ward.mira, "room_put_out", mark, 0), "why"), "kicked");
    (void)party_send(ward.anna, ward.room, "eins");
    lab_run(&ward.lab, 300000);
    check_text("PROTOCOL §9.3: and comes back by herself, as the statements say that she belongs to it",
        role(ward.anna, "mira"), "participant");
    check_text("with what was said meanwhile", party_history(ward.mira, ward.room), "eins");
    check_row(good(say(ward.anna, "room_moderator", ",\"nick\":\"jonas\",\"moderator\":false"))
            && strcmp(role(ward.mira, "jonas"), "participant") == 0,
        "XEP-0045 §9.7: and that ends", "not");
    ward_end(&ward);
}

int main(void)
{
    test_foreign();
    test_registered();
    test_stated();
    test_stated_voice();
    test_stated_moderator();
    return check_done();
}
