/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who is in a room as its server says: nicks, roles, hats and occupant ids, which are shown and prove nothing
 * (XEP-0045 §7.2.3; XEP-0317; XEP-0421). */
#include "ward.h"

#define HATS "<hats xmlns='urn:xmpp:hats:0'>"

static const json_t *occupant(struct party *party, const char *room, const char *nick)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"room_occupants\",\"room\":\"%s\"}", room);

    return one_of(json_object_get(event, "occupants"), "nick", nick);
}

static const char *hat(const json_t *who, size_t n)
{
    const char *text = json_string_value(json_array_get(json_object_get(who, "hats"), n));

    return text ? text : "";
}

static const json_t *member(struct party *party, const char *room, const char *jid)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"members\",\"room\":\"%s\"}", room);

    return one_of(json_object_get(event, "members"), "jid", jid);
}

static void give(struct ward *ward, const char *room, const char *nick, const char *jid, const char *more)
{
    party_give(ward->anna,
        "<presence xmlns='jabber:client' from='%s/%s' to='" ANNA "'>%s<x xmlns='http://jabber.org/protocol/muc#user'>"
        "<item jid='%s/x' affiliation='member' role='participant'/></x></presence>",
        room, nick, more, jid);
}

static void test_hats(void)
{
    struct ward ward;
    char many[2048] = HATS;
    const json_t *who;

    ward_begin(&ward, 91);
    ward_room(&ward, "\"" JONAS "\"");
    who = occupant(ward.anna, ward.room, "jonas");
    check_text("XEP-0045 §7.2.3: who is in a room is told, with the account", text_of(who, "jid"), JONAS);
    check_row(json_array_size(json_object_get(who, "hats")) == 0, "(he has no hat)", "he has");
    check_row(json_is_true(json_object_get(occupant(ward.anna, ward.room, "anna"), "own")),
        "and who of them is oneself", "not");
    give(&ward, ward.room, "jonas", JONAS,
        HATS "<hat title='Oberarzt' uri='urn:konsil:hats:profession'/><hat uri='x'/><hat title='Kardiologie' uri='y'/>"
             "</hats>");
    who = occupant(ward.anna, ward.room, "jonas");
    check_text("XEP-0317 §3: a hat is shown by its title", hat(who, 0), "Oberarzt");
    check_text("one without a title is none", hat(who, 1), "Kardiologie");
    check_text(
        "XEP-0317: a member's hats stand with the members", hat(member(ward.anna, ward.room, JONAS), 1), "Kardiologie");
    for (int i = 0; i < 9; i++)
        snprintf(
            many + strlen(many), sizeof(many) - strlen(many), "<hat title='Hut %d%0*d' uri='u'/>", i, i ? 0 : 200, 0);
    snprintf(many + strlen(many), sizeof(many) - strlen(many), "</hats>");
    give(&ward, ward.room, "jonas", JONAS, many);
    who = occupant(ward.anna, ward.room, "jonas");
    check_row(json_array_size(json_object_get(who, "hats")) == 4 && strlen(hat(who, 0)) == 128,
        "of too many, four are shown, and of each so much", "%zu, %zu", json_array_size(json_object_get(who, "hats")),
        strlen(hat(who, 0)));
    give(&ward, ward.room, "jonas", JONAS, "");
    check_row(json_array_size(json_object_get(member(ward.anna, ward.room, JONAS), "hats")) == 0,
        "who comes without them has none any more", "he has");
    give(&ward, ward.room, "eva", "eva@klinik.example", HATS "<hat title='owner' uri='u'/></hats>");
    check_row(occupant(ward.anna, ward.room, "eva") && !member(ward.anna, ward.room, "eva@klinik.example"),
        "and a hat makes nobody a member", "it does");
    check_text("a room that is not there has nobody",
        text_of(party_do(ward.anna, "{\"id\":\"x\",\"cmd\":\"room_occupants\",\"room\":\"x@klinik.example\"}"), "code"),
        "room.none");
    ward_end(&ward);
}

