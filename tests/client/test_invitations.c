/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Invitations into rooms of other programs: who hears of them, and what is believed of them (doc/PROTOCOL.md §9.5;
 * XEP-0249; XEP-0045 §7.8.2). */
#include "ward.h"

#define DAY_MS 86400000LL

static bool heard(const struct host_conn *conn, const char *text)
{
    return ks_str_find(ks_buf_str(&conn->out), ks_str_z(text)) < conn->out.len;
}

/* Each open one as "room<from:reason", joined. */
static const char *open_ones(struct party *party)
{
    static char text[4096];
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"invitations\"}"), *one;
    size_t i, at = 0;

    text[0] = 0;
    json_array_foreach(json_object_get(event, "invitations"), i, one) at += (size_t)snprintf(text + at,
        sizeof(text) - at, "%s%.*s<%s:%s", at ? "," : "", (int)strcspn(text_of(one, "room"), "@"), text_of(one, "room"),
        text_of(one, "from"), text_of(one, "reason"));
    return text;
}

static size_t count_open(struct party *party)
{
    return json_array_size(json_object_get(party_do(party, "{\"id\":\"x\",\"cmd\":\"invitations\"}"), "invitations"));
}

static void test_ways(void)
{
    struct ward ward;
    struct host_conn *conn;
    json_t *event;
    size_t mark;

    ward_begin(&ward, 71);
    party_do(ward.anna2, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    conn = ward_foreign_room(&ward);
    client_say(conn,
        "<message to='" WARD_FOREIGN "' id='i1'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='" ANNA
        "'><reason>Herr Maier</reason></invite></x></message>");
    client_say(conn,
        "<message to='" JONAS "' id='i2'><x xmlns='jabber:x:conference' jid='" WARD_FOREIGN
        "' reason='Herr Maier'/></message>");
    lab_run(&ward.lab, 3000);
    check_text("XEP-0045 §7.8.2: a room's invitation is told, and from whom, if it is a room of our server",
        open_ones(ward.anna), "r-konferenzkonferenzkonferen<" MIRA ":");
    check_text("XEP-0249 §2: so is a direct one", open_ones(ward.jonas), "r-konferenzkonferenzkonferen<" MIRA ":");
    check_text("on each device", open_ones(ward.jonas2), "r-konferenzkonferenzkonferen<" MIRA ":");
    party_restart(ward.jonas);
    party_restart(ward.anna2);
    lab_run(&ward.lab, 5000);
    check_text("and after a restart", open_ones(ward.jonas), "r-konferenzkonferenzkonferen<" MIRA ":");
    check_text("who was away hears of it later", open_ones(ward.anna2), "r-konferenzkonferenzkonferen<" MIRA ":");
    check_row(!room_of(ward.anna, WARD_FOREIGN), "nothing is entered by itself", "it is");
    mark = party_mark(ward.anna);
    check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_join\",\"room\":\"" WARD_FOREIGN "\"}")),
        "room_join accepts", "it does not");
    lab_run(&ward.lab, 30000);
    event = party_event(ward.anna, "invitation", mark, 0);
    check_row(json_is_true(json_object_get(event, "over")) && count_open(ward.anna) == 0 && count_open(ward.anna2) == 0,
        "then it is over, on the other device as well", "%zu, %zu", count_open(ward.anna), count_open(ward.anna2));
    check_row(json_is_true(json_object_get(room_of(ward.anna, WARD_FOREIGN), "foreign")),
        "PROTOCOL §9.5: and read only", "not");
    /* on to others */
    check_row(good(party_do(ward.anna,
                  "{\"id\":\"x\",\"cmd\":\"room_invite\",\"room\":\"" WARD_FOREIGN "\",\"to\":\"" MIRA "\"}")),
        "XEP-0249 §2: who is in it invites others", "refused");
    lab_run(&ward.lab, 3000);
    check_text("and they are told", open_ones(ward.mira), "r-konferenzkonferenzkonferen<" ANNA ":");
    client_say(
        conn, "<message to='" ANNA "' id='i3'><x xmlns='jabber:x:conference' jid='" WARD_FOREIGN "'/></message>");
    lab_run(&ward.lab, 3000);
    check_row(count_open(ward.anna) == 0, "who is in it is not invited", "she is");
    host_conn_free(conn);
    ward_end(&ward);
}

