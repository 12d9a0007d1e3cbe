/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a member, a former member or a stranger makes of a room with an engine that lies: statements that nobody signed,
 * and versions that are not there (doc/PROTOCOL.md §9). */
#include "ward_lies.h"

/* A removal is named and withheld; who is removed shows another statement of that version. */
static void test_other_hash(void)
{
    struct plan plan = { .old_state = true, .hold_room = true, .mute = "from='" ANNA };
    struct ks_room_signed forged;
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 61);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    forged = forge(ward.mira, ward.room, NULL);
    spy_on(ward.jonas, &plan);
    check_row(removes(ward.anna, ward.room, MIRA), "an owner removes a member, and the server hides it", "she cannot");
    lab_run(&ward.lab, 10000);
    plan.hold_room = false;
    (void)party_send(ward.anna2, ward.room, "1");
    lab_run(&ward.lab, 10000);
    check_row(plan.done > 0 && warnings(ward.jonas, "room.behind") == 1, "what a message cites is withheld",
        "%zu dropped, told %zu times", plan.done, warnings(ward.jonas, "room.behind"));
    enclose(ward.mira, JONAS, ward.room, &forged);
    check_row(json_is_true(json_object_get(room_of(ward.jonas, ward.room), "restricted")),
        "who was removed shows a statement of that version that nobody signed", "it does not come");
    mark = ward.jonas->sent.len;
    (void)party_send(ward.jonas, ward.room, "2");
    lab_run(&ward.lab, 60000);
    check_row(!sent_key_to(ward.jonas, mark, MIRA) && !sent_key_to(ward.jonas, mark, ANNA),
        "PROTOCOL §9.3: attack: another statement of the version that was named does not end the wait",
        "she gets a key");
    plan = (struct plan) { .old_state = false };
    party_restart(ward.jonas);
    lab_run(&ward.lab, 100000);
    check_row(sent_key_to(ward.jonas, mark, ANNA) && !sent_key_to(ward.jonas, mark, MIRA),
        "PROTOCOL §9.3: the one that was named does", "it does not");
    ward_end(&ward);
}

/* A statement that nobody signed leaves everybody out but the owner, who would write for herself alone. */
static void test_planted(bool removed)
{
    struct ks_room_signed forged;
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 62);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    if (removed)
        check_row(removes(ward.anna, ward.room, MIRA), "an owner removes a member", "she cannot");
    lab_run(&ward.lab, 20000);
    forged = forge(ward.mira, ward.room, ANNA);
    enclose(ward.mira, ANNA, ward.room, &forged);
    lab_run(&ward.lab, 20000);
    mark = ward.anna->sent.len;
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 20000);
    if (removed) {
        check_row(warnings(ward.anna, "room.unproven") == 0 && sent_key_to(ward.anna, mark, JONAS),
            "PROTOCOL §9.1: attack: a former member's statement silences no room", "%zu times told",
            warnings(ward.anna, "room.unproven"));
        ward_end(&ward);
        return;
    }
    check_row(warnings(ward.anna, "room.unproven") == 1 && !sent_key_to(ward.anna, mark, JONAS),
        "PROTOCOL §9.1: a member's statement that nobody can be proven to have signed restricts", "it does not");
    check_row(
        good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_rename\",\"room\":\"%s\",\"title\":\"Neu\"}", ward.room)),
        "PROTOCOL §9.1: attack: an owner states anew all the same", "she cannot");
    lab_run(&ward.lab, 20000);
    check_row(!json_is_true(json_object_get(room_of(ward.anna, ward.room), "restricted"))
            && json_integer_value(json_object_get(room_of(ward.anna, ward.room), "members")) == 3,
        "PROTOCOL §9.1: which ends it, and leaves nobody out", "it does not");
    mark = ward.anna->sent.len;
    (void)party_send(ward.anna, ward.room, "2");
    lab_run(&ward.lab, 20000);
    check_row(sent_key_to(ward.anna, mark, JONAS), "PROTOCOL §9.1: and everybody gets keys", "he does not");
    ward_end(&ward);
}

/* A statement in an envelope that names no version: nobody waits for it. */
static void slip(struct party *party, const char *to, const char *room, const struct ks_room_signed *one)
{
    tell_lie(party, (struct lie) { .to = to, .content = { .room = ks_str_z(room) }, .enclosed = one });
}

static bool restricted(struct party *party, const char *room)
{
    return json_is_true(json_object_get(room_of(party, room), "restricted"));
}

/* Of two statements in doubt the first leaves somebody out, and the second is all for her: as envelopes bring them, or
 * the server, one after the other or in one answer. */
enum order { TWO_ENVELOPES, TWO_ANSWERS, ONE_ANSWER, ORDERS };