static bool no_feature(struct party *party, struct ks_str *stanza, void *user)
{
    size_t at = ks_str_find(*stanza, KS_STR("<feature var='urn:xmpp:occupant-id:0'/>")), len = 39;
    struct ks_str parts[2];

    (void)user;
    if (at == stanza->len)
        return true;
    parts[0] = ks_str_head(*stanza, at);
    parts[1] = ks_str_from(*stanza, at + len);
    return ks_arena_join(&party->lab->kept, parts, 2, stanza) == KS_OK;
}

static void test_ids(void)
{
    struct ward ward;
    struct host_conn *conn;
    char first[256], more[512];

    ward_begin(&ward, 92);
    conn = ward_foreign_room(&ward);
    ward_foreign_lets(&ward, conn, "member", ANNA);
    ward_foreign_lets(&ward, conn, "member", JONAS);
    ward.jonas->spy = no_feature;
    (void)ward_foreign_join(ward.anna);
    (void)ward_foreign_join(ward.jonas);
    snprintf(first, sizeof(first), "%s", text_of(occupant(ward.anna, WARD_FOREIGN, "mira"), "occupant"));
    check_row(*first, "XEP-0421 §4.1: in a room of other programs an occupant has an id", "none");
    check_row(
        occupant(ward.jonas, WARD_FOREIGN, "mira") && !*text_of(occupant(ward.jonas, WARD_FOREIGN, "mira"), "occupant"),
        "XEP-0421 §3.2: where the room does not say that it gives them it is ignored", "it is not");
    client_say(conn, "<presence to='" WARD_FOREIGN "/andere'/>");
    lab_run(&ward.lab, 3000);
    check_row(!occupant(ward.anna, WARD_FOREIGN, "mira"), "(she takes another nick)", "she does not");
    check_text("XEP-0421 §4.1: it is the same under another nick",
        text_of(occupant(ward.anna, WARD_FOREIGN, "andere"), "occupant"), first);
    snprintf(more, sizeof(more), "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='%0129d'/>", 0);
    give(&ward, WARD_FOREIGN, "andere", MIRA, more);
    check_text("XEP-0421 §4.1: one of more than 128 characters is none",
        text_of(occupant(ward.anna, WARD_FOREIGN, "andere"), "occupant"), "");
    host_conn_free(conn);
    ward_end(&ward);
}

/* Told since mark. */
static size_t told(struct party *party, size_t mark)
{
    return party_count(party, "room_occupants_changed", mark);
}

/* mira's other program in the room: present under a nick, or gone. */
static void comes(struct ward *ward, struct host_conn *conn, const char *nick, const char *more)
{
    char text[256];

    snprintf(text, sizeof(text), "<presence to='" WARD_FOREIGN "/%s'%s", nick, more);
    client_say(conn, text);
    lab_run(&ward->lab, 3000);
}

static void test_changes(void)
{
    struct host_conn *conn;
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 93);
    conn = ward_foreign_room(&ward);
    ward_foreign_lets(&ward, conn, "member", ANNA);
    (void)ward_foreign_join(ward.anna);
    mark = party_mark(ward.anna);
    check_row(told(ward.anna, 0) == 1, "who enters a room is told once that somebody is there", "%zu times",
        told(ward.anna, 0));
    comes(&ward, conn, "neu", "/>");
    check_row(told(ward.anna, mark) == 0, "until it is asked for, no change is told", "%zu", told(ward.anna, mark));
    check_row(occupant(ward.anna, WARD_FOREIGN, "neu"), "(she has another nick)", "she does not");
    comes(&ward, conn, "neu", "><show>away</show></presence>");
    comes(&ward, conn, "neu", "/>");
    check_row(told(ward.anna, mark) == 1, "then it is, once", "%zu", told(ward.anna, mark));
    check_row(occupant(ward.anna, WARD_FOREIGN, "neu"), "(she is there)", "she is not");
    comes(&ward, conn, "neu", " type='unavailable'/>");
    check_row(told(ward.anna, mark) == 2 && !occupant(ward.anna, WARD_FOREIGN, "neu"), "and that somebody went", "%zu",
        told(ward.anna, mark));
    host_conn_free(conn);
    ward_end(&ward);
}

int main(void)
{
    test_hats();
    test_changes();
    test_ids();
    return check_done();
}
