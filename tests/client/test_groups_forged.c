/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a member, a former member or a stranger makes of a room with an engine that lies: statements that nobody signed,
 * versions that are not there, welcomes to what is not (doc/PROTOCOL.md §9). */
#include "engine.h"
#include "envelope.h"
#include "ward.h"
#include "xml_writer.h"

/* --- an engine that says what is not --- */

/* The statement after the newest one that a party knows, or after `upon`: of `only`, or of all members, and as if an
 * owner's device signed it that nobody knows. */
struct forgery {
    struct lab *lab;
    const char *room, *only;
    const struct ks_room_signed *upon;
    struct ks_room_signed one;
};

static enum ks_err forge_step(struct konsil *k, void *arg)
{
    static const uint8_t signature[KS_P256_SIGNATURE_LEN] = { 1 };
    struct forgery *forgery = arg;
    struct ks_room_signed *one = &forgery->one;
    struct ks_room_known known;
    struct ks_room_state state;
    struct ks_group group;
    struct ks_buf data;
    enum ks_err err = ks_group_get(k, ks_str_z(forgery->room), &group);

    if (err != KS_OK)
        return err;
    ks_group_known(&group, &known);
    if (forgery->upon) {
        known = (struct ks_room_known) { .newest = &forgery->upon->state };
        memcpy(known.newest_hash, forgery->upon->hash, KS_ROOM_HASH_LEN);
    }
    state = group.newest.state;
    ks_room_follow(&known, &state);
    state.t++;
    for (size_t i = 0; forgery->only && i < state.member_count; i++)
        if (ks_str_is(state.members[i].jid, forgery->only)) {
            state.members += i;
            state.member_count = 1;
        }
    ks_buf_init(&data, 2 * KS_ROOM_DATA_MAX);
    ks_room_state_write(&state, &data);
    *one = (struct ks_room_signed) { .signer = KS_STR(ANNA), .device = 4242 };
    if ((err = ks_buf_err(&data)) == KS_OK
        && (err = ks_arena_copy(&forgery->lab->kept, ks_buf_str(&data), &one->data)) == KS_OK)
        err = ks_room_state_read(&forgery->lab->kept, one->data, &one->state);
    ks_buf_done(&data);
    one->signature = ks_str(signature, sizeof(signature));
    ks_room_state_hash(one->data, one->hash);
    return err;
}

static struct ks_room_signed forge_upon(
    struct party *party, const char *room, const char *only, const struct ks_room_signed *upon)
{
    struct forgery forgery = { .lab = party->lab, .room = room, .only = only, .upon = upon };

    if (!ks_step(party->engine, forge_step, &forgery))
        abort();
    return forgery.one;
}

static struct ks_room_signed forge(struct party *party, const char *room, const char *only)
{
    return forge_upon(party, room, only, NULL);
}

struct lie {
    const char *to;
    struct ks_content content;
    const struct ks_room_signed *enclosed;
};

static enum ks_err lie_step(struct konsil *k, void *arg)
{
    struct lie *lie = arg;
    struct ks_str id;

    if (lie->enclosed && !(lie->content.room_statement = ks_room_signed_write(&k->arena, lie->enclosed)))
        return KS_ENOMEM;
    lie->content.says = KS_SAYS_ROOM;
    return ks_outbox_add(k, ks_str_z(lie->to), &lie->content, &id);
}

/* It goes out as whatever else this engine says. */
static void tell_lie(struct party *party, struct lie lie)
{
    if (!ks_step(party->engine, lie_step, &lie))
        abort();
    lab_run(party->lab, 10000);
}

static void enclose(struct party *party, const char *to, const char *room, const struct ks_room_signed *one)
{
    struct lie lie = { .to = to, .content = { .room = ks_str_z(room), .room_v = one->state.v }, .enclosed = one };

    memcpy(lie.content.room_hash, one->hash, KS_ROOM_HASH_LEN);
    tell_lie(party, lie);
}

static struct ks_str as_text(struct lab *lab, const struct ks_room_signed *one)
{
    struct ks_xml *statement = ks_room_signed_write(&lab->kept, one);
    struct ks_str text;
    struct ks_buf bytes;

