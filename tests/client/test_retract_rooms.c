/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a person takes back in a room is gone from the room's archive, whoever lost an answer meanwhile. */
#include "stores.h"
#include "ward.h"

static void retract(struct party *party, const char *room, const char *id)
{
    party_do(party, "{\"id\":\"x\",\"cmd\":\"retract\",\"conversation\":\"%s\",\"message\":\"%s\"}", room, id);
}

/* --- it goes --- */

static void test_everywhere(void)
{
    struct archive before, edited, after;
    struct ward ward;
    const char *id, *edit;

    ward_begin(&ward, 301);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    (void)party_send(ward.jonas, ward.room, "0");
    lab_run(&ward.lab, 5000);
    id = party_send(ward.anna, ward.room, "CANARY-1");
    lab_run(&ward.lab, 5000);
    edit =
        text_of(party_do(ward.anna,
                    "{\"id\":\"x\",\"cmd\":\"edit\",\"conversation\":\"%s\",\"message\":\"%s\",\"body\":\"CANARY-2\"}",
                    ward.room, id),
            "message");
    lab_run(&ward.lab, 20000);
    before = archive_of(&ward.lab, id);
    edited = archive_of(&ward.lab, edit);
    check_row(before.sealed == 1 && edited.sealed == 1 && archive_of(&ward.lab, before.payload).rows > 0
            && archive_of(&ward.lab, edited.payload).rows > 0,
        "(positive control: a room's message and its edit are in the archive, and their bytes found)", "%zu, %zu",
        before.sealed, edited.sealed);
    retract(ward.anna, ward.room, id);
    lab_run(&ward.lab, 20000);
    after = archive_of(&ward.lab, id);
    check_row(after.sealed == 0 && after.tombstones == 1 && archive_of(&ward.lab, before.payload).rows == 0,
        "DSK I.7-a: after a retraction the room's archive holds a tombstone in its place, and no byte of it",
        "%zu sealed, %zu tombstones", after.sealed, after.tombstones);
    check_row(archive_of(&ward.lab, edit).sealed == 0 && archive_of(&ward.lab, edited.payload).rows == 0,
        "DSK I.7-a: nor of its edits", "%zu", archive_of(&ward.lab, edit).sealed);
    all_show(&ward, "PROTOCOL §5.5: on each member's devices the fact stays", "0,-");
    for (size_t i = 0; i < ward.lab.count; i++)
        check_row(
            party_count(&ward.lab.parties[i], "warning", 0) == 0 && party_count(&ward.lab.parties[i], "gap", 0) == 0,
            "and nobody is warned of anything", "%s", ward.lab.parties[i].jid);
    ward_end(&ward);
}

/* --- it is owed until the room says so --- */

/* What becomes of answers to requests for deletion. */
struct trouble {
    enum { NONE, LOST, BUSY, GONE } kind;
    const char *room;
    size_t touched;
};

static bool erase_answer(struct party *party, struct ks_str *stanza, void *user)
{
    static const char *const errors[] = {
        [BUSY] = "<error type='wait'><internal-server-error", [GONE] = "<error type='cancel'><gone"
    };
    struct trouble *trouble = user;
    size_t at = ks_str_find(*stanza, KS_STR(" id='"));
    static char text[600];
    struct ks_str id;

    (void)party;
    if (trouble->kind == NONE || ks_str_find(*stanza, KS_STR("urn:konsil:erase:0")) == stanza->len)
        return true;
    trouble->touched++;
    if (trouble->kind == LOST || at == stanza->len)
        return false;
    id = ks_str_from(*stanza, at + 5);
    snprintf(text, sizeof(text),
        "<iq type='error' from='%s' id='%.*s'>%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
        trouble->room, (int)ks_str_find_byte(id, '\''), id.ptr, errors[trouble->kind]);
    *stanza = ks_str_z(text);
    return true;
}

static size_t erases_since(const struct party *party, size_t mark)
{
    struct ks_str rest = ks_str_from(ks_buf_str(&party->sent), mark);
    size_t count = 0, at;

    while ((at = ks_str_find(rest, KS_STR("<erase "))) < rest.len) {
        rest = ks_str_from(rest, at + 7);
        count++;
    }
    return count;
}

/* Sends, takes back, and starts again twice: what the first and the second new session ask for. */
static void ask_twice(struct trouble *trouble, uint64_t seed, size_t *ret_first, size_t *ret_second)
{
    struct ward ward;
    const char *id;
    size_t mark;

    ward_begin(&ward, seed);
    ward_room(&ward, "\"" JONAS "\"");
    id = party_send(ward.anna, ward.room, "CANARY");
    lab_run(&ward.lab, 20000);
    trouble->room = ward.room;
    ward.anna->spy = erase_answer;
    ward.anna->spy_user = trouble;
    retract(ward.anna, ward.room, id);
    lab_run(&ward.lab, 20000);
    trouble->kind = NONE;
    mark = ward.anna->sent.len;
    party_crash(ward.anna);
    lab_run(&ward.lab, 20000);
    *ret_first = erases_since(ward.anna, mark);
    mark = ward.anna->sent.len;
    party_crash(ward.anna);
    lab_run(&ward.lab, 20000);
    *ret_second = erases_since(ward.anna, mark);
    check_row(trouble->touched == 1 && archive_of(&ward.lab, id).tombstones == 1,
        "(positive control: the room deleted it, and its answer did not come as it was)", "%zu", trouble->touched);
    ward_end(&ward);
}

