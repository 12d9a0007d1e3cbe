/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Under which nick a device is in a room, and that a nick keeps nobody out of one (XEP-0045 §7.2.8, §7.6). */
#include "ward.h"

/* The nick of this account in a room, as its device has it; "": it is not in it. */
static const char *own_nick(struct party *party, const char *room)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"room_occupants\",\"room\":\"%s\"}", room), *one;
    size_t i;

    json_array_foreach(json_object_get(event, "occupants"), i,
        one) if (json_is_true(json_object_get(one, "own"))) return text_of(one, "nick");
    return "";
}

static bool is_there(struct party *party, const char *room, const char *nick)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"room_occupants\",\"room\":\"%s\"}", room), *one;
    size_t i;

    json_array_foreach(
        json_object_get(event, "occupants"), i, one) if (strcmp(text_of(one, "nick"), nick) == 0) return true;
    return false;
}

/* Another program in a room under a nick. */
static void presence(struct ward *ward, struct host_conn *conn, const char *room, const char *nick)
{
    char text[512];

    snprintf(
        text, sizeof(text), "<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room, nick);
    client_say(conn, text);
    lab_run(&ward->lab, 3000);
}

static void test_taken(void)
{
    struct ward ward;
    struct host_conn *conn;

    ward_begin(&ward, 101);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    check_text("(at first everybody has the own nick)", own_nick(ward.jonas, ward.room), "jonas");
    (void)ask(ward.jonas, "{\"id\":\"r\",\"cmd\":\"disconnect\"}");
    (void)ask(ward.jonas2, "{\"id\":\"r\",\"cmd\":\"disconnect\"}");
    lab_run(&ward.lab, 600000);
    check_row(!is_there(ward.anna, ward.room, "jonas"), "(he is away)", "he is not");
    conn = ward_program(&ward, 99, "mira", "m-password");
    presence(&ward, conn, ward.room, "jonas");
    check_row(is_there(ward.anna, ward.room, "jonas"), "(mira takes his nick)", "she does not");
    (void)party_send(ward.anna, ward.room, "eins");
    party_connect(ward.jonas);
    lab_run(&ward.lab, 60000);
    check_text("XEP-0045 §7.2.8: whose nick somebody else has enters under another", own_nick(ward.jonas, ward.room),
        "jonas-2");
    (void)party_send(ward.jonas, ward.room, "zwei");
    lab_run(&ward.lab, 15000);
    check_text("and reads and writes there as before", party_history(ward.jonas, ward.room), "eins,zwei");
    check_text("under his own name, which his keys say", party_history(ward.mira, ward.room), "eins,zwei");
    party_connect(ward.jonas2);
    lab_run(&ward.lab, 60000);
    check_text("his other device shares it", own_nick(ward.jonas2, ward.room), "jonas-2");
    host_conn_free(conn);
    ward_end(&ward);
}

/* As XEP-0045 §7.6 has it, and other servers: in what says that the old nick is gone one is told that it is one's own.
 */
static bool own_303(struct party *party, struct ks_str *stanza, void *user)
{
    size_t at = ks_str_find(*stanza, KS_STR("<status code='303'/>"));
    struct ks_str parts[] = { ks_str_head(*stanza, at), KS_STR("<status code='110'/>"), ks_str_from(*stanza, at) };

    (void)user;
    return at == stanza->len || ks_arena_join(&party->lab->kept, parts, 3, stanza) == KS_OK;
}

static bool has_sent(const struct party *party, size_t from, const char *text)
{
    return has(ks_str_from(ks_buf_str(&party->sent), from), text);
}

static void test_changed(void)
{
    struct ward ward;
    struct host_conn *conn;
    size_t from;

    ward_begin(&ward, 102);
    ward_room(&ward, "\"" JONAS "\"");
    conn = ward_program(&ward, 98, "jonas", "j-password");
    presence(&ward, conn, ward.room, "jonas");
    ward.jonas->spy = own_303;
    from = ward.jonas->sent.len;
    client_say(conn, "<presence to='");
    client_say(conn, ward.room);
    client_say(conn, "/hans'/>");
    lab_run(&ward.lab, 3000);
    check_text("XEP-0045 §7.6: another program of the account takes another nick, and the device is there under it",
        own_nick(ward.jonas, ward.room), "hans");
    check_row(!has_sent(ward.jonas, from, "<statements") && has_sent(ward.jonas, 0, "<statements"),
        "and goes on there: nothing is asked for anew", "it is");
    lab_run(&ward.lab, 1200000);
    check_row(!has_sent(ward.jonas, from, "<presence") && strcmp(own_nick(ward.jonas, ward.room), "hans") == 0,
        "nor is it entered again", "it is");
    (void)party_send(ward.anna, ward.room, "eins");
    lab_run(&ward.lab, 15000);
    (void)party_send(ward.jonas, ward.room, "zwei");
    lab_run(&ward.lab, 15000);
    check_text("what is said comes as before", party_history(ward.jonas, ward.room), "eins,zwei");
    host_conn_free(conn);
    ward_end(&ward);
}

static void test_left(void)
{
    struct ward ward;
    struct host_conn *conn;

    ward_begin(&ward, 103);
    (void)ask(ward.jonas2, "{\"id\":\"r\",\"cmd\":\"disconnect\"}"); /* it would stay there */
    conn = ward_foreign_room(&ward);
    ward_foreign_lets(&ward, conn, "member", ANNA);
    ward_foreign_lets(&ward, conn, "member", JONAS);
    (void)ward_foreign_join(ward.anna);
    client_say(conn, "<presence to='" WARD_FOREIGN "/jonas'/>");
    lab_run(&ward.lab, 3000);
    check_row(is_there(ward.anna, WARD_FOREIGN, "jonas"), "(mira takes his nick)", "she does not");
    (void)ward_foreign_join(ward.jonas);
    check_text(
        "XEP-0045 §7.2.8: likewise into a room of other programs", own_nick(ward.jonas, WARD_FOREIGN), "jonas-2");
    (void)ask(ward.jonas, "{\"id\":\"r\",\"cmd\":\"room_leave\",\"room\":\"" WARD_FOREIGN "\"}");
    lab_run(&ward.lab, 10000);
    check_row(!is_there(ward.anna, WARD_FOREIGN, "jonas-2") && is_there(ward.anna, WARD_FOREIGN, "jonas"),
        "XEP-0045 §7.14: and is left under that one", "it is not");
    host_conn_free(conn);
    ward_end(&ward);
}

int main(void)
{
    test_taken();
    test_changed();
    test_left();
    return check_done();
}