    ks_buf_init(&bytes, 2 * KS_ROOM_DATA_MAX);
    if (statement)
        ks_xml_write(&bytes, statement, KS_STR_EMPTY);
    if (!statement || ks_buf_err(&bytes) != KS_OK || ks_arena_copy(&lab->kept, ks_buf_str(&bytes), &text) != KS_OK)
        abort();
    ks_buf_done(&bytes);
    return text;
}

/* --- the server of one party, which helps --- */

struct plan {
    bool old_state;       /* no statement is served */
    bool hold_room;       /* nothing said in rooms comes */
    bool silent;          /* nor are they answered */
    const char *mute;     /* nothing that this account writes to ours comes */
    struct ks_str forged; /* of the room's statements only the first is served, and these upon it */
    bool instead;         /* … or these alone */
    bool no_keys;         /* no signing key comes */
    size_t done;
};

static bool has(struct ks_str stanza, const char *text)
{
    return ks_str_find(stanza, ks_str_z(text)) < stanza.len;
}

static bool spy(struct party *party, struct ks_str *stanza, void *user)
{
    struct plan *plan = user;
    struct ks_str head = ks_str_head(*stanza, ks_str_find_byte(*stanza, '>')), joined;
    size_t at = ks_str_find(*stanza, KS_STR("<statement>"));

    if ((plan->mute && has(head, plan->mute) && has(head, "type='chat'"))
        || (plan->hold_room && has(*stanza, "type='groupchat'"))) {
        plan->done++;
        return false;
    }
    if ((plan->silent && has(*stanza, "<statements")) || (plan->no_keys && has(*stanza, "urn:konsil:device-key:0"))) {
        plan->done++;
        return false;
    }
    if (!has(*stanza, "<statements") || at == stanza->len)
        return true;
    if (plan->forged.len > 0) {
        at = plan->instead ? at : ks_str_find(*stanza, KS_STR("</statement>")) + strlen("</statement>");
        plan->done++;
        if (ks_arena_join(&party->lab->kept,
                (struct ks_str[]) { ks_str_head(*stanza, at), plan->forged, KS_STR("</statements></iq>") }, 3, &joined)
            == KS_OK)
            *stanza = joined;
        return true;
    }
    if (!plan->old_state)
        return true;
    plan->done++;
    if (ks_arena_join(
            &party->lab->kept, (struct ks_str[]) { ks_str_head(*stanza, at), KS_STR("</statements></iq>") }, 2, &joined)
        == KS_OK)
        *stanza = joined;
    return true;
}

static void spy_on(struct party *party, struct plan *plan)
{
    party->spy = spy;
    party->spy_user = plan;
}

static bool removes_mira(struct ward *ward)
{
    return good(
        ask(ward->anna, "{\"id\":\"r\",\"cmd\":\"room_remove\",\"room\":\"%s\",\"member\":\"" MIRA "\"}", ward->room));
}

/* --- what is tried --- */

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
    check_row(removes_mira(&ward), "an owner removes a member, and the server hides it", "she cannot");
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
        check_row(removes_mira(&ward), "an owner removes a member", "she cannot");
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
    check_row(good(ask(ward.anna2, "{\"id\":\"r\",\"cmd\":\"room_remove\",\"room\":\"%s\",\"member\":\"" MIRA "\"}",
                  ward.room)),
        "a device that signed nothing before removes her", "it cannot");
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

/* Records of a table whose keys name a room. */
struct count {
    struct ks_str room;
    size_t records;
};

static bool count_record(void *user, struct ks_str key, struct ks_str value)
{
    struct count *count = user;

    (void)value;
    count->records += ks_str_find(key, count->room) < key.len;
    return true;
}

static size_t records_of(struct party *party, enum ks_table table, struct ks_str room)
{
    struct count count = { .room = room };

    if (party->store->ops->scan(party->store, table, KS_STR_EMPTY, KS_STR_EMPTY, false, count_record, &count) != KS_OK)
        abort();
    return count.records;
}

/* A room that only one who lies knows of: hers, with Anna in it. */
static enum ks_err invent_step(struct konsil *k, void *arg)
{
    struct ks_room_entry members[] = { { .jid = KS_STR(ANNA) }, { .jid = KS_STR(MIRA), .owner = true } };
    struct ks_room_state state = {
        .members = members, .member_count = 2, .history = KS_ROOM_JOIN, .keep = KS_ROOM_90D, .t = 1
    };
    struct ks_group group = { .flags = 0 };
    struct forgery *forgery = arg;
    struct ks_buf data;
    enum ks_err err = ks_room_state_found(&forgery->lab->kept, &state, KS_STR("rooms.klinik.example"));

