/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Welcomes to what is not, with heads of what nobody wrote, and to who is gone (doc/PROTOCOL.md §9.3). */
#include "ward_lies.h"

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

/* How far members are with numberings of a room, as receipts leave it: more than are deleted at once. */
#define HEARD 70
#define OTHER_ROOM "r-other@rooms.klinik.example"

static void put_heard(struct party *party, const char *room, uint32_t count)
{
    struct ks_engine_store *store = party->store;
    struct ks_buf key;

    ks_buf_init(&key, 1024);
    if (store->ops->begin(store) != KS_OK)
        abort();
    for (uint32_t i = 0; i < count; i++) {
        ks_buf_reset(&key);
        ks_buf_byte(&key, 'h');
        ks_buf_z(&key, room);
        ks_buf_byte(&key, 0);
        ks_buf_z(&key, JONAS);
        ks_buf_byte(&key, 0);
        ks_buf_u32(&key, i);
        ks_buf_u64(&key, 1);
        if (ks_buf_err(&key) != KS_OK || store->ops->put(store, KS_T_GROUP, ks_buf_str(&key), KS_STR("x")) != KS_OK)
            abort();
    }
    if (store->ops->commit(store) != KS_OK)
        abort();
    ks_buf_done(&key);
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
    check_row(removes(ward.anna, ward.room, MIRA), "an owner removes a member", "she cannot");
    lab_run(&ward.lab, 20000);
    later = lab_party(&ward.lab, MIRA, "m-password");
    spy_on(later, &plan);
    party_connect(later);
    lab_run(&ward.lab, 20000);
    put_heard(later, ward.room, HEARD);
    put_heard(later, OTHER_ROOM, 1);
    check_row(records_of(later, KS_T_GROUP, ks_str_z(ward.room)) >= HEARD,
        "(a device heard how far members of a room are)", "%zu records",
        records_of(later, KS_T_GROUP, ks_str_z(ward.room)));
    check_row(removes(ward.anna, ward.room, JONAS) && adds(ward.anna, ward.room, MIRA),
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
    check_row(records_of(later, KS_T_GROUP, KS_STR(OTHER_ROOM)) == 1, "and what is stored of another one stays",
        "%zu records", records_of(later, KS_T_GROUP, KS_STR(OTHER_ROOM)));
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
    check_row(adds(ward.anna, ward.room, MIRA), "an owner adds a member, and her server hides it", "she cannot");
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
    check_row(adds(ward.anna, ward.room, MIRA) && plan.done > 0 && !knows_look(ward.mira, ward.room),
        "a welcome waits for keys", "it does not");
    if (removed)
        check_row(removes(ward.anna, ward.room, MIRA), "who is welcomed is removed", "she is not");
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
    test_welcomed_by_stranger();
    test_welcomed_to_the_past();
    test_welcomed_to_another_past();
    test_heads();
    test_removed_meanwhile(false);
    test_removed_meanwhile(true);
    return check_done();
}