static void plant_two(struct ward *ward, struct plan *plan, enum order order)
{
    struct ks_room_signed without, with;
    struct ks_str texts[2], both;

    without = forge(ward->anna, ward->room, ANNA);
    with = forge_upon(ward->mira, ward->room, NULL, order == ONE_ANSWER ? &without : NULL);
    texts[0] = as_text(&ward->lab, &without);
    texts[1] = as_text(&ward->lab, &with);
    if (order == TWO_ENVELOPES) {
        slip(ward->anna, JONAS, ward->room, &without);
        lab_run(&ward->lab, 200000);
        check_row(restricted(ward->jonas, ward->room), "a statement in doubt leaves somebody out", "it is not held");
        slip(ward->mira, JONAS, ward->room, &with);
        return;
    }
    *plan = (struct plan) { .hold_room = true, .mute = "from='" ANNA, .instead = true, .forged = texts[0] };
    check_row(
        good(ask(ward->anna, "{\"id\":\"r\",\"cmd\":\"room_rename\",\"room\":\"%s\",\"title\":\"Neu\"}", ward->room))
            && ks_arena_join(&ward->lab.kept, texts, 2, &both) == KS_OK,
        "an owner states something, and the server shows other things", "she cannot");
    for (size_t i = order == ONE_ANSWER ? 1 : 0; i < 2; i++) {
        plan->forged = order == ONE_ANSWER ? both : texts[i];
        party_restart(ward->jonas);
        lab_run(&ward->lab, 200000);
    }
}

static void test_two_doubts(enum order order)
{
    static const char *const names[ORDERS] = {
        [TWO_ENVELOPES] = "PROTOCOL §9.1: attack: a second statement in doubt does not lift the first one",
        [TWO_ANSWERS] = "PROTOCOL §9.1: attack: nor if the server shows one after the other",
        [ONE_ANSWER] = "PROTOCOL §9.1: attack: nor if it shows one upon the other",
    };
    struct plan plan = { .old_state = false };
    struct ward ward;
    size_t mark;
    bool held;

    ward_begin(&ward, 69);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    spy_on(ward.jonas, &plan);
    plant_two(&ward, &plan, order);
    lab_run(&ward.lab, 200000);
    held = restricted(ward.jonas, ward.room);
    mark = ward.jonas->sent.len;
    (void)party_send(ward.jonas, ward.room, "1");
    lab_run(&ward.lab, 20000);
    check_row(held && sent_key_to(ward.jonas, mark, ANNA) && !sent_key_to(ward.jonas, mark, MIRA), names[order],
        "restricted: %d; a key for anna: %d, for mira: %d", held, sent_key_to(ward.jonas, mark, ANNA),
        sent_key_to(ward.jonas, mark, MIRA));
    plan = (struct plan) { .old_state = false };
    check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_rename\",\"room\":\"%s\",\"title\":\"X\"}", ward.room)),
        "an owner states anew", "she cannot");
    lab_run(&ward.lab, 60000);
    mark = ward.jonas->sent.len;
    (void)party_send(ward.jonas, ward.room, "2");
    lab_run(&ward.lab, 20000);
    check_row(!restricted(ward.jonas, ward.room) && sent_key_to(ward.jonas, mark, MIRA),
        "PROTOCOL §9.1: which ends both", "it does not");
    ward_end(&ward);
}

/* A statement in doubt is here, and a removal comes whose signer's key does not. */
static void test_doubt_before_key(void)
{
    struct plan plan = { .hold_room = true, .mute = "from='" ANNA };
    struct ks_room_signed forged;
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 70);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    spy_on(ward.jonas, &plan);
    forged = forge(ward.mira, ward.room, NULL);
    slip(ward.mira, JONAS, ward.room, &forged);
    lab_run(&ward.lab, 200000);
    check_row(
        restricted(ward.jonas, ward.room), "a member plants a statement that leaves nobody out", "it is not held");
    plan.no_keys = true;
    check_row(removes(ward.anna2, ward.room, MIRA), "a device that signed nothing before removes her", "it cannot");
    party_give(ward.jonas,
        "<presence from='%s/eve' to='" JONAS "/x'><x xmlns='http://jabber.org/protocol/muc#user'><item "
        "affiliation='member' role='participant' jid='eve@klinik.example/x'/></x></presence>",
        ward.room); /* whose place is looked up in the statements */
    lab_run(&ward.lab, 10000);
    mark = ward.jonas->sent.len;
    (void)party_send(ward.jonas, ward.room, "1");
    lab_run(&ward.lab, 200000);
    check_row(plan.done > 0 && !sent_key_to(ward.jonas, mark, MIRA),
        "PROTOCOL §9.1: attack: which takes nothing from one whose signer's key is on its way", "she gets a key");
    plan = (struct plan) { .old_state = false };
    lab_run(&ward.lab, 200000);
    check_row(sent_key_to(ward.jonas, mark, ANNA) && !sent_key_to(ward.jonas, mark, MIRA)
            && !restricted(ward.jonas, ward.room),
        "PROTOCOL §9.1: when it is here everybody else gets one", "not");
    ward_end(&ward);
}