    if (err != KS_OK)
        return err;
    ks_buf_init(&data, 2 * KS_ROOM_DATA_MAX);
    ks_room_state_write(&state, &data);
    if ((err = ks_buf_err(&data)) == KS_OK
        && (err = ks_arena_copy(&forgery->lab->kept, ks_buf_str(&data), &group.newest.data)) == KS_OK)
        err = ks_room_state_read(&forgery->lab->kept, group.newest.data, &forgery->one.state);
    ks_buf_done(&data);
    group.room = state.room;
    return err == KS_OK ? ks_group_put(k, &group) : err;
}

static struct ks_str invent(struct party *party)
{
    struct forgery forgery = { .lab = party->lab };

    if (!ks_step(party->engine, invent_step, &forgery))
        abort();
    return forgery.one.state.room;
}

/* Somebody welcomes to a room that is not there, with heads of devices that he made up. */
static void test_welcomed_by_stranger(void)
{
    struct ks_ack_range heads[40];
    struct ks_str invented;
    struct ward ward;

    ward_begin(&ward, 63);
    ward_room(&ward, "\"" JONAS "\"");
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 10000);
    check_row(records_of(ward.jonas, KS_T_CHAIN, ks_str_z(ward.room)) > 0, "control: numbers of a room are found",
        "they are not");
    for (size_t i = 0; i < KS_COUNT(heads); i++)
        heads[i] = (struct ks_ack_range) { .jid = KS_STR(JONAS), .device = (uint32_t)i + 1, .epoch = 7, .to = 1000000 };
    invented = invent(ward.mira);
    tell_lie(ward.mira,
        (struct lie) { .to = ANNA,
            .content = { .room = invented, .room_v = 1, .ranges = heads, .range_count = KS_COUNT(heads) } });
    check_row(records_of(ward.anna, KS_T_GROUP, invented) == 1, "a stranger's welcome comes", "%zu records",
        records_of(ward.anna, KS_T_GROUP, invented));
    check_row(records_of(ward.anna, KS_T_CHAIN, invented) == 0,
        "PROTOCOL §9.3: attack: nothing comes of its heads before the room proved it", "%zu records",
        records_of(ward.anna, KS_T_CHAIN, invented));
    ward_end(&ward);
}

/* A device is welcomed, and its server shows what was long before, with a statement upon it that nobody signed. */
static void test_welcomed_to_the_past(void)
{
    struct plan plan = { .hold_room = true };
    struct ks_room_signed forged;
    char lifetime[160];
    struct party *later;
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 67);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    forged = forge(ward.anna, ward.room, NULL);
    plan.forged = as_text(&ward.lab, &forged);
    check_row(removes_mira(&ward), "an owner removes a member", "she cannot");
    lab_run(&ward.lab, 20000);
    later = lab_party(&ward.lab, MIRA, "m-password");
    spy_on(later, &plan);
    party_connect(later);
    lab_run(&ward.lab, 20000);
    check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_remove\",\"room\":\"%s\",\"member\":\"" JONAS "\"}",
                  ward.room))
            && good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_add\",\"room\":\"%s\",\"members\":[\"" MIRA "\"]}",
                ward.room)),
        "and another one, and welcomes the first again", "she cannot");
    lab_run(&ward.lab, 60000);
    check_row(plan.done > 0 && warnings(later, "room.withheld") == 1,
        "PROTOCOL §9.3: a welcome that the room's chain does not bear out is told", "%zu answers, told %zu times",
        plan.done, warnings(later, "room.withheld"));
    check_row(
        has(ks_buf_str(&later->sent), "<presence type='unavailable' to='r-"), "and the room is left", "it is not");
    check_row(records_of(ward.anna, KS_T_GROUP, ks_str_z(ward.room)) > 4, "control: what is stored of a room is found",
        "%zu records", records_of(ward.anna, KS_T_GROUP, ks_str_z(ward.room)));
    check_row(records_of(later, KS_T_GROUP, ks_str_z(ward.room)) == 0,
        "attack: a false welcome leaves nothing in the store", "%zu records",
        records_of(later, KS_T_GROUP, ks_str_z(ward.room)));
    snprintf(lifetime, sizeof(lifetime), "lifetime %s", ward.room);
    check_row(records_of(ward.mira, KS_T_META, ks_str_z(lifetime)) == 1
            && records_of(later, KS_T_META, ks_str_z(lifetime)) == 0,
        "nor how long its server keeps messages, as where it is known", "%zu and %zu records",
        records_of(ward.mira, KS_T_META, ks_str_z(lifetime)), records_of(later, KS_T_META, ks_str_z(lifetime)));
    mark = later->sent.len;
    (void)party_send(later, ward.room, "1");
    lab_run(&ward.lab, 30000);
    check_row(!room_of(later, ward.room) && !sent_key_to(later, mark, JONAS),
        "PROTOCOL §9.3: attack: and a forged statement at its end does not keep the room", "there %d, he gets a key %d",
        room_of(later, ward.room) != NULL, sent_key_to(later, mark, JONAS));
    ward_end(&ward);
}