static void test_owed(void)
{
    struct trouble lost = { .kind = LOST }, busy = { .kind = BUSY }, gone = { .kind = GONE };
    size_t first, second;

    ask_twice(&lost, 302, &first, &second);
    check_row(first == 1 && second == 0,
        "PROTOCOL §3.4: a room that did not answer is asked again in the next session, until it does", "%zu, %zu",
        first, second);
    ask_twice(&busy, 303, &first, &second);
    check_row(
        first == 1 && second == 0, "RFC 6120 §8.3.2: so is one that cannot now (wait)", "%zu, %zu", first, second);
    ask_twice(&gone, 304, &first, &second);
    check_row(first == 0 && second == 0, "and one that was destroyed, with all that it kept, is not", "%zu, %zu", first,
        second);
}

/* What is said is forgotten after a fortnight; what is owed is not. */
static void test_long(void)
{
    struct trouble lost = { .kind = LOST };
    struct ward ward;
    const char *id;
    size_t mark;

    ward_begin(&ward, 306);
    ward_room(&ward, "\"" JONAS "\"");
    id = party_send(ward.anna, ward.room, "CANARY");
    lab_run(&ward.lab, 20000);
    ward.anna->spy = erase_answer;
    ward.anna->spy_user = &lost;
    retract(ward.anna, ward.room, id);
    lab_run(&ward.lab, 1000LL * 3600 * 24 * 16);
    lost.kind = NONE;
    mark = ward.anna->sent.len;
    party_crash(ward.anna);
    lab_run(&ward.lab, 20000);
    check_row(
        erases_since(ward.anna, mark) == 1, "PROTOCOL §3.4: also after 16 days", "%zu", erases_since(ward.anna, mark));
    ward_end(&ward);
}

/* Who left is no occupant, and her words are her own all the same. */
static void test_left(void)
{
    struct ward ward;
    struct trouble lost = { .kind = LOST };
    const char *id;

    ward_begin(&ward, 305);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    (void)party_send(ward.anna, ward.room, "0");
    id = party_send(ward.jonas, ward.room, "CANARY");
    lab_run(&ward.lab, 20000);
    /* The request itself is lost with the connection; then he is no member any more. */
    ward.jonas->spy = erase_answer;
    ward.jonas->spy_user = &lost;
    retract(ward.jonas, ward.room, id);
    party_cut(ward.jonas);
    lab_run(&ward.lab, 3000);
    check_row(good(ask(ward.jonas, "{\"id\":\"r\",\"cmd\":\"room_leave\",\"room\":\"%s\"}", ward.room)),
        "(a member leaves after he took something back)", "he cannot");
    lost.kind = NONE;
    party_crash(ward.jonas);
    lab_run(&ward.lab, 30000);
    check_row(archive_of(&ward.lab, id).sealed == 0 && archive_of(&ward.lab, id).tombstones == 1,
        "PROTOCOL §3.4: what he wrote there is deleted also when he is no member any more", "%zu sealed",
        archive_of(&ward.lab, id).sealed);
    ward_end(&ward);
}

/* It is sealed when the connection breaks, and nobody has it; it is taken back, and meanwhile others belong to the
 * room, for whom it would have to be sealed again. */
static void test_never_left(void)
{
    struct ward ward;
    const char *id;

    ward_begin(&ward, 307);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    (void)party_send(ward.anna, ward.room, "0");
    lab_run(&ward.lab, 20000);
    ward.anna->cut = true;
    id = party_send(ward.anna, ward.room, "CANARY-1");
    party_cut(ward.anna);
    retract(ward.anna, ward.room, id);
    check_row(removes(ward.anna2, ward.room, MIRA), "(another device of hers removes a member meanwhile)", "it cannot");
    lab_run(&ward.lab, 20000);
    party_reborn(ward.anna);
    ward.anna->cut = false;
    party_connect(ward.anna);
    lab_run(&ward.lab, 60000);
    check_text("PROTOCOL §5.5: what was taken back before it left is sealed for nobody again",
        party_history(ward.jonas, ward.room), "0");
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 60000);
    check_text("and who wrote it goes on", party_history(ward.jonas, ward.room), "0,1");
    check_row(!device_holds(ward.anna, "CANARY"), "DSK I.7-a: no store has a word of it", "one has");
    ward_end(&ward);
}

int main(void)
{
    test_everywhere();
    test_owed();
    test_left();
    test_long();
    test_never_left();
    return check_done();
}