static void test_declined(void)
{
    struct ward ward;
    struct host_conn *conn;
    size_t mark;

    ward_begin(&ward, 72);
    conn = ward_foreign_room(&ward);
    client_say(conn,
        "<message to='" WARD_FOREIGN "' id='i1'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='" ANNA
        "'/></x></message>");
    client_say(
        conn, "<message to='" JONAS "' id='i2'><x xmlns='jabber:x:conference' jid='" WARD_FOREIGN "'/></message>");
    lab_run(&ward.lab, 3000);
    check_row(good(party_do(ward.anna, "{\"id\":\"x\",\"cmd\":\"invitation_decline\",\"room\":\"" WARD_FOREIGN "\"}")),
        "an invitation is declined", "it is not");
    lab_run(&ward.lab, 3000);
    check_row(
        heard(conn, "<decline from='" ANNA "'"), "XEP-0045 §7.8.2: the room tells that who invited", "nothing came");
    check_row(count_open(ward.anna) == 0, "and it is over", "%zu", count_open(ward.anna));
    check_text("it is declined once",
        text_of(
            party_do(ward.anna, "{\"id\":\"x\",\"cmd\":\"invitation_decline\",\"room\":\"" WARD_FOREIGN "\"}"), "code"),
        "room.not_invited");
    mark = ward.jonas->sent.len;
    party_do(ward.jonas, "{\"id\":\"x\",\"cmd\":\"invitation_decline\",\"room\":\"" WARD_FOREIGN "\"}");
    lab_run(&ward.lab, 3000);
    check_row(count_open(ward.jonas) == 0
            && ks_str_find(ks_str_from(ks_buf_str(&ward.jonas->sent), mark), KS_STR("<message"))
                == ward.jonas->sent.len - mark,
        "XEP-0249: to decline a direct one is told nobody", "it is");
    host_conn_free(conn);
    ward_end(&ward);
}

static void test_own_rooms(void)
{
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 73);
    ward_room(&ward, "\"" JONAS "\"");
    mark = ward.anna->sent.len;
    check_text("PROTOCOL §9.5: into a room with statements nobody invites: owners add members",
        text_of(party_do(
                    ward.anna, "{\"id\":\"x\",\"cmd\":\"room_invite\",\"room\":\"%s\",\"to\":\"" MIRA "\"}", ward.room),
            "code"),
        "room.stated");
    check_row(ward.anna->sent.len == mark, "and nothing is sent", "something is");
    check_text("nor into one that is not known",
        text_of(party_do(ward.anna,
                    "{\"id\":\"x\",\"cmd\":\"room_invite\",\"room\":\"" WARD_FOREIGN "\",\"to\":\"" MIRA "\"}"),
            "code"),
        "room.none");
    party_give(ward.mira,
        "<message from='" JONAS "/x' to='" MIRA "'><x xmlns='jabber:x:conference' jid='%s'/></message>", ward.room);
    check_text("PROTOCOL §9.1: who is invited past its statements is not let in",
        text_of(ask(ward.mira, "{\"id\":\"r\",\"cmd\":\"room_join\",\"room\":\"%s\"}", ward.room), "event"), "error");
    (void)ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_add\",\"room\":\"%s\",\"members\":[\"" MIRA "\"]}", ward.room);
    lab_run(&ward.lab, 20000);
    check_row(room_of(ward.mira, ward.room) && count_open(ward.mira) == 0,
        "PROTOCOL §9.3: an owner's statement lets her in, and there is no invitation any more", "%zu",
        count_open(ward.mira));
    ward_end(&ward);
}