static bool add_mira(struct ward *ward)
{
    return good(
        ask(ward->anna, "{\"id\":\"r\",\"cmd\":\"room_add\",\"room\":\"%s\",\"members\":[\"" MIRA "\"]}", ward->room));
}

/* What is true of it, as somebody knows it. */
static enum ks_err truth_step(struct konsil *k, void *arg)
{
    struct ks_content *content = arg;
    struct ks_group group;
    enum ks_err err = ks_group_get(k, content->room, &group);

    content->room_v = group.newest.state.v;
    memcpy(content->room_hash, group.newest.hash, sizeof(content->room_hash));
    return err;
}

/* An owner names another statement of a version that the room has long left behind, and then tells the truth. */
static void test_welcomed_to_another_past(void)
{
    struct plan plan = { .hold_room = true, .mute = "from='" ANNA };
    struct lie lie = { .to = MIRA };
    struct ward ward;

    ward_begin(&ward, 68);
    ward_room(&ward, "\"" JONAS "\"");
    spy_on(ward.mira, &plan);
    spy_on(ward.mira2, &plan);
    check_row(add_mira(&ward), "an owner adds a member, and her server hides it", "she cannot");
    for (int i = 0; i < 2; i++)
        check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_rename\",\"room\":\"%s\",\"title\":\"%d\"}",
                      ward.room, i)),
            "and states twice more", "she cannot");
    lab_run(&ward.lab, 20000);
    plan = (struct plan) { .old_state = false };
    lie.content = (struct ks_content) { .room = ks_str_z(ward.room), .room_v = 1, .room_hash = { 1 } };
    tell_lie(ward.anna, lie);
    check_row(warnings(ward.mira, "room.withheld") == 1,
        "PROTOCOL §9.3: a welcome's version is in the room's chain with that hash, however long ago", "told %zu times",
        warnings(ward.mira, "room.withheld"));
    if (!ks_step(ward.anna->engine, truth_step, &lie.content))
        abort();
    tell_lie(ward.anna, lie);
    check_row(json_integer_value(json_object_get(room_of(ward.mira, ward.room), "members")) == 3,
        "PROTOCOL §9.3: and one that is not keeps none out that is", "it does");
    ward_end(&ward);
}