/* A member names one version after the other that is not there. */
static void test_names_many(void)
{
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 64);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    mark = ward.jonas->sent.len;
    for (uint64_t v = 2; v < 14; v++) {
        struct lie lie = { .to = JONAS, .content = { .room = ks_str_z(ward.room), .room_v = v } };

        lie.content.room_hash[0] = (uint8_t)v;
        tell_lie(ward.mira, lie);
    }
    lab_run(&ward.lab, 60000);
    check_row(warnings(ward.jonas, "room.behind") == 1,
        "PROTOCOL §9.3: attack: who names one version after the other is told of once", "%zu times",
        warnings(ward.jonas, "room.behind"));
    check_row(sent_to(ward.jonas, mark, "to='" ANNA) == 1 && sent_to(ward.jonas, mark, "to='" MIRA) > 0,
        "PROTOCOL §9.3: attack: and the owners are shown once how far we are", "%zu times",
        sent_to(ward.jonas, mark, "to='" ANNA));
    ward_end(&ward);
}

/* The server names so many people that a device cannot remember whom it told of. */
static enum ks_err strangers_step(struct konsil *k, void *arg)
{
    struct ks_group_live *live = KS_CONTAINER(k->groups.live.next, struct ks_group_live, link);
    struct plan *plan = arg;
    char jid[64];

    plan->done = 0;
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(jid, sizeof(jid), "eve%u@klinik.example", i);
        plan->done += ks_group_first_time(live, KS_TOLD_GHOST, ks_str_z(jid));
    }
    return KS_OK;
}

static void test_many_ghosts(void)
{
    struct plan plan = { .old_state = true, .hold_room = true };
    struct ward ward;

    ward_begin(&ward, 72);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    spy_on(ward.jonas, &plan);
    check_row(removes(ward.anna, ward.room, MIRA), "an owner removes a member, and the server hides it", "she cannot");
    lab_run(&ward.lab, 10000);
    if (!ks_step(ward.anna->engine, strangers_step, &plan) || !ks_step(ward.anna2->engine, strangers_step, &plan))
        abort();
    check_row(
        plan.done > 1000 && plan.done <= KS_GROUP_TOLD_MAX, "it invents very many people", "%zu are noted", plan.done);
    (void)party_send(ward.jonas, ward.room, "1");
    lab_run(&ward.lab, 20000);
    check_text("PROTOCOL §9.3: attack: which keeps no owner from showing who is behind what he does not know",
        lines(ward.jonas, ward.room), "founded,removed:mira@");
    ward_end(&ward);
}

/* As if the newest statement were another one. */
static enum ks_err other_step(struct konsil *k, void *arg)
{
    struct forgery *forgery = arg;
    struct ks_room_state state;
    struct ks_group group;
    struct ks_buf data;
    enum ks_err err = ks_group_get(k, ks_str_z(forgery->room), &group);

    if (err != KS_OK)
        return err;
    state = group.newest.state;
    state.t++;
    ks_buf_init(&data, 2 * KS_ROOM_DATA_MAX);
    ks_room_state_write(&state, &data);
    if ((err = ks_buf_err(&data)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&data), &group.newest.data);
    ks_buf_done(&data);
    return err == KS_OK ? ks_group_put(k, &group) : err;
}

/* A member cites one hash after the other. */
static void test_cites_many(void)
{
    struct forgery forgery;
    struct ward ward;

    ward_begin(&ward, 73);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    forgery = (struct forgery) { .lab = &ward.lab, .room = ward.room };
    check_row(
        good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_rename\",\"room\":\"%s\",\"title\":\"Neu\"}", ward.room)),
        "an owner states something", "she cannot");
    lab_run(&ward.lab, 20000);
    for (int i = 0; i < 4; i++) {
        if (!ks_step(ward.mira->engine, other_step, &forgery))
            abort();
        (void)party_send(ward.mira, ward.room, "1");
        lab_run(&ward.lab, 5000);
    }
    check_row(warnings(ward.jonas, "room.forked") == 1,
        "PROTOCOL §9.1: attack: who cites one hash after the other is told of once", "%zu times",
        warnings(ward.jonas, "room.forked"));
    ward_end(&ward);
}

/* The server does not say who a newcomer is, and then it does. */
static void test_unanswered(void)
{
    struct plan plan = { .silent = true, .hold_room = true };
    struct ward ward;

    ward_begin(&ward, 65);
    ward_room(&ward, "\"" JONAS "\"");
    spy_on(ward.jonas, &plan);
    check_row(adds(ward.anna, ward.room, MIRA), "an owner adds a member", "she cannot");
    lab_run(&ward.lab, 20000);
    plan.hold_room = false;
    (void)party_send(ward.mira, ward.room, "1");
    lab_run(&ward.lab, 100000);
    check_row(plan.done > 0, "who she is, is asked, and not answered", "it is not asked");
    plan.silent = false;
    (void)party_send(ward.anna, ward.room, "2");
    lab_run(&ward.lab, 1000000);
    check_text("PROTOCOL §9.3: attack: a question without an answer is asked again, and what waited comes",
        party_history(ward.jonas, ward.room), "1,2");
    ward_end(&ward);
}

int main(void)
{
    test_other_hash();
    test_planted(true);
    test_planted(false);
    for (enum order order = 0; order < ORDERS; order++)
        test_two_doubts(order);
    test_doubt_before_key();
    test_names_many();
    test_many_ghosts();
    test_cites_many();
    test_unanswered();
    return check_done();
}
