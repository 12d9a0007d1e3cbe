/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A room's picture: its members have it, and no server (doc/PROTOCOL.md §9.2). */
#include "enc.h"
#include "ward.h"

#define PNG "\x89PNG\r\n\x1a\n"

/* A picture of len bytes that begins with magic, in base64; lives as long as the lab. */
static const char *picture(struct ward *ward, const char *magic, size_t magic_len, size_t len)
{
    char *bytes = ks_arena_zero(&ward->lab.kept, len + 1);
    struct ks_str text, whole;

    memcpy(bytes, magic, magic_len);
    for (size_t i = magic_len; i < len; i++)
        bytes[i] = (char)(i * 31 + i / 256);
    if (ks_base64(&ward->lab.kept, ks_str(bytes, len), &text) != KS_OK
        || ks_arena_join(&ward->lab.kept, (struct ks_str[]) { text, { "", 1 } }, 2, &whole) != KS_OK)
        abort();
    return whole.ptr;
}

static json_t *set(struct ward *ward, struct party *party, const char *image)
{
    static char text[16384];
    struct konsil_now now = { ward->lab.host->now.mono_ms, ward->lab.host->now.wall_ms };
    size_t mark = party_mark(party);
    int len = snprintf(text, sizeof(text),
        "{\"id\":\"r\",\"cmd\":\"room_picture_set\",\"room\":\"%s\",\"image\":\"%s\"}", ward->room, image);

    konsil_command(party->engine, text, (size_t)len, now);
    lab_run(&ward->lab, 20000);
    for (size_t i = mark; i < party_mark(party); i++)
        if (strcmp(text_of(json_array_get(party->events, i), "re"), "r") == 0)
            return json_array_get(party->events, i);
    return NULL;
}

/* ward_room, for more members than its command holds. */
static void members_room(struct ward *ward, const char *members)
{
    static char text[16384];
    struct konsil_now now = { ward->lab.host->now.mono_ms, ward->lab.host->now.wall_ms };
    size_t mark = party_mark(ward->anna);
    int len = snprintf(
        text, sizeof(text), "{\"id\":\"r\",\"cmd\":\"room_create\",\"title\":\"Haus\",\"members\":[%s]}", members);

    konsil_command(ward->anna->engine, text, (size_t)len, now);
    lab_run(&ward->lab, 60000);
    ward->room = text_of(json_object_get(party_event(ward->anna, "room", mark, 0), "room"), "room");
}

static const char *shown(struct ward *ward, struct party *party, const char *member)
{
    return text_of(party_do(party, "{\"id\":\"x\",\"cmd\":\"room_picture\",\"room\":\"%s\"}", ward->room), member);
}

static size_t showing(struct ward *ward, const char *image)
{
    size_t count = 0;

    for (size_t i = 0; i < ward->lab.count; i++)
        count += strcmp(shown(ward, &ward->lab.parties[i], "image"), image) == 0;
    return count;
}

static bool any_sent(struct ward *ward, const char *text)
{
    for (size_t i = 0; i < ward->lab.count; i++) {
        struct ks_str sent = ks_buf_str(&ward->lab.parties[i].sent);

        if (ks_str_find(sent, ks_str_z(text)) < sent.len)
            return true;
    }
    return false;
}