/* Messages that a party sent to one account, from a place on. */
static size_t sent_to(const struct party *party, size_t from, const char *jid)
{
    struct ks_str sent = ks_str_from(ks_buf_str(&party->sent), from);
    size_t count = 0;

    for (;;) {
        size_t at = ks_str_find(sent, KS_STR("<message ")), end;
        struct ks_str head;

        if (at == sent.len)
            return count;
        sent = ks_str_from(sent, at);
        end = ks_str_find_byte(sent, '>');
        head = ks_str_head(sent, end);
        count += has(head, jid) && has(head, "type='chat'");
        sent = ks_str_from(sent, end);
    }
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

/* An owner sends heads of devices that are not there: of a member, or of anybody. */
static void test_heads(void)
{
    struct ks_ack_range heads[40];
    struct ward ward;
    size_t before;

    ward_begin(&ward, 71);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    before = records_of(ward.jonas, KS_T_CHAIN, ks_str_z(ward.room));
    for (uint32_t i = 0; i < 14; i++) {
        struct lie lie = { .to = JONAS,
            .content = { .room = ks_str_z(ward.room), .ranges = heads, .range_count = KS_COUNT(heads) } };

        for (uint32_t j = 0; j < KS_COUNT(heads); j++)
            heads[j] = (struct ks_ack_range) { .jid = i > 0 ? KS_STR(MIRA) : KS_STR("eve@klinik.example"),
                .device = 64 * i + j + 1,
                .epoch = 7,
                .to = 9 };
        tell_lie(ward.anna, lie);
        if (i == 0)
            check_row(records_of(ward.jonas, KS_T_CHAIN, ks_str_z(ward.room)) == before,
                "PROTOCOL §9.3: attack: heads of who is no member count for nothing", "%zu records more",
                records_of(ward.jonas, KS_T_CHAIN, ks_str_z(ward.room)) - before);
    }
    check_row(records_of(ward.jonas, KS_T_CHAIN, ks_str_z(ward.room)) > before
            && records_of(ward.jonas, KS_T_CHAIN, ks_str_z(ward.room)) <= before + KS_GROUP_HEADS_MAX,
        "PROTOCOL §9.3: attack: heads of devices that are not there are kept up to a bound", "%zu records more",
        records_of(ward.jonas, KS_T_CHAIN, ks_str_z(ward.room)) - before);
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
    check_row(removes_mira(&ward), "an owner removes a member, and the server hides it", "she cannot");
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
    check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_add\",\"room\":\"%s\",\"members\":[\"" MIRA "\"]}",
                  ward.room)),
        "an owner adds a member", "she cannot");
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

/* What somebody welcomed a party with. */
struct look {
    const char *room;
    size_t len;
};

static enum ks_err look_step(struct konsil *k, void *arg)
{
    struct look *look = arg;
    struct ks_group group;
    enum ks_err err = ks_group_get(k, ks_str_z(look->room), &group);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    look->len = group.look.len + group.pending_look.len;
    for (size_t i = 0; i < group.welcome_count; i++)
        look->len += group.welcomes[i].look.len;
    return KS_OK;
}

static bool knows_look(struct party *party, const char *room)
{
    struct look look = { .room = room };

    if (!ks_step(party->engine, look_step, &look))
        abort();
    return look.len > 0;
}

static bool spy_keys(struct party *party, struct ks_str *stanza, void *user)
{
    struct plan *plan = user;

    (void)party;
    if (!plan->mute || !has(*stanza, plan->mute) || !has(*stanza, "<iq"))
        return true;
    plan->done++;
    return false;
}

/* A welcome waits for keys, and who is welcomed is removed meanwhile. */
static void test_removed_meanwhile(bool removed)
{
    struct plan plan = { .mute = "from='" MIRA };
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 66);
    ward_room(&ward, "\"" JONAS "\"");
    mark = ward.anna->sent.len;
    ward.anna->spy = spy_keys;
    ward.anna->spy_user = &plan;
    check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_add\",\"room\":\"%s\",\"members\":[\"" MIRA "\"]}",
                  ward.room))
            && plan.done > 0 && !knows_look(ward.mira, ward.room),
        "a welcome waits for keys", "it does not");
    if (removed)
        check_row(removes_mira(&ward), "who is welcomed is removed", "she is not");
    plan.mute = NULL;
    lab_run(&ward.lab, 1500000);
    if (removed)
        check_row(sent_to(ward.anna, mark, "to='" MIRA) == 1,
            "PROTOCOL §9.3: attack: and gets the statement that removes her, and no welcome", "%zu messages",
            sent_to(ward.anna, mark, "to='" MIRA));
    else
        check_row(knows_look(ward.mira, ward.room), "PROTOCOL §9.3: control: a member gets one with the look", "not");
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
    test_welcomed_by_stranger();
    test_welcomed_to_the_past();
    test_welcomed_to_another_past();
    test_names_many();
    test_heads();
    test_many_ghosts();
    test_cites_many();
    test_unanswered();
    test_removed_meanwhile(false);
    test_removed_meanwhile(true);
    return check_done();
}