static void test_hostile(void)
{
    char reason[700];
    struct ward ward;

    ward_begin(&ward, 74);
    party_give(ward.anna,
        "<message from='tee@rooms.fremd.example' to='" ANNA
        "'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='" JONAS "'/></x></message>");
    check_text("whom another server's room says it is from is not told", open_ones(ward.anna), "tee<:");
    party_give(ward.anna,
        "<message from='eve@klinik.example/x' to='" ANNA
        "'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='" JONAS "'/></x></message>");
    check_text("nor is it believed of a person who speaks as a room", open_ones(ward.anna), "tee<:");
    party_do(ward.anna, "{\"id\":\"x\",\"cmd\":\"invitation_decline\",\"room\":\"tee@rooms.fremd.example\"}");
    party_give(ward.anna,
        "<message from='" JONAS "/x' to='" ANNA "'><x xmlns='jabber:x:conference' jid='tee@a.example/x'/>"
        "</message><message from='" JONAS "/x' to='" ANNA
        "'><x xmlns='jabber:x:conference' jid='a.example'/></message><message from='" JONAS "/x' to='" ANNA
        "'><x xmlns='jabber:x:conference'/></message><message from='" JONAS "/x' to='" ANNA
        "'><x xmlns='jabber:x:conference' jid='@'/></message>");
    check_row(count_open(ward.anna) == 0, "XEP-0249 §2: what is no bare address of a room is none", "\"%s\"",
        open_ones(ward.anna));
    party_give(ward.anna,
        "<message from='" ANNA "/other' to='" JONAS "'><x xmlns='jabber:x:conference' jid='tee@a.example'/></message>");
    party_give(ward.anna,
        "<message type='groupchat' from='" WARD_FOREIGN "/x' to='" ANNA
        "'><x xmlns='jabber:x:conference' jid='tee@a.example'/></message>");
    party_give(ward.anna,
        "<message type='error' from='" JONAS "/x' to='" ANNA
        "'><x xmlns='jabber:x:conference' jid='tee@a.example'/></message>");
    check_row(
        count_open(ward.anna) == 0, "nor one's own, nor what a room or an error says", "\"%s\"", open_ones(ward.anna));
    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = 0;
    party_give(ward.anna,
        "<message from='" JONAS "/x' to='" ANNA
        "'><x xmlns='jabber:x:conference' jid='tee@a.example' reason='%s'/></message>",
        reason);
    check_text("a reason that is too long is left out", open_ones(ward.anna), "tee<" JONAS ":");
    for (int i = 0; i < 20; i++)
        party_give(ward.anna,
            "<message from='" JONAS "/x' to='" ANNA
            "'><x xmlns='jabber:x:conference' jid='tee%d@a.example' reason='r'/></message>",
            i);
    check_row(count_open(ward.anna) == 8, "one person's invitations fill no more than his share", "%zu",
        count_open(ward.anna));
    for (int i = 0; i < 200; i++)
        party_give(ward.anna,
            "<message from='p%d@klinik.example/x' to='" ANNA
            "'><x xmlns='jabber:x:conference' jid='kaffee%d@a.example'/></message>",
            i, i);
    check_row(count_open(ward.anna) == 64, "nor are all of them more than 64", "%zu", count_open(ward.anna));
    party_give(ward.mira,
        "<message from='" JONAS "/x' to='" MIRA
        "'><delay xmlns='urn:xmpp:delay' stamp='2099-01-01T00:00:00Z'/><x xmlns='jabber:x:conference' "
        "jid='tee@a.example'/></message>");
    check_row(count_open(ward.mira) == 1, "(one that says it is of a time to come)", "%zu", count_open(ward.mira));
    lab_run(&ward.lab, 31 * DAY_MS);
    check_row(count_open(ward.mira) == 0 && count_open(ward.anna) == 0,
        "what nobody answers is forgotten after 30 days", "%zu, %zu", count_open(ward.mira), count_open(ward.anna));
    ward_end(&ward);
}

int main(void)
{
    test_ways();
    test_declined();
    test_own_rooms();
    test_hostile();
    return check_done();
}