static void test_seen(void)
{
    struct ward ward;
    const char *image, *id;
    char piece[33] = "";

    ward_begin(&ward, 81);
    ward_room(&ward, "\"" JONAS "\"");
    image = picture(&ward, PNG, sizeof(PNG) - 1, 8192);
    check_row(showing(&ward, "") == 6 && !json_object_get(room_of(ward.jonas, ward.room), "picture"),
        "(a room has none at first)", "it has");
    check_row(good(set(&ward, ward.anna, image)), "PROTOCOL §9.2: an owner gives a room a picture", "refused");
    check_row(showing(&ward, image) == 4, "each device of each member has it, and nobody else's", "%zu",
        showing(&ward, image));
    check_text("with what its bytes say it is", shown(&ward, ward.jonas2, "type"), "image/png");
    id = text_of(room_of(ward.jonas, ward.room), "picture");
    check_row(strlen(id) == 40 && strcmp(id, text_of(room_of(ward.anna2, ward.room), "picture")) == 0,
        "and an id, by which it is known again", "\"%s\"", id);
    check_row(strstr(lines(ward.jonas, ward.room), "pictured") && !strstr(lines(ward.jonas, ward.room), "renamed"),
        "a line says so", "%s", lines(ward.jonas, ward.room));
    check_row(good(set(&ward, ward.anna, image)) && showing(&ward, image) == 4, "the same picture can be given again",
        "it cannot");
    check_text("and no line says that anything is new", lines(ward.jonas, ward.room), "founded,pictured");
    memcpy(piece, image + 4000, 32);
    check_row(any_sent(&ward, "<encrypted") && !any_sent(&ward, piece) && !any_sent(&ward, "<look"),
        "DSK I.12-e part (what groups show): no server sees it", "it does");
    (void)ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_rename\",\"room\":\"%s\",\"title\":\"Visite 2\"}", ward.room);
    lab_run(&ward.lab, 20000);
    check_row(showing(&ward, image) == 4 && strstr(lines(ward.jonas, ward.room), "renamed"),
        "who renames the room leaves it", "%zu", showing(&ward, image));
    (void)ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_add\",\"room\":\"%s\",\"members\":[\"" MIRA "\"]}", ward.room);
    lab_run(&ward.lab, 20000);
    check_row(showing(&ward, image) == 6, "a newcomer's welcome has it, beside all else", "%zu", showing(&ward, image));
    check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_picture_remove\",\"room\":\"%s\"}", ward.room)),
        "an owner takes it away", "refused");
    lab_run(&ward.lab, 20000);
    check_row(showing(&ward, "") == 6, "from all", "%zu", showing(&ward, ""));
    ward_end(&ward);
}

/* So many members that their statement has no room beside a picture: then the room's server has it. */
static void test_large(void)
{
    char members[8192] = "\"" JONAS "\"";
    const char *image;
    struct ward ward;

    ward_begin(&ward, 83);
    for (int i = 0; i < 150; i++)
        snprintf(members + strlen(members), sizeof(members) - strlen(members), ",\"person-%d@klinik.example\"", i);
    members_room(&ward, members);
    image = picture(&ward, PNG, sizeof(PNG) - 1, 8192);
    check_row(good(set(&ward, ward.anna, image)), "(an owner of a large room gives it a picture)", "refused");
    check_row(showing(&ward, image) == 4, "PROTOCOL §9.2: and its members have it", "%zu", showing(&ward, image));
    ward_end(&ward);
}

static void test_refused(void)
{
    struct ward ward;

    ward_begin(&ward, 82);
    ward_room(&ward, "\"" JONAS "\"");
    check_text("a member who does not own the room gives it none",
        text_of(set(&ward, ward.jonas, picture(&ward, PNG, sizeof(PNG) - 1, 100)), "code"), "room.not_owner");
    check_text("one that is too long is refused",
        text_of(set(&ward, ward.anna, picture(&ward, PNG, sizeof(PNG) - 1, 8193)), "code"), "room.no_picture");
    check_text("as is one that programs may not be given",
        text_of(set(&ward, ward.anna, picture(&ward, "<svg", 4, 100)), "code"), "room.no_picture");
    check_text("and what is no base64", text_of(set(&ward, ward.anna, "%%%"), "code"), "room.no_picture");
    check_text("and nothing", text_of(set(&ward, ward.anna, ""), "code"), "room.no_picture");
    check_text("a room that is not there has none",
        text_of(party_do(ward.anna, "{\"id\":\"x\",\"cmd\":\"room_picture\",\"room\":\"x@klinik.example\"}"), "code"),
        "room.none");
    check_row(showing(&ward, "") == 6, "and nothing of it changed the room", "%zu", showing(&ward, ""));
    ward_end(&ward);
}

int main(void)
{
    test_seen();
    test_large();
    test_refused();
    return check_done();
}
